import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { CallRequest, ConnectorModule, OperationPlan } from '@tenon/connector';
import kafka from '@tenon/connector-kafka';
import nats from '@tenon/connector-nats';
import rabbitmq from '@tenon/connector-rabbitmq';
import { Secret, systemClock, systemRandom } from '@tenon/model';
import { openLedger } from '@tenon/runtime';
import { connectorPlans } from '@tenon/testkit';
import { effectsServer } from './effects-server.ts';
import { type PrivateBroker, privateBroker } from './private-broker.ts';
import { brokerWorkspace } from './workspace.ts';

// `node --conditions=source test/bench/src/brokers/main.ts rabbitmq|nats|kafka [messages] [restarts] [consumer kills]`
//
// A broker of its own (for Kafka, of which none is at hand, the testkit's server as a process), our transport publishing into it, `tenon serve` taking messages in and making one effect of each
// over HTTP. Mid-stream the broker is killed (SIGKILL) and started again on its data, and so is `tenon serve`. In the end
// every message must have taken effect exactly once, those of one order in their order. Prints the counts; exits 3 when
// anything is lost, doubled or out of order.

const [kind = 'rabbitmq', messages = '100000', restarts = '3', kills = '2'] = process.argv.slice(2);
if (kind !== 'rabbitmq' && kind !== 'nats' && kind !== 'kafka')
  throw new Error('name a broker: rabbitmq, nats or kafka');
const total = Number(messages);
const ORDERS = 512;
const IN_FLIGHT = 128;
const AHEAD_MAX = 2_000;
const REPO = join(import.meta.dirname, '../../../..');
const modules: Readonly<Record<typeof kind, readonly [ConnectorModule, string, string]>> = {
  rabbitmq: [rabbitmq, 'amqp', 'amqp'],
  nats: [nats, 'jetstream', 'nats'],
  kafka: [kafka, 'kafka', 'kafka'],
};

const broker = await privateBroker(kind);
const effects = await effectsServer();
const root = await brokerWorkspace(kind);
const [module, transport, scheme] = modules[kind];
const baseUrl = `${scheme}://127.0.0.1:${broker.port}`;
const tally = { published: 0, attempts: 0, lost: 0, brokerKills: 0, consumerKills: 0 };
let serving: ChildProcess | undefined;
const started = Date.now();
try {
  serving = await serve();
  const [ready] = await Promise.all([publishAll(), disturb(broker)]);
  if (!ready) throw new Error('publishing gave up');
  await until(() => effects.count >= total, 7_200_000);
  // What still comes again would show as a second effect.
  await pause(3_000);
} finally {
  await end(serving, 'SIGTERM');
  await broker.end();
}
const seconds = (Date.now() - started) / 1000;
const { seen, doubled, outOfOrder, ...counts } = effects.report();
const missing = [...expected()].filter((name) => !seen.has(name));
const ledger = openLedger(join(root, '.tenon/tenon.db'));
const deadLetters = ledger.deadLetters().length;
const inDoubt = ledger.inDoubt().length;
const damage = ledger.check();
ledger.close();
effects.close();
await rm(root, { recursive: true, force: true });
const report = {
  broker: kind,
  messages: total,
  ...tally,
  ...counts,
  missing: missing.slice(0, 10),
  doubled: doubled.slice(0, 10),
  outOfOrder: outOfOrder.slice(0, 10),
  deadLetters,
  inDoubt,
  damage,
  seconds: Math.round(seconds),
};
console.log(JSON.stringify(report, null, 2));
const bad = missing.length + doubled.length + outOfOrder.length + deadLetters + inDoubt + damage.length;
process.exit(bad === 0 ? 0 : 3);

function* expected(): Generator<string> {
  for (let number = 0; number < total; number++) yield nameOf(number);
}

function nameOf(number: number): string {
  return `ord_${number % ORDERS}:${Math.floor(number / ORDERS) + 1}`;
}

/** All messages, those of one order one after another, each again until the broker has confirmed it. */
async function publishAll(): Promise<boolean> {
  const plans = await connectorPlans(REPO, kind);
  const plan = plans.operation('publishOrderPlaced');
  const shipped = plans.source(['orderShipped']);
  // Published where the source listens: the operation of the contract, with the address and body of its event.
  const operation: OperationPlan = {
    ...plan,
    input: true as unknown as OperationPlan['input'],
    message: { ...plan.message!, address: shipped.address, bindings: shipped.bindings },
  };
  const sender = module.transports![transport]!({
    connection: {
      name: 'bus',
      connector: kind,
      baseUrl,
      credentials: kind === 'rabbitmq' ? { login: { username: 'env:U', password: 'env:P' } } : {},
      webhookSecrets: [],
    },
    clock: systemClock,
    random: systemRandom,
    secrets: { resolve: async (reference) => new Secret(reference, 'guest') },
  });
  let next = 0;
  const lanes = new Map<number, Promise<void>>();
  const worker = async (): Promise<void> => {
    while (next < total) {
      // Not far ahead of what is taken in, so that each kill falls into publishing too.
      while (tally.published - effects.count > AHEAD_MAX) await pause(20);
      if (next >= total) return;
      const number = next++;
      const before = lanes.get(number % ORDERS);
      const mine = (before ?? Promise.resolve()).then(() => publish(number));
      lanes.set(number % ORDERS, mine);
      await mine;
    }
  };
  const publish = async (number: number): Promise<void> => {
    const [orderId, version] = nameOf(number).split(':');
    const request: CallRequest = {
      operation,
      input: { body: { orderId: orderId!, parcelId: `par_${number}`, version: Number(version) } },
      idempotencyKey: `message-${number}`,
    };
    for (;;) {
      tally.attempts++;
      const result = await sender.call(request);
      if (result.ok) break;
      if (result.failure.delivery === 'lost') tally.lost++;
      await pause(50);
    }
    tally.published++;
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
  await sender.close();
  return true;
}

/** Kills evenly over the stream: the broker, and what consumes. */
async function disturb(what: PrivateBroker): Promise<void> {
  const all = [
    ...Array.from({ length: Number(restarts) }, (_, index) => ({
      at: (index + 1) / (Number(restarts) + 1),
      broker: true,
    })),
    ...Array.from({ length: Number(kills) }, (_, index) => ({
      at: (index + 0.5) / (Number(kills) + 0.5),
      broker: false,
    })),
  ].sort((a, b) => a.at - b.at);
  for (const { at, broker: isBroker } of all) {
    await until(() => effects.count >= at * total * 0.95, 3_600_000);
    if (isBroker) {
      await what.kill();
      await what.start();
      tally.brokerKills++;
    } else {
      await end(serving, 'SIGKILL');
      serving = await serve();
      tally.consumerKills++;
    }
    console.error(
      `${Math.round(at * 100)}%: ${isBroker ? 'broker' : 'consumer'} killed; ${effects.count} effects, ${tally.published} published`,
    );
  }
}

async function serve(): Promise<ChildProcess> {
  const main = join(REPO, 'packages/cli/src/main.ts');
  const child = spawn(process.execPath, ['--conditions=source', main, 'serve', '--port', '0'], {
    cwd: root,
    env: {
      PATH: process.env['PATH'] ?? '',
      BUS_URL: baseUrl,
      BUS_USER: 'guest',
      BUS_PASSWORD: 'guest',
      EFFECTS_URL: effects.url,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let isServing = false;
  child.stdout.on('data', (chunk: Buffer) => {
    if (!isServing && chunk.includes('"kind":"serving"')) isServing = true;
  });
  await until(() => isServing || child.exitCode !== null, 300_000);
  if (!isServing) throw new Error('tenon serve does not come up');
  return child;
}

async function end(child: ChildProcess | undefined, signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill(signal);
  await gone;
}

async function until(isSo: () => boolean, boundMs: number): Promise<void> {
  for (const untilMs = Date.now() + boundMs; !isSo(); ) {
    if (Date.now() > untilMs)
      throw new Error(`not within ${boundMs} ms: ${JSON.stringify({ ...tally, effects: effects.count })}`);
    await pause(50);
  }
}
