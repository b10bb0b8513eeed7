import { isSchemaObject, type JsonSchema, type SchemaObject } from '@tenon/schema';
import { NUMBER_FORMATS, stringFormat } from './formats.ts';
import { ANY, ARRAY, type Formula, NUMBER, OBJECT, typeBit, type Universe } from './formula.ts';

/** What a `$ref` names: the schema, and a key that two references share exactly when they mean the same. */
export interface Target {
  readonly key: string;
  readonly schema: JsonSchema;
}

export interface Scope {
  /** `undefined` when the reference leads nowhere that can be read. */
  readonly resolve: (reference: string) => Target | undefined;
  /** Do items that `contains` matched count as evaluated (2020-12), or not (2019-09)? Default true. */
  readonly containsEvaluates?: boolean;
}

/** Turns schemas (JSON Schema 2020-12) into formulas, and keeps what it made. */
export class Builder {
  private readonly made = new Map<SchemaObject, Formula>();
  private readonly worlds = new Map<string, Formula>();
  private readonly identities = new Map<JsonSchema, number>();
  private readonly universe: Universe;
  private readonly scope: Scope;

  constructor(universe: Universe, scope: Scope) {
    this.universe = universe;
    this.scope = scope;
  }

  formula(schema: JsonSchema): Formula {
    if (!isSchemaObject(schema)) return schema === false ? this.universe.never : this.universe.always;
    const known = this.made.get(schema);
    if (known) return known;
    const made = this.make(schema);
    this.made.set(schema, made);
    return made;
  }

  /**
   * That a value holds no property which its schema does not declare, at any depth: how a sender behaves who keeps
   * to the document, although an open schema would allow more. Schemas that say `additionalProperties` themselves,
   * or declare nothing, stay as open as they say.
   */
  declaredOnly(schemas: readonly JsonSchema[]): Formula {
    const inPlace = [...this.inPlace(schemas)].filter(isSchemaObject);
    if (inPlace.length === 0) return this.universe.always;
    const key = inPlace
      .map((schema) => this.identity(schema))
      .sort((a, b) => a - b)
      .join(',');
    const known = this.worlds.get(key);
    if (known) return known;
    const cell = this.universe.cell({
      key: `declared:${this.identity(this.scopeMark)}:${key}`,
      body: once(() => this.makeDeclaredOnly(inPlace)),
    });
    this.worlds.set(key, cell);
    return cell;
  }

  /** Stands for this builder in keys of cells, so that two sides never share one. */
  private readonly scopeMark: SchemaObject = {};

  private makeDeclaredOnly(schemas: readonly SchemaObject[]): Formula {
    const { universe } = this;
    const byName = new Map<string, JsonSchema[]>();
    const patterns = new Set<string>();
    const rest: JsonSchema[] = [];
    const items: JsonSchema[] = [];
    let isOpen = false;
    for (const schema of schemas) {
      for (const [name, of] of Object.entries(schema.properties ?? {})) {
        const list = byName.get(name);
        if (list) list.push(of);
        else byName.set(name, [of]);
      }
      for (const name of namesMentioned(schema)) if (!byName.has(name)) byName.set(name, []);
      for (const [source, of] of Object.entries(schema.patternProperties ?? {})) {
        patterns.add(source);
        rest.push(of);
      }
      for (const each of [schema.additionalProperties, schema.unevaluatedProperties]) {
        // `true` says no more than saying nothing.
        if (!isSchemaObject(each) || Object.keys(each).length === 0) continue;
        isOpen = true;
        rest.push(each);
      }
      items.push(...(schema.prefixItems ?? []));
      for (const each of [schema.items, schema.contains, schema.unevaluatedItems])
        if (each !== undefined) items.push(each);
    }
    const parts: Formula[] = [];
    for (const [name, of] of byName) {
      const world = this.declaredOnly([...of, ...rest]);
      parts.push(universe.literal({ is: 'property', name, of: world }));
    }
    const isClosed =
      !isOpen &&
      schemas.some((schema) => schema.properties !== undefined || namesMentioned(schema).length > 0);
    const others = isClosed && patterns.size === 0 ? universe.never : this.declaredOnly(rest);
    const names = [...byName.keys()].sort();
    if (isClosed && patterns.size > 0)
      parts.push(
        universe.literal({ is: 'others', names, sources: [...patterns].sort(), of: universe.never }),
      );
    parts.push(universe.literal({ is: 'others', names, sources: [], of: others }));
    parts.push(universe.literal({ is: 'rest', from: 0, of: this.declaredOnly(items) }));
    return universe.all(parts);
  }

  /** The schemas that apply to the same value: these, and through references and combinations all within. */
  private inPlace(schemas: readonly JsonSchema[], seen = new Set<JsonSchema>()): Set<JsonSchema> {
    for (const schema of schemas) {
      if (!isSchemaObject(schema) || seen.has(schema)) continue;
      seen.add(schema);
      if (schema.$ref !== undefined) {
        const target = this.scope.resolve(schema.$ref);
        if (target) this.inPlace([target.schema], seen);
      }
      for (const list of [schema.allOf, schema.anyOf, schema.oneOf]) if (list) this.inPlace(list, seen);
      for (const each of [schema.if, schema.then, schema.else])
        if (each !== undefined) this.inPlace([each], seen);
      if (schema.dependentSchemas) this.inPlace(Object.values(schema.dependentSchemas), seen);
    }
    return seen;
  }

  private identity(schema: JsonSchema): number {
    let id = this.identities.get(schema);
    if (id === undefined) {
      id = identityNext++;
      this.identities.set(schema, id);
    }
    return id;
  }

  private make(schema: SchemaObject): Formula {
    const { universe } = this;
    const parts: Formula[] = [];
    if (schema.$ref !== undefined) parts.push(this.reference(schema.$ref));
    if (schema.type !== undefined) parts.push(this.type(schema.type));
    if (schema.enum) parts.push(universe.in(schema.enum));
    if (schema.const !== undefined) parts.push(universe.in([schema.const]));
    this.addNumber(schema, parts);
    this.addString(schema, parts);
    this.addArray(schema, parts);
    this.addObject(schema, parts);
    for (const each of schema.allOf ?? []) parts.push(this.formula(each));
    if (schema.anyOf) parts.push(universe.any(schema.anyOf.map((of) => this.formula(of))));
    if (schema.oneOf) parts.push(universe.one(schema.oneOf.map((of) => this.formula(of))));
    if (schema.not !== undefined) parts.push(universe.not(this.formula(schema.not)));
    if (schema.if !== undefined) {
      const condition = this.formula(schema.if);
      if (schema.then !== undefined)
        parts.push(universe.any([universe.not(condition), this.formula(schema.then)]));
      if (schema.else !== undefined) parts.push(universe.any([condition, this.formula(schema.else)]));
    }
    if (schema.unevaluatedProperties !== undefined)
      parts.push(this.unevaluatedProperties(schema, schema.unevaluatedProperties));
    if (schema.unevaluatedItems !== undefined)
      parts.push(this.unevaluatedItems(schema, schema.unevaluatedItems));
    for (const keyword of UNMODELLED) {
      if (schema[keyword] !== undefined)
        parts.push(this.opaque(keyword, JSON.stringify(schema[keyword]), ANY));
    }
    return universe.all(parts);
  }

  private reference(reference: string): Formula {
    const target = this.scope.resolve(reference);
    if (!target) return this.opaque('$ref', reference, ANY);
    if (!isSchemaObject(target.schema)) return this.formula(target.schema);
    return this.universe.cell({ key: target.key, body: once(() => this.formula(target.schema)) });
  }

  private type(type: string | readonly string[]): Formula {
    const names = typeof type === 'string' ? [type] : type;
    let mask = 0;
    for (const name of names) mask |= typeBit(name);
    if (names.includes('integer') && (mask & NUMBER) === 0)
      return this.universe.all([this.universe.types(mask | NUMBER), this.integer()]);
    return this.universe.types(mask);
  }

  private integer(): Formula {
    return this.universe.literal({ is: 'multipleOf', divisor: 1 });
  }

  private opaque(keyword: string, key: string, on: number): Formula {
    return this.universe.literal({ is: 'opaque', keyword, key, on });
  }

  private addNumber(schema: SchemaObject, parts: Formula[]): void {
    const { universe } = this;
    const bound = (is: 'minimum' | 'maximum', value: number | undefined, exclusive: boolean) => {
      if (typeof value === 'number') parts.push(universe.literal({ is, bound: value + 0, exclusive }));
    };
    bound('minimum', schema.minimum, false);
    bound('maximum', schema.maximum, false);
    bound('minimum', schema.exclusiveMinimum, true);
    bound('maximum', schema.exclusiveMaximum, true);
    if (typeof schema.multipleOf === 'number' && schema.multipleOf > 0)
      parts.push(universe.literal({ is: 'multipleOf', divisor: schema.multipleOf }));
    const format = schema.format !== undefined ? NUMBER_FORMATS[schema.format] : undefined;
    if (format) {
      parts.push(this.integer());
      bound('minimum', format.minimum, false);
      bound('maximum', format.maximum, false);
    }
  }

  private addString(schema: SchemaObject, parts: Formula[]): void {
    const { universe } = this;
    if (typeof schema.minLength === 'number')
      parts.push(universe.literal({ is: 'minLength', bound: schema.minLength }));
    if (typeof schema.maxLength === 'number')
      parts.push(universe.literal({ is: 'maxLength', bound: schema.maxLength }));
    if (typeof schema.pattern === 'string')
      parts.push(universe.literal({ is: 'pattern', source: schema.pattern }));
    const content = schema['x-tenon-content'];
    if (typeof content === 'string') parts.push(universe.literal({ is: 'format', format: content }));
    const { format } = schema;
    if (typeof format !== 'string') return;
    if (stringFormat(format)) parts.push(universe.literal({ is: 'format', format }));
  }

  private addArray(schema: SchemaObject, parts: Formula[]): void {
    const { universe } = this;
    if (typeof schema.minItems === 'number')
      parts.push(universe.literal({ is: 'minItems', bound: schema.minItems }));
    if (typeof schema.maxItems === 'number')
      parts.push(universe.literal({ is: 'maxItems', bound: schema.maxItems }));
    if (schema.uniqueItems === true) parts.push(universe.literal({ is: 'uniqueItems' }));
    const prefix = schema.prefixItems ?? [];
    for (const [index, of] of prefix.entries())
      parts.push(universe.literal({ is: 'item', index, of: this.formula(of) }));
    if (schema.items !== undefined)
      parts.push(universe.literal({ is: 'rest', from: prefix.length, of: this.formula(schema.items) }));
    if (schema.contains === undefined) return;
    const of = this.formula(schema.contains);
    parts.push(universe.literal({ is: 'minContains', bound: schema.minContains ?? 1, of }));
    if (typeof schema.maxContains === 'number')
      parts.push(universe.literal({ is: 'maxContains', bound: schema.maxContains, of }));
  }

  private addObject(schema: SchemaObject, parts: Formula[]): void {
    const { universe } = this;
    if (typeof schema.minProperties === 'number')
      parts.push(universe.literal({ is: 'minProperties', bound: schema.minProperties }));
    if (typeof schema.maxProperties === 'number')
      parts.push(universe.literal({ is: 'maxProperties', bound: schema.maxProperties }));
    for (const name of schema.required ?? []) parts.push(universe.literal({ is: 'required', name }));
    for (const [name, of] of Object.entries(schema.properties ?? {}))
      parts.push(universe.literal({ is: 'property', name, of: this.formula(of) }));
    for (const [source, of] of Object.entries(schema.patternProperties ?? {}))
      parts.push(universe.literal({ is: 'matching', source, of: this.formula(of) }));
    if (schema.additionalProperties !== undefined)
      parts.push(
        this.others(
          Object.keys(schema.properties ?? {}),
          Object.keys(schema.patternProperties ?? {}),
          this.formula(schema.additionalProperties),
        ),
      );
    if (schema.propertyNames !== undefined)
      parts.push(universe.literal({ is: 'names', of: this.formula(schema.propertyNames) }));
    for (const [name, needed] of Object.entries(schema.dependentRequired ?? {})) {
      const all = universe.all(needed.map((other) => universe.literal({ is: 'required', name: other })));
      parts.push(this.whenPresent(name, all));
    }
    for (const [name, of] of Object.entries(schema.dependentSchemas ?? {}))
      parts.push(this.whenPresent(name, this.formula(of)));
  }

  private others(names: readonly string[], sources: readonly string[], of: Formula): Formula {
    return this.universe.literal({ is: 'others', names: names.toSorted(), sources: sources.toSorted(), of });
  }

  /** `of` holds for an object that has the property, and every other value is let pass. */
  private whenPresent(name: string, of: Formula): Formula {
    const { universe } = this;
    const lacks = universe.not(universe.literal({ is: 'required', name }));
    return universe.any([universe.types(ANY & ~OBJECT), lacks, of]);
  }

  private unevaluatedProperties(schema: SchemaObject, of: JsonSchema): Formula {
    const { universe } = this;
    const cases = this.evaluated(schema, true, 0);
    if (!cases) return this.opaque('unevaluatedProperties', String(this.identity(schema)), OBJECT);
    const inner = this.formula(of);
    return universe.any([
      universe.types(ANY & ~OBJECT),
      ...cases.map((found) =>
        universe.all([
          found.when,
          found.isAll ? universe.always : this.others([...found.names], [...found.sources], inner),
        ]),
      ),
    ]);
  }

  private unevaluatedItems(schema: SchemaObject, of: JsonSchema): Formula {
    const { universe } = this;
    const cases = this.evaluated(schema, true, 0);
    const hasContains =
      this.scope.containsEvaluates !== false &&
      [...this.inPlace([schema])].some((part) => isSchemaObject(part) && part.contains !== undefined);
    if (!cases || hasContains) return this.opaque('unevaluatedItems', String(this.identity(schema)), ARRAY);
    const inner = this.formula(of);
    return universe.any([
      universe.types(ANY & ~ARRAY),
      ...cases.map((found) =>
        universe.all([
          found.when,
          found.isAllItems ? universe.always : universe.literal({ is: 'rest', from: found.items, of: inner }),
        ]),
      ),
    ]);
  }

  /**
   * What `schema` counts as evaluated, case by case: which branches hold decides which names and items are covered.
   * The cases together cover every value that satisfies the schema. `undefined` past the bound.
   */
  private evaluated(
    schema: JsonSchema,
    isTop: boolean,
    depth: number,
    isBranch = false,
  ): Evaluated[] | undefined {
    const { universe } = this;
    const nothing: Evaluated = {
      when: universe.always,
      names: new Set(),
      sources: new Set(),
      isAll: false,
      items: 0,
      isAllItems: false,
    };
    if (!isSchemaObject(schema)) return [nothing];
    if (depth > 24) return undefined;
    const own: Evaluated = {
      when: universe.always,
      names: new Set(Object.keys(schema.properties ?? {})),
      sources: new Set(Object.keys(schema.patternProperties ?? {})),
      isAll:
        schema.additionalProperties !== undefined || (!isTop && schema.unevaluatedProperties !== undefined),
      items: schema.prefixItems?.length ?? 0,
      isAllItems: schema.items !== undefined || (!isTop && schema.unevaluatedItems !== undefined),
    };
    let cases: Evaluated[] = [own];
    const and = (more: readonly Evaluated[] | undefined): boolean => {
      if (!more) return false;
      cases = cases.flatMap((left) => more.map((right) => this.merge(left, right)));
      cases = cases.filter((found) => found.when !== universe.never);
      return cases.length <= CASES_MAX;
    };
    /** The cases of `of` where it holds, and nothing where it does not. */
    const whereHolds = (of: JsonSchema): Evaluated[] | undefined => {
      const inner = this.evaluated(of, false, depth + 1, true);
      if (!inner || inner.every(isNothing)) return inner && [nothing];
      const holds = this.formula(of);
      return [
        ...inner.map((found) => ({ ...found, when: universe.all([found.when, holds]) })),
        { ...nothing, when: universe.not(holds) },
      ];
    };
    if (schema.$ref !== undefined) {
      const target = this.scope.resolve(schema.$ref);
      if (!target || !and(this.evaluated(target.schema, false, depth + 1, isBranch))) return undefined;
    }
    for (const each of schema.allOf ?? [])
      if (!and(this.evaluated(each, false, depth + 1, isBranch))) return undefined;
    for (const each of schema.anyOf ?? []) if (!and(whereHolds(each))) return undefined;
    if (schema.oneOf) {
      const branches = schema.oneOf.map((of) => whereHolds(of));
      if (branches.includes(undefined)) return undefined;
      const choices = schema.oneOf.flatMap((of, i) => {
        const inner = this.evaluated(of, false, depth + 1, true) ?? [];
        const chosen = universe.all(
          schema.oneOf!.map((other, j) =>
            i === j ? this.formula(other) : universe.not(this.formula(other)),
          ),
        );
        return inner.map((found) => ({ ...found, when: universe.all([found.when, chosen]) }));
      });
      if (!choices.every(isNothing) && !and(choices)) return undefined;
    }
    if (schema.if !== undefined) {
      const condition = this.formula(schema.if);
      const whenTrue = this.product(
        this.evaluated(schema.if, false, depth + 1, true),
        schema.then === undefined ? [nothing] : this.evaluated(schema.then, false, depth + 1, true),
      );
      const whenFalse =
        schema.else === undefined ? [nothing] : this.evaluated(schema.else, false, depth + 1, true);
      if (!whenTrue || !whenFalse) return undefined;
      const both = [
        ...whenTrue.map((found) => ({ ...found, when: universe.all([found.when, condition]) })),
        ...whenFalse.map((found) => ({
          ...found,
          when: universe.all([found.when, universe.not(condition)]),
        })),
      ];
      // Within a branch that fails in the end, Ajv keeps what `if` evaluated and the specification drops it.
      if (isBranch && !both.every(isNothing)) return undefined;
      if (!both.every(isNothing) && !and(both)) return undefined;
    }
    for (const [name, of] of Object.entries(schema.dependentSchemas ?? {})) {
      const inner = this.evaluated(of, false, depth + 1, true);
      if (!inner) return undefined;
      if (inner.every(isNothing)) continue;
      const has = universe.all([universe.types(OBJECT), universe.literal({ is: 'required', name })]);
      const both = [
        ...inner.map((found) => ({ ...found, when: universe.all([found.when, has]) })),
        { ...nothing, when: universe.not(has) },
      ];
      if (!and(both)) return undefined;
    }
    return cases;
  }

  private product(
    left: readonly Evaluated[] | undefined,
    right: readonly Evaluated[] | undefined,
  ): Evaluated[] | undefined {
    return left && right && left.flatMap((a) => right.map((b) => this.merge(a, b)));
  }

  private merge(left: Evaluated, right: Evaluated): Evaluated {
    return {
      when: this.universe.all([left.when, right.when]),
      names: new Set([...left.names, ...right.names]),
      sources: new Set([...left.sources, ...right.sources]),
      isAll: left.isAll || right.isAll,
      items: Math.max(left.items, right.items),
      isAllItems: left.isAllItems || right.isAllItems,
    };
  }
}

interface Evaluated {
  readonly when: Formula;
  readonly names: ReadonlySet<string>;
  readonly sources: ReadonlySet<string>;
  readonly isAll: boolean;
  readonly items: number;
  readonly isAllItems: boolean;
}

/** Cases that one `unevaluated*` is split into at most. */
const CASES_MAX = 64;
/** Keywords that change what a schema accepts and are not modelled. */
const UNMODELLED = ['$dynamicRef', '$recursiveRef'] as const;

let identityNext = 1;

function isNothing(found: Evaluated): boolean {
  return (
    found.names.size === 0 &&
    found.sources.size === 0 &&
    !found.isAll &&
    found.items === 0 &&
    !found.isAllItems
  );
}

function namesMentioned(schema: SchemaObject): string[] {
  return [...(schema.required ?? []), ...Object.keys(schema.dependentRequired ?? {})];
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
