import type { Json } from '@tenon/model';
import type { Fact } from '../engine.ts';
import { type EntityVersion, isOlder } from '../entity-version.ts';
import { failureDetails } from '../interpreter/effect-facts.ts';
import { newSalt, saltedDigest } from '../interpreter/salted-digest.ts';
import { traceIdOf, traceparentFor } from '../interpreter/trace-context.ts';
import type { AcceptedRun, AcceptResult, ReleasedTo } from '../runtime.ts';
import { terminalStates } from '../states.ts';
import type { ChildLink } from './children.ts';
import { CommitRefused } from './commit-queue.ts';
import type { EmbeddedEngine } from './engine.ts';
import { type EventParts, storedEvent } from './event-value.ts';
import { type Draft, draftsFor, heldKey, unreadFailure } from './intake.ts';
import { KnownNames, nameNumber } from './known-names.ts';
import type { Noted } from './ledger-rows.ts';
import { isDigest, isOneOf, type NameKind, withNames } from './names.ts';
import type { RunRow } from './run-row.ts';
import type { Write } from './statements.ts';
import type { StoredRun } from './stored-rows.ts';
import { UnreadableValue } from './value-codec.ts';

export interface NewEvent {
  readonly event: string;
  /** As it is stored: see `storedEvent`. */
  readonly payload: Json;
  readonly deliveryId: string;
  readonly source: string;
  readonly isListed?: boolean;
  readonly traceparent?: string | undefined;
  /** Of the run that emitted it. */
  readonly correlationId?: string;
}

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

/** No more of a version goes to the ledger than one can need. */
function shown(version: EntityVersion): EntityVersion {
  return typeof version === 'string' ? version.slice(0, VERSION_SHOWN_MAX) : version;
}

const VERSION_SHOWN_MAX = 100;

/**
 * Events on their way in: each is stored once, with the runs that it starts, in one write. What comes under a name that
 * is being stored waits for it.
 */
export class Admission {
  readonly #engine: EmbeddedEngine;
  /** Keys and deliveries whose first event is on its way to the disk, with who waits for that. */
  readonly #reserved = new Map<number, (() => void)[]>();
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
  /** By event: whether a step of the plans there were speaks of it. Plans are added and never go. */
  readonly #awaitedByPlans = new Map<string, { readonly plans: number; readonly isAwaited: boolean }>();
  #nextEvent: number;
  #nextRun: number;
  #bytesWaiting = 0;

  constructor(engine: EmbeddedEngine) {
    this.#engine = engine;
    this.known = new KnownNames(engine);
    this.#nextEvent = engine.number('SELECT coalesce(max(seq), 0) AS n FROM events') + 1;
    this.#nextRun = engine.number('SELECT coalesce(max(seq), 0) AS n FROM runs') + 1;
    // From one name to the next by the index: a million runs may wait for one of them.
    const waits = engine.read
      .of(
        `WITH RECURSIVE names (event) AS (
          SELECT min(event) FROM openings WHERE event IS NOT NULL
          UNION ALL SELECT (SELECT min(event) FROM openings WHERE event > names.event) FROM names WHERE event IS NOT NULL)
        SELECT event FROM names WHERE event IS NOT NULL`,
      )
      .all();
    this.#awaited = new Set(waits.map((row) => String(row['event'])));
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
    const news = this.#newsAmong(unsure);
    for (const arrival of arrived) {
      this.#arriving--;
      try {
        this.#store(arrival, !unsure.has(arrival) || (news.get(arrival) ?? this.#isNews(arrival)));
      } catch (error) {
        this.#isOver(arrival, error);
        this.#engine.dispatcher.end();
      }
    }
  }

  /**
   * Looked up in one read of the file: each commit of the other thread empties what this connection had cached, so that the first
   * look takes several times as long as the next. Empty where one cannot be looked up: then each is by itself, so that the others
   * do not suffer.
   */
  #newsAmong(arrivals: ReadonlySet<Arrival>): ReadonlyMap<Arrival, boolean> {
    const look = () => new Map([...arrivals].map((arrival) => [arrival, this.#isNews(arrival)]));
    try {
      return arrivals.size < 2 ? new Map() : this.#engine.read.together(look);
    } catch {
      return new Map();
    }
  }

  #isOver({ text, names, waiters, refused }: Arrival, error?: unknown): void {
    this.#bytesWaiting -= text.length;
    for (const name of names) this.#reserved.delete(name);
    for (const enter of waiters) enter();
    if (error !== undefined) refused(error);
  }

  async emit(
    run: RunRow,
    event: { readonly deliveryId: string; readonly event: string } & EventParts,
    also: readonly Write[],
    noted: readonly Noted[],
  ): Promise<void> {
    const drafts = draftsFor(
      event.event,
      event.payload,
      event.deliveryId,
      this.#engine.activePlans,
      'refuse',
      event.headers,
    );
    if (!drafts.ok)
      throw new Error(`a subscriber's contract refuses ${event.event}: ${drafts.failure.message}`);
    await this.admit(
      {
        ...event,
        payload: storedEvent(event),
        source: `pipeline:${run.pipeline}`,
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
    if (this.#firstDelivery(event) !== undefined)
      throw new CommitRefused('the event was taken in under this name before');
    return this.admit({ ...rest, payload: storedEvent(event) }, drafts, also, noted);
  }

  /** What an event would come to, by pipeline, if it were taken in now. */
  foreseen(event: Omit<NewEvent, 'payload'>, drafts: readonly Draft[]): readonly ReleasedTo[] {
    const now = this.#engine.now();
    return drafts.map((draft) => {
      const { pipeline } = draft.loaded.plan;
      const earlier = this.#runByKey(draft, now);
      if (earlier !== undefined) return { pipeline, as: 'known', runId: earlier.run_id };
      if (this.#flagAgainst(event, draft) !== undefined) return { pipeline, as: 'flaggedOff' };
      const late = this.#lateAgainst(event, draft);
      return { pipeline, as: late === undefined || late instanceof UnreadableValue ? 'started' : 'older' };
    });
  }

  /** Why nobody can tell whether a newer event of the entity was taken. */
  unreadNewest({ loaded, orderKey, version, child }: Draft): UnreadableValue | undefined {
    if (version === undefined || orderKey === undefined || child !== undefined) return undefined;
    const newest = this.#newestOf(loaded.plan.pipeline, orderKey);
    return newest instanceof UnreadableValue ? newest : undefined;
  }

  #store(arrival: Arrival, isNews: boolean): void {
    const { event, text, names, drafts, also, alsoNoted } = arrival;
    const now = this.#engine.now();
    const firstSeq = isNews ? undefined : this.#firstDelivery(event);
    const isKnown = firstSeq !== undefined;
    /** What a listing gives again is no news. */
    const isToTell = isKnown && event.isListed !== true;
    /** The id of a delivery that came before, with something else in it. */
    const isOther = isToTell && this.#engine.rows.isOtherPayload(firstSeq, text);
    const runsOfFirst = isToTell ? this.#runsOf(firstSeq) : [];
    const earlierRuns = drafts.map((draft) => {
      if (isNews) return undefined;
      const { pipeline } = draft.loaded.plan;
      const ofFirst = runsOfFirst.find((run) => run.pipeline === pipeline);
      // The key of something else says nothing of the first.
      return ofFirst ?? (isOther ? undefined : this.#runByKey(draft, now));
    });
    const writes: Write[] = [...also];
    const noted: Noted[] = [...alsoNoted];
    const runs: AcceptedRun[] = [];
    const claimed: { readonly run: RunRow; readonly link?: ChildLink }[] = [];
    const eventSeq = this.#nextEvent;
    if (!isKnown) {
      for (let at = 0; at <= drafts.length; at++) this.known.add(names[at]!);
      this.#nextEvent++;
      const { source, deliveryId, traceparent } = event;
      const values = [
        eventSeq,
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
    }
    // Without a trace it is the id of the first run.
    let correlationId = event.correlationId ?? traceIdOf(event.traceparent);
    /** Pipelines of runs that wait for their turn. */
    const queued: string[] = [];
    const flaggedOff: string[] = [];
    const older: string[] = [];
    const repeats = (run: RunRow, key: string | undefined): void => {
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
    };
    try {
      for (const [index, draft] of drafts.entries()) {
        const earlier = earlierRuns[index];
        if (earlier !== undefined) {
          repeats(earlier, runsOfFirst.includes(earlier) ? this.#keyOf(earlier, draft.key) : draft.key);
        } else if (!isKnown) {
          // A child is part of a run that was taken already.
          const flag = draft.child === undefined ? this.#flagAgainst(event, draft) : undefined;
          if (flag !== undefined) {
            flaggedOff.push(draft.loaded.plan.pipeline);
            noted.push(this.#engine.system(flag));
            continue;
          }
          const late = this.#lateAgainst(event, draft);
          if (late !== undefined && !(late instanceof UnreadableValue)) {
            older.push(draft.loaded.plan.pipeline);
            noted.push(this.#engine.system(late));
            continue;
          }
          const taken = late === undefined ? draft : this.#held(event, draft, late);
          const run = this.#draftRun(event, taken, eventSeq, correlationId, now, writes, noted);
          correlationId ??= run.correlation_id;
          const link = draft.child?.link;
          const born = draft.child?.born(run);
          if (born !== undefined) {
            writes.push(...born.writes);
            noted.push(born.noted);
          }
          if (run.claimed === 1) claimed.push({ run, ...(link && { link }) });
          else {
            queued.push(run.pipeline);
            this.#engine.counts.addBacklog(run.pipeline, 1);
          }
          runs.push({
            runId: run.run_id,
            pipeline: run.pipeline,
            key: taken.key,
            started: true,
            state: 'accepted',
          });
        }
      }
      // Of what it says now, they might not have been started.
      for (const run of runsOfFirst) if (!earlierRuns.includes(run)) repeats(run, this.#keyOf(run));
      if (isOther && runs.length === 0) noted.push(this.#engine.system(otherUnderOneId(event)));
    } catch (error) {
      // Nobody will follow them: a place kept for nothing is missing until a restart.
      for (const { run } of claimed) this.#engine.dispatcher.leave(run.pipeline, run.seq);
      for (const pipeline of queued) this.#engine.counts.addBacklog(pipeline, -1);
      throw error;
    }
    const group = this.#engine.open(writes, noted);
    if (!isKnown)
      group.atLast(() => (this.#awaited.has(event.event) ? [['wakeWaiting', now, event.event]] : []));
    for (const { run, link } of claimed)
      this.#engine.dispatcher.follow(
        run.pipeline,
        run.seq,
        this.#engine.activations.activate(run, event.payload, [], [], group, link),
      );
    const tell = (): void => {
      for (const pipeline of queued) this.#engine.dispatcher.touch(pipeline, now);
      if (!isKnown && this.#awaited.has(event.event)) this.#engine.dispatcher.touchAll(now);
      const admitted: Admitted = {
        ok: true,
        duplicateDelivery: isKnown,
        ...(isOther && { payloadDiffers: true }),
        runs,
      };
      const isPlain = flaggedOff.length === 0 && older.length === 0;
      arrival.admitted(
        isPlain
          ? admitted
          : {
              ...admitted,
              ...(flaggedOff.length > 0 && { flaggedOff }),
              ...(older.length > 0 && { older }),
            },
      );
    };
    group.onEnd((error) => {
      this.#isOver(arrival, error);
      if (error === undefined) tell();
      // Refused: they are no runs.
      else for (const pipeline of queued) this.#engine.counts.addBacklog(pipeline, -1);
      this.#engine.dispatcher.end();
    });
  }

  /** What the run is called. Where only a digest of that is left, no name is told but the one that came just now. */
  #keyOf({ key, delivery }: RunRow, came?: string): string | undefined {
    const { names } = this.#engine.rows;
    const isHidden = delivery === undefined && names.isHidden && isDigest(key);
    if (!isHidden) return key;
    return came !== undefined && names.stored('key', came) === key ? came : undefined;
  }

  /**
   * The event is older than one of its entity that was taken before: what it says is no longer so (C46). Or nobody can tell: the newest
   * version cannot be read.
   */
  #lateAgainst(
    event: Omit<NewEvent, 'payload'>,
    { loaded, orderKey, version, child, maySucceedUnread }: Draft,
  ): Fact | UnreadableValue | undefined {
    const { pipeline } = loaded.plan;
    // A run that another one started is waited for: it is carried out, whatever has come since.
    if (version === undefined || orderKey === undefined || child !== undefined) return undefined;
    const newest = this.#newestOf(pipeline, orderKey);
    if (newest instanceof UnreadableValue) return maySucceedUnread === true ? undefined : newest;
    if (newest === undefined || !isOlder(version, newest)) return undefined;
    const { source, deliveryId } = event;
    return {
      kind: 'olderSkipped',
      details: {
        pipeline,
        event: event.event,
        source,
        deliveryId,
        version: shown(version),
        newest: shown(newest),
      },
    };
  }

  /** Kept whole, and begun by no one: neither is it lost, nor does it overwrite what may be newer. */
  #held({ deliveryId }: NewEvent, { loaded }: Draft, unread: UnreadableValue): Draft {
    const key = heldKey(deliveryId);
    this.known.add(nameNumber('key', loaded.plan.pipeline, this.#engine.rows.names.stored('key', key)));
    return { loaded, key, failure: unreadFailure(unread) };
  }

  #newestOf(pipeline: string, orderKey: string): EntityVersion | UnreadableValue | undefined {
    const forms = this.#forms('order', orderKey);
    // Of two forms the later run's is the newer one.
    const row = this.#engine.read
      .of(
        `SELECT version, run_seq FROM newest WHERE pipeline = ? AND order_key${isOneOf(forms)} ORDER BY run_seq DESC LIMIT 1`,
      )
      .get(pipeline, ...forms);
    if (row === undefined) return undefined;
    try {
      // Written by `#draftRun`, as the JSON of a version.
      return this.#engine.rows.codec.json(
        row['version'],
        `newest/${Number(row['run_seq'])}`,
      ) as EntityVersion;
    } catch (error) {
      if (error instanceof UnreadableValue) return error;
      throw error;
    }
  }

  #flagAgainst(event: Omit<NewEvent, 'payload'>, { loaded, key, orderKey }: Draft): Fact | undefined {
    const { pipeline } = loaded.plan;
    const name = event.event.startsWith('manual:') ? 'manual' : event.event;
    const flag = this.#engine.board.flagAgainst(pipeline, name, key, orderKey);
    if (flag === undefined) return undefined;
    const { source, deliveryId } = event;
    return {
      kind: 'flaggedOff',
      details: { pipeline, event: event.event, source, deliveryId, flag: flag.id, revision: flag.revision },
    };
  }

  #draftRun(
    event: NewEvent,
    { loaded, key, orderKey, version, failure, child }: Draft,
    eventSeq: number,
    known: string | undefined,
    now: number,
    writes: Write[],
    noted: Noted[],
  ): RunRow {
    const { plan } = loaded;
    const { names } = this.#engine.rows;
    const runId = this.#engine.newId();
    const correlationId = known ?? runId;
    const seq = this.#nextRun++;
    const traceparent =
      traceIdOf(event.traceparent) === undefined ? traceparentFor(correlationId) : event.traceparent!;
    // What may throw comes before a place is taken.
    const salt = newSalt();
    const payload = saltedDigest(salt, event.payload);
    const begins =
      orderKey === undefined &&
      failure === undefined &&
      !this.#engine.board.keepsBack(plan.pipeline, key) &&
      this.#engine.dispatcher.enter(plan.pipeline, seq);
    const row: RunRow = {
      seq,
      run_id: runId,
      pipeline: plan.pipeline,
      version: plan.version,
      plan_hash: plan.hash,
      key,
      order_key: orderKey ?? null,
      stored_order_key: orderKey === undefined ? null : names.stored('order', orderKey),
      event_seq: eventSeq,
      correlation_id: correlationId,
      traceparent,
      owner: plan.owner.team,
      state: begins ? 'running' : 'accepted',
      step: null,
      accepted_at: now,
      updated_at: now,
      clock_from: begins ? now : null,
      paused_since: null,
      due_at: begins ? null : now,
      claimed: begins ? 1 : 0,
      behind: 0,
      intake_failure: failure === undefined ? null : JSON.stringify(failureDetails(failure)),
      failure: null,
      held: null,
      salt,
    };
    const facts: Fact[] = [
      {
        kind: 'accepted',
        details: {
          runId,
          pipeline: plan.pipeline,
          correlationId,
          event: event.event,
          source: event.source,
          deliveryId: event.deliveryId,
          payload,
          plan: plan.hash,
          version: plan.version,
          traceparent,
          ...(child && {
            parent: child.link.parentRunId,
            step: child.link.parentStep,
            hops: child.link.hops,
          }),
        },
      },
    ];
    if (begins) facts.push({ kind: 'state', details: { from: 'accepted', to: 'running' } });
    noted.push(this.#engine.noted(row, facts));
    const stored: StoredNames = {
      key: names.stored('key', key),
      secret: names.isHidden
        ? withNames(salt, { key, orderKey: row.order_key, delivery: event.deliveryId })
        : salt,
    };
    writes.push(begins ? putClaimedRun(row, stored) : putRun(row, stored), [
      'putKey',
      plan.pipeline,
      stored.key,
      seq,
      now + plan.identity.retainMs,
    ]);
    if (version !== undefined && row.stored_order_key !== null)
      writes.push([
        'putNewest',
        plan.pipeline,
        row.stored_order_key,
        JSON.stringify(version),
        seq,
        now + plan.identity.retainMs,
      ]);
    return row;
  }

  /** Are the delivery and all business keys of an event surely new? Nearly all are. */
  #isSurelyNew({ names, drafts }: Arrival): boolean {
    for (let at = 0; at <= drafts.length; at++) if (this.known.mayHold(names[at]!)) return false;
    return true;
  }

  /** The same by the file, of an event for one pipeline: one look then stands for two. */
  #isNews({ event: { source, deliveryId }, drafts: [draft, ...others] }: Arrival): boolean {
    if (draft === undefined || others.length > 0) return false;
    const found = this.#engine.read
      .of(this.#engine.rows.names.isMixed ? NEWS_OF_TWO_FORMS : NEWS)
      .get(
        source,
        ...this.#forms('delivery', deliveryId),
        draft.loaded.plan.pipeline,
        ...this.#forms('key', draft.key),
      );
    return found?.['n'] === 0;
  }

  /**
   * May some run wait for such an event, now or later? Then it may be the one that is waited for, whatever it is to others. Any plan that was
   * ever activated counts: a run may be of an older one. A plan that emits such an event is taken for one that waits.
   */
  #mayBeAwaited(event: string): boolean {
    if (this.#awaited.has(event)) return true;
    const plans = this.#engine.number('SELECT count(*) AS n FROM plans');
    const known = this.#awaitedByPlans.get(event);
    if (known?.plans === plans) return known.isAwaited;
    const isAwaited = this.#engine.read.of(NAMED_BY_STEP).get(event)?.['n'] === 1;
    this.#awaitedByPlans.set(event, { plans, isAwaited });
    return isAwaited;
  }

  /** The event that came under this name before. */
  #firstDelivery({ source, deliveryId }: Pick<NewEvent, 'source' | 'deliveryId'>): number | undefined {
    const forms = this.#forms('delivery', deliveryId);
    const sql = `SELECT seq FROM events WHERE source = ? AND delivery_id${isOneOf(forms)}`;
    const row = this.#engine.read.of(sql).get(source, ...forms);
    return row && Number(row['seq']);
  }

  /** Those that an event has started. */
  #runsOf(eventSeq: number): readonly RunRow[] {
    // Rows of `runs` have the shape of `StoredRun`.
    return this.#engine.read
      .of('SELECT * FROM runs WHERE event_seq = ? ORDER BY seq')
      .all(eventSeq)
      .map((row) => this.#engine.rows.shownRun(row as unknown as StoredRun));
  }

  /** How a name may stand in the file. */
  #forms(kind: NameKind, name: string): readonly string[] {
    const { names } = this.#engine.rows;
    return names.isMixed ? names.forms(kind, name) : [names.stored(kind, name)];
  }

  /** The run that a business key stands for, while the key is kept. */
  #runByKey(draft: Draft, now: number): RunRow | undefined {
    const forms = this.#forms('key', draft.key);
    // Rows of `runs` have the shape of `StoredRun`.
    const row = this.#engine.read
      .of(
        `SELECT r.*, k.expires_at AS expires_at FROM keys k JOIN runs r ON r.seq = k.run_seq WHERE k.pipeline = ? AND k.key${isOneOf(forms)}
         ORDER BY k.run_seq DESC LIMIT 1`,
      )
      .get(draft.loaded.plan.pipeline, ...forms) as unknown as
      | (StoredRun & { readonly expires_at: number })
      | undefined;
    if (row === undefined) return undefined;
    const isKept = row.expires_at > now || !terminalStates.has(row.state);
    return isKept ? this.#engine.rows.shownRun(row) : undefined;
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

/** Of a delivery that started nothing as it came first, so that there is no run to say it of. */
function otherUnderOneId({ event, source, deliveryId }: NewEvent): Fact {
  return {
    kind: 'duplicate',
    details: { event, source, deliveryId, sameDelivery: true, payloadDiffers: true },
  };
}

const NAMED_BY_STEP = `SELECT EXISTS (SELECT 1 FROM plans, json_tree(plans.plan, '$.steps') AS part
  WHERE part.key = 'event' AND part.value = ?) AS n`;
const NEWS = `SELECT EXISTS (SELECT 1 FROM events WHERE source = ? AND delivery_id = ?)
  OR EXISTS (SELECT 1 FROM keys WHERE pipeline = ? AND key = ?) AS n`;
const NEWS_OF_TWO_FORMS = `SELECT EXISTS (SELECT 1 FROM events WHERE source = ? AND delivery_id IN (?, ?))
  OR EXISTS (SELECT 1 FROM keys WHERE pipeline = ? AND key IN (?, ?)) AS n`;

/** Of a new run, as it is to lie in the file: its key, and its salt, with its names where these are hidden. */
interface StoredNames {
  readonly key: string;
  readonly secret: string | null;
}

function putRun(row: RunRow, { key, secret }: StoredNames): Write {
  return [
    'putRun',
    row.seq,
    row.run_id,
    row.pipeline,
    row.version,
    row.plan_hash,
    key,
    row.stored_order_key,
    row.event_seq,
    row.correlation_id,
    row.traceparent,
    row.owner,
    row.accepted_at,
    row.intake_failure,
    secret,
  ];
}

function putClaimedRun(row: RunRow, { key, secret }: StoredNames): Write {
  return [
    'putClaimedRun',
    row.seq,
    row.run_id,
    row.pipeline,
    row.version,
    row.plan_hash,
    key,
    row.event_seq,
    row.correlation_id,
    row.traceparent,
    row.owner,
    row.accepted_at,
    secret,
  ];
}
