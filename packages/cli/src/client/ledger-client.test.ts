import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, systemRandom } from '@tenon/model';
import { openRuntime } from '@tenon/runtime';
import { planFor } from '@tenon/runtime/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { exit } from '../exit.ts';
import { RUNS_LISTED, withLedgerFile } from './ledger-client.ts';
import { OperationsError } from './operations-client.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tenon-ledger-'));
});
afterEach(() => rm(folder, { recursive: true }));

const nobody = async (): Promise<never> => {
  throw new OperationsError('no Tenon answers', exit.failed, 'ECONNREFUSED', true);
};
const bare = {
  clock: systemClock,
  random: systemRandom,
  transport: () => {
    throw new Error('nothing is called');
  },
};

describe('the database in place of the process', () => {
  it.each([
    ['no database', 'not a database '.repeat(500)],
    ['empty', ''],
  ])('is said to be unreadable when the file is %s', async (_what, text) => {
    const file = join(folder, 'tenon.db');
    await writeFile(file, text);
    const client = withLedgerFile({ get: nobody, post: nobody }, file, () => {});
    await expect(client.get('/v1/runs')).rejects.toThrow(OperationsError);
    await expect(client.get('/v1/runs')).rejects.toThrow(file);
  });

  it('is said once, and the keys to it are asked for once, however often a command reads', async () => {
    const file = join(folder, 'tenon.db');
    await (await openRuntime({ ...bare, file })).stop();
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

  it('lists as many runs as the process does', async () => {
    const file = join(folder, 'tenon.db');
    const runtime = await openRuntime({ ...bare, file });
    await runtime.activate(planFor({ steps: [] }));
    const accepted = Array.from({ length: 60 }, (_, nth) => {
      const payload = { id: `o-${nth}` };
      return runtime.accept({ event: 'shop.ordered', payload, deliveryId: `d${nth}`, source: 'test' });
    });
    await Promise.all(accepted);
    await runtime.stop();
    const client = withLedgerFile({ get: nobody, post: nobody }, file, () => {});
    expect((await client.get('/v1/runs'))['runs']).toHaveLength(RUNS_LISTED);
    expect((await client.get('/v1/runs', { limit: '55' }))['runs']).toHaveLength(55);
  });

  it('finds the runs of one entity as the process does', async () => {
    const file = join(folder, 'tenon.db');
    const runtime = await openRuntime({ ...bare, file });
    const identity = {
      key: { expression: 'event.id' },
      orderBy: { expression: 'event.of' },
      retainMs: 1_000,
    };
    await runtime.activate(planFor({ identity, steps: [] }));
    for (const of of ['acc-1', 'acc-2'])
      await runtime.accept({
        event: 'shop.ordered',
        payload: { id: `o-${of}`, of },
        deliveryId: of,
        source: 'test',
      });
    await runtime.stop();
    const client = withLedgerFile({ get: nobody, post: nobody }, file, () => {});
    expect((await client.get('/v1/runs', { orderKey: 'acc-1' }))['runs']).toMatchObject([{ key: 'o-acc-1' }]);
  });

  it('is not asked for what only a process knows', async () => {
    const file = join(folder, 'tenon.db');
    await writeFile(file, '');
    const client = withLedgerFile({ get: nobody, post: nobody }, file, () => {});
    await expect(client.get('/v1/flow')).rejects.toThrow('no Tenon answers');
  });
});
