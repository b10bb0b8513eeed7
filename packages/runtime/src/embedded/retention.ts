import type { RuntimeOptions } from '../runtime.ts';
import type { EmbeddedEngine } from './engine.ts';

const KEEP_PAYLOADS_MS = 30 * 86_400_000;
/** Runs looked at in one write: short, so that intake does not wait for it. */
const SLICE_RUNS = 200;
const SLICE_EVERY_MS = 1_000;
/** Pause after all runs have been looked at. */
const ROUND_EVERY_MS = 3_600_000;

/**
 * Lets payloads, results and expired keys of ended runs go, a slice of runs at a time, from the oldest on; then begins
 * anew after a pause, for those that had not ended. Each slice is one write among others, so intake never waits long.
 */
export function keepRetention(engine: EmbeddedEngine, options: RuntimeOptions): { stop(): void } {
  const keepMs = options.keepPayloadsMs ?? KEEP_PAYLOADS_MS;
  let after = 0;
  let cancel = options.clock.setTimer(ROUND_EVERY_MS, slice);
  return { stop: () => cancel() };

  function slice(): void {
    const last = Number(engine.read.of('SELECT coalesce(max(seq), 0) AS n FROM runs').get()?.['n'] ?? 0);
    const upTo = Math.min(last, after + SLICE_RUNS);
    const now = engine.now();
    const range = [after, upTo, now - keepMs] as const;
    after = upTo >= last ? 0 : upTo;
    const pauseMs = after === 0 ? ROUND_EVERY_MS : SLICE_EVERY_MS;
    void engine.dispatcher
      .busy(() =>
        engine.commit(
          [
            ['purgeJournal', ...range],
            ['purgeOpenings', ...range],
            ['shredPurgedEvents', ...range],
            ['purgePayloads', ...range],
            ['shredPurgedRuns', ...range],
            ['purgeRuns', ...range],
            ['purgeKeys', range[0], range[1], now],
          ],
          [],
        ),
      )
      .then(() => engine.tend('shred'))
      // A disk that fails stops the runtime elsewhere, and says so there.
      .catch(() => {});
    cancel = options.clock.setTimer(pauseMs, slice);
  }
}
