import type { Json, SteadyClock } from '@tenon/model';
import { vi } from 'vitest';
import type { CommandSpec } from '../command.ts';
import { runCommand } from './run-command.ts';

export interface AnsweredRun {
  readonly code: number;
  /** Of both streams. */
  readonly text: string;
  readonly out: string;
  /** Every request: method, path with query, body. */
  readonly sent: readonly string[];
}

/** Given how many requests came before, and the one that is answered: with the JSON to answer, or a whole response. */
export type AnswerTo = (before: number, request: string) => object;

/**
 * Runs a command line against a running Tenon that gives the same answer to everything, or what it is told to. It takes the place of
 * `fetch`, so a test ends with `vi.unstubAllGlobals()`. Whoever waits has waited at once.
 */
export async function runAgainst(
  answer: object | Json | AnswerTo,
  commands: readonly CommandSpec[],
  argv: readonly string[],
  { cwd, nowMs = 0, width }: { readonly cwd: string; readonly nowMs?: number; readonly width?: number },
): Promise<AnsweredRun> {
  const sent: string[] = [];
  vi.stubGlobal('fetch', async (url: URL, init: RequestInit) => {
    sent.push(`${init.method} ${url.pathname}${url.search} ${init.body ?? ''}`.trim());
    const given = typeof answer === 'function' ? answer(sent.length - 1, sent.at(-1)!) : answer;
    return given instanceof Response ? given : Response.json(given);
  });
  let waitedMs = 0;
  const clock: SteadyClock = {
    now: () => nowMs + waitedMs,
    steady: () => nowMs + waitedMs,
    setTimer: (delayMs, fire) => {
      waitedMs += delayMs;
      queueMicrotask(fire);
      return () => {};
    },
  };
  const { code, said, out } = await runCommand(commands, argv, {
    cwd,
    clock,
    ...(width !== undefined && { width }),
  });
  return { code, text: said, out, sent };
}
