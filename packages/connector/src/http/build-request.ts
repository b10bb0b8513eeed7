import { type Failure, isObject, type Json, type JsonObject, sha256 } from '@tenon/model';
import type { EnvelopeManifest } from '../manifest.ts';
import { binaryHeaders, type CloudEvent, STRUCTURED_TYPE, structuredBody } from '../message/cloud-event.ts';
import type { HttpBinding, OperationPlan } from '../operation-plan.ts';
import type { CallRequest } from '../transport.ts';
import { encodeBody } from './body.ts';
import { type EncodedBody, EncodingProblem } from './encoded-body.ts';
import { ACCEPT_ENCODING, type WireRequest } from './exchange.ts';
import { requestFailure } from './failures.ts';
import { fitsMedia } from './media-type.ts';
import { encodeStrict, serialiseField } from './serialise.ts';
import { type BodyToSend, isStreamable, STREAM_DEFAULTS } from './streams.ts';

/** A request before credentials are put on it. */
export interface DraftRequest {
  readonly url: URL;
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly cookies: string[];
  readonly body?: Uint8Array | string;
}

/** The request that an input stands for, or why none can be made; nothing has been sent. */
export function buildRequest(baseUrl: URL, request: CallRequest, http: HttpBinding): DraftRequest | Failure {
  const { input } = request;
  const query: (readonly [string, string])[] = [];
  const headers: Record<string, string> = baseHeaders(request, http);
  const cookies: string[] = [];
  let path = http.path;

  for (const field of http.parameters) {
    const value = input[field.key];
    if (value === undefined) continue;
    if (field.in === 'path') {
      const { text } = serialiseField(field, value);
      if (value === null || scalarIsEmpty(value) || walks(text))
        return requestFailure(
          'HTTP_PATH_UNSAFE',
          `path parameter ${field.name} would name another path`,
          `/${field.key}`,
        );
      path = path.replaceAll(`{${field.name}}`, () => text);
    } else if (value === null) {
    } else if (field.in === 'query') {
      query.push(...serialiseField(field, value).pairs);
    } else if (field.in === 'querystring') {
      query.push(...wholeQuery(value));
    } else if (field.in === 'header') {
      headers[field.name.toLowerCase()] = serialiseField(field, value).text;
    } else if (field.in === 'cookie') {
      cookies.push(...serialiseField(field, value).pairs.map(([name, text]) => `${name}=${text}`));
    }
  }

  if (path.includes('{'))
    return requestFailure('HTTP_PATH_INCOMPLETE', `the path ${http.path} lacks a parameter`);
  if (request.ifMatch !== undefined) headers['if-match'] = request.ifMatch;
  const missingKey = addIdempotencyKey(request, headers);
  if (missingKey !== undefined) return missingKey;
  for (const [name, value] of Object.entries(headers))
    if (!HEADER_VALUE.test(value))
      return requestFailure('HTTP_HEADER_UNSAFE', `header ${name} holds characters that no header may hold`);

  let body: Uint8Array | string | undefined;
  const given = input['body'];
  if (request.send !== undefined) {
    const refusal = streamedBody(request.send, request.operation, http, headers);
    if (refusal !== undefined) return refusal;
  } else if (given !== undefined && http.bodyTypes.length > 0) {
    let encoded: EncodedBody | undefined;
    try {
      encoded = encodeBody(http.bodyTypes, given, http.parts);
    } catch (error) {
      if (!(error instanceof EncodingProblem)) throw error;
      return requestFailure(error.code, error.message, error.pointer);
    }
    if (encoded === undefined)
      return requestFailure(
        'HTTP_BODY_UNENCODABLE',
        `no way to write this body as ${http.bodyTypes.join(' or ')}`,
        '/body',
      );
    headers['content-type'] = encoded.contentType;
    body = encoded.bytes;
  }
  if (http.envelope !== undefined && request.send === undefined) {
    // An event without an id could not be known again.
    if (request.idempotencyKey === undefined)
      return requestFailure(
        'HTTP_IDEMPOTENCY_KEY_MISSING',
        'the id of a CloudEvent is its key, and none was given',
      );
    const event = cloudEventOf(http.envelope, request.idempotencyKey, request.traceparent);
    if (http.envelope.mode === 'binary') Object.assign(headers, binaryHeaders(event, http.envelope.prefix));
    else {
      headers['content-type'] = STRUCTURED_TYPE;
      body = JSON.stringify(structuredBody({ ...event, dataContentType: 'application/json' }, given ?? null));
    }
  }
  return {
    url: urlOf(baseUrl, path, query),
    method: http.method,
    headers,
    cookies,
    ...(body !== undefined && { body }),
  };
}

/** Puts type and length of a streamed body on the request, or says why it cannot be one. */
function streamedBody(
  { bytes, mediaType }: BodyToSend,
  operation: OperationPlan,
  http: HttpBinding,
  headers: Record<string, string>,
): Failure | undefined {
  const declared = http.bodyTypes
    .filter(isStreamable)
    .find((type) => mediaType === undefined || fitsMedia(type, mediaType));
  if (declared === undefined || http.envelope !== undefined)
    return requestFailure(
      'HTTP_BODY_UNSTREAMABLE',
      `no body of ${operation.name} can be streamed${mediaType === undefined ? '' : ` as ${quotedType(mediaType)}`}`,
    );
  const { bytesMax } = operation.stream ?? STREAM_DEFAULTS;
  if (bytes !== undefined && bytes > bytesMax)
    return requestFailure(
      'HTTP_REQUEST_TOO_LARGE',
      `${operation.name}: a body of ${bytes} bytes is larger than the ${bytesMax} that are sent`,
    );
  headers['content-type'] = mediaType ?? (declared.includes('*') ? 'application/octet-stream' : declared);
  if (bytes !== undefined) headers['content-length'] = String(bytes);
  return undefined;
}

/** Text from outside, for a message: cut and without what a terminal would obey. */
function quotedType(text: string): string {
  return JSON.stringify(text.slice(0, 60));
}

/** A text, list or object that would leave its place in the path empty, and so name the collection above it. */
function scalarIsEmpty(value: Json): boolean {
  return value === '' || (typeof value === 'object' && value !== null && Object.keys(value).length === 0);
}

/** `.` and `..`, in any spelling, walk up the path when the URL is read; with `allowReserved` a value may be several segments. */
function walks(text: string): boolean {
  const segments = text.split('/');
  return segments.some((segment) => DOT_SEGMENT.test(segment) || (segment === '' && segments.length > 1));
}

const DOT_SEGMENT = /^(?:\.|%2e){1,2}$/i;

/** Visible ASCII, spaces and tabs inside, and Latin-1 (RFC 9110 §5.5): nothing that ends a line. */
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** The path goes below the base URL's own path, never in place of it. */
export function urlOf(baseUrl: URL, path: string, query: readonly (readonly [string, string])[]): URL {
  const base = `${baseUrl.origin}${baseUrl.pathname.replace(/\/+$/, '')}`;
  const fixed = baseUrl.search === '' ? [] : [baseUrl.search.slice(1)];
  const search = [...fixed, ...query.map(([name, value]) => `${name}=${value}`)].join('&');
  return new URL(`${base}${path.startsWith('/') ? path : `/${path}`}${search === '' ? '' : `?${search}`}`);
}

function wholeQuery(value: Json): (readonly [string, string])[] {
  if (!isObject(value)) return [];
  return Object.entries(value).flatMap(([name, member]) =>
    (Array.isArray(member) ? member : [member])
      .filter((item) => item !== null)
      .map((item) => [encodeStrict(name), encodeStrict(String(item))] as const),
  );
}

function baseHeaders(request: CallRequest, http: HttpBinding): Record<string, string> {
  let accept = acceptHeaders.get(http);
  if (accept === undefined) {
    const accepted = new Set(http.responses.flatMap(({ mediaType }) => mediaType ?? []));
    accept = accepted.size === 0 ? '*/*' : [...accepted].join(', ');
    acceptHeaders.set(http, accept);
  }
  const headers: Record<string, string> = {
    accept,
    'accept-encoding': ACCEPT_ENCODING,
    'user-agent': `tenon/1 (${request.operation.connector})`,
  };
  if (request.traceparent !== undefined) headers['traceparent'] = request.traceparent;
  if (request.correlationId !== undefined) headers['x-correlation-id'] = request.correlationId;
  return headers;
}

const acceptHeaders = new WeakMap<HttpBinding, string>();

/**
 * Puts the key on the request. A key that cannot stand in a header is sent as its digest: as stable, and always legal.
 * An effect whose only guard is the key is not sent without one.
 */
function addIdempotencyKey(request: CallRequest, headers: Record<string, string>): Failure | undefined {
  const { idempotency, effect } = request.operation;
  if (idempotency.mode !== 'header') return undefined;
  const name = idempotency.name.toLowerCase();
  const key = request.idempotencyKey;
  if (key !== undefined) headers[name] = KEY_TEXT.test(key) ? key : sha256(key).slice('sha256:'.length);
  else if (effect !== 'read' && headers[name] === undefined)
    return requestFailure(
      'HTTP_IDEMPOTENCY_KEY_MISSING',
      `${idempotency.name} is how repeats are told apart, and no key was given`,
    );
  return undefined;
}

/** Without a time of its own: the same event sent again is the same bytes. */
function cloudEventOf(
  { source, type }: EnvelopeManifest,
  key: string,
  traceparent: string | undefined,
): CloudEvent {
  const id = KEY_TEXT.test(key) ? key : sha256(key).slice('sha256:'.length);
  return { id, source, type, ...(traceparent !== undefined && { traceparent }) };
}

const KEY_TEXT = /^[\x21-\x7e]{1,200}$/;

/** The final headers: cookies joined into theirs. */
export function wireRequest(draft: DraftRequest): WireRequest {
  const { cookies, ...rest } = draft;
  if (cookies.length === 0) return rest;
  return { ...rest, headers: { ...rest.headers, cookie: cookies.join('; ') } };
}

export function isDraft(made: DraftRequest | Failure): made is DraftRequest {
  return 'url' in made;
}

/** Input parameters by which a link to the next page differs: the known query parameters of its URL. */
export function inputFromQuery(
  operation: OperationPlan,
  search: URLSearchParams,
  input: JsonObject,
): JsonObject {
  const next: Record<string, Json> = { ...input };
  for (const field of operation.http?.parameters ?? []) {
    const values = search.getAll(field.name);
    if (field.in !== 'query' || values.length === 0) continue;
    next[field.key] = numberLike(operation, field.key, values[0]!);
  }
  return next;
}

/** A query text as the number its schema asks for, so that the next request validates. */
function numberLike(operation: OperationPlan, key: string, text: string): Json {
  const schema =
    isObject(operation.input) && isObject(operation.input['properties'])
      ? operation.input['properties'][key]
      : undefined;
  const type = isObject(schema) ? schema['type'] : undefined;
  return (type === 'integer' || type === 'number') && text.trim() !== '' && Number.isFinite(Number(text))
    ? Number(text)
    : text;
}
