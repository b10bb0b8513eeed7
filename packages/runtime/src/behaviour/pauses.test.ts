import { afterEach, describe, expect, test } from 'vitest';
import type { SwitchRequest } from '../switches.ts';
import { type Bench, openBench, refused, unavailable } from '../testing/bench.ts';
import { call, literal, planFor, undoable } from '../testing/plan.ts';
import { liftSwitch, orders, setSwitch } from '../testing/switching.ts';
import { until } from '../testing/until.ts';

let bench: Bench;
afterEach(() => bench.close());

const set = (request: SwitchRequest) => setSwitch(bench, request);
const lift = (id: string) => liftSwitch(bench, id);
const sent = () => bench.target.calls.map(({ operation, request }) => `${operation} ${request.input['id']}`);

describe('pause', () => {
  const paused: SwitchRequest = { kind: 'pause', pipeline: 'orders', onlyKeys: [] };

  test('holds an undoing between two effects, and it goes on from there', async () => {
    bench = await openBench(
      planFor({ steps: [undoable('one'), undoable('two'), call('three', 'acme.put')] }),
    );
    const answered = Promise.withResolvers<void>();
    bench.target.script = { put: [{ fail: refused }], remove: [{ wait: answered.promise }] };
    const undone = () => bench.target.count('remove');
    const id = await bench.order({ id: 'a' });
    while (undone() === 0) await new Promise((resolve) => setImmediate(resolve));
    await set(paused);
    answered.resolve();
    await bench.runtime.idle();
    expect(undone(), 'what was under way is settled, and nothing new is begun').toBe(1);
    expect(bench.state(id)).toBe('compensating');
    await lift('pause/orders');
    expect(undone()).toBe(2);
    expect(bench.state(id)).toBe('compensated');
  });

  test('is said of the runs that stand still for it, as is a kill of those that have not begun', async () => {
    const slow = planFor({
      limits: { concurrency: 1, deadlineMs: 60_000 },
      steps: [undoable('one'), undoable('two')],
    });
    bench = await openBench(slow);
    const answered = Promise.withResolvers<void>();
    bench.target.script = { create: [{ wait: answered.promise }] };
    const begun = await bench.order({ id: 'a' });
    await until(() => bench.target.calls.length === 1);
    const heldBy = (runId: string) => {
      const listed = bench.runtime.runs({ pipeline: 'orders' }).find((one) => one.runId === runId);
      expect(bench.runtime.run(runId)?.heldBy).toEqual(listed?.heldBy);
      return listed?.heldBy;
    };
    const later = await bench.order({ id: 'b' });
    const chosen = await bench.order({ id: 'c' });
    expect([begun, later, chosen].map(heldBy)).toEqual([undefined, undefined, undefined]);
    await set({ ...paused, onlyKeys: ['c'] });
    expect(heldBy(begun), 'at work').toBeUndefined();
    answered.resolve();
    await bench.runtime.idle();
    expect([begun, later, chosen].map(heldBy)).toEqual([['pause/orders'], ['pause/orders'], undefined]);
    await set(orders);
    await bench.crash();
    expect([begun, later].map(heldBy)).toEqual([['pause/orders'], ['kill/pipeline/orders', 'pause/orders']]);
    await lift('pause/orders');
    await lift('kill/pipeline/orders');
    await bench.runtime.idle();
    expect([begun, later, chosen].map(heldBy)).toEqual([undefined, undefined, undefined]);
  });

  test('holds a write whose look before it was under way, and looks anew when it goes on', async () => {
    const probe = {
      operation: 'acme.get',
      with: literal({ id: 'x' }),
      found: 'body',
      compares: true as const,
      settleMs: 0,
    };
    const input = literal({ id: 'x', body: { tier: 'gold' } });
    bench = await openBench(planFor({ steps: [call('write', 'acme.setChecked', { probe, with: input })] }));
    const answered = Promise.withResolvers<void>();
    bench.target.script = {
      get: [{ wait: answered.promise, result: { tier: 'silver' } }, { result: { tier: 'bronze' } }],
    };
    const id = await bench.order({ id: 'a' });
    while (bench.target.count('get') === 0) await new Promise((resolve) => setImmediate(resolve));
    await set(paused);
    answered.resolve();
    await bench.runtime.idle();
    expect(bench.target.count('setChecked')).toBe(0);
    await lift('pause/orders');
    expect(bench.target.count('get')).toBe(2);
    expect(bench.target.count('setChecked')).toBe(1);
    expect(bench.state(id)).toBe('succeeded');
  });

  test('takes events in and moves nothing; others go on; resumed, it goes on in order and in time', async () => {
    bench = await openBench(
      planFor({
        limits: { concurrency: 1, deadlineMs: 60_000 },
        steps: [
          call('one', 'acme.create', { with: { object: { id: { expression: 'event.id' } } } }),
          call('two', 'acme.put'),
        ],
      }),
      planFor({ pipeline: 'other', steps: [call('x', 'acme.get')] }),
    );
    bench.target.script = { put: [{ fail: unavailable }] };
    const begun = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    await set(paused);
    const ids = ['b', 'c', 'd'];
    for (const id of ids) await bench.order({ id });
    await bench.pass(3_600_000);
    await bench.crash();
    await bench.pass(3_600_000);
    expect(bench.runtime.runs({ pipeline: 'orders' }).map(({ state }) => state)).toEqual([
      'accepted',
      'accepted',
      'accepted',
      'waiting',
    ]);
    expect(bench.runtime.runs({ pipeline: 'other' }).map(({ state }) => state)).toEqual(
      Array(4).fill('succeeded'),
    );
    await lift('pause/orders');
    expect(bench.state(begun)).toBe('succeeded');
    expect(sent().filter((call) => call.startsWith('create'))).toEqual([
      'create a',
      'create b',
      'create c',
      'create d',
    ]);
  });

  test('stops a run under way before its next step', async () => {
    bench = await openBench(planFor({ steps: [undoable('one'), undoable('two')] }));
    const { promise: wait, resolve } = Promise.withResolvers<void>();
    bench.target.script = { create: [{ wait }] };
    const runId = await bench.order({ id: 'a' });
    await until(() => bench.target.calls.length === 1);
    await set(paused);
    resolve();
    await bench.runtime.idle();
    expect(sent()).toEqual(['create one']);
    await lift('pause/orders');
    expect(bench.state(runId)).toBe('succeeded');
  });

  test('can let chosen keys through, by business key or order key', async () => {
    bench = await openBench(
      planFor({
        identity: {
          key: { expression: 'event.id' },
          retainMs: 1_000_000,
          orderBy: { expression: 'event.account' },
        },
        steps: [call('one', 'acme.create')],
      }),
    );
    await set(paused);
    for (const [id, account] of [
      ['a', 'x'],
      ['b', 'y'],
      ['c', 'y'],
      ['d', 'z'],
    ] as const)
      await bench.order({ id, account });
    await set({ ...paused, onlyKeys: ['a', 'y'] });
    await bench.runtime.idle();
    const states = () => Object.fromEntries(bench.runtime.runs().map(({ key, state }) => [key, state]));
    expect(states()).toEqual({ a: 'succeeded', b: 'succeeded', c: 'succeeded', d: 'accepted' });
    await lift('pause/orders');
    expect(states()).toEqual({ a: 'succeeded', b: 'succeeded', c: 'succeeded', d: 'succeeded' });
  });
});
