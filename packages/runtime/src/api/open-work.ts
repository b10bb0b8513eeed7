import type { Failure, Json, JsonObject } from '@tenon/model';
import type { ApartFromOne, RunState } from './runs.ts';

export interface PendingApproval extends ApartFromOne {
  readonly runId: string;
  readonly pipeline: string;
  /** Of the pipeline that its run keeps to. */
  readonly version: number;
  readonly stepId: string;
  readonly by: string;
  readonly sinceMs: number;
  readonly expiresAtMs: number;
  readonly show: Json;
  readonly key: string;
  /** Over which the event of the run came: see `RunSummary`. */
  readonly connection?: string;
}

export interface InDoubtEntry {
  readonly runId: string;
  readonly pipeline: string;
  readonly key: string;
  /** Over which the event of the run came: see `RunSummary`. Over which the effect was sent is in `evidence`. */
  readonly connection?: string;
  readonly stepId: string;
  readonly operation: string;
  /** Absent where the call carried none. */
  readonly idempotencyKey?: string;
  readonly sinceMs: number;
  readonly owner: string;
  readonly evidence: JsonObject;
}

/** Owned work on what a run left behind. */
export interface ForwardFix {
  readonly runId: string;
  readonly pipeline: string;
  readonly key: string;
  /** Over which the event of the run came: see `RunSummary`. */
  readonly connection?: string;
  /** The step, or the item of a list: `lines[7]`. */
  readonly stepId: string;
  readonly task: string;
  readonly because: string;
  readonly owner: string;
  readonly sinceMs: number;
  readonly dueAtMs: number;
  /** Of the run: what an item of a list lacks is seldom wanted where all of it was undone. */
  readonly runState: RunState;
}

/** A parked run with its cause and owner (C63). `queue`: `repair` for classes that a retry cannot mend (C64). */
export interface DeadLetter {
  readonly runId: string;
  /** Of the cause: the same for runs that failed alike. */
  readonly fingerprint: string;
  readonly pipeline: string;
  readonly queue: 'retry' | 'repair' | 'quarantine';
  readonly key: string;
  /** The entity that the run is about, as `RunSummary` has it. */
  readonly orderKey?: string;
  /** Over which the event of the run came: see `RunSummary`. */
  readonly connection?: string;
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
  readonly connection?: string;
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
