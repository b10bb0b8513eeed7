import { describe, expect, test } from 'vitest';
import {
  CONFIG,
  CONNECTOR,
  PIPELINE,
  POLICIES,
  secondPipeline,
  swap,
  swaps,
  testWorkspace,
} from '../../test-workspace.ts';

/** The shop asks for parcels to hear of payments, over a connection with one of its identities. */
async function found(identity: string): Promise<readonly string[]> {
  const steps =
    "  - { id: seen, call: shop.getOrder, with: { orderId: '${ event.orderId }' } }\n  - { id: known, check: { that: [{ condition: \"${ steps.seen.status != 'open' }\", message: it is open }], otherwise: fail } }";
  const { diagnostics } = await testWorkspace({
    [CONNECTOR]: swaps(
      ['defaults:', 'identities: { one: [orders], both: [orders, parcels] }\ndefaults:'],
      ['getOrder: { effect: read }', 'getOrder: { effect: read, scopes: [orders] }'],
      ['  findParcels:\n', '  findParcels:\n    scopes: [parcels]\n'],
      [
        'webhooks:\n',
        'sources:\n  orderPaid: { poll: { operation: findParcels, key: /orderId, cursor: { in: reference, from: /orderId } } }\nwebhooks:\n',
      ],
    ),
    [CONFIG]: swap('    baseUrl:', `    identity: ${identity}\n    baseUrl:`),
    [PIPELINE]: null,
    [POLICIES]: null,
    'pipelines/order-paid.pipeline.yaml': secondPipeline(steps).replace(
      'news.orderShipped',
      'shop.orderPaid',
    ),
  });
  return diagnostics.map(({ code, message }) => `${code}: ${message}`);
}

describe('an identity', () => {
  test('holds what its connection asks for events with', async () => {
    expect(await found('both')).toEqual([]);
  });

  test('lacks it where only steps were thought of', async () => {
    expect(await found('one')).toEqual([expect.stringMatching(/^identity-lacks-scope: `findParcels` needs/)]);
  });
});
