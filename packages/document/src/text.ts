import type { Position, Range } from '@tenon/model';

const lineStartsByText = new Map<string, number[]>();
/** The text asked for last, found again without hashing it. */
let last: { readonly text: string; readonly starts: number[] } | undefined;
/** Texts whose line table is kept: files being reported on, which are few. */
const LINE_TABLES_MAX = 64;

/** Line and column (from 1) of an offset. Line breaks are `\n`, `\r\n` and `\r`. */
export function positionAt(text: string, offset: number): Position {
  const starts = lineStarts(text);
  const at = Math.max(0, Math.min(offset, text.length));
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (starts[middle]! <= at) low = middle;
    else high = middle - 1;
  }
  return { line: low + 1, column: at - starts[low]! + 1, offset: at };
}

/** The range between two offsets. */
export function textRange(text: string, start: number, end: number): Range {
  return { start: positionAt(text, start), end: positionAt(text, Math.max(start, end)) };
}

function lineStarts(text: string): number[] {
  if (last?.text === text) return last.starts;
  const known = lineStartsByText.get(text);
  if (known) {
    last = { text, starts: known };
    return known;
  }
  const starts = [0];
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 10 || (code === 13 && text.charCodeAt(i + 1) !== 10)) starts.push(i + 1);
  }
  if (lineStartsByText.size >= LINE_TABLES_MAX) lineStartsByText.clear();
  lineStartsByText.set(text, starts);
  last = { text, starts };
  return starts;
}
