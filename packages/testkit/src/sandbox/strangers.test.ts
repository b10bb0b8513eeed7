import { once } from 'node:events';
import { request } from 'node:http';
import { type Contract, loadContractText } from '@tenon/contract';
import { describe, expect, onTestFinished, it as test } from 'vitest';
import { startMailSandbox } from '../mail/mail-sandbox.ts';
import { asker, openShop } from './open-shop.testing.ts';
import { type Sandbox, startSandbox } from './sandbox.ts';

const DOCUMENT = {
  openapi: '3.1.0',
  info: { title: 'Keys', version: '1.0.0' },
  servers: [{ url: 'https://keys.example' }],
  security: [{ query: [] }],
  paths: {
    '/things': { get: { operationId: 'listThings', responses: { '200': { description: 'ok' } } } },
    '/logins': {
      post: {
        operationId: 'login',
        requestBody: {
          content: {
            'application/json': {
              schema: {
                type: 'object',
                properties: {
                  name: { type: 'string' },
                  pin: { type: 'string', format: 'password', writeOnly: true },
                  clientSecret: { type: 'string' },
                  more: {
                    type: 'array',
                    items: { type: 'object', properties: { api_key: { type: 'string' } } },
                  },
                },
              },
            },
          },
        },
        responses: { '204': { description: 'ok' } },
      },
    },
  },
  components: {
    securitySchemes: {
      query: { type: 'apiKey', in: 'query', name: 'api key' },
      oauth: {
        type: 'oauth2',
        flows: { clientCredentials: { tokenUrl: '/oauth/token', scopes: {} } },
      },
    },
  },
} as const;

async function open(): Promise<Sandbox> {
  const { value } = await loadContractText('keys', 'keys.json', JSON.stringify(DOCUMENT));
  const sandbox = await startSandbox({
    // It loads, or the test says so here.
    contract: value as Contract,
  });
  onTestFinished(() => sandbox.close());
  return sandbox;
}

describe('what is recorded of a request holds no credential', () => {
  test('in its query', async () => {
    const sandbox = await open();
    const ask = asker(sandbox.url);
    expect((await ask('GET', '/things?page=2&api%20key=hush-1&api+key=hush-2')).status).toBe(200);
    const [seen] = sandbox.requests();
    expect(JSON.stringify(sandbox.requests())).not.toContain('hush');
    expect(seen?.path).toBe('/things?page=2&api+key=%5Bhidden%5D&api+key=%5Bhidden%5D');
    await ask('GET', '/things?page=%20x');
    expect(sandbox.requests().at(-1)?.path, 'as it was sent, where there is none').toBe('/things?page=%20x');
  });

  test('at the token endpoint', async () => {
    const sandbox = await open();
    await asker(sandbox.url)(
      'POST',
      '/oauth/token?client_secret=hush-1',
      'client_secret=hush-2&assertion=hush-3',
    );
    expect(JSON.stringify(sandbox.requests())).not.toContain('hush');
  });

  test('in its body, by what the contract says of a field, or by its name', async () => {
    const sandbox = await open();
    await asker(sandbox.url)('POST', '/logins?api%20key=x', {
      name: 'ada',
      pin: 'hush-1',
      clientSecret: 'hush-2',
      more: [{ api_key: 'hush-3' }],
    });
    expect(sandbox.requests()).toMatchObject([
      {
        status: 204,
        body: { name: 'ada', pin: '[hidden]', clientSecret: '[hidden]', more: [{ api_key: '[hidden]' }] },
      },
    ]);
  });
});

/** As a browser sends it for a page: `fetch` of Node sets none of these headers. */
async function asked(
  url: string,
  method: string,
  path: string,
  headers: Readonly<Record<string, string>>,
): Promise<number | undefined> {
  const { hostname, port } = new URL(url);
  const sent = request({ hostname, port, method, path, headers });
  sent.end(method === 'GET' ? undefined : '{}');
  const [answer] = await once(sent, 'response');
  answer.resume();
  return answer.statusCode;
}

describe('a page of somebody else in a browser on this machine', () => {
  const page = { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' };
  const controls = async (): Promise<readonly string[]> => {
    const { sandbox } = await openShop(onTestFinished);
    const mail = await startMailSandbox({ controlPort: 0 });
    onTestFinished(() => mail.close());
    return [sandbox.url, mail.controlUrl!];
  };

  test('does not reach the controls', async () => {
    for (const url of await controls()) {
      for (const headers of [page, { origin: 'null' }, { 'sec-fetch-site': 'cross-site' }])
        expect(await asked(url, 'POST', '/_sandbox/reset', headers)).toBe(403);
      expect(await asked(url, 'GET', '/_sandbox/state', { host: 'evil.example:4800' })).toBe(403);
      expect(await asked(url, 'POST', '/_sandbox/reset', {})).toBe(204);
      const own = { origin: 'http://localhost:3000', 'sec-fetch-site': 'same-site' };
      expect(await asked(url, 'POST', '/_sandbox/reset', own), 'a page of this machine does').toBe(204);
    }
  });

  test('does not read what a sandbox holds by a name that it lets lead here', async () => {
    const { sandbox } = await openShop(onTestFinished, { data: { customers: [{ id: 'a' }] } });
    expect(await asked(sandbox.url, 'GET', '/customers/a', { host: 'evil.example:4800' })).toBe(403);
    expect(sandbox.requests()).toEqual([]);
    for (const host of ['localhost', 'shop.localhost:4800', '[::1]:4800', 'host.docker.internal:4800'])
      expect(await asked(sandbox.url, 'GET', '/customers/a', { host })).toBe(200);
  });

  test('ends none by an address that cannot be read', async () => {
    for (const url of await controls()) {
      expect(await asked(url, 'GET', '//', {})).toBe(400);
      expect(await asked(url, 'POST', '/_sandbox/reset', {})).toBe(204);
    }
  });
});
