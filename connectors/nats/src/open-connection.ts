import {
  AuthorizationError,
  connect,
  type NatsConnection,
  PermissionViolationError,
} from '@nats-io/transport-node';
import { basicCredentials, brokerAddress, loginRefused, type TransportContext } from '@tenon/connector';

const PROTOCOLS = {
  nats: { port: 4222, isSecure: false },
  tls: { port: 4222, isSecure: true },
} as const;
const CONNECT_MS = 10_000;
/** Three pings unanswered and the connection counts as dead. */
const PING_MS = 5_000;
const PINGS_OUT_MAX = 3;

/** Opens one connection: `nats(s)://host[:port]`. It does not reconnect by itself: what it would send again is not its to decide. */
export async function openConnection(context: TransportContext, use: string): Promise<NatsConnection> {
  const { connection } = context;
  const address = brokerAddress(connection, PROTOCOLS);
  const login = await basicCredentials(context, use);
  return connect({
    servers: `${address.host.includes(':') ? `[${address.host}]` : address.host}:${address.port}`,
    name: `tenon ${connection.name} (${use})`,
    reconnect: false,
    timeout: CONNECT_MS,
    pingInterval: PING_MS,
    maxPingOut: PINGS_OUT_MAX,
    // One server, the one that was named: what a cluster announces is not in the connection's egress.
    ignoreClusterUpdates: true,
    ...(address.isSecure && { tls: {} }),
    ...(login && { user: login.username.reveal(), pass: login.password.reveal() }),
  }).catch((error: unknown) => {
    throw error instanceof AuthorizationError ? loginRefused('the server') : error;
  });
}

/** The server has refused a subject to this user: the client tells it as what a request failed of. */
export function isForbidden(error: unknown): boolean {
  return violationIn(error) !== undefined;
}

/** It has refused the subject that was sent to, and handed nothing on. Of one that it refuses to listen on the answer is lost, and the message is there. */
export function isSendingForbidden(error: unknown): boolean {
  return violationIn(error)?.operation === 'publish';
}

function violationIn(error: unknown): PermissionViolationError | undefined {
  if (!(error instanceof Error)) return undefined;
  return error instanceof PermissionViolationError ? error : violationIn(error.cause);
}
