import { type Clock, type Random, sleep } from '@tenon/model';
import type { SourceContext } from './source.ts';

const PAUSE_FIRST_MS = 200;
const PAUSE_MAX_MS = 15_000;

/**
 * Keeps a source going that has to connect and ask by itself: `session` runs until it throws or the signal says stop, and
 * is begun again after a pause that grows, with jitter, until a session says that it is consuming.
 */
export function sourceLoop(
  context: Pick<SourceContext, 'clock' | 'random' | 'report'>,
  session: (signal: AbortSignal, consuming: () => void) => Promise<void>,
  problemOf: (error: unknown) => string = connectionProblem,
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
      try {
        await session(signal, () => {
          failures = 0;
          context.report('consuming');
        });
      } catch (error) {
        if (signal.aborted) break;
        context.report('connecting', problemOf(error));
        await sleep(context.clock, pauseMs(failures++, context.random), signal);
      }
    }
    context.report('stopped');
  }
}

/** Half of it fixed, half by chance, so that many processes do not come back at the same moment. */
export function pauseMs(failures: number, random: Random): number {
  const most = Math.min(PAUSE_MAX_MS, PAUSE_FIRST_MS * 2 ** failures);
  return most / 2 + (random.next() * most) / 2;
}

/** Codes of the system and of libraries say enough; their messages may quote addresses with credentials. */
export function connectionProblem(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : undefined;
  const name = error instanceof Error ? error.name : 'unknown';
  return `the connection failed (${code === undefined || code === '' ? name : code})`;
}

/** Waits until `isDone`, looking again every few milliseconds: for what is under way when a source stops. */
export async function settled(clock: Clock, isDone: () => boolean, boundMs: number): Promise<boolean> {
  for (const untilMs = clock.now() + boundMs; !isDone(); ) {
    if (clock.now() >= untilMs) return false;
    await sleep(clock, 5);
  }
  return true;
}
