import { parentPort, workerData } from 'node:worker_threads';
import type { EncryptionOptions } from '../file/data-keys.ts';
import { BatchWriter, type Chore, type Scrub } from './apply-batch.ts';
import { type BatchMessage, decodeBatch } from './batch-message.ts';

// The thread that commits: gets a batch, puts it on disk, says so. It holds no state but the open file.

const port = parentPort!;
// Handed in by `workerCommitter`.
const { file, encryption } = workerData as { readonly file: string; readonly encryption?: EncryptionOptions };
// The thread starts before the file has its schema.
let opened: BatchWriter | undefined;
const writer = (): BatchWriter => (opened ??= new BatchWriter(file, 'elsewhere', encryption));

port.on('message', (message: BatchMessage | Chore | 'head' | Scrub | 'close') => {
  if (message === 'close') {
    opened?.close();
    port.postMessage({ closed: true });
    port.close();
    return;
  }
  try {
    port.postMessage(answer(message));
  } catch (error) {
    port.postMessage({ failure: error instanceof Error ? error.message : String(error) });
  }
});

function answer(message: BatchMessage | Chore | 'head' | Scrub): object {
  if (message === 'head') return { head: writer().head() };
  if (message === 'writeAnew' || message === 'emptyLog') {
    writer().scrub(message);
    return { scrubbed: true };
  }
  if (typeof message === 'string') return { left: writer().tend(message) };
  return { results: writer().apply(decodeBatch(message)) };
}

port.postMessage({ up: true });
