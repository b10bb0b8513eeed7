import { expect, test } from 'vitest';
import type { LedgerEntry } from '../../runtime.ts';
import { judgeHeld } from './judge-held.ts';

const held = { thrownAtMs: 100_000, liftedAtMs: 110_000 };

function entry(kind: LedgerEntry['kind'], at: number, details: LedgerEntry['details'] = {}): LedgerEntry {
  return {
    sequence: 1,
    at,
    runId: 'r1',
    pipeline: 'p',
    correlationId: 'c',
    kind,
    step: 'pay',
    attempt: 1,
    details,
  };
}
const judged = (...entries: LedgerEntry[]) => judgeHeld(entries, held);

test.each([
  [
    'an effect by its intent',
    [entry('intent', 102_001), entry('outcome', 102_900, { outcome: 'succeeded' })],
  ],
  ['an effect that is not answered yet', [entry('intent', 105_000)]],
  ['a read by the end of its attempt', [entry('attempt', 103_001, { outcome: 'succeeded' })]],
  ['a read that took long', [entry('attempt', 109_000, { outcome: 'failed', tookMs: 6_500 })]],
  ['what was published', [entry('emitted', 102_001)]],
])('finds %s', (_what, entries) => {
  expect(judged(...entries)).toMatchObject({ attempts: 1, late: [{ runId: 'r1', step: 'pay' }] });
});

test.each([
  ['what was about to leave', [entry('intent', 101_999), entry('outcome', 105_000, { outcome: 'unknown' })]],
  ['a read that may have begun in time', [entry('attempt', 102_999, { outcome: 'succeeded' })]],
  ['a read that was long on the wire', [entry('attempt', 109_000, { outcome: 'succeeded', tookMs: 8_000 })]],
  ['what the switch has caught', [entry('intent', 105_000), entry('outcome', 105_001, { outcome: 'held' })]],
  ['a read that may have begun as it was lifted', [entry('attempt', 110_000, { outcome: 'succeeded' })]],
  ['what began before, or after it was lifted', [entry('intent', 99_999), entry('emitted', 110_000)]],
  ['a probe, which goes on', [entry('probe', 105_000)]],
])('does not accuse %s', (_what, entries) => {
  expect(judged(...entries).late).toEqual([]);
});

test('counts what came meanwhile, and no event from before', () => {
  expect(judged(entry('accepted', 99_000), entry('accepted', 101_000)).takenIn).toEqual(['r1']);
});
