import { hash } from 'node:crypto';

/** Any JSON value. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json;
}

/** Is it a JSON object (not null, not a list)? */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * The one text of a JSON value: object keys sorted by UTF-16 code unit, no white space, numbers as ECMAScript
 * prints them (RFC 8785, JSON Canonicalization Scheme). Members whose value is `undefined` are left out.
 */
export function canonicalJson(value: unknown): string {
  // One text grown by appending: every event and every request is put through here.
  let text = '';
  if (Array.isArray(value)) {
    for (const item of value) text += `${text === '' ? '' : ','}${canonicalJson(item ?? null)}`;
    return `[${text}]`;
  }
  if (isObject(value)) {
    for (const key of Object.keys(value).sort()) {
      const member = value[key];
      if (member === undefined) continue;
      text += `${text === '' ? '' : ','}${JSON.stringify(key)}:${canonicalJson(member)}`;
    }
    return `{${text}}`;
  }
  return JSON.stringify(value) ?? 'null';
}

/**
 * Deeper than any message means to be. Whoever digests, validates or searches what was stored goes down level by level:
 * a few kilobytes of brackets would use up the stack, and SQLite reads no JSON beyond a thousand levels.
 */
export const JSON_LEVELS_MAX = 500;

/** Are there lists or objects within each other, more than `levels` deep? Looks no deeper than that itself. */
export function isDeeperThan(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (levels === 0) return true;
  for (const inner of Array.isArray(value) ? value : Object.values(value))
    if (isDeeperThan(inner, levels - 1)) return true;
  return false;
}

/** SHA-256 of a text or of bytes, as `sha256:<hex>`. */
export function sha256(data: string | Uint8Array): string {
  return `sha256:${hash('sha256', data, 'hex')}`;
}

/** SHA-256 of the canonical text of a JSON value, as `sha256:<hex>`. */
export function digestOf(value: unknown): string {
  return sha256(canonicalJson(value));
}

/** Joins raw tokens to a JSON Pointer (RFC 6901): `['paths', '/a']` → `/paths/~1a`. */
export function toPointer(tokens: readonly (string | number)[]): string {
  return tokens.map((token) => `/${escapeToken(String(token))}`).join('');
}

/** Escapes one reference token (RFC 6901 §3). */
export function escapeToken(token: string): string {
  return token.includes('~') || token.includes('/')
    ? token.replaceAll('~', '~0').replaceAll('/', '~1')
    : token;
}

/** Splits a JSON Pointer into raw tokens; `''` is the whole document. */
export function fromPointer(pointer: string): string[] {
  if (pointer === '') return [];
  return pointer
    .slice(1)
    .split('/')
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** What a JSON Pointer names, or `undefined`. Reads own properties only. */
export function atPointer(value: unknown, pointer: string): unknown {
  let here = value;
  for (const token of fromPointer(pointer)) {
    if (Array.isArray(here)) here = /^(0|[1-9]\d*)$/.test(token) ? here[Number(token)] : undefined;
    else if (isObject(here) && Object.hasOwn(here, token)) here = here[token];
    else return undefined;
  }
  return here;
}

/**
 * The same value with another at a pointer; what is on the way and is no object, or no item of a list that is there, becomes an object. `undefined`
 * takes the member out.
 */
export function withPointer(value: Json | undefined, pointer: string, wanted: Json | undefined): Json {
  const [token, ...rest] = fromPointer(pointer);
  if (token === undefined) return wanted ?? null;
  if (Array.isArray(value) && /^(0|[1-9]\d*)$/.test(token) && Number(token) < value.length)
    return value.map((item: Json, index) =>
      index === Number(token) ? withPointer(item, toPointer(rest), wanted) : item,
    );
  const { [token]: before, ...others }: JsonObject = isObject(value) ? (value as JsonObject) : {};
  if (rest.length > 0) return { ...others, [token]: withPointer(before, toPointer(rest), wanted) };
  return wanted === undefined ? others : { ...others, [token]: wanted };
}

/**
 * Places at which `state` is not as `wanted`, at most `max`: members that are not wanted do not matter, and null is wanted of
 * what may as well be absent. Lists are compared as a whole.
 */
export function unmetPointers(wanted: Json, state: Json, max: number): readonly string[] {
  const found: string[] = [];
  compare(wanted, state, []);
  return found;

  function compare(a: unknown, b: unknown, path: readonly string[]): void {
    if (found.length >= max) return;
    if (isObject(a) && isObject(b)) {
      for (const name of Object.keys(a).sort())
        compare(a[name], Object.hasOwn(b, name) ? b[name] : null, [...path, name]);
    } else if (canonicalJson(a) !== canonicalJson(b)) found.push(toPointer(path));
  }
}

/** Places at which two values differ, at most `max`: of a list as a whole, of an object by its members. */
export function changedPointers(before: Json, after: Json, max: number): readonly string[] {
  const found: string[] = [];
  compare(before, after, []);
  return found;

  function compare(a: unknown, b: unknown, path: readonly string[]): void {
    if (found.length >= max) return;
    if (isObject(a) && isObject(b)) {
      for (const name of [...new Set([...Object.keys(a), ...Object.keys(b)])].sort())
        compare(Object.hasOwn(a, name) ? a[name] : undefined, Object.hasOwn(b, name) ? b[name] : undefined, [
          ...path,
          name,
        ]);
    } else if ((a === undefined) !== (b === undefined) || canonicalJson(a) !== canonicalJson(b))
      found.push(toPointer(path));
  }
}
