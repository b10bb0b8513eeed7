import { hash } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { saltedDigest } from '../interpreter/salted-digest.ts';
import { verifyLedger } from '../ledger/verify-ledger.ts';

/** Looks through the whole file; may take minutes on a large one. Reads only. */
export function checkFile(db: DatabaseSync): readonly string[] {
  return [
    ...checks.flatMap(({ sql, say }) =>
      readable(() =>
        db
          .prepare(sql)
          .all()
          .map(say)
          .filter((text) => text !== 'ok'),
      ),
    ),
    ...readable(() => changedPayloads(db)),
    ...readable(() => changedPlans(db)),
    ...readable(() => verifyLedger(db, { checkpoints: [], keys: [] }).findings.map(({ message }) => message)),
  ];
}

/** A payload that is not the one whose digest its run began with: SQLite has no checksums, a damaged page reads well. */
function changedPayloads(db: DatabaseSync): readonly string[] {
  const rows = db
    .prepare(
      `SELECT r.run_id, r.salt, l.facts, e.payload FROM ledger l JOIN runs r ON r.seq = l.run_seq JOIN events e ON e.seq = r.event_seq
      WHERE l.facts LIKE '[{"kind":"accepted"%' AND e.payload <> 'null'`,
    )
    .iterate();
  const changed: string[] = [];
  for (const { run_id, salt, facts, payload } of rows) {
    const [fact] = JSON.parse(String(facts)) as { readonly details: { readonly payload?: string } }[];
    if (
      fact?.details.payload !== undefined &&
      fact.details.payload !== digestOfText(salt === null ? null : String(salt), String(payload))
    )
      changed.push(`the event that run ${run_id} began with is not the one that was accepted`);
    if (changed.length >= LISTED_MAX) break;
  }
  return changed;
}

/** A plan that is not the one that was made active. */
function changedPlans(db: DatabaseSync): readonly string[] {
  const plan = db.prepare('SELECT plan FROM plans WHERE hash = ?');
  return db
    .prepare(`SELECT facts FROM ledger WHERE run_seq = 0 AND facts LIKE '[{"kind":"activated"%'`)
    .all()
    .flatMap(({ facts }) => {
      const [fact] = JSON.parse(String(facts)) as { readonly details: Readonly<Record<string, unknown>> }[];
      const { plan: hash, pipeline, text } = fact!.details;
      const stored = plan.get(String(hash))?.['plan'];
      return stored !== undefined && textDigest(String(stored)) === text
        ? []
        : [`the plan ${String(hash)} of ${String(pipeline)} is not the one that was made active`];
    })
    .slice(0, LISTED_MAX);
}

export function textDigest(text: string): string {
  return `sha256:${hash('sha256', text)}`;
}

function digestOfText(salt: string | null, payload: string): string | undefined {
  try {
    return saltedDigest(salt, JSON.parse(payload));
  } catch {
    return undefined;
  }
}

const LISTED_MAX = 20;

/** Pages so damaged that a check cannot read them are what it was looking for. */
function readable(check: () => readonly string[]): readonly string[] {
  try {
    return check();
  } catch (error) {
    return [`the file cannot be read through: ${error instanceof Error ? error.message : String(error)}`];
  }
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
