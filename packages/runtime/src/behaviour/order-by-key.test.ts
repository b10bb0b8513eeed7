import { afterEach, describe, expect, test } from 'vitest';
import { type Bench, openBench, refused, unavailable } from '../testing/bench.ts';
import { call, planFor, step, undoable } from '../testing/plan.ts';
import { until } from '../testing/until.ts';

let bench: Bench;
afterEach(() => bench.close());

describe('order by key', () => {
  test('runs of a key go one at a time, in order; others beside them', async () => {
    bench = await openBench(
      planFor({
        identity: { key: { expression: 'event.id' }, retainMs: 1, orderBy: { expression: 'event.account' } },
        steps: [call('get', 'acme.get'), undoable('one')],
      }),
    );
    bench.target.script = { get: [{ fail: unavailable }] };
    const first = await bench.order({ id: 'a1', account: 'A' });
    await bench.runtime.idle();
    const second = await bench.order({ id: 'a2', account: 'A' });
    const third = await bench.order({ id: 'a3', account: 'A' });
    const other = await bench.order({ id: 'b1', account: 'B' });
    await bench.runtime.idle();
    const states = () => [first, second, third, other].map((id) => bench.state(id));
    expect(states()).toEqual(['waiting', 'accepted', 'accepted', 'succeeded']);
    await bench.crash();
    expect(states()).toEqual(['waiting', 'accepted', 'accepted', 'succeeded']);
    await bench.pass(1_000);
    expect(states()).toEqual(['succeeded', 'succeeded', 'succeeded', 'succeeded']);
    const keys = bench.entries
      .filter(({ kind, step }) => kind === 'outcome' && step === 'one')
      .map(({ runId }) => runId);
    expect(keys).toEqual([other, first, second, third]);
  });

  test('a failed run lets the next one go; resumed, it waits its turn', async () => {
    bench = await openBench(
      planFor({
        onFailure: 'hold',
        identity: { key: { expression: 'event.id' }, retainMs: 1, orderBy: { expression: 'event.account' } },
        steps: [call('put', 'acme.put'), step('wait', 'w', { for: { durationMs: 1_000 } })],
      }),
    );
    bench.target.script = { put: [{ fail: refused }] };
    const first = await bench.order({ id: 'a1', account: 'A' });
    const second = await bench.order({ id: 'a2', account: 'A' });
    await bench.runtime.idle();
    expect([bench.state(first), bench.state(second)]).toEqual(['failed', 'waiting']);
    await bench.runtime.resume(first, 'ana', 'mended');
    await bench.runtime.idle();
    expect(bench.target.count('put')).toBe(2);
    await bench.pass(1_000);
    await bench.pass(1_000);
    expect([bench.state(first), bench.state(second)]).toEqual(['succeeded', 'succeeded']);
  });

  test('the turn that a resumed run waits for takes nothing from its deadline', async () => {
    bench = await openBench(
      planFor({
        onFailure: 'hold',
        limits: { concurrency: 20, deadlineMs: 5_000 },
        identity: { key: { expression: 'event.id' }, retainMs: 1, orderBy: { expression: 'event.account' } },
        steps: [
          call('put', 'acme.put'),
          step('wait', 'w', { when: 'event.id == "a2"', for: { durationMs: 60_000 } }),
          call('get', 'acme.get'),
        ],
      }),
    );
    bench.target.script = { put: [{ fail: refused }] };
    const first = await bench.order({ id: 'a1', account: 'A' });
    await bench.order({ id: 'a2', account: 'A' });
    await bench.runtime.idle();
    await bench.runtime.resume(first, 'ana', 'mended');
    await bench.pass(30_000);
    await bench.crash();
    bench.target.script = { get: [undefined, ...Array.from({ length: 3 }, () => ({ fail: unavailable }))] };
    await bench.pass(30_000);
    const turnAtMs = bench.clock.now();
    expect(bench.target.count('put')).toBe(3);
    expect(bench.state(first)).toBe('waiting');
    // From then on it counts: a fourth try would come after 7 s.
    await bench.pass(10_000);
    expect(bench.state(first)).toBe('failed');
    expect(bench.runtime.run(first)?.updatedAtMs).toBe(turnAtMs + 5_000);
  });
});

describe('limits', () => {
  test('no more runs of a pipeline are active than it allows', async () => {
    bench = await openBench(
      planFor({ limits: { concurrency: 3, deadlineMs: 60_000 }, steps: [call('get', 'acme.get')] }),
    );
    let open = 0;
    let most = 0;
    const release: (() => void)[] = [];
    bench.target.onCall = (when) => {
      if (when === 'before') most = Math.max(most, ++open);
      else open--;
    };
    bench.target.script = {
      get: Array.from({ length: 20 }, () => {
        const { promise, resolve } = Promise.withResolvers<void>();
        release.push(resolve);
        return { wait: promise.then(() => {}) };
      }),
    };
    bench.target.onCall = (when) => {
      if (when === 'before') most = Math.max(most, ++open);
    };
    for (let i = 0; i < 20; i++) await bench.order({ id: `o${i}` });
    for (let i = 0; i < 20; i++) {
      await until(() => open > i);
      release[i]!();
      if (i >= 2) most = Math.max(most, bench.runtime.runs({ state: 'running' }).length);
    }
    await bench.runtime.idle();
    expect(bench.runtime.runs({ state: 'succeeded' })).toHaveLength(20);
    expect(bench.runtime.runs({ limit: 1 })).toHaveLength(1);
  });
});
