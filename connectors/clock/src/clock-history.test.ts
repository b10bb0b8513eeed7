import type { IncomingMessage, ScheduleManifest } from '@tenon/connector';
import { manualClock, type Random, seededRandom } from '@tenon/model';
import { connectorPlans } from '@tenon/testkit';
import { expect, it } from 'vitest';
import { clockSource } from './clock-source.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const HISTORIES = 24;
const plans = await connectorPlans(new URL('../../..', import.meta.url).pathname, 'clock');

/** Schedules whose moments are found below without a cron library: at a time of each day, or every so many minutes of real time. */
const SCHEDULES = [
  { cron: '30 2 * * *', daily: '02:30' },
  { cron: '0 12 * * *', daily: '12:00' },
  { cron: '*/20 * * * *', everyMs: 20 * MINUTE },
] as const;
const POLICIES = ['skip', 'once', 'all'] as const;
/** Noon of days before the clocks of Berlin go forward, go back, and of another. */
const BEGINNINGS = ['2026-03-28T11:00:00Z', '2026-10-24T10:00:00Z', '2026-06-15T10:00:00Z'];

const berlin = new Intl.DateTimeFormat('sv-SE', {
  timeZone: 'Europe/Berlin',
  dateStyle: 'short',
  timeStyle: 'short',
});

/** All moments in a span, by looking at each minute of it: a time that is left out is the minute after the gap, one that comes twice is its first. */
function momentsIn(schedule: (typeof SCHEDULES)[number], fromMs: number, toMs: number): readonly number[] {
  const found: number[] = [];
  const days = new Set<string>();
  for (let at = Math.floor(fromMs / MINUTE) * MINUTE - DAY; at <= toMs; at += MINUTE) {
    if ('everyMs' in schedule) {
      if (at % schedule.everyMs === 0) found.push(at);
      continue;
    }
    const [date, time] = berlin.format(at).split(' ') as [string, string];
    if (time < schedule.daily || days.has(date)) continue;
    days.add(date);
    // The first day may have begun before it was looked at.
    if (days.size > 1 || time === schedule.daily) found.push(at);
  }
  return found.filter((at) => at > fromMs && at <= toMs);
}

interface Told {
  readonly atMs: number;
  readonly isLate: boolean;
  readonly toldAtMs: number;
}

/** Lets it do what needs no time. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 12; turn++) await Promise.resolve();
}

/** A clock source over processes that come and go, as the runtime would keep what it says: by its id, once. */
class Place {
  readonly clock = manualClock(0);
  readonly told: Told[] = [];
  /** Again under an id that is known: the inbox starts nothing. */
  again = 0;
  readonly #plan: ScheduleManifest;
  readonly #random: Random;
  #cursor: string | undefined;
  #source: { stop(): Promise<void> } | undefined;

  constructor(plan: ScheduleManifest, random: Random, startMs: number) {
    this.#plan = plan;
    this.#random = random;
    this.clock.advance(startMs);
  }

  start(): void {
    this.#source = clockSource({
      plan: { ...plans.source(['workdayMorning']), schedule: this.#plan },
      connection: {
        name: 'clock',
        connector: 'clock',
        baseUrl: 'clock://here',
        credentials: {},
        webhookSecrets: [],
      },
      secrets: { resolve: () => Promise.reject(new Error('none')) },
      clock: this.clock,
      random: this.#random,
      cursor: () => this.#cursor,
      keepCursor: async (cursor) => {
        if (this.#random.next() < 0.1) return false;
        this.#cursor = cursor;
        return true;
      },
      deliver: async (message) => this.#deliver(message),
      report: () => {},
    });
  }

  async stop(): Promise<void> {
    await this.#source?.stop();
  }

  async pass(ms: number): Promise<void> {
    await turns();
    for (const untilMs = this.clock.steady() + ms; this.clock.steady() < untilMs; ) {
      const nextMs = (this.clock.next ?? Number.POSITIVE_INFINITY) - this.clock.now();
      this.clock.advance(Math.max(0, Math.min(nextMs, untilMs - this.clock.steady())));
      await turns();
    }
  }

  #deliver({ id, cursor, body }: IncomingMessage): 'accepted' | 'returned' {
    if (this.#random.next() < 0.1) return 'returned';
    // What a clock source says is JSON with these members.
    const { at, late } = JSON.parse(Buffer.from(body).toString()) as {
      readonly at: string;
      readonly late: boolean;
    };
    const atMs = Date.parse(at);
    expect(id).toBe(at);
    if (this.told.some((one) => one.atMs === atMs)) this.again++;
    else this.told.push({ atMs, isLate: late, toldAtMs: this.clock.now() });
    this.#cursor = cursor;
    return 'accepted';
  }
}

it(`${HISTORIES} histories over changes of the clocks and restarts tell what is due, once, and of what was missed what the policy says`, async () => {
  for (let seed = 1; seed <= HISTORIES; seed++) {
    const random = seededRandom(seed);
    const pick = <T>(of: readonly T[]): T => of[Math.floor(random.next() * of.length)]!;
    const schedule = pick(SCHEDULES);
    const missed = pick(POLICIES);
    const startMs = Date.parse(pick(BEGINNINGS)) + Math.floor(random.next() * DAY);
    const plan = { cron: schedule.cron, zone: 'Europe/Berlin', missed, jitterMs: 0 };
    const place = new Place(plan, random, startMs);
    const ups: { readonly fromMs: number; readonly toMs: number }[] = [];
    for (let life = 0; life < 3; life++) {
      const fromMs = place.clock.now();
      place.start();
      await place.pass(Math.floor((1 + random.next() * 6) * HOUR));
      ups.push({ fromMs, toMs: place.clock.now() });
      await place.stop();
      place.clock.advance(Math.floor(random.next() * 30) * HOUR);
    }
    const endMs = ups.at(-1)!.toMs;
    const all = momentsIn(schedule, startMs, endMs);
    const toldMs = place.told.map(({ atMs }) => atMs);
    const name = `seed ${seed}, ${schedule.cron}, ${missed}`;
    expect(
      toldMs.filter((at) => !all.includes(at)),
      `${name}: no moments of it`,
    ).toEqual([]);
    expect(toldMs, `${name}: in order`).toEqual(toldMs.toSorted((a, b) => a - b));
    const lastUp = ups.at(-1)!;
    const isUp = (at: number): boolean =>
      ups.some(({ fromMs, toMs }) => at > fromMs && at < toMs - 5 * MINUTE);
    const due = missed === 'all' ? all.filter((at) => at < lastUp.toMs - 5 * MINUTE) : all.filter(isUp);
    const lost = due.filter((at) => !toldMs.includes(at));
    // One that was put back and came to be late is made up for only where the policy says so.
    expect(
      missed === 'skip' ? [] : missed === 'once' ? lost.filter((at) => !hasLater(all, at, toldMs)) : lost,
      name,
    ).toEqual([]);
    if (missed === 'skip')
      expect(
        place.told.filter(({ isLate }) => isLate),
        name,
      ).toEqual([]);
  }
});

function hasLater(all: readonly number[], at: number, toldMs: readonly number[]): boolean {
  return all.some((other) => other > at && toldMs.includes(other));
}

it('makes up for what was missed behind a clock that was set right, though nobody was told since', async () => {
  const startMs = Date.parse('2026-06-15T10:00:10Z');
  const plan = { cron: '*/20 * * * *', zone: 'Europe/Berlin', missed: 'once', jitterMs: 0 } as const;
  const place = new Place(plan, seededRandom(3), startMs);
  place.clock.jump(7 * DAY);
  place.start();
  await place.pass(HOUR);
  place.clock.jump(-7 * DAY);
  await place.pass(5 * MINUTE);
  await place.stop();
  const rightMs = place.clock.now();
  place.clock.advance(20 * MINUTE);
  place.start();
  await place.pass(5 * MINUTE);
  await place.stop();
  const since = place.told.filter(({ toldAtMs }) => toldAtMs > rightMs && toldAtMs < startMs + DAY);
  expect(since.map(({ atMs }) => new Date(atMs).toISOString())).toEqual(['2026-06-15T11:20:00.000Z']);
});

it.each([
  ['ahead by a week', 7 * DAY],
  ['ahead by ten minutes', 10 * MINUTE],
  ['behind by a day', -DAY],
])('goes on when a clock that was %s is set right', async (_, byMs) => {
  const startMs = Date.parse('2026-06-15T10:00:10Z');
  const plan = { cron: '*/20 * * * *', zone: 'Europe/Berlin', missed: 'once', jitterMs: 0 } as const;
  const place = new Place(plan, seededRandom(3), startMs);
  place.start();
  await place.pass(HOUR);
  place.clock.jump(byMs);
  await place.pass(HOUR);
  place.clock.jump(-byMs);
  const rightMs = place.clock.now();
  await place.pass(3 * HOUR);
  const due = momentsIn({ cron: plan.cron, everyMs: 20 * MINUTE }, rightMs, place.clock.now() - 5 * MINUTE);
  const toldMs = place.told.map(({ atMs }) => atMs);
  expect(due.filter((at) => !toldMs.includes(at)).map((at) => new Date(at).toISOString())).toEqual([]);
  await place.stop();
});
