import type { WaitStep } from '@tenon/pipeline';
import type { Interruption } from '../../engine.ts';
import { interruptionEnd } from '../../interpreter/interruption.ts';
import type { StepRecord } from '../../runtime.ts';
import { finalStates } from '../../states.ts';
import type { RunRow } from '../file/run-row.ts';
import { listOf, placeOf, roundsOf, type StepRows } from '../work/step-rows.ts';
import { FAILED } from '../work/strand-memory.ts';
import type { PlacedStep } from './placed-steps.ts';
import type { Stopped } from './stopped.ts';

/**
 * Of a wait for a time, which leaves no record when it is over: it is, once what comes after it has left one, the run went on or
 * came to an end past it, or its time had passed when the run was last written. What stopped it is on record.
 */
export function timeRecord(
  run: RunRow,
  { step, place, key: id }: PlacedStep,
  later: () => readonly PlacedStep[],
  stopped: Stopped | undefined,
  rows: StepRows,
): StepRecord | undefined {
  if (step.kind !== 'wait' || 'event' in step.for) return undefined;
  const round = roundsOf(`${id}#`, rows).at(-1);
  if (round === undefined) return undefined;
  const record = { id: place, attempts: 1 };
  const stop = rows.get(`#stop/${id}#${round}z`);
  // Stored by the strand's `#interruption`.
  if (stop !== undefined)
    return { ...record, state: 'failed', failure: interruptionEnd(JSON.parse(stop) as Interruption).failure };
  if (rows.has(`${FAILED}${id}/${round - 1}`)) return { ...record, state: 'failed' };
  const isOver =
    isTimeOver(step, rows.get(`${id}#${round}@`), run.updated_at) ||
    isListOver(run, id, rows) ||
    hasGoneOn(listOf(id), later(), stopped, rows);
  if (isOver) return { ...record, state: 'succeeded' };
  const untilMs = timeUntil(run, step, id, round, rows);
  return { ...record, state: 'waiting', awaits: { for: 'time', ...(untilMs !== undefined && { untilMs }) } };
}

function timeUntil(
  run: RunRow,
  { for: target }: WaitStep,
  id: string,
  round: number,
  rows: StepRows,
): number | undefined {
  const begun = rows.get(`${id}#${round}@`);
  if ('durationMs' in target && begun !== undefined) return Number(begun) + target.durationMs;
  return dueAt(run, id);
}

/** When a run that waits is due; of one with several strands, its row says when the first of them is, and not which. */
export function dueAt(run: RunRow, id: string): number | undefined {
  return run.state === 'waiting' && !id.includes('|') ? (run.due_at ?? undefined) : undefined;
}

/** As far as that can be told: until when an expression says is not on record. */
function isTimeOver({ for: target }: WaitStep, begun: string | undefined, sinceMs: number): boolean {
  return 'durationMs' in target && begun !== undefined && Number(begun) + target.durationMs <= sinceMs;
}

/** Has the list of steps that it is in come to its end, or any that this list is inside of? */
function isListOver(run: RunRow, id: string, rows: StepRows): boolean {
  if (finalStates.has(run.state) || rows.has('/compensating')) return true;
  const lists = id.split('|').slice(0, -1);
  if (lists.length === 0) return run.state === 'failed';
  return lists.some((_, depth) => {
    const list = lists.slice(0, depth + 1).join('|');
    const block = list.slice(0, Math.max(0, list.lastIndexOf('|') + 1)) + lists[depth]!.split(/[.[]/, 1)[0];
    const last = roundsOf(`${block}/joined/`, rows).at(-1);
    return last !== undefined && rows.has(`${block}/joined/${last}`);
  });
}

/** Has one of the later steps of a list begun, failed or been stopped? */
function hasGoneOn(
  list: string,
  later: readonly PlacedStep[],
  stopped: Stopped | undefined,
  rows: StepRows,
): boolean {
  if (later.some(({ place }) => place === stopped?.step)) return true;
  const names = new Set(later.map(({ key }) => key));
  return rows
    .inList(list)
    .some((key) => names.has(list + /^[^#/=.[|]*/.exec(placeOf(key).slice(list.length))![0]));
}
