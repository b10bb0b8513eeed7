import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { sleep, systemClock } from '@tenon/model';
import { describe, expect, it } from 'vitest';
import type { OperationPlan } from '../operation-plan.ts';
import { type Harness, harness, json, operationPlan, secrets } from './fault-server.testing.ts';

const MIB = 1024 * 1024;

/** An operation that takes and gives bytes. */
function bytesPlan(change: Parameters<typeof operationPlan>[0] = {}): OperationPlan {
  const { http, ...rest } = change;
  return operationPlan({
    stream: { bytesMax: MIB, stallMs: 5_000 },
    http: {
      bodyTypes: ['application/octet-stream'],
      responses: [{ status: '200', mediaType: 'application/octet-stream' }],
      ...http,
    },
    ...rest,
  });
}

/** A receiver that keeps what it is handed, and how its iteration ended. */
function receiver() {
  const kept = {
    calls: 0,
    pieces: [] as Uint8Array[],
    end: undefined as 'whole' | 'error' | undefined,
    receive: async (body: AsyncIterable<Uint8Array>) => {
      kept.calls++;
      try {
        for await (const piece of body) kept.pieces.push(piece);
        kept.end = 'whole';
      } catch (error) {
        kept.end = 'error';
        throw error;
      }
    },
  };
  return kept;
}

function send(body: string | Uint8Array, announced = true) {
  const bytes = Buffer.from(body);
  return {
    open: async function* () {
      for (let from = 0; from < bytes.length; from += 1000) yield bytes.subarray(from, from + 1000);
    },
    ...(announced && { bytes: bytes.length }),
  };
}

function octets(response: ServerResponse, headers: Record<string, string> = {}): ServerResponse {
  return response.writeHead(200, { 'content-type': 'application/octet-stream', ...headers });
}

/** No request is under way and no connection is held open by one that has ended. */
async function socketsLeft({ server }: Harness): Promise<number> {
  for (let look = 0; look < 40 && (await server.busy()) > 0; look++) await sleep(systemClock, 25);
  return server.busy();
}

describe('a streamed answer', () => {
  it('is handed over piece by piece, counted and digested', async () => {
    const bytes = randomBytes(300_000);
    await using test = await harness((_seen, response) => void octets(response).end(bytes), bytesPlan());
    const kept = receiver();
    const result = await test.call({}, { receive: kept.receive });
    expect(result).toMatchObject({
      ok: true,
      body: {
        bytes: 300_000,
        digest: `sha256:${createHash('sha256').update(bytes).digest('hex')}`,
        mediaType: 'application/octet-stream',
      },
    });
    expect(Buffer.concat(kept.pieces).equals(bytes)).toBe(true);
    expect(kept.pieces.length).toBeGreaterThan(1);
  });

  it.each(['gzip', 'gzip, gzip'])('has its encodings taken off: %s', async (encoding) => {
    const bytes = Buffer.from('tenon '.repeat(10_000));
    const packed = encoding.split(',').reduce<Buffer>((body) => gzipSync(body), bytes);
    await using test = await harness(
      (_seen, response) => void octets(response, { 'content-encoding': encoding }).end(packed),
      bytesPlan(),
    );
    const kept = receiver();
    expect(await test.call({}, { receive: kept.receive })).toMatchObject({
      ok: true,
      body: { bytes: bytes.length },
    });
    expect(Buffer.concat(kept.pieces).equals(bytes)).toBe(true);
  });

  it.each([{}, { 'content-encoding': 'gzip' }])(
    'may be empty, whatever it is encoded with: %j',
    async (headers) => {
      await using test = await harness(
        (_seen, response) => void octets(response, headers).end(),
        bytesPlan(),
      );
      const kept = receiver();
      expect(await test.call({}, { receive: kept.receive })).toMatchObject({ ok: true, body: { bytes: 0 } });
      expect(kept.end).toBe('whole');
    },
  );

  it('that says it is larger than the cap is handed to nobody', async () => {
    await using test = await harness(
      (_seen, response) => void octets(response, { 'content-length': String(2 * MIB) }).write('x'),
      bytesPlan(),
    );
    const kept = receiver();
    expect(await test.call({}, { receive: kept.receive })).toMatchObject({
      failure: { class: 'contract', code: 'HTTP_RESPONSE_TOO_LARGE', delivery: 'answered', status: 200 },
    });
    expect(kept.calls).toBe(0);
    expect(await socketsLeft(test)).toBe(0);
  });

  const bomb = gzipSync(Buffer.alloc(32 * MIB));
  it.each([
    ['in plain', {}, Buffer.alloc(2 * MIB)],
    ['by unpacking', { 'content-encoding': 'gzip' }, bomb],
    // The inner layer is a bomb, the outer a small one: 32 MiB of it never come to be.
    ['by unpacking twice', { 'content-encoding': 'gzip, gzip' }, gzipSync(bomb)],
  ])('that passes the cap %s is broken off', async (_name, headers, body) => {
    await using test = await harness(
      (_seen, response) => void Readable.from([body], { objectMode: false }).pipe(octets(response, headers)),
      bytesPlan(),
    );
    const kept = receiver();
    expect(await test.call({}, { receive: kept.receive })).toMatchObject({
      failure: { class: 'contract', code: 'HTTP_RESPONSE_TOO_LARGE', delivery: 'answered' },
    });
    expect(kept.end).toBe('error');
    expect(kept.pieces.reduce((sum, { length }) => sum + length, 0)).toBeLessThanOrEqual(MIB);
    expect(await socketsLeft(test)).toBe(0);
  });

  it.each([
    ['an encoding that nobody knows', { 'content-encoding': 'constructor' }, Buffer.from('x'), undefined],
    [
      'more encodings than anybody means',
      { 'content-encoding': 'gzip, br, br, br, br' },
      Buffer.from('x'),
      undefined,
    ],
    ['a gzip that is none', { 'content-encoding': 'gzip' }, Buffer.from('not gzip at all'), 'error'],
    [
      'a gzip that was cut',
      { 'content-encoding': 'gzip' },
      gzipSync(randomBytes(50_000)).subarray(0, 30_000),
      'error',
    ],
  ] as const)('cannot be read: %s', async (_name, headers, body, end) => {
    await using test = await harness(
      (_seen, response) => void octets(response, headers).end(body),
      bytesPlan(),
    );
    const kept = receiver();
    expect(await test.call({}, { receive: kept.receive })).toMatchObject({
      failure: { class: 'contract', code: 'HTTP_RESPONSE_MALFORMED', delivery: 'answered' },
    });
    expect(kept.end).toBe(end);
  });

  it('that breaks off is a lost answer, and is not called whole', async () => {
    await using test = await harness((_seen, response) => {
      octets(response, { 'content-length': '1000' }).write('half', () => response.destroy());
    }, bytesPlan());
    const kept = receiver();
    expect(await test.call({}, { receive: kept.receive })).toMatchObject({
      failure: { class: 'transient', code: 'HTTP_CONNECTION_FAILED', delivery: 'lost' },
    });
    expect(kept.end).toBe('error');
  });

  it('that stops coming is given up after the stall, and one that drips at the deadline', async () => {
    await using test = await harness(
      (_seen, response) => void octets(response).write('first'),
      bytesPlan({ stream: { bytesMax: MIB, stallMs: 200 } }),
    );
    const kept = receiver();
    expect(await test.call({}, { receive: kept.receive })).toMatchObject({
      failure: { class: 'timeout', code: 'HTTP_STREAM_STALLED', delivery: 'lost' },
    });
    expect(kept.end).toBe('error');
    expect(await socketsLeft(test)).toBe(0);

    test.server.handler = (_seen, response) => {
      octets(response);
      const drip = setInterval(() => response.write('.'), 50);
      response.on('close', () => clearInterval(drip));
    };
    const operation = bytesPlan({ stream: { bytesMax: MIB, stallMs: 200 }, timeoutMs: 600 });
    expect(await test.call({}, { operation, receive: kept.receive })).toMatchObject({
      failure: { class: 'timeout', code: 'HTTP_CALL_TIMEOUT', delivery: 'lost' },
    });
    expect(await socketsLeft(test)).toBe(0);
  });

  it('waits for a slow receiver, which is no stall', async () => {
    await using test = await harness(
      (_seen, response) => void octets(response).end(Buffer.alloc(MIB)),
      bytesPlan({ stream: { bytesMax: MIB, stallMs: 100 } }),
    );
    const result = await test.call(
      {},
      {
        receive: async (body) => {
          let pieces = 0;
          for await (const _piece of body) if (pieces++ < 3) await sleep(systemClock, 150);
        },
      },
    );
    expect(result).toMatchObject({ ok: true, body: { bytes: MIB } });
  });

  it.each([
    [
      'fails',
      async (body: AsyncIterable<Uint8Array>) => {
        for await (const _piece of body) throw new Error('disk full at /secret/path');
      },
    ],
    [
      'ends early',
      async (body: AsyncIterable<Uint8Array>) => {
        for await (const _piece of body) break;
      },
    ],
    ['does not look at it', async () => {}],
  ])('whose receiver %s is no success, and its connection is let go', async (_name, receive) => {
    await using test = await harness(
      (_seen, response) => void octets(response).write(Buffer.alloc(100_000)),
      bytesPlan(),
    );
    const result = await test.call({}, { receive });
    expect(result).toMatchObject({
      failure: { class: 'permanent', code: 'HTTP_RECEIVER_FAILED', delivery: 'answered', status: 200 },
    });
    expect(JSON.stringify(result)).not.toContain('secret');
    expect(await socketsLeft(test)).toBe(0);
  });

  it('ends with the call: cancelled, or with a receiver that hangs', async () => {
    await using test = await harness((_seen, response) => void octets(response).write('first'), bytesPlan());
    const controller = new AbortController();
    const kept = receiver();
    const call = test.call({}, { receive: kept.receive, signal: controller.signal });
    while (kept.pieces.length === 0) await sleep(systemClock, 10);
    controller.abort();
    expect(await call).toMatchObject({ failure: { code: 'HTTP_CALL_CANCELLED', delivery: 'lost' } });
    expect(kept.end).toBe('error');
    const hanging = test.call({}, { receive: () => new Promise(() => {}), deadlineAt: Date.now() + 200 });
    expect(await hanging).toMatchObject({ failure: { code: 'HTTP_CALL_TIMEOUT', delivery: 'lost' } });
    expect(await socketsLeft(test)).toBe(0);
  });

  it('that is a refusal is judged, and handed to nobody', async () => {
    const failures = [{ status: '200', when: "headers['x-error'] == 'gone'", class: 'notFound' as const }];
    await using test = await harness(
      (_seen, response) => json(response, 404, { code: 'x' }),
      bytesPlan({ failures }),
    );
    const kept = receiver();
    expect(await test.call({}, { receive: kept.receive })).toMatchObject({
      failure: { class: 'notFound', status: 404 },
    });
    test.server.handler = (_seen, response) => void octets(response, { 'x-error': 'gone' }).end('sorry');
    expect(await test.call({}, { receive: kept.receive })).toMatchObject({
      failure: { class: 'notFound', status: 200 },
    });
    expect(kept.calls).toBe(0);
  });

  it('of success that is a value by the contract is given as one, and handed to nobody', async () => {
    const accepted = {
      type: 'object',
      required: ['job'],
      properties: { job: { type: 'string' } },
    } as const;
    const plan = bytesPlan({
      http: {
        responses: [
          { status: '200', mediaType: 'application/octet-stream' },
          { status: '202', mediaType: 'application/json', schema: accepted },
        ],
      },
    });
    await using test = await harness((_seen, response) => json(response, 202, { job: 'j1' }), plan);
    const kept = receiver();
    expect(await test.call({}, { receive: kept.receive })).toMatchObject({
      ok: true,
      status: 202,
      body: { job: 'j1' },
    });
    test.server.handler = (_seen, response) => json(response, 202, { job: 1 });
    expect(await test.call({}, { receive: kept.receive })).toMatchObject({
      failure: { code: 'HTTP_RESPONSE_INVALID', pointer: '/job' },
    });
    expect(kept.calls).toBe(0);
  });

  it('of another media type than the contract says is a proxy’s page, and handed to nobody', async () => {
    const plan = bytesPlan({ http: { responses: [{ status: '200', mediaType: 'application/pdf' }] } });
    await using test = await harness(
      (_seen, response) =>
        void response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Log in</h1>'),
      plan,
    );
    const kept = receiver();
    expect(await test.call({}, { receive: kept.receive })).toMatchObject({
      failure: { class: 'contract', code: 'HTTP_RESPONSE_MALFORMED' },
    });
    expect(kept.calls).toBe(0);
  });

  it('is not asked for where the contract declares a value', async () => {
    await using test = await harness((_seen, response) => json(response, 200, {}));
    expect(await test.call({}, { receive: async () => {} })).toMatchObject({
      failure: { code: 'HTTP_BODY_UNSTREAMABLE', delivery: 'notSent' },
    });
    expect(await test.call({}, { send: send('x') })).toMatchObject({
      failure: { code: 'HTTP_BODY_UNSTREAMABLE', delivery: 'notSent' },
    });
    expect(test.server.seen).toEqual([]);
  });
});

describe('a streamed request', () => {
  const input = {
    type: 'object',
    required: ['body'],
    properties: { body: { type: 'string' } },
    additionalProperties: false,
  } as const;

  it('goes out with its length, or in chunks where that is not known', async () => {
    await using test = await harness((_seen, response) => json(response, 200, {}), bytesPlan({ input }));
    expect(await test.call({}, { send: send('tenon '.repeat(1000)) })).toMatchObject({ ok: true });
    expect(
      await test.call({}, { send: { ...send('tenon', false), mediaType: 'application/octet-stream' } }),
    ).toMatchObject({ ok: true });
    const [announced, chunked] = test.server.seen;
    expect(announced).toMatchObject({
      headers: { 'content-length': '6000', 'content-type': 'application/octet-stream' },
    });
    expect(announced!.body).toBe('tenon '.repeat(1000));
    expect(chunked).toMatchObject({ headers: { 'transfer-encoding': 'chunked' }, body: 'tenon' });
  });

  it('is refused beside a body that is a value, and in a type that is not declared or is none', async () => {
    await using test = await harness((_seen, response) => json(response, 200, {}), bytesPlan({ input }));
    expect(await test.call({ body: 'x' }, { send: send('x') })).toMatchObject({
      failure: { code: 'HTTP_REQUEST_INVALID', pointer: '/body' },
    });
    for (const mediaType of ['image/png', 'application/octet-stream\r\nx-evil: 1'])
      expect(await test.call({}, { send: { ...send('x'), mediaType } })).toMatchObject({
        failure: { code: 'HTTP_BODY_UNSTREAMABLE', delivery: 'notSent' },
      });
    expect(test.server.seen).toEqual([]);
  });

  it('that is too large is not sent, or broken off where that shows on the way', async () => {
    await using test = await harness((_seen, response) => json(response, 200, {}), bytesPlan());
    const large = Buffer.alloc(MIB + 1);
    expect(await test.call({}, { send: send(large) })).toMatchObject({
      failure: { class: 'validation', code: 'HTTP_REQUEST_TOO_LARGE', delivery: 'notSent' },
    });
    expect(await test.call({}, { send: send(large, false) })).toMatchObject({
      failure: { class: 'validation', code: 'HTTP_REQUEST_TOO_LARGE', delivery: 'lost' },
    });
    expect(test.server.seen).toEqual([]);
    expect(await socketsLeft(test)).toBe(0);
  });

  it('whose source fails, or gives another number of bytes than announced, is broken off', async () => {
    await using test = await harness((_seen, response) => json(response, 200, {}), bytesPlan());
    const sources = [
      {
        open: async function* () {
          yield Buffer.from('x');
          throw new Error('/secret/path');
        },
      },
      { ...send('four'), bytes: 3 },
      { ...send('four'), bytes: 5 },
    ];
    for (const source of sources) {
      const result = await test.call({}, { send: source });
      expect(result).toMatchObject({
        failure: { class: 'permanent', code: 'HTTP_BODY_SOURCE_FAILED', delivery: 'lost' },
      });
      expect(JSON.stringify(result)).not.toContain('secret');
    }
    const absent = {
      open: () => {
        throw new Error('no such file');
      },
    };
    expect(await test.call({}, { send: absent })).toMatchObject({
      failure: { code: 'HTTP_BODY_SOURCE_FAILED', delivery: 'notSent' },
    });
    expect(test.server.seen).toEqual([]);
    expect(await socketsLeft(test)).toBe(0);
  });

  it('that nobody reads is given up after the stall, and its source is closed', async () => {
    await using test = await harness(() => {}, bytesPlan({ stream: { bytesMax: 64 * MIB, stallMs: 300 } }));
    test.server.early = () => {};
    const source = Readable.from(
      (function* () {
        for (;;) yield Buffer.alloc(64 * 1024);
      })(),
      { objectMode: false },
    );
    expect(await test.call({}, { send: { open: () => source } })).toMatchObject({
      failure: { class: 'timeout', code: 'HTTP_STREAM_STALLED', delivery: 'lost' },
    });
    expect(source.destroyed).toBe(true);
  });

  it('that is refused before it was read counts as answered', async () => {
    await using test = await harness(() => {}, bytesPlan({ stream: { bytesMax: 64 * MIB, stallMs: 5_000 } }));
    test.server.early = (response) => void response.writeHead(413, { connection: 'close' }).end();
    expect(await test.call({}, { send: send(Buffer.alloc(4 * MIB)) })).toMatchObject({
      failure: { class: 'validation', delivery: 'answered', status: 413 },
    });
    expect(await socketsLeft(test)).toBe(0);
  });

  it('is opened again after a renewed credential; where it cannot be, the refusal stands', async () => {
    secrets['env:KEY'] = 'old';
    const plan = bytesPlan({ auth: [{ id: 'key', type: 'bearer' }] });
    await using test = await harness(
      (seen, response) => {
        const isNew = seen.headers.authorization === 'Bearer new';
        secrets['env:KEY'] = 'new';
        json(response, isNew ? 200 : 401, {});
      },
      plan,
      { credentials: { key: { token: 'env:KEY' } } },
    );
    expect(await test.call({}, { send: send('again') })).toMatchObject({ ok: true });
    expect(test.server.seen.map(({ body }) => body)).toEqual(['again', 'again']);

    secrets['env:KEY'] = 'newer';
    test.server.handler = (_seen, response) => {
      secrets['env:KEY'] += '+';
      json(response, 401, {});
    };
    let opened = 0;
    const once = {
      open: () => {
        if (opened++ > 0) throw new Error('spent');
        return send('once').open();
      },
    };
    expect(await test.call({}, { send: once })).toMatchObject({
      failure: { class: 'auth', status: 401, delivery: 'answered' },
    });
    expect(opened).toBe(2);
  });

  it('is signed by its digest, read once before', async () => {
    const digest = createHash('sha256').update('signed body').digest('hex');
    secrets['env:HMAC'] = 'hmac-secret';
    const hmac = {
      id: 'key',
      type: 'hmac',
      algorithm: 'sha256',
      encoding: 'hex',
      secretEncoding: 'utf8',
      timestamp: 'unixSeconds',
      sign: '${ bodyDigest }',
      headers: { 'x-digest': '${ bodyDigest }', 'x-signature': '${ signature }' },
    } as const;
    await using test = await harness(
      (_seen, response) => json(response, 200, {}),
      bytesPlan({ auth: [hmac] }),
      { credentials: { key: { secret: 'env:HMAC' } } },
    );
    expect(await test.call({}, { send: send('signed body') })).toMatchObject({ ok: true });
    expect(test.server.seen[0]!.headers['x-digest']).toBe(digest);
    expect(await test.call({}, { send: send(Buffer.alloc(MIB + 1), false) })).toMatchObject({
      failure: { code: 'HTTP_REQUEST_TOO_LARGE', delivery: 'notSent' },
    });

    const whole = bytesPlan({ auth: [{ ...hmac, sign: '${ body }' }] });
    expect(await test.call({}, { operation: whole, send: send('x') })).toMatchObject({
      failure: { code: 'AUTH_SIGNING_FAILED', delivery: 'notSent' },
    });
    const aws = bytesPlan({ auth: [{ id: 'key', type: 'awsSigV4', service: 's3', region: 'eu-west-1' }] });
    await using signed = await harness((_seen, response) => json(response, 200, {}), aws, {
      credentials: { key: { accessKeyId: 'env:HMAC', secretAccessKey: 'env:HMAC' } },
    });
    expect(await signed.call({}, { send: send('signed body') })).toMatchObject({ ok: true });
    expect(signed.server.seen[0]!.headers['x-amz-content-sha256']).toBe(digest);
    expect(signed.server.seen[0]!.headers.authorization).toContain('x-amz-content-sha256');
  });
});

describe('from disk to disk', () => {
  it('a file goes out and comes back equal', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tenon-streams-'));
    try {
      const bytes = randomBytes(700_000);
      await writeFile(join(folder, 'in'), bytes);
      const stored: Buffer[] = [];
      await using test = await harness(() => {}, bytesPlan());
      test.server.early = (response) => {
        const { req } = response;
        req.on('data', (chunk: Buffer) => stored.push(chunk));
        req.on('end', () => octets(response).end(Buffer.concat(stored)));
      };
      const result = await test.call(
        {},
        {
          send: { open: () => createReadStream(join(folder, 'in')), bytes: bytes.length },
          receive: (body) => pipeline(body, createWriteStream(join(folder, 'out'))),
        },
      );
      expect(result).toMatchObject({ ok: true, body: { bytes: bytes.length } });
      expect((await readFile(join(folder, 'out'))).equals(bytes)).toBe(true);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('half a GiB passes through in little memory, either way', async () => {
    const program = join(import.meta.dirname, 'stream-memory-child.ts');
    const { stdout } = await promisify(execFile)(process.execPath, ['--conditions=source', program, '512']);
    const { bytes, digest, received, receivedGzip, sent } = JSON.parse(stdout);
    for (const figure of [received, receivedGzip])
      expect(figure).toMatchObject({ ok: true, taken: bytes, body: { bytes, digest } });
    expect(sent).toMatchObject({ ok: true });
    process.stdout.write(
      `512 MiB, memory grown by: received ${received.grownMiB} MiB, gzip ${receivedGzip.grownMiB} MiB, sent ${sent.grownMiB} MiB\n`,
    );
    expect(Math.max(received.grownMiB, receivedGzip.grownMiB, sent.grownMiB)).toBeLessThan(160);
  });
});
