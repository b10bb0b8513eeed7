import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import rabbitmq from '@tenon/connector-rabbitmq';
import { Secret, sleep, systemClock, systemRandom } from '@tenon/model';
import { checkWorkspace, loadWorkspaceFiles, memoryWorkspaceFiles, planPublications } from '@tenon/pipeline';
import { openRuntime, type Runtime } from '@tenon/runtime';
import { planFor, step } from '@tenon/runtime/testing';
import { faultyHop, missingService } from '@tenon/testkit';
import { connect } from 'amqplib';
import { describe, expect, it } from 'vitest';

const PORT = 5672;
const root = join(import.meta.dirname, '../../../..');
const missing = await missingService('RabbitMQ', PORT, process.env);

/** A workspace whose connector sends `orderShipped` out instead of taking it in. */
async function publications(exchange: string, orderBy: string) {
  const contract = await readFile(join(root, 'contracts/rabbitmq/asyncapi.yaml'), 'utf8');
  const loaded = await loadWorkspaceFiles(
    '/workspace',
    memoryWorkspaceFiles({
      'contracts/rabbitmq/asyncapi.yaml': contract.replaceAll('name: orders,', `name: ${exchange},`),
      'contracts/rabbitmq/contract.yaml': await readFile(
        join(root, 'contracts/rabbitmq/contract.yaml'),
        'utf8',
      ),
      'connectors/rabbitmq/src/index.ts': 'export default {};\n',
      'connectors/rabbitmq/connector.yaml': `apiVersion: tenon/v1
kind: Connector
metadata: { name: rabbitmq, version: 1.0.0, owner: platform }
contract: rabbitmq
transport: amqp
publications:
  orderShipped:
    idempotency: { mode: header, name: message-id, retention: 7d }
    message: { orderBy: ${orderBy}, envelope: { type: shop.shipped, source: /shop } }
`,
      'tenon.config.yaml': `apiVersion: tenon/v1
kind: Workspace
connections:
  bus:
    connector: rabbitmq
    baseUrl: 'env:BUS_URL'
    grants: { publish-bus-orderShipped: { operations: ['publish:orderShipped'] } }
`,
      'owners.yaml': 'apiVersion: tenon/v1\nkind: Owners\nteams: [{ name: platform }]\n',
    }),
  );
  const diagnostics = [...loaded.diagnostics, ...checkWorkspace(loaded.value!).diagnostics];
  return {
    diagnostics: diagnostics.filter(({ severity }) => severity === 'error'),
    plans: planPublications(loaded.value!),
  };
}

describe.skipIf(missing !== undefined)('an event that a pipeline emits', () => {
  it('goes out over each connection that publishes it, once, in order, though broker and process were away', async () => {
    const name = `tenon-test-${randomBytes(6).toString('hex')}`;
    const model = await connect({ hostname: '127.0.0.1', port: PORT });
    const channel = await model.createChannel();
    await channel.assertExchange(name, 'topic', { durable: true });
    await channel.assertQueue(name, { durable: true, arguments: { 'x-queue-type': 'quorum' } });
    await channel.bindQueue(name, name, 'order.shipped');
    const arrived: { readonly id: string; readonly version: number; readonly type: string }[] = [];
    await channel.consume(name, (message) => {
      if (message === null) return;
      const { version } = JSON.parse(message.content.toString()) as { version: number };
      const type = String(message.properties.headers?.['ce-type']);
      arrived.push({ id: String(message.properties.messageId), version, type });
      channel.ack(message);
    });
    const hop = await faultyHop(PORT);
    const folder = await mkdtemp(join(tmpdir(), 'tenon-publish-'));
    const { plans, diagnostics } = await publications(name, '/orderId');
    expect(diagnostics).toEqual([]);
    expect(plans.map(({ pipeline }) => pipeline)).toEqual(['publish-bus-orderShipped']);
    const transport = rabbitmq.transports!['amqp']!({
      connection: {
        name: 'bus',
        connector: 'rabbitmq',
        baseUrl: `amqp://127.0.0.1:${hop.port}`,
        credentials: { login: { username: 'env:U', password: 'env:P' } },
        webhookSecrets: [],
      },
      clock: systemClock,
      random: systemRandom,
      secrets: { resolve: async (reference) => new Secret(reference, 'guest') },
    });
    const open = async (): Promise<Runtime> => {
      const runtime = await openRuntime({
        file: join(folder, 'tenon.db'),
        clock: systemClock,
        random: systemRandom,
        transport: () => transport,
      });
      for (const plan of plans) await runtime.activate(plan);
      await runtime.activate(
        planFor({
          steps: [
            step('emit', 'told', {
              event: 'rabbitmq.orderShipped',
              with: {
                object: {
                  orderId: { literal: 'ord_1' },
                  parcelId: { literal: 'p' },
                  version: { expression: 'event.amount' },
                },
              },
            }),
          ],
          events: { ...planFor({ steps: [] }).events, ...plans[0]!.events },
        }),
      );
      return runtime;
    };
    const order = (runtime: Runtime, version: number) =>
      runtime.accept({
        event: 'shop.ordered',
        payload: { id: `o${version}`, amount: version },
        deliveryId: `d${version}`,
        source: 'shop',
      });

    let runtime = await open();
    hop.mode = 'refuse';
    for (const version of [1, 2, 3]) {
      await order(runtime, version);
      await eventually(() => runtime.runs({ pipeline: 'orders', state: 'succeeded' }).length === version);
    }
    // What emitted has ended; what is to be sent waits on disk, and outlives the process.
    expect(arrived).toEqual([]);
    await runtime.stop();
    hop.mode = 'open';
    runtime = await open();
    await eventually(() => arrived.length === 3);
    await order(runtime, 4);
    await eventually(() => arrived.length === 4);
    expect(arrived.map(({ version }) => version)).toEqual([1, 2, 3, 4]);
    expect(new Set(arrived.map(({ id }) => id)).size).toBe(4);
    expect(arrived[0]!.type).toBe('shop.shipped');
    expect(runtime.deadLetters()).toEqual([]);

    await runtime.stop();
    await transport.close();
    await hop[Symbol.asyncDispose]();
    await channel.deleteQueue(name);
    await channel.deleteExchange(name);
    await model.close();
    await rm(folder, { recursive: true, force: true });
  });
});

async function eventually(isSo: () => boolean): Promise<void> {
  for (const untilMs = systemClock.now() + 20_000; !isSo(); ) {
    if (systemClock.now() > untilMs) throw new Error('it does not come to that');
    await sleep(systemClock, 20);
  }
}
