import type {
  ActionResult,
  ReplayFilter,
  ReplayOptions,
  ReplayResult,
  ReplayStatus,
  RuntimeOptions,
} from '../../runtime.ts';
import { CommitFailed, CommitRefused } from '../commit/commit-queue.ts';
import { lagMs } from '../control/flow-report.ts';
import { appliedAlready, freeze, frozenWrites, stillGood } from '../control/frozen-sets.ts';
import type { Also } from '../control/operations.ts';
import type { EmbeddedEngine } from '../engine.ts';
import type { RunRow } from '../file/run-row.ts';
import type { Write } from '../file/statements.ts';
import { intakeRefusal } from '../intake/backpressure.ts';
import { inParts } from '../next-turn.ts';
import type { Queries } from '../reads/queries.ts';
import { type Effects, effectsReader } from './replay-effects.ts';
import { ReplayLane } from './replay-lane.ts';
import { SentRuns } from './sent-runs.ts';

/** Runs looked at before others get their turn. */
const LOOKED_AT_ONCE = 50;
const PER_SECOND_DEFAULT = 10;
/** How often the lane is looked at while something is in it. */
const TICK_MS = 100;
/** Runs that are only noted, having nothing to send, in one tick. */
const NOTED_PER_TICK_MAX = 200;
/** Pipelines of one replay that are looked at in one tick; the others have their turn in the next. */
const PIPELINES_PER_TICK_MAX = 32;
/** How long what could not be read, or is otherwise broken, is left alone. */
const PUT_OFF_MS = 5_000;
/** A pipeline whose own runs wait that long gets nothing from the lane. */
const LIVE_LAG_MAX_MS = 1_000;

/** Runs of replays that are done stay for ever: looked for as the partial index has it, or each tick would read them all. */
const OPEN = "state IN ('waiting', 'sent')";
const WAITING = `SELECT min(token) FROM replay_runs WHERE ${OPEN} AND state = 'waiting'`;
/** What is read without naming a replay, at the start. */
export const openReplays = {
  /** One step of the index for each of them, however many runs they have. */
  tokens: `WITH RECURSIVE open (token) AS (${WAITING} UNION ALL SELECT (${WAITING} AND token > open.token) FROM open WHERE token IS NOT NULL)
    SELECT token FROM open WHERE token IS NOT NULL`,
  sent: `SELECT p.token, p.run_seq, r.pipeline FROM replay_runs p JOIN runs r ON r.seq = p.run_seq WHERE p.${OPEN} AND p.state = 'sent'`,
} as const;

/** One look at what waits. */
interface Turn {
  readonly now: number;
  readonly effects: (run: RunRow) => Effects;
  /** Runs that may still be let out or noted in it. */
  left: number;
}

/** Resumes a run, together with what is to be stored only if it is resumed. */
type Resume = (run: RunRow, actor: string, reason: string, also: Also) => Promise<ActionResult>;

/**
 * Replays (C72): a dry run freezes a set of runs and says what would happen to each; applied by its token, the set goes
 * through a lane of its own. A run of the set: planned → waiting (applied) → sent (resumed at its failed step) → done,
 * or done at once where nothing is to be sent, or refused. All of it is on disk: a restart goes on with what waits.
 *
 * The lane lets out so many a second, has at most a quarter of a pipeline's places, and gives way while the pipeline's
 * own runs are kept waiting. A pipeline that has no room holds back its own runs alone (`replay-lane.ts`). A run that waits has no place
 * (`sent-runs.ts`); where many go on at one moment they go as any run of the pipeline does, and no other of it is let out until they are
 * fewer. What it lets out are the same runs with the same keys, so nothing that happened happens again.
 */
export class Replays {
  readonly #engine: EmbeddedEngine;
  readonly #queries: Queries;
  readonly #resume: Resume;
  readonly #clock: RuntimeOptions['clock'];
  readonly #onProblem: RuntimeOptions['onProblem'];
  readonly #sent: SentRuns;
  /** Tokens of those with runs that wait, and what is known of them. */
  readonly #open: Set<string>;
  readonly #lanes = new Map<string, ReplayLane>();
  /** Pipelines whose next run could not be looked at, and until when they are left alone. */
  readonly #putOff = new Map<string, number>();
  #cancel: (() => void) | undefined;
  #isTicking = false;
  #isStopped = false;

  constructor(
    engine: EmbeddedEngine,
    queries: Queries,
    resume: Resume,
    { clock, onProblem }: Pick<RuntimeOptions, 'clock' | 'onProblem'>,
  ) {
    this.#engine = engine;
    this.#queries = queries;
    this.#resume = resume;
    this.#clock = clock;
    this.#onProblem = onProblem;
    this.#sent = new SentRuns(engine);
    this.#open = new Set(this.#rows(openReplays.tokens).map(({ token }) => String(token)));
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

  /** Freezes what the filter names now, and of that `takes`, and says what a replay would do to each that is named. */
  async plan(
    filter: ReplayFilter,
    actor: string,
    reason: string,
    takes: (run: Effects) => boolean = () => true,
  ): Promise<ReplayResult> {
    const chosen = await this.#choose(filter);
    const { replayRunsMax } = this.#engine.limits;
    if (chosen.length > replayRunsMax)
      return {
        ok: false,
        code: 'REPLAY_TOO_LARGE',
        message: `the filter names more than ${replayRunsMax} runs; replay a shorter window at a time`,
      };
    const set = freeze(this.#engine);
    const effects = effectsReader(this.#queries);
    const runs = await inParts(chosen, LOOKED_AT_ONCE, (part) =>
      part.map((run) => ({ run, found: effects(run) })),
    );
    await this.#engine.commit(
      frozenWrites(
        set,
        { filter, actor, reason },
        runs
          .filter(({ found }) => takes(found))
          .map(({ run, found }) => [run, found.refused === undefined ? 'planned' : 'refused']),
      ),
    );
    return {
      ok: true,
      report: {
        token: set.token,
        expiresAtMs: set.expiresAtMs,
        runs: runs.map(({ run, found }) => ({
          runId: run.run_id,
          pipeline: run.pipeline,
          key: run.key,
          ...found,
        })),
      },
    };
  }

  /** Does what the dry run showed: to exactly its runs, once. */
  async apply(token: string, actor: string, reason: string, options: ReplayOptions): Promise<ActionResult> {
    const asked = stillGood(
      this.#engine,
      this.status(token),
      { code: 'REPLAY_UNKNOWN', message: `no dry run that is still kept has given the token ${token}` },
      'REPLAY_EXPIRED',
    );
    if ('ok' in asked) return asked;
    const perSecond = options.perSecond ?? PER_SECOND_DEFAULT;
    const runs = asked.runs.planned ?? 0;
    const details = { action: 'replay', token, actor, reason, perSecond, runs };
    const start = JSON.stringify({ actor, reason, perSecond, atMs: this.#engine.now() });
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
      return appliedAlready(this.#queries.frozen.replay(token)?.applied, `tenon replay status ${token}`);
    }
    this.#open.add(token);
    this.#schedule();
    return { ok: true };
  }

  status(token: string): ReplayStatus | undefined {
    return this.#queries.frozen.replay(token);
  }

  #schedule(inMs = TICK_MS): void {
    if (this.#isStopped || this.#cancel !== undefined) return;
    if (this.#sent.size === 0 && this.#open.size === 0) return;
    this.#cancel = this.#clock.setTimer(inMs, () => {
      this.#cancel = undefined;
      void this.#engine.dispatcher.busy(async () => {
        let nextMs = TICK_MS;
        await this.#tick().catch((error: unknown) => {
          this.#say(error, 'replays');
          nextMs = PUT_OFF_MS;
        });
        this.#schedule(nextMs);
      });
    });
  }

  async #tick(): Promise<void> {
    if (this.#isTicking || this.#isStopped || intakeRefusal(this.#engine) !== undefined) return;
    this.#isTicking = true;
    try {
      await this.#settleSent();
      for (const token of this.#open) await this.#letOut(this.#laneOf(token));
    } finally {
      this.#isTicking = false;
    }
  }

  async #settleSent(): Promise<void> {
    const ended = this.#sent.ended();
    const writes = ended.map(({ seq, token }): Write => ['setReplayRun', token, seq, 'done']);
    if (writes.length > 0) await this.#engine.commit(writes, []);
  }

  async #letOut(lane: ReplayLane): Promise<void> {
    // Its pace is kept by the clock that nobody sets.
    const now = this.#clock.steady();
    lane.nextAtMs = Math.max(now, lane.nextAtMs);
    lane.read((sql, ...values) => this.#rows(sql, ...values));
    const turn: Turn = { now, effects: effectsReader(this.#queries), left: NOTED_PER_TICK_MAX };
    for (let turns = Math.min(lane.pipelines, PIPELINES_PER_TICK_MAX); turns > 0; turns--) {
      const pipeline = lane.next;
      if (pipeline === undefined) break;
      const { left } = turn;
      const isOver = await this.#letOutOf(lane, pipeline, turn);
      // Whose turn found the rate used up has had none.
      if (!isOver || turn.left < left) lane.toTheEnd(pipeline);
      if (isOver) return;
    }
    if (!lane.isEmpty) return;
    this.#open.delete(lane.token);
    this.#lanes.delete(lane.token);
  }

  /** Of one pipeline, as many as have room. Is the replay to let out no more in this tick? */
  async #letOutOf(lane: ReplayLane, pipeline: string, turn: Turn): Promise<boolean> {
    if (turn.now < (this.#putOff.get(pipeline) ?? 0)) return false;
    this.#putOff.delete(pipeline);
    try {
      for (let seq = lane.firstOf(pipeline); seq !== undefined; seq = lane.firstOf(pipeline)) {
        if (turn.left === 0) return true;
        const [row] = this.#rows('SELECT run_id, state FROM runs WHERE seq = ?', seq);
        if (row?.['state'] === 'failed') {
          if (lane.nextAtMs >= turn.now + TICK_MS) return true;
          // Mostly the first of them must wait: whole rows are read of those alone that go.
          if (!this.#hasRoom(pipeline)) return false;
        }
        const run = this.#queries.rowOf(String(row?.['run_id']));
        if (run !== undefined && (await this.#letGo(lane, run, turn.effects(run))))
          lane.nextAtMs += 1_000 / lane.start.perSecond;
        lane.dropFirstOf(pipeline);
        turn.left--;
      }
    } catch (error) {
      // The others need not stand still for it.
      this.#say(error, `runs of ${pipeline} that are to be replayed`);
      this.#putOff.set(pipeline, turn.now + PUT_OFF_MS);
    }
    return false;
  }

  /** Nothing is written by a disk that fails, or by a process that stops; a start goes on. What else goes wrong nobody would hear of. */
  #say(error: unknown, what: string): void {
    if (error instanceof CommitFailed || this.#isStopped || this.#engine.isStopping) return;
    const cause = error instanceof Error ? error.message : String(error);
    this.#onProblem?.(`${what} do not go on and are tried again: ${cause}`, 'RUNTIME_REPLAY_STUCK');
  }

  /** Judged anew: it may have been resumed, cancelled or have ended since the dry run. Was it sent? */
  async #letGo(
    { token, start: { actor, reason } }: ReplayLane,
    run: RunRow,
    found: Effects,
  ): Promise<boolean> {
    const { goesOn, refused, ...listed } = found;
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
    const note = async ({ writes, facts }: Also): Promise<false> => {
      await this.#engine.commit(writes, [this.#engine.noted(run, facts)]);
      return false;
    };
    if (refused !== undefined) return note(also('refused', refused));
    if (!goesOn) return note(also('done'));
    // One write: a run that counts as sent, and was not resumed when the process died, would never be.
    const resumed = await this.#resume(run, actor, reason, also('sent'));
    if (!resumed.ok) return note(also('refused', resumed.message));
    this.#sent.add({ seq: run.seq, token, pipeline: run.pipeline });
    return true;
  }

  /** Live traffic first: a quarter of the places at most, none while the pipeline's own runs are kept waiting or it stands still. */
  #hasRoom(pipeline: string): boolean {
    const { board } = this.#engine;
    if (board.isKilled(pipeline) || board.pauseOf(pipeline) !== undefined) return false;
    if (lagMs(this.#engine, pipeline) > LIVE_LAG_MAX_MS) return false;
    const limit = this.#engine.dispatcher.limitOf(pipeline);
    return this.#sent.placesOf(pipeline, limit) < Math.max(1, Math.floor(limit / 4));
  }

  /** Read once: what a start says never changes. */
  #laneOf(token: string): ReplayLane {
    const known = this.#lanes.get(token);
    if (known !== undefined) return known;
    const lane = new ReplayLane(token, this.#queries.frozen.start(token), this.#clock.steady());
    this.#lanes.set(token, lane);
    return lane;
  }

  async #choose(filter: ReplayFilter): Promise<readonly RunRow[]> {
    if (filter.runIds !== undefined)
      return filter.runIds
        .slice(0, this.#engine.limits.replayRunsMax + 1)
        .flatMap((runId) => this.#queries.rowOf(runId) ?? []);
    if (filter.fingerprint === undefined && filter.queue === undefined && filter.failureClass === undefined)
      return this.#queries.oldestRows(filter, this.#engine.limits.replayRunsMax + 1);
    const { fingerprint: _, queue: __, failureClass: ___, ...rest } = filter;
    // Each is held against the rest of the filter by itself: how many runs that names by itself does not matter.
    const letters = this.#queries.work
      .deadLetters({ ...filter, limit: this.#engine.limits.replayRunsMax + 1 })
      .filter(({ runId }) => rest.runId === undefined || rest.runId === runId);
    const chosen: RunRow[] = [];
    for (const { runId } of letters) chosen.push(...(await this.#queries.oldestRows({ ...rest, runId }, 1)));
    return chosen;
  }

  #rows(sql: string, ...values: (string | number)[]): Record<string, unknown>[] {
    return this.#engine.read.of(sql).all(...values);
  }
}
