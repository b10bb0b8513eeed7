import type { JsonObject } from '@tenon/model';
import type { Plan, PlanStep } from '@tenon/pipeline';
import { afterEach, describe, expect, test } from 'vitest';
import { type Bench, openBench, refused, unavailable } from '../testing/bench.ts';
import { call, childPlan, literal, planFor, run, step } from '../testing/plan.ts';

let bench: Bench;
afterEach(() => bench.close());

const DAY_MS = 86_400_000;
const paid = step('wait', 'paid', {
  for: { event: 'shop.paid', match: 'true', withinMs: 7 * DAY_MS, onExpiry: 'fail' },
});
const consent = step('approve', 'consent', {
  by: 'finance',
  withinMs: 7 * DAY_MS,
  onExpiry: 'reject',
  show: literal(null),
});
const later = step('wait', 'later', { for: { durationMs: 7 * DAY_MS } });

/** One place for the lane, of four. */
const ofFour = (steps: readonly PlanStep[], more: Partial<Plan> = {}): Plan =>
  planFor({ onFailure: 'hold', limits: { concurrency: 4, deadlineMs: 60 * DAY_MS }, steps, ...more });

/** Runs that fail at `put`, in the lane of a replay since. */
async function replayed(ids: readonly string[], more: (id: string) => JsonObject = () => ({})) {
  bench.target.script = { ...bench.target.script, put: Array(ids.length).fill({ fail: refused }) };
  const runIds: string[] = [];
  for (const id of ids) {
    runIds.push(await bench.order({ id, ...more(id) }));
    await bench.runtime.idle();
  }
  const dry = await bench.runtime.planReplay({ state: 'failed', pipeline: 'orders' }, 'ana', 'mended');
  if (!dry.ok) throw new Error(dry.message);
  const { token } = dry.report;
  expect(await bench.runtime.applyReplay(token, 'ana', 'looked at it')).toEqual({ ok: true });
  return { runIds, token };
}

/** As `pass`, while calls of the target are not answered. */
async function passHanging(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 100) {
    bench.clock.advance(100);
    for (let turn = 0; turn < 20; turn++) await new Promise((next) => setImmediate(next));
  }
}

test('a replay goes on at its pace, though the clock is set back meanwhile', async () => {
  bench = await openBench(ofFour([call('put', 'acme.put')]));
  const { runIds } = await replayed(['a', 'b', 'c']);
  await bench.pass(150);
  expect(runIds.map(bench.state)).toContain('failed');
  bench.clock.jump(-3_600_000);
  await bench.pass(3_000);
  expect(runIds.map(bench.state)).toEqual(['succeeded', 'succeeded', 'succeeded']);
});

describe('a replayed run that waits takes no place of the lane', () => {
  test.each([
    ['an event', paid],
    ['a person', consent],
    ['a date', later],
  ])('for %s', async (_name, wait) => {
    bench = await openBench(ofFour([call('put', 'acme.put'), wait]));
    const { runIds, token } = await replayed(['a', 'b', 'c']);
    await bench.pass(3_000);
    expect(runIds.map(bench.state)).toEqual(['waiting', 'waiting', 'waiting']);
    expect(bench.runtime.replayStatus(token)?.runs).toEqual({ sent: 3 });
  });

  test('nor does one whose child waits, but one whose child is at work does', async () => {
    const child = childPlan({ steps: [call('set', 'acme.create'), consent] });
    bench = await openBench(child, ofFour([call('put', 'acme.put'), run('sub', child)]));
    const { promise: wait, resolve } = Promise.withResolvers<void>();
    bench.target.script = { create: [{ wait, result: {} }] };
    const { runIds } = await replayed(['a', 'b', 'c']);
    await passHanging(3_000);
    expect(runIds.map(bench.state)).toEqual(['waiting', 'failed', 'failed']);
    resolve();
    await passHanging(3_000);
    expect(runIds.map(bench.state)).toEqual(['waiting', 'waiting', 'waiting']);
  });

  test('nor does one that waits for its turn behind a run that waits', async () => {
    bench = await openBench(
      ofFour([call('put', 'acme.put'), consent], {
        identity: { key: { expression: 'event.id' }, orderBy: { expression: 'event.of' }, retainMs: DAY_MS },
      }),
    );
    const { runIds } = await replayed(['a', 'b', 'c'], (id) => ({ of: id === 'c' ? 'other' : 'same' }));
    await bench.pass(3_000);
    expect(runIds.map(bench.state)).toEqual(['waiting', 'running', 'waiting']);
  });

  test('as after a restart', async () => {
    bench = await openBench(ofFour([call('put', 'acme.put'), consent]));
    const { runIds } = await replayed(['a', 'b', 'c']);
    await bench.pass(350);
    expect(runIds.map(bench.state)).toContain('failed');
    await bench.restart();
    await bench.pass(3_000);
    expect(runIds.map(bench.state)).toEqual(['waiting', 'waiting', 'waiting']);
  });
});

test('a run that fails again and is let out by a later replay has ended for the earlier one', async () => {
  bench = await openBench(ofFour([call('put', 'acme.put'), consent]));
  const { runIds, token } = await replayed(Array.from({ length: 120 }, (_, i) => `o${i}`));
  await bench.pass(13_000);
  // More than are looked at in one tick, and the one that goes again is not among them.
  for (const runId of runIds) await bench.runtime.decide(runId, 'consent', 'reject', 'ben', 'not yet');
  const again = await bench.runtime.planReplay({ runIds: [runIds[80]!] }, 'ana', 'once more');
  if (!again.ok) throw new Error(again.message);
  await bench.runtime.applyReplay(again.report.token, 'ana', 'looked at it', { perSecond: 1_000 });
  await bench.pass(5_000);
  expect(bench.runtime.replayStatus(token)?.runs).toEqual({ done: 120 });
});

describe('a replayed run takes a place of the lane', () => {
  test('while it pauses between attempts', async () => {
    bench = await openBench(ofFour([call('put', 'acme.put'), call('set', 'acme.create')]));
    bench.target.script = { create: Array(4).fill({ fail: unavailable }) };
    const { runIds } = await replayed(['a', 'b', 'c']);
    await bench.pass(5_000);
    expect(runIds.map(bench.state)).toEqual(['waiting', 'failed', 'failed']);
    await bench.pass(20_000);
    expect(runIds.map(bench.state)).toEqual(['failed', 'succeeded', 'succeeded']);
  });

  test('once it goes on: while as many are at work as there are places, no other is let out', async () => {
    bench = await openBench(ofFour([call('put', 'acme.put'), paid, call('set', 'acme.create')]));
    const { runIds, token } = await replayed(['a', 'b', 'c']);
    await bench.pass(350);
    expect(runIds.map(bench.state)).toEqual(['waiting', 'waiting', 'failed']);
    const { promise: wait, resolve } = Promise.withResolvers<void>();
    bench.target.script = {
      create: [
        { wait, result: {} },
        { wait, result: {} },
      ],
    };
    await bench.runtime.accept({ event: 'shop.paid', payload: {}, source: 'shop', deliveryId: 'p' });
    await passHanging(3_000);
    expect(runIds.map(bench.state)).toEqual(['running', 'running', 'failed']);
    resolve();
    await bench.pass(3_000);
    expect(runIds.map(bench.state)).toEqual(['succeeded', 'succeeded', 'succeeded']);
    expect(bench.runtime.replayStatus(token)?.runs).toEqual({ done: 3 });
  });

  test('at once when it goes on, however many others wait', async () => {
    bench = await openBench(ofFour([call('put', 'acme.put'), consent, call('set', 'acme.create')]));
    const { runIds } = await replayed(Array.from({ length: 130 }, (_, i) => `o${i}`));
    await bench.pass(12_050);
    const letOut = () => runIds.filter((runId) => bench.state(runId) !== 'failed').length;
    const before = letOut();
    expect(before).toBeGreaterThan(100);
    const { promise: wait, resolve } = Promise.withResolvers<void>();
    bench.target.script = { create: [{ wait, result: {} }] };
    await bench.runtime.decide(runIds[90]!, 'consent', 'approve', 'ben', 'fine');
    await passHanging(500);
    expect(letOut()).toBe(before);
    resolve();
  });
});

describe('a pipeline that stands still holds back no other of the same replay', () => {
  /** Of `orders` come first, and the lane reads some five hundred at once. */
  const BEHIND = 600;
  const other = planFor({
    onFailure: 'hold',
    pipeline: 'payments',
    trigger: { event: 'shop.paid' },
    steps: [call('create', 'acme.create')],
  });

  async function failed(event: string, ids: readonly string[]): Promise<readonly string[]> {
    const runIds: string[] = [];
    for (const id of ids) {
      const accepted = await bench.runtime.accept({
        event,
        payload: { id },
        source: 'shop',
        deliveryId: `${event}/${id}`,
      });
      if (!accepted.ok) throw new Error(accepted.failure.message);
      runIds.push(accepted.runs[0]!.runId);
    }
    await bench.runtime.idle();
    return runIds;
  }

  async function applied(perSecond: number): Promise<string> {
    const dry = await bench.runtime.planReplay({ state: 'failed' }, 'ana', 'mended');
    if (!dry.ok) throw new Error(dry.message);
    const { token } = dry.report;
    expect(await bench.runtime.applyReplay(token, 'ana', 'looked at it', { perSecond })).toEqual({
      ok: true,
    });
    return token;
  }

  test('be it paused, with ever so many runs before the others', async () => {
    bench = await openBench(ofFour([call('put', 'acme.put')]), other);
    bench.target.script = {
      put: Array(BEHIND).fill({ fail: refused }),
      create: [{ fail: refused }, { fail: refused }],
    };
    const orders = await failed(
      'shop.ordered',
      Array.from({ length: BEHIND }, (_, i) => `o${i}`),
    );
    const payments = await failed('shop.paid', ['p1', 'p2']);
    await bench.runtime.setSwitch({ kind: 'pause', pipeline: 'orders', onlyKeys: [] }, 'ana', 'look');
    const token = await applied(1_000);
    await bench.pass(1_000);
    expect(payments.map(bench.state)).toEqual(['succeeded', 'succeeded']);
    expect(bench.runtime.replayStatus(token)?.runs).toEqual({ waiting: BEHIND, done: 2 });
    await bench.restart();
    await bench.runtime.liftSwitch('pause/orders', 'ana', 'seen');
    await bench.pass(70_000);
    expect(new Set(orders.map(bench.state))).toEqual(new Set(['succeeded']));
    // In the order in which they came, as those of one order key must be.
    const sent = bench.target.calls.filter(({ operation }) => operation === 'put').slice(BEHIND);
    expect(sent.map(({ request }) => request.origin?.runId)).toEqual(orders);
  });

  test('or full', async () => {
    bench = await openBench(ofFour([call('put', 'acme.put')]), other);
    bench.target.script = { put: [{ fail: refused }, { fail: refused }], create: [{ fail: refused }] };
    const orders = await failed('shop.ordered', ['o1', 'o2']);
    const payments = await failed('shop.paid', ['p']);
    await applied(10);
    const { promise: wait, resolve } = Promise.withResolvers<void>();
    bench.target.script = { put: [{ wait }] };
    await passHanging(2_000);
    expect([...orders, ...payments].map(bench.state)).toEqual(['running', 'failed', 'succeeded']);
    resolve();
    await bench.pass(2_000);
    expect(orders.map(bench.state)).toEqual(['succeeded', 'succeeded']);
  });

  test('and they take turns, as long as all have room', async () => {
    bench = await openBench(planFor({ onFailure: 'hold', steps: [call('put', 'acme.put')] }), other);
    bench.target.script = {
      put: Array(5).fill({ fail: refused }),
      create: [{ fail: refused }, { fail: refused }],
    };
    await failed('shop.ordered', ['o1', 'o2', 'o3', 'o4', 'o5']);
    const payments = await failed('shop.paid', ['p1', 'p2']);
    await applied(10);
    await bench.pass(600);
    expect(payments.map(bench.state)).toEqual(['succeeded', 'succeeded']);
  });
});
