import { statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '@tenon/model';

// The thread that moves what is in the WAL into the file, so that no commit ever waits for it. It looks at the WAL's size,
// copies without holding anybody up (PASSIVE), and only when the WAL has grown past its bound asks the writer to stand
// aside for the few pages that are left then, so that the WAL begins anew.

const port = parentPort!;
// Handed in by `checkpointThread`.
const { file } = workerData as { readonly file: string };

/** How often the WAL's size is looked at. */
const LOOK_EVERY_MS = 50;
/** From here on it is worth copying. */
const WAL_BYTES_WORTH = 4 << 20;
/** Beyond this the WAL begins anew, if need be between two commits. */
const WAL_BYTES_MAX = 64 << 20;

// The thread starts before the file has its schema.
let opened: DatabaseSync | undefined;
let copiedBytes = 0;
let problem = '';

let cancel = systemClock.setTimer(LOOK_EVERY_MS, lookAgain);

function lookAgain(): void {
  cancel = systemClock.setTimer(LOOK_EVERY_MS, lookAgain);
  look();
}

function look(): void {
  const bytes = walBytes();
  // A WAL that began anew is as long as it ever was; only a longer one has something new for sure.
  if (bytes < copiedBytes) copiedBytes = 0;
  if (bytes - copiedBytes < WAL_BYTES_WORTH && bytes < WAL_BYTES_MAX) return;
  try {
    opened ??= open();
    opened.exec('PRAGMA wal_checkpoint(PASSIVE)');
    copiedBytes = bytes;
    if (bytes >= WAL_BYTES_MAX) {
      opened.exec('PRAGMA wal_checkpoint(TRUNCATE)');
      copiedBytes = 0;
    }
    problem = '';
  } catch (error) {
    // What is in the WAL stays there and is on disk; it is tried again. Said once.
    const message = error instanceof Error ? error.message : String(error);
    if (message !== problem) port.postMessage({ problem: message });
    problem = message;
  }
}

function open(): DatabaseSync {
  const db = new DatabaseSync(file);
  db.exec('PRAGMA synchronous = FULL; PRAGMA busy_timeout = 250; PRAGMA wal_autocheckpoint = 0');
  return db;
}

function walBytes(): number {
  return statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0;
}

port.on('message', () => {
  cancel();
  opened?.close();
  port.close();
});
