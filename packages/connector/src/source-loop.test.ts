import { getEventListeners } from 'node:events';
import { manualClock, seededRandom } from '@tenon/model';
import { describe, expect, it, vi } from 'vitest';
import { CredentialsMissing, loginRefused, MessageRefused } from './message/message-transport.ts';
import { answered, connectionProblem, PeerSilent, pauseMs, sourceLoop, UnderWay } from './source-loop.ts';

it('what is known before anything is asked is told as that, and not as a connection that failed', () => {
  const refused = new MessageRefused('permanent', 'the base URL of connection bus is not nats://', 'notSent');
  expect(connectionProblem(refused)).toBe('the base URL of connection bus is not nats://');
  const missing = new CredentialsMissing('the credentials of connection bus could not be read');
  expect(connectionProblem(missing)).toBe('the credentials of connection bus could not be read');
});

it.each([
  ['ECONNREFUSED', 'the connection failed (ECONNREFUSED)'],
  [403, 'the connection failed (403)'],
  ['no jane@example.com here', 'the connection failed (Error)'],
  ['x\n12:00 all is well', 'the connection failed (Error)'],
  ['x'.repeat(65), 'the connection failed (Error)'],
])('a code is told where it is one: %j', (code, told) => {
  expect(connectionProblem(Object.assign(new Error('secret'), { code }))).toBe(told);
});

describe('a source that has to connect by itself', () => {
  it('tries again after pauses that grow, and begins small again once it has consumed', async () => {
    const clock = manualClock(0);
    const states: string[] = [];
    let sessions = 0;
    const loop = sourceLoop(
      { clock, random: { next: () => 1 }, report: (state, problem) => states.push(problem ?? state) },
      async (_signal, consuming) => {
        sessions++;
        if (sessions === 3) consuming();
        throw Object.assign(new Error('user:password@host'), { code: 'ECONNREFUSED' });
      },
    );
    await settle();
    expect(sessions).toBe(1);
    for (const [ms, expected] of [
      [199, 1],
      [1, 2],
      [399, 2],
      [1, 3],
      [200, 4],
    ] as const) {
      clock.advance(ms);
      await settle();
      expect(sessions).toBe(expected);
    }
    await loop.stop();
    expect(states).toEqual([
      'the connection failed (ECONNREFUSED)',
      'the connection failed (ECONNREFUSED)',
      'consuming',
      'the connection failed (ECONNREFUSED)',
      'the connection failed (ECONNREFUSED)',
      'stopped',
    ]);
  });

  it('a login that is refused is told with its class, and tried again a minute later at the soonest', async () => {
    const clock = manualClock(0);
    const told: unknown[] = [];
    let sessions = 0;
    const loop = sourceLoop(
      { clock, random: { next: () => 0 }, report: (...report) => told.push(report) },
      async () => {
        sessions++;
        throw sessions === 1 ? loginRefused('the broker', 403) : new Error('gone');
      },
      (error) =>
        sessions === 2 ? new MessageRefused('permission', 'not allowed') : connectionProblem(error),
    );
    await settle();
    clock.advance(59_999);
    await settle();
    expect(sessions).toBe(1);
    clock.advance(1);
    await settle();
    clock.advance(400);
    await settle();
    await loop.stop();
    expect(told).toEqual([
      ['connecting', 'the broker refused the login (403); nothing was sent', 'auth'],
      ['connecting', 'not allowed', 'permission'],
      ['connecting', 'the connection failed (Error)', 'transient'],
      ['stopped'],
    ]);
  });

  it('pauses after a session that ended without an error too', async () => {
    const clock = manualClock(0);
    let sessions = 0;
    const loop = sourceLoop(
      { clock, random: { next: () => 1 }, report: () => {} },
      async (_signal, consuming) => {
        sessions++;
        consuming();
      },
    );
    await settle();
    expect(sessions).toBe(1);
    clock.advance(200);
    await settle();
    expect(sessions).toBe(2);
    await loop.stop();
  });

  it('stops in the middle of a session and of a pause', async () => {
    const clock = manualClock(0);
    const loop = sourceLoop({ clock, random: seededRandom(1), report: () => {} }, async (signal) => {
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
    });
    await settle();
    await loop.stop();
    const failing = sourceLoop({ clock, random: seededRandom(1), report: () => {} }, () =>
      Promise.reject(new Error('x')),
    );
    await settle();
    await failing.stop();
  });

  it('never pauses longer than a quarter of a minute, and never all at the same moment', () => {
    expect(pauseMs(0, { next: () => 0 })).toBe(100);
    expect(pauseMs(50, { next: () => 0.999 })).toBeLessThanOrEqual(15_000);
    expect(pauseMs(50, { next: () => 0 })).toBe(7_500);
  });
});

describe('the messages under way', () => {
  const listeners = ({ signal }: AbortController): number => getEventListeners(signal, 'abort').length;

  it('leave nothing on a signal that outlives them, whether they found room or waited for it', async () => {
    const stopping = new AbortController();
    // A signal made of this one is kept by it for its whole life, and is no listener of it.
    const made = vi.spyOn(AbortSignal, 'any');
    const underWay = new UnderWay();
    for (let message = 0; message < 100; message++) {
      await underWay.below(1, stopping.signal);
      expect(listeners(stopping)).toBe(0);
      const work = Promise.withResolvers<void>();
      underWay.add(work.promise);
      const room = underWay.below(1, stopping.signal);
      expect(listeners(stopping)).toBe(1);
      work.resolve();
      await room;
    }
    expect(listeners(stopping)).toBe(0);
    expect(made).not.toHaveBeenCalled();
    made.mockRestore();
  });

  it('are waited for until there is room, however many have to be settled for it', async () => {
    const stopping = new AbortController();
    const underWay = new UnderWay();
    const works = [1, 2, 3].map(() => Promise.withResolvers<void>());
    for (const { promise } of works) underWay.add(promise);
    let hasRoom = false;
    const room = underWay.below(2, stopping.signal).then(() => {
      hasRoom = true;
    });
    works[0]!.resolve();
    await settle();
    expect(hasRoom).toBe(false);
    works[1]!.resolve();
    await room;
    expect(underWay.size).toBe(1);
  });

  it('are waited for no longer once none is wanted, and that leaves nothing either', async () => {
    const stopping = new AbortController();
    const underWay = new UnderWay();
    underWay.add(new Promise(() => {}));
    const room = underWay.below(1, stopping.signal);
    stopping.abort();
    await room;
    await underWay.below(1, stopping.signal);
    expect(underWay.size).toBe(1);
    expect(listeners(stopping)).toBe(0);
  });
});

describe('an answer that is waited for', () => {
  it('is given as it comes', async () => {
    const clock = manualClock(0);
    expect(await answered(clock, 1_000, Promise.resolve('there'))).toBe('there');
    await expect(answered(clock, 1_000, Promise.reject(new Error('refused')))).rejects.toThrow('refused');
  });

  it('is given up after a while, and that is said', async () => {
    const clock = manualClock(0);
    const given = answered(clock, 15_000, new Promise<never>(() => {}));
    let found: unknown;
    given.catch((error: unknown) => {
      found = error;
    });
    clock.advance(14_999);
    await settle();
    expect(found).toBeUndefined();
    clock.advance(1);
    await settle();
    expect(found).toBeInstanceOf(PeerSilent);
    expect(connectionProblem(found)).toBe(
      'the other side has not answered for 15 s; the connection is opened anew',
    );
  });
});

async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
}
