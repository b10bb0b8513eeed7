import { isObject, type Json } from '@tenon/model';
import type { InputField } from '../operation-plan.ts';

/** How a value is written into its place, by OpenAPI 3.1 §4.8.12.2 and RFC 6570. Scalars keep `false`, `0` and `""`. */
export interface SerialisedField {
  /** Name and value pairs, for query, cookie and form; already percent-encoded. */
  readonly pairs: readonly (readonly [string, string])[];
  /** The whole text, for path and header. */
  readonly text: string;
}

export function serialiseField(field: InputField, value: Json): SerialisedField {
  const encode = encoderOf(field);
  if (field.mediaType !== undefined) {
    const text = encode(isJsonMedia(field.mediaType) ? JSON.stringify(value) : scalar(value));
    return { pairs: [[encode(field.name), text]], text };
  }
  // A style that its place does not have would write nothing there, and the value would be left out without a word.
  const style = IN_PAIRS.has(field.in) && !PAIR_STYLES.has(field.style) ? 'form' : field.style;
  switch (style) {
    case 'label':
      return only(`.${expanded(value, field.explode ? '.' : ',', field.explode, encode)}`);
    case 'matrix':
      return only(matrix(field, value, encode));
    case 'spaceDelimited':
      return { ...named(field, delimited(field, value, '%20', encode)), text: '' };
    case 'pipeDelimited':
      return { ...named(field, delimited(field, value, '%7C', encode)), text: '' };
    case 'deepObject':
      return { pairs: deepPairs(encode(field.name), value, encode), text: '' };
    case 'form':
    case 'cookie':
      return { pairs: formPairs(field, value, encode), text: '' };
    default:
      return only(expanded(value, ',', field.explode, encode));
  }
}

const IN_PAIRS: ReadonlySet<InputField['in']> = new Set(['query', 'cookie']);
const PAIR_STYLES: ReadonlySet<string> = new Set([
  'form',
  'cookie',
  'spaceDelimited',
  'pipeDelimited',
  'deepObject',
]);

type Encode = (text: string) => string;

function encoderOf({ in: place, style, allowReserved }: InputField): Encode {
  if (place === 'header') return plain;
  if (place === 'cookie' && style === 'cookie') return encodeCookie;
  if (!allowReserved) return encodeStrict;
  // Where a path has a question mark, it ends.
  return place === 'path'
    ? (text) => encodeExceptReserved(text).replaceAll('?', '%3F')
    : encodeExceptReserved;
}

/** `form` pairs of one member of a body or query: lists repeat the name when exploded, objects become their members. */
function formPairs(field: InputField, value: Json, encode: Encode): (readonly [string, string])[] {
  const name = encode(field.name);
  if (!field.explode) return [[name, expanded(value, ',', false, encode)]];
  if (Array.isArray(value)) return value.map((item) => [name, encode(scalar(item))] as const);
  if (isObject(value))
    return Object.entries(value).map(([key, item]) => [encode(key), encode(scalar(item))] as const);
  return [[name, encode(scalar(value))]];
}

/** `name[key][inner]=value`, as deep as it goes; list items repeat as `name[key][0]`. */
export function deepPairs(name: string, value: Json, encode: Encode): (readonly [string, string])[] {
  if (Array.isArray(value))
    return value.flatMap((item, index) => deepPairs(`${name}[${index}]`, item, encode));
  if (isObject(value))
    return Object.entries(value).flatMap(([key, item]) =>
      deepPairs(`${name}[${encode(key)}]`, item as Json, encode),
    );
  return [[name, encode(scalar(value))]];
}

function delimited(field: InputField, value: Json, separator: string, encode: Encode): readonly string[] {
  if (Array.isArray(value)) {
    const items = value.map((item) => encode(scalar(item)));
    return field.explode ? items : [items.join(separator)];
  }
  if (isObject(value))
    return [
      Object.entries(value)
        .flatMap(([key, item]) => [encode(key), encode(scalar(item))])
        .join(separator),
    ];
  return [encode(scalar(value))];
}

function named(field: InputField, values: readonly string[]): Pick<SerialisedField, 'pairs'> {
  return { pairs: values.map((value) => [encodeStrict(field.name), value] as const) };
}

function matrix(field: InputField, value: Json, encode: Encode): string {
  const name = encode(field.name);
  const pair = (text: string): string => (text === '' ? `;${name}` : `;${name}=${text}`);
  if (field.explode && Array.isArray(value)) return value.map((item) => pair(encode(scalar(item)))).join('');
  if (field.explode && isObject(value))
    return Object.entries(value)
      .map(([key, item]) => `;${encode(key)}=${encode(scalar(item))}`)
      .join('');
  return pair(expanded(value, ',', false, encode));
}

/** Lists and objects flattened: `a,b` and `k,v,k,v`, or `k=v,k=v` when exploded. */
function expanded(value: Json, separator: string, explode: boolean, encode: Encode): string {
  if (Array.isArray(value)) return value.map((item) => encode(scalar(item))).join(separator);
  if (isObject(value))
    return Object.entries(value)
      .map(([key, item]) => `${encode(key)}${explode ? '=' : separator}${encode(scalar(item))}`)
      .join(separator);
  return encode(scalar(value));
}

function only(text: string): SerialisedField {
  return { pairs: [], text };
}

/** A nested list or object has no defined form here; its JSON is at least not `[object Object]`. */
export function scalar(value: unknown): string {
  if (typeof value === 'string') return value;
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value);
}

function plain(text: string): string {
  return text;
}

/** RFC 3986: everything but unreserved characters. `encodeURIComponent` leaves five sub-delimiters. */
export function encodeStrict(text: string): string {
  return encodeURIComponent(text.toWellFormed()).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function encodeExceptReserved(text: string): string {
  return encodeStrict(text).replace(/%(3A|2F|3F|40|21|24|27|28|29|2A|2C|3B)/g, (escaped) =>
    decodeURIComponent(escaped),
  );
}

/** OpenAPI 3.2 §4.12.2.2: as it is, but for what no cookie may hold (RFC 6265 §4.1.1). */
function encodeCookie(text: string): string {
  return text.toWellFormed().replace(/[^\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]/gu, encodeURIComponent);
}

/** `application/json`, `application/problem+json`, with or without parameters. */
export function isJsonMedia(type: string): boolean {
  return /^(?:application\/json|text\/json|[^;]+\+json)\s*(?:;|$)/i.test(type);
}
