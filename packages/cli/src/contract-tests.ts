import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Io } from './io.ts';

export interface ContractTestResult {
  readonly passed: number;
  readonly failed: number;
  /** Readable account of each failure: test name and message. */
  readonly failures: readonly string[];
}

/** Longest time one generated test may take; a provider that hangs is a failure. */
const TEST_TIMEOUT_MS = 60_000;

/**
 * Runs `generated/*\/*.test.ts` of a workspace in the vitest that Tenon itself ships with, so that a workspace needs no
 * test tooling of its own. What a generated test imports and the workspace does not have comes from Tenon.
 */
export async function runContractTests(root: string, io: Io): Promise<ContractTestResult> {
  const { startVitest } = await import('vitest/node');
  const fromTenon = createRequire(import.meta.url);
  const said: string[] = [];
  const vitest = await startVitest(
    'test',
    [],
    {
      root,
      config: false,
      watch: false,
      include: ['generated/**/*.test.ts'],
      exclude: ['**/node_modules/**'],
      passWithNoTests: true,
      testTimeout: TEST_TIMEOUT_MS,
      hookTimeout: TEST_TIMEOUT_MS,
      reporters: [{}],
      env: Object.fromEntries(
        Object.entries(io.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
      ),
    },
    {
      cacheDir: join(root, '.tenon', 'vitest'),
      resolve: { conditions: ['source'] },
      ssr: { resolve: { conditions: ['source'] } },
      plugins: [
        {
          name: 'tenon-provides',
          enforce: 'pre',
          async resolveId(source, importer) {
            if (!/^[@a-z]/i.test(source) || importer === undefined) return undefined;
            const own = await this.resolve(source, importer, { skipSelf: true }).catch(() => null);
            return own ?? provided(source, fromTenon);
          },
        },
      ],
    },
  );
  const modules = vitest.state.getTestModules();
  let passed = 0;
  let failed = 0;
  for (const module of modules) {
    for (const error of module.errors()) {
      failed += 1;
      said.push(`${module.relativeModuleId}: ${error.message}`);
    }
    for (const test of module.children.allTests()) {
      const result = test.result();
      if (result.state === 'passed') passed += 1;
      if (result.state !== 'failed') continue;
      failed += 1;
      said.push(
        `${module.relativeModuleId}: ${test.fullName}: ${result.errors.map((error) => error.message).join('; ')}`,
      );
    }
  }
  await vitest.close();
  return { passed, failed, failures: said };
}

function provided(source: string, fromTenon: NodeJS.Require): string | undefined {
  try {
    return fromTenon.resolve(source);
  } catch {
    return undefined;
  }
}
