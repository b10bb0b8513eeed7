import type { StepBound } from './engine.ts';

/** When the innermost deadline of a step is over: so long before the run's. `leftMs` 0: none ends before that. */
export interface InnermostBound {
  readonly step: string;
  readonly leftMs: number;
}

const NONE: InnermostBound = { step: '', leftMs: 0 };

/**
 * Deadlines of the steps that a strand is in, each as what is left of the run's when it is over: so it stands still where that does. For
 * adapters of the engine port.
 */
export class StepBounds {
  readonly #outer: InnermostBound;
  /** The innermost last, each with the one that ends first of it and those around it. */
  readonly #own: { readonly of: StepBound; first: InnermostBound }[] = [];

  /** `outer`: that of the strand that forked this one. */
  constructor(outer: InnermostBound = NONE) {
    this.#outer = outer;
  }

  get innermost(): InnermostBound {
    return this.#own.at(-1)?.first ?? this.#outer;
  }

  enter(bound: StepBound): () => void {
    const { step, leftMs } = bound;
    const outer = this.innermost;
    this.#own.push({ of: bound, first: leftMs <= 0 ? outer : { step, leftMs: outer.leftMs + leftMs } });
    return () => void this.#own.pop();
  }

  /** With the run's own, of `runMs`, each begins anew that was entered in this strand. */
  beginAnew(runMs: number): void {
    let outer = this.#outer;
    for (const own of this.#own) {
      const { step, deadlineMs } = own.of;
      const leftMs = runMs - deadlineMs;
      own.first = leftMs <= outer.leftMs ? outer : { step, leftMs };
      outer = own.first;
    }
  }
}
