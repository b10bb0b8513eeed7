import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import type { Io } from '../io.ts';
import { printable } from '../text/printable.ts';
import { type Provider, withoutCredentials } from './provider.ts';

export interface ContractTestResult {
  readonly passed: number;
  readonly failed: number;
  /** Readable account of each failure: test name and message. */
  readonly failures: readonly string[];
}

export interface ContractTestOptions {
  /** Only the tests of this contract. */
  readonly contract?: string;
  /** Shall all that was said be on stderr where one fails? Default: it is. */
  readonly hasAccount?: boolean;
  /** To hold against the contract instead of its sandbox. */
  readonly provider?: Provider;
}

const OUTPUT_CHARACTERS_KEPT = 200_000;
/** What Pact stands on still calls `util._extend`: nobody here can do anything about it. In the environment, for it is said by a worker of vitest. */
const QUIET = '--disable-warning=DEP0060';
const script = fileURLToPath(
  new URL(
    import.meta.url.endsWith('.ts') ? './contract-tests-process.ts' : './contract-tests-process.js',
    import.meta.url,
  ),
);

/**
 * Runs the contract tests of a workspace in a process of their own: Pact's native core writes to stdout as it likes, and
 * stdout is for our data. What it said is shown on stderr when something failed.
 *
 * A provider's credentials are in its environment: arguments are shown to everybody on the machine. What is told of it holds none of
 * them, for a provider may quote what it was sent.
 */
export function runContractTests(
  root: string,
  io: Io,
  options: ContractTestOptions = {},
): Promise<ContractTestResult> {
  const { contract, provider } = options;
  const told = (text: string): string => (provider ? withoutCredentials(text, provider) : text);
  return new Promise((resolve) => {
    const named = contract === undefined ? [] : [contract];
    const child = spawn(process.execPath, [...process.execArgv, script, root, ...named], {
      cwd: root,
      env: {
        ...io.env,
        NO_COLOR: '1',
        NODE_OPTIONS: `${io.env['NODE_OPTIONS'] ?? ''} ${QUIET}`.trim(),
        ...(provider && {
          TENON_PROVIDER_URL: provider.url,
          TENON_PROVIDER_HEADERS: JSON.stringify(provider.headers),
        }),
      },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    let said = '';
    const keep = (chunk: Buffer): void => {
      said = `${said}${chunk.toString()}`.slice(-OUTPUT_CHARACTERS_KEPT);
    };
    child.stdout?.on('data', keep);
    child.stderr?.on('data', keep);
    let result: ContractTestResult | undefined;
    child.on('message', (message) => {
      // Sent by our own script, whose result it is.
      result = message as ContractTestResult;
    });
    child.once('error', (error) =>
      resolve({
        passed: 0,
        failed: 1,
        failures: [`the contract tests could not be started: ${error.message}`],
      }),
    );
    child.once('close', (code) => {
      const outcome = result ?? {
        passed: 0,
        failed: 1,
        failures: [`the contract tests ended with ${code} before they were done`],
      };
      // Pact colours it whatever it is told.
      if (outcome.failed > 0 && options.hasAccount !== false)
        io.err(printable(told(stripVTControlCharacters(said))));
      resolve({ ...outcome, failures: outcome.failures.map(told) });
    });
  });
}
