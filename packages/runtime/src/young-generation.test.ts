import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { youngGenerationFlags } from './young-generation.ts';

const GIB = 2 ** 30;

describe('the young generation', () => {
  test.each([
    [256 * 2 ** 20, undefined],
    [512 * 2 ** 20, undefined],
    [GIB, 32],
    [3 * GIB, 64],
    [4 * GIB, 128],
    [64 * GIB, 128],
  ])('of a machine with %d bytes is %s MiB', (memory, mib) => {
    const flags = mib === undefined ? [] : [`--max-semi-space-size=${mib}`, `--min-semi-space-size=${mib}`];
    expect(youngGenerationFlags(memory, '')).toEqual(flags);
  });

  test.each(['--max-semi-space-size=8', '--enable-source-maps --min_semi_space_size=2'])(
    'is left alone where %s was given',
    (given) => {
      expect(youngGenerationFlags(64 * GIB, given)).toEqual([]);
    },
  );

  test('is had by a process that begins anew under the same number, with its arguments and options, once', () => {
    const module = JSON.stringify(join(import.meta.dirname, 'young-generation.ts'));
    const script = `const { withLargerYoungGeneration } = await import(${module});
      withLargerYoungGeneration('');
      console.log(JSON.stringify([process.pid, process.execArgv, process.argv.slice(1)]));`;
    const args = ['--no-warnings', '--input-type=module', '--eval', script, 'one', '--two'];
    const run = spawnSync(process.execPath, args, { encoding: 'utf8', env: { PATH: process.env['PATH'] } });
    expect(run.stderr).toBe('');
    const [pid, options, given] = JSON.parse(run.stdout);
    expect(pid).toBe(run.pid);
    expect(options.filter((option: string) => option.startsWith('--max-semi-space-size'))).toHaveLength(1);
    expect(options).toContain('--no-warnings');
    expect(given).toEqual(['one', '--two']);
  });
});
