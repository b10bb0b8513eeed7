import { isObject } from '@tenon/model';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { contractOf, openapi } from './load.testing.ts';
import { loadContract, loadContractText } from './load.ts';

const OPENAPI = {
  openapi: '3.0.3',
  info: { title: 'Case', version: '1' },
  servers: [{ url: 'https://{a}.x', variables: { a: { default: 'b' } } }],
  security: [{ key: ['s'] }],
  paths: {
    '/a/{id}': {
      $ref: '#/components/x',
      parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'string' }, style: 'simple' }],
      get: {
        operationId: 'a',
        tags: ['t'],
        requestBody: {
          content: {
            'application/json': { schema: { $ref: '#/components/schemas/A' }, example: {}, encoding: {} },
          },
        },
        responses: {
          200: {
            description: 'd',
            headers: { H: { schema: {} } },
            content: { 'application/json': { examples: { e: { value: 1 } } } },
          },
        },
        callbacks: { done: { '{$url}': { post: { responses: {} } } } },
      },
    },
  },
  components: {
    x: { put: { responses: {} } },
    securitySchemes: { key: { type: 'oauth2', flows: { implicit: { scopes: { s: 'd' } } } } },
    schemas: {
      A: {
        type: 'object',
        nullable: true,
        required: ['b'],
        properties: {
          b: { type: 'integer', minimum: 1, exclusiveMinimum: true, enum: [1], example: 2 },
          c: { $ref: '#/components/schemas/A' },
        },
        additionalProperties: { items: [{ type: 'string', pattern: '^a' }] },
        discriminator: { propertyName: 'b', mapping: { x: 'A' } },
        oneOf: [{ $ref: '#/components/schemas/A' }],
      },
    },
  },
};

const ASYNCAPI = {
  asyncapi: '2.6.0',
  info: { title: 'Case', version: '1' },
  servers: { s: { url: 'x', protocol: 'amqp', security: [{ k: [] }] } },
  channels: {
    'a/{b}': {
      parameters: { b: { schema: { type: 'string' } } },
      publish: {
        operationId: 'p',
        message: { oneOf: [{ $ref: '#/components/messages/M' }], name: 'n' },
        bindings: {},
      },
      subscribe: {
        traits: [{ operationId: 'q' }],
        message: {
          payload: { type: 'object' },
          schemaFormat: 'application/schema+json',
          examples: [{ payload: {} }],
          correlationId: { location: '$message.header#/a' },
        },
      },
    },
  },
  components: {
    messages: { M: { headers: { type: 'object' }, payload: true, traits: [{ contentType: 'a/b' }] } },
  },
};

/** Every way into a value. */
function paths(value: unknown, way: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== 'object' || value === null) return [way];
  return [way, ...Object.entries(value).flatMap(([key, child]) => paths(child, [...way, key]))];
}

/** A copy with another value at the end of a way, or with nothing there. */
function replaced(value: unknown, [key, ...rest]: readonly string[], by: unknown): unknown {
  if (key === undefined) return by;
  if (Array.isArray(value))
    return value.map((item, index) => (String(index) === key ? replaced(item, rest, by) : item));
  if (!isObject(value)) return value;
  return { ...value, [key]: replaced(value[key], rest, by) };
}

const odd = fc.constantFrom<unknown>(
  null,
  undefined,
  true,
  0,
  -1,
  1.5,
  '',
  'x',
  '#/components',
  '#/components/schemas/A',
  'https://x/y',
  '../../x',
  '#',
  [],
  [null],
  ['x'],
  {},
  { $ref: '#/none' },
  { $ref: 5 },
  { $ref: '#/components/schemas/A' },
  { x: null },
  { type: 'object' },
);

describe('loading', () => {
  it.each([
    ['OpenAPI', OPENAPI],
    ['AsyncAPI', ASYNCAPI],
  ])('never throws, whatever stands where in an %s document', async (_, document) => {
    const ways = paths(document);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.constantFrom(...ways), odd), { minLength: 1, maxLength: 3 }),
        async (changes) => {
          const changed = changes.reduce<unknown>((value, [way, by]) => replaced(value, way, by), document);
          const text = JSON.stringify(changed) ?? '';
          // Kept away from `@asyncapi/parser`, at a quarter of a second a document: its answer is taken as "nothing found".
          const { value, diagnostics } = await loadContract(
            { name: 'case', document: 'a.json' },
            { read: async (file) => (file === 'a.json' ? text : undefined) },
            { cache: { get: () => '[]', set: () => {} } },
          );
          expect(value !== undefined || diagnostics.length > 0).toBe(true);
          if (!value) return;
          expect(value.digest).toMatch(/^sha256:/);
          for (const node of [
            ...value.operations.values(),
            ...value.events.values(),
            ...Object.values(value.definitions),
          ])
            if (typeof node === 'object') expect(value.locate(node)?.file).toBe('a.json');
        },
      ),
      { numRuns: 200 },
    );
  });

  it('says that a file is missing, or that it cannot be read', async () => {
    const missing = await loadContract(
      { name: 'case', document: 'none.yaml' },
      { read: async () => undefined },
    );
    expect(missing.diagnostics.map(({ code }) => code)).toEqual(['contract-file-missing']);
    const broken = await loadContractText('case', 'a.yaml', 'a: [');
    expect(broken.diagnostics.map(({ code }) => code)).toEqual(['document-syntax']);
    expect(broken.value).toBeUndefined();
  });

  it('reads a version without quotes, and says so', async () => {
    const { value, diagnostics } = await loadContractText(
      'case',
      'a.yaml',
      'openapi: 3.1.0\ninfo: { title: Case, version: 2.5 }\npaths: {}\n',
    );
    expect(value?.version).toBe('2.5');
    expect(diagnostics).toMatchObject([
      { code: 'contract-member-type', severity: 'warning', fix: 'Put the value in quotes.' },
    ]);
  });

  it.each([
    [
      'in a corner of the document',
      'paths: {}\ncomponents: { schemas: { A: { $ref: "#/definitions/A" } } }\ndefinitions: { A: { $ref: "#/none" } }',
      5,
    ],
    ['under x-webhooks', 'paths: {}\nx-webhooks: { a: { $ref: "#/none" } }', 4],
  ])('finds a reference that names nothing %s', async (_, rest, line) => {
    const { diagnostics } = await loadContractText('case', 'a.yaml', openapi(rest));
    expect(diagnostics.filter(({ severity }) => severity === 'error')).toMatchObject([
      { code: 'contract-ref-unresolved', range: { start: { line } } },
    ]);
  });

  it('knows the types of other languages', async () => {
    const { diagnostics } = await loadContractText(
      'case',
      'a.yaml',
      openapi('paths: {}\ncomponents: { schemas: { A: { type: int } } }'),
    );
    expect(diagnostics[0]?.message).toContain('did you mean "integer"?');
  });

  it('sums up what repeats', async () => {
    const parameters = Array.from({ length: 20 }, (_, index) => `{ name: p${index}, in: query }`).join(', ');
    const text = openapi(
      `paths:\n  /a: { get: { responses: { default: { description: ok } }, parameters: [${parameters}] } }`,
    );
    const { diagnostics } = await loadContractText('case', 'a.yaml', text);
    expect(diagnostics).toHaveLength(6);
    expect(diagnostics.at(-1)?.message).toContain('and 14 more like this');
  });

  it('leaves the overlay and contract.yaml out of the digest', async () => {
    const text = openapi('paths: {}');
    const alone = await contractOf({ 'a.yaml': text });
    const kept = await contractOf(
      { 'a.yaml': text, 'contract.yaml': 'steward: us\n' },
      { policy: 'contract.yaml' },
    );
    expect(kept.digest).toBe(alone.digest);
    expect(kept.files).toEqual(['a.yaml', 'contract.yaml']);
  });
});
