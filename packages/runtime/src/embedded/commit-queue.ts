import type { TreeHead } from '../ledger/checkpoint.ts';
import type { LedgerEntry } from '../runtime.ts';
import type { BatchResult, Chore, Group } from './apply-batch.ts';
import type { Noted } from './ledger-rows.ts';
import type { Write } from './statements.ts';

/** Carries out one batch at a time: on this thread, or on another. */
export interface Committer {
  /** Rejects when the disk fails; then nothing of the batch is stored. */
  apply(groups: readonly Group[]): Promise<BatchResult>;
  /** The ledger's tree over all that is stored. */
  head(): Promise<TreeHead>;
  /** Empties the write-ahead log, old pages and all; rejects when a reader is in the way for long. */
  scrub(): Promise<void>;
  /** Does a slice of a chore on the file; gives how much of it is left. */
  tend(chore: Chore): Promise<number>;
  close(): Promise<void>;
}

/** The data was refused: a broken invariant, or someone was faster. */
export class CommitRefused extends Error {}

/** The disk failed; nothing of the group is stored. */
export class CommitFailed extends Error {}

/**
 * What is to be stored together or not at all. Gathering, until a batch takes it; then on its way, then durable or
 * refused. What a run writes while its group gathers joins that group: fewer groups, and one ledger row for all of it.
 */
export class PendingGroup {
  readonly durable: Promise<void>;
  readonly #writes: Write[];
  readonly #noted: Noted[];
  #isTaken = false;
  // Both are set by the promise's constructor.
  #resolve!: () => void;
  #reject!: (error: Error) => void;
  entries: readonly LedgerEntry[] = [];

  constructor(writes: readonly Write[], noted: readonly Noted[]) {
    this.#writes = [...writes];
    this.#noted = [...noted];
    this.durable = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // Whoever needs to know awaits it; who does not must not crash the process.
    this.durable.catch(() => {});
  }

  /** `false` when it is too late: the group is on its way. */
  add(writes: readonly Write[], noted: readonly Noted[]): boolean {
    if (this.#isTaken) return false;
    this.#writes.push(...writes);
    this.#noted.push(...noted);
    return true;
  }

  /** What goes to the disk. Entries get their numbers now, so that numbers have the order of the file. */
  take(seal: Seal): Group {
    this.#isTaken = true;
    const { writes, entries } = seal(this.#noted);
    this.entries = entries;
    this.#writes.push(...writes);
    return this.#writes;
  }

  settle(error?: Error): void {
    if (error === undefined) this.#resolve();
    else this.#reject(error);
  }
}

/** Makes rows and entries of what was noted. */
export type Seal = (noted: readonly Noted[]) => {
  readonly writes: readonly Write[];
  readonly entries: readonly LedgerEntry[];
};

/** Most groups in one transaction: bounds how long the first of them waits. */
const BATCH_GROUPS_MAX = 512;
/**
 * Fewest that are worth a transaction while more are about to come, and how many are told at a time. 64 gave a tenth more runs
 * a second than telling all first, with 64 and with 256 in flight; 16 gave fewer (an fsync for each few).
 */
const BATCH_GROUPS_MIN = 64;

/**
 * Group commit: while one batch is on its way to the disk, the next one gathers. Groups reach the disk in the order
 * in which they were handed in.
 */
export class CommitQueue {
  readonly #committer: Committer;
  readonly #seal: Seal;
  readonly #onDurable: (entries: readonly LedgerEntry[]) => void;
  readonly #onFailure: (error: Error) => void;
  readonly #waiting: PendingGroup[] = [];
  /** Stored or refused, and not told yet. */
  readonly #stored: { readonly group: PendingGroup; readonly refused: string | undefined }[] = [];
  /** The batch that is on its way. */
  #away: Promise<void> | undefined;
  #isFlushing = false;
  #isFailed = false;

  constructor(
    committer: Committer,
    seal: Seal,
    onDurable: (entries: readonly LedgerEntry[]) => void,
    onFailure: (error: Error) => void,
  ) {
    this.#committer = committer;
    this.#seal = seal;
    this.#onDurable = onDurable;
    this.#onFailure = onFailure;
  }

  /** Groups not on disk yet. */
  get depth(): number {
    return this.#waiting.length;
  }

  get isIdle(): boolean {
    return this.#waiting.length === 0 && !this.#isFlushing;
  }

  /** Resolves when the group is on disk. */
  commit(writes: readonly Write[], noted: readonly Noted[] = []): Promise<void> {
    return this.open(writes, noted).durable;
  }

  /** A group that can be added to while it gathers. */
  open(writes: readonly Write[], noted: readonly Noted[]): PendingGroup {
    const group = new PendingGroup(writes, noted);
    if (this.#isFailed) {
      group.settle(new CommitFailed('the disk failed; the runtime has stopped'));
      return group;
    }
    this.#waiting.push(group);
    if (!this.#isFlushing) {
      this.#isFlushing = true;
      setImmediate(() => void this.#flush());
    }
    return group;
  }

  head(): Promise<TreeHead> {
    return this.#committer.head();
  }

  scrub(): Promise<void> {
    return this.#committer.scrub();
  }

  tend(chore: Chore): Promise<number> {
    return this.#committer.tend(chore);
  }

  async settled(): Promise<void> {
    while (!this.isIdle) await new Promise((resolve) => setImmediate(resolve));
  }

  async close(): Promise<void> {
    await this.settled();
    await this.#committer.close();
  }

  /**
   * Tells those who wait a slice at a time, and hands the next batch over as soon as enough has gathered and the committer is
   * free: it works while this thread carries on the runs of the batch before. To tell all of them first would leave it idle
   * for as long; to hand over at once would make batches of one.
   */
  async #flush(): Promise<void> {
    while (!this.#isFailed) {
      const isAllTold = this.#stored.length === 0;
      if (!this.#away && this.#waiting.length >= (isAllTold ? 1 : BATCH_GROUPS_MIN))
        this.#away = this.#apply();
      if (!isAllTold) {
        this.#tell(BATCH_GROUPS_MIN);
        // Lets what was waiting for these groups run, so that its writes join the next batch.
        await new Promise((resolve) => setImmediate(resolve));
      } else if (this.#away) await this.#away;
      else break;
    }
    // What is stored is stored, whatever failed after it.
    this.#tell(this.#stored.length);
    this.#isFlushing = false;
  }

  /** Puts one batch on disk; never rejects. */
  async #apply(): Promise<void> {
    const batch = this.#waiting.splice(0, BATCH_GROUPS_MAX);
    try {
      const results = await this.#committer.apply(batch.map((group) => group.take(this.#seal)));
      for (const [index, group] of batch.entries()) this.#stored.push({ group, refused: results[index] });
    } catch (error) {
      this.#fail(batch, error);
    }
    this.#away = undefined;
  }

  /** In the order in which they were handed in. */
  #tell(count: number): void {
    for (const { group, refused } of this.#stored.splice(0, count)) {
      if (refused === undefined) this.#onDurable(group.entries);
      group.settle(refused === undefined ? undefined : new CommitRefused(refused));
    }
  }

  /** Later groups build on earlier ones: once a batch is lost, nothing more may be stored until a restart. */
  #fail(batch: readonly PendingGroup[], cause: unknown): void {
    this.#isFailed = true;
    const error = new CommitFailed('the disk refused a write', { cause });
    for (const group of [...batch, ...this.#waiting.splice(0)]) group.settle(error);
    this.#onFailure(error);
  }
}
