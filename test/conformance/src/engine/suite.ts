import type { PlanStep } from '@tenon/pipeline';
import {
  call,
  childPlan,
  failure,
  literal,
  planFor,
  retry,
  run,
  step,
  undoable,
} from '@tenon/runtime/testing';
import { afterEach, describe, expect, test } from 'vitest';
import { connectionCases } from './connection-cases.ts';
import { headerCases } from './header-cases.ts';
import { type EngineStorage, World } from './world.ts';

const keyed = { key: { expression: 'event.id' }, retainMs: 86_400_000 };
const ordered = { ...keyed, orderBy: { expression: 'event.account' } };
const pause = step('wait', 'pause', { for: { durationMs: 60_000 } });
const consent = step('approve', 'consent', {
  by: 'finance',
  withinMs: 3_600_000,
  onExpiry: 'reject',
  show: { literal: null },
});
const paid = step('wait', 'payment', {
  for: { event: 'shop.paid', match: 'signal.order == event.id', withinMs: 60_000, onExpiry: 'fail' },
});
const both = (left: readonly PlanStep[], right: readonly PlanStep[]) =>
  step('parallel', 'both', {
    branches: [
      { name: 'left', steps: left },
      { name: 'right', steps: right },
    ],
  });
const refused = failure('validation', 'HTTP_RESPONSE_STATUS', 'answered', { status: 422 });
const busy = failure('transient', 'HTTP_RESPONSE_STATUS', 'answered', { status: 503, retryAfterMs: 10_000 });

/** What every adapter of the engine port must pass, whatever it keeps its runs in. */
export function engineConformance(name: string, storage: () => EngineStorage): void {
  describe(name, () => suite(storage));
}

function suite(storage: () => EngineStorage): void {
  let world: World;
  afterEach(() => world.close());
  const open = async (...plans: Parameters<typeof planFor>[0][]): Promise<World> => {
    world = await World.with(storage(), ...plans.map(planFor));
    return world;
  };

  headerCases(open);
  connectionCases(open);

  test('a listing goes on at the page that was asked for, whenever the process is killed', async () => {
    const all = call('all', 'acme.list', { with: literal({}), pages: { atMost: 5 } });
    const seen = { object: { seen: { expression: 'steps.all.made.map(one, one.thing)' } } };
    let moments = 1;
    for (let killAt = 0; killAt <= moments; killAt++) {
      if (killAt > 0) await world.close();
      await open({ steps: [all, call('told', 'acme.put', { with: seen })] });
      for (let n = 1; n <= 9; n++) world.target.effects.set(`k${n}`, [n]);
      if (killAt > 0) world.killAt = killAt;
      const runId = await world.order({ id: 'a' });
      await world.pass(60_000);
      if (killAt === 0) moments = world.seen;
      expect(world.state(runId), `killed at ${killAt}`).toBe('succeeded');
      expect(world.target.inputs('put').at(-1)).toEqual({ seen: [1, 2, 3, 4, 5, 6, 7, 8, 9] });
      // One page more at most than there are: the one that was under way.
      expect(world.target.count('list')).toBeLessThanOrEqual(killAt === 0 ? 3 : 4);
    }
    expect(moments).toBeGreaterThan(8);
  });

  describe('start by key', () => {
    test('a business key starts one run, whoever says it how often', async () => {
      await open({ steps: [undoable('one')] });
      const first = await world.deliver('shop.ordered', { id: 'a' }, 'd1');
      const sameDelivery = await world.deliver('shop.ordered', { id: 'a' }, 'd1');
      const sameKey = await world.deliver('shop.ordered', { id: 'a' }, 'd2');
      await world.deliver('shop.ordered', { id: 'b' }, 'd3');
      await world.settle();
      expect(first).toMatchObject({ ok: true, duplicateDelivery: false, runs: [{ started: true }] });
      expect(sameDelivery).toMatchObject({ duplicateDelivery: true, runs: [{ started: false }] });
      expect(sameKey).toMatchObject({ duplicateDelivery: false, runs: [{ started: false }] });
      expect(world.target.count('create')).toBe(2);
    });

    test('two deliveries at the same moment start one run', async () => {
      await open({ steps: [undoable('one')] });
      await Promise.all([
        world.deliver('shop.ordered', { id: 'a' }, 'd1'),
        world.deliver('shop.ordered', { id: 'a' }, 'd2'),
        world.deliver('shop.ordered', { id: 'a' }, 'd1'),
      ]);
      await world.settle();
      expect(world.engine.runs()).toHaveLength(1);
      expect(world.target.count('create')).toBe(1);
    });

    test('what was acknowledged is there after a kill', async () => {
      await open({ steps: [undoable('one')] });
      const ids = await Promise.all(['a', 'b', 'c'].map((id) => world.order({ id })));
      world.kill();
      await world.settle();
      expect(ids.map((id) => world.state(id))).toEqual(['succeeded', 'succeeded', 'succeeded']);
    });
  });

  describe('durable step', () => {
    test('whenever the process is killed, each effect happens once and the run comes to its end', async () => {
      const plan = {
        steps: [undoable('one'), call('read', 'acme.get'), call('two', 'acme.put'), undoable('three')],
      };
      await open(plan);
      await world.order({ id: 'a' });
      await world.settle();
      const moments = world.seen;
      expect(moments).toBeGreaterThan(12);
      for (let killAt = 1; killAt <= moments; killAt++) {
        await world.close();
        await open(plan);
        world.killAt = killAt;
        const runId = await world.order({ id: 'a' });
        await world.pass(60_000);
        expect(world.kills, `moment ${killAt}`).toBe(1);
        expect(world.state(runId), `moment ${killAt}`).toBe('succeeded');
        expect(world.target.doubled, `moment ${killAt}`).toEqual([]);
        expect(world.target.effects.size, `moment ${killAt}`).toBe(3);
      }
    });

    test('it is found again by its key: what is recorded before a kill is not done again', async () => {
      await open({ steps: [undoable('one'), undoable('two')] });
      world.killWhen = (when, { input }) => when === 'before' && JSON.stringify(input).includes('two');
      const runId = await world.order({ id: 'a' });
      await world.pass(60_000);
      expect(world.state(runId)).toBe('succeeded');
      const ids = world.target.calls.map(({ input }) => (input as { id: string }).id);
      expect(ids).toEqual(['one', 'two', 'two']);
      expect(new Set(world.target.calls.slice(1).map(({ key }) => key)).size).toBe(1);
      expect(world.entries.some(({ kind }) => kind === 'resumed')).toBe(true);
    });

    test('the intent of an effect that must not be repeated is on record before the call', async () => {
      await open({ steps: [call('mail', 'acme.send')] });
      world.killWhen = (when) => when === 'after';
      const runId = await world.order({ id: 'a' });
      await world.pass(600_000);
      expect(world.state(runId)).toBe('inDoubt');
      expect(await world.engine.settle(runId, 'mail', 'confirm', 'ana', 'it is there', { id: 'm' })).toEqual({
        ok: true,
      });
      await world.settle();
      expect(world.state(runId)).toBe('succeeded');
      expect(world.target.count('send')).toBe(1);
    });
  });

  describe('sleep', () => {
    test('ends at its time, also over a kill, and not before', async () => {
      await open({ steps: [pause, undoable('one')] });
      const runId = await world.order({ id: 'a' });
      await world.pass(59_000);
      world.kill();
      await world.settle();
      expect(world.state(runId)).toBe('waiting');
      expect(world.target.calls).toHaveLength(0);
      await world.pass(1_000);
      expect(world.state(runId)).toBe('succeeded');
    });
  });

  describe('a step’s deadline', () => {
    const patient = { ...retry, attempts: 1_000, withinMs: 600_000, jitter: 'none' as const };
    const busy = failure('transient', 'HTTP_RESPONSE_STATUS', 'answered', { status: 503 });

    test('ends what it is at, and is the same after a kill', async () => {
      await open({
        onFailure: 'hold',
        steps: [call('one', 'acme.get', { retry: patient, deadlineMs: 10_000 })],
      });
      world.target.decide = () => ({ fail: busy });
      const runId = await world.order({ id: 'a' });
      await world.pass(6_000);
      world.kill();
      await world.pass(3_999);
      expect(world.state(runId)).not.toBe('failed');
      await world.pass(1_000);
      expect(world.engine.run(runId)?.failure).toMatchObject({ code: 'STEP_DEADLINE_EXCEEDED', step: 'one' });
    });

    test('holds for steps in it, and for none behind it', async () => {
      const inner = call('two', 'acme.get', { retry: patient });
      const block = step('choose', 'block', { branches: [{ steps: [inner] }], deadlineMs: 5_000 });
      await open({ onFailure: 'hold', steps: [block, call('three', 'acme.get')] });
      world.target.script = { get: [{ fail: busy }] };
      const first = await world.order({ id: 'a' });
      await world.pass(3_000);
      expect(world.state(first)).toBe('succeeded');
      world.target.decide = () => ({ fail: busy });
      const second = await world.order({ id: 'b' });
      await world.pass(5_000);
      expect(world.engine.run(second)?.failure).toMatchObject({
        code: 'STEP_DEADLINE_EXCEEDED',
        step: 'two',
      });
    });
  });

  describe('signal', () => {
    test('one value is taken, the first; a kill between changes nothing', async () => {
      await open({ steps: [consent, undoable('one')] });
      const runId = await world.order({ id: 'a' });
      await world.settle();
      world.kill();
      await world.settle();
      const [first, second] = await Promise.all([
        world.engine.decide(runId, 'consent', 'approve', 'ana', 'fine'),
        world.engine.decide(runId, 'consent', 'reject', 'bob', 'no'),
      ]);
      expect(first).toEqual({ ok: true });
      expect(second.ok).toBe(false);
      world.kill();
      await world.settle();
      expect(world.state(runId)).toBe('succeeded');
    });

    test('of two who must approve, one is not enough, and is counted once; a kill between forgets nothing', async () => {
      await open({ steps: [{ ...consent, count: 2 } as PlanStep, undoable('one')] });
      const runId = await world.order({ id: 'a' });
      await world.settle();
      const approve = (who: string) => world.engine.decide(runId, 'consent', 'approve', who, 'fine');
      expect(await approve('ana')).toEqual({ ok: true });
      world.kill();
      await world.settle();
      expect(world.state(runId)).toBe('waiting');
      expect(await approve('ana')).toMatchObject({ ok: false, code: 'APPROVAL_GIVEN_ALREADY' });
      expect(await approve('ben')).toEqual({ ok: true });
      await world.settle();
      expect(world.state(runId)).toBe('succeeded');
      expect(world.target.count('create')).toBe(1);
    });

    test('of two who must approve, one who rejects is enough', async () => {
      await open({ steps: [{ ...consent, count: 2 } as PlanStep, undoable('one')] });
      const runId = await world.order({ id: 'a' });
      await world.settle();
      const answers = await Promise.all([
        world.engine.decide(runId, 'consent', 'approve', 'ana', 'fine'),
        world.engine.decide(runId, 'consent', 'reject', 'ben', 'no'),
      ]);
      expect(answers).toEqual([{ ok: true }, { ok: true }]);
      await world.settle();
      expect(world.state(runId)).toBe('failed');
      expect(world.target.count('create')).toBe(0);
    });

    test('whoever approved at an earlier step is kept out of a later one', async () => {
      const other = step('approve', 'other', {
        by: 'finance',
        withinMs: 3_600_000,
        onExpiry: 'reject',
        show: { literal: null },
        except: { steps: ['consent'] },
      });
      await open({ steps: [consent, other] });
      const runId = await world.order({ id: 'a' });
      await world.settle();
      await world.engine.decide(runId, 'consent', 'approve', 'ana', 'fine');
      await world.settle();
      world.kill();
      await world.settle();
      const approve = (who: string) => world.engine.decide(runId, 'other', 'approve', who, 'fine');
      expect(await approve('ana')).toMatchObject({ ok: false, code: 'APPROVAL_ACTOR_EXCEPTED' });
      expect(await approve('ben')).toEqual({ ok: true });
      await world.settle();
      expect(world.state(runId)).toBe('succeeded');
    });

    test('none came in time: it expires, and a later one is refused', async () => {
      await open({ steps: [consent, undoable('one')] });
      const runId = await world.order({ id: 'a' });
      await world.pass(3_600_000);
      expect(world.state(runId)).toBe('failed');
      expect((await world.engine.decide(runId, 'consent', 'approve', 'ana', 'late')).ok).toBe(false);
      expect(world.target.calls).toHaveLength(0);
    });

    test('a parked run is resumed where it failed', async () => {
      await open({ onFailure: 'hold', steps: [undoable('one'), call('put', 'acme.put')] });
      world.target.script = { put: [{ fail: refused }] };
      const runId = await world.order({ id: 'a' });
      await world.settle();
      expect(world.engine.run(runId)).toMatchObject({ state: 'failed', failure: { step: 'put' } });
      world.kill();
      await world.settle();
      expect(await world.engine.resume(runId, 'ana', 'mended')).toEqual({ ok: true });
      await world.settle();
      expect(world.state(runId)).toBe('succeeded');
      expect(world.target.count('create')).toBe(1);
    });

    test('a parked effect that a person did goes on with their result, and is undone with the others', async () => {
      await open({
        onFailure: 'hold',
        steps: [undoable('one'), undoable('two', 'acme.createBlind'), call('put', 'acme.put')],
      });
      world.target.script = { createBlind: [{ fail: refused }], put: [{ fail: refused }] };
      const runId = await world.order({ id: 'a' });
      await world.settle();
      expect(await world.engine.markDone(runId, 'two', 'ana', 'made it there', { id: 'B-7' })).toEqual({
        ok: true,
      });
      world.kill();
      await world.settle();
      expect(world.engine.run(runId)).toMatchObject({ state: 'failed', failure: { step: 'put' } });
      expect(world.target.count('createBlind')).toBe(1);
      await world.engine.cancel(runId, 'ana', 'no longer wanted');
      await world.settle();
      expect(world.state(runId)).toBe('cancelled');
      expect(world.target.inputs('remove')).toEqual([{ id: 'B-7' }, { id: 'create-1' }]);
    });
  });

  describe('event', () => {
    test('one that comes after the run began is found, before its wait and during it', async () => {
      await open({ steps: [pause, paid] });
      const early = await world.order({ id: 'early' });
      const late = await world.order({ id: 'late' });
      await world.settle();
      await world.deliver('shop.paid', { order: 'early' });
      await world.pass(61_000);
      expect([world.state(early), world.state(late)]).toEqual(['succeeded', 'waiting']);
      await world.deliver('shop.paid', { order: 'nobody' });
      world.kill();
      await world.settle();
      expect(world.state(late)).toBe('waiting');
      await world.deliver('shop.paid', { order: 'late' });
      await world.settle();
      expect(world.state(late)).toBe('succeeded');
    });

    test('one that comes while its wait is being stored is not missed', async () => {
      await open({ steps: [paid] });
      const ordering = world.deliver('shop.ordered', { id: 'a' });
      const paying = world.deliver('shop.paid', { order: 'a' });
      const [result] = await Promise.all([ordering, paying]);
      await world.settle();
      expect(result.ok && world.state(result.runs[0]!.runId)).toBe('succeeded');
    });

    test('what is emitted starts its runs once, whenever the process is killed', async () => {
      const steps = [
        step('emit', 'shipped', {
          event: 'shop.shipped',
          with: { object: { id: { expression: 'event.id' } } },
        }),
      ];
      const shipping = {
        pipeline: 'shipping',
        trigger: { event: 'shop.shipped' },
        steps: [undoable('label')],
      };
      await open({ steps }, shipping);
      await world.order({ id: 'a' });
      await world.settle();
      const moments = world.seen;
      for (let killAt = 1; killAt <= moments; killAt++) {
        await world.close();
        await open({ steps }, shipping);
        world.killAt = killAt;
        await world.order({ id: 'a' });
        await world.pass(60_000);
        const runs = world.engine.runs();
        expect(
          runs.map(({ pipeline, state }) => `${pipeline} ${state}`).toSorted(),
          `moment ${killAt}`,
        ).toEqual(['orders succeeded', 'shipping succeeded']);
        expect(new Set(runs.map(({ correlationId }) => correlationId)).size).toBe(1);
        expect(world.target.effects.size).toBe(1);
      }
    });
  });

  describe('what is emitted and no longer fits', () => {
    test('is held with an owner for the plan in force that it does not fit, and the run that emitted it goes on', async () => {
      const { events } = planFor({ steps: [] });
      const parcelled = { type: 'object', required: ['parcel'] } as const;
      const tell = step('emit', 'shipped', {
        event: 'shop.shipped',
        with: { object: { id: { expression: 'event.id' } } },
      });
      await open(
        { steps: [tell, undoable('one')] },
        {
          pipeline: 'shipping',
          trigger: { event: 'shop.shipped' },
          events: { ...events, 'shop.shipped': { ...events['shop.shipped']!, payload: parcelled } },
          steps: [undoable('label')],
        },
      );
      const emitting = await world.order({ id: 'a' });
      await world.settle();
      expect(world.state(emitting)).toBe('succeeded');
      expect(world.engine.runs({ pipeline: 'shipping' })).toMatchObject([{ state: 'failed' }]);
      expect(world.target.count('create'), 'no label').toBe(1);
    });
  });

  describe('order by key', () => {
    test('one run of a key at a time, in order of arrival; other keys go beside it', async () => {
      await open({ identity: ordered, steps: [undoable('one'), pause, undoable('two')] });
      await world.order({ id: 'a1', account: 'A' });
      const second = await world.order({ id: 'a2', account: 'A' });
      await world.order({ id: 'b1', account: 'B' });
      await world.settle();
      expect(world.target.count('create')).toBe(2);
      expect(world.state(second)).toBe('accepted');
      world.kill();
      await world.pass(60_000);
      expect(world.target.count('create')).toBe(5);
      await world.pass(60_000);
      expect(world.state(second)).toBe('succeeded');
      expect(world.target.doubled).toEqual([]);
    });

    test('a parked run lets the next one go', async () => {
      await open({ identity: ordered, onFailure: 'hold', steps: [call('put', 'acme.put')] });
      world.target.script = { put: [{ fail: refused }] };
      await world.order({ id: 'a1', account: 'A' });
      const second = await world.order({ id: 'a2', account: 'A' });
      await world.settle();
      expect(world.state(second)).toBe('succeeded');
    });
  });

  describe('cancel', () => {
    test('what was done is undone, last first, and the run says who ended it', async () => {
      await open({ steps: [undoable('one'), undoable('two'), pause, undoable('three')] });
      const runId = await world.order({ id: 'a' });
      await world.settle();
      expect(await world.engine.cancel(runId, 'ana', 'ordered by mistake')).toEqual({ ok: true });
      world.kill();
      await world.pass(1_000);
      expect(world.state(runId)).toBe('cancelled');
      expect(world.target.count('create')).toBe(2);
      const undone = world.target.calls.filter(({ operation }) => operation === 'remove');
      expect(undone.map(({ input }) => input)).toEqual([{ id: 'create-2' }, { id: 'create-1' }]);
      expect((await world.engine.cancel(runId, 'ana', 'again')).ok).toBe(false);
      const said = world.engine.trace({ runId }).find(({ kind }) => kind === 'operator');
      expect(said?.details).toMatchObject({ action: 'cancel', actor: 'ana', reason: 'ordered by mistake' });
    });

    test('during the last call, that is undone too', async () => {
      await open({ steps: [undoable('one')] });
      const { promise: wait, resolve } = Promise.withResolvers<void>();
      world.target.script = { create: [{ wait }] };
      const runId = await world.order({ id: 'a' });
      while (world.target.count('create') === 0) await new Promise((next) => setImmediate(next));
      expect(await world.engine.cancel(runId, 'ana', 'ordered by mistake')).toEqual({ ok: true });
      resolve();
      await world.settle();
      expect(world.state(runId)).toBe('cancelled');
      expect(world.target.inputs('remove')).toEqual([{ id: 'create-1' }]);
    });
  });

  describe('run another pipeline', () => {
    const child = childPlan({
      steps: [undoable('booked'), pause],
      output: { schema: true, value: { expression: 'steps.booked.id' } },
    });
    const told = call('told', 'acme.put', { with: { object: { made: { expression: 'steps.sub' } } } });
    const parent = planFor({ steps: [undoable('one'), run('sub', child), told] });
    const no = { that: [{ condition: 'false', message: 'no' }], otherwise: 'fail' } as const;
    const failing = planFor({ steps: [undoable('one'), run('sub', child), step('check', 'no', no)] });
    const states = () => world.engine.runs().map(({ pipeline, state }) => `${pipeline} ${state}`);

    test('the run waits for its child and reads what it gives', async () => {
      world = await World.with(storage(), child, parent);
      await world.order({ id: 'a' });
      await world.settle();
      expect(states()).toEqual(['child waiting', 'orders waiting']);
      world.kill();
      await world.pass(60_000);
      expect(states()).toEqual(['child succeeded', 'orders succeeded']);
      expect(world.target.calls.at(-1)!.input).toEqual({ made: 'create-2' });
    });

    test('cancelled while the child waits, both are undone, the last effect first', async () => {
      world = await World.with(storage(), child, parent);
      const runId = await world.order({ id: 'a' });
      await world.settle();
      expect(await world.engine.cancel(runId, 'ana', 'no longer wanted')).toEqual({ ok: true });
      world.kill();
      await world.pass(60_000);
      expect(states()).toEqual(['child cancelled', 'orders cancelled']);
      const undone = world.target.calls.filter(({ operation }) => operation === 'remove');
      expect(undone.map(({ input }) => input)).toEqual([{ id: 'create-2' }, { id: 'create-1' }]);
    });

    test('whenever the process is killed, a resumed run waits for what comes of it, not for what its child was parked with before', async () => {
      const held = childPlan({ onFailure: 'hold', steps: [undoable('booked'), call('last', 'acme.put')] });
      const beside = both([run('sub', held)], [call('own', 'acme.find')]);
      const parked = planFor({ onFailure: 'hold', steps: [beside] });
      let moments = 1;
      for (let killAt = 0; killAt <= moments; killAt++) {
        if (killAt > 0) await world.close();
        world = await World.with(storage(), held, parked);
        world.target.script = { find: [{ fail: refused }], put: [{ fail: busy }, { fail: refused }] };
        const runId = await world.order({ id: 'a' });
        await world.pass(1_000);
        expect(states(), 'the child works on').toEqual(['child waiting', 'orders failed']);
        await world.pass(20_000);
        expect(states()).toEqual(['child failed', 'orders failed']);
        const before = world.seen;
        if (killAt > 0) world.killAt = before + killAt;
        expect(await world.engine.resume(runId, 'ana', 'mended')).toEqual({ ok: true });
        await world.pass(60_000);
        if (killAt === 0) moments = world.seen - before;
        expect(states(), `moment ${killAt}`).toEqual(['child succeeded', 'orders succeeded']);
        expect(world.target.doubled, `moment ${killAt}`).toEqual([]);
      }
      expect(moments).toBeGreaterThan(8);
    });

    for (const end of ['succeeded', 'compensated'] as const)
      test(`whenever the process is killed, there is one child, each effect happens once, and both end ${end}`, async () => {
        let moments = 1;
        for (let killAt = 0; killAt <= moments; killAt++) {
          if (killAt > 0) await world.close();
          world = await World.with(storage(), child, end === 'compensated' ? failing : parent);
          if (killAt > 0) world.killAt = killAt;
          await world.order({ id: 'a' });
          await world.pass(120_000);
          if (killAt === 0) moments = world.seen;
          expect(states(), `moment ${killAt}`).toEqual([`child ${end}`, `orders ${end}`]);
          expect(world.target.doubled, `moment ${killAt}`).toEqual([]);
          const removed = new Set(
            world.target.calls.filter(({ operation }) => operation === 'remove').map(({ key }) => key),
          );
          expect(removed.size, `moment ${killAt}`).toBe(end === 'compensated' ? 2 : 0);
        }
        expect(moments).toBeGreaterThan(20);
      });
  });

  describe('strands', () => {
    const list = (parts: object = {}) =>
      step('forEach', 'lines', {
        in: 'event.lines',
        as: 'line',
        key: { expression: 'line' },
        max: 10,
        concurrency: 2,
        onItemFailure: 'stop',
        steps: [undoable('book'), call('mark', 'acme.put')],
        ...parts,
      });
    const order = { id: 'a', lines: ['x', 'y', 'z'] };
    const created = () =>
      [...world.target.effects.values()]
        .flat()
        // What the target makes has an id.
        .map((made) => (made as { id: string }).id)
        .filter((id) => id.startsWith('create'));
    const removed = () =>
      world.target.calls
        .filter(({ operation }) => operation === 'remove')
        .map(({ input }) => (input as { id: string }).id);

    test('whenever the process is killed, each item is carried out once and the list is joined once', async () => {
      const plan = { steps: [undoable('one'), list(), undoable('last')] };
      let moments = 1;
      for (let killAt = 0; killAt <= moments; killAt++) {
        if (killAt > 0) await world.close();
        await open(plan);
        if (killAt > 0) world.killAt = killAt;
        const runId = await world.order(order);
        await world.pass(60_000);
        if (killAt === 0) moments = world.seen;
        expect(world.state(runId), `moment ${killAt}`).toBe('succeeded');
        expect(world.target.doubled, `moment ${killAt}`).toEqual([]);
        expect(world.target.effects.size, `moment ${killAt}`).toBe(8);
        const joined = world.engine
          .trace({ runId })
          .filter(({ kind, step: place }) => kind === 'stepDone' && place === 'lines');
        expect(joined, `moment ${killAt}`).toHaveLength(1);
      }
      expect(moments).toBeGreaterThan(30);
    });

    test('one that waits for a person lets the other go on, and goes on itself when the word is there', async () => {
      await open({
        steps: [both([consent, undoable('left')], [pause, undoable('right')]), undoable('last')],
      });
      const runId = await world.order({ id: 'a' });
      await world.pass(60_000);
      expect(world.target.count('create')).toBe(1);
      world.kill();
      await world.settle();
      expect(world.state(runId)).toBe('waiting');
      expect(await world.engine.decide(runId, 'consent', 'approve', 'ana', 'fine')).toEqual({ ok: true });
      await world.settle();
      expect(world.state(runId)).toBe('succeeded');
      expect(world.target.count('create')).toBe(3);
    });

    test('an event is found by the strand that waits for it, while another sleeps', async () => {
      await open({ steps: [both([paid, undoable('left')], [pause])] });
      const runId = await world.order({ id: 'a' });
      await world.settle();
      await world.deliver('shop.paid', { order: 'a' });
      await world.settle();
      expect(world.target.count('create')).toBe(1);
      expect(world.state(runId)).toBe('waiting');
      world.kill();
      await world.pass(60_000);
      expect(world.state(runId)).toBe('succeeded');
      expect(world.target.count('create')).toBe(1);
    });

    test('one that fails stops the others, and what all did is undone, last confirmed first', async () => {
      await open({ steps: [both([undoable('left'), call('put', 'acme.put')], [undoable('right'), pause])] });
      world.target.script = { put: [{ fail: refused }] };
      const runId = await world.order({ id: 'a' });
      await world.settle();
      expect(world.state(runId)).toBe('compensated');
      const confirmed = world.engine
        .trace({ runId })
        .filter(({ kind }) => kind === 'stepDone')
        .map(({ step: place }) => place);
      const undone = world.engine
        .trace({ runId })
        .flatMap(({ kind, step: place }) =>
          kind === 'compensation' && place?.startsWith('compensate:')
            ? place.slice('compensate:'.length)
            : [],
        );
      expect(removed()).toHaveLength(2);
      expect(undone).toEqual(confirmed.toReversed());
    });

    test('the order of confirmation is kept over a wait: what came last is undone first', async () => {
      const no = { that: [{ condition: 'false', message: 'no' }], otherwise: 'fail' } as const;
      await open({ steps: [both([pause, undoable('left')], [undoable('right')]), step('check', 'no', no)] });
      const runId = await world.order({ id: 'a' });
      await world.settle();
      world.kill();
      await world.pass(60_000);
      expect(world.state(runId)).toBe('compensated');
      expect(removed()).toEqual(['create-2', 'create-1']);
    });

    test('a word for one is heard while another is still in its call', async () => {
      await open({ steps: [both([consent, undoable('left')], [call('slow', 'acme.put')])] });
      const answer = Promise.withResolvers<void>();
      world.target.script = { put: [{ wait: answer.promise }] };
      const runId = await world.order({ id: 'a' });
      const soon = async (isDone: () => boolean | Promise<boolean>) => {
        for (let turn = 0; turn < 1_000 && !(await isDone()); turn++)
          await new Promise((resolve) => setImmediate(resolve));
      };
      await soon(async () => (await world.engine.decide(runId, 'consent', 'approve', 'ana', 'fine')).ok);
      await soon(() => world.target.count('create') > 0);
      expect(world.target.count('create')).toBe(1);
      answer.resolve();
      await world.settle();
      expect(world.state(runId)).toBe('succeeded');
    });

    test('what failed of itself is the cause after a kill as well, though it had stopped another', async () => {
      const none = step('check', 'none', {
        that: [{ condition: 'false', message: 'none' }],
        otherwise: 'fail',
      });
      const branches = [
        { name: 'stopped', steps: [call('first', 'acme.put'), call('second', 'acme.put')] },
        { name: 'busy', steps: [call('slow', 'acme.put')] },
        { name: 'fails', steps: [none] },
      ];
      await open({ onFailure: 'hold', steps: [step('parallel', 'both', { branches })] });
      // It never answers, and keeps the others from being joined.
      world.target.script = { put: [undefined, { never: 'before' }] };
      const runId = await world.order({ id: 'a' });
      while (world.target.count('put') < 2) await new Promise((resolve) => setImmediate(resolve));
      for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
      world.kill();
      await world.settle();
      expect(world.target.count('put'), 'the second was stopped').toBe(3);
      const trace = world.engine.trace({ runId });
      expect(trace.findLast(({ kind }) => kind === 'state')?.details).toMatchObject({
        to: 'failed',
        code: 'CHECK_NOT_MET',
      });
    });

    test('a list that was stopped goes on at the failed item once it is resumed, also after a kill', async () => {
      await open({ onFailure: 'hold', steps: [list({ concurrency: 1 })] });
      world.target.script = { put: [undefined, { fail: refused }] };
      const runId = await world.order(order);
      await world.settle();
      expect(world.state(runId)).toBe('failed');
      expect(world.target.count('create')).toBe(2);
      world.kill();
      await world.settle();
      expect(await world.engine.resume(runId, 'ana', 'mended')).toEqual({ ok: true });
      await world.settle();
      expect(world.state(runId)).toBe('succeeded');
      expect(world.target.count('create')).toBe(3);
      expect(world.target.doubled).toEqual([]);
    });

    test('an item that a person did is done, and the list goes on, also where the run is cancelled with it', async () => {
      await open({ onFailure: 'hold', steps: [list({ concurrency: 1 })] });
      for (const isCancelled of [false, true]) {
        world.target.script = { put: [undefined, { fail: refused }] };
        const runId = await world.order({ ...order, id: String(isCancelled) });
        await world.settle();
        const { failure } = world.engine.run(runId)!;
        const place = /lines\[\w+\]\.\w+/.exec(failure!.message)![0];
        const before = world.target.count('put');
        const said = world.engine.markDone(runId, place, 'ana', 'made it there', {});
        if (isCancelled) await world.engine.cancel(runId, 'ben', 'no longer wanted');
        expect(await said).toEqual({ ok: true });
        world.kill();
        await world.settle();
        expect(world.state(runId)).toBe(isCancelled ? 'cancelled' : 'succeeded');
        expect(world.target.count('put') - before).toBe(isCancelled ? 0 : 1);
        const trace = world.engine.trace({ runId });
        // By what the ledger says of it: an engine may name items otherwise there.
        const done = trace.filter(({ details }) => details['byHand'] === true);
        expect(done).toMatchObject([{ kind: 'stepDone', details: { actor: 'ana' } }]);
      }
    });

    test('what failed items did is undone while the run goes on without them', async () => {
      await open({ steps: [list({ onItemFailure: 'collect', concurrency: 1 }), undoable('last')] });
      world.target.script = { put: [undefined, { fail: refused }] };
      const runId = await world.order(order);
      await world.settle();
      expect(world.state(runId)).toBe('succeeded');
      expect(removed()).toEqual([created()[1]]);
    });

    test('one inside the other: a list in a branch, cancelled while it waits, is undone whole', async () => {
      await open({ steps: [both([list({ steps: [undoable('book'), pause] })], [undoable('right')])] });
      const runId = await world.order(order);
      await world.settle();
      expect(world.target.count('create')).toBe(4);
      expect(await world.engine.cancel(runId, 'ana', 'no longer wanted')).toEqual({ ok: true });
      world.kill();
      await world.pass(60_000);
      expect(world.state(runId)).toBe('cancelled');
      expect(removed().toSorted()).toEqual(created().toSorted());
    });
  });

  describe('switches', () => {
    const kill = { kind: 'kill', scope: { everything: true }, sparesCompensation: false } as const;
    const standstill = { kind: 'pause', pipeline: 'orders', onlyKeys: [] } as const;

    test('under a kill no effect leaves, also over a kill of the process; lifted, what it held goes on', async () => {
      await open({ steps: [undoable('one'), pause, both([undoable('two')], [undoable('three')])] });
      const runId = await world.order({ id: 'a' });
      await world.settle();
      const set = await world.engine.setSwitch(kill, 'ana', 'a drill');
      expect(set).toMatchObject({ ok: true, switch: { id: 'kill/everything', actor: 'ana' } });
      const later = await world.order({ id: 'b' });
      await world.pass(60_000);
      world.kill();
      await world.pass(60_000);
      expect(world.engine.switches().map(({ id }) => id)).toEqual(['kill/everything']);
      expect([world.state(runId), world.state(later)]).toEqual(['waiting', 'accepted']);
      expect(world.target.count('create')).toBe(1);
      expect(await world.engine.liftSwitch('kill/everything', 'ana', 'over')).toEqual({ ok: true });
      await world.pass(60_000);
      expect([world.state(runId), world.state(later)]).toEqual(['succeeded', 'succeeded']);
      expect(world.target.doubled).toEqual([]);
      expect((await world.engine.liftSwitch('kill/everything', 'ana', 'again')).ok).toBe(false);
    });

    test('a branch that was stopped as it was held goes on from there once the run is resumed', async () => {
      const acme = { kind: 'kill', scope: { connection: 'acme' }, sparesCompensation: false } as const;
      const looked = call('looked', 'acme.get', { connection: 'other' });
      // That its deadline began is on record, so it is not stopped before it.
      const held = call('held', 'acme.create', { deadlineMs: 60_000 });
      await open({ steps: [both([looked], [held])], onFailure: 'hold' });
      world.target.script = { get: [{ fail: refused }, { fail: refused }] };
      await world.engine.setSwitch(acme, 'ana', 'a drill');
      const runId = await world.order({ id: 'a' });
      await world.settle();
      await world.engine.resume(runId, 'ana', 'again');
      await world.settle();
      expect(world.state(runId)).toBe('failed');
      world.kill();
      await world.settle();
      await world.engine.liftSwitch('kill/connection/acme', 'ana', 'over');
      await world.engine.resume(runId, 'ana', 'once more');
      await world.settle();
      expect(world.state(runId)).toBe('succeeded');
      expect(world.target.count('create')).toBe(1);
    });

    test('a paused pipeline takes events and begins none of its runs until it is lifted', async () => {
      await open({ steps: [undoable('one')] });
      await world.engine.setSwitch(standstill, 'ana', 'a drill');
      const runId = await world.order({ id: 'a' });
      await world.settle();
      world.kill();
      await world.settle();
      expect(world.state(runId)).toBe('accepted');
      await world.engine.liftSwitch('pause/orders', 'ana', 'over');
      await world.settle();
      expect(world.state(runId)).toBe('succeeded');
      expect(world.target.count('create')).toBe(1);
    });

    test('a run that crashed in an effect and was paused says what became of it when it goes on', async () => {
      await open({ steps: [call('mail', 'acme.send')] });
      world.killWhen = (when) => when === 'after';
      const runId = await world.order({ id: 'a' });
      await world.engine.setSwitch(standstill, 'ana', 'a drill');
      await world.settle();
      await world.engine.liftSwitch('pause/orders', 'ana', 'over');
      await world.pass(600_000);
      expect(world.state(runId)).toBe('inDoubt');
      expect(world.target.count('send')).toBe(1);
    });

    test('what a flag keeps out is taken and starts no run', async () => {
      await open({ steps: [undoable('one')] });
      const flag = { kind: 'flag', pipeline: 'orders', keys: ['b'], events: [], share: 0 } as const;
      await world.engine.setSwitch({ ...flag, expiresAtMs: world.clock.now() + 1_000 }, 'ana', 'a drill');
      const out = await world.deliver('shop.ordered', { id: 'a' });
      expect(out).toMatchObject({ ok: true, runs: [], flaggedOff: ['orders'] });
      expect(await world.deliver('shop.ordered', { id: 'b' })).toMatchObject({ runs: [{ started: true }] });
    });
  });

  describe('list and inspect', () => {
    test('runs are found by pipeline, state and key, the latest first', async () => {
      await open({ steps: [call('get', 'acme.get')] }, { pipeline: 'other', steps: [pause] });
      await world.order({ id: 'a' });
      await world.order({ id: 'b' });
      await world.settle();
      const names = (filter: object) =>
        world.engine.runs(filter).map(({ pipeline, key }) => `${pipeline} ${key}`);
      expect(names({ pipeline: 'orders' })).toEqual(['orders b', 'orders a']);
      expect(names({ state: 'waiting' })).toEqual(['other b', 'other a']);
      expect(names({ key: 'a', state: 'succeeded' })).toEqual(['orders a']);
      expect(names({ limit: 1, pipeline: 'orders' })).toEqual(['orders b']);
      expect(world.engine.run('nobody')).toBeUndefined();
    });

    test('the ledger tells a run from its event to its end, gap-free and in order', async () => {
      await open({ steps: [undoable('one')] });
      const runId = await world.order({ id: 'a' });
      await world.settle();
      expect(world.engine.run(runId)).toMatchObject({ state: 'succeeded', key: 'a', input: { id: 'a' } });
      const entries = world.engine.trace({ runId });
      expect(entries.map(({ kind }) => kind)).toEqual([
        'accepted',
        'state',
        'intent',
        'outcome',
        'stepDone',
        'state',
      ]);
      const first = entries[0]!.sequence;
      expect(entries.map(({ sequence }) => sequence)).toEqual(entries.map((_, index) => first + index));
      expect(world.entries).toEqual(entries);
    });
  });
}
