import { type OperationPlan, sendsKey } from '@tenon/connector';
import { isObject, type Json, type JsonObject } from '@tenon/model';
import type { CallStep } from '@tenon/pipeline';
import { idempotencyKey, perform } from './effect.ts';
import { forwardFact, type Progress, scopeOf } from './interpret.ts';
import { readListing } from './listing.ts';
import { lookFix } from './openings.ts';
import { overWhich } from './over.ts';
import { staleness } from './staleness.ts';
import { failed, type StepEnd } from './steps.ts';
import type { Effect, Version } from './tries.ts';

/** What a step read last: how often it was tried, and the version that the answer had. */
export interface Reading {
  readonly attempts: number;
  readonly version?: Version;
}

/** One call, its input made of what is known now. `from` is the number of its first attempt; `version`: what it is based on. */
export async function callStep(
  progress: Progress,
  step: CallStep,
  from: number,
  version?: Version,
): Promise<StepEnd> {
  const { ctx, loaded, call } = progress;
  const operation = loaded.plan.operations[step.operation];
  if (operation === undefined)
    return failed('contract', 'PLAN_OPERATION_ABSENT', `the plan holds no operation ${step.operation}`, from);
  const input = loaded.template(step.with, scopeOf(progress));
  if (!input.ok) return { as: 'failed', failure: input.failure, attempts: from };
  const over = overWhich(progress, step.connection);
  if (!over.ok) return { as: 'failed', failure: over.failure, attempts: from };
  const isRead = operation.effect === 'read';
  const place = progress.place + step.id;
  const keyPlace = version === undefined ? place : placeOfVersion(place, from);
  const effect: Effect = {
    id: step.id,
    place,
    keyPlace,
    operation,
    connection: over.connection,
    // An operation's input is an object by the plan's schema.
    input: input.value as JsonObject,
    retry: step.retry,
    ...(step.probe !== undefined && { probe: step.probe }),
    ...(step.refusals !== undefined && { refusals: step.refusals }),
    owner: loaded.plan.owner.team,
    interruptible: true,
    ...(step.fresh !== undefined && isRead && { refuse: staleness(progress, step.fresh) }),
    ...(version !== undefined && { version }),
  };
  const end =
    step.pages === undefined || !isRead
      ? await perform(ctx, loaded, call, effect, from)
      : await readListing(ctx, loaded, call, effect, step.pages, from);
  if (end.ok) {
    const { attempts } = end;
    if (isRead)
      progress.readings[step.id] = { attempts, ...(end.version !== undefined && { version: end.version }) };
    else confirm(progress, step, operation, end.nth);
    return { as: 'done', value: step.refusals === undefined ? end.value : unmistakable(end.value) };
  }
  if (end.refused !== undefined) {
    if (isRead) progress.readings[step.id] = { attempts: end.attempts };
    return { as: 'done', value: { refused: end.refused } };
  }
  const { happened, nth } = end.givenUp ?? {};
  if (happened !== undefined) progress.steps[step.id] = happened;
  // Whether it happened or not, what cannot be undone is owed what was declared for that.
  const isOwed = end.givenUp !== undefined && step.irreversible !== undefined;
  if (happened !== undefined || isOwed) confirm(progress, step, operation, nth);
  else if (end.givenUp !== undefined && step.compensate !== undefined)
    await ctx.step(`${step.id}/look`, () => {
      const opening = lookFix(progress, step, operation.name, over.connection);
      return { value: null, facts: [forwardFact(opening)], openings: [opening] };
    });
  return {
    as: 'failed',
    failure: end.failure,
    attempts: end.attempts,
    ...(!isRead &&
      sendsKey(operation) && { idempotencyKey: idempotencyKey(ctx.run.pipeline, ctx.run.key, keyPlace) }),
    ...(end.cancelled !== undefined && { cancelled: end.cancelled }),
    givenUp: end.givenUp !== undefined,
  };
}

/** A result that no refusal is: the contract declares no such member, or the plan would not have been made. */
function unmistakable(result: Json): Json {
  if (!isObject(result) || !Object.hasOwn(result, 'refused')) return result;
  const { refused: _undeclared, ...declared } = result;
  return declared;
}

/**
 * What the key of a write is made from: a write of a later version is another effect, begun when the former was proven
 * not to have happened, and told apart by the number of its first attempt.
 */
export function placeOfVersion(place: string, from: number): string {
  return from === 1 ? place : `${place}~${from}`;
}

/** The effect is known to have happened: from here on it is one to be undone. */
export function confirm(
  progress: Progress,
  step: CallStep,
  operation: OperationPlan,
  nth: number | undefined,
): void {
  const place = progress.place + step.id;
  const over = overWhich(progress, step.connection);
  progress.confirmed.push({ step, operation, over, place, progress, ...(nth !== undefined && { nth }) });
}
