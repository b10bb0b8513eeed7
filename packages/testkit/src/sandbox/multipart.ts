import { type BodyPart, bodyParts, type MediaType } from '@tenon/contract';
import type { Json } from '@tenon/model';
import type { SchemaSide } from './contract-schemas.ts';
import { coerced, nested, type RequestIssue } from './parameters.ts';

/** One part as it came. */
export interface ReceivedPart {
  readonly name: string;
  readonly filename?: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly content: Buffer;
}

/** Parts of one body at most, so that a body of boundaries alone is not a million objects. */
const PARTS_MAX = 10_000;

/** Reads `multipart/form-data` (RFC 7578), apart from whatever wrote it. Throws on what is none. */
export function readParts(bytes: Buffer, contentType: string): ReceivedPart[] {
  const boundary = /;\s*boundary=(?:"([^"]+)"|([^\s;]+))/i.exec(contentType);
  const name = boundary?.[1] ?? boundary?.[2];
  if (name === undefined) throw new Error('no boundary');
  const delimiter = Buffer.from(`\r\n--${name}`);
  // The first delimiter has no line before it.
  const whole = Buffer.concat([Buffer.from('\r\n'), bytes]);
  const parts: ReceivedPart[] = [];
  let at = whole.indexOf(delimiter);
  for (;;) {
    if (at === -1) throw new Error('no end');
    const start = at + delimiter.length;
    if (whole.toString('latin1', start, start + 2) === '--') return parts;
    if (whole.toString('latin1', start, start + 2) !== '\r\n') throw new Error('a delimiter that goes on');
    if (parts.length >= PARTS_MAX) throw new Error('too many parts');
    const end = whole.indexOf(delimiter, start);
    if (end === -1) throw new Error('no end');
    parts.push(readPart(whole.subarray(start + 2, end)));
    at = end;
  }
}

function readPart(bytes: Buffer): ReceivedPart {
  const blank = bytes.indexOf('\r\n\r\n');
  if (blank === -1) throw new Error('a part without an end of its headers');
  const headers: Record<string, string> = {};
  for (const line of bytes.toString('utf8', 0, blank).split('\r\n')) {
    const colon = line.indexOf(':');
    if (colon < 1) throw new Error('a header without a name');
    headers[line.slice(0, colon).trim().toLowerCase()] = line.slice(colon + 1).trim();
  }
  const disposition = headers['content-disposition'] ?? '';
  const name = quoted(disposition, 'name');
  if (!/^form-data\s*;/i.test(disposition) || name === undefined) throw new Error('a part without a name');
  const filename = quoted(disposition, 'filename');
  return { name, ...(filename !== undefined && { filename }), headers, content: bytes.subarray(blank + 4) };
}

function quoted(disposition: string, parameter: string): string | undefined {
  const found = new RegExp(`;\\s*${parameter}="([^"]*)"`, 'i').exec(disposition)?.[1];
  return found?.replace(/%(22|0D|0A)/gi, (escaped) => decodeURIComponent(escaped));
}

/**
 * The value that the parts make under a media type's schema and encoding: bytes as base64, JSON parsed, texts as the
 * schema's types; and what about the parts themselves is not as the encoding says. `checked` is what the schema is held
 * against: there a byte is a character, so that a `maxLength` counts bytes.
 */
export function multipartValue(
  parts: readonly ReceivedPart[],
  media: MediaType,
  side: SchemaSide,
): { readonly value: Json; readonly checked: Json; readonly issues: readonly RequestIssue[] } {
  const declared = bodyParts(media, side.definitions);
  const issues: RequestIssue[] = [];
  const texts: [string, string][] = [];
  const values = new Map<string, { readonly value: Json; readonly checked: Json }[]>();
  for (const part of parts) {
    const binding = Object.hasOwn(declared, part.name) ? declared[part.name] : undefined;
    if (binding !== undefined) issues.push(...partIssues(part, binding, side));
    const type = part.headers['content-type'] ?? '';
    const list = values.get(part.name) ?? [];
    if (binding?.isBytes || part.filename !== undefined) {
      list.push({ value: part.content.toString('base64'), checked: part.content.toString('latin1') });
      values.set(part.name, list);
    } else if (/^application\/(?:json|[^;]+\+json)\b/i.test(type)) {
      // JSON text parses to JSON.
      const value = JSON.parse(part.content.toString('utf8')) as Json;
      list.push({ value, checked: value });
      values.set(part.name, list);
    } else {
      const text = part.content.toString('utf8');
      const isJoined = binding?.explode === false;
      const separator = isJoined ? (SEPARATORS[binding.style ?? 'form'] ?? ',') : undefined;
      for (const item of separator === undefined ? [text] : text.split(separator))
        texts.push([part.name, item]);
    }
  }
  const schema = media.schema === undefined ? true : side.of(media.schema);
  const plain = coerced(nested(texts), schema, side) as Readonly<Record<string, Json>>;
  const properties = side.flat(schema).properties ?? {};
  const whole = (key: 'value' | 'checked'): Json => {
    const all = [...values].map(([name, list]): [string, Json] => {
      const items = list.map((one) => one[key]);
      const isList = [side.flat(properties[name] ?? true).type].flat().includes('array');
      // A list in one part is JSON itself; parts that repeat are its items.
      return [name, items.length === 1 && !(isList && !Array.isArray(items[0])) ? items[0]! : items];
    });
    return { ...plain, ...Object.fromEntries(all) };
  };
  return { value: whole('value'), checked: whole('checked'), issues };
}

const SEPARATORS: Readonly<Record<string, string>> = { form: ',', spaceDelimited: ' ', pipeDelimited: '|' };

function partIssues({ name, headers }: ReceivedPart, binding: BodyPart, side: SchemaSide): RequestIssue[] {
  const found: RequestIssue[] = [];
  const type = (headers['content-type'] ?? 'text/plain').split(';')[0]!.trim().toLowerCase();
  if (binding.types.length > 0 && !binding.types.some((allowed) => takes(allowed, type)))
    found.push({ pointer: `/body/${name}`, message: `must be sent as ${binding.types.join(' or ')}` });
  for (const header of binding.headers) {
    const pointer = `/body/${name}/header/${header.name}`;
    const text = headers[header.name.toLowerCase()];
    if (text === undefined) {
      if (header.required) found.push({ pointer, message: 'is required' });
      continue;
    }
    const schema = side.of(header.schema);
    for (const issue of side.issues(schema, coerced(text, schema, side)).slice(0, 1))
      found.push({ pointer, message: issue.message });
  }
  return found;
}

function takes(allowed: string, type: string): boolean {
  const wanted = allowed.split(';')[0]!.trim();
  return (
    wanted === type || wanted === '*/*' || (wanted.endsWith('/*') && type.startsWith(wanted.slice(0, -1)))
  );
}

/** A made-up value as parts, for a request that the contract allows. */
export function sampledParts(
  value: Json,
  media: MediaType,
  side: SchemaSide,
  make: (schema: BodyPart['headers'][number]['schema']) => Json | undefined,
): { readonly contentType: string; readonly text: string } {
  const declared = bodyParts(media, side.definitions);
  const boundary = 'tenon-sample';
  // A sample of an object schema.
  const parts = Object.entries(value as Readonly<Record<string, Json>>).flatMap(([name, member]) => {
    const binding = Object.hasOwn(declared, name) ? declared[name] : undefined;
    const items: readonly Json[] = Array.isArray(member) && binding?.explode !== false ? member : [member];
    return items.map((item) => {
      const isJson = typeof item === 'object' && item !== null && binding?.explode !== false;
      const type =
        binding?.types.find((one) => !one.includes('*')) ??
        (binding?.isBytes ? 'application/octet-stream' : isJson ? 'application/json' : 'text/plain');
      const text = Array.isArray(item)
        ? item.map(String).join(SEPARATORS[binding?.style ?? 'form'] ?? ',')
        : isJson || /json/.test(type)
          ? JSON.stringify(item)
          : String(item);
      const headers = (binding?.headers ?? []).map(
        (header) => `${header.name}: ${String(make(header.schema) ?? '')}\r\n`,
      );
      const file = binding?.isBytes ? `; filename="${name}"` : '';
      return `--${boundary}\r\nContent-Disposition: form-data; name="${name}"${file}\r\nContent-Type: ${type}\r\n${headers.join('')}\r\n${text}\r\n`;
    });
  });
  return {
    contentType: `multipart/form-data; boundary=${boundary}`,
    text: `${parts.join('')}--${boundary}--\r\n`,
  };
}
