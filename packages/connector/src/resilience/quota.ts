import { type Clock, sleep } from '@tenon/model';
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { quotaState } from '../http/retry-after.ts';
import type { OperationDefaults } from '../manifest.ts';
import type { CallResult } from '../transport.ts';
import { type QuotaSharing, SharedQuota } from './shared-quota.ts';

/** Calls made in a window that ends at `resetAtMs`. */
export interface QuotaUse {
  readonly points: number;
  readonly resetAtMs: number;
}

/**
 * The declared quota of a connection, counted here or for all processes that share it, and the moment until which the other side asked to be left alone,
 * learned from its answers. A connection is one account, so `key: account` and `key: connection` come to the same.
 */
export class Quota {
  readonly #limiter: RateLimiterMemory | undefined;
  /** Counted for several processes; `#limiter` is then none. */
  readonly #shared: SharedQuota | undefined;
  readonly #headers: readonly string[];
  readonly #clock: Clock;
  #heldUntilMs: number;
  #waiting = 0;
  /** Of the present window. */
  #used: QuotaUse | undefined;
  #restored: Promise<unknown> | undefined;

  /** `used`: of the window that was open when an earlier process ended. */
  constructor(
    declared: OperationDefaults['rateLimit'],
    clock: Clock,
    heldUntilMs = 0,
    used?: QuotaUse,
    sharing?: QuotaSharing,
  ) {
    this.#clock = clock;
    this.#heldUntilMs = heldUntilMs;
    this.#headers = declared?.headers ?? [];
    if (declared !== undefined && sharing !== undefined)
      this.#shared = new SharedQuota(sharing, declared.quota, declared.windowMs, clock);
    else if (declared !== undefined)
      this.#limiter = new RateLimiterMemory({ points: declared.quota, duration: declared.windowMs / 1_000 });
    const restMs = used === undefined ? 0 : used.resetAtMs - clock.now();
    if (used !== undefined && restMs > 0 && this.#limiter !== undefined) {
      this.#used = used;
      this.#restored = this.#limiter.set('', used.points, restMs / 1_000);
    }
  }

  get waiting(): number {
    return this.#waiting;
  }

  get used(): QuotaUse | undefined {
    return this.#used !== undefined && this.#used.resetAtMs > this.#clock.now() ? this.#used : undefined;
  }

  get heldUntilMs(): number | undefined {
    return this.#heldUntilMs > this.#clock.now() ? this.#heldUntilMs : undefined;
  }

  /** Waits for room in the quota; resolves to the milliseconds still to wait when it would come too late. */
  async take(untilMs: number, signal: AbortSignal | undefined): Promise<number | undefined> {
    for (;;) {
      const waitMs = await this.#waitMs();
      if (waitMs === 0) return undefined;
      if (signal?.aborted || this.#clock.now() + waitMs > untilMs) return waitMs;
      this.#waiting++;
      await sleep(this.#clock, waitMs, signal);
      this.#waiting--;
    }
  }

  /** An answer that says how much is left, or to come back later, holds the calls after it. */
  learn(result: CallResult): void {
    const waitMs = result.ok ? this.#spentMs(result.headers) : result.failure.retryAfterMs;
    if (waitMs !== undefined && waitMs > 0)
      this.#heldUntilMs = Math.max(this.#heldUntilMs, this.#clock.now() + waitMs);
  }

  #spentMs(headers: Readonly<Record<string, string>>): number | undefined {
    if (!this.#headers.some((name) => /ratelimit$/i.test(name))) return undefined;
    const state = quotaState(headers, this.#clock);
    return state !== undefined && state.remaining <= 0 ? state.resetMs : undefined;
  }

  async #waitMs(): Promise<number> {
    const holdMs = this.#heldUntilMs - this.#clock.now();
    if (holdMs > 0) return holdMs;
    if (this.#shared !== undefined) return this.#shared.take();
    if (this.#limiter === undefined) return 0;
    if (this.#restored !== undefined) {
      await this.#restored;
      this.#restored = undefined;
    }
    try {
      const { consumedPoints, msBeforeNext } = await this.#limiter.consume('');
      this.#used = { points: consumedPoints, resetAtMs: this.#clock.now() + msBeforeNext };
      return 0;
    } catch (refusal) {
      if (refusal instanceof RateLimiterRes) return Math.max(1, refusal.msBeforeNext);
      throw refusal;
    }
  }
}
