import type { Clock } from '@tenon/model';
import type { OperationDefaults } from '../manifest.ts';

/**
 * What all runs together may retry over one connection (C55): when a dependency falters, each run's own retries are
 * few, and those of a thousand runs are a second outage. Counted over the present window and the one before it.
 */
export class RetryBudget {
  readonly #declared: OperationDefaults['retryBudget'];
  readonly #clock: Clock;
  #windowStartMs: number;
  #now: Counted;
  #before: Counted = { calls: 0, retries: 0 };

  constructor(declared: OperationDefaults['retryBudget'], clock: Clock, snapshot?: unknown) {
    this.#declared = declared;
    this.#clock = clock;
    this.#windowStartMs = clock.now();
    this.#now = { calls: 0, retries: 0 };
    if (isSnapshot(snapshot)) {
      this.#windowStartMs = snapshot.windowStartMs;
      this.#now = { calls: snapshot.calls, retries: snapshot.retries };
    }
  }

  /** Milliseconds until a retry may be tried again; `undefined` when this call may go, which counts it. */
  refusal(isRetry: boolean): number | undefined {
    if (this.#declared === undefined) return undefined;
    this.#turn(this.#declared.windowMs);
    if (isRetry) {
      const { share, minimum, windowMs } = this.#declared;
      const calls = this.#now.calls + this.#before.calls;
      const retries = this.#now.retries + this.#before.retries;
      if (retries >= Math.max(minimum, calls * share))
        return Math.max(1, this.#windowStartMs + windowMs - this.#clock.now());
      this.#now.retries++;
    }
    this.#now.calls++;
    return undefined;
  }

  snapshot(): unknown {
    return this.#declared === undefined ? undefined : { windowStartMs: this.#windowStartMs, ...this.#now };
  }

  #turn(windowMs: number): void {
    const passed = Math.floor((this.#clock.now() - this.#windowStartMs) / windowMs);
    if (passed === 0) return;
    // A clock that was set back begins a new window as well.
    this.#before = passed === 1 ? this.#now : { calls: 0, retries: 0 };
    this.#now = { calls: 0, retries: 0 };
    this.#windowStartMs = passed > 0 ? this.#windowStartMs + passed * windowMs : this.#clock.now();
  }
}

interface Counted {
  calls: number;
  retries: number;
}

function isSnapshot(value: unknown): value is Counted & { readonly windowStartMs: number } {
  return (
    typeof value === 'object' &&
    value !== null &&
    ['windowStartMs', 'calls', 'retries'].every((name) => typeof Reflect.get(value, name) === 'number')
  );
}
