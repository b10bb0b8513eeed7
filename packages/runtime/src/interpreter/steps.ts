import type { Failure, Json, JsonObject } from '@tenon/model';
import type {
  ApproveStep,
  CheckStep,
  ChooseStep,
  EmitStep,
  PlanStep,
  SetStep,
  WaitStep,
} from '@tenon/pipeline';
import type { Cancellation, Fact } from '../engine.ts';
import { writeBasedOn } from './based-on.ts';
import { callStep } from './call-step.ts';
import { isPast } from './carry-out.ts';
import { runStep } from './child.ts';
import { forEachStep } from './for-each.ts';
import { type Progress, runSteps, type Stop, scopeOf } from './interpret.ts';
import { interruptionEnd } from './interruption.ts';
import { madeAgain } from './made-again.ts';
import { overWhich } from './over.ts';
import { apartOf, type Decision } from './several-approvals.ts';
import { parallelStep } from './strands.ts';

/** How a step ended. `attempts` counts from 1 over all rounds. */
export type StepEnd =
  | { readonly as: 'done'; readonly value?: Json }
  | { readonly as: 'skipped' }
  /** A step inside this one did not end well. */
  | { readonly as: 'stopped'; readonly stop: Stop }
  | {
      readonly as: 'failed';
      readonly failure: Failure;
      readonly attempts: number;
      readonly idempotencyKey?: string;
      /** What else its owner is told: no data, made by us. */
      readonly context?: JsonObject;
      readonly cancelled?: Cancellation;
      readonly givenUp?: boolean;
      readonly quarantine?: boolean;
      /** As of a `Stop`. */
      readonly isKept?: true;
    };

type StepKind = (progress: Progress, step: PlanStep, round: number, from: number) => Promise<StepEnd>;

/** What each kind of step does. */
export const stepKinds: Readonly<Record<PlanStep['kind'], StepKind>> = {
  call: only('call', (progress, step, round, from) =>
    step.basedOn === undefined
      ? callStep(progress, step, from)
      : writeBasedOn(progress, step, step.basedOn, round, from),
  ),
  emit: only('emit', emitStep),
  approve: only('approve', approveStep),
  wait: only('wait', waitStep),
  set: only('set', setStep),
  check: only('check', checkStep),
  choose: only('choose', chooseStep),
  forEach: only('forEach', forEachStep),
  parallel: only('parallel', parallelStep),
  run: only('run', runStep),
};

async function emitStep(progress: Progress, step: EmitStep, round: number): Promise<StepEnd> {
  const { ctx, loaded } = progress;
  const payload = loaded.template(step.with, scopeOf(progress));
  if (!payload.ok) return { as: 'failed', failure: payload.failure, attempts: round + 1 };
  const made = step.headers && loaded.template(step.headers, scopeOf(progress));
  if (made?.ok === false) return { as: 'failed', failure: made.failure, attempts: round + 1 };
  // A template of an object gives one; what else it might be, the refusal says.
  const headers = made?.value as JsonObject | undefined;
  const refusal = loaded.refusal(step.event, payload.value, headers);
  if (refusal !== undefined) return { as: 'failed', failure: refusal, attempts: round + 1 };
  const over = step.over && overWhich(progress, step.over);
  if (over?.ok === false) return { as: 'failed', failure: over.failure, attempts: round + 1 };
  const interruption = await ctx.hold({
    step: progress.place + step.id,
    purpose: 'emit',
    place: `${step.id}=`,
  });
  if (interruption !== undefined)
    return { as: 'failed', attempts: round + 1, ...interruptionEnd(interruption) };
  const only = over && { over: over.connection };
  const parts = { payload: payload.value, ...(headers !== undefined && { headers }), ...only };
  await ctx.emit(step.id, step.event, parts, [
    { kind: 'emitted', step: progress.place + step.id, details: { event: step.event, ...only } },
  ]);
  return { as: 'done', value: payload.value };
}

/** Result of an approval in expressions: `{ decision, actor, reason }`. */
async function approveStep(progress: Progress, step: ApproveStep, round: number): Promise<StepEnd> {
  const { ctx, loaded } = progress;
  const { plan } = loaded;
  const show = loaded.template(step.show, scopeOf(progress));
  if (!show.ok) return { as: 'failed', failure: show.failure, attempts: round + 1 };

  const name = `${step.id}#${round + 1}`;
  const begun = await instant(progress, `${name}@`);
  const { escalation, backup } = plan.owner;
  const apart = apartOf(progress, step);
  const expiry = (details: JsonObject): Fact => ({
    kind: 'approval',
    step: progress.place + step.id,
    details,
  });
  const ask = (key: string, expiresAtMs: number, by: string, onExpiry: typeof step.onExpiry) =>
    ctx.signal(key, {
      state: 'waiting',
      expiresAtMs,
      expiryFacts: [
        onExpiry === 'escalate'
          ? expiry({ escalated: true, to: backup, through: escalation })
          : expiry({ expired: true, outcome: onExpiry }),
      ],
      opening: {
        kind: 'approval',
        key,
        step: progress.place + step.id,
        owner: by,
        detail: { by, show: show.value, expiresAtMs, ...apart },
      },
      facts: [
        {
          kind: 'waiting',
          step: progress.place + step.id,
          details: { for: 'approval', by, expiresAtMs, ...apart },
        },
      ],
    });

  let { onExpiry } = step;
  let signal = await ask(name, begun + step.withinMs, step.by, onExpiry);
  if (signal.as === 'expired' && onExpiry === 'escalate') {
    onExpiry = 'reject';
    signal = await ask(`${name}+`, begun + 2 * step.withinMs, backup, onExpiry);
  }
  if (signal.as === 'interrupted')
    return { as: 'failed', attempts: round + 1, ...interruptionEnd(signal.interruption) };
  if (signal.as === 'expired')
    return onExpiry === 'approve'
      ? { as: 'done', value: { decision: 'approved', actor: 'expiry', reason: 'no decision in time' } }
      : failed('permission', 'APPROVAL_EXPIRED', `nobody of ${step.by} decided in time`, round + 1);
  // The operations API writes it: see `Decision`.
  const { decision, actor, reason, approvals } = signal.value as unknown as Decision;
  if (decision === 'approve') {
    const each = approvals && { approvals: approvals.map((one) => ({ ...one })) };
    return { as: 'done', value: { decision: 'approved', actor, reason, ...each } };
  }
  return failed('permission', 'APPROVAL_REJECTED', `rejected by ${actor}`, round + 1);
}

/** Result: the payload that came (null when it did not and the step continues); nothing for a time. */
async function waitStep(progress: Progress, step: WaitStep, round: number): Promise<StepEnd> {
  const { ctx, loaded } = progress;
  const name = `${step.id}#${round + 1}`;
  const target = step.for;
  const isTime = !('event' in target);
  const place = progress.place + step.id;
  const waiting: Fact = { kind: 'waiting', step: place, details: { for: 'time' } };
  const begun = await instant(progress, `${name}@`, isTime ? [waiting] : []);
  if (isTime) {
    const until = 'durationMs' in target ? begun + target.durationMs : dateOf(progress, target.until);
    if (typeof until !== 'number') return { as: 'failed', failure: until, attempts: round + 1 };
    // Of a branch that ended in an earlier round the wait is over, whatever a clock that was set back says.
    const interruption = isPast(progress, round)
      ? ctx.interruption(`${name}z`, true)
      : await ctx.sleepUntil(until, place, `${name}z`, 'deadlinePaused');
    if (interruption !== undefined)
      return { as: 'failed', attempts: round + 1, ...interruptionEnd(interruption) };
    ctx.note({ kind: 'stepDone', step: place, details: {} });
    return { as: 'done' };
  }
  const expiresAtMs = begun + target.withinMs;
  const signal = await ctx.event(name, {
    step: place,
    event: target.event,
    expiresAtMs,
    expiryFacts: [{ kind: 'signal', step: place, details: { expired: true, outcome: target.onExpiry } }],
    matches: (payload, connection) => {
      if (target.over !== undefined) {
        const over = loaded.expression(target.over, scopeOf(progress));
        if (!over.ok || over.value !== connection) return false;
      }
      // Only the event that starts a run has headers that are read.
      if (loaded.refusal(target.event, payload, 'unread') !== undefined) return false;
      const match = loaded.condition(target.match, { ...scopeOf(progress), signal: payload });
      return match.ok && match.value;
    },
    facts: [{ kind: 'waiting', step: place, details: { for: target.event, expiresAtMs } }],
  });
  switch (signal.as) {
    case 'interrupted':
      return { as: 'failed', attempts: round + 1, ...interruptionEnd(signal.interruption) };
    case 'value':
      return { as: 'done', value: signal.value };
    case 'expired':
      return target.onExpiry === 'continue'
        ? { as: 'done', value: null }
        : failed('timeout', 'WAIT_EVENT_EXPIRED', `no ${target.event} came in time`, round + 1);
  }
}

/** A moment, journaled: what a duration counts from. */
async function instant(progress: Progress, key: string, facts: readonly Fact[] = []): Promise<number> {
  const { ctx } = progress;
  return ctx.step(key, () => ({ value: ctx.now(), facts }));
}

function dateOf(progress: Progress, source: string): number | Failure {
  const until = progress.loaded.expression(source, scopeOf(progress));
  if (!until.ok) return until.failure;
  const ms = typeof until.value === 'string' ? Date.parse(until.value) : until.value;
  if (typeof ms === 'number' && Number.isFinite(ms)) return ms;
  return {
    class: 'validation',
    code: 'WAIT_UNTIL_INVALID',
    message: `"${source}" gave neither an RFC 3339 date-time nor milliseconds since the epoch`,
    delivery: 'notSent',
  };
}

async function setStep(progress: Progress, step: SetStep, round: number): Promise<StepEnd> {
  const value = progress.loaded.template(step.value, scopeOf(progress));
  if (!value.ok) return { as: 'failed', failure: value.failure, attempts: round + 1 };
  progress.ctx.note({ kind: 'stepDone', step: progress.place + step.id, details: {} });
  return { as: 'done', value: value.value };
}

/**
 * Resumed after it had judged (`from`), it judges anew what is read now: whoever resumed it may have mended that, and nothing was done
 * since by what was read first, or the plan would not name it.
 */
async function checkStep(progress: Progress, step: CheckStep, round: number, from: number): Promise<StepEnd> {
  if (from > 1 && step.again !== undefined) {
    for (const id of step.again) {
      const failed = await madeAgain(progress, id, `${step.id}/${round}`);
      if (failed !== undefined) return { ...failed, attempts: round + 1 };
    }
    const when =
      step.when === undefined ? undefined : progress.loaded.condition(step.when, scopeOf(progress));
    if (when?.ok === false) return { as: 'failed', failure: when.failure, attempts: round + 1 };
    if (when?.value === false) return { as: 'skipped' };
  }
  for (const { condition, message } of step.that) {
    const held = progress.loaded.condition(condition, scopeOf(progress));
    if (held.ok && held.value) continue;
    const failure: Failure = held.ok
      ? { class: 'validation', code: 'CHECK_NOT_MET', message, delivery: 'notSent' }
      : held.failure;
    return { as: 'failed', failure, attempts: round + 1, quarantine: step.otherwise === 'quarantine' };
  }
  progress.ctx.note({
    kind: 'stepDone',
    step: progress.place + step.id,
    details: { checks: step.that.length },
  });
  return { as: 'done' };
}

async function chooseStep(progress: Progress, step: ChooseStep, round: number): Promise<StepEnd> {
  for (const [index, branch] of step.branches.entries()) {
    if (branch.when !== undefined) {
      const when = progress.loaded.condition(branch.when, scopeOf(progress));
      if (!when.ok) return { as: 'failed', failure: when.failure, attempts: round + 1 };
      if (!when.value) continue;
    }
    progress.ctx.note({ kind: 'branch', step: progress.place + step.id, details: { branch: index } });
    const stop = await runSteps(progress, branch.steps);
    return stop === undefined ? { as: 'done' } : { as: 'stopped', stop };
  }
  progress.ctx.note({ kind: 'branch', step: progress.place + step.id, details: { branch: null } });
  return { as: 'done' };
}

export function failed(
  failureClass: Failure['class'],
  code: string,
  message: string,
  attempts: number,
): StepEnd {
  return { as: 'failed', failure: { class: failureClass, code, message, delivery: 'notSent' }, attempts };
}

/** Ties a kind's name to its type, so that the table above is total and each function sees only its own kind. */
function only<K extends PlanStep['kind']>(
  kind: K,
  run: (
    progress: Progress,
    step: Extract<PlanStep, { kind: K }>,
    round: number,
    from: number,
  ) => Promise<StepEnd>,
): StepKind {
  return (progress, step, round, from) => {
    if (step.kind !== kind) throw new Error(`step ${step.id} is a ${step.kind}, not a ${kind}`);
    // The discriminant was compared on the line above.
    return run(progress, step as Extract<PlanStep, { kind: K }>, round, from);
  };
}
