import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CONFIG, CONNECTOR, CONTRACT, PIPELINE, swap, testFiles, testWorkspace } from '../test-workspace.ts';
import { nodeWorkspaceFiles } from './workspace-files.ts';

test('a connector installed from npm is found by its `connector.yaml`', async () => {
  const { workspace, diagnostics } = await testWorkspace({
    [CONNECTOR]: null,
    'package.json': '{ "dependencies": { "shop-connector": "1.0.0", "left-pad": "1.0.0" } }',
    'node_modules/shop-connector/connector.yaml': testFiles[CONNECTOR]!,
  });
  expect(diagnostics).toEqual([]);
  expect(workspace.connectorFolders.get('shop')).toBe('node_modules/shop-connector');
});

test('a contract may be written in JSON', async () => {
  const { workspace, diagnostics } = await testWorkspace({
    'contracts/other/openapi.json':
      '{ "openapi": "3.1.0", "info": { "title": "Other", "version": "1" }, "paths": { "/a": { "get": { "operationId": "getA", "responses": { "204": { "description": "ok" } } } } } }',
  });
  expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
  expect([...workspace.contracts.get('other')!.operations.keys()]).toEqual(['getA']);
});

test('without a configuration, calls go by the name of the connector', async () => {
  const { diagnostics, check } = await testWorkspace({ [CONFIG]: null });
  expect(diagnostics).toEqual([]);
  expect(check.plans.size).toBe(1);
});

test('names that every object has are names like any other', async () => {
  const named = await testWorkspace({
    [PIPELINE]: (text) =>
      text
        .replace('name: order-placed,', 'name: constructor,')
        .replaceAll('call: shop.', 'call: constructor.'),
    [CONFIG]: (text) =>
      text.replace('  shop:\n', '  constructor:\n').replace('order-placed:', 'constructor:'),
  });
  expect(named.diagnostics).toEqual([]);
  expect(Object.keys(named.workspace.config.connections)).toEqual(['constructor']);
  const { workspace, check, diagnostics } = await testWorkspace({
    [PIPELINE]: swap('name: order-placed,', 'name: constructor,'),
    [CONFIG]: swap('order-placed:', 'order-left:'),
  });
  expect(workspace.config.connections['constructor'], 'there is none of that name').toBeUndefined();
  expect(check.needed.get('shop')?.['valueOf']).toBeUndefined();
  expect(diagnostics.map(({ code }) => code)).toContain('grant-missing');
});

test('defaults stand in for what the configuration leaves out', async () => {
  const { workspace } = await testWorkspace();
  expect(workspace.config).toMatchObject({
    engine: { type: 'embedded', file: '.tenon/tenon.db' },
    server: { host: '127.0.0.1', port: 4700, operators: [] },
    ledger: { checkpoints: {} },
    connections: { shop: { name: 'shop', connector: 'shop', baseUrl: 'env:SHOP_URL' } },
  });
});

test('says how the ledger is signed', async () => {
  const { workspace, diagnostics } = await testWorkspace({
    [CONFIG]: `apiVersion: tenon/v1
kind: Workspace
ledger:
  name: shop.example/ledger
  key: env:LEDGER_KEY
  checkpoints: { file: /var/witness/shop, witness: "https://witness.example/add", every: 30s, rows: 500 }
connections: { shop: { connector: shop, baseUrl: env:SHOP_URL } }
`,
  });
  expect(diagnostics.filter(({ code }) => code.startsWith('shape-'))).toEqual([]);
  expect(workspace.config.ledger).toEqual({
    name: 'shop.example/ledger',
    key: 'env:LEDGER_KEY',
    checkpoints: {
      file: '/var/witness/shop',
      witness: 'https://witness.example/add',
      everyMs: 30_000,
      everyRows: 500,
    },
  });
});

test('an unreadable contract leaves a workspace to work with', async () => {
  const { diagnostics, workspace } = await testWorkspace({ [CONTRACT]: 'openapi: [' });
  expect(workspace.pipelineFiles.size).toBe(1);
  expect(diagnostics.some(({ file }) => file === CONTRACT)).toBe(true);
});

test('secrets are found in fixtures too, and not repeated in the finding', async () => {
  const secret = `sk_live_${'4eC39HqLyjWDarjtT1'}`;
  const { diagnostics } = await testWorkspace({
    'connectors/shop/fixtures/order.json': `{ "auth": "${secret}" }`,
  });
  expect(diagnostics.map(({ code, file }) => `${code} ${file}`)).toEqual([
    'secret-literal connectors/shop/fixtures/order.json',
  ]);
  expect(JSON.stringify(diagnostics)).not.toContain(secret);
});

describe('files on disk', () => {
  let root: string;
  beforeEach(async () => {
    root = await mkdtemp(path.join(tmpdir(), 'tenon-files-'));
  });
  afterEach(() => rm(root, { recursive: true }));

  test('a name that leads out of the root is not found', async () => {
    await writeFile(path.join(root, 'inside.txt'), 'a');
    const files = nodeWorkspaceFiles(path.join(root, '.'));
    expect(await files.read('inside.txt')).toBe('a');
    expect(await files.read('../inside.txt')).toBeUndefined();
    expect(await files.read('/etc/hostname')).toBeUndefined();
    expect(await files.files('..')).toEqual([]);
  });

  test('a link that leads out of the root is not followed', async () => {
    const outside = await mkdtemp(path.join(tmpdir(), 'tenon-outside-'));
    await writeFile(path.join(outside, 'secret.txt'), 'a');
    await symlink(outside, path.join(root, 'link'));
    expect(await nodeWorkspaceFiles(root).read('link/secret.txt')).toBeUndefined();
    await rm(outside, { recursive: true });
  });

  test('a missing folder has no files', async () => {
    expect(await nodeWorkspaceFiles(root).files('nowhere')).toEqual([]);
  });
});
