import { type Clock, Secret, type SecretReference } from '@tenon/model';
import { describe, expect, it } from 'vitest';
import {
  closedPort,
  faultServer,
  json,
  operationPlan,
  transportContext,
} from '../http/fault-server.testing.ts';
import { httpTransport } from '../http/http-transport.ts';
import { secretStore } from './secret-store.ts';
import { type VaultLogin, type VaultOptions, vaultManager } from './vault-manager.ts';
import { vaultServer } from './vault-server.testing.ts';

const secret = (text: string) => async () => new Secret('env:X', text);
const byToken: VaultLogin = { method: 'token', token: secret('root-token') };
const byRole: VaultLogin = {
  method: 'appRole',
  mount: 'approle',
  roleId: secret('role'),
  secretId: secret('secret-id'),
};
const byWorkload: VaultLogin = {
  method: 'kubernetes',
  mount: 'k8s/east',
  role: 'tenon',
  token: secret('workload-jwt'),
};

async function vault(login: VaultLogin, change: Partial<VaultOptions> = {}) {
  const server = await vaultServer();
  server.secrets['billing/api'] = [{ token: 'v1' }, { token: 'v2', other: 'x' }];
  const state = { nowMs: 1_000_000 };
  const clock: Clock = { now: () => state.nowMs, setTimer: () => () => {} };
  const manager = vaultManager({ address: server.address, login, keepMs: 60_000, clock, ...change });
  const store = secretStore({ env: {}, root: '/', readFile: async () => '', managers: { vault: manager } });
  const read = async (reference: SecretReference, isFresh = false) =>
    (await store.resolve(reference, { connection: 'billing', use: 'test' }, { isFresh })).reveal();
  return {
    server,
    state,
    store,
    read,
    [Symbol.asyncDispose]: async () => {
      await manager.close?.();
      await server[Symbol.asyncDispose]();
    },
  };
}

const TOKEN = 'vault:secret/billing/api#token';
const logins = (asked: readonly string[]) => asked.filter((line) => line.endsWith('/login')).length;

describe('secrets of a vault', () => {
  it.each([
    ['its own token', byToken, 'GET /v1/auth/token/lookup-self'],
    ['an AppRole', byRole, 'POST /v1/auth/approle/login'],
    ['a workload’s token', byWorkload, 'POST /v1/auth/k8s/east/login'],
  ])('are read with %s: one login and one question for fifty callers', async (_name, login, path) => {
    await using test = await vault(login);
    const values = await Promise.all(Array.from({ length: 50 }, () => test.read(TOKEN)));
    expect(new Set(values)).toEqual(new Set(['v2']));
    expect(test.server.asked).toEqual([path, 'GET /v1/secret/data/billing/api']);
    // Another field of the same secret is there already.
    expect(await test.read('vault:secret/billing/api#other')).toBe('x');
    expect(test.server.asked).toHaveLength(2);
  });

  it('have versions: the current, the one before, one by number', async () => {
    await using test = await vault(byToken);
    expect(await test.read(`${TOKEN}@previous`)).toBe('v1');
    expect(await test.read(`${TOKEN}@1`)).toBe('v1');
    expect(await test.read(TOKEN)).toBe('v2');
    test.server.secrets['billing/api'] = [{ token: 'only' }];
    await expect(test.read(`${TOKEN}@previous`, true)).rejects.toMatchObject({ code: 'SECRET_NOT_FOUND' });
  });

  it('are kept for a while, and asked for anew where what is kept was refused', async () => {
    await using test = await vault(byToken);
    await test.read(TOKEN);
    test.server.secrets['billing/api']!.push({ token: 'v3' });
    expect(await test.read(TOKEN)).toBe('v2');
    expect(await test.read(TOKEN, true)).toBe('v3');
    test.server.secrets['billing/api']!.push({ token: 'v4' });
    test.state.nowMs += 60_000;
    expect(await test.read(TOKEN)).toBe('v4');
  });

  it('are read in their namespace', async () => {
    await using test = await vault(byRole, { namespace: 'team-a' });
    test.server.namespace = 'team-a';
    expect(await test.read(TOKEN)).toBe('v2');
  });

  it.each([
    ['a path', 'vault:secret/other#token', 'SECRET_NOT_FOUND', false],
    ['a field', 'vault:secret/billing/api#none', 'SECRET_NOT_FOUND', false],
    ['an inherited field', 'vault:secret/billing/api#toString', 'SECRET_NOT_FOUND', false],
    ['a deleted version', 'vault:secret/deleted#token', 'SECRET_NOT_FOUND', false],
  ] as const)('that are not there say so: %s', async (_name, reference, code, isRetryable) => {
    await using test = await vault(byToken);
    test.server.secrets['deleted'] = [null];
    await expect(test.read(reference)).rejects.toMatchObject({ code, reference, isRetryable });
  });

  it.each([
    [503, 'SECRET_STORE_UNAVAILABLE', true],
    [429, 'SECRET_STORE_UNAVAILABLE', true],
    [307, 'SECRET_STORE_UNAVAILABLE', true],
    [403, 'SECRET_STORE_REFUSED', false],
  ])('behind an answer %i: %s, and nothing of the answer is told', async (status, code, isRetryable) => {
    await using test = await vault(byRole);
    test.server.trouble = status;
    const error: unknown = await test.read(TOKEN).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code, isRetryable });
    expect(String(error)).not.toContain('hunter2');
    delete test.server.trouble;
    expect(await test.read(TOKEN)).toBe('v2');
  });

  it('of a vault that is not there may be asked for again', async () => {
    await using test = await vault(byToken, { address: `http://127.0.0.1:${await closedPort()}` });
    await expect(test.read(TOKEN)).rejects.toMatchObject({
      code: 'SECRET_STORE_UNAVAILABLE',
      isRetryable: true,
    });
  });
});

describe('a session with a vault', () => {
  it('is renewed when two thirds of its lease are over, once for fifty callers', async () => {
    await using test = await vault(byRole, { keepMs: 0 });
    await test.read(TOKEN);
    test.state.nowMs += 2_399_000;
    await test.read(TOKEN);
    expect(test.server.asked.filter((line) => line.includes('renew'))).toHaveLength(0);
    test.state.nowMs += 2_000;
    await Promise.all(Array.from({ length: 50 }, () => test.read(TOKEN)));
    expect(test.server.asked.filter((line) => line.includes('renew'))).toHaveLength(1);
    expect(logins(test.server.asked)).toBe(1);
  });

  it.each([
    ['cannot be renewed', (server: { renewable: boolean }) => (server.renewable = false)],
    ['is over', () => {}],
  ])('that %s is begun anew', async (_name, change) => {
    await using test = await vault(byRole, { keepMs: 0 });
    change(test.server);
    await test.read(TOKEN);
    test.state.nowMs += 3_600_000;
    expect(await test.read(TOKEN)).toBe('v2');
    expect(logins(test.server.asked)).toBe(2);
  });

  it('that was revoked is begun anew, and the question asked once more', async () => {
    await using test = await vault(byRole, { keepMs: 0 });
    await test.read(TOKEN);
    test.server.revoke();
    expect(await test.read(TOKEN)).toBe('v2');
    expect(logins(test.server.asked)).toBe(2);
    test.server.revoke();
    test.server.closed = true;
    await expect(test.read(TOKEN)).rejects.toMatchObject({ code: 'SECRET_STORE_REFUSED' });
  });
});

describe('a rotation in the vault', () => {
  /** A service that takes one token, and a connection to it whose token the vault keeps. */
  async function rotation() {
    const held = await vault(byRole);
    const state = { taken: 'v2' };
    const server = await faultServer((seen, response) =>
      json(response, seen.headers.authorization === `Bearer ${state.taken}` ? 200 : 401, {}),
    );
    const connection = { credentials: { key: { token: TOKEN } } } as const;
    const made = () =>
      httpTransport({ ...transportContext(server.baseUrl, connection), secrets: held.store });
    const transports = [made()];
    const operation = operationPlan({ auth: [{ id: 'key', type: 'bearer' }] });
    const call = () => transports.at(-1)!.call({ operation, input: {} });
    return {
      held,
      state,
      server,
      call,
      restart: () => transports.push(made()),
      [Symbol.asyncDispose]: async () => {
        await Promise.all(transports.map((transport) => transport.close()));
        await held[Symbol.asyncDispose]();
        await server[Symbol.asyncDispose]();
      },
    };
  }

  it('fails no call under load, whichever side learns of it first', async () => {
    await using test = await rotation();
    let failed = 0;
    const load = async (count: number) => {
      const results = await Promise.all(Array.from({ length: count }, test.call));
      failed += results.filter(({ ok }) => !ok).length;
    };
    await load(20);
    // The service first: it takes v3 only, and the store has it a moment later than never.
    test.held.server.secrets['billing/api']!.push({ token: 'v3' });
    test.state.taken = 'v3';
    await load(20);
    // The store first, and this process reads it anew: the service still takes the one before.
    test.held.server.secrets['billing/api']!.push({ token: 'v4' });
    test.restart();
    test.held.state.nowMs += 60_000;
    await load(20);
    // Now the service has learned of it too.
    test.state.taken = 'v4';
    await load(20);
    expect(failed).toBe(0);
  });

  it('that leaves no version that the service takes is told as what it is, after one try of each', async () => {
    await using test = await rotation();
    test.state.taken = 'another';
    expect(await test.call()).toMatchObject({ failure: { class: 'auth', status: 401 } });
    expect(test.server.seen.map(({ headers }) => headers.authorization)).toEqual(['Bearer v2', 'Bearer v1']);
  });
});
