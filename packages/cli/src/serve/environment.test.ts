import { rm } from 'node:fs/promises';
import type { WorkspaceConfig } from '@tenon/pipeline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { doctorCommand } from '../commands/doctor.ts';
import { serveCommand } from '../commands/serve.ts';
import { exit } from '../exit.ts';
import { initFolder } from '../testing/init-folder.ts';
import { runCommand } from '../testing/run-command.ts';
import { unsetVariables, unsetWords } from './environment.ts';

/** As far as variables are named in it. */
const CONFIG = {
  engine: { type: 'embedded', file: 'x', encryption: { keys: [{ id: 'a', key: 'env:DATA_KEY' }] } },
  server: { host: '::1', port: 1, operators: [{ name: 'ana', role: 'viewer', token: 'env:ANA' }] },
  ledger: { checkpoints: { witness: 'env:WITNESS' } },
  secrets: { vault: { address: 'env:VAULT', login: { method: 'token', token: 'env:VAULT_TOKEN' } } },
  connections: {
    'shop.eu': {
      baseUrl: 'env:SHOP_URL',
      tokenUrls: { key: 'env:SHOP_TOKENS' },
      credentials: { key: { token: 'env:SHOP_KEY' } },
      webhookSecrets: ['env:OLD', 'vault:a/b', 'env:NEW'],
    },
    other: { baseUrl: 'https://a.example', credentials: { key: { token: 'env:SHOP_KEY' } } },
  },
  // The parts that name no variable are not looked at.
} as unknown as WorkspaceConfig;

describe('the environment variables of a configuration', () => {
  it('are all found, each once, with all that name it', () => {
    const unset = unsetVariables(CONFIG, { env: { ANA: 'x', OLD: 'x', NEW: '' } });
    expect(unset.map(({ name, places, isNeeded }) => [name, isNeeded, ...places])).toEqual([
      ['DATA_KEY', true, 'engine.encryption.keys[0].key'],
      ['WITNESS', true, 'ledger.checkpoints.witness'],
      ['VAULT', false, 'secrets.vault.address'],
      ['VAULT_TOKEN', false, 'secrets.vault.login.token'],
      ['SHOP_URL', true, 'connections.shop.eu.baseUrl'],
      ['SHOP_TOKENS', true, 'connections.shop.eu.tokenUrls.key'],
      [
        'SHOP_KEY',
        false,
        'connections.shop.eu.credentials.key.token',
        'connections.other.credentials.key.token',
      ],
      ['NEW', false, 'connections.shop.eu.webhookSecrets[2]'],
    ]);
  });

  it('are needed where what is needed is kept by the manager that names them', () => {
    const needed = (config: object) =>
      unsetVariables({ ...CONFIG, ...config } as WorkspaceConfig, { env: {} })
        .filter(({ name, isNeeded }) => isNeeded && name.startsWith('VAULT'))
        .map(({ name }) => name);
    const kept = { encryption: { keys: [{ id: 'a', key: 'vault:data/keys#a' }] } };
    expect(needed({ engine: kept })).toEqual(['VAULT', 'VAULT_TOKEN']);
    expect(needed({ quotas: { redis: 'redis://a', password: 'vault:data/quotas#p' } })).toHaveLength(2);
    expect(needed({ engine: { encryption: { keys: [{ id: 'a', key: 'aws:keys' }] } } })).toEqual([]);
    expect(needed({}), 'a connection reads its own when it calls').toEqual([]);
  });

  it('are said in one go, and whether it starts without them', () => {
    const [key, witness] = unsetVariables(CONFIG, { env: {} });
    expect(unsetWords([key!])).toMatch(/^not started: 1 environment variable of .* is not set\n/);
    const goesOn = unsetWords([
      { ...key!, isNeeded: false },
      { ...witness!, isNeeded: false },
    ]);
    expect(goesOn).toMatch(/^2 environment variables of .* are not set: what uses them fails/);
    expect(goesOn).not.toContain('not started');
  });
});

describe('a workspace whose variables are not set', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await initFolder('environment');
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('is not served, and all of them are named once', async () => {
    const { code, out, err } = await runCommand([serveCommand], ['serve'], { cwd: folder });
    expect([code, out]).toEqual([exit.failed, '']);
    expect(err).toContain('not started: 3 environment variables');
    for (const name of ['SHOP_URL', 'SHOP_KEY', 'SHOP_WEBHOOK_SECRET'])
      expect(err.split(name), name).toHaveLength(2);
    expect(err).toMatch(/SHOP_URL +to start +connections\.shop\.baseUrl/);
    expect(err).toMatch(/SHOP_KEY +when used/);
  });

  it('is told so by doctor, by connection', async () => {
    const env = { SHOP_URL: 'http://127.0.0.1:1' };
    const { out } = await runCommand([doctorCommand], ['doctor'], { cwd: folder, env });
    expect(out).toContain('✗ connection shop: not set: SHOP_KEY, SHOP_WEBHOOK_SECRET');
  });
});
