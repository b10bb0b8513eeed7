import type { Contract, HttpOperation } from '@tenon/contract';
import type { Expr } from '@tenon/expression';
import { isObject, type Json, type JsonObject, seededRandom } from '@tenon/model';
import { sample } from '@tenon/schema';

export interface ConditionAnswer {
  readonly body: Json;
  readonly headers: Readonly<Record<string, string>>;
}

/** Wishes at most for one condition: each `||` doubles them. */
const WISHES_MAX = 16;

/**
 * Answers that may meet a condition over `body` and `headers`: the contract's own error body, with what the condition
 * compares, asks for or counts put in. Guesses from the condition's form; whoever uses them evaluates it.
 */
export function answerThatMeets(
  condition: Expr,
  contract: Contract,
  operation: HttpOperation,
  status: number,
): readonly ConditionAnswer[] {
  const base = errorBody(contract, operation, status);
  return wishesOf(condition, true)
    .slice(0, WISHES_MAX)
    .flatMap((wishes) => [base, {}].map((body) => granted(body, wishes)));
}

function errorBody(contract: Contract, operation: HttpOperation, status: number): Json {
  const declared =
    operation.responses.find((response) => response.status === String(status)) ??
    operation.responses.find((response) => response.status.toUpperCase() === `${String(status)[0]}XX`) ??
    operation.responses.find((response) => response.status === 'default');
  const media = declared?.content.find(({ type }) => /json/.test(type));
  const written = Object.values(media?.examples ?? {})[0];
  // An example of a contract is JSON, as the document is.
  if (written !== undefined) return written as Json;
  if (media?.schema === undefined) return {};
  return (
    sample(media.schema, { random: seededRandom(1), definitions: contract.definitions, optional: 0 }) ?? {}
  );
}

/** One thing that an answer must hold for the condition to hold; `undefined` as value: must be there, with any. */
interface Wish {
  readonly path: readonly (string | number)[];
  readonly value: Json;
}

/** Alternatives, each a list of wishes that hold together. */
function wishesOf(condition: Expr, wanted: boolean): readonly (readonly Wish[])[] {
  switch (condition.kind) {
    case 'unary':
      return condition.operator === '!' ? wishesOf(condition.operand, !wanted) : [[]];
    case 'binary': {
      const { operator, left, right } = condition;
      const together = (operator === '&&') === wanted;
      if (operator === '&&' || operator === '||') {
        const a = wishesOf(left, wanted);
        const b = wishesOf(right, wanted);
        return together ? a.flatMap((one) => b.map((other) => [...one, ...other])) : [...a, ...b];
      }
      if (operator === '==' || operator === '!=') {
        const path = pathOf(left) ?? pathOf(right);
        const value = literalOf(right) ?? literalOf(left);
        if (path === undefined || value === undefined) return [[]];
        return (operator === '==') === wanted
          ? [[{ path, value: value.value }]]
          : [[{ path, value: other(value.value) }]];
      }
      if (operator === 'in') return membership(left, right);
      return comparison(condition, wanted);
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
  condition: Extract<Expr, { kind: 'binary' }>,
  wanted: boolean,
): readonly (readonly Wish[])[] {
  const path = pathOf(condition.left);
  const bound = literalOf(condition.right)?.value;
  if (path === undefined || typeof bound !== 'number') return [[]];
  const isAbove = condition.operator === '>' || condition.operator === '>=';
  return [[{ path, value: isAbove === wanted ? bound + 1 : bound - 1 }]];
}

function other(value: Json): Json {
  if (typeof value === 'boolean') return !value;
  if (typeof value === 'number') return value + 1;
  return `not ${String(value)}`;
}

function literalOf(expression: Expr): { readonly value: Json } | undefined {
  return expression.kind === 'literal' ? { value: expression.value } : undefined;
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
    default:
      return undefined;
  }
}

function granted(base: Json, wishes: readonly Wish[]): ConditionAnswer {
  let body = base;
  const headers: Record<string, string> = {};
  for (const { path, value } of wishes) {
    const [root, ...rest] = path;
    if (root === 'body') body = put(body, rest, value);
    else if (root === 'headers' && typeof rest[0] === 'string') headers[rest[0]] = String(value);
  }
  return { body, headers };
}

function put(value: Json, [token, ...rest]: readonly (string | number)[], next: Json): Json {
  if (token === undefined) return next;
  if (typeof token === 'number') {
    const list = Array.isArray(value) ? [...(value as readonly Json[])] : [];
    list[token] = put(list[token] ?? {}, rest, next);
    return list;
  }
  const object: JsonObject = isObject(value) ? (value as JsonObject) : {};
  return { ...object, [token]: put(object[token] ?? {}, rest, next) };
}
