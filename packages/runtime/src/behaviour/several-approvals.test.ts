import { afterEach, describe, expect, test } from 'vitest';
import { type Bench, openBench, openBenchWith } from '../testing/bench.ts';
import { keysNamed } from '../testing/keys.ts';
import { call, childPlan, list, planFor, run, step } from '../testing/plan.ts';

const HOUR = 3_600_000;

const approve = (id: string, more: object = {}) =>
  step('approve', id, {
    by: 'finance',
    withinMs: HOUR,
    onExpiry: 'reject',
    show: { literal: null },
    ...more,
  });
const byTwo = (more: object = {}) => approve('consent', { count: 2, ...more });

let bench: Bench;
afterEach(() => bench.close());

const decide = (runId: string, decision: 'approve' | 'reject', actor: string, stepId = 'consent') =>
  bench.runtime.decide(runId, stepId, decision, actor, `${actor} says so`);

async function ordered(...plans: Parameters<typeof planFor>[0][]): Promise<string> {
  bench = await openBench(...plans.map((plan) => planFor(plan)));
  const runId = await bench.order({ id: 'a' });
  await bench.runtime.idle();
  return runId;
}

const state = (runId: string) => bench.runtime.run(runId)?.state;

describe('two persons must approve:', () => {
  test('the first is counted and shown, the second lets the run go on, and both are its result', async () => {
    const runId = await ordered({
      steps: [byTwo(), call('pay', 'acme.create')],
      success:
        "steps.consent.approvals.map(one, one.actor) == ['ana', 'ben'] && steps.consent.actor == 'ben'",
    });
    expect(bench.runtime.approvals()).toMatchObject([{ stepId: 'consent', count: 2, given: [] }]);
    expect(await decide(runId, 'approve', 'ana')).toEqual({ ok: true });
    await bench.runtime.idle();
    expect(state(runId)).toBe('waiting');
    expect(bench.target.calls).toHaveLength(0);
    const given = [{ actor: 'ana', reason: 'ana says so', atMs: expect.any(Number) }];
    expect(bench.runtime.approvals()).toMatchObject([{ count: 2, given }]);
    expect(bench.runtime.run(runId)?.steps).toMatchObject([
      { id: 'consent', state: 'waiting', awaits: { for: 'approval', by: 'finance', count: 2, given } },
    ]);
    expect(await decide(runId, 'approve', 'ben')).toEqual({ ok: true });
    await bench.runtime.idle();
    expect(state(runId)).toBe('succeeded');
    expect(bench.runtime.run(runId)?.steps[0]?.said).toMatchObject([
      { word: 'approve', actor: 'ana' },
      { word: 'approve', actor: 'ben' },
    ]);
    const entries = bench.runtime.trace({ runId }).filter(({ kind }) => kind === 'approval');
    expect(entries.map(({ details }) => details)).toMatchObject([
      { decision: 'approve', actor: 'ana', by: 'finance', given: 1, of: 2 },
      { decision: 'approve', actor: 'ben', by: 'finance', given: 2, of: 2 },
    ]);
  });

  test('one is counted once, however often, and may still reject it', async () => {
    const runId = await ordered({ steps: [byTwo()] });
    await decide(runId, 'approve', 'ana');
    expect(await decide(runId, 'approve', 'ana')).toEqual({
      ok: false,
      code: 'APPROVAL_GIVEN_ALREADY',
      message: 'ana has approved consent already: 1 more person is to',
    });
    expect(await decide(runId, 'reject', 'ana')).toEqual({ ok: true });
    await bench.runtime.idle();
    expect(bench.runtime.run(runId)?.failure?.code).toBe('APPROVAL_REJECTED');
  });

  test('one who rejects it is enough', async () => {
    const runId = await ordered({ steps: [byTwo()] });
    await decide(runId, 'approve', 'ana');
    await decide(runId, 'reject', 'ben');
    await bench.runtime.idle();
    expect(bench.runtime.run(runId)?.failure?.code).toBe('APPROVAL_REJECTED');
    expect(await decide(runId, 'approve', 'cas')).toMatchObject({ code: 'APPROVAL_NOT_PENDING' });
  });

  test('at one moment both are heard, and one person twice is one', async () => {
    const runId = await ordered({ steps: [approve('consent', { count: 3 })] });
    const answers = await Promise.all(['ana', 'ana', 'ben'].map((actor) => decide(runId, 'approve', actor)));
    expect(answers.map(({ ok }) => ok).toSorted()).toEqual([false, true, true]);
    expect(bench.runtime.approvals()[0]?.given).toHaveLength(2);
    await decide(runId, 'approve', 'cas');
    await bench.runtime.idle();
    expect(state(runId)).toBe('succeeded');
  });

  test('what was given outlives the process', async () => {
    const runId = await ordered({ steps: [byTwo()] });
    await decide(runId, 'approve', 'ana');
    await bench.crash();
    await bench.runtime.idle();
    expect(bench.runtime.approvals()[0]?.given).toMatchObject([{ actor: 'ana' }]);
    await decide(runId, 'approve', 'ben');
    await bench.runtime.idle();
    expect(state(runId)).toBe('succeeded');
  });

  test('while the pipeline is paused both can be given', async () => {
    const runId = await ordered({ steps: [byTwo()] });
    await bench.runtime.setSwitch({ kind: 'pause', pipeline: 'orders', onlyKeys: [] }, 'ops', 'looking');
    await decide(runId, 'approve', 'ana');
    expect(await decide(runId, 'approve', 'ben')).toEqual({ ok: true });
    await bench.runtime.idle();
    expect(state(runId)).toBe('waiting');
    await bench.runtime.liftSwitch('pause/orders', 'ops', 'looked');
    await bench.runtime.idle();
    expect(state(runId)).toBe('succeeded');
  });

  test('in time: one is not enough when it is over, and counts for whoever stands in', async () => {
    const runId = await ordered({ steps: [byTwo({ onExpiry: 'escalate' })] });
    await decide(runId, 'approve', 'ana');
    await bench.pass(HOUR);
    expect(bench.runtime.approvals()).toMatchObject([
      { by: 'platform', count: 2, given: [{ actor: 'ana' }] },
    ]);
    expect(await decide(runId, 'approve', 'ana')).toMatchObject({ code: 'APPROVAL_GIVEN_ALREADY' });
    await decide(runId, 'approve', 'pat');
    await bench.runtime.idle();
    expect(state(runId)).toBe('succeeded');
  });

  test('rejected when nobody else came, and asked anew from the first once it is resumed', async () => {
    const runId = await ordered({ steps: [byTwo()], onFailure: 'hold' });
    await decide(runId, 'approve', 'ana');
    await bench.pass(HOUR);
    expect(bench.runtime.run(runId)?.failure?.code).toBe('APPROVAL_EXPIRED');
    await bench.runtime.resume(runId, 'ops', 'they are back');
    await bench.runtime.idle();
    expect(bench.runtime.approvals()[0]?.given).toEqual([]);
  });

  test('a cancelled run takes none of them', async () => {
    const runId = await ordered({ steps: [byTwo()] });
    const [cancelled, given] = await Promise.all([
      bench.runtime.cancel(runId, 'ops', 'no longer wanted'),
      decide(runId, 'approve', 'ana'),
    ]);
    expect(cancelled.ok).toBe(true);
    expect(given.ok).toBe(false);
    const entries = bench.runtime.trace({ runId }).filter(({ kind }) => kind === 'approval');
    expect(entries).toEqual([]);
  });

  test('a restart during an approval in an encrypted file of a list finds it', async () => {
    bench = await openBenchWith({ encryption: keysNamed('k1') }, [
      planFor({ steps: [list({ steps: [byTwo()], result: { literal: 1 } })] }),
    ]);
    const runId = await bench.order({ id: 'a', lines: [{ sku: 'long-name-1' }, { sku: 'long-name-2' }] });
    await bench.runtime.idle();
    const places = bench.runtime
      .approvals()
      .map(({ stepId }) => stepId)
      .toSorted();
    expect(places).toEqual(['lines[long-name-1].consent', 'lines[long-name-2].consent']);
    await decide(runId, 'approve', 'ana', places[1]);
    await bench.crash();
    await bench.runtime.idle();
    const given = bench.runtime.approvals().map((one) => [one.stepId, one.given?.length]);
    expect(Object.fromEntries(given)).toEqual({ [places[0]!]: 0, [places[1]!]: 1 });
    for (const [place, who] of [
      [places[0], 'ana'],
      [places[0], 'ben'],
      [places[1], 'ben'],
    ] as const)
      expect(await decide(runId, 'approve', who, place)).toEqual({ ok: true });
    await bench.runtime.idle();
    expect(state(runId)).toBe('succeeded');
  });
});

describe('not everybody may approve:', () => {
  test('whoever approved at an earlier step cannot, and may reject', async () => {
    const runId = await ordered({
      steps: [approve('first'), approve('consent', { except: { steps: ['first'] } })],
    });
    await decide(runId, 'approve', 'ana', 'first');
    await bench.runtime.idle();
    expect(bench.runtime.approvals()).toMatchObject([{ stepId: 'consent', except: ['ana'] }]);
    expect(await decide(runId, 'approve', 'ana')).toEqual({
      ok: false,
      code: 'APPROVAL_ACTOR_EXCEPTED',
      message: 'consent is not for ana to approve, who started the run or approved before',
    });
    expect(await decide(runId, 'reject', 'ana')).toEqual({ ok: true });
  });

  test('each of several is kept out, and nobody by a step that was skipped', async () => {
    const except = { steps: ['skipped', 'first'] };
    const runId = await ordered({
      steps: [
        approve('skipped', { when: 'false' }),
        approve('first', { count: 2 }),
        approve('consent', { except }),
      ],
    });
    await decide(runId, 'approve', 'ana', 'first');
    await decide(runId, 'approve', 'ben', 'first');
    await bench.runtime.idle();
    expect(bench.runtime.approvals()[0]?.except).toEqual(['ana', 'ben']);
    expect(await decide(runId, 'approve', 'cas')).toEqual({ ok: true });
  });

  test('whoever started the run cannot, nor the run that started it', async () => {
    const gate = approve('consent', { except: { requester: true } });
    const child = childPlan({ steps: [gate] });
    const parent = planFor({
      pipeline: 'parent',
      trigger: { manual: true, input: { type: 'object' } },
      steps: [run('below', child)],
    });
    bench = await openBench(parent, child);
    const started = await bench.runtime.trigger('parent', { id: 'a' }, 'ana');
    expect(started.ok).toBe(true);
    await bench.runtime.idle();
    const [asked] = bench.runtime.approvals();
    expect(asked).toMatchObject({ pipeline: 'child', except: ['ana'] });
    expect(await decide(asked!.runId, 'approve', 'ana')).toMatchObject({ code: 'APPROVAL_ACTOR_EXCEPTED' });
    expect(await decide(asked!.runId, 'approve', 'ben')).toEqual({ ok: true });
  });

  test('whoever started the run cannot whose event began with what started it, also where that was held before', async () => {
    const child = childPlan({ steps: [approve('consent', { except: { requester: true } })] });
    const emitting = planFor({
      pipeline: 'emitting',
      trigger: { manual: true, input: { type: 'object' } },
      steps: [
        step('emit', 'tell', { event: 'shop.shipped', with: { object: { id: { expression: 'event.id' } } } }),
      ],
    });
    const { events } = emitting;
    const hearing = (version: number, member: string) =>
      planFor({
        pipeline: 'hearing',
        version,
        trigger: { event: 'shop.shipped' },
        events: {
          ...events,
          'shop.shipped': { ...events['shop.shipped']!, payload: { type: 'object', required: [member] } },
        },
        steps: [run('below', child)],
      });
    bench = await openBench(emitting, hearing(1, 'id'), child);
    await bench.runtime.trigger('emitting', { id: 'a' }, 'ana');
    await bench.runtime.idle();
    await bench.runtime.activate(hearing(2, 'parcel'));
    await bench.runtime.trigger('emitting', { id: 'b' }, 'ben');
    await bench.runtime.idle();
    await bench.runtime.activate(hearing(3, 'id'));
    await bench.runtime.recheck({ apply: true }, 'cas', 'mended');
    await bench.runtime.idle();
    const asked = bench.runtime.approvals();
    expect(asked).toMatchObject([
      { pipeline: 'child', except: ['ana'] },
      { pipeline: 'child', except: ['ben'] },
    ]);
    expect(await decide(asked[0]!.runId, 'approve', 'ana')).toMatchObject({
      code: 'APPROVAL_ACTOR_EXCEPTED',
    });
    expect(await decide(asked[0]!.runId, 'approve', 'ben')).toEqual({ ok: true });
  });

  test('an event from outside names nobody, whatever trace it brings', async () => {
    const gated = planFor({ steps: [approve('consent', { except: { requester: true } })] });
    const byHand = planFor({
      pipeline: 'by-hand',
      trigger: { manual: true, input: { type: 'object' } },
      steps: [call('create', 'acme.create')],
    });
    bench = await openBench(gated, byHand);
    const started = await bench.runtime.trigger('by-hand', { id: 'a' }, 'ana');
    await bench.runtime.idle();
    const { runId } = (started as Extract<typeof started, { ok: true }>).runs[0]!;
    const ours = bench.target.calls[0]!.request.traceparent!;
    const asId = runId.padEnd(32, '0');
    for (const [deliveryId, traceparent] of Object.entries({
      ours,
      byId: `00-${asId}-00f067aa0ba902b7-01`,
      plain: runId,
    })) {
      const event = { event: 'shop.ordered', payload: { id: deliveryId }, deliveryId, source: 'shop' };
      expect(await bench.runtime.accept({ ...event, traceparent })).toMatchObject({ ok: true });
    }
    await bench.runtime.idle();
    const asked = bench.runtime.approvals();
    expect(asked).toHaveLength(3);
    for (const one of asked) expect(one).not.toHaveProperty('except');
  });

  test.each(['manual:ana', 'shop/manual:ana', 'pipeline:by-hand', 'quarantine:manual:ana'])(
    'nobody outside can say that an event is from %s',
    async (source) => {
      bench = await openBench(planFor({ steps: [approve('consent', { except: { requester: true } })] }));
      const event = { event: 'shop.ordered', payload: { id: 'a' }, deliveryId: 'd1', source };
      expect(await bench.runtime.accept(event)).toMatchObject({
        ok: false,
        failure: { class: 'validation', code: 'EVENT_SOURCE_RESERVED' },
      });
    },
  );

  test('nobody is the requester where an event started it', async () => {
    const runId = await ordered({ steps: [approve('consent', { except: { requester: true } })] });
    expect(bench.runtime.approvals()[0]).not.toHaveProperty('except');
    expect(await decide(runId, 'approve', 'ana')).toEqual({ ok: true });
  });
});
