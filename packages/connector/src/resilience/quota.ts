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
  readonly #windowMs: number;
  /** A hold lasts no longer than was asked for, though the clock is set back. */
  #heldSinceMs: number;
  #heldUntilMs: number;
  #waiting = 0;
  /** Of the present window. */
  #used: QuotaUse | undefined;
  #restored: Promise<unknown> | undefined;

  /** `before`: what was so when an earlier process ended. */
  constructor(
    declared: OperationDefaults['rateLimit'],
    clock: Clock,
    before: { readonly heldUntilMs?: number; readonly heldSinceMs?: number; readonly used?: QuotaUse } = {},
    sharing?: QuotaSharing,
  ) {
    const { used } = before;
    this.#clock = clock;
    this.#windowMs = declared?.windowMs ?? 0;
    this.#heldUntilMs = before.heldUntilMs ?? 0;
    this.#heldSinceMs = before.heldSinceMs ?? clock.now();
    this.#headers = declared?.headers ?? [];
    if (declared !== undefined && sharing !== undefined)
      this.#shared = new SharedQuota(sharing, declared.quota, declared.windowMs, clock);
    else if (declared !== undefined)
      this.#limiter = new RateLimiterMemory({ points: declared.quota, duration: declared.windowMs / 1_000 });
    const restMs = used === undefined ? 0 : Math.min(used.resetAtMs - clock.now(), this.#windowMs);
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
    return this.#heldMs() > 0 ? this.#heldUntilMs : undefined;
  }

  get heldSinceMs(): number {
    return this.#heldSinceMs;
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
    if (waitMs === undefined || waitMs <= Math.max(0, this.#heldMs())) return;
    this.#heldSinceMs = this.#clock.now();
    this.#heldUntilMs = this.#heldSinceMs + waitMs;
  }

  #heldMs(): number {
    const now = this.#clock.now();
    if (now < this.#heldSinceMs) {
      this.#heldUntilMs -= this.#heldSinceMs - now;
      this.#heldSinceMs = now;
    }
    return this.#heldUntilMs - now;
  }

  #spentMs(headers: Readonly<Record<string, string>>): number | undefined {
    if (!this.#headers.some((name) => /ratelimit$/i.test(name))) return undefined;
    const state = quotaState(headers, this.#clock);
    return state !== undefined && state.remaining <= 0 ? state.resetMs : undefined;
  }

  async #waitMs(): Promise<number> {
    const holdMs = this.#heldMs();
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
      // It reads the clock, and its windows end by timers.
      if (refusal instanceof RateLimiterRes)
        return Math.min(Math.max(1, refusal.msBeforeNext), this.#windowMs);
      throw refusal;
    }
  }
}
