import type { IncomingMessage, ScheduleManifest } from '@tenon/connector';
import { scheduleOf } from '@tenon/connector/schedule';
import { manualClock, seededRandom } from '@tenon/model';
import { connectorPlans } from '@tenon/testkit';
import { describe, expect, it } from 'vitest';
import { clockSource } from './clock-source.ts';

const at = (text: string): number => Date.parse(text);
const root = new URL('../../..', import.meta.url).pathname;
const plans = await connectorPlans(root, 'clock');

function schedule(cron: string, more: Partial<ScheduleManifest> = {}): ScheduleManifest {
  return { cron, zone: 'Europe/Berlin', missed: 'once', jitterMs: 0, ...more };
}

function moments(cron: string, from: string, count: number): readonly string[] {
  const { next } = scheduleOf(schedule(cron));
  const found: string[] = [];
  for (let position = at(from); found.length < count; ) {
    position = next(position)!;
    found.push(new Date(position).toISOString());
  }
  return found;
}

describe('the moments of a schedule', () => {
  it('are those of its zone, in summer and in winter', () => {
    expect(moments('30 8 * * 1-5', '2026-03-27T12:00:00Z', 2)).toEqual([
      '2026-03-30T06:30:00.000Z',
      '2026-03-31T06:30:00.000Z',
    ]);
    expect(moments('30 8 * * 1-5', '2026-10-23T12:00:00Z', 2)).toEqual([
      '2026-10-26T07:30:00.000Z',
      '2026-10-27T07:30:00.000Z',
    ]);
  });

  it('an hour that the spring leaves out: once, when the clocks have gone forward', () => {
    expect(moments('30 2 * * *', '2026-03-28T12:00:00Z', 2)).toEqual([
      '2026-03-29T01:00:00.000Z',
      '2026-03-30T00:30:00.000Z',
    ]);
  });

  it('an hour that the autumn repeats: once, the first time', () => {
    expect(moments('30 2 * * *', '2026-10-24T12:00:00Z', 2)).toEqual([
      '2026-10-25T00:30:00.000Z',
      '2026-10-26T01:30:00.000Z',
    ]);
  });

  it('every half hour stays every half hour through both', () => {
    for (const from of ['2026-03-29T00:10:00Z', '2026-10-25T00:10:00Z']) {
      const list = moments('*/30 * * * *', from, 6).map(at);
      for (const [index, one] of list.entries())
        if (index > 0) expect(one - list[index - 1]!).toBe(30 * 60_000);
    }
  });

  it('the last day of a month is that of each month', () => {
    expect(moments('0 23 L * *', '2027-01-31T23:30:00Z', 2)).toEqual([
      '2027-02-28T22:00:00.000Z',
      '2027-03-31T21:00:00.000Z',
    ]);
  });

  it.each([
    ['skip', []],
    ['once', ['2026-06-03T10:00:00.000Z']],
    ['all', ['2026-06-01T10:00:00.000Z', '2026-06-02T10:00:00.000Z', '2026-06-03T10:00:00.000Z']],
  ] as const)('what was missed for three days, under %s', (missed, expected) => {
    const { due } = scheduleOf(schedule('0 12 * * *', { missed }));
    const found = due(at('2026-05-31T11:00:00Z'), at('2026-06-04T06:00:00Z'));
    expect(found.map(({ atMs }) => new Date(atMs).toISOString())).toEqual(expected);
    for (const { isLate } of found) expect(isLate).toBe(true);
  });

  it('one that is on time stands for those missed before it', () => {
    const { due } = scheduleOf(schedule('0 12 * * *'));
    expect(due(at('2026-05-31T11:00:00Z'), at('2026-06-03T10:00:05Z'))).toEqual([
      { atMs: at('2026-06-03T10:00:00Z'), isLate: false },
    ]);
  });

  it('makes up for no more than a thousand', () => {
    const { due } = scheduleOf(schedule('* * * * *', { missed: 'all' }));
    expect(due(at('2026-01-01T00:00:00Z'), at('2026-02-01T00:00:00Z')).length).toBeLessThanOrEqual(1_002);
  });
});

describe('the clock', () => {
  function start(
    startAt: string,
    state: { cursor?: string; seen: Record<string, unknown>[] },
    crash = false,
    report: (state: string) => void = () => {},
  ) {
    const clock = manualClock(at(startAt));
    const source = clockSource({
      plan: plans.source(['workdayMorning']),
      connection: {
        name: 'clock',
        connector: 'clock',
        baseUrl: 'clock://here',
        credentials: {},
        webhookSecrets: [],
      },
      secrets: { resolve: () => Promise.reject(new Error('none')) },
      clock,
      random: seededRandom(1),
      cursor: () => state.cursor,
      keepCursor: async (cursor) => {
        if (crash) return false;
        state.cursor = cursor;
        return true;
      },
      deliver: async (message: IncomingMessage) => {
        if (crash) return 'returned';
        state.seen.push(JSON.parse(Buffer.from(message.body).toString()));
        if (message.cursor !== undefined) state.cursor = message.cursor;
        return 'accepted';
      },
      report,
    });
    return { clock, source };
  }

  const minutes = async (clock: { advance(ms: number): void }, count: number): Promise<void> => {
    for (let minute = 0; minute < count; minute++) {
      for (let turn = 0; turn < 20; turn++) await Promise.resolve();
      clock.advance(60_000);
    }
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  };

  it('tells each moment once, with its date in the zone; and after a crash what was due meanwhile', async () => {
    const state: { cursor?: string; seen: Record<string, unknown>[] } = { seen: [] };
    const first = start('2026-11-30T07:00:00Z', state);
    await minutes(first.clock, 60);
    expect(state.seen).toEqual([
      {
        at: '2026-11-30T07:30:00.000Z',
        date: '2026-11-30',
        time: '08:30:00',
        zone: 'Europe/Berlin',
        late: false,
      },
    ]);
    await first.source.stop();

    const second = start('2026-12-03T12:00:00Z', state);
    await minutes(second.clock, 5);
    expect(state.seen.slice(1)).toEqual([
      {
        at: '2026-12-03T07:30:00.000Z',
        date: '2026-12-03',
        time: '08:30:00',
        zone: 'Europe/Berlin',
        late: true,
      },
    ]);
    await second.source.stop();

    const third = start('2026-12-03T13:00:00Z', state);
    await minutes(third.clock, 5);
    expect(state.seen).toHaveLength(2);
    await third.source.stop();
  });

  it('makes up for its very first moment, which came while no process was there', async () => {
    const state: { cursor?: string; seen: Record<string, unknown>[] } = { seen: [] };
    const first = start('2026-11-30T07:29:00Z', state);
    await minutes(first.clock, 0);
    await first.source.stop();
    expect(state.seen).toEqual([]);

    const second = start('2026-11-30T07:35:00Z', state);
    await minutes(second.clock, 5);
    await second.source.stop();
    expect(state.seen).toMatchObject([{ at: '2026-11-30T07:30:00.000Z', late: true }]);
  });

  it('is not consuming before it is kept where it begins', async () => {
    const states: string[] = [];
    const state: { cursor?: string; seen: Record<string, unknown>[] } = { seen: [] };
    const { clock, source } = start('2026-11-30T07:00:00Z', state, true, (said) => states.push(said));
    await minutes(clock, 1);
    expect(states).not.toContain('consuming');
    await source.stop();
  });

  it('tells a moment again that was not stored', async () => {
    const state: { cursor?: string; seen: Record<string, unknown>[] } = {
      cursor: '2026-11-27T07:30:00.000Z',
      seen: [],
    };
    const first = start('2026-11-30T07:29:00Z', state, true);
    await minutes(first.clock, 5);
    await first.source.stop();
    const second = start('2026-11-30T07:40:00Z', state);
    await minutes(second.clock, 5);
    expect(state.seen).toMatchObject([{ at: '2026-11-30T07:30:00.000Z', late: true }]);
    await second.source.stop();
  });
});
