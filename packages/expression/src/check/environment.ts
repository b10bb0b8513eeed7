import type { Expr } from '../ast.ts';
import type { Policies } from '../compile.ts';
import {
  ANY,
  itemAt,
  membersOf,
  NEVER,
  type ObjectType,
  overlaps,
  presentOf,
  type Type,
  union,
  withoutNull,
} from '../types/type.ts';
import { lookup } from './lookup.ts';

/** What an expression may name, and what is known of it at this place. */
export interface Environment {
  readonly variables: Readonly<Record<string, Type>>;
  readonly policies?: Policies;
  /** Fields of `steps` that are there only when a condition held: what a step's `when` says. */
  readonly conditional?: readonly Conditional[];
  /** Learnt from conditions; made by `assume`. */
  readonly facts?: Facts;
}

export interface Conditional {
  /** `['steps', 'invoice']`. */
  readonly path: readonly string[];
  readonly when: Expr;
}

export interface Fact {
  readonly type: Type;
  /** Is the value there for certain? */
  readonly isPresent: boolean;
}

/** Facts by path key; `isImpossible` when conditions contradict each other, so that nothing here is ever evaluated. */
export interface Facts {
  readonly byPath: ReadonlyMap<string, Fact>;
  /** Keys of paths that are not there: what `has` says no to. */
  readonly absent: ReadonlySet<string>;
  /** Bounds of numbers by path key, and of sizes by that of the path with `SIZE` after it. */
  readonly bounds: ReadonlyMap<string, Bounds>;
  readonly isImpossible: boolean;
  /** Conditions known to be true, as text: repeated by a later step they hold again. */
  readonly conditions: ReadonlySet<string>;
}

export interface Bounds {
  readonly min: number;
  readonly max: number;
  /** Is the bound itself left out? */
  readonly isAboveMin: boolean;
  readonly isBelowMax: boolean;
}

export const NO_FACTS: Facts = {
  byPath: new Map(),
  absent: new Set(),
  bounds: new Map(),
  isImpossible: false,
  conditions: new Set(),
};

/** A path: the key of a variable, then names. Indexes are names too: `0`. */
export type Path = readonly string[];

/** Names within a check: macro variables get keys of their own, so that equal names do not share facts. */
export interface Scope {
  readonly variables: ReadonlyMap<string, { readonly type: Type; readonly key: string }>;
  readonly facts: Facts;
  readonly conditional: readonly Conditional[];
  readonly policies: Policies;
  /** Conditions that may still be followed, shared by all scopes of a check. */
  readonly work: { left: number };
}

/**
 * Learning what follows when a condition does not hold takes its parts both ways, which doubles at each level. After so
 * many steps no more is learnt: what is known stays true.
 */
const NARROWING_STEPS_MAX = 2_000;

export function scopeOf(environment: Environment): Scope {
  return {
    variables: new Map(
      Object.entries(environment.variables).map(([name, type]) => [name, { type, key: name }]),
    ),
    facts: environment.facts ?? NO_FACTS,
    conditional: environment.conditional ?? [],
    policies: environment.policies ?? {},
    work: { left: NARROWING_STEPS_MAX },
  };
}

export function withVariable(scope: Scope, name: string, type: Type, key: string): Scope {
  return { ...scope, variables: new Map(scope.variables).set(name, { type, key }) };
}

/** The path that an expression reads, when it is one: names and literal indexes from a variable. */
export function pathOf(node: Expr, scope: Scope): Path | undefined {
  switch (node.kind) {
    case 'identifier': {
      const variable = scope.variables.get(node.name);
      return variable && [variable.key];
    }
    case 'member': {
      const object = node.name === '' ? undefined : pathOf(node.object, scope);
      return object && [...object, node.name];
    }
    case 'index': {
      const { index } = node;
      const isName =
        index.kind === 'literal' && (typeof index.value === 'string' || typeof index.value === 'number');
      const object = isName ? pathOf(node.object, scope) : undefined;
      return object && isName ? [...object, String(index.value)] : undefined;
    }
    default:
      return undefined;
  }
}

const SEPARATOR = '\u0000';

export function keyOf(path: Path): string {
  return path.join(SEPARATOR);
}

/** What stands after a path for the number of its items or characters; no name of a field. */
export const SIZE = '\u0001size';

/** Is it known that a path is not there, because it or what holds it is not? */
export function isAbsentAt(scope: Scope, path: Path): boolean {
  const { absent } = scope.facts;
  return absent.size > 0 && path.some((_name, index) => absent.has(keyOf(path.slice(0, index + 1))));
}

/** Learns that a number lies between bounds; impossible where no number is left. */
export function learnBounds(scope: Scope, path: Path, learnt: Partial<Bounds>): Scope {
  const key = keyOf(path);
  const known = scope.facts.bounds.get(key) ?? UNBOUND;
  const { min = UNBOUND.min, max = UNBOUND.max, isAboveMin = false, isBelowMax = false } = learnt;
  const bounds: Bounds = {
    min: Math.max(known.min, min),
    max: Math.min(known.max, max),
    isAboveMin:
      min === known.min ? isAboveMin || known.isAboveMin : min > known.min ? isAboveMin : known.isAboveMin,
    isBelowMax:
      max === known.max ? isBelowMax || known.isBelowMax : max < known.max ? isBelowMax : known.isBelowMax,
  };
  const isEmpty =
    bounds.min > bounds.max || (bounds.min === bounds.max && (bounds.isAboveMin || bounds.isBelowMax));
  return {
    ...scope,
    facts: {
      ...scope.facts,
      bounds: new Map(scope.facts.bounds).set(key, bounds),
      isImpossible: scope.facts.isImpossible || isEmpty,
    },
  };
}

const UNBOUND: Bounds = { min: -Infinity, max: Infinity, isAboveMin: false, isBelowMax: false };

export function factAt(scope: Scope, path: Path): Fact | undefined {
  return scope.facts.byPath.get(keyOf(path));
}

/** What a path holds where it is there, facts included; `any` for what cannot be followed. */
export function typeAt(scope: Scope, path: Path): Fact {
  const [root] = path;
  let here: Fact = { type: typeOfRoot(scope, root), isPresent: true };
  const isAnyKnown = scope.facts.byPath.size > 0;
  let key = '';
  for (const [index, name] of path.entries()) {
    if (index > 0) here = step(here, name);
    if (!isAnyKnown) continue;
    key = index === 0 ? name : key + SEPARATOR + name;
    const fact = scope.facts.byPath.get(key);
    if (fact) here = { type: fact.type, isPresent: here.isPresent || fact.isPresent };
  }
  return here;
}

function typeOfRoot(scope: Scope, root: string | undefined): Type {
  for (const { key, type } of scope.variables.values()) if (key === root) return type;
  return ANY;
}

function step(from: Fact, name: string): Fact {
  const value = presentOf(from.type);
  const lists = membersOf(value).filter((member) => member.kind === 'list');
  if (/^\d+$/.test(name) && lists.length > 0) {
    const index = Number(name);
    return {
      type: union(lists.map((list) => itemAt(list, index))),
      isPresent:
        from.isPresent &&
        lists.length === membersOf(value).length &&
        lists.every((list) => index < list.itemsMin),
    };
  }
  const found = lookup(value, name);
  const isCertain =
    !found.mayBeAbsent && found.without.length === 0 && !membersOf(value).some((m) => m.kind === 'null');
  return {
    type: found.type ?? NEVER,
    isPresent: from.isPresent && isCertain && from.type.kind !== 'optional',
  };
}

/** Learns that a path has this type (and is there). Variants of what holds it that contradict this are dropped. */
export function learn(scope: Scope, path: Path, fact: Fact): Scope {
  const isImpossible = scope.facts.isImpossible || (fact.type.kind === 'never' && fact.isPresent);
  const byPath = new Map(scope.facts.byPath).set(keyOf(path), fact);
  const learnt: Scope = { ...scope, facts: { ...scope.facts, byPath, isImpossible } };
  if (path.length < 2) return learnt;
  const parent = path.slice(0, -1);
  const holder = typeAt(scope, parent);
  const kept = membersOf(presentOf(holder.type)).filter((member) => allows(member, path.at(-1)!, fact));
  const isUnchanged = kept.length === membersOf(presentOf(holder.type)).length;
  if (isUnchanged && (holder.isPresent || !fact.isPresent)) return learnt;
  return learn(learnt, parent, { type: union(kept), isPresent: holder.isPresent || fact.isPresent });
}

/** Can this variant hold the field as the fact has it? */
function allows(member: Type, name: string, fact: Fact): boolean {
  if (member.kind === 'any') return true;
  // Where the field may be absent, a variant without it is possible still.
  if (member.kind === 'null') return !fact.isPresent;
  if (member.kind === 'list') return !fact.isPresent || /^\d+$/.test(name);
  const found = lookup(member, name);
  if (found.type === undefined) return !fact.isPresent;
  return overlaps(found.type, fact.type) || (!fact.isPresent && found.mayBeAbsent);
}

/** Learns that every part of a path is there and, but for the last, not null. */
export function learnPresent(scope: Scope, path: Path): Scope {
  let learnt: Scope = isAbsentAt(scope, path)
    ? { ...scope, facts: { ...scope.facts, isImpossible: true } }
    : scope;
  for (let length = 2; length <= path.length; length++) {
    const prefix = path.slice(0, length);
    const { type } = typeAt(learnt, prefix);
    const value = length < path.length ? withoutNull(presentOf(type)) : presentOf(type);
    learnt = learn(learnt, prefix, { type: value, isPresent: true });
  }
  return learnt;
}

/** Learns that a path is not there; where all that leads to it is, variants of what would hold it that must have it go. */
export function learnAbsent(from: Scope, path: Path): Scope {
  if (path.length < 2) return from;
  const here = typeAt(from, path);
  const isImpossible = from.facts.isImpossible || (here.isPresent && here.type.kind !== 'any');
  const absent = new Set(from.facts.absent).add(keyOf(path));
  const scope: Scope = { ...from, facts: { ...from.facts, absent, isImpossible } };
  const parent = path.slice(0, -1);
  const holder = typeAt(scope, parent);
  const members = membersOf(holder.type);
  if (!holder.isPresent || members.some((member) => member.kind === 'null' || member.kind === 'any'))
    return scope;
  const kept = members.filter((member) => {
    const found = lookup(member, path.at(-1)!);
    return found.type === undefined || found.mayBeAbsent || member.kind === 'list';
  });
  return kept.length === members.length
    ? scope
    : learn(scope, parent, { type: union(kept), isPresent: true });
}

/** What holds whichever of two ways was taken. */
export function join(a: Scope, b: Scope): Scope {
  if (a.facts.isImpossible) return { ...b, variables: a.variables };
  if (b.facts.isImpossible) return a;
  const byPath = new Map<string, Fact>();
  for (const [key, fact] of a.facts.byPath) {
    const other = b.facts.byPath.get(key);
    if (other)
      byPath.set(key, {
        type: fact.type === other.type ? fact.type : union([fact.type, other.type]),
        isPresent: fact.isPresent && other.isPresent,
      });
  }
  const conditions = new Set([...a.facts.conditions].filter((text) => b.facts.conditions.has(text)));
  const absent = new Set([...a.facts.absent].filter((key) => b.facts.absent.has(key)));
  const bounds = new Map<string, Bounds>();
  for (const [key, one] of a.facts.bounds) {
    const other = b.facts.bounds.get(key);
    if (other) bounds.set(key, hull(one, other));
  }
  return { ...a, facts: { byPath, absent, bounds, isImpossible: false, conditions } };
}

function hull(a: Bounds, b: Bounds): Bounds {
  const [low, high] = [a.min <= b.min ? a : b, a.max >= b.max ? a : b];
  return {
    min: low.min,
    max: high.max,
    isAboveMin: a.min === b.min ? a.isAboveMin && b.isAboveMin : low.isAboveMin,
    isBelowMax: a.max === b.max ? a.isBelowMax && b.isBelowMax : high.isBelowMax,
  };
}

/** The type of a path with all that was learnt of its fields folded in: what leaves a `filter`. */
export function foldedType(scope: Scope, path: Path): Type {
  const { type } = typeAt(scope, path);
  const prefix = `${keyOf(path)}${SEPARATOR}`;
  const names = new Set(
    [...scope.facts.byPath.keys()]
      .filter((key) => key.startsWith(prefix))
      .map((key) => key.slice(prefix.length).split(SEPARATOR)[0]!),
  );
  if (names.size === 0) return type;
  return union(membersOf(type).map((member) => (member.kind === 'object' ? folded(member, names) : member)));

  function folded(object: ObjectType, learnt: ReadonlySet<string>): Type {
    const fields = new Map(object.fields);
    for (const name of learnt) {
      const inner = foldedType(scope, [...path, name]);
      const fact = factAt(scope, [...path, name]);
      const field = fields.get(name);
      fields.set(name, {
        ...field,
        type: () => inner,
        required: field?.required === true || fact?.isPresent === true,
      });
    }
    return { ...object, fields };
  }
}
