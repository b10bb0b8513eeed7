import type { HttpOperation, MediaType, Response } from '@tenon/contract';
import type { Json, JsonObject } from '@tenon/model';
import { type JsonSchema, sample, schemaOfProperty } from '@tenon/schema';
import { isJson } from './body.ts';
import type { SchemaSide } from './contract-schemas.ts';
import { plainName } from './names.ts';
import type { RequestIssue } from './parameters.ts';
import type { RoleKind } from './resources.ts';
import { randomFor, shape } from './shape.ts';

/** What is sent: a JSON body, or a text of another media type, or nothing. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly mediaType?: string;
  readonly body?: Json;
}

export interface Refusal {
  readonly status: number;
  /** Stable, for programs: `not_found`. */
  readonly code: string;
  readonly message: string;
  readonly issues?: readonly RequestIssue[];
  readonly headers?: Readonly<Record<string, string>>;
}

const PREFERRED: Readonly<Partial<Record<RoleKind, readonly number[]>>> = {
  create: [201, 200, 202],
  delete: [204, 200, 202],
  clear: [204, 200, 202],
};

/** The declared success that fits what the operation does: 201 for a creation, 204 for a deletion, else 200. */
function successOf(operation: HttpOperation, kind: RoleKind): { status: number; response?: Response } {
  const preferred = PREFERRED[kind] ?? [200, 201, 202, 204];
  for (const status of preferred) {
    const response = operation.responses.find((declared) => declared.status === String(status));
    if (response !== undefined) return { status, response };
  }
  const other = operation.responses.find((declared) => /^2\d\d$/.test(declared.status));
  if (other !== undefined) return { status: Number(other.status), response: other };
  const wide = operation.responses.find(
    ({ status }) => status.toUpperCase() === '2XX' || status === 'default',
  );
  return { status: preferred[0]!, ...(wide !== undefined && { response: wide }) };
}

/** The schema of the JSON body that an operation answers with this status, where it has one. */
export function successSchema(
  operation: HttpOperation,
  status: number,
  side: SchemaSide,
): JsonSchema | undefined {
  const response = declaredFor(operation, status);
  const media = status === 204 || response === undefined ? undefined : bestMedia(response);
  if (media?.schema === undefined || !isJson(concrete(media.type))) return undefined;
  return side.of(media.schema);
}

/** A success of the contract's shape that holds the facts. `place` makes the answer the same each time for the same thing. */
export function success(
  operation: HttpOperation,
  kind: RoleKind,
  facts: Json,
  side: SchemaSide,
  seed: number,
  place: readonly string[],
): Answer {
  const { status, response } = successOf(operation, kind);
  const media = response === undefined ? undefined : bestMedia(response);
  const random = randomFor(seed, 'answer', operation.id, ...place);
  const headers = requiredHeaders(response, side, seed, operation.id);
  if (media === undefined || status === 204) return { status, headers };
  const mediaType = concrete(media.type);
  if (media.schema === undefined) return { status, headers, mediaType, body: facts };
  const fill = kind === 'call' || kind === 'readSingleton' ? 'full' : 'lean';
  const body = shape(side.of(media.schema), isJson(mediaType) ? facts : null, side, random, fill);
  return body === undefined ? unanswerable(operation) : { status, headers, mediaType, body };
}

/** No value was found that fits the answer's schema: said plainly, as the sandbox's own limit and not the contract's word. */
function unanswerable(operation: HttpOperation): Answer {
  return {
    status: 501,
    headers: { 'x-sandbox-error': 'no-sample' },
    mediaType: 'text/plain',
    body: `sandbox: found no value that fits the answer of ${operation.id}; give the schema an example\n`,
  };
}

/** An error as the contract declares it for this status; where it declares none, an RFC 9457 problem. */
export function refusal(
  operation: HttpOperation | undefined,
  refused: Refusal,
  side: SchemaSide,
  seed: number,
): Answer {
  const { status, headers = {} } = refused;
  const response = operation === undefined ? undefined : declaredFor(operation, status);
  const media = response?.content.find(({ type }) => isJson(type));
  const problem = {
    type: `urn:tenon:sandbox:${refused.code}`,
    title: refused.code.replaceAll('_', ' '),
    status,
    detail: refused.message,
    ...(refused.issues !== undefined && {
      errors: refused.issues.map(({ pointer, message }) => ({ pointer, detail: message })),
    }),
  };
  const plain: Answer = { status, headers, mediaType: 'application/problem+json', body: problem };
  if (media?.schema === undefined) return plain;
  const schema = side.of(media.schema);
  const random = randomFor(seed, 'refusal', operation?.id ?? '', refused.code);
  const body = shape(schema, { ...problem, ...errorFacts(schema, refused, side, 0) }, side, random, 'lean');
  return body === undefined ? plain : { status, headers, mediaType: concrete(media.type), body };
}

/** Is a response declared for this very status, or its range? */
export function declares(operation: HttpOperation, status: number): boolean {
  return operation.responses.some((response) => response.status === String(status));
}

function declaredFor(operation: HttpOperation, status: number): Response | undefined {
  const wanted = [String(status), `${Math.floor(status / 100)}XX`, 'DEFAULT'];
  for (const name of wanted) {
    const found = operation.responses.find((response) => response.status.toUpperCase() === name);
    if (found !== undefined) return found;
  }
  return undefined;
}

const ERROR_DEPTH_MAX = 3;

/** What is known of a refusal, under the names that error schemas give it. */
function errorFacts(schema: JsonSchema, refused: Refusal, side: SchemaSide, depth: number): JsonObject {
  const flat = side.flat(schema);
  const facts: Record<string, Json> = {};
  for (const name of Object.keys(flat.properties ?? {})) {
    const property = schemaOfProperty(flat, name);
    const known = (ERROR_WORDS[plainName(name)]?.(refused) ?? []).find(
      (value) => side.issues(property, value).length === 0,
    );
    const inner = side.flat(property);
    if (known !== undefined) facts[name] = known;
    else if (depth >= ERROR_DEPTH_MAX) continue;
    else if (inner.properties !== undefined) facts[name] = completed(property, refused, side, depth);
    else if (inner.items !== undefined && side.flat(inner.items).properties !== undefined)
      facts[name] = perIssue(refused).map((one) => completed(inner.items!, one, side, depth));
  }
  return facts;
}

function completed(schema: JsonSchema, refused: Refusal, side: SchemaSide, depth: number): Json {
  const facts = errorFacts(schema, refused, side, depth + 1);
  return shape(schema, facts, side, randomFor(0, 'error', refused.code), 'lean') ?? facts;
}

function perIssue(refused: Refusal): Refusal[] {
  if (refused.issues === undefined || refused.issues.length === 0) return [refused];
  return refused.issues.map((issue) => ({ ...refused, message: issue.message, issues: [issue] }));
}

const message = (refused: Refusal): Json[] => [refused.message, [refused.message]];
const code = (refused: Refusal): Json[] => [refused.code, refused.status, String(refused.status)];
const field = (refused: Refusal): Json[] => (refused.issues ?? []).slice(0, 1).map((issue) => issue.pointer);

const ERROR_WORDS: Readonly<Record<string, (refused: Refusal) => Json[]>> = {
  message,
  detail: message,
  details: message,
  description: message,
  errordescription: message,
  errormessage: message,
  reason: message,
  text: message,
  title: (refused) => [refused.code.replaceAll('_', ' ')],
  code,
  errorcode: code,
  error: (refused) => [refused.code, refused.message],
  type: code,
  status: (refused) => [refused.status, String(refused.status)],
  statuscode: (refused) => [refused.status, String(refused.status)],
  pointer: field,
  field,
  path: field,
  param: field,
  property: field,
  errors: (refused) => [(refused.issues ?? []).map((issue) => `${issue.pointer} ${issue.message}`)],
};

/** JSON before all else; then what is text. */
function bestMedia(response: Response): MediaType | undefined {
  const { content } = response;
  return (
    content.find(({ type }) => isJson(concrete(type))) ??
    content.find(({ type }) => type.startsWith('text/')) ??
    content[0]
  );
}

/** One of a range; JSON where the contract leaves it open. */
function concrete(type: string): string {
  if (!type.includes('*') && type !== '') return type;
  const kind = type.split('/')[0]!.toLowerCase();
  return Object.hasOwn(ONE_OF_RANGE, kind) ? ONE_OF_RANGE[kind]! : 'application/json';
}

const ONE_OF_RANGE: Readonly<Record<string, string>> = {
  audio: 'audio/mpeg',
  font: 'font/woff2',
  image: 'image/png',
  text: 'text/plain',
  video: 'video/mp4',
};

function requiredHeaders(
  response: Response | undefined,
  side: SchemaSide,
  seed: number,
  operation: string,
): Record<string, string> {
  const entries = (response?.headers ?? [])
    .filter((header) => header.required)
    .flatMap((header) => {
      const value = sample(side.of(header.schema), {
        random: randomFor(seed, 'header', operation, header.name),
        definitions: side.definitions,
      });
      return value === undefined
        ? []
        : [[header.name.toLowerCase(), typeof value === 'string' ? value : JSON.stringify(value)] as const];
    });
  return Object.fromEntries(entries);
}
