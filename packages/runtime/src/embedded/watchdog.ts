import type { Clock } from '@tenon/model';

interface Watched {
  readonly atMs: number;
  readonly expire: () => void;
}

/**
 * Bounds what may never answer, with one timer for all of it: a timer for each of thousands of calls a second would
 * cost more than the calls' own bookkeeping. The timer stands at the first bound there was; when it fires, what is over
 * its bound expires, and it is set to the next one.
 */
export class Watchdog {
  readonly #clock: Clock;
  readonly #watched = new Set<Watched>();
  #timerAtMs = Number.POSITIVE_INFINITY;
  #cancel: () => void = () => {};

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `work`'s value, or that of `late` when it has not come in `boundMs`. */
  bound<T>(work: Promise<T>, boundMs: number, late: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      const watched: Watched = { atMs: this.#clock.now() + boundMs, expire: () => resolve(late()) };
      this.#watched.add(watched);
      if (watched.atMs < this.#timerAtMs) this.#setTimer(watched.atMs);
      work.then(
        (value) => {
          this.#watched.delete(watched);
          resolve(value);
        },
        (error) => {
          this.#watched.delete(watched);
          reject(error);
        },
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
    this.#cancel = this.#clock.setTimer(atMs - this.#clock.now(), () => this.#look());
  }

  #look(): void {
    this.#timerAtMs = Number.POSITIVE_INFINITY;
    const now = this.#clock.now();
    let nextMs = Number.POSITIVE_INFINITY;
    for (const watched of this.#watched) {
      if (watched.atMs > now) nextMs = Math.min(nextMs, watched.atMs);
      else {
        this.#watched.delete(watched);
        watched.expire();
      }
    }
    if (nextMs < Number.POSITIVE_INFINITY) this.#setTimer(nextMs);
  }
}
