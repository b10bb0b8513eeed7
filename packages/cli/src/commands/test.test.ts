import { once } from 'node:events';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { exit } from '../exit.ts';
import { initFolder } from '../testing/init-folder.ts';
import { runCommand } from '../testing/run-command.ts';
import { withTokensOf } from '../testing/with-tokens-of.ts';
import { generateCommand } from './generate.ts';
import { testCommand } from './test.ts';

let folder: string;
beforeEach(async () => {
  folder = await initFolder('contract-tests');
  await mkdir(join(folder, 'generated/shop'), { recursive: true });
});
afterEach(() => rm(folder, { recursive: true }));

const run = (...argv: string[]) => runCommand([testCommand], ['test', ...argv], { cwd: folder });

/** Where nothing listens: it was given, and is given up. */
async function nowhere(): Promise<string> {
  const server = createTcpServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return `http://127.0.0.1:${port}/v1`;
}

async function ownTest(text: string): Promise<void> {
  await writeFile(join(folder, 'generated/shop/own.test.ts'), text);
}

describe('a provider that cannot be reached', () => {
  it.each(['--against', '--provider'])('is said once, and is no finding about it (%s)', async (option) => {
    await ownTest("import { test } from 'vitest';\ntest('is not run', () => { throw new Error('run'); });\n");
    const url = await nowhere();
    const { code, said } = await run('shop', option, url);
    expect(said.match(/provider-unreachable/g)).toHaveLength(2);
    expect(said).toMatch(
      /^error provider-unreachable {2}http:\/\/127\.0\.0\.1:\d+\/v1 cannot be reached: ECONNREFUSED/,
    );
    expect(said).not.toMatch(/contract-drift|own\.test/);
    expect(code).toBe(exit.failed);
  });

  it('is none of these where it answers anything at all', async () => {
    await ownTest("import { test } from 'vitest';\ntest('holds', () => {});\n");
    const server = await serving((_request, response) => response.writeHead(503).end());
    expect(await run('shop', '--against', server.url)).toMatchObject({ code: exit.clean });
    server.close();
  });

  it('is said of one that goes away in the middle, too', async () => {
    const server = await serving((request, response) => {
      response.end();
      if (request.url === '/v1/last') server.close();
    });
    await ownTest(`import { test } from 'vitest';
test('asks', async () => {
  await fetch(process.env.TENON_PROVIDER_URL + '/last', { headers: { connection: 'close' } });
  await fetch(process.env.TENON_PROVIDER_URL);
});
`);
    const { code, said } = await run('shop', '--against', server.url);
    expect(said).toContain('provider-unreachable');
    expect(said).not.toContain('contract-drift');
    expect(code).toBe(exit.failed);
  });
});

describe('a provider that keeps its contract', { timeout: 60_000 }, () => {
  const shipment = { id: 'shp_real', orderId: 'ord_real', status: 'preparing' };
  const order = {
    id: 'ord_real',
    email: 'ada@shop.example',
    items: [{ sku: 'mug', quantity: 1 }],
    status: 'paid',
  };
  const answers: Readonly<Record<string, readonly [number, object]>> = {
    'GET /v1/orders/ord_real': [200, order],
    'POST /v1/shipments': [201, shipment],
    'POST /v1/shipments/shp_real/cancel': [200, { ...shipment, status: 'cancelled' }],
  };
  /** As a real one does: what it does not have is not found. */
  const real = (there: Readonly<Record<string, readonly [number, object]>> = answers, once = '') => {
    const done = new Set<string>();
    return serving((request, response) => {
      const asked = `${request.method} ${request.url}`;
      const [status, body] = (done.has(asked) ? undefined : there[asked]) ?? [
        404,
        { title: 'Not found', status: 404 },
      ];
      if (asked === once) done.add(asked);
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    });
  };

  it('passes with the ids that its author gives: as inputs of the fixtures, or as examples of the parameters', async () => {
    await mkdir(join(folder, 'connectors/shop/fixtures'));
    await writeFile(
      join(folder, 'connectors/shop/fixtures/conformance.yaml'),
      'inputs:\n  getOrder: { orderId: ord_real }\n',
    );
    const document = join(folder, 'contracts/shop/openapi.yaml');
    const text = await readFile(document, 'utf8');
    await writeFile(
      document,
      text.replace('name: shipmentId\n', 'name: shipmentId\n        example: shp_real\n'),
    );
    expect(await runCommand([generateCommand], ['generate'], { cwd: folder })).toMatchObject({
      code: exit.clean,
    });
    const server = await real();
    const { code, said } = await run('shop', '--against', server.url);
    server.close();
    expect(said).toMatch(/^0 findings in 10 contract tests$/m);
    expect(code).toBe(exit.clean);
  });

  it('passes although it deletes a thing only once', async () => {
    const document = join(folder, 'contracts/shop/openapi.yaml');
    const text = await readFile(document, 'utf8');
    await writeFile(
      document,
      text
        .replace('name: shipmentId\n', 'name: shipmentId\n        example: shp_real\n')
        .replace('name: orderId\n', 'name: orderId\n        example: ord_real\n')
        .replace(
          '    post:\n      operationId: cancelShipment',
          '    delete:\n      operationId: cancelShipment',
        ),
    );
    await runCommand([generateCommand], ['generate'], { cwd: folder });
    const deleted = 'DELETE /v1/shipments/shp_real/cancel';
    const left = { ...answers, [deleted]: [200, { ...shipment, status: 'cancelled' }] as const };
    const server = await real(left, deleted);
    const { code, said } = await run('shop', '--against', server.url);
    server.close();
    expect(said).toMatch(/^0 findings in 10 contract tests$/m);
    expect(code).toBe(exit.clean);
  });

  it('is said to differ in few lines, and to be asked for what it may not have', async () => {
    await runCommand([generateCommand], ['generate'], { cwd: folder });
    const server = await real();
    const { code, out, err } = await run('shop', '--against', server.url);
    const told = await run('shop', '--provider', server.url);
    server.close();
    expect(out).toContain(
      'the provider > keeps the pacts: these differ:\n    cancelShipment as called by order-paid: expected 200 but was 404\n',
    );
    expect(out).toContain('GET /orders/example-orderId: expected { status: 404');
    expect(out).toContain('fixtures/conformance.yaml');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: it is what must not be there
    expect(out + err + told.said).not.toMatch(/\u001b|DeprecationWarning|interactionResults/);
    expect(err).toBe('');
    expect(told.err).toContain('has status code 200 (FAILED)');
    expect([code, told.code]).toEqual([exit.findings, exit.findings]);
  });
});

async function serving(
  answer: Parameters<typeof createServer>[1] & object,
): Promise<{ readonly url: string; close(): void }> {
  const server: Server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = (): void => {
    server.close();
    server.closeIdleConnections();
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`, close };
}

describe('a provider that asks for credentials', () => {
  const env = { SHOP_KEY: 'k-1' };
  const asked =
    "import { test, expect } from 'vitest';\ntest('carries them', () => expect(JSON.parse(process.env.TENON_PROVIDER_HEADERS).authorization).toBe(WANTED));\n";
  const testWith = (wanted: string) => ownTest(asked.replace('WANTED', JSON.stringify(wanted)));
  const go = (more: readonly string[], given: Readonly<Record<string, string>> = env) =>
    runCommand([testCommand], ['test', 'shop', ...more], { cwd: folder, env: given });
  let url: string;
  let server: Awaited<ReturnType<typeof serving>>;
  let tokens: string[];
  beforeEach(async () => {
    tokens = [];
    server = await serving((request, response) => {
      if (request.url === '/token') tokens.push(String(request.headers.authorization));
      response
        .writeHead(200, { 'content-type': 'application/json' })
        .end('{"access_token":"t-1","token_type":"Bearer"}');
    });
    url = new URL(server.url).origin;
  });
  afterEach(() => server.close());

  it('is sent those of a connection', async () => {
    await testWith('Bearer k-1');
    const { code, said } = await go(['--provider', url, '--connection', 'shop']);
    expect(code, said).toBe(exit.clean);
  });

  it('is sent a token that is had once, from this machine too', async () => {
    await withTokensOf('tokens.shop.example', folder);
    await testWith('Bearer t-1');
    const { code, said } = await go(['--provider', url, '--connection', 'shop'], { ...env, SHOP_ID: 'id' });
    expect(code, said).toBe(exit.clean);
    expect(tokens).toHaveLength(1);
  });

  it('is sent a header that is given before those', async () => {
    await testWith('Bearer own');
    const own = ['--header', 'Authorization: Bearer own'];
    expect(await go(['--provider', url, '--connection', 'shop', ...own])).toMatchObject({ code: exit.clean });
  });

  it('is not asked where none is to be had, which is said once', async () => {
    await ownTest("import { test } from 'vitest';\ntest('is not run', () => { throw new Error('run'); });\n");
    const { code, said } = await go(['--provider', url, '--connection', 'shop'], {});
    expect(said).toMatch(/^error provider-unproven {2}.*\((?:AUTH|SECRET)_/);
    expect(said).not.toContain('own.test');
    expect(code).toBe(exit.failed);
  });

  it('is none but the declared sandbox, or on this machine', async () => {
    const { code, err } = await go(['--provider', 'https://api.shop.example', '--connection', 'shop']);
    expect([code, err]).toEqual([
      exit.notAuthorised,
      expect.stringContaining('nothing was called (target-refused)'),
    ]);
  });

  describe('keeps them to itself', () => {
    const secrets = { SHOP_KEY: 'cnry-key-1' };
    const own = ['--header', 'x-api-key: cnry-key-2', '--header', 'Cookie: theme=dark; sid=cnry-key-3'];
    const basic = Buffer.from('ada:cnry-key-4').toString('base64');
    const also = ['--header', `x-proxy-auth: Basic ${basic}`];
    const traces = ['cnry-key', 'cnry%2Dkey', basic, basic.replace(/=+$/, '')];
    const leaked = (text: string): readonly string[] => traces.filter((trace) => text.includes(trace));

    it('where processes are listed', async () => {
      await ownTest(`import { execFileSync } from 'node:child_process';
import { test, expect } from 'vitest';
test('no line shows them', () => {
  expect(process.env.TENON_PROVIDER_HEADERS).toContain('cnry-key-1');
  for (const one of [process.pid, process.ppid])
    expect(execFileSync('ps', ['-ww', '-o', 'args=', '-p', String(one)], { encoding: 'utf8' })).not.toContain('cnry');
});
`);
      const { code, said } = await go(['--provider', url, '--connection', 'shop', ...own], secrets);
      expect(code, said).toBe(exit.clean);
    });

    it.each(['human', 'json', 'junit', 'sarif', 'github', 'markdown'])(
      'in what is told of a provider that quotes them (%s)',
      async (format) => {
        await ownTest(`import { test } from 'vitest';
const sent = process.env.TENON_PROVIDER_HEADERS;
test('it quotes', () => {
  console.error(sent);
  throw new Error('expected a status but got ' + sent + decodeURIComponent(encodeURIComponent(sent)) + ' ada:cnry-key-4');
});
`);
        for (const option of ['--provider', '--against']) {
          const { code, said } = await go(
            [option, url, '--connection', 'shop', ...own, ...also, '--format', format],
            secrets,
          );
          expect(code).toBe(exit.findings);
          expect(said).toContain('expected a status but got');
          expect(leaked(said)).toEqual([]);
          expect(said, 'what is none is not hidden').toContain('x-api-key');
        }
      },
    );

    it('in the query of an address, which no request would carry', async () => {
      for (const option of ['--provider', '--against']) {
        const { code, said } = await go([option, 'http://127.0.0.1:1/v1?api_key=cnry-key']);
        expect([code, said]).toEqual([exit.usage, expect.stringContaining(`${option} has a query`)]);
        expect(leaked(said)).toEqual([]);
      }
    });

    it('in an address that holds a password', async () => {
      for (const address of ['http://ada:cnry-key@127.0.0.1:1/v1', 'http//ada:cnry-key@127.0.0.1'])
        for (const option of ['--provider', '--against']) {
          const { code, said } = await go([option, address]);
          expect(code).toBe(exit.usage);
          expect(said).toContain(`${option} `);
          expect(leaked(said)).toEqual([]);
        }
    });
  });

  it.each([
    [['--connection', 'shop'], 'name it with --provider or --against'],
    [
      ['--provider', 'http://127.0.0.1:1', '--connection', 'shup'],
      'contract shop has no connection shup; it has: shop',
    ],
  ])('a call that is mistaken: %j', async (more, why) => {
    const { code, err } = await go(more);
    expect([code, err]).toEqual([exit.usage, expect.stringContaining(why)]);
  });

  it('cannot be asked by a connection that signs each request', async () => {
    const file = join(folder, 'connectors/shop/connector.yaml');
    const text = await readFile(file, 'utf8');
    await writeFile(
      file,
      text.replace('{ id: key, type: bearer }', '{ id: key, type: apiKey, in: query, name: key }'),
    );
    const config = join(folder, 'tenon.config.yaml');
    await writeFile(config, (await readFile(config, 'utf8')).replace('key: { token:', 'key: { value:'));
    const { code, said } = await go(['--provider', url, '--connection', 'shop']);
    expect(said).toContain('proves each request by itself');
    expect(code).toBe(exit.failed);
  });
});
