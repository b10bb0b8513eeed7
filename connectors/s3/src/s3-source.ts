import {
  connectionProblem,
  type IncomingMessage,
  MessageRefused,
  type Source,
  type SourceContext,
  sourceLoop,
} from '@tenon/connector';
import { sleep } from '@tenon/model';
import { Agent } from 'undici';
import { type ListedObject, readListing } from './object-listing.ts';
import { prepareRequest, sendRequest } from './s3-request.ts';
import { refusalOf } from './s3-transport.ts';

const CONNECTIONS_MAX = 8;
/** A store dates an object by when its upload began, and shows it when that has ended: so far back is looked again. */
const OVERLAP_MS = 24 * 3_600_000;
/** Objects of the overlap that are remembered as stored; of what is forgotten the inbox still knows. */
const REMEMBERED_MAX = 50_000;
const PAGES_MAX = 10_000;
const ANSWER_MS = 60_000;

/**
 * Takes the objects under a prefix (`plan.from`), each as a message, oldest first. An object is known by its key and ETag, so
 * one that is put anew is another event, and one that is seen twice is not. The cursor is the time of the newest object that is
 * stored with all before it; it goes into the runtime's database with that object's event. Objects are left where they are.
 */
export function s3Source(context: SourceContext): Source {
  const { plan, clock, random } = context;
  const agent = new Agent({ connections: CONNECTIONS_MAX });
  /** Ids stored in this life, by which what the overlap shows again is not fetched again. */
  const stored = new Set<string>();
  const loop = sourceLoop(context, session, problemOf);
  return {
    canReject: false,
    stop: async () => {
      await loop.stop();
      await agent.close();
    },
  };

  async function session(signal: AbortSignal, consuming: () => void): Promise<void> {
    while (!signal.aborted) {
      const found = await newObjects(signal);
      consuming();
      for (let at = 0; at < found.length && !signal.aborted; at += plan.prefetchMax)
        await take(found.slice(at, at + plan.prefetchMax), signal);
      await sleep(clock, plan.everyMs * (0.5 + random.next()), signal);
    }
  }

  /** What is there since the cursor, in the order of its time. */
  async function newObjects(signal: AbortSignal): Promise<readonly ListedObject[]> {
    const fromMs = Number(context.cursor() ?? Number.NEGATIVE_INFINITY) - OVERLAP_MS;
    const found: ListedObject[] = [];
    let token: string | undefined;
    for (let page = 0; page < PAGES_MAX; page++) {
      const { bytes } = await get('', signal, {
        'list-type': '2',
        'encoding-type': 'url',
        prefix: plan.from,
        ...(token !== undefined && { 'continuation-token': token }),
      });
      const listing = readListing(bytes.toString());
      if (listing === undefined) throw new MessageRefused('contract', 'the store gave no listing');
      for (const object of listing.objects)
        if (object.modifiedMs >= fromMs && !stored.has(idOf(object)) && !object.key.endsWith('/'))
          found.push(object);
      if (listing.next === undefined)
        return found.sort((a, b) => a.modifiedMs - b.modifiedMs || (a.key < b.key ? -1 : 1));
      token = listing.next;
    }
    throw new MessageRefused('contract', `the prefix has more than ${PAGES_MAX} pages`);
  }

  /** All of them, the newest when the others are stored: it carries how far that is. */
  async function take(objects: readonly ListedObject[], signal: AbortSignal): Promise<void> {
    const messages = await Promise.all(objects.map((object) => incoming(object, signal)));
    const there = messages.filter((message) => message !== undefined);
    const last = there.at(-1);
    if (last === undefined) return;
    const before = await Promise.all(there.slice(0, -1).map((message) => context.deliver(message)));
    if (before.some((settlement) => settlement !== 'accepted')) throw new Returned();
    // What is found behind the cursor does not move it back.
    const cursorMs = Math.max(Number(context.cursor() ?? 0), objects.at(-1)!.modifiedMs);
    if ((await context.deliver({ ...last, cursor: String(cursorMs) })) !== 'accepted') throw new Returned();
    for (const object of objects) stored.add(idOf(object));
    for (const id of stored) {
      if (stored.size <= REMEMBERED_MAX) break;
      stored.delete(id);
    }
  }

  /** `undefined`: it has been deleted meanwhile. */
  async function incoming(object: ListedObject, signal: AbortSignal): Promise<IncomingMessage | undefined> {
    const parts = object.key.split('/');
    const known = {
      headers: {
        key: object.key,
        etag: object.etag,
        'last-modified': new Date(object.modifiedMs).toISOString(),
      },
      redelivered: false,
    };
    const held = (problem: string) => ({ ...known, id: idOf(object), body: new Uint8Array(), problem });
    // A URL would walk, and ask for another object.
    if (parts.some((part) => part === '.' || part === '..')) return held('no URL can name the object');
    const answer = await get(parts.map(encodeURIComponent).join('/'), signal).catch((error: unknown) => {
      if (error instanceof MessageRefused && HARMLESS.has(error.failureClass)) return error;
      throw error;
    });
    if (answer instanceof MessageRefused)
      return answer.failureClass === 'notFound' ? undefined : held(answer.message);
    const contentType = answer.headers['content-type'];
    return {
      ...known,
      // What was put anew between listing and reading is the newer one, and comes once.
      id: idOf({ ...object, etag: answer.headers['etag'] ?? object.etag }),
      body: answer.bytes,
      ...(contentType !== undefined && contentType !== 'application/octet-stream' && { contentType }),
    };
  }

  async function get(key: string, signal: AbortSignal, query?: Readonly<Record<string, string>>) {
    const prepared = await prepareRequest(context, { method: 'GET', key, ...(query && { query }) });
    const bounded = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]);
    const answer = await sendRequest(agent, prepared, bounded);
    const refused = refusalOf(answer.status);
    if (refused !== undefined) throw refused;
    return answer;
  }
}

/** What is wrong with one object, and must not keep the others: it is gone, or larger than is read. */
const HARMLESS = new Set(['notFound', 'contract']);

function idOf({ key, etag }: Pick<ListedObject, 'key' | 'etag'>): string {
  return `${key}@${etag.replaceAll('"', '')}`;
}

class Returned extends Error {}

function problemOf(error: unknown): string {
  if (error instanceof Returned) return 'an object could not be taken; it is read again';
  if (error instanceof MessageRefused) return error.message;
  return connectionProblem(error);
}
