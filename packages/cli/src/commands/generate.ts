import { hasErrors } from '@tenon/model';
import type { CommandSpec } from '../command.ts';
import { exit } from '../exit.ts';
import { plural } from '../render/index.ts';
import { generateInto, isFresh, rememberFresh } from '../workspace/generate.ts';
import { findRoot } from '../workspace/root.ts';
import { exitCodeOf, formatOption, isForPeople, openSession, printReport } from '../workspace/session.ts';

export const generateCommand: CommandSpec = {
  name: 'generate',
  summary: 'Write typed adapters, validators, contract tests and editor schemas from the contracts',
  options: {
    ...formatOption,
    check: { type: 'boolean', help: 'write nothing; exit 5 when a file is not what it would be' },
  },
  run: async (args, io) => {
    const root = await findRoot(io.cwd);
    if (root !== undefined && isForPeople(args) && (await isFresh(root))) {
      io.err('generated files are up to date\n');
      return exit.clean;
    }
    const session = await openSession(io);
    const isUsable = 'workspace' in session && !session.diagnostics.some(isAboutContracts);
    if (!isUsable) {
      await printReport({ diagnostics: session.diagnostics, checked: {} }, session.root, args, io);
      return hasErrors(session.diagnostics) ? exitCodeOf(session.diagnostics) : exit.findings;
    }
    const { plan, drift } = await generateInto(session, args.flag('check'));
    if (args.flag('check')) {
      const files = plan.unchanged.length + plan.created.length + plan.changed.length + plan.removed.length;
      await printReport(
        { diagnostics: drift, checked: { contracts: session.workspace.contracts.size, files } },
        session.root,
        args,
        io,
      );
      if (drift.length > 0) return exit.changesPending;
      await rememberFresh(session.root);
      return exit.clean;
    }
    io.err(`${listed('+', plan.created)}${listed('~', plan.changed)}${listed('-', plan.removed)}`);
    io.err(
      `${plural(session.workspace.contracts.size, 'contracts')}: ${plan.created.length} created, ${plan.changed.length} changed, ${plan.removed.length} removed, ${plan.unchanged.length} unchanged\n`,
    );
    if (!isForPeople(args)) {
      const { created, changed, removed, unchanged } = plan;
      const checked = {
        contracts: session.workspace.contracts.size,
        created: created.length,
        changed: changed.length,
        removed: removed.length,
        unchanged: unchanged.length,
      };
      await printReport({ diagnostics: [], checked }, session.root, args, io);
    }
    await rememberFresh(session.root);
    return exit.clean;
  },
};

/** Of a contract with hundreds of operations nobody reads each file: then a folder is one line. */
const FILES_LISTED_MAX = 20;

/** One line for each file; for a contract's whole folder where it has too many. */
function listed(sign: string, paths: readonly string[]): string {
  return [...Map.groupBy(paths, (path) => path.split('/').slice(0, 2).join('/'))]
    .flatMap(([folder, files]) =>
      files.length > FILES_LISTED_MAX
        ? `${sign} ${folder}/ (${plural(files.length, 'files')})\n`
        : files.map((path) => `${sign} ${path}\n`),
    )
    .join('');
}

/** A broken contract must not be generated from; a broken pipeline does not stop the types that it needs. */
function isAboutContracts({
  severity,
  file,
}: {
  readonly severity: string;
  readonly file?: string;
}): boolean {
  return severity === 'error' && (file === undefined || /^(contracts|connectors)\//.test(file));
}
