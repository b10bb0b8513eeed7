import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anExpression } from './arbitrary.testing.ts';
import { compileExpression, compileTemplate, ExpressionSyntaxError, type Policies } from './compile.ts';
import { formatExpression } from './format.ts';

const scope = {
  event: {
    a: { b: { c: 1 } },
    plan: 'free',
    nothing: null,
    items: [{ id: 1, name: 'x' }, { id: 2 }],
    'content-type': 'text',
    length: 7,
  },
  steps: { invoice: { status: 'open', amount: 12.5 } },
};

function evaluate(source: string, policies?: Policies): unknown {
  const result = compileExpression(source, policies ? { policies } : {}).evaluate(scope);
  return result.ok ? result.value : result.error.code;
}

describe('reading', () => {
  it.each([
    ['event.a.b.c', 1],
    ["event['plan']", 'free'],
    ['event.`content-type`', 'text'],
    ['event.length', 7],
    ['event.items[1].id', 2],
    ['event.missing', 'EXPRESSION_FIELD_ABSENT'],
    ['event.missing.deeper', 'EXPRESSION_FIELD_ABSENT'],
    ['event.nothing', null],
    ['event.nothing.x', 'EXPRESSION_TYPE_MISMATCH'],
    ['event.items[2]', 'EXPRESSION_INDEX_OUT_OF_RANGE'],
    ['event.items[-1]', 'EXPRESSION_INDEX_OUT_OF_RANGE'],
    ['event.items[0.5]', 'EXPRESSION_TYPE_MISMATCH'],
    ["event.items['0']", 'EXPRESSION_TYPE_MISMATCH'],
    ['event.items.length', 'EXPRESSION_TYPE_MISMATCH'],
    ['event.plan.length', 'EXPRESSION_TYPE_MISMATCH'],
    ['nowhere', 'EXPRESSION_NAME_UNKNOWN'],
  ])('%s gives %j', (source, expected) => {
    expect(evaluate(source)).toEqual(expected);
  });
});

describe('absent is not null', () => {
  it.each([
    ['has(event.plan)', true],
    ['has(event.nothing)', true],
    ['has(event.missing)', false],
    ['has(event.missing.deeper)', false],
    ['has(event.nothing.deeper)', false],
    ['has(event.plan.deeper)', false],
    ['event.?plan.deeper.hasValue()', false],
    ["default(event.missing, 'd')", 'd'],
    ["default(event.nothing, 'd')", 'd'],
    ["default(event.missing.deeper[0], 'd')", 'd'],
    ["default(event.plan, 'd')", 'free'],
    ['event.?plan.orValue(1)', 'free'],
    ['event.?nothing.orValue(1)', null],
    ['event.?missing.deeper.orValue(1)', 1],
    ['event.?nothing.deeper.orValue(1)', 1],
    ['event.nothing.?deeper.orValue(1)', 1],
    ['event.missing.?deeper.orValue(1)', 'EXPRESSION_FIELD_ABSENT'],
    ['event.items[?5].id.orValue(1)', 1],
    ['event.?missing.hasValue()', false],
    ['event.?missing.value()', 'EXPRESSION_FIELD_ABSENT'],
    ['event.?missing.or(event.?plan).value()', 'free'],
    ["event.?plan.optMap(p, p + '!').value()", 'free!'],
    ["event.?missing.optMap(p, p + '!').hasValue()", false],
    ['event.?a.optFlatMap(a, a.?z).hasValue()', false],
    ["event.?plan == 'free'", true],
    ["event.?missing == 'free'", false],
    ["event.?missing != 'free'", true],
    ["event.?missing in ['free']", false],
    ['event.?missing', 'EXPRESSION_FIELD_ABSENT'],
    ['event.?missing + 1', 'EXPRESSION_FIELD_ABSENT'],
    ['size(event.?missing)', 'EXPRESSION_FIELD_ABSENT'],
    ["{?'x': event.?missing, ?'y': event.?plan}", { y: 'free' }],
    ['[?event.?missing, 1]', [1]],
    ['[event.?missing]', 'EXPRESSION_FIELD_ABSENT'],
    ['optional.of(1).value()', 1],
    ['optional.of(null).hasValue()', true],
    ['optional.none().hasValue()', false],
  ])('%s gives %j', (source, expected) => {
    expect(evaluate(source)).toEqual(expected);
  });
});

describe('numbers are JSON numbers', () => {
  it.each([
    ['1 + 2.5', 3.5],
    ['7 / 2', 3.5],
    ['1 == 1.0', true],
    ['7 % 2', 1],
    ['-7 % 2', -1],
    ['7.5 % 2', 'EXPRESSION_TYPE_MISMATCH'],
    ['1 / 0', 'EXPRESSION_DIVISION_BY_ZERO'],
    ['1 % 0', 'EXPRESSION_DIVISION_BY_ZERO'],
    ['9007199254740991 + 1', 'EXPRESSION_NUMBER_OUT_OF_RANGE'],
    ['-9007199254740991 - 1', 'EXPRESSION_NUMBER_OUT_OF_RANGE'],
    ['3037000500 * 3037000500', 'EXPRESSION_NUMBER_OUT_OF_RANGE'],
    ['1e308 * 10.0', 'EXPRESSION_NUMBER_OUT_OF_RANGE'],
    ['1e300 * 1.5', 1.5e300],
    ["1 + '1'", 'EXPRESSION_TYPE_MISMATCH'],
    ["1 < '1'", 'EXPRESSION_TYPE_MISMATCH'],
    ["'\\uffff' < '\\U0001F600'", true],
    ['-event.a.b.c', -1],
  ])('%s gives %j', (source, expected) => {
    expect(evaluate(source)).toEqual(expected);
  });

  it('never gives NaN, Infinity or a negative zero', () => {
    const number = fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.maxSafeInteger());
    fc.assert(
      fc.property(number, number, fc.constantFrom('+', '-', '*', '/', '%'), (a, b, operator) => {
        const result = compileExpression(`event.a ${operator} event.b`).evaluate({ event: { a, b } });
        if (result.ok) expect(JSON.parse(JSON.stringify(result.value))).toBe((result.value as number) + 0);
      }),
    );
  });
});

describe('equality and order', () => {
  it.each([
    ["1 == '1'", false],
    ["event.a == {'b': {'c': 1}}", true],
    ["[1, {'a': null}] == [1.0, {'a': null}]", true],
    ["{'a': 1} == {'b': 1}", false],
    ['[1] == {}', false],
    ['null == event.nothing', true],
    ["'a' in event", true],
    ["'toString' in event", false],
    ['1 in [3, 2, 1]', true],
    ['[1] in [[1]]', true],
    ['1 in event', 'EXPRESSION_TYPE_MISMATCH'],
    ["1 in 'a'", 'EXPRESSION_TYPE_MISMATCH'],
    ['[1] < [2]', 'EXPRESSION_TYPE_MISMATCH'],
  ])('%s gives %j', (source, expected) => {
    expect(evaluate(source)).toEqual(expected);
  });
});

describe('logic absorbs failures that do not matter', () => {
  it.each([
    ['event.missing && false', false],
    ['false && event.missing', false],
    ['event.missing || true', true],
    ['true || event.missing', true],
    ['event.missing || false', 'EXPRESSION_FIELD_ABSENT'],
    ['event.missing && true', 'EXPRESSION_FIELD_ABSENT'],
    ['event.missing && event.nothing.x', 'EXPRESSION_FIELD_ABSENT'],
    ['event.plan && false', false],
    ['event.plan && true', 'EXPRESSION_TYPE_MISMATCH'],
    ['true && event.plan', 'EXPRESSION_TYPE_MISMATCH'],
    ["event.items.exists(i, i.name == 'x')", true],
    ["event.items.exists(i, i.name == 'y')", 'EXPRESSION_FIELD_ABSENT'],
    ["event.items.all(i, i.name == 'y')", false],
    ["event.items.exists_one(i, i.name == 'x')", 'EXPRESSION_FIELD_ABSENT'],
    ['event.plan ? 1 : 2', 'EXPRESSION_TYPE_MISMATCH'],
  ])('%s gives %j', (source, expected) => {
    expect(evaluate(source)).toEqual(expected);
  });
});

describe('macros', () => {
  it.each([
    ['event.items.map(i, i.id * 2)', [2, 4]],
    ['event.items.map(i, i.id > 1, i.id)', [2]],
    ['event.items.filter(i, has(i.name)).map(i, i.name)', ['x']],
    [
      '[1, 2].map(x, [3, 4].map(y, x * y))',
      [
        [3, 4],
        [6, 8],
      ],
    ],
    [
      '[1, 2].map(x, [10].map(x, x) + [x])',
      [
        [10, 1],
        [10, 2],
      ],
    ],
    ["{'a': 1, 'b': 2}.map(k, k)", ['a', 'b']],
    ['[].all(x, false)', true],
    ['[].exists(x, true)', false],
    ['1.map(x, x)', 'EXPRESSION_TYPE_MISMATCH'],
    ['[1].map(event, event)', [1]],
  ])('%s gives %j', (source, expected) => {
    expect(evaluate(source)).toEqual(expected);
  });
});

describe('policies', () => {
  const policies: Policies = {
    big: { parameters: ['n'], expression: 'n > limit() || policy.huge(n)' },
    large: { parameters: ['n', 'limit'], expression: 'n > limit || policy.huge(n)' },
    huge: { parameters: ['n'], expression: '[n].exists(n, n > 1000)' },
    loop: { parameters: [], expression: 'policy.loop()' },
    broken: { parameters: [], expression: '1 +' },
    reader: { parameters: [], expression: 'event.plan' },
  };

  it('are called with their arguments, see nothing else, and leave the caller as it was', () => {
    expect(evaluate('policy.large(5, 3) && event.plan == "free"', policies)).toBe(true);
    expect(evaluate('[1, 2].map(x, policy.large(x, 1) ? x : 0)', policies)).toEqual([0, 2]);
    expect(evaluate('policy.reader() || event.plan == "free"', policies)).toBe(true);
    expect(evaluate('policy.reader()', policies)).toBe('EXPRESSION_NAME_UNKNOWN');
  });

  it('fail when there is none of that name, or not with so many parameters', () => {
    expect(evaluate('policy.small(1)', policies)).toBe('EXPRESSION_FUNCTION_UNKNOWN');
    expect(evaluate('policy.large(1)', policies)).toBe('EXPRESSION_FUNCTION_UNKNOWN');
    expect(evaluate('policy.toString()', policies)).toBe('EXPRESSION_FUNCTION_UNKNOWN');
  });

  it('point into the text of the policy when they fail', () => {
    const result = compileExpression('policy.big(1)', { policies }).evaluate(scope);
    expect(result).toMatchObject({
      ok: false,
      error: { source: 'n > limit() || policy.huge(n)', start: 4, end: 9 },
    });
  });

  it('are refused when they call themselves or do not parse', () => {
    expect(() => compileExpression('policy.loop()', { policies })).toThrow(ExpressionSyntaxError);
    expect(() => compileExpression('policy.broken()', { policies })).toThrow(ExpressionSyntaxError);
  });

  it('are refused when they call each other too deep, whichever is compiled first', () => {
    const chain: Policies = Object.fromEntries(
      Array.from({ length: 20 }, (_, i) => [
        `p${i}`,
        { parameters: [], expression: i === 19 ? 'true' : `policy.p${i + 1}()` },
      ]),
    );
    expect(evaluate('policy.p10()', chain)).toBe(true);
    expect(() => compileExpression('policy.p0()', { policies: chain })).toThrow(ExpressionSyntaxError);
    expect(evaluate('policy.p4()', chain)).toBe(true);
  });

  it('share the budget of their caller', () => {
    const nested = Object.fromEntries(
      Array.from({ length: 15 }, (_, i) => [
        `p${i}`,
        {
          parameters: [],
          expression: i === 14 ? '1' : `policy.p${i + 1}() + policy.p${i + 1}() + policy.p${i + 1}()`,
        },
      ]),
    );
    expect(evaluate('policy.p0()', nested)).toBe('EXPRESSION_BUDGET_EXCEEDED');
  });
});

describe('templates', () => {
  it('build values, leaving out absent optionals', () => {
    const template = compileTemplate({
      object: {
        whole: { expression: 'event.a' },
        text: {
          text: [
            'n=',
            { expression: 'event.a.b.c' },
            ' ',
            { expression: "timestamp('2026-01-02T03:04:05Z')" },
          ],
        },
        gone: { expression: 'event.?missing' },
        list: { array: [{ literal: null }, { expression: 'event.?missing' }, { expression: 'event.?plan' }] },
        __proto__x: { literal: { deep: [1] } },
      },
    });
    expect(template.evaluate(scope)).toEqual({
      ok: true,
      value: {
        whole: { b: { c: 1 } },
        text: 'n=1 2026-01-02T03:04:05Z',
        list: [null, 'free'],
        __proto__x: { deep: [1] },
      },
    });
  });

  it('refuse null, lists and objects inside text, and say where', () => {
    const at = { line: 3, column: 7 };
    expect(compileTemplate({ text: ['x', { expression: 'event.a' }], at }).evaluate(scope)).toMatchObject({
      ok: false,
      error: { code: 'EXPRESSION_TYPE_MISMATCH', source: 'event.a', at, start: 0, end: 7 },
    });
  });

  it('refuse to be absent as a whole', () => {
    expect(compileTemplate({ expression: 'event.?missing' }).evaluate(scope)).toMatchObject({
      ok: false,
      error: { code: 'EXPRESSION_FIELD_ABSENT' },
    });
  });
});

describe('for any expression and data', () => {
  it('evaluation never throws, stays in its budget, and messages hold no data', () => {
    const data = fc.jsonValue({ maxDepth: 3 });
    fc.assert(
      fc.property(anExpression(), data, data, (ast, event, steps) => {
        const source = formatExpression(ast);
        const marked = { event: mark(event), steps: mark(steps), x: 1, y: [1, 2] };
        const result = compileExpression(source).evaluate(marked as never, {
          stepsMax: 5_000,
          outputMax: 5_000,
        });
        if (result.ok) expect(JSON.stringify(result.value)).toBeTypeOf('string');
        else if (!source.includes('secret!')) expect(result.error.message).not.toContain('secret!');
      }),
      { numRuns: 2000 },
    );
  });
});

/** Every text and name in the data carries a mark that must not show up in a message. */
function mark(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value), (_key, inner) =>
    typeof inner === 'string' ? `secret!${inner}` : inner,
  );
}
