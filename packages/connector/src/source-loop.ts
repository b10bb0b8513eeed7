import { once } from 'node:events';
import { type Clock, type FailureClass, type Random, sleep } from '@tenon/model';
import { CredentialsMissing, MessageRefused } from './message/message-transport.ts';
import { shownCode } from './shown-code.ts';
import type { SourceContext } from './source.ts';

const PAUSE_FIRST_MS = 200;
const PAUSE_MAX_MS = 15_000;
/** Of a login that is refused: many servers lock an account that is tried too often, and only a person mends it. */
const PAUSE_REFUSED_MS = 60_000;

/**
 * Keeps a source going that has to connect and ask by itself: `session` runs until it ends or the signal says stop, and
 * is begun again after a pause that grows, with jitter, until a session says that it is consuming (and what is amiss, where
 * something is all the same). `problemOf` gives the class with the words where it knows one. A login that is refused is tried again a minute later at the
 * soonest. One that ends without an error is paused for too: what it could not do at once it cannot do
 * at once again.
 */
export function sourceLoop(
  context: Pick<SourceContext, 'clock' | 'random' | 'report'>,
  session: (signal: AbortSignal, consuming: (problem?: string) => void) => Promise<void>,
  problemOf: (error: unknown) => string | MessageRefused = connectionProblem,
): { stop(): Promise<void> } {
  const stopping = new AbortController();
  const { signal } = stopping;
  const ended = run();
  return {
    stop: async () => {
      stopping.abort();
      await ended;
    },
  };

  async function run(): Promise<void> {
    for (let failures = 0; !signal.aborted; ) {
      let isRefused = false;
      try {
        await session(signal, (problem) => {
          failures = 0;
          context.report('consuming', problem);
        });
      } catch (error) {
        isRefused = tell(error);
      }
      if (!signal.aborted) await sleep(context.clock, pauseMs(failures++, context.random, isRefused), signal);
    }
    context.report('stopped');
  }

  /** Gives whether it is the login that is refused. */
  function tell(error: unknown): boolean {
    const told = problemOf(error);
    const refused = told instanceof MessageRefused ? told : error;
    const problemClass = classOf(refused);
    if (!signal.aborted)
      context.report('connecting', typeof told === 'string' ? told : told.message, problemClass);
    return problemClass === 'auth';
  }
}

/** Whatever is not known to be refused may pass by itself. */
function classOf(error: unknown): FailureClass {
  if (error instanceof MessageRefused) return error.failureClass;
  return error instanceof CredentialsMissing ? 'auth' : 'transient';
}

/** Half of it fixed, half by chance, so that many processes do not come back at the same moment. */
export function pauseMs(failures: number, random: Random, isRefused = false): number {
  const most = isRefused ? 2 * PAUSE_REFUSED_MS : Math.min(PAUSE_MAX_MS, PAUSE_FIRST_MS * 2 ** failures);
  return most / 2 + (random.next() * most) / 2;
}

/** A peer has said nothing though it was asked, and its connection has not ended: who answered may be gone. */
export class PeerSilent extends Error {
  readonly withinMs: number;

  constructor(withinMs: number) {
    super('the other side is silent');
    this.withinMs = withinMs;
  }
}

/**
 * What a peer answers; rejects with `PeerSilent` where it has answered nothing in `withinMs`. A network may swallow the end of a connection:
 * a source that waits on it without a bound would count as consuming for ever. The work itself goes on, until whoever asked ends its connection.
 */
export async function answered<T>(clock: Clock, withinMs: number, work: Promise<T>): Promise<T> {
  const over = new AbortController();
  const silent = sleep(clock, withinMs, over.signal).then((): never => {
    throw new PeerSilent(withinMs);
  });
  // One of the two comes too late to be heard.
  silent.catch(() => {});
  work.catch(() => {});
  try {
    return await Promise.race([work, silent]);
  } finally {
    over.abort();
  }
}

/** Codes of the system and of libraries say enough; their messages may quote addresses with credentials. */
export function connectionProblem(error: unknown): string {
  // In words of ours, of what is known before anything is asked.
  if (error instanceof MessageRefused || error instanceof CredentialsMissing) return error.message;
  if (error instanceof PeerSilent)
    return `the other side has not answered for ${error.withinMs / 1_000} s; the connection is opened anew`;
  return `the connection failed (${shownCode(error) ?? (error instanceof Error ? error.name : 'unknown')})`;
}

/** Looks are this many times as rare as a source's own (`plan.everyMs`): a count may cost a broker more than a message. */
const LAG_LOOKS = 5;

/** Tells, while a session lasts, how many messages wait at its broker. A look that fails is left out: the session says why. */
export async function watchLag(
  context: Pick<SourceContext, 'clock' | 'lag' | 'plan'>,
  look: () => Promise<number>,
  until: AbortSignal,
): Promise<void> {
  while (!until.aborted) {
    const lag = await look().catch(() => undefined);
    if (lag !== undefined && !until.aborted) context.lag?.(lag);
    await sleep(context.clock, context.plan.everyMs * LAG_LOOKS, until);
  }
}

/** The messages of one session that have been handed on and are not settled. */
export class UnderWay {
  readonly #works = new Set<Promise<void>>();

  get size(): number {
    return this.#works.size;
  }

  /** `work` must not reject. */
  add(work: Promise<void>): void {
    const tracked = work.finally(() => this.#works.delete(tracked));
    this.#works.add(tracked);
  }

  /** Resolves when there is room for one more, or when `signal` says that none is wanted. */
  async below(max: number, signal: AbortSignal): Promise<void> {
    if (this.#works.size < max || signal.aborted) return;
    const stopped = Promise.withResolvers<void>();
    const stop = (): void => stopped.resolve();
    // Taken off again: the signal may be that of a source's whole life, and this is asked for each message.
    signal.addEventListener('abort', stop);
    try {
      while (this.#works.size >= max && !signal.aborted)
        await Promise.race([...this.#works, stopped.promise]);
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  async settled(): Promise<void> {
    await Promise.all(this.#works);
  }
}

/** Resolves when one of them is aborted; each keeps it until then, so it is for once in a session and not for each message. */
export async function aborted(...signals: readonly AbortSignal[]): Promise<void> {
  const any = AbortSignal.any([...signals]);
  if (!any.aborted) await once(any, 'abort');
}
