import { afterEach, describe, expect, test } from 'vitest';
import { type Behaviour, type Bench, failure, openBench, refused, unavailable } from '../testing/bench.ts';
import {
  call,
  literal,
  planFor,
  probe,
  probeOfList,
  probeOfPages,
  retry,
  undoable,
} from '../testing/plan.ts';

let bench: Bench;
afterEach(() => bench.close());

const lost = failure('timeout', 'HTTP_RESPONSE_TIMEOUT', 'lost');
const badGateway = failure('transient', 'HTTP_RESPONSE_STATUS', 'answered', { status: 502 });

/** A call that the script says nothing of works. */
const working = (behaviour: object): Behaviour | undefined =>
  // Those with a word are behaviours as they are.
  Object.keys(behaviour).length === 0 ? undefined : (behaviour as Behaviour);

describe('a lost answer', () => {
  test('is sent again with the same key where the target honours it', async () => {
    bench = await openBench(planFor({ steps: [call('invoice', 'acme.create')] }));
    bench.target.script = { create: [{ loseAnswer: true }] };
    const runId = await bench.order({ id: 'a' });
    await bench.pass(5_000);
    expect(bench.state(runId)).toBe('succeeded');
    expect(bench.target.count('create')).toBe(2);
    expect(bench.target.doubled).toEqual([]);
  });

  test('is settled by the probe: what is there is adopted', async () => {
    bench = await openBench(planFor({ steps: [call('invoice', 'acme.createBlind', { probe })] }));
    bench.target.script = { createBlind: [{ loseAnswer: true }] };
    const runId = await bench.order({ id: 'a' });
    await bench.pass(999);
    expect(bench.target.count('find'), 'not before the settle delay').toBe(0);
    await bench.pass(1);
    expect(bench.state(runId)).toBe('succeeded');
    expect(bench.target.count('createBlind')).toBe(1);
    expect(bench.runtime.run(runId)!.steps[0]).toMatchObject({
      state: 'succeeded',
      result: { id: 'createBlind-1' },
    });
  });

  test('is sent again when the probe proves absence', async () => {
    bench = await openBench(planFor({ steps: [call('invoice', 'acme.createBlind', { probe })] }));
    bench.target.script = { createBlind: [{ fail: lost }] };
    const runId = await bench.order({ id: 'a' });
    await bench.pass(10_000);
    expect(bench.state(runId)).toBe('succeeded');
    expect(bench.target.count('createBlind')).toBe(2);
    expect(bench.target.doubled).toEqual([]);
  });

  test('without key and probe leaves the effect in doubt, with an owner', async () => {
    bench = await openBench(planFor({ steps: [call('invoice', 'acme.createBlind')] }));
    bench.target.script = { createBlind: [{ loseAnswer: true }] };
    const runId = await bench.order({ id: 'a' });
    await bench.pass(3_600_000);
    expect(bench.state(runId)).toBe('inDoubt');
    expect(bench.target.count('createBlind')).toBe(1);
    expect(bench.runtime.inDoubt()).toMatchObject([
      {
        runId,
        stepId: 'invoice',
        operation: 'acme.createBlind',
        owner: 'sales',
        evidence: { delivery: 'lost' },
      },
    ]);
  });

  test('a probe that fails is retried within the budget, then the effect is in doubt', async () => {
    bench = await openBench(planFor({ steps: [call('invoice', 'acme.createBlind', { probe })] }));
    bench.target.script = { createBlind: [{ loseAnswer: true }], find: Array(9).fill({ fail: unavailable }) };
    const runId = await bench.order({ id: 'a' });
    await bench.pass(120_000);
    expect(bench.state(runId)).toBe('inDoubt');
    expect(bench.target.count('find')).toBe(retry.attempts);
  });

  test('of every attempt with a key is not called failed: it may have happened', async () => {
    bench = await openBench(planFor({ steps: [call('invoice', 'acme.create')] }));
    bench.target.script = { create: Array(9).fill({ loseAnswer: true }) };
    const runId = await bench.order({ id: 'a' });
    await bench.pass(120_000);
    expect(bench.target.count('create')).toBe(retry.attempts);
    expect(bench.state(runId)).toBe('inDoubt');
  });

  test('a refusal of the same key settles earlier lost answers', async () => {
    bench = await openBench(planFor({ steps: [call('invoice', 'acme.create')] }));
    bench.target.script = { create: [{ fail: lost }, { fail: refused }] };
    const runId = await bench.order({ id: 'a' });
    await bench.pass(120_000);
    expect(bench.state(runId)).toBe('failed');
  });

  test.each([
    ['is adopted where the probe finds it', { loseAnswer: true }, 'succeeded', undefined],
    ['has failed where it does not', { fail: lost }, 'failed', { status: 422 }],
  ] as const)('what a target refuses to repeat is asked about: it %s', async (_, first, state, why) => {
    bench = await openBench(
      planFor({ onFailure: 'hold', steps: [call('invoice', 'acme.create', { probe })] }),
    );
    // It judges a request before it looks the key up.
    bench.target.script = { create: [first, { fail: refused }] };
    const runId = await bench.order({ id: 'a' });
    await bench.pass(10_000);
    expect([bench.target.count('create'), bench.target.count('find')]).toEqual([2, 1]);
    const run = bench.runtime.run(runId)!;
    expect(run.state).toBe(state);
    if (why === undefined) expect(run.steps[0]).toMatchObject({ state, result: { id: 'create-1' } });
    else expect(run.failure).toMatchObject(why);
  });

  test('a conflict after a lost answer settles nothing: the first request may still be worked on', async () => {
    bench = await openBench(planFor({ steps: [call('invoice', 'acme.create')] }));
    const busy = {
      class: 'conflict',
      code: 'HTTP_STATUS_409',
      message: 'in progress',
      delivery: 'answered',
      status: 409,
    } as const;
    bench.target.script = { create: [{ fail: lost }, { fail: busy }] };
    const runId = await bench.order({ id: 'a' });
    await bench.pass(120_000);
    expect(bench.state(runId)).toBe('inDoubt');
  });

  test('a gateway error is a lost answer, 503 is a refusal', async () => {
    bench = await openBench(planFor({ steps: [call('invoice', 'acme.createBlind')] }));
    bench.target.script = { createBlind: [{ fail: unavailable }, { fail: badGateway }] };
    const runId = await bench.order({ id: 'a' });
    await bench.pass(120_000);
    expect(bench.target.count('createBlind')).toBe(2);
    expect(bench.state(runId)).toBe('inDoubt');
  });

  test('a success whose body breaks the contract happened: it is probed, not repeated', async () => {
    bench = await openBench(planFor({ steps: [call('invoice', 'acme.createBlind')] }));
    const broken = failure('contract', 'HTTP_RESPONSE_CONTRACT', 'answered', { status: 201 });
    bench.target.script = { createBlind: [{ fail: broken }] };
    const runId = await bench.order({ id: 'a' });
    await bench.pass(120_000);
    expect(bench.state(runId)).toBe('inDoubt');
  });

  test('is not repeated once the target may have forgotten the key', async () => {
    const slow = { ...retry, backoff: { initialMs: 20_000, factor: 1, maxMs: 20_000 } };
    bench = await openBench(planFor({ steps: [call('invoice', 'acme.shortKey', { retry: slow })] }));
    bench.target.script = { shortKey: [{ loseAnswer: true }] };
    const runId = await bench.order({ id: 'a' });
    await bench.pass(120_000);
    expect(bench.state(runId)).toBe('inDoubt');
    expect(bench.target.count('shortKey')).toBe(1);
  });
});

describe('an idempotency key is told of an effect', () => {
  const keyTold = async (operation: string) => {
    bench = await openBench(
      planFor({ steps: [call('mail', operation, { retry: { ...retry, attempts: 1 } })] }),
    );
    bench.target.script = { [operation.slice('acme.'.length)]: [{ loseAnswer: true }] };
    const runId = await bench.order({ id: 'order-7' });
    await bench.runtime.idle();
    const [doubt] = bench.runtime.inDoubt();
    expect(doubt).toMatchObject({ runId, key: 'order-7', stepId: 'mail' });
    const details = bench.runtime
      .trace({ runId })
      .filter(({ kind }) => kind === 'intent' || kind === 'inDoubt')
      .map((entry) => entry.details['idempotencyKey']);
    return [doubt?.idempotencyKey, bench.runtime.run(runId)!.steps[0]?.idempotencyKey, ...details];
  };

  test('whose operation sends it', async () => {
    const told = await keyTold('acme.create');
    const sent = bench.target.calls[0]!.key;
    // The ledger has a digest of it.
    expect(told).toEqual([sent, sent, expect.any(String), expect.any(String)]);
  });

  test('and not where none is sent, by which nobody could look for it', async () => {
    expect(await keyTold('acme.createBlind')).toEqual([undefined, undefined, undefined, undefined]);
  });
});

describe('a probe that looks through a listing in pages', () => {
  const blind = (id: string) => call(id, 'acme.createBlind', { probe: probeOfList });

  const six = ['a', 'b', 'c', 'd', 'e', 'last'];

  test('finds the effect on a page behind the first, and sends nothing again', async () => {
    bench = await openBench(planFor({ steps: six.map(blind) }));
    bench.target.script = { createBlind: [{}, {}, {}, {}, {}, { loseAnswer: true }].map(working) };
    const runId = await bench.order({ id: 'a' });
    await bench.pass(10_000);
    expect(bench.state(runId)).toBe('succeeded');
    expect(bench.target.inputs('list')).toEqual([{}, { cursor: 4 }]);
    expect(bench.target.count('createBlind')).toBe(6);
    expect(bench.target.doubled).toEqual([]);
    expect(bench.runtime.run(runId)!.steps.at(-1)).toMatchObject({ result: { id: 'createBlind-6' } });
  });

  test('proves absence by its last page alone', async () => {
    bench = await openBench(planFor({ steps: six.map(blind) }));
    bench.target.script = { createBlind: [{}, {}, {}, {}, {}, { fail: lost }].map(working) };
    const runId = await bench.order({ id: 'a' });
    await bench.pass(10_000);
    expect(bench.state(runId)).toBe('succeeded');
    expect(bench.target.inputs('list')).toEqual([{}, { cursor: 4 }]);
    expect(bench.target.count('createBlind')).toBe(7);
    expect(bench.target.doubled).toEqual([]);
  });

  test('has proven nothing where a page cannot be had', async () => {
    bench = await openBench(planFor({ steps: six.map(blind) }));
    bench.target.script = {
      createBlind: [{}, {}, {}, {}, {}, { loseAnswer: true }].map(working),
      list: Array.from({ length: 3 }, () => [undefined, { fail: refused }]).flat(),
    };
    const runId = await bench.order({ id: 'a' });
    await bench.pass(3_600_000);
    expect(bench.state(runId)).toBe('inDoubt');
    expect(bench.target.count('createBlind')).toBe(6);
  });

  test('has proven nothing where the other system hands out one page for ever', async () => {
    bench = await openBench(planFor({ steps: [blind('only')] }));
    bench.target.script = {
      createBlind: [{ loseAnswer: true }],
      list: Array.from({ length: 9 }, () => ({ result: { made: [{ key: 'other' }], next: 1 } })),
    };
    const runId = await bench.order({ id: 'a' });
    await bench.pass(3_600_000);
    expect(bench.runtime.inDoubt()).toMatchObject([{ runId, evidence: { probe: { code: 'PAGES_REPEAT' } } }]);
    expect(bench.target.count('createBlind')).toBe(1);
  });
});

describe('a probe that looks through pages that are counted', () => {
  const blind = call('only', 'acme.createBlind', { probe: probeOfPages });
  const strangers = (count: number) =>
    Array.from({ length: count }, (_, at) => ({ key: `theirs-${at}`, thing: null }));

  /** An answer is lost, and something of others that stands on the first page is removed before each of these readings of the second. */
  const lose = async (has: 'happened' | 'not happened', removedAt: readonly number[]): Promise<string> => {
    bench = await openBench(planFor({ steps: [blind] }));
    bench.target.strangers.push(...strangers(removedAt.length + 8));
    bench.target.script = { createBlind: [has === 'happened' ? { loseAnswer: true } : { fail: lost }] };
    let seconds = 0;
    bench.target.onCall = (when, { operation, input }) => {
      if (when === 'before' && operation.operation === 'browse' && input['page'] === 2)
        if (removedAt.includes(++seconds)) bench.target.strangers.shift();
    };
    return bench.order({ id: 'a' });
  };

  test('walks through them again where one has moved to a page that was read, and sends nothing again', async () => {
    const runId = await lose('happened', [1]);
    await bench.pass(10_000);
    expect(bench.state(runId)).toBe('succeeded');
    expect(bench.target.count('createBlind')).toBe(1);
  });

  test('proves absence by a walk in which nothing was removed', async () => {
    const runId = await lose('not happened', [1, 2]);
    await bench.pass(10_000);
    expect(bench.state(runId)).toBe('succeeded');
    expect(bench.target.count('createBlind')).toBe(2);
    expect(bench.target.doubled).toEqual([]);
  });

  test('has proven nothing where something is removed in each walk: a person is asked', async () => {
    const runId = await lose(
      'not happened',
      Array.from({ length: 99 }, (_, at) => at),
    );
    await bench.pass(3_600_000);
    expect(bench.runtime.inDoubt()).toMatchObject([{ runId, evidence: { probe: { code: 'PAGES_MOVED' } } }]);
    expect(bench.target.count('createBlind')).toBe(1);
  });
});

describe('a probe that its connection does not take', () => {
  const open = failure('transient', 'CONNECTION_BREAKER_OPEN', 'notSent', { retryAfterMs: 15_000 });
  const MINUTE = 60_000;

  /** An answer is lost, and the connection takes nothing afterwards. */
  const lose = async (operation: string, parts: Parameters<typeof undoable>[2] = {}): Promise<string> => {
    bench = await openBench(
      planFor({
        steps: [call('invoice', `acme.${operation}`, { probe, ...parts }), call('next', 'acme.put')],
      }),
    );
    bench.target.script = { [operation]: [{ loseAnswer: true }] };
    bench.target.decide = ({ operation: { effect } }) =>
      bench.target.calls.length > 1 || effect === 'read' ? { postpone: open } : undefined;
    return bench.order({ id: 'a' });
  };
  const heal = (): void => {
    delete bench.target.decide;
  };

  test('waits, which is no try of it, and says so; then the effect is adopted', async () => {
    const runId = await lose('createBlind');
    // Longer than the tries of the step allow, by time and by number.
    await bench.pass(5 * MINUTE);
    expect(bench.target.count('find')).toBeGreaterThan(retry.attempts);
    expect(bench.runtime.run(runId)).toMatchObject({
      state: 'waiting',
      steps: [
        { state: 'waiting', attempts: 1, failure: { delivery: 'lost' }, waitsFor: { code: open.code } },
      ],
    });
    expect(bench.runtime.inDoubt()).toEqual([]);
    await bench.crash();
    heal();
    bench.target.script = { find: [{ fail: unavailable }, { fail: unavailable }, { fail: unavailable }] };
    await bench.pass(MINUTE);
    expect(bench.state(runId)).toBe('succeeded');
    expect(bench.target.count('createBlind')).toBe(1);
    expect(bench.runtime.run(runId)!.steps[0]).not.toHaveProperty('waitsFor');
  });

  test('waits past the deadline of its step, and past a cancellation: what may have been sent is settled first', async () => {
    const runId = await lose('createBlind', { deadlineMs: MINUTE });
    await bench.pass(5 * MINUTE);
    await bench.runtime.cancel(runId, 'ana', 'no longer wanted');
    await bench.pass(MINUTE);
    expect(bench.state(runId)).toBe('waiting');
    heal();
    await bench.pass(MINUTE);
    expect(bench.target.count('find')).toBeGreaterThan(20);
    expect(bench.runtime.trace({ runId })).toContainEqual(
      expect.objectContaining({ kind: 'stepDone', step: 'invoice' }),
    );
    expect(bench.target.count('put')).toBe(0);
  });

  /** A call may have been sent; then its connection takes nothing, until long after `ends` has ended its wait. It had not happened. */
  const absentAfter = async (
    ends: (runId: string) => unknown,
    parts: Parameters<typeof call>[2] = {},
  ): Promise<string> => {
    bench = await openBench(planFor({ steps: [call('invoice', 'acme.create', { probe, ...parts })] }));
    bench.target.decide = () => (bench.target.calls.length > 1 ? { postpone: open } : { fail: lost });
    const runId = await bench.order({ id: 'a' });
    await bench.pass(MINUTE);
    await ends(runId);
    await bench.pass(5 * MINUTE);
    heal();
    await bench.pass(MINUTE);
    expect(bench.target.count('create')).toBeGreaterThan(1);
    expect(bench.target.effects.size).toBe(0);
    return runId;
  };

  test('says that nothing was sent: then its step ends by the deadline that ended its wait, not by the connection', async () => {
    const runId = await absentAfter(() => {}, { deadlineMs: MINUTE });
    expect(bench.runtime.run(runId)).toMatchObject({
      state: 'failed',
      failure: { code: 'STEP_DEADLINE_EXCEEDED' },
    });
  });

  test('says so of a cancelled run: that is undone, and was never parked', async () => {
    const runId = await absentAfter((run) => bench.runtime.cancel(run, 'ana', 'no longer wanted'));
    expect(bench.runtime.run(runId)).toMatchObject({
      state: 'cancelled',
      failure: { code: 'RUN_CANCELLED' },
    });
    expect(bench.runtime.trace({ runId }).filter(({ kind }) => kind === 'deadLetter')).toEqual([]);
  });

  test('waits for as long as the deadline of its pipeline is: then it is in doubt, with an owner', async () => {
    const runId = await lose('createBlind');
    await bench.pass(9 * MINUTE);
    expect(bench.state(runId)).toBe('waiting');
    await bench.pass(4 * MINUTE);
    expect(bench.runtime.inDoubt()).toMatchObject([
      { runId, owner: 'sales', evidence: { delivery: 'lost', probe: { code: open.code } } },
    ]);
    await bench.runtime.settle(runId, 'invoice', 'confirm', 'ana', 'it is there', { id: 'x' });
    await bench.runtime.idle();
    expect(bench.runtime.run(runId)!.steps[0]).not.toHaveProperty('waitsFor');
  });

  test('does not count the time in which a switch holds it', async () => {
    const runId = await lose('createBlind');
    await bench.pass(MINUTE);
    const kill = { kind: 'kill', scope: { connection: 'acme' }, sparesCompensation: false } as const;
    await bench.runtime.setSwitch(kill, 'ana', 'a test');
    await bench.pass(60 * MINUTE);
    await bench.runtime.liftSwitch('kill/connection/acme', 'ana', 'over');
    await bench.pass(7 * MINUTE);
    expect(bench.state(runId)).toBe('waiting');
    heal();
    await bench.pass(MINUTE);
    expect(bench.state(runId)).toBe('succeeded');
  });

  test('waits for an undoing as well, and the undone step says for what', async () => {
    const undoing = undoable('invoice');
    const { compensate } = undoing;
    const blind = { ...compensate!, operation: 'acme.createBlind', with: literal({ id: 'x' }), probe };
    bench = await openBench(
      planFor({ steps: [{ ...undoing, compensate: blind }, call('next', 'acme.put')] }),
    );
    bench.target.script = { put: [{ fail: refused }], createBlind: [{ loseAnswer: true }] };
    bench.target.decide = ({ operation: { operation } }) =>
      operation === 'find' ? { postpone: open } : undefined;
    const runId = await bench.order({ id: 'a' });
    await bench.pass(5 * MINUTE);
    expect(bench.runtime.run(runId)).toMatchObject({
      state: 'compensating',
      steps: [
        { id: 'invoice', waitsFor: { code: open.code } },
        { id: 'compensate:invoice', state: 'running', attempts: 1 },
        { id: 'next' },
      ],
    });
    heal();
    await bench.pass(MINUTE);
    expect(bench.state(runId)).toBe('compensated');
    expect(bench.target.count('createBlind')).toBe(1);
  });
});

describe('check first', () => {
  test('looks before it sends, and adopts what is there', async () => {
    bench = await openBench(planFor({ steps: [call('invoice', 'acme.createChecked', { probe })] }));
    const first = await bench.order({ id: 'a' });
    await bench.pass(1_000);
    expect(bench.state(first)).toBe('succeeded');
    expect(bench.target.calls.map(({ operation }) => operation)).toEqual(['find', 'createChecked']);
  });
});

describe('a kill', () => {
  for (const when of ['before', 'after'] as const) {
    test(`${when} the effect: with a key it is repeated harmlessly`, async () => {
      bench = await openBench(planFor({ steps: [call('invoice', 'acme.create'), call('next', 'acme.put')] }));
      const runId = await killAt('create', when);
      await bench.pass(10_000);
      expect(bench.state(runId)).toBe('succeeded');
      expect(bench.target.doubled).toEqual([]);
    });

    test(`${when} the effect: with a probe it is settled`, async () => {
      bench = await openBench(planFor({ steps: [call('invoice', 'acme.createBlind', { probe })] }));
      const runId = await killAt('createBlind', when);
      await bench.pass(10_000);
      expect(bench.state(runId)).toBe('succeeded');
      expect(bench.target.doubled).toEqual([]);
      expect(bench.target.count('createBlind')).toBe(when === 'before' ? 2 : 1);
    });

    test(`${when} the effect: with neither it is in doubt`, async () => {
      bench = await openBench(planFor({ steps: [call('invoice', 'acme.createBlind')] }));
      const runId = await killAt('createBlind', when);
      await bench.pass(10_000);
      expect(bench.state(runId)).toBe('inDoubt');
      expect(bench.target.count('createBlind')).toBe(1);
    });
  }

  test('in doubt after an outage it is said when it was sent, not when that was found out', async () => {
    bench = await openBench(planFor({ steps: [call('invoice', 'acme.createBlind')] }));
    const begunAtMs = bench.clock.now();
    await killAt('createBlind', 'after', 60_000);
    await bench.pass(10_000);
    const { evidence, sinceMs } = bench.runtime.inDoubt()[0]!;
    expect(sinceMs).toBeGreaterThanOrEqual(begunAtMs + 60_000);
    expect(evidence['sentAtMs']).toBeLessThan(begunAtMs + 10_000);
    expect(evidence).not.toHaveProperty('firstSentAtMs');
  });

  test('in doubt after several attempts it is said when the first was sent, which may be the one that took effect', async () => {
    const retry = { attempts: 2, withinMs: 60_000, on: ['transient', 'timeout'] } as const;
    const parts = { retry: { ...call('x', 'acme.create').retry, ...retry } };
    bench = await openBench(planFor({ steps: [call('invoice', 'acme.create', parts)] }));
    bench.target.script = { create: [{ loseAnswer: true }, { loseAnswer: true }] };
    const begunAtMs = bench.clock.now();
    await bench.order({ id: 'a' });
    await bench.pass(60_000);
    const { evidence } = bench.runtime.inDoubt()[0]!;
    expect(evidence).toMatchObject({ attempt: 2, firstSentAtMs: begunAtMs });
    expect(evidence['sentAtMs']).toBeGreaterThan(begunAtMs);
  });

  test('after a long outage a key that may be forgotten is not sent again', async () => {
    bench = await openBench(planFor({ steps: [call('invoice', 'acme.shortKey')] }));
    const runId = await killAt('shortKey', 'after', 60_000);
    await bench.pass(10_000);
    expect(bench.state(runId)).toBe('inDoubt');
    expect(bench.target.count('shortKey')).toBe(1);
  });
});

describe('a verdict on an effect in doubt', () => {
  const inDoubt = async (): Promise<string> => {
    bench = await openBench(
      planFor({ steps: [undoable('first'), undoable('invoice', 'acme.createBlind'), undoable('last')] }),
    );
    bench.target.script = { createBlind: [{ loseAnswer: true }] };
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    expect(bench.state(runId)).toBe('inDoubt');
    return runId;
  };

  test('confirm: it happened, with this result', async () => {
    const runId = await inDoubt();
    await bench.restart();
    expect(
      await bench.runtime.settle(runId, 'invoice', 'confirm', 'ana', 'seen in the books', { id: 'i7' }),
    ).toEqual({ ok: true });
    await bench.runtime.idle();
    expect(bench.state(runId)).toBe('succeeded');
    expect(bench.runtime.inDoubt()).toEqual([]);
    expect(bench.runtime.run(runId)!.steps[1]).toMatchObject({ state: 'succeeded', result: { id: 'i7' } });
    expect(bench.runtime.trace({ runId })).toContainEqual(
      expect.objectContaining({
        kind: 'operator',
        details: expect.objectContaining({ actor: 'ana', reason: 'seen in the books' }),
      }),
    );
  });

  test('redo: it did not happen, so it is sent again', async () => {
    const runId = await inDoubt();
    bench.target.effects.clear();
    await bench.runtime.settle(runId, 'invoice', 'redo', 'ana', 'not in the books');
    await bench.pass(10_000);
    expect(bench.state(runId)).toBe('succeeded');
    const keys = bench.target.calls
      .filter(({ operation }) => operation === 'createBlind')
      .map(({ key }) => key);
    expect(keys).toEqual([keys[0], keys[0]]);
  });

  test('compensate: the run is given up; the doubtful effect is undone if it is known', async () => {
    const runId = await inDoubt();
    await bench.runtime.settle(runId, 'invoice', 'compensate', 'ana', 'customer left', { id: 'i7' });
    await bench.pass(10_000);
    expect(bench.state(runId)).toBe('compensated');
    const removed = bench.target.calls
      .filter(({ operation }) => operation === 'remove')
      .map(({ input }) => input);
    expect(removed).toEqual([{ id: 'i7' }, { id: 'create-1' }]);
  });

  test('is given once', async () => {
    const runId = await inDoubt();
    const [one, two] = await Promise.all([
      bench.runtime.settle(runId, 'invoice', 'redo', 'ana', 'x'),
      bench.runtime.settle(runId, 'invoice', 'compensate', 'bob', 'y'),
    ]);
    expect([one.ok, two.ok].toSorted()).toEqual([false, true]);
    expect(await bench.runtime.settle(runId, 'last', 'redo', 'ana', 'x')).toMatchObject({
      ok: false,
      code: 'DOUBT_NOT_OPEN',
    });
  });
});

describe('retries', () => {
  test('permanent classes make exactly one attempt', async () => {
    bench = await openBench(planFor({ steps: [call('invoice', 'acme.create')] }));
    bench.target.script = { create: [{ fail: refused }] };
    const runId = await bench.order({ id: 'a' });
    await bench.pass(600_000);
    expect(bench.target.count('create')).toBe(1);
    expect(bench.state(runId)).toBe('failed');
  });

  test('follow the declared backoff and honour Retry-After', async () => {
    bench = await openBench(planFor({ steps: [call('read', 'acme.get')] }));
    const slowDown = failure('rateLimited', 'HTTP_RESPONSE_STATUS', 'answered', {
      status: 429,
      retryAfterMs: 7_000,
    });
    bench.target.script = { get: [{ fail: unavailable }, { fail: unavailable }, { fail: slowDown }] };
    const times: number[] = [];
    bench.target.onCall = (when) => when === 'before' && times.push(bench.clock.now());
    await bench.order({ id: 'a' });
    await bench.pass(60_000);
    expect(times.slice(1).map((time, index) => time - times[index]!)).toEqual([1_000, 2_000, 7_000]);
  });

  test('end with the time budget, even when attempts are left', async () => {
    const within = { ...retry, attempts: 100, withinMs: 3_500 };
    bench = await openBench(planFor({ steps: [call('read', 'acme.get', { retry: within })] }));
    bench.target.script = { get: Array(100).fill({ fail: unavailable }) };
    const runId = await bench.order({ id: 'a' });
    await bench.pass(600_000);
    expect(bench.target.count('get')).toBe(3);
    expect(bench.state(runId)).toBe('failed');
  });

  test('survive a kill while waiting', async () => {
    bench = await openBench(planFor({ steps: [call('read', 'acme.get')] }));
    bench.target.script = { get: [{ fail: unavailable }] };
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    await bench.crash();
    await bench.pass(999);
    expect(bench.target.count('get')).toBe(1);
    await bench.pass(1);
    expect(bench.state(runId)).toBe('succeeded');
  });
});

/** Orders, and kills the process when the operation is called; `outageMs` later it is up again. */
async function killAt(operation: string, when: 'before' | 'after', outageMs = 0): Promise<string> {
  const killed = new Promise<void>((resolve, reject) => {
    bench.target.onCall = (at, request) => {
      if (at !== when || request.operation.operation !== operation) return;
      delete bench.target.onCall;
      if (when === 'before') bench.target.script[operation] = [{ fail: refused }];
      bench.clock.advance(outageMs);
      bench.crash().then(resolve, reject);
    };
  });
  const runId = await bench.order({ id: 'a' });
  await killed;
  delete bench.target.script[operation];
  await bench.runtime.idle();
  return runId;
}
