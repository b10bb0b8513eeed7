import type { Expr } from '../ast.ts';
import { formatExpression } from '../format.ts';
import type { Call } from '../macros.ts';
import {
  intersect,
  literalType,
  membersOf,
  presentOf,
  type Type,
  union,
  withoutNull,
} from '../types/type.ts';
import {
  type Bounds,
  join,
  learn,
  learnAbsent,
  learnBounds,
  learnPresent,
  type Path,
  pathOf,
  type Scope,
  SIZE,
  typeAt,
} from './environment.ts';

type Literal = null | boolean | number | string;

/** What is known where a condition has come out `truth`. */
export function narrow(condition: Expr, truth: boolean, scope: Scope): Scope {
  if (scope.work.left <= 0) return scope;
  scope.work.left -= 1;
  const narrowed = narrowByKind(condition, truth, scope);
  return truth ? withConditions(condition, narrowed) : narrowed;
}

function narrowByKind(node: Expr, truth: boolean, scope: Scope): Scope {
  switch (node.kind) {
    case 'literal':
      return node.value === !truth ? impossible(scope) : scope;
    case 'unary':
      return node.operator === '!' ? narrow(node.operand, !truth, scope) : scope;
    case 'binary':
      return narrowBinary(node, truth, scope);
    case 'call':
      return narrowCall(node, truth, scope);
    case 'conditional': {
      const yes = narrow(node.yes, truth, narrow(node.test, true, scope));
      const no = narrow(node.no, truth, narrow(node.test, false, scope));
      return join(yes, no);
    }
    case 'identifier':
    case 'member':
    case 'index':
      return narrowToLiteral(node, truth, true, scope);
    default:
      return scope;
  }
}

function narrowBinary(node: Extract<Expr, { kind: 'binary' }>, truth: boolean, scope: Scope): Scope {
  const { operator, left, right } = node;
  if (constantComparison(node) === !truth) return impossible(scope);
  switch (operator) {
    case '&&':
      if (truth) return narrow(right, true, narrow(left, true, scope));
      return join(narrow(left, false, scope), narrow(right, false, narrow(left, true, scope)));
    case '||':
      if (!truth) return narrow(right, false, narrow(left, false, scope));
      return join(narrow(left, true, scope), narrow(right, true, narrow(left, false, scope)));
    case '==':
    case '!=': {
      const isEqual = truth === (operator === '==');
      if (right.kind === 'literal') return narrowEquality(left, isEqual, right.value, scope);
      if (left.kind === 'literal') return narrowEquality(right, isEqual, left.value, scope);
      return isEqual ? narrowEqualPaths(left, right, scope) : scope;
    }
    case 'in':
      return narrowIn(left, right, truth, scope);
    case '<':
    case '<=':
    case '>':
    case '>=':
      return narrowSize(node, truth, scope);
    default:
      return scope;
  }
}

/** The answer of a condition that no data can change, as it is written; `undefined` for any other. */
export function constantOf(node: Expr): boolean | undefined {
  if (node.kind === 'literal') return typeof node.value === 'boolean' ? node.value : undefined;
  if (node.kind === 'unary') {
    const operand = node.operator === '!' ? constantOf(node.operand) : undefined;
    return operand === undefined ? undefined : !operand;
  }
  return node.kind === 'binary' ? constantComparison(node) : undefined;
}

function constantComparison({
  operator,
  left,
  right,
}: Extract<Expr, { kind: 'binary' }>): boolean | undefined {
  if (operator === '==' || operator === '!=') {
    const isSame = isPath(left) && isPath(right) && formatExpression(left) === formatExpression(right);
    if (isSame) return operator === '==';
    if (left.kind !== 'literal' || right.kind !== 'literal') return undefined;
    return (left.value === right.value) === (operator === '==');
  }
  if (left.kind !== 'literal' || right.kind !== 'literal') return undefined;
  if (typeof left.value !== 'number' || typeof right.value !== 'number') return undefined;
  return COMPARED[operator]?.(left.value, right.value);
}

const COMPARED: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
};

/** Names only, from a variable: what gives the same value each time it is read. */
function isPath(node: Expr): boolean {
  if (node.kind === 'member') return !node.optional && node.name !== '' && isPath(node.object);
  return node.kind === 'identifier';
}

function narrowEquality(subject: Expr, isEqual: boolean, literal: Literal, scope: Scope): Scope {
  const counted = sizeSubject(subject);
  if (counted && typeof literal === 'number') {
    const least = isEqual ? literal : literal === 0 ? 1 : 0;
    const sized = learnSize(counted, least, scope);
    return isEqual ? within(subject, { min: literal, max: literal }, sized) : sized;
  }
  const learnt = narrowToLiteral(subject, isEqual, literal, scope);
  return isEqual && typeof literal === 'number'
    ? within(subject, { min: literal, max: literal }, learnt)
    : learnt;
}

/** `path == literal`, or `path` alone for true. */
function narrowToLiteral(subject: Expr, isEqual: boolean, literal: Literal, scope: Scope): Scope {
  const path = pathOf(subject, scope);
  if (path === undefined) return scope;
  const { type } = typeAt(scope, path);
  if (isEqual) {
    const exact = matching(presentOf(type), literal);
    return learn(learnPresent(scope, path), path, { type: exact, isPresent: true });
  }
  // `path.?a != x` also holds where `a` is absent.
  const isCertain = !hasOptional(subject);
  const present = isCertain ? learnPresent(scope, path) : scope;
  return learn(present, path, { type: without(presentOf(type), literal), isPresent: isCertain });
}

function narrowEqualPaths(left: Expr, right: Expr, scope: Scope): Scope {
  const [a, b] = [pathOf(left, scope), pathOf(right, scope)];
  if (!a || !b || hasOptional(left) || hasOptional(right)) return scope;
  const type = intersect(presentOf(typeAt(scope, a).type), presentOf(typeAt(scope, b).type));
  // Objects are equal only as a whole; what is known of each is kept as it is.
  if (membersOf(type).some((member) => member.kind === 'object' || member.kind === 'list')) return scope;
  return learn(learn(scope, a, { type, isPresent: true }), b, { type, isPresent: true });
}

function narrowIn(left: Expr, right: Expr, truth: boolean, scope: Scope): Scope {
  if (left.kind === 'literal' && typeof left.value === 'string') {
    const path = pathOf(right, scope);
    const isObject = path && membersOf(typeAt(scope, path).type).every((member) => member.kind === 'object');
    if (!path || !isObject) return scope;
    const field: Path = [...path, left.value];
    return truth ? learnPresent(scope, field) : learnAbsent(scope, field);
  }
  const path = pathOf(left, scope);
  if (path === undefined || right.kind !== 'list') return scope;
  const literals = right.items.map((item) => item.value);
  if (!literals.every((literal) => literal.kind === 'literal')) return scope;
  const { type } = typeAt(scope, path);
  if (truth) {
    const exact = union(literals.map((literal) => matching(presentOf(type), literal.value)));
    return learn(learnPresent(scope, path), path, { type: exact, isPresent: true });
  }
  const rest = literals.reduce<Type>((left_, literal) => without(left_, literal.value), presentOf(type));
  return learn(scope, path, { type: rest, isPresent: !hasOptional(left) && typeAt(scope, path).isPresent });
}

function narrowCall(call: Call, truth: boolean, scope: Scope): Scope {
  const { name, target, args } = call;
  const [field] = args;
  if (target === undefined && name === 'has' && field) {
    const path = pathOf(field, scope);
    if (path === undefined) return scope;
    return truth ? withStep(path, learnPresent(scope, path)) : learnAbsent(scope, path);
  }
  if (target !== undefined && name === 'hasValue' && args.length === 0) {
    const path = pathOf(target, scope);
    if (path === undefined) return scope;
    return truth ? withStep(path, learnPresent(scope, path)) : learnAbsent(scope, path);
  }
  return scope;
}

/** A value of the type that equals the literal. */
function matching(type: Type, literal: Literal): Type {
  return type.kind === 'any' ? literalType(literal) : intersect(type, literalType(literal));
}

/** The type without one value, where that can be said. */
function without(type: Type, literal: Literal): Type {
  if (literal === null) return withoutNull(type);
  return union(
    membersOf(type).flatMap((member): Type[] => {
      if (member.kind === 'boolean' && typeof literal === 'boolean') {
        const values = (member.values ?? [true, false]).filter((value) => value !== literal);
        return values.length === 0 ? [] : [{ kind: 'boolean', values }];
      }
      if (member.kind === 'string' && member.values) {
        const values = member.values.filter((value) => value !== literal);
        return values.length === 0 ? [] : [{ ...member, values }];
      }
      if (member.kind === 'number' && member.values) {
        const values = member.values.filter((value) => value !== literal);
        return values.length === 0 ? [] : [{ ...member, values }];
      }
      return [member];
    }),
  );
}

/** `path > 5` and `size(path) > 0` and their kin, either way round. */
function narrowSize(node: Extract<Expr, { kind: 'binary' }>, truth: boolean, scope: Scope): Scope {
  const isTurned = node.left.kind === 'literal';
  const [subject, bound] = isTurned ? [node.right, node.left] : [node.left, node.right];
  if (bound.kind !== 'literal' || typeof bound.value !== 'number') return scope;
  const operator = isTurned ? TURNED[node.operator]! : node.operator;
  const effective = truth ? operator : NEGATED[operator]!;
  const { value } = bound;
  const bounded = within(subject, BOUNDS[effective]!(value), scope);
  const counted = sizeSubject(subject);
  if (counted === undefined) return bounded;
  if (effective === '>') return learnSize(counted, Math.floor(value) + 1, bounded);
  return effective === '>=' ? learnSize(counted, Math.ceil(value), bounded) : bounded;
}

const BOUNDS: Readonly<Record<string, (value: number) => Partial<Bounds>>> = {
  '<': (max) => ({ max, isBelowMax: true }),
  '<=': (max) => ({ max }),
  '>': (min) => ({ min, isAboveMin: true }),
  '>=': (min) => ({ min }),
};

/** Learns the bounds of a number, or of the size of a list or text, that a path leads to. */
function within(subject: Expr, bounds: Partial<Bounds>, scope: Scope): Scope {
  const counted = sizeSubject(subject);
  const path = pathOf(counted ?? subject, scope);
  if (path === undefined || (counted === undefined && hasOptional(subject))) return scope;
  return learnBounds(scope, counted ? [...path, SIZE] : path, bounds);
}

const TURNED: Readonly<Record<string, string>> = { '<': '>', '<=': '>=', '>': '<', '>=': '<=' };
const NEGATED: Readonly<Record<string, string>> = { '<': '>=', '<=': '>', '>': '<=', '>=': '<' };

function sizeSubject(node: Expr): Expr | undefined {
  if (node.kind !== 'call' || node.name !== 'size') return undefined;
  return node.target ?? node.args[0];
}

function learnSize(counted: Expr, least: number, scope: Scope): Scope {
  const path = pathOf(counted, scope);
  if (path === undefined || least <= 0) return scope;
  const here = typeAt(scope, path);
  const type = union(
    membersOf(presentOf(here.type)).map((member) =>
      member.kind === 'list' ? { ...member, itemsMin: Math.max(member.itemsMin, least) } : member,
    ),
  );
  return learn(scope, path, { type, isPresent: here.isPresent });
}

function hasOptional(node: Expr): boolean {
  if (node.kind !== 'member' && node.kind !== 'index') return false;
  return node.optional || hasOptional(node.object);
}

function impossible(scope: Scope): Scope {
  return { ...scope, facts: { ...scope.facts, isImpossible: true } };
}

/** A step that is there has run, so that its condition held. */
function withStep(path: Path, scope: Scope): Scope {
  let learnt = scope;
  for (const step of scope.conditional) {
    if (step.path.length > path.length || step.path.some((name, index) => path[index] !== name)) continue;
    const text = textOf(step.when);
    if (learnt.facts.conditions.has(text)) continue;
    // Noted first: a condition that leads back to itself must not be followed for ever.
    const conditions = new Set(learnt.facts.conditions).add(text);
    learnt = narrow(step.when, true, { ...learnt, facts: { ...learnt.facts, conditions } });
  }
  return learnt;
}

/** Notes each part of a true condition; a step whose whole condition is known to hold has run. */
function withConditions(condition: Expr, scope: Scope): Scope {
  const known = new Set(scope.facts.conditions);
  for (const text of conjunctTexts(condition)) known.add(text);
  let learnt: Scope = { ...scope, facts: { ...scope.facts, conditions: known } };
  for (const step of scope.conditional) {
    const isHeld = conjunctTexts(step.when).every((text) => known.has(text));
    if (isHeld && !typeAt(learnt, step.path).isPresent) learnt = learnPresent(learnt, step.path);
  }
  return learnt;
}

function conjuncts(condition: Expr): readonly Expr[] {
  if (condition.kind === 'binary' && condition.operator === '&&')
    return [...conjuncts(condition.left), ...conjuncts(condition.right)];
  return [condition];
}

const conjunctTextsByTree = new WeakMap<Expr, readonly string[]>();

function conjunctTexts(condition: Expr): readonly string[] {
  const known = conjunctTextsByTree.get(condition);
  if (known) return known;
  const listed = conjuncts(condition).map(textOf);
  conjunctTextsByTree.set(condition, listed);
  return listed;
}

const texts = new WeakMap<Expr, string>();

/** The text of a condition, printed once. */
function textOf(condition: Expr): string {
  const known = texts.get(condition);
  if (known !== undefined) return known;
  const text = formatExpression(condition);
  texts.set(condition, text);
  return text;
}
