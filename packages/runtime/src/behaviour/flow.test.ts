import { DatabaseSync } from 'node:sqlite';
import type { Plan } from '@tenon/pipeline';
import { afterEach, describe, expect, test } from 'vitest';
import type { RuntimeLimits } from '../runtime.ts';
import { type Bench, openBench, refused, unavailable } from '../testing/bench.ts';
import { call, planFor, undoable } from '../testing/plan.ts';

let bench: Bench;
afterEach(() => bench.close());

async function open(limits: Partial<RuntimeLimits>, ...plans: Plan[]): Promise<void> {
  bench = await openBench(...plans);
  bench.limits = limits;
  await bench.restart();
}

const pauseOrders = () =>
  bench.runtime.setSwitch({ kind: 'pause', pipeline: 'orders', onlyKeys: [] }, 'ana', 'a test');
const accept = (id: string, event = 'shop.ordered') =>
  bench.runtime.accept({ event, payload: { id }, deliveryId: `${event}-${id}`, source: 'shop' });

describe('backpressure', () => {
  const other = planFor({ pipeline: 'other', trigger: { event: 'shop.shipped' }, steps: [] });

  test('one pipeline that stands still fills its own part of the backlog, not that of others', async () => {
    await open(
      { backlogMax: 6, pipelineBacklogMax: 3 },
      planFor({ steps: [call('one', 'acme.get')] }),
      other,
    );
    await pauseOrders();
    for (const id of ['a', 'b', 'c']) expect(await accept(id)).toMatchObject({ ok: true });
    expect(await accept('d')).toMatchObject({
      ok: false,
      failure: { class: 'rateLimited', code: 'PIPELINE_BACKLOG_FULL', retryAfterMs: 10_000 },
    });
    expect(await accept('e', 'shop.shipped')).toMatchObject({ ok: true });
    expect(bench.runtime.flow().intake).toMatchObject({
      backlog: 3,
      refused: { PIPELINE_BACKLOG_FULL: 1 },
    });
    await bench.restart();
    expect(bench.runtime.flow().intake.backlog).toBe(3);
    await bench.runtime.liftSwitch('pause/orders', 'ana', 'done');
    await bench.runtime.idle();
    expect(bench.runtime.flow().intake.backlog).toBe(0);
    expect(await accept('d')).toMatchObject({ ok: true });
  });

  test('what is refused for what it is, is counted as what is refused for want of room', async () => {
    await open({}, planFor({ steps: [] }));
    const sent = { event: 'shop.ordered', payload: { id: 7 }, deliveryId: 'a', source: 'shop' };
    expect(await bench.runtime.accept(sent)).toMatchObject({
      ok: false,
      failure: { code: 'EVENT_PAYLOAD_INVALID' },
    });
    expect(bench.runtime.flow().intake.refused).toEqual({ EVENT_PAYLOAD_INVALID: 1 });
  });

  test('the bytes that wait for the disk are bounded', async () => {
    await open({ queueBytesMax: 1_000 }, planFor({ steps: [] }));
    const big = 'x'.repeat(2_000);
    const both = await Promise.all(['a', 'b'].map((id) => accept(`${id}${big}`)));
    // Both are asked before either is on its way; the next one sees them.
    expect(both.filter(({ ok }) => ok).length).toBeGreaterThan(0);
    const first = accept(`c${big}`);
    await new Promise((resolve) => queueMicrotask(() => resolve(undefined)));
    expect(await accept('d')).toMatchObject({ ok: false, failure: { code: 'RUNTIME_DISK_BUSY' } });
    await first;
    expect(bench.runtime.flow().intake.bytesWaiting).toBe(0);
    expect(await accept('d')).toMatchObject({ ok: true });
  });

  test('a disk that is nearly full takes no event, while runs under way go on; space freed, it goes on by itself', async () => {
    await open({}, planFor({ steps: [call('one', 'acme.create')] }));
    bench.target.script = { create: [{ fail: unavailable }] };
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    bench.diskFreeBytes = () => 10_000_000;
    bench.clock.advance(1_000);
    expect(await accept('b')).toMatchObject({
      ok: false,
      failure: { code: 'RUNTIME_DISK_LOW', retryAfterMs: 30_000 },
    });
    expect(bench.runtime.flow().intake.refusal?.code).toBe('RUNTIME_DISK_LOW');
    await bench.pass(60_000);
    expect(bench.state(runId)).toBe('succeeded');
    bench.diskFreeBytes = () => 2 ** 40;
    bench.clock.advance(1_000);
    expect(await accept('b')).toMatchObject({ ok: true });
  });
});

describe('room', () => {
  test('is shared: a flood of one pipeline leaves another its part, and a low tier never takes all', async () => {
    const plans = (['low', 'high'] as const).map((tier) =>
      planFor({
        pipeline: tier,
        tier,
        trigger: { event: tier === 'low' ? 'shop.ordered' : 'shop.shipped' },
        limits: { concurrency: 100, deadlineMs: 600_000 },
        steps: [call(tier, 'acme.create')],
      }),
    );
    await open({ activeMax: 10 }, ...plans);
    const { promise: wait, resolve } = Promise.withResolvers<void>();
    bench.target.decide = () => ({ wait });
    for (let i = 0; i < 30; i++) await accept(`l${i}`);
    await turns();
    const active = () =>
      Object.fromEntries(bench.runtime.flow().pipelines.map(({ pipeline, active: n }) => [pipeline, n]));
    expect(active()).toEqual({ low: 5, high: 0 });
    for (let i = 0; i < 30; i++) await accept(`h${i}`, 'shop.shipped');
    await turns();
    expect(active()).toEqual({ low: 5, high: 5 });
    delete bench.target.decide;
    resolve();
    await bench.runtime.idle();
    expect(bench.runtime.runs({ state: 'succeeded' })).toHaveLength(60);
  });

  test('is given in turn among pipelines of a tier', async () => {
    const names = ['a', 'b', 'c'];
    await open(
      { activeMax: 2 },
      ...names.map((pipeline) =>
        planFor({
          pipeline,
          limits: { concurrency: 50, deadlineMs: 600_000 },
          steps: [call(pipeline, 'acme.create')],
        }),
      ),
    );
    await bench.runtime.setSwitch(
      { kind: 'kill', scope: { everything: true }, sparesCompensation: false },
      'ana',
      'fill',
    );
    for (let i = 0; i < 12; i++) await accept(`o${i}`);
    await bench.runtime.liftSwitch('kill/everything', 'ana', 'go');
    await bench.runtime.idle();
    const order = bench.target.calls.map(({ input }) => String((input as { id: string }).id));
    // No pipeline had to wait until another was through.
    for (const name of names) expect(order.indexOf(name)).toBeLessThan(9);
    expect(order).toHaveLength(36);
  });
});

describe('flow', () => {
  test('tells depth, lag, states, dead letters by class, retries and switches', async () => {
    await open({}, planFor({ onFailure: 'hold', steps: [call('put', 'acme.put')] }));
    bench.target.script = { put: [{ fail: refused }, { fail: unavailable }] };
    await bench.order({ id: 'a' });
    await bench.order({ id: 'b' });
    await bench.runtime.idle();
    await pauseOrders();
    await bench.order({ id: 'c' });
    await bench.pass(30_000);
    const flow = bench.runtime.flow();
    expect(flow.pipelines).toEqual([
      {
        pipeline: 'orders',
        version: 1,
        tier: 'high',
        backlog: 1,
        lagMs: 30_000,
        active: 0,
        concurrency: 50,
        switches: ['pause/orders'],
      },
    ]);
    expect(flow.runs).toMatchObject({ accepted: 1, waiting: 1, failed: 1 });
    const overrides = { done: 0, undone: 0, close: 0, confirm: 0, redo: 0, compensate: 0 };
    expect(flow.counts).toEqual({
      accepted: 3,
      ended: { failed: 1 },
      retries: 1,
      held: 0,
      older: 0,
      overrides,
    });
    expect(flow.deadLetters).toMatchObject([
      { pipeline: 'orders', queue: 'repair', class: 'validation', count: 1 },
    ]);
    expect(flow.connections).toEqual([
      { connection: 'acme', breaker: 'closed', inFlight: 0, waiting: 0, switches: [] },
    ]);
  });
});

describe('the watch', () => {
  const watch = { watchEveryMs: 10_000 };
  const system = (kind: string) =>
    bench.runtime.trace({ system: true }).filter((entry) => entry.kind === kind);

  test.each([
    ['claimed, and nobody is at it', 'claimed = 1, due_at = NULL'],
    ['waits for nothing', 'due_at = NULL'],
    ['behind a run that is no more', `due_at = NULL, behind = 1, order_key = 'k'`],
  ])('lets go of a run that is stuck: %s', async (why, damage) => {
    await open(watch, planFor({ steps: [call('one', 'acme.create')] }));
    bench.target.script = { create: [{ fail: unavailable }] };
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    // As a lost wake-up would leave it.
    const db = new DatabaseSync(bench.file);
    db.exec(`UPDATE runs SET ${damage}`);
    db.close();
    await bench.pass(11_000);
    expect(bench.state(runId)).toBe('waiting');
    await bench.pass(20_000);
    expect(bench.state(runId)).toBe('succeeded');
    expect(bench.runtime.trace({ runId }).filter(({ kind }) => kind === 'stuck')).toMatchObject([
      { details: { why, owner: 'sales' } },
    ]);
    expect(bench.target.doubled).toEqual([]);
  });

  test('leaves alone what waits for a person, a switch or its turn', async () => {
    await open(
      watch,
      planFor({
        onFailure: 'hold',
        identity: {
          key: { expression: 'event.id' },
          retainMs: 1_000_000,
          orderBy: { expression: '"one"' },
        },
        steps: [call('one', 'acme.createBlind')],
      }),
    );
    bench.target.script = { createBlind: [{ loseAnswer: true }] };
    for (const id of ['a', 'b']) await bench.order({ id });
    await bench.runtime.setSwitch(
      { kind: 'kill', scope: { connection: 'acme' }, sparesCompensation: false },
      'ana',
      'x',
    );
    await bench.pass(60_000);
    expect(bench.entries.filter(({ kind }) => kind === 'stuck')).toEqual([]);
  });

  test('reports, once, a run at work far past its deadline', async () => {
    const base = planFor({ steps: [] }).operations;
    await open(
      watch,
      planFor({
        operations: { ...base, 'acme.create': { ...base['acme.create']!, timeoutMs: 600_000 } },
        limits: { concurrency: 1, deadlineMs: 5_000 },
        steps: [call('one', 'acme.create')],
      }),
    );
    const { promise: wait, resolve } = Promise.withResolvers<void>();
    bench.target.script = { create: [{ wait }] };
    const runId = await bench.order({ id: 'a' });
    for (let i = 0; i < 12; i++) {
      bench.clock.advance(10_000);
      await turns();
    }
    resolve();
    await bench.runtime.idle();
    expect(bench.runtime.trace({ runId }).filter(({ kind }) => kind === 'stuck')).toMatchObject([
      { details: { why: 'at work past its deadline', owner: 'sales' } },
    ]);
  });

  test('raises an alarm with the owner when dead letters are too many or too old, once', async () => {
    await open(
      { ...watch, deadLettersAlarm: 2 },
      planFor({ onFailure: 'hold', steps: [call('put', 'acme.put')] }),
    );
    bench.target.script = { put: [{ fail: refused }, { fail: refused }] };
    await bench.order({ id: 'a' });
    await bench.pass(20_000);
    expect(system('alarm')).toEqual([]);
    await bench.order({ id: 'b' });
    await bench.pass(30_000);
    expect(system('alarm')).toMatchObject([
      {
        details: {
          alarm: 'deadLetters',
          pipeline: 'orders',
          queue: 'repair',
          crossed: ['depth'],
          depth: 2,
          owner: 'sales',
          backup: 'platform',
          escalation: 'pager:sales',
        },
      },
    ]);
    await bench.pass(60_000);
    expect(system('alarm').map(({ details }) => details['crossed'])).toEqual([['depth'], ['depth', 'age']]);
  });

  test('raises an alarm with the owner when effects in doubt are too many or too old, once', async () => {
    await open(
      { ...watch, deadLettersAlarm: 2 },
      planFor({ onFailure: 'hold', steps: [call('one', 'acme.createBlind')] }),
    );
    bench.target.script = { createBlind: [{ loseAnswer: true }, { loseAnswer: true }] };
    await bench.order({ id: 'a' });
    await bench.pass(20_000);
    expect(system('alarm')).toEqual([]);
    await bench.order({ id: 'b' });
    await bench.pass(30_000);
    expect(system('alarm')).toMatchObject([
      {
        details: {
          alarm: 'inDoubt',
          pipeline: 'orders',
          crossed: ['depth'],
          depth: 2,
          owner: 'sales',
          backup: 'platform',
          escalation: 'pager:sales',
        },
      },
    ]);
    expect(bench.runtime.flow().inDoubt).toMatchObject([{ pipeline: 'orders', count: 2 }]);
    await bench.pass(60_000);
    expect(system('alarm').map(({ details }) => details['crossed'])).toEqual([['depth'], ['depth', 'age']]);
  });

  test('raises none for an effect in doubt that somebody has settled', async () => {
    await open(
      { ...watch, deadLettersAlarm: 1 },
      planFor({ onFailure: 'hold', steps: [call('one', 'acme.createBlind')] }),
    );
    bench.target.script = { createBlind: [{ loseAnswer: true }] };
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    await bench.runtime.settle(runId, 'one', 'redo', 'ana', 'it is not there');
    await bench.pass(120_000);
    expect(bench.state(runId)).toBe('succeeded');
    expect(system('alarm')).toEqual([]);
  });

  test('raises none for those of compensated runs, of which nobody can do anything, nor counts them', async () => {
    await open(
      { ...watch, deadLettersAlarm: 1 },
      planFor({ steps: [undoable('one'), call('put', 'acme.put')] }),
    );
    bench.target.script = { put: [{ fail: refused }] };
    const runId = await bench.order({ id: 'a' });
    await bench.pass(120_000);
    expect(bench.runtime.deadLetters()).toMatchObject([{ runId, settled: 'compensated' }]);
    expect(bench.runtime.flow().deadLetters).toEqual([]);
    expect(system('alarm')).toEqual([]);
  });

  test('names the team for triage in that alarm, where the pipeline has given it to one', async () => {
    const { owner } = planFor({ steps: [] });
    await open(
      { ...watch, deadLettersAlarm: 1 },
      planFor({
        owner: { ...owner, roles: { triage: 'support' } },
        onFailure: 'hold',
        steps: [call('put', 'acme.put')],
      }),
    );
    bench.target.script = { put: [{ fail: refused }] };
    await bench.order({ id: 'a' });
    await bench.pass(20_000);
    expect(system('alarm')).toMatchObject([{ details: { owner: 'sales', triage: 'support' } }]);
  });

  test('keeps what it has told over a restart: an alarm is not given again for that', async () => {
    await open(
      { ...watch, deadLettersAlarm: 1 },
      planFor({ onFailure: 'hold', steps: [call('put', 'acme.put')] }),
    );
    bench.target.script = { put: [{ fail: refused }] };
    await bench.order({ id: 'a' });
    await bench.pass(60_000);
    expect(system('alarm')).toHaveLength(2);
    await bench.restart();
    expect(bench.runtime.flow().alarms).toMatchObject([{ alarm: 'deadLetters', crossed: ['depth', 'age'] }]);
    await bench.pass(60_000);
    expect(system('alarm')).toHaveLength(2);
    await bench.pass(4 * 3_600_000);
    expect(system('alarm')).toHaveLength(3);
  });

  test('says once when an alarm is over, and gives it anew when it is crossed again', async () => {
    await open(
      { ...watch, deadLettersAlarm: 1 },
      planFor({ onFailure: 'hold', steps: [call('put', 'acme.put')] }),
    );
    bench.target.script = { put: [{ fail: refused }, undefined, { fail: refused }] };
    const runId = await bench.order({ id: 'a' });
    await bench.pass(20_000);
    expect(bench.runtime.flow().alarms).toMatchObject([
      {
        alarm: 'deadLetters',
        pipeline: 'orders',
        queue: 'repair',
        owner: 'sales',
        escalation: 'pager:sales',
        next: 'tenon dead-letters groups --pipeline orders --queue repair',
      },
    ]);
    await bench.runtime.resume(runId, 'ana', 'mended');
    await bench.runtime.idle();
    // What goes over its bound and below it by turns is one alarm.
    await bench.pass(30_000);
    expect(system('alarmOver')).toEqual([]);
    await bench.pass(60_000);
    expect(system('alarmOver')).toMatchObject([
      { details: { alarm: 'deadLetters', pipeline: 'orders', queue: 'repair', owner: 'sales' } },
    ]);
    expect(bench.runtime.flow().alarms).toEqual([]);
    await bench.order({ id: 'b' });
    await bench.pass(20_000);
    expect(system('alarm')).toHaveLength(2);
    expect(system('alarmOver')).toHaveLength(1);
  });

  test('raises an alarm while the disk has too little room for events, and says when it is over', async () => {
    await open(watch, planFor({ steps: [] }));
    bench.diskFreeBytes = () => 10_000_000;
    await bench.pass(11_000);
    expect(system('alarm')).toMatchObject([
      {
        details: {
          alarm: 'intakeClosed',
          code: 'RUNTIME_DISK_LOW',
          message: expect.stringContaining('no event is taken'),
          next: 'tenon doctor',
        },
      },
    ]);
    bench.diskFreeBytes = () => 2 ** 40;
    await bench.pass(90_000);
    expect(system('alarmOver')).toMatchObject([{ details: { alarm: 'intakeClosed' } }]);
    expect(system('alarm')).toHaveLength(1);
  });

  test('reports a flag that has expired, and leaves it in force', async () => {
    await open(watch, planFor({ steps: [undoable('one')] }));
    await bench.runtime.setSwitch(
      {
        kind: 'flag',
        pipeline: 'orders',
        keys: ['vip'],
        events: [],
        share: 0,
        expiresAtMs: bench.clock.now() + 15_000,
      },
      'ana',
      'first users',
    );
    await bench.pass(11_000);
    expect(system('alarm')).toEqual([]);
    await bench.pass(30_000);
    expect(system('alarm')).toMatchObject([
      { details: { alarm: 'flagExpired', flag: 'flag/orders', setBy: 'ana', owner: 'sales' } },
    ]);
    expect(await accept('x')).toMatchObject({ runs: [], flaggedOff: ['orders'] });
  });
});

async function turns(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
}
