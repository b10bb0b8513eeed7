import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
