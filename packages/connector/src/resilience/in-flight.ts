import { type SteadyClock, sleep } from '@tenon/model';

/** Calls that may wait for a turn; one more is refused at once. */
const WAITING_MAX = 10_000;

/**
 * Calls in flight to one dependency, so that a stalled one cannot take every socket and every run with it (C60).
 * First come, first served; a call that has waited its time out leaves the line.
 */
export class Bulkhead {
  readonly #max: number;
  readonly #clock: SteadyClock;
  readonly #line: (() => void)[] = [];
  #inFlight = 0;

  constructor(max: number, clock: SteadyClock) {
    this.#max = max;
    this.#clock = clock;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  get waiting(): number {
    return this.#line.length;
  }

  /** Resolves to what gives the turn back, or to `undefined` when none came until `untilMs` of `steady`. */
  async enter(untilMs: number, signal: AbortSignal | undefined): Promise<(() => void) | undefined> {
    if (this.#inFlight < this.#max) return this.#admit();
    if (this.#line.length >= WAITING_MAX) return undefined;
    const leaving = new AbortController();
    let release: (() => void) | undefined;
    const turn = (): void => {
      release = this.#admit();
      leaving.abort();
    };
    const onAbort = (): void => leaving.abort();
    signal?.addEventListener('abort', onAbort, { once: true });
    if (signal?.aborted) leaving.abort();
    this.#line.push(turn);
    await sleep(this.#clock, Math.max(0, untilMs - this.#clock.steady()), leaving.signal);
    signal?.removeEventListener('abort', onAbort);
    const place = this.#line.indexOf(turn);
    if (place >= 0) this.#line.splice(place, 1);
    return release;
  }

  #admit(): () => void {
    this.#inFlight++;
    let isReleased = false;
    return () => {
      if (isReleased) return;
      isReleased = true;
      this.#inFlight--;
      this.#line.shift()?.();
    };
  }
}
