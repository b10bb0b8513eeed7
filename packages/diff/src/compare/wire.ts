import { isSchemaObject, type JsonSchema, type SchemaObject } from '@tenon/schema';

/**
 * Parameters and headers travel as text: a number sent where text is now expected is that text, and one value sent
 * where a list is now expected is a list of one. Where the types differ, both schemas are turned into what they mean
 * on the wire, so that `integer` → `string` is proved harmless.
 */
export function wireForms(before: JsonSchema, after: JsonSchema): readonly [JsonSchema, JsonSchema] {
  if (!differsInType(before, after, 0)) return [before, after];
  const lists = [isList(before), isList(after)];
  const [left, right] = [before, after].map((schema, i) => {
    // One of them is a list: each then stands for what one value of it may be.
    const one = lists[0] !== lists[1] && lists[i] ? itemOf(schema) : schema;
    return one === undefined ? undefined : onWire(one, 0);
  });
  return left !== undefined && right !== undefined ? [left, right] : [before, after];
}

/** The schema in the document that a wire form stands for; the node itself when it is none. */
export function writtenAs(node: object): object {
  return sources.get(node) ?? node;
}

const sources = new WeakMap<object, object>();

/** The texts of JSON numbers and booleans. */
const TEXTS: Readonly<Record<string, string>> = {
  integer: '^-?(0|[1-9][0-9]*)$',
  number: '^-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][+-]?[0-9]+)?$',
  boolean: '^(true|false)$',
};

/** Keywords that keep their meaning, or their silence, when a value becomes its text. */
const KEPT = new Set(
  [
    'type enum const minLength maxLength pattern format title description default example examples deprecated',
    'nullable readOnly writeOnly',
  ].flatMap((line) => line.split(' ')),
);

function typesOf(schema: JsonSchema): readonly string[] {
  if (!isSchemaObject(schema) || schema.type === undefined) return [];
  // `null` has no text of its own.
  return (typeof schema.type === 'string' ? [schema.type] : schema.type).filter((type) => type !== 'null');
}

function isList(schema: JsonSchema): boolean {
  return typesOf(schema).includes('array');
}

function differsInType(before: JsonSchema, after: JsonSchema, depth: number): boolean {
  if (!isSchemaObject(before) || !isSchemaObject(after) || depth > 3) return false;
  const [a, b] = [typesOf(before), typesOf(after)];
  if (a.length > 0 && b.length > 0 && (a.length !== b.length || a.some((type) => !b.includes(type))))
    return true;
  return Object.entries(before.properties ?? {}).some(([name, of]) => {
    const other = after.properties?.[name];
    return other !== undefined && differsInType(of, other, depth + 1);
  });
}

/** What one value of a list may be, where a list of one is allowed. */
function itemOf(schema: JsonSchema): JsonSchema | undefined {
  if (!isSchemaObject(schema)) return undefined;
  if ((schema.minItems ?? 0) > 1 || (schema.maxItems ?? 1) < 1) return undefined;
  const others = typesOf(schema).filter((type) => type !== 'array');
  const item: JsonSchema = schema.items ?? { type: 'string' };
  const made: JsonSchema =
    others.length === 0 ? item : { anyOf: [item, ...others.map((type) => ({ type }))] };
  if (typeof made === 'object' && made !== item) sources.set(made, schema);
  return made;
}

function onWire(schema: JsonSchema, depth: number): JsonSchema | undefined {
  if (!isSchemaObject(schema) || depth > 4) return undefined;
  const made =
    schema.anyOf && Object.keys(schema).length === 1
      ? eachOnWire(schema.anyOf, depth)
      : formOf(schema, depth);
  if (typeof made === 'object') sources.set(made, schema);
  return made;
}

function eachOnWire(branches: readonly JsonSchema[], depth: number): JsonSchema | undefined {
  const made = branches.map((branch) => onWire(branch, depth + 1));
  return made.every((branch) => branch !== undefined) ? { anyOf: made } : undefined;
}

function formOf(schema: SchemaObject, depth: number): JsonSchema | undefined {
  const types = typesOf(schema);
  if (types.length === 1 && types[0] === 'object') {
    const properties: Record<string, JsonSchema> = {};
    for (const [name, of] of Object.entries(schema.properties ?? {}))
      properties[name] = onWire(of, depth + 1) ?? of;
    return { ...schema, properties };
  }
  const isPlain = types.length > 0 && types.every((type) => type === 'string' || Object.hasOwn(TEXTS, type));
  if (!isPlain || Object.keys(schema).some((keyword) => !KEPT.has(keyword))) return undefined;
  const values = schema.enum ?? (schema.const === undefined ? undefined : [schema.const]);
  if (values)
    return {
      type: 'string',
      enum: values.map((value) => (typeof value === 'string' ? value : JSON.stringify(value))),
    };
  const branches = types.map((type): JsonSchema => {
    if (type !== 'string') return { type: 'string', pattern: TEXTS[type]! };
    const text: Record<string, unknown> = { type: 'string' };
    for (const keyword of ['minLength', 'maxLength', 'pattern', 'format'])
      if (schema[keyword] !== undefined) text[keyword] = schema[keyword];
    return text as SchemaObject;
  });
  return branches.length === 1 ? branches[0]! : { anyOf: branches };
}
