import { generateKeyPairSync } from 'node:crypto';
import { Secret } from '@tenon/model';
import { type CryptoKey, importSPKI, type JWTPayload, jwtVerify } from 'jose';
import { describe, expect, it } from 'vitest';
import { faultServer, json, operationPlan, transportContext } from '../http/fault-server.testing.ts';
import { httpTransport } from '../http/http-transport.ts';
import type { AuthScheme } from '../manifest.ts';
import { credentialFields } from './credential-fields.ts';
import type { AssertionAlgorithm } from './signing-key.ts';

type OAuth = Extract<AuthScheme, { type: 'oauth2' }>;

const pem = { type: 'pkcs8', format: 'pem' } as const;
const spki = { type: 'spki', format: 'pem' } as const;
const pairs: Readonly<
  Record<AssertionAlgorithm, { readonly privateKey: string; readonly publicKey: string }>
> = {
  RS256: generateKeyPairSync('rsa', {
    modulusLength: 2048,
    privateKeyEncoding: pem,
    publicKeyEncoding: spki,
  }),
  PS256: generateKeyPairSync('rsa', {
    modulusLength: 2048,
    privateKeyEncoding: pem,
    publicKeyEncoding: spki,
  }),
  ES256: generateKeyPairSync('ec', { namedCurve: 'P-256', privateKeyEncoding: pem, publicKeyEncoding: spki }),
  EdDSA: generateKeyPairSync('ed25519', { privateKeyEncoding: pem, publicKeyEncoding: spki }),
};

/** A token endpoint that checks the assertion it is sent, in the form field given, with the public key. */
async function checkingServer(field: string, key: CryptoKey) {
  const claims: JWTPayload[] = [];
  const forms: URLSearchParams[] = [];
  const server = await faultServer((seen, response) => {
    if (!seen.url.startsWith('/token')) {
      json(response, seen.headers.authorization === 'Bearer good' ? 200 : 401, {});
      return;
    }
    const form = new URLSearchParams(seen.body);
    forms.push(form);
    jwtVerify(form.get(field) ?? '', key).then(
      ({ payload }) => {
        claims.push(payload);
        json(response, 200, { access_token: 'good', token_type: 'bearer' });
      },
      () => json(response, 400, { error: 'invalid_grant' }),
    );
  });
  return { server, claims, forms };
}

async function callWith(
  baseUrl: string,
  scheme: OAuth,
  privateKey: string,
  extra: Record<string, 'env:SUB'> = {},
) {
  const base = transportContext(baseUrl, {
    credentials: { o: { clientId: 'env:ID', privateKey: 'env:KEY', ...extra } },
  });
  const values: Record<string, string> = {
    'env:ID': 'robot@things',
    'env:KEY': privateKey,
    'env:SUB': 'ada',
  };
  const transport = httpTransport({
    ...base,
    secrets: { resolve: async (reference) => new Secret(reference, values[reference]!) },
  });
  const result = await transport.call({
    operation: operationPlan({ auth: [scheme], scopes: ['things.write'] }),
    input: {},
  });
  await transport.close();
  return result;
}

describe('a JWT bearer grant', () => {
  it.each(['RS256', 'PS256', 'ES256', 'EdDSA'] as const)(
    'signs with %s who it is, for whom, and for how long',
    async (algorithm) => {
      const { server, claims } = await checkingServer(
        'assertion',
        await importSPKI(pairs[algorithm].publicKey, algorithm),
      );
      await using _server = server;
      const scheme: OAuth = {
        id: 'o',
        type: 'oauth2',
        flow: 'jwtBearer',
        tokenUrl: '/token',
        clientAuth: 'none',
        algorithm,
      };
      expect(
        await callWith(server.baseUrl, scheme, pairs[algorithm].privateKey, { subject: 'env:SUB' }),
      ).toMatchObject({ ok: true });
      expect(claims).toMatchObject([
        { iss: 'robot@things', sub: 'ada', aud: `${server.baseUrl}/token`, scope: 'things.write' },
      ]);
      expect(claims[0]!.exp! - claims[0]!.iat!).toBe(180);
    },
  );

  it('is about the client itself where no subject is given, and for the audience declared', async () => {
    const { server, claims } = await checkingServer(
      'assertion',
      await importSPKI(pairs.RS256.publicKey, 'RS256'),
    );
    await using _server = server;
    const scheme: OAuth = {
      id: 'o',
      type: 'oauth2',
      flow: 'jwtBearer',
      tokenUrl: '/token',
      clientAuth: 'none',
      audience: 'https://login.example',
    };
    await callWith(server.baseUrl, scheme, pairs.RS256.privateKey);
    expect(claims).toMatchObject([{ sub: 'robot@things', aud: 'https://login.example' }]);
  });

  it('with a key that is none is not sent, and the key is not told', async () => {
    const { server } = await checkingServer('assertion', await importSPKI(pairs.RS256.publicKey, 'RS256'));
    await using _server = server;
    const scheme: OAuth = {
      id: 'o',
      type: 'oauth2',
      flow: 'jwtBearer',
      tokenUrl: '/token',
      clientAuth: 'none',
    };
    const result = await callWith(server.baseUrl, scheme, 'hunter2');
    expect(result).toMatchObject({
      failure: { class: 'auth', code: 'AUTH_KEY_INVALID', delivery: 'notSent' },
    });
    expect(JSON.stringify(result)).not.toContain('hunter2');
    expect(server.seen).toEqual([]);
  });
});

describe('a client that proves itself by its key', () => {
  it('sends a signed assertion instead of a secret', async () => {
    const { server, claims, forms } = await checkingServer(
      'client_assertion',
      await importSPKI(pairs.RS256.publicKey, 'RS256'),
    );
    await using _server = server;
    const scheme: OAuth = {
      id: 'o',
      type: 'oauth2',
      flow: 'clientCredentials',
      tokenUrl: '/token',
      clientAuth: 'privateKeyJwt',
    };
    expect(await callWith(server.baseUrl, scheme, pairs.RS256.privateKey)).toMatchObject({ ok: true });
    expect(claims).toMatchObject([{ iss: 'robot@things', sub: 'robot@things' }]);
    expect(forms[0]?.get('client_assertion_type')).toBe(
      'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    );
  });
});

describe('credentialFields', () => {
  const oauth = (change: Partial<OAuth>): OAuth => ({
    id: 'o',
    type: 'oauth2',
    flow: 'clientCredentials',
    tokenUrl: '/t',
    clientAuth: 'basic',
    ...change,
  });
  it.each<[AuthScheme, readonly string[]]>([
    [{ id: 'k', type: 'bearer' }, ['token']],
    [{ id: 'k', type: 'basic' }, ['username', 'password']],
    [oauth({}), ['clientId', 'clientSecret']],
    [oauth({ clientAuth: 'privateKeyJwt' }), ['clientId', 'privateKey']],
    [oauth({ flow: 'refreshToken' }), ['clientId', 'clientSecret', 'refreshToken']],
    [oauth({ flow: 'jwtBearer', clientAuth: 'none' }), ['clientId', 'privateKey']],
    [oauth({ flow: 'jwtBearer', clientAuth: 'privateKeyJwt' }), ['clientId', 'privateKey']],
  ])('of %j are %j', (scheme, required) => {
    expect(credentialFields(scheme).required).toEqual(required);
  });
});
