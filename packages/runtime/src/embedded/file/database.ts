import { existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { rowsBehindTree } from '../../ledger/tiles.ts';
import { RuntimeError } from '../../runtime-error.ts';
import { readHighWaterMark } from './high-water.ts';
import { makeOwn } from './own-file.ts';
import { configure, migrate } from './schema.ts';

/** Opens the file for writing, making or migrating it; the caller holds the lock. */
export function openDatabase(file: string, isSetBack: boolean = false): DatabaseSync {
  mkdirSync(dirname(file), { recursive: true });
  try {
    makeOwn(file);
    const db = new DatabaseSync(file);
    // Only a new file takes the page size; 4 KiB halve the throughput (DESIGN §9).
    db.exec('PRAGMA page_size = 16384; PRAGMA journal_mode = WAL');
    configure(db);
    // What a migration drops may be somebody's data.
    db.exec('PRAGMA secure_delete = ON');
    migrate(db, file);
    if (rowsBehindTree(db))
      throw new RuntimeError(
        'RUNTIME_LEDGER_ALTERED',
        `${file}: the ledger has rows that were not written by Tenon; see \`tenon audit verify\``,
      );
    if (!isSetBack) refuseBehind(db, file);
    return db;
  } catch (cause) {
    if (cause instanceof RuntimeError) throw cause;
    throw new RuntimeError('RUNTIME_FILE_UNREADABLE', `${file} cannot be opened: ${messageOf(cause)}`, {
      cause,
    });
  }
}

function refuseBehind(db: DatabaseSync, file: string): void {
  const behind = behindMark(db, file);
  if (behind !== undefined) throw behind;
}

/** A database that is behind its mark has lost commits that were acknowledged: no crash does that, a cut WAL does. */
export function behindMark(db: DatabaseSync, file: string): RuntimeError | undefined {
  // First, for whoever looks beside the process that writes: then the database can only be further.
  const mark = readHighWaterMark(file);
  const stored = db.prepare('SELECT size, last_seq FROM ledger_open').get();
  if (mark === undefined || Number(stored?.['size'] ?? 0) >= mark.size) return undefined;
  return new RuntimeError(
    'RUNTIME_LEDGER_BEHIND',
    `${file} holds ${stored?.['size'] ?? 0} rows of the ledger, up to entry ${stored?.['last_seq'] ?? 0}; the process before had stored ${mark.size}, up to entry ${mark.lastSequence}. Was ${file}-wal cut or removed, or an older copy put in place?`,
  );
}

/** A second connection that only reads: beside the writer, or in another process. */
export function openReader(file: string): DatabaseSync {
  try {
    const db = openReadOnly(file);
    db.exec('PRAGMA busy_timeout = 2000; PRAGMA cache_size = -16384');
    db.prepare('SELECT 1 FROM runs LIMIT 1').get();
    return db;
  } catch (cause) {
    throw new RuntimeError('RUNTIME_FILE_UNREADABLE', `${file} cannot be read: ${messageOf(cause)}`, {
      cause,
    });
  }
}

/** On a file system that cannot be written SQLite has no place for what readers share; without a WAL it needs none. */
function openReadOnly(file: string): DatabaseSync {
  const db = new DatabaseSync(file, { readOnly: true });
  try {
    db.prepare('SELECT 1 FROM sqlite_schema LIMIT 1').get();
    return db;
  } catch (error) {
    db.close();
    const walBytes = statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0;
    if (!existsSync(file) || walBytes > 0) throw error;
    const url = pathToFileURL(file);
    url.searchParams.set('immutable', '1');
    return new DatabaseSync(url, { readOnly: true });
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
