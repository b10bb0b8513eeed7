import type { OperationPlan } from '@tenon/connector';
import { fromPointer } from '@tenon/model';
import { definitionName, isSchemaObject, type JsonSchema, type SchemaObject } from '@tenon/schema';

/**
 * What is known of a value: one of these alternatives, each a list of schemas that all hold. `any` where the contract
 * says nothing, so that nothing can be said against a use of it.
 */
export interface Place {
  readonly any: boolean;
  readonly alternatives: readonly (readonly SchemaObject[])[];
  readonly definitions: Readonly<Record<string, JsonSchema>>;
}

export const ANY: Place = { any: true, alternatives: [], definitions: {} };

/** One object, so that what is remembered of schemas without definitions is found again. */
const NO_DEFINITIONS: Place['definitions'] = {};

/** More alternatives than this, or a deeper nest of references, and the type is taken for `any`. */
const ALTERNATIVES_MAX = 256;
const EXPANSION_DEPTH_MAX = 64;

/** The value that a self-contained schema (definitions in its own `$defs`) describes. */
export function placeOf(schema: JsonSchema | undefined): Place {
  if (schema === undefined || schema === true) return ANY;
  if (!isSchemaObject(schema)) return place([schema], NO_DEFINITIONS);
  const known = placesBySchema.get(schema);
  if (known) return known;
  const made = place([schema], schema.$defs ?? NO_DEFINITIONS);
  placesBySchema.set(schema, made);
  return made;
}

const placesBySchema = new WeakMap<SchemaObject, Place>();

function place(schemas: readonly JsonSchema[], definitions: Place['definitions']): Place {
  const alternatives = schemas.flatMap((schema) => expand(schema, definitions, 0) ?? [undefined]);
  const known = alternatives.filter((one) => one !== undefined);
  const any =
    known.length !== alternatives.length ||
    known.length > ALTERNATIVES_MAX ||
    known.some((one) => one.length === 0);
  return { any, alternatives: any ? [] : known, definitions };
}

/** Alternatives of a schema; `undefined` for too many to follow; an empty inner list is "anything". */
function expand(
  schema: JsonSchema,
  definitions: Place['definitions'],
  depth: number,
): (readonly SchemaObject[])[] | undefined {
  if (schema === true) return [[]];
  if (schema === false) return [];
  if (depth > EXPANSION_DEPTH_MAX) return undefined;
  let alternatives: (readonly SchemaObject[])[] = [isBare(schema) ? [] : [schema]];
  const name = definitionName(schema);
  const parts: (readonly JsonSchema[])[] = [];
  if (name !== undefined) parts.push([definitions[name] ?? true]);
  for (const part of schema.allOf ?? []) parts.push([part]);
  if (schema.anyOf) parts.push(schema.anyOf);
  if (schema.oneOf) parts.push(schema.oneOf);
  for (const choices of parts) {
    const expanded: (readonly SchemaObject[])[] = [];
    for (const choice of choices) {
      const inner = expand(choice, definitions, depth + 1);
      if (!inner) return undefined;
      expanded.push(...inner);
    }
    alternatives = alternatives.flatMap((left) => expanded.map((right) => [...left, ...right]));
    if (alternatives.length > ALTERNATIVES_MAX) return undefined;
  }
  return alternatives;
}

/** Says nothing itself, beyond what its parts and references say. */
function isBare(schema: SchemaObject): boolean {
  return Object.keys(schema).every((keyword) => SILENT.has(keyword));
}

const SILENT: ReadonlySet<string> = new Set(
  '$ref $defs allOf anyOf oneOf title description examples example default deprecated discriminator readOnly writeOnly'.split(
    ' ',
  ),
);

export interface Field {
  /** `undefined`: no alternative has such a field. */
  readonly place?: Place;
  /** Names that would have been right. */
  readonly candidates: readonly string[];
  /** Some alternative lacks the field, or does not require it. */
  readonly mayBeAbsent: boolean;
  /** No alternative is an object (or a list, for an item) at all: what the value is instead. */
  readonly notA?: string;
}

/** Follows one member: `name`, or `*` for the items of a list. The same object each time for the same place. */
export function fieldOf(from: Place, name: string): Field {
  const fields = fieldsByPlace.get(from) ?? new Map<string, Field>();
  const known = fields.get(name);
  if (known) return known;
  const found = followed(from, name);
  // Names that are in no contract are made up by whoever writes: they are not kept.
  if (found.place) fieldsByPlace.set(from, fields.set(name, found));
  return found;
}

const fieldsByPlace = new WeakMap<Place, Map<string, Field>>();

function followed(from: Place, name: string): Field {
  if (from.any) return { place: ANY, candidates: [], mayBeAbsent: false };
  const found: JsonSchema[] = [];
  const candidates = new Set<string>();
  let isAny = false;
  let mayBeAbsent = false;
  let fitting = 0;
  for (const alternative of from.alternatives) {
    if (excludes(alternative, name === '*' ? 'container' : 'object')) {
      // A null beside an object is reported by the type checker, not as an unknown field.
      mayBeAbsent = true;
      continue;
    }
    fitting++;
    for (const part of alternative)
      for (const known of Object.keys(part.properties ?? {})) candidates.add(known);
    const here = name === '*' ? itemsOf(alternative) : memberOf(alternative, name);
    if (here === 'any') isAny = true;
    else if (here === undefined) mayBeAbsent = true;
    else found.push(here);
    if (!alternative.some((part) => part.required?.includes(name))) mayBeAbsent = true;
  }
  const names = [...candidates];
  if (isAny) return { place: ANY, candidates: names, mayBeAbsent };
  if (found.length > 0) return { place: place(found, from.definitions), candidates: names, mayBeAbsent };
  if (fitting === 0) return { candidates: names, mayBeAbsent, notA: typeNames(from) };
  return { candidates: names, mayBeAbsent };
}

function memberOf(alternative: readonly SchemaObject[], name: string): JsonSchema | 'any' | undefined {
  const found: JsonSchema[] = [];
  let isClosed = false;
  let hasNames = false;
  for (const part of alternative) {
    const properties = part.properties ?? {};
    if (Object.keys(properties).length > 0) hasNames = true;
    if (Object.hasOwn(properties, name)) found.push(properties[name]!);
    else {
      const matching = Object.entries(part.patternProperties ?? {}).filter(([pattern]) =>
        matches(pattern, name),
      );
      if (matching.length > 0) found.push(...matching.map(([, schema]) => schema));
      else if (part.additionalProperties === false || part.unevaluatedProperties === false) isClosed = true;
      else if (part.additionalProperties !== undefined) found.push(part.additionalProperties);
    }
  }
  const told = found.filter((schema) => schema !== true);
  if (told.length > 0) return told.length === 1 ? told[0] : { allOf: told };
  if (found.length > 0) return 'any';
  return isClosed || hasNames ? undefined : 'any';
}

/** Items of a list, or, under `*`, values of an object used as a map. */
function itemsOf(alternative: readonly SchemaObject[]): JsonSchema | 'any' | undefined {
  const found: JsonSchema[] = [];
  for (const part of alternative) {
    if (part.prefixItems) found.push(...part.prefixItems);
    if (part.items !== undefined && part.items !== false) found.push(part.items);
    if (part.properties) found.push(...Object.values(part.properties));
    if (isSchemaObject(part.additionalProperties)) found.push(part.additionalProperties);
  }
  if (found.length === 0 || found.includes(true)) return 'any';
  return found.length === 1 ? found[0] : { anyOf: found };
}

function matches(pattern: string, name: string): boolean {
  try {
    return new RegExp(pattern, 'u').test(name);
  } catch {
    // A pattern this engine cannot read says nothing about the name.
    return true;
  }
}

export type JsonType = 'null' | 'boolean' | 'integer' | 'number' | 'string' | 'array' | 'object';

/** The types a value may have; all of them where the contract does not say. */
export function typesOf(from: Place): ReadonlySet<JsonType> {
  const known = typesByPlace.get(from);
  if (known) return known;
  const types = from.any
    ? new Set(ALL_TYPES)
    : new Set(from.alternatives.flatMap((alternative) => [...typesOfAlternative(alternative)]));
  typesByPlace.set(from, types);
  return types;
}

const typesByPlace = new WeakMap<Place, ReadonlySet<JsonType>>();

const ALL_TYPES: readonly JsonType[] = ['null', 'boolean', 'integer', 'number', 'string', 'array', 'object'];

function typesOfAlternative(alternative: readonly SchemaObject[]): ReadonlySet<JsonType> {
  let types = new Set(ALL_TYPES);
  for (const part of alternative) {
    const own = ownTypes(part);
    if (own) types = new Set([...types].filter((type) => own.has(type)));
  }
  return types;
}

function ownTypes(part: SchemaObject): ReadonlySet<string> | undefined {
  if (part.type !== undefined) {
    const listed: readonly string[] = typeof part.type === 'string' ? [part.type] : part.type;
    return new Set(listed.includes('number') ? [...listed, 'integer'] : listed);
  }
  const values = part.const !== undefined ? [part.const] : part.enum;
  return values && new Set(values.flatMap((value) => typesOfValue(value)));
}

function typesOfValue(value: unknown): readonly JsonType[] {
  if (value === null) return ['null'];
  if (Array.isArray(value)) return ['array'];
  if (typeof value === 'number') return Number.isInteger(value) ? ['integer', 'number'] : ['number'];
  if (typeof value === 'boolean' || typeof value === 'string') return [typeof value as 'boolean' | 'string'];
  return ['object'];
}

function excludes(alternative: readonly SchemaObject[], wanted: 'object' | 'container'): boolean {
  const types = typesOfAlternative(alternative);
  return !types.has('object') && !(wanted === 'container' && types.has('array'));
}

/** `a string`, `a string or null`: for messages. */
export function typeNames(from: Place): string {
  if (from.any) return 'anything';
  const types = [...typesOf(from)].filter((type, _, all) => type !== 'integer' || !all.includes('number'));
  return types.map((type) => TYPE_NAMES[type]).join(' or ') || 'nothing';
}

const TYPE_NAMES: Readonly<Record<JsonType, string>> = {
  null: 'null',
  boolean: 'a boolean',
  integer: 'an integer',
  number: 'a number',
  string: 'a string',
  array: 'a list',
  object: 'an object',
};

/** A member that is not there, and those that are. */
export interface Gap {
  readonly name: string;
  readonly candidates: readonly string[];
}

/** The first member on a pointer's way into an operation's input that it never has. */
export function inputGap({ input }: Pick<OperationPlan, 'input'>, pointer: string): Gap | undefined {
  return firstGap(placeOf(input), pointer);
}

/** The first member on a pointer's way that a place does not have. */
export function firstGap(from: Place, pointer: string): Gap | undefined {
  let here = from;
  for (const name of fromPointer(pointer)) {
    const field = fieldOf(here, name);
    const found =
      field.place ?? (isIndex(name) && typesOf(here).has('array') ? fieldOf(here, '*').place : undefined);
    if (!found) return { name, candidates: field.candidates };
    here = found;
  }
  return undefined;
}

/** RFC 6901 §4. */
export function isIndex(token: string): boolean {
  return /^(0|[1-9]\d*)$/.test(token);
}
