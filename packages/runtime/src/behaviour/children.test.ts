import { DatabaseSync } from 'node:sqlite';
import type { Plan } from '@tenon/pipeline';
import { afterEach, describe, expect, test } from 'vitest';
import type { RunState } from '../runtime.ts';
import { type Behaviour, type Bench, failure, openBench, refused, unavailable } from '../testing/bench.ts';
import { call, childPlan, literal, planFor, run, step, undoable } from '../testing/plan.ts';

let bench: Bench;
afterEach(() => bench.close());

const output = {
  schema: { type: 'object', required: ['made'], properties: { made: { type: 'string' } } },
  value: { object: { made: { expression: 'steps.booked.id' } } },
} as const;
const booking = childPlan({ steps: [undoable('booked')], output });
const consent = step('approve', 'consent', {
  by: 'finance',
  withinMs: 3_600_000,
  onExpiry: 'reject',
  show: literal(null),
});
const asking = childPlan({ steps: [undoable('booked'), consent], output });
const failing = call('last', 'acme.put');

const child = () => bench.runtime.runs({ pipeline: 'child' })[0]!;
const childState = (): RunState | undefined => bench.runtime.runs({ pipeline: 'child' })[0]?.state;
async function order(): Promise<string> {
  const runId = await bench.order({ id: 'a', amount: 5 });
  await bench.runtime.idle();
  return runId;
}

describe('a run that runs another pipeline', () => {
  test('waits for it and reads its output; both have one correlation, and each names the other', async () => {
    const told = call('told', 'acme.put', {
      with: { object: { made: { expression: 'steps.sub.made' } } },
    });
    bench = await openBench(booking, planFor({ steps: [run('sub', booking), told] }));
    const runId = await order();
    expect(bench.state(runId)).toBe('succeeded');
    expect(bench.target.inputs('put')).toEqual([{ made: 'create-1' }]);
    const detail = bench.runtime.run(runId)!;
    expect(child()).toMatchObject({ state: 'succeeded', correlationId: detail.correlationId, key: 'a' });
    expect(detail.children).toEqual([
      { runId: child().runId, pipeline: 'child', step: 'sub', state: 'succeeded' },
    ]);
    expect(bench.runtime.run(child().runId)!.parent).toEqual({ runId, pipeline: 'orders', step: 'sub' });
    expect(detail.steps[0]).toEqual({
      id: 'sub',
      state: 'succeeded',
      attempts: 1,
      atMs: detail.acceptedAtMs,
      runId: child().runId,
      result: { made: 'create-1' },
    });
    const trace = bench.runtime.trace({ correlationId: detail.correlationId });
    expect(new Set(trace.map((entry) => entry.runId))).toEqual(new Set([runId, child().runId]));
    const traceIds = bench.target.calls.map(({ request }) => request.traceparent?.split('-')[1]);
    expect(traceIds[0]).toMatch(/^[0-9a-f]{32}$/);
    expect(new Set(traceIds).size).toBe(1);
  });

  test('is a row while it waits, over restarts, and goes on when the child has ended', async () => {
    bench = await openBench(asking, planFor({ steps: [run('sub', asking), call('last', 'acme.put')] }));
    const runId = await order();
    expect([bench.state(runId), childState()]).toEqual(['waiting', 'waiting']);
    await bench.restart();
    await bench.runtime.decide(child().runId, 'consent', 'approve', 'ana', 'fine');
    await bench.runtime.idle();
    expect([bench.state(runId), childState()]).toEqual(['succeeded', 'succeeded']);
    expect(bench.target.count('create')).toBe(1);
  });

  test('carries out the plan that it was made with, whatever is active since', async () => {
    const parent = planFor({ steps: [run('sub', booking)] });
    bench = await openBench(booking, parent);
    await bench.runtime.activate(childPlan({ version: 2, steps: [call('other', 'acme.put')] }));
    await order();
    expect(child()).toMatchObject({ version: 1, planHash: booking.hash });
    expect(bench.target.count('create')).toBe(1);
  });

  test('fails as its child did, by its class, and undoes what else it did', async () => {
    const broken = childPlan({ steps: [undoable('booked'), call('never', 'acme.put')] });
    bench = await openBench(broken, planFor({ steps: [undoable('first'), run('sub', broken)] }));
    bench.target.script = { put: [{ fail: refused }] };
    const runId = await order();
    expect([bench.state(runId), childState()]).toEqual(['compensated', 'compensated']);
    expect(bench.runtime.run(runId)!.failure).toMatchObject({
      class: 'validation',
      code: 'RUN_CHILD_FAILED',
      step: 'sub',
    });
    expect(bench.target.count('remove')).toBe(2);
  });

  test('undoes a child that had succeeded, in its place in the order', async () => {
    const parent = planFor({ steps: [undoable('first'), run('sub', booking), undoable('third'), failing] });
    bench = await openBench(booking, parent);
    bench.target.script = { put: [{ fail: refused }] };
    const runId = await order();
    expect([bench.state(runId), childState()]).toEqual(['compensated', 'compensated']);
    expect(bench.target.inputs('remove')).toEqual([
      { id: 'create-3' },
      { id: 'create-2' },
      { id: 'create-1' },
    ]);
    expect(bench.runtime.run(runId)!.steps[1]).toMatchObject({ id: 'sub', state: 'compensated' });
    // The parent's owner has the dead letter; nobody else need be told.
    expect(bench.runtime.deadLetters().map((letter) => letter.runId)).toEqual([runId]);
  });

  test('waits for a child whose undoing is stuck until a person has resumed that', async () => {
    bench = await openBench(booking, planFor({ steps: [run('sub', booking), failing] }));
    bench.target.script = { put: [{ fail: refused }], remove: [{ fail: refused }] };
    const runId = await order();
    expect([bench.state(runId), childState()]).toEqual(['compensating', 'failed']);
    const { runId: waitedFor } = child();
    expect(bench.runtime.run(runId)!.steps).toMatchObject([
      { id: 'sub', state: 'succeeded' },
      {
        id: 'compensate:sub',
        state: 'waiting',
        attempts: 1,
        runId: waitedFor,
        awaits: { for: 'run', runId: waitedFor, pipeline: 'child' },
      },
      { id: 'last', state: 'failed' },
    ]);
    await bench.runtime.resume(waitedFor, 'ana', 'mended');
    await bench.runtime.idle();
    expect([bench.state(runId), childState()]).toEqual(['compensated', 'compensated']);
    expect(bench.runtime.run(runId)!.steps.map(({ id, state }) => [id, state])).toEqual([
      ['sub', 'compensated'],
      ['last', 'failed'],
    ]);
  });

  test('a cancellation is passed on, and both are undone', async () => {
    bench = await openBench(asking, planFor({ steps: [undoable('first'), run('sub', asking)] }));
    const runId = await order();
    await bench.runtime.cancel(runId, 'ana', 'no longer wanted');
    await bench.runtime.idle();
    expect([bench.state(runId), childState()]).toEqual(['cancelled', 'cancelled']);
    expect(bench.target.inputs('remove')).toEqual([{ id: 'create-2' }, { id: 'create-1' }]);
  });

  test('a child that a person cancels fails its parent', async () => {
    bench = await openBench(asking, planFor({ steps: [undoable('first'), run('sub', asking)] }));
    const runId = await order();
    await bench.runtime.cancel(child().runId, 'ana', 'no longer wanted');
    await bench.runtime.idle();
    expect([bench.state(runId), childState()]).toEqual(['compensated', 'cancelled']);
    expect(bench.runtime.run(runId)!.failure).toMatchObject({ code: 'RUN_CHILD_CANCELLED' });
  });

  test('parked with a child that is cancelled since, it can only fail there again, and be cancelled', async () => {
    const held = childPlan({ onFailure: 'hold', steps: [undoable('booked'), failing] });
    bench = await openBench(held, planFor({ onFailure: 'hold', steps: [run('sub', held)] }));
    bench.target.script = { put: [{ fail: refused }] };
    const runId = await order();
    await bench.runtime.cancel(child().runId, 'ana', 'no longer wanted');
    await bench.runtime.idle();
    for (let again = 0; again < 2; again++) {
      await bench.runtime.resume(runId, 'ana', 'mended');
      await bench.runtime.idle();
      const { state, failure, children } = bench.runtime.run(runId)!;
      expect(state).toBe('failed');
      expect(failure).toMatchObject({ step: 'sub', code: 'RUN_CHILD_CANCELLED' });
      expect(children).toMatchObject([{ step: 'sub', state: 'cancelled' }]);
    }
    await bench.runtime.cancel(runId, 'ana', 'no longer wanted');
    await bench.runtime.idle();
    expect(bench.state(runId)).toBe('cancelled');
  });

  test('resumed, it resumes the child that is parked: what was done is not done again', async () => {
    const held = childPlan({ onFailure: 'hold', steps: [undoable('booked'), failing] });
    bench = await openBench(held, planFor({ onFailure: 'hold', steps: [run('sub', held)] }));
    bench.target.script = { put: [{ fail: refused }] };
    const runId = await order();
    expect([bench.state(runId), childState()]).toEqual(['failed', 'failed']);
    await bench.runtime.resume(runId, 'ana', 'mended');
    await bench.runtime.idle();
    expect([bench.state(runId), childState()]).toEqual(['succeeded', 'succeeded']);
    expect(bench.runtime.runs({ pipeline: 'child' })).toHaveLength(1);
    expect(bench.target.count('create')).toBe(1);
    expect(bench.runtime.deadLetters()).toEqual([]);
  });

  test('a child that a person resumed is taken as it ended when the parent is resumed', async () => {
    const held = childPlan({ onFailure: 'hold', steps: [undoable('booked'), failing] });
    bench = await openBench(held, planFor({ onFailure: 'hold', steps: [run('sub', held)] }));
    bench.target.script = { put: [{ fail: refused }] };
    const runId = await order();
    await bench.runtime.resume(child().runId, 'ana', 'mended');
    await bench.runtime.idle();
    expect([bench.state(runId), childState()]).toEqual(['failed', 'succeeded']);
    await bench.runtime.resume(runId, 'ana', 'mended');
    await bench.runtime.idle();
    expect(bench.state(runId)).toBe('succeeded');
    expect(bench.target.count('put')).toBe(2);
  });

  describe('resumed, it waits for what comes of that, and not for what its child was parked with before', () => {
    const beside = (held: Plan, onFailure: Plan['onFailure'] = 'hold'): Plan => {
      const branches = [
        { name: 'left', steps: [run('sub', held)] },
        { name: 'right', steps: [call('own', 'acme.find')] },
      ];
      return planFor({ onFailure, steps: [step('parallel', 'both', { branches })] });
    };
    const slow = (retryAfterMs: number): Behaviour => ({ fail: { ...unavailable, retryAfterMs } });
    const states = () => [bench.runtime.runs({ pipeline: 'orders' })[0]?.state, childState()];

    test('where it was parked while its parent was', async () => {
      const held = childPlan({ onFailure: 'hold', steps: [undoable('booked'), failing] });
      bench = await openBench(held, beside(held));
      bench.target.script = { find: [{ fail: refused }], put: [slow(10_000), { fail: refused }] };
      const runId = await order();
      expect(states(), 'the child works on').toEqual(['failed', 'waiting']);
      await bench.pass(11_000);
      expect(states()).toEqual(['failed', 'failed']);
      await bench.runtime.resume(runId, 'ana', 'mended');
      await bench.runtime.idle();
      expect(states()).toEqual(['succeeded', 'succeeded']);
    });

    test('where a person has resumed both', async () => {
      const held = childPlan({ onFailure: 'hold', steps: [undoable('booked'), failing] });
      bench = await openBench(held, planFor({ onFailure: 'hold', steps: [run('sub', held)] }));
      bench.target.script = { put: [{ fail: refused }, { fail: refused }, slow(10_000)] };
      const runId = await order();
      for (let again = 0; again < 2; again++) {
        await bench.runtime.resume(child().runId, 'ana', 'mended');
        await bench.runtime.idle();
      }
      expect(states(), 'the child is at work').toEqual(['failed', 'waiting']);
      await bench.runtime.resume(runId, 'ana', 'mended');
      await bench.runtime.idle();
      expect(states()).toEqual(['waiting', 'waiting']);
      await bench.crash();
      await bench.pass(11_000);
      expect(states()).toEqual(['succeeded', 'succeeded']);
      expect(bench.target.count('create')).toBe(1);
    });

    test.each([
      [
        'said nothing to a child that it had not heard of',
        "DELETE FROM journal WHERE key = 'both.left|sub/child#1!'",
        "UPDATE journal SET value = '3' WHERE key = '#failed/both.left|sub/1'",
      ],
      [
        'did not say what it was parked with before',
        "UPDATE journal SET value = 'null' WHERE key = 'both.left|sub/child#1!'",
      ],
    ])('from the next word on, where an earlier version %s', async (_, ...statements) => {
      const held = childPlan({ onFailure: 'hold', steps: [undoable('booked'), failing] });
      bench = await openBench(held, beside(held));
      const script = { put: [slow(10_000), { fail: refused }, { fail: refused }, { fail: refused }] };
      bench.target.script = { find: [{ fail: refused }], ...script };
      const runId = await order();
      await bench.pass(11_000);
      await bench.runtime.resume(runId, 'ana', 'mended');
      await bench.runtime.idle();
      await bench.runtime.resume(child().runId, 'ana', 'mended');
      await bench.runtime.idle();
      const file = new DatabaseSync(bench.file);
      for (const statement of statements) expect(file.prepare(statement).run().changes).toBe(1);
      file.close();
      await bench.crash();
      expect(states()).toEqual(['failed', 'failed']);
      await bench.runtime.resume(runId, 'ana', 'mended');
      await bench.runtime.idle();
      expect(states()).toEqual(['succeeded', 'succeeded']);
      expect(bench.target.count('create')).toBe(1);
    });

    test('where an earlier version said nothing in a round that is over, nothing is said in it later', async () => {
      const held = childPlan({ onFailure: 'hold', steps: [undoable('booked'), failing] });
      const branches = [
        { name: 'left', steps: [{ ...run('sub', held), deadlineMs: 500_000 }] },
        { name: 'blind', steps: [undoable('made', 'acme.createBlind')] },
        { name: 'right', steps: [call('own', 'acme.find')] },
      ];
      const both = step('parallel', 'both', { branches });
      bench = await openBench(held, planFor({ onFailure: 'hold', steps: [both] }));
      bench.target.script = {
        createBlind: [{ fail: refused }, { loseAnswer: true }],
        find: [{ fail: refused }, { fail: unavailable }, { fail: refused }],
        put: [slow(30_000), { fail: refused }],
      };
      const runId = await order();
      await bench.runtime.resume(runId, 'ana', 'mended');
      await bench.pass(5_000);
      expect(states(), 'the branch of the child has ended').toEqual(['inDoubt', 'waiting']);
      const file = new DatabaseSync(bench.file);
      file.exec("DELETE FROM journal WHERE key = 'both.left|sub/child#1!'");
      file.exec("UPDATE journal SET value = '4' WHERE key = '#failed/both.left|sub/1'");
      file.close();
      await bench.crash();
      await bench.pass(60_000);
      expect(states()).toEqual(['inDoubt', 'failed']);
      expect(bench.target.count('put'), 'nobody has resumed the child').toBe(2);
    });

    test('and it may have done something since, whatever it had done before', async () => {
      const steps = [call('looked', 'acme.get'), undoable('booked'), failing];
      const held = childPlan({ onFailure: 'hold', steps });
      bench = await openBench(held, beside(held, 'compensate'));
      bench.target.script = {
        get: [{ fail: refused }],
        find: [slow(10_000), { fail: unavailable }, { fail: refused }],
        put: [slow(60_000)],
      };
      const runId = await order();
      await bench.pass(11_000);
      expect(states(), 'nothing is to be undone').toEqual(['failed', 'failed']);
      await bench.runtime.resume(runId, 'ana', 'mended');
      await bench.pass(5_000);
      expect(states()).toEqual(['compensated', 'cancelled']);
      expect(bench.target.count('remove')).toBe(1);
    });
  });

  test('a parked child goes with its parent when that is undone', async () => {
    const held = childPlan({ onFailure: 'hold', steps: [undoable('booked'), failing] });
    bench = await openBench(held, planFor({ steps: [undoable('first'), run('sub', held)] }));
    bench.target.script = { put: [{ fail: refused }] };
    const runId = await order();
    expect([bench.state(runId), childState()]).toEqual(['compensated', 'cancelled']);
    expect(bench.target.inputs('remove')).toEqual([{ id: 'create-2' }, { id: 'create-1' }]);
    expect(bench.runtime.deadLetters().map((letter) => letter.runId)).toEqual([runId]);
  });

  test('a child in doubt is settled before anything is undone', async () => {
    const blind = childPlan({ steps: [undoable('booked', 'acme.createBlind')] });
    bench = await openBench(blind, planFor({ steps: [undoable('first'), run('sub', blind)] }));
    bench.target.script = { createBlind: [{ loseAnswer: true }] };
    const runId = await order();
    await bench.runtime.cancel(runId, 'ana', 'no longer wanted');
    await bench.runtime.idle();
    expect([bench.state(runId), childState()]).toEqual(['compensating', 'inDoubt']);
    expect(bench.target.count('remove')).toBe(0);
    await bench.runtime.settle(child().runId, 'booked', 'confirm', 'ana', 'it is there', { id: 'x' });
    await bench.runtime.idle();
    expect([bench.state(runId), childState()]).toEqual(['cancelled', 'cancelled']);
    expect(bench.target.inputs('remove')).toEqual([{ id: 'x' }, { id: 'create-1' }]);
  });

  test('a child has no more time than is left to its parent, and what it worked counts', async () => {
    const slow = childPlan({ steps: [call('booked', 'acme.put')] });
    const limits = { concurrency: 5, deadlineMs: 20_000 };
    bench = await openBench(slow, planFor({ limits, onFailure: 'hold', steps: [run('sub', slow)] }));
    const away = failure('transient', 'HTTP_RESPONSE_STATUS', 'answered', {
      status: 503,
      retryAfterMs: 60_000,
    });
    bench.target.script = { put: [{ fail: away }] };
    const runId = await order();
    await bench.pass(25_000);
    expect([bench.state(runId), childState()]).toEqual(['failed', 'failed']);
    expect(bench.runtime.run(runId)!.failure).toMatchObject({ class: 'timeout' });
    expect(bench.runtime.deadLetters({ queue: 'retry' })).toHaveLength(2);
  });

  describe('what works beside a child', () => {
    const slow = childPlan({ steps: [call('booked', 'acme.put')] });
    const both = step('parallel', 'both', {
      branches: [
        { name: 'left', steps: [run('sub', slow)] },
        { name: 'right', steps: [call('own', 'acme.get')] },
      ],
    });
    const after = (deadlineMs: number): Plan =>
      planFor({
        limits: { concurrency: 5, deadlineMs },
        onFailure: 'hold',
        steps: [both, call('after', 'acme.createBlind')],
      });
    const busyMs = (retryAfterMs: number): Behaviour => ({ fail: { ...unavailable, retryAfterMs } });
    /** Ten seconds of the parent's own, beside the child's, and ten of what comes after. */
    const script = (childMs: number): Bench['target']['script'] => ({
      put: [busyMs(childMs)],
      get: [busyMs(10_000)],
      createBlind: [busyMs(10_000)],
    });

    test('counts once', async () => {
      bench = await openBench(slow, after(21_000));
      bench.target.script = script(10_000);
      const runId = await order();
      await bench.pass(21_000);
      expect(bench.state(runId)).toBe('succeeded');
    });

    test('is not counted by a run that was resumed after it: its clock began anew', async () => {
      bench = await openBench(slow, after(12_000));
      bench.target.script = { put: [busyMs(10_000)], get: [{ fail: refused }, busyMs(5_000)] };
      const runId = await order();
      await bench.pass(1_000);
      expect([bench.state(runId), childState()], 'the child works on').toEqual(['failed', 'waiting']);
      await bench.pass(60_000);
      expect(childState()).toBe('succeeded');
      await bench.runtime.resume(runId, 'ana', 'try again');
      await bench.pass(6_000);
      expect(bench.state(runId)).toBe('succeeded');
    });

    test('counts once over a restart and a crash', async () => {
      bench = await openBench(slow, after(21_000));
      bench.target.script = script(10_000);
      const runId = await order();
      await bench.pass(4_000);
      await bench.restart();
      await bench.pass(8_000);
      await bench.crash();
      await bench.pass(9_000);
      expect(bench.state(runId)).toBe('succeeded');
    });

    test('counts, and so does what the child works longer', async () => {
      bench = await openBench(slow, after(21_000));
      bench.target.script = script(13_000);
      const runId = await order();
      await bench.pass(60_000);
      expect(bench.state(runId)).toBe('failed');
      expect(bench.runtime.run(runId)!.failure).toMatchObject({ class: 'timeout' });
    });
  });

  test('children of items run beside each other, and are undone in reverse', async () => {
    const line = { object: { id: { expression: 'line.sku' } } };
    const lines = step('forEach', 'lines', {
      in: 'event.lines',
      as: 'line',
      key: { expression: 'line.sku' },
      max: 9,
      concurrency: 2,
      onItemFailure: 'stop',
      steps: [run('sub', booking, line)],
      result: { expression: 'steps.sub.made' },
    });
    bench = await openBench(booking, planFor({ steps: [lines, failing] }));
    bench.target.script = { put: [{ fail: refused }] };
    const runId = await bench.order({ id: 'a', lines: ['x', 'y', 'z'].map((sku) => ({ sku })) });
    await bench.runtime.idle();
    expect(bench.state(runId)).toBe('compensated');
    expect(bench.runtime.runs({ pipeline: 'child' }).map(({ state }) => state)).toEqual(
      Array(3).fill('compensated'),
    );
    expect(bench.target.count('remove')).toBe(3);
    expect(bench.runtime.run(runId)!.steps.map(({ id }) => id)).toContain('lines[y].sub');
  });

  test('a child has children: all of it is undone', async () => {
    const middle = childPlan({
      pipeline: 'middle',
      steps: [run('inner', booking), undoable('own')],
    });
    bench = await openBench(booking, middle, planFor({ steps: [run('sub', middle), failing] }));
    bench.target.script = { put: [{ fail: refused }] };
    const runId = await order();
    expect(bench.state(runId)).toBe('compensated');
    expect(bench.runtime.runs().map(({ state }) => state)).toEqual(Array(3).fill('compensated'));
    expect(bench.target.inputs('remove')).toEqual([{ id: 'create-2' }, { id: 'create-1' }]);
  });

  test('what a run above may have to undo is kept, and erased only with it', async () => {
    bench = await openBench(booking, planFor({ steps: [run('sub', booking), consent, failing] }));
    bench.target.script = { put: [{ fail: refused }] };
    const runId = await order();
    expect(await bench.runtime.erase('a', 'ana', 'asked', true)).toMatchObject({
      runs: [],
      kept: [{ state: 'waiting' }, { state: 'succeeded' }],
    });
    await bench.pass(32 * 86_400_000);
    expect([bench.state(runId), childState()]).toEqual(['compensated', 'compensated']);
    expect(bench.target.count('remove')).toBe(1);
  });
});

describe('a child whose park comes before the word of its parent goes on by that word', () => {
  const turns = async (count: number) => {
    for (let turn = 0; turn < count; turn++) await new Promise((next) => setImmediate(next));
  };
  /** Of a batch on its way to the disk. */
  const WRITING = 10;

  test('also where it is on its way to the disk as the parent looks', async () => {
    const orders = new Set<string>();
    // So many turns lie between the word to the parent and the answer that the child fails by.
    for (let between = 0; between <= 3 * WRITING; between++) {
      const put = childPlan({ onFailure: 'hold', steps: [call('put', 'acme.put')] });
      bench = await openBench(put, planFor({ onFailure: 'hold', steps: [run('sub', put)] }));
      const { promise: wait, resolve } = Promise.withResolvers<void>();
      bench.target.script = { put: [{ fail: refused }, { wait, loseAnswer: refused }] };
      const parent = await order();
      await bench.runtime.resume(child().runId, 'ana', 'by itself');
      while (bench.target.count('put') < 2) await turns(1);
      bench.onBatch = () => turns(WRITING);
      const resumed = bench.runtime.resume(parent, 'ben', 'all of it');
      await turns(between);
      resolve();
      await resumed;
      await bench.runtime.idle();
      const told = bench.entries.findIndex(({ details }) => details['say'] === 'resume');
      const parked = bench.entries.findLastIndex(
        ({ kind, runId }) => kind === 'deadLetter' && runId === child().runId,
      );
      orders.add(parked < told ? 'parked first' : 'told first');
      if (parked < told)
        expect([between, childState(), bench.state(parent)]).toEqual([between, 'succeeded', 'succeeded']);
      await bench.close();
    }
    expect(orders).toEqual(new Set(['told first', 'parked first']));
    bench = await openBench();
  });
});
