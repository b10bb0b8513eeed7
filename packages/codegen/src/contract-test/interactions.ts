import { encodeBody, type InputField, isStreamable, type OperationPlan } from '@tenon/connector';
import type { ContractUsage } from '@tenon/contract';
import {
  atPointer,
  compareText,
  escapeToken,
  fromPointer,
  isObject,
  type Json,
  type JsonObject,
} from '@tenon/model';
import { isSchemaObject, type JsonSchema } from '@tenon/schema';
import { isJsonMediaType, type Surface, type SurfaceEvent, type SurfaceOperation } from '../surface.ts';
import { type Definitions, enumOf, exampleOf, fieldAt, fits, typesOf } from './field.ts';

/** One exchange that a consumer relies on: what it sends, and what it reads of the answer. JSON. */
export interface Interaction {
  readonly operation: string;
  /** Name of the adapter's function. */
  readonly call: string;
  readonly description: string;
  /** Provider state: what must be so before. */
  readonly state: string;
  readonly input: JsonObject;
  readonly request: {
    readonly method: string;
    readonly path: string;
    readonly query: Readonly<Record<string, string | readonly string[]>>;
    readonly headers: Readonly<Record<string, string>>;
    readonly body?: Json;
    /** A body that is not JSON, as the adapter writes it. */
    readonly bytes?: { readonly type: string; readonly base64: string };
    /** The header of the idempotency key: every request has a key of its own. */
    readonly keyHeader?: string;
    /** The version that a write is based on, sent as If-Match. */
    readonly ifMatch?: string;
  };
  readonly response: {
    readonly status: number;
    readonly body?: Json;
    /** Of an answer of bytes or text, which may hold anything: its type, and what every `content-type` that fits it matches. */
    readonly media?: { readonly type: string; readonly pattern: string };
  };
  /** Pointers that are read and that the contract promises; `*` for each list item. */
  readonly reads: readonly string[];
}

/** One event that a consumer relies on. `contents` holds Pact's matchers. */
export interface MessageInteraction {
  readonly event: string;
  readonly description: string;
  readonly contents: Json;
  readonly reads: readonly string[];
  readonly call: string;
  /** A whole one. */
  readonly example: Json;
}

/** What cannot be said as a pact, with the reason. */
export interface Uncovered {
  readonly operation: string;
  readonly reason: string;
}

export interface Interactions {
  readonly interactions: readonly Interaction[];
  readonly messages: readonly MessageInteraction[];
  readonly uncovered: readonly Uncovered[];
}

export interface InteractionSource {
  readonly usage: readonly ContractUsage[];
  /** By operation, an input that its author gives: ids of what a real system has, which nobody can make up. */
  readonly inputs: Readonly<Record<string, JsonObject>>;
}

/** Consumer contracts from what pipelines really write and read: no field that none reads is asked of the provider. */
export function interactionsOf(surface: Surface, { usage, inputs }: InteractionSource): Interactions {
  const interactions: Interaction[] = [];
  const uncovered: Uncovered[] = [];
  for (const entry of surface.operations) {
    const used = usage.filter(
      ({ target }) => target.kind !== 'event' && target.operation === entry.operation.id,
    );
    if (used.length === 0) continue;
    const { id } = entry.operation;
    const made = interactionOf(surface, entry, used, Object.hasOwn(inputs, id) ? inputs[id] : undefined);
    if (typeof made === 'string') uncovered.push({ operation: id, reason: made });
    else interactions.push(made);
  }
  const messages = surface.events.flatMap((entry) => {
    // Pact has contents for a message alone.
    const used = usage.filter(
      ({ target, isNaming }) =>
        target.kind === 'event' && target.event === entry.event.id && target.part === undefined && !isNaming,
    );
    return used.length === 0 ? [] : messageOf(surface, entry, used);
  });
  return { interactions, messages, uncovered };
}

function interactionOf(
  surface: Surface,
  entry: SurfaceOperation,
  usage: readonly ContractUsage[],
  given: JsonObject | undefined,
): Interaction | string {
  const { operation, plan } = entry;
  if (plan.http === undefined) return 'it is sent over a channel, not over HTTP';
  const written = usage.filter(({ target }) => target.kind === 'request');
  const input = inputExample(entry, given, written, surface.definitions);
  if (input === undefined) return 'no example of its input could be made';
  const request = requestOf(plan, input);
  if (typeof request === 'string') return request;
  const result = entry.results.find(({ status }) => /^2\d\d$/.test(status)) ?? entry.results[0];
  if (result === undefined) return 'the contract declares no answer of success';
  const reads = readsOf(
    usage.filter(({ target }) => target.kind === 'response' && target.refused === undefined),
    result.schema,
    surface.definitions,
  );
  const mediaType = plan.http.responses.find(({ status }) => status === result.status)?.mediaType ?? '';
  const isJson = isJsonMediaType(mediaType);
  const body = isJson ? matchersOf(result.schema, reads, surface.definitions) : undefined;
  return {
    operation: operation.id,
    call: entry.identifier,
    description: `${operation.id} as called by ${consumersOf(usage)}`,
    state: `what ${operation.id} names exists`,
    input,
    request: { ...request, ...transportHeaders(entry, surface.definitions) },
    response: {
      status: /^\d{3}$/.test(result.status) ? Number(result.status) : 200,
      ...(body !== undefined && { body }),
      ...(mediaType !== '' && isStreamable(mediaType) && { media: mediaOf(mediaType) }),
    },
    reads: isJson ? reads.map(({ path }) => path) : [],
  };
}

/** Parameters do not tell one media type from another; a range takes all of its own. */
function mediaOf(declared: string): { readonly type: string; readonly pattern: string } {
  const type = declared.split(';')[0]!.trim().toLowerCase();
  const [kind = '', subtype = ''] = type.split('/');
  const named = subtype === '*' ? '[^;\\s]+' : escapePattern(subtype);
  return { type, pattern: `^${escapePattern(kind)}/${named}\\s*(?:;.*)?$` };
}

function messageOf(
  surface: Surface,
  entry: SurfaceEvent,
  usage: readonly ContractUsage[],
): MessageInteraction[] {
  const example = eventExample(entry, surface.definitions);
  if (example === undefined) return [];
  const reads = readsOf(usage, entry.payload, surface.definitions);
  return [
    {
      event: entry.event.id,
      description: `${entry.event.id} as read by ${consumersOf(usage)}`,
      contents: matchersOf(entry.payload, reads, surface.definitions),
      reads: reads.map(({ path }) => path),
      call: entry.identifier,
      example,
    },
  ];
}

/** The contract's own example, so that it is tested too; where it gives none, one that is made. */
function eventExample({ event, payload }: SurfaceEvent, definitions: Definitions): Json | undefined {
  const written = event.message.examples.find((example) => example.payload !== undefined);
  // An example comes out of a JSON or YAML document.
  return written ? (written.payload as Json) : exampleOf(event.id, payload, definitions);
}

function consumersOf(usage: readonly ContractUsage[]): string {
  return [...new Set(usage.map(({ pipeline }) => pipeline))].sort(compareText).join(', ');
}

/**
 * What is given, and beside it all that is required, and all that a pipeline writes: with the values that it writes where they are
 * known, unless they do not go with what had to be made up.
 */
function inputExample(
  entry: SurfaceOperation,
  given: JsonObject | undefined,
  written: readonly ContractUsage[],
  definitions: Definitions,
): JsonObject | undefined {
  const known = knownValues(written);
  const asWritten = inputWith(entry, given, written, known, definitions);
  if (known.size === 0 || asWritten === undefined || fits(entry.input, asWritten, definitions))
    return asWritten;
  return inputWith(entry, given, written, new Map(), definitions);
}

/** All that pipelines write at a pointer, that of the first by name in front, where it is known; null last. */
function knownValues(written: readonly ContractUsage[]): ReadonlyMap<string, readonly Json[]> {
  const known = new Map<string, Json[]>();
  for (const { path, values = [] } of written.toSorted((a, b) => compareText(a.pipeline, b.pipeline)))
    if (values.length > 0) known.set(path, [...(known.get(path) ?? []), ...values]);
  for (const values of known.values()) values.sort((a, b) => Number(a === null) - Number(b === null));
  return known;
}

function inputWith(
  entry: SurfaceOperation,
  given: JsonObject | undefined,
  written: readonly ContractUsage[],
  known: ReadonlyMap<string, readonly Json[]>,
  definitions: Definitions,
): JsonObject | undefined {
  const input: Record<string, Json> = { ...given };
  const schema = isSchemaObject(entry.input) ? entry.input : {};
  for (const name of schema.required ?? []) {
    if (Object.hasOwn(input, name)) continue;
    const value = exampleOf(name, schema.properties?.[name] ?? true, definitions);
    if (value === undefined) return undefined;
    input[name] = value;
  }
  for (const path of new Set(written.map((one) => one.path).sort(compareText))) {
    const field = fieldAt(entry.input, path, definitions);
    if (field === undefined || path.includes('/*')) continue;
    if (given !== undefined && atPointer(given, path) !== undefined) continue;
    const own = known.get(path)?.find((value) => fits(field.schema, value, definitions));
    if (own === undefined && atPointer(input, path) !== undefined) continue;
    // Null may be what is written.
    const value =
      own === undefined ? exampleOf(fromPointer(path).at(-1) ?? '', field.schema, definitions) : own;
    if (value !== undefined) put(input, fromPointer(path), value);
  }
  return input;
}

/** Sets a member, making the objects on the way; leaves a list or a scalar on the way as it is. */
function put(target: Record<string, Json>, tokens: readonly string[], value: Json): void {
  let here: Record<string, unknown> = target;
  for (const token of tokens.slice(0, -1)) {
    const next = Object.hasOwn(here, token) ? here[token] : undefined;
    if (next !== undefined && !isObject(next)) return;
    const copy = { ...next };
    Object.defineProperty(here, token, { value: copy, enumerable: true, configurable: true, writable: true });
    here = copy;
  }
  const last = tokens.at(-1);
  if (last !== undefined)
    Object.defineProperty(here, last, { value, enumerable: true, configurable: true, writable: true });
}

type HttpRequest = Interaction['request'];

/** The request as it goes over the wire; a reason where its form is not one that is written here. */
function requestOf(plan: OperationPlan, input: JsonObject): HttpRequest | string {
  const http = plan.http!;
  let path = http.path;
  const query: Record<string, string | readonly string[]> = {};
  const headers: Record<string, string> = {};
  for (const field of http.parameters) {
    const value = input[field.key];
    if (value === undefined) continue;
    const texts = plainTexts(value);
    if (texts === undefined || !isPlain(field, Array.isArray(value)))
      return `${field.name} is sent in style ${field.style}`;
    if (field.in === 'path') path = path.replace(`{${field.name}}`, encodeURIComponent(texts.join(',')));
    else if (field.in === 'query') query[field.name] = Array.isArray(value) ? texts : texts[0]!;
    else headers[field.name] = texts.join(',');
  }
  const body = input['body'];
  if (body === undefined) return { method: http.method, path, query, headers };
  const type = http.bodyTypes[0] ?? '';
  if (/^(?:multipart\/form-data|application\/x-www-form-urlencoded)/.test(type)) {
    const encoded = encodeBody(http.bodyTypes, body, http.parts);
    if (encoded === undefined) return `its body cannot be written as ${type}`;
    const bytes = { type: encoded.contentType, base64: Buffer.from(encoded.bytes).toString('base64') };
    return { method: http.method, path, query, headers, bytes };
  }
  if (!/json/.test(type)) return `its body is sent as ${type}`;
  return { method: http.method, path, query, headers, body };
}

/** Headers that are no part of the input: the runtime has them sent, so a provider may rely on them. */
function transportHeaders(
  { operation, plan }: SurfaceOperation,
  definitions: Definitions,
): Pick<HttpRequest, 'keyHeader' | 'ifMatch'> {
  const { idempotency, http } = plan;
  const isInput = (name: string): boolean =>
    http!.parameters.some((field) => field.in === 'header' && field.name.toLowerCase() === name);
  const version = operation.parameters.find(
    (parameter) => parameter.in === 'header' && parameter.name.toLowerCase() === 'if-match',
  );
  const isSent = version?.required === true && !isInput('if-match');
  return {
    ...(idempotency.mode === 'header' && { keyHeader: idempotency.name }),
    ...(isSent && { ifMatch: String(exampleOf(version.name, orAnyVersion(version.schema), definitions)) }),
  };
}

/** Nobody can make up a version; `*` is every one (RFC 9110 §13.1.1), unless the contract has an example or allows no such text. */
function orAnyVersion(schema: JsonSchema): JsonSchema {
  return { default: '*', ...(isSchemaObject(schema) ? schema : {}) };
}

function plainTexts(value: Json): string[] | undefined {
  const values = Array.isArray(value) ? value : [value];
  return values.every((item) => item !== null && typeof item !== 'object') ? values.map(String) : undefined;
}

/** Is it sent as text whose form the style does not change? */
function isPlain(field: InputField, isList: boolean): boolean {
  if (field.mediaType !== undefined) return false;
  if (field.in === 'query') return field.style === 'form' && (field.explode || !isList);
  return (field.in === 'path' || field.in === 'header') && field.style === 'simple';
}

interface Read {
  readonly path: string;
  readonly schema: JsonSchema;
  readonly comparedWith: readonly Json[];
}

/**
 * The fields read that the contract promises. One that may be absent or null asks nothing of the provider, and Pact has
 * no word for it; whether it has the right type where it is there, the validators check.
 */
function readsOf(usage: readonly ContractUsage[], schema: JsonSchema, definitions: Definitions): Read[] {
  const reads = new Map<string, Read>();
  for (const { access, path, comparedWith } of usage) {
    if (access !== 'read') continue;
    const field = fieldAt(schema, path, definitions);
    if (!field?.isRequired || field.isNullable) continue;
    const compared = [
      ...(reads.get(path)?.comparedWith ?? []),
      ...(comparedWith === undefined ? [] : [comparedWith]),
    ];
    reads.set(path, { path, schema: field.schema, comparedWith: compared });
  }
  return [...reads.values()].sort((a, b) => compareText(a.path, b.path));
}

/** The tree of what is read, with a matcher by type at each end. */
function matchersOf(schema: JsonSchema, reads: readonly Read[], definitions: Definitions): Json {
  const here = reads.find(({ path }) => path === '');
  const below = reads.filter(({ path }) => path !== '');
  if (below.length === 0)
    return matcherOf('value', here?.schema ?? schema, here?.comparedWith ?? [], definitions);
  const byToken = new Map<string, Read[]>();
  for (const read of below) {
    const [token = ''] = fromPointer(read.path);
    const rest = read.path.slice(
      read.path.indexOf('/', 1) === -1 ? read.path.length : read.path.indexOf('/', 1),
    );
    byToken.set(token, [...(byToken.get(token) ?? []), { ...read, path: rest }]);
  }
  const items = byToken.get('*');
  const children = (name: string, rest: readonly Read[]): Json => {
    const leaf = rest.find(({ path }) => path === '');
    return rest.some(({ path }) => path !== '') || leaf === undefined
      ? matchersOf(fieldAt(schema, `/${escapeToken(name)}`, definitions)?.schema ?? true, rest, definitions)
      : matcherOf(name, leaf.schema, leaf.comparedWith, definitions);
  };
  if (items) return { 'pact:matcher:type': 'type', min: 0, value: [children('*', items)] };
  return Object.fromEntries([...byToken].map(([name, rest]) => [name, children(name, rest)]));
}

function matcherOf(
  name: string,
  schema: JsonSchema,
  comparedWith: readonly Json[],
  definitions: Definitions,
): Json {
  const [type, ...others] = typesOf(schema, definitions);
  if (type === 'object' || type === 'array')
    return { 'pact:matcher:type': 'type', value: type === 'object' ? {} : [] };
  const compared = comparedWith.find((value) => value !== null && typeof value !== 'object');
  const value = compared ?? exampleOf(name, schema, definitions) ?? '';
  const listed = enumOf(schema, definitions)?.filter((item) => typeof item === 'string');
  if (listed && listed.length > 0 && typeof value === 'string')
    return { 'pact:matcher:type': 'regex', regex: `^(?:${listed.map(escapePattern).join('|')})$`, value };
  const isNumber = type === 'integer' || type === 'number';
  return { 'pact:matcher:type': others.length === 0 && isNumber ? type : 'type', value };
}

function escapePattern(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}
