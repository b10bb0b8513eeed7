import fc from 'fast-check';
import { expect, test } from 'vitest';
import { commentLine, commentLines, compactLiteral, literal } from './source-text.ts';

const evaluate = (source: string): unknown => new Function(`"use strict"; return (${source});`)();

test('a literal evaluates to the value it was made of, `__proto__` as a member included', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      // What JSON cannot say (-0) is no part of a contract.
      const plain = JSON.parse(JSON.stringify(value));
      expect(evaluate(literal(plain))).toEqual(plain);
      expect(evaluate(compactLiteral(plain))).toEqual(plain);
    }),
  );
  const tricky = JSON.parse('{"__proto__":{"a":"\\"__proto__\\":1\u2028"},"b":["__proto__",":"]}');
  const back = evaluate(literal(tricky));
  expect(Object.keys(back as object)).toEqual(['__proto__', 'b']);
  expect(JSON.stringify(back)).toBe(JSON.stringify(tricky));
});

test('no text ends the comment it stands in', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('*', '/', '\n', '\r', '\u2028', 'a', ' ') }), (text) => {
      expect(commentLine(text)).not.toMatch(/\*\/|[\n\r\u2028\u2029]/);
      for (const line of commentLines(text, 5)) expect(line).not.toMatch(/\*\/|[\n\r\u2028\u2029]/);
      expect(evaluate(`1 /* ${commentLine(text)} */ + 1`)).toBe(2);
    }),
  );
});

test('a long description is wrapped and cut', () => {
  const lines = commentLines(`${'word '.repeat(60)}\n\n\n\nmore`.repeat(10), 6);
  expect(lines).toHaveLength(7);
  expect(lines.at(-1)).toBe('…');
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(110);
});
