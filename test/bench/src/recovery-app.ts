import { systemClock, systemRandom } from '@tenon/model';
import { openRuntime, type Runtime } from '@tenon/runtime';
import { call, planFor, step } from '@tenon/runtime/testing';

// `recovery-app.ts fill <file> <runs>`: accepts runs whose calls are never answered, says `filled` and goes on until it
// is killed. `recovery-app.ts resume <file>`: says how long after it was up the first call of a resumed run went out.
// `recovery-app.ts wait <file> <runs>`: lets runs wait, and `recovery-app.ts sit <file>`: opens the file; both say the resident memory.

const [mode = '', file = '', runs = '0'] = process.argv.slice(2);
/** Events on their way at a time. */
const SLICE = 1_000;

const plans = {
  fill: planFor({
    limits: { concurrency: 512, deadlineMs: 86_400_000 },
    steps: [call('one', 'acme.create')],
  }),
  wait: planFor({
    limits: { concurrency: 512, deadlineMs: 600_000 },
    steps: [step('wait', 'long', { for: { durationMs: 86_400_000 } })],
  }),
};

function open(onCall: () => void): Promise<Runtime> {
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

async function accept(runtime: Runtime, count: number, from = 0): Promise<void> {
  for (let done = 0; done < count; done += SLICE)
    await Promise.all(
      Array.from({ length: Math.min(SLICE, count - done) }, (_, i) => {
        const id = `o${from + done + i}`;
        return runtime.accept({ event: 'shop.ordered', payload: { id }, deliveryId: id, source: 'bench' });
      }),
    );
}

async function settledRssMb(): Promise<number> {
  for (let i = 0; i < 5; i++) {
    globalThis.gc?.();
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  return process.memoryUsage.rss() / 1e6;
}

if (mode === 'fill') {
  const runtime = await open(() => {});
  await runtime.activate(plans.fill);
  await accept(runtime, Number(runs));
  console.log('ready filled');
} else if (mode === 'resume') {
  // Modules are loaded: from here on it is the runtime's time.
  const upAt = performance.now();
  const cpuBefore = process.cpuUsage();
  const { promise: called, resolve } = Promise.withResolvers<void>();
  await open(resolve);
  const openMs = performance.now() - upAt;
  await called;
  const firstCallMs = performance.now() - upAt;
  const { user, system } = process.cpuUsage(cpuBefore);
  const cpuMs = (user + system) / 1_000;
  console.log(`ready ${JSON.stringify({ loadMs: upAt, openMs, firstCallMs, cpuMs })}`);
} else if (mode === 'wait') {
  const runtime = await open(() => {});
  await runtime.activate(plans.wait);
  await accept(runtime, Number(runs));
  await runtime.idle();
  console.log(`ready ${await settledRssMb()}`);
} else if (mode === 'sit') {
  await open(() => {});
  console.log(`ready ${await settledRssMb()}`);
}
