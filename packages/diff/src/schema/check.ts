import { createRequire } from 'node:module';
import { type Json, toPointer } from '@tenon/model';
import { isSchemaObject, type JsonSchema, type SchemaObject } from '@tenon/schema';
import { Ajv, type AnySchema, type AnySchemaObject, type Options } from 'ajv';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormatsModule from 'ajv-formats';
import { contentOf, type Dialect, definitionKey, type SchemaBundle } from './dialect.ts';
import { regularExpression } from './evaluate.ts';
import { stringFormat } from './formats.ts';
import { INTERNATIONAL_FORMATS } from './international-formats.ts';

/** Whether Ajv accepts a value; `undefined` when Ajv cannot read the schema. */
export type Check = (value: Json) => boolean | undefined;

const DRAFT6 = 'ajv/dist/refs/json-schema-draft-06.json';

const OPTIONS: Options = {
  strict: false,
  validateFormats: true,
  inlineRefs: false,
  logger: false,
  allErrors: false,
  // Each validator is asked a few values and dropped: polishing its code costs more than it saves.
  code: { optimize: false },
};

// ajv-formats is CommonJS: under NodeNext its default export is the module object.
const addFormats = addFormatsModule as unknown as (ajv: Ajv) => Ajv;

function makeAjv(dialect: Dialect, more: Options = {}): Ajv {
  const options = { ...OPTIONS, ...more };
  const ajv =
    dialect === 'draft2020-12'
      ? new Ajv2020(options)
      : dialect === 'draft2019-09'
        ? new Ajv2019(options)
        : new Ajv(options);
  addFormats(ajv);
  for (const [name, { test }] of Object.entries(INTERNATIONAL_FORMATS))
    ajv.addFormat(name, (text: string) => sure(test(text)));
  if (dialect === 'draft7') addContent(ajv);
  // Ajv knows draft 7 by itself; references to draft 6 are read by the same rules.
  if (dialect === 'draft6') ajv.addMetaSchema(createRequire(import.meta.url)(DRAFT6));
  return ajv;
}

/** Draft 7 lets a validator check `content*` as it lets it check `format`; Ajv does the latter only. */
function addContent(ajv: Ajv): void {
  ajv.removeKeyword('contentEncoding');
  ajv.removeKeyword('contentMediaType');
  const check = (format: string | undefined, text: string): boolean =>
    format === undefined || sure(stringFormat(format)?.test(text));
  ajv.addKeyword({
    keyword: 'contentEncoding',
    type: 'string',
    schemaType: 'string',
    validate: (_: string, text: string, parent?: AnySchemaObject) => check(contentOf(parent ?? {}), text),
  });
  ajv.addKeyword({
    keyword: 'contentMediaType',
    type: 'string',
    schemaType: 'string',
    validate: (_: string, text: string, parent?: AnySchemaObject) => check(contentOf(parent ?? {}), text),
  });
}

/** Thrown out of a validator by a format that cannot tell: then Ajv vouches for nothing. */
class Unsure extends Error {}

function sure(holds: boolean | undefined): boolean {
  if (holds === undefined) throw new Unsure();
  return holds;
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

/** Where a schema document refuses a value, in Ajv's words. */
export interface Refusal {
  /** JSON Pointers to the keyword that refuses, and to the part of the value that it refuses. */
  readonly keywordAt: string;
  readonly valueAt: string;
  readonly message: string;
}

/** `undefined` where Ajv accepts the value or cannot read the document. */
export function refusalIn(document: AnySchema, dialect: Dialect, value: Json): Refusal | undefined {
  if (dialect === 'draft4') return undefined;
  try {
    const validate = makeAjv(dialect, { verbose: true }).compile(document);
    if (validate(value) === true) return undefined;
    // The last error is the outermost keyword: of a choice the choice itself, not the first branch that failed.
    const error = validate.errors?.at(-1);
    if (!error) return undefined;
    // Ajv's own path begins anew at each `$ref`: the place is where the refusing schema itself stands.
    const parent = pointerTo(document, error.parentSchema, '');
    return {
      keywordAt: parent === undefined ? '' : `${parent}/${error.keyword}`,
      valueAt: error.instancePath,
      message: error.message ?? error.keyword,
    };
  } catch {
    // A document that only our own reading of it makes readable: then its keyword has no place in Ajv's.
    return undefined;
  }
}

function pointerTo(within: unknown, node: unknown, at: string): string | undefined {
  if (within === node) return at;
  if (typeof within !== 'object' || within === null) return undefined;
  for (const [name, each] of Object.entries(within)) {
    const found = pointerTo(each, node, `${at}${toPointer([name])}`);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Ajv over a bare document, or where Ajv cannot read that, over what was made of it. */
export function checkOfBundle(document: AnySchema, bundle: SchemaBundle): Check {
  const asWritten = checkOf(document, bundle.dialect === 'draft4' ? 'draft7' : bundle.dialect);
  const asRead = checkWithDefinitions(bundle.schema, bundle.definitions);
  if (bundle.dialect === 'draft4') return asRead;
  // Ajv heeds what stands beside a `$ref`, which drafts before 2019-09 say to ignore.
  if (bundle.hidesBesideReference) return asRead;
  return (value) => asWritten(value) ?? asRead(value);
}

/**
 * Ajv over a schema with definitions. For one value only the parts that the value reaches are compiled; the others
 * stand as `true` and are never asked. That keeps a check small where every definition leads to every other.
 */
export function checkWithDefinitions(
  schema: JsonSchema,
  definitions: Readonly<Record<string, JsonSchema>>,
): Check {
  const compiled = new Map<string, Check>();
  return (value) => {
    const reach = new Reach(definitions);
    reach.touch(schema, value, 0);
    if (reach.isCut) return undefined;
    const $defs: Record<string, JsonSchema> = {};
    for (const name of reach.names) {
      const of = Object.hasOwn(definitions, name) ? definitions[name] : undefined;
      if (of === undefined) return undefined;
      $defs[name] = reach.pruned(of);
    }
    const whole = { $defs, allOf: [reach.pruned(schema)] };
    const key = JSON.stringify(whole);
    let check = compiled.get(key);
    if (!check) {
      if (compiled.size >= COMPILED_MAX) compiled.clear();
      check = compileOnce(whole);
      compiled.set(key, check);
    }
    return check(value);
  };
}

/** Compiled validators kept for one schema: values that reach the same parts share one. */
const COMPILED_MAX = 20;

let shared: Ajv | undefined;

/** Compiles with one Ajv for all, which forgets the schema again: making an Ajv costs more than most schemas do. */
function compileOnce(schema: AnySchemaObject): Check {
  if (!shared) {
    shared = makeAjv('draft2020-12');
    shared.addKeyword({
      keyword: 'x-tenon-content',
      type: 'string',
      schemaType: 'string',
      validate: (format: string, text: string) => sure(stringFormat(format)?.test(text)),
    });
  }
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

/** Which parts of a schema a validator may look into while it checks a value. */
class Reach {
  readonly names = new Set<string>();
  /** Nested past the bound: then nothing is known of what lies deeper. */
  isCut = false;
  private readonly definitions: Readonly<Record<string, JsonSchema>>;
  private readonly seen = new Map<SchemaObject, Set<Json>>();
  private readonly copies = new Map<SchemaObject, JsonSchema>();

  constructor(definitions: Readonly<Record<string, JsonSchema>>) {
    this.definitions = definitions;
  }

  touch(schema: JsonSchema | undefined, value: Json, depth: number): void {
    if (!isSchemaObject(schema)) return;
    if (depth > DEPTH_MAX) {
      this.isCut = true;
      return;
    }
    const values = this.seen.get(schema) ?? new Set();
    if (values.has(value)) return;
    values.add(value);
    this.seen.set(schema, values);
    const go = (each: JsonSchema | undefined, on: Json): void => this.touch(each, on, depth + 1);
    if (typeof schema.$ref === 'string' && schema.$ref.startsWith('#/$defs/')) {
      const name = definitionKey(schema.$ref);
      this.names.add(name);
      go(this.definitions[name], value);
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

  /** The schema with `true` in place of every part that was not touched. */
  pruned(schema: JsonSchema): JsonSchema {
    if (!isSchemaObject(schema)) return schema;
    if (!this.seen.has(schema)) return true;
    const known = this.copies.get(schema);
    if (known !== undefined) return known;
    const copy: Record<string, unknown> = {};
    this.copies.set(schema, copy);
    for (const [keyword, value] of Object.entries(schema)) {
      if (ONE.has(keyword)) copy[keyword] = this.pruned(value as JsonSchema);
      else if (LIST.has(keyword) && Array.isArray(value))
        copy[keyword] = value.map((each) => this.pruned(each as JsonSchema));
      else if (MAP.has(keyword) && isSchemaObject(value)) {
        const map: Record<string, JsonSchema> = {};
        for (const [name, each] of Object.entries(value))
          Object.defineProperty(map, name, {
            value: this.pruned(each as JsonSchema),
            enumerable: true,
            configurable: true,
            writable: true,
          });
        copy[keyword] = map;
      } else if (!SILENT.has(keyword)) copy[keyword] = value;
    }
    return copy as SchemaObject;
  }
}

const DEPTH_MAX = 500;
/** What a validator does not look at, or must not find here: definitions stand beside the whole. */
const SILENT = new Set(['$defs', 'definitions', 'title', 'description', 'examples', 'example', 'default']);
const ONE = new Set([
  ...['not', 'if', 'then', 'else', 'items', 'contains', 'additionalProperties', 'propertyNames'],
  ...['unevaluatedProperties', 'unevaluatedItems'],
]);
const LIST = new Set(['allOf', 'anyOf', 'oneOf', 'prefixItems']);
const MAP = new Set(['properties', 'patternProperties', 'dependentSchemas']);
