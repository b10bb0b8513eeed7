import type { Failure } from '@tenon/model';
import type { Plan } from '@tenon/pipeline';
import type { DueDrill } from './drills.ts';
import type { DeadLetter } from './open-work.ts';
import type { ReconciliationFlow } from './reconciliations.ts';
import type { RunState } from './runs.ts';

/** Done or undone by hand, or what became of an effect in doubt. */
export type Override = 'done' | 'undone' | 'close' | 'confirm' | 'redo' | 'compensate';

/** Who answers for what no pipeline owns: the disk, the signing of the ledger. */
export interface Answering {
  readonly team: string;
  readonly backup?: string;
  readonly escalation?: string;
}

/** What somebody is to be told of. A type, so that it can be the details of an entry. */
export type Alarm = {
  readonly alarm:
    | 'deadLetters'
    | 'inDoubt'
    | 'flagExpired'
    | 'intakeClosed'
    | 'checkpointFailed'
    | 'secretUse'
    | 'recordsDiffer'
    | 'reconciliationFailed'
    | 'drillOverdue'
    | OutsideTrouble['alarm'];
  /** For whoever is woken by it. */
  readonly message: string;
  /** The command to begin with. */
  readonly next: string;
  readonly pipeline?: string;
  readonly queue?: string;
  readonly flag?: string;
  readonly expiresAtMs?: number;
  readonly setBy?: string;
  /** Why no event is taken, or two systems could not be compared. */
  readonly code?: string;
  /** The secret that was used, by the first use that was told: over which connection, in which run, at which step. */
  readonly reference?: string;
  readonly connection?: string;
  /** Of dead letters and effects in doubt, how many of them are of events over which connection; of 10,000 at most. */
  readonly connections?: Readonly<Record<string, number>>;
  /** Where messages are taken from over the connection, or are not. */
  readonly source?: string;
  readonly run?: string;
  readonly step?: string;
  readonly reconciliation?: string;
  /** The last report of it. */
  readonly report?: string;
  readonly differences?: number;
  readonly alarmAbove?: number;
  /** The bounds that it goes over, of those that count and of those that tell an age. */
  readonly crossed?: readonly ('depth' | 'age')[];
  readonly depth?: number;
  readonly depthMax?: number;
  readonly ageMs?: number;
  readonly ageMaxMs?: number;
  readonly owner?: string;
  readonly triage?: string;
  readonly data?: string;
  readonly backup?: string;
  readonly escalation?: string;
};

/** What goes wrong outside of the runtime, where no run fails of it and so nobody hears: nothing comes in, or nothing could go out. */
export interface OutsideTrouble {
  readonly alarm: 'sourceDown' | 'sourceBehind' | 'connectionDown';
  readonly connection: string;
  readonly source?: string;
  readonly message: string;
  readonly next: string;
  /** Those that would come from the source. */
  readonly events?: readonly string[];
}

export interface FlowReport {
  readonly atMs: number;
  /** Alarms that were given and are not over. */
  readonly alarms: readonly (Alarm & { readonly sinceMs: number })[];
  /** Absent where the ledger is not signed. */
  readonly checkpoints?: CheckpointFlow;
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
  /** What pipelines ask to have drilled. */
  readonly drills: readonly DueDrill[];
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
    /** Outcomes that people gave in place of the runtime's own. */
    readonly overrides: Readonly<Record<Override, number>>;
  };
  /** Effects whose outcome is not known. */
  readonly inDoubt: readonly {
    readonly pipeline: string;
    readonly count: number;
    readonly oldestMs: number;
  }[];
  readonly deadLetters: readonly {
    readonly pipeline: string;
    readonly queue: DeadLetter['queue'];
    readonly class: string;
    readonly count: number;
    readonly oldestMs: number;
  }[];
}

/** Moments are those at which the checkpoints were signed. While nothing new is entered, none is. */
export interface CheckpointFlow {
  /** Most time between an entry and a checkpoint over it. */
  readonly everyMs: number;
  /** Of the last one in its file. */
  readonly keptAtMs?: number;
  /** Of the last one that the witness has taken; absent where there is no witness. */
  readonly witnessedAtMs?: number;
  /** The last could not be kept, or its witness did not take it, so often in a row. */
  readonly failure?: { readonly message: string; readonly times: number };
}

export interface PipelineFlow {
  readonly pipeline: string;
  /** With which what comes is carried out: that of the workspace, unless somebody has gone back to another. */
  readonly version: number;
  /** Nothing starts it any more; it is shown for as long as runs of it wait or are at work. */
  readonly isRetired?: true;
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
