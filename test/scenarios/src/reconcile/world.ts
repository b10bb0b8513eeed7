import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';

const PAGE = 10;

export interface Order {
  readonly id: string;
  readonly total: number;
  readonly email: string;
  readonly updatedAt: string;
}

export interface Invoice {
  readonly id: string;
  readonly reference: string | null;
  readonly amount: number;
  readonly email: string;
}

/** Two systems behind real HTTP: a shop that lists orders, and books that list, make, change and strike out invoices. */
export interface BothSystems extends AsyncDisposable {
  readonly shopUrl: string;
  readonly booksUrl: string;
  readonly orders: Map<string, Order>;
  readonly invoices: Map<string, Invoice>;
  /** References that the books take nothing for: they answer 422. */
  readonly refused: Set<string>;
  /** How long a page of the shop takes. */
  pageMs: number;
  pagesAsked: number;
  /** Idempotency keys under which an invoice was made, with how often one was. */
  readonly made: Map<string, number>;
}

export async function bothSystems(): Promise<BothSystems> {
  const orders = new Map<string, Order>();
  const invoices = new Map<string, Invoice>();
  const refused = new Set<string>();
  const made = new Map<string, number>();
  const answers = new Map<string, Invoice>();
  let number = 0;

  const shop = createServer((request, response) => {
    void (async () => {
      world.pagesAsked++;
      await new Promise((resolve) => setTimeout(resolve, world.pageMs));
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(page([...orders.values()], request)));
    })();
  });
  const books = createServer((request, response) => {
    void (async () => {
      const send = (status: number, body: object): void => {
        response.writeHead(status, { 'content-type': 'application/json' });
        response.end(JSON.stringify(body));
      };
      const { pathname } = new URL(request.url ?? '/', 'http://host');
      if (request.method === 'GET') return send(200, page([...invoices.values()], request));
      const body = (await bodyOf(request)) as { reference: string; amount: number; email: string };
      const reference =
        request.method === 'POST' ? body.reference : decodeURIComponent(pathname.split('/')[2]!);
      if (refused.has(reference)) return send(422, { error: 'this account is locked' });
      const known = [...invoices.values()].find((one) => one.reference === reference);
      if (request.method === 'POST') {
        const key = String(request.headers['idempotency-key']);
        const before = answers.get(key);
        if (before) return send(201, before);
        const invoice: Invoice = { id: `inv_${++number}`, ...body };
        invoices.set(invoice.id, invoice);
        answers.set(key, invoice);
        made.set(key, (made.get(key) ?? 0) + 1);
        return send(201, invoice);
      }
      if (!known) return send(404, { error: 'no such invoice' });
      if (request.method === 'PUT') {
        const changed = { ...known, amount: body.amount, email: body.email };
        invoices.set(known.id, changed);
        return send(200, changed);
      }
      invoices.delete(known.id);
      return send(200, known);
    })();
  });
  const world: BothSystems = {
    shopUrl: await listen(shop),
    booksUrl: await listen(books),
    orders,
    invoices,
    refused,
    made,
    pageMs: 0,
    pagesAsked: 0,
    [Symbol.asyncDispose]: async () => {
      for (const server of [shop, books]) {
        server.closeAllConnections();
        server.close();
        await once(server, 'close');
      }
    },
  };
  return world;
}

function page<T>(all: readonly T[], request: IncomingMessage): { items: readonly T[]; next: string | null } {
  const from = Number(new URL(request.url ?? '/', 'http://host').searchParams.get('cursor') ?? 0);
  return { items: all.slice(from, from + PAGE), next: from + PAGE < all.length ? String(from + PAGE) : null };
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString();
  return text === '' ? {} : JSON.parse(text);
}

async function listen(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return `http://127.0.0.1:${address.port}`;
}
