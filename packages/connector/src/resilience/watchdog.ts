import type { SteadyClock } from '@tenon/model';

interface Watched {
  /** By the clock that nobody sets. */
  readonly atMs: number;
  /** Emptied when it is over: see `Register`. */
  expire: () => void;
}

const isOver = (): void => {};

/**
 * Bounds what may never answer, with one timer for all of it: a timer for each of thousands of calls a second would
 * cost more than the calls' own bookkeeping. The timer stands at the first bound there was; when it fires, what is over
 * its bound expires, and it is set to the next one.
 */
export class Watchdog {
  readonly #clock: SteadyClock;
  readonly #watched = new Set<Watched>();
  #timerAtMs = Number.POSITIVE_INFINITY;
  #cancel: () => void = () => {};

  constructor(clock: SteadyClock) {
    this.#clock = clock;
  }

  /**
   * What `came` makes of the value of `work`, or `failed` of its error, or `late` when neither has come in `boundMs`; one of them
   * is called, once. They stand in for an `await`: each is a few hundred bytes of what every call allocates.
   */
  bound<T, R>(
    work: Promise<T>,
    boundMs: number,
    { came, failed, late }: { came(value: T): R; failed(error: unknown): R; late(): R },
  ): Promise<R> {
    return new Promise((resolve, reject) => {
      const end = (make: () => R): void => {
        if (!this.#watched.delete(watched)) return;
        watched.expire = isOver;
        try {
          resolve(make());
        } catch (error) {
          reject(error);
        }
      };
      const watched: Watched = { atMs: this.#clock.steady() + boundMs, expire: () => end(late) };
      this.#watched.add(watched);
      if (watched.atMs < this.#timerAtMs) this.#setTimer(watched.atMs);
      work.then(
        (value) => end(() => came(value)),
        (error) => end(() => failed(error)),
      );
    });
  }

  stop(): void {
    this.#cancel();
    this.#timerAtMs = Number.POSITIVE_INFINITY;
  }

  #setTimer(atMs: number): void {
    this.#cancel();
    this.#timerAtMs = atMs;
    this.#cancel = this.#clock.setTimer(atMs - this.#clock.steady(), () => this.#look());
  }

  #look(): void {
    this.#timerAtMs = Number.POSITIVE_INFINITY;
    const now = this.#clock.steady();
    let nextMs = Number.POSITIVE_INFINITY;
    for (const watched of this.#watched) {
      if (watched.atMs > now) nextMs = Math.min(nextMs, watched.atMs);
      else watched.expire();
    }
    if (nextMs < Number.POSITIVE_INFINITY) this.#setTimer(nextMs);
  }
}
