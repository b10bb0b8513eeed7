import { DatabaseSync } from 'node:sqlite';
import { afterEach, describe, expect, test } from 'vitest';
import { type Bench, failure, openBench, refused, unavailable } from '../testing/bench.ts';
import { call, literal, planFor, step, undoable } from '../testing/plan.ts';

let bench: Bench;
afterEach(() => bench.close());

const approve = (onExpiry: 'reject' | 'approve' | 'escalate') =>
  step('approve', 'consent', {
    by: 'finance',
    withinMs: 3_600_000,
    onExpiry,
    show: { object: { amount: { expression: 'event.amount' } } },
  });

describe('approve', () => {
  test('waits, shows what is asked, and goes on with the decision', async () => {
    bench = await openBench(
      planFor({
        steps: [approve('reject'), call('pay', 'acme.create')],
        success: 'steps.consent.actor == "ana"',
      }),
    );
    const runId = await bench.order({ id: 'a', amount: 7 });
    await bench.runtime.idle();
    expect(bench.runtime.approvals()).toMatchObject([
      { runId, stepId: 'consent', by: 'finance', show: { amount: 7 }, key: 'a' },
    ]);
    await bench.crash();
    expect(await bench.runtime.decide(runId, 'consent', 'approve', 'ana', 'within budget')).toEqual({
      ok: true,
    });
    await bench.runtime.idle();
    expect(bench.state(runId)).toBe('succeeded');
    expect(bench.runtime.approvals()).toEqual([]);
    expect(await bench.runtime.decide(runId, 'consent', 'approve', 'bob', 'me too')).toMatchObject({
      ok: false,
      code: 'APPROVAL_NOT_PENDING',
    });
  });

  test('rejected ends the run without the effect', async () => {
    bench = await openBench(
      planFor({ steps: [undoable('hold'), approve('reject'), call('pay', 'acme.put')] }),
    );
    const runId = await bench.order({ id: 'a', amount: 7 });
    await bench.runtime.idle();
    await bench.runtime.decide(runId, 'consent', 'reject', 'ana', 'too much');
    await bench.runtime.idle();
    expect(bench.state(runId)).toBe('compensated');
    expect(bench.target.calls.map(({ operation }) => operation)).toEqual(['create', 'remove']);
  });

  test('is decided by a person of the team that is asked alone, where it is known of which teams they are', async () => {
    bench = await openBench(planFor({ steps: [approve('reject')] }));
    const runId = await bench.order({ id: 'a', amount: 7 });
    await bench.runtime.idle();
    const { by } = bench.runtime.approvals()[0]!;
    expect(await bench.runtime.decide(runId, 'consent', 'approve', 'finn', 'mine', ['stock'])).toEqual({
      ok: false,
      code: 'APPROVAL_TEAM_REFUSED',
      message: `consent is asked of ${by}, and finn decides for stock`,
    });
    expect(bench.runtime.approvals()).toHaveLength(1);
    expect(await bench.runtime.decide(runId, 'consent', 'approve', 'ana', 'x', ['stock', by])).toEqual({
      ok: true,
    });
    await bench.runtime.idle();
    expect(bench.state(runId)).toBe('succeeded');
    expect(bench.runtime.trace({ runId }).find(({ kind }) => kind === 'approval')!.details).toMatchObject({
      decision: 'approve',
      actor: 'ana',
      by,
    });
  });

  test('has a declared outcome on expiry, and takes no decision after it', async () => {
    bench = await openBench(
      planFor({ steps: [approve('approve')], success: 'steps.consent.actor == "expiry"' }),
    );
    const runId = await bench.order({ id: 'a', amount: 7 });
    await bench.runtime.idle();
    bench.clock.advance(3_600_000);
    expect(await bench.runtime.decide(runId, 'consent', 'reject', 'ana', 'late')).toMatchObject({
      ok: false,
      code: 'APPROVAL_EXPIRED',
    });
    await bench.runtime.idle();
    expect(bench.state(runId)).toBe('succeeded');
  });

  test('expired rejects', async () => {
    bench = await openBench(planFor({ steps: [approve('reject')] }));
    const runId = await bench.order({ id: 'a', amount: 7 });
    await bench.pass(3_600_000);
    expect(bench.runtime.run(runId)).toMatchObject({
      state: 'failed',
      failure: { code: 'APPROVAL_EXPIRED' },
    });
  });

  test('escalates to the backup once, then rejects', async () => {
    bench = await openBench(planFor({ steps: [approve('escalate')] }));
    const runId = await bench.order({ id: 'a', amount: 7 });
    await bench.pass(3_600_000);
    expect(bench.runtime.approvals()).toMatchObject([{ runId, by: 'platform' }]);
    await bench.pass(3_600_000);
    expect(bench.state(runId)).toBe('failed');
  });
});

describe('wait', () => {
  const waitForPayment = (onExpiry: 'fail' | 'continue') =>
    step('wait', 'payment', {
      for: { event: 'shop.paid', match: 'signal.order == event.id', withinMs: 60_000, onExpiry },
    });
  const pay = (order: string) =>
    bench.runtime.accept({
      event: 'shop.paid',
      payload: { order, by: 'card' },
      deliveryId: `pay-${order}`,
      source: 'bank',
    });

  test('for a date', async () => {
    bench = await openBench(
      planFor({ steps: [step('wait', 'until', { for: { until: 'event.at' } }), call('pay', 'acme.create')] }),
    );
    const at = new Date(bench.clock.now() + 86_400_000).toISOString();
    const runId = await bench.order({ id: 'a', at });
    await bench.pass(86_399_999);
    expect(bench.state(runId), 'beyond the deadline, which counts no waiting').toBe('waiting');
    await bench.pass(1);
    expect(bench.state(runId)).toBe('succeeded');
  });

  test('for the event that matches, and no other', async () => {
    bench = await openBench(
      planFor({ steps: [waitForPayment('fail')], success: 'steps.payment.by == "card"' }),
    );
    const [one, two] = [await bench.order({ id: 'a' }), await bench.order({ id: 'b' })];
    await bench.runtime.idle();
    await pay('b');
    await bench.runtime.idle();
    expect([bench.state(one), bench.state(two)]).toEqual(['waiting', 'succeeded']);
    await bench.crash();
    await pay('a');
    await bench.runtime.idle();
    expect(bench.state(one)).toBe('succeeded');
  });

  test('that is over is told once, also where the run failed behind it and is cancelled', async () => {
    const pause = step('wait', 'pause', { for: { durationMs: 1_000 } });
    const check = step('check', 'last', {
      that: [{ condition: 'false', message: 'never' }],
      otherwise: 'quarantine',
    });
    bench = await openBench(planFor({ steps: [pause, check] }));
    const runId = await bench.order({ id: 'a' });
    await bench.pass(2_000);
    expect(bench.state(runId)).toBe('failed');
    await bench.runtime.cancel(runId, 'ana', 'no longer wanted');
    await bench.runtime.idle();
    expect(bench.state(runId)).toBe('cancelled');
    const done = bench.runtime.trace({ runId }).filter(({ kind }) => kind === 'stepDone');
    expect(done.map((entry) => entry.step)).toEqual(['pause']);
  });

  test('for an event that is taken while the first wait for one is on its way to the same batch', async () => {
    bench = await openBench(planFor({ steps: [waitForPayment('fail')] }));
    // So that the run begins in the write that stores it.
    await bench.runtime.idle();
    const [runId] = await Promise.all([bench.order({ id: 'a' }), pay('a')]);
    await bench.runtime.idle();
    expect(bench.state(runId)).toBe('succeeded');
  });

  test('for an event that is on its way to the disk as the run looks, woken by another one', async () => {
    bench = await openBench(planFor({ steps: [waitForPayment('fail')] }));
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    const turns = async (count: number): Promise<void> => {
      for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
    };
    bench.onBatch = () => turns(10);
    const other = pay('b');
    await turns(5);
    await Promise.all([other, pay('a')]);
    await bench.runtime.idle();
    expect(bench.state(runId)).toBe('succeeded');
  });

  test('for an event that came before the step did, but after the run began', async () => {
    bench = await openBench(planFor({ steps: [call('slow', 'acme.get'), waitForPayment('fail')] }));
    bench.target.script = { get: [{ fail: unavailable }] };
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    await pay('a');
    await bench.pass(1_000);
    expect(bench.state(runId)).toBe('succeeded');
  });

  test('that expires fails or continues, as declared', async () => {
    bench = await openBench(
      planFor({ steps: [waitForPayment('continue')], success: 'steps.payment == null' }),
      planFor({ pipeline: 'strict', steps: [waitForPayment('fail')] }),
    );
    await bench.order({ id: 'a' });
    await bench.pass(60_000);
    expect(bench.runtime.runs().map(({ pipeline, state }) => [pipeline, state])).toEqual([
      ['strict', 'failed'],
      ['orders', 'succeeded'],
    ]);
  });
});

describe('emit', () => {
  const shipping = planFor({
    pipeline: 'shipping',
    trigger: { event: 'shop.shipped' },
    steps: [call('label', 'acme.create')],
  });
  const emit = step('emit', 'shipped', {
    event: 'shop.shipped',
    with: { object: { id: { expression: 'event.id' } } },
  });

  test('starts the pipelines that listen, with the same correlation, once', async () => {
    bench = await openBench(planFor({ steps: [emit, call('after', 'acme.put')] }), shipping);
    const crashed = Promise.withResolvers<void>();
    let kills = 0;
    bench.onEntry = (entry) => {
      if (entry.kind === 'emitted' && kills++ === 0) bench.crash().then(crashed.resolve, crashed.reject);
    };
    const runId = await bench.order({ id: 'a' });
    await crashed.promise;
    await bench.runtime.idle();
    expect(kills).toBe(1);
    const runs = bench.runtime.runs();
    expect(runs.map(({ pipeline, state }) => [pipeline, state])).toEqual([
      ['shipping', 'succeeded'],
      ['orders', 'succeeded'],
    ]);
    expect(new Set(runs.map(({ correlationId }) => correlationId)).size).toBe(1);
    const { correlationId } = bench.runtime.run(runId)!;
    expect(new Set(bench.runtime.trace({ correlationId }).map((entry) => entry.pipeline))).toEqual(
      new Set(['orders', 'shipping']),
    );
  });

  test('refuses a payload that violates the contract', async () => {
    const empty = step('emit', 'shipped', { event: 'shop.shipped', with: literal({}) });
    bench = await openBench(planFor({ steps: [empty] }), shipping);
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    expect(bench.runtime.run(runId)).toMatchObject({
      state: 'failed',
      failure: { class: 'contract', pointer: '/id', step: 'shipped' },
    });
  });
});

describe('check', () => {
  const check = (otherwise: 'quarantine' | 'fail') =>
    step('check', 'sane', {
      that: [{ condition: 'event.amount > 0', message: 'the amount is not positive' }],
      otherwise,
    });

  test('holds bad input in quarantine before any effect', async () => {
    bench = await openBench(planFor({ steps: [check('quarantine'), call('pay', 'acme.create')] }));
    const runId = await bench.order({ id: 'a', amount: -1 });
    await bench.runtime.idle();
    expect(bench.runtime.deadLetters()).toMatchObject([
      { runId, queue: 'quarantine', failure: { message: 'the amount is not positive' }, settled: 'held' },
    ]);
    expect(bench.target.calls).toEqual([]);
  });

  test('lets good input pass', async () => {
    bench = await openBench(planFor({ steps: [check('fail'), call('pay', 'acme.create')] }));
    const runId = await bench.order({ id: 'a', amount: 1 });
    await bench.runtime.idle();
    expect(bench.state(runId)).toBe('succeeded');
  });
});

describe('failure', () => {
  test('forward: opens owned work for what cannot be undone, and for the failed step', async () => {
    const mail = call('mail', 'acme.send', {
      irreversible: {
        because: 'a sent mail stays sent',
        forward: { task: 'send the correction', owner: 'support', withinMs: 1 },
      },
    });
    bench = await openBench(planFor({ onFailure: 'forward', steps: [mail, call('put', 'acme.put')] }));
    bench.target.script = { put: [{ fail: refused }] };
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    expect(bench.state(runId)).toBe('failed');
    const fixes = bench.runtime.trace({ runId }).filter(({ kind }) => kind === 'forwardFix');
    expect(fixes.map(({ step, details }) => [step, details['owner']])).toEqual([
      ['mail', 'support'],
      ['put', 'sales'],
    ]);
    expect(bench.runtime.deadLetters()).toMatchObject([{ settled: 'forward', step: 'put' }]);
  });

  test('forward: what is owed of the failed step is nobody’s any more once the run is undone', async () => {
    const because = 'a sent mail stays sent';
    const forward = { task: 'send the correction', owner: 'support', withinMs: 1 };
    const mail = call('mail', 'acme.send', { irreversible: { because, forward } });
    const consent = step('approve', 'consent', {
      by: 'finance',
      withinMs: 3_600_000,
      onExpiry: 'reject',
      show: literal(null),
    });
    const steps = [mail, call('put', 'acme.put'), consent];
    bench = await openBench(planFor({ onFailure: 'forward', steps }));
    bench.target.script = { put: [{ fail: refused }] };
    const owed = () => bench.runtime.forwardFixes().map(({ runId, stepId }) => [runId, stepId]);
    const parked = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    expect(owed()).toEqual([
      [parked, 'mail'],
      [parked, 'put'],
    ]);
    const waiting = await bench.order({ id: 'b' });
    await bench.runtime.idle();
    for (const runId of [parked, waiting]) await bench.runtime.cancel(runId, 'ana', 'no longer wanted');
    await bench.runtime.idle();
    await bench.crash();
    expect([parked, waiting].map(bench.state)).toEqual(['cancelled', 'cancelled']);
    expect(owed()).toEqual([
      [parked, 'mail'],
      [waiting, 'mail'],
    ]);
  });

  test('compensate: opens the forward fix of an irreversible step on the way back', async () => {
    const mail = call('mail', 'acme.send', {
      irreversible: {
        because: 'a sent mail stays sent',
        forward: { task: 'send the correction', owner: 'support', withinMs: 1 },
      },
    });
    bench = await openBench(planFor({ steps: [undoable('one'), mail, call('put', 'acme.put')] }));
    bench.target.script = { put: [{ fail: refused }] };
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    expect(bench.state(runId)).toBe('compensated');
    expect(bench.target.calls.map(({ operation }) => operation)).toEqual(['create', 'send', 'put', 'remove']);
    expect(bench.runtime.trace({ runId }).filter(({ kind }) => kind === 'forwardFix')).toHaveLength(1);
  });

  test('opens it for one in doubt too that a person gives up: it may have happened', async () => {
    const mail = call('mail', 'acme.send', {
      irreversible: {
        because: 'a sent mail stays sent',
        forward: { task: 'send the correction', owner: 'support', withinMs: 1 },
      },
    });
    bench = await openBench(planFor({ steps: [undoable('one'), mail] }));
    bench.target.script = { send: [{ loseAnswer: true }] };
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    await bench.runtime.settle(runId, 'mail', 'compensate', 'ana', 'not wanted any more');
    await bench.crash();
    await bench.runtime.idle();
    expect([bench.state(runId), bench.target.count('remove')]).toEqual(['compensated', 1]);
    expect(bench.runtime.forwardFixes()).toMatchObject([
      { stepId: 'mail', task: 'send the correction', owner: 'support' },
    ]);
  });

  test('opens a look for one that can be undone and that a person gives up, without knowing what came of it: nothing undoes it', async () => {
    bench = await openBench(planFor({ steps: [undoable('one'), undoable('pay', 'acme.createBlind')] }));
    bench.target.script = { createBlind: [{ loseAnswer: true }] };
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    await bench.runtime.settle(runId, 'pay', 'compensate', 'ana', 'not wanted any more');
    await bench.crash();
    await bench.runtime.idle();
    expect([bench.state(runId), bench.target.count('remove')]).toEqual(['compensated', 1]);
    expect(bench.runtime.forwardFixes()).toMatchObject([
      {
        stepId: 'pay',
        owner: 'sales',
        task: expect.stringContaining('find out whether pay (acme.createBlind) happened'),
      },
    ]);
    expect(bench.runtime.trace({ runId }).filter(({ kind }) => kind === 'forwardFix')).toHaveLength(1);
    await bench.runtime.closeFix(runId, 'pay', 'ana', 'undone at their desk');
    expect(bench.runtime.forwardFixes()).toEqual([]);
  });

  test('opens no look for one that was seen to have happened: it is undone', async () => {
    bench = await openBench(planFor({ steps: [undoable('pay', 'acme.createBlind')] }));
    bench.target.script = { createBlind: [{ loseAnswer: true }] };
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    await bench.runtime.settle(runId, 'pay', 'compensate', 'ana', 'seen there', { id: 'createBlind-1' });
    await bench.runtime.idle();
    expect([bench.state(runId), bench.target.count('remove')]).toEqual(['compensated', 1]);
    expect(bench.runtime.forwardFixes()).toEqual([]);
  });

  test('hold: the run resumes at the failed step, and repeats nothing', async () => {
    bench = await openBench(
      planFor({ onFailure: 'hold', steps: [undoable('one'), call('put', 'acme.put'), undoable('two')] }),
    );
    bench.target.script = { put: [{ fail: refused }] };
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    expect(bench.state(runId)).toBe('failed');
    await bench.crash();
    expect(await bench.runtime.resume(runId, 'ana', 'fixed the account')).toEqual({ ok: true });
    await bench.runtime.idle();
    expect(bench.state(runId)).toBe('succeeded');
    expect(bench.runtime.deadLetters()).toEqual([]);
    expect(bench.target.calls.map(({ operation }) => operation)).toEqual(['create', 'put', 'put', 'create']);
  });

  test('a compensation that cannot finish is parked, and finishes when resumed', async () => {
    bench = await openBench(planFor({ steps: [undoable('one'), undoable('two'), call('put', 'acme.put')] }));
    bench.target.script = { put: [{ fail: refused }], remove: [{ fail: refused }] };
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    expect(bench.runtime.run(runId)).toMatchObject({ state: 'failed', failure: { step: 'compensate:two' } });
    expect(bench.target.count('remove')).toBe(1);
    await bench.crash();
    await bench.runtime.resume(runId, 'ana', 'unlocked it');
    await bench.runtime.idle();
    expect(bench.state(runId)).toBe('compensated');
    const removed = bench.target.calls.filter(({ operation }) => operation === 'remove');
    expect(removed.map(({ input }) => input)).toEqual([
      { id: 'create-2' },
      { id: 'create-2' },
      { id: 'create-1' },
    ]);
    expect(new Set(removed.map(({ key }) => key)).size).toBe(2);
  });

  test('what is gone already counts as removed', async () => {
    bench = await openBench(planFor({ steps: [undoable('one'), call('put', 'acme.put')] }));
    const gone = failure('notFound', 'HTTP_RESPONSE_STATUS', 'answered', { status: 404 });
    bench.target.script = { put: [{ fail: refused }], remove: [{ fail: gone }] };
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    expect(bench.state(runId)).toBe('compensated');
  });

  test('the deadline ends a run that retries', async () => {
    bench = await openBench(
      planFor({
        limits: { concurrency: 5, deadlineMs: 2_500 },
        steps: [undoable('one'), call('read', 'acme.get')],
      }),
    );
    bench.target.script = { get: Array(9).fill({ fail: unavailable }) };
    const runId = await bench.order({ id: 'a' });
    await bench.pass(2_500);
    expect(bench.runtime.run(runId)).toMatchObject({
      state: 'compensated',
      failure: { code: 'RUN_DEADLINE_EXCEEDED' },
    });
    expect(bench.target.count('get')).toBe(2);
  });

  test('a success condition that does not hold fails the run', async () => {
    bench = await openBench(planFor({ steps: [undoable('one')], success: 'steps.one.id == "x"' }));
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    expect(bench.runtime.run(runId)).toMatchObject({
      state: 'compensated',
      failure: { code: 'RUN_SUCCESS_NOT_MET' },
    });
  });
});

test('a run that was parked by a version without a row for it, and resumed, can be undone to its end', async () => {
  bench = await openBench(
    planFor({ steps: [call('one', 'acme.get'), undoable('made'), call('three', 'acme.put')] }),
  );
  const no = { fail: refused };
  bench.target.script = { get: [no], put: [no], remove: [no] };
  const runId = await bench.order({ id: 'a' });
  await bench.runtime.idle();
  await bench.runtime.resume(runId, 'ana', 'again');
  await bench.runtime.idle();
  expect(bench.runtime.deadLetters()).toMatchObject([{ step: 'compensate:made' }]);
  await bench.crash();
  const file = new DatabaseSync(bench.file);
  expect(file.prepare(`DELETE FROM journal WHERE key LIKE '%/parked'`).run().changes).toBe(1);
  file.close();
  await bench.runtime.resume(runId, 'ana', 'it is up again');
  await bench.runtime.idle();
  expect(bench.state(runId)).toBe('compensated');
  expect(bench.target.count('remove')).toBe(2);
});
