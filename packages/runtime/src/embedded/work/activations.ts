import { type JsonObject, thrownAt } from '@tenon/model';
import { type ChildEnd, type Fact, type Opening, Suspension } from '../../engine.ts';
import { interpret } from '../../interpreter/interpret.ts';
import type { Caller } from '../../interpreter/tries.ts';
import type { RunState } from '../../runtime.ts';
import { finalStates } from '../../states.ts';
import { CommitFailed, type PendingGroup } from '../commit/commit-queue.ts';
import type { EmbeddedEngine } from '../engine.ts';
import type { JournalRow, OpeningRow, RunRow } from '../file/run-row.ts';
import type { CameIn, StoredRun } from '../file/stored-rows.ts';
import { UnreadableValue } from '../file/value-codec.ts';
import { type ChildLink, canBeTold, linkOf, wordWrites } from './children.ts';
import { Register } from './register.ts';
import { EmbeddedRun } from './run-context.ts';
import { openingRow, putOpening } from './run-openings.ts';

/** Runs at work in this process: each is loaded when it is due, and let go when it has ended or has to wait. */
export class Activations {
  readonly #engine: EmbeddedEngine;
  readonly #callerFor: (run: EmbeddedRun) => Caller;
  /** By their number. */
  readonly runs: Register<number, EmbeddedRun> = new Register();
  /** Runs that could not be parked, by their number: each is told of once, however often it is tried. */
  readonly #unparked = new Set<number>();

  constructor(engine: EmbeddedEngine, callerFor: (run: EmbeddedRun) => Caller) {
    this.#engine = engine;
    this.#callerFor = callerFor;
  }

  /** One activation of a run. Rejects when the file cannot be read: nothing has begun then. */
  async carry(seq: number): Promise<readonly (readonly [pipeline: string, atMs: number])[]> {
    // Rows of `runs` have the shape of `StoredRun`.
    const stored = this.#engine.read.of('SELECT * FROM runs WHERE seq = ?').get(seq) as unknown as
      | StoredRun
      | undefined;
    if (stored === undefined) return [];
    const { rows } = this.#engine;
    let row: RunRow;
    let memory: readonly [event: CameIn, journal: readonly JournalRow[], openings: readonly OpeningRow[]];
    try {
      row = rows.run(stored);
      memory = [rows.cameIn(row.event_seq), rows.journal(seq), rows.openings(seq)];
    } catch (error) {
      if (!(error instanceof UnreadableValue)) throw error;
      if (stored.state === 'accepted') this.#engine.counts.addBacklog(stored.pipeline, -1);
      if (!this.#engine.isBroken) await this.#parkBroken(rows.shownRun(stored), error);
      return [];
    }
    if (row.state === 'accepted') this.#engine.counts.addBacklog(row.pipeline, -1);
    if (isOver(row, memory[1])) {
      // A version that let a word reach a run that had ended left it due; it would be tried again for ever.
      if (!this.#engine.isBroken) await this.#engine.commit([['rest', seq]]).catch(() => {});
      return [];
    }
    const due = await this.activate(row, ...memory);
    // A pause caught it before it had begun: it waits for its turn again.
    if (row.state === 'accepted' && !this.#engine.board.isQuiet && !this.#engine.isBroken) {
      const state = this.#engine.read.of('SELECT state FROM runs WHERE seq = ?').get(seq)?.['state'];
      if (state === 'accepted') this.#engine.counts.addBacklog(row.pipeline, 1);
    }
    return due;
  }

  /** Rejects when the file cannot be read. `birth`: the group that stores a new run, where that is not on disk yet. */
  async activate(
    row: RunRow,
    event: CameIn,
    journal: readonly JournalRow[],
    openings: readonly OpeningRow[],
    birth?: PendingGroup,
    bornOf?: ChildLink,
  ): Promise<readonly (readonly [pipeline: string, atMs: number])[]> {
    const { seq } = row;
    let run: EmbeddedRun | undefined;
    let hasEnded = false;
    try {
      const loaded = this.#engine.plans.byHash(row.plan_hash);
      const { limits, trigger } = loaded.plan;
      // What events start is nobody's child.
      const link = bornOf ?? ('manual' in trigger ? linkOf(this.#engine, seq) : undefined);
      const { deadlineMs } = limits;
      run = new EmbeddedRun(row, event, journal, openings, deadlineMs, this.#engine, birth, link);
      this.runs.set(seq, run);
      const end = await interpret(run.root, loaded, this.#callerFor(run));
      await run.finish(end);
      hasEnded = true;
    } catch (error) {
      // A run that could not be stored is none: whoever sent its event was told so.
      if (await isStored(birth)) await this.#afterThrow(row, run, error);
    } finally {
      this.runs.delete(seq);
    }
    const now = this.#engine.now();
    const due: [string, number][] = [];
    if (run?.dueAtMs !== undefined) due.push([row.pipeline, run.dueAtMs]);
    if (run?.freedOrder || (!hasEnded && this.#wasWoken(seq))) due.push([row.pipeline, now]);
    return due;
  }

  /** Was it woken (a decision, an event) while it was going to sleep? */
  #wasWoken(seq: number): boolean {
    if (this.#engine.isBroken) return false;
    return (
      this.#engine.read
        .of('SELECT 1 FROM runs WHERE seq = ? AND due_at <= ?')
        .get(seq, this.#engine.now()) !== undefined
    );
  }

  async #afterThrow(row: RunRow, run: EmbeddedRun | undefined, error: unknown): Promise<void> {
    if (error instanceof Suspension) {
      try {
        await run?.durable();
        return;
      } catch (cause) {
        return this.#afterThrow(row, run, cause);
      }
    }
    // What it has written is on its way: it is parked from the state that it is in then. What was refused of that is the error, or behind it.
    await run?.durable().catch(() => {});
    // The disk failed: nothing can be stored; what is stored is true, and a restart goes on from there.
    if (error instanceof CommitFailed || this.#engine.isBroken) return;
    await this.#parkBroken(row, error);
  }

  /**
   * A broken invariant (of ours, or of a connector's code): the run is parked with its owner, the others go on. The run above hears of it
   * once: one that undoes its child says so again whenever that ends otherwise, and both would go on for ever. It waits for the owner instead,
   * as it does for an undoing that cannot finish.
   */
  async #parkBroken(row: RunRow, error: unknown): Promise<void> {
    const now = this.#engine.now();
    const failure = {
      class: 'permanent',
      ...(error instanceof UnreadableValue
        ? { code: error.code, message: error.message }
        : {
            code: 'RUN_INVARIANT_BROKEN',
            message: `an internal error stopped the run: ${internalWords(error)}`,
          }),
      delivery: 'notSent',
    };
    const step = row.step ?? 'run';
    const detail: JsonObject = { queue: 'repair', settled: 'held', failure, attempts: 1 };
    const facts: Fact[] = [{ kind: 'deadLetter', step, details: detail }];
    // Nobody can say what it has done.
    const end: ChildEnd = { state: 'failed', effects: 1, failure, workedMs: 0 };
    const key = `${BROKEN}${this.#engine.newId()}`;
    const letter: Opening = { kind: 'deadLetter', key, step, owner: row.owner, detail };
    try {
      const read = this.#engine.read
        .of(
          "SELECT state, EXISTS (SELECT 1 FROM journal WHERE run_seq = runs.seq AND key = '#takenBack') AS back FROM runs WHERE seq = ?",
        )
        .get(row.seq);
      // Held to the states of `RunState` by the table.
      const state = String(read?.['state']) as RunState;
      const isTakenBack = state === 'succeeded' && read?.['back'] === 1;
      if (finalStates.has(state) && !isTakenBack) {
        await this.#engine.commit([['rest', row.seq]]);
        return;
      }
      const phase = isTakenBack ? 'compensating' : (PHASES[state] ?? state);
      // Where its own row is damaged, the run above finds that when it goes on.
      const found = HEARD.has(state) ? linkOf(this.#engine, row.seq) : undefined;
      const link = found !== undefined && canBeTold(found) ? found : undefined;
      await this.#engine.commit(
        [
          ['claim', row.seq, phase, now],
          putOpening(openingRow(row.seq, letter, now)),
          ['end', row.seq, 'failed', now, step, JSON.stringify({ ...failure, step })],
          ...(row.stored_order_key === null
            ? []
            : [['admitNext', row.pipeline, row.stored_order_key, now] as const]),
          ...(link === undefined ? [] : wordWrites(link, row.seq, now, end)),
        ],
        [this.#engine.noted(row, facts)],
      );
      if (link !== undefined) this.#engine.passOn(link, end);
    } catch (cause) {
      // A disk that fails stops the runtime elsewhere, and says so there.
      if (cause instanceof CommitFailed || this.#engine.isBroken || this.#engine.isStopping) return;
      // Not to be read, or refused as well: the run stands where it is, and is tried again.
      if (this.#unparked.size >= UNPARKED_MAX) this.#unparked.clear();
      if (this.#unparked.has(row.seq)) return;
      this.#unparked.add(row.seq);
      this.#engine.problem(
        'RUN_NOT_PARKED',
        `run ${row.run_id} of ${row.pipeline} was stopped by an error (${failure.message}) and could not be parked: ${cause instanceof Error ? cause.message : String(cause)}`,
      );
    }
  }
}

/** Runs remembered that could not be parked. */
const UNPARKED_MAX = 1_000;

/** In which a run can be parked from there. */
const PHASES: Readonly<Partial<Record<RunState, RunState>>> = { inDoubt: 'running', accepted: 'running' };

/** Being parked in one of these is news to the run above: it has not heard of a failure, and does not wait for an undoing. */
const HEARD: ReadonlySet<RunState> = new Set<RunState>(['accepted', 'running', 'waiting', 'inDoubt']);

/** Begins the keys of what parks a run that an error stopped: it waits for no value, and what was said of it is read by nobody. */
export const BROKEN = '#broken/';

/** Of what a text was refused for, its message would quote the text. */
export function internalWords(error: unknown): string {
  if (error instanceof SyntaxError || !(error instanceof Error)) return thrownAt(error);
  return `${error.name}: ${error.message}`;
}

/** It has ended, and no run above it undoes it. */
function isOver({ state }: RunRow, journal: readonly JournalRow[]): boolean {
  if (state === 'succeeded') return !journal.some(({ key }) => key === '#takenBack');
  return finalStates.has(state);
}

async function isStored(birth: PendingGroup | undefined): Promise<boolean> {
  return birth === undefined || birth.durable.then(() => true).catch(() => false);
}
