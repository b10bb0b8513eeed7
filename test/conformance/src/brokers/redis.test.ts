import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { createClient } from '@redis/client';
import redis from '@tenon/connector-redis';
import { connectorPlans } from '@tenon/testkit';
import { brokerSuite } from './broker-suite.ts';

const PORT = 6379;
const root = join(import.meta.dirname, '../../../..');
const plans = await connectorPlans(root, 'redis');

await brokerSuite({
  name: 'Redis Streams',
  port: PORT,
  module: redis,
  transport: 'redis-streams',
  keepsAcknowledged: true,
  baseUrl: (port) => `redis://127.0.0.1:${port}`,
  place: async () => {
    const name = `tenon-test-${randomBytes(6).toString('hex')}`;
    const client = createClient({ socket: { host: '127.0.0.1', port: PORT } });
    await client.connect();
    const operation = plans.operation('publishOrderPlaced');
    return {
      operation: { ...operation, message: { ...operation.message!, address: `${name}:sent` } },
      source: plans.source(['orderShipped'], { from: `${name}:taken`, create: true, everyMs: 100 }),
      arrived: async () => {
        const entries = await client.xRange(`${name}:sent`, '-', '+');
        return (entries ?? []).map(({ message }) => ({ id: message['id']!, body: message['body']! }));
      },
      put: async (messages) => {
        for (const { id, body } of messages)
          await client.xAdd(`${name}:taken`, '*', { body, ...(id !== undefined && { id }) });
      },
      left: async () => {
        const [group] = await client.xInfoGroups(`${name}:taken`).catch(() => []);
        const length = await client.xLen(`${name}:taken`);
        return group === undefined ? length : Number(group.pending) + Number(group.lag ?? 0);
      },
      [Symbol.asyncDispose]: async () => {
        const keys = await client.keys(`*${name}*`);
        if (keys.length > 0) await client.del(keys);
        await client.close();
      },
    };
  },
});
