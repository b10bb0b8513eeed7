import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const cache = join(import.meta.dirname, '../../../../.cache');

/**
 * The folder of a peer from npm, installed below `.cache` at the first call: never a dependency of ours, none of its
 * scripts run. A marker written last tells a whole installation from one that was cut short.
 */
export function installed(name: string, version: string): string {
  const folder = join(cache, `${name}-${version}`);
  const marker = join(folder, '.installed');
  if (existsSync(marker)) return folder;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
  console.error(`installing ${name}@${version} into .cache`);
  const flags = ['--no-audit', '--no-fund', '--no-save', '--ignore-scripts'];
  const npm = spawnSync('npm', ['install', '--prefix', folder, ...flags, `${name}@${version}`], {
    stdio: ['ignore', 'ignore', 'inherit'],
    timeout: 240_000,
  });
  if (npm.status !== 0) throw new Error(`npm cannot install ${name}@${version}`);
  writeFileSync(marker, '');
  return folder;
}
