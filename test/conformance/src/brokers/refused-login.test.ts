import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { createClient } from '@redis/client';
import type { ConnectorModule, SourceContext, TransportContext } from '@tenon/connector';
import mqtt from '@tenon/connector-mqtt';
import nats from '@tenon/connector-nats';
import postgres from '@tenon/connector-postgres';
import rabbitmq from '@tenon/connector-rabbitmq';
import redis from '@tenon/connector-redis';
import { Secret, systemClock, systemRandom } from '@tenon/model';
import { connectorPlans, missingService } from '@tenon/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '../../../..');
const closing: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

interface Refusing {
  readonly name: string;
  readonly connector: string;
  readonly module: ConnectorModule;
  readonly transport: string;
  readonly operation: string;
  /** Of a server that asks for a login; what it needs is made before. */
  url(): Promise<string>;
  readonly missing: string | undefined;
  /** Gives what may log in, and neither send nor take; absent where no such login can be had. */
  readonly barred?: typeof WRONG;
}

const WRONG = { username: 'tenon-nobody', password: 'correct-horse-battery' };
const BARRED = { username: `tenon-barred-${process.pid}`, password: 'right' };
/** May send, and not hear what is answered. */
const DEAF = { username: 'deaf', password: 'right' };
const ALL = { username: 'all', password: 'right' };

const servers: readonly Refusing[] = [
  {
    name: 'PostgreSQL',
    connector: 'postgres',
    module: postgres,
    transport: 'postgres',
    operation: 'recordOrder',
    // Logins by password are left to whoever runs the server; a role that it does not have is refused by any.
    url: async () => 'postgres://127.0.0.1:5432/postgres',
    missing: await missingService('PostgreSQL', 5432, process.env),
  },
  {
    name: 'Redis',
    connector: 'redis',
    module: redis,
    transport: 'redis-streams',
    operation: 'publishOrderPlaced',
    url: barredRedis,
    missing: await missingService('Redis', 6379, process.env),
    barred: BARRED,
  },
  {
    name: 'RabbitMQ',
    connector: 'rabbitmq',
    module: rabbitmq,
    transport: 'amqp',
    operation: 'publishOrderPlaced',
    url: async () => 'amqp://127.0.0.1:5672',
    missing: await missingService('RabbitMQ', 5672, process.env),
  },
  {
    name: 'NATS',
    connector: 'nats',
    module: nats,
    transport: 'jetstream',
    operation: 'publishOrderPlaced',
    url: ownNats,
    missing: missingBinary('/usr/sbin/nats-server'),
    barred: BARRED,
  },
  {
    name: 'MQTT',
    connector: 'mqtt',
    module: mqtt,
    transport: 'mqtt',
    operation: 'publishOrderPlaced',
    url: ownMosquitto,
    missing: missingBinary('/usr/sbin/mosquitto'),
    barred: BARRED,
  },
];

describe.each(servers)('$name', (server) => {
  const { connector, module, transport, url, missing, barred } = server;
  let baseUrl = '';
  let plans: Awaited<ReturnType<typeof connectorPlans>>;
  beforeAll(async () => {
    if (missing !== undefined) return;
    baseUrl = await url();
    plans = await connectorPlans(root, connector);
  });

  const contextFor = (login: typeof WRONG): TransportContext => contextOf(server, baseUrl, login);
  const called = (login: typeof WRONG) => calledOver(server, baseUrl, login);

  /** What a source reports first, and how long it then waits. */
  async function taken(login: typeof WRONG) {
    const told = Promise.withResolvers<Parameters<SourceContext['report']>>();
    const source = module.sources![transport]!({
      ...contextFor(login),
      plan: plans.source(['orderShipped'], { from: 'taken' }),
      cursor: () => undefined,
      deliver: async () => 'returned',
      report: (...report) => report[0] === 'connecting' && told.resolve(report),
    });
    try {
      return await told.promise;
    } finally {
      await source.stop();
    }
  }

  it.skipIf(missing !== undefined)(
    'a login that is refused is class auth, and nothing was sent',
    async () => {
      const result = await called(WRONG);
      expect(result).toMatchObject({
        ok: false,
        failure: { code: 'MESSAGE_REFUSED', class: 'auth', delivery: 'notSent' },
      });
      expect(JSON.stringify(result)).not.toContain('nobody');
      expect(JSON.stringify(result)).not.toContain('horse');
    },
  );

  it.skipIf(missing !== undefined)('a source says so, with its class', async () => {
    const [, problem, problemClass] = await taken(WRONG);
    expect(problem).toMatch(/refuse/);
    expect(problem).not.toContain('nobody');
    expect(problemClass).toBe('auth');
  });

  it.skipIf(missing !== undefined || barred === undefined)(
    'who may log in and not send is class permission',
    async () => {
      expect(await called(barred!)).toMatchObject({ ok: false, failure: { class: 'permission' } });
    },
  );
});

it.skipIf(missingBinary('/usr/sbin/nats-server') !== undefined)(
  'what NATS has stored is no refusal where its answer cannot be heard',
  async () => {
    const url = await ownNats();
    const connection = await connect({ servers: url, user: ALL.username, pass: ALL.password });
    closing.push(() => connection.close());
    const { streams } = await jetstreamManager(connection);
    await streams.add({ name: 'orders', subjects: ['orders.>'] });
    const result = await calledOver(servers.find(({ name }) => name === 'NATS')!, url, DEAF);
    expect((await streams.info('orders')).state.messages).toBe(1);
    expect(result).toMatchObject({ ok: false, failure: { delivery: 'lost' } });
  },
);

it.each([
  ['Redis', '-ERR max number of clients reached\r\n'],
  ['PostgreSQL', pgError('XX000', 'no room for another client')],
])('%s without room may have room later: that is no refusal for good', async (name, answer) => {
  const full = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => socket.end(answer));
  }).listen(0, '127.0.0.1');
  closing.push(async () => void full.close());
  await once(full, 'listening');
  const address = full.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  const scheme = name === 'Redis' ? 'redis' : 'postgres';
  const path = name === 'Redis' ? '' : '/postgres';
  const server = servers.find((one) => one.name === name)!;
  expect(await calledOver(server, `${scheme}://127.0.0.1:${port}${path}`, WRONG)).toMatchObject({
    ok: false,
    failure: { class: 'transient', delivery: 'notSent' },
  });
});

/** What PostgreSQL, or a pooler before it, answers a client that it does not let in. */
function pgError(state: string, message: string): Buffer {
  const fields = Buffer.from(`SFATAL\0VFATAL\0C${state}\0M${message}\0\0`);
  const head = Buffer.alloc(5);
  head.write('E');
  head.writeInt32BE(fields.length + 4, 1);
  return Buffer.concat([head, fields]);
}

function contextOf({ connector }: Refusing, baseUrl: string, login: typeof WRONG): TransportContext {
  return {
    connection: {
      name: 'bus',
      connector,
      baseUrl,
      credentials: { login: { username: 'env:USER', password: 'env:PASSWORD' } },
      webhookSecrets: [],
    },
    clock: systemClock,
    random: systemRandom,
    secrets: {
      resolve: async (reference: string) =>
        new Secret(reference, reference === 'env:USER' ? login.username : login.password),
    },
  };
}

async function calledOver(server: Refusing, baseUrl: string, login: typeof WRONG) {
  const plans = await connectorPlans(root, server.connector);
  const made = server.module.transports![server.transport]!(contextOf(server, baseUrl, login));
  try {
    return await made.call({
      operation: plans.operation(server.operation),
      input: { body: { orderId: 'ord_1', total: 1, currency: 'EUR', version: 1 } },
      idempotencyKey: 'key-1',
      deadlineAt: systemClock.now() + 5_000,
    });
  } finally {
    await made.close();
  }
}

function missingBinary(file: string): string | undefined {
  if (existsSync(file)) return undefined;
  if (process.env['TENON_REQUIRE_SERVICES'] === '1') throw new Error(`no ${file}, and it is asked for`);
  return `no ${file}`;
}

/** A server that asks for a login, of this test alone. */
async function ownServer(
  binary: string,
  configure: (folder: string, port: number) => Promise<readonly string[]>,
): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'tenon-refusing-'));
  const port = await freePort();
  const child = spawn(binary, await configure(folder, port), { stdio: 'ignore' });
  closing.push(async () => {
    child.kill();
    await rm(folder, { recursive: true, force: true });
  });
  while ((await missingService(binary, port, {})) !== undefined) {
    if (child.exitCode !== null) throw new Error(`${binary} does not come up`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return port;
}

/** Redis has users of its own; this one may say who it is. */
async function barredRedis(): Promise<string> {
  const client = createClient({ socket: { host: '127.0.0.1', port: 6379 } });
  await client.connect();
  const { username, password } = BARRED;
  await client.sendCommand(['ACL', 'SETUSER', username, 'on', `>${password}`, '+@connection']);
  closing.push(async () => {
    await client.sendCommand(['ACL', 'DELUSER', username]);
    await client.close();
  });
  return 'redis://127.0.0.1:6379';
}

async function ownNats(): Promise<string> {
  const port = await ownServer('/usr/sbin/nats-server', async (folder, port) => {
    const file = join(folder, 'nats.conf');
    await writeFile(
      file,
      `listen: 127.0.0.1:${port}
jetstream { store_dir: ${JSON.stringify(folder)} }
authorization { users: [
  { user: ${JSON.stringify(BARRED.username)}, password: right, permissions: { publish: "_INBOX.>", subscribe: "_INBOX.>" } }
  { user: ${DEAF.username}, password: right, permissions: { publish: ">", subscribe: "nothing" } }
  { user: ${ALL.username}, password: right }
] }
`,
    );
    return ['-c', file];
  });
  return `nats://127.0.0.1:${port}`;
}

async function ownMosquitto(): Promise<string> {
  const port = await ownServer('/usr/sbin/mosquitto', async (folder, port) => {
    const [passwords, rights, file] = ['passwords', 'rights', 'mosquitto.conf'].map((name) =>
      join(folder, name),
    ) as [string, string, string];
    execFileSync('mosquitto_passwd', ['-b', '-c', passwords, BARRED.username, BARRED.password]);
    await writeFile(rights, `user ${BARRED.username}\ntopic read nothing\n`);
    await writeFile(
      file,
      `listener ${port} 127.0.0.1
user root
allow_anonymous false
password_file ${passwords}
acl_file ${rights}
`,
    );
    return ['-c', file];
  });
  return `mqtt://127.0.0.1:${port}`;
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
