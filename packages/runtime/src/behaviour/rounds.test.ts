import { DatabaseSync } from 'node:sqlite';
import { afterEach, describe, expect, test } from 'vitest';
import { type Bench, openBench, refused, unavailable } from '../testing/bench.ts';
import { both, call, list, literal, ofSkus, planFor, probe, sku, step, undoable } from '../testing/plan.ts';

let bench: Bench;
afterEach(() => bench.close());

describe('forEach, resumed,', () => {
  test('leaves an item alone that had ended with a wait, when the run is cancelled while another is resumed', async () => {
    const pause = step('wait', 'pause', { for: { durationMs: 3_000 } });
    const book = undoable('book', 'acme.create', { with: sku });
    bench = await openBench(
      planFor({ onFailure: 'hold', steps: [list({ concurrency: 1, steps: [book, pause] })] }),
    );
    bench.target.script = { create: [undefined, { fail: refused }] };
    const runId = await bench.order({ id: 'a', lines: ofSkus('x', 'y') });
    await bench.pass(10_000);
    expect(bench.state(runId)).toBe('failed');
    await bench.runtime.resume(runId, 'ana', 'try again');
    await bench.pass(1_000);
    expect(bench.state(runId)).toBe('waiting');
    await bench.runtime.cancel(runId, 'ana', 'no longer wanted');
    // In the middle of undoing the process ends: the next one must find the same to undo.
    bench.target.script = { remove: [{ fail: unavailable }] };
    await bench.pass(100);
    await bench.crash();
    await bench.pass(60_000);
    expect(bench.state(runId)).toBe('cancelled');
    expect(bench.target.count('remove')).toBe(3);
  });

  test('tries only the failed item again', async () => {
    bench = await openBench(planFor({ onFailure: 'hold', steps: [list({ concurrency: 1 })] }));
    bench.target.script = { create: [undefined, { fail: refused }] };
    const runId = await bench.order({ id: 'a', lines: ofSkus('x', 'y', 'z') });
    await bench.runtime.idle();
    expect(bench.runtime.run(runId)).toMatchObject({ state: 'failed', step: 'lines' });
    await bench.runtime.resume(runId, 'ana', 'mended');
    await bench.runtime.idle();
    expect(bench.state(runId)).toBe('succeeded');
    expect(bench.target.inputs('create')).toEqual([{ id: 'x' }, { id: 'y' }, { id: 'y' }, { id: 'z' }]);
  });

  describe('one in another, which was stopped before it came there when the run was first resumed', () => {
    /** Of `b` the put fails when resumed, before `a` comes to its list, whose one item had failed before. */
    const resumedTwice = async (): Promise<string> => {
      const isOf = (sku: string) => ({ when: `line.sku == '${sku}'` });
      const pause = step('wait', 'pause', { for: { durationMs: 3_000 } });
      const making = [call('make', 'acme.create'), pause];
      const inner = list({ as: 'part', key: { expression: 'part' }, steps: making });
      const within = { ...inner, id: 'inner', in: 'event.parts', result: { literal: 0 }, ...isOf('a') };
      const steps = [call('put', 'acme.put', isOf('b')), within];
      bench = await openBench(
        planFor({
          onFailure: 'hold',
          steps: [list({ concurrency: 1, result: { literal: 0 }, steps })],
        }),
      );
      bench.target.script = {
        put: [{ fail: unavailable }, { fail: refused }],
        create: [{ fail: refused }],
      };
      const runId = await bench.order({ id: 'a', lines: ofSkus('b', 'a'), parts: ['x'] });
      await bench.runtime.idle();
      await resumed(runId, 'failed');
      expect([bench.target.count('put'), bench.target.count('create')], 'stopped before it').toEqual([2, 1]);
      return runId;
    };
    const resumed = async (runId: string, state: string): Promise<void> => {
      await bench.runtime.resume(runId, 'ana', 'try again');
      await bench.runtime.idle();
      expect(bench.state(runId)).toBe(state);
    };

    test('tries what had failed once when it is resumed again', async () => {
      const runId = await resumedTwice();
      bench.target.script = { create: [{ fail: refused }] };
      await resumed(runId, 'failed');
      expect(bench.target.count('create')).toBe(2);
      await bench.crash();
      await resumed(runId, 'waiting');
      await bench.pass(3_000);
      expect([bench.state(runId), bench.target.count('create')]).toEqual(['succeeded', 3]);
      const inner = bench.runtime.run(runId)!.steps.find(({ id }) => id === 'lines[a].inner');
      expect(inner, 'of the four rounds it did not come to the second').toMatchObject({ attempts: 3 });
    });

    test('passes over no pause', async () => {
      const runId = await resumedTwice();
      await resumed(runId, 'waiting');
      await bench.pass(2_999);
      expect(bench.state(runId)).toBe('waiting');
      await bench.pass(1);
      expect(bench.state(runId)).toBe('succeeded');
    });

    test('goes on as an earlier version began it, once for each time it was resumed', async () => {
      const runId = await resumedTwice();
      bench.target.script = { create: [{ never: 'before' }] };
      await bench.runtime.resume(runId, 'ana', 'try again');
      while (bench.target.count('create') < 2) await new Promise((resolve) => setImmediate(resolve));
      const file = new DatabaseSync(bench.file);
      const row = "UPDATE journal SET value = 'null' WHERE key = 'lines[a]|inner/joined/2!'";
      expect(file.prepare(row).run().changes).toBe(1);
      file.close();
      bench.target.script = { create: [{ fail: refused }, { fail: refused }] };
      await bench.crash();
      await bench.pass(1_000);
      expect([bench.state(runId), bench.target.count('create')]).toEqual(['failed', 4]);
      await bench.crash();
      await resumed(runId, 'waiting');
      await bench.pass(3_000);
      expect([bench.state(runId), bench.target.count('create')]).toEqual(['succeeded', 5]);
    });
  });
});

describe('parallel, resumed,', () => {
  test('one that had ended with a wait does not wait again, though the clock was set back before the other was resumed', async () => {
    const pause = (id: string, durationMs: number) => step('wait', id, { for: { durationMs } });
    bench = await openBench(
      planFor({
        onFailure: 'hold',
        steps: [both([pause('short', 3_000)], [pause('long', 5_000), undoable('made', 'acme.create')])],
      }),
    );
    bench.target.script = { create: [{ fail: refused }] };
    const runId = await bench.order({ id: 'a' });
    await bench.pass(10_000);
    expect(bench.state(runId)).toBe('failed');
    bench.clock.jump(-9_000);
    await bench.runtime.resume(runId, 'ana', 'try again');
    await bench.runtime.idle();
    expect(bench.state(runId)).toBe('succeeded');
  });

  describe('one that failed of a check, when another has to come to an outcome first', () => {
    const rest = (id: string) => step('wait', id, { for: { durationMs: 3_000 } });
    const checked = (again: readonly string[], before: Parameters<typeof planFor>[0]['steps'] = []) => [
      call('read', 'acme.get'),
      step('set', 'amount', { value: { expression: 'steps.read.amount' } }),
      ...before,
      step('check', 'enough', {
        that: [{ condition: 'steps.amount >= 10', message: 'too little' }],
        otherwise: 'fail',
        again,
      }),
    ];
    const begin = async (...branches: Parameters<typeof both>) => {
      bench = await openBench(
        planFor({
          onFailure: 'hold',
          limits: { concurrency: 1, deadlineMs: 60_000 },
          steps: [both(...branches)],
        }),
      );
      bench.target.script = {
        get: [{ result: { id: 'r', amount: 1 } }],
        createBlind: [{ loseAnswer: true }],
        put: [{ fail: refused }],
      };
      return bench.order({ id: 'a', amount: 0 });
    };

    test('does not wait again when the clock was set back, and is not asked again and again', async () => {
      const runId = await begin(checked([], [rest('rest')]), [
        call('slow', 'acme.createBlind'),
        call('second', 'acme.put'),
      ]);
      await bench.pass(4_000);
      expect(bench.state(runId)).toBe('inDoubt');
      bench.clock.jump(-2_000);
      await bench.runtime.settle(runId, 'slow', 'confirm', 'ana', 'it is there', { id: 'x' });
      await bench.runtime.idle();
      expect(bench.runtime.run(runId)!.failure).toMatchObject({ code: 'CHECK_NOT_MET' });
    });

    test('is stopped by the other in a later round, though the deadline was over meanwhile', async () => {
      const left = [...checked(['read', 'amount']), rest('later'), call('after', 'acme.create')];
      const runId = await begin(left, [
        call('slow', 'acme.createBlind', { probe }),
        call('second', 'acme.put'),
      ]);
      await bench.runtime.idle();
      bench.clock.jump(90_000);
      await bench.pass(1_000);
      expect(bench.runtime.run(runId)!.failure, 'what it was parked for before').toMatchObject({
        code: 'CHECK_NOT_MET',
      });
      bench.target.script = { put: [{ fail: refused }] };
      await bench.runtime.resume(runId, 'ana', 'try again');
      await bench.pass(10_000);
      expect(bench.runtime.run(runId)!.failure).toMatchObject({ status: 422 });
      expect(bench.target.count('create')).toBe(0);
    });

    test('is stopped by the other where a later version does not let it fail', async () => {
      const that = [{ condition: 'event.amount > 0', message: 'none' }];
      const left = [
        step('check', 'some', { that, otherwise: 'fail' }),
        call('after', 'acme.create'),
        rest('later'),
        call('last', 'acme.create'),
      ];
      const runId = await begin(left, [call('slow', 'acme.createBlind'), call('second', 'acme.put')]);
      await bench.runtime.idle();
      const file = new DatabaseSync(bench.file);
      expect(file.prepare(`UPDATE events SET payload = '{"id":"a","amount":1}'`).run().changes).toBe(1);
      file.close();
      await bench.runtime.settle(runId, 'slow', 'confirm', 'ana', 'it is there', { id: 'x' });
      await bench.runtime.idle();
      expect(bench.runtime.run(runId)!.failure).toMatchObject({ status: 422 });
      expect(bench.target.inputs('create'), 'it had begun to wait').toEqual([{ id: 'after' }]);
    });
  });

  test('a round in which the run never came to its branches lets none of them go on', async () => {
    const never = step('check', 'never', {
      that: [{ condition: 'false', message: 'no' }],
      otherwise: 'fail',
    });
    bench = await openBench(
      planFor({
        onFailure: 'hold',
        limits: { concurrency: 1, deadlineMs: 60_000 },
        steps: [
          both([step('wait', 'rest', { for: { durationMs: 3_000 } }), call('after', 'acme.put')], [never]),
        ],
      }),
    );
    const runId = await bench.order({ id: 'a' });
    await bench.pass(100);
    expect(bench.runtime.run(runId)!.failure, 'before the wait is over').toMatchObject({
      code: 'CHECK_NOT_MET',
    });
    bench.onEntry = ({ details }) => {
      if (details['action'] === 'resume') bench.clock.jump(90_000);
    };
    await bench.runtime.resume(runId, 'ana', 'try again');
    await bench.runtime.idle();
    expect(bench.runtime.run(runId)!.failure).toMatchObject({ code: 'RUN_DEADLINE_EXCEEDED' });
    delete bench.onEntry;
    await bench.runtime.resume(runId, 'ana', 'try again');
    await bench.runtime.idle();
    expect(bench.runtime.run(runId)!.failure).toMatchObject({ code: 'CHECK_NOT_MET' });
    expect(bench.target.count('put'), 'the wait was not over').toBe(0);
  });

  describe('what was decided in them is in the ledger once,', () => {
    const toldOf = (runId: string, id: string) =>
      bench.runtime.trace({ runId }).flatMap(({ kind, step: at }) => (at === id ? [kind] : []));
    const seen = step('set', 'seen', { value: literal(1) });

    test('also of a block that was first begun when the run was resumed, and cut short', async () => {
      const inner = step('parallel', 'inner', {
        branches: [
          { name: 'one', steps: [seen] },
          { name: 'two', steps: [call('slow', 'acme.create')] },
        ],
      });
      bench = await openBench(
        planFor({ onFailure: 'hold', steps: [both([call('put', 'acme.put'), inner], [undoable('other')])] }),
      );
      bench.target.script = { put: [{ fail: refused }] };
      const runId = await bench.order({ id: 'a' });
      await bench.runtime.idle();
      bench.target.script = { create: [{ never: 'before' }] };
      const before = bench.target.count('create');
      await bench.runtime.resume(runId, 'ana', 'try again');
      while (bench.target.count('create') === before) await new Promise((resolve) => setImmediate(resolve));
      await bench.crash();
      await bench.pass(60_000);
      expect(bench.state(runId)).toBe('succeeded');
      expect(toldOf(runId, 'seen')).toEqual(['stepDone']);
    });

    test('also that one has failed again of what leaves no record', async () => {
      const never = step('check', 'never', {
        that: [{ condition: 'false', message: 'no' }],
        otherwise: 'fail',
      });
      bench = await openBench(planFor({ onFailure: 'hold', steps: [both([seen], [never])] }));
      const runId = await bench.order({ id: 'a' });
      await bench.runtime.idle();
      await bench.runtime.resume(runId, 'ana', 'try again');
      await bench.runtime.idle();
      expect(toldOf(runId, 'seen')).toEqual(['stepDone']);
      expect(toldOf(runId, 'never')).toEqual(['branch', 'branch']);
    });
  });
});

test('what is in doubt when a resumed run is cancelled is undone once a person has confirmed it', async () => {
  const never = step('check', 'never', {
    that: [{ condition: 'false', message: 'no' }],
    otherwise: 'quarantine',
  });
  // They leave no record, and take so long that the other branch has sent its call when this one fails.
  const idle = Array.from({ length: 10 }, (_, i) => step('set', `idle${i}`, { value: { literal: i } }));
  const left = [undoable('made', 'acme.createBlind', { probe })];
  bench = await openBench(planFor({ steps: [both(left, [...idle, never])] }));
  bench.target.script = { createBlind: [{ fail: refused }, { loseAnswer: true }], find: [{ fail: refused }] };
  const id = await bench.order({ id: 'a' });
  await bench.runtime.idle();
  expect(bench.state(id)).toBe('failed');
  await bench.runtime.resume(id, 'ana', 'again');
  await bench.runtime.idle();
  expect(bench.state(id), 'before the probe is asked').toBe('waiting');
  await bench.runtime.cancel(id, 'ana', 'no longer wanted');
  await bench.pass(60_000);
  expect(bench.state(id)).toBe('inDoubt');
  await bench.runtime.settle(id, 'made', 'confirm', 'ana', 'it is there', { id: 'made-1' });
  await bench.pass(60_000);
  expect(bench.state(id)).toBe('cancelled');
  expect(bench.target.count('remove')).toBe(1);
});
