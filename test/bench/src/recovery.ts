import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, systemRandom } from '@tenon/model';
import { openRuntime, type Runtime } from '@tenon/runtime';
import { call, planFor, step } from '@tenon/runtime/testing';

// `node --expose-gc --conditions=source test/bench/src/recovery.ts [in flight] [waiting]`: the time from opening the file of a killed
// process to the first call of a resumed run, and the memory that waiting runs cost.

const [inFlight = '10000', waiting = '100000'] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), 'tenon-recovery-'));

function open(file: string, onCall: () => void): Promise<Runtime> {
  return openRuntime({
    file,
    clock: systemClock,
    random: systemRandom,
    transport: () => ({
      call: () => {
        onCall();
        return new Promise(() => {});
      },
      close: async () => {},
    }),
  });
}

/** What is in use after a collection: resident memory would count what the collector has not given back. */
function heapBytes(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

async function accept(runtime: Runtime, count: number, from = 0): Promise<void> {
  for (let done = 0; done < count; done += 1_000)
    await Promise.all(
      Array.from({ length: Math.min(1_000, count - done) }, (_, i) => {
        const id = `o${from + done + i}`;
        return runtime.accept({ event: 'shop.ordered', payload: { id }, deliveryId: id, source: 'bench' });
      }),
    );
}

const busy = planFor({
  limits: { concurrency: 512, deadlineMs: 600_000 },
  steps: [call('one', 'acme.create')],
});
const before = join(folder, 'before.db');
const killed = await open(before, () => {});
await killed.activate(busy);
await accept(killed, Number(inFlight));
// What a kill at this moment leaves on disk.
const after = join(folder, 'after.db');
for (const suffix of ['', '-wal']) copyFileSync(before + suffix, after + suffix);
const begun = performance.now();
const { promise: called, resolve } = Promise.withResolvers<void>();
await open(after, resolve);
const openedMs = performance.now() - begun;
await called;
const firstCallMs = performance.now() - begun;

const patient = planFor({
  limits: { concurrency: 512, deadlineMs: 600_000 },
  steps: [step('wait', 'long', { for: { durationMs: 86_400_000 } })],
});
const idle = await open(join(folder, 'idle.db'), () => {});
await idle.activate(patient);
await accept(idle, 1_000);
await idle.idle();
const idleBytes = heapBytes();
await accept(idle, Number(waiting), 1_000);
await idle.idle();
const waitingBytes = heapBytes();

console.table({
  [`killed with ${inFlight} in flight → file open`]: { value: Math.round(openedMs), unit: 'ms' },
  [`killed with ${inFlight} in flight → first call of a resumed run`]: {
    value: Math.round(firstCallMs),
    unit: 'ms',
  },
  'live heap, idle': { value: Math.round(idleBytes / 1e6), unit: 'MB' },
  [`live heap, ${waiting} runs waiting`]: { value: Math.round(waitingBytes / 1e6), unit: 'MB' },
});
rmSync(folder, { recursive: true, force: true });
process.exit(0);
