import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { rowsBehindTree } from '../ledger/tiles.ts';
import { RuntimeError } from '../runtime-error.ts';
import { configure, migrate } from './schema.ts';

/** Opens the file for writing, making or migrating it; the caller holds the lock. */
export function openDatabase(file: string): DatabaseSync {
  mkdirSync(dirname(file), { recursive: true });
  try {
    const db = new DatabaseSync(file);
    // Only a new file takes the page size; 4 KiB halve the throughput (DESIGN §9).
    db.exec('PRAGMA page_size = 16384; PRAGMA journal_mode = WAL');
    configure(db);
    migrate(db, file);
    if (rowsBehindTree(db))
      throw new RuntimeError(
        'RUNTIME_LEDGER_ALTERED',
        `${file}: the ledger has rows that were not written by Tenon; see \`tenon audit verify\``,
      );
    return db;
  } catch (cause) {
    if (cause instanceof RuntimeError) throw cause;
    throw new RuntimeError('RUNTIME_FILE_UNREADABLE', `${file} cannot be opened: ${messageOf(cause)}`, {
      cause,
    });
  }
}

/** A second connection that only reads: beside the writer, or in another process. */
export function openReader(file: string): DatabaseSync {
  try {
    const db = new DatabaseSync(file, { readOnly: true });
    db.exec('PRAGMA busy_timeout = 2000; PRAGMA cache_size = -16384');
    db.prepare('SELECT 1 FROM runs LIMIT 1').get();
    return db;
  } catch (cause) {
    throw new RuntimeError('RUNTIME_FILE_UNREADABLE', `${file} cannot be read: ${messageOf(cause)}`, {
      cause,
    });
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
