import type { JsonSchema } from '@tenon/schema';
import type { RuleId } from './rules/registry.ts';
import { FACETS, type Facet, type FacetRule, ORDERED_FACETS } from './rules/schemas.ts';
import type { diffOwnRules } from './rules.ts';

/** Two documents of which a rule must speak, and two near by of which it must not. */
export interface ChangeCase {
  readonly fires: DocumentPair;
  readonly silent: DocumentPair;
}

export interface DocumentPair {
  readonly base: unknown;
  readonly revision: unknown;
  /** `contract.yaml` of the revision. */
  readonly policy?: string;
}

/** 2026-06-01: what the dates of the cases are held against. */
export const CASE_NOW = Date.UTC(2026, 5, 1);

type Fields = Readonly<Record<string, unknown>>;

const same = (document: unknown): DocumentPair => ({ base: document, revision: document });

function openapi(operation: Fields, more: Fields = {}): Fields {
  return {
    openapi: '3.1.0',
    info: { title: 'Case', version: '1.0.0' },
    paths: {
      '/things/{id}': {
        post: { operationId: 'post', responses: { 200: { description: 'ok' } }, ...operation },
      },
    },
    ...more,
  };
}

const path = { name: 'id', in: 'path', required: true, schema: { type: 'string' } };

function parameters(...list: readonly Fields[]): Fields {
  return openapi({ parameters: [path, ...list] });
}

const query = (more: Fields = {}): Fields => ({
  name: 'q',
  in: 'query',
  schema: { type: 'string' },
  ...more,
});

function body(schema: unknown, more: Fields = {}): Fields {
  return openapi({
    parameters: [path],
    requestBody: { required: true, content: { 'application/json': { schema } }, ...more },
  });
}

function answer(schema: unknown, more: Fields = {}): Fields {
  return openapi({
    parameters: [path],
    responses: { 200: { description: 'ok', content: { 'application/json': { schema } }, ...more } },
  });
}

function header(more?: Fields): Fields {
  return openapi({
    parameters: [path],
    responses: {
      200: {
        description: 'ok',
        ...(more && { headers: { 'X-Left': { schema: { type: 'integer' }, ...more } } }),
      },
    },
  });
}

function asyncapi(more: Fields = {}, message: Fields = {}, operation: Fields = {}): Fields {
  return {
    asyncapi: '3.0.0',
    info: { title: 'Case', version: '1.0.0' },
    channels: {
      orders: {
        address: 'orders',
        messages: {
          placed: { payload: { type: 'object', properties: { id: { type: 'string' } } }, ...message },
        },
        ...more,
      },
      answers: { address: 'answers', messages: { done: { payload: { type: 'object' } } } },
    },
    operations: {
      // The document describes the other side: what it receives, we send.
      take: { action: 'receive', channel: { $ref: '#/channels/orders' }, ...operation },
    },
  };
}

function sends(more: Fields = {}, message: Fields = {}): Fields {
  const document = asyncapi(more, message);
  return { ...document, operations: { tell: { action: 'send', channel: { $ref: '#/channels/orders' } } } };
}

const reply = { reply: { channel: { $ref: '#/channels/answers' } } };

const policyFile = 'steward: team-a\ncompatibility: backward\ndeprecationWindow: 90d\n';

const text = { type: 'string' };
const object = (properties: Fields, more: Fields = {}): Fields => ({ type: 'object', properties, ...more });

/** For each facet: a schema, one that allows less, and one that allows other values than the second. */
const FACET_SCHEMAS: Readonly<
  Record<Facet, readonly [wide: JsonSchema, narrow: JsonSchema, other: JsonSchema]>
> = {
  type: [{ type: ['string', 'null'] }, { type: 'string' }, { type: 'integer' }],
  minimum: [
    { type: 'number', minimum: 1 },
    { type: 'number', minimum: 5 },
    { type: 'number', minimum: 5 },
  ],
  maximum: [
    { type: 'number', maximum: 5 },
    { type: 'number', maximum: 1 },
    { type: 'number', maximum: 1 },
  ],
  'multiple-of': [
    { type: 'integer', multipleOf: 5 },
    { type: 'integer', multipleOf: 10 },
    { type: 'integer', multipleOf: 15 },
  ],
  'min-length': [{ type: 'string' }, { type: 'string', minLength: 2 }, { type: 'string', minLength: 2 }],
  'max-length': [{ type: 'string' }, { type: 'string', maxLength: 2 }, { type: 'string', maxLength: 2 }],
  pattern: [
    { type: 'string', pattern: '^[a-z]+$' },
    { type: 'string', pattern: '^[a-m]+$' },
    { type: 'string', pattern: '^[l-z]+$' },
  ],
  format: [{ type: 'string' }, { type: 'string', format: 'uuid' }, { type: 'string', format: 'ipv4' }],
  'min-items': [
    { type: 'array', minItems: 1 },
    { type: 'array', minItems: 3 },
    { type: 'array', minItems: 3 },
  ],
  'max-items': [
    { type: 'array', maxItems: 3 },
    { type: 'array', maxItems: 1 },
    { type: 'array', maxItems: 1 },
  ],
  'unique-items': [
    { type: 'array' },
    { type: 'array', uniqueItems: true },
    { type: 'array', uniqueItems: true },
  ],
  items: [
    { type: 'array' },
    { type: 'array', prefixItems: [{ type: 'string' }] },
    { type: 'array', prefixItems: [{ type: 'integer' }, { type: 'string' }] },
  ],
  contains: [
    { type: 'array' },
    { type: 'array', contains: { type: 'string' } },
    { type: 'array', contains: { type: 'integer' } },
  ],
  'min-properties': [
    { type: 'object' },
    { type: 'object', minProperties: 2 },
    { type: 'object', minProperties: 2 },
  ],
  'max-properties': [
    { type: 'object', maxProperties: 3 },
    { type: 'object', maxProperties: 1 },
    { type: 'object', maxProperties: 1 },
  ],
  'property-names': [
    { type: 'object' },
    { type: 'object', propertyNames: { pattern: '^[a-m]' } },
    { type: 'object', propertyNames: { pattern: '^[l-z]' } },
  ],
  'pattern-properties': [
    { type: 'object' },
    { type: 'object', patternProperties: { '^x-': { type: 'string' } } },
    { type: 'object', patternProperties: { '^y-': { type: 'string' } } },
  ],
  'additional-properties': [
    { type: 'object' },
    { type: 'object', patternProperties: { '^x-': true }, additionalProperties: false },
    { type: 'object', patternProperties: { '^y-': true }, additionalProperties: false },
  ],
  unevaluated: [
    { type: 'object', allOf: [{ properties: { a: true } }] },
    { type: 'object', allOf: [{ properties: { a: true } }], unevaluatedProperties: { type: 'string' } },
    { type: 'object', allOf: [{ properties: { a: true } }], unevaluatedProperties: { type: 'integer' } },
  ],
  dependencies: [
    { type: 'object' },
    { type: 'object', dependentRequired: { a: ['b'] } },
    { type: 'object', dependentRequired: { c: ['d'] } },
  ],
  // biome-ignore-start lint/suspicious/noThenProperty: `then` is a keyword of JSON Schema, and data here.
  condition: [
    { type: 'integer' },
    { type: 'integer', if: { minimum: 10 }, then: { multipleOf: 10 } },
    { type: 'integer', if: { maximum: 0 }, then: { multipleOf: 10 } },
  ],
  // biome-ignore-end lint/suspicious/noThenProperty: see above.
  exclusion: [
    { type: 'string' },
    { type: 'string', not: { const: 'a' } },
    { type: 'string', not: { const: 'b' } },
  ],
  'all-of': [
    { type: 'object', allOf: [{ additionalProperties: true, minProperties: 1 }] },
    {
      type: 'object',
      allOf: [{ additionalProperties: true, minProperties: 1 }, { additionalProperties: { type: 'string' } }],
    },
    { type: 'object', allOf: [{ additionalProperties: { type: 'integer' }, minProperties: 1 }] },
  ],
  union: [
    { type: ['string', 'integer'] },
    { anyOf: [{ type: 'string', minLength: 1 }, { type: 'integer' }] },
    { type: ['boolean', 'null'] },
  ],
  schema: [true, { type: 'string' }, { type: 'integer' }],
};

function facetCases(): Record<FacetRule, ChangeCase> {
  const cases: Record<string, ChangeCase> = {};
  for (const facet of Object.keys(FACETS) as Facet[]) {
    const [wide, narrow, other] = FACET_SCHEMAS[facet];
    // The same value set in another spelling.
    const silent = { base: body(narrow), revision: body({ allOf: [narrow, true] }) };
    cases[`${facet}-narrowed`] = { fires: { base: body(wide), revision: body(narrow) }, silent };
    cases[`${facet}-widened`] = { fires: { base: answer(narrow), revision: answer(wide) }, silent };
    if (!ORDERED_FACETS.has(facet))
      cases[`${facet}-changed`] = { fires: { base: body(narrow), revision: body(other) }, silent };
  }
  return cases as Record<FacetRule, ChangeCase>;
}

export const diffCases = {
  ...facetCases(),
  'operation-removed': {
    fires: {
      base: openapi({}, { paths: { '/a': { get: { responses: {} } }, '/b': { get: { responses: {} } } } }),
      revision: openapi({}, { paths: { '/a': { get: { responses: {} } } } }),
    },
    silent: {
      base: parameters(),
      revision: openapi(
        {},
        {
          paths: {
            '/things/{key}': {
              post: {
                operationId: 'post',
                parameters: [{ ...path, name: 'key' }],
                responses: { 200: { description: 'ok' } },
              },
            },
          },
        },
      ),
    },
  },
  'operation-added': {
    fires: { base: openapi({}, { paths: {} }), revision: openapi({ parameters: [path] }) },
    silent: same(openapi({ parameters: [path] })),
  },
  'operation-moved': {
    fires: {
      base: parameters(),
      revision: openapi(
        {},
        {
          paths: {
            '/others/{id}': {
              post: { operationId: 'post', parameters: [path], responses: { 200: { description: 'ok' } } },
            },
          },
        },
      ),
    },
    silent: same(parameters()),
  },
  'operation-id-changed': {
    fires: {
      base: openapi({ parameters: [path] }),
      revision: openapi({ parameters: [path], operationId: 'send' }),
    },
    silent: same(openapi({ parameters: [path] })),
  },
  'parameter-removed': {
    fires: { base: parameters(query()), revision: parameters() },
    silent: same(parameters(query())),
  },
  'parameter-added': {
    fires: { base: parameters(), revision: parameters(query()) },
    silent: same(parameters(query())),
  },
  'required-parameter-added': {
    fires: { base: parameters(), revision: parameters(query({ required: true })) },
    silent: { base: parameters(), revision: parameters(query()) },
  },
  'parameter-became-required': {
    fires: { base: parameters(query()), revision: parameters(query({ required: true })) },
    silent: { base: parameters(query({ required: true })), revision: parameters(query()) },
  },
  'parameter-became-optional': {
    fires: { base: parameters(query({ required: true })), revision: parameters(query()) },
    silent: same(parameters(query())),
  },
  'parameter-renamed': {
    fires: {
      base: parameters(),
      revision: openapi(
        {},
        {
          paths: {
            '/things/{key}': {
              post: {
                operationId: 'post',
                parameters: [{ ...path, name: 'key' }],
                responses: { 200: { description: 'ok' } },
              },
            },
          },
        },
      ),
    },
    silent: same(parameters()),
  },
  'parameter-moved': {
    fires: { base: parameters(query()), revision: parameters(query({ in: 'header' })) },
    silent: same(parameters(query())),
  },
  'parameter-serialization-changed': {
    fires: {
      base: parameters(query({ schema: { type: 'array', items: text } })),
      revision: parameters(query({ schema: { type: 'array', items: text }, explode: false })),
    },
    silent: { base: parameters(query()), revision: parameters(query({ explode: false })) },
  },
  'parameter-media-type-changed': {
    fires: {
      base: parameters({ name: 'q', in: 'query', content: { 'application/json': { schema: text } } }),
      revision: parameters(query()),
    },
    silent: same(parameters({ name: 'q', in: 'query', content: { 'application/json': { schema: text } } })),
  },
  'request-body-removed': { fires: { base: body(text), revision: parameters() }, silent: same(body(text)) },
  'request-body-added': {
    fires: { base: parameters(), revision: body(text, { required: false }) },
    silent: same(body(text)),
  },
  'required-request-body-added': {
    fires: { base: parameters(), revision: body(text) },
    silent: { base: parameters(), revision: body(text, { required: false }) },
  },
  'request-body-became-required': {
    fires: { base: body(text, { required: false }), revision: body(text) },
    silent: { base: body(text), revision: body(text, { required: false }) },
  },
  'request-body-became-optional': {
    fires: { base: body(text), revision: body(text, { required: false }) },
    silent: same(body(text)),
  },
  'success-response-removed': {
    fires: {
      base: openapi({
        parameters: [path],
        responses: { 200: { description: 'ok' }, 201: { description: 'made' } },
      }),
      revision: parameters(),
    },
    silent: {
      base: openapi({
        parameters: [path],
        responses: { 200: { description: 'ok' }, 404: { description: 'no' } },
      }),
      revision: parameters(),
    },
  },
  'error-response-removed': {
    fires: {
      base: openapi({
        parameters: [path],
        responses: { 200: { description: 'ok' }, 404: { description: 'no' } },
      }),
      revision: parameters(),
    },
    silent: same(parameters()),
  },
  'response-added': {
    fires: {
      base: parameters(),
      revision: openapi({
        parameters: [path],
        responses: { 200: { description: 'ok' }, 404: { description: 'no' } },
      }),
    },
    silent: same(parameters()),
  },
  'response-header-removed': {
    fires: { base: header({}), revision: header() },
    silent: { base: header({ required: true }), revision: header() },
  },
  'required-response-header-removed': {
    fires: { base: header({ required: true }), revision: header() },
    silent: { base: header({}), revision: header() },
  },
  'response-header-added': { fires: { base: header(), revision: header({}) }, silent: same(header({})) },
  'response-header-became-optional': {
    fires: { base: header({ required: true }), revision: header({}) },
    silent: same(header({})),
  },
  'response-header-became-required': {
    fires: { base: header({}), revision: header({ required: true }) },
    silent: same(header({})),
  },
  'request-media-type-removed': {
    fires: {
      base: body(text, { content: { 'application/json': {}, 'text/plain': {} } }),
      revision: body(text, { content: { 'application/json': {} } }),
    },
    silent: {
      base: body(text, { content: { 'application/json': {} } }),
      revision: body(text, { content: { 'application/*': {} } }),
    },
  },
  'request-media-type-added': {
    fires: {
      base: body(text, { content: { 'application/json': {} } }),
      revision: body(text, { content: { 'application/json': {}, 'text/plain': {} } }),
    },
    silent: same(body(text)),
  },
  'response-media-type-removed': {
    fires: {
      base: answer(text, { content: { 'application/json': {}, 'text/plain': {} } }),
      revision: answer(text, { content: { 'application/json': {} } }),
    },
    silent: same(answer(text)),
  },
  'response-media-type-added': {
    fires: {
      base: answer(text, { content: { 'application/json': {} } }),
      revision: answer(text, { content: { 'application/json': {}, 'text/plain': {} } }),
    },
    silent: same(answer(text)),
  },
  'string-content-changed': {
    fires: {
      base: body({ type: 'string', contentEncoding: 'base64' }),
      revision: body({ type: 'string', contentEncoding: 'base32' }),
    },
    silent: same(body({ type: 'string', contentEncoding: 'base64' })),
  },
  'property-removed': {
    fires: { base: answer(object({ a: text, b: text })), revision: answer(object({ a: text })) },
    silent: {
      base: answer(object({ a: text, b: text })),
      revision: answer({ allOf: [object({ a: text }), object({ b: text })] }),
    },
  },
  'property-added': {
    fires: { base: answer(object({ a: text })), revision: answer(object({ a: text, b: text })) },
    silent: same(answer(object({ a: text }))),
  },
  'required-property-added': {
    fires: {
      base: body(object({ a: text })),
      revision: body(object({ a: text, b: text }, { required: ['b'] })),
    },
    silent: { base: body(object({ a: text })), revision: body(object({ a: text, b: text })) },
  },
  'required-property-removed': {
    fires: {
      base: answer(object({ a: text, b: text }, { required: ['b'] })),
      revision: answer(object({ a: text })),
    },
    silent: { base: answer(object({ a: text, b: text })), revision: answer(object({ a: text })) },
  },
  'property-became-required': {
    fires: { base: body(object({ a: text })), revision: body(object({ a: text }, { required: ['a'] })) },
    silent: {
      base: body(object({ a: { ...text, readOnly: true } })),
      revision: body(object({ a: { ...text, readOnly: true } }, { required: ['a'] })),
    },
  },
  'property-became-optional': {
    fires: { base: answer(object({ a: text }, { required: ['a'] })), revision: answer(object({ a: text })) },
    silent: {
      base: answer(object({ a: text }, { required: ['a'] })),
      revision: answer(object({ a: text }, { minProperties: 1, required: ['a'] })),
    },
  },
  'access-changed': {
    fires: { base: body(object({ a: text })), revision: body(object({ a: { ...text, readOnly: true } })) },
    silent: same(body(object({ a: { ...text, readOnly: true } }))),
  },
  'enum-value-removed': {
    fires: { base: body({ enum: ['a', 'b'] }), revision: body({ enum: ['a'] }) },
    silent: { base: body({ enum: ['a'] }), revision: body({ const: 'a' }) },
  },
  'enum-value-added': {
    fires: { base: answer({ enum: ['a'] }), revision: answer({ enum: ['a', 'b'] }) },
    silent: { base: answer({ enum: ['a', 'b'] }), revision: answer({ enum: ['b', 'a'] }) },
  },
  'enum-values-replaced': {
    fires: { base: body({ enum: ['a', 'b'] }), revision: body({ enum: ['a', 'c'] }) },
    silent: { base: body({ enum: ['a', 'b'] }), revision: body({ enum: ['a'] }) },
  },
  'enum-introduced': {
    fires: { base: body(text), revision: body({ ...text, enum: ['a'] }) },
    silent: { base: body({ type: 'boolean' }), revision: body({ type: 'boolean', enum: [true, false] }) },
  },
  'enum-dropped': {
    fires: { base: answer({ ...text, enum: ['a'] }), revision: answer(text) },
    silent: { base: answer({ type: 'boolean', enum: [true, false] }), revision: answer({ type: 'boolean' }) },
  },
  'parameter-default-changed': {
    fires: {
      base: parameters(query({ schema: { type: 'integer', default: 10 } })),
      revision: parameters(query({ schema: { type: 'integer', default: 20 } })),
    },
    silent: {
      base: body({ type: 'integer', default: 10 }),
      revision: body({ type: 'integer', default: 20 }),
    },
  },
  'parameter-default-added': {
    fires: {
      base: parameters(query()),
      revision: parameters(query({ schema: { type: 'string', default: 'a' } })),
    },
    silent: {
      base: openapi({ parameters: [path] }),
      revision: parameters(query({ schema: { type: 'string', default: 'a' } })),
    },
  },
  'parameter-default-removed': {
    fires: {
      base: parameters(query({ schema: { type: 'string', default: 'a' } })),
      revision: parameters(query()),
    },
    silent: {
      base: parameters(query({ schema: { type: 'string', default: 'a' } })),
      revision: openapi({ parameters: [path] }),
    },
  },
  'known-value-removed': {
    fires: {
      base: body({ ...text, 'x-extensible-enum': ['a', 'b'] }),
      revision: body({ ...text, 'x-extensible-enum': ['a'] }),
    },
    silent: {
      base: body({ ...text, 'x-extensible-enum': ['a', 'b'] }),
      revision: body({ ...text, 'x-extensible-enum': ['b', 'a', 'c'] }),
    },
  },
  'known-value-added': {
    fires: {
      base: body({ ...text, 'x-extensible-enum': ['a'] }),
      revision: body({ ...text, 'x-extensible-enum': ['a', 'b'] }),
    },
    silent: {
      base: body({ ...text, 'x-extensible-enum': ['a', 'b'] }),
      revision: body({ ...text, 'x-extensible-enum': ['a'] }),
    },
  },
  'default-changed': {
    fires: { base: body({ ...text, default: 'a' }), revision: body({ ...text, default: 'b' }) },
    silent: same(body({ ...text, default: 'a' })),
  },
  'default-added': {
    fires: { base: body(text), revision: body({ ...text, default: 'b' }) },
    silent: same(body(text)),
  },
  'default-removed': {
    fires: { base: body({ ...text, default: 'a' }), revision: body(text) },
    silent: same(body(text)),
  },
  'union-member-added': {
    fires: {
      base: answer({ oneOf: [text, { type: 'null' }] }),
      revision: answer({ oneOf: [text, { type: 'null' }, { type: 'integer' }] }),
    },
    silent: {
      base: answer({ oneOf: [text, { type: 'null' }] }),
      revision: answer({ anyOf: [{ type: 'null' }, text] }),
    },
  },
  'union-member-removed': {
    fires: {
      base: body({ oneOf: [text, { type: 'null' }, { type: 'integer' }] }),
      revision: body({ oneOf: [text, { type: 'null' }] }),
    },
    silent: {
      base: body({ oneOf: [text, { type: 'null' }] }),
      revision: body({ anyOf: [{ type: 'null' }, text] }),
    },
  },
  'discriminator-changed': {
    fires: {
      base: body({
        oneOf: [object({ k: { const: 'a' } }, { required: ['k'] })],
        discriminator: { propertyName: 'k' },
      }),
      revision: body({ oneOf: [object({ k: { const: 'a' } }, { required: ['k'] })] }),
    },
    silent: same(body({ oneOf: [object({ k: { const: 'a' } })], discriminator: { propertyName: 'k' } })),
  },
  'component-renamed': {
    fires: {
      base: openapi(
        {
          parameters: [path],
          requestBody: { content: { 'application/json': { schema: { $ref: '#/components/schemas/A' } } } },
        },
        { components: { schemas: { A: object({ a: text }) } } },
      ),
      revision: openapi(
        {
          parameters: [path],
          requestBody: { content: { 'application/json': { schema: { $ref: '#/components/schemas/B' } } } },
        },
        { components: { schemas: { B: object({ a: text }) } } },
      ),
    },
    silent: same(openapi({ parameters: [path] }, { components: { schemas: { A: object({ a: text }) } } })),
  },
  'security-tightened': {
    fires: {
      base: openapi({ parameters: [path] }),
      revision: openapi({ parameters: [path], security: [{ key: [] }] }, schemes()),
    },
    silent: {
      base: openapi({ parameters: [path], security: [{ key: [] }] }, schemes()),
      revision: openapi({ parameters: [path], security: [{ key: [] }, {}] }, schemes()),
    },
  },
  'security-loosened': {
    fires: {
      base: openapi({ parameters: [path], security: [{ key: [] }] }, schemes()),
      revision: openapi({ parameters: [path], security: [{ key: [] }, {}] }, schemes()),
    },
    silent: same(openapi({ parameters: [path], security: [{ key: [] }] }, schemes())),
  },
  'security-scheme-changed': {
    fires: {
      base: openapi({ parameters: [path] }, schemes()),
      revision: openapi({ parameters: [path] }, schemes({ in: 'query' })),
    },
    silent: same(openapi({ parameters: [path] }, schemes())),
  },
  'security-scheme-removed': {
    fires: { base: openapi({ parameters: [path] }, schemes()), revision: openapi({ parameters: [path] }) },
    silent: same(openapi({ parameters: [path] }, schemes())),
  },
  'security-scheme-added': {
    fires: { base: openapi({ parameters: [path] }), revision: openapi({ parameters: [path] }, schemes()) },
    silent: same(openapi({ parameters: [path] }, schemes())),
  },
  'server-removed': {
    fires: {
      base: openapi(
        { parameters: [path] },
        { servers: [{ url: 'https://a.example' }, { url: 'https://b.example' }] },
      ),
      revision: openapi({ parameters: [path] }, { servers: [{ url: 'https://a.example' }] }),
    },
    silent: {
      base: openapi({ parameters: [path] }, { servers: [{ url: 'https://a.example' }] }),
      revision: openapi({ parameters: [path] }, { servers: [{ url: 'https://a.example/' }] }),
    },
  },
  'server-added': {
    fires: {
      base: openapi({ parameters: [path] }, { servers: [{ url: 'https://a.example' }] }),
      revision: openapi(
        { parameters: [path] },
        { servers: [{ url: 'https://a.example' }, { url: 'https://b.example' }] },
      ),
    },
    silent: same(openapi({ parameters: [path] }, { servers: [{ url: 'https://a.example' }] })),
  },
  'became-deprecated': {
    fires: {
      base: openapi({ parameters: [path] }),
      revision: openapi({ parameters: [path], deprecated: true }),
    },
    silent: same(openapi({ parameters: [path], deprecated: true })),
  },
  'no-longer-deprecated': {
    fires: {
      base: openapi({ parameters: [path], deprecated: true }),
      revision: openapi({ parameters: [path] }),
    },
    silent: same(openapi({ parameters: [path] })),
  },
  'deprecation-without-sunset': {
    fires: {
      base: openapi({ parameters: [path] }),
      revision: openapi({ parameters: [path], deprecated: true }),
      policy: policyFile,
    },
    silent: {
      base: openapi({ parameters: [path] }),
      revision: openapi({
        parameters: [path],
        deprecated: true,
        'x-sunset': '2027-01-01',
        'x-replacement': 'other',
      }),
      policy: policyFile,
    },
  },
  'deprecation-without-replacement': {
    fires: {
      base: openapi({ parameters: [path] }),
      revision: openapi({ parameters: [path], deprecated: true, 'x-sunset': '2027-01-01' }),
      policy: policyFile,
    },
    silent: {
      base: openapi({ parameters: [path] }),
      revision: openapi({
        parameters: [path],
        deprecated: true,
        'x-sunset': '2027-01-01',
        'x-replacement': 'other',
      }),
      policy: policyFile,
    },
  },
  'deprecation-window-too-short': {
    fires: {
      base: openapi({ parameters: [path] }),
      revision: openapi({ parameters: [path], deprecated: true, 'x-sunset': '2026-06-10' }),
      policy: policyFile,
    },
    silent: {
      base: openapi({ parameters: [path] }),
      revision: openapi({ parameters: [path], deprecated: true, 'x-sunset': '2027-01-01' }),
      policy: policyFile,
    },
  },
  'sunset-passed': {
    fires: same(openapi({ parameters: [path], deprecated: true, 'x-sunset': '2026-01-01' })),
    silent: same(openapi({ parameters: [path], deprecated: true, 'x-sunset': '2027-01-01' })),
  },
  'sunset-unreadable': {
    fires: {
      base: openapi({ parameters: [path] }),
      revision: openapi({ parameters: [path], deprecated: true, 'x-sunset': 'some day' }),
    },
    silent: {
      base: openapi({ parameters: [path] }),
      revision: openapi({ parameters: [path], deprecated: true, 'x-sunset': '2027-01-01' }),
    },
  },
  'sunset-moved-earlier': {
    fires: {
      base: openapi({ parameters: [path], deprecated: true, 'x-sunset': '2027-06-01' }),
      revision: openapi({ parameters: [path], deprecated: true, 'x-sunset': '2027-01-01' }),
    },
    silent: same(openapi({ parameters: [path], deprecated: true, 'x-sunset': '2027-01-01' })),
  },
  'sunset-moved-later': {
    fires: {
      base: openapi({ parameters: [path], deprecated: true, 'x-sunset': '2027-01-01' }),
      revision: openapi({ parameters: [path], deprecated: true, 'x-sunset': '2027-06-01' }),
    },
    silent: same(openapi({ parameters: [path], deprecated: true, 'x-sunset': '2027-01-01' })),
  },
  'sunset-removed': {
    fires: {
      base: parameters(query({ deprecated: true, 'x-sunset': '2027-06-01' })),
      revision: parameters(query({ deprecated: true })),
    },
    silent: {
      base: parameters(query({ deprecated: true, 'x-sunset': '2027-06-01' })),
      revision: parameters(query()),
    },
  },
  'removed-before-sunset': {
    fires: {
      base: openapi({ parameters: [path], deprecated: true, 'x-sunset': '2027-01-01' }),
      revision: openapi({}, { paths: {} }),
    },
    silent: {
      base: openapi({ parameters: [path], deprecated: true, 'x-sunset': '2026-01-01' }),
      revision: openapi({}, { paths: {} }),
    },
  },
  'stability-decreased': {
    fires: {
      base: openapi({ parameters: [path] }),
      revision: openapi({ parameters: [path], 'x-stability-level': 'beta' }),
    },
    silent: same(openapi({ parameters: [path], 'x-stability-level': 'beta' })),
  },
  'stability-increased': {
    fires: {
      base: openapi({ parameters: [path], 'x-stability-level': 'beta' }),
      revision: openapi({ parameters: [path] }),
    },
    silent: same(openapi({ parameters: [path], 'x-stability-level': 'beta' })),
  },
  'stability-unknown': {
    fires: {
      base: openapi({ parameters: [path] }),
      revision: openapi({ parameters: [path], 'x-stability-level': 'firm' }),
    },
    silent: {
      base: openapi({ parameters: [path] }),
      revision: openapi({ parameters: [path], 'x-stability-level': 'stable' }),
    },
  },
  'version-not-raised': {
    fires: { base: body({ type: 'string' }), revision: body({ type: 'integer' }), policy: policyFile },
    silent: {
      base: body({ type: 'string' }),
      revision: { ...body({ type: 'integer' }), info: { title: 'Case', version: '2.0.0' } },
      policy: policyFile,
    },
  },
  'event-removed': { fires: { base: sends(), revision: asyncapi() }, silent: same(sends()) },
  'event-added': { fires: { base: asyncapi(), revision: sends() }, silent: same(sends()) },
  'channel-address-changed': {
    fires: { base: sends(), revision: sends({ address: 'orders.v2' }) },
    silent: same(sends()),
  },
  'message-removed': {
    fires: {
      base: asyncapi({ messages: { placed: { payload: text }, moved: { payload: text } } }),
      revision: asyncapi({ messages: { placed: { payload: text } } }),
    },
    silent: same(asyncapi()),
  },
  'message-added': {
    fires: {
      base: asyncapi({ messages: { placed: { payload: text } } }),
      revision: asyncapi({ messages: { placed: { payload: text }, moved: { payload: text } } }),
    },
    silent: same(asyncapi()),
  },
  'message-content-type-changed': {
    fires: {
      base: sends({}, { contentType: 'application/json' }),
      revision: sends({}, { contentType: 'application/cbor' }),
    },
    silent: same(sends({}, { contentType: 'application/json' })),
  },
  'correlation-id-changed': {
    fires: {
      base: sends({}, { correlationId: { location: '$message.header#/a' } }),
      revision: sends({}, { correlationId: { location: '$message.header#/b' } }),
    },
    silent: same(sends({}, { correlationId: { location: '$message.header#/a' } })),
  },
  'bindings-changed': {
    fires: { base: asyncapi(), revision: asyncapi({}, {}, { bindings: { mqtt: { qos: 2 } } }) },
    silent: same(asyncapi({}, {}, { bindings: { mqtt: { qos: 2 } } })),
  },
  'reply-removed': {
    fires: { base: asyncapi({}, {}, reply), revision: asyncapi() },
    silent: same(asyncapi({}, {}, reply)),
  },
  'reply-added': {
    fires: { base: asyncapi(), revision: asyncapi({}, {}, reply) },
    silent: same(asyncapi({}, {}, reply)),
  },
  'reply-address-changed': {
    fires: {
      base: asyncapi({}, {}, { reply: { ...reply.reply, address: { location: '$message.header#/a' } } }),
      revision: asyncapi({}, {}, { reply: { ...reply.reply, address: { location: '$message.header#/b' } } }),
    },
    silent: same(asyncapi({}, {}, reply)),
  },
} as const satisfies Readonly<Record<RuleId, ChangeCase>>;

function schemes(more: Fields = {}): Fields {
  return {
    components: { securitySchemes: { key: { type: 'apiKey', in: 'header', name: 'X-Key', ...more } } },
  };
}

/** A report to hold `waivers.yaml` against has the fingerprint `PRESENT`; the text fires, or stays silent. */
export const PRESENT = '0123456789abcdef';

const waiver = (more: Fields = {}): string => {
  const entry = { fingerprint: PRESENT, reason: 'agreed', owner: 'team-a', expires: '2027-01-01', ...more };
  const lines = Object.entries(entry).map(([key, value]) => `${key}: ${JSON.stringify(value)}`);
  return `  - ${lines.join('\n    ')}\n`;
};

export const waiverCases = {
  'waiver-invalid': { fires: `waivers:\n${waiver({ reason: '' })}`, silent: `waivers:\n${waiver()}` },
  'waiver-duplicate': { fires: `waivers:\n${waiver()}${waiver()}`, silent: `waivers:\n${waiver()}` },
  'waiver-expired': {
    fires: `waivers:\n${waiver({ expires: '2026-01-01' })}`,
    silent: `waivers:\n${waiver()}`,
  },
  'waiver-stale': {
    fires: `waivers:\n${waiver({ fingerprint: 'ffffffffffffffff' })}`,
    silent: `waivers:\n${waiver()}`,
  },
} as const satisfies Readonly<
  Record<Exclude<keyof typeof diffOwnRules, 'schema-undecided'>, { fires: string; silent: string }>
>;

/** A lookbehind over several characters: whether all texts of the old pattern pass it cannot be told. */
export const undecidedCase: ChangeCase = {
  fires: {
    base: body({ type: 'string', pattern: '^(ab|cd)+$' }),
    revision: body({ type: 'string', pattern: '(?<=ab|cd)$' }),
  },
  silent: {
    base: body({ type: 'string', pattern: '(?<=ab|cd)$' }),
    revision: body({ type: 'string', pattern: '(?<=ab|cd)$', minLength: 0 }),
  },
};
