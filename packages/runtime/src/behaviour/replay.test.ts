import type { PlanStep } from '@tenon/pipeline';
import { afterEach, describe, expect, test } from 'vitest';
import type { ReplayFilter, ReplayReport } from '../runtime.ts';
import { type Bench, failure, openBench, openBenchWith, refused, unavailable } from '../testing/bench.ts';
import { call, childPlan, planFor, run, step, undoable } from '../testing/plan.ts';

let bench: Bench;
afterEach(() => bench.close());

const held = planFor({ onFailure: 'hold', steps: [undoable('one'), call('put', 'acme.put')] });

async function dryRun(filter: ReplayFilter): Promise<ReplayReport> {
  const result = await bench.runtime.planReplay(filter, 'ana', 'after the outage');
  if (!result.ok) throw new Error(result.message);
  return result.report;
}

const apply = (token: string, perSecond?: number) =>
  bench.runtime.applyReplay(token, 'ben', 'looked at it', perSecond === undefined ? {} : { perSecond });
const outcomes = (report: ReplayReport) =>
  report.runs.map(({ key, effectsSkipped, effectsToSend, refused: why }) => ({
    key,
    ...(why === undefined ? { effectsSkipped, effectsToSend } : { why: why.split(':')[0] }),
  }));

describe('a dry run of which less is kept than a day', () => {
  const HOUR_MS = 3_600_000;

  test('is good for as long as that, says so, and is then told from one that never was', async () => {
    bench = await openBenchWith({ keepPayloadsMs: HOUR_MS }, [held]);
    bench.target.script = { put: [{ fail: refused }] };
    await bench.order({ id: 'bad' });
    await bench.runtime.idle();
    const report = await dryRun({ pipeline: 'orders' });
    expect(report.expiresAtMs - bench.clock.now()).toBe(HOUR_MS);
    const cancelled = await bench.runtime.planCancel({ pipeline: 'orders' }, 'ana', 'not wanted');
    if (!cancelled.ok) throw new Error(cancelled.message);
    bench.clock.advance(HOUR_MS);
    expect(await apply(report.token)).toMatchObject({
      ok: false,
      code: 'REPLAY_EXPIRED',
      message: 'the dry run is more than 1h old, and what it was asked for is kept no longer; make a new one',
    });
    // Rounds of retention have let go of what it was asked for, which may name somebody.
    await bench.pass(3 * HOUR_MS);
    expect(bench.runtime.replayStatus(report.token)).toBeUndefined();
    for (const asked of [
      apply(report.token),
      bench.runtime.applyCancel(cancelled.report.token, 'ben', 'looked'),
    ])
      expect(await asked).toMatchObject({
        ok: false,
        code: expect.stringMatching(/_UNKNOWN$/),
        message: expect.stringMatching(/^no dry run .*that is still kept has given the token /),
      });
  });
});

describe('a dry run', () => {
  test('says what is skipped, what is sent and what is refused, and does nothing', async () => {
    bench = await openBench(held);
    bench.target.script = {
      put: [undefined, { fail: refused }, { fail: unavailable }],
      create: [undefined, undefined, undefined],
    };
    for (const id of ['good', 'bad', 'waiting']) {
      await bench.order({ id });
      await bench.runtime.idle();
    }
    const before = bench.target.calls.length;
    const report = await dryRun({ pipeline: 'orders' });
    expect(outcomes(report)).toEqual([
      { key: 'good', effectsSkipped: ['one', 'put'], effectsToSend: [] },
      { key: 'bad', effectsSkipped: ['one'], effectsToSend: ['put'] },
      // It goes on by itself: a replay sends nothing for it.
      { key: 'waiting', why: 'waiting' },
    ]);
    await bench.runtime.idle();
    expect(bench.target.calls).toHaveLength(before);
  });

  test.each([
    ['a step of its own', run],
    [
      'a branch',
      (id: string, plan: Parameters<typeof run>[1]) =>
        step('parallel', 'both', { branches: [{ name: 'left', steps: [run(id, plan)] }] }),
    ],
  ])('refuses what can only fail again, as the child of %s is cancelled since', async (_, sub) => {
    const child = childPlan({ onFailure: 'hold', steps: [undoable('one'), call('put', 'acme.put')] });
    bench = await openBench(child, planFor({ onFailure: 'hold', steps: [sub('sub', child)] }));
    bench.target.script = { put: [{ fail: refused }] };
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    const earlier = await dryRun({ runId });
    expect(earlier.runs).toMatchObject([{ effectsToSend: ['sub › put'], goesOn: true }]);
    const { runId: below } = bench.runtime.runs({ pipeline: 'child' })[0]!;
    await bench.runtime.cancel(below, 'ana', 'no longer wanted');
    await bench.runtime.idle();
    expect((await dryRun({ runId })).runs).toMatchObject([
      {
        effectsToSend: [],
        goesOn: false,
        refused: `failed: it can only fail at sub again, as the run ${below} is cancelled; cancel it, and have its event sent again under a new business key`,
      },
    ]);
    await apply(earlier.token);
    await bench.pass(1_000);
    expect(bench.runtime.replayStatus(earlier.token)?.runs, 'so is one that was looked at before').toEqual({
      refused: 1,
    });
  });

  test('refuses what was undone, with the reason', async () => {
    bench = await openBench(planFor({ steps: [undoable('one'), call('put', 'acme.put')] }));
    bench.target.script = { put: [{ fail: refused }] };
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    const before = bench.runtime.trace({ runId }).length;
    const { token, runs } = await dryRun({ runId });
    expect(runs[0]?.refused).toContain('compensated: its effects were undone');
    expect(await apply(token)).toEqual({ ok: true });
    await bench.pass(1_000);
    expect(bench.runtime.trace({ runId })).toHaveLength(before);
  });

  describe('of a run that runs others', () => {
    const inner = childPlan({
      pipeline: 'inner',
      steps: [call('deep', 'acme.create'), call('seen', 'acme.get')],
    });
    const middle = childPlan({
      pipeline: 'middle',
      onFailure: 'hold',
      steps: [call('set', 'acme.setChecked'), run('below', inner)],
    });
    const above = planFor({ onFailure: 'hold', steps: [call('put', 'acme.put'), run('sub', middle)] });
    const effects = async () => {
      const { runs } = await dryRun({ pipeline: 'orders' });
      return runs.map(({ effectsSkipped, effectsToSend }) => [effectsSkipped, effectsToSend]);
    };

    test('names what those will send that are yet to be started, at any depth, as it is sent then', async () => {
      bench = await openBench(inner, middle, above);
      bench.target.script = { put: [{ fail: refused }], setChecked: [{ fail: refused }] };
      const runId = await bench.order({ id: 'a' });
      await bench.runtime.idle();
      expect(await effects()).toEqual([[[], ['put', 'sub › set', 'sub › below › deep']]]);
      await bench.runtime.resume(runId, 'ana', 'mended');
      await bench.runtime.idle();
      expect(await effects()).toEqual([[['put'], ['sub › set', 'sub › below › deep']]]);
      const before = bench.target.calls.length;
      const { token } = await dryRun({ pipeline: 'orders' });
      await apply(token);
      await bench.pass(5_000);
      expect(bench.state(runId)).toBe('succeeded');
      expect(bench.target.calls.slice(before).map(({ operation }) => operation)).toEqual([
        'setChecked',
        'create',
        'get',
      ]);
      expect(await effects()).toEqual([[['put', 'sub › set', 'sub › below › deep'], []]]);
    });

    test('names those of an item of a list that is begun by the item', async () => {
      const lines = step('forEach', 'lines', {
        in: 'event.lines',
        as: 'line',
        key: { expression: 'line' },
        max: 10,
        concurrency: 1,
        onItemFailure: 'stop',
        steps: [call('put', 'acme.put'), run('sub', inner)],
        result: { literal: null },
      });
      bench = await openBench(inner, planFor({ onFailure: 'hold', steps: [lines] }));
      bench.target.script = { put: [{ fail: refused }] };
      await bench.order({ id: 'a', lines: ['x'] });
      await bench.runtime.idle();
      expect(await effects()).toEqual([[[], ['lines[x].put', 'lines[x].sub › deep']]]);
    });
  });

  describe('names what is sent of items of a list that were not begun', () => {
    const list = (id: string, steps: readonly PlanStep[], of = 'event.lines') =>
      step('forEach', id, {
        in: of,
        as: id,
        key: { expression: `string(${id})` },
        max: 200,
        concurrency: 1,
        onItemFailure: 'stop',
        steps,
        result: { literal: null },
      });
    const effects = async () => {
      const { runs } = await dryRun({ pipeline: 'orders' });
      return runs.map(({ effectsSkipped, effectsToSend }) => [effectsSkipped, effectsToSend]);
    };

    test('beside those that were', async () => {
      bench = await openBench(
        planFor({ onFailure: 'hold', steps: [list('line', [call('put', 'acme.put')])] }),
      );
      bench.target.script = { put: [undefined, { fail: refused }] };
      await bench.order({ id: 'a', lines: ['w', 'x', 'y', 'z'] });
      await bench.runtime.idle();
      expect(await effects()).toEqual([[['line[w].put'], ['line[x].put', 'line[y].put', 'line[z].put']]]);
      const { token } = await dryRun({ pipeline: 'orders' });
      await apply(token);
      await bench.pass(5_000);
      expect(await effects()).toEqual([[['line[w].put', 'line[x].put', 'line[y].put', 'line[z].put'], []]]);
    });

    test('and of a list in them, by the step, as nobody knows its items', async () => {
      const inner = list('part', [call('put', 'acme.put')], 'event.parts');
      bench = await openBench(
        planFor({ onFailure: 'hold', steps: [list('line', [call('set', 'acme.create'), inner])] }),
      );
      bench.target.script = { put: [{ fail: refused }] };
      await bench.order({ id: 'a', lines: ['x', 'y'], parts: ['p', 'q'] });
      await bench.runtime.idle();
      expect(await effects()).toEqual([
        [['line[x].set'], ['line[x].part[p].put', 'line[x].part[q].put', 'line[y].set', 'line[y].put']],
      ]);
    });

    test('or too many, once for all of them by the step', async () => {
      bench = await openBench(
        planFor({ onFailure: 'hold', steps: [list('line', [call('put', 'acme.put')])] }),
      );
      bench.target.script = { put: [{ fail: refused }] };
      await bench.order({ id: 'a', lines: Array.from({ length: 150 }, (_, i) => i) });
      await bench.runtime.idle();
      expect(await effects()).toEqual([[[], ['line[0].put', 'put']]]);
    });

    test('and none of a list without items', async () => {
      bench = await openBench(
        planFor({
          onFailure: 'hold',
          steps: [list('line', [call('put', 'acme.put')]), call('set', 'acme.create')],
        }),
      );
      bench.target.script = { create: [{ fail: refused }] };
      await bench.order({ id: 'a', lines: [] });
      await bench.runtime.idle();
      expect(await effects()).toEqual([[[], ['set']]]);
    });
  });

  describe('says of what was let go that its effects are not known any more', () => {
    const child = childPlan({ steps: [call('set', 'acme.create')] });
    const above = planFor({
      steps: [call('put', 'acme.put'), run('sub', child, { object: { id: { literal: 'x' } } })],
    });
    const known = async () => {
      const { runs } = await dryRun({ pipeline: 'orders' });
      return runs.map(({ effectsSkipped, effectsUnknown }) => [effectsSkipped, effectsUnknown]);
    };

    test.each([
      ['the run', 'a', [['sub › set'], [{ because: 'erased' }]]],
      ['a run that it started', 'x', [['put'], [{ step: 'sub', because: 'erased' }]]],
    ])('%s was erased', async (_name, subject, says) => {
      bench = await openBench(child, above);
      await bench.order({ id: 'a' });
      await bench.runtime.idle();
      expect(await known()).toEqual([[['put', 'sub › set'], undefined]]);
      expect((await bench.runtime.erase(subject, 'ana', 'asked', true)).runs).toHaveLength(1);
      expect(await known()).toEqual([says]);
    });

    test('both are past their retention', async () => {
      bench = await openBench(child, above);
      await bench.order({ id: 'a' });
      await bench.runtime.idle();
      await bench.pass(400 * 86_400_000);
      expect(await known()).toEqual([
        [[], [{ because: 'pastRetention' }, { step: 'sub', because: 'pastRetention' }]],
      ]);
    });
  });

  test.each<[string, ReplayFilter, string[]]>([
    ['event', { event: 'shop.ordered' }, ['a', 'b', 'c']],
    ['another event', { event: 'shop.paid' }, []],
    ['delivery', { deliveryId: 'db' }, ['b']],
    ['entity', { key: 'c' }, ['c']],
    ['window', { fromMs: 1_700_000_005_000, toMs: 1_700_000_015_000 }, ['b']],
    ['open window', { fromMs: 1_700_000_005_000 }, ['b', 'c']],
    ['state', { state: 'failed' }, ['b']],
    ['queue', { queue: 'repair' }, ['b']],
    ['class, elsewhere', { failureClass: 'validation', pipeline: 'other' }, []],
  ])('takes runs by %s', async (_name, filter, keys) => {
    bench = await openBench(held);
    bench.target.script = { put: [undefined, { fail: refused }] };
    for (const id of ['a', 'b', 'c']) {
      await bench.order({ id }, `d${id}`);
      await bench.pass(10_000);
    }
    expect((await dryRun(filter)).runs.map(({ key }) => key)).toEqual(keys);
  });
});

describe('applied', () => {
  test('what counts as sent is under way, even when the process dies at that moment', async () => {
    bench = await openBench(held);
    bench.target.script = { put: [{ fail: refused }] };
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    const { token } = await dryRun({ state: 'failed' });
    let crashed: Promise<void> | undefined;
    bench.onEntry = ({ kind, runId: of }) => {
      if (kind === 'replay' && of === runId) crashed ??= bench.crash();
    };
    expect(await apply(token)).toEqual({ ok: true });
    bench.clock.advance(1_000);
    while (crashed === undefined) {
      await new Promise((resolve) => setImmediate(resolve));
      bench.clock.advance(100);
    }
    await crashed;
    await bench.pass(1_000);
    expect(bench.state(runId)).toBe('succeeded');
    expect(bench.runtime.replayStatus(token)).toMatchObject({ runs: { done: 1 } });
  });

  test('it acts on exactly the frozen set, with the same keys, and says who did it', async () => {
    bench = await openBench(held);
    bench.target.script = { put: [{ fail: refused }, { fail: refused }, { fail: refused }] };
    const [first, second] = [await bench.order({ id: 'a' }), await bench.order({ id: 'b' })];
    await bench.runtime.idle();
    const { token } = await dryRun({ state: 'failed' });
    const later = await bench.order({ id: 'c' });
    await bench.runtime.idle();
    // Somebody was faster with one of them.
    await bench.runtime.resume(first, 'cleo', 'by hand');
    await bench.runtime.idle();
    const calls = bench.target.calls.length;
    expect(await apply(token)).toEqual({ ok: true });
    await bench.pass(5_000);
    expect([first, second, later].map(bench.state)).toEqual(['succeeded', 'succeeded', 'failed']);
    expect(bench.target.calls).toHaveLength(calls + 1);
    expect(bench.target.doubled).toEqual([]);
    expect(bench.runtime.replayStatus(token)).toMatchObject({
      actor: 'ana',
      applied: { actor: 'ben', reason: 'looked at it' },
      runs: { done: 2 },
    });
    expect(bench.runtime.trace({ runId: second }).filter(({ kind }) => kind === 'replay')).toMatchObject([
      { details: { token, actor: 'ben', effectsSkipped: ['one'], effectsToSend: ['put'] } },
    ]);
    const ofNoRun = bench.runtime.trace({ system: true }).filter(({ kind }) => kind !== 'activated');
    expect(ofNoRun).toMatchObject([{ kind: 'replay', details: { token, actor: 'ben', runs: 2 } }]);
  });

  test('it is applied once: whoever comes second is told who was first, when, and where to look', async () => {
    bench = await openBench(held);
    bench.target.script = { put: [{ fail: refused }] };
    await bench.order({ id: 'a' });
    await bench.runtime.idle();
    const { token } = await dryRun({ state: 'failed' });
    const both = await Promise.all([apply(token), bench.runtime.applyReplay(token, 'cleo', 'me too')]);
    expect(both).toEqual([
      { ok: true },
      {
        ok: false,
        code: 'REPLAY_APPLIED_ALREADY',
        message: expect.stringMatching(
          new RegExp(
            `^this dry run was applied by ben at \\d{4}-\\S+Z: looked at it \\(\`tenon replay status ${token}\` says how far it is\\)$`,
          ),
        ),
      },
    ]);
  });

  test('it is told how its runs stand now, whatever has become of them, those first that failed again', async () => {
    bench = await openBench(
      planFor({
        onFailure: 'hold',
        steps: [call('put', 'acme.put'), step('wait', 'later', { for: { durationMs: 60_000 } })],
      }),
    );
    bench.target.script = { put: Array(4).fill({ fail: refused }) };
    const runIds: string[] = [];
    for (const id of ['a', 'b', 'c', 'd']) {
      runIds.push(await bench.order({ id }));
      await bench.runtime.idle();
    }
    const [first, second, third, last] = runIds;
    const { token } = await dryRun({ state: 'failed' });
    expect(bench.runtime.replayStatus(token)).toMatchObject({
      standing: { planned: 4 },
      listed: runIds.map((runId) => ({ runId, stands: 'planned', state: 'failed' })),
    });
    await bench.runtime.cancel(last!, 'ana', 'not wanted');
    bench.target.script = { put: [undefined, { fail: refused }, undefined] };
    await apply(token);
    await bench.pass(5_000);
    expect(bench.runtime.replayStatus(token)).toMatchObject({
      standing: { waiting: 2, failedAgain: 1, refused: 1 },
      listed: [
        { runId: second, pipeline: 'orders', stands: 'failedAgain', state: 'failed' },
        { runId: last, stands: 'refused', state: 'cancelled' },
        { runId: first, stands: 'waiting', state: 'waiting' },
        { runId: third, stands: 'waiting', state: 'waiting' },
      ],
    });
    await bench.runtime.resume(second!, 'ana', 'mended');
    await bench.pass(120_000);
    expect(bench.runtime.replayStatus(token)).toMatchObject({
      runs: { done: 3, refused: 1 },
      standing: { succeeded: 3, refused: 1 },
    });
  });

  test('it keeps its rate, and goes on after a crash', async () => {
    bench = await openBench(planFor({ onFailure: 'hold', steps: [call('put', 'acme.put')] }));
    bench.target.script = { put: Array(6).fill({ fail: refused }) };
    for (let i = 0; i < 6; i++) await bench.order({ id: `o${i}` });
    await bench.runtime.idle();
    const { token } = await dryRun({ state: 'failed' });
    await apply(token, 1);
    const startedAtMs = bench.clock.now();
    await bench.pass(3_100);
    const soFar = bench.target.calls.length - 6;
    expect(soFar).toBeGreaterThanOrEqual(2);
    expect(soFar).toBeLessThanOrEqual(4);
    await bench.crash();
    await bench.pass(10_000);
    expect(bench.runtime.replayStatus(token)?.runs).toEqual({ done: 6 });
    const sentAtMs = bench.target.calls.slice(6).map(({ atMs }) => atMs - startedAtMs);
    expect(sentAtMs).toHaveLength(6);
    for (const [index, atMs] of sentAtMs.entries())
      if (index > 0) expect(atMs - sentAtMs[index - 1]!).toBeGreaterThanOrEqual(900);
  });

  test('it gives way while runs of its own pipeline wait, and while that is paused', async () => {
    bench = await openBench(
      planFor({
        onFailure: 'hold',
        limits: { concurrency: 1, deadlineMs: 600_000 },
        steps: [call('put', 'acme.put')],
      }),
    );
    bench.target.script = { put: [{ fail: refused }] };
    const failed = await bench.order({ id: 'failed' });
    await bench.runtime.idle();
    const { token } = await dryRun({ state: 'failed' });
    const { promise: wait, resolve } = Promise.withResolvers<void>();
    bench.target.script = { put: [{ wait }] };
    const live = [await bench.order({ id: 'live1' }), await bench.order({ id: 'live2' })];
    bench.clock.advance(2_000);
    await apply(token);
    for (let i = 0; i < 30; i++) {
      bench.clock.advance(100);
      await new Promise((next) => setImmediate(next));
    }
    expect(bench.state(failed)).toBe('failed');
    await bench.runtime.setSwitch({ kind: 'pause', pipeline: 'orders', onlyKeys: [] }, 'ana', 'look');
    resolve();
    await bench.pass(5_000);
    expect(bench.state(failed)).toBe('failed');
    await bench.runtime.liftSwitch('pause/orders', 'ana', 'seen');
    await bench.pass(5_000);
    expect([...live, failed].map(bench.state)).toEqual(['succeeded', 'succeeded', 'succeeded']);
  });
});

describe('dead letters of one cause', () => {
  test('are one group with a count, apart from others, and go on together after the fix', async () => {
    bench = await openBench(held);
    const gone = failure('notFound', 'HTTP_RESPONSE_STATUS', 'answered', { status: 404 });
    bench.target.script = {
      put: [{ fail: refused }, { fail: gone }, { fail: { ...refused, message: 'worded otherwise' } }],
    };
    for (const id of ['a', 'b', 'c']) {
      await bench.order({ id });
      await bench.pass(1_000);
    }
    const groups = bench.runtime.deadLetterGroups();
    expect(groups).toMatchObject([
      { count: 2, resumable: 2, step: 'put', queue: 'repair', owner: 'sales', failure: { status: 422 } },
      { count: 1, failure: { status: 404 } },
    ]);
    expect(groups[0]!.newestMs).toBeGreaterThan(groups[0]!.oldestMs);
    const { fingerprint } = groups[0]!;
    expect(bench.runtime.deadLetters({ fingerprint }).map(({ key }) => key)).toEqual(['a', 'c']);
    expect(bench.runtime.deadLetters({ fingerprint, limit: 1 }).map(({ key }) => key)).toEqual(['a']);
    expect(outcomes(await dryRun({ fingerprint, key: 'c' })).map(({ key }) => key)).toEqual(['c']);
    const report = await dryRun({ fingerprint });
    expect(outcomes(report).map(({ key }) => key)).toEqual(['a', 'c']);
    await apply(report.token);
    await bench.pass(5_000);
    expect(bench.runtime.deadLetters().map(({ key }) => key)).toEqual(['b']);
    expect(bench.target.doubled).toEqual([]);
  });

  test('of items of a list are the same cause, whichever item it was', async () => {
    bench = await openBench(
      planFor({
        onFailure: 'hold',
        steps: [
          step('forEach', 'lines', {
            in: 'event.lines',
            as: 'line',
            key: { expression: 'line.sku' },
            max: 10,
            concurrency: 1,
            onItemFailure: 'stop',
            steps: [call('put', 'acme.put')],
            result: { literal: null },
          }),
        ],
      }),
    );
    bench.target.script = { put: [{ fail: refused }, { fail: refused }] };
    await bench.order({ id: 'a', lines: [{ sku: 'x' }] });
    await bench.order({ id: 'b', lines: [{ sku: 'y' }] });
    await bench.runtime.idle();
    expect(bench.runtime.deadLetterGroups()).toMatchObject([{ count: 2 }]);
  });
});
