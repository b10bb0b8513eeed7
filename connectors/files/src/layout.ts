import type { Json, JsonObject } from '@tenon/model';
import { type Cell, readCell, writeCell } from './cell.ts';
import { type CsvField, type CsvRow, csvLine } from './csv-reader.ts';

/** How one kind of file is written, and what its columns are in the contract. The order of columns is the file's own. */
export interface CsvLayout {
  readonly delimiter: ',' | ';' | '\t' | '|';
  /** Default `"`. */
  readonly quote?: '"' | "'";
  /** A byte order mark is skipped. Default `utf-8`. ISO 8859-1 is a part of `windows-1252`. */
  readonly encoding?: 'utf-8' | 'utf-16le' | 'windows-1252';
  /**
   * What becomes of a file with rows that cannot be read, or that do not fit the contract: those are held and the others taken (`split`, the
   * default), or the file is held and no row of it taken (`holdFile`), for batches that mean something as a whole alone.
   */
  readonly badRows?: 'split' | 'holdFile';
  /** By the column's header. What a file has besides is left out. */
  readonly columns: Readonly<Record<string, Column>>;
}

export type Column = Cell & {
  /** The field of the event or row. */
  readonly field: string;
  /** An empty cell leaves the field out. Without it one is a problem, unless it is a quoted text. */
  readonly mayBeEmpty?: true;
};

export interface Problem {
  readonly line: number;
  readonly column: number;
  readonly what: string;
}

/** Turns rows into fields, by the header that a file has. */
export interface RowReading {
  read(row: CsvRow): { readonly value: JsonObject } | { readonly problem: Problem };
}

/** What the header row says; a column that is missing or there twice is a problem of the whole file. */
export function rowReading(layout: CsvLayout, header: CsvRow): RowReading | { readonly problem: Problem } {
  if (header.problem) return { problem: header.problem };
  const names = header.fields.map(({ text }) => text.trim());
  for (const [index, name] of names.entries())
    if (Object.hasOwn(layout.columns, name) && names.indexOf(name) !== index)
      return { problem: { ...placeOf(header.fields[index]!), what: `column ${name} is there twice` } };
  const missing = Object.keys(layout.columns).filter((name) => !names.includes(name));
  if (missing.length > 0)
    return { problem: { line: header.line, column: 1, what: `the header lacks ${missing.join(', ')}` } };
  const columns = names.map((name) =>
    Object.hasOwn(layout.columns, name) ? ([name, layout.columns[name]!] as const) : undefined,
  );
  return { read: (row) => readRow(row, columns) };
}

function readRow(
  row: CsvRow,
  columns: readonly (readonly [string, Column] | undefined)[],
): ReturnType<RowReading['read']> {
  if (row.problem) return { problem: row.problem };
  if (row.fields.length !== columns.length) {
    const what = `the row has ${row.fields.length} fields, the header ${columns.length}`;
    return { problem: { line: row.line, column: 1, what } };
  }
  const value: Record<string, Json> = {};
  for (const [index, cell] of row.fields.entries()) {
    const named = columns[index];
    if (named === undefined) continue;
    const [name, column] = named;
    const isEmpty = cell.text === '' && !(cell.isQuoted && column.is === 'text');
    if (isEmpty && column.mayBeEmpty) continue;
    const read = isEmpty ? { problem: 'is empty' } : readCell(cell.text, column);
    if ('problem' in read) return { problem: { ...placeOf(cell), what: `${name} ${read.problem}` } };
    value[column.field] = read.value;
  }
  return { value };
}

function placeOf({ line, column }: CsvField): { readonly line: number; readonly column: number } {
  return { line, column };
}

/** A whole file, header first, in the order of the layout's columns; or which value does not fit, by its JSON Pointer. */
export function writeCsv(
  layout: CsvLayout,
  rows: readonly JsonObject[],
): { readonly text: string } | { readonly misfit: string } {
  const dialect = dialectOf(layout);
  const columns = Object.values(layout.columns);
  const lines = [csvLine(Object.keys(layout.columns), dialect)];
  for (const [index, row] of rows.entries()) {
    const cells: string[] = [];
    for (const column of columns) {
      const value = row[column.field];
      const text = value === undefined && column.mayBeEmpty ? '' : writeCell(value ?? null, column);
      if (text === undefined) return { misfit: `/rows/${index}/${column.field}` };
      cells.push(text);
    }
    lines.push(csvLine(cells, dialect));
  }
  return { text: `${lines.join('\r\n')}\r\n` };
}

export function dialectOf({ delimiter, quote = '"' }: CsvLayout): {
  readonly delimiter: string;
  readonly quote: string;
} {
  return { delimiter, quote };
}
