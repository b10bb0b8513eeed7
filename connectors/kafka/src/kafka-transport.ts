import { ProduceAcks, Producer } from '@platformatic/kafka';
import {
  keptConnection,
  loginRefused,
  MessageRefused,
  messageTransport,
  type OutgoingMessage,
  type Publishing,
  type Transport,
  type TransportContext,
} from '@tenon/connector';
import type { FailureClass, Json } from '@tenon/model';
import { brokerCode, isLoginRefused, UNKNOWN_TOPIC, unconnected } from './client-errors.ts';
import { clientOptions } from './client-options.ts';

/** What one topic may be called; a parameter fills a part of it. */
const TOPIC_PART = /^[A-Za-z0-9_-]+$/;

/**
 * Publishes records: a call succeeds once every replica in sync has the record, and its result says where it is. The record's
 * key is the order key, so records of one are in one partition, in the order in which their calls were made. Records carry a
 * producer's id and sequence: what the client itself sends again after a leader has moved is written once. A second call is a
 * second record, under the same `message-id`. A broker that does not answer leaves the record `lost`.
 */
export function kafkaTransport(context: TransportContext): Transport {
  const kept = keptConnection<Producer>(context.clock, open, (producer) => producer.close());
  return messageTransport(context, { publish, close: () => kept.close() }, { parameter: TOPIC_PART });

  async function open(): Promise<Producer> {
    return new Producer({ ...(await clientOptions(context, 'publish')), acks: ProduceAcks.ALL });
  }

  async function publish(message: OutgoingMessage, { signal, sending }: Publishing): Promise<Json> {
    const producer = await kept.get();
    const { address: topic, shownAddress: shown } = message;
    try {
      await producer.metadata({ topics: [topic] });
    } catch (error) {
      throw unsent(error, shown) ?? error;
    }
    signal.throwIfAborted();
    sending();
    try {
      const { offsets } = await producer.send({
        // Said here and not to the producer, which would then try again without an end, long after the call has been given up.
        idempotent: true,
        messages: [
          {
            topic,
            ...(message.orderKey !== undefined && { key: Buffer.from(message.orderKey) }),
            value: Buffer.from(message.body),
            headers: headersOf(message),
            timestamp: BigInt(message.sentAtMs),
          },
        ],
      });
      const stored = offsets?.[0];
      if (stored === undefined) throw new Error('the broker has not said where the record is');
      // A partition would need longer than there are brokers to count past what a number holds.
      return { topic: stored.topic, partition: stored.partition, offset: Number(stored.offset) };
    } catch (error) {
      throw unsent(error, shown, 'unconnected') ?? refusal(error, shown) ?? error;
    }
  }
}

function headersOf({ id, contentType, headers }: OutgoingMessage): Map<Buffer, Buffer> {
  const all = { ...headers, 'content-type': contentType, 'message-id': id };
  return new Map(Object.entries(all).map(([name, value]) => [Buffer.from(name), Buffer.from(value)]));
}

/** Before the record itself was written. */
function unsent(error: unknown, topic: string, only?: 'unconnected'): MessageRefused | undefined {
  const code = unconnected(error);
  if (code !== undefined)
    return new MessageRefused(
      'transient',
      `the cluster cannot be reached (${code}); nothing was sent`,
      'notSent',
    );
  if (only !== undefined) return undefined;
  if (isLoginRefused(error)) return loginRefused('the cluster');
  const refused = refusal(error, topic);
  return refused && new MessageRefused(refused.failureClass, refused.message, 'notSent');
}

/**
 * Answers after which the record is certainly not in the log. Not among them: NOT_ENOUGH_REPLICAS_AFTER_APPEND and
 * REQUEST_TIMED_OUT, with which a leader says that it has the record, and whoever leads next may not.
 */
const REFUSALS: Readonly<Record<string, readonly [FailureClass, string]>> = {
  [UNKNOWN_TOPIC]: ['notFound', 'the cluster has no such topic'],
  INVALID_TOPIC_EXCEPTION: ['permanent', 'the topic has no valid name'],
  MESSAGE_TOO_LARGE: ['validation', 'the record is larger than the topic takes'],
  RECORD_LIST_TOO_LARGE: ['validation', 'the record is larger than the topic takes'],
  INVALID_RECORD: ['validation', 'the broker does not take such a record'],
  CORRUPT_MESSAGE: ['transient', 'the record came to the broker damaged'],
  TOPIC_AUTHORIZATION_FAILED: ['permission', 'writing to the topic is not allowed'],
  CLUSTER_AUTHORIZATION_FAILED: ['permission', 'writing to the cluster is not allowed'],
  NOT_ENOUGH_REPLICAS: ['transient', 'too few replicas are in sync'],
  NOT_LEADER_OR_FOLLOWER: ['transient', 'the partition has moved'],
  LEADER_NOT_AVAILABLE: ['transient', 'the partition has no leader for now'],
  KAFKA_STORAGE_ERROR: ['transient', 'the broker could not write'],
  OUT_OF_ORDER_SEQUENCE_NUMBER: ['transient', 'an earlier record of this producer is missing'],
  INVALID_PRODUCER_EPOCH: ['transient', 'another producer has taken over'],
};

function refusal(error: unknown, topic: string): MessageRefused | undefined {
  const code = brokerCode(error);
  const known = code !== undefined && Object.hasOwn(REFUSALS, code) ? REFUSALS[code] : undefined;
  return known && new MessageRefused(known[0], `${topic}: ${known[1]} (${code})`);
}
