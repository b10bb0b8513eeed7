import { afterEach, describe, expect, test } from 'vitest';
import { type Bench, failure, openBench, refused } from '../../testing/bench.ts';
import {
  both,
  call,
  childPlan,
  list,
  literal,
  ofSkus,
  planFor,
  run,
  step,
  undoable,
} from '../../testing/plan.ts';

let bench: Bench;
afterEach(() => bench.close());

/** When the bench's clock begins. */
const BEGUN_MS = 1_700_000_000_000;

const stepsOf = (runId: string) => bench.runtime.run(runId)!.steps;

describe('of the steps of a run, the one that it failed at is among them with its failure:', () => {
  test('a check, with how often it has judged', async () => {
    const look = step('check', 'look', {
      that: [{ condition: 'steps.order.amount > 10', message: 'too little' }],
      otherwise: 'quarantine',
      again: ['order'],
    });
    bench = await openBench(
      planFor({ onFailure: 'hold', steps: [call('order', 'acme.get'), look, call('put', 'acme.put')] }),
    );
    bench.target.script = { get: [8, 9, 12].map((amount) => ({ result: { id: 'r1', amount } })) };
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    const failure = {
      class: 'validation',
      code: 'CHECK_NOT_MET',
      message: 'too little',
      delivery: 'notSent',
    };
    expect(stepsOf(runId)).toMatchObject([{ id: 'order', state: 'succeeded' }, { id: 'look' }]);
    const again = ['order'];
    const atMs = BEGUN_MS;
    expect(stepsOf(runId)[1]).toEqual({ id: 'look', state: 'failed', atMs, attempts: 1, failure, again });
    await bench.runtime.resume(runId, 'ana', 'mended over there');
    await bench.runtime.idle();
    expect(stepsOf(runId)[1]).toEqual({ id: 'look', state: 'failed', atMs, attempts: 2, failure, again });
    await bench.runtime.resume(runId, 'ana', 'mended over there');
    await bench.runtime.idle();
    expect(stepsOf(runId).map(({ id, state }) => [id, state])).toEqual([
      ['order', 'succeeded'],
      ['put', 'succeeded'],
    ]);
  });

  test('a check that nothing is read again for, as one that fails again', async () => {
    const look = step('check', 'look', {
      that: [{ condition: 'steps.order.amount > 10', message: 'too little' }],
      otherwise: 'fail',
    });
    const steps = [call('order', 'acme.get'), call('put', 'acme.put'), look];
    bench = await openBench(planFor({ onFailure: 'hold', steps }));
    bench.target.script = { get: [{ result: { id: 'r1', amount: 8 } }] };
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    expect(stepsOf(runId)[2]).toMatchObject({ id: 'look', state: 'failed', again: [] });
    expect(stepsOf(runId)[1]).not.toHaveProperty('again');
  });

  test('a call whose request could not be made, of which nothing was sent', async () => {
    const pay = call('pay', 'acme.create', { with: { object: { id: { expression: 'event.none' } } } });
    bench = await openBench(planFor({ steps: [undoable('one'), pay] }));
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    const [one, other] = stepsOf(runId);
    expect(one).toMatchObject({ id: 'one', state: 'compensated' });
    expect(other).toMatchObject({
      id: 'pay',
      state: 'failed',
      attempts: 0,
      failure: { class: 'validation' },
    });
    expect(other).not.toHaveProperty('idempotencyKey');
  });

  test('a call that its connection never took, until the deadline', async () => {
    const limits = { concurrency: 1, deadlineMs: 5_000 };
    bench = await openBench(planFor({ onFailure: 'hold', limits, steps: [call('put', 'acme.put')] }));
    const postpone = failure('transient', 'CONNECTION_BREAKER_OPEN', 'notSent', { retryAfterMs: 60_000 });
    bench.target.decide = () => ({ postpone });
    const runId = await bench.order({ id: 'a' });
    await bench.pass(6_000);
    expect(stepsOf(runId)).toMatchObject([
      { id: 'put', state: 'failed', attempts: 0, failure: { code: 'RUN_DEADLINE_EXCEEDED' } },
    ]);
  });

  test('a call that was given up in doubt, as that, also once the rest is undone', async () => {
    bench = await openBench(planFor({ steps: [undoable('one'), call('put', 'acme.createBlind')] }));
    const lost = failure('timeout', 'HTTP_RESPONSE_TIMEOUT', 'lost');
    bench.target.script = { createBlind: [{ loseAnswer: lost }] };
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    expect(stepsOf(runId)[1]).toMatchObject({ id: 'put', state: 'inDoubt' });
    await bench.runtime.settle(runId, 'put', 'compensate', 'ana', 'nobody can tell');
    await bench.runtime.idle();
    expect(bench.state(runId)).toBe('compensated');
    expect(stepsOf(runId)).toMatchObject([
      { id: 'one', state: 'compensated' },
      { id: 'put', state: 'givenUp', failure: { code: 'HTTP_RESPONSE_TIMEOUT' } },
    ]);
  });

  test('a call that was given up though it had happened, as it stands', async () => {
    bench = await openBench(planFor({ onFailure: 'hold', steps: [call('put', 'acme.createBlind')] }));
    const lost = failure('timeout', 'HTTP_RESPONSE_TIMEOUT', 'lost');
    bench.target.decide = () => ({ loseAnswer: lost });
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    await bench.runtime.settle(runId, 'put', 'compensate', 'ana', 'it is there', { id: 'x' });
    await bench.runtime.idle();
    const [put] = stepsOf(runId);
    expect(put).toMatchObject({ state: 'succeeded', result: { id: 'x' } });
    expect(put).not.toHaveProperty('failure');
  });

  test('a list whose items were given up, from then on', async () => {
    bench = await openBench(
      planFor({
        steps: [
          undoable('one'),
          list({ steps: [call('book', 'acme.createBlind')], result: { literal: null } }),
        ],
      }),
    );
    const lost = failure('timeout', 'HTTP_RESPONSE_TIMEOUT', 'lost');
    bench.target.script = { createBlind: [{ loseAnswer: lost }], remove: [{ fail: refused }] };
    const runId = await bench.order({ id: 'a', lines: [{ sku: 'x' }] });
    await bench.runtime.idle();
    const lines = () => stepsOf(runId).find(({ id }) => id === 'lines');
    expect(lines()?.state).not.toBe('failed');
    await bench.runtime.settle(runId, 'lines[x].book', 'compensate', 'ana', 'nobody can tell');
    await bench.runtime.idle();
    expect([bench.state(runId), lines()]).toMatchObject(['failed', { state: 'failed' }]);
    expect(bench.runtime.deadLetters().map(({ step: at }) => at)).toEqual(['compensate:one']);
    await bench.runtime.resume(runId, 'ana', 'it answers now');
    await bench.runtime.idle();
    expect([bench.state(runId), lines()]).toMatchObject(['compensated', { state: 'failed' }]);
  });

  test('an approval that was turned down, also once all before it is undone', async () => {
    const consent = step('approve', 'consent', {
      by: 'finance',
      withinMs: 3_600_000,
      onExpiry: 'reject',
      show: { object: {} },
    });
    bench = await openBench(planFor({ steps: [undoable('hold'), consent] }));
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    expect(stepsOf(runId)[1]).toMatchObject({ id: 'consent', state: 'waiting' });
    await bench.runtime.decide(runId, 'consent', 'reject', 'ana', 'too much');
    await bench.runtime.idle();
    expect(stepsOf(runId)).toMatchObject([
      { id: 'hold', state: 'compensated' },
      { id: 'consent', state: 'failed', failure: { code: 'APPROVAL_REJECTED' } },
    ]);
  });

  test('a list, which names the step of the item that failed', async () => {
    const lines = step('forEach', 'lines', {
      in: 'event.lines',
      as: 'line',
      key: { expression: 'line' },
      max: 50,
      concurrency: 1,
      onItemFailure: 'stop',
      steps: [undoable('book')],
      result: { expression: 'steps.book.id' },
    });
    bench = await openBench(planFor({ onFailure: 'hold', steps: [lines] }));
    bench.target.script = { create: [undefined, { fail: refused }] };
    const runId = await bench.order({ id: 'a', lines: ['x', 'y'] });
    await bench.runtime.idle();
    expect(stepsOf(runId)).toMatchObject([
      { id: 'lines', state: 'failed', failure: { message: expect.stringContaining('lines[y].book') } },
      { id: 'lines[x].book', state: 'succeeded' },
      { id: 'lines[y].book', state: 'failed' },
    ]);
  });
});

describe('of a run that failed at a block, a check in it is there with what is read again for it:', () => {
  const look = (id: string, again?: readonly string[]) =>
    step('check', id, {
      that: [{ condition: 'steps.order.amount > 10', message: 'too little' }],
      otherwise: 'fail',
      ...(again !== undefined && { again }),
    });
  const checks = (runId: string) => stepsOf(runId).filter(({ again }) => again !== undefined);
  const amounts = (...all: number[]) => all.map((amount) => ({ result: { id: 'r1', amount } }));

  test('of an item, as long as it does not hold', async () => {
    const steps = [call('order', 'acme.get'), look('look', ['order']), undoable('book')];
    bench = await openBench(planFor({ onFailure: 'hold', steps: [list({ concurrency: 1, steps })] }));
    bench.target.script = { get: amounts(12, 8, 9, 13), create: [undefined, { fail: refused }] };
    const runId = await bench.order({ id: 'a', lines: ofSkus('x', 'y') });
    await bench.runtime.idle();
    const failed = {
      id: 'lines[y].look',
      state: 'failed',
      failure: { class: 'validation', code: 'CHECK_NOT_MET', message: 'too little', delivery: 'notSent' },
      again: ['order'],
    };
    expect(checks(runId)).toEqual([{ ...failed, attempts: 1 }]);
    await bench.runtime.resume(runId, 'ana', 'mended over there');
    await bench.runtime.idle();
    expect(checks(runId)).toEqual([{ ...failed, attempts: 2 }]);
    await bench.runtime.resume(runId, 'ana', 'mended over there');
    await bench.runtime.idle();
    expect(bench.runtime.run(runId)!.failure?.message).toContain('lines[y].book');
    expect(checks(runId)).toEqual([]);
  });

  test('of a branch, and not of one that was stopped for it', async () => {
    const left = [call('order', 'acme.get'), look('look')];
    const right = [call('slow', 'acme.put'), look('other', ['order'])];
    bench = await openBench(planFor({ onFailure: 'hold', steps: [both(left, right)] }));
    const slow = Promise.withResolvers<void>();
    bench.target.script = { get: amounts(8), put: [{ wait: slow.promise }] };
    const runId = await bench.order({ id: 'a' });
    const isRead = () =>
      bench.runtime.trace({ runId }).some(({ kind, step }) => kind === 'stepDone' && step === 'order');
    await expect.poll(isRead).toBe(true);
    slow.resolve();
    await bench.runtime.idle();
    expect(bench.runtime.run(runId)!.failure?.step).toBe('both');
    expect(checks(runId)).toMatchObject([{ id: 'look', attempts: 1, again: [] }]);
  });

  test('of a list that looks at its items first, nothing', async () => {
    const that = [{ condition: 'line.quantity > 1', message: 'too few' }];
    const lines = list({ check: { that, otherwise: 'quarantine' } });
    bench = await openBench(planFor({ onFailure: 'hold', steps: [lines] }));
    const runId = await bench.order({ id: 'a', lines: ofSkus('x') });
    await bench.runtime.idle();
    expect(checks(runId)).toMatchObject([{ id: 'lines', state: 'failed', again: [] }]);
  });

  test('none where another step of it failed', async () => {
    bench = await openBench(planFor({ onFailure: 'hold', steps: [list()] }));
    bench.target.script = { create: [{ fail: refused }] };
    const runId = await bench.order({ id: 'a', lines: ofSkus('x') });
    await bench.runtime.idle();
    expect(bench.runtime.run(runId)!.failure?.step).toBe('lines');
    expect(checks(runId)).toEqual([]);
  });
});

describe('a run that a branch has started is there with how it ended,', () => {
  const consent = step('approve', 'consent', {
    by: 'finance',
    withinMs: 3_600_000,
    onExpiry: 'reject',
    show: literal(null),
  });
  const asking = childPlan({ steps: [undoable('booked'), consent] });
  /** The put is refused once, and the run resumed. */
  const begun = async (...branches: (readonly Parameters<typeof planFor>[0]['steps'][number][])[]) => {
    const named = branches.map((steps, index) => ({ name: `b${index}`, steps }));
    const plan = planFor({ onFailure: 'hold', steps: [step('parallel', 'both', { branches: named })] });
    bench = await openBench(asking, plan);
    bench.target.script = { put: [{ fail: refused }] };
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    await bench.runtime.resume(runId, 'ana', 'mended over there');
    await bench.runtime.idle();
    const { runId: child } = bench.runtime.runs({ pipeline: 'child' })[0]!;
    expect(stepsOf(runId).find(({ id }) => id === 'sub')).toMatchObject({ state: 'waiting', runId: child });
    await bench.runtime.decide(child, 'consent', 'approve', 'ana', 'fine');
    await bench.runtime.idle();
    expect(bench.state(runId)).toBe('succeeded');
    return stepsOf(runId).find(({ id }) => id === 'sub');
  };

  test('though it was started only when the run was resumed', async () => {
    const sub = await begun([call('put', 'acme.put'), run('sub', asking)], [undoable('other')]);
    expect(sub).toMatchObject({ state: 'succeeded', attempts: 1 });
  });

  test('though the wait for it was stopped for another branch', async () => {
    const sub = await begun([run('sub', asking)], [undoable('other'), call('put', 'acme.put')]);
    expect(sub, 'come to again when the run was resumed').toMatchObject({ state: 'succeeded', attempts: 2 });
  });
});

describe('of branches that wait beside each other', () => {
  const asked = (id: string, onExpiry: 'reject' | 'approve' | 'escalate') =>
    step('approve', id, { by: 'finance', withinMs: 3_600_000, onExpiry, show: literal(null) });
  const paid = (id: string, onExpiry: 'continue' | 'fail') =>
    step('wait', id, {
      for: { event: 'shop.paid', match: 'signal.id == event.id', withinMs: 60_000, onExpiry },
    });
  const started = async (...waits: Parameters<typeof planFor>[0]['steps']): Promise<string> => {
    const branches = waits.map((one, index) => ({ name: `b${index}`, steps: [one] }));
    bench = await openBench(planFor({ onFailure: 'hold', steps: [step('parallel', 'all', { branches })] }));
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    return runId;
  };
  const states = (runId: string) =>
    Object.fromEntries(stepsOf(runId).flatMap(({ id, state }) => (id === 'all' ? [] : [[id, state]])));

  test('each is waiting until its own answer is there', async () => {
    const runId = await started(
      asked('left', 'approve'),
      asked('right', 'escalate'),
      paid('paid', 'continue'),
    );
    expect(states(runId)).toEqual({ left: 'waiting', right: 'waiting', paid: 'waiting' });
    await bench.pass(60_000);
    expect(states(runId)).toEqual({ left: 'waiting', right: 'waiting', paid: 'succeeded' });
    await bench.pass(3_600_000);
    expect(states(runId), 'the other is escalated').toEqual({
      left: 'succeeded',
      right: 'waiting',
      paid: 'succeeded',
    });
    await bench.runtime.decide(runId, 'right', 'approve', 'ana', 'fine');
    await bench.runtime.idle();
    expect(states(runId)).toEqual({ left: 'succeeded', right: 'succeeded', paid: 'succeeded' });
  });

  test('each that was stopped has failed, as what it was stopped for', async () => {
    const runId = await started(
      asked('left', 'reject'),
      asked('right', 'escalate'),
      paid('paid', 'continue'),
    );
    await bench.runtime.decide(runId, 'left', 'reject', 'ana', 'too much');
    await bench.runtime.idle();
    expect(states(runId)).toEqual({ left: 'failed', right: 'failed', paid: 'failed' });
  });

  test('each that came to nothing in time has failed', async () => {
    const runId = await started(asked('left', 'escalate'), paid('paid', 'fail'));
    await bench.pass(60_000);
    expect(states(runId)).toEqual({ left: 'failed', paid: 'failed' });
    await bench.runtime.resume(runId, 'ana', 'again');
    await bench.runtime.idle();
    expect(states(runId)).toEqual({ left: 'waiting', paid: 'waiting' });
    await bench.runtime.accept({
      event: 'shop.paid',
      source: 'shop',
      deliveryId: 'p1',
      payload: { id: 'a' },
    });
    await bench.pass(7_200_000);
    expect(states(runId)).toEqual({ left: 'failed', paid: 'succeeded' });
  });
});

describe('a wait for a time, of whose end nothing is on record,', () => {
  const pause = (id: string, minutes = 10) => step('wait', id, { for: { durationMs: minutes * 60_000 } });
  const later = (id: string) => step('wait', id, { for: { until: String(BEGUN_MS + 600_000) } });
  const branches = (...lists: Parameters<typeof planFor>[0]['steps'][]) =>
    step('parallel', 'all', { branches: lists.map((steps, index) => ({ name: `b${index}`, steps })) });
  const started = async (...steps: Parameters<typeof planFor>[0]['steps']): Promise<string> => {
    const limits = { concurrency: 5, deadlineMs: 3_600_000 };
    bench = await openBench(planFor({ limits, steps }));
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    return runId;
  };
  const states = (runId: string) =>
    Object.fromEntries(stepsOf(runId).flatMap(({ id, state }) => (id === 'all' ? [] : [[id, state]])));

  test.each([
    ['duration', pause],
    ['moment', later],
  ])('is waiting, and has succeeded once the run went on past it: %s', async (_, wait) => {
    const set = step('set', 'plain', { value: literal(1) });
    const runId = await started(wait('first'), set, pause('second', 20));
    expect(states(runId)).toEqual({ first: 'waiting' });
    await bench.pass(600_000);
    expect(states(runId)).toEqual({ first: 'succeeded', second: 'waiting' });
    await bench.pass(1_200_000);
    expect(bench.state(runId)).toBe('succeeded');
    expect(states(runId)).toEqual({ first: 'succeeded', second: 'succeeded' });
  });

  test('is waiting in each of several branches until its own time has come', async () => {
    const runId = await started(
      branches([pause('one', 5), undoable('after')], [pause('two')], [later('three'), undoable('more')]),
      undoable('last'),
    );
    expect(states(runId)).toEqual({ one: 'waiting', two: 'waiting', three: 'waiting' });
    await bench.pass(300_000);
    expect(states(runId)).toEqual({
      one: 'succeeded',
      after: 'succeeded',
      two: 'waiting',
      three: 'waiting',
    });
    await bench.pass(300_000);
    expect(states(runId)).toMatchObject({ two: 'succeeded', three: 'succeeded', last: 'succeeded' });
  });

  test('has failed where the run was cancelled in it, before all is undone and after', async () => {
    const runId = await started(undoable('booked'), pause('pause'), call('put', 'acme.put'));
    bench.target.script = { remove: [{ fail: refused }] };
    await bench.pass(5_000);
    await bench.runtime.cancel(runId, 'ana', 'no longer wanted');
    await bench.runtime.idle();
    expect(bench.state(runId)).toBe('failed');
    const stopped = { id: 'pause', state: 'failed', attempts: 1, failure: { code: 'RUN_CANCELLED' } };
    expect(stepsOf(runId)).toMatchObject([{ id: 'booked' }, { id: 'compensate:booked' }, stopped]);
    await bench.runtime.resume(runId, 'ana', 'mended over there');
    await bench.runtime.idle();
    expect(bench.state(runId)).toBe('cancelled');
    expect(stepsOf(runId)).toMatchObject([{ id: 'booked', state: 'compensated' }, stopped]);
  });

  test('has failed where another branch did, and is waiting again once the run is resumed', async () => {
    const limits = { concurrency: 5, deadlineMs: 3_600_000 };
    const both = branches([pause('pause'), undoable('after')], [pause('short', 1), call('put', 'acme.put')]);
    bench = await openBench(planFor({ onFailure: 'hold', limits, steps: [both] }));
    bench.target.script = { put: [{ fail: refused }] };
    const runId = await bench.order({ id: 'a' });
    await bench.pass(60_000);
    expect(bench.state(runId)).toBe('failed');
    expect(states(runId)).toEqual({ pause: 'failed', short: 'succeeded', put: 'failed' });
    await bench.runtime.resume(runId, 'ana', 'mended over there');
    await bench.runtime.idle();
    expect(states(runId)).toEqual({ pause: 'waiting', short: 'succeeded', put: 'succeeded' });
  });
});

describe('an undoing that has not ended well is there beside the effect', () => {
  const failing = step('check', 'never', {
    that: [{ condition: 'false', message: 'no' }],
    otherwise: 'fail',
  });

  test('with its failure, until it is done', async () => {
    bench = await openBench(planFor({ steps: [undoable('booked'), failing] }));
    bench.target.script = { remove: [{ fail: refused }, { fail: refused }] };
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    const undoing = (attempts: number) => ({
      id: 'compensate:booked',
      state: 'failed',
      attempts,
      idempotencyKey: expect.any(String),
      failure: expect.objectContaining({ code: refused.code }),
    });
    expect(stepsOf(runId)[0]).toMatchObject({ id: 'booked', state: 'succeeded' });
    expect(stepsOf(runId)[1]).toEqual(undoing(1));
    expect(stepsOf(runId)[1]?.idempotencyKey).toBe(bench.runtime.deadLetters()[0]?.idempotencyKey);
    await bench.runtime.resume(runId, 'ana', 'mended over there');
    await bench.runtime.idle();
    expect(stepsOf(runId)[1]).toEqual(undoing(2));
    await bench.runtime.resume(runId, 'ana', 'mended over there');
    await bench.runtime.idle();
    expect(bench.state(runId)).toBe('compensated');
    expect(stepsOf(runId).map(({ id, state }) => [id, state])).toEqual([
      ['booked', 'compensated'],
      ['never', 'failed'],
    ]);
  });

  test('but what was to be deleted and is gone is undone', async () => {
    bench = await openBench(planFor({ steps: [undoable('booked'), failing] }));
    const gone = failure('notFound', 'HTTP_RESPONSE_STATUS', 'answered', { status: 404 });
    bench.target.script = { remove: [{ fail: gone }] };
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    expect(bench.state(runId)).toBe('compensated');
    expect(stepsOf(runId).map(({ id, state }) => [id, state])).toEqual([
      ['booked', 'compensated'],
      ['never', 'failed'],
    ]);
  });

  test('also of an item of a list', async () => {
    const lines = step('forEach', 'lines', {
      in: 'event.lines',
      as: 'line',
      key: { expression: 'line' },
      max: 50,
      concurrency: 1,
      onItemFailure: 'collect',
      steps: [undoable('book'), { ...failing, when: `line == 'y'` }],
    });
    bench = await openBench(planFor({ steps: [lines] }));
    bench.target.script = { remove: [{ fail: refused }] };
    const runId = await bench.order({ id: 'a', lines: ['x', 'y'] });
    await bench.runtime.idle();
    expect(bench.state(runId)).toBe('failed');
    expect(stepsOf(runId)).toMatchObject([
      { id: 'lines' },
      { id: 'lines[x].book', state: 'succeeded' },
      { id: 'lines[y].book', state: 'succeeded' },
      { id: 'compensate:lines[y].book', state: 'failed', attempts: 1, failure: { code: refused.code } },
    ]);
  });
});

describe('a step that waits says for what, and until when,', () => {
  const consent = step('approve', 'consent', {
    by: 'finance',
    withinMs: 3_600_000,
    onExpiry: 'escalate',
    show: literal(null),
  });
  const paid = step('wait', 'paid', {
    for: { event: 'shop.paid', match: 'signal.id == event.id', withinMs: 60_000, onExpiry: 'fail' },
  });
  const awaited = (runId: string) =>
    Object.fromEntries(
      stepsOf(runId).flatMap(({ id, awaits }) => (awaits === undefined ? [] : [[id, awaits]])),
    );
  const started = async (...steps: Parameters<typeof planFor>[0]['steps']): Promise<string> => {
    const limits = { concurrency: 5, deadlineMs: 36_000_000 };
    bench = await openBench(planFor({ limits, steps }));
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    return runId;
  };

  test('an approval, also once it is escalated, and no longer once it is given', async () => {
    const runId = await started(consent);
    const ask = (by: string, hours: number) => ({
      consent: { for: 'approval', by, expiresAtMs: BEGUN_MS + hours * 3_600_000 },
    });
    expect(awaited(runId)).toEqual(ask('finance', 1));
    await bench.pass(3_600_000);
    expect(awaited(runId)).toEqual(ask('platform', 2));
    await bench.runtime.decide(runId, 'consent', 'approve', 'ana', 'fine');
    await bench.runtime.idle();
    expect(awaited(runId)).toEqual({});
  });

  test('an event', async () => {
    expect(awaited(await started(paid))).toEqual({
      paid: { for: 'event', event: 'shop.paid', expiresAtMs: BEGUN_MS + 60_000 },
    });
  });

  test('a time, where it is on record', async () => {
    const until = { for: { until: String(BEGUN_MS + 600_000) } };
    expect(awaited(await started(step('wait', 'later', until)))).toEqual({
      later: { for: 'time', untilMs: BEGUN_MS + 600_000 },
    });
    await bench.close();
    const branches = [
      [step('wait', 'pause', { for: { durationMs: 300_000 } })],
      [step('wait', 'later', until)],
      [consent],
    ].map((steps, index) => ({ name: `b${index}`, steps }));
    expect(awaited(await started(step('parallel', 'all', { branches })))).toEqual({
      pause: { for: 'time', untilMs: BEGUN_MS + 300_000 },
      later: { for: 'time' },
      consent: { for: 'approval', by: 'finance', expiresAtMs: BEGUN_MS + 3_600_000 },
    });
  });

  test('the next try of a call', async () => {
    bench = await openBench(planFor({ steps: [call('put', 'acme.put')] }));
    bench.target.script = { put: [{ fail: failure('transient', 'HTTP_RESPONSE_STATUS', 'answered') }] };
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    expect(awaited(runId)).toEqual({ put: { for: 'time', untilMs: BEGUN_MS + 1_000 } });
    await bench.pass(1_000);
    expect(awaited(runId)).toEqual({});
  });

  test('a run', async () => {
    const asking = childPlan({ steps: [consent] });
    bench = await openBench(asking, planFor({ steps: [run('sub', asking)] }));
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    const { runId: child } = bench.runtime.runs({ pipeline: 'child' })[0]!;
    expect(awaited(runId)).toEqual({ sub: { for: 'run', runId: child, pipeline: 'child' } });
  });

  test('a word on an undoing', async () => {
    const confirm = { ...undoable('booked').compensate!, confirm: 'finance' };
    const booked = { ...undoable('booked'), compensate: confirm };
    const never = { that: [{ condition: 'false', message: 'no' }], otherwise: 'fail' } as const;
    const runId = await started(booked, step('check', 'never', never));
    expect(stepsOf(runId)).toContainEqual(
      expect.objectContaining({
        id: 'compensate:booked',
        state: 'waiting',
        awaits: { for: 'approval', by: 'finance', expiresAtMs: BEGUN_MS + 3_600_000 },
      }),
    );
  });
});

describe('what a person said of a step stands at it, with who said it, when and why:', () => {
  const lost = failure('timeout', 'HTTP_RESPONSE_TIMEOUT', 'lost');
  const saidOf = (runId: string, id: string) => stepsOf(runId).find((one) => one.id === id)?.said;

  test('each verdict on an effect in doubt', async () => {
    bench = await openBench(planFor({ steps: [call('put', 'acme.createBlind')] }));
    bench.target.script = { createBlind: [{ loseAnswer: lost }, { loseAnswer: lost }] };
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    expect(stepsOf(runId)[0]).not.toHaveProperty('said');
    const firstMs = bench.clock.now();
    await bench.runtime.settle(runId, 'put', 'redo', 'ben', 'not in their list');
    await bench.runtime.idle();
    await bench.pass(60_000);
    await bench.runtime.settle(runId, 'put', 'confirm', 'ana', 'now it is', { id: 'x' });
    await bench.runtime.idle();
    await bench.crash();
    expect(stepsOf(runId)[0]).toMatchObject({ state: 'succeeded' });
    expect(saidOf(runId, 'put')).toEqual([
      { word: 'redo', actor: 'ben', reason: 'not in their list', atMs: firstMs },
      { word: 'confirm', actor: 'ana', reason: 'now it is', atMs: firstMs + 60_000 },
    ]);
  });

  test('a decision on an approval', async () => {
    const consent = step('approve', 'consent', {
      by: 'finance',
      withinMs: 3_600_000,
      onExpiry: 'reject',
      show: { object: {} },
    });
    bench = await openBench(planFor({ steps: [consent, call('put', 'acme.put')] }));
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    await bench.runtime.decide(runId, 'consent', 'approve', 'ana', 'as agreed');
    await bench.runtime.idle();
    const atMs = bench.clock.now();
    expect(saidOf(runId, 'consent')).toEqual([{ word: 'approve', actor: 'ana', reason: 'as agreed', atMs }]);
    expect(saidOf(runId, 'put')).toBeUndefined();
  });

  test('that an effect was undone by hand, and what was said of its undoing before', async () => {
    const failing = call('last', 'acme.put');
    bench = await openBench(planFor({ steps: [undoable('one'), failing] }));
    bench.target.script = { put: [{ fail: refused }], remove: [{ fail: refused }] };
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    expect(saidOf(runId, 'one')).toBeUndefined();
    await bench.runtime.markUndone(runId, 'compensate:one', 'ana', 'refunded at the counter');
    await bench.runtime.idle();
    const [one] = stepsOf(runId);
    expect(one).toMatchObject({ state: 'compensated' });
    const word = { actor: 'ana', reason: 'refunded at the counter', atMs: bench.clock.now() };
    expect(one!.said).toEqual([{ word: 'undone', isOfUndoing: true, ...word }]);
  });
});

describe('of a step it is said when it came to what it is', () => {
  test('an effect when its answer came, and when it was undone', async () => {
    const steps = [
      undoable('one'),
      step('wait', 'pause', { for: { durationMs: 60_000 } }),
      call('put', 'acme.put'),
    ];
    bench = await openBench(planFor({ steps }));
    bench.target.script = { put: [{ fail: refused }] };
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    expect(stepsOf(runId)[0]).toMatchObject({ id: 'one', state: 'succeeded', atMs: BEGUN_MS });
    await bench.pass(60_000);
    expect(bench.state(runId)).toBe('compensated');
    const endedAtMs = bench.runtime.run(runId)!.updatedAtMs;
    expect(endedAtMs).toBeGreaterThanOrEqual(BEGUN_MS + 60_000);
    expect(stepsOf(runId)).toMatchObject([
      { id: 'one', state: 'compensated', atMs: BEGUN_MS, undoneAtMs: endedAtMs },
      { id: 'pause', state: 'succeeded' },
      { id: 'put', state: 'failed', atMs: endedAtMs },
    ]);
    expect(stepsOf(runId)[1]).not.toHaveProperty('atMs');
    expect(stepsOf(runId)[2]).not.toHaveProperty('undoneAtMs');
  });

  test('none where it has not come to an end', async () => {
    bench = await openBench(planFor({ onFailure: 'hold', steps: [call('one', 'acme.createBlind')] }));
    bench.target.script = { createBlind: [{ loseAnswer: true }] };
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    expect(stepsOf(runId)[0]).toMatchObject({ state: 'inDoubt' });
    expect(stepsOf(runId)[0]).not.toHaveProperty('atMs');
  });
});
