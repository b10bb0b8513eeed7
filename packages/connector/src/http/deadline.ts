import type { Clock, Failure } from '@tenon/model';
import type { OperationPlan } from '../operation-plan.ts';
import type { CallResult } from '../transport.ts';
import type { Exchange } from './exchange.ts';
import { brokenFailure } from './failures.ts';

/** One moment and one signal that end a call, and which of them did. */
export class Deadline {
  readonly #clock: Clock;
  readonly #controller = new AbortController();
  readonly #atMs: number;
  readonly #outer: AbortSignal | undefined;
  readonly #cancelTimer: () => void;
  readonly #onOuterAbort = (): void => this.#controller.abort();
  #inExchange = false;

  constructor(clock: Clock, atMs: number, outer: AbortSignal | undefined) {
    this.#clock = clock;
    this.#atMs = atMs;
    this.#outer = outer;
    this.#cancelTimer = clock.setTimer(Math.max(0, atMs - clock.now()), () => this.#controller.abort());
    if (outer?.aborted) this.#controller.abort();
    else outer?.addEventListener('abort', this.#onOuterAbort, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get expired(): boolean {
    return this.#controller.signal.aborted || this.#clock.now() >= this.#atMs;
  }

  failure(operation: OperationPlan, broken: Extract<Exchange, { kind: 'broken' }>): Failure {
    const ended = this.#outer?.aborted === true ? 'cancelled' : 'deadline';
    return brokenFailure(operation.name, broken, broken.cause === 'aborted' ? ended : broken.cause);
  }

  /**
   * From here on a request is on its way: an exchange settles itself when the signal aborts, and knows whether it had
   * started. Stays so once it has been answered, so that no abort in between can call a sent request unsent.
   */
  enterExchange(): void {
    this.#inExchange = true;
  }

  /** The request was refused and not carried out: waiting may be ended again as if nothing had been sent. */
  leaveExchange(): void {
    this.#inExchange = false;
  }

  /** Ends the waiting for credentials and the like, which nothing else would end; never an exchange. */
  race(work: Promise<CallResult>, onExpiry: () => CallResult): Promise<CallResult> {
    return new Promise((resolve, reject) => {
      const expire = (): void => {
        if (!this.#inExchange) resolve(onExpiry());
      };
      this.signal.addEventListener('abort', expire, { once: true });
      work.then(resolve, reject);
    });
  }

  cancel(): void {
    this.#cancelTimer();
    this.#outer?.removeEventListener('abort', this.#onOuterAbort);
  }
}
