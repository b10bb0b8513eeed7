import type { Json, Random } from '@tenon/model';
import {
  definitionName,
  isSchemaObject,
  type JsonSchema,
  type SchemaObject,
  subschemas,
} from '@tenon/schema';

type Definitions = Readonly<Record<string, JsonSchema>>;

/** A schema with its definitions: what a rewrite or a mutation changes one place of. */
export interface Whole {
  readonly schema: JsonSchema;
  readonly definitions: Definitions;
}

/** One way to say the same otherwise; `undefined` where the schema gives no occasion for it. */
type Rewrite = (
  schema: SchemaObject,
  whole: Whole,
) => { readonly schema: JsonSchema; readonly definitions?: Definitions } | undefined;

const without = (schema: SchemaObject, ...keywords: readonly string[]): SchemaObject =>
  Object.fromEntries(Object.entries(schema).filter(([keyword]) => !keywords.includes(keyword)));

const pick = (schema: SchemaObject, ...keywords: readonly string[]): SchemaObject =>
  Object.fromEntries(Object.entries(schema).filter(([keyword]) => keywords.includes(keyword)));

const SPLITTABLE = [
  'type',
  'required',
  'minLength',
  'maxLength',
  'pattern',
  'minimum',
  'maximum',
  'minItems',
  'maxItems',
  'enum',
];

/** The rewrites, by name. */
export const REWRITES: Readonly<Record<string, Rewrite>> = {
  'split into allOf': (schema) => {
    const moved = SPLITTABLE.filter((keyword) => schema[keyword] !== undefined);
    if (moved.length < 1 || Object.keys(schema).length < 2 || schema.allOf) return undefined;
    return { schema: { ...without(schema, ...moved), allOf: [pick(schema, ...moved)] } };
  },
  'split properties into allOf': (schema) => {
    const entries = Object.entries(schema.properties ?? {});
    const speaksOfOthers = ['additionalProperties', 'unevaluatedProperties', 'patternProperties'].some(
      (keyword) => schema[keyword] !== undefined,
    );
    if (entries.length < 2 || schema.allOf || speaksOfOthers) return undefined;
    const half = entries.length >> 1;
    return {
      schema: {
        ...without(schema, 'properties'),
        allOf: [
          { properties: Object.fromEntries(entries.slice(0, half)) },
          { properties: Object.fromEntries(entries.slice(half)) },
        ],
      },
    };
  },
  'wrap in allOf': (schema) => (schema.$ref === undefined ? { schema: { allOf: [schema] } } : undefined),
  'wrap a reference in allOf': (schema) =>
    schema.$ref !== undefined && Object.keys(schema).length === 1
      ? { schema: { allOf: [schema] } }
      : undefined,
  'inline a reference': (schema, { definitions }) => {
    const name = definitionName(schema);
    const target = name === undefined ? undefined : definitions[name];
    return target !== undefined && Object.keys(schema).length === 1 ? { schema: target } : undefined;
  },
  'extract a component': (schema, { definitions }) => {
    if (schema.$ref !== undefined) return undefined;
    const name = `extracted${Object.keys(definitions).length}`;
    return { schema: { $ref: `#/$defs/${name}` }, definitions: { ...definitions, [name]: schema } };
  },
  'rename a component': (schema, { definitions }) => {
    const name = definitionName(schema);
    const target = name === undefined ? undefined : definitions[name];
    if (target === undefined || Object.keys(schema).length !== 1) return undefined;
    return {
      schema: { $ref: '#/$defs/renamed_here' },
      definitions: { ...definitions, renamed_here: target },
    };
  },
  reorder: (schema) => {
    const reversed = Object.fromEntries(Object.entries(schema).reverse()) as SchemaObject;
    return {
      schema: {
        ...reversed,
        ...(schema.properties && {
          properties: Object.fromEntries(Object.entries(schema.properties).reverse()),
        }),
        ...(schema.required && { required: schema.required.toReversed() }),
        ...(schema.enum && { enum: schema.enum.toReversed() }),
        ...(schema.anyOf && { anyOf: schema.anyOf.toReversed() }),
        ...(schema.oneOf && { oneOf: schema.oneOf.toReversed() }),
      },
    };
  },
  'const to enum': (schema) => {
    if (schema.const !== undefined && !schema.enum)
      return { schema: { ...without(schema, 'const'), enum: [schema.const] } };
    if (schema.enum?.length === 1 && schema.const === undefined)
      return { schema: { ...without(schema, 'enum'), const: schema.enum[0] as Json } };
    return undefined;
  },
  'enum to union of constants': (schema) => {
    if (!schema.enum || schema.enum.length < 2 || schema.enum.length > 12 || schema.anyOf) return undefined;
    return { schema: { ...without(schema, 'enum'), anyOf: schema.enum.map((value) => ({ const: value })) } };
  },
  'bounds of integers': (schema) => {
    if (schema.type !== 'integer') return undefined;
    if (Number.isInteger(schema.minimum))
      return { schema: { ...without(schema, 'minimum'), exclusiveMinimum: schema.minimum! - 1 } };
    if (Number.isInteger(schema.maximum))
      return { schema: { ...without(schema, 'maximum'), exclusiveMaximum: schema.maximum! + 1 } };
    return undefined;
  },
  'bounds said twice': (schema) => {
    if (schema.minLength !== undefined && schema.minLength > 0)
      return { schema: { ...schema, allOf: [...(schema.allOf ?? []), { minLength: schema.minLength - 1 }] } };
    if (schema.maximum !== undefined)
      return { schema: { ...schema, allOf: [...(schema.allOf ?? []), { maximum: schema.maximum + 1 }] } };
    return undefined;
  },
  'list of types to union': (schema) => {
    if (!Array.isArray(schema.type) || schema.anyOf || schema.oneOf) return undefined;
    return {
      schema: {
        ...without(schema, 'type'),
        anyOf: (schema.type as readonly string[]).map((type) => ({ type })),
      },
    };
  },
  'disjoint oneOf to anyOf': (schema, { definitions }) => {
    if (!schema.oneOf || schema.anyOf) return undefined;
    const types = schema.oneOf.map((branch) => typeOf(branch, definitions));
    if (types.includes(undefined) || new Set(types).size !== types.length) return undefined;
    return { schema: { ...without(schema, 'oneOf'), anyOf: schema.oneOf } };
  },
  'double negation': (schema) =>
    schema.not === undefined ? { schema: { ...schema, not: { not: pick(schema, 'type') } } } : undefined,
};

function typeOf(schema: JsonSchema, definitions: Definitions): string | undefined {
  if (!isSchemaObject(schema)) return undefined;
  const name = definitionName(schema);
  if (name !== undefined) return typeOf(definitions[name] ?? true, {});
  // `integer` is within `number`: only types that never meet will do.
  return typeof schema.type === 'string' ? schema.type.replace('integer', 'number') : undefined;
}

/** Every place of a schema that a value can reach, through definitions too: a way to it, and what stands there. */
export interface PlaceInSchema {
  readonly definition: string | undefined;
  readonly tokens: readonly string[];
  readonly schema: SchemaObject;
}

const PLACES_MAX = 4_000;
/** Keywords below which a tighter schema is not a tighter whole. */
const CONTRARY = new Set([
  'not',
  'if',
  'then',
  'else',
  'contains',
  'propertyNames',
  'dependentSchemas',
  'oneOf',
  '$defs',
]);

/** `isPlain` leaves out what stands below a negation or a condition. */
export function placesIn(whole: Whole, isPlain: boolean): readonly PlaceInSchema[] {
  const found: PlaceInSchema[] = [];
  const seen = new Set<string>();
  const visit = (schema: JsonSchema, definition: string | undefined, tokens: readonly string[]): void => {
    if (!isSchemaObject(schema) || found.length >= PLACES_MAX) return;
    found.push({ definition, tokens, schema });
    const name = definitionName(schema);
    if (name !== undefined && !seen.has(name) && whole.definitions[name] !== undefined) {
      seen.add(name);
      visit(whole.definitions[name]!, name, []);
    }
    for (const child of subschemas(schema)) {
      if (isPlain && CONTRARY.has(child.tokens[0]!)) continue;
      visit(child.schema, definition, [...tokens, ...child.tokens]);
    }
  };
  visit(whole.schema, undefined, []);
  return found;
}

/** The whole with another schema at one place; all that is not on the way there is shared. */
export function replaced(
  whole: Whole,
  place: PlaceInSchema,
  by: JsonSchema,
  definitions: Definitions = whole.definitions,
): Whole {
  const put = (here: unknown, tokens: readonly string[]): unknown => {
    const [token, ...rest] = tokens;
    if (token === undefined) return by;
    if (Array.isArray(here))
      return here.map((item, i) => (String(i) === token ? put(item, rest) : (item as unknown)));
    const object = here as Readonly<Record<string, unknown>>;
    return { ...object, [token]: put(object[token], rest) };
  };
  if (place.definition === undefined)
    return { schema: put(whole.schema, place.tokens) as JsonSchema, definitions };
  const changed = put(definitions[place.definition], place.tokens) as JsonSchema;
  return { schema: whole.schema, definitions: { ...definitions, [place.definition]: changed } };
}

export function choose<T>(items: readonly T[], random: Random): T | undefined {
  return items[Math.floor(random.next() * items.length)];
}

export interface Rewritten {
  readonly name: string;
  readonly whole: Whole;
}

/** One rewrite at a random place; `undefined` when the tries gave no occasion. */
export function rewriteSomewhere(whole: Whole, random: Random): Rewritten | undefined {
  const places = placesIn(whole, false);
  const names = Object.keys(REWRITES);
  for (let i = 0; i < 40; i++) {
    const place = choose(places, random);
    if (!place) return undefined;
    const name = choose(names, random)!;
    const made = REWRITES[name]!(place.schema, whole);
    if (made) return { name, whole: replaced(whole, place, made.schema, made.definitions) };
  }
  return undefined;
}
