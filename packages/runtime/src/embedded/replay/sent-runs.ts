import type { RunState } from '../../runtime.ts';
import { terminalStates } from '../../states.ts';
import type { EmbeddedEngine } from '../engine.ts';
import { TERMINAL } from '../file/statements.ts';
import { dueRuns } from '../work/due-runs.ts';

/** Looked at in one tick, of those at work and of those that wait: however many wait, the tick stays short. */
const AT_WORK_LOOKED_AT_MAX = 250;
const WAITING_LOOKED_AT_MAX = 50;

export interface SentRun {
  readonly seq: number;
  readonly token: string;
  readonly pipeline: string;
}

/**
 * Runs that replays have let out and that are not seen to have ended: at work → waiting → at work … → ended. Those at work take a place
 * of the lane. One that waits (for an event, a person, a date, for what it started or its turn while that waits) takes none, be it for
 * days; it takes one again once it goes on. Nothing of it is on disk but that they were sent: after a restart all count as at work until
 * they have been looked at.
 */
export class SentRuns {
  readonly #engine: EmbeddedEngine;
  readonly #atWork = new Map<number, SentRun>();
  readonly #waiting = new Map<number, SentRun>();
  readonly #rounds = new Map<ReadonlyMap<number, SentRun>, Iterator<SentRun>>();

  constructor(engine: EmbeddedEngine) {
    this.#engine = engine;
  }

  get size(): number {
    return this.#atWork.size + this.#waiting.size;
  }

  /** Of the replay that let it out, as long as it is not seen to have ended. */
  tokenOf(seq: number): string | undefined {
    return (this.#atWork.get(seq) ?? this.#waiting.get(seq))?.token;
  }

  add(run: SentRun): void {
    this.#waiting.delete(run.seq);
    this.#atWork.set(run.seq, run);
  }

  /** Looks at some of them; gives those that have ended, or that a person must settle, and forgets them. */
  ended(): readonly SentRun[] {
    const looked = [
      ...this.#next(this.#atWork, AT_WORK_LOOKED_AT_MAX),
      ...this.#next(this.#waiting, WAITING_LOOKED_AT_MAX),
    ];
    return looked.filter((run) => {
      const row = this.#engine.read.of(STANDING).get(run.seq, this.#engine.now());
      const state = row?.['state'] as RunState | undefined;
      if (state === undefined || state === 'inDoubt' || terminalStates.has(state)) {
        this.#atWork.delete(run.seq);
        this.#waiting.delete(run.seq);
        return true;
      }
      this.#move(run, row?.['isAtWork'] === 1);
      return false;
    });
  }

  /** Places of a pipeline with room for `limit` that they take now. */
  placesOf(pipeline: string, limit: number): number {
    const { activations, board, rows } = this.#engine;
    if (this.#waiting.size > 0) {
      // What many wait for may come at one moment: they count again before they are looked at.
      for (const { row } of activations.runs.values()) this.#wake(row.seq);
      for (const seq of dueRuns(rows, board, pipeline, this.#engine.now(), limit)) this.#wake(seq);
    }
    let places = 0;
    for (const run of this.#atWork.values()) if (run.pipeline === pipeline) places++;
    return places;
  }

  #wake(seq: number): void {
    const run = this.#waiting.get(seq);
    if (run !== undefined) this.#move(run, true);
  }

  #move(run: SentRun, isAtWork: boolean): void {
    const [from, to] = isAtWork ? [this.#waiting, this.#atWork] : [this.#atWork, this.#waiting];
    if (from.delete(run.seq)) to.set(run.seq, run);
  }

  /** The next of them, at most all: where the last look stopped, and from the first again after the last. */
  #next(runs: ReadonlyMap<number, SentRun>, max: number): readonly SentRun[] {
    const found = new Map<number, SentRun>();
    while (found.size < Math.min(max, runs.size)) {
      let round = this.#rounds.get(runs);
      if (round === undefined) {
        round = runs.values();
        this.#rounds.set(runs, round);
      }
      const { value, done } = round.next();
      if (done) this.#rounds.delete(runs);
      else found.set(value.seq, value);
    }
    return [...found.values()];
  }
}

/** The clock of its deadline runs, it is due, or a switch holds it at what it is about to do. */
const AT_WORK = `state NOT IN (${TERMINAL}, 'inDoubt') AND behind = 0 AND (paused_since IS NULL OR held IS NOT NULL OR due_at <= ?2)`;

/**
 * How a run stands, and whether it is at work, or one that it waits for: a run that it started, or the one whose turn it is in the order
 * of its key.
 */
const STANDING = `WITH RECURSIVE awaited (seq) AS (
    SELECT ?1
    UNION SELECT child.seq FROM awaited JOIN children ON children.parent_seq = awaited.seq JOIN runs AS child ON child.seq = children.run_seq
      WHERE child.state NOT IN (${TERMINAL})
    UNION SELECT (SELECT seq FROM runs AS first WHERE first.pipeline = own.pipeline AND first.order_key = own.order_key AND first.order_key IS NOT NULL
        AND first.state NOT IN (${TERMINAL}) AND first.behind = 0 ORDER BY first.seq LIMIT 1)
      FROM awaited JOIN runs AS own ON own.seq = awaited.seq AND own.behind = 1
  )
  SELECT state, EXISTS (SELECT 1 FROM awaited JOIN runs USING (seq) WHERE ${AT_WORK}) AS isAtWork FROM runs WHERE seq = ?1`;
