import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { backupTo, openLedger, RuntimeError } from '@tenon/runtime';
import { type Args, type CommandSpec, UsageError } from '../command.ts';
import { CommandError } from '../command-error.ts';
import { type ExitCode, exit } from '../exit.ts';
import type { Io } from '../io.ts';
import { asDocument } from '../json-answer.ts';
import { plural } from '../render/index.ts';
import { isManaged, lockedWords, type ReadersKeys, readersKeys } from '../serve/data-keys.ts';
import { findRoot, readServerConfig } from '../workspace/root.ts';
import { outputFormat } from './operator-options.ts';
import { isJson } from './with-client.ts';

/** A backup that was never read is a hope: each is looked through before the command says that it is one. */
export const backupCommand: CommandSpec = {
  name: 'backup',
  summary: 'Copy the database while runs go on, and look the copy through; or only look one through',
  positionals: ['<file>'],
  options: {
    file: { type: 'string', value: '<file>', help: 'database to copy; default: that of this workspace' },
    check: { type: 'boolean', help: 'copy nothing: say whether <file> could be put back' },
    ...outputFormat,
  },
  examples: [
    'tenon backup /mnt/backup/tenon-2026-11-28.db',
    'tenon backup --check /mnt/backup/tenon-2026-11-28.db',
  ],
  run: async (args, io) => {
    const to = resolve(io.cwd, args.positionals[0]!);
    try {
      if (!args.flag('check')) await copy(await sourceOf(args, io), to);
      return check(to, args, io, await readersKeys(io));
    } catch (error) {
      if (!(error instanceof RuntimeError)) throw error;
      const { code, message } = error;
      throw new CommandError(`${code}: ${message}\nsee \`tenon explain ${code}\``, exit.failed, code);
    }
  },
};

async function sourceOf(args: Args, io: Io): Promise<string> {
  const named = args.text('file');
  const own = await readServerConfig(await findRoot(io.cwd));
  const from = named === undefined ? own.engineFile : resolve(io.cwd, named);
  if (from === undefined)
    throw new UsageError('argument-missing', 'there is no workspace here: name a database with --file');
  return from;
}

async function copy(from: string, to: string): Promise<void> {
  if (existsSync(to))
    throw new UsageError('argument-invalid', `${to} exists already; a backup overwrites nothing`);
  // Not made: where a disk is not mounted, the copy would end up beside the original.
  if (!existsSync(dirname(to))) throw new UsageError('argument-unknown', `there is no folder ${dirname(to)}`);
  if (!existsSync(from)) throw new UsageError('argument-unknown', `there is no database ${from}`);
  await backupTo(from, to);
}

const VERDICTS = {
  sound: 'sound',
  notSound: 'not sound',
  // Neither: most of it was not looked at.
  locked: 'nothing is damaged that can be read without its keys; check it again with them',
} as const;

function check(file: string, args: Args, io: Io, { encryption, refusal }: ReadersKeys): ExitCode {
  if (!existsSync(file)) throw new UsageError('argument-unknown', `there is no file ${file}`);
  const ledger = openLedger(file, encryption);
  try {
    const found = ledger.check();
    const locked = found.find((problem) => problem.startsWith('STORED_VALUE_LOCKED'));
    const problems = found.filter((problem) => problem !== locked);
    const keyless = locked === undefined ? undefined : (refusal ?? ledger.keyProblem());
    const said = keyless === undefined ? found : [...found, lockedWords(keyless)];
    const { entries, rows } = ledger.verify({ checkpoints: [], keys: [] });
    const verdict = problems.length > 0 ? 'notSound' : locked === undefined ? 'sound' : 'locked';
    if (isJson(args))
      io.out(asDocument({ file, copied: !args.flag('check'), verdict, problems: said, entries, rows }));
    else {
      for (const problem of said) io.out(`✗ ${problem}\n`);
      io.out(
        `${found.length === 0 ? '✓' : '✗'} ${file}: ${VERDICTS[verdict]}, ${plural(entries, 'entries')} in ${plural(rows, 'rows')} of the ledger\n`,
      );
    }
    if (found.length === 0) return exit.clean;
    return problems.length === 0 && isManaged(refusal) ? exit.partlyDone : exit.findings;
  } finally {
    ledger.close();
  }
}
