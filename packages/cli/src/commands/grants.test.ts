import { readFile, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { isObject, systemClock } from '@tenon/model';
import { checkWorkspace, loadWorkspace } from '@tenon/pipeline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { exit } from '../exit.ts';
import { initFolder } from '../testing/init-folder.ts';
import { runCommand } from '../testing/run-command.ts';
import { grantsCommand } from './grants.ts';

let folder: string;
let now = Date.parse('2026-11-28T09:00:00Z');
beforeEach(async () => {
  folder = await initFolder('grants');
  now = Date.parse('2026-11-28T09:00:00Z');
});
afterEach(() => rm(folder, { recursive: true }));

const run = (...options: string[]) =>
  runCommand([grantsCommand], ['grants', ...options], {
    cwd: folder,
    clock: { ...systemClock, now: () => now },
  });

async function edit(path: string, from: string, to: string): Promise<void> {
  const text = await readFile(join(folder, path), 'utf8');
  expect(text).toContain(from);
  await writeFile(join(folder, path), text.replace(from, to));
}

const OPERATIONS = 'operations: [cancelShipment, createShipment, getOrder]';
const LESS = 'operations: [createShipment, getOrder]';
const config = () => readFile(join(folder, 'tenon.config.yaml'), 'utf8');

/** Every call of a plan with the connection it goes over: whatever holds a connection and an operation is a call. */
function* callsIn(value: unknown, connection?: string): Generator<string> {
  if (Array.isArray(value)) for (const item of value) yield* callsIn(item, connection);
  if (!isObject(value)) return;
  const own = typeof value['connection'] === 'string' ? value['connection'] : connection;
  if (own !== undefined && typeof value['operation'] === 'string')
    yield `${own}: ${value['operation'].slice(value['operation'].indexOf('.') + 1)}`;
  for (const [key, item] of Object.entries(value)) if (key !== 'with') yield* callsIn(item, own);
}

describe('what is needed', () => {
  it.each(['packages/cli/templates/init', 'test/corpus/pipelines/defective/workspace'])(
    'is every call that a plan holds, of whatever kind: %s',
    async (workspace) => {
      const { value } = await loadWorkspace(join(import.meta.dirname, '../../../..', workspace));
      const { plans, needed } = checkWorkspace(value!);
      expect(plans.size).toBeGreaterThan(0);
      for (const plan of plans.values()) {
        const granted = [...needed].flatMap(([connection, { [plan.pipeline]: grant }]) =>
          (grant?.operations ?? []).map((operation) => `${connection}: ${operation}`),
        );
        expect(granted.sort()).toEqual([...new Set(callsIn(plan.steps))].sort());
      }
    },
  );
});

describe('grants', () => {
  it('shows what is granted against what is used, probes and ways back included', async () => {
    const { connections } = JSON.parse((await run('--format', 'json')).out);
    const grant = {
      operations: ['cancelShipment', 'createShipment', 'getOrder'],
      scopes: ['orders.read', 'shipments.write'],
      hosts: [],
    };
    expect(connections).toMatchObject([
      {
        connection: 'shop',
        owners: ['fulfilment'],
        granted: { 'order-paid': grant },
        used: { 'order-paid': grant },
        missing: {},
        unused: {},
        usedScopes: ['orders.read', 'shipments.write'],
      },
    ]);
  });

  it('counts a pipeline with errors as far as it can be read, and says so', async () => {
    await edit('tenon.config.yaml', '    connector: shop\n', '    connector: shop\n    identity: writer\n');
    const { out } = await run();
    expect(out).toContain('held shipments.write; used orders.read shipments.write');
    expect(out).toContain(
      'have errors, counted as far as they can be read: pipelines/order-paid.pipeline.yaml',
    );
  });

  it('names what is granted and not used, and what is used and not granted', async () => {
    await edit('tenon.config.yaml', OPERATIONS, LESS.replace('[', '[getStatus, '));
    const { out } = await run();
    expect(out).toContain('– getStatus  granted, and not used');
    expect(out).toContain('✗ cancelShipment  update  used, and not granted: refused');
    expect(out).toContain('✓ getOrder  read');
  });

  it('writes exactly what is used, and says what that changes', async () => {
    const before = await config();
    await edit('tenon.config.yaml', OPERATIONS, LESS.replace('[', '[getStatus, '));
    expect((await run('--write')).err).toBe(
      '+ shop: order-paid: operation cancelShipment\n- shop: order-paid: operation getStatus\n~ tenon.config.yaml: read it before you commit it\n',
    );
    expect(await config()).toBe(before);
    expect((await run('--write')).err).toBe('tenon.config.yaml grants exactly what is used\n');
  });

  it('takes nothing from a pipeline of which nobody can tell what it needs', async () => {
    const before = await config();
    await edit('connectors/shop/connector.yaml', 'contract: shop\n', '');
    const { err } = await run('--write');
    expect(err).not.toMatch(/^- /m);
    expect(await config()).toBe(before);
  });

  it('grants nobody anything by default, and writes that too', async () => {
    const written = await config();
    await edit('tenon.config.yaml', written.slice(written.indexOf('    grants:')), '');
    expect((await run()).out).toContain('✗ getOrder');
    await run('--write');
    expect(await config()).toBe(written);
  });

  it('keeps sign-offs, and knows when they no longer hold', async () => {
    expect((await run('--check')).code).toBe(exit.changesPending);
    await run('--sign-off', 'ada', '--note', 'first: "quarter"');
    expect(await run('--check')).toMatchObject({
      code: exit.clean,
      out: expect.stringContaining('ada signed off on 2026-11-28, and nothing has changed'),
    });
    await edit('tenon.config.yaml', OPERATIONS, LESS);
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

  it.each([
    ['in the workspace', (file: string) => basename(file)],
    ['by their whole path', (file: string) => file],
  ])('names credentials in files that have not changed for long: %s', async (_, named) => {
    const file = join(folder, 'shop.key');
    await writeFile(file, 'k');
    await edit('tenon.config.yaml', 'env:SHOP_KEY', `file:${named(file)}`);
    now = Date.now() + 120 * 86_400_000;
    expect((await run()).out).toMatch(
      new RegExp(`old credential: file:${named(file)} of shop, unchanged for 1(19|20) days`),
    );
  });
});
