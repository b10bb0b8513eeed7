import { afterEach, describe, expect, test } from 'vitest';
import { type Bench, failure, openBench, unavailable } from '../testing/bench.ts';
import { call, literal, planFor, retry, step } from '../testing/plan.ts';

let bench: Bench;
afterEach(() => bench.close());

const read = call('order', 'acme.get');
const half = step('set', 'half', { value: { expression: 'steps.order.amount / 2' } });
/** As the planner makes it of a check that looks at what was read, and at what was set of that. */
const check = (parts: object = {}) =>
  step('check', 'enough', {
    that: [{ condition: 'steps.half >= 10', message: 'too little' }],
    otherwise: 'quarantine',
    again: ['order', 'half'],
    ...parts,
  });
const write = call('put', 'acme.put', {
  with: { object: { id: literal('x'), half: { expression: 'steps.half' } } },
});

const amounts = (...given: number[]) => {
  bench.target.script = { get: given.map((amount) => ({ result: { id: 'r1', amount } })) };
};
const resume = async (runId: string): Promise<void> => {
  expect(await bench.runtime.resume(runId, 'ana', 'mended over there')).toEqual({ ok: true });
  await bench.pass(60_000);
};
/** What was written, once. */
const written = () =>
  bench.target.calls.filter(({ operation }) => operation === 'put').map(({ input }) => input);

describe('a run that a check has parked', () => {
  test('reads anew when it is resumed, and goes on with what is there now', async () => {
    bench = await openBench(planFor({ onFailure: 'hold', steps: [read, half, check(), write] }));
    amounts(8, 12, 40);
    const runId = await bench.order({ id: 'a' });
    await bench.pass(1_000);
    expect(bench.runtime.deadLetters()).toMatchObject([{ runId, step: 'enough', queue: 'quarantine' }]);
    await resume(runId);
    expect(bench.state(runId), 'not mended yet').toBe('failed');
    await bench.crash();
    await resume(runId);
    expect(bench.state(runId)).toBe('succeeded');
    expect(written()).toEqual([{ id: 'x', half: 20 }]);
    expect(bench.runtime.run(runId)!.steps[0]).toMatchObject({
      id: 'order',
      attempts: 3,
      result: { amount: 40 },
    });
  });

  test('is the same after a crash behind the check', async () => {
    bench = await openBench(
      planFor({
        onFailure: 'hold',
        steps: [read, half, check(), step('wait', 'pause', { for: { durationMs: 60_000 } }), write],
      }),
    );
    amounts(8, 40);
    const runId = await bench.order({ id: 'a' });
    await bench.pass(1_000);
    await bench.runtime.resume(runId, 'ana', 'mended');
    await bench.pass(1_000);
    await bench.crash();
    await bench.pass(60_000);
    expect(bench.target.count('get')).toBe(2);
    expect(written()).toEqual([{ id: 'x', half: 20 }]);
  });

  test('is parked again where it cannot read, and by a check before it that fails now', async () => {
    const known = step('check', 'known', {
      that: [{ condition: 'steps.order.amount < 100', message: 'too much' }],
      otherwise: 'fail',
    });
    bench = await openBench(
      planFor({
        onFailure: 'hold',
        steps: [read, known, half, check({ again: ['order', 'known', 'half'] }), write],
      }),
    );
    amounts(8);
    const runId = await bench.order({ id: 'a' });
    await bench.pass(1_000);
    bench.target.script = { get: Array(retry.attempts).fill({ fail: unavailable }) };
    await resume(runId);
    expect(bench.runtime.run(runId)!.failure).toMatchObject({ step: 'enough', class: 'transient' });
    amounts(200);
    await resume(runId);
    expect(bench.runtime.run(runId)!.failure).toMatchObject({ step: 'enough', message: 'too much' });
    amounts(40);
    await resume(runId);
    expect(bench.state(runId)).toBe('succeeded');
  });

  test('asks for its condition anew as well', async () => {
    bench = await openBench(
      planFor({ onFailure: 'hold', steps: [read, half, check({ when: 'steps.half < 10' }), write] }),
    );
    amounts(8, 40);
    const runId = await bench.order({ id: 'a' });
    await bench.pass(1_000);
    await resume(runId);
    expect(bench.state(runId)).toBe('succeeded');
    expect(bench.runtime.trace({ runId })).toContainEqual(
      expect.objectContaining({ kind: 'branch', step: 'enough', details: { skipped: true } }),
    );
  });

  test('judges what was read first where the plan names nothing: something went by that', async () => {
    bench = await openBench(
      planFor({ onFailure: 'hold', steps: [read, half, check({ again: undefined }), write] }),
    );
    amounts(8, 40);
    const runId = await bench.order({ id: 'a' });
    await bench.pass(1_000);
    await resume(runId);
    expect(bench.state(runId)).toBe('failed');
    expect(bench.target.count('get')).toBe(1);
  });

  test('reads no more than once where it was stopped before it had judged', async () => {
    bench = await openBench(planFor({ onFailure: 'hold', steps: [read, half, check(), write] }));
    amounts(40);
    bench.target.onCall = (when) => {
      if (when === 'after' && bench.target.count('get') === 1) bench.clock.jump(700_000);
    };
    const runId = await bench.order({ id: 'a' });
    await bench.pass(1_000);
    expect(bench.runtime.run(runId)!.failure).toMatchObject({ code: 'RUN_DEADLINE_EXCEEDED' });
    await resume(runId);
    expect(bench.state(runId)).toBe('succeeded');
    expect(bench.target.count('get')).toBe(1);
  });

  test('says for what a read waits that is made again, and waits no longer than the read may', async () => {
    const brief = call('order', 'acme.get', { deadlineMs: 30_000 });
    bench = await openBench(planFor({ onFailure: 'hold', steps: [brief, half, check(), write] }));
    amounts(8);
    const runId = await bench.order({ id: 'a' });
    await bench.pass(1_000);
    const open = failure('transient', 'CONNECTION_BREAKER_OPEN', 'notSent', { retryAfterMs: 5_000 });
    bench.target.decide = () => ({ postpone: open });
    await bench.runtime.resume(runId, 'ana', 'mended');
    await bench.pass(10_000);
    expect(bench.runtime.run(runId)).toMatchObject({
      state: 'waiting',
      steps: [{ id: 'order', result: { amount: 8 }, waitsFor: { code: open.code } }],
    });
    await bench.crash();
    await bench.pass(21_000);
    expect(bench.runtime.run(runId)!.failure).toMatchObject({
      code: 'STEP_DEADLINE_EXCEEDED',
      step: 'enough',
      message: 'order did not end within its own deadline',
    });
    expect(bench.runtime.run(runId)!.steps[0]).not.toHaveProperty('waitsFor');
    // Anew in each round.
    delete bench.target.decide;
    amounts(12, 40);
    await resume(runId);
    expect(bench.runtime.run(runId)!.failure).toMatchObject({ code: 'CHECK_NOT_MET' });
    await bench.crash();
    await resume(runId);
    expect(bench.state(runId)).toBe('succeeded');
    expect(bench.runtime.run(runId)!.steps[0]).not.toHaveProperty('waitsFor');
  });

  test('does so in the item of a list that it has stopped, and in no other', async () => {
    const list = step('forEach', 'lines', {
      in: 'event.lines',
      as: 'line',
      key: { expression: 'line' },
      max: 5,
      concurrency: 1,
      onItemFailure: 'stop',
      steps: [read, half, check(), write],
    });
    bench = await openBench(planFor({ onFailure: 'hold', steps: [list] }));
    amounts(40, 8, 60);
    const runId = await bench.order({ id: 'a', lines: ['x', 'y'] });
    await bench.pass(1_000);
    expect(bench.state(runId)).toBe('failed');
    await resume(runId);
    expect(bench.state(runId)).toBe('succeeded');
    expect(bench.target.count('get')).toBe(3);
    expect(written()).toMatchObject([{ half: 20 }, { half: 30 }]);
  });
});
