import { mkdirSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { RecordRow, Rules } from './compare.ts';
import type { Look, Part } from './staged-records.ts';

export type StagingMessage =
  | { readonly kind: 'add'; readonly rows: readonly RecordRow[] }
  | { readonly kind: 'comparePart'; readonly part: number; readonly rules: Rules; readonly look: Look }
  | { readonly kind: 'again' }
  | { readonly kind: 'close' };

type Answer = { readonly stored: number } | { readonly part: Part } | { readonly failure: string };

/** Where the records of a comparison are kept until they are compared: see `StagedRecords`. */
export interface Staging {
  add(rows: readonly RecordRow[]): Promise<void>;
  comparePart(part: number, rules: Rules, look: Look): Promise<Part>;
  again(): Promise<void>;
  close(): Promise<void>;
}

/** Memory of the thread, beside SQLite's: one part, and records of one key. */
const HEAP_MB_MAX = 256;

/** On a thread of its own: a million records are sealed, sorted and compared while runs go on. */
export function openStaging(file: string, heapMbMax: number = HEAP_MB_MAX): Staging {
  mkdirSync(dirname(file), { recursive: true });
  // The build renames the file; a worker is started by name.
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const worker = new Worker(new URL(`./staging-worker.${extension}`, import.meta.url), {
    workerData: { file },
    resourceLimits: { maxOldGenerationSizeMb: heapMbMax },
  });
  const waiting: { resolve(answer: Answer): void; reject(error: Error): void }[] = [];
  let ended: Error | undefined;
  const fail = (error: Error): void => {
    ended ??= error;
    for (const { reject } of waiting.splice(0)) reject(error);
  };
  worker.on('message', (answer: Answer) => {
    const { resolve, reject } = waiting.shift()!;
    if ('failure' in answer) reject(new Error(answer.failure));
    else resolve(answer);
  });
  worker.on('error', fail);
  worker.on('exit', () => fail(new Error('the thread of the comparison has ended')));
  const ask = (message: StagingMessage): Promise<Answer> =>
    new Promise((resolve, reject) => {
      if (ended !== undefined) return reject(ended);
      waiting.push({ resolve, reject });
      worker.postMessage(message);
    });
  return {
    add: async (rows) => void (await ask({ kind: 'add', rows })),
    comparePart: async (part, rules, look) => {
      const answer = await ask({ kind: 'comparePart', part, rules, look });
      if (!('part' in answer)) throw new Error('the thread of the comparison answered something else');
      return answer.part;
    },
    again: async () => void (await ask({ kind: 'again' })),
    close: async () => {
      await ask({ kind: 'close' }).catch(() => undefined);
      await worker.terminate();
      // One that ran out of memory has not taken it away, and it may be gigabytes.
      rmSync(file, { force: true });
    },
  };
}
