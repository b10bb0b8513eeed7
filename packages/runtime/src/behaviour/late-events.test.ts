import { DatabaseSync } from 'node:sqlite';
import { afterEach, describe, expect, test } from 'vitest';
import type { AcceptResult, RecheckFilter } from '../runtime.ts';
import { type Bench, openBench } from '../testing/bench.ts';
import { call, planFor } from '../testing/plan.ts';

let bench: Bench;
afterEach(() => bench.close());

const plan = planFor({
  identity: {
    key: { expression: "event.account + ':' + string(event.version)" },
    retainMs: 86_400_000,
    orderBy: { expression: 'event.account' },
    version: 'event.version',
  },
  steps: [call('set', 'acme.put', { with: { object: { version: { expression: 'event.version' } } } })],
});

let deliveries = 0;
const accept = (version: number, account = 'a'): Promise<AcceptResult> =>
  bench.runtime.accept({
    event: 'shop.ordered',
    payload: { id: 'x', account, version },
    deliveryId: `late-${++deliveries}`,
    source: 'shop',
  });
const written = () => bench.target.calls.map(({ input }) => (input as { version: number }).version);

describe('an event that is older than one of its entity that was taken', () => {
  test('starts no run, is stored, recorded and counted; nothing newer is overwritten', async () => {
    bench = await openBench(plan);
    expect(await accept(3)).toMatchObject({ ok: true, runs: [{ started: true }] });
    await bench.runtime.idle();
    const late = await accept(2);
    expect(late).toEqual({ ok: true, duplicateDelivery: false, runs: [], older: ['orders'] });
    await bench.runtime.idle();
    expect(written()).toEqual([3]);
    expect(bench.runtime.runs()).toHaveLength(1);
    expect(bench.runtime.trace({ system: true })).toContainEqual(
      expect.objectContaining({
        kind: 'olderSkipped',
        details: expect.objectContaining({
          pipeline: 'orders',
          event: 'shop.ordered',
          version: 2,
          newest: 3,
        }),
      }),
    );
    expect(bench.runtime.flow().counts.older).toBe(1);
  });

  test('is known after a restart and after a kill', async () => {
    bench = await openBench(plan);
    await accept(3);
    await bench.runtime.idle();
    await bench.restart();
    expect(await accept(2)).toMatchObject({ older: ['orders'] });
    await bench.crash();
    expect(await accept(1)).toMatchObject({ older: ['orders'] });
    expect(await accept(4)).toMatchObject({ runs: [{ started: true }] });
    await bench.runtime.idle();
    expect(written()).toEqual([3, 4]);
  });

  test('is told also when both come at one moment', async () => {
    bench = await openBench(plan);
    await Promise.all([5, 1, 4, 2, 3].map((version) => accept(version)));
    await bench.runtime.idle();
    expect(written()).toEqual([5]);
    expect(bench.runtime.flow().counts.older).toBe(4);
  });

  test('is of its own entity alone; the same version again is a duplicate as ever', async () => {
    bench = await openBench(plan);
    await accept(3);
    expect(await accept(2, 'b')).toMatchObject({ runs: [{ started: true }] });
    expect(await accept(3)).toMatchObject({ runs: [{ started: false }] });
    await bench.runtime.idle();
    expect(written()).toEqual([3, 2]);
  });

  test('is taken for new when what it would be held against is no longer kept', async () => {
    bench = await openBench({
      ...plan,
      hash: 'sha256:short',
      identity: { ...plan.identity, retainMs: 1_000 },
    });
    await accept(3);
    await bench.pass(2 * 3_600_000);
    expect(await accept(2)).toMatchObject({ runs: [{ started: true }] });
  });
});

describe('an event of an entity whose newest version is damaged in the file', () => {
  const damage = (): void => {
    const db = new DatabaseSync(bench.file);
    db.exec(`UPDATE newest SET version = '~00000000"3"' WHERE run_seq = 1`);
    db.close();
  };
  const recheck = async (filter: RecheckFilter) =>
    (await bench.runtime.recheck(filter, 'ana', 'looked at it over there')).events;

  test('is held whole with its owner and the row, so that nothing is lost and nothing newer overwritten', async () => {
    bench = await openBench(plan);
    await accept(3);
    await bench.runtime.idle();
    damage();
    for (const version of [2, 4])
      expect(await accept(version)).toMatchObject({ ok: true, runs: [{ started: true }] });
    expect(await accept(1, 'b'), 'others go on').toMatchObject({ ok: true });
    await bench.runtime.idle();
    expect(written()).toEqual([3, 1]);
    const newest = expect.stringMatching(/^newest of run \S+: the stored value is not/);
    const failure = { code: 'STORED_VALUE_DAMAGED', message: newest };
    expect(bench.runtime.deadLetters()).toMatchObject([
      { queue: 'quarantine', owner: plan.owner.team, failure },
      { queue: 'quarantine', owner: plan.owner.team, failure },
    ]);
    expect(await accept(3), 'what is known is a duplicate as ever').toMatchObject({
      runs: [{ started: false }],
    });
    await bench.restart();
    expect(await recheck({ apply: true })).toMatchObject([
      { outcome: 'overtaken', failure },
      { outcome: 'behind' },
    ]);
  });

  test('goes on when a person says so, in order, and from then on its version is known again', async () => {
    bench = await openBench(plan);
    await accept(3);
    await bench.runtime.idle();
    damage();
    await accept(5);
    await accept(4);
    await bench.runtime.idle();
    expect(await recheck({ overtaken: true })).toMatchObject([
      { outcome: 'passes', became: [{ as: 'started' }] },
      { outcome: 'passes', became: [{ as: 'started' }] },
    ]);
    expect(await recheck({ overtaken: true, apply: true })).toMatchObject([
      { outcome: 'released', became: [{ as: 'started' }] },
      { outcome: 'released', became: [{ as: 'older' }] },
    ]);
    await bench.runtime.idle();
    expect(written()).toEqual([3, 5]);
    expect(bench.runtime.deadLetters()).toEqual([]);
    expect(await accept(4, 'a')).toMatchObject({ runs: [], older: ['orders'] });
    expect(await accept(6)).toMatchObject({ runs: [{ started: true }] });
    await bench.runtime.idle();
    expect(written()).toEqual([3, 5, 6]);
  });

  test('is left alone when a person ends it as too old', async () => {
    bench = await openBench(plan);
    await accept(3);
    await bench.runtime.idle();
    damage();
    await accept(2);
    await bench.runtime.idle();
    const [letter] = bench.runtime.deadLetters();
    await bench.runtime.cancel(letter!.runId, 'ana', 'version 3 is there');
    await bench.runtime.idle();
    expect(bench.runtime.deadLetters()).toEqual([]);
    expect(await recheck({ overtaken: true, apply: true })).toEqual([]);
    expect(written()).toEqual([3]);
  });
});
