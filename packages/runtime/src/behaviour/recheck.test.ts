import { DatabaseSync } from 'node:sqlite';
import type { Json } from '@tenon/model';
import type { Plan } from '@tenon/pipeline';
import { afterEach, describe, expect, test } from 'vitest';
import type { RecheckFilter } from '../runtime.ts';
import { type Bench, openBench } from '../testing/bench.ts';
import { call, planFor, step } from '../testing/plan.ts';

let bench: Bench;
afterEach(() => bench.close());

const base = planFor({ steps: [] });
/** `amount` is what the contract takes it for; orders of one account keep their order. */
const plan = (amount: 'integer' | 'string', more: Partial<Plan> = {}): Plan =>
  planFor({
    version: amount === 'integer' ? 1 : 2,
    events: {
      'shop.ordered': {
        ...base.events['shop.ordered']!,
        payload: {
          type: 'object',
          required: ['id', 'account', 'amount'],
          properties: { id: { type: 'string' }, account: { type: 'string' }, amount: { type: amount } },
        },
      },
    },
    identity: {
      key: { expression: 'event.id' },
      retainMs: 86_400_000,
      orderBy: { expression: 'event.account' },
    },
    steps: [call('set', 'acme.put', { with: { object: { id: { expression: 'event.id' } } } })],
    ...more,
  });

const accept = (id: string, amount: Json, account = 'a') =>
  bench.runtime.accept({
    event: 'shop.ordered',
    payload: { id, account, amount },
    deliveryId: `d-${id}`,
    source: 'bus/orders',
    invalid: 'quarantine',
  });
const recheck = (filter: RecheckFilter = {}) => bench.runtime.recheck(filter, 'ana', 'contract was mended');
const outcomes = async (filter: RecheckFilter = {}) =>
  (await recheck(filter)).events.map(({ deliveryId, outcome }) => `${deliveryId} ${outcome}`);
const written = () => bench.target.calls.map(({ input }) => (input as { id: string }).id);

test('one that is damaged is said to be unreadable, and keeps no other in quarantine', async () => {
  bench = await openBench(plan('integer'));
  for (const id of ['1', '2', '3', '4']) await accept(id, 'ten', id);
  await bench.runtime.idle();
  await bench.runtime.activate(plan('string'));
  const db = new DatabaseSync(bench.file);
  db.exec(`UPDATE events SET payload = '{' WHERE delivery_id = 'd-2';
    UPDATE runs SET intake_failure = '~00000000{}' WHERE event_seq = (SELECT seq FROM events WHERE delivery_id = 'd-3')`);
  db.close();
  const { events } = await recheck({ apply: true });
  expect(events.map(({ deliveryId, outcome }) => `${deliveryId} ${outcome}`)).toEqual([
    'd-1 released',
    'd-2 unreadable',
    'd-3 unreadable',
    'd-4 released',
  ]);
  expect(events[1]).toMatchObject({ failure: { code: 'STORED_VALUE_DAMAGED' } });
  await bench.runtime.idle();
  expect(written()).toEqual(['1', '4']);
});

describe('events in quarantine, once their contract was mended', () => {
  test('are released in the order in which they came: a dry run first, then exactly those', async () => {
    bench = await openBench(plan('integer'));
    for (const id of ['1', '2', '3'])
      expect(await accept(id, 'ten')).toMatchObject({ quarantined: { pointer: '/amount' } });
    await bench.runtime.idle();
    expect(await outcomes()).toEqual(['d-1 fails', 'd-2 fails', 'd-3 fails']);
    await bench.runtime.activate(plan('string'));
    const dry = await recheck();
    expect(dry).toMatchObject({
      applied: false,
      more: false,
      events: [{ outcome: 'passes' }, { outcome: 'passes' }, { outcome: 'passes' }],
    });
    expect(written()).toEqual([]);
    expect(bench.runtime.deadLetters()).toHaveLength(3);

    // What comes after the dry run is not acted on.
    await accept('4', 5);
    await bench.runtime.idle();
    expect(
      (await recheck({ apply: true, through: dry.through })).events.map(({ outcome }) => outcome),
    ).toEqual(['released', 'released', 'released']);
    await bench.runtime.idle();
    expect(written()).toEqual(['1', '2', '3']);
    expect(bench.runtime.deadLetters().map(({ key }) => key)).toEqual(['delivery:d-4']);
    const states = bench.runtime
      .runs()
      .map(({ key, state, version }) => `${key} ${state} ${version}`)
      .sort();
    expect(states).toEqual([
      '1 succeeded 2',
      '2 succeeded 2',
      '3 succeeded 2',
      'delivery:d-1 cancelled 1',
      'delivery:d-2 cancelled 1',
      'delivery:d-3 cancelled 1',
      'delivery:d-4 failed 2',
    ]);
    // Done again, there is nothing left to do.
    expect(await outcomes({ apply: true })).toEqual(['d-4 fails']);
    await bench.runtime.idle();
    expect(written()).toEqual(['1', '2', '3']);
  });

  test('are on record with who released them and why, in one trace with what they started', async () => {
    bench = await openBench(plan('integer'));
    await accept('1', 'ten');
    await bench.runtime.idle();
    const [held] = bench.runtime.runs();
    await bench.runtime.activate(plan('string'));
    await recheck({ apply: true });
    await bench.runtime.idle();
    const trace = bench.runtime.trace({ runId: held!.runId });
    expect(trace).toContainEqual(
      expect.objectContaining({
        kind: 'operator',
        details: { action: 'release', actor: 'ana', reason: 'contract was mended', deliveryId: 'd-1' },
      }),
    );
    const [after] = bench.runtime.runs({ key: '1' });
    expect(bench.runtime.trace({ runId: after!.runId })[0]).toMatchObject({
      kind: 'accepted',
      details: {
        source: 'quarantine:bus/orders',
        deliveryId: 'd-1',
        correlationId: bench.runtime.deadLetters()[0]?.correlationId ?? expect.any(String),
      },
    });
    expect(bench.runtime.trace({ system: true })).toContainEqual(
      expect.objectContaining({
        details: { action: 'recheck', actor: 'ana', reason: 'contract was mended', released: 1, held: 0 },
      }),
    );
  });

  test('keep the order of their key: one behind another that stays, stays', async () => {
    bench = await openBench(plan('integer'));
    await accept('1', null);
    await accept('2', 'ten');
    await accept('3', 'ten', 'b');
    await bench.runtime.idle();
    await bench.runtime.activate(plan('string'));
    expect(await outcomes({ apply: true })).toEqual(['d-1 fails', 'd-2 behind', 'd-3 released']);
    await bench.runtime.idle();
    expect(written()).toEqual(['3']);
    // Once the first is ended by a person, the second may go.
    const [first] = bench.runtime.deadLetters();
    await bench.runtime.cancel(first!.runId, 'ana', 'test data');
    await bench.runtime.idle();
    expect(await outcomes({ apply: true })).toEqual(['d-2 released']);
    await bench.runtime.idle();
    expect(written()).toEqual(['3', '2']);
  });

  test('that a later event of their key has overtaken stay, unless it is said that this does not matter', async () => {
    bench = await openBench(plan('integer'));
    await accept('1', 'ten');
    await accept('2', 'ten');
    await bench.runtime.idle();
    await bench.runtime.activate(plan('string'));
    await accept('3', 'twelve');
    await bench.runtime.idle();
    expect(await outcomes({ apply: true })).toEqual(['d-1 overtaken', 'd-2 behind']);
    expect(await outcomes({ apply: true, overtaken: true })).toEqual(['d-1 released', 'd-2 released']);
    await bench.runtime.idle();
    expect(written()).toEqual(['3', '1', '2']);
  });

  test('say what became of them: a run, a flag against it, a newer one, a key that is known', async () => {
    const versioned = (amount: 'integer' | 'string', pipeline: string) => {
      const { identity } = plan(amount);
      return plan(amount, {
        pipeline,
        identity: { ...identity, key: { expression: 'event.amount' }, version: 'event.amount' },
      });
    };
    bench = await openBench(
      plan('integer'),
      versioned('integer', 'versioned'),
      plan('integer', { pipeline: 'off' }),
    );
    await accept('1', '2026-01-01T00:00:00Z');
    await bench.runtime.idle();
    await bench.runtime.activate(plan('string'));
    await bench.runtime.activate(versioned('string', 'versioned'));
    await bench.runtime.activate(plan('string', { pipeline: 'off' }));
    const flag = {
      kind: 'flag',
      pipeline: 'off',
      share: 0,
      keys: [],
      events: [],
      expiresAtMs: 4e12,
    } as const;
    expect(await bench.runtime.setSwitch(flag, 'ana', 'not yet')).toMatchObject({ ok: true });
    await bench.runtime.accept({
      event: 'shop.ordered',
      payload: { id: '1', account: 'a', amount: '2026-06-01T00:00:00Z' },
      deliveryId: 'again',
      source: 'bus/orders',
    });
    await bench.runtime.idle();
    const foreseen = (await recheck({ overtaken: true })).events[0]?.became;
    const { events } = await recheck({ apply: true, overtaken: true });
    const [first] = bench.runtime.runs({ pipeline: 'orders', key: '1' });
    expect(events).toMatchObject([{ outcome: 'released' }]);
    expect(events[0]?.became).toEqual([
      { pipeline: 'orders', as: 'known', runId: first?.runId },
      { pipeline: 'off', as: 'flaggedOff' },
      { pipeline: 'versioned', as: 'older' },
    ]);
    const inOrder = (one: NonNullable<typeof foreseen>) =>
      one.toSorted((a, b) => (a.pipeline < b.pipeline ? -1 : 1));
    expect(inOrder(foreseen!), 'and the dry run says so').toEqual(inOrder(events[0]!.became!));
    await accept('2', 5, 'b');
    await bench.runtime.idle();
    expect((await recheck()).events[0]?.became).toBeUndefined();
  });

  test('are foreseen one by one: of two with one business key both would start, and the second is known', async () => {
    bench = await openBench(plan('integer'));
    for (const deliveryId of ['d-1', 'd-2'])
      await bench.runtime.accept({
        event: 'shop.ordered',
        payload: { id: '1', account: 'a', amount: 'ten' },
        deliveryId,
        source: 'bus/orders',
        invalid: 'quarantine',
      });
    await bench.runtime.idle();
    await bench.runtime.activate(plan('string'));
    const became = async (filter: RecheckFilter) =>
      (await recheck(filter)).events.map((event) => event.became?.map(({ as }) => as));
    expect(await became({})).toEqual([['started'], ['started']]);
    expect(await became({ apply: true })).toEqual([['started'], ['known']]);
  });

  test('released at another time than the one before are not taken for overtaken', async () => {
    bench = await openBench(plan('integer'));
    await accept('1', 'ten');
    await accept('2', 'ten');
    await bench.runtime.idle();
    await bench.runtime.activate(plan('string'));
    const [first] = (await recheck()).events;
    expect(first).toMatchObject({ outcome: 'passes' });
    const { through } = await recheck();
    expect(await outcomes({ apply: true, through: through - 1 })).toEqual(['d-1 released']);
    await bench.runtime.idle();
    expect(await outcomes({ apply: true })).toEqual(['d-2 released']);
    await bench.runtime.idle();
    expect(written()).toEqual(['1', '2']);
  });

  test('start what a person has not ended, and nothing twice over a crash', async () => {
    const second = plan('integer', { pipeline: 'second' });
    bench = await openBench(plan('integer'), second);
    await accept('1', 'ten');
    await bench.runtime.idle();
    const mine = bench.runtime.deadLetters().find(({ pipeline }) => pipeline === 'second');
    await bench.runtime.cancel(mine!.runId, 'ana', 'not ours');
    await bench.runtime.idle();
    await bench.runtime.activate(plan('string'));
    await bench.runtime.activate(plan('string', { pipeline: 'second' }));
    await recheck({ apply: true });
    await bench.crash();
    await bench.runtime.idle();
    expect(await outcomes({ apply: true })).toEqual([]);
    expect(
      bench.runtime
        .runs()
        .filter(({ state }) => state === 'succeeded')
        .map(({ pipeline }) => pipeline),
    ).toEqual(['orders']);
    expect(new Set(written())).toEqual(new Set(['1']));
  });

  const twoPipelines = async (limits = {}) => {
    bench = await openBench(plan('integer'), plan('integer', { pipeline: 'second' }));
    bench.limits = limits;
    await bench.restart();
  };
  const mended = async () => {
    await bench.runtime.activate(plan('string'));
    await bench.runtime.activate(plan('string', { pipeline: 'second' }));
  };
  const cancelled = async (id: string, pipeline: string) => {
    const letter = bench.runtime
      .deadLetters()
      .find((one) => one.key === `delivery:d-${id}` && one.pipeline === pipeline);
    await bench.runtime.cancel(letter!.runId, 'ana', 'not ours');
    await bench.runtime.idle();
  };

  test('of which a run is still on its way to quarantine stay, so that no pipeline goes without them', async () => {
    await twoPipelines();
    const pause = { kind: 'pause', pipeline: 'second', onlyKeys: [] } as const;
    const { ok } = await bench.runtime.setSwitch(pause, 'ana', 'their outage');
    expect(ok).toBe(true);
    await accept('1', 'ten');
    await bench.runtime.idle();
    await mended();
    expect(await outcomes()).toEqual(['d-1 moving']);
    expect(await outcomes({ apply: true })).toEqual(['d-1 moving']);
    await bench.runtime.liftSwitch('pause/second', 'ana', 'over');
    await bench.runtime.idle();
    expect(await outcomes({ apply: true })).toEqual(['d-1 released']);
    await bench.runtime.idle();
    const succeeded = bench.runtime.runs().filter(({ state }) => state === 'succeeded');
    expect(succeeded.map(({ pipeline }) => pipeline).toSorted()).toEqual(['orders', 'second']);
  });

  test('are behind an earlier one of their key that the filter leaves out', async () => {
    await twoPipelines();
    for (const id of ['1', '2']) await accept(id, 'ten');
    await bench.runtime.idle();
    await cancelled('1', 'orders');
    await mended();
    expect(await outcomes({ pipeline: 'orders', apply: true })).toEqual(['d-2 behind']);
    expect(await outcomes({ apply: true })).toEqual(['d-1 released', 'd-2 released']);
  });

  test('are found behind more of others than are looked at at once, each with all of its runs', async () => {
    await twoPipelines({ replayRunsMax: 1 });
    for (const id of ['1', '2', '3']) await accept(id, 'ten', `account ${id}`);
    await bench.runtime.idle();
    for (const id of ['1', '2']) await cancelled(id, 'second');
    await mended();
    expect(await recheck({ pipeline: 'second' })).toMatchObject({
      more: false,
      events: [{ deliveryId: 'd-3', outcome: 'passes', runs: [{}, {}] }],
    });
    expect(await recheck()).toMatchObject({ more: true, events: [{ deliveryId: 'd-1' }] });
  });

  test('that were never read, or that nobody listens to, are named as that', async () => {
    bench = await openBench(plan('integer'));
    const failure = {
      class: 'contract',
      code: 'MESSAGE_UNREADABLE',
      message: 'not JSON',
      delivery: 'notSent',
    } as const;
    await bench.runtime.accept({
      event: 'shop.ordered',
      payload: { base64: 'eA==' },
      deliveryId: 'd-1',
      source: 'bus',
      invalid: failure,
    });
    await accept('2', 'ten');
    await bench.runtime.idle();
    expect(await outcomes({ apply: true })).toEqual(['d-1 unreadable', 'd-2 fails']);
    await bench.runtime.retire('orders');
    expect(await outcomes({ apply: true })).toEqual(['d-1 unreadable', 'd-2 unheard']);
    expect(await outcomes({ event: 'shop.left' })).toEqual([]);
    expect(await outcomes({ pipeline: 'nobody' })).toEqual([]);
  });

  test('whose payload is null are not taken for those whose data is no longer kept', async () => {
    const nothing = (type: 'integer' | 'null') =>
      plan('integer', {
        version: type === 'integer' ? 1 : 2,
        events: { 'shop.ordered': { ...base.events['shop.ordered']!, payload: { type } } },
        identity: { key: { expression: 'delivery' }, retainMs: 86_400_000 },
        steps: [],
      });
    bench = await openBench(nothing('integer'));
    const held = { event: 'shop.ordered', payload: null, source: 'bus', invalid: 'quarantine' } as const;
    await bench.runtime.accept({ ...held, deliveryId: 'd-1' });
    await bench.runtime.idle();
    expect(await outcomes()).toEqual(['d-1 fails']);
    await bench.runtime.activate(nothing('null'));
    expect(await outcomes({ apply: true })).toEqual(['d-1 released']);
    await bench.runtime.idle();
    expect(bench.runtime.runs({ state: 'succeeded' })).toHaveLength(1);
  });

  const waiting = (amount: 'integer' | 'string') =>
    planFor({
      pipeline: 'waiting',
      version: amount === 'integer' ? 1 : 2,
      trigger: { event: 'shop.begun' },
      events: {
        'shop.begun': { ...base.events['shop.ordered']!, event: 'begun' },
        ...plan(amount).events,
      },
      steps: [
        step('wait', 'paid', {
          for: {
            event: 'shop.ordered',
            match: 'signal.id == event.id',
            withinMs: 3_600_000,
            onExpiry: 'fail',
          },
        }),
        call('set', 'acme.put', { with: { object: { id: { expression: 'steps.paid.amount' } } } }),
      ],
    });
  const begin = async () => {
    const event = { event: 'shop.begun', payload: { id: '1' }, deliveryId: 'b', source: 'shop' };
    await bench.runtime.accept(event);
    await bench.runtime.idle();
  };

  test('wake a run that waits for such an event', async () => {
    bench = await openBench(waiting('integer'));
    await accept('1', 'ten');
    await bench.runtime.activate(waiting('string'));
    await begin();
    expect(written()).toEqual([]);
    expect(await outcomes({ apply: true })).toEqual(['d-1 released']);
    await bench.runtime.idle();
    expect(written()).toEqual(['ten']);
  });

  test('stay while what waits for them goes by the contract that refused them', async () => {
    bench = await openBench(waiting('integer'));
    await begin();
    await accept('1', 'ten');
    await bench.runtime.idle();
    expect(bench.runtime.deadLetters()).toHaveLength(1);
    expect(await outcomes({ apply: true })).toEqual(['d-1 fails']);
  });
});
