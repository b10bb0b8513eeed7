import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { RuntimeError } from '../runtime-error.ts';

/**
 * One process at a time: holds an exclusive SQLite lock on a file beside the database. The kernel lets it go when the
 * process ends, however it ends, so nothing stale can remain; a pid file could.
 */
export function lockFile(file: string): { release(): void } {
  let db: DatabaseSync;
  try {
    mkdirSync(dirname(file), { recursive: true });
    db = new DatabaseSync(`${file}.lock`);
    writeFileSync(`${file}.owner`, '', { flag: 'a' });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new RuntimeError('RUNTIME_FILE_UNREADABLE', `nothing can be written beside ${file}: ${why}`, {
      cause,
    });
  }
  try {
    db.exec(
      'PRAGMA journal_mode = DELETE; PRAGMA locking_mode = EXCLUSIVE; PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE',
    );
  } catch (cause) {
    db.close();
    throw new RuntimeError('RUNTIME_FILE_IN_USE', `${file} is in use by another process${ownerOf(file)}`, {
      cause,
    });
  }
  writeFileSync(`${file}.owner`, String(process.pid));
  return {
    release: () => {
      db.close();
      rmSync(`${file}.owner`, { force: true });
    },
  };
}

/** For the message only; the lock is what counts. */
function ownerOf(file: string): string {
  try {
    return ` (process ${readFileSync(`${file}.owner`, 'utf8')})`;
  } catch {
    return '';
  }
}
