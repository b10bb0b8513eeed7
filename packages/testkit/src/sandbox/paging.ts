import { inputAt, PAGING_ROLES, type PaginationManifest, pagingRole } from '@tenon/connector';
import type { HttpOperation } from '@tenon/contract';
import { atPointer, fromPointer, isObject, type Json, type JsonObject, toPointer } from '@tenon/model';
import { plainName } from './names.ts';
import type { Row } from './store.ts';

export interface PageRequest {
  readonly operation: HttpOperation;
  readonly parameters: Readonly<Record<string, Json>>;
  readonly body?: Json;
  readonly manifest?: PaginationManifest;
  /** Query parameters that select: whatever their names, they do not page. */
  readonly selecting?: readonly string[];
  /** The collection the request is about, as it would be written again: path and query. */
  readonly url: URL;
}

export interface Page {
  readonly rows: readonly Row[];
  readonly total: number;
  readonly hasMore: boolean;
  /** Cursor of the next page: the id of the last row of this one. */
  readonly cursor?: string;
  /** RFC 8288 `Link` to the next page. */
  readonly link?: string;
}

const SIZE_DEFAULT = 25;
const SIZE_MAX = 1_000;

/** Cuts one page out of the rows; `undefined` when the cursor names no row. */
export function pageOf(rows: readonly Row[], request: PageRequest): Page | undefined {
  const { manifest, url } = request;
  const names = pagingNames(request);
  const size = Math.min(numberOf(request, names.limit ?? lengthInBody(request)) ?? SIZE_DEFAULT, SIZE_MAX);
  const start = startOf(rows, request, names, size);
  if (start === undefined) return undefined;
  const taken = rows.slice(start, start + size);
  const hasMore = start + size < rows.length;
  const last = taken.at(-1);
  const next = new URL(url);
  if (names.page !== undefined)
    next.searchParams.set(names.page, String(pageNumber(request, names.page) + 1));
  else if (names.offset !== undefined) next.searchParams.set(names.offset, String(start + size));
  else next.searchParams.set(names.cursor ?? 'cursor', last?.id ?? '');
  const isLinked = manifest?.type === 'link' || declaresLink(request.operation);
  return {
    rows: taken,
    total: rows.length,
    hasMore,
    ...(hasMore && last !== undefined && { cursor: last.id }),
    ...(hasMore && isLinked && { link: `<${next.href}>; rel="next"` }),
  };
}

/** The query parameters that page, so that they are not taken for filters. */
export function pagingNames({
  operation,
  manifest,
  selecting = [],
}: Pick<PageRequest, 'operation' | 'manifest' | 'selecting'>): {
  limit?: string;
  page?: string;
  offset?: string;
  cursor?: string;
} {
  const query = operation.parameters
    .filter((parameter) => parameter.in === 'query' && !selecting.includes(parameter.name))
    .map((parameter) => parameter.name);
  const found: Record<string, string> = {};
  for (const role of PAGING_ROLES) {
    const name = query.find((candidate) => pagingRole(candidate) === role);
    if (name !== undefined) found[role] = name;
  }
  // `link` follows URLs as they come, whichever way they page.
  if (manifest !== undefined && manifest.type !== 'link')
    found[manifest.type === 'after' ? 'cursor' : manifest.type] = manifest.in;
  if (manifest?.type === 'offset') found['limit'] = manifest.limit;
  return found;
}

function startOf(
  rows: readonly Row[],
  request: PageRequest,
  names: ReturnType<typeof pagingNames>,
  size: number,
): number | undefined {
  const cursor = valueAt(request, names.cursor);
  if (cursor !== undefined && cursor !== null && cursor !== '') {
    const index = rows.findIndex((row) => row.id === String(cursor));
    return index === -1 ? undefined : index + 1;
  }
  const offset = numberOf(request, names.offset);
  if (offset !== undefined) return offset;
  if (names.page === undefined || valueAt(request, names.page) === undefined) return 0;
  return Math.max(0, pageNumber(request, names.page) - firstPage(request)) * size;
}

/** What is asked for by a parameter, or at a place of the body. */
function valueAt({ parameters, body }: PageRequest, named: string | undefined): Json | undefined {
  if (named === undefined) return undefined;
  const input: JsonObject = { ...parameters, ...(body !== undefined && { body }) };
  // An input is JSON, and so is what is in it.
  return inputAt(input, named) as Json | undefined;
}

/** A listing that pages by its body is asked there for how many rows a page has. */
function lengthInBody({ manifest, body }: PageRequest): string | undefined {
  const isPagedThere = manifest !== undefined && manifest.type !== 'link' && manifest.in.startsWith('/');
  if (!isPagedThere || !isObject(body)) return undefined;
  const name = Object.keys(body).find((one) => pagingRole(one) === 'limit');
  return name === undefined ? undefined : toPointer(['body', name]);
}

function pageNumber(request: PageRequest, name: string): number {
  return numberOf(request, name) ?? firstPage(request);
}

function firstPage({ manifest }: PageRequest): number {
  return manifest?.type === 'page' ? manifest.start : 1;
}

function numberOf(request: PageRequest, name: string | undefined): number | undefined {
  if (name === undefined) return undefined;
  const { operation } = request;
  const schema = operation.parameters.find((parameter) => parameter.name === name)?.schema;
  const value = valueAt(request, name) ?? (isObject(schema) ? schema['default'] : undefined);
  const number = Number(value);
  return value === undefined || !Number.isFinite(number) || number < 0 ? undefined : number;
}

function declaresLink(operation: HttpOperation): boolean {
  return operation.responses.some((response) =>
    response.headers.some(({ name }) => name.toLowerCase() === 'link'),
  );
}

const NEXT_WORDS = [
  'nextcursor',
  'nextpagetoken',
  'nexttoken',
  'next',
  'cursor',
  'continue',
  'nextpage',
  'after',
];
const MORE_WORDS = ['hasmore', 'hasnext', 'hasnextpage', 'more'];
const TOTAL_WORDS = ['total', 'totalcount', 'totalresults', 'count', 'totalitems'];
const ENVELOPES = [
  'paging',
  'pagination',
  'meta',
  'metadata',
  'responsemetadata',
  'cursors',
  'links',
  'next',
  'page',
  'pages',
];
const ENVELOPE_DEPTH_MAX = 3;

/** What an answer may be. */
export interface AnswerShape {
  readonly fits: (body: Json) => boolean;
  /** Its members as the contract has them; absent where it names none. */
  readonly members?: readonly string[];
}

/**
 * Writes into a list answer what it says about its page. A wrong `next` would make a client read for ever, so where
 * there is none it is taken out, set to null or emptied, whichever the schema allows.
 */
export function withPage(
  body: Json,
  page: Page,
  request: PageRequest,
  { fits, members: declared }: AnswerShape,
): Json {
  let result = body;
  const out = request.manifest?.type === 'cursor' ? request.manifest.out : undefined;
  const next =
    page.cursor === undefined ? [undefined, null, '', false] : [page.cursor, nextUrl(page, request)];
  const put = (pointer: string, candidates: readonly (Json | undefined)[]) => {
    const tokens = fromPointer(pointer);
    result = candidates.map((candidate) => withMember(result, tokens, candidate)).find(fits) ?? result;
  };
  if (out !== undefined) put(out, next);
  else for (const pointer of members(body, NEXT_WORDS)) put(pointer, next);
  if (out === undefined && page.cursor !== undefined && isObject(body))
    for (const name of namesOfNext(request, declared))
      if (!Object.hasOwn(body, name)) put(toPointer([name]), next);
  const more =
    request.manifest !== undefined && 'more' in request.manifest ? request.manifest.more : undefined;
  for (const pointer of more === undefined ? members(result, MORE_WORDS) : [more])
    put(pointer, [page.hasMore]);
  for (const pointer of members(result, TOTAL_WORDS)) put(pointer, [page.total]);
  return result;
}

function nextUrl(page: Page, { url, ...request }: PageRequest): string {
  const next = new URL(url);
  next.searchParams.set(pagingNames(request).cursor ?? 'cursor', page.cursor ?? '');
  return next.href;
}

const NEXT_NAMES = ['next_cursor', 'nextCursor', 'next', 'next_page_token', 'nextPageToken'];

/** Names for a next cursor that the answer may hold and does not: those that the contract has, any where it names no member. */
function namesOfNext(
  { operation, selecting = [] }: PageRequest,
  declared: readonly string[] | undefined,
): readonly string[] {
  const isCursored = pagingNames({ operation, selecting }).cursor !== undefined;
  if (!isCursored) return [];
  return declared === undefined ? NEXT_NAMES : NEXT_NAMES.filter((name) => declared.includes(name));
}

/** Pointers of members so named, at the top and in the envelopes that APIs put around them. */
function members(body: Json, words: readonly string[], tokens: readonly string[] = []): string[] {
  if (!isObject(body) || tokens.length > ENVELOPE_DEPTH_MAX) return [];
  return Object.entries(body as JsonObject).flatMap(([name, value]) => {
    const here = [...tokens, name];
    const isEnvelope = isObject(value) && ENVELOPES.includes(plainName(name));
    if (isEnvelope) return members(value, words, here);
    return words.includes(plainName(name)) && !Array.isArray(value) ? [toPointer(here)] : [];
  });
}

function withMember(body: Json, tokens: readonly string[], value: Json | undefined): Json {
  const [token, ...rest] = tokens;
  if (token === undefined) return value ?? null;
  const object: JsonObject = isObject(body) ? (body as JsonObject) : {};
  const { [token]: before, ...others } = object;
  if (rest.length === 0) return value === undefined ? others : { ...object, [token]: value };
  // Taking out what is not there makes no envelope for it.
  if (value === undefined && atPointer(body, toPointer([token])) === undefined) return body;
  return { ...object, [token]: withMember(before ?? {}, rest, value) };
}
