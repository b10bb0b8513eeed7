import type { Failure, Json, JsonObject } from '@tenon/model';
import { changedPointers } from '@tenon/model';
import type { BasisPlan, CallStep } from '@tenon/pipeline';
import type { Recorded } from '../engine.ts';
import { callStep } from './call-step.ts';
import { versionText } from './effect-facts.ts';
import { type Progress, scopeOf } from './interpret.ts';
import { interruptionEnd } from './interruption.ts';
import { type Failed, madeAgain, readAgain } from './made-again.ts';
import type { StepEnd } from './steps.ts';

/**
 * A write that carries the version which its values were read from (C50). A conflict proves that it did not happen: then
 * the read, what was set and checked of it, and the mapping are made again, and what is sent is another effect with a key
 * of its own. Bounded by `basis.attempts`; then it fails, and its owner is told of the versions.
 *
 * Where an earlier attempt may have happened, a conflict proves nothing (that attempt may be what changed the version):
 * `perform` settles it or leaves it in doubt, and never comes back with a conflict.
 *
 * Journal: `e#n%`, from attempt n on it is based on a version read again.
 */
export async function writeBasedOn(
  progress: Progress,
  step: CallStep,
  basis: BasisPlan,
  round: number,
  first: number,
): Promise<StepEnd> {
  const tried: JsonObject[] = [];
  let from = first;
  for (let tries = 1; ; tries++) {
    if (tries > 1 || round > 0) {
      const ended = await makeAgain(progress, step, basis, round, from, tries);
      if (ended !== undefined) return ended;
    }
    const { version } = progress.readings[basis.read] ?? {};
    if (version === undefined)
      return { as: 'failed', failure: versionAbsent(basis.read), attempts: from - 1 };
    const end = await callStep(progress, step, from, version);
    if (end.as !== 'failed' || !isConflict(end)) return end;
    tried.push({ version: versionText(version), attempts: end.attempts });
    if (tries >= basis.attempts) return await givenUp(progress, basis, end, tried);
    from = end.attempts + 1;
  }
}

/** A person's word is no conflict, and neither is what ended with the run's deadline. */
function isConflict({ failure, cancelled, givenUp }: Failed): boolean {
  return failure.class === 'conflict' && cancelled === undefined && givenUp !== true;
}

/** Reads again, and sets and checks again what was made of it. Gives an end only when the write is not to be sent. */
async function makeAgain(
  progress: Progress,
  step: CallStep,
  basis: BasisPlan,
  round: number,
  from: number,
  tries: number,
): Promise<StepEnd | undefined> {
  const { ctx } = progress;
  const key = `${step.id}#${from}%`;
  const atMs = await ctx.step(key, (): Recorded<number> => {
    const nextAtMs = tries === 1 ? ctx.now() : ctx.now() + pauseMs(step, tries - 1, ctx.random());
    const details = { nextAtMs, class: 'conflict', readAgain: basis.read };
    return {
      value: nextAtMs,
      facts: [{ kind: 'retry', step: progress.place + step.id, attempt: from - 1, details }],
    };
  });
  // Stopped here, no attempt was made, so a round later it comes by the same number: it must not be stopped by that again.
  const place = round === 0 ? key : `${key}/${round}`;
  const interruption = await ctx.sleepUntil(atMs, progress.place + step.id, place);
  if (interruption !== undefined)
    return { as: 'failed', attempts: from - 1, ...interruptionEnd(interruption) };
  const read = await readAgain(progress, basis.read);
  if (read.as !== 'done') return { ...read, attempts: from - 1 };
  for (const id of basis.again) {
    const made = await madeAgain(progress, id);
    if (made !== undefined) return { ...made, attempts: from - 1 };
  }
  if (step.when === undefined) return undefined;
  const when = progress.loaded.condition(step.when, scopeOf(progress));
  if (!when.ok) return { as: 'failed', failure: when.failure, attempts: from - 1 };
  return when.value ? undefined : { as: 'skipped' };
}

/** Reads once more, for what its owner is told: which version stands now, and where it differs from the last one tried. */
async function givenUp(
  progress: Progress,
  basis: BasisPlan,
  end: Failed,
  tried: readonly JsonObject[],
): Promise<Failed> {
  const before = progress.steps[basis.read] ?? null;
  const read = await readAgain(progress, basis.read);
  const now = progress.readings[basis.read]?.version;
  const after: Json = progress.steps[basis.read] ?? null;
  return {
    ...end,
    failure: {
      ...end.failure,
      code: 'EFFECT_CONFLICT_PERSISTS',
      message: persists(basis, tried.length, end.failure),
    },
    context: {
      basedOn: basis.read,
      tried,
      ...(now !== undefined && { now: versionText(now) }),
      ...(read.as === 'done' && { changed: changedPointers(before, after, POINTERS_MAX) }),
    },
  };
}

/** Places named at most, of what was changed. */
const POINTERS_MAX = 20;

function persists(basis: BasisPlan, tries: number, { message }: Failure): string {
  return `whatever version \`${basis.read}\` read, it was changed again before the write (${tries} tried): ${message}`;
}

function pauseMs({ retry: { backoff, jitter } }: CallStep, conflicts: number, random: number): number {
  const ceiling = Math.min(backoff.maxMs, backoff.initialMs * backoff.factor ** (conflicts - 1));
  return jitter === 'full' ? Math.ceil(ceiling * random) : ceiling;
}

function versionAbsent(read: string): Failure {
  return {
    class: 'contract',
    code: 'EFFECT_VERSION_ABSENT',
    message: `the answer that \`${read}\` read carries no version, so a write could not be told from an outdated one`,
    delivery: 'notSent',
  };
}
