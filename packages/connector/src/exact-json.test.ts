import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseExactJson } from './exact-json.ts';

const bytes = (text: string): Uint8Array => Buffer.from(text);

describe('parseExactJson', () => {
  it.each([
    ['12345678901234567890', '12345678901234567890'],
    [
      '{"id":12345678901234567890,"n":[-9007199254740993]}',
      { id: '12345678901234567890', n: ['-9007199254740993'] },
    ],
    ['{"id":9007199254740991}', { id: 9_007_199_254_740_991 }],
    [
      '{"text":" 12345678901234567890","f":1234567890123456.5,"e":1e300}',
      { text: ' 12345678901234567890', f: 1_234_567_890_123_456.5, e: 1e300 },
    ],
  ])('%s', (text, expected) => {
    expect(parseExactJson(bytes(text))).toEqual(expected);
  });

  it.each(['', '1234567890123456789,'])(
    'refuses what is nested so deep that nobody can go down it (%s)',
    (more) => {
      const nested = (levels: number): Uint8Array =>
        bytes(`[${more}${'['.repeat(levels - 1)}${']'.repeat(levels - 1)}]`);
      expect(() => parseExactJson(nested(500))).not.toThrow();
      expect(() => parseExactJson(nested(501))).toThrow('deep');
      expect(() => parseExactJson(nested(100_000))).toThrow();
    },
  );

  it('gives what JSON.parse gives for all that can be held exactly', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = JSON.stringify(value);
        const parsed = JSON.parse(text);
        const hasUnsafe = /(?:^|[[{:,])-?\d{16,}(?=[\]},]|$)/.test(text);
        if (!hasUnsafe) expect(parseExactJson(bytes(text))).toEqual(parsed);
      }),
    );
  });

  it('keeps every integer of any size', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }), (integer) => {
        expect(String(parseExactJson(bytes(`[${integer}]`)))).toBe(String(integer));
      }),
    );
  });

  it.each([bytes('{'), bytes(''), Buffer.from([0x22, 0xff, 0x22])])('throws on %s', (broken) => {
    expect(() => parseExactJson(broken)).toThrow();
  });
});
