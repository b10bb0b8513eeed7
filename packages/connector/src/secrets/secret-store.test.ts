import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type SecretUse, secretStore } from './secret-store.ts';

const purpose = { connection: 'billing', use: 'authenticate' };

async function store(env: Record<string, string> = {}) {
  const root = await mkdtemp(join(tmpdir(), 'tenon-secrets-'));
  onTestFinished(() => rm(root, { recursive: true }));
  const uses: SecretUse[] = [];
  const secrets = secretStore({
    env,
    root,
    readFile: (file) => readFile(file, 'utf8'),
    onSecretUse: (use) => uses.push(use),
  });
  return { root, uses, secrets };
}

describe('secretStore', () => {
  it('reads the environment, and files from its root, anew each time', async () => {
    const { root, secrets } = await store({ TOKEN: 'from-env' });
    await writeFile(join(root, 'token'), 'from-file\n');
    expect((await secrets.resolve('env:TOKEN', purpose)).reveal()).toBe('from-env');
    expect((await secrets.resolve('file:token', purpose)).reveal()).toBe('from-file');
    await writeFile(join(root, 'token'), 'rotated');
    expect((await secrets.resolve(`file:${root}/token`, purpose)).reveal()).toBe('rotated');
  });

  it.each([
    ['env:ABSENT', 'SECRET_ENV_UNSET'],
    ['env:EMPTY', 'SECRET_EMPTY'],
    ['env:toString', 'SECRET_ENV_UNSET'],
    ['file:absent', 'SECRET_FILE_UNREADABLE'],
  ] as const)('says why there is nothing behind %s', async (reference, code) => {
    const { secrets } = await store({ EMPTY: '' });
    await expect(secrets.resolve(reference, purpose)).rejects.toMatchObject({ code, reference });
  });

  it('records every use with its purpose, and never the value', async () => {
    const { uses, secrets } = await store({ TOKEN: 'hunter2' });
    const secret = await secrets.resolve('env:TOKEN', purpose);
    await secrets.resolve('env:NONE', purpose).catch(() => {});
    expect(uses).toEqual([
      { reference: 'env:TOKEN', purpose, found: true, isHeld: false },
      { reference: 'env:NONE', purpose, found: false, isHeld: false },
    ]);
    expect(inspect([uses, secret]) + JSON.stringify([uses, secret])).not.toContain('hunter2');
  });
});
