import { Worker } from 'node:worker_threads';
import type { BatchResult } from './apply-batch.ts';
import { encodeBatch } from './batch-message.ts';
import type { Committer } from './commit-queue.ts';

type Answer = { readonly results: BatchResult } | { readonly failure: string } | { readonly closed: true };

/**
 * Commits on a thread of its own, so that an fsync never stalls the event loop (DESIGN §9). One batch is on its way at
 * a time. The file must exist with its schema.
 */
export function workerCommitter(file: string): Committer {
  // The build renames the file; a worker is started by name.
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const worker = new Worker(new URL(`./commit-worker.${extension}`, import.meta.url), {
    workerData: { file },
  });
  let waiting: { resolve(results: BatchResult): void; reject(error: Error): void } | undefined;
  let isOpen = true;
  const closed = Promise.withResolvers<void>();

  const fail = (error: Error): void => {
    isOpen = false;
    waiting?.reject(error);
    waiting = undefined;
    closed.resolve();
  };
  worker.on('message', (answer: Answer) => {
    if ('closed' in answer) return closed.resolve();
    const { resolve, reject } = waiting!;
    waiting = undefined;
    if ('results' in answer) resolve(answer.results);
    else reject(new Error(answer.failure));
  });
  worker.on('error', fail);
  worker.on('exit', () => fail(new Error('the commit thread has ended')));

  return {
    apply: (groups) =>
      new Promise((resolve, reject) => {
        if (!isOpen) return reject(new Error('the commit thread has ended'));
        waiting = { resolve, reject };
        worker.postMessage(encodeBatch(groups));
      }),
    close: async () => {
      if (!isOpen) return;
      worker.postMessage('close');
      await closed.promise;
      await worker.terminate();
    },
  };
}
