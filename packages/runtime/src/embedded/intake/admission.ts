import { saltedDigest } from '../../interpreter/salted-digest.ts';
import { traceIdOf } from '../../interpreter/trace-context.ts';
import type { AcceptedRun, AcceptResult, ReleasedTo } from '../../runtime.ts';
import { CommitRefused } from '../commit/commit-queue.ts';
import type { EmbeddedEngine } from '../engine.ts';
import { type Emission, type EventParts, storedEvent } from '../file/event-value.ts';
import { KnownNames, nameNumber } from '../file/known-names.ts';
import type { Noted } from '../file/ledger-rows.ts';
import { isDigest } from '../file/names.ts';
import type { RunRow } from '../file/run-row.ts';
import type { Write } from '../file/statements.ts';
import { UnreadableValue } from '../file/value-codec.ts';
import type { ChildLink } from '../work/children.ts';
import { type Birth, draftRun } from './draft-run.ts';
import { emittedBy } from './event-connection.ts';
import { InboxReads } from './inbox-reads.ts';
import { type Draft, draftsFor, heldKey, type NewEvent, unreadFailure } from './intake.ts';
import { flaggedOff, otherUnderOneId, tooOld } from './not-started.ts';

export type Admitted = Extract<AcceptResult, { ok: true }>;

/**
 * An event on its way in: waits for its names while another is stored under one of them → arrived, its names reserved → stored in
 * a group → over, admitted or refused. Of none of it anything survives a crash before its group is on disk.
 */
interface Arrival {
  readonly event: NewEvent;
  /** Its payload, as JSON. */
  readonly text: string;
  /**
   * What no two may be storing under at a time: the delivery, then each draft's key, then entities. As numbers: of two names with one
   * number the second just waits.
   */
  readonly names: readonly number[];
  readonly drafts: readonly Draft[];
  readonly also: readonly Write[];
  readonly alsoNoted: readonly Noted[];
  /** Of the same names: each enters once this one is over. */
  readonly waiters: (() => void)[];
  readonly admitted: (admitted: Admitted) => void;
  readonly refused: (error: unknown) => void;
}

/** What is there already of what an event would write. */
interface Before {
  /** Its delivery came before: it starts nothing. */
  readonly isKnown: boolean;
  /** And whoever sent it is told what became of that. */
  readonly isToTell: boolean;
  /** The id of a delivery that came before, with something else in it. */
  readonly isOther: boolean;
  /** Runs that the first delivery started. */
  readonly ofFirst: readonly RunRow[];
  /** By draft: the run that it stands for. */
  readonly earlierRuns: readonly (RunRow | undefined)[];
}

const NOTHING_BEFORE: Before = {
  isKnown: false,
  isToTell: false,
  isOther: false,
  ofFirst: [],
  earlierRuns: [],
};

/** What an event comes to: what is written of it, and what its sender is told. */
interface Outcome {
  readonly writes: Write[];
  readonly noted: Noted[];
  readonly runs: AcceptedRun[];
  /** Runs that begin in the write that stores them. */
  readonly claimed: { readonly run: RunRow; readonly link?: ChildLink }[];
  /** Pipelines of runs that wait for their turn. */
  readonly queued: string[];
  readonly flaggedOff: string[];
  readonly older: string[];
}

/**
 * Events on their way in: each is stored once, with the runs that it starts, in one write. What comes under a name that
 * is being stored waits for it.
 */
export class Admission {
  readonly #engine: EmbeddedEngine;
  /** Keys and deliveries whose first event is on its way to the disk, with who waits for that. */
  readonly #reserved = new Map<number, (() => void)[]>();
  readonly #reads: InboxReads;
  readonly known: KnownNames;
  #arrived: Arrival[] = [];
  /** Arrived, or waiting for their names. */
  #arriving = 0;
  /**
   * Names of events that some run may wait for: all that a wait was ever written for, and those in the file at start.
   * Asked when an event's place in the file is settled: a wait before it has been heard of by then, and one after it looks for
   * the event itself.
   */
  readonly #awaited: Set<string>;
  #nextEvent: number;
  #nextRun: number;
  #bytesWaiting = 0;

  constructor(engine: EmbeddedEngine) {
    this.#engine = engine;
    this.#reads = new InboxReads(engine);
    this.known = new KnownNames(engine);
    this.#nextEvent = engine.number('SELECT coalesce(max(seq), 0) AS n FROM events') + 1;
    this.#nextRun = engine.number('SELECT coalesce(max(seq), 0) AS n FROM runs') + 1;
    this.#awaited = new Set(this.#reads.awaitedNames());
  }

  /** Number of the run that was accepted last. */
  get lastRun(): number {
    return this.#nextRun - 1;
  }

  /** Bytes of events that wait for the disk. */
  get bytesWaiting(): number {
    return this.#bytesWaiting;
  }

  /** A run is about to wait for such events. */
  awaits(event: string): void {
    this.#awaited.add(event);
  }

  /**
   * Stores an event, once, with the runs that it starts: one write, together with `also`. Resolves when it is on disk.
   */
  admit(
    event: NewEvent,
    drafts: readonly Draft[],
    also: readonly Write[] = [],
    alsoNoted: readonly Noted[] = [],
  ): Promise<Admitted> {
    const { names: form } = this.#engine.rows;
    const names = [nameNumber('delivery', event.source, form.stored('delivery', event.deliveryId))];
    for (const { loaded, key } of drafts)
      names.push(nameNumber('key', loaded.plan.pipeline, form.stored('key', key)));
    // Which of two events of one entity is the newer one is decided one after the other.
    for (const { version, loaded, orderKey } of drafts)
      if (version !== undefined && orderKey !== undefined)
        names.push(nameNumber('entity', loaded.plan.pipeline, orderKey));
    const text = JSON.stringify(event.payload);
    return new Promise((admitted, refused) => {
      this.#engine.dispatcher.begin();
      this.#bytesWaiting += text.length;
      this.#arriving++;
      this.#enter({ event, text, names, drafts, also, alsoNoted, waiters: [], admitted, refused });
    });
  }

  /** Waits until nobody else is storing under one of its names; then it is stored with all that came in the same turn. */
  #enter(arrival: Arrival): void {
    const taken = this.#taken(arrival.names);
    if (taken !== undefined) {
      taken.push(() => this.#enter(arrival));
      return;
    }
    for (const name of arrival.names) this.#reserved.set(name, arrival.waiters);
    this.#arrived.push(arrival);
    this.#engine.gather();
  }

  /** How many are on their way and in no group yet. */
  get arriving(): number {
    return this.#arriving;
  }

  /** Hands over all that came in this turn of the loop. */
  storeArrived(): void {
    if (this.#arrived.length === 0) return;
    const arrived = this.#arrived;
    this.#arrived = [];
    const unsure = new Set(arrived.filter((arrival) => !this.#isSurelyNew(arrival)));
    const news = this.#reads.newsAmong(unsure);
    for (const arrival of arrived) {
      this.#arriving--;
      try {
        this.#store(arrival, !unsure.has(arrival) || (news.get(arrival) ?? this.#reads.isNews(arrival)));
      } catch (error) {
        this.#isOver(arrival, error);
        this.#engine.dispatcher.end();
      }
    }
  }

  #isOver({ text, names, waiters, refused }: Arrival, error?: unknown): void {
    this.#bytesWaiting -= text.length;
    for (const name of names) this.#reserved.delete(name);
    for (const enter of waiters) enter();
    if (error !== undefined) refused(error);
  }

  async emit(run: RunRow, event: Emission, also: readonly Write[], noted: readonly Noted[]): Promise<void> {
    const { over, ...told } = event;
    const source = emittedBy(run.pipeline, over);
    const { begins, waiting } = this.#engine.inForce.hearing(event.event);
    // It fits the contract of the run that emits it. Where those who hear it keep to another by now it is theirs to mend, and is held until then.
    const drafts = draftsFor({ ...told, source }, begins, 'quarantine', waiting);
    if (!drafts.ok) throw new Error(`${event.event} can neither be told nor held: ${drafts.failure.message}`);
    await this.admit(
      {
        ...told,
        payload: storedEvent(told),
        source,
        traceparent: run.traceparent,
        correlationId: run.correlation_id,
      },
      drafts.drafts,
      also,
      noted,
    );
  }

  /** Takes a stored event in once more, together with `also`, or not at all. */
  async readmit(
    event: Omit<NewEvent, 'payload'> & EventParts,
    drafts: readonly Draft[],
    also: readonly Write[],
    noted: readonly Noted[],
  ): Promise<Admitted> {
    const { headers: _headers, ...rest } = event;
    // What is known starts nothing, and `also` would end what was there instead.
    if (this.#reads.firstDelivery(event) !== undefined)
      throw new CommitRefused('the event was taken in under this name before');
    return this.admit({ ...rest, payload: storedEvent(event) }, drafts, also, noted);
  }

  /** What an event would come to, by pipeline, if it were taken in now. */
  foreseen(event: Omit<NewEvent, 'payload'>, drafts: readonly Draft[]): readonly ReleasedTo[] {
    const now = this.#engine.now();
    return drafts.map((draft) => {
      const { pipeline } = draft.loaded.plan;
      const earlier = this.#reads.runByKey(draft, now);
      if (earlier !== undefined) return { pipeline, as: 'known', runId: earlier.run_id };
      if (flaggedOff(this.#engine.board, event, draft) !== undefined) return { pipeline, as: 'flaggedOff' };
      const late = tooOld(event, draft, this.#reads.newestOf(draft));
      return { pipeline, as: late === undefined || late instanceof UnreadableValue ? 'started' : 'older' };
    });
  }

  /** Why nobody can tell whether a newer event of the entity was taken. */
  unreadNewest(draft: Draft): UnreadableValue | undefined {
    const newest = this.#reads.newestOf(draft);
    return newest instanceof UnreadableValue ? newest : undefined;
  }

  /** One write of it and of all that it comes to; its runs that begin at once are carried on while that is on its way. */
  #store(arrival: Arrival, isNews: boolean): void {
    const { event, also, alsoNoted } = arrival;
    const now = this.#engine.now();
    const before = isNews ? NOTHING_BEFORE : this.#before(arrival, now);
    const { isKnown } = before;
    const outcome: Outcome = {
      writes: [...also],
      noted: [...alsoNoted],
      runs: [],
      claimed: [],
      queued: [],
      flaggedOff: [],
      older: [],
    };
    const eventSeq = isKnown ? undefined : this.#putEvent(arrival, before, outcome, now);
    try {
      this.#putRuns(arrival, before, eventSeq, outcome, now);
    } catch (error) {
      // Nobody will follow them: a place kept for nothing is missing until a restart.
      for (const { run } of outcome.claimed) this.#engine.dispatcher.leave(run.pipeline, run.seq);
      this.#takeBack(outcome);
      throw error;
    }
    const group = this.#engine.open(outcome.writes, outcome.noted);
    if (!isKnown)
      group.atLast(() => (this.#awaited.has(event.event) ? [['wakeWaiting', now, event.event]] : []));
    for (const { run, link } of outcome.claimed)
      this.#engine.dispatcher.follow(
        run.pipeline,
        run.seq,
        this.#engine.activations.activate(run, event, [], [], group, link),
      );
    group.onEnd((error) => {
      this.#isOver(arrival, error);
      if (error === undefined) {
        this.#engine.connectionParts.stored(outcome.writes);
        this.#tell(arrival, before, outcome, now);
      } else this.#takeBack(outcome);
      this.#engine.dispatcher.end();
    });
  }

  /** Looked up for an event that may have come before, or that stands for a run that was started before. */
  #before({ event, text, drafts }: Arrival, now: number): Before {
    const firstSeq = this.#reads.firstDelivery(event);
    // What a listing gives again is no news.
    const isToTell = firstSeq !== undefined && event.isListed !== true;
    const isOther = isToTell && this.#engine.rows.isOtherPayload(firstSeq, text);
    const ofFirst = isToTell ? this.#reads.runsOf(firstSeq) : [];
    const earlierRuns = drafts.map(
      (draft) =>
        ofFirst.find((run) => run.pipeline === draft.loaded.plan.pipeline) ??
        // The key of something else says nothing of the first.
        (isOther ? undefined : this.#reads.runByKey(draft, now)),
    );
    return { isKnown: firstSeq !== undefined, isToTell, isOther, ofFirst, earlierRuns };
  }

  /** The row of the event; gives its number. */
  #putEvent(
    { event, text, names, drafts }: Arrival,
    { earlierRuns }: Before,
    { writes }: Outcome,
    now: number,
  ): number {
    for (let at = 0; at <= drafts.length; at++) this.known.add(names[at]!);
    const seq = this.#nextEvent++;
    const { source, deliveryId, traceparent } = event;
    const values = [
      seq,
      source,
      this.#engine.rows.names.stored('delivery', deliveryId),
      event.event,
      now,
      traceparent ?? null,
    ] as const;
    // What its run was erased of must not come back with the next delivery.
    const isTold = earlierRuns.length > 0 && earlierRuns.every((run) => run !== undefined);
    writes.push(
      isTold && !this.#mayBeAwaited(event.event)
        ? ['putKnownEvent', ...values]
        : ['putEvent', ...values, text],
    );
    return seq;
  }

  /** Of each draft: the run that it repeats, or a new one, or why there is none. `eventSeq`: of an event that is new. */
  #putRuns(
    arrival: Arrival,
    before: Before,
    eventSeq: number | undefined,
    outcome: Outcome,
    now: number,
  ): void {
    const { event, drafts } = arrival;
    const { isOther, ofFirst, earlierRuns } = before;
    // Without a trace it is the id of the first run.
    let correlationId = event.correlationId ?? traceIdOf(event.traceparent);
    for (const [index, draft] of drafts.entries()) {
      const earlier = earlierRuns[index];
      if (earlier !== undefined) {
        const key = ofFirst.includes(earlier) ? this.#keyOf(earlier, draft.key) : draft.key;
        this.#repeat(arrival, before, earlier, key, outcome);
      } else if (eventSeq !== undefined) {
        const run = this.#start(arrival, draft, { eventSeq, correlationId, now }, outcome);
        correlationId ??= run?.correlation_id;
      }
    }
    // Of what it says now, they might not have been started.
    for (const run of ofFirst)
      if (!earlierRuns.includes(run)) this.#repeat(arrival, before, run, this.#keyOf(run), outcome);
    if (isOther && outcome.runs.length === 0) outcome.noted.push(this.#engine.system(otherUnderOneId(event)));
  }

  /** A new run, unless a flag or a newer event of its entity keeps it back. */
  #start(
    { event }: Arrival,
    draft: Draft,
    from: Pick<Birth, 'eventSeq' | 'correlationId' | 'now'>,
    outcome: Outcome,
  ): RunRow | undefined {
    const { pipeline } = draft.loaded.plan;
    const { writes, noted } = outcome;
    const flag = flaggedOff(this.#engine.board, event, draft);
    if (flag !== undefined) {
      outcome.flaggedOff.push(pipeline);
      noted.push(this.#engine.system(flag));
      return undefined;
    }
    const late = tooOld(event, draft, this.#reads.newestOf(draft));
    if (late !== undefined && !(late instanceof UnreadableValue)) {
      outcome.older.push(pipeline);
      noted.push(this.#engine.system(late));
      return undefined;
    }
    const taken = late === undefined ? draft : this.#held(event, draft, late);
    const run = draftRun(this.#engine, { seq: this.#nextRun++, event, ...from }, taken, writes, noted);
    const born = draft.child?.born(run);
    if (born !== undefined) {
      writes.push(...born.writes);
      noted.push(born.noted);
    }
    const link = draft.child?.link;
    if (run.claimed === 1) outcome.claimed.push({ run, ...(link && { link }) });
    else {
      outcome.queued.push(pipeline);
      this.#engine.counts.addBacklog(pipeline, 1);
    }
    outcome.runs.push({ runId: run.run_id, pipeline, key: taken.key, started: true, state: 'accepted' });
    return run;
  }

  /** The run that the event stands for was started before. */
  #repeat(
    { event, text }: Arrival,
    { isKnown, isToTell, isOther }: Before,
    run: RunRow,
    key: string | undefined,
    { noted, runs }: Outcome,
  ): void {
    const { source, deliveryId } = event;
    const { run_id: runId, pipeline, state, salt } = run;
    const payloadDiffers = isKnown ? isOther : this.#engine.rows.isOtherPayload(run.event_seq, text);
    const details = {
      source,
      deliveryId,
      state,
      sameDelivery: isKnown,
      ...(payloadDiffers && { payloadDiffers }),
      ...(payloadDiffers && salt !== null && { payload: saltedDigest(salt, event.payload) }),
    };
    if (!isKnown || isToTell) noted.push(this.#engine.noted(run, [{ kind: 'duplicate', details }]));
    runs.push({
      runId,
      pipeline,
      ...(key !== undefined && { key }),
      started: false,
      state,
      ...(payloadDiffers && !isKnown && { payloadDiffers }),
    });
  }

  /** All is on disk. */
  #tell(
    { event: { event }, admitted }: Arrival,
    { isKnown, isOther }: Before,
    { runs, queued, flaggedOff: off, older }: Outcome,
    now: number,
  ): void {
    for (const pipeline of queued) this.#engine.dispatcher.touch(pipeline, now);
    if (!isKnown && this.#awaited.has(event)) this.#engine.dispatcher.touchAll(now);
    const told: Admitted = {
      ok: true,
      duplicateDelivery: isKnown,
      ...(isOther && { payloadDiffers: true }),
      runs,
    };
    const isPlain = off.length === 0 && older.length === 0;
    admitted(
      isPlain
        ? told
        : { ...told, ...(off.length > 0 && { flaggedOff: off }), ...(older.length > 0 && { older }) },
    );
  }

  /** They are no runs. */
  #takeBack({ queued }: Outcome): void {
    for (const pipeline of queued) this.#engine.counts.addBacklog(pipeline, -1);
  }

  /** What the run is called. Where only a digest of that is left, no name is told but the one that came just now. */
  #keyOf({ key, delivery }: RunRow, came?: string): string | undefined {
    const { names } = this.#engine.rows;
    const isHidden = delivery === undefined && names.isHidden && isDigest(key);
    if (!isHidden) return key;
    return came !== undefined && names.stored('key', came) === key ? came : undefined;
  }

  /** Kept whole, and begun by no one: neither is it lost, nor does it overwrite what may be newer. */
  #held({ deliveryId }: NewEvent, { loaded }: Draft, unread: UnreadableValue): Draft {
    const key = heldKey(deliveryId);
    this.known.add(nameNumber('key', loaded.plan.pipeline, this.#engine.rows.names.stored('key', key)));
    return { loaded, key, failure: unreadFailure(unread) };
  }

  /** Are the delivery and all business keys of an event surely new? Nearly all are. */
  #isSurelyNew({ names, drafts }: Arrival): boolean {
    for (let at = 0; at <= drafts.length; at++) if (this.known.mayHold(names[at]!)) return false;
    return true;
  }

  /**
   * May some run wait for such an event, now or later? Then it may be the one that is waited for, whatever it is to others. A plan that
   * emits such an event is taken for one that waits.
   */
  #mayBeAwaited(event: string): boolean {
    return this.#awaited.has(event) || this.#engine.inForce.isNamedByStep(event);
  }

  /** Who waits for one of the names, if somebody is storing under it. */
  #taken(names: readonly number[]): (() => void)[] | undefined {
    for (const name of names) {
      const waiters = this.#reserved.get(name);
      if (waiters !== undefined) return waiters;
    }
    return undefined;
  }
}
