import { randomUUID } from 'node:crypto';
import {
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { backup, DatabaseSync } from 'node:sqlite';
import { RuntimeError } from '../runtime-error.ts';
import { openReader } from './database.ts';

/** More pages than any file has. */
const ALL_PAGES = 2 ** 31 - 1;

/**
 * A consistent copy of a database in use, by this process or another. In one step over a connection of its own: copied
 * in several, it would begin anew after each commit, and under load never end. The step runs on another thread. It has
 * its name once it is whole; of one that fails (`RUNTIME_BACKUP_FAILED`) nothing is left.
 */
export async function backupTo(from: string, to: string): Promise<void> {
  // Put in the place of the database, it would take from under its process the file that it writes to.
  if (isOneFile(from, to))
    throw new RuntimeError(
      'RUNTIME_BACKUP_FAILED',
      `${to} is the database itself, not a place for a copy of it`,
    );
  const reader = openReader(from);
  const draft = `${to}.${randomUUID()}.part`;
  try {
    // For a look at the copy alone: what they are worth rests on the ones kept elsewhere. First, so that none counts what the copy has not.
    if (existsSync(`${from}.checkpoints`)) copyFileSync(`${from}.checkpoints`, `${draft}.checkpoints`);
    await backup(reader, draft, { rate: ALL_PAGES });
    settle(draft);
    sync(draft);
    // What is left of another file of this name would be read as the newest part of this one.
    for (const suffix of ['-journal', '-wal', '-shm']) rmSync(`${to}${suffix}`, { force: true });
    if (existsSync(`${draft}.checkpoints`)) {
      sync(`${draft}.checkpoints`);
      renameSync(`${draft}.checkpoints`, `${to}.checkpoints`);
    }
    renameSync(draft, to);
  } catch (cause) {
    throw new RuntimeError('RUNTIME_BACKUP_FAILED', `${to} could not be written: ${messageOf(cause)}`, {
      cause,
    });
  } finally {
    reader.close();
    for (const suffix of ['', '-journal', '-wal', '-shm', '.checkpoints'])
      rmSync(`${draft}${suffix}`, { force: true });
  }
}

function isOneFile(one: string, other: string): boolean {
  const [a, b] = [one, other].map((file) => statSync(file, { bigint: true, throwIfNoEntry: false }));
  return a !== undefined && b !== undefined && a.ino === b.ino && a.dev === b.dev;
}

function sync(file: string): void {
  const handle = openSync(file, 'r+');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/** One file, whole by itself: a copy in WAL mode would get files beside it from whoever looks at it. */
function settle(file: string): void {
  const db = new DatabaseSync(file);
  try {
    db.exec('PRAGMA journal_mode = DELETE');
  } finally {
    db.close();
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
