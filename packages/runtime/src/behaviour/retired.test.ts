import type { Plan } from '@tenon/pipeline';
import { afterEach, expect, test } from 'vitest';
import type { RuntimeLimits } from '../runtime.ts';
import { type Bench, openBench, refused } from '../testing/bench.ts';
import { call, planFor } from '../testing/plan.ts';
import { until } from '../testing/until.ts';

/** A pipeline that the workspace has no more: nothing starts it, and what it has begun is carried to its end (C60, C61, C65). */
let bench: Bench;
afterEach(() => bench.close());

async function open(limits: Partial<RuntimeLimits>, plan: Plan): Promise<void> {
  bench = await openBench(plan);
  bench.limits = limits;
  await bench.restart();
}

const pause = () =>
  bench.runtime.setSwitch({ kind: 'pause', pipeline: 'orders', onlyKeys: [] }, 'ana', 'a test');
const alarms = () => bench.runtime.trace({ system: true }).filter(({ kind }) => kind === 'alarm');

test('its dead letters raise an alarm with its owner all the same', async () => {
  await open(
    { watchEveryMs: 10_000, deadLettersAlarm: 1 },
    planFor({ onFailure: 'hold', steps: [call('put', 'acme.put')] }),
  );
  bench.target.script = { put: [{ fail: refused }] };
  await bench.order({ id: 'a' });
  await bench.runtime.retire('orders');
  await bench.restart();
  await bench.pass(20_000);
  expect(alarms()).toMatchObject([
    { details: { alarm: 'deadLetters', pipeline: 'orders', owner: 'sales', escalation: 'pager:sales' } },
  ]);
});

test('its runs keep to its limit after a restart too', async () => {
  await open(
    {},
    planFor({ limits: { concurrency: 2, deadlineMs: 60_000 }, steps: [call('one', 'acme.create')] }),
  );
  await pause();
  for (let i = 0; i < 8; i++) await bench.order({ id: `o${i}` });
  await bench.runtime.retire('orders');
  await bench.restart();
  const { promise: wait, resolve } = Promise.withResolvers<void>();
  bench.target.decide = () => ({ wait });
  await bench.runtime.liftSwitch('pause/orders', 'ana', 'done');
  await until(() => bench.target.calls.length >= 2);
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
  expect(bench.target.calls.length).toBe(2);
  resolve();
  await bench.runtime.idle();
  expect(bench.target.effects.size).toBe(8);
});

test('it is shown with its backlog for as long as there is something left to do', async () => {
  await open({}, planFor({ steps: [call('one', 'acme.create')] }));
  await pause();
  await bench.order({ id: 'a' });
  await bench.runtime.retire('orders');
  const seen = () => bench.runtime.flow().pipelines;
  expect(seen()).toMatchObject([
    { pipeline: 'orders', isRetired: true, backlog: 1, switches: ['pause/orders'] },
  ]);
  await bench.restart();
  expect(seen()).toMatchObject([{ pipeline: 'orders', isRetired: true, backlog: 1, active: 0 }]);
  await bench.runtime.liftSwitch('pause/orders', 'ana', 'done');
  await bench.runtime.idle();
  expect(seen()).toEqual([]);
});
