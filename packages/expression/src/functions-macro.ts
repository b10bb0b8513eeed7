import { fail } from './failure.ts';
import type { FunctionSpec, Parameter } from './functions.ts';

const ITEM: Parameter = { name: 'item', type: 'name' };
const CONDITION: Parameter = { name: 'condition', type: 'condition' };

/** What the compiler itself reads: macros, and the functions of optionals, which must see an absent operand. */
export const macros = {
  has: {
    origin: 'CEL',
    group: 'macros',
    doc: 'Is the field there, and all that leads to it? A field that is null is there.',
    example: ["has({'a': null}.a)", 'true'],
    overloads: [{ parameters: [{ name: 'path', type: 'field' }], result: 'boolean' }],
  },
  default: {
    origin: 'Tenon',
    group: 'macros',
    doc: 'The value of the field, or `value` where the field, or anything on the way to it, is absent or null.',
    example: ["default({'a': null}.a, 1)", '1'],
    overloads: [
      {
        parameters: [
          { name: 'path', type: 'field' },
          { name: 'value', type: 'any' },
        ],
        result: 'same',
      },
    ],
  },
  all: {
    origin: 'CEL',
    group: 'macros',
    doc: 'Does the condition hold for every item (or every key of an object)? True for none.',
    example: ['[1, 2].all(n, n > 0)', 'true'],
    overloads: [
      { receiver: 'list', parameters: [ITEM, CONDITION], result: 'boolean' },
      { receiver: 'object', parameters: [ITEM, CONDITION], result: 'boolean' },
    ],
  },
  exists: {
    origin: 'CEL',
    group: 'macros',
    doc: 'Does the condition hold for at least one item (or key of an object)?',
    example: ['[1, 2].exists(n, n == 2)', 'true'],
    overloads: [
      { receiver: 'list', parameters: [ITEM, CONDITION], result: 'boolean' },
      { receiver: 'object', parameters: [ITEM, CONDITION], result: 'boolean' },
    ],
  },
  exists_one: {
    origin: 'CEL',
    group: 'macros',
    doc: 'Does the condition hold for exactly one item (or key of an object)?',
    example: ['[1, 2, 2].exists_one(n, n == 2)', 'false'],
    overloads: [
      { receiver: 'list', parameters: [ITEM, CONDITION], result: 'boolean' },
      { receiver: 'object', parameters: [ITEM, CONDITION], result: 'boolean' },
    ],
  },
  map: {
    origin: 'CEL',
    group: 'macros',
    doc: 'A list of what the expression gives for each item (or key of an object); with a condition, for those that pass it.',
    example: ['[1, 2, 3].map(n, n > 1, n * 10)', '[20,30]'],
    overloads: [
      { receiver: 'list', parameters: [ITEM, { name: 'expression', type: 'expression' }], result: 'list' },
      {
        receiver: 'list',
        parameters: [ITEM, CONDITION, { name: 'expression', type: 'expression' }],
        result: 'list',
      },
    ],
  },
  filter: {
    origin: 'CEL',
    group: 'macros',
    doc: 'The items (or keys of an object) for which the condition holds.',
    example: ['[1, 2, 3].filter(n, n != 2)', '[1,3]'],
    overloads: [{ receiver: 'list', parameters: [ITEM, CONDITION], result: 'same' }],
  },
  hasValue: {
    origin: 'CEL extension',
    group: 'optionals',
    doc: 'Is there a value?',
    example: ["{'a': 1}.?b.hasValue()", 'false'],
    overloads: [{ receiver: 'optional', parameters: [], result: 'boolean' }],
    run: (_frame, _span, a) => a !== undefined,
  },
  orValue: {
    origin: 'CEL extension',
    group: 'optionals',
    doc: 'The value, or `other` where it is absent. Null is a value.',
    example: ["{'a': 1}.?b.orValue(2)", '2'],
    overloads: [{ receiver: 'optional', parameters: [{ name: 'other', type: 'any' }], result: 'item' }],
  },
  or: {
    origin: 'CEL extension',
    group: 'optionals',
    doc: 'This optional, or the other where this one is absent.',
    example: ["{'a': 1}.?b.or({'a': 1}.?a).orValue(0)", '1'],
    overloads: [
      { receiver: 'optional', parameters: [{ name: 'other', type: 'optional' }], result: 'optional' },
    ],
  },
  value: {
    origin: 'CEL extension',
    group: 'optionals',
    doc: 'The value; fails where it is absent.',
    example: ["{'a': 1}.?a.value()", '1'],
    overloads: [{ receiver: 'optional', parameters: [], result: 'item' }],
    run: (_frame, span, a) =>
      a ?? (a === null ? null : fail('EXPRESSION_FIELD_ABSENT', 'the optional is empty', span)),
  },
  optMap: {
    origin: 'CEL extension',
    group: 'optionals',
    doc: 'What the expression gives for the value, as an optional; absent where the value is.',
    example: ["{'a': 1}.?a.optMap(n, n + 1).orValue(0)", '2'],
    overloads: [
      {
        receiver: 'optional',
        parameters: [
          { name: 'value', type: 'name' },
          { name: 'expression', type: 'expression' },
        ],
        result: 'optional',
      },
    ],
  },
  optFlatMap: {
    origin: 'CEL extension',
    group: 'optionals',
    doc: 'Like `optMap`, for an expression that gives an optional itself.',
    example: ["{'a': {'b': 1}}.?a.optFlatMap(o, o.?b).orValue(0)", '1'],
    overloads: [
      {
        receiver: 'optional',
        parameters: [
          { name: 'value', type: 'name' },
          { name: 'expression', type: 'expression' },
        ],
        result: 'optional',
      },
    ],
  },
} as const satisfies Readonly<Record<string, FunctionSpec>>;
