import { afterEach, describe, expect, test } from 'vitest';
import { type Behaviour, type Bench, failure, openBench } from '../testing/bench.ts';
import { call, childPlan, planFor, probe, run, step, undoable } from '../testing/plan.ts';

let bench: Bench;
afterEach(() => bench.close());

const lost = failure('timeout', 'HTTP_RESPONSE_TIMEOUT', 'lost');
const declined: Behaviour = {
  fail: failure('permanent', 'HTTP_RESPONSE_STATUS', 'answered', { status: 402 }),
  refused: { reason: 'no money' },
};
const exists: Behaviour = {
  fail: failure('duplicate', 'HTTP_RESPONSE_STATUS', 'answered', { status: 409 }),
  refused: { id: 'theirs' },
};
const absent: Behaviour = {
  fail: failure('notFound', 'HTTP_RESPONSE_STATUS', 'answered', { status: 404 }),
  refused: {},
};
const TAKEN = { refusals: ['permanent', 'duplicate', 'notFound'] };

/** Tells what became of the step before, by what it left. */
const told = call('told', 'acme.put', { with: { object: { what: { expression: 'steps.pay' } } } });
const recordOf = (runId: string) => bench.runtime.run(runId)!.steps.find(({ id }) => id === 'pay');
const factsOf = (runId: string, kind: string) =>
  bench.entries.filter((one) => one.runId === runId && one.step === 'pay' && one.kind === kind);

describe('a refusal that the step takes as a value', () => {
  test('is its result: the run goes on, and later steps go by it', async () => {
    bench = await openBench(planFor({ steps: [undoable('pay', 'acme.create', TAKEN), told] }));
    bench.target.script = { create: [declined] };
    const runId = await bench.order({ id: 'a' });
    await bench.pass(1_000);
    expect(bench.state(runId)).toBe('succeeded');
    const refused = { code: 'permanent', status: 402, body: { reason: 'no money' } };
    expect(bench.target.inputs('put')).toEqual([{ what: { refused } }]);
    expect(bench.target.count('create')).toBe(1);
    expect(recordOf(runId)).toMatchObject({ state: 'succeeded', refused: 'permanent', result: { refused } });
  });

  test('is on record as one, without what was answered', async () => {
    bench = await openBench(planFor({ steps: [undoable('pay', 'acme.create', TAKEN), told] }));
    bench.target.script = { create: [declined] };
    const runId = await bench.order({ id: 'a' });
    await bench.pass(1_000);
    expect(factsOf(runId, 'outcome')).toMatchObject([
      { details: { outcome: 'refused', refusal: 'permanent', class: 'permanent', status: 402 } },
    ]);
    expect(factsOf(runId, 'stepDone')).toMatchObject([{ details: { refusal: 'permanent' } }]);
    expect(JSON.stringify(bench.entries)).not.toContain('no money');
  });

  test('has done nothing: a failure after it undoes nothing, and asks no probe', async () => {
    bench = await openBench(
      planFor({ steps: [undoable('pay', 'acme.create', { ...TAKEN, probe }), call('told', 'acme.put')] }),
    );
    bench.target.script = { create: [declined], put: [{ fail: failure('validation', 'X') }] };
    const runId = await bench.order({ id: 'a' });
    await bench.pass(10_000);
    expect(bench.state(runId)).toBe('failed');
    expect(bench.target.count('remove')).toBe(0);
    expect(bench.target.count('find')).toBe(0);
  });

  test('is the same after a restart, and is not asked for again', async () => {
    bench = await openBench(
      planFor({
        steps: [
          undoable('pay', 'acme.create', TAKEN),
          step('wait', 'pause', { for: { durationMs: 60_000 } }),
          told,
        ],
      }),
    );
    bench.target.script = { create: [declined] };
    const runId = await bench.order({ id: 'a' });
    await bench.pass(1_000);
    await bench.restart();
    await bench.pass(120_000);
    expect(bench.state(runId)).toBe('succeeded');
    expect(bench.target.count('create')).toBe(1);
    expect(bench.target.inputs('put')).toMatchObject([{ what: { refused: { code: 'permanent' } } }]);
  });

  test('is nothing that a cancellation would undo, nor an effect that a replay leaves alone', async () => {
    const plan = planFor({
      steps: [
        undoable('pay', 'acme.create', TAKEN),
        step('wait', 'pause', { for: { durationMs: 60_000 } }),
        told,
      ],
    });
    bench = await openBench(plan);
    bench.target.script = { create: [declined] };
    await bench.order({ id: 'a' });
    await bench.pass(1_000);
    const filter = { pipeline: plan.pipeline, version: plan.version };
    const cancelling = await bench.runtime.planCancel(filter, 'ana', 'a test');
    expect(cancelling.ok && cancelling.report.runs).toMatchObject([{ key: 'a', effectsDone: [] }]);
    await bench.pass(120_000);
    const replaying = await bench.runtime.planReplay({ pipeline: plan.pipeline }, 'ana', 'a test');
    expect(replaying.ok && replaying.report.runs).toMatchObject([
      { key: 'a', effectsSkipped: ['told'], effectsToSend: [] },
    ]);
  });

  test('is not foreseen to be undone where a run goes on undoing', async () => {
    bench = await openBench(
      planFor({
        steps: [
          undoable('first', 'acme.create'),
          undoable('pay', 'acme.create', TAKEN),
          call('told', 'acme.put'),
        ],
        onFailure: 'compensate',
      }),
    );
    const refusedHere = { fail: failure('validation', 'X') };
    bench.target.script = { create: [undefined, declined], put: [refusedHere], remove: [refusedHere] };
    const runId = await bench.order({ id: 'a' });
    await bench.pass(10_000);
    expect(bench.state(runId)).toBe('failed');
    const replaying = await bench.runtime.planReplay({ pipeline: 'orders' }, 'ana', 'a test');
    expect(replaying.ok && replaying.report.runs).toMatchObject([
      { key: 'a', effectsSkipped: ['first'], effectsToSend: ['compensate:first'] },
    ]);
  });

  test('of a read is its result, too', async () => {
    bench = await openBench(planFor({ steps: [call('pay', 'acme.get', TAKEN), told] }));
    bench.target.script = { get: [absent] };
    const runId = await bench.order({ id: 'a' });
    await bench.pass(1_000);
    expect(bench.state(runId)).toBe('succeeded');
    expect(bench.target.inputs('put')).toMatchObject([
      { what: { refused: { code: 'notFound', status: 404 } } },
    ]);
  });

  test('that the step does not name is a failure as any', async () => {
    bench = await openBench(
      planFor({ steps: [undoable('pay', 'acme.create', { refusals: ['notFound'] }), told] }),
    );
    bench.target.script = { create: [declined] };
    const runId = await bench.order({ id: 'a' });
    await bench.pass(1_000);
    expect(bench.state(runId)).toBe('failed');
    expect(recordOf(runId)).toMatchObject({ state: 'failed', failure: { class: 'permanent' } });
  });

  test('is taken when its class was tried again for as long as the step says', async () => {
    const retry = {
      attempts: 3,
      withinMs: 60_000,
      backoff: { initialMs: 1_000, factor: 1, maxMs: 1_000 },
      jitter: 'none',
      on: ['notFound'],
    } as const;
    bench = await openBench(planFor({ steps: [call('pay', 'acme.get', { ...TAKEN, retry }), told] }));
    bench.target.script = { get: [absent, absent, absent] };
    const runId = await bench.order({ id: 'a' });
    await bench.pass(10_000);
    expect(bench.state(runId)).toBe('succeeded');
    expect(bench.target.count('get')).toBe(3);
  });

  test('leaves no member of that name to a result that has one undeclared', async () => {
    bench = await openBench(planFor({ steps: [undoable('pay', 'acme.create', TAKEN), told] }));
    bench.target.script = { create: [{ result: { id: 'p1', refused: true } }] };
    await bench.order({ id: 'a' });
    await bench.pass(1_000);
    expect(bench.target.inputs('put')).toEqual([{ what: { id: 'p1' } }]);
  });

  test('is what a pipeline gives to the one that runs it', async () => {
    const child = childPlan({
      steps: [undoable('pay', 'acme.create', TAKEN)],
      output: { schema: true, value: { object: { code: { expression: 'steps.pay.refused.code' } } } },
    });
    const paid = call('told', 'acme.put', { with: { object: { what: { expression: 'steps.paid.code' } } } });
    bench = await openBench(child, planFor({ steps: [run('paid', child), paid] }));
    bench.target.script = { create: [declined] };
    const runId = await bench.order({ id: 'a' });
    await bench.pass(5_000);
    expect(bench.state(runId)).toBe('succeeded');
    expect(bench.target.inputs('put')).toEqual([{ what: 'permanent' }]);
  });
});

describe('a refusal after an answer that was lost', () => {
  test('says nothing of the attempt before where no key is honoured: the effect is in doubt', async () => {
    bench = await openBench(planFor({ steps: [undoable('pay', 'acme.put', TAKEN), told] }));
    bench.target.script = { put: [{ loseAnswer: lost }, declined] };
    const runId = await bench.order({ id: 'a' });
    await bench.pass(10_000);
    expect(bench.state(runId)).toBe('inDoubt');
  });

  test('is settled by the probe: what is there is the result', async () => {
    bench = await openBench(planFor({ steps: [undoable('pay', 'acme.create', { ...TAKEN, probe }), told] }));
    bench.target.script = { create: [{ loseAnswer: lost }, exists] };
    const runId = await bench.order({ id: 'a' });
    await bench.pass(10_000);
    expect(bench.state(runId)).toBe('succeeded');
    expect(bench.target.inputs('put')).toEqual([{ what: { id: 'create-1' } }]);
    expect(recordOf(runId)).not.toHaveProperty('refused');
  });

  test('is taken once the probe has proven that nothing is there', async () => {
    bench = await openBench(planFor({ steps: [undoable('pay', 'acme.create', { ...TAKEN, probe }), told] }));
    bench.target.script = { create: [{ fail: lost }, declined] };
    const runId = await bench.order({ id: 'a' });
    await bench.pass(10_000);
    expect(bench.state(runId)).toBe('succeeded');
    expect(bench.target.inputs('put')).toMatchObject([{ what: { refused: { code: 'permanent' } } }]);
    expect(recordOf(runId)).toMatchObject({ state: 'succeeded', refused: 'permanent' });
    expect(factsOf(runId, 'stepDone')).toMatchObject([{ details: { refusal: 'permanent' } }]);
  });

  test('is shown as taken, too, where it was to be tried again and a cancellation came between', async () => {
    const retry = {
      attempts: 5,
      withinMs: 61_000,
      backoff: { initialMs: 30_000, factor: 1, maxMs: 30_000 },
      jitter: 'none',
      on: ['timeout', 'notFound'],
    } as const;
    const plan = { ...TAKEN, probe, retry };
    bench = await openBench(planFor({ steps: [undoable('pay', 'acme.create', plan), told] }));
    bench.target.script = { create: [{ fail: lost }, absent] };
    const runId = await bench.order({ id: 'a' });
    await bench.pass(35_000);
    expect(bench.target.count('create')).toBe(2);
    await bench.runtime.cancel(runId, 'ana', 'a test');
    await bench.pass(60_000);
    expect(bench.state(runId)).toBe('cancelled');
    expect(factsOf(runId, 'stepDone')).toMatchObject([{ details: { refusal: 'notFound' } }]);
    expect(recordOf(runId)).toMatchObject({ state: 'succeeded', refused: 'notFound' });
  });

  test('settles it where the target honours the key, and the answer says that it is never done', async () => {
    bench = await openBench(planFor({ steps: [undoable('pay', 'acme.create', TAKEN), told] }));
    bench.target.script = { create: [{ fail: lost }, declined] };
    const runId = await bench.order({ id: 'a' });
    await bench.pass(10_000);
    expect(bench.state(runId)).toBe('succeeded');
    expect(recordOf(runId)).toMatchObject({ refused: 'permanent' });
  });
});

test('what is there already is taken for an answer where nothing of ours can be there', async () => {
  bench = await openBench(
    planFor({ steps: [undoable('pay', 'acme.createBlind', { ...TAKEN, probe }), told] }),
  );
  bench.target.script = { createBlind: [exists] };
  const runId = await bench.order({ id: 'a' });
  await bench.pass(10_000);
  expect(bench.state(runId)).toBe('succeeded');
  expect(bench.target.count('find')).toBe(0);
  expect(bench.target.inputs('put')).toMatchObject([{ what: { refused: { body: { id: 'theirs' } } } }]);
});
