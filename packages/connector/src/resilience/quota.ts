import { type SteadyClock, sleep } from '@tenon/model';
import { quotaState } from '../http/retry-after.ts';
import type { OperationDefaults } from '../manifest.ts';
import type { CallResult } from '../transport.ts';
import { CallWindow, type QuotaUse } from './call-window.ts';
import { type QuotaSharing, type SharedPlace, SharedQuota } from './shared-quota.ts';

/** What was so when an earlier process ended, by the wall clock. */
export interface QuotaBefore {
  readonly heldUntilMs?: number;
  readonly heldSinceMs?: number;
  readonly used?: QuotaUse;
}

/**
 * The declared quota of a connection, counted here or for all processes that share it, and the moment until which the other side asked to be left alone,
 * learned from its answers. A connection is one account, so `key: account` and `key: connection` come to the same. Both go by the clock that nobody sets.
 */
export class Quota {
  readonly #own: CallWindow | undefined;
  /** Counted for several processes; `#own` is then none. */
  readonly #shared: SharedQuota | undefined;
  readonly #headers: readonly string[];
  readonly #clock: SteadyClock;
  #heldSinceMs = 0;
  #heldUntilMs: number;
  #waiting = 0;

  constructor(
    declared: OperationDefaults['rateLimit'],
    clock: SteadyClock,
    before: QuotaBefore = {},
    sharing?: QuotaSharing,
  ) {
    this.#clock = clock;
    this.#headers = declared?.headers ?? [];
    // A hold lasts no longer than was asked for, though the clock was set back.
    const { heldUntilMs = 0, heldSinceMs = clock.now() } = before;
    this.#heldUntilMs = clock.steady() + heldUntilMs - Math.max(heldSinceMs, clock.now());
    this.#heldSinceMs = clock.steady();
    if (declared === undefined) return;
    if (sharing !== undefined)
      this.#shared = new SharedQuota(sharing, declared.quota, declared.windowMs, clock);
    else this.#own = new CallWindow(declared.quota, declared.windowMs, clock);
    if (before.used !== undefined) this.#own?.restore(before.used);
  }

  get waiting(): number {
    return this.#waiting;
  }

  get used(): QuotaUse | undefined {
    return this.#own?.used;
  }

  get heldUntilMs(): number | undefined {
    const holdMs = this.#holdMs();
    return holdMs > 0 ? Math.round(this.#clock.now() + holdMs) : undefined;
  }

  get heldSinceMs(): number {
    return Math.round(this.#clock.now() - (this.#clock.steady() - this.#heldSinceMs));
  }

  /** Several processes share it: a place is taken with `share`, as the last thing before a call is made. */
  get isShared(): boolean {
    return this.#shared !== undefined;
  }

  /** Takes a place where all processes are counted, to be left; the milliseconds to wait where there is none. */
  async share(): Promise<SharedPlace | number> {
    return this.#shared?.take() ?? 0;
  }

  /**
   * Waits for a place in the quota, which is to be left; resolves to the milliseconds still to wait when it would come too late: later
   * than `untilMs` of `steady`.
   */
  async take(untilMs: number, signal: AbortSignal | undefined): Promise<number | undefined> {
    for (;;) {
      const holdMs = this.#holdMs();
      const waitMs = holdMs > 0 ? holdMs : (this.#own?.take() ?? 0);
      if (waitMs === 0) return undefined;
      if (!(await this.waits(waitMs, untilMs, signal))) return waitMs;
    }
  }

  /** The other side has asked to be left alone. */
  get isHeld(): boolean {
    return this.#holdMs() > 0;
  }

  /** As `take`, for who has a place: until nothing is held any more. */
  async held(untilMs: number, signal: AbortSignal | undefined): Promise<number | undefined> {
    for (;;) {
      const holdMs = this.#holdMs();
      if (holdMs <= 0) return undefined;
      if (!(await this.waits(holdMs, untilMs, signal))) return holdMs;
    }
  }

  /** `isSent`: the call is made now; else it never was. */
  leave(isSent: boolean): void {
    this.#own?.leave(isSent);
  }

  /** An answer that says how much is left, or to come back later, holds the calls after it. */
  learn(result: CallResult): void {
    const waitMs = result.ok ? this.#spentMs(result.headers) : result.failure.retryAfterMs;
    if (waitMs === undefined || waitMs <= Math.max(0, this.#holdMs())) return;
    this.#heldSinceMs = this.#clock.steady();
    this.#heldUntilMs = this.#heldSinceMs + waitMs;
  }

  #holdMs(): number {
    return this.#heldUntilMs - this.#clock.steady();
  }

  /** `false`: it would be over too late, or the caller has given up. */
  async waits(waitMs: number, untilMs: number, signal: AbortSignal | undefined): Promise<boolean> {
    if (signal?.aborted || this.#clock.steady() + waitMs > untilMs) return false;
    this.#waiting++;
    await sleep(this.#clock, waitMs, signal);
    this.#waiting--;
    return true;
  }

  #spentMs(headers: Readonly<Record<string, string>>): number | undefined {
    if (!this.#headers.some((name) => /ratelimit$/i.test(name))) return undefined;
    const state = quotaState(headers, this.#clock);
    return state !== undefined && state.remaining <= 0 ? state.resetMs : undefined;
  }
}
