import type { RunSummary } from '../../runtime.ts';
import { SwitchBoard } from '../../switches.ts';
import type { RunRow } from '../file/run-row.ts';
import { TERMINAL } from '../file/statements.ts';
import type { StoredRows, StoredRun } from '../file/stored-rows.ts';
import { UnreadableValue } from '../file/value-codec.ts';
import { storedSwitches } from './switch-keeper.ts';

/**
 * Why runs stand still of which nothing says so in their rows: a switch keeps them from being taken, or another run goes before them by
 * their order key. For the runs of one answer; what was read for one of them is not read again for the next.
 */
export class Standing {
  readonly #stored: StoredRows;
  #board: SwitchBoard | undefined;
  /** First runs of lanes, by pipeline and order key. */
  readonly #first = new Map<string, string | undefined>();

  constructor(stored: StoredRows) {
    this.#stored = stored;
  }

  /** `orderKey`: as it stands in the column. */
  of(run: StoredRun | RunRow, orderKey: string | null): Pick<RunSummary, 'heldBy' | 'behind'> {
    const heldBy = this.#heldBy(run);
    const behind = run.behind === 1 && orderKey !== null ? this.#firstOf(run.pipeline, orderKey) : undefined;
    return { ...(heldBy.length > 0 && { heldBy }), ...(behind !== undefined && { behind }) };
  }

  #heldBy({ state, pipeline, key, order_key: orderKey, due_at: dueAt, claimed }: StoredRun | RunRow) {
    const isNew = state === 'accepted';
    // One that a pause came upon at its work left that, and is due.
    const isAside = (state === 'running' || state === 'compensating') && dueAt !== null && claimed !== 1;
    if (!isNew && !isAside) return [];
    this.#board ??= this.#readBoard();
    return this.#board.keepersOf(pipeline, key, orderKey, isNew);
  }

  #readBoard(): SwitchBoard {
    const board = new SwitchBoard();
    try {
      for (const one of storedSwitches(this.#stored)) board.set(one);
    } catch (error) {
      // Whoever lacks the file's keys is shown the rest.
      if (!(error instanceof UnreadableValue)) throw error;
    }
    return board;
  }

  #firstOf(pipeline: string, orderKey: string): string | undefined {
    const lane = JSON.stringify([pipeline, orderKey]);
    if (!this.#first.has(lane)) {
      const row = this.#stored.read
        .of(
          `SELECT run_id FROM runs WHERE pipeline = ? AND order_key = ? AND order_key IS NOT NULL AND state NOT IN (${TERMINAL})
           AND behind = 0 ORDER BY seq LIMIT 1`,
        )
        .get(pipeline, orderKey);
      this.#first.set(lane, row && String(row['run_id']));
    }
    return this.#first.get(lane);
  }
}
