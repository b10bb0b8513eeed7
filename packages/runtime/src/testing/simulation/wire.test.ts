import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Bench, openBench } from '../bench.ts';
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
