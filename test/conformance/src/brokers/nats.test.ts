import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { AckPolicy, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, headers, nanos } from '@nats-io/transport-node';
import nats, { jetStreamTransport } from '@tenon/connector-nats';
import { Secret, systemClock, systemRandom } from '@tenon/model';
import { connectorPlans, missingService } from '@tenon/testkit';
import { expect, it } from 'vitest';
import { brokerSuite, type RawMessage } from './broker-suite.ts';

const PORT = 4222;
const root = join(import.meta.dirname, '../../../..');
const plans = await connectorPlans(root, 'nats');

await brokerSuite({
  name: 'NATS JetStream',
  port: PORT,
  module: nats,
  transport: 'jetstream',
  cannot: { silence: 'its client pings by itself, and takes 20 s to miss an answer' },
  keepsAcknowledged: true,
  baseUrl: (port) => `nats://127.0.0.1:${port}`,
  place: async () => {
    const name = `tenon-test-${randomBytes(6).toString('hex')}`;
    const connection = await connect({ servers: `127.0.0.1:${PORT}` });
    const manager = await jetstreamManager(connection);
    const client = jetstream(connection);
    await manager.streams.add({ name, subjects: [`${name}.>`] });
    await manager.consumers.add(name, {
      durable_name: 'tenon',
      filter_subject: `${name}.shipped`,
      ack_policy: AckPolicy.Explicit,
      ack_wait: nanos(500),
    });
    const operation = plans.operation('publishOrderPlaced');
    return {
      operation: { ...operation, message: { ...operation.message!, address: `${name}.placed` } },
      source: plans.source(['orderShipped'], { from: name, address: `${name}.shipped` }),
      arrived: async () => {
        const { state } = await manager.streams.info(name);
        const found: RawMessage[] = [];
        if (state.messages === 0) return found;
        for (let seq = state.first_seq; seq <= state.last_seq; seq++) {
          const message = await manager.streams.getMessage(name, { seq });
          if (message?.subject === `${name}.placed`)
            found.push({ id: message.header.get('Nats-Msg-Id'), body: message.string() });
        }
        return found;
      },
      put: async (messages) => {
        for (const { id, body } of messages) {
          const fields = headers();
          fields.set('Content-Type', 'application/json');
          await client.publish(`${name}.shipped`, body, {
            headers: fields,
            ...(id !== undefined && { msgID: id }),
          });
        }
      },
      left: async () => {
        const consumer = await manager.consumers.info(name, 'tenon');
        return consumer.num_pending + consumer.num_ack_pending;
      },
      [Symbol.asyncDispose]: async () => {
        await manager.streams.delete(name);
        await connection.close();
      },
    };
  },
});

it.skipIf((await missingService('NATS JetStream', PORT, process.env)) !== undefined)(
  'a subject that no stream takes is refused by the name that its contract gives it, and known not to be stored',
  async () => {
    const subject = `nowhere-${randomBytes(6).toString('hex')}`;
    const transport = jetStreamTransport({
      connection: {
        name: 'stream',
        connector: 'nats',
        baseUrl: `nats://127.0.0.1:${PORT}`,
        credentials: {},
        webhookSecrets: [],
      },
      clock: systemClock,
      random: systemRandom,
      secrets: { resolve: async (reference: string) => new Secret(reference, 'none') },
    });
    try {
      const operation = plans.operation('publishOrderPlaced');
      const result = await transport.call({
        operation: {
          ...operation,
          // What fills an address may be of somebody: it is not in what is said.
          input: true,
          message: {
            ...operation.message!,
            address: `${subject}.{customer}`,
            parameters: [
              {
                name: 'customer',
                key: 'customer',
                in: 'channel',
                required: true,
                style: 'simple',
                explode: false,
                allowReserved: false,
              },
            ],
          },
        },
        input: { customer: 'ada', body: { orderId: 'ord_1', total: 1, currency: 'EUR', version: 1 } },
        idempotencyKey: 'key-1',
      });
      expect(result).toMatchObject({
        ok: false,
        failure: {
          class: 'transient',
          delivery: 'notSent',
          message: expect.stringContaining(`no stream takes ${subject}.{customer};`),
        },
      });
    } finally {
      await transport.close();
    }
  },
);
