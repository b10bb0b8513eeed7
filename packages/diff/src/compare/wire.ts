import type { Contract, MediaType } from '@tenon/contract';
import { isSchemaObject, type JsonSchema, type SchemaObject } from '@tenon/schema';
import type { Direction } from '../schema/directed.ts';
import { followed } from './view.ts';

type Definitions = Contract['definitions'];

interface Both {
  readonly base: { readonly definitions: Definitions };
  readonly revision: { readonly definitions: Definitions };
}

/**
 * Parameters and headers travel as text: a number sent where text is now expected is that text, and one value sent
 * where a list is now expected is a list of one. Where the types differ, both schemas are turned into what they mean
 * on the wire, so that `integer` → `string` is proved harmless.
 */
export function wireForms(
  beforeRaw: JsonSchema,
  afterRaw: JsonSchema,
  { base, revision }: Both,
): readonly [JsonSchema, JsonSchema] {
  const [old, now] = [new Wire(base.definitions), new Wire(revision.definitions)];
  const [before, after] = [old.follow(beforeRaw), now.follow(afterRaw)];
  if (!differsInType(before, after, old, now, 0)) return [beforeRaw, afterRaw];
  const lists = [isList(before), isList(after)];
  const [left, right] = [before, after].map((schema, i) => {
    // One of them is a list: each then stands for what one value of it may be.
    const one = lists[0] !== lists[1] && lists[i] ? itemOf(schema) : schema;
    return one === undefined ? undefined : (i === 0 ? old : now).form(one, 0);
  });
  return left !== undefined && right !== undefined ? [left, right] : [beforeRaw, afterRaw];
}

/**
 * The schemas of a body as it travels. JSON says which type a value has; in forms, XML and plain text every value is a
 * text, and one who takes any string takes the body as it comes.
 */
export function bodyForms(
  before: MediaType,
  after: MediaType,
  direction: Direction,
  both: Both,
): readonly [JsonSchema, JsonSchema] {
  const schemas = [before.schema ?? true, after.schema ?? true] as const;
  if (![before, after].every(({ type }) => TEXT_MEDIA.test(type))) return schemas;
  const read = [followed(schemas[0], both.base.definitions), followed(schemas[1], both.revision.definitions)];
  const [sender, receiver] = direction === 'request' ? read : read.toReversed();
  if (!isAnyText(receiver!) || isAnyText(sender!)) return wireForms(schemas[0], schemas[1], both);
  const sent: JsonSchema = { type: 'string' };
  if (isSchemaObject(sender)) sources.set(sent, sender);
  return direction === 'request' ? [sent, schemas[1]] : [schemas[0], sent];
}

const TEXT_MEDIA =
  /^(?:text\/|multipart\/form-data|application\/(?:x-www-form-urlencoded|(?:[\w.-]+\+)?xml)\b)/;

/** Does a schema take every text? */
function isAnyText(schema: JsonSchema): boolean {
  if (!isSchemaObject(schema) || typesOf(schema).join() !== 'string') return false;
  return ![
    'minLength',
    'maxLength',
    'pattern',
    'format',
    'enum',
    'const',
    'allOf',
    'anyOf',
    'oneOf',
    'not',
  ].some((keyword) => schema[keyword] !== undefined);
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

function differsInType(before: JsonSchema, after: JsonSchema, old: Wire, now: Wire, depth: number): boolean {
  if (!isSchemaObject(before) || !isSchemaObject(after) || depth > 3) return false;
  const [a, b] = [typesOf(before), typesOf(after)];
  if (a.length > 0 && b.length > 0 && (a.length !== b.length || a.some((type) => !b.includes(type))))
    return true;
  return Object.entries(before.properties ?? {}).some(([name, of]) => {
    const other = after.properties?.[name];
    return other !== undefined && differsInType(old.follow(of), now.follow(other), old, now, depth + 1);
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

/** What the schemas of one side mean as text. */
class Wire {
  private readonly definitions: Definitions;

  constructor(definitions: Definitions) {
    this.definitions = definitions;
  }

  follow(schema: JsonSchema): JsonSchema {
    return followed(schema, this.definitions);
  }

  form(schemaRaw: JsonSchema, depth: number): JsonSchema | undefined {
    const schema = this.follow(schemaRaw);
    if (!isSchemaObject(schema) || depth > 4) return undefined;
    const made =
      schema.anyOf && Object.keys(schema).length === 1
        ? this.each(schema.anyOf, depth)
        : this.formOf(schema, depth);
    if (typeof made === 'object') sources.set(made, schema);
    return made;
  }

  private each(branches: readonly JsonSchema[], depth: number): JsonSchema | undefined {
    const made = branches.map((branch) => this.form(branch, depth + 1));
    return made.every((branch) => branch !== undefined) ? { anyOf: made } : undefined;
  }

  private formOf(schema: SchemaObject, depth: number): JsonSchema | undefined {
    const types = typesOf(schema);
    if (types.length === 1 && types[0] === 'object') {
      const properties: Record<string, JsonSchema> = {};
      for (const [name, of] of Object.entries(schema.properties ?? {}))
        Object.defineProperty(properties, name, {
          value: this.form(of, depth + 1) ?? of,
          enumerable: true,
          configurable: true,
          writable: true,
        });
      return { ...schema, properties };
    }
    const isPlain =
      types.length > 0 && types.every((type) => type === 'string' || Object.hasOwn(TEXTS, type));
    const isKept = (keyword: string): boolean => KEPT.has(keyword) || keyword.startsWith('x-');
    if (!isPlain || !Object.keys(schema).every(isKept)) return undefined;
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
}
