import {
  ConnectionEnd,
  keptConnection,
  MessageRefused,
  messageTransport,
  type OutgoingMessage,
  type Publishing,
  type Transport,
  type TransportContext,
} from '@tenon/connector';
import { ErrorWithReasonCode, type MqttClient } from 'mqtt';
import { mqttBinding, openClient } from './open-client.ts';

const AT_LEAST_ONCE = 1;

/**
 * Publishes with QoS 1 or 2, as the contract's binding says (default 1): a call succeeds when the broker has acknowledged the
 * message. With QoS 0 nobody would say so, so it is refused. QoS 2 keeps a message from being doubled on its way within one
 * connection; after a lost one it is sent anew, so only its id (user property `message-id`) tells a repeat.
 */
export function mqttTransport(context: TransportContext): Transport {
  const kept = keptConnection<Connection>(
    context.clock,
    async () => {
      const client = await openClient(context, 'publish', { clean: true });
      const connection = { client, end: new ConnectionEnd() };
      client.on('close', () => {
        kept.lost(connection);
        connection.end.come(new Error('closed'));
      });
      return connection;
    },
    ({ client }) => client.endAsync(),
  );
  return messageTransport(context, { publish, close: () => kept.close() });

  async function publish(message: OutgoingMessage, { signal, sending }: Publishing): Promise<null> {
    const { qos = AT_LEAST_ONCE, retain = false } = mqttBinding(message.binding.bindings);
    if (qos === 0)
      throw new MessageRefused(
        'permanent',
        'its binding says QoS 0, which no broker acknowledges; nothing was sent',
        'notSent',
      );
    const { client, end } = await kept.get();
    signal.throwIfAborted();
    if (!client.connected)
      throw new MessageRefused('transient', 'the connection had just ended; nothing was sent', 'notSent');
    sending();
    try {
      await end.during(
        client.publishAsync(message.address, Buffer.from(message.body), {
          qos,
          retain,
          properties: {
            contentType: message.contentType,
            userProperties: {
              ...cloudEventNames(message.headers),
              ...(message.orderKey !== undefined && { 'order-key': message.orderKey }),
              'message-id': message.id,
            },
          },
        }),
      );
    } catch (error) {
      throw refusal(error) ?? error;
    }
    return null;
  }
}

interface Connection {
  readonly client: MqttClient;
  readonly end: ConnectionEnd;
}

/** The MQTT binding of CloudEvents writes attributes as user properties without a prefix. */
function cloudEventNames(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.replace(/^ce-/, ''), value]),
  );
}

/** MQTT 5 §2.4: reason codes from 0x80 on are refusals. */
const REASONS: Readonly<
  Record<number, readonly ['validation' | 'permission' | 'transient' | 'permanent', string]>
> = {
  131: ['permanent', 'implementation specific'],
  135: ['permission', 'not authorised'],
  144: ['validation', 'topic name invalid'],
  149: ['validation', 'packet too large'],
  151: ['transient', 'quota exceeded'],
  153: ['validation', 'payload format invalid'],
};

function refusal(error: unknown): MessageRefused | undefined {
  if (!(error instanceof ErrorWithReasonCode) || error.code < 128) return undefined;
  const [failureClass, words] = REASONS[error.code] ?? ['permanent', 'for a reason of its own'];
  return new MessageRefused(
    failureClass,
    `the broker refused the message: ${words} (${error.code})`,
    'answered',
    error.code,
  );
}
