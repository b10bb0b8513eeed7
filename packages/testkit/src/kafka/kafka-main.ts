import { kafkaServer } from './kafka-server.ts';

/**
 * `node --conditions=source packages/testkit/src/kafka/kafka-main.ts <folder> <port> [topic:partitions …]`: the Kafka test
 * server as a process of its own, so that it can be killed and started again on its folder. Ends on SIGTERM.
 */
const [folder = '', port = '0', ...topics] = process.argv.slice(2);
const server = await kafkaServer({ folder, port: Number(port) });
for (const topic of topics) {
  const [name = '', partitions = '1'] = topic.split(':');
  server.createTopic(name, Number(partitions));
}
process.stdout.write(`${JSON.stringify({ port: server.port })}\n`);
await new Promise<void>((resolve) => process.once('SIGTERM', resolve));
await server[Symbol.asyncDispose]();
