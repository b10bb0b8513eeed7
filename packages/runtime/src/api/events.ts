import type { Failure, Json, JsonObject } from '@tenon/model';
import type { RunState } from './runs.ts';

export interface IncomingEvent {
  /** `crm.subscriptionUpgraded`. */
  readonly event: string;
  readonly payload: Json;
  /** Of the message, as far as its contract declares them; kept only where a pipeline that it starts reads them. */
  readonly headers?: JsonObject;
  /** The delivery's own id (webhook id), never empty: the same delivery twice is recorded once (inbox, C78). */
  readonly deliveryId: string;
  /**
   * Where it came from: the name of the connection, alone or with a `/` and the place there behind it. Pipelines read that name as
   * `connection`; a source with a `:` in it is no connection. `manual:`, `pipeline:` and `quarantine:` begin the sources of what began here (and
   * `manual:` the place, of what a drill brings in as over a connection), and are refused (`EVENT_SOURCE_RESERVED`): who started a run cannot be said
   * from outside.
   */
  readonly source: string;
  readonly traceparent?: string;
  /**
   * What becomes of an event that cannot be what its contract describes. `refuse` (default): nothing is stored, the
   * sender is told. `quarantine`: for senders that cannot be told (a queue); it is stored whole, and a run parked in
   * quarantine, with its owner, for each pipeline that it would have started. A `Failure`: it is known to be such.
   */
  readonly invalid?: 'refuse' | 'quarantine' | Failure;
  /** Read from a listing that is asked for again and again: that a delivery is known is no news, and leaves no entry. */
  readonly isListed?: boolean;
  /** How far the source has come with this event: stored with it, in one transaction (C76). Read with `cursor`. */
  readonly cursor?: { readonly name: string; readonly value: string };
}

export interface AcceptedRun {
  readonly runId: string;
  readonly pipeline: string;
  /** Absent of an earlier run whose data is gone from an encrypted file, where it had another key than the one that came now. */
  readonly key?: string;
  /** `false` when the business key was known already: `runId` is then the first run, `state` its state. */
  readonly started: boolean;
  readonly state: RunState;
  /** Its business key is known from another delivery, whose payload was another one, as far as that is still kept. */
  readonly payloadDiffers?: boolean;
}

export type AcceptResult =
  | {
      readonly ok: true;
      /** `runs` are then those of the first one, whatever it says now. */
      readonly duplicateDelivery: boolean;
      /** The same delivery came with another payload before, as far as that is still kept: what it says now was not taken. */
      readonly payloadDiffers?: boolean;
      readonly runs: readonly AcceptedRun[];
      /** Why the event, stored, is held in quarantine (see `IncomingEvent.invalid`). */
      readonly quarantined?: Failure;
      /** Pipelines that a feature flag kept from taking the event. */
      readonly flaggedOff?: readonly string[];
      /** Pipelines that left the event out, since they had taken a newer one of its entity. It is stored, and in the ledger. */
      readonly older?: readonly string[];
    }
  /** Nothing was stored: the payload violates its contract, the event has no names, or the runtime is full or stopping. */
  | { readonly ok: false; readonly failure: Failure };

/** Who hears events of a name as things stand. */
export interface EventHearers {
  /** Pipelines in force that one starts, where their condition holds. */
  readonly starts: readonly string[];
  /** Pipelines in force with a step that waits for one. */
  readonly waits: readonly string[];
  /** Some run waits for one now, whether it is of a plan in force or of an earlier one. */
  readonly isAwaited: boolean;
}

export interface RecheckFilter {
  /** Events of which this pipeline has a run in quarantine. */
  readonly pipeline?: string;
  readonly event?: string;
  /** Release what passes; without it nothing is changed. */
  readonly apply?: boolean;
  /** No event that came after this one, as a dry run gave it. */
  readonly through?: number;
  /** Release also what a later event of its order key has overtaken, or may have: the newest version that was taken cannot be read. */
  readonly overtaken?: boolean;
}

export interface RecheckedEvent {
  readonly event: string;
  readonly source: string;
  readonly deliveryId: string;
  /** Parked for it. */
  readonly runs: readonly { readonly runId: string; readonly pipeline: string }[];
  /**
   * `passes`: it would be released. `fails`: it does not fit now either. `behind`: an earlier one of its key stays.
   * `moving`: a run of it is not parked yet, so that it could not be released for all of its pipelines.
   * `overtaken`: a later one of its key was taken or, with `failure`, nobody can tell. `unreadable`: it was never read, or is damaged (`failure` says which), so it is to be sent again. `unheard`: no
   * pipeline listens any more. `gone`: its data is no longer kept. `changed`: somebody else was faster.
   */
  readonly outcome:
    | 'passes'
    | 'released'
    | 'fails'
    | 'behind'
    | 'moving'
    | 'overtaken'
    | 'unreadable'
    | 'unheard'
    | 'gone'
    | 'changed';
  readonly failure?: Failure;
  /**
   * Of one that was released: what it came to, by pipeline; of one that passes: what it would come to as things stand (what
   * stands before it may change that). Empty where only runs that wait hear it.
   */
  readonly became?: readonly ReleasedTo[];
}

export interface ReleasedTo {
  readonly pipeline: string;
  /**
   * `started`: a run. `known`: its business key was taken before, by this run. `flaggedOff`: a feature flag is against it.
   * `older`: a newer version of its entity was taken before.
   */
  readonly as: 'started' | 'known' | 'flaggedOff' | 'older';
  readonly runId?: string;
}

export interface RecheckReport {
  readonly applied: boolean;
  /** The last event that was looked at: give it to `apply`, to act on these and no later ones. */
  readonly through: number;
  /** In the order in which they came. */
  readonly events: readonly RecheckedEvent[];
  /** There are more than are looked at at once: do it again. */
  readonly more: boolean;
}
