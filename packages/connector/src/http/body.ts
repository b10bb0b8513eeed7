import { isObject, type Json, type JsonObject } from '@tenon/model';
import type { PartBinding } from '../operation-plan.ts';
import type { EncodedBody } from './encoded-body.ts';
import { multipart } from './multipart.ts';
import { deepPairs, encodeStrict, isJsonMedia, scalar, serialiseField } from './serialise.ts';

type Parts = Readonly<Record<string, PartBinding>>;

/**
 * The body in the first of the operation's media types that we can write; `undefined` when there is none. `parts` are those of
 * the first type. Throws `EncodingProblem` where a part is not as it must be.
 */
export function encodeBody(types: readonly string[], body: Json, parts: Parts = {}): EncodedBody | undefined {
  for (const [index, type] of types.entries()) {
    const encoder = ENCODERS.find(([accepts]) => accepts(type))?.[1];
    const encoded = encoder?.(type, body, index === 0 ? parts : {});
    if (encoded !== undefined) return encoded;
  }
  return undefined;
}

type Encoder = (type: string, body: Json, parts: Parts) => EncodedBody | undefined;

const ENCODERS: readonly (readonly [(type: string) => boolean, Encoder])[] = [
  [isJsonMedia, (type, body) => ({ contentType: type, bytes: JSON.stringify(body) })],
  [
    (type) => type === '*/*',
    (_type, body) => ({ contentType: 'application/json', bytes: JSON.stringify(body) }),
  ],
  [(type) => type.startsWith('application/x-www-form-urlencoded'), form],
  [
    (type) => type.startsWith('multipart/form-data'),
    (_type, body, parts) => (isObject(body) ? multipart(body as JsonObject, parts) : undefined),
  ],
  [(type) => type.startsWith('text/'), text],
  [(type) => type.startsWith('application/octet-stream'), binary],
];

/** As `encoding` says; else lists repeat their name; nested members are written `name[key]`. A null or absent member is left out. */
function form(type: string, body: Json, parts: Parts): EncodedBody | undefined {
  if (!isObject(body)) return undefined;
  const pairs = Object.entries(body).flatMap(([name, value]) =>
    formMember(name, value as Json, Object.hasOwn(parts, name) ? parts[name]! : {}),
  );
  return { contentType: type, bytes: pairs.map(([name, value]) => `${name}=${value}`).join('&') };
}

function formMember(
  given: string,
  value: Json,
  { style, explode = style === 'form', allowReserved = false, types = [] }: PartBinding,
): readonly (readonly [string, string])[] {
  if (value === null) return [];
  if (style !== undefined)
    return serialiseField(
      { key: given, name: given, in: 'query', required: false, style, explode, allowReserved },
      value,
    ).pairs;
  const name = encodeStrict(given);
  if (types.some(isJsonMedia)) return [[name, encodeStrict(JSON.stringify(value))]];
  if (Array.isArray(value) && !value.some(isObject))
    return value.map((item) => [name, encodeStrict(scalar(item))] as const);
  return deepPairs(name, value, encodeStrict);
}

function text(type: string, body: Json): EncodedBody | undefined {
  return typeof body === 'string' ? { contentType: type, bytes: body } : undefined;
}

/** Bytes are base64 text in an input, since an input is JSON. */
function binary(type: string, body: Json): EncodedBody | undefined {
  return typeof body === 'string' ? { contentType: type, bytes: Buffer.from(body, 'base64') } : undefined;
}
