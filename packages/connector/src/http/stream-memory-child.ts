/**
 * Sends and receives bodies of so many MiB through the transport, with the server in a process of its own, and prints as JSON
 * by how much this process's memory grew: `node --conditions=source stream-memory-child.ts <MiB>`.
 */
import { fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createGzip } from 'node:zlib';
import { systemClock } from '@tenon/model';
import { operationPlan, transportContext } from './fault-server.testing.ts';
import { httpTransport } from './http-transport.ts';

const PIECE = Buffer.alloc(64 * 1024, 'tenon ');
const bytes = Number(process.argv[2]) * 1024 * 1024;

if (process.argv[3] === 'server') serve();
else await measure();

function* pieces(): Generator<Buffer> {
  for (let sent = 0; sent < bytes; sent += PIECE.length) yield PIECE;
}

async function* asyncPieces(): AsyncGenerator<Buffer> {
  yield* pieces();
}

function serve(): void {
  const server = createServer(async (request, response) => {
    let taken = 0;
    for await (const chunk of request) taken += chunk.length;
    response.setHeader('content-type', 'application/octet-stream');
    if (request.method === 'POST') {
      response.end(String(taken));
      return;
    }
    const gzip = request.url === '/gzip';
    if (gzip) response.setHeader('content-encoding', 'gzip');
    const out = gzip ? createGzip({ level: 1 }) : response;
    if (out !== response) out.pipe(response);
    for (const piece of pieces())
      if (!out.write(piece)) await new Promise((resolve) => out.once('drain', resolve));
    out.end();
  });
  // A TCP server's address is an object once it listens.
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
}

async function measure(): Promise<void> {
  const child = fork(import.meta.filename, [process.argv[2]!, 'server'], { execArgv: process.execArgv });
  const port = await new Promise((resolve) => child.once('message', resolve));
  const transport = httpTransport(transportContext(`http://127.0.0.1:${port}`));
  const stream = { bytesMax: bytes, stallMs: 10_000 };
  const http = {
    bodyTypes: ['application/octet-stream'],
    responses: [{ status: '200', mediaType: 'application/octet-stream' }],
  };
  const limits = { stream, timeoutMs: 300_000 };
  const upload = operationPlan({ ...limits, http: { ...http, method: 'POST', path: '/' } });
  const download = (path: string) => operationPlan({ ...limits, http: { ...http, method: 'GET', path } });
  let taken = 0;
  const receive = async (body: AsyncIterable<Uint8Array>): Promise<void> => {
    for await (const chunk of body) taken += chunk.length;
  };
  const figures: Record<string, unknown> = {};
  for (const [name, call] of [
    ['received', () => transport.call({ operation: download('/'), input: {}, receive })],
    ['receivedGzip', () => transport.call({ operation: download('/gzip'), input: {}, receive })],
    [
      'sent',
      () => transport.call({ operation: upload, input: {}, send: { open: asyncPieces, bytes }, receive }),
    ],
  ] as const) {
    const before = process.memoryUsage.rss();
    let peak = before;
    const look = (): void => {
      peak = Math.max(peak, process.memoryUsage.rss());
      cancelLook = systemClock.setTimer(20, look);
    };
    let cancelLook = systemClock.setTimer(20, look);
    const startedMs = performance.now();
    taken = 0;
    const result = await call();
    cancelLook();
    figures[name] = {
      ok: result.ok,
      ...(result.ok ? { body: result.body } : { failure: result.failure }),
      taken,
      grownMiB: Math.round((peak - before) / 1024 / 1024),
      ms: Math.round(performance.now() - startedMs),
    };
  }
  const digest = createHash('sha256');
  for (const piece of pieces()) digest.update(piece);
  process.stdout.write(
    `${JSON.stringify({ bytes, digest: `sha256:${digest.digest('hex')}`, ...figures })}\n`,
  );
  await transport.close();
  child.disconnect();
  child.kill();
}
