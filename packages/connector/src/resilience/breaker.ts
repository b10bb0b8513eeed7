import { type SteadyClock, sleep } from '@tenon/model';
import type { OperationDefaults } from '../manifest.ts';
import type { CallResult } from '../transport.ts';

export type BreakerState = 'closed' | 'open' | 'halfOpen';

/** Ends a turn with what came of its call; `undefined`: it was not made. */
export type BreakerTurn = (result: CallResult | undefined) => void;

/** Parts of the window that leave it together: it is shorter than declared by one of them at most. */
const PARTS = 10;

interface Counts {
  calls: number;
  failures: number;
}

interface Part extends Counts {
  /** When it began, by the clock that nobody sets. */
  readonly atMs: number;
}

/** From one change of state to the next: what was begun in an earlier round says nothing of this one. */
interface Round extends Counts {
  underWay: number;
}

/**
 * closed → open when the share of troubled calls in the window reaches the rate, and there were enough calls;
 * open → halfOpen with the first call after `openFor`; halfOpen → closed when so many probes as declared came to an end and too few of
 * them failed, → open as soon as enough have. A call that was not made, or that says nothing of the dependency, is no probe: its place goes
 * to the next. Open, it lets nothing through. What it knows survives a restart by its snapshot. It goes by the clock that nobody sets, and
 * by the wall clock over a restart only: one that was set back meanwhile keeps it open for as long as it was to be, and no longer.
 */
export class Breaker {
  readonly #declared: OperationDefaults['breaker'];
  readonly #clock: SteadyClock;
  readonly #onChange: ((state: BreakerState) => void) | undefined;
  #state: BreakerState = 'closed';
  #openedAtMs = 0;
  #round: Round = { calls: 0, failures: 0, underWay: 0 };
  #window: Part[] = [];
  /** Wakes those who wait for what comes of the probes. */
  readonly #waiting = new Set<() => void>();

  constructor(
    declared: OperationDefaults['breaker'],
    clock: SteadyClock,
    snapshot: unknown,
    onChange: ((state: BreakerState) => void) | undefined,
  ) {
    this.#declared = declared;
    this.#clock = clock;
    this.#onChange = onChange;
    if (declared !== undefined) this.#restore(snapshot);
  }

  get state(): BreakerState {
    return this.#state;
  }

  /** Milliseconds until a probe is let through, when none is now. */
  refusal(atMs = this.#clock.steady()): number | undefined {
    if (this.#declared === undefined || this.#state !== 'open') return undefined;
    const restMs = this.#openedAtMs + this.#declared.openForMs - atMs;
    return restMs > 0 ? restMs : undefined;
  }

  /** Would `enter` let a call through at that moment of `steady`? Takes no turn. */
  isPassable(atMs: number): boolean {
    if (this.#declared === undefined || this.#state === 'closed') return true;
    if (this.#state === 'open') return this.refusal(atMs) === undefined;
    return this.#round.calls + this.#round.underWay < this.#declared.probes;
  }

  /** A turn for a call, which ends it, when it is let through at that moment of `steady`; `full`: all probes are under way. */
  enter(atMs: number): BreakerTurn | 'open' | 'full' {
    const declared = this.#declared;
    if (declared === undefined) return () => {};
    if (this.refusal(atMs) !== undefined) return 'open';
    if (this.#state === 'open') this.#become('halfOpen');
    const round = this.#round;
    if (this.#state === 'halfOpen' && round.calls + round.underWay >= declared.probes) return 'full';
    round.underWay++;
    return (result) => this.#ended(round, result);
  }

  /** Waits for what comes of its probes; `false`: nothing did until `untilMs` of `steady`, or the caller gave up. */
  async changes(untilMs: number, signal: AbortSignal | undefined): Promise<boolean> {
    const restMs = untilMs - this.#clock.steady();
    if (restMs <= 0 || signal?.aborted) return false;
    const woken = new AbortController();
    const wake = (): void => woken.abort();
    this.#waiting.add(wake);
    await sleep(this.#clock, restMs, signal ? AbortSignal.any([woken.signal, signal]) : woken.signal);
    this.#waiting.delete(wake);
    return woken.signal.aborted;
  }

  snapshot(): unknown {
    if (this.#declared === undefined) return undefined;
    const setMs = this.#clock.now() - this.#clock.steady();
    return this.#state === 'closed'
      ? {
          state: 'closed',
          window: this.#window.map((part) => ({ ...part, atMs: Math.round(part.atMs + setMs) })),
        }
      : { state: 'open', openedAtMs: Math.round(this.#openedAtMs + setMs) };
  }

  #ended(round: Round, result: CallResult | undefined): void {
    round.underWay--;
    if (round !== this.#round || this.#declared === undefined) return;
    const isTrouble = result === undefined ? undefined : troubleIn(result);
    if (this.#state === 'closed') {
      if (isTrouble !== undefined && this.#reaches(isTrouble)) this.#become('open');
      return;
    }
    if (isTrouble === undefined) {
      this.#wake();
      return;
    }
    round.calls++;
    if (isTrouble) round.failures++;
    const { probes, failureRate } = this.#declared;
    if (round.failures / probes >= failureRate) this.#become('open');
    else if (round.calls >= probes) this.#become('closed');
  }

  /** Counts a call; is its window one to open for? */
  #reaches(isTrouble: boolean): boolean {
    const { windowMs, minimum, failureRate } = this.#declared!;
    const now = this.#clock.steady();
    while (this.#window[0] !== undefined && this.#window[0].atMs <= now - windowMs) this.#window.shift();
    let part = this.#window.at(-1);
    if (part === undefined || now - part.atMs >= windowMs / PARTS) {
      part = { atMs: now, calls: 0, failures: 0 };
      this.#window.push(part);
    }
    part.calls++;
    if (!isTrouble) return false;
    part.failures++;
    const calls = this.#window.reduce((sum, each) => sum + each.calls, 0);
    const failures = this.#window.reduce((sum, each) => sum + each.failures, 0);
    return calls >= minimum && failures / calls >= failureRate;
  }

  #become(state: BreakerState): void {
    this.#state = state;
    this.#round = { calls: 0, failures: 0, underWay: 0 };
    this.#window = [];
    if (state === 'open') this.#openedAtMs = this.#clock.steady();
    this.#wake();
    this.#onChange?.(state);
  }

  #wake(): void {
    for (const wake of [...this.#waiting]) wake();
  }

  #restore(snapshot: unknown): void {
    if (typeof snapshot !== 'object' || snapshot === null) return;
    // A moment that is still to come was written before the clock was set back: taken as now.
    const now = this.#clock.now();
    const steadyAt = (atMs: number): number => this.#clock.steady() - Math.max(0, now - atMs);
    const openedAtMs: unknown = Reflect.get(snapshot, 'openedAtMs');
    const window: unknown = Reflect.get(snapshot, 'window');
    if (isOpen(snapshot) && typeof openedAtMs === 'number') {
      this.#state = 'open';
      this.#openedAtMs = steadyAt(openedAtMs);
    } else if (Array.isArray(window) && window.every(isPart))
      this.#window = window.map((part) => ({ ...part, atMs: steadyAt(part.atMs) }));
  }
}

/** Also as an earlier version wrote it, by the policy of its library. */
function isOpen(snapshot: object): boolean {
  if (Reflect.get(snapshot, 'state') === 'open') return true;
  const policy: unknown = Reflect.get(snapshot, 'policy');
  const own: unknown = typeof policy === 'object' && policy !== null ? Reflect.get(policy, 'ownState') : null;
  return typeof own === 'object' && own !== null && Reflect.get(own, 'value') === 1;
}

function isPart(value: unknown): value is Part {
  if (typeof value !== 'object' || value === null) return false;
  return ['atMs', 'calls', 'failures'].every((name) => typeof Reflect.get(value, name) === 'number');
}

/**
 * Is the dependency itself in trouble? Refusals (4xx) say that it is there; calls that the caller gave up, and those that were refused on
 * this side, say nothing of it.
 */
function troubleIn(result: CallResult): boolean | undefined {
  if (result.ok) return false;
  const { failure, calledOff } = result;
  if (calledOff || failure.code === 'HTTP_CALL_CANCELLED') return undefined;
  if (failure.class === 'transient' || failure.class === 'timeout') return true;
  return failure.delivery === 'notSent' ? undefined : false;
}
