import { DatabaseSync } from 'node:sqlite';
import { afterEach, describe, expect, test } from 'vitest';
import { type Bench, failure, openBench, refused, unavailable } from './testing/bench.ts';
import { call, literal, planFor, probe, step, undoable } from './testing/plan.ts';

let bench: Bench;
afterEach(() => bench.close());

const lines = (...skus: string[]) => skus.map((sku) => ({ sku, quantity: 1 }));
const input = { object: { id: { expression: 'line.sku' } } };
const lost = failure('timeout', 'HTTP_RESPONSE_TIMEOUT', 'lost');

function forEach(parts: Partial<Parameters<typeof step<'forEach'>>[2]> = {}) {
  return step('forEach', 'lines', {
    in: 'event.lines',
    as: 'line',
    key: { expression: 'line.sku' },
    max: 50,
    concurrency: 2,
    onItemFailure: 'stop',
    steps: [undoable('book', 'acme.create', { with: input })],
    result: { expression: 'steps.book.id' },
    ...parts,
  });
}

const inputs = (operation: string) =>
  bench.target.calls.filter((one) => one.operation === operation).map(({ input: sent }) => sent);

describe('forEach', () => {
  test('carries out each item, and gives one outcome for each, in the order of the list', async () => {
    bench = await openBench(
      planFor({
        steps: [
          forEach(),
          call('told', 'acme.put', { with: { object: { all: { expression: 'steps.lines' } } } }),
        ],
      }),
    );
    const runId = await bench.order({ id: 'a', lines: lines('x', 'y', 'z') });
    await bench.runtime.idle();
    expect(bench.state(runId)).toBe('succeeded');
    expect(inputs('put')).toEqual([
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

  test('leaves an item alone that had ended with a wait, when the run is cancelled while another is resumed', async () => {
    const pause = step('wait', 'pause', { for: { durationMs: 3_000 } });
    const book = undoable('book', 'acme.create', { with: input });
    bench = await openBench(
      planFor({ onFailure: 'hold', steps: [forEach({ concurrency: 1, steps: [book, pause] })] }),
    );
    bench.target.script = { create: [undefined, { fail: refused }] };
    const runId = await bench.order({ id: 'a', lines: lines('x', 'y') });
    await bench.pass(10_000);
    expect(bench.state(runId)).toBe('failed');
    await bench.runtime.resume(runId, 'ana', 'try again');
    await bench.pass(1_000);
    expect(bench.state(runId)).toBe('waiting');
    await bench.runtime.cancel(runId, 'ana', 'no longer wanted');
    // In the middle of undoing the process ends: the next one must find the same to undo.
    bench.target.script = { remove: [{ fail: unavailable }] };
    await bench.pass(100);
    await bench.crash();
    await bench.pass(60_000);
    expect(bench.state(runId)).toBe('cancelled');
    expect(bench.target.count('remove')).toBe(3);
  });

  test('has no more items at work at a time than it says', async () => {
    bench = await openBench(planFor({ steps: [forEach({ concurrency: 3 })] }));
    let atWork = 0;
    let most = 0;
    const gate = Promise.withResolvers<void>();
    bench.target.onCall = (when) => {
      if (when === 'before') most = Math.max(most, ++atWork);
    };
    bench.target.decide = () => ({ wait: gate.promise.then(() => void atWork--) });
    await bench.order({ id: 'a', lines: lines('a', 'b', 'c', 'd', 'e', 'f', 'g') });
    while (atWork < 3) await new Promise((resolve) => setImmediate(resolve));
    gate.resolve();
    await bench.runtime.idle();
    expect([most, bench.target.count('create')]).toEqual([3, 7]);
  });

  test('resumes each item where it was after a crash, with the same keys', async () => {
    bench = await openBench(
      planFor({
        steps: [
          forEach({
            steps: [
              undoable('book'),
              step('wait', 'rest', { for: { durationMs: 1_000 } }),
              call('note', 'acme.put'),
            ],
          }),
        ],
      }),
    );
    const runId = await bench.order({ id: 'a', lines: lines('x', 'y', 'z') });
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
    bench = await openBench(planFor({ steps: [forEach()] }));
    const runId = await bench.order({ id: 'a', lines: lines('x', 'y', 'x') });
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
    bench = await openBench(planFor({ steps: [forEach({ check: check('quarantine') })] }));
    const runId = await bench.order({ id: 'a', lines: [...lines('x', 'y'), { sku: 'z', quantity: 0 }] });
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
        steps: [forEach({ check: check('split') })],
        success: 'steps.lines.exists(one, one.outcome == "quarantined")',
      }),
    );
    const runId = await bench.order({ id: 'a', lines: [{ sku: 'z', quantity: 0 }, ...lines('x')] });
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

  test('undoes all items when one fails, the last confirmed first', async () => {
    bench = await openBench(planFor({ steps: [undoable('before'), forEach({ concurrency: 1 })] }));
    bench.target.script = { create: [undefined, undefined, undefined, { fail: refused }] };
    const runId = await bench.order({ id: 'a', lines: lines('x', 'y', 'z', 'never') });
    await bench.runtime.idle();
    expect(bench.state(runId)).toBe('compensated');
    expect(bench.target.count('create'), 'the item after the failure never began').toBe(4);
    expect(inputs('remove')).toEqual([{ id: 'create-3' }, { id: 'create-2' }, { id: 'create-1' }]);
  });

  test('goes on where it is told to collect: what the failed item did is undone, and its owner told', async () => {
    bench = await openBench(
      planFor({
        steps: [
          forEach({
            onItemFailure: 'collect',
            concurrency: 1,
            steps: [undoable('book'), call('note', 'acme.put', { with: input })],
          }),
          call('last', 'acme.send'),
        ],
        success: 'steps.lines.filter(one, one.outcome == "failed").size() == 1',
      }),
    );
    bench.target.script = { put: [undefined, { fail: refused }] };
    const runId = await bench.order({ id: 'a', lines: lines('x', 'y', 'z') });
    await bench.runtime.idle();
    expect(bench.state(runId)).toBe('succeeded');
    // The second booking is the third effect.
    expect(inputs('remove')).toEqual([{ id: 'create-3' }]);
    expect(bench.target.count('send')).toBe(1);
    expect(bench.runtime.forwardFixes().map(({ stepId }) => stepId)).toEqual(['lines[y]']);
    const states = bench.runtime.run(runId)!.steps.map(({ id, state }) => `${id} ${state}`);
    expect(states).toContain('lines[y].book compensated');
  });

  test('an undoing that cannot finish parks the run; resumed, the run goes on', async () => {
    bench = await openBench(
      planFor({
        steps: [
          forEach({
            onItemFailure: 'collect',
            concurrency: 1,
            steps: [undoable('book'), call('note', 'acme.put')],
          }),
          call('last', 'acme.send'),
        ],
      }),
    );
    bench.target.script = { put: [{ fail: refused }], remove: [{ fail: refused }] };
    const runId = await bench.order({ id: 'a', lines: lines('x', 'y') });
    await bench.runtime.idle();
    expect(bench.runtime.deadLetters()).toMatchObject([
      { runId, step: 'compensate:lines[x].book', queue: 'repair' },
    ]);
    expect(await bench.runtime.resume(runId, 'ana', 'mended')).toEqual({ ok: true });
    await bench.runtime.idle();
    expect(bench.state(runId)).toBe('succeeded');
    expect([bench.target.count('send'), bench.target.doubled]).toEqual([1, []]);
  });

  test('resumed, only the failed item is tried again', async () => {
    bench = await openBench(planFor({ onFailure: 'hold', steps: [forEach({ concurrency: 1 })] }));
    bench.target.script = { create: [undefined, { fail: refused }] };
    const runId = await bench.order({ id: 'a', lines: lines('x', 'y', 'z') });
    await bench.runtime.idle();
    expect(bench.runtime.run(runId)).toMatchObject({ state: 'failed', step: 'lines' });
    await bench.runtime.resume(runId, 'ana', 'mended');
    await bench.runtime.idle();
    expect(bench.state(runId)).toBe('succeeded');
    expect(inputs('create')).toEqual([{ id: 'x' }, { id: 'y' }, { id: 'y' }, { id: 'z' }]);
  });

  describe('one in another, which was stopped before it came there when the run was first resumed', () => {
    /** Of `b` the put fails when resumed, before `a` comes to its list, whose one item had failed before. */
    const resumedTwice = async (): Promise<string> => {
      const isOf = (sku: string) => ({ when: `line.sku == '${sku}'` });
      const pause = step('wait', 'pause', { for: { durationMs: 3_000 } });
      const making = [call('make', 'acme.create'), pause];
      const inner = forEach({ as: 'part', key: { expression: 'part' }, steps: making });
      const within = { ...inner, id: 'inner', in: 'event.parts', result: { literal: 0 }, ...isOf('a') };
      const steps = [call('put', 'acme.put', isOf('b')), within];
      bench = await openBench(
        planFor({
          onFailure: 'hold',
          steps: [forEach({ concurrency: 1, result: { literal: 0 }, steps })],
        }),
      );
      bench.target.script = {
        put: [{ fail: unavailable }, { fail: refused }],
        create: [{ fail: refused }],
      };
      const runId = await bench.order({ id: 'a', lines: lines('b', 'a'), parts: ['x'] });
      await bench.runtime.idle();
      await resumed(runId, 'failed');
      expect([bench.target.count('put'), bench.target.count('create')], 'stopped before it').toEqual([2, 1]);
      return runId;
    };
    const resumed = async (runId: string, state: string): Promise<void> => {
      await bench.runtime.resume(runId, 'ana', 'try again');
      await bench.runtime.idle();
      expect(bench.state(runId)).toBe(state);
    };

    test('tries what had failed once when it is resumed again', async () => {
      const runId = await resumedTwice();
      bench.target.script = { create: [{ fail: refused }] };
      await resumed(runId, 'failed');
      expect(bench.target.count('create')).toBe(2);
      await bench.crash();
      await resumed(runId, 'waiting');
      await bench.pass(3_000);
      expect([bench.state(runId), bench.target.count('create')]).toEqual(['succeeded', 3]);
      const inner = bench.runtime.run(runId)!.steps.find(({ id }) => id === 'lines[a].inner');
      expect(inner, 'of the four rounds it did not come to the second').toMatchObject({ attempts: 3 });
    });

    test('passes over no pause', async () => {
      const runId = await resumedTwice();
      await resumed(runId, 'waiting');
      await bench.pass(2_999);
      expect(bench.state(runId)).toBe('waiting');
      await bench.pass(1);
      expect(bench.state(runId)).toBe('succeeded');
    });

    test('goes on as an earlier version began it, once for each time it was resumed', async () => {
      const runId = await resumedTwice();
      bench.target.script = { create: [{ never: 'before' }] };
      await bench.runtime.resume(runId, 'ana', 'try again');
      while (bench.target.count('create') < 2) await new Promise((resolve) => setImmediate(resolve));
      const file = new DatabaseSync(bench.file);
      const row = "UPDATE journal SET value = 'null' WHERE key = 'lines[a]|inner/joined/2!'";
      expect(file.prepare(row).run().changes).toBe(1);
      file.close();
      bench.target.script = { create: [{ fail: refused }, { fail: refused }] };
      await bench.crash();
      await bench.pass(1_000);
      expect([bench.state(runId), bench.target.count('create')]).toEqual(['failed', 4]);
      await bench.crash();
      await resumed(runId, 'waiting');
      await bench.pass(3_000);
      expect([bench.state(runId), bench.target.count('create')]).toEqual(['succeeded', 5]);
    });
  });

  test('an item in doubt does not keep the others from going on', async () => {
    bench = await openBench(
      planFor({ steps: [forEach({ steps: [undoable('book', 'acme.createBlind', { with: input })] })] }),
    );
    bench.target.script = { createBlind: [{ loseAnswer: lost }] };
    const runId = await bench.order({ id: 'a', lines: lines('x', 'y', 'z') });
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
        steps: [forEach({ onItemFailure: 'collect', steps: [consent, call('book', 'acme.create')] })],
      }),
    );
    const runId = await bench.order({ id: 'a', lines: lines('x', 'y', 'z') });
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
        steps: [
          forEach({ steps: [undoable('book'), step('wait', 'rest', { for: { durationMs: 60_000 } })] }),
        ],
      }),
    );
    const runId = await bench.order({ id: 'a', lines: lines('x', 'y') });
    await bench.runtime.idle();
    await bench.runtime.cancel(runId, 'ana', 'not wanted');
    await bench.runtime.idle();
    expect(bench.state(runId)).toBe('cancelled');
    expect(bench.target.count('remove')).toBe(2);
  });

  test('a retry of one item waits while the others go on', async () => {
    bench = await openBench(planFor({ steps: [forEach({ concurrency: 1 })] }));
    bench.target.script = { create: [{ fail: unavailable }] };
    const runId = await bench.order({ id: 'a', lines: lines('x', 'y', 'z') });
    await bench.runtime.idle();
    expect([bench.target.count('create'), bench.state(runId)]).toEqual([3, 'waiting']);
    await bench.pass(1_000);
    expect([bench.target.count('create'), bench.state(runId)]).toEqual([4, 'succeeded']);
  });
});

describe('parallel', () => {
  const both = (
    left: Parameters<typeof planFor>[0]['steps'],
    right: Parameters<typeof planFor>[0]['steps'],
  ) =>
    step('parallel', 'both', {
      branches: [
        { name: 'left', steps: left },
        { name: 'right', steps: right },
      ],
    });

  test('branches go beside each other; their results are there when both have ended', async () => {
    bench = await openBench(
      planFor({
        steps: [both([call('slow', 'acme.create')], [call('quick', 'acme.put')])],
        success: 'steps.slow.id == "create-1" && steps.quick.id == "put-2"',
      }),
    );
    const gate = Promise.withResolvers<void>();
    bench.target.script = { create: [{ wait: gate.promise }] };
    const runId = await bench.order({ id: 'a' });
    while (bench.target.count('put') === 0) await new Promise((resolve) => setImmediate(resolve));
    gate.resolve();
    await bench.runtime.idle();
    expect(bench.state(runId)).toBe('succeeded');
    expect(bench.runtime.run(runId)!.steps.map(({ id, state }) => [id, state])).toEqual([
      ['both', 'succeeded'],
      ['slow', 'succeeded'],
      ['quick', 'succeeded'],
    ]);
  });

  test('when one fails the other comes to an end that is recorded, then all is undone, last confirmed first', async () => {
    bench = await openBench(
      planFor({
        steps: [
          both(
            [undoable('one'), call('bad', 'acme.put')],
            [
              undoable('two', 'acme.createBlind'),
              step('wait', 'rest', { for: { durationMs: 60_000 } }),
              call('never', 'acme.send'),
            ],
          ),
        ],
      }),
    );
    const gate = Promise.withResolvers<void>();
    bench.target.script = { createBlind: [{ wait: gate.promise }], put: [{ fail: refused }] };
    const runId = await bench.order({ id: 'a' });
    while (bench.target.count('put') === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(bench.state(runId), 'a call is under way').toBe('running');
    gate.resolve();
    await bench.runtime.idle();
    expect(bench.state(runId)).toBe('compensated');
    expect(bench.target.count('send')).toBe(0);
    expect(inputs('remove')).toEqual([{ id: 'createBlind-2' }, { id: 'create-1' }]);
    expect(bench.runtime.run(runId)?.failure).toMatchObject({ step: 'both', status: 422 });
  });

  test('a doubt in one branch is settled before anything is undone', async () => {
    bench = await openBench(
      planFor({
        steps: [undoable('zero'), both([call('bad', 'acme.put')], [undoable('two', 'acme.createBlind')])],
      }),
    );
    bench.target.script = { createBlind: [{ loseAnswer: lost }], put: [{ fail: refused }] };
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    expect([bench.state(runId), bench.target.count('remove')]).toEqual(['inDoubt', 0]);
    await bench.restart();
    await bench.runtime.settle(runId, 'two', 'confirm', 'ana', 'it is there', { id: 'createBlind-2' });
    await bench.runtime.idle();
    expect(bench.state(runId)).toBe('compensated');
    expect(inputs('remove')).toEqual([{ id: 'createBlind-2' }, { id: 'create-1' }]);
  });

  test('one that had ended with a wait does not wait again, though the clock was set back before the other was resumed', async () => {
    const pause = (id: string, durationMs: number) => step('wait', id, { for: { durationMs } });
    bench = await openBench(
      planFor({
        onFailure: 'hold',
        steps: [both([pause('short', 3_000)], [pause('long', 5_000), undoable('made', 'acme.create')])],
      }),
    );
    bench.target.script = { create: [{ fail: refused }] };
    const runId = await bench.order({ id: 'a' });
    await bench.pass(10_000);
    expect(bench.state(runId)).toBe('failed');
    bench.clock.jump(-9_000);
    await bench.runtime.resume(runId, 'ana', 'try again');
    await bench.runtime.idle();
    expect(bench.state(runId)).toBe('succeeded');
  });

  test.each([
    [
      'a check',
      step('check', 'fails', {
        that: [{ condition: 'event.amount > 0', message: 'none' }],
        otherwise: 'fail',
      }),
    ],
    ['an expression', step('set', 'fails', { value: { expression: 'event.nothing.there' } })],
  ])(
    'one that failed of %s stays the cause when the run is carried out again, though it stopped another',
    async (_, fails) => {
      const put = (id: string) => call(id, 'acme.put');
      // They leave no record, and take so long that another has been carried out again when this one fails.
      const idle = Array.from({ length: 10 }, (_, i) => step('set', `idle${i}`, { value: { literal: i } }));
      bench = await openBench(
        planFor({
          onFailure: 'hold',
          steps: [
            step('parallel', 'three', {
              branches: [
                { name: 'stopped', steps: [put('first'), put('second')] },
                { name: 'busy', steps: [call('slow', 'acme.create'), put('paused')] },
                { name: 'fails', steps: [...idle, fails] },
              ],
            }),
          ],
        }),
      );
      const turns = async () => {
        for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
      };
      const first = Promise.withResolvers<void>();
      // While it is under way the others are not joined.
      const slow = Promise.withResolvers<void>();
      bench.target.script = { put: [{ wait: first.promise }], create: [{ wait: slow.promise }] };
      const runId = await bench.order({ id: 'a', amount: 0 });
      await turns();
      first.resolve();
      await turns();
      expect(inputs('put'), 'the second was stopped').toEqual([{ id: 'first' }]);
      const paused = await bench.runtime.setSwitch(
        { kind: 'pause', pipeline: 'orders', onlyKeys: [] },
        'ana',
        'a look',
      );
      slow.resolve();
      await bench.runtime.idle();
      expect(bench.state(runId), 'it stands aside').toBe('running');
      await bench.runtime.liftSwitch(paused.ok ? paused.switch.id : '', 'ana', 'looked');
      await bench.pass(1_000);
      expect(bench.runtime.deadLetters()).toMatchObject([{ runId, step: 'three' }]);
      expect(bench.runtime.run(runId)!.failure!.message).toContain('; fails: ');
    },
  );

  describe('one that failed of a check, when another has to come to an outcome first', () => {
    const rest = (id: string) => step('wait', id, { for: { durationMs: 3_000 } });
    const checked = (again: readonly string[], before: Parameters<typeof planFor>[0]['steps'] = []) => [
      call('read', 'acme.get'),
      step('set', 'amount', { value: { expression: 'steps.read.amount' } }),
      ...before,
      step('check', 'enough', {
        that: [{ condition: 'steps.amount >= 10', message: 'too little' }],
        otherwise: 'fail',
        again,
      }),
    ];
    const begin = async (...branches: [Parameters<typeof both>[0], Parameters<typeof both>[1]]) => {
      bench = await openBench(
        planFor({
          onFailure: 'hold',
          limits: { concurrency: 1, deadlineMs: 60_000 },
          steps: [both(...branches)],
        }),
      );
      bench.target.script = {
        get: [{ result: { id: 'r', amount: 1 } }],
        createBlind: [{ loseAnswer: true }],
        put: [{ fail: refused }],
      };
      return bench.order({ id: 'a', amount: 0 });
    };

    test('does not wait again when the clock was set back, and is not asked again and again', async () => {
      const runId = await begin(checked([], [rest('rest')]), [
        call('slow', 'acme.createBlind'),
        call('second', 'acme.put'),
      ]);
      await bench.pass(4_000);
      expect(bench.state(runId)).toBe('inDoubt');
      bench.clock.jump(-2_000);
      await bench.runtime.settle(runId, 'slow', 'confirm', 'ana', 'it is there', { id: 'x' });
      await bench.runtime.idle();
      expect(bench.runtime.run(runId)!.failure).toMatchObject({ code: 'CHECK_NOT_MET' });
    });

    test('is stopped by the other in a later round, though the deadline was over meanwhile', async () => {
      const left = [...checked(['read', 'amount']), rest('later'), call('after', 'acme.create')];
      const runId = await begin(left, [
        call('slow', 'acme.createBlind', { probe }),
        call('second', 'acme.put'),
      ]);
      await bench.runtime.idle();
      bench.clock.jump(90_000);
      await bench.pass(1_000);
      expect(bench.runtime.run(runId)!.failure, 'what it was parked for before').toMatchObject({
        code: 'CHECK_NOT_MET',
      });
      bench.target.script = { put: [{ fail: refused }] };
      await bench.runtime.resume(runId, 'ana', 'try again');
      await bench.pass(10_000);
      expect(bench.runtime.run(runId)!.failure).toMatchObject({ status: 422 });
      expect(bench.target.count('create')).toBe(0);
    });

    test('is stopped by the other where a later version does not let it fail', async () => {
      const that = [{ condition: 'event.amount > 0', message: 'none' }];
      const left = [
        step('check', 'some', { that, otherwise: 'fail' }),
        call('after', 'acme.create'),
        rest('later'),
        call('last', 'acme.create'),
      ];
      const runId = await begin(left, [call('slow', 'acme.createBlind'), call('second', 'acme.put')]);
      await bench.runtime.idle();
      const file = new DatabaseSync(bench.file);
      expect(file.prepare(`UPDATE events SET payload = '{"id":"a","amount":1}'`).run().changes).toBe(1);
      file.close();
      await bench.runtime.settle(runId, 'slow', 'confirm', 'ana', 'it is there', { id: 'x' });
      await bench.runtime.idle();
      expect(bench.runtime.run(runId)!.failure).toMatchObject({ status: 422 });
      expect(inputs('create'), 'it had begun to wait').toEqual([{ id: 'after' }]);
    });
  });

  test('a round in which the run never came to its branches lets none of them go on', async () => {
    const never = step('check', 'never', {
      that: [{ condition: 'false', message: 'no' }],
      otherwise: 'fail',
    });
    bench = await openBench(
      planFor({
        onFailure: 'hold',
        limits: { concurrency: 1, deadlineMs: 60_000 },
        steps: [
          both([step('wait', 'rest', { for: { durationMs: 3_000 } }), call('after', 'acme.put')], [never]),
        ],
      }),
    );
    const runId = await bench.order({ id: 'a' });
    await bench.pass(100);
    expect(bench.runtime.run(runId)!.failure, 'before the wait is over').toMatchObject({
      code: 'CHECK_NOT_MET',
    });
    bench.onEntry = ({ details }) => {
      if (details['action'] === 'resume') bench.clock.jump(90_000);
    };
    await bench.runtime.resume(runId, 'ana', 'try again');
    await bench.runtime.idle();
    expect(bench.runtime.run(runId)!.failure).toMatchObject({ code: 'RUN_DEADLINE_EXCEEDED' });
    delete bench.onEntry;
    await bench.runtime.resume(runId, 'ana', 'try again');
    await bench.runtime.idle();
    expect(bench.runtime.run(runId)!.failure).toMatchObject({ code: 'CHECK_NOT_MET' });
    expect(bench.target.count('put'), 'the wait was not over').toBe(0);
  });

  describe('what was decided in them is in the ledger once,', () => {
    const toldOf = (runId: string, id: string) =>
      bench.runtime.trace({ runId }).flatMap(({ kind, step: at }) => (at === id ? [kind] : []));
    const seen = step('set', 'seen', { value: literal(1) });

    test('also of a block that was first begun when the run was resumed, and cut short', async () => {
      const inner = step('parallel', 'inner', {
        branches: [
          { name: 'one', steps: [seen] },
          { name: 'two', steps: [call('slow', 'acme.create')] },
        ],
      });
      bench = await openBench(
        planFor({ onFailure: 'hold', steps: [both([call('put', 'acme.put'), inner], [undoable('other')])] }),
      );
      bench.target.script = { put: [{ fail: refused }] };
      const runId = await bench.order({ id: 'a' });
      await bench.runtime.idle();
      bench.target.script = { create: [{ never: 'before' }] };
      const before = bench.target.count('create');
      await bench.runtime.resume(runId, 'ana', 'try again');
      while (bench.target.count('create') === before) await new Promise((resolve) => setImmediate(resolve));
      await bench.crash();
      await bench.pass(60_000);
      expect(bench.state(runId)).toBe('succeeded');
      expect(toldOf(runId, 'seen')).toEqual(['stepDone']);
    });

    test('also that one has failed again of what leaves no record', async () => {
      const never = step('check', 'never', {
        that: [{ condition: 'false', message: 'no' }],
        otherwise: 'fail',
      });
      bench = await openBench(planFor({ onFailure: 'hold', steps: [both([seen], [never])] }));
      const runId = await bench.order({ id: 'a' });
      await bench.runtime.idle();
      await bench.runtime.resume(runId, 'ana', 'try again');
      await bench.runtime.idle();
      expect(toldOf(runId, 'seen')).toEqual(['stepDone']);
      expect(toldOf(runId, 'never')).toEqual(['branch', 'branch']);
    });
  });

  test('waits of two branches end each by its own event', async () => {
    const wait = (id: string, by: string) =>
      step('wait', id, {
        for: { event: 'shop.paid', match: `signal.by == "${by}"`, withinMs: 60_000, onExpiry: 'fail' },
      });
    bench = await openBench(planFor({ steps: [both([wait('one', 'card')], [wait('two', 'bank')])] }));
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    for (const by of ['bank', 'card']) {
      expect(bench.state(runId)).toBe('waiting');
      await bench.crash();
      await bench.runtime.accept({ event: 'shop.paid', payload: { by }, deliveryId: by, source: 'bank' });
      await bench.runtime.idle();
    }
    expect(bench.state(runId)).toBe('succeeded');
  });

  test('a list in a branch, and branches for each item', async () => {
    bench = await openBench(
      planFor({
        steps: [
          both(
            [
              forEach({
                steps: [both([call('a', 'acme.create')], [call('b', 'acme.put', { with: literal({}) })])],
                result: { expression: 'steps.a.id' },
              }),
            ],
            [call('c', 'acme.create')],
          ),
        ].map((outer) => ({ ...outer, id: 'outer' })),
        success: 'steps.lines.size() == 2 && has(steps.c.id)',
      }),
    );
    const runId = await bench.order({ id: 'a', lines: lines('x', 'y') });
    await bench.runtime.idle();
    expect(bench.state(runId)).toBe('succeeded');
    expect(new Set(bench.target.effects.keys()).size).toBe(5);
  });
});

test('what is in doubt when a resumed run is cancelled is undone once a person has confirmed it', async () => {
  const never = step('check', 'never', {
    that: [{ condition: 'false', message: 'no' }],
    otherwise: 'quarantine',
  });
  // They leave no record, and take so long that the other branch has sent its call when this one fails.
  const idle = Array.from({ length: 10 }, (_, i) => step('set', `idle${i}`, { value: { literal: i } }));
  const both = step('parallel', 'both', {
    branches: [
      { name: 'left', steps: [undoable('made', 'acme.createBlind', { probe })] },
      { name: 'right', steps: [...idle, never] },
    ],
  });
  bench = await openBench(planFor({ steps: [both] }));
  bench.target.script = { createBlind: [{ fail: refused }, { loseAnswer: true }], find: [{ fail: refused }] };
  const id = await bench.order({ id: 'a' });
  await bench.runtime.idle();
  expect(bench.state(id)).toBe('failed');
  await bench.runtime.resume(id, 'ana', 'again');
  await bench.runtime.idle();
  expect(bench.state(id), 'before the probe is asked').toBe('waiting');
  await bench.runtime.cancel(id, 'ana', 'no longer wanted');
  await bench.pass(60_000);
  expect(bench.state(id)).toBe('inDoubt');
  await bench.runtime.settle(id, 'made', 'confirm', 'ana', 'it is there', { id: 'made-1' });
  await bench.pass(60_000);
  expect(bench.state(id)).toBe('cancelled');
  expect(bench.target.count('remove')).toBe(1);
});
