import { describe, expect, it } from 'vitest';
import { deprecationOf } from './deprecation.ts';

const at = Date.UTC(2027, 0, 31, 23, 59, 59);

describe('deprecationOf', () => {
  it.each<[Record<string, string>, ReturnType<typeof deprecationOf>]>([
    [{}, undefined],
    [{ deprecation: '@1688169599' }, { deprecatedAtMs: 1_688_169_599_000 }],
    [{ deprecation: 'true', sunset: 'Sun, 31 Jan 2027 23:59:59 GMT' }, { sunsetAtMs: at }],
    [{ sunset: 'Sun, 31 Jan 2027 23:59:59 GMT' }, { sunsetAtMs: at }],
    [{ sunset: 'soon' }, undefined],
    [{ deprecation: 'false' }, undefined],
  ])('%j says %j', (headers, expected) => {
    expect(deprecationOf(headers)).toEqual(expected);
  });
});
