import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { signWebhook, type WebhookManifest } from '@tenon/connector';
import { Secret, sleep, systemClock, systemRandom } from '@tenon/model';
import { openRuntime } from '@tenon/runtime';
import { call, planFor } from '@tenon/runtime/testing';
import { startServer } from '@tenon/server';

// `node --conditions=source test/bench/src/overload.ts [seconds, default 10; the figure is taken with 60] [times, default 10]`: signed
// webhooks at many times the rate that the pipeline can work off, over a real server. Intake must answer 429 or 503 with
// Retry-After beyond its bounds, memory must stay bounded, nothing accepted may be lost, and five seconds after the
// flood events must be taken and worked off as before. Exit 3 when one of these is not so.

const [seconds = '10', times = '10'] = process.argv.slice(2);
const RSS_GROWTH_MAX_BYTES = 256 * 1024 * 1024;
const RECOVERY_MAX_MS = 5_000;
/** What the pipeline can work off: so many runs at a time, each as long. */
const CONCURRENCY = 20;
const CALL_MS = 50;
const CAPACITY_PER_SECOND = (CONCURRENCY * 1_000) / CALL_MS;
/** Two seconds' worth may wait: who comes after is told to come again. */
const BACKLOG_MAX = 2 * CAPACITY_PER_SECOND;

const webhook: WebhookManifest = { verify: 'standard-webhooks', toleranceMs: 300_000, id: 'webhook-id' };
const secret = new Secret('env:HOOK', `whsec_${Buffer.from('0123456789abcdef').toString('base64')}`);
const folder = mkdtempSync(join(tmpdir(), 'tenon-overload-'));
const effects = new Map<string, number>();
const runtime = await openRuntime({
  file: join(folder, 'runtime.db'),
  clock: systemClock,
  random: systemRandom,
  limits: { backlogMax: 4 * BACKLOG_MAX, pipelineBacklogMax: BACKLOG_MAX },
  transport: () => ({
    call: async ({ idempotencyKey }) => {
      await sleep(systemClock, CALL_MS);
      effects.set(idempotencyKey!, (effects.get(idempotencyKey!) ?? 0) + 1);
      return { ok: true, status: 200, headers: {}, body: { id: 'i' } };
    },
    close: async () => {},
  }),
});
await runtime.activate(
  planFor({
    limits: { concurrency: CONCURRENCY, deadlineMs: 600_000 },
    steps: [call('one', 'acme.create')],
  }),
);
const server = await startServer({
  runtime,
  clock: systemClock,
  host: '127.0.0.1',
  port: 0,
  connections: new Map([
    ['shop', { contract: 'shop', webhooks: { ordered: webhook }, secrets: async () => [secret] }],
  ]),
  operators: [],
  log: () => {},
});
const agent = new Agent({ keepAlive: true, maxSockets: 512 });

interface Answer {
  readonly status: number;
  readonly retryAfter: string | undefined;
  readonly tookMs: number;
}

function deliver(id: string): Promise<Answer> {
  const body = JSON.stringify({ id, filler: 'x'.repeat(1_000) });
  const sentAt = performance.now();
  const headers = signWebhook(webhook, secret, {
    id: `msg_${id}`,
    body: new TextEncoder().encode(body),
    sentAtMs: systemClock.now(),
  });
  return new Promise((resolve) => {
    const lost = (): void =>
      resolve({ status: 0, retryAfter: undefined, tookMs: performance.now() - sentAt });
    const sent = request(
      `${server.url}/hooks/shop/ordered`,
      { method: 'POST', agent, headers: { 'content-type': 'application/json', ...headers } },
      (response) => {
        response.resume();
        response.on('error', lost);
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            retryAfter: response.headers['retry-after'],
            tookMs: performance.now() - sentAt,
          }),
        );
      },
    );
    sent.on('error', lost);
    sent.end(body);
  });
}

const accepted = new Set<string>();
const statuses: Record<string, number> = {};
let withoutPause = 0;
let sequence = 0;

/** So many events a second for a while; the answers' times. */
async function load(perSecond: number, ms: number): Promise<number[]> {
  const startedAt = performance.now();
  const took: number[] = [];
  const flying = new Set<Promise<void>>();
  for (let sent = 0; performance.now() - startedAt < ms; ) {
    const due = Math.floor(((performance.now() - startedAt) / 1_000) * perSecond);
    // A sender has only so many requests open; what it cannot send now it sends next.
    for (; sent < due && flying.size < 2_000; sent++) {
      const id = `o${sequence++}`;
      const one = deliver(id).then(({ status, retryAfter, tookMs }) => {
        statuses[status] = (statuses[status] ?? 0) + 1;
        if (status === 202) accepted.add(id);
        if ((status === 429 || status === 503) && retryAfter === undefined) withoutPause++;
        took.push(tookMs);
      });
      flying.add(one);
      void one.finally(() => flying.delete(one));
    }
    await sleep(systemClock, 5);
  }
  await Promise.all(flying);
  return took;
}

const p99 = (values: readonly number[]): number =>
  values.toSorted((x, y) => x - y)[Math.floor(values.length * 0.99)] ?? 0;
const rss = (): number => process.memoryUsage().rss;

const calm = await load(CAPACITY_PER_SECOND / 2, 3_000);
const before = rss();
let highest = before;
const watching = setInterval(() => {
  highest = Math.max(highest, rss());
}, 100);
const flood = await load(CAPACITY_PER_SECOND * Number(times), Number(seconds) * 1_000);
clearInterval(watching);

// Recovered: an event sent now is taken, and has its effect, about as fast as before.
const floodEndedAt = performance.now();
let recoveredMs = Number.POSITIVE_INFINITY;
while (performance.now() - floodEndedAt < 30_000) {
  const { status } = await deliver(`probe${sequence}`);
  if (status === 202) accepted.add(`probe${sequence}`);
  sequence++;
  if (status === 202 && runtime.flow().intake.backlog < CONCURRENCY) {
    recoveredMs = performance.now() - floodEndedAt;
    break;
  }
  await sleep(systemClock, 50);
}
const after = await load(CAPACITY_PER_SECOND / 2, 2_000);
await runtime.idle();

const done = new Set(runtime.runs({ state: 'succeeded', limit: 10_000 }).map(({ key }) => key));
// More may have been accepted than one listing shows: then the effects are counted.
const lost =
  accepted.size <= done.size
    ? [...accepted].filter((id) => !done.has(id)).length
    : accepted.size - effects.size;
const doubled = [...effects.values()].filter((count) => count > 1).length;
const refused = (statuses[429] ?? 0) + (statuses[503] ?? 0);
const figures = {
  'capacity (runs/s)': CAPACITY_PER_SECOND,
  'answers by status': JSON.stringify(statuses),
  'refused without Retry-After': withoutPause,
  'accepted and lost': lost,
  'second effects': doubled,
  'memory grew by (MiB)': Math.round((highest - before) / 1024 / 1024),
  'recovered after (ms)': Math.round(recoveredMs),
  'answer p99 before / during / after (ms)': [calm, flood, after]
    .map((one) => Math.round(p99(one)))
    .join(' / '),
};
console.table(figures);
const failed = [
  refused === 0 && 'nothing was refused',
  withoutPause > 0 && 'a refusal named no pause',
  lost !== 0 && 'an accepted event was lost',
  doubled > 0 && 'an effect happened twice',
  highest - before > RSS_GROWTH_MAX_BYTES && 'memory grew beyond its bound',
  recoveredMs > RECOVERY_MAX_MS && 'it did not recover in time',
].filter((reason) => reason !== false);
for (const reason of failed) console.log(`FAILED: ${reason}`);
agent.destroy();
await server.close();
await runtime.stop();
rmSync(folder, { recursive: true, force: true });
process.exit(failed.length === 0 ? 0 : 3);
