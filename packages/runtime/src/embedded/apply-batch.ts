import type { DatabaseSync } from 'node:sqlite';
import { type Statements, type Write, writes } from './statements.ts';

/** Writes that are stored all together or not at all. */
export type Group = readonly Write[];

/** Per group: `undefined` when it is on disk, else why it is not. */
export type BatchResult = readonly (string | undefined)[];

/**
 * Stores a batch in one transaction, one fsync. When a group is refused (a key taken meanwhile, an illegal
 * transition), the batch is rolled back and each group stored by itself, so that the others do not suffer.
 * Throws when the disk fails: then nothing of the batch counts as stored.
 */
export function applyBatch(db: DatabaseSync, statements: Statements, groups: readonly Group[]): BatchResult {
  try {
    inTransaction(db, () => {
      for (const group of groups) applyGroup(statements, group);
    });
    return groups.map(() => undefined);
  } catch (error) {
    if (!isRefusal(error)) throw error;
    if (groups.length === 1) return [messageOf(error)];
    return groups.flatMap((group) => applyBatch(db, statements, [group]));
  }
}

function applyGroup(statements: Statements, group: Group): void {
  for (const [name, ...values] of group) statements.of(writes[name]).run(...values);
}

function inTransaction(db: DatabaseSync, body: () => void): void {
  db.exec('BEGIN IMMEDIATE');
  try {
    body();
    db.exec('COMMIT');
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK');
    throw error;
  }
}

/** SQLITE_CONSTRAINT and its extended codes: the data was refused, the disk is well. */
function isRefusal(error: unknown): boolean {
  const code = error instanceof Error && 'errcode' in error ? Number(error.errcode) : 0;
  return (code & 0xff) === 19;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
