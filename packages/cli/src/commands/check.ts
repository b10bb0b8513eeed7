import type { Args, CommandSpec } from '../command.ts';
import { applyEdits } from '../fix.ts';
import type { Io } from '../io.ts';
import { plural } from '../render/index.ts';
import { exitCodeOf, formatOption, openSession, printReport } from '../session.ts';

export const checkCommand: CommandSpec = {
  name: 'check',
  summary: 'Check contracts, connectors and pipelines against each other',
  options: {
    ...formatOption,
    fix: { type: 'boolean', help: 'make the changes that need no asking (misspelt names), then check again' },
  },
  examples: ['tenon check', 'tenon check --fix', 'tenon check --format sarif > tenon.sarif'],
  run: async (args, io) => {
    if (args.flag('fix')) await fixAll(io);
    return checkOnce(args, io);
  },
};

/** A mended name can bring up the next finding; more rounds than this mean that two fixes undo each other. */
const ROUNDS_MAX = 5;

async function fixAll(io: Io): Promise<void> {
  const total = new Map<string, number>();
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const session = await openSession(io);
    if (session.root === undefined) return;
    const made = await applyEdits(session.root, session.diagnostics);
    if (made.size === 0) break;
    for (const [file, count] of made) total.set(file, (total.get(file) ?? 0) + count);
  }
  for (const [file, count] of total) io.err(`~ ${file}: ${plural(count, 'changes')}\n`);
}

async function checkOnce(args: Args, io: Io): ReturnType<CommandSpec['run']> {
  const session = await openSession(io);
  const checked = 'workspace' in session ? session.check.checked : {};
  await printReport({ diagnostics: session.diagnostics, checked: { ...checked } }, session.root, args, io);
  return exitCodeOf(session.diagnostics);
}
