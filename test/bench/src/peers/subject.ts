import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { LoadOrder, LoadResult } from './load-main.ts';

/** A system under load: all of its processes, and where it takes requests. */
export interface Started {
  readonly url: string;
  /** Ids of every process that works for it: what they use is its CPU per run. */
  pids(): Promise<readonly number[]>;
  stop(): Promise<void>;
}

export interface Measured {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly cpuMsPerRun: number;
  readonly failed: number;
}

const START_MS = 60_000;
/** What has not ended by then is killed. */
const END_MS = 5_000;
/** Linux counts CPU time in these. */
const TICK_MS = 10;

/** Starts a process and waits for a line of its output that `isReady` takes; says what it printed when it dies before. */
export async function startProcess(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  isReady: (line: string) => boolean,
  startMs = START_MS,
): Promise<{ readonly child: ChildProcess; readonly line: string }> {
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  const kill = (): boolean => child.kill('SIGKILL');
  process.once('exit', kill);
  child.once('exit', () => process.off('exit', kill));
  const said: string[] = [];
  return new Promise((resolve, reject) => {
    const fail = (why: string): void =>
      reject(new Error(`${command} ${args[0]}: ${why}\n${said.slice(-20).join('\n')}`));
    const timer = setTimeout(() => fail('was not ready in time'), startMs);
    child.once('exit', (code) => fail(`ended with ${code}`));
    for (const stream of [child.stdout, child.stderr])
      createInterface({ input: stream }).on('line', (line) => {
        said.push(line);
        if (said.length > 100) said.shift();
        if (!isReady(line)) return;
        clearTimeout(timer);
        resolve({ child, line });
      });
  });
}

/** One of our apps beside this file: prints `ready <url>`. */
export async function startApp(
  file: string,
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
  options: readonly string[] = [],
): Promise<{ readonly child: ChildProcess; readonly url: string }> {
  const path = join(import.meta.dirname, file);
  const { child, line } = await startProcess(
    process.execPath,
    [...options, '--conditions=source', path, ...args],
    { NODE_ENV: 'production', ...env },
    (text) => text.startsWith('ready '),
  );
  return { child, url: line.slice('ready '.length) };
}

export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const patience = setTimeout(() => child.kill('SIGKILL'), END_MS);
  await ended;
  clearTimeout(patience);
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}

/** CPU time that a process and its threads have used so far. */
function cpuMs(pid: number): number {
  try {
    // After the name, which may hold spaces: fields 14 and 15 of proc_pid_stat(5) are user and system time.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
    return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
  } catch {
    // It has ended.
    return 0;
  }
}

/** Puts a system under load from another process, and reads its CPU time over the same while. */
export async function measure(started: Started, order: Omit<LoadOrder, 'url'>): Promise<Measured> {
  const before = new Map<number, number>();
  const sender = spawn(
    process.execPath,
    [join(import.meta.dirname, 'load-main.ts'), JSON.stringify({ ...order, url: started.url })],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  let result: LoadResult | undefined;
  let usedMs = 0;
  for await (const line of createInterface({ input: sender.stdout })) {
    if (line === 'measuring') for (const pid of await started.pids()) before.set(pid, cpuMs(pid));
    else {
      // Printed by `load-main.ts`.
      result = JSON.parse(line) as LoadResult;
      for (const pid of await started.pids()) usedMs += cpuMs(pid) - (before.get(pid) ?? 0);
    }
  }
  if (result === undefined || result.answered === 0) throw new Error('the load got no answer');
  return {
    perSecond: (result.answered / result.tookMs) * 1_000,
    p50Ms: result.p50Ms,
    p99Ms: result.p99Ms,
    cpuMsPerRun: usedMs / result.answered,
    failed: result.failed,
  };
}
