import type { DeadLetter } from './open-work.ts';
import type { RunState } from './runs.ts';

export interface ReplayFilter {
  readonly runId?: string;
  readonly pipeline?: string;
  readonly key?: string;
  /** Of the runs of one entity: see `RunSummary`. */
  readonly orderKey?: string;
  /** Whose event came over this connection: see `RunSummary`. */
  readonly connection?: string;
  readonly fromMs?: number;
  readonly toMs?: number;
  readonly state?: RunState;
  readonly correlationId?: string;
  /** Name of the event that the run began with. */
  readonly event?: string;
  /** Of the event that the run began with. */
  readonly deliveryId?: string;
  /** Runs with a dead letter of this group, queue or class. */
  readonly fingerprint?: string;
  readonly queue?: DeadLetter['queue'];
  readonly failureClass?: string;
  /** Exactly these runs. */
  readonly runIds?: readonly string[];
}

export interface ReplayOptions {
  /** Runs resumed a second, at most. Default 10. */
  readonly perSecond?: number;
}

export type ReplayResult =
  | { readonly ok: true; readonly report: ReplayReport }
  | { readonly ok: false; readonly code: string; readonly message: string };

export interface ReplayReport {
  /** Applies exactly these runs, once, until then. */
  readonly token: string;
  readonly expiresAtMs: number;
  readonly runs: readonly {
    readonly runId: string;
    readonly pipeline: string;
    readonly key: string;
    readonly effectsSkipped: readonly string[];
    readonly effectsToSend: readonly string[];
    /** Whose effects nobody knows any more, so that neither list names them; absent where all are known. */
    readonly effectsUnknown?: readonly UnknownEffects[];
    /** It is resumed, though there may be reads and checks alone to do; otherwise it has ended well, and that is noted. */
    readonly goesOn: boolean;
    /** Why a replay can do nothing for this run; both lists are then empty. */
    readonly refused?: string;
  }[];
}

/** Effects of a run whose data are gone; it has ended, so a replay sends none of them. A type: it goes into the ledger as JSON. */
export type UnknownEffects = {
  /** The step that ran it, of a child; the run itself has none. */
  readonly step?: string;
  readonly because: 'erased' | 'pastRetention';
};

export interface ReplayStatus {
  readonly token: string;
  readonly filter: ReplayFilter;
  readonly actor: string;
  readonly reason: string;
  readonly atMs: number;
  readonly applied?: {
    readonly actor: string;
    readonly reason: string;
    readonly atMs: number;
    readonly perSecond: number;
  };
  /** Runs by what the replay did with them; what came of that since is in `standing`. */
  readonly runs: Readonly<Partial<Record<'planned' | 'waiting' | 'sent' | 'done' | 'refused', number>>>;
  /** Runs by how they stand now. */
  readonly standing: Readonly<Partial<Record<ReplayStanding, number>>>;
  /** Runs with how they stand now, those that somebody has to look at before the others: 1000 at most. */
  readonly listed: readonly {
    readonly runId: string;
    readonly pipeline: string;
    readonly stands: ReplayStanding;
    readonly state: RunState;
  }[];
}

/**
 * `planned`: not applied yet. `toBeSent`: its turn has not come. `refused`: nothing could be done for it. The others were let out, or had
 * ended well before: `failedAgain` is parked once more.
 */
export type ReplayStanding =
  | 'planned'
  | 'toBeSent'
  | 'refused'
  | 'atWork'
  | 'waiting'
  | 'failedAgain'
  | 'inDoubt'
  | 'succeeded'
  | 'compensated'
  | 'cancelled';
