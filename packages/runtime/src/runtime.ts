import type { Transport } from '@tenon/connector';
import type { Clock, Failure, Json, JsonObject, Random } from '@tenon/model';
import type { Plan, ReconciliationPlan } from '@tenon/pipeline';
import type { EncryptionOptions } from './embedded/data-keys.ts';
import type { CheckpointOptions } from './ledger/checkpoint-keeper.ts';
import type { LedgerExport } from './ledger/export-ledger.ts';
import type { LedgerReport, VerifyOptions } from './ledger/verify-ledger.ts';
import type { SecretAudit, SecretUser } from './secret-audit.ts';
import type { Switch, SwitchRequest } from './switches.ts';

/** Terminal: `succeeded compensated failed cancelled`. Parked with an owner: `inDoubt`, and `failed` with an open dead letter. */
export type RunState =
  | 'accepted'
  | 'running'
  | 'waiting'
  | 'inDoubt'
  | 'compensating'
  | 'succeeded'
  | 'compensated'
  | 'failed'
  | 'cancelled';

export interface RuntimeOptions {
  /** SQLite file of the embedded engine; its folder is made when missing. */
  readonly file: string;
  readonly clock: Clock;
  readonly random: Random;
  /** The transport of a connection, made once by the composition root. */
  transport(connection: string): Transport;
  /** Until when a connection is closed (a maintenance window, epoch ms), or `undefined`: calls over it are held. */
  readonly closedUntil?: (connection: string) => number | undefined;
  /** Where the account behind a connection is, where that is said: personal data bound to another region is not sent. */
  readonly regionOf?: (connection: string) => string | undefined;
  /** Free bytes of the disk that the file is on; default: as the system says. */
  readonly diskFreeBytes?: () => number;
  readonly limits?: Partial<RuntimeLimits>;
  /**
   * How long payloads and results of ended runs are kept (ms). Default 30 days. Business keys stay as long as their
   * pipeline says, entries of the ledger and the runs themselves for ever.
   */
  readonly keepPayloadsMs?: number;
  /**
   * Encrypts all data in the file (payloads, results, decisions, failures, cursors). For good: from the first start with
   * it the file cannot be opened without.
   */
  readonly encryption?: EncryptionOptions;
  /** What secret stores and connections tell of their use is gathered here, and written down by the runtime. */
  readonly secretUses?: SecretAudit;
  /** Signed checkpoints of the ledger, kept outside of the file. Without them only the file itself speaks for itself. */
  readonly checkpoints?: CheckpointOptions;
  /** Told of what needs an operator and stops nothing yet: one sentence. Must not throw. */
  readonly onProblem?: (message: string) => void;
  /** Told of every ledger entry after it is durable (logs, demo story, console). Must not throw. */
  readonly onEntry?: (entry: LedgerEntry) => void;
}

/** What is bounded, and at what. */
export interface RuntimeLimits {
  /** Runs held in memory at a time; others wait on disk. Default 512. */
  readonly activeMax: number;
  /** Accepted runs waiting on disk for their turn, before intake refuses. Default 1,000,000. */
  readonly backlogMax: number;
  /** Writes waiting for the disk, before intake refuses. Default 10,000. */
  readonly queueMax: number;
  /** Of one pipeline: others are still taken when it is full. Default half of `backlogMax`. */
  readonly pipelineBacklogMax: number;
  /** Bytes of events waiting for the disk, before intake refuses. Default 64 MiB. */
  readonly queueBytesMax: number;
  /** Free bytes of the disk below which intake refuses: what runs under way still write must fit. Default 256 MiB. */
  readonly diskFreeBytesMin: number;
  /** Dead letters of one pipeline and queue that raise an alarm; so does one older than its owner's time to respond. Default 20. */
  readonly deadLettersAlarm: number;
  /** How often it looks for stuck runs and crossed thresholds. Default 10 s. */
  readonly watchEveryMs: number;
  /** Runs that one replay may touch. Default 10,000. */
  readonly replayRunsMax: number;
}

export interface IncomingEvent {
  /** `crm.subscriptionUpgraded`. */
  readonly event: string;
  readonly payload: Json;
  /** Of the message, as far as its contract declares them; kept only where a pipeline that it starts reads them. */
  readonly headers?: JsonObject;
  /** The delivery's own id (webhook id): the same delivery twice is recorded once (inbox, C78). */
  readonly deliveryId: string;
  readonly source: string;
  readonly traceparent?: string;
  /**
   * What becomes of an event that cannot be what its contract describes. `refuse` (default): nothing is stored, the
   * sender is told. `quarantine`: for senders that cannot be told (a queue); it is stored whole, and a run parked in
   * quarantine, with its owner, for each pipeline that it would have started. A `Failure`: it is known to be such.
   */
  readonly invalid?: 'refuse' | 'quarantine' | Failure;
  /** How far the source has come with this event: stored with it, in one transaction (C76). Read with `cursor`. */
  readonly cursor?: { readonly name: string; readonly value: string };
}

export interface AcceptedRun {
  readonly runId: string;
  readonly pipeline: string;
  readonly key: string;
  /** `false` when the business key was known already: `runId` is then the first run, `state` its state. */
  readonly started: boolean;
  readonly state: RunState;
}

export type AcceptResult =
  | {
      readonly ok: true;
      readonly duplicateDelivery: boolean;
      readonly runs: readonly AcceptedRun[];
      /** Why the event, stored, is held in quarantine (see `IncomingEvent.invalid`). */
      readonly quarantined?: Failure;
      /** Pipelines that a feature flag kept from taking the event. */
      readonly flaggedOff?: readonly string[];
      /** Pipelines that left the event out, since they had taken a newer one of its entity. It is stored, and in the ledger. */
      readonly older?: readonly string[];
    }
  /** Nothing was stored: the payload violates its contract, or the runtime is full or stopping. */
  | { readonly ok: false; readonly failure: Failure };

/** The embedded runtime: everything that an operator, a server or a test can ask of it. */
export interface Runtime {
  /** Makes a plan the active version of its pipeline; runs already begun finish on theirs. */
  activate(plan: Plan): Promise<void>;
  /** No event starts this pipeline any more; runs already begun finish. Active pipelines are remembered across restarts. */
  retire(pipeline: string): Promise<void>;
  /** Names of the pipelines that events start, those of an earlier process included. */
  activePipelines(): readonly string[];
  /** Resolves when the event is on disk: only then may it be acknowledged. */
  accept(event: IncomingEvent): Promise<AcceptResult>;
  /** How far a source has come: the last `cursor` stored under the name. */
  cursor(name: string): string | undefined;
  /** Starts a pipeline whose trigger is `manual`. */
  trigger(pipeline: string, input: JsonObject, actor: string): Promise<AcceptResult>;

  runs(filter?: RunFilter): readonly RunSummary[];
  run(runId: string): RunDetail | undefined;
  /** The plan of a run, for ever as it was: the exact text of the pipeline is in its `source` (C24). */
  plan(hash: string): Plan | undefined;
  /** Entries of every run that touched a business entity, in order. */
  trace(query: {
    readonly runId?: string;
    readonly key?: string;
    readonly correlationId?: string;
    /** Entries that belong to no run: switches, events that started none, alarms. */
    readonly system?: true;
  }): readonly LedgerEntry[];

  approvals(): readonly PendingApproval[];
  decide(
    runId: string,
    stepId: string,
    decision: 'approve' | 'reject',
    actor: string,
    reason: string,
  ): Promise<ActionResult>;

  inDoubt(): readonly InDoubtEntry[];
  /** `confirm`: it happened (with its result); `redo`: it did not, send again with the same key; `compensate`: give the run up and undo. */
  settle(
    runId: string,
    stepId: string,
    verdict: 'confirm' | 'redo' | 'compensate',
    actor: string,
    reason: string,
    result?: Json,
  ): Promise<ActionResult>;

  deadLetters(filter?: DeadLetterFilter): readonly DeadLetter[];
  /** Dead letters of one cause together, the largest group first. */
  deadLetterGroups(filter?: DeadLetterFilter): readonly DeadLetterGroup[];
  /** Work that people owe: what could not be undone, and what a list went on without. Listed until it is closed (C69). */
  forwardFixes(): readonly ForwardFix[];
  /** Says that a forward fix is done, or why it need not be. */
  closeFix(runId: string, stepId: string, actor: string, reason: string): Promise<ActionResult>;

  /** Resumes at the failed step; finished steps are not repeated (C66). */
  resume(runId: string, actor: string, reason: string): Promise<ActionResult>;
  cancel(runId: string, actor: string, reason: string): Promise<ActionResult>;
  /**
   * Freezes the runs that a filter names, and says for each what a replay would skip and send: same keys, so what
   * happened does not happen again.
   */
  planReplay(filter: ReplayFilter, actor: string, reason: string): Promise<ReplayResult>;
  /** Replays exactly the runs that the dry run with this token showed, once, at a capped rate beside live traffic. */
  applyReplay(token: string, actor: string, reason: string, options?: ReplayOptions): Promise<ActionResult>;
  replayStatus(token: string): ReplayStatus | undefined;

  /** Puts reconciliations in force, in place of those before, and goes on with what an earlier process was at. */
  activateReconciliations(plans: readonly ReconciliationPlan[]): Promise<void>;
  reconciliations(): readonly ReconciliationState[];
  /** Compares two systems, now. Resolves when it has begun; `reconciliationReport` tells how far it is. */
  reconcile(name: string, actor: string, reason: string, isDryRun: boolean): Promise<ReconciliationBegun>;
  /** The newest first. `limit` default 50, at most 1,000. */
  reconciliationReports(name?: string, limit?: number): readonly ReconciliationReport[];
  reconciliationReport(id: string): ReconciliationReport | undefined;
  /** Differences that a report lists, in order, after a number. What is classed is named, and not shown. */
  reportedDifferences(id: string, after: number, limit: number): readonly ReportedDifference[];
  /** Says what a repair of each difference would do: replays of the same runs with the same keys, and pipelines started. */
  planRepair(report: string, actor: string, reason: string): Promise<RepairResult>;
  /** Does exactly what the dry run with this token showed, once. */
  applyRepair(token: string, actor: string, reason: string, options?: ReplayOptions): Promise<ActionResult>;
  repairStatus(token: string): RepairStatus | undefined;

  /** How work flows: depths, lags, and what holds it up. Cheap enough to be asked every few seconds. */
  flow(): FlowReport;

  /** What is switched now. */
  switches(): readonly Switch[];
  /** In force when it resolves, and from then on over restarts; replaces an earlier one for the same thing. */
  setSwitch(request: SwitchRequest, actor: string, reason: string): Promise<SwitchResult>;
  /** Takes a switch away: what it held goes on, in order. */
  liftSwitch(id: string, actor: string, reason: string): Promise<ActionResult>;

  /**
   * Holds events in quarantine against the contracts in force now, in the order in which they came; with `apply` those that
   * pass are taken in again, as far as order by key allows. What a dry run gave as `through` bounds what is acted on.
   */
  recheck(filter: RecheckFilter, actor: string, reason: string): Promise<RecheckReport>;
  /** What an erasure of a subject would touch, and with `apply` lets go of. The ledger stays, and verifies as before. */
  erase(subject: string, actor: string, reason: string, apply: boolean): Promise<ErasureReport>;
  /** Which secret was used by what, since the file was made. */
  secretUsers(): readonly SecretUser[];
  /** How what is stored is protected, and what of that is still to be done. */
  protection(): Protection;
  /** Wraps all data keys by the current key while runs go on, and says how many files that were. */
  rewrapKeys(actor: string, reason: string): Promise<ActionResult & { readonly files?: number }>;
  /** Writes a consistent copy of the file while runs go on. */
  backup(file: string): Promise<void>;
  /** Resolves when no run can move without an outside event or the passing of time. For tests and the demo. */
  idle(): Promise<void>;
  stop(): Promise<void>;
}

/** What can be asked of a runtime's file, by any process that may read it (`openLedger`). */
export interface LedgerReader
  extends Pick<
    Runtime,
    | 'runs'
    | 'run'
    | 'plan'
    | 'trace'
    | 'approvals'
    | 'inDoubt'
    | 'forwardFixes'
    | 'deadLetters'
    | 'deadLetterGroups'
    | 'replayStatus'
    | 'switches'
    | 'protection'
    | 'secretUsers'
  > {
  /** What is wrong with the file: damaged pages, gaps in the ledger, runs without their event. Empty when sound. */
  check(): readonly string[];
  /** Is every entry as it was written? Reads all of them; see `LedgerReport`. */
  verify(options: VerifyOptions): LedgerReport;
  /** Rows of the ledger in order, each with all that its leaf is made of; proofs for a tree size. */
  exporting(): LedgerExport;
  close(): void;
}

export interface RunFilter {
  readonly pipeline?: string;
  readonly state?: RunState;
  readonly key?: string;
  readonly limit?: number;
}

export interface RunSummary {
  readonly runId: string;
  readonly pipeline: string;
  readonly version: number;
  readonly planHash: string;
  readonly key: string;
  readonly state: RunState;
  readonly step?: string;
  readonly acceptedAtMs: number;
  readonly updatedAtMs: number;
  readonly owner: string;
  readonly correlationId: string;
  /** Ids of the switches that hold it; `maintenance/<connection>` in a maintenance window. */
  readonly heldBy?: readonly string[];
}

export interface RunDetail extends RunSummary {
  readonly contracts: Plan['contracts'];
  readonly input: Json;
  /** Of the event that started it, where the pipeline reads them. */
  readonly headers?: Json;
  readonly steps: readonly StepRecord[];
  /** The run that started it as a child. */
  readonly parent?: { readonly runId: string; readonly pipeline: string; readonly step: string };
  /** Runs that it started as its children. */
  readonly children?: readonly {
    readonly runId: string;
    readonly pipeline: string;
    readonly step: string;
    readonly state: RunState;
  }[];
  readonly failure?: Failure & { readonly step: string };
}

export interface StepRecord {
  readonly id: string;
  readonly state: 'succeeded' | 'skipped' | 'failed' | 'running' | 'waiting' | 'inDoubt' | 'compensated';
  readonly attempts: number;
  readonly idempotencyKey?: string;
  /** Of a step that runs another pipeline: the child. */
  readonly runId?: string;
  readonly result?: Json;
  readonly failure?: Failure;
}

/** One append-only fact. `at` in epoch ms; `details` is redacted by contract class before it is stored. */
export interface LedgerEntry {
  readonly sequence: number;
  readonly at: number;
  readonly runId: string;
  readonly pipeline: string;
  readonly correlationId: string;
  readonly kind:
    | 'accepted'
    | 'duplicate'
    | 'state'
    | 'stepStarted'
    | 'intent'
    | 'attempt'
    | 'outcome'
    | 'retry'
    | 'probe'
    | 'stepDone'
    | 'branch'
    | 'emitted'
    | 'waiting'
    | 'signal'
    | 'approval'
    | 'compensation'
    | 'inDoubt'
    | 'deadLetter'
    | 'forwardFix'
    | 'operator'
    | 'replay'
    | 'resumed'
    /** Put by until a switch is lifted. */
    | 'held'
    /** A switch was set, lifted, or has expired. Of no run. */
    | 'switch'
    /** A run that nothing would have moved any more, or that is far past its deadline: reported, and let go. */
    | 'stuck'
    /** A threshold was crossed; names who is to look. Of no run. */
    | 'alarm'
    | 'activated'
    | 'erased'
    /** Secrets that an attempt used, or that were used without a run since the last such entry. */
    | 'secretUse'
    /** Data keys were wrapped by another key. Of no run. */
    | 'keys'
    | 'retired'
    /** A flag kept an event from starting a run. Of no run. */
    | 'flaggedOff'
    /** An event older than one of its entity that was taken before; it started no run. Of no run. */
    | 'olderSkipped'
    /** Two systems are compared, were, or are being repaired. Of no run. */
    | 'reconciliation';
  readonly step?: string;
  readonly attempt?: number;
  readonly details: JsonObject;
}

export interface PendingApproval {
  readonly runId: string;
  readonly pipeline: string;
  readonly stepId: string;
  readonly by: string;
  readonly expiresAtMs: number;
  readonly show: Json;
  readonly key: string;
}

export interface InDoubtEntry {
  readonly runId: string;
  readonly pipeline: string;
  readonly stepId: string;
  readonly operation: string;
  readonly idempotencyKey: string;
  readonly sinceMs: number;
  readonly owner: string;
  readonly evidence: JsonObject;
}

/** Owned work on what a run left behind. */
export interface ForwardFix {
  readonly runId: string;
  readonly pipeline: string;
  readonly key: string;
  /** The step, or the item of a list: `lines[7]`. */
  readonly stepId: string;
  readonly task: string;
  readonly because: string;
  readonly owner: string;
  readonly sinceMs: number;
  readonly dueAtMs: number;
}

/** A parked run with its cause and owner (C63). `queue`: `repair` for classes that a retry cannot mend (C64). */
export interface DeadLetter {
  readonly runId: string;
  /** Of the cause: the same for runs that failed alike. */
  readonly fingerprint: string;
  readonly pipeline: string;
  readonly queue: 'retry' | 'repair' | 'quarantine';
  readonly key: string;
  readonly eventId: string;
  readonly step: string;
  readonly failure: Failure;
  readonly lastCheckpoint?: string;
  readonly idempotencyKey?: string;
  /** What else is known of the failure, such as the versions that a write was based on. Names and versions, no data. */
  readonly context?: JsonObject;
  readonly attempts: number;
  readonly correlationId: string;
  readonly owner: string;
  readonly sinceMs: number;
  /** Compensated, or left as it is (`hold`). */
  readonly settled: 'compensated' | 'held' | 'forward';
}

export interface DeadLetterFilter {
  readonly pipeline?: string;
  readonly queue?: DeadLetter['queue'];
  readonly fingerprint?: string;
  readonly failureClass?: string;
  /** Listed at most, the oldest first. Default 1,000, at most 10,000; groups count them all. */
  readonly limit?: number;
}

/** Dead letters with one fingerprint; `failure` is that of the newest. */
export interface DeadLetterGroup
  extends Pick<DeadLetter, 'fingerprint' | 'pipeline' | 'queue' | 'step' | 'failure' | 'owner'> {
  readonly count: number;
  /** Those that a person can resume: the others are undone. */
  readonly resumable: number;
  readonly oldestMs: number;
  readonly newestMs: number;
}

export type SwitchResult =
  | { readonly ok: true; readonly switch: Switch }
  | { readonly ok: false; readonly code: string; readonly message: string };

export type ActionResult =
  | { readonly ok: true }
  | { readonly ok: false; readonly code: string; readonly message: string };

export interface RecheckFilter {
  /** Events of which this pipeline has a run in quarantine. */
  readonly pipeline?: string;
  readonly event?: string;
  /** Release what passes; without it nothing is changed. */
  readonly apply?: boolean;
  /** No event that came after this one, as a dry run gave it. */
  readonly through?: number;
  /** Release also what a later event of its order key has overtaken. */
  readonly overtaken?: boolean;
}

export interface RecheckedEvent {
  readonly event: string;
  readonly source: string;
  readonly deliveryId: string;
  /** Parked for it. */
  readonly runs: readonly { readonly runId: string; readonly pipeline: string }[];
  /**
   * `passes`: it would be released. `fails`: it does not fit now either. `behind`: an earlier one of its key stays.
   * `moving`: a run of it is not parked yet, so that it could not be released for all of its pipelines.
   * `overtaken`: a later one of its key was taken. `unreadable`: it was never read, so it is to be sent again. `unheard`: no
   * pipeline listens any more. `gone`: its data is no longer kept. `changed`: somebody else was faster.
   */
  readonly outcome:
    | 'passes'
    | 'released'
    | 'fails'
    | 'behind'
    | 'moving'
    | 'overtaken'
    | 'unreadable'
    | 'unheard'
    | 'gone'
    | 'changed';
  readonly failure?: Failure;
}

export interface RecheckReport {
  readonly applied: boolean;
  /** The last event that was looked at: give it to `apply`, to act on these and no later ones. */
  readonly through: number;
  /** In the order in which they came. */
  readonly events: readonly RecheckedEvent[];
  /** There are more than are looked at at once: do it again. */
  readonly more: boolean;
}

export interface ErasureReport {
  readonly applied: boolean;
  /** Runs whose data goes. */
  readonly runs: readonly { readonly runId: string; readonly pipeline: string; readonly state: RunState }[];
  /** Runs that have not ended, so that they still need their data: end them, and erase again. */
  readonly kept: readonly { readonly runId: string; readonly pipeline: string; readonly state: RunState }[];
  /** Events that began no run. */
  readonly events: number;
  /** Differences that reports of reconciliations list. */
  readonly differences: number;
  /** Stored values that are damaged or locked: whether they hold the subject is not known. */
  readonly unreadable: number;
}

export interface Protection {
  readonly encrypted: boolean;
  /** What wraps new data keys. */
  readonly current?: string;
  /** Files of data keys by the key that wraps them. */
  readonly keyFiles: Readonly<Record<string, number>>;
  /** Events and runs from before the file was encrypted that still stand there in clear. */
  readonly olderLeft: number;
  /** Data keys that are being destroyed. */
  readonly shredsLeft: number;
  /** How long data of ended runs is kept, by pipeline; `because` of the class of a contract that says so. */
  readonly retention: readonly {
    readonly pipeline: string;
    readonly keepMs: number;
    readonly because?: string;
  }[];
}

export interface ReplayFilter {
  readonly runId?: string;
  readonly pipeline?: string;
  readonly key?: string;
  readonly fromMs?: number;
  readonly toMs?: number;
  readonly state?: RunState;
  readonly correlationId?: string;
  /** Name of the event that the run began with. */
  readonly event?: string;
  /** Of the event that the run began with. */
  readonly deliveryId?: string;
  /** Runs with a dead letter of this group, queue or class. */
  readonly fingerprint?: string;
  readonly queue?: DeadLetter['queue'];
  readonly failureClass?: string;
  /** Exactly these runs. */
  readonly runIds?: readonly string[];
}

export interface ReplayOptions {
  /** Runs resumed a second, at most. Default 10. */
  readonly perSecond?: number;
}

export type ReplayResult =
  | { readonly ok: true; readonly report: ReplayReport }
  | { readonly ok: false; readonly code: string; readonly message: string };

export interface ReplayReport {
  /** Applies exactly these runs, once, until then. */
  readonly token: string;
  readonly expiresAtMs: number;
  readonly runs: readonly {
    readonly runId: string;
    readonly pipeline: string;
    readonly key: string;
    readonly effectsSkipped: readonly string[];
    readonly effectsToSend: readonly string[];
    /** It is resumed, though there may be reads and checks alone to do; otherwise it has ended well, and that is noted. */
    readonly goesOn: boolean;
    /** Why a replay can do nothing for this run; both lists are then empty. */
    readonly refused?: string;
  }[];
}

export interface ReplayStatus {
  readonly token: string;
  readonly filter: ReplayFilter;
  readonly actor: string;
  readonly reason: string;
  readonly atMs: number;
  readonly applied?: {
    readonly actor: string;
    readonly reason: string;
    readonly atMs: number;
    readonly perSecond: number;
  };
  /** Runs by what became of them. */
  readonly runs: Readonly<Partial<Record<'planned' | 'waiting' | 'sent' | 'done' | 'refused', number>>>;
}

export type ReconciliationBegun =
  | { readonly ok: true; readonly report: string }
  | { readonly ok: false; readonly code: string; readonly message: string };

export interface ReconciliationState {
  readonly name: string;
  readonly version: number;
  readonly description: string;
  readonly owner: string;
  /** `<connection>.<operation>`. */
  readonly source: string;
  readonly target: string;
  readonly schedule?: string;
  readonly zone?: string;
  readonly nextAtMs?: number;
  readonly last?: ReconciliationReport;
}

/** What a comparison came to. */
export interface ReconciliationReport {
  readonly id: string;
  readonly reconciliation: string;
  readonly version: number;
  readonly planHash: string;
  readonly state: 'comparing' | 'complete' | 'failed';
  readonly isDryRun: boolean;
  readonly begunAtMs: number;
  readonly endedAtMs?: number;
  /** The moment of the schedule that it is for. */
  readonly scheduledAtMs?: number;
  readonly actor: string;
  readonly reason: string;
  readonly owner: string;
  /** How often it was begun again, because the process had ended. */
  readonly resumed?: number;
  readonly counts: Readonly<Record<'missing' | 'extra' | 'mismatched' | 'duplicate' | 'withoutKey', number>>;
  readonly differences: number;
  /** Differences that are kept one by one. */
  readonly listed: number;
  /** Keys left out because a record of them was changed within the time to settle. */
  readonly unsettled: number;
  /** Records that were compared. */
  readonly records: { readonly source: number; readonly target: number };
  /** Sums of classed values are not shown. */
  readonly totals: readonly {
    readonly name: string;
    readonly differs: boolean;
    readonly source?: number;
    readonly target?: number;
  }[];
  readonly failure?: Failure;
}

export interface ReportedDifference {
  /** Within the report, from 1. */
  readonly number: number;
  readonly kind: keyof ReconciliationReport['counts'];
  /** A digest (`#3f9c…`) where it holds classed data; `null` where a record has none. */
  readonly key: string | null;
  readonly ids: { readonly source: readonly string[]; readonly target: readonly string[] };
  readonly records: { readonly source: number; readonly target: number };
  readonly fields: readonly (
    | { readonly name: string; readonly source: Json; readonly target: Json }
    | { readonly name: string; readonly isClassed: true }
  )[];
}

export type RepairResult =
  | { readonly ok: true; readonly report: RepairReport }
  | { readonly ok: false; readonly code: string; readonly message: string };

export interface RepairReport {
  /** Applies exactly these items, once, until then. */
  readonly token: string;
  readonly expiresAtMs: number;
  readonly reportId: string;
  readonly reconciliation: string;
  readonly items: readonly RepairItem[];
}

export interface RepairItem {
  /** Of the difference. */
  readonly number: number;
  readonly kind: ReportedDifference['kind'];
  readonly key: string | null;
  /** Runs of the entity, with what a replay sends. */
  readonly runs: readonly {
    readonly runId: string;
    readonly pipeline: string;
    readonly effectsToSend: readonly string[];
    readonly refused?: string;
  }[];
  /** The pipeline that is started from the source's record. */
  readonly starts?: string;
  /** Why nothing is done. */
  readonly refused?: string;
}

export interface RepairStatus {
  readonly token: string;
  readonly report: string;
  readonly actor: string;
  readonly reason: string;
  readonly atMs: number;
  readonly applied?: ReplayStatus['applied'];
  /** Replayed runs by what became of them. */
  readonly runs: ReplayStatus['runs'];
  /** Pipelines to be started. */
  readonly starts: number;
  /** Those of them that could not be, by the number of their difference; known once it is done. */
  readonly startsRefused: readonly { readonly number: number; readonly because: string }[];
  readonly isDone: boolean;
}

export interface ReconciliationFlow {
  readonly reconciliation: string;
  readonly isComparing: boolean;
  /** Records read so far by the comparison under way. */
  readonly read?: { readonly source: number; readonly target: number };
  /** Of the last one that ended and was no dry run. */
  readonly lastReport?: string;
  readonly lastState?: ReconciliationReport['state'];
  readonly lastEndedAtMs?: number;
  readonly differences?: number;
  readonly counts?: ReconciliationReport['counts'];
  /** More than it may differ by, or it could not be compared. */
  readonly isAboveAlarm?: boolean;
}

export interface FlowReport {
  readonly atMs: number;
  readonly intake: {
    /** Why no event is taken at present. */
    readonly refusal?: Failure;
    /** Runs accepted whose turn has not come. */
    readonly backlog: number;
    readonly writesWaiting: number;
    readonly bytesWaiting: number;
    /** Since the process began, by code. */
    readonly refused: Readonly<Record<string, number>>;
  };
  readonly pipelines: readonly PipelineFlow[];
  readonly connections: readonly ConnectionFlow[];
  readonly reconciliations: readonly ReconciliationFlow[];
  /** Runs that have not ended, or are parked, by state. Counted to 100,000. */
  readonly runs: Readonly<Partial<Record<RunState, number>>>;
  /** Since the process began. */
  readonly counts: {
    readonly accepted: number;
    readonly ended: Readonly<Partial<Record<RunState, number>>>;
    readonly retries: number;
    readonly held: number;
    /** Events left out, because a newer one of their entity had been taken. */
    readonly older: number;
  };
  readonly deadLetters: readonly {
    readonly pipeline: string;
    readonly queue: DeadLetter['queue'];
    readonly class: string;
    readonly count: number;
    readonly oldestMs: number;
  }[];
}

export interface PipelineFlow {
  readonly pipeline: string;
  readonly tier: Plan['tier'];
  readonly backlog: number;
  /** For how long the run that is due first has been due. */
  readonly lagMs: number;
  readonly active: number;
  readonly concurrency: number;
  /** Ids of the switches on it. */
  readonly switches: readonly string[];
}

/** As far as its transport tells. */
export interface ConnectionFlow {
  readonly connection: string;
  readonly breaker: 'closed' | 'open' | 'halfOpen';
  readonly inFlight: number;
  readonly waiting: number;
  /** Calls are held until then, as the other side asked. */
  readonly heldUntilMs?: number;
  /** A maintenance window is open until then. */
  readonly closedUntilMs?: number;
  /** Ids of the kill switches that hold calls over it. */
  readonly switches: readonly string[];
}
