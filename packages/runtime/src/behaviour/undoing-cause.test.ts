import { afterEach, describe, expect, test } from 'vitest';
import { type Bench, openBench, refused } from '../testing/bench.ts';
import { call, childPlan, planFor, run, undoable } from '../testing/plan.ts';

let bench: Bench;
afterEach(() => bench.close());

const undoing = (runId: string) => bench.runtime.run(runId)?.undoing;

/** As `idle`, while a call of the target is not answered. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await new Promise((next) => setImmediate(next));
}

describe('a run that is being undone says why', () => {
  test('the step that failed, while it is undone, parked at it and at its end', async () => {
    bench = await openBench(planFor({ steps: [undoable('one'), call('put', 'acme.put')] }));
    const { promise: wait, resolve } = Promise.withResolvers<void>();
    bench.target.script = { put: [{ fail: refused }], remove: [{ fail: refused }] };
    const runId = await bench.order({ id: 'a' });
    await turns();
    const because = {
      because: 'failure',
      step: 'put',
      failure: { code: 'HTTP_RESPONSE_STATUS', status: 422 },
    };
    await bench.runtime.idle();
    expect(bench.runtime.run(runId)).toMatchObject({
      state: 'failed',
      failure: { step: 'compensate:one' },
      undoing: because,
    });
    bench.target.script = { remove: [{ wait }] };
    await bench.runtime.resume(runId, 'ana', 'mended');
    await turns();
    expect(bench.runtime.run(runId)).toMatchObject({ state: 'compensating', undoing: because });
    resolve();
    await bench.runtime.idle();
    expect(bench.runtime.run(runId)).toMatchObject({ state: 'compensated', undoing: because });
  });

  test('who cancelled it, and why', async () => {
    bench = await openBench(
      planFor({ onFailure: 'hold', steps: [undoable('one'), call('put', 'acme.put')] }),
    );
    bench.target.script = { put: [{ fail: refused }] };
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    expect(bench.runtime.run(runId), 'parked, it is not undone').not.toHaveProperty('undoing');
    await bench.runtime.cancel(runId, 'ana', 'not wanted');
    await bench.runtime.idle();
    expect(undoing(runId)).toMatchObject({
      because: 'cancelled',
      step: 'put',
      actor: 'ana',
      reason: 'not wanted',
    });
  });

  test('that its parent is, of a run that had succeeded', async () => {
    const child = childPlan({ steps: [undoable('set')] });
    bench = await openBench(child, planFor({ steps: [run('sub', child), call('put', 'acme.put')] }));
    bench.target.script = { put: [{ fail: refused }] };
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    expect(undoing(runId)).toMatchObject({ because: 'failure', step: 'put' });
    const [below] = bench.runtime.run(runId)?.children ?? [];
    expect(undoing(below!.runId)).toMatchObject({ because: 'parent', reason: 'its parent is undone' });
  });
});
