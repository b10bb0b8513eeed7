import { afterEach, describe, expect, test } from 'vitest';
import type { SwitchRequest } from './switches.ts';
import { type Bench, openBench } from './testing/bench.ts';
import { call, planFor, undoable } from './testing/plan.ts';
import { acme, everything, liftSwitch, orders, setSwitch } from './testing/switching.ts';

let bench: Bench;
afterEach(() => bench.close());

const set = (request: SwitchRequest) => setSwitch(bench, request);
const lift = (id: string) => liftSwitch(bench, id);

test('the flow says which switches hold what goes over a connection', async () => {
  bench = await openBench(planFor({ steps: [undoable('one')] }));
  await bench.order({ id: 'a' });
  await bench.runtime.idle();
  const shown = () =>
    bench.runtime.flow().connections.map(({ connection, switches }) => [connection, ...switches]);
  expect(shown()).toEqual([['acme']]);
  await set(acme);
  await set({ kind: 'kill', scope: { everything: true }, sparesCompensation: false });
  await set(orders);
  expect(shown()).toEqual([['acme', 'kill/connection/acme', 'kill/everything']]);
  await lift('kill/connection/acme');
  expect(shown()).toEqual([['acme', 'kill/everything']]);
});

test('what no plan knows is not switched, and the near name is said', async () => {
  bench = await openBench(planFor({ steps: [call('one', 'acme.create')] }));
  const ask = (request: SwitchRequest) => bench.runtime.setSwitch(request, 'ana', 'a test');
  expect(await ask({ kind: 'pause', pipeline: 'order', onlyKeys: [] })).toEqual({
    ok: false,
    code: 'SWITCH_SUBJECT_UNKNOWN',
    message: 'no pipeline is called order; did you mean orders?',
  });
  expect(await ask({ ...acme, scope: { connection: 'acne' } })).toMatchObject({
    ok: false,
    message: 'no connection is called acne; did you mean acme?',
  });
  expect(await ask({ ...acme, scope: { connector: 'acne' } })).toMatchObject({
    ok: false,
    message: 'no connector is called acne; did you mean acme?',
  });
  expect(bench.runtime.switches()).toEqual([]);
  // Retired, its runs still go on: it can be stopped.
  await bench.runtime.retire('orders');
  expect(await ask({ kind: 'pause', pipeline: 'orders', onlyKeys: [] })).toMatchObject({ ok: true });
});

test('a connection over which no plan calls, as it is only taken from, is killed by its name, and its connector', async () => {
  bench = await openBench(planFor({ steps: [call('one', 'acme.create')] }));
  bench.connections = { acme: 'acme', bus: 'jetstream' };
  await bench.restart();
  await set({ ...acme, scope: { connection: 'bus' } });
  await set({ ...acme, scope: { connector: 'jetstream' } });
  expect(bench.runtime.killsOf('bus', 'jetstream')).toEqual([
    'kill/connection/bus',
    'kill/connector/jetstream',
  ]);
  expect(bench.runtime.killsOf('acme', 'acme')).toEqual([]);
});

test('each change is an entry with its actor and reason, and is listed until it is lifted, also by another process', async () => {
  bench = await openBench(planFor({ steps: [] }));
  const made = await set(orders);
  expect(made).toMatchObject({ id: 'kill/pipeline/orders', actor: 'ana', reason: 'a test' });
  await bench.restart();
  expect(bench.runtime.switches()).toEqual([made]);
  const { openLedger } = await import('./embedded/file/open-ledger.ts');
  const ledger = openLedger(bench.file);
  expect(ledger.switches()).toEqual([made]);
  ledger.close();
  await bench.pass(5_000);
  await lift(made.id);
  expect(bench.runtime.switches()).toEqual([]);
  expect(bench.runtime.trace({ system: true })).toMatchObject([
    { kind: 'activated', details: { pipeline: 'orders', contracts: [{ name: 'shop' }] } },
    {
      kind: 'switch',
      runId: '',
      details: { action: 'set', actor: 'ana', reason: 'a test', kind: 'kill' },
    },
    {
      kind: 'switch',
      details: { action: 'lift', id: made.id, actor: 'ben', reason: 'all well', heldMs: 5_000 },
    },
  ]);
});

describe('a switch that the disk refuses', () => {
  const shown = () => [
    bench.runtime.switches().map(({ id }) => id),
    bench.runtime.flow().pipelines.flatMap(({ switches }) => switches),
  ];
  const diskFailed = expect.objectContaining({ code: 'RUNTIME_DISK_FAILED' });
  const healed = async () => {
    bench.healDisk();
    await bench.restart();
  };

  test('is not shown as in force, as a restart would not find it', async () => {
    bench = await openBench(planFor({ steps: [undoable('one')] }));
    bench.failDisk();
    await expect(set(everything)).rejects.toEqual(diskFailed);
    // The runtime has stopped by now: it refuses the next as well.
    await expect(set({ kind: 'pause', pipeline: 'orders', onlyKeys: [] })).rejects.toEqual(diskFailed);
    expect(shown()).toEqual([[], []]);
    expect(bench.runtime.flow().intake.refusal?.code).toBe('RUNTIME_DISK_FAILED');
    await healed();
    expect(shown()).toEqual([[], []]);
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    expect(bench.state(runId)).toBe('succeeded');
  });

  test('leaves the one that it was to replace, and one that was to be lifted, also over a restart', async () => {
    bench = await openBench(planFor({ steps: [undoable('one')] }));
    const paused = await set({ kind: 'pause', pipeline: 'orders', onlyKeys: ['a'] });
    const killed = await set(everything);
    bench.failDisk();
    const asked = [
      set({ kind: 'pause', pipeline: 'orders', onlyKeys: [] }),
      set({ kind: 'pause', pipeline: 'orders', onlyKeys: ['b'] }),
      bench.runtime.liftSwitch(killed.id, 'ben', 'all well'),
    ];
    for (const one of asked) await expect(one).rejects.toEqual(diskFailed);
    expect(bench.runtime.switches().toSorted((a, b) => (a.id < b.id ? -1 : 1))).toEqual([killed, paused]);
    await healed();
    expect(bench.runtime.switches()).toEqual([killed, paused]);
    await bench.order({ id: 'a' });
    await bench.runtime.idle();
    expect(bench.target.calls).toEqual([]);
  });

  test('is shown where it is on the disk all the same, and so is found', async () => {
    bench = await openBench(planFor({ steps: [] }));
    bench.failNextWrite('after', () => {});
    await expect(set(everything)).rejects.toEqual(diskFailed);
    expect(shown()).toEqual([['kill/everything'], ['kill/everything']]);
    await healed();
    expect(shown()).toEqual([['kill/everything'], ['kill/everything']]);
  });
});
