import { JetStreamApiError, type JetStreamClient, jetstream } from '@nats-io/jetstream';
import { headers, type NatsConnection, NoRespondersError, RequestError } from '@nats-io/transport-node';
import {
  keptConnection,
  MessageRefused,
  messageTransport,
  type OutgoingMessage,
  type Publishing,
  type Transport,
  type TransportContext,
} from '@tenon/connector';
import type { Json } from '@tenon/model';
import { isSendingForbidden, openConnection } from './open-connection.ts';

interface Open {
  readonly connection: NatsConnection;
  readonly client: JetStreamClient;
}

/** The call's own deadline ends the wait; this is only above any of those. */
const ANSWER_MS_MAX = 600_000;

/**
 * Publishes to JetStream: a call succeeds once the stream has stored the message, and its result says where. The stream
 * drops a message whose id it has seen within its duplicate window, and says so (`duplicate`), so that within it a repeat is
 * harmless. A subject that no stream takes is refused; an answer that does not come leaves the message `lost`.
 */
export function jetStreamTransport(context: TransportContext): Transport {
  const kept = keptConnection<Open>(context.clock, open, ({ connection }) => connection.close());
  return messageTransport(context, { publish, close: () => kept.close() });

  async function open(): Promise<Open> {
    const connection = await openConnection(context, 'publish');
    const here = { connection, client: jetstream(connection) };
    void connection.closed().then(() => kept.lost(here));
    return here;
  }

  async function publish(message: OutgoingMessage, { signal, sending }: Publishing): Promise<Json> {
    const { client, connection } = await kept.get();
    signal.throwIfAborted();
    if (connection.isClosed())
      throw new MessageRefused('transient', 'the connection had just ended; nothing was sent', 'notSent');
    const fields = headers();
    fields.set('Content-Type', message.contentType);
    for (const [name, value] of Object.entries(message.headers)) fields.set(name, value);
    sending();
    try {
      const { stream, seq, duplicate } = await client.publish(message.address, message.body, {
        msgID: message.id,
        headers: fields,
        timeout: ANSWER_MS_MAX,
        retries: 0,
      });
      return { stream, sequence: seq, duplicate: duplicate === true };
    } catch (error) {
      throw refusal(error, message.shownAddress) ?? error;
    }
  }
}

/** Nobody listens on the subject. The client tells it as "jetstream is not enabled", with this as the cause. */
function isUnanswered(error: unknown): boolean {
  return error instanceof NoRespondersError || (error instanceof RequestError && error.isNoResponders());
}

function refusal(error: unknown, subject: string): MessageRefused | undefined {
  if (isUnanswered(error) || (error instanceof Error && isUnanswered(error.cause)))
    // So it is, too, while the stream of a cluster has no leader.
    return new MessageRefused('transient', `no stream takes ${subject}; nothing was stored`, 'notSent');
  if (isSendingForbidden(error))
    return new MessageRefused(
      'permission',
      `sending to ${subject} is not allowed; nothing was sent`,
      'notSent',
    );
  if (!(error instanceof JetStreamApiError)) return undefined;
  // 5xx: the stream is full, without leader or being moved; anything else is about this message.
  const failureClass = error.status >= 500 ? 'transient' : 'validation';
  return new MessageRefused(
    failureClass,
    `the stream refused the message (${error.code})`,
    'answered',
    error.status,
  );
}
