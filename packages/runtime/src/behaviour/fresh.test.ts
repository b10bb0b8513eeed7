import { afterEach, describe, expect, test } from 'vitest';
import { type Bench, openBench } from '../testing/bench.ts';
import { call, planFor, retry } from '../testing/plan.ts';

let bench: Bench;
afterEach(() => bench.close());

const again = { ...retry, on: [...retry.on, 'stale' as const] };

async function reading(fresh: Parameters<typeof call>[2], answers: readonly object[]): Promise<string> {
  bench = await openBench(
    planFor({
      onFailure: 'hold',
      steps: [call('read', 'acme.get', { retry: again, ...fresh }), call('write', 'acme.put')],
    }),
  );
  bench.target.script = { get: answers.map((result) => ({ result: result as never })) };
  return bench.order({ id: 'a', amount: 7 });
}

describe('a read that says what is fresh', () => {
  test('is made again until the version is there', async () => {
    const runId = await reading({ fresh: { version: 'result.version', atLeast: 'event.amount' } }, [
      { version: 6 },
      { version: 6 },
      { version: 7 },
    ]);
    await bench.pass(60_000);
    expect(bench.state(runId)).toBe('succeeded');
    expect(bench.target.count('get')).toBe(3);
    expect(bench.target.count('put')).toBe(1);
  });

  test('fails with a class of its own when it stays old, and nothing goes by it', async () => {
    const runId = await reading(
      { fresh: { version: 'result.version', atLeast: 'event.amount' } },
      Array(9).fill({ version: 6 }),
    );
    await bench.pass(600_000);
    expect(bench.state(runId)).toBe('failed');
    expect(bench.target.count('get')).toBe(again.attempts);
    expect(bench.target.count('put')).toBe(0);
    expect(bench.runtime.deadLetters()).toMatchObject([
      { queue: 'retry', failure: { class: 'stale', code: 'READ_STALE' } },
    ]);
  });

  test('by its age: a moment, whatever its zone', async () => {
    const fresh = { fresh: { at: 'result.at', maxAgeMs: 60_000 } };
    const at = (ageMs: number) => ({ at: new Date(1_700_000_000_000 - ageMs).toISOString() });
    const young = await reading(fresh, [at(59_000)]);
    await bench.pass(0);
    expect(bench.state(young)).toBe('succeeded');
    await bench.close();
    const old = await reading(fresh, [at(61_000), at(0)]);
    await bench.pass(30_000);
    expect(bench.state(old)).toBe('succeeded');
    expect(bench.target.count('get')).toBe(2);
  });

  test('whose answer does not tell is not taken', async () => {
    const runId = await reading({ fresh: { at: 'result.at', maxAgeMs: 60_000 } }, [{ at: 'yesterday' }]);
    await bench.pass(60_000);
    expect(bench.state(runId)).toBe('failed');
    expect(bench.runtime.deadLetters()).toMatchObject([{ failure: { code: 'READ_AGE_UNKNOWN' } }]);
  });
});
