import { canonicalJson, isObject, type Json } from '@tenon/model';
import { schemaOfProperty } from './sample-settle.ts';
import { isOfType } from './sample-type.ts';
import { isSchemaObject, type JsonSchema, type SchemaObject } from './schema.ts';
import { definitionName } from './walk.ts';

type Definitions = Readonly<Record<string, JsonSchema>>;

/**
 * Whether a value fits, near enough to choose among guesses while sampling: formats and `unevaluated*` are let pass.
 * It interprets, where Ajv compiles: judging each `oneOf` met on the way by compiling it takes seconds for a contract
 * as large as Stripe's. The last word on a sample is Ajv's, always.
 */
export function fits(schema: JsonSchema, value: Json, definitions: Definitions): boolean {
  if (!isSchemaObject(schema)) return schema;
  const name = definitionName(schema);
  if (name !== undefined && !fits(definitions[name] ?? true, value, definitions)) return false;
  return Object.keys(schema).every((keyword) => CHECKS[keyword]?.(schema, value, definitions) ?? true);
}

type Check = (schema: SchemaObject, value: Json, definitions: Definitions) => boolean;

/** Lets a check see only values of its type: a keyword says nothing about the others (JSON Schema §7.6.1). */
function forText(check: (schema: SchemaObject, text: string) => boolean): Check {
  return (schema, value) => typeof value !== 'string' || check(schema, value);
}
function forNumber(check: (schema: SchemaObject, number: number) => boolean): Check {
  return (schema, value) => typeof value !== 'number' || check(schema, value);
}
function forList(
  check: (schema: SchemaObject, list: readonly Json[], definitions: Definitions) => boolean,
): Check {
  return (schema, value, definitions) =>
    // Array.isArray does not narrow a readonly list.
    !Array.isArray(value) || check(schema, value as readonly Json[], definitions);
}
function forObject(
  check: (schema: SchemaObject, object: Readonly<Record<string, Json>>, definitions: Definitions) => boolean,
): Check {
  return (schema, value, definitions) =>
    // A Json value that is an object has Json members.
    !isObject(value) || check(schema, value as Record<string, Json>, definitions);
}

const eachProperty = forObject((schema, object, definitions) =>
  Object.entries(object).every(([name, member]) => fits(schemaOfProperty(schema, name), member, definitions)),
);

const CHECKS: Readonly<Record<string, Check>> = {
  type: (schema, value) => [schema.type ?? []].flat().some((type) => isOfType(value, type)),
  const: (schema, value) => canonicalJson(schema.const) === canonicalJson(value),
  enum: (schema, value) => schema.enum!.some((allowed) => canonicalJson(allowed) === canonicalJson(value)),
  allOf: (schema, value, definitions) => schema.allOf!.every((part) => fits(part, value, definitions)),
  anyOf: (schema, value, definitions) => schema.anyOf!.some((part) => fits(part, value, definitions)),
  oneOf: (schema, value, definitions) =>
    schema.oneOf!.filter((part) => fits(part, value, definitions)).length === 1,
  not: (schema, value, definitions) => !fits(schema.not!, value, definitions),
  if: (schema, value, definitions) =>
    fits((fits(schema.if!, value, definitions) ? schema.then : schema.else) ?? true, value, definitions),

  minLength: forText((schema, text) => [...text].length >= schema.minLength!),
  maxLength: forText((schema, text) => [...text].length <= schema.maxLength!),
  pattern: forText((schema, text) => expression(schema.pattern!)?.test(text) ?? true),

  minimum: forNumber((schema, number) => number >= schema.minimum!),
  maximum: forNumber((schema, number) => number <= schema.maximum!),
  exclusiveMinimum: forNumber((schema, number) => number > schema.exclusiveMinimum!),
  exclusiveMaximum: forNumber((schema, number) => number < schema.exclusiveMaximum!),
  multipleOf: forNumber((schema, number) =>
    Number.isInteger(Number((number / schema.multipleOf!).toPrecision(12))),
  ),

  minItems: forList((schema, list) => list.length >= schema.minItems!),
  maxItems: forList((schema, list) => list.length <= schema.maxItems!),
  uniqueItems: forList(
    (schema, list) => !schema.uniqueItems || new Set(list.map(canonicalJson)).size === list.length,
  ),
  prefixItems: forList((schema, list, definitions) =>
    schema.prefixItems!.every(
      (part, index) => list[index] === undefined || fits(part, list[index], definitions),
    ),
  ),
  items: forList((schema, list, definitions) =>
    list.slice(schema.prefixItems?.length ?? 0).every((item) => fits(schema.items!, item, definitions)),
  ),
  contains: forList((schema, list, definitions) => {
    const count = list.filter((item) => fits(schema.contains!, item, definitions)).length;
    return count >= (schema.minContains ?? 1) && count <= (schema.maxContains ?? Number.POSITIVE_INFINITY);
  }),

  required: forObject((schema, object) => schema.required!.every((name) => Object.hasOwn(object, name))),
  minProperties: forObject((schema, object) => Object.keys(object).length >= schema.minProperties!),
  maxProperties: forObject((schema, object) => Object.keys(object).length <= schema.maxProperties!),
  properties: eachProperty,
  additionalProperties: eachProperty,
  patternProperties: eachProperty,
  propertyNames: forObject((schema, object, definitions) =>
    Object.keys(object).every((name) => fits(schema.propertyNames!, name, definitions)),
  ),
  dependentRequired: forObject((schema, object) =>
    Object.entries(schema.dependentRequired!).every(
      ([name, others]) =>
        !Object.hasOwn(object, name) || others.every((other) => Object.hasOwn(object, other)),
    ),
  ),
  dependentSchemas: forObject((schema, object, definitions) =>
    Object.entries(schema.dependentSchemas!).every(
      ([name, part]) => !Object.hasOwn(object, name) || fits(part, object, definitions),
    ),
  ),
};

/** The same expressions are judged over and over while one value is made. */
const expressions = new Map<string, RegExp | undefined>();
const EXPRESSIONS_MAX = 2_000;

function expression(pattern: string): RegExp | undefined {
  if (expressions.has(pattern)) return expressions.get(pattern);
  if (expressions.size >= EXPRESSIONS_MAX) expressions.clear();
  let made: RegExp | undefined;
  try {
    made = new RegExp(pattern, 'u');
  } catch {
    // Not readable in Unicode mode: let pass here, judged by Ajv in the end.
  }
  expressions.set(pattern, made);
  return made;
}
