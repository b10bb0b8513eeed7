import { randomUUID } from 'node:crypto';
import { copyFileSync, existsSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { backup, DatabaseSync } from 'node:sqlite';
import { RuntimeError } from '../../runtime-error.ts';
import { lockCopy } from './backup-lock.ts';
import { openReader } from './database.ts';
import { syncFile, syncFolder } from './disk-sync.ts';
import { makeOwn } from './own-file.ts';

/** More pages than any file has. */
const ALL_PAGES = 2 ** 31 - 1;

/**
 * A consistent copy of a database in use, by this process or another. In one step over a connection of its own: copied
 * in several, it would begin anew after each commit, and under load never end. The step runs on another thread. It has
 * its name once it is whole; of one that fails (`RUNTIME_BACKUP_FAILED`) nothing is left, and what is left of one whose process died is
 * taken away by the next of that name. Two to one name at one moment are not made: the second is refused (`RUNTIME_BACKUP_UNDER_WAY`).
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
  let lock: ReturnType<typeof lockCopy> | undefined;
  try {
    lock = lockCopy(to);
    removeDrafts(to);
    // For a look at the copy alone: what they are worth rests on the ones kept elsewhere. First, so that none counts what the copy has not.
    if (existsSync(`${from}.checkpoints`)) copyFileSync(`${from}.checkpoints`, `${draft}.checkpoints`);
    makeOwn(draft);
    await backup(reader, draft, { rate: ALL_PAGES });
    settle(draft);
    syncFile(draft);
    if (existsSync(`${draft}.checkpoints`)) syncFile(`${draft}.checkpoints`);
    putInPlace(draft, to);
  } catch (cause) {
    if (cause instanceof RuntimeError) throw cause;
    throw new RuntimeError('RUNTIME_BACKUP_FAILED', `${to} could not be written: ${messageOf(cause)}`, {
      cause,
    });
  } finally {
    reader.close();
    for (const suffix of ['', '-journal', '-wal', '-shm', '.checkpoints'])
      rmSync(`${draft}${suffix}`, { force: true });
    lock?.release();
  }
}

const UUID = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';

/** Those of earlier processes: whoever holds the lock is the only one at work. */
function removeDrafts(to: string): void {
  const folder = dirname(to);
  const name = `${basename(to)}.`;
  const isDraft = new RegExp(`^${UUID}\\.part(?:\\.checkpoints|-journal|-wal|-shm)?$`);
  for (const file of readdirSync(folder))
    if (file.startsWith(name) && isDraft.test(file.slice(name.length)))
      rmSync(join(folder, file), { force: true });
}

/**
 * Whoever dies in between, or loses power, leaves the older copy of that name or this one, whole, and never one beside the checkpoints of
 * the other, by which it would count as cut short or altered. So there are none for a moment; they prove nothing of a copy that it does not.
 */
function putInPlace(draft: string, to: string): void {
  const folder = dirname(to);
  // What is left of another file of this name would be read as the newest part of this one.
  for (const suffix of ['-journal', '-wal', '-shm', '.checkpoints'])
    rmSync(`${to}${suffix}`, { force: true });
  syncFolder(folder);
  renameSync(draft, to);
  syncFolder(folder);
  if (!existsSync(`${draft}.checkpoints`)) return;
  renameSync(`${draft}.checkpoints`, `${to}.checkpoints`);
  syncFolder(folder);
}

function isOneFile(one: string, other: string): boolean {
  const [a, b] = [one, other].map((file) => statSync(file, { bigint: true, throwIfNoEntry: false }));
  return a !== undefined && b !== undefined && a.ino === b.ino && a.dev === b.dev;
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
