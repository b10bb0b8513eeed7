import { displayWidth, shortened } from './display-width.ts';
import { oneLine } from './printable.ts';

/**
 * A column, and what it may give up where a terminal is too narrow for the table. One that says nothing of that is kept whole, as ids are
 * and whatever a command is to be given.
 */
export interface Column {
  readonly title: string;
  /** A name that a person knows by its ends. */
  readonly shortens?: true;
  /** It may be left out: those of the lowest number first. */
  readonly drop?: number;
  /**
   * A sentence, or what is looked up elsewhere: it goes on a line of its own, which is not cut, so that what is in it can be copied. With
   * `drop`: it stays in the row while it fits, and is not lost then, but stands below with others of its kind.
   */
  readonly below?: true;
}

/** The least that is left of a name while there is something to leave out, and after that. */
const SHORTENED_TO = [20, 10] as const;
/** A name beyond that gives up its middle in a pipe too, and no row is padded beyond that for the sake of another. */
const CELL_MAX = 100;
const LAST_RULE_MAX = 40;
const GAP = 2;

/**
 * Columns for a terminal, by the width that their texts have there. The last column is not padded. Without a `width` (into a pipe, or asked for
 * with `--wide`) nothing is left out but the middle of a name that is far too long to be one: a single such row would make all others as long.
 */
export function renderTable(
  header: readonly (string | Column)[],
  given: readonly (readonly string[])[],
  width?: number,
): string {
  const columns = header.map((column, index) =>
    columnOf(typeof column === 'string' ? { title: column } : column, given, index),
  );
  const { beside, moved, below, left } = fitted(columns, width);
  const areNamed = below.length + moved.length > 1;
  const line = (cellOf: (column: Sized) => string): string =>
    beside
      .map((column, nth) =>
        nth === beside.length - 1 ? cellOf(column) : padded(cellOf(column), column.width),
      )
      .join(' '.repeat(GAP));
  const named = ({ title, cells }: Sized, row: number): readonly string[] =>
    cells[row] === '' ? [] : [`${areNamed ? `${title.toLowerCase()}: ` : ''}${cells[row]}`];
  const under = (row: number): readonly string[] =>
    [
      moved.flatMap((column) => named(column, row)).join(', '),
      ...below.flatMap((column) => named(column, row)),
    ].flatMap((text) => (text === '' ? [] : [`  └ ${text}`]));
  // Sentences are longer than a terminal is wide: they wrap, and a line below the titles that does so too parts nothing.
  const ruleOf = (column: Sized): string =>
    '─'.repeat(Math.min(column.width, column === beside.at(-1) ? LAST_RULE_MAX : CELL_MAX));
  return [
    line(({ title }) => title),
    ...(areNamed ? [] : [...moved, ...below].map(({ title }) => `  └ ${title}`)),
    line(ruleOf),
    ...given.flatMap((_, row) => [
      line(({ cells, shortens, width: most }) => (shortens ? shortened(cells[row]!, most) : cells[row]!)),
      ...under(row),
    ]),
    ...(left.length > 0 ? [`not shown: ${left.join(', ')}; --wide shows all`] : []),
  ].join('\n');
}

interface Sized extends Column {
  readonly cells: readonly string[];
  readonly width: number;
}

function columnOf(column: Column, rows: readonly (readonly string[])[], index: number): Sized {
  const given = rows.map((row) => oneLine(row[index] ?? ''));
  const cells = column.shortens ? given.map((cell) => shortened(cell, CELL_MAX)) : given;
  const widest = Math.max(column.title.length, ...cells.map(displayWidth));
  // A sentence that does not fit leaves its row, so its width is the true one.
  return { ...column, cells, width: column.below ? widest : Math.min(widest, CELL_MAX) };
}

function padded(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, Math.min(width, CELL_MAX) - displayWidth(text)));
}

interface Fitted {
  readonly beside: readonly Sized[];
  /** What did not fit into the row and is not to be lost. */
  readonly moved: readonly Sized[];
  readonly below: readonly Sized[];
  /** Titles of what is left out. */
  readonly left: readonly string[];
}

/** Sentences leave the row first, then columns that are empty, then names are shortened and the least important left out. What is wider still wraps. */
function fitted(columns: readonly Sized[], width: number | undefined): Fitted {
  if (width === undefined || widthOf(columns) <= width)
    return { beside: columns, moved: [], below: [], left: [] };
  const isEmpty = ({ cells }: Sized): boolean => cells.every((cell) => cell === '');
  const isSentence = ({ below, drop }: Sized): boolean => below === true && drop === undefined;
  const below = columns.filter((column) => isSentence(column) && !isEmpty(column));
  const rest = columns.filter((column) => !isSentence(column));
  const parted = (gone: readonly Sized[]): Pick<Fitted, 'moved' | 'below' | 'left'> => ({
    moved: rest.filter((column) => column.below && gone.includes(column)),
    below,
    left: gone.filter((column) => !column.below).map(({ title }) => title),
  });
  const full =
    widthOf(rest) <= width ? rest : rest.filter((column) => column.drop === undefined || !isEmpty(column));
  const byDrop = full.filter(({ drop }) => drop !== undefined).toSorted((a, b) => a.drop! - b.drop!);
  for (let dropped = 0; dropped <= byDrop.length; dropped++) {
    const gone = byDrop.slice(0, dropped);
    const beside = narrowed(
      full.filter((column) => !gone.includes(column)),
      width,
      SHORTENED_TO[0],
    );
    if (widthOf(beside) <= width) return { beside, ...parted(gone) };
  }
  const kept = full.filter(({ drop }) => drop === undefined);
  return { beside: narrowed(kept, width, SHORTENED_TO[1]), ...parted(byDrop) };
}

function widthOf(columns: readonly Sized[]): number {
  return columns.reduce((sum, column) => sum + column.width, GAP * Math.max(0, columns.length - 1));
}

/** The widest name gives way first, as far as is needed and none below `least`. */
function narrowed(columns: readonly Sized[], width: number, least: number): readonly Sized[] {
  const widths = columns.map((column) => column.width);
  let over = widthOf(columns) - width;
  while (over > 0) {
    let widest = -1;
    for (const [index, { shortens, title }] of columns.entries())
      if (
        shortens &&
        widths[index]! > Math.max(least, title.length) &&
        widths[index]! > (widths[widest] ?? 0)
      )
        widest = index;
    if (widest < 0) break;
    widths[widest]!--;
    over--;
  }
  return columns.map((column, index) => ({ ...column, width: widths[index]! }));
}
