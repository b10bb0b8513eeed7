/** How a scalar was written: each style drops, folds or escapes characters in its own way. */
export type ScalarStyle = 'plain' | 'single' | 'double' | 'literal' | 'folded';

/** Maps a place inside a scalar's value to the offset in the file where that character was written. */
export interface ScalarOffsets {
  /** Offset of the character at `index`; of the end of the text for `index` = length. */
  startOf(index: number): number;
  /** Offset just after the character before `index`. */
  endOf(index: number): number;
}

/** A written piece and what it stands for. `space`: unescaped white space, which folding may drop or replace. */
interface Piece {
  readonly start: number;
  readonly end: number;
  readonly text: string;
  readonly space: boolean;
}

/**
 * Aligns a scalar's value with its source (`source.slice(start, end)`, quotes or block header included).
 *
 * YAML's folding changes white space only, so every other character of the value stands in the source in the same
 * order. Walking both together therefore gives exact places for all but folded white space, without repeating the
 * folding rules of five styles.
 */
export function scalarOffsets(
  source: string,
  start: number,
  end: number,
  style: ScalarStyle,
  value: string,
): ScalarOffsets {
  if (style === 'plain' && source.startsWith(value, start)) return shifted(start, value.length);
  const pieces = piecesOf(source, start, end, style);
  const starts: number[] = [];
  const ends: number[] = [];
  let next = 0;
  for (let index = 0; index < value.length; ) {
    const isSpace = isWhiteSpace(value[index]!);
    if (!isSpace) while (next < pieces.length && !stands(pieces[next]!, value, index)) next++;
    const piece = pieces[next];
    if (!piece) {
      starts.push(end);
      ends.push(end);
      index++;
      continue;
    }
    if (isSpace && !piece.space && !stands(piece, value, index)) {
      starts.push(piece.start);
      ends.push(piece.start);
      index++;
      continue;
    }
    for (let unit = 0; unit < Math.max(1, piece.text.length); unit++) {
      starts.push(piece.start);
      ends.push(piece.end);
      index++;
    }
    next++;
  }
  const last = ends.at(-1) ?? contentStart(source, start, end, style);
  return {
    startOf: (index) => starts[index] ?? last,
    endOf: (index) => (index <= 0 ? (starts[0] ?? last) : (ends[index - 1] ?? last)),
  };
}

function shifted(start: number, length: number): ScalarOffsets {
  const at = (index: number): number => start + Math.min(Math.max(index, 0), length);
  return { startOf: at, endOf: at };
}

function stands(piece: Piece, value: string, index: number): boolean {
  return piece.text !== '' && !piece.space && value.startsWith(piece.text, index);
}

function contentStart(source: string, start: number, end: number, style: ScalarStyle): number {
  if (style === 'single' || style === 'double') return Math.min(start + 1, end);
  if (style === 'plain') return start;
  const lineEnd = source.indexOf('\n', start);
  return lineEnd < 0 || lineEnd >= end ? end : lineEnd + 1;
}

function piecesOf(source: string, start: number, end: number, style: ScalarStyle): Piece[] {
  const pieces: Piece[] = [];
  const quoted = style === 'single' || style === 'double';
  const last = quoted && end > start + 1 ? end - 1 : end;
  for (let at = contentStart(source, start, end, style); at < last; ) {
    const character = source[at]!;
    let piece: Piece;
    if (style === 'double' && character === '\\') piece = escapePiece(source, at);
    else if (style === 'single' && character === "'" && source[at + 1] === "'")
      piece = { start: at, end: at + 2, text: "'", space: false };
    else piece = { start: at, end: at + 1, text: character, space: isWhiteSpace(character) };
    pieces.push(piece);
    at = piece.end;
  }
  return pieces;
}

const ESCAPES: Readonly<Record<string, string>> = {
  '0': '\0',
  a: '\x07',
  b: '\b',
  e: '\x1b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  N: '\u0085',
  _: '\u00a0',
  L: '\u2028',
  P: '\u2029',
};
const HEX_DIGITS: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 };
const CODE_POINT_MAX = 0x10ffff;

function escapePiece(source: string, at: number): Piece {
  const code = source[at + 1] ?? '';
  const digits = HEX_DIGITS[code];
  if (digits !== undefined) {
    const point = Number.parseInt(source.slice(at + 2, at + 2 + digits), 16);
    const text = Number.isNaN(point) || point > CODE_POINT_MAX ? '' : String.fromCodePoint(point);
    return { start: at, end: at + 2 + digits, text, space: false };
  }
  if (code === '\r' && source[at + 2] === '\n') return { start: at, end: at + 3, text: '', space: false };
  if (code === '\n' || code === '\r') return { start: at, end: at + 2, text: '', space: false };
  return { start: at, end: at + 2, text: ESCAPES[code] ?? code, space: false };
}

function isWhiteSpace(character: string): boolean {
  return character === ' ' || character === '\n' || character === '\t' || character === '\r';
}
