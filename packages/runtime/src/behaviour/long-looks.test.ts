import { afterEach, describe, expect, test } from 'vitest';
import { type Bench, failure, openBench, refused } from '../testing/bench.ts';
import { both, call, planFor, probeOfList, undoable } from '../testing/plan.ts';
import { passesMeanwhile, until } from '../testing/until.ts';

let bench: Bench;
afterEach(() => bench.close());

const lost = { loseAnswer: failure('timeout', 'HTTP_RESPONSE_TIMEOUT', 'lost') };
const breakerOpen = failure('transient', 'CONNECTION_BREAKER_OPEN', 'notSent', { retryAfterMs: 15_000 });

/** Looks for what it makes in a listing of two pages, as five things are there when it comes to it. */
const before = ['a', 'b', 'c', 'd', 'e'].map((id) => call(id, 'acme.put'));
const blind = call('last', 'acme.createBlind', { probe: probeOfList });
const checked = undoable('last', 'acme.createChecked', { probe: probeOfList });
const pages = () => bench.target.inputs('list');
const page = { first: {}, second: { cursor: 4 } };

/** A run at its look, of which each page takes two seconds. */
async function looking(plan: Parameters<typeof planFor>[0]): Promise<string> {
  bench = await openBench(planFor(plan));
  bench.target.script = { createBlind: [lost], get: [{ fail: refused }] };
  bench.target.decide = ({ operation }) => (operation.operation === 'list' ? { lateMs: 2_000 } : undefined);
  const runId = await bench.order({ id: 'a' });
  await passesMeanwhile(bench, plan.steps.includes(blind) ? 1_500 : 0);
  await until(() => pages().length === 1);
  return runId;
}

describe('a look before a write', () => {
  test('that ends after the run was cancelled is followed by no write', async () => {
    const runId = await looking({ onFailure: 'hold', steps: [...before, checked] });
    expect(await bench.runtime.cancel(runId, 'ana', 'not wanted')).toEqual({ ok: true });
    await passesMeanwhile(bench, 10_000);
    expect(bench.state(runId)).toBe('cancelled');
    expect(bench.target.count('createChecked')).toBe(0);
    await bench.crash();
    await passesMeanwhile(bench, 1_000);
    expect(bench.state(runId)).toBe('cancelled');
  });

  test('that lasts past the deadline is followed by no write', async () => {
    const runId = await looking({
      limits: { concurrency: 5, deadlineMs: 3_000 },
      onFailure: 'hold',
      steps: [...before, checked],
    });
    await passesMeanwhile(bench, 10_000);
    expect(bench.runtime.run(runId)).toMatchObject({
      state: 'failed',
      failure: { code: 'RUN_DEADLINE_EXCEEDED' },
    });
    expect(bench.target.count('createChecked')).toBe(0);
    expect(await bench.runtime.resume(runId, 'ana', 'there is time')).toEqual({ ok: true });
    bench.target.decide = () => undefined;
    await passesMeanwhile(bench, 1_000);
    expect(bench.state(runId)).toBe('succeeded');
    expect(pages()).toEqual([page.first, page.second, page.first, page.second]);
    expect(bench.target.doubled).toEqual([]);
  });

  test('that ends after the branch beside it has failed is followed by no write, and is made anew in the next round', async () => {
    const beside = both([checked], [call('read', 'acme.get')]);
    const runId = await looking({ onFailure: 'hold', steps: [...before, beside] });
    await passesMeanwhile(bench, 10_000);
    expect(bench.state(runId)).toBe('failed');
    expect(bench.target.count('createChecked')).toBe(0);
    await bench.crash();
    expect(await bench.runtime.resume(runId, 'ana', 'again')).toEqual({ ok: true });
    await passesMeanwhile(bench, 10_000);
    expect([bench.state(runId), bench.target.count('createChecked')]).toEqual(['succeeded', 1]);
    expect(pages()).toEqual([page.first, page.second, page.first, page.second]);
  });

  test('is followed by the write where nothing is to stop', async () => {
    const runId = await looking({ steps: [...before, checked] });
    await passesMeanwhile(bench, 10_000);
    expect([bench.state(runId), pages()]).toEqual(['succeeded', [page.first, page.second]]);
    expect(bench.target.count('createChecked')).toBe(1);
  });
});

describe('what becomes of a listing between two of its pages', () => {
  test('a kill switch holds the second: once it is lifted all are asked for anew', async () => {
    const runId = await looking({ steps: [...before, blind] });
    await bench.runtime.setSwitch(
      { kind: 'kill', scope: { connection: 'acme' }, sparesCompensation: false },
      'ana',
      'a look',
    );
    await passesMeanwhile(bench, 10_000);
    expect([bench.state(runId), pages()]).toEqual(['waiting', [page.first]]);
    await bench.runtime.liftSwitch('kill/connection/acme', 'ana', 'looked');
    await passesMeanwhile(bench, 10_000);
    expect([bench.state(runId), pages()]).toEqual(['succeeded', [page.first, page.first, page.second]]);
    expect(bench.target.count('createBlind')).toBe(1);
  });

  test.each([blind, checked])(
    'the connection takes no call ($operation): it waits, which is no try',
    async (last) => {
      bench = await openBench(planFor({ steps: [...before, last] }));
      const postponed = [undefined, { postpone: breakerOpen }];
      bench.target.script = { createBlind: [lost], list: Array.from({ length: 6 }, () => postponed).flat() };
      const runId = await bench.order({ id: 'a' });
      await bench.pass(300_000);
      expect(bench.state(runId)).toBe('succeeded');
      expect(pages()).toHaveLength(14);
      expect(bench.target.doubled).toEqual([]);
    },
  );

  test('the process dies: all are asked for anew', async () => {
    const runId = await looking({ steps: [...before, blind] });
    await bench.crash();
    await passesMeanwhile(bench, 10_000);
    expect([bench.state(runId), pages()]).toEqual(['succeeded', [page.first, page.first, page.second]]);
    expect(bench.target.count('createBlind')).toBe(1);
  });

  test('its window closes each time: after the deadline of the pipeline a person is asked', async () => {
    bench = await openBench(
      planFor({ limits: { concurrency: 5, deadlineMs: 20_000 }, steps: [...before, blind] }),
    );
    bench.target.script = { createBlind: [lost] };
    bench.target.decide = ({ operation }) => (operation.operation === 'list' ? { lateMs: 2_000 } : undefined);
    const startMs = bench.clock.now();
    // Open for the first two seconds of each minute.
    bench.closedUntil = () => {
      const sinceMs = (bench.clock.now() - startMs) % 60_000;
      return sinceMs < 2_000 ? undefined : bench.clock.now() - sinceMs + 60_000;
    };
    const runId = await bench.order({ id: 'a' });
    await passesMeanwhile(bench, 330_000);
    expect(bench.state(runId), 'waits for the window').toBe('waiting');
    await passesMeanwhile(bench, 1_200_000);
    expect(bench.runtime.inDoubt()).toMatchObject([
      { runId, owner: 'sales', evidence: { probe: { code: 'CONNECTION_CALL_HELD' } } },
    ]);
    expect(bench.target.count('createBlind')).toBe(1);
  });
});
