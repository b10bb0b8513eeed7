/**
 * What `pnpm test` runs: every check of the repo, one after the other, cheapest first. All of them run even when one
 * fails, so that one run tells everything; the last line counts `N passed, N failed`.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

interface Stage {
  readonly name: string;
  readonly command: readonly string[];
}

const scratch = mkdtempSync(join(tmpdir(), 'tenon-test-'));
const vitestReport = join(scratch, 'vitest.json');
const tenon = ['node', '--conditions=source', 'packages/cli/src/main.ts'];

/** No stage speaks to anyone but this machine. */
const env = { ...process.env, TURBO_TELEMETRY_DISABLED: '1', DO_NOT_TRACK: '1' };

const stages: readonly Stage[] = [
  { name: 'types', command: ['turbo', 'run', '//#build:types', '--output-logs=errors-only'] },
  { name: 'format and lint', command: ['biome', 'check', '--error-on-warnings', '.'] },
  { name: 'unused code', command: ['knip', '--no-progress'] },
  { name: 'own workspace', command: [...tenon, 'ci'] },
  {
    name: 'tests',
    command: ['vitest', 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${vitestReport}`],
  },
  { name: 'demo', command: ['node', '--conditions=source', 'test/scenarios/src/demo/main.ts', '--quiet'] },
];

const only = process.argv.slice(2);
let passed = 0;
let failed = 0;
let skipped = 0;
const failures: string[] = [];

for (const stage of stages) {
  if (only.length > 0 && !only.includes(stage.name)) continue;
  const startedAt = performance.now();
  const code = await run(stage.command);
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  const counts = stage.name === 'tests' ? vitestCounts() : undefined;
  passed += counts ? counts.passed : code === 0 ? 1 : 0;
  failed += counts ? Math.max(counts.failed, code === 0 ? 0 : 1) : code === 0 ? 0 : 1;
  skipped += counts?.skipped ?? 0;
  if (code !== 0) failures.push(`${stage.name}: ${stage.command.join(' ')}`);
  console.log(`${code === 0 ? '✓' : '✗'} ${stage.name} (${seconds} s)\n`);
}

rmSync(scratch, { recursive: true, force: true });
for (const failure of failures) console.log(`failed: ${failure}`);
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
process.exitCode = failed > 0 ? 1 : 0;

function run([command, ...args]: readonly string[]): Promise<number> {
  return new Promise((resolve) => {
    const child = spawn(command!, args, { env, stdio: ['ignore', 'inherit', 'inherit'] });
    child.once('error', (error) => {
      console.log(String(error));
      resolve(127);
    });
    child.once('exit', (code) => resolve(code ?? 1));
  });
}

/** Counts of the run, or a failure when vitest died before it could write them. */
function vitestCounts(): { passed: number; failed: number; skipped: number } {
  try {
    const report = JSON.parse(readFileSync(vitestReport, 'utf8')) as Record<string, number>;
    return {
      passed: report['numPassedTests'] ?? 0,
      failed: report['numFailedTests'] ?? 0,
      skipped: (report['numPendingTests'] ?? 0) + (report['numTodoTests'] ?? 0),
    };
  } catch {
    return { passed: 0, failed: 1, skipped: 0 };
  }
}
