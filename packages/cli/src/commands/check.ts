import type { Diagnostic } from '@tenon/model';
import type { Args, CommandSpec } from '../command.ts';
import type { Io } from '../io.ts';
import { plural } from '../render/index.ts';
import { fileCheckCache } from '../workspace/check-cache.ts';
import { fileCheckStore } from '../workspace/check-store.ts';
import { applyEdits } from '../workspace/fix.ts';
import { findRoot } from '../workspace/root.ts';
import { exitCodeOf, formatOption, printReport, workspaceNotFound } from '../workspace/session.ts';

export const checkCommand: CommandSpec = {
  name: 'check',
  summary: 'Check contracts, connectors and pipelines against each other',
  options: {
    ...formatOption,
    'no-cache': {
      type: 'boolean',
      help: 'check everything again, whatever the last check left in .tenon/cache',
    },
    all: {
      type: 'boolean',
      help: 'tell every finding about documents from elsewhere, of operations that no connector names, too',
    },
    fix: { type: 'boolean', help: 'make the changes that need no asking (misspelt names), then check again' },
  },
  examples: ['tenon check', 'tenon check --fix', 'tenon check --format sarif > tenon.sarif'],
  run: async (args, io) => {
    if (args.flag('fix')) await fixAll(args, io);
    return checkOnce(args, io);
  },
};

/** A mended name can bring up the next finding; more rounds than this mean that two fixes undo each other. */
const ROUNDS_MAX = 5;

async function fixAll(args: Args, io: Io): Promise<void> {
  const total = new Map<string, number>();
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const { root, diagnostics } = await checkQuickly(io, !args.flag('no-cache'));
    if (root === undefined) return;
    const made = await applyEdits(root, diagnostics);
    if (made.size === 0) break;
    for (const [file, count] of made) total.set(file, (total.get(file) ?? 0) + count);
  }
  for (const [file, count] of total) io.err(`~ ${file}: ${plural(count, 'changes')}\n`);
}

async function checkOnce(args: Args, io: Io): ReturnType<CommandSpec['run']> {
  const { root, diagnostics, checked } = await checkQuickly(io, !args.flag('no-cache'), args.flag('all'));
  await printReport({ diagnostics, checked }, root, args, io);
  return exitCodeOf(diagnostics);
}

/** A check without the workspace itself, which only other commands need: what the last one found is taken over. */
async function checkQuickly(io: Io, isKeeping: boolean, tellsAll = false): Promise<QuickCheck> {
  const root = await findRoot(io.cwd);
  if (root === undefined) return { diagnostics: [workspaceNotFound()], checked: {} };
  const { checkFiles, nodeWorkspaceFiles } = await import('@tenon/pipeline');
  const { diagnostics, checked } = await checkFiles(root, nodeWorkspaceFiles(root), {
    cache: fileCheckCache(root),
    // What is kept was found without it, and is so again next time.
    ...(isKeeping && !tellsAll && { store: fileCheckStore(root) }),
    ...(tellsAll && { tellsAll }),
  });
  return { root, diagnostics, checked: { ...checked } };
}

interface QuickCheck {
  readonly root?: string;
  readonly diagnostics: readonly Diagnostic[];
  readonly checked: Readonly<Record<string, number>>;
}
