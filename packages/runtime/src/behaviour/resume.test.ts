import { afterEach, describe, expect, test } from 'vitest';
import { type Bench, openBench, refused } from '../testing/bench.ts';
import { call, planFor } from '../testing/plan.ts';

let bench: Bench;
afterEach(() => bench.close());

describe('resume', () => {
  test('of a run in doubt is refused, with what settles it', async () => {
    bench = await openBench(planFor({ steps: [call('one', 'acme.createBlind')] }));
    bench.target.script = { createBlind: [{ loseAnswer: true }] };
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    expect(await bench.runtime.resume(runId, 'ana', 'x')).toMatchObject({
      code: 'RUN_NOT_RESUMABLE',
      message:
        'the run is in doubt at one, not failed: it goes on once that is settled (`tenon in-doubt settle`)',
    });
  });

  test('of a run that was cancelled, and has not heeded it while its pipeline is paused, says so', async () => {
    bench = await openBench(planFor({ onFailure: 'hold', steps: [call('one', 'acme.createBlind')] }));
    bench.target.script = { createBlind: [{ fail: refused }] };
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    await bench.runtime.setSwitch({ kind: 'pause', pipeline: 'orders', onlyKeys: [] }, 'ana', 'look');
    await bench.runtime.cancel(runId, 'ana', 'no longer wanted');
    await bench.runtime.idle();
    expect(await bench.runtime.resume(runId, 'ben', 'again')).toMatchObject({
      code: 'RUN_NOT_RESUMABLE',
      message: expect.stringMatching(
        /^the run was cancelled before; ana cancelled it at .*: no longer wanted$/,
      ),
    });
    expect(await bench.runtime.markDone(runId, 'one', 'ben', 'made it there', { id: 'B-7' })).toMatchObject({
      code: 'RUN_NOT_AT_EFFECT',
      message: expect.stringMatching(
        /^the run is not parked at one: it was cancelled before; ana cancelled it at /,
      ),
    });
    await bench.runtime.liftSwitch('pause/orders', 'ana', 'seen');
    await bench.runtime.idle();
    expect([bench.state(runId), bench.target.count('createBlind')]).toEqual(['cancelled', 1]);
  });
});
