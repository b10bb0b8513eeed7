import type { Span } from './ast.ts';
import { fail } from './failure.ts';
import type { FunctionSpec, Parameter } from './functions.ts';
import { type Frame, isPlainObject, mismatch, spendOutput, spendSteps, type Value } from './operators.ts';
import { matches } from './pattern.ts';
import { firstIndexOf, lastIndexOf, splitAt } from './text-search.ts';

const text = (name: string): Parameter => ({ name, type: 'string' });
const integer = (name: string): Parameter => ({ name, type: 'integer' });
const maybe = (parameter: Parameter): Parameter => ({ ...parameter, optional: true });

/** Characters are Unicode code points throughout, as in CEL. */
export const texts = {
  size: {
    origin: 'CEL',
    group: 'text',
    doc: 'How many characters, items or members there are.',
    example: ["size('añ😀')", '3'],
    overloads: [
      { parameters: [text('text')], result: 'integer' },
      { parameters: [{ name: 'list', type: 'list' }], result: 'integer' },
      { parameters: [{ name: 'object', type: 'object' }], result: 'integer' },
      { receiver: 'string', parameters: [], result: 'integer' },
      { receiver: 'list', parameters: [], result: 'integer' },
      { receiver: 'object', parameters: [], result: 'integer' },
    ],
    run: (frame, span, a) => {
      if (typeof a === 'string') return characterCount(frame, a, span);
      if (Array.isArray(a)) return a.length;
      if (isPlainObject(a)) return Object.keys(a).length;
      return mismatch('`size` needs a string, a list or an object', a, span);
    },
  },
  contains: {
    origin: 'CEL',
    group: 'text',
    doc: 'Does the text hold `part`?',
    example: ["'invoice'.contains('voice')", 'true'],
    overloads: [{ receiver: 'string', parameters: [text('part')], result: 'boolean' }],
    run: (frame, span, a, b) => {
      const [whole, part] = [string(frame, 'contains', a, span), string(frame, 'contains', b, span)];
      return firstIndexOf(whole, part) >= 0;
    },
  },
  startsWith: {
    origin: 'CEL',
    group: 'text',
    doc: 'Does the text start with `prefix`?',
    example: ["'in_42'.startsWith('in_')", 'true'],
    overloads: [{ receiver: 'string', parameters: [text('prefix')], result: 'boolean' }],
    run: (frame, span, a, b) =>
      string(frame, 'startsWith', a, span).startsWith(string(frame, 'startsWith', b, span)),
  },
  endsWith: {
    origin: 'CEL',
    group: 'text',
    doc: 'Does the text end with `suffix`?',
    example: ["'a@b.example'.endsWith('.example')", 'true'],
    overloads: [{ receiver: 'string', parameters: [text('suffix')], result: 'boolean' }],
    run: (frame, span, a, b) =>
      string(frame, 'endsWith', a, span).endsWith(string(frame, 'endsWith', b, span)),
  },
  matches: {
    origin: 'CEL',
    group: 'text',
    doc: 'Does any part of the text match the regular expression? RE2 syntax: time grows with the text only, no backreferences.',
    example: ["'in_42'.matches('^in_[0-9]+$')", 'true'],
    overloads: [
      { receiver: 'string', parameters: [text('pattern')], result: 'boolean' },
      { parameters: [text('text'), text('pattern')], result: 'boolean' },
    ],
    run: (frame, span, a, b) =>
      matches(frame, string(frame, 'matches', a, span), string(frame, 'matches', b, span), span),
  },
  indexOf: {
    origin: 'CEL extension',
    group: 'text',
    doc: 'Where `part` is first found, from 0 (or from `start`); -1 where it is not.',
    example: ["'a-b-c'.indexOf('-', 2)", '3'],
    overloads: [
      { receiver: 'string', parameters: [text('part'), maybe(integer('start'))], result: 'integer' },
    ],
    run: (frame, span, a, b, c) => {
      const characters = split(frame, string(frame, 'indexOf', a, span), span);
      const part = string(frame, 'indexOf', b, span);
      const start = c === undefined ? 0 : position('indexOf', c, characters.length, span);
      const found = firstIndexOf(join(characters, start), part);
      return found < 0 ? -1 : start + characterCount(frame, join(characters, start).slice(0, found), span);
    },
  },
  lastIndexOf: {
    origin: 'CEL extension',
    group: 'text',
    doc: 'Where `part` is last found, from 0; -1 where it is not.',
    example: ["'a-b-c'.lastIndexOf('-')", '3'],
    overloads: [{ receiver: 'string', parameters: [text('part')], result: 'integer' }],
    run: (frame, span, a, b) => {
      const whole = string(frame, 'lastIndexOf', a, span);
      const found = lastIndexOf(whole, string(frame, 'lastIndexOf', b, span));
      return found < 0 ? -1 : characterCount(frame, whole.slice(0, found), span);
    },
  },
  charAt: {
    origin: 'CEL extension',
    group: 'text',
    doc: 'The character at a position, from 0; empty at the very end.',
    example: ["'abc'.charAt(1)", '"b"'],
    overloads: [{ receiver: 'string', parameters: [integer('position')], result: 'string' }],
    run: (frame, span, a, b) => {
      const characters = split(frame, string(frame, 'charAt', a, span), span);
      return characters[position('charAt', b, characters.length, span)] ?? '';
    },
  },
  substring: {
    origin: 'CEL extension',
    group: 'text',
    doc: 'The text from position `start` up to, not including, `end`.',
    example: ["'invoice'.substring(2, 7)", '"voice"'],
    overloads: [
      { receiver: 'string', parameters: [integer('start'), maybe(integer('end'))], result: 'string' },
    ],
    run: (frame, span, a, b, c) => {
      const whole = string(frame, 'substring', a, span);
      const characters = split(frame, whole, span);
      const start = position('substring', b, characters.length, span);
      const end = c === undefined ? characters.length : position('substring', c, characters.length, span);
      if (end < start)
        fail('EXPRESSION_ARGUMENT_INVALID', '`substring` needs an end that is not before its start', span);
      return produced(
        frame,
        typeof characters === 'string' ? whole.slice(start, end) : characters.slice(start, end).join(''),
        span,
      );
    },
  },
  replace: {
    origin: 'CEL extension',
    group: 'text',
    doc: 'The text with each `old` (at most `limit` of them) replaced by `new`.',
    example: ["'a b c'.replace(' ', '-')", '"a-b-c"'],
    overloads: [
      {
        receiver: 'string',
        parameters: [text('old'), text('new'), maybe(integer('limit'))],
        result: 'string',
      },
    ],
    run: (frame, span, a, b, c, d) => {
      const whole = string(frame, 'replace', a, span);
      const [from, to] = [string(frame, 'replace', b, span), string(frame, 'replace', c, span)];
      // An empty `old` is found before each character and at the end.
      const pieces = from === '' ? ['', ...whole, ''] : splitAt(whole, from);
      const count = d === undefined ? pieces.length - 1 : replacements(d, pieces.length - 1, span);
      spendOutput(frame, whole.length + count * to.length, span);
      return count === pieces.length - 1
        ? pieces.join(to)
        : [...pieces.slice(0, count), pieces.slice(count).join(from)].join(to);
    },
  },
  split: {
    origin: 'CEL extension',
    group: 'text',
    doc: 'The parts of the text between separators; an empty separator splits into characters.',
    example: ["'a,b'.split(',')", '["a","b"]'],
    overloads: [
      {
        receiver: 'string',
        parameters: [text('separator'), maybe(integer('limit'))],
        result: 'list of strings',
      },
    ],
    run: (frame, span, a, b, c) => {
      const whole = string(frame, 'split', a, span);
      const separator = string(frame, 'split', b, span);
      spendOutput(frame, whole.length + 1, span);
      const parts = separator === '' ? [...whole] : splitAt(whole, separator);
      if (c === undefined) return parts;
      if (typeof c !== 'number' || !Number.isInteger(c))
        mismatch('`split` needs an integer as limit', c, span);
      if (c < 0 || parts.length <= c) return parts;
      return c === 0 ? [] : [...parts.slice(0, c - 1), parts.slice(c - 1).join(separator)];
    },
  },
  join: {
    origin: 'CEL extension',
    group: 'text',
    doc: 'The texts of a list, one after the other, with the separator between them.',
    example: ["['a', 'b'].join('-')", '"a-b"'],
    overloads: [{ receiver: 'list of strings', parameters: [maybe(text('separator'))], result: 'string' }],
    run: (frame, span, a, b) => {
      if (!Array.isArray(a)) mismatch('`join` needs a list', a, span);
      const separator = b === undefined ? '' : string(frame, 'join', b, span);
      for (const item of a as readonly Value[]) {
        if (typeof item !== 'string') mismatch('`join` needs a list of strings', item, span);
        spendOutput(frame, item.length + separator.length, span);
      }
      return a.join(separator);
    },
  },
  trim: {
    origin: 'CEL extension',
    group: 'text',
    doc: 'The text without white space at its ends.',
    example: ["' a '.trim()", '"a"'],
    overloads: [{ receiver: 'string', parameters: [], result: 'string' }],
    run: (frame, span, a) => produced(frame, trimmed(string(frame, 'trim', a, span)), span),
  },
  lowerAscii: {
    origin: 'CEL extension',
    group: 'text',
    doc: 'The text with A to Z in lower case; other characters stay, so that the result is the same everywhere.',
    example: ["'Straße'.lowerAscii()", '"straße"'],
    overloads: [{ receiver: 'string', parameters: [], result: 'string' }],
    run: (frame, span, a) =>
      produced(
        frame,
        string(frame, 'lowerAscii', a, span).replace(/[A-Z]+/g, (part) => part.toLowerCase()),
        span,
      ),
  },
  upperAscii: {
    origin: 'CEL extension',
    group: 'text',
    doc: 'The text with a to z in upper case; other characters stay.',
    example: ["'eur'.upperAscii()", '"EUR"'],
    overloads: [{ receiver: 'string', parameters: [], result: 'string' }],
    run: (frame, span, a) =>
      produced(
        frame,
        string(frame, 'upperAscii', a, span).replace(/[a-z]+/g, (part) => part.toUpperCase()),
        span,
      ),
  },
} as const satisfies Readonly<Record<string, FunctionSpec>>;

/** Characters that one step of the budget pays for. */
const CHARACTERS_PER_STEP = 32;
const SURROGATE = /[\ud800-\udfff]/;

/** The text itself, with the time that reading it takes paid for. */
function string(frame: Frame, name: string, value: Value, span: Span): string {
  if (typeof value !== 'string') mismatch(`\`${name}\` needs strings`, value, span);
  if (value.length > CHARACTERS_PER_STEP)
    spendSteps(frame, Math.ceil(value.length / CHARACTERS_PER_STEP), span);
  return value;
}

/** What Unicode calls white space; JavaScript's own `trim` leaves U+0085 and takes U+FEFF. */
const WHITE_SPACE = /[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/;

function trimmed(whole: string): string {
  let [start, end] = [0, whole.length];
  while (start < end && WHITE_SPACE.test(whole[start]!)) start += 1;
  while (end > start && WHITE_SPACE.test(whole[end - 1]!)) end -= 1;
  return whole.slice(start, end);
}

function produced(frame: Frame, result: string, span: Span): string {
  spendOutput(frame, result.length, span);
  return result;
}

function characterCount(frame: Frame, whole: string, span: Span): number {
  if (!SURROGATE.test(whole)) return whole.length;
  spendSteps(frame, whole.length, span);
  let count = 0;
  for (const _ of whole) count += 1;
  return count;
}

/** Characters by position: the string itself where each is one code unit, which is nearly always. */
function split(frame: Frame, whole: string, span: Span): string | readonly string[] {
  if (!SURROGATE.test(whole)) return whole;
  spendSteps(frame, whole.length, span);
  return [...whole];
}

function replacements(limit: Value, found: number, span: Span): number {
  if (typeof limit !== 'number' || !Number.isInteger(limit))
    mismatch('`replace` needs an integer as limit', limit, span);
  return limit < 0 ? found : Math.min(limit, found);
}

function join(characters: string | readonly string[], start: number): string {
  return typeof characters === 'string' ? characters.slice(start) : characters.slice(start).join('');
}

function position(name: string, value: Value, length: number, span: Span): number {
  if (typeof value !== 'number' || !Number.isInteger(value))
    mismatch(`\`${name}\` needs an integer as position`, value, span);
  if (value < 0 || value > length)
    fail('EXPRESSION_ARGUMENT_INVALID', `\`${name}\` is given a position outside the text`, span);
  return value;
}
