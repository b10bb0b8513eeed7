import type { Expr } from './ast.ts';
import type { Run } from './closure.ts';
import { fail } from './failure.ts';
import { add, compare, isEqual, isIn, largeNumber, mismatch, notArithmetic, subtract } from './operators.ts';

type Binary = Extract<Expr, { kind: 'binary' }>;

/** A closure for each operator, with numbers handled in place: one closure for all would test the operator each time. */
export function binaryOperation(node: Binary, left: Run, right: Run): Run {
  return OPERATIONS[node.operator](node, left, right);
}

type Operation = (node: Binary, left: Run, right: Run) => Run;

const OPERATIONS: Readonly<Record<Binary['operator'], Operation>> = {
  '==': (node, left, right) => equality(node, left, right, true),
  '!=': (node, left, right) => equality(node, left, right, false),
  '<': (node, left, right) => (frame) => {
    const [a, b] = [left(frame), right(frame)];
    return typeof a === 'number' && typeof b === 'number' ? a < b : compare('<', a, b, node) < 0;
  },
  '<=': (node, left, right) => (frame) => {
    const a = left(frame);
    const b = right(frame);
    return typeof a === 'number' && typeof b === 'number' ? a <= b : compare('<=', a, b, node) <= 0;
  },
  '>': (node, left, right) => (frame) => {
    const a = left(frame);
    const b = right(frame);
    return typeof a === 'number' && typeof b === 'number' ? a > b : compare('>', a, b, node) > 0;
  },
  '>=': (node, left, right) => (frame) => {
    const a = left(frame);
    const b = right(frame);
    return typeof a === 'number' && typeof b === 'number' ? a >= b : compare('>=', a, b, node) >= 0;
  },
  in: (node, left, right) => (frame) => {
    const item = left(frame);
    return isIn(frame, item, right(frame), node);
  },
  '+': (node, left, right) => (frame) => {
    const a = left(frame);
    const b = right(frame);
    if (typeof a !== 'number' || typeof b !== 'number') return add(frame, a, b, node);
    const result = a + b;
    return result <= SAFE && result >= -SAFE ? result : largeNumber(a, b, result, node);
  },
  '-': (node, left, right) => (frame) => {
    const a = left(frame);
    const b = right(frame);
    if (typeof a !== 'number' || typeof b !== 'number') return subtract(a, b, node);
    const result = a - b;
    return result <= SAFE && result >= -SAFE ? result : largeNumber(a, b, result, node);
  },
  '*': (node, left, right) => (frame) => {
    const a = left(frame);
    const b = right(frame);
    if (typeof a !== 'number' || typeof b !== 'number') return notArithmetic('*', 'two numbers', a, b, node);
    const result = a * b;
    return result <= SAFE && result >= -SAFE ? result : largeNumber(a, b, result, node);
  },
  '/': (node, left, right) => (frame) => {
    const a = left(frame);
    const b = right(frame);
    if (typeof a !== 'number' || typeof b !== 'number') return notArithmetic('/', 'two numbers', a, b, node);
    if (b === 0) fail('EXPRESSION_DIVISION_BY_ZERO', 'the divisor is zero', node.right);
    const result = a / b;
    if (!Number.isFinite(result))
      fail('EXPRESSION_NUMBER_OUT_OF_RANGE', 'the quotient is too large for a number', node);
    return result;
  },
  '%': (node, left, right) => (frame) => {
    const a = left(frame);
    const b = right(frame);
    if (typeof a !== 'number' || typeof b !== 'number') return notArithmetic('%', 'two integers', a, b, node);
    if (!Number.isInteger(a) || !Number.isInteger(b))
      return mismatch('`%` needs two integers', Number.isInteger(a) ? b : a, node);
    if (b === 0) fail('EXPRESSION_DIVISION_BY_ZERO', 'the divisor is zero', node.right);
    // JSON has no negative zero.
    return a % b || 0;
  },
  // Compiled by themselves: they do not always evaluate both sides.
  '&&': () => unreachable(),
  '||': () => unreachable(),
};

const SAFE = Number.MAX_SAFE_INTEGER;

function unreachable(): never {
  throw new Error('logical operators are compiled by compileLogical');
}

/** Comparing with a literal is the most common test of all, and needs no more than `===`. */
function equality(node: Binary, left: Run, right: Run, wanted: boolean): Run {
  if (node.right.kind === 'literal') {
    const { value } = node.right;
    return wanted ? (frame) => left(frame) === value : (frame) => left(frame) !== value;
  }
  return (frame) => {
    const a = left(frame);
    const b = right(frame);
    return (a === b || isEqual(frame, a, b, node)) === wanted;
  };
}
