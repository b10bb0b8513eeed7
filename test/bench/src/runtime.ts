import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, systemRandom } from '@tenon/model';
import { openRuntime, type Runtime } from '@tenon/runtime';
import { call, planFor } from '@tenon/runtime/testing';

// `node --conditions=source test/bench/src/runtime.ts [seconds] [rounds]`: event in → 3 durable steps (effects with a key,
// 1 KiB results) → end, full interpreter, ledger on, synchronous=FULL; beside its floor, a bare HTTP server in the same
// process that persists nothing. Medians of the rounds, interleaved.

const [seconds = '3', rounds = '3'] = process.argv.slice(2);
const SECONDS = Number(seconds);
const filler = 'x'.repeat(1_000);

interface Measured {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly cpuMsPerRun: number;
}

type Once = (index: number) => Promise<void>;

/** Keeps `inFlight` calls of `once` going for a while. */
async function load(once: Once, inFlight: number): Promise<Measured> {
  const latencies: number[] = [];
  const cpuBefore = process.cpuUsage();
  const startedAt = performance.now();
  const endAt = startedAt + SECONDS * 1_000;
  let index = 0;
  await Promise.all(
    Array.from({ length: inFlight }, async () => {
      while (performance.now() < endAt) {
        const begun = performance.now();
        await once(index++);
        latencies.push(performance.now() - begun);
      }
    }),
  );
  const tookMs = performance.now() - startedAt;
  const { user, system } = process.cpuUsage(cpuBefore);
  latencies.sort((a, b) => a - b);
  return {
    perSecond: Math.round((latencies.length / tookMs) * 1_000),
    p50Ms: round(latencies[Math.floor(latencies.length * 0.5)]!),
    p99Ms: round(latencies[Math.floor(latencies.length * 0.99)]!),
    cpuMsPerRun: round((user + system) / 1_000 / latencies.length),
  };
}

const plan = planFor({
  limits: { concurrency: 512, deadlineMs: 600_000 },
  steps: ['one', 'two', 'three'].map((id) => call(id, 'acme.create')),
});

/** Runs a runtime on a new file; `started` is told each run's end. */
async function withRuntime<T>(
  body: (runtime: Runtime, ended: (runId: string) => Promise<void>) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'tenon-bench-'));
  const waiting = new Map<string, () => void>();
  const early = new Set<string>();
  const runtime = await openRuntime({
    file: join(folder, 'runtime.db'),
    clock: systemClock,
    random: systemRandom,
    transport: () => ({
      call: async () => ({ ok: true, status: 200, headers: {}, body: { id: 'i', filler } }),
      close: async () => {},
    }),
    onEntry: ({ kind, runId, details }) => {
      if (kind !== 'state' || details['to'] !== 'succeeded') return;
      const resolve = waiting.get(runId);
      if (resolve === undefined) early.add(runId);
      else {
        waiting.delete(runId);
        resolve();
      }
    },
  });
  await runtime.activate(plan);
  try {
    return await body(runtime, (runId) =>
      early.delete(runId) ? Promise.resolve() : new Promise((resolve) => waiting.set(runId, resolve)),
    );
  } finally {
    await runtime.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

const direct = (inFlight: number): Promise<Measured> =>
  withRuntime((runtime, ended) =>
    load(async (index) => {
      const result = await runtime.accept(eventOf(index));
      if (!result.ok) throw new Error(result.failure.message);
      await ended(result.runs[0]!.runId);
    }, inFlight),
  );

const overHttp = (inFlight: number): Promise<Measured> =>
  withRuntime((runtime, ended) =>
    serving(
      async (body) => {
        const result = await runtime.accept({ ...eventOf(0), ...JSON.parse(body) });
        if (!result.ok) throw new Error(result.failure.message);
        await ended(result.runs[0]!.runId);
      },
      inFlight,
      (index) => JSON.stringify(eventOf(index)),
    ),
  );

const floor = (inFlight: number): Promise<Measured> =>
  serving(
    async (body) => void JSON.parse(body),
    inFlight,
    (index) => JSON.stringify(eventOf(index)),
  );

function eventOf(index: number): Parameters<Runtime['accept']>[0] {
  return {
    event: 'shop.ordered',
    payload: { id: `o${index}`, filler },
    deliveryId: `d${index}`,
    source: 'bench',
  };
}

/** An HTTP server in this process, answering when `handle` is done, under load from this process. */
async function serving(
  handle: (body: string) => Promise<void>,
  inFlight: number,
  bodyOf: (index: number) => string,
): Promise<Measured> {
  const server = createServer((incoming, response) => {
    let body = '';
    incoming.on('data', (chunk) => {
      body += chunk;
    });
    incoming.on('end', () => {
      handle(body).then(
        () => response.end('{}'),
        () => response.writeHead(500).end(),
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // A TCP server's address is no pipe.
  const { port } = server.address() as AddressInfo;
  const agent = new Agent({ keepAlive: true, maxSockets: inFlight });
  const measured = await load((index) => post(port, agent, bodyOf(index)), inFlight);
  agent.destroy();
  await new Promise((resolve) => server.close(resolve));
  return measured;
}

function post(port: number, agent: Agent, body: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const sent = request({ port, host: '127.0.0.1', method: 'POST', agent }, (response) => {
      response.resume();
      response.on('end', () =>
        response.statusCode === 200 ? resolve() : reject(new Error(`status ${response.statusCode}`)),
      );
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

const subjects = {
  'bare HTTP server (floor)': floor,
  'runtime, in process': direct,
  'runtime, over HTTP': overHttp,
};
const results: ({ readonly name: string } & Measured)[] = [];
for (let round = 0; round < Number(rounds); round++)
  for (const inFlight of [64, 256])
    for (const [name, measure] of Object.entries(subjects))
      results.push({ name: `${name}, ${inFlight} in flight`, ...(await measure(inFlight)) });

console.table(
  Object.fromEntries(
    Object.entries(Object.groupBy(results, ({ name }) => name)).map(([name, measured = []]) => {
      const { name: _, ...median } = measured.toSorted((a, b) => a.perSecond - b.perSecond)[
        Math.floor(measured.length / 2)
      ]!;
      return [name, median];
    }),
  ),
);
