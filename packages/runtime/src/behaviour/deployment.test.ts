import { afterEach, expect, test } from 'vitest';
import { type Bench, openBench } from '../testing/bench.ts';
import { call, planFor } from '../testing/plan.ts';

/** What was put in force, from where and why, is in the ledger (C100). */
let bench: Bench;
afterEach(() => bench.close());

test('a plan that comes into force, or leaves it, says from which commit and why', async () => {
  const [first, second] = [1, 2].map((version) => planFor({ version, steps: [call('one', 'acme.put')] }));
  bench = await openBench(first!);
  let asked = 0;
  const deployed = async () => {
    asked++;
    return { commit: '5f3c', isChanged: true, reason: 'release 7' } as const;
  };
  await bench.runtime.activate(second!, deployed);
  await bench.runtime.activate(second!, deployed);
  expect(asked, 'of a plan that is in force nobody is asked').toBe(1);
  await bench.runtime.retire('orders', deployed);
  const told = bench.runtime.trace({ system: true }).map(({ kind, details }) => [kind, details]);
  expect(told).toMatchObject([
    ['activated', { version: 1 }],
    ['activated', { version: 2, commit: '5f3c', isChanged: true, reason: 'release 7' }],
    ['retired', { pipeline: 'orders', commit: '5f3c', isChanged: true, reason: 'release 7' }],
  ]);
  expect(told[0]![1]).not.toHaveProperty('commit');
});

test('that the process is configured otherwise says which parts are, by digest, from which commit and why; that it is not says nothing', async () => {
  bench = await openBench(planFor({ steps: [] }));
  const configured = () =>
    bench.runtime
      .trace({ system: true })
      .flatMap(({ kind, details }) => (kind === 'configured' ? [details] : []));
  await bench.runtime.configured({ 'server.port': 'sha256:a', 'connections.billing': 'sha256:b' });
  const [first] = configured();
  expect(first).toEqual({ digest: expect.stringMatching(/^sha256:/) });
  await bench.restart();
  await bench.runtime.configured({ 'connections.billing': 'sha256:b', 'server.port': 'sha256:a' });
  expect(configured()).toHaveLength(1);
  const parts = { 'server.port': 'sha256:c', 'server.operators': 'sha256:d' };
  await bench.runtime.configured(parts, async () => ({ commit: '5f3c', reason: 'release 7' }));
  expect(configured()[1]).toEqual({
    digest: expect.not.stringContaining(String(first!['digest'])),
    before: first!['digest'],
    changed: ['connections.billing', 'server.operators', 'server.port'],
    commit: '5f3c',
    reason: 'release 7',
  });
});
