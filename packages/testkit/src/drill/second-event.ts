import { isDeepStrictEqual } from 'node:util';
import { isObject, type Json, type JsonObject } from '@tenon/model';
import type { CallStep } from '@tenon/pipeline';
import { allSteps } from '@tenon/runtime/drill';
import { put } from '../wishes.ts';
import { madePayload, scopeOf } from './made-events.ts';
import type { DrillParts, Start } from './parts.ts';
import { isStarting, triggerSchema } from './starting.ts';
import type { Outcome } from './trial.ts';

/** What of a second event comes to nothing, since it has the business key of the first. */
export interface SharedKey {
  /** Members of the event in which it differs, as far as steps send something of them. */
  readonly members: readonly string[];
  /** Ids of the steps that would have sent something else. */
  readonly steps: readonly string[];
  /** It is a later version of the same entity (`identity.version`), and what a step would have updated by it stays as it was. */
  readonly stale?: string;
}

/** Other values than an event has, to be tried one by one. */
const OTHERS = 4;

/**
 * An event of its own that has the business key and the order key of the one that a run begins with: other members, wherever the keys, the contract
 * and the condition of the trigger leave them open. `undefined`: there is none.
 */
export function withSameKey(parts: DrillParts, start: Start): Json | undefined {
  const schema = triggerSchema(parts.loaded);
  if (schema === undefined || !isObject(start.event)) return undefined;
  const keys = keysOf(parts, start, start.event);
  const isOne = (event: Json): boolean =>
    isDeepStrictEqual(keysOf(parts, start, event), keys) && isStarting(parts.loaded, start, event);
  // An object, as was looked at.
  let made = start.event as JsonObject;
  for (const name of Object.keys(made)) {
    const next = othersOf(made[name]!, name, parts).find((value) => isOne(put(made, [name], value)));
    if (next !== undefined) made = { ...made, [name]: next };
  }
  return isDeepStrictEqual(made, start.event) ? undefined : made;
}

/** What is lost of it where it is taken for the first. */
export function lostOf(
  parts: DrillParts,
  start: Start,
  { run }: Outcome,
  second: Json,
): SharedKey | undefined {
  if (run === undefined) return undefined;
  const scope = scopeOf(run, start.connection);
  const sends = (step: CallStep, event: Json): unknown => {
    const made = parts.loaded.template(step.with, scopeWith(parts, scope, event));
    return made.ok ? made.value : undefined;
  };
  const effects = allSteps(parts.loaded.plan.steps).filter(
    (step) => step.kind === 'call' && parts.loaded.plan.operations[step.operation]?.effect !== 'read',
  ) as readonly CallStep[];
  const differs = (step: CallStep, event: Json): boolean =>
    !isDeepStrictEqual(sends(step, event), sends(step, start.event));
  const steps = effects.filter((step) => differs(step, second));
  // Objects, as `withSameKey` makes them.
  const [first, other] = [start.event as JsonObject, second as JsonObject];
  const members = Object.keys(other).filter(
    (name) =>
      !isDeepStrictEqual(first[name], other[name]) &&
      steps.some((step) => differs(step, { ...first, [name]: other[name]! })),
  );
  if (members.length === 0) return undefined;
  const updated = steps.find((step) => parts.loaded.plan.operations[step.operation]?.effect === 'update');
  return {
    members,
    steps: steps.map(({ id }) => id),
    ...(updated !== undefined && isLater(parts, scope, first, other) && { stale: updated.id }),
  };
}

/** The scope of a run as if it had begun with another event, as far as that is computed and not answered. */
function scopeWith(
  { loaded }: DrillParts,
  scope: Readonly<Record<string, Json>>,
  event: Json,
): Readonly<Record<string, Json>> {
  // As `scopeOf` makes it.
  let steps = scope['steps'] as JsonObject;
  for (const step of allSteps(loaded.plan.steps)) {
    if (step.kind !== 'set') continue;
    const made = loaded.template(step.value, { ...scope, event, input: event, steps });
    if (made.ok) steps = { ...steps, [step.id]: made.value };
  }
  return { ...scope, event, input: event, steps };
}

function isLater(
  { loaded }: DrillParts,
  scope: Readonly<Record<string, Json>>,
  first: Json,
  second: Json,
): boolean {
  const { version } = loaded.plan.identity;
  if (version === undefined) return false;
  const [before, after] = [first, second].map((event) => {
    const value = loaded.expression(version, { ...scope, event, input: event });
    return value.ok ? value.value : null;
  });
  return typeof before === typeof after && before !== null && after !== null && before! < after!;
}

function keysOf({ loaded }: DrillParts, { headers, connection }: Start, event: Json): unknown {
  const { key, orderBy } = loaded.plan.identity;
  const scope = {
    event,
    input: event,
    headers: headers ?? {},
    ...(connection !== undefined && { connection }),
  };
  return [key, ...(orderBy === undefined ? [] : [orderBy])].map((template) => {
    const made = loaded.template(template, scope);
    return made.ok ? made.value : made.failure.message;
  });
}

/** Values that a member may have instead; a number first grows, as a version does. */
function othersOf(value: Json, name: string, { loaded }: DrillParts): readonly Json[] {
  const schema = triggerSchema(loaded)!;
  const made = Array.from({ length: OTHERS }, (_, nth) => {
    const payload = madePayload(schema, nth + 2);
    return isObject(payload) && Object.hasOwn(payload, name) ? (payload as JsonObject)[name]! : value;
  });
  const own = typeof value === 'number' ? [value + 1] : [];
  return [...own, ...made].filter((other) => !isDeepStrictEqual(other, value));
}
