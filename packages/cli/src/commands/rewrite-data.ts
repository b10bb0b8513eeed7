import { existsSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { RuntimeError, writeFileAnew } from '@tenon/runtime';
import { type CommandSpec, UsageError } from '../command.ts';
import { CommandError } from '../command-error.ts';
import { exit } from '../exit.ts';
import { findRoot, readServerConfig } from '../workspace/root.ts';
import { outputFormat } from './operator-options.ts';
import { sayDone } from './with-client.ts';

export const REWRITE_COMMAND = 'tenon data rewrite';

/** What an erasure leaves in a file that is too large to be written anew while runs go on, and retention in any. */
export const rewriteDataCommand: CommandSpec = {
  name: 'data rewrite',
  summary:
    'Write the database anew while Tenon is stopped: nothing of what was erased, or kept no longer, is left in it, and the file is as small as can be',
  options: {
    file: {
      type: 'string',
      value: '<file>',
      help: 'database to write anew; default: that of this workspace',
    },
    ...outputFormat,
  },
  run: async (args, io) => {
    const named = args.text('file');
    const own = await readServerConfig(await findRoot(io.cwd));
    const file = named === undefined ? own.engineFile : resolve(io.cwd, named);
    if (file === undefined)
      throw new UsageError('argument-missing', 'there is no workspace here: name a database with --file');
    if (!existsSync(file)) throw new UsageError('argument-unknown', `there is no database ${file}`);
    const before = statSync(file).size;
    try {
      writeFileAnew(file, io.clock.now());
    } catch (error) {
      if (!(error instanceof RuntimeError)) throw error;
      const stop = error.code === 'RUNTIME_FILE_IN_USE' ? '; stop Tenon first' : '';
      throw new CommandError(`${error.code}: ${error.message}${stop}`, exit.failed, error.code);
    }
    const bytes = { before, after: statSync(file).size };
    sayDone(
      { file, bytes },
      `${file} was written anew: ${mib(before)} before, ${mib(bytes.after)} now`,
      args,
      io,
    );
    return exit.clean;
  },
};

function mib(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}
