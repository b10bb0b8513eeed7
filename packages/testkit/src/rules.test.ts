import { loadManifest } from '@tenon/connector';
import { loadContractText } from '@tenon/contract';
import { expect, it } from 'vitest';
import { readFixtures } from './conformance/read-fixtures.ts';
import { unfitValues } from './conformance/unfit-values.ts';
import { testkitCases } from './rules.cases.ts';
import { untakenOf } from './sandbox/engine.ts';

const names = {
  inputs: ['createOrder'],
  data: ['orders'],
  failures: ['defaults', 'createOrder'],
  events: ['orderPaid'],
  compensations: ['createOrder'],
};
const MANIFEST = `apiVersion: tenon/v1
kind: Connector
metadata: { name: shop, version: 1.0.0, owner: fulfilment }
contract: shop
auth: []
operations: { createOrder: { effect: create, idempotency: { mode: none } } }
`;
const ORDER =
  '{ type: object, required: [id], properties: { id: { type: string }, total: { type: integer } } }';
const ANSWER = `responses: { '200': { description: It., content: { application/json: { schema: ${ORDER} } } } }`;
const { value: contract } = await loadContractText(
  'shop',
  'shop.yaml',
  `openapi: 3.1.0
info: { title: Shop, version: 1.0.0 }
paths:
  /orders: { post: { operationId: createOrder, requestBody: { content: { application/json: { schema: { type: object, properties: { total: { type: integer } } } } } }, ${ANSWER} } }
  /orders/{id}: { get: { operationId: getOrder, parameters: [{ name: id, in: path, required: true, schema: { type: string } }], ${ANSWER} } }
webhooks:
  orderPaid: { post: { operationId: orderPaid, requestBody: { content: { application/json: { schema: { type: object, required: [id] } } } }, responses: { '202': { description: Taken. } } } }
`,
);
const { manifest } = loadManifest('connector.yaml', MANIFEST).value!;
const found = (text: string) =>
  readFixtures('conformance.yaml', text, {
    names,
    untaken: (data) => untakenOf({ contract: contract! }, data),
    unfit: (fixtures) => unfitValues(fixtures, contract!, manifest),
  }).diagnostics;

it.each(Object.entries(testkitCases))(
  '%s fires where it should, and is silent where it should be',
  (code, { fires, silent }) => {
    expect(found(fires)).toMatchObject([{ code, file: 'conformance.yaml', range: { start: { line: 1 } } }]);
    expect(found(silent)).toEqual([]);
  },
);

it.each([
  ['data: { orders: { id: a } }', '1:17 `data.orders`: expected a list, found an object'],
  ['data:\n  orders:\n    - id: a\n    - b', '4:7 `data.orders.1`: expected an object, found `b`'],
  ['failures: { createOrder: { code: x } }', '1:26 `failures.createOrder`: expected a list, found an object'],
  [
    'compensations: { createOrder: { id: 7 } }',
    '1:37 `compensations.createOrder.id`: expected a text, found the number 7',
  ],
  ['inputs: []', '1:9 `inputs`: expected an object, found a list'],
  ['rows: {}', '1:1 there is no `rows` here'],
  ['- a', '1:1 expected an object, found a list'],
  ['data: { order: [] }', '1:9 `data`: there is no resource `order`'],
  ['events: { orderPayed: {} }', '1:11 `events`: there is no event `orderPayed`'],
  [
    'data:\n  orders:\n    - id: a\n      totl: 7',
    '4:13 `data`: `orders`: row 1: the contract has no such `totl`; did you mean `total`?',
  ],
  ['data:\n  orders:\n    - id: a\n    - { id: b, total: much }', '4:23 `data`: `orders`: row 2: `total`'],
  ['data:\n  orders:\n    - id: a\n    - id: a', '4:7 `data`: `orders`: row 2: there is one already'],
  [
    'inputs:\n  createOrder:\n    body:\n      total: much',
    '4:14 `inputs`: `createOrder`: `/body/total` must be an integer',
  ],
  ['events:\n  orderPaid: { at: now }', '2:14 `events`: `orderPaid`: `/id` is required'],
  ['data: [', '1:8 '],
])('says of %s what was expected, and where', (text, says) => {
  const [first] = found(text);
  expect(`${first?.range?.start.line}:${first?.range?.start.column} ${first?.message}`).toContain(says);
  expect(first?.code).not.toBe('');
});

it('takes every part as it may be, and no file for no fixtures', () => {
  expect(
    found('data: { orders: [] }\nevents: { orderPaid: { id: 7 } }\nfailures: { defaults: [{}] }'),
  ).toEqual([]);
  expect(readFixtures('conformance.yaml', undefined)).toMatchObject({ value: { data: {} } });
});
