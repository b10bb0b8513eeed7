import { createHash, createHmac } from 'node:crypto';
import { Secret, type SecretReference } from '@tenon/model';
import { describe, expect, it } from 'vitest';
import {
  faultServer,
  json,
  operationPlan,
  type SeenRequest,
  transportContext,
} from '../http/fault-server.testing.ts';
import { httpTransport } from '../http/http-transport.ts';
import { loadManifest } from '../load-manifest.ts';
import type { AuthScheme } from '../manifest.ts';
import { withMembers } from '../rules.cases.ts';
import { signAws } from './aws-signature.ts';

const STORE: Readonly<Record<string, string>> = {
  'env:KEY_ID': 'AKID',
  'env:SECRET': 's3cr3t',
  'env:SESSION': 'session',
  'env:REGION': 'eu-west-1',
};

/** A server that verifies what it gets, and a transport that signs by `scheme`. */
async function verified(
  scheme: AuthScheme,
  verify: (seen: SeenRequest, secret: string) => boolean,
  fields: Readonly<Record<string, SecretReference>>,
) {
  const secrets = { ...STORE };
  const reads: string[] = [];
  const state = { secret: secrets['env:SECRET']! };
  const server = await faultServer((seen, response) =>
    json(response, verify(seen, state.secret) ? 200 : 401, {}),
  );
  const transport = httpTransport({
    ...transportContext(`${server.baseUrl}/v1`, { credentials: { [scheme.id]: fields } }),
    secrets: {
      resolve: async (reference) => {
        reads.push(reference);
        return new Secret(reference, secrets[reference] ?? '');
      },
    },
  });
  const parameter = { in: 'query', required: false, explode: true, allowReserved: false } as const;
  const operation = operationPlan({
    auth: [scheme],
    http: {
      path: '/things/{id}',
      parameters: [
        { ...parameter, key: 'id', name: 'id', in: 'path', style: 'simple' },
        { ...parameter, key: 'tag', name: 'tag', style: 'form' },
        { ...parameter, key: 'a', name: 'a', style: 'form' },
      ],
    },
  });
  const input = { id: 'a b/ä', tag: ['x y', 'b&c'], a: '1', body: { text: 'ünï' } };
  return {
    server,
    secrets,
    reads,
    state,
    call: () => transport.call({ operation, input }),
    [Symbol.asyncDispose]: async () => {
      await transport.close();
      await server[Symbol.asyncDispose]();
    },
  };
}

type Verified = Awaited<ReturnType<typeof verified>>;

/** What holds for every way to sign. */
async function holdsFor(make: () => Promise<Verified>): Promise<void> {
  await using test = await make();
  const results = await Promise.all(Array.from({ length: 50 }, test.call));
  expect(results.map((result) => (result.ok ? 'ok' : result.failure.code))).toEqual(Array(50).fill('ok'));
  // Fifty callers, each secret read once.
  expect(new Set(test.reads).size).toBe(test.reads.length);
  // Two live versions: the server takes the new one only, and one 401 has it read and the request signed anew.
  test.secrets['env:SECRET'] = 'rotated';
  test.state.secret = 'rotated';
  expect(await test.call()).toMatchObject({ ok: true });
  test.state.secret = 'unknown';
  const refused = await test.call();
  expect(refused).toMatchObject({ failure: { class: 'auth', status: 401 } });
  expect(JSON.stringify(refused)).not.toMatch(/s3cr3t|rotated/);
}

const hmac = createHmac.bind(undefined, 'sha256');
const digest = (text: string) => createHash('sha256').update(text).digest('hex');

describe('AWS Signature Version 4', () => {
  const scheme: AuthScheme = { id: 'aws', type: 'awsSigV4', service: 'execute-api' };
  const key = { accessKeyId: 'env:KEY_ID', secretAccessKey: 'env:SECRET' } as const;

  /** The other side's arithmetic, from what has arrived (the service's own description, step by step). */
  function verify({ method, url, headers, body }: SeenRequest, secret: string): boolean {
    const match =
      /^AWS4-HMAC-SHA256 Credential=AKID\/(\d{8})\/eu-west-1\/execute-api\/aws4_request, SignedHeaders=([^,]+), Signature=(\w+)$/.exec(
        headers.authorization ?? '',
      );
    if (!match || headers['x-amz-security-token'] !== 'session') return false;
    const [, date = '', signed = '', signature] = match;
    const [path = '', search = ''] = url.split('?');
    const strict = (text: string) =>
      encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
    const query = [...new URLSearchParams(search)]
      .map(([name, value]) => `${strict(name)}=${strict(value)}`)
      .sort();
    const canonical = [
      method,
      path.split('/').map(strict).join('/'),
      query.join('&'),
      ...signed.split(';').map((name) => `${name}:${String(headers[name]).trim().replace(/\s+/g, ' ')}`),
      '',
      signed,
      digest(body),
    ].join('\n');
    const scope = `${date}/eu-west-1/execute-api/aws4_request`;
    const text = `AWS4-HMAC-SHA256\n${headers['x-amz-date']}\n${scope}\n${digest(canonical)}`;
    const signing = scope
      .split('/')
      .reduce<Buffer | string>((before, part) => hmac(before).update(part).digest(), `AWS4${secret}`);
    return hmac(signing).update(text).digest('hex') === signature && signed.includes('host');
  }

  it('is the one of the published example', async () => {
    const secret = (text: string) => new Secret('env:X', text);
    const headers = await signAws(
      {
        method: 'GET',
        url: new URL('https://examplebucket.s3.amazonaws.com/test.txt'),
        headers: { range: 'bytes=0-9' },
      },
      {
        accessKeyId: secret('AKIAIOSFODNN7EXAMPLE'),
        secretAccessKey: secret(['wJalrXUtnFEMI', 'K7MDENG', 'bPxRfiCYEXAMPLEKEY'].join('/')),
        region: 'us-east-1',
        service: 's3',
      },
      Date.parse('2013-05-24T00:00:00Z'),
    );
    expect(headers['authorization']).toContain(
      'Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
    );
  });

  it('verifies, whatever stands in path, query and body', () =>
    holdsFor(() => verified(scheme, verify, { ...key, sessionToken: 'env:SESSION', region: 'env:REGION' })));

  it('lacks its region: nothing is sent, and the message says what is missing', async () => {
    await using test = await verified(scheme, verify, key);
    expect(await test.call()).toMatchObject({
      failure: { code: 'AUTH_CREDENTIALS_MISSING', message: expect.stringContaining('`region`') },
    });
    expect(test.server.seen).toEqual([]);
  });
});

describe('a declared HMAC signature', () => {
  const declared = (text: string) => loadManifest('connector.yaml', withMembers(`auth:\n  - ${text}`));
  const scheme = declared(
    `{ id: h, type: hmac, encoding: base64, timestamp: unixSeconds,
      sign: "\${ method } \${ path }?\${ query }\\n\${ headers['content-type'] }\\n\${ timestamp }.\${ nonce }.\${ bodyDigest }\\n\${ body }",
      headers: { Authorization: "HMAC \${ keyId }:\${ signature }", X-Time: "\${ timestamp }", X-Nonce: "\${ nonce }" } }`,
  ).value!.manifest.auth[0]!;
  const fields = { keyId: 'env:KEY_ID', secret: 'env:SECRET' } as const;

  function verify({ method, url, headers, body }: SeenRequest, secret: string): boolean {
    const [path, query] = url.split('?');
    const bodyDigest = createHash('sha256').update(body).digest('base64');
    const text = `${method} ${path}?${query}\n${headers['content-type']}\n${headers['x-time']}.${headers['x-nonce']}.${bodyDigest}\n${body}`;
    const isNow = Math.abs(Number(headers['x-time']) * 1_000 - Date.now()) < 600_000;
    return isNow && headers.authorization === `HMAC AKID:${hmac(secret).update(text).digest('base64')}`;
  }

  it('verifies, whatever stands in path, query and body', () =>
    holdsFor(() => verified(scheme, verify, fields)));

  it('has a nonce of its own for each request', async () => {
    await using test = await verified(scheme, verify, fields);
    await Promise.all(Array.from({ length: 10 }, test.call));
    expect(new Set(test.server.seen.map(({ headers }) => headers['x-nonce'])).size).toBe(10);
  });

  it('takes a key in hexadecimal, and refuses what is none before a byte is sent', async () => {
    const hex: AuthScheme = {
      id: 'h',
      type: 'hmac',
      algorithm: 'sha512',
      encoding: 'hex',
      secretEncoding: 'hex',
      timestamp: 'rfc3339',
      sign: '${ body }',
      headers: { 'X-Sign': '${ signature }' },
    };
    const check = ({ headers, body }: SeenRequest, secret: string) =>
      headers['x-sign'] === createHmac('sha512', Buffer.from(secret, 'hex')).update(body).digest('hex');
    await using test = await verified(hex, check, { secret: 'env:SECRET' });
    expect(await test.call()).toMatchObject({ failure: { code: 'AUTH_KEY_INVALID', delivery: 'notSent' } });
    expect(test.server.seen).toEqual([]);
    test.secrets['env:OTHER'] = test.state.secret = '00ff10';
    await using other = await verified(hex, check, { secret: 'env:OTHER' });
    other.secrets['env:OTHER'] = other.state.secret = '00ff10';
    expect(await other.call()).toMatchObject({ ok: true });
  });

  it('sends nothing where a template has no text for this request', async () => {
    const scheme: AuthScheme = {
      id: 'h',
      type: 'hmac',
      algorithm: 'sha256',
      encoding: 'hex',
      secretEncoding: 'utf8',
      timestamp: 'rfc3339',
      sign: '${ headers }',
      headers: { 'X-Sign': '${ signature }' },
    };
    await using test = await verified(scheme, () => true, { secret: 'env:SECRET' });
    expect(await test.call()).toMatchObject({
      failure: { code: 'AUTH_SIGNING_FAILED', delivery: 'notSent' },
    });
    expect(test.server.seen).toEqual([]);
  });

  it.each([
    [
      'a template that cannot be read',
      'sign: "${ body", headers: { S: "${ signature }" }',
      '`${` is not closed',
    ],
    ['a name that there is not', 'sign: "${ bodyDigset }", headers: { S: "${ signature }" }', 'bodyDigset'],
    ['a signature of the signature', 'sign: "${ signature }", headers: { S: "${ signature }" }', 'signature'],
    ['no signature', 'sign: "${ body }", headers: { S: "${ timestamp }" }', '`signature`'],
    ['a nonce that is told to nobody', 'sign: "${ nonce }", headers: { S: "${ signature }" }', '`nonce`'],
    ['a header that is none', 'sign: "${ body }", headers: { "S:": "${ signature }" }', 'no header name'],
  ])('with %s is refused in the manifest, where it stands', (_name, rest, says) => {
    const { value, diagnostics } = declared(`{ id: h, type: hmac, ${rest} }`);
    expect(value).toBeUndefined();
    expect(diagnostics.map(({ message }) => message).join()).toContain(says);
    expect(diagnostics.every(({ range, fix }) => range !== undefined && fix !== undefined)).toBe(true);
  });
});
