import type { Ajv2020, ErrorObject, ValidateFunction } from 'ajv/dist/2020.js';
import { isSchemaObject, type JsonSchema, type SchemaObject } from './schema.ts';
import { definitionName, mapSubschemas, subschemas } from './walk.ts';

/** What a value does not fit, at a place among others; nothing where it fits. */
type Errors = (value: unknown, place?: Parameters<ValidateFunction>[1]) => readonly ErrorObject[];

type Definitions = Readonly<Record<string, JsonSchema>>;

/** In place of a reference to a definition that leads to itself: its name. */
const KEYWORD = 'x-tenon-once';

/**
 * Compiles a schema so that a definition that leads to itself is held against each part of a value once. Ajv follows a
 * reference as often as it comes to one: where several alternatives lead to the definition that they stand in, twice as
 * often with each level of the value, so that a message of forty levels, a few hundred bytes, would take years. `ajv` gives a
 * new one. A schema that asks what was evaluated, which is told along references alone, is compiled as it is.
 */
export function compileWithoutRepeats(schema: SchemaObject, ajv: () => Ajv2020): Errors {
  const definitions = schema.$defs ?? {};
  const circular = repeatedDefinitions(definitions);
  if (circular.size === 0 || !isPlain(schema)) return errorsOf(ajv().compile(schema));

  const instance = ajv();
  const validators = new Map<string, Errors>();
  /** Of the value at hand: by definition, what came of each object and list that was held against it. */
  let known = new Map<string, WeakMap<object, readonly ErrorObject[]>>();

  const once = Object.assign(
    (name: string, data: unknown, _parent: unknown, place: Parameters<Errors>[1]): boolean => {
      once.errors = errorsAt(name, data, place);
      return once.errors.length === 0;
    },
    // Where Ajv looks for them.
    { errors: [] as ErrorObject[] },
  );
  instance.addKeyword({ keyword: KEYWORD, schemaType: 'string', errors: true, validate: once });
  const { $defs: _, ...root } = schema;
  const errors = compiled(root);
  return (value) => {
    known = new Map();
    return errors(value);
  };

  /** New ones each time: Ajv writes into those that it is given. */
  function errorsAt(name: string, data: unknown, place: Parameters<Errors>[1]): ErrorObject[] {
    const part = typeof data === 'object' && data !== null ? data : undefined;
    const before = part && known.get(name)?.get(part);
    // One stands for all: said again for each way, they would be as many as the ways.
    if (before !== undefined) return before.slice(0, 1).map((error) => ({ ...error }));
    const validator = validators.get(name) ?? compiled(definitions[name]!);
    validators.set(name, validator);
    const found = validator(data, place);
    if (part !== undefined)
      known.set(name, (known.get(name) ?? new WeakMap<object, readonly ErrorObject[]>()).set(part, found));
    return found.map((error) => ({ ...error }));
  }

  /** With the definitions that are referred to as ever. */
  function compiled(part: JsonSchema): Errors {
    const start = marked(part, circular);
    const $defs: Record<string, JsonSchema> = {};
    const queue = [start];
    for (let here = queue.pop(); here !== undefined; here = queue.pop())
      for (const name of namesIn(here))
        if (Object.hasOwn(definitions, name) && !Object.hasOwn($defs, name)) {
          $defs[name] = marked(definitions[name]!, circular);
          queue.push($defs[name]);
        }
    return errorsOf(instance.compile(isSchemaObject(start) ? { ...start, $defs } : start));
  }
}

function errorsOf(validate: ValidateFunction): Errors {
  return (value, place) => (validate(value, place) ? [] : [...(validate.errors ?? [])]);
}

function marked(schema: JsonSchema, circular: ReadonlySet<string>): JsonSchema {
  const name = definitionName(schema);
  const inner = mapSubschemas(schema, (child) => marked(child, circular));
  if (name === undefined || !circular.has(name) || !isSchemaObject(inner)) return inner;
  const { $ref: _, ...rest } = inner;
  return { ...rest, [KEYWORD]: name };
}

/** Keywords by which a schema speaks of more than its own value, or is referred to in another way. */
const FAR_REACHING = [
  'unevaluatedProperties',
  'unevaluatedItems',
  '$dynamicRef',
  '$dynamicAnchor',
  '$anchor',
  '$id',
];

/** Are all its references local ones to definitions, and does none carry more than a verdict? */
function isPlain(schema: JsonSchema): boolean {
  if (!isSchemaObject(schema)) return true;
  if (schema.$ref !== undefined && definitionName(schema) === undefined) return false;
  if (FAR_REACHING.some((keyword) => Object.hasOwn(schema, keyword))) return false;
  for (const child of subschemas(schema)) if (!isPlain(child.schema)) return false;
  return true;
}

/** Keywords beside or below which one part of a value is held against several schemas. */
const SEVERAL = [
  'allOf',
  'anyOf',
  'oneOf',
  'not',
  'if',
  'dependentSchemas',
  'contains',
  'patternProperties',
  'unevaluatedProperties',
  'unevaluatedItems',
];

/** Can there be several ways from it to one part of a value? A mere tree, which has none, is left to Ajv, which is faster. */
function hasSeveralWays(schema: JsonSchema): boolean {
  if (!isSchemaObject(schema)) return false;
  if (SEVERAL.some((keyword) => Object.hasOwn(schema, keyword))) return true;
  const inner = [...subschemas(schema)];
  return (
    (schema.$ref !== undefined && inner.length > 0) || inner.some((child) => hasSeveralWays(child.schema))
  );
}

/** Names of the definitions that lead to themselves in several ways, by Tarjan's walk: each definition is looked at once. */
function repeatedDefinitions(definitions: Definitions): ReadonlySet<string> {
  const circular = new Set<string>();
  const order = new Map<string, number>();
  const lowest = new Map<string, number>();
  const open: string[] = [];
  const isOpen = new Set<string>();
  for (const name of Object.keys(definitions)) if (!order.has(name)) visit(name);
  return circular;

  function visit(name: string): void {
    order.set(name, order.size);
    lowest.set(name, order.get(name)!);
    open.push(name);
    isOpen.add(name);
    for (const next of namesIn(definitions[name]!)) {
      if (!Object.hasOwn(definitions, next)) continue;
      if (!order.has(next)) {
        visit(next);
        lowest.set(name, Math.min(lowest.get(name)!, lowest.get(next)!));
      } else if (isOpen.has(next)) lowest.set(name, Math.min(lowest.get(name)!, order.get(next)!));
    }
    if (lowest.get(name) !== order.get(name)) return;
    const together = open.splice(open.indexOf(name));
    const isCircular = together.length > 1 || namesIn(definitions[name]!).has(name);
    const isRepeated = isCircular && together.some((one) => hasSeveralWays(definitions[one]!));
    for (const one of together) {
      isOpen.delete(one);
      if (isRepeated) circular.add(one);
    }
  }
}

function namesIn(schema: JsonSchema): ReadonlySet<string> {
  const names = new Set<string>();
  const queue: JsonSchema[] = [schema];
  for (let here = queue.pop(); here !== undefined; here = queue.pop()) {
    const name = definitionName(here);
    if (name !== undefined) names.add(name);
    for (const child of subschemas(here)) queue.push(child.schema);
  }
  return names;
}
