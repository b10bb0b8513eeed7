import { expect, test } from 'vitest';
import {
  CONFIG,
  CONNECTOR,
  type Edits,
  swap,
  swaps,
  testFiles,
  testWorkspace,
} from '../../test-workspace.ts';

const SECRETS = '    webhookSecrets: [env:SHOP_WEBHOOK_SECRET]\n';
const POLLED = `sources:
  orderPlaced:
    poll: { operation: findParcels, key: /id, cursor: { in: reference, from: /orderId } }
  orderPaid:
    poll: { operation: findParcels, key: /orderId, cursor: { in: reference, from: /orderId } }
webhooks:`;

async function found(edits: Edits) {
  const { diagnostics } = await testWorkspace(edits);
  return diagnostics.filter(({ code }) => code.startsWith('webhook') || code.startsWith('source'));
}

test('a connection that nothing is verified with is told once, where it stands, with what to write', async () => {
  const [one, ...more] = await found({ [CONFIG]: swap(SECRETS, '') });
  expect(more, 'both events come over it').toEqual([]);
  expect(one).toMatchObject({
    code: 'webhook-without-secret',
    file: CONFIG,
    message: 'connection `shop` has no `webhookSecrets`, so every delivery to it is refused',
    fix: expect.stringContaining('add `webhookSecrets: [env:SHOP_WEBHOOK_SECRET]` to `connections.shop`'),
    related: [{ message: expect.stringContaining('is to be delivered') }],
  });
});

test('an empty list is none, and the place of it is shown', async () => {
  const [one] = await found({ [CONFIG]: swap(SECRETS, '    webhookSecrets: []\n') });
  expect(one).toMatchObject({ code: 'webhook-without-secret', range: { start: { line: 9, column: 21 } } });
});

test('what is fetched needs none', async () => {
  expect(await found({ [CONFIG]: swap(SECRETS, ''), [CONNECTOR]: swap('webhooks:', POLLED) })).toEqual([]);
});

test('secrets of a connection that gets no such deliveries verify none', async () => {
  const poller = testFiles[CONNECTOR]!.replace('name: shop', 'name: poller').replace(
    /webhooks:\n(?: {2}.*\n)+/,
    POLLED.replace('webhooks:', ''),
  );
  const beside = (sources: string) =>
    found({
      'connectors/poller/connector.yaml': poller,
      [CONFIG]: swaps(
        [SECRETS, ''],
        [
          '  shop:\n',
          `  fetched: { connector: poller, baseUrl: env:URL, credentials: { key: { token: env:KEY } }, sources: ${sources}, webhookSecrets: [env:SECRET] }\n  shop:\n`,
        ],
      ),
    });
  expect(await beside('[]')).toMatchObject([
    { code: 'webhook-without-secret', message: expect.stringContaining('connection `shop` has no') },
  ]);
  expect(await beside('[orderPlaced, orderPaid]'), 'fetched').toEqual([]);
});

test('a secret that cannot be read is told by itself', async () => {
  const { diagnostics } = await testWorkspace({
    [CONFIG]: swap('[env:SHOP_WEBHOOK_SECRET]', '[whsec_plain]'),
  });
  expect(diagnostics.map(({ code }) => code)).not.toContain('webhook-without-secret');
  expect(diagnostics).not.toEqual([]);
});

test('a webhook whose connector has no connection reaches nobody', async () => {
  const bare = testFiles[CONNECTOR]!.replace('name: shop', 'name: bare').replace(
    /webhooks:\n(?: {2}.*\n)+/,
    '',
  );
  const [one] = await found({
    'connectors/bare/connector.yaml': bare,
    [CONFIG]: swap('connector: shop', 'connector: bare'),
  });
  expect(one).toMatchObject({
    code: 'source-without-connection',
    message: expect.stringContaining('over connector `shop`, which has no connection'),
  });
});
