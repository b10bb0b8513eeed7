import { Cron } from 'croner';
import fc from 'fast-check';
import { afterEach, expect, it, vi } from 'vitest';
import { type Moment, scheduleOf } from './schedule.ts';

afterEach(() => vi.restoreAllMocks());

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

/** What is due, by going through every moment since the position. */
function walked(
  { next }: { next(positionMs: number): number | undefined },
  missed: 'skip' | 'once' | 'all',
  positionMs: number,
  nowMs: number,
): readonly Moment[] {
  const moments: Moment[] = [];
  for (let atMs = next(positionMs); atMs !== undefined && atMs <= nowMs; atMs = next(atMs))
    moments.push({ atMs, isLate: nowMs - atMs > MINUTE });
  const late = moments.filter(({ isLate }) => isLate);
  const onTime = moments.filter(({ isLate }) => !isLate);
  const last = onTime.length > 0 ? [] : late.slice(-1);
  return [...{ skip: [], once: last, all: late.slice(-1_000) }[missed], ...onTime];
}

const crons = [
  ['*/5 * * * *', 5],
  ['*/20 * * * * *', 1],
  ['30 2 * * *', 90],
  ['15 0-3 * * *', 30],
  ['*/7 1,2 * 3,4,10,11 *', 60],
  ['0 9 * * 1#2', 400],
  ['0 0 L * *', 400],
  ['0 0 29 2 *', 4_000],
] as const;
// Where the clocks go forward and back by an hour, by half of one, at midnight, and never.
const zones = ['Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'America/Santiago', 'UTC'];

it('what is due is what a walk through every missed moment finds, also where the clocks are changed', () => {
  // Days before a change, and any other.
  const nearChange = fc
    .constantFrom('2026-03-30', '2026-04-06', '2026-09-07', '2026-10-26', '2026-11-02', '2026-06-15')
    .map((day) => Date.parse(`${day}T12:00:00Z`));
  fc.assert(
    fc.property(
      fc.constantFrom(...crons),
      fc.constantFrom(...zones),
      fc.constantFrom('skip', 'once', 'all'),
      nearChange,
      fc.integer({ min: 0, max: 2 * DAY }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.boolean(),
      ([cron, days], zone, missed, base, offset, part, isWhole) => {
        const schedule = scheduleOf({ cron, zone, missed });
        // On the minute now and then: what is due at just this moment, and a minute ago, is on time.
        const nowMs = isWhole ? base + Math.floor(offset / MINUTE) * MINUTE : base + offset;
        const positionMs = nowMs - Math.floor(part * days * DAY);
        expect(schedule.due(positionMs, nowMs)).toEqual(walked(schedule, missed, positionMs, nowMs));
      },
    ),
    {
      numRuns: 50,
      examples: [[crons[1], 'UTC', 'once', Date.parse('2026-06-15T12:00:00Z'), 0, 0.5, true]],
    },
  );
});

it.each([
  ['skip', 0],
  ['once', 1],
  ['all', 1_000],
] as const)('a month of missed five minutes is not walked through, under %s', (missed, most) => {
  const forwards = vi.spyOn(Cron.prototype, 'nextRun');
  const backwards = vi.spyOn(Cron.prototype, 'previousRuns');
  const { due } = scheduleOf({ cron: '*/5 * * * *', zone: 'Europe/Berlin', missed });
  const nowMs = Date.parse('2026-11-29T08:02:00Z');
  expect(due(nowMs - 30 * DAY, nowMs)).toHaveLength(most);
  expect(forwards.mock.calls.length).toBeLessThanOrEqual(2);
  const asked = backwards.mock.calls.reduce((sum, [count]) => sum + count, 0);
  expect(asked).toBeLessThanOrEqual(2 * most);
});
