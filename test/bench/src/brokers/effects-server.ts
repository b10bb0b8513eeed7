import { once } from 'node:events';
import { createServer } from 'node:http';

/** What the effects come to: a target that honours keys, and remembers what it did. */
export interface EffectsServer {
  readonly url: string;
  /** Effects so far: calls under a key that was new. */
  readonly count: number;
  report(): EffectsReport;
  close(): void;
}

export interface EffectsReport {
  readonly effects: number;
  /** Calls under a known key: answered with what was stored, no second effect. */
  readonly repeats: number;
  /** `order:version` that took effect under more than one key. */
  readonly doubled: readonly string[];
  /** Effects of an order that came after a later version of it. */
  readonly outOfOrder: readonly string[];
  readonly seen: ReadonlySet<string>;
}

export async function effectsServer(): Promise<EffectsServer> {
  const keys = new Set<string>();
  const seen = new Set<string>();
  const doubled: string[] = [];
  const outOfOrder: string[] = [];
  const last = new Map<string, number>();
  let repeats = 0;
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const key = String(request.headers['idempotency-key']);
    const body = JSON.parse(Buffer.concat(chunks).toString()) as { orderId: string; version: number };
    if (keys.has(key)) repeats++;
    else {
      keys.add(key);
      const name = `${body.orderId}:${body.version}`;
      if (seen.has(name)) doubled.push(name);
      seen.add(name);
      if (body.version < (last.get(body.orderId) ?? 0)) outOfOrder.push(name);
      last.set(body.orderId, Math.max(body.version, last.get(body.orderId) ?? 0));
    }
    response.writeHead(201, { 'content-type': 'application/json' });
    response.end('{"done":true}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    get count() {
      return seen.size;
    },
    report: () => ({ effects: keys.size, repeats, doubled, outOfOrder, seen }),
    close: () => server.close(),
  };
}
