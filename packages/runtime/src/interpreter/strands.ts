import type { Json } from '@tenon/model';
import type { ParallelStep } from '@tenon/pipeline';
import type { RunContext } from '../engine.ts';
import { isPast } from './carry-out.ts';
import { type Confirmed, type Progress, runSteps, type Stop } from './interpret.ts';
import { interruptionEnd, STOPPED } from './interruption.ts';
import type { StepEnd } from './steps.ts';

/** How a strand ended: with all its steps done, or at the one that failed. */
export interface StrandEnd {
  readonly name: string;
  readonly progress: Progress;
  readonly stop?: Stop;
  /** What an item leaves in the result of its list. */
  readonly result?: Json;
}

/**
 * Named branches beside each other. When one fails, the others come to a recorded end at their next step, and the step
 * fails as a whole; once it is resumed, each branch goes on where it was.
 */
export async function parallelStep(progress: Progress, step: ParallelStep, round: number): Promise<StepEnd> {
  const { ctx, place } = progress;
  const { key, rounds } = await beginBlock(progress, step.id, round);
  const ends = await ctx.fork<StrandEnd>({
    key,
    concurrency: step.branches.length,
    strands: step.branches.map(({ name, steps }) => ({
      name: `${step.id}.${name}`,
      run: async (own) => {
        const inside = await strandProgress(progress, own, { place, rounds });
        const stop = await runSteps(inside, steps);
        return { name: `${place}${step.id}.${name}`, progress: inside, ...(stop && { stop }) };
      },
    })),
    stops: (end) => end.stop !== undefined,
    isPast: hasEndedBefore,
    joined: (all) => {
      const isDone = all.every((end) => end !== undefined && end.stop === undefined);
      const details = { branches: step.branches.map(({ name }) => name) };
      return isDone ? [{ kind: 'stepDone', step: place + step.id, details }] : [];
    },
  });
  takeOver(progress, ends);
  const stop = firstStop(progress, step.id, round, ends);
  if (stop !== undefined) return blockFailed(ends, stop, 'branches');
  for (const end of ends) Object.assign(progress.steps, end?.progress.steps);
  return { as: 'done' };
}

/**
 * Begins a block in one of its rounds, with those that it was begun in until then. That it has begun is on record before any
 * strand is: what stops the run stops it in them, not before them. What the block is in may have been stopped before it came
 * here, so that there are fewer than it has counted.
 */
export async function beginBlock(
  { ctx, begun }: Progress,
  id: string,
  round: number,
): Promise<{ readonly key: string; readonly rounds: readonly number[] }> {
  const key = `${id}/joined/${round}`;
  const before = begun[id] ?? [];
  const known = await ctx.step(`${key}!`, () => ({ value: [...before, round] }));
  // What an earlier version has begun says nothing, and its strands took up each round in between.
  const rounds = Array.isArray(known) ? known : [...before, ...allUpTo(round, before.at(-1))];
  begun[id] = rounds;
  return { key, rounds };
}

/** In an earlier round than the block is in: it came to its end again, and did nothing. */
export function hasEndedBefore({ progress }: StrandEnd): boolean {
  return progress.rounds !== undefined && isPast(progress, progress.rounds.now);
}

function allUpTo(round: number, after = round - 1): readonly number[] {
  return Array.from({ length: round - after }, (_, index) => after + 1 + index);
}

/** The progress of a strand: it knows what its fork's strand knows, and keeps what it does to itself. */
export async function strandProgress(
  outer: Progress,
  ctx: RunContext,
  of: { readonly place: string; readonly rounds: readonly number[]; readonly names?: Progress['names'] },
): Promise<Progress> {
  // The strand's first row: from here on it has begun, whatever becomes of this process.
  const since = await ctx.step('@', () => ({ value: of.rounds.at(-1)! }));
  const names = of.names ?? outer.names;
  return {
    ctx,
    loaded: outer.loaded,
    call: outer.call,
    steps: Object.assign(Object.create(null), outer.steps),
    readings: {},
    confirmed: [],
    begun: Object.create(null),
    byHand: outer.byHand,
    place: of.place,
    rounds: { now: since, all: of.rounds.filter((round) => round >= since) },
    ...(names !== undefined && { names }),
  };
}

/** Effects of strands become those of the strand that forked them, in the order in which they were confirmed. */
export function takeOver(progress: Progress, ends: readonly (StrandEnd | undefined)[]): void {
  const effects = ends
    .flatMap((end): readonly Confirmed[] => end?.progress.confirmed ?? [])
    .toSorted((a, b) => (a.nth ?? 0) - (b.nth ?? 0));
  // An earlier round has brought some of them already.
  const places = new Set(effects.map(({ place }) => place));
  const others = progress.confirmed.filter(({ place }) => !places.has(place));
  progress.confirmed.splice(0, progress.confirmed.length, ...others, ...effects);
}

/** Why the block of these strands does not end well: a person's word first, then the first failure that is a cause. */
export function firstStop(
  progress: Progress,
  id: string,
  round: number,
  ends: readonly (StrandEnd | undefined)[],
): Stop | undefined {
  const stops = ends.flatMap((end) => end?.stop ?? []);
  const first =
    stops.find(({ cancelled }) => cancelled !== undefined) ??
    stops.find(({ givenUp }) => givenUp) ??
    stops.find(({ failure }) => failure.code !== STOPPED) ??
    stops[0];
  if (first !== undefined || ends.every((end) => end !== undefined)) return first;
  // Some never began, and none failed: the run is to stop.
  const interruption = progress.ctx.interruption(`${id}/unbegun/${round}`) ?? { kind: 'deadline' };
  return {
    step: progress.place + id,
    attempts: 0,
    givenUp: false,
    quarantine: false,
    ...interruptionEnd(interruption),
  };
}

/** The failure of a block, told by its first cause. */
export function blockFailed(
  ends: readonly (StrandEnd | undefined)[],
  stop: Stop,
  what: 'branches' | 'items',
): StepEnd {
  const causes = ends.filter((end) => end?.stop !== undefined && end.stop.failure.code !== STOPPED);
  const { failure, cancelled, givenUp, quarantine } = stop;
  const message = `${causes.length} of ${ends.length} ${what} failed; ${stop.step}: ${failure.message}`;
  return {
    as: 'failed',
    failure: { ...failure, message },
    attempts: 1,
    givenUp,
    quarantine,
    ...(cancelled !== undefined && { cancelled }),
    ...(causes.length > 0 && causes.every((end) => end?.stop?.isKept) && { isKept: true }),
  };
}
