import type { Clock, Secret } from '@tenon/model';
import type { IssuedToken } from './token-client.ts';

interface HeldToken {
  readonly token: Secret;
  readonly heldSinceMs: number;
  readonly expiresAtMs: number;
}

/** A token is not used in the last tenth of its life, at most 30 s: it could expire on the way. */
const SKEW_SHARE = 0.1;
const SKEW_MS_MAX = 30_000;
/** Life of a token whose server states none. */
const LIFETIME_MS_DEFAULT = 300_000;

/**
 * One token, shared. States: empty → fetching → held → (expired, refused) → fetching. While fetching, every caller
 * waits on the same request (single flight); a failed fetch leaves it empty, and the next caller tries again. Nothing
 * survives a crash: a token is cheap to get again.
 */
export class TokenCache {
  readonly #clock: Clock;
  readonly #maxTtlMs: number;
  #held: HeldToken | undefined;
  #flight: Promise<Secret> | undefined;

  constructor(clock: Clock, maxTtlMs = Number.POSITIVE_INFINITY) {
    this.#clock = clock;
    this.#maxTtlMs = maxTtlMs;
  }

  /** Would `get` give what is held, or what another caller is fetching? */
  get isAtHand(): boolean {
    return this.#living() !== undefined || this.#flight !== undefined;
  }

  get(fetch: () => Promise<IssuedToken>): Promise<Secret> {
    const held = this.#living();
    if (held !== undefined) return Promise.resolve(held.token);
    this.#flight ??= this.#renew(fetch).finally(() => {
      this.#flight = undefined;
    });
    return this.#flight;
  }

  /** The server refused `token`: it is dropped, unless another caller has replaced it already. */
  refused(token: Secret): void {
    if (this.#held?.token === token) this.#held = undefined;
  }

  #living(): HeldToken | undefined {
    const held = this.#held;
    const now = this.#clock.now();
    // Before it was had: the clock was set back, and by it the token would outlive what it may.
    return held !== undefined && held.heldSinceMs <= now && now < held.expiresAtMs ? held : undefined;
  }

  async #renew(fetch: () => Promise<IssuedToken>): Promise<Secret> {
    this.#held = undefined;
    const { token, expiresInMs = LIFETIME_MS_DEFAULT } = await fetch();
    const lifetimeMs = Math.min(expiresInMs, this.#maxTtlMs);
    const skewMs = Math.min(SKEW_MS_MAX, lifetimeMs * SKEW_SHARE);
    const now = this.#clock.now();
    this.#held = { token, heldSinceMs: now, expiresAtMs: now + lifetimeMs - skewMs };
    return token;
  }
}
