import type { Bench } from './bench.ts';
import type { Subject } from './subject.ts';

/** What a check came to. One that looked at nothing has not passed: it says why it could not apply. */
export type Verdict =
  | { readonly looked: string; readonly problems: readonly string[] }
  | { readonly skip: string };

/**
 * One numbered promise that a connector must keep. `files` checks read manifest, contract and code; `peer` checks
 * need a transport and a peer that the kit makes itself (a closed port, a server that says nothing), so they hold for any
 * protocol; `sandbox` checks need the contract-true sandbox, which exists for HTTP contracts.
 */
export interface Check {
  /** Never changes and is never given anew. The hundreds group by subject. */
  readonly number: number;
  readonly name: string;
  /** What holds when it passes. */
  readonly title: string;
  readonly why: string;
  readonly fix: string;
  readonly needs: 'files' | 'peer' | 'sandbox';
  /** Run against a real system too (`--target`): reading only, or with effects where these are allowed. */
  readonly onTarget?: 'reads' | 'effects';
  /** Why it does not apply to this connector; `undefined` where it does. */
  readonly skip?: (subject: Subject) => string | undefined;
  readonly run: (bench: Bench) => Promise<Verdict> | Verdict;
}

/** Collects what is wrong over several things looked at, each named once. */
export class Tally {
  readonly problems: string[] = [];
  readonly #left: string[] = [];
  #looked = 0;

  look(): void {
    this.#looked += 1;
  }

  problem(text: string): void {
    this.problems.push(text);
  }

  /** `expect(isTrue, text)`: one thing looked at. */
  expect(isTrue: boolean, text: string): void {
    this.#looked += 1;
    if (!isTrue) this.problems.push(text);
  }

  /** One thing that could not be looked at, and why: it is said beside those that were. */
  leave(text: string): void {
    this.#left.push(text);
  }

  /** `things` in the plural: `3 operations`. */
  verdict(things: string, skip?: string): Verdict {
    const left = this.#left.join('; ');
    if (this.#looked === 0 && this.problems.length === 0)
      return { skip: left || (skip ?? `there are no ${things}`) };
    const looked = `${this.#looked} ${things}`;
    return { looked: left === '' ? looked : `${looked}; not looked at: ${left}`, problems: this.problems };
  }
}
