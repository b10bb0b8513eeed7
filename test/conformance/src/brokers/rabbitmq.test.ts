import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import rabbitmq from '@tenon/connector-rabbitmq';
import { connectorPlans, type WireTap } from '@tenon/testkit';
import { connect } from 'amqplib';
import { brokerSuite, type RawMessage } from './broker-suite.ts';

const PORT = 5672;
const root = join(import.meta.dirname, '../../../..');
/** Of the test that runs: each has its own. */
const unsettled: Unsettled = { count: 0 };
const plans = await connectorPlans(root, 'rabbitmq');

await brokerSuite({
  name: 'RabbitMQ',
  port: PORT,
  module: rabbitmq,
  transport: 'amqp',
  cannot: { silence: 'its client beats by itself, and takes 30 s to miss the other side' },
  login: { username: 'guest', password: 'guest' },
  baseUrl: (port) => `amqp://127.0.0.1:${port}`,
  tap: () => amqpTap(unsettled),
  place: async () => {
    const name = `tenon-test-${randomBytes(6).toString('hex')}`;
    const amqp = { is: 'routingKey', exchange: { name, type: 'topic', durable: true } };
    const model = await connect({ hostname: '127.0.0.1', port: PORT });
    const channel = await model.createConfirmChannel();
    await channel.assertExchange(name, 'topic', { durable: true });
    await channel.assertQueue(`${name}-sent`, { durable: true, arguments: { 'x-queue-type': 'quorum' } });
    await channel.bindQueue(`${name}-sent`, name, 'order.placed');
    const sent: RawMessage[] = [];
    await channel.consume(`${name}-sent`, (message) => {
      if (message === null) return;
      sent.push({ id: String(message.properties.messageId), body: message.content.toString() });
      channel.ack(message);
    });
    const operation = plans.operation('publishOrderPlaced');
    return {
      operation: { ...operation, message: { ...operation.message!, bindings: { amqp } } },
      source: plans.source(['orderShipped'], { from: `${name}-taken`, create: true, bindings: { amqp } }),
      arrived: async () => [...sent],
      put: async (messages) => {
        await channel.assertQueue(`${name}-taken`, {
          durable: true,
          arguments: { 'x-queue-type': 'quorum' },
        });
        await channel.bindQueue(`${name}-taken`, name, 'order.shipped');
        for (const { id, body } of messages)
          channel.publish(name, 'order.shipped', Buffer.from(body), {
            contentType: 'application/json',
            persistent: true,
            ...(id !== undefined && { messageId: id }),
          });
        await channel.waitForConfirms();
      },
      // AMQP counts only what is not out to a consumer.
      left: async () => (await channel.checkQueue(`${name}-taken`)).messageCount + unsettled.count,
      [Symbol.asyncDispose]: async () => {
        await channel.deleteQueue(`${name}-sent`);
        await channel.deleteQueue(`${name}-taken`);
        await channel.deleteExchange(name);
        await model.close();
      },
    };
  },
});

interface Unsettled {
  count: number;
}

/** Deliveries less acknowledgements, as the frames say: class 60, methods 60 (deliver), 80 (ack), 90 (reject), 120 (nack). */
function amqpTap(unsettled: Unsettled): WireTap {
  let open = 0;
  const add = (change: number): void => {
    open += change;
    unsettled.count += change;
  };
  return {
    fromClient: frames((method) => [80, 90, 120].includes(method) && add(-1)),
    fromServer: frames((method) => method === 60 && add(1)),
    ended: () => add(-open),
  };
}

function frames(seen: (method: number) => void): (chunk: Buffer) => void {
  let rest = Buffer.alloc(0);
  return (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    // The client opens with eight bytes that are no frame.
    if (rest.length >= 8 && rest.toString('latin1', 0, 4) === 'AMQP') rest = rest.subarray(8);
    while (rest.length >= 8 && rest.length >= 8 + rest.readUInt32BE(3)) {
      const isMethod = rest[0] === 1 && rest.readUInt16BE(7) === 60;
      if (isMethod) seen(rest.readUInt16BE(9));
      rest = rest.subarray(8 + rest.readUInt32BE(3));
    }
  };
}
