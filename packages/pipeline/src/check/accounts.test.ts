import { expect, test } from 'vitest';
import { CONFIG, CONNECTOR, type Edits, PIPELINE, swap, swaps, testWorkspace } from '../test-workspace.ts';

/** A second account of the shop beside the one of the workspace. */
const US = `  shop-us:
    connector: shop
    baseUrl: env:SHOP_US_URL
    credentials: { key: { token: env:SHOP_US_KEY } }
`;
const SECRET = '    webhookSecrets: [env:SHOP_US_WEBHOOK_SECRET]\n';
const two = (second = `${US}${SECRET}`) => swap('connections:\n', `connections:\n${second}`);
const KEY = 'key: ${ event.orderId }:${ event.version }';
const ORDER = 'orderBy: ${ event.orderId }';
const TOLD = 'key: ${ connection }:${ event.orderId }:${ event.version }';
const POLLED = `sources:
  orderPlaced:
    poll: { operation: findParcels, key: /id, cursor: { in: reference, from: /orderId } }
webhooks:`;

async function found(pipeline: Edits[string], more: Edits = {}) {
  const { diagnostics } = await testWorkspace({ [CONFIG]: two(), [PIPELINE]: pipeline, ...more });
  return diagnostics;
}

const same = (text: string): string => text;

test('a key that is the same in both accounts is refused, with one that can be pasted', async () => {
  expect(await found(same)).toMatchObject([
    {
      code: 'accounts-not-told-apart',
      message: expect.stringContaining('may come over `shop-us` and `shop`'),
      fix: expect.stringContaining('`key: "${ connection }:${ event.orderId }:${ event.version }"`'),
    },
  ]);
});

test('one that says over which connection the event came is taken', async () => {
  expect(await found(swap(KEY, TOLD))).toEqual([]);
});

test('so is one account, by the condition of the trigger', async () => {
  const where = "where: ${ event.total > 0 && connection == 'shop-us' }";
  expect(await found(swap('where: ${ event.total > 0 }', where))).toEqual([]);
});

test('ids that are the same in all accounts are said to be', async () => {
  const allowed = `# tenon: allow accounts-not-told-apart because our own system numbers the orders\n  ${KEY}`;
  expect(await found(swap(KEY, allowed))).toEqual([]);
});

test('a connection for calls alone is no second account', async () => {
  expect(await found(same, { [CONFIG]: two(US) })).toEqual([]);
  const polled = { [CONNECTOR]: swap('webhooks:', POLLED) };
  const silent = `${US}    sources: []\n`;
  expect(await found(same, { [CONFIG]: two(silent), ...polled })).toEqual([]);
  const fetching = await found(same, { [CONFIG]: two(US), ...polled });
  expect(
    fetching.map(({ code }) => code),
    'what is fetched needs no secret',
  ).toContain('accounts-not-told-apart');
});

test('versions that are counted for both accounts at once are refused', async () => {
  const versioned = (order: string) =>
    swaps([KEY, TOLD], [ORDER, `${order}\n  version: \${ event.version }`]);
  expect(await found(versioned(ORDER))).toMatchObject([
    {
      code: 'accounts-not-told-apart',
      message: expect.stringContaining('version'),
      fix: expect.stringContaining('`orderBy: "${ connection }:${ event.orderId }"`'),
    },
  ]);
  expect(await found(versioned('orderBy: ${ connection }:${ event.orderId }'))).toEqual([]);
});

test('the connections are the values that it has', async () => {
  const codes = async (where: string) =>
    (await found(swaps([KEY, TOLD], ['where: ${ event.total > 0 }', `where: \${ ${where} }`]))).map(
      ({ code, message }) => `${code} ${message}`,
    );
  expect(await codes("connection == 'shop_us'")).toEqual([expect.stringMatching(/^value-outside-enum/)]);
  expect(await codes("connection in ['shop', 'shop-us']")).toEqual([]);
  expect(await found(swap(KEY, 'key: ${ connection }'))).toMatchObject([{ code: 'identity-key-shared' }]);
});

test('a key over one connection need not name it, and may', async () => {
  const one = { [CONFIG]: same };
  expect(await found(same, one)).toEqual([]);
  expect(await found(swap(KEY, TOLD), one)).toEqual([]);
});
