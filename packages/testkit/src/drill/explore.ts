import { fromPointer, type Json } from '@tenon/model';
import type { PlanStep } from '@tenon/pipeline';
import { allSteps, stepIdOf } from '@tenon/runtime/drill';
import { granted } from './granted.ts';
import { LIST_SIZES, listsOf, withItems } from './lists.ts';
import { expressionAt, madePayload, sampleAt, scopeOf, waysTo, withWishes } from './made-events.ts';
import type { DrillParts, Start } from './parts.ts';
import { UNDISTURBED } from './schedule.ts';
import { isStarting, triggerSchema } from './starting.ts';
import { withStrangers } from './strangers.ts';
import { type Outcome, Trial } from './trial.ts';

/** A beginning from which a run goes as it is meant to, and how it went. */
export interface Base {
  readonly start: Start;
  readonly outcome: Outcome;
  /** Ids of the steps that were carried out. */
  readonly reached: ReadonlySet<string>;
}

export interface Explored {
  /** Each reaches steps that those before it do not, or comes over another connection. Empty: no run came to a good end. */
  readonly bases: readonly Base[];
  /** How far the best one came that did not. */
  readonly failed?: Outcome;
  /** Ids of steps that none of them reached. */
  readonly unreached: readonly string[];
}

export interface ExploreOptions {
  /** Given by the author; otherwise they are made. */
  readonly start?: Start;
}

/** Events that are made up at most, each with other values. */
const SEEDS = 8;
/** Times that what a condition asks for is put in its place, for one beginning. */
const MENDS_MAX = 12;

/**
 * Finds beginnings from which runs come to a good end: an event as its contract has it, and systems that hold what the pipeline's own conditions
 * ask for. A run that ends otherwise says which condition was not met; what that condition compares is put in its place, and the run begins anew.
 */
export async function explore(parts: DrillParts, options: ExploreOptions = {}): Promise<Explored> {
  const bases: Base[] = [];
  const reached = new Set<string>();
  let failed: Outcome | undefined;
  const take = async (start: Start): Promise<void> => {
    const found = await mended(parts, start);
    if (found.base === undefined) {
      if (failed === undefined || found.outcome.entries.length > failed.entries.length)
        failed = found.outcome;
      return;
    }
    if ([...found.base.reached].every((id) => reached.has(id))) return;
    bases.push(await amongOthers(parts, found.base));
    for (const id of found.base.reached) reached.add(id);
  };
  for (const start of startsOf(parts, options)) {
    await take(start);
    if (bases.length > 0) break;
  }
  // What a condition kept from being carried out is reached where the condition is met.
  for (const step of allSteps(parts.loaded.plan.steps)) {
    const [base] = bases;
    if (base === undefined || reached.has(step.id)) continue;
    for (const needed of neededFor(parts.loaded.plan.steps, step.id) ?? []) {
      const start = metIn(parts, base, needed);
      if (start !== undefined) await take(start);
      if (reached.has(step.id)) break;
    }
  }
  // So is what is done with each item of a list, where it has items.
  for (const list of listsOf(parts)) {
    const [base] = bases;
    if (base === undefined || list.steps.every(({ id }) => reached.has(id))) continue;
    const start = withItems(parts, base, list, LIST_SIZES['three items']);
    if (start !== undefined) await take(start);
  }
  for (const connection of untriedIn(parts, bases)) {
    const [base] = bases;
    if (base === undefined || base.start.isGiven) break;
    const { base: over } = await mended(parts, { ...base.start, connection });
    if (over !== undefined) bases.push(await amongOthers(parts, over));
  }
  const unreached = allSteps(parts.loaded.plan.steps).flatMap(({ id }) => (reached.has(id) ? [] : [id]));
  return { bases, unreached, ...(failed !== undefined && { failed }) };
}

/** Connections over which the event may come, and over which it does in none of these. */
export function untriedIn(
  { loaded: { plan }, incoming }: DrillParts,
  bases: readonly Base[],
): readonly string[] {
  if ('manual' in plan.trigger || bases.length === 0) return [];
  const tried = new Set(bases.map(({ start }) => start.connection));
  return incoming(plan.trigger.event).filter((name) => !tried.has(name));
}

/** The same in systems that hold things of others, too, where it goes as well there. */
async function amongOthers(parts: DrillParts, base: Base): Promise<Base> {
  const start = withStrangers(parts, base.start, base.outcome);
  if (start.rows === base.start.rows) return base;
  const outcome = await new Trial(parts, start, UNDISTURBED).run();
  return outcome.run?.state === 'succeeded' ? { start, outcome, reached: reachedIn(parts, outcome) } : base;
}

function* startsOf({ loaded, incoming }: DrillParts, { start }: ExploreOptions): Iterable<Start> {
  if (start !== undefined) {
    yield start;
    return;
  }
  const { trigger } = loaded.plan;
  const schema = triggerSchema(loaded);
  for (let seed = 1; seed <= SEEDS && schema !== undefined; seed++) {
    const event = madePayload(schema, seed);
    if (event === undefined) continue;
    const where = 'manual' in trigger ? undefined : trigger.where;
    const names = 'manual' in trigger ? [] : incoming(trigger.event);
    for (const connection of names.length === 0 ? [undefined] : names) {
      const of = connection === undefined ? {} : { connection };
      yield { event: where === undefined ? event : heard(loaded, event, where, of), ...of, rows: {} };
    }
  }
}

/** The event with what its pipeline's `where` asks for. */
function heard(
  loaded: DrillParts['loaded'],
  event: Json,
  where: string,
  of: Pick<Start, 'connection'>,
): Json {
  const scope = { event, headers: {}, ...of };
  const holds = (candidate: Json): boolean => isStarting(loaded, of, candidate);
  if (holds(event)) return event;
  return (
    waysTo(loaded, where, true, scope)
      .map((wishes) => withWishes(event, 'event', wishes))
      .find(holds) ?? event
  );
}

/** Tries a beginning, and again with what was lacking put in its place, until the run ends well or nothing more can be done about it. */
async function mended(
  parts: DrillParts,
  first: Start,
): Promise<{ readonly outcome: Outcome; readonly base?: Base }> {
  const seen = new Set<string>();
  const queue: Start[] = [first];
  let last!: Outcome;
  for (let mends = 0; mends <= MENDS_MAX; mends++) {
    const start = queue.shift();
    if (start === undefined) break;
    const outcome = await new Trial(parts, start, UNDISTURBED).run();
    last ??= outcome;
    if (outcome.entries.length >= last.entries.length) last = outcome;
    if (outcome.run?.state === 'succeeded')
      return { outcome, base: { start, outcome, reached: reachedIn(parts, outcome) } };
    const next = [
      ...unmetIn(parts, outcome).flatMap((condition) => startsThatMeet(parts, start, outcome, condition)),
      ...startsThatFit(parts, start, outcome),
    ];
    for (const candidate of next) {
      const text = JSON.stringify(candidate);
      if (!seen.has(text)) queue.unshift(candidate);
      seen.add(text);
    }
  }
  return { outcome: last };
}

/** Conditions that were to hold where the run failed, and did not. */
function unmetIn({ loaded }: DrillParts, { run, connection }: Outcome): readonly string[] {
  if (run?.failure === undefined) return [];
  const scope = scopeOf(run, connection);
  const step = loaded.steps.get(stepIdOf(run.failure.step));
  const wanted = [
    ...(step?.kind === 'check' ? step.that.map(({ condition }) => condition) : []),
    ...(step === undefined && loaded.plan.success !== undefined ? [loaded.plan.success] : []),
    ...(loaded.plan.success !== undefined && run.failure.step === 'success' ? [loaded.plan.success] : []),
  ];
  return wanted.filter((condition) => {
    const held = loaded.condition(condition, scope);
    return !held.ok || !held.value;
  });
}

/** Beginnings in which a condition may hold. */
function startsThatMeet(
  parts: DrillParts,
  start: Start,
  outcome: Outcome,
  condition: string,
  wanted = true,
): readonly Start[] {
  const { run } = outcome;
  if (run === undefined) return [];
  return waysTo(parts.loaded, condition, wanted, scopeOf(run, start.connection)).flatMap((wishes) => {
    const made = granted(parts, start, outcome, wishes);
    return made === undefined ? [] : [made];
  });
}

/**
 * Beginnings in which what is sent fits its contract: a text of the event goes where a date or an id in a form of its own is asked for, of which the
 * event's own schema says nothing.
 */
function startsThatFit(parts: DrillParts, start: Start, outcome: Outcome): readonly Start[] {
  const { loaded } = parts;
  const failure = outcome.run?.failure;
  const step = failure && loaded.steps.get(stepIdOf(failure.step));
  if (failure?.pointer === undefined || failure.delivery !== 'notSent' || step?.kind !== 'call') return [];
  const operation = loaded.plan.operations[step.operation];
  const tokens = fromPointer(failure.pointer);
  const source = expressionAt(step.with, tokens);
  const value = operation && source !== undefined ? sampleAt(operation.input, tokens) : undefined;
  if (source === undefined || value === undefined) return [];
  // As if the pipeline asked for it: what it is made of is put in its place.
  return waysTo(loaded, `${source} == ${JSON.stringify(value)}`, true, {}).flatMap((wishes) => {
    const made = granted(parts, start, outcome, wishes);
    return made === undefined ? [] : [made];
  });
}

/** A base in which the condition of a step that it did not reach holds. */
function metIn(parts: DrillParts, base: Base, { condition, wanted }: Needed): Start | undefined {
  const { run } = base.outcome;
  if (run === undefined) return undefined;
  const held = parts.loaded.condition(condition, scopeOf(run, base.start.connection));
  if (held.ok && held.value === wanted) return undefined;
  return startsThatMeet(parts, base.start, base.outcome, condition, wanted)[0];
}

interface Needed {
  readonly condition: string;
  readonly wanted: boolean;
}

/** What must be so for a step to be carried out, from the outside in: of a choice, also that no branch before is taken. */
function neededFor(steps: readonly PlanStep[], id: string): readonly Needed[] | undefined {
  for (const step of steps) {
    const own = step.when === undefined ? [] : [{ condition: step.when, wanted: true }];
    if (step.id === id) return own;
    for (const { needed, steps: within } of branchesOf(step)) {
      const inner = neededFor(within, id);
      if (inner !== undefined) return [...own, ...needed, ...inner];
    }
  }
  return undefined;
}

function branchesOf(
  step: PlanStep,
): readonly { readonly needed: readonly Needed[]; readonly steps: readonly PlanStep[] }[] {
  switch (step.kind) {
    case 'choose':
      return step.branches.map(({ when, steps }, index) => ({
        needed: [
          ...step.branches
            .slice(0, index)
            .flatMap((before) =>
              before.when === undefined ? [] : [{ condition: before.when, wanted: false }],
            ),
          ...(when === undefined ? [] : [{ condition: when, wanted: true }]),
        ],
        steps,
      }));
    case 'parallel':
      return step.branches.map(({ steps }) => ({ needed: [], steps }));
    case 'forEach':
      return [{ needed: [], steps: step.steps }];
    default:
      return [];
  }
}

function reachedIn({ loaded }: DrillParts, { run, entries }: Outcome): ReadonlySet<string> {
  const done = entries.flatMap(({ kind, step }) =>
    kind === 'stepDone' && step !== undefined ? [stepIdOf(step)] : [],
  );
  const recorded = (run?.steps ?? []).flatMap(({ id, state }) =>
    state === 'succeeded' ? [stepIdOf(id)] : [],
  );
  const reached = new Set([...done, ...recorded]);
  // Of a step that holds others not every kind leaves a record of its own.
  for (const step of allSteps(loaded.plan.steps))
    if (branchesOf(step).some(({ steps }) => allSteps(steps).some(({ id }) => reached.has(id))))
      reached.add(step.id);
  return reached;
}
