import { systemClock } from '@tenon/model';
import { describe, expect, it } from 'vitest';
import { awsManager, gcpManager } from './cloud-managers.ts';
import { secretStore } from './secret-store.ts';

const purpose = { connection: 'billing', use: 'test' };
const named = (name: string, code?: number) => Object.assign(new Error('hunter2'), { name, code });

/** The vendor's library, as far as it is used: each asks what was asked and answers from `versions`. */
const asked: unknown[] = [];
const state: { trouble?: Error } = {};
const aws = {
  GetSecretValueCommand: class {
    readonly input: { readonly SecretId: string; readonly VersionStage?: string };
    constructor(input: { readonly SecretId: string; readonly VersionStage?: string }) {
      this.input = input;
    }
  },
  SecretsManagerClient: class {
    async send({ input }: InstanceType<typeof aws.GetSecretValueCommand>) {
      asked.push(input);
      if (state.trouble) throw state.trouble;
      const version = input.VersionStage === 'AWSPREVIOUS' ? 'v1' : 'v2';
      return input.SecretId === 'plain'
        ? { SecretBinary: Buffer.from(version) }
        : { SecretString: JSON.stringify({ key: version }) };
    }
    destroy(): void {}
  },
};
const gcp = {
  SecretManagerServiceClient: class {
    async accessSecretVersion({ name }: { readonly name: string }) {
      asked.push(name);
      if (state.trouble) throw state.trouble;
      const number = name.endsWith('latest') ? 7 : Number(name.split('/').at(-1));
      return [{ name: name.replace('latest', '7'), payload: { data: Buffer.from(`v${number}`) } }];
    }
    async close(): Promise<void> {}
  },
};

function store(load: (library: string) => Promise<unknown>) {
  asked.length = 0;
  delete state.trouble;
  const options = { clock: systemClock, keepMs: 60_000, load };
  return secretStore({
    env: {},
    root: '/',
    readFile: async () => '',
    managers: {
      aws: awsManager({ ...options, region: 'eu-west-1' }),
      gcp: gcpManager({ ...options, project: 'p' }),
    },
  });
}
const installed = () => store(async (library) => (library.startsWith('@aws') ? aws : gcp));

describe('secrets of cloud managers', () => {
  it.each([
    ['aws:prod/billing#key', 'v2'],
    ['aws:prod/billing#key@previous', 'v1'],
    ['aws:plain', 'v2'],
    ['gcp:billing', 'v7'],
    ['gcp:billing@previous', 'v6'],
    ['gcp:projects/other/secrets/billing@3', 'v3'],
  ] as const)('%s is %s, asked for once for fifty callers', async (reference, value) => {
    const secrets = installed();
    const values = await Promise.all(
      Array.from({ length: 50 }, async () => (await secrets.resolve(reference, purpose)).reveal()),
    );
    expect(new Set(values)).toEqual(new Set([value]));
    expect(asked.length).toBe(reference === 'gcp:billing@previous' ? 2 : 1);
    await secrets.resolve(reference, purpose, { isFresh: true });
    expect(asked.length).toBeGreaterThan(reference === 'gcp:billing@previous' ? 2 : 1);
  });

  it.each([
    ['aws:prod/billing#none', undefined, 'SECRET_NOT_FOUND'],
    ['aws:plain#key', undefined, 'SECRET_NOT_FOUND'],
    ['aws:prod/billing', named('ResourceNotFoundException'), 'SECRET_NOT_FOUND'],
    ['aws:prod/billing', named('AccessDeniedException'), 'SECRET_STORE_REFUSED'],
    ['aws:prod/billing', named('TimeoutError'), 'SECRET_STORE_UNAVAILABLE'],
    ['gcp:billing', named('Error', 5), 'SECRET_NOT_FOUND'],
    ['gcp:billing', named('Error', 7), 'SECRET_STORE_REFUSED'],
    ['gcp:billing', named('Error', 14), 'SECRET_STORE_UNAVAILABLE'],
  ] as const)(
    '%s behind %s: %s, and nothing of the library’s own words',
    async (reference, trouble, code) => {
      const secrets = installed();
      if (trouble) state.trouble = trouble;
      const error: unknown = await secrets.resolve(reference, purpose).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code, isRetryable: code === 'SECRET_STORE_UNAVAILABLE' });
      expect(String(error)).not.toMatch(/hunter2|v[0-9]/);
    },
  );

  it.each([
    ['aws:prod/billing', 'npm install @aws-sdk/client-secrets-manager'],
    ['gcp:billing', 'npm install @google-cloud/secret-manager'],
  ] as const)(
    '%s without its library says what to install, and works once it is there',
    async (reference, says) => {
      let isThere = false;
      const secrets = store(async (library) => {
        if (!isThere) throw new Error(`Cannot find package ${library}`);
        return library.startsWith('@aws') ? aws : gcp;
      });
      await expect(secrets.resolve(reference, purpose)).rejects.toMatchObject({
        code: 'SECRET_STORE_NOT_INSTALLED',
        message: expect.stringContaining(says),
      });
      isThere = true;
      expect(await secrets.resolve(reference, purpose)).toBeDefined();
    },
  );

  it.each(['vault:secret/x#y', 'aws:x', 'gcp:x'] as const)('%s of no manager says so', async (reference) => {
    const secrets = secretStore({ env: {}, root: '/', readFile: async () => '' });
    await expect(secrets.resolve(reference, purpose)).rejects.toMatchObject({
      code: 'SECRET_STORE_UNCONFIGURED',
      reference,
    });
  });
});
