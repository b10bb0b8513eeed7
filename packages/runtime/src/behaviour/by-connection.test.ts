import { DatabaseSync } from 'node:sqlite';
import { afterEach, describe, expect, test } from 'vitest';
import { type Bench, openBench, refused } from '../testing/bench.ts';
import { call, planFor, probe, step } from '../testing/plan.ts';

let bench: Bench;
afterEach(() => bench?.close());

const identity = { key: { expression: "connection + ':' + event.id" }, retainMs: 86_400_000 };
const put = call('put', 'acme.put');
let deliveries = 0;
const accept = (source: string, id: string, event = 'shop.ordered') =>
  bench.runtime.accept({ event, payload: { id }, deliveryId: `b-${++deliveries}`, source });
const keysOf = (runs: readonly { readonly key: string }[]) => runs.map(({ key }) => key);

describe('of two accounts', () => {
  test('the runs of one are found, and each says over which its event came', async () => {
    bench = await openBench(planFor({ identity, steps: [put] }));
    for (const [source, id] of [
      ['eu', '1'],
      ['us/orders', '2'],
      ['eu', '3'],
      ['us', '4'],
    ] as const)
      await accept(source, id);
    await bench.runtime.idle();
    expect(keysOf(bench.runtime.runs({ connection: 'us' }))).toEqual(['us:4', 'us:2']);
    expect(keysOf(await bench.runtime.findRuns({ connection: 'eu', state: 'succeeded' }))).toEqual([
      'eu:3',
      'eu:1',
    ]);
    expect(keysOf(await bench.runtime.findRuns({ connection: 'eu', limit: 1 }))).toEqual(['eu:3']);
    expect(await bench.runtime.findRuns({ connection: 'eu', open: true })).toEqual([]);
    expect(await bench.runtime.findRuns({ connection: 'eu', pipeline: 'others' })).toEqual([]);
    expect(await bench.runtime.findRuns({ connection: 'asia' })).toEqual([]);
    const [run] = bench.runtime.runs({ connection: 'us' });
    expect(run).toMatchObject({ connection: 'us' });
    expect(bench.runtime.run(run!.runId)).toMatchObject({ connection: 'us' });
    await bench.crash();
    await accept('us', '5');
    expect(keysOf(bench.runtime.runs({ connection: 'us' }))).toEqual(['us:5', 'us:4', 'us:2']);
  });

  test('what is parked, in doubt or waits for a person says whose it is', async () => {
    const approve = step('approve', 'yes', {
      by: 'finance',
      withinMs: 3_600_000,
      onExpiry: 'reject',
      show: { literal: {} },
    });
    bench = await openBench(
      planFor({ identity, onFailure: 'hold', steps: [put] }),
      planFor({
        pipeline: 'blind',
        identity,
        trigger: { event: 'shop.paid' },
        steps: [call('made', 'acme.createBlind', { probe })],
      }),
      planFor({ pipeline: 'asked', identity, trigger: { event: 'shop.shipped' }, steps: [approve] }),
    );
    bench.target.script = {
      put: [{ fail: refused }, { fail: refused }],
      createBlind: [{ loseAnswer: true }],
    };
    bench.target.script['find'] = Array.from({ length: 9 }, () => ({ fail: refused }));
    await accept('eu', '1');
    await accept('us/orders', '1');
    await accept('us', '1', 'shop.paid');
    await accept('eu', '1', 'shop.shipped');
    await bench.pass(60_000);
    const { runtime } = bench;
    expect(runtime.deadLetters()).toMatchObject([{ connection: 'eu' }, { connection: 'us' }]);
    expect(keysOf(runtime.deadLetters({ connection: 'us' }))).toEqual(['us:1']);
    expect(runtime.deadLetterGroups({ connection: 'us' })).toMatchObject([{ count: 1 }]);
    expect(runtime.inDoubt()).toMatchObject([{ connection: 'us', evidence: { connection: 'acme' } }]);
    expect(runtime.approvals()).toMatchObject([{ connection: 'eu' }]);
  });

  test('an alarm says which account is in trouble', async () => {
    bench = await openBench(planFor({ identity, onFailure: 'hold', steps: [put] }));
    bench.limits = { deadLettersAlarm: 3, watchEveryMs: 10_000 };
    await bench.restart();
    bench.target.script = { put: Array.from({ length: 4 }, () => ({ fail: refused })) };
    for (const [source, id] of [
      ['us', '1'],
      ['eu', '1'],
      ['us/orders', '2'],
      ['us', '3'],
    ] as const)
      await accept(source, id);
    await bench.runtime.idle();
    await bench.pass(30_000);
    expect(bench.runtime.flow().alarms).toMatchObject([
      {
        alarm: 'deadLetters',
        message: expect.stringMatching(/of events 3 over us, 1 over eu$/),
        connections: { us: 3, eu: 1 },
      },
    ]);
  });

  test('the runs of one alone are replayed or cancelled', async () => {
    bench = await openBench(planFor({ identity, onFailure: 'hold', steps: [put] }));
    bench.target.script = { put: [{ fail: refused }, { fail: refused }] };
    await accept('eu', '1');
    await accept('us', '1');
    await bench.runtime.idle();
    for (const filter of [
      { connection: 'us' },
      { connection: 'us', state: 'failed' },
      { connection: 'us', queue: 'repair' },
    ] as const) {
      const planned = await bench.runtime.planReplay(filter, 'ana', 'mended');
      expect(planned.ok && keysOf(planned.report.runs), JSON.stringify(filter)).toEqual(['us:1']);
    }
    const cancelled = await bench.runtime.planCancel({ connection: 'eu' }, 'ana', 'no more');
    expect(cancelled.ok && keysOf(cancelled.report.runs)).toEqual(['eu:1']);
  });
});

test('runs of an earlier version are found while they are looked through, and after', async () => {
  bench = await openBench(planFor({ identity, steps: [put] }));
  for (let index = 0; index < 300; index++) await accept(index % 150 === 7 ? 'us' : 'eu', String(index));
  await bench.runtime.idle();
  await bench.runtime.stop();
  // As the version before left it.
  const older = new DatabaseSync(bench.file);
  older.exec(`UPDATE runs SET connection = NULL; DELETE FROM connection_parts;
    UPDATE settings SET value = (SELECT max(seq) FROM runs) WHERE name = 'connectionsLeft'`);
  older.close();
  await bench.restart();
  await accept('us', 'new');
  const wanted = ['us:new', 'us:157', 'us:7'];
  expect(keysOf(bench.runtime.runs({ connection: 'us' }))).toEqual(wanted);
  await bench.runtime.idle();
  const filled = new DatabaseSync(bench.file, { readOnly: true });
  expect(filled.prepare(`SELECT value FROM settings WHERE name = 'connectionsLeft'`).get()).toMatchObject({
    value: '0',
  });
  expect(
    filled.prepare(`SELECT part FROM connection_parts WHERE connection = 'us' ORDER BY part`).all(),
  ).toEqual([expect.objectContaining({ part: 0 }), expect.objectContaining({ part: 1 })]);
  filled.close();
  const runs = await bench.runtime.findRuns({ connection: 'us' });
  expect(keysOf(runs)).toEqual(wanted);
  expect(runs.map(({ connection }) => connection)).toEqual(['us', 'us', 'us']);
});
