import type { Alarm } from '@tenon/runtime';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Health } from './health.ts';
import { OutsideTroubles, type Watched } from './outside-troubles.ts';

const MINUTE_MS = 60_000;
let nowMs: number;
let troubles: OutsideTroubles;
const begin = (asked: readonly string[] = ['billing']) => {
  troubles = new OutsideTroubles({ now: () => nowMs, setTimer: () => () => {} }, asked);
};
beforeEach(() => {
  nowMs = Date.UTC(2026, 11, 1);
  begin();
});

const source = (more: Partial<Watched> = {}): Watched => ({
  connection: 'bus',
  from: 'orders',
  events: ['bus.placed'],
  state: 'connecting',
  sinceMs: Date.UTC(2026, 11, 1),
  problem: 'the connection failed (ECONNREFUSED)',
  inFlight: 0,
  counts: { accepted: 0, duplicate: 0, quarantined: 0, rejected: 0, unheard: 0, returned: 0 },
  everyMs: MINUTE_MS,
  ...more,
});
const told = (alarm: Alarm['alarm'], more: Partial<Alarm>): Alarm => ({
  alarm,
  message: 'as it was told',
  next: 'tenon flow',
  ...more,
});

describe('a source', () => {
  it('that gives nothing for six minutes is a trouble, which says where, since when and why', () => {
    nowMs += 6 * MINUTE_MS - 1;
    expect(troubles.at([source()], [])).toEqual([]);
    nowMs += 1;
    expect(troubles.at([source()], [])).toEqual([
      {
        alarm: 'sourceDown',
        connection: 'bus',
        source: 'orders',
        message:
          'nothing is taken from bus/orders since 2026-12-01T00:00:00.000Z: the connection failed (ECONNREFUSED)',
        next: 'tenon flow',
        events: ['bus.placed'],
      },
    ]);
  });

  it.each(['consuming', 'paused', 'stopped'] as const)('that is %s is none', (state) => {
    nowMs += 60 * MINUTE_MS;
    expect(
      troubles.at([source({ state })], [told('sourceDown', { connection: 'bus', source: 'orders' })]),
    ).toEqual([]);
  });

  it('of which somebody was told is one from the start of the next process on, until it gives something', () => {
    const standing = [told('sourceDown', { connection: 'bus', source: 'orders' })];
    expect(troubles.at([source({ sinceMs: nowMs })], standing)).toHaveLength(1);
    expect(troubles.at([source({ sinceMs: nowMs, from: 'returns' })], standing)).toEqual([]);
  });
});

describe('a source that is consuming with a problem', () => {
  const HOUR_MS = 60 * MINUTE_MS;
  const moved = (everyMs: number, more: Partial<Watched> = {}): Watched =>
    source({
      state: 'consuming',
      problem: 'listOrders moved; listed again from the same place',
      problemSinceMs: Date.UTC(2026, 11, 1),
      everyMs,
      ...more,
    });

  it('is a trouble once it has been so for an hour and five of its listings, which says since when and why', () => {
    nowMs += HOUR_MS - 1;
    expect(troubles.at([moved(MINUTE_MS)], [])).toEqual([]);
    nowMs += 1;
    expect(troubles.at([moved(MINUTE_MS)], [])).toEqual([
      {
        alarm: 'sourceBehind',
        connection: 'bus',
        source: 'orders',
        message:
          'bus/orders gives what is new, and has not come to an end since 2026-12-01T00:00:00.000Z: listOrders moved; listed again from the same place',
        next: 'tenon flow',
        events: ['bus.placed'],
      },
    ]);
    expect(troubles.at([moved(HOUR_MS)], [])).toEqual([]);
    nowMs += 4 * HOUR_MS;
    expect(troubles.at([moved(HOUR_MS)], [])).toHaveLength(1);
  });

  it('of which somebody was told is one until a listing comes to its end', () => {
    const standing = [told('sourceBehind', { connection: 'bus', source: 'orders' })];
    expect(troubles.at([moved(MINUTE_MS, { problemSinceMs: nowMs })], standing)).toHaveLength(1);
    const { problem: _problem, ...well } = source({ state: 'consuming' });
    expect(troubles.at([well], standing)).toEqual([]);
  });
});

describe('a connection', () => {
  const answer = (ok: boolean): Health => ({
    connection: 'billing',
    operation: 'billing.ping',
    ok,
    tookMs: 3,
    ...(!ok && { failure: { class: 'auth', code: 'HTTP_401', message: 'it said 401' } }),
  });

  it('whose health call fails at two looks in a row is a trouble, until one is answered', () => {
    troubles.seen(answer(false));
    nowMs += 5 * MINUTE_MS;
    expect(troubles.at([], [])).toEqual([]);
    nowMs += MINUTE_MS;
    expect(troubles.at([], [])).toEqual([
      {
        alarm: 'connectionDown',
        connection: 'billing',
        message: 'billing.ping, the health call of billing, fails since 2026-12-01T00:00:00.000Z: HTTP_401',
        next: 'tenon health',
      },
    ]);
    troubles.seen(answer(true));
    expect(troubles.at([], [told('connectionDown', { connection: 'billing' })])).toEqual([]);
  });

  it('of which somebody was told is one after a restart too, until it has been looked at', () => {
    const standing = [told('connectionDown', { connection: 'billing' })];
    expect(troubles.at([], standing)).toMatchObject([{ connection: 'billing', message: 'as it was told' }]);
    troubles.seen(answer(false));
    expect(troubles.at([], standing)).toHaveLength(1);
    // The configuration has it no longer.
    begin([]);
    expect(troubles.at([], standing)).toEqual([]);
  });
});
