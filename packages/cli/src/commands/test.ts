import { type Args, type CommandSpec, UsageError } from '../command.ts';
import { type ContractTestOptions, runContractTests } from '../contract-tests.ts';
import { exit } from '../exit.ts';
import { plural } from '../render/index.ts';
import { exitCodeOf, formatOption, openSession, printReport } from '../session.ts';

export const testCommand: CommandSpec = {
  name: 'test',
  summary: 'Run the generated contract tests, against the sandbox or a provider',
  positionals: ['[contract]'],
  options: {
    ...formatOption,
    provider: {
      type: 'string',
      value: '<url>',
      help: 'hold this provider against the contract, instead of its sandbox',
    },
    header: {
      type: 'string',
      multiple: true,
      value: '<name: value>',
      help: 'to send the provider with each request',
    },
  },
  examples: [
    'tenon test',
    'tenon test billing --provider https://sandbox.billing.example/v1 --header "Authorization: Bearer …"',
  ],
  run: async (args, io) => {
    const session = await openSession(io);
    if (!('workspace' in session)) {
      await printReport({ diagnostics: session.diagnostics, checked: {} }, session.root, args, io);
      return exitCodeOf(session.diagnostics);
    }
    const [contract] = args.positionals;
    if (contract !== undefined && !session.workspace.contracts.has(contract)) {
      throw new UsageError(
        `there is no contract ${contract}; there are: ${[...session.workspace.contracts.keys()].join(', ')}`,
      );
    }
    const provider = providerOf(args);
    const result = await runContractTests(session.root, io, {
      ...(contract && { contract }),
      ...(provider && { provider }),
    });
    for (const failure of result.failures) io.out(`✗ ${failure}\n`);
    io.out(`${plural(result.passed, 'contract tests')} passed, ${result.failed} failed\n`);
    return result.failed > 0 ? exit.findings : exit.clean;
  },
};

function providerOf(args: Args): ContractTestOptions['provider'] {
  const url = args.text('provider');
  if (url === undefined) return undefined;
  if (args.positionals.length === 0)
    throw new UsageError('name the contract that --provider is held against');
  if (!URL.canParse(url)) throw new UsageError(`--provider is no URL: ${url}`);
  const headers = args.texts('header').map((header) => {
    const colon = header.indexOf(':');
    if (colon < 1) throw new UsageError('--header is "name: value"');
    return [header.slice(0, colon).trim(), header.slice(colon + 1).trim()] as const;
  });
  return { url, headers: Object.fromEntries(headers) };
}
