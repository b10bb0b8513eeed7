import { call, planFor, step } from '@tenon/runtime/testing';
import { describe, expect, test } from 'vitest';
import type { World } from './world.ts';

type Open = (...plans: Parameters<typeof planFor>[0][]) => Promise<World>;

const headers = {
  type: 'object',
  required: ['tenant'],
  properties: { tenant: { type: 'string' }, attempt: { type: 'integer' } },
} as const;
const base = planFor({ steps: [] }).events;
const events = {
  ...base,
  'shop.ordered': { ...base['shop.ordered']!, headers },
  'shop.shipped': { ...base['shop.shipped']!, headers },
};
const tenant = { object: { tenant: { expression: 'headers.tenant' } } };
const identity = { key: { expression: "headers.tenant + ':' + event.id" }, retainMs: 86_400_000 };

/** Headers of a message, where a plan reads them. */
export function headerCases(open: Open): void {
  describe('headers', () => {
    test('are in condition, key and steps, and still there after a kill', async () => {
      const pause = step('wait', 'pause', { for: { durationMs: 60_000 } });
      const world = await open({
        events,
        identity,
        trigger: { event: 'shop.ordered', where: 'default(headers.attempt, 0) < 3' },
        steps: [pause, call('put', 'acme.put', { with: tenant })],
      });
      const order = { id: 'a' };
      const taken = await world.deliver('shop.ordered', order, 'd1', { tenant: 'red', attempt: 1 });
      expect(taken).toMatchObject({ ok: true, runs: [{ key: 'red:a', started: true }] });
      expect(await world.deliver('shop.ordered', order, 'd2', { tenant: 'red', attempt: 3 })).toMatchObject({
        ok: true,
        runs: [],
      });
      await world.settle();
      world.kill();
      await world.pass(60_000);
      expect(world.target.calls.map(({ input }) => input)).toEqual([{ tenant: 'red' }]);
      const [run] = world.engine.runs({});
      expect(world.engine.run(run!.runId)).toMatchObject({
        state: 'succeeded',
        input: order,
        headers: { tenant: 'red', attempt: 1 },
      });
    });

    test('that are not what the contract says are refused, and nothing of the event is kept', async () => {
      const world = await open({ events, identity, steps: [call('put', 'acme.put', { with: tenant })] });
      expect(await world.deliver('shop.ordered', { id: 'a' }, 'd1', { tenant: 7 })).toMatchObject({
        ok: false,
        failure: { class: 'contract', code: 'EVENT_HEADERS_INVALID' },
      });
      expect(await world.deliver('shop.ordered', { id: 'a' }, 'd1', { tenant: 'red' })).toMatchObject({
        ok: true,
        duplicateDelivery: false,
        runs: [{ key: 'red:a', started: true }],
      });
    });

    test('of an emitted event reach the run that it starts', async () => {
      const shipping = { pipeline: 'shipping', trigger: { event: 'shop.shipped' } };
      const world = await open(
        {
          events,
          identity,
          steps: [
            step('emit', 'ship', {
              event: 'shop.shipped',
              with: { object: { id: { expression: 'event.id' } } },
              headers: tenant,
            }),
          ],
        },
        { ...shipping, events, identity, steps: [call('put', 'acme.put', { with: tenant })] },
      );
      await world.deliver('shop.ordered', { id: 'a' }, 'd1', { tenant: 'blue' });
      await world.settle();
      expect(world.target.calls.map(({ input }) => input)).toEqual([{ tenant: 'blue' }]);
      expect(world.engine.runs({ pipeline: 'shipping' })).toMatchObject([{ key: 'blue:a' }]);
    });
  });
}
