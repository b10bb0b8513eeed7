import { DatabaseSync } from 'node:sqlite';
import { afterEach, expect, test } from 'vitest';
import { openBench } from './testing/bench.ts';
import { call, planFor, step } from './testing/plan.ts';

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
