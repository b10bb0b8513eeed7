import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The root of the checkout. */
export const root: string = join(import.meta.dirname, '../../..');

/** Every file that git tracks or would (not ignored), relative to the root, sorted. */
export function repoFiles(): string[] {
  const listed = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '-z'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  return [...new Set(listed.split('\0').filter(Boolean))].sort();
}

export function readRepoFile(file: string): string {
  return readFileSync(join(root, file), 'utf8');
}

/** Is it TypeScript that we wrote, outside `generated/` and fixtures? */
export function isOwnSource(file: string): boolean {
  return /\.(ts|tsx|mts)$/.test(file) && !/^generated\/|\/fixtures\/|\/templates\/|\/dist\//.test(file);
}

/** Tests and what only they use, and templates: their text is code of another package. */
export function isTest(file: string): boolean {
  return (
    /\.(test|cases|testing)\.ts$|\/(testing|fixtures)\/|\/(templates|test-workspace)\.ts$/.test(file) ||
    file.startsWith('test/')
  );
}
