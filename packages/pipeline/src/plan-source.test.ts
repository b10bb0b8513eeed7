import { describe, expect, test } from 'vitest';
import { planSources } from './plan-source.ts';
import { CONFIG, CONNECTOR, swap, swaps, testFiles, testWorkspace } from './test-workspace.ts';

/** Two events over one place, told apart by a member, and one that is fetched. */
const SOURCES = `sources:
  orderPaid: { from: orders, type: { at: /kind, is: paid } }
  orderPlaced: { from: orders, type: { at: /kind, is: placed } }
webhooks:`;

const POLLED = `sources:
  orderPlaced: { poll: { operation: findParcels, key: /orderId, cursor: { in: reference, from: /orderId } } }
webhooks:`;

const WEBHOOK = '  orderPlaced: { verify: standard-webhooks, tolerance: 5m, id: webhook-id }\n';

describe('what a connection takes in', () => {
  test('is all that its connector has and that is heard; else what it names, the rest of a place being read and left out', async () => {
    const { workspace } = await testWorkspace({ [CONNECTOR]: swap('webhooks:', SOURCES) });
    const manifest = workspace.connectors.get('shop')!;
    const contract = workspace.contracts.get('shop')!;
    const heard = new Set(['shop.orderPaid', 'shop.orderPlaced']);
    const events = (taken?: readonly string[]) =>
      planSources(contract, manifest, heard, taken).flatMap((plan) =>
        plan.events.map(({ name, isHeard }) => `${name} ${isHeard ? 'heard' : 'left out'}`),
      );
    expect(events()).toEqual(['shop.orderPaid heard', 'shop.orderPlaced heard']);
    expect(events(['orderPlaced'])).toEqual(['shop.orderPaid left out', 'shop.orderPlaced heard']);
    expect(events([])).toEqual([]);
  });

  test('is what its grants are for: a connection that is not asked needs none', async () => {
    const asked = async (sources: string) => {
      const { check } = await testWorkspace({
        [CONNECTOR]: swap('webhooks:', POLLED),
        [CONFIG]: swap(
          'connections:\n',
          `connections:\n  other: { connector: shop, baseUrl: env:OTHER_URL, credentials: { key: { token: env:OTHER_KEY } }${sources} }\n`,
        ),
      });
      return check.needed.get('other');
    };
    expect(await asked('')).toMatchObject({ 'order-placed': { operations: ['findParcels'] } });
    expect(await asked(', sources: []')).toEqual({});
  });

  test.each([
    ['[]', ['`sources` of `shop` leave it out']],
    ['[orderPlaced]', []],
  ])('is checked: with sources %s', async (sources, says) => {
    const { diagnostics } = await testWorkspace({
      [CONNECTOR]: swaps(['webhooks:', POLLED], [WEBHOOK, '']),
      [CONFIG]: swap('    credentials:', `    sources: ${sources}\n    credentials:`),
    });
    const found = diagnostics.filter(({ code }) => code === 'source-without-connection');
    expect(found.map(({ message }) => message)).toEqual(says.map((one) => expect.stringContaining(one)));
  });

  test.each([
    ['shop', 0],
    ['bare', 1],
  ])(
    'may come over another connector that has a webhook for it: connection of %s',
    async (connector, count) => {
      const fetching = testFiles[CONNECTOR]!.replace('name: shop', 'name: fetching')
        .replace('webhooks:', POLLED)
        .replace(WEBHOOK, '');
      const { diagnostics } = await testWorkspace({
        'connectors/fetching/connector.yaml': fetching,
        'connectors/bare/connector.yaml': testFiles[CONNECTOR]!.replace('name: shop', 'name: bare').replace(
          WEBHOOK,
          '',
        ),
        [CONFIG]: swap('connector: shop', `connector: ${connector}`),
      });
      const found = diagnostics.filter(({ code }) => code === 'source-without-connection');
      expect(found).toHaveLength(count);
    },
  );
});
