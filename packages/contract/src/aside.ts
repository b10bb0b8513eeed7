import type { IsAside } from './findings.ts';
import type { Contract } from './ir.ts';
import { type Place, pointerOf } from './place.ts';

/** Operations and events of a contract, by id. */
export interface Named {
  readonly operations: ReadonlySet<string>;
  readonly events: ReadonlySet<string>;
}

/**
 * What of a document from elsewhere is about none of what is named: operations and events that are not, and paths with none that
 * is. Of a document of our own nothing is aside, for nobody else mends it.
 */
export function asideOf(
  { operations, events, policy }: Contract,
  named: Named,
  origins: ReadonlyMap<object, Place>,
): IsAside | undefined {
  if (policy?.provenance === undefined) return undefined;
  const places = { named: new Set<string>(), unnamed: new Set<string>() };
  const items = { named: new Set<string>(), unnamed: new Set<string>() };
  const note = (node: object, isNamed: boolean): void => {
    const place = origins.get(node);
    if (!place) return;
    const which = isNamed ? 'named' : 'unnamed';
    places[which].add(keyOf(place));
    if (place.parent) items[which].add(keyOf(place.parent));
  };
  for (const [id, operation] of operations) note(operation, named.operations.has(id));
  for (const [id, event] of events) note(event, named.events.has(id));
  const isNamed = new Set([...places.named, ...items.named]);
  const isUnnamed = new Set([...places.unnamed, ...items.unnamed]);
  return (place) => {
    // The nearest of them that it stands in, or is.
    for (let here: Place | undefined = place; here; here = here.parent) {
      const key = keyOf(here);
      if (isNamed.has(key)) return false;
      if (isUnnamed.has(key)) return true;
    }
    return false;
  };
}

function keyOf(place: Place): string {
  return `${place.file} ${pointerOf(place)}`;
}
