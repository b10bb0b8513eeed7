import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { RuntimeError } from '../../runtime-error.ts';

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
    throw new RuntimeError('RUNTIME_FILE_IN_USE', `${file} is in use by another process${ownerWords(file)}`, {
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

/** The process that seems to have the file. For a message only, as its number may be another's by now; the lock is what counts. */
export function holderOf(file: string): number | undefined {
  const pid = Number(ownerOf(file));
  if (!Number.isInteger(pid) || pid <= 0) return undefined;
  try {
    process.kill(pid, 0);
    return pid;
  } catch (error) {
    // It is there, and another user's.
    return error instanceof Error && 'code' in error && error.code === 'EPERM' ? pid : undefined;
  }
}

function ownerOf(file: string): string | undefined {
  try {
    return readFileSync(`${file}.owner`, 'utf8');
  } catch {
    return undefined;
  }
}

/** For the message only. */
function ownerWords(file: string): string {
  const owner = ownerOf(file);
  return owner === undefined ? '' : ` (process ${owner})`;
}
