import { createRequire } from 'node:module';
import type { Json } from '@tenon/model';
import { isSchemaObject, type JsonSchema } from '@tenon/schema';
import { Ajv, type AnySchema, type AnySchemaObject, type Options } from 'ajv';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormatsModule from 'ajv-formats';
import { type Dialect, definitionKey, type SchemaBundle } from './dialect.ts';
import { regularExpression } from './evaluate.ts';

/** Whether Ajv accepts a value; `undefined` when Ajv cannot read the schema. */
export type Check = (value: Json) => boolean | undefined;

const DRAFT6 = 'ajv/dist/refs/json-schema-draft-06.json';

const OPTIONS: Options = {
  strict: false,
  validateFormats: true,
  inlineRefs: false,
  logger: false,
  allErrors: false,
};

// ajv-formats is CommonJS: under NodeNext its default export is the module object.
const addFormats = addFormatsModule as unknown as (ajv: Ajv) => Ajv;

function makeAjv(dialect: Dialect): Ajv {
  const ajv =
    dialect === 'draft2020-12'
      ? new Ajv2020(OPTIONS)
      : dialect === 'draft2019-09'
        ? new Ajv2019(OPTIONS)
        : new Ajv(OPTIONS);
  addFormats(ajv);
  // Ajv knows draft 7 by itself; references to draft 6 are read by the same rules.
  if (dialect === 'draft6') ajv.addMetaSchema(createRequire(import.meta.url)(DRAFT6));
  return ajv;
}

/** Ajv over a schema document as it was written, by its own dialect. */
export function checkOf(document: AnySchema, dialect: Dialect): Check {
  let validate: Check | undefined;
  return (value) => {
    if (!validate) {
      try {
        const ajv = makeAjv(dialect);
        const compiled = ajv.compile(document);
        validate = (each) => compiled(each) === true;
      } catch {
        // Ajv refuses the schema: no value can be vouched for.
        validate = () => undefined;
      }
    }
    try {
      return validate(value);
    } catch {
      // A schema that refers to itself in place overflows Ajv's stack.
      return undefined;
    }
  };
}

/** Ajv over a bare document, or where Ajv cannot read that, over what was made of it. */
export function checkOfBundle(document: AnySchema, bundle: SchemaBundle): Check {
  const asWritten = checkOf(document, bundle.dialect === 'draft4' ? 'draft7' : bundle.dialect);
  const asRead = checkWithDefinitions(bundle.schema, bundle.definitions);
  if (bundle.dialect === 'draft4') return asRead;
  return (value) => asWritten(value) ?? asRead(value);
}

/**
 * Ajv over a schema with definitions. For one value only the definitions that the value reaches are compiled; the
 * others stand as `true` and are never asked. That keeps a check small where every definition leads to every other.
 */
export function checkWithDefinitions(
  schema: JsonSchema,
  definitions: Readonly<Record<string, JsonSchema>>,
): Check {
  const compiled = new Map<string, Check>();
  return (value) => {
    const touched = new Set<string>();
    touch(schema, value, definitions, touched, new Map(), 0);
    const mentioned = new Set<string>();
    collectReferences(schema, mentioned);
    const $defs: Record<string, JsonSchema> = {};
    for (const name of touched) {
      const of = definitions[name];
      if (of === undefined) return undefined;
      collectReferences(of, mentioned);
      $defs[name] = of;
    }
    for (const name of mentioned) if (!Object.hasOwn($defs, name)) $defs[name] = true;
    const key = [...touched].sort().join('\n');
    let check = compiled.get(key);
    if (!check) {
      check = compileOnce({ $defs, allOf: [schema] });
      compiled.set(key, check);
    }
    return check(value);
  };
}

let shared: Ajv | undefined;

/** Compiles with one Ajv for all, which forgets the schema again: making an Ajv costs more than most schemas do. */
function compileOnce(schema: AnySchemaObject): Check {
  shared ??= makeAjv('draft2020-12');
  try {
    const validate = shared.compile(schema);
    shared.removeSchema(schema);
    return (value) => {
      try {
        return validate(value) === true;
      } catch {
        // A schema that refers to itself in place overflows Ajv's stack.
        return undefined;
      }
    };
  } catch {
    // Ajv refuses the schema: no value can be vouched for.
    return () => undefined;
  }
}

function collectReferences(schema: unknown, into: Set<string>): void {
  if (Array.isArray(schema)) for (const item of schema) collectReferences(item, into);
  else if (isSchemaObject(schema)) {
    for (const [keyword, value] of Object.entries(schema)) {
      if (keyword === '$ref' && typeof value === 'string' && value.startsWith('#/$defs/'))
        into.add(definitionKey(value));
      else if (keyword !== 'enum' && keyword !== 'const' && keyword !== 'examples' && keyword !== 'default')
        collectReferences(value, into);
    }
  }
}

/** Which definitions a validator of `schema` may look into while it checks `value`. */
function touch(
  schema: JsonSchema,
  value: Json,
  definitions: Readonly<Record<string, JsonSchema>>,
  touched: Set<string>,
  seen: Map<JsonSchema, Set<Json>>,
  depth: number,
): void {
  if (!isSchemaObject(schema) || depth > 500) return;
  const values = seen.get(schema) ?? new Set();
  if (values.has(value)) return;
  values.add(value);
  seen.set(schema, values);
  const go = (of: JsonSchema | undefined, on: Json): void => {
    if (of !== undefined) touch(of, on, definitions, touched, seen, depth + 1);
  };
  if (typeof schema.$ref === 'string' && schema.$ref.startsWith('#/$defs/')) {
    const name = definitionKey(schema.$ref);
    touched.add(name);
    go(definitions[name], value);
  }
  for (const list of [schema.allOf, schema.anyOf, schema.oneOf])
    for (const each of list ?? []) go(each, value);
  for (const each of [schema.not, schema.if, schema.then, schema.else]) go(each, value);
  for (const each of Object.values(schema.dependentSchemas ?? {})) go(each, value);
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) {
      go(schema.prefixItems?.[index], item);
      for (const each of [schema.items, schema.contains, schema.unevaluatedItems]) go(each, item);
    }
  } else if (typeof value === 'object' && value !== null) {
    for (const [name, of] of Object.entries(value as Readonly<Record<string, Json>>)) {
      if (schema.properties && Object.hasOwn(schema.properties, name)) go(schema.properties[name], of);
      for (const [source, pattern] of Object.entries(schema.patternProperties ?? {}))
        if (regularExpression(source)?.test(name) !== false) go(pattern, of);
      for (const each of [schema.additionalProperties, schema.unevaluatedProperties]) go(each, of);
      go(schema.propertyNames, name);
    }
  }
}
