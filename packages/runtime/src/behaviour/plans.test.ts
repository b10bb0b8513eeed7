import { afterEach, describe, expect, test } from 'vitest';
import { type Bench, openBench } from '../testing/bench.ts';
import { call, planFor, step } from '../testing/plan.ts';

let bench: Bench;
afterEach(() => bench.close());

describe('the file', () => {
  test('holds the plan that each run began with; a new version takes new events only', async () => {
    const old = planFor({
      steps: [step('wait', 'w', { for: { durationMs: 1_000 } }), call('get', 'acme.get')],
    });
    bench = await openBench(old);
    const first = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    await bench.runtime.activate(planFor({ version: 2, steps: [call('put', 'acme.put')] }));
    const second = await bench.order({ id: 'b' });
    await bench.pass(1_000);
    expect(bench.runtime.run(first)).toMatchObject({ version: 1, planHash: old.hash, state: 'succeeded' });
    expect(bench.runtime.run(second)).toMatchObject({ version: 2, state: 'succeeded' });
    expect(bench.target.calls.map(({ operation }) => operation)).toEqual(['put', 'get']);
  });

  test('remembers which pipelines are active, until they are retired', async () => {
    bench = await openBench(
      planFor({ steps: [call('get', 'acme.get')] }),
      planFor({ pipeline: 'old', steps: [] }),
    );
    const named = () => bench.runtime.pipelinesInForce().map(({ name }) => name);
    await bench.restart();
    expect(named()).toEqual(['old', 'orders']);
    await bench.runtime.retire('old');
    await bench.restart();
    expect(named()).toEqual(['orders']);
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    expect(bench.runtime.runs()).toMatchObject([{ runId, pipeline: 'orders', state: 'succeeded' }]);
  });
});
