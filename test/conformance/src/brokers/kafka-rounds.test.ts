import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ProduceAcks, Producer } from '@platformatic/kafka';
import type { ConnectionConfig, IncomingMessage, SourceContext } from '@tenon/connector';
import { kafkaSource, kafkaTransport } from '@tenon/connector-kafka';
import { Secret, sleep, systemClock, systemRandom } from '@tenon/model';
import { connectorPlans, type KafkaServer, kafkaServer } from '@tenon/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const TOPIC = 'orders.shipped';
const PATIENCE_MS = 25_000;
const plans = await connectorPlans(join(import.meta.dirname, '../../../..'), 'kafka');
const plan = plans.source(['orderShipped'], { prefetchMax: 20 });

let folder: string;
let server: KafkaServer;
const closing: (() => Promise<unknown>)[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tenon-kafka-'));
  server = await kafkaServer({ folder, credentials: { tenon: 'secret' } });
  server.createTopic(TOPIC, 3);
});
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
  await server[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

function context(password = 'secret') {
  const connection: ConnectionConfig = {
    name: 'log',
    connector: 'kafka',
    baseUrl: `kafka://127.0.0.1:${server.port}`,
    credentials: { login: { username: 'env:USER', password: 'env:PASSWORD' } },
    webhookSecrets: [],
  };
  const secrets = {
    resolve: async (reference: string) =>
      new Secret(reference, reference === 'env:USER' ? 'tenon' : password),
  };
  return { connection, clock: systemClock, random: systemRandom, secrets };
}

/** One consumer's memory: what was handed to it first, in its order, under the id of the delivery. */
function member(stored: Map<string, string>, deliver: SourceContext['deliver'] = async () => 'accepted') {
  const states: string[] = [];
  const seen: string[] = [];
  const source = kafkaSource({
    ...context(),
    plan,
    cursor: () => undefined,
    deliver: async (message) => {
      const settlement = await deliver(message);
      if (settlement === 'accepted') {
        seen.push(message.id!);
        stored.set(message.id!, stored.get(message.id!) ?? Buffer.from(message.body).toString());
      }
      return settlement;
    },
    report: (state, problem) => states.push(problem ?? state),
  });
  closing.push(() => source.stop());
  return { source, states, seen };
}

/** Messages of eight orders, each with its versions in their order. */
async function publish(from: number, to: number): Promise<void> {
  const transport = kafkaTransport(context());
  const operation = plans.operation('publishOrderPlaced');
  try {
    for (let number = from; number < to; number++) {
      const result = await transport.call({
        operation: { ...operation, input: true, message: { ...operation.message!, address: TOPIC } },
        input: { body: { orderId: `ord_${number % 8}`, parcelId: 'p', version: number } },
        idempotencyKey: `m${number}`,
      });
      expect(result).toMatchObject({ ok: true });
    }
  } finally {
    await transport.close();
  }
}

async function until(isSo: () => boolean, what: () => unknown): Promise<void> {
  for (const untilMs = systemClock.now() + PATIENCE_MS; !isSo(); await sleep(systemClock, 20))
    if (systemClock.now() > untilMs) throw new Error(`in vain: ${JSON.stringify(what())}`);
}

const versionsOf = (values: Iterable<string>, order: string): number[] =>
  [...values].map((text) => JSON.parse(text)).flatMap((one) => (one.orderId === order ? [one.version] : []));

describe('the key of a record', () => {
  it('keeps the records of one order in one partition, in their order', async () => {
    await publish(0, 40);
    const partitions = server.records(TOPIC);
    expect(partitions.filter((records) => records.length > 0).length).toBeGreaterThan(1);
    for (let order = 0; order < 8; order++) {
      const holding = partitions.filter((records) =>
        records.some(({ key }) => String(key) === `ord_${order}`),
      );
      expect(holding).toHaveLength(1);
      const versions = versionsOf(
        holding[0]!.map(({ value }) => String(value)),
        `ord_${order}`,
      );
      expect(versions).toEqual([0, 1, 2, 3, 4].map((round) => round * 8 + order));
    }
  });
});

describe('a record that cannot be sent', () => {
  const call = async (options: {
    readonly password?: string;
    readonly topic: string;
    readonly bytes?: number;
  }) => {
    const transport = kafkaTransport(context(options.password));
    const operation = plans.operation('publishOrderPlaced');
    closing.push(() => transport.close());
    return transport.call({
      operation: { ...operation, input: true, message: { ...operation.message!, address: options.topic } },
      input: { body: { orderId: 'o', filler: 'x'.repeat(options.bytes ?? 0) } },
      idempotencyKey: 'm',
    });
  };

  it.each([
    ['of an unknown topic', { topic: 'nowhere' }, 'notFound', 'notSent'],
    ['too large for the topic', { topic: TOPIC, bytes: 1_100_000 }, 'validation', 'answered'],
    ['with a wrong login', { topic: TOPIC, password: 'wrong-secret' }, 'auth', 'notSent'],
  ])('%s is refused, and known not to be there', async (_what, options, failureClass, delivery) => {
    const result = await call(options);
    expect(result).toMatchObject({ ok: false, failure: { class: failureClass, delivery } });
    expect(JSON.stringify(result)).not.toContain('wrong-secret');
    expect(server.records(TOPIC).flat()).toEqual([]);
  });
});

describe('a group', { timeout: 60_000 }, () => {
  it('shares its partitions out anew when a member comes and goes, and no record is lost or overtaken', async () => {
    const stored = new Map<string, string>();
    const slowly = async (): Promise<'accepted'> => {
      await sleep(systemClock, 5);
      return 'accepted';
    };
    const first = member(stored, slowly);
    await publish(0, 40);
    await until(
      () => stored.size >= 20,
      () => [stored.size, first.states],
    );
    const second = member(stored, slowly);
    await until(
      () => second.states.includes('consuming'),
      () => second.states,
    );
    await publish(40, 120);
    await until(
      () => stored.size === 120,
      () => [stored.size, first.states, second.states],
    );
    expect(second.seen.length).toBeGreaterThan(0);
    await first.source.stop();
    await publish(120, 160);
    await until(
      () => stored.size === 160,
      () => [stored.size, second.states],
    );
    await until(
      () => server.left(TOPIC, plan.group) === 0,
      () => server.left(TOPIC, plan.group),
    );
    for (let order = 0; order < 8; order++) {
      const versions = versionsOf(stored.values(), `ord_${order}`);
      expect(versions).toEqual([...versions].sort((a, b) => a - b));
    }
  });

  it('goes on where it was when the server ends and starts again', async () => {
    const stored = new Map<string, string>();
    const { states } = member(stored);
    await publish(0, 30);
    await until(
      () => stored.size === 30,
      () => [stored.size, states],
    );
    const { port } = server;
    await server[Symbol.asyncDispose]();
    await until(
      () => states.some((state) => state.startsWith('the connection failed')),
      () => states,
    );
    server = await kafkaServer({ folder, port, credentials: { tenon: 'secret' } });
    await publish(30, 60);
    await until(
      () => stored.size === 60,
      () => [stored.size, states],
    );
    await until(
      () => server.left(TOPIC, plan.group) === 0,
      () => server.left(TOPIC, plan.group),
    );
  });

  it('reads a record again that could not be taken, and commits nothing past it', async () => {
    const stored = new Map<string, string>();
    let refusals = 2;
    const refuseOne = async ({ id }: IncomingMessage): Promise<'accepted' | 'returned'> =>
      id === 'm3' && refusals-- > 0 ? 'returned' : 'accepted';
    const { states } = member(stored, refuseOne);
    await publish(0, 16);
    await until(
      () => stored.size === 16,
      () => [stored.size, states],
    );
    expect(states).toContain('a record could not be taken; it is read again');
    await until(
      () => server.left(TOPIC, plan.group) === 0,
      () => server.left(TOPIC, plan.group),
    );
  });

  it('says that a login was refused, and that a topic is missing, without a secret', async () => {
    const states: string[] = [];
    const source = kafkaSource({
      ...context('wrong-secret'),
      plan,
      cursor: () => undefined,
      deliver: async () => 'accepted',
      report: (state, problem) => states.push(problem ?? state),
    });
    closing.push(() => source.stop());
    await until(
      () => states.some((state) => state.startsWith('the cluster refused the login')),
      () => states,
    );
    expect(states.join()).not.toContain('wrong-secret');
    const lost = kafkaSource({
      ...context(),
      plan: { ...plan, from: 'nowhere' },
      cursor: () => undefined,
      deliver: async () => 'accepted',
      report: (state, problem) => states.push(problem ?? state),
    });
    closing.push(() => lost.stop());
    await until(
      () => states.includes('the cluster has no such topic'),
      () => states,
    );
  });
});

describe('a tombstone', () => {
  it('is a message whose value is null', async () => {
    const stored = new Map<string, string>();
    member(stored);
    const producer = new Producer({
      clientId: 'another-program',
      bootstrapBrokers: [{ host: '127.0.0.1', port: server.port }],
      sasl: { mechanism: 'PLAIN', username: 'tenon', password: 'secret' },
      acks: ProduceAcks.ALL,
    });
    await producer.send({ messages: [{ topic: TOPIC, key: Buffer.from('ord_1'), partition: 2 }] });
    await producer.close();
    await until(
      () => stored.size === 1,
      () => stored.size,
    );
    expect([...stored]).toEqual([[`${TOPIC}:2:0`, 'null']]);
  });
});
