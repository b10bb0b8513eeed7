import type { Random } from '@tenon/model';
import type { Bench } from '../bench.ts';
import type { Coverage } from './coverage.ts';
import type { Theme } from './plans.ts';

/** Two seconds before a window opens for the first time, in the night in which the clocks of Berlin go back. */
const AUTUMN_MS = Date.UTC(2026, 9, 25, 0, 29, 58);
/** As many before the same hour in the night in which it is left out. */
const SPRING_MS = Date.UTC(2026, 2, 29, 0, 59, 58);
/** The window: from half past two, Berlin's time, for so many minutes. */
const WINDOW = { hour: 2, minute: 30, minutes: 10 };
const HOUR_MS = 3_600_000;
/** Set back by more, nothing would be due soon. */
const BACK_MS_MAX = 240_000;
/** Jumps of a clock in one simulation at most. */
const JUMPS_MAX = 3;
/** Where that is what it is about. */
const OFTEN_JUMPS_MAX = 20;
/** By how much a clock must be behind for it to be seen. */
const SEEN_MS = 1_000;
/** Entries that the runtime looks at, at least. */
const LOOKED_AT = 50;

/** Clocks that are set, and connections that are closed by them: in some simulations. */
export class Weather {
  jumps = 0;
  /** By how much the clock was set back, until the runtime has said so: then it is on the disk. */
  #unkeptMs = 0;
  /** By how much it was set back in all, and not forward again. */
  #behindMs = 0;
  /** Entries when it was. */
  #entries = 0;
  /** Something is closed at times. */
  readonly hasWindows: boolean;
  readonly #bench: Bench;
  readonly #random: Random;
  readonly #coverage: Coverage;
  readonly #jumpRate: number;
  readonly #backRate: number;
  readonly #jumpsMax: number;

  constructor(bench: Bench, random: Random, coverage: Coverage, theme: Theme) {
    this.#bench = bench;
    this.#random = random;
    this.#coverage = coverage;
    this.hasWindows = theme === 'clocks';
    const isOften = theme === 'setBack';
    this.#jumpRate = isOften ? 0.7 : theme === 'clocks' || random.next() < 0.15 ? 0.1 : 0;
    this.#jumpsMax = isOften ? OFTEN_JUMPS_MAX : JUMPS_MAX;
    this.#backRate = isOften ? 0.95 : 0.4;
    bench.onOpen = () => this.#open();
    if (!this.hasWindows) return;
    bench.clock.jump((random.next() < 0.7 ? AUTUMN_MS : SPRING_MS) - bench.clock.now());
    bench.closedUntil = () => closedUntil(bench.clock.now());
  }

  /** A call comes in: nothing may, while its connection is closed. */
  violationOf(operation: string): string | undefined {
    if (!this.hasWindows || closedUntil(this.#bench.clock.now()) === undefined) return undefined;
    return `${operation} was called in a closed window`;
  }

  /** Sometimes sets the clock; says whether it did. */
  blow(): boolean {
    if (this.#jumpRate === 0 || this.jumps >= this.#jumpsMax || this.#random.next() >= this.#jumpRate)
      return false;
    const isForward = this.#random.next() >= this.#backRate;
    if (!isForward && this.#isUnkept()) return false;
    this.jumps++;
    const before = this.#bench.clock.now();
    const ms = Math.round(isForward ? this.#forwardMs() : -this.#random.next() * BACK_MS_MAX);
    this.#bench.clock.jump(ms);
    this.#behindMs = Math.max(0, this.#behindMs - ms);
    if (!isForward) {
      this.#unkeptMs = -ms;
      this.#entries = this.#bench.entries.length;
    }
    this.#coverage.saw(isForward ? 'clock set forward' : 'clock set back');
    if (offsetMs(before) !== offsetMs(this.#bench.clock.now())) this.#coverage.saw('DST change');
    return true;
  }

  /**
   * A process comes up. That the clock was set back in the last moment of the one before can be seen only where it is behind
   * what was written last: elsewhere nobody has set it.
   */
  #open(): void {
    if (!this.#isUnkept()) return;
    const { clock, entries } = this.#bench;
    const told = entries.slice(-LOOKED_AT);
    const since = told.slice(told.findLastIndex(({ kind }) => kind === 'clock') + 1);
    if (since.some(({ at }) => clock.now() < at - SEEN_MS))
      this.#coverage.saw('clock set back while no process looked');
    else {
      clock.jump(this.#unkeptMs);
      this.#behindMs = Math.max(0, this.#behindMs - this.#unkeptMs);
      this.#unkeptMs = 0;
    }
  }

  /** What is due is due soon, and nothing is closed. */
  clear(): void {
    const { clock } = this.#bench;
    clock.jump(this.#behindMs);
    this.#behindMs = 0;
    const opensAtMs = this.hasWindows ? closedUntil(clock.now()) : undefined;
    if (opensAtMs !== undefined) clock.jump(opensAtMs - clock.now());
  }

  #isUnkept(): boolean {
    const isKept = this.#bench.entries.slice(this.#entries).some(({ kind }) => kind === 'clock');
    if (isKept) this.#unkeptMs = 0;
    return this.#unkeptMs > 0;
  }

  /** Into the hour after, or anywhere. */
  #forwardMs(): number {
    return this.hasWindows && this.#random.next() < 0.5 ? HOUR_MS : this.#random.next() * 2 * HOUR_MS;
  }
}

/** Until when a window that is open at `nowMs` is. */
function closedUntil(nowMs: number): number | undefined {
  const local = new Date(nowMs + offsetMs(nowMs));
  const minutes = local.getUTCHours() * 60 + local.getUTCMinutes() - (WINDOW.hour * 60 + WINDOW.minute);
  if (minutes < 0 || minutes >= WINDOW.minutes) return undefined;
  const sinceMs = minutes * 60_000 + local.getUTCSeconds() * 1_000 + local.getUTCMilliseconds();
  return nowMs + WINDOW.minutes * 60_000 - sinceMs;
}

/** Of Berlin from UTC; asked of the time zone's own table, once for each hour. */
function offsetMs(nowMs: number): number {
  const hour = Math.floor(nowMs / HOUR_MS);
  const known = offsets.get(hour);
  if (known !== undefined) return known;
  const local = Number(berlin.format(hour * HOUR_MS));
  const utc = new Date(hour * HOUR_MS).getUTCHours();
  const offset = ((local - utc + 24) % 24) * HOUR_MS;
  offsets.set(hour, offset);
  return offset;
}

const offsets = new Map<number, number>();
const berlin = new Intl.DateTimeFormat('en-GB', {
  timeZone: 'Europe/Berlin',
  hour: '2-digit',
  hourCycle: 'h23',
});
