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
import { type Client, openClient } from './open-client.ts';
import { refusal } from './refusal.ts';

/**
 * Adds an entry unless its id is known: one script, so nothing comes between the look and the entry. The ids of a stream
 * stand beside it, in the same slot of a cluster. KEYS: stream, id. ARGV: how long ids are kept (ms), then the fields.
 */
const ADD_ONCE = `
local known = redis.call('GET', KEYS[2])
if known then return {known, 1} end
local entry = redis.call('XADD', KEYS[1], '*', unpack(ARGV, 2))
redis.call('SET', KEYS[2], entry, 'PX', ARGV[1])
return {entry, 0}`;

const KEEP_IDS_MS = 7 * 24 * 60 * 60 * 1000;

/**
 * Adds entries to streams: fields `id`, `content-type`, `body`, and headers under their names. A call succeeds when Redis has
 * answered; whether that means "on disk" is for its `appendfsync` to say. A repeat within the time that ids are kept adds
 * nothing and gives the entry there is (`duplicate`).
 */
export function streamTransport(context: TransportContext): Transport {
  const kept = keptConnection<Client>(
    context.clock,
    async () => {
      const client = await openClient(context, 'publish');
      client.on('error', () => kept.lost(client));
      client.on('end', () => kept.lost(client));
      return client;
    },
    (client) => client.close(),
  );
  return messageTransport(context, { publish, close: () => kept.close() });

  async function publish(message: OutgoingMessage, { signal, sending }: Publishing): Promise<Json> {
    const client = await kept.get();
    signal.throwIfAborted();
    if (!client.isReady)
      throw new MessageRefused('transient', 'the connection had just ended; nothing was sent', 'notSent');
    const { idempotency } = message.operation;
    const keepMs = (idempotency.mode === 'header' ? idempotency.retentionMs : undefined) ?? KEEP_IDS_MS;
    const fields = {
      ...message.headers,
      ...(message.orderKey !== undefined && { 'order-key': message.orderKey }),
      id: message.id,
      'content-type': message.contentType,
      body: Buffer.from(message.body).toString(),
    };
    sending();
    try {
      const answer = await client.eval(ADD_ONCE, {
        keys: [message.address, `{${message.address}}:tenon:${message.id}`],
        arguments: [String(keepMs), ...Object.entries(fields).flat()],
      });
      // What the script `ADD_ONCE` returns.
      const [entry, duplicate] = answer as unknown as readonly [string, number];
      return { stream: message.address, entry, duplicate: duplicate === 1 };
    } catch (error) {
      throw refusal(error) ?? error;
    }
  }
}
