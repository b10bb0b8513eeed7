import { statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '@tenon/model';

// The thread that moves what is in the WAL into the file. It copies without holding anybody up (PASSIVE), again and again
// until little is left, and then has the writer copy the rest between two commits: the next commit begins the WAL anew. It
// never asks for the writer's lock while all goes well: SQLite waits for a lock in naps of up to 15 ms, and a commit that
// had to wait for a WAL to begin anew took 34 ms, of which the lock was held for half.

const port = parentPort!;
// Handed in by `checkpointThread`.
const { file } = workerData as { readonly file: string };

/** How often the WAL's size is looked at. */
const LOOK_EVERY_MS = 50;
/** From here on it is worth copying. */
const PAGES_WORTH = 256;
/** Beyond this it is to begin anew. */
const PAGES_MAX = 2_048;
/** So little is aimed at, a few milliseconds of the writer's time; under load more comes in while this is copied. */
const PAGES_LEFT = 128;
/** No more than this is left to the writer, unless it writes faster than this thread copies: then it has to copy as well. */
const PAGES_LEFT_MAX = 512;
const PAGES_OVERRUN = 2 * PAGES_MAX;
/** Copied in a row, each time what came in during the last: what is left then shrinks, unless the disk is too slow for it. */
const ROUNDS_MAX = 8;
/** A reader that stays in the WAL keeps it from beginning anew; beyond this the writer has to stand aside. */
const PAGES_TOO_MANY = 4 * PAGES_MAX;
/** Until that is tried again. */
const PATIENCE_MS = 5_000;

// The thread starts before the file has its schema.
let opened: DatabaseSync | undefined;
let problem = '';
/** Pages in the WAL when the writer was last asked to copy the rest: it is asked once, until more has come. */
let askedAt = 0;
/** A reader was in the way: the writer does not stand aside again before. */
let patientUntilMs = 0;

let cancel = systemClock.setTimer(LOOK_EVERY_MS, lookAgain);

function lookAgain(): void {
  cancel = systemClock.setTimer(LOOK_EVERY_MS, lookAgain);
  // No WAL, nothing to copy: the file may not even be there yet.
  if (walBytes() > 0) look();
}

function look(): void {
  try {
    opened ??= open();
    let wal = pages(opened, 'NOOP');
    if (wal.left < PAGES_WORTH && wal.all < PAGES_MAX) return;
    for (let i = 0; i < ROUNDS_MAX && wal.left > PAGES_LEFT; i++) {
      // It tells of what was there when it began; more has come in meanwhile.
      pages(opened, 'PASSIVE');
      wal = pages(opened, 'NOOP');
    }
    // With nothing left, the next commit begins it anew by itself.
    const isLittle = wal.left <= PAGES_LEFT_MAX || wal.all >= PAGES_OVERRUN;
    if (wal.all >= PAGES_MAX && wal.left > 0 && isLittle && wal.all !== askedAt) {
      askedAt = wal.all;
      port.postMessage({ nearlyDone: true });
    }
    if (wal.all >= PAGES_TOO_MANY && systemClock.now() >= patientUntilMs) {
      const isEmptied = pages(opened, 'TRUNCATE').all === 0;
      patientUntilMs = isEmptied ? 0 : systemClock.now() + PATIENCE_MS;
    }
    problem = '';
  } catch (error) {
    // What is in the WAL stays there and is on disk; it is tried again. Said once.
    const message = error instanceof Error ? error.message : String(error);
    if (message !== problem) port.postMessage({ problem: message });
    problem = message;
  }
}

/**
 * Pages in the WAL since it began anew, and those not in the file yet; none after a TRUNCATE that nobody was in the way of. An
 * SQLite before 3.51 takes NOOP for PASSIVE, and copies at each look.
 */
function pages(db: DatabaseSync, mode: 'NOOP' | 'PASSIVE' | 'TRUNCATE'): { all: number; left: number } {
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
