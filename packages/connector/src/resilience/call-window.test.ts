import type { SteadyClock } from '@tenon/model';
import { expect, it } from 'vitest';
import { CallWindow } from './call-window.ts';

function clockAt(nowMs: number): SteadyClock & { nowMs: number; setMs: number } {
  const clock = {
    nowMs,
    setMs: 0,
    now: () => clock.nowMs + clock.setMs,
    steady: () => clock.nowMs,
    setTimer: () => () => {},
  };
  return clock;
}

it('counts a call in the window in which it leaves its line', () => {
  const clock = clockAt(10_000);
  const window = new CallWindow(3, 1_000, clock);
  for (let i = 0; i < 3; i++) expect(window.take()).toBe(0);
  expect(window.take(), 'all places are taken').toBeGreaterThan(0);
  clock.nowMs += 990;
  for (let i = 0; i < 3; i++) window.leave(true);
  clock.nowMs += 20;
  expect(window.take(), 'three were sent 20 ms ago').toBe(980);
  clock.nowMs += 980;
  expect(window.take()).toBe(0);
});

it('gives the place of a call that was not sent to another one', () => {
  const window = new CallWindow(1, 1_000, clockAt(10_000));
  expect(window.take()).toBe(0);
  window.leave(false);
  expect(window.take()).toBe(0);
  window.leave(true);
  expect(window.take()).toBe(1_000);
});

it('goes on where an earlier process has ended, by the wall clock, and for no longer than a window', () => {
  const clock = clockAt(10_000);
  const before = new CallWindow(2, 1_000, clock);
  before.add();
  clock.nowMs += 400;
  const used = before.used!;
  expect(used).toEqual({ points: 1, resetAtMs: 11_000 });
  const after = new CallWindow(2, 1_000, clock);
  after.restore(used);
  expect([after.take(), after.take()]).toEqual([0, 600]);
  clock.setMs -= 3_600_000;
  const setBack = new CallWindow(1, 1_000, clock);
  setBack.restore(used);
  expect(setBack.take()).toBe(1_000);
  clock.setMs += 2 * 3_600_000;
  const later = new CallWindow(1, 1_000, clock);
  later.restore(used);
  expect(later.take()).toBe(0);
});

it('tells how long until a place is free, where some of the window were sent and others stand in lines', () => {
  const clock = clockAt(10_000);
  const window = new CallWindow(2, 1_000, clock);
  for (let i = 0; i < 2; i++) expect(window.take()).toBe(0);
  clock.nowMs += 700;
  expect(window.take(), 'nobody of them has left a line').toBe(1_000);
  window.leave(true);
  clock.nowMs += 300;
  expect(window.take(), 'the window began with the one that was sent').toBe(700);
});
