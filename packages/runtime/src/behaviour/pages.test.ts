import type { CallStep } from '@tenon/pipeline';
import { afterEach, describe, expect, test } from 'vitest';
import { type Bench, drifted, failure, openBench, refused, tooMany, unavailable } from '../testing/bench.ts';
import { call, list, literal, planFor, retry, step } from '../testing/plan.ts';
import { acme, liftSwitch, setSwitch } from '../testing/switching.ts';
import { passesMeanwhile, until } from '../testing/until.ts';

let bench: Bench;
afterEach(() => bench?.close());

const SECOND = 1_000;

/** Lists what was made, all pages of it. */
const all = (parts: Partial<CallStep> = {}): CallStep =>
  call('all', 'acme.list', { with: literal({}), pages: { atMost: 5 }, ...parts });
const told = call('told', 'acme.put', { with: { object: { seen: { expression: 'steps.all' } } } });
const plan = (parts: Partial<CallStep> = {}) => planFor({ onFailure: 'hold', steps: [all(parts), told] });

/** A target that has so many things: four to a page. */
async function listing(count: number, ...plans: Parameters<typeof openBench>): Promise<string> {
  bench = await openBench(...(plans.length > 0 ? plans : [plan()]));
  for (let n = 1; n <= count; n++) bench.target.effects.set(`k${n}`, [n]);
  return bench.order({ id: 'a' });
}
const things = (count: number) =>
  Array.from({ length: count }, (_, n) => ({ key: `k${n + 1}`, thing: n + 1 }));
const seen = () => bench.target.inputs('put');
const asked = (operation = 'list') =>
  bench.target.inputs(operation).map((input) => (input as { cursor?: number; page?: number }).cursor ?? 0);
const facts = (id: string) => bench.runtime.trace({ runId: id }).filter(({ step }) => step === 'all');
const failed = (id: string) => bench.runtime.run(id)?.failure;

describe('a read of all pages', () => {
  test('gives the last answer with the items of all of them', async () => {
    const id = await listing(10);
    await bench.pass(SECOND);
    expect(bench.state(id)).toBe('succeeded');
    expect(asked()).toEqual([0, 4, 8]);
    expect(seen()).toEqual([{ seen: { made: things(10), next: null } }]);
    expect(bench.runtime.run(id)?.steps[0]).toMatchObject({
      id: 'all',
      state: 'succeeded',
      attempts: 3,
      result: { made: things(10), next: null },
    });
    expect(facts(id).map(({ kind, details }) => [kind, details['page'] ?? details['items']])).toEqual([
      ['attempt', 1],
      ['attempt', 2],
      ['attempt', 3],
      ['stepDone', 10],
    ]);
  });

  test.each([0, 3, 4])('gives %i that fit one page', async (count) => {
    const id = await listing(count);
    await bench.pass(SECOND);
    expect(bench.state(id)).toBe('succeeded');
    expect(seen()).toEqual([{ seen: { made: things(count), next: null } }]);
  });

  test('asks again for the page that failed, and for no other', async () => {
    const id = await listing(10);
    bench.target.script = { list: [undefined, { fail: unavailable }, { fail: unavailable }] };
    await bench.pass(60 * SECOND);
    expect(bench.state(id)).toBe('succeeded');
    expect(asked()).toEqual([0, 4, 4, 4, 8]);
    expect(seen()).toEqual([{ seen: { made: things(10), next: null } }]);
  });

  test('has one budget for all of them', async () => {
    const id = await listing(10);
    const busy = { fail: unavailable };
    bench.target.script = { list: [busy, undefined, busy, busy, undefined, busy] };
    await bench.pass(60 * SECOND);
    expect(bench.state(id)).toBe('failed');
    expect(failed(id)).toMatchObject({ class: 'transient', step: 'all' });
    expect(asked()).toEqual([0, 0, 4, 4, 4, 8]);
  });

  test('spends none of its time on what succeeds', async () => {
    const id = await listing(18, plan({ retry: { ...retry, withinMs: 5 * SECOND } }));
    const slow = { lateMs: 4 * SECOND };
    bench.target.script = { list: [slow, slow, slow, { fail: unavailable }, slow, slow] };
    await passesMeanwhile(bench, 30 * SECOND);
    expect(bench.state(id)).toBe('succeeded');
    expect(asked()).toEqual([0, 4, 8, 12, 12, 16]);
  });

  test('is left alone as long as any of them says', async () => {
    const id = await listing(6);
    bench.target.script = { list: [undefined, { fail: tooMany }] };
    await bench.pass(6 * SECOND);
    expect(asked()).toEqual([0, 4]);
    await bench.pass(2 * SECOND);
    expect(bench.state(id)).toBe('succeeded');
  });

  test('fails with an answer of any of them that breaks the contract', async () => {
    const id = await listing(6);
    bench.target.script = { list: [undefined, { fail: drifted }] };
    await bench.pass(60 * SECOND);
    expect(failed(id)).toMatchObject({ class: 'contract', code: 'HTTP_RESPONSE_INVALID' });
    expect(asked()).toEqual([0, 4]);
  });
});

describe('more than it may read', () => {
  test('is a failure with its owner, and never a list that is cut', async () => {
    const id = await listing(21);
    await bench.pass(60 * SECOND);
    expect(bench.state(id)).toBe('failed');
    expect(asked()).toEqual([0, 4, 8, 12, 16]);
    expect(seen()).toEqual([]);
    expect(failed(id)).toMatchObject({ code: 'PAGES_TOO_MANY', step: 'all' });
    expect(bench.runtime.deadLetters()).toMatchObject([
      { owner: 'sales', failure: { code: 'PAGES_TOO_MANY' } },
    ]);
    expect(bench.runtime.run(id)?.steps[0]).toMatchObject({
      state: 'failed',
      failure: { code: 'PAGES_TOO_MANY' },
    });
  });

  test('of bytes too', async () => {
    const id = await listing(0);
    const page = (next: number) => ({ result: { made: [`${next}`.padEnd(6 * 2 ** 20, 'x')], next } });
    bench.target.script = { list: [page(1), page(2), page(3)] };
    await bench.pass(60 * SECOND);
    expect(failed(id)).toMatchObject({ code: 'PAGES_TOO_LARGE', step: 'all' });
    expect(asked()).toEqual([0, 1, 2]);
  });

  test('a position that comes twice would have no end', async () => {
    const id = await listing(0);
    const page = (thing: number, next: number) => ({ result: { made: [thing], next } });
    bench.target.script = { list: [page(1, 4), page(2, 8), page(3, 4)] };
    await bench.pass(60 * SECOND);
    expect(failed(id)).toMatchObject({ class: 'contract', code: 'PAGES_REPEAT' });
  });

  test('resumed, it begins anew from the first page', async () => {
    const id = await listing(21);
    await bench.pass(60 * SECOND);
    for (let n = 1; n <= 10; n++) bench.target.effects.delete(`k${n}`);
    expect(await bench.runtime.resume(id, 'ana', 'fewer now')).toEqual({ ok: true });
    await bench.pass(60 * SECOND);
    expect(bench.state(id)).toBe('succeeded');
    expect(asked()).toEqual([0, 4, 8, 12, 16, 0, 4, 8]);
    expect(seen()).toEqual([{ seen: { made: things(21).slice(10), next: null } }]);
  });
});

describe('between two pages', () => {
  test('a switch holds it, and it goes on where it was', async () => {
    const id = await listing(10);
    let set: Promise<unknown> | undefined;
    bench.target.onCall = (when) => {
      if (when === 'after' && bench.target.count('list') === 2) set ??= setSwitch(bench, acme);
    };
    await bench.pass(60 * SECOND);
    expect(await set).toBeDefined();
    expect(asked()).toEqual([0, 4]);
    await liftSwitch(bench, 'kill/connection/acme');
    await bench.pass(SECOND);
    expect(bench.state(id)).toBe('succeeded');
    expect(asked()).toEqual([0, 4, 8]);
  });

  test('a cancellation is heard', async () => {
    const id = await listing(18);
    bench.target.onCall = (when) => {
      if (when === 'after' && bench.target.count('list') === 2)
        void bench.runtime.cancel(id, 'ana', 'not wanted');
    };
    await bench.pass(60 * SECOND);
    expect(bench.state(id)).toBe('cancelled');
    // The word is on its way to the disk while the third is asked for.
    expect(asked()).toEqual([0, 4, 8]);
    await bench.crash();
    await bench.pass(60 * SECOND);
    expect(bench.state(id)).toBe('cancelled');
  });

  test('its deadline ends it, and a resume begins it anew', async () => {
    const id = await listing(10, plan({ deadlineMs: 5 * SECOND }));
    const slow = { lateMs: 3 * SECOND };
    bench.target.script = { list: [slow, slow] };
    await passesMeanwhile(bench, 10 * SECOND);
    expect(failed(id)).toMatchObject({ code: 'STEP_DEADLINE_EXCEEDED' });
    expect(asked()).toEqual([0, 4]);
    await bench.runtime.resume(id, 'ana', 'again');
    await bench.pass(SECOND);
    expect(bench.state(id)).toBe('succeeded');
    expect(asked()).toEqual([0, 4, 0, 4, 8]);
  });

  test('a process that is killed costs the page that it asked for, and no other', async () => {
    for (let killAt = 1; killAt <= 6; killAt++) {
      await bench?.close();
      const id = await listing(10);
      let crashed: Promise<void> | undefined;
      let told = 0;
      bench.target.onCall = () => {
        if (++told === killAt) crashed = bench.crash();
      };
      await until(() => crashed !== undefined);
      await crashed;
      await bench.pass(60 * SECOND);
      expect(bench.state(id), `killed at ${killAt}`).toBe('succeeded');
      const page = 4 * Math.floor((killAt - 1) / 2);
      expect(asked()).toEqual([0, 4, 8].flatMap((at) => (at === page ? [at, at] : [at])));
      expect(seen()).toEqual([{ seen: { made: things(10), next: null } }]);
    }
  });

  test('a connection that takes no call is waited for, which is no attempt', async () => {
    const id = await listing(10);
    const open = { postpone: failure('transient', 'BREAKER_OPEN', 'notSent', { retryAfterMs: 20 * SECOND }) };
    bench.target.script = { list: [undefined, open, open, open, open, open, undefined] };
    await bench.pass(300 * SECOND);
    expect(bench.state(id)).toBe('succeeded');
    expect(bench.runtime.run(id)?.steps[0]).toMatchObject({ attempts: 3 });
  });
});

describe('a position that is refused', () => {
  test('is begun anew from the first page: it may have been forgotten', async () => {
    const id = await listing(10);
    bench.target.script = { list: [undefined, { fail: refused }] };
    await bench.pass(60 * SECOND);
    expect(bench.state(id)).toBe('succeeded');
    expect(asked()).toEqual([0, 4, 0, 4, 8]);
    expect(facts(id).filter(({ kind }) => kind === 'retry')).toMatchObject([
      { details: { fromFirstPage: true } },
    ]);
    expect(seen()).toEqual([{ seen: { made: things(10), next: null } }]);
  });

  test('each time, uses up the budget', async () => {
    const id = await listing(10);
    bench.target.decide = ({ input }) => (input['cursor'] === 4 ? { fail: refused } : undefined);
    await bench.pass(60 * SECOND);
    expect(failed(id)).toMatchObject({ class: 'validation' });
    expect(asked()).toEqual([0, 4, 0, 4, 0, 4, 0, 4]);
  });

  test('is no refusal that the step takes as a value, and that of the first page is', async () => {
    const gone = failure('notFound', 'HTTP_RESPONSE_STATUS', 'answered', { status: 404 });
    const id = await listing(10, plan({ refusals: ['notFound'] }));
    bench.target.script = { list: [undefined, { fail: gone, refused: null }] };
    await bench.pass(60 * SECOND);
    expect(bench.state(id)).toBe('succeeded');
    bench.target.script = { list: [{ fail: gone, refused: null }] };
    const second = await bench.order({ id: 'b' });
    await bench.pass(60 * SECOND);
    expect(bench.state(second)).toBe('succeeded');
    expect(seen().at(-1)).toEqual({ seen: { refused: { code: 'notFound', status: 404, body: null } } });
  });
});

describe('pages that are counted', () => {
  const counted = plan({ operation: 'acme.browse' });
  const pages = () => bench.target.inputs('browse').map((input) => (input as { page?: number }).page ?? 1);

  test('are each read once more after the one behind it, and an item that comes twice is one', async () => {
    const id = await listing(10, counted);
    let isMoved = false;
    bench.target.onCall = (when, { operation }) => {
      if (operation.operation !== 'browse' || when !== 'after' || isMoved) return;
      isMoved = true;
      // The fifth moves up to the page that was read.
      bench.target.effects.delete('k1');
    };
    await bench.pass(60 * SECOND);
    expect(bench.state(id)).toBe('succeeded');
    expect(pages()).toEqual([1, 2, 1, 3, 2, 4, 3]);
    const [first, second, third, fourth, fifth, ...others] = things(10);
    expect(seen()).toEqual([
      { seen: { made: expect.arrayContaining([first, second, third, fourth, fifth, ...others]) } },
    ]);
    expect((seen()[0] as { seen: { made: unknown[] } }).seen.made).toHaveLength(10);
  });

  test('that move on by more than a page are begun anew', async () => {
    const id = await listing(18, counted);
    let isMoved = false;
    bench.target.onCall = (when, { operation }) => {
      if (operation.operation !== 'browse' || when !== 'after' || isMoved) return;
      isMoved = true;
      for (let n = 1; n <= 9; n++) bench.target.effects.delete(`k${n}`);
    };
    await bench.pass(60 * SECOND);
    expect(bench.state(id)).toBe('succeeded');
    expect(seen()).toEqual([{ seen: { made: things(18).slice(9) } }]);
  });
});

test('each page is judged by its age, and asked for again where it is too old', async () => {
  const fresh = { version: 'result.version', atLeast: 'event.amount' };
  bench = await openBench(plan({ fresh, retry: { ...retry, on: [...retry.on, 'stale'] } }));
  const page = (version: number, next: number | null) => ({
    result: { made: [version, next], next, version },
  });
  bench.target.script = { list: [page(7, 4), page(6, null), page(7, null)] };
  const id = await bench.order({ id: 'a', amount: 7 });
  await bench.pass(60 * SECOND);
  expect(bench.state(id)).toBe('succeeded');
  expect(asked()).toEqual([0, 4, 4]);
  expect(seen()).toEqual([{ seen: { made: [7, 4, 7, null], next: null, version: 7 } }]);
});

test('in items of a list each reads its own', async () => {
  const inner = [
    all(),
    call('told', 'acme.put', { with: { object: { seen: { expression: 'size(steps.all.made)' } } } }),
  ];
  bench = await openBench(
    planFor({ onFailure: 'hold', steps: [list({ steps: inner, result: literal(1) })] }),
  );
  for (let n = 1; n <= 10; n++) bench.target.effects.set(`k${n}`, [n]);
  const id = await bench.order({ id: 'a', lines: [{ sku: 'x' }, { sku: 'y' }] });
  await bench.pass(60 * SECOND);
  expect(bench.state(id)).toBe('succeeded');
  expect(bench.target.count('list')).toBeGreaterThanOrEqual(6);
});

test('a check that is resumed has all pages read once more', async () => {
  const check = step('check', 'enough', {
    that: [{ condition: 'size(steps.all.made) > 5', message: 'too few' }],
    otherwise: 'fail',
    again: ['all'],
  });
  const id = await listing(5, planFor({ onFailure: 'hold', steps: [all(), check, told] }));
  await bench.pass(SECOND);
  expect(failed(id)).toMatchObject({ code: 'CHECK_NOT_MET' });
  for (const n of [6, 7]) bench.target.effects.set(`k${n}`, [n]);
  await bench.runtime.resume(id, 'ana', 'two more');
  await bench.pass(SECOND);
  expect(bench.state(id)).toBe('succeeded');
  expect(asked()).toEqual([0, 4, 0, 4]);
  expect(seen()).toEqual([{ seen: { made: things(7), next: null } }]);
  expect(bench.runtime.run(id)?.steps[0]).toMatchObject({ result: { made: things(7) } });
});
