import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import type { ContractTestResult } from './contract-tests.ts';

/** Longest time one generated test may take; a provider that hangs is a failure. */
const TEST_TIMEOUT_MS = 60_000;

/**
 * Runs `generated/*\/*.test.ts` of a workspace in the vitest that Tenon itself ships with, so that a workspace needs no
 * test tooling of its own. What a generated test imports and the workspace does not have comes from Tenon.
 */
async function runContractTests(root: string, contract: string | undefined): Promise<ContractTestResult> {
  const { startVitest } = await import('vitest/node');
  const said: string[] = [];
  const vitest = await startVitest(
    'test',
    [],
    {
      root,
      config: false,
      watch: false,
      include: [`generated/${contract ?? '*'}/**/*.test.ts`],
      exclude: ['**/node_modules/**'],
      passWithNoTests: true,
      testTimeout: TEST_TIMEOUT_MS,
      hookTimeout: TEST_TIMEOUT_MS,
      reporters: [{}],
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
            return own ?? provided(source);
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
        `${module.relativeModuleId}: ${test.fullName}: ${stripVTControlCharacters(result.errors.map((error) => error.message).join('; '))}`,
      );
    }
  }
  await vitest.close();
  return { passed, failed, failures: said };
}

/** Where Tenon itself would import it from, under the conditions that this process runs with. */
function provided(source: string): string | undefined {
  try {
    const url = import.meta.resolve(source);
    return url.startsWith('file:') ? fileURLToPath(url) : undefined;
  } catch {
    return undefined;
  }
}

const [root, contract] = process.argv.slice(2);
const result = await runContractTests(root!, contract);
// Vitest may leave handles of its own behind; the parent has all it waits for.
process.send?.(result, () => process.exit(0));
