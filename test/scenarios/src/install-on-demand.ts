import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const cache = join(import.meta.dirname, '../../../.cache');
const INSTALL_MS = 240_000;

export type Installed =
  | { readonly ok: true; readonly folder: string }
  | { readonly ok: false; readonly reason: string };

/**
 * An npm package in a folder of its own below `.cache`, installed at the first call: never a dependency, no script of it
 * run. A marker written last tells a whole installation from one that was cut short.
 */
export async function installOnDemand(name: string, version: string): Promise<Installed> {
  const folder = join(cache, `${name}-${version}`);
  const marker = join(folder, '.installed');
  if (existsSync(marker)) return { ok: true, folder };
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'package.json'), '{ "private": true }\n');
  const args = [
    'install',
    '--prefix',
    folder,
    '--no-audit',
    '--no-fund',
    '--no-save',
    '--ignore-scripts',
    `${name}@${version}`,
  ];
  const said = await run('npm', args);
  if (said !== undefined) return { ok: false, reason: `npm cannot install ${name}@${version}: ${said}` };
  await writeFile(marker, '');
  return { ok: true, folder };
}

/** `undefined` when it went well, else the end of what it said. */
async function run(command: string, args: readonly string[]): Promise<string | undefined> {
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'], timeout: INSTALL_MS });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-1_000);
  });
  try {
    const [code] = (await once(child, 'exit')) as [number | null];
    return code === 0 ? undefined : said.trim() || `it ended with ${code}`;
  } catch (error) {
    // There is no npm on this machine.
    return error instanceof Error ? error.message : String(error);
  }
}
