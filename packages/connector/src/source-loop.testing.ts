import type { SteadyClock } from '@tenon/model';

/** A clock that stands still until told. */
export function manualClock(startMs: number): SteadyClock & { advance(ms: number): void } {
  let now = startMs;
  const timers = new Set<{ readonly at: number; readonly fire: () => void }>();
  return {
    now: () => now,
    steady: () => now,
    setTimer: (delayMs, fire) => {
      const timer = { at: now + delayMs, fire };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    advance: (ms) => {
      now += ms;
      for (const timer of [...timers].sort((a, b) => a.at - b.at)) {
        if (timer.at > now || !timers.delete(timer)) continue;
        timer.fire();
      }
    },
  };
}
