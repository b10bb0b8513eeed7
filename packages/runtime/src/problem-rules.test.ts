import { DatabaseSync } from 'node:sqlite';
import { afterEach, expect, test } from 'vitest';
import { openBench, openBenchWith } from './testing/bench.ts';
import { call, planFor, step } from './testing/plan.ts';
import { until } from './testing/until.ts';

// What a replay is stuck at: `replay-stuck.test.ts`.
let bench: Awaited<ReturnType<typeof openBench>>;
afterEach(() => bench.close());

test('runs that cannot be read are said, stay due, and go on once they can', async () => {
  bench = await openBench(
    planFor({ steps: [step('wait', 'w', { for: { durationMs: 1_000 } }), call('put', 'acme.put')] }),
  );
  const runId = await bench.order({ id: 'a' });
  await bench.runtime.idle();
  const other = new DatabaseSync(bench.file);
  other.exec('ALTER TABLE openings RENAME TO openings_elsewhere');
  await bench.pass(2_000);
  expect(bench.problems).toEqual([
    expect.stringMatching(/^RUNTIME_RUNS_UNREADABLE: runs of orders cannot be read and are tried again: /),
  ]);
  other.exec('ALTER TABLE openings_elsewhere RENAME TO openings');
  other.close();
  await bench.pass(6_000);
  expect([bench.state(runId), bench.target.count('put'), bench.problems.length]).toEqual(['succeeded', 1, 1]);
});

test('a run whose call outlasts the stop, and is answered as the file is closed, is not said to be unreadable', async () => {
  const checkpoints = {
    publish: async (): Promise<void> => {
      // Answered before the file is closed; what is made of it is stored after that.
      const turn = nextTurn();
      bench.clock.advance(2_000);
      await turn;
      throw new Error('not reached');
    },
  };
  bench = await openBenchWith({ checkpoints }, [
    planFor({ steps: [call('first', 'acme.put'), call('second', 'acme.put')] }),
  ]);
  bench.target.script = { put: [{ lateMs: 12_000 }] };
  const runId = await bench.order({ id: 'a' });
  await until(() => bench.target.count('put') === 1);
  const stopped = bench.runtime.stop();
  await nextTurn();
  bench.clock.advance(10_000);
  await stopped;
  expect(bench.problems).toEqual([expect.stringMatching(/the witness did not take/)]);
  await bench.restart();
  await bench.runtime.idle();
  expect([bench.state(runId), bench.target.count('put')]).toEqual(['succeeded', 2]);
});

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
