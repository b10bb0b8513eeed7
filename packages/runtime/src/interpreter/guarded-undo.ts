import { changedPointers, type Json, type JsonObject } from '@tenon/model';
import type { CompensationPlan, GuardPlan } from '@tenon/pipeline';
import { type EffectEnd, perform } from './effect.ts';
import { versionText } from './effect-facts.ts';
import { type ConfirmedEffect, type Progress, scopeOf } from './interpret.ts';
import { undoneOver } from './over.ts';
import { saltedDigest } from './salted-digest.ts';
import type { Decision } from './several-approvals.ts';
import type { Version } from './tries.ts';

export type Phase = 'running' | 'compensating';

/** What is to be done with an effect that is to be undone. */
export type Consent =
  /** Undone, based on this version where the target looks at versions. */
  | { readonly as: 'undo'; readonly version?: Version }
  /** A person has said that it stays. */
  | { readonly as: 'leave'; readonly decision: Decision }
  /** The guard could not look. */
  | { readonly as: 'failed'; readonly end: Extract<EffectEnd, { ok: false }> };

/** Conflicts after which a person is asked, though the guard has found nothing changed. */
const CONFLICTS_MAX = 5;

/** The team that must say so has its say, once for each effect. */
export async function confirmed(
  progress: Progress,
  effect: ConfirmedEffect,
  by: string,
  phase: Phase,
): Promise<Consent> {
  const decision = await decide(progress, effect, `compensate:${effect.place}/confirm`, by, phase, {
    because: 'this is not undone without your word',
    ...about(progress, effect),
  });
  return decision.decision === 'approve' ? { as: 'undo' } : { as: 'leave', decision };
}

/**
 * Looks whether the object still is as the step left it (C71). Where somebody has changed it since, it is not undone
 * blindly: its owner is shown what differs and decides. What they decide on is the version that was read: if it changes
 * again meanwhile, the undoing conflicts, and the guard looks once more.
 */
export async function guarded(
  progress: Progress,
  effect: ConfirmedEffect,
  plan: CompensationPlan,
  guard: GuardPlan,
  { look, conflicts }: { readonly look: number; readonly conflicts: number },
  phase: Phase,
): Promise<Consent> {
  const { ctx, loaded } = progress;
  const id = `compensate:${effect.place}`;
  const read = await readCurrent(progress, effect, guard, look);
  if (!read.ok && read.failure.class !== 'notFound') return { as: 'failed', end: read };
  const isDeleting = loaded.plan.operations[plan.operation]?.effect === 'delete';
  // What is to be deleted and is not there: the undoing will find that out, and be content.
  if (!read.ok && isDeleting) return { as: 'undo' };
  const current: Json = read.ok ? read.value : null;
  const scope = { ...scopeOf(effect.progress), current };
  const unchanged = read.ok ? loaded.condition(guard.unchanged, scope) : { ok: true as const, value: false };
  if (!unchanged.ok) return { as: 'failed', end: { ok: false, failure: unchanged.failure, attempts: 0 } };
  const left = effect.progress.steps[effect.step.id] ?? null;
  const version = read.ok ? read.version : undefined;
  const details = {
    purpose: 'look before undoing',
    found: !read.ok ? 'gone' : unchanged.value ? 'unchanged' : 'changed',
    left: saltedDigest(ctx.run.salt, left),
    current: saltedDigest(ctx.run.salt, current),
    ...(version !== undefined && { version: versionText(version) }),
  };
  ctx.note({ kind: 'probe', step: id, attempt: look, details });
  const consent = { as: 'undo', ...(version !== undefined && { version }) } as const;
  if (unchanged.value && conflicts < CONFLICTS_MAX) return consent;
  const decision = await decide(progress, effect, `${id}/guard/${look}`, loaded.plan.owner.team, phase, {
    because: !read.ok ? GONE : unchanged.value ? RESTLESS : CHANGED,
    ...about(progress, effect),
    guard: guard.unchanged,
    ...(read.ok && { changed: changedPointers(left, current, POINTERS_MAX) }),
    ...(version !== undefined && { version: versionText(version) }),
  });
  return decision.decision === 'approve' ? consent : { as: 'leave', decision };
}

const CHANGED = 'somebody has changed it since: undoing it would undo that too';
const GONE = 'it is not there any more';
const RESTLESS = 'it was changed each time just before it was to be undone';
/** Places named at most, of what was changed. */
const POINTERS_MAX = 20;

function about({ loaded }: Progress, { step, operation, over }: ConfirmedEffect): JsonObject {
  const undoing = step.compensate && loaded.plan.operations[step.compensate.operation];
  return {
    did: operation.name,
    undoing: undoing?.name ?? null,
    // Which of several accounts it is, the operation does not say.
    ...(typeof step.connection !== 'string' && over.ok && { over: over.connection }),
  };
}

function readCurrent(
  progress: Progress,
  effect: ConfirmedEffect,
  guard: GuardPlan,
  look: number,
): Promise<EffectEnd> {
  const { ctx, loaded, call } = progress;
  const operation = loaded.plan.operations[guard.operation];
  const input = loaded.template(guard.with, scopeOf(effect.progress));
  if (!input.ok) return Promise.resolve({ ok: false, failure: input.failure, attempts: 0 });
  if (operation === undefined) throw new Error(`the plan holds no operation ${guard.operation}`);
  const over = undoneOver(guard.connection, effect.over);
  if (!over.ok) return Promise.resolve({ ok: false, failure: over.failure, attempts: 0 });
  const id = `guard:${effect.place}/${look}`;
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
      retry: guard.retry,
      owner: loaded.plan.owner.team,
      interruptible: false,
    },
    1,
  );
}

/** Asks until somebody has decided: whoever should, then who stands in, and so on, as long each as the owner promises to recover in. */
async function decide(
  progress: Progress,
  effect: ConfirmedEffect,
  key: string,
  by: string,
  phase: Phase,
  show: JsonObject,
): Promise<Decision> {
  const { ctx, loaded } = progress;
  const { owner } = loaded.plan;
  const step = `compensate:${effect.place}`;
  const begun = await ctx.step(`${key}@`, () => ({ value: ctx.now() }));
  for (let asked = 1; ; asked++) {
    const [who, next] = asked % 2 === 1 ? [by, owner.backup] : [owner.backup, by];
    const name = `${key}#${asked}~`;
    const expiresAtMs = begun + asked * owner.recoverMs;
    const signal = await ctx.signal(name, {
      state: 'waiting',
      isUnstoppable: true,
      expiresAtMs,
      expiryFacts: [
        { kind: 'approval', step, details: { escalated: true, to: next, through: owner.escalation } },
      ],
      opening: { kind: 'approval', key: name, step, owner: who, detail: { by: who, show, expiresAtMs } },
      facts: [{ kind: 'waiting', step, details: { for: 'decision', by: who, expiresAtMs } }],
    });
    ctx.enter(phase);
    if (signal.as === 'expired') continue;
    if (signal.as === 'interrupted') throw new Error('a decision on undoing was ended by an interruption');
    // The operations API writes it: see `Decision`.
    return signal.value as unknown as Decision;
  }
}
