import type { HttpOperation, MediaType } from '@tenon/contract';
import type { Json } from '@tenon/model';
import type { SchemaSide } from './contract-schemas.ts';
import { multipartValue, readParts } from './multipart.ts';
import { coerced, nested, type RequestIssue } from './parameters.ts';

export type ReadBody =
  | { readonly ok: true; readonly value?: Json }
  /** `unsupported`: the media type is none of the contract's; `unreadable`: not what its media type says; `invalid`: against its schema. */
  | {
      readonly ok: false;
      readonly why: 'unsupported' | 'unreadable' | 'invalid';
      readonly issues: readonly RequestIssue[];
    };

/** Parses a request body as its media type says and checks it against the contract. */
export function readBody(
  operation: HttpOperation,
  bytes: Buffer,
  contentType: string | undefined,
  side: SchemaSide,
): ReadBody {
  const declared = operation.body;
  if (declared === undefined) return { ok: true };
  if (bytes.length === 0) {
    if (!declared.required) return { ok: true };
    return { ok: false, why: 'invalid', issues: [{ pointer: '/body', message: 'is required' }] };
  }
  const type = mediaTypeOf(contentType);
  const media = declared.content.find((content) => accepts(mediaTypeOf(content.type), type));
  if (media === undefined) {
    const expected = declared.content.map((content) => content.type).join(', ');
    return {
      ok: false,
      why: 'unsupported',
      issues: [{ pointer: '/header/content-type', message: `must be ${expected}` }],
    };
  }
  const read = parse(bytes, contentType ?? '', type, media, side);
  if (read === undefined)
    return { ok: false, why: 'unreadable', issues: [{ pointer: '/body', message: `must be ${type}` }] };
  const { value, checked = value, issues: ofParts = [] } = read;
  const ofSchema =
    media.schema === undefined || checked === undefined
      ? []
      : side
          .issues(side.of(media.schema), checked)
          .map((issue) => ({ ...issue, pointer: `/body${issue.pointer}` }));
  const issues = [...ofParts, ...ofSchema];
  return issues.length === 0
    ? { ok: true, ...(value !== undefined && { value }) }
    : { ok: false, why: 'invalid', issues };
}

interface Parsed {
  readonly value?: Json;
  /** Held against the schema in place of it. */
  readonly checked?: Json;
  /** Found beside it. */
  readonly issues?: readonly RequestIssue[];
}

/** `undefined`: unreadable; without a value: bytes that no schema speaks of. */
function parse(
  bytes: Buffer,
  contentType: string,
  type: string,
  media: MediaType,
  side: SchemaSide,
): Parsed | undefined {
  try {
    // JSON text parses to JSON.
    if (isJson(type)) return { value: JSON.parse(bytes.toString('utf8')) as Json };
    if (type === 'application/x-www-form-urlencoded')
      return { value: form(new URLSearchParams(bytes.toString('utf8')), media, side) };
    if (type === 'multipart/form-data') {
      return multipartValue(readParts(bytes, contentType), media, side);
    }
    return type.startsWith('text/') ? { value: bytes.toString('utf8') } : {};
  } catch {
    // Every parser above throws on malformed input, each its own error; the caller says 400.
    return undefined;
  }
}

function form(pairs: Iterable<readonly [string, string]>, media: MediaType, side: SchemaSide): Json {
  const value = nested(pairs);
  return media.schema === undefined ? value : coerced(value, side.of(media.schema), side);
}

export function isJson(type: string): boolean {
  return /^application\/json$|\+json$|\/json$/.test(type);
}

function mediaTypeOf(contentType: string | undefined): string {
  return (contentType ?? '').split(';')[0]!.trim().toLowerCase();
}

/** Does a declared type (`application/*`, `*` `/*`) take this one? */
function accepts(declared: string, type: string): boolean {
  if (declared === type || declared === '*/*' || declared === '') return true;
  return declared.endsWith('/*') && type.startsWith(declared.slice(0, -1));
}
