import type { SwitchBoard } from '../../switches.ts';
import type { Names } from '../file/names.ts';
import { TERMINAL } from '../file/statements.ts';
import type { StoredRows } from '../file/stored-rows.ts';

/**
 * Which runs of a pipeline are due, longest due first: as its switches say. Killed, only those that are begun: they go
 * on to their next effect. Paused, none, or those of the keys for which it goes on. What is not taken stays in its
 * place.
 */
export function dueRuns(
  { read, names }: StoredRows,
  board: SwitchBoard,
  pipeline: string,
  nowMs: number,
  limit: number,
): readonly number[] {
  const pause = board.pauseOf(pipeline);
  const begun = board.isKilled(pipeline) ? BEGUN : '';
  if (pause !== undefined && pause.onlyKeys.length === 0) return [];
  const rows =
    pause === undefined
      ? read
          .of(`SELECT seq FROM runs WHERE pipeline = ? AND ${DUE}${begun} ORDER BY due_at, seq LIMIT ?`)
          .all(pipeline, nowMs, limit)
      : read
          .of(`SELECT seq FROM (${chosen('seq, due_at', begun)}) ORDER BY due_at, seq LIMIT ?3`)
          .all(pipeline, nowMs, limit, inFile(names, pause.onlyKeys));
  return rows.map((row) => Number(row['seq']));
}

/** When the next run of a pipeline after `nowMs` is due. */
export function nextDue(
  { read, names }: StoredRows,
  board: SwitchBoard,
  pipeline: string,
  nowMs: number,
): number {
  const pause = board.pauseOf(pipeline);
  const begun = board.isKilled(pipeline) ? BEGUN : '';
  if (pause !== undefined && pause.onlyKeys.length === 0) return Number.POSITIVE_INFINITY;
  const row =
    pause === undefined
      ? read
          .of(
            `SELECT min(due_at) AS at FROM runs WHERE pipeline = ? AND due_at IS NOT NULL AND due_at > ?${begun}`,
          )
          .get(pipeline, nowMs)
      : read
          .of(`SELECT min(due_at) AS at FROM (${chosen('due_at', begun, '>')}) WHERE ?3 = 0`)
          .get(pipeline, nowMs, 0, inFile(names, pause.onlyKeys));
  return row === undefined || row['at'] === null ? Number.POSITIVE_INFINITY : Number(row['at']);
}

const DUE = 'due_at IS NOT NULL AND due_at <= ?';
/** As the partial index has it. */
const BEGUN = ` AND state <> 'accepted'`;

/** Due runs of chosen keys, by the indexes of keys and of order keys: a backlog of others costs nothing. */
function chosen(columns: string, begun: string, compare: '<=' | '>' = '<='): string {
  const due = `pipeline = ?1 AND due_at IS NOT NULL AND due_at ${compare} ?2${begun}`;
  const keys = 'IN (SELECT value FROM json_each(?4))';
  return `SELECT ${columns} FROM runs WHERE key ${keys} AND ${due}
    UNION SELECT ${columns} FROM runs WHERE order_key ${keys} AND order_key IS NOT NULL AND state NOT IN (${TERMINAL}) AND ${due}`;
}

/** Each may be a business key or an order key. */
function inFile(names: Names, keys: readonly string[]): string {
  return JSON.stringify(keys.flatMap((key) => [...names.forms('key', key), ...names.forms('order', key)]));
}
