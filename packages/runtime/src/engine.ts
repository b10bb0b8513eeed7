import type { Json, JsonObject } from '@tenon/model';
import type { LedgerEntry, RunState, Runtime, RuntimeOptions } from './runtime.ts';
import type { CallAt } from './switches.ts';

/**
 * The engine port: what the interpreter needs of durability, and no more. The interpreter is an ordinary function that
 * is run again from the top after a crash or a wait; whatever it did before comes back from the run's journal, by key.
 * So between two calls of this port it must be a pure function of what the port returned.
 *
 * An engine may abandon the interpreter at any `await` of the port by throwing `Suspension`, and call it again later:
 * the interpreter never catches it.
 */
export interface RunContext {
  readonly run: RunIdentity;

  /** The wall clock. Not journaled: what depends on it goes through `step`. */
  now(): number;
  random(): number;

  /**
   * `body`'s value, computed once in the life of the run. On a re-execution, and when the same key is asked for again, `body` is not
   * called. Steps are recorded in order, and are on disk at the latest when `durable` resolves.
   */
  step<T extends Json>(key: string, body: () => Recorded<T> | Promise<Recorded<T>>): Promise<T>;

  /** Resolves when everything recorded is on disk. Awaited before anything that the outside can see. */
  durable(): Promise<void>;

  /** Keeps facts that a re-execution finds again (a branch taken): they are stored with the next record. */
  note(fact: Fact): void;

  /**
   * Stores what was noted up to here with a row of its own, so that a re-execution drops it, whatever is open by then. Does nothing
   * on the way to what was recorded before there were such rows.
   */
  mark(key: string): void;

  /** Within a strand that goes on where it had ended in an earlier round: what it noted up to there was stored with its end. */
  passedEnd(): void;

  /**
   * The strand has failed of itself at this place: executed again it comes here, and on the way nothing is waited for and only a
   * cancellation stops it, not another that was stopped for its sake. Needed where a failure leaves no record, such as a check's.
   */
  failed(place: string): void;

  /** Phase the run shows while it moves on. Default `running`. */
  enter(phase: 'running' | 'compensating'): void;

  /**
   * Returns when the clock is there; the run costs no memory until then. `atMs` must come from the journal. With a
   * `place` (see `interruption`) it returns early when the run is to stop, and says why.
   */
  sleepUntil(
    atMs: number,
    step: string,
    place?: string,
    clock?: 'deadlinePaused',
  ): Promise<Interruption | undefined>;

  /**
   * Should the run stop here: past its deadline, or cancelled? Answers the same at the same place when executed again.
   * The one point at which an engine that shuts down may suspend a run that has something to do. `isPast`: the place was left
   * behind in an earlier round, so only what stopped it then does, even where it left no record. `goesOn`: a run that is not to stop
   * goes on at once, and is not suspended: what it has just seen would be old when it is up again.
   */
  interruption(place: string, isPast?: boolean, goesOn?: 'goesOn'): Interruption | undefined;

  /**
   * May such a call go out now? `undefined` when it may, at the cost of one read. Else the run is put by, durable and
   * with its deadline stopped, and goes on here when it may; with a `place` it ends early when the run is to stop. What ended early
   * comes by the same place in its next round, and is not ended there by that again.
   */
  hold(call: HeldCall): Promise<Interruption | undefined> | undefined;

  /** Waits for a value from outside, recorded under `key`. Only one value is ever recorded, or that it expired. */
  signal(key: string, wait: SignalWait): Promise<Signal>;

  /** Waits for an event that came after the run's own. Each candidate is shown to `matches` in order of arrival. */
  event(key: string, wait: EventWait): Promise<Signal>;

  /**
   * Publishes an event, over one connection alone where `over` names it; the record, the event and the runs that it starts are one
   * write.
   */
  emit(
    key: string,
    event: string,
    parts: { readonly payload: Json; readonly headers?: JsonObject; readonly over?: string },
    facts: readonly Fact[],
  ): Promise<Json>;

  /**
   * Starts a run of another pipeline; its record and the run are one write, so it is started once in the life of this
   * run. It has this run's correlation and what is left of its deadline. What cannot be started is a failure, recorded
   * as well.
   */
  startChild(key: string, child: ChildStart): Promise<ChildStarted>;

  /**
   * Waits for the `nth` time (from 0) that a child comes to an end or is parked; that was told with its end, in one
   * write. What the child worked counts as worked by this run, in the same write as the record.
   */
  childEnd(key: string, wait: ChildWait): Promise<Signal>;

  /**
   * Tells a child to go on where it failed, or to undo what it did, whatever it is at. The record goes with the word. Gives how often the
   * child had been parked by then, which is the `nth` of the end that comes of this word; not on the way to what earlier versions recorded.
   */
  tellChild(key: string, word: ChildWord): Promise<number | undefined>;

  /** Who takes this run back after it had succeeded, as its parent is undone. */
  takenBack(): Cancellation | undefined;

  /**
   * Who has cancelled this run, asked where all its steps have ended. A run never succeeds whose cancellation was taken: one that comes
   * between the answer and the end has the run carried out once more, to be undone.
   */
  cancelled(): Cancellation | undefined;

  /**
   * Carries out strands beside each other, at most `concurrency` of them at work at a time, until all have ended; gives
   * their ends in order, `undefined` for one that never began. Each has a context of its own, whose keys no other sees.
   * One that has to wait lets the others go on; when all that are left wait, so does the run. What it records begins
   * with a row of its own: a strand without a row has done nothing.
   */
  fork<T>(fork: Fork<T>): Promise<readonly (T | undefined)[]>;

  /**
   * From now until the function it gives is called, what is done here, and in strands forked meanwhile, must end earlier:
   * `leftMs` before it had to. Less than none changes nothing. The same whenever it is executed again.
   */
  bound(bound: StepBound): () => void;

  /** A person has resumed the run at a step within: what `bound` has set here begins anew, as the run's own deadline has. */
  boundsAnew(): void;

  /** When the run, or the step that bounds what is done, must have ended (epoch ms). Time spent waiting for people, events and dates does not count. */
  deadlineAt(): number;

  /**
   * An earlier process may have begun what the interpreter is about to do: `true` from a crash on until the next
   * record.
   */
  interrupted(): boolean;

  /** A stamp to measure from with `sinceMs`. Unlike the wall clock it is never set back. */
  passed(): number;

  /** How much has passed since a stamp: what truly has, or more. */
  sinceMs(passedMs: number): number;

  /** The stamp of when the run last recorded something, or an earlier one: nothing after it can have been sent earlier. */
  lastRecordAt(): number;
}

/**
 * The port from outside, which intake and operators use: start by key, what a waiting run is told, cancel, and what the
 * ledger says of runs. An adapter offers this and carries `interpret` out over `RunContext`;
 * `test/conformance/src/engine` is what it must pass.
 */
export type Engine = Pick<
  Runtime,
  | 'activate'
  | 'accept'
  | 'decide'
  | 'settle'
  | 'resume'
  | 'markDone'
  | 'cancel'
  | 'runs'
  | 'run'
  | 'trace'
  | 'switches'
  | 'setSwitch'
  | 'liftSwitch'
  | 'idle'
  | 'stop'
>;

export type EngineOptions = Pick<RuntimeOptions, 'clock' | 'random' | 'transport' | 'onEntry'>;

export interface Fork<T> {
  /** Under which the joining of all strands is recorded. */
  readonly key: string;
  readonly concurrency: number;
  readonly strands: readonly StrandPlan<T>[];
  /**
   * Does this end stop the others? Those at work are told at their next `interruption`, so that each comes to an end
   * that is recorded; those that have not begun never do.
   */
  stops(end: T): boolean;
  /** Had it ended so when the same strands were joined before? Then what it noted is on record. */
  isPast(end: T): boolean;
  /** Facts of the joining. */
  joined(ends: readonly (T | undefined)[]): readonly Fact[];
}

export interface StrandPlan<T> {
  /** Unique among the strands of the run, and made of neither time nor chance; no `|` in it. */
  readonly name: string;
  run(ctx: RunContext): Promise<T>;
}

/** What a switch, or a closed connection, may hold. */
export interface HeldCall extends CallAt {
  readonly step: string;
  readonly place?: string;
}

export interface RunIdentity {
  readonly runId: string;
  readonly pipeline: string;
  /** The business key. */
  readonly key: string;
  readonly correlationId: string;
  readonly traceparent: string;
  readonly acceptedAtMs: number;
  readonly input: Json;
  /** Of the event that started it, as far as the plan reads them. */
  readonly headers: JsonObject;
  /** The connection over which that event came; absent where it came over none. */
  readonly connection?: string;
  /** Goes into every digest of the run's data: see `saltedDigest`. */
  readonly salt: string | null;
  /** The event came in, and its key or condition could not be computed: the run exists only to say so. */
  readonly intakeFailure?: JsonObject;
  /** The run that started it as a child. */
  readonly parent?: { readonly runId: string; readonly step: string };
}

export interface ChildStart {
  /** Place of the step. */
  readonly step: string;
  /** Hash of the child's plan. */
  readonly plan: string;
  readonly input: Json;
  facts(runId: string, hops: number): readonly Fact[];
}

export type ChildStarted =
  | {
      readonly runId: string;
      /** What the child is known by in the whole run. */
      readonly child: string;
      /** Within a strand: its place in the order of the run's records. */
      readonly nth?: number;
    }
  | { readonly failure: JsonObject };

export interface ChildWait {
  /** As `startChild` gave it. */
  readonly child: string;
  readonly nth: number;
  readonly opening: Opening;
  readonly facts: readonly Fact[];
  /** Facts of the end. */
  ended(end: ChildEnd): readonly Fact[];
  /** Neither a cancellation nor a deadline ends the wait. */
  readonly isUnstoppable?: boolean;
}

/** How a child ended, or with what it is parked: as it is told to its parent. */
export interface ChildEnd {
  readonly state: Extract<RunState, 'succeeded' | 'compensated' | 'cancelled' | 'failed'>;
  readonly output?: Json;
  /** Effects of it that would have to be undone. */
  readonly effects: number;
  readonly failure?: JsonObject;
  /** Working time since it began, or was last resumed. */
  readonly workedMs: number;
  readonly nth?: number;
}

export interface ChildWord {
  readonly child: string;
  readonly runId: string;
  readonly step: string;
  readonly say: 'resume' | 'undo';
  readonly reason: string;
}

/** A ledger entry to be: the engine adds sequence, time, run and correlation. Holds no payload and no secret. */
export interface Fact {
  readonly kind: LedgerEntry['kind'];
  readonly step?: string;
  readonly attempt?: number;
  /** When it happened (epoch ms), where that is before it is recorded. */
  readonly atMs?: number;
  readonly details: JsonObject;
}

export interface Recorded<T> {
  readonly value: T;
  readonly facts?: readonly Fact[];
  /** Work for a person that begins here. */
  readonly openings?: readonly Opening[];
  /** Within a strand the value, an object, is given its place in the order of the run's records, as `nth`. */
  readonly numbered?: boolean;
}

/** Something open that a person, or an event, must close: listed by the operations API. */
export interface Opening {
  readonly kind: 'approval' | 'doubt' | 'deadLetter' | 'event' | 'forwardFix' | 'child';
  /** Unique within the run; an opening with a known key replaces the earlier one. */
  readonly key: string;
  readonly step: string;
  readonly owner: string;
  readonly detail: JsonObject;
}

export interface SignalWait {
  /** State of the run while it waits. `failed` frees its place in the order of its key; the others hold it. */
  readonly state: Extract<RunState, 'waiting' | 'inDoubt' | 'failed'>;
  readonly opening: Opening;
  readonly facts: readonly Fact[];
  readonly expiresAtMs?: number;
  /** Recorded when it expires. */
  readonly expiryFacts?: readonly Fact[];
  /** Neither a cancellation nor a deadline ends it. */
  readonly isUnstoppable?: boolean;
  /** The run is parked: whoever started it as a child is told so, and how many effects it has. */
  readonly told?: { readonly effects: number };
}

export interface EventWait {
  readonly step: string;
  readonly event: string;
  /** `connection`: over which it came, where it came over one. */
  matches(payload: Json, connection?: string): boolean;
  readonly expiresAtMs: number;
  /** Recorded when it expires. */
  readonly expiryFacts: readonly Fact[];
  readonly facts: readonly Fact[];
}

export type Signal =
  | { readonly as: 'value'; readonly value: Json }
  | { readonly as: 'expired' }
  /** The run is to stop. Never for a wait in doubt: an unknown outcome is settled first. */
  | { readonly as: 'interrupted'; readonly interruption: Interruption };

export interface StepBound {
  /** Id of the step whose deadline it is. */
  readonly step: string;
  readonly leftMs: number;
  /** Of which `leftMs` was made. */
  readonly deadlineMs: number;
}

export type Interruption =
  /** The run's, or that of a `step`. */
  | { readonly kind: 'deadline'; readonly step?: string }
  | ({ readonly kind: 'cancelled' } & Cancellation)
  /** Another strand of the same fork, `by` name, has ended in a way that stops this one. */
  | { readonly kind: 'stopped'; readonly by: string };

export interface Cancellation {
  readonly actor: string;
  readonly reason: string;
}

/** How the interpreter ends. Openings stay listed after the end. */
export interface RunEnd {
  readonly state: 'succeeded' | 'compensated' | 'cancelled';
  /** What went wrong, with the step at fault. */
  readonly failure?: JsonObject;
  readonly facts: readonly Fact[];
  readonly openings?: readonly Opening[];
  /** What whoever started it as a child is told. */
  readonly told?: { readonly output?: Json; readonly effects: number };
}

/** Thrown by an engine to leave the interpreter until there is something to do. Not an error. */
export class Suspension extends Error {
  constructor() {
    super('suspended');
  }
}
