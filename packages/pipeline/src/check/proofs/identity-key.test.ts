import { expect, test } from 'vitest';
import { CONNECTOR, CONTRACT, PIPELINE, swap, swaps, testWorkspace } from '../../test-workspace.ts';

/** What is found of a key over an event with headers. */
async function found(key: string, schedule = false): Promise<readonly string[]> {
  const { diagnostics } = await testWorkspace({
    [CONTRACT]: swaps(
      [
        '  orderPlaced:\n    post:\n',
        `  orderPlaced:
    post:
      parameters:
        - { name: webhook-id, in: header, required: true, schema: { type: string } }
        - { name: webhook-timestamp, in: header, required: true, schema: { type: string } }
        - { name: x-tenant, in: header, required: true, schema: { type: string } }
`,
      ],
      [
        'express: { type: boolean }',
        'at: { type: string, format: date-time }\n        express: { type: boolean }',
      ],
      ['currency, customer, version]', 'currency, customer, version, at]'],
    ),
    [PIPELINE]: swap('key: ${ event.orderId }:${ event.version }', `key: "${key}"`),
    ...(schedule && {
      [CONNECTOR]: swap(
        'webhooks:\n',
        "sources: { orderPlaced: { schedule: { cron: '0 3 * * *', zone: Europe/Berlin } } }\nwebhooks:\n",
      ),
    }),
  });
  return diagnostics.map(({ code }) => code).filter((code) => code.startsWith('identity-'));
}

test('a header by which the connector knows a delivery is no part of a key, and other headers may be', async () => {
  expect(await found("${ headers['webhook-id'] }")).toEqual(['identity-key-changes']);
  expect(await found("${ event.orderId }:${ headers['webhook-timestamp'] }")).toEqual([
    'identity-key-changes',
  ]);
  expect(await found("${ headers['x-tenant'] }:${ event.orderId }")).toEqual([]);
});

test('a moment is a key where a schedule makes the events', async () => {
  expect(await found('${ event.at }')).toEqual(['identity-key-shared']);
  expect(await found('${ event.at }', true)).toEqual([]);
});

test('what is reckoned from a time or a few values tells no more apart than they do', async () => {
  expect(await found("${ event.at + '/' + event.currency }")).toEqual(['identity-key-shared']);
  expect(await found("${ event.currency == 'EUR' ? event.at : 'none' }")).toEqual(['identity-key-shared']);
  expect(await found("${ event.currency == 'EUR' ? event.at : event.orderId }")).toEqual([]);
  expect(await found('${ policy.isLarge(event) }')).toEqual(['identity-key-shared']);
});
