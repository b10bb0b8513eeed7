import type { Json } from '@tenon/model';
import { afterEach, describe, expect, test } from 'vitest';
import { type Bench, openBench, refused, unavailable } from './testing/bench.ts';
import { call, planFor, step, undoable } from './testing/plan.ts';

let bench: Bench;
afterEach(() => bench.close());

describe('a run', () => {
  test('goes from the event through its steps to its end', async () => {
    bench = await openBench(
      planFor({
        steps: [
          call('customer', 'acme.get'),
          step('set', 'total', { value: { expression: 'steps.customer.amount + 1' } }),
          step('choose', 'size', {
            branches: [
              { when: 'steps.total > 100', steps: [call('big', 'acme.create')] },
              { steps: [undoable('small')] },
            ],
          }),
          call('never', 'acme.send', { when: 'event.id == "other"' }),
        ],
        success: 'steps.total == 11',
      }),
    );
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    const run = bench.runtime.run(runId)!;
    expect(run.state).toBe('succeeded');
    expect(run.steps.map(({ id, state }) => [id, state])).toEqual([
      ['customer', 'succeeded'],
      ['small', 'succeeded'],
    ]);
    expect(bench.target.calls.map(({ operation }) => operation)).toEqual(['get', 'create']);
    expect(bench.runtime.trace({ runId }).map(({ kind }) => kind)).toMatchSnapshot();
    expect(bench.entries.filter((entry) => entry.runId === runId)).toEqual(bench.runtime.trace({ runId }));
  });

  test('that cannot be stored keeps no place from others', async () => {
    bench = await openBench(planFor({ steps: [call('one', 'acme.create')] }));
    // From the second on, a run begins in the write that stores it.
    await bench.order({ id: 'first' });
    await bench.runtime.idle();
    // Too deep for what makes the digest; senders are refused it before, callers in this process are not.
    const payload = JSON.parse(`{"id":"a","deep":${'['.repeat(20_000)}${']'.repeat(20_000)}}`);
    const event = { event: 'shop.ordered', payload, deliveryId: 'deep', source: 'shop' };
    await expect(bench.runtime.accept(event)).rejects.toThrow(RangeError);
    expect(bench.runtime.flow().pipelines[0]).toMatchObject({ active: 0 });
    await bench.runtime.idle();
  });

  test('of the same business key is not begun twice, whatever the delivery', async () => {
    bench = await openBench(planFor({ steps: [undoable('invoice')] }));
    const first = await bench.order({ id: 'a' }, 'd1');
    await bench.runtime.idle();
    const again = await bench.runtime.accept({
      event: 'shop.ordered',
      payload: { id: 'a' },
      deliveryId: 'd1',
      source: 'shop',
    });
    const other = await bench.runtime.accept({
      event: 'shop.ordered',
      payload: { id: 'a' },
      deliveryId: 'd2',
      source: 'shop',
    });
    expect(again).toMatchObject({
      ok: true,
      duplicateDelivery: true,
      runs: [{ runId: first, started: false, state: 'succeeded' }],
    });
    expect(other).toMatchObject({
      ok: true,
      duplicateDelivery: false,
      runs: [{ runId: first, started: false }],
    });
    expect(bench.target.count('create')).toBe(1);
  });

  describe('that comes under a name that is known', () => {
    const send = (payload: Json, deliveryId: string) =>
      bench.runtime.accept({ event: 'shop.ordered', payload, deliveryId, source: 'shop' });
    const told = (query: Parameters<typeof bench.runtime.trace>[0]) =>
      bench.runtime.trace(query).filter(({ kind }) => kind === 'duplicate');

    test('is answered with the run of the first delivery, and that it says something else', async () => {
      bench = await openBench(planFor({ steps: [undoable('invoice')] }));
      const first = await bench.order({ id: 'a' }, 'd1');
      const result = await send({ id: 'b' }, 'd1');
      expect(result).toMatchObject({
        duplicateDelivery: true,
        payloadDiffers: true,
        runs: [{ runId: first, key: 'a', started: false }],
      });
      const [entry, ...others] = told({ runId: first });
      expect(others).toEqual([]);
      expect(entry?.details).toMatchObject({ sameDelivery: true, payloadDiffers: true });
      const [accepted] = bench.runtime.trace({ runId: first });
      expect(entry?.details['payload']).toMatch(/^salted-sha256:/);
      expect(entry?.details['payload']).not.toBe(accepted?.details['payload']);
    });

    test('is not answered with a run that another delivery has of what it says now', async () => {
      bench = await openBench(planFor({ steps: [undoable('invoice')] }));
      const first = await bench.order({ id: 'a' }, 'd1');
      await bench.order({ id: 'b' }, 'd2');
      expect(await send({ id: 'b' }, 'd1')).toMatchObject({ runs: [{ runId: first }] });
    });

    test('and started nothing at first, says so, and that it says something else', async () => {
      const trigger = { event: 'shop.ordered', where: 'event.id != "none"' };
      bench = await openBench(planFor({ trigger, steps: [undoable('invoice')] }));
      await send({ id: 'none' }, 'd1');
      expect(await send({ id: 'b' }, 'd1')).toEqual({
        ok: true,
        duplicateDelivery: true,
        payloadDiffers: true,
        runs: [],
      });
      expect(told({ system: true })).toMatchObject([
        { details: { event: 'shop.ordered', source: 'shop', sameDelivery: true, payloadDiffers: true } },
      ]);
    });

    test('is told apart from the first of its business key by its payload, whatever the order of its members', async () => {
      bench = await openBench(planFor({ steps: [undoable('invoice')] }));
      const runId = await bench.order({ id: 'a', n: 1 }, 'd1');
      const same = await send({ n: 1, id: 'a' }, 'd2');
      expect(same).toMatchObject({ runs: [{ runId, started: false }] });
      expect(same).not.toHaveProperty('runs.0.payloadDiffers');
      const other = await send({ id: 'a', n: 2 }, 'd3');
      expect(other).toMatchObject({ duplicateDelivery: false, runs: [{ runId, payloadDiffers: true }] });
      expect(told({ runId }).map(({ details }) => details['payloadDiffers'])).toEqual([undefined, true]);
    });

    test('is not compared with what is no longer kept', async () => {
      bench = await openBench(planFor({ steps: [undoable('invoice')] }));
      const runId = await bench.order({ id: 'a' }, 'd1');
      await bench.runtime.idle();
      await bench.runtime.erase('a', 'ana', 'request 17', true);
      for (const [id, delivery] of [
        ['b', 'd1'],
        ['a', 'd3'],
      ] as const) {
        const result = await send({ id, n: 2 }, delivery);
        expect(result).toMatchObject({ runs: [{ runId, started: false }] });
        expect(JSON.stringify(result)).not.toContain('payloadDiffers');
      }
      expect(told({ runId }).map(({ details }) => details['payloadDiffers'])).toEqual([undefined, undefined]);
    });
  });

  test('that a listing gives again and again leaves one entry for each of its deliveries', async () => {
    bench = await openBench(planFor({ steps: [undoable('invoice')] }));
    const runId = await bench.order({ id: 'a' }, 'd1');
    await bench.runtime.idle();
    for (const deliveryId of ['d1', 'd2', 'd1', 'd2', 'd1']) {
      const payload = { id: 'a' };
      const listed = { event: 'shop.ordered', payload, deliveryId, source: 'shop', isListed: true };
      expect(await bench.runtime.accept(listed)).toMatchObject({ runs: [{ runId, started: false }] });
    }
    const told = bench.runtime.trace({ runId }).filter(({ kind }) => kind === 'duplicate');
    expect(told.map(({ details }) => details['deliveryId'])).toEqual(['d2']);
  });

  test('is retried within its budget, then goes on', async () => {
    bench = await openBench(planFor({ steps: [undoable('invoice')] }));
    bench.target.script = { create: [{ fail: unavailable }, { fail: unavailable }] };
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    expect(bench.state(runId)).toBe('waiting');
    await bench.pass(10_000);
    expect(bench.state(runId)).toBe('succeeded');
    expect(new Set(bench.target.calls.map(({ key }) => key)).size).toBe(1);
  });

  test('that fails undoes its confirmed effects, last first', async () => {
    bench = await openBench(
      planFor({ steps: [undoable('one'), undoable('two'), call('three', 'acme.put')] }),
    );
    bench.target.script = { put: [{ fail: refused }] };
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    expect(bench.state(runId)).toBe('compensated');
    expect(
      bench.target.calls.map(({ operation, input }) => [operation, (input as { id: string }).id]),
    ).toEqual([
      ['create', 'one'],
      ['create', 'two'],
      ['put', 'three'],
      ['remove', 'create-2'],
      ['remove', 'create-1'],
    ]);
    expect(bench.runtime.deadLetters()).toMatchObject([
      { runId, queue: 'repair', settled: 'compensated', step: 'three' },
    ]);
  });

  test('goes on where it was after a restart', async () => {
    bench = await openBench(
      planFor({
        steps: [undoable('one'), step('wait', 'pause', { for: { durationMs: 60_000 } }), undoable('two')],
      }),
    );
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    expect(bench.state(runId)).toBe('waiting');
    await bench.restart();
    await bench.pass(60_000);
    expect(bench.state(runId)).toBe('succeeded');
    expect(bench.target.count('create')).toBe(2);
  });
});
