import { parentPort, workerData } from 'node:worker_threads';
import { StagedRecords } from './staged-records.ts';
import type { StagingMessage } from './staging.ts';

// The thread that holds the records of one comparison: takes them in batches, says when each is stored, and holds them against
// each other a part at a time, so that neither memory nor the event loop grows with them.

const port = parentPort!;
// Handed in by `openStaging`.
const records = new StagedRecords((workerData as { readonly file: string }).file);

port.on('message', (message: StagingMessage) => {
  try {
    port.postMessage(answer(message));
  } catch (error) {
    port.postMessage({ failure: error instanceof Error ? error.message : String(error) });
  }
  if (message.kind === 'close') port.close();
});

function answer(message: StagingMessage): object {
  switch (message.kind) {
    case 'add':
      records.add(message.rows);
      return { stored: message.rows.length };
    case 'comparePart':
      return { part: records.comparePart(message.part, message.rules, message.look) };
    case 'again':
      records.again();
      return { stored: 0 };
    case 'close':
      records.close();
      return { stored: 0 };
  }
}
