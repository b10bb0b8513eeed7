import { describe, expect, test } from 'vitest';
import { joinedEnds, type Write } from './statements.ts';

const born = (seq: number): Write => [
  'putClaimedRun',
  seq,
  'id',
  'orders',
  1,
  'h',
  'k',
  1,
  'c',
  't',
  'sales',
  5,
  's',
];
const key: Write = ['putKey', 'orders', 'k', 7, 9];
const entry: Write = ['putLedger', 1, 7, 2, '[]'];
const end = (seq: number, state = 'succeeded'): Write => ['end', seq, state, 6, null, null];

describe('a run that is begun and succeeds in one group', () => {
  test('is one row put in', () => {
    expect(joinedEnds([born(7), key, end(7), ['admitNext', 'orders', null, 6], entry])).toEqual([
      ['putEndedRun', 7, 'id', 'orders', 1, 'h', 'k', 1, 'c', 't', 'sales', 5, 's', 6],
      key,
      ['admitNext', 'orders', null, 6],
      entry,
    ]);
  });

  test.each([
    ['it does not succeed', [born(7), key, end(7, 'failed')]],
    ['another ends', [born(7), key, end(8)]],
    ['it does not end', [born(7), key, entry]],
    ['its row is looked at in between', [born(7), ['wakeParent', 7, 5], end(7)]],
    ['it was begun before', [key, end(7)]],
  ] as [string, Write[]][])('stays two writes where %s', (_, group) => {
    expect(joinedEnds(group)).toEqual(group);
  });
});
