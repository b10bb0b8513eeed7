import { isObject, type Json } from '@tenon/model';
import { deepPairs, encodeStrict, isJsonMedia, scalar } from './serialise.ts';

export interface EncodedBody {
  readonly contentType: string;
  readonly bytes: Uint8Array | string;
}

/** The body in the first of the operation's media types that we can write; `undefined` when there is none. */
export function encodeBody(types: readonly string[], body: Json): EncodedBody | undefined {
  for (const type of types) {
    const encoder = ENCODERS.find(([accepts]) => accepts(type))?.[1];
    const encoded = encoder?.(type, body);
    if (encoded !== undefined) return encoded;
  }
  return undefined;
}

type Encoder = (type: string, body: Json) => EncodedBody | undefined;

const ENCODERS: readonly (readonly [(type: string) => boolean, Encoder])[] = [
  [isJsonMedia, (type, body) => ({ contentType: type, bytes: JSON.stringify(body) })],
  [
    (type) => type === '*/*',
    (_type, body) => ({ contentType: 'application/json', bytes: JSON.stringify(body) }),
  ],
  [(type) => type.startsWith('application/x-www-form-urlencoded'), form],
  [(type) => type.startsWith('multipart/form-data'), multipart],
  [(type) => type.startsWith('text/'), text],
  [(type) => type.startsWith('application/octet-stream'), binary],
];

/** Lists repeat their name; nested members are written `name[key]`. A null or absent member is left out. */
function form(type: string, body: Json): EncodedBody | undefined {
  if (!isObject(body)) return undefined;
  const pairs = Object.entries(body).flatMap(([name, value]) =>
    formMember(encodeStrict(name), value as Json),
  );
  return { contentType: type, bytes: pairs.map(([name, value]) => `${name}=${value}`).join('&') };
}

function formMember(name: string, value: Json): readonly (readonly [string, string])[] {
  if (value === null) return [];
  if (Array.isArray(value) && !value.some(isObject))
    return value.map((item) => [name, encodeStrict(scalar(item))] as const);
  return deepPairs(name, value, encodeStrict);
}

/** Objects travel as JSON parts, as OpenAPI's default encoding says. */
function multipart(_type: string, body: Json): EncodedBody | undefined {
  if (!isObject(body)) return undefined;
  const parts = Object.entries(body).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).filter((item) => item !== null).map((item) => part(name, item)),
  );
  const boundary = boundaryFor(parts);
  const text = `${parts.map((content) => `--${boundary}\r\n${content}\r\n`).join('')}--${boundary}--\r\n`;
  return { contentType: `multipart/form-data; boundary=${boundary}`, bytes: text };
}

function part(name: string, value: unknown): string {
  const quoted = name.replace(/["\r\n]/g, (character) => encodeURIComponent(character));
  const type = typeof value === 'object' ? 'Content-Type: application/json\r\n' : '';
  return `Content-Disposition: form-data; name="${quoted}"\r\n${type}\r\n${scalar(value)}`;
}

/** The shortest of a fixed series that occurs in no part: the same body always gives the same bytes. */
function boundaryFor(parts: readonly string[]): string {
  let boundary = 'tenon-part';
  while (parts.some((content) => content.includes(boundary))) boundary += '-x';
  return boundary;
}

function text(type: string, body: Json): EncodedBody | undefined {
  return typeof body === 'string' ? { contentType: type, bytes: body } : undefined;
}

/** Bytes are base64 text in an input, since an input is JSON. */
function binary(type: string, body: Json): EncodedBody | undefined {
  return typeof body === 'string' ? { contentType: type, bytes: Buffer.from(body, 'base64') } : undefined;
}
