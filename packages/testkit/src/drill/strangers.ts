import type { Json, JsonObject } from '@tenon/model';
import type { DrillParts, Start } from './parts.ts';
import type { Outcome } from './trial.ts';

/**
 * A beginning in which the systems hold, beside what they held, another thing of each kind that the run makes: like it and not it. A probe that finds any
 * thing instead of the run's own finds that one.
 */
export function withStrangers(parts: DrillParts, start: Start, { effects }: Outcome): Start {
  let { rows } = start;
  for (const { connection, resource, id, before, after } of effects) {
    const peer = parts.peers.get(connection);
    if (peer === undefined || resource === undefined || id === undefined || before !== undefined || !after)
      continue;
    const stranger = likeness(after, id, (row) => peer.takes(resource, row));
    if (stranger === undefined) continue;
    const held = rows[connection] ?? {};
    rows = { ...rows, [connection]: { ...held, [resource]: [...(held[resource] ?? []), stranger] } };
  }
  return { ...start, rows };
}

/** A thing with another id, and with another text or number in each member that may have one. */
function likeness(
  thing: JsonObject,
  id: string,
  isTaken: (row: JsonObject) => boolean,
): JsonObject | undefined {
  const named = Object.entries(thing).find(([, value]) => String(value) === id)?.[0];
  if (named === undefined) return undefined;
  let made: JsonObject | undefined;
  for (const name of [named, ...Object.keys(thing).filter((one) => one !== named)]) {
    const changed = otherThan(thing[name]!);
    const next = changed === undefined ? undefined : { ...(made ?? thing), [name]: changed };
    if (next !== undefined && isTaken(next)) made = next;
    // By its id alone it is another thing.
    else if (made === undefined) return undefined;
  }
  return made;
}

/** Another text or number; `undefined` of anything else. */
export function otherThan(value: Json): Json | undefined {
  if (typeof value === 'string') return `${value}-other`;
  return typeof value === 'number' ? value + 1 : undefined;
}
