import { isObject, type Json, seededRandom } from '@tenon/model';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sample } from './sample.ts';
import type { JsonSchema, SchemaObject } from './schema.ts';
import { compileValidator } from './validate.ts';

const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8];

/** Samples with several seeds; each must be there and fit. */
function samples(schema: JsonSchema, definitions: Readonly<Record<string, JsonSchema>> = {}): Json[] {
  const validate = compileValidator(schema, { definitions });
  return SEEDS.map((seed) => {
    const value = sample(schema, { random: seededRandom(seed), definitions });
    expect(value, `a sample for seed ${seed} of ${JSON.stringify(schema)}`).not.toBe(undefined);
    expect(validate(value)).toEqual([]);
    return value!;
  });
}

const formats =
  'date-time date time duration email hostname ipv4 ipv6 uri uri-reference uuid json-pointer regex byte'.split(
    ' ',
  );
const patterns = [
  '^[A-Z]{3}$',
  '^(in|cus)_[A-Za-z0-9]{14}$',
  '^\\d{4}-\\d{2}$',
  '^[^@\\s]+@[^@\\s]+$',
  '^(?!internal)[a-z]+$',
  '\\S',
  '^.{4,}$',
  '^#([0-9a-f]{3}|[0-9a-f]{6})$',
  '^\\p{Lu}\\p{Ll}+$',
  '^[\\w.-]+/[\\w.-]+$',
];

describe('sample', () => {
  it.each(formats)('fills the format %s', (format) => {
    samples({ type: 'string', format });
  });

  it.each(patterns)('follows the pattern %s', (pattern) => {
    samples({ type: 'string', pattern });
  });

  it.each<[string, SchemaObject]>([
    ['a pattern and lengths', { type: 'string', pattern: '^[a-z]+$', minLength: 30, maxLength: 32 }],
    ['a one-character string', { type: 'string', maxLength: 1, minLength: 1 }],
    ['an empty string', { type: 'string', maxLength: 0 }],
    ['two patterns at once', { allOf: [{ type: 'string', pattern: '^[a-z]+$' }, { pattern: 'a' }] }],
    ['exclusive bounds', { type: 'integer', exclusiveMinimum: 3, exclusiveMaximum: 5 }],
    ['a fraction of a unit', { type: 'number', minimum: 0.1, maximum: 0.9, multipleOf: 0.1 }],
    ['negative numbers only', { type: 'number', maximum: -5 }],
    ['two multiples', { allOf: [{ type: 'integer', multipleOf: 4 }, { multipleOf: 6 }] }],
    [
      'unique items of few values',
      { type: 'array', items: { enum: ['a', 'b', 'c'] }, minItems: 3, uniqueItems: true },
    ],
    [
      'a tuple',
      { type: 'array', prefixItems: [{ type: 'string' }, { type: 'integer' }], items: false, minItems: 2 },
    ],
    ['contains', { type: 'array', items: { type: 'integer' }, contains: { minimum: 900 }, minContains: 2 }],
    [
      'a closed object',
      { type: 'object', properties: { a: { type: 'string' } }, required: ['a'], additionalProperties: false },
    ],
    ['a map', { type: 'object', additionalProperties: { type: 'integer' }, minProperties: 2 }],
    ['property names', { type: 'object', propertyNames: { pattern: '^x-[a-z]{2,4}$' }, minProperties: 3 }],
    [
      'pattern properties alone',
      {
        type: 'object',
        patternProperties: { '^k\\d$': { type: 'boolean' } },
        additionalProperties: false,
        minProperties: 1,
      },
    ],
    [
      'dependent properties',
      { type: 'object', properties: { a: { const: 1 } }, required: ['a'], dependentRequired: { a: ['b'] } },
    ],
    [
      'dependent schemas',
      {
        type: 'object',
        properties: { a: { const: 1 } },
        required: ['a'],
        dependentSchemas: { a: { required: ['c'], properties: { c: { type: 'boolean' } } } },
      },
    ],
    [
      'overlapping oneOf',
      {
        oneOf: [
          { type: 'object', properties: { a: { type: 'string' } }, required: ['a'] },
          { type: 'object', properties: { b: { type: 'string' } }, required: ['b'] },
        ],
      },
    ],
    ['not', { type: 'string', not: { const: 'a' } }],
    [
      'if, then, else',
      {
        type: 'object',
        properties: { kind: { enum: ['card', 'bank'] } },
        required: ['kind'],
        if: { properties: { kind: { const: 'card' } } },
        // biome-ignore lint/suspicious/noThenProperty: the keyword of JSON Schema
        then: { required: ['number'], properties: { number: { type: 'string' } } },
        else: { required: ['iban'] },
      },
    ],
    [
      'allOf that narrows',
      {
        allOf: [
          { type: 'object', properties: { s: { type: ['string', 'null'] } }, required: ['s'] },
          { properties: { s: { enum: ['open', 'paid'] } } },
        ],
      },
    ],
    [
      'an object in a oneOf in an allOf',
      {
        allOf: [
          { oneOf: [{ required: ['a'] }, { required: ['b'] }] },
          { type: 'object', properties: { a: { type: 'integer' }, b: { type: 'integer' } } },
        ],
      },
    ],
    ['a default that does not fit', { type: 'integer', minimum: 5, default: 1, examples: [2] as Json[] }],
    ['anything', {}],
  ])('meets %s', (_name, schema) => {
    samples(schema);
  });

  it('ends a recursive schema', () => {
    const definitions: Record<string, JsonSchema> = {
      node: {
        type: 'object',
        properties: {
          name: { type: 'string' },
          children: { type: 'array', items: { $ref: '#/$defs/node' } },
          parent: { anyOf: [{ $ref: '#/$defs/node' }, { type: 'null' }] },
        },
        required: ['name', 'children', 'parent'],
      },
    };
    samples({ $ref: '#/$defs/node' }, definitions);
  });

  it('names the branch of a discriminator', () => {
    const definitions: Record<string, JsonSchema> = {
      cat: {
        type: 'object',
        properties: { kind: { type: 'string' }, lives: { type: 'integer' } },
        required: ['kind', 'lives'],
      },
      dog: {
        type: 'object',
        properties: { kind: { type: 'string' }, bark: { type: 'string' } },
        required: ['kind', 'bark'],
      },
    };
    const schema: JsonSchema = {
      anyOf: [{ $ref: '#/$defs/cat' }, { $ref: '#/$defs/dog' }],
      discriminator: { propertyName: 'kind', mapping: { tom: '#/$defs/cat', rex: '#/$defs/dog' } },
    };
    for (const value of samples(schema, definitions)) {
      expect(isObject(value) && value['kind']).toBe(isObject(value) && 'lives' in value ? 'tom' : 'rex');
    }
  });

  it.each<[string, JsonSchema]>([
    ['nothing fits false', false],
    ['bounds that cross', { type: 'integer', minimum: 5, maximum: 4 }],
    ['an object that requires itself', { $ref: '#/$defs/self' }],
    ['a reference to nothing', { $ref: '#/$defs/absent' }],
    ['types that exclude each other', { allOf: [{ type: 'string' }, { type: 'integer' }] }],
  ])('finds none: %s', (_name, schema) => {
    const definitions = {
      self: { type: 'object', required: ['self'], properties: { self: { $ref: '#/$defs/self' } } },
    };
    expect(sample(schema, { random: seededRandom(1), definitions })).toBe(undefined);
  });

  it('leaves out what is optional when asked', () => {
    const schema = {
      type: 'object',
      properties: { a: { type: 'string' }, b: { type: 'string' } },
      required: ['a'],
    };
    expect(Object.keys(sample(schema, { random: seededRandom(1), optional: 0 }) as object)).toEqual(['a']);
    expect(Object.keys(sample(schema, { random: seededRandom(1), optional: 1 }) as object)).toEqual([
      'a',
      'b',
    ]);
  });

  it('gives the same value for the same seed, another for another', () => {
    const schema = { type: 'object', properties: { a: { type: 'string' }, n: { type: 'number' } } };
    const make = (seed: number) => JSON.stringify(sample(schema, { random: seededRandom(seed) }));
    expect(make(7)).toBe(make(7));
    expect(make(7)).not.toBe(make(8));
  });

  it('returns only what fits, and something for nearly every schema that can be met', () => {
    let asked = 0;
    let given = 0;
    fc.assert(
      fc.property(schemas, fc.integer(), (schema, seed) => {
        const value = sample(schema, { random: seededRandom(seed) });
        asked += 1;
        if (value === undefined) return;
        given += 1;
        expect(compileValidator(schema)(value)).toEqual([]);
      }),
      { numRuns: 300, seed: 11 },
    );
    expect(given / asked).toBeGreaterThan(0.95);
  });
});

const scalars: fc.Arbitrary<SchemaObject> = fc.oneof(
  fc.record({ type: fc.constant('string'), minLength: fc.nat(5) }),
  fc.record({ type: fc.constant('string'), format: fc.constantFrom(...formats) }),
  fc.record({ type: fc.constant('string'), pattern: fc.constantFrom(...patterns) }),
  fc.record({
    type: fc.constant('integer'),
    minimum: fc.integer({ min: -50, max: 0 }),
    multipleOf: fc.integer({ min: 1, max: 9 }),
  }),
  fc.record({ type: fc.constant('number'), exclusiveMaximum: fc.integer({ min: -5, max: 100 }) }),
  fc.record({
    enum: fc.uniqueArray(fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null)), {
      minLength: 1,
      maxLength: 4,
    }),
  }),
  fc.constant({ type: ['string', 'null'] }),
);

/** Schemas with at least one value: composed so that parts do not contradict each other. */
const schemas: fc.Arbitrary<SchemaObject> = fc.letrec<{ schema: SchemaObject }>((tie) => ({
  schema: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    scalars,
    fc
      .tuple(
        fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd'), tie('schema'), { maxKeys: 4 }),
        fc.boolean(),
        fc.nat(4),
      )
      .map(([properties, isClosed, count]) => ({
        type: 'object',
        properties,
        required: Object.keys(properties).slice(0, count),
        ...(isClosed && { additionalProperties: false }),
      })),
    fc.record({ type: fc.constant('array'), items: tie('schema'), minItems: fc.nat(2) }),
    fc.record({ type: fc.constant('object'), additionalProperties: tie('schema') }),
    fc.record({ anyOf: fc.array(tie('schema'), { minLength: 1, maxLength: 3 }) }),
    fc.tuple(tie('schema'), tie('schema')).map(([first, second]) => ({
      oneOf: [
        { type: 'object', properties: { kind: { const: 'first' }, first }, required: ['kind'] },
        { type: 'object', properties: { kind: { const: 'second' }, second }, required: ['kind'] },
      ],
    })),
    fc.tuple(tie('schema'), tie('schema')).map(([left, right]) => ({
      allOf: [
        { type: 'object', properties: { left }, required: ['left'] },
        { type: 'object', properties: { right } },
      ],
    })),
  ),
})).schema;
