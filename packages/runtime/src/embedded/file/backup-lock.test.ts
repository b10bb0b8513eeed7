import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Bench, openBench } from '../../testing/bench.ts';
import { planFor } from '../../testing/plan.ts';
import { openLedger } from './open-ledger.ts';

let bench: Bench;
let copy: string;
let child: ChildProcess | undefined;

beforeEach(async () => {
  bench = await openBench(planFor({ steps: [] }));
  bench.checkpoints = { everyRows: 1 };
  await bench.restart();
  await bench.order({ id: 'a' });
  await bench.runtime.idle();
  copy = `${bench.file}.copy`;
});
afterEach(() => {
  child?.kill('SIGKILL');
  return bench.close();
});

const script = join(import.meta.dirname, '../../testing/backup-child.ts');

/** Another process that copies the database to that name, and gets a signal in the midst of it. */
function copies(signal: 'SIGKILL' | 'SIGSTOP'): ChildProcess {
  child = spawn(process.execPath, ['--conditions=source', script, bench.file, copy, signal], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  return child;
}

/** What lies beside the database under the name of the copy. */
function beside(): readonly string[] {
  const name = basename(copy);
  return readdirSync(dirname(copy)).flatMap((file) =>
    file.startsWith(name) ? file.slice(name.length).replace(/\.[0-9a-f-]{36}/, '.…') : [],
  );
}

function runsIn(file: string): number {
  const ledger = openLedger(file);
  const problems = ledger.check();
  const runs = ledger.runs().length;
  ledger.close();
  expect(problems).toEqual([]);
  return runs;
}

test('what a process has left that died while it copied is taken away by the next copy of that name, and nothing else', async () => {
  await once(copies('SIGKILL'), 'exit');
  expect(beside()).toEqual(expect.arrayContaining(['.….part.checkpoints', '.part.lock']));
  const mine = `${copy}.mine.part`;
  writeFileSync(mine, 'a file of somebody');
  await bench.runtime.backup(copy);
  expect(beside().toSorted()).toEqual(['', '.checkpoints', '.mine.part']);
  expect(runsIn(copy)).toBe(1);
});

test('a copy to a name that another process is copying to is refused, and leaves that one alone', async () => {
  const other = copies('SIGSTOP');
  while (!beside().some((file) => file.endsWith('.part.checkpoints')))
    await new Promise((resolve) => setTimeout(resolve, 5));
  await expect(bench.runtime.backup(copy)).rejects.toMatchObject({ code: 'RUNTIME_BACKUP_UNDER_WAY' });
  await bench.runtime.backup(`${copy}2`);
  // More than once: it may be about to stand still only now.
  const goOn = setInterval(() => other.kill('SIGCONT'), 20);
  expect(await once(other, 'exit')).toEqual([0, null]);
  clearInterval(goOn);
  expect(beside().toSorted()).toEqual(['', '.checkpoints', '2', '2.checkpoints']);
  expect([copy, `${copy}2`].map(runsIn)).toEqual([1, 1]);
  await bench.runtime.backup(copy);
});

test('of two copies to one name in one process the second is refused, and the next is made', async () => {
  const all = await Promise.allSettled([bench.runtime.backup(copy), bench.runtime.backup(copy)]);
  expect(all).toMatchObject([
    { status: 'fulfilled' },
    { status: 'rejected', reason: { code: 'RUNTIME_BACKUP_UNDER_WAY' } },
  ]);
  await bench.runtime.backup(copy);
  expect(existsSync(`${copy}.part.lock`)).toBe(false);
});
