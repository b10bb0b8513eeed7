import type { Failure, Json, JsonObject } from '@tenon/model';
import type { RunStep } from '@tenon/pipeline';
import type { Cancellation, ChildEnd, Opening, RunEnd, Signal } from '../engine.ts';
import { undoAll } from './compensate.ts';
import { type Confirmed, forwardFact, type Progress, scopeOf } from './interpret.ts';
import { interruptionEnd } from './interruption.ts';
import { irreversibleFixes } from './openings.ts';
import type { StepEnd } from './steps.ts';

/** A run of another pipeline that this run has started: it is among what is undone with it, however far it came. */
export interface StartedChild {
  readonly step: RunStep;
  readonly place: string;
  readonly progress: Progress;
  readonly runId: string;
  /** What the engine knows it by. */
  readonly child: string;
  /** Within a strand: place of what is known of it last, in the order of the run's records. */
  nth?: number;
  /** How many of its ends are behind it, and the last that was heard of; nothing while it is under way. */
  ends: number;
  last?: ChildEnd;
}

/**
 * Runs another pipeline and waits for its end. Journal of step `s` in round r: `s/child#r` the start, `s/child#r!` the
 * word to go on, `s/child#r=` its end. It is started once; in a later round it is told to go on, which a child hears that is parked.
 */
export async function runStep(progress: Progress, step: RunStep, round: number): Promise<StepEnd> {
  const { ctx } = progress;
  const attempts = round + 1;
  const place = progress.place + step.id;
  const name = `${step.id}/child#${round}`;
  let child = childAt(progress, place);
  if (child === undefined) {
    const begun = await start(progress, step, name, place);
    if ('as' in begun) return { ...begun, attempts };
    child = begun;
    progress.confirmed.push(child);
  } else if (child.last === undefined || child.last.state === 'failed') await resume(child, ctx, `${name}!`);
  else return { as: 'failed', failure: failureOf(child, step), attempts };

  const signal = await hear(child, progress, `${name}=`, false);
  if (signal.as === 'interrupted') return { as: 'failed', attempts, ...interruptionEnd(signal.interruption) };
  if (child.last?.state === 'succeeded') return { as: 'done', value: child.last.output ?? null };
  return { as: 'failed', failure: failureOf(child, step), attempts };
}

async function start(
  progress: Progress,
  step: RunStep,
  name: string,
  place: string,
): Promise<StartedChild | Extract<StepEnd, { as: 'failed' }>> {
  const { ctx, loaded } = progress;
  const input = loaded.template(step.with, scopeOf(progress));
  if (!input.ok) return { as: 'failed', failure: input.failure, attempts: 1 };
  const interruption = await ctx.hold({ step: place, purpose: 'emit', place: `${name}@` });
  if (interruption !== undefined) return { as: 'failed', attempts: 1, ...interruptionEnd(interruption) };
  const { pipeline, version, plan } = step;
  const started = await ctx.startChild(name, {
    step: place,
    plan,
    input: input.value,
    facts: (runId, hops) => [
      { kind: 'stepStarted', step: place, details: { runs: pipeline, version, plan, runId, hops } },
    ],
  });
  // Recorded by the engine, as a failure.
  if ('failure' in started)
    return { as: 'failed', failure: started.failure as unknown as Failure, attempts: 1 };
  const { runId, child, nth } = started;
  return { step, place, progress, runId, child, ends: 0, ...(nth !== undefined && { nth }) };
}

/** What a child was parked with before, whether that was heard or not, is no answer to this. */
async function resume(child: StartedChild, ctx: Progress['ctx'], key: string): Promise<void> {
  const { child: named, runId, place } = child;
  const reason = `${place} of its parent was resumed`;
  const parked = await ctx.tellChild(key, { child: named, runId, step: place, say: 'resume', reason });
  if (parked === undefined) return;
  child.ends = parked;
  delete child.last;
}

/** Waits for the next end of a child, and takes it in. */
async function hear(child: StartedChild, { ctx }: Progress, key: string, isUndone: boolean): Promise<Signal> {
  const { place, runId, step } = child;
  const opening: Opening = {
    kind: 'child',
    key,
    step: isUndone ? `compensate:${place}` : place,
    owner: child.progress.loaded.plan.owner.team,
    detail: { runId, pipeline: step.pipeline },
  };
  const signal = await ctx.childEnd(key, {
    child: child.child,
    nth: child.ends,
    opening,
    facts: [{ kind: 'waiting', step: opening.step, details: { for: 'run', pipeline: step.pipeline, runId } }],
    ended: ({ state, failure }) => [
      { kind: 'signal', step: opening.step, details: { run: runId, state, ...failure } },
      ...(state === 'succeeded' && !isUndone
        ? ([{ kind: 'stepDone', step: place, details: { runs: step.pipeline, runId } }] as const)
        : []),
      ...(isUndone && isGone(state)
        ? ([
            {
              kind: 'compensation',
              step: opening.step,
              details: {
                runs: step.pipeline,
                runId,
                ...(isNotUndone(failure) && { skipped: true, because: 'the run ended as it stood' }),
              },
            },
          ] as const)
        : []),
    ],
    ...(isUndone && { isUnstoppable: true }),
  });
  if (signal.as !== 'value') return signal;
  // Recorded by the engine, from what the child told.
  const end = signal.value as unknown as ChildEnd;
  child.ends++;
  child.last = end;
  if (end.nth !== undefined) child.nth = end.nth;
  return signal;
}

/** Undoes what a child did, and waits until it is. It says again what it wants as long as the child ends otherwise. */
export async function undoChild(child: StartedChild, progress: Progress): Promise<void> {
  const { ctx } = progress;
  const { place, last } = child;
  if (last?.state === 'succeeded' && last.effects === 0) {
    ctx.note({
      kind: 'compensation',
      step: place,
      details: { skipped: true, because: 'the run had no effect' },
    });
    return;
  }
  for (let k = 1; !isGone(child.last?.state); k++) {
    const name = `compensate:${place}/child#${k}`;
    await ctx.tellChild(`${name}!`, {
      child: child.child,
      runId: child.runId,
      step: `compensate:${place}`,
      say: 'undo',
      reason: 'its parent is undone',
    });
    await hear(child, progress, `${name}=`, true);
  }
}

/** Is there anything that undoing would have to undo? A child that is under way may have done something. */
export function isToBeUndone(confirmed: Confirmed): boolean {
  if (!('child' in confirmed)) return true;
  return confirmed.last === undefined || (!isGone(confirmed.last.state) && confirmed.last.effects > 0);
}

export function effectsOf(progress: Progress): number {
  return progress.confirmed.filter(isToBeUndone).length;
}

/** A run that had succeeded is undone with its parent; nobody need be told, as that one's owner is. */
export async function takeBack(progress: Progress, { actor, reason }: Cancellation): Promise<RunEnd> {
  const { ctx, confirmed } = progress;
  ctx.enter('compensating');
  const fixes = irreversibleFixes(confirmed, ctx.now());
  const details: JsonObject = {
    because: 'parent',
    effects: confirmed.map(({ place }) => place),
    actor,
    reason,
  };
  await ctx.step('/compensating', () => ({
    value: { because: 'parent', actor, reason },
    facts: [{ kind: 'compensation', details }, ...fixes.map(forwardFact)],
    openings: fixes,
  }));
  await undoAll(progress, confirmed, 'compensating');
  return {
    state: 'compensated',
    facts: [{ kind: 'state', details: { to: 'compensated', actor, reason } }],
    told: { effects: 0 },
  };
}

/** What a parent reads as the result of its step. */
export function outputOf(progress: Progress): { readonly value?: Json; readonly failure?: Failure } {
  const { output } = progress.loaded.plan;
  if (output === undefined) return {};
  const made = progress.loaded.template(output.value, scopeOf(progress));
  if (!made.ok) return { failure: made.failure };
  const refusal = progress.loaded.outputRefusal(made.value);
  return refusal === undefined ? { value: made.value } : { failure: refusal };
}

function childAt(progress: Progress, place: string): StartedChild | undefined {
  const found = progress.confirmed.find((one) => one.place === place);
  return found !== undefined && 'child' in found ? found : undefined;
}

function isGone(state: ChildEnd['state'] | undefined): boolean {
  return state === 'compensated' || state === 'cancelled';
}

/** It was cancelled as it stood: its own owner has what is left of it. */
export function isNotUndone(failure: ChildEnd['failure']): boolean {
  return failure?.['code'] === 'RUN_CANCELLED_NOT_UNDONE';
}

/** The parent's failure has the class of its child's, so that its own rules hold. */
function failureOf({ runId, last }: StartedChild, { pipeline }: RunStep): Failure {
  // As the child's interpreter made it: a failure with its step.
  const cause = last?.failure as unknown as (Failure & { readonly step?: string }) | undefined;
  const at = cause?.step === undefined ? '' : ` at ${cause.step}`;
  const why = cause === undefined ? '' : `: ${cause.code}, ${cause.message}`;
  const isCancelled = last?.state === 'cancelled';
  return {
    class: isCancelled ? 'permanent' : (cause?.class ?? 'permanent'),
    code: isCancelled ? 'RUN_CHILD_CANCELLED' : 'RUN_CHILD_FAILED',
    message: `run ${runId} of ${pipeline} ${last?.state}${at}${why}`,
    delivery: 'notSent',
  };
}
