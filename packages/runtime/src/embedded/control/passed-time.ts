import type { SteadyClock } from '@tenon/model';
import type { Statements, Write } from '../file/statements.ts';

/** Less is no setting of the clock: two clocks are never read at one moment. What is counted is so much short at most. */
const SET_BACK_MS_MIN = 1_000;
/** Rows of the ledger that are looked at for a stamp which the clock is behind. */
const ROWS_LOOKED_AT = 100;
/** The oldest are told apart no longer. */
const SET_BACKS_MAX = 100;

/** The clock was set back. */
interface SetBack {
  /** What had passed. */
  readonly atMs: number;
  /** Number of the run that was accepted last. */
  readonly afterRun: number;
  readonly backMs: number;
}

/** As it is kept in the file. */
interface Kept {
  readonly setBacks: readonly SetBack[];
  /** Of stamps up to here nothing is known: the clock was set back while no process looked, for who knows how long. */
  readonly unsureUntilMs?: number;
}

/**
 * What has passed, on a scale of its own: the wall clock and all that it was ever set back by. So of two stamps the later
 * one is never less, and what lies between is at least what truly passed. It looks at the wall clock beside one that
 * cannot be set; where the first falls behind, it was set back, and that is kept in the file. Set forward is not told from
 * a machine that slept: it counts as passed.
 *
 * While no process is up nobody looks. A clock that was set back meanwhile shows at the start, where it is behind the
 * newest entry: then nothing is known of any stamp from before.
 */
export class PassedTime {
  readonly #clock: SteadyClock;
  readonly #lastRun: () => number;
  readonly #keep: (backMs: number, write: Write) => void;
  #setBacks: readonly SetBack[];
  #unsureUntilMs: number;
  /** By how much it is ahead of the wall clock. */
  #aheadMs: number;
  /** By how much the clock was behind the newest entry at the start. */
  readonly #behindMs: number;
  /** The wall clock less the steady one, when that was most, or since the clock was last set back. */
  #offsetMs: number;

  constructor(
    clock: SteadyClock,
    read: Statements,
    /** Number of the run that was accepted last. */
    lastRun: () => number,
    /** Told by how much the clock was set back, and how it is kept. */
    keep: (backMs: number, write: Write) => void,
  ) {
    this.#clock = clock;
    this.#lastRun = lastRun;
    this.#keep = keep;
    const { setBacks, unsureUntilMs } = keptIn(read);
    this.#setBacks = setBacks;
    this.#unsureUntilMs = unsureUntilMs ?? Number.NEGATIVE_INFINITY;
    this.#aheadMs = sumOf(this.#setBacks);
    this.#offsetMs = clock.now() - clock.steady();
    this.#behindMs = newestStamp(read) - clock.now();
  }

  /** Before anything is written: was the clock set back while no process looked? */
  begin(): void {
    const behindMs = this.#behindMs;
    if (behindMs < SET_BACK_MS_MIN) return;
    this.#unsureUntilMs = this.passed() + behindMs;
    this.#setBack(behindMs + 1);
  }

  /** A stamp of what has passed. */
  passed(): number {
    const now = this.#clock.now();
    const offsetMs = now - this.#clock.steady();
    if (offsetMs > this.#offsetMs) this.#offsetMs = offsetMs;
    else if (offsetMs <= this.#offsetMs - SET_BACK_MS_MIN) {
      const backMs = Math.ceil(this.#offsetMs - offsetMs);
      this.#offsetMs = offsetMs;
      this.#setBack(backMs);
    }
    return now + this.#aheadMs;
  }

  /** What the wall clock says: one that was set back is noticed before anything is stamped by it. */
  now(): number {
    return this.passed() - this.#aheadMs;
  }

  /** How much has passed since a stamp, or more; `Infinity` where nobody can tell. */
  sinceMs(stampMs: number): number {
    const sinceMs = this.passed() - stampMs + SET_BACK_MS_MIN;
    return stampMs <= this.#unsureUntilMs || sinceMs < 0 ? Number.POSITIVE_INFINITY : sinceMs;
  }

  /** The stamp of a run's acceptance, or an earlier one. */
  acceptedAt({ seq, accepted_at }: { readonly seq: number; readonly accepted_at: number }): number {
    return accepted_at + sumOf(this.#setBacks.filter(({ afterRun }) => seq > afterRun));
  }

  /** Was the clock set back since a stamp? What was due then may seem not to be. */
  isSetBackSince(stampMs: number): boolean {
    return stampMs <= (this.#setBacks.at(-1)?.atMs ?? Number.NEGATIVE_INFINITY);
  }

  #setBack(backMs: number): void {
    this.#aheadMs += backMs;
    const atMs = this.#clock.now() + this.#aheadMs;
    const setBacks = [...this.#setBacks, { atMs, afterRun: this.#lastRun(), backMs }];
    const [first, second, ...rest] = setBacks;
    // Runs from between both count as from before both.
    const joined = { atMs, afterRun: second?.afterRun ?? 0, backMs: first!.backMs + (second?.backMs ?? 0) };
    this.#setBacks = setBacks.length > SET_BACKS_MAX ? [joined, ...rest] : setBacks;
    const kept: Kept = {
      setBacks: this.#setBacks,
      ...(Number.isFinite(this.#unsureUntilMs) && { unsureUntilMs: this.#unsureUntilMs }),
    };
    this.#keep(backMs, ['putSetting', 'setBacks', JSON.stringify(kept)]);
  }
}

function sumOf(setBacks: readonly SetBack[]): number {
  return setBacks.reduce((sum, { backMs }) => sum + backMs, 0);
}

function keptIn(read: Statements): Kept {
  const row = read.of(`SELECT value FROM settings WHERE name = 'setBacks'`).get();
  // Written above alone.
  return row === undefined ? { setBacks: [] } : (JSON.parse(String(row['value'])) as Kept);
}

/** The latest stamp in the last rows of the ledger: of those since the clock was last set back, which is an entry too. */
function newestStamp(read: Statements): number {
  let newestMs = Number.NEGATIVE_INFINITY;
  for (const { facts } of read.of('SELECT facts FROM ledger ORDER BY seq DESC LIMIT ?').all(ROWS_LOOKED_AT)) {
    // Written by `LedgerWriter`, the one place that writes the table.
    const stored = JSON.parse(String(facts)) as readonly { readonly kind: string; readonly atMs: number }[];
    for (const { atMs } of stored) newestMs = Math.max(newestMs, atMs);
    if (stored.some(({ kind }) => kind === 'clock')) break;
  }
  return newestMs;
}
