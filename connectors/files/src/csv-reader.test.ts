import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CsvReader, type CsvRow, csvLine, RowTooLong } from './csv-reader.ts';

const SEMICOLON = { delimiter: ';', quote: '"' };

function read(pieces: readonly string[], dialect = SEMICOLON): CsvRow[] {
  const reader = new CsvReader(dialect);
  return [...pieces.flatMap((piece) => [...reader.push(piece)]), ...reader.end()];
}

const texts = (rows: readonly CsvRow[]): string[][] =>
  rows.map(({ fields }) => fields.map(({ text }) => text));

describe('rows of CSV', () => {
  it('come out as they went in, in whatever pieces, by any dialect and line end', () => {
    const dialects = fc.record({
      delimiter: fc.constantFrom(',', ';', '\t', '|'),
      quote: fc.constantFrom('"', "'"),
    });
    const cell = fc.string({
      unit: fc.constantFrom('a', 'é', '"', "'", ';', ',', '\n', '\r', ' ', '|', '\t'),
    });
    const rows = fc.array(fc.array(cell, { minLength: 2, maxLength: 5 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(
        rows,
        dialects,
        fc.constantFrom('\n', '\r\n', '\r'),
        fc.nat(7),
        (given, dialect, end, size) => {
          const text = given.map((row) => csvLine(row, dialect) + end).join('');
          const pieces = text.match(new RegExp(`[\\s\\S]{1,${size + 1}}`, 'g')) ?? [];
          const found = read(pieces, dialect);
          expect(texts(found)).toEqual(given);
          expect(found.filter(({ problem }) => problem)).toEqual([]);
        },
      ),
    );
  });

  it('know the place of every field, behind line ends in quotes too', () => {
    const [first, second] = read(['a;"b\nb";c\r\n\r\nd;é;"f"']);
    expect(first!.fields.map(({ line, column }) => [line, column])).toEqual([
      [1, 1],
      [1, 3],
      [2, 4],
    ]);
    expect(second).toMatchObject({ line: 4, raw: 'd;é;"f"' });
    expect(second!.fields[2]).toEqual({ text: 'f', line: 4, column: 5, isQuoted: true });
  });

  it.each([
    ['a;b"c', { line: 1, column: 4, what: 'there is a quote in a field that does not begin with one' }],
    ['a;"b"c', { line: 1, column: 6, what: 'there is text behind its closing quote' }],
    ['x;y\na;"b\nc', { line: 2, column: 3, what: 'its quote is never closed' }],
  ])('that are written wrongly say what and where: %j', (text, problem) => {
    expect(read([text]).at(-1)!.problem).toEqual(problem);
  });

  it('are right again behind one that is wrong', () => {
    expect(texts(read(['a;b"c\nd;e\n']))).toEqual([
      ['a', 'b"c'],
      ['d', 'e'],
    ]);
  });

  it('end where one never ends', () => {
    expect(() => read(['h\n"', 'x'.repeat(300_000)])).toThrow(RowTooLong);
  });
});
