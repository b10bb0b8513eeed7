import type { SteadyClock } from './ports.ts';

/** A clock that stands still until told otherwise: for tests, simulations and drills. */
export interface ManualClock extends SteadyClock {
  /** Moves time on, firing what is due on the way, in order. */
  advance(ms: number): void;
  /** Time of the next timer, if one is set. */
  readonly next: number | undefined;
  /** Sets the clock forward, or back, while nothing passes: what `now` says jumps, and timers keep their delays. */
  jump(ms: number): void;
  /** As `now`, without any jumps: how much has really passed. */
  steady(): number;
}

/** `startMs`: what it says first, in ms since the epoch. Default: some day in 2023. */
export function manualClock(startMs = 1_700_000_000_000): ManualClock {
  /** What has really passed, and by how much the clock was set forward. */
  let steadyMs = startMs;
  let aheadMs = 0;
  const timers = new Map<number, { readonly atMs: number; readonly fire: () => void }>();
  let lastId = 0;
  const first = (): [number, { readonly atMs: number; readonly fire: () => void }] | undefined =>
    [...timers].toSorted(([a, x], [b, y]) => x.atMs - y.atMs || a - b)[0];
  return {
    now: () => steadyMs + aheadMs,
    setTimer: (delayMs, fire) => {
      const id = ++lastId;
      timers.set(id, { atMs: steadyMs + delayMs, fire });
      return () => timers.delete(id);
    },
    advance: (ms) => {
      const untilMs = steadyMs + ms;
      for (let timer = first(); timer !== undefined && timer[1].atMs <= untilMs; timer = first()) {
        timers.delete(timer[0]);
        steadyMs = Math.max(steadyMs, timer[1].atMs);
        timer[1].fire();
      }
      steadyMs = untilMs;
    },
    jump: (ms) => {
      aheadMs += ms;
    },
    get next() {
      const timer = first();
      return timer && timer[1].atMs + aheadMs;
    },
    steady: () => steadyMs,
  };
}
