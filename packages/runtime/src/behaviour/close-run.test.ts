import { afterEach, describe, expect, test } from 'vitest';
import { type Bench, openBench, openBenchWith, refused } from '../testing/bench.ts';
import { keysNamed } from '../testing/keys.ts';
import { call, childPlan, planFor, run, step, undoable } from '../testing/plan.ts';

/** A person accepts a parked run as it stands: nothing more is done, and nothing undone (C109). */
let bench: Bench;
afterEach(() => bench.close());

const close = (runId: string, actor = 'ana') =>
  bench.runtime.closeRun(runId, actor, 'checked with the shop, it is right so');
const plan = planFor({
  identity: { key: { expression: 'event.id' }, orderBy: { expression: '"one"' }, retainMs: 86_400_000 },
  onFailure: 'hold',
  steps: [undoable('one'), call('put', 'acme.put')],
});

/** One effect has happened, and the run is parked at the next step. */
async function parked(): Promise<string> {
  bench.target.script = { put: [{ fail: refused }] };
  const runId = await bench.order({ id: 'a' });
  await bench.runtime.idle();
  expect(bench.state(runId)).toBe('failed');
  return runId;
}

describe.each([
  ['in a file as it is', undefined],
  ['in an encrypted file', keysNamed('k1')],
])('%s', (_where, encryption) => {
  test('a parked run that is closed ends as it stands, and is owed by nobody', async () => {
    bench = await openBenchWith({ ...(encryption && { encryption }) }, [plan]);
    const runId = await parked();
    expect(await close(runId)).toEqual({ ok: true });
    await bench.restart();
    await bench.runtime.idle();
    expect(bench.runtime.run(runId)).toMatchObject({
      state: 'cancelled',
      failure: { code: 'RUN_CLOSED', step: 'put' },
      steps: [
        { id: 'one', state: 'succeeded' },
        { id: 'put', state: 'failed' },
      ],
    });
    expect([bench.target.count('remove'), bench.runtime.deadLetters(), bench.runtime.forwardFixes()]).toEqual(
      [0, [], []],
    );
    const word = { actor: 'ana', reason: 'checked with the shop, it is right so' };
    expect(bench.runtime.trace({ runId }).slice(-2)).toMatchObject([
      { kind: 'operator', details: { action: 'close', ...word } },
      { kind: 'state', details: { from: 'failed', to: 'cancelled', code: 'RUN_CLOSED', ...word } },
    ]);
    const next = await bench.order({ id: 'b' });
    await bench.runtime.idle();
    expect(bench.state(next)).toBe('succeeded');
  });
});

test('it is counted among the outcomes that people gave', async () => {
  bench = await openBench(plan);
  await close(await parked());
  expect(bench.runtime.flow().counts).toMatchObject({ overrides: { close: 1 }, ended: { cancelled: 1 } });
});

test('a run whose steps are done, but which is no success, is closed without being undone', async () => {
  bench = await openBench(
    planFor({ onFailure: 'hold', steps: [undoable('one')], success: 'event.id == "z"' }),
  );
  const runId = await bench.order({ id: 'a' });
  await bench.runtime.idle();
  expect(await close(runId)).toEqual({ ok: true });
  expect([bench.state(runId), bench.target.effects.size]).toEqual(['cancelled', 1]);
});

test('what is owed for what cannot be undone stays owed, and the step that it was parked at is not', async () => {
  const forward = {
    because: 'a sent mail stays sent',
    forward: { task: 'send the correction', owner: 'support', withinMs: 86_400_000 },
  };
  bench = await openBench(
    planFor({
      onFailure: 'forward',
      steps: [{ ...call('one', 'acme.create'), irreversible: forward }, call('put', 'acme.put')],
    }),
  );
  const runId = await parked();
  const owed = bench.runtime.forwardFixes();
  expect(owed).toMatchObject([{ stepId: 'one' }, { stepId: 'put' }]);
  await close(runId);
  expect(bench.runtime.forwardFixes()).toEqual([{ ...owed[0], runState: 'cancelled' }]);
});

test('of two words at one moment one counts, and the other is told so', async () => {
  bench = await openBench(plan);
  const runId = await parked();
  const both = await Promise.all([close(runId), bench.runtime.resume(runId, 'ben', 'mended')]);
  expect(both).toMatchObject([{ ok: true }, { ok: false, code: 'RUN_ENDED' }]);
  await bench.runtime.idle();
  expect([bench.state(runId), bench.target.count('put')]).toEqual(['cancelled', 1]);
});

test('a run that was resumed at that moment goes on, and is not closed', async () => {
  bench = await openBench(plan);
  const runId = await parked();
  const both = await Promise.all([bench.runtime.resume(runId, 'ben', 'mended'), close(runId)]);
  expect(both).toMatchObject([{ ok: true }, { ok: false, code: 'RUN_RESUMED_ALREADY' }]);
  await bench.runtime.idle();
  expect(bench.state(runId)).toBe('succeeded');
});

test.each([
  ['waits', [step('wait', 'w', { for: { durationMs: 1_000 } })], 'waiting'],
  ['is in doubt', [call('one', 'acme.createBlind')], 'inDoubt'],
  ['has succeeded', [], 'succeeded'],
] as const)('a run that %s is not closed', async (_how, steps, state) => {
  bench = await openBench(planFor({ onFailure: 'hold', steps: [...steps] }));
  bench.target.script = { createBlind: [{ loseAnswer: true }] };
  const runId = await bench.order({ id: 'a' });
  await bench.runtime.idle();
  expect(await close(runId)).toMatchObject({ ok: false, code: 'RUN_NOT_PARKED' });
  expect(bench.state(runId)).toBe(state);
});

test('a run that is parked at being undone is not closed: what is left of it would be undone by nobody', async () => {
  bench = await openBench(planFor({ steps: [undoable('one'), call('put', 'acme.put')] }));
  bench.target.script = { put: [{ fail: refused }], remove: [{ fail: refused }] };
  const runId = await bench.order({ id: 'a' });
  await bench.runtime.idle();
  expect(await close(runId)).toMatchObject({ ok: false, code: 'RUN_COMPENSATING' });
  expect(bench.state(runId)).toBe('failed');
});

test('a child that is closed is gone for the run above, which is closed or cancelled by itself', async () => {
  const child = childPlan({ onFailure: 'hold', steps: [undoable('one'), call('put', 'acme.put')] });
  bench = await openBench(child, planFor({ onFailure: 'hold', steps: [run('sub', child)] }));
  const runId = await parked();
  const below = bench.runtime.runs({ pipeline: 'child' })[0]!.runId;
  expect(await close(below)).toEqual({ ok: true });
  await bench.runtime.idle();
  expect([bench.state(below), bench.state(runId)]).toEqual(['cancelled', 'failed']);
  expect(await close(runId)).toEqual({ ok: true });
  await bench.runtime.idle();
  expect([bench.state(runId), bench.target.count('remove')]).toEqual(['cancelled', 0]);
});

test('a run that is closed is not replayed', async () => {
  bench = await openBench(plan);
  const runId = await parked();
  await close(runId);
  const planned = await bench.runtime.planReplay({ runId }, 'ana', 'again');
  expect(planned).toMatchObject({
    report: { runs: [{ runId, goesOn: false, refused: expect.any(String) }] },
  });
});

test.each([
  ['cancels it first', ['cancel', 'close'], 'RUN_CANCELLED_ALREADY', 1],
  ['closes it first', ['close', 'cancel'], 'RUN_ENDED', 0],
] as const)(
  'of two people at one moment one %s, and the other is told so',
  async (_who, order, code, undone) => {
    bench = await openBench(plan);
    const runId = await parked();
    const say = { cancel: () => bench.runtime.cancel(runId, 'ben', 'not wanted'), close: () => close(runId) };
    const told = await Promise.all(order.map((word) => say[word]()));
    await bench.runtime.idle();
    expect(told).toMatchObject([{ ok: true }, { ok: false, code }]);
    expect([bench.state(runId), bench.target.count('remove')]).toEqual(['cancelled', undone]);
  },
);
