import { afterEach, describe, expect, test } from 'vitest';
import { type Bench, openBench } from '../testing/bench.ts';
import { call, planFor, probe } from '../testing/plan.ts';
import { until } from '../testing/until.ts';

let bench: Bench;
afterEach(() => bench.close());

describe('a closed window', () => {
  const closedFrom = (fromMs: number, forMs: number): void => {
    const { clock } = bench;
    bench.closedUntil = () =>
      clock.now() >= fromMs && clock.now() < fromMs + forMs ? fromMs + forMs : undefined;
  };

  test('holds calls until it opens, without an attempt or the deadline counting', async () => {
    bench = await openBench(
      planFor({ limits: { concurrency: 5, deadlineMs: 60_000 }, steps: [call('one', 'acme.create')] }),
    );
    const opensAtMs = bench.clock.now() + 7_200_000;
    bench.closedUntil = () => (bench.clock.now() < opensAtMs ? opensAtMs : undefined);
    const runId = await bench.order({ id: 'a' });
    await bench.pass(3_600_000);
    expect(bench.runtime.runs()[0]).toMatchObject({ state: 'waiting', heldBy: ['maintenance/acme'] });
    await bench.restart();
    await bench.pass(3_600_000);
    expect(bench.state(runId)).toBe('succeeded');
    expect(bench.target.calls[0]?.atMs).toBe(opensAtMs);
    expect(bench.runtime.run(runId)?.steps[0]?.attempts).toBe(1);
  });

  test('that closes while a look before a write is answered: the write waits, and what is there is looked at anew', async () => {
    bench = await openBench(planFor({ steps: [call('one', 'acme.createChecked', { probe })] }));
    const answered = Promise.withResolvers<void>();
    bench.target.script = { find: [{ wait: answered.promise }] };
    const startedAtMs = bench.clock.now();
    closedFrom(startedAtMs + 3_000, 3_600_000);
    const runId = await bench.order({ id: 'a' });
    await until(() => bench.target.calls.length === 1);
    bench.clock.advance(5_000);
    answered.resolve();
    await bench.pass(60_000);
    expect(bench.target.calls.map(({ operation }) => operation)).toEqual(['find']);
    expect(bench.runtime.runs()[0]).toMatchObject({ state: 'waiting', heldBy: ['maintenance/acme'] });
    await bench.crash();
    await bench.pass(3_600_000);
    expect(bench.state(runId)).toBe('succeeded');
    expect(bench.target.calls.map(({ operation, atMs }) => [operation, atMs - startedAtMs])).toEqual([
      ['find', 0],
      ['find', 3_603_000],
      ['createChecked', 3_603_000],
    ]);
    expect(bench.runtime.run(runId)?.steps).toMatchObject([{ state: 'succeeded', attempts: 1 }]);
  });

  test('that closes between an intent and the wire: no attempt is made, and no doubt remains', async () => {
    bench = await openBench(planFor({ steps: [call('one', 'acme.createBlind')] }));
    // The intent is on its way to the disk when the window closes.
    bench.onEntry = ({ kind }) => {
      if (kind === 'intent') closedFrom(startedAtMs, 60_000);
    };
    const startedAtMs = bench.clock.now();
    const runId = await bench.order({ id: 'a' });
    await bench.pass(59_999);
    expect(bench.target.calls).toEqual([]);
    expect(bench.state(runId)).toBe('waiting');
    await bench.pass(1);
    expect(bench.state(runId)).toBe('succeeded');
    expect(bench.target.calls).toHaveLength(1);
    expect(bench.runtime.run(runId)?.steps).toMatchObject([{ state: 'succeeded', attempts: 1 }]);
  });

  test('that closes while a call stands in a line of its transport calls it off', async () => {
    bench = await openBench(planFor({ steps: [call('one', 'acme.create')] }));
    const { promise: wait, resolve } = Promise.withResolvers<void>();
    bench.target.script = { create: [{ wait }] };
    await bench.order({ id: 'a' });
    await until(() => bench.target.calls.length === 1);
    const { isCalledOff } = bench.target.calls[0]!.request;
    const before = isCalledOff?.();
    closedFrom(bench.clock.now(), 60_000);
    const after = isCalledOff?.();
    resolve();
    expect([before, after]).toEqual([false, true]);
  });
});
