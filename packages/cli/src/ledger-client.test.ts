import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, systemRandom } from '@tenon/model';
import { openRuntime } from '@tenon/runtime';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { exit } from './exit.ts';
import { withLedgerFile } from './ledger-client.ts';
import { OperationsError } from './operations-client.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tenon-ledger-'));
});
afterEach(() => rm(folder, { recursive: true }));

describe('the database in place of the process', () => {
  it.each([
    ['no database', 'not a database '.repeat(500)],
    ['empty', ''],
  ])('is said to be unreadable when the file is %s', async (_what, text) => {
    const file = join(folder, 'tenon.db');
    await writeFile(file, text);
    const nobody = async (): Promise<never> => {
      throw new OperationsError('no Tenon answers', exit.failed, true);
    };
    const client = withLedgerFile({ get: nobody, post: nobody }, file, () => {});
    await expect(client.get('/v1/runs')).rejects.toThrow(OperationsError);
    await expect(client.get('/v1/runs')).rejects.toThrow(file);
  });

  it('is said once, and the keys to it are asked for once, however often a command reads', async () => {
    const file = join(folder, 'tenon.db');
    const transport = () => {
      throw new Error('nothing is called');
    };
    await (await openRuntime({ file, clock: systemClock, random: systemRandom, transport })).stop();
    const nobody = async (): Promise<never> => {
      throw new OperationsError('no Tenon answers', exit.failed, true);
    };
    const said: string[] = [];
    let asked = 0;
    const refusal = { code: 'STORED_VALUE_LOCKED', message: 'the key k1 is away' };
    const client = withLedgerFile(
      { get: nobody, post: nobody },
      file,
      (text) => said.push(text),
      async () => {
        asked++;
        return { refusal };
      },
    );
    for (const path of ['/v1/runs', '/v1/dead-letters', '/v1/runs']) await client.get(path);
    expect(asked).toBe(1);
    expect(said).toEqual([
      `no Tenon answers; read from ${file}\n`,
      expect.stringContaining('what is encrypted there is not shown: STORED_VALUE_LOCKED'),
    ]);
  });

  it('is not asked for what only a process knows', async () => {
    const file = join(folder, 'tenon.db');
    await writeFile(file, '');
    const nobody = async (): Promise<never> => {
      throw new OperationsError('no Tenon answers', exit.failed, true);
    };
    const client = withLedgerFile({ get: nobody, post: nobody }, file, () => {});
    await expect(client.get('/v1/flow')).rejects.toThrow('no Tenon answers');
  });
});
