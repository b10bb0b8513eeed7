/**
 * A validated JSON call through the HTTP transport against the same call by bare undici, in turns, in one run, on one
 * server in another thread: requests a second, and their ratio (DESIGN §11 asks for 0.60); beside it the ratio of this thread's CPU time, which a
 * busy machine disturbs less.
 * `node --conditions=source test/bench/src/connector-call.ts`
 */
import { createServer } from 'node:http';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { httpTransport, type OperationPlan } from '@tenon/connector';
import { Secret, systemClock, systemRandom } from '@tenon/model';
import { Agent, request } from 'undici';

const CALLS = 8_000;
const IN_FLIGHT = 32;
const ROUNDS = 5;

const payload = { customer: 'cus_1001', amount: 98_000, currency: 'EUR', externalId: 'acc_1001:4' };
const invoice = {
  id: 'inv_7001',
  ...payload,
  status: 'open',
  description: null,
  createdAt: '2026-11-02T10:15:02Z',
};

const text = { type: 'string', minLength: 1 } as const;
const amount = { type: 'integer', minimum: 0 } as const;
const currency = { type: 'string', pattern: '^[A-Z]{3}$' } as const;

const plan: OperationPlan = {
  name: 'billing.createInvoice',
  connector: 'billing',
  operation: 'createInvoice',
  contract: { name: 'billing', version: '1.4.0', digest: 'sha256:0' },
  transport: 'http',
  effect: 'create',
  idempotency: { mode: 'header', name: 'Idempotency-Key' },
  scopes: ['invoices.write'],
  timeoutMs: 10_000,
  failures: [{ status: '409', when: "body.code == 'exists'", class: 'duplicate' }],
  auth: [{ id: 'key', type: 'bearer' }],
  egress: [],
  input: {
    type: 'object',
    required: ['body'],
    properties: {
      body: {
        type: 'object',
        additionalProperties: false,
        required: ['customer', 'amount', 'externalId'],
        properties: { customer: text, amount, currency, externalId: text },
      },
    },
  },
  result: true,
  http: {
    method: 'POST',
    path: '/invoices',
    parameters: [],
    bodyTypes: ['application/json'],
    bodyRequired: true,
    responses: [
      {
        status: '201',
        mediaType: 'application/json',
        schema: {
          type: 'object',
          required: ['id', 'customer', 'amount', 'currency', 'status', 'externalId', 'createdAt'],
          properties: {
            id: text,
            customer: text,
            amount,
            currency,
            status: { enum: ['draft', 'open', 'paid', 'void', 'uncollectible'] },
            externalId: text,
            description: { type: ['string', 'null'] },
            createdAt: { type: 'string', format: 'date-time' },
          },
        },
      },
    ],
  },
};

if (isMainThread) await measure();
else serve();

function serve(): void {
  const body = JSON.stringify(invoice);
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
  const server = createServer((incoming, response) => {
    incoming.resume().on('end', () => response.writeHead(201, headers).end(body));
  });
  server.listen(0, '127.0.0.1', () => parentPort!.postMessage(server.address()));
}

async function measure(): Promise<void> {
  const worker = new Worker(new URL(import.meta.url));
  const { port } = await new Promise<{ port: number }>((resolve) => worker.once('message', resolve));
  const baseUrl = `http://127.0.0.1:${port}`;
  const agent = new Agent({ connections: IN_FLIGHT });
  const transport = httpTransport({
    connection: {
      name: 'billing',
      connector: 'billing',
      baseUrl,
      credentials: { key: { token: 'env:KEY' } },
      webhookSecrets: [],
    },
    secrets: { resolve: async (reference) => new Secret(reference, 'token') },
    clock: systemClock,
    random: systemRandom,
  });

  const bare = async (): Promise<void> => {
    const answer = await request(`${baseUrl}/invoices`, {
      dispatcher: agent,
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: 'Bearer token', 'idempotency-key': 'k1' },
      body: JSON.stringify(payload),
    });
    await answer.body.json();
  };
  const connector = async (): Promise<void> => {
    const result = await transport.call({
      operation: plan,
      input: { body: payload },
      idempotencyKey: 'k1',
      correlationId: 'c1',
    });
    if (!result.ok) throw new Error(result.failure.message);
  };

  await rate(bare, 2_000);
  await rate(connector, 2_000);
  const rounds: { readonly rate: number; readonly cpu: number }[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const floor = await rate(bare, CALLS);
    const ours = await rate(connector, CALLS);
    rounds.push({ rate: ours.perSecond / floor.perSecond, cpu: floor.cpuUs / ours.cpuUs });
    console.log(`bare ${line(floor)}  connector ${line(ours)}`);
  }
  console.log(
    `median ratio: rate ${median(rounds.map((r) => r.rate))}, CPU ${median(rounds.map((r) => r.cpu))}`,
  );
  await Promise.all([transport.close(), agent.close(), worker.terminate()]);
}

interface Rate {
  readonly perSecond: number;
  /** CPU time of this thread for one call. */
  readonly cpuUs: number;
}

/** With `IN_FLIGHT` at a time. */
async function rate(call: () => Promise<void>, calls: number): Promise<Rate> {
  let left = calls;
  const startedAt = performance.now();
  const before = process.threadCpuUsage();
  await Promise.all(
    Array.from({ length: IN_FLIGHT }, async () => {
      while (left-- > 0) await call();
    }),
  );
  const { user, system } = process.threadCpuUsage(before);
  return { perSecond: calls / ((performance.now() - startedAt) / 1_000), cpuUs: (user + system) / calls };
}

function line({ perSecond, cpuUs }: Rate): string {
  return `${Math.round(perSecond)}/s ${Math.round(cpuUs)} µs`;
}

function median(values: readonly number[]): string {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!.toFixed(2);
}
