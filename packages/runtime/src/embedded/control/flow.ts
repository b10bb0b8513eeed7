import type { GuardState, Transport } from '@tenon/connector';
import { compareText, type Failure, type Json } from '@tenon/model';
import type { ConnectionFlow, FlowReport, LedgerEntry, Override, RunState } from '../../runtime.ts';
import { openStates, terminalStates } from '../../states.ts';
import type { Statements } from '../file/statements.ts';
import { connectionOf } from '../intake/event-connection.ts';

/** Counted no further: a count walks the index. */
const COUNTED_MAX = 100_000;
/** How long a count is good for. */
const COUNTS_GOOD_FOR_MS = 5_000;

/** What is counted of the flow as it goes by; the rest is read from the file when asked, and then kept for a while. */
export class FlowCounts {
  readonly #ended: Partial<Record<RunState, number>> = {};
  readonly #refused: Record<string, number> = {};
  readonly #read: Statements;
  readonly #backlogs = new Map<string, number>();
  #backlog = 0;
  #isCounted = false;
  #accepted = 0;
  #retries = 0;
  #held = 0;
  #older = 0;
  // Each from the first report on: a series that begins at 1 has no increase.
  readonly #overrides: Record<Override, number> = {
    done: 0,
    undone: 0,
    close: 0,
    confirm: 0,
    redo: 0,
    compensate: 0,
  };
  #stored:
    | {
        readonly atMs: number;
        readonly runs: FlowReport['runs'];
        readonly inDoubt: FlowReport['inDoubt'];
        readonly deadLetters: FlowReport['deadLetters'];
      }
    | undefined;

  constructor(read: Statements) {
    this.#read = read;
  }

  backlogOf(pipeline: string): number {
    this.#count();
    return this.#backlogs.get(pipeline) ?? 0;
  }

  /** Pipelines of which some wait. */
  backlogged(): readonly string[] {
    this.#count();
    return [...this.#backlogs].flatMap(([pipeline, count]) => (count > 0 ? [pipeline] : []));
  }

  /** Runs accepted whose turn has not come. */
  get backlog(): number {
    this.#count();
    return this.#backlog;
  }

  addBacklog(pipeline: string, change: number): void {
    if (!this.#isCounted) return;
    this.#backlogs.set(pipeline, (this.#backlogs.get(pipeline) ?? 0) + change);
    this.#backlog += change;
  }

  /**
   * When somebody first asks, not at start: the first resumed run does not wait for it. Too high by the runs taken
   * since the start at most.
   */
  #count(): void {
    if (this.#isCounted) return;
    this.#isCounted = true;
    for (const row of this.#read
      .of(
        `SELECT pipeline, count(*) AS n FROM runs WHERE state = 'accepted' AND state <> 'succeeded' GROUP BY pipeline`,
      )
      .all())
      this.addBacklog(String(row['pipeline']), Number(row['n']));
  }

  entry({ kind, details }: LedgerEntry): void {
    switch (kind) {
      case 'accepted':
        this.#accepted++;
        break;
      case 'retry':
        this.#retries++;
        break;
      case 'olderSkipped':
        this.#older++;
        break;
      case 'held':
        this.#held++;
        break;
      case 'operator': {
        const said = details['action'] === 'settle' ? details['verdict'] : details['action'];
        if (isOverride(said, this.#overrides)) this.#overrides[said]++;
        break;
      }
      case 'state': {
        const to = details['to'] as RunState;
        if (terminalStates.has(to)) this.#ended[to] = (this.#ended[to] ?? 0) + 1;
      }
    }
  }

  refused(failure: Failure): void {
    this.#refused[failure.code] = (this.#refused[failure.code] ?? 0) + 1;
  }

  get refusals(): Readonly<Record<string, number>> {
    return { ...this.#refused };
  }

  get counts(): FlowReport['counts'] {
    return {
      accepted: this.#accepted,
      ended: { ...this.#ended },
      retries: this.#retries,
      held: this.#held,
      older: this.#older,
      overrides: { ...this.#overrides },
    };
  }

  stored(read: Statements, nowMs: number): Pick<FlowReport, 'runs' | 'inDoubt' | 'deadLetters'> {
    if (
      this.#stored === undefined ||
      nowMs - this.#stored.atMs >= COUNTS_GOOD_FOR_MS ||
      nowMs < this.#stored.atMs
    )
      this.#stored = {
        atMs: nowMs,
        runs: runsByState(read),
        inDoubt: doubtsByPipeline(read),
        deadLetters: deadLettersByClass(read),
      };
    const { runs, inDoubt, deadLetters } = this.#stored;
    return { runs, inDoubt, deadLetters };
  }
}

function isOverride(said: Json | undefined, known: Readonly<Record<Override, number>>): said is Override {
  return typeof said === 'string' && Object.hasOwn(known, said);
}

function runsByState(read: Statements): FlowReport['runs'] {
  return Object.fromEntries(
    openStates.map((state) => {
      const row = read
        .of(
          `SELECT count(*) AS n FROM (SELECT 1 FROM runs WHERE state = ? AND state <> 'succeeded' LIMIT ${COUNTED_MAX})`,
        )
        .get(state);
      return [state, Number(row?.['n'] ?? 0)];
    }),
  );
}

/** A run may have several: of items of a list, for one. */
export function doubtsByPipeline(read: Statements): FlowReport['inDoubt'] {
  return read
    .of(
      `SELECT r.pipeline, count(*) AS n, min(o.since) AS oldest
       FROM openings o JOIN runs r ON r.seq = o.run_seq WHERE o.kind = 'doubt' GROUP BY 1 ORDER BY 1`,
    )
    .all()
    .map((row) => ({
      pipeline: String(row['pipeline']),
      count: Number(row['n']),
      oldestMs: Number(row['oldest']),
    }));
}

/** Those of compensated runs only tell of them: nobody can do anything about one. */
export function deadLettersByClass(read: Statements): FlowReport['deadLetters'] {
  return read
    .of(
      `SELECT r.pipeline, o.letter_queue AS queue, o.letter_class AS class, count(*) AS n, min(o.since) AS oldest
       FROM openings o JOIN runs r ON r.seq = o.run_seq WHERE o.kind = 'deadLetter' AND r.state = 'failed' GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`,
    )
    .all()
    .map((row) => ({
      pipeline: String(row['pipeline']),
      // Put there by the interpreter's `deadLetter`.
      queue: String(row['queue']) as FlowReport['deadLetters'][number]['queue'],
      class: String(row['class']),
      count: Number(row['n']),
      oldestMs: Number(row['oldest']),
    }));
}

/** What is open of a pipeline, by the connections over which its events came: the most first. Of so many at most. */
export function openByConnection(
  read: Statements,
  kind: 'deadLetter' | 'doubt',
  pipeline: string,
  queue?: string,
): Readonly<Record<string, number>> {
  const bySource = read
    .of(
      `SELECT source, count(*) AS n FROM (SELECT e.source FROM openings o JOIN runs r ON r.seq = o.run_seq JOIN events e ON e.seq = r.event_seq
       WHERE o.kind = ?1 AND r.pipeline = ?2 AND coalesce(?3, o.letter_queue, '') = coalesce(o.letter_queue, '') AND (o.kind = 'doubt' OR r.state = 'failed') LIMIT ${LOOKED_AT_MAX}) GROUP BY 1`,
    )
    .all(kind, pipeline, queue ?? null);
  const counts = new Map<string, number>();
  for (const { source, n } of bySource) {
    const connection = connectionOf(String(source));
    if (connection !== undefined) counts.set(connection, (counts.get(connection) ?? 0) + Number(n));
  }
  return Object.fromEntries([...counts].toSorted(([a, x], [b, y]) => y - x || compareText(a, b)));
}

/** Of what is open, in one look at whose it is. */
const LOOKED_AT_MAX = 10_000;

export function connectionFlow(
  connection: string,
  transport: Transport,
  closedUntilMs: number | undefined,
  switches: readonly string[],
): ConnectionFlow {
  const state: GuardState | undefined = hasState(transport) ? transport.state() : undefined;
  return {
    connection,
    breaker: state?.breaker ?? 'closed',
    inFlight: state?.inFlight ?? 0,
    waiting: state?.waiting ?? 0,
    ...(state?.heldUntilMs !== undefined && { heldUntilMs: state.heldUntilMs }),
    ...(closedUntilMs !== undefined && { closedUntilMs }),
    switches,
  };
}

function hasState(transport: Transport): transport is Transport & { state(): GuardState } {
  return 'state' in transport && typeof transport.state === 'function';
}
