import { RESP_TYPES } from '@redis/client';
import {
  connectionProblem,
  goodbye,
  type IncomingMessage,
  type Source,
  type SourceContext,
  sourceLoop,
  UnderWay,
  watchLag,
} from '@tenon/connector';
import { type Client, openClient } from './open-client.ts';

/**
 * Takes entries from a stream (`plan.from`) as the one consumer of a group (`plan.group`). A session first reads what an earlier one
 * had taken and not acknowledged, then what is new, so entries come in the order of the stream. Reading waits on a
 * connection of its own: acknowledgements would stand behind it.
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
    const stop = (): void => reader.destroy();
    signal.addEventListener('abort', stop, { once: true });
    const ended = new AbortController();
    try {
      if (plan.create) await makeGroup(reader);
      let from = '0';
      void watchLag(context, () => behind(acks), ended.signal);
      while (!signal.aborted) {
        const room = plan.prefetchMax - underWay.size;
        const entries = await read(reader, from, room);
        consuming();
        for (const [id, fields] of entries) underWay.add(handle(acks, id, fields));
        // Old ones are listed by id; when there are no more, `>` asks for new ones.
        if (from !== '>') from = entries.length === 0 ? '>' : entries.at(-1)![0];
        await underWay.below(plan.prefetchMax, signal);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      signal.removeEventListener('abort', stop);
      ended.abort();
      await underWay.settled();
      if (reader.isOpen) reader.destroy();
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
    await client.xGroupCreate(plan.from, plan.group, '0', { MKSTREAM: true }).catch((error: unknown) => {
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

  async function handle(acks: Client, id: string, fields: Fields): Promise<void> {
    const settlement = await context.deliver(incoming(plan.from, id, fields));
    // What is not acknowledged is read again by the next session.
    if (settlement === 'accepted') await acks.xAck(plan.from, plan.group, id).catch(() => {});
  }
}

type Fields = Map<string, Buffer>;

/** One name for whichever process it is: the next one takes over what the last one had. */
const CONSUMER = 'tenon';

function problemOf(error: unknown): string {
  if (error instanceof Error && error.message.startsWith('NOGROUP'))
    return 'there is no such stream, or no such group at it';
  return connectionProblem(error);
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
