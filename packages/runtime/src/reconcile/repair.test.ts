import type { ReconciliationPlan } from '@tenon/pipeline';
import { afterEach, describe, expect, test } from 'vitest';
import { type Bench, openBench, refused } from '../testing/bench.ts';
import { call, childPlan, planFor } from '../testing/plan.ts';
import {
  differencesOf,
  ended,
  listing,
  reconciled,
  reconciliationFor,
  type TestRecord,
} from '../testing/reconciliation.ts';

let bench: Bench;
afterEach(() => bench?.close());

describe('a repair', () => {
  const orders = planFor({ onFailure: 'hold', steps: [call('put', 'acme.put')] });
  const plan = reconciliationFor({ repair: [{ pipeline: 'orders', entity: { expression: 'key' } }] });

  test('counts no run that had nothing left to do, as its dry run said', async () => {
    bench = await openBench(orders);
    bench.target.script = { put: [{ fail: refused }, undefined] };
    const bad = await bench.order({ id: 'A' });
    const well = await bench.order({ id: 'B' });
    await bench.pass(1_000);
    listing(bench, { listOrders: () => [{ key: 'A' }, { key: 'B' }], listInvoices: () => [] });
    await bench.runtime.activateReconciliations([plan]);
    const report = await reconciled(bench);
    const dry = await bench.runtime.planRepair(report.id, 'ana', 'the number was mended');
    const items = dry.ok ? dry.report.items : [];
    expect(items.find(({ key }) => key === 'B')).toMatchObject({
      runs: [{ runId: well, effectsToSend: [] }],
      refused: expect.stringContaining('all effects of its runs have happened'),
    });
    const token = dry.ok ? dry.report.token : '';
    await bench.runtime.applyRepair(token, 'ben', 'looked through', {});
    await bench.pass(5_000);
    expect(bench.runtime.repairStatus(token)).toMatchObject({
      runs: { done: 1 },
      standing: { succeeded: 1 },
      listed: [{ runId: bad }],
      isDone: true,
    });
  });

  test('of a report whose differences are no longer kept is refused, and does not say that there was nothing', async () => {
    bench = await openBench(orders);
    listing(bench, { listOrders: () => [{ key: 'A' }], listInvoices: () => [] });
    await bench.runtime.activateReconciliations([{ ...plan, keepMs: 60_000 }]);
    const report = await reconciled(bench);
    expect(report.differences).toBe(1);
    await bench.pass(2 * 3_600_000);
    expect(differencesOf(bench, report.id)).toEqual([]);
    expect(await bench.runtime.planRepair(report.id, 'ana', 'late')).toMatchObject({
      ok: false,
      code: 'REPORT_INCOMPLETE',
      message:
        'the difference that it listed is no longer kept, or damaged; compare anew, and mend what that lists',
    });
  });

  test('replays what the pipeline holds of it, with the same keys, and then nothing differs', async () => {
    bench = await openBench(orders);
    const books = new Map<string, TestRecord>();
    bench.target.script = { put: [{ fail: refused }, undefined] };
    const bad = await bench.order({ id: 'A' });
    await bench.order({ id: 'B' });
    await bench.pass(1_000);
    listing(bench, {
      listOrders: () => [{ key: 'A' }, { key: 'B' }, { key: 'Z' }],
      listInvoices: () => [...books.values(), { key: 'B' }],
    });
    bench.target.onCall = (when, { operation, origin }) => {
      if (when === 'after' && operation.operation === 'put' && origin?.runId === bad)
        books.set('A', { key: 'A' });
    };
    await bench.runtime.activateReconciliations([plan]);
    const report = await reconciled(bench);
    const dry = await bench.runtime.planRepair(report.id, 'ana', 'the number was mended');
    expect(dry).toMatchObject({
      ok: true,
      report: {
        items: expect.arrayContaining([
          expect.objectContaining({
            key: 'A',
            runs: [{ runId: bad, pipeline: 'orders', effectsToSend: ['put'] }],
          }),
          expect.objectContaining({
            key: 'Z',
            runs: [],
            refused: expect.stringContaining('no pipeline has had'),
          }),
        ]),
      },
    });
    const token = dry.ok ? dry.report.token : '';
    expect(bench.state(bad)).toBe('failed');
    expect(await bench.runtime.applyRepair(token, 'ben', 'looked through', {})).toEqual({ ok: true });
    await bench.pass(5_000);
    expect(bench.state(bad)).toBe('succeeded');
    expect(bench.runtime.repairStatus(token)).toMatchObject({
      runs: { done: 1 },
      standing: { succeeded: 1 },
      isDone: true,
    });
    expect(await bench.runtime.applyRepair(token, 'cleo', 'again', {})).toMatchObject({
      code: 'REPLAY_APPLIED_ALREADY',
      message: expect.stringMatching(
        new RegExp(
          `^this dry run was applied by ben at \\S+Z: looked through \\(\`tenon reconcile status ${token}\``,
        ),
      ),
    });
    expect(differencesOf(bench, (await reconciled(bench)).id)).toEqual([['missing', 'Z']]);
    expect(bench.target.doubled).toEqual([]);
  });

  describe('of runs that go by more than the key', () => {
    const versioned = planFor({
      onFailure: 'hold',
      identity: {
        key: { text: ['', { expression: 'event.id' }, ':', { expression: 'event.version' }] },
        retainMs: 86_400_000,
        orderBy: { expression: 'event.customer' },
      },
      steps: [call('put', 'acme.put')],
    });
    const record = (key: string, customer: string) => ({ key, version: 2, customer });
    /** Two orders of one customer, refused, and one of another; the books have none of them, and one that the shop has not. */
    const planned = async (entity: ReconciliationPlan['repair'][number]['entity']) => {
      bench = await openBench(versioned);
      bench.target.script = { put: [{ fail: refused }, { fail: refused }, { fail: refused }] };
      const runs = new Map<string, string>();
      for (const [id, customer] of [
        ['A', 'c1'],
        ['B', 'c1'],
        ['C', 'c2'],
      ] as const)
        runs.set(id, await bench.order({ id, customer, version: 2 }));
      await bench.pass(1_000);
      listing(bench, {
        listOrders: () => [record('A', 'c1'), record('B', 'c1'), record('C', 'c2')],
        listInvoices: () => [{ key: 'X' }],
      });
      await bench.runtime.activateReconciliations([
        reconciliationFor({ repair: [{ pipeline: 'orders', entity, isOfRecord: true }] }),
      ]);
      const dry = await bench.runtime.planRepair((await reconciled(bench)).id, 'ana', 'mended');
      const items = dry.ok ? dry.report.items : [];
      return { runs, of: (key: string) => items.find((item) => item.key === key)! };
    };
    const runsOf = (item: { readonly runs: readonly { readonly runId: string }[] }) =>
      item.runs.map(({ runId }) => runId).toSorted();

    test('finds them by the business key that the record of the source gives', async () => {
      const { runs, of } = await planned({
        text: ['', { expression: 'record.key' }, ':', { expression: 'record.version' }],
      });
      for (const key of ['A', 'B', 'C']) expect(runsOf(of(key))).toEqual([runs.get(key)]);
      expect(of('X').refused).toBe(
        'it is in books alone, so no record says which runs of orders are of it: mend it there',
      );
    });

    test('finds all of an order key that several records have', async () => {
      const { runs, of } = await planned({ expression: 'record.customer' });
      const ofFirst = [runs.get('A')!, runs.get('B')!].toSorted();
      expect(runsOf(of('A'))).toEqual(ofFirst);
      expect(runsOf(of('B'))).toEqual(ofFirst);
      expect(runsOf(of('C'))).toEqual([runs.get('C')]);
    });

    test('says by what it has looked where it finds none', async () => {
      const { of } = await planned({ expression: 'record.key' });
      expect(of('A').refused).toBe(
        'no pipeline has had an event of it: no run of orders has the order key or business key that `entity` gives, and none is to be started for it',
      );
    });
  });

  test('says of a run that was replayed and failed again that it did', async () => {
    bench = await openBench(orders);
    bench.target.script = { put: [{ fail: refused }, { fail: refused }] };
    const bad = await bench.order({ id: 'A' });
    await bench.pass(1_000);
    listing(bench, { listOrders: () => [{ key: 'A' }], listInvoices: () => [] });
    await bench.runtime.activateReconciliations([plan]);
    const report = await reconciled(bench);
    const dry = await bench.runtime.planRepair(report.id, 'ana', 'the number was mended');
    const token = dry.ok ? dry.report.token : '';
    await bench.runtime.applyRepair(token, 'ben', 'looked through', {});
    await bench.pass(5_000);
    expect(bench.runtime.repairStatus(token)).toMatchObject({
      runs: { done: 1 },
      standing: { failedAgain: 1 },
      listed: [{ runId: bad, stands: 'failedAgain', state: 'failed' }],
      isDone: true,
    });
  });

  test('is not made where the systems were compared since, unless that is asked for: what differed may be mended by hand', async () => {
    bench = await openBench(orders);
    bench.target.script = { put: [{ fail: refused }, undefined] };
    const bad = await bench.order({ id: 'A' });
    await bench.pass(1_000);
    listing(bench, { listOrders: () => [{ key: 'A' }], listInvoices: () => [] });
    await bench.runtime.activateReconciliations([plan]);
    const report = await reconciled(bench);
    const dry = await bench.runtime.planRepair(report.id, 'ana', 'the number was mended');
    const token = dry.ok ? dry.report.token : '';
    await bench.pass(60_000);
    const newer = await reconciled(bench);
    expect(await bench.runtime.applyRepair(token, 'ben', 'looked through', {})).toMatchObject({
      ok: false,
      code: 'REPAIR_OUTDATED',
      message: expect.stringMatching(
        new RegExp(`^report ${report.id} is not the newest: ${newer.id} was begun \\S+Z`),
      ),
    });
    expect(bench.state(bad)).toBe('failed');
    expect(bench.runtime.repairStatus(token)).not.toHaveProperty('applied');
    const asked = await bench.runtime.applyRepair(token, 'ben', 'it has another window', {
      isOutdatedToo: true,
    });
    expect(asked).toEqual({ ok: true });
    await bench.pass(5_000);
    expect(bench.state(bad)).toBe('succeeded');
    // What was done is said before what has come since.
    expect(await bench.runtime.applyRepair(token, 'cleo', 'again', {})).toMatchObject({
      code: 'REPLAY_APPLIED_ALREADY',
    });
  });

  test('is made where only a comparison that failed, or one of other systems, came since', async () => {
    bench = await openBench(orders);
    listing(bench, { listOrders: () => [{ key: 'A' }], listInvoices: () => [] });
    const others = reconciliationFor({ name: 'others' });
    await bench.runtime.activateReconciliations([plan, others]);
    const dry = await bench.runtime.planRepair((await reconciled(bench)).id, 'ana', 'why');
    await bench.pass(60_000);
    const other = await bench.runtime.reconcile('others', 'ana', 'a test', false);
    expect(other.ok && (await ended(bench, other.report)).state).toBe('complete');
    bench.target.script = { listOrders: [{ fail: refused }] };
    expect(await reconciled(bench)).toMatchObject({ state: 'failed' });
    const token = dry.ok ? dry.report.token : '';
    expect(await bench.runtime.applyRepair(token, 'ben', 'why', {})).toEqual({ ok: true });
  });

  test('leaves what a key has twice to a person', async () => {
    bench = await openBench(orders);
    bench.target.script = { put: [{ fail: refused }] };
    await bench.order({ id: 'A' });
    await bench.pass(1_000);
    listing(bench, { listOrders: () => [{ key: 'A' }], listInvoices: () => [{ key: 'A' }, { key: 'A' }] });
    await bench.runtime.activateReconciliations([plan]);
    const dry = await bench.runtime.planRepair((await reconciled(bench)).id, 'ana', 'why');
    expect(dry).toMatchObject({
      report: {
        items: [
          {
            kind: 'duplicate',
            key: 'A',
            runs: [],
            refused: expect.stringMatching(/decide: mend it in books$/),
          },
        ],
      },
    });
  });

  test('names the quarantine that holds an event of it, and starts none beside it', async () => {
    const held = planFor({
      events: {
        'shop.ordered': {
          ...orders.events['shop.ordered']!,
          payload: {
            type: 'object',
            required: ['id', 'amount'],
            properties: { id: { type: 'string' }, amount: { type: 'integer' } },
          },
        },
      },
      identity: { key: { expression: 'event.id' }, retainMs: 86_400_000 },
      steps: [call('put', 'acme.put')],
    });
    const manual = childPlan({ pipeline: 'import', steps: [call('put', 'acme.put')] });
    bench = await openBench(held);
    await bench.runtime.activate(manual);
    const accepted = await bench.runtime.accept({
      event: 'shop.ordered',
      payload: { id: 'A', amount: 'ten' },
      deliveryId: 'd-A',
      source: 'bus/orders',
      invalid: 'quarantine',
    });
    expect(accepted).toMatchObject({ quarantined: { pointer: '/amount' } });
    await bench.runtime.idle();
    const [parked] = bench.runtime.deadLetters();
    listing(bench, { listOrders: () => [{ key: 'A' }, { key: 'Z' }], listInvoices: () => [] });
    const start = { object: { id: { expression: 'string(record.key)' } } };
    await bench.runtime.activateReconciliations([
      reconciliationFor({
        repair: [
          { pipeline: 'orders', entity: { expression: 'key' } },
          { pipeline: 'import', entity: { expression: 'key' }, start },
        ],
      }),
    ]);
    const dry = await bench.runtime.planRepair((await reconciled(bench)).id, 'ana', 'why');
    expect(dry).toMatchObject({
      report: {
        items: expect.arrayContaining([
          expect.objectContaining({
            key: 'A',
            runs: [],
            refused: `an event of it is in quarantine (run ${parked?.runId}): \`tenon quarantine recheck --pipeline orders\` says whether it can be released`,
          }),
          expect.objectContaining({ key: 'Z', starts: 'import' }),
        ]),
      },
    });
  });

  test('leaves alone what has happened, and says so', async () => {
    bench = await openBench(orders);
    await bench.order({ id: 'A' });
    await bench.pass(1_000);
    listing(bench, { listOrders: () => [{ key: 'A' }], listInvoices: () => [] });
    await bench.runtime.activateReconciliations([plan]);
    const dry = await bench.runtime.planRepair((await reconciled(bench)).id, 'ana', 'why');
    expect(dry).toMatchObject({
      report: {
        items: [
          { key: 'A', refused: expect.stringMatching(/have happened; .* mend it in shop or books, or send/) },
        ],
      },
    });
  });

  test('starts a pipeline from the record where no event is on record, once, over a crash', async () => {
    bench = await openBench(childPlan({ pipeline: 'orders', steps: [call('put', 'acme.put')] }));
    const starting = reconciliationFor({
      repair: [
        {
          pipeline: 'orders',
          entity: { expression: 'key' },
          start: { object: { id: { expression: 'string(record.key)' } } },
        },
      ],
    });
    listing(bench, { listOrders: () => [{ key: 'A' }, { key: 'B' }], listInvoices: () => [] });
    await bench.runtime.activateReconciliations([starting]);
    const dry = await bench.runtime.planRepair((await reconciled(bench)).id, 'ana', 'they were never sent');
    expect(dry).toMatchObject({ report: { items: [{ starts: 'orders' }, { starts: 'orders' }] } });
    const token = dry.ok ? dry.report.token : '';
    await bench.runtime.applyRepair(token, 'ana', 'looked through', { perSecond: 1 });
    await bench.pass(10);
    await bench.crash();
    await bench.runtime.activateReconciliations([starting]);
    for (let seconds = 0; seconds < 5; seconds++) await bench.pass(1_000);
    expect(
      bench.runtime
        .runs({ pipeline: 'orders' })
        .map(({ key, state }) => [key, state])
        .toSorted(),
    ).toEqual([
      ['A', 'succeeded'],
      ['B', 'succeeded'],
    ]);
    expect(bench.runtime.repairStatus(token)).toMatchObject({ starts: 2, isDone: true });
  });
});
