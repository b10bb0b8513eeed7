import { isDeeperThan, JSON_LEVELS_MAX, type Json } from '@tenon/model';

/**
 * Parses JSON bytes without changing a number: an integer too large to be held exactly comes out as its decimal text.
 * `JSON.parse` alone turns the id 12345678901234567890 into 12345678901234567000, another entity's id, without a word.
 * As a text it violates a contract that says `integer`, which is reported; a contract that says `string` there, or
 * both, by an overlay, receives it whole. Throws on what is not UTF-8 or not JSON, and on what is nested too deep.
 */
export function parseExactJson(bytes: Uint8Array): Json {
  const text = decoder.decode(bytes);
  const value: Json = MAYBE_UNSAFE.test(text) ? JSON.parse(text, exactly) : JSON.parse(text);
  if (text.length >= 2 * JSON_LEVELS_MAX && isDeeperThan(value, JSON_LEVELS_MAX))
    throw new SyntaxError(`nested more than ${JSON_LEVELS_MAX} levels deep`);
  return value;
}

const decoder = new TextDecoder('utf-8', { fatal: true });

/** Sixteen digits in a row where a number may stand. Inside a text it costs a slower parse and changes nothing. */
const MAYBE_UNSAFE = /(?:^|[[{:,\s])-?\d{16}/;

/** The third argument is ECMAScript's (JSON.parse source text access); the standard library's types lack it. */
function exactly(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  const source = context?.source;
  const isUnsafe = typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value);
  return isUnsafe && source !== undefined && /^-?\d+$/.test(source) ? source : value;
}
