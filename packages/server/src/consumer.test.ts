import type { IncomingMessage, SourceContext, SourcePlan } from '@tenon/connector';
import { systemClock, systemRandom } from '@tenon/model';
import type { AcceptResult, IncomingEvent } from '@tenon/runtime';
import { describe, expect, it } from 'vitest';
import { type ConsumerOptions, consume } from './consumer.ts';

const plan: SourcePlan = {
  connector: 'bus',
  contract: { name: 'bus', version: '1.0.0', digest: 'sha256:0' },
  transport: 'bus',
  channel: 'orders',
  from: 'orders',
  address: 'orders',
  group: 'tenon',
  prefetchMax: 10,
  create: false,
  invalid: 'quarantine',
  everyMs: 1_000,
  bindings: {},
  events: [
    { name: 'bus.placed', contentType: 'application/json', id: 'message', isHeard: true, orderBy: '/key' },
  ],
};
const stored: AcceptResult = { ok: true, duplicateDelivery: false, runs: [] };
const full: AcceptResult = {
  ok: false,
  failure: {
    class: 'transient',
    code: 'RUNTIME_BACKLOG_FULL',
    message: 'full',
    delivery: 'notSent',
    retryAfterMs: 10,
  },
};
const wrong: AcceptResult = {
  ok: false,
  failure: { class: 'contract', code: 'EVENT_PAYLOAD_INVALID', message: 'wrong', delivery: 'notSent' },
};

function open(
  accept: (event: IncomingEvent) => Promise<AcceptResult>,
  more: {
    readonly plan?: Partial<SourcePlan>;
    readonly canReject?: boolean;
    readonly clock?: ConsumerOptions['clock'];
    readonly misfit?: ConsumerOptions['runtime']['misfit'];
  } = {},
) {
  let context: Pick<SourceContext, 'deliver' | 'misfit' | 'report'> | undefined;
  const logged: Parameters<ConsumerOptions['log']>[0][] = [];
  const consumer = consume({
    connection: 'bus',
    plan: { ...plan, ...more.plan },
    runtime: {
      accept,
      cursor: () => undefined,
      keepCursor: async () => true,
      misfit: more.misfit ?? (() => undefined),
    },
    clock: more.clock ?? systemClock,
    random: systemRandom,
    source: (given) => {
      context = given;
      return { canReject: more.canReject ?? true, stop: async () => {} };
    },
    log: (event) => logged.push(event),
  });
  return { consumer, logged, ...context! };
}

function message(body: object, id: string | undefined = 'm1'): IncomingMessage {
  return {
    body: Buffer.from(JSON.stringify(body)),
    headers: {},
    redelivered: false,
    ...(id !== '' && { id }),
  };
}

describe('a message that is asked about', () => {
  it('is held against the contract as it would be when it is taken, and nothing is stored', () => {
    const { misfit } = open(() => Promise.reject(new Error('it was taken')), {
      misfit: (event, payload) =>
        event === 'bus.placed' && JSON.stringify(payload) === '{"id":1}' ? undefined : wrong.failure,
    });
    expect(misfit!(message({ id: 1 }))).toBeUndefined();
    expect(misfit!(message({ id: 'x' }))).toBe('wrong');
    expect(misfit!({ ...message({}), problem: 'line 3 is no row' })).toContain('line 3 is no row');
  });
});

describe('a message taken in', () => {
  it('is settled only when accept has resolved, under connection and place', async () => {
    const gate = Promise.withResolvers<AcceptResult>();
    const seen: IncomingEvent[] = [];
    const { deliver, consumer } = open((event) => {
      seen.push(event);
      return gate.promise;
    });
    const settled = deliver(message({ key: 'a' }));
    const early = await Promise.race([
      settled,
      new Promise((resolve) => systemClock.setTimer(30, () => resolve('waiting'))),
    ]);
    expect(early).toBe('waiting');
    expect(consumer.status().inFlight).toBe(1);
    gate.resolve(stored);
    expect(await settled).toBe('accepted');
    expect(seen).toEqual([
      {
        event: 'bus.placed',
        payload: { key: 'a' },
        deliveryId: 'm1',
        source: 'bus/orders',
        invalid: 'quarantine',
      },
    ]);
  });

  it('is offered again while the runtime is full, and nothing of its key overtakes it', async () => {
    const order: string[] = [];
    let refusals = 3;
    const { deliver, consumer } = open(async ({ payload }) => {
      if (refusals-- > 0) return full;
      order.push(JSON.stringify(payload));
      return stored;
    });
    const all = Promise.all([1, 2, 3].map((n) => deliver(message({ key: 'a', n }, `m${n}`))));
    expect(consumer.status().inFlight).toBe(3);
    expect(await all).toEqual(['accepted', 'accepted', 'accepted']);
    expect(order).toEqual([1, 2, 3].map((n) => JSON.stringify({ key: 'a', n })));
  });

  it('of another key does not wait for it', async () => {
    const { deliver } = open(async ({ payload }) =>
      JSON.stringify(payload).includes('stuck') ? new Promise(() => {}) : stored,
    );
    void deliver(message({ key: 'stuck' }));
    expect(await deliver(message({ key: 'b' }))).toBe('accepted');
  });

  it('without an id gets one of ours, and the operator is told once', async () => {
    const ids: string[] = [];
    const { deliver, logged } = open(async ({ deliveryId }) => {
      ids.push(deliveryId);
      return stored;
    });
    await deliver(message({}, ''));
    await deliver(message({}, ''));
    expect(new Set(ids).size).toBe(2);
    expect(logged.filter(({ code }) => code === 'DELIVERY_ID_ABSENT')).toHaveLength(1);
  });

  it('goes back after a pause when the runtime throws, and the operator hears of it without its message', async () => {
    const pauses: number[] = [];
    const { deliver, logged, consumer } = open(() => Promise.reject(new Error('payload of ada')), {
      clock: {
        now: () => 0,
        setTimer: (delayMs, fire) => {
          pauses.push(delayMs);
          return systemClock.setTimer(0, fire);
        },
      },
    });
    expect(await deliver(message({}))).toBe('returned');
    expect(pauses).toEqual([1_000]);
    expect(JSON.stringify(logged)).not.toContain('ada');
    expect(consumer.status().counts.returned).toBe(1);
  });

  it('goes back when it is still refused on stopping', async () => {
    const { deliver, consumer } = open(async () => full);
    const settled = deliver(message({}));
    await consumer.stop();
    expect(await settled).toBe('returned');
  });
});

describe('a message that its contract does not know', () => {
  it('goes to the dead letters of the broker where the manifest says so and the broker has some', async () => {
    const { deliver } = open(async ({ invalid }) => (invalid === 'refuse' ? wrong : stored), {
      plan: { invalid: 'reject' },
    });
    expect(await deliver(message({}))).toBe('rejected');
  });

  it('is held here where the broker has none, whatever the manifest says', async () => {
    const { deliver } = open(
      async ({ invalid }) =>
        invalid === 'refuse' ? wrong : { ...stored, quarantined: wrong.ok ? undefined! : wrong.failure },
      {
        plan: { invalid: 'reject' },
        canReject: false,
      },
    );
    expect(await deliver(message({}))).toBe('accepted');
  });
});

describe('a message that nobody listens to', () => {
  const unheard = {
    plan: { events: [{ ...plan.events[0]!, isHeard: false }] },
  };

  it('is let go without the runtime', async () => {
    const { deliver, consumer } = open(() => Promise.reject(new Error('not asked')), unheard);
    expect(await deliver(message({}))).toBe('accepted');
    expect(consumer.status().counts).toMatchObject({ unheard: 1, accepted: 0 });
  });

  it('still moves the cursor that it carries', async () => {
    const seen: IncomingEvent[] = [];
    const { deliver, consumer } = open(async (event) => {
      seen.push(event);
      return stored;
    }, unheard);
    expect(await deliver({ ...message({}), cursor: '7' })).toBe('accepted');
    expect(seen.map(({ cursor }) => cursor)).toEqual([{ name: 'bus/orders', value: '7' }]);
    expect(consumer.status().counts).toMatchObject({ unheard: 1, accepted: 0 });
  });
});

describe('the state of a source', () => {
  it('is what it reports, and news is logged once', () => {
    let nowMs = 1_000;
    const clock = { ...systemClock, now: () => nowMs };
    const { report, consumer, logged } = open(async () => stored, { clock });
    report('connecting', 'the connection failed (ECONNREFUSED)');
    report('connecting', 'the connection failed (ECONNREFUSED)');
    expect(consumer.status()).toMatchObject({
      state: 'connecting',
      problem: 'the connection failed (ECONNREFUSED)',
      events: ['bus.placed'],
    });
    const { sinceMs } = consumer.status();
    nowMs += 60_000;
    report('connecting', 'the connection failed (ETIMEDOUT)');
    expect(consumer.status()).toMatchObject({ sinceMs, problem: 'the connection failed (ETIMEDOUT)' });
    report('connecting', 'the broker refused the login', 'auth');
    expect(consumer.status()).toMatchObject({ problemClass: 'auth' });
    expect(logged.at(-1)?.message).toContain('the broker refused the login (class auth)');
    report('consuming');
    expect(consumer.status()).toMatchObject({ sinceMs: sinceMs + 60_000 });
    expect(consumer.status()).not.toHaveProperty('problem');
    expect(consumer.status()).not.toHaveProperty('problemClass');
    expect(logged.map(({ code }) => code)).toEqual([
      'SOURCE_CONNECTING',
      'SOURCE_CONNECTING',
      'SOURCE_CONNECTING',
      'SOURCE_CONSUMING',
    ]);
  });

  it('may be that it is consuming and has a problem all the same, which is logged once and ends', () => {
    let nowMs = 1_000;
    const clock = { ...systemClock, now: () => nowMs };
    const { report, consumer, logged } = open(async () => stored, { clock });
    const problemSinceMs = nowMs;
    for (let listing = 0; listing < 3; listing++) {
      report('consuming', 'the listing moved');
      nowMs += 60_000;
    }
    expect(consumer.status()).toMatchObject({
      state: 'consuming',
      problem: 'the listing moved',
      problemSinceMs,
    });
    expect(logged.map(({ message }) => message)).toEqual([
      expect.stringMatching(/ is consuming: the listing moved$/),
    ]);
    report('consuming');
    expect(consumer.status()).not.toHaveProperty('problem');
    expect(consumer.status()).not.toHaveProperty('problemSinceMs');
    expect(logged).toHaveLength(2);
  });
});
