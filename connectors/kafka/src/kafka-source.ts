import { once } from 'node:events';
import {
  Admin,
  Consumer,
  type Message,
  type MessagesStream,
  MessagesStreamFallbackModes,
  MessagesStreamModes,
} from '@platformatic/kafka';
import {
  aborted,
  connectionProblem,
  goodbye,
  type IncomingMessage,
  loginRefused,
  type MessageRefused,
  type Source,
  type SourceContext,
  sourceLoop,
  UnderWay,
  watchLag,
} from '@tenon/connector';
import { isObject } from '@tenon/model';
import { brokerCode, isLoginRefused, UNKNOWN_TOPIC, unconnected } from './client-errors.ts';
import { clientOptions } from './client-options.ts';
import { SettledOffsets } from './settled-offsets.ts';

/** A member that is not heard of for this long has its partitions given to others. */
const SESSION_MS = 10_000;
const HEARTBEAT_MS = 2_000;
/** How long a new round waits for a member to join it: less than the client waits for its own answer. */
const REBALANCE_MS = 20_000;
const WAIT_MS = 1_000;
const FETCH_BYTES_MAX = 8 * 1024 * 1024;

/**
 * Takes records from a topic (`plan.from`) as a member of a group (`plan.group`). Offsets are committed once the event is on
 * our disk, and never past a record that is not.
 *
 * Each time the group shares its partitions out anew is a round: what is under way is settled and committed, and reading
 * begins again at the group's offsets. The membership outlives rounds, and connections that end: a member that came back as a
 * new one would have to wait until the old one counts as dead. Nothing here survives a crash but the offsets at the broker.
 */
export function kafkaSource(context: SourceContext): Source {
  const { plan, clock } = context;
  let member: Consumer | undefined;
  const loop = sourceLoop(context, session, problemOf);
  return {
    // A log has no dead letters.
    canReject: false,
    stop: async () => {
      await loop.stop();
      await leave();
    },
  };

  async function session(signal: AbortSignal, consuming: () => void): Promise<void> {
    const stop = aborted(signal);
    if (member === undefined) {
      if (plan.create) await createTopic();
      const joining = new Consumer({
        ...(await clientOptions(context, 'consume')),
        ...MEMBER,
        groupId: plan.group,
      });
      member = joining;
      // Held for good: else each stream that ends would take the topic, and with it the membership's peace, along.
      joining.topics.track(plan.from);
      // The client says so when it could not join a round again: it is in no group then, and does not try any more.
      joining.once('error', () => void leave());
    }
    const consumer = member;
    while (!signal.aborted && member === consumer) {
      const opened = await Promise.race([open(consumer), stop]);
      if (opened !== undefined) await round(consumer, opened, signal, consuming);
    }
    if (!signal.aborted) throw new MembershipLost();
  }

  async function open(consumer: Consumer): Promise<MessagesStream<Buffer, Buffer, Buffer, Buffer>> {
    // Said plainly here, where joining would only tell that nothing can be shared out.
    await consumer.metadata({ topics: [plan.from] });
    // With the first one the client joins the group.
    const stream = await consumer.consume({
      ...GROUP,
      topics: [plan.from],
      mode: MessagesStreamModes.COMMITTED,
      fallbackMode: MessagesStreamFallbackModes.EARLIEST,
      autocommit: false,
      maxWaitTime: WAIT_MS,
      maxBytes: FETCH_BYTES_MAX,
      highWaterMark: plan.prefetchMax,
    });
    // Whoever reads sees it; nobody may be reading when it comes.
    stream.on('error', () => {});
    return stream;
  }

  async function round(
    consumer: Consumer,
    stream: MessagesStream<Buffer, Buffer, Buffer, Buffer>,
    signal: AbortSignal,
    consuming: () => void,
  ): Promise<void> {
    const over = new AbortController();
    const ended = AbortSignal.any([signal, over.signal]);
    const endRound = (): void => over.abort();
    const underWay = new UnderWay();
    const offsets = new SettledOffsets();
    let isCommitting = false;
    let failure: unknown;
    const fail = (error: unknown): void => {
      failure ??= error;
      over.abort();
    };
    consumer.once('consumer:group:join', endRound);
    consumer.once('error', endRound);
    ended.addEventListener('abort', () => stream.destroy(), { once: true });
    try {
      await once(stream, 'offsets', { signal: ended });
      consuming();
      void watchLag(context, () => behind(consumer), ended);
      for await (const message of stream) {
        if (ended.aborted) break;
        underWay.add(handle(message));
        await underWay.below(plan.prefetchMax, ended);
      }
    } catch (error) {
      if (!ended.aborted) failure = error;
    } finally {
      await underWay.settled();
      await commit().catch(() => {
        // Whoever reads on reads these again, and the inbox knows them.
      });
      consumer.off('consumer:group:join', endRound);
      consumer.off('error', endRound);
      stream.destroy();
    }
    if (failure !== undefined && !signal.aborted) throw failure;

    async function handle(message: Message): Promise<void> {
      const settle = offsets.take(message.partition, message.offset, message.leaderEpoch);
      // A log cannot take a record back: it is read again from the offset of the group.
      if ((await context.deliver(incoming(message))) !== 'accepted') return fail(new Returned());
      settle();
      if (!isCommitting) await commit().catch(fail);
    }

    /** One at a time, each with all that has become committable since the last. */
    async function commit(): Promise<void> {
      isCommitting = true;
      try {
        for (let ready = offsets.drain(); ready.length > 0; ready = offsets.drain())
          await consumer.commit({ offsets: ready.map((one) => ({ ...one, topic: plan.from })) });
      } finally {
        isCommitting = false;
      }
    }
  }

  /** Records of our partitions that are not committed. */
  async function behind(consumer: Consumer): Promise<number> {
    const lag = await consumer.getLag({ topics: [plan.from] });
    // Of a partition that others read nothing is known, and a negative number says so.
    return (lag.get(plan.from) ?? []).reduce((sum, one) => sum + (one > 0n ? Number(one) : 0), 0);
  }

  /** Its partitions go to others at once. */
  async function leave(): Promise<void> {
    const leaving = member;
    member = undefined;
    if (leaving !== undefined) await goodbye(clock, () => leaving.close(true));
  }

  async function createTopic(): Promise<void> {
    const admin = new Admin(await clientOptions(context, 'create'));
    const kafka = plan.bindings['kafka'];
    const count = (name: 'partitions' | 'replicas'): number => {
      const value = isObject(kafka) ? kafka[name] : undefined;
      return typeof value === 'number' ? value : 1;
    };
    try {
      await admin.createTopics({
        topics: [plan.from],
        partitions: count('partitions'),
        replicas: count('replicas'),
      });
    } catch (error) {
      if (brokerCode(error) !== 'TOPIC_ALREADY_EXISTS') throw error;
    } finally {
      await goodbye(clock, () => admin.close());
    }
  }
}

const GROUP = { sessionTimeout: SESSION_MS, heartbeatInterval: HEARTBEAT_MS, rebalanceTimeout: REBALANCE_MS };
const MEMBER = { ...GROUP, autocommit: false };

class Returned extends Error {}
class MembershipLost extends Error {}

const PROBLEMS: Readonly<Record<string, string>> = {
  [UNKNOWN_TOPIC]: 'the cluster has no such topic',
  GROUP_AUTHORIZATION_FAILED: 'reading as this group is not allowed',
  TOPIC_AUTHORIZATION_FAILED: 'reading from the topic is not allowed',
};

function problemOf(error: unknown): string | MessageRefused {
  if (error instanceof Returned) return 'a record could not be taken; it is read again';
  if (error instanceof MembershipLost) return 'the group has let this member go; it joins again';
  if (isLoginRefused(error)) return loginRefused('the cluster');
  const code = brokerCode(error);
  const known = code !== undefined && Object.hasOwn(PROBLEMS, code) ? PROBLEMS[code] : undefined;
  if (known !== undefined) return known;
  const system = code ?? unconnected(error);
  return system === undefined ? connectionProblem(error) : `the connection failed (${system})`;
}

function incoming({ topic, partition, offset, key, value, headerEntries }: Message): IncomingMessage {
  const headers: Record<string, string> = { topic, partition: String(partition) };
  if (key !== undefined) headers['key'] = key.toString();
  for (const [name, text] of headerEntries) headers[name.toString().toLowerCase()] = text.toString();
  const contentType = headers['content-type'];
  return {
    id: headers['message-id'] ?? `${topic}:${partition}:${offset}`,
    // A tombstone: the key has no value any more.
    body: value ?? Buffer.from('null'),
    headers,
    redelivered: false,
    ...(contentType !== undefined && { contentType }),
  };
}
