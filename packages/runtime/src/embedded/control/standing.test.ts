import { afterEach, describe, expect, test } from 'vitest';
import { type Bench, openBenchWith, refused, unavailable } from '../../testing/bench.ts';
import { keysNamed } from '../../testing/keys.ts';
import { call, planFor } from '../../testing/plan.ts';

let bench: Bench;
afterEach(() => bench.close());

const behind = (runId: string): string | undefined => {
  const listed = bench.runtime.runs().find((one) => one.runId === runId);
  expect(bench.runtime.run(runId)?.behind).toEqual(listed?.behind);
  return listed?.behind;
};
const ordered = planFor({
  onFailure: 'hold',
  identity: {
    key: { expression: 'event.id' },
    retainMs: 1_000_000,
    orderBy: { expression: 'event.account' },
  },
  steps: [call('put', 'acme.put')],
});

describe.each([
  ['in clear', {}],
  ['encrypted', { encryption: keysNamed('k1') }],
])('of runs with one order key, in a file %s,', (_, start) => {
  test('each that waits for its turn names the one that goes before', async () => {
    bench = await openBenchWith(start, [ordered]);
    bench.target.script = { put: [{ fail: unavailable }] };
    const first = await bench.order({ id: 'a', account: 'x' });
    const second = await bench.order({ id: 'b', account: 'x' });
    const third = await bench.order({ id: 'c', account: 'x' });
    const other = await bench.order({ id: 'd', account: 'y' });
    await bench.runtime.idle();
    expect([first, second, third, other].map(behind)).toEqual([undefined, first, first, undefined]);
    await bench.pass(60_000);
    expect([first, second, third].map(behind)).toEqual([undefined, undefined, undefined]);
  });

  test('so does one that was parked and resumed, of a later one that is at its turn', async () => {
    bench = await openBenchWith(start, [ordered]);
    bench.target.script = { put: [{ fail: refused }, { fail: unavailable }] };
    const first = await bench.order({ id: 'a', account: 'x' });
    const second = await bench.order({ id: 'b', account: 'x' });
    await bench.runtime.idle();
    expect([bench.state(first), bench.state(second)]).toEqual(['failed', 'waiting']);
    await bench.runtime.resume(first, 'ana', 'mended');
    await bench.runtime.idle();
    expect([first, second].map(behind)).toEqual([second, undefined]);
  });
});
