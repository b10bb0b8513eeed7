import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SettledOffsets } from './settled-offsets.ts';

describe('the offsets that may be committed', () => {
  it('wait for the first record that is not settled', () => {
    const offsets = new SettledOffsets();
    const [first, second, third] = [4n, 5n, 9n].map((offset) => offsets.take(0, offset, 2));
    second!();
    third!();
    expect(offsets.drain()).toEqual([]);
    first!();
    expect(offsets.drain()).toEqual([{ partition: 0, offset: 10n, leaderEpoch: 2 }]);
    expect(offsets.drain()).toEqual([]);
  });

  it('are kept apart by partition', () => {
    const offsets = new SettledOffsets();
    offsets.take(0, 0n, 0);
    offsets.take(1, 7n, 0)();
    expect(offsets.drain()).toEqual([{ partition: 1, offset: 8n, leaderEpoch: 0 }]);
  });

  it('never pass a record that is not settled, and reach the end when all are', () => {
    const gaps = fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(gaps, fc.infiniteStream(fc.nat()), (steps, random) => {
        const offsets = new SettledOffsets();
        let next = 0n;
        const open = steps.map((step) => {
          const offset = next;
          next += BigInt(step);
          return { offset, settle: offsets.take(3, offset, 0) };
        });
        const last = open.at(-1)!.offset;
        let committed = 0n;
        while (open.length > 0) {
          const [one] = open.splice(random.next().value % open.length, 1);
          one!.settle();
          for (const { offset } of offsets.drain()) committed = offset;
          for (const { offset } of open) expect(committed <= offset).toBe(true);
        }
        expect(committed).toBe(last + 1n);
      }),
    );
  });
});
