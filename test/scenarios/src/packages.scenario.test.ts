import { execFile, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

// What a user installs is not this checkout: no sources are run, and of what lies around only what a package says it
// needs is there. The packages are laid out as an installer would, out of what would be published.

const run = promisify(execFile);
const repo = join(import.meta.dirname, '../../..');
const MINUTES = 60_000;

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

let installed: string;
/** Files of each package by its name, as it would be published. */
const published = new Map<string, readonly string[]>();

beforeAll(async () => {
  installed = mkdtempSync(join(tmpdir(), 'tenon-packages-'));
  await run('tsc', ['-b'], { cwd: repo });
  for (const name of ['tenon', ...packagesBelow('tenon')]) await lay(name);
}, 5 * MINUTES);
afterAll(() => rmSync(installed, { recursive: true, force: true }));

describe('the packages as they would be published', () => {
  it('hold no tests, and nothing that a compiler keeps for itself', () => {
    const stray = [...published].flatMap(([name, files]) =>
      files
        .filter((file) => /\.test\.|\.tsbuildinfo$|__snapshots__/.test(file))
        .map((file) => `${name}: ${file}`),
    );
    expect(stray).toEqual([]);
    expect(published.get('tenon')).toEqual(expect.arrayContaining(['bin/tenon.js', 'dist/main.js']));
  });

  it('make a workspace, check it, test its contracts and drill it', { timeout: 3 * MINUTES }, () => {
    const workspace = join(installed, 'workspace');
    expect(tenon('init', workspace)).toContain('made a workspace');
    expect(tenon('--in', workspace, 'ci')).toContain('10 contract tests');
    expect(tenon('--in', workspace, 'drill')).toContain('no findings');
    expect(tenon('explain', 'effect-can-repeat')).toContain('effect-can-repeat');
  });
});

/** Both streams of the installed command, which must end well. */
function tenon(...argv: readonly string[]): string {
  const main = join(folderOf('tenon'), 'bin/tenon.js');
  const env = { ...process.env, NODE_OPTIONS: '', XDG_CACHE_HOME: join(installed, 'cache') };
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...argv], {
    cwd: installed,
    env,
    encoding: 'utf8',
  });
  expect(status, stdout + stderr).toBe(0);
  return stdout + stderr;
}

function folderOf(name: string): string {
  return join(installed, 'packages', name);
}

function sourceOf(name: string): string {
  return join(repo, 'packages', name === 'tenon' ? 'cli' : name.replace('@tenon/', ''));
}

function manifestOf(name: string): Manifest {
  return JSON.parse(readFileSync(join(sourceOf(name), 'package.json'), 'utf8')) as Manifest;
}

/** What an installer would put where the package finds it. */
function neededBy(name: string): readonly string[] {
  const { dependencies, peerDependencies } = manifestOf(name);
  return Object.keys({ ...dependencies, ...peerDependencies });
}

function isOurs(name: string): boolean {
  return name === 'tenon' || name.startsWith('@tenon/');
}

/** Packages of this repo that one needs, directly or through others. */
function packagesBelow(name: string, seen = new Set<string>()): readonly string[] {
  for (const next of neededBy(name)) if (isOurs(next) && !seen.has(next)) packagesBelow(next, seen.add(next));
  return [...seen];
}

/** Puts one package in place, with nothing beside it but what its manifest names. */
async function lay(name: string): Promise<void> {
  const source = sourceOf(name);
  const folder = folderOf(name);
  const files = await packedFiles(source);
  published.set(name, files);
  for (const file of files) cpSync(join(source, file), join(folder, file));
  for (const needed of neededBy(name)) {
    const link = join(folder, 'node_modules', needed);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(isOurs(needed) ? folderOf(needed) : realpathSync(join(source, 'node_modules', needed)), link);
  }
}

async function packedFiles(folder: string): Promise<readonly string[]> {
  const { stdout } = await run('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: folder });
  // A list, or in later versions of npm an object by the package's name.
  const [packed] = Object.values(
    JSON.parse(stdout) as Readonly<Record<string, { files: { path: string }[] }>>,
  );
  return packed!.files.map(({ path }) => path);
}
