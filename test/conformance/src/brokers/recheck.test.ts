import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import rabbitmq from '@tenon/connector-rabbitmq';
import { Secret, sleep, systemClock, systemRandom } from '@tenon/model';
import { checkWorkspace, loadWorkspaceFiles, memoryWorkspaceFiles, planSources } from '@tenon/pipeline';
import { openRuntime } from '@tenon/runtime';
import { consume } from '@tenon/server';
import { missingService } from '@tenon/testkit';
import { connect } from 'amqplib';
import { describe, expect, it } from 'vitest';

const PORT = 5672;
const root = join(import.meta.dirname, '../../../..');
const missing = await missingService('RabbitMQ', PORT, process.env);

const PIPELINE = `apiVersion: tenon/v1
kind: Pipeline
metadata: { name: parcels, version: 1, description: Notes each parcel of a tenant. }
owner: { team: platform, backup: sales, escalation: pager, respond: 15m, recover: 4h }
tier: low
trigger: { event: rabbitmq.orderShipped, where: "\${ headers.tenant != 'other' }" }
identity: { key: '\${ event.parcelId }', retain: 30d, orderBy: '\${ event.orderId }' }
limits: { deadline: 15m }
steps:
  - { id: noted, set: { parcel: '\${ event.parcelId }', of: '\${ headers.tenant }' } }
success: \${ steps.noted.parcel != '' }
onFailure: hold
`;

/** The workspace's plans, with the type that its contract gives to the version. */
async function planned(queue: string, version: string) {
  const contract = (await readFile(join(root, 'contracts/rabbitmq/asyncapi.yaml'), 'utf8'))
    .replace(/(OrderShipped:\n {6}type: object[\s\S]*?version: \{ type: )integer, minimum: 1/, `$1${version}`)
    .replace(
      '      title: A parcel has left\n      contentType',
      '      title: A parcel has left\n      headers: { type: object, required: [tenant], properties: { tenant: { type: string } } }\n      contentType',
    );
  expect(contract).toContain('required: [tenant]');
  const { value, diagnostics } = await loadWorkspaceFiles(
    '/workspace',
    memoryWorkspaceFiles({
      'contracts/rabbitmq/asyncapi.yaml': contract,
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
sources: { orderShipped: { from: ${queue}, orderBy: /orderId } }
`,
      'pipelines/parcels.pipeline.yaml': PIPELINE,
      'tenon.config.yaml':
        "apiVersion: tenon/v1\nkind: Workspace\nconnections: { bus: { connector: rabbitmq, baseUrl: 'env:BUS_URL' } }\n",
      'owners.yaml': 'apiVersion: tenon/v1\nkind: Owners\nteams: [{ name: platform }, { name: sales }]\n',
    }),
  );
  const check = checkWorkspace(value!);
  const errors = [...diagnostics, ...check.diagnostics].filter(({ severity }) => severity === 'error');
  expect(errors.map(({ code, message }) => `${code} ${message}`)).toEqual([]);
  const [source] = planSources(
    value!.contracts.get('rabbitmq')!,
    value!.connectors.get('rabbitmq')!,
    new Set(['rabbitmq.orderShipped']),
  );
  return { plan: check.plans.get('parcels')!, source: source! };
}

async function eventually(holds: () => boolean): Promise<void> {
  for (let look = 0; !holds(); look++) {
    if (look > 200) throw new Error('it did not come to be');
    await sleep(systemClock, 50);
  }
}

describe.skipIf(missing !== undefined)('messages in quarantine', () => {
  it('are released once their contract is mended, in order, with their headers, and off the broker all the while', async () => {
    const queue = `tenon-test-${randomBytes(6).toString('hex')}`;
    const model = await connect({ hostname: '127.0.0.1', port: PORT });
    const channel = await model.createConfirmChannel();
    await channel.assertQueue(queue, { durable: true, arguments: { 'x-queue-type': 'quorum' } });
    const put = async (
      parcelId: string,
      orderId: string,
      version: unknown,
      headers: object = { tenant: 'a', secret: 'hush' },
    ) => {
      channel.sendToQueue(queue, Buffer.from(JSON.stringify({ orderId, parcelId, version })), {
        contentType: 'application/json',
        messageId: parcelId,
        persistent: true,
        headers,
      });
      await channel.waitForConfirms();
    };
    const folder = await mkdtemp(join(tmpdir(), 'tenon-recheck-'));
    const runtime = await openRuntime({
      file: join(folder, 'tenon.db'),
      clock: systemClock,
      random: systemRandom,
      transport: () => ({ call: () => Promise.reject(new Error('it calls nothing')), close: async () => {} }),
    });
    const first = await planned(queue, 'integer');
    await runtime.activate(first.plan);
    const context = {
      connection: {
        name: 'bus',
        connector: 'rabbitmq',
        baseUrl: `amqp://127.0.0.1:${PORT}`,
        credentials: { login: { username: 'env:U', password: 'env:P' } } as const,
        webhookSecrets: [],
      },
      clock: systemClock,
      random: systemRandom,
      secrets: { resolve: async (reference: string) => new Secret(reference, 'guest') },
    };
    const consumer = consume({
      connection: 'bus',
      plan: first.source,
      runtime,
      clock: systemClock,
      random: systemRandom,
      source: (given) => rabbitmq.sources!['amqp']!({ ...context, ...given }),
      log: () => {},
    });
    const states = () =>
      runtime
        .runs()
        .map(({ key, state }) => `${key} ${state}`)
        .reverse();
    try {
      // The sender has begun to write versions as texts; one message lacks its header, and one is for others.
      await put('p1', 'o1', 1);
      await put('p2', 'o1', 'two');
      await put('p3', 'o1', 'three');
      await put('p4', 'o2', 'one', {});
      await put('p5', 'o2', 'two');
      await put('p6', 'o3', 'one', { tenant: 'other' });
      await eventually(() => runtime.deadLetters().length === 5);
      expect((await channel.checkQueue(queue)).messageCount).toBe(0);
      expect(states()).toContain('p1 succeeded');

      const mended = await planned(queue, '[integer, string]');
      await runtime.activate(mended.plan);
      const dry = await runtime.recheck({}, 'ana', 'versions may be texts');
      const judged = dry.events.map(({ deliveryId, outcome }) => `${deliveryId} ${outcome}`);
      // Those of one order stand as they came; the orders came in at the same time.
      const ofOrder = (...parcels: string[]) => judged.filter((one) => parcels.includes(one.slice(0, 2)));
      expect(ofOrder('p2', 'p3')).toEqual(['p2 passes', 'p3 passes']);
      expect(ofOrder('p4', 'p5')).toEqual(['p4 fails', 'p5 behind']);
      expect(ofOrder('p6')).toEqual(['p6 passes']);
      expect(dry.events.find(({ deliveryId }) => deliveryId === 'p4')?.failure).toMatchObject({
        code: 'EVENT_HEADERS_INVALID',
        pointer: '/tenant',
      });
      await put('p7', 'o4', 4);
      await eventually(() => states().includes('p7 succeeded'));
      await runtime.recheck({ apply: true, through: dry.through }, 'ana', 'looked through');
      await runtime.idle();
      const succeeded = states().filter((one) => one.endsWith('succeeded'));
      expect(succeeded.toSorted()).toEqual(['p1', 'p2', 'p3', 'p7'].map((parcel) => `${parcel} succeeded`));
      expect(succeeded.indexOf('p2 succeeded')).toBeLessThan(succeeded.indexOf('p3 succeeded'));
      const [released] = runtime.runs({ key: 'p2' });
      const detail = runtime.run(released!.runId)!;
      expect(detail).toMatchObject({ headers: { tenant: 'a' }, input: { version: 'two' } });
      expect(JSON.stringify(detail)).not.toContain('hush');
      expect(runtime.deadLetters().map(({ key }) => key)).toEqual(['delivery:p4', 'delivery:p5']);
      // The same deliveries once more from the broker are known.
      await put('p2', 'o1', 'two');
      await eventually(() => consumer.status().counts.duplicate === 1);
    } finally {
      await consumer.stop();
      await runtime.stop();
      await channel.deleteQueue(queue);
      await model.close();
      await rm(folder, { recursive: true, force: true });
    }
  });
});
