import type { OperationPlan } from '@tenon/connector';
import { afterEach, describe, expect, test } from 'vitest';
import { type Bench, failure, openBench, outdated, refused, unavailable } from '../testing/bench.ts';
import { amend, both, call, planFor, probe, step, undoable } from '../testing/plan.ts';

let bench: Bench;
afterEach(() => bench.close());

const lost = failure('timeout', 'HTTP_RESPONSE_TIMEOUT', 'lost');
const writes = () => bench.target.calls.filter(({ operation }) => operation === 'setAccount');
const members = () => bench.target.account('shared').members;

/** Somebody else writes between a read and the write of it, so often. */
function interfere(times: number): void {
  let left = times;
  bench.target.onCall = (when, { operation }) => {
    if (when === 'before' && operation.operation === 'setAccount' && left-- > 0)
      bench.target.touch('shared', 'theirs');
  };
}

describe('a write that is based on a read', () => {
  test('is made again of the version read again when somebody was faster: no update is lost', async () => {
    const { operations } = planFor({ steps: [] });
    const setAccount: OperationPlan = {
      ...operations['acme.setAccount']!,
      idempotency: { mode: 'header', name: 'Idempotency-Key' },
    };
    const steps = amend('grow');
    bench = await openBench(planFor({ steps, operations: { ...operations, 'acme.setAccount': setAccount } }));
    interfere(2);
    const runId = await bench.order({ id: 'mine' });
    await bench.pass(60_000);
    expect(bench.state(runId)).toBe('succeeded');
    expect(members()).toEqual(['theirs', 'theirs', 'mine']);
    expect(writes().map(({ request }) => request.ifMatch)).toEqual(['"v1"', '"v2"', '"v3"']);
    // What a later version is written with is another effect: the target must not take it for the first.
    expect(new Set(writes().map(({ key }) => key)).size).toBe(3);
    const record = bench.runtime.run(runId)!.steps.find(({ id }) => id === 'grow')!;
    expect(record).toMatchObject({ attempts: 3, idempotencyKey: writes()[2]!.key });
  });

  test('that a probe does not find is in doubt, and not shown as the refusal that came last', async () => {
    const steps = amend('grow', 'mine', { probe, refusals: ['notFound'] });
    bench = await openBench(planFor({ steps }));
    const gone = failure('notFound', 'HTTP_RESPONSE_STATUS', 'answered', { status: 404 });
    bench.target.script = { setAccount: [{ fail: lost }, { fail: gone, refused: {} }] };
    const runId = await bench.order({ id: 'mine' });
    await bench.pass(60_000);
    expect(bench.state(runId)).toBe('inDoubt');
    const record = bench.runtime.run(runId)!.steps.find(({ id }) => id === 'grow');
    expect(record).toMatchObject({ state: 'inDoubt' });
    expect(record).not.toHaveProperty('refused');
  });

  test('that was resumed twice before it read again counts its rows right: what follows is undone by a cancellation', async () => {
    bench = await openBench(
      planFor({
        steps: [
          ...amend('grow'),
          step('parallel', 'both', {
            branches: [
              { name: 'left', steps: [undoable('made')] },
              {
                name: 'right',
                steps: [
                  step('approve', 'consent', {
                    by: 'finance',
                    withinMs: 60_000,
                    onExpiry: 'reject',
                    show: { literal: null },
                  }),
                ],
              },
            ],
          }),
        ],
      }),
    );
    bench.target.script = { setAccount: [{ fail: refused }], getAccount: [undefined, { fail: refused }] };
    const runId = await bench.order({ id: 'mine' });
    for (let resumed = 0; resumed < 2; resumed++) {
      await bench.runtime.idle();
      expect(bench.state(runId)).toBe('failed');
      await bench.runtime.resume(runId, 'ana', 'again');
    }
    await bench.runtime.idle();
    expect(bench.state(runId)).toBe('waiting');
    expect(bench.target.count('create')).toBe(1);
    await bench.crash();
    await bench.runtime.cancel(runId, 'ana', 'no longer wanted');
    await bench.pass(60_000);
    expect(bench.state(runId)).toBe('cancelled');
    expect(bench.target.count('remove')).toBe(1);
  });

  test('of many runs at once loses nothing of any of them', async () => {
    bench = await openBench(
      planFor({ steps: amend('grow', 'shared', { basedOn: { read: 'growr', again: [], attempts: 20 } }) }),
    );
    const ids = Array.from({ length: 12 }, (_, index) => `o${index}`);
    const runs = await Promise.all(ids.map((id) => bench.order({ id })));
    await bench.pass(600_000);
    expect(runs.map((runId) => bench.state(runId))).toEqual(ids.map(() => 'succeeded'));
    expect([...members()].sort()).toEqual(ids.toSorted());
  });

  test('makes again what was set and checked of the read', async () => {
    const [read, write] = amend('grow', 'shared', {
      with: { object: { id: { literal: 'shared' }, members: { expression: 'steps.wanted' } } },
      basedOn: { read: 'growr', again: ['few', 'wanted'], attempts: 5 },
    });
    bench = await openBench(
      planFor({
        steps: [
          read!,
          step('check', 'few', {
            that: [{ condition: 'size(steps.growr.members) < 2', message: 'it is full' }],
            otherwise: 'quarantine',
          }),
          step('set', 'wanted', { value: { expression: 'steps.growr.members + [event.id]' } }),
          write!,
        ],
      }),
    );
    interfere(1);
    const first = await bench.order({ id: 'a' });
    await bench.pass(60_000);
    expect(bench.state(first)).toBe('succeeded');
    expect(members()).toEqual(['theirs', 'a']);
    bench.target.accounts.clear();
    interfere(2);
    const second = await bench.order({ id: 'b' });
    await bench.pass(60_000);
    expect(bench.state(second), 'what it was when it was read again is full').toBe('failed');
    expect(bench.runtime.deadLetters()[0]).toMatchObject({
      queue: 'quarantine',
      failure: { message: 'it is full' },
    });
    expect(members()).toEqual(['theirs', 'theirs']);
  });

  test('is given up after so many versions, with all of them, and goes on from a new one when resumed', async () => {
    bench = await openBench(
      planFor({ steps: amend('grow', 'shared', { basedOn: { read: 'growr', again: [], attempts: 2 } }) }),
    );
    interfere(3);
    const runId = await bench.order({ id: 'mine' });
    await bench.pass(60_000);
    expect(bench.state(runId)).toBe('failed');
    expect(bench.runtime.deadLetters()).toMatchObject([
      {
        queue: 'repair',
        failure: { class: 'conflict', code: 'EFFECT_CONFLICT_PERSISTS' },
        context: {
          basedOn: 'growr',
          tried: [
            { version: '"v1"', attempts: 1 },
            { version: '"v2"', attempts: 2 },
          ],
          now: '"v3"',
          changed: ['/members'],
        },
      },
    ]);
    await bench.restart();
    await bench.runtime.resume(runId, 'ana', 'the other one has stopped');
    await bench.pass(60_000);
    expect(bench.state(runId)).toBe('succeeded');
    expect(members()).toEqual(['theirs', 'theirs', 'theirs', 'mine']);
  });

  test('that was left out when its block was resumed is not among what can be done by hand: what was said of it would be lost', async () => {
    const when = 'size(steps.growr.members) < 1';
    const grow = amend('grow', 'shared', { when, basedOn: { read: 'growr', again: [], attempts: 1 } });
    bench = await openBench(planFor({ onFailure: 'hold', steps: [both(grow, [call('put', 'acme.put')])] }));
    bench.target.script = { put: [{ fail: unavailable }, { fail: refused }] };
    interfere(1);
    const runId = await bench.order({ id: 'mine' });
    await bench.runtime.idle();
    expect(bench.runtime.run(runId)!.canBeDone).toEqual(['grow']);
    await bench.runtime.resume(runId, 'ana', 'again');
    await bench.runtime.idle();
    expect(bench.state(runId)).toBe('failed');
    const { canBeDone, steps } = bench.runtime.run(runId)!;
    expect(canBeDone).toEqual(['put']);
    expect(steps.find(({ id }) => id === 'grow')).toMatchObject({ state: 'skipped', attempts: 1 });
    const done = (step: string) => bench.runtime.markDone(runId, step, 'ana', 'by hand', {});
    expect(await done('grow')).toMatchObject({ ok: false, code: 'RUN_NOT_AT_EFFECT' });
    await bench.crash();
    expect(await done('put')).toEqual({ ok: true });
    await bench.runtime.idle();
    expect([bench.state(runId), writes()]).toMatchObject(['succeeded', [{}]]);
    const words = bench.runtime
      .trace({ runId })
      .filter(({ step: at, kind }) => at === 'grow' && kind === 'branch');
    expect(
      words.filter(({ details }) => details['skipped']),
      'told once',
    ).toHaveLength(1);
  });

  test('that may have happened is never made again of another version', async () => {
    bench = await openBench(planFor({ steps: amend('grow') }));
    bench.target.script = { setAccount: [{ loseAnswer: lost }] };
    const runId = await bench.order({ id: 'mine' });
    await bench.pass(60_000);
    // It was our own write that the repeat ran into.
    expect(bench.state(runId)).toBe('inDoubt');
    expect(members()).toEqual(['mine']);
    expect(bench.runtime.inDoubt()).toMatchObject([
      { stepId: 'grow', evidence: { version: '"v1"', status: 412 } },
    ]);
    await bench.runtime.settle(runId, 'grow', 'confirm', 'ana', 'it is in there', {});
    await bench.pass(60_000);
    expect(bench.state(runId)).toBe('succeeded');
    expect(members()).toEqual(['mine']);
  });

  test('that was lost on its way is sent again for the same version, whatever the operation says of repeats', async () => {
    bench = await openBench(planFor({ steps: amend('grow') }));
    bench.target.script = { setAccount: [{ fail: lost }, { fail: lost }] };
    const runId = await bench.order({ id: 'mine' });
    await bench.pass(60_000);
    expect(bench.state(runId)).toBe('succeeded');
    expect(new Set(writes().map(({ key }) => key)).size).toBe(1);
    expect(members()).toEqual(['mine']);
  });

  test('is not sent where the read gives no version', async () => {
    bench = await openBench(planFor({ steps: amend('grow') }));
    bench.target.hasVersions = false;
    const runId = await bench.order({ id: 'mine' });
    await bench.pass(60_000);
    expect(bench.state(runId)).toBe('failed');
    expect(writes()).toEqual([]);
    expect(bench.runtime.deadLetters()).toMatchObject([{ failure: { code: 'EFFECT_VERSION_ABSENT' } }]);
  });

  for (const when of ['before', 'after'] as const)
    test(`survives a kill ${when} the write, and one while it waits to read again`, async () => {
      bench = await openBench(planFor({ steps: amend('grow') }));
      bench.target.script = { setAccount: [{ fail: outdated }] };
      const runId = await bench.order({ id: 'mine' });
      await bench.runtime.idle();
      await bench.crash();
      const killed = new Promise<void>((resolve, reject) => {
        bench.target.onCall = (at, { operation }) => {
          if (at !== when || operation.operation !== 'setAccount') return;
          delete bench.target.onCall;
          if (when === 'before') bench.target.script['setAccount'] = [{ fail: lost }];
          bench.crash().then(resolve, reject);
        };
      });
      await bench.runtime.idle();
      bench.clock.advance(1_000);
      await killed;
      await bench.pass(60_000);
      expect(members()).toEqual(['mine']);
      // Sent, and no answer: whether the conflict is of our own making nobody can say.
      expect(bench.state(runId)).toBe(when === 'after' ? 'inDoubt' : 'succeeded');
    });
});
