import { isObject } from '@tenon/model';
import { isSchemaObject, type JsonSchema, type SchemaObject } from './schema.ts';
import { definitionName } from './walk.ts';

/** Which way a value travels: `request`, we send it; `response`, we receive it. */
export type Direction = 'request' | 'response';

export interface DirectedSchema {
  readonly schema: JsonSchema;
  readonly definitions: Readonly<Record<string, JsonSchema>>;
}

const DROPPED = { request: 'readOnly', response: 'writeOnly' } as const;

/**
 * The schema as it holds in one direction (OpenAPI 3.1 §4.8.24.1): a `readOnly` property need not be sent in a request,
 * and a `writeOnly` one need not come in a response, whatever `required` says. Only `required` lists change; nodes that
 * need no change are shared with the input.
 */
export function directional(
  schema: JsonSchema,
  direction: Direction,
  definitions: Readonly<Record<string, JsonSchema>> = {},
): DirectedSchema {
  const flag = DROPPED[direction];
  const rewritten = new Map<object, SchemaObject>();

  const isDropped = (property: JsonSchema | undefined): boolean => {
    const seen = new Set<string>();
    for (let here = property; isSchemaObject(here); ) {
      if (here[flag] === true) return true;
      const name = definitionName(here);
      if (name === undefined || seen.has(name)) return false;
      seen.add(name);
      here = definitions[name];
    }
    return false;
  };

  const rewriteMember = (value: unknown): unknown => {
    if (Array.isArray(value)) {
      const items = value.map((item) => (isObject(item) ? rewrite(item) : item));
      return items.some((item, index) => item !== value[index]) ? items : value;
    }
    return isObject(value) ? rewrite(value) : value;
  };

  const rewriteMap = (map: Record<string, unknown>): Record<string, unknown> => {
    let changed: Record<string, unknown> | undefined;
    for (const [name, value] of Object.entries(map)) {
      const next = rewriteMember(value);
      if (next !== value) {
        changed ??= { ...map };
        changed[name] = next;
      }
    }
    return changed ?? map;
  };

  function rewrite(node: SchemaObject): SchemaObject {
    const known = rewritten.get(node);
    if (known) return known;
    // A schema read from a document is a tree; this entry only keeps a cyclic one, made in code, from looping.
    rewritten.set(node, node);
    const next = rewriteKeywords(node);
    rewritten.set(node, next);
    return next;
  }

  function rewriteKeywords(node: SchemaObject): SchemaObject {
    let changed: Record<string, unknown> | undefined;
    const set = (keyword: string, value: unknown): void => {
      changed ??= { ...node };
      changed[keyword] = value;
    };
    for (const [keyword, value] of Object.entries(node)) {
      if (VALUE_KEYWORDS.has(keyword)) continue;
      const next = MAP_KEYWORDS.has(keyword) && isObject(value) ? rewriteMap(value) : rewriteMember(value);
      if (next !== value) set(keyword, next);
    }
    if (Array.isArray(node.required) && isObject(node.properties)) {
      const required = node.required.filter((name) => !isDropped(node.properties![name]));
      if (required.length !== node.required.length) set('required', required);
    }
    return (changed as SchemaObject | undefined) ?? node;
  }

  return {
    schema: isSchemaObject(schema) ? rewrite(schema) : schema,
    definitions: rewriteMap(definitions) as Record<string, JsonSchema>,
  };
}

/** Keywords that hold data, not schemas. */
const VALUE_KEYWORDS = new Set([
  'enum',
  'const',
  'default',
  'example',
  'examples',
  'required',
  'discriminator',
  'type',
]);
/** Keywords whose members are named by the author: a property called `enum` is a schema. */
const MAP_KEYWORDS = new Set(['properties', 'patternProperties', 'dependentSchemas', '$defs']);
