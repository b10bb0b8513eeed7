import { isObject, type Json } from '@tenon/model';
import type { ErasureReport } from '../../runtime.ts';
import { finalStates } from '../../states.ts';
import type { EmbeddedEngine } from '../engine.ts';
import { nextTurn } from '../next-turn.ts';
import type { Noted } from './ledger-rows.ts';
import { carried } from './places.ts';
import type { RunRow } from './run-row.ts';
import { FINAL, type Write } from './statements.ts';
import type { StoredRun } from './stored-rows.ts';
import { type Place, UnreadableValue } from './value-codec.ts';
import { goesWithItsKeys, isTooLarge, leaveNothing, mayLeaveTraces } from './written-anew.ts';

/** Runs erased in one write: short, so that intake does not wait for it. */
const SLICE_RUNS = 50;
/** Rows searched before others get their turn. */
const SLICE_SEARCHED = 200;
/** Whom it is about, and what of all that is stored could not be looked at. */
interface Search {
  readonly engine: EmbeddedEngine;
  readonly subject: string;
  readonly unreadable: Set<Place>;
}

/**
 * Lets all data of a subject go: payloads, results, decisions, failures and the salts of digests, of every run that has the
 * subject as its key or order key or holds it anywhere as a value. Runs, keys and ledger stay, so no effect can
 * happen again and the ledger verifies as before. Runs that have not ended are named and left: they need their data.
 */
export async function erase(
  engine: EmbeddedEngine,
  subject: string,
  actor: string,
  reason: string,
  apply: boolean,
): Promise<ErasureReport> {
  const search: Search = { engine, subject, unreadable: new Set() };
  const holding = await eventsHolding(search);
  const runs = await runsOf(search, holding);
  const settled = runs.filter((run) => isSettled(engine, run));
  const ended = settled.filter((run) => holdsData(engine, run));
  const events = [...holding].filter((seq) => !hasRun(engine, seq));
  const differences = await differencesHolding(search);
  const requests = requestsNaming(search);
  // These are sealed by the key of the database, which does not go.
  const isToBeAnew = requests.length > 0 || !goesWithItsKeys(engine, ended);
  const leavesTraces = isToBeAnew && isTooLarge(engine);
  if (apply) {
    if (isToBeAnew) await engine.commit([mayLeaveTraces(engine)]);
    for (let at = 0; at < ended.length; at += SLICE_RUNS)
      await eraseRuns(engine, ended.slice(at, at + SLICE_RUNS), actor, reason);
    // The subject itself is not said: an entry stays for ever.
    const details = {
      action: 'erase',
      actor,
      reason,
      runs: ended.length,
      events: events.length,
      differences: differences.length,
      requests: requests.length,
      ...(leavesTraces && { leavesTraces }),
    };
    await engine.commit(
      [
        ...events.flatMap((seq): Write[] => [
          ['shredLoneEvent', seq],
          ['eraseEvent', seq],
        ]),
        ...differences.map((id): Write => ['eraseDifference', id]),
        ...requests,
      ],
      [engine.system({ kind: 'erased', details })],
    );
    // The data keys as well: what backups and other copies hold of it cannot be read any more.
    await engine.tend('shred');
    await leaveNothing(engine, isToBeAnew && !leavesTraces ? 'writeAnew' : 'emptyLog');
  }
  return {
    applied: apply,
    runs: ended.map(({ run_id: runId, pipeline, state }) => ({ runId, pipeline, state })),
    kept: runs
      .filter((run) => !settled.includes(run))
      .map(({ run_id: runId, pipeline, state }) => ({ runId, pipeline, state })),
    events: events.length,
    differences: differences.length,
    requests: requests.length,
    unreadable: search.unreadable.size,
    leavesTraces,
  };
}

/** Differences that reports list of the subject: as their key, or as a value. */
async function differencesHolding(search: Search): Promise<readonly string[]> {
  const { engine } = search;
  const found: string[] = [];
  for (let after = ''; ; ) {
    const rows = engine.read
      .of('SELECT id, value FROM differences WHERE id > ? ORDER BY id LIMIT ?')
      .all(after, SLICE_SEARCHED);
    for (const row of rows) {
      after = String(row['id']);
      if (holds(search, row['value'], `differences/${after}`)) found.push(after);
    }
    if (rows.length < SLICE_SEARCHED) return found;
    await nextTurn();
  }
}

/** Dry runs and repairs that were asked for by naming the subject, each to be written anew without the name: what became of them is still asked. */
function requestsNaming(search: Search): readonly Write[] {
  return REQUESTS.flatMap(({ table, reword }) =>
    search.engine.read
      .of(`SELECT token, value FROM ${table} ORDER BY token`)
      .all()
      .flatMap(({ token, value }): Write[] => {
        const place: Place = `${table}/${String(token)}`;
        if (!holds(search, value, place)) return [];
        const said = withoutName(search.engine.rows.codec.json(value, place), search.subject);
        return [[reword, String(token), JSON.stringify(said)]];
      }),
  );
}

const REQUESTS = [
  { table: 'replays', reword: 'rewordReplay' },
  { table: 'repairs', reword: 'rewordRepair' },
] as const;
const ERASED = '[erased]';

function withoutName(value: Json, subject: string): Json {
  if (value === subject) return ERASED;
  if (Array.isArray(value)) return value.map((item: Json) => withoutName(item, subject));
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value as Readonly<Record<string, Json>>).map(([name, member]) => [
      name,
      withoutName(member, subject),
    ]),
  );
}

/** A run that a run above it may still have to undo needs its data, as one that has not ended does. */
function isSettled(engine: EmbeddedEngine, { seq, state }: RunRow): boolean {
  if (!finalStates.has(state)) return false;
  const above = engine.read
    .of('SELECT root.state FROM children JOIN runs AS root ON root.seq = root_seq WHERE run_seq = ?')
    .get(seq);
  return above === undefined || finalStates.has(String(above['state']));
}

/** A run that was erased, or whose time was over, is still found by its key. Of an event that another run still needs, nothing goes. */
function holdsData(engine: EmbeddedEngine, { seq }: RunRow): boolean {
  return engine.read.of(HOLDS_DATA).get(seq) !== undefined;
}

/** Whether what `eraseRuns` writes would change anything. */
const HOLDS_DATA = `SELECT 1 FROM runs WHERE seq = ?1 AND (salt IS NOT NULL OR data_key IS NOT NULL
  OR failure IS NOT NULL OR intake_failure IS NOT NULL
  OR EXISTS (SELECT 1 FROM journal WHERE run_seq = ?1) OR EXISTS (SELECT 1 FROM openings WHERE run_seq = ?1)
  OR (EXISTS (SELECT 1 FROM events WHERE events.seq = runs.event_seq AND events.payload <> 'null')
    AND NOT EXISTS (SELECT 1 FROM runs AS other WHERE other.event_seq = runs.event_seq AND other.state NOT IN (${FINAL}))))`;

async function eraseRuns(
  engine: EmbeddedEngine,
  runs: readonly RunRow[],
  actor: string,
  reason: string,
): Promise<void> {
  const writes = runs.flatMap(({ seq }): Write[] => [
    ['eraseJournal', seq],
    ['eraseOpenings', seq],
    ['shredEvent', seq],
    ['erasePayload', seq],
    ['shredRun', seq],
    ['eraseRun', seq],
  ]);
  const noted = runs.map(
    (run): Noted => engine.noted(run, [{ kind: 'erased', details: { action: 'erase', actor, reason } }]),
  );
  await engine.commit(writes, noted);
}

/** Events whose payload holds the subject. Every value is looked at, a slice at a time: it is rare, and must be whole. */
async function eventsHolding(search: Search): Promise<ReadonlySet<number>> {
  const { engine } = search;
  const holding = new Set<number>();
  const sql = 'SELECT seq, payload FROM events WHERE seq > ? ORDER BY seq LIMIT ?';
  for (let after = 0; ; ) {
    const rows = engine.read.of(sql).all(after, SLICE_SEARCHED);
    for (const row of rows) {
      after = Number(row['seq']);
      if (holds(search, row['payload'], `events/${after}`)) holding.add(after);
    }
    if (rows.length < SLICE_SEARCHED) return holding;
    await nextTurn();
  }
}

async function runsOf(search: Search, events: ReadonlySet<number>): Promise<readonly RunRow[]> {
  const { engine, subject } = search;
  const { names } = engine.rows;
  const keys: readonly string[] = names.forms('key', subject);
  const orderKeys: readonly (string | null)[] = names.forms('order', subject);
  const found: RunRow[] = [];
  for (let after = 0; ; ) {
    // Rows of `runs` have the shape of `StoredRun`.
    const rows = engine.read
      .of('SELECT * FROM runs WHERE seq > ? ORDER BY seq LIMIT ?')
      .all(after, SLICE_SEARCHED) as unknown as StoredRun[];
    for (const row of rows) {
      after = row.seq;
      const isOf = keys.includes(row.key) || orderKeys.includes(row.order_key) || events.has(row.event_seq);
      if (isOf || holdsInMemory(search, row.seq)) found.push(engine.rows.shownRun(row));
    }
    if (rows.length < SLICE_SEARCHED) return found;
    await nextTurn();
  }
}

function holdsInMemory(search: Search, seq: number): boolean {
  return MEMORIES.some(({ table, sql }) =>
    search.engine.read
      .of(sql)
      .all(seq)
      .some((row) => holds(search, row['value'], `${table}/${seq}/${String(row['key'])}`)),
  );
}

const MEMORIES = [
  { table: 'journal', sql: 'SELECT key, value FROM journal WHERE run_seq = ?' },
  { table: 'openings', sql: 'SELECT key, detail AS value FROM openings WHERE run_seq = ?' },
] as const;

/** Is the subject one of the values of a stored text? What is damaged may hold anybody: it is counted, and `tenon doctor` names it. */
function holds({ engine, subject, unreadable }: Search, stored: unknown, place: Place): boolean {
  let text: string;
  try {
    text = carried(engine.rows.codec.openJson(stored, place)).text;
  } catch (error) {
    if (!(error instanceof UnreadableValue)) throw error;
    // What was erased before is gone.
    if (error.code !== 'STORED_VALUE_ERASED') unreadable.add(place);
    return false;
  }
  // Written as it is here: most values are told from it without being parsed.
  return text.includes(JSON.stringify(subject)) && isWithin(JSON.parse(text), subject);
}

function isWithin(value: Json, subject: string): boolean {
  if (value === subject) return true;
  if (typeof value !== 'object' || value === null) return false;
  return Object.values(value).some((member) => isWithin(member, subject));
}

function hasRun(engine: EmbeddedEngine, eventSeq: number): boolean {
  return engine.read.of('SELECT 1 FROM runs WHERE event_seq = ?').get(eventSeq) !== undefined;
}
