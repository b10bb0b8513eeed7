import type { Clock } from '@tenon/model';
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

export type BreakerState = 'closed' | 'open' | 'halfOpen';

/**
 * closed → open when the share of troubled calls in the window reaches the rate, and there were enough calls;
 * open → halfOpen after `openFor`; halfOpen → closed when the probes went well, → open when they did not.
 * Open, it lets nothing through. An open breaker survives a restart by its snapshot.
 */
export class Breaker {
  readonly #policy: CircuitBreakerPolicy | undefined;
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
    if (declared === undefined) return;
    const before = snapshotOf(snapshot);
    this.#openedAtMs = before?.openedAtMs;
    this.#policy = circuitBreaker(handleWhenResult(isTrouble), {
      halfOpenAfter: declared.openForMs,
      halfOpenSampling: { calls: declared.probes, threshold: declared.failureRate },
      breaker: new SamplingBreaker({
        threshold: declared.failureRate,
        duration: declared.windowMs,
        minimumRps: declared.minimum / (declared.windowMs / 1_000),
      }),
      ...(before !== undefined && { initialState: before.policy }),
    });
    this.#policy.onStateChange((state) => {
      if (state === CircuitState.Open) this.#openedAtMs = clock.now();
      onChange?.(STATES[state]);
    });
  }

  get state(): BreakerState {
    return this.#policy === undefined ? 'closed' : STATES[this.#policy.state];
  }

  /** Milliseconds until a probe is let through, when none is now. */
  refusal(): number | undefined {
    if (this.state !== 'open') return undefined;
    const restMs = (this.#openedAtMs ?? 0) + this.#openForMs - this.#clock.now();
    return restMs > 0 ? restMs : undefined;
  }

  /** Runs a call and counts how it went; `open` when it was not let through. */
  async run(call: () => Promise<CallResult>): Promise<CallResult | 'open'> {
    if (this.#policy === undefined) return call();
    try {
      return await this.#policy.execute(call);
    } catch (error) {
      if (error instanceof BrokenCircuitError) return 'open';
      throw error;
    }
  }

  snapshot(): unknown {
    return this.#policy === undefined
      ? undefined
      : { openedAtMs: this.#openedAtMs ?? null, policy: this.#policy.toJSON() };
  }
}

const STATES: Readonly<Record<CircuitState, BreakerState>> = {
  [CircuitState.Closed]: 'closed',
  [CircuitState.Open]: 'open',
  [CircuitState.HalfOpen]: 'halfOpen',
  [CircuitState.Isolated]: 'open',
};

/** The dependency itself is in trouble. Refusals (4xx), quotas and calls that the caller gave up say nothing of it. */
function isTrouble(result: unknown): boolean {
  // The policy runs nothing but calls.
  const outcome = result as CallResult;
  if (outcome.ok || outcome.calledOff || outcome.failure.code === 'HTTP_CALL_CANCELLED') return false;
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
