import { atPointer, isObject, type Json, type JsonObject, toPointer } from '@tenon/model';
import type { Rows } from '../sandbox/rows.ts';
import { put, type Wish } from '../wishes.ts';
import type { SeenCall } from './calls.ts';
import type { DrillParts, Start } from './parts.ts';
import { isShownBy } from './shown.ts';
import { isFit } from './starting.ts';
import type { Outcome } from './trial.ts';

/** A beginning with what is wished for put in its place: in the event, or in the row that a step's answer showed. */
export function granted(
  parts: DrillParts,
  start: Start,
  { calls }: Outcome,
  wishes: readonly Wish[],
): Start | undefined {
  let { event, connection, signals, made } = start;
  const changed = new Map<JsonObject, ShownThing>();
  for (const { path, value } of wishes) {
    const [root, name, ...rest] = path;
    const isOfEvent = root === 'event' || root === 'input';
    if (isOfEvent && start.isGiven) return undefined;
    const otherName = root === 'connection' ? otherConnection(parts, connection, value) : undefined;
    if (otherName !== undefined && !start.isGiven) connection = otherName;
    else if (isOfEvent) event = put(event, path.slice(1), value);
    else if (root === 'steps' && isAwaiting(parts, name)) {
      // What the author gave stays as it is.
      if (start.isGiven && isSaidIn(signals?.[name], rest)) return undefined;
      signals = { ...signals, [name]: put(signals?.[name] ?? {}, rest, value) };
    } else {
      const call = calls.findLast(
        ({ step, purpose, result }) =>
          step === name && (purpose === 'read' || purpose === 'effect') && result?.ok,
      );
      const body = root === 'steps' && call?.result?.ok ? call.result.body : undefined;
      if (call === undefined || body === undefined) return undefined;
      const shown = shownAt(parts, call.connection, body, rest);
      if (call.purpose === 'effect') {
        made = withMade(made, call, shown?.within ?? rest, value);
        continue;
      }
      if (shown === undefined) return undefined;
      const { thing, within } = shown;
      // A thing is an object, and stays one.
      const next = put(changed.get(thing)?.next ?? thing, within, value) as JsonObject;
      changed.set(thing, { ...shown, next });
    }
  }
  if (!isFit(parts.loaded, event)) return undefined;
  return {
    ...start,
    event,
    rows: [...changed.values()].reduce(withThing, start.rows),
    ...(connection !== undefined && { connection }),
    ...(signals && { signals }),
    ...(made && { made }),
  };
}

/** With what is wished for at a place of what an operation makes. */
function withMade(
  made: Start['made'],
  { connection, operation }: SeenCall,
  path: readonly (string | number)[],
  value: Json,
): NonNullable<Start['made']> {
  const before = made?.[connection] ?? {};
  // What is made is an object, and stays one.
  const next = put(before[operation] ?? {}, path, value) as JsonObject;
  return { ...made, [connection]: { ...before, [operation]: next } };
}

function isAwaiting({ loaded }: DrillParts, id: string | number | undefined): id is string {
  const step = typeof id === 'string' ? loaded.steps.get(id) : undefined;
  return step?.kind === 'wait' && 'event' in step.for;
}

/** Is it said what stands at a place of it, or that it does not come? */
function isSaidIn(given: Json | undefined, path: readonly (string | number)[]): boolean {
  if (given === undefined) return false;
  return given === null || atPointer(given, toPointer(path.map(String))) !== undefined;
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

interface ShownThing {
  readonly connection: string;
  readonly resource: string;
  readonly thing: JsonObject;
  /** Where in the thing it is. */
  readonly within: readonly (string | number)[];
  /** What it is to be. */
  readonly next: JsonObject;
}

/** The thing in a system that stands at a place of its answer, or around it. */
function shownAt(
  { peers }: DrillParts,
  connection: string,
  body: Json,
  path: readonly (string | number)[],
): ShownThing | undefined {
  const held = peers.get(connection)?.rows() ?? {};
  for (let depth = 0; depth < path.length; depth++) {
    const shown = atPointer(body, toPointer(path.slice(0, depth).map(String)));
    if (!isObject(shown)) continue;
    for (const [resource, things] of Object.entries(held)) {
      const thing = things.find((one) => isShownBy(one, shown as JsonObject));
      if (thing !== undefined) return { connection, resource, thing, within: path.slice(depth), next: thing };
    }
  }
  return undefined;
}

function withThing(rows: Start['rows'], { connection, resource, thing, next }: ShownThing): Start['rows'] {
  const before: Rows = rows[connection] ?? {};
  const others = (before[resource] ?? []).filter((one) => !isShownBy(thing, one));
  return { ...rows, [connection]: { ...before, [resource]: [...others, next] } };
}
