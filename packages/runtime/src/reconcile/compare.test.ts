import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { agree, compareKey, type RecordRow, Sum } from './compare.ts';

const rules = { compare: [{ name: 'total', isClassed: false }], settledBeforeMs: 1_000 };

function row(side: RecordRow['side'], parts: Partial<RecordRow> = {}): RecordRow {
  return { side, key: 'A', id: null, changedAtMs: null, values: [1], totals: [1], starts: [], ...parts };
}

describe('records of one key', () => {
  test.each([
    ['missing', [row('source')]],
    ['extra', [row('target')]],
    ['mismatched', [row('source'), row('target', { values: [2] })]],
    ['duplicate', [row('source'), row('target', { id: '1' }), row('target', { id: '2' })]],
    ['withoutKey', [row('target', { key: null })]],
  ] as const)('are %s', (kind, rows) => {
    expect(compareKey(rows, rules).differences.map((one) => one.kind)).toEqual([kind]);
  });

  test('agree', () => {
    expect(compareKey([row('source'), row('target')], rules)).toEqual({
      differences: [],
      isUnsettled: false,
    });
  });

  test('say what differs, and what it is on each side', () => {
    const [found] = compareKey([row('source'), row('target', { values: [2] })], rules).differences;
    expect(found?.fields).toEqual([{ name: 'total', source: 1, target: 2 }]);
  });

  test('seen on two pages are one record, as it was seen last', () => {
    const rows = [row('source', { id: '7', values: [9] }), row('source', { id: '7' }), row('target')];
    expect(compareKey(rows, rules).differences).toEqual([]);
  });

  test('are left out while one of them has not settled, whatever they say', () => {
    const young = [row('source', { changedAtMs: 1_001 }), row('target', { values: [2] })];
    expect(compareKey(young, rules)).toEqual({ differences: [], isUnsettled: true });
    const settled = [row('source', { changedAtMs: 1_000 }), row('target', { values: [2] })];
    expect(compareKey(settled, rules).differences).toHaveLength(1);
  });
});

describe('two values agree', () => {
  test.each([
    [1, 1, undefined, true],
    [1, 1.01, undefined, false],
    [0.3 - 0.2, 0, { absolute: 0.1 }, true],
    [10, 10.02, { absolute: 0.01 }, false],
    [100, 101, { share: 0.01 }, true],
    [100, 102, { share: 0.01 }, false],
    ['2026-11-29T03:00:00Z', '2026-11-29T03:00:00.000Z', { ms: 0 }, true],
    ['2026-11-29T03:00:00Z', '2026-11-29T03:00:00.000Z', undefined, false],
    ['2026-11-29T03:00:00Z', '2026-11-29T03:00:03Z', { ms: 2_000 }, false],
    ['never', 'never', { ms: 1 }, true],
    [null, null, { absolute: 1 }, true],
    [null, 0, { absolute: 1 }, false],
    [{ a: [1, 2] }, { a: [1, 2] }, undefined, true],
    [{ a: 1 }, { b: 1 }, undefined, false],
    [[1, 2], [2, 1], undefined, false],
  ] as const)('%j and %j within %j: %j', (a, b, tolerance, expected) => {
    expect(agree(a, b, tolerance)).toBe(expected);
  });

  test('in either order', () => {
    fc.assert(
      fc.property(
        fc.double({ noNaN: true }),
        fc.double({ noNaN: true }),
        fc.double({ min: 0, max: 9, noNaN: true }),
        (a, b, t) => {
          expect(agree(a, b, { absolute: t })).toBe(agree(b, a, { absolute: t }));
          expect(agree(a, b, { share: t / 10 })).toBe(agree(b, a, { share: t / 10 }));
        },
      ),
    );
  });
});

test('a sum of a million cents does not drift', () => {
  const sum = new Sum();
  sum.add(1e15);
  for (let index = 0; index < 1_000_000; index++) sum.add(0.01);
  sum.add(-1e15);
  expect(sum.value).toBeCloseTo(10_000, 6);
});
