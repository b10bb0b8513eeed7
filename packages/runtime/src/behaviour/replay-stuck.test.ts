import { DatabaseSync } from 'node:sqlite';
import { afterEach, expect, test } from 'vitest';
import { type Bench, openBench, refused } from '../testing/bench.ts';
import { call, planFor } from '../testing/plan.ts';

let bench: Bench;
afterEach(() => bench.close());

const orders = planFor({ onFailure: 'hold', steps: [call('put', 'acme.put')] });
const payments = planFor({
  onFailure: 'hold',
  pipeline: 'payments',
  trigger: { event: 'shop.paid' },
  steps: [call('put', 'acme.put')],
});

async function failed(event: string, id: string): Promise<string> {
  bench.target.script = { put: [{ fail: refused }] };
  const accepted = await bench.runtime.accept({ event, payload: { id }, source: 'shop', deliveryId: id });
  if (!accepted.ok) throw new Error(accepted.failure.message);
  await bench.runtime.idle();
  return accepted.runs[0]!.runId;
}

/** Somebody changes the file while no process is up. */
async function meddled(sql: string): Promise<void> {
  await bench.runtime.stop();
  const db = new DatabaseSync(bench.file, { enableForeignKeyConstraints: false });
  db.exec(sql);
  db.close();
  await bench.restart();
}

const pauseAll = async () => {
  for (const pipeline of ['orders', 'payments'])
    await bench.runtime.setSwitch({ kind: 'pause', pipeline, onlyKeys: [] }, 'ana', 'look');
};
const liftAll = async () => {
  for (const pipeline of ['orders', 'payments'])
    await bench.runtime.liftSwitch(`pause/${pipeline}`, 'ana', 'seen');
};

test('what nobody has reckoned with is said, is tried again, and holds back no other pipeline', async () => {
  bench = await openBench(orders, payments);
  const [broken, sound] = [await failed('shop.ordered', 'a'), await failed('shop.paid', 'b')];
  await bench.runtime.activate(planFor({ steps: orders.steps, version: 2 }));
  await pauseAll();
  const dry = await bench.runtime.planReplay({ state: 'failed' }, 'ana', 'mended');
  if (!dry.ok) throw new Error(dry.message);
  await bench.runtime.applyReplay(dry.report.token, 'ana', 'looked at it');
  await meddled(`UPDATE plans SET plan = '{' || plan WHERE hash = '${orders.hash}'`);
  await liftAll();
  await bench.pass(7_000);
  expect(bench.state(sound)).toBe('succeeded');
  expect(bench.problems).toEqual(
    Array(2).fill(
      expect.stringMatching(
        /^RUNTIME_REPLAY_STUCK: runs of orders that are to be replayed do not go on and are tried again: /,
      ),
    ),
  );
  await meddled(`UPDATE plans SET plan = substr(plan, 2) WHERE hash = '${orders.hash}'`);
  await bench.pass(3_000);
  expect(bench.state(broken)).toBe('succeeded');
});
