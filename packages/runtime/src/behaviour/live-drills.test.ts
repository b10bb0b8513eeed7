import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Replays } from '../embedded/replay/replays.ts';
import type { DrillResult, LiveDrillRequest } from '../runtime.ts';
import { SwitchBoard } from '../switches.ts';
import { type Bench, failure, openBench, refused } from '../testing/bench.ts';
import { call, planFor, undoable } from '../testing/plan.ts';

const PLAN = planFor({
  onFailure: 'hold',
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

/** Begins a drill, lets so much time pass, and gives what came of it. */
async function held(request: LiveDrillRequest, passMs = 1_000): Promise<DrillResult> {
  const begun = await bench.runtime.beginDrill(request, 'ana', 'ticket 1');
  if (!begun.ok) throw new Error(`${begun.code}: ${begun.message}`);
  await bench.pass(passMs);
  const drill = bench.runtime.drill(begun.drill.id);
  if (drill === undefined || 'phase' in drill) throw new Error(`it is not over: ${drill?.phase}`);
  return drill;
}

describe('a flag', () => {
  const drill = (payload: { readonly id: string }) =>
    ({ kind: 'flag', pipeline: 'orders', trial: { payload } }) as const;

  test('that is off for one key keeps that event out, and lets it in once it is gone', async () => {
    const result = await held(drill({ id: 'test' }));
    expect(result).toMatchObject({
      verdict: 'passed',
      findings: [],
      figures: { keptOut: 1, othersKeptOut: 0, startedOff: 0, startedOn: 1 },
    });
    expect(bench.target.count('put')).toBe(1);
    expect(bench.runtime.switches()).toEqual([]);
  });

  test('leaves every other event alone while it is up', async () => {
    const accepted: string[] = [];
    bench.onEntry = ({ kind, details }) => {
      if (kind !== 'switch' || details['action'] !== 'set') return;
      void bench.order({ id: 'of a customer' }).then((run) => accepted.push(run));
    };
    expect(await held(drill({ id: 'test' }))).toMatchObject({ verdict: 'passed' });
    expect(accepted.map((run) => bench.state(run))).toEqual(['succeeded']);
  });

  test('that lets its event in is found', async () => {
    vi.spyOn(SwitchBoard.prototype, 'flagAgainst').mockReturnValue(undefined);
    const { verdict, findings } = await held(drill({ id: 'test' }));
    expect([verdict, findings[0]]).toEqual([
      'failed',
      'the event started a run while the flag was off for it',
    ]);
  });

  test('that keeps others out as well is found, and says how many are to be sent again', async () => {
    const { flagAgainst } = SwitchBoard.prototype;
    vi.spyOn(SwitchBoard.prototype, 'flagAgainst').mockImplementation(function (this: SwitchBoard, pipeline) {
      return flagAgainst.call(this, pipeline, 'shop.ordered', { key: 'test' });
    });
    bench.onEntry = ({ kind, details }) => {
      if (kind === 'switch' && details['action'] === 'set')
        void bench.runtime.accept({
          event: 'shop.ordered',
          payload: { id: 'of a customer' },
          deliveryId: 'd9',
          source: 'shop',
        });
    };
    const { verdict, findings } = await held(drill({ id: 'test' }));
    expect([verdict, findings]).toEqual([
      'failed',
      [expect.stringContaining('1 other events were kept out')],
    ]);
  });

  test.each([
    ['whose key is known', { id: 'a' }, 'its business key is known already'],
    ['that does not fit its contract', { id: 7 }, 'EVENT_PAYLOAD_INVALID'],
  ])('is not begun with an event %s', async (_what, payload, says) => {
    await bench.order({ id: 'a' });
    await bench.runtime.idle();
    const request = { kind: 'flag', pipeline: 'orders', trial: { payload } } as const;
    expect(await bench.runtime.beginDrill(request, 'ana', 'ticket 1')).toMatchObject({
      code: 'DRILL_NOT_POSSIBLE',
      message: expect.stringContaining(says),
    });
  });

  test('of somebody else is not replaced', async () => {
    await bench.runtime.setSwitch(
      {
        kind: 'flag',
        pipeline: 'orders',
        keys: [],
        events: [],
        share: 0.5,
        expiresAtMs: bench.clock.now() + 1_000_000,
      },
      'ben',
      'half of them',
    );
    expect(await bench.runtime.beginDrill(drill({ id: 'test' }), 'ana', 'ticket 1')).toMatchObject({
      code: 'DRILL_NOT_POSSIBLE',
      message: expect.stringContaining('flag/orders is in force'),
    });
    expect(bench.runtime.switches()).toMatchObject([{ actor: 'ben' }]);
  });
});

test('a flag that somebody sets as the drill begins is not replaced, nor taken away', async () => {
  const begun = bench.runtime.beginDrill(
    { kind: 'flag', pipeline: 'orders', trial: { payload: { id: 'test' } } },
    'ana',
    'ticket 1',
  );
  const set = bench.runtime.setSwitch(
    {
      kind: 'flag',
      pipeline: 'orders',
      keys: ['a'],
      events: [],
      share: 0,
      expiresAtMs: bench.clock.now() + 3_600_000,
    },
    'ben',
    'for one alone',
  );
  expect([(await begun).ok, (await set).ok]).toEqual([true, true]);
  await bench.pass(1_000);
  expect(bench.runtime.switches()).toMatchObject([{ id: 'flag/orders', actor: 'ben', keys: ['a'] }]);
  expect(bench.runtime.drills().results[0]).toMatchObject({
    kind: 'flag',
    verdict: 'inconclusive',
    findings: [expect.stringContaining('flag/orders is in force')],
  });
});

describe('a replay', () => {
  const drill = (apply = false) =>
    ({ kind: 'replay', pipeline: 'orders', fromMs: 0, toMs: bench.clock.now(), apply }) as const;

  async function history(): Promise<void> {
    await bench.order({ id: 'a' });
    await bench.order({ id: 'b' });
    await bench.runtime.idle();
    bench.target.script = { put: [{ fail: refused }] };
    await bench.order({ id: 'c' });
    await bench.runtime.idle();
    await bench.pass(1_000);
  }

  test('is a dry run that names what it would skip and send, and changes nothing', async () => {
    await history();
    const calls = bench.target.calls.length;
    expect(await held(drill())).toMatchObject({
      verdict: 'passed',
      findings: [],
      figures: { runs: 3, effectsSkipped: 5, effectsToSend: 1, sentAgain: 0 },
    });
    expect(bench.target.calls).toHaveLength(calls);
  });

  test('that is applied to what has succeeded sends nothing', async () => {
    await history();
    const calls = bench.target.calls.length;
    expect(await held(drill(true), 60_000)).toMatchObject({
      verdict: 'passed',
      figures: { runs: 3, applied: 2, extraEffects: 0 },
    });
    expect(bench.target.calls).toHaveLength(calls);
  });

  test('that would send what has happened is found by the ledger', async () => {
    await history();
    const { plan } = Replays.prototype;
    vi.spyOn(Replays.prototype, 'plan').mockImplementation(async function (this: Replays, ...given) {
      const planned = await plan.apply(this, given);
      if (!planned.ok) return planned;
      const runs = planned.report.runs.map((run) => ({
        ...run,
        effectsToSend: [...run.effectsSkipped, ...run.effectsToSend],
      }));
      return { ok: true, report: { ...planned.report, runs } };
    });
    const { verdict, findings, figures } = await held(drill());
    expect([verdict, figures['sentAgain']]).toEqual(['failed', 5]);
    expect(findings[0]).toMatch(/^5 effects that have happened would be sent again: one of run /);
  });

  test('says nothing of a time in which nothing began', async () => {
    expect(await held(drill())).toMatchObject({
      verdict: 'inconclusive',
      findings: ['no run of orders began in that time'],
    });
  });
});

describe('a rotation', () => {
  let mark: string;
  let refusals: (string | undefined)[];
  beforeEach(async () => {
    mark = 'before';
    refusals = [];
    bench.connections = { acme: 'acme' };
    bench.credentialOf = (connection) =>
      connection === 'acme'
        ? { mark: async () => mark, healthRefusal: async () => refusals.shift() }
        : undefined;
    await bench.restart();
  });
  const drill = { kind: 'rotation', connection: 'acme', waitMs: 60_000, watchMs: 75_000 } as const;

  async function rotated(): Promise<DrillResult> {
    const begun = await bench.runtime.beginDrill(drill, 'ana', 'ticket 1');
    if (!begun.ok) throw new Error(begun.message);
    await bench.pass(10_000);
    expect(bench.runtime.drill(begun.drill.id)).toMatchObject({
      phase: expect.stringContaining('waits for another credential of acme'),
    });
    mark = 'after';
    await bench.pass(5_000);
    await bench.order({ id: 'a' });
    await bench.pass(120_000);
    const result = bench.runtime.drill(begun.drill.id);
    if (result === undefined || 'phase' in result) throw new Error('it is not over');
    return result;
  }

  test('is passed when the health call works with the new credential, and no call fails for want of one', async () => {
    refusals = ['HTTP_RESPONSE_STATUS'];
    expect(await rotated()).toMatchObject({
      connection: 'acme',
      verdict: 'passed',
      findings: [],
      figures: { healthyMs: 1_000, calls: 3, failed: 0 },
    });
  });

  test('that the other side does not know is found by its health call', async () => {
    refusals = Array.from({ length: 100 }, () => 'HTTP_RESPONSE_STATUS');
    expect(await rotated()).toMatchObject({
      verdict: 'failed',
      findings: ['the health call does not work with the new credential: HTTP_RESPONSE_STATUS'],
    });
  });

  test('in which a run fails for want of a credential is found by the ledger', async () => {
    bench.target.script = { one: [], create: [{ fail: failure('auth', 'HTTP_RESPONSE_STATUS') }] };
    const { verdict, findings } = await rotated();
    expect([verdict, findings[0]]).toEqual([
      'failed',
      expect.stringMatching(
        /^1 calls failed for want of a credential: one of run \w+ \(HTTP_RESPONSE_STATUS\)$/,
      ),
    ]);
  });

  test('of which nothing came is none', async () => {
    expect(await held(drill, 90_000)).toMatchObject({
      verdict: 'inconclusive',
      findings: ['the credential of acme was the same for 60 s: nothing was rotated'],
    });
  });

  test('is not begun over a connection without a credential', async () => {
    bench.credentialOf = () => undefined;
    expect(await bench.runtime.beginDrill(drill, 'ana', 'ticket 1')).toMatchObject({
      code: 'DRILL_NOT_POSSIBLE',
    });
  });
});
