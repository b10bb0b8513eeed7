import { afterEach, describe, expect, test } from 'vitest';
import { type Bench, failure, openBench, refused } from '../testing/bench.ts';
import { call, literal, planFor, retry } from '../testing/plan.ts';

let bench: Bench;
afterEach(() => bench.close());

const guard = {
  operation: 'acme.get',
  connection: 'acme',
  with: literal({ id: 'x' }),
  retry,
  unchanged: 'current.amount == steps.one.amount',
};
const compensate = { operation: 'acme.remove', connection: 'acme', with: literal({ id: 'x' }), retry };

/** A run whose second step is refused: the first is to be undone. */
async function undoing(now: { readonly amount: number }, parts: object = { guard }): Promise<string> {
  bench = await openBench(
    planFor({
      steps: [
        call('one', 'acme.create', { compensate: { ...compensate, ...parts } }),
        call('two', 'acme.put'),
      ],
    }),
  );
  bench.target.script = {
    create: [{ result: { id: 'x', amount: 10 } }],
    put: [{ fail: refused }],
    get: [{ result: { id: 'x', ...now } }],
  };
  const runId = await bench.order({ id: 'a' });
  await bench.pass(1_000);
  return runId;
}

describe('a guarded undoing', () => {
  test('undoes what is as the step left it', async () => {
    const runId = await undoing({ amount: 10 });
    expect(bench.state(runId)).toBe('compensated');
    expect(bench.target.calls.map(({ operation }) => operation)).toEqual(['create', 'put', 'get', 'remove']);
  });

  test('asks its owner where somebody has changed it since, and shows what differs; nothing is undone meanwhile', async () => {
    const runId = await undoing({ amount: 11 });
    await bench.restart();
    expect(bench.state(runId)).toBe('waiting');
    expect(bench.target.count('remove')).toBe(0);
    expect(bench.runtime.approvals()).toMatchObject([
      {
        runId,
        stepId: 'compensate:one',
        by: 'sales',
        show: {
          did: 'acme.create',
          undoing: 'acme.remove',
          guard: 'current.amount == steps.one.amount',
          changed: ['/amount'],
        },
      },
    ]);
    expect(await bench.runtime.cancel(runId, 'ana', 'enough')).toMatchObject({ code: 'RUN_COMPENSATING' });
    const looked = bench.runtime.trace({ runId }).find(({ kind }) => kind === 'probe')!;
    expect(looked.details).toMatchObject({ purpose: 'look before undoing', found: 'changed' });
    expect(looked.details['left']).not.toBe(looked.details['current']);
  });

  test('undoes it all the same when its owner says so', async () => {
    const runId = await undoing({ amount: 11 });
    await bench.runtime.decide(runId, 'compensate:one', 'approve', 'ana', 'the change was ours too');
    await bench.pass(1_000);
    expect(bench.state(runId)).toBe('compensated');
    expect(bench.target.count('remove')).toBe(1);
  });

  test('leaves it when its owner says so, and says who did', async () => {
    const runId = await undoing({ amount: 11 });
    await bench.runtime.decide(runId, 'compensate:one', 'reject', 'ana', 'the customer wants it');
    await bench.crash();
    await bench.pass(1_000);
    expect(bench.state(runId)).toBe('compensated');
    expect(bench.target.count('remove')).toBe(0);
    expect(bench.runtime.trace({ runId })).toContainEqual(
      expect.objectContaining({
        kind: 'compensation',
        step: 'compensate:one',
        details: { left: true, actor: 'ana', reason: 'the customer wants it' },
      }),
    );
    expect(bench.runtime.run(runId)!.steps.find(({ id }) => id === 'one')).toMatchObject({
      state: 'succeeded',
    });
  });

  test('asks who stands in when nobody has decided in time', async () => {
    const runId = await undoing({ amount: 11 });
    await bench.pass(3_600_000);
    expect(bench.runtime.approvals()).toMatchObject([{ runId, by: 'platform' }]);
    expect(bench.target.count('remove')).toBe(0);
  });

  test('is parked when the guard cannot look, and looks again when resumed', async () => {
    bench = await openBench(
      planFor({
        steps: [
          call('one', 'acme.create', { compensate: { ...compensate, guard } }),
          call('two', 'acme.put'),
        ],
      }),
    );
    bench.target.script = {
      create: [{ result: { id: 'x', amount: 10 } }],
      put: [{ fail: refused }],
      get: [
        { fail: failure('permission', 'HTTP_RESPONSE_STATUS', 'answered', { status: 403 }) },
        { result: { id: 'x', amount: 10 } },
      ],
    };
    const runId = await bench.order({ id: 'a' });
    await bench.pass(1_000);
    expect(bench.state(runId)).toBe('failed');
    expect(bench.target.count('remove')).toBe(0);
    await bench.runtime.resume(runId, 'ana', 'it may look now');
    await bench.pass(1_000);
    expect(bench.state(runId)).toBe('compensated');
    expect(bench.target.count('remove')).toBe(1);
  });

  test.each([
    ['approve', [], 'compensated'],
    ['reject', ['ours', 'theirs'], 'succeeded'],
  ] as const)(
    'carries the version that it looked at, and looks again when that is outdated: %s',
    async (decision, members, state) => {
      bench = await openBench(
        planFor({
          steps: [
            call('one', 'acme.setAccount', {
              with: literal({ id: 'shared', members: ['ours'] }),
              compensate: {
                operation: 'acme.setAccount',
                connection: 'acme',
                with: literal({ id: 'shared', members: [] }),
                retry,
                guard: {
                  operation: 'acme.getAccount',
                  connection: 'acme',
                  with: literal({ id: 'shared' }),
                  retry,
                  unchanged: "current.members == ['ours']",
                },
              },
            }),
            call('two', 'acme.put'),
          ],
        }),
      );
      bench.target.script = { put: [{ fail: refused }] };
      bench.target.onCall = (when, { operation, ifMatch }) => {
        // Between the look and the undoing somebody else writes.
        if (when === 'before' && operation.operation === 'setAccount' && ifMatch === '"v2"')
          bench.target.touch('shared', 'theirs');
      };
      const runId = await bench.order({ id: 'a' });
      await bench.pass(1_000);
      expect(bench.state(runId)).toBe('waiting');
      expect(bench.target.account('shared').members).toEqual(['ours', 'theirs']);
      expect(bench.runtime.approvals()).toMatchObject([{ show: { version: '"v3"' } }]);
      await bench.runtime.decide(runId, 'compensate:one', decision, 'ana', 'all of it goes, or stays');
      await bench.pass(1_000);
      expect(bench.state(runId)).toBe('compensated');
      expect(bench.target.account('shared').members).toEqual(members);
      const steps = bench.runtime.run(runId)!.steps.map((one) => [one.id, one.state]);
      expect(steps, 'nothing is left to be undone').toEqual([
        ['one', state],
        ['two', 'failed'],
      ]);
    },
  );

  test('waits for the word of the team that must confirm', async () => {
    const runId = await undoing({ amount: 10 }, { confirm: 'finance' });
    expect(bench.state(runId)).toBe('waiting');
    expect(bench.runtime.approvals()).toMatchObject([{ by: 'finance', stepId: 'compensate:one' }]);
    await bench.runtime.decide(runId, 'compensate:one', 'approve', 'ana', 'yes');
    await bench.pass(1_000);
    expect(bench.state(runId)).toBe('compensated');
    expect(bench.target.count('remove')).toBe(1);
  });
});
