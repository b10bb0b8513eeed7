import type { HttpOperation, Parameter } from '@tenon/contract';
import { isObject, type Json } from '@tenon/model';
import { isSchemaObject, type JsonSchema } from '@tenon/schema';
import type { SchemaSide } from './contract-schemas.ts';

/** One thing wrong with a request, as it is told to the caller. `pointer` into `{ path, query, header, cookie, body }`. */
export interface RequestIssue {
  readonly pointer: string;
  readonly message: string;
}

export interface RawRequest {
  readonly path: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
}

/** OpenAPI 3.1 §4.8.12.1: parameters of these names are described elsewhere and ignored. */
const NOT_PARAMETERS = ['accept', 'content-type', 'authorization'];

/** Reads all parameters as their styles say, and checks each against its schema. */
export function readParameters(
  operation: HttpOperation,
  raw: RawRequest,
  side: SchemaSide,
): { readonly values: Readonly<Record<string, Json>>; readonly issues: readonly RequestIssue[] } {
  const values: Record<string, Json> = {};
  const issues: RequestIssue[] = [];
  for (const parameter of operation.parameters) {
    if (parameter.in === 'header' && NOT_PARAMETERS.includes(parameter.name.toLowerCase())) continue;
    const pointer = `/${parameter.in}/${parameter.name}`;
    const schema = side.of(parameter.schema);
    const value =
      parameter.in === 'path' ? readPath(parameter, schema, raw, side) : read(parameter, schema, raw, side);
    if (value === undefined) {
      if (parameter.required) issues.push({ pointer, message: 'is required' });
      continue;
    }
    values[parameter.name] = value;
    for (const issue of side.issues(schema, value).slice(0, 1))
      issues.push({ pointer: pointer + issue.pointer, message: issue.message });
  }
  return { values, issues };
}

/** Do the values that stand in the path fit their schemas? */
export function pathFits(
  { operation, path }: { readonly operation: HttpOperation; readonly path: RawRequest['path'] },
  side: SchemaSide,
): boolean {
  const parameters = operation.parameters.filter((parameter) => parameter.in === 'path');
  const raw = { path, query: new URLSearchParams(), headers: {} };
  return readParameters({ ...operation, parameters }, raw, side).issues.length === 0;
}

function readPath(
  parameter: Parameter,
  schema: JsonSchema,
  raw: RawRequest,
  side: SchemaSide,
): Json | undefined {
  const text = raw.path[parameter.name];
  if (text === undefined) return undefined;
  if (parameter.mediaType !== undefined) return parsed(text);
  const kind = kindOf(schema, side);
  if (parameter.style === 'label')
    return structured(text.slice(1), kind, parameter.explode ? '.' : ',', parameter, schema, side);
  if (parameter.style === 'matrix')
    return structured(
      text.replace(/^;[^=]*=?/, ''),
      kind,
      parameter.explode ? `;${parameter.name}=` : ',',
      parameter,
      schema,
      side,
    );
  return structured(text, kind, ',', parameter, schema, side);
}

function read(parameter: Parameter, schema: JsonSchema, raw: RawRequest, side: SchemaSide): Json | undefined {
  const { name } = parameter;
  const kind = kindOf(schema, side);
  if (parameter.in === 'querystring') return coerced(Object.fromEntries(raw.query), schema, side);
  if (parameter.in === 'query') {
    if (parameter.mediaType !== undefined)
      return raw.query.has(name) ? parsed(raw.query.get(name)!) : undefined;
    if (kind === 'object') return queryObject(parameter, schema, raw.query, side);
    const all = [...raw.query.getAll(name), ...raw.query.getAll(`${name}[]`)];
    if (all.length === 0) return undefined;
    if (kind !== 'array') return coerced(all[0]!, schema, side);
    return coerced(parameter.explode ? all : all[0]!.split(SEPARATORS[parameter.style] ?? ','), schema, side);
  }
  const text =
    parameter.in === 'cookie' ? cookie(raw.headers['cookie'], name) : raw.headers[name.toLowerCase()];
  if (text === undefined) return undefined;
  if (parameter.mediaType !== undefined) return parsed(text);
  return structured(text, kind, ',', parameter, schema, side);
}

const SEPARATORS: Readonly<Record<string, string>> = { spaceDelimited: ' ', pipeDelimited: '|', form: ',' };

function structured(
  text: string,
  kind: string,
  separator: string,
  parameter: Parameter,
  schema: JsonSchema,
  side: SchemaSide,
): Json {
  if (kind === 'array') return coerced(text.split(separator), schema, side);
  if (kind !== 'object') return coerced(text, schema, side);
  const parts = text.split(separator);
  const entries = parameter.explode
    ? parts.map((part) => part.split('=', 2))
    : Array.from({ length: Math.ceil(parts.length / 2) }, (_, index) =>
        parts.slice(index * 2, index * 2 + 2),
      );
  return coerced(Object.fromEntries(entries.map(([key, value]) => [key ?? '', value ?? ''])), schema, side);
}

function queryObject(
  parameter: Parameter,
  schema: JsonSchema,
  query: URLSearchParams,
  side: SchemaSide,
): Json | undefined {
  const { name } = parameter;
  if (parameter.style === 'deepObject' || [...query.keys()].some((key) => key.startsWith(`${name}[`))) {
    const found = nested([...query].filter(([key]) => key.startsWith(`${name}[`)));
    return found[name] === undefined ? undefined : coerced(found[name], schema, side);
  }
  if (!parameter.explode) {
    const text = query.get(name);
    return text === null ? undefined : structured(text, 'object', ',', parameter, schema, side);
  }
  const known = Object.keys(side.flat(schema).properties ?? {}).filter((key) => query.has(key));
  if (known.length === 0) return undefined;
  return coerced(Object.fromEntries(known.map((key) => [key, query.get(key)!])), schema, side);
}

/** `a[b][0]=x` → `{ a: { b: ['x'] } }`: how deepObject parameters and form bodies nest. */
export function nested(pairs: Iterable<readonly [string, string]>): Record<string, Json> {
  const root = new Map<string, unknown>();
  for (const [key, value] of pairs) {
    const tokens = [...key.matchAll(/^[^[]+|\[([^\]]*)\]/g)].map((found) => found[1] ?? found[0]);
    let here = root;
    for (const [depth, token] of tokens.entries()) {
      const name = token === '' ? String(here.size) : token;
      if (depth === tokens.length - 1)
        here.set(name, here.has(name) ? [here.get(name), value].flat() : value);
      else {
        const next = here.get(name);
        const inner = next instanceof Map ? next : new Map<string, unknown>();
        here.set(name, inner);
        here = inner;
      }
    }
  }
  return plain(root) as Record<string, Json>;
}

function plain(value: unknown): Json {
  if (!(value instanceof Map)) return value as Json;
  const entries = [...value].map(([key, inner]) => [String(key), plain(inner)] as const);
  const isList = entries.length > 0 && entries.every(([key], index) => key === String(index));
  return isList ? entries.map(([, inner]) => inner) : Object.fromEntries(entries);
}

/** Texts become the numbers, booleans and lists that the schema asks for; what cannot stays a text and is refused by it. */
export function coerced(value: Json, schema: JsonSchema, side: SchemaSide): Json {
  const flat = side.flat(schema);
  if (Array.isArray(value)) return value.map((item: Json) => coerced(item, flat.items ?? true, side));
  if (isObject(value)) {
    // Made by `nested` above, or from entries: its members are JSON.
    const members = Object.entries(value as Readonly<Record<string, Json>>);
    const typeOf = (name: string) => flat.properties?.[name] ?? flat.additionalProperties ?? true;
    return Object.fromEntries(members.map(([name, member]) => [name, coerced(member, typeOf(name), side)]));
  }
  if (typeof value !== 'string') return value;
  if (side.issues(schema, value).length === 0) return value;
  for (const candidate of candidates(value))
    if (side.issues(schema, candidate).length === 0) return candidate;
  // Of the right type and wrong otherwise: the schema's refusal should speak of the bound, not of the type.
  const types = [flat.type ?? []].flat();
  const typed = candidates(value).find(
    (candidate) =>
      isNumeric(candidate, types) || (typeof candidate === 'boolean' && types.includes('boolean')),
  );
  return typed ?? value;
}

function isNumeric(value: Json, types: readonly string[]): boolean {
  return typeof value === 'number' && (types.includes('number') || types.includes('integer'));
}

function candidates(text: string): Json[] {
  const list: Json[] = [];
  if (/^-?\d+(\.\d+)?([eE][-+]?\d+)?$/.test(text)) list.push(Number(text));
  if (text === 'true' || text === 'false') list.push(text === 'true');
  if (text === '' || text === 'null') list.push(null);
  list.push([text]);
  return list;
}

function kindOf(schema: JsonSchema, side: SchemaSide): string {
  const flat = isSchemaObject(schema) ? side.flat(schema) : {};
  const types = [flat.type ?? []].flat();
  return types.includes('array')
    ? 'array'
    : types.includes('object') || flat.properties !== undefined
      ? 'object'
      : 'scalar';
}

function parsed(text: string): Json {
  try {
    // JSON text parses to JSON.
    return JSON.parse(text) as Json;
  } catch {
    // Not JSON: stays a text, which its schema refuses.
    return text;
  }
}

function cookie(header: string | undefined, name: string): string | undefined {
  const pair = header?.split(/;\s*/).find((part) => part.startsWith(`${name}=`));
  return pair?.slice(name.length + 1);
}
