import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { JsonObject } from '@tenon/model';
import { Secret, systemClock, systemRandom } from '@tenon/model';
import { connectorPlans } from '@tenon/testkit';
import { describe, expect, it } from 'vitest';
import connector from './index.ts';
import { signatureV4 } from './signature-v4.testing.ts';

const root = new URL('../../..', import.meta.url).pathname;
const plans = await connectorPlans(root, 's3');
const KEY = { id: 'AKID', secret: 'its secret', region: 'eu-central-1', service: 's3' } as const;

/** A store that is true to S3 in what is used of it: signatures, conditional puts, etags, deletes that may be repeated. */
async function store() {
  const objects = new Map<string, Buffer>();
  const state = { swallows: false, requests: 0, secret: KEY.secret as string };
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    state.requests++;
    const answer = (status: number, headers: Record<string, string> = {}, text?: Buffer): void => {
      if (state.swallows) return;
      response.writeHead(status, headers).end(text);
    };
    const signed = /SignedHeaders=([^,]+),/.exec(request.headers.authorization ?? '')?.[1]?.split(';') ?? [];
    const given = Object.fromEntries(signed.map((name) => [name, String(request.headers[name])]));
    const date = String(request.headers['x-amz-date']).replace(
      /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/,
      '$1-$2-$3T$4:$5:$6Z',
    );
    const path = request.url ?? '';
    const expected = signatureV4(
      { method: request.method ?? '', path, headers: given, body },
      KEY,
      Date.parse(date),
    );
    if (!signed.includes('host') || !request.headers.authorization?.endsWith(`Signature=${expected}`))
      return answer(403);
    const known = objects.get(path);
    if (request.method === 'GET') return known === undefined ? answer(404) : answer(200, {}, known);
    if (request.method === 'DELETE') {
      objects.delete(path);
      return answer(204);
    }
    if (request.headers['if-none-match'] === '*' && known !== undefined) return answer(412);
    objects.set(path, body);
    answer(200, { etag: `"${body.length}"` });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const transport = connector.transports!['s3']!({
    connection: {
      name: 'documents',
      connector: 's3',
      baseUrl: `http://127.0.0.1:${port}/bucket?region=eu-central-1`,
      credentials: { key: { username: 'env:ID', password: 'env:SECRET' } },
      webhookSecrets: [],
    },
    clock: systemClock,
    random: systemRandom,
    secrets: {
      resolve: async (reference) => new Secret(reference, reference === 'env:ID' ? KEY.id : state.secret),
    },
  });
  const call = (operation: string, name: string, body: JsonObject = {}) =>
    transport.call({
      operation: plans.operation(operation),
      input: { name, body },
      idempotencyKey: 'k',
      // Short only where no answer will come: a loaded machine takes its time over one.
      deadlineAt: systemClock.now() + (state.swallows ? 1_000 : 20_000),
    });
  return {
    objects,
    state,
    call,
    server,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await transport.close();
    },
  };
}

const receipt = { kind: 'receipt', content: { orderId: 'ord_1' } };

describe('an object store', () => {
  it('gives back what was put, until it is deleted, which may be done twice', async () => {
    await using test = await store();
    expect(await test.call('putDocument', 'r-1.json', receipt)).toMatchObject({
      ok: true,
      body: { etag: expect.any(String) },
    });
    expect([...test.objects.keys()]).toEqual(['/bucket/documents/r-1.json']);
    expect(await test.call('getDocument', 'r-1.json')).toMatchObject({ ok: true, body: receipt });
    for (const _ of [1, 2])
      expect(await test.call('deleteDocument', 'r-1.json')).toMatchObject({ ok: true, body: null });
    expect(await test.call('getDocument', 'r-1.json')).toMatchObject({
      failure: { class: 'notFound', delivery: 'answered', status: 404 },
    });
  });

  it('adds only where there is none', async () => {
    await using test = await store();
    expect(await test.call('addDocument', 'r-1', receipt)).toMatchObject({ ok: true });
    expect(await test.call('addDocument', 'r-1', { ...receipt, kind: 'other' })).toMatchObject({
      failure: { class: 'duplicate', status: 412 },
    });
    expect(JSON.parse(String(test.objects.get('/bucket/documents/r-1')))).toEqual(receipt);
  });

  it('refuses another key, and the failure says nothing of it', async () => {
    await using test = await store();
    test.state.secret = 'another secret';
    const result = await test.call('putDocument', 'r-1', receipt);
    expect(result).toMatchObject({ failure: { class: 'permission', status: 403 } });
    expect(JSON.stringify(result)).not.toContain('another secret');
    expect(test.objects.size).toBe(0);
  });

  it('that does not answer leaves the call lost: it may have happened', async () => {
    await using test = await store();
    test.state.swallows = true;
    expect(await test.call('putDocument', 'r-1', receipt)).toMatchObject({
      failure: { class: 'timeout', delivery: 'lost' },
    });
    expect(test.objects.size).toBe(1);
  });

  it('that is not there has been sent nothing', async () => {
    const test = await store();
    test.server.close();
    test.server.closeAllConnections();
    expect(await test.call('putDocument', 'r-1', receipt)).toMatchObject({
      failure: { delivery: 'notSent' },
    });
    await test[Symbol.asyncDispose]();
  });

  it.each(['..', '.', 'a/b', '', 'a b'])('is not asked for what %j would name', async (name) => {
    await using test = await store();
    const result = await test.call('putDocument', name, receipt);
    expect(result).toMatchObject({ failure: { delivery: 'notSent', class: 'validation' } });
    expect(test.state.requests).toBe(0);
  });
});
