import { afterEach, describe, expect, test } from 'vitest';
import type { SwitchRequest } from '../switches.ts';
import { type Bench, openBench } from '../testing/bench.ts';
import { planFor } from '../testing/plan.ts';
import { liftSwitch, setSwitch } from '../testing/switching.ts';

let bench: Bench;
afterEach(() => bench.close());

const set = (request: SwitchRequest) => setSwitch(bench, request);
const lift = (id: string) => liftSwitch(bench, id);

describe('a flag', () => {
  const flag = {
    kind: 'flag',
    pipeline: 'orders',
    keys: ['vip'],
    events: [],
    share: 0,
    expiresAtMs: 1_700_000_060_000,
  } as const;

  test('lets a pipeline take chosen keys alone; what it does not take is kept and said', async () => {
    bench = await openBench(planFor({ steps: [] }));
    await set(flag);
    await bench.order({ id: 'vip' });
    const other = await bench.runtime.accept({
      event: 'shop.ordered',
      payload: { id: 'x' },
      deliveryId: 'dx',
      source: 'shop',
    });
    expect(other).toMatchObject({ ok: true, runs: [], flaggedOff: ['orders'] });
    await bench.restart();
    expect(
      await bench.runtime.accept({
        event: 'shop.ordered',
        payload: { id: 'y' },
        deliveryId: 'dy',
        source: 'shop',
      }),
    ).toMatchObject({ flaggedOff: ['orders'] });
    expect(bench.runtime.runs().map(({ key }) => key)).toEqual(['vip']);
    expect(bench.runtime.trace({ system: true }).filter(({ kind }) => kind === 'flaggedOff')).toMatchObject([
      { details: { pipeline: 'orders', deliveryId: 'dx', flag: 'flag/orders' } },
      { details: { deliveryId: 'dy' } },
    ]);
    await lift('flag/orders');
    expect(await bench.order({ id: 'z' })).toBeDefined();
  });

  test('by event name is on for all of them', async () => {
    bench = await openBench(planFor({ steps: [] }));
    await set({ ...flag, keys: [], events: ['shop.ordered'] });
    expect(await bench.order({ id: 'x' })).toBeDefined();
  });

  test('by the name of an event that begins nothing of the pipeline is refused: it would let none in', async () => {
    bench = await openBench(planFor({ steps: [] }));
    const flagged = (event: string) =>
      bench.runtime.setSwitch({ ...flag, keys: [], events: [event] }, 'ana', 'a test');
    expect(await flagged('shop.orderd')).toEqual({
      ok: false,
      code: 'SWITCH_SUBJECT_UNKNOWN',
      message: 'orders is not begun by shop.orderd; did you mean shop.ordered?',
    });
    expect(await flagged('bank.paid')).toMatchObject({
      message: 'orders is not begun by bank.paid, but by shop.ordered',
    });
    expect(bench.runtime.switches()).toEqual([]);
  });

  test('is on for the accounts that it names, whatever the keys of their events are', async () => {
    const identity = {
      key: { expression: 'event.id' },
      orderBy: { expression: 'event.id' },
      account: { expression: "default(event.account, '')" },
      retainMs: 86_400_000,
    };
    bench = await openBench(planFor({ steps: [], identity }));
    await set({ ...flag, keys: ['acme'] });
    const taken = async (payload: { id: string; account?: string }) => {
      const outcome = await bench.runtime.accept({
        event: 'shop.ordered',
        payload,
        deliveryId: payload.id,
        source: 'shop',
      });
      return outcome.ok && outcome.runs.length > 0;
    };
    expect(await taken({ id: '1', account: 'acme' })).toBe(true);
    expect(await taken({ id: '2', account: 'acme' })).toBe(true);
    expect(await taken({ id: '3', account: 'other' })).toBe(false);
    expect(await taken({ id: '4' }), 'of nobody').toBe(false);
    // A share is one of accounts: all events of one are taken, or none.
    await set({ ...flag, keys: [], share: 0.5 });
    const byAccount = new Map<string, Set<boolean>>();
    for (let i = 0; i < 60; i++) {
      const account = `account-${i % 12}`;
      const known = byAccount.get(account) ?? new Set();
      byAccount.set(account, known.add(await taken({ id: `s${i}`, account })));
    }
    expect([...byAccount.values()].every(({ size }) => size === 1)).toBe(true);
    expect(new Set([...byAccount.values()].flatMap((seen) => [...seen])).size).toBe(2);
  });

  test('by share takes about that share, always the same keys, and a larger share keeps them', async () => {
    bench = await openBench(planFor({ steps: [] }));
    const taken = async (share: number, prefix: string): Promise<string[]> => {
      await set({ ...flag, keys: [], share });
      const before = bench.runtime.runs({ limit: 1_000 }).length;
      for (let i = 0; i < 120; i++)
        await bench.runtime.accept({
          event: 'shop.ordered',
          payload: { id: `k${i}` },
          deliveryId: `${prefix}${i}`,
          source: 'shop',
        });
      return bench.runtime
        .runs({ limit: 1_000 })
        .slice(0, bench.runtime.runs({ limit: 1_000 }).length - before)
        .map(({ key }) => key);
    };
    const some = await taken(0.25, 'a');
    expect(some.length).toBeGreaterThan(12);
    expect(some.length).toBeLessThan(50);
    // Known keys start nothing anew: what the larger share adds is new.
    const more = await taken(0.5, 'b');
    expect(more.filter((key) => some.includes(key))).toEqual([]);
    expect(await taken(0.5, 'c')).toEqual([]);
    expect(some.length + more.length).toBeLessThan(85);
  });
});
