import { isObject, type Json, type JsonObject, sha256 } from '@tenon/model';
import type { PartBinding } from '../operation-plan.ts';
import { type EncodedBody, EncodingProblem } from './encoded-body.ts';
import { fitsMedia } from './media-type.ts';
import { isJsonMedia, scalar, serialiseField } from './serialise.ts';

type Parts = Readonly<Record<string, PartBinding>>;

/**
 * `multipart/form-data` (RFC 7578), each property as the contract's `encoding` says: a list as a part for each item, bytes
 * as a file, an object as JSON, anything else as text. The same body always gives the same bytes.
 */
export function multipart(body: JsonObject, parts: Parts): EncodedBody {
  const made = Object.entries(body).flatMap(([name, value]) =>
    value === null || value === undefined
      ? []
      : partsOf(name, value, Object.hasOwn(parts, name) ? parts[name]! : {}),
  );
  const boundary = boundaryFor(made);
  const opening = Buffer.from(`--${boundary}\r\n`);
  const pieces = made.flatMap((part) => [opening, part, LINE_END]);
  return {
    contentType: `multipart/form-data; boundary=${boundary}`,
    bytes: Buffer.concat([...pieces, Buffer.from(`--${boundary}--\r\n`)]),
  };
}

const LINE_END = Buffer.from('\r\n');

function partsOf(name: string, value: Json, binding: PartBinding): Buffer[] {
  if (binding.style !== undefined) {
    const { style, explode = style === 'form', allowReserved = false } = binding;
    const field = { key: name, name, in: 'query', required: false, style, explode, allowReserved } as const;
    // A part is no URL: what is escaped there stands for itself here.
    return serialiseField(field, value).pairs.map(([key, text]) =>
      part(decodeURIComponent(key), Buffer.from(decodeURIComponent(text)), {}),
    );
  }
  const items: readonly Json[] = Array.isArray(value) ? value : [value];
  return items.filter((item) => item !== null).map((item) => onePart(name, item, binding));
}

function onePart(name: string, value: Json, binding: PartBinding): Buffer {
  const wrapped = (binding.bytes || binding.wrapped) && isObject(value) ? (value as JsonObject) : undefined;
  const content = wrapped === undefined ? value : (wrapped['content'] ?? '');
  const headers = headersOf(name, wrapped?.['headers'], binding);
  const given = wrapped?.['contentType'];
  if (typeof given === 'string' && !allows(binding.types ?? [], given))
    throw new EncodingProblem(
      'HTTP_BODY_UNENCODABLE',
      `part ${JSON.stringify(name)} may not have the media type that it is given`,
      `/body/${name}/contentType`,
    );
  const filename = wrapped?.['filename'];
  if (binding.bytes)
    return part(name, Buffer.from(scalar(content), 'base64'), {
      // Without a name many servers take a part for a text.
      filename: typeof filename === 'string' ? filename : name,
      type: typeof given === 'string' ? given : (definite(binding.types) ?? 'application/octet-stream'),
      headers,
    });
  const type = typeof given === 'string' ? given : definite(binding.types);
  const isJson = type === undefined ? typeof content === 'object' : isJsonMedia(type);
  const sent = type ?? (isJson ? 'application/json' : undefined);
  return part(name, Buffer.from(isJson ? JSON.stringify(content) : scalar(content)), {
    ...(sent !== undefined && { type: sent }),
    headers,
  });
}

/** The first type that names one: a range says only what is allowed. */
function definite(types: readonly string[] | undefined): string | undefined {
  return types?.find((type) => !type.includes('*'));
}

function allows(types: readonly string[], given: string): boolean {
  return types.length === 0 ? fitsMedia('*/*', given) : types.some((type) => fitsMedia(type, given));
}

function headersOf(name: string, given: Json | undefined, { headers = [] }: PartBinding): [string, string][] {
  const values = isObject(given) ? (given as JsonObject) : {};
  return headers.flatMap((header): [string, string][] => {
    const value = Object.hasOwn(values, header.name) ? values[header.name] : header.fixed;
    if (value === undefined || value === null) return [];
    const field = { ...HEADER_FIELD, key: header.name, name: header.name, explode: header.explode ?? false };
    const { text } = serialiseField(field, value);
    if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(text))
      throw new EncodingProblem(
        'HTTP_HEADER_UNSAFE',
        `header ${header.name} of part ${JSON.stringify(name)} holds characters that no header may hold`,
        `/body/${name}/headers/${header.name}`,
      );
    return [[header.name, text]];
  });
}

const HEADER_FIELD = { in: 'header', required: false, style: 'simple', allowReserved: false } as const;

interface PartFacts {
  readonly filename?: string;
  readonly type?: string;
  readonly headers?: readonly (readonly [string, string])[];
}

function part(name: string, content: Buffer, { filename, type, headers = [] }: PartFacts): Buffer {
  const file = filename === undefined ? '' : `; filename="${escaped(filename)}"`;
  const lines = [
    `Content-Disposition: form-data; name="${escaped(name)}"${file}`,
    ...(type === undefined ? [] : [`Content-Type: ${type}`]),
    ...headers.map(([key, text]) => `${key}: ${text}`),
  ];
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`), content]);
}

/** As every browser writes it (HTML §4.10.21.8): what would end the quotes or the line is escaped, the rest is UTF-8. */
function escaped(text: string): string {
  return text.toWellFormed().replace(/["\r\n]/g, (character) => encodeURIComponent(character));
}

/** Of the parts themselves, so that no part can be made to hold it, and the same parts always get the same one. */
function boundaryFor(parts: readonly Buffer[]): string {
  return `tenon-${sha256(Buffer.concat(parts)).slice('sha256:'.length, 'sha256:'.length + 40)}`;
}
