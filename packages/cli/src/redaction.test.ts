import { readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import type { Json, JsonObject } from '@tenon/model';
import { openLedger } from '@tenon/runtime';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { runCommandLine } from './command.ts';
import { commands } from './commands/index.ts';
import { readersEncryption } from './serve/data-keys.ts';
import { type ServedWorkspace, withServedWorkspace } from './testing/served-workspace.ts';

// C98, as a property over contracts: fields of random names, types, depths and classes; runs over a real server and a
// real client, to every end that a run may come to; every view that an operator, a log or the ledger gives of them.

interface Field {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'strings' | 'object';
  readonly class: 'personal' | 'secret' | 'financial' | undefined;
}

const names = ['email', 'card', 'note', 'iban', 'a/b', 'tax~id', 'name', 'total'] as const;
const fields: fc.Arbitrary<readonly Field[]> = fc
  .uniqueArray(fc.constantFrom(...names), { minLength: 2, maxLength: 5 })
  .chain((chosen) =>
    fc.tuple(
      ...chosen.map((name) =>
        fc.record({
          name: fc.constant(name),
          type: fc.constantFrom<Field['type'][]>('string', 'integer', 'strings', 'object'),
          class: fc.constantFrom<Field['class'][]>('personal', 'secret', 'financial', undefined),
        }),
      ),
    ),
  )
  .map(([first, ...rest]): readonly Field[] => [
    // One that expressions can work with, always.
    { ...first!, name: 'handle', type: 'string', class: 'personal' },
    ...rest,
  ]);

const schemaOf = {
  string: { type: 'string', maxLength: 60 },
  integer: { type: 'integer' },
  strings: { type: 'array', items: { type: 'string' } },
  object: { type: 'object', additionalProperties: { type: 'string' } },
} as const;

let made = 0;
/** A value that stands nowhere else, and how it would look if it were shown. */
function canary({ type }: Field): { readonly value: Json; readonly trace: string } {
  const number = ++made;
  if (type === 'integer') return { value: 770_000_000 + number, trace: String(770_000_000 + number) };
  const text = `CANARY${number}x`;
  if (type === 'strings') return { value: [text], trace: text };
  return { value: type === 'object' ? { inner: text } : text, trace: text };
}

/** By whom somebody came, by whom those came, and so on: further than fields are listed. */
const REFERRED = 3;

/** An object with a canary in each classed field, its own and those of its like inside it; what they are is added to `traces`. */
function person(all: readonly Field[], traces: Set<string>, referred: number = REFERRED): JsonObject {
  const own = all.map((field): readonly [string, Json] => {
    const { value, trace } = canary(field);
    if (field.class !== undefined) traces.add(trace);
    return [field.name, value];
  });
  return {
    ...Object.fromEntries(own),
    ...(referred > 0 && { via: person(all, traces, referred - 1) }),
  };
}

type Way = 'good' | 'refused' | 'broken' | 'lost' | 'rejected' | 'items' | 'expression';
const ways: readonly Way[] = ['good', 'refused', 'broken', 'lost', 'rejected', 'items', 'expression'];

function contractFiles(all: readonly Field[]): Record<string, string> {
  const properties = {
    ...Object.fromEntries(all.map(({ name, type }) => [name, schemaOf[type]])),
    via: { $ref: '#/components/schemas/Person' },
  };
  const data = { type: 'object', required: all.map(({ name }) => name), properties };
  const ref = (name: string): JsonObject => ({ $ref: `#/components/schemas/${name}` });
  const json = (schema: JsonObject): JsonObject => ({ content: { 'application/json': { schema } } });
  const answer = (status: string): JsonObject => ({ [status]: { description: 'ok', ...json(ref('Made')) } });
  const post = (operationId: string): JsonObject => ({
    post: { operationId, requestBody: { required: true, ...json(ref('Sent')) }, responses: answer('201') },
  });
  const openapi = {
    openapi: '3.1.0',
    info: { title: 'Vendor', version: '1.0.0' },
    servers: [{ url: 'https://vendor.example' }],
    security: [{ key: [] }],
    paths: {
      '/people/{id}': {
        get: {
          operationId: 'getPerson',
          parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'string' } }],
          responses: answer('200'),
        },
      },
      '/people': post('createPerson'),
      '/notes': post('createNote'),
    },
    webhooks: {
      signedUp: {
        post: {
          requestBody: { required: true, ...json(ref('SignedUp')) },
          responses: { '202': { description: 'stored' } },
        },
      },
    },
    components: {
      securitySchemes: { key: { type: 'http', scheme: 'bearer' } },
      schemas: {
        Person: data,
        Sent: {
          type: 'object',
          required: ['ref'],
          properties: { ref: { type: 'string' }, data: ref('Person') },
        },
        Made: {
          type: 'object',
          required: ['id', 'data'],
          properties: { id: { type: 'string' }, data: ref('Person') },
        },
        SignedUp: {
          type: 'object',
          required: ['id', 'way', 'data', 'lines'],
          properties: {
            id: { type: 'string' },
            way: { type: 'string' },
            data: ref('Person'),
            lines: {
              type: 'array',
              items: {
                type: 'object',
                required: ['sku', 'data'],
                properties: { sku: { type: 'string' }, data: ref('Person') },
              },
            },
          },
        },
      },
    },
  };
  const classes = all.flatMap(({ name, class: one }) =>
    one === undefined
      ? []
      : [
          `  ${JSON.stringify(`/components/schemas/Person/properties/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`)}: ${one}`,
        ],
  );
  return {
    'pipelines/sign-up.pipeline.yaml': pipeline(all),
    'contracts/vendor/openapi.yaml': JSON.stringify(openapi),
    'contracts/vendor/contract.yaml': `apiVersion: tenon/v1
kind: Contract
steward: sales
compatibility: backward
classes:
${classes.join('\n')}
`,
  };
}

const FILES: Readonly<Record<string, string>> = {
  'tenon.config.yaml': `apiVersion: tenon/v1
kind: Workspace
engine:
  type: embedded
  encryption: { keys: [{ id: k1, key: env:DATA_KEY }] }
connections:
  vendor: { connector: vendor, baseUrl: env:VENDOR_URL, credentials: { key: { token: env:VENDOR_KEY } }, webhookSecrets: [env:VENDOR_HOOK], grants: { sign-up: { operations: [createNote, createPerson, getPerson], hosts: [127.0.0.1] } } }
`,
  'owners.yaml': `apiVersion: tenon/v1
kind: Owners
teams: [{ name: sales }, { name: platform }]
`,
  'connectors/vendor/connector.yaml': `apiVersion: tenon/v1
kind: Connector
metadata: { name: vendor, version: 1.0.0, owner: platform }
contract: vendor
auth: [{ id: key, type: bearer }]
egress: [127.0.0.1]
defaults: { timeout: 2s }
operations:
  getPerson: { effect: read }
  createPerson: { effect: create, idempotency: { mode: none } }
  createNote: { effect: create, idempotency: { mode: natural } }
webhooks:
  signedUp: { verify: standard-webhooks, id: webhook-id }
health: { operation: getPerson, with: { id: nobody } }
sandbox: { server: https://vendor.example, synthetic: true }
`,
};

/** Field by field: an object as a whole is cleared for nothing. */
function sent(all: readonly Field[], from: string): string {
  const members = all.map(({ name }) => [name, `\${ ${from}[${JSON.stringify(name)}] }`]);
  return JSON.stringify(Object.fromEntries(members));
}

const pipeline = (all: readonly Field[]): string => `apiVersion: tenon/v1
kind: Pipeline
metadata: { name: sign-up, version: 1, description: Takes somebody in. }
owner: { team: sales, backup: platform, escalation: pager:sales, respond: 15m, recover: 4h }
tier: medium
trigger: { event: vendor.signedUp }
identity: { key: '\${ event.id }', retain: 30d }
limits: { deadline: 15m }
steps:
  - id: person
    call: vendor.getPerson
    with: { id: '\${ event.way }' }
  - id: copy
    set:
      whole: \${ event.data }
      mixed: x-\${ event.data.handle }
      upper: \${ steps.person.data.handle + '!' }
      all: [ '\${ event.lines }' ]
  - id: number
    when: \${ event.way == 'expression' }
    set: { value: '\${ int(event.data.handle) }' }
  - id: fine
    approve: { by: sales, within: 4h, onExpiry: reject, show: { who: '\${ event.id }', why: '\${ event.way }' } }
  - id: made
    call: vendor.createPerson
    with: { body: { ref: '\${ event.id }', data: ${sent(all, 'event.data')} } }
    retry: none
    irreversible: { because: it stays, forward: { task: tell them, owner: sales, within: 1d } }
  - id: lines
    forEach:
      in: \${ event.lines }
      as: line
      key: \${ line.sku }
      max: 10
      concurrency: 2
      onItemFailure: collect
      steps:
        - id: noted
          call: vendor.createNote
          with: { body: { ref: '\${ line.sku }', data: ${sent(all, 'line.data')} } }
          retry: none
          irreversible: { because: it stays, forward: { task: tell them, owner: sales, within: 1d } }
success: \${ steps.made.id != '' }
onFailure: hold
`;

/** The other system: echoes what it was sent wherever a vendor might. */
function vendor(all: readonly Field[], traces: Set<string>) {
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    let text = '';
    for await (const chunk of request) text += String(chunk);
    const say = (status: number, body: Json): void => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(body));
    };
    if (request.method === 'GET') return say(200, { id: 'p', data: person(all, traces) });
    const sent: { readonly ref: string; readonly data: JsonObject } = JSON.parse(text);
    if (sent.ref.startsWith('refused') || sent.ref.startsWith('bad-'))
      return say(422, { error: `not this one: ${text}`, code: text.slice(0, 200) });
    if (sent.ref.startsWith('broken')) {
      // Of the wrong type, with the value in it; and one that is too long.
      const long = `${String(sent.data['handle'])}${'y'.repeat(100)}`;
      return say(201, { id: [sent.data], data: { ...sent.data, handle: long } });
    }
    if (sent.ref.startsWith('lost')) return void request.socket.destroy();
    say(201, { id: 'made', data: sent.data });
  };
}

type World = ServedWorkspace;

function withWorld(
  all: readonly Field[],
  traces: Set<string>,
  body: (world: World) => Promise<void>,
): Promise<void> {
  return withServedWorkspace(
    { ...FILES, ...contractFiles(all) },
    (request, response) => void vendor(all, traces)(request, response),
    (vendorUrl) => ({
      VENDOR_URL: vendorUrl,
      VENDOR_KEY: 'token-of-the-vendor',
      VENDOR_HOOK: `whsec_${Buffer.alloc(24, 'h').toString('base64')}`,
      DATA_KEY: Buffer.alloc(32, 'k').toString('base64'),
    }),
    body,
  );
}

async function live({ tenon, said }: World, all: readonly Field[], traces: Set<string>): Promise<void> {
  const { runtime } = tenon;
  for (const way of ways) {
    const data = person(all, traces);
    const sku = way === 'items' ? 'bad-sku' : 'sku';
    await runtime.accept({
      event: 'vendor.signedUp',
      payload: { id: `${way}-1`, way, data, lines: [{ sku, data: person(all, traces) }] },
      deliveryId: way,
      source: 'vendor',
    });
  }
  // What its contract refuses is told to the sender, and held in quarantine where it cannot be told.
  for (const invalid of ['refuse', 'quarantine'] as const) {
    const handle = `${String(person(all, traces)['handle'])}${'y'.repeat(100)}`;
    const payload = { id: [handle], way: 'good', data: { ...person(all, traces), handle }, lines: handle };
    const result = await runtime.accept({
      event: 'vendor.signedUp',
      payload,
      deliveryId: `invalid-${invalid}`,
      source: 'vendor',
      invalid,
    });
    said.push(JSON.stringify(result));
  }
  await runtime.idle();
  for (const { runId, stepId, key } of runtime.approvals())
    await runtime.decide(runId, stepId, key.startsWith('rejected') ? 'reject' : 'approve', 'ana', 'as it is');
  await runtime.idle();
}

async function look({ tenon, said, io }: World): Promise<void> {
  const runs = tenon.runtime.runs().map(({ runId }) => runId);
  const lines: string[][] = [
    ['runs', 'ls'],
    ['runs', 'trace', '--system'],
    ...runs.flatMap((runId) => [
      ['runs', 'show', runId],
      ['runs', 'trace', runId],
    ]),
    ['approvals'],
    ['dead-letters'],
    ['dead-letters', 'groups'],
    ['in-doubt'],
    ['fixes'],
    ['flow'],
    ['data'],
    ['replay', '--pipeline', 'sign-up', '--reason', 'look'],
  ];
  for (const line of lines)
    for (const format of ['human', 'json'])
      await runCommandLine(commands, [...line, '--format', format, '--url', tenon.url], io);
  const token = readFileSync(join(io.cwd, '.tenon', 'operator.token'), 'utf8').trim();
  const metrics = await fetch(`${tenon.url}/metrics`, { headers: { authorization: `Bearer ${token}` } });
  said.push(await metrics.text());
}

function leaked(text: string, traces: ReadonlySet<string>): readonly string[] {
  return [...traces].filter((trace) => text.includes(trace));
}

it('what a contract calls personal, secret or financial is in no view, log, error, entry or file', {
  timeout: 300_000,
}, async () => {
  const ends = new Set<string>();
  await fc.assert(
    fc.asyncProperty(fields, async (all) => {
      const traces = new Set<string>();
      await withWorld(all, traces, async (world) => {
        await live(world, all, traces);
        await look(world);
        for (const { state, key } of world.tenon.runtime.runs()) ends.add(`${key} ${state}`);
        for (const { failure } of world.tenon.runtime.deadLetters()) ends.add(failure.code);
        const shown = world.said.filter((text) => leaked(text, traces).length > 0);
        expect(shown.slice(0, 3)).toEqual([]);
        // It is there all the same: a resumed run needs it.
        const file = join(world.io.cwd, '.tenon', 'tenon.db');
        const ledger = openLedger(file, await readersEncryption(world.io));
        expect(ledger.check()).toEqual([]);
        const exported = JSON.stringify([...ledger.exporting().rows()]);
        ledger.close();
        expect(leaked(exported, traces)).toEqual([]);
        const folder = join(world.io.cwd, '.tenon');
        for (const name of await readdir(folder, { recursive: true, withFileTypes: true }))
          if (name.isFile())
            expect([
              name.name,
              ...leaked(readFileSync(join(name.parentPath, name.name), 'latin1'), traces),
            ]).toEqual([name.name]);
      });
    }),
    // Not shrunk: each try is a whole life, and the fields are few.
    { numRuns: 6, endOnFailure: true },
  );
  // Each way came to the end that it is there for.
  expect([...ends]).toEqual(
    expect.arrayContaining([
      'good-1 succeeded',
      'lost-1 inDoubt',
      'items-1 succeeded',
      'rejected-1 failed',
      'HTTP_RESPONSE_STATUS',
      'APPROVAL_REJECTED',
    ]),
  );
});
