import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import mqtt from '@tenon/connector-mqtt';
import { connectorPlans, type WireTap } from '@tenon/testkit';
import { connectAsync } from 'mqtt';
import { brokerSuite, type RawMessage } from './broker-suite.ts';

const PORT = 1883;
const root = join(import.meta.dirname, '../../../..');
const plans = await connectorPlans(root, 'mqtt');
/** The broker does not say what a session has not acknowledged; the wire does. Of the test that runs. */
const acknowledged = { count: 0 };

await brokerSuite({
  name: 'MQTT (Mosquitto)',
  port: PORT,
  module: mqtt,
  transport: 'mqtt',
  baseUrl: (port) => `mqtt://127.0.0.1:${port}`,
  tap: () => pubackTap(),
  atOnce: 1,
  cannot: { lag: 'the protocol has no word for what waits' },
  place: async () => {
    const name = `tenon-test-${randomBytes(6).toString('hex')}`;
    const client = await connectAsync({ host: '127.0.0.1', port: PORT, protocolVersion: 5 });
    const arrived: RawMessage[] = [];
    client.on('message', (_topic, payload, packet) => {
      arrived.push({
        id: String(packet.properties?.userProperties?.['message-id']),
        body: payload.toString(),
      });
    });
    await client.subscribeAsync(`${name}/sent`, { qos: 1 });
    // The session that the source will take over: what is published before it comes is kept for it.
    const group = name;
    const session = await connectAsync({
      host: '127.0.0.1',
      port: PORT,
      protocolVersion: 5,
      clientId: `tenon-bus-${group}`,
      clean: false,
      properties: { sessionExpiryInterval: 600 },
    });
    await session.subscribeAsync(`${name}/taken`, { qos: 1 });
    await session.endAsync();
    acknowledged.count = 0;
    let put = 0;
    const operation = plans.operation('publishOrderPlaced');
    return {
      operation: { ...operation, message: { ...operation.message!, address: `${name}/sent` } },
      source: plans.source(['orderShipped'], { from: `${name}/taken`, group }),
      arrived: async () => [...arrived],
      put: async (messages) => {
        for (const { id, body } of messages) {
          put++;
          await client.publishAsync(`${name}/taken`, body, {
            qos: 1,
            properties: {
              contentType: 'application/json',
              ...(id !== undefined && { userProperties: { 'message-id': id } }),
            },
          });
        }
      },
      left: async () => put - acknowledged.count,
      [Symbol.asyncDispose]: async () => {
        const last = await connectAsync({
          host: '127.0.0.1',
          port: PORT,
          protocolVersion: 5,
          clientId: `tenon-bus-${group}`,
          clean: true,
          properties: { sessionExpiryInterval: 0 },
        });
        await last.endAsync();
        await client.endAsync();
      },
    };
  },
});

/** Counts PUBACK packets (type 4) that we send. */
function pubackTap(): WireTap {
  let rest = Buffer.alloc(0);
  return {
    fromClient: (chunk) => {
      rest = Buffer.concat([rest, chunk]);
      for (;;) {
        const length = remainingLength(rest);
        if (length === undefined || rest.length < length.end) return;
        if (rest[0]! >> 4 === 4) acknowledged.count++;
        rest = rest.subarray(length.end);
      }
    },
    fromServer: () => {},
    ended: () => {},
  };
}

/** MQTT 5 §1.5.5: seven bits a byte, the lowest first. */
function remainingLength(bytes: Buffer): { readonly end: number } | undefined {
  let value = 0;
  for (let index = 1; index < Math.min(bytes.length, 5); index++) {
    value += (bytes[index]! & 127) << (7 * (index - 1));
    if (bytes[index]! < 128) return { end: index + 1 + value };
  }
  return undefined;
}
