import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type PlantedBug, plantedBugs } from './planted-bugs.ts';

// `node --conditions=source packages/runtime/src/testing/planted-main.ts [seeds] [parts of names, with | between] [cores]`: plants each bug in a copy
// of the source and runs the simulation on it, seed by seed, until a promise is seen to break; prints a table of bugs,
// seeds needed and the sentence that gave each away. Exits 3 when one was not caught within so many seeds. Only a sentence
// of the judge counts: a process that throws, or that uses up its CPU time in one place, has caught nothing.
const [seeds = '600', part = '', cores = '1'] = process.argv.slice(2);
/** The kernel ends a process that has used so much: it goes round without an entry or a call. */
const CPU_SECONDS_MAX = 600;
/** Of the sentence that is shown. */
const SHOWN_MAX = 100;

interface Verdict {
  readonly name: string;
  /** Seeds needed, or why it was not caught. */
  readonly seeds: number | 'not caught' | 'threw' | 'used up its CPU time';
  readonly says: string;
}

const source = join(import.meta.dirname, '..');
const connector = join(source, '../../connector');
// Below the package, so that the copies find the same dependencies; in `dist`, which nobody commits.
const folder = join(source, '..', 'dist', `planted-${process.pid}`);
const waiting = plantedBugs.filter(({ name }) => part.split('|').some((each) => name.includes(each)));
const verdicts: Verdict[] = [];
try {
  await Promise.all(
    Array.from({ length: Number(cores) }, async (_, core) => {
      const copy = copied(join(folder, String(core)));
      for (let bug = waiting.shift(); bug !== undefined; bug = waiting.shift()) {
        const verdict = await judged(copy, bug);
        console.log(line(verdict));
        verdicts.push(verdict);
      }
    }),
  );
} finally {
  rmSync(folder, { recursive: true, force: true });
}
const uncaught = verdicts.filter(({ seeds: needed }) => typeof needed !== 'number');
console.log('\n| bug | seeds | what gave it away |\n|---|---|---|');
for (const verdict of verdicts.toSorted((a, b) => rank(a) - rank(b))) console.log(line(verdict));
console.log(`\n${verdicts.length} planted, ${uncaught.length} not caught within ${seeds} seeds`);
process.exit(uncaught.length === 0 ? 0 : 3);

/** Copies this package and the connector package, so that the first finds the second's copy; gives the source of the first. */
function copied(to: string): string {
  const copy = join(to, 'runtime/src');
  cpSync(source, copy, { recursive: true });
  cpSync(join(connector, 'src'), join(to, 'connector/src'), { recursive: true });
  cpSync(join(connector, 'package.json'), join(to, 'connector/package.json'));
  symlinkSync(join(connector, 'node_modules'), join(to, 'connector/node_modules'));
  mkdirSync(join(to, 'runtime/node_modules/@tenon'), { recursive: true });
  symlinkSync(join(to, 'connector'), join(to, 'runtime/node_modules/@tenon/connector'));
  return copy;
}

/** Plants the bug, runs the simulation on it, and takes it out again. */
async function judged(copy: string, { name, edits, firstSeed = 1 }: PlantedBug): Promise<Verdict> {
  const before = new Map(edits.map(({ file }) => [file, readFileSync(join(copy, file), 'utf8')]));
  for (const { file, find, replace } of edits) {
    const text = readFileSync(join(copy, file), 'utf8');
    if (text.split(find).length !== 2)
      throw new Error(`"${name}" finds its place ${text.split(find).length - 1} times`);
    writeFileSync(
      join(copy, file),
      text.replace(find, () => replace),
    );
  }
  const { code, said } = await simulated(join(copy, 'testing/simulate-main.ts'), firstSeed);
  for (const [file, text] of before) writeFileSync(join(copy, file), text);
  const broken = /^seed (\d+):\n\s*(.*)/m.exec(said);
  if (code === 3 && broken !== null)
    return { name, seeds: Number(broken[1]) - firstSeed + 1, says: broken[2]! };
  if (code === 0) return { name, seeds: 'not caught', says: '' };
  const thrown = /\w*Error: .*/.exec(said)?.[0] ?? `exit ${code}`;
  return { name, seeds: code === null ? 'used up its CPU time' : 'threw', says: thrown };
}

async function simulated(
  main: string,
  firstSeed: number,
): Promise<{ readonly code: number | null; readonly said: string }> {
  const command = [process.execPath, '--conditions=source', main, `${firstSeed}`, seeds, 'first'];
  const limited = ['-c', `ulimit -t ${CPU_SECONDS_MAX}; exec "$@"`, 'bash', ...command];
  const child = spawn('bash', limited, { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, said };
}

function line({ name, seeds: needed, says }: Verdict): string {
  return `| ${name} | ${needed} | ${says.slice(0, SHOWN_MAX).replaceAll('|', '¦')} |`;
}

/** What was not caught comes last. */
function rank({ seeds: needed }: Verdict): number {
  return typeof needed === 'number' ? needed : Number.POSITIVE_INFINITY;
}
