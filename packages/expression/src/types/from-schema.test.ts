import { describe, expect, it } from 'vitest';
import { lookup } from '../check/lookup.ts';
import { describeType } from './describe.ts';
import { type SchemaInput, schemaTypes } from './from-schema.ts';
import { itemAt, type Type } from './type.ts';

const definitions: Readonly<Record<string, SchemaInput>> = {
  node: {
    type: 'object',
    required: ['v'],
    properties: { v: { type: 'integer' }, next: { $ref: '#/$defs/node' } },
  },
  loop: { $ref: '#/$defs/pool' },
  pool: { anyOf: [{ $ref: '#/$defs/loop' }, { type: 'string' }] },
  base: {
    type: 'object',
    required: ['id'],
    properties: { id: { type: 'string' }, kind: { type: 'string' } },
  },
};

function typeOf(schema: SchemaInput): Type {
  return schemaTypes(definitions).typeOf(schema);
}

describe('types of schemas', () => {
  it.each<[SchemaInput, string]>([
    [true, 'anything'],
    [false, 'nothing'],
    [{}, 'anything'],
    [{ type: 'string' }, 'a string'],
    [{ type: ['string', 'null'] }, 'a string or null'],
    [{ type: 'number' }, 'a number'],
    [{ type: 'number', multipleOf: 5 }, 'an integer'],
    [{ type: 'integer' }, 'an integer'],
    [{ enum: ['a', 'b'] }, '"a" or "b"'],
    [{ enum: ['a', 1, null] }, '1 or "a" or null'],
    [{ type: 'string', enum: ['a', 1, null] }, '"a"'],
    [{ const: 3 }, '3'],
    [{ type: 'array' }, 'a list'],
    [{ items: { type: 'string' } }, 'a list'],
    [{ type: 'object' }, 'an object'],
    [{ properties: { a: {}, b: {} } }, 'an object with a, b'],
    [{ type: 'object', title: 'Money', properties: { a: {} } }, 'an object (Money)'],
    [{ anyOf: [{ type: 'string' }, { type: 'integer' }] }, 'a string or an integer'],
    [{ oneOf: [{ const: 'a' }, { const: 'b' }] }, '"a" or "b"'],
    [{ allOf: [{ type: ['string', 'integer'] }, { type: ['integer', 'null'] }] }, 'an integer'],
    [{ allOf: [{ type: 'string' }, { type: 'integer' }] }, 'nothing'],
    [{ type: 'string', not: { const: 'a' } }, 'a string'],
    [{ $ref: '#/$defs/node' }, 'an object with v, next'],
    [{ $ref: '#/$defs/loop' }, 'anything'],
    [{ $ref: '#/$defs/missing' }, 'anything'],
  ])('%j is %s', (schema, text) => {
    expect(describeType(typeOf(schema))).toBe(text);
  });

  it('follows recursion as far as it is asked to', () => {
    let here = typeOf({ $ref: '#/$defs/node' });
    for (let i = 0; i < 50; i++) here = lookup(here, 'next').type!;
    expect(describeType(lookup(here, 'v').type!)).toBe('an integer');
  });
});

describe('fields of objects', () => {
  const cases: readonly [string, SchemaInput, string, string | undefined, boolean][] = [
    ['required', { properties: { a: { type: 'string' } }, required: ['a'] }, 'a', 'a string', false],
    ['not required', { properties: { a: { type: 'string' } } }, 'a', 'a string', true],
    ['not listed', { properties: { a: {} } }, 'b', undefined, false],
    ['not listed, open', { properties: { a: {} }, additionalProperties: true }, 'b', 'anything', true],
    ['of a map', { type: 'object', additionalProperties: { type: 'integer' } }, 'b', 'an integer', true],
    [
      'by pattern',
      { type: 'object', patternProperties: { '^x-': { type: 'integer' } } },
      'x-a',
      'an integer',
      true,
    ],
    ['off pattern', { type: 'object', patternProperties: { '^x-': {} } }, 'b', undefined, false],
    ['free-form', { type: 'object' }, 'b', 'anything', true],
    ['of none', { type: 'object', additionalProperties: false }, 'b', undefined, false],
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema, never awaited
    ['from then', { properties: { a: {} }, if: {}, then: { properties: { b: {} } } }, 'b', 'anything', true],
    [
      'from allOf',
      {
        allOf: [
          { $ref: '#/$defs/base' },
          { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] },
        ],
      },
      'n',
      'an integer',
      false,
    ],
    [
      'beside a reference',
      { $ref: '#/$defs/base', properties: { kind: { const: 'x' } }, required: ['kind'] },
      'kind',
      '"x"',
      false,
    ],
    [
      'required by each variant',
      { properties: { a: { type: 'string' } }, anyOf: [{ required: ['a'] }, { required: ['a', 'b'] }] },
      'a',
      'a string',
      false,
    ],
    [
      'required by one variant',
      { properties: { a: { type: 'string' }, b: {} }, anyOf: [{ required: ['a'] }, { required: ['b'] }] },
      'a',
      'a string',
      true,
    ],
    [
      'that can hold nothing',
      { properties: { a: { not: {} }, b: false }, required: ['b'] },
      'b',
      undefined,
      false,
    ],
  ];
  it.each(cases)('%s', (_name, schema, field, text, mayBeAbsent) => {
    const found = lookup(typeOf(schema), field);
    expect([found.type && describeType(found.type), found.mayBeAbsent]).toEqual([text, mayBeAbsent]);
  });
});

it('gives first items their own types', () => {
  const type = typeOf({
    type: 'array',
    prefixItems: [{ type: 'string' }],
    items: { type: 'integer' },
    minItems: 1,
  });
  if (type.kind !== 'list') throw new Error('no list');
  expect([itemAt(type, 0), itemAt(type, 1)].map(describeType)).toEqual(['a string', 'an integer']);
  expect(type.itemsMin).toBe(1);
});

it('takes too many variants for any, and says why', () => {
  const anyOf = Array.from({ length: 150 }, (_, i) => ({ type: 'object', properties: { [`f${i}`]: {} } }));
  expect(typeOf({ anyOf })).toMatchObject({ kind: 'any', reason: 'it has more than 100 variants' });
});
