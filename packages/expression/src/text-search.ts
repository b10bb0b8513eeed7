/**
 * Searches in texts that both may come from outside. The engine's own takes the length of the one times that of the other where
 * they are made for it: two hundred kilobytes of one letter take ten seconds.
 */

/** Comparisons that are left to the engine: beyond, each character is looked at twice at most (Knuth, Morris, Pratt). */
const COMPARISONS_MAX = 5_000_000;

export function firstIndexOf(whole: string, part: string): number {
  if (isSmall(whole, part)) return whole.indexOf(part);
  for (const at of places(whole, part)) return at;
  return -1;
}

export function lastIndexOf(whole: string, part: string): number {
  if (isSmall(whole, part)) return whole.lastIndexOf(part);
  let last = -1;
  for (const at of places(whole, part)) last = at;
  return last;
}

export function splitAt(whole: string, separator: string): string[] {
  if (isSmall(whole, separator)) return whole.split(separator);
  const parts: string[] = [];
  let start = 0;
  for (const at of places(whole, separator)) {
    if (at < start) continue;
    parts.push(whole.slice(start, at));
    start = at + separator.length;
  }
  return [...parts, whole.slice(start)];
}

function isSmall(whole: string, part: string): boolean {
  return part.length < 2 || part.length > whole.length || whole.length * part.length <= COMPARISONS_MAX;
}

/** Where `part` stands, also over itself. */
function* places(whole: string, part: string): Generator<number> {
  const borders = bordersOf(part);
  let matched = 0;
  for (let i = 0; i < whole.length; i++) {
    const unit = whole.charCodeAt(i);
    while (matched > 0 && part.charCodeAt(matched) !== unit) matched = borders[matched - 1]!;
    if (part.charCodeAt(matched) === unit) matched++;
    if (matched < part.length) continue;
    yield i - matched + 1;
    matched = borders[matched - 1]!;
  }
}

/** For each beginning of `part` the length of its longest beginning that it also ends with. */
function bordersOf(part: string): Uint32Array {
  const borders = new Uint32Array(part.length);
  for (let i = 1, length = 0; i < part.length; i++) {
    const unit = part.charCodeAt(i);
    while (length > 0 && part.charCodeAt(length) !== unit) length = borders[length - 1]!;
    if (part.charCodeAt(length) === unit) length++;
    borders[i] = length;
  }
  return borders;
}
