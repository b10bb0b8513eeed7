import type { Failure, Json, JsonObject } from '@tenon/model';
import type { Plan } from '@tenon/pipeline';

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

export interface RunFilter {
  readonly pipeline?: string;
  readonly state?: RunState;
  readonly key?: string;
  /** What the pipeline orders events by (`identity.orderBy`): the runs of one entity. */
  readonly orderKey?: string;
  /** Whose event came over this connection: see `RunSummary`. */
  readonly connection?: string;
  /** That keep to this version of their pipeline. */
  readonly version?: number;
  /** That keep to this plan: a contract or a connector that changed makes another one under the same version. */
  readonly planHash?: string;
  /** That have not ended: those that wait for a person too, or are parked. */
  readonly open?: true;
  readonly limit?: number;
}

/** What an index knows, so that all of it is found at once; beside a `key` the rest may stand as well. */
export type IndexedRunFilter =
  | (Omit<RunFilter, 'orderKey' | 'version' | 'planHash'> & {
      readonly orderKey?: never;
      readonly version?: never;
      readonly planHash?: never;
    })
  | (RunFilter & { readonly key: string });

/** With what that comes is begun: the plan that is deployed, unless somebody has gone back to another. */
export interface PipelineInForce {
  readonly name: string;
  readonly version: number;
  readonly planHash: string;
}

/** Runs that have not ended and keep to another plan than the one in force: what they began with (C120). */
export interface OtherPlan {
  readonly pipeline: string;
  readonly version: number;
  readonly planHash: string;
  readonly runs: number;
  readonly states: Readonly<Partial<Record<RunState, number>>>;
  /** What new events of the pipeline begin with; absent where it was retired. */
  readonly active?: { readonly version: number; readonly planHash: string };
}

export interface RunSummary {
  readonly runId: string;
  readonly pipeline: string;
  readonly version: number;
  readonly planHash: string;
  readonly key: string;
  /** Of a pipeline that orders its events (`identity.orderBy`): the entity that it is about. */
  readonly orderKey?: string;
  /** Over which its event came; absent where it was started by hand, run by another pipeline, or published by one over no connection. */
  readonly connection?: string;
  readonly state: RunState;
  readonly step?: string;
  readonly acceptedAtMs: number;
  readonly updatedAtMs: number;
  readonly owner: string;
  readonly correlationId: string;
  /** Ids of the switches that hold it, or keep it from being taken; `maintenance/<connection>` in a maintenance window. */
  readonly heldBy?: readonly string[];
  /** The run of the same order key that goes before it, while it waits for its turn. */
  readonly behind?: string;
}

export interface RunDetail extends RunSummary {
  readonly contracts: Plan['contracts'];
  readonly input: Json;
  /** Of the event that started it, where the pipeline reads them. */
  readonly headers?: Json;
  readonly steps: readonly StepRecord[];
  /** Why `steps` is empty though it may have done something: what is stored of that is damaged. */
  readonly stepsUnread?: { readonly code: string; readonly message: string };
  /** Its data were let go on request: when, and by whom. Why stands in the ledger. */
  readonly erased?: { readonly atMs: number; readonly actor: string };
  /** Its data were let go some time after it had ended, as its contracts say (`Protection.retention`). */
  readonly isPastRetention?: true;
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
  /** Places of the effects that it is parked at, each of which a person may do by hand and say so (`markDone`). */
  readonly canBeDone?: readonly string[];
  /** Those of them whose operation answers nothing: no result is given of them. */
  readonly doneGivesNothing?: readonly string[];
  /** Why what it did is undone, from when that begins on; an earlier version kept it in the ledger alone. */
  readonly undoing?: {
    /** `parent`: it had succeeded, and the run that started it is undone. */
    readonly because: 'failure' | 'cancelled' | 'parent';
    /** Where it failed, or was when it was cancelled. */
    readonly step?: string;
    readonly failure?: Failure;
    /** Who cancelled it, or the one above it, and why. */
    readonly actor?: string;
    readonly reason?: string;
  };
}

export interface StepRecord {
  /** Of the undoing of an effect, as long as it has begun and not ended well: `compensate:` and the id of the effect's step. */
  readonly id: string;
  /** `givenUp`: it was in doubt, and somebody gave the run up: whether the effect happened is not known, and nothing undoes it. */
  readonly state:
    | 'succeeded'
    | 'skipped'
    | 'failed'
    | 'running'
    | 'waiting'
    | 'inDoubt'
    | 'givenUp'
    | 'compensated';
  readonly attempts: number;
  /** When it came to be done, or to fail; of an effect that was undone, when it had happened. Absent where it has not, or that is not on record. */
  readonly atMs?: number;
  readonly undoneAtMs?: number;
  /** Absent where its calls carry none. */
  readonly idempotencyKey?: string;
  /** Of a step that runs another pipeline: the child. */
  readonly runId?: string;
  readonly result?: Json;
  /** The name of the refusal that it took as a value: it is done, and did nothing. */
  readonly refused?: string;
  /** Of an effect that a person did, where the run could not: it is taken for confirmed. */
  readonly byHand?: { readonly actor: string; readonly reason: string; readonly atMs: number };
  /** What people said of it, and of its undoing as long as that has no record of its own, the oldest first. What they did is `byHand`. */
  readonly said?: readonly PersonsWord[];
  readonly failure?: Failure;
  /**
   * Of a check that the run failed at, in a branch or an item of a list too: the reads that are made again when it is resumed there. Where
   * there are none, it fails again.
   */
  readonly again?: readonly string[];
  /** What its connection said as it last took no call (an open breaker, a spent quota): until it does, nothing is sent and nothing asked. */
  readonly waitsFor?: Failure;
  /** What it waits for, as long as it does. */
  readonly awaits?: StepWait;
}

/** What somebody said of a step: a verdict on an effect in doubt, a decision on an approval, or that it was undone by hand. */
export interface PersonsWord {
  readonly word: 'confirm' | 'redo' | 'compensate' | 'approve' | 'reject' | 'undone';
  /** Of its undoing: whether that is wanted, what became of it, or that a person did it. */
  readonly isOfUndoing?: true;
  readonly actor: string;
  readonly reason: string;
  readonly atMs: number;
}

/** Where more than one person must approve, or not everybody may. */
export interface ApartFromOne {
  /** How many persons must; absent: one. */
  readonly count?: number;
  /** Who has, the first first. */
  readonly given?: readonly { readonly actor: string; readonly reason: string; readonly atMs: number }[];
  /** Who cannot: they may reject. */
  readonly except?: readonly string[];
}

/** What ends a wait. An approval is asked of the next person when it expires, or ends as its step says; so does the wait for an event. */
export type StepWait =
  | ({ readonly for: 'approval'; readonly by: string; readonly expiresAtMs?: number } & ApartFromOne)
  | { readonly for: 'event'; readonly event: string; readonly expiresAtMs?: number }
  /** `untilMs` is left out where it is not on record: what an expression gives, in one of several branches. */
  | { readonly for: 'time'; readonly untilMs?: number }
  | { readonly for: 'run'; readonly runId: string; readonly pipeline: string };

/** Where what is put in force is from, and why it is: all that whoever starts it can tell. */
export interface Deployment {
  readonly commit?: string;
  /** The files differ from those of the commit. */
  readonly isChanged?: true;
  readonly reason?: string;
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
    /** What an alarm told of is so no longer. Of no run. */
    | 'alarmOver'
    | 'activated'
    /** The configuration is another than at the start before, by digest, with the names of the parts that are. Of no run. */
    | 'configured'
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
    /** The machine's clock was set back, so later entries may have earlier times. Of no run. */
    | 'clock'
    /** Two systems are compared, were, or are being repaired. Of no run. */
    | 'reconciliation'
    /** A drill has begun, or is over: its verdict, what was measured, who did it and why. Of no run. */
    | 'drill';
  readonly step?: string;
  readonly attempt?: number;
  readonly details: JsonObject;
}
