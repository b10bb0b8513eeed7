import type { Json, JsonObject } from '@tenon/model';

/**
 * What is rehearsed where a Tenon runs (C130). `walkthrough`: the people who would be called walk through the places where somebody is
 * needed. `restore` is of the whole database, `rotation` of a connection, the others of a pipeline.
 */
export type DrillKind = 'killSwitch' | 'flag' | 'rotation' | 'replay' | 'restore' | 'walkthrough';

/** What one drill is of. */
export interface DrillSubject {
  readonly kind: DrillKind;
  readonly pipeline?: string;
  readonly connection?: string;
}

/** `inconclusive`: there was nothing to judge by, as when no run was there to be held. It counts as no drill. */
export type DrillVerdict = 'passed' | 'failed' | 'inconclusive';

/** What a person, or a command that looked at the database itself, has to say of a drill. */
export interface DrillRequest extends DrillSubject {
  readonly verdict: DrillVerdict;
  /** Epoch ms; default: now. */
  readonly startedAtMs?: number;
  /** Epoch ms, not in the future; default: now. */
  readonly endedAtMs?: number;
  /** Why it has not passed: sentences of our own, no data. */
  readonly findings?: readonly string[];
  /** What was measured, by name with its unit last. */
  readonly figures?: Readonly<Record<string, number>>;
  /** Who took part: teams and roles rather than names, for it stays for ever. */
  readonly people?: readonly string[];
}

/** A drill that is over, as the ledger has it. */
export interface DrillResult extends DrillSubject {
  readonly id: string;
  readonly verdict: DrillVerdict;
  /** Who judged it: the runtime by its ledger, a command by what it measured, or a person. */
  readonly judgedBy: 'runtime' | 'command' | 'person';
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  readonly actor: string;
  readonly reason: string;
  readonly findings: readonly string[];
  readonly figures: Readonly<Record<string, number>>;
  readonly people?: readonly string[];
}

/** A drill that a pipeline owes by its `drills: { every }`, for what it has: a credential is to be rotated where one is used. */
export interface DueDrill extends DrillSubject {
  readonly pipeline: string;
  readonly everyMs: number;
  /** The last that was judged, if there was one. */
  readonly last?: Pick<DrillResult, 'id' | 'verdict' | 'endedAtMs' | 'actor'>;
  readonly lastPassedAtMs?: number;
  /** By when it must be passed: at once after one that failed. Of one that was never done, a round after the pipeline began to ask for it. */
  readonly dueAtMs: number;
  readonly isOverdue: boolean;
}

export interface DrillReport {
  readonly atMs: number;
  /** By pipeline, in the order of kinds. */
  readonly due: readonly DueDrill[];
  /** The newest first; the ledger has all of them. */
  readonly results: readonly DrillResult[];
  /** One at a time. */
  readonly underWay?: DrillUnderWay;
}

/** An event that a drill brings in itself, as one that the pipeline starts with: what it starts is done. */
export interface TrialEvent {
  readonly payload: Json;
  readonly headers?: JsonObject;
  /** Over which it is said to come; pipelines read its name as `connection`. */
  readonly connection?: string;
}

/** A drill that the runtime holds itself, and judges by its ledger. */
export type LiveDrillRequest =
  | {
      readonly kind: 'killSwitch';
      readonly pipeline: string;
      /** How long the switch is thrown. Default 10 s; 3 s to 5 min. */
      readonly holdMs?: number;
      /** How long what had waited may take to go on. Default 60 s, at most 10 min. */
      readonly settleMs?: number;
      /** Brought in while the switch is thrown, where nothing else may come. */
      readonly trial?: TrialEvent;
    }
  | {
      readonly kind: 'flag';
      readonly pipeline: string;
      /** With a business key of its own: the flag is off for that key alone. */
      readonly trial: TrialEvent;
    }
  | {
      readonly kind: 'replay';
      readonly pipeline: string;
      /** Of runs that were accepted from then on (epoch ms). */
      readonly fromMs: number;
      /** And until then. */
      readonly toMs: number;
      /** Replay those that have succeeded; default: a dry run alone. */
      readonly apply?: boolean;
    }
  | {
      readonly kind: 'rotation';
      readonly connection: string;
      /** How long the new credential may take to be put in place. Default 5 min, at most 1 h. */
      readonly waitMs?: number;
      /** How long calls are watched after that. Default 75 s, at most 10 min: what is held is read anew after a minute. */
      readonly watchMs?: number;
    };

/** What a drill asks of the credential of one connection. */
export interface CredentialPort {
  /** Tells the credential that is kept now from any other, and says nothing of it. Rejects where it cannot be had. */
  mark(): Promise<string>;
  /** Makes the health call with the credential read anew; the code of its failure, `undefined` where it works. */
  healthRefusal(): Promise<string | undefined>;
}

/** A drill that the runtime is at. */
export interface DrillUnderWay extends DrillSubject {
  readonly id: string;
  readonly startedAtMs: number;
  readonly actor: string;
  readonly reason: string;
  /** What it is at, in words. */
  readonly phase: string;
}
