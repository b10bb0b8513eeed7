import type { Json } from '@tenon/model';
import { definitionName, isSchemaObject, type JsonSchema, type SchemaObject } from '@tenon/schema';

/**
 * A JSON Schema 2020-12 brought to the few forms that openapi-typescript turns into the type which JSON Schema means:
 *
 * - a node has one of `$ref`, `enum`, one `type`, `allOf`, `anyOf`, or nothing (anything goes); upstream reads only the
 *   first of several, unites `anyOf` with its siblings instead of intersecting them, and adds null to every nullable enum;
 * - arms that say nothing about shape (`{ required: [a] }`, `{ format: date }`, `not`, `if`) are gone: in a union they
 *   would widen it to `unknown`;
 * - an index signature never contradicts a declared property, for no value could be written for such a type;
 * - annotations are strings, as the upstream's comment printer takes for granted.
 *
 * `never` (the schema `false`) is `false`, anything is `{}` or an annotated `{}`.
 */
export function typeable(schema: JsonSchema): TypeableSchema {
  if (typeof schema === 'boolean') return schema ? {} : false;
  const parts = partsOf(schema);
  if (parts.includes(false)) return false;
  const said = parts.filter((part) => part !== false).filter((part) => !isAnything(part));
  const annotations = annotationsOf(schema);
  if (said.length === 0) return annotations;
  const required = requiredOf(schema);
  const [only] = said;
  // `required` beside a lone reference is about the properties of what it names, and stays.
  if (said.length === 1 && only && !(only.$ref !== undefined && required.length > 0))
    return { ...only, ...annotations };
  return { ...annotations, allOf: said, ...(required.length > 0 && { required }) };
}

/** In the forms above; `prefixItems` only on `type: array`. */
export type TypeableSchema = false | TypeableObject;
export interface TypeableObject {
  readonly $ref?: string;
  readonly enum?: readonly Json[];
  readonly type?: string;
  readonly properties?: Readonly<Record<string, TypeableSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: TypeableSchema;
  readonly items?: TypeableSchema;
  readonly prefixItems?: readonly TypeableSchema[];
  readonly minItems?: number;
  readonly allOf?: readonly TypeableSchema[];
  readonly anyOf?: readonly TypeableSchema[];
  readonly title?: string;
  readonly description?: string;
  readonly format?: string;
  readonly default?: Json;
  readonly deprecated?: boolean;
}

/** Does it say nothing about the shape of a value? */
export function isAnything(schema: TypeableSchema): boolean {
  return schema !== false && !SHAPING.some((keyword) => schema[keyword] !== undefined);
}

const SHAPING = ['$ref', 'enum', 'type', 'allOf', 'anyOf'] as const;

function partsOf(schema: SchemaObject): TypeableSchema[] {
  const parts: TypeableSchema[] = [];
  const name = definitionName(schema);
  if (name !== undefined) parts.push({ $ref: schema.$ref! });
  const values = valuesOf(schema);
  const others = [
    ...listOf(schema.allOf).map(typeable),
    ...unionOf(schema.anyOf),
    ...unionOf(discriminated(schema)),
  ];
  if (values) parts.push(values.length > 0 ? { enum: values } : false);
  else {
    const composed = name !== undefined || others.some((part) => !isAnything(part));
    const core = coreOf(schema, composed);
    if (core) parts.push(core);
  }
  parts.push(...others);
  return parts;
}

/** The arms of a union, as one part; none when an arm lets anything through. */
function unionOf(schemas: unknown): TypeableSchema[] {
  const arms = listOf(schemas).map(typeable);
  if (arms.length === 0 || arms.some(isAnything)) return [];
  const possible = arms.filter((arm) => arm !== false);
  if (possible.length === 0) return [false];
  return [possible.length === 1 ? possible[0]! : { anyOf: possible }];
}

/** `const` and `enum`, as the values that the `type` beside them lets through. */
function valuesOf(schema: SchemaObject): readonly Json[] | undefined {
  const listed = schema.const !== undefined ? [schema.const] : schema.enum;
  if (!Array.isArray(listed)) return undefined;
  const types = typesOf(schema);
  return types.length === 0
    ? listed
    : listed.filter((value: Json) => types.some((type) => hasType(value, type)));
}

function hasType(value: Json, type: string): boolean {
  if (value === null) return type === 'null';
  if (Array.isArray(value)) return type === 'array';
  if (type === 'integer') return Number.isInteger(value);
  return typeof value === type;
}

function typesOf(schema: SchemaObject): readonly string[] {
  const { type } = schema;
  const listed = typeof type === 'string' ? [type] : Array.isArray(type) ? type : [];
  return listed.filter((name) => KNOWN_TYPES.has(name));
}

const KNOWN_TYPES = new Set(['null', 'boolean', 'string', 'number', 'integer', 'array', 'object']);
const OBJECT_KEYWORDS = ['properties', 'additionalProperties', 'patternProperties'];
const ARRAY_KEYWORDS = ['items', 'prefixItems'];

/**
 * What `type` and the keywords of its kind say. Beside other parts a bare `type: object` or `array` adds nothing but
 * an index signature, under which a mistyped property would pass: it is left out there.
 */
function coreOf(schema: SchemaObject, composed: boolean): TypeableSchema | undefined {
  const types = typesOf(schema);
  const hasObject = OBJECT_KEYWORDS.some((keyword) => schema[keyword] !== undefined);
  const hasArray = ARRAY_KEYWORDS.some((keyword) => schema[keyword] !== undefined);
  if (types.length === 0) {
    if (hasObject) return objectCore(schema, composed);
    return hasArray ? arrayCore(schema) : undefined;
  }
  const structural = types.filter((type) => type === 'object' || type === 'array');
  if (composed && structural.length === types.length && !hasObject && !hasArray) return undefined;
  const cores = [...new Set(types.map((type) => (type === 'integer' ? 'number' : type)))].map((type) => {
    if (type === 'object') return objectCore(schema, composed);
    return type === 'array' ? arrayCore(schema) : { type };
  });
  return cores.length === 1 ? cores[0] : { anyOf: cores };
}

function objectCore(schema: SchemaObject, composed: boolean): TypeableObject {
  const properties = Object.entries(schema.properties ?? {}).map(
    ([name, property]) => [name, typeable(property)] as const,
  );
  const declared = new Set(properties.map(([name]) => name));
  const required = requiredOf(schema);
  // A required property that is declared nowhere still is there. Beside other parts, they declare it.
  const undeclared = composed ? [] : required.filter((name) => !declared.has(name));
  const index = indexOf(schema, properties.length + undeclared.length > 0);
  return {
    type: 'object',
    ...((properties.length > 0 || undeclared.length > 0) && {
      properties: Object.fromEntries([...properties, ...undeclared.map((name) => [name, {}] as const)]),
    }),
    ...(required.length > 0 && { required }),
    ...(index !== undefined && { additionalProperties: index }),
  };
}

/** The type of members that are not declared: exact where none is declared, else open or absent. */
function indexOf(schema: SchemaObject, hasDeclared: boolean): TypeableSchema | undefined {
  const { additionalProperties } = schema;
  const patterns = Object.values(schema.patternProperties ?? {}).map(typeable);
  const rest =
    additionalProperties === undefined || additionalProperties === false
      ? []
      : [typeable(additionalProperties)];
  const all = [...patterns, ...rest].filter((index) => index !== false);
  if (all.length === 0) return undefined;
  if (hasDeclared || all.some(isAnything)) return {};
  return all.length === 1 ? all[0]! : { anyOf: all };
}

function arrayCore(schema: SchemaObject): TypeableObject {
  const prefixItems = listOf(schema.prefixItems).map(typeable);
  const items = schema.items === undefined || !isSchema(schema.items) ? {} : typeable(schema.items);
  return {
    type: 'array',
    items,
    ...(prefixItems.length > 0 && {
      prefixItems,
      minItems: typeof schema.minItems === 'number' ? schema.minItems : 0,
    }),
  };
}

/**
 * The arms of `oneOf`; with a discriminator mapping, each arm says which values of the property lead to it, so that
 * TypeScript narrows on them. Arms that fix the property themselves are intersected with the same and stay as they are.
 */
function discriminated(schema: SchemaObject): readonly JsonSchema[] {
  const arms = listOf(schema.oneOf);
  const property = schema.discriminator?.propertyName;
  const mapping = schema.discriminator?.mapping;
  if (typeof property !== 'string' || mapping === undefined) return arms;
  return arms.map((arm) => {
    const reference = isSchemaObject(arm) ? arm.$ref : undefined;
    const values = Object.entries(mapping)
      .filter(([, target]) => target === reference)
      .map(([value]) => value);
    if (reference === undefined || values.length === 0) return arm;
    return {
      allOf: [arm, { type: 'object', properties: { [property]: { enum: values } }, required: [property] }],
    };
  });
}

function requiredOf(schema: SchemaObject): readonly string[] {
  const required: readonly unknown[] = Array.isArray(schema.required) ? schema.required : [];
  return [...new Set(required.filter((name) => typeof name === 'string'))];
}

function annotationsOf(schema: SchemaObject): TypeableObject {
  const text = (keyword: 'title' | 'description' | 'format'): object => {
    const value = schema[keyword];
    return typeof value === 'string' && value.trim() !== '' ? { [keyword]: value } : {};
  };
  return {
    ...text('title'),
    ...text('description'),
    ...text('format'),
    ...(schema.default !== undefined && isSmall(schema.default) && { default: schema.default }),
    ...(schema.deprecated === true && { deprecated: true }),
  };
}

function isSmall(value: Json): boolean {
  return value === null || typeof value !== 'object';
}

function isSchema(value: unknown): value is JsonSchema {
  return typeof value === 'boolean' || isSchemaObject(value);
}

function listOf(value: unknown): readonly JsonSchema[] {
  return Array.isArray(value) ? value.filter(isSchema) : [];
}
