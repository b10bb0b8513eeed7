import { afterEach, expect, test } from 'vitest';
import { type Bench, openBench, refused } from '../testing/bench.ts';
import { call, planFor } from '../testing/plan.ts';
import { listing, reconciled, reconciliationFor, sideOf } from '../testing/reconciliation.ts';

let bench: Bench;
afterEach(() => bench?.close());

/** Orders of both accounts, in one line by their ids: the ids are the same in both. */
const orders = planFor({
  onFailure: 'hold',
  identity: {
    key: { expression: "connection + ':' + event.id" },
    orderBy: { expression: 'event.id' },
    retainMs: 86_400_000,
  },
  steps: [call('put', 'acme.put')],
});
let deliveries = 0;
const accept = (source: string, payload: object = { id: 'A' }, invalid?: 'quarantine') =>
  bench.runtime.accept({
    event: 'shop.ordered',
    payload: { ...payload },
    deliveryId: `t-${++deliveries}`,
    source,
    ...(invalid && { invalid }),
  });

/** What differs between an account and the books, and what would mend it. */
async function repairOf(account: string) {
  await bench.runtime.activateReconciliations([
    reconciliationFor({
      sides: { source: sideOf(account, 'listOrders'), target: sideOf('books', 'listInvoices') },
      repair: [{ pipeline: 'orders', entity: { expression: 'key' } }],
    }),
  ]);
  listing(bench, { listOrders: () => [{ key: 'A' }], listInvoices: () => [] });
  const report = await reconciled(bench);
  delete bench.target.decide;
  const dry = await bench.runtime.planRepair(report.id, 'ana', 'it was mended');
  return dry.ok ? dry.report.items : [];
}

async function open(): Promise<void> {
  bench = await openBench(orders);
  bench.connections = { eu: 'acme', us: 'acme', books: 'ledger', acme: 'acme' };
  await bench.restart();
}

test('what an account lacks is mended by the runs of that account alone', async () => {
  await open();
  bench.target.script = { put: [{ fail: refused }, { fail: refused }] };
  await accept('eu');
  await accept('us/orders');
  await bench.pass(1_000);
  const [eu, us] = ['eu', 'us'].map((connection) => bench.runtime.runs({ connection })[0]!.runId);
  expect(await repairOf('us')).toMatchObject([{ key: 'A', runs: [{ runId: us }] }]);
  expect(await repairOf('eu')).toMatchObject([{ key: 'A', runs: [{ runId: eu }] }]);
});

test('one that no run of the account has had is not taken for one that another has', async () => {
  await open();
  await accept('eu');
  await accept('eu', { id: 'A', amount: 'much' }, 'quarantine');
  await bench.pass(1_000);
  expect(await repairOf('us')).toMatchObject([
    { key: 'A', runs: [], refused: expect.stringContaining('no pipeline has had') },
  ]);
});

test('what came over no connection, or over that of another system, may be of either', async () => {
  bench = await openBench(orders, planFor({ steps: [] }));
  const plain = planFor({ onFailure: 'hold', steps: [call('put', 'acme.put')] });
  await bench.runtime.activate(plain);
  bench.connections = { eu: 'acme', us: 'acme', shop: 'store' };
  await bench.restart();
  bench.target.script = { put: [{ fail: refused }] };
  await accept('shop');
  await bench.pass(1_000);
  expect(await repairOf('us')).toMatchObject([{ runs: [{ pipeline: 'orders' }] }]);
});
