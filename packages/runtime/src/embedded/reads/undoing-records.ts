import { sendsKey } from '@tenon/connector';
import type { Failure } from '@tenon/model';
import type { CallStep, Plan } from '@tenon/pipeline';
import type { ChildEnd } from '../../engine.ts';
import { isNotUndone } from '../../interpreter/child.ts';
import { idempotencyKey } from '../../interpreter/effect.ts';
import type { StepRecord } from '../../runtime.ts';
import type { RunRow } from '../file/run-row.ts';
import { AT_UNDOING, attemptsOf, isSucceeded, stateOf } from '../work/call-attempts.ts';
import { COMPENSATE, compensations, isSaid, type StepRows } from '../work/step-rows.ts';
import type { PlacedStep } from './placed-steps.ts';
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
  // As the engine made it: a failure with its step.
  const left = endsOf(place, rows).find(isLeft)?.failure as unknown as Failure | undefined;
  return {
    id: COMPENSATE + place,
    state: left === undefined ? 'waiting' : 'failed',
    attempts: told.length,
    ...(runId !== undefined && { runId }),
    ...(left !== undefined && { failure: left }),
  };
}

const TOLD = /\/child#\d+!$/;

/** Undone in one go or, as long as it ended otherwise, in several. */
export function isChildUndone(place: string, rows: StepRows): boolean {
  return endsOf(place, rows).some((end) => isGone(end) && !isLeft(end));
}

/** Of a child, since its parent is undone. */
function endsOf(place: string, rows: StepRows): readonly ChildEnd[] {
  return rows.undoingsOf(place).flatMap((key) => {
    if (!UNDONE.test(key)) return [];
    const { value }: { readonly value?: ChildEnd } = JSON.parse(rows.get(key)!);
    return value ?? [];
  });
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

function isGone({ state }: ChildEnd): boolean {
  return state === 'compensated' || state === 'cancelled';
}

/** It has ended as it stood, with nothing of it undone. */
function isLeft({ failure }: ChildEnd): boolean {
  return isNotUndone(failure);
}
