import { sendsKey } from '@tenon/connector';
import type { CallStep, Plan } from '@tenon/pipeline';
import type { ChildEnd } from '../engine.ts';
import { idempotencyKey } from '../interpreter/effect.ts';
import type { StepRecord } from '../runtime.ts';
import { AT_UNDOING, attemptsOf, isSucceeded, stateOf } from './call-attempts.ts';
import type { PlacedStep } from './placed-steps.ts';
import type { RunRow } from './run-row.ts';
import { COMPENSATE, compensations, isSaid, type StepRows } from './step-rows.ts';
import { type Stopped, withoutStep } from './stopped.ts';

/**
 * Of the undoing of an effect; nothing once it has ended well, which the effect says itself, where a person left the effect as it is, or before
 * anything came of it.
 */
export function undoingRecord(
  plan: Plan,
  run: RunRow,
  { step, place }: PlacedStep,
  stopped: Stopped | undefined,
  rows: StepRows,
): StepRecord | undefined {
  if (step.kind !== 'call' || step.compensate === undefined) return undefined;
  const id = `compensate:${place}`;
  if (isUndone(plan, step, place, rows) || isSaid(rows, place, ({ decision }) => decision === 'reject'))
    return undefined;
  const { attempts, last, begun } = attemptsOf(compensations(rows, place).at(-1) ?? id, rows);
  const isHere = run.step === id;
  const operation = plan.operations[step.compensate.operation];
  const stop = stopped?.step === id ? withoutStep(stopped) : undefined;
  if (attempts === 0 && stop === undefined && !(isHere && run.state === 'waiting')) return undefined;
  const failure = stop ?? last?.failure;
  // With a version that was looked at the key is that version's.
  const isVersioned = step.compensate.guard !== undefined && operation?.concurrency === 'etag';
  const isKeySent = operation !== undefined && sendsKey(operation);
  return {
    id,
    state: stop !== undefined ? 'failed' : stateOf(run, isHere, last, begun, AT_UNDOING),
    attempts,
    ...(isKeySent && !isVersioned && { idempotencyKey: idempotencyKey(run.pipeline, run.key, id) }),
    ...(failure !== undefined && { failure }),
  };
}

/**
 * Of the undoing of a child: from the first word to it until it has ended undone, which its step says. Where that is parked or waits for a
 * person is the child's to say.
 */
export function childUndoing(
  place: string,
  runId: string | undefined,
  rows: StepRows,
): StepRecord | undefined {
  const told = rows.undoingsOf(place).filter((key) => TOLD.test(key));
  if (told.length === 0 || isChildUndone(place, rows)) return undefined;
  return {
    id: COMPENSATE + place,
    state: 'waiting',
    attempts: told.length,
    ...(runId !== undefined && { runId }),
  };
}

const TOLD = /\/child#\d+!$/;

/** Undone in one go or, as long as it ended otherwise, in several. */
export function isChildUndone(place: string, rows: StepRows): boolean {
  return rows.undoingsOf(place).some((key) => UNDONE.test(key) && isGone(JSON.parse(rows.get(key)!)));
}

/** Deleting what is not there (any more) is what was wanted. */
export function isUndone(plan: Plan, step: CallStep, place: string, rows: StepRows): boolean {
  const operation = step.compensate && plan.operations[step.compensate.operation];
  if (isSaid(rows, place, ({ verdict }) => verdict === 'undone')) return true;
  return compensations(rows, place).some(
    (key) =>
      isSucceeded(rows, key) ||
      (operation?.effect === 'delete' && attemptsOf(key, rows).last?.failure?.class === 'notFound'),
  );
}

const UNDONE = /\/child#\d+=$/;

function isGone({ value }: { readonly value?: ChildEnd }): boolean {
  return value?.state === 'compensated' || value?.state === 'cancelled';
}
