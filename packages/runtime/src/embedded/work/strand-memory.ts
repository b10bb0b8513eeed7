import type { Remembered } from './run-context.ts';

/** What is remembered of one strand, whichever object carries it out. */
export interface StrandMemory {
  /** Rows in the journal that the strand asks for again on each re-execution. */
  recorded: number;
  /** When the last of them was recorded, or earlier (as `passed`). */
  lastRecordAt: number;
  /** A process before may have begun what the strand is about to do. */
  isInterrupted: boolean;
  /** Places at which it has failed of itself. */
  failures: number;
  /** How many rows it had asked for when it came to the last of them. */
  failedAfter: number;
}

/** Begins the keys of rows that say where a strand has failed of itself. */
export const FAILED = '#failed/';

/** A strand has failed of itself once it had asked for so many rows. */
export function failedAt(memory: StrandMemory, rows: number): void {
  memory.failures++;
  memory.failedAfter = Math.max(memory.failedAfter, rows);
}

/** What is remembered of a run's strands: counted of its own at once, of all others when first asked. */
export class StrandMemories {
  readonly root: StrandMemory;
  readonly #journal: ReadonlyMap<string, Remembered>;
  /** As `passed`. */
  readonly #acceptedAt: number;
  readonly #wasInterrupted: boolean;
  #forked: Map<string, StrandMemory> | undefined;

  /** `wasInterrupted`: a process before had taken the run, and not brought it to an end or a wait. */
  constructor(journal: ReadonlyMap<string, Remembered>, acceptedAt: number, wasInterrupted: boolean) {
    this.#journal = journal;
    this.#acceptedAt = acceptedAt;
    this.#wasInterrupted = wasInterrupted;
    this.root = this.#made(wasInterrupted);
    for (const [key, { at }] of journal) if (!key.startsWith('#') && !key.includes('|')) count(this.root, at);
  }

  /** Is any of them still to find out what a process before has begun? */
  get isInterrupted(): boolean {
    if (!this.#wasInterrupted) return false;
    if (this.#forked === undefined) return this.root.isInterrupted;
    return this.root.isInterrupted || [...this.#forked.values()].some(({ isInterrupted }) => isInterrupted);
  }

  /** Has the run forked in this activation? */
  get isForked(): boolean {
    return this.#forked !== undefined;
  }

  /** Of the strand whose keys begin with `prefix`. */
  of(prefix: string): StrandMemory {
    if (this.#forked === undefined) {
      this.#forked = new Map();
      // Written by `failed` of a strand, with a number.
      for (const [key, { at, value }] of this.#journal)
        if (key.startsWith(FAILED)) failedAt(this.#of(strandOf(key.slice(FAILED.length))), Number(value));
        else if (!key.startsWith('#') && key.includes('|')) {
          const memory = this.#of(strandOf(key));
          count(memory, at);
          memory.isInterrupted = this.#wasInterrupted;
        }
    }
    return this.#of(prefix);
  }

  /** A value came for the strand that waits under a key. */
  came(key: string, at: number): void {
    count(this.#of(strandOf(key)), at);
  }

  #of(prefix: string): StrandMemory {
    const known = this.#forked?.get(prefix);
    if (known !== undefined) return known;
    const made = this.#made(false);
    this.#forked?.set(prefix, made);
    return made;
  }

  #made(isInterrupted: boolean): StrandMemory {
    return { recorded: 0, lastRecordAt: this.#acceptedAt, isInterrupted, failures: 0, failedAfter: 0 };
  }
}

/** The prefix of the strand that a journal key belongs to. */
function strandOf(key: string): string {
  return key.slice(0, key.lastIndexOf('|') + 1);
}

function count(memory: StrandMemory, at: number): void {
  memory.recorded++;
  if (at > memory.lastRecordAt) memory.lastRecordAt = at;
}
