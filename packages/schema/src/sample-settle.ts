import { canonicalJson, type Json } from '@tenon/model';
import { isSchemaObject, type JsonSchema, type SchemaObject } from './schema.ts';
import { definitionName } from './walk.ts';

/** What settling needs to know: the definitions, and how to choose among branches. */
export interface SettleContext {
  readonly definitions: Readonly<Record<string, JsonSchema>>;
  /** The branch to take; called once for each `anyOf` and `oneOf` on the way. */
  pick(branches: readonly JsonSchema[]): JsonSchema;
  /** Whether to take `then` (else `else`). */
  takeThen(): boolean;
}

export interface Settled {
  /** Flat: without `$ref`, `allOf`, `anyOf`, `oneOf`, `if`; `false` when its parts contradict each other. */
  readonly schema: SchemaObject | false;
  /** Names of the definitions that were followed. */
  readonly names: readonly string[];
}

/** One flat schema out of a composed one: references followed, `allOf` joined, one branch taken of each choice. */
export function settle(schema: JsonSchema, context: SettleContext): Settled {
  const names: string[] = [];
  const queue: JsonSchema[] = [schema];
  let flat: SchemaObject | false = {};
  for (let here = queue.shift(); here !== undefined && flat !== false; here = queue.shift()) {
    if (here === false) return { schema: false, names };
    if (!isSchemaObject(here)) continue;
    const { $ref: _ref, allOf, anyOf, oneOf, if: condition, then, else: otherwise, ...own } = here;
    const name = definitionName(here);
    if (name !== undefined && !names.includes(name)) {
      names.push(name);
      queue.push(context.definitions[name] ?? false);
    }
    flat = conjoin(flat, own);
    if (Array.isArray(allOf)) queue.push(...allOf);
    for (const branches of [anyOf, oneOf])
      if (Array.isArray(branches) && branches.length > 0) queue.push(branch(here, branches, context));
    if (condition !== undefined) {
      if (context.takeThen()) queue.push(condition, then ?? true);
      else queue.push(otherwise ?? true);
    }
  }
  return { schema: flat, names };
}

/** The branch picked; where a discriminator names it, with that name as its discriminating property. */
function branch(schema: SchemaObject, branches: readonly JsonSchema[], context: SettleContext): JsonSchema {
  const taken = context.pick(branches);
  const discriminator = schema.discriminator;
  const name = definitionName(taken);
  if (discriminator === undefined || name === undefined || !isSchemaObject(taken)) return taken;
  const mapped = Object.entries(discriminator.mapping ?? {}).find(
    ([, reference]) => reference === taken.$ref,
  );
  if (mapped === undefined) return taken;
  return { allOf: [taken, { properties: { [discriminator.propertyName]: { const: mapped[0] } } }] };
}

/** How two values of one keyword become one; a keyword not listed keeps the first value it had. */
const JOIN: Readonly<Record<string, (a: never, b: never) => unknown>> = {
  required: (a: readonly string[], b: readonly string[]) => [...new Set([...a, ...b])],
  minimum: Math.max,
  exclusiveMinimum: Math.max,
  minLength: Math.max,
  minItems: Math.max,
  minProperties: Math.max,
  minContains: Math.max,
  maximum: Math.min,
  exclusiveMaximum: Math.min,
  maxLength: Math.min,
  maxItems: Math.min,
  maxProperties: Math.min,
  multipleOf: leastCommonMultiple,
  uniqueItems: (a: boolean, b: boolean) => a || b,
  items: both,
  contains: both,
  propertyNames: both,
  additionalProperties: both,
  patternProperties: bothOfEach,
  dependentSchemas: bothOfEach,
  not: (a: JsonSchema, b: JsonSchema) => ({ anyOf: [a, b] }),
  // Both patterns at once as lookaheads: the generator follows the last part, the validator judges the whole.
  pattern: (a: string, b: string) => (a === b ? a : `(?=[\\s\\S]*?(?:${b}))(?:${a})`),
};

function conjoin(a: SchemaObject, b: SchemaObject): SchemaObject | false {
  const joined: Record<string, unknown> = { ...a };
  for (const [keyword, value] of Object.entries(b)) {
    const before = joined[keyword];
    // The table's functions each take the type of their own keyword, which this loop cannot know.
    const join = JOIN[keyword] as ((a: unknown, b: unknown) => unknown) | undefined;
    if (before === undefined) joined[keyword] = value;
    else if (join !== undefined) joined[keyword] = join(before, value);
  }
  if (a.properties !== undefined || b.properties !== undefined) joined['properties'] = joinProperties(a, b);
  const types = joinTypes(a.type, b.type);
  const values = joinValues(a, b);
  if (types?.length === 0 || values?.length === 0) return false;
  if (types !== undefined) joined['type'] = types;
  if (values !== undefined) {
    joined['enum'] = values;
    delete joined['const'];
  }
  return joined;
}

/** Also lays one side's `additionalProperties` on what only the other side declares. */
function joinProperties(a: SchemaObject, b: SchemaObject): Record<string, JsonSchema> {
  const joined: Record<string, JsonSchema> = {};
  for (const name of new Set([...Object.keys(a.properties ?? {}), ...Object.keys(b.properties ?? {})]))
    joined[name] = both(schemaOfProperty(a, name), schemaOfProperty(b, name));
  return joined;
}

/** What an object schema says of a property of this name. */
export function schemaOfProperty(schema: SchemaObject, name: string): JsonSchema {
  const named = own(schema.properties, name);
  const patterned = Object.entries(schema.patternProperties ?? {})
    .filter(([pattern]) => matches(pattern, name))
    .map(([, value]) => value);
  const parts = named === undefined ? patterned : [named, ...patterned];
  if (parts.length === 0) return schema.additionalProperties ?? true;
  return parts.length === 1 ? parts[0]! : { allOf: parts };
}

function matches(pattern: string, text: string): boolean {
  try {
    return new RegExp(pattern, 'u').test(text);
  } catch {
    // A pattern that is no regular expression in Unicode mode is the contract linter's finding, not ours.
    return false;
  }
}

function own<T>(map: Readonly<Record<string, T>> | undefined, name: string): T | undefined {
  return map !== undefined && Object.hasOwn(map, name) ? map[name] : undefined;
}

function joinTypes(a: SchemaObject['type'], b: SchemaObject['type']): readonly string[] | undefined {
  if (a === undefined || b === undefined) return asList(a ?? b);
  const left = asList(a)!;
  const right = asList(b)!;
  const shared = left.filter(
    (type) => right.includes(type) || (type === 'integer' && right.includes('number')),
  );
  if (right.includes('integer') && left.includes('number') && !shared.includes('integer'))
    shared.push('integer');
  return shared;
}

function asList(type: SchemaObject['type']): readonly string[] | undefined {
  // A type list is told from a single type here alone; Array.isArray does not narrow readonly lists.
  return type === undefined || Array.isArray(type)
    ? (type as readonly string[] | undefined)
    : [type as string];
}

function joinValues(a: SchemaObject, b: SchemaObject): readonly Json[] | undefined {
  const lists = [a, b].flatMap((schema) => [
    ...(Array.isArray(schema.enum) ? [schema.enum as readonly Json[]] : []),
    ...(schema.const === undefined ? [] : [[schema.const]]),
  ]);
  if (lists.length === 0) return undefined;
  return lists.reduce((left, right) => {
    const allowed = new Set(right.map(canonicalJson));
    return left.filter((value) => allowed.has(canonicalJson(value)));
  });
}

function both(a: JsonSchema, b: JsonSchema): JsonSchema {
  if (a === true || a === b) return b;
  if (b === true) return a;
  if (a === false || b === false) return false;
  return { allOf: [a, b] };
}

function bothOfEach(
  a: Readonly<Record<string, JsonSchema>>,
  b: Readonly<Record<string, JsonSchema>>,
): Record<string, JsonSchema> {
  const joined: Record<string, JsonSchema> = { ...a };
  for (const [name, schema] of Object.entries(b)) joined[name] = both(own(a, name) ?? true, schema);
  return joined;
}

function leastCommonMultiple(a: number, b: number): number {
  // Whole numbers only; for fractions the larger is a guess that the validator judges.
  if (!Number.isInteger(a) || !Number.isInteger(b)) return Math.max(a, b);
  let [x, y] = [a, b];
  while (y !== 0) [x, y] = [y, x % y];
  return (a / x) * b;
}
