import type { Json } from '@tenon/model';
import type { RunState } from '@tenon/runtime';
import {
  type Cancellation,
  type ChildEnd,
  type ChildStart,
  type ChildStarted,
  type ChildWait,
  type ChildWord,
  type EventWait,
  type Fact,
  type Interruption,
  type Recorded,
  type RunContext,
  type RunEnd,
  type RunIdentity,
  type Signal,
  type SignalWait,
  Suspension,
} from '@tenon/runtime/engine';
import type { MemoryEngine } from './memory-engine.ts';
import { move, type StoredRun } from './memory-storage.ts';

/** How a wait is left: in which state, until when, and what ends it earlier. */
interface Left {
  readonly state: RunState;
  readonly step: string;
  readonly dueAtMs?: number;
  readonly pausesDeadline: boolean;
  readonly stoppable: boolean;
  /** Journal key of the value that ends it. */
  readonly key?: string;
  readonly event?: { readonly name: string; readonly scannedTo: number };
  readonly told?: { readonly effects: number };
  readonly opening?: StoredRun['openings'] extends Map<string, infer O> ? O : never;
}

/**
 * One activation of a run over the memory engine: the port in its plainest form. It works on a copy of what is stored;
 * each change is handed to the engine, which stores changes one after another a moment later.
 */
export class MemoryRun implements RunContext {
  readonly run: RunIdentity;
  readonly #engine: MemoryEngine;
  readonly #stored: StoredRun;
  readonly #deadlineMs: number;
  #isInterrupted: boolean;
  #isClaimed = false;
  #phase: 'running' | 'compensating' = 'running';
  #recorded: number;
  #recalled = 0;
  #lastRecordAt: number;
  #notes: Fact[] = [];
  #pending: Promise<void> = Promise.resolve();

  constructor(
    stored: StoredRun,
    input: Json,
    deadlineMs: number,
    engine: MemoryEngine,
    parent?: RunIdentity['parent'],
  ) {
    this.#engine = engine;
    this.#stored = structuredClone(stored);
    this.#deadlineMs = deadlineMs;
    this.#isInterrupted = stored.isTaken;
    const own = [...stored.journal].filter(([key]) => !key.startsWith('#'));
    this.#recorded = own.length;
    this.#lastRecordAt = Math.max(stored.acceptedAtMs, ...own.map(([, { atMs }]) => atMs));
    const now = engine.now();
    const { clockFrom, pausedSince } = stored;
    this.#stored.clockFrom =
      clockFrom === undefined ? now : clockFrom + (pausedSince === undefined ? 0 : now - pausedSince);
    const { runId, pipeline, key, correlationId, traceparent, acceptedAtMs, intakeFailure } = stored;
    this.run = {
      runId,
      pipeline,
      key,
      correlationId,
      traceparent,
      acceptedAtMs,
      input,
      headers: {},
      // Nothing of it is kept.
      salt: null,
      ...(intakeFailure !== undefined && { intakeFailure }),
      ...(parent !== undefined && { parent }),
    };
  }

  now(): number {
    return this.#engine.now();
  }

  random(): number {
    return this.#engine.random();
  }

  deadlineAt(): number {
    // Set by the constructor.
    return this.#stored.clockFrom! + this.#deadlineMs;
  }

  interrupted(): boolean {
    return this.#isInterrupted;
  }

  lastRecordAt(): number {
    return this.#lastRecordAt;
  }

  enter(phase: 'running' | 'compensating'): void {
    this.#phase = phase;
  }

  note(fact: Fact): void {
    if (!this.#isReplaying) this.#notes.push({ ...fact, atMs: fact.atMs ?? this.now() });
  }

  /** It has no switches, so nothing is ever held. */
  hold(): undefined {
    return undefined;
  }

  fork(): never {
    throw new Error('the memory engine has no strands');
  }

  async step<T extends Json>(key: string, body: () => Recorded<T> | Promise<Recorded<T>>): Promise<T> {
    const known = this.#recall(key);
    // The key names the type: the same caller wrote it.
    if (known !== undefined) return known as T;
    this.#goLive();
    const { value, facts = [], openings = [] } = await body();
    this.#record(key, value, facts, (run) => {
      for (const opening of openings) run.openings.set(opening.key, opening);
    });
    return value;
  }

  durable(): Promise<void> {
    return this.#pending;
  }

  interruption(place: string): Interruption | undefined {
    return this.#interruption(place, true);
  }

  async sleepUntil(
    atMs: number,
    step: string,
    place?: string,
    clock?: 'deadlinePaused',
  ): Promise<Interruption | undefined> {
    const countsDown = clock === undefined && this.#phase === 'running';
    const interruption = place === undefined ? undefined : this.#interruption(place, countsDown);
    if (interruption !== undefined || this.#isReplaying || this.now() >= atMs) return interruption;
    return this.#leave({
      state: this.#phase === 'compensating' ? 'compensating' : 'waiting',
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
    const isKnown = this.#stored.openings.has(key);
    const { expiresAtMs } = wait;
    return this.#leave(
      {
        state: wait.state,
        step: wait.opening.step,
        ...(expiresAtMs !== undefined && { dueAtMs: expiresAtMs }),
        pausesDeadline: true,
        stoppable,
        key,
        opening: { ...wait.opening, ...(expiresAtMs !== undefined && { expiresAtMs }) },
        ...(!isKnown && wait.told !== undefined && { told: wait.told }),
      },
      isKnown ? [] : this.#takeNotes(wait.facts),
    );
  }

  async event(key: string, wait: EventWait): Promise<Signal> {
    const known = this.#recallSignal(key) ?? this.#stopSignal(key);
    if (known !== undefined) return known;
    const before = this.#stored.openings.get(key);
    let scannedTo = before?.scannedTo ?? this.#stored.eventSeq;
    for (const { seq, payload } of this.#engine.eventsAfter(wait.event, scannedTo)) {
      scannedTo = seq;
      if (!wait.matches(payload)) continue;
      this.#goLive();
      const details = { event: wait.event, eventSequence: seq };
      this.#record(key, { value: payload }, [{ kind: 'signal', step: wait.step, details }], (run) =>
        run.openings.delete(key),
      );
      return { as: 'value', value: payload };
    }
    if (wait.expiresAtMs <= this.now()) return this.#expire(key, wait.expiryFacts);
    const { step, event, expiresAtMs } = wait;
    const opening = { kind: 'event', key, step, owner: '', detail: { event } } as const;
    return this.#leave(
      {
        state: 'waiting',
        step,
        dueAtMs: expiresAtMs,
        pausesDeadline: true,
        stoppable: true,
        event: { name: event, scannedTo },
        opening: { ...opening, expiresAtMs, scannedTo },
      },
      before === undefined ? this.#takeNotes(wait.facts) : [],
    );
  }

  async emit(
    key: string,
    event: string,
    { payload }: { readonly payload: Json },
    facts: readonly Fact[],
  ): Promise<Json> {
    const known = this.#recall(key);
    if (known !== undefined) return known;
    this.#goLive();
    await this.durable();
    const atMs = this.now();
    await this.#engine.emit(this.#stored, `${this.run.runId}/${key}`, event, payload, (run) => {
      run.journal.set(key, { atMs, value: null });
      this.#engine.tell(run, this.#takeNotes(facts));
    });
    this.#remember(key, null, atMs);
    return null;
  }

  async startChild(key: string, child: ChildStart): Promise<ChildStarted> {
    // The key names the type: it is written below.
    const known = this.#recall(key) as unknown as ChildStarted | undefined;
    if (known !== undefined) return known;
    this.#goLive();
    await this.durable();
    const notes = this.#takeNotes([]);
    const started = await this.#engine.startChild(
      this.#stored,
      key,
      { ...child, facts: (...of) => [...notes, ...child.facts(...of)] },
      this.deadlineAt(),
    );
    this.#remember(key, { ...started }, this.now());
    return started;
  }

  async childEnd(key: string, wait: ChildWait): Promise<Signal> {
    const stoppable = wait.isUnstoppable !== true;
    const known = this.#recallSignal(key) ?? (stoppable ? this.#stopSignal(key) : undefined);
    if (known !== undefined) return known;
    const word = `#child/${wait.child}/${wait.nth}`;
    // Left there by the child.
    const end = this.#stored.journal.get(word)?.value as unknown as ChildEnd | undefined;
    if (end === undefined)
      return this.#leave(
        {
          state: this.#phase === 'compensating' ? 'compensating' : 'waiting',
          step: wait.opening.step,
          pausesDeadline: true,
          stoppable,
          key: word,
          opening: wait.opening,
        },
        this.#stored.openings.has(key) ? [] : this.#takeNotes(wait.facts),
      );
    this.#goLive();
    // One child at a time: without strands what it worked is what this run has worked meanwhile.
    if (stoppable) this.#stored.clockFrom! -= end.workedMs;
    const { clockFrom } = this.#stored;
    this.#record(key, { value: { ...end } }, wait.ended(end), (run) => {
      run.clockFrom = clockFrom!;
      run.openings.delete(key);
    });
    return { as: 'value', value: { ...end } };
  }

  async tellChild(key: string, word: ChildWord): Promise<void> {
    if (this.#recall(key) !== undefined) return;
    this.#goLive();
    this.#record(key, null, [], (run) => this.#engine.tellChild(run, word));
    await this.durable();
  }

  takenBack(): Cancellation | undefined {
    // Written by the engine, as such.
    return this.#stored.journal.get('#takenBack')?.value as unknown as Cancellation | undefined;
  }

  /** Tells an active run that it was cancelled; what is stored is the caller's matter. */
  learn(key: string, value: Json): void {
    this.#stored.journal.set(key, { atMs: this.now(), value });
  }

  async finish(end: RunEnd): Promise<void> {
    this.#goLive();
    this.#write((run) => {
      for (const [key, { kind }] of run.openings)
        if (kind === 'approval' || kind === 'event' || kind === 'child') run.openings.delete(key);
      for (const opening of end.openings ?? []) run.openings.set(opening.key, opening);
      move(run, end.state);
      run.isTaken = false;
      delete run.dueAtMs;
      if (end.failure !== undefined) run.failure = end.failure;
      this.#engine.tellParent(run, {
        state: end.state,
        effects: 0,
        ...end.told,
        ...(end.failure !== undefined && { failure: end.failure }),
        workedMs: this.#workedMs(),
      });
    }, this.#takeNotes(end.facts));
    await this.durable();
  }

  #workedMs(): number {
    // Set by the constructor.
    return Math.max(0, this.now() - this.#stored.clockFrom!);
  }

  get #isReplaying(): boolean {
    return this.#recalled < this.#recorded;
  }

  #recall(key: string): Json | undefined {
    const known = this.#stored.journal.get(key);
    if (known === undefined) return undefined;
    this.#recalled++;
    return known.value;
  }

  #recallSignal(key: string): Signal | undefined {
    // Stored as `{ value }` or `{ expired: true }`, by this file and the engine.
    const known = this.#recall(key) as { readonly value?: Json; readonly expired?: true } | undefined;
    if (known === undefined) return undefined;
    return known.expired === true ? { as: 'expired' } : { as: 'value', value: known.value ?? null };
  }

  #stopSignal(key: string): Signal | undefined {
    const interruption = this.#interruption(key, false);
    if (interruption === undefined) return undefined;
    this.#write((run) => run.openings.delete(key), []);
    return { as: 'interrupted', interruption };
  }

  #interruption(place: string, countsDown: boolean): Interruption | undefined {
    const key = `#stop/${place}`;
    const known = this.#stored.journal.get(key);
    // Stored below, by this function alone.
    if (known !== undefined) return known.value as unknown as Interruption;
    if (this.#isReplaying || this.#isInterrupted || this.#phase === 'compensating') return undefined;
    const cancel = this.#stored.journal.get('#cancel');
    const isLate = countsDown && this.now() >= this.deadlineAt();
    if (cancel === undefined && !isLate) return undefined;
    // Stored by the engine's `cancel`.
    const found: Interruption =
      cancel === undefined
        ? { kind: 'deadline' }
        : { kind: 'cancelled', ...(cancel.value as unknown as { actor: string; reason: string }) };
    this.#goLive();
    const entry = { atMs: this.now(), value: { ...found } };
    this.#stored.journal.set(key, entry);
    this.#write((run) => run.journal.set(key, entry), []);
    return found;
  }

  #goLive(): void {
    const phase = this.#phase;
    const from = this.#stored.state;
    if (this.#isClaimed && from === phase) return;
    const facts: Fact[] = from === phase ? [] : [{ kind: 'state', details: { from, to: phase } }];
    if (this.#isInterrupted && !this.#isClaimed) facts.push({ kind: 'resumed', details: { after: 'crash' } });
    this.#isClaimed = true;
    this.#stored.state = phase;
    const { clockFrom } = this.#stored;
    this.#write((run) => {
      move(run, phase);
      run.isTaken = true;
      // Set by the constructor.
      run.clockFrom = clockFrom!;
      delete run.dueAtMs;
      delete run.pausedSince;
      delete run.failure;
    }, facts);
  }

  #takeNotes(facts: readonly Fact[]): Fact[] {
    const all = [...this.#notes, ...facts];
    this.#notes = [];
    return all;
  }

  #record(key: string, value: Json, facts: readonly Fact[], also: (run: StoredRun) => void): void {
    const atMs = this.now();
    this.#write((run) => {
      if (run.journal.has(key)) throw new Error(`${key} is recorded already`);
      run.journal.set(key, { atMs, value });
      also(run);
    }, this.#takeNotes(facts));
    this.#remember(key, value, atMs);
  }

  #remember(key: string, value: Json, atMs: number): void {
    this.#stored.journal.set(key, { atMs, value });
    this.#recorded++;
    this.#recalled++;
    this.#lastRecordAt = atMs;
    this.#isInterrupted = false;
  }

  #write(change: (run: StoredRun) => void, facts: readonly Fact[]): void {
    const { seq } = this.#stored;
    this.#pending = this.#engine.commit((disk) => {
      // Runs are never removed.
      const run = disk.runs[seq]!;
      change(run);
      this.#engine.tell(run, facts);
    });
    // Whoever needs to know awaits `durable`.
    this.#pending.catch(() => {});
  }

  /** Someone may have been faster with a value: then this activation ends, and the next one finds it. */
  async #expire(key: string, facts: readonly Fact[]): Promise<Signal> {
    this.#goLive();
    let isLate = false;
    const atMs = this.now();
    const notes = this.#takeNotes(facts);
    await this.#engine.commit((disk) => {
      const run = disk.runs[this.#stored.seq]!;
      isLate = run.journal.has(key);
      if (isLate) {
        run.isTaken = false;
        run.dueAtMs = atMs;
        return;
      }
      run.journal.set(key, { atMs, value: { expired: true } });
      run.openings.delete(key);
      this.#engine.tell(run, notes);
    });
    if (isLate) throw new Suspension();
    this.#remember(key, { expired: true }, atMs);
    return { as: 'expired' };
  }

  async #leave(left: Left, facts: readonly Fact[] = []): Promise<never> {
    const { state, step, dueAtMs, key, event, opening } = left;
    this.#notes = [];
    if (state !== this.#stored.state) this.#goLive();
    const isNew = state !== this.#stored.state && state !== 'failed';
    const stateFact: Fact = { kind: 'state', step, details: { from: this.#stored.state, to: state } };
    const now = this.now();
    this.#write(
      (run) => {
        move(run, state);
        run.isTaken = false;
        run.step = step;
        if (left.pausesDeadline) run.pausedSince ??= now;
        if (opening !== undefined) run.openings.set(opening.key, opening);
        // The interpreter's `deadLetter` puts the failure there.
        if (opening?.kind === 'deadLetter') run.failure = { ...(opening.detail['failure'] as object), step };
        if (left.told !== undefined)
          this.#engine.tellParent(run, {
            state: 'failed',
            ...left.told,
            ...(run.failure !== undefined && { failure: run.failure }),
            workedMs: this.#workedMs(),
          });
        const isOver =
          (key !== undefined && run.journal.has(key)) ||
          (left.stoppable && this.#phase === 'running' && run.journal.has('#cancel')) ||
          (event !== undefined && this.#engine.eventsAfter(event.name, event.scannedTo).length > 0);
        if (isOver) run.dueAtMs = now;
        else if (dueAtMs === undefined) delete run.dueAtMs;
        else run.dueAtMs = dueAtMs;
      },
      [...facts, ...(isNew ? [stateFact] : [])],
    );
    await this.durable();
    throw new Suspension();
  }
}
