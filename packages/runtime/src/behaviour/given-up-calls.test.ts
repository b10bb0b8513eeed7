import { afterEach, describe, expect, test } from 'vitest';
import { type Bench, openBench } from '../testing/bench.ts';
import { call, planFor, probe } from '../testing/plan.ts';
import { passesMeanwhile } from '../testing/until.ts';

let bench: Bench;
afterEach(() => bench.close());

/** Of the operations of these plans. */
const TIMEOUT_MS = 5_000;

describe('a call that a transport holds for longer than it may', () => {
  test('is called off once the runtime has given it up: what stands in a line until then is never sent', async () => {
    bench = await openBench(planFor({ steps: [call('one', 'acme.createBlind', { probe })] }));
    bench.target.script = { createBlind: [{ never: 'before' }] };
    await bench.order({ id: 'a' });
    await passesMeanwhile(bench, 500);
    const [first] = bench.target.calls;
    expect(first?.request.isCalledOff?.()).toBe(false);
    await passesMeanwhile(bench, 60_000);
    expect(bench.target.count('createBlind'), 'looked for, and sent again').toBe(2);
    expect(first?.request.isCalledOff?.()).toBe(true);
  });

  test('is not given up while it may still stand in a line for its timeout, and then take that', async () => {
    bench = await openBench(planFor({ steps: [call('one', 'acme.createBlind')] }));
    bench.target.script = { createBlind: [{ lateMs: 2 * TIMEOUT_MS + 14_000 }] };
    const runId = await bench.order({ id: 'a' });
    await passesMeanwhile(bench, 60_000);
    expect(bench.state(runId)).toBe('succeeded');
  });

  test('is given up in time, though the clock is set back meanwhile', async () => {
    bench = await openBench(planFor({ steps: [call('one', 'acme.createBlind')] }));
    bench.target.script = { createBlind: [{ never: 'before' }] };
    const runId = await bench.order({ id: 'a' });
    await passesMeanwhile(bench, 500);
    bench.clock.jump(-3_600_000);
    await passesMeanwhile(bench, 60_000);
    expect(bench.state(runId)).toBe('inDoubt');
  });
});
