import {
  aborted,
  connectionProblem,
  goodbye,
  type IncomingMessage,
  MessageRefused,
  type Source,
  type SourceContext,
  sourceLoop,
  UnderWay,
  watchLag,
} from '@tenon/connector';
import { sleep } from '@tenon/model';
import type { Channel, ConsumeMessage } from 'amqplib';
import { amqpBinding, openConnection } from './open-connection.ts';

/**
 * Consumes one queue. Each message is acknowledged by itself once it is on our disk; what is not acknowledged when a
 * connection ends is the broker's to hand out again, in its old place. A session waits for the messages it handed on
 * before the next begins, so no more than `prefetchMax` are ever in memory.
 */
export function amqpSource(context: SourceContext): Source {
  const { plan, clock } = context;
  const loop = sourceLoop(context, session, problemOf);
  return { canReject: true, stop: () => loop.stop() };

  async function session(signal: AbortSignal, consuming: () => void): Promise<void> {
    const model = await openConnection(context, 'consume');
    const ended = new AbortController();
    const end = (reason: unknown): void => ended.abort(reason);
    model.on('close', (error) => end(error ?? new Error('closed')));
    const underWay = new UnderWay();
    try {
      const channel = await model.createChannel();
      channel.on('error', end);
      channel.on('close', () => end(new Error('closed')));
      await prepare(channel);
      await channel.prefetch(plan.prefetchMax);
      const { consumerTag } = await channel.consume(plan.from, (message) => {
        if (message === null) {
          end(new QueueGone());
          return;
        }
        underWay.add(handle(channel, message, ended.signal));
      });
      consuming();
      const over = AbortSignal.any([signal, ended.signal]);
      void watchLag(context, async () => (await channel.checkQueue(plan.from)).messageCount, over);
      await aborted(signal, ended.signal);
      if (!ended.signal.aborted) {
        await channel.cancel(consumerTag);
        await underWay.settled();
        await goodbye(clock, () => channel.close());
        return;
      }
    } finally {
      await underWay.settled();
      await goodbye(clock, () => model.close());
    }
    throw ended.signal.reason;
  }

  async function prepare(channel: Channel): Promise<void> {
    if (!plan.create) {
      await channel.checkQueue(plan.from);
      return;
    }
    const { exchange } = amqpBinding(plan.bindings);
    await channel.assertQueue(plan.from, { durable: true, arguments: { 'x-queue-type': 'quorum' } });
    if (exchange?.name === undefined || exchange.name === '') return;
    await channel.assertExchange(exchange.name, exchange.type ?? 'topic', {
      durable: exchange.durable ?? true,
    });
    await channel.bindQueue(plan.from, exchange.name, plan.address);
  }

  async function handle(channel: Channel, message: ConsumeMessage, ended: AbortSignal): Promise<void> {
    const settlement = await context.deliver(incoming(message));
    // It was not taken for now; at once it would come back at once.
    if (settlement === 'returned') await sleep(clock, RETURN_PAUSE_MS, ended);
    if (ended.aborted) return;
    try {
      if (settlement === 'accepted') channel.ack(message);
      else channel.nack(message, false, settlement === 'returned');
    } catch {
      // The channel ended in this moment: the broker hands the message out again, and the inbox knows it.
    }
  }
}

const RETURN_PAUSE_MS = 200;

class QueueGone extends Error {}

function problemOf(error: unknown): string | MessageRefused {
  if (error instanceof QueueGone) return 'the queue was deleted';
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 404) return 'the broker has no such queue';
  if (code === 403) return new MessageRefused('permission', 'the broker refuses access');
  return connectionProblem(error);
}

function incoming({ content, properties, fields }: ConsumeMessage): IncomingMessage {
  const headers: Record<string, string> = {};
  const add = (name: string, value: unknown): void => {
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
      headers[name.toLowerCase()] = String(value);
  };
  add('type', properties.type);
  add('routing-key', fields.routingKey);
  for (const [name, value] of Object.entries(properties.headers ?? {})) add(name, value);
  return {
    // Not a copy: amqplib hands out a buffer of its own for each message.
    body: content,
    headers,
    redelivered: fields.redelivered,
    ...(typeof properties.messageId === 'string' &&
      properties.messageId !== '' && { id: properties.messageId }),
    ...(typeof properties.contentType === 'string' && { contentType: properties.contentType }),
  };
}
