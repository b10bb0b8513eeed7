import { inspect } from 'node:util';
import { gzipSync } from 'node:zlib';
import { sleep, systemClock } from '@tenon/model';
import { describe, expect, it } from 'vitest';
import {
  closedPort,
  faultServer,
  type Handler,
  harness,
  json,
  operationPlan,
  secrets,
  transportContext,
} from './fault-server.testing.ts';
import { httpTransport } from './http-transport.ts';

describe('a call that succeeds', () => {
  it('sends false, 0 and "" as they are, and gives the body back', async () => {
    await using test = await harness((seen, response) => json(response, 201, { got: JSON.parse(seen.body) }));
    const body = { flag: false, count: 0, text: '', nothing: null };
    expect(await test.call({ body })).toMatchObject({ ok: true, status: 201, body: { got: body } });
    expect(test.server.seen[0]).toMatchObject({
      method: 'POST',
      url: '/things',
      headers: { 'content-type': 'application/json' },
    });
  });

  it('carries trace context, correlation id and idempotency key', async () => {
    const plan = operationPlan({ idempotency: { mode: 'header', name: 'Idempotency-Key' } });
    await using test = await harness((_seen, response) => json(response, 200, {}), plan);
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    await test.call({}, { traceparent, correlationId: 'c1', idempotencyKey: 'k1' });
    expect(test.server.seen[0]?.headers).toMatchObject({
      traceparent,
      'x-correlation-id': 'c1',
      'idempotency-key': 'k1',
    });
  });

  it('carries the version that a write is based on, and says that it is outdated', async () => {
    await using test = await harness((_seen, response) => json(response, 412, {}));
    expect(await test.call({}, { ifMatch: '"v3"' })).toMatchObject({
      failure: { class: 'conflict', delivery: 'answered', status: 412 },
    });
    expect(test.server.seen[0]?.headers).toMatchObject({ 'if-match': '"v3"' });
  });

  it('sends a key that no header can hold as its digest, the same each time', async () => {
    const plan = operationPlan({ idempotency: { mode: 'header', name: 'Idempotency-Key' } });
    await using test = await harness((_seen, response) => json(response, 200, {}), plan);
    await test.call({}, { idempotencyKey: 'Ключ\n1' });
    await test.call({}, { idempotencyKey: 'Ключ\n1' });
    const [first, second] = test.server.seen.map(({ headers }) => headers['idempotency-key']);
    expect(first).toMatch(/^[0-9a-f]{64}$/);
    expect(second).toBe(first);
  });

  it.each(['binary', 'structured'] as const)('sends a CloudEvent whose id is its key: %s', async (mode) => {
    const envelope = { mode, type: 'order.placed', source: '/shop', prefix: 'ce-' } as const;
    const plan = operationPlan({
      input: true,
      http: { method: 'POST', bodyTypes: ['application/json'], responses: [{ status: '204' }], envelope },
    });
    await using test = await harness((_seen, response) => void response.writeHead(204).end(), plan);
    expect(await test.call({ body: { id: 7 } })).toMatchObject({
      failure: { code: 'HTTP_IDEMPOTENCY_KEY_MISSING' },
    });
    for (const _ of [1, 2]) await test.call({ body: { id: 7 } }, { idempotencyKey: 'k1' });
    const [first, second] = test.server.seen;
    expect(second!.body).toEqual(first!.body);
    if (mode === 'binary') {
      expect(first!.headers).toMatchObject({
        'ce-id': 'k1',
        'ce-type': 'order.placed',
        'ce-specversion': '1.0',
      });
      expect(JSON.parse(String(first!.body))).toEqual({ id: 7 });
    } else {
      expect(first!.headers['content-type']).toBe('application/cloudevents+json');
      expect(JSON.parse(String(first!.body))).toMatchObject({ id: 'k1', source: '/shop', data: { id: 7 } });
    }
  });

  it('gives null for an answer without a body', async () => {
    const plan = operationPlan({ http: { responses: [{ status: '204' }] } });
    await using test = await harness((_seen, response) => void response.writeHead(204).end(), plan);
    expect(await test.call()).toMatchObject({ ok: true, status: 204, body: null });
  });

  it('is unreadable in an encoding that is none, by whatever name', async () => {
    await using test = await harness((_seen, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'constructor' });
      response.end('{"a":1}');
    });
    expect(await test.call()).toMatchObject({ ok: false, failure: { class: 'contract', status: 200 } });
  });

  it('is unreadable where it is packed more often than anybody means', async () => {
    const bytes = Array.from({ length: 5 }).reduce<Buffer>((body) => gzipSync(body), Buffer.from('{"a":1}'));
    await using test = await harness((_seen, response) => {
      const encoding = Array.from({ length: 5 }, () => 'gzip').join();
      response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': encoding });
      response.end(bytes);
    });
    expect(await test.call()).toMatchObject({
      ok: false,
      failure: { code: 'HTTP_RESPONSE_MALFORMED', status: 200 },
    });
  });

  it('takes gzip off', async () => {
    await using test = await harness((_seen, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' });
      response.end(gzipSync('{"a":1}'));
    });
    expect(await test.call()).toMatchObject({ ok: true, body: { a: 1 } });
  });

  it('lowers header names and keeps cookies out of the result', async () => {
    await using test = await harness((_seen, response) =>
      json(response, 200, {}, { ETag: '"7"', 'Set-Cookie': 'session=1' }),
    );
    const result = await test.call();
    expect(result).toMatchObject({ ok: true, headers: { etag: '"7"' } });
    expect(JSON.stringify(result)).not.toContain('session');
  });
});

describe('an answer in an unusual manner', () => {
  it('comes after early hints', async () => {
    await using test = await harness((_seen, response) => {
      response.writeEarlyHints({ link: '</style.css>; rel=preload' });
      json(response, 200, { a: 1 });
    });
    expect(await test.call({ body: {} })).toMatchObject({ ok: true, status: 200, body: { a: 1 } });
  });

  it('comes before the request has been read, and counts as an answer', async () => {
    await using server = await faultServer(() => {});
    server.early = (response) => void response.writeHead(413, { connection: 'close' }).end();
    const transport = httpTransport(transportContext(server.baseUrl));
    const result = await transport.call({ operation: operationPlan(), input: { body: 'x'.repeat(200_000) } });
    expect(result).toMatchObject({ failure: { class: 'validation', delivery: 'answered', status: 413 } });
    await transport.close();
  });

  it('has a success status that the contract does not name: its schema of success holds, not the one of errors', async () => {
    const plan = operationPlan({
      result: { type: 'object', required: ['id'] },
      http: {
        responses: [
          { status: '200', mediaType: 'application/json', schema: { type: 'object', required: ['id'] } },
          {
            status: 'default',
            mediaType: 'application/json',
            schema: { type: 'object', required: ['error'] },
          },
        ],
      },
    });
    await using test = await harness((_seen, response) => json(response, 201, { id: 'a' }), plan);
    expect(await test.call()).toMatchObject({ ok: true, status: 201 });
    test.server.handler = (_seen, response) => json(response, 202, { queued: true });
    expect(await test.call()).toMatchObject({ failure: { class: 'contract', pointer: '/id' } });
  });
});

describe('secrets', () => {
  it('are in no failure of any kind', async () => {
    const plan = operationPlan({
      auth: [{ id: 'key', type: 'apiKey', in: 'query', name: 'key' }],
      timeoutMs: 150,
    });
    secrets['env:CANARY'] = 'canary-9f3a';
    await using test = await harness(() => {}, plan, { credentials: { key: { value: 'env:CANARY' } } });
    const handlers: Handler[] = [
      () => {},
      (_seen, response) => void response.destroy(),
      (seen, response) => json(response, 401, { echo: seen.url }, { 'www-authenticate': seen.url }),
      (seen, response) => json(response, 400, { echo: seen.url }),
      (seen, response) => void response.writeHead(200, { 'content-type': 'application/json' }).end(seen.url),
      (seen, response) => void response.writeHead(302, { location: seen.url }).end(),
    ];
    for (const handler of handlers) {
      test.server.handler = handler;
      const result = await test.call();
      expect(result.ok).toBe(false);
      expect(inspect(result, { depth: 9 })).not.toContain('canary-9f3a');
    }
    expect(test.server.seen.every(({ url }) => url.includes('canary-9f3a'))).toBe(true);
  });
});

const fileOperation = operationPlan({
  http: {
    path: '/files/{file}',
    parameters: [
      {
        key: 'file',
        name: 'file',
        in: 'path',
        required: true,
        style: 'simple',
        explode: false,
        allowReserved: true,
      },
    ],
  },
});

describe('a request that is not sent', () => {
  it('lacks a parameter of its path', async () => {
    await using test = await harness(
      (_seen, response) => json(response, 200, {}),
      operationPlan({ http: { path: '/things/{id}' } }),
    );
    expect(await test.call()).toMatchObject({
      failure: { code: 'HTTP_PATH_INCOMPLETE', delivery: 'notSent' },
    });
  });

  const input = {
    type: 'object',
    required: ['body'],
    properties: {
      body: {
        type: 'object',
        required: ['amount'],
        properties: { amount: { type: 'integer' }, currency: { type: 'string' } },
      },
    },
  };

  it.each([
    [{ body: {} }, '/body/amount'],
    [{ body: { amount: 'secret-42' } }, '/body/amount'],
    [{}, '/body'],
  ])('violates its contract: %j', async (value, pointer) => {
    await using test = await harness((_seen, response) => json(response, 200, {}), operationPlan({ input }));
    const result = await test.call(value);
    expect(result).toMatchObject({
      ok: false,
      failure: { class: 'validation', delivery: 'notSent', code: 'HTTP_REQUEST_INVALID', pointer },
    });
    expect(JSON.stringify(result)).not.toContain('secret-42');
    expect(test.server.seen).toEqual([]);
  });

  it.each(['a/../../admin', '../admin', 'a//b', '/admin', 'a/./b', 'a/%2e%2e'])(
    'does not let path parameter %j walk, where its contract lets it have slashes',
    async (file) => {
      await using test = await harness((_seen, response) => json(response, 200, {}), fileOperation);
      const result = await test.call({ file });
      if (result.ok) expect(test.server.seen[0]?.url).toBe('/files/a/%252e%252e');
      else expect(result).toMatchObject({ failure: { code: 'HTTP_PATH_UNSAFE', delivery: 'notSent' } });
    },
  );

  it('is of several segments where its contract lets a path parameter have slashes, and of nothing behind the path', async () => {
    await using test = await harness((_seen, response) => json(response, 200, {}), fileOperation);
    await test.call({ file: 'a/b.c/d?admin=1#x' });
    expect(test.server.seen[0]?.url).toBe('/files/a/b.c/d%3Fadmin%3D1%23x');
  });

  it.each(['..', '.', '', 'a/../..', '%2e%2e'])(
    'does not let path parameter %j name another path',
    async (id) => {
      const plan = operationPlan({
        http: {
          method: 'DELETE',
          path: '/things/{id}',
          bodyTypes: [],
          parameters: [
            {
              key: 'id',
              name: 'id',
              in: 'path',
              required: true,
              style: 'simple',
              explode: false,
              allowReserved: false,
            },
          ],
        },
      });
      await using test = await harness((_seen, response) => json(response, 200, {}), plan);
      const result = await test.call({ id });
      if (result.ok) expect(test.server.seen[0]?.url).toMatch(/^\/things\/[^/]+$/);
      else
        expect(result.failure).toMatchObject({
          class: 'validation',
          code: 'HTTP_PATH_UNSAFE',
          delivery: 'notSent',
        });
    },
  );

  it('refuses a header that would end its line', async () => {
    const plan = operationPlan({
      http: {
        parameters: [
          {
            key: 'note',
            name: 'X-Note',
            in: 'header',
            required: false,
            style: 'simple',
            explode: false,
            allowReserved: false,
          },
        ],
      },
    });
    await using test = await harness((_seen, response) => json(response, 200, {}), plan);
    expect(await test.call({ note: 'a\r\nx-admin: 1' })).toMatchObject({
      failure: { code: 'HTTP_HEADER_UNSAFE', delivery: 'notSent' },
    });
    expect(test.server.seen).toEqual([]);
  });

  it('lacks the key that is its only guard against repeats', async () => {
    const plan = operationPlan({ idempotency: { mode: 'header', name: 'Idempotency-Key' } });
    await using test = await harness((_seen, response) => json(response, 200, {}), plan);
    expect(await test.call()).toMatchObject({
      failure: { code: 'HTTP_IDEMPOTENCY_KEY_MISSING', delivery: 'notSent' },
    });
  });

  it('meets a port where nothing listens', async () => {
    const transport = httpTransport(transportContext(`http://127.0.0.1:${await closedPort()}`));
    expect(await transport.call({ operation: operationPlan(), input: {} })).toMatchObject({
      ok: false,
      failure: { class: 'transient', delivery: 'notSent', code: 'HTTP_CONNECTION_FAILED' },
    });
    await transport.close();
  });

  it('comes after its deadline', async () => {
    await using test = await harness((_seen, response) => json(response, 200, {}));
    expect(await test.call({}, { deadlineAt: Date.now() - 1 })).toMatchObject({
      failure: { class: 'timeout', delivery: 'notSent' },
    });
    expect(test.server.seen).toEqual([]);
  });

  it('is not one over HTTP', async () => {
    await using test = await harness((_seen, response) => json(response, 200, {}));
    const { http: _http, ...operation } = operationPlan();
    expect(await test.call({}, { operation })).toMatchObject({
      failure: { code: 'HTTP_OPERATION_UNBOUND', delivery: 'notSent' },
    });
  });

  it('has a body that its media type cannot hold', async () => {
    const plan = operationPlan({ http: { bodyTypes: ['text/plain'] } });
    await using test = await harness((_seen, response) => json(response, 200, {}), plan);
    expect(await test.call({ body: { a: 1 } })).toMatchObject({
      failure: { code: 'HTTP_BODY_UNENCODABLE', pointer: '/body' },
    });
  });

  it('would go to a metadata address', async () => {
    const transport = httpTransport(transportContext('http://169.254.169.254'));
    expect(await transport.call({ operation: operationPlan(), input: {} })).toMatchObject({
      failure: { class: 'permission', code: 'HTTP_HOST_FORBIDDEN', delivery: 'notSent' },
    });
  });

  it.each(['not a url', 'ftp://api.example', 'https://user:password@api.example'])(
    'has a base URL that is none: %s',
    async (baseUrl) => {
      const transport = httpTransport(transportContext(baseUrl));
      expect(await transport.call({ operation: operationPlan(), input: {} })).toMatchObject({
        failure: { code: 'HTTP_BASE_URL_INVALID', delivery: 'notSent' },
      });
    },
  );
});

describe('a request that waits for a connection', () => {
  it('is not sent when its deadline comes first, nor ever after', async () => {
    const held: (() => void)[] = [];
    await using test = await harness(
      (_seen, response) => void held.push(() => json(response, 200, {})),
      operationPlan(),
      {},
      { connectionsMax: 1 },
    );
    const first = test.call({ body: { n: 1 } });
    const second = test.call({ body: { n: 2 } }, { deadlineAt: Date.now() + 150 });
    expect(await second).toMatchObject({ failure: { class: 'timeout', delivery: 'notSent' } });
    held[0]!();
    expect(await first).toMatchObject({ ok: true });
    const third = test.call({ body: { n: 3 } });
    while (held.length < 2) await sleep(systemClock, 5);
    held[1]!();
    expect(await third).toMatchObject({ ok: true });
    expect(test.server.seen.map(({ body }) => body)).toEqual(['{"n":1}', '{"n":3}']);
  });

  it('is not sent where the other side does not speak TLS', async () => {
    await using server = await faultServer((_seen, response) => json(response, 200, {}));
    const transport = httpTransport(transportContext(server.baseUrl.replace('http:', 'https:')));
    expect(await transport.call({ operation: operationPlan(), input: {} })).toMatchObject({
      failure: { class: 'transient', code: 'HTTP_CONNECTION_FAILED', delivery: 'notSent' },
    });
    expect(server.seen).toEqual([]);
    await transport.close();
  });
});

describe('an answer that is lost', () => {
  it('is not asked for again behind our back, even for a GET on a connection used before', async () => {
    const plan = operationPlan({ effect: 'read', http: { method: 'GET', bodyTypes: [] } });
    await using test = await harness((_seen, response) => json(response, 200, {}), plan);
    expect(await test.call()).toMatchObject({ ok: true });
    test.server.handler = (_seen, response) => void response.destroy();
    expect(await test.call()).toMatchObject({ failure: { delivery: 'lost' } });
    expect(test.server.seen).toHaveLength(2);
  });

  it.each([
    [
      'the connection drops before any answer',
      (_seen: unknown, response: { destroy(): void }) => response.destroy(),
    ],
    [
      'the connection drops inside the body',
      (_seen: unknown, response: import('node:http').ServerResponse) => {
        response.writeHead(201, { 'content-type': 'application/json', 'content-length': '100' });
        response.write('{"a":');
        setTimeout(() => response.destroy(), 20);
      },
    ],
  ])('is lost when %s', async (_name, handler) => {
    await using test = await harness(handler);
    expect(await test.call({ body: {} })).toMatchObject({
      ok: false,
      failure: { class: 'transient', delivery: 'lost' },
    });
    expect(test.server.seen).toHaveLength(1);
  });

  it.each([
    ['headers', () => {}],
    [
      'a body',
      (_seen: unknown, response: import('node:http').ServerResponse) => {
        response.writeHead(200, { 'content-type': 'application/json' });
        const drip = setInterval(() => response.write(' '), 10);
        response.on('close', () => clearInterval(drip));
      },
    ],
  ])('is lost when %s does not come within the deadline', async (_name, handler) => {
    await using test = await harness(handler, operationPlan({ timeoutMs: 150 }));
    expect(await test.call({ body: {} })).toMatchObject({
      ok: false,
      failure: { class: 'timeout', code: 'HTTP_CALL_TIMEOUT', delivery: 'lost' },
    });
  });

  it('is lost when the caller gives up after sending', async () => {
    await using test = await harness(() => {});
    const controller = new AbortController();
    const calling = test.call({ body: {} }, { signal: controller.signal });
    while (test.server.seen.length === 0) await sleep(systemClock, 5);
    controller.abort();
    expect(await calling).toMatchObject({ failure: { code: 'HTTP_CALL_CANCELLED', delivery: 'lost' } });
  });

  it('is never called unsent, whenever the caller gives up', async () => {
    await using test = await harness((_seen, response) => json(response, 200, {}));
    await test.call({ body: {} });
    for (let turns = 0; turns < 60; turns++) {
      const before = test.server.seen.length;
      const controller = new AbortController();
      const calling = test.call({ body: { turns } }, { signal: controller.signal });
      // Gives up a little later each time: before, while and after the request goes out and its answer comes in.
      for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
      controller.abort();
      const result = await calling;
      if (!result.ok && result.failure.delivery === 'notSent') {
        await sleep(systemClock, 5);
        expect(test.server.seen.length).toBe(before);
      }
    }
  });

  it.each(['799', '999', '099'])(
    'is lost when %s, which is no status, comes in place of one',
    async (status) => {
      await using test = await harness((_seen, response) => {
        response.socket?.end(`HTTP/1.1 ${status} What\r\ncontent-length: 2\r\n\r\n{}`);
      });
      expect(await test.call()).toMatchObject({
        ok: false,
        failure: { class: 'transient', delivery: 'lost' },
      });
    },
  );

  it.each([502, 504])('is lost behind a gateway that answers %i', async (status) => {
    await using test = await harness((_seen, response) => json(response, status, {}));
    expect(await test.call({ body: {} })).toMatchObject({
      failure: { class: 'transient', delivery: 'lost', status },
    });
  });
});

describe('an answer against its contract', () => {
  const schema = {
    type: 'object',
    required: ['id'],
    properties: { id: { type: 'string' }, email: { type: 'integer' } },
  };
  const plan = operationPlan({
    http: { responses: [{ status: '201', mediaType: 'application/json', schema }] },
  });

  it('is class contract, with the pointer and without the value', async () => {
    await using test = await harness(
      (_seen, response) => json(response, 201, { id: 'a', email: 'ada@example.org' }),
      plan,
    );
    const result = await test.call({ body: {} });
    expect(result).toMatchObject({
      failure: {
        class: 'contract',
        code: 'HTTP_RESPONSE_INVALID',
        delivery: 'answered',
        status: 201,
        pointer: '/email',
      },
    });
    expect(JSON.stringify(result)).not.toContain('ada@');
  });

  it('has an integer too large to hold: it arrives whole where the contract lets it be text, and is reported elsewhere', async () => {
    const int = {
      type: 'object',
      properties: { id: { type: 'integer' }, ref: { type: ['integer', 'string'] } },
    };
    const exact = operationPlan({
      http: { responses: [{ status: '200', mediaType: 'application/json', schema: int }] },
    });
    await using test = await harness(
      (_seen, response) =>
        void response
          .writeHead(200, { 'content-type': 'application/json' })
          .end('{"id":1,"ref":12345678901234567890,"other":12345678901234567891}'),
      exact,
    );
    expect(await test.call()).toMatchObject({
      ok: true,
      body: { id: 1, ref: '12345678901234567890', other: '12345678901234567891' },
    });
    test.server.handler = (_seen, response) =>
      void response.writeHead(200, { 'content-type': 'application/json' }).end('{"id":12345678901234567890}');
    expect(await test.call()).toMatchObject({ failure: { class: 'contract', pointer: '/id' } });
  });

  it('may have more members than the contract knows', async () => {
    await using test = await harness(
      (_seen, response) => json(response, 201, { id: 'a', isNew: true }),
      plan,
    );
    expect(await test.call({ body: {} })).toMatchObject({ ok: true, body: { id: 'a', isNew: true } });
  });

  it.each([
    ['text/csv', { type: 'string' }, 'text/csv', ''],
    ['text/csv', { type: 'string' }, undefined, ''],
    ['text/*', { type: 'string' }, 'text/plain', ''],
    ['application/pdf', { type: ['string', 'null'] }, 'application/pdf', null],
    ['application/json', { type: ['object', 'null'] }, 'application/json', null],
    ['application/json', { type: 'null' }, 'text/plain', null],
    ['*/*', { type: 'null' }, undefined, null],
  ] as const)(
    'without a body, declared as %s, is the empty text or null',
    async (mediaType, schema, type, body) => {
      const declared = operationPlan({ http: { responses: [{ status: '200', mediaType, schema }] } });
      await using test = await harness(
        (_seen, response) =>
          void response.writeHead(200, type === undefined ? {} : { 'content-type': type }).end(),
        declared,
      );
      expect(await test.call({})).toMatchObject({ ok: true, body });
    },
  );

  it.each([
    ['is not JSON', 'application/json', '{"id":'],
    ['is of another media type', 'text/html', '<html>'],
    ['is not UTF-8', 'application/json', Buffer.from([0x22, 0xff, 0x22])],
  ])('%s: class contract, answered', async (_name, type, body) => {
    await using test = await harness(
      (_seen, response) => void response.writeHead(201, { 'content-type': type }).end(body),
      plan,
    );
    expect(await test.call({ body: {} })).toMatchObject({
      failure: { class: 'contract', code: 'HTTP_RESPONSE_MALFORMED', delivery: 'answered', status: 201 },
    });
  });

  it.each([
    [
      'declares too much',
      (response: import('node:http').ServerResponse) =>
        void response.writeHead(201, { 'content-length': '2000' }).end('x'.repeat(2000)),
    ],
    [
      'streams too much',
      (response: import('node:http').ServerResponse) => void response.writeHead(201).end('x'.repeat(2000)),
    ],
    [
      'unpacks to too much',
      (response: import('node:http').ServerResponse) =>
        void response.writeHead(201, { 'content-encoding': 'gzip' }).end(gzipSync('x'.repeat(200_000))),
    ],
  ])('that %s is refused', async (_name, answer) => {
    await using test = await harness(
      (_seen, response) => answer(response),
      plan,
      {},
      { responseBytesMax: 1_000 },
    );
    expect(await test.call({ body: {} })).toMatchObject({
      failure: { class: 'contract', code: 'HTTP_RESPONSE_TOO_LARGE', delivery: 'answered', status: 201 },
    });
  });
});

describe('a refusal', () => {
  it.each([
    [400, 'validation'],
    [403, 'permission'],
    [404, 'notFound'],
    [409, 'conflict'],
    [412, 'conflict'],
    [418, 'unknown'],
    [422, 'validation'],
    [429, 'rateLimited'],
    [500, 'transient'],
    [503, 'transient'],
  ])('%i is class %s', async (status, failureClass) => {
    await using test = await harness(
      (_seen, response) => void response.writeHead(status).end('<html>oops</html>'),
    );
    expect(await test.call({ body: {} })).toMatchObject({
      failure: { class: failureClass, code: 'HTTP_RESPONSE_STATUS', delivery: 'answered', status },
    });
    expect(test.server.seen).toHaveLength(1);
  });

  it('is what the first matching rule says it is', async () => {
    const plan = operationPlan({
      failures: [
        { status: '409', when: "body.code == 'exists' && headers['x-kind'] == 'a'", class: 'duplicate' },
        { status: '4xx', class: 'permanent' },
        { status: '200', when: 'body.ok == false', class: 'permission' },
      ],
    });
    await using test = await harness(
      (_seen, response) => json(response, 409, { code: 'exists' }, { 'X-Kind': 'a' }),
      plan,
    );
    expect(await test.call()).toMatchObject({ failure: { class: 'duplicate' } });
    test.server.handler = (_seen, response) => json(response, 409, {});
    expect(await test.call()).toMatchObject({ failure: { class: 'permanent' } });
    test.server.handler = (_seen, response) => json(response, 200, { ok: false });
    expect(await test.call()).toMatchObject({ failure: { class: 'permission', status: 200 } });
    test.server.handler = (_seen, response) => json(response, 200, { ok: true });
    expect(await test.call()).toMatchObject({ ok: true });
  });

  it('never copies the body into its message', async () => {
    await using test = await harness((_seen, response) =>
      json(response, 422, { message: 'ada@example.org is taken' }),
    );
    expect(JSON.stringify(await test.call())).not.toContain('ada@');
  });

  it('does not follow a redirect', async () => {
    await using test = await harness(
      (_seen, response) => void response.writeHead(307, { location: 'http://127.0.0.1:1/' }).end(),
    );
    expect(await test.call({ body: {} })).toMatchObject({
      failure: { class: 'permanent', code: 'HTTP_REDIRECT_REFUSED', delivery: 'answered', status: 307 },
    });
    expect(test.server.seen).toHaveLength(1);
  });

  it.each([
    [{ 'retry-after': '7' }, 7_000],
    [{ ratelimit: '"default";r=0;t=9' }, 9_000],
    [{ 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '11' }, 11_000],
    [{ 'x-ratelimit-remaining': '5', 'x-ratelimit-reset': '11' }, undefined],
    [{ 'retry-after': '5 minutes' }, undefined],
  ])('with %j asks to be left alone for %s ms', async (headers, retryAfterMs) => {
    await using test = await harness((_seen, response) =>
      json(response, 429, {}, headers as Record<string, string>),
    );
    const result = await test.call();
    expect(result.ok ? undefined : result.failure.retryAfterMs).toBe(retryAfterMs);
  });

  it.each([
    ['Retry-After as a date', () => ({ 'retry-after': new Date(Date.now() + 60_000).toUTCString() })],
    ['a reset in epoch seconds', () => exhaustedUntil((Date.now() + 59_500) / 1_000)],
    ['a reset in epoch milliseconds', () => exhaustedUntil(Date.now() + 60_000)],
  ])('understands %s', async (_what, headers) => {
    await using test = await harness((_seen, response) => json(response, 503, {}, headers()));
    const result = await test.call();
    const waitMs = result.ok ? undefined : result.failure.retryAfterMs;
    expect(waitMs).toBeGreaterThan(50_000);
    expect(waitMs).toBeLessThanOrEqual(60_000);
  });
});

const exhaustedUntil = (reset: number): Record<string, string> => ({
  'x-ratelimit-remaining': '0',
  'x-ratelimit-reset': `${Math.round(reset)}`,
});
