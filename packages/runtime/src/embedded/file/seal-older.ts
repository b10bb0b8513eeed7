import type { DatabaseSync } from 'node:sqlite';
import { nameOlder, namesLeft } from './name-older.ts';
import { placeOlder, placesLeft } from './place-older.ts';
import type { Sealer } from './sealer.ts';
import { Statements } from './statements.ts';
import { isSealed, type Place, UnreadableValue } from './value-codec.ts';

/** Rows looked at in one transaction: short, so that intake does not wait for it. */
const SLICE_EVENTS = 200;
const SLICE_RUNS = 50;

/** How far the encryption of what was there before has come; in the settings of the file, so that a restart goes on. */
interface Progress {
  readonly events: number;
  readonly runs: number;
  /** Numbers of the last event and run that were there when it began. */
  readonly lastEvent: number;
  readonly lastRun: number;
  /** What belongs to no event and no run was come to, by a version that always does. */
  readonly isRestSealed?: true;
}

/**
 * Encrypts a slice of what the file held before it was encrypted, from the oldest on, then its names; gives how many events and
 * runs are left. A value that is not what was stored is left as it is: sealed, it would pass for good.
 */
export function sealOlder(db: DatabaseSync, sealer: Sealer): number {
  if (!sealer.isEncrypting) return 0;
  const read = new Statements(db);
  const progress = progressOf(read);
  if (valuesLeft(progress) === 0)
    return namesLeft(read) > 0
      ? Math.max(
          nameOlder(read, sealer, () => sealRest(read, sealer)),
          placesLeft(read),
        )
      : placeOlder(read, sealer);
  const events = sealEvents(read, sealer, progress);
  const runs = events >= progress.lastEvent ? sealRuns(read, sealer, progress) : progress.runs;
  const isAll = events >= progress.lastEvent && runs >= progress.lastRun;
  if (isAll) sealRest(read, sealer);
  keep(read, { ...progress, events, runs, ...(isAll && { isRestSealed: true }) });
  return olderLeft(read);
}

/** Events and runs that are not done with: each is come to more than once. */
export function olderLeft(read: Statements): number {
  return Math.max(valuesLeft(progressOf(read)), namesLeft(read), placesLeft(read));
}

function valuesLeft({ events, runs, lastEvent, lastRun }: Progress): number {
  return Math.max(0, lastEvent - events) + Math.max(0, lastRun - runs);
}

/** Says in the file that it is encrypted from now on, and how much was there before. */
export function markEncrypted(db: DatabaseSync): void {
  const read = new Statements(db);
  if (isMarkedEncrypted(read)) {
    comeToRestAgain(read);
    return;
  }
  const last = (table: 'events' | 'runs'): number =>
    Number(read.of(`SELECT coalesce(max(seq), 0) AS n FROM ${table}`).get()?.['n'] ?? 0);
  const hasRest = SYSTEM_TABLES.some(
    ({ table }) => read.of(`SELECT 1 FROM ${table} LIMIT 1`).get() !== undefined,
  );
  // Reports and switches may be all there is: they are sealed with the last event, so there is one to come to.
  const lastEvent = Math.max(last('events'), Number(hasRest));
  const lastRun = last('runs');
  const isAll = lastEvent === 0 && lastRun === 0;
  keep(read, { events: 0, runs: 0, lastEvent, lastRun, ...(isAll && { isRestSealed: true }) });
}

/**
 * An earlier version took a file without events and runs to be done with at once, and left its reports as they were: there is one thing more to
 * come to, with which they are sealed. Once: what is damaged stays as it is.
 */
function comeToRestAgain(read: Statements): void {
  const progress = progressOf(read);
  const isInClear = SYSTEM_TABLES.some(
    ({ table, value }) =>
      read.of(`SELECT 1 FROM ${table} WHERE typeof(${value}) = 'text' LIMIT 1`).get() !== undefined,
  );
  if (valuesLeft(progress) > 0 || progress.isRestSealed === true || !isInClear) return;
  keep(read, { ...progress, lastEvent: progress.lastEvent + 1 });
}

export function isMarkedEncrypted(read: Statements): boolean {
  return read.of(`SELECT 1 FROM settings WHERE name = 'encrypted'`).get() !== undefined;
}

function progressOf(read: Statements): Progress {
  const row = read.of(`SELECT value FROM settings WHERE name = 'encrypted'`).get();
  // Written by `keep` alone.
  return row === undefined
    ? { events: 0, runs: 0, lastEvent: 0, lastRun: 0 }
    : (JSON.parse(String(row['value'])) as Progress);
}

function keep(read: Statements, progress: Progress): void {
  read
    .of(
      `INSERT INTO settings (name, value) VALUES ('encrypted', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value`,
    )
    .run(JSON.stringify(progress));
}

function sealEvents(read: Statements, sealer: Sealer, { events, lastEvent }: Progress): number {
  const rows = read
    .of('SELECT seq, payload, data_key FROM events WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?')
    .all(events, lastEvent, SLICE_EVENTS);
  const set = read.of('UPDATE events SET payload = ?, data_key = ? WHERE seq = ?');
  for (const { seq, payload } of rows) {
    if (isSealed(payload) || payload === 'null') continue;
    const text = opened(sealer, payload, `events/${Number(seq)}`);
    const key = sealer.newKey();
    if (text !== undefined && key !== undefined)
      set.run(sealer.codec.seal(text, `events/${Number(seq)}`, key), key.id, Number(seq));
  }
  return rows.length < SLICE_EVENTS ? lastEvent : Number(rows.at(-1)!['seq']);
}

function sealRuns(read: Statements, sealer: Sealer, { runs, lastRun }: Progress): number {
  const rows = read
    .of('SELECT seq, failure, intake_failure, salt FROM runs WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?')
    .all(runs, lastRun, SLICE_RUNS);
  for (const row of rows) {
    const seq = Number(row['seq']);
    const sealed = (value: unknown, place: Place): string | Uint8Array | null => {
      if (typeof value !== 'string') return value instanceof Uint8Array ? value : null;
      const text = opened(sealer, value, place);
      return text === undefined ? value : sealer.codec.seal(text, place, sealer.keyOfRun(seq));
    };
    if (row['salt'] !== null || row['failure'] !== null || row['intake_failure'] !== null)
      read
        .of('UPDATE runs SET failure = ?, intake_failure = ?, salt = ? WHERE seq = ?')
        .run(
          sealed(row['failure'], `runs/${seq}/failure`),
          sealed(row['intake_failure'], `runs/${seq}/intake`),
          sealed(row['salt'], `runs/${seq}/salt`),
          seq,
        );
    for (const { key, value } of read.of('SELECT key, value FROM journal WHERE run_seq = ?').all(seq))
      read
        .of('UPDATE journal SET value = ? WHERE run_seq = ? AND key = ?')
        .run(sealed(value, `journal/${seq}/${String(key)}`), seq, String(key));
    for (const { key, detail } of read.of('SELECT key, detail FROM openings WHERE run_seq = ?').all(seq))
      read
        .of('UPDATE openings SET detail = ? WHERE run_seq = ? AND key = ?')
        .run(sealed(detail, `openings/${seq}/${String(key)}`), seq, String(key));
  }
  return rows.length < SLICE_RUNS ? lastRun : Number(rows.at(-1)!['seq']);
}

const SYSTEM_TABLES = [
  { table: 'cursors', id: 'name', value: 'value' },
  { table: 'switches', id: 'id', value: 'value' },
  { table: 'guards', id: 'connection', value: 'snapshot' },
  { table: 'replays', id: 'token', value: 'value' },
  { table: 'replay_starts', id: 'token', value: 'value' },
  { table: 'reports', id: 'id', value: 'value' },
  { table: 'differences', id: 'id', value: 'value' },
  { table: 'repairs', id: 'token', value: 'value' },
] as const;

/** Few rows, in one go. */
function sealRest(read: Statements, sealer: Sealer): void {
  for (const { table, id, value } of SYSTEM_TABLES)
    for (const row of read.of(`SELECT ${id} AS id, ${value} AS value FROM ${table}`).all()) {
      const place: Place = `${table}/${String(row['id'])}`;
      const text = isSealed(row['value']) ? undefined : opened(sealer, row['value'], place);
      if (text !== undefined)
        read
          .of(`UPDATE ${table} SET ${value} = ? WHERE ${id} = ?`)
          .run(sealer.codec.seal(text, place, sealer.systemKey()), String(row['id']));
    }
}

function opened(sealer: Sealer, value: unknown, place: Place): string | undefined {
  try {
    return sealer.codec.open(value, place);
  } catch (error) {
    if (error instanceof UnreadableValue) return undefined;
    throw error;
  }
}
