import type { Random } from '@tenon/model';
import type { Bench } from '../bench.ts';

/** Crashes in one simulation at most, so that it ends. */
const CRASHES_MAX = 6;
/** Entries and calls between two rests at most: what does more goes round. The busiest sound seeds have some hundreds. */
const MOVES_MAX = 5_000;

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
  readonly #bench: Bench;
  readonly #random: Random;
  #crashing: Promise<void> | undefined;
  #crashed = Promise.withResolvers<void>();
  #restarting: Promise<void> | undefined;
  /** Since it last was at rest. */
  #moves = 0;
  readonly #endless = Promise.withResolvers<never>();

  constructor(bench: Bench, random: Random) {
    this.#bench = bench;
    this.#random = random;
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

  /** The next process is coming up. */
  get crashing(): Promise<void> | undefined {
    return this.#crashing;
  }

  /** Resolves when the process that is up now is killed. */
  get over(): Promise<void> {
    return this.#crashed.promise;
  }

  /** Resolves when a process is there. */
  async up(): Promise<void> {
    while (this.#crashing !== undefined) await this.#crashing;
  }

  /** As `up`, and it is not just being started anew. */
  async ready(): Promise<void> {
    for (let next = this.#next; next !== undefined; next = this.#next) await next;
  }

  get #next(): Promise<void> | undefined {
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

  rested(): void {
    this.#moves = 0;
  }

  maybeCrash(rate: number): void {
    if (this.#crashing !== undefined || this.crashes >= CRASHES_MAX || this.#random.next() >= rate) return;
    this.crash();
  }

  crash(): void {
    this.isDiskBroken = false;
    this.crashes++;
    const crashed = this.#crashed;
    this.#crashed = Promise.withResolvers<void>();
    this.#crashing = this.#bench.crash().then(() => {
      this.#crashing = undefined;
    });
    // Whoever waits for the new process hears of it when it does not come up.
    this.#crashing.catch(() => {});
    // A process is down for a while, sometimes for long.
    this.#bench.clock.advance(this.#random.next() < 0.5 ? 0 : this.#random.next() * 30_000);
    this.ups.push(this.#bench.clock.now());
    crashed.resolve();
  }

  /** A write fails, once. */
  failDisk(): void {
    // A process that does not come up is another matter: see `disk.test.ts`.
    if (this.#next !== undefined) return;
    const life = this.crashes;
    this.#bench.failNextWrite(this.#random.next() < 0.5 ? 'before' : 'after', () => {
      if (life === this.crashes) this.isDiskBroken = true;
    });
  }

  async restart(): Promise<void> {
    await this.up();
    // It may be killed while it stops or starts.
    this.#restarting = this.heard(this.#bench.restart());
    await this.#restarting;
    this.#restarting = undefined;
    this.ups.push(this.#bench.clock.now());
  }

  /** Resolves when nothing moves any more; what `others` give is done first. */
  async settled(others: () => readonly Promise<void>[]): Promise<void> {
    for (;;) {
      await this.up();
      const life = this.crashes;
      await this.heard(Promise.all(others()));
      // Killed meanwhile: nobody answers for it any more.
      if (life !== this.crashes || this.#crashing !== undefined) continue;
      await this.heard(this.#bench.runtime.idle());
      if (this.isDiskBroken && life === this.crashes && this.#crashing === undefined) this.crash();
      if (life === this.crashes && this.#crashing === undefined) break;
    }
    this.rested();
  }
}
