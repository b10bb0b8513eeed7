import { sendsKey } from '@tenon/connector';
import type { Failure, JsonObject } from '@tenon/model';
import type { CallStep, CompensationPlan } from '@tenon/pipeline';
import type { Fact, RunEnd } from '../engine.ts';
import { placeOfVersion } from './call-step.ts';
import { undoChild } from './child.ts';
import { type EffectEnd, idempotencyKey, perform } from './effect.ts';
import { failureDetails } from './effect-facts.ts';
import { type Consent, confirmed, guarded, type Phase } from './guarded-undo.ts';
import {
  type Confirmed,
  type ConfirmedEffect,
  forwardFact,
  letterDetails,
  type Progress,
  type Stop,
  scopeOf,
} from './interpret.ts';
import { deadLetter, irreversibleFixes } from './openings.ts';
import { undoneOver } from './over.ts';
import type { Version } from './tries.ts';

/**
 * Undoes the confirmed effects of a run, last first; each undoing is an effect itself, with a key of its own. What
 * cannot be undone becomes a forward fix. One that fails for good parks the run: those before it wait for it.
 */
export async function compensate(progress: Progress, stop: Stop): Promise<RunEnd> {
  const { ctx } = progress;
  ctx.enter('compensating');
  // The failed step is nobody's work any more: a run that is undone is not gone on with.
  const fixes = irreversibleFixes(progress.confirmed, ctx.now());
  const because = stop.cancelled === undefined ? 'failure' : 'cancelled';
  const person = stop.cancelled !== undefined && {
    actor: stop.cancelled.actor,
    reason: stop.cancelled.reason,
  };
  const failure = failureDetails(stop.failure);
  await ctx.step('/compensating', () => ({
    value: { because, step: stop.step, failure, ...person },
    facts: [
      {
        kind: 'compensation',
        step: stop.step,
        details: {
          because,
          effects: progress.confirmed.map(({ place }) => place),
          ...failure,
          ...person,
        },
      },
      ...fixes.map(forwardFact),
    ],
    openings: fixes,
  }));
  await undoAll(progress, progress.confirmed, 'compensating');
  return end(progress, stop);
}

/**
 * Undoes effects, last first. In the phase `running` they are those of items that failed while the run goes on.
 * Neither a cancellation nor a deadline ends it: what is half undone is worse than either.
 */
export async function undoAll(
  progress: Progress,
  effects: readonly Confirmed[],
  phase: Phase,
): Promise<void> {
  const { ctx } = progress;
  for (const effect of effects.toReversed()) {
    // Asked for the sake of a pause and of a shutdown, which hold an undoing between two effects: nothing stops it for good.
    if (phase === 'compensating') ctx.interruption(`compensate:${effect.place}`);
    if ('child' in effect) {
      await undoChild(effect, progress);
      continue;
    }
    const { step, place } = effect;
    if (step.compensate !== undefined) await undo(progress, effect, step.compensate, phase);
    else ctx.note({ kind: 'compensation', step: place, details: { skipped: true, because: whyNot(step) } });
  }
}

function end(progress: Progress, stop: Stop): RunEnd {
  const failure = { ...failureDetails(stop.failure), step: stop.step };
  if (stop.cancelled !== undefined) {
    const { actor, reason } = stop.cancelled;
    return {
      state: 'cancelled',
      failure,
      facts: [{ kind: 'state', details: { to: 'cancelled', actor, reason } }],
      told: UNDONE,
    };
  }
  const letter = deadLetter(progress, stop, 'compensated', 'deadLetter');
  const facts: Fact[] = [
    { kind: 'state', step: stop.step, details: { to: 'compensated' } },
    { kind: 'deadLetter', step: stop.step, details: letterDetails(letter) },
  ];
  return { state: 'compensated', failure, facts, openings: [letter], told: UNDONE };
}

async function undo(
  progress: Progress,
  effect: ConfirmedEffect,
  plan: CompensationPlan,
  phase: Phase,
): Promise<void> {
  const { ctx, loaded } = progress;
  const id = `compensate:${effect.place}`;
  const operation = loaded.plan.operations[plan.operation];
  const isKeySent = operation !== undefined && sendsKey(operation);
  const leave = ({ decision }: Extract<Consent, { as: 'leave' }>): void => {
    const { actor, reason } = decision;
    ctx.note({ kind: 'compensation', step: id, details: { left: true, actor, reason } });
  };
  if (plan.confirm !== undefined) {
    const consent = await confirmed(progress, effect, plan.confirm, phase);
    if (consent.as === 'leave') return leave(consent);
  }
  for (let round = 0, from = 1, look = 1, conflicts = 0; ; look++) {
    const consent: Consent =
      plan.guard === undefined
        ? { as: 'undo' }
        : await guarded(progress, effect, plan, plan.guard, { look, conflicts }, phase);
    if (consent.as === 'leave') return leave(consent);
    const ended: EffectEnd =
      consent.as === 'failed'
        ? { ...consent.end, attempts: from - 1 }
        : await sendUndoing(progress, effect, plan, from, consent.version);
    // Given up by a person who saw that it happened: then it is done.
    if (ended.ok || ended.givenUp?.happened !== undefined) return;
    // Deleting what is not there (any more) is what was wanted.
    if (operation?.effect === 'delete' && ended.failure.class === 'notFound') {
      ctx.note({ kind: 'compensation', step: id, details: { operation: operation.name, alreadyGone: true } });
      return;
    }
    from = ended.attempts + 1;
    const isOutdated =
      consent.as === 'undo' && consent.version !== undefined && ended.failure.class === 'conflict';
    if (isOutdated && ended.givenUp === undefined) {
      conflicts++;
      continue;
    }
    const { verdict, actor, reason } = await park(progress, id, ended, round++, phase, isKeySent);
    if (verdict !== 'undone') continue;
    ctx.note({ kind: 'compensation', step: id, details: { byHand: true, actor, reason } });
    return;
  }
}

async function sendUndoing(
  progress: Progress,
  effect: ConfirmedEffect,
  plan: CompensationPlan,
  from: number,
  version: Version | undefined,
): Promise<EffectEnd> {
  const { ctx, loaded, call } = progress;
  const id = `compensate:${effect.place}`;
  const operation = loaded.plan.operations[plan.operation];
  const input = loaded.template(plan.with, scopeOf(effect.progress));
  if (operation === undefined || !input.ok)
    return { ok: false, attempts: from, failure: input.ok ? ABSENT : input.failure };
  const over = undoneOver(plan.connection, effect.over);
  if (!over.ok) return { ok: false, attempts: from, failure: over.failure };
  const isVersioned = version?.isEtag === true && operation.concurrency === 'etag';
  return perform(
    ctx,
    loaded,
    call,
    {
      id,
      place: id,
      operation,
      connection: over.connection,
      // An operation's input is an object by the plan's schema.
      input: input.value as JsonObject,
      retry: plan.retry,
      ...(plan.probe !== undefined && { probe: plan.probe }),
      owner: loaded.plan.owner.team,
      interruptible: false,
      ...(isVersioned && { version, keyPlace: placeOfVersion(id, from) }),
    },
    from,
  );
}

/** What a person says of an undoing that is parked: to try it again, or that they did it themselves. */
interface UndoingWord {
  readonly verdict: 'resume' | 'undone';
  readonly actor: string;
  readonly reason: string;
}

/** A compensation that cannot finish stays with its owner until resumed (a new budget, the same key). */
async function park(
  progress: Progress,
  id: string,
  ended: Extract<EffectEnd, { ok: false }>,
  round: number,
  phase: Phase,
  isKeySent: boolean,
): Promise<UndoingWord> {
  const { ctx } = progress;
  const key = `${id}/resume/${round}`;
  const stop: Stop = {
    step: id,
    failure: ended.failure,
    attempts: ended.attempts,
    ...(isKeySent && { idempotencyKey: idempotencyKey(ctx.run.pipeline, ctx.run.key, id) }),
    givenUp: false,
    quarantine: false,
  };
  const opening = deadLetter(progress, stop, 'held', key);
  const signal = await ctx.signal(key, {
    state: 'failed',
    opening: { ...opening, detail: { ...opening.detail, queue: 'repair', phase } },
    isUnstoppable: true,
    facts: [
      { kind: 'state', step: id, details: { to: 'failed', ...failureDetails(ended.failure) } },
      { kind: 'deadLetter', step: id, details: letterDetails(opening) },
    ],
  });
  ctx.enter(phase);
  if (signal.as !== 'value') throw new Error(`an undoing that is parked was ended: ${signal.as}`);
  // Written by the operations API.
  return signal.value as unknown as UndoingWord;
}

function whyNot(step: CallStep): string {
  return step.irreversible?.because ?? 'the step declares no compensation';
}

const UNDONE = { effects: 0 };

const ABSENT: Failure = {
  class: 'contract',
  code: 'PLAN_OPERATION_ABSENT',
  message: 'the plan holds no such compensation operation',
  delivery: 'notSent',
};
