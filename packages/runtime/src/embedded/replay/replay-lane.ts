import type { ReplayStatus } from '../../runtime.ts';

/** Rows read in one tick: runs of one replay are at most `replayRunsMax`, so a lane has soon read them all. */
const READ_PER_TICK_MAX = 500;

type Read = (sql: string, ...values: (string | number)[]) => readonly Record<string, unknown>[];

/**
 * The runs of one replay that wait to be let out, by pipeline, and how it lets them out. Those of one pipeline go in the order in which they
 * came, so that the order of a key stays; pipelines take turns, so that one without room holds back none of the others. Each row is read
 * once and kept as a number: looked for in the file, what is behind ten thousand of a pipeline that stands still would be read anew in each tick.
 */
export class ReplayLane {
  readonly token: string;
  readonly start: NonNullable<ReplayStatus['applied']>;
  /** When the next run may be sent, by the clock that nobody sets. */
  nextAtMs: number;
  /** Pipelines in turn, each with what waits of it. */
  readonly #waiting = new Map<string, number[]>();
  #readTo = 0;
  #isRead = false;

  constructor(token: string, start: NonNullable<ReplayStatus['applied']>, now: number) {
    this.token = token;
    this.start = start;
    this.nextAtMs = now + 1_000 / start.perSecond;
  }

  get isEmpty(): boolean {
    return this.#isRead && this.#waiting.size === 0;
  }

  get pipelines(): number {
    return this.#waiting.size;
  }

  /** Reads some more of what waits, if there is more. */
  read(rows: Read): void {
    if (this.#isRead) return;
    const found = rows(
      `SELECT p.run_seq, r.pipeline FROM replay_runs p JOIN runs r ON r.seq = p.run_seq
       WHERE p.token = ? AND p.state = 'waiting' AND p.run_seq > ? ORDER BY p.run_seq LIMIT ?`,
      this.token,
      this.#readTo,
      READ_PER_TICK_MAX,
    );
    this.#isRead = found.length < READ_PER_TICK_MAX;
    for (const row of found) {
      this.#readTo = Number(row['run_seq']);
      const pipeline = String(row['pipeline']);
      const waiting = this.#waiting.get(pipeline);
      if (waiting === undefined) this.#waiting.set(pipeline, [this.#readTo]);
      else waiting.push(this.#readTo);
    }
  }

  /** The pipeline whose turn it is. */
  get next(): string | undefined {
    return this.#waiting.keys().next().value;
  }

  /** The first run of a pipeline that waits. */
  firstOf(pipeline: string): number | undefined {
    return this.#waiting.get(pipeline)?.[0];
  }

  /** It waits no more. */
  dropFirstOf(pipeline: string): void {
    this.#waiting.get(pipeline)?.shift();
  }

  /** It has had its turn. */
  toTheEnd(pipeline: string): void {
    const waiting = this.#waiting.get(pipeline) ?? [];
    this.#waiting.delete(pipeline);
    if (waiting.length > 0) this.#waiting.set(pipeline, waiting);
  }
}
