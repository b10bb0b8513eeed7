import type { SteadyClock } from '@tenon/model';

/** Pages in the WAL since it began anew, and those not in the file yet. */
export interface WalPages {
  readonly all: number;
  readonly left: number;
}

/** A checkpoint; what it says is of the moment in which it ended. After a TRUNCATE that nobody was in the way of there are no pages. */
export type Checkpoint = (mode: 'NOOP' | 'PASSIVE' | 'TRUNCATE') => WalPages;

/** From here on it is worth copying. */
const PAGES_WORTH = 256;
/** Beyond this it is to begin anew. */
const PAGES_MAX = 2_048;
/** So little is aimed at, a few milliseconds of the writer's time; under load more comes in while this is copied. */
const PAGES_LEFT = 128;
/** No more than this is left to the writer, unless it writes faster than this thread copies: then it has to copy as well. */
const PAGES_LEFT_MAX = 512;
const PAGES_OVERRUN = 2 * PAGES_MAX;
/** Copied in a row, each time what came in during the last: what is left then shrinks, unless the disk is too slow for it. */
const ROUNDS_MAX = 8;
/** A reader that stays in the WAL keeps it from beginning anew; beyond this the writer has to stand aside. */
const PAGES_TOO_MANY = 4 * PAGES_MAX;
/** Until that is tried again. */
const PATIENCE_MS = 5_000;

const HELD = 'a reader stays in it, so it cannot begin anew, and grows with each commit';

/**
 * Moves what is in the WAL into the file, a look at a time. It copies without holding anybody up (PASSIVE), again and again until little is
 * left, and then has the writer copy the rest between two commits: the next commit begins the WAL anew. It never asks for the writer's
 * lock while all goes well: SQLite waits for a lock in naps of up to 15 ms, and a commit that had to wait for a WAL to begin anew took 34 ms,
 * of which the lock was held for half. States: small → worth copying → to begin anew, asked of the writer once until more has come → too
 * large, as a reader stays: the writer stands aside, and whoever looks is told. Nothing survives a restart, and nothing needs to.
 */
export class WalKeeper {
  readonly #checkpoint: Checkpoint;
  readonly #clock: Pick<SteadyClock, 'steady'>;
  /** Pages in the WAL when the writer was last asked to copy the rest. */
  #askedAt = 0;
  /** A reader was in the way: the writer does not stand aside again before, by the clock that nobody sets. */
  #patientUntilMs = 0;

  constructor(checkpoint: Checkpoint, clock: Pick<SteadyClock, 'steady'>) {
    this.#checkpoint = checkpoint;
    this.#clock = clock;
  }

  /**
   * `ask`: so little is left that the writer can copy it between two commits. Gives what keeps the WAL from beginning anew, the same at each
   * look until that is over. Throws what a checkpoint throws.
   */
  look(ask: () => void): string | undefined {
    let wal = this.#checkpoint('NOOP');
    if (wal.left < PAGES_WORTH && wal.all < PAGES_MAX) return undefined;
    for (let i = 0; i < ROUNDS_MAX && wal.left > PAGES_LEFT; i++) {
      // It tells of what was there when it began; more has come in meanwhile.
      this.#checkpoint('PASSIVE');
      wal = this.#checkpoint('NOOP');
    }
    // With nothing left, the next commit begins it anew by itself.
    const isLittle = wal.left <= PAGES_LEFT_MAX || wal.all >= PAGES_OVERRUN;
    if (wal.all >= PAGES_MAX && wal.left > 0 && isLittle && wal.all !== this.#askedAt) {
      this.#askedAt = wal.all;
      ask();
    }
    if (wal.all < PAGES_TOO_MANY) return undefined;
    if (this.#clock.steady() >= this.#patientUntilMs) {
      const isEmptied = this.#checkpoint('TRUNCATE').all === 0;
      this.#patientUntilMs = isEmptied ? 0 : this.#clock.steady() + PATIENCE_MS;
    }
    return this.#patientUntilMs === 0 ? undefined : HELD;
  }
}
