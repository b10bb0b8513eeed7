import { systemClock, systemRandom } from '@tenon/model';
import { type CommandSpec, runCommandLine } from '../command.ts';
import type { Io } from '../io.ts';

/** What a command line printed and ended with. */
export interface CommandRun {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  /** Both, as they came. */
  readonly said: string;
}

/** Runs a command line in this process, in a folder of its own and with nothing in its environment but what is given. */
export async function runCommand(
  commands: readonly CommandSpec[],
  argv: readonly string[],
  {
    cwd,
    ...given
  }: Pick<Io, 'cwd'> & Partial<Pick<Io, 'env' | 'clock' | 'width' | 'program' | 'interrupted'>>,
): Promise<CommandRun> {
  const heard = { out: '', err: '', said: '' };
  const hear = (stream: 'out' | 'err') => (text: string) => {
    heard[stream] += text;
    heard.said += text;
  };
  const code = await runCommandLine(commands, argv, {
    out: hear('out'),
    err: hear('err'),
    cwd,
    env: {},
    color: false,
    clock: systemClock,
    random: systemRandom,
    interrupted: () => new Promise(() => {}),
    ...given,
  });
  return { code, ...heard };
}
