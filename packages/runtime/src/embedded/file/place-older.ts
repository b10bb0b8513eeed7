import { carrying, hiddenPlace } from './places.ts';
import type { Sealer } from './sealer.ts';
import type { Statements } from './statements.ts';
import { type Place, UnreadableValue } from './value-codec.ts';

/** Rows, and runs, looked at in one transaction: short, so that intake does not wait for it. */
const SLICE_OPENINGS = 500;
const SLICE_RUNS = 50;

/** How far places that were there in clear have come; in the settings of the file, so that a restart goes on. */
interface Progress {
  /** What is open: the run and key of the row looked at last. */
  readonly open: readonly [run: number, key: string] | 'done';
  readonly runs: number;
  readonly lastRun: number;
}

/** Says in the file that places are hidden from now on, and how much was there before. */
export function markPlaces(read: Statements): void {
  if (stored(read) !== undefined) return;
  const lastRun = Number(read.of('SELECT coalesce(max(seq), 0) AS n FROM runs').get()?.['n']);
  keep(read, { open: lastRun === 0 ? 'done' : [0, ''], runs: 0, lastRun });
}

export function placesLeft(read: Statements): number {
  const progress = stored(read);
  if (progress === undefined) return 0;
  return Math.max(progress.open === 'done' ? 0 : 1, progress.lastRun - progress.runs);
}

/**
 * Before anything else is done with the file: a slice of what is open, which is closed by its key, and held against the step of its
 * run. Gives 0 when it is done.
 */
export function placeOpenings(read: Statements, sealer: Sealer): number {
  const progress = stored(read);
  if (progress === undefined || progress.open === 'done') return 0;
  const rows = read
    .of(
      `SELECT run_seq, key, step, detail FROM openings WHERE (run_seq, key) > (?, ?) AND (instr(key, '[') > 0 OR instr(step, '[') > 0)
       ORDER BY run_seq, key LIMIT ?`,
    )
    .all(...progress.open, SLICE_OPENINGS);
  const set = read.of('UPDATE openings SET key = ?, step = ?, detail = ? WHERE run_seq = ? AND key = ?');
  for (const row of rows) {
    const seq = Number(row['run_seq']);
    const [key, step] = [String(row['key']), String(row['step'])];
    const hidden = hiddenPlace(key, seq, sealer.names);
    const hiddenStep = hiddenPlace(step, seq, sealer.names);
    if (hidden === key && hiddenStep === step) continue;
    const moved = movedValue(
      sealer,
      row['detail'],
      seq,
      [key, step],
      [`openings/${seq}/${key}`, `openings/${seq}/${hidden}`],
    );
    // What is damaged is closed by its key all the same.
    set.run(hidden, hiddenStep, moved ?? (row['detail'] as string | Uint8Array), seq, key);
    placeStep(read, sealer, seq);
  }
  const last = rows.at(-1);
  const open =
    last === undefined || rows.length < SLICE_OPENINGS
      ? 'done'
      : ([Number(last['run_seq']), String(last['key'])] as const);
  keep(read, { ...progress, open });
  return open === 'done' ? 0 : 1;
}

/** A slice of all others, run by run from the oldest on; gives how much is left. */
export function placeOlder(read: Statements, sealer: Sealer): number {
  const progress = stored(read);
  if (progress === undefined || progress.runs >= progress.lastRun) return 0;
  const runs = Math.min(progress.lastRun, progress.runs + SLICE_RUNS);
  for (let seq = progress.runs + 1; seq <= runs; seq++) placeRun(read, sealer, seq);
  keep(read, { ...progress, runs });
  return placesLeft(read);
}

function placeRun(read: Statements, sealer: Sealer, seq: number): void {
  placeStep(read, sealer, seq);
  for (const { key, value } of read
    .of(`SELECT key, value FROM journal WHERE run_seq = ? AND instr(key, '[') > 0`)
    .all(seq)) {
    const own = String(key);
    const hidden = hiddenPlace(own, seq, sealer.names);
    if (hidden === own) continue;
    const moved = movedValue(
      sealer,
      value,
      seq,
      [own],
      [`journal/${seq}/${own}`, `journal/${seq}/${hidden}`],
    );
    if (moved === undefined) continue;
    read
      .of('UPDATE journal SET key = ?, value = ? WHERE run_seq = ? AND key = ?')
      .run(hidden, moved, seq, own);
  }
  for (const row of read
    .of('SELECT run_seq, parent_key, parent_step FROM children WHERE parent_seq = ?')
    .all(seq))
    read
      .of('UPDATE children SET parent_key = ?, parent_step = ? WHERE run_seq = ?')
      .run(
        hiddenPlace(String(row['parent_key']), seq, sealer.names),
        hiddenPlace(String(row['parent_step']), seq, sealer.names),
        Number(row['run_seq']),
      );
}

function placeStep(read: Statements, sealer: Sealer, seq: number): void {
  const step = read.of('SELECT step FROM runs WHERE seq = ?').get(seq)?.['step'];
  if (typeof step !== 'string' || !step.includes('[')) return;
  read.of('UPDATE runs SET step = ? WHERE seq = ?').run(hiddenPlace(step, seq, sealer.names), seq);
}

/** A value sealed for the place that its row has now, with the names of the one before; `undefined` where it cannot be read. */
function movedValue(
  sealer: Sealer,
  value: unknown,
  seq: number,
  names: readonly string[],
  [from, to]: readonly [Place, Place],
): string | Uint8Array | undefined {
  let text: string;
  try {
    text = sealer.codec.open(value, from);
  } catch (error) {
    if (error instanceof UnreadableValue) return undefined;
    throw error;
  }
  return sealer.codec.seal(carrying(names, text), to, sealer.keyOfRun(seq));
}

function stored(read: Statements): Progress | undefined {
  const row = read.of(`SELECT value FROM settings WHERE name = 'places'`).get();
  // Written by `keep` alone.
  return row && (JSON.parse(String(row['value'])) as Progress);
}

function keep(read: Statements, progress: Progress): void {
  read
    .of(
      `INSERT INTO settings (name, value) VALUES ('places', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value`,
    )
    .run(JSON.stringify(progress));
}
