import { isDeepStrictEqual } from 'node:util';
import type { JsonObject } from '@tenon/model';

/** Is it this thing that an answer shows? It may show a part of it, or more than it. */
export function isShownBy(thing: JsonObject, shown: JsonObject): boolean {
  const common = Object.keys(shown).filter((name) => Object.hasOwn(thing, name));
  return common.length > 0 && common.every((name) => isDeepStrictEqual(thing[name], shown[name]));
}
