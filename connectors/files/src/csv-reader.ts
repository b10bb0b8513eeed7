export interface CsvField {
  readonly text: string;
  /** Where it begins in the file; both count from 1, the column in characters. */
  readonly line: number;
  readonly column: number;
  readonly isQuoted: boolean;
}

export interface CsvRow {
  readonly fields: readonly CsvField[];
  readonly line: number;
  /** As it stands in the file, without its line end. */
  readonly raw: string;
  /** What is wrong with how it is written, with its place. */
  readonly problem?: { readonly line: number; readonly column: number; readonly what: string };
}

export interface CsvDialect {
  readonly delimiter: string;
  readonly quote: string;
}

/** A row longer than this is a quote that was never closed, or no CSV at all. */
const ROW_CHARACTERS_MAX = 256 * 1024;

export class RowTooLong extends Error {
  readonly line: number;

  constructor(line: number) {
    super(`the row that begins here is longer than ${ROW_CHARACTERS_MAX} characters`);
    this.line = line;
  }
}

/**
 * Rows of a text that comes in pieces, by RFC 4180 with a free delimiter and any line end. Every field knows its place.
 *
 * ```
 * start ─quote→ quoted ─quote→ closed ─quote→ quoted (a doubled quote is one)
 *   └─other→ plain          any ─delimiter→ start of the next field ─line end→ start of the next row (not in `quoted`)
 * ```
 * A row that is written wrongly is given out with what is wrong and where; the next begins after its line end. Empty lines are
 * no rows.
 */
export class CsvReader {
  readonly #dialect: CsvDialect;
  #state: 'start' | 'plain' | 'quoted' | 'closed' = 'start';
  #fields: CsvField[] = [];
  #text = '';
  #raw = '';
  #line = 1;
  #column = 1;
  #rowLine = 1;
  #fieldAt = { line: 1, column: 1 };
  #isQuoted = false;
  #problem: CsvRow['problem'];
  #isAfterReturn = false;

  constructor(dialect: CsvDialect) {
    this.#dialect = dialect;
  }

  *push(piece: string): Generator<CsvRow> {
    for (const character of piece) {
      const isSecondHalf = this.#isAfterReturn && character === '\n';
      this.#isAfterReturn = character === '\r' && this.#state !== 'quoted';
      // The line feed after a carriage return that has ended a row.
      if (isSecondHalf) continue;
      const row = this.#take(character);
      if (row !== undefined) yield row;
    }
  }

  *end(): Generator<CsvRow> {
    if (this.#state === 'quoted') this.#problem ??= { ...this.#fieldAt, what: 'its quote is never closed' };
    const row = this.#endRow();
    if (row !== undefined) yield row;
  }

  #take(character: string): CsvRow | undefined {
    const { delimiter, quote } = this.#dialect;
    const isLineEnd = character === '\n' || character === '\r';
    if (isLineEnd && this.#state !== 'quoted') {
      const row = this.#endRow();
      this.#nextLine();
      this.#rowLine = this.#line;
      this.#beginField();
      return row;
    }
    this.#raw += character;
    if (this.#raw.length > ROW_CHARACTERS_MAX) throw new RowTooLong(this.#rowLine);
    if (character === delimiter && this.#state !== 'quoted') {
      this.#endField();
      this.#column++;
      this.#beginField();
      return undefined;
    }
    if (character === quote) this.#takeQuote();
    else {
      if (this.#state === 'closed') this.#fault('there is text behind its closing quote');
      if (this.#state === 'start') this.#state = 'plain';
      this.#text += character;
    }
    if (character === '\n') this.#nextLine();
    else this.#column++;
    return undefined;
  }

  #takeQuote(): void {
    if (this.#state === 'start') {
      this.#state = 'quoted';
      this.#isQuoted = true;
    } else if (this.#state === 'quoted') this.#state = 'closed';
    else if (this.#state === 'closed') {
      this.#text += this.#dialect.quote;
      this.#state = 'quoted';
    } else {
      this.#fault('there is a quote in a field that does not begin with one');
      this.#text += this.#dialect.quote;
    }
  }

  #fault(what: string): void {
    this.#problem ??= { line: this.#line, column: this.#column, what };
    if (this.#state === 'closed') this.#state = 'plain';
  }

  #nextLine(): void {
    this.#line++;
    this.#column = 1;
  }

  #beginField(): void {
    this.#state = 'start';
    this.#text = '';
    this.#isQuoted = false;
    this.#fieldAt = { line: this.#line, column: this.#column };
  }

  #endField(): void {
    this.#fields.push({ text: this.#text, ...this.#fieldAt, isQuoted: this.#isQuoted });
  }

  #endRow(): CsvRow | undefined {
    this.#endField();
    const [fields, raw, problem] = [this.#fields, this.#raw, this.#problem];
    this.#fields = [];
    this.#raw = '';
    this.#problem = undefined;
    return raw === '' ? undefined : { fields, line: this.#rowLine, raw, ...(problem && { problem }) };
  }
}

/** One row as CSV, without its line end: what needs quotes gets them. */
export function csvLine(values: readonly string[], { delimiter, quote }: CsvDialect): string {
  return values
    .map((value) => {
      const isPlain =
        !value.includes(delimiter) && !value.includes(quote) && !/[\r\n]/.test(value) && value !== '';
      return isPlain ? value : `${quote}${value.replaceAll(quote, quote + quote)}${quote}`;
    })
    .join(delimiter);
}
