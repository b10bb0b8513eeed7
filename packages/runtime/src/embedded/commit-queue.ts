import type { LedgerEntry } from '../runtime.ts';
import type { BatchResult, Group } from './apply-batch.ts';

/** Carries out one batch at a time: on this thread, or on another. */
export interface Committer {
  /** Rejects when the disk fails; then nothing of the batch is stored. */
  apply(groups: readonly Group[]): Promise<BatchResult>;
  close(): Promise<void>;
}

/** The data was refused: a broken invariant, or someone was faster. */
export class CommitRefused extends Error {}

/** The disk failed; nothing of the group is stored. */
export class CommitFailed extends Error {}

interface Waiting {
  readonly group: Group;
  readonly entries: readonly LedgerEntry[];
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** Most groups in one transaction: bounds how long the first of them waits. */
const BATCH_GROUPS_MAX = 512;

/**
 * Group commit: while one batch is on its way to the disk, the next one gathers. Groups reach the disk in the order
 * in which they were handed in.
 */
export class CommitQueue {
  readonly #committer: Committer;
  readonly #onDurable: (entries: readonly LedgerEntry[]) => void;
  readonly #onFailure: (error: Error) => void;
  readonly #waiting: Waiting[] = [];
  #isFlushing = false;
  #isFailed = false;

  constructor(
    committer: Committer,
    onDurable: (entries: readonly LedgerEntry[]) => void,
    onFailure: (error: Error) => void,
  ) {
    this.#committer = committer;
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
  commit(group: Group, entries: readonly LedgerEntry[] = []): Promise<void> {
    if (this.#isFailed) return Promise.reject(new CommitFailed('the disk failed; the runtime has stopped'));
    const durable = new Promise<void>((resolve, reject) => {
      this.#waiting.push({ group, entries, resolve, reject });
    });
    // Whoever needs to know awaits it; who does not must not crash the process.
    durable.catch(() => {});
    if (!this.#isFlushing) {
      this.#isFlushing = true;
      setImmediate(() => void this.#flush());
    }
    return durable;
  }

  async close(): Promise<void> {
    while (!this.isIdle) await new Promise((resolve) => setImmediate(resolve));
    await this.#committer.close();
  }

  async #flush(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, BATCH_GROUPS_MAX);
      let results: BatchResult;
      try {
        results = await this.#committer.apply(batch.map((waiting) => waiting.group));
      } catch (error) {
        this.#fail(batch, error);
        break;
      }
      for (const [index, waiting] of batch.entries()) {
        const refused = results[index];
        if (refused !== undefined) waiting.reject(new CommitRefused(refused));
        else {
          this.#onDurable(waiting.entries);
          waiting.resolve();
        }
      }
      // Lets what was waiting for these groups run, so that its writes join the next batch.
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.#isFlushing = false;
  }

  /** Later groups build on earlier ones: once a batch is lost, nothing more may be stored until a restart. */
  #fail(batch: readonly Waiting[], cause: unknown): void {
    this.#isFailed = true;
    const error = new CommitFailed('the disk refused a write', { cause });
    for (const waiting of [...batch, ...this.#waiting.splice(0)]) waiting.reject(error);
    this.#onFailure(error);
  }
}
