import { DatabaseSync } from 'node:sqlite';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { Names } from '../embedded/file/names.ts';
import type { IncomingEvent } from '../runtime.ts';
import { type Bench, openBench } from '../testing/bench.ts';
import { call, planFor, step, undoable } from '../testing/plan.ts';

const DAY_MS = 86_400_000;

let bench: Bench;
afterEach(() => bench.close());

describe('intake', () => {
  test.each([
    [{ deliveryId: 7 }, 'deliveryId of an event must be a text, and is of type number'],
    [{ deliveryId: { id: 'd' } }, 'deliveryId of an event must be a text, and is of type object'],
    [{ deliveryId: undefined }, 'deliveryId of an event must be a text, and is absent'],
    [{ deliveryId: '' }, 'deliveryId of an event must be a text, and is empty'],
    [
      { deliveryId: 'd\ud83d' },
      'deliveryId of an event must be a text, and is cut in the middle of a character',
    ],
    [{ source: ['shop'] }, 'source of an event must be a text, and is a list'],
    [{ event: null }, 'event of an event must be a text, and is absent'],
    [{ traceparent: 1 }, 'traceparent of an event must be a text, and is of type number'],
    [{ cursor: { name: '', value: 'x' } }, 'cursor.name of an event must be a text, and is empty'],
    [{ cursor: { name: 'c', value: 7 } }, 'cursor.value of an event must be a text, and is of type number'],
  ])('refuses %j with a code, and goes on', async (wrong, message) => {
    bench = await openBench(planFor({ steps: [call('get', 'acme.get')] }));
    const event = { event: 'shop.ordered', payload: { id: 'a' }, deliveryId: 'd', source: 'shop' };
    // What an embedder without types may give.
    const given = { ...event, ...wrong } as IncomingEvent;
    expect(await bench.runtime.accept(given)).toEqual({
      ok: false,
      failure: { class: 'validation', code: 'EVENT_NAME_INVALID', message, delivery: 'notSent' },
    });
    expect(bench.runtime.runs()).toEqual([]);
    const cursor = { name: 'c', value: '' };
    expect(await bench.runtime.accept({ ...event, cursor })).toMatchObject({
      ok: true,
      duplicateDelivery: false,
    });
  });

  test('refuses a payload that violates its contract, naming the field, and stores nothing', async () => {
    bench = await openBench(planFor({ steps: [call('get', 'acme.get')] }));
    const result = await bench.runtime.accept({
      event: 'shop.ordered',
      payload: { id: 7 },
      deliveryId: 'd',
      source: 'shop',
    });
    expect(result).toMatchObject({
      ok: false,
      failure: { class: 'contract', code: 'EVENT_PAYLOAD_INVALID', pointer: '/id' },
    });
    expect(bench.runtime.runs()).toEqual([]);
    expect(
      await bench.runtime.accept({
        event: 'shop.ordered',
        payload: { id: 'x' },
        deliveryId: 'd',
        source: 'shop',
      }),
    ).toMatchObject({ ok: true, duplicateDelivery: false });
  });

  test('holds an event that violates its contract in quarantine, where its sender cannot be told', async () => {
    bench = await openBench(
      planFor({ steps: [call('one', 'acme.create')] }),
      planFor({ pipeline: 'listening', steps: [] }),
      planFor({ pipeline: 'waiting', trigger: { event: 'shop.paid' }, steps: [] }),
    );
    const event = { event: 'shop.ordered', payload: { total: 1 }, source: 'bus/orders' } as const;
    const result = await bench.runtime.accept({ ...event, deliveryId: 'd1', invalid: 'quarantine' });
    expect(result).toMatchObject({
      ok: true,
      quarantined: { code: 'EVENT_PAYLOAD_INVALID', pointer: '/id' },
    });
    expect(await bench.runtime.accept({ ...event, deliveryId: 'd1', invalid: 'quarantine' })).toMatchObject({
      ok: true,
      duplicateDelivery: true,
    });
    await bench.crash();
    await bench.runtime.idle();
    const held = bench.runtime.deadLetters();
    expect(held.map(({ pipeline, queue, owner }) => [pipeline, queue, owner]).sort()).toEqual([
      ['listening', 'quarantine', 'sales'],
      ['orders', 'quarantine', 'sales'],
    ]);
    expect(bench.runtime.run(held[0]!.runId)?.input).toEqual({ total: 1 });
    expect(bench.target.calls).toEqual([]);
  });

  test('stores how far a source has come with the event that it covers, or not at all', async () => {
    bench = await openBench(planFor({ steps: [] }));
    const event = { event: 'shop.ordered', payload: { id: 'a' }, deliveryId: 'd1', source: 'poll' };
    expect(bench.runtime.cursor('poll')).toBeUndefined();
    await bench.runtime.accept({ ...event, cursor: { name: 'poll', value: '2026-01-01' } });
    await bench.crash();
    expect(bench.runtime.cursor('poll')).toBe('2026-01-01');
    await bench.runtime.accept({
      ...event,
      payload: {},
      deliveryId: 'd2',
      cursor: { name: 'poll', value: '2026-01-02' },
    });
    expect(bench.runtime.cursor('poll')).toBe('2026-01-01');
    // A known delivery starts nothing, and still says how far the source has come.
    await bench.runtime.accept({ ...event, cursor: { name: 'poll', value: '2026-01-03' } });
    expect(bench.runtime.cursor('poll')).toBe('2026-01-03');
  });

  test('stores how far a source has come without an event', async () => {
    bench = await openBench(planFor({ steps: [] }));
    expect(await bench.runtime.keepCursor('schedule', '2026-01-01')).toBe(true);
    await bench.crash();
    expect(bench.runtime.cursor('schedule')).toBe('2026-01-01');
  });

  test('holds an event that could not even be read, as it came', async () => {
    bench = await openBench(planFor({ steps: [] }));
    const failure = {
      class: 'contract',
      code: 'MESSAGE_UNREADABLE',
      message: 'no JSON',
      delivery: 'notSent',
    } as const;
    const payload = { base64: 'AAA=' };
    const event = { event: 'shop.ordered', payload, deliveryId: 'd1', source: 'bus', invalid: failure };
    expect(await bench.runtime.accept(event)).toMatchObject({ ok: true, quarantined: failure });
    await bench.runtime.idle();
    expect(bench.runtime.deadLetters()).toMatchObject([
      { queue: 'quarantine', failure: { code: 'MESSAGE_UNREADABLE' } },
    ]);
    expect(await bench.runtime.accept({ ...event, event: 'shop.unknown' })).toMatchObject({
      ok: false,
      failure,
    });
  });

  test('leaves out what the condition leaves out, and starts every pipeline that listens', async () => {
    bench = await openBench(
      planFor({ trigger: { event: 'shop.ordered', where: 'event.amount > 5' }, steps: [] }),
      planFor({ pipeline: 'all', steps: [] }),
    );
    await bench.order({ id: 'a', amount: 1 });
    await bench.order({ id: 'b', amount: 9 });
    await bench.runtime.idle();
    expect(
      bench.runtime
        .runs()
        .map(({ pipeline, key }) => `${pipeline} ${key}`)
        .toSorted(),
    ).toEqual(['all a', 'all b', 'orders b']);
  });

  test('an event whose key cannot be computed is not dropped: its run fails, owned', async () => {
    bench = await openBench(
      planFor({ identity: { key: { expression: 'event.absent' }, retainMs: 1 }, steps: [] }),
    );
    const runId = await bench.order({ id: 'a' }, 'd7');
    await bench.runtime.idle();
    expect(bench.runtime.deadLetters()).toMatchObject([
      { runId, key: 'delivery:d7', eventId: 'd7', queue: 'repair', owner: 'sales' },
    ]);
  });

  test('of the same key at the same time makes one run', async () => {
    bench = await openBench(planFor({ steps: [undoable('one')] }));
    const runs = await Promise.all(Array.from({ length: 20 }, () => bench.order({ id: 'a' })));
    await bench.runtime.idle();
    expect(new Set(runs).size).toBe(1);
    expect(bench.target.count('create')).toBe(1);
  });

  test('that cannot be looked up does not take those with it that come beside it', async () => {
    bench = await openBench(planFor({ steps: [] }));
    // As a file that cannot be read for a moment looks from here.
    const { stored } = Names.prototype;
    const look = vi.spyOn(Names.prototype, 'stored').mockImplementation(function (this: Names, kind, name) {
      if (kind === 'delivery' && name === 'unreadable') throw new Error('the disk says nothing');
      return stored.call(this, kind, name);
    });
    const answers = await Promise.allSettled([
      bench.order({ id: 'a' }),
      bench.order({ id: 'b' }, 'unreadable'),
      bench.order({ id: 'c' }),
    ]);
    look.mockRestore();
    expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(bench.runtime.flow().intake).toMatchObject({ writesWaiting: 0, bytesWaiting: 0 });
  });

  test('of one key are all answered when the disk refuses the first', async () => {
    bench = await openBench(planFor({ steps: [] }));
    bench.failNextWrite('before', () => {});
    const answers = await Promise.allSettled(Array.from({ length: 4 }, () => bench.order({ id: 'a' })));
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 4 }, () => 'rejected'));
  });

  test('counts as waiting from the moment that it comes, also behind another of its key', async () => {
    bench = await openBench(planFor({ steps: [] }));
    const answers = Array.from({ length: 3 }, () => bench.order({ id: 'a' }));
    expect(bench.runtime.flow().intake.writesWaiting).toBe(3);
    await Promise.all(answers);
    expect(bench.runtime.flow().intake.writesWaiting).toBe(0);
  });

  test('lets the key of a run go that has ended, and of none that goes on', async () => {
    const consent = step('approve', 'consent', {
      by: 'sales',
      show: { literal: {} },
      withinMs: 90 * DAY_MS,
      onExpiry: 'reject',
    });
    bench = await openBench(
      planFor({
        identity: { key: { expression: 'event.id' }, retainMs: DAY_MS },
        limits: { concurrency: 50, deadlineMs: 100 * DAY_MS },
        steps: [{ ...consent, when: "event.note == 'ask'" }, call('pay', 'acme.create')],
      }),
    );
    await bench.order({ id: 'a', note: 'none' });
    await bench.pass(2 * DAY_MS);
    const waiting = await bench.order({ id: 'a', note: 'ask' });
    await bench.pass(2 * DAY_MS);
    expect(bench.state(waiting)).toBe('waiting');
    expect(await bench.order({ id: 'a', note: 'ask' })).toBe(waiting);
    await bench.runtime.stop();
    const db = new DatabaseSync(bench.file);
    expect(db.prepare('SELECT run_seq FROM keys').all()).toEqual([{ run_seq: 2 }]);
    db.close();
  });

  test('lets a key go after its time', async () => {
    bench = await openBench(
      planFor({ identity: { key: { expression: 'event.id' }, retainMs: 1_000 }, steps: [] }),
    );
    const first = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    await bench.pass(1_000);
    expect(await bench.order({ id: 'a' })).not.toBe(first);
  });

  test('a manual pipeline starts by hand, with its input checked', async () => {
    bench = await openBench(
      planFor({
        trigger: { manual: true, input: { type: 'object', required: ['id'] } },
        identity: { key: { expression: 'input.id' }, retainMs: 1_000 },
        steps: [call('get', 'acme.get')],
      }),
    );
    expect(await bench.runtime.trigger('orders', {}, 'ana')).toMatchObject({
      ok: false,
      failure: { pointer: '/id' },
    });
    expect(await bench.runtime.trigger('orders', { id: 'x' }, 'ana')).toMatchObject({
      ok: true,
      runs: [{ key: 'x', started: true }],
    });
    expect(await bench.runtime.trigger('nothing', {}, 'ana')).toMatchObject({
      ok: false,
      failure: { code: 'TRIGGER_NOT_MANUAL' },
    });
  });

  test('says of an event why it would not be taken, and stores nothing of it', async () => {
    bench = await openBench(planFor({ steps: [] }));
    expect(bench.runtime.misfit('shop.ordered', { id: 'a' })).toBeUndefined();
    expect(bench.runtime.misfit('shop.ordered', {})).toMatchObject({ code: 'EVENT_PAYLOAD_INVALID' });
    expect(bench.runtime.misfit('shop.unheard', {})).toBeUndefined();
    expect(bench.runtime.runs()).toEqual([]);
  });
});
