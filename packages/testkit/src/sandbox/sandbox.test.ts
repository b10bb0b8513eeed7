import { type Contract, loadContractText } from '@tenon/contract';
import { describe, expect, onTestFinished as finished, it } from 'vitest';
import { openShop } from './open-shop.testing.ts';

const made = { email: 'ada@example.com' };

describe('resources', () => {
  it('creates, lists, reads, changes and deletes', async () => {
    const { sandbox, ask } = await openShop(finished);
    const created = await ask('POST', '/customers', { ...made, password: 'x', active: false });
    expect(created.status).toBe(201);
    expect(created.json).toEqual({
      id: 'customer_1',
      email: made.email,
      tier: 'free',
      active: false,
      createdAt: '2026-06-01T12:00:00.000Z',
    });
    expect(created.headers.get('location')).toBe('/customers/customer_1');
    expect((await ask('GET', '/customers/customer_1')).json).toEqual(created.json);
    const changed = await ask('PATCH', '/customers/customer_1', { tier: 'team', address: { city: 'Ulm' } });
    expect(changed.json).toMatchObject({
      id: 'customer_1',
      tier: 'team',
      email: made.email,
      address: { city: 'Ulm' },
    });
    await ask('PATCH', '/customers/customer_1', { address: { zip: '1' } });
    expect(sandbox.state()['customers']).toMatchObject([{ address: { city: 'Ulm', zip: '1' } }]);
    const replaced = await ask('PUT', '/customers/customer_1', { email: 'new@example.com' });
    expect(replaced.json).toMatchObject({
      id: 'customer_1',
      email: 'new@example.com',
      createdAt: created.json.createdAt,
    });
    expect(replaced.json.address).toBe(undefined);
    expect((await ask('DELETE', '/customers/customer_1')).status).toBe(204);
    expect((await ask('GET', '/customers/customer_1')).status).toBe(404);
    expect(sandbox.state()['customers']).toEqual([]);
    expect(sandbox.effects().map(({ operation, id }) => [operation, id])).toEqual([
      ['createCustomer', 'customer_1'],
      ['updateCustomer', 'customer_1'],
      ['updateCustomer', 'customer_1'],
      ['replaceCustomer', 'customer_1'],
      ['deleteCustomer', 'customer_1'],
    ]);
  });

  it('keeps nested things apart by their parents, and knows no child of a parent that is not there', async () => {
    const { ask } = await openShop(finished, { data: { customers: [{ id: 'a' }, { id: 'b' }] } });
    expect((await ask('POST', '/customers/a/notes', { text: 'hi' })).json).toEqual({
      id: 'note_1',
      customerId: 'a',
      text: 'hi',
    });
    expect((await ask('GET', '/customers/a/notes')).json).toHaveLength(1);
    expect((await ask('GET', '/customers/b/notes')).json).toEqual([]);
    expect((await ask('POST', '/customers/nobody/notes', { text: 'hi' })).status).toBe(404);
  });

  it('unwraps and wraps the envelope, and takes the id property from the path parameter', async () => {
    const { sandbox, ask } = await openShop(finished);
    const created = await ask('POST', '/orders', { order: { amount: 5, gift: false, note: null } });
    expect(created.json).toEqual({
      order: { number: 1, amount: 5, gift: false, note: null, status: 'open' },
    });
    expect((await ask('GET', '/orders/1')).json).toEqual(created.json);
    expect((await ask('GET', '/orders')).json).toEqual({ orders: [created.json.order], total: 1 });
    expect(sandbox.state()).toMatchObject({ orders: [{ number: 1, status: 'open' }] });
  });

  it('knows the row that an action is about by its creation alone, whatever a new row begins with', async () => {
    const set = (status: string) => ({ 'x-tenon-sandbox': { set: { status } } });
    const contract = await tripsContract({ creation: set('planned'), action: set('cancelled') });
    const { sandbox, ask } = await openShop(finished, { contract });
    const { json: trip } = await ask('POST', '/trips');
    expect(trip.status).toBe('planned');
    for (const _time of [1, 2])
      expect((await ask('POST', `/trips/${trip.code}/cancel`)).json).toEqual({
        ...trip,
        status: 'cancelled',
      });
    expect(sandbox.state()).toEqual({ trips: [{ ...trip, status: 'cancelled' }] });
    expect(sandbox.unsaid).toEqual([]);
  });

  it('makes no row of an action that its contract does not tell, changes nothing of the one it names, and says so', async () => {
    const { sandbox, ask } = await openShop(finished, { contract: await tripsContract({}) });
    const { json: trip } = await ask('POST', '/trips');
    expect((await ask('POST', `/trips/${trip.code}/cancel`)).json).toEqual(trip);
    expect((await ask('POST', '/trips/nobody/cancel')).status).toBe(404);
    expect(sandbox.state()).toEqual({ trips: [trip] });
    expect(sandbox.effects()).toMatchObject([
      { operation: 'createTrip', resource: 'trips', id: trip.code },
      { operation: 'cancelTrip', resource: 'trips', id: trip.code },
    ]);
    expect(sandbox.unsaid).toEqual([
      {
        operation: 'cancelTrip',
        words: expect.stringMatching(/does not say what it does to a `trip` .*changes nothing/),
      },
    ]);
    await ask('POST', `/trips/${trip.code}/stops`);
    expect(sandbox.state(), 'things that belong to one are things').toMatchObject({ stops: [{}] });
  });

  it('carries out an action as its hint says, and refuses it in the wrong state', async () => {
    const { sandbox, ask } = await openShop(finished);
    await ask('POST', '/orders', { order: { amount: 5 } });
    expect((await ask('POST', '/orders/1/void')).json.order.status).toBe('void');
    expect(await ask('POST', '/orders/1/void')).toMatchObject({
      status: 409,
      json: { error: { type: 'wrong_state' } },
    });
    expect((await ask('POST', '/orders/7/void')).status).toBe(404);
    expect(sandbox.effects()).toHaveLength(2);
  });

  it('has one of what has no id', async () => {
    const { ask } = await openShop(finished);
    const first = await ask('GET', '/settings');
    expect(first.status).toBe(200);
    expect((await ask('GET', '/settings')).text).toBe(first.text);
    await ask('PUT', '/settings', { currency: 'CHF', locale: 'de' });
    expect((await ask('GET', '/settings')).json).toEqual({ currency: 'CHF', locale: 'de' });
  });

  it('filters by query parameters that name properties', async () => {
    const data = {
      customers: [
        { email: 'a@x.example', tier: 'free' },
        { email: 'b@x.example', tier: 'team' },
        { email: 'c@x.example', tier: 'business' },
      ],
    };
    const { ask } = await openShop(finished, { data });
    expect((await ask('GET', '/customers?email=b@x.example')).json.data).toMatchObject([
      { email: 'b@x.example' },
    ]);
    expect((await ask('GET', '/customers?tier=free,business')).json.data).toHaveLength(2);
    expect((await ask('GET', '/customers?email=none')).json.data).toEqual([]);
  });

  it('pages by cursor to the end, each row once', async () => {
    const { ask } = await openShop(finished, { data: { customers: Array.from({ length: 8 }, () => ({})) } });
    const seen: string[] = [];
    let path = '/customers';
    for (let pages = 0; pages < 10; pages++) {
      const { json } = await ask('GET', path);
      seen.push(...json.data.map(({ id }: { id: string }) => id));
      expect(json.hasMore).toBe(json.nextCursor !== undefined);
      const next = json.hasMore ? ['nextCursor'] : [];
      expect(Object.keys(json), 'no name that the contract lacks').toEqual(['data', 'hasMore', ...next]);
      if (json.nextCursor === undefined) break;
      path = `/customers?cursor=${json.nextCursor}`;
    }
    expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7, 8].map((number) => `customer_${number}`));
    expect((await ask('GET', '/customers?cursor=nothing')).status).toBe(400);
  });

  it('pages by number', async () => {
    const { ask } = await openShop(finished, { data: { orders: Array.from({ length: 5 }, () => ({})) } });
    const page = async (number: number) =>
      (await ask('GET', `/orders?per_page=2&page=${number}`)).json.orders.map(
        (order: { number: number }) => order.number,
      );
    expect([await page(1), await page(2), await page(3), await page(4)]).toEqual([[1, 2], [3, 4], [5], []]);
  });

  it('takes a form, with types as the contract has them', async () => {
    const { ask } = await openShop(finished);
    const body = 'email=a%40x.example&active=false&address[city]=Bern';
    const { status, json } = await ask('POST', '/customers', body, {
      'content-type': 'application/x-www-form-urlencoded',
    });
    expect([status, json]).toMatchObject([201, { active: false, address: { city: 'Bern' } }]);
  });

  it('answers for anything asked by id when told to imagine', async () => {
    const { ask } = await openShop(finished, { imagine: true });
    expect((await ask('GET', '/customers/zoe')).json.id).toBe('zoe');
    expect((await ask('GET', '/orders/42')).json.order.number).toBe(42);
    expect((await ask('GET', '/customers/someone/notes')).status).toBe(200);
  });

  it('imagines what an action asks for in a state in which it may be done', async () => {
    for (const seed of [1, 2, 3, 4, 5, 6]) {
      const { ask } = await openShop(finished, { imagine: true, seed });
      expect((await ask('POST', '/orders/42/void')).json.order?.status, `seed ${seed}`).toBe('void');
    }
  });

  it('names the resources it has when initial data names another', async () => {
    await expect(openShop(finished, { data: { clients: [] } })).rejects.toThrow(
      /no resource "clients"; it has .*customers/,
    );
  });
});

describe('refusals', () => {
  it("says what is wrong with a request, by pointer, in the contract's own error schema", async () => {
    const { sandbox, ask } = await openShop(finished);
    const refused = await ask('POST', '/orders', { order: { amount: -1, colour: 'red' } });
    expect(refused.status).toBe(400);
    expect(refused.json.error.type).toBe('invalid_request');
    expect(refused.json.error.message).toContain('/body/order/amount');
    expect(refused.json.error.fields.map((field: { path: string }) => field.path).sort()).toEqual([
      '/body/order/amount',
      '/body/order/colour',
    ]);
    expect(sandbox.effects()).toEqual([]);
  });

  it.each<[string, number, [string, string, unknown?, Record<string, string>?]]>([
    ['a body where 422 is declared', 422, ['POST', '/customers', { email: 'no mail' }]],
    ['a parameter', 400, ['GET', '/customers?limit=0']],
    ['a missing body', 422, ['POST', '/customers']],
    ['a malformed body', 400, ['POST', '/customers', '{"email":', { 'content-type': 'application/json' }]],
    ['another media type', 415, ['POST', '/customers', '<a/>', { 'content-type': 'application/xml' }]],
    ['a path parameter of the wrong type', 400, ['GET', '/orders/abc']],
    ['no such path', 404, ['GET', '/nothing']],
    ['no such thing', 404, ['GET', '/customers/none']],
  ])('refuses %s with %i', async (_name, status, [method, path, body, headers]) => {
    const { ask } = await openShop(finished);
    expect((await ask(method, path, body, headers)).status).toBe(status);
  });

  it('names the methods there are', async () => {
    const { ask } = await openShop(finished);
    const refused = await ask('DELETE', '/customers');
    expect([refused.status, refused.headers.get('allow')]).toEqual([405, 'GET, POST']);
  });

  it('refuses a second one of what is unique', async () => {
    const { ask } = await openShop(finished);
    await ask('POST', '/customers', made);
    expect(await ask('POST', '/customers', made)).toMatchObject({
      status: 409,
      json: { error: { type: 'duplicate' } },
    });
  });
});

describe('idempotency keys', () => {
  const order = { order: { amount: 5 } };
  const key = { 'idempotency-key': 'k1' };

  it('gives the first answer again and applies the effect once', async () => {
    const { sandbox, ask } = await openShop(finished);
    const first = await ask('POST', '/orders', order, key);
    const second = await ask('POST', '/orders', order, key);
    expect([second.status, second.text]).toEqual([first.status, first.text]);
    expect(sandbox.effects()).toMatchObject([
      { operation: 'createOrder', key: 'k1', resource: 'orders', id: '1' },
    ]);
    expect(sandbox.requests().map(({ replayed }) => replayed)).toEqual([false, true]);
  });

  it('refuses the key with another body', async () => {
    const { sandbox, ask } = await openShop(finished);
    await ask('POST', '/orders', order, key);
    expect((await ask('POST', '/orders', { order: { amount: 6 } }, key)).status).toBe(409);
    expect(sandbox.effects()).toHaveLength(1);
  });

  it('does not keep a refusal: the request put right goes through', async () => {
    const { ask } = await openShop(finished);
    expect((await ask('POST', '/orders', { order: {} }, key)).status).toBe(400);
    expect((await ask('POST', '/orders', order, key)).status).toBe(201);
  });

  it('makes two where two keys come, and where none does', async () => {
    const { sandbox, ask } = await openShop(finished);
    for (const headers of [key, { 'idempotency-key': 'k2' }, {}, {}])
      await ask('POST', '/orders', order, headers);
    expect(sandbox.effects()).toHaveLength(4);
  });
});

describe('entity tags', () => {
  it('refuses a change of what was changed since, and spares an unchanged answer', async () => {
    const { ask } = await openShop(finished, { data: { customers: [{ id: 'a' }] } });
    const tag = (await ask('GET', '/customers/a')).headers.get('etag')!;
    expect((await ask('GET', '/customers/a', undefined, { 'if-none-match': tag })).status).toBe(304);
    expect((await ask('PATCH', '/customers/a', { tier: 'team' }, { 'if-match': tag })).status).toBe(200);
    expect((await ask('PATCH', '/customers/a', { tier: 'free' }, { 'if-match': tag })).status).toBe(412);
    expect((await ask('GET', '/customers/a')).json.tier).toBe('team');
  });
});

describe('credentials', () => {
  it('asks for what the contract asks for, and takes any unless told which', async () => {
    const { ask } = await openShop(finished, { credentials: { login: ['ada:secret'] } });
    const basic = (text: string) => ({ authorization: `Basic ${Buffer.from(text).toString('base64')}` });
    const none = await ask('GET', '/secured/basic');
    expect([none.status, none.headers.get('www-authenticate')]).toEqual([401, 'Basic realm="sandbox"']);
    expect((await ask('GET', '/secured/basic', undefined, basic('ada:wrong'))).status).toBe(401);
    expect((await ask('GET', '/secured/basic', undefined, basic('ada:secret'))).status).toBe(200);
    expect((await ask('GET', '/secured/key', undefined, { 'x-key': 'any' })).status).toBe(200);
    expect((await ask('GET', '/secured/key')).status).toBe(401);
    expect((await ask('GET', '/secured/either', undefined, basic('ada:secret'))).status).toBe(200);
  });

  it('never records them', async () => {
    const { sandbox, ask } = await openShop(finished);
    await ask('GET', '/secured/key', undefined, { 'x-key': 'hush', authorization: 'Bearer hush' });
    expect(JSON.stringify(sandbox.requests())).not.toContain('hush');
  });

  it('issues tokens that expire, are revoked, and hold the scopes asked for', async () => {
    let now = 1_000;
    const clock = { now: () => now, setTimer: () => () => {} };
    const { sandbox, ask } = await openShop(finished, {
      clock,
      oauth: { expiresInSeconds: 60, clients: { me: 'secret' } },
    });
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    const token = async (scope = 'things.read') =>
      ask(
        'POST',
        '/oauth/token',
        `grant_type=client_credentials&client_id=me&client_secret=secret&scope=${scope}`,
        form,
      );
    const bearer = (said: { json: { access_token: string } }) => ({
      authorization: `Bearer ${said.json.access_token}`,
    });
    const first = await token();
    expect(first.json).toMatchObject({ token_type: 'Bearer', expires_in: 60 });
    expect((await ask('GET', '/secured/oauth', undefined, bearer(first))).status).toBe(200);
    expect((await ask('GET', '/secured/oauth', undefined, bearer(await token('things.write')))).status).toBe(
      403,
    );
    now += 60_000;
    expect((await ask('GET', '/secured/oauth', undefined, bearer(first))).status).toBe(401);
    const second = await token();
    sandbox.revokeTokens();
    expect((await ask('GET', '/secured/oauth', undefined, bearer(second))).status).toBe(401);
    expect(
      (await ask('POST', '/oauth/token', 'grant_type=client_credentials&client_id=me&client_secret=no', form))
        .json,
    ).toEqual({ error: 'invalid_client' });
    expect(
      (await ask('POST', '/oauth/token', 'grant_type=password&client_id=me&client_secret=secret', form))
        .status,
    ).toBe(400);
  });

  it('takes a single-use token once', async () => {
    const { ask } = await openShop(finished, { oauth: { singleUse: true } });
    const basic = {
      authorization: `Basic ${Buffer.from('me:s').toString('base64')}`,
      'content-type': 'application/x-www-form-urlencoded',
    };
    const { json } = await ask('POST', '/oauth/token', 'grant_type=client_credentials', basic);
    const headers = { authorization: `Bearer ${json.access_token}` };
    expect((await ask('GET', '/secured/oauth', undefined, headers)).status).toBe(200);
    expect((await ask('GET', '/secured/oauth', undefined, headers)).status).toBe(401);
  });
});

describe('determinism', () => {
  it('gives the same bytes for the same seed and the same requests, others for another seed', async () => {
    const play = async (seed: number) => {
      const { ask } = await openShop(finished, { seed, data: { customers: [{}, {}] } });
      const told = [
        await ask('GET', '/customers'),
        await ask('POST', '/orders', { order: { amount: 1 } }),
        await ask('GET', '/settings'),
        await ask('GET', '/customers/none'),
      ];
      return told.map(({ status, text }) => `${status} ${text}`).join('\n');
    };
    expect(await play(3)).toBe(await play(3));
    expect(await play(3)).not.toBe(await play(4));
  });
});

/** Trips that can be made, and nothing shows again: what is done to one is known by its creation. */
async function tripsContract({
  creation = {},
  action = {},
}: {
  readonly creation?: object;
  readonly action?: object;
}): Promise<Contract> {
  const answer = {
    description: 'It',
    content: { 'application/json': { schema: { $ref: '#/components/schemas/Trip' } } },
  };
  const parameters = [{ name: 'code', in: 'path', required: true, schema: { type: 'string' } }];
  const { value } = await loadContractText(
    'trips',
    'trips.json',
    JSON.stringify({
      openapi: '3.1.0',
      info: { title: 'Trips', version: '1.0.0' },
      paths: {
        '/trips': { post: { operationId: 'createTrip', responses: { '201': answer }, ...creation } },
        '/trips/{code}/cancel': {
          parameters,
          post: { operationId: 'cancelTrip', responses: { '200': answer }, ...action },
        },
        '/trips/{code}/stops': {
          parameters,
          post: { operationId: 'addStop', responses: { '204': { description: 'Added' } } },
        },
      },
      components: {
        schemas: {
          Trip: {
            type: 'object',
            required: ['code', 'status'],
            properties: {
              code: { type: 'string', readOnly: true },
              status: { enum: ['planned', 'gone', 'cancelled'] },
            },
          },
        },
      },
    }),
  );
  return value!;
}
