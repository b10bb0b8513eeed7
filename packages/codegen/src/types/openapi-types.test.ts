import { planAdapterOperation } from '@tenon/pipeline';
import type { JsonSchema } from '@tenon/schema';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bareManifest } from '../bare-manifest.ts';
import { surfaceOf } from '../surface.ts';
import { answers, contractOf } from '../testing/contract-of.ts';
import { definitionsOfAnyShape } from '../testing/definitions-of-any-shape.ts';
import { strictErrors } from '../testing/strict-errors.ts';
import { openapiTypes } from './openapi-types.ts';

const typesOf = (definitions: Record<string, JsonSchema>): Promise<string> => {
  const contract = contractOf({
    definitions,
    operations: Object.keys(definitions).map((name, index) => ({
      id: `get${index}`,
      ...answers({ $ref: `#/$defs/${encodeURIComponent(name)}` }),
    })),
  });
  return openapiTypes(surfaceOf(contract, bareManifest(contract), planAdapterOperation));
};

/** The definitions, and expressions that must or must not be of type `Schemas[…]`. */
async function check(
  definitions: Record<string, JsonSchema>,
  values: readonly {
    readonly type: string;
    readonly fits: readonly string[];
    readonly misfits?: readonly string[];
  }[],
): Promise<void> {
  const lines = values.flatMap(({ type, fits, misfits = [] }) => [
    ...fits.map((value) => `export const _ = (): Schemas[${JSON.stringify(type)}] => (${value});`),
    ...misfits.map(
      (value) => `// @ts-expect-error\nexport const _ = (): Schemas[${JSON.stringify(type)}] => (${value});`,
    ),
  ]);
  const text = lines.map((line, index) => line.replace('const _', `const v${index}`)).join('\n');
  expect(
    await strictErrors([
      { path: 'types.d.ts', text: await typesOf(definitions) },
      { path: 'values.ts', text: `import type { Schemas } from './types.js';\n${text}\n` },
    ]),
  ).toEqual([]);
}

const ref = (name: string): JsonSchema => ({ $ref: `#/$defs/${name}` });

describe('types mean what JSON Schema means', () => {
  test('properties beside anyOf are intersected with it', () =>
    check(
      {
        Contact: {
          type: 'object',
          properties: { name: { type: 'string' }, email: { type: 'string' }, phone: { type: 'string' } },
          required: ['name'],
          anyOf: [{ required: ['email'] }, { required: ['phone'] }],
        },
      },
      [{ type: 'Contact', fits: ["{ name: 'a', email: 'b' }"], misfits: ["{ email: 'b' }", '{ name: 1 }'] }],
    ));

  test('required beside allOf makes inherited properties required, through unions too', () =>
    check(
      {
        Base: { type: 'object', properties: { id: { type: 'string' } } },
        Middle: { allOf: [ref('Base'), { type: 'object', properties: { note: { type: 'string' } } }] },
        Full: { allOf: [ref('Middle')], required: ['id'] },
        Either: { oneOf: [ref('Base'), { type: 'object', properties: { key: { type: 'number' } } }] },
        Strict: {
          allOf: [ref('Either'), { type: 'object', properties: { x: { type: 'string' } } }],
          required: ['id'],
        },
      },
      [
        { type: 'Full', fits: ["{ id: '1' }"], misfits: ['{}'] },
        { type: 'Strict', fits: ["{ id: '1', x: 'x' }"] },
      ],
    ));

  test('null is in a type exactly where the schema lets it be', () =>
    check(
      {
        Maybe: { type: ['string', 'null'] },
        Level: { type: ['string', 'null'], enum: ['low', 'high'] },
        Nothing: { const: null },
      },
      [
        { type: 'Maybe', fits: ['null', "'x'"], misfits: ['1'] },
        { type: 'Level', fits: ["'low'"], misfits: ['null', "'other'"] },
        { type: 'Nothing', fits: ['null'], misfits: ['{}'] },
      ],
    ));

  test('tuples are as long as minItems says, and no shorter', () =>
    check(
      {
        Pair: {
          type: 'array',
          prefixItems: [{ type: 'string' }, { type: 'number' }],
          minItems: 1,
          items: false,
        },
      },
      [{ type: 'Pair', fits: ["['a']", "['a', 1]"], misfits: ['[]', "['a', 'b']", "['a', 1, 2]"] }],
    ));

  test('an array of arrays keeps both, however the inner one is written', () =>
    check({ Grid: { type: 'array', items: { allOf: [{ type: 'array', items: { type: 'number' } }] } } }, [
      { type: 'Grid', fits: ['[[1], [2]]'], misfits: ['[1]'] },
    ]));

  test('a discriminator narrows a union', () =>
    check(
      {
        Pet: {
          oneOf: [ref('Cat'), ref('Dog')],
          discriminator: { propertyName: 'kind', mapping: { cat: '#/$defs/Cat', dog: '#/$defs/Dog' } },
        },
        Cat: {
          type: 'object',
          properties: { kind: { type: 'string' }, lives: { type: 'number' } },
          required: ['lives'],
        },
        Dog: {
          type: 'object',
          properties: { kind: { type: 'string' }, tricks: { type: 'number' } },
          required: ['tricks'],
        },
      },
      [
        {
          type: 'Pet',
          fits: ["{ kind: 'cat', lives: 9 }"],
          misfits: ["{ kind: 'cat', tricks: 1 }", "{ kind: 'x', lives: 1 }"],
        },
      ],
    ));

  test('declared properties and others of another type can both be written', () =>
    check(
      {
        Bag: {
          type: 'object',
          properties: { size: { type: 'number' } },
          additionalProperties: { type: 'string' },
        },
      },
      [{ type: 'Bag', fits: ["{ size: 1, note: 'x' }"], misfits: ["{ size: 'x' }"] }],
    ));
});

describe('definitions that contain themselves', () => {
  test('any JSON: a loop through arrays', () =>
    check(
      {
        Json: {
          anyOf: [
            { type: ['string', 'null'] },
            { type: 'array', items: ref('Json') },
            { type: 'object', additionalProperties: ref('Json') },
          ],
        },
      },
      [{ type: 'Json', fits: ["[['a'], { a: [null] }]"], misfits: ['[1]'] }],
    ));

  test('a base that lists its subtypes, which extend the base', () =>
    check(
      {
        Shape: {
          type: 'object',
          properties: { name: { type: 'string' } },
          required: ['name'],
          oneOf: [ref('Circle'), ref('Square')],
        },
        Circle: {
          allOf: [
            ref('Shape'),
            { type: 'object', properties: { radius: { type: 'number' } }, required: ['radius'] },
          ],
        },
        Square: {
          allOf: [
            ref('Shape'),
            { type: 'object', properties: { side: { type: 'number' } }, required: ['side'] },
          ],
        },
      },
      [
        { type: 'Shape', fits: ["{ name: 'c', radius: 1 }"], misfits: ["{ name: 'c' }", '{ radius: 1 }'] },
        {
          type: 'Circle',
          fits: ["{ name: 'c', radius: 1 }"],
          misfits: ['{ radius: 1 }', "{ name: 'c', side: 1 }"],
        },
      ],
    ));

  test('loops that say nothing', () =>
    check(
      {
        Self: ref('Self'),
        A: { anyOf: [ref('B'), { type: 'string' }] },
        B: { allOf: [ref('A')] },
        Deep: { allOf: [ref('Deep'), { type: 'object', properties: { deep: ref('Deep') } }] },
      },
      [
        { type: 'A', fits: ["'x'"], misfits: ['1'] },
        { type: 'Deep', fits: ['{ deep: { deep: {} } }'], misfits: ['{ deep: 1 }'] },
      ],
    ));
});

test('names and texts that would break out of the code they stand in', () =>
  check(
    {
      'a"]: never; x["': { type: 'string', description: '*/ export const injected = 1; /*' },
      "it's": {
        type: 'object',
        properties: { "*/ '": { type: 'string', title: '*/', default: '*/' }, '': { type: 'number' } },
      },
      __proto__: {
        type: 'object',
        properties: JSON.parse('{"__proto__":{"type":"string"},"constructor":{"type":"string"}}'),
      },
      'a/b~c%2F': { enum: ['"', '\\', '\n', '`${', 'u\u2028', -1.5, 1e30, null, true, { a: [1] }] },
    },
    [{ type: 'a/b~c%2F', fits: ["'`${'", '-1.5', 'null', '{ a: [1] }'], misfits: ["'x'"] }],
  ));

test('whatever the schemas, the types compile', { timeout: 120_000 }, async () => {
  const samples = fc.sample(definitionsOfAnyShape(), { seed: 20261121, numRuns: 100 });
  const files = await Promise.all(
    samples.map(async (definitions, index) => ({
      path: `sample-${index}.d.ts`,
      text: await typesOf(definitions),
    })),
  );
  const errors = await strictErrors(files);
  const first = /^sample-(\d+)/.exec(errors[0] ?? '')?.[1];
  expect(errors.slice(0, 3), first && JSON.stringify(samples[Number(first)], null, 1)).toEqual([]);
});
