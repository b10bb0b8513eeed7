import type { Json } from '@tenon/model';
import { vi } from 'vitest';
import type { CommandSpec } from '../command.ts';
import { runCommand } from './run-command.ts';

export interface AnsweredRun {
  readonly code: number;
  /** Of both streams. */
  readonly text: string;
  /** Every request: method, path with query, body. */
  readonly sent: readonly string[];
}

/**
 * Runs a command line against a running Tenon that gives the same answer to everything. It takes the place of `fetch`, so
 * a test ends with `vi.unstubAllGlobals()`.
 */
export async function runAgainst(
  answer: object | Json,
  commands: readonly CommandSpec[],
  argv: readonly string[],
  { cwd, nowMs = 0 }: { readonly cwd: string; readonly nowMs?: number },
): Promise<AnsweredRun> {
  const sent: string[] = [];
  vi.stubGlobal('fetch', async (url: URL, init: RequestInit) => {
    sent.push(`${init.method} ${url.pathname}${url.search} ${init.body ?? ''}`.trim());
    return Response.json(answer);
  });
  const clock = { now: () => nowMs, steady: () => nowMs, setTimer: () => () => {} };
  const { code, said } = await runCommand(commands, argv, { cwd, clock });
  return { code, text: said, sent };
}
