import type { FailureClass } from '@tenon/model';
import type { SourcePlan } from './source-plan.ts';
import type { Transport, TransportContext } from './transport.ts';

/** One message as a broker handed it over, not yet understood. */
export interface IncomingMessage {
  /** What the broker, or else the sender, knows it by: the same at each redelivery, and at no other message. */
  readonly id?: string;
  readonly body: Uint8Array;
  readonly contentType?: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  /** The broker has handed it out before. */
  readonly redelivered: boolean;
  /** Why the source could not make of it what the contract describes, in one sentence without its values: it is held as it came. */
  readonly problem?: string;
  /** How far the source has come with it: stored with the event, in one transaction. For sources that keep their own place. */
  readonly cursor?: string;
}

/**
 * What is to be told to the broker. `accepted`: it is on our disk, so let the broker forget it. `returned`: it was not
 * taken, the broker is to keep it and hand it out again. `rejected`: it is not for us ever; to the broker's own dead
 * letters with it.
 */
export type Settlement = 'accepted' | 'returned' | 'rejected';

export type SourceState = 'connecting' | 'consuming' | 'stopped';

export interface SourceContext extends TransportContext {
  readonly plan: SourcePlan;
  /** The last `cursor` that was stored; absent at the very first. */
  cursor(): string | undefined;
  /**
   * Stores how far the source has come without a message, for one that is to go on from there though it has delivered nothing yet. Never
   * rejects; resolves `true` once it is on disk. Absent where nothing is kept.
   */
  keepCursor?(cursor: string): Promise<boolean>;
  /** Carries out the operations of the connection, for sources that ask by one. */
  readonly transport?: Transport;
  /** Never rejects. Resolves `accepted` only once the event is on disk: nothing may be acknowledged before. */
  deliver(message: IncomingMessage): Promise<Settlement>;
  /**
   * Why such a message would be held and start nothing, or `undefined`: for sources that take several together or none of them. Nothing is
   * stored. Absent where nobody can say; then what the source itself cannot read is all that it can judge by.
   */
  misfit?(message: IncomingMessage): string | undefined;
  /**
   * Tells how the source is; `problem` says in one sentence, without secrets, why it is not consuming, or what is amiss though it is, and
   * `problemClass` which class a call would fail with over the same: `auth` and `permission` are for a person to mend.
   */
  report(state: SourceState, problem?: string, problemClass?: FailureClass): void;
  /** Tells how many messages wait at the broker, as last seen there. */
  lag?(messages: number): void;
}

/**
 * Takes messages from one place, over one connection, until it is stopped. It begins when it is made, connects by itself and
 * connects again with growing pauses for as long as it lives: a broker that is down is a state, not an error.
 *
 * - At most `plan.prefetchMax` messages are out to `deliver` at a time.
 * - `deliver` is called in the order in which the broker gave the messages out; it may resolve in any other.
 * - What was not settled when a connection ended is the broker's to hand out again.
 */
export interface Source {
  /** Can it hand a message to the broker's own dead letters? Else `rejected` is never asked of it. */
  readonly canReject: boolean;
  /** Takes no more, lets what is under way be settled, and closes. */
  stop(): Promise<void>;
}
