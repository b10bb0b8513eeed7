import { isSchemaObject, type JsonSchema, type SchemaObject } from '@tenon/schema';
import { definitionKey } from './dialect.ts';

export type Direction = 'request' | 'response';

type Definitions = Readonly<Record<string, JsonSchema>>;

/**
 * A document's schemas as they hold in one direction (OpenAPI 3.1 §4.8.24.1). What is `readOnly` is no part of a
 * request and what is `writeOnly` no part of a response: such a property is not required there, and what it would
 * have to look like does not matter.
 */
export class DirectedSchemas {
  readonly definitions: Definitions;
  private readonly made = new WeakMap<object, JsonSchema>();
  private readonly raw: Definitions;
  private readonly flag: 'readOnly' | 'writeOnly';

  constructor(direction: Direction, definitions: Definitions) {
    this.flag = direction === 'request' ? 'readOnly' : 'writeOnly';
    this.raw = definitions;
    // Read one by one when asked for: of a large document most are not.
    this.definitions = new Proxy(definitions, {
      get: (target, name) =>
        typeof name === 'string' && Object.hasOwn(target, name) ? this.of(target[name]!) : undefined,
    });
  }

  of(schema: JsonSchema): JsonSchema {
    if (!isSchemaObject(schema)) return schema;
    let made = this.made.get(schema);
    if (made === undefined) {
      made = this.rewrite(schema, new Set());
      this.made.set(schema, made);
    }
    return made;
  }

  private rewrite(schema: SchemaObject, outside: ReadonlySet<string>): SchemaObject {
    const dropped = new Set(outside);
    for (const part of this.parts(schema, 0))
      for (const [name, of] of Object.entries(part.properties ?? {}))
        if (this.isDropped(of)) dropped.add(name);
    const changed: Record<string, unknown> = {};
    if (schema.properties) {
      const properties = mapObject(schema.properties, (of, name) => (dropped.has(name) ? true : this.of(of)));
      if (properties !== schema.properties) changed['properties'] = properties;
    }
    if (dropped.size > 0 && schema.required?.some((name) => dropped.has(name)))
      changed['required'] = schema.required.filter((name) => !dropped.has(name));
    for (const keyword of ['patternProperties', 'dependentSchemas'] as const) {
      const map = schema[keyword];
      if (!map) continue;
      const next = mapObject(map, (of) => this.of(of));
      if (next !== map) changed[keyword] = next;
    }
    for (const keyword of ['allOf', 'anyOf', 'oneOf', 'prefixItems'] as const) {
      const list = schema[keyword];
      if (!list) continue;
      const isSameObject = keyword !== 'prefixItems';
      const next = list.map((of) =>
        isSchemaObject(of) && isSameObject && dropped.size > 0 ? this.rewrite(of, dropped) : this.of(of),
      );
      if (next.some((of, i) => of !== list[i])) changed[keyword] = next;
    }
    for (const keyword of SINGLE) {
      const of = schema[keyword];
      if (of === undefined) continue;
      const next = this.of(of);
      if (next !== of) changed[keyword] = next;
    }
    return Object.keys(changed).length === 0 ? schema : { ...schema, ...changed };
  }

  /** The schema and what it joins by `allOf` and `$ref`: where a property's flag may stand. */
  private *parts(schema: JsonSchema, depth: number): Generator<SchemaObject> {
    if (!isSchemaObject(schema) || depth > 8) return;
    yield schema;
    if (schema.$ref?.startsWith('#/$defs/')) {
      const target = this.raw[definitionKey(schema.$ref)];
      if (target !== undefined) yield* this.parts(target, depth + 1);
    }
    for (const each of schema.allOf ?? []) yield* this.parts(each, depth + 1);
  }

  /** Is a property of this schema no part of messages in this direction? */
  isDropped(schema: JsonSchema): boolean {
    for (const part of this.parts(schema, 0)) if (part[this.flag] === true) return true;
    return false;
  }
}

const SINGLE = [
  'items',
  'contains',
  'additionalProperties',
  'propertyNames',
  'unevaluatedProperties',
  'unevaluatedItems',
  'not',
  'if',
  'then',
  'else',
] as const;

/** A copy with each value changed; the map itself when none did. */
function mapObject(
  map: Readonly<Record<string, JsonSchema>>,
  change: (value: JsonSchema, name: string) => JsonSchema,
): Readonly<Record<string, JsonSchema>> {
  let copy: Record<string, JsonSchema> | undefined;
  for (const [name, value] of Object.entries(map)) {
    const next = change(value, name);
    if (next === value) continue;
    copy ??= Object.defineProperties({}, Object.getOwnPropertyDescriptors(map)) as Record<string, JsonSchema>;
    Object.defineProperty(copy, name, { value: next, enumerable: true, configurable: true, writable: true });
  }
  return copy ?? map;
}
