import { type ExitCode, exit } from './exit.ts';
import type { Io } from './io.ts';

/** How a command has ended, and what it failed for where that is known apart from what it said. */
export interface Ended {
  readonly exitCode: ExitCode;
  readonly error?: { readonly code: string | undefined; readonly message: string };
}

/**
 * Runs a command for a program that asked for JSON: one document is on stdout in any case. A command that fails before it has printed
 * its own has the failure for one; what people are told is on stderr all the same.
 */
export async function answeredAsJson(io: Io, run: (io: Io) => Promise<Ended>): Promise<ExitCode> {
  let hasAnswered = false;
  let said = '';
  const heard: Io = {
    ...io,
    out: (text) => {
      hasAnswered = true;
      io.out(text);
    },
    err: (text) => {
      said += text;
      io.err(text);
    },
  };
  const answer = ({ exitCode, error = { code: undefined, message: said.trim() } }: Ended): void => {
    if (!hasAnswered && exitCode !== exit.clean)
      io.out(asDocument({ exitCode, error: { code: error.code, message: error.message } }));
  };
  try {
    const ended = await run(heard);
    answer(ended);
    return ended.exitCode;
  } catch (error) {
    // The process says it, and that it is to be reported.
    const message = error instanceof Error ? error.message : String(error);
    answer({ exitCode: exit.failed, error: { code: undefined, message } });
    throw error;
  }
}

/** As every command prints one; a code that is not known is left out. */
export function asDocument(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
