import { atPointer, isObject, type Json, type JsonObject, toPointer } from '@tenon/model';
import type { ForEachStep } from '@tenon/pipeline';
import { allSteps } from '@tenon/runtime/drill';
import { listPathOf } from '../wishes.ts';
import type { SeenCall } from './calls.ts';
import { granted } from './granted.ts';
import { parsed, sampleAt } from './made-events.ts';
import type { DrillParts, Start } from './parts.ts';
import { triggerSchema } from './starting.ts';
import type { Outcome } from './trial.ts';

/** How many items a list has, in words. */
export const LIST_SIZES = { 'no items': 0, 'one item': 1, 'three items': 3 } as const;

/** The steps of a pipeline that go over a list. */
export function listsOf({ loaded: { plan } }: DrillParts): readonly ForEachStep[] {
  return allSteps(plan.steps).filter((step) => step.kind === 'forEach');
}

/**
 * A beginning in which the list that a step goes over has so many items: in the event, in a thing that an answer showed, or as the rows that a system
 * lists. `undefined`: it cannot be chosen, or such a list is none that its contract allows.
 */
export function withItems(
  parts: DrillParts,
  { start, outcome }: { readonly start: Start; readonly outcome: Outcome },
  step: ForEachStep,
  count: number,
): Start | undefined {
  const ast = parsed(step.in);
  const path = ast && listPathOf(ast);
  if (path === undefined) return undefined;
  const [root, name, ...rest] = path;
  if (root === 'event' || root === 'input') {
    const schema = triggerSchema(parts.loaded);
    const held = atPointer(start.event, toPointer(path.slice(1).map(String)));
    const items =
      schema && itemsLike(held, count, (seed) => sampleAt(schema, [...path.slice(1).map(String), '0'], seed));
    return items === undefined ? undefined : granted(parts, start, outcome, [{ path, value: items }]);
  }
  const call = outcome.calls.findLast((one) => one.step === name && one.purpose === 'read' && one.result?.ok);
  if (root !== 'steps' || call === undefined || !call.result?.ok) return undefined;
  return ofRows(parts, start, call, count) ?? inThing(parts, start, outcome, call, path, rest, count);
}

/** In a thing that the answer showed. */
function inThing(
  parts: DrillParts,
  start: Start,
  outcome: Outcome,
  { result, step }: SeenCall,
  path: readonly (string | number)[],
  rest: readonly (string | number)[],
  count: number,
): Start | undefined {
  const own = parts.loaded.steps.get(step);
  const operation = own?.kind === 'call' ? parts.loaded.plan.operations[own.operation] : undefined;
  if (operation === undefined || !result?.ok) return undefined;
  const held = atPointer(result.body, toPointer(rest.map(String)));
  const items = itemsLike(held, count, (seed) =>
    sampleAt(operation.result, [...rest.map(String), '0'], seed),
  );
  return items && granted(parts, start, outcome, [{ path, value: items }]);
}

/** As the rows of a collection that the call lists, each as it is asked for. */
function ofRows({ peers }: DrillParts, start: Start, call: SeenCall, count: number): Start | undefined {
  const peer = peers.get(call.connection);
  const resource = peer?.lists(call.operation);
  if (peer === undefined || resource === undefined) return undefined;
  const before = start.rows[call.connection] ?? {};
  const asked = Object.fromEntries(
    Object.entries(call.input).filter(
      ([name, value]) => typeof value !== 'object' && peer.takes(resource, { [name]: value }),
    ),
  );
  const rows = [...(before[resource] ?? []), ...Array<JsonObject>(count).fill(asked)].slice(0, count);
  return { ...start, rows: { ...start.rows, [call.connection]: { ...before, [resource]: rows } } };
}

/** Those that are there first, as they meet what is asked of them; then made up. */
function itemsLike(
  held: unknown,
  count: number,
  made: (seed: number) => Json | undefined,
): readonly Json[] | undefined {
  // Of JSON.
  const own = Array.isArray(held) ? (held as readonly Json[]).slice(0, count) : [];
  const [first] = own;
  const more = Array.from({ length: count - own.length }, (_, nth) => {
    const item = made(nth + 2);
    // What is asked of one of them is asked of the others.
    return isObject(first) && isObject(item) ? { ...(first as JsonObject), ...item } : item;
  });
  return more.every((item) => item !== undefined) ? [...own, ...more] : undefined;
}
