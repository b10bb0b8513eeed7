import { basicCredentials, brokerAddress, loginRefused, type TransportContext } from '@tenon/connector';
import { type ChannelModel, connect, credentials } from 'amqplib';

const PROTOCOLS = {
  amqp: { port: 5672, isSecure: false },
  amqps: { port: 5671, isSecure: true },
} as const;
/** Two beats missed and the connection counts as dead. */
const HEARTBEAT_S = 10;
const CONNECT_MS = 10_000;

/** Opens one connection to the broker of a connection: `amqp(s)://host[:port][/vhost]`, user and password by reference. */
export async function openConnection(context: TransportContext, use: string): Promise<ChannelModel> {
  const { connection } = context;
  const address = brokerAddress(connection, PROTOCOLS);
  const login = await basicCredentials(context, use);
  const model = await connect(
    {
      protocol: address.protocol,
      hostname: address.host,
      port: address.port,
      vhost: address.path === '' ? '/' : address.path,
      heartbeat: HEARTBEAT_S,
    },
    {
      timeout: CONNECT_MS,
      noDelay: true,
      ...(login && { credentials: credentials.plain(login.username.reveal(), login.password.reveal()) }),
      clientProperties: { connection_name: `tenon ${connection.name} (${use})` },
    },
  ).catch((error: unknown) => {
    throw isLoginRefused(error) ? loginRefused('the broker', ACCESS_REFUSED) : error;
  });
  // An emitter without this listener would end the process; `close` follows and says all that is needed.
  model.on('error', () => {});
  return model;
}

/** Of AMQP 0-9-1. */
const ACCESS_REFUSED = 403;

/** The client has the broker's code in its words alone. */
function isLoginRefused(error: unknown): boolean {
  return error instanceof Error && /^Handshake terminated by server: 403\b/.test(error.message);
}

/** The AMQP part of AsyncAPI bindings (0.3.0), as far as it is carried out. */
export interface AmqpBinding {
  readonly is?: 'queue' | 'routingKey';
  readonly exchange?: { readonly name?: string; readonly type?: string; readonly durable?: boolean };
  readonly queue?: { readonly name?: string; readonly durable?: boolean };
  readonly deliveryMode?: 1 | 2;
  readonly expiration?: number;
  readonly priority?: number;
  readonly mandatory?: boolean;
}

export function amqpBinding(bindings: Readonly<Record<string, unknown>>): AmqpBinding {
  // The contract's lint holds bindings against their schema.
  return (bindings['amqp'] ?? {}) as AmqpBinding;
}
