import { createServer } from 'node:https';
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { Secret } from '@tenon/model';
import { describe, expect, it } from 'vitest';
import { faultServer, json, operationPlan, transportContext } from '../http/fault-server.testing.ts';
import { httpTransport } from '../http/http-transport.ts';
import type { AuthScheme } from '../manifest.ts';
import type { Transport } from '../transport.ts';
import { type TestCertificate, testCertificate } from './certificate.testing.ts';

const mtls: AuthScheme = { id: 'certificate', type: 'mtls' };
const oauth: AuthScheme = {
  id: 'o',
  type: 'oauth2',
  flow: 'clientCredentials',
  tokenUrl: '/token',
  clientAuth: 'mtls',
};
const authority = testCertificate('authority');
const stranger = testCertificate('stranger');
const client = testCertificate('client', authority);

/** A server that talks to holders of the authority's certificates only, and a transport whose secrets can be changed. */
async function secured(given: TestCertificate = client, schemes: readonly AuthScheme[] = [mtls]) {
  const own = testCertificate('server', authority);
  const seen: { readonly url: string; readonly subject: string; readonly authorization?: string }[] = [];
  const server = createServer(
    {
      cert: own.certificate,
      key: own.privateKey,
      ca: authority.certificate,
      requestCert: true,
      rejectUnauthorized: true,
    },
    (request, response) => {
      // What the server of an https module hands out.
      const { subject } = (request.socket as TLSSocket).getPeerCertificate();
      const { authorization } = request.headers;
      seen.push({
        url: request.url ?? '',
        subject: String(subject.CN),
        ...(authorization && { authorization }),
      });
      json(
        response,
        200,
        request.url === '/token' ? { access_token: 't1', token_type: 'Bearer', expires_in: 3600 } : {},
      );
    },
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // A TCP server's address is an object once it listens.
  const { port } = server.address() as AddressInfo;
  const reads: string[] = [];
  const secrets: Record<string, string> = {
    'file:cert': given.certificate,
    'file:key': given.privateKey,
    'file:ca': authority.certificate,
    'env:ID': 'us',
  };
  const transports: Transport[] = [];
  const callTo = (target: number) => {
    const transport = made(target);
    transports.push(transport);
    return () => transport.call({ operation, input: {} });
  };
  const operation = operationPlan({ auth: schemes });
  const made = (target: number) =>
    httpTransport({
      ...transportContext(`https://localhost:${target}`, {
        credentials: {
          certificate: { certificate: 'file:cert', privateKey: 'file:key', ca: 'file:ca' },
          ...(schemes.includes(oauth) && { o: { clientId: 'env:ID' } }),
        },
      }),
      secrets: {
        resolve: async (reference) => {
          reads.push(reference);
          return new Secret(reference, secrets[reference] ?? '');
        },
      },
    });
  return {
    port,
    callTo,
    seen,
    secrets,
    reads,
    call: callTo(port),
    [Symbol.asyncDispose]: async () => {
      await Promise.all(transports.map((transport) => transport.close()));
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

describe('a client certificate', () => {
  it('is shown in the handshake, and read once for fifty callers', async () => {
    await using test = await secured();
    const results = await Promise.all(Array.from({ length: 50 }, test.call));
    expect(results.every(({ ok }) => ok)).toBe(true);
    expect(new Set(test.seen.map(({ subject }) => subject))).toEqual(new Set(['client']));
    expect(test.reads.sort()).toEqual(['file:ca', 'file:cert', 'file:key']);
  });

  it('proves the client to the token endpoint too (RFC 8705), once for fifty callers', async () => {
    await using test = await secured(client, [mtls, oauth]);
    const results = await Promise.all(Array.from({ length: 50 }, test.call));
    expect(results.every(({ ok }) => ok)).toBe(true);
    const [first, ...others] = test.seen;
    expect(first).toEqual({ url: '/token', subject: 'client' });
    expect(others).toEqual(
      Array.from({ length: 50 }, () => ({ url: '/things', subject: 'client', authorization: 'Bearer t1' })),
    );
  });

  it('that the other side does not know gets nothing through, and its key is told to nobody', async () => {
    await using test = await secured(testCertificate('other', stranger));
    const result = await test.call();
    expect(result.ok).toBe(false);
    expect(test.seen).toEqual([]);
    expect(JSON.stringify(result)).not.toContain('PRIVATE');
  });

  it('that was replaced is taken up without a restart', async () => {
    await using test = await secured(testCertificate('other', stranger));
    expect((await test.call()).ok).toBe(false);
    const next = testCertificate('next', authority);
    test.secrets['file:cert'] = next.certificate;
    test.secrets['file:key'] = next.privateKey;
    expect(await test.call()).toMatchObject({ ok: true });
    expect(test.seen.map(({ subject }) => subject)).toEqual(['next']);
  });

  it('that is refused by an alert is renewed, and the call that was not taken is sent once more', async () => {
    await using test = await secured(testCertificate('expired', stranger));
    const next = testCertificate('next', authority);
    let connections = 0;
    const alerts = (socket: Socket): void => {
      connections++;
      if (connections > 1) {
        socket.pipe(connect(test.port)).pipe(socket);
        return;
      }
      test.secrets['file:cert'] = next.certificate;
      test.secrets['file:key'] = next.privateKey;
      // RFC 8446 §6: a fatal alert, certificate_expired.
      socket.once('data', () => socket.end(Buffer.from([0x15, 3, 3, 0, 2, 2, 45])));
    };
    const front = createTcpServer(alerts);
    await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve));
    // A TCP server's address is an object once it listens.
    const call = test.callTo((front.address() as AddressInfo).port);
    expect(await call()).toMatchObject({ ok: true });
    expect(test.seen.map(({ subject }) => subject)).toEqual(['next']);
    await new Promise((resolve) => front.close(resolve));
  });

  it('that stays refused by alerts is of class auth, and nothing was taken', async () => {
    await using test = await secured();
    let connections = 0;
    const front = createTcpServer((socket) => {
      connections++;
      socket.once('data', () => socket.end(Buffer.from([0x15, 3, 3, 0, 2, 2, 48])));
    });
    await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve));
    // A TCP server's address is an object once it listens.
    const call = test.callTo((front.address() as AddressInfo).port);
    expect(await call()).toMatchObject({
      failure: { class: 'auth', code: 'AUTH_CERTIFICATE_REFUSED', delivery: 'notSent' },
    });
    expect(connections).toBe(1);
    await new Promise((resolve) => front.close(resolve));
  });

  it.each([
    ['whose key is another’s', { 'file:key': stranger.privateKey }],
    ['that is no PEM text', { 'file:cert': 'hunter2' }],
  ])('%s is refused before a byte is sent', async (_name, change) => {
    await using test = await secured();
    Object.assign(test.secrets, change);
    const result = await test.call();
    expect(result).toMatchObject({
      failure: { class: 'auth', code: 'AUTH_KEY_INVALID', delivery: 'notSent' },
    });
    expect(JSON.stringify(result)).not.toMatch(/hunter2|PRIVATE/);
    expect(test.seen).toEqual([]);
  });

  it('of a server that its authority did not sign ends the call unsent', async () => {
    await using test = await secured();
    test.secrets['file:ca'] = stranger.certificate;
    expect(await test.call()).toMatchObject({ failure: { delivery: 'notSent' } });
    expect(test.seen).toEqual([]);
  });

  it('is not left out where there is no handshake to show it in', async () => {
    await using server = await faultServer((_seen, response) => json(response, 200, {}));
    const transport = httpTransport(
      transportContext(server.baseUrl, {
        credentials: { certificate: { certificate: 'file:cert', privateKey: 'file:key' } },
      }),
    );
    expect(await transport.call({ operation: operationPlan({ auth: [mtls] }), input: {} })).toMatchObject({
      failure: { class: 'auth', code: 'AUTH_TLS_REQUIRED', delivery: 'notSent' },
    });
    expect(server.seen).toEqual([]);
    await transport.close();
  });
});
