import { describe, expect, it } from 'vitest';
import { compileExpression } from './compile.ts';
import { functions, signature } from './functions.ts';

describe.each(Object.entries(functions))('%s', (name, spec) => {
  it('does what its example says', () => {
    const [source, expected] = spec.example;
    const result = compileExpression(source).evaluate({});
    expect(result).toEqual({ ok: true, value: JSON.parse(expected) });
    expect(source).toContain(name);
  });

  it('has a signature for each way to call it', () => {
    expect(spec.overloads.length).toBeGreaterThan(0);
    for (const overload of spec.overloads) expect(signature(name, overload)).toContain(`${name}(`);
  });
});

describe('edge cases', () => {
  it.each([
    ["'añ😀b'.substring(2, 3)", '😀'],
    ["'añ😀b'.indexOf('b')", 3],
    ["'añ😀b'.lastIndexOf('b')", 3],
    ["'añ😀b'.charAt(2)", '😀'],
    ["'abc'.substring(3)", ''],
    ["'abc'.substring(4)", 'EXPRESSION_ARGUMENT_INVALID'],
    ["'abc'.substring(2, 1)", 'EXPRESSION_ARGUMENT_INVALID'],
    ["'a,b,c'.split(',', 2)", ['a', 'b,c']],
    ["'a,b,c'.split(',', 0)", []],
    ["'a,b,c'.split(',', -1)", ['a', 'b', 'c']],
    ["'ab'.split('')", ['a', 'b']],
    ["'ab'.replace('', '-')", '-a-b-'],
    ["'aaa'.replace('a', 'b', 2)", 'bba'],
    ["'aaa'.replace('a', 'b', 0)", 'aaa'],
    ["'aaa'.replace('a', 'b', -1)", 'bbb'],
    ["'a$&b'.replace('b', '$&')", 'a$&$&'],
    ["[1].join(',')", 'EXPRESSION_TYPE_MISMATCH'],
    ["'a'.contains(1)", 'EXPRESSION_TYPE_MISMATCH'],
    ["'a'.matches('(')", 'EXPRESSION_ARGUMENT_INVALID'],
    ["'a'.matches('(?=a)')", 'EXPRESSION_ARGUMENT_INVALID'],
    ["int('1.5')", 'EXPRESSION_ARGUMENT_INVALID'],
    ["int('99999999999999999999')", 'EXPRESSION_NUMBER_OUT_OF_RANGE'],
    ['int(1e300)', 'EXPRESSION_NUMBER_OUT_OF_RANGE'],
    ["double('NaN')", 'EXPRESSION_ARGUMENT_INVALID'],
    ["double('1e999')", 'EXPRESSION_ARGUMENT_INVALID'],
    ["bool('yes')", 'EXPRESSION_ARGUMENT_INVALID'],
    ['string(null)', 'EXPRESSION_TYPE_MISMATCH'],
    ['string([1])', 'EXPRESSION_TYPE_MISMATCH'],
    ['round(-2.5)', -3],
    ['round(-0.2)', 0],
    ['round(1e300)', 'EXPRESSION_NUMBER_OUT_OF_RANGE'],
    ['size(1)', 'EXPRESSION_TYPE_MISMATCH'],
    ['size()', 'EXPRESSION_FUNCTION_UNKNOWN'],
    ["'a'.round()", 'EXPRESSION_FUNCTION_UNKNOWN'],
  ])('%s gives %j', (source, expected) => {
    const result = compileExpression(source).evaluate({});
    expect(result.ok ? result.value : result.error.code).toEqual(expected);
  });
});

describe('times', () => {
  it.each([
    ["timestamp('2026-01-01T00:00:00.123456789Z') < timestamp('2026-01-01T00:00:00.123456790Z')", true],
    ["timestamp('2026-01-01T02:00:00+02:00') == timestamp('2026-01-01T00:00:00Z')", true],
    ["timestamp('2026-01-02T00:00:00Z') - timestamp('2026-01-01T00:00:00Z')", '86400s'],
    ["timestamp('2026-01-01T00:00:00Z') - duration('1ms')", '2025-12-31T23:59:59.999Z'],
    ["[{'at': timestamp(0)}]", [{ at: '1970-01-01T00:00:00Z' }]],
    ["string(timestamp('2026-01-01T00:00:00.50Z'))", '2026-01-01T00:00:00.5Z'],
    ["int(timestamp('1969-12-31T23:59:59.5Z'))", -1],
    ["duration('-1.5s') + duration('1m')", '58.5s'],
    ["duration('90m').getHours()", 1],
    ["timestamp('2026-01-01T00:30:00Z').getHours('-01:00')", 23],
    ["timestamp('2026-02-30T00:00:00Z')", 'EXPRESSION_ARGUMENT_INVALID'],
    ["timestamp('2026-01-01')", 'EXPRESSION_ARGUMENT_INVALID'],
    ["timestamp('2026-01-01T24:00:00Z')", 'EXPRESSION_ARGUMENT_INVALID'],
    ["timestamp('9999-12-31T23:59:59Z') + duration('1s')", 'EXPRESSION_NUMBER_OUT_OF_RANGE'],
    ["timestamp('2026-01-01T00:00:00Z').getHours('Europe/Paris')", 'EXPRESSION_ARGUMENT_INVALID'],
    ["duration('1 hour')", 'EXPRESSION_ARGUMENT_INVALID'],
    ["timestamp('2026-01-01T00:00:00Z') + 1", 'EXPRESSION_TYPE_MISMATCH'],
    ["timestamp('2026-01-01T00:00:00Z') < '2026'", 'EXPRESSION_TYPE_MISMATCH'],
  ])('%s gives %j', (source, expected) => {
    const result = compileExpression(source).evaluate({});
    expect(result.ok ? result.value : result.error.code).toEqual(expected);
  });
});
