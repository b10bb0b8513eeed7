import type { ForEachStep, Plan } from '@tenon/pipeline';
import { stepIdOf } from '@tenon/runtime/drill';
import { type Base, type Explored, type ExploreOptions, explore, untriedIn } from './explore.ts';
import { GivenUse } from './given-use.ts';
import { type Broken, type DrillEnd, endOf, judge } from './judge.ts';
import { LIST_SIZES, listsOf, withItems } from './lists.ts';
import { type DrillParts, type DrillSource, partsOf, type Start } from './parts.ts';
import { type Schedule, UNDISTURBED } from './schedule.ts';
import {
  lastItemFaults,
  lastRefused,
  schedulesOf,
  type Takes,
  undoingCrashes,
  undoingFaults,
} from './schedules.ts';
import { lostOf, type SharedKey, withSameKey } from './second-event.ts';
import { type Outcome, Trial } from './trial.ts';

export interface DrillOptions extends ExploreOptions {
  /** Of what is made up. Same seed, same workspace: the same drill. Default 1. */
  readonly seed?: number;
  /** Only schedules of which the name holds this. */
  readonly only?: string;
  /** Ends it after the run that is under way; what was tried until then is told. */
  readonly signal?: AbortSignal;
  /** Told of each run as it ends. */
  readonly onTrial?: (trial: TrialReport) => void;
}

/** One way in which a run went, and what came of it. */
export interface TrialReport {
  readonly schedule: Schedule;
  readonly end: DrillEnd;
  /** What a person who knew the truth then said of what was in doubt, and where that led. */
  readonly settled?: { readonly verdicts: readonly string[]; readonly state: string };
  /** Changes that were made in other systems, what undid others included. */
  readonly effects: number;
  /** Who was asked before something was undone; they said yes. */
  readonly asked?: readonly { readonly step: string; readonly by: string }[];
  /** Simulated time from the event to where nothing moves any more. */
  readonly tookMs: number;
  readonly broken: readonly Broken[];
}

export interface DrillReport {
  readonly pipeline: string;
  readonly planHash: string;
  readonly seed: number;
  /** What the runs began with. Empty: none came to a good end, so nothing was tried. */
  readonly starts: readonly Start[];
  /** How the run that came the furthest ended, where none ended well. */
  readonly failed?: { readonly step?: string; readonly message: string };
  readonly trials: readonly TrialReport[];
  /** Not all ways were wanted: what no run reached is not known then. */
  readonly isPart?: true;
  /** Connections over which the event may come, and over which it never did. */
  readonly untriedConnections: readonly string[];
  /** It was ended before all was tried. */
  readonly isCut?: true;
  /** Ids of steps that no run reached. */
  readonly unreached: readonly string[];
  /** What is lost of a second event that has the business key of the first; absent where that is nothing. */
  readonly sharedKey?: SharedKey;
  /** What was given to begin with and came to nothing, in words. */
  readonly unasked: readonly string[];
  /** Connections to systems that keep nothing here: see `DrillParts`. */
  readonly madeUp: readonly string[];
}

/**
 * Tries a pipeline in every way that its own spec gives rise to: each of its calls fails in each way, the process is killed at each moment, people act
 * at each, and in each case the real runtime carries it on over a simulated clock, against sandboxes of the systems that it calls, until nothing
 * moves any more. Then what the systems hold is held against what the run says. No socket is opened, and no time passes.
 */
export async function drill(
  source: DrillSource,
  plan: Plan,
  options: DrillOptions = {},
): Promise<DrillReport> {
  const { seed = 1, only, signal, onTrial } = options;
  const { parts, explored } = await begun(source, plan, options, seed);
  const trials: TrialReport[] = [];
  const note = (report: TrialReport): void => {
    trials.push(report);
    onTrial?.(report);
  };
  const takes: Takes = (connection, resource, row) =>
    parts.peers.get(connection)?.takes(resource, row) ?? false;
  const given = options.start && new GivenUse(options.start);
  for (const { outcome } of explored.bases) given?.saw(outcome);
  if (explored.failed !== undefined) given?.saw(explored.failed);
  for (const [nth, { start, outcome: base }] of explored.bases.entries()) {
    const { prefix, isNews } = partOf(explored.bases, nth);
    const seen = new Set<string>();
    /** The first way, by step, in which it comes to be undone. */
    const undoneBy = new Map<string, Schedule>();
    const isToUndo = (schedule: Schedule, { calls }: Outcome): void => {
      for (const { step, purpose } of calls)
        if (purpose === 'compensation' && !undoneBy.has(step)) undoneBy.set(step, schedule);
    };
    const tried = async (schedule: Schedule): Promise<void> => {
      const name = `${prefix}${schedule.name}`;
      const isWanted = (only === undefined || name.includes(only)) && isNews(schedule);
      if (!isWanted || seen.has(name) || signal?.aborted) return;
      seen.add(name);
      const outcome = await new Trial(parts, start, { ...schedule, name }).run();
      isToUndo(schedule, outcome);
      given?.saw(outcome);
      const report = reportOf(outcome, judge(parts, start, outcome));
      note(report);
    };
    await tried(UNDISTURBED);
    const refused = lastRefused(parts, base);
    const undone = refused && (await new Trial(parts, start, refused).run());
    if (refused !== undefined && undone !== undefined) isToUndo(refused, undone);
    for (const schedule of schedulesOf(base, 'manual' in plan.trigger, takes)) await tried(schedule);
    if (undone !== undefined) for (const schedule of undoingCrashes(undone)) await tried(schedule);
    for (const [step, schedule] of [...undoneBy])
      for (const undoing of undoingFaults(step, schedule)) await tried(undoing);
  }
  const triedWith = async (start: Start, schedule: Schedule): Promise<Outcome | undefined> => {
    if (signal?.aborted) return undefined;
    const outcome = await new Trial(parts, start, schedule).run();
    given?.saw(outcome);
    if (only === undefined || schedule.name.includes(only))
      note(reportOf(outcome, judge(parts, start, outcome)));
    return outcome;
  };
  for (const { list, words, start } of listStarts(parts, explored.bases[0])) {
    const prefixed = (schedule: Schedule): Schedule => ({
      ...schedule,
      name: `with ${words} in ${list.in}: ${schedule.name}`,
    });
    const outcome = await triedWith(start, prefixed(UNDISTURBED));
    for (const schedule of outcome === undefined ? [] : lastItemFaults(outcome, list))
      if (only === undefined || prefixed(schedule).name.includes(only))
        await triedWith(start, prefixed(schedule));
  }
  const { failed } = explored;
  return {
    pipeline: plan.pipeline,
    planHash: plan.hash,
    seed,
    starts: explored.bases.map(({ start }) => start),
    ...(explored.bases.length === 0 && failed !== undefined && { failed: failureOf(failed) }),
    trials,
    ...(only !== undefined && { isPart: true }),
    untriedConnections: untriedIn(parts, explored.bases),
    ...(signal?.aborted && { isCut: true }),
    unreached: explored.unreached,
    ...sharedKeyOf(parts, explored.bases[0]),
    unasked: given?.unused(only === undefined && !signal?.aborted) ?? [],
    madeUp: parts.madeUp,
  };
}

/** Beginnings in which a list that a step goes over has none, one, and several items. */
function listStarts(
  parts: DrillParts,
  base: Base | undefined,
): readonly { readonly list: ForEachStep; readonly words: string; readonly start: Start }[] {
  if (base === undefined) return [];
  return listsOf(parts).flatMap((list) =>
    Object.entries(LIST_SIZES).flatMap(([words, count]) => {
      const start = withItems(parts, base, list, count);
      return start === undefined ? [] : [{ list, words, start }];
    }),
  );
}

function sharedKeyOf(parts: DrillParts, base: Base | undefined): Pick<DrillReport, 'sharedKey'> {
  const second = base && withSameKey(parts, base.start);
  if (base === undefined || second === undefined) return {};
  const sharedKey = lostOf(parts, base.start, base.outcome, second);
  return sharedKey === undefined ? {} : { sharedKey };
}

/**
 * What of a beginning is to be tried: all of the first, and of one that comes over another connection; of one that reaches other steps, what concerns
 * these.
 */
function partOf(
  bases: readonly Base[],
  nth: number,
): { readonly prefix: string; isNews(schedule: Schedule): boolean } {
  const { start, reached } = bases[nth]!;
  const before = bases.slice(0, nth);
  if (before.length === 0) return { prefix: '', isNews: () => true };
  const isOver = before.every((other) => other.start.connection !== start.connection);
  if (isOver) return { prefix: `over ${start.connection}: `, isNews: () => true };
  const known = new Set(before.flatMap((other) => [...other.reached]));
  const news = [...reached].filter((id) => !known.has(id));
  return {
    prefix: `by way of ${news.join(', ')}: `,
    isNews: ({ name, step }) =>
      name === UNDISTURBED.name || (step !== undefined && news.includes(stepIdOf(step))),
  };
}

/** Not all that is made up can be chosen so that a run ends well: where none does, other systems make up other things. */
async function begun(
  source: DrillSource,
  plan: Plan,
  options: DrillOptions,
  seed: number,
): Promise<{ readonly parts: DrillParts; readonly explored: Explored }> {
  let last: { readonly parts: DrillParts; readonly explored: Explored } | undefined;
  for (let nth = 0; nth < WORLDS; nth++) {
    const parts = partsOf(source, plan, seed + nth);
    const explored = await explore(parts, options);
    if (explored.bases.length > 0 || options.signal?.aborted) return { parts, explored };
    last ??= { parts, explored };
  }
  return last!;
}

const WORLDS = 6;

function failureOf({ run, refused, waiting }: Outcome): NonNullable<DrillReport['failed']> {
  if (run === undefined) return { message: refused ?? 'the event that was made up starts no run' };
  const { failure } = run;
  if (failure !== undefined) return { step: failure.step, message: failure.message };
  const [doubt] = waiting.doubts;
  return {
    ...(run.step !== undefined && { step: run.step }),
    message: doubt === undefined ? `it is ${run.state}` : `${doubt.stepId} is in doubt`,
  };
}

function reportOf(outcome: Outcome, broken: readonly Broken[]): TrialReport {
  const { settled } = outcome;
  return {
    schedule: outcome.schedule,
    end: endOf(outcome),
    ...(settled && { settled: { verdicts: settled.verdicts, state: settled.run?.state ?? 'gone' } }),
    effects: outcome.effects.length,
    ...(outcome.asked.size > 0 && { asked: [...outcome.asked].map(([step, by]) => ({ step, by })) }),
    tookMs: outcome.tookMs,
    broken,
  };
}
