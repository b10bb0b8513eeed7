import { randomBytes } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import type { CallResult, Transport } from '@tenon/connector';
import { type Failure, type Json, type JsonObject, newId } from '@tenon/model';
import type { Plan } from '@tenon/pipeline';
import { type Cancellation, type Fact, type HeldCall, Suspension } from '../engine.ts';
import { type Caller, failureDetails } from '../interpreter/effect.ts';
import { interpret } from '../interpreter/interpret.ts';
import { saltedDigest } from '../interpreter/salted-digest.ts';
import { traceIdOf, traceparentFor } from '../interpreter/trace-context.ts';
import type { TreeHead } from '../ledger/checkpoint.ts';
import { type LoadedPlan, loadPlan } from '../loaded-plan.ts';
import type {
  AcceptedRun,
  AcceptResult,
  FlowReport,
  LedgerEntry,
  RunState,
  RuntimeLimits,
  RuntimeOptions,
} from '../runtime.ts';
import { terminalStates } from '../states.ts';
import {
  idOfTag,
  type Switch,
  SwitchBoard,
  type SwitchRequest,
  switchDetails,
  switchId,
  tagOf,
} from '../switches.ts';
import { textDigest } from './check-file.ts';
import { CommitFailed, CommitQueue, type Committer, type PendingGroup } from './commit-queue.ts';
import { Dispatcher } from './dispatcher.ts';
import { dueRuns, nextDue } from './due-runs.ts';
import { connectionFlow, DiskSpace, FlowCounts } from './flow.ts';
import { GuardMemory } from './guards.ts';
import { type Draft, draftsFor } from './intake.ts';
import { type LedgerSubject, LedgerWriter, type Noted, type TimedFact } from './ledger-rows.ts';
import { EmbeddedRun, type RunHost } from './run-context.ts';
import type { JournalRow, OpeningRow, RunRow } from './run-row.ts';
import { Statements, type Write } from './statements.ts';
import { Watchdog } from './watchdog.ts';

const LIMITS: RuntimeLimits = {
  activeMax: 512,
  backlogMax: 1_000_000,
  pipelineBacklogMax: 500_000,
  queueMax: 10_000,
  queueBytesMax: 64 * 1024 * 1024,
  diskFreeBytesMin: 256 * 1024 * 1024,
  deadLettersAlarm: 20,
  watchEveryMs: 10_000,
  replayRunsMax: 10_000,
};
/** How much longer than its operation's timeout a transport's call may take: a credential is fetched in it. */
const TIMEOUT_GRACE_MS = 15_000;
/** Held runs let go in one write: short, so that intake does not wait for it. */
const RELEASE_SLICE = 2_000;
/** Enough that nobody tries them all. */
const SALT_BYTES = 16;
/** Plans kept compiled. */
const PLANS_MAX = 256;

/** What is of no run in particular. */
const SYSTEM: LedgerSubject = { seq: 0, runId: '', pipeline: '', correlationId: '' };

export interface NewEvent {
  readonly event: string;
  readonly payload: Json;
  readonly deliveryId: string;
  readonly source: string;
  readonly traceparent?: string | undefined;
  /** Of the run that emitted it. */
  readonly correlationId?: string;
}

/**
 * The embedded engine: events become runs, runs are activated when due, everything goes through one commit queue.
 * What it keeps in memory is bounded: active runs, compiled plans, the writes on their way to the disk.
 */
export class EmbeddedEngine implements RunHost {
  readonly #options: RuntimeOptions;
  readonly limits: RuntimeLimits;
  readonly #reader: DatabaseSync;
  readonly #read: Statements;
  readonly #queue: CommitQueue;
  readonly #dispatcher: Dispatcher;
  readonly #plans = new Map<string, LoadedPlan>();
  readonly #active = new Map<string, LoadedPlan>();
  readonly #watchdog: Watchdog;
  readonly #transports = new Map<string, Transport>();
  readonly #runs = new Map<number, EmbeddedRun>();
  readonly board = new SwitchBoard();
  /** Keys and deliveries whose first event is on its way to the disk. */
  readonly #reserved = new Map<string, Promise<void>>();
  /**
   * Names of events that some run may wait for: all that a wait was ever written for, and those in the file at start.
   * Only a filter for looking at the lanes again: whether a run is woken is settled in the file, in the order of writes.
   */
  readonly #awaited: Set<string>;
  #nextEvent: number;
  #nextRun: number;
  readonly counts: FlowCounts;
  readonly #disk: DiskSpace;
  readonly #guards: GuardMemory;
  #bytesWaiting = 0;
  #failure: Error | undefined;
  isStopping = false;

  constructor(
    options: RuntimeOptions,
    reader: DatabaseSync,
    committer: Committer,
    /** Told of rows of the ledger that are on disk. */
    onRows: (count: number) => void,
  ) {
    this.#options = options;
    const backlogMax = options.limits?.backlogMax ?? LIMITS.backlogMax;
    this.limits = { ...LIMITS, pipelineBacklogMax: Math.ceil(backlogMax / 2), ...options.limits };
    this.#watchdog = new Watchdog(options.clock);
    this.#reader = reader;
    this.#read = new Statements(reader);
    const ledger = new LedgerWriter(
      this.#number(
        'SELECT coalesce(max(seq + count - 1), 0) AS n FROM (SELECT seq, count FROM ledger ORDER BY seq DESC LIMIT 1)',
      ),
    );
    this.#queue = new CommitQueue(
      committer,
      (noted) => ledger.rows(noted),
      (entries) => {
        if (entries.length > 0) onRows(1);
        this.#announce(entries);
      },
      (error) => {
        this.#failure = error;
        this.#dispatcher.stop();
      },
    );
    this.#nextEvent = this.#number('SELECT coalesce(max(seq), 0) AS n FROM events') + 1;
    this.#nextRun = this.#number('SELECT coalesce(max(seq), 0) AS n FROM runs') + 1;
    this.counts = new FlowCounts(this.#read);
    this.#disk = new DiskSpace(options);
    this.#guards = new GuardMemory(this, (delayMs, fire) => options.clock.setTimer(delayMs, fire));
    // Written by `setSwitch` alone.
    for (const row of this.#read.of('SELECT value FROM switches').all())
      this.board.set(JSON.parse(String(row['value'])) as Switch);
    const waits = this.#read.of('SELECT DISTINCT event FROM openings WHERE event IS NOT NULL').all();
    this.#awaited = new Set(waits.map((row) => String(row['event'])));
    for (const row of this.#read.of('SELECT plan_hash FROM pipelines').all()) {
      const loaded = this.plan(String(row['plan_hash']));
      this.#active.set(loaded.plan.pipeline, loaded);
    }
    this.#dispatcher = new Dispatcher({
      clock: options.clock,
      activeMax: this.limits.activeMax,
      due: (pipeline, now, limit) => dueRuns(this.#read, this.board, pipeline, now, limit),
      nextDue: (pipeline, now) => nextDue(this.#read, this.board, pipeline, now),
      carry: (seq) => this.#carry(seq),
      isQuiet: () => this.#queue.isIdle,
    });
  }

  /** Takes over what an earlier process left, and begins. */
  async start(): Promise<void> {
    for (const { plan } of this.#active.values())
      this.#dispatcher.setLimit(plan.pipeline, plan.limits.concurrency, plan.tier);
    await this.#queue.commit([['reclaim']]);
    const known = new Set(this.board.all.map(tagOf));
    // A switch lifted when the process died may have left runs behind. Not waited for: there may be a million.
    void this.#dispatcher
      .busy(async () => {
        await new Promise((resolve) => setImmediate(resolve));
        if (!this.isStopping) for (const tag of this.#heldBy()) if (!known.has(tag)) await this.#release(tag);
      })
      // A disk that fails stops the runtime elsewhere, and says so there.
      .catch(() => {});
    const pipelines = this.#read.of('SELECT DISTINCT pipeline FROM runs WHERE due_at IS NOT NULL').all();
    for (const row of pipelines) this.#dispatcher.touch(String(row['pipeline']), 0);
  }

  async stop(boundMs: number, last: () => Promise<void> | undefined): Promise<void> {
    this.isStopping = true;
    this.#dispatcher.stop();
    await this.#dispatcher.settled(boundMs);
    this.#watchdog.stop();
    if (this.#failure === undefined) await this.#guards.save().catch(() => {});
    await this.#queue.settled();
    await last();
    // The writer last: it may move what is in the WAL into the file and remove it, which a reader cannot.
    this.#reader.close();
    await this.#queue.close();
  }

  /** Leaves nothing of what was erased in the write-ahead log. */
  scrub(): Promise<void> {
    return this.#queue.scrub();
  }

  /** The ledger's tree over all that is stored. */
  head(): Promise<TreeHead> {
    return this.#queue.head();
  }

  get dispatcher(): Dispatcher {
    return this.#dispatcher;
  }

  get reader(): DatabaseSync {
    return this.#reader;
  }

  get read(): Statements {
    return this.#read;
  }

  get activePlans(): ReadonlyMap<string, LoadedPlan> {
    return this.#active;
  }

  now(): number {
    return this.#options.clock.now();
  }

  random(): number {
    return this.#options.random.next();
  }

  setTimer(delayMs: number, fire: () => void): () => void {
    return this.#options.clock.setTimer(delayMs, fire);
  }

  newId(): string {
    return newId(this.#options.clock, this.#options.random);
  }

  commit(writes: readonly Write[], noted: readonly Noted[]): Promise<void> {
    return this.#queue.commit(writes, noted);
  }

  open(writes: readonly Write[], noted: readonly Noted[]): PendingGroup {
    return this.#queue.open(writes, noted);
  }

  /** Facts of a run, which happened now unless they say otherwise. */
  noted(row: Pick<RunRow, 'seq' | 'run_id' | 'pipeline' | 'correlation_id'>, facts: readonly Fact[]): Noted {
    const subject: LedgerSubject = {
      seq: row.seq,
      runId: row.run_id,
      pipeline: row.pipeline,
      correlationId: row.correlation_id,
    };
    const now = this.now();
    return { subject, facts: facts.map((fact) => (isTimed(fact) ? fact : { ...fact, atMs: now })) };
  }

  awaits(event: string): void {
    this.#awaited.add(event);
  }

  /** A fact that belongs to no run. */
  system(fact: Fact): Noted {
    return { subject: SYSTEM, facts: [{ ...fact, atMs: this.now() }] };
  }

  /** For how long the run of a pipeline that is due first has been due. */
  lagMs(pipeline: string): number {
    const row = this.#read
      .of('SELECT min(due_at) AS at FROM runs WHERE pipeline = ? AND due_at IS NOT NULL')
      .get(pipeline);
    return row === undefined || row['at'] === null ? 0 : Math.max(0, this.now() - Number(row['at']));
  }

  lastEventSeq(): number {
    return this.#number('SELECT coalesce(max(seq), 0) AS n FROM events');
  }

  *eventsAfter(event: string, seq: number): Iterable<{ readonly seq: number; readonly payload: Json }> {
    for (let after = seq; ; ) {
      const rows = this.#read
        .of('SELECT seq, payload FROM events WHERE event = ? AND seq > ? ORDER BY seq LIMIT 100')
        .all(event, after);
      for (const row of rows) {
        after = Number(row['seq']);
        yield { seq: after, payload: JSON.parse(String(row['payload'])) };
      }
      if (rows.length < 100) return;
    }
  }

  /** A plan by its hash: compiled once, read from the file when it is not at hand. */
  plan(hash: string): LoadedPlan {
    const known = this.#plans.get(hash);
    if (known !== undefined) return known;
    const row = this.#read.of('SELECT plan FROM plans WHERE hash = ?').get(hash);
    if (row === undefined) throw new Error(`the plan ${hash} is not stored`);
    return this.#keep(loadPlan(JSON.parse(String(row['plan']))));
  }

  async activate(plan: Plan): Promise<void> {
    const loaded = this.#keep(this.#plans.get(plan.hash) ?? loadPlan(plan));
    this.#dispatcher.setLimit(plan.pipeline, plan.limits.concurrency, plan.tier);
    if (this.#active.get(plan.pipeline)?.plan.hash === plan.hash) return;
    const text = JSON.stringify(plan);
    // In the ledger with the digest of its text: what a run was carried out by can be shown for ever (C5, C24).
    const details: JsonObject = {
      pipeline: plan.pipeline,
      version: plan.version,
      plan: plan.hash,
      text: textDigest(text),
      contracts: plan.contracts.map(({ name, version, digest }) => ({ name, version, digest })),
    };
    await this.#queue.commit(
      [
        ['putPlan', plan.hash, plan.pipeline, plan.version, this.now(), text],
        ['activatePlan', plan.pipeline, plan.hash],
      ],
      [this.system({ kind: 'activated', details })],
    );
    this.#active.set(plan.pipeline, loaded);
  }

  async retire(pipeline: string): Promise<void> {
    await this.#queue.commit(
      [['retirePipeline', pipeline]],
      [this.system({ kind: 'retired', details: { pipeline } })],
    );
    this.#active.delete(pipeline);
  }

  isPaused(row: RunRow): boolean {
    return this.board.isPaused(row.pipeline, row.key, row.order_key);
  }

  holdersOf(pipeline: string, { connection, purpose }: HeldCall): readonly string[] {
    return this.board.holdersOf(pipeline, connection, purpose);
  }

  isSet(tag: string): boolean {
    const found = this.board.get(idOfTag(tag));
    return found !== undefined && tagOf(found) === tag;
  }

  closedUntil(connection: string | undefined): number | undefined {
    if (connection === undefined || this.#options.closedUntil === undefined) return undefined;
    return this.#options.closedUntil(connection);
  }

  /** In force at once, acknowledged when it is on disk. What it replaces holds nothing any more. */
  async setSwitch(request: SwitchRequest, actor: string, reason: string): Promise<Switch> {
    const id = switchId(request);
    const before = this.board.get(id);
    const now = this.now();
    const made: Switch = { ...request, id, actor, reason, sinceMs: now, revision: this.newId() };
    const fact: Fact = { kind: 'switch', details: { action: 'set', ...switchDetails(made) } };
    this.board.set(made);
    await this.#queue.commit(
      [['putSwitch', id, tagOf(made), JSON.stringify(made)], ...this.#unpaused(before)],
      [this.system(fact)],
    );
    if (before !== undefined) await this.#release(tagOf(before));
    this.#dispatcher.touchAll(now);
    return made;
  }

  /** `undefined` when there is no such switch. */
  async liftSwitch(id: string, actor: string, reason: string): Promise<Switch | undefined> {
    const before = this.board.get(id);
    if (before === undefined) return undefined;
    const details = { action: 'lift', id, actor, reason, heldMs: this.now() - before.sinceMs };
    this.board.delete(id);
    await this.#queue.commit(
      [['dropSwitch', id], ...this.#unpaused(before)],
      [this.system({ kind: 'switch', details })],
    );
    await this.#release(tagOf(before));
    this.#dispatcher.touchAll(this.now());
    return before;
  }

  #unpaused(before: Switch | undefined): Write[] {
    return before?.kind === 'pause' ? [['forgetPause', before.pipeline, this.now(), before.sinceMs]] : [];
  }

  /** Makes what one setting of a switch held due, in slices, oldest first. */
  async #release(tag: string): Promise<void> {
    // Strands that wait while others of their run work.
    for (const run of this.#runs.values()) for (const wake of run.watchers) wake();
    for (let after = 0; ; ) {
      const last = this.#read
        .of(
          'SELECT max(seq) AS last FROM (SELECT seq FROM runs WHERE held IS NOT NULL AND seq > ? ORDER BY seq LIMIT ?)',
        )
        .get(after, RELEASE_SLICE)?.['last'];
      if (typeof last !== 'number') return;
      await this.#queue.commit([['release', after, last, tag]]);
      this.#dispatcher.touchAll(this.now());
      after = last;
    }
  }

  #heldBy(): readonly string[] {
    return this.#read
      .of('SELECT DISTINCT value FROM runs, json_each(runs.held) WHERE held IS NOT NULL')
      .all()
      .map((row) => String(row['value']))
      .filter((tag) => tag !== idOfTag(tag));
  }

  /** Why no event can be taken at present, or `undefined`. */
  refusal(): Failure | undefined {
    const refuse = (code: string, message: string, retryAfterMs: number): Failure => ({
      class: 'transient',
      code,
      message,
      delivery: 'notSent',
      retryAfterMs,
    });
    if (this.#failure !== undefined) return refuse('RUNTIME_DISK_FAILED', this.#failure.message, 30_000);
    if (this.isStopping) return refuse('RUNTIME_STOPPING', 'the runtime is stopping', 5_000);
    const { backlog } = this.counts;
    if (backlog >= this.limits.backlogMax)
      return refuse('RUNTIME_BACKLOG_FULL', `${backlog} runs wait for their turn`, 10_000);
    if (this.#queue.depth >= this.limits.queueMax)
      return refuse('RUNTIME_DISK_BUSY', `${this.#queue.depth} writes wait for the disk`, 1_000);
    if (this.#bytesWaiting >= this.limits.queueBytesMax)
      return refuse('RUNTIME_DISK_BUSY', `${this.#bytesWaiting} bytes wait for the disk`, 1_000);
    const free = this.#disk.freeBytes(this.now());
    if (free < this.limits.diskFreeBytesMin)
      return refuse('RUNTIME_DISK_LOW', `${free} bytes are free on the disk of the runtime file`, 30_000);
    return undefined;
  }

  /** Why an event for these pipelines cannot be taken at present: each has its part of the backlog (C60). */
  refusalFor(drafts: readonly Draft[]): Failure | undefined {
    const max = this.limits.pipelineBacklogMax;
    const full = drafts.find(({ loaded }) => this.counts.backlogOf(loaded.plan.pipeline) >= max);
    if (full === undefined) return undefined;
    const { pipeline } = full.loaded.plan;
    return {
      class: 'rateLimited',
      code: 'PIPELINE_BACKLOG_FULL',
      message: `${this.counts.backlogOf(pipeline)} runs of ${pipeline} wait for their turn`,
      delivery: 'notSent',
      retryAfterMs: 10_000,
    };
  }

  flow(): FlowReport {
    const now = this.now();
    const refusal = this.refusal();
    return {
      atMs: now,
      intake: {
        ...(refusal !== undefined && { refusal }),
        backlog: this.counts.backlog,
        writesWaiting: this.#queue.depth,
        bytesWaiting: this.#bytesWaiting,
        refused: this.counts.refusals,
      },
      pipelines: [...this.#active.values()].map(({ plan: { pipeline, tier, limits } }) => ({
        pipeline,
        tier,
        backlog: this.counts.backlogOf(pipeline),
        lagMs: this.lagMs(pipeline),
        active: this.#dispatcher.activeOf(pipeline),
        concurrency: limits.concurrency,
        switches: this.board.all
          .filter((one) =>
            one.kind === 'kill'
              ? 'everything' in one.scope || ('pipeline' in one.scope && one.scope.pipeline === pipeline)
              : one.pipeline === pipeline,
          )
          .map(({ id }) => id),
      })),
      connections: [...this.#transports].map(([name, transport]) =>
        connectionFlow(name, transport, this.closedUntil(name)),
      ),
      counts: this.counts.counts,
      ...this.counts.stored(this.#read, now),
    };
  }

  /**
   * Stores an event, once, with the runs that it starts: one write, together with `also`. Resolves when it is on disk.
   */
  async admit(
    event: NewEvent,
    drafts: readonly Draft[],
    also: readonly Write[] = [],
    alsoNoted: readonly Noted[] = [],
  ): Promise<Extract<AcceptResult, { ok: true }>> {
    return this.#dispatcher.busy(async () => {
      const names = [
        `delivery\0${event.source}\0${event.deliveryId}`,
        ...drafts.map((draft) => `key\0${draft.loaded.plan.pipeline}\0${draft.key}`),
      ];
      const release = await this.#reserve(names);
      try {
        return await this.#admitReserved(event, drafts, also, alsoNoted);
      } finally {
        release();
      }
    });
  }

  async emit(
    run: RunRow,
    event: { readonly deliveryId: string; readonly event: string; readonly payload: Json },
    also: readonly Write[],
    noted: readonly Noted[],
  ): Promise<void> {
    const drafts = draftsFor(event.event, event.payload, event.deliveryId, this.#active);
    if (!drafts.ok)
      throw new Error(`a subscriber's contract refuses ${event.event}: ${drafts.failure.message}`);
    await this.admit(
      {
        ...event,
        source: `pipeline:${run.pipeline}`,
        traceparent: run.traceparent,
        correlationId: run.correlation_id,
      },
      drafts.drafts,
      also,
      noted,
    );
  }

  /** The disk has failed: nothing can be stored until a restart. */
  get isBroken(): boolean {
    return this.#failure !== undefined;
  }

  *atWork(): Iterable<{ readonly row: RunRow; readonly deadlineAtMs: number }> {
    for (const run of this.#runs.values()) yield { row: run.row, deadlineAtMs: run.deadlineAt() };
  }

  /** The run in memory, if it is at work now. */
  activeRun(seq: number): EmbeddedRun | undefined {
    return this.#runs.get(seq);
  }

  cancelActive(seq: number, cancellation: Cancellation): void {
    this.#runs.get(seq)?.cancel(cancellation);
  }

  async #admitReserved(
    event: NewEvent,
    drafts: readonly Draft[],
    also: readonly Write[],
    alsoNoted: readonly Noted[],
  ): Promise<Extract<AcceptResult, { ok: true }>> {
    const now = this.now();
    const isKnown = this.#isDelivered(event);
    const writes: Write[] = [...also];
    const noted: Noted[] = [...alsoNoted];
    const runs: AcceptedRun[] = [];
    const claimed: RunRow[] = [];
    const eventSeq = this.#nextEvent;
    if (!isKnown) {
      this.#nextEvent++;
      const { source, deliveryId, traceparent, payload } = event;
      writes.push(
        [
          'putEvent',
          eventSeq,
          source,
          deliveryId,
          event.event,
          now,
          traceparent ?? null,
          JSON.stringify(payload),
        ],
        ['wakeWaiting', now, event.event],
      );
    }
    const correlationId = event.correlationId ?? traceIdOf(event.traceparent) ?? this.newId();
    let started = 0;
    const flaggedOff: string[] = [];
    try {
      for (const draft of drafts) {
        const earlier = this.#runByKey(draft, now);
        if (earlier !== undefined) {
          const { source, deliveryId } = event;
          const details = { source, deliveryId, state: earlier.state, sameDelivery: isKnown };
          noted.push(this.noted(earlier, [{ kind: 'duplicate', details }]));
          runs.push({
            runId: earlier.run_id,
            pipeline: earlier.pipeline,
            key: draft.key,
            started: false,
            state: earlier.state,
          });
        } else if (!isKnown) {
          const flag = this.#flagAgainst(event, draft);
          if (flag !== undefined) {
            flaggedOff.push(draft.loaded.plan.pipeline);
            noted.push(this.system(flag));
            continue;
          }
          const run = this.#draftRun(event, draft, eventSeq, correlationId, now, writes, noted);
          if (run.claimed === 1) claimed.push(run);
          else {
            started++;
            this.counts.addBacklog(run.pipeline, 1);
          }
          runs.push({
            runId: run.run_id,
            pipeline: run.pipeline,
            key: draft.key,
            started: true,
            state: 'accepted',
          });
        }
      }
    } catch (error) {
      // Nobody will follow them: a place kept for nothing is missing until a restart.
      for (const run of claimed) this.#dispatcher.leave(run.pipeline, run.seq);
      throw error;
    }
    const group = this.#queue.open(writes, noted);
    for (const run of claimed)
      this.#dispatcher.follow(run.pipeline, run.seq, this.#activate(run, event.payload, [], [], group));
    const bytes = writes.reduce(
      (sum, write) => sum + (write[0] === 'putEvent' ? String(write[7]).length : 0),
      0,
    );
    this.#bytesWaiting += bytes;
    try {
      await group.durable;
    } finally {
      this.#bytesWaiting -= bytes;
    }
    if (started > 0) for (const run of runs) if (run.started) this.#dispatcher.touch(run.pipeline, now);
    if (!isKnown && this.#awaited.has(event.event)) this.#dispatcher.touchAll(now);
    return { ok: true, duplicateDelivery: isKnown, runs, ...(flaggedOff.length > 0 && { flaggedOff }) };
  }

  #flagAgainst(event: NewEvent, { loaded, key, orderKey }: Draft): Fact | undefined {
    const { pipeline } = loaded.plan;
    const name = event.event.startsWith('manual:') ? 'manual' : event.event;
    const flag = this.board.flagAgainst(pipeline, name, key, orderKey);
    if (flag === undefined) return undefined;
    const { source, deliveryId } = event;
    return {
      kind: 'flaggedOff',
      details: { pipeline, event: event.event, source, deliveryId, flag: flag.id, revision: flag.revision },
    };
  }

  #draftRun(
    event: NewEvent,
    { loaded, key, orderKey, failure }: Draft,
    eventSeq: number,
    correlationId: string,
    now: number,
    writes: Write[],
    noted: Noted[],
  ): RunRow {
    const { plan } = loaded;
    const runId = this.newId();
    const seq = this.#nextRun++;
    const traceparent =
      traceIdOf(event.traceparent) === undefined ? traceparentFor(correlationId) : event.traceparent!;
    // What may throw comes before a place is taken.
    const salt = randomBytes(SALT_BYTES).toString('base64url');
    const payload = saltedDigest(salt, event.payload);
    const begins =
      orderKey === undefined &&
      failure === undefined &&
      !this.board.keepsBack(plan.pipeline, key) &&
      this.#dispatcher.enter(plan.pipeline, seq);
    const row: RunRow = {
      seq,
      run_id: runId,
      pipeline: plan.pipeline,
      version: plan.version,
      plan_hash: plan.hash,
      key,
      order_key: orderKey ?? null,
      event_seq: eventSeq,
      correlation_id: correlationId,
      traceparent,
      owner: plan.owner.team,
      state: begins ? 'running' : 'accepted',
      step: null,
      accepted_at: now,
      updated_at: now,
      clock_from: begins ? now : null,
      paused_since: null,
      due_at: begins ? null : now,
      claimed: begins ? 1 : 0,
      behind: 0,
      intake_failure: failure === undefined ? null : JSON.stringify(failureDetails(failure)),
      failure: null,
      held: null,
      salt,
    };
    const facts: Fact[] = [
      {
        kind: 'accepted',
        details: {
          runId,
          pipeline: plan.pipeline,
          correlationId,
          event: event.event,
          source: event.source,
          deliveryId: event.deliveryId,
          payload,
          plan: plan.hash,
          version: plan.version,
          traceparent,
        },
      },
    ];
    if (begins) facts.push({ kind: 'state', details: { from: 'accepted', to: 'running' } });
    noted.push(this.noted(row, facts));
    writes.push(begins ? putClaimedRun(row) : putRun(row), [
      'putKey',
      plan.pipeline,
      key,
      seq,
      now + plan.identity.retainMs,
    ]);
    return row;
  }

  #isDelivered({ source, deliveryId }: NewEvent): boolean {
    const sql = 'SELECT seq FROM events WHERE source = ? AND delivery_id = ?';
    return this.#read.of(sql).get(source, deliveryId) !== undefined;
  }

  /** The run that a business key stands for, while the key is kept. */
  #runByKey(draft: Draft, now: number): RunRow | undefined {
    // Rows of `runs` have the shape of `RunRow`.
    const row = this.#read
      .of(
        'SELECT r.*, k.expires_at AS expires_at FROM keys k JOIN runs r ON r.seq = k.run_seq WHERE k.pipeline = ? AND k.key = ?',
      )
      .get(draft.loaded.plan.pipeline, draft.key) as unknown as (RunRow & { expires_at: number }) | undefined;
    if (row === undefined) return undefined;
    return row.expires_at > now || !terminalStates.has(row.state) ? row : undefined;
  }

  /** Waits until nobody else is storing under one of the names, then holds them. */
  async #reserve(names: readonly string[]): Promise<() => void> {
    for (;;) {
      const taken = names.map((name) => this.#reserved.get(name)).find((promise) => promise !== undefined);
      if (taken === undefined) break;
      await taken;
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    for (const name of names) this.#reserved.set(name, promise);
    return () => {
      for (const name of names) this.#reserved.delete(name);
      resolve();
    };
  }

  /** One activation of a run. Never rejects. */
  async #carry(seq: number): Promise<readonly (readonly [pipeline: string, atMs: number])[]> {
    // Rows of `runs` joined with its event; see `RunRow`.
    const row = this.#read
      .of('SELECT r.*, e.payload AS payload FROM runs r JOIN events e ON e.seq = r.event_seq WHERE r.seq = ?')
      .get(seq) as unknown as (RunRow & { payload: string }) | undefined;
    if (row === undefined) return [];
    if (row.state === 'accepted') this.counts.addBacklog(row.pipeline, -1);
    const due = await this.#activate(
      row,
      JSON.parse(row.payload),
      // Rows of `journal` and `openings` have these shapes.
      this.#read
        .of('SELECT key, at, value FROM journal WHERE run_seq = ?')
        .all(seq) as unknown as JournalRow[],
      this.#read.of('SELECT * FROM openings WHERE run_seq = ?').all(seq) as unknown as OpeningRow[],
    );
    // A pause caught it before it had begun: it waits for its turn again.
    if (row.state === 'accepted' && !this.board.isQuiet && this.#failure === undefined) {
      const state = this.#read.of('SELECT state FROM runs WHERE seq = ?').get(seq)?.['state'];
      if (state === 'accepted') this.counts.addBacklog(row.pipeline, 1);
    }
    return due;
  }

  /** `birth`: the group that stores a new run, where that is not on disk yet. */
  async #activate(
    row: RunRow,
    payload: Json,
    journal: readonly JournalRow[],
    openings: readonly OpeningRow[],
    birth?: PendingGroup,
  ): Promise<readonly (readonly [pipeline: string, atMs: number])[]> {
    const { seq } = row;
    let run: EmbeddedRun | undefined;
    let hasEnded = false;
    try {
      const loaded = this.plan(row.plan_hash);
      const { deadlineMs } = loaded.plan.limits;
      run = new EmbeddedRun(row, payload, journal, openings, deadlineMs, this, birth);
      this.#runs.set(seq, run);
      const end = await interpret(run.root, loaded, this.#call);
      await run.finish(end);
      hasEnded = true;
    } catch (error) {
      // A run that could not be stored is none: whoever sent its event was told so.
      if (await isStored(birth)) await this.#afterThrow(row, run, error);
    } finally {
      this.#runs.delete(seq);
    }
    const now = this.now();
    const due: [string, number][] = [];
    if (run?.dueAtMs !== undefined) due.push([row.pipeline, run.dueAtMs]);
    if (run?.freedOrder || (!hasEnded && this.#wasWoken(seq))) due.push([row.pipeline, now]);
    return due;
  }

  /** Was it woken (a decision, an event) while it was going to sleep? */
  #wasWoken(seq: number): boolean {
    if (this.#failure !== undefined) return false;
    return (
      this.#read.of('SELECT 1 FROM runs WHERE seq = ? AND due_at <= ?').get(seq, this.now()) !== undefined
    );
  }

  async #afterThrow(row: RunRow, run: EmbeddedRun | undefined, error: unknown): Promise<void> {
    if (error instanceof Suspension) {
      try {
        await run?.durable();
        return;
      } catch (cause) {
        return this.#afterThrow(row, run, cause);
      }
    }
    // The disk failed: nothing can be stored; what is stored is true, and a restart goes on from there.
    if (error instanceof CommitFailed || this.#failure !== undefined) return;
    await this.#parkBroken(row, error);
  }

  /** A broken invariant (of ours, or of a connector's code): the run is parked with its owner, the others go on. */
  async #parkBroken(row: RunRow, error: unknown): Promise<void> {
    const now = this.now();
    const failure = {
      class: 'permanent',
      code: 'RUN_INVARIANT_BROKEN',
      message: `an internal error stopped the run: ${error instanceof Error ? `${error.name}: ${error.message}` : 'thrown value'}`,
      delivery: 'notSent',
    };
    const state = String(
      this.#read.of('SELECT state FROM runs WHERE seq = ?').get(row.seq)?.['state'],
    ) as RunState;
    const detail: JsonObject = { queue: 'repair', settled: 'held', failure, attempts: 1 };
    const facts: Fact[] = [{ kind: 'deadLetter', step: row.step ?? 'run', details: detail }];
    const phase = state === 'inDoubt' ? 'running' : state;
    const step = row.step ?? 'run';
    try {
      await this.#queue.commit(
        [
          ['claim', row.seq, phase, now],
          [
            'putOpening',
            row.seq,
            `#broken/${now}`,
            'deadLetter',
            step,
            row.owner,
            now,
            null,
            null,
            null,
            JSON.stringify(detail),
          ],
          ['end', row.seq, 'failed', now, step, JSON.stringify({ ...failure, step })],
          ...(row.order_key === null ? [] : [['admitNext', row.pipeline, row.order_key, now] as const]),
        ],
        [this.noted(row, facts)],
      );
    } catch {
      // Refused as well: the run stays claimed, and the next start of the process tries it again.
    }
  }

  readonly #call: Caller = async (connection, request): Promise<CallResult | 'held'> => {
    const isCalledOff = (): boolean =>
      this.board.isHeld(request.origin.pipeline, connection, request.purpose);
    // Nothing is awaited between here and the transport: a switch that is set is kept from this moment on.
    if (isCalledOff()) return 'held';
    try {
      let transport = this.#transports.get(connection);
      if (transport === undefined) {
        transport = this.#options.transport(connection);
        this.#guards.remember(connection, transport);
        this.#transports.set(connection, transport);
      }
      const result = await this.#bounded(connection, request, transport.call({ ...request, isCalledOff }));
      this.#guards.changed();
      return !result.ok && result.calledOff ? 'held' : result;
    } catch (error) {
      // A transport's failures are values; one that throws all the same may have sent something.
      const reason = error instanceof Error ? error.name : 'thrown value';
      return {
        ok: false,
        failure: {
          class: 'unknown',
          code: 'TRANSPORT_CALL_THREW',
          message: `the transport of connection ${connection} threw (${reason})`,
          delivery: this.#transports.has(connection) ? 'lost' : 'notSent',
        },
      };
    }
  };

  /** A transport keeps its own timeouts; one that does not must not hold a run for ever (C57). */
  #bounded(
    connection: string,
    { operation }: Parameters<Caller>[1],
    call: Promise<CallResult>,
  ): Promise<CallResult> {
    return this.#watchdog.bound(call, operation.timeoutMs + TIMEOUT_GRACE_MS, () => ({
      ok: false,
      failure: {
        class: 'timeout',
        code: 'TRANSPORT_CALL_STUCK',
        message: `the transport of connection ${connection} did not answer within the operation's timeout`,
        delivery: 'lost',
      },
    }));
  }

  #keep(loaded: LoadedPlan): LoadedPlan {
    this.#plans.delete(loaded.plan.hash);
    this.#plans.set(loaded.plan.hash, loaded);
    if (this.#plans.size > PLANS_MAX) this.#plans.delete(this.#plans.keys().next().value!);
    return loaded;
  }

  #announce(entries: readonly LedgerEntry[]): void {
    for (const entry of entries) this.counts.entry(entry);
    const { onEntry } = this.#options;
    if (onEntry === undefined) return;
    try {
      for (const entry of entries) onEntry(entry);
    } catch (error) {
      // The promise not to throw was broken. What is on disk stays true; the bug surfaces outside of the commit.
      setImmediate(() => {
        throw error;
      });
    }
  }

  #number(sql: string): number {
    return Number(this.#read.of(sql).get()?.['n'] ?? 0);
  }
}

function isTimed(fact: Fact): fact is TimedFact {
  return fact.atMs !== undefined;
}

function putRun(row: RunRow): Write {
  return [
    'putRun',
    row.seq,
    row.run_id,
    row.pipeline,
    row.version,
    row.plan_hash,
    row.key,
    row.order_key,
    row.event_seq,
    row.correlation_id,
    row.traceparent,
    row.owner,
    row.accepted_at,
    row.intake_failure,
    row.salt,
  ];
}

function putClaimedRun(row: RunRow): Write {
  return [
    'putClaimedRun',
    row.seq,
    row.run_id,
    row.pipeline,
    row.version,
    row.plan_hash,
    row.key,
    row.event_seq,
    row.correlation_id,
    row.traceparent,
    row.owner,
    row.accepted_at,
    row.salt,
  ];
}

async function isStored(birth: PendingGroup | undefined): Promise<boolean> {
  return birth === undefined || birth.durable.then(() => true).catch(() => false);
}
