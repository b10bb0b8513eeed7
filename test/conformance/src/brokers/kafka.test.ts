import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ProduceAcks, Producer } from '@platformatic/kafka';
import kafka from '@tenon/connector-kafka';
import { connectorPlans, kafkaServer } from '@tenon/testkit';
import { afterAll } from 'vitest';
import { brokerSuite } from './broker-suite.ts';

// No real broker is to be had from the registries that this workspace builds from: this one is the testkit's own.
const root = join(import.meta.dirname, '../../../..');
const plans = await connectorPlans(root, 'kafka');
const folder = await mkdtemp(join(tmpdir(), 'tenon-kafka-'));
const server = await kafkaServer({ folder });
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

await brokerSuite({
  name: 'Kafka (the testkit’s server)',
  port: server.port,
  module: kafka,
  transport: 'kafka',
  cannot: {
    silence: 'its client asks the group by itself, and takes 30 s to miss an answer',
    lettingGo: 'this server is in the process of the test, and keeps all records there',
  },
  keepsAcknowledged: true,
  baseUrl: (port) => {
    // A cluster tells its clients where to come; here that is the hop.
    server.advertise(port);
    return `kafka://127.0.0.1:${port}`;
  },
  place: async () => {
    const name = `tenon-test-${randomBytes(6).toString('hex')}`;
    for (const topic of ['placed', 'shipped']) server.createTopic(`${name}.${topic}`, 3);
    const operation = plans.operation('publishOrderPlaced');
    return {
      operation: { ...operation, message: { ...operation.message!, address: `${name}.placed` } },
      source: plans.source(['orderShipped'], { from: `${name}.shipped`, group: name }),
      arrived: async () =>
        server
          .records(`${name}.placed`)
          .flat()
          .map(({ headers, value }) => ({ id: headers['message-id']!, body: String(value) })),
      put: async (messages) => {
        const producer = new Producer({
          clientId: 'another-program',
          bootstrapBrokers: [{ host: '127.0.0.1', port: server.insidePort }],
          acks: ProduceAcks.ALL,
        });
        try {
          for (const { id, body } of messages)
            await producer.send({
              messages: [
                {
                  topic: `${name}.shipped`,
                  key: Buffer.from(keyOf(body)),
                  value: Buffer.from(body),
                  headers: new Map(id === undefined ? [] : [[Buffer.from('message-id'), Buffer.from(id)]]),
                },
              ],
            });
        } finally {
          await producer.close();
        }
      },
      left: async () => server.left(`${name}.shipped`, name),
      [Symbol.asyncDispose]: async () => {},
    };
  },
});

/** Records of one order are in one partition. */
function keyOf(body: string): string {
  return /"orderId":"([^"]+)"/.exec(body)?.[1] ?? 'none';
}
