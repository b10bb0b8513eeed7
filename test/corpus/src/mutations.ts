import type { Random } from '@tenon/model';
import { isSchemaObject, type JsonSchema, type SchemaObject } from '@tenon/schema';
import { choose, type PlaceInSchema, placesIn, replaced, type Whole } from './equivalence.ts';

/** One keyword made tighter; `undefined` where the schema gives no occasion for it. */
type Mutation = (schema: SchemaObject, random: Random) => JsonSchema | undefined;

const hasType = (schema: SchemaObject, type: string): boolean =>
  schema.type === type || (Array.isArray(schema.type) && schema.type.includes(type));
const isFree = (schema: SchemaObject): boolean =>
  schema.enum === undefined && schema.const === undefined && schema.format === undefined;

export const MUTATIONS: Readonly<Record<string, Mutation>> = {
  'a property becomes required': (schema, random) => {
    const optional = Object.keys(schema.properties ?? {}).filter((name) => !schema.required?.includes(name));
    const name = choose(optional, random);
    const of = name === undefined ? undefined : schema.properties![name];
    // What is readOnly is no part of a request: requiring it changes nothing.
    if (name === undefined || (isSchemaObject(of) && (of.readOnly === true || of.$ref !== undefined)))
      return undefined;
    return { ...schema, required: [...(schema.required ?? []), name] };
  },
  'a value of an enum goes': (schema) =>
    schema.enum && schema.enum.length > 1 ? { ...schema, enum: schema.enum.slice(1) } : undefined,
  'maxLength falls': (schema) => {
    if (!hasType(schema, 'string') || !isFree(schema) || schema.pattern !== undefined) return undefined;
    const least = schema.minLength ?? 0;
    if (schema.maxLength !== undefined && schema.maxLength <= least) return undefined;
    return {
      ...schema,
      maxLength: schema.maxLength === undefined ? Math.max(least, 20) : schema.maxLength - 1,
    };
  },
  'minLength rises': (schema) => {
    if (!hasType(schema, 'string') || !isFree(schema) || schema.pattern !== undefined) return undefined;
    const length = (schema.minLength ?? 0) + 1;
    return schema.maxLength !== undefined && length > schema.maxLength
      ? undefined
      : { ...schema, minLength: length };
  },
  'a pattern is set': (schema) =>
    hasType(schema, 'string') && isFree(schema) && schema.pattern === undefined && (schema.maxLength ?? 9) > 0
      ? { ...schema, pattern: '^[a-y]*$' }
      : undefined,
  'minimum rises': (schema) => {
    if (!(hasType(schema, 'integer') || hasType(schema, 'number')) || !isFree(schema)) return undefined;
    const bound = (schema.minimum ?? 0) + 1;
    return schema.maximum !== undefined && bound > schema.maximum ? undefined : { ...schema, minimum: bound };
  },
  'maximum falls': (schema) => {
    if (!(hasType(schema, 'integer') || hasType(schema, 'number')) || !isFree(schema)) return undefined;
    const bound = (schema.maximum ?? 1_000_001) - 1;
    return schema.minimum !== undefined && bound < schema.minimum ? undefined : { ...schema, maximum: bound };
  },
  'multipleOf is set': (schema) =>
    hasType(schema, 'integer') && isFree(schema) && schema.multipleOf === undefined
      ? { ...schema, multipleOf: 7 }
      : undefined,
  'number becomes integer': (schema) =>
    schema.type === 'number' && isFree(schema) ? { ...schema, type: 'integer' } : undefined,
  'null is no longer allowed': (schema) => {
    if (!Array.isArray(schema.type) || !schema.type.includes('null') || schema.type.length < 2 || schema.enum)
      return undefined;
    return { ...schema, type: (schema.type as readonly string[]).filter((type) => type !== 'null') };
  },
  'minItems rises': (schema) => {
    if (!hasType(schema, 'array')) return undefined;
    const count = (schema.minItems ?? 0) + 1;
    return schema.maxItems !== undefined && count > schema.maxItems
      ? undefined
      : { ...schema, minItems: count };
  },
  'maxItems falls': (schema) => {
    if (!hasType(schema, 'array') || schema.items === false) return undefined;
    const count = schema.maxItems === undefined ? Math.max(schema.minItems ?? 0, 3) : schema.maxItems - 1;
    return count < (schema.minItems ?? 0) ? undefined : { ...schema, maxItems: count };
  },
  'items must differ': (schema) =>
    hasType(schema, 'array') && schema.uniqueItems !== true && (schema.maxItems ?? 9) > 1
      ? { ...schema, uniqueItems: true }
      : undefined,
  'a value is excluded': (schema) =>
    hasType(schema, 'string') &&
    schema.not === undefined &&
    isFree(schema) &&
    schema.pattern === undefined &&
    (schema.minLength ?? 0) <= 3 &&
    (schema.maxLength ?? 9) >= 3
      ? { ...schema, not: { const: 'abc' } }
      : undefined,
};

export interface Mutated {
  readonly name: string;
  readonly place: PlaceInSchema;
  readonly whole: Whole;
}

/** One mutation at a random place that a value can reach. */
export function mutateSomewhere(whole: Whole, random: Random): Mutated | undefined {
  const places = placesIn(whole, true);
  const names = Object.keys(MUTATIONS);
  for (let i = 0; i < 60; i++) {
    const place = choose(places, random);
    if (!place) return undefined;
    const name = choose(names, random)!;
    const made = MUTATIONS[name]!(place.schema, random);
    if (made !== undefined) return { name, place, whole: replaced(whole, place, made) };
  }
  return undefined;
}
