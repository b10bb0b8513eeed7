import fc from 'fast-check';
import { expect, test } from 'vitest';
import { stringify } from 'yaml';
import { child, parseSpec } from './spec-document.ts';

const STYLES = ['PLAIN', 'QUOTE_SINGLE', 'QUOTE_DOUBLE', 'BLOCK_LITERAL', 'BLOCK_FOLDED'] as const;

/** Text with what makes styles differ: quotes, escapes, long lines that fold, line breaks, wide characters. */
const words = fc
  .array(
    fc.constantFrom('event.plan', "'a b'", '"q"', '\\', 'é', '😀', '==', '${', '}', 'x'.repeat(30), '1'),
    {
      minLength: 1,
      maxLength: 25,
    },
  )
  .chain((parts) =>
    fc
      .array(fc.constantFrom(' ', '  ', '\n', '\t', ' \n'), {
        minLength: parts.length,
        maxLength: parts.length,
      })
      .map((gaps) => parts.map((part, index) => part + gaps[index]!).join('')),
  )
  .map((text) => text.trim());

test('every visible character of a scalar maps to where it was written, in all five styles', () => {
  fc.assert(
    fc.property(words, fc.constantFrom(...STYLES), fc.boolean(), (value, style, isDeep) => {
      const data = isDeep ? { a: { b: { c: value } } } : { a: value };
      const text = stringify(data, { defaultStringType: style, defaultKeyType: 'PLAIN' });
      const { root, isBroken } = parseSpec('a.yaml', text);
      fc.pre(!isBroken);
      const top = child(root, 'a');
      const node = isDeep ? child(child(top, 'b'), 'c') : top;
      if (node?.kind !== 'scalar') throw new Error('no scalar');
      expect(node.value).toBe(value);
      const offsets = node.offsets();
      for (let index = 0; index < value.length; index++) {
        const code = value.charCodeAt(index);
        const isSurrogate = code >= 0xd800 && code <= 0xdfff;
        if (/\s/.test(value[index]!) || isSurrogate) continue;
        const written = text.slice(offsets.startOf(index), offsets.endOf(index + 1));
        expect(decoded(written)).toBe(value[index]);
      }
    }),
    { numRuns: 500 },
  );
});

/** One written character, as YAML reads it. */
function decoded(written: string): string {
  if (written === "''") return "'";
  return written.startsWith('\\') && written.length > 1 ? (JSON.parse(`"${written}"`) as string) : written;
}

test.each([
  ['plain', 'a: ${ event.x } tail', 'event.x'],
  ['plain over two lines', 'a: ${ event.x &&\n   event.y }', 'event.y'],
  ['single quotes with an escaped one', "a: '${ ''k'' == event.y }'", 'event.y'],
  ['double quotes with escapes', 'a: "\\t\\u0041 ${ \\"k\\" == event.y }"', 'event.y'],
  ['double quotes over lines', 'a: "${ event.x\\\n   && event.y }"', 'event.y'],
  ['literal', 'a: |\n  ${ event.x\n    && event.y }\n', 'event.y'],
  ['literal with an indentation indicator', 'a: |2-\n    ${ event.y }\n', 'event.y'],
  ['folded', 'a: >-\n  ${ event.x\n  && event.y\n  }\n', 'event.y'],
])('finds a name inside a scalar: %s', (_, text, name) => {
  const node = child(parseSpec('a.yaml', text).root, 'a');
  if (node?.kind !== 'scalar') throw new Error('no scalar');
  const value = String(node.value);
  const at = value.indexOf(name);
  const offsets = node.offsets();
  expect(text.slice(offsets.startOf(at), offsets.endOf(at + name.length))).toBe(name);
});
