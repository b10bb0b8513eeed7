import { afterEach, describe, expect, test } from 'vitest';
import type { SwitchRequest } from '../switches.ts';
import { type Bench, openBench, refused, unavailable } from '../testing/bench.ts';
import { call, childPlan, planFor, probe, run, step, undoable } from '../testing/plan.ts';
import { acme, everything, liftSwitch, orders, setSwitch } from '../testing/switching.ts';
import { until } from '../testing/until.ts';

let bench: Bench;
afterEach(() => bench.close());

const set = (request: SwitchRequest) => setSwitch(bench, request);
const lift = (id: string) => liftSwitch(bench, id);
const sent = () => bench.target.calls.map(({ operation, request }) => `${operation} ${request.input['id']}`);

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
    ['a connector', { ...acme, scope: { connector: 'acme' } }, 'kill/connector/acme'],
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
      expect(bench.state(later)).toBe(id.endsWith('/acme') ? 'waiting' : 'accepted');
      await lift(id);
      expect([bench.state(runId), bench.state(later)]).toEqual(['succeeded', 'succeeded']);
      // The run begun before goes on first.
      expect(sent()).toEqual(['create one', 'create two', 'create one', 'create two']);
      expect(bench.runtime.runs()[0]?.heldBy).toBeUndefined();
      expect(bench.target.doubled).toEqual([]);
    });

  test('of a connector holds all its connections, and nothing else; it is shown with each', async () => {
    const of = (id: string, connection: string) =>
      planFor({
        pipeline: id,
        trigger: { event: `shop.${id}` },
        steps: [call('one', 'acme.put', { connection })],
      });
    bench = await openBench(of('ordered', 'acme'), of('paid', 'archive'));
    const accept = async (event: string) => {
      const payload = { id: `${event}-${bench.target.calls.length}` };
      const deliveryId = `${event}-${bench.entries.length}`;
      await bench.runtime.accept({ event, payload, deliveryId, source: 'shop' });
      await bench.runtime.idle();
    };
    for (const event of ['shop.ordered', 'shop.paid']) await accept(event);
    await set({ kind: 'kill', scope: { connector: 'acme' }, sparesCompensation: false });
    for (const event of ['shop.ordered', 'shop.paid']) await accept(event);
    expect(bench.target.calls).toHaveLength(2);
    expect(bench.runtime.flow().connections).toMatchObject([
      { connection: 'acme', switches: ['kill/connector/acme'] },
      { connection: 'archive', switches: ['kill/connector/acme'] },
    ]);
    expect(bench.runtime.trace({ system: true }).filter(({ kind }) => kind === 'switch')).toMatchObject([
      { details: { id: 'kill/connector/acme', scope: { connector: 'acme' }, actor: 'ana' } },
    ]);
    await lift('kill/connector/acme');
    expect(bench.target.calls).toHaveLength(4);
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
