import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Random, sleep, systemClock } from '@tenon/model';

/** Another system, in this process so that it outlives the one under test: counts effects by idempotency key. */
export interface CountingServer {
  readonly url: string;
  /** Effects that happened, by `operation key`. */
  readonly effects: ReadonlyMap<string, number>;
  /** Keys whose effect was undone. */
  readonly removed: ReadonlySet<string>;
  close(): Promise<void>;
}

export interface Faults {
  readonly random: Random;
  /** Longest delay before the answer. */
  readonly latencyMs: number;
  /** Share of calls answered 503 without effect, and of those whose answer is cut off after the effect. */
  readonly unavailable: number;
  readonly cutOff: number;
}

/**
 * `POST /<operation>` has an effect, once per key for `create`, `put` and `remove`, each time for `createBlind`;
 * `GET /find?key=` tells whether a blind one happened. An id that ends in `!` is refused by `put` for good.
 */
export async function countingServer(faults: Faults): Promise<CountingServer> {
  const effects = new Map<string, number>();
  const results = new Map<string, string>();
  const removed = new Set<string>();

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://localhost');
    const operation = url.pathname.slice(1);
    let text = '';
    for await (const chunk of request) text += chunk;
    await sleep(systemClock, faults.random.next() * faults.latencyMs);
    const reply = (status: number, body: unknown): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    };
    if (faults.random.next() < faults.unavailable) return reply(503, {});
    if (operation === 'find') {
      const found = results.get(`createBlind ${url.searchParams.get('key')}`);
      return reply(200, { found: found === undefined ? null : { id: found } });
    }
    if (operation === 'get') return reply(200, { id: 'r', amount: 10 });
    const input: { readonly id: string } = JSON.parse(text);
    if (operation === 'put' && input.id.endsWith('!')) return reply(422, {});
    const name = `${operation} ${request.headers['idempotency-key']}`;
    const honours = operation !== 'createBlind';
    if (!honours || !effects.has(name)) {
      effects.set(name, (effects.get(name) ?? 0) + 1);
      results.set(name, name);
      if (operation === 'remove') removed.add(input.id);
    }
    if (faults.random.next() < faults.cutOff) return void request.socket.destroy();
    reply(200, { id: results.get(name) });
  }

  const server = createServer((request, response) => {
    answer(request, response).catch(() => request.socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // Listening on a TCP port, so the address is no pipe's name.
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    effects,
    removed,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
