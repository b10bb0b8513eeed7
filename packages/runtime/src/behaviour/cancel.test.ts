import { DatabaseSync } from 'node:sqlite';
import { afterEach, describe, expect, test } from 'vitest';
import { type Bench, openBench, refused, unavailable } from '../testing/bench.ts';
import { call, childPlan, list, ofSkus, planFor, run, step, undoable } from '../testing/plan.ts';
import { until } from '../testing/until.ts';

let bench: Bench;
afterEach(() => bench.close());

describe('cancel', () => {
  test('undoes what was done, and ends the run', async () => {
    bench = await openBench(
      planFor({
        steps: [undoable('one'), step('wait', 'w', { for: { durationMs: 60_000 } }), undoable('two')],
      }),
    );
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    expect(await bench.runtime.cancel(runId, 'ana', 'ordered by mistake')).toEqual({ ok: true });
    await bench.runtime.idle();
    await bench.pass(60_000);
    expect(bench.state(runId)).toBe('cancelled');
    expect(bench.target.calls.map(({ operation }) => operation)).toEqual(['create', 'remove']);
    expect(await bench.runtime.cancel(runId, 'ana', 'again')).toMatchObject({
      ok: false,
      code: 'RUN_ENDED',
      message: 'the run has ended: cancelled',
    });
  });

  test('said twice of a run whose undoing is stuck, says that it was cancelled before', async () => {
    bench = await openBench(
      planFor({ steps: [undoable('one'), step('wait', 'w', { for: { durationMs: 60_000 } })] }),
    );
    bench.target.script = { remove: [{ fail: refused }] };
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    await bench.runtime.cancel(runId, 'ana', 'ordered by mistake');
    await bench.runtime.idle();
    expect(bench.state(runId)).toBe('failed');
    expect(await bench.runtime.cancel(runId, 'ana', 'again')).toMatchObject({
      ok: false,
      code: 'RUN_CANCELLED_ALREADY',
      message: 'the run was cancelled before',
    });
  });

  test.each(['active', 'woken'] as const)(
    'of a run whose end is on its way to the disk is told that it has ended, and leaves it at rest (%s)',
    async (how) => {
      const steps =
        how === 'active'
          ? [call('one', 'acme.create')]
          : [step('wait', 'w', { for: { durationMs: 60_000 } }), call('one', 'acme.put')];
      bench = await openBench(planFor({ steps }));
      const told: Promise<unknown>[] = [];
      // What is answered is on its way: the run has not ended in the file, and will have when the word gets there.
      bench.target.onCall = (when) => {
        if (when !== 'after') return;
        bench.onBatch = async () => {
          delete bench.onBatch;
          told.push(bench.runtime.cancel(runId, 'ana', 'mistake'));
        };
      };
      const runId = await bench.order({ id: 'a' });
      await bench.pass(60_000);
      expect(await Promise.all(told)).toMatchObject([{ ok: false, code: 'RUN_ENDED' }]);
      expect(bench.state(runId)).toBe('succeeded');
      await bench.runtime.idle();
      expect(bench.runtime.trace({ runId }).filter(({ kind }) => kind === 'operator')).toEqual([]);
    },
  );

  describe('of a run that is at its last call', () => {
    test.each([
      ['a step', [undoable('one'), undoable('two')]],
      ['an item', [undoable('one'), list()]],
    ])('undoes that too (%s)', async (_, steps) => {
      bench = await openBench(planFor({ steps }));
      const { promise: wait, resolve } = Promise.withResolvers<void>();
      bench.target.script = { create: [undefined, { wait }] };
      const runId = await bench.order({ id: 'a', lines: ofSkus('x') });
      await until(() => bench.target.count('create') === 2);
      expect(await bench.runtime.cancel(runId, 'ana', 'not wanted')).toEqual({ ok: true });
      resolve();
      await bench.runtime.idle();
      expect(bench.runtime.run(runId)).toMatchObject({
        state: 'cancelled',
        undoing: { because: 'cancelled', actor: 'ana' },
      });
      expect(bench.target.inputs('remove')).toEqual([{ id: 'create-2' }, { id: 'create-1' }]);
    });

    test('holds over a crash', async () => {
      bench = await openBench(planFor({ steps: [undoable('one')] }));
      bench.target.script = { create: [{ never: 'after' }] };
      const runId = await bench.order({ id: 'a' });
      await until(() => bench.target.count('create') === 1);
      await bench.runtime.cancel(runId, 'ana', 'not wanted');
      bench.target.script = { remove: [{ never: 'after' }] };
      await bench.crash();
      await until(() => bench.target.count('remove') === 1);
      await bench.crash();
      await bench.runtime.idle();
      expect(bench.state(runId)).toBe('cancelled');
      expect(bench.target.effects.size).toBe(2);
    });

    test('is heeded where it is on its way to the disk as the run comes to its end', async () => {
      bench = await openBench(planFor({ steps: [undoable('one')] }));
      const { promise: wait, resolve } = Promise.withResolvers<void>();
      bench.target.script = { create: [{ wait }] };
      const runId = await bench.order({ id: 'a' });
      await until(() => bench.target.count('create') === 1);
      bench.onBatch = async () => {
        delete bench.onBatch;
        resolve();
        for (let turn = 0; turn < 5; turn++) await new Promise((next) => setImmediate(next));
      };
      expect(await bench.runtime.cancel(runId, 'ana', 'not wanted')).toEqual({ ok: true });
      await bench.runtime.idle();
      expect(bench.state(runId)).toBe('cancelled');
      expect(bench.target.count('remove')).toBe(1);
    });

    test('undoes a child, and its parent goes by that', async () => {
      const child = childPlan({ steps: [undoable('one')] });
      bench = await openBench(child, planFor({ onFailure: 'hold', steps: [run('sub', child)] }));
      const { promise: wait, resolve } = Promise.withResolvers<void>();
      bench.target.script = { create: [{ wait }] };
      const runId = await bench.order({ id: 'a' });
      await until(() => bench.target.count('create') === 1);
      const [below] = bench.runtime.run(runId)!.children!;
      expect(await bench.runtime.cancel(below!.runId, 'ana', 'not wanted')).toEqual({ ok: true });
      resolve();
      await bench.runtime.idle();
      expect(bench.state(below!.runId)).toBe('cancelled');
      expect(bench.runtime.run(runId)).toMatchObject({
        state: 'failed',
        failure: { code: 'RUN_CHILD_CANCELLED' },
      });
    });
  });

  test('that an earlier version let reach a run that had ended does not keep it due for ever', async () => {
    bench = await openBench(planFor({ steps: [call('one', 'acme.create')] }));
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    await bench.runtime.stop();
    const db = new DatabaseSync(bench.file);
    db.exec('UPDATE runs SET due_at = 1');
    db.close();
    await bench.restart();
    await bench.runtime.idle();
    expect(bench.state(runId)).toBe('succeeded');
    expect(bench.runtime.deadLetters()).toEqual([]);
    const read = new DatabaseSync(bench.file, { readOnly: true });
    expect(read.prepare('SELECT due_at FROM runs').get()).toEqual({ due_at: null });
    read.close();
  });

  test('lets an attempt under way end first', async () => {
    bench = await openBench(planFor({ steps: [undoable('one'), undoable('two')] }));
    const { promise: wait, resolve } = Promise.withResolvers<void>();
    bench.target.script = { create: [{ wait }] };
    const runId = await bench.order({ id: 'a' });
    await until(() => bench.target.calls.length === 1);
    await bench.runtime.cancel(runId, 'ana', 'mistake');
    resolve();
    await bench.runtime.idle();
    expect(bench.state(runId)).toBe('cancelled');
    expect(bench.target.calls.map(({ operation }) => operation)).toEqual(['create', 'remove']);
  });

  test('of a parked run undoes it, also after a kill in between', async () => {
    bench = await openBench(
      planFor({ onFailure: 'hold', steps: [undoable('one'), call('put', 'acme.put')] }),
    );
    bench.target.script = { put: [{ fail: refused }], remove: [{ fail: unavailable }] };
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    await bench.runtime.cancel(runId, 'ana', 'mistake');
    await bench.runtime.idle();
    expect(bench.state(runId)).toBe('compensating');
    await bench.crash();
    await bench.pass(10_000);
    expect(bench.state(runId)).toBe('cancelled');
    expect(bench.runtime.deadLetters()).toEqual([]);
  });

  test('is refused while an effect is in doubt', async () => {
    bench = await openBench(planFor({ steps: [call('one', 'acme.createBlind')] }));
    bench.target.script = { createBlind: [{ loseAnswer: true }] };
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    expect(await bench.runtime.cancel(runId, 'ana', 'x')).toMatchObject({ ok: false, code: 'RUN_IN_DOUBT' });
  });
});
