import { generateKeyPairSync } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import type { RequestListener } from 'node:http';
import { join } from 'node:path';
import type { JsonObject } from '@tenon/model';
import { expect, it } from 'vitest';
import { runCommandLine } from '../command.ts';
import { commands } from '../commands/index.ts';
import { type ServedWorkspace, withServedWorkspace } from '../testing/served-workspace.ts';

// C93, C97: every way to authenticate, against a vendor that echoes what it was sent wherever a vendor might, over every end of
// a call; then every view of it and every file. Nothing is encrypted: a secret is stored nowhere.

interface Scheme {
  readonly security: JsonObject;
  readonly auth: JsonObject;
  /** By field of the connection, the secret. */
  readonly fields: Readonly<Record<string, string>>;
}

const PEM = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({
  type: 'pkcs8',
  format: 'pem',
}) as string;
const header = (name: string): JsonObject => ({ type: 'apiKey', in: 'header', name });
const oauth = { type: 'http', scheme: 'bearer' };
const tokens = (more: JsonObject): JsonObject => ({ type: 'oauth2', tokenUrl: 'oauth/token', ...more });

const schemes: Readonly<Record<string, Scheme>> = {
  bearer: { security: oauth, auth: { type: 'bearer' }, fields: { token: 'cnry-bearer-1' } },
  basic: {
    security: { type: 'http', scheme: 'basic' },
    auth: { type: 'basic' },
    fields: { username: 'cnry-user-2', password: 'cnry p%"w:2' },
  },
  query: {
    security: { type: 'apiKey', in: 'query', name: 'api_key' },
    auth: { type: 'apiKey', in: 'query', name: 'api_key' },
    fields: { value: 'cnry+/=& "3' },
  },
  cookie: {
    security: { type: 'apiKey', in: 'cookie', name: 'session' },
    auth: { type: 'apiKey', in: 'cookie', name: 'session' },
    fields: { value: 'cnry;4' },
  },
  prefixed: {
    security: header('x-key'),
    auth: { type: 'apiKey', in: 'header', name: 'x-key', prefix: 'Token ' },
    fields: { value: '~k^Qz5' },
  },
  signed: {
    security: header('x-signature'),
    auth: {
      type: 'hmac',
      algorithm: 'sha256',
      sign: '${ method }${ path }',
      headers: { 'x-signature': '${ signature }', 'x-key-id': '${ keyId }' },
    },
    fields: { secret: 'cnry-hmac-6', keyId: 'cnry-key-id-6' },
  },
  aws: {
    security: header('authorization'),
    auth: { type: 'awsSigV4', service: 's3', region: 'eu-west-1' },
    fields: { accessKeyId: 'CNRYACCESS7', secretAccessKey: 'cnry-secret-7', sessionToken: 'cnry-session-7' },
  },
  client: {
    security: oauth,
    auth: tokens({ flow: 'clientCredentials', clientAuth: 'body' }),
    fields: { clientId: 'cnry-client-8', clientSecret: 'cnry-secret-8' },
  },
  basicClient: {
    security: oauth,
    auth: tokens({ flow: 'clientCredentials', clientAuth: 'basic' }),
    fields: { clientId: 'cnry-client-9', clientSecret: 'cnry:s%cret 9' },
  },
  refresh: {
    security: oauth,
    auth: tokens({ flow: 'refreshToken', clientAuth: 'body', rotation: 'reusable' }),
    fields: { clientId: 'cnry-client-10', clientSecret: 'cnry-secret-10', refreshToken: 'cnry-refresh-10' },
  },
  assertion: {
    security: oauth,
    auth: tokens({ flow: 'jwtBearer', clientAuth: 'none' }),
    fields: { clientId: 'cnry-client-11', privateKey: PEM },
  },
};

/** What the vendor does, by the `ref` that it is sent. */
const WAYS = [
  'good',
  'tokenRefused',
  'tokenQuoted',
  'tokenTyped',
  'tokenText',
  'refused',
  'unauthorized',
  'moved',
  'typed',
  'named',
  'mapped',
  'page',
  'garbled',
  'long',
  'limited',
] as const;

/** A token that the vendor has given out is as secret. */
const given: string[] = [];

function vendor(): RequestListener {
  let way = '';
  return async (request, response) => {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    const echo = `${request.url} ${JSON.stringify(request.headers)} ${body} ${everySecret().join(' ')}`;
    const isOfTokens = request.url?.includes('/oauth/token') === true;
    if (!isOfTokens) way = JSON.parse(body || '{}').ref ?? way;
    const answer = isOfTokens ? tokenAnswer(way, echo) : answerTo(way, echo);
    if (answer === 'garbled') {
      request.socket.write(`HTTP/1.1 200 ${echo}\r\n${echo}\r\n\r\n`);
      request.socket.destroy();
      return;
    }
    const { status, json, text, headers } = answer;
    response.writeHead(status, {
      'content-type': json === undefined ? 'text/html' : 'application/json',
      ...headers,
    });
    response.end(text ?? JSON.stringify(json));
  };
}

interface Answer {
  readonly status: number;
  readonly json?: unknown;
  readonly text?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

function tokenAnswer(way: string, echo: string): Answer {
  switch (way) {
    case 'tokenRefused':
      return { status: 401, json: { error: 'invalid_client', error_description: echo } };
    case 'tokenQuoted':
      return { status: 400, json: { error: echo } };
    case 'tokenTyped':
      return { status: 200, json: { access_token: 'x', token_type: echo } };
    case 'tokenText':
      return { status: 500, text: echo, headers: { 'x-echo': encodeURIComponent(echo) } };
    default: {
      const token = `cnry-token-${given.length}`;
      given.push(token);
      const json = {
        access_token: token,
        token_type: 'bearer',
        expires_in: 1,
        refresh_token: 'cnry-next-10',
      };
      return { status: 200, json };
    }
  }
}

function answerTo(way: string, echo: string): Answer | 'garbled' {
  const safe = encodeURIComponent(echo);
  switch (way) {
    case 'refused':
      return { status: 422, json: { error: echo, code: echo, [echo]: echo }, headers: { 'x-echo': safe } };
    case 'unauthorized':
      return {
        status: 401,
        json: { error: echo },
        headers: { 'www-authenticate': `Bearer error="${safe}"` },
      };
    case 'moved':
      return { status: 302, text: echo, headers: { location: `https://elsewhere.example/?at=${safe}` } };
    case 'typed':
      return { status: 201, json: { id: [echo] } };
    case 'named':
      return { status: 201, json: { id: 'x', [echo]: 1 } };
    case 'mapped':
      return {
        status: 201,
        json: { id: 'x', tags: Object.fromEntries(everySecret().map((one) => [one, 1])) },
      };
    case 'page':
      return { status: 500, text: `<p>${echo}</p>` };
    case 'garbled':
      return 'garbled';
    case 'long':
      return { status: 200, json: {}, headers: { 'x-echo': safe.padEnd(40_000, 'x') } };
    case 'limited':
      return {
        status: 429,
        json: { error: echo },
        headers: { 'retry-after': safe, deprecation: safe, sunset: safe },
      };
    default:
      return {
        status: 201,
        json: { id: 'made' },
        headers: { deprecation: '@1688169599', 'set-cookie': safe },
      };
  }
}

function everySecret(): readonly string[] {
  return [
    ...Object.values(schemes).flatMap(({ fields }) => Object.values(fields)),
    HOOK,
    OPERATOR,
    PATH,
    ...given,
  ];
}

const HOOK = `whsec_${Buffer.from('cnry-webhook-12-cnry-webhook').toString('base64')}`;
const OPERATOR = 'cnry-operator-13';
const PATH = 'cnry-path-14';

/** As a secret may look once somebody has written it down. */
function forms(secret: string): readonly string[] {
  const lines = secret.split('\n').filter((line) => line.length > 40);
  return [secret, ...lines].flatMap((text) => {
    const bytes = Buffer.from(text);
    return [
      text,
      encodeURIComponent(text),
      new URLSearchParams({ '': text }).toString().slice(1),
      JSON.stringify(text).slice(1, -1),
      bytes.toString('base64').replace(/=+$/, ''),
      bytes.toString('base64url'),
      bytes.toString('hex'),
    ];
  });
}

const files: Readonly<Record<string, string>> = {
  'owners.yaml': 'apiVersion: tenon/v1\nkind: Owners\nteams: [{ name: sales }, { name: platform }]\n',
  'tenon.config.yaml': `apiVersion: tenon/v1
kind: Workspace
engine: { type: embedded }
server: { operators: [{ name: ada, role: operator, token: env:OPERATOR }] }
connections:
${Object.entries(schemes).map(connectionOf).join('')}`,
  ...Object.fromEntries(Object.entries(schemes).flatMap(filesOf)),
};

function connectionOf([name, { fields }]: readonly [string, Scheme]): string {
  const credentials = Object.keys(fields).map((field) => `${field}: env:${variable(name, field)}`);
  return `  ${name}:
    connector: ${name}
    baseUrl: env:VENDOR_URL
    credentials: { own: { ${credentials.join(', ')} } }
    webhookSecrets: [env:HOOK]
    grants: { by-${name.toLowerCase()}: { operations: [makeThing], hosts: [127.0.0.1] } }
`;
}

function variable(name: string, field: string): string {
  return `${name}_${field}`.toUpperCase();
}

function filesOf([name, { security, auth }]: readonly [string, Scheme]): [string, string][] {
  const thing = {
    type: 'object',
    required: ['id'],
    additionalProperties: false,
    properties: {
      id: { type: 'string' },
      tags: { type: 'object', additionalProperties: { type: 'string' } },
    },
  };
  const json = (schema: JsonObject): JsonObject => ({ content: { 'application/json': { schema } } });
  const sent = { type: 'object', required: ['ref'], properties: { ref: { type: 'string' } } };
  const openapi = {
    openapi: '3.1.0',
    info: { title: name, version: '1.0.0' },
    servers: [{ url: 'https://vendor.example' }],
    security: [{ own: [] }],
    paths: {
      '/things': {
        post: {
          operationId: 'makeThing',
          requestBody: { required: true, ...json(sent) },
          responses: { '201': { description: 'made', ...json(thing) } },
        },
        get: { operationId: 'listThings', responses: { '200': { description: 'ok', ...json(thing) } } },
      },
    },
    webhooks: {
      thingMade: {
        post: {
          requestBody: { required: true, ...json(thing) },
          responses: { '202': { description: 'stored' } },
        },
      },
    },
    components: { securitySchemes: { own: security } },
  };
  return [
    [`contracts/${name}/openapi.yaml`, JSON.stringify(openapi)],
    [
      `contracts/${name}/contract.yaml`,
      'apiVersion: tenon/v1\nkind: Contract\nsteward: sales\ncompatibility: backward\n',
    ],
    [
      `connectors/${name}/connector.yaml`,
      JSON.stringify({
        apiVersion: 'tenon/v1',
        kind: 'Connector',
        metadata: { name, version: '1.0.0', owner: 'platform' },
        contract: name,
        auth: [{ id: 'own', ...auth }],
        egress: ['127.0.0.1'],
        defaults: { timeout: '2s' },
        operations: {
          makeThing: { effect: 'create', idempotency: { mode: 'none' } },
          listThings: { effect: 'read' },
        },
        webhooks: { thingMade: { verify: 'standard-webhooks', id: 'webhook-id' } },
        health: { operation: 'listThings' },
        sandbox: { server: 'https://vendor.example', synthetic: true },
      }),
    ],
    [
      `pipelines/by-${name.toLowerCase()}.pipeline.yaml`,
      `apiVersion: tenon/v1
kind: Pipeline
metadata: { name: by-${name.toLowerCase()}, version: 1, description: Makes a thing. }
owner: { team: sales, backup: platform, escalation: pager:sales, respond: 15m, recover: 4h }
tier: medium
trigger: { manual: { input: { type: object, required: [ref], properties: { ref: { type: string } } } } }
identity: { key: '\${ event.ref }', retain: 30d }
limits: { deadline: 15m }
steps:
  - id: made
    call: ${name}.makeThing
    with: { body: { ref: '\${ event.ref }' } }
    retry: none
    irreversible: { because: it stays, forward: { task: tell them, owner: sales, within: 1d } }
success: \${ steps.made.id != '' }
onFailure: hold
`,
    ],
  ];
}

async function live({ tenon, said }: ServedWorkspace): Promise<void> {
  const { runtime } = tenon;
  // One way after the other: tokens are asked for as the way says.
  for (const way of WAYS) {
    for (const name of Object.keys(schemes))
      said.push(JSON.stringify(await runtime.trigger(`by-${name.toLowerCase()}`, { ref: way }, 'ada')));
    await runtime.idle();
    await new Promise((resolve) =>
      setTimeout(resolve, way.startsWith('token') || way === 'good' ? 1_100 : 0),
    );
  }
}

async function look({ tenon, said, io }: ServedWorkspace): Promise<void> {
  const runs = tenon.runtime.runs({ limit: 1_000 }).map(({ runId }) => runId);
  const lines: string[][] = [
    ...[
      'health',
      'doctor',
      'check',
      'secrets',
      'flow',
      'in-doubt',
      'dead-letters',
      'fixes',
      'approvals',
      'data',
      'grants',
    ].map((line) => [line]),
    ['dead-letters', 'groups'],
    ['audit', 'verify'],
    ['runs', 'ls'],
    ['runs', 'trace', '--system'],
    ...runs.flatMap((runId) => [
      ['runs', 'show', runId],
      ['runs', 'trace', runId],
    ]),
    ['replay', '--pipeline', 'by-bearer', '--reason', 'look'],
  ];
  const LOCAL: ReadonlySet<string> = new Set(['health', 'doctor', 'check', 'grants', 'audit']);
  for (const line of lines)
    for (const format of ['human', 'json'])
      await runCommandLine(
        commands,
        [...line, '--format', format, ...(LOCAL.has(line[0]!) ? [] : ['--url', tenon.url])],
        { ...io, env: { ...io.env, TENON_TOKEN: OPERATOR } },
      );
  const authorization = `Bearer ${OPERATOR}`;
  for (const [path, init] of [
    ['/metrics', { headers: { authorization } }],
    ['/v1/health', { headers: { authorization } }],
    ['/v1/flow', { headers: { authorization } }],
    ['/v1/secrets', { headers: { authorization } }],
    ['/v1/runs', { headers: { authorization: `Bearer x${OPERATOR}` } }],
    [
      '/hooks/bearer/thingMade',
      { method: 'POST', body: HOOK, headers: { 'webhook-id': HOOK, 'webhook-signature': HOOK } },
    ],
  ] as const) {
    const response = await fetch(`${tenon.url}${path}`, init);
    said.push(`${response.status} ${JSON.stringify([...response.headers])} ${await response.text()}`);
  }
}

it('no secret is in any view, log, error, entry or file, whatever a vendor says of it', {
  timeout: 300_000,
}, async () => {
  await withServedWorkspace(
    files,
    vendor(),
    (vendorUrl) => ({
      // That of some services is a secret itself.
      VENDOR_URL: `${vendorUrl}/${PATH}`,
      HOOK,
      OPERATOR,
      ...Object.fromEntries(
        Object.entries(schemes).flatMap(([name, { fields }]) =>
          Object.entries(fields).map(([field, value]) => [variable(name, field), value]),
        ),
      ),
    }),
    async (served) => {
      await live(served);
      await look(served);
      const { runtime } = served.tenon;
      const ends = [
        ...runtime.deadLetters().map(({ failure }) => failure.code),
        ...runtime.inDoubt().map(({ evidence }) => evidence['code']),
      ];
      // Each way came to the end that it is there for.
      expect([...new Set(ends)].toSorted()).toEqual([
        'AUTH_TOKEN_REFUSED',
        'AUTH_TOKEN_UNAVAILABLE',
        'HTTP_CONNECTION_FAILED',
        'HTTP_REDIRECT_REFUSED',
        'HTTP_RESPONSE_INVALID',
        'HTTP_RESPONSE_STATUS',
      ]);
      expect(given.length).toBeGreaterThan(3);
      const traces = everySecret().flatMap(forms);
      const leaked = (text: string): readonly string[] => traces.filter((trace) => text.includes(trace));
      expect(served.said.filter((text) => leaked(text).length > 0).slice(0, 3)).toEqual([]);
      await runtime.stop();
      const folder = join(served.io.cwd, '.tenon');
      for (const { name, parentPath } of readdirSync(folder, { recursive: true, withFileTypes: true }).filter(
        (one) => one.isFile(),
      ))
        expect([name, ...leaked(readFileSync(join(parentPath, name), 'latin1'))]).toEqual([name]);
    },
  );
});
