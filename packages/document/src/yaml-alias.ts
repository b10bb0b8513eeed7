import { EVENT_ID, type Event } from 'js-yaml';

/** Where an alias names a container that it stands in, if one does. */
export function aliasCycle(text: string, events: readonly Event[]): readonly [number, number] | undefined {
  const open: (string | undefined)[] = [];
  for (const event of events) {
    if (event.type === EVENT_ID.POP) open.pop();
    else if (event.type === EVENT_ID.ALIAS) {
      const name = text.slice(event.anchorStart, event.anchorEnd);
      if (open.includes(name)) return [event.anchorStart - 1, event.anchorEnd];
    } else if (event.type !== EVENT_ID.SCALAR) {
      const isNamed = event.type !== EVENT_ID.DOCUMENT && event.anchorStart >= 0;
      open.push(isNamed ? text.slice(event.anchorStart, event.anchorEnd) : undefined);
    }
  }
  return undefined;
}

/** Does the value, with each shared part counted as often as it is used, hold more than `sizeMax` values? */
export function expandedSizePast(value: unknown, sizeMax: number): boolean {
  const known = new Map<object, number>();
  const sizeOf = (part: unknown): number => {
    if (typeof part !== 'object' || part === null) return 1;
    const counted = known.get(part);
    if (counted !== undefined) return counted;
    let size = 1;
    for (const child of Object.values(part)) size += sizeOf(child);
    known.set(part, size);
    return size;
  };
  return sizeOf(value) > sizeMax;
}
