import { isDeepStrictEqual } from 'node:util';
import { fromPointer, isObject, type Json, type JsonObject } from '@tenon/model';
import type { CallStep } from '@tenon/pipeline';
import { stepIdOf } from '@tenon/runtime/drill';
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

export function endOf({ run, waiting, isEndless }: Outcome): DrillEnd {
  const fixes = waiting.fixes.length;
  if (run === undefined) return { as: 'untaken', fixes };
  const [doubt] = waiting.doubts;
  if (doubt !== undefined)
    return { as: 'inDoubt', waits: { step: doubt.stepId, owner: doubt.owner, why: 'in doubt' }, fixes };
  if (isEndless) return { as: 'endless', fixes };
  const letter = waiting.deadLetters.find(({ runId }) => runId === run.runId);
  if (run.state === 'failed' && letter !== undefined) {
    const waits = {
      step: letter.step,
      owner: letter.owner,
      why: `${letter.failure.class} (${letter.queue})`,
    };
    return { as: 'parked', waits, fixes };
  }
  // An open state that is at rest: parked, and with nobody to say so.
  return { as: isEnd(run.state) ? run.state : 'endless', fixes };
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
  const last = outcome.settled ?? { run, effects: outcome.effects };
  const end = endOf(outcome);
  return [
    ...(end.as === 'endless' ? [endless(outcome)] : []),
    ...twice(parts, last.effects),
    ...(last.run === undefined ? [] : [...standing(parts, last.run.state, last.effects, outcome)]),
    ...order(parts, last.effects),
    ...leaks(parts, start, outcome),
    ...stale(parts, start, outcome),
  ];
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

/** Those of the pipeline itself: one that it runs may have steps of the same names. */
function ownOf({ loaded: { plan } }: DrillParts, effects: readonly MadeEffect[]): readonly MadeEffect[] {
  return effects.filter(({ call }) => call?.pipeline === plan.pipeline);
}

/** What stands in the other systems, as the run says that it ended. */
function* standing(
  parts: DrillParts,
  state: string,
  effects: readonly MadeEffect[],
  outcome: Outcome,
): Iterable<Broken> {
  const own = ownOf(parts, effects);
  const forward = own.filter(({ call }) => call?.purpose === 'effect');
  const undone = new Map(
    own.flatMap((effect) =>
      effect.call?.purpose === 'compensation' ? [[effect.call.step, effect] as const] : [],
    ),
  );
  if (state === 'succeeded') {
    for (const [step] of undone)
      yield { code: 'drill-success-undone', step, message: `the run succeeded, and ${step} was undone` };
    for (const record of outcome.settled?.run?.steps ?? outcome.run?.steps ?? []) {
      const step = callAt(parts, record.id);
      if (step === undefined || record.state !== 'succeeded' || isRead(parts, step)) continue;
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
    const step = callAt(parts, place);
    if (step?.compensate !== undefined) {
      const undoing = undone.get(place);
      if (undoing !== undefined) yield* restored(place, effect, undoing);
      else if (!isLeftOnPurpose(outcome, place))
        yield {
          code: 'drill-effect-left',
          step: place,
          message: `the run ended ${state}, and what ${place} did still stands`,
        };
    } else if (step?.irreversible !== undefined) {
      const isOwed = outcome.waiting.fixes.some(({ stepId }) => stepId === place);
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
function isLeftOnPurpose({ entries }: Outcome, place: string): boolean {
  return entries.some(
    ({ kind, step, details }) =>
      kind === 'compensation' &&
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
const STAMP =
  /^(?:version|revision|etag|updated|modified|last.?modified)|(?:version|updated|modified)(?:.?(?:at|on|time))?$/i;

function bare(row: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(row).filter(([name]) => !STAMP.test(name)));
}

/** What was done one after the other is undone in the reverse order. */
function* order(parts: DrillParts, effects: readonly MadeEffect[]): Iterable<Broken> {
  const inLine = new Map(parts.loaded.plan.steps.map(({ id }, index) => [id, index]));
  const undone = ownOf(parts, effects).flatMap(({ call }) => {
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
function* leaks({ loaded }: DrillParts, { event }: Start, { entries }: Outcome): Iterable<Broken> {
  const text = JSON.stringify(entries.map(({ details }) => details));
  if (text.includes(SECRET_CANARY))
    yield { code: 'drill-leak', message: 'a credential stands in the ledger' };
  for (const pointer of loaded.plan.redact['event'] ?? [])
    for (const value of valuesAt(event, fromPointer(pointer))) {
      if (value.length < LEAST_TELLING || !text.includes(JSON.stringify(value).slice(1, -1))) continue;
      yield {
        code: 'drill-leak',
        message: `${pointer} of the event, which its contract classes, stands in the ledger`,
      };
    }
}

/** Shorter texts are found anywhere. */
const LEAST_TELLING = 6;

function valuesAt(value: Json, [token, ...rest]: readonly string[]): readonly string[] {
  if (token === undefined) return typeof value === 'string' ? [value] : [];
  if (Array.isArray(value)) return value.flatMap((item: Json) => valuesAt(item, rest));
  // A member of an object of JSON.
  return isObject(value) && Object.hasOwn(value, token) ? valuesAt((value as JsonObject)[token]!, rest) : [];
}

function callAt({ loaded }: DrillParts, place: string): CallStep | undefined {
  const step = loaded.steps.get(stepIdOf(place));
  return step?.kind === 'call' ? step : undefined;
}

function isRead({ loaded }: DrillParts, { operation }: CallStep): boolean {
  return loaded.plan.operations[operation]?.effect === 'read';
}
