import {
  keptConnection,
  MessageRefused,
  messageTransport,
  type OutgoingMessage,
  type Publishing,
  type Transport,
  type TransportContext,
} from '@tenon/connector';
import type { ChannelModel, ConfirmChannel } from 'amqplib';
import { type AmqpBinding, amqpBinding, openConnection } from './open-connection.ts';

interface Open {
  readonly model: ChannelModel;
  readonly channel: ConfirmChannel;
  readonly exchanges: Map<string, Promise<boolean>>;
  /** By message id: what to do when the broker hands a message back that no queue takes. */
  readonly unconfirmed: Map<string, () => void>;
  isBlocked: boolean;
}

/**
 * Publishes over one channel in confirm mode: a call succeeds once the broker has confirmed the message, that is, once
 * every queue it was routed to has it on disk. A message that no queue takes is handed back (`mandatory`) and counts as
 * refused. A connection that ends after the message was written and before its confirmation leaves it `lost`.
 */
export function amqpTransport(context: TransportContext): Transport {
  const kept = keptConnection(context.clock, open, ({ model }) => model.close());
  return messageTransport(context, { publish, close: () => kept.close() });

  async function open(): Promise<Open> {
    const model = await openConnection(context, 'publish');
    const channel = await model.createConfirmChannel();
    const here: Open = { model, channel, exchanges: new Map(), unconfirmed: new Map(), isBlocked: false };
    const lost = (): void => kept.lost(here);
    model.on('close', lost);
    // The broker closes a channel for one bad message; whatever else was on it is settled by its callbacks.
    channel.on('error', lost);
    channel.on('close', lost);
    channel.on('return', ({ properties }) => here.unconfirmed.get(String(properties.messageId))?.());
    model.on('blocked', () => {
      here.isBlocked = true;
    });
    model.on('unblocked', () => {
      here.isBlocked = false;
    });
    return here;
  }

  async function publish(message: OutgoingMessage, { signal, sending }: Publishing): Promise<null> {
    const binding = amqpBinding(message.binding.bindings);
    const { exchange, routingKey } = placeOf(binding, message.address);
    const here = await kept.get();
    if (!(await isThere(here, exchange)))
      throw new MessageRefused(
        'notFound',
        `the broker has no exchange ${exchange}; nothing was sent`,
        'notSent',
      );
    if (here.isBlocked)
      throw new MessageRefused(
        'transient',
        'the broker is low on memory or disk and takes nothing; nothing was sent',
        'notSent',
      );
    signal.throwIfAborted();
    await confirmed(here, exchange, routingKey, message, binding, sending);
    return null;
  }

  /** Publishing to an exchange that is not there would close the channel for all messages on it. */
  function isThere(here: Open, exchange: string): Promise<boolean> {
    if (exchange === '') return Promise.resolve(true);
    let known = here.exchanges.get(exchange);
    if (known === undefined) {
      known = exchangeExists(here.model, exchange);
      here.exchanges.set(exchange, known);
      const forget = (): void => void here.exchanges.delete(exchange);
      known.then((exists) => exists || forget(), forget);
    }
    return known;
  }
}

function placeOf(binding: AmqpBinding, address: string): { exchange: string; routingKey: string } {
  if (binding.is === 'queue') return { exchange: '', routingKey: binding.queue?.name ?? address };
  return { exchange: binding.exchange?.name ?? '', routingKey: address };
}

const NOT_FOUND = 404;

async function exchangeExists(model: ChannelModel, exchange: string): Promise<boolean> {
  const channel = await model.createChannel();
  channel.on('error', () => {});
  try {
    await channel.checkExchange(exchange);
    await channel.close();
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === NOT_FOUND) return false;
    throw error;
  }
}

const PERSISTENT = 2;

function confirmed(
  here: Open,
  exchange: string,
  routingKey: string,
  message: OutgoingMessage,
  binding: AmqpBinding,
  sending: () => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    sending();
    let isUnroutable = false;
    here.unconfirmed.set(message.id, () => {
      isUnroutable = true;
    });
    const settle = (error: unknown): void => {
      here.unconfirmed.delete(message.id);
      if (isUnroutable)
        reject(
          new MessageRefused(
            'notFound',
            `no queue takes what is sent to ${exchange || 'the default exchange'} as ${placeOf(binding, message.shownAddress).routingKey}`,
          ),
        );
      else if (error === null || error === undefined) resolve();
      // amqplib tells a negative confirmation from a channel that ended by this message alone.
      else if (error instanceof Error && error.message === 'message nacked')
        reject(new MessageRefused('transient', 'the broker could not take the message'));
      else reject(error);
    };
    const write = (): boolean =>
      here.channel.publish(
        exchange,
        routingKey,
        Buffer.from(message.body.buffer, message.body.byteOffset, message.body.byteLength),
        {
          messageId: message.id,
          contentType: message.contentType,
          headers: {
            ...message.headers,
            ...(message.orderKey !== undefined && { 'x-order-key': message.orderKey }),
          },
          timestamp: Math.floor(message.sentAtMs / 1000),
          deliveryMode: binding.deliveryMode ?? PERSISTENT,
          mandatory: binding.mandatory ?? true,
          ...(binding.priority !== undefined && { priority: binding.priority }),
          ...(binding.expiration !== undefined && { expiration: binding.expiration }),
        },
        settle,
      );
    try {
      write();
    } catch (error) {
      here.unconfirmed.delete(message.id);
      // The channel had ended before anything was written to it.
      const isClosed = error instanceof Error && error.name === 'IllegalOperationError';
      reject(
        isClosed
          ? new MessageRefused('transient', 'the connection had just ended; nothing was sent', 'notSent')
          : error,
      );
    }
  });
}
