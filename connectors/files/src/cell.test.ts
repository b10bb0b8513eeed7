import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Cell, readCell, writeCell } from './cell.ts';

const german: Cell = { is: 'number', decimal: ',', group: '.' };
const day: Cell = { is: 'date', pattern: 'dd.MM.yyyy' };
const signed: Cell = { is: 'boolean', true: 'J', false: 'N' };

describe('a cell', () => {
  it.each([
    ['1.234.567,5', german, 1_234_567.5],
    ['-0,25', german, -0.25],
    ['28.11.2026', day, '2026-11-28'],
    ['29.02.2028', day, '2028-02-29'],
    ['N', signed, false],
    ['0', { is: 'integer' } as const, 0],
    ['12345678901234567890', { is: 'integer' } as const, '12345678901234567890'],
  ])('%s is read as it is written', (text, cell, value) => {
    expect(readCell(text, cell)).toEqual({ value });
  });

  // Each would be a plausible, wrong number or day by other customs.
  it.each([
    ['1,234.5', german],
    ['1.23', german],
    ['1.2345', german],
    ['1e3', german],
    ['31.11.2026', day],
    ['11/28/2026', day],
    ['2026-11-28', day],
    ['j', signed],
    ['1.0', { is: 'integer' } as const],
  ])('%s that is written otherwise is a problem, not a guess', (text, cell) => {
    expect(readCell(text, cell)).toHaveProperty('problem');
  });

  it('comes out as it went in', () => {
    const dates = fc.date({ min: new Date('1000-01-01'), max: new Date('9999-12-31'), noInvalidDate: true });
    const cases = fc.oneof(
      fc.tuple(fc.constant<Cell>({ is: 'text' }), fc.string()),
      fc.tuple(fc.constant<Cell>({ is: 'integer' }), fc.integer()),
      fc.tuple(fc.constant<Cell>(signed), fc.boolean()),
      fc.tuple(
        fc.constantFrom<Cell>(german, { is: 'number', decimal: '.' }),
        fc.integer({ min: -1e9, max: 1e9 }).map((cents) => cents / 100),
      ),
      fc.tuple(
        fc.constantFrom<Cell>(day, { is: 'date', pattern: 'yyyyMMdd' }),
        dates.map((date) => date.toISOString().slice(0, 10)),
      ),
    );
    fc.assert(
      fc.property(cases, ([cell, value]) => {
        // `-0` is written, and so read, as `0`.
        const plain = Object.is(value, -0) ? 0 : value;
        expect(readCell(writeCell(plain, cell)!, cell)).toEqual({ value: plain });
      }),
    );
  });
});
