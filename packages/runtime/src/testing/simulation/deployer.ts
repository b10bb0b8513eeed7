import type { Random } from '@tenon/model';
import type { Plan } from '@tenon/pipeline';
import type { Bench } from '../bench.ts';
import type { Coverage, Happening } from './coverage.ts';
import type { Life } from './life.ts';
import { pick } from './plans.ts';
import type { SwitchHand } from './switch-hand.ts';

/** What new orders are to start; another object after each change. */
export interface InForce {
  readonly planHash: string;
}

/** How often, between two moments, somebody changes what is in force besides a plain deploy. */
const RATE = 0.06;
/** How often somebody orders while another version than the deployed one is in force, and how many do. */
const ORDER_RATE = 0.3;
const ORDERS_MAX = 3;
const PLACES_MAX = 4;
const PIPELINE = 'orders';

/**
 * Whoever deploys: the next version, or the one before once more; goes back to a version without a deploy, and gives the pipeline other places. Knows
 * what new orders must start as long as its last word was heard, and nothing while one is on its way.
 */
export class Deployer {
  /** `undefined`: the last word may have been taken or not. */
  inForce: InForce | undefined;
  readonly #bench: Bench;
  readonly #random: Random;
  readonly #hand: SwitchHand;
  readonly #life: Life;
  readonly #coverage: Coverage;
  /** Each with the plans that it runs, itself last. */
  readonly #versions: readonly (readonly Plan[])[];
  /** `undefined`: not known. */
  #deployed: number | undefined = 0;
  #backTo: string | undefined;
  #isBackKnown = true;
  #deploys = 0;
  #orders = 0;

  constructor(
    bench: Bench,
    random: Random,
    hand: SwitchHand,
    {
      life,
      coverage,
      versions,
    }: {
      readonly life: Life;
      readonly coverage: Coverage;
      readonly versions: readonly (readonly Plan[])[];
    },
  ) {
    this.#bench = bench;
    this.#random = random;
    this.#hand = hand;
    this.#life = life;
    this.#coverage = coverage;
    this.#versions = versions;
    this.#known();
  }

  /** The other version becomes the active one; runs that are under way stay with theirs. */
  async deploy(): Promise<void> {
    const next = ++this.#deploys % this.#versions.length;
    const plans = this.#versions[next]!;
    const done = await this.#changed('deploy', () =>
      Promise.all(plans.map((plan) => this.#bench.runtime.activate(plan))),
    );
    this.#deployed = done === undefined ? undefined : next;
    this.#known();
  }

  /** Sometimes does something else. */
  async act(): Promise<void> {
    if (this.#random.next() >= RATE) return;
    const doings = [
      () => this.#rollBack(),
      () => this.#lift('rollback'),
      () => this.#scale(),
      () => this.#lift('scale'),
    ];
    await pick(this.#random, doings)();
  }

  /** What comes now tells whether a rollback holds, over deploys and restarts: somebody is to order. */
  wantsOrder(): boolean {
    const isOther =
      this.#deployed === undefined || this.#backTo !== this.#versions[this.#deployed]!.at(-1)!.hash;
    if (this.inForce === undefined || this.#backTo === undefined || !isOther) return false;
    if (this.#orders >= ORDERS_MAX || this.#random.next() >= ORDER_RATE) return false;
    this.#orders++;
    this.#coverage.saw('order under a rollback');
    return true;
  }

  /** What is deployed is in force, with the places of its plan. */
  async liftAll(): Promise<void> {
    await this.#lift('rollback');
    await this.#lift('scale');
  }

  async #rollBack(): Promise<void> {
    const version = pick(this.#random, this.#versions).at(-1)!.version;
    const done = await this.#changed('rollback', () =>
      this.#bench.runtime.setSwitch(
        { kind: 'rollback', pipeline: PIPELINE, version },
        'ana',
        'it was better',
      ),
    );
    // Refused, what was in force stays so.
    if (done === undefined) this.#isBackKnown = false;
    else if (done.ok) [this.#backTo, this.#isBackKnown] = [this.#hashOf(version), true];
    this.#known();
  }

  async #scale(): Promise<void> {
    const concurrency = 1 + Math.floor(this.#random.next() * PLACES_MAX);
    await this.#changed('other places', () =>
      this.#bench.runtime.setSwitch(
        { kind: 'scale', pipeline: PIPELINE, concurrency },
        'ana',
        'there is room',
      ),
    );
    this.#known();
  }

  async #lift(kind: 'rollback' | 'scale'): Promise<void> {
    while (this.#life.crashing !== undefined) await this.#life.crashing;
    const id = `${kind}/${PIPELINE}`;
    const isSet = this.#bench.runtime.switches().some((each) => each.id === id);
    if (!isSet) return;
    const done = await this.#changed(undefined, () => this.#bench.runtime.liftSwitch(id, 'ana', 'mended'));
    if (kind === 'rollback') [this.#backTo, this.#isBackKnown] = [undefined, done?.ok === true];
    this.#known();
  }

  /** `undefined`: nobody knows whether it was taken. */
  async #changed<T>(what: Happening | undefined, change: () => Promise<T>): Promise<T | undefined> {
    while (this.#life.crashing !== undefined) await this.#life.crashing;
    const life = this.#life.crashes;
    this.inForce = undefined;
    if (what !== undefined) this.#coverage.saw(what);
    // A disk that fails stops the process, which is seen to elsewhere.
    const done = await this.#life.heard(this.#hand.beside(change()).catch(() => undefined));
    return life === this.#life.crashes ? done : undefined;
  }

  #known(): void {
    const isKnown = this.#isBackKnown && (this.#backTo !== undefined || this.#deployed !== undefined);
    const planHash = this.#backTo ?? this.#versions[this.#deployed ?? 0]!.at(-1)!.hash;
    this.inForce = isKnown ? { planHash } : undefined;
  }

  #hashOf(version: number): string {
    return this.#versions.map((plans) => plans.at(-1)!).find((plan) => plan.version === version)!.hash;
  }
}
