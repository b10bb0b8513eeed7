import type { SteadyClock } from '@tenon/model';
import { listed, openStates } from '../../states.ts';
import type { Statements } from '../file/statements.ts';
import { nextTurn } from '../next-turn.ts';

/** Runs looked at in a state when somebody asks; where there are more, all are gone through beside everything else. */
const AT_ONCE_MAX = 1_000;
/** Runs of a state looked at before others get their turn. */
const SLICE = 1_000;
/** How long what was found so is good for: until then a plan may count that nothing keeps to any more. */
const GOOD_FOR_MS = 300_000;

/** What looking takes besides the file. */
interface Looking {
  readonly clock: SteadyClock;
  readonly isStopping: () => boolean;
  readonly busy: (work: () => Promise<void>) => Promise<void>;
}

/**
 * Plans that runs which have not ended keep to. A few runs are looked at whenever somebody asks. Many are gone through once in a while, and what
 * that finds is never less than there is: a plan that nothing keeps to, and that nothing begins with, gets a run again
 * only as the child of one that is found itself. So what was in force since is added, and nothing else.
 */
export class OpenPlans {
  readonly #read: Statements;
  readonly #looking: Looking;
  #found: { readonly hashes: ReadonlySet<string>; readonly atMs: number } | undefined;
  #isLooking = false;
  /** In force since the last look was begun, and before it, since the one before. A run of the latter may have been on its way to the disk as it was begun. */
  #inForce: ReadonlySet<string> = new Set();
  #before: ReadonlySet<string> = new Set();

  constructor(read: Statements, looking: Looking) {
    this.#read = read;
    this.#looking = looking;
  }

  /** Something begins with it from now on. */
  begins(hash: string): void {
    this.#inForce = new Set(this.#inForce).add(hash);
  }

  /** Their hashes, or `any` where that is not known yet. `inForce`: hashes of those with which something begins. */
  hashes(inForce: Iterable<string>): ReadonlySet<string> | 'any' {
    const few = this.#few();
    if (few !== undefined) return few;
    const ageMs = this.#looking.clock.steady() - (this.#found?.atMs ?? Number.NEGATIVE_INFINITY);
    if (!this.#isLooking && ageMs >= GOOD_FOR_MS) {
      this.#isLooking = true;
      this.#before = new Set([...this.#before, ...this.#inForce]);
      this.#inForce = new Set(inForce);
      // A file that cannot be read is said where a run needs it.
      void this.#looking.busy(() => this.#look()).catch(() => {});
    }
    return this.#found === undefined
      ? 'any'
      : new Set([...this.#found.hashes, ...this.#before, ...this.#inForce]);
  }

  #few(): ReadonlySet<string> | undefined {
    // All states in one statement: a run that moves from one to another between two of them would be seen in none.
    const rows = this.#read.of(FEW).all();
    const counts = new Map<unknown, number>();
    for (const { state, n } of rows) counts.set(state, (counts.get(state) ?? 0) + Number(n));
    if ([...counts.values()].includes(AT_ONCE_MAX)) return undefined;
    return new Set(rows.map((row) => String(row['plan_hash'])));
  }

  async #look(): Promise<void> {
    try {
      const hashes = new Set<string>(this.#before);
      const last = Number(this.#read.of('SELECT max(seq) AS n FROM runs').get()?.['n'] ?? 0);
      for (let after = 0; after < last; ) {
        const upTo = this.#sliceEnd(after, last);
        // By number, and all states in one statement as well.
        for (const row of this.#read.of(IN_SLICE).all(after, upTo)) hashes.add(String(row['plan_hash']));
        after = upTo;
        await nextTurn();
        if (this.#looking.isStopping()) return;
      }
      this.#found = { hashes, atMs: this.#looking.clock.steady() };
      this.#before = new Set();
    } finally {
      this.#isLooking = false;
    }
  }

  #sliceEnd(after: number, last: number): number {
    return openStates.reduce((end, state) => {
      const row = this.#read.of(NTH_OF_STATE).get(state, after, SLICE - 1);
      return row === undefined ? end : Math.min(end, Number(row['seq']));
    }, last);
  }
}

const FEW = openStates
  .map(
    (state) => `SELECT '${state}' AS state, plan_hash, count(*) AS n FROM
      (SELECT plan_hash FROM runs WHERE state = '${state}' AND state <> 'succeeded' LIMIT ${AT_ONCE_MAX}) GROUP BY plan_hash`,
  )
  .join(' UNION ALL ');
const IN_SLICE = `SELECT DISTINCT plan_hash FROM runs
  WHERE state IN (${listed(openStates)}) AND state <> 'succeeded' AND seq > ? AND seq <= ?`;
const NTH_OF_STATE =
  "SELECT seq FROM runs WHERE state = ? AND state <> 'succeeded' AND seq > ? ORDER BY seq LIMIT 1 OFFSET ?";
