import type { Names } from './names.ts';
import type { SqlValue, WriteName } from './statements.ts';

/**
 * Keys of list items stand in the names of strands, and so in keys of rows and in the step that a run is at. In an encrypted
 * file each is a digest there, `lines[~…]|book#1`, which is another one in each run; the key as it was goes in front of the row's
 * value, which is sealed. All of it happens on the way to the file and back: in memory a row has its own name.
 */

/** What of a write names places of a run: values at `places`, lists of them (JSON) too; `carries` is the value that takes their names. */
interface Hiding {
  readonly run: number;
  readonly places: readonly number[];
  readonly carries?: number;
}

export const hidings: Readonly<Partial<Record<WriteName, Hiding>>> = {
  putJournal: { run: 0, places: [1], carries: 3 },
  unlessRecorded: { run: 0, places: [1] },
  putOpening: { run: 0, places: [1, 3], carries: 9 },
  closeOpening: { run: 0, places: [1] },
  closeSteps: { run: 0, places: [1] },
  closeForEnd: { run: 0, places: [1] },
  suspend: { run: 0, places: [4, 7, 8] },
  suspendMany: { run: 0, places: [4, 7] },
  suspendForEvent: { run: 0, places: [3] },
  end: { run: 0, places: [3] },
  putChild: { run: 1, places: [2, 3] },
};

/** The values of a write with its places hidden, and their names put in front of the value that carries them. */
export function withPlacesHidden(
  { run, places, carries }: Hiding,
  values: readonly SqlValue[],
  names: Names,
): readonly SqlValue[] {
  if (!places.some((at) => isNamed(values[at]))) return values;
  const hidden = [...values];
  for (const at of places) {
    const place = values[at];
    if (isNamed(place)) hidden[at] = hiddenPlace(place, Number(values[run]), names);
  }
  if (carries !== undefined && places.some((at) => hidden[at] !== values[at]))
    hidden[carries] = carrying(
      places.map((at) => String(values[at])),
      String(values[carries]),
    );
  return hidden;
}

/** A place with the key of an item, as `strandName` writes it; a digest has a `~`, which is written otherwise there. */
export const ITEM = /\b([A-Za-z_][A-Za-z0-9_]*)\[([A-Za-z0-9_:;%-]+)\]/g;
/** The place of an item in its list, which is no data. A key that looks like one cannot be told from it here, and stays. */
export const INDEX = /^\d{1,3}$/;
const HIDDEN = /\[(~[A-Za-z0-9_-]{22})\]/g;

/** Hidden already, it stays as it is. */
export function hiddenPlace(place: string, runSeq: number, names: Names): string {
  return place.replaceAll(ITEM, (whole, list: string, key: string) =>
    INDEX.test(key) ? whole : `${list}[${names.stored('item', `${runSeq}\0${key}`)}]`,
  );
}

export function hidesItems(place: string): boolean {
  return place.includes('[~');
}

/** Digests of items that a place names. */
export function digestsIn(place: string): readonly string[] {
  return [...place.matchAll(HIDDEN)].map(([, digest]) => digest!);
}

/** Where the first row of the strand of a place stands in the journal, if it is in no branch: they do not stand in places. */
export function firstRowOf(place: string): string {
  const strand = place.slice(0, place.lastIndexOf(']') + 1).replace(/^compensate:/, '');
  return `${strand.replaceAll('].', ']|')}|@`;
}

/** A place with what the digests in it stand for, as far as that is known. */
export function shownPlace(place: string, items: ReadonlyMap<string, string>): string {
  return place.replaceAll(HIDDEN, (whole, digest: string) => {
    const key = items.get(digest);
    return key === undefined ? whole : `[${key}]`;
  });
}

/** What the digests of a hidden place stand for, by the place as it is. */
export function itemsOf(hidden: string, own: string): ReadonlyMap<string, string> {
  const keys = [...own.matchAll(/\[([^\]]*)\]/g)].map(([, key]) => key!);
  return new Map(
    [...hidden.matchAll(/\[([^\]]*)\]/g)].map(([, digest], index) => [digest!, keys[index] ?? digest!]),
  );
}

/** Before the places that a value carries; no JSON begins with it. */
const CARRIED = '@';

export function carrying(places: readonly string[], text: string): string {
  return `${CARRIED}${JSON.stringify(places)}\n${text}`;
}

export function carried(text: string): { readonly places?: readonly string[]; readonly text: string } {
  if (!text.startsWith(CARRIED)) return { text };
  const end = text.indexOf('\n');
  // Written by `carrying` alone, and sealed.
  return { places: JSON.parse(text.slice(1, end)), text: text.slice(end + 1) };
}

function isNamed(value: SqlValue | undefined): value is string {
  return typeof value === 'string' && value.includes('[');
}
