import { systemClock, systemRandom } from '@tenon/model';
import { commands, type ExitCode, type Io, runCommandLine } from 'tenon';

export interface CommandResult {
  readonly code: ExitCode;
  readonly out: string;
  readonly err: string;
}

/** Runs one `tenon` command line in this process, in a folder, with an environment of its own. */
export async function tenon(
  cwd: string,
  argv: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<CommandResult> {
  let out = '';
  let err = '';
  const io: Io = {
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    cwd,
    env,
    color: false,
    clock: systemClock,
    random: systemRandom,
    interrupted: () => new Promise(() => {}),
  };
  const code = await runCommandLine(commands, argv, io);
  return { code, out, err };
}
