import { atPointer, canonicalJson, type Failure, type Json, sleep } from '@tenon/model';
import { MessageRefused } from './message/message-transport.ts';
import { pagesLookingBack } from './pages.ts';
import { cursorText, isAfter } from './poll-cursor.ts';
import { pollInput } from './poll-input.ts';
import type { Source, SourceContext } from './source.ts';
import { sourceLoop, UnderWay } from './source-loop.ts';

/**
 * Asks a listing operation for what has changed, again and again, and delivers each item as an event.
 *
 * An item is known by its id and its cursor value, so a listing that is read twice delivers the same events under the same
 * delivery ids. The cursor moves only when a whole listing has been stored, in one transaction with the last of its items
 * (by cursor value): a crash before that reads the listing again from where it began, and the inbox knows what it has.
 */
export function pollSource(context: SourceContext): Source {
  const { plan, clock, random } = context;
  const loop = sourceLoop(context, session, (error) =>
    error instanceof ListingFailed
      ? new MessageRefused(error.failure.class, problemOf(error.failure))
      : 'the listing could not be read',
  );
  return { canReject: false, stop: () => loop.stop() };

  async function session(signal: AbortSignal, consuming: (problem?: string) => void): Promise<void> {
    while (!signal.aborted) {
      const moved = await listing(signal);
      // One that moved is no broken connection: what was seen of it is taken, and to ask sooner would not mend it.
      consuming(moved && `${problemOf(moved)}; listed again from the same place`);
      // Between a half and one and a half of the time, so that many processes do not ask at the same moment.
      await sleep(clock, plan.everyMs * (0.5 + random.next()), signal);
    }
  }

  function problemOf(failure: Failure): string {
    return `${plan.from}: ${failure.message}`;
  }

  /** Gives the failure of one that moved while it was read, and leaves the cursor where it is: the rest is still to be listed. */
  async function listing(signal: AbortSignal): Promise<Failure | undefined> {
    const { poll } = plan;
    if (!poll || !context.transport) throw new Error('a poll needs an operation and a transport');
    const underWay = new UnderWay();
    let areAllStored = true;
    const add = (item: Json, cursor?: string): void => {
      underWay.add(
        context.deliver(incoming(poll.key, poll.cursor.from, item, cursor)).then((settlement) => {
          if (settlement !== 'accepted') areAllStored = false;
        }),
      );
    };
    let last: { readonly item: Json; readonly cursor: string } | undefined;
    const request = { operation: poll.operation, input: pollInput(poll, context.cursor()), signal };
    let moved: Failure | undefined;
    const knownBy = (item: Json): string =>
      incoming(poll.key, poll.cursor.from, item, undefined).id ?? canonicalJson(item);
    for await (const page of pagesLookingBack(context.transport, request, knownBy)) {
      if (!page.ok && page.failure.code === 'PAGES_MOVED') moved = page.failure;
      else if (!page.ok) throw new ListingFailed(page.failure);
      if (!page.ok) break;
      for (const item of page.items) {
        const cursor = cursorText(atPointer(item, poll.cursor.from));
        // The furthest is kept back: it carries the cursor, once all others are stored.
        const isFurthest = cursor !== undefined && (last === undefined || isAfter(cursor, last.cursor));
        const now = isFurthest ? last?.item : item;
        if (isFurthest) last = { item, cursor };
        if (now !== undefined) add(now);
        await underWay.below(plan.prefetchMax, signal);
        if (signal.aborted) break;
      }
      if (signal.aborted) break;
    }
    await underWay.settled();
    if (last !== undefined) {
      // What may not have been seen is listed again from where this began.
      const isWhole = areAllStored && moved === undefined && !signal.aborted;
      add(last.item, isWhole ? last.cursor : undefined);
      await underWay.settled();
    }
    return moved;
  }
}

class ListingFailed extends Error {
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure.code);
    this.failure = failure;
  }
}

function incoming(key: string, from: string, item: Json, cursor: string | undefined) {
  const id = cursorText(atPointer(item, key));
  const at = cursorText(atPointer(item, from));
  return {
    body: Buffer.from(JSON.stringify(item)),
    contentType: 'application/json',
    headers: {},
    redelivered: false,
    // The same item changed again is another event.
    ...(id !== undefined && { id: `${id}@${at ?? ''}` }),
    ...(cursor !== undefined && { cursor }),
  };
}
