import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { IncomingMessage, TransportContext } from '@tenon/connector';
import type { JsonObject } from '@tenon/model';
import { Secret, sleep, systemClock, systemRandom } from '@tenon/model';
import { connectorPlans } from '@tenon/testkit';
import { describe, expect, it } from 'vitest';
import connector from './index.ts';
import { readListing } from './object-listing.ts';
import { signatureV4 } from './signature-v4.testing.ts';

const root = new URL('../../..', import.meta.url).pathname;
const plans = await connectorPlans(root, 's3');
const KEY = { id: 'AKID', secret: 'its secret', region: 'eu-central-1', service: 's3' } as const;

/** A store that is true to S3 in what is used of it: signatures, conditional puts, etags, deletes that may be repeated. */
async function store() {
  const objects = new Map<string, Buffer>();
  const state = {
    swallows: false,
    requests: 0,
    secret: KEY.secret as string,
    modified: new Map<string, number>(),
  };
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
    const url = new URL(request.url ?? '/', 'http://store');
    const path = url.pathname;
    const query = Object.fromEntries(url.searchParams);
    const expected = signatureV4(
      { method: request.method ?? '', path, query, headers: given, body },
      KEY,
      Date.parse(date),
    );
    if (!signed.includes('host') || !request.headers.authorization?.endsWith(`Signature=${expected}`))
      return answer(403);
    if (query['list-type'] === '2') return answer(200, {}, listing(query));
    const known = objects.get(path);
    if (request.method === 'GET')
      return known === undefined
        ? answer(404)
        : answer(200, { etag: `"${etagOf(known)}"`, 'content-type': 'application/json' }, known);
    if (request.method === 'DELETE') {
      objects.delete(path);
      return answer(204);
    }
    if (request.headers['if-none-match'] === '*' && known !== undefined) return answer(412);
    objects.set(path, body);
    answer(200, { etag: `"${body.length}"` });
  });
  /** Two objects a page, by key; each as old as the state says. */
  function listing(query: Readonly<Record<string, string>>): Buffer {
    const prefix = `/bucket/${query['prefix']}`;
    const all = [...objects.keys()].filter((key) => key.startsWith(prefix)).sort();
    const from = Number(query['continuation-token'] ?? 0);
    const entries = all.slice(from, from + 2).map((key) => {
      const at = new Date(state.modified.get(key) ?? 0).toISOString();
      const name = encodeURIComponent(decodeURIComponent(key.slice('/bucket/'.length)));
      return `<Contents><Key>${name}</Key><LastModified>${at}</LastModified><ETag>&quot;${etagOf(objects.get(key)!)}&quot;</ETag></Contents>`;
    });
    const isMore = from + 2 < all.length;
    const more = isMore ? `<NextContinuationToken>${from + 2}</NextContinuationToken>` : '';
    return Buffer.from(
      `<?xml version="1.0"?><ListBucketResult><IsTruncated>${isMore}</IsTruncated>${more}${entries.join('')}</ListBucketResult>`,
    );
  }
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const context: TransportContext = {
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
  };
  const transport = connector.transports!['s3']!(context);
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
    context,
    call,
    server,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await transport.close();
    },
  };
}

const etagOf = (body: Buffer): string => createHash('md5').update(body).digest('hex');

const receipt = { kind: 'receipt', content: { orderId: 'ord_1' } };

describe('a listing', () => {
  it('is read with its encoded keys and its entities, to its last page', () => {
    const entry =
      '<Contents><Key>in+box/%C3%A9%26.json</Key><LastModified>2026-11-28T10:00:00.000Z</LastModified><ETag>&#34;a&amp;b&quot;</ETag></Contents>';
    expect(
      readListing(
        `<ListBucketResult xmlns="x"><IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>${entry}</ListBucketResult>`,
      ),
    ).toEqual({
      objects: [{ key: 'in box/é&.json', etag: '"a&b"', modifiedMs: Date.parse('2026-11-28T10:00:00Z') }],
      next: 't',
    });
    expect(readListing('<ListBucketResult></ListBucketResult>')).toEqual({ objects: [] });
  });

  it('is read once, whatever is opened in it and not closed', () => {
    const start = process.cpuUsage();
    expect(readListing(`<ListBucketResult>${'<Contents>'.repeat(100_000)}`)).toEqual({ objects: [] });
    // Looked for from each of them to the end, these take half a minute.
    expect(process.cpuUsage(start).user / 1_000).toBeLessThan(2_000);
  });

  it('that is none, or lacks what it must have, is not taken for an empty one', () => {
    expect(readListing('<Error><Code>SlowDown</Code></Error>')).toBeUndefined();
    expect(
      readListing('<ListBucketResult><Contents><Key>a</Key></Contents></ListBucketResult>'),
    ).toBeUndefined();
  });
});

describe('objects under a prefix', () => {
  const HOUR = 3_600_000;

  function take(test: Awaited<ReturnType<typeof store>>, kept: Kept) {
    return connector.sources!['s3']!({
      ...test.context,
      plan: plans.source(['documentArrived'], { everyMs: 20, prefetchMax: 3 }),
      cursor: () => kept.cursor,
      deliver: async (message) => {
        if (++kept.deliveries > kept.refuseAfter) return 'returned';
        if (!kept.stored.has(message.id!)) kept.stored.set(message.id!, message);
        if (message.cursor !== undefined) kept.cursor = message.cursor;
        return 'accepted';
      },
      report: (state, problem) => kept.states.push(problem ?? state),
    });
  }
  interface Kept {
    readonly stored: Map<string, IncomingMessage>;
    readonly states: string[];
    cursor: string | undefined;
    deliveries: number;
    refuseAfter: number;
  }
  const memory = (): Kept => ({
    stored: new Map(),
    states: [],
    cursor: undefined,
    deliveries: 0,
    refuseAfter: Number.POSITIVE_INFINITY,
  });
  const put = (
    test: Awaited<ReturnType<typeof store>>,
    name: string,
    hour: number,
    kind = 'receipt',
  ): void => {
    const key = `/bucket/inbox/${name}`;
    test.objects.set(key, Buffer.from(JSON.stringify({ kind, content: { name } })));
    test.state.modified.set(key, hour * HOUR);
  };
  const until = async (isSo: () => boolean): Promise<void> => {
    while (!isSo()) await sleep(systemClock, 10);
  };
  const keysOf = ({ stored }: Kept): string[] => [...stored.values()].map(({ headers }) => headers['key']!);

  it('come once each, oldest first, from every page; one that is put anew comes again', async () => {
    await using test = await store();
    for (const [name, hour] of [
      ['a.json', 30],
      ['b.json', 10],
      ['c%20d.json', 20],
    ] as const)
      put(test, name, hour);
    test.objects.set('/bucket/elsewhere.json', Buffer.from('{}'));
    const kept = memory();
    const source = take(test, kept);
    await until(() => kept.stored.size === 3);
    expect(keysOf(kept)).toEqual(['inbox/b.json', 'inbox/c d.json', 'inbox/a.json']);
    expect(kept.cursor).toBe(String(30 * HOUR));
    const requests = test.state.requests;
    await until(() => test.state.requests > requests + 4);
    // Looked at again and again, and not fetched again.
    expect(kept.deliveries).toBe(3);
    put(test, 'b.json', 50, 'changed');
    await until(() => kept.stored.size === 4);
    expect(JSON.parse(String([...kept.stored.values()].at(-1)!.body))).toMatchObject({ kind: 'changed' });
    await source.stop();
  });

  it('are all there after a process that ended in the middle; what showed up late is found behind the cursor', async () => {
    await using test = await store();
    for (let number = 0; number < 8; number++) put(test, `${number}.json`, 100 + number);
    const kept = memory();
    kept.refuseAfter = 5;
    const first = take(test, kept);
    await until(() => kept.deliveries > 5);
    await first.stop();
    expect(kept.cursor).toBe(String(102 * HOUR));
    put(test, 'late.json', 99);
    kept.refuseAfter = Number.POSITIVE_INFINITY;
    const second = take(test, kept);
    await until(() => kept.stored.size === 9);
    expect(keysOf(kept).sort()).toEqual([
      ...Array.from({ length: 8 }, (_, n) => `inbox/${n}.json`),
      'inbox/late.json',
    ]);
    expect(kept.cursor).toBe(String(107 * HOUR));
    await second.stop();
  });

  it('that are too large, or have a name that would walk, do not keep the others', async () => {
    await using test = await store();
    // Left by somebody who knows what a URL does.
    put(test, '../walks.json', 1);
    put(test, 'large.json', 2);
    test.objects.set('/bucket/inbox/large.json', Buffer.alloc(17 * 1024 * 1024));
    put(test, 'small.json', 3);
    const kept = memory();
    const source = take(test, kept);
    await until(() => kept.stored.size === 3);
    expect([...kept.stored.values()].map(({ problem }) => problem)).toEqual([
      'no URL can name the object',
      'the object is larger than 16777216 bytes',
      undefined,
    ]);
    expect(keysOf(kept)[0]).toBe('inbox/../walks.json');
    await source.stop();
  });

  it('that may not be listed leave the source waiting, and it says why without a secret', async () => {
    await using test = await store();
    test.state.secret = 'another secret';
    const kept = memory();
    const source = take(test, kept);
    await until(() => kept.states.includes('the store answered 403'));
    await source.stop();
    expect(kept.states.join()).not.toContain('another secret');
  });
});

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
