import { copyFileSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Transport } from '@tenon/connector';
import { type SteadyClock, seededRandom } from '@tenon/model';
import type { LedgerEntry, Runtime, RuntimeOptions } from '@tenon/runtime';
import { emptyFile, inlineCommitter, memoryFolder, openRuntimeWith } from '@tenon/runtime/drill';
import { folderName, sweepLeftFolders } from './left-folders.ts';

/** What goes on in a process, told to whoever plays the world around it. */
export interface Watcher {
  /** An entry is on the disk. */
  entry(entry: LedgerEntry): void;
  /** A batch is about to reach the disk. */
  batch(): void;
  /** What carries its calls. `clock` fires nothing more once it is dead, and whatever it is answered then goes nowhere. */
  transport(connection: string, clock: SteadyClock, isDead: () => boolean): Transport;
}

/** Once in a process. */
let isSwept = false;

/** Looks of the runtime at what is stuck: one of them is no news. */
const WATCH_MS = 12 * 24 * 3_600_000;

/** The processes of a trial, one after the other: each goes on from what the one before it left on the disk as it was killed. */
export class Processes {
  readonly #clock: SteadyClock;
  readonly #regionOf: RuntimeOptions['regionOf'];
  readonly #watcher: Watcher;
  readonly #folder: string;
  readonly #letGo: (() => Promise<void>)[] = [];
  #file: string;
  /** Resolves when the process that is up now dies. */
  #death = Promise.withResolvers<void>();
  #opening: Promise<void> | undefined;
  /** Of the one that is up. */
  runtime!: Runtime;
  /** Counts them. */
  life = 0;

  constructor(clock: SteadyClock, regionOf: RuntimeOptions['regionOf'], watcher: Watcher) {
    this.#clock = clock;
    this.#regionOf = regionOf;
    this.#watcher = watcher;
    this.#folder = mkdtempSync(join(memoryFolder(), folderName()));
    if (!isSwept) sweepLeftFolders(memoryFolder(), this.#folder);
    isSwept = true;
    this.#file = join(this.#folder, 'runtime.db');
    writeFileSync(this.#file, emptyFile());
  }

  /** The next one is coming up. */
  get opening(): Promise<void> | undefined {
    return this.#opening;
  }

  /** What the one that is up says; `undefined` when it dies before it does. */
  heard<T>(answer: Promise<T>): Promise<T | undefined> {
    return Promise.race([answer, this.#death.promise.then(() => undefined)]);
  }

  async open(): Promise<void> {
    const { life } = this;
    const isDead = (): boolean => this.life !== life;
    const clock: SteadyClock = {
      now: () => this.#clock.now(),
      steady: () => this.#clock.steady(),
      setTimer: (delayMs, fire) => this.#clock.setTimer(delayMs, () => isDead() || fire()),
    };
    const options: RuntimeOptions = {
      file: this.#file,
      clock,
      random: seededRandom(life + 1),
      limits: { watchEveryMs: WATCH_MS },
      diskFreeBytes: () => 2 ** 40,
      ...(this.#regionOf && { regionOf: this.#regionOf }),
      transport: (connection) => this.#watcher.transport(connection, clock, isDead),
      onEntry: (entry) => {
        if (!isDead()) this.#watcher.entry(entry);
      },
    };
    const runtime = await openRuntimeWith(
      options,
      (file) => {
        const committer = inlineCommitter(file);
        return {
          ...committer,
          apply: async (groups) => {
            if (!isDead()) this.#watcher.batch();
            // It may have died of it.
            const result = isDead() ? undefined : await committer.apply(groups);
            return result === undefined || isDead() ? new Promise(() => {}) : result;
          },
        };
      },
      (letGo) => this.#letGo.push(letGo),
    );
    if (!isDead()) this.runtime = runtime;
  }

  /** Kills the one that is up, now. */
  crash(): void {
    this.life++;
    this.#death.resolve();
    this.#death = Promise.withResolvers();
    const before = this.#file;
    this.#file = join(this.#folder, `runtime-${this.life}.db`);
    for (const suffix of ['', '-wal', '.mark'])
      if (existsSync(before + suffix)) copyFileSync(before + suffix, this.#file + suffix);
    this.#opening = this.open().then(() => {
      this.#opening = undefined;
    });
  }

  async close(): Promise<void> {
    this.life++;
    for (const letGo of this.#letGo) await letGo().catch(() => {});
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
