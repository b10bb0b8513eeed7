import type { Json, JsonObject } from '@tenon/model';
import { type JsonSchema, sample } from '@tenon/schema';
import { plainName, singular } from './names.ts';
import type { Collection, Role } from './resources.ts';
import { type Fill, isJsonObject, own, randomFor, shape } from './shape.ts';
import type { Row } from './store.ts';
import type { World } from './world.ts';

/** Adds a row: the id given, else chosen in the facts, else the next one. */
export function insert(
  role: Pick<Role, 'collection' | 'scope'>,
  scope: readonly string[],
  given: JsonObject,
  world: World,
  fill: Fill,
  idGiven?: string,
): Row {
  const { collection } = role;
  const serial = world.store.nextSerial(collection);
  const chosen =
    idGiven ?? (collection.idProperty === undefined ? undefined : own(given, collection.idProperty));
  const idValue =
    chosen === undefined || chosen === null || typeof chosen === 'object'
      ? newIdValue(collection, scope, serial, world)
      : idFor(collection, chosen, world);
  const complete = {
    ...parentFacts(role, scope),
    ...stamps(collection, world, ['created', ...CHANGE_STAMPS]),
    ...given,
    ...(collection.idProperty !== undefined && { [collection.idProperty]: idValue }),
  };
  const value = shaped(role, complete, world, [String(idValue), ...scope], fill);
  const kept = collection.idProperty === undefined ? undefined : own(value, collection.idProperty);
  const row = { id: String(kept ?? idValue), scope, value, version: 1 };
  world.store.put(collection, row);
  return row;
}

/** Puts a row in the place of what it was, as its next version: what `value` holds, as far as the contract lets it. */
export function replaceRow(collection: Collection, row: Row, value: JsonObject, world: World): Row {
  const next = {
    ...row,
    value: shaped({ collection }, value, world, [row.id, 'changed'], 'lean'),
    version: row.version + 1,
  };
  world.store.put(collection, next);
  return next;
}

/** JSON Merge Patch (RFC 7396), except that null stays a value: contracts say where null may stand. */
export function merge(value: JsonObject, patch: JsonObject): JsonObject {
  const merged: Record<string, Json> = { ...value };
  for (const [name, next] of Object.entries(patch)) {
    const before = own(merged, name);
    merged[name] = isJsonObject(before) && isJsonObject(next) ? merge(before, next) : next;
  }
  return merged;
}

/** The row that a collection's schema makes of some facts. */
export function shaped(
  role: Pick<Role, 'collection'>,
  given: JsonObject,
  world: World,
  place: readonly string[],
  fill: Fill,
): JsonObject {
  const { collection } = role;
  if (collection.row === undefined) return given;
  const random = randomFor(world.seed, 'row', collection.key, ...place);
  const value = shape(collection.row, given, world.schemas.response, random, fill);
  return isJsonObject(value) ? value : given;
}

/** One that no row has yet: a row may have been given an id that looks made. */
function newIdValue(collection: Collection, scope: readonly string[], serial: number, world: World): Json {
  // Each number makes another id, so one of them is free; a schema that allows but a few may have none left.
  const { store } = world;
  let value = idOfSerial(collection, serial, world);
  for (let left = store.list(collection, scope).length; left > 0; left -= 1) {
    if (store.find(collection, scope, String(value)) === undefined) break;
    value = idOfSerial(collection, store.nextSerial(collection), world);
  }
  return value;
}

/** A readable id where the schema allows one (`invoice_3`, 3), else one sampled from it. */
function idOfSerial(collection: Collection, serial: number, world: World): Json {
  const schema = idSchema(collection, world);
  const name = `${singular(collection.name.split('.').at(-1)!).toLowerCase()}_${serial}`;
  if (schema === undefined) return name;
  const side = world.schemas.response;
  const flat = side.flat(schema);
  const isShaped = flat.format !== undefined || flat.enum !== undefined || flat.const !== undefined;
  const readable = isShaped ? [] : [name, serial, String(serial)];
  const found = readable.find((candidate) => side.issues(schema, candidate).length === 0);
  if (found !== undefined) return found;
  const random = randomFor(world.seed, 'id', collection.key, String(serial));
  return sample(schema, { random, definitions: side.definitions }) ?? name;
}

/** An id that came as text in a path, as the type its property has. */
function idFor(collection: Collection, chosen: Json, world: World): Json {
  const schema = idSchema(collection, world);
  if (schema === undefined || typeof chosen !== 'string') return chosen;
  return (
    [chosen, Number(chosen)].find(
      (candidate) => world.schemas.response.issues(schema, candidate).length === 0,
    ) ?? chosen
  );
}

function idSchema(collection: Collection, world: World): JsonSchema | undefined {
  if (collection.row === undefined || collection.idProperty === undefined) return undefined;
  return own(world.schemas.response.flat(collection.row).properties, collection.idProperty);
}

/** Path parameters above the row, under the names its properties may have: `customerId`. */
export function parentFacts(role: Pick<Role, 'scope'>, scope: readonly string[]): JsonObject {
  return Object.fromEntries(
    role.scope.flatMap((name, index) => (scope[index] === undefined ? [] : [[name, scope[index]]])),
  );
}

/** Names of times that go on with each change. */
export const CHANGE_STAMPS: readonly string[] = ['updated', 'modified'];

/** Times of day for `createdAt` and its like. */
export function stamps(collection: Collection, world: World, words: readonly string[]): JsonObject {
  if (collection.row === undefined) return {};
  const now = world.clock.now();
  const properties = Object.entries(world.schemas.response.flat(collection.row).properties ?? {});
  return Object.fromEntries(
    properties.flatMap(([name, property]) => {
      const isStamp = words.some((word) =>
        new RegExp(`^${word}(at|on|date|time|timestamp)?$`).test(plainName(name)),
      );
      const isTime = world.schemas.response.flat(property).format === 'date-time';
      return isStamp && isTime ? [[name, new Date(now).toISOString()]] : [];
    }),
  );
}
