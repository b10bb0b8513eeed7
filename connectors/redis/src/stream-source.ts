import { RESP_TYPES } from '@redis/client';
import {
  answered,
  connectionProblem,
  goodbye,
  type IncomingMessage,
  type MessageRefused,
  type Source,
  type SourceContext,
  sourceLoop,
  UnderWay,
  watchLag,
} from '@tenon/connector';
import { type Client, openClient } from './open-client.ts';
import { refusal } from './refusal.ts';

/**
 * Takes entries from a stream (`plan.from`) as the one consumer of a group (`plan.group`). A session first reads what an earlier one
 * had taken and not acknowledged, then what is new, so entries come in the order of the stream. Reading waits on a
 * connection of its own: acknowledgements would stand behind it. One of the two that is silent, or lost, ends the session.
 */
export function streamSource(context: SourceContext): Source {
  const { plan, clock } = context;
  const loop = sourceLoop(context, session, problemOf);
  return { canReject: false, stop: () => loop.stop() };

  async function session(signal: AbortSignal, consuming: () => void): Promise<void> {
    const reader = await openClient(context, 'consume');
    const underWay = new UnderWay();
    const acks = await openClient(context, 'acknowledge').catch(async (error: unknown) => {
      await goodbye(clock, () => reader.close());
      throw error;
    });
    const stop = (): void => {
      if (reader.isOpen) reader.destroy();
    };
    signal.addEventListener('abort', stop, { once: true });
    const ended = new AbortController();
    let failure: unknown;
    const fail = (error: unknown): void => {
      failure ??= error;
      ended.abort();
      stop();
    };
    try {
      if (plan.create) await makeGroup(reader);
      let from = '0';
      void watchLag(context, () => behind(acks), ended.signal);
      while (!signal.aborted) {
        const room = plan.prefetchMax - underWay.size;
        const entries = await answered(clock, plan.everyMs + ANSWER_MS, read(reader, from, room));
        consuming();
        for (const [id, fields] of entries) underWay.add(handle(acks, id, fields, fail));
        // Old ones are listed by id; when there are no more, `>` asks for new ones.
        if (from !== '>') from = entries.length === 0 ? '>' : entries.at(-1)![0];
        await underWay.below(plan.prefetchMax, AbortSignal.any([signal, ended.signal]));
      }
    } catch (error) {
      if (!signal.aborted) throw failure ?? error;
    } finally {
      signal.removeEventListener('abort', stop);
      ended.abort();
      await underWay.settled();
      stop();
      await goodbye(clock, () => acks.close());
      if (acks.isOpen) acks.destroy();
    }
  }

  /** Entries that the group has not been given; a server before 7 does not say. */
  async function behind(client: Client): Promise<number> {
    const groups = await client.xInfoGroups(plan.from);
    const group = groups.find(({ name }) => String(name) === plan.group);
    if (group?.lag === undefined || group.lag === null) throw new Error('the server does not say');
    return Number(group.lag);
  }

  async function makeGroup(client: Client): Promise<void> {
    const made = client.xGroupCreate(plan.from, plan.group, '0', { MKSTREAM: true });
    await answered(clock, ANSWER_MS, made).catch((error: unknown) => {
      if (!(error instanceof Error && error.message.startsWith('BUSYGROUP'))) throw error;
    });
  }

  /** As bytes: a body need not be UTF-8. */
  async function read(
    client: Client,
    from: string,
    count: number,
  ): Promise<readonly (readonly [string, Fields])[]> {
    const command = [
      'XREADGROUP',
      'GROUP',
      plan.group,
      CONSUMER,
      'COUNT',
      String(count),
      'BLOCK',
      String(plan.everyMs),
      'STREAMS',
      plan.from,
      from,
    ];
    const reply = await client.sendCommand(command, {
      typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer },
    });
    // `[[stream, [[id, [field, value, …]], …]]]`, or nothing when the wait is over.
    const streams = reply as unknown as
      | readonly (readonly [Buffer, readonly (readonly [Buffer, readonly Buffer[] | null])[]])[]
      | null;
    return (streams?.[0]?.[1] ?? []).map(([id, flat]) => {
      const fields: Fields = new Map();
      for (let index = 0; flat !== null && index + 1 < flat.length; index += 2)
        fields.set(flat[index]!.toString(), flat[index + 1]!);
      return [id.toString(), fields] as const;
    });
  }

  async function handle(
    acks: Client,
    id: string,
    fields: Fields,
    fail: (error: unknown) => void,
  ): Promise<void> {
    const settlement = await context.deliver(incoming(plan.from, id, fields));
    // What is not acknowledged is read again by the next session, and by none before it.
    if (settlement === 'accepted')
      await answered(clock, ANSWER_MS, acks.xAck(plan.from, plan.group, id)).catch(fail);
    else fail(new Returned());
  }
}

type Fields = Map<string, Buffer>;

/** A server that is silent for longer than it was asked to wait counts as gone. */
const ANSWER_MS = 15_000;

/** One name for whichever process it is: the next one takes over what the last one had. */
const CONSUMER = 'tenon';

class Returned extends Error {}

function problemOf(error: unknown): string | MessageRefused {
  if (error instanceof Returned) return 'an entry could not be taken; it is read again';
  if (error instanceof Error && error.message.startsWith('NOGROUP'))
    return 'there is no such stream, or no such group at it';
  return refusal(error) ?? connectionProblem(error);
}

/** A field `body` is the message; without one, all fields are, as texts. */
function incoming(stream: string, id: string, fields: Fields): IncomingMessage {
  const headers: Record<string, string> = {};
  for (const [name, value] of fields) if (name !== 'body') headers[name.toLowerCase()] = value.toString();
  const body = fields.get('body');
  const contentType = headers['content-type'];
  return {
    id: headers['id'] ?? `${stream}:${id}`,
    body:
      body ??
      Buffer.from(
        JSON.stringify(Object.fromEntries([...fields].map(([name, value]) => [name, value.toString()]))),
      ),
    headers,
    redelivered: false,
    ...(contentType !== undefined && { contentType }),
  };
}
