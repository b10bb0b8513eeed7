import type { SteadyClock } from '@tenon/model';
import type { OperationDefaults } from '../manifest.ts';

/** What was made in one window. */
interface Counted {
  calls: number;
  retries: number;
}

/** A call that is counted, so that it can be taken back. */
export interface CountedCall {
  readonly counted: Counted;
  readonly isRetry: boolean;
}

/**
 * What all runs together may retry over one connection (C55): when a dependency falters, each run's own retries are
 * few, and those of a thousand runs are a second outage. Counted over the present window and the one before it, by the clock that nobody
 * sets. A call is counted as it joins the lines of its connection, and taken back where it was not sent: it comes again.
 */
export class RetryBudget {
  readonly #declared: OperationDefaults['retryBudget'];
  readonly #clock: SteadyClock;
  #windowStartMs: number;
  #now: Counted;
  #before: Counted = { calls: 0, retries: 0 };

  constructor(declared: OperationDefaults['retryBudget'], clock: SteadyClock, snapshot?: unknown) {
    this.#declared = declared;
    this.#clock = clock;
    this.#windowStartMs = clock.steady();
    this.#now = { calls: 0, retries: 0 };
    if (!isSnapshot(snapshot)) return;
    // Where the clock was set back meanwhile, the window begins now.
    this.#windowStartMs -= Math.max(0, clock.now() - snapshot.windowStartMs);
    this.#now = { calls: snapshot.calls, retries: snapshot.retries };
    if (isCounted(snapshot.before)) this.#before = { ...snapshot.before };
  }

  /** Milliseconds until a retry may be tried again; otherwise the call may go, and is counted. */
  take(isRetry: boolean): number | CountedCall {
    if (this.#declared === undefined) return { counted: this.#now, isRetry };
    this.#turn(this.#declared.windowMs);
    if (isRetry) {
      const { share, minimum, windowMs } = this.#declared;
      const calls = this.#now.calls + this.#before.calls;
      const retries = this.#now.retries + this.#before.retries;
      if (retries >= Math.max(minimum, calls * share))
        return Math.max(1, this.#windowStartMs + windowMs - this.#clock.steady());
      this.#now.retries++;
    }
    this.#now.calls++;
    return { counted: this.#now, isRetry };
  }

  /** It was not sent. */
  takeBack({ counted, isRetry }: CountedCall): void {
    if (this.#declared === undefined) return;
    counted.calls--;
    if (isRetry) counted.retries--;
  }

  snapshot(): unknown {
    if (this.#declared === undefined) return undefined;
    const windowStartMs = Math.round(this.#clock.now() - (this.#clock.steady() - this.#windowStartMs));
    return { windowStartMs, ...this.#now, before: { ...this.#before } };
  }

  #turn(windowMs: number): void {
    const passed = Math.floor((this.#clock.steady() - this.#windowStartMs) / windowMs);
    if (passed === 0) return;
    this.#before = passed === 1 ? this.#now : { calls: 0, retries: 0 };
    this.#now = { calls: 0, retries: 0 };
    this.#windowStartMs += passed * windowMs;
  }
}

function isSnapshot(
  value: unknown,
): value is Counted & { readonly windowStartMs: number; readonly before?: unknown } {
  return isCounted(value) && typeof Reflect.get(value, 'windowStartMs') === 'number';
}

function isCounted(value: unknown): value is Counted {
  if (typeof value !== 'object' || value === null) return false;
  return ['calls', 'retries'].every((name) => typeof Reflect.get(value, name) === 'number');
}
