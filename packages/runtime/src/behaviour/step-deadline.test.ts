import type { PlanStep } from '@tenon/pipeline';
import { afterEach, describe, expect, test } from 'vitest';
import { type Bench, failure, openBench, outdated, refused, unavailable } from '../testing/bench.ts';
import { amend, call, childPlan, planFor, probe, retry, run, step } from '../testing/plan.ts';

let bench: Bench;
afterEach(() => bench?.close());

const SECOND = 1_000;
/** Tried every second, for as long as it may. */
const patient = {
  ...retry,
  attempts: 1_000,
  withinMs: 600_000,
  backoff: { initialMs: SECOND, factor: 1, maxMs: SECOND },
};
const busy = (bench: Bench, ...operations: readonly string[]): void => {
  bench.target.decide = ({ operation }) =>
    operations.includes(operation.operation) ? { fail: unavailable } : undefined;
};
const get = (id: string, deadlineMs?: number) =>
  call(id, 'acme.get', { retry: patient, ...(deadlineMs !== undefined && { deadlineMs }) });
const failureOf = (id: string) => bench.runtime.run(id)?.failure;
/** How long after it was accepted a run was parked. */
const parkedAfter = (id: string): number => {
  const entries = bench.runtime.trace({ runId: id });
  return entries.find(({ kind }) => kind === 'deadLetter')!.at - entries[0]!.at;
};

describe('the deadline of a step', () => {
  test('ends its attempts and pauses, long before the run’s', async () => {
    bench = await openBench(planFor({ steps: [get('one', 5 * SECOND)] }));
    busy(bench, 'get');
    const id = await bench.order({ id: 'a' });
    await bench.pass(60 * SECOND);
    expect(failureOf(id)).toMatchObject({ code: 'STEP_DEADLINE_EXCEEDED', class: 'timeout', step: 'one' });
    expect(parkedAfter(id)).toBe(5 * SECOND);
    expect(bench.target.count('get')).toBe(5);
  });

  test('is told to whoever makes the call, and says nothing of one that is done in time', async () => {
    bench = await openBench(planFor({ steps: [get('one', 5 * SECOND), get('two')] }));
    const beganAtMs = bench.clock.now();
    const id = await bench.order({ id: 'a' });
    await bench.pass(SECOND);
    expect(bench.state(id)).toBe('succeeded');
    expect(bench.target.calls.map(({ request }) => request.deadlineAt! - beganAtMs)).toEqual([
      5 * SECOND,
      600 * SECOND,
    ]);
  });

  test('leaves an effect in doubt that it cuts off', async () => {
    bench = await openBench(planFor({ steps: [call('one', 'acme.createBlind', { deadlineMs: SECOND })] }));
    bench.target.script = {
      createBlind: [{ loseAnswer: failure('timeout', 'HTTP_DEADLINE_REACHED', 'lost') }],
    };
    const id = await bench.order({ id: 'a' });
    await bench.pass(60 * SECOND);
    expect(bench.state(id)).toBe('inDoubt');
    expect(bench.target.count('createBlind')).toBe(1);
  });

  test('settles what was lost before it ends: it is sent no more, and not called failed', async () => {
    bench = await openBench(
      planFor({ steps: [call('one', 'acme.create', { retry: patient, deadlineMs: 3 * SECOND })] }),
    );
    bench.target.decide = ({ operation }) =>
      operation.operation === 'create'
        ? { loseAnswer: failure('timeout', 'HTTP_ANSWER_LOST', 'lost') }
        : undefined;
    const id = await bench.order({ id: 'a' });
    await bench.pass(60 * SECOND);
    expect(bench.state(id)).toBe('inDoubt');
    expect(bench.target.count('create')).toBeLessThanOrEqual(4);
    expect(bench.target.doubled).toEqual([]);
  });

  test('ends the looks before a write: nothing is sent any more, and resumed it looks anew', async () => {
    const looks = call('one', 'acme.createChecked', { probe, deadlineMs: 3 * SECOND, retry: patient });
    bench = await openBench(planFor({ steps: [looks], onFailure: 'hold' }));
    busy(bench, 'find');
    const beganAtMs = bench.clock.now();
    const id = await bench.order({ id: 'a' });
    await bench.pass(60 * SECOND);
    expect(failureOf(id)).toMatchObject({ code: 'STEP_DEADLINE_EXCEEDED' });
    expect(parkedAfter(id)).toBe(3 * SECOND);
    expect(bench.target.calls.map(({ operation, request }) => [operation, request.deadlineAt])).toEqual(
      Array.from({ length: 3 }, () => ['find', beganAtMs + 3 * SECOND]),
    );
    busy(bench);
    await bench.runtime.resume(id, 'ana', 'once more');
    await bench.pass(SECOND);
    expect(bench.state(id)).toBe('succeeded');
    expect(bench.target.count('createChecked')).toBe(1);
  });

  test('is the same in the process after a crash', async () => {
    bench = await openBench(planFor({ steps: [get('one', 10 * SECOND)] }));
    busy(bench, 'get');
    const id = await bench.order({ id: 'a' });
    await bench.pass(6 * SECOND);
    await bench.crash();
    await bench.pass(60 * SECOND);
    expect(failureOf(id)).toMatchObject({ code: 'STEP_DEADLINE_EXCEEDED' });
    expect(parkedAfter(id)).toBe(10 * SECOND);
  });

  test('stands still while a switch holds the run', async () => {
    bench = await openBench(planFor({ steps: [get('one', 10 * SECOND)] }));
    busy(bench, 'get');
    const id = await bench.order({ id: 'a' });
    await bench.pass(4 * SECOND);
    const kill = { kind: 'kill', scope: { everything: true }, sparesCompensation: false } as const;
    await bench.runtime.setSwitch(kill, 'ana', 'smoke');
    await bench.pass(300 * SECOND);
    await bench.runtime.liftSwitch('kill/everything', 'ana', 'all well');
    await bench.pass(60 * SECOND);
    expect(parkedAfter(id)).toBeGreaterThan(305 * SECOND);
    expect(parkedAfter(id)).toBeLessThanOrEqual(311 * SECOND);
  });

  test('begins anew when a person resumes the run', async () => {
    bench = await openBench(planFor({ steps: [get('one', 5 * SECOND)] }));
    busy(bench, 'get');
    const id = await bench.order({ id: 'a' });
    await bench.pass(30 * SECOND);
    await bench.runtime.resume(id, 'ana', 'once more');
    await bench.pass(30 * SECOND);
    expect(bench.target.count('get')).toBe(10);
    busy(bench);
    await bench.runtime.resume(id, 'ana', 'mended');
    await bench.pass(SECOND);
    expect(bench.state(id)).toBe('succeeded');
  });
});

describe('the deadline of a block', () => {
  /** Worked for half a minute before it came to a block with a deadline of four seconds, and resumed at a step in it. */
  async function resumedIn(block: (inner: PlanStep) => PlanStep): Promise<string> {
    const first = call('first', 'acme.put', { retry: patient });
    bench = await openBench(planFor({ onFailure: 'hold', steps: [first, block(get('read'))] }));
    bench.target.script = {
      put: Array.from({ length: 30 }, () => ({ fail: unavailable })),
      get: [{ fail: refused }],
    };
    const id = await bench.order({ id: 'a' });
    await bench.pass(60 * SECOND);
    expect(failureOf(id)).toMatchObject({ code: refused.code });
    busy(bench, 'get');
    await bench.runtime.resume(id, 'ana', 'once more');
    // In the process after a crash as well.
    await bench.pass(2 * SECOND);
    await bench.crash();
    await bench.pass(60 * SECOND);
    return id;
  }
  const branch = (inner: PlanStep) =>
    step('choose', 'block', { branches: [{ steps: [inner] }], deadlineMs: 4 * SECOND });

  test.each([
    ['of the run', branch],
    [
      'of a branch',
      (inner: PlanStep) => step('parallel', 'both', { branches: [{ name: 'left', steps: [branch(inner)] }] }),
    ],
  ])(
    'begins anew when a person resumes at a step %s in it, and not with what was worked before',
    async (_, block) => {
      const id = await resumedIn(block);
      expect(failureOf(id)).toMatchObject({ code: 'STEP_DEADLINE_EXCEEDED' });
      expect(bench.target.count('get')).toBe(1 + 4);
    },
  );

  test('that ends while a write is to be based on a new read leaves a run that can be resumed', async () => {
    const block = step('choose', 'block', { branches: [{ steps: amend('w') }], deadlineMs: 1_200 });
    bench = await openBench(planFor({ onFailure: 'hold', steps: [block] }));
    bench.target.decide = ({ operation }) =>
      operation.operation === 'setAccount' ? { fail: outdated } : undefined;
    const id = await bench.order({ id: 'a' });
    await bench.pass(60 * SECOND);
    expect(failureOf(id)).toMatchObject({ code: 'STEP_DEADLINE_EXCEEDED', step: 'w' });
    busy(bench);
    await bench.runtime.resume(id, 'ana', 'nobody else writes any more');
    await bench.pass(60 * SECOND);
    expect(bench.state(id)).toBe('succeeded');
    expect(bench.target.account('shared').members).toEqual(['a']);
  });

  test('ends the items that are at work, and those that have not begun', async () => {
    const list = (deadlineMs?: number) =>
      step('forEach', 'lines', {
        in: '[1, 2, 3, 4]',
        as: 'line',
        max: 10,
        concurrency: 2,
        onItemFailure: 'stop',
        steps: [get('read')],
        ...(deadlineMs !== undefined && { deadlineMs }),
      });
    bench = await openBench(planFor({ steps: [list(4 * SECOND)] }));
    busy(bench, 'get');
    const id = await bench.order({ id: 'a' });
    await bench.pass(60 * SECOND);
    expect(failureOf(id)).toMatchObject({ code: 'STEP_DEADLINE_EXCEEDED' });
    expect(parkedAfter(id)).toBe(4 * SECOND);
    // Over a crash in the middle as well.
    await bench.runtime.resume(id, 'ana', 'once more');
    await bench.pass(2 * SECOND);
    await bench.crash();
    busy(bench);
    await bench.pass(30 * SECOND);
    expect(bench.state(id)).toBe('succeeded');
  });

  test('that ends a branch after a pause: resumed, it goes on from there, and the pause is told once', async () => {
    const pause = step('wait', 'pause', { for: { durationMs: 3 * SECOND } });
    const block = step('choose', 'block', {
      branches: [{ steps: [pause, call('write', 'acme.put')] }],
      deadlineMs: 2 * SECOND,
    });
    const branches = [
      { name: 'left', steps: [block] },
      // Tried again and again, it keeps the clock of the run going.
      { name: 'right', steps: [get('read')] },
    ];
    bench = await openBench(planFor({ onFailure: 'hold', steps: [step('parallel', 'both', { branches })] }));
    busy(bench, 'get');
    const id = await bench.order({ id: 'a' });
    await bench.pass(60 * SECOND);
    expect(failureOf(id)).toMatchObject({ code: 'STEP_DEADLINE_EXCEEDED' });
    busy(bench);
    await bench.runtime.resume(id, 'ana', 'mended');
    await bench.pass(60 * SECOND);
    expect(bench.state(id)).toBe('succeeded');
    const done = bench.runtime.trace({ runId: id }).filter(({ kind }) => kind === 'stepDone');
    expect(done.map(({ step }) => step).toSorted()).toEqual(['both', 'pause', 'read', 'write']);
  });

  test('does not count the time in which it waits for people', async () => {
    const consent = step('approve', 'yes', {
      by: 'finance',
      withinMs: 600 * SECOND,
      onExpiry: 'reject',
      show: { literal: null },
    });
    const block = step('choose', 'block', {
      branches: [{ steps: [consent, get('read')] }],
      deadlineMs: 5 * SECOND,
    });
    bench = await openBench(planFor({ steps: [block] }));
    busy(bench, 'get');
    const id = await bench.order({ id: 'a' });
    await bench.pass(100 * SECOND);
    expect(bench.state(id)).toBe('waiting');
    await bench.runtime.decide(id, 'yes', 'approve', 'fin', 'go');
    await bench.pass(60 * SECOND);
    expect(failureOf(id)).toMatchObject({ code: 'STEP_DEADLINE_EXCEEDED', step: 'read' });
    expect(parkedAfter(id)).toBe(105 * SECOND);
  });

  test.each([
    ['the inner one', 3 * SECOND, 9 * SECOND],
    ['the outer one', 9 * SECOND, 3 * SECOND],
  ])('of two, one in the other, %s ends first', async (_, inner, outer) => {
    const branches = [{ name: 'a', steps: [get('read', inner)] }];
    bench = await openBench(planFor({ steps: [step('parallel', 'both', { branches, deadlineMs: outer })] }));
    busy(bench, 'get');
    const id = await bench.order({ id: 'a' });
    await bench.pass(60 * SECOND);
    expect(parkedAfter(id)).toBe(3 * SECOND);
  });

  test('is what a pipeline has that is run, and it is undone as after any failure', async () => {
    const child = childPlan({ onFailure: 'hold', steps: [get('read')] });
    bench = await openBench(
      child,
      planFor({ onFailure: 'hold', steps: [{ ...run('sub', child), deadlineMs: 4 * SECOND }] }),
    );
    busy(bench, 'get');
    const id = await bench.order({ id: 'a' });
    await bench.pass(60 * SECOND);
    expect(failureOf(id)).toMatchObject({ step: 'sub' });
    const [below] = bench.runtime.run(id)!.children!;
    expect(failureOf(below!.runId)).toMatchObject({ code: 'RUN_DEADLINE_EXCEEDED' });
    expect(parkedAfter(below!.runId)).toBe(4 * SECOND);
  });

  test('says nothing of what follows it', async () => {
    bench = await openBench(planFor({ onFailure: 'hold', steps: [get('one', 2 * SECOND), get('two')] }));
    bench.target.script = {
      get: [undefined, ...Array.from({ length: 6 }, () => ({ fail: unavailable })), { fail: refused }],
    };
    const id = await bench.order({ id: 'a' });
    await bench.pass(60 * SECOND);
    expect(failureOf(id)).toMatchObject({ step: 'two', code: 'HTTP_RESPONSE_STATUS' });
    expect(bench.target.count('get')).toBe(8);
  });
});
