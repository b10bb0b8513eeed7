import type { Json, JsonObject } from '@tenon/model';
import {
  type Cancellation,
  type ChildEnd,
  type EventWait,
  type Fact,
  type Interruption,
  type Opening,
  type RunEnd,
  type RunIdentity,
  Suspension,
} from '../../engine.ts';
import type { RunState } from '../../runtime.ts';
import type { PendingGroup } from '../commit/commit-queue.ts';
import { eventParts } from '../file/event-value.ts';
import type { JournalRow, OpeningRow, RunRow } from '../file/run-row.ts';
import type { Write } from '../file/statements.ts';
import type { CameIn } from '../file/stored-rows.ts';
import { connectionOf } from '../intake/event-connection.ts';
import { type ChildLink, wordWrites } from './children.ts';
import type { RunHost } from './run-host.ts';
import { openingRow, RunOpenings } from './run-openings.ts';
import { Strand, type Wait } from './strand.ts';
import { StrandMemories } from './strand-memory.ts';

/** A row of the journal. */
export interface Remembered {
  readonly at: number;
  readonly value: Json;
  /** The strand that has asked for it: it counts once, however often the interpreter comes by. */
  askedBy?: Strand;
}

/**
 * One activation of one run: from the moment it is due until it ends or has to wait again. Its memory is the journal,
 * read once at the start. What is done in it is done by its strands: the run's own, `root`, and those it forks. They
 * share what the run has one of: state, phase, claim, the writes on their way. A crash at any point loses what was not
 * durable, and nothing else.
 */
export class EmbeddedRun {
  readonly identity: RunIdentity;
  readonly row: RunRow;
  readonly host: RunHost;
  /** `at`: as `passed`, or earlier. */
  readonly journal: Map<string, Remembered>;
  readonly root: Strand;
  /** Told when a value came for a strand that waits while others work. */
  #watchers: Set<() => void> | undefined;
  readonly deadlineMs: number;
  /** Where it is a child. */
  readonly link: ChildLink | undefined;
  /** Its own, and those of the runs above it: killing one of them holds it. */
  readonly pipelines: readonly string[];
  #word: ChildEnd | undefined;
  readonly openings: RunOpenings;
  readonly #wasInterrupted: boolean;
  readonly memories: StrandMemories;
  state: RunState;
  phase: 'running' | 'compensating' = 'running';
  #isClaimed = false;
  #clockFrom: number;
  #nth = 0;
  #hasStops: boolean;
  /** What was written last: gathers what is written next, until it is taken to the disk. */
  #group: PendingGroup | undefined;
  #broken: Error | undefined;
  /** When the suspended run wants to be looked at again. */
  dueAtMs: number | undefined;
  /** Did this activation let another run of its order key go? */
  freedOrder = false;

  constructor(
    row: RunRow,
    event: CameIn,
    journal: readonly JournalRow[],
    openings: readonly OpeningRow[],
    deadlineMs: number,
    host: RunHost,
    /** The run is new and claimed already: the group that stores it. */
    birth?: PendingGroup,
    link?: ChildLink,
  ) {
    this.row = row;
    this.link = link;
    this.pipelines = [row.pipeline, ...(link?.above ?? [])];
    this.host = host;
    this.deadlineMs = link === undefined ? deadlineMs : Math.min(deadlineMs, link.deadlineMs);
    this.journal = new Map(
      journal.map(({ key, at, value }) => [key, { at, value: JSON.parse(value) as Json }]),
    );
    this.openings = new RunOpenings(openings);
    this.#hasStops = journal.some(({ key }) => key.startsWith('#stop/'));
    this.state = row.state;
    this.#group = birth;
    this.#isClaimed = birth !== undefined;
    birth?.onEnd(this.#hear);
    this.#wasInterrupted = row.claimed === 2;
    const now = host.now();
    this.#clockFrom =
      row.clock_from === null
        ? now
        : row.clock_from + (row.paused_since === null ? 0 : now - row.paused_since);
    const parts = eventParts(event.payload);
    const connection = connectionOf(event.source);
    this.identity = {
      runId: row.run_id,
      pipeline: row.pipeline,
      key: row.key,
      correlationId: row.correlation_id,
      traceparent: row.traceparent,
      acceptedAtMs: row.accepted_at,
      input: parts.payload,
      headers: parts.headers ?? {},
      ...(connection !== undefined && { connection }),
      salt: row.salt,
      ...(row.intake_failure !== null && { intakeFailure: JSON.parse(row.intake_failure) }),
      ...(link !== undefined && { parent: { runId: link.parentRunId, step: link.parentStep } }),
    };
    this.memories = new StrandMemories(this.journal, host.acceptedAt(row), this.#wasInterrupted);
    this.root = new Strand(this, '', this.memories.root);
  }

  deadlineAt(): number {
    return this.#clockFrom + this.deadlineMs;
  }

  readonly #hear = (error: Error | undefined): void => {
    this.#broken ??= error;
  };

  durable(): Promise<void> {
    return new Promise((resolve, reject) => {
      const tell = (): void => (this.#broken === undefined ? resolve() : reject(this.#broken));
      // Heard of first by `#hear`.
      if (this.#group === undefined) tell();
      else this.#group.onEnd(tell);
    });
  }

  /** Calls `changed` when something may have come that a strand waits for; what it returns ends that. */
  watch(changed: () => void): () => void {
    this.#watchers ??= new Set();
    this.#watchers.add(changed);
    return () => void this.#watchers?.delete(changed);
  }

  wakeStrands(): void {
    if (this.#watchers !== undefined) for (const wake of this.#watchers) wake();
  }

  /** Tells an active run that it was cancelled; the journal row is the caller's. */
  cancel(cancellation: Cancellation): void {
    this.journal.set('#cancel', { at: this.host.now(), value: { ...cancellation } });
    this.wakeStrands();
  }

  /** Tells an active run of a value that one of its strands waits for; the journal row is the caller's. */
  learn(key: string, value: Json): void {
    if (!this.memories.isForked || !this.openings.has(key) || this.journal.has(key)) return;
    this.journal.set(key, { at: this.host.now(), value });
    this.openings.forget(key);
    this.memories.came(key, this.host.now());
    this.wakeStrands();
  }

  /** A child has told how it ended; the journal row is the child's. */
  hearFrom(key: string, end: JsonObject): void {
    this.journal.set(key, { at: this.host.now(), value: end });
    this.wakeStrands();
  }

  /** What this run has worked, by the clock of its deadline. */
  workedMs(): number {
    return Math.max(0, this.host.now() - this.#clockFrom);
  }

  /**
   * What a child worked counts as worked by this run, each moment once: since its start, since the last end of a child was counted, or
   * since a person has resumed this run, whose clock began anew then; and less what this run has counted itself meanwhile. When exactly each
   * of them worked is not kept: where they may have worked beside each other, they did.
   */
  chargeWrites(startKey: string, { workedMs }: ChildEnd): Write[] {
    let since = this.journal.get(startKey);
    let isResumed = false;
    for (const [key, row] of this.journal) {
      const isResume = RESUMED.test(key);
      if ((isResume || CHILD_END.test(key)) && (since === undefined || row.at >= since.at)) {
        since = row;
        isResumed = isResume;
      }
    }
    if (since === undefined) return [];
    const ownMs = this.workedMs();
    // Written with the starts and ends of children; not by versions that counted both.
    const { workedMs: saidMs = ownMs } = since.value as { readonly workedMs?: number };
    const thenMs = isResumed ? 0 : saidMs;
    const countedMs = thenMs > ownMs ? ownMs : ownMs - thenMs;
    const chargedMs = Math.max(0, Math.min(workedMs, this.host.passed() - since.at) - countedMs);
    this.#clockFrom -= chargedMs;
    return chargedMs === 0 ? [] : [['charge', this.row.seq, chargedMs]];
  }

  /** Written with an end, or with being parked: what the run above is told. */
  tellWrites(end: Omit<ChildEnd, 'workedMs'>): Write[] {
    if (this.link === undefined) return [];
    this.#word = { ...end, workedMs: this.workedMs() };
    return wordWrites(this.link, this.row.seq, this.host.now(), this.#word);
  }

  #passOn(): void {
    if (this.#word !== undefined && this.link !== undefined) this.host.passOn(this.link, this.#word);
  }

  /** Stores how the run ended. */
  async finish(end: RunEnd): Promise<void> {
    this.goLive();
    const { seq, pipeline, stored_order_key: orderKey } = this.row;
    // Stored first, it is taken: executed again, the run finds it.
    if (end.state === 'succeeded' && (this.cancelled() !== undefined || this.host.isBeingCancelled(seq))) {
      this.stepAside();
      throw new Suspension();
    }
    const { failure, openings = [] } = end;
    const step = typeof failure?.['step'] === 'string' ? failure['step'] : null;
    const writes: Write[] = this.openings.hasWaited ? [['closeWaits', seq]] : [];
    for (const opening of openings) writes.push(this.openingWrite('', opening));
    const shown = failure === undefined ? null : JSON.stringify(failure);
    writes.push(['end', seq, end.state, this.host.now(), step, shown]);
    writes.push(...this.#admitNext(pipeline, orderKey));
    const told = { effects: 0, ...end.told, ...(failure !== undefined && { failure }) };
    writes.push(...this.tellWrites({ state: end.state, ...told }));
    this.write(writes, this.root.takeNotes(end.facts));
    await this.durable();
    this.#passOn();
  }

  /** The place of the next record in the order of all of the run's. Never given twice, whatever was lost in a crash. */
  nextNth(): number {
    this.#nth = Math.max(this.#nth, this.journal.size) + 1;
    return this.#nth;
  }

  whyStop(countsDown: boolean): Interruption | undefined {
    const cancelled = this.cancelled();
    if (cancelled !== undefined) return { kind: 'cancelled', ...cancelled };
    return countsDown && this.host.now() >= this.deadlineAt() ? { kind: 'deadline' } : undefined;
  }

  cancelled(): Cancellation | undefined {
    // Stored by the operation that cancels.
    return this.journal.get('#cancel')?.value as unknown as Cancellation | undefined;
  }

  /** May there be a place at which it was told to stop? */
  get hasStops(): boolean {
    return this.#hasStops;
  }

  recordStop(key: string, found: Interruption): void {
    this.#hasStops = true;
    this.recordOwn(key, { ...found });
  }

  /** A row of the engine's own: it counts as nothing that a strand did. */
  recordOwn(key: string, value: Json): void {
    this.goLive();
    const now = this.host.now();
    this.write([['putJournal', this.row.seq, key, now, JSON.stringify(value)]], []);
    this.journal.set(key, { at: now, value });
  }

  /** The process stops, or the pipeline is paused: the run stays due, and goes on from here. */
  stepAside(): void {
    if (!this.#isClaimed) return;
    const { seq, step } = this.row;
    const now = this.host.now();
    // Still interrupted: whoever goes on with it, this process or the next one, must know as well.
    if (this.memories.isInterrupted) this.write([['setAside', seq, now]], []);
    else this.write([['suspend', seq, this.state, now, now, step, null, null, null, null]], []);
  }

  goLive(): void {
    if (this.#isClaimed && this.state === this.phase) return;
    const from = this.state;
    const facts: Fact[] = [];
    if (from !== this.phase) facts.push(this.#stateFact(this.phase));
    if (this.#wasInterrupted && !this.#isClaimed)
      facts.push({ kind: 'resumed', details: { after: 'crash' } });
    this.write([['claim', this.row.seq, this.phase, this.host.now()]], facts);
    this.#isClaimed = true;
    this.state = this.phase;
  }

  #stateFact(to: RunState, step?: string): Fact {
    return { kind: 'state', ...(step !== undefined && { step }), details: { from: this.state, to } };
  }

  write(writes: readonly Write[], facts: readonly Fact[]): void {
    const noted = facts.length === 0 ? [] : [this.host.noted(this.row, facts)];
    if (this.#group?.add(writes, noted)) return;
    this.#group = this.host.open(writes, noted);
    this.#group.onEnd(this.#hear);
  }

  /** As `write`, in a group of its own: refused, it takes nothing with it, and that is the caller's matter. */
  writeAlone(writes: readonly Write[], facts: readonly Fact[]): Promise<void> {
    const noted = facts.length === 0 ? [] : [this.host.noted(this.row, facts)];
    return this.host.open(writes, noted).durable;
  }

  /** Leaves the run until `wait` is over, or somebody wakes it. */
  suspend(wait: Wait, facts: readonly Fact[], writes: readonly Write[]): Promise<never> {
    const { event, state, dueAtMs, step, failure } = wait;
    if (wait.held !== undefined || wait.isInterrupted) return this.suspendAll([wait], facts);
    if (event === undefined) {
      // From `accepted` or `waiting` to a park is two moves: through the phase that the run was in.
      if (state !== this.state) this.goLive();
      const cancelKey = wait.stoppable && this.phase === 'running' ? '#cancel' : null;
      const pausedSince = wait.pausesDeadline ? this.host.now() : null;
      const text = failure === undefined ? null : JSON.stringify(failure);
      return this.#leave(
        wait,
        facts,
        [
          ...writes,
          [
            'suspend',
            this.row.seq,
            state,
            this.host.now(),
            dueAtMs,
            step,
            pausedSince,
            text,
            wait.key ?? null,
            cancelKey,
          ],
        ],
        dueAtMs ?? undefined,
      );
    }
    if (this.state !== 'waiting') this.goLive();
    const now = this.host.now();
    return this.#leave(
      wait,
      facts,
      [...writes, ['suspendForEvent', this.row.seq, now, dueAtMs, step, event.name, event.scannedTo]],
      now,
    );
  }

  /** Several strands wait, and nothing else is left to do: the run wakes for whichever comes first. */
  suspendAll(waits: readonly Wait[], facts: readonly Fact[] = []): Promise<never> {
    const first = STATES_BY_CONCERN.map((state) => waits.find((wait) => wait.state === state)).find(Boolean);
    if (first === undefined) throw new Error('a strand waits in a state that none may wait in');
    if (first.state !== this.state) this.goLive();
    const now = this.host.now();
    const dueAtMs = waits.reduce<number | null>(
      (least, { dueAtMs: at }) => (at === null ? least : Math.min(least ?? at, at)),
      null,
    );
    const keys = waits.flatMap(({ key }) => key ?? []);
    if (waits.some(({ stoppable }) => stoppable)) keys.push('#cancel');
    const events = waits.flatMap(({ event }) => (event === undefined ? [] : [event]));
    return this.#leave(
      first,
      facts,
      [
        [
          'suspendMany',
          this.row.seq,
          first.state,
          now,
          dueAtMs,
          first.step,
          waits.every(({ pausesDeadline }) => pausesDeadline) ? now : null,
          first.failure === undefined ? null : JSON.stringify(first.failure),
          JSON.stringify(keys),
          JSON.stringify(events),
          JSON.stringify([...new Set(waits.flatMap(({ held = [] }) => held))]),
          // What may have been sent before is remembered: it stays claimed.
          waits.some(({ isInterrupted }) => isInterrupted) ? 2 : 0,
        ],
      ],
      events.length > 0 ? now : (dueAtMs ?? undefined),
    );
  }

  async #leave(
    { state, step }: Wait,
    facts: readonly Fact[],
    writes: readonly Write[],
    dueAtMs: number | undefined,
  ): Promise<never> {
    const stateFacts = state === this.state || state === 'failed' ? [] : [this.#stateFact(state, step)];
    const freeing = state === 'failed' ? this.#admitNext(this.row.pipeline, this.row.stored_order_key) : [];
    this.write([...writes, ...freeing], [...facts, ...stateFacts]);
    this.dueAtMs = dueAtMs;
    await this.durable();
    this.#passOn();
    throw new Suspension();
  }

  #admitNext(pipeline: string, orderKey: string | null): Write[] {
    if (orderKey === null) return [];
    this.freedOrder = true;
    return [['admitNext', pipeline, orderKey, this.host.now()]];
  }

  closeLater(key: string): void {
    if (this.openings.forget(key)) this.write([['closeOpening', this.row.seq, key]], []);
  }

  openingWrite(prefix: string, opening: Opening, expiresAtMs?: number): Write {
    const own = { ...opening, key: prefix + opening.key };
    return this.openings.put(openingRow(this.row.seq, own, this.host.now(), expiresAtMs));
  }

  eventOpeningWrite(key: string, wait: EventWait, scannedTo: number): Write {
    this.host.awaits(wait.event);
    return this.openings.put({
      run_seq: this.row.seq,
      key,
      kind: 'event',
      step: wait.step,
      owner: this.row.owner,
      since: this.host.now(),
      expires_at: wait.expiresAtMs,
      event: wait.event,
      scanned_to: scannedTo,
      detail: JSON.stringify({ event: wait.event }),
      letter_queue: null,
      letter_class: null,
    });
  }
}

/** Journal keys of the ends of children, in any strand. */
const CHILD_END = /\/child#\d+=$/;
/** A person's word to go on at a step. */
const RESUMED = /\/resume\/\d+$/;

/** In which of its strands' states a run is shown: what needs a person most comes first. */
const STATES_BY_CONCERN = ['inDoubt', 'failed', 'waiting', 'compensating', 'running'] as const;
