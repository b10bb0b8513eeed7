import { call, planFor, step } from '@tenon/runtime/testing';
import { describe, expect, test } from 'vitest';
import type { World } from './world.ts';

type Open = (...plans: Parameters<typeof planFor>[0][]) => Promise<World>;

const { events } = planFor({ steps: [] });
const account = { object: { account: { expression: 'connection' } } };
const identity = { key: { expression: "connection + ':' + event.id" }, retainMs: 86_400_000 };

/** The connection over which an event came. */
export function connectionCases(open: Open): void {
  describe('the connection of an event', () => {
    test('is in condition, key and steps, and still known after a kill', async () => {
      const pause = step('wait', 'pause', { for: { durationMs: 60_000 } });
      const world = await open({
        events,
        identity,
        trigger: { event: 'shop.ordered', where: "connection != 'test'" },
        steps: [pause, call('put', 'acme.put', { with: account })],
      });
      const order = { id: 'a' };
      const from = (source: string) => world.deliver('shop.ordered', order, 'd1', undefined, source);
      expect(await from('eu')).toMatchObject({ runs: [{ key: 'eu:a', started: true }] });
      expect(await from('us/orders'), 'a place there').toMatchObject({
        runs: [{ key: 'us:a', started: true }],
      });
      expect(await from('test')).toMatchObject({ ok: true, runs: [] });
      await world.settle();
      world.kill();
      await world.pass(60_000);
      expect(world.target.calls.map(({ input }) => input)).toEqual([{ account: 'eu' }, { account: 'us' }]);
    });

    test('tells apart what a run waits for, and is where its steps go', async () => {
      const connection = { over: 'connection', among: ['eu', 'us'] } as const;
      const paid = {
        event: 'shop.paid',
        over: 'connection',
        match: 'signal.id == event.id',
        withinMs: 3_600_000,
        onExpiry: 'fail',
      } as const;
      const world = await open({
        events,
        identity,
        steps: [step('wait', 'paid', { for: paid }), call('put', 'acme.put', { connection, with: account })],
      });
      const send = (event: string, source: string) =>
        world.deliver(event, { id: 'a' }, undefined, undefined, source);
      await send('shop.ordered', 'eu');
      await send('shop.ordered', 'us');
      await world.settle();
      await send('shop.paid', 'us/payments');
      await world.settle();
      world.kill();
      await world.settle();
      expect(world.target.calls.map(({ input }) => input)).toEqual([{ account: 'us' }]);
      const [run] = world.engine.runs({}).filter(({ key }) => key === 'us:a');
      expect(world.engine.trace({ runId: run!.runId })).toContainEqual(
        expect.objectContaining({ kind: 'intent', details: expect.objectContaining({ connection: 'us' }) }),
      );
    });

    test('is none of an event that a pipeline emits, which is held with an owner', async () => {
      const world = await open(
        {
          events,
          steps: [
            step('emit', 'ship', {
              event: 'shop.shipped',
              with: { object: { id: { expression: 'event.id' } } },
            }),
          ],
        },
        { pipeline: 'shipping', events, identity, trigger: { event: 'shop.shipped' }, steps: [] },
      );
      await world.deliver('shop.ordered', { id: 'a' }, 'd1', undefined, 'eu');
      await world.settle();
      expect(world.engine.runs({ pipeline: 'shipping' })).toMatchObject([{ state: 'failed' }]);
    });
  });
}
