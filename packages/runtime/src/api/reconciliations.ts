import type { Failure, Json } from '@tenon/model';
import type { ReplayOptions, ReplayStatus } from './replays.ts';

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

export interface RepairOptions extends ReplayOptions {
  /** Also where the two systems have been compared since, so that what differed may be mended by now. */
  readonly isOutdatedToo?: boolean;
}

export interface RepairStatus {
  readonly token: string;
  readonly report: string;
  readonly actor: string;
  readonly reason: string;
  readonly atMs: number;
  readonly applied?: ReplayStatus['applied'];
  /** Replayed runs by what the repair did with them, and how they stand now. */
  readonly runs: ReplayStatus['runs'];
  readonly standing: ReplayStatus['standing'];
  readonly listed: ReplayStatus['listed'];
  /** Pipelines to be started. */
  readonly starts: number;
  /** Those of them that could not be, by the number of their difference; known once it is done. */
  readonly startsRefused: readonly { readonly number: number; readonly because: string }[];
  /** All has gone out, and none of it is under way; whether it ended well, `standing` says. */
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
