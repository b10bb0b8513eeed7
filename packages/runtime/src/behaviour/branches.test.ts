import { afterEach, describe, expect, test } from 'vitest';
import { type Bench, openBench, refused } from '../testing/bench.ts';
import { both, call, list, literal, ofSkus, planFor, step, undoable } from '../testing/plan.ts';

let bench: Bench;
afterEach(() => bench.close());

describe('parallel', () => {
  test('branches go beside each other; their results are there when both have ended', async () => {
    bench = await openBench(
      planFor({
        steps: [both([call('slow', 'acme.create')], [call('quick', 'acme.put')])],
        success: 'steps.slow.id == "create-1" && steps.quick.id == "put-2"',
      }),
    );
    const gate = Promise.withResolvers<void>();
    bench.target.script = { create: [{ wait: gate.promise }] };
    const runId = await bench.order({ id: 'a' });
    while (bench.target.count('put') === 0) await new Promise((resolve) => setImmediate(resolve));
    gate.resolve();
    await bench.runtime.idle();
    expect(bench.state(runId)).toBe('succeeded');
    expect(bench.runtime.run(runId)!.steps.map(({ id, state }) => [id, state])).toEqual([
      ['both', 'succeeded'],
      ['slow', 'succeeded'],
      ['quick', 'succeeded'],
    ]);
  });

  test('when one fails the other comes to an end that is recorded, then all is undone, last confirmed first', async () => {
    bench = await openBench(
      planFor({
        steps: [
          both(
            [undoable('one'), call('bad', 'acme.put')],
            [
              undoable('two', 'acme.createBlind'),
              step('wait', 'rest', { for: { durationMs: 60_000 } }),
              call('never', 'acme.send'),
            ],
          ),
        ],
      }),
    );
    const gate = Promise.withResolvers<void>();
    bench.target.script = { createBlind: [{ wait: gate.promise }], put: [{ fail: refused }] };
    const runId = await bench.order({ id: 'a' });
    while (bench.target.count('put') === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(bench.state(runId), 'a call is under way').toBe('running');
    gate.resolve();
    await bench.runtime.idle();
    expect(bench.state(runId)).toBe('compensated');
    expect(bench.target.count('send')).toBe(0);
    expect(bench.target.inputs('remove')).toEqual([{ id: 'createBlind-2' }, { id: 'create-1' }]);
    expect(bench.runtime.run(runId)?.failure).toMatchObject({ step: 'both', status: 422 });
  });

  test('a doubt in one branch is settled before anything is undone', async () => {
    bench = await openBench(
      planFor({
        steps: [undoable('zero'), both([call('bad', 'acme.put')], [undoable('two', 'acme.createBlind')])],
      }),
    );
    bench.target.script = { createBlind: [{ loseAnswer: true }], put: [{ fail: refused }] };
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    expect([bench.state(runId), bench.target.count('remove')]).toEqual(['inDoubt', 0]);
    await bench.restart();
    await bench.runtime.settle(runId, 'two', 'confirm', 'ana', 'it is there', { id: 'createBlind-2' });
    await bench.runtime.idle();
    expect(bench.state(runId)).toBe('compensated');
    expect(bench.target.inputs('remove')).toEqual([{ id: 'createBlind-2' }, { id: 'create-1' }]);
  });

  test.each([
    [
      'a check',
      step('check', 'fails', {
        that: [{ condition: 'event.amount > 0', message: 'none' }],
        otherwise: 'fail',
      }),
    ],
    ['an expression', step('set', 'fails', { value: { expression: 'event.nothing.there' } })],
  ])(
    'one that failed of %s stays the cause when the run is carried out again, though it stopped another',
    async (_, fails) => {
      const put = (id: string) => call(id, 'acme.put');
      // They leave no record, and take so long that another has been carried out again when this one fails.
      const idle = Array.from({ length: 10 }, (_, i) => step('set', `idle${i}`, { value: { literal: i } }));
      bench = await openBench(
        planFor({
          onFailure: 'hold',
          steps: [
            step('parallel', 'three', {
              branches: [
                { name: 'stopped', steps: [put('first'), put('second')] },
                { name: 'busy', steps: [call('slow', 'acme.create'), put('paused')] },
                { name: 'fails', steps: [...idle, fails] },
              ],
            }),
          ],
        }),
      );
      const turns = async () => {
        for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
      };
      const first = Promise.withResolvers<void>();
      // While it is under way the others are not joined.
      const slow = Promise.withResolvers<void>();
      bench.target.script = { put: [{ wait: first.promise }], create: [{ wait: slow.promise }] };
      const runId = await bench.order({ id: 'a', amount: 0 });
      await turns();
      first.resolve();
      await turns();
      expect(bench.target.inputs('put'), 'the second was stopped').toEqual([{ id: 'first' }]);
      const paused = await bench.runtime.setSwitch(
        { kind: 'pause', pipeline: 'orders', onlyKeys: [] },
        'ana',
        'a look',
      );
      slow.resolve();
      await bench.runtime.idle();
      expect(bench.state(runId), 'it stands aside').toBe('running');
      await bench.runtime.liftSwitch(paused.ok ? paused.switch.id : '', 'ana', 'looked');
      await bench.pass(1_000);
      expect(bench.runtime.deadLetters()).toMatchObject([{ runId, step: 'three' }]);
      expect(bench.runtime.run(runId)!.failure!.message).toContain('; fails: ');
    },
  );

  test('waits of two branches end each by its own event', async () => {
    const wait = (id: string, by: string) =>
      step('wait', id, {
        for: { event: 'shop.paid', match: `signal.by == "${by}"`, withinMs: 60_000, onExpiry: 'fail' },
      });
    bench = await openBench(planFor({ steps: [both([wait('one', 'card')], [wait('two', 'bank')])] }));
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    for (const by of ['bank', 'card']) {
      expect(bench.state(runId)).toBe('waiting');
      await bench.crash();
      await bench.runtime.accept({ event: 'shop.paid', payload: { by }, deliveryId: by, source: 'bank' });
      await bench.runtime.idle();
    }
    expect(bench.state(runId)).toBe('succeeded');
  });

  test('a list in a branch, and branches for each item', async () => {
    bench = await openBench(
      planFor({
        steps: [
          both(
            [
              list({
                steps: [both([call('a', 'acme.create')], [call('b', 'acme.put', { with: literal({}) })])],
                result: { expression: 'steps.a.id' },
              }),
            ],
            [call('c', 'acme.create')],
          ),
        ].map((outer) => ({ ...outer, id: 'outer' })),
        success: 'steps.lines.size() == 2 && has(steps.c.id)',
      }),
    );
    const runId = await bench.order({ id: 'a', lines: ofSkus('x', 'y') });
    await bench.runtime.idle();
    expect(bench.state(runId)).toBe('succeeded');
    expect(new Set(bench.target.effects.keys()).size).toBe(5);
  });
});
