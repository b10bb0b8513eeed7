import type { Json } from '@tenon/model';
import type { PlanStep } from '@tenon/pipeline';
import type { Cancellation } from '../engine.ts';
import { type DoneWord, doneByHand, isOnTheWay } from './by-hand.ts';
import { effectsOf } from './child.ts';
import { failureDetails } from './effect-facts.ts';
import { forwardFact, letterDetails, type Progress, type Stop } from './interpret.ts';
import { interruptionEnd, STOPPED } from './interruption.ts';
import { deadLetter, forwardFixes } from './openings.ts';
import type { StepEnd } from './steps.ts';

export type Execute = (round: number, from: number) => StepEnd | Promise<StepEnd>;

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
export async function carryOut(
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
    if (rounds !== undefined) own = ownFailure(step, end, own);
    const next =
      rounds === undefined
        ? await nextOfRun(progress, stop, round)
        : nextOfStrand(progress, rounds, stop, `${id}/${round}`);
    if (typeof next !== 'number') return next;
    round = next;
    ctx.boundsAnew();
    const said = byHand.get(round);
    if (said?.step === stop.step && step?.kind === 'call')
      return ended(progress, id, (await doneByHand(progress, step, said, from - 1)).value);
  }
}

/** The round in which the strand goes on where it failed; where there is none, or none is wanted, it ends here. */
function nextOfStrand(
  { ctx }: Progress,
  rounds: NonNullable<Progress['rounds']>,
  stop: Stop,
  place: string,
): number | Stop {
  ctx.failed(place);
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
  ctx.passedEnd();
  return next;
}

/** Parks the run, where it stays at what failed, until a person says how it goes on; then the next round is begun by that word. */
async function nextOfRun(progress: Progress, stop: Stop, round: number): Promise<number | Stop> {
  if (!isHeld(progress, stop) && stop.isKept === undefined) return stop;
  const held = await hold(progress, stop, round);
  if (held.as === 'cancelled') return { ...stop, cancelled: held.cancelled };
  if (held.as === 'done') progress.byHand.set(round + 1, held.word);
  return round + 1;
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

/** What it was stopped at for the sake of another is no failure of its own. A block that has come so far has not failed any more. */
function ownFailure(step: PlanStep | undefined, end: Failed, before: Failed | undefined): Failed | undefined {
  if (end.failure.code !== STOPPED) return end;
  return isBlock(step) && end.attempts > 0 ? undefined : before;
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
