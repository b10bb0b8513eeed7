import fc from 'fast-check';
import { expect, it } from 'vitest';
import { compileExpression } from './compile.ts';
import { firstIndexOf, lastIndexOf, splitAt } from './text-search.ts';

const half = 'a'.repeat(120_000);
const whole = 'a'.repeat(480_000);

it.each([
  'whole.contains(part)',
  'whole.indexOf(part) >= 0',
  'whole.lastIndexOf(part) >= 0',
  'whole.split(part).size() > 1',
])('takes no product of two lengths: %s', (source) => {
  const start = process.cpuUsage();
  for (const part of [`${half}b${half}`, `${half}${half}b`])
    expect(compileExpression(source).evaluate({ whole, part })).toEqual({ ok: true, value: false });
  // By the engine's own search ten seconds and more.
  expect(process.cpuUsage(start).user / 1_000).toBeLessThan(3_000);
});

it('finds what the engine finds', () => {
  // Long enough to be searched for here, and of few letters, so that there are many near misses.
  const text = fc.string({ unit: fc.constantFrom('a', 'b'), minLength: 2, maxLength: 6 });
  fc.assert(
    fc.property(text, text, fc.nat(40), (piece, other, times) => {
      const part = piece.repeat(1_500);
      const long = `${other.repeat(times)}${piece.repeat(1_600)}${other.repeat(300)}${part}${part}${other.repeat(times)}`;
      expect(firstIndexOf(long, part)).toBe(long.indexOf(part));
      expect(lastIndexOf(long, part)).toBe(long.lastIndexOf(part));
      expect(splitAt(long, part)).toEqual(long.split(part));
    }),
    { numRuns: 200 },
  );
});
