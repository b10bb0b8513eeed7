import { afterEach, describe, expect, test } from 'vitest';
import { type Bench, openBench } from '../testing/bench.ts';
import { childPlan, literal, planFor, run, step, undoable } from '../testing/plan.ts';
import { meddle } from '../testing/stored-file.ts';

let bench: Bench;
afterEach(() => bench.close());

const consent = step('approve', 'yes', {
  by: 'finance',
  withinMs: 3_600_000,
  onExpiry: 'reject',
  show: literal(null),
});

/** A run whose child is at its end, or waits for a person, and its child, of which nobody can read what it did. */
async function undone(how: 'child has succeeded' | 'child waits') {
  const waits = how === 'child waits';
  const child = childPlan({ steps: [undoable('one'), ...(waits ? [consent] : [])] });
  bench = await openBench(
    child,
    planFor({ steps: [undoable('zero'), run('sub', child), ...(waits ? [] : [consent])] }),
  );
  const runId = await bench.order({ id: 'a' });
  await bench.runtime.idle();
  const below = bench.runtime.runs({ pipeline: 'child' })[0]!.runId;
  const row = `key = 'one#1' AND run_seq = (SELECT seq FROM runs WHERE run_id = '${below}')`;
  meddle(
    bench,
    `CREATE TABLE kept AS SELECT value FROM journal WHERE ${row};
    UPDATE journal SET value = '~00000000{}' WHERE ${row}`,
  );
  await bench.runtime.cancel(runId, 'ana', 'not wanted');
  await settled();
  const mend = () => meddle(bench, `UPDATE journal SET value = (SELECT value FROM kept) WHERE ${row}`);
  return { runId, below, mend };
}

/** Bounded: two runs that speak to each other for ever are never idle. */
async function settled(): Promise<void> {
  let commits = 0;
  bench.onCommit = () => {
    if (++commits === 100) bench.failDisk();
  };
  await bench.pass(10);
  expect(commits, 'the runs are at rest').toBeLessThan(100);
}

const removed = () => bench.target.inputs('remove');

describe.each(['child has succeeded', 'child waits'] as const)(
  'a run is undone, and its %s and cannot be read',
  (how) => {
    test('it is parked with its owner, and the run above waits for that', async () => {
      const { runId, below } = await undone(how);
      expect(bench.state(runId)).toBe('compensating');
      expect(bench.runtime.deadLetters()).toMatchObject([
        { runId: below, queue: 'repair', owner: 'sales', failure: { code: 'STORED_VALUE_DAMAGED' } },
      ]);
      await bench.crash();
      await settled();
      expect([bench.state(runId), bench.state(below)]).toEqual(['compensating', 'failed']);
      expect(bench.runtime.deadLetters()).toHaveLength(1);
      expect(removed()).toEqual([]);
    });

    test('it is undone once it is mended and resumed, and then the run above is', async () => {
      const { runId, below, mend } = await undone(how);
      expect(await bench.runtime.resume(below, 'ana', 'may be mended')).toEqual({ ok: true });
      await settled();
      expect([bench.state(runId), bench.state(below)]).toEqual(['compensating', 'failed']);
      mend();
      expect(await bench.runtime.resume(below, 'ana', 'mended')).toEqual({ ok: true });
      await settled();
      expect(bench.state(runId)).toBe('cancelled');
      expect(bench.state(below)).toMatch(/^(compensated|cancelled)$/);
      expect(removed()).toHaveLength(2);
      expect(bench.runtime.deadLetters()).toEqual([]);
      expect(bench.runtime.run(runId)!.steps.find(({ id }) => id === 'sub')).toMatchObject({
        state: 'compensated',
      });
    });

    test('a person ends it as it stands: then the run above is undone without it, and does not say that it was', async () => {
      const { runId, below } = await undone(how);
      expect(await bench.runtime.cancel(below, 'ana', 'cannot be mended')).toEqual({ ok: true });
      await settled();
      expect([bench.state(runId), bench.state(below)]).toEqual(['cancelled', 'cancelled']);
      expect(removed()).toHaveLength(1);
      expect(bench.runtime.forwardFixes()).toMatchObject([{ runId: below, owner: 'sales' }]);
      const { steps } = bench.runtime.run(runId)!;
      expect(steps.find(({ id }) => id === 'sub')!.state).not.toBe('compensated');
      expect(steps.find(({ id }) => id === 'compensate:sub')).toMatchObject({
        state: 'failed',
        failure: { code: 'RUN_CANCELLED_NOT_UNDONE' },
      });
      const said = bench.runtime
        .trace({ runId })
        .filter(({ kind, step }) => kind === 'compensation' && step === 'compensate:sub');
      expect(said).toMatchObject([{ details: { runId: below, skipped: true } }]);
    });
  },
);

test('a run is undone whose child stops with an internal error each time: that is parked, and both are at rest', async () => {
  const child = childPlan({ steps: [undoable('one'), consent] });
  bench = await openBench(child, planFor({ steps: [undoable('zero'), run('sub', child)] }));
  const runId = await bench.order({ id: 'a' });
  await bench.runtime.idle();
  // As an earlier version stored values, without a checksum.
  meddle(bench, `UPDATE journal SET value = 'null' WHERE key = 'one#1'`);
  await bench.runtime.cancel(runId, 'ana', 'not wanted');
  await settled();
  expect(bench.state(runId)).toBe('compensating');
  expect(bench.runtime.deadLetters()).toMatchObject([{ failure: { code: 'RUN_INVARIANT_BROKEN' } }]);
  const below = bench.runtime.runs({ pipeline: 'child' })[0]!.runId;
  expect(await bench.runtime.cancel(below, 'ana', 'cannot be mended')).toEqual({ ok: true });
  await settled();
  expect(bench.runtime.runs().map(({ state }) => state)).toEqual(['cancelled', 'cancelled']);
  expect(bench.runtime.forwardFixes()).toMatchObject([{ runId: below, owner: 'sales' }]);
});
