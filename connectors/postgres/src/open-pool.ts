import { basicCredentials, brokerAddress, MessageRefused, type TransportContext } from '@tenon/connector';
import pg from 'pg';

const PROTOCOLS = {
  postgres: { port: 5432, isSecure: false },
  postgresql: { port: 5432, isSecure: false },
} as const;
const CONNECT_MS = 10_000;
const IDLE_MS = 30_000;

/** `postgres://host[:port]/database`; TLS with a verified certificate, unless the host is loopback or `?sslmode=disable` says so. */
export async function openPool(context: TransportContext, use: string, max: number): Promise<pg.Pool> {
  const { connection } = context;
  const address = brokerAddress(connection, PROTOCOLS);
  const login = await basicCredentials(context, use);
  const mode = address.parameters.get('sslmode') ?? (isLoopback(address.host) ? 'disable' : 'verify-full');
  if (mode !== 'disable' && mode !== 'verify-full')
    throw new MessageRefused(
      'permanent',
      `sslmode of connection ${connection.name} is neither disable nor verify-full`,
      'notSent',
    );
  const pool = new pg.Pool({
    host: address.host,
    port: address.port,
    database: address.path,
    max,
    connectionTimeoutMillis: CONNECT_MS,
    idleTimeoutMillis: IDLE_MS,
    keepAlive: true,
    application_name: `tenon ${connection.name} (${use})`,
    ssl: mode === 'verify-full' ? { rejectUnauthorized: true } : false,
    ...(login && { user: login.username.reveal(), password: login.password.reveal() }),
  });
  // A connection that ends is seen by whoever waits on it, an idle one replaced; without listeners it would end the process.
  pool.on('error', () => {});
  pool.on('connect', (client) => client.on('error', () => {}));
  return pool;
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\./.test(host);
}
