import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';

// `node --conditions=source test/bench/src/seeds.ts [first seed] [seeds] [seeds in a slice] [cores]`: the runtime's simulation over many
// seeds, on all cores unless told otherwise, in slices; prints each seed that breaks a promise and each slice that does not end, what was done so far
// every minute, and a closing line. Interrupted, it says how far it got. Files are kept in memory where the machine has
// a place for that: what a crash leaves is simulated, so no disk is waited for. Exits 3 when anything was found.

const [first = '1', count = '2000', slice = '250', cores = `${availableParallelism()}`] =
  process.argv.slice(2);
const last = Number(first) + Number(count);
const SLICE_MS_MAX = 600_000;
const SAY_EVERY_MS = 60_000;
const main = join(import.meta.dirname, '../../../packages/runtime/src/testing/simulate-main.ts');
const folder = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

let next = Number(first);
let done = 0;
let crashes = 0;
let cpuMs = 0;
const found: string[] = [];
const children = new Set<ChildProcess>();
const startedAt = performance.now();

function say(): void {
  const seconds = Math.round((performance.now() - startedAt) / 1_000);
  console.log(
    `${done} of ${count} seeds from ${first} in ${seconds} s, ${Math.round(cpuMs / Math.max(1, done))} ms of CPU a seed, ${crashes} crashes: ${found.length} findings`,
  );
}

/** One slice in a process of its own; one that hangs is ended and told. */
async function run(from: number, seeds: number): Promise<void> {
  const child = spawn(process.execPath, ['--conditions=source', main, String(from), String(seeds)], {
    env: { ...process.env, TMPDIR: folder },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: SLICE_MS_MAX,
    killSignal: 'SIGKILL',
  });
  children.add(child);
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  children.delete(child);
  const closing = /^\{"seeds".*$/m.exec(said)?.[0];
  if (closing !== undefined) {
    // Printed by `simulate-main.ts`.
    const said = JSON.parse(closing) as { readonly crashes: number; readonly cpuMs: number };
    crashes += said.crashes;
    cpuMs += said.cpuMs;
  }
  if (code === 0 && closing !== undefined) done += seeds;
  else {
    found.push(`seeds ${from} to ${from + seeds - 1}`);
    console.log(
      `seeds ${from} to ${from + seeds - 1} (ended with ${code ?? 'a kill: it hung'}):\n${said.trim()}`,
    );
  }
}

const timer = setInterval(say, SAY_EVERY_MS);
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => {
    say();
    for (const child of children) child.kill('SIGKILL');
    process.exit(found.length === 0 ? 0 : 3);
  });
await Promise.all(
  Array.from({ length: Number(cores) }, async () => {
    while (next < last) {
      const from = next;
      const seeds = Math.min(Number(slice), last - from);
      next += seeds;
      await run(from, seeds);
    }
  }),
);
clearInterval(timer);
say();
process.exit(found.length === 0 ? 0 : 3);
