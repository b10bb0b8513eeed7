import { afterEach, describe, expect, test } from 'vitest';
import { type Bench, failure, openBench, unavailable } from '../testing/bench.ts';
import { call, literal, planFor } from '../testing/plan.ts';

let bench: Bench;
afterEach(() => bench.close());

describe('compare, then write', () => {
  const compares = {
    operation: 'acme.get',
    with: literal({ id: 'x' }),
    found: 'body',
    compares: true,
    settleMs: 1_000,
  } as const;
  const write = call('write', 'acme.setChecked', {
    probe: compares,
    with: literal({ id: 'x', body: { tier: 'gold', address: { city: 'Ulm' }, note: null } }),
  });
  const asWanted = { id: 'x', tier: 'gold', address: { city: 'Ulm', zip: '89073' }, more: 1 };
  const different = { ...asWanted, tier: 'silver', address: { city: 'Bonn' } };
  const writing = async (script: Bench['target']['script']): Promise<string> => {
    bench = await openBench(planFor({ steps: [write] }));
    bench.target.script = script;
    const runId = await bench.order({ id: 'a' });
    await bench.pass(60_000);
    return runId;
  };
  const lost = failure('timeout', 'HTTP_RESPONSE_TIMEOUT', 'lost');

  test('writes nothing where all is as it is wanted, and gives the state as its result', async () => {
    const runId = await writing({ get: [{ result: asWanted }] });
    expect(bench.state(runId)).toBe('succeeded');
    expect(bench.target.count('setChecked')).toBe(0);
    expect(bench.runtime.run(runId)!.steps[0]).toMatchObject({ result: { tier: 'gold' } });
  });

  test('writes where something differs, and says what, not how', async () => {
    const runId = await writing({ get: [{ result: different }] });
    expect(bench.state(runId)).toBe('succeeded');
    expect(bench.target.count('setChecked')).toBe(1);
    const looked = bench.runtime.trace({ runId }).find(({ kind }) => kind === 'probe')!;
    expect(looked.details).toMatchObject({ found: 'no', differs: ['/address/city', '/tier'] });
    expect(JSON.stringify(looked)).not.toContain('Bonn');
  });

  test('compares again after a lost answer: adopts what is there', async () => {
    const runId = await writing({
      get: [{ result: different }, { result: asWanted }],
      setChecked: [{ loseAnswer: lost }],
    });
    expect(bench.state(runId)).toBe('succeeded');
    expect(bench.target.count('setChecked')).toBe(1);
  });

  test('compares again after a lost answer: writes again what is not', async () => {
    const runId = await writing({
      get: [{ result: different }, { result: different }, { result: different }],
      setChecked: [{ fail: lost }],
    });
    expect(bench.state(runId)).toBe('succeeded');
    expect(bench.target.count('setChecked')).toBe(2);
  });

  test('takes what is not there for different', async () => {
    await writing({
      get: [{ fail: failure('notFound', 'HTTP_RESPONSE_STATUS', 'answered', { status: 404 }) }],
    });
    expect(bench.target.count('setChecked')).toBe(1);
  });

  describe('before its connection takes the look', () => {
    const open = { postpone: failure('transient', 'CONNECTION_BREAKER_OPEN', 'notSent') };
    /** A connection that takes nothing, until it is told to. */
    const waiting = async (): Promise<string> => {
      bench = await openBench(planFor({ steps: [write], onFailure: 'hold' }));
      bench.target.decide = () => open;
      const runId = await bench.order({ id: 'a' });
      // Longer than all attempts and looks that the step allows.
      await bench.pass(300_000);
      expect(bench.runtime.run(runId)).toMatchObject({ state: 'waiting' });
      expect(bench.target.count('get')).toBeGreaterThan(100);
      return runId;
    };
    const heal = (): void => {
      delete bench.target.decide;
    };

    test('it waits, and no attempt or look is used up', async () => {
      const runId = await waiting();
      await bench.crash();
      heal();
      bench.target.script = { get: [{ fail: unavailable }, { fail: unavailable }, { fail: unavailable }] };
      await bench.pass(60_000);
      expect(bench.state(runId)).toBe('succeeded');
      expect(bench.target.count('setChecked')).toBe(1);
      expect(bench.runtime.run(runId)!.steps).toMatchObject([{ attempts: 1 }]);
    });

    test('a deadline ends that, and resumed it looks anew', async () => {
      const runId = await waiting();
      await bench.pass(300_000);
      expect(bench.runtime.run(runId)).toMatchObject({
        state: 'failed',
        failure: { code: 'RUN_DEADLINE_EXCEEDED' },
        steps: [{ attempts: 0 }],
      });
      heal();
      await bench.runtime.resume(runId, 'ana', 'it is up again');
      await bench.pass(60_000);
      expect(bench.state(runId)).toBe('succeeded');
      expect(bench.target.count('setChecked')).toBe(1);
    });

    test('so does a cancellation', async () => {
      const runId = await waiting();
      await bench.runtime.cancel(runId, 'ana', 'no longer wanted');
      await bench.runtime.idle();
      expect(bench.state(runId)).toBe('cancelled');
    });

    test('so does one while a switch holds the next look', async () => {
      const runId = await waiting();
      const kill = { kind: 'kill', scope: { connection: 'acme' }, sparesCompensation: false } as const;
      await bench.runtime.setSwitch(kill, 'ana', 'a test');
      await bench.pass(60_000);
      expect(bench.runtime.runs()[0]).toMatchObject({ state: 'waiting', heldBy: ['kill/connection/acme'] });
      await bench.runtime.cancel(runId, 'ana', 'no longer wanted');
      await bench.runtime.idle();
      expect(bench.state(runId)).toBe('cancelled');
    });
  });
});
