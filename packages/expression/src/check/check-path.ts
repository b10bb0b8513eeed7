import type { Expr } from '../ast.ts';
import { describeType } from '../types/describe.ts';
import {
  ANY,
  isNullable,
  itemAt,
  membersOf,
  optionalOf,
  presentOf,
  type Type,
  union,
  withoutNull,
} from '../types/type.ts';
import { type Checker, textOf } from './check.ts';
import { factAt, keyOf, pathOf, type Scope, typeAt } from './environment.ts';
import { nameAdvice } from './issues.ts';
import { fieldNames, lookup } from './lookup.ts';

/**
 * Was it said already that something on the way of this path may not be there? One guard mends the whole path, so
 * its advice is made to name all of it.
 */
export function isReported(checker: Checker, object: Expr, whole: Expr): boolean {
  if (object.kind !== 'member' && object.kind !== 'index') return false;
  const reported = checker.issues.found.find(
    (issue) => ON_THE_WAY.has(issue.code) && issue.start >= object.start && issue.end <= object.end,
  );
  if (reported === undefined) return false;
  if (object !== whole) checker.issues.advise(reported, guardAdvice(whole));
  return true;
}

export function checkIdentifier(
  checker: Checker,
  node: Extract<Expr, { kind: 'identifier' }>,
  scope: Scope,
): Type {
  const variable = scope.variables.get(node.name);
  if (variable) return typeAt(scope, [variable.key]).type;
  const names = [...scope.variables.keys()];
  const steps = scope.variables.get('steps')?.type;
  const isStep = steps !== undefined && lookup(steps, node.name).field !== undefined;
  checker.issues.add(
    'unknown-name',
    node,
    `there is no \`${node.name}\` here`,
    isStep
      ? { fix: `write \`steps.${node.name}\``, replacement: `steps.${node.name}` }
      : nameAdvice(node.name, names),
  );
  return ANY;
}

export function checkMember(
  checker: Checker,
  node: Extract<Expr, { kind: 'member' }>,
  scope: Scope,
  isTolerant: boolean,
): Type {
  const isChain = isOptionalChain(node);
  const object = checker.visit(node.object, scope, isTolerant);
  if (node.name === '') return ANY;
  return read(checker, node, node.name, node.nameSpan, object, scope, isTolerant, isChain);
}

function read(
  checker: Checker,
  node: Extract<Expr, { kind: 'member' | 'index' }>,
  name: string,
  nameSpan: { readonly start: number; readonly end: number },
  object: Type,
  scope: Scope,
  isTolerant: boolean,
  isChain: boolean,
): Type {
  const isLenient = isTolerant || isChain || object.kind === 'optional';
  const give = (type: Type): Type => (isChain || object.kind === 'optional' ? optionalOf(type) : type);
  const path = pathOf(node, scope);
  const fact = path && factAt(scope, path);
  // Known to be there: by that, all that holds it is known too.
  if (fact?.isPresent) return give(fact.type);
  const holder = presentOf(object);
  if (holder.kind === 'any' || holder.kind === 'never') return give(fact?.type ?? ANY);
  const isSaid = !isLenient && isReported(checker, node.object, node);
  if (!isLenient && !isSaid && isNullable(holder)) {
    if (withoutNull(holder).kind === 'never')
      checker.issues.add('wrong-operand', node.object, `\`${textOf(node.object)}\` is null here`);
    else checker.mayBeNull(node.object);
  }
  const found = lookup(holder, name);
  const owner = textOf(node.object);
  if (found.type === undefined) {
    const names = fieldNames(holder);
    const isObject = membersOf(holder).some((member) => member.kind === 'object');
    checker.issues.add(
      'unknown-field',
      nameSpan,
      isObject
        ? `\`${owner}\` has no field \`${name}\``
        : `\`${owner}\` is ${describeType(withoutNull(holder))}: it has no fields`,
      nameAdvice(name, names),
    );
    return ANY;
  }
  const type = fact?.type ?? found.type;
  if (isLenient) return give(type);
  if (isSaid || (isNullable(holder) && isReported(checker, node.object, node))) return type;
  if (found.without.length > 0) {
    checker.issues.add(
      'variant-not-narrowed',
      nameSpan,
      `only some variants of \`${owner}\` have \`${name}\``,
      { fix: discriminatorAdvice(owner, name, holder) ?? guardAdvice(node) },
    );
    return type;
  }
  if (found.mayBeAbsent) {
    const what = isNullable(type) ? 'may be absent or null' : 'may be absent';
    const fix = isNullable(type) ? `write \`default(${textOf(node)}, …)\`` : guardAdvice(node);
    checker.issues.add('field-may-be-absent', nameSpan, `\`${textOf(node)}\` ${what}`, { fix });
  }
  return type;
}

export function checkIndex(
  checker: Checker,
  node: Extract<Expr, { kind: 'index' }>,
  scope: Scope,
  isTolerant: boolean,
): Type {
  const isChain = isOptionalChain(node);
  const object = checker.visit(node.object, scope, isTolerant);
  const { index } = node;
  if (index.kind === 'literal' && typeof index.value === 'string')
    return read(checker, node, index.value, index, object, scope, isTolerant, isChain);
  const at = checker.value(index, scope);
  const isLenient = isTolerant || isChain || object.kind === 'optional';
  const give = (type: Type): Type => (isChain || object.kind === 'optional' ? optionalOf(type) : type);
  const holder = isLenient ? withoutNull(presentOf(object)) : object;
  const fits = (member: Type): boolean => member.kind === 'list' || member.kind === 'object';
  if (holder.kind === 'any' || holder.kind === 'never') return give(ANY);
  if (
    !checker.needs(
      node.object,
      holder,
      fits,
      'wrong-operand',
      (found) => `\`[ ]\` reads lists and objects, not ${found}`,
    )
  )
    return ANY;
  const types = membersOf(holder).map((member): Type => {
    if (member.kind === 'list') return item(checker, node, member, at, scope, isLenient);
    checker.needs(
      index,
      at,
      (one) => one.kind === 'string',
      'wrong-operand',
      (found) => `an object is read by a string, not ${found}`,
    );
    // Which field it is is known only when it runs, and so is whether it is there.
    if (!isLenient)
      checker.issues.add('field-may-be-absent', node, `\`${textOf(node)}\` may be absent`, {
        fix: 'read it with `[?…]` and settle it with `.orValue(…)`',
      });
    const fields = member.kind === 'object' ? [...member.fields.values()].map((field) => field.type()) : [];
    const rest = member.kind === 'object' ? member.rest?.('') : undefined;
    return union([...fields, ...(rest ? [rest] : [])]);
  });
  return give(union(types));
}

function item(
  checker: Checker,
  node: Extract<Expr, { kind: 'index' }>,
  list: Extract<Type, { kind: 'list' }>,
  at: Type,
  scope: Scope,
  isLenient: boolean,
): Type {
  const { index } = node;
  const fits = (one: Type): boolean => one.kind === 'number' && one.isInteger;
  const isInteger = checker.needs(
    index,
    at,
    fits,
    membersOf(at).every((one) => one.kind === 'number') ? 'integer-expected' : 'wrong-operand',
    (found) => `a list is read by an integer, not ${found}`,
  );
  const position = index.kind === 'literal' && typeof index.value === 'number' ? index.value : undefined;
  const path = pathOf(node, scope);
  const fact = path && scope.facts.byPath.get(keyOf(path));
  if (fact?.isPresent) return fact.type;
  const isThere = position !== undefined && position >= 0 && position < list.itemsMin;
  if (!isLenient && isInteger && !isThere && !isReported(checker, node.object, node))
    checker.issues.add(
      'field-may-be-absent',
      node,
      `\`${textOf(node)}\` may be absent: the list may be shorter`,
      {
        fix: `test \`size(${textOf(node.object)}) > ${position ?? '…'}\` first, or read it with \`[?…]\``,
      },
    );
  if (position !== undefined && Number.isInteger(position)) return itemAt(list, position);
  return union([list.item(), ...list.first.map((item) => item())]);
}

/** A member or index whose absence is allowed for: by `has`, `default`, `.?` and what follows `.?`. */
function isOptionalChain(node: Expr): boolean {
  if (node.kind !== 'member' && node.kind !== 'index') return false;
  return node.optional || isOptionalChain(node.object);
}

const ON_THE_WAY: ReadonlySet<string> = new Set([
  'field-may-be-absent',
  'value-may-be-null',
  'variant-not-narrowed',
]);

function guardAdvice(node: Expr): string {
  const other = `write \`default(${textOf(node)}, …)\``;
  // `has` asks for a field by name, never by an index.
  return node.kind === 'member' && !node.optional
    ? `guard it with \`has(${textOf(node)})\`, or ${other}`
    : other;
}

/** Which test tells the variants apart: a field that each requires, with values of its own in each. */
function discriminatorAdvice(owner: string, name: string, type: Type): string | undefined {
  const objects = membersOf(type).filter((member) => member.kind === 'object');
  const [first] = objects;
  if (first && objects.length === membersOf(withoutNull(type)).length)
    for (const [field, { required }] of first.fields) {
      if (!required) continue;
      const values = objects.flatMap((object) => {
        const inner = object.fields.get(field)?.type();
        const isWith = object.fields.has(name);
        return inner?.kind === 'string' && inner.values ? [{ isWith, value: inner.values[0]! }] : [];
      });
      const match = values.find((one) => one.isWith);
      if (values.length === objects.length && match && new Set(values.map((one) => one.value)).size > 1)
        return `test \`${owner}.${field} == '${match.value}'\` first`;
    }
  return undefined;
}
