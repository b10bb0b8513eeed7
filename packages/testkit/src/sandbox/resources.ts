import type { Contract, HttpOperation } from '@tenon/contract';
import { isObject } from '@tenon/model';
import { isSchemaObject, type JsonSchema } from '@tenon/schema';
import type { SchemaSide } from './contract-schemas.ts';
import { plainName, singular } from './names.ts';
import { pathOf } from './routes.ts';

export type RoleKind =
  | 'list'
  | 'create'
  | 'read'
  | 'replace'
  | 'update'
  | 'delete'
  | 'clear'
  | 'action'
  | 'readSingleton'
  | 'changeSingleton'
  | 'call';

/** What an operation does to the sandbox's rows. */
export interface Role {
  readonly kind: RoleKind;
  readonly collection: Collection;
  /** Path parameters above the collection, outermost first. */
  readonly scope: readonly string[];
  /** The path parameter that names the row. */
  readonly item?: string;
  /** Where else in the request the row is named: a JSON Pointer into its parameters and `body`. */
  readonly by?: string;
}

/** Things of one kind: all that a path such as `/customers/{customerId}/invoices` holds. */
export interface Collection {
  /** Path with its parameters blanked: `/customers/{}/invoices`. */
  readonly key: string;
  /** Unique in the contract, for people: `invoices`. */
  readonly name: string;
  /** Schema of one row, as answers show it. */
  readonly row?: JsonSchema;
  /** The property that holds the id. */
  readonly idProperty?: string;
  /** Keys of the collections that the scope's parameters name rows of; absent where that is no collection. */
  readonly parents: readonly (string | undefined)[];
}

/** Where in a body a row (or the list of rows) stands, and its schema. */
export interface Place {
  readonly tokens: readonly (string | number)[];
  readonly schema: JsonSchema;
}

/** Derives from paths and methods what each operation does. */
export function deriveRoles(contract: Contract, side: SchemaSide): ReadonlyMap<string, Role> {
  const operations = [...contract.operations.values()].filter((operation) => operation.kind === 'http');
  const shapes = operations.map((operation) => pathShape(operation));
  const itemKeys = new Set(shapes.flatMap((shape) => (shape.item === undefined ? [] : [shape.key])));
  const reads = new Map(
    shapes
      .filter(({ operation, item }) => item === undefined && operation.method === 'get')
      .map((shape) => [shape.key, shape]),
  );
  const lists = new Set(
    [...reads].filter(([, { operation }]) => listPlace(operation, side) !== undefined).map(([key]) => key),
  );

  const creations = new Set(
    shapes
      .filter(
        ({ operation, item, parentKey }) =>
          item === undefined &&
          operation.method === 'post' &&
          // On `/x`, `set` says what a new row begins with; on `/x/{id}/verb` it changes one.
          (parentKey === undefined || !changesARow(operation)),
      )
      .map(({ key }) => key),
  );
  const kinds = shapes.map((shape) => kindOf(shape, { itemKeys, reads, lists, creations }));
  const collections = makeCollections(shapes, kinds, itemKeys, side);
  return new Map(
    shapes.map((shape, index) => {
      const kind = kinds[index]!;
      const key = kind === 'action' ? shape.parentKey! : shape.key;
      const scope = kind === 'action' ? shape.scope.slice(0, -1) : shape.scope;
      const item = kind === 'action' ? shape.scope.at(-1) : shape.item;
      const by = placementOf(shape.operation).by;
      return [
        shape.operation.id,
        {
          kind,
          collection: collections.get(key)!,
          scope,
          ...(item !== undefined && { item }),
          ...(by !== undefined && { by }),
        },
      ];
    }),
  );
}

interface PathShape {
  readonly operation: HttpOperation;
  readonly key: string;
  readonly scope: readonly string[];
  /** The last segment's parameter, where the last segment is one. */
  readonly item?: string;
  /** For `/x/{id}/verb`: the key of `/x`. */
  readonly parentKey?: string;
}

/** What an operation is about and does, where its path does not tell: calls by name, searches by POST. */
interface Placement {
  /** Path of the collection, as another operation has it, or one made up: `/messages`. */
  readonly resource?: string;
  readonly does?: RoleKind;
  readonly by?: string;
}

const KINDS_PLACED: readonly string[] = ['list', 'create', 'read', 'replace', 'update', 'delete', 'call'];

function placementOf({ extensions }: HttpOperation): Placement {
  const hints = extensions['x-tenon-sandbox'];
  if (!isObject(hints)) return {};
  const { resource, does, by } = hints;
  return {
    ...(typeof resource === 'string' && { resource }),
    // Just found to be one of the kinds that can be placed.
    ...(typeof does === 'string' && KINDS_PLACED.includes(does) && { does: does as RoleKind }),
    ...(typeof by === 'string' && { by }),
  };
}

function pathShape(operation: HttpOperation): PathShape {
  const placed = placementOf(operation);
  if (placed.resource !== undefined) {
    const item = placed.by?.split('/').at(-1);
    return {
      operation,
      key: blank(placed.resource.replace(/\/$/, '').split('/')),
      scope: [...placed.resource.matchAll(/\{([^}]+)\}/g)].map((found) => found[1]!),
      ...(item !== undefined && { item }),
    };
  }
  const segments = pathOf(operation).replace(/\/$/, '').split('/');
  const last = segments.at(-1) ?? '';
  const item = /\{([^}]+)\}/.exec(last)?.[1];
  const above = item === undefined ? segments : segments.slice(0, -1);
  const key = blank(above);
  const before = segments.at(-2) ?? '';
  return {
    operation,
    key,
    scope: [...above.join('/').matchAll(/\{([^}]+)\}/g)].map((found) => found[1]!),
    ...(item !== undefined && { item }),
    ...(item === undefined && before.includes('{') && { parentKey: blank(segments.slice(0, -2)) }),
  };
}

function blank(segments: readonly string[]): string {
  return segments.join('/').replaceAll(/\{[^}]+\}/g, '{}') || '/';
}

interface Known {
  readonly itemKeys: ReadonlySet<string>;
  readonly reads: ReadonlyMap<string, PathShape>;
  readonly lists: ReadonlySet<string>;
  /** Keys of what a POST makes: there are rows of it, though none may be readable. */
  readonly creations: ReadonlySet<string>;
}

const ITEM_KINDS: Readonly<Record<string, RoleKind>> = {
  get: 'read',
  head: 'read',
  put: 'replace',
  patch: 'update',
  post: 'update',
  delete: 'delete',
};

/** Does the contract say that it writes fields of a row that is there? */
function changesARow({ extensions }: HttpOperation): boolean {
  const hints = extensions['x-tenon-sandbox'];
  return isObject(hints) && (isObject(hints['set']) || isObject(hints['requires']));
}

/** Of `/x/{id}/y`: is `y` what is done to an `x` (`cancel`), and not things that belong to it (`notes`)? */
function isVerb({ operation, key }: PathShape): boolean {
  const last = key.split('/').at(-1) ?? '';
  return changesARow(operation) || singular(last) === last;
}

function kindOf(shape: PathShape, { itemKeys, reads, lists, creations }: Known): RoleKind {
  const { method } = shape.operation;
  const { does } = placementOf(shape.operation);
  if (does !== undefined) return does;
  if (shape.item !== undefined) return ITEM_KINDS[method] ?? 'call';
  const isList = lists.has(shape.key);
  if (method === 'get' || method === 'head') return isList ? 'list' : 'readSingleton';
  // Rows that are only listed, or only made, are rows as well: what is done to one is not a thing of its own.
  const isAction =
    shape.parentKey !== undefined &&
    (itemKeys.has(shape.parentKey) ||
      (isVerb(shape) && (lists.has(shape.parentKey) || creations.has(shape.parentKey))));
  const isSingleton = reads.has(shape.key) && !isList && !itemKeys.has(shape.key);
  if (method === 'delete' && isList) return 'clear';
  if (method === 'post' && (isList || itemKeys.has(shape.key))) return 'create';
  if (isSingleton) return 'changeSingleton';
  if (isAction) return 'action';
  return method === 'post' ? 'create' : 'call';
}

function makeCollections(
  shapes: readonly PathShape[],
  kinds: readonly RoleKind[],
  itemKeys: ReadonlySet<string>,
  side: SchemaSide,
): Map<string, Collection> {
  const keys = [
    ...new Set(shapes.flatMap(({ key, parentKey }) => (parentKey === undefined ? [key] : [key, parentKey]))),
  ];
  const names = uniqueNames(keys);
  const made = new Map<string, Collection>();
  for (const key of keys) {
    const all = shapes.map((shape, index) => ({ ...shape, kind: kinds[index]! }));
    const own = all.filter((shape) => shape.key === key);
    const action = all.find((shape) => shape.kind === 'action' && shape.parentKey === key);
    const param = own.find((shape) => shape.item !== undefined)?.item ?? action?.scope.at(-1);
    const found = rowPlace(own, names.get(key)!, param, side);
    made.set(key, { key, name: names.get(key)!, parents: parentsOf(key, itemKeys), ...found });
  }
  return made;
}

const KINDS_BY_PATH: readonly RoleKind[] = [
  'read',
  'readSingleton',
  'create',
  'replace',
  'update',
  'list',
  'changeSingleton',
];
const KINDS_BY_NAME: readonly RoleKind[] = ['read', 'list', 'create', 'replace', 'update'];

/** The schema of a row: what reading one gives, else creating or changing one, else an item of the list. */
function rowPlace(
  shapes: readonly (PathShape & { readonly kind: RoleKind })[],
  name: string,
  param: string | undefined,
  side: SchemaSide,
): { row?: JsonSchema; idProperty?: string } {
  // Calls by name answer a creation with little: what they list shows the whole row.
  const isByName = shapes.some(({ operation }) => placementOf(operation).resource !== undefined);
  for (const kind of isByName ? KINDS_BY_NAME : KINDS_BY_PATH) {
    for (const { operation } of shapes.filter((shape) => shape.kind === kind)) {
      const place = kind === 'list' ? listPlace(operation, side) : itemPlace(operation, name, param, side);
      if (place === undefined) continue;
      const idProperty = findIdProperty(place.schema, name, param, side);
      return { row: place.schema, ...(idProperty !== undefined && { idProperty }) };
    }
  }
  return {};
}

function parentsOf(key: string, itemKeys: ReadonlySet<string>): (string | undefined)[] {
  const parts = key.split('/');
  return parts.flatMap((part, index) => {
    const above = parts.slice(0, index).join('/') || '/';
    const parent = part === '{}' && itemKeys.has(above) ? above : undefined;
    return Array.from({ length: part.split('{}').length - 1 }, () => parent);
  });
}

/** The last literal segment; with the ones before it where two collections would share a name. */
function uniqueNames(keys: readonly string[]): Map<string, string> {
  const literals = new Map(
    keys.map((key) => [key, key.split('/').filter((part) => part !== '' && !part.includes('{}'))]),
  );
  const nameAt = (key: string, length: number) => literals.get(key)!.slice(-length).join('.') || 'root';
  const names = new Map<string, string>();
  const longest = Math.max(1, ...[...literals.values()].map((parts) => parts.length));
  for (let length = 1; length <= longest; length++) {
    const open = keys.filter((key) => !names.has(key));
    const counts = new Map<string, number>();
    for (const key of keys) counts.set(nameAt(key, length), (counts.get(nameAt(key, length)) ?? 0) + 1);
    for (const key of open) if (counts.get(nameAt(key, length)) === 1) names.set(key, nameAt(key, length));
  }
  for (const key of keys) if (!names.has(key)) names.set(key, key);
  return names;
}

/** The schema of the JSON (or else the first) content of an operation's success. */
function successSchema(operation: HttpOperation, side: SchemaSide): JsonSchema | undefined {
  for (const response of operation.responses) {
    if (!/^2/.test(response.status) && response.status !== 'default') continue;
    const media =
      response.content.find(({ type }) => /json/.test(type)) ??
      response.content.find(({ type }) => type === '*/*');
    if (media?.schema !== undefined) return side.of(media.schema);
  }
  return undefined;
}

const LIST_NAMES = ['data', 'items', 'results', 'values', 'entries', 'records', 'list', 'content'];

/** Where a list answer holds its rows. */
export function listPlace(operation: HttpOperation, side: SchemaSide): Place | undefined {
  const schema = successSchema(operation, side);
  return schema === undefined ? undefined : listWithin(schema, pathOf(operation), side, 1);
}

function listWithin(schema: JsonSchema, path: string, side: SchemaSide, depth: number): Place | undefined {
  const flat = side.flat(schema);
  if (isOf(flat.type, 'array')) return { tokens: [], schema: flat.items ?? true };
  const properties = Object.entries(flat.properties ?? {});
  const lists = properties.filter(([, property]) => isOf(side.flat(property).type, 'array'));
  const last = plainName(
    path
      .split('/')
      .filter((part) => !part.includes('{'))
      .at(-1) ?? '',
  );
  const best =
    lists.find(([name]) => plainName(name) === last) ??
    lists.find(([name]) => LIST_NAMES.includes(plainName(name))) ??
    onlyRows(lists, side);
  if (best !== undefined) return { tokens: [best[0]], schema: side.flat(best[1]).items ?? true };
  if (depth === 0) return undefined;
  for (const [name, property] of properties.filter(([key]) =>
    [...LIST_NAMES, 'result', 'response', 'page'].includes(plainName(key)),
  )) {
    const inner = listWithin(property, path, side, depth - 1);
    if (inner !== undefined) return { ...inner, tokens: [name, ...inner.tokens] };
  }
  return undefined;
}

/** A thing that holds one list of objects beside an id of its own is a thing, not a list. */
function onlyRows(
  lists: readonly [string, JsonSchema][],
  side: SchemaSide,
): [string, JsonSchema] | undefined {
  const rows = lists.filter(([, list]) => isOf(side.flat(side.flat(list).items ?? true).type, 'object'));
  return rows.length === 1 && lists.length === 1 ? rows[0] : undefined;
}

/** Where an answer about one row holds it: the whole body, or one member of it. */
export function itemPlace(
  operation: HttpOperation,
  name: string,
  param: string | undefined,
  side: SchemaSide,
): Place | undefined {
  const schema = successSchema(operation, side);
  return schema === undefined ? undefined : itemWithin(schema, name, param, side);
}

/** Also for request bodies, which are wrapped like the answers they lead to. */
export function itemWithin(
  schema: JsonSchema,
  name: string,
  param: string | undefined,
  side: SchemaSide,
): Place | undefined {
  const flat = side.flat(schema);
  if (isOf(flat.type, 'array')) return undefined;
  if (flat.properties === undefined || findIdProperty(schema, name, param, side) !== undefined)
    return { tokens: [], schema };
  const members = Object.entries(flat.properties);
  const singularName = plainName(singular(name.split('.').at(-1)!));
  const wrapped = members.filter(([key]) =>
    [singularName, plainName(name), 'data', 'result', 'item'].includes(plainName(key)),
  );
  for (const [key, member] of wrapped) {
    const inner = side.flat(member);
    if (inner.properties !== undefined) return { tokens: [key], schema: member };
    if (isOf(inner.type, 'array') && isSchemaObject(inner.items))
      return { tokens: [key, 0], schema: inner.items };
  }
  return { tokens: [], schema };
}

/** The property that a path parameter speaks of: by its own name, `id`, or what is left of it without the noun. */
function findIdProperty(
  schema: JsonSchema,
  name: string,
  param: string | undefined,
  side: SchemaSide,
): string | undefined {
  const properties = Object.keys(side.flat(schema).properties ?? {});
  const noun = plainName(singular(name.split('.').at(-1)!));
  const asked = param === undefined ? undefined : plainName(param);
  const wanted = [
    ...(asked === undefined ? [] : [asked, asked.startsWith(noun) ? asked.slice(noun.length) : undefined]),
    'id',
    `${noun}id`,
    'uuid',
    'key',
    'name',
    'slug',
    'number',
  ];
  for (const plain of wanted) {
    const found = properties.find(
      (property) => plain !== undefined && plain !== '' && plainName(property) === plain,
    );
    if (found !== undefined) return found;
  }
  return undefined;
}

function isOf(type: string | readonly string[] | undefined, wanted: string): boolean {
  return [type ?? []].flat().includes(wanted);
}
