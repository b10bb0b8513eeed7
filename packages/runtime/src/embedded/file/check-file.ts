import { hash } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { saltedDigest } from '../../interpreter/salted-digest.ts';
import { verifyLedger } from '../../ledger/verify-ledger.ts';
import { saltAndNames } from './names.ts';
import { type Place, UnreadableValue, type ValueCodec } from './value-codec.ts';

/** Looks through the whole file; may take minutes on a large one. Reads only. */
export function checkFile(db: DatabaseSync, codec: ValueCodec): readonly string[] {
  // A page that cannot be read stops several of them with one sentence.
  const problems = [
    ...checks.flatMap(({ sql, say }) =>
      readable(() =>
        db
          .prepare(sql)
          .all()
          .map(say)
          .filter((text) => text !== 'ok'),
      ),
    ),
    ...readable(() => unreadableValues(db, codec)),
    ...readable(() => changedPayloads(db, codec)),
    ...readable(() => changedPlans(db)),
    ...readable(() => verifyLedger(db, { checkpoints: [], keys: [] }).findings.map(({ message }) => message)),
  ];
  return [...new Set(problems)];
}

/** All that goes through the codec, with its place. */
const VALUES: readonly { readonly sql: string; readonly placeOf: (row: Row) => Place }[] = [
  { sql: 'SELECT seq, payload AS value FROM events', placeOf: ({ seq }) => `events/${seq}` },
  {
    sql: 'SELECT run_seq AS seq, key, value FROM journal',
    placeOf: ({ seq, key }) => `journal/${seq}/${key}`,
  },
  {
    sql: 'SELECT run_seq AS seq, key, detail AS value FROM openings',
    placeOf: ({ seq, key }) => `openings/${seq}/${key}`,
  },
  {
    sql: 'SELECT seq, failure AS value FROM runs WHERE failure IS NOT NULL',
    placeOf: ({ seq }) => `runs/${seq}/failure`,
  },
  {
    sql: 'SELECT seq, intake_failure AS value FROM runs WHERE intake_failure IS NOT NULL',
    placeOf: ({ seq }) => `runs/${seq}/intake`,
  },
  {
    sql: 'SELECT name AS key, value FROM cursors',
    placeOf: ({ key }) => `cursors/${key}`,
  },
  { sql: 'SELECT id AS key, value FROM switches', placeOf: ({ key }) => `switches/${key}` },
  { sql: 'SELECT run_seq AS seq, version AS value FROM newest', placeOf: ({ seq }) => `newest/${seq}` },
  { sql: 'SELECT id AS key, value FROM reports', placeOf: ({ key }) => `reports/${key}` },
  { sql: 'SELECT id AS key, value FROM differences', placeOf: ({ key }) => `differences/${key}` },
  { sql: 'SELECT token AS key, value FROM repairs', placeOf: ({ key }) => `repairs/${key}` },
];

type Row = Readonly<Record<string, unknown>>;

/**
 * Damaged values one by one; those that no key is at hand for as a number. A destroyed key is no damage: its data was
 * erased, in this file or after this copy of it was made.
 */
function unreadableValues(db: DatabaseSync, codec: ValueCodec): readonly string[] {
  const damaged: string[] = [];
  let locked = 0;
  for (const { sql, placeOf } of VALUES)
    for (const row of db.prepare(sql).iterate()) {
      const problem = problemOf(codec, row['value'], placeOf(row));
      if (problem?.code === 'STORED_VALUE_LOCKED') locked++;
      if (problem?.code === 'STORED_VALUE_DAMAGED' && damaged.length < LISTED_MAX)
        damaged.push(`${problem.code}: ${problem.message}`);
    }
  return locked === 0
    ? damaged
    : [
        ...damaged,
        `STORED_VALUE_LOCKED: ${locked} values are encrypted and were not looked through: their keys are not at hand`,
      ];
}

function problemOf(codec: ValueCodec, value: unknown, place: Place): UnreadableValue | undefined {
  try {
    // A cursor is its source's own text, and no JSON.
    if (place.startsWith('cursors/')) codec.open(value, place);
    else codec.openJson(value, place);
    return undefined;
  } catch (error) {
    if (error instanceof UnreadableValue) return error;
    throw error;
  }
}

/** A payload that is not the one whose digest its run began with. */
function changedPayloads(db: DatabaseSync, codec: ValueCodec): readonly string[] {
  const rows = db
    .prepare(
      `SELECT r.run_id, r.seq, r.salt, r.event_seq, l.facts, e.payload FROM ledger l JOIN runs r ON r.seq = l.run_seq JOIN events e ON e.seq = r.event_seq
      WHERE l.facts LIKE '[{"kind":"accepted"%' AND e.payload <> 'null'`,
    )
    .iterate();
  const changed: string[] = [];
  for (const { run_id, seq, salt, event_seq, facts, payload } of rows) {
    const [fact] = JSON.parse(String(facts)) as { readonly details: { readonly payload?: string } }[];
    const saltPlace: Place = `runs/${Number(seq)}/salt`;
    const payloadPlace: Place = `events/${Number(event_seq)}`;
    // What cannot be opened is named above.
    if (problemOf(codec, payload, payloadPlace) !== undefined || !opens(codec, salt, saltPlace)) continue;
    const own = salt === null ? null : saltAndNames(codec.open(salt, saltPlace)).salt;
    if (
      fact?.details.payload !== undefined &&
      fact.details.payload !== saltedDigest(own, codec.json(payload, payloadPlace))
    )
      changed.push(`the event that run ${run_id} began with is not the one that was accepted`);
    if (changed.length >= LISTED_MAX) break;
  }
  return changed;
}

function opens(codec: ValueCodec, salt: unknown, place: Place): boolean {
  if (salt === null) return true;
  try {
    codec.open(salt, place);
    return true;
  } catch (error) {
    if (error instanceof UnreadableValue) return false;
    throw error;
  }
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
