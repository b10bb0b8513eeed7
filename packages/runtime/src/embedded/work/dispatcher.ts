import { type Clock, sleep } from '@tenon/model';
import type { Plan } from '@tenon/pipeline';

export interface DispatcherOptions {
  readonly clock: Clock;
  readonly activeMax: number;
  /** Of a pipeline that nothing starts any more: what its plan said, asked when one of its runs is to go on. */
  limitsOf(pipeline: string): Limits;
  /** Numbers of due runs of a pipeline, longest due first. */
  due(pipeline: string, nowMs: number, limit: number): readonly number[];
  /** When the next run of a pipeline after `nowMs` is due. */
  nextDue(pipeline: string, nowMs: number): number;
  /** One activation; says which pipelines to look at again, and when. Rejects when the file cannot be read. */
  carry(seq: number): Promise<readonly (readonly [pipeline: string, atMs: number])[]>;
  /** The file could not be read for a pipeline; its runs stay due, and are looked for again after a pause. */
  unreadable(pipeline: string, cause: unknown): void;
  /** Nothing is on its way to the disk. */
}

export interface Limits {
  readonly concurrency: number;
  readonly tier: Plan['tier'];
}

/** One pipeline's runs: how many may be active, and from when on there may be one to take. */
interface Lane {
  readonly pipeline: string;
  limit: number;
  tier: Plan['tier'];
  /** Nobody has said yet what it may have; until then it has what the least of pipelines has. */
  isLimited: boolean;
  readonly active: Set<number>;
  nextDueAtMs: number;
}

/**
 * Share of all places that the pipelines of a tier may have together: no tier can take all, so that a flood of one
 * leaves the others room; and what is critical may take nearly all of it (C60).
 */
const TIER_SHARES: Readonly<Record<Plan['tier'], number>> = { high: 0.9, medium: 0.75, low: 0.5 };

/** Runs begun in one turn of the loop: after a crash the first of hundreds does not wait for all of them to be read. */
const BEGUN_AT_ONCE = 32;
/** Pause of a pipeline whose runs could not be read. */
const UNREADABLE_PAUSE_MS = 5_000;

/** Timers do not hear of a clock that is set forward: what is due by it is looked for this often at least. */
const LOOK_EVERY_MS = 60_000;

/** Until a pipeline's plan is asked, or says otherwise. */
const LANE_LIMIT = 1;

/**
 * Decides which run is carried on next. It holds no queue: due runs stand in the database's index, and are taken from
 * there when there is room for them, so that a backlog costs no memory. Room is shared: a pipeline has its own limit, a
 * tier its share of all places, and pipelines that compete for the rest get equal parts, beginning with another one
 * each time.
 */
export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #lanes = new Map<string, Lane>();
  #activeCount = 0;
  readonly #activeOfTier: Record<Plan['tier'], number> = { high: 0, medium: 0, low: 0 };
  #turn = 0;
  #busyCount = 0;
  #isPumpScheduled = false;
  #isStopped = false;
  #timer: { readonly atMs: number; readonly cancel: () => void } | undefined;
  #idleWaiters: (() => void)[] = [];

  constructor(options: DispatcherOptions) {
    this.#options = options;
  }

  setLimit(pipeline: string, limit: number, tier: Plan['tier']): void {
    this.#limit(this.#lane(pipeline), limit, tier);
    this.touch(pipeline, this.#options.clock.now());
  }

  /**
   * Takes a place for a new run that need not go through the file first: there is room, and nothing of its pipeline
   * waits before it. Who gets one hands in the activation with `follow`, or gives it back with `leave`.
   */
  enter(pipeline: string, seq: number): boolean {
    const lane = this.#limited(pipeline);
    if (this.#isStopped || this.#roomFor(lane) <= 0 || lane.nextDueAtMs <= this.#options.clock.now())
      return false;
    this.#count(lane, seq);
    return true;
  }

  /** Runs at work now, of a pipeline or in all. */
  activeOf(pipeline?: string): number {
    return pipeline === undefined ? this.#activeCount : (this.#lanes.get(pipeline)?.active.size ?? 0);
  }

  /** Pipelines with a run at work. */
  atWork(): readonly string[] {
    return [...this.#lanes.values()].flatMap(({ pipeline, active }) => (active.size > 0 ? [pipeline] : []));
  }

  limitOf(pipeline: string): number {
    return this.#limited(pipeline).limit;
  }

  /** Gives the place of `seq` back when its activation ends. */
  follow(pipeline: string, seq: number, activation: ReturnType<DispatcherOptions['carry']>): void {
    this.#follow(this.#lane(pipeline), seq, activation);
  }

  /** Gives a place back that nothing came of. */
  leave(pipeline: string, seq: number): void {
    this.#release(this.#lane(pipeline), seq, []);
  }

  /** There may be a run to take from `atMs` on. */
  touch(pipeline: string, atMs: number): void {
    const lane = this.#lane(pipeline);
    if (atMs < lane.nextDueAtMs) lane.nextDueAtMs = atMs;
    this.#schedule(lane.nextDueAtMs);
  }

  touchAll(atMs: number): void {
    for (const pipeline of this.#lanes.keys()) this.touch(pipeline, atMs);
  }

  /** Counts as not idle while `work` is under way. */
  busy<T>(work: () => Promise<T>): Promise<T> {
    this.begin();
    let done: Promise<T>;
    try {
      done = work();
    } catch (error) {
      // It would count as busy for ever.
      done = Promise.reject(error);
    }
    const isOver = (): void => this.end();
    done.then(isOver, isOver);
    return done;
  }

  /** As `busy`, for work that is not one promise; each is followed by one `end`. */
  begin(): void {
    this.#busyCount++;
  }

  end(): void {
    this.#busyCount--;
    this.#wakeIdle();
  }

  /** Resolves when nothing can move without an event or the passing of time. */
  async idle(): Promise<void> {
    while (!this.#isIdle()) await new Promise<void>((resolve) => this.#idleWaiters.push(resolve));
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#wakeIdle();
  }

  /** Resolves when no run is active, or after `boundMs`. */
  async settled(boundMs: number): Promise<void> {
    const timeout = new AbortController();
    const bound = sleep(this.#options.clock, boundMs, timeout.signal);
    let isOver = false;
    void bound.then(() => {
      isOver = true;
      this.#wakeIdle();
    });
    while ((this.#activeCount > 0 || this.#busyCount > 0) && !isOver)
      await new Promise<void>((resolve) => this.#idleWaiters.push(resolve));
    timeout.abort();
  }

  #lane(pipeline: string): Lane {
    let lane = this.#lanes.get(pipeline);
    if (lane === undefined) {
      const nextDueAtMs = Number.POSITIVE_INFINITY;
      lane = { pipeline, limit: LANE_LIMIT, tier: 'low', isLimited: false, active: new Set(), nextDueAtMs };
      this.#lanes.set(pipeline, lane);
    }
    return lane;
  }

  #limited(pipeline: string): Lane {
    const lane = this.#lane(pipeline);
    if (!lane.isLimited) {
      const { concurrency, tier } = this.#options.limitsOf(pipeline);
      this.#limit(lane, concurrency, tier);
    }
    return lane;
  }

  #limit(lane: Lane, limit: number, tier: Plan['tier']): void {
    lane.isLimited = true;
    lane.limit = limit;
    if (lane.tier === tier) return;
    this.#activeOfTier[lane.tier] -= lane.active.size;
    this.#activeOfTier[tier] += lane.active.size;
    lane.tier = tier;
  }

  #schedule(atMs: number): void {
    if (this.#isStopped || this.#isPumpScheduled || atMs === Number.POSITIVE_INFINITY) return;
    const delayMs = atMs - this.#options.clock.now();
    if (delayMs <= 0) {
      this.#isPumpScheduled = true;
      setImmediate(() => this.#pump());
    } else if (this.#timer === undefined || atMs < this.#timer.atMs) {
      this.#timer?.cancel();
      const cancel = this.#options.clock.setTimer(Math.min(delayMs, LOOK_EVERY_MS), () => {
        this.#timer = undefined;
        this.#schedule(Math.min(...[...this.#lanes.values()].map((lane) => lane.nextDueAtMs)));
      });
      this.#timer = { atMs, cancel };
    }
  }

  #pump(): void {
    this.#isPumpScheduled = false;
    if (this.#isStopped) return;
    const now = this.#options.clock.now();
    const due = [...this.#lanes.values()].filter(
      (lane) => lane.nextDueAtMs <= now && this.#roomFor(lane) > 0,
    );
    const first = due.length === 0 ? 0 : this.#turn++ % due.length;
    const mostActive = this.#activeCount + BEGUN_AT_ONCE;
    for (let i = 0; i < due.length; i++) {
      const free = Math.min(this.#options.activeMax, mostActive) - this.#activeCount;
      const lane = due[(first + i) % due.length]!;
      try {
        this.#take(lane, now, Math.ceil(free / (due.length - i)));
      } catch (error) {
        this.#pause(lane, error);
      }
    }
    let next = Number.POSITIVE_INFINITY;
    for (const lane of this.#lanes.values()) {
      // A full lane is looked at again when one of its runs, or of its tier, lets go.
      if (!(this.#roomFor(lane) <= 0 && lane.nextDueAtMs <= now)) next = Math.min(next, lane.nextDueAtMs);
    }
    this.#schedule(next);
    this.#wakeIdle();
  }

  #roomFor({ limit, active, tier }: Lane): number {
    const { activeMax } = this.#options;
    const tierMax = Math.max(1, Math.ceil(activeMax * TIER_SHARES[tier]));
    return Math.min(limit - active.size, tierMax - this.#activeOfTier[tier], activeMax - this.#activeCount);
  }

  #take(lane: Lane, now: number, share: number): void {
    const room = Math.min(this.#roomFor(lane), share);
    if (room <= 0) return;
    // Runs taken but not yet marked as taken in the file are found again: ask for as many more.
    const limit = room + lane.active.size;
    const found = this.#options.due(lane.pipeline, now, limit);
    // Not before there is a run: there may be many pipelines that have none any more, each with a plan to be read.
    if (found.length > 0) this.#limited(lane.pipeline);
    const fresh = found.filter((seq) => !lane.active.has(seq));
    for (const seq of fresh.slice(0, room)) this.#begin(lane, seq);
    // Only when the index gave less than asked for, and all of it was taken, is there nothing more for now.
    if (found.length < limit && fresh.length <= room)
      lane.nextDueAtMs = this.#options.nextDue(lane.pipeline, now);
  }

  #count(lane: Lane, seq: number): void {
    lane.active.add(seq);
    this.#activeCount++;
    this.#activeOfTier[lane.tier]++;
  }

  #begin(lane: Lane, seq: number): void {
    this.#count(lane, seq);
    this.#follow(lane, seq, this.#options.carry(seq));
  }

  #follow(lane: Lane, seq: number, activation: ReturnType<DispatcherOptions['carry']>): void {
    void activation.then(
      (touched) => this.#release(lane, seq, touched),
      (error: unknown) => {
        this.#pause(lane, error);
        this.#release(lane, seq, [[lane.pipeline, lane.nextDueAtMs]]);
      },
    );
  }

  #pause(lane: Lane, cause: unknown): void {
    // Nothing is tried again: what outlasts a stop may find the file closed, and the next process goes on with it.
    if (this.#isStopped) return;
    lane.nextDueAtMs = this.#options.clock.now() + UNREADABLE_PAUSE_MS;
    this.#options.unreadable(lane.pipeline, cause);
  }

  #release(lane: Lane, seq: number, touched: Awaited<ReturnType<DispatcherOptions['carry']>>): void {
    const wasFull = this.#roomFor(lane) <= 0;
    lane.active.delete(seq);
    this.#activeCount--;
    this.#activeOfTier[lane.tier]--;
    for (const [pipeline, atMs] of touched) this.touch(pipeline, atMs);
    if (wasFull) for (const each of this.#lanes.values()) this.#schedule(each.nextDueAtMs);
    this.#wakeIdle();
  }

  #isIdle(): boolean {
    const isPumping = this.#isPumpScheduled && !this.#isStopped;
    return this.#activeCount === 0 && this.#busyCount === 0 && !isPumping;
  }

  #wakeIdle(): void {
    if (this.#idleWaiters.length === 0) return;
    const waiters = this.#idleWaiters;
    this.#idleWaiters = [];
    for (const wake of waiters) wake();
  }
}
