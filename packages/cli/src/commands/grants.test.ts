import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, systemRandom } from '@tenon/model';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runCommandLine } from '../command.ts';
import { exit } from '../exit.ts';
import { grantsCommand } from './grants.ts';

let folder: string;
let now = Date.parse('2026-11-28T09:00:00Z');
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tenon-grants-'));
  await cp(join(import.meta.dirname, '../../templates/init'), folder, { recursive: true });
  now = Date.parse('2026-11-28T09:00:00Z');
});
afterEach(() => rm(folder, { recursive: true }));

async function run(...options: string[]): Promise<{ code: number; out: string }> {
  let out = '';
  const code = await runCommandLine([grantsCommand], ['grants', ...options], {
    out: (text) => {
      out += text;
    },
    err: () => {},
    cwd: folder,
    env: {},
    color: false,
    clock: { ...systemClock, now: () => now },
    random: systemRandom,
    interrupted: () => new Promise(() => {}),
  });
  return { code, out };
}

async function edit(path: string, from: string, to: string): Promise<void> {
  const text = await readFile(join(folder, path), 'utf8');
  expect(text).toContain(from);
  await writeFile(join(folder, path), text.replace(from, to));
}

const GRANTS = 'grants: [getStatus, getOrder, createShipment, cancelShipment]';

describe('grants', () => {
  it('shows what is granted against what is used, probes and ways back included', async () => {
    await edit('tenon.config.yaml', '    connector: shop\n', `    connector: shop\n    ${GRANTS}\n`);
    const { connections } = JSON.parse((await run('--format', 'json')).out);
    expect(connections).toMatchObject([
      {
        connection: 'shop',
        owners: ['fulfilment'],
        used: [
          { operation: 'cancelShipment', effect: 'update', pipelines: ['order-paid'] },
          { operation: 'createShipment', scopes: ['shipments.write'] },
          { operation: 'getOrder' },
        ],
        unusedOperations: [],
        usedScopes: ['orders.read', 'shipments.write'],
      },
    ]);
  });

  it('says which pipelines it could not count, since they have errors', async () => {
    await edit('tenon.config.yaml', '    connector: shop\n', '    connector: shop\n    identity: writer\n');
    const { out } = await run();
    expect(out).toContain('held shipments.write; used none; held for nothing: shipments.write');
    expect(out).toContain('not counted, since they have errors: pipelines/order-paid.pipeline.yaml');
  });

  it('names what is granted and used by nobody', async () => {
    await edit('tenon.config.yaml', '    connector: shop\n', `    connector: shop\n    ${GRANTS}\n`);
    await edit('connectors/shop/connector.yaml', 'health: { operation: getStatus }\n', '');
    expect((await run()).out).toContain('– getStatus  granted, and used by nobody');
  });

  it('says of a connection that does not narrow anything that it is granted everything', async () => {
    expect((await run()).out).toContain('! granted: everything');
  });

  it('keeps sign-offs, and knows when they no longer hold', async () => {
    expect((await run('--check')).code).toBe(exit.changesPending);
    await run('--sign-off', 'ada', '--note', 'first: "quarter"');
    expect(await run('--check')).toMatchObject({
      code: exit.clean,
      out: expect.stringContaining('ada signed off on 2026-11-28, and nothing has changed'),
    });
    await edit('tenon.config.yaml', '    connector: shop\n', `    connector: shop\n    ${GRANTS}\n`);
    expect(await run('--check')).toMatchObject({
      code: exit.changesPending,
      out: expect.stringContaining('has changed since'),
    });
    await run('--sign-off', 'grace');
    now += 100 * 86_400_000;
    expect(await run('--check')).toMatchObject({
      code: exit.changesPending,
      out: expect.stringContaining('too long ago'),
    });
    const kept = await readFile(join(folder, 'reviews/grants.yaml'), 'utf8');
    expect(kept.match(/by: "(ada|grace)"/g)).toHaveLength(2);
  });

  it('names credentials in files that have not changed for long', async () => {
    await writeFile(join(folder, 'shop.key'), 'k');
    await edit('tenon.config.yaml', 'env:SHOP_KEY', 'file:shop.key');
    now = Date.now() + 120 * 86_400_000;
    expect((await run()).out).toMatch(/old credential: file:shop\.key of shop, unchanged for 1(19|20) days/);
  });
});
