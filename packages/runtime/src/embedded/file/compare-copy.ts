import type { DatabaseSync } from 'node:sqlite';
import { StoredTree } from '../../ledger/tiles.ts';
import { openReader } from './database.ts';

/** How a copy of a database in use stands to it. */
export interface ComparedCopy {
  /** What the copy holds. */
  readonly counts: { readonly rows: number; readonly runs: number; readonly events: number };
  /** Sentences; empty where the copy is what the database was at some moment. */
  readonly differences: readonly string[];
}

/**
 * Is the copy what the database was when it was made? Runs have gone on since, so it is held against what the database had then: the tree of
 * its ledger over as many rows, and the runs and events up to the copy's last. Neither is ever taken out of a database. Throws
 * `RUNTIME_FILE_UNREADABLE`.
 */
export function compareCopy(database: string, copy: string): ComparedCopy {
  const original = openReader(database);
  try {
    const copied = openReader(copy);
    try {
      return compared(original, copied);
    } finally {
      copied.close();
    }
  } finally {
    original.close();
  }
}

function compared(original: DatabaseSync, copied: DatabaseSync): ComparedCopy {
  const tree = new StoredTree(copied).head;
  const differences: string[] = [];
  const now = new StoredTree(original);
  if (now.head.size < tree.size)
    differences.push(
      `the copy has ${tree.size} rows of the ledger, and the database ${now.head.size}: it is not of this database`,
    );
  else if (Buffer.compare(now.rootAt(tree.size), tree.root) !== 0)
    differences.push(`the first ${tree.size} rows of the ledger are others in the copy than in the database`);
  const counts = { rows: tree.size, runs: 0, events: 0 };
  for (const table of ['runs', 'events'] as const) {
    const last = numberOf(copied, `SELECT coalesce(max(seq), 0) AS n FROM ${table}`);
    counts[table] = numberOf(copied, `SELECT count(*) AS n FROM ${table}`);
    const there = numberOf(original, `SELECT count(*) AS n FROM ${table} WHERE seq <= ${last}`);
    if (there !== counts[table])
      differences.push(`the copy has ${counts[table]} ${table}, and the database had ${there}`);
  }
  return { counts, differences };
}

function numberOf(db: DatabaseSync, sql: string): number {
  return Number(db.prepare(sql).get()?.['n']);
}
