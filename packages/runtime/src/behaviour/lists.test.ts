import { afterEach, describe, expect, test } from 'vitest';
import { type Bench, openBench, refused, unavailable } from '../testing/bench.ts';
import { call, list, ofSkus, planFor, sku, step, undoable } from '../testing/plan.ts';
import { until } from '../testing/until.ts';

let bench: Bench;
afterEach(() => bench.close());

describe('forEach', () => {
  test('carries out each item, and gives one outcome for each, in the order of the list', async () => {
    bench = await openBench(
      planFor({
        steps: [
          list(),
          call('told', 'acme.put', { with: { object: { all: { expression: 'steps.lines' } } } }),
        ],
      }),
    );
    const runId = await bench.order({ id: 'a', lines: ofSkus('x', 'y', 'z') });
    await bench.runtime.idle();
    expect(bench.state(runId)).toBe('succeeded');
    expect(bench.target.inputs('put')).toEqual([
      {
        all: [
          { key: 'x', outcome: 'succeeded', result: 'create-1' },
          { key: 'y', outcome: 'succeeded', result: 'create-2' },
          { key: 'z', outcome: 'succeeded', result: 'create-3' },
        ],
      },
    ]);
    expect(bench.runtime.run(runId)!.steps.map(({ id }) => id)).toEqual([
      'lines',
      'lines[x].book',
      'lines[y].book',
      'lines[z].book',
      'told',
    ]);
  });

  test('has no more items at work at a time than it says', async () => {
    bench = await openBench(planFor({ steps: [list({ concurrency: 3 })] }));
    let atWork = 0;
    let most = 0;
    const gate = Promise.withResolvers<void>();
    bench.target.onCall = (when) => {
      if (when === 'before') most = Math.max(most, ++atWork);
    };
    bench.target.decide = () => ({ wait: gate.promise.then(() => void atWork--) });
    await bench.order({ id: 'a', lines: ofSkus('a', 'b', 'c', 'd', 'e', 'f', 'g') });
    while (atWork < 3) await new Promise((resolve) => setImmediate(resolve));
    gate.resolve();
    await bench.runtime.idle();
    expect([most, bench.target.count('create')]).toEqual([3, 7]);
  });

  test('resumes each item where it was after a crash, with the same keys', async () => {
    bench = await openBench(
      planFor({
        steps: [
          list({
            steps: [
              undoable('book'),
              step('wait', 'rest', { for: { durationMs: 1_000 } }),
              call('note', 'acme.put'),
            ],
          }),
        ],
      }),
    );
    const runId = await bench.order({ id: 'a', lines: ofSkus('x', 'y', 'z') });
    await bench.runtime.idle();
    expect(bench.state(runId)).toBe('waiting');
    await bench.crash();
    await bench.pass(1_000);
    expect(bench.state(runId)).toBe('succeeded');
    expect([bench.target.count('create'), bench.target.count('put'), bench.target.doubled]).toEqual([
      3,
      3,
      [],
    ]);
  });

  test('holds the whole list, before any effect, when two items have one key', async () => {
    bench = await openBench(planFor({ steps: [list()] }));
    const runId = await bench.order({ id: 'a', lines: ofSkus('x', 'y', 'x') });
    await bench.runtime.idle();
    expect(bench.target.calls).toEqual([]);
    expect(bench.runtime.deadLetters()).toMatchObject([
      {
        runId,
        step: 'lines',
        queue: 'quarantine',
        // Not the key itself, which may be somebody's: the message stays in the ledger.
        failure: { code: 'ITEM_KEY_DUPLICATE', message: 'items 0 and 2 of lines have one key' },
      },
    ]);
  });

  const check = (otherwise: 'quarantine' | 'split') => ({
    that: [{ condition: 'line.quantity > 0', message: 'no quantity' }],
    otherwise,
  });

  test('holds the whole list for one bad item', async () => {
    bench = await openBench(planFor({ steps: [list({ check: check('quarantine') })] }));
    const runId = await bench.order({ id: 'a', lines: [...ofSkus('x', 'y'), { sku: 'z', quantity: 0 }] });
    await bench.runtime.idle();
    expect(bench.target.calls).toEqual([]);
    expect(bench.runtime.run(runId)).toMatchObject({
      state: 'failed',
      failure: { code: 'CHECK_NOT_MET', message: '1 of 3 items: item 2: no quantity' },
    });
  });

  test('or leaves bad items out, each with an owner, where it is told to split', async () => {
    bench = await openBench(
      planFor({
        steps: [list({ check: check('split') })],
        success: 'steps.lines.exists(one, one.outcome == "quarantined")',
      }),
    );
    const runId = await bench.order({ id: 'a', lines: [{ sku: 'z', quantity: 0 }, ...ofSkus('x')] });
    await bench.runtime.idle();
    expect(bench.state(runId)).toBe('succeeded');
    expect(bench.target.count('create')).toBe(1);
    const fixes = bench.runtime.trace({ runId }).filter(({ kind }) => kind === 'forwardFix');
    expect(fixes).toMatchObject([
      {
        step: expect.stringMatching(/^lines\[#[0-9a-f]{12}\]$/),
        details: { owner: 'sales', because: 'no quantity' },
      },
    ]);
    expect(bench.runtime.forwardFixes()).toMatchObject([
      { runId, stepId: 'lines[z]', owner: 'sales', because: 'no quantity', key: 'a' },
    ]);
    await bench.restart();
    expect(await bench.runtime.closeFix(runId, 'lines[z]', 'ana', 'sent again')).toEqual({ ok: true });
    expect(bench.runtime.forwardFixes()).toEqual([]);
  });

  test('of a run that is undone later, it says so beside what is owed on an item', async () => {
    const later = step('check', 'later', {
      that: [{ condition: 'false', message: 'not wanted' }],
      otherwise: 'fail',
    });
    bench = await openBench(planFor({ steps: [list({ check: check('split') }), later] }));
    await bench.order({ id: 'a', lines: [{ sku: 'z', quantity: 0 }, ...ofSkus('x')] });
    await bench.runtime.idle();
    expect(bench.runtime.forwardFixes()).toMatchObject([{ stepId: 'lines[z]', runState: 'compensated' }]);
  });

  test('undoes all items when one fails, the last confirmed first', async () => {
    bench = await openBench(planFor({ steps: [undoable('before'), list({ concurrency: 1 })] }));
    bench.target.script = { create: [undefined, undefined, undefined, { fail: refused }] };
    const runId = await bench.order({ id: 'a', lines: ofSkus('x', 'y', 'z', 'never') });
    await bench.runtime.idle();
    expect(bench.state(runId)).toBe('compensated');
    expect(bench.target.count('create'), 'the item after the failure never began').toBe(4);
    expect(bench.target.inputs('remove')).toEqual([
      { id: 'create-3' },
      { id: 'create-2' },
      { id: 'create-1' },
    ]);
  });

  test('goes on where it is told to collect: what the failed item did is undone, and its owner told', async () => {
    bench = await openBench(
      planFor({
        steps: [
          list({
            onItemFailure: 'collect',
            concurrency: 1,
            steps: [undoable('book'), call('note', 'acme.put', { with: sku })],
          }),
          call('last', 'acme.send'),
        ],
        success: 'steps.lines.filter(one, one.outcome == "failed").size() == 1',
      }),
    );
    bench.target.script = { put: [undefined, { fail: refused }] };
    const runId = await bench.order({ id: 'a', lines: ofSkus('x', 'y', 'z') });
    await bench.runtime.idle();
    expect(bench.state(runId)).toBe('succeeded');
    // The second booking is the third effect.
    expect(bench.target.inputs('remove')).toEqual([{ id: 'create-3' }]);
    expect(bench.target.count('send')).toBe(1);
    expect(bench.runtime.forwardFixes().map(({ stepId }) => stepId)).toEqual(['lines[y]']);
    const states = bench.runtime.run(runId)!.steps.map(({ id, state }) => `${id} ${state}`);
    expect(states).toContain('lines[y].book compensated');
  });

  test('an undoing that cannot finish parks the run; resumed, the run goes on', async () => {
    bench = await openBench(
      planFor({
        steps: [
          list({
            onItemFailure: 'collect',
            concurrency: 1,
            steps: [undoable('book'), call('note', 'acme.put')],
          }),
          call('last', 'acme.send'),
        ],
      }),
    );
    bench.target.script = { put: [{ fail: refused }], remove: [{ fail: refused }] };
    const runId = await bench.order({ id: 'a', lines: ofSkus('x', 'y') });
    await bench.runtime.idle();
    expect(bench.runtime.deadLetters()).toMatchObject([
      { runId, step: 'compensate:lines[x].book', queue: 'repair' },
    ]);
    expect(await bench.runtime.resume(runId, 'ana', 'mended')).toEqual({ ok: true });
    await bench.runtime.idle();
    expect(bench.state(runId)).toBe('succeeded');
    expect([bench.target.count('send'), bench.target.doubled]).toEqual([1, []]);
  });

  test('an item in doubt does not keep the others from going on', async () => {
    bench = await openBench(
      planFor({ steps: [list({ steps: [undoable('book', 'acme.createBlind', { with: sku })] })] }),
    );
    bench.target.script = { createBlind: [{ loseAnswer: true }] };
    const runId = await bench.order({ id: 'a', lines: ofSkus('x', 'y', 'z') });
    await bench.runtime.idle();
    expect(bench.target.count('createBlind')).toBe(3);
    expect(bench.runtime.inDoubt()).toMatchObject([{ runId, stepId: 'lines[x].book' }]);
    expect(bench.state(runId)).toBe('inDoubt');
    await bench.crash();
    await bench.runtime.settle(runId, 'lines[x].book', 'confirm', 'ana', 'it is there', {
      id: 'createBlind-1',
    });
    await bench.runtime.idle();
    expect(bench.state(runId)).toBe('succeeded');
    expect(bench.target.count('createBlind')).toBe(3);
  });

  test('asks a person for each item; each decision counts for its own', async () => {
    const consent = step('approve', 'consent', {
      by: 'finance',
      withinMs: 60_000,
      onExpiry: 'reject',
      show: { object: { sku: { expression: 'line.sku' } } },
    });
    bench = await openBench(
      planFor({
        steps: [list({ onItemFailure: 'collect', steps: [consent, call('book', 'acme.create')] })],
      }),
    );
    const runId = await bench.order({ id: 'a', lines: ofSkus('x', 'y', 'z') });
    await bench.runtime.idle();
    expect(bench.runtime.approvals().map(({ stepId, show }) => [stepId, show])).toEqual([
      ['lines[x].consent', { sku: 'x' }],
      ['lines[y].consent', { sku: 'y' }],
      ['lines[z].consent', { sku: 'z' }],
    ]);
    await bench.runtime.decide(runId, 'lines[y].consent', 'approve', 'ana', 'yes');
    await bench.runtime.idle();
    expect(bench.target.count('create')).toBe(1);
    await bench.runtime.decide(runId, 'lines[x].consent', 'reject', 'ana', 'no');
    await bench.pass(60_000);
    expect(bench.state(runId)).toBe('succeeded');
    expect(bench.target.count('create')).toBe(1);
  });

  test('cancelled, it begins no more items and undoes those that are done', async () => {
    bench = await openBench(
      planFor({
        steps: [list({ steps: [undoable('book'), step('wait', 'rest', { for: { durationMs: 60_000 } })] })],
      }),
    );
    const runId = await bench.order({ id: 'a', lines: ofSkus('x', 'y') });
    await bench.runtime.idle();
    await bench.runtime.cancel(runId, 'ana', 'not wanted');
    await bench.runtime.idle();
    expect(bench.state(runId)).toBe('cancelled');
    expect(bench.target.count('remove')).toBe(2);
  });

  test('a retry of one item waits while the others go on', async () => {
    bench = await openBench(planFor({ steps: [list({ concurrency: 1 })] }));
    bench.target.script = { create: [{ fail: unavailable }] };
    const runId = await bench.order({ id: 'a', lines: ofSkus('x', 'y', 'z') });
    await bench.runtime.idle();
    expect([bench.target.count('create'), bench.state(runId)]).toEqual([3, 'waiting']);
    await bench.pass(1_000);
    expect([bench.target.count('create'), bench.state(runId)]).toEqual([4, 'succeeded']);
  });

  test('a retry that is due while all places are taken waits for a place, and no timer for it', async () => {
    bench = await openBench(planFor({ steps: [list({ concurrency: 1 })] }));
    const gate = Promise.withResolvers<void>();
    bench.target.script = { create: [{ fail: unavailable }, { wait: gate.promise }] };
    const runId = await bench.order({ id: 'a', lines: ofSkus('x', 'y') });
    await until(() => bench.target.count('create') === 2);
    bench.clock.advance(1_000);
    await new Promise((resolve) => setImmediate(resolve));
    const nextInMs = bench.clock.next! - bench.clock.now();
    gate.resolve();
    await bench.runtime.idle();
    expect(nextInMs).toBeGreaterThan(0);
    expect([bench.target.count('create'), bench.state(runId)]).toEqual([3, 'succeeded']);
  });
});
