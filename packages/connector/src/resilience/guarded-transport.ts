import type { Failure, SteadyClock } from '@tenon/model';
import type { ConnectorFailureCode } from '../failure-codes.ts';
import { GrantGuard, type Grants } from '../grants.ts';
import type { OperationDefaults } from '../manifest.ts';
import type { OperationPlan } from '../operation-plan.ts';
import { type CallRequest, type CallResult, calledOff, failedCall, type Transport } from '../transport.ts';
import { Breaker, type BreakerState, type BreakerTurn } from './breaker.ts';
import type { QuotaUse } from './call-window.ts';
import { type DeprecationNotice, deprecationOf } from './deprecation.ts';
import { Bulkhead } from './in-flight.ts';
import { Quota } from './quota.ts';
import { RetryBudget } from './retry-budget.ts';
import type { QuotaSharing, SharedPlace } from './shared-quota.ts';
import { Watchdog } from './watchdog.ts';

export interface GuardOptions {
  readonly clock: SteadyClock;
  /** Name of the connection, for messages. */
  readonly connection: string;
  /** What each pipeline may do over the connection. `all` is for tools that hold a connector to its contract. */
  readonly grants: Grants | 'all';
  /** Scopes of the identity whose credentials the connection holds; absent: not known, so not checked. */
  readonly scopes?: readonly string[] | undefined;
  /** The quota is that of an account which other processes use as well. */
  readonly quota?: QuotaSharing | undefined;
  /** What `snapshot()` gave before a restart: an open breaker stays open, a hold is kept. */
  readonly snapshot?: GuardSnapshot;
  /** Told when the breaker changes state. Must not throw. */
  readonly onBreaker?: (state: BreakerState) => void;
  /** Told once for each operation whose answers announce its end (C89). Must not throw. */
  readonly onDeprecation?: (operation: string, notice: DeprecationNotice) => void;
}

/** What is known of a dependency, for the operator. */
export interface GuardState {
  readonly breaker: BreakerState;
  readonly inFlight: number;
  readonly waiting: number;
  /** Calls are held until then, as the other side asked (epoch ms). */
  readonly heldUntilMs?: number;
}

/** JSON; kept across a restart by whoever made the transport. */
export interface GuardSnapshot {
  readonly breaker?: unknown;
  readonly heldUntilMs?: number;
  /** When that was asked for. Absent in a snapshot of an earlier version. */
  readonly heldSinceMs?: number;
  readonly used?: QuotaUse;
  readonly retries?: unknown;
}

export interface GuardedTransport extends Transport {
  state(): GuardState;
  snapshot(): GuardSnapshot;
  /** Takes up where `snapshot` left off, before the first call. What is no snapshot is left aside. */
  restore(snapshot: unknown): void;
}

/**
 * A transport that keeps to what its manifest declares for the whole connection: a quota (fed by the answers' own rate
 * limit headers), calls in flight, and a breaker; and to what the connection is granted (C87, C88). A call outside its
 * grant is refused; then it passes the breaker, which fails it fast; then it waits its turn, up to its own timeout and
 * never past its deadline. What is refused here has not been sent. A transport keeps its operation's timeout; one that has not answered
 * 15 s after it is given up, its places with it, and may have sent something. Messages name an operation as a step's `call` does, by the
 * connection: two of one connector are two systems.
 */
export function guardedTransport(
  inner: Transport,
  policy: OperationDefaults,
  options: GuardOptions,
): GuardedTransport {
  const { clock, connection } = options;
  let breaker: Breaker;
  let quota: Quota;
  let retries: RetryBudget;
  begin(options.snapshot ?? {});
  const announced = new Set<string>();
  const grants = new GrantGuard(connection, options.grants);
  const bulkhead = new Bulkhead(policy.inFlightMax, clock);
  const renamed = new WeakMap<OperationPlan, OperationPlan>();
  const watchdog = new Watchdog(clock);

  return {
    call,
    close: () => {
      watchdog.stop();
      return inner.close();
    },
    state: () => ({
      breaker: breaker.state,
      inFlight: bulkhead.inFlight,
      waiting: bulkhead.waiting + quota.waiting,
      ...(quota.heldUntilMs !== undefined && { heldUntilMs: quota.heldUntilMs }),
    }),
    snapshot: () => ({
      breaker: breaker.snapshot(),
      ...(quota.heldUntilMs !== undefined && {
        heldUntilMs: quota.heldUntilMs,
        heldSinceMs: quota.heldSinceMs,
      }),
      ...(quota.used !== undefined && { used: quota.used }),
      retries: retries.snapshot(),
    }),
    restore: (snapshot) => begin(isSnapshot(snapshot) ? snapshot : {}),
  };

  function begin(snapshot: GuardSnapshot): void {
    breaker = new Breaker(policy.breaker, clock, snapshot.breaker, options.onBreaker);
    quota = new Quota(policy.rateLimit, clock, snapshot, options.quota);
    retries = new RetryBudget(policy.retryBudget, clock, snapshot.retries);
  }

  async function call(asked: CallRequest): Promise<CallResult> {
    const called = ofConnection(asked.operation);
    const request = called === asked.operation ? asked : { ...asked, operation: called };
    const operation = grants.admit(request);
    if ('delivery' in operation) return failedCall(operation);
    const denied = denial(operation);
    if (denied !== undefined) return failedCall(denied);
    // Another transport would send the rest of the call and leave the body behind.
    if ((request.send ?? request.receive) !== undefined && operation.transport !== 'http')
      return failedCall(
        notSent(
          'validation',
          'HTTP_BODY_UNSTREAMABLE',
          `${operation.name} is not over HTTP, so no body of it can be streamed`,
          0,
        ),
      );
    const admitted = operation === request.operation ? request : { ...request, operation };
    const open = breaker.refusal();
    if (open !== undefined) return postponed(openFailure(open));
    const counted = retries.take(request.isRetry === true);
    if (typeof counted === 'number') return postponed(retryFailure(counted));
    const patienceMs = Math.min(
      request.operation.timeoutMs,
      (request.deadlineAt ?? Number.POSITIVE_INFINITY) - clock.now(),
    );
    let isSent = false;
    try {
      const result = await inLine(admitted, clock.steady() + patienceMs, () => {
        isSent = true;
      });
      if (isSent) announce(asked.operation.name, result);
      return result;
    } finally {
      if (!isSent) retries.takeBack(counted);
    }
  }

  /** Through all lines, until `untilMs` of `steady`; `sends` is told as it leaves the last one. */
  async function inLine(request: CallRequest, untilMs: number, sends: () => void): Promise<CallResult> {
    const late = await quota.take(untilMs, request.signal);
    if (late !== undefined) return postponed(quotaFailure(late));
    let isSent = false;
    let turn: BreakerTurn | undefined;
    let result: CallResult | undefined;
    let place: SharedPlace | undefined;
    let release = await bulkhead.enter(untilMs, request.signal);
    try {
      if (release === undefined) return postponed(busyFailure());
      for (;;) {
        if (quota.isHeld) {
          const held = await quota.held(untilMs, request.signal);
          if (held !== undefined) return postponed(quotaFailure(held));
          // Another answer may have come since.
          continue;
        }
        // Read once: a breaker that lets go between two readings would let a call through that is not counted.
        const atMs = clock.steady();
        if (quota.isShared && place === undefined && breaker.isPassable(atMs)) {
          // For all processes it is counted as late as may be: taken before it stood in lines, a place would be of a window that is over by then.
          const taken = await quota.share();
          const waitMs = typeof taken === 'number' ? taken : 0;
          if (typeof taken !== 'number') place = taken;
          // The store takes its time as well.
          if (clock.steady() > untilMs) return postponed(quotaFailure(waitMs));
          // Others may have opened the breaker meanwhile, or been asked to leave the other side alone.
          if (place !== undefined) continue;
          // Who waits for a window is in nobody's way.
          release();
          release = undefined;
          if (!(await quota.waits(waitMs, untilMs, request.signal))) return postponed(quotaFailure(waitMs));
          release = await bulkhead.enter(untilMs, request.signal);
          if (!release) return postponed(busyFailure());
          continue;
        }
        const entered = breaker.enter(atMs);
        if (typeof entered === 'function') {
          turn = entered;
          break;
        }
        if (entered === 'open') return postponed(openFailure(breaker.refusal() ?? 0));
        if (!(await breaker.changes(untilMs, request.signal))) return postponed(openFailure(0));
      }
      // It may have stood in line for seconds. Nothing is awaited from its turn to the transport.
      if (request.isCalledOff?.() === true) return calledOff;
      isSent = true;
      sends();
      quota.leave(true);
      place?.leave(true);
      result = await answer(request);
      quota.learn(result);
      return result;
    } finally {
      if (!isSent) {
        quota.leave(false);
        place?.leave(false);
      }
      turn?.(result);
      release?.();
    }
  }

  function answer(request: CallRequest): Promise<CallResult> {
    const given = inner.call(request);
    // What is streamed takes as long as bytes come, and HTTP alone streams: that transport bounds it.
    if ((request.send ?? request.receive) !== undefined) return given;
    return watchdog.bound(given, request.operation.timeoutMs + STUCK_GRACE_MS, {
      came: (result): CallResult => result,
      failed: (error) => {
        throw error;
      },
      late: () => failedCall(stuckFailure(request.operation)),
    });
  }

  /** The same object each time: transports keep what they make of an operation by its identity. */
  function ofConnection(operation: OperationPlan): OperationPlan {
    const name = `${connection}.${operation.operation}`;
    if (operation.name === name) return operation;
    const made = renamed.get(operation) ?? { ...operation, name };
    renamed.set(operation, made);
    return made;
  }

  function announce(operation: string, result: CallResult): void {
    if (!result.ok || options.onDeprecation === undefined || announced.has(operation)) return;
    const notice = deprecationOf(result.headers);
    if (notice === undefined) return;
    announced.add(operation);
    options.onDeprecation(operation, notice);
  }

  function denial(operation: OperationPlan): Failure | undefined {
    const lacking = options.scopes && operation.scopes.find((scope) => !options.scopes?.includes(scope));
    if (lacking === undefined) return undefined;
    return notSent(
      'permission',
      'SCOPE_NOT_HELD',
      `${operation.name} needs ${lacking}, which the identity of connection ${connection} does not hold`,
      0,
    );
  }

  function openFailure(retryAfterMs: number): Failure {
    return notSent(
      'transient',
      'CONNECTION_BREAKER_OPEN',
      `connection ${connection} is failing and is left alone for a while`,
      retryAfterMs,
    );
  }

  function quotaFailure(retryAfterMs: number): Failure {
    return notSent(
      'rateLimited',
      'CONNECTION_QUOTA_SPENT',
      `the quota of connection ${connection} is spent`,
      retryAfterMs,
    );
  }

  function retryFailure(retryAfterMs: number): Failure {
    return notSent(
      'transient',
      'CONNECTION_RETRIES_SPENT',
      `too many calls over connection ${connection} are retries already`,
      retryAfterMs,
    );
  }

  function stuckFailure({ name, timeoutMs }: OperationPlan): Failure {
    return {
      class: 'timeout',
      code: 'CONNECTION_CALL_STUCK' satisfies ConnectorFailureCode,
      message: `the transport of connection ${connection} did not answer ${name} within its ${timeoutMs} ms, nor ${STUCK_GRACE_MS / 1_000} s later`,
      delivery: 'lost',
    };
  }

  function busyFailure(): Failure {
    return notSent(
      'transient',
      'CONNECTION_BUSY',
      `connection ${connection} has ${policy.inFlightMax} calls in flight and no turn came in time`,
      0,
    );
  }
}

/** How much longer than its timeout a transport may take before it is given up: a connector's own may fetch a credential besides. */
export const STUCK_GRACE_MS = 15_000;

/** How long after it was asked for a call is over, at most: it may stand in lines for its timeout, and is then given that again. */
export function callTakesMs({ timeoutMs }: Pick<OperationPlan, 'timeoutMs'>): number {
  return 2 * timeoutMs;
}

function notSent(
  failureClass: Failure['class'],
  code: ConnectorFailureCode,
  what: string,
  retryAfterMs: number,
): Failure {
  return {
    class: failureClass,
    code,
    message: `${what}; nothing was sent`,
    delivery: 'notSent',
    ...(retryAfterMs > 0 && { retryAfterMs }),
  };
}

/** It waits for the connection, not for the other side: no attempt was made. */
function postponed(failure: Failure): CallResult {
  return { ok: false, failure, postponed: true };
}

function isSnapshot(value: unknown): value is GuardSnapshot {
  if (typeof value !== 'object' || value === null) return false;
  const times = ['heldUntilMs', 'heldSinceMs'].map((name): unknown => Reflect.get(value, name));
  const used: unknown = Reflect.get(value, 'used');
  return (
    times.every((atMs) => atMs === undefined || typeof atMs === 'number') &&
    (used === undefined || (typeof used === 'object' && used !== null))
  );
}
