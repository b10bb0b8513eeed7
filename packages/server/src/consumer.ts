import {
  connectionProblem,
  type IncomingMessage,
  readMessage,
  type Settlement,
  type Source,
  type SourceContext,
  type SourcePlan,
  type SourceState,
} from '@tenon/connector';
import {
  type Clock,
  type Failure,
  type FailureClass,
  newId,
  type Random,
  sleep,
  withClass,
} from '@tenon/model';
import type { IncomingEvent, Runtime } from '@tenon/runtime';

/** What is known of one consumer, for health answers and logs. No payloads. */
export interface ConsumerStatus {
  readonly connection: string;
  readonly from: string;
  readonly events: readonly string[];
  /** `paused`: connected, and the runtime takes no more for now. */
  readonly state: SourceState | 'paused';
  /** When it began to be consuming, or not to be, whatever the problem is by now. */
  readonly sinceMs: number;
  /** Why it is not consuming, or what is amiss though it is, in one sentence. */
  readonly problem?: string;
  /** What a call would fail with over the same, while it is not consuming: `auth` and `permission` are for a person to mend. */
  readonly problemClass?: FailureClass;
  /** Since when there has been one, whatever it was. */
  readonly problemSinceMs?: number;
  /** Messages out to us and not yet settled. */
  readonly inFlight: number;
  /** Messages that wait at the broker, as last seen there; absent where it does not say. */
  readonly lag?: number;
  readonly lastAtMs?: number;
  readonly counts: Readonly<Record<ConsumerCount, number>>;
}

/** `accepted`: new ones; `duplicate`: known to the inbox; `quarantined`: held with an owner; `unheard`: skipped on purpose. */
export type ConsumerCount = 'accepted' | 'duplicate' | 'quarantined' | 'rejected' | 'unheard' | 'returned';

export interface ConsumerOptions {
  readonly connection: string;
  readonly plan: SourcePlan;
  readonly runtime: Pick<Runtime, 'accept' | 'cursor' | 'keepCursor' | 'misfit'>;
  readonly clock: Clock;
  readonly random: Random;
  /** Makes the connector's source; it begins to deliver at once. */
  source(
    context: Pick<SourceContext, 'plan' | 'cursor' | 'keepCursor' | 'deliver' | 'misfit' | 'report' | 'lag'>,
  ): Source;
  log(event: {
    readonly code: string;
    readonly message: string;
    readonly connection: string;
    readonly event?: string;
  }): void;
}

export interface Consumer {
  /** How often a source that has to ask does so. */
  readonly everyMs: number;
  status(): ConsumerStatus;
  /** Takes no more; what is being stored is stored and acknowledged, the rest stays with the broker. */
  stop(): Promise<void>;
}

/** How long a refused message waits before it is offered again, where the runtime names no time. */
const REFUSED_PAUSE_MS = 1_000;

/**
 * One place's messages, taken into the runtime.
 *
 * ```
 * message → read → accept ──→ on disk ─→ accepted (the broker may forget it)
 *             │       └─ refused (full, stopping) ─→ paused: wait, offer again; stopping: returned
 *             └─ not what the contract describes ─→ quarantine: accept as such, with an owner ─→ accepted
 * ```
 * Nothing is acknowledged before `accept` has resolved, so a crash at any point means that the broker hands the message
 * out again; the inbox knows it by its delivery id. Messages with one order key go one after another: while one is
 * refused, none behind it is offered. What is in memory is bounded by the source's prefetch. Nothing of it survives a
 * crash, and nothing has to.
 */
export function consume(options: ConsumerOptions): Consumer {
  const { connection, plan, runtime, clock, random } = options;
  /** The last message of each order key that is on its way. */
  const lanes = new Map<string, Promise<unknown>>();
  const counts: Record<ConsumerCount, number> = {
    accepted: 0,
    duplicate: 0,
    quarantined: 0,
    rejected: 0,
    unheard: 0,
    returned: 0,
  };
  const stopping = new AbortController();
  let inFlight = 0;
  let refused = 0;
  let lastAtMs: number | undefined;
  let lag: number | undefined;
  let state: SourceState = 'connecting';
  let problem: string | undefined;
  let problemClass: FailureClass | undefined;
  let problemSinceMs: number | undefined;
  let sinceMs = clock.now();
  let isIdReported = false;

  /** Of the source, and of where its deliveries come from. */
  const name = `${connection}/${plan.from}`;
  const cursor = (): string | undefined => runtime.cursor(name);
  const keepCursor = (value: string): Promise<boolean> => runtime.keepCursor(name, value);
  const source = options.source({ plan, cursor, keepCursor, deliver, misfit, report, lag: seen });
  return { everyMs: plan.everyMs, status, stop };

  async function deliver(message: IncomingMessage): Promise<Settlement> {
    inFlight++;
    lastAtMs = clock.now();
    try {
      const settlement = await settle(message);
      if (settlement !== 'accepted') counts[settlement]++;
      return settlement;
    } catch (error) {
      // A broken invariant of ours: the broker keeps the message, and the operator hears of it.
      options.log({ code: 'CONSUMER_FAILED', message: connectionProblem(error), connection });
      counts.returned++;
      // What broke now breaks again at once: a source that hands it out anew must not spin.
      await sleep(clock, REFUSED_PAUSE_MS, stopping.signal);
      return 'returned';
    } finally {
      inFlight--;
    }
  }

  function misfit(message: IncomingMessage): string | undefined {
    const read = readMessage(plan, message);
    if (read.as === 'unheard') return undefined;
    const failure =
      read.as === 'invalid' ? read.failure : runtime.misfit(read.event.name, read.payload, read.headers);
    return failure?.message;
  }

  async function settle(message: IncomingMessage): Promise<Settlement> {
    const read = readMessage(plan, message);
    if (read.as === 'unheard' && message.cursor === undefined) {
      counts.unheard++;
      return 'accepted';
    }
    const { event, payload, traceparent } = read;
    if (read.as === 'invalid' && plan.invalid === 'reject' && source.canReject) {
      options.log({ ...read.failure, connection, event: event.name });
      return 'rejected';
    }
    const incoming: IncomingEvent = {
      event: event.name,
      payload,
      ...(read.headers && { headers: read.headers }),
      deliveryId: read.deliveryId ?? ownId(),
      source: name,
      ...(traceparent !== undefined && { traceparent }),
      ...(plan.poll !== undefined && { isListed: true }),
      ...(message.cursor !== undefined && { cursor: { name, value: message.cursor } }),
      invalid: read.as === 'invalid' ? read.failure : policy(),
    };
    const orderKey = read.as === 'event' ? read.orderKey : undefined;
    // One that nobody listens to starts nothing; how far the source has come with it is stored all the same.
    const isHeard = read.as !== 'unheard';
    return orderKey === undefined
      ? offer(incoming, isHeard)
      : inLane(orderKey, () => offer(incoming, isHeard));
  }

  /** A broker without dead letters of its own cannot be left with the message. */
  function policy(): NonNullable<IncomingEvent['invalid']> {
    return plan.invalid === 'reject' && source.canReject ? 'refuse' : 'quarantine';
  }

  async function offer(incoming: IncomingEvent, isHeard: boolean): Promise<Settlement> {
    while (!stopping.signal.aborted) {
      const result = await runtime.accept(incoming);
      if (result.ok) {
        if (isHeard) count(result, incoming);
        else counts.unheard++;
        return 'accepted';
      }
      const { failure } = result;
      if (failure.class === 'contract' || failure.class === 'validation') {
        options.log({ code: failure.code, message: failure.message, connection, event: incoming.event });
        if (source.canReject) return 'rejected';
        // No pipeline listens any more: the broker keeps it, and is not asked again at once.
        await sleep(clock, REFUSED_PAUSE_MS, stopping.signal);
        return 'returned';
      }
      await pause(failure);
    }
    return 'returned';
  }

  async function pause(failure: Failure): Promise<void> {
    if (refused++ === 0)
      options.log({ code: failure.code, message: `${failure.message}; paused`, connection });
    const pauseMs = failure.retryAfterMs ?? REFUSED_PAUSE_MS;
    await sleep(clock, pauseMs / 2 + (random.next() * pauseMs) / 2, stopping.signal);
    refused--;
  }

  function count(
    result: Awaited<ReturnType<Runtime['accept']>> & { ok: true },
    incoming: IncomingEvent,
  ): void {
    if (result.duplicateDelivery) counts.duplicate++;
    else if (result.quarantined === undefined) counts.accepted++;
    else {
      counts.quarantined++;
      const { code, message } = result.quarantined;
      options.log({ code, message: `${message}; held in quarantine`, connection, event: incoming.event });
    }
  }

  /** One after another, in the order in which they came. */
  async function inLane(key: string, work: () => Promise<Settlement>): Promise<Settlement> {
    const before = lanes.get(key);
    const mine = before === undefined ? work() : before.then(work, work);
    lanes.set(key, mine);
    try {
      return await mine;
    } finally {
      if (lanes.get(key) === mine) lanes.delete(key);
    }
  }

  /** Without an id of the sender or broker a redelivery cannot be told from a new message: the business key must. */
  function ownId(): string {
    if (!isIdReported)
      options.log({
        code: 'DELIVERY_ID_ABSENT',
        message: `messages from ${plan.from} carry no id: repeats are told by the business key alone`,
        connection,
      });
    isIdReported = true;
    return `own:${newId(clock, random)}`;
  }

  function report(next: SourceState, why?: string, whyClass?: FailureClass): void {
    const isNews = next !== state || why !== problem;
    if (next !== state) sinceMs = clock.now();
    state = next;
    problemSinceMs = why === undefined ? undefined : (problemSinceMs ?? clock.now());
    problem = why;
    problemClass = whyClass;
    if (!isNews) return;
    const because = why === undefined ? '' : `: ${withClass(why, whyClass)}`;
    options.log({
      code: `SOURCE_${next.toUpperCase()}`,
      message: `${plan.from} is ${next}${because}`,
      connection,
    });
  }

  function seen(messages: number): void {
    lag = messages;
  }

  function status(): ConsumerStatus {
    return {
      connection,
      from: plan.from,
      events: plan.events.filter(({ isHeard }) => isHeard).map(({ name }) => name),
      state: state === 'consuming' && refused > 0 ? 'paused' : state,
      sinceMs,
      ...(problem !== undefined && { problem }),
      ...(problemClass !== undefined && { problemClass }),
      ...(problemSinceMs !== undefined && { problemSinceMs }),
      inFlight,
      ...(lag !== undefined && { lag }),
      ...(lastAtMs !== undefined && { lastAtMs }),
      counts: { ...counts },
    };
  }

  async function stop(): Promise<void> {
    stopping.abort();
    await source.stop();
    report('stopped');
  }
}
