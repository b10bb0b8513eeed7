import { closeSync, openSync, realpathSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { RuntimeError } from '../../runtime-error.ts';

/** Copies that this process makes: SQLite's lock is between processes, and opening its file besides would let it go. */
const underWay = new Set<string>();

/**
 * One copy to a name at a time (`RUNTIME_BACKUP_UNDER_WAY`): two would put the one beside the checkpoints of the other. As that of a
 * database, it is a lock of the kernel, which goes with its process; its file goes with the copy, as it lies among those that people keep.
 */
export function lockCopy(to: string): { release(): void } {
  const name = join(realpathSync(dirname(to)), basename(to));
  if (underWay.has(name)) throw isUnderWay(to);
  const file = `${name}.part.lock`;
  closeSync(openSync(file, 'a'));
  const before = inodeOf(file);
  const db = new DatabaseSync(file);
  try {
    db.exec('PRAGMA journal_mode = DELETE; PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE');
    // Whoever held it may have ended in between, and taken away the file that this is the lock of.
    if (inodeOf(file) !== before) throw isUnderWay(to);
  } catch (cause) {
    db.close();
    throw isBusy(cause) ? isUnderWay(to) : cause;
  }
  underWay.add(name);
  return {
    release: () => {
      underWay.delete(name);
      rmSync(file, { force: true });
      db.close();
    },
  };
}

function inodeOf(file: string): bigint | undefined {
  return statSync(file, { bigint: true, throwIfNoEntry: false })?.ino;
}

const SQLITE_BUSY = 5;

function isBusy(cause: unknown): boolean {
  return cause instanceof Error && 'errcode' in cause && (Number(cause.errcode) & 0xff) === SQLITE_BUSY;
}

function isUnderWay(to: string): RuntimeError {
  return new RuntimeError('RUNTIME_BACKUP_UNDER_WAY', `another copy is being written to ${to}`);
}
