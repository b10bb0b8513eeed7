import { cursorText, inputAt, isAfter, type PaginationManifest, type PollManifest } from '@tenon/connector';
import type { HttpOperation } from '@tenon/contract';
import {
  atPointer,
  canonicalJson,
  fromPointer,
  isObject,
  type Json,
  type JsonObject,
  toPointer,
} from '@tenon/model';
import { type Answer, type Refusal, success, successSchema } from './answer.ts';
import { CHANGE_STAMPS, insert, merge, parentFacts, replaceRow, shaped, stamps } from './make-row.ts';
import { plainName, singular } from './names.ts';
import { pageOf, pagingNames, withPage } from './paging.ts';
import { type Collection, itemPlace, itemWithin, listPlace, type RoleKind } from './resources.ts';
import { isJsonObject, own, randomFor, shape, wrap } from './shape.ts';
import type { Row } from './store.ts';
import type { ValidRequest, World } from './world.ts';

export type Performed =
  | {
      readonly ok: true;
      readonly answer: Answer;
      /** Set when something changed. */
      readonly effect?: { readonly resource: string; readonly id?: string };
    }
  | { readonly ok: false; readonly refusal: Refusal };

/** What `x-tenon-sandbox` on an operation may say. */
interface SandboxHints {
  /** Fields written by this operation, whatever the request says: `{ status: void }`. */
  readonly set: JsonObject;
  /** Fields and the values one of which they must have now, else 409: `{ status: [draft, open] }`. */
  readonly requires: JsonObject;
  /** Fields whose value only one row may have, else 409. */
  readonly unique: readonly string[];
  /** How it pages, in the words of a manifest's `pagination`, where names alone do not tell. */
  readonly page?: PaginationManifest;
  /**
   * Rows to list by JSON Pointer into the row: where in the request (parameters, and `body`) the wanted value stands.
   * Given, nothing else selects; absent, parameters that name properties do.
   */
  readonly where?: Readonly<Record<string, string>>;
}

function hintsOf(operation: HttpOperation): SandboxHints {
  const written = operation.extensions['x-tenon-sandbox'];
  const hints = isJsonObject(written) ? written : {};
  const { set, requires, unique, page, where } = hints;
  return {
    set: isJsonObject(set) ? set : {},
    requires: isJsonObject(requires) ? requires : {},
    unique: Array.isArray(unique) ? unique.filter((name) => typeof name === 'string') : [],
    ...(isJsonObject(where) && {
      where: Object.fromEntries(
        Object.entries(where).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
      ),
    }),
    // The defaults of a manifest.
    ...(isPagination(page) && {
      page: { ...(page.type === 'page' && { start: 1 }), ...page, items: page.items ?? '' },
    }),
  };
}

const PAGING_KEYS = {
  cursor: ['in', 'out'],
  after: ['in', 'id'],
  page: ['in'],
  offset: ['in', 'limit'],
  link: [],
} as const satisfies Record<PaginationManifest['type'], readonly string[]>;

function isPagination(value: unknown): value is PaginationManifest {
  if (!isObject(value) || typeof value['type'] !== 'string' || !Object.hasOwn(PAGING_KEYS, value['type']))
    return false;
  // Known just above to be one of the table's.
  return PAGING_KEYS[value['type'] as PaginationManifest['type']].every((key) => Object.hasOwn(value, key));
}

/** Carries out one operation on the rows. Synchronous: two requests never interleave, as in a transaction. */
export function perform(request: ValidRequest, world: World): Performed {
  const { role } = request;
  const scope = role.scope.map((name) => request.path[name] ?? '');
  const missing = missingParent(role.collection, scope, world);
  if (missing !== undefined) return refused(404, 'not_found', missing);
  return HANDLERS[role.kind](request, scope, world);
}

type Handler = (request: ValidRequest, scope: readonly string[], world: World) => Performed;

const HANDLERS: Readonly<Record<RoleKind, Handler>> = {
  list,
  create,
  read: withRow(({ request, row, world }) => ({ ok: true, answer: about(request, row, world) })),
  update: withRow(({ request, row, world }) => change(request, row, world, facts(request, world))),
  replace,
  delete: withRow(({ request, row, world }) => {
    world.store.remove(request.role.collection, row);
    return { ok: true, answer: about(request, row, world), effect: effectOn(request, row) };
  }),
  action: withRow(({ request, row, world }) => change(request, row, world, {})),
  clear: (request, scope, world) => {
    for (const row of world.store.list(request.role.collection, scope))
      world.store.remove(request.role.collection, row);
    return {
      ok: true,
      answer: plain(request, {}, world),
      effect: { resource: request.role.collection.name },
    };
  },
  readSingleton: (request, scope, world) => {
    const row = singleton(request, scope, world);
    if (row.isGone) return refused(404, 'not_found', `${request.role.collection.name} does not exist`);
    return { ok: true, answer: about(request, row, world) };
  },
  changeSingleton: (request, scope, world) => {
    const row = singleton(request, scope, world);
    if (request.operation.method !== 'delete')
      return change(request, { ...row, isGone: false }, world, facts(request, world));
    world.store.put(request.role.collection, { ...row, isGone: true, version: row.version + 1 });
    return { ok: true, answer: about(request, row, world), effect: effectOn(request, row) };
  },
  call: (request, _scope, world) => ({
    ok: true,
    answer: plain(request, withMade(request, world), world),
    effect: { resource: request.role.collection.name },
  }),
};

function withMade({ operation, body = {} }: ValidRequest, world: World): Json {
  return isJsonObject(body) ? { ...world.made(operation.id), ...body } : body;
}

function list(request: ValidRequest, scope: readonly string[], world: World): Performed {
  const { operation, role, url, parameters } = request;
  const side = world.schemas.response;
  const place = listPlace(operation, side);
  if (place === undefined) return { ok: true, answer: plain(request, {}, world) };
  const manifest = pagingOf(operation, world);
  const selecting = pollCursors(operation, world).map((cursor) => cursor.in);
  const paging = {
    operation,
    parameters,
    ...(request.body !== undefined && { body: request.body }),
    url,
    selecting,
    ...(manifest !== undefined && { manifest }),
  };
  const rows = world.store.list(role.collection, scope).filter((row) => matchesFilters(row, request, world));
  const page = pageOf(rows, paging);
  if (page === undefined) return refused(400, 'invalid_cursor', 'the cursor names no row of this list');
  const items = page.rows.flatMap((row) => {
    const random = randomFor(world.seed, 'item', operation.id, row.id);
    return shape(place.schema, row.value, side, random, 'lean') ?? [];
  });
  const tokens =
    manifest !== undefined && manifest.items !== '' ? manifest.items.slice(1).split('/') : place.tokens;
  const answer = success(operation, role.kind, wrap(tokens, items), side, world.seed, scope);
  const schema = successSchema(operation, answer.status, side);
  const fits = (body: Json) => schema === undefined || side.issues(schema, body).length === 0;
  const properties = schema === undefined ? undefined : side.flat(schema).properties;
  const shown = { fits, ...(properties !== undefined && { members: Object.keys(properties) }) };
  const body = answer.body === undefined ? undefined : withPage(answer.body, page, paging, shown);
  const headers = { ...answer.headers, ...(page.link !== undefined && { link: page.link }) };
  return { ok: true, answer: { ...answer, headers, ...(body !== undefined && { body }) } };
}

function create(request: ValidRequest, scope: readonly string[], world: World): Performed {
  const { role, operation } = request;
  const given = facts(request, world);
  const hints = hintsOf(operation);
  const taken = hints.unique.find((name) =>
    world.store
      .list(role.collection, [])
      .some((row) => given[name] !== undefined && same(row.value[name], given[name])),
  );
  if (taken !== undefined) return refused(409, 'duplicate', `${taken} is taken`, `/body/${taken}`);
  const { idProperty } = role.collection;
  const chosen = idProperty === undefined ? undefined : own(given, idProperty);
  const hasChosen = typeof chosen === 'string' || typeof chosen === 'number';
  if (hasChosen && world.store.find(role.collection, scope, String(chosen)) !== undefined)
    return refused(
      409,
      'duplicate',
      `${role.collection.name} has one with this ${idProperty}`,
      `/body/${idProperty}`,
    );
  const row = insert(role, scope, { ...world.made(operation.id), ...given, ...hints.set }, world, 'lean');
  return { ok: true, answer: about(request, row, world), effect: effectOn(request, row) };
}

/** PUT makes what is not there, where the collection has no other way in or the contract answers 201. */
function replace(request: ValidRequest, scope: readonly string[], world: World): Performed {
  const { role, operation, path } = request;
  const id = path[role.item ?? ''] ?? '';
  const row = world.store.find(role.collection, scope, id);
  const given = facts(request, world);
  if (row !== undefined) {
    const kept = keptByServer(row, world, role.collection);
    return change(request, { ...row, value: kept }, world, given);
  }
  const mayCreate = operation.responses.some(({ status }) => status === '201') || world.imagine;
  if (!mayCreate) return refused(404, 'not_found', `no ${singular(role.collection.name)} has this id`);
  const whole = { ...world.made(operation.id), ...given, ...hintsOf(operation).set };
  const made = insert(role, scope, whole, world, 'lean', id);
  return { ok: true, answer: about(request, made, world), effect: effectOn(request, made) };
}

/** What a replacement leaves alone: the id, and what is read-only. */
function keptByServer(row: Row, world: World, collection: Collection): JsonObject {
  const side = world.schemas.response;
  const properties = collection.row === undefined ? {} : (side.flat(collection.row).properties ?? {});
  return Object.fromEntries(
    Object.entries(row.value).filter(([name]) => {
      const property = own(properties, name);
      return (
        name === collection.idProperty || (property !== undefined && side.flat(property).readOnly === true)
      );
    }),
  );
}

function withRow(handle: (found: { request: ValidRequest; row: Row; world: World }) => Performed): Handler {
  return (request, scope, world) => {
    const { role, operation, path } = request;
    const id = path[role.item ?? ''] ?? '';
    const row =
      world.store.find(role.collection, scope, id) ??
      (world.imagine ? insert(role, scope, fitFor(operation), world, 'full', id) : undefined);
    if (row === undefined)
      return refused(404, 'not_found', `no ${singular(role.collection.name)} has this id`);
    return handle({ request, row, world });
  };
}

/** What a row must hold for this operation to be taken: of several values, the first. */
function fitFor(operation: HttpOperation): JsonObject {
  return Object.fromEntries(
    Object.entries(hintsOf(operation).requires).flatMap(([name, allowed]) =>
      [allowed]
        .flat()
        .slice(0, 1)
        .map((value) => [name, value]),
    ),
  );
}

function change(request: ValidRequest, row: Row, world: World, given: JsonObject): Performed {
  const { role, operation } = request;
  const hints = hintsOf(operation);
  for (const [name, allowed] of Object.entries(hints.requires))
    if (![allowed].flat().some((value) => same(row.value[name], value)))
      return refused(409, 'wrong_state', `${name} does not allow this`, `/${name}`);
  const { idProperty } = role.collection;
  const fixed = idProperty === undefined ? {} : { [idProperty]: row.value[idProperty] ?? row.id };
  const merged = {
    ...merge(row.value, { ...given, ...stamps(role.collection, world, CHANGE_STAMPS) }),
    ...hints.set,
    ...fixed,
    ...nextVersion(operation, row, world),
  };
  const next = replaceRow(role.collection, row, merged, world);
  return { ok: true, answer: about(request, next, world), effect: effectOn(request, next) };
}

function singleton(request: ValidRequest, scope: readonly string[], world: World): Row {
  const { collection } = request.role;
  const known = world.store.find(collection, scope, '');
  if (known !== undefined) return known;
  const row: Row = {
    id: '',
    scope,
    value: shaped(request.role, parentFacts(request.role, scope), world, scope, 'full'),
    version: 1,
  };
  world.store.put(collection, row);
  return row;
}

/** How a listing pages: what its contract says by a hint, else what the manifest says; else it is told by names. */
function pagingOf(operation: HttpOperation, world: World): PaginationManifest | undefined {
  return hintsOf(operation).page ?? world.manifest?.operations[operation.id]?.pagination;
}

/**
 * By which parameters sources of the manifest ask this listing for what is new, and where in a row that stands. Not the one that it
 * pages by, nor one of which the contract says what it selects.
 */
function pollCursors(operation: HttpOperation, world: World): readonly PollManifest['cursor'][] {
  const pagination = pagingOf(operation, world);
  const selecting = Object.values(hintsOf(operation).where ?? {}).map((pointer) => fromPointer(pointer)[0]);
  return Object.values(world.manifest?.sources ?? {}).flatMap(({ poll }) =>
    poll?.operation !== operation.id ||
    selecting.includes(poll.cursor.in) ||
    (pagination !== undefined && pagination.type !== 'link' && pagination.in === poll.cursor.in)
      ? []
      : [poll.cursor],
  );
}

/** From the cursor on, itself among it, as most listings do: a source knows what it has had. A row without one is never left out. */
function isSince(
  row: Row,
  cursor: PollManifest['cursor'],
  { parameters, body }: Pick<ValidRequest, 'parameters' | 'body'>,
): boolean {
  const asked = cursorText(inputAt({ ...parameters, ...(body !== undefined && { body }) }, cursor.in));
  const stands = cursorText(atPointer(row.value, cursor.from));
  return asked === undefined || stands === undefined || !isAfter(asked, stands);
}

/** Query parameters that name properties select by equality; several values select any of them. Those of a poll go on from theirs. */
function matchesFilters(row: Row, request: ValidRequest, world: World): boolean {
  const { operation, parameters, role, body } = request;
  const manifest = pagingOf(operation, world);
  const cursors = pollCursors(operation, world);
  // Two sources that ask by one parameter may go by different values of a row: any of them lets it in.
  const isAsked = ({ in: name }: PollManifest['cursor']) =>
    cursors.some((cursor) => cursor.in === name && isSince(row, cursor, request));
  if (!cursors.every(isAsked)) return false;
  const selecting = cursors.map((cursor) => cursor.in);
  const paging: (string | undefined)[] = Object.values(
    pagingNames({ operation, selecting, ...(manifest !== undefined && { manifest }) }),
  );
  const declared =
    role.collection.row === undefined
      ? {}
      : (world.schemas.response.flat(role.collection.row).properties ?? {});
  const { where } = hintsOf(operation);
  if (where !== undefined)
    return Object.entries(where).every(([inRow, inRequest]) => {
      const wanted = atPointer({ ...parameters, ...(body !== undefined && { body }) }, inRequest);
      return wanted === undefined || same(atPointer(row.value, inRow), wanted);
    });
  return operation.parameters
    .filter(({ in: place, name }) => place === 'query' && !paging.includes(name) && !selecting.includes(name))
    .every((parameter) => {
      const wanted = parameters[parameter.name];
      const name = Object.keys(declared).find(
        (property) => plainName(property) === plainName(parameter.name),
      );
      if (wanted === undefined || name === undefined) return true;
      const value = own(row.value, name);
      if (isJsonObject(wanted) || isJsonObject(value)) return true;
      const values = (Array.isArray(value) ? value : [value]).map(String);
      return [wanted].flat().some((one) => values.includes(String(one)));
    });
}

function missingParent(collection: Collection, scope: readonly string[], world: World): string | undefined {
  for (const [index, key] of collection.parents.entries()) {
    const parent = key === undefined ? undefined : world.collection(key);
    const id = scope[index];
    if (parent === undefined || id === undefined) continue;
    const above = scope.slice(0, index);
    if (world.store.find(parent, above, id) !== undefined) continue;
    if (!world.imagine) return `no ${singular(parent.name)} has this id`;
    insert({ collection: parent, scope: [] }, above, {}, world, 'full', id);
  }
  return undefined;
}

/** The body's facts about the row, taken out of the envelope it came in. */
function facts({ body, role, operation }: ValidRequest, world: World): JsonObject {
  if (!isJsonObject(body)) return {};
  const side = world.schemas.request;
  const media = operation.body?.content[0]?.schema;
  const place =
    media === undefined ? undefined : itemWithin(side.of(media), role.collection.name, role.item, side);
  const inner = place === undefined ? body : atPointer(body, toPointer(place.tokens));
  return isJsonObject(inner) ? inner : body;
}

/** The answer about one row, in the envelope the operation puts around it. */
function about(request: ValidRequest, row: Row, world: World): Answer {
  const { operation, role } = request;
  const side = world.schemas.response;
  const place = itemPlace(operation, role.collection.name, role.item, side);
  const answer = success(operation, role.kind, wrap(place?.tokens ?? [], row.value), side, world.seed, [
    row.id,
    ...row.scope,
  ]);
  const location =
    role.kind === 'create' && answer.status === 201
      ? { location: `${request.url.pathname}/${encodeURIComponent(row.id)}` }
      : {};
  return {
    ...answer,
    headers: { ...answer.headers, ...location, ...(tagged(request, world) && { etag: entityTag(row) }) },
  };
}

function plain(request: ValidRequest, given: Json, world: World): Answer {
  return success(
    request.operation,
    request.role.kind,
    given,
    world.schemas.response,
    world.seed,
    Object.values(request.path),
  );
}

/** Does the operation speak of entity tags: by the manifest, an If-Match parameter, or an ETag in its answers? */
export function tagged({ operation }: Pick<ValidRequest, 'operation'>, world: World): boolean {
  return (
    world.manifest?.operations[operation.id]?.concurrency === 'etag' ||
    operation.parameters.some(({ name }) => /^if-(none-)?match$/i.test(name)) ||
    operation.responses.some((response) => response.headers.some(({ name }) => name.toLowerCase() === 'etag'))
  );
}

/** Where the body of a write carries its version, by the manifest. */
export function versionField({ id }: HttpOperation, world: World): string | undefined {
  const declared = world.manifest?.operations[id];
  return declared?.effect !== 'read' && typeof declared?.concurrency === 'object'
    ? declared.concurrency.field
    : undefined;
}

/** A version in a member of the row's own goes up with each write; what it is a version of decides no more than that. */
export function nextVersion(operation: HttpOperation, row: Row, world: World): JsonObject {
  const [name, ...deeper] = fromPointer(versionField(operation, world) ?? '');
  const version = name === undefined || deeper.length > 0 ? undefined : row.value[name];
  return name !== undefined && typeof version === 'number' ? { [name]: version + 1 } : {};
}

export function entityTag(row: Row): string {
  return `"v${row.version}"`;
}

function effectOn({ role }: ValidRequest, row: Row): { resource: string; id?: string } {
  return { resource: role.collection.name, ...(row.id !== '' && { id: row.id }) };
}

function refused(status: number, code: string, message: string, pointer?: string): Performed {
  return {
    ok: false,
    refusal: { status, code, message, ...(pointer !== undefined && { issues: [{ pointer, message }] }) },
  };
}

function same(a: unknown, b: unknown): boolean {
  return canonicalJson(a) === canonicalJson(b);
}
