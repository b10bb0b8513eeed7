import type { CallRequest } from '@tenon/connector';
import { type Json, type JsonObject, manualClock, seededRandom } from '@tenon/model';
import type { AcceptResult, LedgerEntry, RunState } from '@tenon/runtime';
import type { Engine, EngineOptions } from '@tenon/runtime/engine';
import { FakeTarget } from '@tenon/runtime/testing';

type Plan = Parameters<Engine['activate']>[0];

/** Where an engine keeps what must outlive its process. */
export interface EngineStorage {
  open(options: EngineOptions): Promise<Engine>;
  /** What a kill at this very moment would leave; taken at once, as it may be asked for in the middle of anything. */
  copy(): EngineStorage;
  dispose(): void;
}

/** Everything around an engine: a clock, another system, and somebody who kills the process. */
export class World {
  readonly clock = manualClock();
  readonly target = new FakeTarget(this.clock);
  readonly entries: LedgerEntry[] = [];
  engine!: Engine;
  /** Kills at the nth thing that can be seen from outside: a call that comes in, one that has had its effect, an entry. */
  killAt: number | undefined;
  /** Kills at the first call that this takes, before or after its effect. */
  killWhen: ((when: 'before' | 'after', request: CallRequest) => boolean) | undefined;
  seen = 0;
  kills = 0;
  readonly #random = seededRandom(1);
  readonly #used: EngineStorage[] = [];
  readonly #engines: Engine[] = [];
  #storage: EngineStorage;
  #life = 0;
  #up: Promise<void> | undefined;
  #died = Promise.withResolvers<void>();
  #deliveries = 0;

  private constructor(storage: EngineStorage) {
    this.#storage = storage;
    this.#used.push(storage);
  }

  static async with(storage: EngineStorage, ...plans: readonly Plan[]): Promise<World> {
    const world = new World(storage);
    world.target.onCall = (when, request) => {
      if (world.killWhen?.(when, request) === true) {
        world.killWhen = undefined;
        world.kill();
      } else world.#observe();
    };
    await world.#open();
    for (const plan of plans) await world.engine.activate(plan);
    return world;
  }

  /** The process is gone, and another is started on what it left. */
  kill(): void {
    this.#life++;
    this.kills++;
    this.#storage = this.#storage.copy();
    this.#used.push(this.#storage);
    const died = this.#died;
    this.#died = Promise.withResolvers<void>();
    this.#up = this.#open();
    died.resolve();
  }

  /** Sends an order, again until a process that lived has acknowledged it. */
  async order(payload: { readonly id: string; readonly [name: string]: Json }): Promise<string> {
    const result = await this.deliver('shop.ordered', payload);
    if (!result.ok) throw new Error(result.failure.message);
    return result.runs[0]!.runId;
  }

  async deliver(
    event: string,
    payload: Json,
    deliveryId = `d${++this.#deliveries}`,
    headers?: JsonObject,
    source = 'shop',
  ): Promise<AcceptResult> {
    for (;;) {
      await this.#up;
      const life = this.#life;
      const result = await Promise.race([
        this.engine.accept({ event, payload, deliveryId, source, ...(headers && { headers }) }),
        this.#died.promise,
      ]);
      if (result !== undefined && life === this.#life) return result;
    }
  }

  /** Until nothing moves without time or somebody outside. */
  async settle(): Promise<void> {
    for (;;) {
      await this.#up;
      const life = this.#life;
      await Promise.race([this.engine.idle(), this.#died.promise]);
      if (life === this.#life) return;
    }
  }

  async pass(ms: number): Promise<void> {
    const untilMs = this.clock.now() + ms;
    await this.settle();
    for (let next = this.clock.next; next !== undefined && next <= untilMs; next = this.clock.next) {
      this.clock.advance(Math.max(0, next - this.clock.now()));
      await this.settle();
    }
    this.clock.advance(untilMs - this.clock.now());
    await this.settle();
  }

  state(runId: string): RunState | undefined {
    return this.engine.run(runId)?.state;
  }

  async close(): Promise<void> {
    await this.settle();
    await this.engine.stop();
    for (const storage of this.#used) storage.dispose();
  }

  #observe(): void {
    if (++this.seen === this.killAt) this.kill();
  }

  async #open(): Promise<void> {
    const life = this.#life;
    const isDead = (): boolean => life !== this.#life;
    const engine = await this.#storage.open({
      random: this.#random,
      clock: {
        now: () => this.clock.now(),
        steady: () => this.clock.steady(),
        setTimer: (delayMs, fire) => this.clock.setTimer(delayMs, () => isDead() || fire()),
      },
      transport: () => ({
        call: async (request) => {
          if (isDead()) return new Promise(() => {});
          const result = await this.target.call(request);
          return isDead() ? new Promise(() => {}) : result;
        },
        close: async () => {},
      }),
      onEntry: (entry) => {
        if (isDead()) return;
        // Of no run: what an engine tells of its plans is its own.
        if (entry.runId === '') return;
        this.entries.push(entry);
        this.#observe();
      },
    });
    // Kept, so that a dead one is not collected while it holds a lock.
    this.#engines.push(engine);
    if (!isDead()) {
      this.engine = engine;
      this.#up = undefined;
    }
  }
}
