import {
  atPointer,
  canonicalJson,
  type Failure,
  type FailureClass,
  type Json,
  type JsonObject,
  sha256,
} from '@tenon/model';
import type { ConnectorFailureCode } from './failure-codes.ts';
import { inputFromQuery } from './http/build-request.ts';
import { inputAt, withInput } from './input-place.ts';
import type { PaginationManifest } from './manifest.ts';
import type { CallRequest, Transport } from './transport.ts';

/** One page, or the failure that ended the listing. Pages before a failure stand. */
export type Page =
  | {
      readonly ok: true;
      readonly items: readonly Json[];
      readonly body: Json;
      /** What it was asked with. */
      readonly input: JsonObject;
      /** Read once more after the one behind it: of its items those alone that it did not have before. */
      readonly isAgain?: true;
    }
  | { readonly ok: false; readonly failure: Failure };

export interface PagesOptions {
  /** Pages asked for at most; one more is a failure, so that a listing never ends silently cut. Default 10,000. */
  readonly pagesMax?: number;
  /** Bytes of JSON that the items of all pages may have, for whoever holds them together; more is a failure too. Default: no bound. */
  readonly bytesMax?: number;
  /** JSON Pointer to the list in an answer, in place of what the operation's pagination says. */
  readonly items?: string;
}

const PAGES_MAX = 10_000;

/**
 * Every page of a listing, one call each, by the operation's declared pagination; without one, the single answer.
 * Ends at the last page, at a failure, at `pagesMax`, and when a service hands out a position that it has handed out
 * before, or the same page twice in a row (it ignores the parameter): that listing would never end.
 */
export async function* pages(
  transport: Pick<Transport, 'call'>,
  request: CallRequest,
  options: PagesOptions = {},
): AsyncGenerator<Page> {
  const { pagination } = request.operation;
  const pagesMax = options.pagesMax ?? PAGES_MAX;
  const bytesMax = options.bytesMax ?? Number.POSITIVE_INFINITY;
  const positions = new Set<string>();
  let input: JsonObject = request.input;
  let previousText = '';
  let bytes = 0;
  for (let count = 0; ; count++) {
    if (count >= pagesMax) {
      yield ended(request, 'PAGES_TOO_MANY', `has more than ${pagesMax} pages`);
      return;
    }
    const result = await transport.call({ ...request, input });
    if (!result.ok) {
      yield result;
      return;
    }
    const pointer = options.items ?? pagination?.items;
    const items = atPointer(result.body, pointer ?? '');
    if (pointer !== undefined && !Array.isArray(items)) {
      yield ended(request, 'PAGES_ITEMS_ABSENT', `has no list at \`${pointer}\` of its answer`);
      return;
    }
    // The body is JSON, so a list in it is a list of JSON.
    const list = Array.isArray(items) ? (items as readonly Json[]) : [result.body];
    const text = list.length === 0 ? '' : JSON.stringify(list);
    if (text !== '' && text === previousText) {
      yield ended(request, 'PAGES_REPEAT', 'gave the same page twice');
      return;
    }
    previousText = text;
    bytes += Buffer.byteLength(text);
    if (bytes > bytesMax) {
      yield ended(request, 'PAGES_TOO_LARGE', `has more than ${bytesMax} bytes of items`);
      return;
    }
    yield { ok: true, items: list, body: result.body, input };
    const next = pagination && nextInput(pagination, request, input, { ...result, items: list });
    if (next === undefined) return;
    const position = JSON.stringify(next);
    if (positions.has(position)) {
      yield ended(request, 'PAGES_REPEAT', 'handed out the same position twice');
      return;
    }
    positions.add(position);
    input = next;
  }
}

/**
 * As `pages`, for whoever must have every item, and takes one that comes twice for the same. Where pages may move under the reader, each is read
 * once more after the one behind it: an item that was behind it, and has moved up to it, is there. `knownBy` tells an item, as it is, from all
 * others. As long as one item of a page is still on it, nothing that was behind that page has moved past it; else the listing ends with `PAGES_MOVED`.
 */
export async function* pagesLookingBack(
  transport: Pick<Transport, 'call'>,
  request: CallRequest,
  knownBy: (item: Json) => string,
  options: PagesOptions = {},
): AsyncGenerator<Page> {
  const { pagination } = request.operation;
  const mayMove = pagination !== undefined && pagesMayMove(pagination);
  let before: Extract<Page, { ok: true }> | undefined;
  for await (const page of pages(transport, request, options)) {
    yield page;
    if (!page.ok) return;
    if (mayMove && before !== undefined) {
      const again = await onePage(transport, { ...request, input: before.input });
      if (!again.ok) {
        yield again;
        return;
      }
      const had = new Set(before.items.map(knownBy));
      const fresh = again.items.filter((item) => !had.has(knownBy(item)));
      if (fresh.length > 0) yield { ...again, items: fresh, isAgain: true };
      if (fresh.length === again.items.length && had.size > 0) {
        const what = 'moved on by more than a page while it was read, so some of it may not have been seen';
        yield ended(request, 'PAGES_MOVED', what, 'transient');
        return;
      }
    }
    before = page;
  }
}

async function onePage(transport: Pick<Transport, 'call'>, request: CallRequest): Promise<Page> {
  const page = await pages(transport, request, { pagesMax: 1 }).next();
  // A listing has one page at least, or the failure that it ends with.
  return page.value as Page;
}

/** Walks through one listing at most, of which no two agree. */
const WALKS_MAX = 5;

/**
 * As `pages`, for whoever takes the end of a listing for proof that something is not in it. Where pages may move under the reader, they are
 * gone through again from the start until a walk has had all items that the one before had: then nothing was removed while that one was read,
 * and what stood behind it did not move to a page that was behind the reader. Ends with `PAGES_MOVED` where no walk was so.
 */
export async function* pagesToTheEnd(
  transport: Pick<Transport, 'call'>,
  request: CallRequest,
  options: PagesOptions = {},
): AsyncGenerator<Page> {
  const { pagination } = request.operation;
  const mayMove = pagination !== undefined && pagesMayMove(pagination);
  let before: Set<string> | undefined;
  for (let walk = 1; walk <= WALKS_MAX; walk++) {
    const items = new Set<string>();
    let count = 0;
    for await (const page of pages(transport, request, options)) {
      count++;
      if (page.ok && mayMove) for (const item of page.items) items.add(sha256(canonicalJson(item)));
      yield page;
      if (!page.ok) return;
    }
    // A single answer is of one moment.
    const isUndisturbed = before !== undefined && [...before].every((item) => items.has(item));
    if (!mayMove || count === 1 || isUndisturbed) return;
    before = items;
  }
  const what = 'was changed each time that it was read, so nothing is proven by what it lacks';
  yield ended(request, 'PAGES_MOVED', what, 'transient');
}

/** May an item that was not read yet move to a page that was, while the pages are read? */
export function pagesMayMove({ type, stable }: PaginationManifest): boolean {
  return !(stable ?? (type === 'cursor' || type === 'after'));
}

interface Received {
  readonly body: Json;
  readonly items: readonly Json[];
  readonly headers: Readonly<Record<string, string>>;
}

/** The input of the next page, or `undefined` after the last. */
function nextInput(
  pagination: PaginationManifest,
  request: CallRequest,
  input: JsonObject,
  received: Received,
): JsonObject | undefined {
  switch (pagination.type) {
    case 'cursor': {
      const cursor = atPointer(received.body, pagination.out);
      const isLast =
        cursor === undefined ||
        cursor === null ||
        cursor === '' ||
        cursor === false ||
        saysLast(pagination, received);
      // Read out of a JSON body, so it is JSON.
      return isLast ? undefined : withInput(input, pagination.in, cursor as Json);
    }
    case 'after': {
      const last = received.items.at(-1);
      const id = last === undefined ? undefined : atPointer(last, pagination.id);
      const isLast = id === undefined || id === null || saysLast(pagination, received);
      // Read out of a JSON body, so it is JSON.
      return isLast ? undefined : withInput(input, pagination.in, id as Json);
    }
    case 'page': {
      if (received.items.length === 0) return undefined;
      const page = inputAt(input, pagination.in);
      return withInput(input, pagination.in, (typeof page === 'number' ? page : pagination.start) + 1);
    }
    case 'offset': {
      const limit = inputAt(input, pagination.limit);
      const isShort = typeof limit === 'number' && received.items.length < limit;
      if (received.items.length === 0 || isShort) return undefined;
      const offset = inputAt(input, pagination.in);
      const read = (typeof offset === 'number' ? offset : 0) + received.items.length;
      return withInput(input, pagination.in, read);
    }
    case 'link': {
      const query = nextLinkQuery(received.headers['link']);
      return query === undefined ? undefined : inputFromQuery(request.operation, query, input);
    }
  }
}

/** Does the answer say, where the manifest looks for it, that this was the last page? */
function saysLast({ more }: { readonly more?: string }, { body }: Received): boolean {
  return more !== undefined && atPointer(body, more) === false;
}

/**
 * Query of the `rel="next"` link (RFC 8288). Only its known parameters are taken over: the next request goes where the
 * contract says, wherever the link would lead.
 */
function nextLinkQuery(header: string | undefined): URLSearchParams | undefined {
  for (const [, target, parameters] of (header ?? '').matchAll(/<([^>]*)>([^<]*)/g)) {
    if (!/;\s*rel\s*=\s*"?(?:[^";,]*\s)?next(?:\s[^";,]*)?"?\s*(?:[;,]|$)/i.test(parameters ?? '')) continue;
    const mark = target!.indexOf('?');
    return new URLSearchParams(mark < 0 ? '' : target!.slice(mark + 1).replace(/#.*$/, ''));
  }
  return undefined;
}

/** A listing that cannot be gone on with: what the service says of its pages does not hold. */
function ended(
  request: CallRequest,
  code: ConnectorFailureCode,
  what: string,
  failureClass: FailureClass = 'contract',
): Page {
  return {
    ok: false,
    failure: {
      class: failureClass,
      code,
      message: `${request.operation.name} ${what}`,
      delivery: 'answered',
    },
  };
}
