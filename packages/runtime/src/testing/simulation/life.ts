import type { Random } from '@tenon/model';
import type { Bench, DiskFault } from '../bench.ts';
import { PAGE_BYTES } from '../empty-file.ts';
import { fileStateOf, startWithoutTail, TornWrite } from '../torn-write.ts';
import type { Coverage, Happening } from './coverage.ts';
import { pick } from './plans.ts';

/** Crashes in one simulation at most, so that it ends. */
const CRASHES_MAX = 6;
/** Entries and calls between two rests at most: what does more goes round. The busiest sound seeds have some hundreds. */
const MOVES_MAX = 5_000;
/** Batches between two rests at most: what goes round may be refused each time, and leave no entry. */
const BATCHES_MAX = 5_000;

/** Turns of the loop without an entry or a call, after which only time can move what hangs. */
const QUIET_TURNS = 20;
/** By how much time is moved on while a process waits, in stopping, for calls that hang. */
const PUSH_MS = 1_000;
/** How often a crash is also looked at as one of a disk that had not synced. */
const LOST_TAIL_RATE = 0.1;
/** For how long a process is down. */
const DOWN_MS_MAX = 30_000;

/** How often a write fails in each way, by how often it stands here. */
const DISK_FAULTS: readonly DiskFault[] = ['before', 'after', 'full', 'torn', 'torn', 'torn'];

const happeningOf = {
  before: 'write fails before it is stored (EIO)',
  after: 'write fails after it is stored (EIO)',
  full: 'disk full (ENOSPC)',
} as const satisfies Partial<Record<DiskFault, Happening>>;

/** It goes round and never comes to rest, or stands still and is not at rest. */
export class Endless extends Error {
  override readonly name = 'Endless';
}

/**
 * The processes of a simulation, one after another: up, until it is killed or stopped; then the next one, over what the
 * one before left on the disk. Whoever waits for one of them waits with `heard`, which also ends with its death.
 */
export class Life {
  crashes = 0;
  /** When a process came up. */
  readonly ups: number[] = [];
  /** A write has failed: whoever supervises the process starts it anew when it has come to rest. */
  isDiskBroken = false;
  /** What breaks a promise while it happens. */
  readonly violations: string[] = [];
  readonly #bench: Bench;
  readonly #random: Random;
  readonly #coverage: Coverage;
  /** A process came up after a crash. */
  onUp?: () => void;
  /** A process is about to be gone, or its disk took no write. */
  onEnd?: (how: 'killed' | 'diskFailed') => void;
  #hung = Promise.withResolvers<void>();
  #crashing: Promise<void> | undefined;
  #crashed = Promise.withResolvers<void>();
  #restarting: Promise<void> | undefined;
  /** Since it last was at rest. */
  #moves = 0;
  #batches = 0;
  readonly #endless = Promise.withResolvers<never>();

  constructor(bench: Bench, random: Random, coverage: Coverage) {
    this.#bench = bench;
    this.#random = random;
    this.#coverage = coverage;
    bench.target.onHang = () => {
      this.#hung.resolve();
      this.#hung = Promise.withResolvers();
    };
    // Heard where something is waited for.
    this.#endless.promise.catch(() => {});
    process.once('beforeExit', this.#onNothingLeft);
  }

  /** Nothing is left that could ever happen, and somebody still waits: no timer, no write, no call. */
  readonly #onNothingLeft = (): void =>
    this.#endless.reject(new Endless('nothing moves any more, and it is not at rest'));

  /** Rejects with `Endless`. */
  get endless(): Promise<never> {
    return this.#endless.promise;
  }

  /** Nobody waits any more. */
  close(): void {
    process.off('beforeExit', this.#onNothingLeft);
  }

  /**
   * The next process is coming up after a crash. Who is about to ask the runtime for something awaits this for as long as it is
   * there, and asks at once: whoever lets go in between may ask one that has died meanwhile.
   */
  get crashing(): Promise<void> | undefined {
    return this.#crashing;
  }

  /** Resolves when the process that is up now is killed. */
  get over(): Promise<void> {
    return this.#crashed.promise;
  }

  /** As `crashing`, or after a stop. */
  get next(): Promise<void> | undefined {
    return this.#crashing ?? this.#restarting;
  }

  /** What a process says, or `undefined` once it was killed. Rejects when nothing comes to rest any more. */
  heard<T>(answer: Promise<T>): Promise<T | undefined> {
    return Promise.race([answer, this.over.then(() => undefined), this.#endless.promise]);
  }

  /** Something happened. */
  move(): void {
    if (++this.#moves > MOVES_MAX)
      this.#endless.reject(new Endless(`${MOVES_MAX} entries and calls, and it does not come to rest`));
  }

  /** A batch was put on the disk, or refused. */
  stored(): void {
    if (++this.#batches > BATCHES_MAX)
      this.#endless.reject(new Endless(`${BATCHES_MAX} batches, and it does not come to rest`));
  }

  rested(): void {
    this.#moves = 0;
    this.#batches = 0;
  }

  maybeCrash(rate: number, at?: Happening): void {
    if (this.#crashing !== undefined || this.crashes >= CRASHES_MAX || this.#random.next() >= rate) return;
    if (at !== undefined) this.#coverage.saw(at);
    this.crash();
  }

  crash(torn?: TornWrite): void {
    this.isDiskBroken = false;
    if (torn === undefined && this.#random.next() < LOST_TAIL_RATE) this.#loseTail();
    this.crashes++;
    if (this.#bench.underWay.length > 1) this.#coverage.saw('crash with two batches under way');
    else if (this.#bench.underWay.length > 0) this.#coverage.saw('crash with a batch under way');
    const crashed = this.#crashed;
    this.#crashed = Promise.withResolvers<void>();
    this.onEnd?.('killed');
    const opening = this.#bench.crash(torn);
    if (torn?.kind !== undefined) this.#coverage.saw(torn.kind);
    this.#crashing = opening.then(() => {
      this.#crashing = undefined;
      this.onUp?.();
    });
    // Whoever waits for the new process hears of it when it does not come up.
    this.#crashing.catch(() => {});
    // A process is down for a while, sometimes for long.
    this.#bench.clock.advance(this.#random.next() < 0.5 ? 0 : Math.floor(this.#random.next() * DOWN_MS_MAX));
    this.ups.push(this.#bench.clock.now());
    crashed.resolve();
  }

  /** A write fails, once. */
  failDisk(): void {
    // A process that does not come up is another matter: see `disk.test.ts`.
    if (this.next !== undefined) return;
    const life = this.crashes;
    const how = this.crashes < CRASHES_MAX ? pick(this.#random, DISK_FAULTS) : 'after';
    this.#bench.failNextWrite(how, (before) => {
      if (this.#bench.underWay.length > 1) this.#coverage.saw('write fails with another one handed over');
      if (how === 'torn') this.crash(before && new TornWrite(before, this.#random));
      else {
        if (life === this.crashes) {
          this.isDiskBroken = true;
          this.onEnd?.('diskFailed');
        }
        this.#coverage.saw(happeningOf[how]);
      }
    });
  }

  /** Had the disk not synced what it said it had, no process may go on without it. */
  #loseTail(): void {
    const state = fileStateOf(this.#bench.file);
    if (state.mark === undefined || state.wal.length === 0) return;
    const copy = `${this.#bench.file}.lost-${this.crashes}`;
    const became = startWithoutTail(state, copy, PAGE_BYTES, this.#random);
    if (became === 'refused') this.#coverage.saw('dropped fsync');
    if (became === 'went on')
      this.violations.push('a file that has lost acknowledged commits was gone on with');
  }

  async restart(): Promise<void> {
    while (this.#crashing !== undefined) await this.#crashing;
    // It may be killed while it stops or starts.
    this.#restarting = this.heard(this.#pushed(this.#bench.restart()));
    await this.#restarting;
    this.#restarting = undefined;
    this.#coverage.saw('restart');
    this.ups.push(this.#bench.clock.now());
  }

  /** As `work`, with time passing where nothing else can end it: calls that hang hold up a stop for a while. */
  async #pushed(work: Promise<void>): Promise<void> {
    const life = this.crashes;
    let isOver = false;
    const over = work.finally(() => {
      isOver = true;
    });
    // What is killed meanwhile is never over.
    while (!isOver && life === this.crashes) {
      await this.#orStalled(over);
      if (isOver || life !== this.crashes) continue;
      // To what is due first: what it does is done before more time passes.
      const { clock } = this.#bench;
      const dueMs = Math.max(0, (clock.next ?? Number.POSITIVE_INFINITY) - clock.now());
      clock.advance(dueMs > 0 ? Math.min(PUSH_MS, dueMs) : PUSH_MS);
    }
  }

  /** Resolves with `work`, or when nothing moves any more but a call hangs. */
  async #orStalled(work: Promise<void>): Promise<void> {
    let isOver = false;
    const over = work.finally(() => {
      isOver = true;
    });
    const stalled = async (): Promise<void> => {
      for (let quiet = 0, moves = this.#moves; quiet < QUIET_TURNS && !isOver; quiet++) {
        if (this.#bench.target.hanging.size === 0) await Promise.race([over, this.#hung.promise]);
        else await new Promise((resolve) => setImmediate(resolve));
        const isMoving = moves !== this.#moves || this.#bench.underWay.length > 0;
        if (isMoving || this.#bench.target.hanging.size === 0) quiet = -1;
        moves = this.#moves;
      }
    };
    await Promise.race([over, stalled()]);
  }

  /** Resolves when nothing moves any more; what `others` give is done first. */
  async settled(others: () => readonly Promise<void>[]): Promise<void> {
    for (;;) {
      while (this.#crashing !== undefined) await this.#crashing;
      const life = this.crashes;
      await this.heard(Promise.all(others()));
      // Killed meanwhile: nobody answers for it any more.
      if (life !== this.crashes || this.#crashing !== undefined) continue;
      await this.heard(this.#orStalled(this.#bench.runtime.idle()));
      if (this.isDiskBroken && life === this.crashes && this.#crashing === undefined) this.crash();
      if (life === this.crashes && this.#crashing === undefined) break;
    }
    this.rested();
  }
}
