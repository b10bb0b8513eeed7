import { expect, test } from 'vitest';
import { manualClock } from '../testing/bench.ts';
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
      isQuiet: () => true,
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
