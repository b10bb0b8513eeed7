import type { DatabaseSync } from 'node:sqlite';
import { verifyLedger } from '../ledger/verify-ledger.ts';

/** Looks through the whole file; may take minutes on a large one. Reads only. */
export function checkFile(db: DatabaseSync): readonly string[] {
  const problems = checks.flatMap(({ sql, say }) =>
    db
      .prepare(sql)
      .all()
      .map(say)
      .filter((text) => text !== 'ok'),
  );
  const { findings } = verifyLedger(db, { checkpoints: [], keys: [] });
  return [...problems, ...findings.map(({ message }) => message)];
}

const checks: readonly {
  readonly sql: string;
  readonly say: (row: Record<string, unknown>) => string;
}[] = [
  { sql: 'PRAGMA integrity_check(20)', say: (row) => String(row['integrity_check']) },
  {
    sql: 'SELECT run_id FROM runs WHERE NOT EXISTS (SELECT 1 FROM events WHERE events.seq = runs.event_seq) LIMIT 20',
    say: (row) => `run ${row['run_id']} has lost the event it began with`,
  },
  {
    sql: 'SELECT run_id FROM runs WHERE NOT EXISTS (SELECT 1 FROM plans WHERE plans.hash = runs.plan_hash) LIMIT 20',
    say: (row) => `run ${row['run_id']} has lost its plan`,
  },
  {
    sql: 'SELECT run_id FROM runs WHERE NOT EXISTS (SELECT 1 FROM ledger WHERE ledger.run_seq = runs.seq) LIMIT 20',
    say: (row) => `run ${row['run_id']} has no entry in the ledger`,
  },
];
