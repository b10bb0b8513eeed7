import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock, systemRandom } from '@tenon/model';
import { openRuntime, type Runtime } from '@tenon/runtime';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { exit } from '../exit.ts';
import { initFolder } from '../testing/init-folder.ts';
import { type CommandRun, runCommand } from '../testing/run-command.ts';
import { dataCommands } from './data.ts';
import { doctorCommand } from './doctor.ts';

let folder: string;
beforeEach(async () => {
  folder = await initFolder('rewrite');
  const path = join(folder, 'tenon.config.yaml');
  // Nobody listens there: on the port that is standard, another workspace's Tenon may answer.
  await writeFile(path, (await readFile(path, 'utf8')).replace(/^server: .*$/m, 'server: { port: 1 }'));
});
afterEach(() => rm(folder, { recursive: true }));

const file = (): string => join(folder, '.tenon/tenon.db');
const tenon = (...argv: string[]): Promise<CommandRun> =>
  runCommand([...dataCommands, doctorCommand], argv, { cwd: folder });

/** A runtime that holds every file for too large to be written anew while it runs. */
function opened(): Promise<Runtime> {
  return openRuntime({
    file: file(),
    clock: systemClock,
    random: systemRandom,
    limits: { writtenAnewBytesMax: 0 },
    transport: () => {
      throw new Error('nothing is called');
    },
  });
}

it('takes what an erasure left out of the file once nothing has it open, and doctor asks for it until then', async () => {
  const runtime = await opened();
  await runtime.erase('CANARY', 'ana', 'request 17', true);
  const refused = await tenon('data', 'rewrite', '--format', 'json');
  expect(refused.code).toBe(exit.failed);
  expect(JSON.parse(refused.out)).toMatchObject({
    error: { code: 'RUNTIME_FILE_IN_USE', message: expect.stringMatching(/; stop Tenon first$/) },
  });
  await runtime.stop();
  const before = await tenon('doctor');
  expect(before.out).toMatch(
    /! unused parts of the database may hold what was erased or encrypted since 20.*Z: it/,
  );
  expect(before.out).toContain('fix  stop Tenon and run `tenon data rewrite`');
  expect((await tenon('data')).out).toContain('the file was never written anew; since 20');
  const written = await tenon('data', 'rewrite');
  expect([written.code, written.err]).toEqual([
    exit.clean,
    expect.stringMatching(/tenon\.db was written anew: [\d.]+ MiB before, [\d.]+ MiB now\n$/),
  ]);
  expect((await tenon('doctor')).out).not.toContain('unused parts');
  expect((await tenon('data')).out).toMatch(
    /the file was last written anew 20.*Z; what was overwritten since/,
  );
});

it('says that there is no database, and makes none', async () => {
  const { code, err } = await tenon('data', 'rewrite');
  expect([code, err]).toEqual([exit.usage, expect.stringContaining(`there is no database ${file()}`)]);
});
