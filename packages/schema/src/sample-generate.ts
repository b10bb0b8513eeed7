import { canonicalJson, isObject, type Json, type Random } from '@tenon/model';
import { fits } from './sample-fit.ts';
import { sampleNumber } from './sample-number.ts';
import { textLike } from './sample-pattern.ts';
import { type SettleContext, schemaOfProperty, settle } from './sample-settle.ts';
import { sampleText } from './sample-text.ts';
import { isOfType, typesOf } from './sample-type.ts';
import { isSchemaObject, type JsonSchema, type SchemaObject } from './schema.ts';
import { definitionName } from './walk.ts';

/** Below this depth no optional property is made. */
const OPTIONAL_DEPTH = 3;
/** Deeper than any sensible document. */
const DEPTH_MAX = 40;
/** How often a definition may lie within itself: one that requires itself ends here, without a sample. */
const RECURSION_MAX = 4;
/** Values made before optional properties stop, and before the attempt is given up. */
const NODES_SOFT = 1_500;
const NODES_MAX = 20_000;
/** Tries of one node before its parent is told that there is none. */
const NODE_TRIES = 6;
const NULL_SHARE = 0.1;

export interface Generation {
  readonly random: Random;
  readonly definitions: Readonly<Record<string, JsonSchema>>;
  /** Probability of an optional property. */
  readonly optional: number;
  /** Probability that a written example is taken where there is one. */
  readonly examples: number;
  /** Definitions being made, outermost first: inside its own definition nothing optional is made. */
  readonly open: string[];
  nodes: number;
}

export function newGeneration(
  options: Pick<Generation, 'random' | 'definitions' | 'optional' | 'examples'>,
): Generation {
  return { ...options, open: [], nodes: 0 };
}

/** A value made along a schema; near enough to fit mostly, `undefined` where no way was found. */
export function generate(schema: JsonSchema, generation: Generation, depth: number): Json | undefined {
  if (schema === false || depth > DEPTH_MAX) return undefined;
  const tries = needsJudging(schema, generation) ? NODE_TRIES : 2;
  for (let attempt = 0; attempt < tries; attempt++) {
    generation.nodes += 1;
    if (generation.nodes > NODES_MAX) return undefined;
    const { schema: flat, names } = settle(schema, choices(generation, depth));
    if (flat === false) continue;
    const recursion = Math.max(0, ...names.map((name) => timesOpen(name, generation)));
    if (recursion > RECURSION_MAX) continue;
    generation.open.push(...names);
    const value = generateFlat(flat, generation, depth, recursion > 0);
    generation.open.length -= names.length;
    if (value !== undefined && (tries === 2 || fits(schema, value, generation.definitions))) return value;
  }
  return undefined;
}

function timesOpen(name: string, generation: Generation): number {
  return generation.open.filter((open) => open === name).length;
}

/** Keywords that generation does not follow to the letter: what is made under them is judged where it is made. */
function needsJudging(schema: JsonSchema, { definitions }: Generation): boolean {
  const name = definitionName(schema);
  const target = name === undefined ? undefined : definitions[name];
  return [schema, target].some(
    (part) => isSchemaObject(part) && JUDGED.some((keyword) => part[keyword] !== undefined),
  );
}

const JUDGED = ['oneOf', 'anyOf', 'allOf', 'not', 'if', 'contains', 'dependentSchemas', 'propertyNames'];

function choices(generation: Generation, depth: number): SettleContext {
  const { random, definitions } = generation;
  return {
    definitions,
    takeThen: () => random.next() < 0.5,
    pick: (branches) => {
      const usable = branches.filter((branch) => branch !== false);
      const shallow = usable.filter((branch) => isShallow(branch, generation));
      const hurried = depth > OPTIONAL_DEPTH || generation.nodes > NODES_SOFT;
      const calm = usable.filter((branch) => !isNullOnly(branch));
      const pool =
        hurried && shallow.length > 0 && random.next() < 0.9
          ? shallow
          : random.next() < NULL_SHARE
            ? usable
            : calm;
      return pick(pool.length > 0 ? pool : branches, random) ?? false;
    },
  };
}

/** Can this branch be filled without going deep? */
function isShallow(schema: JsonSchema, generation: Generation): boolean {
  const name = definitionName(schema);
  if (name !== undefined && generation.open.includes(name)) return false;
  const target = name === undefined ? schema : (generation.definitions[name] ?? false);
  if (!isSchemaObject(target)) return target;
  const types = typesOf(target);
  return types.length > 0 && types.every((type) => type !== 'object' && type !== 'array');
}

function isNullOnly(schema: JsonSchema): boolean {
  return isSchemaObject(schema) && (schema.type === 'null' || schema.const === null);
}

function generateFlat(
  schema: SchemaObject,
  generation: Generation,
  depth: number,
  isRecursive: boolean,
): Json | undefined {
  const { random } = generation;
  if (schema.const !== undefined) return schema.const;
  if (Array.isArray(schema.enum)) return pickValue(schema, random);
  const example = scalarExample(schema, generation);
  if (example !== undefined) return example;
  const types = typesOf(schema);
  const withoutNull = types.filter((type) => type !== 'null');
  const wantsNull =
    types.includes('null') && (withoutNull.length === 0 || isRecursive || random.next() < NULL_SHARE);
  const type = wantsNull ? 'null' : pick(withoutNull, random);
  const lean = isRecursive || depth > OPTIONAL_DEPTH || generation.nodes > NODES_SOFT;
  const made = type === undefined ? words(random) : MAKERS[type]?.(schema, generation, depth, lean);
  return made === undefined && types.includes('null') ? null : made;
}

function pickValue(schema: SchemaObject, random: Random): Json | undefined {
  const types = schema.type === undefined ? undefined : typesOf(schema);
  const allowed = schema.enum!.filter(
    (value) => types === undefined || types.some((type) => isOfType(value, type)),
  );
  const calm = allowed.filter((value) => value !== null);
  return pick(calm.length > 0 && random.next() >= NULL_SHARE ? calm : allowed, random);
}

/** An example the author wrote, where it is a plain value that fits; whole objects are made from their parts. */
function scalarExample(schema: SchemaObject, generation: Generation): Json | undefined {
  const written = [
    ...(Array.isArray(schema.examples) ? (schema.examples as readonly Json[]) : []),
    schema.default,
  ];
  const usable = written.filter(
    (value): value is Json =>
      value !== undefined &&
      value !== null &&
      typeof value !== 'object' &&
      fits(schema, value, generation.definitions),
  );
  if (usable.length === 0 || generation.random.next() >= generation.examples) return undefined;
  return pick(usable, generation.random);
}

type Make = (schema: SchemaObject, generation: Generation, depth: number, lean: boolean) => Json | undefined;

const MAKERS: Readonly<Record<string, Make>> = {
  null: () => null,
  boolean: (_schema, { random }) => random.next() < 0.5,
  integer: (schema, { random }) => sampleNumber(schema, random, true),
  number: (schema, { random }) => sampleNumber(schema, random, false),
  string: (schema, { random }) => sampleText(schema, random),
  array: sampleList,
  object: sampleObject,
};

function sampleList(
  schema: SchemaObject,
  generation: Generation,
  depth: number,
  lean: boolean,
): Json | undefined {
  const prefix = schema.prefixItems ?? [];
  const rest = schema.items ?? schema.unevaluatedItems !== false;
  const contained = schema.contains === undefined ? 0 : (schema.minContains ?? 1);
  const least = Math.max(schema.minItems ?? 0, contained);
  const wanted = lean
    ? least
    : Math.max(least, prefix.length, schema.items === undefined ? 0 : 1 + below(generation.random, 2));
  const length = Math.min(
    wanted,
    schema.maxItems ?? Number.POSITIVE_INFINITY,
    rest === false ? prefix.length : Number.POSITIVE_INFINITY,
  );
  if (length < least) return undefined;
  const items: Json[] = [];
  const seen = new Set<string>();
  for (let index = 0; index < length; index++) {
    const base = prefix[index] ?? rest;
    const item = index < contained ? { allOf: [base, schema.contains!] } : base;
    const value = unlike(item, generation, depth, schema.uniqueItems === true ? seen : undefined);
    if (value === undefined) return items.length >= least ? items : undefined;
    items.push(value);
  }
  return items;
}

/** An item unlike those seen, where they must differ. */
function unlike(
  schema: JsonSchema,
  generation: Generation,
  depth: number,
  seen?: Set<string>,
): Json | undefined {
  for (let attempt = 0; attempt < NODE_TRIES * 2; attempt++) {
    const value = generate(schema, generation, depth + 1);
    if (value === undefined || seen === undefined) return value;
    const text = canonicalJson(value);
    if (!seen.has(text)) {
      seen.add(text);
      return value;
    }
  }
  return undefined;
}

function sampleObject(
  schema: SchemaObject,
  generation: Generation,
  depth: number,
  lean: boolean,
): Json | undefined {
  const most = schema.maxProperties ?? Number.POSITIVE_INFINITY;
  const names = new Set(schema.required ?? []);
  const optional = Object.keys(schema.properties ?? {}).filter((name) => !names.has(name));
  for (const name of optional) {
    const isWanted = generation.random.next() < generation.optional && !lean;
    if (names.size < most && (isWanted || names.size < (schema.minProperties ?? 0))) names.add(name);
  }
  addDependent(schema, names);
  const governed = withDependentSchemas(schema, names);
  const made: Record<string, Json> = Object.create(null);
  for (const name of names) {
    const value = generate(schemaOfProperty(governed, name), generation, depth + 1);
    if (value !== undefined) made[name] = value;
    else if (governed.required?.includes(name)) return undefined;
  }
  const least = Math.max(
    schema.minProperties ?? 0,
    Object.keys(made).length + extraEntries(schema, generation, lean),
  );
  if (!addEntries(governed, made, Math.min(least, most), generation, depth)) return undefined;
  return { ...made };
}

function addDependent(schema: SchemaObject, names: Set<string>): void {
  // A set grows while it is walked, so what is added brings its own dependents.
  for (const name of names) for (const other of schema.dependentRequired?.[name] ?? []) names.add(other);
}

function withDependentSchemas(schema: SchemaObject, names: Set<string>): SchemaObject {
  const parts = [...names].flatMap((name) => {
    const part = schema.dependentSchemas?.[name];
    return part === undefined ? [] : [part];
  });
  if (parts.length === 0) return schema;
  const { dependentSchemas: _done, ...rest } = schema;
  const joined = settle(
    { allOf: [rest, ...parts] },
    { definitions: {}, pick: (all) => all[0]!, takeThen: () => true },
  );
  if (joined.schema === false) return schema;
  for (const name of joined.schema.required ?? []) names.add(name);
  return joined.schema;
}

/** A map (no property named, values described) gets an entry, so that its values are seen. */
function extraEntries(schema: SchemaObject, generation: Generation, lean: boolean): number {
  const isMap =
    schema.properties === undefined &&
    (isObject(schema.additionalProperties) || schema.patternProperties !== undefined);
  return isMap && !lean && generation.random.next() < generation.optional ? 1 : 0;
}

function addEntries(
  schema: SchemaObject,
  made: Record<string, Json>,
  count: number,
  generation: Generation,
  depth: number,
): boolean {
  let tries = count * 4 + NODE_TRIES;
  while (Object.keys(made).length < count && tries-- > 0) {
    const name = entryName(schema, generation, depth);
    if (name === undefined || Object.hasOwn(made, name)) continue;
    const value = generate(schemaOfProperty(schema, name), generation, depth + 1);
    if (value !== undefined) made[name] = value;
  }
  return Object.keys(made).length >= (schema.minProperties ?? 0);
}

function entryName(schema: SchemaObject, generation: Generation, depth: number): string | undefined {
  if (schema.propertyNames !== undefined) {
    const name = generate({ allOf: [{ type: 'string' }, schema.propertyNames] }, generation, depth + 1);
    return typeof name === 'string' ? name : undefined;
  }
  const patterns = Object.keys(schema.patternProperties ?? {});
  if (patterns.length > 0 && (schema.additionalProperties === false || generation.random.next() < 0.5))
    return textLike(pick(patterns, generation.random)!, generation.random);
  return words(generation.random);
}

function words(random: Random): string {
  return sampleText({}, random)!;
}

function pick<T>(list: readonly T[], random: Random): T | undefined {
  return list[below(random, list.length)];
}

function below(random: Random, count: number): number {
  return Math.floor(random.next() * count);
}
