import { expect, it } from 'vitest';
import { CONFIG, CONNECTOR, type Edits, PIPELINE, swap, swaps, testWorkspace } from '../../test-workspace.ts';

const NEWS_CONNECTOR = 'connectors/news/connector.yaml';
const news = (rest: string): string =>
  `apiVersion: tenon/v1\nkind: Connector\nmetadata: { name: news, version: 1.0.0, owner: sales }\ncontract: news\nauth: []\n${rest}`;
/** `orderShipped` starts the pipeline, over a connection without an address. */
const told = (connection: string): Edits => ({
  [CONFIG]: (text) => `${text}  news: { connector: news${connection} }\n`,
  [PIPELINE]: swap('event: shop.orderPlaced', 'event: news.orderShipped'),
});
const missing = async (edits: Edits): Promise<readonly string[]> =>
  (await testWorkspace(edits)).diagnostics
    .filter(({ code }) => code === 'base-url-missing')
    .map(({ message }) => message);

it.each([
  ['a webhook', 'webhooks: { orderShipped: { verify: standard-webhooks } }', ''],
  ['the clock', "sources: { orderShipped: { schedule: { cron: '0 0 * * *' } } }", ''],
  ['what it does not take in', 'sources: { orderShipped: {} }', ', sources: []'],
])('is not needed for %s', async (_what, rest, connection) => {
  expect(await missing({ ...told(connection), [NEWS_CONNECTOR]: news(rest) })).toEqual([]);
});

it('is needed where an event is fetched', async () => {
  expect(await missing({ ...told(''), [NEWS_CONNECTOR]: news('sources: { orderShipped: {} }') })).toEqual([
    'connection `news` has no `baseUrl`, and `news.orderShipped` is taken in over it',
  ]);
});

it('is needed where an operation is called, as a poll does', async () => {
  const bare = swap('    baseUrl: env:SHOP_URL\n', '');
  const [said] = await missing({ [CONFIG]: bare });
  expect(said).toBe('connection `shop` has no `baseUrl`, and `getOrder` is called over it');
  const polled = await missing({
    [CONFIG]: swaps(
      ['  shop:\n', '  asked: { connector: shop, credentials: { key: { token: env:SHOP_KEY } } }\n  shop:\n'],
      ['    credentials:', '    sources: []\n    credentials:'],
    ),
    [CONNECTOR]: (text) =>
      `${text}sources:\n  orderPlaced:\n    poll: { operation: getOrder, key: /id, cursor: { in: orderId, from: /id } }\n`,
  });
  expect(polled).toEqual(['connection `asked` has no `baseUrl`, and `getOrder` is called over it']);
});
