import type { Protection, RuntimeOptions } from '../../runtime.ts';
import type { EmbeddedEngine } from '../engine.ts';
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
 * as its newest plan has it: a contract that is changed counts for what is stored already. What a run of an earlier plan holds, and
 * the newest one does not speak of, is kept no longer than that plan said.
 */
export function keepRetention(engine: EmbeddedEngine, options: RuntimeOptions): { stop(): void } {
  const keepMs = engine.keepPayloadsMs;
  const kept = new Kept(engine.read);
  let afterRun = 0;
  let afterEvent = 0;
  let cancel = options.clock.setTimer(FIRST_ROUND_MS, slice);
  return { stop: () => cancel() };

  function slice(): void {
    const runs = next('runs', afterRun);
    const events = next('events', afterEvent);
    const now = engine.now();
    const expired = [afterRun, runs.upTo, now, keepMs, kept.asJson()] as const;
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

/** How long data is kept, where a plan says so: by pipeline, as its newest plan has it, and by plan where an earlier one sets a shorter time. */
class Kept {
  readonly #read: Statements;
  #plans = 0;
  #all: readonly KeepingPlan[] = [];

  constructor(read: Statements) {
    this.#read = read;
  }

  asJson(): string {
    const newest = new Map(this.#newest().map((plan) => [plan.pipeline, plan]));
    const shorter = this.#keeping().filter(({ pipeline, ms, because }) => {
      const now = newest.get(pipeline);
      return now === undefined || (now.because !== because && ms < now.ms);
    });
    return JSON.stringify({
      ...Object.fromEntries([...newest].map(([pipeline, { ms }]) => [pipeline, ms])),
      ...Object.fromEntries(shorter.map(({ hash, ms }) => [hash, ms])),
    });
  }

  #newest(): readonly KeepingPlan[] {
    return this.#plansWhere(
      `hash = coalesce((SELECT plan_hash FROM pipelines WHERE pipeline = plans.pipeline),
        (SELECT hash FROM plans AS stored WHERE stored.pipeline = plans.pipeline ORDER BY stored_at DESC LIMIT 1))`,
    );
  }

  /** Read anew when there are more: they never change, and are large. */
  #keeping(): readonly KeepingPlan[] {
    const plans = Number(this.#read.of('SELECT count(*) AS n FROM plans').get()?.['n']);
    if (plans !== this.#plans) this.#all = this.#plansWhere('TRUE');
    this.#plans = plans;
    return this.#all;
  }

  #plansWhere(condition: string): readonly KeepingPlan[] {
    return this.#read
      .of(
        `SELECT hash, pipeline, plan ->> '$.keep.ms' AS ms, plan ->> '$.keep.because' AS because FROM plans WHERE ${condition}`,
      )
      .all()
      .flatMap((row) => {
        const { hash, pipeline, ms, because } = row;
        return ms === null
          ? []
          : [{ hash: String(hash), pipeline: String(pipeline), ms: Number(ms), because: String(because) }];
      });
  }
}

interface KeepingPlan {
  readonly hash: string;
  readonly pipeline: string;
  readonly ms: number;
  readonly because: string;
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
