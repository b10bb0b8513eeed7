import { compareDiagnostics, type Diagnostic, hasErrors } from '@tenon/model';
import { cliDiagnostic } from '../cli-rules.ts';
import type { CommandSpec } from '../command.ts';
import { exit } from '../exit.ts';
import { connectorCodeFindings } from '../serve/connector-code.ts';
import { runContractTests } from '../workspace/contract-tests.ts';
import { diffWorkspace } from '../workspace/diff.ts';
import { generateInto } from '../workspace/generate.ts';
import { exitCodeOf, formatOption, openSession, printReport } from '../workspace/session.ts';

/** Everything that must hold before a change is merged, as one report and one exit code. */
export const ciCommand: CommandSpec = {
  name: 'ci',
  summary:
    'What CI runs: check, generated files, connectors’ code, contract tests, and no breaking contract change',
  options: {
    ...formatOption,
    against: {
      type: 'string',
      value: '<ref|dir>',
      help: 'also refuse breaking contract changes since this git ref or folder',
    },
  },
  examples: ['tenon ci', 'tenon ci --against origin/main --format github'],
  run: async (args, io) => {
    const session = await openSession(io);
    if (!('workspace' in session)) {
      await printReport({ diagnostics: session.diagnostics, checked: {} }, session.root, args, io);
      return exitCodeOf(session.diagnostics);
    }
    const { drift } = await generateInto(session, true);
    const against = args.text('against');
    const diff = against === undefined ? undefined : await diffWorkspace(session, against, io);
    // What serve and dev would refuse to start with.
    const code = hasErrors(session.diagnostics) ? [] : await connectorCodeFindings(session);
    // Tests of code that is not what it should be would only repeat that.
    const tests = hasErrors([...session.diagnostics, ...drift])
      ? undefined
      : await runContractTests(session.root, io);
    const failures: Diagnostic[] = (tests?.failures ?? []).map((message) =>
      cliDiagnostic('contract-test-failed', { message }),
    );
    const diagnostics = [
      ...session.diagnostics,
      ...drift,
      ...code,
      ...(diff?.diagnostics ?? []),
      ...failures,
    ].sort(compareDiagnostics);
    const checked = {
      ...session.check.checked,
      ...(diff && { 'compared operations': diff.checked['operations'] ?? 0 }),
      'contract tests': (tests?.passed ?? 0) + (tests?.failed ?? 0),
    };
    await printReport({ diagnostics, checked }, session.root, args, io, diff?.texts);
    return hasErrors(diagnostics) || (diff?.isBlocked ?? false) ? exit.findings : exit.clean;
  },
};
