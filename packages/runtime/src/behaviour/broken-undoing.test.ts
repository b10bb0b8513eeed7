import type { Json } from '@tenon/model';
import type { Plan } from '@tenon/pipeline';
import { afterEach, describe, expect, test } from 'vitest';
import { type Bench, openBench, refused } from '../testing/bench.ts';
import { call, literal, planFor, retry, step, undoable } from '../testing/plan.ts';
import { meddle } from '../testing/stored-file.ts';

let bench: Bench;
afterEach(() => bench.close());

const consent = step('approve', 'yes', {
  by: 'finance',
  withinMs: 3_600_000,
  onExpiry: 'reject',
  show: literal(null),
});

/** A plan that no planner makes: undoing this stops the run with an internal error. */
const unguarded = call('one', 'acme.create', {
  compensate: {
    operation: 'acme.remove',
    connection: 'acme',
    with: { object: { id: { expression: 'steps.one.id' } } },
    retry,
    guard: { operation: 'acme.nope', connection: 'acme', with: literal({}), retry, unchanged: 'true' },
  },
});

async function ordered(...steps: Plan['steps']): Promise<string> {
  bench = await openBench(planFor({ steps }));
  bench.target.script = { put: [{ fail: refused }] };
  const runId = await bench.order({ id: 'a' });
  await bench.runtime.idle();
  return runId;
}

async function cancelled(runId: string) {
  const told = await bench.runtime.cancel(runId, 'ana', 'cannot be mended');
  await bench.runtime.idle();
  return told;
}

const letters = () => bench.runtime.deadLetters().map(({ failure }) => failure.code);

describe('a run that stops with an internal error as it is undone', () => {
  test('is parked with its owner once it is cancelled, and ends as it stands when it is cancelled once more', async () => {
    const runId = await ordered(unguarded, consent);
    expect(await cancelled(runId)).toEqual({ ok: true });
    expect([bench.state(runId), letters()]).toEqual(['failed', ['RUN_INVARIANT_BROKEN']]);
    expect(await bench.runtime.resume(runId, 'ana', 'may be mended')).toEqual({ ok: true });
    await bench.runtime.idle();
    expect([bench.state(runId), letters()]).toEqual(['failed', ['RUN_INVARIANT_BROKEN']]);
    expect(await cancelled(runId)).toEqual({ ok: true });
    expect(bench.runtime.run(runId)).toMatchObject({
      state: 'cancelled',
      failure: {
        code: 'RUN_CANCELLED_NOT_UNDONE',
        message: expect.stringMatching(
          /^nothing more of the run was undone, as it stops in that: an internal error/,
        ),
      },
    });
    expect(letters()).toEqual([]);
    expect(bench.runtime.approvals()).toEqual([]);
    expect(bench.runtime.forwardFixes()).toMatchObject([{ runId, owner: 'sales' }]);
    expect(await cancelled(runId)).toMatchObject({ ok: false, code: 'RUN_ENDED' });
    await bench.restart();
    await bench.pass(1_000);
    expect(bench.state(runId)).toBe('cancelled');
  });

  test('ends as it stands when it is cancelled, where it was undone since it had failed', async () => {
    const runId = await ordered(unguarded, call('two', 'acme.put'));
    expect([bench.state(runId), letters()]).toEqual(['failed', ['RUN_INVARIANT_BROKEN']]);
    expect(await cancelled(runId)).toEqual({ ok: true });
    expect([bench.state(runId), letters()]).toEqual(['cancelled', []]);
    expect(bench.runtime.forwardFixes()).toMatchObject([{ runId }]);
  });

  test('goes on or ends, where one person resumes it and another cancels it at one moment', async () => {
    const runId = await ordered(unguarded, consent);
    await cancelled(runId);
    const told = await Promise.all([
      bench.runtime.cancel(runId, 'ana', 'cannot be mended'),
      bench.runtime.resume(runId, 'ben', 'mended'),
    ]);
    await bench.runtime.idle();
    expect(told).toMatchObject([{ ok: true }, { ok: false, code: 'RUN_ENDED' }]);
    expect(bench.state(runId)).toBe('cancelled');
  });

  test('is undone, where that breaks no more', async () => {
    const runId = await ordered(undoable('one'), consent);
    // As an earlier version stored values, without a checksum.
    const stored = (value: Json) =>
      meddle(bench, `UPDATE journal SET value = '${JSON.stringify(value)}' WHERE key = 'one#1'`);
    stored(null);
    await cancelled(runId);
    expect(letters()).toEqual(['RUN_INVARIANT_BROKEN']);
    stored({ outcome: 'succeeded', value: { id: 'create-1' }, startedAtMs: 0 });
    expect(await bench.runtime.resume(runId, 'ana', 'mended')).toEqual({ ok: true });
    await bench.runtime.idle();
    expect(bench.state(runId)).toBe('cancelled');
    expect(bench.target.inputs('remove')).toEqual([{ id: 'create-1' }]);
  });
});
