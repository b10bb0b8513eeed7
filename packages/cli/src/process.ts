import { existsSync } from 'node:fs';
import { systemClock, systemRandom } from '@tenon/model';
import { runCommandLine } from './command.ts';
import { commandsFor } from './commands/load.ts';
import { exit } from './exit.ts';
import type { Io } from './io.ts';
import { programOf } from './program.ts';
import { terminalWriter } from './text/printable.ts';
import { uncaughtWords } from './uncaught-words.ts';

/** The one place that touches the process: arguments, environment, standard streams, signals, exit code. */
const io: Io = {
  out: terminalWriter(process.stdout),
  err: terminalWriter(process.stderr),
  cwd: process.cwd(),
  get program() {
    const { execPath, execArgv, argv, env } = process;
    return programOf({ execPath, execArgv, script: argv[1] ?? '', env, isFile: existsSync });
  },
  env: process.env,
  color: wantsColor(),
  // A terminal that does not know its size says 0.
  ...(process.stdout.isTTY && process.stdout.columns > 0 && { width: process.stdout.columns }),
  clock: systemClock,
  random: systemRandom,
  streams: { input: process.stdin, output: process.stdout },
  interrupted: () =>
    new Promise((resolve) => {
      process.once('SIGINT', () => resolve());
      process.once('SIGTERM', () => resolve());
      onReaderGone = resolve;
    }),
};

/** What a closed standard output ends: a command that only prints, at once; one that serves, in order. */
let onReaderGone: () => void = () => process.exit(exit.clean);
let isReaderGone = false;

function wantsColor(): boolean {
  if (process.env['NO_COLOR']) return false;
  if (process.env['FORCE_COLOR'] && process.env['FORCE_COLOR'] !== '0') return true;
  return process.stdout.isTTY === true && process.stderr.isTTY === true;
}

// A reader that closes early (`tenon … | head`) is no failure of what only prints. A server whose log nobody takes any
// more stops as on a signal, and fails, so that its supervisor starts it again.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  isReaderGone = true;
  onReaderGone();
});
// Advice that nobody reads changes nothing.
process.stderr.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

// Node would print the whole error, and what a library or a connector's code throws may hold the row that a database quoted.
process.on('uncaughtException', (thrown: unknown) => {
  io.err(uncaughtWords(thrown, Boolean(process.env['TENON_DEBUG'])));
  process.exit(exit.failed);
});

try {
  const argv = process.argv.slice(2);
  const code = await runCommandLine(await commandsFor(argv), argv, io);
  process.exitCode = isReaderGone ? exit.failed : code;
} catch (error) {
  const failure = error instanceof Error ? error : new Error(String(error));
  // A disk that is full or read-only, a file where a folder is needed: the machine's state and no bug of ours.
  const isOfSystem = 'syscall' in failure && 'path' in failure;
  if (isOfSystem) io.err(`${failure.message}\n`);
  else io.err(`tenon itself failed: ${failure.message}\nset TENON_DEBUG=1 for where, and please report it\n`);
  if (process.env['TENON_DEBUG']) io.err(`${failure.stack}\n`);
  process.exitCode = exit.failed;
}
