import { afterEach, expect, test } from 'vitest';
import { type Bench, openBench } from '../testing/bench.ts';
import { planFor, step } from '../testing/plan.ts';

let bench: Bench;
afterEach(() => bench.close());

test('events are known by name that a pipeline starts with or waits for, or that came, once each', async () => {
  const paid = { event: 'shop.paid', match: 'true', withinMs: 1_000, onExpiry: 'fail' } as const;
  bench = await openBench(planFor({ steps: [step('wait', 'paid', { for: paid })] }));
  expect(bench.runtime.eventNames()).toEqual(['shop.ordered', 'shop.paid']);
  for (const event of ['shop.ordered', 'shop.shipped', 'shop.ordered', 'shop.shipped'])
    await bench.runtime.accept({
      event,
      payload: { id: 'a' },
      deliveryId: `${event}-${bench.entries.length}`,
      source: 'shop',
    });
  await bench.runtime.idle();
  expect(bench.runtime.eventNames()).toEqual(['shop.ordered', 'shop.paid', 'shop.shipped']);
  await bench.runtime.retire('orders');
  expect(bench.runtime.eventNames(), 'what came, and what its runs wait for').toContain('shop.paid');
  for (const { runId } of bench.runtime.runs()) await bench.runtime.cancel(runId, 'ana', 'not wanted');
  await bench.runtime.idle();
  expect(bench.runtime.eventNames(), 'what came is still there').toEqual(['shop.ordered', 'shop.shipped']);
});
