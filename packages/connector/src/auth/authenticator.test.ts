import { Secret, type SecretReference } from '@tenon/model';
import { describe, expect, it } from 'vitest';
import {
  type FaultServer,
  faultServer,
  json,
  operationPlan,
  transportContext,
} from '../http/fault-server.testing.ts';
import { httpTransport } from '../http/http-transport.ts';
import type { AuthScheme } from '../manifest.ts';
import { SecretUnavailableError, type SecretUse } from '../secrets/secret-store.ts';
import type { ConnectionConfig, Transport } from '../transport.ts';

const oauth: AuthScheme = {
  id: 'o',
  type: 'oauth2',
  flow: 'clientCredentials',
  tokenUrl: '/oauth/token',
  clientAuth: 'basic',
};
const oauthCredentials = { o: { clientId: 'env:ID', clientSecret: 'env:SECRET' } } as const;

/** A server whose tokens can be revoked, and a transport to it whose secrets can be rotated. */
async function issuer(change: Partial<ConnectionConfig> = {}, answer: Record<string, unknown> = {}) {
  const state = { valid: '', issued: 0, refuseAll: false, delayMs: 0 };
  const secrets: Record<string, string> = { 'env:ID': 'id', 'env:SECRET': 's:1' };
  const server = await faultServer((seen, response) => {
    if (seen.url.startsWith('/oauth/token')) {
      state.issued++;
      state.valid = `token-${state.issued}`;
      const token = { access_token: state.valid, token_type: 'Bearer', expires_in: 3600, ...answer };
      setTimeout(() => json(response, 200, token), state.delayMs);
    } else if (!state.refuseAll && seen.headers.authorization === `Bearer ${state.valid}`)
      json(response, 200, {});
    else json(response, 401, {});
  });
  const base = transportContext(server.baseUrl, { credentials: oauthCredentials, ...change });
  const transport = httpTransport({
    ...base,
    secrets: {
      resolve: async (reference: SecretReference) => new Secret(reference, secrets[reference] ?? 'x'),
    },
  });
  return {
    state,
    secrets,
    server,
    transport,
    [Symbol.asyncDispose]: async () => {
      await server[Symbol.asyncDispose]();
      await transport.close();
    },
  };
}

describe('a connection with a token URL of its own', () => {
  const elsewhere = async (url: (tokens: FaultServer) => string, call = oauth) => {
    const tokens = await faultServer((_seen, response) =>
      json(response, 200, { access_token: 'from elsewhere', token_type: 'Bearer' }),
    );
    await using test = await issuer({ tokenUrls: { o: url(tokens) } });
    test.state.valid = 'from elsewhere';
    const result = await callWith(test.transport, [call]);
    const seen = tokens.seen.map((request) => request.url);
    const asked = tokenRequests(test.server).length;
    await tokens[Symbol.asyncDispose]();
    return { result, seen, asked };
  };

  it('asks there and not where the manifest says, whose `egress` does not have that host', async () => {
    expect(await elsewhere(({ baseUrl }) => `${baseUrl}/v2/token`)).toMatchObject({
      result: { ok: true },
      seen: ['/v2/token'],
      asked: 0,
    });
  });

  it.each([
    ['no URL', () => 'tokens.example'],
    ['no HTTP', () => 'ftp://127.0.0.1/token'],
    ['with credentials in it', ({ baseUrl }: FaultServer) => baseUrl.replace('//', '//id:secret@')],
  ])('is refused where it is %s', async (_what, url) => {
    expect(await elsewhere(url)).toMatchObject({
      result: { ok: false, failure: { code: 'AUTH_TOKEN_REFUSED', delivery: 'notSent' } },
      seen: [],
      asked: 0,
    });
  });

  it('is of its scheme alone', async () => {
    expect(await elsewhere(({ baseUrl }) => baseUrl, { ...oauth, id: 'other' })).toMatchObject({ seen: [] });
  });
});

function tokenRequests(server: FaultServer) {
  return server.seen.filter(({ url }) => url === '/oauth/token');
}

function callWith(transport: Transport, schemes: readonly AuthScheme[], scopes: readonly string[] = []) {
  return transport.call({ operation: operationPlan({ auth: schemes, scopes }), input: {} });
}

describe('static credentials', () => {
  const credentials = {
    key: { value: 'env:KEY' },
    token: { token: 'env:TOKEN' },
    login: { username: 'env:USER', password: 'env:PASSWORD' },
  } as const;

  it.each<[AuthScheme, (seen: { url: string; headers: Record<string, unknown> }) => unknown, string]>([
    [{ id: 'key', type: 'apiKey', in: 'header', name: 'X-Key' }, (seen) => seen.headers['x-key'], 'k&1'],
    [
      { id: 'key', type: 'apiKey', in: 'header', name: 'Authorization', prefix: 'Token ' },
      (seen) => seen.headers['authorization'],
      'Token k&1',
    ],
    [
      { id: 'key', type: 'apiKey', in: 'query', name: 'api key' },
      (seen) => seen.url,
      '/things?api%20key=k%261',
    ],
    [{ id: 'key', type: 'apiKey', in: 'cookie', name: 'sid' }, (seen) => seen.headers['cookie'], 'sid=k%261'],
    [{ id: 'token', type: 'bearer' }, (seen) => seen.headers['authorization'], 'Bearer t'],
    [
      { id: 'login', type: 'basic' },
      (seen) => seen.headers['authorization'],
      `Basic ${Buffer.from('u:p').toString('base64')}`,
    ],
  ])('%j is put on the request', async (scheme, read, expected) => {
    await using test = await issuer({
      credentials: { [scheme.id]: credentials[scheme.id as keyof typeof credentials] },
    });
    Object.assign(test.secrets, { 'env:KEY': 'k&1', 'env:TOKEN': 't', 'env:USER': 'u', 'env:PASSWORD': 'p' });
    await callWith(test.transport, [scheme]);
    expect(read(test.server.seen[0]!)).toBe(expected);
  });

  it('are missing: not sent, and the message says which', async () => {
    await using test = await issuer({ credentials: {} });
    expect(await callWith(test.transport, [{ id: 'key', type: 'bearer' }])).toMatchObject({
      failure: { class: 'auth', code: 'AUTH_CREDENTIALS_MISSING', delivery: 'notSent' },
    });
    expect(test.server.seen).toEqual([]);
  });

  it('that were rotated are read again after a 401, once; unchanged ones are not sent twice', async () => {
    await using test = await issuer({ credentials: { token: { token: 'env:TOKEN' } } });
    test.state.valid = 'new';
    test.secrets['env:TOKEN'] = 'old';
    expect(await callWith(test.transport, [{ id: 'token', type: 'bearer' }])).toMatchObject({
      failure: { class: 'auth', status: 401 },
    });
    expect(test.server.seen).toHaveLength(1);
    test.secrets['env:TOKEN'] = 'new';
    expect(await callWith(test.transport, [{ id: 'token', type: 'bearer' }])).toMatchObject({ ok: true });
    expect(test.server.seen).toHaveLength(3);
  });
});

describe('uses of secrets', () => {
  it.each<[string, AuthScheme, ConnectionConfig['credentials']]>([
    ['a static secret', { id: 'token', type: 'bearer' }, { token: { token: 'env:TOKEN' } }],
    ['an exchanged one', oauth, oauthCredentials],
  ])('%s: each call’s is told of with whom it was for, held or read', async (_name, scheme, credentials) => {
    await using server = await faultServer((seen, response) =>
      json(
        response,
        200,
        seen.url === '/oauth/token' ? { access_token: 't', token_type: 'Bearer', expires_in: 60 } : {},
      ),
    );
    const uses: SecretUse[] = [];
    const base = transportContext(server.baseUrl, { credentials });
    const transport = httpTransport({
      ...base,
      onSecretUse: (use) => uses.push(use),
      secrets: {
        resolve: async (reference, purpose) => {
          uses.push({ reference, purpose, found: true, isHeld: false });
          return new Secret(reference, 'hunter2');
        },
      },
    });
    const operation = operationPlan({ auth: [scheme] });
    for (const step of ['first', 'second'])
      await transport.call({ operation, input: {}, origin: { pipeline: 'p', runId: 'r', step } });
    await transport.close();
    const references = Object.values(credentials[scheme.id]!);
    for (const [step, isHeld] of [
      ['first', false],
      ['second', true],
    ] as const)
      expect(uses.filter(({ purpose }) => purpose.origin?.step === step)).toEqual(
        references.map((reference) => ({
          reference,
          purpose: { connection: 'things', use: 'authenticate', origin: { pipeline: 'p', runId: 'r', step } },
          found: true,
          isHeld,
        })),
      );
    expect(JSON.stringify(uses)).not.toContain('hunter2');
  });
});

describe('secrets that cannot be had', () => {
  it.each([
    [new SecretUnavailableError('SECRET_ENV_UNSET', 'env:TOKEN', 'set TOKEN'), 'SECRET_ENV_UNSET'],
    [new Error('vault said hunter2'), 'SECRET_UNAVAILABLE'],
  ])('%s: nothing is sent, and nothing foreign is told', async (error, code) => {
    await using server = await faultServer((_seen, response) => json(response, 200, {}));
    const base = transportContext(server.baseUrl, { credentials: { token: { token: 'env:TOKEN' } } });
    const transport = httpTransport({ ...base, secrets: { resolve: () => Promise.reject(error) } });
    const result = await callWith(transport, [{ id: 'token', type: 'bearer' }]);
    expect(result).toMatchObject({ failure: { class: 'auth', code, delivery: 'notSent' } });
    expect(JSON.stringify(result)).not.toContain('hunter2');
    await transport.close();
  });
});

describe('client credentials', () => {
  it('whose token URL is none fail as such', async () => {
    await using test = await issuer();
    expect(await callWith(test.transport, [{ ...oauth, tokenUrl: 'http://[' }])).toMatchObject({
      failure: { class: 'auth', code: 'AUTH_FAILED', delivery: 'notSent' },
    });
  });

  it('are exchanged once for 50 callers', async () => {
    await using test = await issuer();
    test.state.delayMs = 30;
    const results = await Promise.all(Array.from({ length: 50 }, () => callWith(test.transport, [oauth])));
    expect(results.every(({ ok }) => ok)).toBe(true);
    expect(tokenRequests(test.server)).toHaveLength(1);
    // RFC 6749 §2.3.1: both are form-encoded before they are joined.
    expect(tokenRequests(test.server)[0]?.headers.authorization).toBe(
      `Basic ${Buffer.from('id:s%3A1').toString('base64')}`,
    );
  });

  it('are renewed once for 50 callers whose token was revoked, and each is sent once more', async () => {
    await using test = await issuer();
    await callWith(test.transport, [oauth]);
    test.state.valid = 'revoked';
    test.server.seen.length = 0;
    const results = await Promise.all(Array.from({ length: 50 }, () => callWith(test.transport, [oauth])));
    expect(results.every(({ ok }) => ok)).toBe(true);
    expect(tokenRequests(test.server)).toHaveLength(1);
    expect(test.server.seen).toHaveLength(1 + 50 + 50);
  });

  it('are refused for good after one renewal', async () => {
    await using test = await issuer();
    test.state.refuseAll = true;
    expect(await callWith(test.transport, [oauth])).toMatchObject({
      failure: { class: 'auth', delivery: 'answered', status: 401 },
    });
    expect(test.server.seen.filter(({ url }) => url === '/things')).toHaveLength(2);
  });

  it('ask for the scopes of the operation and no more', async () => {
    await using test = await issuer();
    await callWith(test.transport, [oauth], ['things.read']);
    await callWith(test.transport, [oauth], ['things.read']);
    await callWith(test.transport, [oauth], ['things.write']);
    expect(tokenRequests(test.server).map(({ body }) => new URLSearchParams(body).get('scope'))).toEqual([
      'things.read',
      'things.write',
    ]);
  });

  it.each([
    [
      'refused',
      401,
      { error: 'invalid_client', error_description: 'secret s:1 is wrong' },
      'auth',
      'AUTH_TOKEN_REFUSED',
    ],
    ['unavailable', 503, {}, 'transient', 'AUTH_TOKEN_UNAVAILABLE'],
    ['nonsense', 200, { hello: 1 }, 'auth', 'AUTH_TOKEN_REFUSED'],
    ['refused by a code that quotes', 400, { error: 'no s:1 here' }, 'auth', 'AUTH_TOKEN_REFUSED'],
    [
      'of a type that quotes',
      200,
      { access_token: 't', token_type: 'Basic s:1' },
      'auth',
      'AUTH_TOKEN_REFUSED',
    ],
  ])(
    'whose token is %s: nothing is sent, nothing is told',
    async (_name, status, body, failureClass, code) => {
      await using test = await issuer();
      test.server.handler = (_seen, response) => json(response, status, body);
      const result = await callWith(test.transport, [oauth]);
      expect(result).toMatchObject({ failure: { class: failureClass, code, delivery: 'notSent' } });
      expect(JSON.stringify(result)).not.toContain('s:1');
      expect(test.server.seen.every(({ url }) => url === '/oauth/token')).toBe(true);
    },
  );

  it('that are slow to be renewed do not hold a caller past its deadline, and the refused call counts as unsent', async () => {
    await using test = await issuer();
    await callWith(test.transport, [oauth]);
    test.state.valid = 'revoked';
    test.state.delayMs = 3_000;
    const operation = operationPlan({ auth: [oauth], timeoutMs: 200 });
    const startedAtMs = Date.now();
    expect(await test.transport.call({ operation, input: {} })).toMatchObject({
      failure: { class: 'timeout', delivery: 'notSent' },
    });
    expect(Date.now() - startedAtMs).toBeLessThan(2_000);
  });

  it('whose secret was rotated are shown with what the store has now, and then with the one before', async () => {
    await using test = await issuer();
    let taken = 's:1';
    const answer = test.server.handler;
    test.server.handler = (seen, response, request) => {
      const basic = `Basic ${Buffer.from(`id:${encodeURIComponent(taken)}`).toString('base64')}`;
      if (seen.url === '/oauth/token' && seen.headers.authorization !== basic)
        json(response, 401, { error: 'invalid_client' });
      else answer(seen, response, request);
    };
    expect(await callWith(test.transport, [oauth])).toMatchObject({ ok: true });
    test.secrets['env:SECRET'] = taken = 's:2';
    test.state.valid = 'revoked';
    expect(await callWith(test.transport, [oauth])).toMatchObject({ ok: true });
    // Back: the server takes the one before only, which is still held.
    taken = 's:1';
    test.state.valid = 'revoked';
    expect(await callWith(test.transport, [oauth])).toMatchObject({ ok: true });
  });

  it('do not hold a caller past its deadline', async () => {
    await using test = await issuer();
    test.server.handler = () => {};
    const operation = operationPlan({ auth: [oauth], timeoutMs: 100 });
    expect(await test.transport.call({ operation, input: {} })).toMatchObject({
      failure: { class: 'timeout', delivery: 'notSent' },
    });
  });
});
