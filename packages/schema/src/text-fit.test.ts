import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { SchemaObject } from './schema.ts';
import { type TextPart, textMisfit } from './text-fit.ts';
import { compileValidator } from './validate.ts';

const hole = undefined;

describe('a text that is put together', () => {
  test.each<[string, readonly TextPart[], SchemaObject, string | undefined]>([
    ['is too long already', ['invoice ', hole], { maxLength: 5 }, 'at most 5 characters'],
    ['may be short enough', ['inv ', hole], { maxLength: 5 }, undefined],
    ['counts characters, not halves of them', ['😀😀', hole], { maxLength: 2 }, undefined],
    ['is too long with the shortest value', ['ab', ['cde', 'fghi']], { maxLength: 4 }, 'at most 4'],
    ['begins otherwise', ['X-', hole], { pattern: '^INV-[0-9]+$' }, 'must match the pattern'],
    ['ends otherwise', [hole, ' EUR'], { pattern: '^INV-[0-9]+$' }, 'must match the pattern'],
    ['may match', ['INV-', hole], { pattern: '^INV-[0-9]+$' }, undefined],
    ['may match in the middle', ['a', hole, 'z'], { pattern: 'INV-[0-9]+' }, undefined],
    ['matches by no value', ['INV-', ['a', 'b']], { pattern: '^INV-[0-9]+$' }, 'must match'],
    ['matches by one value', ['INV-', ['a', '1']], { pattern: '^INV-[0-9]+$' }, undefined],
    ['has what no look-around is asked of', ['x', hole], { pattern: '^(?!x)a' }, 'must match'],
    ['may hold what a look-around asks', ['a', hole], { pattern: '^(?=b)a' }, undefined],
    ['of a pattern that is none', ['a', hole], { pattern: '(' }, undefined],
    ['of a pattern that is too large', ['b', hole], { pattern: '^a{5000}$' }, undefined],
    ['is no moment', ['on ', hole], { format: 'date-time' }, 'must be a valid date-time'],
    ['may be a moment', [hole, 'T00:00:00Z'], { format: 'date-time' }, undefined],
    ['is no address', ['Mr ', hole, '@shop.example'], { format: 'email' }, 'must be a valid email'],
    ['may be an address', [hole, '@shop.example'], { format: 'email' }, undefined],
    ['is no uuid', ['order-', hole], { format: 'uuid' }, 'must be a valid uuid'],
    ['may be an address of the web', ['https://shop.example/', hole], { format: 'uri' }, undefined],
    ['of a format that is not known', ['a b', hole], { format: 'colour' }, undefined],
  ])('%s', (_, parts, schema, misfit) => {
    const said = textMisfit(parts, { type: 'string', ...schema });
    if (misfit === undefined) expect(said).toBeUndefined();
    else expect(said).toContain(misfit);
  });

  test('is never refused for a value that a validator takes', () => {
    const piece = fc.constantFrom(
      'a',
      'b',
      '1',
      '[ab]',
      'a*',
      '(a|b1)',
      '\\d+',
      '[^a]',
      '.',
      'b?',
      '(?:ab){1,2}',
    );
    const pattern = fc
      .tuple(fc.constantFrom('', '^'), fc.array(piece, { maxLength: 4 }), fc.constantFrom('', '$'))
      .map(([head, body, tail]) => head + body.join('') + tail);
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '1', '-'), maxLength: 5 });
    const parts = fc.array(fc.tuple(text, fc.constantFrom('fixed', 'hole', 'values')), { maxLength: 4 });
    fc.assert(
      fc.property(pattern, parts, text, (source, pieces, other) => {
        const schema = { type: 'string', pattern: source } as const;
        const whole = pieces.map(([one]) => one).join('');
        const given = pieces.map(
          ([one, how]): TextPart => (how === 'fixed' ? one : how === 'hole' ? hole : [other, one]),
        );
        const fits = compileValidator(schema)(whole).length === 0;
        if (fits) expect(textMisfit(given, schema)).toBeUndefined();
        // Without a part that is left open, it is as sure as the validator.
        if (!fits) expect(textMisfit([whole], schema)).toBeDefined();
      }),
      { numRuns: 2_000 },
    );
  });
});
