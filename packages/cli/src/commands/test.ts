import type { Diagnostic } from '@tenon/model';
import { cliDiagnostic } from '../cli-rules.ts';
import { givenUrl } from '../client/given-url.ts';
import { type Args, type CommandSpec, UsageError } from '../command.ts';
import { type ExitCode, exit } from '../exit.ts';
import type { Io } from '../io.ts';
import { plural } from '../render/index.ts';
import { printable } from '../text/printable.ts';
import { type ContractTestResult, runContractTests } from '../workspace/contract-tests.ts';
import { type Provider, unreachable } from '../workspace/provider.ts';
import {
  exitCodeOf,
  formatOption,
  isForPeople,
  openSession,
  printReport,
  type Session,
} from '../workspace/session.ts';
import { providerCredentials } from './provider-credentials.ts';

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
    against: {
      type: 'string',
      value: '<url>',
      help: 'the same, for a scheduled run against a vendor’s sandbox: what differs is a finding (`contract-drift`)',
    },
    connection: {
      type: 'string',
      value: '<name>',
      help: 'whose credentials to send the provider, which is then the sandbox that its connector declares, with data that is made up, or one on this machine',
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
    'tenon test billing --provider https://sandbox.billing.example/v1 --connection billing-test',
    'tenon test billing --against https://sandbox.billing.example/v1 --format sarif > drift.sarif',
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
        'argument-unknown',
        `there is no contract ${contract}; there are: ${[...session.workspace.contracts.keys()].join(', ')}`,
      );
    }
    const named = providerOf(args);
    const provider = named && (await provenBy(named, session, args, io));
    if (provider !== undefined && 'refused' in provider)
      return reportUnproven(provider.refused, session.root, args, io);
    const before = provider && (await unreachable(provider));
    if (before !== undefined) return reportUnreachable(provider!.url, before, session.root, args, io);
    const result = await runContractTests(session.root, io, {
      ...(contract && { contract }),
      ...(provider && { provider }),
      // Findings say it themselves.
      hasAccount: args.text('against') === undefined && isForPeople(args),
    });
    // One that went away in the middle has changed nothing either.
    const after = provider && result.failed > 0 ? await unreachable(provider) : undefined;
    if (after !== undefined) return reportUnreachable(provider!.url, after, session.root, args, io);
    if (args.text('against') !== undefined) return reportDrift(session.root, contract!, result, args, io);
    if (!isForPeople(args)) {
      const diagnostics = result.failures.map((message) =>
        cliDiagnostic('contract-test-failed', { message }),
      );
      return reportTests(diagnostics, session.root, result, args, io);
    }
    for (const failure of result.failures) io.out(`✗ ${printable(failure)}\n`);
    io.out(`${plural(result.passed, 'contract tests')} passed, ${result.failed} failed\n`);
    return result.failed > 0 ? exit.findings : exit.clean;
  },
};

/** Each test that fails against the real system is a finding, in any format that CI reads (C10). */
async function reportDrift(
  root: string,
  contract: string,
  result: ContractTestResult,
  args: Args,
  io: Io,
): Promise<ExitCode> {
  const diagnostics = result.failures.map((failure) =>
    cliDiagnostic('contract-drift', {
      message: `${contract}: ${failure}`,
      subject: `${contract} ${failure}`,
    }),
  );
  return reportTests(diagnostics, root, result, args, io);
}

/** About a system that does not answer nothing is known: it has kept its contract as far as anybody can tell. */
async function reportUnreachable(
  url: string,
  why: string,
  root: string,
  args: Args,
  io: Io,
): Promise<ExitCode> {
  const message = `${url} cannot be reached: ${why}`;
  const diagnostics = [cliDiagnostic('provider-unreachable', { message, subject: url })];
  await printReport({ diagnostics, checked: {} }, root, args, io);
  return exit.failed;
}

/** About a system that nobody could ask nothing is known either, and each test would say it anew. */
async function reportUnproven(refused: string, root: string, args: Args, io: Io): Promise<ExitCode> {
  const diagnostics = [cliDiagnostic('provider-unproven', { message: refused })];
  await printReport({ diagnostics, checked: {} }, root, args, io);
  return exit.failed;
}

async function reportTests(
  diagnostics: readonly Diagnostic[],
  root: string,
  { passed, failed }: ContractTestResult,
  args: Args,
  io: Io,
): Promise<ExitCode> {
  await printReport({ diagnostics, checked: { 'contract tests': passed + failed } }, root, args, io);
  return exitCodeOf(diagnostics);
}

function providerOf(args: Args): Provider | undefined {
  const option = args.text('against') === undefined ? 'provider' : 'against';
  const url = args.text(option);
  if (url === undefined) {
    if (args.text('connection') === undefined) return undefined;
    throw new UsageError(
      'argument-missing',
      '--connection is for a provider: name it with --provider or --against',
    );
  }
  if (args.positionals.length === 0)
    throw new UsageError('argument-missing', `name the contract that --${option} is held against`);
  const { search } = givenUrl(`--${option}`, url, '--connection or --header gives credentials');
  // Each request has one of its own.
  if (search !== '')
    throw new UsageError(
      'argument-invalid',
      `--${option} has a query; a key goes with --header or --connection`,
    );
  const headers = args.texts('header').map((header) => {
    const colon = header.indexOf(':');
    if (colon < 1) throw new UsageError('argument-invalid', '--header is "name: value"');
    return [header.slice(0, colon).trim().toLowerCase(), header.slice(colon + 1).trim()] as const;
  });
  return { url, headers: Object.fromEntries(headers) };
}

/** The provider with the credentials of a connection, where one is named; a header that is given goes before them. */
async function provenBy(
  provider: Provider,
  session: Session,
  args: Args,
  io: Io,
): Promise<Provider | { readonly refused: string }> {
  const connection = args.text('connection');
  if (connection === undefined) return provider;
  const option = args.text('against') === undefined ? 'provider' : 'against';
  const wanted = { connection, url: provider.url, option };
  const proof = await providerCredentials(session, args.positionals[0]!, wanted, io);
  if ('refused' in proof) return proof;
  return { ...provider, headers: { ...proof.headers, ...provider.headers } };
}
