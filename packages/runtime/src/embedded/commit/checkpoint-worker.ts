import { statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '@tenon/model';
import { type Checkpoint, WalKeeper } from './wal-keeper.ts';

// The thread on which a `WalKeeper` looks at the WAL.

const port = parentPort!;
// Handed in by `checkpointThread`.
const { file } = workerData as { readonly file: string };

/** How often the WAL's size is looked at. */
const LOOK_EVERY_MS = 50;

// The thread starts before the file has its schema.
let opened: DatabaseSync | undefined;
const keeper = new WalKeeper((mode) => {
  opened ??= open();
  return checkpointOf(opened, mode);
}, systemClock);
let problem: string | undefined;

let cancel = systemClock.setTimer(LOOK_EVERY_MS, lookAgain);

function lookAgain(): void {
  cancel = systemClock.setTimer(LOOK_EVERY_MS, lookAgain);
  // No WAL, nothing to copy: the file may not even be there yet.
  if (walBytes() > 0) look();
}

/** What is in the WAL stays there and is on disk; it is tried again. Said once. */
function look(): void {
  const message = looked();
  if (message !== undefined && message !== problem) port.postMessage({ problem: message });
  problem = message;
}

function looked(): string | undefined {
  try {
    return keeper.look(() => port.postMessage({ nearlyDone: true }));
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** An SQLite before 3.51 takes NOOP for PASSIVE, and copies at each look. */
function checkpointOf(db: DatabaseSync, mode: Parameters<Checkpoint>[0]): ReturnType<Checkpoint> {
  const row = db.prepare(`PRAGMA wal_checkpoint(${mode})`).get();
  const all = Number(row?.['log'] ?? 0);
  return { all, left: all - Number(row?.['checkpointed'] ?? 0) };
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
