import { describe, expect, it } from 'vitest';
import { compileExpression, ExpressionSyntaxError } from './compile.ts';

/** Ways out of the language, or to keep the machine busy: each is refused or stopped. */
const numbers = Array.from({ length: 2_000 }, (_, i) => i);
const scope = {
  event: {
    numbers,
    text: 'a'.repeat(200_000),
    evil: `${'a'.repeat(50_000)}!`,
    pattern: `(${'a?'.repeat(300)})${'a'.repeat(300)}`,
    deep: deepList(20_000),
    deeper: deepList(20_000),
  },
};

describe('reading what is not data', () => {
  it.each([
    'event.constructor',
    "event['constructor']",
    'event.__proto__',
    "event['__proto__']",
    'event.hasOwnProperty',
    'event.text.constructor',
    'event.numbers.length',
    'event.numbers.map',
    "event.numbers['push']",
    'event.?constructor.name.value()',
    'constructor',
    '__proto__',
    'toString',
    'globalThis',
    'process',
    'this',
    "timestamp('2026-01-01T00:00:00Z').ns",
    "timestamp('2026-01-01T00:00:00Z').constructor",
    "{'a': 1}.constructor",
    "{'__proto__': {'polluted': true}}.polluted",
    '[].constructor',
    'policy.constructor()',
    'event.toString()',
    'constructor()',
    "'a'.at(0)",
    'event.valueOf()',
    'optional.constructor(1)',
  ])('%s is refused', (source) => {
    const result = compileExpression(source).evaluate(scope);
    expect(result.ok).toBe(false);
  });

  it('does not pollute a prototype through a map', () => {
    const result = compileExpression("{'__proto__': {'polluted': true}}").evaluate(scope);
    expect(result.ok && Object.getPrototypeOf(result.value)).toBe(null);
    expect(({} as { polluted?: unknown }).polluted).toBe(undefined);
  });

  it('does not say that inherited names are there', () => {
    for (const source of ['has(event.constructor)', "'constructor' in event", 'event.?toString.hasValue()'])
      expect(compileExpression(source).evaluate(scope)).toEqual({ ok: true, value: false });
  });
});

describe('keeping the machine busy', () => {
  it.each([
    ['nested macros', 'event.numbers.all(a, event.numbers.all(b, event.numbers.all(c, a + b + c >= 0)))'],
    ['nested maps', 'event.numbers.map(a, event.numbers.map(b, event.numbers.map(c, 1)))'],
    ['doubling text', `[1].map(x, 'aaaaaaaaaaaaaaaa')${'.map(s, s + s)'.repeat(24)}`],
    ['doubling lists', `[event.numbers]${'.map(l, l + l)'.repeat(14)}`],
    ['large joins', 'event.numbers.map(n, event.text).join()'],
    ['replacing each character', "event.text.replace('a', event.text)"],
    ['many searches', 'event.numbers.map(n, event.text.indexOf("b"))'],
    ['many counts', "event.numbers.map(n, size(event.text + '😀'))"],
    ['comparing deep values', 'event.deep == event.deeper'],
    ['searching lists of lists', 'event.numbers.all(n, !(event.numbers in [event.numbers + [1]]))'],
    ['many patterns', "event.numbers.all(n, !'aaaaaaaaaaaaaaaaaaaa'.matches('(a|aa)+' + string(n)))"],
    ['a pattern from data', 'event.text.matches(event.pattern)'],
    ['repetitions of repetitions', "'a'.matches('((a{100}){100}){100}')"],
    ['a pattern that is too long', "'a'.matches(event.text)"],
    ['returning deep lists of times', "[timestamp('2026-01-01T00:00:00Z'), event.deep][1]"],
  ])('%s is stopped', (_what, source) => {
    const started = performance.now();
    const result = compileExpression(source).evaluate(scope);
    const elapsedMs = performance.now() - started;
    expect(result.ok ? result : result.error.code).toMatch(/^EXPRESSION_(BUDGET_EXCEEDED|ARGUMENT_INVALID)$/);
    // Not a measurement: without a budget these take minutes.
    expect(elapsedMs).toBeLessThan(5_000);
  });

  it.each([
    ['nesting', `${'('.repeat(300)}1${')'.repeat(300)}`],
    ['macros', `${'[1].map(x, '.repeat(250)}1${')'.repeat(250)}`],
    ['length', `'${'x'.repeat(30_000)}'`],
  ])('%s beyond the limits of the parser is refused', (_what, source) => {
    expect(() => compileExpression(source)).toThrow(ExpressionSyntaxError);
  });

  it.each([
    ["event.evil.matches('^(a+)+$')", false],
    ["event.evil.matches('(a|aa)+$')", false],
  ])('%s, slow for a backtracking engine, is quick', (source, value) => {
    const started = performance.now();
    expect(compileExpression(source).evaluate(scope)).toEqual({ ok: true, value });
    expect(performance.now() - started).toBeLessThan(5_000);
  });
});

function deepList(depth: number): never {
  let value: unknown[] = [];
  for (let i = 0; i < depth; i++) value = [value];
  // JSON of a depth that its type allows and no recursion can follow.
  return value as never;
}
