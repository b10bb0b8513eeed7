import { afterEach, describe, expect, test } from 'vitest';
import { type Bench, openBench, refused, unavailable } from '../testing/bench.ts';
import {
  alarmsOf,
  BOOKS,
  differencesOf,
  ended,
  listBoth,
  listing,
  reconciled,
  reconciliationFor,
  SHOP,
  sideOf,
} from '../testing/reconciliation.ts';
import { until } from '../testing/until.ts';

let bench: Bench;
afterEach(() => bench?.close());

describe('a comparison that does not go through', () => {
  test('tries a page again when a system is busy', async () => {
    bench = await openBench();
    listBoth(bench);
    bench.target.script = { listOrders: [{ fail: unavailable }, { fail: unavailable }] };
    await bench.runtime.activateReconciliations([reconciliationFor()]);
    const begun = await bench.runtime.reconcile('invoices-agree', 'ana', 'a test', false);
    for (let looks = 0; looks < 100; looks++) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      bench.clock.advance(500);
    }
    expect(await ended(bench, begun.ok ? begun.report : '')).toMatchObject({
      state: 'complete',
      differences: 5,
    });
  });

  test('fails with its cause, and its owner is told', async () => {
    bench = await openBench();
    listBoth(bench);
    bench.target.script = { listInvoices: [{ fail: refused }] };
    await bench.runtime.activateReconciliations([reconciliationFor()]);
    expect(await reconciled(bench)).toMatchObject({
      state: 'failed',
      differences: 0,
      failure: { class: 'validation', code: 'HTTP_RESPONSE_STATUS' },
    });
    expect(alarmsOf(bench)).toEqual(['reconciliationFailed']);
    expect(bench.runtime.flow().reconciliations).toMatchObject([{ lastState: 'failed', isAboveAlarm: true }]);
  });

  test('names the record that an expression cannot be made of', async () => {
    bench = await openBench();
    listBoth(bench);
    await bench.runtime.activateReconciliations([
      reconciliationFor({
        sides: {
          source: sideOf('shop', 'listOrders', { key: { expression: 'record.nothing' } }),
          target: sideOf('books', 'listInvoices'),
        },
      }),
    ]);
    const { failure } = await reconciled(bench);
    expect(failure?.message).toContain('record 1 of the source');
  });

  test('waits while a switch holds its connection, and goes on when it is lifted', async () => {
    bench = await openBench();
    listBoth(bench);
    await bench.runtime.activateReconciliations([reconciliationFor()]);
    const kill = await bench.runtime.setSwitch(
      { kind: 'kill', scope: { connection: 'books' }, sparesCompensation: false },
      'ana',
      'their outage',
    );
    expect(kill.ok).toBe(true);
    const begun = await bench.runtime.reconcile('invoices-agree', 'ana', 'a test', false);
    await new Promise((resolve) => setTimeout(resolve, 100));
    bench.clock.advance(5_000);
    expect(bench.target.count('listInvoices')).toBe(0);
    expect(bench.runtime.flow().reconciliations).toMatchObject([{ isComparing: true }]);
    await bench.runtime.liftSwitch('kill/connection/books', 'ana', 'over');
    bench.clock.advance(5_000);
    expect(await ended(bench, begun.ok ? begun.report : '')).toMatchObject({ differences: 5 });
  });

  test('reads nothing in a closed window, though it closes between two pages, and goes on when that is over', async () => {
    bench = await openBench();
    let opensAtMs: number | undefined;
    bench.closedUntil = () => (bench.clock.now() < (opensAtMs ?? 0) ? opensAtMs : undefined);
    listing(bench, {
      listOrders: () => SHOP,
      listInvoices: () => {
        opensAtMs ??= bench.clock.now() + 60_000;
        return BOOKS;
      },
    });
    await bench.runtime.activateReconciliations([reconciliationFor()]);
    const begun = await bench.runtime.reconcile('invoices-agree', 'ana', 'a test', false);
    await until(() => bench.target.count('listInvoices') === 1);
    const atClosing = bench.target.calls.length;
    for (let passedMs = 0; passedMs < 50_000; passedMs += 5_000) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      bench.clock.advance(5_000);
    }
    expect(bench.target.calls).toHaveLength(atClosing);
    bench.clock.advance(10_000);
    expect(await ended(bench, begun.ok ? begun.report : '')).toMatchObject({ differences: 5 });
    expect(bench.target.count('listInvoices')).toBe(3);
  });

  test('is made again under the same report after a crash, and lists nothing twice', async () => {
    bench = await openBench();
    let isKilled = false;
    listing(bench, {
      listOrders: () => SHOP,
      listInvoices: () => {
        if (bench.target.count('listInvoices') === 2 && !isKilled) {
          isKilled = true;
          void bench.crash().then(() => bench.runtime.activateReconciliations([reconciliationFor()]));
        }
        return BOOKS;
      },
    });
    await bench.runtime.activateReconciliations([reconciliationFor()]);
    const begun = await bench.runtime.reconcile('invoices-agree', 'ana', 'a test', false);
    const id = begun.ok ? begun.report : '';
    const report = await ended(bench, id);
    expect(isKilled).toBe(true);
    expect(report).toMatchObject({ id, resumed: 1, differences: 5, listed: 5 });
    expect(bench.runtime.reconciliationReports()).toHaveLength(1);
    expect(differencesOf(bench, id)).toHaveLength(5);
    expect(alarmsOf(bench)).toEqual(['recordsDiffer']);
  });
});
