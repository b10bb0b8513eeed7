import { request } from 'node:http';
import { loadManifest } from '@tenon/connector';
import { loadContractText } from '@tenon/contract';
import { describe, expect, onTestFinished as finished, it } from 'vitest';
import { TOKEN_OPERATION } from './engine.ts';
import type { Fault, FaultRule } from './faults.ts';
import { asker, openShop } from './open-shop.testing.ts';

const order = { order: { amount: 5 } };

describe('faults', () => {
  it.each<[string, Fault, number]>([
    ['before the effect', { kind: 'dropBefore' }, 0],
    ['after the effect', { kind: 'dropAfter' }, 1],
  ])('drops the connection %s', async (_name, fault, effects) => {
    const { sandbox, ask } = await openShop(finished);
    sandbox.faults.add({ fault, operation: 'createOrder' });
    await expect(ask('POST', '/orders', order)).rejects.toThrow('fetch failed');
    expect(sandbox.effects()).toHaveLength(effects);
    expect(sandbox.state()['orders'] ?? []).toHaveLength(effects);
    expect(sandbox.requests()).toMatchObject([{ operation: 'createOrder', faults: [fault.kind] }]);
  });

  it('gives the lost answer to the repeat with the same key', async () => {
    const { sandbox, ask } = await openShop(finished);
    sandbox.faults.add({ fault: { kind: 'dropAfter' }, times: 1 });
    const key = { 'idempotency-key': 'k' };
    await expect(ask('POST', '/orders', order, key)).rejects.toThrow();
    expect((await ask('POST', '/orders', order, key)).json.order.number).toBe(1);
    expect(sandbox.effects()).toHaveLength(1);
  });

  it("answers 429 with Retry-After in the contract's error schema, then lets through", async () => {
    const { sandbox, ask } = await openShop(finished);
    const handle = sandbox.faults.add({
      fault: { kind: 'status', status: 429, retryAfterSeconds: 7 },
      times: 2,
    });
    const refused = await ask('POST', '/orders', order);
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '7']);
    expect(refused.json.error.message).toBe('told to answer so by a sandbox fault');
    expect((await ask('POST', '/orders', order)).status).toBe(429);
    expect((await ask('POST', '/orders', order)).status).toBe(201);
    expect(handle.struck()).toBe(2);
    expect(sandbox.effects()).toHaveLength(1);
  });

  it('answers 503 with a body of choice, and after the effect when told to', async () => {
    const { sandbox, ask } = await openShop(finished);
    sandbox.faults.add({
      fault: { kind: 'status', status: 503, body: { busy: true }, effect: 'applied' },
      times: 1,
    });
    expect(await ask('POST', '/orders', order)).toMatchObject({ status: 503, json: { busy: true } });
    expect(sandbox.effects()).toHaveLength(1);
  });

  it('refuses for good', async () => {
    const { sandbox, ask } = await openShop(finished);
    sandbox.faults.add({ fault: { kind: 'status', status: 422 }, operation: 'createCustomer' });
    for (let time = 0; time < 3; time++)
      expect((await ask('POST', '/customers', { email: 'a@x.example' })).status).toBe(422);
    expect(sandbox.effects()).toEqual([]);
  });

  it('is late', async () => {
    const { sandbox, ask } = await openShop(finished);
    sandbox.faults.add({ fault: { kind: 'latency', ms: 80 } });
    const before = performance.now();
    expect((await ask('GET', '/settings')).status).toBe(200);
    expect(performance.now() - before).toBeGreaterThan(75);
  });

  it('is late and then breaks: latency goes with the first other fault', async () => {
    const { sandbox, ask } = await openShop(finished);
    sandbox.faults.add({ fault: { kind: 'status', status: 503 } });
    sandbox.faults.add({ fault: { kind: 'status', status: 500 } });
    sandbox.faults.add({ fault: { kind: 'latency', ms: 5 } });
    expect((await ask('GET', '/settings')).status).toBe(503);
    expect(sandbox.requests()[0]?.faults).toEqual(['status', 'latency']);
  });

  it.each<['none' | 'applied', number]>([
    ['none', 0],
    ['applied', 1],
  ])('hangs, with the effect %s', async (effect, count) => {
    const { sandbox } = await openShop(finished);
    sandbox.faults.add({ fault: { kind: 'hang', effect } });
    const signal = AbortSignal.timeout(150);
    const headers = { 'content-type': 'application/json' };
    const asked = fetch(`${sandbox.url}/orders`, {
      method: 'POST',
      body: JSON.stringify(order),
      headers,
      signal,
    });
    await expect(asked).rejects.toThrow(/timeout/i);
    expect(sandbox.effects()).toHaveLength(count);
    expect(sandbox.requests()[0]?.status).toBe(undefined);
  });

  it('sends a malformed body with a right length', async () => {
    const { sandbox, ask } = await openShop(finished);
    sandbox.faults.add({ fault: { kind: 'malformedBody' } });
    const said = await ask('POST', '/orders', order);
    expect(said.status).toBe(201);
    expect(said.json).toBe(undefined);
    expect(said.text.startsWith('{"order":')).toBe(true);
    expect(sandbox.effects()).toHaveLength(1);
  });

  it('ends inside a body', async () => {
    const { sandbox } = await openShop(finished);
    sandbox.faults.add({ fault: { kind: 'truncatedBody' } });
    const { promised, came, ended } = await read(`${sandbox.url}/settings`);
    expect(came).toBeGreaterThan(0);
    expect(came).toBeLessThan(promised);
    expect(ended).toBe('aborted');
  });

  it('drifts: fields go, are renamed, change type', async () => {
    const { sandbox, ask } = await openShop(finished);
    await ask('POST', '/orders', order);
    sandbox.faults.add({
      fault: {
        kind: 'drift',
        remove: ['/order/status'],
        rename: { '/order/number': 'no' },
        retype: ['/order/amount'],
      },
      operation: 'getOrder',
    });
    expect((await ask('GET', '/orders/1')).json).toEqual({ order: { no: 1, amount: '5' } });
    sandbox.faults.add({ fault: { kind: 'drift', remove: ['/orders/*/amount'] }, operation: 'listOrders' });
    expect((await ask('GET', '/orders')).json.orders[0].amount).toBe(undefined);
    expect(sandbox.state()['orders']).toMatchObject([{ number: 1, amount: 5 }]);
  });

  it('strikes the calls it is told to', async () => {
    const strikes = async (rule: Omit<FaultRule, 'fault'>, headers?: Record<string, string>) => {
      const { sandbox, ask } = await openShop(finished);
      sandbox.faults.add({ fault: { kind: 'status', status: 500 }, ...rule });
      const told: boolean[] = [];
      for (let call = 0; call < 6; call++) {
        await ask('GET', '/customers');
        told.push((await ask('GET', '/settings', undefined, headers)).status === 500);
      }
      return told.map(Number).join('');
    };
    expect(await strikes({ operation: 'getSettings', nth: 2 })).toBe('010000');
    expect(await strikes({ operation: 'getSettings', nth: [1, 4] })).toBe('100100');
    expect(await strikes({ operation: 'getSettings', times: 3 })).toBe('111000');
    expect(await strikes({ operation: 'getOrder' })).toBe('000000');
    expect(await strikes({ header: { name: 'X-Fault', value: 'on' } }, { 'x-fault': 'on' })).toBe('111111');
    expect(await strikes({ header: { name: 'X-Fault', value: 'on' } }, { 'x-fault': 'off' })).toBe('000000');
    const rare = { operation: 'getSettings', probability: 0.5 };
    expect(await strikes(rare)).toBe(await strikes(rare));
    expect(new Set(await strikes(rare)).size).toBe(2);
  });

  it('strikes the token endpoint', async () => {
    const { sandbox, ask } = await openShop(finished);
    sandbox.faults.add({ fault: { kind: 'status', status: 503 }, operation: TOKEN_OPERATION });
    expect((await ask('POST', '/oauth/token', 'grant_type=client_credentials')).status).toBe(503);
  });

  it('stops when it is removed', async () => {
    const { sandbox, ask } = await openShop(finished);
    const handle = sandbox.faults.add({ fault: { kind: 'status', status: 500 } });
    expect((await ask('GET', '/settings')).status).toBe(500);
    handle.remove();
    expect((await ask('GET', '/settings')).status).toBe(200);
  });
});

describe('control over HTTP', () => {
  it('adds, lists and removes faults, and shows state, effects and requests', async () => {
    const { sandbox } = await openShop(finished);
    const ask = asker(sandbox.url);
    const added = await ask('POST', '/_sandbox/faults', { fault: { kind: 'status', status: 503 }, times: 1 });
    expect(added.status).toBe(201);
    expect((await ask('POST', '/orders', order)).status).toBe(503);
    expect((await ask('POST', '/orders', order)).status).toBe(201);
    expect((await ask('GET', '/_sandbox/faults')).json).toMatchObject([{ id: added.json.id, struck: 1 }]);
    expect((await ask('GET', '/_sandbox/effects')).json).toMatchObject([
      { operation: 'createOrder', id: '1' },
    ]);
    expect((await ask('GET', '/_sandbox/state')).json).toMatchObject({ orders: [{ number: 1 }] });
    expect((await ask('GET', '/_sandbox/requests')).json).toHaveLength(2);
    expect((await ask('DELETE', `/_sandbox/faults/${added.json.id}`)).status).toBe(204);
    expect((await ask('DELETE', `/_sandbox/faults/${added.json.id}`)).status).toBe(404);
    expect((await ask('POST', '/_sandbox/reset')).status).toBe(204);
    expect((await ask('GET', '/_sandbox/state')).json).toEqual({});
    expect(sandbox.effects()).toEqual([]);
  });

  it.each<[unknown, RegExp]>([
    ['nonsense', /fault rule is an object/],
    [{ fault: { kind: 'explode' } }, /fault.kind: latency, headers, status/],
    [{ fault: { kind: 'status' } }, /fault.status/],
    [{ fault: { kind: 'drift' } }, /remove, rename, retype or add/],
    [{ fault: { kind: 'dropAfter' }, nth: 'first' }, /nth/],
    [{ fault: { kind: 'dropAfter' }, header: 'x' }, /header/],
  ])('says what is wrong with the rule %j', async (rule, message) => {
    const { ask } = await openShop(finished);
    const refused = await ask('POST', '/_sandbox/faults', rule);
    expect(refused.status).toBe(400);
    expect(refused.json.error).toMatch(message);
  });

  it('takes rows in while it runs, or says what is wrong with them and takes none', async () => {
    const { sandbox, ask } = await openShop(finished, { data: { customers: [{ id: 'a' }] } });
    const [first] = sandbox.state()['customers']!;
    const added = await ask('POST', '/_sandbox/rows', {
      customers: [{ id: 'b', email: 'b@example.com', address: { city: 'Ulm' } }],
    });
    expect(added).toMatchObject({ status: 201, json: { added: 1 } });
    expect((await ask('GET', '/customers/b')).json).toMatchObject({ id: 'b', email: 'b@example.com' });
    expect(sandbox.effects(), 'nobody called for it').toEqual([]);
    for (const [rows, says] of [
      [{ customers: [{ id: 'c' }], custommers: [] }, 'no resource "custommers"; it has basic, customers'],
      [{ customers: [{ id: 'c' }, 'd'] }, '`customers`: row 2 is no object'],
      [{ customers: { id: 'c' } }, '`customers` is no list of rows'],
      [
        { customers: [{ id: 'c' }, { id: 'd', active: 'yes' }] },
        '`customers`: row 2: `active` must be true or false',
      ],
      [
        { customers: [{ address: { city: 'Ulm', zip: 89_073 } }] },
        '`customers`: row 1: `address/zip` must be a string',
      ],
      [
        { customers: [{ emial: 'c@example.com' }] },
        '`customers`: row 1: the contract has no such `emial`; did you mean `email`?',
      ],
      [
        { customers: [{ password: 'secret' }] },
        '`customers`: row 1: `password` is only ever sent: no answer shows it',
      ],
      [
        { customers: [{ id: 'c' }, { id: 'a', email: 'new@example.com' }] },
        '`customers`: row 2: there is one already with the `id` a',
      ],
      [{ customers: [{ id: 'c' }, { id: 'c' }] }, '`customers`: row 2: there is one already with the `id` c'],
      ['nonsense', 'expected an object: lists of rows, by resource'],
    ] as const) {
      const refused = await ask('POST', '/_sandbox/rows', rows);
      expect(refused.status).toBe(400);
      expect(refused.json.error).toContain(says);
    }
    expect(sandbox.state()['customers']).toEqual([first, expect.objectContaining({ id: 'b' })]);
    await ask('POST', '/_sandbox/reset');
    expect(sandbox.state()['customers']).toHaveLength(1);
  });

  it('changes rows that are there while it runs, or says what is wrong and changes none', async () => {
    const old = { createdAt: '2020-01-01T00:00:00Z', tier: 'free', address: { city: 'Ulm' } };
    const { sandbox, ask } = await openShop(finished, {
      data: { customers: [{ id: 'a', ...old }, { id: 'b' }], orders: [{ number: 7, status: 'open' }] },
    });
    const tag = (await ask('GET', '/customers/a')).headers.get('etag');
    const rows = {
      customers: [{ id: 'a', tier: 'team', address: { zip: '89073' } }],
      orders: [{ number: '7', status: 'paid' }],
    };
    expect(await ask('PATCH', '/_sandbox/rows', rows)).toMatchObject({ status: 200, json: { changed: 2 } });
    const changed = await ask('GET', '/customers/a');
    expect(changed.json).toMatchObject({
      id: 'a',
      ...old,
      tier: 'team',
      address: { city: 'Ulm', zip: '89073' },
    });
    expect(changed.headers.get('etag')).not.toBe(tag);
    expect((await ask('GET', '/orders/7')).json.order).toMatchObject({ number: 7, status: 'paid' });
    expect(sandbox.effects(), 'nobody called for it').toEqual([]);
    const before = sandbox.state();
    const good = { id: 'a', tier: 'business' };
    for (const [wrong, says] of [
      [{ customers: [good, { id: 'c' }] }, '`customers`: row 2: there is none with the `id` c'],
      [{ customers: [good, { tier: 'team' }] }, '`customers`: row 2: `id` is needed: it tells which row'],
      [{ customers: [good, { id: 'b', tier: 'gold' }] }, '`customers`: row 2: `tier` must be one of "free"'],
      [
        { customers: [good], settings: [{ locale: 'de' }] },
        '`settings`: row 1: rows of `settings` have no id',
      ],
      [{ customers: good }, '`customers` is no list of rows'],
    ] as const) {
      const refused = await ask('PATCH', '/_sandbox/rows', wrong);
      expect(refused.status).toBe(400);
      expect(refused.json.error).toContain(says);
    }
    expect(sandbox.state()).toEqual(before);
  });

  it('lets times of change and versions go on with a change of a row, as with a call', async () => {
    const { value: contract } = await loadContractText(
      'desk',
      'desk.yaml',
      `openapi: 3.1.0
info: { title: Desk, version: 1.0.0 }
paths:
  /tickets/{id}:
    parameters: [{ name: id, in: path, required: true, schema: { type: string } }]
    get:
      operationId: getTicket
      responses: { '200': { description: It, content: { application/json: { schema: { $ref: '#/components/schemas/Ticket' } } } } }
    put:
      operationId: putTicket
      requestBody: { content: { application/json: { schema: { $ref: '#/components/schemas/Ticket' } } } }
      responses: { '204': { description: Put } }
components:
  schemas:
    Ticket:
      type: object
      properties: { id: { type: string }, updatedAt: { type: string, format: date-time }, version: { type: integer } }
`,
    );
    const { value } = loadManifest(
      'connector.yaml',
      `apiVersion: tenon/v1
kind: Connector
metadata: { name: desk, version: 1.0.0, owner: team }
contract: desk
operations:
  putTicket: { effect: update, idempotency: { mode: natural }, concurrency: { field: /version } }
`,
    );
    const row = { id: 't', updatedAt: '2026-01-01T00:00:00Z', version: 3 };
    const { sandbox, ask } = await openShop(finished, {
      contract: contract!,
      manifest: value!.manifest,
      data: { tickets: [row] },
    });
    await ask('PATCH', '/_sandbox/rows', { tickets: [{ id: 't' }] });
    const next = { id: 't', updatedAt: '2026-06-01T12:00:00.000Z', version: 4 };
    expect(sandbox.state()).toEqual({ tickets: [next] });
    await ask('PATCH', '/_sandbox/rows', { tickets: [{ ...row, version: 9 }] });
    expect(sandbox.state(), 'what is given stands').toEqual({ tickets: [{ ...row, version: 9 }] });
  });

  it('makes no id that a row was given', async () => {
    const { sandbox, ask } = await openShop(finished, { data: { customers: [{ id: 'customer_2' }] } });
    await ask('POST', '/_sandbox/rows', { customers: [{ email: 'b@example.com' }] });
    expect(sandbox.state()['customers']?.map(({ id }) => id)).toEqual(['customer_2', 'customer_3']);
  });

  it('is not reached under a foreign host name', async () => {
    const { sandbox } = await openShop(finished);
    const { status } = await read(`${sandbox.url}/_sandbox/state`, { host: 'evil.example' });
    expect(status).toBe(403);
  });

  it('names the controls there are', async () => {
    const { ask } = await openShop(finished);
    expect((await ask('GET', '/_sandbox/nothing')).json.controls).toContain('get effects');
  });
});

/** Reads an answer without fetch, which hides lengths and refuses to set a host. */
function read(
  url: string,
  headers: Record<string, string> = {},
): Promise<{ status: number; promised: number; came: number; ended: 'whole' | 'aborted' }> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { headers }, (response) => {
      let came = 0;
      const status = response.statusCode ?? 0;
      const promised = Number(response.headers['content-length']);
      response.on('data', (chunk: Buffer) => {
        came += chunk.length;
      });
      response.on('end', () => resolve({ status, promised, came, ended: 'whole' }));
      response.on('error', () => resolve({ status, promised, came, ended: 'aborted' }));
    });
    asked.on('error', reject);
    asked.end();
  });
}
