import type { Contract } from '@tenon/contract';
import { fromPointer, toPointer } from '@tenon/model';
import { definitionName, isSchemaObject, type JsonSchema } from '@tenon/schema';

/**
 * How deep fields are looked for, and how many nodes are looked at: payloads of large vendors refer to each other
 * without end. The nearest come first, so what is given up is what is farthest from the root.
 */
const DEPTH_MAX = 12;
const VISITS_MAX = 20_000;

interface Visit {
  readonly schema: JsonSchema;
  readonly path: readonly string[];
  /** Definitions on the way here, innermost first, so that a cycle has an end. */
  readonly within: Within | undefined;
}

interface Within {
  readonly name: string;
  readonly outer: Within | undefined;
}

/** How often a definition is walked within itself: its own fields, and those of the next of its kind. */
const WITHIN_ITSELF_MAX = 2;
/** Places at which the walk was given up. More are said as the places above them. */
const GIVEN_UP_MAX = 200;

/**
 * Fields of a payload that a contract's policy speaks of: JSON Pointer into the data (`*` for list items) → what
 * `about` says of the schema's own pointer in its document. The schema must be the contract's own, not a bundled
 * copy: a node is known by where it came from. `beyond` says something of all that lies at and below a node at which the walk is given
 * up: types that come back to themselves have no last field.
 */
export function fieldsAbout<T>(
  contract: Contract,
  schema: JsonSchema,
  about: (pointer: string) => T | undefined,
  beyond?: (schema: JsonSchema) => T | undefined,
): ReadonlyMap<string, T> {
  const found = new Map<string, T>();
  const givenUp: Visit[] = [];
  let level: Visit[] = [{ schema, path: [], within: undefined }];
  for (let visits = 0; level.length > 0; ) {
    const next: Visit[] = [];
    for (const here of level) {
      if (!isSchemaObject(here.schema)) continue;
      if (++visits > VISITS_MAX || here.path.length > DEPTH_MAX) {
        givenUp.push(here);
        continue;
      }
      const origin = contract.originOf(here.schema);
      const own = origin && about(origin.pointer);
      if (own !== undefined) {
        const pointer = toPointer(here.path);
        if (!found.has(pointer)) found.set(pointer, own);
      }
      next.push(...below(contract, here, (cut) => givenUp.push(cut)));
    }
    level = next;
  }
  for (const [pointer, one] of beyond ? saidBeyond(givenUp, beyond) : [])
    if (!found.has(pointer)) found.set(pointer, one);
  return found;
}

function saidBeyond<T>(
  givenUp: readonly Visit[],
  beyond: (schema: JsonSchema) => T | undefined,
): ReadonlyMap<string, T> {
  const said = givenUp.flatMap(({ schema, path }): (readonly [readonly string[], T])[] => {
    const one = beyond(schema);
    return one === undefined ? [] : [[path, one]];
  });
  for (let depth = DEPTH_MAX + 1; ; depth--) {
    const places = new Map(said.map(([path, one]) => [toPointer(path.slice(0, depth)), one]));
    if (places.size <= GIVEN_UP_MAX || depth === 0) return places;
  }
}

/**
 * What a policy says of the fields on the way to a place, by the variants that there are, and what `below` says of what is there: exact,
 * however often types come back to themselves. `*` in the pointer is any item or member.
 */
export function saidOnTheWay<T>(
  contract: Contract,
  schema: JsonSchema,
  pointer: string,
  about: (pointer: string) => T | undefined,
  beneath?: (schema: JsonSchema) => Iterable<T>,
): ReadonlySet<T> {
  const wanted = fromPointer(pointer);
  const found = new Set<T>();
  for (const { schema: here, path } of onTheWay(contract, schema, wanted, isAlike)) {
    const origin = isSchemaObject(here) ? contract.originOf(here) : undefined;
    const own = origin && about(origin.pointer);
    if (own !== undefined) found.add(own);
    if (beneath && path.length === wanted.length) for (const one of beneath(here)) found.add(one);
  }
  return found;
}

/** Where the fields at one place of a payload came from: pointers into the document, one for each variant. */
export function originsAt(contract: Contract, schema: JsonSchema, pointer: string): readonly string[] {
  if (!isSchemaObject(schema)) return [];
  const asked = originsAsked.get(schema) ?? new Map<string, readonly string[]>();
  originsAsked.set(schema, asked);
  const known = asked.get(pointer);
  if (known) return known;
  const wanted = fromPointer(pointer);
  const found: string[] = [];
  for (const { schema: here, path } of onTheWay(contract, schema, wanted, (token, one) => token === one)) {
    const origin =
      isSchemaObject(here) && path.length === wanted.length ? contract.originOf(here) : undefined;
    if (origin) found.push(origin.pointer);
  }
  if (asked.size >= ORIGINS_KEPT_MAX) asked.clear();
  asked.set(pointer, found);
  return found;
}

/** Fields of a contract that pipelines write, asked for again with every check. */
const originsAsked = new WeakMap<object, Map<string, readonly string[]>>();
const ORIGINS_KEPT_MAX = 1_000;

/** All nodes at the places that lead to a wanted one, that included. */
function onTheWay(
  contract: Contract,
  schema: JsonSchema,
  wanted: readonly string[],
  isSame: (token: string, wanted: string) => boolean,
): readonly Visit[] {
  const found: Visit[] = [];
  let level: Visit[] = [{ schema, path: [], within: undefined }];
  while (level.length > 0 && found.length < VISITS_MAX) {
    found.push(...level);
    level = level.flatMap((here) =>
      below(contract, here).flatMap((one): Visit[] => {
        const { length } = one.path;
        if (length === here.path.length) return [one];
        const isWanted = length <= wanted.length && isSame(one.path[length - 1]!, wanted[length - 1]!);
        // One place further: the way is as long as what is wanted, so a cycle has an end.
        return isWanted ? [{ ...one, within: undefined }] : [];
      }),
    );
  }
  return found;
}

function isAlike(token: string, wanted: string): boolean {
  return token === wanted || token === '*' || wanted === '*';
}

/** Keywords whose schemas speak of the same value. */
const OF_THE_SAME = ['allOf', 'anyOf', 'oneOf'] as const;
const OF_THE_SAME_TOO = ['then', 'else', 'if'] as const;
/** Keywords whose schema speaks of each item, or of each member that has no name of its own. */
const OF_EACH = [
  'items',
  'unevaluatedItems',
  'contains',
  'additionalProperties',
  'unevaluatedProperties',
] as const;

function below(
  contract: Contract,
  { schema, path, within }: Visit,
  giveUp: (cut: Visit) => void = () => {},
): readonly Visit[] {
  if (!isSchemaObject(schema)) return [];
  const found: Visit[] = [];
  const name = definitionName(schema);
  const target = name === undefined ? undefined : contract.definitions[name];
  if (name !== undefined && target !== undefined) {
    const visit = { schema: target, path, within: { name, outer: within } };
    if (timesWithin(name, within) < WITHIN_ITSELF_MAX) found.push(visit);
    else giveUp(visit);
  }
  const add = (one: JsonSchema | undefined, ...token: readonly string[]): void => {
    if (one !== undefined) found.push({ schema: one, path: [...path, ...token], within });
  };
  for (const [property, value] of Object.entries(schema.properties ?? {})) add(value, property);
  for (const value of Object.values(schema.patternProperties ?? {})) add(value, '*');
  for (const keyword of OF_EACH) add(schema[keyword], '*');
  for (const part of schema.prefixItems ?? []) add(part, '*');
  for (const keyword of OF_THE_SAME) for (const part of schema[keyword] ?? []) add(part);
  for (const keyword of OF_THE_SAME_TOO) add(schema[keyword]);
  for (const part of Object.values(schema.dependentSchemas ?? {})) add(part);
  return found;
}

function timesWithin(name: string, within: Within | undefined): number {
  let times = 0;
  for (let here = within; here; here = here.outer) if (here.name === name) times++;
  return times;
}
