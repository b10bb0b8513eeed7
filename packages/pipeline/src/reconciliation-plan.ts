import type { OperationPlan, ScheduleManifest } from '@tenon/connector';
import type { ValueTemplate } from '@tenon/expression';
import type { Plan } from './plan.ts';

/** A checked reconciliation: all that is needed to carry it out. JSON, immutable, known by its hash. */
export interface ReconciliationPlan
  extends Pick<Plan, 'hash' | 'version' | 'description' | 'policies' | 'contracts' | 'source'> {
  readonly apiVersion: 'tenon/v1';
  readonly kind: 'ReconciliationPlan';
  readonly name: string;
  readonly owner: Plan['owner'];
  readonly schedule?: ScheduleManifest;
  readonly sides: { readonly source: SidePlan; readonly target: SidePlan };
  readonly compare: readonly FieldPlan[];
  readonly totals: readonly FieldPlan[];
  /** The key holds classed data: reports show it as a digest. */
  readonly isKeyClassed: boolean;
  /** The ids of records hold classed data: reports do not show them. */
  readonly isIdClassed: boolean;
  readonly settleMs: number;
  /** Absent: both sides are read whole. */
  readonly windowMs?: number;
  readonly confirmAfterMs?: number;
  readonly deadlineMs: number;
  readonly alarmAbove: number;
  /** Differences kept one by one. */
  readonly listMax: number;
  readonly repair: readonly RepairPlan[];
  /** How long differences are kept, where a contract says so for a class of what is read. */
  readonly keepMs?: number;
}

/** One of both systems, and what is made of each of its records. Expressions are over `record` and `input`. */
export interface SidePlan {
  readonly connection: string;
  readonly operation: OperationPlan;
  readonly with: ValueTemplate;
  /** JSON Pointer to the list in an answer. */
  readonly items: string;
  readonly where?: string;
  readonly key: ValueTemplate;
  readonly id?: ValueTemplate;
  readonly changedAt?: ValueTemplate;
  /** In the order of the plan's `compare`, and of its `totals`. */
  readonly compare: readonly ValueTemplate[];
  readonly totals: readonly ValueTemplate[];
}

export interface FieldPlan {
  readonly name: string;
  readonly tolerance?: Tolerance;
  /** Either value holds classed data: reports say that it differs, and not how. */
  readonly isClassed: boolean;
}

/** `share`: of the larger value; `ms`: between two moments. */
export type Tolerance = { readonly absolute: number } | { readonly share: number } | { readonly ms: number };

export interface RepairPlan {
  readonly pipeline: string;
  /** Over `key`, or over `record` of the source. */
  readonly entity: ValueTemplate;
  readonly isOfRecord?: true;
  /** Input of the pipeline, over `record` of the source. */
  readonly start?: ValueTemplate;
}
