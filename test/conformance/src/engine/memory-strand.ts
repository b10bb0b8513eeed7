import type { Json, JsonObject } from '@tenon/model';
import {
  type Cancellation,
  type ChildEnd,
  type ChildStart,
  type ChildStarted,
  type ChildWait,
  type ChildWord,
  connectionOf,
  type EventWait,
  type Fact,
  type Fork,
  type HeldCall,
  type Interruption,
  type Opening,
  type Recorded,
  type RunContext,
  type RunIdentity,
  type Signal,
  type SignalWait,
  type StepBound,
  StepBounds,
  Suspension,
} from '@tenon/runtime/engine';
import { type Group, joinStrands } from './memory-join.ts';
import type { Left, MemoryRun } from './memory-run.ts';
import type { StoredRun } from './memory-storage.ts';

/** What is remembered of one strand, whichever object carries it out. */
export interface StrandMemory {
  /** Rows that it asks for again on each re-execution. */
  recorded: number;
  lastRecordAt: number;
  /** A process before may have begun what it is about to do. */
  isInterrupted: boolean;
  /** Places at which it has failed of itself. */
  failures: number;
  /** How many rows it had asked for when it came to the last of them. */
  failedAfter: number;
}

type StoredOpening = Opening & { readonly expiresAtMs?: number; readonly scannedTo?: number };

/** Begins the keys of rows that say where a strand has failed of itself. */
export const FAILED = '#failed/';

/** A strand has failed of itself once it had asked for so many rows. */
export function failedAt(memory: StrandMemory, rows: number): void {
  memory.failures++;
  memory.failedAfter = Math.max(memory.failedAfter, rows);
}

/** One line of doing within a run: the run's own (with an empty prefix), or one of a fork. */
export class MemoryStrand implements RunContext {
  readonly run: RunIdentity;
  /** Of a strand of a fork that has left off; empty where it only stands aside. */
  waits: readonly Left[] = [];
  readonly #run: MemoryRun;
  readonly #prefix: string;
  readonly #memory: StrandMemory;
  readonly #group: Group | undefined;
  readonly #bounds: StepBounds;
  #recalled = 0;
  /** Those of its memory's that this execution has come to. */
  #failures = 0;
  /** By place of a hold, how often this execution was stopped there: what comes by it again is a round later. */
  readonly #stopsAtHolds = new Map<string, number>();
  /** Keys that were asked for or recorded: each counts once. */
  readonly #asked = new Set<string>();
  #notes: Fact[] = [];

  constructor(run: MemoryRun, prefix: string, memory: StrandMemory, group?: Group) {
    this.run = run.identity;
    this.#run = run;
    this.#prefix = prefix;
    this.#memory = memory;
    this.#group = group;
    this.#bounds = new StepBounds(group?.bound);
  }

  now(): number {
    return this.#run.engine.now();
  }

  random(): number {
    return this.#run.engine.random();
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

  /** Its clock is never set back. */
  passed(): number {
    return this.now();
  }

  sinceMs(passedMs: number): number {
    return this.now() - passedMs;
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
    this.#record(key, null, [], () => {});
  }

  failed(place: string): void {
    const key = `${FAILED}${this.#prefix}${place}`;
    if (this.#run.stored.journal.has(key)) this.#failures++;
    else if (!this.#isReplaying) {
      this.#recordOwn(key, this.#recalled);
      failedAt(this.#memory, this.#recalled);
      this.#failures++;
    }
  }

  passedEnd(): void {
    this.#notes = [];
  }

  takeNotes(facts: readonly Fact[]): readonly Fact[] {
    const all = [...this.#notes, ...facts];
    this.#notes = [];
    return all;
  }

  hold({ place, ...what }: HeldCall): Promise<Interruption | undefined> | undefined {
    const { engine, stored } = this.#run;
    const times = this.#stopsAtHolds.get(place ?? '') ?? 0;
    const call = {
      ...what,
      ...(place !== undefined && { place: times === 0 ? place : `${place}/${times}` }),
    };
    const known = call.place === undefined ? undefined : this.#stopAt(call.place);
    if (place !== undefined && known !== undefined) {
      this.#stopsAtHolds.set(place, times + 1);
      return Promise.resolve(known);
    }
    if (this.#isReplaying) return undefined;
    if (engine.isPaused(stored)) this.#stepAside();
    const held = engine.holdersOf(stored, call);
    return held.length === 0 ? undefined : this.#putBy(call, held);
  }

  async step<T extends Json>(key: string, body: () => Recorded<T> | Promise<Recorded<T>>): Promise<T> {
    const known = this.#recall(key);
    // The key names the type: the same caller wrote it.
    if (known !== undefined) return known as T;
    this.#run.goLive();
    const { value, facts = [], openings = [], numbered = false } = await body();
    // Only objects are numbered: see `Recorded`.
    const stored = (
      numbered && this.#group !== undefined ? { ...(value as object), nth: this.#run.nextNth() } : value
    ) as T;
    this.#record(key, stored, facts, (run) => {
      for (const opening of openings) this.#open(run, opening);
    });
    return stored;
  }

  durable(): Promise<void> {
    return this.#run.durable();
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
    const { phase } = this.#run;
    // What it is to fail of came after the wait.
    const isToFail = this.#isToFail;
    const countsDown = clock === undefined && phase === 'running';
    // A wait that is over is not stopped by what came later: see the embedded engine.
    const isOver =
      clock !== undefined && this.now() >= atMs && place !== undefined && this.#stopAt(place) === undefined;
    const interruption =
      place === undefined || isOver
        ? undefined
        : this.#interruption(place, countsDown, this.now() >= atMs, isToFail);
    if (interruption !== undefined || this.#isReplaying || isToFail || this.now() >= atMs)
      return interruption;
    return this.#leave({
      state: phase === 'compensating' ? 'compensating' : 'waiting',
      step,
      dueAtMs: place !== undefined && countsDown ? Math.min(atMs, this.deadlineAt()) : atMs,
      pausesDeadline: clock === 'deadlinePaused',
      stoppable: place !== undefined,
    });
  }

  async signal(key: string, wait: SignalWait): Promise<Signal> {
    const stoppable = wait.state !== 'inDoubt' && wait.isUnstoppable !== true;
    const known = this.#recallSignal(key) ?? (stoppable ? this.#stopSignal(key) : undefined);
    if (known !== undefined) return known;
    if (wait.expiresAtMs !== undefined && wait.expiresAtMs <= this.now())
      return this.#expire(key, wait.expiryFacts ?? []);
    const { opening, expiresAtMs, told } = wait;
    const { step } = opening;
    const isKnown = this.#run.stored.openings.has(this.#prefix + key);
    const failure =
      // The interpreter's `deadLetter` puts the failure there.
      opening.kind === 'deadLetter' ? { ...(opening.detail['failure'] as object), step } : undefined;
    return this.#leave(
      {
        state: wait.state,
        step,
        ...(expiresAtMs !== undefined && { dueAtMs: expiresAtMs }),
        pausesDeadline: true,
        stoppable,
        key: this.#prefix + key,
        ...(failure !== undefined && { failure }),
      },
      isKnown ? [] : this.takeNotes(wait.facts),
      (run) => {
        if (isKnown) return;
        this.#open(run, { ...opening, ...(expiresAtMs !== undefined && { expiresAtMs }) });
        if (told === undefined) return;
        const workedMs = this.#run.workedMs();
        this.#run.engine.tellParent(run, { state: 'failed', ...told, ...(failure && { failure }), workedMs });
      },
    );
  }

  async event(key: string, wait: EventWait): Promise<Signal> {
    const known = this.#recallSignal(key) ?? this.#stopSignal(key);
    if (known !== undefined) return known;
    const full = this.#prefix + key;
    const { engine, stored } = this.#run;
    const before = stored.openings.get(full);
    let scannedTo = before?.scannedTo ?? stored.eventSeq;
    for (const { seq, payload, source } of engine.eventsAfter(wait.event, scannedTo)) {
      scannedTo = seq;
      if (!wait.matches(payload, connectionOf(source))) continue;
      this.#run.goLive();
      const details = { event: wait.event, eventSequence: seq };
      this.#record(key, { value: payload }, [{ kind: 'signal', step: wait.step, details }], (run) =>
        run.openings.delete(full),
      );
      return { as: 'value', value: payload };
    }
    if (wait.expiresAtMs <= this.now()) return this.#expire(key, wait.expiryFacts);
    const { step, event, expiresAtMs } = wait;
    return this.#leave(
      {
        state: 'waiting',
        step,
        dueAtMs: expiresAtMs,
        pausesDeadline: true,
        stoppable: true,
        event: { name: event, scannedTo },
      },
      before === undefined ? this.takeNotes(wait.facts) : [],
      (run) =>
        this.#open(run, { kind: 'event', key, step, owner: '', detail: { event }, expiresAtMs, scannedTo }),
    );
  }

  async emit(
    key: string,
    event: string,
    parts: { readonly payload: Json; readonly headers?: JsonObject; readonly over?: string },
    facts: readonly Fact[],
  ): Promise<Json> {
    const known = this.#recall(key);
    if (known !== undefined) return known;
    this.#run.goLive();
    await this.durable();
    const atMs = this.now();
    const full = this.#prefix + key;
    const notes = this.takeNotes(facts);
    const { engine, stored } = this.#run;
    await engine.emit(stored, `${this.run.runId}/${full}`, event, parts, (run) => {
      run.journal.set(full, { atMs, value: null });
      engine.tell(run, notes);
    });
    this.#remember(key, null, atMs);
    return null;
  }

  async startChild(key: string, child: ChildStart): Promise<ChildStarted> {
    // The key names the type: it is written below.
    const known = this.#recall(key) as unknown as ChildStarted | undefined;
    if (known !== undefined) return known;
    this.#run.goLive();
    await this.durable();
    const notes = this.takeNotes([]);
    const { engine, stored } = this.#run;
    const started = await engine.startChild(
      stored,
      this.#prefix + key,
      { ...child, facts: (...of) => [...notes, ...child.facts(...of)] },
      this.deadlineAt(),
      {
        ...(this.#group !== undefined && { nth: this.#run.nextNth() }),
        workedMs: this.#run.workedMs(),
      },
    );
    this.#remember(key, { ...started }, this.now());
    return started;
  }

  async childEnd(key: string, wait: ChildWait): Promise<Signal> {
    const stoppable = wait.isUnstoppable !== true;
    const known = this.#recallSignal(key) ?? (stoppable ? this.#stopSignal(key) : undefined);
    if (known !== undefined) return known;
    const { stored, phase } = this.#run;
    const full = this.#prefix + key;
    const word = `#child/${wait.child}/${wait.nth}`;
    // Left there by the child.
    const end = stored.journal.get(word)?.value as unknown as ChildEnd | undefined;
    if (end === undefined) {
      const isKnown = stored.openings.has(full);
      return this.#leave(
        {
          state: phase === 'compensating' ? 'compensating' : 'waiting',
          step: wait.opening.step,
          pausesDeadline: true,
          stoppable,
          key: word,
        },
        isKnown ? [] : this.takeNotes(wait.facts),
        (run) => this.#open(run, wait.opening),
      );
    }
    this.#run.goLive();
    if (stoppable) this.#run.charge(wait.child, end);
    const { clockFrom } = stored;
    const value = { ...end, ...(this.#group !== undefined && { nth: this.#run.nextNth() }) };
    const workedMs = this.#run.workedMs();
    this.#record(key, { value, workedMs }, wait.ended(end), (run) => {
      run.clockFrom = clockFrom!;
      run.openings.delete(full);
    });
    return { as: 'value', value };
  }

  async tellChild(key: string, word: ChildWord): Promise<number | undefined> {
    const known = this.#recall(key);
    // Written below, by this function alone.
    if (known !== undefined) return (known as { readonly parked: number }).parked;
    this.#run.goLive();
    const told = { parked: 0 };
    this.#record(key, told, [], (run) => {
      // As the child stands when the word is stored, not before.
      told.parked = this.#run.engine.tellChild(run, word);
    });
    await this.durable();
    return told.parked;
  }

  takenBack(): Cancellation | undefined {
    // Written by the engine, as such.
    return this.#run.stored.journal.get('#takenBack')?.value as unknown as Cancellation | undefined;
  }

  cancelled(): Cancellation | undefined {
    return this.#run.cancelled();
  }

  async fork<T>(fork: Fork<T>): Promise<readonly (T | undefined)[]> {
    // Written below, by this function alone.
    const joined = this.#recall(fork.key) as { readonly unbegun: readonly string[] } | undefined;
    // What a process before may have begun here, it began in one of the strands.
    if (joined === undefined) this.#memory.isInterrupted = false;
    const group: Group = {
      ...(joined !== undefined && { unbegun: new Set(joined.unbegun) }),
      ...(this.#group !== undefined && { outer: this.#group }),
      bound: this.#bounds.innermost,
    };
    const { ends, notes, waits, isAside } = await joinStrands(this.#run, this.#prefix, fork, group);
    if (waits.length > 0) return this.#leaveAll(waits);
    if (isAside) this.#stepAside();
    if (joined === undefined) {
      this.#run.goLive();
      const unbegun = fork.strands.flatMap(({ name }, index) => (ends[index] === undefined ? [name] : []));
      this.#record(fork.key, { unbegun }, [...notes, ...fork.joined(ends)], () => {});
    }
    return ends;
  }

  get #isReplaying(): boolean {
    return this.#recalled < this.#memory.recorded || this.#group?.unbegun !== undefined;
  }

  /** It has failed of itself after what it has asked for: that is as past as what is on record. */
  get #isToFail(): boolean {
    const { failures, failedAfter } = this.#memory;
    return this.#failures < failures && this.#recalled <= failedAfter;
  }

  #recall(key: string): Json | undefined {
    const known = this.#run.stored.journal.get(this.#prefix + key);
    if (known === undefined) return undefined;
    if (!this.#asked.has(key)) this.#recalled++;
    this.#asked.add(key);
    return known.value;
  }

  #recallSignal(key: string): Signal | undefined {
    // Stored as `{ value }` or `{ expired: true }`, by this file and the engine.
    const known = this.#recall(key) as { readonly value?: Json; readonly expired?: true } | undefined;
    // It was told to stop first, and a value that came later changes nothing.
    const stop = this.#stopAt(key);
    if (stop !== undefined) return { as: 'interrupted', interruption: stop };
    if (known === undefined) return undefined;
    return known.expired === true ? { as: 'expired' } : { as: 'value', value: known.value ?? null };
  }

  #stopSignal(key: string): Signal | undefined {
    const interruption = this.#interruption(key, false, false);
    if (interruption === undefined) return undefined;
    const full = this.#prefix + key;
    if (this.#run.stored.openings.delete(full)) this.#run.write((run) => run.openings.delete(full), []);
    return { as: 'interrupted', interruption };
  }

  #stopAt(place: string): Interruption | undefined {
    // Stored below, by `#interruption` alone.
    return this.#run.stored.journal.get(`#stop/${this.#prefix}${place}`)?.value as unknown as Interruption;
  }

  #interruption(
    place: string,
    countsDown: boolean,
    mayStepAside: boolean,
    isToFail = false,
  ): Interruption | undefined {
    const known = this.#stopAt(place);
    if (known !== undefined) return known;
    if (this.#isReplaying) return undefined;
    if (mayStepAside && this.#run.engine.isPaused(this.#run.stored)) this.#stepAside();
    if (this.#memory.isInterrupted || this.#run.phase !== 'running') return undefined;
    const found = isToFail
      ? this.#run.whyStop(false)
      : (this.#run.whyStop(countsDown) ?? this.#lateStep(countsDown) ?? this.#stoppedByOther());
    if (found === undefined) return undefined;
    this.#recordOwn(`#stop/${this.#prefix}${place}`, { ...found });
    return found;
  }

  #recordOwn(key: string, value: Json): void {
    this.#run.goLive();
    const entry = { atMs: this.now(), value };
    this.#run.stored.journal.set(key, entry);
    this.#run.write((run) => run.journal.set(key, entry), []);
  }

  #lateStep(countsDown: boolean): Interruption | undefined {
    const { step, leftMs } = this.#bounds.innermost;
    return countsDown && leftMs > 0 && this.now() >= this.deadlineAt()
      ? { kind: 'deadline', step }
      : undefined;
  }

  #stoppedByOther(): Interruption | undefined {
    for (let group = this.#group; group !== undefined; group = group.outer)
      if (group.stoppedBy !== undefined) return { kind: 'stopped', by: group.stoppedBy };
    return undefined;
  }

  #open(run: StoredRun, opening: StoredOpening): void {
    const key = this.#prefix + opening.key;
    const stored = { ...opening, key };
    run.openings.set(key, stored);
    this.#run.stored.openings.set(key, stored);
  }

  #record(key: string, value: Json, facts: readonly Fact[], also: (run: StoredRun) => void): void {
    const atMs = this.now();
    const full = this.#prefix + key;
    this.#run.write((run) => {
      if (run.journal.has(full)) throw new Error(`${full} is recorded already`);
      run.journal.set(full, { atMs, value });
      also(run);
    }, this.takeNotes(facts));
    this.#remember(key, value, atMs);
  }

  #remember(key: string, value: Json, atMs: number): void {
    this.#run.stored.journal.set(this.#prefix + key, { atMs, value });
    this.#memory.recorded++;
    this.#memory.lastRecordAt = atMs;
    this.#memory.isInterrupted = false;
    this.#recalled++;
    this.#asked.add(key);
  }

  /** Someone may have been faster with a value: then this activation ends, and the next one finds it. */
  async #expire(key: string, facts: readonly Fact[]): Promise<Signal> {
    this.#run.goLive();
    const full = this.#prefix + key;
    const { engine, stored } = this.#run;
    let isLate = false;
    const atMs = this.now();
    const notes = this.takeNotes(facts);
    await engine.commit((disk) => {
      const run = disk.runs[stored.seq]!;
      isLate = run.journal.has(full);
      if (isLate) return;
      run.journal.set(full, { atMs, value: { expired: true } });
      run.openings.delete(full);
      engine.tell(run, notes);
    });
    if (isLate)
      return this.#leave({
        state: stored.state,
        step: stored.step ?? key,
        dueAtMs: atMs,
        pausesDeadline: false,
        stoppable: false,
        isReload: true,
      });
    this.#remember(key, { expired: true }, atMs);
    return { as: 'expired' };
  }

  async #putBy(
    { step, purpose, connection, place }: HeldCall,
    held: readonly string[],
  ): Promise<Interruption | undefined> {
    const interruption = place === undefined ? undefined : this.#interruption(place, false, false);
    if (interruption !== undefined) return interruption;
    const { isInterrupted } = this.#memory;
    const details = { by: [...held], purpose, ...(connection !== undefined && { connection }) };
    return this.#leave(
      {
        state: this.#run.phase === 'compensating' ? 'compensating' : 'waiting',
        step,
        pausesDeadline: true,
        // What may have been sent comes to an outcome first, whatever stops the run.
        stoppable: place !== undefined && !isInterrupted,
        held,
        isInterrupted,
      },
      [{ kind: 'held', step, details }],
    );
  }

  /** The pipeline is paused: the run stays due, and goes on from here. */
  #stepAside(): never {
    if (this.#group === undefined) this.#run.stepAside();
    throw new Suspension();
  }

  async #leave(
    left: Left,
    facts: readonly Fact[] = [],
    also: (run: StoredRun) => void = () => {},
  ): Promise<never> {
    // Noted again, and then stored, when it is executed again.
    this.#notes = [];
    if (this.#group === undefined) return this.#run.leave([left], facts, also);
    this.#run.goLive();
    this.#run.write(also, facts);
    // What it opened is known to the others only once it is stored: a value may come for it from then on.
    await this.durable();
    return this.#leaveAll([left]);
  }

  async #leaveAll(waits: readonly Left[]): Promise<never> {
    this.#notes = [];
    if (this.#group === undefined) return this.#run.leave(waits);
    this.waits = waits;
    this.#memory.isInterrupted = waits.some(({ isInterrupted }) => isInterrupted === true);
    throw new Suspension();
  }
}
