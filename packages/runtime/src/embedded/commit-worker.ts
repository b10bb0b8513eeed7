import { DatabaseSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import { applyBatch } from './apply-batch.ts';
import { type BatchMessage, decodeBatch } from './batch-message.ts';
import { configure } from './schema.ts';
import { Statements } from './statements.ts';

// The thread that commits: gets a batch, puts it on disk, says so. It holds no state but the open file.

const port = parentPort!;
// Handed in by `workerCommitter`.
const db = new DatabaseSync((workerData as { readonly file: string }).file);
configure(db);
const statements = new Statements(db);

port.on('message', (batch: BatchMessage | 'close') => {
  if (batch === 'close') {
    db.close();
    port.postMessage({ closed: true });
    port.close();
    return;
  }
  try {
    port.postMessage({ results: applyBatch(db, statements, decodeBatch(batch)) });
  } catch (error) {
    port.postMessage({ failure: error instanceof Error ? error.message : String(error) });
  }
});
