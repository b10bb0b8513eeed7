import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, systemRandom } from '@tenon/model';
import { openRuntime } from '@tenon/runtime';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { exit } from '../exit.ts';
import { initFolder } from '../testing/init-folder.ts';
import { type CommandRun, runCommand } from '../testing/run-command.ts';
import { doctorCommand } from './doctor.ts';

let folder: string;
/** Not in the workspace. */
let elsewhere: string;
beforeEach(async () => {
  folder = await initFolder('doctor');
  elsewhere = await mkdtemp(join(tmpdir(), 'tenon-doctor-data-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
  await rm(elsewhere, { recursive: true });
});

async function configure(file: string): Promise<void> {
  const path = join(folder, 'tenon.config.yaml');
  const config = (await readFile(path, 'utf8'))
    .replace(/^engine: .*$/m, `engine: { type: embedded, file: ${file} }`)
    // Nobody listens there: on the port that is standard, another workspace's Tenon may answer.
    .replace(/^server: .*$/m, 'server: { port: 1 }');
  await writeFile(path, config);
}

const ENV = { SHOP_URL: 'http://127.0.0.1:1', SHOP_KEY: 'a key', SHOP_WEBHOOK_SECRET: 'a secret' };
const doctor = (): Promise<CommandRun> => runCommand([doctorCommand], ['doctor'], { cwd: folder, env: ENV });

/** A database in which so many events are. */
async function databaseWith(file: string, events: number): Promise<void> {
  const runtime = await openRuntime({
    file,
    clock: systemClock,
    random: systemRandom,
    transport: () => {
      throw new Error('nothing is called');
    },
  });
  for (let n = 0; n < events; n++)
    await runtime.accept({ event: 'shop.orderPaid', payload: { n }, deliveryId: `d-${n}`, source: 'test' });
  await runtime.stop();
}

describe('a database outside the workspace', () => {
  it('is looked through where it lies', async () => {
    const file = join(elsewhere, 'tenon.db');
    await configure(file);
    await databaseWith(file, 1);
    expect((await doctor()).out).toContain(`✓ database ${file}: sound`);
    await writeFile(file, 'this is no database, '.repeat(1_000));
    const { out, code } = await doctor();
    expect(out).toContain(`✗ ${file} cannot be read`);
    expect(code).toBe(exit.findings);
  });

  it('that is not there yet is made by nobody who only looks', async () => {
    const before = await readdir(folder, { recursive: true });
    await configure(join(elsewhere, 'data', 'tenon.db'));
    const { out } = await doctor();
    expect(out).toContain(`✓ storage ${join(elsewhere, 'data', 'tenon.db')}`);
    expect(await readdir(elsewhere)).toEqual([]);
    expect(await readdir(folder, { recursive: true })).toEqual(before);
  });

  it('below what is no folder cannot be made', async () => {
    await configure(join(folder, 'README.md', 'tenon.db'));
    const { out, code } = await doctor();
    expect(out).toContain(`✗ storage ${join(folder, 'README.md', 'tenon.db')}`);
    expect(code).toBe(exit.findings);
  });
});
