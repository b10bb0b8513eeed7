import type { Json, JsonObject } from '@tenon/model';
import type { RunState } from '@tenon/runtime';
import {
  type Cancellation,
  type ChildEnd,
  connectionOf,
  type Fact,
  type Interruption,
  type RunEnd,
  type RunIdentity,
  Suspension,
} from '@tenon/runtime/engine';
import type { MemoryEngine } from './memory-engine.ts';
import { move, type StoredEvent, type StoredRun } from './memory-storage.ts';
import { FAILED, failedAt, MemoryStrand, type StrandMemory } from './memory-strand.ts';

/** What a strand waits for: in which state, until when, and what ends it earlier. */
export interface Left {
  readonly state: RunState;
  readonly step: string;
  readonly dueAtMs?: number;
  readonly pausesDeadline: boolean;
  readonly stoppable: boolean;
  /** Journal key of the value that ends it. */
  readonly key?: string;
  readonly event?: { readonly name: string; readonly scannedTo: number };
  readonly failure?: JsonObject;
  /** A person, the disk's own change or a switch is to look again: nothing in this activation ends it. */
  readonly isReload?: boolean;
  /** Tags of the switches that hold it. */
  readonly held?: readonly string[];
  /** With `held`: a process before may have sent what is held. */
  readonly isInterrupted?: boolean;
}

/** In which of its strands' states a run is shown: what needs a person most comes first. */
const BY_CONCERN: readonly RunState[] = ['inDoubt', 'failed', 'waiting', 'compensating'];

/**
 * One activation of a run over the memory engine: the port in its plainest form. It works on a copy of what is stored;
 * each change is handed to the engine, which stores changes one after another a moment later. What is done in it is done
 * by its strands: `root`, and those that it forks.
 */
export class MemoryRun {
  readonly identity: RunIdentity;
  readonly engine: MemoryEngine;
  readonly stored: StoredRun;
  readonly root: MemoryStrand;
  /** Told when something came for a strand that waits while others work. */
  readonly watchers = new Set<() => void>();
  phase: 'running' | 'compensating' = 'running';
  readonly deadlineMs: number;
  readonly #wasInterrupted: boolean;
  readonly #memories = new Map<string, StrandMemory>();
  /** Its end is on its way to be stored. */
  isEnding = false;
  #isClaimed = false;
  #nth = 0;
  #pending: Promise<void> = Promise.resolve();

  constructor(
    stored: StoredRun,
    { payload, headers = {}, source }: StoredEvent,
    deadlineMs: number,
    engine: MemoryEngine,
    parent?: RunIdentity['parent'],
  ) {
    this.engine = engine;
    this.stored = structuredClone(stored);
    this.deadlineMs = deadlineMs;
    this.#wasInterrupted = stored.isTaken;
    this.memoryOf('').isInterrupted = stored.isTaken;
    // Written by `failed` of a strand, with a number.
    for (const [key, { atMs, value }] of stored.journal)
      if (key.startsWith(FAILED)) failedAt(this.memoryOf(strandOf(key.slice(FAILED.length))), Number(value));
      else if (!key.startsWith('#')) this.counted(key, atMs);
    const now = engine.now();
    const { clockFrom, pausedSince } = stored;
    this.stored.clockFrom =
      clockFrom === undefined ? now : clockFrom + (pausedSince === undefined ? 0 : now - pausedSince);
    const { runId, pipeline, key, correlationId, traceparent, acceptedAtMs, intakeFailure } = stored;
    const connection = connectionOf(source);
    this.identity = {
      runId,
      pipeline,
      key,
      correlationId,
      traceparent,
      acceptedAtMs,
      input: payload,
      headers,
      ...(connection !== undefined && { connection }),
      // Nothing of it is kept.
      salt: null,
      ...(intakeFailure !== undefined && { intakeFailure }),
      ...(parent !== undefined && { parent }),
    };
    this.root = new MemoryStrand(this, '', this.memoryOf(''));
  }

  /** What is known of the strand whose keys begin with `prefix`. */
  memoryOf(prefix: string): StrandMemory {
    const known = this.#memories.get(prefix);
    if (known !== undefined) return known;
    const made: StrandMemory = {
      recorded: 0,
      lastRecordAt: this.stored.acceptedAtMs,
      isInterrupted: false,
      failures: 0,
      failedAfter: 0,
    };
    this.#memories.set(prefix, made);
    return made;
  }

  deadlineAt(): number {
    // Set by the constructor.
    return this.stored.clockFrom! + this.deadlineMs;
  }

  durable(): Promise<void> {
    return this.#pending;
  }

  /** The place of the next record in the order of all of the run's; never given twice. */
  nextNth(): number {
    this.#nth = Math.max(this.#nth, this.stored.journal.size) + 1;
    return this.#nth;
  }

  whyStop(countsDown: boolean): Interruption | undefined {
    const cancelled = this.cancelled();
    if (cancelled !== undefined) return { kind: 'cancelled', ...cancelled };
    return countsDown && this.engine.now() >= this.deadlineAt() ? { kind: 'deadline' } : undefined;
  }

  cancelled(): Cancellation | undefined {
    // Stored by the engine's `cancel`.
    return this.stored.journal.get('#cancel')?.value as unknown as Cancellation | undefined;
  }

  /** Tells an active run of a row that somebody else has stored. */
  learn(key: string, value: Json): void {
    if (this.stored.journal.has(key)) return;
    const atMs = this.engine.now();
    this.stored.journal.set(key, { atMs, value });
    if (!key.startsWith('#')) {
      this.stored.openings.delete(key);
      this.counted(key, atMs, false);
    }
    this.wake();
  }

  wake(): void {
    for (const wake of this.watchers) wake();
  }

  /** What a child worked counts as worked by this run, each moment once, its own time included. */
  charge(startKey: string, { workedMs }: ChildEnd): void {
    let since = this.stored.journal.get(startKey)!;
    let isResumed = false;
    for (const [key, row] of this.stored.journal) {
      // A person's word to go on at a step: the run's clock began anew then.
      const isResume = /\/resume\/\d+$/.test(key);
      if ((isResume || CHILD_END.test(key)) && row.atMs >= since.atMs) {
        since = row;
        isResumed = isResume;
      }
    }
    // Written with the starts and ends of children.
    const { workedMs: saidMs } = since.value as { readonly workedMs: number };
    const thenMs = isResumed ? 0 : saidMs;
    const ownMs = this.workedMs();
    const countedMs = thenMs > ownMs ? ownMs : ownMs - thenMs;
    const passedMs = this.engine.now() - since.atMs;
    this.stored.clockFrom! -= Math.max(0, Math.min(workedMs, passedMs) - countedMs);
  }

  goLive(): void {
    const { phase } = this;
    const from = this.stored.state;
    if (this.#isClaimed && from === phase) return;
    const facts: Fact[] = from === phase ? [] : [{ kind: 'state', details: { from, to: phase } }];
    if (this.#wasInterrupted && !this.#isClaimed)
      facts.push({ kind: 'resumed', details: { after: 'crash' } });
    this.#isClaimed = true;
    this.stored.state = phase;
    const { clockFrom } = this.stored;
    this.write((run) => {
      move(run, phase);
      run.isTaken = true;
      // Set by the constructor.
      run.clockFrom = clockFrom!;
      delete run.dueAtMs;
      delete run.pausedSince;
      delete run.failure;
      delete run.held;
    }, facts);
  }

  write(change: (run: StoredRun) => void, facts: readonly Fact[]): void {
    const { seq } = this.stored;
    this.#pending = this.engine.commit((disk) => {
      // Runs are never removed.
      const run = disk.runs[seq]!;
      change(run);
      this.engine.tell(run, facts);
    });
    // Whoever needs to know awaits `durable`.
    this.#pending.catch(() => {});
  }

  /** The pipeline is paused: the run stays due, and goes on from here. */
  stepAside(): void {
    if (!this.#isClaimed) return;
    const now = this.engine.now();
    const isInterrupted = this.#isInterrupted;
    this.write((run) => {
      run.isTaken = isInterrupted;
      run.dueAtMs = now;
    }, []);
  }

  /** Nothing is left to do but to wait: the run wakes for whichever comes first. */
  async leave(
    waits: readonly Left[],
    facts: readonly Fact[] = [],
    also: (run: StoredRun) => void = () => {},
  ): Promise<never> {
    const first = BY_CONCERN.map((state) => waits.find((wait) => wait.state === state)).find(Boolean);
    if (first === undefined) throw new Error('a strand waits in a state that none may wait in');
    const { state, step, failure } = first;
    if (state !== this.stored.state) this.goLive();
    const isNew = state !== this.stored.state && state !== 'failed';
    const stateFact: Fact = { kind: 'state', step, details: { from: this.stored.state, to: state } };
    const now = this.engine.now();
    const dues = waits.flatMap(({ dueAtMs }) => dueAtMs ?? []);
    const held = [...new Set(waits.flatMap((wait) => wait.held ?? []))];
    this.write(
      (run) => {
        also(run);
        move(run, state);
        run.isTaken = waits.some(({ isInterrupted }) => isInterrupted);
        run.step = step;
        if (waits.every(({ pausesDeadline }) => pausesDeadline)) run.pausedSince ??= now;
        if (failure !== undefined) run.failure = failure;
        if (held.length > 0) run.held = held;
        if (waits.some((wait) => this.#isOver(run, wait))) run.dueAtMs = now;
        else if (dues.length === 0) delete run.dueAtMs;
        else run.dueAtMs = Math.min(...dues);
      },
      [...facts, ...(isNew ? [stateFact] : [])],
    );
    await this.durable();
    throw new Suspension();
  }

  /** Did what ends the wait come before the wait was stored? Within the change that stores it. */
  #isOver(run: StoredRun, { key, stoppable, event, held }: Left): boolean {
    return (
      (key !== undefined && run.journal.has(key)) ||
      (stoppable && this.phase === 'running' && run.journal.has('#cancel')) ||
      (event !== undefined && this.engine.eventsAfter(event.name, event.scannedTo).length > 0) ||
      held?.some((tag) => !this.engine.isSet(tag)) === true
    );
  }

  async finish(end: RunEnd): Promise<void> {
    this.goLive();
    if (end.state === 'succeeded' && this.cancelled() !== undefined) {
      this.stepAside();
      throw new Suspension();
    }
    this.isEnding = true;
    this.write((run) => {
      for (const [key, { kind }] of run.openings)
        if (kind === 'approval' || kind === 'event' || kind === 'child') run.openings.delete(key);
      for (const opening of end.openings ?? []) run.openings.set(opening.key, opening);
      move(run, end.state);
      run.isTaken = false;
      delete run.dueAtMs;
      if (end.failure !== undefined) run.failure = end.failure;
      this.engine.tellParent(run, {
        state: end.state,
        effects: 0,
        ...end.told,
        ...(end.failure !== undefined && { failure: end.failure }),
        workedMs: this.workedMs(),
      });
    }, this.root.takeNotes(end.facts));
    await this.durable();
  }

  workedMs(): number {
    // Set by the constructor.
    return Math.max(0, this.engine.now() - this.stored.clockFrom!);
  }

  get #isInterrupted(): boolean {
    return [...this.#memories.values()].some(({ isInterrupted }) => isInterrupted);
  }

  /** A row of a strand is there: one of an earlier activation, which a crash may have ended, or of this one. */
  counted(key: string, atMs: number, isEarlier = true): void {
    const memory = this.memoryOf(strandOf(key));
    memory.recorded++;
    memory.lastRecordAt = Math.max(memory.lastRecordAt, atMs);
    if (isEarlier) memory.isInterrupted = this.#wasInterrupted;
  }
}

function strandOf(key: string): string {
  return key.slice(0, key.lastIndexOf('|') + 1);
}

const CHILD_END = /\/child#\d+=$/;
