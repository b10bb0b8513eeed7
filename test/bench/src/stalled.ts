import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CallResult } from '@tenon/connector';
import { sleep, systemClock, systemRandom } from '@tenon/model';
import { openRuntime, type Runtime } from '@tenon/runtime';
import { call, planFor } from '@tenon/runtime/testing';

// `node --conditions=source test/bench/src/stalled.ts [seconds] [rounds]`: one dependency stalls, and its pipeline is sent as much as
// the others. How much does the p99 of the other pipelines move, event in → end? Interleaved rounds with the stall and
// without, medians; must be under 10 %. Exit 3 when it is not.

const [seconds = '4', rounds = '5'] = process.argv.slice(2);
const MOVED_MAX = 0.1;
const OTHERS = ['a', 'b', 'c'] as const;
/** Events a second, for each pipeline. */
const RATE = 60;
const STALL_MS = 60_000;
const fine: CallResult = { ok: true, status: 200, headers: {}, body: { id: 'i', filler: 'x'.repeat(1_000) } };

const plans = [...OTHERS, 'stalled'].map((name) =>
  planFor({
    pipeline: name,
    trigger: { event: `shop.${name}` },
    events: {
      [`shop.${name}`]: {
        contract: { name: 'shop', version: '1', digest: 'sha256:0' },
        event: name,
        payload: { type: 'object' },
      },
    },
    limits: { concurrency: 20, deadlineMs: 600_000 },
    steps: ['one', 'two'].map((id) => call(id, 'acme.create', { connection: name })),
  }),
);

/** The p99 of the others, in milliseconds. */
async function measure(isStalled: boolean): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'tenon-stalled-'));
  const begun = new Map<string, number>();
  const latencies: number[] = [];
  const stopping = new AbortController();
  const runtime: Runtime = await openRuntime({
    file: join(folder, 'runtime.db'),
    clock: systemClock,
    random: systemRandom,
    transport: (connection) => ({
      call: async () => {
        // Another system, some way off; or one that takes the call and says nothing.
        if (connection === 'stalled' && isStalled) await sleep(systemClock, STALL_MS, stopping.signal);
        else await sleep(systemClock, 5);
        return fine;
      },
      close: async () => {},
    }),
    onEntry: ({ kind, runId, pipeline, details }) => {
      if (kind !== 'state' || details['to'] !== 'succeeded' || pipeline === 'stalled') return;
      const at = begun.get(runId);
      if (at !== undefined) latencies.push(performance.now() - at);
    },
  });
  for (const plan of plans) await runtime.activate(plan);
  const startedAt = performance.now();
  const endAt = startedAt + Number(seconds) * 1_000;
  let sent = 0;
  while (performance.now() < endAt) {
    const due = Math.floor(((performance.now() - startedAt) / 1_000) * RATE);
    for (; sent < due; sent++)
      for (const { pipeline } of plans) {
        const at = performance.now();
        void runtime
          .accept({
            event: `shop.${pipeline}`,
            payload: { id: `o${sent}` },
            deliveryId: `${pipeline}${sent}`,
            source: 'bench',
          })
          .then((result) => {
            if (result.ok && pipeline !== 'stalled') begun.set(result.runs[0]!.runId, at);
          });
      }
    await sleep(systemClock, 5);
  }
  await sleep(systemClock, 300);
  stopping.abort();
  await runtime.stop();
  rmSync(folder, { recursive: true, force: true });
  // The first moments warm the code up.
  const settled = latencies.slice(Math.floor(latencies.length / 5)).toSorted((x, y) => x - y);
  return settled[Math.floor(settled.length * 0.99)] ?? Number.POSITIVE_INFINITY;
}

const all: Record<'calm' | 'stalled', number[]> = { calm: [], stalled: [] };
for (let round = 0; round < Number(rounds); round++)
  for (const kind of ['calm', 'stalled'] as const) all[kind].push(await measure(kind === 'stalled'));
const median = (values: readonly number[]): number =>
  values.toSorted((x, y) => x - y)[Math.floor(values.length / 2)]!;
const calm = median(all.calm);
const stalled = median(all.stalled);
const moved = stalled / calm - 1;
console.table({
  'p99 of the others, nothing stalled (ms)': Math.round(calm * 10) / 10,
  'p99 of the others, one stalled (ms)': Math.round(stalled * 10) / 10,
  'moved by (%)': Math.round(moved * 1_000) / 10,
});
console.log(
  JSON.stringify({ seconds: Number(seconds), rounds: Number(rounds), all, moved, must: MOVED_MAX }),
);
process.exit(moved < MOVED_MAX ? 0 : 3);
