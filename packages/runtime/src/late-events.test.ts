import { afterEach, describe, expect, test } from 'vitest';
import type { AcceptResult } from './runtime.ts';
import { type Bench, openBench } from './testing/bench.ts';
import { call, planFor } from './testing/plan.ts';

let bench: Bench;
afterEach(() => bench.close());

const plan = planFor({
  identity: {
    key: { expression: "event.account + ':' + string(event.version)" },
    retainMs: 86_400_000,
    orderBy: { expression: 'event.account' },
    version: 'event.version',
  },
  steps: [call('set', 'acme.put', { with: { object: { version: { expression: 'event.version' } } } })],
});

let deliveries = 0;
const accept = (version: number, account = 'a'): Promise<AcceptResult> =>
  bench.runtime.accept({
    event: 'shop.ordered',
    payload: { id: 'x', account, version },
    deliveryId: `late-${++deliveries}`,
    source: 'shop',
  });
const written = () => bench.target.calls.map(({ input }) => (input as { version: number }).version);

describe('an event that is older than one of its entity that was taken', () => {
  test('starts no run, is stored, recorded and counted; nothing newer is overwritten', async () => {
    bench = await openBench(plan);
    expect(await accept(3)).toMatchObject({ ok: true, runs: [{ started: true }] });
    await bench.runtime.idle();
    const late = await accept(2);
    expect(late).toEqual({ ok: true, duplicateDelivery: false, runs: [], older: ['orders'] });
    await bench.runtime.idle();
    expect(written()).toEqual([3]);
    expect(bench.runtime.runs()).toHaveLength(1);
    expect(bench.runtime.trace({ system: true })).toContainEqual(
      expect.objectContaining({
        kind: 'olderSkipped',
        details: expect.objectContaining({
          pipeline: 'orders',
          event: 'shop.ordered',
          version: 2,
          newest: 3,
        }),
      }),
    );
    expect(bench.runtime.flow().counts.older).toBe(1);
  });

  test('is known after a restart and after a kill', async () => {
    bench = await openBench(plan);
    await accept(3);
    await bench.runtime.idle();
    await bench.restart();
    expect(await accept(2)).toMatchObject({ older: ['orders'] });
    await bench.crash();
    expect(await accept(1)).toMatchObject({ older: ['orders'] });
    expect(await accept(4)).toMatchObject({ runs: [{ started: true }] });
    await bench.runtime.idle();
    expect(written()).toEqual([3, 4]);
  });

  test('is told also when both come at one moment', async () => {
    bench = await openBench(plan);
    await Promise.all([5, 1, 4, 2, 3].map((version) => accept(version)));
    await bench.runtime.idle();
    expect(written()).toEqual([5]);
    expect(bench.runtime.flow().counts.older).toBe(4);
  });

  test('is of its own entity alone; the same version again is a duplicate as ever', async () => {
    bench = await openBench(plan);
    await accept(3);
    expect(await accept(2, 'b')).toMatchObject({ runs: [{ started: true }] });
    expect(await accept(3)).toMatchObject({ runs: [{ started: false }] });
    await bench.runtime.idle();
    expect(written()).toEqual([3, 2]);
  });

  test('is taken for new when what it would be held against is no longer kept', async () => {
    bench = await openBench({
      ...plan,
      hash: 'sha256:short',
      identity: { ...plan.identity, retainMs: 1_000 },
    });
    await accept(3);
    await bench.pass(2 * 3_600_000);
    expect(await accept(2)).toMatchObject({ runs: [{ started: true }] });
  });
});
