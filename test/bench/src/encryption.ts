import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, systemRandom } from '@tenon/model';
import { type EncryptionOptions, openRuntime } from '@tenon/runtime';
import { call, planFor } from '@tenon/runtime/testing';

// `node --conditions=source test/bench/src/encryption.ts [seconds] [rounds]`: event in → 3 durable steps (1 KiB each) → end,
// 64 in flight, with stored data encrypted and not, in turns. What counts is the ratio within a pair; the median is given.

const [seconds = '3', rounds = '5'] = process.argv.slice(2);
const IN_FLIGHT = 64;
const SHARE_MIN = 0.85;
const filler = 'x'.repeat(1_000);
const plan = planFor({
  limits: { concurrency: 512, deadlineMs: 600_000 },
  steps: ['one', 'two', 'three'].map((id) => call(id, 'acme.create')),
});

interface Measured {
  readonly perSecond: number;
  readonly cpuMs: number;
}

async function measure(encryption: EncryptionOptions | undefined): Promise<Measured> {
  const folder = mkdtempSync(join(tmpdir(), 'tenon-bench-'));
  const waiting = new Map<string, () => void>();
  const early = new Set<string>();
  const runtime = await openRuntime({
    file: join(folder, 'runtime.db'),
    clock: systemClock,
    random: systemRandom,
    ...(encryption && { encryption }),
    transport: () => ({
      call: async () => ({ ok: true, status: 200, headers: {}, body: { id: 'i', filler } }),
      close: async () => {},
    }),
    onEntry: ({ kind, runId, details }) => {
      if (kind !== 'state' || details['to'] !== 'succeeded') return;
      const resolve = waiting.get(runId);
      if (resolve === undefined) early.add(runId);
      else resolve();
      waiting.delete(runId);
    },
  });
  await runtime.activate(plan);
  let index = 0;
  const once = async (): Promise<void> => {
    const at = index++;
    const result = await runtime.accept({
      event: 'shop.ordered',
      payload: { id: `o${at}`, filler },
      deliveryId: `d${at}`,
      source: 'bench',
    });
    if (!result.ok) throw new Error(result.failure.message);
    const { runId } = result.runs[0]!;
    if (!early.delete(runId)) await new Promise<void>((resolve) => waiting.set(runId, resolve));
  };
  const before = process.cpuUsage();
  const startedAt = performance.now();
  const endAt = startedAt + Number(seconds) * 1_000;
  await Promise.all(
    Array.from({ length: IN_FLIGHT }, async () => {
      while (performance.now() < endAt) await once();
    }),
  );
  const tookMs = performance.now() - startedAt;
  const { user, system } = process.cpuUsage(before);
  await runtime.stop();
  rmSync(folder, { recursive: true, force: true });
  return { perSecond: (index / tookMs) * 1_000, cpuMs: (user + system) / 1_000 / index };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

const key: EncryptionOptions = { keys: { k1: Buffer.alloc(32, 'bench') }, current: 'k1' };
// Not counted: the first pays for compiling.
await measure(undefined);
const pairs: { readonly off: Measured; readonly on: Measured }[] = [];
for (let round = 0; round < Number(rounds); round++) {
  // The order changes, so that neither always follows the other.
  const first = await measure(round % 2 === 0 ? undefined : key);
  const second = await measure(round % 2 === 0 ? key : undefined);
  const pair = round % 2 === 0 ? { off: first, on: second } : { off: second, on: first };
  pairs.push(pair);
  process.stdout.write(
    `off ${pair.off.perSecond.toFixed(0)}/s ${pair.off.cpuMs.toFixed(3)} ms CPU a run   on ${pair.on.perSecond.toFixed(0)}/s ${pair.on.cpuMs.toFixed(3)} ms   on/off ${(pair.on.perSecond / pair.off.perSecond).toFixed(2)}\n`,
  );
}
const share = median(pairs.map(({ off, on }) => on.perSecond / off.perSecond));
const cpu = median(pairs.map(({ off, on }) => on.cpuMs / off.cpuMs));
process.stdout.write(
  `median: throughput ${share.toFixed(2)} of unencrypted (reach ≥ ${SHARE_MIN}: ${share >= SHARE_MIN ? 'met' : 'not met'}), CPU a run × ${cpu.toFixed(2)}\n`,
);
