import type { ExpressionError } from './ast.ts';

type TokenType = 'identifier' | 'quoted' | 'number' | 'string' | 'punctuation' | 'invalid' | 'end';

/** `text` is the name of an identifier, the value of a string, the sign of punctuation. */
export interface Token {
  readonly type: TokenType;
  readonly start: number;
  readonly end: number;
  readonly text: string;
  /** Value of a number. */
  readonly number?: number;
}

/** Longest first, so that `<=` is not read as `<`. */
const PUNCTUATION = [
  ...['||', '&&', '==', '!=', '<=', '>='],
  ...['<', '>', '+', '-', '*', '/', '%', '!', '?', ':', ',', '.', '(', ')', '[', ']', '{', '}'],
];
const IDENTIFIER = /[A-Za-z_][A-Za-z0-9_]*/y;
const NUMBER = /0[xX][0-9a-fA-F]+|(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?/y;
/** CEL's white space, and comments up to the end of the line. */
const BLANK = /(?:[ \t\n\f\r]|\/\/[^\n]*)+/y;
const STRING_START = /(?:[rR][bB]?|[bB][rR]?)?(?:'''|"""|'|")/y;
const QUOTED_NAME = /`([A-Za-z0-9_.\-/ ]+)`/y;

const SIMPLE_ESCAPES: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
  '?': '?',
  '"': '"',
  "'": "'",
  '`': '`',
};
/** Escapes with digits: how many, in which base. */
const CODE_ESCAPES: Readonly<Record<string, { digits: RegExp; base: number }>> = {
  x: { digits: /[0-9a-fA-F]{2}/y, base: 16 },
  X: { digits: /[0-9a-fA-F]{2}/y, base: 16 },
  u: { digits: /[0-9a-fA-F]{4}/y, base: 16 },
  U: { digits: /[0-9a-fA-F]{8}/y, base: 16 },
};
const OCTAL = /[0-3][0-7]{2}/y;

/** Reads CEL tokens one at a time, from anywhere in a text; never throws, says what it could not read in `errors`. */
export class Lexer {
  readonly #source: string;
  readonly #errors: ExpressionError[];
  #position: number;

  constructor(source: string, position: number, errors: ExpressionError[]) {
    this.#source = source;
    this.#position = position;
    this.#errors = errors;
  }

  next(): Token {
    const blank = this.#match(BLANK, this.#position);
    if (blank !== undefined) this.#position += blank.length;
    const start = this.#position;
    if (start >= this.#source.length) return { type: 'end', start, end: start, text: '' };
    const token =
      this.#string(start) ??
      this.#number(start) ??
      this.#identifier(start) ??
      this.#punctuation(start) ??
      this.#invalid(start);
    this.#position = token.end;
    return token;
  }

  #identifier(start: number): Token | undefined {
    const name = this.#match(IDENTIFIER, start);
    if (name !== undefined) return { type: 'identifier', start, end: start + name.length, text: name };
    const quoted = this.#match(QUOTED_NAME, start);
    if (quoted === undefined) return undefined;
    return { type: 'quoted', start, end: start + quoted.length, text: quoted.slice(1, -1) };
  }

  #number(start: number): Token | undefined {
    const text = this.#match(NUMBER, start);
    if (text === undefined) return undefined;
    let end = start + text.length;
    const value = Number(text);
    const tail = this.#match(IDENTIFIER, end);
    if (tail !== undefined) {
      end += tail.length;
      if (tail === 'u' || tail === 'U')
        this.#error(start, end, 'unsigned integers have no form in JSON', `write ${text}`);
      else
        this.#error(start, end, `\`${tail}\` cannot follow a number`, 'put a blank or an operator between');
    } else if (!Number.isFinite(value))
      this.#error(start, end, 'the number is too large', 'the largest number in JSON is about 1.8e308');
    else if (/^(?:\d+|0[xX].*)$/.test(text) && !Number.isSafeInteger(value))
      this.#error(
        start,
        end,
        'the integer is beyond ±9007199254740991, where JSON numbers are no longer exact',
        'write it as a string, or with an exponent when an approximate number is meant',
      );
    return { type: 'number', start, end, text, number: Number.isFinite(value) ? value : 0 };
  }

  #string(start: number): Token | undefined {
    const opening = this.#match(STRING_START, start);
    if (opening === undefined) return undefined;
    const quote = /'''|"""|'|"/.exec(opening)![0];
    const prefix = opening.slice(0, opening.length - quote.length).toLowerCase();
    const token = this.#stringBody(start, start + opening.length, quote, prefix.includes('r'));
    if (prefix.includes('b'))
      this.#error(start, token.end, 'bytes have no form in JSON', 'use a string, in base64 where needed');
    return token;
  }

  #stringBody(start: number, bodyStart: number, quote: string, raw: boolean): Token {
    const source = this.#source;
    const isMultiline = quote.length === 3;
    const parts: string[] = [];
    let at = bodyStart;
    let plainStart = at;
    while (at < source.length) {
      const character = source[at]!;
      if (source.startsWith(quote, at)) {
        parts.push(source.slice(plainStart, at));
        return { type: 'string', start, end: at + quote.length, text: parts.join('') };
      }
      if (!isMultiline && (character === '\n' || character === '\r')) break;
      if (character === '\\' && !raw) {
        parts.push(source.slice(plainStart, at));
        const escaped = this.#escape(at);
        parts.push(escaped.text);
        at = escaped.end;
        plainStart = at;
      } else at += 1;
    }
    parts.push(source.slice(plainStart, at));
    this.#error(start, at, 'the string does not end', `close it with ${quote}`);
    return { type: 'string', start, end: at, text: parts.join('') };
  }

  #escape(at: number): { readonly text: string; readonly end: number } {
    const letter = this.#source[at + 1] ?? '';
    if (Object.hasOwn(SIMPLE_ESCAPES, letter)) return { text: SIMPLE_ESCAPES[letter]!, end: at + 2 };
    const coded = Object.hasOwn(CODE_ESCAPES, letter) ? CODE_ESCAPES[letter] : undefined;
    const digits = coded ? this.#match(coded.digits, at + 2) : this.#match(OCTAL, at + 1);
    if (digits !== undefined) {
      const code = Number.parseInt(digits, coded?.base ?? 8);
      const end = at + (coded ? 2 : 1) + digits.length;
      if (code <= 0x10ffff && (code < 0xd800 || code > 0xdfff))
        return { text: String.fromCodePoint(code), end };
      this.#error(at, end, 'the escape names no Unicode character', 'use a code point up to \\U0010FFFF');
      return { text: '', end };
    }
    const end = Math.min(at + 2, this.#source.length);
    this.#error(
      at,
      end,
      `\`${this.#source.slice(at, end)}\` is no escape`,
      "write \\\\ for a backslash, or a raw string: r'…'",
    );
    return { text: '', end };
  }

  #punctuation(start: number): Token | undefined {
    for (const text of PUNCTUATION)
      if (this.#source.startsWith(text, start))
        return { type: 'punctuation', start, end: start + text.length, text };
    return undefined;
  }

  #invalid(start: number): Token {
    const character = String.fromCodePoint(this.#source.codePointAt(start)!);
    const end = start + character.length;
    const hint = INVALID_HINTS[character];
    this.#error(start, end, `\`${character}\` has no meaning here`, hint);
    return { type: 'invalid', start, end, text: character };
  }

  #match(pattern: RegExp, at: number): string | undefined {
    pattern.lastIndex = at;
    return pattern.exec(this.#source)?.[0];
  }

  #error(start: number, end: number, message: string, fix?: string): void {
    this.#errors.push({ start, end, message, ...(fix !== undefined && { fix }) });
  }
}

const INVALID_HINTS: Readonly<Record<string, string>> = {
  '=': 'write == to compare',
  '&': 'write && for "and"',
  '|': 'write || for "or"',
  $: 'inside ${ } write the name alone',
  '#': 'comments start with //',
  ';': 'an expression is one value; remove the semicolon',
  '`': 'a quoted name may follow a dot and holds letters, digits and _ . - / and blanks',
};
