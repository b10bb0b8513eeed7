import type { DatabaseSync } from 'node:sqlite';
import { newId } from '@tenon/model';
import type { ReconciliationPlan } from '@tenon/pipeline';
import type { Cancellation, ChildEnd, Fact, HeldCall } from '../engine.ts';
import type { Caller } from '../interpreter/tries.ts';
import type { TreeHead } from '../ledger/checkpoint.ts';
import type { ProblemCode } from '../problem-rules.ts';
import type {
  ActionResult,
  Alarm,
  Answering,
  CheckpointFlow,
  CredentialPort,
  FlowReport,
  LedgerEntry,
  OutsideTrouble,
  RuntimeLimits,
  RuntimeOptions,
} from '../runtime.ts';
import { RuntimeError } from '../runtime-error.ts';
import { idOfTag, SwitchBoard, tagOf } from '../switches.ts';
import type { Chore, Scrub } from './commit/apply-batch.ts';
import { CommitQueue, type Committer, type PendingGroup } from './commit/commit-queue.ts';
import { FlowCounts } from './control/flow.ts';
import { PassedTime } from './control/passed-time.ts';
import { StandingAlarms } from './control/standing-alarms.ts';
import { SwitchKeeper } from './control/switch-keeper.ts';
import { DrillBook } from './drills/drill-book.ts';
import { ConnectionParts } from './file/connection-parts.ts';
import { DISK_FREE_BYTES_MIN, DiskSpace } from './file/disk-space.ts';
import { forLedger, systemForLedger } from './file/ledger-names.ts';
import { LedgerWriter, type Noted, SYSTEM, subjectOf, type TimedFact } from './file/ledger-rows.ts';
import type { Names } from './file/names.ts';
import { KEEP_PAYLOADS_MS } from './file/retention.ts';
import type { RunRow } from './file/run-row.ts';
import { Statements, type Write } from './file/statements.ts';
import { type CameIn, StoredRows } from './file/stored-rows.ts';
import type { ValueCodec } from './file/value-codec.ts';
import { Admission } from './intake/admission.ts';
import { nextTurn } from './next-turn.ts';
import { InForce } from './plans/in-force.ts';
import { OpenPlans } from './plans/open-plans.ts';
import { Plans } from './plans/plans.ts';
import { Activations } from './work/activations.ts';
import { Calls } from './work/calls.ts';
import { type ChildLink, passOn, startChild, type Told, tellChild } from './work/children.ts';
import { Dispatcher } from './work/dispatcher.ts';
import { dueRuns, nextDue } from './work/due-runs.ts';
import type { EmbeddedRun } from './work/run-context.ts';
import type { RunHost } from './work/run-host.ts';

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
  readonly plans: Plans;
  readonly inForce: InForce;
  readonly board = new SwitchBoard();
  readonly counts: FlowCounts;
  readonly disk: DiskSpace;
  /** How long data of what has ended is kept, and what dry runs were asked for. */
  readonly keepPayloadsMs: number;
  readonly calls: Calls;
  readonly admission: Admission;
  readonly connectionParts = new ConnectionParts();
  readonly #time: PassedTime;
  readonly activations: Activations;
  readonly switches: SwitchKeeper;
  /** Words of people that cancel a run and are on their way to the disk, by its number. */
  readonly #cancelling = new Map<number, number>();
  readonly alarms: StandingAlarms = new StandingAlarms(this);
  readonly drills: DrillBook = new DrillBook(this);
  /** Why nothing can be stored until a restart. */
  failure: Error | undefined;
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
        this.failure = error;
        this.#dispatcher.stop();
      },
      () => this.admission.storeArrived(),
    );
    this.counts = new FlowCounts(this.#read);
    this.disk = new DiskSpace(options);
    this.keepPayloadsMs = options.keepPayloadsMs ?? KEEP_PAYLOADS_MS;
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
    this.calls = new Calls(this, options);
    this.activations = new Activations(this, (run) => this.calls.callerFor(run));
    this.plans = new Plans(this, options);
    this.inForce = new InForce(
      this.plans,
      this.#read,
      new OpenPlans(this.#read, {
        clock: options.clock,
        isStopping: () => this.isStopping,
        busy: (work) => this.#dispatcher.busy(work),
      }),
      options.clock,
    );
    this.#dispatcher = new Dispatcher({
      clock: options.clock,
      activeMax: this.limits.activeMax,
      limitsOf: (pipeline) => this.plans.limitsOf(this.plans.last(pipeline)),
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
    for (const pipeline of this.plans.active.keys()) this.plans.arrange(pipeline);
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
        await nextTurn();
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
    this.calls.stop();
    if (this.failure === undefined) {
      await this.calls.saveGuards().catch(() => {});
      await this.calls.secrets.save().catch(() => {});
    }
    await this.#queue.settled();
    await last();
    // The writer last: it may move what is in the WAL into the file and remove it, which a reader cannot.
    this.#reader.close();
    await this.#queue.close();
  }

  /** Does a chore on the file to its end, a slice at a time; rejects with `RUNTIME_CHORE_UNFINISHED`. */
  async tend(chore: Chore): Promise<void> {
    for (let left = 1; left > 0 && !this.isStopping && this.failure === undefined; ) {
      left = await this.#queue.tend(chore).catch((cause: unknown) => unfinished(chore, cause));
      if (chore === 'shred') this.rows.codec.forget();
      await nextTurn();
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
    const now = this.now();
    return {
      subject: subjectOf(row),
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

  lastEventSeq(): number {
    return this.number('SELECT coalesce(max(seq), 0) AS n FROM events');
  }

  *eventsAfter(event: string, seq: number): Iterable<CameIn & { readonly seq: number }> {
    for (let after = seq; ; ) {
      const rows = this.#read
        .of('SELECT seq, payload, source FROM events WHERE event = ? AND seq > ? ORDER BY seq LIMIT 100')
        .all(event, after);
      for (const row of rows) {
        after = Number(row['seq']);
        const payload = this.rows.codec.json(row['payload'], `events/${after}`);
        yield { seq: after, payload, source: String(row['source']) };
      }
      if (rows.length < 100) return;
    }
  }

  isPaused(row: RunRow): boolean {
    return this.board.isPaused(row.pipeline, row.key, row.order_key);
  }

  holdersOf(pipelines: readonly string[], call: HeldCall): readonly string[] {
    return this.board.holdersOf(pipelines, call);
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

  /** Tells what needs an operator. */
  problem(code: ProblemCode, message: string): void {
    this.#options.onProblem?.(message, code);
  }

  /** Who answers for what no pipeline owns. */
  get owner(): Answering | undefined {
    return this.#options.owner;
  }

  /** All that are configured, by name their connector. */
  get connections(): Readonly<Record<string, string>> {
    return this.#options.connections ?? {};
  }

  credentialOf(connection: string): CredentialPort | undefined {
    return this.#options.credentialOf?.(connection);
  }

  get hasCredential(): (connection: string) => boolean {
    return this.#options.hasCredential ?? (() => false);
  }

  /** What is wrong outside at this moment. */
  outside(): readonly OutsideTrouble[] {
    return this.#options.outside?.(this.alarms.flow()) ?? [];
  }

  /** Makes one call that is of no run: a read of a reconciliation. */
  get call(): Caller {
    return this.calls.callerFor(undefined);
  }

  emit(...emission: Parameters<RunHost['emit']>): Promise<void> {
    return this.admission.emit(...emission);
  }

  /** The disk has failed: nothing can be stored until a restart. */
  get isBroken(): boolean {
    return this.failure !== undefined;
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
  fillConnections: 'runs from before are still to be found by their connection',
  emptyWal: 'the write-ahead log is still to be moved into the file',
  scrub: 'what was overwritten is still to be taken out of the file and its write-ahead log',
};

function unfinished(chore: Chore | 'scrub', cause: unknown): never {
  const because = cause instanceof Error ? cause.message : String(cause);
  throw new RuntimeError('RUNTIME_CHORE_UNFINISHED', `${CHORES[chore]}: ${because}`, { cause });
}
