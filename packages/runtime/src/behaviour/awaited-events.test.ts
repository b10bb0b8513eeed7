import { afterEach, expect, test } from 'vitest';
import { type Bench, openBench } from '../testing/bench.ts';
import { call, planFor, step } from '../testing/plan.ts';

/** A run finishes with the version that it began with: what it waits for yet is to be taken in, whatever is in force now (C120). */
let bench: Bench;
afterEach(() => bench.close());

const first = planFor({
  onFailure: 'hold',
  steps: [
    step('wait', 'pause', { for: { durationMs: 60_000 } }),
    step('wait', 'paid', {
      for: { event: 'shop.paid', match: 'true', withinMs: 3_600_000, onExpiry: 'fail' },
    }),
  ],
});
const second = planFor({ version: 2, steps: [call('one', 'acme.put')] });

test('what a run of an earlier version may wait for is named until it has ended', async () => {
  bench = await openBench(first);
  expect(bench.runtime.awaitedEvents(), 'of the version in force').toEqual([]);
  const runId = await bench.order({ id: 'a' });
  await bench.runtime.idle();
  await bench.runtime.activate(second);
  expect(bench.runtime.awaitedEvents(), 'it has not come to the wait yet').toEqual(['shop.paid']);
  await bench.restart();
  await bench.pass(61_000);
  expect([bench.state(runId), bench.runtime.awaitedEvents()]).toEqual(['waiting', ['shop.paid']]);
  await bench.runtime.accept({
    event: 'shop.paid',
    payload: { id: 'a' },
    deliveryId: 'p',
    source: 'shop',
  });
  await bench.runtime.idle();
  expect([bench.state(runId), bench.runtime.awaitedEvents()]).toEqual(['succeeded', []]);
});

test('so it is of a pipeline that was taken out of the workspace, and of a run that is parked', async () => {
  bench = await openBench(first);
  const runId = await bench.order({ id: 'a' });
  await bench.runtime.idle();
  await bench.runtime.retire('orders');
  expect(bench.runtime.awaitedEvents()).toEqual(['shop.paid']);
  await bench.pass(4_000_000);
  expect([bench.state(runId), bench.runtime.awaitedEvents()]).toEqual(['failed', ['shop.paid']]);
  await bench.runtime.cancel(runId, 'ana', 'not wanted');
  await bench.runtime.idle();
  expect(bench.runtime.awaitedEvents()).toEqual([]);
});

test('a version that waits for what none in force hears is not gone back to', async () => {
  bench = await openBench(first);
  await bench.runtime.activate(second);
  const rollback = () => bench.runtime.setSwitch({ kind: 'rollback', pipeline: 'orders' }, 'ana', 'wrong');
  expect(await rollback()).toMatchObject({
    code: 'ROLLBACK_IMPOSSIBLE',
    message: expect.stringContaining('waits for shop.paid, which no version in force hears'),
  });
  await bench.runtime.activate(
    planFor({ pipeline: 'payments', trigger: { event: 'shop.paid' }, steps: [call('one', 'acme.put')] }),
  );
  expect(await rollback()).toMatchObject({ ok: true });
});
