import type { JsonObject } from '@tenon/model';
import type {
  ActionResult,
  ReplayFilter,
  ReplayOptions,
  ReplayResult,
  ReplayStatus,
  RuntimeOptions,
} from '../runtime.ts';
import { CommitRefused } from './commit-queue.ts';
import type { EmbeddedEngine } from './engine.ts';
import type { Also } from './operations.ts';
import type { Queries } from './queries.ts';
import { type Effects, effectsReader } from './replay-effects.ts';
import type { RunRow } from './run-row.ts';
import { SentRuns } from './sent-runs.ts';
import type { Write } from './statements.ts';

/** Runs looked at before others get their turn. */
const LOOKED_AT_ONCE = 50;
/** A dry run older than that says too little of today. */
const GOOD_FOR_MS = 24 * 3_600_000;
const PER_SECOND_DEFAULT = 10;
/** How often the lane is looked at while something is in it. */
const TICK_MS = 100;
/** Runs that are only noted, having nothing to send, in one tick. */
const NOTED_PER_TICK_MAX = 200;
/** A pipeline whose own runs wait that long gets nothing from the lane. */
const LIVE_LAG_MAX_MS = 1_000;

/** Runs of replays that are done stay for ever: looked for as the partial index has it, or each tick would read them all. */
const OPEN = "state IN ('waiting', 'sent')";
/** What is read without naming a replay. */
export const openReplays = {
  isOneWaiting: `SELECT 1 FROM replay_runs WHERE ${OPEN} AND state = 'waiting' LIMIT 1`,
  tokens: `SELECT DISTINCT token FROM replay_runs WHERE ${OPEN} AND state = 'waiting'`,
  sent: `SELECT p.token, p.run_seq, r.pipeline FROM replay_runs p JOIN runs r ON r.seq = p.run_seq WHERE p.${OPEN} AND p.state = 'sent'`,
} as const;

/** How a replay that was applied lets its runs out. */
type Lane = NonNullable<ReplayStatus['applied']> & {
  /** When the next run may be sent. */
  nextAtMs?: number;
};

/** Resumes a run, together with what is to be stored only if it is resumed. */
type Resume = (run: RunRow, actor: string, reason: string, also: Also) => Promise<ActionResult>;

/**
 * Replays (C72): a dry run freezes a set of runs and says what would happen to each; applied by its token, the set goes
 * through a lane of its own. A run of the set: planned → waiting (applied) → sent (resumed at its failed step) → done,
 * or done at once where nothing is to be sent, or refused. All of it is on disk: a restart goes on with what waits.
 *
 * The lane lets out so many a second, has at most a quarter of a pipeline's places, and gives way while the pipeline's
 * own runs are kept waiting. A run that waits has no place (`sent-runs.ts`); where many go on at one moment they go as any run of the
 * pipeline does, and no other is let out until they are fewer. What it lets out are the same runs with the same keys, so nothing that
 * happened happens again.
 */
export class Replays {
  readonly #engine: EmbeddedEngine;
  readonly #queries: Queries;
  readonly #resume: Resume;
  readonly #clock: RuntimeOptions['clock'];
  readonly #sent: SentRuns;
  /** By token, of those with runs that wait. */
  readonly #lanes = new Map<string, Lane>();
  #cancel: (() => void) | undefined;
  #isTicking = false;
  #isStopped = false;

  constructor(engine: EmbeddedEngine, queries: Queries, resume: Resume, clock: RuntimeOptions['clock']) {
    this.#engine = engine;
    this.#queries = queries;
    this.#resume = resume;
    this.#clock = clock;
    this.#sent = new SentRuns(engine);
    for (const row of this.#rows(openReplays.sent))
      this.#sent.add({
        seq: Number(row['run_seq']),
        token: String(row['token']),
        pipeline: String(row['pipeline']),
      });
    this.#schedule();
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel?.();
  }

  /** Freezes what the filter names now, and says what a replay would do to each. */
  async plan(filter: ReplayFilter, actor: string, reason: string): Promise<ReplayResult> {
    const chosen = this.#choose(filter);
    const { replayRunsMax } = this.#engine.limits;
    if (chosen.length > replayRunsMax)
      return {
        ok: false,
        code: 'REPLAY_TOO_LARGE',
        message: `the filter names more than ${replayRunsMax} runs; replay a shorter window at a time`,
      };
    const now = this.#engine.now();
    const token = this.#engine.newId();
    const effects = effectsReader(this.#queries);
    const runs: ({ readonly run: RunRow } & Effects)[] = [];
    for (const run of chosen) {
      runs.push({ run, ...effects(run) });
      if (runs.length % LOOKED_AT_ONCE === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    // JSON by its type; an interface has no index signature.
    const asked = { filter, actor, reason, atMs: now } as unknown as JsonObject;
    await this.#engine.commit(
      [
        ['dropReplayRuns', now - GOOD_FOR_MS],
        ['putReplay', token, now, JSON.stringify(asked)],
        ...runs.map(
          ({ run, refused }): Write => [
            'putReplayRun',
            token,
            run.seq,
            refused === undefined ? 'planned' : 'refused',
          ],
        ),
      ],
      [],
    );
    return {
      ok: true,
      report: {
        token,
        expiresAtMs: now + GOOD_FOR_MS,
        runs: runs.map(({ run, ...rest }) => ({
          runId: run.run_id,
          pipeline: run.pipeline,
          key: run.key,
          ...rest,
        })),
      },
    };
  }

  /** Does what the dry run showed: to exactly its runs, once. */
  async apply(token: string, actor: string, reason: string, options: ReplayOptions): Promise<ActionResult> {
    const asked = this.#asked(token);
    if (asked === undefined)
      return { ok: false, code: 'REPLAY_UNKNOWN', message: `no dry run has given the token ${token}` };
    const now = this.#engine.now();
    if (asked.atMs + GOOD_FOR_MS <= now)
      return {
        ok: false,
        code: 'REPLAY_EXPIRED',
        message: 'the dry run is more than a day old; make a new one',
      };
    const perSecond = options.perSecond ?? PER_SECOND_DEFAULT;
    const counts = this.#counts(token);
    const details = { action: 'replay', token, actor, reason, perSecond, runs: counts['planned'] ?? 0 };
    const start = JSON.stringify({ actor, reason, perSecond, atMs: now });
    try {
      await this.#engine.commit(
        [
          ['startReplay', token, start],
          ['releaseReplayRuns', token],
        ],
        [this.#engine.system({ kind: 'replay', details })],
      );
    } catch (error) {
      if (!(error instanceof CommitRefused)) throw error;
      return { ok: false, code: 'REPLAY_APPLIED_ALREADY', message: 'this dry run was applied before' };
    }
    this.#schedule();
    return { ok: true };
  }

  status(token: string): ReplayStatus | undefined {
    return this.#queries.replay(token);
  }

  #schedule(): void {
    if (this.#isStopped || this.#cancel !== undefined) return;
    const isOpen = this.#sent.size > 0 || this.#rows(openReplays.isOneWaiting).length > 0;
    if (!isOpen) return;
    this.#cancel = this.#clock.setTimer(TICK_MS, () => {
      this.#cancel = undefined;
      void this.#engine.dispatcher.busy(async () => {
        // A disk that fails stops the runtime elsewhere, and says so there.
        await this.#tick().catch(() => {});
        this.#schedule();
      });
    });
  }

  async #tick(): Promise<void> {
    if (this.#isTicking || this.#isStopped || this.#engine.refusal() !== undefined) return;
    this.#isTicking = true;
    try {
      await this.#settleSent();
      const waiting = this.#rows(openReplays.tokens);
      const tokens = new Set(waiting.map(({ token }) => String(token)));
      for (const token of this.#lanes.keys()) if (!tokens.has(token)) this.#lanes.delete(token);
      for (const token of tokens) await this.#letOut(token);
    } finally {
      this.#isTicking = false;
    }
  }

  async #settleSent(): Promise<void> {
    const ended = this.#sent.ended();
    const writes = ended.map(({ seq, token }): Write => ['setReplayRun', token, seq, 'done']);
    if (writes.length > 0) await this.#engine.commit(writes, []);
  }

  async #letOut(token: string): Promise<void> {
    const lane = this.#laneOf(token);
    if (lane === undefined) return;
    const { actor, reason, perSecond } = lane;
    const now = this.#engine.now();
    let nextAtMs = Math.max(now, lane.nextAtMs ?? now + 1_000 / perSecond);
    const effects = effectsReader(this.#queries);
    const waiting = this.#rows(
      `SELECT r.run_id, r.pipeline, r.state FROM replay_runs p JOIN runs r ON r.seq = p.run_seq WHERE p.token = ? AND p.state = 'waiting' ORDER BY p.run_seq LIMIT ?`,
      token,
      NOTED_PER_TICK_MAX,
    );
    for (const { run_id: runId, pipeline, state } of waiting) {
      // Mostly the first of them must wait: whole rows are read of those alone that go.
      if (state === 'failed' && (nextAtMs >= now + TICK_MS || !this.#hasRoom(String(pipeline)))) break;
      const run = this.#queries.rowOf(String(runId));
      // Moved on meanwhile: the next look judges it anew.
      if (run === undefined || run.state !== state) continue;
      const sends = run.state === 'failed';
      // Judged anew: it may have been resumed, cancelled or have ended since the dry run.
      const { goesOn: _, refused, ...listed } = effects(run);
      const earlier = this.#sent.tokenOf(run.seq);
      const also = (state: 'refused' | 'sent' | 'done', why?: string): Also => {
        const shown = { ...listed, ...(why !== undefined && { refused: why }) };
        const details = { action: 'replay', token, actor, reason, ...shown };
        // For an earlier replay that let it out it is over, as it has failed again since.
        const writes: Write[] =
          earlier === undefined || state !== 'sent' ? [] : [['setReplayRun', earlier, run.seq, 'done']];
        writes.push(['setReplayRun', token, run.seq, state]);
        return { writes, facts: [{ kind: 'replay', details }] };
      };
      const note = ({ writes, facts }: Also): Promise<void> =>
        this.#engine.commit(writes, [this.#engine.noted(run, facts)]);
      if (refused !== undefined || !sends) {
        await note(refused === undefined ? also('done') : also('refused', refused));
        continue;
      }
      // One write: a run that counts as sent, and was not resumed when the process died, would never be.
      const resumed = await this.#resume(run, actor, reason, also('sent'));
      if (!resumed.ok) {
        await note(also('refused', resumed.message));
        continue;
      }
      nextAtMs += 1_000 / perSecond;
      this.#sent.add({ seq: run.seq, token, pipeline: run.pipeline });
    }
    lane.nextAtMs = nextAtMs;
  }

  /** Live traffic first: a quarter of the places at most, none while the pipeline's own runs are kept waiting or it stands still. */
  #hasRoom(pipeline: string): boolean {
    const { board } = this.#engine;
    if (board.isKilled(pipeline) || board.pauseOf(pipeline) !== undefined) return false;
    if (this.#engine.lagMs(pipeline) > LIVE_LAG_MAX_MS) return false;
    const limit = this.#engine.activePlans.get(pipeline)?.plan.limits.concurrency ?? 1;
    return this.#sent.placesOf(pipeline, limit) < Math.max(1, Math.floor(limit / 4));
  }

  #asked(token: string): { readonly atMs: number } | undefined {
    return this.status(token);
  }

  /** Read once: what a start says never changes. */
  #laneOf(token: string): Lane | undefined {
    const known = this.#lanes.get(token);
    if (known !== undefined) return known;
    const start = this.status(token)?.applied;
    if (start === undefined) return undefined;
    const lane = { ...start };
    this.#lanes.set(token, lane);
    return lane;
  }

  #counts(token: string): Readonly<Record<string, number>> {
    return this.status(token)?.runs ?? {};
  }

  #choose(filter: ReplayFilter): readonly RunRow[] {
    if (filter.runIds !== undefined)
      return filter.runIds
        .slice(0, this.#engine.limits.replayRunsMax + 1)
        .flatMap((runId) => this.#queries.rowOf(runId) ?? []);
    if (filter.fingerprint === undefined && filter.queue === undefined && filter.failureClass === undefined)
      return this.#queries.runsFor(filter, this.#engine.limits.replayRunsMax + 1);
    const { fingerprint: _, queue: __, failureClass: ___, ...rest } = filter;
    // Each is held against the rest of the filter by itself: how many runs that names by itself does not matter.
    return this.#queries
      .deadLetters({ ...filter, limit: this.#engine.limits.replayRunsMax + 1 })
      .filter(({ runId }) => rest.runId === undefined || rest.runId === runId)
      .flatMap(({ runId }) => this.#queries.runsFor({ ...rest, runId }, 1));
  }

  #rows(sql: string, ...values: (string | number)[]): Record<string, unknown>[] {
    return this.#engine.read.of(sql).all(...values);
  }
}
