import type { OperationPlan } from '@tenon/connector';
import type { Scope } from '@tenon/expression';
import type { Failure, Json, JsonObject } from '@tenon/model';
import type { CallStep, PlanStep } from '@tenon/pipeline';
import type { Cancellation, Fact, Opening, RunContext, RunEnd } from '../engine.ts';
import type { LoadedPlan } from '../loaded-plan.ts';
import type { DoneWord } from './by-hand.ts';
import type { Reading } from './call-step.ts';
import { carryOut, type Execute } from './carry-out.ts';
import { effectsOf, outputOf, type StartedChild, takeBack } from './child.ts';
import { compensate } from './compensate.ts';
import { interruptionEnd } from './interruption.ts';
import type { Over } from './over.ts';
import { type StepEnd, stepKinds } from './steps.ts';
import type { Caller } from './tries.ts';

/** What a run has done so far: rebuilt from the journal each time the interpreter is run again. */
export interface Progress {
  readonly ctx: RunContext;
  readonly loaded: LoadedPlan;
  readonly call: Caller;
  /** Results by step id: `steps` in expressions. */
  readonly steps: Record<string, Json>;
  /** What reading steps read last, by step id: versions that writes are based on. */
  readonly readings: Record<string, Reading>;
  /** Effects known to have happened and children that were started, in order. */
  readonly confirmed: Confirmed[];
  /** What the ids of steps stand behind in the whole run: `lines[7].` in an item, else nothing. */
  readonly place: string;
  /** What expressions see besides: the item of each list that the step is inside of. */
  readonly names?: Readonly<Record<string, Json>>;
  /** Rounds in which blocks have begun, by step id. See `beginBlock`. */
  readonly begun: Record<string, readonly number[]>;
  /**
   * Words of people who did a step by hand that is inside of the block at which the run was parked, by the round that the block was begun
   * in for it. See `carryOut`.
   */
  readonly byHand: Map<number, DoneWord>;
  /** In a strand: the round that it is in, and all of its block since the one that it was begun in. See `carryOut`. */
  readonly rounds?: { now: number; readonly all: readonly number[] };
  /** The last step that ended well. */
  lastStep?: string;
}

export interface ConfirmedEffect {
  readonly step: CallStep;
  readonly operation: OperationPlan;
  /** Where it was done. */
  readonly over: Over;
  /** The step's place in the run. */
  readonly place: string;
  /** In which it was done: what its compensation reads is read there. */
  readonly progress: Progress;
  /** Within a strand: its place in the order of the run's records. */
  readonly nth?: number;
}

/** What is undone when the run is. */
export type Confirmed = ConfirmedEffect | StartedChild;

/** Why a run does not go on. */
export interface Stop {
  /** Id of the step at fault; `trigger`, `identity`, `success` or `output` where it is none. */
  readonly step: string;
  readonly failure: Failure;
  readonly attempts: number;
  readonly idempotencyKey?: string;
  readonly context?: JsonObject;
  readonly cancelled?: Cancellation;
  /** A person said: give it up. */
  readonly givenUp: boolean;
  readonly quarantine: boolean;
  /** It failed before, and was not carried out again: what was done by hand beside it has come in meanwhile. */
  readonly isKept?: true;
}

/**
 * Carries a plan out, from the top, over an engine. Sequential steps; a failed step ends the run as `onFailure` says:
 * compensated, or parked in `failed` where a person can resume it at that very step.
 */
export async function interpret(ctx: RunContext, loaded: LoadedPlan, call: Caller): Promise<RunEnd> {
  const progress: Progress = {
    ctx,
    loaded,
    call,
    steps: Object.create(null),
    readings: {},
    confirmed: [],
    begun: Object.create(null),
    byHand: new Map(),
    place: '',
  };
  const { steps, success, output } = loaded.plan;
  const { intakeFailure } = ctx.run;
  const stop =
    (intakeFailure === undefined ? undefined : await stopAtIntake(progress, intakeFailure)) ??
    (await runSteps(progress, steps)) ??
    (success === undefined ? undefined : await checkSuccess(progress, success)) ??
    (output === undefined ? undefined : await checkOutput(progress));
  if (stop !== undefined) return compensate(progress, stop);
  if (ctx.run.parent !== undefined) {
    // All that came before is on record: executed again to be taken back, it does nothing anew.
    await ctx.step('/ended', () => ({ value: null }));
    const back = ctx.takenBack();
    if (back !== undefined) return takeBack(progress, back);
  }
  const cancelled = ctx.cancelled();
  if (cancelled !== undefined) return compensate(progress, stopAtEnd(cancelled));
  const { value } = outputOf(progress);
  return {
    state: 'succeeded',
    facts: [{ kind: 'state', details: endDetails(progress) }],
    told: { effects: effectsOf(progress), ...(value !== undefined && { output: value }) },
  };
}

/** Names of the data that expressions see. */
export function scopeOf(progress: Progress): Scope {
  const { input, headers, connection } = progress.ctx.run;
  const scope =
    'manual' in progress.loaded.plan.trigger
      ? { input, event: input, steps: progress.steps }
      : { event: input, headers, steps: progress.steps };
  if (connection === undefined && progress.names === undefined) return scope;
  // An item of a list may be called so; then it is meant.
  return { ...(connection !== undefined && { connection }), ...progress.names, ...scope };
}

/** Carries out steps in order; `undefined` when all of them ended well. */
export async function runSteps(progress: Progress, steps: readonly PlanStep[]): Promise<Stop | undefined> {
  for (const step of steps) {
    const execute: Execute = (round, from) => {
      // What its condition looks at may have been mended as well: it asks for it itself, once that is read.
      const isMadeAgain = from > 1 && step.kind === 'check' && step.again !== undefined;
      if (step.when !== undefined && !isMadeAgain) {
        const when = progress.loaded.condition(step.when, scopeOf(progress));
        if (!when.ok) return { as: 'failed', failure: when.failure, attempts: from };
        if (!when.value) return { as: 'skipped' };
      }
      return step.deadlineMs === undefined
        ? stepKinds[step.kind](progress, step, round, from)
        : withinDeadline(progress, step.id, step.deadlineMs, String(round), () =>
            stepKinds[step.kind](progress, step, round, from),
          );
    };
    const stop = await carryOut(progress, step.id, execute, step);
    if (stop !== undefined) return stop;
  }
  return undefined;
}

/**
 * One round of a step under its own deadline. That is kept as what is left of the run's when it is over, so that it stands
 * still where that does, and a later process finds it as it was.
 */
export async function withinDeadline(
  { ctx }: Progress,
  id: string,
  deadlineMs: number,
  round: string,
  execute: () => Promise<StepEnd>,
): Promise<StepEnd> {
  const leftMs = await ctx.step(`${id}/deadline/${round}`, () => ({
    value: ctx.deadlineAt() - ctx.now() - deadlineMs,
  }));
  const release = ctx.bound({ step: id, leftMs, deadlineMs });
  try {
    return await execute();
  } finally {
    release();
  }
}

export function forwardFact(opening: Opening): Fact {
  return { kind: 'forwardFix', step: opening.step, details: { ...opening.detail, owner: opening.owner } };
}

export function letterDetails(opening: Opening): JsonObject {
  return { ...opening.detail, owner: opening.owner };
}

/** An event that came in but whose key or condition could not be computed is not dropped: it ends here, owned. */
function stopAtIntake(progress: Progress, intakeFailure: Json): Promise<Stop | undefined> {
  // Written by intake, which puts a failure there.
  const failure = intakeFailure as unknown as Failure;
  // Nothing is wrong with the second kind but that nobody can tell yet whether it comes too late.
  const quarantine = failure.class === 'contract' || failure.code.startsWith('STORED_VALUE_');
  return carryOut(progress, 'trigger', () => ({ as: 'failed', failure, attempts: 1, quarantine }));
}

/** It came while the last step was under way, and whoever said so was told that the run is cancelled. */
function stopAtEnd(cancelled: Cancellation): Stop {
  const end = interruptionEnd({ kind: 'cancelled', ...cancelled });
  return { step: 'success', attempts: 0, givenUp: false, quarantine: false, ...end };
}

function checkSuccess(progress: Progress, success: string): Promise<Stop | undefined> {
  return carryOut(progress, 'success', () => {
    const met = progress.loaded.condition(success, scopeOf(progress));
    if (!met.ok) return { as: 'failed', failure: met.failure, attempts: 1 };
    return met.value ? { as: 'done' } : { as: 'failed', failure: notSuccessful(success), attempts: 1 };
  });
}

function checkOutput(progress: Progress): Promise<Stop | undefined> {
  return carryOut(progress, 'output', () => {
    const { failure } = outputOf(progress);
    return failure === undefined ? { as: 'done' } : { as: 'failed', failure, attempts: 1 };
  });
}

function notSuccessful(success: string): Failure {
  return {
    class: 'permanent',
    code: 'RUN_SUCCESS_NOT_MET',
    message: `all steps ended, but the pipeline's success condition is false: ${success}`,
    delivery: 'notSent',
  };
}

/** The closing entry's details, with the pipeline's metrics (numbers only: they are no place for data). */
function endDetails(progress: Progress): JsonObject {
  const metrics: Record<string, number> = {};
  for (const [name, { when, value }] of Object.entries(progress.loaded.plan.metrics)) {
    const scope = scopeOf(progress);
    const counted = when === undefined ? undefined : progress.loaded.condition(when, scope);
    if (counted !== undefined && !(counted.ok && counted.value)) continue;
    const amount = value === undefined ? undefined : progress.loaded.expression(value, scope);
    if (amount === undefined) metrics[name] = 1;
    else if (amount.ok && typeof amount.value === 'number') metrics[name] = amount.value;
  }
  return { to: 'succeeded', ...(Object.keys(metrics).length > 0 && { metrics }) };
}
