import { closeSync, fsyncSync, openSync } from 'node:fs';
import { backup, DatabaseSync } from 'node:sqlite';
import { openReader } from './database.ts';

/** More pages than any file has. */
const ALL_PAGES = 2 ** 31 - 1;

/**
 * A consistent copy of a database in use, by this process or another. In one step over a connection of its own: copied
 * in several, it would begin anew after each commit, and under load never end. The step runs on another thread.
 */
export async function backupTo(from: string, to: string): Promise<void> {
  const reader = openReader(from);
  try {
    await backup(reader, to, { rate: ALL_PAGES });
  } finally {
    reader.close();
  }
  settle(to);
  const handle = openSync(to, 'r+');
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
