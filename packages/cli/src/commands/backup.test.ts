import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, systemRandom } from '@tenon/model';
import { openRuntime } from '@tenon/runtime';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { exit } from '../exit.ts';
import { runCommand } from '../testing/run-command.ts';
import { backupCommand } from './backup.ts';

const MAIN = join(import.meta.dirname, '../main.ts');

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tenon-backup-'));
});
afterEach(() => rm(folder, { recursive: true }));

/** The disk of the copy takes no file beyond so many KiB; the write fails rather than the process dies. */
function backup(from: string, to: string, kib?: number) {
  const limit = kib === undefined ? '' : `trap '' XFSZ; ulimit -f ${kib};`;
  const node = [process.execPath, '--conditions=source', MAIN, 'backup', to, '--file', from];
  return spawnSync('bash', ['-c', `${limit} exec "$@"`, 'bash', ...node], { encoding: 'utf8', cwd: folder });
}

it('onto a full disk fails with its cause, leaves nothing, and succeeds when there is room', async () => {
  const from = join(folder, 'tenon.db');
  const runtime = await openRuntime({
    file: from,
    clock: systemClock,
    random: systemRandom,
    transport: () => {
      throw new Error('nothing is called');
    },
  });
  await runtime.stop();
  const copies = join(folder, 'copies');
  await mkdir(copies);
  const to = join(copies, 'copy.db');
  const full = backup(from, to, 100);
  expect(full.stderr).toMatch(
    /^RUNTIME_BACKUP_FAILED: .*copy\.db could not be written: .+\nsee `tenon explain/,
  );
  expect([full.status, full.stdout]).toEqual([exit.failed, '']);
  expect(await readdir(copies)).toEqual([]);
  const later = backup(from, to);
  expect([later.status, later.stdout]).toEqual([exit.clean, expect.stringContaining(`✓ ${to}: sound`)]);
  expect(await readdir(copies)).toEqual(['copy.db']);
  expect(backup(from, to).stderr).toContain('overwrites nothing');

  const looked = (file: string) =>
    runCommand([backupCommand], ['backup', '--check', file, '--format', 'json'], { cwd: copies });
  const sound = await looked('copy.db');
  expect([JSON.parse(sound.out), sound.code]).toEqual([
    { file: to, copied: false, verdict: 'sound', problems: [], entries: 0, rows: 0 },
    exit.clean,
  ]);
  await writeFile(to, 'this is no database, '.repeat(1_000));
  const damaged = await looked('copy.db');
  expect([JSON.parse(damaged.out), damaged.code]).toMatchObject([
    { exitCode: 1, error: { code: 'RUNTIME_FILE_UNREADABLE' } },
    exit.failed,
  ]);
});
