import { type Clock, sleep } from '@tenon/model';
import {
  BrokenCircuitError,
  type CircuitBreakerPolicy,
  CircuitState,
  circuitBreaker,
  handleWhenResult,
  SamplingBreaker,
} from 'cockatiel';
import type { OperationDefaults } from '../manifest.ts';
import type { CallResult } from '../transport.ts';

/** The policy wants more than its threshold to fail, and takes none of 1: of so many calls in a window that is all of them. */
const RATE_MAX = 1 - 1e-9;

export type BreakerState = 'closed' | 'open' | 'halfOpen';

/**
 * closed → open when the share of troubled calls in the window reaches the rate, and there were enough calls;
 * open → halfOpen after `openFor`; halfOpen → closed when the probes went well, → open when they did not.
 * Open, it lets nothing through. An open breaker survives a restart by its snapshot. Where the clock is set back to before it opened, it has
 * opened now: it is left alone for as long as it was to be, and not for as long as the clock was ahead.
 */
export class Breaker {
  readonly #make: (before: unknown) => CircuitBreakerPolicy;
  #policy: CircuitBreakerPolicy | undefined;
  readonly #clock: Clock;
  readonly #openForMs: number;
  #openedAtMs: number | undefined;

  constructor(
    declared: OperationDefaults['breaker'],
    clock: Clock,
    snapshot: unknown,
    onChange: ((state: BreakerState) => void) | undefined,
  ) {
    this.#clock = clock;
    this.#openForMs = declared?.openForMs ?? 0;
    this.#make = (before) => {
      if (declared === undefined) throw new Error('a breaker that is not declared was made');
      const failureRate = Math.min(declared.failureRate, RATE_MAX);
      const policy = circuitBreaker(handleWhenResult(isTrouble), {
        halfOpenAfter: declared.openForMs,
        halfOpenSampling: { calls: declared.probes, threshold: failureRate },
        breaker: new SamplingBreaker({
          threshold: failureRate,
          duration: declared.windowMs,
          minimumRps: declared.minimum / (declared.windowMs / 1_000),
        }),
        ...(before !== undefined && { initialState: before }),
      });
      policy.onStateChange((state) => {
        if (policy !== this.#policy) return;
        if (state === CircuitState.Open) this.#openedAtMs = clock.now();
        onChange?.(STATES[state]);
      });
      return policy;
    };
    if (declared === undefined) return;
    const before = snapshotOf(snapshot);
    this.#openedAtMs = before?.openedAtMs;
    this.#policy = this.#make(before?.policy);
  }

  get state(): BreakerState {
    return this.#policy === undefined ? 'closed' : STATES[this.#policy.state];
  }

  /** Milliseconds until a probe is let through, when none is now. */
  refusal(): number | undefined {
    if (this.#policy === undefined || this.state !== 'open') return undefined;
    const now = this.#clock.now();
    if (this.#openedAtMs !== undefined && this.#openedAtMs > now) {
      this.#openedAtMs = now;
      const { ownState, breakerState } = this.#policy.toJSON() as Kept;
      this.#policy = this.#make({ ownState: { ...ownState, openedAt: now }, breakerState });
    }
    const restMs = (this.#openedAtMs ?? 0) + this.#openForMs - now;
    return restMs > 0 ? restMs : undefined;
  }

  /**
   * Runs a call and counts how it went; `open` when it was not let through. While all probes are under way it waits for what comes of
   * them, until `untilMs` at most: later than that it is not begun any more.
   */
  async run(call: () => Promise<CallResult>, untilMs: number): Promise<CallResult | 'open'> {
    if (this.#policy === undefined) return call();
    let stands: 'waiting' | 'begun' | 'givenUp' = 'waiting';
    const ran = this.#policy
      .execute((): Promise<CallResult | 'open'> => {
        if (stands === 'givenUp') return Promise.resolve('open');
        stands = 'begun';
        return call();
      })
      .catch((error: unknown): 'open' => {
        if (error instanceof BrokenCircuitError) return 'open';
        throw error;
      });
    if (isBegun()) return ran;
    const over = new AbortController();
    const waited = sleep(this.#clock, Math.max(0, untilMs - this.#clock.now()), over.signal);
    await Promise.race([ran, waited]);
    over.abort();
    if (isBegun()) return ran;
    stands = 'givenUp';
    return Promise.race([ran, 'open' as const]);

    function isBegun(): boolean {
      return stands === 'begun';
    }
  }

  snapshot(): unknown {
    return this.#policy === undefined
      ? undefined
      : { openedAtMs: this.#openedAtMs ?? null, policy: this.#policy.toJSON() };
  }
}

/** What the policy says of itself. */
interface Kept {
  readonly ownState: object;
  readonly breakerState: unknown;
}

const STATES: Readonly<Record<CircuitState, BreakerState>> = {
  [CircuitState.Closed]: 'closed',
  [CircuitState.Open]: 'open',
  [CircuitState.HalfOpen]: 'halfOpen',
  [CircuitState.Isolated]: 'open',
};

/** The dependency itself is in trouble. Refusals (4xx), quotas and calls that the caller gave up say nothing of it. */
function isTrouble(result: unknown): boolean {
  // The policy runs nothing but calls, and gives up some before they begin.
  const outcome = result as CallResult | 'open';
  if (outcome === 'open' || outcome.ok || outcome.calledOff || outcome.failure.code === 'HTTP_CALL_CANCELLED')
    return false;
  return outcome.failure.class === 'transient' || outcome.failure.class === 'timeout';
}

/** Anything but a snapshot of ours is no snapshot: a breaker then starts closed. */
function snapshotOf(
  snapshot: unknown,
): { readonly openedAtMs: number; readonly policy: unknown } | undefined {
  if (typeof snapshot !== 'object' || snapshot === null) return undefined;
  const openedAtMs: unknown = Reflect.get(snapshot, 'openedAtMs');
  const policy: unknown = Reflect.get(snapshot, 'policy');
  return typeof openedAtMs === 'number' && typeof policy === 'object' && policy !== null
    ? { openedAtMs, policy }
    : undefined;
}
