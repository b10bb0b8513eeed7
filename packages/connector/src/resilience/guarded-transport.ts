import type { Clock, Failure } from '@tenon/model';
import type { ConnectorFailureCode } from '../failure-codes.ts';
import type { OperationDefaults } from '../manifest.ts';
import { type CallRequest, type CallResult, calledOff, type Transport } from '../transport.ts';
import { Breaker, type BreakerState } from './breaker.ts';
import { type DeprecationNotice, deprecationOf } from './deprecation.ts';
import { Bulkhead } from './in-flight.ts';
import { Quota } from './quota.ts';

export interface GuardOptions {
  readonly clock: Clock;
  /** Name of the connection, for messages. */
  readonly connection: string;
  /** Operations that the connection may be used for; absent: all of the manifest's. */
  readonly grants?: readonly string[] | undefined;
  /** Scopes of the identity whose credentials the connection holds; absent: not known, so not checked. */
  readonly scopes?: readonly string[] | undefined;
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
}

export interface GuardedTransport extends Transport {
  state(): GuardState;
  snapshot(): GuardSnapshot;
}

/**
 * A transport that keeps to what its manifest declares for the whole connection: a quota (fed by the answers' own rate
 * limit headers), calls in flight, and a breaker; and to what the connection is granted (C87, C88). A call outside its
 * grant is refused; then it passes the breaker, which fails it fast; then it waits its turn, up to its own timeout and
 * never past its deadline. What is refused here has not been sent.
 */
export function guardedTransport(
  inner: Transport,
  policy: OperationDefaults,
  options: GuardOptions,
): GuardedTransport {
  const { clock, connection } = options;
  const breaker = new Breaker(policy.breaker, clock, options.snapshot?.breaker, options.onBreaker);
  const quota = new Quota(policy.rateLimit, clock, options.snapshot?.heldUntilMs);
  const announced = new Set<string>();
  const bulkhead = new Bulkhead(policy.inFlightMax, clock);

  return {
    call,
    close: () => inner.close(),
    state: () => ({
      breaker: breaker.state,
      inFlight: bulkhead.inFlight,
      waiting: bulkhead.waiting + quota.waiting,
      ...(quota.heldUntilMs !== undefined && { heldUntilMs: quota.heldUntilMs }),
    }),
    snapshot: () => ({
      breaker: breaker.snapshot(),
      ...(quota.heldUntilMs !== undefined && { heldUntilMs: quota.heldUntilMs }),
    }),
  };

  async function call(request: CallRequest): Promise<CallResult> {
    const denied = denial(request);
    if (denied !== undefined) return refused(denied);
    const patientUntilMs = Math.min(
      clock.now() + request.operation.timeoutMs,
      request.deadlineAt ?? Number.POSITIVE_INFINITY,
    );
    const open = breaker.refusal();
    if (open !== undefined) return refused(openFailure(open));
    const late = await quota.take(patientUntilMs, request.signal);
    if (late !== undefined) return refused(quotaFailure(late));
    const release = await bulkhead.enter(patientUntilMs, request.signal);
    if (release === undefined) return refused(busyFailure());
    try {
      // It may have stood in line for seconds.
      if (request.isCalledOff?.() === true) return calledOff;
      const result = await breaker.run(() => inner.call(request));
      if (result === 'open') return refused(openFailure(breaker.refusal() ?? 0));
      quota.learn(result);
      announce(request.operation.name, result);
      return result;
    } finally {
      release();
    }
  }

  function announce(operation: string, result: CallResult): void {
    if (!result.ok || options.onDeprecation === undefined || announced.has(operation)) return;
    const notice = deprecationOf(result.headers);
    if (notice === undefined) return;
    announced.add(operation);
    options.onDeprecation(operation, notice);
  }

  function denial({ operation }: CallRequest): Failure | undefined {
    if (options.grants !== undefined && !options.grants.includes(operation.operation))
      return notSent(
        'permission',
        'GRANT_MISSING',
        `connection ${connection} is not granted ${operation.operation}`,
        0,
      );
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

  function busyFailure(): Failure {
    return notSent(
      'transient',
      'CONNECTION_BUSY',
      `connection ${connection} has ${policy.inFlightMax} calls in flight and no turn came in time`,
      0,
    );
  }
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

function refused(failure: Failure): CallResult {
  return { ok: false, failure };
}
