import { BYTE_ORDER_MARK } from './json-source.ts';

/** The first place where a text stops being JSON, and what is wrong there. */
export interface JsonFault {
  readonly start: number;
  readonly end: number;
  readonly message: string;
  readonly fix?: string;
}

/**
 * Finds why `JSON.parse` refused a text. V8 names a position for some faults only and its wording changes, so the
 * grammar (RFC 8259) is walked once more. `undefined` when the text is JSON after all.
 */
export function jsonFault(text: string): JsonFault | undefined {
  const walk = new Walk(text);
  try {
    walk.document();
    return undefined;
  } catch (caught) {
    if (caught instanceof Fault) return caught.fault;
    throw caught;
  }
}

/** Carries a fault out of the recursion; never leaves this file. */
class Fault extends Error {
  readonly fault: JsonFault;
  constructor(fault: JsonFault) {
    super(fault.message);
    this.fault = fault;
  }
}

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const WORD = /[^\s,:[\]{}"]+/y;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;
/** Deeper than any document may nest: keeps the walk off the end of the stack. */
const DEPTH_MAX = 2_000;

class Walk {
  readonly #text: string;
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
    if (text.charCodeAt(0) === BYTE_ORDER_MARK) this.#at = 1;
  }

  document(): void {
    this.#value();
    this.#space();
    if (this.#at < this.#text.length)
      this.#fail(`expected the end of the document, found ${this.#seen()}`, 'A JSON file holds one value.');
  }

  #value(): void {
    this.#space();
    const char = this.#text[this.#at];
    if (char === '{') this.#nested(() => this.#object());
    else if (char === '[') this.#nested(() => this.#list());
    else if (char === '"') this.#string();
    else this.#word();
  }

  #nested(container: () => void): void {
    if (++this.#depth > DEPTH_MAX) this.#fail(`nested more than ${DEPTH_MAX} deep`);
    this.#at++;
    container();
    this.#depth--;
  }

  #object(): void {
    this.#space();
    if (this.#take('}')) return;
    for (;;) {
      this.#space();
      if (this.#text[this.#at] !== '"')
        this.#fail(`expected a key in double quotes, found ${this.#seen()}`, this.#keyFix());
      this.#string();
      this.#space();
      if (!this.#take(':')) this.#fail(`expected ":" after the key, found ${this.#seen()}`);
      this.#value();
      this.#space();
      if (this.#take('}')) return;
      if (!this.#take(',')) this.#fail(`expected "," or "}", found ${this.#seen()}`);
    }
  }

  #list(): void {
    this.#space();
    if (this.#take(']')) return;
    for (;;) {
      this.#space();
      if (this.#text[this.#at] === ']') this.#fail('expected a value after ",", found "]"', TRAILING_COMMA);
      this.#value();
      this.#space();
      if (this.#take(']')) return;
      if (!this.#take(',')) this.#fail(`expected "," or "]", found ${this.#seen()}`);
    }
  }

  #string(): void {
    const open = this.#at++;
    for (;;) {
      const char = this.#text[this.#at];
      if (char === undefined || char === '\n' || char === '\r') {
        this.#at = open;
        this.#fail(
          'this string has no closing quote on its line',
          'Close the string, or write a line break as \\n.',
        );
      }
      if (char === '"') {
        this.#at++;
        return;
      }
      if (char < ' ')
        this.#fail('a control character must be escaped in a string', 'Write it as \\t or \\u00XX.');
      if (char === '\\') this.#escape();
      else this.#at++;
    }
  }

  #escape(): void {
    ESCAPE.lastIndex = this.#at;
    const found = ESCAPE.exec(this.#text);
    if (!found)
      this.#fail(
        `${JSON.stringify(this.#text.slice(this.#at, this.#at + 2))} is no escape of JSON`,
        'Write a backslash as \\\\.',
      );
    this.#at += found[0].length;
  }

  #word(): void {
    WORD.lastIndex = this.#at;
    const word = WORD.exec(this.#text)?.[0];
    if (word === undefined) this.#fail(`expected a value, found ${this.#seen()}`);
    NUMBER.lastIndex = 0;
    const isNumber = NUMBER.exec(word)?.[0] === word;
    if (!isNumber && word !== 'true' && word !== 'false' && word !== 'null')
      this.#fail(`expected a value, found ${this.#seen()}`, wordFix(word));
    this.#at += word.length;
  }

  #space(): void {
    while (' \t\n\r'.includes(this.#text[this.#at] ?? 'x')) this.#at++;
  }

  #take(char: string): boolean {
    if (this.#text[this.#at] !== char) return false;
    this.#at++;
    return true;
  }

  #keyFix(): string | undefined {
    return this.#text[this.#at] === '}' ? TRAILING_COMMA : 'Put the key in double quotes.';
  }

  #seen(): string {
    if (this.#at >= this.#text.length) return 'the end of the file';
    return JSON.stringify(this.#text.slice(this.#at, this.#seenEnd()));
  }

  #seenEnd(): number {
    WORD.lastIndex = this.#at;
    const length = WORD.exec(this.#text)?.[0].length ?? 1;
    return Math.min(this.#text.length, this.#at + Math.min(length, 40));
  }

  #fail(message: string, fix?: string): never {
    throw new Fault({ start: this.#at, end: this.#seenEnd(), message, ...(fix !== undefined && { fix }) });
  }
}

const TRAILING_COMMA = 'JSON has no trailing comma: remove it.';

function wordFix(word: string): string | undefined {
  if (word.startsWith('//') || word.startsWith('/*') || word.startsWith('#'))
    return 'JSON has no comments: remove it, or make the file YAML.';
  if (word.startsWith("'")) return 'JSON strings stand in double quotes.';
  return 'Put text in double quotes; the bare words are true, false and null.';
}
