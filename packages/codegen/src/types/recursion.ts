import { definitionName } from '@tenon/schema';
import { isAnything, type TypeableObject, type TypeableSchema } from './typeable.ts';

/**
 * Definitions that contain themselves, made into types that TypeScript can resolve.
 *
 * Below a property a type may always come round to itself. Reached only through unions, intersections and bare
 * references it may not (TS2502), and for JSON Schema such a loop says nothing: the arm that closes it is taken out.
 * The loop that real documents hold is the base schema listing its subtypes (`oneOf`) while each subtype extends the
 * base (`allOf`): there the subtype gets the base without its list. A loop through an array is sound, but only a type
 * alias may have one (`type Json = … | Json[]`, TypeScript 3.7): those definitions are `aliased`.
 */
export interface ResolvableDefinitions {
  readonly definitions: ReadonlyMap<string, TypeableSchema>;
  /** Definitions to declare as type aliases of their own, in order. */
  readonly aliased: ReadonlySet<string>;
}

export function resolvable(definitions: ReadonlyMap<string, TypeableSchema>): ResolvableDefinitions {
  const opened = withoutLoops(definitions);
  // An intersection asks for the members of its parts at once, a part's array elements included: not even an alias may
  // come round to itself through both.
  const intersected = [...inLoop(opened, (schema) => eagerReferences(schema, true))].filter((name) =>
    hasIntersection(opened.get(name)!),
  );
  const done = new Set<string>();
  for (const name of intersected) openFrom(name, opened, [], done, true);
  const aliased = inLoop(opened, (schema) => eagerReferences(schema, true));
  for (const name of aliased) opened.set(name, withoutTuples(opened.get(name)!));
  return { definitions: opened, aliased };
}

function withoutLoops(definitions: ReadonlyMap<string, TypeableSchema>): Map<string, TypeableSchema> {
  const looped = inLoop(definitions, (schema) => eagerReferences(schema, false));
  const result = new Map(definitions);
  if (looped.size === 0) return result;
  // A definition that is nothing but a reference is another name of its target: the loop is the target's.
  for (const name of looped) result.set(name, withTargets(result.get(name)!, definitions));
  // Subtypes first: what remains afterwards has no better way out than losing the closing arm.
  for (const name of looped) result.set(name, extendBaseWithoutList(result.get(name)!, definitions, looped));
  const done = new Set<string>();
  for (const name of inLoop(result, (schema) => eagerReferences(schema, false)))
    openFrom(name, result, [], done, false);
  return result;
}

/** `allOf: [{ $ref: Base }]` with `Base` in the loop → `Base`'s own members, without the union of its subtypes. */
function extendBaseWithoutList(
  schema: TypeableSchema,
  definitions: ReadonlyMap<string, TypeableSchema>,
  looped: ReadonlySet<string>,
): TypeableSchema {
  if (schema === false || !schema.allOf) return schema;
  const allOf = schema.allOf.map((part) => {
    const name = referenceOf(part);
    if (name === undefined || !looped.has(name)) return part;
    const base = definitions.get(name);
    if (!base || base.allOf === undefined) return part;
    const kept = base.allOf.filter((member) => member !== false && member.anyOf === undefined);
    if (kept.length === base.allOf.length || kept.length === 0) return part;
    return kept.length === 1 ? kept[0]! : { ...base, allOf: kept };
  });
  return { ...schema, allOf };
}

function withTargets(
  schema: TypeableSchema,
  definitions: ReadonlyMap<string, TypeableSchema>,
): TypeableSchema {
  if (schema === false) return schema;
  const map = (list: readonly TypeableSchema[]): TypeableSchema[] =>
    list.map((part) => withTargets(part, definitions));
  if (schema.allOf) return { ...schema, allOf: map(schema.allOf) };
  if (schema.anyOf) return { ...schema, anyOf: map(schema.anyOf) };
  const seen = new Set<TypeableSchema>();
  let here: TypeableObject = schema;
  for (let name = referenceOf(here); name !== undefined; name = referenceOf(here)) {
    const target = definitions.get(name);
    if (!target || target.$ref === undefined || seen.has(target)) break;
    seen.add(target);
    here = { ...schema, $ref: target.$ref };
  }
  return here;
}

/** Inside a recursive alias the elements of a tuple are resolved at once (TS4110), those of an array are not. */
function withoutTuples(schema: TypeableSchema): TypeableSchema {
  if (schema === false) return schema;
  if (schema.allOf) return { ...schema, allOf: schema.allOf.map(withoutTuples) };
  if (schema.anyOf) return { ...schema, anyOf: schema.anyOf.map(withoutTuples) };
  if (schema.prefixItems === undefined) {
    return schema.items === undefined ? schema : { ...schema, items: withoutTuples(schema.items) };
  }
  const { prefixItems, items = {}, minItems: _minItems, ...rest } = schema;
  const elements = [...prefixItems, items].filter((item) => item !== false).map(withoutTuples);
  return { ...rest, items: elements.some(isAnything) ? {} : { anyOf: elements } };
}

/** Depth first along eager references; an arm that leads back onto the path is taken out. */
function openFrom(
  name: string,
  definitions: Map<string, TypeableSchema>,
  path: readonly string[],
  done: Set<string>,
  throughArrays: boolean,
): void {
  if (done.has(name)) return;
  const here = [...path, name];
  const opened = withoutArms(definitions.get(name)!, new Set(here), throughArrays);
  definitions.set(name, opened);
  for (const next of eagerReferences(opened, throughArrays))
    if (definitions.has(next)) openFrom(next, definitions, here, done, throughArrays);
  done.add(name);
}

function withoutArms(
  schema: TypeableSchema,
  closing: ReadonlySet<string>,
  throughArrays: boolean,
): TypeableSchema {
  if (schema === false) return schema;
  const name = referenceOf(schema);
  if (name !== undefined && closing.has(name)) {
    const { $ref: _closing, ...annotations } = schema;
    return annotations;
  }
  const open = (part: TypeableSchema): TypeableSchema => withoutArms(part, closing, throughArrays);
  if (schema.allOf) return { ...schema, allOf: schema.allOf.map(open) };
  if (schema.anyOf) {
    const arms = schema.anyOf.map(open).filter((arm) => !isAnything(arm));
    const { anyOf: _arms, ...rest } = schema;
    return arms.length === 0 ? rest : { ...rest, anyOf: arms };
  }
  if (!throughArrays) return schema;
  return {
    ...schema,
    ...(schema.items !== undefined && { items: open(schema.items) }),
    ...(schema.prefixItems && { prefixItems: schema.prefixItems.map(open) }),
  };
}

function hasIntersection(schema: TypeableSchema): boolean {
  if (schema === false) return false;
  if (schema.allOf) return true;
  const parts = [...(schema.anyOf ?? []), ...(schema.prefixItems ?? []), schema.items ?? false];
  return parts.some(hasIntersection);
}

/** Definitions that TypeScript must resolve at once to resolve this one. */
function eagerReferences(schema: TypeableSchema, throughArrays: boolean): Set<string> {
  const found = new Set<string>();
  const visit = (here: TypeableSchema): void => {
    if (here === false) return;
    const name = referenceOf(here);
    if (name !== undefined) found.add(name);
    for (const part of here.allOf ?? []) visit(part);
    for (const arm of here.anyOf ?? []) visit(arm);
    if (!throughArrays) return;
    if (here.items !== undefined) visit(here.items);
    for (const item of here.prefixItems ?? []) visit(item);
  };
  visit(schema);
  return found;
}

function referenceOf(schema: TypeableSchema): string | undefined {
  return schema === false || schema.$ref === undefined ? undefined : definitionName({ $ref: schema.$ref });
}

/** Names on a loop: members of a strongly connected component with an edge inside it (Tarjan, without recursion). */
function inLoop(
  definitions: ReadonlyMap<string, TypeableSchema>,
  edges: (schema: TypeableSchema) => ReadonlySet<string>,
): Set<string> {
  const successors = new Map<string, readonly string[]>();
  for (const [name, schema] of definitions)
    successors.set(
      name,
      [...edges(schema)].filter((next) => definitions.has(next)),
    );
  const index = new Map<string, number>();
  const low = new Map<string, number>();
  const open: string[] = [];
  const isOpen = new Set<string>();
  const looped = new Set<string>();
  for (const root of definitions.keys()) {
    if (index.has(root)) continue;
    const work: { readonly name: string; next: number }[] = [{ name: root, next: 0 }];
    while (work.length > 0) {
      const frame = work.at(-1)!;
      const { name } = frame;
      if (!index.has(name)) {
        index.set(name, index.size);
        low.set(name, index.get(name)!);
        open.push(name);
        isOpen.add(name);
      }
      const next = successors.get(name)![frame.next++];
      if (next !== undefined) {
        if (!index.has(next)) work.push({ name: next, next: 0 });
        else if (isOpen.has(next)) low.set(name, Math.min(low.get(name)!, index.get(next)!));
        continue;
      }
      work.pop();
      const parent = work.at(-1);
      if (parent) low.set(parent.name, Math.min(low.get(parent.name)!, low.get(name)!));
      if (low.get(name) !== index.get(name)) continue;
      const component = open.splice(open.indexOf(name));
      for (const member of component) isOpen.delete(member);
      const isLoop = component.length > 1 || successors.get(name)!.includes(name);
      if (isLoop) for (const member of component) looped.add(member);
    }
  }
  return new Set([...definitions.keys()].filter((name) => looped.has(name)));
}
