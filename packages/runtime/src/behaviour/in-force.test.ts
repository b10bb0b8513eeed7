import type { Json } from '@tenon/model';
import type { Plan } from '@tenon/pipeline';
import { afterEach, describe, expect, test } from 'vitest';
import { SecretAudit } from '../secret-audit.ts';
import { type Bench, openBench } from '../testing/bench.ts';
import { call, planFor, step, undoable } from '../testing/plan.ts';

/** A run is carried out to its end by the plan that it began with: what that one needs is there, whatever is in force by then (C120). */
let bench: Bench;
afterEach(() => bench.close());

const pause = step('wait', 'pause', { for: { durationMs: 60_000 } });
const paid = (event = 'shop.paid') =>
  step('wait', 'paid', { for: { event, match: 'true', withinMs: 3_600_000, onExpiry: 'fail' } });
const earlier = planFor({ steps: [pause, call('old', 'acme.put')] });
const later = planFor({ version: 2, steps: [call('new', 'acme.put')] });
const onlyOrdered = Object.fromEntries(
  Object.entries(later.events).filter(([name]) => name === 'shop.ordered'),
) as Plan['events'];

async function ordered(id: string): Promise<string> {
  const runId = await bench.order({ id });
  await bench.runtime.idle();
  return runId;
}

const deliver = (event: string, payload: Json, invalid?: 'quarantine') =>
  bench.runtime.accept({
    event,
    payload,
    deliveryId: `${event}-${bench.entries.length}`,
    source: 'shop',
    ...(invalid && { invalid }),
  });

describe('a call was granted with its plan', () => {
  const granted = () =>
    bench.target.calls.map(({ request }) => [request.origin?.step, request.isGrantedBefore ?? false]);

  test('where its run keeps to another than is deployed', async () => {
    bench = await openBench(earlier);
    await ordered('a');
    await bench.runtime.activate(later);
    await ordered('b');
    await bench.pass(61_000);
    expect(granted()).toEqual([
      ['new', false],
      ['old', true],
    ]);
  });

  test('where somebody has gone back to it, and where its pipeline was retired', async () => {
    const parked = planFor({ version: 2, steps: [pause, call('new', 'acme.put')] });
    bench = await openBench(later, planFor({ version: 1, steps: [pause, call('old', 'acme.put')] }));
    await bench.runtime.activate(parked);
    expect(
      await bench.runtime.setSwitch({ kind: 'rollback', pipeline: 'orders', version: 1 }, 'ana', 'wrong'),
    ).toMatchObject({ ok: true });
    await ordered('a');
    await bench.runtime.retire('orders');
    await bench.pass(61_000);
    expect(granted()).toEqual([['old', true]]);
  });

  test('where it is undone by that', async () => {
    bench = await openBench(planFor({ steps: [undoable('make'), pause] }));
    const runId = await ordered('a');
    await bench.runtime.activate(later);
    await bench.runtime.cancel(runId, 'ana', 'not wanted');
    await bench.runtime.idle();
    expect(granted()).toEqual([
      ['make', false],
      ['compensate:make', true],
    ]);
  });
});

describe('an event is to be taken in', () => {
  test('that the version waits for to which somebody has gone back, though the one that is deployed does not', async () => {
    const other = planFor({ pipeline: 'payments', trigger: { event: 'shop.paid' }, steps: [] });
    bench = await openBench(planFor({ steps: [paid()] }), other);
    await bench.runtime.activate(later);
    await bench.runtime.setSwitch({ kind: 'rollback', pipeline: 'orders' }, 'ana', 'wrong');
    expect(bench.runtime.awaitedEvents()).toEqual(['shop.ordered', 'shop.paid']);
    // What brought it for another pipeline is gone by the next deploy, and what is deployed begins with another event.
    await bench.runtime.retire('payments');
    await bench.runtime.activate(
      planFor({ version: 3, trigger: { event: 'shop.shipped' }, identity: earlier.identity, steps: [] }),
    );
    expect(bench.runtime.awaitedEvents()).toEqual(['shop.ordered', 'shop.paid']);
  });

  test('that a run may wait for which a run of an earlier plan has not begun yet', async () => {
    const child = planFor({
      pipeline: 'child',
      trigger: { manual: true, input: true },
      identity: { key: { expression: "'of ' + event.id" }, retainMs: 86_400_000 },
      steps: [paid()],
    });
    const parent = planFor({
      steps: [
        pause,
        step('run', 'below', {
          pipeline: 'child',
          version: 1,
          plan: child.hash,
          with: { expression: 'event' },
        }),
      ],
    });
    bench = await openBench(child, parent);
    await ordered('a');
    await bench.runtime.activate(later);
    await bench.runtime.retire('child');
    expect(bench.runtime.awaitedEvents()).toEqual(['shop.paid']);
    await bench.pass(61_000);
    await deliver('shop.paid', {});
    await bench.runtime.idle();
    expect(bench.runtime.runs().map(({ state }) => state)).toEqual(['succeeded', 'succeeded']);
    expect(bench.runtime.awaitedEvents()).toEqual([]);
  });
});

describe('an event that only a run of an earlier plan waits for', () => {
  const open = async (): Promise<string> => {
    bench = await openBench(planFor({ onFailure: 'hold', steps: [paid('shop.shipped')] }));
    const runId = await ordered('a');
    await bench.runtime.activate(planFor({ version: 2, events: onlyOrdered, steps: [] }));
    return runId;
  };

  test('is said to be waited for, by name, for as long as the run has not ended', async () => {
    const runId = await open();
    expect(bench.runtime.hearers('shop.shipped')).toMatchObject({ waits: ['orders'], isAwaited: true });
    expect(bench.runtime.eventNames()).toEqual(['shop.ordered', 'shop.shipped']);
    await bench.runtime.cancel(runId, 'ana', 'not wanted');
    await bench.runtime.idle();
    expect(bench.runtime.hearers('shop.shipped')).toMatchObject({ waits: [], isAwaited: false });
  });

  test('is held against the contract of that plan', async () => {
    const runId = await open();
    expect(bench.runtime.misfit('shop.shipped', {})).toMatchObject({ code: 'EVENT_PAYLOAD_INVALID' });
    expect(await deliver('shop.shipped', {})).toMatchObject({ failure: { code: 'EVENT_PAYLOAD_INVALID' } });
    await deliver('shop.shipped', {}, 'quarantine');
    await bench.runtime.idle();
    expect(bench.runtime.deadLetters()).toMatchObject([
      { queue: 'quarantine', pipeline: 'orders', failure: { code: 'EVENT_PAYLOAD_INVALID' } },
    ]);
    expect((await bench.runtime.recheck({}, 'ana', 'mended')).events).toMatchObject([{ outcome: 'fails' }]);
    expect(await deliver('shop.shipped', { id: 'a' })).toMatchObject({ ok: true });
    await bench.runtime.idle();
    expect(bench.state(runId)).toBe('succeeded');
  });
});

describe('an event that runs of two earlier plans wait for, each by a contract of its own', () => {
  const shipped = (member: string): Plan['events'] => ({
    ...later.events,
    'shop.shipped': { ...later.events['shop.shipped']!, payload: { type: 'object', required: [member] } },
  });
  const open = async (): Promise<readonly [string, string]> => {
    const parts = { onFailure: 'hold', steps: [paid('shop.shipped')] } as const;
    bench = await openBench(planFor({ ...parts, events: shipped('id') }));
    const first = await ordered('a');
    await bench.runtime.activate(planFor({ ...parts, version: 2, events: shipped('parcel') }));
    const second = await ordered('b');
    await bench.runtime.activate(planFor({ version: 3, events: onlyOrdered, steps: [] }));
    return [first, second];
  };

  test.each([
    ['the later', undefined, [{ parcel: 'p' }, { id: 'a' }], ['waiting', 'succeeded']],
    ['the earlier', undefined, [{ id: 'a' }, { parcel: 'p' }], ['succeeded', 'waiting']],
    [
      'the later, of what is kept where it does not fit',
      'quarantine',
      [{ parcel: 'p' }, { id: 'a' }],
      ['waiting', 'succeeded'],
    ],
  ] as const)('is taken in where it fits one of them: %s', async (_, invalid, [one, other], states) => {
    const runs = await open();
    expect(bench.runtime.misfit('shop.shipped', one)).toBeUndefined();
    expect(await deliver('shop.shipped', one, invalid)).toMatchObject({ ok: true, runs: [] });
    await bench.runtime.idle();
    expect(runs.map((runId) => bench.state(runId))).toEqual(states);
    expect(await deliver('shop.shipped', other, invalid)).toMatchObject({ ok: true, runs: [] });
    await bench.runtime.idle();
    expect(runs.map((runId) => bench.state(runId))).toEqual(['succeeded', 'succeeded']);
    expect(bench.runtime.deadLetters()).toEqual([]);
  });

  test('is refused where it fits none, as the newest says, and held once for their pipeline', async () => {
    await open();
    const failure = { code: 'EVENT_PAYLOAD_INVALID', message: expect.stringContaining('parcel') };
    expect(bench.runtime.misfit('shop.shipped', {})).toMatchObject(failure);
    expect(await deliver('shop.shipped', {})).toMatchObject({ ok: false, failure });
    await deliver('shop.shipped', {}, 'quarantine');
    await bench.runtime.idle();
    expect(bench.runtime.deadLetters()).toMatchObject([{ queue: 'quarantine', pipeline: 'orders', failure }]);
    expect((await bench.runtime.recheck({}, 'ana', 'mended')).events).toMatchObject([{ outcome: 'fails' }]);
  });
});

describe('what a run of an earlier plan emits', () => {
  const shipped = (member: string): Plan['events'] => ({
    ...later.events,
    'shop.shipped': { ...later.events['shop.shipped']!, payload: { type: 'object', required: [member] } },
  });
  const emitting = [
    pause,
    step('emit', 'tell', { event: 'shop.shipped', with: { object: { id: { expression: 'event.id' } } } }),
  ];
  const listening = (version: number, member: string): Plan =>
    planFor({
      pipeline: 'listening',
      version,
      trigger: { event: 'shop.shipped' },
      events: shipped(member),
      steps: [],
    });
  const held = () =>
    bench.runtime.deadLetters().map(({ pipeline, queue, failure }) => [pipeline, queue, failure.code]);

  test('by a contract that whoever begins with it has left is held with its owner, and the run goes on', async () => {
    bench = await openBench(planFor({ events: shipped('id'), steps: emitting }), listening(1, 'id'));
    const runId = await ordered('a');
    await bench.runtime.activate(listening(2, 'parcel'));
    await bench.pass(61_000);
    expect(bench.state(runId)).toBe('succeeded');
    expect(held()).toEqual([['listening', 'quarantine', 'EVENT_PAYLOAD_INVALID']]);
    await bench.runtime.activate(listening(3, 'id'));
    expect((await bench.runtime.recheck({ apply: true }, 'ana', 'mended')).events).toMatchObject([
      { outcome: 'released' },
    ]);
    await bench.runtime.idle();
    expect(bench.runtime.runs({ pipeline: 'listening', state: 'succeeded' })).toHaveLength(1);
  });

  test('by a contract that its own next version has left is heard by who has not', async () => {
    bench = await openBench(planFor({ events: shipped('id'), steps: emitting }), listening(1, 'id'));
    const runId = await ordered('a');
    await bench.runtime.activate(planFor({ version: 2, events: shipped('parcel'), steps: emitting }));
    await bench.pass(61_000);
    expect(bench.state(runId)).toBe('succeeded');
    expect(held()).toEqual([]);
    expect(bench.runtime.runs({ pipeline: 'listening' })).toHaveLength(1);
  });

  test('by a contract that no run keeps to which waits for it is held, and not passed over in silence', async () => {
    const waiting = (version: number, parts: Partial<Plan>): Plan =>
      planFor({ pipeline: 'waiting', version, steps: [], ...parts });
    bench = await openBench(
      planFor({ events: shipped('id'), steps: emitting }),
      waiting(1, { events: shipped('parcel'), steps: [paid('shop.shipped')], onFailure: 'hold' }),
    );
    await ordered('a');
    await bench.runtime.activate(planFor({ version: 2, events: onlyOrdered, steps: [] }));
    await bench.runtime.activate(waiting(2, { events: onlyOrdered }));
    await bench.pass(61_000);
    expect(held()).toEqual([['waiting', 'quarantine', 'EVENT_PAYLOAD_INVALID']]);
  });
});

test('an event that a run of a retired pipeline waits for, and that its plan starts with too, starts none of it', async () => {
  const next = {
    event: 'shop.ordered',
    match: 'signal.id != event.id',
    withinMs: 3_600_000,
    onExpiry: 'fail',
  } as const;
  bench = await openBench(planFor({ onFailure: 'hold', steps: [step('wait', 'next', { for: next })] }));
  const runId = await ordered('a');
  await bench.runtime.retire('orders');
  expect(await deliver('shop.ordered', { id: 'b' })).toMatchObject({ ok: true, runs: [] });
  await bench.runtime.idle();
  expect(bench.runtime.runs()).toHaveLength(1);
  expect(bench.state(runId)).toBe('succeeded');
});

test('a secret that is used as the plan of the run says raises no alarm', async () => {
  bench = await openBench(earlier);
  const audit = new SecretAudit();
  bench.secretUses = audit;
  bench.target.onCall = (when, { origin }) => {
    if (when !== 'before' || origin === undefined) return;
    const purpose = { connection: 'acme', use: 'authenticate', origin } as const;
    audit.onSecretUse({ reference: 'env:KEY', purpose, found: true, isHeld: false });
  };
  await bench.restart();
  await ordered('a');
  await bench.runtime.activate(planFor({ version: 2, steps: [] }));
  await bench.pass(70_000);
  expect(bench.target.count('put')).toBe(1);
  expect(bench.runtime.secretUsers()).toMatchObject([{ isUnexpected: false }]);
  expect(bench.runtime.flow().alarms).toEqual([]);
});

test('what the newest plan does not speak of is kept no longer than the plan of its run said; a contract that is changed counts for all', async () => {
  const DAY_MS = 86_400_000;
  const steps = [undoable('one')];
  const keep = (days: number, because: string) => ({ keep: { ms: days * DAY_MS, because } });
  bench = await openBench(planFor({ steps, ...keep(2, 'personal data of shop') }));
  const old = await bench.order({ id: 'a' });
  await bench.runtime.activate(planFor({ version: 2, steps }));
  const next = await bench.order({ id: 'b' });
  await bench.pass(3 * DAY_MS);
  expect(bench.runtime.run(old)).toMatchObject({ input: null });
  expect(bench.runtime.run(next)).toMatchObject({ input: { id: 'b' } });
  await bench.runtime.activate(planFor({ version: 3, steps, ...keep(1, 'personal data of shop') }));
  const short = await bench.order({ id: 'c' });
  await bench.runtime.activate(planFor({ version: 4, steps, ...keep(10, 'personal data of shop') }));
  await bench.pass(3 * DAY_MS);
  expect(bench.runtime.run(short), 'of the same contract the newest word counts').toMatchObject({
    input: { id: 'c' },
  });
});
