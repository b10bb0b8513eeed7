import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Behaviour, type Bench, openBench, refused, unavailable } from '../bench.ts';
import { call, planFor } from '../plan.ts';
import { Coverage } from './coverage.ts';
import { Wire } from './wire.ts';

let bench: Bench;
let wire: Wire;
beforeEach(async () => {
  bench = await openBench();
  const policy = { timeoutMs: 5_000, inFlightMax: 1, failures: [] };
  wire = new Wire(bench, { policy, deadlineMs: 5_000, isProbing: false }, new Coverage());
});
afterEach(() => bench.close());

test('a process that is stopped has stored all that it knew', async () => {
  await bench.restart();
  expect(wire.events).toEqual([{ is: 'stopped', atMs: bench.clock.steady() }]);
});

test('one whose disk took nothing any more had stored no more than half a second before that', async () => {
  const brokenAtMs = bench.clock.steady();
  wire.diskFailed();
  await bench.pass(3_000);
  await bench.restart();
  await bench.restart();
  expect(wire.events).toEqual([
    { is: 'killed', atMs: brokenAtMs + 3_000, knownUntilMs: brokenAtMs - 500 },
    { is: 'stopped', atMs: brokenAtMs + 3_000 },
  ]);
});

describe('a key that is remembered for 15 s', () => {
  const short = planFor({ steps: [call('pay', 'acme.shortKey')] }).operations['acme.shortKey']!;
  let runId: string;
  /** Sent over the guard at once, `afterMs` after the one before; answered with that. */
  const send = async (afterMs: number, answer: Behaviour): Promise<void> => {
    await bench.pass(afterMs);
    bench.target.decide = () => answer;
    const origin = { pipeline: 'orders', runId, step: 'pay' };
    const transport = bench.guard!(bench.target, 'acme', bench.clock, () => false);
    await transport.call({
      operation: short,
      input: {},
      idempotencyKey: 'k',
      origin,
      isCalledOff: () => false,
    });
  };
  beforeEach(async () => {
    await bench.runtime.activate(planFor({ steps: [call('pay', 'acme.put')] }));
    bench.target.script = { put: [{ fail: refused }] };
    runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
  });

  test('is sent again only while it is remembered for as long as the call may take, in lines and on its way', async () => {
    await send(0, { loseAnswer: true });
    await send(5_000, { loseAnswer: true });
    expect(wire.lateKeys).toEqual([]);
    await send(1, { loseAnswer: true });
    expect(wire.lateKeys).toEqual([
      'acme.shortKey of pay might have come 15001 ms after its key was first sent',
    ]);
  });

  test('is sent at any time where nothing can have happened', async () => {
    await send(0, { fail: unavailable });
    await send(60_000, { loseAnswer: true });
    await send(1_000, { loseAnswer: true });
    expect(wire.lateKeys).toEqual([]);
  });

  test('is sent at any time once a person has said how it goes on', async () => {
    await send(0, { loseAnswer: true });
    await bench.pass(60_000);
    await bench.runtime.resume(runId, 'ana', 'looked');
    await bench.runtime.idle();
    await send(0, { loseAnswer: true });
    expect(wire.lateKeys).toEqual([]);
  });
});
