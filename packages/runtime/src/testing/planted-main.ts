import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { plantedBugs } from './planted-bugs.ts';

// `node --conditions=source packages/runtime/src/testing/planted-main.ts [seeds] [part of a name] [CPU seconds]`: plants each
// bug in a copy of the source and runs the simulation on it until it is caught; prints those that are not, exits 3 when
// there are any. A bug must be caught within so many seeds and so much CPU time: what else the machine does is no verdict.
const [seeds = '600', part = '', cpuSeconds = '180'] = process.argv.slice(2);
const source = join(import.meta.dirname, '..');
// Below the package, so that the copy finds the same dependencies; in `dist`, which nobody commits.
const folder = join(source, '..', 'dist', `planted-${process.pid}`);
const uncaught: string[] = [];
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
    const main = join(folder, 'testing/simulate-main.ts');
    const run = spawnSync(
      'bash',
      // The kernel ends it when its CPU time is used up, whatever it does then.
      [
        '-c',
        `ulimit -t ${Number(cpuSeconds)}; exec "$@"`,
        'bash',
        process.execPath,
        '--conditions=source',
        main,
        '1',
        seeds,
        'first',
      ],
      { encoding: 'utf8' },
    );
    writeFileSync(path, text);
    const verdict = verdictOf(run.status);
    const how =
      /seed \d+.*\n.*/.exec(run.stdout)?.[0].replace(/\s+/g, ' ') ??
      run.stderr.match(/\w*Error: .*/)?.[0] ??
      'nothing said';
    console.log(`${verdict}: ${name}${run.status === 0 ? '' : ` (${how.slice(0, 110)})`}`);
    if (verdict !== 'caught') uncaught.push(name);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.log(`${uncaught.length} not caught within ${seeds} seeds and ${cpuSeconds} s of CPU time`);
process.exit(uncaught.length === 0 ? 0 : 3);

/** 3: a promise broke; 13 (Node): it awaits what nothing can end. None: its CPU time was used up. */
function verdictOf(status: number | null): string {
  if (status === 3 || status === 13) return 'caught';
  if (status === null) return 'NOT CAUGHT in its CPU time';
  return status === 0 ? 'NOT CAUGHT' : 'THREW';
}
