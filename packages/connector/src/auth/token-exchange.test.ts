import { Secret } from '@tenon/model';
import { describe, expect, it } from 'vitest';
import { faultServer, json, operationPlan, transportContext } from '../http/fault-server.testing.ts';
import { httpTransport } from '../http/http-transport.ts';
import type { AuthScheme } from '../manifest.ts';
import type { ConnectionConfig } from '../transport.ts';

type OAuth = Extract<AuthScheme, { type: 'oauth2' }>;
const scheme: OAuth = {
  id: 'x',
  type: 'oauth2',
  flow: 'tokenExchange',
  tokenUrl: '/token',
  clientAuth: 'none',
  audience: 'things',
};
const credentials = { clientId: 'env:ID', subjectToken: 'file:workload' } as const;

async function issuer(change: Partial<OAuth> = {}, more: ConnectionConfig['credentials'][string] = {}) {
  const secrets: Record<string, string> = { 'env:ID': 'us', 'file:workload': 'w1', 'file:actor': 'a1' };
  const state = { valid: '', refuse: false };
  const server = await faultServer((seen, response) => {
    if (seen.url === '/token') {
      if (state.refuse) return json(response, 400, { error: 'invalid_request', error_description: 'w1' });
      state.valid = `token-${server.seen.filter(({ url }) => url === '/token').length}`;
      return json(response, 200, {
        access_token: state.valid,
        issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
        token_type: 'Bearer',
        expires_in: 600,
      });
    }
    return json(response, seen.headers.authorization === `Bearer ${state.valid}` ? 200 : 401, {});
  });
  const transport = httpTransport({
    ...transportContext(server.baseUrl, { credentials: { x: { ...credentials, ...more } } }),
    secrets: { resolve: async (reference) => new Secret(reference, secrets[reference] ?? 'x') },
  });
  const operation = operationPlan({ auth: [{ ...scheme, ...change }], scopes: ['things.read'] });
  return {
    server,
    secrets,
    state,
    call: () => transport.call({ operation, input: {} }),
    asked: () =>
      server.seen
        .filter(({ url }) => url === '/token')
        .map(({ body }) => Object.fromEntries(new URLSearchParams(body))),
    [Symbol.asyncDispose]: async () => {
      await transport.close();
      await server[Symbol.asyncDispose]();
    },
  };
}

describe('a token exchange (RFC 8693)', () => {
  it('gives the token that it has for one of the service, once for fifty callers', async () => {
    await using test = await issuer();
    const results = await Promise.all(Array.from({ length: 50 }, test.call));
    expect(results.every(({ ok }) => ok)).toBe(true);
    expect(test.asked()).toEqual([
      {
        grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
        client_id: 'us',
        subject_token: 'w1',
        subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
        audience: 'things',
        scope: 'things.read',
      },
    ]);
  });

  it('says on whose behalf and what it asks for, where the manifest does', async () => {
    const type = 'urn:ietf:params:oauth:token-type:access_token';
    await using test = await issuer(
      {
        subjectTokenType: type,
        actorTokenType: type,
        requestedTokenType: type,
        resource: 'https://x.example/',
      },
      { actorToken: 'file:actor' },
    );
    expect(await test.call()).toMatchObject({ ok: true });
    expect(test.asked()[0]).toMatchObject({
      subject_token_type: type,
      actor_token: 'a1',
      actor_token_type: type,
      requested_token_type: type,
      resource: 'https://x.example/',
    });
  });

  it('reads the token that it gives anew each time: a workload’s lives for minutes', async () => {
    await using test = await issuer();
    await test.call();
    test.secrets['file:workload'] = 'w2';
    test.state.valid = 'revoked';
    const results = await Promise.all(Array.from({ length: 50 }, test.call));
    expect(results.every(({ ok }) => ok)).toBe(true);
    expect(test.asked().map((asked) => asked['subject_token'])).toEqual(['w1', 'w2']);
  });

  it('that is refused sends nothing and tells nothing', async () => {
    await using test = await issuer();
    test.state.refuse = true;
    const result = await test.call();
    expect(result).toMatchObject({
      failure: { class: 'auth', code: 'AUTH_TOKEN_REFUSED', delivery: 'notSent' },
    });
    expect(JSON.stringify(result)).not.toContain('w1');
    expect(test.server.seen.every(({ url }) => url === '/token')).toBe(true);
  });
});
