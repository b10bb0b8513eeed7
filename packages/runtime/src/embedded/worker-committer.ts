import { Worker } from 'node:worker_threads';
import type { TreeHead } from '../ledger/checkpoint.ts';
import type { BatchResult, Chore } from './apply-batch.ts';
import { type BatchMessage, encodeBatch } from './batch-message.ts';
import { checkpointThread } from './checkpoint-thread.ts';
import type { Committer } from './commit-queue.ts';
import type { EncryptionOptions } from './data-keys.ts';

type Answer =
  | { readonly results: BatchResult }
  | { readonly head: TreeHead }
  | { readonly scrubbed: true }
  | { readonly left: number }
  | { readonly failure: string }
  | { readonly closed: true };

/**
 * Commits on a thread of its own, so that an fsync never stalls the event loop (DESIGN §9). One batch is on its way at
 * a time. The thread starts at once; the file must exist with its schema when the first batch comes.
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
  const closed = Promise.withResolvers<void>();

  const fail = (error: Error): void => {
    isOpen = false;
    for (const { reject } of waiting.splice(0)) reject(error);
    closed.resolve();
  };
  worker.on('message', (answer: Answer) => {
    if ('closed' in answer) return closed.resolve();
    const { resolve, reject } = waiting.shift()!;
    if ('failure' in answer) reject(new Error(answer.failure));
    else resolve(answer);
  });
  worker.on('error', fail);
  worker.on('exit', () => fail(new Error('the commit thread has ended')));

  const checkpoints = checkpointThread(file, onProblem);
  const ask = (message: BatchMessage | Chore | 'head' | 'scrub'): Promise<Answer> =>
    new Promise((resolve, reject) => {
      if (!isOpen) return reject(new Error('the commit thread has ended'));
      waiting.push({ resolve, reject });
      worker.postMessage(message);
    });

  return {
    apply: async (groups) => {
      const answer = await ask(encodeBatch(groups));
      if (!('results' in answer)) throw new Error('the commit thread answered something else');
      return answer.results;
    },
    head: async () => {
      const answer = await ask('head');
      if (!('head' in answer)) throw new Error('the commit thread answered something else');
      return answer.head;
    },
    scrub: async () => void (await ask('scrub')),
    tend: async (chore) => {
      const answer = await ask(chore);
      if (!('left' in answer)) throw new Error('the commit thread answered something else');
      return answer.left;
    },
    close: async () => {
      // First, so that the committer is the last connection and takes the WAL with it.
      await checkpoints.close();
      if (!isOpen) return;
      worker.postMessage('close');
      await closed.promise;
      await worker.terminate();
    },
  };
}
