import type { Expr } from '@tenon/expression';
import { isObject, type Json, type JsonObject } from '@tenon/model';

/** One thing that must be so for a condition to hold: a value at a place, which begins with a name that the condition reads. */
export interface Wish {
  readonly path: readonly (string | number)[];
  readonly value: Json;
}

/** What is known of the values of expressions beside their places; `undefined`: nothing. */
export type KnownOf = (expression: Expr) => { readonly value: Json } | undefined;

/** What stands written in the condition, and nothing else. */
export const literalOf: KnownOf = (expression) =>
  expression.kind === 'literal' ? { value: expression.value } : undefined;

/** Alternatives, each a list of wishes that hold together. */
export function wishesOf(
  condition: Expr,
  wanted: boolean,
  knownOf: KnownOf = literalOf,
): readonly (readonly Wish[])[] {
  switch (condition.kind) {
    case 'unary':
      return condition.operator === '!' ? wishesOf(condition.operand, !wanted, knownOf) : [[]];
    case 'binary': {
      const { operator, left, right } = condition;
      const together = (operator === '&&') === wanted;
      if (operator === '&&' || operator === '||') {
        const a = wishesOf(left, wanted, knownOf);
        const b = wishesOf(right, wanted, knownOf);
        return together ? a.flatMap((one) => b.map((other) => [...one, ...other])) : [...a, ...b];
      }
      if (operator === '==' || operator === '!=') {
        const isSame = (operator === '==') === wanted;
        const alternatives = [
          [left, right],
          [right, left],
        ].flatMap(([place, beside]) => {
          const path = pathOf(place!);
          const value = knownOf(beside!);
          if (path === undefined || value === undefined) return [];
          return [[{ path, value: isSame ? value.value : other(value.value) }]];
        });
        return alternatives.length > 0 ? alternatives : [[]];
      }
      if (operator === 'in') return membership(left, right);
      return comparison(condition, wanted, knownOf);
    }
    case 'call': {
      const subject = condition.target ?? condition.args[0];
      const path = subject && pathOf(subject);
      if (condition.name === 'has' && condition.args[0]) {
        const asked = pathOf(condition.args[0]);
        return asked && wanted ? [[{ path: asked, value: 'x' }]] : [[]];
      }
      const argument = condition.target ? condition.args[0] : condition.args[1];
      const text = argument && literalOf(argument)?.value;
      if (path && typeof text === 'string' && ['contains', 'startsWith', 'endsWith'].includes(condition.name))
        return [[{ path, value: text }]];
      if (path && ['exists', 'exists_one'].includes(condition.name) && condition.args.length === 2)
        return inList(path, condition.args);
      return [[]];
    }
    case 'member':
    case 'index': {
      const path = pathOf(condition);
      return path === undefined ? [[]] : [[{ path, value: wanted }]];
    }
    default:
      return [[]];
  }
}

/** `body.code in ['a', 'b']`, and `'a' in body.codes`. */
function membership(left: Expr, right: Expr): readonly (readonly Wish[])[] {
  const path = pathOf(left);
  if (path !== undefined && right.kind === 'list')
    return right.items.flatMap(({ value }) => {
      const literal = literalOf(value);
      return literal === undefined ? [] : [[{ path, value: literal.value }]];
    });
  const list = pathOf(right);
  const item = literalOf(left);
  if (list === undefined || item === undefined) return [[]];
  return [
    [{ path: list, value: [item.value] }],
    ...(typeof item.value === 'string' ? [[{ path: [...list, item.value], value: 'x' }]] : []),
  ];
}

/** `body.errors.exists(e, e.code == 'x')`: a list with one such item. */
function inList(
  path: readonly (string | number)[],
  [variable, condition]: readonly Expr[],
): readonly (readonly Wish[])[] {
  if (variable?.kind !== 'identifier' || condition === undefined) return [[]];
  const item = wishesOf(condition, true);
  return item.map((wishes) =>
    wishes.map((wish) => ({
      path: wish.path[0] === variable.name ? [...path, 0, ...wish.path.slice(1)] : wish.path,
      value: wish.value,
    })),
  );
}

function comparison(
  { operator, left, right }: Extract<Expr, { kind: 'binary' }>,
  wanted: boolean,
  knownOf: KnownOf,
): readonly (readonly Wish[])[] {
  const isAbove = (operator === '>' || operator === '>=') === wanted;
  const alternatives = [
    [left, right, isAbove],
    [right, left, !isAbove],
  ] as const;
  const found = alternatives.flatMap(([place, beside, isToBeAbove]) => {
    const path = pathOf(place);
    const bound = knownOf(beside)?.value;
    if (path === undefined || typeof bound !== 'number') return [];
    return [[{ path, value: isToBeAbove ? bound + 1 : bound - 1 }]];
  });
  return found.length > 0 ? found : [[]];
}

function other(value: Json): Json {
  if (typeof value === 'boolean') return !value;
  if (typeof value === 'number') return value + 1;
  return `not ${String(value)}`;
}

/** Where a list stands that an expression gives, filtered or not; `undefined`: it is computed. */
export function listPathOf(expression: Expr): readonly (string | number)[] | undefined {
  const isOfList = expression.kind === 'call' && expression.name === 'filter';
  return isOfList && expression.target ? listPathOf(expression.target) : pathOf(expression);
}

/** `body.errors[0].code` as a path; optional steps (`body.?code`) are steps. */
function pathOf(expression: Expr): readonly (string | number)[] | undefined {
  switch (expression.kind) {
    case 'identifier':
      return [expression.name];
    case 'member': {
      const above = pathOf(expression.object);
      return above && [...above, expression.name];
    }
    case 'index': {
      const above = pathOf(expression.object);
      const key = literalOf(expression.index)?.value;
      return above && (typeof key === 'string' || typeof key === 'number') ? [...above, key] : undefined;
    }
    case 'call':
      // What stands in for what is not there.
      return expression.name === 'default' && expression.args[0] ? pathOf(expression.args[0]) : undefined;
    default:
      return undefined;
  }
}

/** A value with another one at a place; objects and lists on the way are made where there are none. */
export function put(value: Json, [token, ...rest]: readonly (string | number)[], next: Json): Json {
  if (token === undefined) return next;
  if (typeof token === 'number') {
    const list = Array.isArray(value) ? [...(value as readonly Json[])] : [];
    list[token] = put(list[token] ?? {}, rest, next);
    return list;
  }
  const object: JsonObject = isObject(value) ? (value as JsonObject) : {};
  return { ...object, [token]: put(object[token] ?? {}, rest, next) };
}
