import type { SteadyClock } from '@tenon/model';

/** Calls made in a window that ends at `resetAtMs` (epoch ms). */
export interface QuotaUse {
  readonly points: number;
  readonly resetAtMs: number;
}

/**
 * So many calls in a window, which begins with the first that is sent in it. A call takes a place before it stands in lines, and is counted as it
 * leaves them: counted as it takes it, a line would carry the calls of one window into the next, on top of that one's own.
 */
export class CallWindow {
  readonly #callsMax: number;
  readonly #windowMs: number;
  readonly #clock: SteadyClock;
  /** By the clock that nobody sets. */
  #startedAtMs = 0;
  #sent = 0;
  /** Places that are taken, of calls that stand in lines. */
  #taken = 0;

  constructor(callsMax: number, windowMs: number, clock: SteadyClock) {
    this.#callsMax = callsMax;
    this.#windowMs = windowMs;
    this.#clock = clock;
  }

  get used(): QuotaUse | undefined {
    const restMs = this.#restMs();
    if (this.#sent === 0) return undefined;
    return { points: this.#sent, resetAtMs: Math.round(this.#clock.now() + restMs) };
  }

  /** What an earlier process has sent. A clock that was set back makes the window no longer than it is. */
  restore({ points, resetAtMs }: QuotaUse): void {
    const restMs = Math.min(resetAtMs - this.#clock.now(), this.#windowMs);
    if (restMs <= 0) return;
    this.#sent = points;
    this.#startedAtMs = this.#clock.steady() - (this.#windowMs - restMs);
  }

  /** Milliseconds to wait; 0: a place is taken, to be left. */
  take(): number {
    const restMs = this.#restMs();
    if (this.#sent + this.#taken >= this.#callsMax)
      return this.#sent > 0 ? Math.max(1, restMs) : this.#windowMs;
    this.#taken++;
    return 0;
  }

  leave(isSent: boolean): void {
    this.#taken--;
    if (isSent) this.add();
  }

  /** One more was sent. */
  add(): void {
    this.#restMs();
    if (this.#sent === 0) this.#startedAtMs = this.#clock.steady();
    this.#sent++;
  }

  #restMs(): number {
    const restMs = this.#startedAtMs + this.#windowMs - this.#clock.steady();
    if (restMs <= 0) this.#sent = 0;
    return restMs;
  }
}
