import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { plantedBugs } from './planted-bugs.ts';

// `node --conditions=source packages/runtime/src/testing/planted-main.ts [seeds] [part of a name]`: plants each bug in a copy
// of the source and runs the simulation on it until it is caught; prints those that are not, exits 3 when there are any.
const [seeds = '600', part = ''] = process.argv.slice(2);
const TIMEOUT_MS = 60_000;
const source = join(import.meta.dirname, '..');
// Below the package, so that the copy finds the same dependencies; in `dist`, which nobody commits.
const folder = join(source, '..', 'dist', `planted-${process.pid}`);
const uncaught: string[] = [];
const endless: string[] = [];
mkdirSync(folder, { recursive: true });
cpSync(source, folder, { recursive: true });
try {
  for (const { name, file, find, replace } of plantedBugs) {
    if (!name.includes(part)) continue;
    const path = join(folder, file);
    const text = readFileSync(path, 'utf8');
    if (text.split(find).length !== 2)
      throw new Error(`"${name}" finds its place ${text.split(find).length - 1} times`);
    writeFileSync(
      path,
      text.replace(find, () => replace),
    );
    const args = ['--conditions=source', join(folder, 'testing/simulate-main.ts'), '1', seeds, 'first'];
    const run = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: TIMEOUT_MS });
    writeFileSync(path, text);
    // 3: a promise broke; 13 (Node): it awaits what nothing can end. None: it did not end in time, which is a bug that
    // hangs or a busy machine; so it is told apart. Anything else is no verdict.
    const isCaught = run.status === 3 || run.status === 13;
    const hasEnded = run.status !== null;
    const how =
      /seed \d+.*\n.*/.exec(run.stdout)?.[0].replace(/\s+/g, ' ') ??
      run.stderr.match(/\w*Error: .*/)?.[0] ??
      'nothing said';
    const verdict = !hasEnded
      ? 'did not end'
      : isCaught
        ? 'caught'
        : run.status === 0
          ? 'NOT CAUGHT'
          : 'THREW';
    console.log(`${verdict}: ${name}${run.status === 0 ? '' : ` (${how.slice(0, 110)})`}`);
    if (!hasEnded) endless.push(name);
    else if (!isCaught) uncaught.push(name);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.log(`${uncaught.length} not caught, ${endless.length} did not end within ${TIMEOUT_MS / 1000} s`);
process.exit(uncaught.length === 0 ? 0 : 3);
