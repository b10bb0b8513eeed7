import { describe, expect, it } from 'vitest';
import { faultServer, json, operationPlan, transportContext } from './fault-server.testing.ts';
import { HostGuard } from './host-guard.ts';
import { httpTransport } from './http-transport.ts';

describe('HostGuard', () => {
  const guard = new HostGuard(new URL('https://api.billing.example'), [
    'login.billing.example',
    'files.billing.example:8443',
  ]);

  it.each([
    'https://api.billing.example/x',
    'https://API.BILLING.example./x',
    'https://login.billing.example/',
    'https://files.billing.example:8443/',
  ])('lets %s through', (url) => {
    expect(guard.refusal(new URL(url))).toBeUndefined();
  });

  it.each([
    'https://evil.example/',
    'https://api.billing.example.evil.example/',
    'https://evil.example/?api.billing.example',
    'https://api.billing.example@evil.example/',
    'https://user:pass@api.billing.example/',
    'https://api.billing.example:8443/',
    'https://files.billing.example/',
    'https://xapi.billing.example/',
    'https://127.0.0.1/',
    'https://127.1/',
    'https://0x7f000001/',
    'https://0177.0.0.1/',
    'https://2130706433/',
    'https://[::1]/',
    'https://[::ffff:127.0.0.1]/',
    'https://localhost/',
    'https://LOCALHOST./',
    'https://１２７.0.0.1/',
    'https://169.254.169.254/latest/meta-data',
    'ftp://api.billing.example/',
    'https:\\\\evil.example/',
  ])('refuses %s', (url) => {
    expect(guard.refusal(new URL(url))).toBeDefined();
  });

  it.each(['http://127.1', 'http://0x7f.0.0.1', 'http://2130706433', 'http://127.0.0.1.'])(
    'knows an allowed address as %s',
    (url) => {
      expect(new HostGuard(new URL('http://127.0.0.1'), []).refusal(new URL(url))).toBeUndefined();
    },
  );
});

describe('a name that leads where it must not', () => {
  function resolved(hostname: string, guard: HostGuard): Promise<string | undefined> {
    return new Promise((resolve) => {
      guard.lookup(hostname, { all: true }, (error) =>
        resolve(error instanceof Error && 'code' in error ? String(error.code) : undefined),
      );
    });
  }

  it('refuses the metadata address even when the connection names it', async () => {
    const guard = new HostGuard(new URL('http://169.254.169.254'), []);
    expect(await resolved('169.254.169.254', guard)).toBe('HTTP_ADDRESS_FORBIDDEN');
    expect(guard.refusal(new URL('http://0xa9fea9fe/'))).toBeDefined();
    expect(
      new HostGuard(new URL('http://[fe80::1]'), []).refusal(new URL('http://[fe80::1]/')),
    ).toBeDefined();
  });

  it('lets localhost be loopback', async () => {
    expect(await resolved('localhost', new HostGuard(new URL('http://localhost:1'), []))).toBeUndefined();
  });
});

describe('a forbidden token host', () => {
  it('gets no request, and the call is not sent', async () => {
    await using server = await faultServer((_seen, response) => json(response, 200, {}));
    await using other = await faultServer((_seen, response) =>
      json(response, 200, { access_token: 'a', token_type: 'bearer' }),
    );
    const transport = httpTransport(
      transportContext(server.baseUrl, {
        credentials: { o: { clientId: 'env:ID', clientSecret: 'env:SECRET' } },
      }),
    );
    const operation = operationPlan({
      auth: [
        {
          id: 'o',
          type: 'oauth2',
          flow: 'clientCredentials',
          tokenUrl: `${other.baseUrl}/token`,
          clientAuth: 'basic',
        },
      ],
    });
    expect(await transport.call({ operation, input: {} })).toMatchObject({
      failure: { class: 'auth', delivery: 'notSent' },
    });
    expect([...server.seen, ...other.seen]).toEqual([]);
    await transport.close();
  });
});
