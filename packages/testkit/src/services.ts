import { connect, createServer, type Server, type Socket } from 'node:net';

const CONNECT_MS = 1_000;

/**
 * Why tests against a server cannot run here, or `undefined` when it answers. Where `TENON_REQUIRE_SERVICES=1` says that
 * servers are to be there, a missing one throws: what is skipped must not look like what was passed.
 */
export async function missingService(
  name: string,
  port: number,
  env: Readonly<Record<string, string | undefined>>,
): Promise<string | undefined> {
  if (await answers(port)) return undefined;
  const reason = `no ${name} at ${HOST}:${port}`;
  if (env['TENON_REQUIRE_SERVICES'] === '1')
    throw new Error(`${reason}, and TENON_REQUIRE_SERVICES=1 asks for it`);
  return reason;
}

const HOST = '127.0.0.1';

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: HOST, port, timeout: CONNECT_MS });
    const end = (answer: boolean) => () => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', end(true)).once('error', end(false)).once('timeout', end(false));
  });
}

/**
 * A TCP hop in front of a server that can be made to fail as networks do. `open`: passes everything. `deaf`: what the
 * server says is swallowed, so that what was sent arrives and no answer comes back. `refuse`: takes no connection.
 */
export interface FaultyHop extends AsyncDisposable {
  readonly port: number;
  mode: 'open' | 'deaf' | 'refuse';
  /** Connections taken since the beginning. */
  readonly connections: number;
  /** Bytes that clients have sent since the beginning. */
  readonly bytesIn: number;
  /** Ends every connection there is, as a server does that dies. */
  cut(): void;
}

/** Sees the bytes of one connection, for tests that need to know what was really said. */
export interface WireTap {
  fromClient(chunk: Buffer): void;
  fromServer(chunk: Buffer): void;
  ended(): void;
}

export async function faultyHop(targetPort: number, tapOf?: () => WireTap): Promise<FaultyHop> {
  const pairs = new Set<readonly [Socket, Socket]>();
  const state = { mode: 'open' as FaultyHop['mode'], connections: 0, bytesIn: 0 };
  const server: Server = createServer((client) => {
    if (state.mode === 'refuse') {
      client.destroy();
      return;
    }
    state.connections++;
    const target = connect({ host: HOST, port: targetPort });
    const pair = [client, target] as const;
    pairs.add(pair);
    const tap = tapOf?.();
    if (tap) client.on('close', () => tap.ended());
    client.on('data', (chunk) => {
      state.bytesIn += chunk.length;
      tap?.fromClient(chunk);
      target.write(chunk);
    });
    target.on('data', (chunk) => {
      tap?.fromServer(chunk);
      if (state.mode !== 'deaf') client.write(chunk);
    });
    for (const [one, other] of [pair, [target, client] as const]) {
      one.on('error', () => {});
      one.on('close', () => {
        other.destroy();
        pairs.delete(pair);
      });
    }
  });
  const port = await new Promise<number>((resolve) => {
    server.listen(0, HOST, () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
  const cut = (): void => {
    for (const [client, target] of pairs) {
      client.destroy();
      target.destroy();
    }
  };
  return {
    port,
    cut,
    get mode() {
      return state.mode;
    },
    set mode(mode) {
      state.mode = mode;
    },
    get connections() {
      return state.connections;
    },
    get bytesIn() {
      return state.bytesIn;
    },
    [Symbol.asyncDispose]: async () => {
      cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
