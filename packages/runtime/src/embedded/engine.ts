import type { DatabaseSync } from 'node:sqlite';
import { type Failure, type Json, type JsonObject, newId } from '@tenon/model';
import type { Plan, ReconciliationPlan } from '@tenon/pipeline';
import type { Cancellation, ChildEnd, Fact, HeldCall } from '../engine.ts';
import type { Caller } from '../interpreter/tries.ts';
import type { TreeHead } from '../ledger/checkpoint.ts';
import { type LoadedPlan, loadPlan } from '../loaded-plan.ts';
import type {
  ActionResult,
  Alarm,
  Answering,
  CheckpointFlow,
  Deployment,
  FlowReport,
  LedgerEntry,
  OutsideTrouble,
  RuntimeLimits,
  RuntimeOptions,
} from '../runtime.ts';
import { RuntimeError } from '../runtime-error.ts';
import { idOfTag, SwitchBoard, tagOf } from '../switches.ts';
import { Activations } from './activations.ts';
import { Admission } from './admission.ts';
import type { Chore, Scrub } from './apply-batch.ts';
import { Calls } from './calls.ts';
import { textDigest } from './check-file.ts';
import { type ChildLink, passOn, startChild, type Told, tellChild } from './children.ts';
import { CommitQueue, type Committer, type PendingGroup } from './commit-queue.ts';
import { DISK_FREE_BYTES_MIN, DiskSpace, refusalWith } from './disk-space.ts';
import { Dispatcher, type Limits } from './dispatcher.ts';
import { dueRuns, nextDue } from './due-runs.ts';
import { FlowCounts } from './flow.ts';
import type { Draft } from './intake.ts';
import { forLedger, systemForLedger } from './ledger-names.ts';
import { type LedgerSubject, LedgerWriter, type Noted, SYSTEM, type TimedFact } from './ledger-rows.ts';
import type { Names } from './names.ts';
import { PassedTime } from './passed-time.ts';
import type { EmbeddedRun, RunHost } from './run-context.ts';
import type { RunRow } from './run-row.ts';
import { StandingAlarms } from './standing-alarms.ts';
import { Statements, type Write } from './statements.ts';
import { StoredRows } from './stored-rows.ts';
import { SwitchKeeper } from './switch-keeper.ts';
import type { ValueCodec } from './value-codec.ts';

const LIMITS: RuntimeLimits = {
  activeMax: 512,
  backlogMax: 1_000_000,
  pipelineBacklogMax: 500_000,
  queueMax: 10_000,
  queueBytesMax: 64 * 1024 * 1024,
  diskFreeBytesMin: DISK_FREE_BYTES_MIN,
  deadLettersAlarm: 20,
  watchEveryMs: 10_000,
  replayRunsMax: 10_000,
  writtenAnewBytesMax: 2 ** 30,
};
/** Plans kept compiled. */
const PLANS_MAX = 256;

/**
 * The embedded engine: events become runs, runs are activated when due, everything goes through one commit queue.
 * What it keeps in memory is bounded: active runs, compiled plans, the writes on their way to the disk.
 */
export class EmbeddedEngine implements RunHost {
  readonly #options: RuntimeOptions;
  readonly limits: RuntimeLimits;
  readonly #reader: DatabaseSync;
  readonly #read: Statements;
  readonly rows: StoredRows;
  readonly #queue: CommitQueue;
  readonly #dispatcher: Dispatcher;
  readonly #plans = new Map<string, LoadedPlan>();
  /** What was activated last of each pipeline. */
  readonly #deployed = new Map<string, LoadedPlan>();
  /** The same, but for those that somebody has rolled back. */
  readonly #active = new Map<string, LoadedPlan>();
  readonly board = new SwitchBoard();
  readonly counts: FlowCounts;
  readonly #disk: DiskSpace;
  readonly #calls: Calls;
  readonly admission: Admission;
  readonly #time: PassedTime;
  readonly activations: Activations;
  readonly switches: SwitchKeeper;
  /** Words of people that cancel a run and are on their way to the disk, by its number. */
  readonly #cancelling = new Map<number, number>();
  readonly alarms: StandingAlarms = new StandingAlarms(this);
  #failure: Error | undefined;
  isStopping = false;
  /** Put in once it is made: what it compares is part of the flow. */
  reconciliations:
    | {
        flow(): FlowReport['reconciliations'];
        alarms(): readonly Alarm[];
        active(name: string): ReconciliationPlan | undefined;
      }
    | undefined;

  /** Put in once it is made, where the ledger is signed. */
  checkpoints: { flow(): CheckpointFlow } | undefined;

  constructor(
    options: RuntimeOptions,
    reader: DatabaseSync,
    committer: Committer,
    /** Told of rows of the ledger that are on disk. */
    onRows: (count: number) => void,
    codec: ValueCodec,
    names: Names,
  ) {
    this.#options = options;
    const backlogMax = options.limits?.backlogMax ?? LIMITS.backlogMax;
    this.limits = { ...LIMITS, pipelineBacklogMax: Math.ceil(backlogMax / 2), ...options.limits };
    this.#reader = reader;
    this.#read = new Statements(reader);
    this.rows = new StoredRows(this.#read, codec, names);
    const ledger = new LedgerWriter(
      this.number(
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
      () => this.admission.storeArrived(),
    );
    this.counts = new FlowCounts(this.#read);
    this.#disk = new DiskSpace(options);
    this.switches = new SwitchKeeper(this);
    this.admission = new Admission(this);
    this.#time = new PassedTime(
      options.clock,
      this.#read,
      () => this.admission.lastRun,
      (backMs, write) => {
        const told = this.system({ kind: 'clock', details: { setBackMs: backMs } });
        // A disk that fails stops the runtime elsewhere, and says so there.
        this.#queue.commit([write], [told]).catch(() => {});
      },
    );
    this.#calls = new Calls(this, options);
    this.activations = new Activations(this, (run) => this.#calls.callerFor(run));
    for (const row of this.#read.of('SELECT plan_hash FROM pipelines').all()) {
      const loaded = this.plan(String(row['plan_hash']));
      this.#deployed.set(loaded.plan.pipeline, loaded);
      this.#active.set(loaded.plan.pipeline, this.#inForce(loaded));
    }
    this.#dispatcher = new Dispatcher({
      clock: options.clock,
      activeMax: this.limits.activeMax,
      limitsOf: (pipeline) => this.#limitsOf(this.lastPlan(pipeline)),
      due: (pipeline, now, limit) => dueRuns(this.rows, this.board, pipeline, now, limit),
      nextDue: (pipeline, now) => nextDue(this.rows, this.board, pipeline, now),
      carry: (seq) => this.activations.carry(seq),
      unreadable: (pipeline, cause) =>
        options.onProblem?.(
          `runs of ${pipeline} cannot be read and are tried again: ${cause instanceof Error ? cause.message : cause}`,
          'RUNTIME_RUNS_UNREADABLE',
        ),
    });
  }

  /** Takes over what an earlier process left, and begins. */
  async start(): Promise<void> {
    this.#time.begin();
    for (const pipeline of this.#active.keys()) this.arrange(pipeline);
    await this.#queue.commit([['reclaim']]);
    const { killed } = this.#options;
    if (killed !== undefined)
      await this.switches.set(
        { kind: 'kill', scope: { everything: true }, sparesCompensation: false },
        killed.actor,
        killed.reason,
      );
    this.admission.known.begin();
    // Not waited for: there may be a million.
    void this.#dispatcher
      .busy(async () => {
        await new Promise((resolve) => setImmediate(resolve));
        if (!this.isStopping) await this.switches.releaseForgotten();
      })
      // A disk that fails stops the runtime elsewhere, and says so there.
      .catch(() => {});
    // By their plans: what is read before the first run goes on must not grow with the backlog.
    const pipelines = this.#read.of('SELECT DISTINCT pipeline FROM plans').all();
    for (const row of pipelines) this.#dispatcher.touch(String(row['pipeline']), 0);
  }

  async stop(boundMs: number, last: () => Promise<void> | undefined): Promise<void> {
    this.isStopping = true;
    this.admission.known.stop();
    this.now();
    this.#dispatcher.stop();
    await this.#dispatcher.settled(boundMs);
    this.#calls.stop();
    if (this.#failure === undefined) {
      await this.#calls.saveGuards().catch(() => {});
      await this.#calls.secrets.save().catch(() => {});
    }
    await this.#queue.settled();
    await last();
    // The writer last: it may move what is in the WAL into the file and remove it, which a reader cannot.
    this.#reader.close();
    await this.#queue.close();
  }

  /** Does a chore on the file to its end, a slice at a time; rejects with `RUNTIME_CHORE_UNFINISHED`. */
  async tend(chore: Chore): Promise<void> {
    for (let left = 1; left > 0 && !this.isStopping && this.#failure === undefined; ) {
      left = await this.#queue.tend(chore).catch((cause: unknown) => unfinished(chore, cause));
      if (chore === 'shred') this.rows.codec.forget();
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** Takes out what was overwritten; rejects with `RUNTIME_CHORE_UNFINISHED`. */
  scrub(how: Scrub): Promise<void> {
    return this.#queue.scrub(how).catch((cause: unknown) => unfinished('scrub', cause));
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
    return this.#time.now();
  }

  passed(): number {
    return this.#time.passed();
  }

  sinceMs(passedMs: number): number {
    return this.#time.sinceMs(passedMs);
  }

  isSetBackSince(passedMs: number): boolean {
    return this.#time.isSetBackSince(passedMs);
  }

  acceptedAt(row: RunRow): number {
    return this.#time.acceptedAt(row);
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

  commit(writes: readonly Write[], noted: readonly Noted[] = []): Promise<void> {
    return this.#queue.commit(writes, noted);
  }

  /** Events have come: they are handed over before the loop turns. */
  gather(): void {
    this.#queue.soon();
  }

  open(writes: readonly Write[], noted: readonly Noted[]): PendingGroup {
    return this.#queue.open(writes, noted);
  }

  /** Facts of a run, which happened now unless they say otherwise. */
  noted(
    row: Pick<RunRow, 'seq' | 'run_id' | 'pipeline' | 'correlation_id' | 'salt'>,
    facts: readonly Fact[],
  ): Noted {
    const subject: LedgerSubject = {
      seq: row.seq,
      runId: row.run_id,
      pipeline: row.pipeline,
      correlationId: row.correlation_id,
    };
    const now = this.now();
    return {
      subject,
      facts: facts.map((fact): TimedFact => {
        const kept = forLedger(fact, row.salt, this.rows.names);
        return isTimed(kept) ? kept : { ...kept, atMs: now };
      }),
    };
  }

  awaits(event: string): void {
    this.admission.awaits(event);
  }

  /** A fact that belongs to no run. */
  system(fact: Fact): Noted {
    return { subject: SYSTEM, facts: [{ ...systemForLedger(fact, this.rows.names), atMs: this.now() }] };
  }

  /** For how long the run of a pipeline that is due first has been due. */
  lagMs(pipeline: string): number {
    const row = this.#read
      .of('SELECT min(due_at) AS at FROM runs WHERE pipeline = ? AND due_at IS NOT NULL')
      .get(pipeline);
    return row === undefined || row['at'] === null ? 0 : Math.max(0, this.now() - Number(row['at']));
  }

  lastEventSeq(): number {
    return this.number('SELECT coalesce(max(seq), 0) AS n FROM events');
  }

  *eventsAfter(event: string, seq: number): Iterable<{ readonly seq: number; readonly payload: Json }> {
    for (let after = seq; ; ) {
      const rows = this.#read
        .of('SELECT seq, payload FROM events WHERE event = ? AND seq > ? ORDER BY seq LIMIT 100')
        .all(event, after);
      for (const row of rows) {
        after = Number(row['seq']);
        yield { seq: after, payload: this.rows.codec.json(row['payload'], `events/${after}`) };
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

  /** `undefined` for a plan that was never activated here. */
  knownPlan(hash: string): LoadedPlan | undefined {
    const isStored = () => this.#read.of('SELECT 1 FROM plans WHERE hash = ?').get(hash) !== undefined;
    return this.#plans.has(hash) || isStored() ? this.plan(hash) : undefined;
  }

  deployedPlan(pipeline: string): Plan | undefined {
    return this.#deployed.get(pipeline)?.plan;
  }

  /** The plan in force of a pipeline, or of one that was retired the last that was stored: its runs still have limits and an owner. */
  lastPlan(pipeline: string): Plan {
    const active = this.#active.get(pipeline);
    if (active !== undefined) return active.plan;
    const row = this.#read
      .of('SELECT hash FROM plans WHERE pipeline = ? ORDER BY stored_at DESC LIMIT 1')
      .get(pipeline);
    if (row === undefined) throw new Error(`no plan of ${pipeline} is stored`);
    return this.plan(String(row['hash'])).plan;
  }

  async activate(plan: Plan, deployment?: () => Promise<Deployment>): Promise<void> {
    const loaded = this.#keep(this.#plans.get(plan.hash) ?? loadPlan(plan));
    if (this.#deployed.get(plan.pipeline)?.plan.hash !== plan.hash)
      await this.#deploy(loaded, await deployment?.());
    this.arrange(plan.pipeline);
    const back = this.board.rollbackOf(plan.pipeline);
    if (back === undefined || back.planHash === plan.hash) return;
    this.#options.onProblem?.(
      `version ${plan.version} of ${plan.pipeline} is deployed and not in force: what comes starts version ${back.version}, to which ${back.actor} went back on ${new Date(back.sinceMs).toISOString()} (${back.reason}); \`tenon switches lift ${back.id} --reason …\` puts version ${plan.version} in force`,
      'PIPELINE_ROLLED_BACK',
    );
  }

  async #deploy(loaded: LoadedPlan, from: Deployment | undefined): Promise<void> {
    const { plan } = loaded;
    const text = JSON.stringify(plan);
    // In the ledger with the digest of its text: what a run was carried out by can be shown for ever (C5, C24).
    const details: JsonObject = {
      pipeline: plan.pipeline,
      version: plan.version,
      plan: plan.hash,
      text: textDigest(text),
      contracts: plan.contracts.map(({ name, version, digest }) => ({ name, version, digest })),
      ...from,
    };
    await this.#queue.commit(
      [
        ['putPlan', plan.hash, plan.pipeline, plan.version, this.now(), text],
        ['activatePlan', plan.pipeline, plan.hash],
      ],
      [this.system({ kind: 'activated', details })],
    );
    this.#deployed.set(plan.pipeline, loaded);
  }

  async retire(pipeline: string, deployment?: () => Promise<Deployment>): Promise<void> {
    const from = await deployment?.();
    await this.#queue.commit(
      [['retirePipeline', pipeline]],
      [this.system({ kind: 'retired', details: { pipeline, ...from } })],
    );
    this.#deployed.delete(pipeline);
    this.arrange(pipeline);
  }

  /** Something has changed that says with which plan a pipeline goes on, and on how many places. */
  arrange(pipeline: string): void {
    const deployed = this.#deployed.get(pipeline);
    if (deployed === undefined) this.#active.delete(pipeline);
    else this.#active.set(pipeline, this.#inForce(deployed));
    const { concurrency, tier } = this.#limitsOf(this.lastPlan(pipeline));
    this.#dispatcher.setLimit(pipeline, concurrency, tier);
  }

  #inForce(deployed: LoadedPlan): LoadedPlan {
    const back = this.board.rollbackOf(deployed.plan.pipeline);
    return back === undefined ? deployed : this.plan(back.planHash);
  }

  #limitsOf({ pipeline, limits, tier }: Plan): Limits {
    return { concurrency: this.board.scaleOf(pipeline)?.concurrency ?? limits.concurrency, tier };
  }

  isPaused(row: RunRow): boolean {
    return this.board.isPaused(row.pipeline, row.key, row.order_key);
  }

  holdersOf(pipelines: readonly string[], { connection, purpose }: HeldCall): readonly string[] {
    return this.board.holdersOf(pipelines, connection, purpose);
  }

  isSet(tag: string): boolean {
    const found = this.board.get(idOfTag(tag));
    return found !== undefined && tagOf(found) === tag;
  }

  closedUntil(connection: string | undefined): number | undefined {
    if (connection === undefined || this.#options.closedUntil === undefined) return undefined;
    return this.#options.closedUntil(connection);
  }

  /** Writes and events that wait for the disk. */
  get writesWaiting(): number {
    return this.#queue.depth + this.admission.arriving;
  }

  /** Who answers for what no pipeline owns. */
  get owner(): Answering | undefined {
    return this.#options.owner;
  }

  /** What is wrong outside at this moment. */
  outside(): readonly OutsideTrouble[] {
    return this.#options.outside?.(this.alarms.flow()) ?? [];
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
    if (this.writesWaiting >= this.limits.queueMax)
      return refuse('RUNTIME_DISK_BUSY', `${this.writesWaiting} writes wait for the disk`, 1_000);
    if (this.admission.bytesWaiting >= this.limits.queueBytesMax)
      return refuse('RUNTIME_DISK_BUSY', `${this.admission.bytesWaiting} bytes wait for the disk`, 1_000);
    return this.diskRefusal();
  }

  /** Alone: no run is counted for it. */
  diskRefusal(): Failure | undefined {
    return refusalWith(this.#disk.freeBytes(this.now()), this.limits.diskFreeBytesMin);
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
      alarms: this.alarms.flow(),
      ...(this.checkpoints !== undefined && { checkpoints: this.checkpoints.flow() }),
      intake: {
        ...(refusal !== undefined && { refusal }),
        backlog: this.counts.backlog,
        writesWaiting: this.writesWaiting,
        bytesWaiting: this.admission.bytesWaiting,
        refused: this.counts.refusals,
      },
      pipelines: this.#shownPlans().map((plan) => {
        const { pipeline, version, tier } = plan;
        return {
          pipeline,
          version,
          ...(!this.#active.has(pipeline) && { isRetired: true }),
          tier,
          backlog: this.counts.backlogOf(pipeline),
          lagMs: this.lagMs(pipeline),
          active: this.#dispatcher.activeOf(pipeline),
          concurrency: this.#limitsOf(plan).concurrency,
          switches: this.board.all
            .filter((one) =>
              one.kind === 'kill'
                ? 'everything' in one.scope || ('pipeline' in one.scope && one.scope.pipeline === pipeline)
                : one.pipeline === pipeline,
            )
            .map(({ id }) => id),
        };
      }),
      connections: this.#calls.flow(),
      reconciliations: this.reconciliations?.flow() ?? [],
      counts: this.counts.counts,
      ...this.counts.stored(this.#read, now),
    };
  }

  /** Those in force, and of pipelines that were retired those that have something to do yet. */
  #shownPlans(): readonly Plan[] {
    const left = [...this.counts.backlogged(), ...this.#dispatcher.atWork()];
    const retired = new Set(left.filter((pipeline) => !this.#active.has(pipeline)));
    return [
      ...[...this.#active.values()].map(({ plan }) => plan),
      ...[...retired].map((pipeline) => this.lastPlan(pipeline)),
    ];
  }

  /** Makes one call that is of no run: a read of a reconciliation. */
  get call(): Caller {
    return this.#calls.callerFor(undefined);
  }

  emit(...emission: Parameters<RunHost['emit']>): Promise<void> {
    return this.admission.emit(...emission);
  }

  /** The disk has failed: nothing can be stored until a restart. */
  get isBroken(): boolean {
    return this.#failure !== undefined;
  }

  *atWork(): Iterable<{ readonly row: RunRow; readonly deadlineAtMs: number }> {
    for (const run of this.activations.runs.values()) yield { row: run.row, deadlineAtMs: run.deadlineAt() };
  }

  /** The run in memory, if it is at work now. */
  activeRun(seq: number): EmbeddedRun | undefined {
    return this.activations.runs.get(seq);
  }

  startChild(run: EmbeddedRun, ...how: ChildStarting): ReturnType<typeof startChild> {
    return startChild(this, run, ...how);
  }

  tellChild(run: EmbeddedRun, ...what: ChildTelling): Promise<Told> {
    return tellChild(this, run, ...what);
  }

  passOn(link: ChildLink, end: ChildEnd): void {
    passOn(this, link, end);
  }

  /** Stores that a person cancels a run, by `word`. Until it is known whether that was taken, the run does not succeed. */
  async cancel(seq: number, by: Cancellation, word: () => Promise<ActionResult>): Promise<ActionResult> {
    const words = (this.#cancelling.get(seq) ?? 0) + 1;
    this.#cancelling.set(seq, words);
    try {
      const told = await word();
      if (told.ok) this.cancelActive(seq, by);
      return told;
    } finally {
      const left = this.#cancelling.get(seq)! - 1;
      if (left > 0) this.#cancelling.set(seq, left);
      else this.#cancelling.delete(seq);
    }
  }

  isBeingCancelled(seq: number): boolean {
    return this.#cancelling.has(seq);
  }

  cancelActive(seq: number, cancellation: Cancellation): void {
    this.activations.runs.get(seq)?.cancel(cancellation);
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

  /** What `n` is in the one row that a query gives. */
  number(sql: string): number {
    return Number(this.#read.of(sql).get()?.['n'] ?? 0);
  }
}

/** What a run and its strands say, without the engine. */
export type ChildStarting = Tail<Parameters<typeof startChild>>;
export type ChildTelling = Tail<Parameters<typeof tellChild>>;
type Tail<T> = T extends [EmbeddedEngine, EmbeddedRun, ...infer Rest] ? Rest : never;

function isTimed(fact: Fact): fact is TimedFact {
  return fact.atMs !== undefined;
}

const CHORES: Readonly<Record<Chore | 'scrub', string>> = {
  shred: 'data keys are still to be destroyed',
  rewrap: 'data keys are still to be wrapped anew',
  nameLanes: 'order keys are still to be hidden',
  sealOlder: 'data from before encryption is still to be encrypted',
  emptyWal: 'the write-ahead log is still to be moved into the file',
  scrub: 'what was overwritten is still to be taken out of the file and its write-ahead log',
};

function unfinished(chore: Chore | 'scrub', cause: unknown): never {
  const because = cause instanceof Error ? cause.message : String(cause);
  throw new RuntimeError('RUNTIME_CHORE_UNFINISHED', `${CHORES[chore]}: ${because}`, { cause });
}
