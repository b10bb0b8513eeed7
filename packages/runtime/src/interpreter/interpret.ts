import type { OperationPlan } from '@tenon/connector';
import type { Scope } from '@tenon/expression';
import type { Failure, Json, JsonObject } from '@tenon/model';
import type { CallStep, PlanStep } from '@tenon/pipeline';
import type { Cancellation, Fact, Opening, RunContext, RunEnd } from '../engine.ts';
import type { LoadedPlan } from '../loaded-plan.ts';
import { type DoneWord, doneByHand, isOnTheWay } from './by-hand.ts';
import type { Reading } from './call-step.ts';
import { effectsOf, outputOf, type StartedChild, takeBack } from './child.ts';
import { compensate } from './compensate.ts';
import { failureDetails } from './effect-facts.ts';
import { interruptionEnd, STOPPED } from './interruption.ts';
import { deadLetter, forwardFixes } from './openings.ts';
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
  /** The step's place in the run. */
  readonly place: string;
  /** Where it was done: what its compensation reads is read there. */
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
  const { value } = outputOf(progress);
  return {
    state: 'succeeded',
    facts: [{ kind: 'state', details: endDetails(progress) }],
    told: { effects: effectsOf(progress), ...(value !== undefined && { output: value }) },
  };
}

/** Names of the data that expressions see. */
export function scopeOf(progress: Progress): Scope {
  const { input, headers } = progress.ctx.run;
  const scope =
    'manual' in progress.loaded.plan.trigger
      ? { input, event: input, steps: progress.steps }
      : { event: input, headers, steps: progress.steps };
  return progress.names === undefined ? scope : { ...progress.names, ...scope };
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

type Execute = (round: number, from: number) => StepEnd | Promise<StepEnd>;

/**
 * One step, in rounds: the first, and one more for each time that a person resumed the run at it. `from` is the number
 * of the round's first attempt. Within a strand a failure ends the strand, and the step that holds it is resumed: then
 * the strand begins its next round where it failed. That is the next in which its block was begun: in those between, what
 * the block is in was stopped before it came there, so this strand was not to go on either.
 *
 * A person may say instead that they did the step by hand. Where it is inside of the block that the run was parked at, the block is begun
 * for that alone: the strand of the step takes it as done before it looks whether it is to stop, so that no word is lost to a
 * cancellation that came with it; and what has failed beside it stays failed, as nobody said that it is to be tried again.
 */
async function carryOut(
  progress: Progress,
  id: string,
  execute: Execute,
  step?: PlanStep,
): Promise<Stop | undefined> {
  const { ctx, rounds, byHand } = progress;
  // Those of the block before say nothing to this one.
  if (rounds === undefined) byHand.clear();
  let from = 1;
  const first = rounds?.now ?? 0;
  let round = first;
  let own: Failed | undefined;
  for (;;) {
    const word = byHand.get(round);
    const isForIt = word !== undefined && step !== undefined && isOnTheWay(progress, step, word);
    const end = await executed(progress, id, execute, { round, from, isForIt, own: word && own });
    if (end.as === 'stopped') return end.stop;
    if (end.as === 'skipped') {
      ctx.note({ kind: 'branch', step: progress.place + id, details: { skipped: true } });
      if (round > first) ctx.mark(`${id}${PASSED}${round}`);
      return undefined;
    }
    if (end.as === 'done') return ended(progress, id, end.value);
    const stop = stopOf(progress, id, end);
    from = Math.max(from, end.attempts + 1);
    if (rounds !== undefined) {
      ctx.failed(`${id}/${round}`);
      // What it was stopped at for the sake of another is no failure of its own. A block that has come so far has not failed any more.
      if (end.failure.code !== STOPPED) own = end;
      else if (isBlock(step) && end.attempts > 0) own = undefined;
      const next = rounds.all.find((one) => one > rounds.now);
      if (stop.cancelled !== undefined || stop.givenUp || next === undefined) {
        ctx.note({
          kind: 'branch',
          step: stop.step,
          details: { ended: true, ...failureDetails(stop.failure) },
        });
        return stop;
      }
      rounds.now = next;
      round = next;
      ctx.passedEnd();
      ctx.boundsAnew();
      const said = byHand.get(next);
      if (said?.step !== stop.step || step?.kind !== 'call') continue;
      return ended(progress, id, (await doneByHand(progress, step, said, from - 1)).value);
    }
    if (!isHeld(progress, stop) && stop.isKept === undefined) return stop;
    const held = await hold(progress, stop, round);
    if (held.as === 'cancelled') return { ...stop, cancelled: held.cancelled };
    ctx.boundsAnew();
    if (held.as === 'done' && held.word.step === stop.step && step?.kind === 'call')
      return ended(progress, id, (await doneByHand(progress, step, held.word, from - 1)).value);
    round++;
    if (held.as === 'done') byHand.set(round, held.word);
  }
}

/**
 * Stands between the id of a step and the round in which it was left out, where it had failed before: nothing else may come that says
 * that the run, or the strand, is not there any more.
 */
export const PASSED = '/passed/';

type Failed = Extract<StepEnd, { as: 'failed' }>;

interface Round {
  readonly round: number;
  readonly from: number;
  /** It was begun since what was done by hand is on this way: nothing stops it before it comes there. */
  readonly isForIt: boolean;
  /** How it failed before, in a round that was begun for what a person did by hand. */
  readonly own: Failed | undefined;
}

function executed(
  progress: Progress,
  id: string,
  execute: Execute,
  { round, from, isForIt, own }: Round,
): StepEnd | Promise<StepEnd> {
  if (own !== undefined && !isForIt) return { ...own, isKept: true };
  const interruption = isForIt
    ? undefined
    : progress.ctx.interruption(`${id}/${round}`, isPast(progress, round));
  if (interruption === undefined) return execute(round, from);
  return { as: 'failed', attempts: 0, ...interruptionEnd(interruption) };
}

/** Of strands, each of which knows by itself how it failed. */
function isBlock(step: PlanStep | undefined): boolean {
  return step?.kind === 'forEach' || step?.kind === 'parallel';
}

/** The step has ended well. */
function ended(progress: Progress, id: string, value: Json | undefined): undefined {
  if (value !== undefined) progress.steps[id] = value;
  progress.lastStep = progress.place + id;
  return undefined;
}

function stopOf(progress: Progress, id: string, end: Failed): Stop {
  return {
    step: progress.place + id,
    failure: end.failure,
    attempts: end.attempts,
    ...(end.idempotencyKey !== undefined && { idempotencyKey: end.idempotencyKey }),
    ...(end.context !== undefined && { context: end.context }),
    ...(end.cancelled !== undefined && { cancelled: end.cancelled }),
    givenUp: end.givenUp ?? false,
    quarantine: end.quarantine ?? false,
    ...(end.isKept && { isKept: true }),
  };
}

/** Has the strand ended in this round before? Then it is asked for what it did in it. */
export function isPast({ rounds }: Progress, round: number): boolean {
  return rounds !== undefined && round !== rounds.all.at(-1);
}

/** Does the run stay where it failed, so that it can be resumed there? Where nothing is to be undone, always. */
function isHeld(progress: Progress, stop: Stop): boolean {
  if (stop.cancelled !== undefined || stop.givenUp) return false;
  return progress.loaded.plan.onFailure !== 'compensate' || effectsOf(progress) === 0;
}

/** What a person said of a run that is parked: to go on, that they did what it is parked at, or that it is to be undone. */
type Held =
  | { readonly as: 'resumed' }
  | { readonly as: 'done'; readonly word: DoneWord }
  | { readonly as: 'cancelled'; readonly cancelled: Cancellation };

/** Parks the run as failed until a person says how it goes on. */
async function hold(progress: Progress, stop: Stop, round: number): Promise<Held> {
  const { ctx, loaded } = progress;
  const forward = loaded.plan.onFailure === 'forward';
  const key = `${stop.step}/resume/${round}`;
  if (forward) await openForwardFixes(progress, stop, key);
  const opening = deadLetter(progress, stop, forward ? 'forward' : 'held', key);
  // The letter is no row, and may be gone when the run is executed again.
  ctx.mark(`${key}/parked`);
  const signal = await ctx.signal(key, {
    state: 'failed',
    opening,
    told: { effects: effectsOf(progress) },
    facts: [
      { kind: 'state', step: stop.step, details: { to: 'failed', ...failureDetails(stop.failure) } },
      { kind: 'deadLetter', step: stop.step, details: letterDetails(opening) },
    ],
  });
  if (signal.as === 'value') {
    // The operations API writes it.
    const word = signal.value as unknown as DoneWord | { readonly verdict: 'resume' };
    return word.verdict === 'done' ? { as: 'done', word } : { as: 'resumed' };
  }
  if (signal.as !== 'interrupted' || signal.interruption.kind !== 'cancelled') return { as: 'resumed' };
  const { actor, reason } = signal.interruption;
  return { as: 'cancelled', cancelled: { actor, reason } };
}

/** What cannot be undone becomes a named person's work (C69); so does the failed step itself. */
async function openForwardFixes(progress: Progress, stop: Stop, key: string): Promise<void> {
  const openings = forwardFixes(progress, stop);
  const facts = openings.map(forwardFact);
  await progress.ctx.step(`${key}/forward`, () => ({ value: null, facts, openings }));
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
