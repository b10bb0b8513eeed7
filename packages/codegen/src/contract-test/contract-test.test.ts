import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { ConnectorManifest } from '@tenon/connector';
import type { ContractUsage } from '@tenon/contract';
import { planAdapterOperation } from '@tenon/pipeline';
import type { JsonSchema } from '@tenon/schema';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { bareManifest } from '../bare-manifest.ts';
import { contractFiles } from '../contract-files.ts';
import { contractOf } from '../testing/contract-of.ts';
import { type PackageFolder, packageFolder } from '../testing/package-folder.ts';

const VITEST = fileURLToPath(new URL('../../../../node_modules/.bin/vitest', import.meta.url));
const TSC = fileURLToPath(new URL('../../../../node_modules/.bin/tsc', import.meta.url));

const CONFIG = `const conditions = ['source'];
export default { resolve: { conditions }, ssr: { resolve: { conditions } }, test: { include: ['generated/*/*.test.ts'] } };
`;

const download = (id: string, path: string, media: { type: string; schema?: JsonSchema }) => ({
  id,
  path,
  responses: [{ status: '200', headers: [], content: [{ ...media, examples: {} }] }],
});

const contract = {
  ...contractOf({
    name: 'shop',
    definitions: {
      Order: {
        type: 'object',
        required: ['id', 'state', 'total', 'lines'],
        properties: {
          id: { type: 'string' },
          state: { enum: ['open', 'paid'] },
          total: { type: 'integer' },
          note: { type: ['string', 'null'] },
          lines: {
            type: 'array',
            items: { type: 'object', required: ['sku'], properties: { sku: { type: 'string' } } },
          },
        },
      },
    },
    operations: [
      {
        id: 'getOrder',
        path: '/orders/{orderId}',
        parameters: [
          {
            name: 'orderId',
            in: 'path',
            required: true,
            deprecated: false,
            style: 'simple',
            explode: false,
            allowReserved: false,
            schema: { type: 'string' },
          },
        ],
        responses: [
          {
            status: '200',
            headers: [],
            content: [{ type: 'application/json', schema: { $ref: '#/$defs/Order' }, examples: {} }],
          },
        ],
      },
      {
        id: 'addScan',
        method: 'post',
        path: '/scans',
        body: {
          required: true,
          content: [
            {
              type: 'multipart/form-data',
              examples: {},
              schema: {
                type: 'object',
                required: ['file', 'meta'],
                properties: {
                  file: { type: 'string', format: 'binary', minLength: 1 },
                  meta: { type: 'object', required: ['pages'], properties: { pages: { type: 'integer' } } },
                  tags: { type: 'array', items: { type: 'string' } },
                },
              },
              encoding: { file: { contentType: 'image/png', headers: [] } },
            },
          ],
        },
        responses: [
          {
            status: '200',
            headers: [],
            content: [{ type: 'application/json', schema: { $ref: '#/$defs/Order' }, examples: {} }],
          },
        ],
      },
      download('getNote', '/note', { type: 'application/pdf', schema: { type: 'string', format: 'binary' } }),
      download('getPhoto', '/photo', { type: 'image/*' }),
      download('exportOrders', '/orders.csv', { type: 'text/csv', schema: { type: 'string' } }),
    ],
  }),
  files: ['contracts/shop/openapi.yaml'],
};

const header = (name: string, required: boolean, schema: JsonSchema = { type: 'string' }) =>
  ({
    name,
    in: 'header',
    required,
    deprecated: false,
    style: 'simple',
    explode: false,
    allowReserved: false,
    schema,
  }) as const;

const answersOrder = [
  {
    status: '200',
    headers: [],
    content: [{ type: 'application/json', schema: { $ref: '#/$defs/Order' }, examples: {} }],
  },
];

/** Operations with headers that are no part of their input. */
const guarded = {
  ...contractOf({
    name: 'guarded',
    definitions: contract.definitions,
    operations: [
      {
        id: 'createOrder',
        method: 'post',
        path: '/orders',
        parameters: [header('Idempotency-Key', true)],
        responses: answersOrder,
      },
      {
        id: 'payOrder',
        method: 'post',
        path: '/pay',
        parameters: [header('If-Match', true)],
        responses: answersOrder,
      },
      {
        id: 'closeOrder',
        method: 'post',
        path: '/close',
        parameters: [header('If-Match', true, { type: 'string', examples: ['"v7"'] })],
        responses: answersOrder,
      },
      {
        id: 'noteOrder',
        method: 'post',
        path: '/note',
        parameters: [header('If-Match', false)],
        responses: answersOrder,
      },
    ],
  }),
  files: ['contracts/guarded/openapi.yaml'],
};

const update = {
  effect: 'update',
  scopes: [],
  idempotency: { mode: 'natural' },
  concurrency: 'etag',
  failures: [],
} as const;
const guardedManifest: ConnectorManifest = {
  ...bareManifest(guarded),
  operations: {
    createOrder: {
      effect: 'create',
      scopes: [],
      idempotency: { mode: 'header', name: 'Idempotency-Key' },
      failures: [],
    },
    payOrder: update,
    closeOrder: update,
    noteOrder: update,
  },
};

const at = {
  file: 'p.yaml',
  range: { start: { line: 1, column: 1, offset: 0 }, end: { line: 1, column: 1, offset: 0 } },
};
const use = (
  kind: 'request' | 'response',
  path: string,
  comparedWith?: string,
  operation = 'getOrder',
): ContractUsage => ({
  pipeline: 'ship',
  step: 'order',
  contract: 'shop',
  target: { kind, operation },
  access: kind === 'request' ? 'write' : 'read',
  path,
  expression: '…',
  at,
  owner: 'team',
  ...(comparedWith !== undefined && { comparedWith }),
});
const usage = [
  use('request', '/orderId'),
  use('response', '/state', 'paid'),
  use('response', '/total'),
  use('response', '/note'),
  use('response', '/lines/*/sku'),
  use('request', '/body/file', undefined, 'addScan'),
  use('request', '/body/meta/pages', undefined, 'addScan'),
  use('response', '/id', undefined, 'addScan'),
  use('response', '', undefined, 'getNote'),
  use('response', '', undefined, 'getPhoto'),
  use('response', '', undefined, 'exportOrders'),
];

/** Bytes that are neither JSON nor text, and a text that is neither JSON nor ASCII. */
const downloads: Readonly<Record<string, { readonly type: string; readonly bytes: Buffer }>> = {
  '/note': { type: 'application/pdf', bytes: Buffer.from([0x25, 0x50, 0x44, 0x46, 0xff, 0xfe, 0x00]) },
  '/photo': { type: 'image/PNG', bytes: Buffer.from([0x89, 0x50, 0x4e, 0x47]) },
  '/orders.csv': { type: 'text/csv; charset=utf-8', bytes: Buffer.from('id,name\no1,Zoë\n') },
};

/** What the provider was sent in parts. */
const scans: FormData[] = [];

async function formOf(request: IncomingMessage): Promise<FormData> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const headers = { 'content-type': request.headers['content-type'] ?? '' };
  return new Response(Buffer.concat(chunks), { headers }).formData();
}

const order = { id: 'o1', state: 'open', total: 5, note: null, lines: [{ sku: 'a' }] };

describe('a generated contract test', () => {
  let generated: PackageFolder;
  let folder: string;
  beforeAll(async () => {
    const files = await contractFiles(planAdapterOperation, { contract, usage });
    generated = await packageFolder([...files, { path: 'vitest.config.mjs', text: CONFIG }]);
    folder = generated.folder;
  });
  afterAll(() => generated[Symbol.asyncDispose]());

  /** Runs it against a provider that answers with `body`, but for what is downloaded; its output, colours and all. */
  async function run(
    body: unknown,
    status = 200,
    files = downloads,
  ): Promise<{ readonly ok: boolean; readonly output: string }> {
    const server = createServer(async (request, response) => {
      if (request.method === 'POST') scans.push(await formOf(request));
      const file = files[request.url ?? ''];
      if (file) response.writeHead(status, { 'content-type': file.type }).end(file.bytes);
      else response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    // Listening on TCP, so the address is one with a port.
    const { port } = server.address() as AddressInfo;
    const env = { ...process.env, TENON_PROVIDER_URL: `http://127.0.0.1:${port}`, NO_COLOR: '1' };
    const ran = promisify(execFile)(VITEST, ['run'], { cwd: folder, env });
    return ran.then(
      ({ stdout, stderr }) => ({ ok: true, output: stdout + stderr }),
      (error: { stdout: string; stderr: string }) => ({ ok: false, output: error.stdout + error.stderr }),
    );
  }

  test('is well typed', async () => {
    const flags =
      '--ignoreConfig --skipLibCheck --noEmit --strict --exactOptionalPropertyTypes --module nodenext --target es2024 --pretty false';
    const file = join(folder, 'generated/shop/contract.test.ts');
    const { stdout } = await promisify(execFile)(TSC, [...flags.split(' '), file], { cwd: folder }).catch(
      (error: { stdout: string }) => error,
    );
    expect(stdout).toBe('');
  });

  test('passes against a provider that keeps the contract, and records what is read, no more', async () => {
    const { ok, output } = await run({ ...order, extra: true });
    expect(output).toMatch(/11 passed/);
    expect(ok).toBe(true);
    const pact = JSON.parse(await readFile(join(folder, 'generated/shop/pacts/pipelines-shop.json'), 'utf8'));
    const requestOf = (path: string) =>
      pact.interactions.find((one: { request: { path: string } }) => one.request.path === path);
    const interaction = requestOf('/orders/example-orderId');
    expect(scans.length).toBeGreaterThan(0);
    for (const form of scans) {
      expect((form.get('file') as File).type).toBe('image/png');
      expect(JSON.parse(String(form.get('meta')))).toEqual({ pages: expect.any(Number) });
    }
    expect(interaction.request.method).toBe('GET');
    expect(interaction.response.body.content).toEqual({
      state: 'paid',
      total: expect.any(Number),
      lines: [{ sku: expect.any(String) }],
    });
    expect(requestOf('/note').response).toEqual({
      status: 200,
      headers: { 'content-type': ['application/pdf'] },
      matchingRules: expect.anything(),
    });
  });

  test.each([
    [
      'bytes of another media type',
      '/note',
      { type: 'application/zip', bytes: Buffer.from('PK') },
      /content-type: expected 'application\/zip'/,
    ],
    [
      'an image where text is promised',
      '/orders.csv',
      { type: 'image/png', bytes: Buffer.from('P') },
      /content-type: expected 'image\/png'/,
    ],
    [
      'JSON where bytes are promised',
      '/photo',
      { type: 'application/json', bytes: Buffer.from('{}') },
      /content-type: expected 'application\/json'/,
    ],
    [
      'no bytes at all',
      '/note',
      { type: 'application/pdf', bytes: Buffer.alloc(0) },
      /bytes or text: expected 'object' to be 'string'/,
    ],
  ])('fails when a download is %s', async (_what, path, file, told) => {
    const { ok, output } = await run(order, 200, { ...downloads, [path]: file });
    expect(ok).toBe(false);
    expect(output).toMatch(told);
    expect(output).not.toMatch(/Unexpected token/);
  });

  test.each([
    ['leaves out a field that is read', { ...order, total: undefined }, 200, /total/],
    ['answers with a value outside the enum', { ...order, state: 'refunded' }, 200, /refunded/],
    ['leaves out a required field that no pipeline reads', { ...order, id: undefined }, 200, /required/],
    ['answers with another status', order, 500, /500/],
  ])('fails when the provider %s', async (_what, body, status, told) => {
    const { ok, output } = await run(body, status);
    expect(ok).toBe(false);
    expect(output).toMatch(told);
  });
});

describe('a generated contract test whose provider is slow', () => {
  const quick: ConnectorManifest = {
    ...bareManifest(contract),
    defaults: { ...bareManifest(contract).defaults, timeoutMs: 50 },
  };

  /** Asks for what goes to the provider itself, which takes longer than the connector gives the vendor. */
  async function run(status: number): Promise<string> {
    const files = await contractFiles(planAdapterOperation, {
      contract,
      manifest: quick,
      usage: usage.filter(({ target }) => 'operation' in target && target.operation === 'addScan'),
    });
    await using generated = await packageFolder([...files, { path: 'vitest.config.mjs', text: CONFIG }]);
    const server = createServer(async (_request, response) => {
      await sleep(300);
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(order));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    // Listening on TCP, so the address is one with a port.
    const { port } = server.address() as AddressInfo;
    const env = { ...process.env, TENON_PROVIDER_URL: `http://127.0.0.1:${port}`, NO_COLOR: '1' };
    const ran = promisify(execFile)(VITEST, ['run'], { cwd: generated.folder, env });
    // The folder goes when this returns.
    return await ran.then(
      ({ stdout }) => stdout,
      (error: { stdout: string; stderr: string }) => error.stdout + error.stderr,
    );
  }

  test('passes: the deadline of a call is no part of the contract', async () => {
    expect(await run(200)).toMatch(/3 passed/);
  });

  test('says what went wrong with a call', async () => {
    expect(await run(500)).toMatch(/HTTP_RESPONSE_STATUS: shop\.addScan answered 500/);
  });
});

describe('a generated contract test of operations with headers beside their input', () => {
  test('sends a key of its own with each request, and the version of a write that must have one', async () => {
    const reads = Object.keys(guardedManifest.operations).map((operation) => ({
      ...use('response', '/id', undefined, operation),
      contract: 'guarded',
    }));
    const files = await contractFiles(planAdapterOperation, {
      contract: guarded,
      manifest: guardedManifest,
      usage: reads,
    });
    await using generated = await packageFolder([...files, { path: 'vitest.config.mjs', text: CONFIG }]);
    const seen: { readonly url: string | undefined; readonly headers: IncomingHttpHeaders }[] = [];
    const keys = new Set<unknown>();
    const needed: Readonly<Record<string, string>> = {
      '/orders': 'idempotency-key',
      '/pay': 'if-match',
      '/close': 'if-match',
    };
    // Keeps its contract: without what is required, or with a key that was there before, nothing is done.
    const server = createServer((request, response) => {
      const { url, headers } = request;
      seen.push({ url, headers });
      const value = headers[needed[url ?? ''] ?? 'host'];
      const isRefused = value === undefined || keys.has(value);
      if (url === '/orders') keys.add(value);
      response
        .writeHead(isRefused ? 422 : 200, { 'content-type': 'application/json' })
        .end(JSON.stringify(isRefused ? { title: 'refused' } : order));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    // Listening on TCP, so the address is one with a port.
    const { port } = server.address() as AddressInfo;
    const env = { ...process.env, TENON_PROVIDER_URL: `http://127.0.0.1:${port}`, NO_COLOR: '1' };
    const twice = async () => promisify(execFile)(VITEST, ['run'], { cwd: generated.folder, env });
    await twice();
    const { stdout } = await twice();
    expect(stdout).toMatch(/9 passed/);
    const versions = (path: string) =>
      new Set(seen.filter(({ url }) => url === path).map(({ headers }) => headers['if-match']));
    expect([...versions('/pay')]).toEqual(['*']);
    expect([...versions('/close')]).toEqual(['"v7"']);
    expect([...versions('/note')]).toEqual([undefined]);
    const pact = JSON.parse(
      await readFile(join(generated.folder, 'generated/guarded/pacts/pipelines-guarded.json'), 'utf8'),
    );
    const asked = pact.interactions.map(({ request }: { request: { path: string; headers?: object } }) => [
      request.path,
      Object.keys(request.headers ?? {}),
    ]);
    expect(Object.fromEntries(asked)).toEqual({
      '/orders': ['Idempotency-Key'],
      '/pay': ['If-Match'],
      '/close': ['If-Match'],
      '/note': [],
    });
  });
});
