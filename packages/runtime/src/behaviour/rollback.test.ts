import type { Plan } from '@tenon/pipeline';
import { afterEach, describe, expect, test } from 'vitest';
import { type Bench, openBench } from '../testing/bench.ts';
import { call, planFor, step } from '../testing/plan.ts';

/** Going back to an earlier version, and giving a pipeline other places, without a deploy (C112, C120). */
let bench: Bench;
afterEach(() => bench.close());

const versions: readonly Plan[] = ['acme.put', 'acme.create', 'acme.createBlind'].map((operation, index) =>
  planFor({ version: index + 1, steps: [call('one', operation)] }),
);
const [first, second, third] = versions as [Plan, Plan, Plan];

const rollback = (version?: number, pipeline = 'orders') =>
  bench.runtime.setSwitch(
    { kind: 'rollback', pipeline, ...(version !== undefined && { version }) },
    'ana',
    'invoices are wrong',
  );
const lift = () => bench.runtime.liftSwitch('rollback/orders', 'ana', 'mended');

/** With which version a new event is carried out. */
async function versionOf(id: string): Promise<number | undefined> {
  const runId = await bench.order({ id });
  await bench.runtime.idle();
  expect(bench.state(runId)).toBe('succeeded');
  return bench.runtime.run(runId)?.version;
}

describe('a rollback', () => {
  test('starts what comes from then on with the version before, over restarts and deploys of the same, until it is lifted', async () => {
    bench = await openBench(first, second);
    await bench.runtime.activate(third);
    expect(await versionOf('a')).toBe(3);
    expect(await rollback()).toMatchObject({
      ok: true,
      switch: { id: 'rollback/orders', version: 2, planHash: second.hash, actor: 'ana' },
    });
    expect(await versionOf('b')).toBe(2);
    expect(bench.target.calls.at(-1)?.operation).toBe('create');
    await bench.restart();
    await bench.runtime.activate(third);
    expect(await versionOf('c')).toBe(2);
    expect(bench.runtime.flow().pipelines).toMatchObject([{ version: 2, switches: ['rollback/orders'] }]);
    const inForce = { name: 'orders', version: 2, planHash: second.hash };
    expect(bench.runtime.pipelinesInForce()).toEqual([inForce]);
    await lift();
    expect(await versionOf('d')).toBe(3);
  });

  test('passes over what an earlier Tenon stored of the version in force, with less in it', async () => {
    bench = await openBench(first, second);
    const { hash: _, ...said } = second;
    const asNow = planFor({ ...said, drills: { everyMs: 86_400_000 } });
    await bench.pass(1_000);
    await bench.runtime.activate(asNow);
    expect(await rollback()).toMatchObject({ switch: { version: 1, planHash: first.hash } });
    await lift();
    await bench.pass(1_000);
    await bench.runtime.activate(planFor({ version: 2, steps: [call('one', 'acme.put')] }));
    expect(await rollback()).toMatchObject({ switch: { version: 2, planHash: asNow.hash } });
  });

  test('leaves runs that have begun with the version that they began with', async () => {
    const waits = planFor({
      version: 4,
      steps: [step('wait', 'w', { for: { durationMs: 60_000 } }), call('one', 'acme.put')],
    });
    bench = await openBench(first);
    await bench.runtime.activate(waits);
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    await rollback();
    await bench.restart();
    await bench.pass(61_000);
    expect(bench.runtime.run(runId)).toMatchObject({ version: 4, state: 'succeeded' });
    expect(bench.target.count('put')).toBe(1);
  });

  test('goes back one more each time, or to the version that is named', async () => {
    bench = await openBench(first);
    for (const plan of [second, third]) {
      bench.clock.advance(1_000);
      await bench.runtime.activate(plan);
    }
    await rollback();
    expect(await rollback()).toMatchObject({ switch: { version: 1 }, replaced: { version: 2 } });
    expect(await versionOf('a')).toBe(1);
    await rollback(2);
    expect(await versionOf('b')).toBe(2);
    expect(await rollback(3)).toMatchObject({
      code: 'ROLLBACK_IMPOSSIBLE',
      message: expect.stringContaining('is the one that is deployed: `tenon switches lift rollback/orders'),
    });
  });

  test('knows what the versions share: keys, and the order of their entities', async () => {
    bench = await openBench(first, second);
    expect(await versionOf('a')).toBe(2);
    await rollback();
    const again = await bench.runtime.accept({
      event: 'shop.ordered',
      payload: { id: 'a' },
      deliveryId: 'another',
      source: 'shop',
    });
    expect(again).toMatchObject({ runs: [{ started: false }] });
  });

  test('stays when another version is deployed, which the operator is told at each start', async () => {
    bench = await openBench(first, second);
    await rollback();
    await bench.runtime.activate(third);
    expect(await versionOf('a')).toBe(1);
    expect(bench.problems).toEqual([
      expect.stringMatching(
        /^PIPELINE_ROLLED_BACK: version 3 of orders .*version 1, .*ana .*invoices are wrong.*tenon switches lift rollback\/orders/,
      ),
    ]);
    await lift();
    expect(await versionOf('b')).toBe(3);
  });

  test('is in the ledger with who, why, and what was gone back to', async () => {
    bench = await openBench(first, second);
    await rollback();
    await lift();
    const entries = bench.runtime.trace({ system: true }).filter(({ kind }) => kind === 'switch');
    expect(entries.map(({ details }) => details)).toMatchObject([
      {
        action: 'set',
        id: 'rollback/orders',
        version: 1,
        planHash: first.hash,
        reason: 'invoices are wrong',
      },
      { action: 'lift', id: 'rollback/orders', actor: 'ana', reason: 'mended' },
    ]);
  });

  test('that the disk refuses is not in force', async () => {
    bench = await openBench(first, second);
    bench.failDisk();
    await expect(rollback()).rejects.toThrow();
    expect(bench.runtime.flow().pipelines).toMatchObject([{ version: 2, switches: [] }]);
    bench.healDisk();
    await bench.restart();
    expect(await versionOf('a')).toBe(2);
  });

  test.each([
    ['where there is none before', [first], undefined, 'no version of orders was in force before version 1'],
    ['of that number', [first, second], 7, 'orders has no version 7; there are 1, 2'],
    ['other than the one in force', [first, second], 2, 'version 2 of orders is in force'],
    [
      'with the same trigger',
      [planFor({ trigger: { event: 'shop.shipped' }, steps: [] }), second],
      undefined,
      'version 1 of orders starts with shop.shipped, version 2 with shop.ordered: deploy it from the repository',
    ],
  ])('finds no version %s', async (_which, plans, version, message) => {
    bench = await openBench(...plans);
    expect(await rollback(version)).toEqual({
      ok: false,
      code: 'ROLLBACK_IMPOSSIBLE',
      message: expect.stringContaining(message),
    });
    expect(bench.runtime.switches()).toEqual([]);
  });

  test('of a pipeline that was taken out of the workspace starts nothing', async () => {
    bench = await openBench(first, second);
    await rollback();
    await bench.runtime.retire('orders');
    expect(
      await bench.runtime.accept({
        event: 'shop.ordered',
        payload: { id: 'a' },
        deliveryId: 'd',
        source: 's',
      }),
    ).toMatchObject({ runs: [] });
    expect(await rollback(2)).toMatchObject({ ok: false, code: 'ROLLBACK_IMPOSSIBLE' });
    await bench.runtime.activate(second);
    expect(await versionOf('b')).toBe(1);
  });

  test('of a pipeline that does not exist is told so', async () => {
    bench = await openBench(first, second);
    expect(await rollback(undefined, 'order')).toMatchObject({ code: 'SWITCH_SUBJECT_UNKNOWN' });
  });
});

describe('a scale', () => {
  const scale = (concurrency: number) =>
    bench.runtime.setSwitch({ kind: 'scale', pipeline: 'orders', concurrency }, 'ana', 'a backlog of a day');

  /** How many of ten runs are at work at once. */
  async function atOnce(): Promise<number> {
    const { promise: wait, resolve } = Promise.withResolvers<void>();
    bench.target.decide = () => ({ wait });
    const before = bench.target.calls.length;
    const ids = Array.from({ length: 10 }, (_, nth) => `${before}-${nth}`);
    await Promise.all(ids.map((id) => bench.order({ id })));
    for (let i = 0; i < 50; i++) await new Promise((turn) => setImmediate(turn));
    const seen = bench.target.calls.length - before;
    resolve();
    await bench.runtime.idle();
    return seen;
  }

  test('gives a pipeline as many places, over restarts, until it is lifted', async () => {
    bench = await openBench(
      planFor({ limits: { concurrency: 2, deadlineMs: 60_000 }, steps: [call('one', 'acme.create')] }),
    );
    expect(await atOnce()).toBe(2);
    expect(await scale(5)).toMatchObject({ ok: true, switch: { id: 'scale/orders', concurrency: 5 } });
    expect(await atOnce()).toBe(5);
    await bench.restart();
    expect(await atOnce()).toBe(5);
    expect(bench.runtime.flow().pipelines).toMatchObject([{ concurrency: 5, switches: ['scale/orders'] }]);
    await bench.runtime.liftSwitch('scale/orders', 'ana', 'caught up');
    expect(await atOnce()).toBe(2);
  });

  test('lets runs in at once that wait for a place', async () => {
    bench = await openBench(
      planFor({ limits: { concurrency: 1, deadlineMs: 60_000 }, steps: [call('one', 'acme.create')] }),
    );
    const { promise: wait, resolve } = Promise.withResolvers<void>();
    bench.target.decide = () => ({ wait });
    for (let nth = 0; nth < 4; nth++) await bench.order({ id: `${nth}` });
    await scale(3);
    for (let i = 0; i < 50; i++) await new Promise((turn) => setImmediate(turn));
    expect(bench.target.calls.length).toBe(3);
    resolve();
    await bench.runtime.idle();
    expect(bench.target.calls.length).toBe(4);
  });
});
