import type { EmbeddedEngine } from '../engine.ts';
import { connectionOf } from '../intake/event-connection.ts';
import type { RunRow } from './run-row.ts';
import type { Statements, Write } from './statements.ts';

/**
 * Which runs came over a connection is found by parts: for each part of all runs the file says once which connections it has a run of. The
 * runs of a part are then looked at one by one. An index over all runs would be a page more in nearly every commit, for what people ask a few
 * times a day, and to make one in a file that has millions of runs keeps everybody waiting.
 */
export class ConnectionParts {
  /** By connection, the newest part that is known to be on disk. */
  readonly #noted = new Map<string, number>();

  /** What is to be written with a new run, unless a run before it has: until that is on disk, each writes it. */
  unnoted({ seq, connection }: Pick<RunRow, 'seq' | 'connection'>): readonly Write[] {
    const part = partOf(seq);
    if (!connection || this.#noted.get(connection) === part) return [];
    return [['putConnectionPart', connection, part]];
  }

  /** These are on disk. */
  stored(written: readonly Write[]): void {
    for (const write of written)
      if (write[0] === 'putConnectionPart') this.#noted.set(String(write[1]), Number(write[2]));
  }
}

/** Runs that are looked at where some of them came over a connection. */
const PART_RUNS = 256;

function partOf(seq: number): number {
  return Math.floor(seq / PART_RUNS);
}

/** Numbers of runs, `from` the first, `before` the next after the last. */
interface RunRange {
  readonly from: number;
  readonly before: number;
}

/** Runs in one range at most. */
const RANGE_PARTS = 20;

/**
 * Where runs of a connection may be, the newest first: parts that have one, neighbours together, and what nothing was said of yet. Each is
 * asked for as it is needed.
 */
export function* rangesOf(
  read: Statements,
  connection: string,
  order: 'newest' | 'oldest',
): Generator<RunRange, void> {
  const isNewest = order === 'newest';
  const unsaid = partOf(connectionsLeft(read));
  const next = read.of(
    `SELECT part FROM connection_parts WHERE connection = ? AND part > ? AND part < ? ORDER BY part ${isNewest ? 'DESC' : 'ASC'} LIMIT ${RANGE_PARTS}`,
  );
  if (!isNewest) yield* wholeRanges(unsaid, isNewest);
  for (let low = unsaid, high = Number.MAX_SAFE_INTEGER; ; ) {
    const parts = next.all(connection, low, high).map((row) => Number(row['part']));
    for (const range of joined(parts)) yield range;
    const last = parts.at(-1);
    if (parts.length < RANGE_PARTS || last === undefined) break;
    if (isNewest) high = last;
    else low = last;
  }
  if (isNewest) yield* wholeRanges(unsaid, isNewest);
}

/** All parts up to this one: the file does not say yet what they have. */
function* wholeRanges(last: number, isNewest: boolean): Generator<RunRange, void> {
  const count = Math.ceil((last + 1) / RANGE_PARTS);
  for (let index = 0; index < count; index++) {
    const nth = isNewest ? count - 1 - index : index;
    const from = nth * RANGE_PARTS * PART_RUNS;
    yield { from, before: Math.min(from + RANGE_PARTS * PART_RUNS, (last + 1) * PART_RUNS) };
  }
}

/** Parts that stand side by side, in either order, as one range. */
function joined(parts: readonly number[]): readonly RunRange[] {
  const ranges: RunRange[] = [];
  for (const part of parts) {
    const [from, before] = [part * PART_RUNS, (part + 1) * PART_RUNS];
    const last = ranges.at(-1);
    if (last?.from === before) ranges[ranges.length - 1] = { from, before: last.before };
    else if (last?.before === from) ranges[ranges.length - 1] = { from: last.from, before };
    else ranges.push({ from, before });
  }
  return ranges;
}

/** A condition on `runs` of this name that holds for those of a connection. Of a run from before there was a column, its event says. */
export function cameOver(
  runs: string,
  connection: string,
): { readonly condition: string; readonly values: string[] } {
  return {
    condition: `(${runs}.connection = ? OR (${runs}.connection IS NULL AND EXISTS (SELECT 1 FROM events AS came WHERE came.seq = ${runs}.event_seq
      AND (replace(came.source, 'quarantine:', '') = ? OR replace(came.source, 'quarantine:', '') GLOB ?))))`,
    values: [connection, connection, `${connection}/*`],
  };
}

/** Runs looked at in one transaction: short, so that intake does not wait for it. */
const SLICE = 500;

/** Says of a slice of older runs, from the newest on, over which connections they came; gives how many are left. */
export function fillConnections(read: Statements): number {
  const left = connectionsLeft(read);
  if (left === 0) return 0;
  const rows = read
    .of(
      `SELECT r.seq, e.source FROM runs r JOIN events e ON e.seq = r.event_seq WHERE r.seq <= ? ORDER BY r.seq DESC LIMIT ${SLICE}`,
    )
    .all(left);
  const parts = new Set<string>();
  for (const { seq, source } of rows) {
    const connection = connectionOf(String(source));
    if (connection !== undefined) parts.add(JSON.stringify([connection, partOf(Number(seq))]));
  }
  const put = read.of('INSERT INTO connection_parts (connection, part) VALUES (?, ?) ON CONFLICT DO NOTHING');
  // As written above.
  for (const one of parts) put.run(...(JSON.parse(one) as [string, number]));
  const rest = rows.length < SLICE ? 0 : Number(rows.at(-1)?.['seq']) - 1;
  read.of(`UPDATE settings SET value = ? WHERE name = 'connectionsLeft'`).run(String(rest));
  return rest;
}

/** Goes through the runs that were there before, where there are any. Everything goes on meanwhile; cut short, the next start goes on with it. */
export function fillConnectionsInBackground(engine: EmbeddedEngine): void {
  if (connectionsLeft(engine.read) === 0) return;
  void engine.dispatcher
    .busy(() => engine.tend('fillConnections'))
    // A disk that fails stops the runtime elsewhere.
    .catch(() => {});
}

/** The last run of which the file does not say yet over which connection it came; 0 where it says of all. */
export function connectionsLeft(read: Statements): number {
  return Number(read.of(`SELECT value FROM settings WHERE name = 'connectionsLeft'`).get()?.['value'] ?? 0);
}
