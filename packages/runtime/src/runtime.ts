import type { Failure, Json, JsonObject } from '@tenon/model';
import type { Plan, ReconciliationPlan } from '@tenon/pipeline';
import type { CancelFilter, CancellationResult, CancelledResult } from './api/cancellations.ts';
import type {
  DrillReport,
  DrillRequest,
  DrillResult,
  DrillUnderWay,
  LiveDrillRequest,
} from './api/drills.ts';
import type {
  AcceptResult,
  EventHearers,
  IncomingEvent,
  RecheckFilter,
  RecheckReport,
} from './api/events.ts';
import type { FlowReport } from './api/flow.ts';
import type {
  DeadLetter,
  DeadLetterFilter,
  DeadLetterGroup,
  ForwardFix,
  InDoubtEntry,
  PendingApproval,
} from './api/open-work.ts';
import type { ErasureReport, Protection } from './api/protection.ts';
import type {
  ReconciliationBegun,
  ReconciliationReport,
  ReconciliationState,
  RepairOptions,
  RepairResult,
  RepairStatus,
  ReportedDifference,
} from './api/reconciliations.ts';
import type { ReplayFilter, ReplayOptions, ReplayResult, ReplayStatus } from './api/replays.ts';
import type {
  Deployment,
  IndexedRunFilter,
  LedgerEntry,
  OtherPlan,
  PipelineInForce,
  RunDetail,
  RunFilter,
  RunSummary,
} from './api/runs.ts';
import type { CheckpointPublicKey } from './ledger/checkpoint.ts';
import type { LedgerExport } from './ledger/export-ledger.ts';
import type { LedgerReport, VerifyOptions } from './ledger/verify-ledger.ts';
import type { RuntimeCode } from './rules.ts';
import type { SecretUser } from './secret-audit.ts';
import type { Switch, SwitchRequest } from './switches.ts';

export type * from './api/cancellations.ts';
export type * from './api/drills.ts';
export type * from './api/events.ts';
export type * from './api/flow.ts';
export type * from './api/open-work.ts';
export type * from './api/options.ts';
export type * from './api/protection.ts';
export type * from './api/reconciliations.ts';
export type * from './api/replays.ts';
export type * from './api/runs.ts';

/**
 * The embedded runtime: everything that an operator, a server or a test can ask of it. What a person says has an actor and a reason, which
 * stand in the ledger: a blank reason is thrown back as `REASON_BLANK`, and nothing done.
 */
export interface Runtime {
  /**
   * Makes a plan the active version of its pipeline; runs already begun finish on theirs. `deployment` is asked where it is another plan than
   * before, and stands in the entry.
   */
  activate(plan: Plan, deployment?: () => Promise<Deployment>): Promise<void>;
  /** No event starts this pipeline any more; runs already begun finish. Active pipelines are remembered across restarts. */
  retire(pipeline: string, deployment?: () => Promise<Deployment>): Promise<void>;
  /**
   * Says by what the process is configured: each part by its name and a digest, nothing of what it holds. Where it is not as at the start before
   * there is an entry of it (C100).
   */
  configured(parts: Readonly<Record<string, string>>, deployment?: () => Promise<Deployment>): Promise<void>;
  /** The pipelines that are in force, each with the version that what comes begins with; those of an earlier process included. */
  pipelinesInForce(): readonly PipelineInForce[];
  /** What has not ended and keeps to another plan than the one in force, by pipeline and version. Looks at all that has not ended, a part at a time. */
  otherPlans(): Promise<readonly OtherPlan[]>;
  /** Resolves when the event is on disk: only then may it be acknowledged. */
  accept(event: IncomingEvent): Promise<AcceptResult>;
  /** Who hears an event: asked of one that has started nothing, for words about it. */
  hearers(event: string): EventHearers;
  /** Events that pipelines in force start with or wait for, and those that are stored: what a filter by another name finds nothing of. */
  eventNames(): readonly string[];
  /** Ids of the kill switches that hold what goes over a connection of such a connector, whoever asks for it: also what no run makes. */
  killsOf(connection: string, connector: string): readonly string[];
  /**
   * Events to be brought in besides those of which the deployed plans speak: what runs which have not ended may wait for yet, by plans that are
   * not in force any more, and what a version starts with or waits for to which somebody has gone back.
   */
  awaitedEvents(): readonly string[];
  /** Why such an event would not be taken as one of its kind, by the contracts in force, or `undefined`. Nothing is stored. */
  misfit(event: string, payload: Json, headers?: JsonObject): Failure | undefined;
  /** How far a source has come: the last `cursor` stored under the name. */
  cursor(name: string): string | undefined;
  /** Stores a `cursor` that comes with no event. Resolves `true` when it is on disk, `false` where the disk has failed. */
  keepCursor(name: string, value: string): Promise<boolean>;
  /** Starts a pipeline whose trigger is `manual`. */
  trigger(pipeline: string, input: JsonObject, actor: string): Promise<AcceptResult>;

  /** The newest first, at once: by what an index knows. */
  runs(filter?: IndexedRunFilter): readonly RunSummary[];
  /** The newest first, also by a version, a plan or an order key, which no index knows: then runs are looked through a part at a time. */
  findRuns(filter?: RunFilter): Promise<readonly RunSummary[]>;
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

  /** What is classed of what approvers are shown is hidden where `sees` says no of their team; absent, nothing is. */
  approvals(sees?: (team: string) => boolean): readonly PendingApproval[];
  decide(
    runId: string,
    stepId: string,
    decision: 'approve' | 'reject',
    actor: string,
    reason: string,
    /** For which the actor decides: what is asked of another is refused. Absent: for all. */
    teams?: readonly string[],
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
  /**
   * Says that a person did by hand the effect that the run is parked at, in a branch or an item too (`stepId`: its place), with what came of
   * it: it is not sent, counts as confirmed, and the run goes on. What has failed beside it stays failed. `RUN_NOT_AT_EFFECT` where the run is
   * not parked there, `DONE_RESULT_INVALID` where the result is none that its operation gives.
   */
  markDone(
    runId: string,
    stepId: string,
    actor: string,
    reason: string,
    result?: Json,
  ): Promise<ActionResult>;
  /**
   * Says that a person has undone by hand what the run is parked at undoing (`stepId`: `compensate:<place of the step>`, as its dead letter
   * has it): it is not tried again, and what is left is undone. `RUN_NOT_AT_UNDOING` where the run is not parked there.
   */
  markUndone(runId: string, stepId: string, actor: string, reason: string): Promise<ActionResult>;
  cancel(runId: string, actor: string, reason: string): Promise<ActionResult>;
  /** Freezes the runs that a filter names, and says for each what it has done, and why it could not be cancelled now. Changes nothing. */
  planCancel(filter: CancelFilter, actor: string, reason: string): Promise<CancellationResult>;
  /**
   * Cancels the runs that the dry run with this token showed, each as `cancel` does, and no others. Applied again it goes on with those that
   * are left: they were refused, or the process died.
   */
  applyCancel(token: string, actor: string, reason: string): Promise<CancelledResult>;
  /**
   * Accepts a parked run as it stands: it ends, nothing more is done, and nothing is undone. `RUN_NOT_PARKED` where it is not parked,
   * `RUN_COMPENSATING` where it is at being undone.
   */
  closeRun(runId: string, actor: string, reason: string): Promise<ActionResult>;
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
  applyRepair(token: string, actor: string, reason: string, options?: RepairOptions): Promise<ActionResult>;
  repairStatus(token: string): RepairStatus | undefined;

  /** How work flows: depths, lags, and what holds it up. Cheap enough to be asked every few seconds. */
  flow(): FlowReport;
  /** Why no event can be taken at present, or `undefined`. */
  intakeRefusal(): Failure | undefined;

  /** What is switched now. */
  switches(): readonly Switch[];
  /** In force when it resolves, and from then on over restarts; replaces an earlier one for the same thing. */
  setSwitch(request: SwitchRequest, actor: string, reason: string): Promise<SwitchResult>;
  /** Takes a switch away: what it held goes on, in order. */
  liftSwitch(id: string, actor: string, reason: string): Promise<ActionResult>;

  /** What is drilled, when it was last, and what is due (C130). */
  drills(): DrillReport;
  /** Enters what a person or a command has to say of a drill that is over. */
  recordDrill(request: DrillRequest, actor: string, reason: string): Promise<DrillEntered>;
  /** Begins a drill that the runtime holds and judges. Resolves when it has begun; it comes to its end whoever goes away. */
  beginDrill(request: LiveDrillRequest, actor: string, reason: string): Promise<DrillBegun>;
  /** The drill as it stands, or what came of it; `undefined` where it is not at hand any more. */
  drill(id: string): DrillUnderWay | DrillResult | undefined;
  /** Ends one that is under way before its time; its switch is lifted at once. */
  stopDrill(id: string, actor: string, reason: string): Promise<ActionResult>;

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
  /** As `findRuns`, at once: whatever stands beside it in this thread waits. */
  runs(filter?: RunFilter): readonly RunSummary[];
  /** What is wrong with the file: damaged pages, gaps in the ledger, runs without their event. Empty when sound. */
  check(): readonly string[];
  /** Why encrypted values cannot be read with the keys that were given: `RUNTIME_KEY_MISSING`, `RUNTIME_KEY_WRONG`, `STORED_VALUE_LOCKED`. */
  keyProblem(): { readonly code: string; readonly message: string } | undefined;
  /**
   * Why no process would start on the file as it stands: entries are gone (`RUNTIME_LEDGER_BEHIND`) or are not those (`RUNTIME_LEDGER_ALTERED`)
   * that the process before had stored, or that its last checkpoint counts which one of the keys signed.
   */
  startRefusal(checkpoints: {
    readonly file: string;
    readonly keys: readonly CheckpointPublicKey[];
  }): { readonly code: RuntimeCode; readonly message: string } | undefined;
  /** Is every entry as it was written? Reads all of them; see `LedgerReport`. */
  verify(options: VerifyOptions): LedgerReport;
  /** Rows of the ledger in order, each with all that its leaf is made of; proofs for a tree size. */
  exporting(): LedgerExport;
  close(): void;
}

export type SwitchResult =
  /** `replaced`: the earlier one for the same thing, which is in force no more. */
  | { readonly ok: true; readonly switch: Switch; readonly replaced?: Switch }
  | { readonly ok: false; readonly code: string; readonly message: string };

export type DrillBegun =
  | { readonly ok: true; readonly drill: DrillUnderWay }
  | { readonly ok: false; readonly code: string; readonly message: string };

export type DrillEntered =
  | { readonly ok: true; readonly drill: DrillResult }
  | { readonly ok: false; readonly code: string; readonly message: string };

export type ActionResult =
  | { readonly ok: true }
  | {
      readonly ok: false;
      readonly code: string;
      readonly message: string;
      /** Of whoever comes too late: what was said before, by whom, when and why. It stands in the message, too. */
      readonly before?: string;
    };
