import { noChildren, type SourceChild, type SourceNode } from './source-node.ts';

/** The root of a text that `JSON.parse` accepts; not to be used on any other. */
export function jsonSource(text: string): SourceNode {
  const start = skipSpace(text, text.charCodeAt(0) === BYTE_ORDER_MARK ? 1 : 0);
  return jsonNode(text, start, skipValue(text, start));
}

export const BYTE_ORDER_MARK = 0xfeff;

const QUOTE = 34;
const COMMA = 44;
const COLON = 58;
const OPEN_LIST = 91;
const BACKSLASH = 92;
const CLOSE_LIST = 93;
const OPEN_OBJECT = 123;
const CLOSE_OBJECT = 125;

function jsonNode(text: string, start: number, end: number): SourceNode {
  const first = text.charCodeAt(start);
  if (first !== OPEN_OBJECT && first !== OPEN_LIST)
    return { style: 'json', span: () => [start, end], children: () => noChildren };
  let known: ReadonlyMap<string, SourceChild> | undefined;
  return {
    span: () => [start, end],
    children: () => {
      known ??= first === OPEN_OBJECT ? members(text, start) : items(text, start);
      return known;
    },
  };
}

function members(text: string, start: number): ReadonlyMap<string, SourceChild> {
  const found = new Map<string, SourceChild>();
  for (const member of eachMember(text, start)) {
    const { keyStart, keyEnd, valueStart, valueEnd } = member;
    found.set(stringValue(text, keyStart, keyEnd), {
      key: [keyStart, keyEnd],
      value: jsonNode(text, valueStart, valueEnd),
    });
  }
  return found;
}

export interface JsonMember {
  readonly keyStart: number;
  readonly keyEnd: number;
  readonly valueStart: number;
  readonly valueEnd: number;
}

/** The members of the object that opens at `start`, duplicates included. */
function* eachMember(text: string, start: number): Generator<JsonMember> {
  let at = skipSpace(text, start + 1);
  while (text.charCodeAt(at) === QUOTE) {
    const keyStart = at;
    const keyEnd = stringEnd(text, keyStart);
    const valueStart = skipSpace(text, skipSpace(text, keyEnd) + 1);
    const valueEnd = skipValue(text, valueStart);
    yield { keyStart, keyEnd, valueStart, valueEnd };
    at = skipSpace(text, valueEnd);
    if (text.charCodeAt(at) !== COMMA) return;
    at = skipSpace(text, at + 1);
  }
}

function items(text: string, start: number): ReadonlyMap<string, SourceChild> {
  const found = new Map<string, SourceChild>();
  let at = skipSpace(text, start + 1);
  while (at < text.length && text.charCodeAt(at) !== CLOSE_LIST) {
    const end = skipValue(text, at);
    found.set(String(found.size), { value: jsonNode(text, at, end) });
    at = skipSpace(text, end);
    if (text.charCodeAt(at) === COMMA) at = skipSpace(text, at + 1);
  }
  return found;
}

/** The text of the string literal between two offsets, quotes included. */
function stringValue(text: string, start: number, end: number): string {
  const inner = text.slice(start + 1, end - 1);
  // `JSON.parse` of a string literal gives a string.
  return inner.includes('\\') ? (JSON.parse(text.slice(start, end)) as string) : inner;
}

function skipSpace(text: string, from: number): number {
  let at = from;
  while (at < text.length && text.charCodeAt(at) <= 32) at++;
  return at;
}

/** The offset behind the string that opens at `start`. Hops from quote to quote: a byte-wise loop is 10 × slower. */
function stringEnd(text: string, start: number): number {
  let close = text.indexOf('"', start + 1);
  while (close !== -1 && isEscaped(text, close)) close = text.indexOf('"', close + 1);
  return close === -1 ? text.length : close + 1;
}

function isEscaped(text: string, at: number): boolean {
  let backslashes = 0;
  while (text.charCodeAt(at - 1 - backslashes) === BACKSLASH) backslashes++;
  return backslashes % 2 === 1;
}

function skipValue(text: string, start: number): number {
  const first = text.charCodeAt(start);
  if (first === QUOTE) return stringEnd(text, start);
  if (first === OPEN_OBJECT || first === OPEN_LIST) return skipContainer(text, start);
  let at = start;
  while (at < text.length && !endsScalar(text.charCodeAt(at))) at++;
  return at;
}

function endsScalar(code: number): boolean {
  return code <= 32 || code === COMMA || code === CLOSE_LIST || code === CLOSE_OBJECT;
}

function skipContainer(text: string, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = stringEnd(text, at) - 1;
    else if (code === OPEN_OBJECT || code === OPEN_LIST) depth++;
    else if ((code === CLOSE_OBJECT || code === CLOSE_LIST) && --depth === 0) return at + 1;
  }
  return text.length;
}

/** How many `"key":` the text holds: more than its value has members means that some object repeats a key. */
export function countKeys(text: string): number {
  let count = 0;
  for (let open = text.indexOf('"'); open !== -1; ) {
    const end = stringEnd(text, open);
    if (text.charCodeAt(skipSpace(text, end)) === COLON) count++;
    open = text.indexOf('"', end);
  }
  return count;
}

/** Every member whose key an earlier member of the same object has. */
export function* duplicateKeys(
  text: string,
): Generator<{ readonly key: string; readonly first: JsonMember; readonly again: JsonMember }> {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = stringEnd(text, at) - 1;
    else if (code === OPEN_OBJECT) yield* duplicatesIn(text, at);
  }
}

function* duplicatesIn(text: string, start: number): ReturnType<typeof duplicateKeys> {
  const seen = new Map<string, JsonMember>();
  for (const member of eachMember(text, start)) {
    const key = stringValue(text, member.keyStart, member.keyEnd);
    const first = seen.get(key);
    if (first) yield { key, first, again: member };
    else seen.set(key, member);
  }
}

/** Where nesting first passes `depthMax`; `undefined` when it never does. */
export function offsetPastDepth(text: string, depthMax: number): number | undefined {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = stringEnd(text, at) - 1;
    else if (code === OPEN_OBJECT || code === OPEN_LIST) {
      if (++depth > depthMax) return at;
    } else if (code === CLOSE_OBJECT || code === CLOSE_LIST) depth--;
  }
  return undefined;
}
