import { manualClock } from '@tenon/model';
import { expect, test } from 'vitest';
import { Dispatcher } from './dispatcher.ts';

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

test.each(['carry', 'due'] as const)(
  'a file that cannot be read (%s) gives the place back, and is tried again after a pause',
  async (part) => {
    const clock = manualClock();
    const carried: number[] = [];
    const told: string[] = [];
    let isReadable = false;
    const read = (): void => {
      if (!isReadable) throw new Error('disk I/O error');
    };
    const dispatcher = new Dispatcher({
      clock,
      limitsOf: unasked,
      activeMax: 2,
      due: () => {
        if (part === 'due') read();
        return carried.includes(7) ? [] : [7];
      },
      nextDue: () => Number.POSITIVE_INFINITY,
      carry: async (seq) => {
        if (part === 'carry') read();
        carried.push(seq);
        return [];
      },
      unreadable: (pipeline, cause) => told.push(`${pipeline}: ${cause}`),
    });
    dispatcher.setLimit('orders', 1, 'high');
    await settled();
    expect(told).toEqual(['orders: Error: disk I/O error']);
    expect(dispatcher.activeOf()).toBe(0);

    isReadable = true;
    clock.advance(4_999);
    await settled();
    expect(carried).toEqual([]);
    clock.advance(1);
    await settled();
    expect(carried).toEqual([7]);
    expect(dispatcher.activeOf()).toBe(0);
  },
);

test('the first of many due runs do not wait for the last to be begun', async () => {
  const begun: number[] = [];
  const seenAtFirst: number[] = [];
  const dispatcher = new Dispatcher({
    clock: manualClock(),
    limitsOf: unasked,
    activeMax: 512,
    due: (_pipeline, _now, limit) => Array.from({ length: Math.min(300, limit) }, (_, seq) => seq),
    nextDue: () => Number.POSITIVE_INFINITY,
    carry: (seq) => {
      begun.push(seq);
      // What it does next, it does before all the others are begun.
      setImmediate(() => seenAtFirst.push(begun.length));
      return new Promise(() => {});
    },
    unreadable: () => {},
  });
  dispatcher.setLimit('orders', 300, 'high');
  while (begun.length < 300) await settled();
  expect(seenAtFirst[0]).toBeLessThan(100);
  expect(new Set(begun).size).toBe(300);
});

test('what is due by a clock that was set forward is begun within a minute', async () => {
  const clock = manualClock();
  const dueAtMs = clock.now() + 7_200_000;
  const begun: number[] = [];
  const dispatcher = new Dispatcher({
    clock,
    limitsOf: unasked,
    activeMax: 2,
    due: (_pipeline, now) => (now >= dueAtMs && begun.length === 0 ? [7] : []),
    nextDue: (_pipeline, now) => (now < dueAtMs ? dueAtMs : Number.POSITIVE_INFINITY),
    carry: async (seq) => {
      begun.push(seq);
      return [];
    },
    unreadable: () => {},
  });
  dispatcher.setLimit('orders', 1, 'high');
  await settled();
  clock.jump(7_200_000);
  await settled();
  // A timer does not hear of it, and nothing moves that could look.
  expect(begun).toEqual([]);
  await dispatcher.idle();
  clock.advance(60_000);
  await settled();
  expect(begun).toEqual([7]);
});

test('work that throws before it has begun is over, and rejects', async () => {
  const dispatcher = new Dispatcher({
    clock: manualClock(),
    limitsOf: unasked,
    activeMax: 1,
    due: () => [],
    nextDue: () => Number.POSITIVE_INFINITY,
    carry: async () => [],
    unreadable: () => {},
  });
  const work = dispatcher.busy(() => {
    throw new Error('disk I/O error');
  });
  await expect(work).rejects.toThrow('disk I/O error');
  await dispatcher.idle();
});

function unasked(): never {
  throw new Error('each of them was given its limit');
}
