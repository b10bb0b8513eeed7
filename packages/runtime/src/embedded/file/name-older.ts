import type { DatabaseSync } from 'node:sqlite';
import { RuntimeError } from '../../runtime-error.ts';
import { finalStates } from '../../states.ts';
import { isDigest, keepNames, type Names, type NamesProgress, storedNames, withNames } from './names.ts';
import { placeOpenings } from './place-older.ts';
import type { Sealer } from './sealer.ts';
import { FINAL, Statements } from './statements.ts';
import { type Place, UnreadableValue } from './value-codec.ts';

/** Rows looked at in one transaction: short, so that intake does not wait for it. */
const SLICE = 100;
/** Before anything is taken in. */
const SLICE_LANES = 1_000;

/** What has not ended for good, in which order it is taken over; the index of unfinished runs goes by them. */
const UNFINISHED = ['failed', 'inDoubt', 'running', 'waiting', 'compensating', 'accepted'] as const;

const COLUMNS = `r.seq, r.pipeline, r.key, r.order_key, r.salt, r.state, e.delivery_id FROM runs r JOIN events e ON e.seq = r.event_seq`;

/**
 * Says in the file with which secret its names are digested from now on, and how much was there before. Throws
 * `RUNTIME_KEY_WRONG` where they were digested with another: no duplicate would be known.
 */
export function proveNames(db: DatabaseSync, file: string, names: Names): void {
  const read = new Statements(db);
  const stored = storedNames(read);
  const proof = names.proof();
  if (stored !== undefined) {
    if (stored.proof === proof) return;
    throw new RuntimeError(
      'RUNTIME_KEY_WRONG',
      `the key files beside ${file} are those of another file: names in it were digested with another key than theirs`,
    );
  }
  const number = (sql: string): number => Number(read.of(sql).get()?.['n'] ?? 0);
  const lastRun = number('SELECT max(seq) AS n FROM runs');
  const lastEvent = number('SELECT max(seq) AS n FROM events');
  const isDone = lastEvent === 0 && number('SELECT count(*) AS n FROM switches') === 0;
  keepNames(read, {
    proof,
    lanes: isDone ? 'done' : [0, 0],
    runs: 0,
    events: 0,
    lastRun,
    lastEvent,
    isDone,
  });
}

export function namesLeft(read: Statements): number {
  const progress = storedNames(read);
  if (progress === undefined || progress.isDone) return 0;
  return Math.max(1, progress.lastRun - progress.runs + progress.lastEvent - progress.events);
}

/**
 * Before anything else is done with the file: a slice of the runs that stand in an order, or may again. Who comes next is found by
 * comparing order keys in the file, so all that are compared must be of one form. Then what is open: see `placeOpenings`. Gives 0 when
 * it is done.
 */
export function nameLanes(db: DatabaseSync, sealer: Sealer): number {
  const read = new Statements(db);
  const progress = storedNames(read);
  if (progress === undefined || progress.lanes === 'done') return placeOpenings(read, sealer);
  const [index, after] = progress.lanes;
  const state = UNFINISHED[index];
  if (state === undefined) {
    // Ended, and of a run that may still have to undo it.
    const rows = read
      .of(
        `SELECT ${COLUMNS} JOIN children c ON c.run_seq = r.seq JOIN runs root ON root.seq = c.root_seq
         WHERE c.run_seq > ? AND r.order_key IS NOT NULL AND root.state NOT IN (${FINAL}) ORDER BY c.run_seq LIMIT ?`,
      )
      .all(after, SLICE_LANES);
    for (const row of rows) nameRun(read, sealer, row);
    keepNames(read, {
      ...progress,
      lanes: rows.length < SLICE_LANES ? 'done' : [index, lastOf(rows)],
    });
    return 1;
  }
  const rows = read
    .of(
      `SELECT ${COLUMNS} WHERE r.state = ? AND r.state <> 'succeeded' AND r.seq > ? AND r.order_key IS NOT NULL ORDER BY r.seq LIMIT ?`,
    )
    .all(state, after, SLICE_LANES);
  for (const row of rows) nameRun(read, sealer, row);
  const lanes = rows.length < SLICE_LANES ? ([index + 1, 0] as const) : ([index, lastOf(rows)] as const);
  keepNames(read, { ...progress, lanes });
  return 1;
}

/** A slice of all others, from the oldest on: runs, then events, whose delivery ids go to their runs. Gives how much is left. */
export function nameOlder(read: Statements, sealer: Sealer, sealRest: () => void): number {
  const progress = storedNames(read);
  if (progress === undefined || progress.isDone) return 0;
  const runs = nameRuns(read, sealer, progress);
  const events = runs >= progress.lastRun ? nameEvents(read, sealer, progress) : progress.events;
  const isDone = events >= progress.lastEvent;
  if (isDone) sealRest();
  keepNames(read, { ...progress, runs, events, isDone });
  return namesLeft(read);
}

type Row = Readonly<Record<string, unknown>>;
type Stored = string | Uint8Array | null;

function nameRuns(read: Statements, sealer: Sealer, { runs, lastRun }: NamesProgress): number {
  if (runs >= lastRun) return runs;
  const rows = read
    .of(`SELECT ${COLUMNS} WHERE r.seq > ? AND r.seq <= ? ORDER BY r.seq LIMIT ?`)
    .all(runs, lastRun, SLICE);
  for (const row of rows) nameRun(read, sealer, row);
  return rows.length < SLICE ? lastRun : lastOf(rows);
}

function nameEvents(read: Statements, { names }: Sealer, { events, lastEvent }: NamesProgress): number {
  const rows = read
    .of('SELECT seq, delivery_id FROM events WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?')
    .all(events, lastEvent, SLICE);
  for (const row of rows)
    read
      .of('UPDATE events SET delivery_id = ? WHERE seq = ?')
      .run(names.stored('delivery', String(row['delivery_id'])), Number(row['seq']));
  return rows.length < SLICE ? lastEvent : lastOf(rows);
}

function nameRun(read: Statements, sealer: Sealer, row: Row): void {
  const { names, codec } = sealer;
  const seq = Number(row['seq']);
  const key = String(row['key']);
  const orderKey = row['order_key'] === null ? null : String(row['order_key']);
  const place = `runs/${seq}/salt` as const;
  let salt = row['salt'] as Stored;
  const text = textOf(sealer, salt, place);
  // One that was let go after it had been named has no names left that would say so.
  if (text === undefined || salt === null ? isDigest(key) : text.includes('[')) return;
  // Of a run that was let go nothing is kept that its names could be read from. What is damaged is left as it is.
  const isLetGo = salt === null && finalStates.has(String(row['state']));
  if (text !== undefined && !isLetGo)
    salt = codec.seal(
      withNames(text, { key, orderKey, delivery: String(row['delivery_id']) }),
      place,
      sealer.keyOfRun(seq),
    );
  read
    .of('UPDATE runs SET key = ?, order_key = ?, salt = ? WHERE seq = ?')
    .run(names.stored('key', key), orderKey === null ? null : names.stored('order', orderKey), salt, seq);
  // Where one stands there as a digest already, a later run was taken under it.
  const pipeline = String(row['pipeline']);
  const kept = 'WHERE pipeline = ? AND key = ? AND run_seq = ?';
  read.of(`UPDATE OR IGNORE keys SET key = ? ${kept}`).run(names.stored('key', key), pipeline, key, seq);
  read.of(`DELETE FROM keys ${kept}`).run(pipeline, key, seq);
  if (orderKey === null) return;
  const newest = read.of('SELECT version FROM newest WHERE run_seq = ?').get(seq);
  if (newest === undefined) return;
  const version = textOf(sealer, newest['version'] as Stored, `newest/${seq}`);
  read
    .of('UPDATE OR IGNORE newest SET order_key = ?, version = ? WHERE run_seq = ?')
    .run(
      names.stored('order', orderKey),
      version === undefined
        ? (newest['version'] as Stored)
        : codec.seal(version, `newest/${seq}`, sealer.systemKey()),
      seq,
    );
  read.of('DELETE FROM newest WHERE run_seq = ? AND order_key = ?').run(seq, orderKey);
}

/** `''` where there is none; `undefined` where it cannot be read. */
function textOf({ codec }: Sealer, stored: Stored, place: Place): string | undefined {
  if (stored === null) return '';
  try {
    return codec.open(stored, place);
  } catch (error) {
    if (error instanceof UnreadableValue) return undefined;
    throw error;
  }
}

function lastOf(rows: readonly Row[]): number {
  return Number(rows.at(-1)!['seq']);
}
