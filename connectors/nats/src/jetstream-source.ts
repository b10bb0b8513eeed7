import {
  AckPolicy,
  type Consumer,
  DeliverPolicy,
  JetStreamApiError,
  type JsMsg,
  jetstream,
  jetstreamManager,
} from '@nats-io/jetstream';
import { type NatsConnection, nanos } from '@nats-io/transport-node';
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
import { isForbidden, openConnection } from './open-connection.ts';

/** Of consumers made here: the server hands out again what was not acknowledged, or said to be in progress, for this long. */
const ACK_WAIT_MS = 10_000;

/**
 * Takes messages from a durable pull consumer (`plan.group`) of a stream (`plan.from`), those of the channel's subject.
 * While a message waits to be stored the server is told that it is in progress, however long that takes.
 *
 * Order: what an earlier session left unacknowledged comes again only after `ack_wait`, and newer messages would overtake it.
 * So where events have an order, a session first waits until that is over: the server then hands out the old ones first.
 */
export function jetStreamSource(context: SourceContext): Source {
  const { plan, clock } = context;
  const isOrdered = plan.events.some(({ orderBy }) => orderBy !== undefined);
  const loop = sourceLoop(context, session, problemOf);
  // `term` would only skip a message: JetStream has no dead letters.
  return { canReject: false, stop: () => loop.stop() };

  async function session(signal: AbortSignal, consuming: () => void): Promise<void> {
    const connection = await openConnection(context, 'consume');
    const ended = new AbortController();
    void connection.closed().then((error) => ended.abort(error ?? new Error('closed')));
    const underWay = new UnderWay();
    const over = AbortSignal.any([signal, ended.signal]);
    try {
      const consumer = await prepare(connection);
      const { num_ack_pending: pending, config } = await consumer.info();
      const ackWaitMs = (config.ack_wait ?? nanos(ACK_WAIT_MS)) / NANOS_PER_MS;
      if (pending > 0 && isOrdered) await oldOnesFirst(pending, ackWaitMs, over);
      const messages = await consumer.consume({ max_messages: plan.prefetchMax });
      void aborted(over).then(() => messages.close());
      consuming();
      void watchLag(context, async () => (await consumer.info()).num_pending, over);
      for await (const message of messages) {
        if (over.aborted) break;
        underWay.add(handle(message, ackWaitMs, over));
        await underWay.below(plan.prefetchMax, over);
      }
      if (!over.aborted) ended.abort(new ConsumerGone());
    } finally {
      await underWay.settled();
      await goodbye(clock, () =>
        signal.aborted && !ended.signal.aborted ? connection.drain() : connection.close(),
      );
    }
    if (!signal.aborted) throw ended.signal.reason;
  }

  async function prepare(connection: NatsConnection): Promise<Consumer> {
    const client = jetstream(connection);
    try {
      return await client.consumers.get(plan.from, plan.group);
    } catch (error) {
      if (!plan.create || !(isMissing(error, 'stream') || isMissing(error, 'consumer'))) throw error;
    }
    const manager = await jetstreamManager(connection);
    const subject = plan.address.replace(/\{[^}]+\}/g, '*');
    await manager.streams.info(plan.from).catch(async (error: unknown) => {
      if (!isMissing(error, 'stream')) throw error;
      await manager.streams.add({ name: plan.from, subjects: [subject] });
    });
    await manager.consumers.add(plan.from, {
      durable_name: plan.group,
      filter_subject: subject,
      ack_policy: AckPolicy.Explicit,
      ack_wait: nanos(ACK_WAIT_MS),
      max_ack_pending: plan.prefetchMax,
      deliver_policy: DeliverPolicy.All,
    });
    return client.consumers.get(plan.from, plan.group);
  }

  async function oldOnesFirst(pending: number, ackWaitMs: number, over: AbortSignal): Promise<void> {
    context.report(
      'connecting',
      `${pending} messages of an earlier session are waited for, so that none overtakes them`,
    );
    await sleep(clock, ackWaitMs + ACK_SLACK_MS, over);
  }

  async function handle(message: JsMsg, ackWaitMs: number, over: AbortSignal): Promise<void> {
    const settled = new AbortController();
    void keepInProgress(message, ackWaitMs / 4, AbortSignal.any([settled.signal, over]));
    const settlement = await context.deliver(incoming(message));
    settled.abort();
    // Both are written to the connection, or dropped with it: the server then hands the message out again.
    if (settlement === 'accepted') message.ack();
    else message.nak(RETURN_PAUSE_MS);
  }

  async function keepInProgress(message: JsMsg, everyMs: number, until: AbortSignal): Promise<void> {
    for (;;) {
      await sleep(clock, everyMs, until);
      if (until.aborted) return;
      message.working();
    }
  }
}

const RETURN_PAUSE_MS = 200;
const ACK_SLACK_MS = 500;
const NANOS_PER_MS = 1_000_000;

class ConsumerGone extends Error {}

/** `err_code` of the server's answers. */
const NOT_FOUND = { consumer: 10014, stream: 10059 } as const;

function isMissing(error: unknown, what: keyof typeof NOT_FOUND): boolean {
  return error instanceof JetStreamApiError && error.code === NOT_FOUND[what];
}

function problemOf(error: unknown): string | MessageRefused {
  if (isForbidden(error)) return new MessageRefused('permission', 'the server refuses access to the stream');
  if (isMissing(error, 'stream')) return 'the server has no such stream';
  if (isMissing(error, 'consumer')) return 'the stream has no consumer of that group';
  if (error instanceof ConsumerGone) return 'the consumer was deleted';
  return connectionProblem(error);
}

function incoming(message: JsMsg): IncomingMessage {
  const headers: Record<string, string> = {};
  for (const [name, values] of message.headers ?? []) headers[name.toLowerCase()] = values.join(', ');
  const contentType = headers['content-type'];
  return {
    id: headers['nats-msg-id'] ?? `${message.info.stream}:${message.seq}`,
    body: message.data,
    headers: { subject: message.subject, ...headers },
    redelivered: message.redelivered,
    ...(contentType !== undefined && { contentType }),
  };
}
