import { type ManualClock, manualClock } from '@tenon/model';

/** The clock of the trial that is under way: each begins at the same moment, so that it goes the same way whatever came before it. */
export class DrillClock implements ManualClock {
  #clock = manualClock();

  /** What was to happen in the trial before does not. */
  begin(): void {
    this.#clock = manualClock();
  }

  now(): number {
    return this.#clock.now();
  }

  steady(): number {
    return this.#clock.steady();
  }

  setTimer(delayMs: number, fire: () => void): () => void {
    return this.#clock.setTimer(delayMs, fire);
  }

  advance(ms: number): void {
    this.#clock.advance(ms);
  }

  jump(ms: number): void {
    this.#clock.jump(ms);
  }

  get next(): number | undefined {
    return this.#clock.next;
  }
}
