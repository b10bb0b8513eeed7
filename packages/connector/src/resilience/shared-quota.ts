import { type SteadyClock, sleep } from '@tenon/model';
import { RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import { kept } from '../kept.ts';
import { CallWindow } from './call-window.ts';

/** Counts the calls of one vendor account, for all processes that use it. */
export interface QuotaStore {
  /**
   * Takes one of `quota` calls in a window of `windowMs` for an account; the milliseconds until the next window where there is
   * none left, 0 where there is. Rejects when the store cannot say.
   */
  take(account: string, quota: number, windowMs: number): Promise<number>;
  /**
   * Gives back a place that was taken no longer than `agoMs` ago, of a call that was not made. Of a window that has ended since then nothing is
   * given back. May reject: the place counts then until its window is over, as all do where this is absent.
   */
  giveBack?(account: string, quota: number, windowMs: number, agoMs: number): Promise<void>;
}

/** Taken of a shared quota. Left once. */
export interface SharedPlace {
  /** `isSent`: the call is made now; else it never was, and the place is given back. */
  leave(isSent: boolean): void;
}

/** How a connection shares the quota of its account with connections of other processes. */
export interface QuotaSharing {
  readonly store: QuotaStore;
  readonly account: string;
  /** Of the quota, what this process keeps to while the store cannot be asked: above 0, at most 1. */
  readonly share: number;
  /**
   * Told when the store cannot be asked any more, and when it can be again. `because`: the code of what it said, such as
   * `NOAUTH` or `ECONNREFUSED`; absent: it was silent. Must not throw.
   */
  readonly onStore?: (isThere: boolean, because?: string) => void;
}

/** A store that does not answer by then is taken as away: a call must not wait for the counting of calls. */
const ANSWER_MS = 250;
/** A store that was away is asked again after that. */
const AWAY_MS = 1_000;
/**
 * Those who wait for the next window ask over so long a time, at most a tenth of it. All at its first moment, the process whose
 * timers run first would take the whole of every window, and the others none.
 */
const SPREAD_MS_MAX = 100;
/** Steps by it fill the time evenly, however many wait. */
const GOLDEN_RATIO = 0.618034;

/**
 * A quota that several processes keep together: shared → (the store fails, or is silent) → alone → (a second later, it
 * answers) → shared. Alone, each process keeps to its share; what it has taken in the window already counts for that, so
 * that in the window in which the store goes away no process adds more than its share to what all had taken. Nothing of it has to
 * survive a crash: what counts stands in the store.
 */
export class SharedQuota {
  readonly #sharing: QuotaSharing;
  readonly #quota: number;
  readonly #windowMs: number;
  readonly #clock: SteadyClock;
  readonly #alone: CallWindow;
  /** By the clock that nobody sets. */
  #awayUntilMs: number | undefined;
  /** Of those that were told to wait. */
  #waited = 0;
  /** Why it could not be asked last. */
  #because: string | undefined;

  constructor(sharing: QuotaSharing, quota: number, windowMs: number, clock: SteadyClock) {
    this.#sharing = sharing;
    this.#quota = quota;
    this.#windowMs = windowMs;
    this.#clock = clock;
    this.#alone = new CallWindow(Math.max(1, Math.floor(quota * sharing.share)), windowMs, clock);
  }

  /** A place, to be left; where there is none, the milliseconds to wait. */
  async take(): Promise<SharedPlace | number> {
    if (this.#awayUntilMs === undefined || this.#clock.steady() >= this.#awayUntilMs) {
      const askedAtMs = this.#clock.steady();
      const waitMs = await this.#ask(askedAtMs);
      if (waitMs !== undefined) {
        this.#isThere(true);
        if (waitMs > 0) return waitMs + this.#spreadMs();
        return { leave: (isSent) => (isSent ? this.#alone.add() : this.#giveBack(askedAtMs)) };
      }
      this.#isThere(false);
    }
    const waitMs = this.#alone.take();
    return waitMs > 0 ? waitMs : { leave: (isSent) => this.#alone.leave(isSent) };
  }

  #giveBack(askedAtMs: number): void {
    const { store, account } = this.#sharing;
    const agoMs = Math.ceil(this.#clock.steady() - askedAtMs);
    // One that is lost is of this window alone.
    store.giveBack?.(account, this.#quota, this.#windowMs, agoMs).catch(() => {});
  }

  #spreadMs(): number {
    const share = (++this.#waited * GOLDEN_RATIO) % 1;
    return Math.round(share * Math.min(SPREAD_MS_MAX, this.#windowMs / 10));
  }

  /** `undefined`: it failed, or did not answer in time. */
  async #ask(askedAtMs: number): Promise<number | undefined> {
    const { store, account } = this.#sharing;
    const answered = new AbortController();
    this.#because = undefined;
    let isLate = false;
    const taking = store.take(account, this.#quota, this.#windowMs).then(
      (waitMs) => {
        // Nobody waits for it any more: the call went by the share of this process.
        if (isLate && waitMs === 0) this.#giveBack(askedAtMs);
        return waitMs;
      },
      (error: unknown) => {
        if (!isLate) this.#because = codeOf(error);
        return undefined;
      },
    );
    try {
      const silent = sleep(this.#clock, ANSWER_MS, answered.signal).then(() => {
        isLate = true;
        return undefined;
      });
      return await Promise.race([taking, silent]);
    } finally {
      answered.abort();
    }
  }

  #isThere(isThere: boolean): void {
    const was = this.#awayUntilMs === undefined;
    this.#awayUntilMs = isThere ? undefined : this.#clock.steady() + AWAY_MS;
    if (was !== isThere) this.#sharing.onStore?.(isThere, isThere ? undefined : this.#because);
  }
}

/** Of a store's own text no more than its first word, where that is a code. */
function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if ('code' in error && typeof error.code === 'string') return error.code;
  return /^[A-Z]{3,}\b/.exec(error.message)?.[0];
}

/** Sets the window with the first call of it, in milliseconds; the library's own script knows whole seconds alone. */
const COUNT = `redis.call('set', KEYS[1], 0, 'PX', math.floor(ARGV[4] * 1000), 'NX')
local taken = redis.call('incrby', KEYS[1], ARGV[1])
return {taken, redis.call('pttl', KEYS[1])}`;
/** Of a window that began after the place was taken more is left than of one as old as the place. */
const GIVE_BACK = `local left = redis.call('pttl', KEYS[1])
if left > 0 and left <= ARGV[1] - ARGV[2] and tonumber(redis.call('get', KEYS[1])) > 0 then
  return redis.call('decr', KEYS[1])
end
return 0`;
/** Of a window there; a shorter one is counted as one of that length, which is the careful side. */
const WINDOW_MS_MIN = 1_000;

/** What is asked of a client besides what the limiter asks. */
export interface ScriptClient {
  eval(script: string, options: { readonly keys: string[]; readonly arguments: string[] }): Promise<unknown>;
}

/** Counts in Redis, through a client of `redis` (node-redis) that keeps no command for later. */
export function redisQuotaStore(client: ScriptClient, prefix = 'tenon'): QuotaStore {
  const limiters = new Map<string, RateLimiterRedis>();
  const durationOf = (windowMs: number): number => Math.max(WINDOW_MS_MIN, windowMs);
  const limiterOf = (quota: number, duration: number): RateLimiterRedis =>
    kept(
      limiters,
      `${quota}/${duration}`,
      () =>
        new RateLimiterRedis({
          storeClient: client,
          useRedisPackage: true,
          rejectIfRedisNotReady: true,
          keyPrefix: `${prefix}:quota:${duration}`,
          points: quota,
          duration: duration / 1_000,
          customIncrTtlLuaScript: COUNT,
        }),
    );
  return {
    giveBack: async (account, quota, windowMs, agoMs) => {
      const duration = durationOf(windowMs);
      await client.eval(GIVE_BACK, {
        keys: [limiterOf(quota, duration).getKey(account)],
        arguments: [String(duration), String(agoMs)],
      });
    },
    take: async (account, quota, windowMs) => {
      try {
        await limiterOf(quota, durationOf(windowMs)).consume(account);
        return 0;
      } catch (refusal) {
        if (refusal instanceof RateLimiterRes) return Math.max(1, refusal.msBeforeNext);
        throw refusal;
      }
    },
  };
}
