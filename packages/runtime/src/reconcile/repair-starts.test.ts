import { DatabaseSync } from 'node:sqlite';
import { afterEach, describe, expect, test } from 'vitest';
import { type Bench, openBench } from '../testing/bench.ts';
import { call, childPlan } from '../testing/plan.ts';
import { listing, reconciled, reconciliationFor } from '../testing/reconciliation.ts';

let bench: Bench;
afterEach(() => bench?.close());

describe('starts of a repair', () => {
  const manual = childPlan({
    pipeline: 'orders',
    trigger: {
      manual: true,
      input: { type: 'object', required: ['id'], properties: { id: { type: 'string' } } },
    },
    steps: [call('put', 'acme.put')],
  });
  const starting = reconciliationFor({
    repair: [
      {
        pipeline: 'orders',
        entity: { expression: 'key' },
        start: { object: { id: { expression: 'record.key' } } },
      },
    ],
  });
  const applied = async (keys: readonly (string | number)[]): Promise<string> => {
    listing(bench, { listOrders: () => keys.map((key) => ({ key })), listInvoices: () => [] });
    await bench.runtime.activateReconciliations([starting]);
    const dry = await bench.runtime.planRepair((await reconciled(bench)).id, 'ana', 'they were never sent');
    return dry.ok ? dry.report.token : '';
  };
  const started = () =>
    bench.runtime
      .runs({ pipeline: 'orders' })
      .map(({ key }) => key)
      .toSorted();

  test('wait while the runtime takes nothing in, and none is left out', async () => {
    bench = await openBench(manual);
    const token = await applied(['A', 'B']);
    bench.diskFreeBytes = () => 0;
    await bench.pass(60_000);
    await bench.runtime.applyRepair(token, 'ana', 'looked through', { perSecond: 1 });
    for (let seconds = 0; seconds < 5; seconds++) await bench.pass(1_000);
    expect(started()).toEqual([]);
    expect(bench.runtime.repairStatus(token)).toMatchObject({ isDone: false });
    bench.diskFreeBytes = () => 2 ** 40;
    for (let minutes = 0; minutes < 4; minutes++) await bench.pass(60_000);
    expect(started()).toEqual(['A', 'B']);
    expect(bench.runtime.repairStatus(token)).toMatchObject({ starts: 2, startsRefused: [], isDone: true });
  });

  test('that are refused are named with what was said, and the others go out', async () => {
    bench = await openBench(manual);
    const token = await applied(['A', 7]);
    await bench.runtime.applyRepair(token, 'ana', 'looked through', { perSecond: 1 });
    for (let seconds = 0; seconds < 4; seconds++) await bench.pass(1_000);
    expect(started()).toEqual(['A']);
    expect(bench.runtime.repairStatus(token)).toMatchObject({
      startsRefused: [{ number: expect.any(Number), because: expect.stringContaining('/id') }],
      isDone: true,
    });
  });

  test('go out without those whose record is damaged, which are named', async () => {
    bench = await openBench(manual);
    const token = await applied(['A', 'B']);
    await bench.runtime.applyRepair(token, 'ana', 'looked through', { perSecond: 1 });
    await meddled(`UPDATE differences SET value = 'x' || value WHERE id LIKE '%2'`);
    await bench.runtime.activateReconciliations([starting]);
    for (let seconds = 0; seconds < 4; seconds++) await bench.pass(1_000);
    // Which of them is the second goes by digests.
    expect(started()).toHaveLength(1);
    expect(bench.runtime.repairStatus(token)).toMatchObject({
      startsRefused: [{ number: 2, because: expect.stringContaining('or is damaged') }],
      isDone: true,
    });
    expect(bench.problems).toEqual([]);
  });

  test('are tried again, and it is said, where something stops them that nobody has reckoned with', async () => {
    bench = await openBench(manual);
    const token = await applied(['A', 'B']);
    await bench.runtime.applyRepair(token, 'ana', 'looked through', { perSecond: 1 });
    await meddled('ALTER TABLE differences RENAME TO elsewhere');
    await bench.runtime.activateReconciliations([starting]);
    await bench.pass(6_000);
    expect(bench.problems).toEqual(
      Array(2).fill(
        expect.stringMatching(
          /^RUNTIME_REPLAY_STUCK: the repair \S+ does not go on and is tried again: no such table/,
        ),
      ),
    );
    expect(bench.runtime.repairStatus(token)).toMatchObject({ isDone: false });
    await meddled('ALTER TABLE elsewhere RENAME TO differences');
    await bench.runtime.activateReconciliations([starting]);
    for (let seconds = 0; seconds < 4; seconds++) await bench.pass(1_000);
    expect(started()).toEqual(['A', 'B']);
    expect(bench.runtime.repairStatus(token)).toMatchObject({ startsRefused: [], isDone: true });
  });
});

/** Somebody changes the file while no process is up. */
async function meddled(sql: string): Promise<void> {
  await bench.runtime.stop();
  const db = new DatabaseSync(bench.file);
  db.exec(sql);
  db.close();
  await bench.restart();
}
