import { execFile } from 'node:child_process';
import { appendFile, cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { systemClock, systemRandom } from '@tenon/model';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runCommandLine } from '../command.ts';
import { exit } from '../exit.ts';
import { initFolder } from '../testing/init-folder.ts';
import { runCommand } from '../testing/run-command.ts';
import { withTokensOf } from '../testing/with-tokens-of.ts';
import { healthCommand } from './health.ts';
import { sandboxCommands } from './sandbox.ts';

let folder: string;
let server: Server;
let bodies: unknown[];
let headers: IncomingHttpHeaders;
let answer: string;
let heard: { out: string; err: string };
beforeEach(async () => {
  folder = await initFolder('deliver');
  bodies = [];
  answer = '{}';
  heard = { out: '', err: '' };
  server = createServer((request, response) => {
    let text = '';
    request.on('data', (part) => {
      text += part;
    });
    request.on('end', () => {
      bodies.push(JSON.parse(text));
      ({ headers } = request);
      response.writeHead(202).end(answer);
    });
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
});
afterEach(async () => {
  server.close();
  await rm(folder, { recursive: true });
});

async function deliver(event = 'shop.orderPaid'): Promise<unknown> {
  const { port } = server.address() as AddressInfo;
  const code = await runCommandLine(
    sandboxCommands,
    ['deliver', event, '--url', `http://127.0.0.1:${port}`],
    {
      out: (text) => {
        heard.out += text;
      },
      err: (text) => {
        heard.err += text;
      },
      cwd: folder,
      env: { SHOP_WEBHOOK_SECRET: `whsec_${Buffer.from('a secret of some length').toString('base64')}` },
      color: false,
      clock: systemClock,
      random: systemRandom,
      interrupted: () => new Promise(() => {}),
    },
  );
  expect(code).toBe(exit.clean);
  return bodies.at(-1);
}

/** The contract of the template, with this beside the type of what `orderPaid` carries. */
async function withSchema(more: string): Promise<void> {
  const path = join(folder, 'contracts/shop/openapi.yaml');
  const text = await readFile(path, 'utf8');
  const place = '    OrderPaid:\n      type: object\n';
  expect(text).toContain(place);
  await writeFile(path, text.replace(place, `${place}${more}`));
}

describe('deliver', () => {
  it('sends an example that the schema of the event has, whole', async () => {
    const [other, whole] = [
      { id: 7 },
      { id: 'evt_9', orderId: 'ord_9', occurredAt: '2026-01-01T00:00:00Z', note: 'by hand' },
    ];
    await withSchema(`      examples: ${JSON.stringify([other, whole])}\n`);
    expect(await deliver(), 'the first that fits').toEqual(whole);
  });

  it('makes one up where nobody wrote any, from the examples of its members', async () => {
    expect(await deliver()).toEqual({ id: 'evt_1', orderId: 'ord_1', occurredAt: '2026-11-02T10:15:00Z' });
  });

  it('says in words what came of it, and leaves the answer to whoever reads that', async () => {
    const run = { runId: 'r1', pipeline: 'order-paid', started: false, state: 'succeeded' };
    answer = JSON.stringify({ duplicateDelivery: false, runs: [run] });
    await deliver();
    expect(heard).toEqual({
      err: '202\norder-paid: a duplicate: nothing started. It has run r1, which succeeded\n',
      out: `${answer}\n`,
    });
  });

  it('signs in the way of the connector’s own code, where the manifest says so', async () => {
    const manifest = join(folder, 'connectors/shop/connector.yaml');
    const text = await readFile(manifest, 'utf8');
    expect(text).toContain('verify: standard-webhooks');
    await writeFile(manifest, text.replace('verify: standard-webhooks', 'verify: own-shop'));
    await mkdir(join(folder, 'connectors/shop/src'));
    const code = join(folder, 'connectors/shop/src/index.ts');
    const sign = "() => ({ 'x-shop-signature': 'made by our own code' })";
    const scheme = `{ parsers: { 'application/json': JSON.parse }, read: () => undefined, matches: () => false, sign: ${sign} }`;
    await writeFile(code, `export default { connectorApi: 1, webhookSchemes: { 'own-shop': ${scheme} } };\n`);
    await deliver();
    expect(headers).toMatchObject({ 'x-shop-signature': 'made by our own code' });
  });

  it('goes to an event whose id has dots', async () => {
    for (const file of ['contracts/shop/openapi.yaml', 'connectors/shop/connector.yaml']) {
      const text = await readFile(join(folder, file), 'utf8');
      await writeFile(join(folder, file), text.replace('  orderPaid:', '  order.paid:'));
    }
    expect(await deliver('shop.order.paid')).toMatchObject({ orderId: expect.any(String) });
  });
});

describe('sandbox', () => {
  /** Starts, asks for all orders, and ends. */
  async function ordersOf(
    ...options: string[]
  ): Promise<{ code: number; out: string; err: string; ids: unknown }> {
    const heard = { out: '', err: '' };
    let ids: unknown;
    const code = await runCommandLine(sandboxCommands, ['sandbox', ...options], {
      out: (text) => {
        heard.out += text;
      },
      err: (text) => {
        heard.err += text;
      },
      cwd: folder,
      env: {},
      color: false,
      clock: systemClock,
      random: systemRandom,
      interrupted: async () => {
        const url = /^export SHOP_URL=(.*)$/m.exec(heard.out)?.[1];
        // What the sandbox holds is rows by resource.
        const state = (await (await fetch(`${url}/_sandbox/state`)).json()) as Record<
          string,
          { id: string }[]
        >;
        ids = state['orders']?.map(({ id }) => id);
      },
    });
    return { code, ...heard, ids };
  }

  it.each([
    ['of the manifest', false],
    ['of the connection', true],
  ])(
    'gives the tokens of what is sandboxed, whose own token server, %s, is then not asked',
    async (_whose, isOwn) => {
      let asked = 0;
      const vendor = createServer((_request, response) => {
        asked += 1;
        response.writeHead(401).end('{}');
      });
      await new Promise<void>((listening) => vendor.listen(0, '127.0.0.1', listening));
      // Listening on TCP, so the address is one with a port.
      const host = `localhost:${(vendor.address() as AddressInfo).port}`;
      await withTokensOf(isOwn ? 'tokens.shop.example' : host, folder);
      if (isOwn) {
        const config = join(folder, 'tenon.config.yaml');
        const text = await readFile(config, 'utf8');
        const own = text.replace(
          '    credentials:',
          '    tokenUrls: { key: env:SHOP_TOKENS }\n    credentials:',
        );
        expect(own).not.toBe(text);
        await writeFile(config, own);
      }
      let printed = '';
      let healthy: unknown;
      let elsewhere: unknown;
      await runCommandLine(sandboxCommands, ['sandbox'], {
        out: (text) => {
          printed += text;
        },
        err: () => {},
        cwd: folder,
        env: {},
        color: false,
        clock: systemClock,
        random: systemRandom,
        interrupted: async () => {
          await writeFile(join(folder, 'sandbox.env'), printed);
          const look = async (more = ''): Promise<unknown> => {
            const { stdout } = await promisify(execFile)('sh', ['-uc', `. ./sandbox.env; ${more} env`], {
              cwd: folder,
            });
            const env = Object.fromEntries(
              stdout.split('\n').map((line) => line.split(/=(.*)/s).slice(0, 2)),
            );
            const { out } = await runCommand([healthCommand], ['health', '--format', 'json'], {
              cwd: folder,
              env,
            });
            return JSON.parse(out).health;
          };
          healthy = await look('. ./sandbox.env;');
          expect(asked).toBe(0);
          elsewhere = await look(
            `export TENON_SANDBOXES=http://127.0.0.1:1; export SHOP_TOKENS=http://${host}/v2;`,
          );
        },
      });
      vendor.close();
      expect(healthy).toMatchObject([{ connection: 'shop', ok: true }]);
      expect(elsewhere, 'no sandbox of ours: as it is configured').toMatchObject([{ ok: false }]);
      expect(asked).toBe(1);
    },
  );

  it('begins with the rows of a file, else with those of the fixtures', async () => {
    await mkdir(join(folder, 'connectors/shop/fixtures'));
    await writeFile(
      join(folder, 'connectors/shop/fixtures/conformance.yaml'),
      'data: { orders: [{ id: ord_7 }] }\n',
    );
    expect(await ordersOf()).toMatchObject({ code: exit.clean, ids: ['ord_7'] });
    await writeFile(join(folder, 'rows.yaml'), 'shop:\n  orders: [{ id: ord_8 }, { id: ord_9 }]\n');
    const { err, ids } = await ordersOf('--rows', 'rows.yaml');
    expect(ids).toEqual(['ord_8', 'ord_9']);
    expect(err).toMatch(
      /^shop: faults at .*; 2 rows to begin with, more by POST to .*\/_sandbox\/rows, changes by PATCH$/m,
    );
  });

  it.each([
    ['shop: { order: [] }', 'shop has no resource "order"; it has'],
    ['shopp: { orders: [] }', '--rows: no sandbox of a connection shopp is asked for; of these: shop'],
    ['shop: { orders: { id: a } }', 'rows.yaml: shop: `orders` is no list of rows'],
    [
      'shop: { orders: [{ id: a }, { id: b, status: gone }] }',
      'rows.yaml: shop: `orders`: row 2: `status` must be one of "open", "paid", "shipped"\ncorrect it, or start without --rows',
    ],
    [
      'shop: { orders: [{ id: a, status: paid }, { id: a }, { id: b, status: open }] }',
      'rows.yaml: shop: `orders`: row 2: there is one already with the `id` a\ncorrect it',
    ],
    [
      'shop: { orders: [{ id: a, statuss: paid }] }',
      'rows.yaml: shop: `orders`: row 1: the contract has no such `statuss`; did you mean `status`?\ncorrect it',
    ],
    ['shop: [', '--rows: '],
    ['- a', 'expected rows by connection and resource'],
  ])('says what is wrong with %s', async (rows, says) => {
    await writeFile(join(folder, 'rows.yaml'), `${rows}\n`);
    const { code, out, err } = await ordersOf('--rows', 'rows.yaml');
    expect(code).toBe(exit.usage);
    expect(err).toContain(says);
    expect(out).toBe('');
  });

  it('refuses rows for a mail server, which has none', async () => {
    for (const part of ['contracts', 'connectors'])
      await cp(join(import.meta.dirname, '../../../..', part, 'mail'), join(folder, part, 'mail'), {
        recursive: true,
      });
    await appendFile(
      join(folder, 'tenon.config.yaml'),
      '  mail: { connector: mail, baseUrl: env:MAIL_URL, credentials: { login: { username: env:MAIL_USER, password: env:MAIL_PASSWORD } } }\n',
    );
    await writeFile(join(folder, 'rows.yaml'), 'mail: { messages: [{ id: a }] }\n');
    const { code, out, err } = await ordersOf('--rows', 'rows.yaml');
    expect(err).toContain(
      'rows.yaml: mail: expected a connection whose system keeps rows; a mail server keeps what is sent to it, and begins with none: take it out',
    );
    expect([code, out]).toEqual([exit.usage, '']);
  });

  it('starts none for what is not asked over HTTP, says so, and gives it neither address nor credentials', async () => {
    for (const part of ['contracts', 'connectors'])
      for (const name of ['nats', 'clock'])
        await cp(join(import.meta.dirname, '../../../..', part, name), join(folder, part, name), {
          recursive: true,
        });
    await appendFile(
      join(folder, 'tenon.config.yaml'),
      `  stream: { connector: nats, baseUrl: env:STREAM_URL, credentials: { login: { username: env:STREAM_USER, password: env:STREAM_PASSWORD } } }
  bus: { connector: nats, baseUrl: nats://bus.example:4222, credentials: { login: { username: env:STREAM_USER, password: env:STREAM_PASSWORD } } }
  clock: { connector: clock, baseUrl: clock://here }
`,
    );
    const { code, out, err } = await runCommand(sandboxCommands, ['sandbox', 'stream', 'bus', 'clock'], {
      cwd: folder,
    });
    expect(err.split('\n')).toEqual([
      'stream: no sandbox, for it is asked by jetstream, not over HTTP: set STREAM_URL to a server of your own (nats://…), and its credentials: STREAM_USER, STREAM_PASSWORD',
      'bus: no sandbox, for it is asked by jetstream, not over HTTP: its baseUrl stands in tenon.config.yaml, and is called as it stands; its credentials: STREAM_USER, STREAM_PASSWORD',
      'clock: no sandbox, for it is asked by clock, not over HTTP: its baseUrl stands in tenon.config.yaml, and is called as it stands',
      '',
    ]);
    expect([code, out]).toEqual([exit.clean, '']);
    await writeFile(join(folder, 'rows.yaml'), 'stream: { orders: [] }\n');
    const given = await runCommand(sandboxCommands, ['sandbox', 'stream', '--rows', 'rows.yaml'], {
      cwd: folder,
    });
    expect([given.code, given.err]).toEqual([
      exit.usage,
      expect.stringContaining('rows.yaml: stream: it has no sandbox, so no rows; take it out'),
    ]);
  });

  it('says which port is taken', async () => {
    const { port } = server.address() as AddressInfo;
    expect(await ordersOf('--port', String(port))).toMatchObject({
      code: exit.usage,
      out: '',
      err: expect.stringContaining(`--port: ${port}, for shop, is taken`),
    });
  });

  it('prints no address of a sandbox where another does not start', async () => {
    const second =
      '  second: { connector: shop, baseUrl: env:SECOND_URL, credentials: { key: { token: env:SHOP_KEY } } }\n';
    await appendFile(join(folder, 'tenon.config.yaml'), second);
    await writeFile(join(folder, 'rows.yaml'), 'second: { orders: [{ id: a, status: gone }] }\n');
    expect(await ordersOf('--rows', 'rows.yaml')).toMatchObject({
      code: exit.usage,
      out: '',
      err: expect.stringMatching(/^[^\n]*--rows: .*second: `orders`: row 1: `status` must be one of/),
    });
  });

  it('leaves out what does not fit in the fixtures, and says where it stands', async () => {
    const fixtures = 'connectors/shop/fixtures/conformance.yaml';
    await mkdir(join(folder, 'connectors/shop/fixtures'));
    for (const [text, ids, says] of [
      [
        'data: { orders: [{ id: a, status: gone }, { id: b }], order: [] }',
        ['b'],
        `${fixtures}: data: \`orders\`: row 1: \`status\` must be one of "open", "paid", "shipped"; left out: correct it, or give --rows\n${fixtures}: data: shop has no resource "order"`,
      ],
      [
        'data: { orders: { id: a } }',
        undefined,
        `${fixtures}:1:17: \`data.orders\`: expected a list, found an object\n${fixtures}: no rows to begin with: correct it, or give --rows\n`,
      ],
      ['rows: {}', undefined, `${fixtures}:1:1: there is no \`rows\` here`],
    ] as const) {
      await writeFile(join(folder, fixtures), `${text}\n`);
      const ended = await ordersOf();
      expect(ended).toMatchObject({ code: exit.clean, ids });
      expect(ended.err).toContain(says);
    }
  });

  it('says at the start of which operations it does not know the effect, where that could be told, and how', async () => {
    expect((await ordersOf()).err).not.toContain('x-tenon-sandbox');
    const path = join(folder, 'contracts/shop/openapi.yaml');
    const text = await readFile(path, 'utf8');
    const told = '      x-tenon-sandbox:\n        set: { status: cancelled }\n';
    expect(text).toContain(told);
    await writeFile(path, text.replace(told, ''));
    const { code, err } = await ordersOf();
    expect(code).toBe(exit.clean);
    expect(err).toMatch(
      /^contracts\/shop\/openapi\.yaml:\d+:\d+: shop\.cancelShipment: the contract does not say .*changes nothing.*\n.*`\{ set: \{ … \} \}`.*\n1 sandbox;/m,
    );
  });

  it('starts none for a connection that only takes webhooks in, and says what sends them', async () => {
    const [contract, connector, config] = [
      'contracts/told/openapi.yaml',
      'connectors/told/connector.yaml',
      'tenon.config.yaml',
    ].map((file) => join(folder, file));
    for (const file of [contract!, connector!]) await mkdir(dirname(file));
    await writeFile(
      contract!,
      'openapi: 3.1.0\ninfo: { title: Told, version: 1.0.0 }\npaths: {}\nwebhooks: { said: { post: { requestBody: { content: { application/json: { schema: { type: object } } } }, responses: { "202": { description: Taken. } } } } }\n',
    );
    await writeFile(
      connector!,
      'apiVersion: tenon/v1\nkind: Connector\nmetadata: { name: told, version: 1.0.0, owner: platform }\ncontract: told\nauth: []\nwebhooks: { said: { verify: standard-webhooks, tolerance: 5m } }\n',
    );
    await appendFile(config!, '  told: { connector: told, webhookSecrets: [env:TOLD_SECRET] }\n');
    const { code, out, err } = await runCommand(sandboxCommands, ['sandbox', 'told'], { cwd: folder });
    expect(err).toBe('told: has nothing to call; `tenon deliver` sends its events\n');
    expect(out).toContain('export TOLD_SECRET=');
    expect(code).toBe(exit.clean);
    await writeFile(join(folder, 'rows.yaml'), 'told: { said: [] }\n');
    const given = await runCommand(sandboxCommands, ['sandbox', 'told', '--rows', 'rows.yaml'], {
      cwd: folder,
    });
    expect(given.code).toBe(exit.usage);
    expect(given.err).toContain('rows.yaml: told: it has nothing to call, so no rows; take it out');
  });
});

it('what a shell is given to read holds no command, whatever stands in the configuration', async () => {
  const path = join(folder, 'tenon.config.yaml');
  const config = await readFile(path, 'utf8');
  for (const [from, to] of [
    ['baseUrl: env:SHOP_URL', 'baseUrl: "env:SHOP_URL=1; touch owned; X"'],
    [
      '  shop:\n    connector: shop\n    baseUrl: env:SHOP_URL',
      '  "shop\\ntouch owned #":\n    connector: shop\n    baseUrl: http://127.0.0.1:1',
    ],
    [
      '    baseUrl: env:SHOP_URL',
      '    tokenUrls: { key: "env:T; touch owned; X" }\n    baseUrl: http://127.0.0.1:1',
    ],
  ] as const) {
    expect(config).toContain(from);
    await writeFile(path, config.replace(from, to));
    const { out } = await runCommand(sandboxCommands, ['sandbox'], {
      cwd: folder,
      interrupted: async () => {},
    });
    expect(out).not.toBe('');
    for (const line of out.trimEnd().split('\n'))
      expect(line).toMatch(/^(#.*|export [A-Za-z_]\w*=[\w.:/,${}-]*)$/);
  }
});
