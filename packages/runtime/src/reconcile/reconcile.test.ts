import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { CallOrigin } from '@tenon/model';
import { afterEach, describe, expect, test } from 'vitest';
import { SecretAudit } from '../secret-audit.ts';
import { type Bench, openBench, refused, unavailable } from '../testing/bench.ts';
import { call, childPlan, planFor } from '../testing/plan.ts';
import {
  ended,
  listing,
  reconciled,
  reconciliationFor,
  sideOf,
  type TestRecord,
} from '../testing/reconciliation.ts';
import { until } from '../testing/until.ts';

let bench: Bench;
afterEach(() => bench?.close());

const SHOP: readonly TestRecord[] = [
  { id: 's1', key: 'A', total: 10 },
  { id: 's2', key: 'B', total: 20 },
  { id: 's3', key: 'C', total: 30 },
  { id: 's4', key: 'D', total: 40 },
];
const BOOKS: readonly TestRecord[] = [
  { id: 'b1', key: 'A', total: 10 },
  { id: 'b2', key: 'B', total: 21 },
  { id: 'b4', key: 'D', total: 40 },
  { id: 'b5', key: 'D', total: 40 },
  { id: 'b6', key: 'E', total: 50 },
  { id: 'b7', key: null, total: 1 },
];
const both = (): void => listing(bench, { listOrders: () => SHOP, listInvoices: () => BOOKS });

const differencesOf = (id: string) =>
  bench.runtime
    .reportedDifferences(id, 0, 100)
    .map(({ kind, key, fields }) => [kind, key, ...fields])
    .toSorted(([, a], [, b]) => String(a).localeCompare(String(b)));

const alarms = () =>
  bench.entries.filter(({ kind }) => kind === 'alarm').map(({ details }) => details['alarm']);

describe('a reconciliation', () => {
  test('lists what is missing, extra, mismatched, duplicate and without a key, over all pages', async () => {
    bench = await openBench();
    both();
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
    expect(differencesOf(report.id)).toEqual([
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
    both();
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
    both();
    await bench.runtime.activateReconciliations([reconciliationFor()]);
    await reconciled(bench, true);
    expect(alarms()).toEqual([]);
    await reconciled(bench);
    expect(alarms()).toEqual(['recordsDiffer']);
    expect(bench.runtime.flow().reconciliations).toMatchObject([{ differences: 5, isAboveAlarm: true }]);
    await bench.runtime.activateReconciliations([reconciliationFor({ alarmAbove: 5 })]);
    await reconciled(bench);
    expect(alarms()).toEqual(['recordsDiffer']);
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
    expect(differencesOf(report.id)).toEqual([['missing', 'B']]);
  });

  test('asks for its window, and for what is in it at both sides alike', async () => {
    bench = await openBench();
    both();
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
    expect(differencesOf(report.id)).toContainEqual(['missing', 'canary-key']);
    await bench.runtime.stop();
    seen.push(...bytesBeside(bench.file));
    expect(seen.length).toBeGreaterThan(2);
    expect(seen.filter((text) => /canary-key|4711471/.test(text))).toEqual([]);
    expect(existsSync(`${bench.file}.comparing/${report.id}.db`)).toBe(false);
    await bench.restart();
  });

  test('lets what it lists of somebody go', async () => {
    bench = await openBench();
    both();
    await bench.runtime.activateReconciliations([reconciliationFor()]);
    const report = await reconciled(bench);
    expect(await bench.runtime.erase('C', 'ana', 'asked for', true)).toMatchObject({ differences: 1 });
    expect(differencesOf(report.id).map(([, key]) => key)).not.toContain('C');
  });
});

describe('a comparison that does not go through', () => {
  test('tries a page again when a system is busy', async () => {
    bench = await openBench();
    both();
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
    both();
    bench.target.script = { listInvoices: [{ fail: refused }] };
    await bench.runtime.activateReconciliations([reconciliationFor()]);
    expect(await reconciled(bench)).toMatchObject({
      state: 'failed',
      differences: 0,
      failure: { class: 'validation', code: 'HTTP_RESPONSE_STATUS' },
    });
    expect(alarms()).toEqual(['reconciliationFailed']);
    expect(bench.runtime.flow().reconciliations).toMatchObject([{ lastState: 'failed', isAboveAlarm: true }]);
  });

  test('names the record that an expression cannot be made of', async () => {
    bench = await openBench();
    both();
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
    both();
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
    expect(differencesOf(id)).toHaveLength(5);
    expect(alarms()).toEqual(['recordsDiffer']);
  });
});

describe('a schedule', () => {
  const nightly = reconciliationFor({
    schedule: { cron: '0 3 * * *', zone: 'Europe/Berlin', missed: 'once', jitterMs: 0 },
    // Days go by here while the thread compares.
    deadlineMs: 30 * 86_400_000,
  });
  const dueTimes = () =>
    bench.runtime
      .reconciliationReports()
      .map(({ scheduledAtMs }) => new Date(scheduledAtMs ?? 0).toISOString())
      .toReversed();

  test('carries it out when it is due, and for what was missed once', async () => {
    bench = await openBench();
    both();
    await bench.runtime.activateReconciliations([nightly]);
    expect(dueTimes()).toEqual([]);
    await night();
    expect(dueTimes()).toEqual(['2023-11-15T02:00:00.000Z']);
    await bench.runtime.stop();
    bench.clock.advance(3 * 86_400_000);
    await bench.restart();
    await bench.runtime.activateReconciliations([nightly]);
    await settled(2);
    expect(dueTimes()).toEqual(['2023-11-15T02:00:00.000Z', '2023-11-18T02:00:00.000Z']);
    await bench.restart();
    await bench.runtime.activateReconciliations([nightly]);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(dueTimes()).toHaveLength(2);
  });

  async function night(): Promise<void> {
    for (let hours = 0; hours < 24; hours++) {
      bench.clock.advance(3_600_000);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await settled(1);
  }

  async function settled(count: number): Promise<void> {
    for (let looks = 0; looks < 200; looks++) {
      const reports = bench.runtime.reconciliationReports();
      if (reports.length === count && reports.every(({ state }) => state === 'complete')) return;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new Error(`${bench.runtime.reconciliationReports().length} reports, and not ${count}`);
  }
});

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
    expect(differencesOf((await reconciled(bench)).id)).toEqual([['missing', 'Z']]);
    expect(bench.target.doubled).toEqual([]);
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

const KEYS = { current: 'k1', keys: { k1: Buffer.alloc(32, 7) } };

/** All that lies beside the database, as text. */
function bytesBeside(file: string): string[] {
  return readdirSync(dirname(file), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'));
}
