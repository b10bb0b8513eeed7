import { manualClock, sleep, systemClock } from '@tenon/model';
import { describe, expect, it } from 'vitest';
import { goneTransport, grantedBefore } from '../granted-before.ts';
import { faultServer, json, operationPlan, transportContext } from '../http/fault-server.testing.ts';
import { httpTransport } from '../http/http-transport.ts';
import type { OperationDefaults } from '../manifest.ts';
import type { CallRequest, CallResult, Transport } from '../transport.ts';
import type { BreakerState } from './breaker.ts';
import { type GuardOptions, guardedTransport } from './guarded-transport.ts';

const fine: CallResult = { ok: true, status: 200, body: null, headers: {} };
const trouble: CallResult = {
  ok: false,
  failure: { class: 'transient', code: 'X', message: 'x', delivery: 'answered', status: 503 },
};
const refusal: CallResult = {
  ok: false,
  failure: { class: 'validation', code: 'X', message: 'x', delivery: 'answered', status: 422 },
};

function guarded(
  policy: Partial<OperationDefaults>,
  answer: (call: number) => CallResult | Promise<CallResult>,
  options: Partial<GuardOptions> = {},
) {
  const sent: number[] = [];
  const inner = {
    call: async () => {
      sent.push(Date.now());
      return answer(sent.length);
    },
    close: async () => {},
  };
  const transport = guardedTransport(
    inner,
    { timeoutMs: 1_000, inFlightMax: 64, failures: [], ...policy },
    { clock: systemClock, connection: 'things', grants: 'all', ...options },
  );
  return {
    sent,
    transport,
    call: (change: Partial<CallRequest> = {}, timeoutMs = 1_000) =>
      transport.call({ operation: operationPlan({ timeoutMs }), input: {}, ...change }),
  };
}

it('names an operation by its connection in what fails, and as one and the same object', async () => {
  const seen: CallRequest[] = [];
  const transport = guardedTransport(
    {
      call: async (request) => {
        seen.push(request);
        return refusal;
      },
      close: async () => {},
    },
    { timeoutMs: 1_000, inFlightMax: 64, failures: [] },
    { clock: systemClock, connection: 'archive', grants: 'all', scopes: [] },
  );
  const operation = operationPlan({ name: 'warehouse.createOrder', operation: 'createOrder' });
  for (let i = 0; i < 2; i++) await transport.call({ operation, input: {} });
  expect(seen.map((request) => request.operation.name)).toEqual([
    'archive.createOrder',
    'archive.createOrder',
  ]);
  expect(seen[0]?.operation).toBe(seen[1]?.operation);
  await using server = await faultServer((_seen, response) => json(response, 422, {}));
  const http = httpTransport(transportContext(server.baseUrl));
  const over = guardedTransport(
    http,
    { timeoutMs: 1_000, inFlightMax: 64, failures: [] },
    { clock: systemClock, connection: 'archive', grants: 'all' },
  );
  expect(await over.call({ operation, input: {} })).toMatchObject({
    failure: { message: 'archive.createOrder answered 422' },
  });
  await over.close();
  expect(await transport.call({ operation: { ...operation, scopes: ['write'] }, input: {} })).toMatchObject({
    failure: { message: expect.stringMatching(/^archive\.createOrder needs write/) },
  });
});

describe('the breaker', () => {
  const breaker = { failureRate: 0.5, windowMs: 1_000, minimum: 5, openForMs: 200, probes: 2 };

  it('opens at its rate, then sends nothing and says when to come back', async () => {
    const test = guarded({ breaker }, () => trouble);
    while (test.transport.state().breaker === 'closed') await test.call();
    const before = test.sent.length;
    expect(before).toBeGreaterThanOrEqual(5);
    const result = await test.call();
    expect(result).toMatchObject({
      failure: { class: 'transient', code: 'CONNECTION_BREAKER_OPEN', delivery: 'notSent' },
    });
    expect(result.ok ? 0 : result.failure.retryAfterMs).toBeGreaterThan(0);
    expect(test.sent).toHaveLength(before);
  });

  it('may be one that opens only where every call fails', async () => {
    const test = guarded({ breaker: { ...breaker, failureRate: 1 } }, (call) =>
      call === 1 ? fine : trouble,
    );
    for (let i = 0; i < 30; i++) await test.call();
    expect(test.transport.state().breaker).toBe('closed');
    const dead = guarded({ breaker: { ...breaker, failureRate: 1 } }, () => trouble);
    for (let i = 0; i < 30; i++) await dead.call();
    expect(dead.transport.state().breaker).toBe('open');
  });

  it('does not open for refusals: they are about the request, not the dependency', async () => {
    const test = guarded({ breaker }, () => refusal);
    for (let i = 0; i < 30; i++) await test.call();
    expect(test.transport.state().breaker).toBe('closed');
  });

  it('lets its probes through after a while, and closes when they go well', async () => {
    const seen: BreakerState[] = [];
    let healthy = false;
    const test = guarded({ breaker }, () => (healthy ? fine : trouble), {
      onBreaker: (state) => seen.push(state),
    });
    while (test.transport.state().breaker === 'closed') await test.call();
    healthy = true;
    await sleep(systemClock, 230);
    expect((await Promise.all([test.call(), test.call()])).every(({ ok }) => ok)).toBe(true);
    expect(seen).toEqual(['open', 'halfOpen', 'closed']);
  });

  it('opens again when the probes fail', async () => {
    const test = guarded({ breaker }, () => trouble);
    while (test.transport.state().breaker === 'closed') await test.call();
    await sleep(systemClock, 230);
    await Promise.all([test.call(), test.call()]);
    expect(test.transport.state().breaker).toBe('open');
  });

  it('keeps a call that waits for its probes no longer than that may wait, and never sends it late', async () => {
    const { promise: probing, resolve } = Promise.withResolvers<CallResult>();
    const test = guarded({ breaker: { ...breaker, probes: 1 } }, () => (healthy ? probing : trouble));
    let healthy = false;
    while (test.transport.state().breaker === 'closed') await test.call();
    healthy = true;
    await sleep(systemClock, 230);
    const before = test.sent.length;
    const probe = test.call();
    expect(await test.call({}, 50)).toMatchObject({
      postponed: true,
      failure: { code: 'CONNECTION_BREAKER_OPEN', delivery: 'notSent' },
    });
    let isKilled = false;
    const second = test.call({ isCalledOff: () => isKilled });
    isKilled = true;
    resolve(fine);
    expect(await probe).toBe(fine);
    expect(await second, 'was called off meanwhile').toMatchObject({ calledOff: true });
    expect(test.sent).toHaveLength(before + 1);
    expect(test.transport.state()).toMatchObject({ breaker: 'closed', inFlight: 0 });
  });

  it('lets nothing stand in the way for longer than it is open, where the clock is set back', async () => {
    const set = { byMs: 0 };
    const clock = { ...systemClock, now: () => Date.now() + set.byMs };
    const first = guarded({ breaker }, () => trouble, { clock });
    while (first.transport.state().breaker === 'closed') await first.call();
    const snapshot = JSON.parse(JSON.stringify(first.transport.snapshot()));
    const ahead = { ...snapshot.breaker, openedAtMs: snapshot.breaker.openedAtMs + 3_600_000 };
    const second = guarded({ breaker }, () => fine, { snapshot: { breaker: ahead } });
    const refused = await second.call();
    expect(refused.ok ? 0 : refused.failure.retryAfterMs).toBeLessThanOrEqual(200);
    set.byMs = -3_600_000;
    const open = await first.call();
    expect(open.ok ? 0 : open.failure.retryAfterMs).toBeLessThanOrEqual(200);
    await sleep(systemClock, 230);
    expect((await second.call()).ok).toBe(true);
  });

  it('does not count a call that was called off among its probes, nor one that was refused on this side', async () => {
    let answer: CallResult = trouble;
    const test = guarded({ breaker }, () => answer);
    while (test.transport.state().breaker === 'closed') await test.call();
    await sleep(systemClock, 230);
    for (let i = 0; i < 3; i++)
      expect(await test.call({ isCalledOff: () => true })).toMatchObject({ calledOff: true });
    answer = { ok: false, failure: { class: 'validation', code: 'X', message: 'x', delivery: 'notSent' } };
    for (let i = 0; i < 3; i++) await test.call();
    expect(test.transport.state().breaker).toBe('halfOpen');
    answer = fine;
    await test.call();
    expect(test.transport.state().breaker).toBe('halfOpen');
    await test.call();
    expect(test.transport.state().breaker).toBe('closed');
  });

  it('gives the place of a probe that was called off to the next one that waits', async () => {
    const { promise: probing, resolve } = Promise.withResolvers<CallResult>();
    let probes = Number.NaN;
    const test = guarded({ breaker: { ...breaker, probes: 1 } }, () =>
      Number.isNaN(probes) ? trouble : ++probes === 1 ? probing : fine,
    );
    while (test.transport.state().breaker === 'closed') await test.call();
    await sleep(systemClock, 230);
    probes = 0;
    const cancelled = test.call();
    const next = test.call();
    await sleep(systemClock, 10);
    expect(probes).toBe(1);
    resolve({
      ok: false,
      failure: { class: 'timeout', code: 'HTTP_CALL_CANCELLED', message: 'x', delivery: 'lost' },
    });
    expect(await cancelled).toMatchObject({ ok: false });
    expect(await next).toBe(fine);
    expect(test.transport.state().breaker).toBe('closed');
  });

  it('counts nothing for a state that it was not sent in', async () => {
    const { promise: slow, resolve } = Promise.withResolvers<CallResult>();
    const test = guarded({ breaker: { ...breaker, probes: 1 } }, (call) => (call === 1 ? slow : trouble));
    const first = test.call();
    while (test.transport.state().breaker === 'closed') await test.call();
    resolve(fine);
    await first;
    expect(test.transport.state().breaker).toBe('open');
  });

  it('is open still after a restart, as an earlier version wrote it too', async () => {
    const openedAtMs = Date.now();
    const policy = { ownState: { value: 1, openedAt: openedAtMs, attemptNo: 1 }, breakerState: {} };
    const test = guarded({ breaker }, () => fine, { snapshot: { breaker: { openedAtMs, policy } } });
    expect(await test.call()).toMatchObject({ failure: { code: 'CONNECTION_BREAKER_OPEN' } });
    const closed = { openedAtMs, policy: { ownState: { value: 0 }, breakerState: {} } };
    const other = guarded({ breaker }, () => fine, { snapshot: { breaker: closed } });
    expect(await other.call()).toBe(fine);
  });

  it('remembers over a restart what it had counted while it was closed', async () => {
    const first = guarded({ breaker: { ...breaker, windowMs: 60_000 } }, () => trouble);
    for (let i = 0; i < 4; i++) await first.call();
    const snapshot = JSON.parse(JSON.stringify(first.transport.snapshot()));
    const second = guarded({ breaker: { ...breaker, windowMs: 60_000 } }, () => trouble, { snapshot });
    await second.call();
    expect(second.transport.state().breaker).toBe('open');
  });

  it('is open still after a restart', async () => {
    const first = guarded({ breaker }, () => trouble);
    while (first.transport.state().breaker === 'closed') await first.call();
    const snapshot = JSON.parse(JSON.stringify(first.transport.snapshot()));
    const second = guarded({ breaker }, () => fine, { snapshot });
    expect(await second.call()).toMatchObject({ failure: { code: 'CONNECTION_BREAKER_OPEN' } });
    expect(second.sent).toEqual([]);
  });
});

describe('the quota', () => {
  const rateLimit = { quota: 3, windowMs: 300, key: 'connection', headers: ['RateLimit', 'Retry-After'] };

  it('holds: never more calls in a window than declared, the rest wait', async () => {
    const test = guarded({ rateLimit }, () => fine);
    const results = await Promise.all(Array.from({ length: 7 }, () => test.call()));
    expect(results.every(({ ok }) => ok)).toBe(true);
    const [first] = test.sent;
    const windows = test.sent.map((at) => Math.floor((at - first! + 20) / 300));
    for (const window of new Set(windows))
      expect(windows.filter((other) => other === window).length).toBeLessThanOrEqual(3);
  });

  it('fails a call whose turn would come too late, unsent, and says when', async () => {
    const test = guarded({ rateLimit: { ...rateLimit, windowMs: 5_000 } }, () => fine);
    const results = await Promise.all(Array.from({ length: 4 }, () => test.call({}, 100)));
    expect(results.at(-1)).toMatchObject({
      failure: { class: 'rateLimited', code: 'CONNECTION_QUOTA_SPENT', delivery: 'notSent' },
    });
    expect(test.sent).toHaveLength(3);
  });

  it.each<[string, CallResult]>([
    [
      'Retry-After on a refusal',
      {
        ok: false,
        failure: {
          class: 'rateLimited',
          code: 'X',
          message: 'x',
          delivery: 'answered',
          status: 429,
          retryAfterMs: 200,
        },
      },
    ],
    [
      'a spent quota on a success',
      {
        ok: true,
        status: 200,
        body: null,
        headers: { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '0.2' },
      },
    ],
  ])('obeys %s for every caller', async (_name, first) => {
    const test = guarded({ rateLimit: { ...rateLimit, quota: 100 } }, (call) => (call === 1 ? first : fine));
    await test.call();
    expect(test.transport.state().heldUntilMs).toBeGreaterThan(Date.now());
    await Promise.all([test.call(), test.call()]);
    expect(test.sent[1]! - test.sent[0]!).toBeGreaterThanOrEqual(190);
  });
});

describe('a quota under a clock that is set back', () => {
  const rateLimit = { quota: 3, windowMs: 300, key: 'connection', headers: [] };

  it('is spent no longer than its window, and a hold no longer than it was asked for', async () => {
    const set = { byMs: 0 };
    const clock = { ...systemClock, now: () => Date.now() + set.byMs };
    const busy: CallResult = {
      ok: false,
      failure: { class: 'rateLimited', code: 'X', message: 'x', delivery: 'answered', retryAfterMs: 400 },
    };
    const test = guarded({}, (call) => (call === 1 ? busy : fine), { clock });
    await test.call();
    set.byMs = -3_600_000;
    const held = await test.call({}, 100);
    expect(held.ok ? 0 : held.failure.retryAfterMs).toBeLessThanOrEqual(400);
    const snapshot = { heldSinceMs: Date.now() + 3_600_000, heldUntilMs: Date.now() + 3_600_400 };
    const used = { points: 3, resetAtMs: Date.now() + 3_600_000 };
    const next = guarded({ rateLimit }, () => fine, { snapshot: { ...snapshot, used } });
    const refused = await next.call({}, 100);
    expect(refused.ok ? 0 : refused.failure.retryAfterMs).toBeLessThanOrEqual(400);
    expect((await next.call({}, 2_000)).ok).toBe(true);
  });
});

it('over a connection that is gone nothing is sent, and it is said which', async () => {
  expect(await goneTransport('things').call({ operation: operationPlan(), input: {} })).toMatchObject({
    failure: {
      class: 'permission',
      code: 'CONNECTION_GONE',
      message: expect.stringContaining('no connection is called things any more'),
      delivery: 'notSent',
    },
  });
});

describe('a grant', () => {
  const grant = { operations: ['getThing'], scopes: ['things.read'], hosts: ['files.example'] };
  const operation = operationPlan({
    operation: 'getThing',
    scopes: ['things.read'],
    egress: ['files.example', 'login.example'],
  });
  const origin = { pipeline: 'ours', runId: 'r', step: 's' };

  it.each<[string, Partial<CallRequest>, string]>([
    ['another operation', { operation: operationPlan(), origin }, 'GRANT_MISSING'],
    ['another pipeline', { operation, origin: { ...origin, pipeline: 'theirs' } }, 'GRANT_MISSING'],
    [
      'a pipeline of a built-in name',
      { operation, origin: { ...origin, pipeline: 'toString' } },
      'GRANT_MISSING',
    ],
    [
      'another scope',
      { operation: { ...operation, scopes: ['things.read', 'admin'] }, origin },
      'GRANT_SCOPE_MISSING',
    ],
    ['an operation that no pipeline may call', { operation: operationPlan() }, 'GRANT_MISSING'],
  ])('refuses %s, before anything is sent', async (_name, request, code) => {
    const test = guarded({}, () => fine, { grants: { ours: grant } });
    expect(await test.call(request)).toMatchObject({
      failure: { class: 'permission', code, delivery: 'notSent' },
    });
    expect(test.sent).toEqual([]);
  });

  it('lets its pipeline’s calls through, without the hosts that it does not name', async () => {
    const { seen, inner } = seeing();
    const transport = guardedTransport(
      inner,
      { timeoutMs: 1_000, inFlightMax: 64, failures: [] },
      { clock: systemClock, connection: 'things', grants: { ours: grant } },
    );
    for (let i = 0; i < 2; i++) expect(await transport.call({ operation, input: {}, origin })).toBe(fine);
    expect(seen[0]?.operation.egress).toEqual(['files.example']);
    // What a transport keeps for an operation is kept by the object's identity.
    expect(seen[0]?.operation).toBe(seen[1]?.operation);
    expect(await transport.call({ operation, input: {} })).toBe(fine);
  });

  it('is not asked for what an earlier plan was granted: by a run that keeps to it, or for one', async () => {
    const { seen, inner } = seeing();
    const transport = guardedTransport(
      inner,
      { timeoutMs: 1_000, inFlightMax: 64, failures: [] },
      { clock: systemClock, connection: 'things', grants: {} },
    );
    const asked = { operation, input: {} };
    expect(await transport.call({ ...asked, origin, isGrantedBefore: true })).toBe(fine);
    expect(await grantedBefore(transport).call(asked)).toBe(fine);
    expect(await transport.call(asked)).toMatchObject({ failure: { code: 'GRANT_MISSING' } });
    expect(seen.map((request) => request.operation.egress)).toEqual([operation.egress, operation.egress]);
  });

  it('is nothing at all where there is none', async () => {
    const test = guarded({}, () => fine, { grants: {} });
    expect(await test.call({ operation, origin })).toMatchObject({ failure: { code: 'GRANT_MISSING' } });
    expect(test.sent).toEqual([]);
  });

  it('does not let the identity of a reader write', async () => {
    const test = guarded({}, () => fine, { scopes: ['things.read'] });
    const write = operationPlan({ scopes: ['things.write'] });
    expect(await test.call({ operation: write })).toMatchObject({
      failure: { class: 'permission', code: 'SCOPE_NOT_HELD', delivery: 'notSent' },
    });
    expect(await test.call({ operation: operationPlan({ scopes: ['things.read'] }) })).toBe(fine);
    expect(test.sent).toHaveLength(1);
  });
});

describe('an announced end', () => {
  it('is told once for each operation', async () => {
    const told: unknown[] = [];
    const ending: CallResult = { ok: true, status: 200, body: null, headers: { deprecation: '@1688169599' } };
    const test = guarded({}, () => ending, {
      onDeprecation: (operation, notice) => told.push([operation, notice]),
    });
    await test.call();
    await test.call();
    await test.call({ operation: operationPlan({ name: 'things.getThing' }) });
    const notice = { deprecatedAtMs: 1_688_169_599_000 };
    expect(told).toEqual([
      ['things.createThing', notice],
      ['things.getThing', notice],
    ]);
  });
});

describe('calls in flight', () => {
  it('are never more than declared; the others follow in order', async () => {
    const test = guarded({ inFlightMax: 2 }, async () => {
      expect(test.transport.state().inFlight).toBeLessThanOrEqual(2);
      await sleep(systemClock, 20);
      return fine;
    });
    const results = await Promise.all(Array.from({ length: 9 }, () => test.call()));
    expect(results.every(({ ok }) => ok)).toBe(true);
    expect(test.transport.state()).toMatchObject({ inFlight: 0, waiting: 0 });
  });

  it('that never end hold others up no longer than their own timeout, and leave no trace in line', async () => {
    const test = guarded({ inFlightMax: 1 }, () => new Promise(() => {}));
    void test.call();
    expect(await test.call({}, 50)).toMatchObject({
      failure: { code: 'CONNECTION_BUSY', delivery: 'notSent' },
    });
    const controller = new AbortController();
    const waiting = test.call({ signal: controller.signal });
    controller.abort();
    expect(await waiting).toMatchObject({ failure: { code: 'CONNECTION_BUSY', delivery: 'notSent' } });
    expect(test.transport.state()).toMatchObject({ inFlight: 1, waiting: 0 });
    expect(test.sent).toHaveLength(1);
  });
});

describe('a quota that processes share', () => {
  /** So many calls in all, then a wait; `taken` counts them. */
  function storeOf(calls: number, waitMs = 60_000) {
    const store = {
      taken: 0,
      take: async () => {
        if (store.taken >= calls) return waitMs;
        store.taken++;
        return 0;
      },
    };
    return store;
  }

  it('counts a call as it leaves its line, and none that was called off there', async () => {
    const store = storeOf(10);
    const { promise: stalled, resolve } = Promise.withResolvers<CallResult>();
    const test = guarded(
      { inFlightMax: 1, rateLimit: { quota: 10, windowMs: 60_000, key: 'account', headers: [] } },
      (call) => (call === 1 ? stalled : fine),
      { quota: { store, account: 'a', share: 0.5 } },
    );
    const first = test.call();
    const controller = new AbortController();
    const second = test.call({ signal: controller.signal });
    const third = test.call();
    await sleep(systemClock, 20);
    expect(store.taken, 'two stand in a line').toBe(1);
    controller.abort();
    await second;
    resolve(fine);
    expect([await first, await third]).toEqual([fine, fine]);
    expect(store.taken).toBe(2);
    expect(test.sent).toHaveLength(2);
  });

  it('keeps no place in flight while it waits for a window, and is sent in that', async () => {
    const store = storeOf(1, 50);
    const test = guarded(
      { inFlightMax: 1, rateLimit: { quota: 1, windowMs: 1_000, key: 'account', headers: [] } },
      () => fine,
      { quota: { store, account: 'a', share: 1 } },
    );
    expect(await test.call()).toBe(fine);
    const waiting = test.call();
    await sleep(systemClock, 10);
    expect(test.transport.state()).toMatchObject({ inFlight: 0, waiting: 1 });
    store.taken = 0;
    expect(await waiting).toBe(fine);
    store.taken = 1;
    expect(await test.call({}, 20)).toMatchObject({
      postponed: true,
      failure: { code: 'CONNECTION_QUOTA_SPENT', delivery: 'notSent' },
    });
    expect(test.transport.state()).toMatchObject({ inFlight: 0, waiting: 0 });
  });

  it('is asked of nobody while a breaker is open, and a breaker that opens meanwhile lets nothing through', async () => {
    const asked: (() => void)[] = [];
    const breaker = { failureRate: 0.5, windowMs: 60_000, minimum: 2, openForMs: 60_000, probes: 1 };
    const store = {
      take: () => new Promise<number>((answer) => asked.push(() => answer(0))),
    };
    const test = guarded(
      { breaker, rateLimit: { quota: 10, windowMs: 60_000, key: 'account', headers: [] } },
      () => trouble,
      { quota: { store, account: 'a', share: 1 } },
    );
    const calls = [test.call(), test.call(), test.call()];
    await sleep(systemClock, 10);
    asked[0]!();
    asked[1]!();
    await Promise.all(calls.slice(0, 2));
    expect(test.transport.state().breaker).toBe('open');
    asked[2]!();
    expect(await calls[2]).toMatchObject({ postponed: true, failure: { code: 'CONNECTION_BREAKER_OPEN' } });
    expect(await test.call()).toMatchObject({ postponed: true });
    expect(asked).toHaveLength(3);
    expect(test.sent).toHaveLength(2);
  });
});

describe('a place of a shared quota whose call is not sent', () => {
  const rateLimit = { quota: 10, windowMs: 60_000, key: 'account', headers: [] } as const;

  /** Answers when it is told to; counts as a store does. */
  function answering() {
    const asked: (() => void)[] = [];
    const store = {
      taken: 0,
      back: [] as number[],
      take: () =>
        new Promise<number>((answer) =>
          asked.push(() => {
            store.taken++;
            answer(0);
          }),
        ),
      giveBack: async (_account: string, _quota: number, _windowMs: number, agoMs: number) => {
        store.taken--;
        store.back.push(agoMs);
      },
    };
    return { asked, store, quota: { store, account: 'a', share: 1 } };
  }

  it('is given back where the call was called off just after it was taken', async () => {
    const { asked, store, quota } = answering();
    let isOff = false;
    const test = guarded({ rateLimit }, () => fine, { quota });
    const call = test.call({ isCalledOff: () => isOff });
    await settle();
    isOff = true;
    asked[0]!();
    expect(await call).toMatchObject({ calledOff: true });
    expect(store).toMatchObject({ taken: 0, back: [expect.any(Number)] });
  });

  it('is given back where a breaker opened meanwhile', async () => {
    const breaker = { failureRate: 0.5, windowMs: 60_000, minimum: 2, openForMs: 60_000, probes: 1 };
    const { asked, store, quota } = answering();
    const test = guarded({ breaker, rateLimit }, () => trouble, { quota });
    const calls = [test.call(), test.call(), test.call()];
    await sleep(systemClock, 10);
    asked[0]!();
    asked[1]!();
    await Promise.all(calls.slice(0, 2));
    asked[2]!();
    await calls[2];
    expect(store.taken).toBe(2);
  });

  it('is given back where the store answered after the patience of the call', async () => {
    const clock = manualClock(0);
    const { asked, store, quota } = answering();
    const test = guarded({ rateLimit }, () => fine, { quota, clock });
    const call = test.call({}, 100);
    await settle();
    clock.advance(101);
    asked[0]!();
    expect(await call).toMatchObject({ postponed: true, failure: { code: 'CONNECTION_QUOTA_SPENT' } });
    expect(store.taken).toBe(0);
    expect(test.sent).toEqual([]);
  });

  it('is given back where the store answered after it was taken as away', async () => {
    const clock = manualClock(0);
    const { asked, store, quota } = answering();
    const test = guarded({ rateLimit }, () => fine, { quota, clock });
    const call = test.call();
    await settle();
    clock.advance(250);
    expect(await call).toBe(fine);
    clock.advance(10);
    asked[0]!();
    await settle();
    expect(store).toMatchObject({ taken: 0, back: [260] });
  });

  it('is taken by each call that is sent, at whichever reading of the clock a breaker lets go', async () => {
    for (let openForMs = 1; openForMs <= 20; openForMs++) {
      const breaker = { failureRate: 0.5, windowMs: 60_000, minimum: 1, openForMs, probes: 1 };
      const clock = manualClock(0);
      let readings = 0;
      const going = { ...clock, now: () => clock.now(), steady: () => clock.steady() + readings++ };
      const store = { taken: 0, take: async () => Number(++store.taken < 0) };
      const { promise: stalled, resolve } = Promise.withResolvers<CallResult>();
      const test = guarded({ inFlightMax: 1, breaker, rateLimit }, (call) => (call === 1 ? stalled : fine), {
        clock: going,
        quota: { store, account: 'a', share: 1 },
      });
      const calls = [test.call(), test.call()];
      await settle();
      resolve(trouble);
      await Promise.all(calls);
      expect(store.taken, `open for ${openForMs}`).toBe(test.sent.length);
    }
  });
});

describe('a transport that never answers', () => {
  const never = (): Promise<CallResult> => new Promise(() => {});
  const stuck = {
    ok: false,
    failure: { class: 'timeout', code: 'CONNECTION_CALL_STUCK', delivery: 'lost' },
  };

  it('is given up 15 s after its timeout: it may have sent something, and its place is free', async () => {
    const clock = manualClock(0);
    const test = guarded({ inFlightMax: 1 }, (call) => (call === 1 ? never() : fine), { clock });
    const first = test.call();
    await settle();
    clock.advance(15_999);
    expect(test.transport.state().inFlight).toBe(1);
    clock.advance(1);
    expect(await first).toMatchObject(stuck);
    expect(test.transport.state().inFlight).toBe(0);
    expect(await test.call()).toBe(fine);
  });

  it('was a probe that failed: its breaker is open again, and not half open for ever', async () => {
    const clock = manualClock(0);
    const breaker = { failureRate: 0.5, windowMs: 60_000, minimum: 2, openForMs: 200, probes: 1 };
    const test = guarded({ breaker }, (call) => (call <= 2 ? trouble : call === 3 ? never() : fine), {
      clock,
    });
    while (test.transport.state().breaker === 'closed') await test.call();
    clock.advance(200);
    const probe = test.call();
    await settle();
    expect(test.transport.state().breaker).toBe('halfOpen');
    clock.advance(16_000);
    expect(await probe).toMatchObject(stuck);
    expect(test.transport.state().breaker).toBe('open');
    clock.advance(200);
    expect(await test.call()).toBe(fine);
    expect(test.transport.state().breaker).toBe('closed');
  });

  it('is left alone where a body is streamed: that takes as long as bytes come', async () => {
    const clock = manualClock(0);
    const test = guarded({}, never, { clock });
    let hasEnded = false;
    void test.call({ operation: operationPlan({ transport: 'http' }), receive: async () => {} }).then(() => {
      hasEnded = true;
    });
    await settle();
    clock.advance(3_600_000);
    await settle();
    expect(hasEnded).toBe(false);
    expect(test.sent).toHaveLength(1);
  });
});

async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}

describe('a call in a line', () => {
  it('hears that the other side wants to be left alone', async () => {
    const busy: CallResult = {
      ok: false,
      failure: { class: 'rateLimited', code: 'X', message: 'x', delivery: 'answered', retryAfterMs: 200 },
    };
    const test = guarded({ inFlightMax: 1 }, (call) => (call === 1 ? busy : fine));
    await Promise.all([test.call(), test.call()]);
    expect(test.sent[1]! - test.sent[0]!).toBeGreaterThanOrEqual(190);
  });
});

describe('a call that is called off', () => {
  it('while it stands in line is not sent, and its place is given on', async () => {
    const { promise: stalled, resolve } = Promise.withResolvers<CallResult>();
    const test = guarded({ inFlightMax: 1 }, (call) => (call === 1 ? stalled : fine));
    const first = test.call();
    let isKilled = false;
    const second = test.call({ isCalledOff: () => isKilled });
    const third = test.call();
    isKilled = true;
    resolve(fine);
    expect(await second).toMatchObject({
      calledOff: true,
      failure: { code: 'CONNECTION_CALL_HELD', delivery: 'notSent' },
    });
    expect([await first, await third]).toEqual([fine, fine]);
    expect(test.sent).toHaveLength(2);
  });
});

describe('the retry budget', () => {
  const retryBudget = { share: 0.5, windowMs: 60_000, minimum: 2 };

  it('lets a share of the calls be retries, whoever makes them, and postpones the rest', async () => {
    const test = guarded({ retryBudget }, () => trouble);
    for (let i = 0; i < 6; i++) await test.call();
    const results = [];
    for (let i = 0; i < 10; i++) results.push(await test.call({ isRetry: true }));
    const spent = results.filter((result) => !result.ok && result.postponed);
    // Each retry that is made is a call as well: 6 + n calls carry n ≤ (6 + n) / 2 retries.
    expect(10 - spent.length).toBe(6);
    expect(spent[0]).toMatchObject({
      failure: { code: 'CONNECTION_RETRIES_SPENT', delivery: 'notSent' },
    });
    expect(test.sent).toHaveLength(12);
    // First attempts are never held up by it.
    expect((await test.call()).ok).toBe(false);
    expect(test.sent).toHaveLength(13);
  });

  it('counts what was not sent once, when it comes again', async () => {
    const { promise: stalled, resolve } = Promise.withResolvers<CallResult>();
    const test = guarded(
      { retryBudget: { ...retryBudget, share: 0.01, minimum: 1 }, inFlightMax: 1 },
      (call) => (call === 1 ? stalled : fine),
    );
    const first = test.call();
    for (let i = 0; i < 3; i++)
      expect(await test.call({ isRetry: true }, 20)).toMatchObject({ failure: { code: 'CONNECTION_BUSY' } });
    resolve(fine);
    await first;
    expect(await test.call({ isRetry: true })).toBe(fine);
    expect(await test.call({ isRetry: true })).toMatchObject({
      failure: { code: 'CONNECTION_RETRIES_SPENT' },
    });
  });

  it('always allows a few, and is as spent after a restart as before', async () => {
    const test = guarded({ retryBudget }, () => trouble);
    for (let i = 0; i < 5; i++) await test.call({ isRetry: true });
    expect(test.sent).toHaveLength(2);
    const again = guarded({ retryBudget }, () => trouble);
    again.transport.restore(JSON.parse(JSON.stringify(test.transport.snapshot())));
    expect(await again.call({ isRetry: true })).toMatchObject({ postponed: true });
    expect(again.sent).toEqual([]);
  });
});

describe('what outlives a restart', () => {
  it('is how much of the quota is used, so that two processes make no more calls than one', async () => {
    const rateLimit = { quota: 3, windowMs: 60_000, key: 'connection', headers: [] };
    const test = guarded({ rateLimit }, () => fine);
    await test.call();
    await test.call();
    const again = guarded({ rateLimit }, () => fine);
    again.transport.restore(JSON.parse(JSON.stringify(test.transport.snapshot())));
    await again.call();
    expect(await again.call({}, 20)).toMatchObject({
      postponed: true,
      failure: { code: 'CONNECTION_QUOTA_SPENT' },
    });
    expect(again.sent).toHaveLength(1);
  });

  it('is never a snapshot that is none', async () => {
    const test = guarded({}, () => fine);
    for (const none of [null, 7, 'x', { heldUntilMs: 'later' }, { used: 3 }]) test.transport.restore(none);
    expect(await test.call()).toEqual(fine);
  });
});

/** Takes whatever it is asked, and remembers it. */
function seeing() {
  const seen: CallRequest[] = [];
  const inner: Transport = {
    call: async (request) => {
      seen.push(request);
      return fine;
    },
    close: async () => {},
  };
  return { seen, inner };
}
