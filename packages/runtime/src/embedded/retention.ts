import type { Protection, RuntimeOptions } from '../runtime.ts';
import type { EmbeddedEngine } from './engine.ts';
import type { Statements } from './statements.ts';

/** How long data of ended runs is kept where nothing else is said. */
export const KEEP_PAYLOADS_MS = 30 * 86_400_000;
/** Runs, and events that began none, looked at in one write: short, so that intake does not wait for it. */
const SLICE = 200;
const SLICE_EVERY_MS = 1_000;
/** Pause after all have been looked at. */
const ROUND_EVERY_MS = 3_600_000;
/** From a start to its first round: a process that lives for less than an hour lets data go as well. */
const FIRST_ROUND_MS = 300_000;

/**
 * Lets payloads, results and expired keys of ended runs go, and events that nothing wanted, a slice at a time, from the
 * oldest on; then begins anew after a pause, for those that had not ended. Each slice is one write among others, so intake
 * never waits long. How long is said by the contracts whose classed fields a pipeline's data holds (the shortest counts),
 * as its newest plan has it: a contract that is changed counts for what is stored already.
 */
export function keepRetention(engine: EmbeddedEngine, options: RuntimeOptions): { stop(): void } {
  const keepMs = options.keepPayloadsMs ?? KEEP_PAYLOADS_MS;
  let afterRun = 0;
  let afterEvent = 0;
  let cancel = options.clock.setTimer(FIRST_ROUND_MS, slice);
  return { stop: () => cancel() };

  function slice(): void {
    const runs = next('runs', afterRun);
    const events = next('events', afterEvent);
    const now = engine.now();
    const expired = [
      afterRun,
      runs.upTo,
      now,
      keepMs,
      JSON.stringify(Object.fromEntries(keptByPipeline(engine.read))),
    ] as const;
    const lone = [afterEvent, events.upTo, now - keepMs] as const;
    afterRun = runs.upTo;
    afterEvent = events.upTo;
    const isRound = runs.isLast && events.isLast;
    if (isRound) {
      afterRun = 0;
      afterEvent = 0;
    }
    void engine.dispatcher
      .busy(() =>
        engine.commit(
          [
            ['purgeJournal', ...expired],
            ['purgeOpenings', ...expired],
            ['shredPurgedEvents', ...expired],
            ['purgePayloads', ...expired],
            ['shredPurgedRuns', ...expired],
            ['purgeRuns', ...expired],
            ['purgeKeys', expired[0], expired[1], now],
            ['purgeNewest', expired[0], expired[1], now],
            ['shredPurgedLoneEvents', ...lone],
            ['purgeLoneEvents', ...lone],
            ...(isRound
              ? ([
                  ['purgeDifferences', now, keepMs],
                  ['purgeReplayRuns', now - keepMs],
                  ['purgeReplayStarts', now - keepMs],
                  ['purgeReplays', now - keepMs],
                  ['purgeRepairs', now - keepMs],
                ] as const)
              : []),
          ],
          [],
        ),
      )
      .then(() => engine.tend('shred'))
      // A disk that fails stops the runtime elsewhere, and says so there.
      .catch(() => {});
    cancel = options.clock.setTimer(isRound ? ROUND_EVERY_MS : SLICE_EVERY_MS, slice);
  }

  function next(
    table: 'runs' | 'events',
    after: number,
  ): { readonly upTo: number; readonly isLast: boolean } {
    const row = engine.read.of(`SELECT coalesce(max(seq), 0) AS n FROM ${table}`).get();
    const last = Number(row?.['n'] ?? 0);
    return { upTo: Math.min(last, after + SLICE), isLast: after + SLICE >= last };
  }
}

/** Of each pipeline whose newest plan says so, those that no event starts any more included. */
function keptByPipeline(read: Statements): readonly (readonly [pipeline: string, ms: number])[] {
  return read
    .of(
      `SELECT p.pipeline, p.plan ->> '$.keep.ms' AS ms FROM plans p LEFT JOIN pipelines a ON a.pipeline = p.pipeline
       WHERE p.hash = coalesce(a.plan_hash, (SELECT hash FROM plans WHERE pipeline = p.pipeline ORDER BY stored_at DESC LIMIT 1))`,
    )
    .all()
    .flatMap((row) => (row['ms'] === null ? [] : [[String(row['pipeline']), Number(row['ms'])] as const]));
}

/** How long data is kept, by pipeline in force. */
export function retentionOf(read: Statements, keepMs: number): Protection['retention'] {
  return read
    .of(
      `SELECT a.pipeline, p.plan ->> '$.keep.ms' AS ms, p.plan ->> '$.keep.because' AS because
       FROM pipelines a JOIN plans p ON p.hash = a.plan_hash ORDER BY a.pipeline`,
    )
    .all()
    .map((row) => ({
      pipeline: String(row['pipeline']),
      keepMs: row['ms'] === null ? keepMs : Number(row['ms']),
      ...(row['because'] !== null && { because: String(row['because']) }),
    }));
}
