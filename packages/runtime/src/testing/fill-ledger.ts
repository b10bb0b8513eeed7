import { DatabaseSync } from 'node:sqlite';
import { BatchWriter, type Group } from '../embedded/commit/apply-batch.ts';
import { openDatabase } from '../embedded/file/database.ts';
import { configure } from '../embedded/file/schema.ts';
import { Statements, writes } from '../embedded/file/statements.ts';

/** Entries of a row: what a step records in one write. */
const FACTS = JSON.stringify(
  ['intent', 'outcome', 'stepDone'].map((kind) => ({
    kind,
    step: 'invoice',
    attempt: 1,
    details: {
      operation: 'billing.createInvoice',
      connection: 'billing',
      request: `sha256:${'a'.repeat(64)}`,
    },
    atMs: 1_700_000_000_000,
  })),
);
export const ENTRIES_PER_ROW = 3;
const BATCH_ROWS = 512;

/** Fills a ledger with rows as runs leave them, in batches as they come; with its tree, or, as the floor, without. */
export function fillLedger(file: string, rows: number, tree: 'with' | 'without'): void {
  openDatabase(file).close();
  const writer = tree === 'with' ? new BatchWriter(file) : plainWriter(file);
  for (let from = 0; from < rows; from += BATCH_ROWS)
    writer.apply(
      Array.from({ length: Math.min(BATCH_ROWS, rows - from) }, (_, i): Group => {
        const seq = (from + i) * ENTRIES_PER_ROW + 1;
        return [['putLedger', seq, 0, ENTRIES_PER_ROW, FACTS]];
      }),
    );
  writer.close();
}

function plainWriter(file: string): { apply(groups: readonly Group[]): void; close(): void } {
  const db = new DatabaseSync(file);
  configure(db);
  const statements = new Statements(db);
  return {
    apply: (groups) => {
      db.exec('BEGIN IMMEDIATE');
      for (const group of groups)
        for (const [name, ...values] of group) statements.of(writes[name]).run(...values);
      db.exec('COMMIT');
    },
    close: () => db.close(),
  };
}
