import type { Random } from '@tenon/model';
import type { Group } from '../../embedded/commit/apply-batch.ts';
import type { Bench } from '../bench.ts';
import type { Life } from './life.ts';

/** So often in a turn of the loop in which a batch is under way. */
const RATES = {
  paid: 0.02,
  paidInTime: 0.2,
  ordered: 0.01,
  said: 0.02,
  cancelled: 0.003,
  switched: 0.02,
  switchedInTime: 0.1,
};
/** In one simulation at most: each makes batches of its own. */
const MEANWHILE_MAX = 40;

/** Where `suspendMany` has what holds a run. */
const HELD = 10;

export interface Doings {
  /** Of a run that is at work, or of any. */
  pay(runId?: string): Promise<void>;
  order(): Promise<void>;
  say(): Promise<unknown>;
  /** A run that is at work. */
  cancel(): Promise<unknown>;
  switch(): void;
  maybeCrash(): void;
}

/** What comes while batches are on their way to the disk. What it begins is handed to whoever waits until all is at rest. */
export class Meanwhile {
  readonly #bench: Bench;
  readonly #random: Random;
  readonly #life: Life;
  readonly #doings: Doings;
  readonly #isAboutWaits: boolean;
  readonly #begun: (work: Promise<unknown>) => void;
  #left = MEANWHILE_MAX;
  /** By their numbers. */
  readonly #runs = new Map<unknown, string>();

  constructor(
    bench: Bench,
    random: Random,
    life: Life,
    {
      doings,
      isAboutWaits,
      begun,
    }: {
      readonly doings: Doings;
      readonly isAboutWaits: boolean;
      readonly begun: (work: Promise<unknown>) => void;
    },
  ) {
    this.#bench = bench;
    this.#random = random;
    this.#life = life;
    this.#doings = doings;
    this.#isAboutWaits = isAboutWaits;
    this.#begun = begun;
  }

  /** A turn of the loop in which a batch is under way. */
  turn(): void {
    if (this.#left <= 0 || this.#life.next !== undefined) return;
    const { recorded, isHeld } = this.#written();
    if (this.#isAboutWaits && recorded !== undefined && this.#isNow(RATES.paidInTime))
      this.#begun(this.#doings.pay(recorded));
    if (this.#isNow(RATES.paid)) this.#begun(this.#doings.pay());
    if (this.#isNow(RATES.ordered)) this.#begun(this.#doings.order());
    if (this.#isNow(RATES.said)) this.#begun(this.#doings.say());
    if (this.#isNow(RATES.cancelled)) this.#begun(this.#doings.cancel());
    if (this.#isNow(isHeld ? RATES.switchedInTime : RATES.switched)) this.#doings.switch();
    this.#doings.maybeCrash();
  }

  /** What is under way: of a run that has recorded a step, what it does next may be to wait; and somebody may be held by a switch. */
  #written(): { readonly recorded: string | undefined; readonly isHeld: boolean } {
    let recorded: string | undefined;
    let isHeld = false;
    for (const write of this.#bench.underWay.flatMap(({ groups }) => groups.flat()))
      if (write[0] === 'putRun' || write[0] === 'putClaimedRun') this.#runs.set(write[1], String(write[2]));
      else if (write[0] === 'putJournal') recorded = this.#runs.get(write[1]) ?? recorded;
      else if (write[0] === 'suspendMany') isHeld ||= write[HELD] !== '[]';
    return { recorded, isHeld };
  }

  #isNow(rate: number): boolean {
    if (this.#random.next() >= rate) return false;
    this.#left--;
    return true;
  }
}

/** Somebody is about to wait for an event, and the file does not say so yet. */
export function isWaitUnderWay({ underWay }: Bench): boolean {
  return underWay.some(({ groups, isWritten }) => !isWritten && groups.some(isOfWait));
}

function isOfWait(group: Group): boolean {
  return group.some(([name]) => name === 'suspendForEvent' || name === 'suspendMany');
}
