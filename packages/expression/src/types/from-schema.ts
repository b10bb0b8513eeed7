import { isObject } from '@tenon/model';
import { RE2JS } from 're2js';
import {
  ANY,
  anyBecause,
  BOOLEAN,
  type Field,
  INTEGER,
  intersect,
  literalType,
  NEVER,
  NULL,
  NUMBER,
  type ObjectType,
  once,
  type Type,
  textOfFormat,
  union,
} from './type.ts';

/** A JSON Schema 2020-12, as `@tenon/schema` has it; this package does not depend on that one. */
export type SchemaInput = boolean | { readonly [keyword: string]: unknown };

export interface SchemaTypes {
  /** The type of a schema whose references are `#/$defs/<name>`. */
  typeOf(schema: SchemaInput | undefined): Type;
}

/** References that lead to references, at most, before an object or list is reached. */
const CHAIN_MAX = 64;

/**
 * Makes types from schemas that share definitions. A type holds every value that the schema allows, perhaps more:
 * `not`, `if` and `dependentSchemas` only ever narrow, so they are left out; fields that they alone name are `any`.
 */
export function schemaTypes(definitions: Readonly<Record<string, SchemaInput>> = {}): SchemaTypes {
  const known = new Map<object, Type>();
  const inProgress = new Set<object>();

  function typeOf(schema: SchemaInput | undefined): Type {
    if (schema === false) return NEVER;
    if (!isObject(schema)) return ANY;
    const made = known.get(schema);
    if (made) return made;
    if (inProgress.has(schema) || inProgress.size > CHAIN_MAX)
      return anyBecause('its schema refers to itself');
    inProgress.add(schema);
    const type = make(schema);
    inProgress.delete(schema);
    known.set(schema, type);
    return type;
  }

  function make(schema: Readonly<Record<string, unknown>>): Type {
    let type = base(schema);
    const reference = schema['$ref'];
    if (typeof reference === 'string') type = intersect(type, typeOf(target(reference)));
    for (const part of schemas(schema['allOf'])) type = intersect(type, typeOf(part));
    for (const keyword of ['anyOf', 'oneOf']) {
      const choices = schemas(schema[keyword]);
      if (choices.length > 0) type = intersect(type, union(choices.map(typeOf)));
    }
    return type;
  }

  function target(reference: string): SchemaInput | undefined {
    const prefix = '#/$defs/';
    if (!reference.startsWith(prefix)) return undefined;
    const name = decodeURIComponent(reference.slice(prefix.length))
      .replaceAll('~1', '/')
      .replaceAll('~0', '~');
    return Object.hasOwn(definitions, name) ? definitions[name] : undefined;
  }

  function base(schema: Readonly<Record<string, unknown>>): Type {
    const values =
      'const' in schema ? [schema['const']] : Array.isArray(schema['enum']) ? schema['enum'] : undefined;
    const declared = typesNamed(schema);
    const byType = declared === undefined ? ANY : union(declared.map((name) => ofType(name, schema)));
    if (values === undefined) return byType;
    return intersect(byType, ofValues(values));
  }

  function ofType(name: string, schema: Readonly<Record<string, unknown>>): Type {
    switch (name) {
      case 'null':
        return NULL;
      case 'boolean':
        return BOOLEAN;
      case 'integer':
        return INTEGER;
      case 'number':
        return isPositiveInteger(schema['multipleOf']) ? INTEGER : NUMBER;
      case 'string':
        return textOfFormat(schema['format']);
      case 'array':
        return {
          kind: 'list',
          item: once(() => typeOf(asSchema(schema['items']))),
          first: schemas(schema['prefixItems']).map((item) => once(() => typeOf(item))),
          itemsMin: typeof schema['minItems'] === 'number' ? schema['minItems'] : 0,
        };
      case 'object':
        return objectType(schema);
      default:
        return ANY;
    }
  }

  function objectType(schema: Readonly<Record<string, unknown>>): ObjectType {
    const fields = new Map<string, Field>();
    const required = new Set(Array.isArray(schema['required']) ? schema['required'].map(String) : []);
    const properties = isObject(schema['properties']) ? schema['properties'] : {};
    for (const [name, property] of Object.entries(properties)) {
      const description = isObject(property) ? property['description'] : undefined;
      fields.set(name, {
        type: once(() => typeOf(asSchema(property))),
        required: required.has(name),
        ...(typeof description === 'string' && { description }),
        ...(isObject(property) && property['deprecated'] === true && { deprecated: true }),
      });
    }
    for (const name of required) if (!fields.has(name)) fields.set(name, { type: () => ANY, required: true });
    const declaresNothing = Object.keys(properties).length === 0;
    const rest = restOf(schema, declaresNothing);
    const title = schema['title'];
    return {
      kind: 'object',
      fields,
      ...(rest && { rest }),
      isPartial: declaresNothing && required.size > 0,
      isClosed: schema['additionalProperties'] === false,
      ...(typeof title === 'string' && { title }),
    };
  }

  /**
   * Fields that are not listed: as `additionalProperties` and `patternProperties` say. Where those say nothing, an
   * object that lists fields is taken to have no others: JSON Schema would allow them, and a typo would pass.
   */
  function restOf(
    schema: Readonly<Record<string, unknown>>,
    declaresNothing: boolean,
  ): ObjectType['rest'] | undefined {
    const additional = schema['additionalProperties'] ?? schema['unevaluatedProperties'];
    const patterns = Object.entries(
      isObject(schema['patternProperties']) ? schema['patternProperties'] : {},
    ).map(([pattern, inner]) => ({ matches: matcher(pattern), inner: asSchema(inner) }));
    const isOpen = additional === true || isObject(additional) || hasHiddenFields(schema);
    const isFree = declaresNothing && additional === undefined && patterns.length === 0 && !saysMore(schema);
    if (!isOpen && !isFree && patterns.length === 0) return undefined;
    const other = isObject(additional)
      ? once(() => typeOf(additional))
      : isOpen || isFree
        ? () => ANY
        : undefined;
    return (name) => {
      const hits = patterns.filter(({ matches }) => matches(name));
      if (hits.length > 0) return hits.map(({ inner }) => typeOf(inner)).reduce(intersect);
      return other?.();
    };
  }

  return { typeOf };
}

/** Combined with other schemas, an object that lists no fields is a condition, no free-form object. */
function saysMore(schema: Readonly<Record<string, unknown>>): boolean {
  return ['$ref', 'allOf', 'anyOf', 'oneOf', 'required'].some((keyword) => keyword in schema);
}

/** Do `then`, `else` or `dependentSchemas` name fields that the object itself does not? */
function hasHiddenFields(schema: Readonly<Record<string, unknown>>): boolean {
  const conditional = [schema['then'], schema['else']];
  const dependent = isObject(schema['dependentSchemas']) ? Object.values(schema['dependentSchemas']) : [];
  return [...conditional, ...dependent].some((inner) => isObject(inner));
}

/** The types a schema allows, named or implied by its other keywords; `undefined` for any. */
function typesNamed(schema: Readonly<Record<string, unknown>>): readonly string[] | undefined {
  const { type } = schema;
  if (typeof type === 'string') return [type];
  if (Array.isArray(type)) return type.map(String);
  const isObjectLike = ['properties', 'required', 'patternProperties', 'additionalProperties'].some(
    (keyword) => keyword in schema,
  );
  if (isObjectLike) return ['object'];
  return 'items' in schema || 'prefixItems' in schema ? ['array'] : undefined;
}

/** The type of an `enum`: all values of a kind together. */
function ofValues(values: readonly unknown[]): Type {
  const numbers = values.filter((value) => typeof value === 'number');
  const texts = values.filter((value) => typeof value === 'string');
  const booleans = values.filter((value) => typeof value === 'boolean');
  const types: Type[] = [];
  if (numbers.length > 0)
    types.push({ kind: 'number', isInteger: numbers.every(Number.isInteger), values: numbers });
  if (texts.length > 0) types.push({ kind: 'string', values: texts });
  if (booleans.length > 0) types.push(union(booleans.map(literalType)));
  if (values.includes(null)) types.push(NULL);
  // Lists and objects among the values are not followed.
  const isMixed = values.some((value) => typeof value === 'object' && value !== null);
  return isMixed ? ANY : union(types);
}

function matcher(pattern: string): (name: string) => boolean {
  try {
    const compiled = RE2JS.compile(pattern);
    return (name) => compiled.matcher(name).find();
  } catch (error) {
    // What RE2 cannot read (look-around) may match any name: saying less is safe.
    if (error instanceof Error) return () => true;
    throw error;
  }
}

function asSchema(value: unknown): SchemaInput | undefined {
  return typeof value === 'boolean' || isObject(value) ? value : undefined;
}

function schemas(value: unknown): readonly SchemaInput[] {
  if (!Array.isArray(value)) return [];
  return value.map(asSchema).filter((item) => item !== undefined);
}

function isPositiveInteger(value: unknown): boolean {
  return typeof value === 'number' && Number.isInteger(value) && value > 0;
}
