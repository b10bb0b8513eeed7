import { type CallRequest, type CallResult, pages, type Transport } from '@tenon/connector';
import { type Clock, type Failure, type Json, type JsonObject, type Random, sleep } from '@tenon/model';
import type { SidePlan } from '@tenon/pipeline';

/** What one attempt of a read gives; `held`: a switch or a window is in the way, nothing was sent. */
export type ReadCall = (connection: string, request: CallRequest) => Promise<CallResult | 'held'>;

export interface Reading {
  readonly side: SidePlan;
  readonly input: JsonObject;
  readonly call: ReadCall;
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: AbortSignal;
}

/** A listing that could not be read to its end. */
export class ReadingFailed extends Error {
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure.message);
    this.failure = failure;
  }
}

/** Pages asked for at most: with a hundred records each, ten million. */
const PAGES_MAX = 100_000;
/** Attempts of one page, and the pauses between them: reads are repeated without harm. */
const ATTEMPTS_MAX = 6;
const PAUSE_MS = 500;
const PAUSE_MAX_MS = 30_000;
const RETRIED: ReadonlySet<Failure['class']> = new Set(['timeout', 'transient', 'rateLimited']);
/** How often it is looked whether what holds the call has gone. */
const HELD_MS = 1_000;

/** Records of one side, a page at a time. Throws `ReadingFailed`; ends early when the signal aborts. */
export async function* readRecords(reading: Reading): AsyncGenerator<readonly Json[]> {
  const { side, input, signal } = reading;
  const request = { operation: side.operation, input, signal };
  for await (const page of pages(patient(reading), request, { pagesMax: PAGES_MAX, items: side.items })) {
    if (signal.aborted) return;
    if (!page.ok) throw new ReadingFailed(page.failure);
    yield page.items;
  }
}

/** A transport that waits for what passes: a switch, a window, a busy service. */
function patient({ side, call, clock, random, signal }: Reading): Transport {
  return {
    call: async (request) => {
      for (let attempt = 1; ; ) {
        const result = await call(side.connection, { ...request, ...(attempt > 1 && { isRetry: true }) });
        if (signal.aborted) return GIVEN_UP;
        if (result === 'held') {
          await sleep(clock, HELD_MS, signal);
          continue;
        }
        if (result.ok) return result;
        const isPostponed = 'postponed' in result && result.postponed === true;
        if (!isPostponed && (!RETRIED.has(result.failure.class) || attempt >= ATTEMPTS_MAX)) return result;
        const pauseMs = Math.min(PAUSE_MAX_MS, PAUSE_MS * 2 ** (attempt - 1)) * random.next();
        if (!isPostponed) attempt++;
        await sleep(
          clock,
          Math.max(isPostponed ? HELD_MS : 1, pauseMs, result.failure.retryAfterMs ?? 0),
          signal,
        );
      }
    },
    close: async () => {},
  };
}

const GIVEN_UP: CallResult = {
  ok: false,
  failure: {
    class: 'timeout',
    code: 'RECONCILIATION_GIVEN_UP',
    message: 'the comparison was given up before it had read everything',
    delivery: 'notSent',
  },
};
