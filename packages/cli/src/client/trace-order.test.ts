import type { LedgerEntry } from '@tenon/runtime';
import { expect, it } from 'vitest';
import { asItHappened } from './trace-order.ts';

function entries(...rows: readonly (readonly [kind: LedgerEntry['kind'], at: number, step?: string])[]) {
  return rows.map(
    ([kind, at, step], sequence): LedgerEntry => ({
      sequence,
      at,
      runId: 'r',
      pipeline: 'p',
      correlationId: 'c',
      kind,
      details: {},
      ...(step !== undefined && { step }),
    }),
  );
}
const said = (of: readonly LedgerEntry[]) =>
  asItHappened(of).map(({ kind, at, step }) => `${kind} ${at} ${step ?? ''}`.trim());

it('shows a secret as used after the intent of its step, also where others of a list stand between', () => {
  const trace = entries(
    ['secretUse', 14, 'a'],
    ['secretUse', 15, 'b'],
    ['intent', 7, 'a'],
    ['outcome', 14, 'a'],
    ['intent', 8, 'b'],
    ['outcome', 15, 'b'],
  );
  expect(said(trace)).toEqual([
    'intent 7 a',
    'secretUse 14 a',
    'outcome 14 a',
    'intent 8 b',
    'secretUse 15 b',
    'outcome 15 b',
  ]);
});

it('leaves all else as the ledger has it: reads, uses of no step, and what a clock that was set back says', () => {
  const trace = entries(
    ['accepted', 9],
    ['secretUse', 5],
    ['secretUse', 6, 'read'],
    ['attempt', 6, 'read'],
    ['intent', 3, 'a'],
    ['secretUse', 4, 'a'],
    ['outcome', 4, 'a'],
    ['retry', 2, 'a'],
    ['secretUse', 8, 'a'],
  );
  expect(asItHappened(trace)).toEqual(trace);
});
