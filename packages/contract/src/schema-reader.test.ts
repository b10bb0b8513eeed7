import { compileValidator, definitionName, type JsonSchema } from '@tenon/schema';
import { describe, expect, it } from 'vitest';
import { contractOf, openapi } from './load.testing.ts';
import { loadContract } from './load.ts';

/** The schema `Case` as it is read from a document of that version. */
async function read(
  version: string,
  schema: unknown,
  others: Record<string, unknown> = {},
): Promise<JsonSchema> {
  const components = JSON.stringify({ schemas: { Case: schema, ...others } });
  const contract = await contractOf({ 'a.yaml': openapi(`paths: {}\ncomponents: ${components}`, version) });
  return contract.definitions['Case']!;
}

const TEXT = { $ref: '#/components/schemas/Text' };
const text = { Text: { type: 'string' } };

describe('a schema of OpenAPI 3.0', () => {
  it.each([
    ['nullable type', { type: 'string', nullable: true }, { type: ['string', 'null'] }],
    [
      'nullable enum',
      { type: 'string', nullable: true, enum: ['a'] },
      { type: ['string', 'null'], enum: ['a', null] },
    ],
    ['nullable false', { type: 'string', nullable: false }, { type: 'string' }],
    [
      'nullable anyOf',
      { nullable: true, anyOf: [TEXT] },
      { anyOf: [{ $ref: '#/$defs/Text' }, { type: 'null' }] },
    ],
    [
      'nullable allOf keeps its annotations outside',
      { nullable: true, allOf: [TEXT], description: 'd' },
      { anyOf: [{ allOf: [{ $ref: '#/$defs/Text' }] }, { type: 'null' }], description: 'd' },
    ],
    [
      'nullable oneOf',
      { nullable: true, oneOf: [TEXT] },
      { anyOf: [{ oneOf: [{ $ref: '#/$defs/Text' }] }, { type: 'null' }] },
    ],
    [
      'nullable reference',
      { ...TEXT, nullable: true },
      { anyOf: [{ $ref: '#/$defs/Text' }, { type: 'null' }] },
    ],
    ['exclusive flag', { minimum: 1, exclusiveMinimum: true }, { exclusiveMinimum: 1 }],
    ['exclusive flag off', { maximum: 1, exclusiveMaximum: false }, { maximum: 1 }],
    ['example', { type: 'integer', example: 0 }, { type: 'integer', examples: [0] }],
    [
      'siblings of a reference',
      { ...TEXT, maxLength: 5, description: 'd' },
      { $ref: '#/$defs/Text', description: 'd' },
    ],
    [
      'a draft-4 tuple',
      { type: 'array', items: [{ type: 'string' }], additionalItems: false },
      { type: 'array', prefixItems: [{ type: 'string' }], items: false },
    ],
    [
      'false, 0 and the empty text',
      { type: 'string', default: '', minLength: 0, additionalProperties: false },
      { type: 'string', default: '', minLength: 0, additionalProperties: false },
    ],
    ['an unusable value', { type: 'integer', minimum: '1' }, { type: 'integer' }],
    [
      'a member named __proto__',
      JSON.parse('{ "properties": { "__proto__": { "type": "string" } } }'),
      JSON.parse('{ "properties": { "__proto__": { "type": "string" } } }'),
    ],
  ])('reads %s', async (_, schema, expected) => {
    expect(await read('3.0.3', schema, text)).toEqual(expected);
  });
});

describe('a schema of OpenAPI 3.1', () => {
  it.each([
    ['siblings of a reference', { ...TEXT, maxLength: 5 }, { $ref: '#/$defs/Text', maxLength: 5 }],
    ['a numeric bound', { exclusiveMinimum: 1 }, { exclusiveMinimum: 1 }],
    ['const and null', { type: ['string', 'null'], const: null }, { type: ['string', 'null'], const: null }],
    [
      'dependencies of earlier drafts',
      { dependencies: { a: ['b'], c: { minProperties: 2 } } },
      { dependentRequired: { a: ['b'] }, dependentSchemas: { c: { minProperties: 2 } } },
    ],
    ['true', true, true],
    [
      'a discriminator by name and by reference',
      {
        oneOf: [TEXT],
        discriminator: { propertyName: 'kind', mapping: { a: 'Text', b: '#/components/schemas/Text' } },
      },
      {
        oneOf: [{ $ref: '#/$defs/Text' }],
        discriminator: { propertyName: 'kind', mapping: { a: '#/$defs/Text', b: '#/$defs/Text' } },
      },
    ],
  ])('reads %s', async (_, schema, expected) => {
    expect(await read('3.1.0', schema, text)).toEqual(expected);
  });

  it('hoists what a pointer, an anchor, an id or a local definition names', async () => {
    const schema = {
      properties: {
        byPointer: { $ref: '#/components/schemas/Case/properties/plain' },
        byAnchor: { $ref: '#plain' },
        byId: { $ref: 'https://x.example/plain' },
        byDefs: { $ref: '#/components/schemas/Case/$defs/local' },
        plain: { type: 'string', $anchor: 'plain' },
        named: { type: 'boolean', $id: 'https://x.example/plain' },
      },
      $defs: { local: { type: 'integer' } },
    };
    const components = JSON.stringify({ schemas: { Case: schema } });
    const { definitions } = await contractOf({ 'a.yaml': openapi(`paths: {}\ncomponents: ${components}`) });
    expect(definitions['Case']).toMatchObject({
      properties: {
        byPointer: { $ref: '#/$defs/Case.plain' },
        byAnchor: { $ref: '#/$defs/Case.plain' },
        byId: { $ref: '#/$defs/Case.named' },
        byDefs: { $ref: '#/$defs/Case.local' },
      },
    });
    expect(definitions['Case.plain']).toEqual({ type: 'string' });
    expect(definitions['Case.named']).toEqual({ type: 'boolean' });
    expect(definitions['Case.local']).toEqual({ type: 'integer' });
  });

  it('escapes a name so that it can be read back', async () => {
    const name = 'a/b~c d%';
    const components = JSON.stringify({
      schemas: { [name]: { type: 'string' }, Case: { $ref: '#/components/schemas/a~1b~0c%20d%25' } },
    });
    const { definitions } = await contractOf({ 'a.yaml': openapi(`paths: {}\ncomponents: ${components}`) });
    expect(definitionName(definitions['Case']!)).toBe(name);
    expect(definitions[name]).toEqual({ type: 'string' });
  });
});

describe('a recursive reference of 2019-09', () => {
  const recursive = { properties: { parts: { items: { $recursiveRef: '#' } } } };

  it('leads to the nearest schema around it that says so, never to the document', async () => {
    const anchored = await read('3.1.0', { $recursiveAnchor: true, ...recursive });
    expect(anchored).toMatchObject({ properties: { parts: { items: { $ref: '#/$defs/Case' } } } });
    const around = await read('3.1.0', recursive);
    expect(around).toEqual({ properties: { parts: { items: {} } } });
  });
});

describe('patterns that names of members are held to', () => {
  const closed = (pattern: string) => ({
    type: 'object',
    patternProperties: { [pattern]: { type: 'string' } },
    additionalProperties: false,
  });

  it('are mended as those of texts are', async () => {
    const validate = compileValidator(await read('3.1.0', closed('^[\\w-.]+$')), {});
    expect(validate({ 'a-b.c': 'x' })).toEqual([]);
    expect(validate({ 'a-b.c': 1 })).not.toEqual([]);
    expect(validate({ 'a b': 'x' })).not.toEqual([]);
  });

  it('hold both where two that are written in different ways are run as one', async () => {
    const validate = compileValidator(
      await read('3.1.0', {
        type: 'object',
        patternProperties: {
          '^x-': { type: 'integer' },
          '^x\\-': { minimum: 5 },
          '': { maximum: 9 },
          '(?i)x(': {},
        },
        additionalProperties: false,
      }),
      {},
    );
    expect(validate({ 'x-a': 7 })).toEqual([]);
    for (const value of [4, 'a', 10]) expect(validate({ 'x-a': value }), String(value)).not.toEqual([]);
    expect(validate({ y: 10 })).not.toEqual([]);
  });

  it('let every name pass where they are none, and that is told at the name', async () => {
    const file = openapi(`paths: {}\ncomponents: { schemas: { Case: ${JSON.stringify(closed('(?i)x('))} } }`);
    const { value, diagnostics } = await loadContract(
      { name: 'case', document: 'a.yaml' },
      { read: async () => file },
    );
    expect(diagnostics.map(({ code, message }) => `${code} ${message}`)).toEqual([
      expect.stringMatching(
        /^contract-pattern-invalid the pattern "\(\?i\)x\(" is no ECMAScript regular expression/,
      ),
    ]);
    expect(compileValidator(value!.definitions['Case']!, {})({ whatever: 1 })).toEqual([]);
  });

  it('are told where they can take twice as long with each character', async () => {
    const file = openapi(
      `paths: {}\ncomponents: { schemas: { Case: ${JSON.stringify(closed('^(?!x)(a+)+$'))} } }`,
    );
    const { diagnostics } = await loadContract(
      { name: 'case', document: 'a.yaml' },
      { read: async () => file },
    );
    expect(diagnostics.map(({ code }) => code)).toEqual(['contract-pattern-doubles']);
  });
});
