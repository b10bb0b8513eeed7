import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Secret } from '@tenon/model';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  type FaultServer,
  faultServer,
  json,
  operationPlan,
  transportContext,
} from '../http/fault-server.testing.ts';
import { httpTransport } from '../http/http-transport.ts';
import type { AuthScheme } from '../manifest.ts';
import { fileTokenVault, type TokenVault } from './token-vault.ts';

const scheme: AuthScheme = {
  id: 'o',
  type: 'oauth2',
  flow: 'refreshToken',
  rotation: 'singleUse',
  tokenUrl: '/oauth/token',
  clientAuth: 'body',
};

/** A server that spends every refresh token it is given and hands out the next; a spent one is refused. */
async function rotatingServer() {
  const state = { living: 'seed-1', issued: 0, valid: '' };
  const server = await faultServer((seen, response) => {
    if (!seen.url.startsWith('/oauth/token')) {
      json(response, seen.headers.authorization === `Bearer ${state.valid}` ? 200 : 401, {});
      return;
    }
    if (new URLSearchParams(seen.body).get('refresh_token') !== state.living) {
      json(response, 400, { error: 'invalid_grant' });
      return;
    }
    state.issued++;
    state.living = `rotated-${state.issued}-${state.living}`;
    state.valid = `access-${state.issued}`;
    json(response, 200, {
      access_token: state.valid,
      token_type: 'bearer',
      expires_in: 3600,
      refresh_token: state.living,
    });
  });
  return { ...server, state };
}

/** One process: a transport of its own over the same server, vault and provisioned token. */
function worker(
  server: FaultServer,
  tokens: TokenVault | undefined,
  provisioned = 'seed-1',
  auth: AuthScheme = scheme,
) {
  const base = transportContext(server.baseUrl, {
    credentials: { o: { clientId: 'env:ID', clientSecret: 'env:SECRET', refreshToken: 'env:REFRESH' } },
  });
  const transport = httpTransport({
    ...base,
    secrets: {
      resolve: async (reference) => new Secret(reference, reference === 'env:REFRESH' ? provisioned : 'x'),
    },
    ...(tokens && { tokens }),
  });
  return {
    call: () =>
      transport.call({
        operation: operationPlan({ auth: [auth], scopes: ['a', String(Math.random())] }),
        input: {},
      }),
    close: () => transport.close(),
  };
}

async function folder(): Promise<string> {
  const own = await mkdtemp(join(tmpdir(), 'tenon-tokens-'));
  onTestFinished(() => rm(own, { recursive: true }));
  return join(own, 'tokens');
}

describe('a single-use refresh token', () => {
  it('is spent once for fifty callers, whatever scopes their operations need', async () => {
    await using server = await rotatingServer();
    const first = worker(server, fileTokenVault(await folder()));
    const results = await Promise.all(Array.from({ length: 50 }, () => first.call()));
    expect(results.every(({ ok }) => ok)).toBe(true);
    expect(server.state.issued).toBe(1);
    await first.close();
  });

  it('is followed by its successor after a restart, and after a revoked access token', async () => {
    await using server = await rotatingServer();
    const tokens = fileTokenVault(await folder());
    const first = worker(server, tokens);
    expect(await first.call()).toMatchObject({ ok: true });
    server.state.valid = 'revoked';
    expect(await first.call()).toMatchObject({ ok: true });
    await first.close();
    const second = worker(server, tokens);
    expect(await second.call()).toMatchObject({ ok: true });
    expect(server.state.issued).toBe(3);
    await second.close();
  });

  it('is on disk before the access token that came with it is used, for its owner alone', async () => {
    await using server = await rotatingServer();
    const at = await folder();
    const order: string[] = [];
    const files = fileTokenVault(at);
    const run = worker(server, {
      load: files.load,
      save: async (key, value) => {
        order.push(`saved after ${server.seen.map(({ url }) => url).join(' ')}`);
        await files.save(key, value);
      },
    });
    await run.call();
    expect(order).toEqual(['saved after /oauth/token']);
    const [name, ...others] = await readdir(at);
    expect(others).toEqual([]);
    expect((await stat(join(at, name!))).mode & 0o777).toBe(0o600);
    expect(await readFile(join(at, name!), 'utf8')).toContain(server.state.living);
    await run.close();
  });

  it('gives way to one that an operator provisions anew', async () => {
    await using server = await rotatingServer();
    const tokens = fileTokenVault(await folder());
    const first = worker(server, tokens);
    await first.call();
    await first.close();
    server.state.living = 'seed-2';
    const old = worker(server, tokens);
    expect(await old.call()).toMatchObject({
      failure: { class: 'auth', code: 'AUTH_TOKEN_REFUSED', delivery: 'notSent' },
    });
    await old.close();
    const renewed = worker(server, tokens, 'seed-2');
    expect(await renewed.call()).toMatchObject({ ok: true });
    await renewed.close();
  });

  it('is not spent where nothing would keep the next one', async () => {
    await using server = await rotatingServer();
    const run = worker(server, undefined);
    expect(await run.call()).toMatchObject({
      failure: { class: 'auth', code: 'AUTH_TOKEN_STORE_MISSING', delivery: 'notSent' },
    });
    expect(server.seen).toEqual([]);
    await run.close();
  });

  it('whose successor cannot be saved fails the call unsent, and the successor is not lost', async () => {
    await using server = await rotatingServer();
    const files = fileTokenVault(await folder());
    let isFull = true;
    const run = worker(server, {
      load: files.load,
      save: (key, value) =>
        isFull ? Promise.reject(new Error('disk full at /secret')) : files.save(key, value),
    });
    const result = await run.call();
    expect(result).toMatchObject({ failure: { class: 'auth', code: 'AUTH_FAILED', delivery: 'notSent' } });
    expect(JSON.stringify(result)).not.toContain('disk full');
    expect(server.seen.map(({ url }) => url)).toEqual(['/oauth/token']);
    isFull = false;
    expect(await run.call()).toMatchObject({ ok: true });
    await run.close();
  });
});

it('one that is kept and cannot be opened is not replaced by the one that was spent for it', async () => {
  await using server = await rotatingServer();
  const refusal = { code: 'RUNTIME_KEY_MISSING', message: 'its key is not set' };
  const run = worker(server, fileTokenVault(await folder(), { refusal }));
  expect(await run.call()).toMatchObject({
    failure: {
      class: 'auth',
      code: 'AUTH_TOKEN_LOCKED',
      delivery: 'notSent',
      message: expect.stringContaining('its key is not set'),
    },
  });
  expect(server.state).toMatchObject({ living: 'seed-1', issued: 0 });
  await run.close();
});

it('one that may be used again is, where what is kept cannot be opened, and nothing is kept in clear', async () => {
  await using server = await rotatingServer();
  const at = await folder();
  const refusal = { code: 'RUNTIME_KEY_MISSING', message: 'its key is not set' };
  const run = worker(server, fileTokenVault(at, { refusal }), 'seed-1', { ...scheme, rotation: 'reusable' });
  expect(await run.call()).toMatchObject({ ok: true });
  await run.close();
  await expect(readdir(at)).rejects.toMatchObject({ code: 'ENOENT' });
});

describe('fileTokenVault', () => {
  it('gives nothing for a key that was never saved; of a file that was spoilt nothing is taken, nor spent, in its place', async () => {
    await using server = await rotatingServer();
    const at = await folder();
    const tokens = fileTokenVault(at);
    expect(await tokens.load('a/b')).toBeUndefined();
    const run = worker(server, tokens);
    expect(await run.call()).toMatchObject({ ok: true });
    await writeFile(join(at, 'other'), '');
    expect(JSON.parse((await tokens.load('things/o'))!)).toMatchObject({ token: server.state.living });
    await run.close();
    for (const spoilt of ['not json', '', '{"token":"rt-0"}']) {
      const { living } = server.state;
      const [file] = (await readdir(at)).filter((name) => name.endsWith('.token'));
      await writeFile(join(at, file!), spoilt);
      const next = worker(server, tokens);
      expect(await next.call()).toMatchObject({
        ok: false,
        failure: { code: 'AUTH_TOKEN_LOCKED', class: 'auth' },
      });
      expect(server.state.living).toBe(living);
      await next.close();
    }
  });
});
