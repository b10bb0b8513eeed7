/** Time, handed in. Only the composition root and tests make one. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Calls `fire` after `delayMs`; the function returned takes it back. */
  setTimer(delayMs: number, fire: () => void): () => void;
}

/** A clock that also says how much has passed, whatever it is set to. */
export interface SteadyClock extends Clock {
  /** Milliseconds since some moment. Never goes back while the process lives, and says nothing from one process to the next. */
  steady(): number;
}

/** Randomness, handed in: a number in [0, 1). */
export interface Random {
  next(): number;
}

/** The longest delay Node's timers take; a longer one would fire at once. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/** The machine's own clock: a named edge, the one place that reads it. */
export const systemClock: SteadyClock = {
  now: () => Date.now(),
  steady: () => performance.now(),
  setTimer: (delayMs, fire) => {
    const timer = setTimeout(fire, Math.min(Math.max(0, delayMs), TIMER_MS_MAX));
    return () => clearTimeout(timer);
  },
};

/** The machine's own randomness: a named edge. */
export const systemRandom: Random = { next: () => Math.random() };

/** A reproducible stream of numbers for tests, sandboxes and drills (mulberry32). */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return {
    next: () => {
      state = (state + 0x6d2b79f5) >>> 0;
      let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
      mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
    },
  };
}

/** Waits `delayMs`, or less when `signal` aborts (it then resolves early; callers look at the signal). */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const cancel = clock.setTimer(delayMs, done);
    function done(): void {
      signal?.removeEventListener('abort', done);
      cancel();
      resolve();
    }
    signal?.addEventListener('abort', done, { once: true });
  });
}
