import { Worker } from 'node:worker_threads';

/**
 * Keeps the WAL small from a thread of its own: copying its pages into the file takes an fsync of all that changed,
 * which a commit must never wait for. Used together with a committer that leaves checkpoints alone.
 */
export function checkpointThread(
  file: string,
  onProblem: (message: string) => void,
  /** Told when so little is left in the WAL that the writer can copy it between two commits. */
  onNearlyDone: () => void,
): { close(): Promise<void> } {
  // The build renames the file; a worker is started by name.
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const worker = new Worker(new URL(`./checkpoint-worker.${extension}`, import.meta.url), {
    workerData: { file },
  });
  let isOpen = true;
  const closed = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
  worker.on('message', (message: { readonly problem: string } | { readonly nearlyDone: true }) => {
    if ('problem' in message) onProblem(message.problem);
    else onNearlyDone();
  });
  worker.on('error', (error: Error) => onProblem(error.message));
  void closed.then(() => {
    isOpen = false;
  });
  return {
    close: async () => {
      if (isOpen) worker.postMessage('close');
      await closed;
    },
  };
}
