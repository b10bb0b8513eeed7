import type { Json } from '@tenon/model';
import {
  type Cancellation,
  type EventWait,
  type Fact,
  type Interruption,
  type Opening,
  type Recorded,
  type RunContext,
  type RunEnd,
  type RunIdentity,
  type Signal,
  type SignalWait,
  Suspension,
} from '../engine.ts';
import type { RunState } from '../runtime.ts';
import { CommitRefused, type PendingGroup } from './commit-queue.ts';
import type { Noted } from './ledger-rows.ts';
import type { JournalRow, OpeningRow, RunRow } from './run-row.ts';
import type { Write } from './statements.ts';

/** What a run needs of the engine that carries it. */
export interface RunHost {
  now(): number;
  random(): number;
  readonly isStopping: boolean;
  open(writes: readonly Write[], noted: readonly Noted[]): PendingGroup;
  noted(row: RunRow, facts: readonly Fact[]): Noted;
  /** Events of a name after `seq`, oldest first. */
  eventsAfter(event: string, seq: number): Iterable<{ readonly seq: number; readonly payload: Json }>;
  lastEventSeq(): number;
  emit(
    run: RunRow,
    event: { readonly deliveryId: string; readonly event: string; readonly payload: Json },
    also: readonly Write[],
    noted: readonly Noted[],
  ): Promise<void>;
}

/**
 * One activation of one run: from the moment it is due until it ends or has to wait again. Its memory is the journal,
 * read once at the start. States: replaying (the interpreter asks for what it did before) → live (it does new things)
 * → suspended or ended. A crash at any point loses what was not durable, and nothing else.
 *
 * Journal keys beginning with `#` are the engine's own; all others are asked for again on each re-execution, in
 * order, so that counting them tells where the interpreter is.
 */
export class EmbeddedRun implements RunContext {
  readonly run: RunIdentity;
  readonly #row: RunRow;
  readonly #host: RunHost;
  readonly #deadlineMs: number;
  readonly #journal: Map<string, { readonly at: number; readonly value: Json }>;
  readonly #openings: Map<string, OpeningRow>;
  /** Something may be open under its name. */
  #hasWaited: boolean;
  #recorded: number;
  #recalled = 0;
  #state: RunState;
  #phase: 'running' | 'compensating' = 'running';
  #isClaimed = false;
  #isInterrupted: boolean;
  #lastRecordAt: number;
  #clockFrom: number;
  #notes: Fact[] = [];
  /** What was written last: gathers what is written next, until it is taken to the disk. */
  #group: PendingGroup | undefined;
  #broken: Error | undefined;
  /** When the suspended run wants to be looked at again. */
  dueAtMs: number | undefined;
  /** Did this activation let another run of its order key go? */
  freedOrder = false;

  constructor(
    row: RunRow,
    payload: Json,
    journal: readonly JournalRow[],
    openings: readonly OpeningRow[],
    deadlineMs: number,
    host: RunHost,
    /** The run is new and claimed already: the group that stores it. */
    birth?: PendingGroup,
  ) {
    this.#row = row;
    this.#host = host;
    this.#deadlineMs = deadlineMs;
    this.#journal = new Map(
      journal.map(({ key, at, value }) => [key, { at, value: JSON.parse(value) as Json }]),
    );
    this.#openings = new Map(openings.map((opening) => [opening.key, opening]));
    this.#hasWaited = openings.length > 0;
    this.#recorded = journal.filter(({ key }) => !key.startsWith('#')).length;
    this.#state = row.state;
    this.#group = birth;
    this.#isClaimed = birth !== undefined;
    birth?.durable.catch((error: Error) => {
      this.#broken ??= error;
    });
    this.#isInterrupted = row.claimed === 2;
    this.#lastRecordAt = journal.reduce((last, { at }) => Math.max(last, at), row.accepted_at);
    const now = host.now();
    this.#clockFrom =
      row.clock_from === null
        ? now
        : row.clock_from + (row.paused_since === null ? 0 : now - row.paused_since);
    this.run = {
      runId: row.run_id,
      pipeline: row.pipeline,
      key: row.key,
      correlationId: row.correlation_id,
      traceparent: row.traceparent,
      acceptedAtMs: row.accepted_at,
      input: payload,
      ...(row.intake_failure !== null && { intakeFailure: JSON.parse(row.intake_failure) }),
    };
  }

  now(): number {
    return this.#host.now();
  }

  random(): number {
    return this.#host.random();
  }

  deadlineAt(): number {
    return this.#clockFrom + this.#deadlineMs;
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

  async step<T extends Json>(key: string, body: () => Recorded<T> | Promise<Recorded<T>>): Promise<T> {
    const known = this.#recall(key);
    // The key names the type: the same caller wrote it.
    if (known !== undefined) return known as T;
    this.#goLive();
    const { value, facts = [], openings = [] } = await body();
    this.#record(
      key,
      value,
      facts,
      openings.map((opening) => this.#openingWrite(opening)),
    );
    return value;
  }

  async durable(): Promise<void> {
    await this.#group?.durable.catch(() => {});
    if (this.#broken !== undefined) throw this.#broken;
  }

  async emit(key: string, event: string, payload: Json, facts: readonly Fact[]): Promise<Json> {
    const known = this.#recall(key);
    if (known !== undefined) return known;
    this.#goLive();
    await this.durable();
    const noted = this.#host.noted(this.#row, this.#takeNotes(facts));
    await this.#host.emit(
      this.#row,
      { deliveryId: `${this.run.runId}/${key}`, event, payload },
      [['putJournal', this.#row.seq, key, this.now(), 'null']],
      [noted],
    );
    this.#remember(key, null);
    return null;
  }

  interruption(place: string): Interruption | undefined {
    return this.#interruption(place, true, true);
  }

  async sleepUntil(
    atMs: number,
    step: string,
    place?: string,
    clock?: 'deadlinePaused',
  ): Promise<Interruption | undefined> {
    const countsDown = clock === undefined && this.#phase === 'running';
    const interruption =
      place === undefined ? undefined : this.#interruption(place, countsDown, this.now() >= atMs);
    if (interruption !== undefined || this.#isReplaying || this.now() >= atMs) return interruption;
    const dueAtMs = place !== undefined && countsDown ? Math.min(atMs, this.deadlineAt()) : atMs;
    const state = this.#phase === 'compensating' ? 'compensating' : 'waiting';
    this.#notes = [];
    return this.#suspend({
      state,
      dueAtMs,
      step,
      pausesDeadline: clock === 'deadlinePaused',
      stoppable: place !== undefined,
    });
  }

  async signal(key: string, wait: SignalWait): Promise<Signal> {
    const known = this.#recallSignal(key);
    if (known !== undefined) return known;
    const interruption = wait.state === 'inDoubt' ? undefined : this.#interruption(key, false, false);
    if (interruption !== undefined) {
      this.#closeLater(key);
      return { as: 'interrupted', interruption };
    }
    if (wait.expiresAtMs !== undefined && wait.expiresAtMs <= this.now()) return this.#expire(key);

    const isKnown = this.#openings.has(key);
    const facts = isKnown ? [] : this.#takeNotes(wait.facts);
    this.#notes = [];
    const writes: Write[] = isKnown ? [] : [this.#openingWrite(wait.opening, wait.expiresAtMs)];
    const failure =
      wait.opening.kind === 'deadLetter'
        ? { ...(wait.opening.detail['failure'] as object), step: wait.opening.step }
        : null;
    return this.#suspend({
      state: wait.state,
      dueAtMs: wait.expiresAtMs ?? null,
      step: wait.opening.step,
      pausesDeadline: true,
      stoppable: wait.state !== 'inDoubt',
      key,
      facts,
      writes,
      failure,
    });
  }

  async event(key: string, wait: EventWait): Promise<Signal> {
    const known = this.#recallSignal(key);
    if (known !== undefined) return known;
    const interruption = this.#interruption(key, false, false);
    if (interruption !== undefined) {
      this.#closeLater(key);
      return { as: 'interrupted', interruption };
    }
    const before = this.#openings.get(key);
    let scannedTo = before?.scanned_to ?? this.#row.event_seq;
    const lastSeq = this.#host.lastEventSeq();
    for (const { seq, payload } of this.#host.eventsAfter(wait.event, scannedTo)) {
      scannedTo = seq;
      if (!wait.matches(payload)) continue;
      this.#goLive();
      const facts: Fact[] = [
        { kind: 'signal', step: wait.step, details: { event: wait.event, eventSequence: seq } },
      ];
      this.#record(key, { value: payload }, facts, [['closeOpening', this.#row.seq, key]]);
      return { as: 'value', value: payload };
    }
    if (wait.expiresAtMs <= this.now()) return this.#expire(key);

    scannedTo = Math.max(scannedTo, lastSeq);
    const now = this.now();
    const facts = before === undefined ? this.#takeNotes(wait.facts) : [];
    this.#notes = [];
    if (this.#state !== 'waiting') this.#goLive();
    this.#hasWaited = true;
    const opening: Write = [
      'putOpening',
      this.#row.seq,
      key,
      'event',
      wait.step,
      this.#row.owner,
      now,
      wait.expiresAtMs,
      wait.event,
      scannedTo,
      JSON.stringify({ event: wait.event }),
    ];
    this.#write(
      [opening, ['suspendForEvent', this.#row.seq, now, wait.expiresAtMs, wait.step, wait.event, scannedTo]],
      [...facts, ...(this.#state === 'waiting' ? [] : [this.#stateFact('waiting', wait.step)])],
    );
    this.dueAtMs = now;
    return this.#leave();
  }

  /** Tells an active run that it was cancelled; the journal row is the caller's. */
  cancel(cancellation: Cancellation): void {
    this.#journal.set('#cancel', { at: this.now(), value: { ...cancellation } });
  }

  /** Stores how the run ended. */
  async finish(end: RunEnd): Promise<void> {
    this.#goLive();
    const { seq, pipeline, order_key: orderKey } = this.#row;
    const step = typeof end.failure?.['step'] === 'string' ? end.failure['step'] : null;
    this.#write(
      [
        ...(this.#hasWaited ? [['closeWaits', seq] satisfies Write] : []),
        ...(end.openings ?? []).map((opening) => this.#openingWrite(opening)),
        [
          'end',
          seq,
          end.state,
          this.now(),
          step,
          end.failure === undefined ? null : JSON.stringify(end.failure),
        ],
        ...this.#admitNext(pipeline, orderKey),
      ],
      this.#takeNotes(end.facts),
    );
    await this.durable();
  }

  get #isReplaying(): boolean {
    return this.#recalled < this.#recorded;
  }

  #recall(key: string): Json | undefined {
    const known = this.#journal.get(key);
    if (known === undefined) return undefined;
    this.#recalled++;
    return known.value;
  }

  #recallSignal(key: string): Signal | undefined {
    const known = this.#recall(key);
    if (known === undefined) return undefined;
    // Signals are stored as `{ value }` or `{ expired: true }`, by this file and the operations.
    const signal = known as { readonly value?: Json; readonly expired?: true };
    return signal.expired === true ? { as: 'expired' } : { as: 'value', value: signal.value ?? null };
  }

  #interruption(place: string, countsDown: boolean, maySuspend: boolean): Interruption | undefined {
    const key = `#stop/${place}`;
    const known = this.#journal.get(key);
    // Stored below, by this function alone.
    if (known !== undefined) return known.value as unknown as Interruption;
    if (this.#isReplaying) return undefined;
    if (maySuspend && this.#host.isStopping) this.#stepAside();
    // The process before may have sent what comes next: it must come to an outcome first, or it would count as unsent.
    if (this.#isInterrupted) return undefined;
    const found = this.#phase === 'running' ? this.#whyStop(countsDown) : undefined;
    if (found === undefined) return undefined;
    this.#goLive();
    const now = this.now();
    this.#write([['putJournal', this.#row.seq, key, now, JSON.stringify(found)]], []);
    this.#journal.set(key, { at: now, value: { ...found } });
    return found;
  }

  #whyStop(countsDown: boolean): Interruption | undefined {
    const cancel = this.#journal.get('#cancel');
    // Stored by the operation that cancels.
    if (cancel !== undefined) return { kind: 'cancelled', ...(cancel.value as unknown as Cancellation) };
    return countsDown && this.now() >= this.deadlineAt() ? { kind: 'deadline' } : undefined;
  }

  /** The process stops: the run stays due, and goes on from here when it is up again. */
  #stepAside(): never {
    // Still interrupted: stays claimed, so that the next process knows as well.
    if (this.#isClaimed && !this.#isInterrupted)
      this.#write(
        [
          [
            'suspend',
            this.#row.seq,
            this.#state,
            this.now(),
            this.now(),
            this.#row.step,
            null,
            null,
            null,
            null,
          ],
        ],
        [],
      );
    throw new Suspension();
  }

  #goLive(): void {
    if (this.#isClaimed && this.#state === this.#phase) return;
    const from = this.#state;
    const facts: Fact[] = [];
    if (from !== this.#phase) facts.push(this.#stateFact(this.#phase));
    if (this.#isInterrupted && !this.#isClaimed) facts.push({ kind: 'resumed', details: { after: 'crash' } });
    this.#write([['claim', this.#row.seq, this.#phase, this.now()]], facts);
    this.#isClaimed = true;
    this.#state = this.#phase;
  }

  #stateFact(to: RunState, step?: string): Fact {
    return { kind: 'state', ...(step !== undefined && { step }), details: { from: this.#state, to } };
  }

  #takeNotes(facts: readonly Fact[]): Fact[] {
    const all = [...this.#notes, ...facts];
    this.#notes = [];
    return all;
  }

  #record(key: string, value: Json, facts: readonly Fact[], writes: readonly Write[]): void {
    this.#write(
      [['putJournal', this.#row.seq, key, this.now(), JSON.stringify(value)], ...writes],
      this.#takeNotes(facts),
    );
    this.#remember(key, value);
  }

  #remember(key: string, value: Json): void {
    const at = this.now();
    this.#journal.set(key, { at, value });
    this.#recorded++;
    this.#recalled++;
    this.#lastRecordAt = at;
    this.#isInterrupted = false;
  }

  #write(writes: readonly Write[], facts: readonly Fact[]): void {
    const noted = facts.length === 0 ? [] : [this.#host.noted(this.#row, facts)];
    if (this.#group?.add(writes, noted)) return;
    this.#group = this.#host.open(writes, noted);
    this.#group.durable.catch((error: Error) => {
      this.#broken ??= error;
    });
  }

  /** Someone may have been faster with a value: then this activation ends, and the next one finds it. */
  async #expire(key: string): Promise<Signal> {
    this.#goLive();
    // Refused, it must take nothing else with it.
    this.#group = undefined;
    this.#record(key, { expired: true }, [], [['closeOpening', this.#row.seq, key]]);
    try {
      await this.durable();
    } catch (error) {
      if (!(error instanceof CommitRefused)) throw error;
      this.#broken = undefined;
      this.#write(
        [
          [
            'suspend',
            this.#row.seq,
            this.#state,
            this.now(),
            this.now(),
            this.#row.step,
            null,
            null,
            null,
            null,
          ],
        ],
        [],
      );
      this.dueAtMs = this.now();
      throw new Suspension();
    }
    return { as: 'expired' };
  }

  async #suspend(wait: {
    readonly state: RunState;
    readonly dueAtMs: number | null;
    readonly step: string;
    readonly pausesDeadline: boolean;
    /** A cancellation ends the wait. */
    readonly stoppable: boolean;
    /** Journal key of the value that ends the wait. */
    readonly key?: string;
    readonly facts?: readonly Fact[];
    readonly writes?: readonly Write[];
    readonly failure?: Json;
  }): Promise<never> {
    const { state, dueAtMs, step, failure = null } = wait;
    // From `accepted` or `waiting` to a park is two moves: through the phase that the run was in.
    if (state !== this.#state) this.#goLive();
    const now = this.now();
    const { seq, pipeline, order_key: orderKey } = this.#row;
    const stateFacts = state === this.#state || state === 'failed' ? [] : [this.#stateFact(state, step)];
    const pausedSince = wait.pausesDeadline ? now : null;
    const cancelKey = wait.stoppable && this.#phase === 'running' ? '#cancel' : null;
    const failureText = failure === null ? null : JSON.stringify(failure);
    this.#write(
      [
        ...(wait.writes ?? []),
        ['suspend', seq, state, now, dueAtMs, step, pausedSince, failureText, wait.key ?? null, cancelKey],
        ...(state === 'failed' ? this.#admitNext(pipeline, orderKey) : []),
      ],
      [...(wait.facts ?? []), ...stateFacts],
    );
    this.dueAtMs = dueAtMs ?? undefined;
    return this.#leave();
  }

  async #leave(): Promise<never> {
    await this.durable();
    throw new Suspension();
  }

  #admitNext(pipeline: string, orderKey: string | null): Write[] {
    if (orderKey === null) return [];
    this.freedOrder = true;
    return [['admitNext', pipeline, orderKey, this.now()]];
  }

  #closeLater(key: string): void {
    if (this.#openings.delete(key)) this.#write([['closeOpening', this.#row.seq, key]], []);
  }

  #openingWrite(opening: Opening, expiresAtMs?: number): Write {
    this.#hasWaited = true;
    return [
      'putOpening',
      this.#row.seq,
      opening.key,
      opening.kind,
      opening.step,
      opening.owner,
      this.now(),
      expiresAtMs ?? null,
      null,
      null,
      JSON.stringify(opening.detail),
    ];
  }
}
