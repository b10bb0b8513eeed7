import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ReconciliationReport, RepairReport, ReportedDifference } from '@tenon/runtime';
import { openLedger } from '@tenon/runtime';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { TenonProcess } from '../demo/child.ts';
import { type CommandResult, tenon } from '../tenon.ts';
import { reconcileWorkspace } from './workspace.ts';
import { type BothSystems, bothSystems } from './world.ts';

const SETTLED = '2026-01-01T00:00:00Z';
const PATIENCE_MS = 60_000;

let root: string;
let world: BothSystems;
let served: TenonProcess;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'tenon-reconcile-'));
  world = await bothSystems();
  await reconcileWorkspace(root);
  served = new TenonProcess(
    join(root, '.tenon/tenon.db'),
    { SHOP_URL: world.shopUrl, BOOKS_URL: world.booksUrl },
    root,
  );
  await served.start();
});
afterEach(async () => {
  await served.kill();
  await world[Symbol.asyncDispose]();
  await rm(root, { recursive: true, force: true });
});

it('finds what was planted in two real systems, mends it by replay, and then finds nothing', {
  timeout: 180_000,
}, async () => {
  for (let n = 1; n <= 40; n++) order(`ord_${n}`, { total: n });
  // Missing: the books refused it. Mismatched: they refused its change. Extra: they refused that it was cancelled.
  for (const reference of ['ord_3']) world.refused.add(reference);
  for (const { id } of world.orders.values()) await tell('order-paid', id);
  await until(() => world.invoices.size === 39, 'every order but one is invoiced');
  for (const reference of ['ord_7', 'ord_11']) world.refused.add(reference);
  order('ord_7', { total: 700, email: 'ord_7-new@customers.example' });
  await tell('order-changed', 'ord_7');
  await tell('order-cancelled', 'ord_11');
  world.orders.delete('ord_11');
  // Missing, too: nobody told of it. On its way: changed just now. Duplicate: somebody made a second one by hand.
  order('ord_50', { total: 50 });
  order('ord_51', { total: 51, updatedAt: new Date().toISOString() });
  const second = {
    ...[...world.invoices.values()].find((one) => one.reference === 'ord_20')!,
    id: 'inv_by_hand',
  };
  world.invoices.set(second.id, second);
  // A cent's part is none: within the tolerance.
  order('ord_8', { total: 8.004 });
  await until(() => parked() === 3, 'three runs are parked');

  const first = await reconcile(['--json']);
  expect(first.code).toBe(3);
  const report = JSON.parse(first.out) as ReconciliationReport & { listedDifferences: ReportedDifference[] };
  expect(report).toMatchObject({
    state: 'complete',
    counts: { missing: 2, extra: 1, mismatched: 1, duplicate: 1, withoutKey: 0 },
    differences: 5,
    unsettled: 1,
    records: { source: 40, target: 40 },
    totals: [{ name: 'turnover', differs: true }],
  });
  expect(byKey(report.listedDifferences)).toEqual({
    ord_11: ['extra'],
    ord_20: ['duplicate'],
    ord_3: ['missing'],
    ord_50: ['missing'],
    // What it is, is nobody's business who only looks.
    ord_7: ['mismatched', { name: 'amount', source: 700, target: 7 }, { name: 'email', isClassed: true }],
  });
  const alarm = served.lines.find(({ kind }) => kind === 'alarm');
  expect(alarm?.details).toMatchObject({ alarm: 'recordsDiffer', owner: 'finance', differences: 5 });

  const shown = await cli('reconcile', 'show', report.id);
  expect(shown.out).toContain('2 missing, 1 extra, 1 mismatched, 1 duplicate');
  expect((await cli('flow')).out).toMatch(/orders-invoiced .*complete .* 5 .*YES/);
  expect(await metrics()).toContain(
    'tenon_reconciliation_differences{reconciliation="orders-invoiced",kind="missing"} 2',
  );

  const dry = await cli('reconcile', 'repair', report.id, '--reason', 'the accounts are unlocked', '--json');
  expect(dry.code).toBe(5);
  const repair = JSON.parse(dry.out) as RepairReport;
  expect(
    Object.fromEntries(
      repair.items.map(({ key, runs, starts, refused }) => [
        key,
        starts ?? refused ?? runs.filter((run) => run.effectsToSend.length > 0).map((run) => run.pipeline),
      ]),
    ),
  ).toEqual({
    ord_11: ['order-cancelled'],
    ord_20: expect.stringContaining('a person’s to decide'),
    ord_3: ['order-paid'],
    ord_50: 'import-order',
    ord_7: ['order-changed'],
  });
  // Nothing was sent by looking.
  expect(world.invoices.size).toBe(40);

  world.refused.clear();
  expect((await cli('reconcile', 'apply', repair.token, '--reason', 'looked through')).code).toBe(0);
  await until(
    async () => (await cli('reconcile', 'status', repair.token)).out.includes('done      yes'),
    'the repair',
  );
  // By a person, as the report said.
  world.invoices.delete('inv_by_hand');
  await until(() => parked() === 0, 'no run is parked any more');

  const last = await reconcile([]);
  expect(last.out).toContain('no difference');
  expect(last.code).toBe(0);
  expect([...world.made.values()].every((times) => times === 1)).toBe(true);
  expect((await cli('reconcile', 'apply', repair.token, '--reason', 'again')).err).toContain(
    'REPLAY_APPLIED_ALREADY',
  );

  await served.stop();
  const ledger = openLedger(served.engineFile);
  const entries = ledger.trace({ system: true }).filter(({ kind }) => kind === 'reconciliation');
  expect(entries.map(({ details }) => details['action'])).toEqual([
    'begun',
    'complete',
    'repair',
    'begun',
    'complete',
  ]);
  expect(JSON.stringify(entries)).not.toMatch(/customers\.example/);
  expect(ledger.check()).toEqual([]);
  ledger.close();
});

it('compares again under the same report when its process is killed, and tells its owner once', {
  timeout: 120_000,
}, async () => {
  for (let n = 1; n <= 200; n++) order(`ord_${n}`, { total: n });
  world.pageMs = 60;
  const asked = reconcile(['--json']).catch(() => undefined);
  await until(() => world.pagesAsked > 5, 'it has begun to read');
  await served.kill();
  await asked;
  const begun = world.pagesAsked;
  await served.start();
  await until(() => world.pagesAsked > begun + 3, 'it reads again');
  await served.kill();
  await served.start();
  await until(async () => (await reports())[0]?.state === 'complete', 'the report');
  const found = await reports();
  expect(found).toMatchObject([{ differences: 200, listed: 200, counts: { missing: 200 }, resumed: 2 }]);
  const { out } = await cli('reconcile', 'show', found[0]!.id, '--json');
  const { listedDifferences } = JSON.parse(out) as { listedDifferences: ReportedDifference[] };
  expect(new Set(listedDifferences.map(({ key }) => key)).size).toBe(200);
  expect(listedDifferences).toHaveLength(200);
  await served.stop();
  const ledger = openLedger(served.engineFile);
  const kinds = ledger
    .trace({ system: true })
    .filter(({ kind }) => kind === 'reconciliation' || kind === 'alarm');
  expect(kinds.map(({ details }) => details['action'] ?? details['alarm'])).toEqual([
    'begun',
    'complete',
    'recordsDiffer',
  ]);
  ledger.close();
});

function order(id: string, parts: { total: number; email?: string; updatedAt?: string }): void {
  world.orders.set(id, { id, email: `${id}@customers.example`, updatedAt: SETTLED, ...parts });
}

/** Tells Tenon of an order, as the shop would. */
async function tell(pipeline: string, id: string): Promise<void> {
  const { total, email } = world.orders.get(id)!;
  const input = pipeline === 'order-cancelled' ? { orderId: id } : { orderId: id, total, email };
  const response = await fetch(`${served.url}/v1/pipelines/${pipeline}/runs`, {
    method: 'POST',
    headers: { authorization: `Bearer ${await token()}` },
    body: JSON.stringify({ input }),
  });
  expect(response.status).toBe(202);
}

function parked(): number {
  const ledger = openLedger(served.engineFile);
  const letters = ledger.deadLetters().length;
  ledger.close();
  return letters;
}

async function token(): Promise<string> {
  return (await readFile(join(root, '.tenon/operator.token'), 'utf8')).trim();
}

async function metrics(): Promise<string> {
  const response = await fetch(`${served.url}/metrics`, {
    headers: { authorization: `Bearer ${await token()}` },
  });
  return response.text();
}

async function reports(): Promise<readonly ReconciliationReport[]> {
  const { out, code } = await cli('reconcile', 'reports', 'orders-invoiced', '--json');
  return code === 0 ? (JSON.parse(out) as ReconciliationReport[]) : [];
}

async function reconcile(more: readonly string[]): Promise<CommandResult> {
  return cli('reconcile', 'orders-invoiced', '--reason', 'a test', ...more);
}

async function cli(...argv: readonly string[]): Promise<CommandResult> {
  return tenon(root, [...argv, '--url', served.url], { TENON_TOKEN: await token() });
}

function byKey(differences: readonly ReportedDifference[]): Record<string, readonly unknown[]> {
  return Object.fromEntries(differences.map(({ key, kind, fields }) => [key, [kind, ...fields]]));
}

async function until(isSo: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (const untilMs = Date.now() + PATIENCE_MS; !(await isSo()); ) {
    if (Date.now() > untilMs) throw new Error(`waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
