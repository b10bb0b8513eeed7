import type { Plan } from '@tenon/pipeline';
import { afterEach, describe, expect, test } from 'vitest';
import type { CancellationReport } from '../runtime.ts';
import { type Bench, openBench } from '../testing/bench.ts';
import { planFor, step, undoable } from '../testing/plan.ts';

/** A wrong version was deployed and taken back: what it has begun keeps to it (C120), is told of, found, and ended together. */
let bench: Bench;
afterEach(() => bench.close());

const version = (number: number, parts: Partial<Plan> = {}): Plan =>
  planFor({
    version: number,
    steps: [undoable('charge'), step('wait', 'gate', { for: { durationMs: 3_600_000 } }), undoable('send')],
    ...parts,
  });
const first = version(1);
const wrong = version(2, { description: 'wrong' });

/** Two runs of the first, three of the wrong one, which is taken back. */
async function takenBack(): Promise<void> {
  bench = await openBench(first);
  for (const id of ['a', 'b']) await ordered(id);
  await bench.runtime.activate(wrong);
  for (const id of ['c', 'd', 'e']) await ordered(id);
  await bench.runtime.activate(first);
}

async function ordered(id: string): Promise<string> {
  const runId = await bench.order({ id });
  await bench.runtime.idle();
  return runId;
}

const keys = async (filter: Parameters<Bench['runtime']['findRuns']>[0]) =>
  (await bench.runtime.findRuns(filter)).map(({ key }) => key);

describe('runs are found', () => {
  test('by the version and the plan that they keep to', async () => {
    await takenBack();
    expect(await keys({ version: 2 })).toEqual(['e', 'd', 'c']);
    expect(await keys({ pipeline: 'orders', version: 1 })).toEqual(['b', 'a']);
    expect(await keys({ pipeline: 'others', version: 1 })).toEqual([]);
    expect(await keys({ version: 3 })).toEqual([]);
    expect(await keys({ planHash: wrong.hash })).toEqual(['e', 'd', 'c']);
  });

  test('where they have not ended, whatever they wait for', async () => {
    await takenBack();
    const { runId } = bench.runtime.runs({ key: 'd' })[0]!;
    await bench.runtime.cancel(runId, 'ana', 'not wanted');
    await bench.runtime.idle();
    expect(await keys({ open: true })).toEqual(['e', 'c', 'b', 'a']);
    expect(await keys({ open: true, version: 2 })).toEqual(['e', 'c']);
    expect(await keys({ open: true, state: 'cancelled' })).toEqual([]);
    expect(await keys({ open: true, version: 2, limit: 1 })).toEqual(['e']);
  });
});

describe('what keeps to another plan than the one in force', () => {
  test('is told by pipeline and version, and in which states it is', async () => {
    await takenBack();
    expect(await bench.runtime.otherPlans()).toEqual([
      {
        pipeline: 'orders',
        version: 2,
        planHash: wrong.hash,
        runs: 3,
        states: { waiting: 3 },
        active: { version: 1, planHash: first.hash },
      },
    ]);
  });

  test('of a pipeline that is no more has none in force; runs that have ended keep to nothing', async () => {
    await takenBack();
    await bench.runtime.retire('orders');
    const others = await bench.runtime.otherPlans();
    expect(others.map(({ version: of, runs, active }) => [of, runs, active])).toEqual([
      [1, 2, undefined],
      [2, 3, undefined],
    ]);
    await bench.pass(3_600_000);
    expect(await bench.runtime.otherPlans()).toEqual([]);
  });
});

describe('several runs are cancelled', () => {
  const looked = async (
    filter: Parameters<Bench['runtime']['planCancel']>[0],
  ): Promise<CancellationReport> => {
    const result = await bench.runtime.planCancel(filter, 'ana', 'v2 charges twice');
    if (!result.ok) throw new Error(result.message);
    return result.report;
  };
  const applied = (token: string) => bench.runtime.applyCancel(token, 'ben', 'looked through');

  test('after a dry run that names them with what they have done, which does nothing', async () => {
    await takenBack();
    const before = bench.target.calls.length;
    const { runs, expiresAtMs } = await looked({ pipeline: 'orders', version: 2 });
    expect(runs).toMatchObject([
      { key: 'e', pipeline: 'orders', version: 2, state: 'waiting', step: 'gate', effectsDone: ['charge'] },
      { key: 'd' },
      { key: 'c' },
    ]);
    expect(expiresAtMs).toBe(bench.clock.now() + 86_400_000);
    await bench.runtime.idle();
    expect(bench.target.calls).toHaveLength(before);
    expect(await keys({ open: true })).toHaveLength(5);
  });

  test('those that it named and no others, each with who and why in the ledger; what they did is undone', async () => {
    await takenBack();
    const { token } = await looked({ pipeline: 'orders', version: 2 });
    await bench.runtime.activate(wrong);
    const later = await ordered('later');
    const result = await applied(token);
    if (!result.ok) throw new Error(result.message);
    expect(result.runs.map(({ key, refused }) => [key, refused])).toEqual([
      ['e', undefined],
      ['d', undefined],
      ['c', undefined],
    ]);
    await bench.runtime.idle();
    expect(await keys({ state: 'cancelled' })).toEqual(['e', 'd', 'c']);
    expect(bench.state(later)).toBe('waiting');
    expect(bench.target.calls.filter(({ operation }) => operation === 'remove')).toHaveLength(3);
    for (const { runId } of result.runs)
      expect(bench.runtime.trace({ runId }).filter(({ kind }) => kind === 'operator')).toMatchObject([
        { details: { action: 'cancel', actor: 'ben', reason: 'looked through', token } },
      ]);
    expect(bench.runtime.trace({ system: true }).at(-1)).toMatchObject({
      kind: 'operator',
      details: { action: 'cancelMany', token, actor: 'ben', reason: 'looked through', runs: 3 },
    });
  });

  test('as far as each can be: the dry run and its end say why not', async () => {
    await takenBack();
    const { token } = await looked({ version: 2 });
    const [ended] = bench.runtime.runs({ key: 'c' });
    await bench.runtime.cancel(ended!.runId, 'cleo', 'by hand');
    await bench.runtime.idle();
    const result = await applied(token);
    if (!result.ok) throw new Error(result.message);
    expect(result.runs.map(({ key, refused }) => [key, refused])).toEqual([
      ['e', undefined],
      ['d', undefined],
      ['c', 'RUN_ENDED: the run has ended: cancelled'],
    ]);
    await bench.runtime.idle();
    expect((await looked({ version: 2 })).runs).toEqual([]);
  });

  test('once: applied again it goes on with what is left, as after the death of the process in the midst of it', async () => {
    await takenBack();
    const { token } = await looked({ version: 2 });
    const crashed = new Promise<void>((done) => {
      bench.onEntry = ({ kind, details }) => {
        if (kind !== 'operator' || details['action'] !== 'cancel') return;
        delete bench.onEntry;
        void bench.crash().then(done);
      };
    });
    void applied(token).catch(() => {});
    await crashed;
    const done = await applied(token);
    expect(done.ok && done.runs.map(({ key, refused }) => [key, refused])).toEqual([
      ['e', undefined],
      ['d', undefined],
      ['c', undefined],
    ]);
    await bench.runtime.idle();
    expect(await applied(token)).toEqual(done);
    const ofTwo = await bench.runtime.findRuns({ version: 2 });
    const cancels = ofTwo.flatMap(({ runId }) =>
      bench.runtime.trace({ runId }).filter(({ kind }) => kind === 'operator'),
    );
    expect(cancels).toHaveLength(3);
    expect(await keys({ state: 'cancelled' })).toEqual(['e', 'd', 'c']);
  });

  test('the newest first, so that none begins as the one before it in its order ends', async () => {
    const identity = {
      key: { expression: 'event.id' },
      orderBy: { expression: 'event.account' },
      retainMs: 86_400_000,
    };
    bench = await openBench(version(2, { identity }));
    // More than are cancelled at once, the last of which waits for the first.
    for (let i = 0; i < 200; i++) await bench.order({ id: `o${i}`, account: i === 199 ? 'a0' : `a${i}` });
    await bench.runtime.idle();
    const begun = () => bench.target.calls.filter(({ operation }) => operation === 'create').length;
    expect(begun()).toBe(199);
    const { token } = await looked({ version: 2 });
    await applied(token);
    await bench.pass(10_000);
    expect(await keys({ state: 'cancelled', limit: 1_000 })).toHaveLength(200);
    expect(begun()).toBe(199);
  });

  test('while everything is killed, and then undone when that is lifted', async () => {
    await takenBack();
    const kill = { kind: 'kill', scope: { everything: true }, sparesCompensation: false } as const;
    await bench.runtime.setSwitch(kill, 'ana', 'look first');
    const { token } = await looked({ version: 2 });
    expect(await applied(token)).toMatchObject({ ok: true });
    await bench.pass(10_000);
    const removed = () => bench.target.calls.filter(({ operation }) => operation === 'remove');
    expect(removed()).toHaveLength(0);
    await bench.runtime.liftSwitch('kill/everything', 'ana', 'go on');
    await bench.pass(10_000);
    expect(removed()).toHaveLength(3);
    expect(await keys({ state: 'cancelled' })).toEqual(['e', 'd', 'c']);
  });

  test('a token of a dry run of a replay is none of these, and the other way round', async () => {
    await takenBack();
    const { token } = await looked({ version: 2 });
    expect(await bench.runtime.applyReplay(token, 'ben', 'oops')).toMatchObject({ code: 'REPLAY_UNKNOWN' });
    expect(bench.runtime.replayStatus(token)).toBeUndefined();
    const replay = await bench.runtime.planReplay({ pipeline: 'orders' }, 'ana', 'all of it');
    expect(await applied(replay.ok ? replay.report.token : '')).toMatchObject({ code: 'CANCEL_UNKNOWN' });
  });
});
