import type { Json } from '@tenon/model';
import type { JsonSchema } from '@tenon/schema';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { diffSchemas } from '../diff-schemas.ts';
import { checkWithDefinitions } from './check.ts';
import { bundleSchema } from './dialect.ts';
import { includes } from './includes.ts';

function verdict(sub: unknown, sup: unknown) {
  return includes(bundleSchema(sub), bundleSchema(sup));
}

describe('inclusion is proved across ways of writing', () => {
  test.each<[string, JsonSchema, JsonSchema]>([
    ['const and one-value enum', { const: 1 }, { enum: [1] }],
    [
      'allOf split',
      { type: 'object', properties: { a: { type: 'string' } }, required: ['a'] },
      { allOf: [{ properties: { a: { type: 'string' } } }, { type: 'object', required: ['a'] }] },
    ],
    [
      'disjoint oneOf and anyOf',
      { anyOf: [{ type: 'string' }, { type: 'integer' }] },
      { oneOf: [{ type: 'string' }, { type: 'integer' }] },
    ],
    [
      'discriminated union regrouped',
      {
        oneOf: [
          { properties: { k: { const: 'a' } }, required: ['k'], type: 'object' },
          { properties: { k: { const: 'b' } }, required: ['k'], type: 'object' },
        ],
      },
      { type: 'object', properties: { k: { enum: ['a', 'b'] } }, required: ['k'] },
    ],
    ['patterns', { type: 'string', pattern: '^a{2,3}$' }, { type: 'string', pattern: '^a+$', maxLength: 3 }],
    [
      'exclusive bound and integers',
      { type: 'integer', exclusiveMinimum: 0 },
      { type: 'integer', minimum: 1 },
    ],
    ['multiples', { multipleOf: 6 }, { multipleOf: 3 }],
    [
      'unevaluatedProperties and additionalProperties',
      { allOf: [{ properties: { a: true } }], unevaluatedProperties: false },
      { properties: { a: true }, additionalProperties: false },
    ],
    ['double negation', { type: 'string' }, { not: { not: { type: 'string' } } }],
    [
      'recursion under another name',
      { $ref: '#/$defs/a', $defs: { a: { type: 'object', properties: { next: { $ref: '#/$defs/a' } } } } },
      {
        $ref: '#/$defs/b',
        $defs: { b: { type: 'object', properties: { next: { allOf: [{ $ref: '#/$defs/b' }] } } } },
      },
    ],
    [
      'a format within a pattern',
      { type: 'string', enum: ['2024-02-29'] },
      { type: 'string', format: 'date' },
    ],
  ])('%s', (_, sub, sup) => {
    expect(verdict(sub, sup)).toEqual({ is: 'included' });
  });
});

describe('a break comes with a value that Ajv confirms', () => {
  test.each<[string, JsonSchema, JsonSchema, Json]>([
    ['not', { type: 'string' }, { not: { const: '' } }, ''],
    [
      'uniqueItems',
      { type: 'array', items: { type: 'boolean' } },
      { type: 'array', uniqueItems: true },
      [true, true],
    ],
    ['a required property', { type: 'object' }, { type: 'object', required: ['a'] }, {}],
    [
      'deep recursion',
      {
        $ref: '#/$defs/n',
        $defs: { n: { type: 'object', properties: { next: { $ref: '#/$defs/n' }, v: { type: 'number' } } } },
      },
      {
        $ref: '#/$defs/n',
        $defs: { n: { type: 'object', properties: { next: { $ref: '#/$defs/n' }, v: { type: 'integer' } } } },
      },
      { next: { v: 0.5 } },
    ],
  ])('%s', (_, sub, sup, witness) => {
    expect(verdict(sub, sup)).toEqual({ is: 'broken', witness });
  });

  test('nothing is claimed where readings of the specification differ', () => {
    const [plain, email] = [{ type: 'string' }, { type: 'string', format: 'email' }].map((schema) =>
      bundleSchema(schema, 'draft2019-09'),
    );
    expect(includes(plain!, email!)).toEqual({ is: 'undecided', keyword: 'format' });
    expect(verdict({ type: 'string' }, { type: 'string', format: 'email' }).is).toBe('broken');
  });
});

describe('a dynamic reference leads to the outermost of its name on the way', () => {
  const tree = {
    $id: 'https://example.com/tree',
    $dynamicAnchor: 'node',
    type: 'object',
    properties: { children: { type: 'array', items: { $dynamicRef: '#node' } } },
  };
  const strict = {
    $id: 'https://example.com/strict-tree',
    $dynamicAnchor: 'node',
    $ref: 'tree',
    unevaluatedProperties: false,
    $defs: { tree },
  };
  const recursive = {
    $id: 'https://example.com/tree',
    $recursiveAnchor: true,
    type: 'object',
    properties: { children: { type: 'array', items: { $recursiveRef: '#' } } },
  };
  const strictRecursive = {
    $id: 'https://example.com/strict-tree',
    $recursiveAnchor: true,
    $ref: 'tree',
    unevaluatedProperties: false,
    $defs: { tree: recursive },
  };
  const misspelt = { children: [{ extra: 1 }] };

  test.each<[string, JsonSchema, JsonSchema, 'draft2020-12' | 'draft2019-09']>([
    ['2020-12', tree, strict, 'draft2020-12'],
    ['2019-09', recursive, strictRecursive, 'draft2019-09'],
  ])('%s', (_, open, closed, dialect) => {
    const one = { enum: [misspelt] };
    expect(diffSchemas(one, open, 'request', { dialect }).verdict).toBe('safe');
    expect(diffSchemas(one, closed, 'request', { dialect })).toMatchObject({ witness: misspelt });
    expect(diffSchemas(closed, open, 'request', { dialect }).verdict).toBe('safe');
    expect(diffSchemas(open, closed, 'request', { dialect }).verdict).toBe('breaking');
  });

  test('without a bookend it is a plain one', () => {
    const plain = { $defs: { a: { $anchor: 'a', type: 'string' } }, $dynamicRef: '#a' };
    expect(verdict(plain, { type: 'string' }).is).toBe('included');
    expect(verdict({ type: 'string' }, plain).is).toBe('included');
  });
});

test.each<[string, string, 'included' | 'broken' | 'undecided']>([
  ['idn-hostname', '실례.테스트', 'included'],
  ['idn-hostname', '-hello', 'broken'],
  ['idn-hostname', 'a·l', 'broken'],
  ['idn-hostname', 'example.com.', 'undecided'],
  ['idn-email', '실례@실례.테스트', 'included'],
  ['idn-email', '2962', 'broken'],
  ['iri', 'http://ƒøø.ßår/?∂éœ=πîx#πîüx', 'included'],
  ['iri', '/abc', 'broken'],
  ['iri-reference', '/abc', 'included'],
  ['iri-reference', '\\\\WINDOWS', 'broken'],
])('the format %s and %s: %s', (format, text, is) => {
  expect(verdict({ const: text }, { format }).is).toBe(is);
});

test('a name that leads back to a document through a negation is not taken at its word', () => {
  const tree = {
    $id: 'http://example.com/tree',
    definitions: { node: { $id: 'http://example.com/node', properties: { subtree: { $ref: 'tree' } } } },
  };
  const whole = { ...tree, properties: { nodes: { items: { $ref: 'node' } } } };
  const negated = { ...tree, not: { properties: { nodes: { items: { $ref: 'node' } } } } };
  const value = { const: { nodes: [{ subtree: { nodes: [] } }] } };
  const ask = (sup: unknown) => diffSchemas(value, sup, 'request', { dialect: 'draft7' }).verdict;
  expect([ask(whole), ask(negated)]).toEqual(['safe', 'undecided']);
});

test('what draft 7 tells to ignore beside a reference breaks nobody', () => {
  const base = { definitions: { list: { type: 'array' } }, $ref: '#/definitions/list' };
  expect(diffSchemas(base, { ...base, maxItems: 2 }, 'both', { dialect: 'draft7' }).verdict).toBe('safe');
});

const leaf: fc.Arbitrary<JsonSchema> = fc.oneof(
  fc.constantFrom<JsonSchema>(
    true,
    false,
    { type: 'string' },
    { type: 'integer' },
    { type: 'null' },
    { type: 'boolean' },
  ),
  fc.record(
    { minimum: fc.integer({ min: -3, max: 3 }), maximum: fc.integer({ min: -3, max: 5 }) },
    { requiredKeys: [] },
  ),
  fc.record(
    { minLength: fc.integer({ min: 0, max: 3 }), pattern: fc.constantFrom('^a', 'b$', '^[ab]*$') },
    { requiredKeys: [] },
  ),
  fc.record({ multipleOf: fc.constantFrom(1, 2, 3, 0.5) }),
  fc
    .uniqueArray(fc.constantFrom<Json>(0, 1, 'a', 'ab', null, true, [], {}), { minLength: 1, maxLength: 3 })
    .map((values) => ({ enum: values })),
);
const { schema } = fc.letrec<{ schema: JsonSchema }>((tie) => ({
  schema: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    leaf,
    fc.record(
      {
        properties: fc.dictionary(fc.constantFrom('a', 'b'), tie('schema'), { maxKeys: 2 }),
        required: fc.subarray(['a', 'b']),
        additionalProperties: tie('schema'),
      },
      { requiredKeys: [] },
    ),
    fc.record(
      {
        items: tie('schema'),
        prefixItems: fc.array(tie('schema'), { minLength: 1, maxLength: 2 }),
        minItems: fc.integer({ min: 0, max: 2 }),
        maxItems: fc.integer({ min: 0, max: 3 }),
        uniqueItems: fc.boolean(),
        contains: tie('schema'),
      },
      { requiredKeys: [] },
    ),
    fc.array(tie('schema'), { minLength: 1, maxLength: 3 }).map((anyOf) => ({ anyOf })),
    fc.array(tie('schema'), { minLength: 1, maxLength: 3 }).map((oneOf) => ({ oneOf })),
    fc.array(tie('schema'), { minLength: 1, maxLength: 3 }).map((allOf) => ({ allOf })),
    tie('schema').map((not) => ({ not })),
  ),
}));
const value = fc.jsonValue({ maxDepth: 2 }).map((json) => json as Json);

test('what is claimed to be included has no counterexample among random values', () => {
  fc.assert(
    fc.property(schema, schema, fc.array(value, { minLength: 40, maxLength: 60 }), (sub, sup, values) => {
      const result = verdict(sub, sup);
      if (result.is !== 'included') return;
      const [inSub, inSup] = [checkWithDefinitions(sub, {}), checkWithDefinitions(sup, {})];
      for (const each of values) if (inSub(each) === true) expect(inSup(each)).not.toBe(false);
    }),
    { numRuns: 150, seed: 11 },
  );
});

test('every schema includes itself, also under an equivalent spelling', () => {
  fc.assert(
    fc.property(schema, (each) => {
      expect(verdict(each, { allOf: [each, true] }).is).toBe('included');
      expect(verdict({ not: { not: each } }, each).is).toBe('included');
    }),
    { numRuns: 200, seed: 12 },
  );
});

describe('a base that lists its values', () => {
  const metaschema = { $ref: 'https://json-schema.org/draft/2019-09/schema' };
  const ask = (base: unknown) =>
    diffSchemas(base, metaschema, 'request', { dialect: 'draft2019-09' }).request;

  test('is settled value by value where only Ajv resolves the reference', () => {
    expect(ask({ anyOf: [{ const: { minLength: 1 } }, { enum: [{}, true] }] })).toEqual({ is: 'included' });
    expect(ask({ enum: [{ minLength: 1 }, { minLength: -1 }] })).toEqual({
      is: 'broken',
      witness: { minLength: -1 },
    });
  });
});
