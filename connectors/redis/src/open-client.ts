import { createClient } from '@redis/client';
import { answered, basicCredentials, brokerAddress, type TransportContext } from '@tenon/connector';
import { refusal } from './refusal.ts';

const PROTOCOLS = {
  redis: { port: 6379, isSecure: false },
  rediss: { port: 6379, isSecure: true },
} as const;
const CONNECT_MS = 10_000;

export type Client = ReturnType<typeof makeClient>;

/**
 * `redis(s)://host[:port][/database]`. It does not reconnect by itself, and keeps no command for later: what it would
 * send again is not its to decide.
 */
export async function openClient(context: TransportContext, use: string): Promise<Client> {
  const { connection } = context;
  const address = brokerAddress(connection, PROTOCOLS);
  const login = await basicCredentials(context, use);
  const socket = {
    host: address.host,
    port: address.port,
    connectTimeout: CONNECT_MS,
    reconnectStrategy: false,
  } as const;
  const client = makeClient({
    socket: address.isSecure ? { ...socket, tls: true } : socket,
    name: `tenon-${connection.name}-${use}`,
    ...(address.path !== '' && { database: Number(address.path) }),
    ...(login && { username: login.username.reveal(), password: login.password.reveal() }),
  });
  // Whoever waits on a command hears of it; without a listener it would end the process.
  client.on('error', () => {});
  try {
    // The login as well: of the socket alone the client's own bound knows.
    await answered(context.clock, CONNECT_MS, client.connect());
  } catch (error) {
    if (client.isOpen) client.destroy();
    const refused = refusal(error);
    // Whatever else it says to one who comes, as that it has no room, it may not say to the next: nothing was asked yet.
    throw refused?.failureClass === 'auth' || refused?.failureClass === 'permission' ? refused : error;
  }
  return client;
}

type Settings = Pick<
  Parameters<typeof createClient>[0] & object,
  'socket' | 'name' | 'database' | 'username' | 'password'
>;

/** RESP 2: the shape of a stream's entries is then the same in every version of the server. */
function makeClient(settings: Settings) {
  return createClient({ RESP: 2, disableOfflineQueue: true, ...settings });
}
