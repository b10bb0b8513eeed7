import { atPointer, toPointer } from '@tenon/model';
import fc from 'fast-check';
import { dump } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import { parseDocument } from './document.ts';

const key = fc.oneof(
  fc.string(),
  fc.constantFrom('__proto__', 'constructor', '<', 'a/b', 'a~b', '200', '', ': ', '- x'),
);
const json = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.string({ unit: 'grapheme' }),
    fc.constantFrom(
      '',
      'x\ny\n',
      ' lead',
      'a: b',
      'a #b',
      '*x',
      '!x',
      'null',
      '1',
      '"',
      "'",
      '\\',
      '\n',
      'a\n\n b\n\n',
    ),
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => (Object.is(n, -0) ? 0 : n)),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(key, tie('value'), { maxKeys: 4 }),
  ),
})).value;

function* pointersOf(value: unknown, tokens: string[] = []): Generator<string> {
  yield toPointer(tokens);
  if (typeof value !== 'object' || value === null) return;
  for (const [name, child] of Object.entries(value)) yield* pointersOf(child, [...tokens, name]);
}

/** A block value taken out of its place loses its first line's indentation: give it back, then parse. */
function reparse(format: 'json' | 'yaml', source: string, column: number): unknown {
  const text = format === 'json' || source === '' ? source || 'null' : ' '.repeat(column - 1) + source;
  return parseDocument(`slice.${format}`, text).value?.value;
}

function expectEachPointerExact(format: 'json' | 'yaml', text: string, value: unknown): void {
  const document = parseDocument(`a.${format}`, text).value!;
  expect(document.value).toEqual(value);
  for (const pointer of pointersOf(value)) {
    const { start, end } = document.locate(pointer).range;
    const source = text.slice(start.offset, end.offset);
    const slice = reparse(format, source, start.column);
    expect(slice, `${pointer} in ${JSON.stringify(text)} gave ${JSON.stringify(source)}`).toEqual(
      atPointer(value, pointer),
    );
  }
}

describe('locating a value by pointer', () => {
  it('gives the text that parses to it, for any JSON', () => {
    fc.assert(
      fc.property(json, fc.constantFrom(undefined, 1, '\t'), (value, indent) => {
        expectEachPointerExact('json', JSON.stringify(value, undefined, indent), value);
      }),
      { numRuns: 300 },
    );
  });

  it('gives the text that parses to it, for any YAML', () => {
    fc.assert(
      fc.property(
        json,
        fc.constantFrom(
          {},
          { flowLevel: 2 },
          { flowLevel: 0, flowBracketPadding: true },
          { indent: 4, seqNoIndent: true },
          { seqInlineFirst: false },
        ),
        (value, style) => expectEachPointerExact('yaml', dump(value, { noRefs: true, ...style }), value),
      ),
      { numRuns: 300 },
    );
  });

  it('gives the key, and the nearest enclosing value of what is not there', () => {
    const text = 'a:\n  b: 1\nlist: [x]\n';
    const document = parseDocument('a.yaml', text).value!;
    expect(document.locateKey('/a/b').range.start).toMatchObject({ line: 2, column: 3 });
    expect(document.locateKey('/list/0').range.start).toMatchObject({ line: 3, column: 8 });
    expect(document.locate('/a/none/x').range).toEqual(document.locate('/a').range);
  });

  it('follows aliases and merge keys to where the value stands', () => {
    const text = 'base: &base { x: 1 }\nuse:\n  <<: *base\n  y: 2\nall: *base\n';
    const document = parseDocument('a.yaml', text).value!;
    expect(document.value).toEqual({ base: { x: 1 }, use: { x: 1, y: 2 }, all: { x: 1 } });
    expect(document.locate('/use/x').range.start).toMatchObject({ line: 1, column: 18 });
    expect(document.locate('/all').range.start).toMatchObject({ line: 5, column: 6 });
    expect(document.locate('/all/x').range.start).toMatchObject({ line: 1, column: 18 });
  });

  it('places an empty value behind its colon or dash', () => {
    const document = parseDocument('a.yaml', 'a:\nb:\n  -\n  - x\n').value!;
    expect(document.locate('/a').range.start).toMatchObject({ line: 1, column: 3 });
    expect(document.locate('/b/0').range.start).toMatchObject({ line: 3, column: 4 });
  });

  it('counts a byte order mark and every kind of line break', () => {
    for (const lineBreak of ['\n', '\r\n']) {
      const text = `\ufeff{${lineBreak}"a": 1 }`;
      expect(parseDocument('a.json', text).value!.locate('/a').range.start).toMatchObject({
        line: 2,
        column: 6,
      });
    }
    expect(parseDocument('a.yaml', '\ufeffa: 1\r\nb: 2\r\n').value!.locate('/b').range.start).toMatchObject({
      line: 2,
      column: 4,
    });
  });
});

describe('a located scalar', () => {
  it('shows how it is written', () => {
    const text = 'a: "x"\nb: |\n  y\n  z\n\nc: \'q\'\nd: >-\n  f\ne: p\nf:\n';
    const document = parseDocument('a.yaml', text).value!;
    const shown = ['/a', '/b', '/c', '/d', '/e', '/f'].map((pointer) => {
      const { source, style } = document.locateScalar(pointer)!;
      return [style, source];
    });
    expect(shown).toEqual([
      ['double', '"x"'],
      ['literal', '|\n  y\n  z\n'],
      ['single', "'q'"],
      ['folded', '>-\n  f\n'],
      ['plain', 'p'],
      ['empty', ''],
    ]);
    expect(document.locateScalar('')).toBeUndefined();
    expect(document.locateScalar('/none')).toBeUndefined();
  });
});

describe('parsing', () => {
  it('keeps __proto__ as a member and leaves prototypes alone', () => {
    for (const text of ['{"__proto__": {"x": 1}}', '__proto__: { x: 1 }']) {
      const value = parseDocument('a', text).value!.value;
      expect(Object.keys(value as object)).toEqual(['__proto__']);
      expect(({} as { x?: number }).x).toBeUndefined();
    }
  });

  it('never throws, whatever the text', () => {
    const piece = fc.constantFrom(
      'a',
      ': ',
      '- ',
      '\n',
      '  ',
      '\t',
      '{',
      '}',
      '[',
      ']',
      ',',
      '"',
      "'",
      '&a ',
      '*a',
      '!t ',
      '|',
      '>',
      '#',
      '? ',
      '---\n',
      '...\n',
      '%',
      '<<: ',
      '1',
      '.inf',
      '\u0000',
      '\ufeff',
      '\r',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 25 }), fc.constantFrom('json', 'yaml'), (pieces, format) => {
        const { value, diagnostics } = parseDocument(`a.${format}`, pieces.join(''));
        expect(value !== undefined || diagnostics.length > 0).toBe(true);
        if (value) for (const pointer of pointersOf(value.value)) value.locate(pointer);
      }),
      { numRuns: 3_000 },
    );
  });

  it.each([
    ['[1, 2', '1:6', 'the end of the file'],
    ["{'a': 1}", '1:2', 'double quotes'],
    ['{"a" 1}', '1:6', 'expected ":"'],
    ['[1,]', '1:4', 'after ","'],
    ['{"a": tru}', '1:7', '"tru"'],
    ['{"a": "x\n"}', '1:7', 'closing quote'],
    ['{} {}', '1:4', 'end of the document'],
    ['["\\x"]', '1:3', 'no escape'],
    ['[01]', '1:2', '"01"'],
  ])('says where and why %j is no JSON', (text, at, words) => {
    const [diagnostic] = parseDocument('a.json', text).diagnostics;
    expect(`${diagnostic?.range?.start.line}:${diagnostic?.range?.start.column}`).toBe(at);
    expect(diagnostic?.message).toContain(words);
  });

  it('reads the format from the first character when the name does not say', () => {
    expect(parseDocument('none', ' {"a":1}').value?.format).toBe('json');
    expect(parseDocument('none', 'a: 1').value?.format).toBe('yaml');
  });
});
