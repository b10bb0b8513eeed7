import type { OperationPlan } from '@tenon/connector';
import type { Operation } from '@tenon/contract';
import { planAdapterOperation } from '@tenon/pipeline';
import type { JsonSchema } from '@tenon/schema';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bareManifest } from './bare-manifest.ts';
import { type ContractInput, contractFiles } from './contract-files.ts';
import type { GeneratedFile } from './generated-file.ts';
import { definitionsOfAnyShape } from './testing/definitions-of-any-shape.ts';
import { everything, everythingUsed } from './testing/everything.ts';
import { packageFolder } from './testing/package-folder.ts';
import { strictErrors } from './testing/strict-errors.ts';

const generate = (input: Partial<ContractInput> = {}): Promise<GeneratedFile[]> =>
  contractFiles(planAdapterOperation, { contract: everything(), ...input });

/** Calls with the types they must have; a line marked must not compile. */
const USE = `
import { createEverything, type Transport } from './generated/everything/index.js';
import { ordersGet } from './generated/everything/operations/orders-get.js';
declare const transport: Transport;
const api = createEverything(transport);

export async function use(): Promise<void> {
  const one = await api.ordersGet({ id: 'o1', 'query.body': 'x' });
  if (!one.ok) { const failureClass: 'timeout' | string = one.failure.class; void failureClass; return; }
  const state: 'open' | 'paid' | null = one.body.state;
  const status: 200 = one.status;
  const secret: string | undefined = one.body.secret;
  // @ts-expect-error the answer may leave out what is only ever sent
  const certain: string = one.body.secret;
  // @ts-expect-error no such field
  one.body.nothing;
  // @ts-expect-error a required parameter is missing
  await api.ordersGet({});
  const made = await api.ordersGet_2({ body: { kind: 'a', secret: 's', state: 'open', at: '2026-11-21T00:00:00Z' } });
  if (made.ok && made.status === 202) { const nothing: null = made.body; void nothing; }
  if (made.ok && made.status === 200) { const id: string = made.body.id; void id; }
  // @ts-expect-error a value outside the enum
  await api.ordersGet_2({ body: { kind: 'a', secret: 's', state: 'lost', at: '' } });
  await api.delete_(undefined, { idempotencyKey: 'k' });
  const csv = await api.exportCsv();
  if (csv.ok) { const text: string = csv.body; void text; }
  const streamed = await api.exportCsvStream({}, { receive: async (body) => { for await (const piece of body) piece.byteLength; } });
  if (streamed.ok) { const digest: string = streamed.body.digest; void digest; }
  const pdf = await api.exportPdfStream({}, { receive: async () => {} });
  if (pdf.ok && pdf.status === 200) { const digest: string = pdf.body.digest; void digest; }
  if (pdf.ok && pdf.status === 202) { const id: string = pdf.body.id; void id; }
  // @ts-expect-error nobody takes it
  await api.exportCsvStream({}, {});
  const put = await api.filesPutStream_2({ id: 'f1' }, { send: { open: async function* () { yield new Uint8Array(1); }, bytes: 1 } });
  if (put.ok) { const id: string = put.body.id; void id; }
  // @ts-expect-error the body is streamed, or given: not both
  await api.filesPutStream_2({ id: 'f1', body: 'x' }, { send: { open: async function* () {} } });
  await api.filesScan({ body: { file: 'AA==', pages: ['AA==', { content: 'AA==', filename: 'p2' }] } });
  await api.filesScan({ body: { file: { content: 'AA==', contentType: 'image/png' } } });
  // @ts-expect-error a file has content
  await api.filesScan({ body: { file: { filename: 'x' } } });
  await ordersGet(transport, { id: 'o1' });
  void [state, status, secret, certain];
}
`;

test('everything compiles strictly, and calls have the types of the contract', async () => {
  const files = await generate({ usage: everythingUsed });
  const declarations = files.filter(({ path }) => path.endsWith('.d.ts') || path.endsWith('.js'));
  expect(await strictErrors([...declarations, { path: 'use.ts', text: USE }])).toEqual([]);
});

/** What a caller knows of an answer that says no. */
const REFUSED_USE = `
import { createEverything, type Transport } from './generated/everything/index.js';
declare const transport: Transport;
const api = createEverything(transport);

export async function use(): Promise<string | null> {
  const paid = await api.ordersGet_2({ body: { kind: 'a', secret: 's', state: 'open', at: '' } });
  if (paid.ok) return null;
  if (paid.refused === undefined) return paid.failure.code;
  if (paid.refused.code === 'declined') {
    const status: 402 = paid.refused.status;
    // @ts-expect-error no such field
    paid.refused.body.raeson;
    return status + paid.refused.body.reason;
  }
  if (paid.refused.code === 'gone') { const none: null = paid.refused.body; void none; }
  if (paid.refused.code === 'throttled') { const status: number = paid.refused.status; void status; }
  // @ts-expect-error no refusal of this operation has such a name
  if (paid.refused.code === 'lost') return null;
  const one = await api.ordersGet({ id: 'o1' });
  // @ts-expect-error the contract declares no refusal, and the connector names none
  if (!one.ok && one.refused !== undefined) return one.refused.code;
  const csv = await api.exportCsvStream({}, { receive: async () => {} });
  switch (csv.ok ? undefined : csv.refused?.code) {
    case 'notFound': return csv.ok ? null : (csv.refused?.body.why ?? null);
    case 'conflict': return null;
    default: return null;
  }
}
`;

/** Refusals by rules of the operation, by its contract alone, and none. */
function refusing(): Pick<ContractInput, 'contract' | 'manifest'> {
  const contract = everything();
  const json = (schema: JsonSchema) => [{ type: 'application/json', schema, examples: {} }];
  const declares = (id: string, status: string, schema: JsonSchema): [string, Operation] => {
    const operation = contract.operations.get(id)!;
    if (operation.kind !== 'http') throw new Error(`${id} is a message`);
    const response = { status, headers: [], content: json(schema) };
    return [id, { ...operation, responses: [...operation.responses, response] }];
  };
  const reason = { type: 'object', required: ['reason'], properties: { reason: { type: 'string' } } };
  const why = { type: 'object', required: ['why'], properties: { why: { $ref: '#/$defs/Why' } } };
  return {
    contract: {
      ...contract,
      definitions: { ...contract.definitions, Why: { type: 'string' } },
      operations: new Map([
        ...contract.operations,
        declares('orders-get', '402', reason),
        declares('export/csv', 'default', why),
      ]),
    },
    manifest: {
      ...bareManifest(contract),
      operations: {
        'orders-get': {
          effect: 'create',
          scopes: [],
          idempotency: { mode: 'none' },
          failures: [
            { status: '402', class: 'permanent', refusal: 'declined' },
            { status: '410', class: 'permanent', refusal: 'gone' },
            { status: '4xx', when: "'x' in headers", class: 'validation', refusal: 'throttled' },
          ],
        },
      },
    },
  };
}

describe('refusals that have a name', () => {
  test('are a union by code, each with its statuses and body', async () => {
    const files = await generate(refusing());
    const declarations = files.filter(({ path }) => path.endsWith('.d.ts') || path.endsWith('.js'));
    expect(await strictErrors([...declarations, { path: 'use.ts', text: REFUSED_USE }])).toEqual([]);
  });

  test('are in the plan that a transport gets, with the definitions that their bodies refer to', async () => {
    await using folder = await packageFolder(await generate(refusing()));
    const { completePlan } = await folder.load('generated/everything/call.js');
    const { exportCsvPlan } = await folder.load('generated/everything/operations/export-csv.js');
    // The generated function, of the type that its declarations give.
    const plan = await (completePlan as (plan: unknown) => Promise<OperationPlan>)(exportCsvPlan);
    const schema = expect.objectContaining({ required: ['why'], $defs: { Why: { type: 'string' } } });
    expect(plan.refusals).toEqual({ conflict: { schema }, notFound: { schema } });
  });
});

test('the same input gives the same bytes, whatever was generated before', async () => {
  const first = await generate({ usage: everythingUsed });
  await generate({ contract: { ...everything(), name: 'other' } });
  const second = await generate({ usage: everythingUsed.toReversed() });
  expect(second).toEqual(first);
  expect(first.map(({ path }) => path)).toEqual(first.map(({ path }) => path).toSorted());
  expect(new Set(first.map(({ path }) => path.toLowerCase())).size).toBe(first.length);
});

test('any contract gives the same bytes again, made from a copy of it', { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(definitionsOfAnyShape(), async (definitions) => {
      const contract = { ...everything(), definitions: { ...everything().definitions, ...definitions } };
      const copy = { ...contract, definitions: structuredClone(contract.definitions) };
      expect(await generate({ contract: copy })).toEqual(await generate({ contract }));
    }),
    { numRuns: 8 },
  );
});

test('every source file says what it was made from, and never to edit it', async () => {
  for (const { path, text } of await generate()) {
    if (path.endsWith('.json')) continue;
    expect(text.split('\n', 1)[0]).toMatch(
      /^\/\/ Generated by Tenon from (operation .* of )?contract everything\. Do not edit: run `tenon generate`\.$/,
    );
  }
});

test('a change elsewhere in the contract leaves the file of an operation as it is', async () => {
  const before = everything();
  const others = [...before.operations].filter(([id]) => id !== 'delete');
  const after = { ...before, version: '2.0.0', digest: 'sha256:0', operations: new Map(others) };
  const fileOf = (files: readonly GeneratedFile[]): string | undefined =>
    files.find(({ path }) => path.endsWith('operations/orders-get.js'))?.text;
  expect(fileOf(await generate({ contract: after }))).toBe(fileOf(await generate({ contract: before })));
});

test.each(['transport', 'operations', 'call', '1st', 'mail/out box'])(
  'a contract may be called %s',
  async (name) => {
    const files = await generate({ contract: { ...everything(), name: name.replace('/', '-') } });
    expect(await strictErrors(files.filter(({ path }) => path.endsWith('.d.ts')))).toEqual([]);
  },
);

describe('adapters', () => {
  test('hand the transport a whole plan, the same object each time, and pass on input, options and result', async () => {
    await using folder = await packageFolder(await generate());
    const { createEverything } = await folder.load('generated/everything/adapter.js');
    const requests: { operation: { input: object }; input: unknown; idempotencyKey?: string }[] = [];
    const answer = { ok: true, status: 200, body: null, headers: {} };
    const transport = {
      call: async (request: (typeof requests)[number]) => {
        requests.push(request);
        return answer;
      },
    };
    // The generated maker, of the type that its declarations give.
    const api = (createEverything as (t: object) => Record<string, (...given: object[]) => unknown>)(
      transport,
    );
    expect(await api['ordersGet_2']!({ body: false }, { idempotencyKey: 'k' })).toBe(answer);
    await api['ordersGet_2']!({ body: 0 });
    await api['delete_']!();
    const [first, second, third] = requests;
    expect(first).toMatchObject({
      input: { body: false },
      idempotencyKey: 'k',
      operation: {
        name: 'everything.orders-get',
        contract: { name: 'everything', version: '1.0.0' },
        http: { method: 'POST' },
      },
    });
    expect(second?.operation).toBe(first?.operation);
    expect(Object.keys((first!.operation.input as { $defs: object }).$defs).toSorted()).toEqual([
      'Order.request',
      'any json',
    ]);
    expect(third?.input).toEqual({});
    const send = { open: async function* () {} };
    await api['filesPutStream_2']!({ id: 'f1' }, { send }, { idempotencyKey: 'k' });
    expect(requests.at(-1)).toMatchObject({ input: { id: 'f1' }, send, idempotencyKey: 'k' });
  });
});

describe('validators', () => {
  const order = { kind: 'gift', secret: 's', state: 'open', at: '2026-11-21T00:00:00Z' };

  test('stand alone, and know which way a value travels', async () => {
    await using folder = await packageFolder(await generate());
    const validators = await folder.load('generated/everything/validators.js');
    const check = (name: string, value: unknown): unknown =>
      (validators[name] as (value: unknown) => boolean)(value);
    expect(check('ordersGet_2Input', { body: order })).toBe(true);
    expect(check('ordersGet_2Input', { body: { ...order, secret: undefined } })).toBe(false);
    expect(check('ordersGet_2Input', { body: { ...order, kind: 'NO' } })).toBe(false);
    expect(check('ordersGet_2Input', { body: { ...order, at: 'yesterday' } })).toBe(false);
    const { secret: _secret, ...received } = order;
    expect(check('ordersGetResult', received)).toBe(false);
    expect(check('ordersGetResult', { ...received, id: 'o1', lines: [1, [null], { a: ['x'] }] })).toBe(true);
    expect(check('ordersGetResult', { ...received, id: 'o1', lines: [1, 1] })).toBe(false);
    expect(check('orderPaidEvent', { ...received, id: '' })).toBe(false);
  });

  test('a schema that Ajv cannot compile costs its own validator, and the file says so', async () => {
    const contract = everything();
    const definitions = {
      ...contract.definitions,
      'any json': { $id: 'x', $schema: 'y', pattern: '(' },
    };
    const files = await generate({ contract: { ...contract, definitions } });
    const text = files.find(({ path }) => path.endsWith('validators.js'))!.text;
    expect(text).toMatch(/^\/\/ No validator ordersGetResult: .*regular expression/im);
    expect(text).toMatch(/^export const delete_Input/m);
    expect(await strictErrors(files.filter(({ path }) => path.endsWith('.d.ts')))).toEqual([]);
  });

  test('are made for what pipelines use, and for all of a small contract that none uses yet', async () => {
    const exportsOf = async (usage: ContractInput['usage']): Promise<string[]> => {
      const files = await generate({ ...(usage && { usage }) });
      const text = files.find(({ path }) => path.endsWith('validators.js'))!.text;
      return [...text.matchAll(/^export const (\w+)/gm)].map(([, name]) => name!).toSorted();
    };
    expect(await exportsOf(everythingUsed)).toEqual([
      'orderPaidEvent',
      'ordersGetInput',
      'ordersGetResult',
      'ordersGet_2Input',
      'ordersGet_2Result',
    ]);
    expect(await exportsOf(undefined)).toContain('exportCsvResult');
  });
});
