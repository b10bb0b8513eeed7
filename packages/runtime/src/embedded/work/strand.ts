import type { Json } from '@tenon/model';
import {
  type Cancellation,
  type ChildEnd,
  type ChildStart,
  type ChildStarted,
  type ChildWait,
  type ChildWord,
  type EventWait,
  type Fact,
  type Fork,
  type HeldCall,
  type Interruption,
  type Recorded,
  type RunContext,
  type RunIdentity,
  type Signal,
  type SignalWait,
  type StepBound,
  Suspension,
} from '../../engine.ts';
import type { RunState } from '../../runtime.ts';
import { StepBounds } from '../../step-bounds.ts';
import { idOfTag } from '../../switches.ts';
import { CommitRefused } from '../commit/commit-queue.ts';
import { type EventParts, eventParts } from '../file/event-value.ts';
import type { Write } from '../file/statements.ts';
import { connectionOf } from '../intake/event-connection.ts';
import { failureValue, wordKey } from './children.ts';
import { type Group, joinStrands } from './join-strands.ts';
import type { EmbeddedRun } from './run-context.ts';
import { FAILED, failedAt, type StrandMemory } from './strand-memory.ts';

/** What a strand waits for. */
export interface Wait {
  readonly state: RunState;
  readonly dueAtMs: number | null;
  readonly step: string;
  readonly pausesDeadline: boolean;
  /** A cancellation, or another strand's failure, ends the wait. */
  readonly stoppable: boolean;
  /** Journal key of the value that ends the wait. */
  readonly key?: string;
  readonly event?: { readonly name: string; readonly scannedTo: number };
  readonly failure?: Json;
  /** Tags of the switches that hold it, or the maintenance window. */
  readonly held?: readonly string[];
  /** A process before may have sent what is held, or what comes after the wait. */
  readonly isInterrupted?: boolean;
  /** Somebody else wrote the value meanwhile: only the next activation sees it. */
  readonly isReload?: boolean;
}

/**
 * One line of doing within a run: the run's own (with an empty prefix), or one of a fork. It asks for what it did in
 * order, so that counting its rows tells where it is: replaying (it asks for what it did before) → live (it does new
 * things) → ended, or suspended with a wait. A crash loses what was not durable, and nothing else.
 *
 * Journal keys: `<strand>|<strand>|<key>`. Those beginning with `#` are the engine's own.
 */
export class Strand implements RunContext {
  readonly run: RunIdentity;
  readonly #run: EmbeddedRun;
  readonly #prefix: string;
  readonly #group: Group | undefined;
  readonly #memory: StrandMemory;
  #recalled = 0;
  readonly #bounds: StepBounds;
  #notes: Fact[] = [];
  /** Those of its memory's that this execution has come to. */
  #failures = 0;
  /** By place of a hold, how often this execution was stopped there: what comes by it again is a round later. */
  #stopsAtHolds: Map<string, number> | undefined;
  /** Of a strand of a fork that has suspended; empty when it only steps aside for a process that stops. */
  waits: readonly Wait[] = [];

  constructor(run: EmbeddedRun, prefix: string, memory: StrandMemory, group?: Group) {
    this.run = run.identity;
    this.#run = run;
    this.#prefix = prefix;
    this.#memory = memory;
    this.#group = group;
    this.#bounds = new StepBounds(group?.bound);
  }

  now(): number {
    return this.#run.host.now();
  }

  random(): number {
    return this.#run.host.random();
  }

  deadlineAt(): number {
    return this.#run.deadlineAt() - this.#bounds.innermost.leftMs;
  }

  bound(bound: StepBound): () => void {
    return this.#bounds.enter(bound);
  }

  boundsAnew(): void {
    this.#bounds.beginAnew(this.#run.deadlineMs);
  }

  interrupted(): boolean {
    return this.#memory.isInterrupted;
  }

  passed(): number {
    return this.#run.host.passed();
  }

  sinceMs(passedMs: number): number {
    return this.#run.host.sinceMs(passedMs);
  }

  lastRecordAt(): number {
    return this.#memory.lastRecordAt;
  }

  enter(phase: 'running' | 'compensating'): void {
    this.#run.phase = phase;
  }

  note(fact: Fact): void {
    if (!this.#isReplaying) this.#notes.push({ ...fact, atMs: fact.atMs ?? this.now() });
  }

  mark(key: string): void {
    if (this.#recall(key) !== undefined || this.#isReplaying) return;
    this.#run.goLive();
    this.#record(key, null, [], []);
  }

  failed(place: string): void {
    const key = `${FAILED}${this.#prefix}${place}`;
    if (this.#run.journal.has(key)) this.#failures++;
    else if (!this.#isReplaying) {
      this.#run.recordOwn(key, this.#recalled);
      failedAt(this.#memory, this.#recalled);
      this.#failures++;
    }
  }

  passedEnd(): void {
    this.#notes = [];
  }

  takeNotes(facts: readonly Fact[]): readonly Fact[] {
    if (this.#notes.length === 0) return facts;
    const all = [...this.#notes, ...facts];
    this.#notes = [];
    return all;
  }

  step<T extends Json>(key: string, body: () => Recorded<T> | Promise<Recorded<T>>): Promise<T> {
    try {
      const known = this.#recall(key);
      // The key names the type: the same caller wrote it.
      if (known !== undefined) return Promise.resolve(known as T);
      this.#run.goLive();
      const made = body();
      if (made instanceof Promise) return made.then((recorded) => this.#stored(key, recorded));
      return Promise.resolve(this.#stored(key, made));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #stored<T extends Json>(key: string, recorded: Recorded<T>): T {
    const { value, facts = [], openings = [], numbered = false } = recorded;
    const isNumbered = numbered && this.#group !== undefined;
    // Only objects are numbered; see `Recorded`.
    const stored = isNumbered ? ({ ...(value as object), nth: this.#run.nextNth() } as unknown as T) : value;
    this.#record(
      key,
      stored,
      facts,
      openings.map((opening) => this.#run.openingWrite(this.#prefix, opening)),
    );
    return stored;
  }

  durable(): Promise<void> {
    return this.#run.durable();
  }

  async emit(
    key: string,
    event: string,
    parts: EventParts & { readonly over?: string },
    facts: readonly Fact[],
  ): Promise<Json> {
    const known = this.#recall(key);
    if (known !== undefined) return known;
    this.#run.goLive();
    await this.durable();
    const { row, host } = this.#run;
    const full = this.#prefix + key;
    const noted = host.noted(row, this.takeNotes(facts));
    await host.emit(
      row,
      { deliveryId: `${row.run_id}/${full}`, event, ...parts },
      [['putJournal', row.seq, full, this.passed(), 'null']],
      [noted],
    );
    this.#remember(key, null);
    return null;
  }

  interruption(place: string, isPast = false, goesOn?: 'goesOn'): Interruption | undefined {
    return isPast
      ? this.#stopAt(place)
      : this.#interruption(place, true, goesOn === undefined, this.#isToFail);
  }

  async sleepUntil(
    atMs: number,
    step: string,
    place?: string,
    clock?: 'deadlinePaused',
  ): Promise<Interruption | undefined> {
    // What it is to fail of came after the wait.
    const isToFail = this.#isToFail;
    const countsDown = clock === undefined && this.#run.phase === 'running';
    // A wait that is over leaves no record, so a strand that has ended comes by it again when others of its fork go on: it
    // must not be stopped there by what came later. What follows has a place of its own.
    const isOver = clock !== undefined && this.now() >= atMs && !this.#isStoppedAt(place);
    const interruption =
      place === undefined || isOver
        ? undefined
        : this.#interruption(place, countsDown, this.now() >= atMs, isToFail);
    if (interruption !== undefined || this.#isReplaying || isToFail || this.now() >= atMs)
      return interruption;
    // It may have been over before, and what comes next begun: the clock was set back since. Then that is not forgotten.
    const { isInterrupted: wasInterrupted, lastRecordAt } = this.#memory;
    const isInterrupted = wasInterrupted && this.#run.host.isSetBackSince(lastRecordAt);
    const endsEarly = place !== undefined && !isInterrupted;
    const dueAtMs = endsEarly && countsDown ? Math.min(atMs, this.deadlineAt()) : atMs;
    return this.#suspend({
      state: this.#run.phase === 'compensating' ? 'compensating' : 'waiting',
      dueAtMs,
      step,
      pausesDeadline: clock === 'deadlinePaused',
      stoppable: endsEarly,
      ...(isInterrupted && { isInterrupted }),
    });
  }

  hold(held: HeldCall): Promise<Interruption | undefined> | undefined {
    const { host, hasStops, pipelines } = this.#run;
    const call = hasStops && held.place !== undefined ? this.#inItsRound(held, held.place) : held;
    const known = hasStops && call.place !== undefined ? this.#stopAt(call.place) : undefined;
    if (known !== undefined) return Promise.resolve(known);
    if (this.#isReplaying) return undefined;
    if (host.isStopping || host.isPaused(this.#run.row)) this.#stepAside();
    const switches = host.holdersOf(pipelines, call);
    if (switches.length > 0) return this.#putBy(call, switches, null);
    const untilMs = host.closedUntil(call.connection);
    return untilMs === undefined ? undefined : this.#putBy(call, [`maintenance/${call.connection}`], untilMs);
  }

  async signal(key: string, wait: SignalWait): Promise<Signal> {
    const known = this.#recallSignal(key);
    if (known !== undefined) return known;
    const stoppable = wait.state !== 'inDoubt' && wait.isUnstoppable !== true;
    const interruption = stoppable ? this.#interruption(key, false, false) : undefined;
    if (interruption !== undefined) {
      this.#run.closeLater(this.#prefix + key);
      return { as: 'interrupted', interruption };
    }
    if (wait.expiresAtMs !== undefined && wait.expiresAtMs <= this.now())
      return this.#expire(key, wait.expiryFacts ?? []);

    const isKnown = this.#run.openings.has(this.#prefix + key);
    const failure =
      wait.opening.kind === 'deadLetter'
        ? { ...(wait.opening.detail['failure'] as object), step: wait.opening.step }
        : undefined;
    return this.#suspend(
      {
        state: wait.state,
        dueAtMs: wait.expiresAtMs ?? null,
        step: wait.opening.step,
        pausesDeadline: true,
        stoppable,
        key: this.#prefix + key,
        ...(failure !== undefined && { failure }),
      },
      isKnown ? [] : this.takeNotes(wait.facts),
      isKnown
        ? []
        : [
            this.#run.openingWrite(this.#prefix, wait.opening, wait.expiresAtMs),
            ...(wait.told === undefined
              ? []
              : this.#run.tellWrites({ state: 'failed', ...wait.told, ...(failure && { failure }) })),
          ],
    );
  }

  async event(key: string, wait: EventWait): Promise<Signal> {
    const known = this.#recallSignal(key);
    if (known !== undefined) return known;
    const full = this.#prefix + key;
    const interruption = this.#interruption(key, false, false);
    if (interruption !== undefined) {
      this.#run.closeLater(full);
      return { as: 'interrupted', interruption };
    }
    const { host, row } = this.#run;
    const before = this.#run.openings.scannedTo(full);
    let scannedTo = before ?? row.event_seq;
    const lastSeq = host.lastEventSeq();
    for (const { seq, payload: stored, source } of host.eventsAfter(wait.event, scannedTo)) {
      scannedTo = seq;
      const { payload } = eventParts(stored);
      if (!wait.matches(payload, connectionOf(source))) continue;
      this.#run.goLive();
      const facts: Fact[] = [
        { kind: 'signal', step: wait.step, details: { event: wait.event, eventSequence: seq } },
      ];
      this.#record(key, { value: payload }, facts, [['closeOpening', row.seq, full]]);
      return { as: 'value', value: payload };
    }
    if (wait.expiresAtMs <= this.now()) return this.#expire(key, wait.expiryFacts);

    scannedTo = Math.max(scannedTo, lastSeq);
    return this.#suspend(
      {
        state: 'waiting',
        dueAtMs: wait.expiresAtMs,
        step: wait.step,
        pausesDeadline: true,
        stoppable: true,
        event: { name: wait.event, scannedTo },
      },
      before === undefined ? this.takeNotes(wait.facts) : [],
      [this.#run.eventOpeningWrite(full, wait, scannedTo)],
    );
  }

  async startChild(key: string, child: ChildStart): Promise<ChildStarted> {
    const known = this.#recall(key);
    // The key names the type: it is written below, or with the child.
    if (known !== undefined) return known as unknown as ChildStarted;
    this.#run.goLive();
    await this.durable();
    const { host, row } = this.#run;
    const full = this.#prefix + key;
    const nth = this.#group === undefined ? {} : { nth: this.#run.nextNth() };
    const more = { ...nth, workedMs: this.#run.workedMs() };
    const bounded = { ...child, deadlineAtMs: this.deadlineAt() };
    const started = await host.startChild(this.#run, full, bounded, more, (runId, hops) =>
      host.noted(row, this.takeNotes(child.facts(runId, hops))),
    );
    if ('failure' in started) {
      const failed = failureValue(started.failure);
      this.#record(key, failed, [], []);
      return failed;
    }
    this.#remember(key, started.recorded);
    // As `startChild` of the engine made it.
    return started.recorded as unknown as ChildStarted;
  }

  async childEnd(key: string, wait: ChildWait): Promise<Signal> {
    const known = this.#recallSignal(key);
    if (known !== undefined) return known;
    const { row, journal, phase } = this.#run;
    const full = this.#prefix + key;
    const stoppable = wait.isUnstoppable !== true;
    const interruption = stoppable ? this.#interruption(key, false, false) : undefined;
    if (interruption !== undefined) {
      this.#run.closeLater(full);
      return { as: 'interrupted', interruption };
    }
    const word = wordKey(wait.child, wait.nth);
    // Left there by the child's engine.
    const told = journal.get(word)?.value as ChildEnd | undefined;
    if (told === undefined) {
      const isKnown = this.#run.openings.has(full);
      return this.#suspend(
        {
          state: phase === 'compensating' ? 'compensating' : 'waiting',
          dueAtMs: null,
          step: wait.opening.step,
          pausesDeadline: true,
          stoppable,
          key: word,
        },
        isKnown ? [] : this.takeNotes(wait.facts),
        isKnown ? [] : [this.#run.openingWrite(this.#prefix, wait.opening)],
      );
    }
    this.#run.goLive();
    const value = this.#group === undefined ? { ...told } : { ...told, nth: this.#run.nextNth() };
    const charge = stoppable ? this.#run.chargeWrites(wait.child, told) : [];
    this.#run.openings.forget(full);
    const workedMs = this.#run.workedMs();
    this.#record(key, { value, workedMs }, wait.ended(told), [['closeOpening', row.seq, full], ...charge]);
    return { as: 'value', value };
  }

  async tellChild(key: string, word: ChildWord): Promise<number | undefined> {
    const known = this.#recall(key);
    // Written below, by this function alone; by earlier versions as `null`, and only to a child that was heard of.
    if (known !== undefined) return (known as { readonly parked: number } | null)?.parked;
    // In a round that is over (its strand has failed after it) an earlier version said nothing, and nothing is said now.
    if (this.#isReplaying || this.#isToFail) return undefined;
    this.#run.goLive();
    await this.durable();
    const { host, row } = this.#run;
    const { runId, step, say } = word;
    const details = { tells: runId, say, reason: word.reason };
    const noted = host.noted(row, this.takeNotes([{ kind: 'operator', step, details }]));
    const told = await host.tellChild(
      this.#run,
      { ...word, deadlineAtMs: this.deadlineAt() },
      (record) => ['putJournal', row.seq, this.#prefix + key, this.passed(), JSON.stringify(record)],
      noted,
    );
    this.#remember(key, told);
    return told.parked;
  }

  takenBack(): Cancellation | undefined {
    // Written by the engine of the run above, as such.
    return this.#run.journal.get('#takenBack')?.value as unknown as Cancellation | undefined;
  }

  cancelled(): Cancellation | undefined {
    return this.#run.cancelled();
  }

  async fork<T>(fork: Fork<T>): Promise<readonly (T | undefined)[]> {
    const joined = this.#recall(fork.key);
    const isJoined = joined !== undefined;
    // What a process before may have begun here, it began in one of the strands.
    if (!isJoined) this.#memory.isInterrupted = false;
    const group: Group = {
      // Written below, by this function alone.
      ...(isJoined && { unbegun: new Set((joined as { readonly unbegun: readonly string[] }).unbegun) }),
      ...(this.#group !== undefined && { outer: this.#group }),
      bound: this.#bounds.innermost,
    };
    const { ends, notes, waits, isAside } = await joinStrands(this.#run, this.#prefix, fork, group);
    if (waits.length > 0) return this.#suspendAll(waits);
    if (isAside) this.#stepAside();
    if (!isJoined) {
      this.#run.goLive();
      const unbegun = fork.strands.flatMap(({ name }, index) => (ends[index] === undefined ? [name] : []));
      this.#record(fork.key, { unbegun }, [...notes, ...fork.joined(ends)], []);
    }
    return ends;
  }

  get #isReplaying(): boolean {
    return this.#isBehind || this.#group?.unbegun !== undefined;
  }

  /** There are rows that it has not asked for yet. */
  get #isBehind(): boolean {
    return this.#recalled < this.#memory.recorded;
  }

  /**
   * It has failed of itself after what it has asked for, and comes there again with nothing on record in between. That is as past as what
   * is on record: nothing is waited for, and only a person's word stops it, not what was itself stopped for the sake of this strand.
   */
  get #isToFail(): boolean {
    const { failures, failedAfter } = this.#memory;
    return this.#failures < failures && this.#recalled <= failedAfter;
  }

  #recall(key: string): Json | undefined {
    const known = this.#run.journal.get(this.#prefix + key);
    if (known === undefined) return undefined;
    if (known.askedBy !== this) this.#recalled++;
    known.askedBy = this;
    return known.value;
  }

  #recallSignal(key: string): Signal | undefined {
    const known = this.#recall(key);
    // Stored by `#interruption`: it was told to stop first, and a value that came later changes nothing.
    const stop = this.#run.journal.get(`#stop/${this.#prefix}${key}`)?.value as unknown as Interruption;
    if (stop !== undefined) return { as: 'interrupted', interruption: stop };
    if (known === undefined) return undefined;
    // Signals are stored as `{ value }` or `{ expired: true }`, by this file and the operations.
    const signal = known as { readonly value?: Json; readonly expired?: true };
    return signal.expired === true ? { as: 'expired' } : { as: 'value', value: signal.value ?? null };
  }

  #interruption(
    place: string,
    countsDown: boolean,
    maySuspend: boolean,
    isToFail = false,
  ): Interruption | undefined {
    const known = this.#run.hasStops ? this.#stopAt(place) : undefined;
    if (known !== undefined) return known;
    if (this.#isReplaying) return undefined;
    if (maySuspend && (this.#run.host.isStopping || this.#run.host.isPaused(this.#run.row)))
      this.#stepAside();
    // The process before may have sent what comes next: it must come to an outcome first, or it would count as unsent.
    if (this.#memory.isInterrupted) return undefined;
    const found = this.#run.phase === 'running' ? this.#whyStop(countsDown, isToFail) : undefined;
    if (found !== undefined) this.#run.recordStop(`#stop/${this.#prefix}${place}`, found);
    return found;
  }

  #isStoppedAt(place: string | undefined): boolean {
    return place !== undefined && this.#run.journal.has(`#stop/${this.#prefix}${place}`);
  }

  #stopAt(place: string): Interruption | undefined {
    // Stored by `#interruption` alone.
    return this.#run.journal.get(`#stop/${this.#prefix}${place}`)?.value as unknown as Interruption;
  }

  /** What was stopped as it was held has used up no number, so a round later it comes by the same place: that stop is not for it. */
  #inItsRound(call: HeldCall, place: string): HeldCall {
    const times = this.#stopsAtHolds?.get(place) ?? 0;
    const own = times === 0 ? place : `${place}/${times}`;
    const isJoined = this.#group?.unbegun !== undefined;
    if (times > 0 && isJoined && !this.#isBehind && this.#stopAt(own) === undefined) {
      // An earlier version took it for it all the same: it was joined with nothing more on record.
      if (this.#run.state === 'compensating') return call;
      this.#run.recordStop(`#stop/${this.#prefix}${own}`, this.#stopAt(place)!);
    }
    if (this.#stopAt(own) !== undefined) {
      this.#stopsAtHolds ??= new Map();
      this.#stopsAtHolds.set(place, times + 1);
    }
    return { ...call, place: own };
  }

  #whyStop(countsDown: boolean, isToFail: boolean): Interruption | undefined {
    const found = this.#run.whyStop(countsDown && !isToFail);
    if (found !== undefined || isToFail) return found;
    const { step, leftMs } = this.#bounds.innermost;
    if (countsDown && leftMs > 0 && this.now() >= this.deadlineAt()) return { kind: 'deadline', step };
    for (let group = this.#group; group !== undefined; group = group.outer)
      if (group.stoppedBy !== undefined) return { kind: 'stopped', by: group.stoppedBy };
    return undefined;
  }

  /** Leaves it to whoever lifts the switches, or to the end of a maintenance window. */
  async #putBy(
    { step, purpose, connection, place }: HeldCall,
    held: readonly string[],
    dueAtMs: number | null,
  ): Promise<Interruption | undefined> {
    const interruption = place === undefined ? undefined : this.#interruption(place, false, false);
    if (interruption !== undefined) return interruption;
    const { phase, row } = this.#run;
    const known = new Set<string>(row.held === null ? [] : JSON.parse(row.held));
    const isNews = held.some((tag) => !known.has(tag));
    const details = { by: held.map(idOfTag), purpose, ...(connection !== undefined && { connection }) };
    return this.#suspend(
      {
        state: phase === 'compensating' ? 'compensating' : 'waiting',
        dueAtMs,
        step,
        pausesDeadline: true,
        // What may have been sent comes to an outcome first, whatever stops the run.
        stoppable: place !== undefined && !this.#memory.isInterrupted,
        held,
        isInterrupted: this.#memory.isInterrupted,
      },
      isNews ? [{ kind: 'held', step, details }] : [],
    );
  }

  /** The process stops, or the pipeline is paused: the run stays due, and goes on from here when it is up again. */
  #stepAside(): never {
    if (this.#group === undefined) this.#run.stepAside();
    throw new Suspension();
  }

  #record(key: string, value: Json, facts: readonly Fact[], writes: readonly Write[]): void {
    const { row } = this.#run;
    this.#run.write(
      [['putJournal', row.seq, this.#prefix + key, this.passed(), JSON.stringify(value)], ...writes],
      this.takeNotes(facts),
    );
    this.#remember(key, value);
  }

  #remember(key: string, value: Json): void {
    const at = this.passed();
    this.#run.journal.set(this.#prefix + key, { at, value, askedBy: this });
    this.#memory.recorded++;
    this.#memory.lastRecordAt = at;
    this.#memory.isInterrupted = false;
    this.#recalled++;
  }

  /** Someone may have been faster with a value: then the next activation finds it. */
  async #expire(key: string, facts: readonly Fact[]): Promise<Signal> {
    const full = this.#prefix + key;
    const { row } = this.#run;
    this.#run.goLive();
    const notes = this.takeNotes(facts);
    try {
      await this.#run.writeAlone(
        [
          ['putJournal', row.seq, full, this.passed(), JSON.stringify({ expired: true })],
          ['closeOpening', row.seq, full],
        ],
        notes,
      );
    } catch (error) {
      if (!(error instanceof CommitRefused)) throw error;
      const { step } = row;
      return this.#suspend({
        state: this.#run.state,
        dueAtMs: this.now(),
        step: step ?? key,
        pausesDeadline: false,
        stoppable: false,
        isReload: true,
      });
    }
    this.#remember(key, { expired: true });
    return { as: 'expired' };
  }

  #suspend(wait: Wait, facts: readonly Fact[] = [], writes: readonly Write[] = []): Promise<never> {
    // Noted again, and then stored, when it is executed again.
    this.#notes = [];
    if (this.#group === undefined) return this.#run.suspend(wait, facts, writes);
    if (facts.length > 0 || writes.length > 0) {
      this.#run.goLive();
      this.#run.write(writes, facts);
    }
    return this.#suspendAll([wait]);
  }

  async #suspendAll(waits: readonly Wait[]): Promise<never> {
    this.#notes = [];
    if (this.#group === undefined) return this.#run.suspendAll(waits);
    this.waits = waits;
    this.#memory.isInterrupted = waits.some(({ isInterrupted }) => isInterrupted);
    throw new Suspension();
  }
}
