import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { DrillResult, LiveDrillRequest } from '../runtime.ts';
import { SwitchBoard } from '../switches.ts';
import { type Bench, openBench, refused } from '../testing/bench.ts';
import { call, planFor, step, undoable } from '../testing/plan.ts';

const DAY_MS = 86_400_000;
const PLAN = planFor({
  drills: { everyMs: 90 * DAY_MS },
  steps: [call('get', 'acme.get'), undoable('one'), call('put', 'acme.put')],
});

let bench: Bench;
beforeEach(async () => {
  bench = await openBench(PLAN);
});
afterEach(async () => {
  vi.restoreAllMocks();
  await bench.close();
});

type Request = Extract<LiveDrillRequest, { readonly kind: 'killSwitch' }>;

const begin = async (more: Partial<Request> = {}): Promise<string> => {
  const begun = await bench.runtime.beginDrill(
    { kind: 'killSwitch', pipeline: 'orders', ...more },
    'ana',
    'ticket 1',
  );
  if (!begun.ok) throw new Error(begun.message);
  return begun.drill.id;
};
const resultOf = (id: string): DrillResult => {
  const drill = bench.runtime.drill(id);
  if (drill === undefined || 'phase' in drill) throw new Error(`it is not over: ${drill?.phase}`);
  return drill;
};

describe('a kill switch that holds', () => {
  test('is passed: nothing begins while it is thrown, what came meanwhile goes on, all of it in the ledger', async () => {
    const id = await begin();
    await bench.pass(3_000);
    expect(bench.runtime.drill(id)).toMatchObject({ phase: 'holds orders', actor: 'ana' });
    expect(bench.runtime.drills().underWay).toMatchObject({ id });
    expect(bench.runtime.switches()).toMatchObject([{ id: 'kill/pipeline/orders', drill: id }]);
    const runs = [await bench.order({ id: 'a' }), await bench.order({ id: 'b' })];
    await bench.pass(5_000);
    expect(bench.target.calls).toHaveLength(0);
    await bench.pass(10_000);
    expect(resultOf(id)).toMatchObject({
      verdict: 'passed',
      judgedBy: 'runtime',
      findings: [],
      figures: { heldMs: 10_000, attempts: 0, late: 0, waited: 2, takenIn: 2 },
    });
    expect(runs.map((run) => bench.state(run))).toEqual(['succeeded', 'succeeded']);
    expect(bench.runtime.switches()).toEqual([]);
    const kinds = bench.runtime
      .trace({ system: true })
      .filter(({ kind }) => kind === 'drill' || kind === 'switch')
      .map(({ kind, details }) => [kind, details['action'], details['actor'], details['reason']]);
    expect(kinds).toEqual([
      ['drill', 'begun', 'ana', 'ticket 1'],
      ['switch', 'set', 'ana', 'ticket 1'],
      ['switch', 'lift', 'ana', `drill ${id} is over`],
      ['drill', 'ended', 'ana', 'ticket 1'],
    ]);
    expect(bench.runtime.drills().due.find(({ kind }) => kind === 'killSwitch')).toMatchObject({
      last: { id, verdict: 'passed' },
    });
  });

  test('holds what is in the middle of its steps, and a call on the wire at that moment is no fault of it', async () => {
    let answer = (): void => {};
    const wait = new Promise<void>((resolve) => {
      answer = resolve;
    });
    bench.target.script = { get: [{ wait }] };
    const run = await bench.order({ id: 'a' });
    await vi.waitFor(() => expect(bench.target.calls).toHaveLength(1));
    const id = await begin();
    answer();
    await bench.pass(5_000);
    expect(bench.runtime.run(run)?.heldBy).toEqual(['kill/pipeline/orders']);
    await bench.pass(10_000);
    expect(resultOf(id)).toMatchObject({ verdict: 'passed', figures: { waited: 1, takenIn: 0 } });
    expect(bench.state(run)).toBe('succeeded');
  });

  test('brings in an event of its own, where nothing else may come', async () => {
    const id = await begin({ trial: { payload: { id: 'test' } } });
    await bench.pass(30_000);
    expect(resultOf(id)).toMatchObject({ verdict: 'passed', figures: { waited: 1, takenIn: 1 } });
    expect(bench.target.count('put')).toBe(1);
  });

  test('says nothing where nothing was there to be held, or its event was refused', async () => {
    const id = await begin();
    await bench.pass(30_000);
    expect(resultOf(id)).toMatchObject({
      verdict: 'inconclusive',
      findings: [expect.stringContaining('nothing of orders was there to be held')],
    });
    const refusedOne = await begin({ trial: { payload: { amount: 1 } } });
    await bench.pass(30_000);
    expect(resultOf(refusedOne)).toMatchObject({
      verdict: 'inconclusive',
      findings: ['the event of the drill was refused: EVENT_PAYLOAD_INVALID', expect.anything()],
    });
  });
});

describe('a kill switch that does not hold', () => {
  /** As if the board forgot its kills: runs are taken, and calls go out. */
  function breakSwitch(): void {
    vi.spyOn(SwitchBoard.prototype, 'isKilled').mockReturnValue(false);
    vi.spyOn(SwitchBoard.prototype, 'isHeld').mockReturnValue(false);
    vi.spyOn(SwitchBoard.prototype, 'holdersOf').mockReturnValue([]);
    vi.spyOn(SwitchBoard.prototype, 'keepersOf').mockReturnValue([]);
  }

  test('is found by what the ledger has of attempts, with the first of them', async () => {
    const id = await begin();
    await bench.pass(1_000);
    breakSwitch();
    await bench.pass(4_000);
    const run = await bench.order({ id: 'a' });
    await bench.pass(30_000);
    const { verdict, findings, figures } = resultOf(id);
    expect([verdict, figures['late']]).toEqual(['failed', 3]);
    expect(findings[0]).toBe(
      `3 attempts began more than 2 s after the switch was thrown: get of run ${run} after 4 s, one of run ${run} after 5 s, put of run ${run} after 5 s`,
    );
    expect(bench.runtime.drills().due.find(({ kind }) => kind === 'killSwitch')?.isOverdue).toBe(true);
  });

  test('is found where what it held does not go on', async () => {
    const id = await begin({ settleMs: 5_000 });
    const run = await bench.order({ id: 'a' });
    await bench.pass(5_000);
    // As if lifting let nothing go.
    vi.spyOn(SwitchBoard.prototype, 'keepersOf').mockReturnValue(['kill/pipeline/orders']);
    vi.spyOn(SwitchBoard.prototype, 'isKilled').mockReturnValue(true);
    await bench.pass(30_000);
    expect(resultOf(id)).toMatchObject({
      verdict: 'failed',
      findings: [`1 of 1 runs have not gone on within 5 s: ${run}`],
    });
  });
});

describe('a drill that does not come to its end', () => {
  test('by a crash is lifted by the next process, which says so', async () => {
    const id = await begin();
    const run = await bench.order({ id: 'a' });
    await bench.pass(3_000);
    await bench.crash();
    expect(bench.runtime.switches()).toEqual([]);
    expect(resultOf(id)).toMatchObject({
      verdict: 'inconclusive',
      findings: ['the process ended while it was held; the next one has lifted its switch'],
    });
    await bench.pass(1_000);
    expect(bench.state(run)).toBe('succeeded');
    expect(await begin()).not.toBe(id);
  });

  test('on a disk that fails is lifted by the next start that can write', async () => {
    await begin();
    await bench.pass(3_000);
    bench.failDisk();
    await bench.pass(30_000);
    expect(bench.runtime.switches()).toMatchObject([{ id: 'kill/pipeline/orders' }]);
    bench.healDisk();
    await bench.crash();
    expect(bench.runtime.switches()).toEqual([]);
  });

  test('by a stop of the process is lifted by it, and entered', async () => {
    const id = await begin();
    const run = await bench.order({ id: 'a' });
    await bench.pass(3_000);
    await bench.restart();
    expect(bench.runtime.switches()).toEqual([]);
    expect(resultOf(id)).toMatchObject({ verdict: 'inconclusive' });
    expect(resultOf(id).findings).toContain('the process was stopped');
    await bench.pass(1_000);
    expect(bench.state(run)).toBe('succeeded');
  });

  test('by the word of a person is lifted at once, and says whose', async () => {
    const id = await begin();
    const run = await bench.order({ id: 'a' });
    await bench.pass(4_000);
    expect(await bench.runtime.stopDrill(id, 'ben', 'it is noon')).toEqual({ ok: true });
    await bench.runtime.idle();
    expect(bench.runtime.switches()).toEqual([]);
    const { verdict, findings, figures } = resultOf(id);
    expect([verdict, figures['heldMs']]).toEqual(['inconclusive', 4_000]);
    expect(findings.at(-1)).toBe('ben has stopped it: it is noon');
    await bench.pass(1_000);
    expect(bench.state(run)).toBe('succeeded');
    expect(await bench.runtime.stopDrill(id, 'ben', 'once more')).toMatchObject({ code: 'DRILL_UNKNOWN' });
  });

  test('leaves a kill that somebody has thrown meanwhile', async () => {
    const id = await begin();
    await bench.order({ id: 'a' });
    await bench.pass(3_000);
    const scope = { pipeline: 'orders' };
    await bench.runtime.setSwitch({ kind: 'kill', scope, sparesCompensation: false }, 'ben', 'it is real');
    await bench.pass(120_000);
    expect(bench.runtime.switches()).toMatchObject([{ id: 'kill/pipeline/orders', actor: 'ben' }]);
    expect(resultOf(id).findings).toContain(
      'somebody replaced or lifted the switch of the drill while it was held',
    );
    // What he holds back is no fault of the drill's switch.
    expect(resultOf(id).verdict).toBe('inconclusive');
  });

  test('takes no kill away that somebody throws as it begins', async () => {
    const begun = begin();
    const scope = { pipeline: 'orders' };
    const thrown = bench.runtime.setSwitch(
      { kind: 'kill', scope, sparesCompensation: false },
      'ben',
      'it is real',
    );
    const id = await begun;
    expect(await thrown).toMatchObject({ ok: true });
    await bench.pass(120_000);
    expect(bench.runtime.switches()).toMatchObject([{ id: 'kill/pipeline/orders', actor: 'ben' }]);
    expect(resultOf(id)).toMatchObject({
      verdict: 'inconclusive',
      findings: [expect.stringContaining('kill/pipeline/orders is in force')],
    });
  });
});

describe('whoever brings in the event of a drill', () => {
  const consent = step('approve', 'consent', {
    by: 'finance',
    withinMs: DAY_MS,
    onExpiry: 'reject',
    show: { literal: null },
    except: { requester: true },
  });

  test.each([undefined, 'acme'])(
    'is the requester of what it starts, said to come over %s',
    async (connection) => {
      await bench.close();
      bench = await openBench(planFor({ steps: [consent, call('put', 'acme.put')] }));
      await begin({ trial: { payload: { id: 'test' }, ...(connection !== undefined && { connection }) } });
      await bench.pass(120_000);
      expect(bench.runtime.approvals()).toMatchObject([{ stepId: 'consent', except: ['ana'] }]);
    },
  );

  test('says no other connection than there is, nor that somebody else has brought it in', async () => {
    for (const connection of ['acmee', 'manual:ben']) {
      const begun = await bench.runtime.beginDrill(
        { kind: 'killSwitch', pipeline: 'orders', trial: { payload: { id: 'test' }, connection } },
        'ana',
        'ticket 1',
      );
      expect(begun).toMatchObject({ ok: false, code: 'DRILL_SUBJECT_UNKNOWN' });
    }
    expect(bench.runtime.switches()).toEqual([]);
  });
});

test('is not begun with an event for a pipeline that people start', async () => {
  await bench.runtime.activate(
    planFor({
      pipeline: 'by-hand',
      trigger: { manual: true, input: { type: 'object' } },
      steps: [call('put', 'acme.put')],
    }),
  );
  const begun = await bench.runtime.beginDrill(
    { kind: 'killSwitch', pipeline: 'by-hand', trial: { payload: { id: 'test' } } },
    'ana',
    'ticket 1',
  );
  expect(begun).toMatchObject({ ok: false, code: 'DRILL_NOT_POSSIBLE' });
  expect(bench.runtime.switches()).toEqual([]);
});

test('is not begun over a switch that is in force, or of a pipeline that there is not', async () => {
  await bench.runtime.setSwitch(
    { kind: 'kill', scope: { everything: true }, sparesCompensation: false },
    'ben',
    'it is real',
  );
  const asked = (pipeline: string) =>
    bench.runtime.beginDrill({ kind: 'killSwitch', pipeline }, 'ana', 'ticket 1');
  expect(await asked('orders')).toMatchObject({
    code: 'DRILL_NOT_POSSIBLE',
    message: expect.stringContaining('kill/everything is in force'),
  });
  expect(await asked('order')).toMatchObject({ code: 'DRILL_SUBJECT_UNKNOWN' });
  expect(bench.runtime.switches()).toHaveLength(1);
});

test('an attempt that takes a second or more says so in its entry, and no other does', async () => {
  let answer = (): void => {};
  const wait = new Promise<void>((resolve) => {
    answer = resolve;
  });
  bench.target.script = { get: [{ wait }], put: [{ fail: refused }] };
  const run = await bench.order({ id: 'a' });
  await vi.waitFor(() => expect(bench.target.calls).toHaveLength(1));
  bench.clock.advance(1_500);
  answer();
  await bench.runtime.idle();
  const took = bench.runtime
    .trace({ runId: run })
    .filter(({ kind }) => kind === 'attempt' || kind === 'outcome')
    .map(({ step, details }) => [step, details['tookMs']]);
  expect(took.slice(0, 2)).toEqual([
    ['get', 1_500],
    ['one', undefined],
  ]);
});
