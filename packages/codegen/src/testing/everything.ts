import type { Contract, ContractUsage, EventDefinition, HttpOperation, Parameter } from '@tenon/contract';
import { answers, contractOf } from './contract-of.ts';

const parameter = (name: string, place: Parameter['in'], required: boolean): Parameter => ({
  name,
  in: place,
  required,
  deprecated: false,
  description: `The ${name}. */ export const injected = 1; /*`,
  style: place === 'query' ? 'form' : 'simple',
  explode: place === 'query',
  allowReserved: false,
  schema: { type: 'string', minLength: 1 },
});

const body = (name: string): NonNullable<HttpOperation['body']> => ({
  required: true,
  content: [{ type: 'application/json', schema: { $ref: `#/$defs/${name}` }, examples: {} }],
});

const event: EventDefinition = {
  id: 'order.paid',
  source: 'webhook',
  deprecated: false,
  message: {
    name: 'order.paid',
    contentType: 'application/json',
    payload: { $ref: '#/$defs/Order' },
    examples: [
      { payload: { id: 'o1', kind: 'gift', secret: 'x', state: 'paid', at: '2026-11-21T00:00:00Z' } },
    ],
    bindings: {},
  },
  extensions: {},
};

/** A contract with something of everything that generation treats in a way of its own. */
export function everything(): Contract {
  const contract = contractOf({
    name: 'everything',
    definitions: {
      Order: {
        type: 'object',
        description: 'An order. */ declare const injected: 1; /*',
        required: ['id', 'kind', 'secret', 'state', 'at'],
        properties: {
          id: { type: 'string', readOnly: true, minLength: 1 },
          kind: { type: 'string', pattern: '^[a-z]+$' },
          secret: { type: 'string', writeOnly: true },
          state: { enum: ['open', 'paid', null] },
          at: { type: 'string', format: 'date-time' },
          parent: { $ref: '#/$defs/Order' },
          lines: { type: 'array', uniqueItems: true, items: { $ref: '#/$defs/any json' } },
        },
      },
      'any json': {
        anyOf: [
          { type: ['string', 'number', 'boolean', 'null'] },
          { type: 'array', items: { $ref: '#/$defs/any%20json' } },
          { type: 'object', additionalProperties: { $ref: '#/$defs/any%20json' } },
        ],
      },
    },
    operations: [
      {
        id: 'orders/get',
        path: '/orders/{id}',
        summary: 'One order. */ } injected(); /*',
        parameters: [parameter('id', 'path', true), parameter('body', 'query', false)],
        ...answers({ $ref: '#/$defs/Order' }),
      },
      {
        id: 'orders-get',
        method: 'post',
        body: body('Order'),
        deprecated: true,
        sunset: '2027-01-01',
        responses: [
          ...answers({ $ref: '#/$defs/Order' }).responses,
          { status: '202', headers: [], content: [] },
          { status: '4XX', headers: [], content: [] },
        ],
      },
      { id: 'delete', method: 'delete' },
      { id: '1st', responses: [] },
      { id: 'then', responses: [{ status: 'default', headers: [], content: [] }] },
      {
        id: 'export/csv',
        responses: [{ status: '2XX', headers: [], content: [{ type: 'text/csv', examples: {} }] }],
      },
      {
        id: 'export/pdf',
        responses: [
          { status: '200', headers: [], content: [{ type: 'application/pdf', examples: {} }] },
          {
            status: '202',
            headers: [],
            content: [{ type: 'application/json', schema: { $ref: '#/$defs/Order' }, examples: {} }],
          },
        ],
      },
      {
        id: 'files/put',
        method: 'put',
        path: '/files/{id}',
        parameters: [parameter('id', 'path', true)],
        body: {
          required: true,
          content: [{ type: 'application/octet-stream', schema: { type: 'string' }, examples: {} }],
        },
        ...answers({ $ref: '#/$defs/Order' }),
      },
      {
        id: 'files/scan',
        method: 'post',
        path: '/scans',
        body: {
          required: true,
          content: [
            {
              type: 'multipart/form-data',
              schema: {
                type: 'object',
                required: ['file'],
                properties: {
                  file: { type: 'string', format: 'binary', description: 'The scan. */ injected(); /*' },
                  pages: { type: 'array', items: { type: 'string', format: 'binary' } },
                  order: { $ref: '#/$defs/Order' },
                },
              },
              encoding: { file: { contentType: 'image/*', headers: [] } },
              examples: {},
            },
          ],
        },
      },
      // A name that one of the above would like to have.
      { id: 'files/put-stream', method: 'post' },
    ],
  });
  return { ...contract, events: new Map([[event.id, event]]) };
}

const start = { line: 1, column: 1, offset: 0 };
const entry = (
  target: ContractUsage['target'],
  access: ContractUsage['access'],
  path: string,
): ContractUsage => ({
  pipeline: 'ship',
  step: 'order',
  contract: 'everything',
  target,
  access,
  path,
  expression: '…',
  at: { file: 'pipelines/ship.pipeline.yaml', range: { start, end: start } },
  owner: 'team',
});

/** What a pipeline might use of it. */
export const everythingUsed: readonly ContractUsage[] = [
  entry({ kind: 'event', event: 'order.paid' }, 'read', '/id'),
  entry({ kind: 'request', operation: 'orders/get' }, 'write', '/id'),
  entry({ kind: 'response', operation: 'orders/get' }, 'read', '/kind'),
  { ...entry({ kind: 'request', operation: 'orders-get' }, 'write', '/body/kind'), values: ['gift'] },
];
