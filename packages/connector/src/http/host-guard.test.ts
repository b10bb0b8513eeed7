import type { LookupAddress } from 'node:dns';
import { isIPv6 } from 'node:net';
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
  /** What a socket would be given, with a resolver that answers `addresses` for every name. */
  function lookedUp(
    base: string,
    addresses: readonly string[],
    egress: readonly string[] = [],
  ): Promise<unknown> {
    const url = new URL(base);
    const answers = addresses.map((address) => ({ address, family: isIPv6(address) ? 6 : 4 }));
    const guard = new HostGuard(url, egress, (_hostname, _options, callback) => callback(null, answers));
    return new Promise((resolve) => {
      // `all: true` asks for a list, and only errors of ours carry a code here.
      guard.lookup(url.hostname, { all: true }, (error, found) =>
        resolve(
          error === null
            ? (found as readonly LookupAddress[]).map(({ address }) => address)
            : (error as { code?: string }).code,
        ),
      );
    });
  }

  it.each([
    ['169.254.169.254'],
    ['127.0.0.1'],
    ['::1'],
    ['0.0.0.0'],
    ['fe80::1'],
    ['::ffff:127.0.0.1'],
    ['::ffff:169.254.169.254'],
    ['64:ff9b::a9fe:a9fe'],
    ['224.0.0.1'],
  ])('refuses %s behind a public name', async (address) => {
    expect(await lookedUp('https://api.billing.example', [address])).toBe('HTTP_ADDRESS_FORBIDDEN');
  });

  it.each([['93.184.216.34'], ['10.1.2.3'], ['2606:2800:220:1::1']])('lets %s be', async (address) => {
    expect(await lookedUp('https://api.billing.example', [address])).toEqual([address]);
  });

  it('keeps the good ones of several', async () => {
    expect(await lookedUp('https://api.billing.example', ['127.0.0.1', '10.1.2.3'])).toEqual(['10.1.2.3']);
  });

  it('lets loopback be reached by its own name, or where the manifest names the address', async () => {
    expect(await lookedUp('http://localhost:8080', ['127.0.0.1', '::1'])).toEqual(['127.0.0.1', '::1']);
    expect(await lookedUp('http://billing.localhost', ['127.0.0.1'])).toEqual(['127.0.0.1']);
    expect(await lookedUp('http://billing.test', ['127.0.0.1'], ['127.0.0.1'])).toEqual(['127.0.0.1']);
  });

  it('refuses the metadata address even when the connection names it', () => {
    const guard = new HostGuard(new URL('http://169.254.169.254'), []);
    expect(guard.refusal(new URL('http://0xa9fea9fe/'))).toBeDefined();
    expect(
      new HostGuard(new URL('http://[fe80::1]'), []).refusal(new URL('http://[fe80::1]/')),
    ).toBeDefined();
  });

  it('does not keep the transport from localhost', async () => {
    await using server = await faultServer((_seen, response) => json(response, 200, {}));
    const transport = httpTransport(transportContext(`http://localhost:${server.port}`));
    expect(await transport.call({ operation: operationPlan(), input: {} })).toMatchObject({ ok: true });
    await transport.close();
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
