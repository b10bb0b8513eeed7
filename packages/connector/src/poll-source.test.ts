import { type Json, type JsonObject, manualClock, seededRandom } from '@tenon/model';
import { describe, expect, it } from 'vitest';
import { operationPlan } from './http/fault-server.testing.ts';
import type { PaginationManifest } from './manifest.ts';
import { pollSource } from './poll-source.ts';
import { guardedTransport } from './resilience/guarded-transport.ts';
import type { IncomingMessage, Settlement, SourceState } from './source.ts';
import type { PollPlan, SourcePlan } from './source-plan.ts';
import type { CallResult, Transport } from './transport.ts';

interface Item {
  readonly id: string;
  readonly updatedAt: string;
}

const item = (id: string, hour: number): Item => ({
  id,
  updatedAt: `2026-01-01T${String(hour).padStart(2, '0')}:00:00.000Z`,
});

/** A listing service, and a runtime that forgets nothing: what it has accepted, under which id, and the cursor. */
function world(
  items: Item[],
  poll: Partial<PollPlan['cursor']> = {},
  more: Partial<PollPlan> = {},
  own?: Transport['call'],
) {
  const clock = manualClock(0);
  const stored = new Map<string, Json>();
  const asked: JsonObject[] = [];
  const reports: string[] = [];
  const states: SourceState[] = [];
  const state = {
    cursor: undefined as string | undefined,
    crashAt: Number.POSITIVE_INFINITY,
    deliveries: 0,
    fails: false,
  };
  const plan: SourcePlan = {
    connector: 'crm',
    contract: { name: 'crm', version: '1.0.0', digest: 'sha256:0' },
    transport: 'http',
    channel: 'changed',
    from: 'changed',
    address: 'changed',
    group: 'tenon',
    prefetchMax: 2,
    create: false,
    invalid: 'quarantine',
    everyMs: 60_000,
    bindings: {},
    events: [],
    poll: {
      operation: {
        ...operationPlan(),
        pagination: { type: 'cursor', in: 'page', out: '/next', items: '/items' },
      },
      with: { limit: 2 },
      key: '/id',
      cursor: { in: 'updatedAfter', from: '/updatedAt', overlapMs: 0, ...poll },
      ...more,
    },
  };
  const call = async ({ input }: { readonly input: JsonObject }): Promise<CallResult> => {
    asked.push(input);
    if (state.fails)
      return {
        ok: false,
        failure: {
          class: 'transient',
          code: 'HTTP_RESPONSE_STATUS',
          message: 'status 503',
          delivery: 'answered',
        },
      };
    const after = String(input['updatedAfter'] ?? '');
    const from = Number(input['page'] ?? 0);
    const found = items.filter(({ updatedAt }) => updatedAt >= after);
    const next = from + 2 < found.length ? from + 2 : null;
    // Items of the test, JSON by what they are made of.
    const body = { items: found.slice(from, from + 2) as unknown as Json, next };
    return { ok: true, status: 200, body, headers: {} };
  };
  const deliver = async (message: IncomingMessage): Promise<Settlement> => {
    if (++state.deliveries > state.crashAt) return 'returned';
    if (!stored.has(message.id!)) stored.set(message.id!, JSON.parse(Buffer.from(message.body).toString()));
    if (message.cursor !== undefined) state.cursor = message.cursor;
    return 'accepted';
  };
  const start = () =>
    pollSource({
      plan,
      connection: { name: 'crm', connector: 'crm', baseUrl: '', credentials: {}, webhookSecrets: [] },
      secrets: { resolve: () => Promise.reject(new Error('none')) },
      clock,
      random: seededRandom(1),
      transport: { call: own ?? call, close: async () => {} },
      cursor: () => state.cursor,
      deliver,
      report: (to, problem) => {
        states.push(to);
        reports.push(problem ?? to);
      },
    });
  return { clock, stored, asked, reports, states, state, start, items };
}

describe('a poll', () => {
  it('that is never answered ends, says so, and is begun again', async () => {
    let calls = 0;
    let guard: Transport | undefined;
    const { clock, states, reports, start } = world([], {}, {}, (request) => guard!.call(request));
    const inner: Transport = {
      call: () => {
        calls++;
        return new Promise(() => {});
      },
      close: async () => {},
    };
    const policy = { timeoutMs: 1_000, inFlightMax: 1, failures: [] };
    guard = guardedTransport(inner, policy, { clock, connection: 'crm', grants: 'all' });
    const source = start();
    await turns();
    clock.advance(operationPlan().timeoutMs + 15_000);
    await turns();
    expect(states.at(-1)).toBe('connecting');
    expect(reports.at(-1)).toContain('the transport of connection crm did not answer');
    clock.advance(1_000);
    await turns();
    expect(calls).toBe(2);
    const stopped = source.stop();
    clock.advance(operationPlan().timeoutMs + 15_000);
    await stopped;
  });

  it('delivers each item once, follows the pages, and stores the cursor with the furthest', async () => {
    const { stored, asked, state, start } = world([item('a', 3), item('b', 1), item('c', 2)]);
    const source = start();
    await turns();
    expect([...stored.keys()].sort()).toEqual([
      'a@2026-01-01T03:00:00.000Z',
      'b@2026-01-01T01:00:00.000Z',
      'c@2026-01-01T02:00:00.000Z',
    ]);
    expect(state.cursor).toBe('2026-01-01T03:00:00.000Z');
    expect(asked).toEqual([{ limit: 2 }, { limit: 2, page: 2 }]);
    await source.stop();
  });

  it('asks for what came since, after a time that is not the same twice; an item that changed is another event', async () => {
    const { clock, stored, asked, start, items } = world([item('a', 1)]);
    const source = start();
    await turns();
    items.push(item('a', 2));
    clock.advance(90_000);
    await turns();
    expect(asked.at(-1)).toEqual({ limit: 2, updatedAfter: '2026-01-01T01:00:00.000Z' });
    expect([...stored.keys()]).toEqual(['a@2026-01-01T01:00:00.000Z', 'a@2026-01-01T02:00:00.000Z']);
    await source.stop();
  });

  it('reads the same listing again after a crash in its middle, and delivers under the same ids', async () => {
    const items = [item('a', 1), item('b', 2), item('c', 3), item('d', 4)];
    for (let crashAt = 0; crashAt < items.length; crashAt++) {
      const { stored, state, start, asked } = world(items);
      state.crashAt = crashAt;
      const first = start();
      await turns();
      await first.stop();
      expect(state.cursor).toBeUndefined();
      state.crashAt = Number.POSITIVE_INFINITY;
      const second = start();
      await turns();
      await second.stop();
      expect(asked.every((input) => input['updatedAfter'] === undefined)).toBe(true);
      expect([...stored.values()]).toHaveLength(4);
      expect(state.cursor).toBe('2026-01-01T04:00:00.000Z');
    }
  });

  it('begins where it is told, and goes back by the overlap', async () => {
    const { asked, start } = world([], { initial: '2026-01-01T00:00:00.000Z', overlapMs: 60_000 });
    const source = start();
    await turns();
    expect(asked).toEqual([{ limit: 2, updatedAfter: '2025-12-31T23:59:00.000Z' }]);
    await source.stop();
  });

  it.each([
    ['string', '1700000000000'],
    ['integer', 1_700_000_000_000],
  ])('asks at a place of the body, with what the contract takes there: %s', async (type, sent) => {
    const value = { in: '/body/filters/0/value', from: '/updatedAt', initial: '1700000000000', overlapMs: 0 };
    const input = {
      properties: { body: { $ref: '#/$defs/Search' } },
      $defs: { Search: { properties: { filters: { items: { properties: { value: { type } } } } } } },
    };
    const { asked, start } = world(
      [],
      {},
      {
        with: { body: { filters: [{ name: 'changed' }], limit: 2 } },
        cursor: value,
        operation: {
          ...operationPlan({ input }),
          pagination: { type: 'cursor', in: '/body/after', out: '/next', items: '/items' },
        },
      },
    );
    const source = start();
    await turns();
    expect(asked).toEqual([{ body: { filters: [{ name: 'changed', value: sent }], limit: 2 } }]);
    await source.stop();
  });

  it('says why it cannot, and tries again', async () => {
    const { clock, reports, states, state, start, stored } = world([item('a', 1)]);
    state.fails = true;
    const source = start();
    await turns();
    expect(reports).toEqual(['changed: status 503']);
    expect(states).toEqual(['connecting']);
    state.fails = false;
    clock.advance(200);
    await turns();
    expect(stored.size).toBe(1);
    expect(reports.at(-1)).toBe('consuming');
    await source.stop();
  });
});

describe('a poll over pages that are counted', () => {
  /** Sorted by change, two on a page; `meanwhile` happens before the answer of the nth call. */
  function moving(items: Item[], meanwhile: (n: number) => void, more: Partial<PaginationManifest> = {}) {
    const state: { calls: number; pages: number[] } = { calls: 0, pages: [] };
    const operation = {
      ...operationPlan(),
      // A part of a pagination, put together with the rest of it.
      pagination: { type: 'page', in: 'page', start: 1, items: '', ...more } as PaginationManifest,
    };
    const call = async ({ input }: { readonly input: JsonObject }): Promise<CallResult> => {
      meanwhile(++state.calls);
      const page = Number(input['page'] ?? 1);
      state.pages.push(page);
      const since = String(input['updatedAfter'] ?? '');
      const found = items
        .filter(({ updatedAt }) => updatedAt >= since)
        .toSorted((a, b) => (a.updatedAt < b.updatedAt ? -1 : 1));
      // Items of the test, JSON by what they are made of.
      const body = found.slice((page - 1) * 2, page * 2) as unknown as Json;
      return { ok: true, status: 200, body, headers: {} };
    };
    return { ...world(items, { overlapMs: 60_000 }, { operation }, call), moved: state };
  }

  const four = (): Item[] => [item('a', 1), item('b', 2), item('c', 3), item('d', 4)];

  it('takes an item that moves to a page that was read, which no overlap would bring back', async () => {
    const items = four();
    const { stored, state, start } = moving(items, (n) => {
      // What stood first is changed: `c`, which is hours old, is on the first page from here on.
      if (n === 2) items[0] = item('a', 9);
    });
    const source = start();
    await turns();
    expect(
      [...stored.keys()]
        .map((id) => id[0])
        .sort()
        .join(''),
    ).toBe('aabcd');
    expect(state.cursor).toBe('2026-01-01T09:00:00.000Z');
    await source.stop();
  });

  it('takes it from the last page as well, where the one behind it is empty by then', async () => {
    const items = [item('a', 1), item('b', 2), item('c', 3)];
    const { stored, start } = moving(items, (n) => {
      if (n === 2) items.shift();
    });
    const source = start();
    await turns();
    expect(
      [...stored.keys()]
        .map((id) => id[0])
        .sort()
        .join(''),
    ).toBe('abc');
    await source.stop();
  });

  it('takes one under any change to any page, as long as a page does not go as a whole', async () => {
    for (let at = 2; at <= 8; at++)
      for (let gone = 0; gone < 6; gone++) {
        const items = [1, 2, 3, 4, 5, 6, 7].map((hour) => item(`i${hour}`, hour));
        const { stored, start } = moving(items, (n) => {
          if (n === at) items.splice(gone, 1, item(`i${gone + 1}`, 20));
        });
        const source = start();
        await turns();
        const known = new Set([...stored.keys()].map((id) => id.split('@')[0]));
        expect([...known].sort(), `${gone} at call ${at}`).toHaveLength(7);
        await source.stop();
      }
  });

  it('goes no further where nothing of a page is left on it, and lists the same again', async () => {
    const items = [1, 2, 3, 4, 5, 6, 7].map((hour) => item(`i${hour}`, hour));
    const { clock, stored, state, start, reports } = moving(items, (n) => {
      if (n === 2) items.splice(0, 4);
    });
    const source = start();
    await turns();
    expect(state.cursor).toBeUndefined();
    expect(reports.join()).toContain('moved on by more than a page');
    clock.advance(90_000);
    await turns();
    expect([...stored.keys()].map((id) => id.split('@')[0])).toEqual(
      expect.arrayContaining(['i5', 'i6', 'i7']),
    );
    expect(state.cursor).toBe('2026-01-01T07:00:00.000Z');
    await source.stop();
  });

  it('is taken from all the same while its items leave as they are handled, at its own pace, and says so', async () => {
    const items = [1, 2, 3, 4, 5, 6, 7].map((hour) => item(`i${hour}`, hour));
    const handled = moving(items, () => {
      // What was delivered stands in the listing no longer.
      for (const id of handled.stored.keys()) {
        const at = items.findIndex((one) => id.startsWith(`${one.id}@`));
        if (at >= 0) items.splice(at, 1);
      }
    });
    const { clock, states, reports, moved, stored, state, start } = handled;
    const source = start();
    await turns();
    expect(states).toEqual(['consuming']);
    expect(reports[0]).toMatch(
      /^changed: .* moved on by more than a page .*; listed again from the same place$/,
    );
    expect(state.cursor).toBeUndefined();
    const { calls } = moved;
    // The longest pause of a broken connection.
    clock.advance(15_000);
    await turns();
    expect(moved.calls).toBe(calls);
    for (let round = 0; round < 9; round++) {
      clock.advance(90_000);
      await turns();
    }
    expect(stored.size).toBe(7);
    expect(new Set(states)).toEqual(new Set(['consuming']));
    expect(reports.at(-1)).toBe('consuming');
    await source.stop();
  });

  it('reads each page once where the manifest says that nothing moves', async () => {
    const { start, moved } = moving(four(), () => {}, { stable: true });
    const source = start();
    await turns();
    expect(moved.pages).toEqual([1, 2, 3]);
    await source.stop();
  });
});

async function turns(): Promise<void> {
  for (let turn = 0; turn < 200; turn++) await Promise.resolve();
}
