import type { RunState } from './runs.ts';

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
  /** Dry runs of replays and cancellations, and repairs, that were asked for by naming the subject: the name goes, they stay. */
  readonly requests: number;
  /** Stored values that are damaged or locked: whether they hold the subject is not known. */
  readonly unreadable: number;
  /**
   * The file is too large to be written anew while runs go on (`limits.writtenAnewBytesMax`): unused bytes of its pages may still hold what goes,
   * until it is written anew while stopped (`writeFileAnew`).
   */
  readonly leavesTraces: boolean;
}

export interface Protection {
  readonly encrypted: boolean;
  /** What wraps new data keys. */
  readonly current?: string;
  /** Files of data keys by the key that wraps them. */
  readonly keyFiles: Readonly<Record<string, number>>;
  /** Events and runs from before the file was encrypted that still stand there in clear. */
  readonly olderLeft: number;
  /** When the file was last written anew; what was overwritten since may stand in unused bytes of its pages. */
  readonly writtenAnewAtMs?: number;
  /** Since when they may hold what had to go: what was erased, or stood in clear before the file was encrypted. */
  readonly tracesSinceMs?: number;
  /** Data keys that are being destroyed. */
  readonly shredsLeft: number;
  /** How long data of ended runs is kept, by pipeline; `because` of the class of a contract that says so. */
  readonly retention: readonly {
    readonly pipeline: string;
    readonly keepMs: number;
    readonly because?: string;
  }[];
}
