import { expect, test } from 'vitest';
import { CONFIG, CONNECTOR, secondPipeline, swap, testWorkspace } from '../test-workspace.ts';

async function ofBaseUrl(baseUrl: string, transport = '') {
  const { diagnostics } = await testWorkspace({
    [CONFIG]: swap('baseUrl: env:SHOP_URL', `baseUrl: ${baseUrl}`),
    [CONNECTOR]: swap('contract: shop\n', `contract: shop\n${transport}`),
  });
  return diagnostics
    .filter(({ code }) => code === 'base-url-invalid')
    .map(({ message, fix }) => `${message}; ${fix}`);
}

test('what is no URL is quoted without the password that it may hold', async () => {
  for (const wrong of [
    'ada:cnry@db.example:5432',
    'ada:cnry@db.example',
    '//ada:cnry@db.example/x',
    'ftp://cnry@db.example',
  ]) {
    const [said] = await ofBaseUrl(wrong);
    expect(said).toContain('db.example');
    expect(said).not.toContain('cnry');
  }
});

test('a host and a port are no URL, although they can be read as one', async () => {
  expect(await ofBaseUrl('localhost:4890')).toEqual([
    '`localhost:4890` is neither a URL nor `env:NAME`; write the scheme too: `http://localhost:4890`',
  ]);
  expect(await ofBaseUrl('api.shop.example:443/v1')).toHaveLength(1);
  expect(await ofBaseUrl('bus.shop.example:4222', 'transport: bus\n')).toHaveLength(1);
});

test('a connector that speaks HTTP is not given another address', async () => {
  expect(await ofBaseUrl('amqp://bus.shop.example')).toEqual([
    '`amqp://bus.shop.example` is no address of HTTP, which connector `shop` speaks; write a URL, or `env:NAME`',
  ]);
  expect(await ofBaseUrl('amqp://bus.shop.example', 'transport: bus\n')).toEqual([]);
  expect(await ofBaseUrl('http://localhost:4890')).toEqual([]);
  expect(await ofBaseUrl('https://api.shop.example/v1')).toEqual([]);
});

test('a pipeline without an owner does not share a connection with anybody', async () => {
  const read =
    "  - { id: seen, call: shop.getOrder, with: { orderId: '${ event.orderId }' } }\n  - { id: known, check: { that: [{ condition: \"${ steps.seen.status != 'open' }\", message: it left too early }], otherwise: fail } }";
  const second = secondPipeline(read).replace(/^owner: .*\n/m, '');
  const { diagnostics } = await testWorkspace({ 'pipelines/parcel-left.pipeline.yaml': second });
  const codes = diagnostics.map(({ code }) => code);
  expect(codes).toContain('missing-key');
  expect(codes).not.toContain('connection-shared-across-owners');
  expect(diagnostics.map(({ message }) => message).join('\n')).not.toMatch(/both {2}| and $/m);
});
