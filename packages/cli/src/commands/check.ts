import type { CommandSpec } from '../command.ts';
import { exitCodeOf, formatOption, openSession, printReport } from '../session.ts';

export const checkCommand: CommandSpec = {
  name: 'check',
  summary: 'Check contracts, connectors and pipelines against each other',
  options: formatOption,
  examples: ['tenon check', 'tenon check --format sarif > tenon.sarif'],
  run: async (args, io) => {
    const session = await openSession(io);
    const checked = 'workspace' in session ? session.check.checked : {};
    printReport({ diagnostics: session.diagnostics, checked: { ...checked } }, session.root, args, io);
    return exitCodeOf(session.diagnostics);
  },
};
