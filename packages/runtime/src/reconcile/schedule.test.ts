import { afterEach, describe, expect, test } from 'vitest';
import { type Bench, openBench } from '../testing/bench.ts';
import { listBoth, reconciliationFor } from '../testing/reconciliation.ts';

let bench: Bench;
afterEach(() => bench?.close());

describe('a schedule', () => {
  const nightly = reconciliationFor({
    schedule: { cron: '0 3 * * *', zone: 'Europe/Berlin', missed: 'once', jitterMs: 0 },
    // Days go by here while the thread compares.
    deadlineMs: 30 * 86_400_000,
  });
  const dueTimes = () =>
    bench.runtime
      .reconciliationReports()
      .map(({ scheduledAtMs }) => new Date(scheduledAtMs ?? 0).toISOString())
      .toReversed();

  test('carries it out when it is due, and for what was missed once', async () => {
    bench = await openBench();
    listBoth(bench);
    await bench.runtime.activateReconciliations([nightly]);
    expect(dueTimes()).toEqual([]);
    await night();
    expect(dueTimes()).toEqual(['2023-11-15T02:00:00.000Z']);
    await bench.runtime.stop();
    bench.clock.advance(3 * 86_400_000);
    await bench.restart();
    await bench.runtime.activateReconciliations([nightly]);
    await settled(2);
    expect(dueTimes()).toEqual(['2023-11-15T02:00:00.000Z', '2023-11-18T02:00:00.000Z']);
    await bench.restart();
    await bench.runtime.activateReconciliations([nightly]);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(dueTimes()).toHaveLength(2);
  });

  test('makes up for its very first moment, which came while no process was there', async () => {
    bench = await openBench();
    listBoth(bench);
    await bench.runtime.activateReconciliations([nightly]);
    await bench.runtime.stop();
    bench.clock.advance(86_400_000);
    await bench.restart();
    await bench.runtime.activateReconciliations([nightly]);
    await settled(1);
    expect(dueTimes()).toEqual(['2023-11-15T02:00:00.000Z']);
  });

  test('goes on when a clock that was ahead by a week is set right', async () => {
    bench = await openBench();
    listBoth(bench);
    bench.clock.jump(7 * 86_400_000);
    await bench.runtime.activateReconciliations([nightly]);
    await night();
    expect(dueTimes()).toEqual(['2023-11-22T02:00:00.000Z']);
    bench.clock.jump(-7 * 86_400_000);
    bench.clock.advance(60_000);
    await pause(20);
    // What is missed from there on is made up for, also by another process.
    await bench.runtime.stop();
    bench.clock.advance(86_400_000);
    await bench.restart();
    await bench.runtime.activateReconciliations([nightly]);
    await settled(2);
    expect(dueTimes().toSorted()).toEqual(['2023-11-16T02:00:00.000Z', '2023-11-22T02:00:00.000Z']);
  });

  const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

  async function night(): Promise<void> {
    for (let hours = 0; hours < 24; hours++) {
      bench.clock.advance(3_600_000);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await settled(1);
  }

  async function settled(count: number): Promise<void> {
    for (let looks = 0; looks < 200; looks++) {
      const reports = bench.runtime.reconciliationReports();
      if (reports.length === count && reports.every(({ state }) => state === 'complete')) return;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new Error(`${bench.runtime.reconciliationReports().length} reports, and not ${count}`);
  }
});
