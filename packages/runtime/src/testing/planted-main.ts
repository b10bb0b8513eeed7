import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { plantedBugs } from './planted-bugs.ts';

// `node --conditions=source packages/runtime/src/testing/planted-main.ts [seeds] [from] [to]`: plants each bug in a copy
// of the source and runs the simulation on it until it is caught; prints those that are not, exits 3 when there are any.
const [seeds = '600', from = '0', to = String(plantedBugs.length)] = process.argv.slice(2);
const source = join(import.meta.dirname, '..');
// Beside `src`, so that the copy finds the same packages.
const folder = join(source, '..', `.planted-${process.pid}`);
const uncaught: string[] = [];
mkdirSync(folder);
try {
  for (const [index, { name, file, find, replace }] of plantedBugs.entries()) {
    if (index < Number(from) || index >= Number(to)) continue;
    cpSync(source, folder, { recursive: true });
    const path = join(folder, file);
    const text = readFileSync(path, 'utf8');
    if (text.split(find).length !== 2)
      throw new Error(`"${name}" finds its place ${text.split(find).length - 1} times`);
    writeFileSync(
      path,
      text.replace(find, () => replace),
    );
    const args = ['--conditions=source', join(folder, 'testing/simulate-main.ts'), '1', seeds, 'first'];
    const run = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 60_000 });
    // 3: a promise broke; no status: it did not end. Anything else is no verdict, but trouble.
    const isCaught = run.status === 3 || run.status === null;
    const how =
      /seed \d+.*\n.*/.exec(run.stdout)?.[0].replace(/\s+/g, ' ') ??
      run.stderr.match(/\w*Error: .*/)?.[0] ??
      'did not end';
    const verdict = isCaught ? 'caught' : run.status === 0 ? 'NOT CAUGHT' : 'THREW';
    console.log(`${verdict}: ${name}${run.status === 0 ? '' : ` (${how.slice(0, 110)})`}`);
    if (!isCaught) uncaught.push(name);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.log(`${uncaught.length} not caught`);
process.exit(uncaught.length === 0 ? 0 : 3);
