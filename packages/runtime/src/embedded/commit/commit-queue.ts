import type { TreeHead } from '../../ledger/checkpoint.ts';
import type { LedgerEntry } from '../../runtime.ts';
import { RuntimeError } from '../../runtime-error.ts';
import type { Noted } from '../file/ledger-rows.ts';
import { joinedEnds, type Write } from '../file/statements.ts';
import type { BatchResult, Chore, Group, Scrub } from './apply-batch.ts';

/** Carries out one batch after the other: on this thread, or on another. */
export interface Committer {
  /** How many batches may be on their way to it: the next one then begins where the one before has ended. */
  readonly batchesMax: number;
  /** How the queue goes about it, where not as usual: a simulation has tens of groups where a server has thousands. */
  readonly pace?: Pace;
  /** Rejects when the disk fails; then nothing of the batch is stored, and nothing of any after it. */
  apply(groups: readonly Group[]): Promise<BatchResult>;
  /** The ledger's tree over all that is stored. */
  head(): Promise<TreeHead>;
  /** Takes out what was overwritten; rejects when a reader is in the way for long. */
  scrub(how: Scrub): Promise<void>;
  /** Does a slice of a chore on the file; gives how much of it is left. */
  tend(chore: Chore): Promise<number>;
  close(): Promise<void>;
}

export interface Pace {
  /** Fewest groups that are worth a transaction while more are about to come. */
  readonly groupsMin: number;
  /** Groups that are told at a time what became of them. */
  readonly toldAtOnce: number;
}

/** The data was refused: a broken invariant, or someone was faster. */
export class CommitRefused extends Error {}

/** The disk failed: nothing of the group counts as stored, and nothing more is until a restart. */
export class CommitFailed extends RuntimeError {
  constructor(message: string, options?: ErrorOptions) {
    super('RUNTIME_DISK_FAILED', message, options);
  }
}

/**
 * What is to be stored together or not at all. Gathering, until a batch takes it; then on its way, then durable or
 * refused. What a run writes while its group gathers joins that group: fewer groups, and one ledger row for all of it.
 */
export class PendingGroup {
  #writes: Write[];
  #noted: Noted[];
  #last: (() => readonly Write[]) | undefined;
  #isTaken = false;
  #end: { readonly error: Error | undefined } | undefined;
  /** Nearly always one or two; a promise for each group and each that waits for it was a tenth of what a run allocates. */
  #listeners: ((error: Error | undefined) => void)[] = [];
  entries: readonly LedgerEntry[] = [];

  constructor(writes: readonly Write[], noted: readonly Noted[]) {
    this.#writes = [...writes];
    this.#noted = [...noted];
  }

  /** Resolves when it is on disk; rejects when it never will be. */
  get durable(): Promise<void> {
    const durable = new Promise<void>((resolve, reject) =>
      this.onEnd((error) => (error === undefined ? resolve() : reject(error))),
    );
    // Whoever needs to know awaits it; who does not must not crash the process.
    durable.catch(() => {});
    return durable;
  }

  /** Tells, in the order of asking, when it is on disk, or why it never will be; at once if that is known. */
  onEnd(listener: (error: Error | undefined) => void): void {
    if (this.#end === undefined) this.#listeners.push(listener);
    else listener(this.#end.error);
  }

  /** `false` when it is too late: the group is on its way. */
  add(writes: readonly Write[], noted: readonly Noted[]): boolean {
    if (this.#isTaken) return false;
    this.#writes.push(...writes);
    this.#noted.push(...noted);
    return true;
  }

  /** What is to be written too, decided when the group's place in the file is: by then all that is written before is known. */
  atLast(decide: () => readonly Write[]): void {
    this.#last = decide;
  }

  /** What goes to the disk. Entries get their numbers now, so that numbers have the order of the file. */
  take(seal: Seal): Group {
    const group = this.#writes;
    const { writes, entries } = seal(this.#noted);
    group.push(...writes);
    if (this.#last !== undefined) group.push(...this.#last());
    this.entries = entries;
    this.#isTaken = true;
    // Held no longer than needed: what is there when young objects are collected is copied.
    this.#writes = [];
    this.#noted = [];
    return joinedEnds(group);
  }

  settle(error?: Error): void {
    this.#end = { error };
    const listeners = this.#listeners;
    this.#listeners = [];
    for (const tell of listeners) tell(error);
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
 * With 64 in flight, 16 gave a tenth more runs a second than 64, since the committer then stores one half of them while this
 * thread carries on the other; 8 gave fewer (an fsync for each few).
 */
const PACE: Pace = { groupsMin: 16, toldAtOnce: 32 };

/**
 * Group commit: while batches are on their way to the disk, the next one gathers. Groups reach the disk in the order in
 * which they were handed in.
 */
export class CommitQueue {
  readonly #committer: Committer;
  readonly #pace: Pace;
  readonly #seal: Seal;
  readonly #onDurable: (entries: readonly LedgerEntry[]) => void;
  readonly #onFailure: (error: Error) => void;
  readonly #waiting: PendingGroup[] = [];
  /** Stored or refused, and not told yet. */
  readonly #stored: { readonly group: PendingGroup; readonly refused: string | undefined }[] = [];
  /** Sizes of the batches that are on their way, first the one that is being stored. */
  readonly #away: number[] = [];
  /** Hands in what came in this turn of the loop; called in every turn in which something is to be gathered or handed over. */
  readonly #gather: () => void;
  /** Told when all is settled. */
  readonly #unsettled: (() => void)[] = [];
  #isToGather = false;
  #isScheduled = false;
  #isFailed = false;

  constructor(
    committer: Committer,
    seal: Seal,
    onDurable: (entries: readonly LedgerEntry[]) => void,
    onFailure: (error: Error) => void,
    gather: () => void = () => {},
  ) {
    this.#gather = gather;
    this.#committer = committer;
    this.#pace = committer.pace ?? PACE;
    this.#seal = seal;
    this.#onDurable = onDurable;
    this.#onFailure = onFailure;
  }

  /** Groups not on disk yet. */
  get depth(): number {
    return this.#waiting.length;
  }

  get isIdle(): boolean {
    return !this.#isScheduled && this.#away.length === 0 && this.#waiting.length === 0;
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
    this.#schedule();
    return group;
  }

  /** Something is to be gathered before the next batch is made up. */
  soon(): void {
    this.#isToGather = true;
    this.#schedule();
  }

  head(): Promise<TreeHead> {
    return this.#committer.head();
  }

  scrub(how: Scrub): Promise<void> {
    return this.#committer.scrub(how);
  }

  tend(chore: Chore): Promise<number> {
    return this.#committer.tend(chore);
  }

  /** Resolves when nothing is on its way and nothing waits. Told, not asked for in each turn: a queue that never settles costs nothing. */
  async settled(): Promise<void> {
    while (!this.isIdle) await new Promise<void>((resolve) => this.#unsettled.push(resolve));
  }

  #tellSettled(): void {
    if (this.#unsettled.length === 0 || !this.isIdle) return;
    for (const tell of this.#unsettled.splice(0)) tell();
  }

  async close(): Promise<void> {
    await this.settled();
    await this.#committer.close();
  }

  /** Once for all that comes in one turn of the loop. */
  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    // Between the two, what has come goes as far as it can without the disk: a run's first step joins the write that stores it.
    setImmediate(() => {
      this.#isToGather = false;
      this.#gather();
    });
    setImmediate(() => {
      this.#isScheduled = false;
      this.#pump();
      // It came in between.
      if (this.#isToGather) this.#schedule();
      this.#tellSettled();
    });
  }

  /**
   * Hands over what has gathered as soon as it is worth a batch, and tells those who wait a slice at a time: the committer works
   * while this thread carries on the runs of the batch before. To tell all of them first would leave it idle for as long; to hand
   * over at once would make batches of one.
   */
  #pump(): void {
    if (!this.#isFailed && this.#isWorthABatch()) this.#apply();
    if (this.#stored.length === 0) return;
    // What is stored is stored, whatever failed after it.
    this.#tell(this.#isFailed ? this.#stored.length : this.#pace.toldAtOnce);
    // Lets what was waiting for these groups run, so that its writes join the next batch.
    this.#schedule();
  }

  #isWorthABatch(): boolean {
    const gathered = this.#waiting.length;
    if (gathered === 0 || this.#away.length >= this.#committer.batchesMax) return false;
    const [first] = this.#away;
    if (first !== undefined) return gathered >= Math.max(this.#pace.groupsMin, first);
    return this.#stored.length === 0 || gathered >= this.#pace.groupsMin;
  }

  /** Puts one batch on disk. */
  #apply(): void {
    const batch = this.#waiting.splice(0, BATCH_GROUPS_MAX);
    this.#away.push(batch.length);
    this.#handOver(batch).then(
      (results) => {
        this.#away.shift();
        for (const [index, group] of batch.entries()) this.#stored.push({ group, refused: results[index] });
        this.#pump();
        this.#tellSettled();
      },
      (error: unknown) => {
        this.#away.shift();
        this.#fail(batch, error);
        this.#pump();
        this.#tellSettled();
      },
    );
  }

  /** Rejects also where a group cannot be made up: what comes after it may build on it. */
  async #handOver(batch: readonly PendingGroup[]): Promise<BatchResult> {
    return this.#committer.apply(batch.map((group) => group.take(this.#seal)));
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
    const error = new CommitFailed('the disk refused a write', { cause });
    const isFirst = !this.#isFailed;
    this.#isFailed = true;
    for (const group of [...batch, ...this.#waiting.splice(0)]) group.settle(error);
    if (isFirst) this.#onFailure(error);
  }
}
