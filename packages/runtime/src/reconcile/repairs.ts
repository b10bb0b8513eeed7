import { type Failure, isObject, type Json, type JsonObject, sleep } from '@tenon/model';
import type { ReconciliationPlan } from '@tenon/pipeline';
import { CommitFailed, CommitRefused } from '../embedded/commit/commit-queue.ts';
import { appliedAlready, freeze, stillGood } from '../embedded/control/frozen-sets.ts';
import type { EmbeddedEngine } from '../embedded/engine.ts';
import { startManual } from '../embedded/intake/accept.ts';
import { nextTurn } from '../embedded/next-turn.ts';
import type { Replays } from '../embedded/replay/replays.ts';
import type {
  ActionResult,
  RepairItem,
  RepairOptions,
  RepairResult,
  RepairStatus,
  ReplayReport,
  RuntimeOptions,
} from '../runtime.ts';
import type { Difference } from './compare.ts';
import { type QuarantinedRun, quarantinedByKey, runsByKey } from './entity-runs.ts';
import type { Reports } from './reports.ts';

const PER_SECOND_DEFAULT = 10;
/** Refusals that pass by themselves, and how long to wait where they do not say. */
const PASSING: ReadonlySet<Failure['class']> = new Set(['transient', 'rateLimited']);
const PASSING_MS = 5_000;
/** How long one that something stopped of which nobody knew is left alone. */
const STUCK_MS = 5_000;
const READ_AT_ONCE = 500;

interface StoredRepair {
  readonly report: string;
  readonly actor: string;
  readonly reason: string;
  readonly atMs: number;
  /** The replay of the runs that were found; absent: none was. */
  readonly replay?: string;
  readonly starts: readonly { readonly number: number; readonly pipeline: string; readonly repair: number }[];
  readonly applied?: {
    readonly actor: string;
    readonly reason: string;
    readonly atMs: number;
    readonly perSecond: number;
  };
  /** Known once all have gone out. */
  readonly startsRefused?: RepairStatus['startsRefused'];
}

/**
 * Repairs of what a report lists (C81). A difference is tied by its key to what the named pipelines hold of it: runs of
 * that entity are replayed as any replay is (a frozen set, the same keys, a token, a lane of their own), so what
 * happened does not happen again. Where none of them has had an event of it, one may be started from the source's record.
 * A repair: planned → applied (starts go out, paced) → done. A restart goes on with the starts; each has its delivery id.
 * A start waits while the runtime takes nothing in; one that is refused for good is named in the status.
 */
export class Repairs {
  readonly #engine: EmbeddedEngine;
  readonly #reports: Reports;
  readonly #replays: Replays;
  readonly #clock: RuntimeOptions['clock'];
  readonly #onProblem: RuntimeOptions['onProblem'];
  readonly #stopped = new AbortController();
  readonly #working = new Set<Promise<void>>();

  constructor(
    engine: EmbeddedEngine,
    reports: Reports,
    replays: Replays,
    { clock, onProblem }: Pick<RuntimeOptions, 'clock' | 'onProblem'>,
  ) {
    this.#engine = engine;
    this.#reports = reports;
    this.#replays = replays;
    this.#clock = clock;
    this.#onProblem = onProblem;
  }

  /** Goes on with what an earlier process had begun. */
  resume(): void {
    for (const row of this.#engine.read
      .of(`SELECT token, value FROM repairs WHERE state = 'applied'`)
      .all()) {
      const token = String(row['token']);
      const stored = this.#storedOf(token);
      if (stored?.applied) this.#letOut(token, stored, stored.applied);
    }
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await Promise.all(this.#working);
  }

  /** Says what a repair of each difference would do, and freezes that. */
  async plan(reportId: string, actor: string, reason: string): Promise<RepairResult> {
    const report = this.#reports.get(reportId);
    const plan = this.#reports.planOfReport(reportId);
    if (report === undefined || plan === undefined)
      return { ok: false, code: 'REPORT_UNKNOWN', message: `there is no report ${reportId}` };
    if (report.state !== 'complete')
      return {
        ok: false,
        code: 'REPORT_INCOMPLETE',
        message: `the report is ${report.state}; it lists nothing to mend`,
      };
    const numbered = await this.#differencesOf(reportId);
    if (numbered.length === 0 && report.differences > 0)
      return {
        ok: false,
        code: 'REPORT_INCOMPLETE',
        message: `${report.differences === 1 ? 'the difference that it listed is' : `the ${report.differences} differences that it listed are`} no longer kept, or damaged; compare anew, and mend what that lists`,
      };
    const differences = numbered.map(({ difference }) => difference);
    const held = await runsByKey(this.#engine, plan, differences);
    const inQuarantine = await quarantinedByKey(this.#engine, plan, differences);
    const shownKey = this.#reports.shownKey(reportId);
    const chosen = numbered.map(({ number, difference }) => {
      const { key, kind } = difference;
      // What a key has twice, a replay does not take away: see `outcomeOf`.
      const runs = key === null || kind === 'duplicate' ? [] : (held.get(key) ?? []);
      const quarantined = key === null || runs.length > 0 ? undefined : inQuarantine.get(key);
      const isAbsent = runs.length === 0 && quarantined === undefined;
      const start = isAbsent && kind === 'missing' ? startOf(plan, difference) : undefined;
      return { number, kind, key: shownKey(key), runs, start, quarantined, difference };
    });
    const runIds = [...new Set(chosen.flatMap(({ runs }) => runs))];
    const replayed =
      runIds.length === 0 ? undefined : await this.#replays.plan({ runIds }, actor, reason, hasWork);
    if (replayed && !replayed.ok) return replayed;
    const byRun = new Map((replayed?.report.runs ?? []).map((run) => [run.runId, run]));
    const { token, atMs, expiresAtMs, outdatedMs } = freeze(this.#engine);
    const stored: StoredRepair = {
      report: reportId,
      actor,
      reason,
      atMs,
      ...(replayed && { replay: replayed.report.token }),
      starts: chosen.flatMap(({ number, start }) =>
        start === undefined ? [] : [{ number, pipeline: start.pipeline, repair: start.repair }],
      ),
    };
    await this.#engine.commit(
      [
        ['dropRepairs', outdatedMs],
        ['putRepair', token, atMs, 'planned', JSON.stringify(stored)],
      ],
      [],
    );
    return {
      ok: true,
      report: {
        token,
        reportId,
        reconciliation: report.reconciliation,
        expiresAtMs,
        items: chosen.map(({ number, kind, key, runs, start, quarantined, difference }) => ({
          number,
          kind,
          key,
          ...outcomeOf(
            runs.map((runId) => byRun.get(runId)).filter((run) => run !== undefined),
            start?.pipeline,
            plan,
            difference,
            quarantined,
          ),
        })),
      },
    };
  }

  /** Does what the dry run showed, once, within a day. */
  async apply(token: string, actor: string, reason: string, options: RepairOptions): Promise<ActionResult> {
    const stored = stillGood(
      this.#engine,
      this.#storedOf(token),
      {
        code: 'REPAIR_UNKNOWN',
        message: `no dry run of a repair that is still kept has given the token ${token}`,
      },
      'REPLAY_EXPIRED',
    );
    if ('ok' in stored) return stored;
    // What was done is said as that, whatever was compared since.
    const newer =
      stored.applied === undefined && !options.isOutdatedToo && this.#reports.newer(stored.report);
    if (newer)
      return {
        ok: false,
        code: 'REPAIR_OUTDATED',
        message: `report ${stored.report} is not the newest: ${newer.id} was begun ${new Date(newer.begunAtMs).toISOString()}, and what differed may be mended since; nothing was done`,
      };
    const perSecond = options.perSecond ?? PER_SECOND_DEFAULT;
    const applied = { actor, reason, atMs: this.#engine.now(), perSecond };
    const details = {
      action: 'repair',
      token,
      report: stored.report,
      actor,
      reason,
      ...(stored.replay !== undefined && { replay: stored.replay }),
      starts: stored.starts.length,
    };
    try {
      await this.#engine.commit(
        [['applyRepair', token, JSON.stringify({ ...stored, applied })]],
        [this.#engine.system({ kind: 'reconciliation', details })],
      );
    } catch (error) {
      if (!(error instanceof CommitRefused)) throw error;
      return appliedAlready(this.#storedOf(token)?.applied, `tenon reconcile status ${token}`);
    }
    if (stored.replay !== undefined) await this.#replays.apply(stored.replay, actor, reason, { perSecond });
    this.#letOut(token, stored, applied);
    return { ok: true };
  }

  status(token: string): RepairStatus | undefined {
    const stored = this.#storedOf(token);
    if (stored === undefined) return undefined;
    const { replay, starts, report, actor, reason, atMs, applied, startsRefused = [] } = stored;
    const replayed = replay === undefined ? undefined : this.#replays.status(replay);
    const state = this.#engine.read.of('SELECT state FROM repairs WHERE token = ?').get(token)?.['state'];
    return {
      token,
      report,
      actor,
      reason,
      atMs,
      ...(applied && { applied }),
      runs: replayed?.runs ?? {},
      standing: replayed?.standing ?? {},
      listed: replayed?.listed ?? [],
      starts: starts.length,
      startsRefused,
      isDone:
        state === 'done' &&
        Object.entries(replayed?.runs ?? {}).every(
          ([name, count]) => count === 0 || name === 'done' || name === 'refused',
        ),
    };
  }

  #letOut(token: string, stored: StoredRepair, applied: NonNullable<StoredRepair['applied']>): void {
    const work = this.#goOn(token, stored, applied).finally(() => this.#working.delete(work));
    this.#working.add(work);
  }

  async #goOn(
    token: string,
    stored: StoredRepair,
    applied: NonNullable<StoredRepair['applied']>,
  ): Promise<void> {
    while (!this.#stopped.signal.aborted)
      try {
        return await this.#go(token, stored, applied);
      } catch (error) {
        // Nothing is written by a disk that fails, or by a process that stops; a start goes on.
        if (error instanceof CommitFailed || this.#engine.isStopping) return;
        const cause = error instanceof Error ? error.message : String(error);
        this.#onProblem?.(
          `the repair ${token} does not go on and is tried again: ${cause}`,
          'RUNTIME_REPLAY_STUCK',
        );
        await sleep(this.#clock, STUCK_MS, this.#stopped.signal);
      }
  }

  async #go(
    token: string,
    stored: StoredRepair,
    applied: NonNullable<StoredRepair['applied']>,
  ): Promise<void> {
    const { dispatcher } = this.#engine;
    const { replay, report, starts } = stored;
    const { actor, reason, perSecond } = applied;
    // Unless the process ended right before it, the replay is under way already.
    if (replay !== undefined)
      await dispatcher.busy(() => this.#replays.apply(replay, actor, reason, { perSecond }));
    const startsRefused: { readonly number: number; readonly because: string }[] = [];
    for (const { number, pipeline, repair } of starts) {
      const [found] = this.#reports.storedDifferences(report, number - 1, 1);
      const input = found?.number === number ? found.difference.starts[repair] : undefined;
      for (let isSettled = false; !isSettled; ) {
        if (this.#stopped.signal.aborted) return;
        const { paused } = await dispatcher.busy(async () => {
          const refusal = await this.#refusalOf(pipeline, input, actor, `repair:${token}:${number}`);
          isSettled = refusal === undefined || !PASSING.has(refusal.class);
          if (isSettled && refusal !== undefined) startsRefused.push({ number, because: refusal.message });
          const pauseMs = isSettled ? 1_000 / perSecond : (refusal?.retryAfterMs ?? PASSING_MS);
          return { paused: sleep(this.#clock, pauseMs, this.#stopped.signal) };
        });
        await paused;
      }
    }
    if (this.#stopped.signal.aborted) return;
    const done: StoredRepair = { ...stored, applied, startsRefused };
    await dispatcher.busy(() => this.#engine.commit([['endRepair', token, JSON.stringify(done)]], []));
  }

  /** Starts a pipeline, and says why it could not be. */
  async #refusalOf(
    pipeline: string,
    input: Json | undefined,
    actor: string,
    deliveryId: string,
  ): Promise<Refusal | undefined> {
    if (!isObject(input)) return GONE;
    // JSON, as it was stored.
    const result = await startManual(this.#engine, pipeline, input as JsonObject, actor, deliveryId);
    return result.ok ? undefined : result.failure;
  }

  async #differencesOf(
    report: string,
  ): Promise<readonly { readonly number: number; readonly difference: Difference }[]> {
    const all: { readonly number: number; readonly difference: Difference }[] = [];
    for (let after = 0; ; ) {
      const some = this.#reports.storedDifferences(report, after, READ_AT_ONCE);
      all.push(...some);
      after = some.at(-1)?.number ?? after;
      if (some.length < READ_AT_ONCE) return all;
      await nextTurn();
    }
  }

  #storedOf(token: string): StoredRepair | undefined {
    const row = this.#engine.read.of('SELECT value FROM repairs WHERE token = ?').get(token);
    // Written by `plan` and `apply`.
    return row && (this.#engine.rows.codec.json(row['value'], `repairs/${token}`) as unknown as StoredRepair);
  }
}

type Refusal = Pick<Failure, 'class' | 'message' | 'retryAfterMs'>;

const GONE: Refusal = {
  class: 'notFound',
  message: 'its record is no longer kept, or is damaged: `tenon doctor` says which',
};

function startOf(
  plan: ReconciliationPlan,
  { starts }: Difference,
): { readonly pipeline: string; readonly repair: number } | undefined {
  const repair = plan.repair.findIndex((one, index) => one.start !== undefined && isObject(starts[index]));
  return repair < 0 ? undefined : { pipeline: plan.repair[repair]!.pipeline, repair };
}

/** One with nothing left to do is no part of what is mended: its status would count it as well. */
function hasWork({
  effectsToSend,
  effectsUnknown = [],
  goesOn,
  refused,
}: Pick<ReplayReport['runs'][number], 'effectsToSend' | 'effectsUnknown' | 'goesOn' | 'refused'>): boolean {
  return effectsToSend.length > 0 || effectsUnknown.length > 0 || goesOn || refused !== undefined;
}

/** Why no run is known to be of it. What was looked for may be data, and is not said. */
function noneOf({ repair, sides }: ReconciliationPlan, kind: Difference['kind']): string {
  const pipelines = [...new Set(repair.map(({ pipeline }) => pipeline))].join(' or ');
  if (kind === 'extra' && repair.every(({ isOfRecord }) => isOfRecord))
    return `it is in ${sides.target.connection} alone, so no record says which runs of ${pipelines} are of it: mend it there`;
  return `no pipeline has had an event of it: no run of ${pipelines} has the order key or business key that \`entity\` gives, and none is to be started for it`;
}

/** What becomes of one difference, in words where nothing can. */
function outcomeOf(
  runs: readonly ReplayReport['runs'][number][],
  start: string | undefined,
  plan: ReconciliationPlan,
  { kind, records }: Difference,
  quarantined: QuarantinedRun | undefined,
): Omit<RepairItem, 'number' | 'kind' | 'key'> {
  const sides = (['source', 'target'] as const).filter((side) => kind !== 'duplicate' || records[side] > 1);
  const there = [...new Set(sides.map((side) => plan.sides[side].connection))].join(' or ');
  if (kind === 'duplicate')
    return { runs: [], refused: `which of them is right is a person’s to decide: mend it in ${there}` };
  if (start !== undefined) return { runs: [], starts: start };
  const listed = runs.map(({ runId, pipeline, effectsToSend, refused }) => ({
    runId,
    pipeline,
    effectsToSend,
    ...(refused !== undefined && { refused }),
  }));
  if (runs.some(({ effectsToSend }) => effectsToSend.length > 0)) return { runs: listed };
  if (plan.repair.length === 0)
    return { runs: [], refused: 'no pipeline is named that carries it (`repair`)' };
  if (quarantined !== undefined)
    return {
      runs: [],
      refused: `an event of it is in quarantine (run ${quarantined.runId}): \`tenon quarantine recheck --pipeline ${quarantined.pipeline}\` says whether it can be released`,
    };
  if (runs.length === 0) return { runs: [], refused: noneOf(plan, kind) };
  const open = runs.every(({ refused }) => refused !== undefined);
  return {
    runs: listed,
    refused: open
      ? 'none of its runs can be replayed'
      : `all effects of its runs have happened; who changed it since did not do so here: mend it in ${there}, or send a new event`,
  };
}
