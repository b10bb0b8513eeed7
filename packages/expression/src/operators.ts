import type { Json } from '@tenon/model';
import type { Span } from './ast.ts';
import { fail } from './failure.ts';
import { Duration, durationOf, formatDuration, formatTimestamp, Timestamp, timestampOf } from './temporal.ts';

/** What an expression computes with. `undefined` is an absent optional; it never gets into a list or a map. */
export type Value = Json | Timestamp | Duration | undefined;

/** The state of one evaluation: names, macro variables, and what is left of the budget. */
export interface Frame {
  scope: Readonly<Record<string, Json>>;
  locals: Value[];
  stepsLeft: number;
  outputLeft: number;
}

/** Values nested deeper than this are not compared or copied: the recursion would exhaust the stack. */
const DATA_DEPTH_MAX = 500;

export function spendSteps(frame: Frame, steps: number, span: Span): void {
  frame.stepsLeft -= steps;
  if (frame.stepsLeft < 0)
    fail('EXPRESSION_BUDGET_EXCEEDED', 'the evaluation takes more steps than its budget allows', span);
}

export function spendOutput(frame: Frame, size: number, span: Span): void {
  frame.outputLeft -= size;
  if (frame.outputLeft < 0)
    fail('EXPRESSION_BUDGET_EXCEEDED', 'the evaluation makes more output than its budget allows', span);
}

/** The type of a value in the words of messages. */
export function kindOf(value: Value): string {
  if (value === undefined) return 'an absent value';
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (value instanceof Timestamp) return 'a timestamp';
  if (value instanceof Duration) return 'a duration';
  return (
    { string: 'a string', number: 'a number', boolean: 'a boolean' }[typeof value as string] ?? 'an object'
  );
}

export function mismatch(what: string, value: Value, span: Span): never {
  if (value === undefined) fail('EXPRESSION_FIELD_ABSENT', `${what}, and the value is absent`, span);
  fail('EXPRESSION_TYPE_MISMATCH', `${what}, found ${kindOf(value)}`, span);
}

export function isPlainObject(value: Value): value is Readonly<Record<string, Json>> {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Timestamp) &&
    !(value instanceof Duration)
  );
}

/** CEL's equality: values of different types are unequal, never an error; an absent optional equals only another. */
export function isEqual(frame: Frame, a: Value, b: Value, span: Span): boolean {
  return a === b || (isReference(a) && isReference(b) && isDeepEqual(frame, a, b, span, 0));
}

function isReference(value: Value): value is Exclude<Value, undefined | null | string | number | boolean> {
  return typeof value === 'object' && value !== null;
}

function isDeepEqual(frame: Frame, a: Value, b: Value, span: Span, depth: number): boolean {
  if (a === b) return true;
  if (!isReference(a) || !isReference(b)) return false;
  if (depth > DATA_DEPTH_MAX)
    fail(
      'EXPRESSION_BUDGET_EXCEEDED',
      `the values compared are nested deeper than ${DATA_DEPTH_MAX} levels`,
      span,
    );
  if (a instanceof Timestamp || b instanceof Timestamp)
    return a instanceof Timestamp && b instanceof Timestamp && Timestamp.ns(a) === Timestamp.ns(b);
  if (a instanceof Duration || b instanceof Duration)
    return a instanceof Duration && b instanceof Duration && Duration.ns(a) === Duration.ns(b);
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
    spendSteps(frame, a.length, span);
    for (let i = 0; i < a.length; i++) if (!isDeepEqual(frame, a[i], b[i], span, depth + 1)) return false;
    return true;
  }
  // Neither a list nor a time: both are JSON objects.
  const [left, right] = [a, b] as [Readonly<Record<string, Json>>, Readonly<Record<string, Json>>];
  const keys = Object.keys(left);
  spendSteps(frame, keys.length, span);
  if (keys.length !== Object.keys(right).length) return false;
  for (const key of keys)
    if (!Object.hasOwn(right, key) || !isDeepEqual(frame, left[key], right[key], span, depth + 1))
      return false;
  return true;
}

/** Negative, zero or positive; fails for values without an order between them. */
export function compare(operator: string, a: Value, b: Value, span: Span): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  if (typeof a === 'string' && typeof b === 'string') return compareText(a, b);
  if (typeof a === 'boolean' && typeof b === 'boolean') return Number(a) - Number(b);
  if (a instanceof Timestamp && b instanceof Timestamp)
    return Timestamp.ns(a) < Timestamp.ns(b) ? -1 : Timestamp.ns(a) > Timestamp.ns(b) ? 1 : 0;
  if (a instanceof Duration && b instanceof Duration)
    return Duration.ns(a) < Duration.ns(b) ? -1 : Duration.ns(a) > Duration.ns(b) ? 1 : 0;
  if (a === undefined || b === undefined) mismatch(`\`${operator}\` needs two values`, undefined, span);
  fail(
    'EXPRESSION_TYPE_MISMATCH',
    `\`${operator}\` needs two numbers, strings, booleans or times, found ${kindOf(a)} and ${kindOf(b)}`,
    span,
  );
}

/** Order by Unicode code point, as CEL has it: UTF-16 order differs for characters beyond the first plane. */
function compareText(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return (isSurrogate(x) ? x + 0x10000 : x) - (isSurrogate(y) ? y + 0x10000 : y);
  }
  return a.length - b.length;
}

function isSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdfff;
}

/** A sum, difference or product beyond ±2^53: exact integers must not silently lose their last digits. */
export function largeNumber(a: number, b: number, result: number, span: Span): number {
  if (!Number.isFinite(result) || (Number.isSafeInteger(a) && Number.isSafeInteger(b)))
    fail('EXPRESSION_NUMBER_OUT_OF_RANGE', 'the result is beyond what a JSON number holds exactly', span);
  return result;
}

/** `+` for everything but two numbers, which the compiler does in place. */
export function add(frame: Frame, a: Value, b: Value, span: Span): Value {
  if (typeof a === 'string' && typeof b === 'string') {
    spendOutput(frame, a.length + b.length, span);
    return a + b;
  }
  if (Array.isArray(a) && Array.isArray(b)) {
    spendOutput(frame, a.length + b.length, span);
    return [...a, ...b];
  }
  if (a instanceof Timestamp && b instanceof Duration)
    return inRange(timestampOf(Timestamp.ns(a) + Duration.ns(b)), span);
  if (a instanceof Duration && b instanceof Timestamp)
    return inRange(timestampOf(Duration.ns(a) + Timestamp.ns(b)), span);
  if (a instanceof Duration && b instanceof Duration)
    return inRange(durationOf(Duration.ns(a) + Duration.ns(b)), span);
  return notArithmetic('+', 'two numbers, two strings or two lists', a, b, span);
}

export function subtract(a: Value, b: Value, span: Span): Value {
  if (a instanceof Timestamp && b instanceof Timestamp)
    return inRange(durationOf(Timestamp.ns(a) - Timestamp.ns(b)), span);
  if (a instanceof Timestamp && b instanceof Duration)
    return inRange(timestampOf(Timestamp.ns(a) - Duration.ns(b)), span);
  if (a instanceof Duration && b instanceof Duration)
    return inRange(durationOf(Duration.ns(a) - Duration.ns(b)), span);
  return notArithmetic('-', 'two numbers', a, b, span);
}

export function notArithmetic(operator: string, wanted: string, a: Value, b: Value, span: Span): never {
  if (a === undefined || b === undefined) mismatch(`\`${operator}\` needs ${wanted}`, undefined, span);
  fail(
    'EXPRESSION_TYPE_MISMATCH',
    `\`${operator}\` needs ${wanted}, found ${kindOf(a)} and ${kindOf(b)}`,
    span,
  );
}

function inRange<T>(value: T | undefined, span: Span): T {
  if (value === undefined)
    fail('EXPRESSION_NUMBER_OUT_OF_RANGE', 'the time is outside the years 1 to 9999', span);
  return value;
}

/** `in`: an item of a list, by equality; or a name of an object. */
export function isIn(frame: Frame, item: Value, container: Value, span: Span): boolean {
  if (Array.isArray(container)) {
    spendSteps(frame, container.length >> 3, span);
    if (!isReference(item)) return item !== undefined && container.includes(item);
    return container.some((other) => isEqual(frame, item, other, span));
  }
  if (isPlainObject(container)) {
    if (item === undefined) return false;
    if (typeof item !== 'string') mismatch('the names of an object are strings', item, span);
    return Object.hasOwn(container, item);
  }
  return mismatch('`in` needs a list or an object on its right', container, span);
}

/** A value as JSON: times become text. Only called where an expression has times in it. */
export function toJson(value: Value, span: Span, depth = 0): Json {
  if (value instanceof Timestamp) return formatTimestamp(value);
  if (value instanceof Duration) return formatDuration(value);
  if (!isReference(value)) return value ?? null;
  if (depth > DATA_DEPTH_MAX)
    fail('EXPRESSION_BUDGET_EXCEEDED', `the result is nested deeper than ${DATA_DEPTH_MAX} levels`, span);
  if (Array.isArray(value)) return value.map((item) => toJson(item, span, depth + 1));
  const copy: Record<string, Json> = Object.create(null);
  for (const [key, member] of Object.entries(value)) copy[key] = toJson(member, span, depth + 1);
  return copy;
}
