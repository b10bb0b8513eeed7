import { DatabaseSync } from 'node:sqlite';
import type { Plan, PlanStep } from '@tenon/pipeline';
import { afterEach, describe, expect, test } from 'vitest';
import type { SwitchRequest } from './switches.ts';
import { type Bench, openBench, refused, unavailable } from './testing/bench.ts';
import { call, childPlan, literal, planFor, probe, run, step, undoable } from './testing/plan.ts';
import { until } from './testing/until.ts';

let bench: Bench;
afterEach(() => bench.close());

const everything: SwitchRequest = { kind: 'kill', scope: { everything: true }, sparesCompensation: false };
const acme: SwitchRequest = { kind: 'kill', scope: { connection: 'acme' }, sparesCompensation: false };
const orders: SwitchRequest = { kind: 'kill', scope: { pipeline: 'orders' }, sparesCompensation: false };

const set = async (request: SwitchRequest) => {
  const made = await bench.runtime.setSwitch(request, 'ana', 'a test');
  if (!made.ok) throw new Error(made.message);
  return made.switch;
};
const lift = async (id: string) => {
  expect(await bench.runtime.liftSwitch(id, 'ben', 'all well')).toEqual({ ok: true });
  await bench.runtime.idle();
};
const sent = () => bench.target.calls.map(({ operation, request }) => `${operation} ${request.input['id']}`);

test('the flow says which switches hold what goes over a connection', async () => {
  bench = await openBench(planFor({ steps: [undoable('one')] }));
  await bench.order({ id: 'a' });
  await bench.runtime.idle();
  const shown = () =>
    bench.runtime.flow().connections.map(({ connection, switches }) => [connection, ...switches]);
  expect(shown()).toEqual([['acme']]);
  await set(acme);
  await set({ kind: 'kill', scope: { everything: true }, sparesCompensation: false });
  await set(orders);
  expect(shown()).toEqual([['acme', 'kill/connection/acme', 'kill/everything']]);
  await lift('kill/connection/acme');
  expect(shown()).toEqual([['acme', 'kill/everything']]);
});

test('a start with everything killed lets nothing go out, of a run that was at work when the process died either', async () => {
  bench = await openBench(planFor({ steps: [undoable('one'), call('two', 'acme.put')] }));
  bench.target.script = { create: [{ never: 'before' }] };
  const id = await bench.order({ id: 'a' });
  await until(() => bench.target.calls.length === 1);
  bench.killed = { actor: 'serve', reason: 'looking first' };
  await bench.crash();
  delete bench.killed;
  const later = await bench.order({ id: 'b' });
  await bench.pass(60_000);
  expect(bench.target.calls).toHaveLength(1);
  expect(bench.runtime.switches()).toMatchObject([
    { id: 'kill/everything', actor: 'serve', reason: 'looking first' },
  ]);
  await bench.restart();
  await bench.pass(60_000);
  expect(bench.target.calls, 'as any switch it is kept').toHaveLength(1);
  await lift('kill/everything');
  await bench.pass(60_000);
  expect([bench.state(id), bench.state(later)]).toEqual(['succeeded', 'succeeded']);
});

test.each([
  ['the pipeline that runs it', 'orders'],
  ['the one between', 'child'],
  ['its own', 'grandchild'],
])(
  'a run of another waits before its next effect when %s is killed, also over a crash',
  async (_, killed) => {
    const grandchild = childPlan({ pipeline: 'grandchild', steps: [undoable('one'), undoable('two')] });
    const child = childPlan({ steps: [run('below', grandchild)] });
    bench = await openBench(grandchild, child, planFor({ steps: [run('sub', child)] }));
    const { promise: wait, resolve } = Promise.withResolvers<void>();
    bench.target.script = { create: [{ wait }] };
    const id = await bench.order({ id: 'a' });
    await until(() => bench.target.calls.length === 1);
    const kill: SwitchRequest = { kind: 'kill', scope: { pipeline: killed }, sparesCompensation: false };
    await set(kill);
    resolve();
    await bench.pass(60_000);
    expect(bench.target.count('create')).toBe(1);
    const below = () => bench.runtime.runs({ pipeline: 'grandchild' })[0]!;
    expect(below().heldBy).toEqual([`kill/pipeline/${killed}`]);
    await bench.crash();
    await bench.pass(60_000);
    expect(bench.target.count('create')).toBe(1);
    await lift(`kill/pipeline/${killed}`);
    await bench.pass(1_000);
    expect(bench.state(id)).toBe('succeeded');
    expect(bench.target.count('create')).toBe(2);
  },
);

describe('kill', () => {
  for (const [name, request, id] of [
    ['everything', everything, 'kill/everything'],
    ['a pipeline', orders, 'kill/pipeline/orders'],
    ['a connection', acme, 'kill/connection/acme'],
  ] as const)
    test(`${name}: a run under way waits before its next effect, also over a crash, and goes on when it is lifted`, async () => {
      bench = await openBench(
        planFor({
          limits: { concurrency: 1, deadlineMs: 600_000 },
          steps: [undoable('one'), undoable('two')],
        }),
      );
      const { promise: wait, resolve } = Promise.withResolvers<void>();
      bench.target.script = { create: [{ wait }] };
      const runId = await bench.order({ id: 'a' });
      await until(() => bench.target.calls.length === 1);
      await set(request);
      // What is on the wire comes to its outcome.
      resolve();
      await bench.runtime.idle();
      expect(sent()).toEqual(['create one']);
      expect(bench.runtime.runs()[0]).toMatchObject({ state: 'waiting', step: 'two', heldBy: [id] });
      const later = await bench.order({ id: 'b' });
      await bench.pass(3_600_000);
      await bench.crash();
      await bench.pass(3_600_000);
      await bench.restart();
      await bench.pass(3_600_000);
      expect(bench.target.calls).toHaveLength(1);
      expect(bench.state(later)).toBe('kill/connection/acme' === id ? 'waiting' : 'accepted');
      await lift(id);
      expect([bench.state(runId), bench.state(later)]).toEqual(['succeeded', 'succeeded']);
      // The run begun before goes on first.
      expect(sent()).toEqual(['create one', 'create two', 'create one', 'create two']);
      expect(bench.runtime.runs()[0]?.heldBy).toBeUndefined();
      expect(bench.target.doubled).toEqual([]);
    });

  test('catches an effect between its intent and the wire: no attempt is made, and no doubt remains', async () => {
    bench = await openBench(planFor({ steps: [call('one', 'acme.createBlind')] }));
    // The intent is on its way to the disk when the switch is set.
    let setting: Promise<unknown> | undefined;
    bench.onEntry = ({ kind }) => {
      if (kind === 'intent') setting ??= set(everything);
    };
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    await setting;
    expect(bench.target.calls).toEqual([]);
    expect(bench.state(runId)).toBe('waiting');
    await lift('kill/everything');
    expect(bench.state(runId)).toBe('succeeded');
    expect(bench.target.calls).toHaveLength(1);
    expect(bench.runtime.run(runId)?.steps).toMatchObject([{ state: 'succeeded', attempts: 1 }]);
  });

  test('stops neither deadline nor retry budget from being what they were', async () => {
    bench = await openBench(
      planFor({ limits: { concurrency: 5, deadlineMs: 600_000 }, steps: [call('one', 'acme.create')] }),
    );
    bench.target.script = { create: [{ fail: unavailable }, { fail: unavailable }] };
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    await set(everything);
    await bench.pass(7_200_000);
    await lift('kill/everything');
    await bench.pass(60_000);
    expect(bench.state(runId)).toBe('succeeded');
    expect(bench.target.calls).toHaveLength(3);
  });

  test('holds compensation as well, unless it is spared', async () => {
    bench = await openBench(planFor({ steps: [undoable('one'), call('put', 'acme.put')] }));
    bench.target.script = { put: [{ fail: refused }] };
    bench.onEntry = ({ kind }) =>
      void (kind === 'compensation' && bench.runtime.switches().length === 0 && set(orders));
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    expect(bench.state(runId)).toBe('compensating');
    expect(sent()).toEqual(['create one', 'put put']);
    await set({ ...orders, sparesCompensation: true });
    await bench.runtime.idle();
    expect(bench.state(runId)).toBe('compensated');
  });

  test('lets a probe tell what became of an effect, but not over a killed connection', async () => {
    bench = await openBench(planFor({ steps: [call('one', 'acme.createBlind', { probe })] }));
    bench.target.script = { createBlind: [{ loseAnswer: true }, { loseAnswer: true }] };
    const first = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    await set(everything);
    await bench.pass(10_000);
    expect(bench.state(first)).toBe('succeeded');
    await lift('kill/everything');
    const second = await bench.order({ id: 'b' });
    await bench.runtime.idle();
    await set(acme);
    await bench.pass(10_000);
    expect(bench.runtime.runs()[0]).toMatchObject({ state: 'waiting', heldBy: ['kill/connection/acme'] });
    await lift('kill/connection/acme');
    expect(bench.state(second)).toBe('succeeded');
    expect(bench.target.count('createBlind')).toBe(2);
  });

  test('remembers, over any number of crashes, that a held attempt may have been sent before', async () => {
    bench = await openBench(planFor({ steps: [call('one', 'acme.shortKey')] }));
    const crashing = Promise.withResolvers<void>();
    bench.target.onCall = (when) => {
      delete bench.target.onCall;
      // The process dies with the effect done and no answer recorded; the operator kills before it is up again.
      expect(when).toBe('before');
      bench.target.onCall = () => {
        delete bench.target.onCall;
        void bench
          .crash()
          .then(() => set(everything))
          .then(() => crashing.resolve());
      };
    };
    const runId = await bench.order({ id: 'a' });
    await crashing.promise;
    await bench.crash();
    await bench.pass(20_000);
    await lift('kill/everything');
    // The key is forgotten by now: sending would be a second effect.
    expect(bench.state(runId)).toBe('inDoubt');
    expect(bench.target.doubled).toEqual([]);
  });

  test('leaves a cancelled run waiting only for what there is to undo', async () => {
    bench = await openBench(planFor({ steps: [undoable('one')] }));
    await set(acme);
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    expect(await bench.runtime.cancel(runId, 'ana', 'not wanted')).toEqual({ ok: true });
    await bench.runtime.idle();
    expect(bench.state(runId)).toBe('cancelled');
    await lift('kill/connection/acme');
    expect(bench.target.calls).toEqual([]);
  });

  test('keeps the order of a key, and that of acceptance', async () => {
    bench = await openBench(
      planFor({
        identity: {
          key: { expression: 'event.id' },
          retainMs: 1_000_000,
          orderBy: { expression: 'event.account' },
        },
        steps: [call('one', 'acme.create', { with: { object: { id: { expression: 'event.id' } } } })],
      }),
    );
    await set(everything);
    for (const id of ['a1', 'b1', 'a2', 'b2', 'a3']) await bench.order({ id, account: id[0]! });
    await bench.restart();
    await lift('kill/everything');
    expect(sent().filter((call) => call.includes('a'))).toHaveLength(5);
    expect(
      sent()
        .map((call) => call.split(' ')[1])
        .filter((id) => id?.startsWith('a')),
    ).toEqual(['a1', 'a2', 'a3']);
  });

  test('holds the items of a list where they are, and each goes on', async () => {
    bench = await openBench(
      planFor({
        steps: [
          step('forEach', 'lines', {
            in: 'event.lines',
            as: 'line',
            key: { expression: 'line.sku' },
            concurrency: 2,
            max: 10,
            onItemFailure: 'stop',
            steps: [undoable('book'), undoable('ship')],
            result: { literal: null },
          }),
        ],
      }),
    );
    const { promise: wait, resolve } = Promise.withResolvers<void>();
    bench.target.script = { create: [undefined, { wait }] };
    const runId = await bench.order({ id: 'a', lines: [{ sku: 'x' }, { sku: 'y' }, { sku: 'z' }] });
    await until(() => bench.target.calls.length >= 2);
    await set(everything);
    resolve();
    await bench.runtime.idle();
    const before = bench.target.calls.length;
    await bench.crash();
    await bench.pass(3_600_000);
    expect(bench.target.calls).toHaveLength(before);
    expect(bench.runtime.runs()[0]).toMatchObject({ state: 'waiting', heldBy: ['kill/everything'] });
    await lift('kill/everything');
    expect(bench.state(runId)).toBe('succeeded');
    expect(bench.target.count('create')).toBe(6);
    expect(bench.target.doubled).toEqual([]);
  });

  test('holds what is published inside as well', async () => {
    bench = await openBench(
      planFor({
        steps: [
          step('emit', 'tell', {
            event: 'shop.shipped',
            with: { object: { id: { expression: 'event.id' } } },
          }),
        ],
      }),
      planFor({
        pipeline: 'shipping',
        trigger: { event: 'shop.shipped' },
        steps: [call('label', 'acme.create')],
      }),
    );
    await set(orders);
    bench.onEntry = () => {};
    await bench.order({ id: 'a' });
    await bench.runtime.idle();
    expect(bench.runtime.runs({ pipeline: 'shipping' })).toEqual([]);
    await lift('kill/pipeline/orders');
    expect(bench.runtime.runs({ pipeline: 'shipping' })).toMatchObject([{ state: 'succeeded' }]);
  });
});

describe('a branch that was stopped as it was held', () => {
  const asked = step('approve', 'asked', {
    by: 'finance',
    withinMs: 60_000,
    onExpiry: 'reject',
    show: literal(null),
  });
  /** Stopped there, and resumed, as often as the branch beside it fails. */
  const stoppedAt = async (held: PlanStep, rounds: number, ...more: readonly Plan[]): Promise<string> => {
    const pause = step('wait', 'pause', { for: { durationMs: 1_000 } });
    const both = step('parallel', 'both', {
      branches: [
        { name: 'left', steps: [asked] },
        // That its deadline began is on record before it is held, so it is there that it is stopped.
        { name: 'right', steps: [{ ...held, deadlineMs: 60_000 }] },
      ],
    });
    bench = await openBench(...more, planFor({ steps: [pause, both], onFailure: 'hold' }));
    const id = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    await set(everything);
    await bench.pass(1_000);
    for (let round = 0; round < rounds; round++) {
      if (round > 0) await bench.runtime.resume(id, 'ana', 'once more');
      await bench.runtime.idle();
      expect(await bench.runtime.decide(id, 'asked', 'reject', 'cfo', 'not yet')).toEqual({ ok: true });
      await bench.runtime.idle();
      expect(bench.state(id)).toBe('failed');
    }
    return id;
  };
  const letGo = async (id: string): Promise<void> => {
    await lift('kill/everything');
    await bench.runtime.resume(id, 'ana', 'all is well');
    await bench.runtime.idle();
    expect(await bench.runtime.decide(id, 'asked', 'approve', 'cfo', 'now')).toEqual({ ok: true });
    await bench.pass(10_000);
  };
  const below = childPlan({ steps: [call('low', 'acme.put')] });

  test.each([
    ['before a call', call('held', 'acme.create')],
    ['before a look', call('held', 'acme.createChecked', { probe })],
    ['before it emits', step('emit', 'held', { event: 'shop.shipped', with: literal({ id: 'a' }) })],
    ['before it runs another', run('held', below)],
  ])('%s goes on from there once it is resumed', async (_, held) => {
    const id = await stoppedAt(held, 3, below);
    await letGo(id);
    expect(bench.state(id)).toBe('succeeded');
  });

  test('and in a later round by what an earlier version took for that, goes on from there too', async () => {
    const pause = step('wait', 'pause', { for: { durationMs: 60_000 } });
    const both = step('parallel', 'both', {
      branches: [
        { name: 'left', steps: [call('looked', 'acme.get', { connection: 'other' })] },
        { name: 'right', steps: [call('held', 'acme.create', { deadlineMs: 60_000 })] },
      ],
    });
    bench = await openBench(planFor({ steps: [both, pause], onFailure: 'hold' }));
    bench.target.script = { get: [{ fail: refused }] };
    await set(acme);
    const id = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    expect(bench.state(id)).toBe('failed');
    // What that version went by when it was resumed: it had one row for both rounds.
    const later = '#stop/both.right|held#1=/1';
    await bench.crash();
    changed(
      `INSERT INTO journal SELECT max(seq) + 1, run_seq, '${later}', at, '{"kind":"stopped","by":"both.left"}' FROM journal`,
    );
    await bench.runtime.resume(id, 'ana', 'once more');
    await bench.runtime.idle();
    expect([bench.state(id), bench.target.count('get')]).toEqual(['failed', 2]);
    await bench.crash();
    changed(`DELETE FROM journal WHERE key = '${later}'`);
    await lift('kill/connection/acme');
    await bench.runtime.resume(id, 'ana', 'all is well');
    await bench.pass(1_000);
    expect([bench.state(id), bench.target.count('create')]).toEqual(['waiting', 1]);
    await bench.crash();
    await bench.pass(60_000);
    expect([bench.state(id), bench.target.count('create')]).toEqual(['succeeded', 1]);
  });

  const changed = (sql: string): void => {
    const file = new DatabaseSync(bench.file);
    expect(file.prepare(sql).run().changes).toBe(1);
    file.close();
  };
});

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

describe('a flag', () => {
  const flag = {
    kind: 'flag',
    pipeline: 'orders',
    keys: ['vip'],
    events: [],
    share: 0,
    expiresAtMs: 1_700_000_060_000,
  } as const;

  test('lets a pipeline take chosen keys alone; what it does not take is kept and said', async () => {
    bench = await openBench(planFor({ steps: [] }));
    await set(flag);
    await bench.order({ id: 'vip' });
    const other = await bench.runtime.accept({
      event: 'shop.ordered',
      payload: { id: 'x' },
      deliveryId: 'dx',
      source: 'shop',
    });
    expect(other).toMatchObject({ ok: true, runs: [], flaggedOff: ['orders'] });
    await bench.restart();
    expect(
      await bench.runtime.accept({
        event: 'shop.ordered',
        payload: { id: 'y' },
        deliveryId: 'dy',
        source: 'shop',
      }),
    ).toMatchObject({ flaggedOff: ['orders'] });
    expect(bench.runtime.runs().map(({ key }) => key)).toEqual(['vip']);
    expect(bench.runtime.trace({ system: true }).filter(({ kind }) => kind === 'flaggedOff')).toMatchObject([
      { details: { pipeline: 'orders', deliveryId: 'dx', flag: 'flag/orders' } },
      { details: { deliveryId: 'dy' } },
    ]);
    await lift('flag/orders');
    expect(await bench.order({ id: 'z' })).toBeDefined();
  });

  test('by event name is on for all of them', async () => {
    bench = await openBench(planFor({ steps: [] }));
    await set({ ...flag, keys: [], events: ['shop.ordered'] });
    expect(await bench.order({ id: 'x' })).toBeDefined();
  });

  test('by share takes about that share, always the same keys, and a larger share keeps them', async () => {
    bench = await openBench(planFor({ steps: [] }));
    const taken = async (share: number, prefix: string): Promise<string[]> => {
      await set({ ...flag, keys: [], share });
      const before = bench.runtime.runs({ limit: 1_000 }).length;
      for (let i = 0; i < 120; i++)
        await bench.runtime.accept({
          event: 'shop.ordered',
          payload: { id: `k${i}` },
          deliveryId: `${prefix}${i}`,
          source: 'shop',
        });
      return bench.runtime
        .runs({ limit: 1_000 })
        .slice(0, bench.runtime.runs({ limit: 1_000 }).length - before)
        .map(({ key }) => key);
    };
    const some = await taken(0.25, 'a');
    expect(some.length).toBeGreaterThan(12);
    expect(some.length).toBeLessThan(50);
    // Known keys start nothing anew: what the larger share adds is new.
    const more = await taken(0.5, 'b');
    expect(more.filter((key) => some.includes(key))).toEqual([]);
    expect(await taken(0.5, 'c')).toEqual([]);
    expect(some.length + more.length).toBeLessThan(85);
  });
});

test('what no plan knows is not switched, and the near name is said', async () => {
  bench = await openBench(planFor({ steps: [call('one', 'acme.create')] }));
  const ask = (request: SwitchRequest) => bench.runtime.setSwitch(request, 'ana', 'a test');
  expect(await ask({ kind: 'pause', pipeline: 'order', onlyKeys: [] })).toEqual({
    ok: false,
    code: 'SWITCH_SUBJECT_UNKNOWN',
    message: 'no pipeline is called order; did you mean orders?',
  });
  expect(await ask({ ...acme, scope: { connection: 'acne' } })).toMatchObject({
    ok: false,
    message: 'no connection is called acne; did you mean acme?',
  });
  expect(bench.runtime.switches()).toEqual([]);
  // Retired, its runs still go on: it can be stopped.
  await bench.runtime.retire('orders');
  expect(await ask({ kind: 'pause', pipeline: 'orders', onlyKeys: [] })).toMatchObject({ ok: true });
});

test('each change is an entry with its actor and reason, and is listed until it is lifted, also by another process', async () => {
  bench = await openBench(planFor({ steps: [] }));
  const made = await set(orders);
  expect(made).toMatchObject({ id: 'kill/pipeline/orders', actor: 'ana', reason: 'a test' });
  await bench.restart();
  expect(bench.runtime.switches()).toEqual([made]);
  const { openLedger } = await import('./embedded/open-ledger.ts');
  const ledger = openLedger(bench.file);
  expect(ledger.switches()).toEqual([made]);
  ledger.close();
  await bench.pass(5_000);
  await lift(made.id);
  expect(bench.runtime.switches()).toEqual([]);
  expect(bench.runtime.trace({ system: true })).toMatchObject([
    { kind: 'activated', details: { pipeline: 'orders', contracts: [{ name: 'shop' }] } },
    {
      kind: 'switch',
      runId: '',
      details: { action: 'set', actor: 'ana', reason: 'a test', kind: 'kill' },
    },
    {
      kind: 'switch',
      details: { action: 'lift', id: made.id, actor: 'ben', reason: 'all well', heldMs: 5_000 },
    },
  ]);
});

describe('a switch that the disk refuses', () => {
  const shown = () => [
    bench.runtime.switches().map(({ id }) => id),
    bench.runtime.flow().pipelines.flatMap(({ switches }) => switches),
  ];
  const diskFailed = expect.objectContaining({ code: 'RUNTIME_DISK_FAILED' });
  const healed = async () => {
    bench.healDisk();
    await bench.restart();
  };

  test('is not shown as in force, as a restart would not find it', async () => {
    bench = await openBench(planFor({ steps: [undoable('one')] }));
    bench.failDisk();
    await expect(set(everything)).rejects.toEqual(diskFailed);
    // The runtime has stopped by now: it refuses the next as well.
    await expect(set({ kind: 'pause', pipeline: 'orders', onlyKeys: [] })).rejects.toEqual(diskFailed);
    expect(shown()).toEqual([[], []]);
    expect(bench.runtime.flow().intake.refusal?.code).toBe('RUNTIME_DISK_FAILED');
    await healed();
    expect(shown()).toEqual([[], []]);
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    expect(bench.state(runId)).toBe('succeeded');
  });

  test('leaves the one that it was to replace, and one that was to be lifted, also over a restart', async () => {
    bench = await openBench(planFor({ steps: [undoable('one')] }));
    const paused = await set({ kind: 'pause', pipeline: 'orders', onlyKeys: ['a'] });
    const killed = await set(everything);
    bench.failDisk();
    const asked = [
      set({ kind: 'pause', pipeline: 'orders', onlyKeys: [] }),
      set({ kind: 'pause', pipeline: 'orders', onlyKeys: ['b'] }),
      bench.runtime.liftSwitch(killed.id, 'ben', 'all well'),
    ];
    for (const one of asked) await expect(one).rejects.toEqual(diskFailed);
    expect(bench.runtime.switches().toSorted((a, b) => (a.id < b.id ? -1 : 1))).toEqual([killed, paused]);
    await healed();
    expect(bench.runtime.switches()).toEqual([killed, paused]);
    await bench.order({ id: 'a' });
    await bench.runtime.idle();
    expect(bench.target.calls).toEqual([]);
  });

  test('is shown where it is on the disk all the same, and so is found', async () => {
    bench = await openBench(planFor({ steps: [] }));
    bench.failNextWrite('after', () => {});
    await expect(set(everything)).rejects.toEqual(diskFailed);
    expect(shown()).toEqual([['kill/everything'], ['kill/everything']]);
    await healed();
    expect(shown()).toEqual([['kill/everything'], ['kill/everything']]);
  });
});

describe('a closed window', () => {
  const closedFrom = (fromMs: number, forMs: number): void => {
    const { clock } = bench;
    bench.closedUntil = () =>
      clock.now() >= fromMs && clock.now() < fromMs + forMs ? fromMs + forMs : undefined;
  };

  test('holds calls until it opens, without an attempt or the deadline counting', async () => {
    bench = await openBench(
      planFor({ limits: { concurrency: 5, deadlineMs: 60_000 }, steps: [call('one', 'acme.create')] }),
    );
    const opensAtMs = bench.clock.now() + 7_200_000;
    bench.closedUntil = () => (bench.clock.now() < opensAtMs ? opensAtMs : undefined);
    const runId = await bench.order({ id: 'a' });
    await bench.pass(3_600_000);
    expect(bench.runtime.runs()[0]).toMatchObject({ state: 'waiting', heldBy: ['maintenance/acme'] });
    await bench.restart();
    await bench.pass(3_600_000);
    expect(bench.state(runId)).toBe('succeeded');
    expect(bench.target.calls[0]?.atMs).toBe(opensAtMs);
    expect(bench.runtime.run(runId)?.steps[0]?.attempts).toBe(1);
  });

  test('that closes while a look before a write is answered: the write waits, and what is there is looked at anew', async () => {
    bench = await openBench(planFor({ steps: [call('one', 'acme.createChecked', { probe })] }));
    const answered = Promise.withResolvers<void>();
    bench.target.script = { find: [{ wait: answered.promise }] };
    const startedAtMs = bench.clock.now();
    closedFrom(startedAtMs + 3_000, 3_600_000);
    const runId = await bench.order({ id: 'a' });
    await until(() => bench.target.calls.length === 1);
    bench.clock.advance(5_000);
    answered.resolve();
    await bench.pass(60_000);
    expect(bench.target.calls.map(({ operation }) => operation)).toEqual(['find']);
    expect(bench.runtime.runs()[0]).toMatchObject({ state: 'waiting', heldBy: ['maintenance/acme'] });
    await bench.crash();
    await bench.pass(3_600_000);
    expect(bench.state(runId)).toBe('succeeded');
    expect(bench.target.calls.map(({ operation, atMs }) => [operation, atMs - startedAtMs])).toEqual([
      ['find', 0],
      ['find', 3_603_000],
      ['createChecked', 3_603_000],
    ]);
    expect(bench.runtime.run(runId)?.steps).toMatchObject([{ state: 'succeeded', attempts: 1 }]);
  });

  test('that closes between an intent and the wire: no attempt is made, and no doubt remains', async () => {
    bench = await openBench(planFor({ steps: [call('one', 'acme.createBlind')] }));
    // The intent is on its way to the disk when the window closes.
    bench.onEntry = ({ kind }) => {
      if (kind === 'intent') closedFrom(startedAtMs, 60_000);
    };
    const startedAtMs = bench.clock.now();
    const runId = await bench.order({ id: 'a' });
    await bench.pass(59_999);
    expect(bench.target.calls).toEqual([]);
    expect(bench.state(runId)).toBe('waiting');
    await bench.pass(1);
    expect(bench.state(runId)).toBe('succeeded');
    expect(bench.target.calls).toHaveLength(1);
    expect(bench.runtime.run(runId)?.steps).toMatchObject([{ state: 'succeeded', attempts: 1 }]);
  });

  test('that closes while a call stands in a line of its transport calls it off', async () => {
    bench = await openBench(planFor({ steps: [call('one', 'acme.create')] }));
    const { promise: wait, resolve } = Promise.withResolvers<void>();
    bench.target.script = { create: [{ wait }] };
    await bench.order({ id: 'a' });
    await until(() => bench.target.calls.length === 1);
    const { isCalledOff } = bench.target.calls[0]!.request;
    const before = isCalledOff?.();
    closedFrom(bench.clock.now(), 60_000);
    const after = isCalledOff?.();
    resolve();
    expect([before, after]).toEqual([false, true]);
  });
});
