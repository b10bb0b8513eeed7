import { isObject } from '@tenon/model';
import { isSchemaObject, type JsonSchema, type SchemaObject } from './schema.ts';

/** Keywords whose value is one schema. */
const ONE = [
  'additionalProperties',
  'propertyNames',
  'unevaluatedProperties',
  'items',
  'unevaluatedItems',
  'contains',
  'not',
  'if',
  'then',
  'else',
];
/** Keywords whose value is a list of schemas. */
const LIST = ['allOf', 'anyOf', 'oneOf', 'prefixItems'];
/** Keywords whose value maps names to schemas. */
const MAP = ['properties', 'patternProperties', 'dependentSchemas', '$defs'];

/** The direct subschemas of a schema, each with the tokens that lead to it. References are not followed. */
export function* subschemas(
  schema: JsonSchema,
): Generator<{ readonly tokens: readonly string[]; readonly schema: JsonSchema }> {
  if (!isSchemaObject(schema)) return;
  for (const keyword of ONE) {
    const value = schema[keyword];
    if (isSchema(value)) yield { tokens: [keyword], schema: value };
  }
  for (const keyword of LIST) {
    const list = schema[keyword];
    if (!Array.isArray(list)) continue;
    for (const [index, item] of list.entries())
      if (isSchema(item)) yield { tokens: [keyword, String(index)], schema: item };
  }
  for (const keyword of MAP) {
    const map = schema[keyword];
    if (!isObject(map)) continue;
    for (const [name, item] of Object.entries(map))
      if (isSchema(item)) yield { tokens: [keyword, name], schema: item };
  }
}

/** The schema with each direct subschema changed. */
export function mapSubschemas(schema: JsonSchema, change: (child: JsonSchema) => JsonSchema): JsonSchema {
  if (!isSchemaObject(schema)) return schema;
  const changed: Record<string, unknown> = {};
  for (const keyword of ONE) {
    const value = schema[keyword];
    if (isSchema(value)) changed[keyword] = change(value);
  }
  for (const keyword of LIST) {
    const list = schema[keyword];
    if (Array.isArray(list)) changed[keyword] = list.map((item) => (isSchema(item) ? change(item) : item));
  }
  for (const keyword of MAP) {
    const map = schema[keyword];
    if (isObject(map))
      changed[keyword] = Object.fromEntries(
        Object.entries(map).map(([name, item]) => [name, isSchema(item) ? change(item) : item]),
      );
  }
  return { ...schema, ...changed };
}

/** The definitions that `schema` needs, directly or through others: name → schema, in order of first use. */
export function reachableDefinitions(
  schema: JsonSchema,
  definitions: Readonly<Record<string, JsonSchema>>,
): Record<string, JsonSchema> {
  const found: Record<string, JsonSchema> = {};
  const queue: JsonSchema[] = [schema];
  for (let here = queue.pop(); here !== undefined; here = queue.pop()) {
    const name = definitionName(here);
    if (name !== undefined && !Object.hasOwn(found, name) && Object.hasOwn(definitions, name)) {
      found[name] = definitions[name]!;
      queue.push(definitions[name]!);
    }
    for (const child of subschemas(here)) queue.push(child.schema);
  }
  return found;
}

/** The name in `#/$defs/<name>`, unescaped, or `undefined` when the schema is no such reference. */
export function definitionName(schema: JsonSchema): string | undefined {
  const reference = isSchemaObject(schema) ? schema.$ref : undefined;
  if (typeof reference !== 'string' || !reference.startsWith('#/$defs/')) return undefined;
  return decodeURIComponent(reference.slice('#/$defs/'.length)).replaceAll('~1', '/').replaceAll('~0', '~');
}

function isSchema(value: unknown): value is SchemaObject | boolean {
  return typeof value === 'boolean' || isObject(value);
}
