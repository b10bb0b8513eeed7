import { expect, test } from 'vitest';
import { CONNECTOR, swap, testWorkspace } from '../../test-workspace.ts';

async function said(webhook: string) {
  const { diagnostics } = await testWorkspace({
    [CONNECTOR]: swap('orderPlaced: { verify: standard-webhooks, tolerance: 5m, id: webhook-id }', webhook),
  });
  return diagnostics
    .filter(({ code }) => code.startsWith('manifest-'))
    .map(({ code, message, fix }) => `${code}: ${message}; ${fix}`);
}

test('an id or type that leads to no field of the event is told, with the pointer that was meant', async () => {
  expect(await said('orderPlaced: { verify: standard-webhooks, id: /idd }')).toEqual([
    'manifest-event-field-unknown: event `orderPlaced` has no `/idd`; did you mean `/id`?',
  ]);
  expect(await said('orderPlaced: { verify: standard-webhooks, type: /customer/nam }')).toEqual([
    'manifest-event-field-unknown: event `orderPlaced` has no `/customer/nam`; did you mean `/customer/name`?',
  ]);
});

test.each([
  ['a field', 'orderPlaced: { verify: standard-webhooks, id: /id, type: /customer/name }'],
  ['a header', 'orderPlaced: { verify: standard-webhooks, id: x-delivery, type: x-kind }'],
  [
    'a member of the envelope',
    'orderPlaced: { verify: standard-webhooks, id: /idd, type: /kind, envelope: cloudevents }',
  ],
])('%s is not', async (_what, webhook) => {
  expect(await said(webhook)).toEqual([]);
});
