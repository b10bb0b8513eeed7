import { createRequire } from 'node:module';
import { atPointer, canonicalJson, isObject, sha256 } from '@tenon/model';
import type { JsonSchema, SchemaObject } from '@tenon/schema';
import { CONTENT } from './formats.ts';

/** A schema with all it refers to, as JSON Schema 2020-12: every `$ref` is `#/$defs/<name>` into `definitions`. */
export interface SchemaBundle {
  readonly schema: JsonSchema;
  readonly definitions: Readonly<Record<string, JsonSchema>>;
  /** False in 2019-09 and before, where `contains` leaves items unevaluated. */
  readonly containsEvaluates: boolean;
  readonly dialect: Dialect;
  /** Keyword of which no reader can be sure what was meant, such as a reference to a resource that encloses it. */
  readonly ambiguous?: string;
  /** Constants that look like references (they hold `$ref`, `$id`, `$anchor`): tools that bundle rewrite them. */
  readonly referenceLike: readonly unknown[];
}

export type Dialect = 'draft4' | 'draft6' | 'draft7' | 'draft2019-09' | 'draft2020-12';

/** The dialect that `$schema` names; `otherwise` when it names none of ours. */
export function dialectOf(schema: unknown, otherwise: Dialect = 'draft2020-12'): Dialect {
  const named = isObject(schema) ? schema['$schema'] : undefined;
  return (typeof named === 'string' && DIALECT_URIS[named.replace(/#$/, '')]) || otherwise;
}

const DIALECT_URIS: Readonly<Record<string, Dialect>> = {
  'http://json-schema.org/draft-04/schema': 'draft4',
  'http://json-schema.org/draft-06/schema': 'draft6',
  'http://json-schema.org/draft-07/schema': 'draft7',
  'https://json-schema.org/draft/2019-09/schema': 'draft2019-09',
  'https://json-schema.org/draft/2020-12/schema': 'draft2020-12',
};

/** Reads a bare schema document of any dialect. References that lead out of it stay, and lead nowhere. */
export function bundleSchema(document: unknown, dialect: Dialect = dialectOf(document)): SchemaBundle {
  if (typeof document === 'boolean')
    return {
      schema: document,
      definitions: {},
      containsEvaluates: dialect === 'draft2020-12',
      dialect,
      referenceLike: [],
    };
  return new Bundler(dialect).bundle(document);
}

interface Place {
  readonly node: unknown;
  /** URI of the resource it stands in. */
  readonly base: string;
  readonly dialect: Dialect;
}

const ROOT = 'tenon:root';

const SINGLE = ['not', 'if', 'then', 'else', 'contains', 'propertyNames', 'additionalProperties'];
const SINGLE_2019 = ['unevaluatedItems', 'unevaluatedProperties'];
const LISTS = ['allOf', 'anyOf', 'oneOf'];
const MAPS = ['properties', 'patternProperties'];
/** Keywords that hold subschemas in any dialect: where `$id` and anchors are looked for. */
const WALKED = [
  ...SINGLE,
  ...SINGLE_2019,
  ...LISTS,
  ...MAPS,
  'items',
  'prefixItems',
  'additionalItems',
].concat(['definitions', '$defs', 'dependencies', 'dependentSchemas']);
const MAP_KEYWORDS = new Set([...MAPS, 'definitions', '$defs', 'dependencies', 'dependentSchemas']);

class Bundler {
  private readonly dialect: Dialect;
  private readonly resources = new Map<string, Place>();
  private readonly anchors = new Map<string, Place>();
  private readonly recursiveRoots = new Set<string>();
  private readonly names = new Map<unknown, string>();
  private readonly definitions: Record<string, JsonSchema> = {};
  private ambiguous: string | undefined;
  private readonly referenceLike: unknown[] = [];
  private readonly pending: { readonly name: string; readonly place: Place }[] = [];

  constructor(dialect: Dialect) {
    this.dialect = dialect;
  }

  bundle(document: unknown): SchemaBundle {
    this.index({ node: document, base: ROOT, dialect: this.dialect });
    const schema = this.convert(this.resources.get(ROOT)!);
    for (let next = this.pending.pop(); next; next = this.pending.pop())
      this.definitions[next.name] = this.convert(next.place);
    return {
      schema,
      definitions: this.definitions,
      containsEvaluates: this.dialect === 'draft2020-12',
      dialect: this.dialect,
      referenceLike: this.referenceLike,
      ...(this.ambiguous !== undefined && { ambiguous: this.ambiguous }),
    };
  }

  /** Finds the resources and anchors of a document, looking only where schemas stand. */
  private index(document: Place): void {
    const visit = (node: unknown, outer: string, isRoot: boolean): void => {
      if (!isObject(node)) return;
      let base = outer;
      const { dialect } = document;
      const isOld = dialect === 'draft4' || dialect === 'draft6' || dialect === 'draft7';
      const hidden = isOld && typeof node['$ref'] === 'string';
      const id = node[dialect === 'draft4' ? 'id' : '$id'];
      if (typeof id === 'string' && !hidden) {
        const uri = resolveUri(outer, id);
        const [whole = '', fragment] = uri.split('#');
        if (fragment) this.anchors.set(`${whole}#${fragment}`, { node, base: whole, dialect });
        if (whole !== '' && !id.startsWith('#')) base = whole;
      }
      if (isRoot || base !== outer) this.resources.set(base, { node, base, dialect });
      if (isRoot && document.base === ROOT) this.resources.set(ROOT, { node, base, dialect });
      for (const keyword of ['$anchor', '$dynamicAnchor'])
        if (typeof node[keyword] === 'string')
          this.anchors.set(`${base}#${node[keyword]}`, { node, base, dialect });
      if (node['$recursiveAnchor'] === true) this.recursiveRoots.add(base);
      if (hidden) return;
      for (const keyword of WALKED) {
        const value = node[keyword];
        if (MAP_KEYWORDS.has(keyword) && isObject(value))
          for (const each of Object.values(value)) visit(each, base, false);
        else if (Array.isArray(value)) for (const each of value) visit(each, base, false);
        else visit(value, base, false);
      }
    };
    visit(document.node, document.base, true);
  }

  private convert(place: Place): JsonSchema {
    const { node, base: outer, dialect } = place;
    if (typeof node === 'boolean') return node;
    if (!isObject(node)) return true;
    const isOld = dialect === 'draft4' || dialect === 'draft6' || dialect === 'draft7';
    const made: Record<string, unknown> = {};
    if (isOld && typeof node['$ref'] === 'string') return { $ref: this.reference(node['$ref'], place) };
    const base = this.baseOf(node, outer, dialect);
    const sub = (of: unknown): JsonSchema => this.convert({ node: of, base, dialect });
    const has = (keyword: string): boolean => Object.hasOwn(node, keyword);
    for (const keyword of ['enum', 'const'])
      if (has(keyword) && looksLikeReference(node[keyword])) this.referenceLike.push(node[keyword]);
    for (const [keyword, value] of Object.entries(node)) {
      if (PLAIN.has(keyword)) made[keyword] = value;
      else if (SINGLE.includes(keyword)) made[keyword] = sub(value);
      else if (LISTS.includes(keyword) && Array.isArray(value)) made[keyword] = value.map(sub);
      else if (MAPS.includes(keyword) && isObject(value)) made[keyword] = mapValues(value, sub);
    }
    if (typeof node['$ref'] === 'string') made['$ref'] = this.reference(node['$ref'], { ...place, base });
    if (!isOld) {
      for (const keyword of SINGLE_2019) if (has(keyword)) made[keyword] = sub(node[keyword]);
      if (isObject(node['dependentSchemas']))
        made['dependentSchemas'] = mapValues(node['dependentSchemas'], sub);
      if (isObject(node['dependentRequired'])) made['dependentRequired'] = node['dependentRequired'];
    }
    this.convertItems(node, dialect, made, sub);
    if (isObject(node['dependencies'])) this.convertDependencies(node['dependencies'], made, sub);
    if (dialect === 'draft4') convertBounds(node, made);
    if (dialect === 'draft4' || dialect === 'draft6')
      for (const each of ['if', 'then', 'else']) delete made[each];
    if (isOld) for (const each of ['minContains', 'maxContains']) delete made[each];
    if (dialect === 'draft4') for (const each of ['const', 'contains', 'propertyNames']) delete made[each];
    if (dialect === 'draft7') {
      const { contentEncoding: encoding, contentMediaType: mediaType } = node;
      if (typeof encoding === 'string' || typeof mediaType === 'string')
        made['x-tenon-content'] = `${CONTENT}${encoding ?? ''}:${mediaType ?? ''}`;
    }
    this.convertDynamic(node, base, made, { ...place, base });
    return made as SchemaObject;
  }

  private convertItems(
    node: Readonly<Record<string, unknown>>,
    dialect: Dialect,
    made: Record<string, unknown>,
    sub: (of: unknown) => JsonSchema,
  ): void {
    if (dialect === 'draft2020-12') {
      if (Array.isArray(node['prefixItems'])) made['prefixItems'] = node['prefixItems'].map(sub);
      if (Object.hasOwn(node, 'items')) made['items'] = sub(node['items']);
    } else if (Array.isArray(node['items'])) {
      made['prefixItems'] = node['items'].map(sub);
      if (Object.hasOwn(node, 'additionalItems')) made['items'] = sub(node['additionalItems']);
    } else if (Object.hasOwn(node, 'items')) made['items'] = sub(node['items']);
  }

  private convertDependencies(
    dependencies: Readonly<Record<string, unknown>>,
    made: Record<string, unknown>,
    sub: (of: unknown) => JsonSchema,
  ): void {
    const required: Record<string, unknown> = { ...(made['dependentRequired'] ?? {}) };
    const schemas: Record<string, unknown> = { ...(made['dependentSchemas'] ?? {}) };
    for (const [name, value] of Object.entries(dependencies)) {
      if (Array.isArray(value)) required[name] = value;
      else schemas[name] = sub(value);
    }
    if (Object.keys(required).length > 0) made['dependentRequired'] = required;
    if (Object.keys(schemas).length > 0) made['dependentSchemas'] = schemas;
  }

  /** A dynamic reference that can only lead to one place is a plain one; any other stays, unmodelled. */
  private convertDynamic(
    node: Readonly<Record<string, unknown>>,
    base: string,
    made: Record<string, unknown>,
    place: Place,
  ): void {
    if (node['$recursiveRef'] === '#') {
      const isStatic = !this.recursiveRoots.has(base) || this.resources.size <= 2;
      const target = isStatic ? this.reference('#', place) : undefined;
      if (target !== undefined && made['$ref'] === undefined) made['$ref'] = target;
      else if (target !== undefined) made['allOf'] = [...asList(made['allOf']), { $ref: target }];
      else made['$recursiveRef'] = `${base}#`;
    }
    const dynamic = node['$dynamicRef'];
    if (typeof dynamic !== 'string') return;
    const isStatic = this.resources.size <= 2;
    if (isStatic && made['$ref'] === undefined) made['$ref'] = this.reference(dynamic, place);
    else made['$dynamicRef'] = `${base}${dynamic}`;
  }

  private baseOf(node: Readonly<Record<string, unknown>>, outer: string, dialect: Dialect): string {
    const id = node[dialect === 'draft4' ? 'id' : '$id'];
    if (typeof id !== 'string' || id.startsWith('#')) return outer;
    return resolveUri(outer, id).split('#')[0]!;
  }

  /** The name under which what a reference leads to stands in `definitions`. */
  private reference(reference: string, from: Place): string {
    const target = this.find(reference, from);
    const key = target ? target.node : `${from.base} ${reference}`;
    let name = this.names.get(key);
    if (name === undefined) {
      name = target
        ? `d${this.names.size}`
        : `unresolved-${sha256(resolveUri(from.base, reference)).slice(7, 19)}`;
      this.names.set(key, name);
      if (target) this.pending.push({ name, place: target });
    }
    return `#/$defs/${name}`;
  }

  private find(reference: string, from: Place): Place | undefined {
    const uri = resolveUri(from.base, reference);
    const at = uri.indexOf('#');
    const whole = at < 0 ? uri : uri.slice(0, at);
    const fragment = at < 0 ? '' : uri.slice(at + 1);
    const resource = this.resources.get(whole) ?? this.metaschema(whole);
    if (!resource) return undefined;
    // A copy of such a document under `not` or `allOf` no longer means what it meant: too often done to be sure.
    if (whole !== from.base && this.encloses(resource, from)) this.ambiguous ??= '$id';
    if (fragment === '') return resource;
    if (!fragment.startsWith('/')) return this.anchors.get(`${whole}#${fragment}`);
    let pointer: string;
    try {
      pointer = decodeURIComponent(fragment);
    } catch {
      // Not a URI fragment: it names nothing.
      return undefined;
    }
    const node = atPointer(resource.node, pointer);
    if (node === undefined) return undefined;
    return { node, base: this.baseAt(resource, pointer), dialect: resource.dialect };
  }

  private encloses(outer: Place, inner: Place): boolean {
    const nested = this.resources.get(inner.base)?.node;
    const holds = (node: unknown): boolean =>
      node === nested || (typeof node === 'object' && node !== null && Object.values(node).some(holds));
    return nested !== undefined && nested !== outer.node && holds(outer.node);
  }

  /** The base URI in force at a pointer, which may pass through nested resources. */
  private baseAt(resource: Place, pointer: string): string {
    let { base } = resource;
    const tokens = pointer.split('/').slice(1);
    for (let i = 1; i < tokens.length; i++) {
      const node = atPointer(resource.node, `/${tokens.slice(0, i).join('/')}`);
      if (isObject(node)) base = this.baseOf(node, base, resource.dialect);
    }
    return base;
  }

  private metaschema(uri: string): Place | undefined {
    const file = METASCHEMAS[uri];
    const dialect = DIALECT_URIS[uri];
    if (file === undefined || dialect === undefined) return undefined;
    const place: Place = { node: createRequire(import.meta.url)(file), base: uri, dialect };
    const before = this.resources.size;
    this.index(place);
    // Known documents do not make a dynamic reference of the user's ambiguous.
    if (this.resources.size > before) this.resources.set(uri, place);
    return this.resources.get(uri);
  }
}

/** The metaschemas that Ajv carries and that refer to nothing outside themselves. */
const METASCHEMAS: Readonly<Record<string, string>> = {
  'http://json-schema.org/draft-06/schema': 'ajv/dist/refs/json-schema-draft-06.json',
  'http://json-schema.org/draft-07/schema': 'ajv/dist/refs/json-schema-draft-07.json',
};

const PLAIN = new Set(
  [
    'type enum const multipleOf minimum maximum exclusiveMinimum exclusiveMaximum minLength maxLength pattern',
    'format minItems maxItems uniqueItems minProperties maxProperties required minContains maxContains',
    'title description default examples readOnly writeOnly deprecated',
  ].flatMap((line) => line.split(' ')),
);

function looksLikeReference(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(looksLikeReference);
  if (!isObject(value)) return false;
  return Object.entries(value).some(
    ([name, each]) =>
      (['$ref', '$id', '$anchor'].includes(name) && typeof each === 'string') || looksLikeReference(each),
  );
}

/** Do two such constants differ in nothing but what they refer to? Then it is not sure that they were meant to differ. */
export function differOnlyInReference(constants: readonly unknown[]): boolean {
  const whole = new Map<string, string>();
  for (const constant of constants) {
    const shape = canonicalJson(withoutTargets(constant));
    const text = canonicalJson(constant);
    if ((whole.get(shape) ?? text) !== text) return true;
    whole.set(shape, text);
  }
  return false;
}

function withoutTargets(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutTargets);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => [
      name,
      ['$ref', '$id', '$anchor'].includes(name) && typeof each === 'string' ? '*' : withoutTargets(each),
    ]),
  );
}

function convertBounds(node: Readonly<Record<string, unknown>>, made: Record<string, unknown>): void {
  for (const [plain, exclusive] of [
    ['minimum', 'exclusiveMinimum'],
    ['maximum', 'exclusiveMaximum'],
  ] as const) {
    if (typeof node[exclusive] !== 'boolean') continue;
    delete made[exclusive];
    if (node[exclusive] && node[plain] !== undefined) {
      made[exclusive] = node[plain];
      delete made[plain];
    }
  }
}

function resolveUri(base: string, reference: string): string {
  if (reference.startsWith('#')) return base + reference;
  if (reference === '') return base;
  try {
    return new URL(reference, base === ROOT ? 'tenon://root/' : base).href;
  } catch {
    // Relative to a base that has no hierarchy (`urn:`): taken as it stands.
    return reference;
  }
}

function mapValues(
  map: Readonly<Record<string, unknown>>,
  of: (value: unknown) => JsonSchema,
): Record<string, JsonSchema> {
  const made: Record<string, JsonSchema> = {};
  for (const [name, value] of Object.entries(map))
    Object.defineProperty(made, name, {
      value: of(value),
      enumerable: true,
      configurable: true,
      writable: true,
    });
  return made;
}

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** `#/$defs/<name>` → name. */
export function definitionKey(reference: string): string {
  return decodeURIComponent(reference.slice('#/$defs/'.length)).replaceAll('~1', '/').replaceAll('~0', '~');
}
