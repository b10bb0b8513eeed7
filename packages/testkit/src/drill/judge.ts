import { isDeepStrictEqual } from 'node:util';
import { fromPointer, isObject, type Json, type JsonObject } from '@tenon/model';
import type { CallStep } from '@tenon/pipeline';
import type { DeadLetter, RunDetail } from '@tenon/runtime';
import { type LoadedPlan, stepIdOf } from '@tenon/runtime/drill';
import { SECRET_CANARY } from '../trial-connection.ts';
import type { MadeEffect } from './calls.ts';
import type { DrillParts, Start } from './parts.ts';
import type { DrillCode } from './rules.ts';
import { lostOf, withSameKey } from './second-event.ts';
import type { Outcome } from './trial.ts';

/** A promise that a run broke. */
export interface Broken {
  readonly code: DrillCode;
  readonly step?: string;
  readonly message: string;
}

/** Where a run ended. */
export interface DrillEnd {
  /** `parked`: a person has to say how it goes on. `untaken`: the event started no run. */
  readonly as:
    | 'succeeded'
    | 'compensated'
    | 'cancelled'
    | 'failed'
    | 'inDoubt'
    | 'parked'
    | 'endless'
    | 'untaken';
  /** The step that waits for somebody, and who that is. */
  readonly waits?: { readonly step: string; readonly owner: string; readonly why: string };
  /** Work that is owed by then: what cannot be undone. */
  readonly fixes: number;
}

export function endOf({ run, children, waiting, isEndless }: Outcome): DrillEnd {
  const fixes = waiting.fixes.length;
  if (run === undefined) return { as: 'untaken', fixes };
  const [doubt] = waiting.doubts;
  if (doubt !== undefined)
    return { as: 'inDoubt', waits: { step: doubt.stepId, owner: doubt.owner, why: 'in doubt' }, fixes };
  if (isEndless) return { as: 'endless', fixes };
  const letter = waiting.deadLetters.find(({ runId }) => runId === run.runId);
  // It waits for a run that it began, and that for somebody.
  const below = waiting.deadLetters.find((one) => children.some(({ runId }) => one.runId === runId));
  if (!isEnd(run.state) && below !== undefined)
    return { as: 'parked', waits: { step: below.step, owner: below.owner, why: whyOf(below) }, fixes };
  if (run.state === 'failed' && letter !== undefined) {
    const waits = { step: letter.step, owner: letter.owner, why: whyOf(letter) };
    return { as: 'parked', waits, fixes };
  }
  // An open state that is at rest: parked, and with nobody to say so.
  return { as: isEnd(run.state) ? run.state : 'endless', fixes };
}

function whyOf({ failure, queue }: DeadLetter): string {
  return `${failure.class} (${queue})`;
}

function isEnd(state: string): state is 'succeeded' | 'compensated' | 'cancelled' | 'failed' {
  return ['succeeded', 'compensated', 'cancelled', 'failed'].includes(state);
}

/** Every promise that an outcome breaks. Knows of the runtime what it says, and of the systems what they hold. */
export function judge(parts: DrillParts, start: Start, outcome: Outcome): readonly Broken[] {
  const { run } = outcome;
  if (run === undefined)
    return outcome.refused === undefined
      ? []
      : [{ code: 'drill-event-lost', message: `the event was refused: ${outcome.refused}` }];
  const last = outcome.settled ?? outcome;
  const end = endOf(outcome);
  return [
    ...(end.as === 'endless' ? [endless(outcome)] : []),
    ...twice(parts, last.effects),
    ...runsOf(parts, last).flatMap((one) =>
      [...standing(one, last.effects, outcome), ...order(one, last.effects)].map((broken) =>
        seenFrom(run, one.run, last.children, broken),
      ),
    ),
    ...leaks(parts, start, outcome),
    ...stale(parts, start, outcome),
    ...overwritten(outcome, last.effects),
  ];
}

/** What somebody else changed between reading and writing is still there. */
function* overwritten(
  { schedule: { meddling }, isMeddled }: Outcome,
  effects: readonly MadeEffect[],
): Iterable<Broken> {
  if (meddling === undefined || !isMeddled) return;
  const { step, connection, resource, member, row } = meddling;
  const ids = Object.entries(row).flatMap(([name, value]) => (name === member ? [] : [String(value)]));
  const last = effects.findLast(
    (effect) =>
      effect.connection === connection && effect.resource === resource && ids.includes(String(effect.id)),
  );
  if (last?.after === undefined || isDeepStrictEqual(last.after[member], row[member])) return;
  yield {
    code: 'drill-overwrites',
    step,
    message: `somebody else changed \`${member}\` of ${resource} after it had been read, and ${step} put it back`,
  };
}

/** A later version of an entity is carried over, and not taken for the one before. */
function* stale(parts: DrillParts, start: Start, outcome: Outcome): Iterable<Broken> {
  if (outcome.schedule.again !== 'otherEvent') return;
  const second = withSameKey(parts, start);
  const lost = second === undefined ? undefined : lostOf(parts, start, outcome, second);
  if (lost?.stale === undefined) return;
  yield {
    code: 'drill-newer-lost',
    step: lost.stale,
    message: `a later version of the same entity has the same business key and is taken for the one before: what ${lost.stale} wrote of ${lost.members.map((name) => `\`${name}\``).join(', ')} stays as it was`,
  };
}

function endless({ run, isEndless, tookMs }: Outcome): Broken {
  const days = Math.round(tookMs / DAY_MS);
  const where = run?.step ?? run?.state ?? '';
  return {
    code: 'drill-never-ends',
    ...(run?.step !== undefined && { step: run.step }),
    message: isEndless
      ? `after ${days} days it is still ${run?.state} at ${where}, and waits for nobody`
      : `it stands at ${where}, and nobody is told`,
  };
}

const DAY_MS = 86_400_000;

/** At most one effect of each step, and one undoing of it. */
function* twice(parts: DrillParts, effects: readonly MadeEffect[]): Iterable<Broken> {
  const made = new Map<string, MadeEffect[]>();
  for (const effect of effects) {
    const { call } = effect;
    if (call === undefined) continue;
    const place = `${call.pipeline} ${call.purpose} ${call.step}`;
    made.set(place, [...(made.get(place) ?? []), effect]);
  }
  for (const same of made.values()) {
    const { call } = same[0]!;
    if (same.length < 2 || call === undefined || isHarmless(parts, same)) continue;
    yield {
      code: 'drill-effect-twice',
      step: call.step,
      message: `${call.operation} of ${call.connection} was carried out ${same.length} times${call.purpose === 'compensation' ? ' to undo it' : ''}`,
    };
  }
}

/** Of an operation that may be repeated: it was sent with the same content, and so changes nothing more. */
function isHarmless({ plans }: DrillParts, [first, ...more]: readonly MadeEffect[]): boolean {
  const call = first?.call;
  if (call === undefined) return false;
  const loaded = plans.find(({ plan }) => plan.pipeline === call.pipeline);
  const step = loaded?.steps.get(stepIdOf(call.step));
  if (loaded === undefined || step?.kind !== 'call') return false;
  const made = call.purpose === 'compensation' ? step.compensate : step;
  const mode = made && loaded.plan.operations[made.operation]?.idempotency.mode;
  if (mode !== 'natural' && mode !== 'upsert') return false;
  return more.every((other) => isDeepStrictEqual(other.call?.input, call.input));
}

/** A run, and the plan that it goes by. */
interface Judged {
  readonly loaded: LoadedPlan;
  readonly run: RunDetail;
}

/** What a run broke that another one began is told at the step of the first that led to it. */
function seenFrom(
  { runId }: RunDetail,
  { runId: ofRun, pipeline, parent }: RunDetail,
  children: readonly RunDetail[],
  { step, ...broken }: Broken,
): Broken {
  if (ofRun === runId) return step === undefined ? broken : { ...broken, step };
  let above = parent;
  while (above !== undefined && above.runId !== runId) {
    const at = above.runId;
    above = children.find((one) => one.runId === at)?.parent;
  }
  const message = `in ${pipeline}, which it runs${step === undefined ? '' : `, at ${step}`}: ${broken.message}`;
  return { ...broken, message, ...(above !== undefined && { step: above.step }) };
}

/** The run of the event, and those that it began. */
function runsOf(
  { plans }: DrillParts,
  { run, children }: Pick<Outcome, 'run' | 'children'>,
): readonly Judged[] {
  return [...(run === undefined ? [] : [run]), ...children].flatMap((one) => {
    const loaded = plans.find(({ plan }) => plan.pipeline === one.pipeline);
    return loaded === undefined ? [] : [{ loaded, run: one }];
  });
}

/** Those of one run: another may have steps of the same names. */
function ownOf({ run }: Judged, effects: readonly MadeEffect[]): readonly MadeEffect[] {
  return effects.filter(({ call }) => call?.runId === run.runId);
}

/** What stands in the other systems, as a run says that it ended. */
function* standing(judged: Judged, effects: readonly MadeEffect[], outcome: Outcome): Iterable<Broken> {
  const { runId, state, steps } = judged.run;
  const own = ownOf(judged, effects);
  const forward = own.filter(({ call }) => call?.purpose === 'effect');
  const undone = new Map(
    own.flatMap((effect) =>
      effect.call?.purpose === 'compensation' ? [[effect.call.step, effect] as const] : [],
    ),
  );
  if (state === 'succeeded') {
    for (const [step] of undone)
      yield { code: 'drill-success-undone', step, message: `the run succeeded, and ${step} was undone` };
    for (const record of steps) {
      const step = callAt(judged, record.id);
      if (step === undefined || record.state !== 'succeeded' || isRead(judged, step)) continue;
      const isThere = forward.some(({ call }) => call?.step === record.id);
      if (isThere || record.refused !== undefined || record.byHand !== undefined) continue;
      yield {
        code: 'drill-effect-missing',
        step: record.id,
        message: `the run says that ${record.id} was done, and the other system knows nothing of it`,
      };
    }
    return;
  }
  if (state !== 'compensated' && state !== 'cancelled') return;
  for (const effect of forward) {
    const place = effect.call!.step;
    const step = callAt(judged, place);
    if (step?.compensate !== undefined) {
      const undoing = undone.get(place);
      if (undoing !== undefined) yield* restored(place, effect, undoing);
      else if (!isLeftOnPurpose(outcome, runId, place))
        yield {
          code: 'drill-effect-left',
          step: place,
          message: `the run ended ${state}, and what ${place} did still stands`,
        };
    } else if (step?.irreversible !== undefined) {
      const isOwed = outcome.waiting.fixes.some((fix) => fix.runId === runId && fix.stepId === place);
      if (!isOwed)
        yield {
          code: 'drill-fix-missing',
          step: place,
          message: `the run ended ${state}, ${place} cannot be undone, and nobody was given the work to put it right`,
        };
    }
  }
}

/**
 * A guard found it changed since, or a person said so: the ledger has it. That it was gone already is no excuse here, where nobody else takes
 * anything away: then what was looked for is another thing.
 */
function isLeftOnPurpose({ entries }: Outcome, ofRun: string, place: string): boolean {
  return entries.some(
    ({ kind, runId, step, details }) =>
      kind === 'compensation' &&
      runId === ofRun &&
      (step === `compensate:${place}` || step === place) &&
      ['left', 'skipped', 'byHand'].some((word) => details[word] === true),
  );
}

/** Is the thing again as it was before? */
function* restored(place: string, made: MadeEffect, undoing: MadeEffect): Iterable<Broken> {
  const { before, after, resource, id } = made;
  if (undoing.isUnsaid === true) {
    yield {
      code: 'drill-undoing-unsaid',
      step: place,
      message: `what ${undoing.operation} changes, which undoes ${place}, its contract does not tell`,
    };
    return;
  }
  if (resource === undefined || id === undefined || undoing.resource === undefined) return;
  if (undoing.resource !== resource || (undoing.id !== undefined && undoing.id !== id)) {
    yield {
      code: 'drill-undoes-another',
      step: place,
      message: `${place} did something to one of ${resource}, and its undoing (${undoing.operation}) to another of ${undoing.resource}`,
    };
    return;
  }
  if (before === undefined || after === undefined) {
    const isUnchanged =
      undoing.after !== undefined && isDeepStrictEqual(bare(undoing.after), bare(after ?? {}));
    if (isUnchanged)
      yield {
        code: 'drill-not-restored',
        step: place,
        message: `what ${place} made in ${resource} is as it was before it was undone (${undoing.operation})`,
      };
    return;
  }
  const left = Object.keys({ ...before, ...after }).filter(
    (name) =>
      !isDeepStrictEqual(before[name], after[name]) &&
      !isDeepStrictEqual(undoing.after?.[name], before[name]),
  );
  const told = left.filter((name) => !STAMP.test(name));
  if (told.length > 0)
    yield {
      code: 'drill-not-restored',
      step: place,
      message: `${told.map((name) => `\`${name}\``).join(', ')} of ${resource}, which ${place} had changed, ${told.length === 1 ? 'is' : 'are'} not as before`,
    };
}

/** What counts changes and says when they were made is never as before. */
export function isStamp(name: string): boolean {
  return STAMP.test(name);
}

const STAMP =
  /^(?:version|revision|etag|updated|modified|last.?modified)|(?:version|updated|modified)(?:.?(?:at|on|time))?$/i;

function bare(row: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(row).filter(([name]) => !STAMP.test(name)));
}

/** What was done one after the other is undone in the reverse order. */
function* order(judged: Judged, effects: readonly MadeEffect[]): Iterable<Broken> {
  const inLine = new Map(judged.loaded.plan.steps.map(({ id }, index) => [id, index]));
  const undone = ownOf(judged, effects).flatMap(({ call }) => {
    const at = call?.purpose === 'compensation' ? inLine.get(call.step) : undefined;
    return at === undefined ? [] : [{ step: call!.step, at }];
  });
  for (const [index, { step, at }] of undone.entries()) {
    const before = undone[index - 1];
    if (before !== undefined && before.at < at)
      yield {
        code: 'drill-undone-in-wrong-order',
        step,
        message: `${before.step} was undone before ${step}, which was done after it`,
      };
  }
}

/** No credential, and nothing that a contract classes, stands in the ledger. */
function* leaks({ loaded, plans }: DrillParts, { event }: Start, outcome: Outcome): Iterable<Broken> {
  const text = JSON.stringify(outcome.entries.map(({ details }) => details));
  if (text.includes(SECRET_CANARY))
    yield { code: 'drill-leak', message: 'a credential stands in the ledger' };
  const told = (value: string): boolean => value.length >= LEAST_TELLING && text.includes(inText(value));
  for (const pointer of loaded.plan.redact['event'] ?? [])
    if (valuesAt(event, fromPointer(pointer)).some(told))
      yield {
        code: 'drill-leak',
        message: `${pointer} of the event, which its contract classes, stands in the ledger`,
      };
  const seen = new Set<string>();
  for (const { pipeline, step, purpose, operation, connection, result } of outcome.calls) {
    const redact = plans.find(({ plan }) => plan.pipeline === pipeline)?.plan.redact ?? {};
    if (!result?.ok || (purpose !== 'read' && purpose !== 'effect')) continue;
    const { body } = result;
    for (const pointer of redact[`steps.${stepIdOf(step)}`] ?? []) {
      const place = `${pipeline} ${step} ${pointer}`;
      const tokens = fromPointer(pointer);
      // Made-up texts repeat: what the same answer has in the clear, too, tells nothing.
      const rest = JSON.stringify(without(body, tokens));
      const isLeaked = valuesAt(body, tokens).some((value) => told(value) && !rest.includes(inText(value)));
      if (!isLeaked || seen.has(place)) continue;
      seen.add(place);
      yield {
        code: 'drill-leak',
        step,
        message: `${pointer} of what ${operation} of ${connection} answers, which its contract classes, stands in the ledger`,
      };
    }
  }
}

/** As it stands in a text of JSON. */
function inText(value: string): string {
  return JSON.stringify(value).slice(1, -1);
}

/** Shorter texts are found anywhere. */
const LEAST_TELLING = 6;

/** `*`: each item, or each member. */
function valuesAt(value: Json, [token, ...rest]: readonly string[]): readonly string[] {
  if (token === undefined) return typeof value === 'string' ? [value] : [];
  return Object.entries(membersOf(value)).flatMap(([name, member]) =>
    isNamed(value, name, token) ? valuesAt(member, rest) : [],
  );
}

/** A value without what is at a place. */
function without(value: Json, [token, ...rest]: readonly string[]): Json {
  if (token === undefined) return null;
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(membersOf(value)).map(
    ([name, member]) => [name, isNamed(value, name, token) ? without(member, rest) : member] as const,
  );
  return Object.fromEntries(entries);
}

function membersOf(value: Json): JsonObject | readonly Json[] {
  // What is no list is an object of JSON.
  return Array.isArray(value) ? value : isObject(value) ? (value as JsonObject) : {};
}

function isNamed(value: Json, name: string, token: string): boolean {
  return token === '*' || token === name || (Array.isArray(value) && !/^\d+$/.test(token));
}

function callAt({ loaded }: Judged, place: string): CallStep | undefined {
  const step = loaded.steps.get(stepIdOf(place));
  return step?.kind === 'call' ? step : undefined;
}

function isRead({ loaded }: Judged, { operation }: CallStep): boolean {
  return loaded.plan.operations[operation]?.effect === 'read';
}
