import type { Failure } from '@tenon/model';
import type { Plan } from '@tenon/pipeline';
import { afterEach, expect, test } from 'vitest';
import { type Bench, openBench, refused } from '../testing/bench.ts';
import { keysNamed } from '../testing/keys.ts';
import { call, childPlan, literal, planFor, run, step, undoable } from '../testing/plan.ts';
import { meddle } from '../testing/stored-file.ts';

let bench: Bench;
afterEach(() => bench.close());

const consent = step('approve', 'yes', {
  by: 'finance',
  withinMs: 3_600_000,
  onExpiry: 'reject',
  show: literal(null),
});
const asking = planFor({ steps: [undoable('one'), consent] });

async function asked(plan: Plan, put: readonly Failure[] = [], ...below: Plan[]): Promise<string> {
  bench = await openBench(...below, plan);
  bench.target.script = { put: put.map((fail) => ({ fail })) };
  const runId = await bench.order({ id: 'a' });
  await bench.runtime.idle();
  return runId;
}

/** One value of a run's journal is another than was written there. */
function damage(runId: string, key = 'one#1'): void {
  meddle(
    bench,
    `UPDATE journal SET value = '~00000000{}' WHERE key = '${key}' AND run_seq = (SELECT seq FROM runs WHERE run_id = '${runId}')`,
  );
}

async function cancel(runId: string) {
  const told = await bench.runtime.cancel(runId, 'ana', 'cannot be mended');
  await bench.runtime.idle();
  return told;
}

test('among several that are cancelled together it ends too, and is named with the others', async () => {
  const runId = await asked(asking);
  const other = await bench.order({ id: 'b' });
  await bench.runtime.idle();
  damage(runId);
  const dry = await bench.runtime.planCancel({ pipeline: 'orders' }, 'ana', 'a wrong version');
  if (!dry.ok) throw new Error(dry.message);
  expect(dry.report.runs.map(({ runId: of, refused: why }) => [of, why])).toEqual([
    [other, undefined],
    [runId, undefined],
  ]);
  const { token } = dry.report;
  expect(await bench.runtime.applyCancel(token, 'ben', 'looked')).toMatchObject({ ok: true });
  await bench.runtime.idle();
  expect([bench.state(runId), bench.state(other)]).toEqual(['cancelled', 'cancelled']);
  expect(bench.runtime.forwardFixes()).toMatchObject([{ runId }]);
  const said = bench.runtime.trace({ runId }).filter(({ kind }) => kind === 'operator');
  expect(said).toMatchObject([{ details: { action: 'cancel', actor: 'ben', reason: 'looked', token } }]);
});

test('a run that is parked because it cannot be read ends when it is cancelled, and its owner has the work that is left', async () => {
  const runId = await asked(asking);
  damage(runId);
  await bench.runtime.decide(runId, 'yes', 'approve', 'ana', 'fine');
  await bench.runtime.idle();
  expect(bench.runtime.run(runId)).toMatchObject({
    state: 'failed',
    failure: { code: 'STORED_VALUE_DAMAGED' },
  });
  expect(await cancel(runId)).toEqual({ ok: true });
  expect(bench.runtime.run(runId)).toMatchObject({
    state: 'cancelled',
    failure: { code: 'RUN_CANCELLED_NOT_UNDONE', message: expect.stringContaining('one#1') },
  });
  expect(bench.target.count('remove')).toBe(0);
  expect(bench.runtime.deadLetters()).toEqual([]);
  const [owed, ...others] = bench.runtime.forwardFixes();
  expect(owed).toMatchObject({
    runId,
    owner: 'sales',
    task: expect.stringContaining(`tenon runs trace ${runId}`),
  });
  expect(others).toEqual([]);
  const said = bench.runtime.trace({ runId }).filter(({ kind }) => kind === 'operator');
  expect(said).toMatchObject([{ details: { action: 'cancel', actor: 'ana', reason: 'cannot be mended' } }]);
  expect(await cancel(runId)).toMatchObject({ ok: false, code: 'RUN_ENDED' });
  expect(await bench.runtime.closeFix(runId, owed!.stepId, 'ana', 'taken back')).toEqual({ ok: true });
  expect(bench.runtime.forwardFixes()).toEqual([]);
  await bench.restart();
  await bench.pass(1_000);
  expect(bench.state(runId)).toBe('cancelled');
});

test('one that has not found out yet that it cannot be read ends as well, with nothing left to decide', async () => {
  const runId = await asked(asking);
  damage(runId);
  expect(await cancel(runId)).toEqual({ ok: true });
  expect(bench.runtime.run(runId)).toMatchObject({
    state: 'cancelled',
    failure: { code: 'RUN_CANCELLED_NOT_UNDONE' },
  });
  expect(bench.runtime.approvals()).toEqual([]);
  expect(bench.runtime.forwardFixes()).toHaveLength(1);
});

test('a replay refuses it, and names no effect of which nobody knows whether it was sent', async () => {
  const runId = await asked(
    planFor({ onFailure: 'hold', steps: [undoable('one'), call('put', 'acme.put')] }),
    [refused],
  );
  const look = async () => {
    const planned = await bench.runtime.planReplay({ runId }, 'ana', 'mended');
    return planned.ok ? planned.report : undefined;
  };
  const sound = await look();
  expect(sound?.runs).toMatchObject([{ effectsSkipped: ['one'], effectsToSend: ['put'], goesOn: true }]);
  damage(runId);
  expect((await look())?.runs).toMatchObject([
    {
      effectsSkipped: [],
      effectsToSend: [],
      goesOn: false,
      refused: expect.stringMatching(
        /^failed: it cannot be read, .*STORED_VALUE_DAMAGED: journal of run .*, one#1/,
      ),
    },
  ]);
  // Damaged since the dry run.
  await bench.runtime.applyReplay(sound!.token, 'ana', 'looked at it');
  await bench.pass(1_000);
  expect(bench.runtime.replayStatus(sound!.token)?.runs).toEqual({ refused: 1 });
  expect(bench.target.count('put')).toBe(1);
});

test('one that can be read is undone', async () => {
  const runId = await asked(asking);
  expect(await cancel(runId)).toEqual({ ok: true });
  expect(bench.runtime.run(runId)).toMatchObject({ state: 'cancelled', failure: { code: 'RUN_CANCELLED' } });
  expect(bench.target.count('remove')).toBe(1);
  expect(bench.runtime.forwardFixes()).toEqual([]);
});

test('one whose event cannot be read is counted as waiting no longer, and lets the next of its order key go', async () => {
  const plan = planFor({
    identity: { key: { expression: 'event.id' }, orderBy: { expression: "'all'" }, retainMs: 86_400_000 },
    steps: [call('put', 'acme.put')],
  });
  bench = await openBench(plan);
  await bench.runtime.setSwitch({ kind: 'pause', pipeline: 'orders', onlyKeys: [] }, 'ana', 'a look');
  const runId = await bench.order({ id: 'a' });
  const next = await bench.order({ id: 'b' });
  meddle(bench, `UPDATE events SET payload = '{' WHERE delivery_id = 'd1'`);
  expect(await cancel(runId)).toEqual({ ok: true });
  expect(bench.runtime.flow().intake.backlog).toBe(1);
  await bench.runtime.liftSwitch('pause/orders', 'ana', 'looked');
  await bench.pass(10);
  expect([bench.state(runId), bench.state(next)]).toEqual(['cancelled', 'succeeded']);
  expect(bench.runtime.flow().intake.backlog).toBe(0);
});

test('whoever ran it as a child hears that it is gone, and what it had started is named', async () => {
  const grandchild = childPlan({ pipeline: 'grandchild', steps: [undoable('one')] });
  const child = childPlan({ steps: [run('below', grandchild), consent] });
  const runId = await asked(planFor({ steps: [run('sub', child)] }), [], grandchild, child);
  const below = bench.runtime.runs({ pipeline: 'grandchild' })[0]!.runId;
  const lost = bench.runtime.runs({ pipeline: 'child' })[0]!.runId;
  damage(lost, 'below/child#0');
  expect(await cancel(lost)).toEqual({ ok: true });
  expect(bench.runtime.run(runId)).toMatchObject({ failure: { code: 'RUN_CHILD_CANCELLED' } });
  expect(bench.state(below)).toBe('succeeded');
  expect(bench.runtime.forwardFixes()).toMatchObject([{ runId: lost, task: expect.stringContaining(below) }]);
});

test('one whose key is only not at hand is not cancelled: once it is back, it can be undone', async () => {
  bench = await openBench(asking);
  bench.encryption = keysNamed('k1');
  await bench.restart();
  const runId = await bench.order({ id: 'a' });
  await bench.runtime.idle();
  const sealed = `key = 'one#1' AND run_seq = (SELECT seq FROM runs WHERE run_id = '${runId}')`;
  // Behind the format stands the number of the data key.
  meddle(
    bench,
    `CREATE TABLE kept AS SELECT value FROM journal WHERE ${sealed};
    UPDATE journal SET value = CAST(x'01' || x'0000000fffff' || substr(value, 8) AS BLOB) WHERE ${sealed}`,
  );
  expect(await cancel(runId)).toMatchObject({ ok: false, code: 'STORED_VALUE_LOCKED' });
  expect(bench.state(runId)).toBe('waiting');
  meddle(bench, `UPDATE journal SET value = (SELECT value FROM kept) WHERE ${sealed}; DROP TABLE kept`);
  expect(await cancel(runId)).toEqual({ ok: true });
  expect(bench.state(runId)).toBe('cancelled');
  expect(bench.target.count('remove')).toBe(1);
});
