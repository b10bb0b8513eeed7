import { afterEach, describe, expect, test } from 'vitest';
import { type Bench, openBench, unavailable } from '../testing/bench.ts';
import { call, planFor } from '../testing/plan.ts';

let bench: Bench;
afterEach(() => bench.close());

const YEAR_MS = 365 * 86_400_000;
/** The target remembers its keys for fifteen seconds, and a call may arrive ten after it was asked for. */
const plan = planFor({ steps: [call('invoice', 'acme.shortKey')], onFailure: 'hold' });

/** An order whose first answer is lost: it waits to be sent again. */
async function unclear(): Promise<string> {
  bench = await openBench(plan);
  bench.target.script = { shortKey: [{ loseAnswer: true }] };
  const runId = await bench.order({ id: 'a' });
  await bench.runtime.idle();
  expect(bench.target.count('shortKey')).toBe(1);
  return runId;
}

/** A call that the process dies in. */
async function cutShort(id: string): Promise<string> {
  const called = new Promise<void>((resolve) => {
    bench.target.onHang = resolve;
  });
  bench.target.script = { shortKey: [{ never: 'after' }] };
  const runId = await bench.order({ id });
  await called;
  return runId;
}

describe('a key that the target may have forgotten is not sent again', () => {
  test('though the clock was set back since', async () => {
    const runId = await unclear();
    bench.clock.jump(-20_000);
    await bench.pass(60_000);
    expect(bench.target.count('shortKey')).toBe(1);
    expect(bench.state(runId)).toBe('inDoubt');
  });

  test('though another process set back its clock', async () => {
    const runId = await unclear();
    bench.clock.jump(-20_000);
    await bench.restart();
    // By the clock it was sent four seconds ago.
    await bench.pass(24_000);
    expect(bench.target.count('shortKey')).toBe(1);
    expect(bench.state(runId)).toBe('inDoubt');
  });

  test('though the clock was set back while no process looked', async () => {
    const runId = await unclear();
    await bench.runtime.stop();
    bench.clock.advance(60_000);
    bench.clock.jump(-62_000);
    await bench.restart();
    await bench.pass(10_000);
    expect(bench.target.count('shortKey')).toBe(1);
    expect(bench.state(runId)).toBe('inDoubt');
  });

  test('though it was sent a second time after a crash, not long ago', async () => {
    bench = await openBench(plan);
    const runId = await cutShort('a');
    bench.clock.advance(2_500);
    bench.target.script = { shortKey: Array.from({ length: 4 }, () => ({ loseAnswer: true as const })) };
    await bench.crash();
    await bench.pass(60_000);
    // A fourth call may stand in a line for five seconds and take five more, and come too late.
    expect(bench.target.count('shortKey')).toBe(3);
    expect(bench.state(runId)).toBe('inDoubt');
  });
});

test('what was cut short is not forgotten though the wait before it is to be waited again', async () => {
  bench = await openBench(plan);
  const called = new Promise<void>((resolve) => {
    bench.target.onHang = resolve;
  });
  bench.target.script = { shortKey: [{ fail: unavailable }, { never: 'after' }] };
  const runId = await bench.order({ id: 'a' });
  await bench.runtime.idle();
  bench.clock.advance(1_000);
  await called;
  bench.clock.jump(-60_000);
  await bench.crash();
  await bench.runtime.idle();
  expect(bench.state(runId)).toBe('waiting');
  await bench.pass(120_000);
  expect(bench.target.doubled).toEqual([]);
  expect(bench.state(runId)).toBe('inDoubt');
});

describe('a key that the target remembers is sent again', () => {
  test('by a clock that was set right by a year, at once and after a crash', async () => {
    bench = await openBench(plan);
    await bench.order({ id: 'before' });
    await bench.runtime.idle();
    bench.clock.jump(-YEAR_MS);
    const first = await cutShort('a');
    await bench.crash();
    await bench.pass(5_000);
    expect(bench.state(first)).toBe('succeeded');

    bench.target.script = { shortKey: [{ loseAnswer: true }] };
    const second = await bench.order({ id: 'b' });
    await bench.pass(5_000);
    expect(bench.state(second)).toBe('succeeded');
    expect(bench.target.doubled).toEqual([]);
  });

  test('by a clock that was set right while no process looked', async () => {
    bench = await openBench(plan);
    await bench.order({ id: 'before' });
    await bench.runtime.stop();
    bench.clock.jump(-YEAR_MS);
    await bench.restart();
    const first = await cutShort('a');
    await bench.crash();
    await bench.pass(5_000);
    expect(bench.state(first)).toBe('succeeded');
    expect(bench.target.doubled).toEqual([]);
  });
});

test('that a clock was set back is in the ledger, once', async () => {
  bench = await openBench(plan);
  await bench.order({ id: 'a' });
  await bench.runtime.idle();
  bench.clock.jump(-5_000);
  await bench.order({ id: 'b' });
  await bench.restart();
  bench.clock.jump(3_600_000);
  await bench.order({ id: 'c' });
  await bench.runtime.idle();
  const told = bench.runtime.trace({ system: true }).filter(({ kind }) => kind === 'clock');
  expect(told.map(({ details }) => details)).toEqual([{ setBackMs: 5_000 }]);
});
