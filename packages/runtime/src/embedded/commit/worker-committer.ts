import { Worker } from 'node:worker_threads';
import type { TreeHead } from '../../ledger/checkpoint.ts';
import type { EncryptionOptions } from '../file/data-keys.ts';
import { type BatchResult, BatchWriter, type Chore, type Scrub } from './apply-batch.ts';
import { type BatchMessage, encodeBatch } from './batch-message.ts';
import { checkpointThread } from './checkpoint-thread.ts';
import type { Committer } from './commit-queue.ts';

type Answer =
  | { readonly up: true }
  | { readonly results: BatchResult }
  | { readonly head: TreeHead }
  | { readonly scrubbed: true }
  | { readonly left: number }
  | { readonly failure: string }
  | { readonly closed: true };

function resultsOf(answer: Answer): BatchResult {
  if (!('results' in answer)) throw new Error('the commit thread answered something else');
  return answer.results;
}

/**
 * Commits on a thread of its own, so that an fsync never stalls the event loop (DESIGN §9). At most
 * two batches are on their way at a time. The thread starts at once; the file must exist with its schema when the first batch comes. Until the thread
 * is up, what is to be stored is stored on this one: the first resumed run does not wait for a thread to load its code.
 */
export function workerCommitter(
  file: string,
  onProblem: (message: string) => void = () => {},
  encryption?: EncryptionOptions,
): Committer {
  // The build renames the file; a worker is started by name.
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const worker = new Worker(new URL(`./commit-worker.${extension}`, import.meta.url), {
    workerData: { file, ...(encryption && { encryption }) },
  });
  /** What was asked and not answered yet; answers come in the same order. */
  const waiting: { resolve(answer: Answer): void; reject(error: Error): void }[] = [];
  let isOpen = true;
  let isUp = false;
  /** The writer of this thread, until the other one is up; there is never more than one that writes. */
  let early: BatchWriter | undefined;
  const closed = Promise.withResolvers<void>();

  const fail = (error: Error): void => {
    isOpen = false;
    for (const { reject } of waiting.splice(0)) reject(error);
    closed.resolve();
  };
  worker.on('message', (answer: Answer) => {
    if ('closed' in answer) return closed.resolve();
    if ('up' in answer) {
      isUp = true;
      return;
    }
    const { resolve, reject } = waiting.shift()!;
    if ('failure' in answer) reject(new Error(answer.failure));
    else resolve(answer);
  });
  worker.on('error', fail);
  worker.on('exit', () => fail(new Error('the commit thread has ended')));

  const ask = (message: BatchMessage | Chore | 'head' | Scrub): Promise<Answer> =>
    new Promise((resolve, reject) => {
      if (!isOpen) return reject(new Error('the commit thread has ended'));
      waiting.push({ resolve, reject });
      worker.postMessage(message);
    });

  const checkpoints = checkpointThread(file, onProblem, () => {
    // What fails is tried again, or fails with the next batch.
    if (isUp) ask('emptyWal').catch(() => {});
  });

  /** The writer to use while the thread is not up; lets go of it once it is. */
  const here = (): BatchWriter | undefined => {
    if (isOpen && !isUp) early ??= new BatchWriter(file, 'elsewhere', encryption);
    else {
      early?.close();
      early = undefined;
    }
    return early;
  };

  return {
    batchesMax: 2,
    apply: async (groups) => {
      const writer = here();
      if (writer !== undefined) return writer.apply(groups);
      // Not awaited here: a suspended function would hold the batch, and what is there when young objects are collected is copied.
      return ask(encodeBatch(groups)).then(resultsOf);
    },
    head: async () => {
      const writer = here();
      if (writer !== undefined) return writer.head();
      const answer = await ask('head');
      if (!('head' in answer)) throw new Error('the commit thread answered something else');
      return answer.head;
    },
    scrub: async (how) => {
      const writer = here();
      if (writer === undefined) await ask(how);
      else writer.scrub(how);
    },
    tend: async (chore) => {
      const writer = here();
      if (writer !== undefined) return writer.tend(chore);
      const answer = await ask(chore);
      if (!('left' in answer)) throw new Error('the commit thread answered something else');
      return answer.left;
    },
    close: async () => {
      // First, so that the committer is the last connection and takes the WAL with it.
      await checkpoints.close();
      early?.close();
      if (!isOpen) return;
      worker.postMessage('close');
      await closed.promise;
      await worker.terminate();
    },
  };
}
