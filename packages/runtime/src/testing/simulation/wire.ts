import {
  type BreakerState,
  type CallRequest,
  type CallResult,
  guardedTransport,
  type Transport,
} from '@tenon/connector';
import type { SteadyClock } from '@tenon/model';
import { openLedger } from '../../embedded/file/open-ledger.ts';
import type { LedgerEntry } from '../../runtime.ts';
import { type Bench, failure } from '../bench.ts';
import { ACCOUNT_NAMES } from './accounts.ts';
import type { Coverage, Happening } from './coverage.ts';
import type { Guarding } from './guarding.ts';

/** A call over a guarded connection, which is one for all plans that use it, as it is seen before its guard and behind it. Times are those that really passed. */
export interface WireCall {
  readonly request: CallRequest;
  readonly connection: string;
  readonly askedAtMs: number;
  sentAtMs?: number;
  /** What came of it behind the guard, to whoever still listened. */
  result?: CallResult;
  endedAtMs?: number;
  /** What the guard told. */
  told?: CallResult;
  toldAtMs?: number;
}

/** What was seen, one after another. */
export type WireEvent = { readonly atMs: number } & (
  | { readonly is: 'asked' | 'sent' | 'ended' | 'told'; readonly call: WireCall }
  | { readonly is: 'state'; readonly state: BreakerState; readonly connection: string }
  /** The process died, and what it had not stored by `knownUntilMs` with it. */
  | { readonly is: 'killed'; readonly knownUntilMs: number }
  /** It was stopped, and has stored all that it knew: its disk took writes. */
  | { readonly is: 'stopped' }
);

/** Those that the plans of a simulation name. */
const KNOWN: ReadonlySet<string> = new Set(['acme', ...ACCOUNT_NAMES]);
/** Most time between a call and its being on the disk. */
const KEPT_WITHIN_MS = 500;
/** How much longer than its timeout a call is waited for. */
export const GIVEN_UP_MS = 15_000;
const noAnswer: CallResult = {
  ok: false,
  failure: failure('timeout', 'HTTP_RESPONSE_TIMEOUT', 'lost'),
};
const HAPPENINGS = {
  open: 'breaker opened',
  halfOpen: 'breaker let probes through',
  closed: 'breaker closed again',
} as const satisfies Record<BreakerState, Happening>;
const PUT_OFF: Readonly<Partial<Record<string, Happening>>> = {
  CONNECTION_QUOTA_SPENT: 'quota spent',
  CONNECTION_BUSY: 'connection busy',
  CONNECTION_RETRIES_SPENT: 'retry budget spent',
};
/** What a step's record of an attempt, or of a look, stands under. */
const SETTLING: ReadonlySet<string> = new Set(['outcome', 'attempt', 'probe']);

/**
 * Puts the real guards between the runtimes of a simulation and its target, over the simulated clock, and writes down what is asked of them and
 * what leaves them. It judges nothing but what only this moment can tell: see `judge-wire.ts`.
 */
export class Wire {
  readonly events: WireEvent[] = [];
  readonly violations: string[] = [];
  /** Calls that may have come when their key was forgotten; a clock that is set may make them so. */
  readonly lateKeys: string[] = [];
  readonly guarding: Guarding;
  readonly #bench: Bench;
  readonly #coverage: Coverage;
  /** By key. */
  readonly #keyed = new Map<string, readonly Keyed[]>();
  /** From when on this process' disk has refused what it was to write. */
  #brokenAtMs: number | undefined;

  constructor(bench: Bench, guarding: Guarding, coverage: Coverage) {
    this.#bench = bench;
    this.#coverage = coverage;
    this.guarding = guarding;
    bench.guard = (inner, connection, clock, isDead) => this.#guarded(inner, connection, clock, isDead);
    bench.onStopped = () => {
      // A process whose disk takes nothing stores nothing as it stops either.
      if (this.#brokenAtMs !== undefined) return this.killed();
      this.#ended();
      this.events.push({ is: 'stopped', atMs: bench.clock.steady() });
    };
  }

  diskFailed(): void {
    this.#brokenAtMs ??= this.#bench.clock.steady();
  }

  killed(): void {
    const atMs = this.#bench.clock.steady();
    const knownUntilMs = (this.#brokenAtMs ?? atMs) - KEPT_WITHIN_MS;
    this.#ended();
    this.events.push({ is: 'killed', atMs, knownUntilMs });
  }

  #ended(): void {
    this.#brokenAtMs = undefined;
    const last = new Map(
      this.events.flatMap((event) => (event.is === 'state' ? [[event.connection, event.state]] : [])),
    );
    if ([...last.values()].includes('open')) this.#coverage.saw('breaker open over a restart');
  }

  #guarded(inner: Transport, connection: string, clock: SteadyClock, isDead: () => boolean): Transport {
    const { policy, deadlineMs } = this.guarding;
    if (!KNOWN.has(connection)) this.violations.push(`${connection} was asked for, and is no connection`);
    /** By what a guard hands on as it is, of each call another. */
    const asked = new WeakMap<() => boolean, { readonly call: WireCall; readonly entries: number }>();
    const wire: Transport = {
      call: async (request) => {
        if (isDead()) return new Promise(() => {});
        const { call, entries } = asked.get(request.isCalledOff!)!;
        call.sentAtMs = clock.steady();
        if (call.sentAtMs > call.askedAtMs) this.#coverage.saw('call in a line');
        this.#see('sent', call);
        this.#judgeSettled(call, entries);
        this.#judgeKey(call);
        const ended = (result: CallResult): void => {
          if (isDead() || call.endedAtMs !== undefined) return;
          call.result = result;
          call.endedAtMs = clock.steady();
          this.#see('ended', call);
        };
        // As it is promised: from then on its guard counts it as one that was not answered, and its places are free.
        const cancel = clock.setTimer(request.operation.timeoutMs + GIVEN_UP_MS, () => {
          this.#coverage.saw('transport that was given up');
          ended(noAnswer);
        });
        const result = await this.#answered(inner.call(request), deadlineMs, clock);
        cancel();
        ended(result);
        return result;
      },
      close: () => inner.close(),
    };
    const guard = guardedTransport(wire, policy, {
      clock: this.#waiting(clock),
      connection,
      grants: 'all',
      onBreaker: (state) => {
        if (isDead()) return;
        this.#coverage.saw(HAPPENINGS[state]);
        this.events.push({ is: 'state', atMs: clock.steady(), state, connection });
      },
    });
    return {
      ...guard,
      call: async (request) => {
        const call: WireCall = { request, connection, askedAtMs: clock.steady() };
        asked.set(request.isCalledOff!, { call, entries: this.#bench.entries.length });
        this.#see('asked', call);
        const told = await guard.call(request);
        if (isDead()) return told;
        call.told = told;
        call.toldAtMs = clock.steady();
        this.#seeTold(call, told);
        this.#see('told', call);
        return told;
      },
    };
  }

  #see(is: 'asked' | 'sent' | 'ended' | 'told', call: WireCall): void {
    this.events.push({ is, atMs: this.#bench.clock.steady(), call });
  }

  #seeTold({ sentAtMs }: WireCall, told: CallResult): void {
    if (told.ok || sentAtMs !== undefined) return;
    const happening = told.calledOff
      ? 'call that was not sent when its turn came'
      : PUT_OFF[told.failure.code];
    if (happening !== undefined) this.#coverage.saw(happening);
  }

  /** What stands in a line of a guard moves by nothing but time, as a call does that hangs. */
  #waiting(clock: SteadyClock): SteadyClock {
    const { target } = this.#bench;
    return {
      ...clock,
      setTimer: (delayMs, fire) => {
        const line = {};
        target.hanging.add(line);
        target.onHang?.();
        const cancel = clock.setTimer(delayMs, () => {
          target.hanging.delete(line);
          fire();
        });
        return () => {
          target.hanging.delete(line);
          cancel();
        };
      },
    };
  }

  /** A transport's own timeout: what comes later comes to nobody. */
  #answered(answer: Promise<CallResult>, deadlineMs: number, clock: SteadyClock): Promise<CallResult> {
    return new Promise((resolve) => {
      let isOver = false;
      const cancel = clock.setTimer(deadlineMs, () => {
        isOver = true;
        resolve(noAnswer);
      });
      void answer.then((result) => {
        if (isOver) this.#coverage.saw('answer that comes when nobody waits for it');
        cancel();
        resolve(result);
      });
    });
  }

  #judgeSettled({ request }: WireCall, entries: number): void {
    const settled = settledSince(this.#bench, request, entries);
    if (settled !== undefined) this.violations.push(settled);
  }

  /**
   * Whoever asks for it has to reckon with its timeout in lines and as much on its way: by then its key may not be forgotten, where one that was
   * sent before may have happened.
   */
  #judgeKey(call: WireCall): void {
    const { operation, idempotencyKey: key, origin } = call.request;
    if (key === undefined || operation.idempotency.mode !== 'header') return;
    const { retentionMs = Number.POSITIVE_INFINITY } = operation.idempotency;
    const sent = this.#keyed.get(key) ?? [];
    this.#keyed.set(key, [...sent, { call, sequence: this.#bench.entries.at(-1)?.sequence ?? 0 }]);
    const lateMs = (since: Keyed | undefined): number =>
      since === undefined ? 0 : call.askedAtMs + 2 * operation.timeoutMs - since.call.sentAtMs!;
    const maybe = sent.filter((one) => mayHaveHappened(one.call));
    if (lateMs(maybe[0]) <= retentionMs) return;
    const settled = this.#stored(origin!.runId).findLast(
      (entry) => isOf(entry.step, origin!.step) && isSettling(entry),
    );
    const first = maybe.find(({ sequence }) => settled === undefined || sequence >= settled.sequence);
    if (lateMs(first) > retentionMs)
      this.lateKeys.push(
        `${operation.name} of ${origin!.step} might have come ${lateMs(first)} ms after its key was first sent`,
      );
  }

  /** As it stands in the file: what a process had stored as it died was never announced, and one that is being opened calls before it is there. */
  #stored(runId: string): readonly LedgerEntry[] {
    const ledger = openLedger(this.#bench.file, this.#bench.encryption);
    try {
      return ledger.trace({ runId });
    } finally {
      ledger.close();
    }
  }
}

/** A call that was sent with a key, and the last entry before. */
interface Keyed {
  readonly call: WireCall;
  readonly sequence: number;
}

/** It was asked for so many entries ago; once its attempt is on record it may not be sent any more. */
export function settledSince(
  bench: Bench,
  { origin, operation }: CallRequest,
  entries: number,
): string | undefined {
  const { runId, step } = origin ?? {};
  const settled = bench.entries
    .slice(entries)
    .find((entry) => SETTLING.has(entry.kind) && entry.runId === runId && entry.step === step);
  if (settled === undefined) return undefined;
  return `${operation.name} of ${step} was sent after its runtime had given it up (entry ${settled.sequence})`;
}

/** An encrypted file says the names of items as digests, so any item of its list may be meant. */
function isOf(said: string | undefined, place: string): boolean {
  return said === place || (said?.includes('[#') === true && masked(said) === masked(place));
}

function masked(place: string): string {
  return place.replaceAll(/\[.*?\]/g, '[]');
}

/** From then on none of the attempts before can have happened. */
function isSettling({ kind, details }: LedgerEntry): boolean {
  if (kind === 'probe') return details['found'] === 'no';
  return kind === 'operator' || (kind === 'outcome' && details['outcome'] === 'failed');
}

/** Its answer does not say for sure that it did nothing. */
function mayHaveHappened({ result }: WireCall): boolean {
  if (result === undefined || result.ok) return true;
  const { delivery, status = 0 } = result.failure;
  return delivery === 'lost' || (delivery === 'answered' && status >= 500 && status !== 503);
}
