import type { ExitCode } from './exit.ts';

/** Why a command has not done what it was asked, as the sentence to print, the code that names it, and the code to exit with. */
export class CommandError extends Error {
  readonly exitCode: ExitCode;
  readonly code: string | undefined;

  constructor(message: string, exitCode: ExitCode, code?: string) {
    super(message);
    this.exitCode = exitCode;
    this.code = code;
  }
}
