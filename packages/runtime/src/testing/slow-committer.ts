import type { BatchResult, Group } from '../embedded/commit/apply-batch.ts';
import type { Committer, Pace } from '../embedded/commit/commit-queue.ts';

/** A batch that was handed over and not answered. */
export interface UnderWay {
  readonly groups: readonly Group[];
  /** It is on the disk, and its answer on the way. */
  isWritten: boolean;
}

export interface Slowness {
  readonly pace: Pace;
  /** Turns of the loop that go by before a batch is written, or before its answer is there. */
  turns(): number;
}

/** As many as the commit thread takes. */
const BATCHES_MAX = 2;

/**
 * Makes batches take time, as on a thread of their own: handed over → written some turns of the loop later, when it is their
 * turn → answered some turns after that. What is asked is answered in the order of asking.
 */
export function slowCommitter(
  committer: Committer,
  { pace, turns }: Slowness,
  underWay: UnderWay[],
  { isDead, onTurn }: { isDead(): boolean; onTurn(): void },
): Committer {
  /** What was asked before is carried out, and answered. */
  let done: Promise<unknown> = Promise.resolve();
  let answered: Promise<unknown> = Promise.resolve();

  const pass = async (count: number): Promise<void> => {
    for (let left = count; left > 0 && !isDead(); left--) {
      await new Promise((resolve) => setImmediate(resolve));
      if (!isDead()) onTurn();
    }
    // Killed meanwhile: nothing more of it reaches the disk, and nobody is answered.
    if (isDead()) await new Promise(() => {});
  };
  /** Carries it out after what was asked before, and answers after that was answered. */
  const inOrder = <T>(work: () => Promise<T>, onItsWay: () => Promise<void> = async () => {}): Promise<T> => {
    const own = done.then(work);
    const before = answered;
    const answer = before.then(async () => {
      try {
        return await own;
      } finally {
        await onItsWay();
      }
    });
    done = own.catch(() => {});
    answered = answer.catch(() => {});
    return answer;
  };
  const write = async (batch: UnderWay): Promise<BatchResult> => {
    await pass(turns());
    batch.isWritten = true;
    return committer.apply(batch.groups);
  };

  return {
    batchesMax: BATCHES_MAX,
    pace,
    apply: (groups) => {
      const batch: UnderWay = { groups, isWritten: false };
      underWay.push(batch);
      return inOrder(
        () => write(batch),
        async () => {
          await pass(turns());
          underWay.shift();
        },
      );
    },
    head: () => inOrder(() => committer.head()),
    scrub: (how) => inOrder(() => committer.scrub(how)),
    tend: (chore) => inOrder(() => committer.tend(chore)),
    close: () => inOrder(() => committer.close()),
  };
}
