import { afterEach, describe, expect, test } from 'vitest';
import { openLedger } from '../embedded/file/open-ledger.ts';
import { openRuntime } from '../embedded/open-runtime.ts';
import { type Bench, openBench } from '../testing/bench.ts';
import { planFor, undoable } from '../testing/plan.ts';

let bench: Bench;
afterEach(() => bench.close());

describe('the file', () => {
  test('belongs to one process at a time, and says so', async () => {
    bench = await openBench();
    const { file } = bench;
    await expect(
      openRuntime({ file, clock: bench.clock, random: { next: () => 0 }, transport: () => bench.target }),
    ).rejects.toMatchObject({ code: 'RUNTIME_FILE_IN_USE' });
  });

  test('can be read beside the process that runs it, and after', async () => {
    bench = await openBench(
      planFor({ steps: [undoable('one')], redact: { event: ['/email'], 'steps.one': ['/id'] } }),
    );
    const runId = await bench.order({ id: 'a', email: 'a@b.example' });
    await bench.runtime.idle();
    const ledger = openLedger(bench.file);
    expect(ledger.runs()).toMatchObject([{ runId, state: 'succeeded' }]);
    expect(ledger.run(runId)).toMatchObject({
      input: { id: 'a', email: '[redacted]' },
      steps: [{ result: { id: '[redacted]' } }],
    });
    await bench.runtime.stop();
    expect(ledger.trace({ key: 'a' }).length).toBeGreaterThan(3);
    ledger.close();
    await bench.restart();
  });

  test('takes no event when it stops, and loses none that it took', async () => {
    bench = await openBench(planFor({ steps: [undoable('one'), undoable('two')] }));
    const runs = await Promise.all(Array.from({ length: 30 }, (_, i) => bench.order({ id: `o${i}` })));
    await bench.runtime.stop();
    expect(
      await bench.runtime.accept({
        event: 'shop.ordered',
        payload: { id: 'z' },
        deliveryId: 'z',
        source: 's',
      }),
    ).toMatchObject({ ok: false, failure: { code: 'RUNTIME_STOPPING' } });
    await bench.restart();
    await bench.runtime.idle();
    expect(runs.map((id) => bench.state(id)).every((state) => state === 'succeeded')).toBe(true);
    expect(bench.target.effects.size).toBe(60);
    expect(bench.target.count('create')).toBe(60);
  });
});
