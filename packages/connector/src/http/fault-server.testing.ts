import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { type JsonObject, Secret, systemClock, systemRandom } from '@tenon/model';
import type { HttpBinding, OperationPlan } from '../operation-plan.ts';
import type { CallRequest, ConnectionConfig, Transport, TransportContext } from '../transport.ts';
import { type HttpTransportOptions, httpTransport } from './http-transport.ts';

/** What a test's server saw of one request. */
export interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export type Handler = (seen: SeenRequest, response: ServerResponse, request: IncomingMessage) => void;

export interface FaultServer extends AsyncDisposable {
  readonly baseUrl: string;
  readonly port: number;
  readonly seen: SeenRequest[];
  handler: Handler;
  /** Answers before the request's body has been read. */
  early?: (response: ServerResponse) => void;
  /** Connections with a request under way. */
  busy(): Promise<number>;
}

/** A real HTTP server on loopback, for tests of the transport: each decides in `handler` how to answer, or how to fail. */
export async function faultServer(handler: Handler): Promise<FaultServer> {
  const seen: SeenRequest[] = [];
  let underWay = 0;
  const server = createServer((request, response) => {
    underWay++;
    response.once('close', () => underWay--);
    if (started.early !== undefined) {
      started.early(response);
      return;
    }
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const entry = {
        method: request.method ?? '',
        url: request.url ?? '',
        headers: request.headers,
        body: Buffer.concat(chunks).toString(),
      };
      seen.push(entry);
      started.handler(entry, response, request);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // A TCP server's address is an object once it listens.
  const { port } = server.address() as AddressInfo;
  const started: FaultServer = {
    baseUrl: `http://127.0.0.1:${port}`,
    port,
    seen,
    handler,
    busy: async () => underWay,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return started;
}

/** A port on which nothing listens. */
export async function closedPort(): Promise<number> {
  const server = createTcpServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // A TCP server's address is an object once it listens.
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export function json(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}

/** A plan of a made-up operation; a test names what matters to it. */
export function operationPlan(
  change: Omit<Partial<OperationPlan>, 'http'> & { readonly http?: Partial<HttpBinding> } = {},
): OperationPlan {
  const { http, ...rest } = change;
  return {
    name: 'things.createThing',
    connector: 'things',
    operation: 'createThing',
    contract: { name: 'things', version: '1.0.0', digest: 'sha256:0' },
    transport: 'http',
    effect: 'create',
    idempotency: { mode: 'none' },
    scopes: [],
    timeoutMs: 30_000,
    failures: [],
    auth: [],
    egress: [],
    input: true,
    result: true,
    http: {
      method: 'POST',
      path: '/things',
      parameters: [],
      bodyTypes: ['application/json'],
      bodyRequired: false,
      responses: [{ status: '2xx', mediaType: 'application/json', schema: true }],
      ...http,
    },
    ...rest,
  };
}

export const secrets: Record<string, string> = {};

export function transportContext(baseUrl: string, change: Partial<ConnectionConfig> = {}): TransportContext {
  return {
    connection: {
      name: 'things',
      connector: 'things',
      baseUrl,
      credentials: {},
      webhookSecrets: [],
      ...change,
    },
    secrets: { resolve: async (reference) => new Secret(reference, secrets[reference] ?? 'unset') },
    clock: systemClock,
    random: systemRandom,
  };
}

export interface Harness extends AsyncDisposable {
  readonly server: FaultServer;
  readonly transport: Transport;
  call(input?: JsonObject, change?: Partial<CallRequest>): ReturnType<Transport['call']>;
}

/** A server, a transport to it and one operation, all closed at the end of the test. */
export async function harness(
  handler: Handler,
  plan: OperationPlan = operationPlan(),
  connection: Partial<ConnectionConfig> = {},
  options: HttpTransportOptions = {},
): Promise<Harness> {
  const server = await faultServer(handler);
  const transport = httpTransport(transportContext(server.baseUrl, connection), options);
  return {
    server,
    transport,
    call: (input = {}, change = {}) => transport.call({ operation: plan, input, ...change }),
    [Symbol.asyncDispose]: async () => {
      await server[Symbol.asyncDispose]();
      await transport.close();
    },
  };
}
