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
