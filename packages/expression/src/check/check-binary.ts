import type { Expr } from '../ast.ts';
import { describeType } from '../types/describe.ts';
import {
  ANY,
  BOOLEAN,
  DURATION,
  finiteValues,
  INTEGER,
  literalType,
  membersOf,
  NUMBER,
  overlaps,
  presentOf,
  STRING,
  TIMESTAMP,
  type Type,
  union,
} from '../types/type.ts';
import { type Checker, textOf } from './check.ts';
import { isReported } from './check-path.ts';
import { NO_FACTS, pathOf, type Scope, typeAt } from './environment.ts';
import { nameAdvice } from './issues.ts';
import { fieldNames, lookup } from './lookup.ts';
import { narrow } from './narrow.ts';

type Binary = Extract<Expr, { kind: 'binary' }>;

export function checkArithmetic(checker: Checker, node: Binary, scope: Scope): Type {
  const left = checker.value(node.left, scope);
  const right = checker.value(node.right, scope);
  const { operator } = node;
  const table = ARITHMETIC[operator] ?? [];
  const kinds = new Set(table.flatMap(({ left: a, right: b }) => [a, b]));
  const wanted = WANTED[operator] ?? 'numbers';
  const fits = (one: Type): boolean => kinds.has(one.kind);
  const message = (found: string): string => `\`${operator}\` takes ${wanted}, not ${found}`;
  const isLeft = checker.needs(node.left, left, fits, 'wrong-operand', message);
  const isRight = checker.needs(node.right, right, fits, 'wrong-operand', message);
  if (!isLeft || !isRight) return resultWhenWrong(operator);
  if (left.kind === 'any' || right.kind === 'any') return operator === '+' ? ANY : resultWhenWrong(operator);
  const results: Type[] = [];
  for (const a of membersOf(left))
    for (const b of membersOf(right)) {
      const row = table.find((one) => one.left === a.kind && one.right === b.kind);
      if (!row) {
        checker.issues.add(
          'wrong-operand',
          node,
          `\`${operator}\` takes ${wanted}, not ${describeType(left)} and ${describeType(right)}`,
          { fix: conversionAdvice(node, a, b) },
        );
        return resultWhenWrong(operator);
      }
      results.push(row.result(a, b));
    }
  if (operator === '%') checkIntegers(checker, node, left, right);
  return union(results);
}

interface ArithmeticRow {
  readonly left: Type['kind'];
  readonly right: Type['kind'];
  readonly result: (a: Type, b: Type) => Type;
}

const integerIfBoth = (a: Type, b: Type): Type =>
  a.kind === 'number' && b.kind === 'number' && a.isInteger && b.isInteger ? INTEGER : NUMBER;

const NUMBERS: ArithmeticRow = { left: 'number', right: 'number', result: integerIfBoth };

/** What each operator takes and gives. */
const ARITHMETIC: Readonly<Partial<Record<Binary['operator'], readonly ArithmeticRow[]>>> = {
  '+': [
    NUMBERS,
    { left: 'string', right: 'string', result: () => STRING },
    {
      left: 'list',
      right: 'list',
      result: (a, b) => {
        const item = union(
          [a, b].flatMap((list) =>
            list.kind === 'list' ? [list.item(), ...list.first.map((one) => one())] : [],
          ),
        );
        const itemsMin = (a.kind === 'list' ? a.itemsMin : 0) + (b.kind === 'list' ? b.itemsMin : 0);
        return { kind: 'list', item: () => item, first: [], itemsMin };
      },
    },
    { left: 'timestamp', right: 'duration', result: () => TIMESTAMP },
    { left: 'duration', right: 'timestamp', result: () => TIMESTAMP },
    { left: 'duration', right: 'duration', result: () => DURATION },
  ],
  '-': [
    NUMBERS,
    { left: 'timestamp', right: 'timestamp', result: () => DURATION },
    { left: 'timestamp', right: 'duration', result: () => TIMESTAMP },
    { left: 'duration', right: 'duration', result: () => DURATION },
  ],
  '*': [NUMBERS],
  '/': [{ ...NUMBERS, result: () => NUMBER }],
  '%': [{ ...NUMBERS, result: () => INTEGER }],
};

const WANTED: Readonly<Partial<Record<Binary['operator'], string>>> = {
  '+': 'two numbers, strings or lists',
  '-': 'two numbers',
  '*': 'two numbers',
  '/': 'two numbers',
  '%': 'two integers',
};

function resultWhenWrong(operator: Binary['operator']): Type {
  return operator === '*' || operator === '/' ? NUMBER : operator === '%' ? INTEGER : ANY;
}

function conversionAdvice(node: Binary, a: Type, b: Type): string | undefined {
  const isText = (type: Type): boolean => type.kind === 'string';
  const isOther = (type: Type): boolean => type.kind === 'number' || type.kind === 'boolean';
  if (isText(a) && isOther(b)) return `write \`string(${textOf(node.right)})\``;
  if (isText(b) && isOther(a)) return `write \`string(${textOf(node.left)})\``;
  return undefined;
}

function checkIntegers(checker: Checker, node: Binary, left: Type, right: Type): void {
  for (const [operand, type] of [
    [node.left, left],
    [node.right, right],
  ] as const)
    if (membersOf(type).some((one) => one.kind === 'number' && !one.isInteger))
      checker.issues.add(
        'integer-expected',
        operand,
        `\`%\` takes integers; \`${textOf(operand)}\` may have a fraction`,
      );
}

const ORDERED: ReadonlySet<string> = new Set(['number', 'string', 'boolean', 'timestamp', 'duration']);

/** `<` and its kin, and `in`. */
export function checkComparison(checker: Checker, node: Binary, scope: Scope): Type {
  if (node.operator === 'in') return checkIn(checker, node, scope);
  const left = checker.value(node.left, scope);
  const right = checker.value(node.right, scope);
  const fits = (one: Type): boolean => ORDERED.has(one.kind);
  const message = (found: string): string =>
    `\`${node.operator}\` compares numbers, strings or times, not ${found}`;
  const isLeft = checker.needs(node.left, left, fits, 'wrong-operand', message);
  const isRight = checker.needs(node.right, right, fits, 'wrong-operand', message);
  if (!isLeft || !isRight || left.kind === 'any' || right.kind === 'any') return BOOLEAN;
  const isMixed = membersOf(left).some((a) => membersOf(right).some((b) => a.kind !== b.kind));
  if (isMixed)
    checker.issues.add(
      'wrong-operand',
      node,
      `\`${node.operator}\` compares values of one type, not ${describeType(left)} with ${describeType(right)}`,
      { fix: comparisonAdvice(node, left, right) },
    );
  else contradicted(checker, node, scope);
  return BOOLEAN;
}

/**
 * A comparison with a number that what is known of the other side rules out. Only that: one which is sure to hold is
 * mostly a guard that repeats an outer one, and does no harm.
 */
function contradicted(checker: Checker, node: Binary, scope: Scope): boolean {
  if (!narrow(node, true, scope).facts.isImpossible) return false;
  checker.issues.add('always-false', node, `\`${textOf(node)}\` is always false here`, {
    fix: 'a condition before it leaves no other case',
  });
  return true;
}

function comparisonAdvice(node: Binary, left: Type, right: Type): string | undefined {
  if (left.kind === 'string' && right.kind === 'timestamp')
    return `write \`timestamp(${textOf(node.left)})\``;
  if (left.kind === 'timestamp' && right.kind === 'string')
    return `write \`timestamp(${textOf(node.right)})\``;
  if (left.kind === 'string' && right.kind === 'number') return `write \`double(${textOf(node.left)})\``;
  if (left.kind === 'number' && right.kind === 'string') return `write \`double(${textOf(node.right)})\``;
  return undefined;
}

/** `==` and `!=`: never an error when it runs, so what can be wrong is that the result is always the same. */
export function checkEquality(checker: Checker, node: Binary, scope: Scope): Type {
  const left = checker.visit(node.left, scope);
  const right = checker.visit(node.right, scope);
  const isSettled = compareEqual(checker, node, left, right, scope);
  if (isSettled === undefined) {
    const isNumber = [node.left, node.right].some(
      (one) => one.kind === 'literal' && typeof one.value === 'number',
    );
    return node.operator === '==' && isNumber && contradicted(checker, node, scope)
      ? literalType(false)
      : BOOLEAN;
  }
  return literalType(isSettled === (node.operator === '=='));
}

/** Whether two operands are always (true) or never (false) equal, saying so; `undefined` where it depends. */
function compareEqual(
  checker: Checker,
  node: Binary,
  left: Type,
  right: Type,
  scope: Scope,
): boolean | undefined {
  const { left: leftNode, right: rightNode } = node;
  const [a, b] = [presentOf(left), presentOf(right)];
  if (a.kind === 'any' || b.kind === 'any' || a.kind === 'never' || b.kind === 'never') return undefined;
  if (!overlaps(a, b)) {
    neverEqual(checker, node, leftNode, a, rightNode, b, scope);
    return false;
  }
  const isCertain = left.kind !== 'optional' && right.kind !== 'optional';
  const [one, other] = [finiteValues(a), finiteValues(b)];
  if (isCertain && one?.length === 1 && other?.length === 1 && !bothLiterals(leftNode, rightNode)) {
    const truth = node.operator === '==';
    checker.issues.add(
      truth ? 'always-true' : 'always-false',
      node,
      `\`${textOf(node)}\` is always ${truth}`,
      {
        fix: `\`${textOf(leftNode)}\` is always ${describeType(a)}`,
      },
    );
    return true;
  }
  return undefined;
}

function bothLiterals(left: Expr, right: Expr): boolean {
  return left.kind === 'literal' && right.kind === 'literal';
}

function neverEqual(
  checker: Checker,
  node: Binary,
  leftNode: Expr,
  a: Type,
  rightNode: Expr,
  b: Type,
  scope: Scope,
): void {
  const [literalNode, subjectNode, subject] =
    leftNode.kind === 'literal' ? [leftNode, rightNode, b] : [rightNode, leftNode, a];
  const always = node.operator === '!=' ? 'always-true' : 'always-false';
  if (bothLiterals(leftNode, rightNode)) {
    checker.issues.add(always, node, `\`${textOf(node)}\` is always ${node.operator === '!='}`);
    return;
  }
  if (literalNode.kind !== 'literal') {
    const message = `\`${textOf(leftNode)}\` is ${describeType(a)} and \`${textOf(rightNode)}\` ${describeType(b)}: they are never equal`;
    checker.issues.add('comparison-of-types', node, message);
    return;
  }
  const { value } = literalNode;
  const name = textOf(subjectNode);
  if (value === null) {
    // `x != null` asks whether it is there, in the words of other languages; that it may be absent has been said.
    if (isReported(checker, subjectNode, subjectNode)) return;
    checker.issues.add(always, node, `\`${name}\` is never null`);
    return;
  }
  // Without what conditions before it have told, it might be equal: then those conditions are what settles it.
  const path = pathOf(subjectNode, scope);
  if (path && overlaps(typeAt({ ...scope, facts: NO_FACTS }, path).type, literalType(value))) {
    const fix = 'a condition before it leaves no other case';
    checker.issues.add(always, node, `\`${name}\` is never ${JSON.stringify(value)} here`, { fix });
    return;
  }
  const sameKind = membersOf(subject).filter((member) => member.kind === typeof value);
  const values = finiteValues(union(sameKind));
  if (sameKind.length > 0 && values) {
    const isText = typeof value === 'string';
    const advice = nameAdvice(String(value), values.map(String), (one) => (isText ? `'${one}'` : one));
    checker.issues.add('value-outside-enum', literalNode, `\`${name}\` is never ${JSON.stringify(value)}`, {
      fix: advice.fix,
      replacement: isText && advice.replacement !== undefined ? `'${advice.replacement}'` : undefined,
    });
    return;
  }
  checker.issues.add(
    'comparison-of-types',
    literalNode,
    `\`${name}\` is ${describeType(subject)}; it never equals ${JSON.stringify(value)}`,
  );
}

function checkIn(checker: Checker, node: Binary, scope: Scope): Type {
  const item = presentOf(checker.visit(node.left, scope));
  const container = checker.value(node.right, scope);
  const fits = (one: Type): boolean => one.kind === 'list' || one.kind === 'object';
  const message = (found: string): string => `\`in\` needs a list or an object on its right, not ${found}`;
  if (!checker.needs(node.right, container, fits, 'wrong-operand', message)) return BOOLEAN;
  if (item.kind === 'any' || container.kind === 'any') return BOOLEAN;
  if (node.right.kind === 'list') {
    // Each literal by itself, so that a typo among right ones is found.
    for (const { value: one } of node.right.items) {
      const type = one.kind === 'literal' ? literalType(one.value) : undefined;
      if (type && !overlaps(item, type)) neverEqual(checker, node, node.left, item, one, type, scope);
    }
    return BOOLEAN;
  }
  for (const member of membersOf(container)) {
    if (member.kind === 'object') checkNameIn(checker, node, item, member);
    else if (member.kind === 'list') {
      const inner = union([member.item(), ...member.first.map((one) => one())]);
      if (inner.kind !== 'any' && inner.kind !== 'never' && !overlaps(item, inner))
        checker.issues.add(
          'comparison-of-types',
          node,
          `\`${textOf(node.left)}\` is ${describeType(item)}; the items of \`${textOf(node.right)}\` are ${describeType(inner)}`,
        );
    }
  }
  return BOOLEAN;
}

function checkNameIn(checker: Checker, node: Binary, item: Type, object: Type): void {
  const fits = (one: Type): boolean => one.kind === 'string';
  if (
    !checker.needs(
      node.left,
      item,
      fits,
      'wrong-operand',
      (found) => `the names of an object are strings, not ${found}`,
    )
  )
    return;
  if (node.left.kind !== 'literal' || typeof node.left.value !== 'string') return;
  const name = node.left.value;
  if (lookup(object, name).type === undefined)
    checker.issues.add(
      'unknown-field',
      node.left,
      `\`${textOf(node.right)}\` has no field \`${name}\``,
      quoted(nameAdvice(name, fieldNames(object))),
    );
}

function quoted(advice: { readonly fix?: string; readonly replacement?: string }): {
  readonly fix?: string;
  readonly replacement?: string;
} {
  return { ...advice, ...(advice.replacement !== undefined && { replacement: `'${advice.replacement}'` }) };
}
