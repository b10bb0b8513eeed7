import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Bench, openBench } from '../../testing/bench.ts';
import { call, planFor } from '../../testing/plan.ts';
import { meddle } from '../../testing/stored-file.ts';
import { CommitRefused } from '../commit/commit-queue.ts';

let bench: Bench;
const plan = planFor({ steps: [call('make', 'acme.create')] });

beforeEach(async () => {
  bench = await openBench(plan);
});
afterEach(() => bench.close());

/** So that what is accepted is stored and not begun. */
async function paused(work: () => Promise<void>): Promise<void> {
  const { pipeline } = plan;
  await bench.runtime.setSwitch({ kind: 'pause', pipeline, onlyKeys: [] }, 'ann', 'a look');
  await work();
  await bench.runtime.liftSwitch(`pause/${pipeline}`, 'ann', 'looked');
  await bench.pass(10);
}

describe('a run whose stored event cannot be read', () => {
  test('is parked with its owner, and the others go on', async () => {
    await paused(async () => {
      await bench.order({ id: 'damaged' });
      await bench.order({ id: 'sound' });
      meddle(bench, `UPDATE events SET payload = '{' WHERE delivery_id = 'd1'`);
    });
    const states = bench.runtime.runs().map(({ key, state }) => [key, state]);
    expect(Object.fromEntries(states)).toEqual({ damaged: 'failed', sound: 'succeeded' });
    expect(bench.runtime.deadLetters()).toMatchObject([
      { key: 'damaged', queue: 'repair', owner: plan.owner.team, failure: { code: 'STORED_VALUE_DAMAGED' } },
    ]);
  });
});

test('a run whose storing was refused is not counted as waiting', async () => {
  await paused(async () => {
    expect(bench.runtime.flow().intake.backlog).toBe(0);
    const run = await bench.order({ id: 'first' });
    expect(bench.runtime.flow().intake.backlog).toBe(1);
    // Its number is taken when the next one comes.
    meddle(
      bench,
      `CREATE TEMP TABLE copied AS SELECT * FROM runs WHERE run_id = '${run}';
      UPDATE copied SET seq = seq + 1, run_id = 'other'; INSERT INTO runs SELECT * FROM copied`,
    );
    await expect(bench.order({ id: 'second' })).rejects.toThrow(CommitRefused);
    expect(bench.runtime.flow().intake.backlog).toBe(1);
  });
});

test('a run that an error stopped and that cannot be parked is told of, as it has no dead letter', async () => {
  await paused(async () => {
    const runId = await bench.order({ id: 'damaged' });
    meddle(
      bench,
      `UPDATE events SET payload = '{' WHERE delivery_id = 'd1';
      CREATE TRIGGER refuse BEFORE INSERT ON openings BEGIN SELECT RAISE(ABORT, 'not here'); END`,
    );
    expect(bench.state(runId)).toBe('accepted');
  });
  expect(bench.runtime.deadLetters()).toEqual([]);
  expect(bench.problems).toEqual([
    expect.stringMatching(
      /^RUN_NOT_PARKED: run \S+ of orders was stopped by an error .* could not be parked: /,
    ),
  ]);
});

test('of a run whose journal holds what was never written there it is said that its steps cannot be told', async () => {
  const runId = await bench.order({ id: 'odd' });
  await bench.runtime.idle();
  meddle(bench, `UPDATE journal SET value = 'null'`);
  expect(bench.runtime.run(runId)).toMatchObject({
    runId,
    state: 'succeeded',
    steps: [],
    stepsUnread: {
      code: 'STORED_VALUE_DAMAGED',
      message: expect.stringContaining('its journal holds a value that is not of the form'),
    },
  });
});
