import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startProcess } from './peers/subject.ts';

// `node --conditions=source test/bench/src/recovery.ts [waiting runs, default 100000; 1000000 takes minutes]`: a real process is killed with
// SIGKILL while runs are in flight; the time from the next process being up to the first call of a resumed run, for
// backlogs of several sizes (it must not grow with them); and the resident memory that waiting runs cost.
// TENON_BENCH_BUILT=1 measures the built packages instead of their source: what users run, without stripping types.

const WAITING = process.argv[2] ?? '100000';
const ROUNDS = 3;
const FIRST_CALL_MS_MAX = 150;
const RSS_RATIO_MAX = 1.2;
const FILL_MS = 1_800_000;
const app = join(import.meta.dirname, 'recovery-app.ts');
const conditions = process.env['TENON_BENCH_BUILT'] === '1' ? [] : ['--conditions=source'];

const folder = mkdtempSync(join(tmpdir(), 'tenon-recovery-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));

/** Runs the app until it says `ready`, kills it, and gives what it said. */
async function until(...args: readonly string[]): Promise<string> {
  const flags = ['--expose-gc', ...conditions, app, ...args];
  const { child, line } = await startProcess(process.execPath, flags, {}, isReady, FILL_MS);
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await ended;
  return line.slice('ready '.length);
}

function isReady(line: string): boolean {
  return line.startsWith('ready ');
}

interface Resumed {
  readonly loadMs: number;
  readonly openMs: number;
  readonly firstCallMs: number;
  readonly cpuMs: number;
}

const rows: Record<string, object> = {};
let isMissed = false;
for (const inFlight of ['1000', '10000', '100000']) {
  const file = join(folder, `killed-${inFlight}.db`);
  await until('fill', file, inFlight);
  const rounds: Resumed[] = [];
  // Each round is itself killed before it can do anything, so the next one finds the same.
  for (let round = 0; round < ROUNDS; round++)
    rounds.push(JSON.parse(await until('resume', file)) as Resumed);
  const { loadMs, openMs, firstCallMs, cpuMs } = rounds.toSorted((a, b) => a.firstCallMs - b.firstCallMs)[1]!;
  isMissed ||= firstCallMs > FIRST_CALL_MS_MAX;
  rows[`killed with ${inFlight} in flight`] = {
    'file open, ms': Math.round(openMs),
    'first call of a resumed run, ms': Math.round(firstCallMs),
    'CPU of that, ms': Math.round(cpuMs),
    'modules loaded before that, ms': Math.round(loadMs),
  };
}
console.table(rows);
console.log(`the first call may take ${FIRST_CALL_MS_MAX} ms: ${isMissed ? 'MISSED' : 'met'}`);

// A process that has just opened the file, with nothing in it and with runs that wait; beside it, the one that took them.
const idleMb = Number(await until('sit', join(folder, 'idle.db')));
const tookMb = Number(await until('wait', join(folder, 'waiting.db'), WAITING));
const waitingMb = Number(await until('sit', join(folder, 'waiting.db')));
const ratio = waitingMb / idleMb;
console.log(
  `resident memory: ${Math.round(idleMb)} MB idle, ${Math.round(waitingMb)} MB with ${WAITING} runs waiting (${Math.round(tookMb)} MB in the process that took them): ${ratio.toFixed(2)} ×, may be ${RSS_RATIO_MAX}: ${ratio > RSS_RATIO_MAX ? 'MISSED' : 'met'}`,
);
process.exit(isMissed || ratio > RSS_RATIO_MAX ? 3 : 0);
