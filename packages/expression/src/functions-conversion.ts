import type { Span } from './ast.ts';
import { fail } from './failure.ts';
import type { FunctionSpec, TypeName } from './functions.ts';
import { integer } from './functions-number.ts';
import { type Frame, mismatch, spendOutput, type Value } from './operators.ts';
import { Duration, floorDivide, formatDuration, formatTimestamp, Timestamp } from './temporal.ts';

const from = (...types: TypeName[]) =>
  types.map((type) => ({ parameters: [{ name: 'value', type }] }) as const);

export const conversions = {
  int: {
    origin: 'CEL',
    group: 'conversions',
    doc: 'An integer from a number (cut towards zero), from decimal text, or from a timestamp (seconds since 1970).',
    example: ["int('42') + int(-1.9)", '41'],
    overloads: from('number', 'string', 'timestamp').map((overload) => ({ ...overload, result: 'integer' })),
    run: (_frame, span, a) => {
      if (typeof a === 'number') return integer('int', Math.trunc(a), span);
      if (a instanceof Timestamp)
        return integer('int', Number(floorDivide(Timestamp.ns(a), 1_000_000_000n)), span);
      if (typeof a !== 'string') mismatch('`int` needs a number, a string or a timestamp', a, span);
      if (!/^[+-]?\d{1,20}$/.test(a))
        fail('EXPRESSION_ARGUMENT_INVALID', '`int` is given text that is no whole number', span);
      return integer('int', Number(a), span);
    },
  },
  double: {
    origin: 'CEL',
    group: 'conversions',
    doc: 'A number from decimal text; a number stays as it is.',
    example: ["double('1.5')", '1.5'],
    overloads: from('number', 'string').map((overload) => ({ ...overload, result: 'number' })),
    run: (_frame, span, a) => {
      if (typeof a === 'number') return a;
      if (typeof a !== 'string') mismatch('`double` needs a number or a string', a, span);
      const value = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,4})?$/.test(a) ? Number(a) : Number.NaN;
      if (a.length > 400 || !Number.isFinite(value))
        fail('EXPRESSION_ARGUMENT_INVALID', '`double` is given text that is no number', span);
      return value;
    },
  },
  string: {
    origin: 'CEL',
    group: 'conversions',
    doc: 'Text of a number, a boolean, a timestamp (RFC 3339) or a duration (seconds).',
    example: ['string(1.50)', '"1.5"'],
    overloads: from('string', 'number', 'boolean', 'timestamp', 'duration').map((overload) => ({
      ...overload,
      result: 'string',
    })),
    run: (frame, span, a) => textOf(frame, a, '`string` needs a number, a boolean or a time', span),
  },
  bool: {
    origin: 'CEL',
    group: 'conversions',
    doc: 'A boolean from `true`, `false`, `t`, `f`, `1`, `0`; a boolean stays as it is.',
    example: ["bool('true')", 'true'],
    overloads: from('boolean', 'string').map((overload) => ({ ...overload, result: 'boolean' })),
    run: (_frame, span, a) => {
      if (typeof a === 'boolean') return a;
      if (typeof a !== 'string') mismatch('`bool` needs a boolean or a string', a, span);
      if (TRUE_TEXTS.has(a)) return true;
      if (FALSE_TEXTS.has(a)) return false;
      return fail('EXPRESSION_ARGUMENT_INVALID', '`bool` is given text that is neither true nor false', span);
    },
  },
  dyn: {
    origin: 'CEL',
    group: 'conversions',
    doc: 'The same value, with its type forgotten: the one way to say "I know better" to the checker.',
    example: ['dyn(1)', '1'],
    overloads: [{ parameters: [{ name: 'value', type: 'any' }], result: 'any' }],
    run: (_frame, _span, a) => a,
  },
  declassify: {
    origin: 'Tenon',
    group: 'conversions',
    doc: 'The same value, allowed to go where its data class is not cleared. The reason is literal text, and audited.',
    example: ["declassify('a', 'masked by the caller')", '"a"'],
    overloads: [
      {
        parameters: [
          { name: 'value', type: 'any' },
          { name: 'reason', type: 'string' },
        ],
        result: 'same',
      },
    ],
    run: (_frame, _span, a) => a,
  },
} as const satisfies Readonly<Record<string, FunctionSpec>>;

const TRUE_TEXTS: ReadonlySet<string> = new Set(['true', 'TRUE', 'True', 't', '1']);
const FALSE_TEXTS: ReadonlySet<string> = new Set(['false', 'FALSE', 'False', 'f', '0']);

/** The text that a value has inside other text; null, lists and objects have none. */
export function textOf(frame: Frame, value: Value, what: string, span: Span): string {
  const text = typeof value === 'string' ? value : scalarText(value);
  if (text === undefined) mismatch(what, value, span);
  spendOutput(frame, text.length, span);
  return text;
}

function scalarText(value: Value): string | undefined {
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (value instanceof Timestamp) return formatTimestamp(value);
  return value instanceof Duration ? formatDuration(value) : undefined;
}
