import type { Clock } from '@tenon/model';

/**
 * Says when the other side has moved no byte for too long while it was waited for. Time in which we ourselves keep it
 * waiting (a slow disk, a slow source) does not count: the call's deadline bounds that.
 */
export class StallWatch {
  readonly #clock: Clock;
  readonly #stallMs: number;
  readonly #onStall: () => void;
  #cancel: (() => void) | undefined;
  #sinceMs: number | undefined;

  constructor(clock: Clock, stallMs: number, onStall: () => void) {
    this.#clock = clock;
    this.#stallMs = stallMs;
    this.#onStall = onStall;
  }

  waiting(): void {
    this.#sinceMs = this.#clock.now();
    this.#cancel ??= this.#clock.setTimer(this.#stallMs, () => this.#look());
  }

  moved(): void {
    this.#sinceMs = undefined;
  }

  end(): void {
    this.#sinceMs = undefined;
    this.#cancel?.();
    this.#cancel = undefined;
  }

  /** One timer for many pieces: each piece moves a mark, and the timer looks where it stands. */
  #look(): void {
    this.#cancel = undefined;
    if (this.#sinceMs === undefined) return;
    const restMs = this.#sinceMs + this.#stallMs - this.#clock.now();
    if (restMs <= 0) this.#onStall();
    else this.#cancel = this.#clock.setTimer(restMs, () => this.#look());
  }
}
