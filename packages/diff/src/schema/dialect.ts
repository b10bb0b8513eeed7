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
  /** Draft 7 and before: something stands beside a `$ref`, and is to be ignored. */
  readonly hidesBesideReference?: boolean;
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

/**
 * What a dynamic reference finds: for each dynamic anchor the outermost resource on the way here that has it. The
 * name of `$recursiveAnchor` (2019-09) is empty. A definition stands once for each scope that it is reached with.
 */
interface Scope {
  readonly key: string;
  readonly anchors: ReadonlyMap<string, Place>;
}

const NO_SCOPE: Scope = { key: '', anchors: new Map() };

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
  private readonly dynamicAnchors = new Map<string, Map<string, Place>>();
  private readonly names = new Map<unknown, Map<string, string>>();
  private count = 0;
  private readonly definitions: Record<string, JsonSchema> = {};
  private ambiguous: string | undefined;
  private hidesBesideReference = false;
  private readonly referenceLike: unknown[] = [];
  private readonly pending: { readonly name: string; readonly place: Place; readonly scope: Scope }[] = [];

  constructor(dialect: Dialect) {
    this.dialect = dialect;
  }

  bundle(document: unknown): SchemaBundle {
    this.index({ node: document, base: ROOT, dialect: this.dialect });
    const root = this.resources.get(ROOT)!;
    const schema = this.convert(root, this.enter(root.base, NO_SCOPE));
    for (let next = this.pending.pop(); next; next = this.pending.pop())
      this.definitions[next.name] = this.convert(next.place, next.scope);
    return {
      schema,
      definitions: this.definitions,
      containsEvaluates: this.dialect === 'draft2020-12',
      dialect: this.dialect,
      referenceLike: this.referenceLike,
      ...(this.ambiguous !== undefined && { ambiguous: this.ambiguous }),
      ...(this.hidesBesideReference && { hidesBesideReference: true }),
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
      const dynamic = node['$recursiveAnchor'] === true ? '' : node['$dynamicAnchor'];
      if (typeof dynamic === 'string') {
        const known = this.dynamicAnchors.get(base) ?? new Map<string, Place>();
        known.set(dynamic, { node, base, dialect });
        this.dynamicAnchors.set(base, known);
      }
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

  /** The scope within a resource that is reached with `outside`. */
  private enter(base: string, outside: Scope): Scope {
    const own = [...(this.dynamicAnchors.get(base) ?? [])].filter(([name]) => !outside.anchors.has(name));
    if (own.length === 0) return outside;
    const anchors = new Map([...outside.anchors, ...own].sort(([a], [b]) => (a < b ? -1 : 1)));
    return { anchors, key: JSON.stringify([...anchors].map(([name, place]) => [name, place.base])) };
  }

  private convert(place: Place, outside: Scope): JsonSchema {
    const { node, base: outer, dialect } = place;
    if (typeof node === 'boolean') return node;
    if (!isObject(node)) return true;
    const isOld = dialect === 'draft4' || dialect === 'draft6' || dialect === 'draft7';
    const made: Record<string, unknown> = {};
    if (isOld && typeof node['$ref'] === 'string') {
      if (Object.keys(node).some((keyword) => keyword !== '$ref' && RESTRICTS.has(keyword)))
        this.hidesBesideReference = true;
      return { $ref: this.reference(node['$ref'], place, outside) };
    }
    const base = this.baseOf(node, outer, dialect);
    const scope = base === outer ? outside : this.enter(base, outside);
    const sub = (of: unknown): JsonSchema => this.convert({ node: of, base, dialect }, scope);
    const has = (keyword: string): boolean => Object.hasOwn(node, keyword);
    for (const keyword of ['enum', 'const'])
      if (has(keyword) && looksLikeReference(node[keyword])) this.referenceLike.push(node[keyword]);
    for (const [keyword, value] of Object.entries(node)) {
      if (PLAIN.has(keyword)) made[keyword] = value;
      else if (SINGLE.includes(keyword)) made[keyword] = sub(value);
      else if (LISTS.includes(keyword) && Array.isArray(value)) made[keyword] = value.map(sub);
      else if (MAPS.includes(keyword) && isObject(value)) made[keyword] = mapValues(value, sub);
    }
    if (typeof node['$ref'] === 'string')
      made['$ref'] = this.reference(node['$ref'], { ...place, base }, scope);
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
      const content = contentOf(node);
      if (content !== undefined) made['x-tenon-content'] = content;
    }
    this.convertDynamic(node, made, { ...place, base }, scope);
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

  /** A dynamic reference leads to one place within a scope: there it is a plain one. */
  private convertDynamic(
    node: Readonly<Record<string, unknown>>,
    made: Record<string, unknown>,
    place: Place,
    scope: Scope,
  ): void {
    const keyword = place.dialect === 'draft2019-09' ? '$recursiveRef' : '$dynamicRef';
    const written = node[keyword];
    if (typeof written !== 'string' || (place.dialect !== 'draft2019-09' && place.dialect !== 'draft2020-12'))
      return;
    const first = this.find(written, place);
    const name = keyword === '$recursiveRef' ? '' : (written.split('#')[1] ?? '');
    const isDynamic =
      first !== undefined && this.dynamicAnchors.get(first.base)?.get(name)?.node === first.node;
    const target = isDynamic ? (scope.anchors.get(name) ?? first) : first;
    if (target) this.noteNegated(target, place, keyword);
    const $ref = target ? this.definition(target, scope) : this.reference(written, place, scope);
    if (made['$ref'] === undefined) made['$ref'] = $ref;
    else made['allOf'] = [...asList(made['allOf']), { $ref }];
  }

  private baseOf(node: Readonly<Record<string, unknown>>, outer: string, dialect: Dialect): string {
    const id = node[dialect === 'draft4' ? 'id' : '$id'];
    if (typeof id !== 'string' || id.startsWith('#')) return outer;
    return resolveUri(outer, id).split('#')[0]!;
  }

  /** Where in `definitions` what a reference leads to stands. */
  private reference(reference: string, from: Place, scope: Scope): string {
    const target = this.find(reference, from);
    if (target && this.count < DEFINITIONS_MAX) return this.definition(target, scope);
    return `#/$defs/unresolved-${sha256(resolveUri(from.base, reference)).slice(7, 19)}`;
  }

  private definition(target: Place, outside: Scope): string {
    const scope = this.enter(target.base, outside);
    const known = this.names.get(target.node) ?? new Map<string, string>();
    this.names.set(target.node, known);
    let name = known.get(scope.key);
    if (name === undefined) {
      name = `d${this.count++}`;
      known.set(scope.key, name);
      this.pending.push({ name, place: target, scope });
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
    const target = this.findIn(resource, whole, fragment);
    if (target) this.noteNegated(target, from, '$id');
    return target;
  }

  private findIn(resource: Place, whole: string, fragment: string): Place | undefined {
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

  /**
   * Recursion by name through a negation is what is left when a part of a recursive document was put under `not`: the
   * name still leads to the whole. Too often done to be sure that it was meant.
   */
  private noteNegated(target: Place, from: Place, keyword: string): void {
    if (target.base === from.base) return;
    const nested = this.resources.get(from.base)?.node;
    const holds = (node: unknown): boolean =>
      node === nested || (typeof node === 'object' && node !== null && Object.values(node).some(holds));
    if (nested !== undefined && nested !== target.node && holds(target.node) && negates(target.node))
      this.ambiguous ??= keyword;
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
    const metaschema = METASCHEMAS[uri];
    if (!metaschema) return undefined;
    const place: Place = {
      node: createRequire(import.meta.url)(metaschema[0]),
      base: uri,
      dialect: metaschema[1],
    };
    this.index(place);
    this.resources.set(uri, place);
    return place;
  }
}

/** What `contentEncoding` and `contentMediaType` ask for together, as a format. */
export function contentOf(schema: Readonly<Record<string, unknown>>): string | undefined {
  const { contentEncoding: encoding, contentMediaType: mediaType } = schema;
  if (typeof encoding !== 'string' && typeof mediaType !== 'string') return undefined;
  return `${CONTENT}${encoding ?? ''}:${mediaType ?? ''}`;
}

const SITE = 'https://json-schema.org/draft';

function vocabularies(version: string, names: string): [string, readonly [string, Dialect]][] {
  const dialect: Dialect = version === '2019-09' ? 'draft2019-09' : 'draft2020-12';
  return ['schema', ...names.split(' ').map((name) => `meta/${name}`)].map((name) => [
    `${SITE}/${version}/${name}`,
    [`ajv/dist/refs/json-schema-${version}/${name}.json`, dialect],
  ]);
}

/** The metaschemas that Ajv carries. */
const METASCHEMAS: Readonly<Record<string, readonly [string, Dialect]>> = Object.fromEntries([
  ['http://json-schema.org/draft-06/schema', ['ajv/dist/refs/json-schema-draft-06.json', 'draft6']],
  ['http://json-schema.org/draft-07/schema', ['ajv/dist/refs/json-schema-draft-07.json', 'draft7']],
  ...vocabularies('2019-09', 'applicator content core format meta-data validation'),
  ...vocabularies('2020-12', 'applicator content core format-annotation meta-data unevaluated validation'),
]);

/** More definitions than any document needs: what many dynamic scopes would multiply is left unresolved. */
const DEFINITIONS_MAX = 50_000;

/** Does a schema say `not` or `if` anywhere? */
function negates(node: unknown): boolean {
  if (Array.isArray(node)) return node.some(negates);
  if (!isObject(node)) return false;
  return Object.entries(node).some(
    ([keyword, value]) => ((keyword === 'not' || keyword === 'if') && isObject(value)) || negates(value),
  );
}

const PLAIN = new Set(
  [
    'type enum const multipleOf minimum maximum exclusiveMinimum exclusiveMaximum minLength maxLength pattern',
    'format minItems maxItems uniqueItems minProperties maxProperties required minContains maxContains',
    'title description default examples readOnly writeOnly deprecated',
  ].flatMap((line) => line.split(' ')),
);

/** What says something about values, and is no annotation or name. */
const RESTRICTS = new Set(
  [...PLAIN, ...SINGLE, ...LISTS, ...MAPS, 'items', 'additionalItems', 'dependencies'].filter(
    (keyword) => !['title', 'description', 'default', 'examples', 'deprecated'].includes(keyword),
  ),
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
