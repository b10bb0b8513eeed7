import type { Clock } from '@tenon/model';

interface Kept<T> {
  readonly value: Promise<T>;
  readonly readAtMs: number;
}

const KEPT_MAX = 1_000;

/** Is it as long ago at most? A clock that was set back makes what was read seem to come: that is not kept for longer. */
export function isWithin(forMs: number, atMs: number, nowMs: number): boolean {
  return Math.abs(nowMs - atMs) < forMs;
}

/**
 * Answers of a secret manager, kept for a while and shared: callers that come while one is being asked for wait for the
 * same answer. One that is asked for `isFresh` is kept anew; a failed one is not kept.
 */
export class KeptValues<T> {
  readonly #clock: Clock;
  readonly #forMs: number;
  readonly #kept = new Map<string, Kept<T>>();
  readonly #flights = new Map<string, Promise<T>>();

  constructor(clock: Clock, forMs: number) {
    this.#clock = clock;
    this.#forMs = forMs;
  }

  get(key: string, isFresh: boolean, ask: () => Promise<T>): Promise<T> {
    const kept = this.#kept.get(key);
    if (kept !== undefined && !isFresh && isWithin(this.#forMs, kept.readAtMs, this.#clock.now()))
      return kept.value;
    const flight = this.#flights.get(key);
    if (flight !== undefined) return flight;
    const value = ask();
    this.#flights.set(key, value);
    value.then(
      () => this.#keep(key, { value, readAtMs: this.#clock.now() }),
      () => {
        this.#flights.delete(key);
        this.#kept.delete(key);
      },
    );
    return value;
  }

  #keep(key: string, kept: Kept<T>): void {
    this.#flights.delete(key);
    this.#kept.delete(key);
    const oldest = this.#kept.size >= KEPT_MAX ? this.#kept.keys().next().value : undefined;
    if (oldest !== undefined) this.#kept.delete(oldest);
    this.#kept.set(key, kept);
  }
}
