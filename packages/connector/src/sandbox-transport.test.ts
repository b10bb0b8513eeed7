import { describe, expect, it } from 'vitest';
import { faultServer, json, operationPlan, transportContext } from './http/fault-server.testing.ts';
import { httpTransport } from './http/http-transport.ts';
import type { AuthScheme } from './manifest.ts';
import { inSandbox, sandboxTransport } from './sandbox-transport.ts';

const oauth = (tokenUrl: string): AuthScheme => ({
  id: 'x',
  type: 'oauth2',
  flow: 'clientCredentials',
  tokenUrl,
  clientAuth: 'basic',
});

/** Gives tokens and takes calls. */
const system = () =>
  faultServer((seen, response) =>
    json(response, 200, /token/.test(seen.url) ? { access_token: 't', token_type: 'Bearer' } : {}),
  );

describe('a transport to a sandbox', () => {
  it.each([
    ['of another host', (host: string) => `http://${host}/v2/token?tenant=1`, '/v2/token?tenant=1'],
    ['of another host, without a scheme', (host: string) => `//${host}/v2/token`, '/v2/token'],
    ['below the origin', () => '/v2/token', '/v2/token'],
    ['below the base URL', () => 'token', '/api/token'],
  ])('asks the sandbox where the token URL is one %s', async (_where, urlOf, asked) => {
    await using sandbox = await system();
    await using vendor = await system();
    const host = `localhost:${vendor.port}`;
    const context = transportContext(`${sandbox.baseUrl}/api`, {
      credentials: { x: { clientId: 'env:ID', clientSecret: 'env:SECRET' } },
    });
    const operation = operationPlan({ auth: [oauth(urlOf(host))], egress: [host] });
    const transport = sandboxTransport(httpTransport(context));
    expect(await transport.call({ operation, input: {} })).toMatchObject({ ok: true });
    await transport.close();
    expect(sandbox.seen[0]?.url).toBe(asked);
    expect(vendor.seen).toEqual([]);
  });

  it('may reach no host that the manifest declares', () => {
    expect(inSandbox(operationPlan({ egress: ['files.example'] })).egress).toEqual([]);
  });

  it('has one object for each plan, and the plan itself where it says nothing of other hosts', () => {
    const plain = operationPlan({ auth: [oauth('/token')] });
    expect(inSandbox(plain)).toBe(plain);
    const other = operationPlan({ auth: [oauth('https://login.example/token')] });
    expect(inSandbox(other)).toBe(inSandbox(other));
  });
});
