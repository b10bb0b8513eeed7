import type { OperationPlan } from '@tenon/connector';
import type { SourcePoint, ValueTemplate } from '@tenon/expression';
import type { FailureClass } from '@tenon/model';
import type { JsonSchema } from '@tenon/schema';
import type { OwnerRole } from './spec/pipeline-spec.ts';

/**
 * A checked pipeline, ready to be carried out: immutable, self-contained JSON. The same spec over the same contracts
 * and connectors gives the same bytes. Expressions stay text; the runtime compiles them when it loads the plan.
 */
export interface Plan {
  readonly apiVersion: 'tenon/v1';
  readonly kind: 'Plan';
  /** SHA-256 over all other members, see `planHash`. */
  readonly hash: string;
  readonly pipeline: string;
  readonly version: number;
  readonly description: string;
  readonly owner: Owner;
  readonly tier: 'low' | 'medium' | 'high';
  readonly trigger: PlanTrigger;
  readonly identity: {
    readonly key: ValueTemplate;
    readonly retainMs: number;
    readonly orderBy?: ValueTemplate;
    /** Whose event it is: what flags go by. Nothing of it is kept. */
    readonly account?: ValueTemplate;
    /** What orders the events of the entity that `orderBy` names. */
    readonly version?: string;
  };
  readonly limits: { readonly concurrency: number; readonly deadlineMs: number };
  readonly steps: readonly PlanStep[];
  /** Must be true at the end for the run to count as succeeded. */
  readonly success?: string;
  /** What a pipeline that runs this one as a child reads as the step's result. */
  readonly output?: { readonly schema: JsonSchema; readonly value: ValueTemplate };
  readonly onFailure: 'compensate' | 'forward' | 'hold';
  readonly slo?: { readonly objective: number; readonly withinMs: number };
  /** How often what guards it, and the people who would be called, are drilled. */
  readonly drills?: { readonly everyMs: number };
  readonly metrics: Readonly<Record<string, { readonly when?: string; readonly value?: string }>>;
  /** By `connector.operation`: all that steps, compensations and probes call. */
  readonly operations: Readonly<Record<string, OperationPlan>>;
  /** By `contract.event`: all that the trigger, waits and emits speak of. */
  readonly events: Readonly<Record<string, PlanEvent>>;
  /** Named condition → expression: `policy.needsFinance(x)` of the policies folder. */
  readonly policies: Readonly<
    Record<string, { readonly parameters: readonly string[]; readonly expression: string }>
  >;
  readonly contracts: readonly { readonly name: string; readonly version: string; readonly digest: string }[];
  /**
   * JSON Pointers at what a data class keeps from being shown, by `event`, `headers`, `steps.<id>` (its result) or `shown.<id>` (what an
   * `approve` step shows to those who decide, and to nobody else).
   */
  readonly redact: Readonly<Record<string, readonly string[]>>;
  /**
   * How long data of ended runs is kept (C99): the shortest time that a contract sets for a class of which the run holds
   * fields, and what that is. Absent: as the runtime says.
   */
  readonly keep?: { readonly ms: number; readonly because: string };
  readonly source: { readonly file: string; readonly text: string };
}

export interface Owner {
  readonly team: string;
  readonly backup: string;
  readonly escalation: string;
  readonly respondMs: number;
  readonly recoverMs: number;
  /** Roles that were given to a team by name; any other is `team`'s. */
  readonly roles?: Readonly<Partial<Record<OwnerRole, string>>>;
}

export type PlanTrigger =
  /** `over`: of events that are published over one connection, only those over this one. */
  | { readonly event: string; readonly where?: string; readonly over?: string }
  | { readonly manual: true; readonly input: JsonSchema };

export interface PlanEvent {
  readonly contract: { readonly name: string; readonly version: string; readonly digest: string };
  readonly event: string;
  /** Payload schema; `$defs` inside. */
  readonly payload: JsonSchema;
  /** Of its headers, where the plan reads or sets them; `$defs` inside. */
  readonly headers?: JsonSchema;
}

interface StepCommon {
  readonly id: string;
  /** Skipped unless this expression is true. */
  readonly when?: string;
  readonly at: SourcePoint;
  /** Working time after which its attempts and pauses end. */
  readonly deadlineMs?: number;
}

export interface CallStep extends StepCommon {
  readonly kind: 'call';
  /** Key into `Plan.operations`. */
  readonly operation: string;
  readonly connection: ConnectionChoice;
  readonly with: ValueTemplate;
  readonly retry: RetryPlan;
  /** Names of the answers of refusal that it takes as a value; the operation says how they look. */
  readonly refusals?: readonly string[];
  readonly fresh?: FreshPlan;
  /** Of a listing: all pages are read, not the first alone. */
  readonly pages?: PagesPlan;
  readonly basedOn?: BasisPlan;
  readonly compensate?: CompensationPlan;
  readonly irreversible?: {
    readonly because: string;
    readonly forward: { readonly task: string; readonly owner: string; readonly withinMs: number };
  };
  readonly probe?: ProbePlan;
}

/** The connection of a call: its name, or those of which the expression `over` names one when the call is made. */
export type ConnectionChoice = string | ConnectionNamed;

/** Connections of which an expression names one when it comes to that. */
export interface ConnectionNamed {
  readonly over: string;
  readonly among: readonly string[];
}

/** What an answer must not be older than. Expressions over `result`, the answer, and what the step may read. */
export type FreshPlan =
  | { readonly at: string; readonly maxAgeMs: number }
  | { readonly version: string; readonly atLeast: string };

/** How much of a listing a step reads: all of it, or it fails. */
export interface PagesPlan {
  /** Pages at most. */
  readonly atMost: number;
}

/** The read that a write is based on, and what is made again with it when its version is no longer current. */
export interface BasisPlan {
  /** Id of the reading step. */
  readonly read: string;
  /** Ids of the `set` and `check` steps between both, in order. */
  readonly again: readonly string[];
  /** Versions tried at most, the first included. */
  readonly attempts: number;
}

export interface RetryPlan {
  /** All attempts, the first included; 1 is no retry. */
  readonly attempts: number;
  /** From the first attempt on. */
  readonly withinMs: number;
  readonly backoff: { readonly initialMs: number; readonly factor: number; readonly maxMs: number };
  readonly jitter: 'full' | 'none';
  /** Classes retried; others make one attempt. */
  readonly on: readonly FailureClass[];
}

export interface CompensationPlan {
  readonly operation: string;
  /** Of several: the one that the effect was made over. */
  readonly connection: ConnectionChoice;
  readonly with: ValueTemplate;
  readonly retry: RetryPlan;
  readonly probe?: ProbePlan;
  readonly guard?: GuardPlan;
  /** Team that must say so before it is undone. */
  readonly confirm?: string;
}

/** What must be so before an effect is undone. */
export interface GuardPlan {
  readonly operation: string;
  /** As that of the compensation. */
  readonly connection: ConnectionChoice;
  readonly with: ValueTemplate;
  readonly retry: RetryPlan;
  /** Over `current` and what the compensation may read. */
  readonly unchanged: string;
}

export interface ProbePlan {
  readonly operation: string;
  /** Over `request` and `key`. */
  readonly with: ValueTemplate;
  /** Over `body`, `request` and `key`; null proves absence. */
  readonly found: string;
  /** `found` gives the present state: the effect is there when that is as the request's body asks. */
  readonly compares?: true;
  readonly settleMs: number;
}

export interface EmitStep extends StepCommon {
  readonly kind: 'emit';
  /** Key into `Plan.events`. */
  readonly event: string;
  /** The one connection that it goes out over, and whose event it is to those who hear it. Absent: all that publish it. */
  readonly over?: ConnectionNamed;
  readonly with: ValueTemplate;
  readonly headers?: ValueTemplate;
}

export interface ApproveStep extends StepCommon {
  readonly kind: 'approve';
  readonly by: string;
  readonly withinMs: number;
  readonly onExpiry: 'reject' | 'approve' | 'escalate';
  readonly show: ValueTemplate;
  /** How many persons must approve; absent: one. */
  readonly count?: number;
  /** Who cannot: whoever started the run, and whoever approved at these steps. */
  readonly except?: { readonly requester?: true; readonly steps?: readonly string[] };
}

export interface WaitStep extends StepCommon {
  readonly kind: 'wait';
  readonly for:
    | { readonly durationMs: number }
    | { readonly until: string }
    /**
     * `match` is over `event` (the run's own), `steps` and `signal` (the payload that came). `over` names the connection that it must have
     * come over; absent: any, and none.
     */
    | {
        readonly event: string;
        readonly over?: string;
        readonly match: string;
        readonly withinMs: number;
        readonly onExpiry: 'fail' | 'continue';
      };
}

export interface SetStep extends StepCommon {
  readonly kind: 'set';
  readonly value: ValueTemplate;
}

export interface CheckStep extends StepCommon {
  readonly kind: 'check';
  readonly that: readonly { readonly condition: string; readonly message: string }[];
  readonly otherwise: 'quarantine' | 'fail';
  /**
   * Ids of the reads that it looks at, and of what was read, set or checked of them, in order: made again when the run is resumed
   * at it. Absent where something was done since, here or beside it, or went by them.
   */
  readonly again?: readonly string[];
}

export interface ChooseStep extends StepCommon {
  readonly kind: 'choose';
  /** First whose condition holds; a branch without one always holds. */
  readonly branches: readonly { readonly when?: string; readonly steps: readonly PlanStep[] }[];
}

/** Result: one `{ key, outcome, result?, failure? }` for each item, in the list's order. */
export interface ForEachStep extends StepCommon {
  readonly kind: 'forEach';
  /** Gives the list. */
  readonly in: string;
  /** Name of the item in the expressions of its steps. */
  readonly as: string;
  /** Text over the item, unique in the list: keys of its effects are made from it. Without one its position is used. */
  readonly key?: ValueTemplate;
  readonly max: number;
  /** Items at work at a time. */
  readonly concurrency: number;
  /** What every item must be before anything is done with any of them. */
  readonly check?: {
    readonly that: readonly { readonly condition: string; readonly message: string }[];
    /** `quarantine`: one bad item holds the whole list. `split`: the bad ones are left out, with an owner. */
    readonly otherwise: 'quarantine' | 'split';
  };
  /** `stop`: the step fails with the first item that does. `collect`: the others go on, and it says which failed. */
  readonly onItemFailure: 'stop' | 'collect';
  readonly steps: readonly PlanStep[];
  /** What an item that succeeds leaves in the result. */
  readonly result?: ValueTemplate;
}

/** Branches carried out beside each other; their steps' results can be read when all have ended. */
export interface ParallelStep extends StepCommon {
  readonly kind: 'parallel';
  readonly branches: readonly { readonly name: string; readonly steps: readonly PlanStep[] }[];
}

/** Runs another pipeline as a child, and waits for how it ends. */
export interface RunStep extends StepCommon {
  readonly kind: 'run';
  readonly pipeline: string;
  /** Version and plan of it when this plan was made: exactly that is carried out, whatever is active then (C120). */
  readonly version: number;
  readonly plan: string;
  readonly with: ValueTemplate;
  /** What it gives as its result, where it declares that. */
  readonly result?: JsonSchema;
}

export type PlanStep =
  | CallStep
  | EmitStep
  | ApproveStep
  | WaitStep
  | SetStep
  | CheckStep
  | ChooseStep
  | ForEachStep
  | ParallelStep
  | RunStep;
