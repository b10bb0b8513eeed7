import type { BaseOptions } from '@platformatic/kafka';
import { basicCredentials, brokerAddress, MessageRefused, type TransportContext } from '@tenon/connector';

const PROTOCOLS = {
  kafka: { port: 9092, isSecure: false },
  kafkas: { port: 9093, isSecure: true },
} as const;
const MECHANISMS = {
  plain: 'PLAIN',
  'scram-sha-256': 'SCRAM-SHA-256',
  'scram-sha-512': 'SCRAM-SHA-512',
} as const;
const CONNECT_MS = 10_000;
const ANSWER_MS = 30_000;
const METADATA_MS = 30_000;
/** Requests that one connection carries at a time. Brokers keep them in order. */
const IN_FLIGHT_MAX = 128;

/**
 * `kafka(s)://host[:port]`: a broker to ask for the others. `?login=scram-sha-256|scram-sha-512|plain` says how to log in
 * where the connection has credentials. Nothing is tried again by the client: whether to is its caller's to decide.
 */
export async function clientOptions(context: TransportContext, use: string): Promise<BaseOptions> {
  const { connection } = context;
  const address = brokerAddress(connection, PROTOCOLS);
  const login = await basicCredentials(context, use);
  const wanted = address.parameters.get('login') ?? 'plain';
  if (!Object.hasOwn(MECHANISMS, wanted))
    throw new MessageRefused(
      'permanent',
      `login of connection ${connection.name} is none of ${Object.keys(MECHANISMS).join(', ')}; nothing was sent`,
      'notSent',
    );
  return {
    clientId: `tenon-${connection.name}-${use}`,
    bootstrapBrokers: [{ host: address.host, port: address.port }],
    retries: 0,
    timeout: ANSWER_MS,
    connectTimeout: CONNECT_MS,
    maxInflights: IN_FLIGHT_MAX,
    metadataMaxAge: METADATA_MS,
    autocreateTopics: false,
    ...(address.isSecure && { tls: {}, tlsServerName: true }),
    ...(login && {
      sasl: {
        // Looked at above.
        mechanism: MECHANISMS[wanted as keyof typeof MECHANISMS],
        username: login.username.reveal(),
        password: login.password.reveal(),
      },
    }),
  };
}
