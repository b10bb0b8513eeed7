import type { CommandSpec } from '../command.ts';
import { runContractTests } from '../contract-tests.ts';
import { exit } from '../exit.ts';
import { plural } from '../render/index.ts';
import { exitCodeOf, formatOption, openSession, printReport } from '../session.ts';

export const testCommand: CommandSpec = {
  name: 'test',
  summary: 'Run the generated contract tests, against the sandbox or a provider',
  options: {
    ...formatOption,
    provider: {
      type: 'string',
      value: '<name=url>',
      multiple: true,
      help: 'verify this provider instead of the sandbox',
    },
  },
  examples: ['tenon test', 'tenon test --provider billing=https://sandbox.billing.example/v1'],
  run: async (args, io) => {
    const session = await openSession(io);
    if (!('workspace' in session)) {
      printReport({ diagnostics: session.diagnostics, checked: {} }, session.root, args, io);
      return exitCodeOf(session.diagnostics);
    }
    const providers = args.texts('provider').map((pair) => {
      const [name, url] = [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)];
      return [`TENON_PROVIDER_URL_${name.toUpperCase().replaceAll('-', '_')}`, url] as const;
    });
    const result = await runContractTests(session.root, {
      ...io,
      env: { ...io.env, ...Object.fromEntries(providers) },
    });
    for (const failure of result.failures) io.out(`✗ ${failure}\n`);
    io.out(`${plural(result.passed, 'contract tests')} passed, ${result.failed} failed\n`);
    return result.failed > 0 ? exit.findings : exit.clean;
  },
};
