import { isDeepStrictEqual } from 'node:util';
import { atPointer, isObject, type Json, type JsonObject, toPointer } from '@tenon/model';
import type { PlanStep } from '@tenon/pipeline';
import { allSteps } from '@tenon/runtime/drill';
import type { Rows } from '../sandbox/rows.ts';
import { put, type Wish } from '../wishes.ts';
import { madePayload, scopeOf, waysTo, withWishes } from './made-events.ts';
import type { DrillParts, Start } from './parts.ts';
import { UNDISTURBED } from './schedule.ts';
import { type Outcome, Trial } from './trial.ts';

/** A beginning from which a run goes as it is meant to, and how it went. */
export interface Base {
  readonly start: Start;
  readonly outcome: Outcome;
  /** Ids of the steps that were carried out. */
  readonly reached: ReadonlySet<string>;
}

export interface Explored {
  /** Each reaches steps that those before it do not. Empty: no run came to a good end. */
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
    bases.push(found.base);
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
    for (const condition of conditionsBefore(parts.loaded.plan.steps, step.id) ?? []) {
      const start = metIn(parts, base, condition);
      if (start !== undefined) await take(start);
      if (reached.has(step.id)) break;
    }
  }
  const unreached = allSteps(parts.loaded.plan.steps).flatMap(({ id }) => (reached.has(id) ? [] : [id]));
  return { bases, unreached, ...(failed !== undefined && { failed }) };
}

function* startsOf({ loaded, incoming }: DrillParts, { start }: ExploreOptions): Iterable<Start> {
  if (start !== undefined) {
    yield start;
    return;
  }
  const { trigger } = loaded.plan;
  const schema = 'manual' in trigger ? trigger.input : loaded.plan.events[trigger.event]?.payload;
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
  const holds = (candidate: Json): boolean => {
    const result = loaded.condition(where, { ...scope, event: candidate });
    return result.ok && result.value && isFit(loaded, candidate);
  };
  if (holds(event)) return event;
  return (
    waysTo(loaded, where, true, scope)
      .map((wishes) => withWishes(event, 'event', wishes))
      .find(holds) ?? event
  );
}

function isFit(loaded: DrillParts['loaded'], event: Json): boolean {
  const { trigger } = loaded.plan;
  return (
    ('manual' in trigger ? loaded.inputRefusal(event) : loaded.refusal(trigger.event, event, 'unread')) ===
    undefined
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
      return { outcome, base: { start, outcome, reached: reachedIn(outcome) } };
    const next = unmetIn(parts, outcome).flatMap((condition) =>
      startsThatMeet(parts, start, outcome, condition),
    );
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
  const step = loaded.steps.get(lastName(run.failure.step));
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

function lastName(place: string): string {
  return place.slice(place.lastIndexOf('.') + 1);
}

/** Beginnings in which a condition may hold. */
function startsThatMeet(
  parts: DrillParts,
  start: Start,
  outcome: Outcome,
  condition: string,
): readonly Start[] {
  const { run } = outcome;
  if (run === undefined) return [];
  return waysTo(parts.loaded, condition, true, scopeOf(run, start.connection)).flatMap((wishes) => {
    const made = granted(parts, start, outcome, wishes);
    return made === undefined ? [] : [made];
  });
}

/** A base in which the condition of a step that it did not reach holds. */
function metIn(parts: DrillParts, base: Base, condition: string): Start | undefined {
  const { run } = base.outcome;
  if (run === undefined) return undefined;
  const held = parts.loaded.condition(condition, scopeOf(run, base.start.connection));
  if (held.ok && held.value) return undefined;
  return startsThatMeet(parts, base.start, base.outcome, condition)[0];
}

/** The conditions under which a step is carried out, from the outside in. */
function conditionsBefore(steps: readonly PlanStep[], id: string): readonly string[] | undefined {
  for (const step of steps) {
    const own = step.when === undefined ? [] : [step.when];
    if (step.id === id) return own;
    const branches =
      step.kind === 'choose'
        ? step.branches.map((branch) => ({ when: branch.when, steps: branch.steps }))
        : step.kind === 'parallel'
          ? step.branches.map((branch) => ({ when: undefined, steps: branch.steps }))
          : step.kind === 'forEach'
            ? [{ when: undefined, steps: step.steps }]
            : [];
    for (const branch of branches) {
      const inner = conditionsBefore(branch.steps, id);
      if (inner !== undefined) return [...own, ...(branch.when === undefined ? [] : [branch.when]), ...inner];
    }
  }
  return undefined;
}

/** A beginning with what is wished for put in its place: in the event, or in the row that a step's answer showed. */
function granted(
  parts: DrillParts,
  start: Start,
  { calls }: Outcome,
  wishes: readonly Wish[],
): Start | undefined {
  let { event, rows, connection } = start;
  for (const { path, value } of wishes) {
    const [root, name, ...rest] = path;
    const isOfEvent = root === 'event' || root === 'input';
    if (isOfEvent && start.isGiven) return undefined;
    const otherName = root === 'connection' ? otherConnection(parts, connection, value) : undefined;
    if (otherName !== undefined && !start.isGiven) connection = otherName;
    else if (isOfEvent) event = put(event, path.slice(1), value);
    else if (root === 'steps' && typeof name === 'string') {
      const call = calls.findLast((one) => one.step === name && one.purpose === 'read' && one.result?.ok);
      const body = call?.result?.ok ? call.result.body : undefined;
      const next =
        call === undefined || body === undefined
          ? undefined
          : withRow(parts, rows, call.connection, body, rest, value);
      if (next === undefined) return undefined;
      rows = next;
    } else return undefined;
  }
  return isFit(parts.loaded, event)
    ? { ...start, event, rows, ...(connection !== undefined && { connection }) }
    : undefined;
}

/** The connection that is wished for, or, where it is only to be none that it is, another one. */
function otherConnection(
  { loaded: { plan }, incoming }: DrillParts,
  connection: string | undefined,
  wished: Json,
): string | undefined {
  const names = 'manual' in plan.trigger ? [] : incoming(plan.trigger.event);
  return names.find((name) => name === wished) ?? names.find((name) => name !== connection);
}

/** What the systems hold, with a member of the thing that stands at a place of an answer changed. */
function withRow(
  { peers }: DrillParts,
  rows: Start['rows'],
  connection: string,
  body: Json,
  path: readonly (string | number)[],
  value: Json,
): Start['rows'] | undefined {
  const held = peers.get(connection)?.rows() ?? {};
  for (let depth = 0; depth < path.length; depth++) {
    const shown = atPointer(body, toPointer(path.slice(0, depth).map(String)));
    if (!isObject(shown)) continue;
    for (const [resource, things] of Object.entries(held)) {
      const thing = things.find((one) => isShownBy(one, shown as JsonObject));
      if (thing === undefined) continue;
      // A thing is an object, and stays one.
      const changed = put(thing, path.slice(depth), value) as JsonObject;
      return withThing(rows, connection, resource, thing, changed);
    }
  }
  return undefined;
}

/** An answer may show a part of a thing, or more than it. */
function isShownBy(thing: JsonObject, shown: JsonObject): boolean {
  const common = Object.keys(shown).filter((name) => Object.hasOwn(thing, name));
  return common.length > 0 && common.every((name) => isDeepStrictEqual(thing[name], shown[name]));
}

function withThing(
  rows: Start['rows'],
  connection: string,
  resource: string,
  thing: JsonObject,
  changed: JsonObject,
): Start['rows'] {
  const before: Rows = rows[connection] ?? {};
  const others = (before[resource] ?? []).filter((one) => !isShownBy(thing, one));
  return { ...rows, [connection]: { ...before, [resource]: [...others, changed] } };
}

function reachedIn({ run, entries }: Outcome): ReadonlySet<string> {
  const done = entries.flatMap(({ kind, step }) =>
    kind === 'stepDone' && step !== undefined ? [lastName(step)] : [],
  );
  const recorded = (run?.steps ?? []).flatMap(({ id, state }) =>
    state === 'succeeded' ? [lastName(id)] : [],
  );
  return new Set([...done, ...recorded]);
}
