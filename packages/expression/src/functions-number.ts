import type { Span } from './ast.ts';
import { fail } from './failure.ts';
import type { FunctionSpec, Overload } from './functions.ts';
import { mismatch, type Value } from './operators.ts';

const TO_INTEGER: readonly Overload[] = [
  { parameters: [{ name: 'number', type: 'number' }], result: 'integer' },
];

export const numbers = {
  round: {
    origin: 'Tenon',
    group: 'numbers',
    doc: 'The nearest integer; halves go away from zero. CEL calls it `math.round`.',
    example: ['round(2.5)', '3'],
    overloads: TO_INTEGER,
    run: (_frame, span, a) => {
      const value = number('round', a, span);
      return integer('round', value < 0 ? -Math.round(-value) : Math.round(value), span);
    },
  },
  floor: {
    origin: 'Tenon',
    group: 'numbers',
    doc: 'The largest integer that is not above the number. CEL calls it `math.floor`.',
    example: ['floor(-1.5)', '-2'],
    overloads: TO_INTEGER,
    run: (_frame, span, a) => integer('floor', Math.floor(number('floor', a, span)), span),
  },
  ceil: {
    origin: 'Tenon',
    group: 'numbers',
    doc: 'The smallest integer that is not below the number. CEL calls it `math.ceil`.',
    example: ['ceil(1.2)', '2'],
    overloads: TO_INTEGER,
    run: (_frame, span, a) => integer('ceil', Math.ceil(number('ceil', a, span)), span),
  },
  abs: {
    origin: 'Tenon',
    group: 'numbers',
    doc: 'The number without its sign. CEL calls it `math.abs`.',
    example: ['abs(-2)', '2'],
    overloads: [{ parameters: [{ name: 'number', type: 'number' }], result: 'same' }],
    run: (_frame, span, a) => Math.abs(number('abs', a, span)),
  },
} as const satisfies Readonly<Record<string, FunctionSpec>>;

function number(name: string, value: Value, span: Span): number {
  return typeof value === 'number' ? value : mismatch(`\`${name}\` needs a number`, value, span);
}

export function integer(name: string, value: number, span: Span): number {
  if (!Number.isSafeInteger(value))
    fail('EXPRESSION_NUMBER_OUT_OF_RANGE', `\`${name}\` gives an integer beyond ±9007199254740991`, span);
  // JSON has no negative zero.
  return value === 0 ? 0 : value;
}
