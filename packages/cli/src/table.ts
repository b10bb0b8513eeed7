import { printable } from './printable.ts';

const LAST_RULE_MAX = 40;

/** Columns for a terminal; numbers of characters, not bytes. The last column is not padded. */
export function renderTable(header: readonly string[], given: readonly (readonly string[])[]): string {
  const rows = given.map((row) => row.map((cell) => printable(cell).replaceAll(/\s/g, ' ')));
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => (row[column] ?? '').length)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => (column === cells.length - 1 ? cell : cell.padEnd(widths[column]!)))
      .join('  ');
  // Sentences are longer than a terminal is wide: they wrap, and a line below the titles that does so too parts nothing.
  const rules = widths.map((width, column) =>
    Math.min(width, column === widths.length - 1 ? LAST_RULE_MAX : width),
  );
  return [line(header), line(rules.map((width) => '─'.repeat(width))), ...rows.map(line)].join('\n');
}
