import { fromPointer, type Json, seededRandom } from '@tenon/model';
import {
  compileValidator,
  definitionName,
  isSchemaObject,
  type JsonSchema,
  reachableDefinitions,
  type SchemaObject,
  sample,
} from '@tenon/schema';

export type Definitions = Readonly<Record<string, JsonSchema>>;

/** A field that a pointer leads to. */
export interface Field {
  readonly schema: JsonSchema;
  /** Must every value have it, down the whole way (a list's items where it has any)? */
  readonly isRequired: boolean;
  /** May it, or something on the way, be null? */
  readonly isNullable: boolean;
}

/** Follows a pointer (`*` for any list item) through references and `allOf`; `undefined` where a union divides the way. */
export function fieldAt(schema: JsonSchema, pointer: string, definitions: Definitions): Field | undefined {
  let here = schema;
  let isRequired = true;
  let isNullable = false;
  for (const token of fromPointer(pointer)) {
    isNullable ||= mayBeNull(here, definitions);
    const next = member(here, token, definitions);
    if (next === undefined) return undefined;
    isRequired &&= next.isRequired;
    here = next.schema;
  }
  return { schema: here, isRequired, isNullable: isNullable || mayBeNull(here, definitions) };
}

interface Member {
  readonly schema: JsonSchema;
  readonly isRequired: boolean;
}

const PARTS_DEPTH_MAX = 20;

function member(schema: JsonSchema, token: string, definitions: Definitions): Member | undefined {
  const parts = partsOf(schema, definitions);
  const requiring = parts.some((part) => part.required?.includes(token) === true);
  for (const part of parts) {
    if (token === '*' && part.items !== undefined) return { schema: part.items, isRequired: true };
    const property =
      part.properties === undefined || !Object.hasOwn(part.properties, token)
        ? undefined
        : part.properties[token];
    if (property !== undefined) return { schema: property, isRequired: requiring };
  }
  return undefined;
}

/** The object schemas that all hold at once: the schema itself, what it refers to, what it is composed of. */
function partsOf(schema: JsonSchema, definitions: Definitions, depth = 0): SchemaObject[] {
  if (!isSchemaObject(schema) || depth > PARTS_DEPTH_MAX) return [];
  const name = definitionName(schema);
  const target = name === undefined ? undefined : definitions[name];
  return [
    schema,
    ...(target === undefined ? [] : partsOf(target, definitions, depth + 1)),
    ...(schema.allOf ?? []).flatMap((part) => partsOf(part, definitions, depth + 1)),
  ];
}

function mayBeNull(schema: JsonSchema, definitions: Definitions, depth = 0): boolean {
  return partsOf(schema, definitions).some((part) => {
    if (part.type === 'null' || (Array.isArray(part.type) && part.type.includes('null'))) return true;
    if (depth > PARTS_DEPTH_MAX) return false;
    return [...(part.anyOf ?? []), ...(part.oneOf ?? [])].some((arm) =>
      mayBeNull(arm, definitions, depth + 1),
    );
  });
}

/** The kinds of value that a field without null may have: `string`, `integer` …; empty where the schema does not say. */
export function typesOf(schema: JsonSchema, definitions: Definitions): readonly string[] {
  for (const part of partsOf(schema, definitions)) {
    const types = typeof part.type === 'string' ? [part.type] : (part.type ?? []);
    if (types.length > 0) return types.filter((type) => type !== 'null');
  }
  return [];
}

export function enumOf(schema: JsonSchema, definitions: Definitions): readonly Json[] | undefined {
  for (const part of partsOf(schema, definitions)) if (part.enum) return part.enum;
  return undefined;
}

/**
 * A value for a field, the same each time: an example of the contract's own where it fits, a readable string where one
 * does, else whatever fits. `undefined` when none was found.
 */
export function exampleOf(name: string, schema: JsonSchema, definitions: Definitions): Json | undefined {
  const check = validatorOf(schema, definitions);
  const written = partsOf(schema, definitions).flatMap((part) => [
    ...(part.const === undefined ? [] : [part.const]),
    ...(Array.isArray(part.examples) ? part.examples : []),
    // OpenAPI 3.0's `example`, where a loader keeps it.
    ...(part['example'] === undefined ? [] : [part['example'] as Json]),
    ...(part.enum ?? []),
    ...(part.default === undefined ? [] : [part.default]),
  ]);
  const readable = `example-${name.replace(/[^A-Za-z0-9]+/g, '-')}`;
  for (const value of [...written, ...(typesOf(schema, definitions).includes('string') ? [readable] : [])])
    if (value !== null && check(value).length === 0) return value;
  return sample(schema, {
    random: seededRandom(SEED),
    definitions: reachableDefinitions(schema, definitions),
    optional: 0,
  });
}

export function fits(schema: JsonSchema, value: Json, definitions: Definitions): boolean {
  return validatorOf(schema, definitions)(value).length === 0;
}

function validatorOf(schema: JsonSchema, definitions: Definitions): ReturnType<typeof compileValidator> {
  return compileValidator(schema, { definitions: reachableDefinitions(schema, definitions) });
}

/** Any: it only has to stay. */
const SEED = 1;
