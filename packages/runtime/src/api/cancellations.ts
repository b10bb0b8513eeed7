import type { RunFilter, RunSummary } from './runs.ts';

/** Runs that are to end; those that have not ended, where no state is named. */
export type CancelFilter = Omit<RunFilter, 'limit' | 'open'>;

export type CancellationResult =
  | { readonly ok: true; readonly report: CancellationReport }
  | { readonly ok: false; readonly code: string; readonly message: string };

export interface CancellationReport {
  /** Cancels exactly these runs, until then. */
  readonly token: string;
  readonly expiresAtMs: number;
  /** The newest first, as they are cancelled: else one that waits for the one before it would begin as that ends. */
  readonly runs: readonly (Pick<RunSummary, 'runId' | 'pipeline' | 'version' | 'key' | 'state' | 'step'> & {
    /** Effects that happened: what can be undone of them is, and for the others the work is opened that was declared for them. */
    readonly effectsDone: readonly string[];
    /** Why it cannot be cancelled as it stands; it is tried all the same when the dry run is applied. */
    readonly refused?: string;
  })[];
}

export type CancelledResult =
  | { readonly ok: true; readonly runs: readonly CancelledRun[] }
  | { readonly ok: false; readonly code: string; readonly message: string };

export interface CancelledRun extends Pick<RunSummary, 'runId' | 'pipeline' | 'key'> {
  /** Why it was not cancelled, with the code. */
  readonly refused?: string;
}
