import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { CallOrigin } from '@tenon/model';
import { afterEach, describe, expect, test } from 'vitest';
import { SecretAudit } from '../secret-audit.ts';
import { type Bench, openBench } from '../testing/bench.ts';
import {
  alarmsOf,
  differencesOf,
  ended,
  listBoth,
  listing,
  reconciled,
  reconciliationFor,
  sideOf,
} from '../testing/reconciliation.ts';

let bench: Bench;
afterEach(() => bench?.close());

describe('a reconciliation', () => {
  test('lists what is missing, extra, mismatched, duplicate and without a key, over all pages', async () => {
    bench = await openBench();
    listBoth(bench);
    await bench.runtime.activateReconciliations([reconciliationFor()]);
    const report = await reconciled(bench);
    expect(report).toMatchObject({
      state: 'complete',
      counts: { missing: 1, extra: 1, mismatched: 1, duplicate: 1, withoutKey: 1 },
      differences: 5,
      listed: 5,
      records: { source: 4, target: 6 },
      totals: [{ name: 'turnover', differs: true, source: 100, target: 162 }],
    });
    expect(differencesOf(bench, report.id)).toEqual([
      ['mismatched', 'B', { name: 'total', source: 20, target: 21 }],
      ['missing', 'C'],
      ['duplicate', 'D'],
      ['extra', 'E'],
      ['withoutKey', null],
    ]);
    expect(bench.target.count('listInvoices')).toBe(3);
  });

  test('is known to use the secrets of the connections that it reads, and of no other', async () => {
    bench = await openBench();
    bench.secretUses = new SecretAudit();
    await bench.restart();
    listBoth(bench);
    const { secretUses } = bench;
    const plan = reconciliationFor();
    const uses = (connection: string, origin: CallOrigin): void =>
      secretUses.onSecretUse({
        reference: `env:${connection}`,
        found: true,
        isHeld: true,
        purpose: { connection, use: 'authenticate', origin },
      });
    bench.target.onCall = (when, { origin }) => {
      if (when !== 'before' || origin === undefined) return;
      uses(plan.sides.source.connection, origin);
      uses('other', origin);
    };
    await bench.runtime.activateReconciliations([plan]);
    await reconciled(bench);
    await bench.pass(10_000);
    expect(
      bench.runtime.secretUsers().map(({ reference, isUnexpected }) => [reference, isUnexpected]),
    ).toEqual(
      expect.arrayContaining([
        [`env:${plan.sides.source.connection}`, false],
        ['env:other', true],
      ]),
    );
    expect(bench.entries.find(({ details }) => details['alarm'] === 'secretUse')).toMatchObject({
      details: { connection: 'other', owner: plan.owner.team },
    });
  });

  test('tells its owner, once, when more differs than may, and never of a dry run', async () => {
    bench = await openBench();
    listBoth(bench);
    await bench.runtime.activateReconciliations([reconciliationFor()]);
    await reconciled(bench, true);
    expect(alarmsOf(bench)).toEqual([]);
    await reconciled(bench);
    expect(alarmsOf(bench)).toEqual(['recordsDiffer']);
    expect(bench.runtime.flow().reconciliations).toMatchObject([{ differences: 5, isAboveAlarm: true }]);
    await bench.runtime.activateReconciliations([reconciliationFor({ alarmAbove: 5 })]);
    await reconciled(bench);
    expect(alarmsOf(bench)).toEqual(['recordsDiffer']);
  });

  test('says nothing of what was changed within the time to settle, and does not add it up', async () => {
    bench = await openBench();
    const young = new Date(bench.clock.now() - 30_000).toISOString();
    const old = new Date(bench.clock.now() - 90_000).toISOString();
    listing(bench, {
      listOrders: () => [
        { key: 'A', total: 1, at: young },
        { key: 'B', total: 2, at: old },
      ],
      listInvoices: () => [],
    });
    await bench.runtime.activateReconciliations([reconciliationFor({ settleMs: 60_000 })]);
    const report = await reconciled(bench);
    expect(report).toMatchObject({ unsettled: 1, differences: 1, totals: [{ source: 2, target: 0 }] });
  });

  test('reads once more where it says so, and reports what differs both times', async () => {
    bench = await openBench();
    let readings = 0;
    listing(bench, {
      listOrders: () => [{ key: 'A' }, { key: 'B' }],
      // What a page loses because others were moved is there at the second look.
      listInvoices: () => (readings++ === 0 ? [] : [{ key: 'A' }]),
    });
    await bench.runtime.activateReconciliations([reconciliationFor({ confirmAfterMs: 30_000 })]);
    const begun = await bench.runtime.reconcile('invoices-agree', 'ana', 'a test', false);
    for (let looks = 0; looks < 200 && bench.target.count('listInvoices') < 2; looks++) {
      await new Promise((resolve) => setTimeout(resolve, 10));
      bench.clock.advance(1_000);
    }
    const report = await ended(bench, begun.ok ? begun.report : '');
    expect(differencesOf(bench, report.id)).toEqual([['missing', 'B']]);
  });

  test('asks for its window, and for what is in it at both sides alike', async () => {
    bench = await openBench();
    listBoth(bench);
    const window = {
      with: { object: { from: { expression: 'input.from' }, to: { expression: 'input.to' } } },
    };
    await bench.runtime.activateReconciliations([
      reconciliationFor({
        settleMs: 60_000,
        windowMs: 86_400_000,
        sides: {
          source: sideOf('shop', 'listOrders', window),
          target: sideOf('books', 'listInvoices', window),
        },
      }),
    ]);
    await reconciled(bench);
    const to = new Date(bench.clock.now() - 60_000).toISOString();
    const from = new Date(bench.clock.now() - 60_000 - 86_400_000).toISOString();
    expect(bench.target.calls.map(({ input }) => input)).toSatisfy((all: readonly object[]) =>
      all.every((input) => JSON.stringify(input).includes(from) && JSON.stringify(input).includes(to)),
    );
  });

  test('counts all that differs, and keeps as many as it says', async () => {
    bench = await openBench();
    listing(
      bench,
      { listOrders: () => Array.from({ length: 500 }, (_, n) => ({ key: n })), listInvoices: () => [] },
      100,
    );
    await bench.runtime.activateReconciliations([reconciliationFor({ listMax: 120 })]);
    const report = await reconciled(bench);
    expect(report).toMatchObject({ differences: 500, listed: 120 });
    expect(bench.runtime.reportedDifferences(report.id, 0, 1_000).map(({ number }) => number)).toEqual(
      Array.from({ length: 120 }, (_, n) => n + 1),
    );
    expect(bench.runtime.reportedDifferences(report.id, 100, 5)[0]?.number).toBe(101);
  });

  test('shows no classed value and no classed key: not in the report, not in the ledger', async () => {
    bench = await openBench();
    listing(bench, {
      listOrders: () => [{ id: 'ann@example.com', key: 'ann@example.com', total: 31_337 }],
      listInvoices: () => [{ key: 'ann@example.com', total: 31_338 }],
    });
    await bench.runtime.activateReconciliations([
      reconciliationFor({
        isKeyClassed: true,
        compare: [{ name: 'total', isClassed: true }],
        totals: [{ name: 'turnover', isClassed: true }],
      }),
    ]);
    const report = await reconciled(bench);
    const [found] = bench.runtime.reportedDifferences(report.id, 0, 10);
    expect(found).toMatchObject({ kind: 'mismatched', fields: [{ name: 'total', isClassed: true }] });
    expect(found?.key).toMatch(/^#[0-9a-f]{12}$/);
    expect(JSON.stringify([report, found, bench.entries])).not.toMatch(/ann@|3133[78]/);
  });

  test('shows no more of what was classed since: of a key, a value or a sum', async () => {
    bench = await openBench();
    listing(bench, {
      listOrders: () => [{ id: 'ann@example.com', key: 'ann@example.com', total: 31_337 }],
      listInvoices: () => [{ key: 'ann@example.com', total: 31_338 }],
    });
    await bench.runtime.activateReconciliations([reconciliationFor()]);
    const { id } = await reconciled(bench);
    const shown = () =>
      JSON.stringify([bench.runtime.reconciliationReport(id), bench.runtime.reportedDifferences(id, 0, 10)]);
    expect(shown()).toMatch(/ann@.*3133[78]|3133[78].*ann@/);
    await bench.runtime.activateReconciliations([
      reconciliationFor({
        version: 2,
        isKeyClassed: true,
        compare: [{ name: 'total', isClassed: true }],
        totals: [{ name: 'turnover', isClassed: true }],
      }),
    ]);
    expect(shown()).not.toMatch(/ann@|3133[78]/);
    expect(shown()).toContain('turnover');
  });

  test('shows no id of a record where ids hold classed data and keys do not', async () => {
    bench = await openBench();
    listing(bench, { listOrders: () => [{ id: 'ann@example.com', key: 'A' }], listInvoices: () => [] });
    await bench.runtime.activateReconciliations([reconciliationFor({ isIdClassed: true })]);
    const report = await reconciled(bench);
    const [found] = bench.runtime.reportedDifferences(report.id, 0, 10);
    expect(found).toMatchObject({ key: 'A', ids: { source: [], target: [] } });
  });

  test('leaves nothing in clear on the disk: not what it read, nor what an encrypted file keeps of it', async () => {
    bench = await openBench();
    bench.encryption = KEYS;
    await bench.restart();
    const seen: string[] = [];
    listing(bench, {
      listOrders: () => {
        seen.push(...bytesBeside(bench.file));
        return [{ key: 'canary-key', total: 4_711_471 }, { key: 'other' }, { key: 'third' }];
      },
      listInvoices: () => [],
    });
    await bench.runtime.activateReconciliations([reconciliationFor()]);
    const report = await reconciled(bench);
    expect(differencesOf(bench, report.id)).toContainEqual(['missing', 'canary-key']);
    await bench.runtime.stop();
    seen.push(...bytesBeside(bench.file));
    expect(seen.length).toBeGreaterThan(2);
    expect(seen.filter((text) => /canary-key|4711471/.test(text))).toEqual([]);
    expect(existsSync(`${bench.file}.comparing/${report.id}.db`)).toBe(false);
    await bench.restart();
  });

  test('lets what it lists of somebody go', async () => {
    bench = await openBench();
    listBoth(bench);
    await bench.runtime.activateReconciliations([reconciliationFor()]);
    const report = await reconciled(bench);
    expect(await bench.runtime.erase('C', 'ana', 'asked for', true)).toMatchObject({ differences: 1 });
    expect(differencesOf(bench, report.id).map(([, key]) => key)).not.toContain('C');
  });
});

const KEYS = { current: 'k1', keys: { k1: Buffer.alloc(32, 7) } };

/** All that lies beside the database, as text. */
function bytesBeside(file: string): string[] {
  return readdirSync(dirname(file), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'));
}
