import { basicCredentials, brokerAddress, loginRefused, type TransportContext } from '@tenon/connector';
import { connectAsync, ErrorWithReasonCode, type IClientOptions, type MqttClient } from 'mqtt';

const PROTOCOLS = {
  mqtt: { port: 1883, isSecure: false },
  mqtts: { port: 8883, isSecure: true },
} as const;
const CONNECT_MS = 10_000;
/** MQTT 5 §3.2.2.2: bad user name or password, not authorised, banned, bad authentication method. */
const LOGIN_REFUSED: ReadonlySet<number> = new Set([134, 135, 138, 140]);
const KEEPALIVE_S = 15;

/** `mqtt(s)://host[:port]`, MQTT 5. It does not reconnect by itself: what it would send again is not its to decide. */
export async function openClient(
  context: TransportContext,
  use: string,
  options: IClientOptions,
): Promise<MqttClient> {
  const address = brokerAddress(context.connection, PROTOCOLS);
  const login = await basicCredentials(context, use);
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  const client = await connectAsync(
    `${address.protocol}://${host}:${address.port}`,
    {
      protocolVersion: 5,
      reconnectPeriod: 0,
      connectTimeout: CONNECT_MS,
      keepalive: KEEPALIVE_S,
      queueQoSZero: false,
      ...options,
      ...(login && { username: login.username.reveal(), password: login.password.reveal() }),
    },
    false,
  ).catch((error: unknown) => {
    const isRefused = error instanceof ErrorWithReasonCode && LOGIN_REFUSED.has(error.code);
    throw isRefused ? loginRefused('the broker', error.code) : error;
  });
  // `close` follows, and says all that is needed; without a listener the process would end.
  client.on('error', () => {});
  return client;
}

export type Qos = 0 | 1 | 2;

/** Of the `mqtt` binding; at least once where the contract says nothing. */
export function mqttBinding(bindings: Readonly<Record<string, unknown>>): {
  readonly qos?: Qos;
  readonly retain?: boolean;
} {
  // The contract's lint holds bindings against their schema.
  return (bindings['mqtt'] ?? {}) as { qos?: Qos; retain?: boolean };
}
