import { escapeToken, isObject } from '@tenon/model';
import { doublingLoop, type JsonSchema, patternBudget } from '@tenon/schema';
import type { Findings } from './findings.ts';
import { type Part, setOwn } from './part.ts';
import { type Place, pointerOf } from './place.ts';
import { unicodePattern } from './regex.ts';
import { SchemaNames } from './schema-names.ts';
import { isSecretName } from './secret-names.ts';
import type { Sources } from './sources.ts';

/** Which rules a schema was written under: they differ in `nullable`, `exclusive*`, tuples and siblings of `$ref`. */
export type Dialect = 'openapi-3.0' | 'openapi-3.1' | 'asyncapi';

type Built = Record<string, unknown>;

/** Keywords that hold one schema. */
const ONE = new Set([
  'additionalProperties',
  'propertyNames',
  'unevaluatedProperties',
  'unevaluatedItems',
  'contains',
  'not',
  'if',
  'then',
  'else',
  'contentSchema',
]);
const LIST = new Set(['allOf', 'anyOf', 'oneOf', 'prefixItems']);
const MAP = new Set(['properties', 'dependentSchemas']);
/** Gone from the result: names and containers that hoisting replaces, and `id`, which Ajv refuses. */
const DROPPED = new Set([
  '$id',
  'id',
  '$schema',
  '$anchor',
  '$dynamicAnchor',
  '$recursiveAnchor',
  '$vocabulary',
  '$defs',
  'definitions',
  'nullable',
  'example',
  'additionalItems',
  '$dynamicRef',
  '$recursiveRef',
]);
const ANNOTATIONS = new Set([
  'title',
  'description',
  'default',
  'examples',
  'deprecated',
  'readOnly',
  'writeOnly',
  'externalDocs',
  'xml',
]);
/** Keywords beside a `$ref` that were certainly meant, though OpenAPI 3.0 ignores them. */
const KEPT_SIBLINGS = new Set([
  'title',
  'description',
  'deprecated',
  'readOnly',
  'writeOnly',
  'nullable',
  'default',
]);

/** Names nothing: a reference to it lets anything go. */
const NO_SCHEMA_AROUND = '#no-schema-around';

/**
 * Reads schemas of any source dialect into JSON Schema 2020-12. Each `$ref` target becomes a definition of its own,
 * read once however often it is named, so cycles need no care.
 */
export class SchemaReader {
  readonly #sources: Sources;
  readonly #findings: Findings;
  readonly #dialect: Dialect;
  readonly #entry: string;
  readonly #origins: Map<object, Place>;
  readonly #names = new SchemaNames();
  readonly #nameByKey = new Map<string, string>();
  readonly #definitions = new Map<string, JsonSchema>();
  readonly #waiting: { readonly name: string; readonly part: Part }[] = [];
  readonly #passwords = new Set<string>();
  readonly #secretLike: Part[] = [];
  readonly #patternBudget = patternBudget();

  constructor(parts: {
    readonly sources: Sources;
    readonly findings: Findings;
    readonly dialect: Dialect;
    readonly entry: string;
    readonly origins: Map<object, Place>;
  }) {
    this.#sources = parts.sources;
    this.#findings = parts.findings;
    this.#dialect = parts.dialect;
    this.#entry = parts.entry;
    this.#origins = parts.origins;
  }

  /** Makes every schema of `components.schemas` a definition under its own name, used or not. */
  hoistComponents(root: Part): void {
    for (const [, part] of root.get('components')?.get('schemas')?.entries() ?? [])
      this.#nameOf(part, undefined);
  }

  /** All definitions hoisted so far, and those that they need. */
  definitions(): Readonly<Record<string, JsonSchema>> {
    for (let next = this.#waiting.shift(); next; next = this.#waiting.shift())
      this.#definitions.set(next.name, this.read(next.part));
    const all: Record<string, JsonSchema> = {};
    for (const [name, schema] of this.#definitions) setOwn(all, name, schema);
    return all;
  }

  /** Pointers of the schemas read so far that are `format: password`. */
  get passwords(): ReadonlySet<string> {
    return this.#passwords;
  }

  /** Members read so far that are named as a credential is, and of which the document says no more than that they are texts. */
  get secretLike(): readonly Part[] {
    return this.#secretLike;
  }

  /** One schema where it stands. What is no schema at all reads as `true`: the shape check has said so. */
  read(part: Part): JsonSchema {
    if (typeof part.value === 'boolean') return part.value;
    if (!part.object) return true;
    if (this.#dialect === 'asyncapi' && isForeignFormat(part)) return this.#foreign(part);
    const reference = this.#reference(part);
    const schema = reference === undefined ? this.#keywords(part) : this.#referring(part, reference);
    if (typeof schema === 'object') {
      this.#origins.set(schema, part.place);
      if (schema.format === 'password') this.#passwords.add(pointerOf(part.place));
    }
    return schema;
  }

  #reference(part: Part): string | undefined {
    const ref = part.text('$ref') ?? part.text('$dynamicRef') ?? this.#recursiveReference(part);
    if (ref === undefined) return undefined;
    const found = this.#sources.resolve(ref, part.base);
    return 'failure' in found ? '' : this.#nameOf(found.part, found.key);
  }

  /**
   * `$recursiveRef` (2019-09) as the `$ref` that it comes to. Its `#` is the schema resource around it, which within an
   * OpenAPI document would be the document: what is meant is the nearest schema around it with `$recursiveAnchor`.
   */
  #recursiveReference(part: Part): string | undefined {
    const ref = part.text('$recursiveRef');
    if (ref !== '#') return ref;
    for (let place = part.place.parent; place; place = place.parent) {
      const pointer = `#${pointerOf(place).replaceAll('%', '%25')}`;
      const found = this.#sources.resolve(pointer, part.base);
      if (!('failure' in found) && found.part.flag('$recursiveAnchor')) return pointer;
    }
    return part.base === this.#entry ? NO_SCHEMA_AROUND : ref;
  }

  /** `name`: empty when the reference leads nowhere, which the shape check reports; then anything goes. */
  #referring(part: Part, name: string): JsonSchema {
    const schema: Built = name === '' ? {} : { $ref: `#/$defs/${encodeURIComponent(escapeToken(name))}` };
    const siblings: Built = {};
    for (const [key, child] of part.entries()) {
      if (key === '$ref' || key === '$dynamicRef' || key === '$recursiveRef') continue;
      if (this.#dialect !== 'openapi-3.1' && !KEPT_SIBLINGS.has(key) && !key.startsWith('x-')) continue;
      this.#keyword(siblings, key, child);
    }
    Object.assign(schema, siblings);
    if (!part.flag('nullable')) return schema;
    return this.#nullable(schema);
  }

  #keywords(part: Part): JsonSchema {
    const schema: Built = {};
    for (const [key, child] of part.entries()) this.#keyword(schema, key, child);
    const example = part.get('example');
    if (example && !('examples' in schema)) schema['examples'] = this.#placed([example.value], example);
    this.#tuple(schema, part);
    exclusiveBounds(schema);
    return part.flag('nullable') && this.#dialect !== 'asyncapi' ? this.#nullable(schema) : schema;
  }

  #keyword(schema: Built, key: string, child: Part): void {
    if (DROPPED.has(key)) return;
    const converted = this.#convert(key, child);
    if (converted !== undefined) Object.assign(schema, converted);
  }

  /** The member (or members) that a keyword becomes; `undefined` for none. */
  #convert(key: string, child: Part): Built | undefined {
    if (ONE.has(key)) return { [key]: this.read(child) };
    if (LIST.has(key)) {
      const schemas = [...child.items()].map((item) => this.read(item));
      return schemas.length > 0 ? { [key]: schemas } : undefined;
    }
    if (key === 'properties')
      for (const [name, member] of child.entries())
        if (isSecretName(name) && isPlainText(member)) this.#secretLike.push(member);
    if (MAP.has(key)) return { [key]: this.#map(child) };
    const special = this.#special[key];
    if (special) return special(child);
    const accepts = VALUE_KEYWORDS[key];
    if (accepts && !accepts(child.value)) return undefined;
    const member: Built = {};
    setOwn(member, key, child.value);
    return member;
  }

  readonly #special: Readonly<Record<string, (child: Part) => Built | undefined>> = {
    // A list of schemas is a tuple, see `#tuple`.
    items: (child) => (Array.isArray(child.value) ? undefined : { items: this.read(child) }),
    type: ({ value }) => typeMember(value),
    pattern: (child) => {
      if (typeof child.value !== 'string') return undefined;
      const pattern = this.#pattern(child.value, child);
      return pattern === undefined ? undefined : { pattern };
    },
    patternProperties: (child) => this.#patternProperties(child),
    discriminator: (child) => this.#discriminator(child),
    dependencies: (child) => this.#dependencies(child),
    required: ({ value }) => {
      if (!Array.isArray(value)) return undefined;
      return { required: [...new Set(value.filter((name) => typeof name === 'string'))] };
    },
    enum: ({ value }) => (Array.isArray(value) && value.length > 0 ? { enum: value } : undefined),
    examples: (child) => {
      const { value } = child;
      if (Array.isArray(value)) return { examples: this.#placed(value, child) };
      // The OpenAPI shape (name → { value }) where the JSON Schema list was due.
      return isObject(value) ? { examples: Object.values(value) } : undefined;
    },
  };

  #placed(examples: unknown[], part: Part): unknown[] {
    this.#origins.set(examples, part.place);
    return examples;
  }

  #map(part: Part): Built {
    const schemas: Built = {};
    for (const [name, child] of part.entries()) setOwn(schemas, name, this.read(child));
    return schemas;
  }

  #tuple(schema: Built, part: Part): void {
    const items = part.get('items');
    if (!items || !Array.isArray(items.value)) return;
    const list = [...items.items()].map((item) => this.read(item));
    if (list.length > 0) schema['prefixItems'] = list;
    const rest = part.get('additionalItems');
    if (rest) schema['items'] = this.read(rest);
  }

  #patternProperties(part: Part): Built {
    const schemas: Built = {};
    for (const [written, child] of part.entries()) {
      const pattern = this.#pattern(written, child, true);
      // Of what is left out nobody knows which names it was for, so any may be there.
      if (pattern === undefined) both(schemas, ANY_NAME, true);
      else both(schemas, pattern, this.read(child));
    }
    return { patternProperties: schemas };
  }

  /** As it is run; `undefined`, and told, for what is no pattern. `onKey`: it is the name of the part. */
  #pattern(written: string, part: Part, onKey = false): string | undefined {
    const pattern = unicodePattern(written);
    if (pattern === undefined)
      this.#findings.add('contract-pattern-invalid', part, {
        message: `the pattern ${JSON.stringify(written)} is no ECMAScript regular expression; it is not checked`,
        onKey,
      });
    const doubling = pattern === undefined ? 'none' : doublingLoop(pattern, this.#patternBudget);
    if (doubling === 'unjudged')
      this.#findings.add('contract-pattern-unjudged', part, {
        message: `the pattern \`${shortened(written)}\`, or those before it, are too large to tell how long it can take`,
        onKey,
      });
    else if (doubling !== 'none')
      this.#findings.add('contract-pattern-doubles', part, {
        message: `\`${shortened(doubling.loop)}\` can read one text in many ways, and this pattern is run by an engine that tries them all`,
        onKey,
      });
    return pattern;
  }

  #discriminator(child: Part): Built | undefined {
    // AsyncAPI gives the property's name alone.
    const propertyName = typeof child.value === 'string' ? child.value : child.text('propertyName');
    if (propertyName === undefined) return undefined;
    const mapping: Built = {};
    for (const [value, target] of child.get('mapping')?.entries() ?? []) {
      const name = typeof target.value === 'string' ? this.#mappingName(target.value, child.base) : undefined;
      if (name !== undefined) setOwn(mapping, value, `#/$defs/${encodeURIComponent(escapeToken(name))}`);
    }
    const hasMapping = Object.keys(mapping).length > 0;
    return { discriminator: { propertyName, ...(hasMapping && { mapping }) } };
  }

  /** A mapping's value is the name of a schema under `components.schemas`, or a reference. */
  #mappingName(target: string, base: string): string | undefined {
    const asName = /[#/]/.test(target)
      ? undefined
      : this.#sources.resolve(`#/components/schemas/${escapeToken(target)}`, base);
    const found = asName && !('failure' in asName) ? asName : this.#sources.resolve(target, base);
    return 'failure' in found ? undefined : this.#nameOf(found.part, found.key);
  }

  #dependencies(child: Part): Built | undefined {
    const dependentRequired: Built = {};
    const dependentSchemas: Built = {};
    for (const [name, part] of child.entries()) {
      if (Array.isArray(part.value)) setOwn(dependentRequired, name, part.value);
      else setOwn(dependentSchemas, name, this.read(part));
    }
    return {
      ...(Object.keys(dependentRequired).length > 0 && { dependentRequired }),
      ...(Object.keys(dependentSchemas).length > 0 && { dependentSchemas }),
    };
  }

  /**
   * Lets `null` in. OpenAPI 3.0.3 says that `nullable` beside `allOf` and the like does nothing; every document that
   * writes it there means it, and its server sends null, so it is honoured.
   */
  #nullable(schema: Built): Built {
    if (Array.isArray(schema['enum']) && !schema['enum'].includes(null))
      schema['enum'] = [...schema['enum'], null];
    if ('const' in schema) {
      schema['enum'] = [schema['const'], null];
      delete schema['const'];
    }
    const type = schema['type'];
    if (typeof type === 'string') schema['type'] = type === 'null' ? type : [type, 'null'];
    else if (Array.isArray(type) && !type.includes('null')) schema['type'] = [...type, 'null'];
    if (!['$ref', 'allOf', 'anyOf', 'oneOf', 'not'].some((keyword) => keyword in schema)) return schema;
    if (
      Array.isArray(schema['anyOf']) &&
      !['$ref', 'allOf', 'oneOf', 'not'].some((keyword) => keyword in schema)
    )
      return { ...schema, anyOf: [...schema['anyOf'], { type: 'null' }] };
    const outer: Built = {};
    const inner: Built = {};
    for (const key of Object.keys(schema)) {
      const isAnnotation = ANNOTATIONS.has(key) || key.startsWith('x-');
      setOwn(isAnnotation ? outer : inner, key, schema[key]);
    }
    return { anyOf: [inner, { type: 'null' }], ...outer };
  }

  /** The name under which a target is a definition; hoists it when it is named for the first time. */
  #nameOf(part: Part, key: string | undefined): string {
    const wanted = key ?? this.#sources.keyOf(part);
    const known = this.#nameByKey.get(wanted);
    if (known !== undefined) return known;
    const name = this.#names.give(part, this.#entry);
    this.#nameByKey.set(wanted, name);
    this.#waiting.push({ name, part });
    return name;
  }

  /** AsyncAPI's multi-format schema: `{ schemaFormat, schema }`; any value passes where its format is not read. */
  #foreign(part: Part): JsonSchema {
    const format = part.text('schemaFormat') ?? '';
    const schema = part.get('schema');
    if (schema && isJsonSchemaFormat(format)) return this.read(schema);
    return true;
  }
}

function isForeignFormat(part: Part): boolean {
  return part.text('schemaFormat') !== undefined && part.get('schema') !== undefined;
}

/** JSON Schema (any draft), AsyncAPI's superset of it and OpenAPI's: all read by this file. */
export function isJsonSchemaFormat(format: string): boolean {
  return /^application\/(?:vnd\.aai\.asyncapi|schema|vnd\.oai\.openapi)(?:[;+]|$)/.test(format);
}

const TYPES = new Set(['string', 'number', 'integer', 'boolean', 'object', 'array', 'null']);

/** A type of JSON Schema; what older documents wrote (`file`, `any`) as near as it comes. */
function typeMember(value: unknown): Built | undefined {
  if (value === 'file') return { type: 'string' };
  if (typeof value === 'string') return TYPES.has(value) ? { type: value } : undefined;
  if (!Array.isArray(value)) return undefined;
  const known = [...new Set(value)].filter((type) => TYPES.has(type));
  if (known.length === 0) return undefined;
  return { type: known.length === 1 ? known[0] : known };
}

/** `exclusiveMinimum: true` beside `minimum: 3` (draft 4, OpenAPI 3.0) becomes `exclusiveMinimum: 3`. */
function exclusiveBounds(schema: Built): void {
  for (const [exclusive, bound] of [
    ['exclusiveMinimum', 'minimum'],
    ['exclusiveMaximum', 'maximum'],
  ] as const) {
    if (typeof schema[exclusive] !== 'boolean') continue;
    if (schema[exclusive] && typeof schema[bound] === 'number') {
      schema[exclusive] = schema[bound];
      delete schema[bound];
    } else delete schema[exclusive];
  }
}

const isNumber = (value: unknown): boolean => typeof value === 'number';
const isCount = (value: unknown): boolean => Number.isInteger(value) && Number(value) >= 0;
const isFlag = (value: unknown): boolean => typeof value === 'boolean';
const isText = (value: unknown): boolean => typeof value === 'string';

/** What a keyword's value must be; another is left out, for validators would throw at it. */
const VALUE_KEYWORDS: Readonly<Record<string, (value: unknown) => boolean>> = {
  minimum: isNumber,
  maximum: isNumber,
  exclusiveMinimum: (value) => isNumber(value) || isFlag(value),
  exclusiveMaximum: (value) => isNumber(value) || isFlag(value),
  multipleOf: (value) => typeof value === 'number' && value > 0,
  minLength: isCount,
  maxLength: isCount,
  minItems: isCount,
  maxItems: isCount,
  minContains: isCount,
  maxContains: isCount,
  minProperties: isCount,
  maxProperties: isCount,
  uniqueItems: isFlag,
  format: isText,
  title: isText,
  description: isText,
  $comment: isText,
  readOnly: isFlag,
  writeOnly: isFlag,
  deprecated: isFlag,
  dependentRequired: isObject,
};

function isPlainText(part: Part): boolean {
  const types: unknown = part.get('type')?.value;
  const isText = types === 'string' || (Array.isArray(types) && types.includes('string'));
  return isText && ['format', 'enum', 'const', '$ref'].every((key) => part.get(key) === undefined);
}

/** For a message. */
function shortened(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

/** A pattern that each name has. */
const ANY_NAME = '';

/** Two patterns that are written in different ways may be run as one: a name that has it must keep to what stands under both. */
function both(schemas: Built, pattern: string, schema: unknown): void {
  const before = Object.hasOwn(schemas, pattern) ? schemas[pattern] : undefined;
  setOwn(schemas, pattern, before === undefined ? schema : { allOf: [before, schema] });
}
