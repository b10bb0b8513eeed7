import { DatabaseSync } from 'node:sqlite';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { Names } from './embedded/names.ts';
import { openLedger } from './embedded/open-ledger.ts';
import { openRuntime } from './embedded/open-runtime.ts';
import type { IncomingEvent } from './runtime.ts';
import { type Bench, openBench, refused, unavailable } from './testing/bench.ts';
import { call, childPlan, list, ofSkus, planFor, run, step, undoable } from './testing/plan.ts';
import { until } from './testing/until.ts';

const DAY_MS = 86_400_000;

let bench: Bench;
afterEach(() => bench.close());

describe('cancel', () => {
  test('undoes what was done, and ends the run', async () => {
    bench = await openBench(
      planFor({
        steps: [undoable('one'), step('wait', 'w', { for: { durationMs: 60_000 } }), undoable('two')],
      }),
    );
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    expect(await bench.runtime.cancel(runId, 'ana', 'ordered by mistake')).toEqual({ ok: true });
    await bench.runtime.idle();
    await bench.pass(60_000);
    expect(bench.state(runId)).toBe('cancelled');
    expect(bench.target.calls.map(({ operation }) => operation)).toEqual(['create', 'remove']);
    expect(await bench.runtime.cancel(runId, 'ana', 'again')).toMatchObject({
      ok: false,
      code: 'RUN_ENDED',
      message: 'the run has ended: cancelled',
    });
  });

  test('said twice of a run whose undoing is stuck, says that it was cancelled before', async () => {
    bench = await openBench(
      planFor({ steps: [undoable('one'), step('wait', 'w', { for: { durationMs: 60_000 } })] }),
    );
    bench.target.script = { remove: [{ fail: refused }] };
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    await bench.runtime.cancel(runId, 'ana', 'ordered by mistake');
    await bench.runtime.idle();
    expect(bench.state(runId)).toBe('failed');
    expect(await bench.runtime.cancel(runId, 'ana', 'again')).toMatchObject({
      ok: false,
      code: 'RUN_CANCELLED_ALREADY',
      message: 'the run was cancelled before',
    });
  });

  test.each(['active', 'woken'] as const)(
    'of a run whose end is on its way to the disk is told that it has ended, and leaves it at rest (%s)',
    async (how) => {
      const steps =
        how === 'active'
          ? [call('one', 'acme.create')]
          : [step('wait', 'w', { for: { durationMs: 60_000 } }), call('one', 'acme.put')];
      bench = await openBench(planFor({ steps }));
      const told: Promise<unknown>[] = [];
      // What is answered is on its way: the run has not ended in the file, and will have when the word gets there.
      bench.target.onCall = (when) => {
        if (when !== 'after') return;
        bench.onBatch = async () => {
          delete bench.onBatch;
          told.push(bench.runtime.cancel(runId, 'ana', 'mistake'));
        };
      };
      const runId = await bench.order({ id: 'a' });
      await bench.pass(60_000);
      expect(await Promise.all(told)).toMatchObject([{ ok: false, code: 'RUN_ENDED' }]);
      expect(bench.state(runId)).toBe('succeeded');
      await bench.runtime.idle();
      expect(bench.runtime.trace({ runId }).filter(({ kind }) => kind === 'operator')).toEqual([]);
    },
  );

  describe('of a run that is at its last call', () => {
    test.each([
      ['a step', [undoable('one'), undoable('two')]],
      ['an item', [undoable('one'), list()]],
    ])('undoes that too (%s)', async (_, steps) => {
      bench = await openBench(planFor({ steps }));
      const { promise: wait, resolve } = Promise.withResolvers<void>();
      bench.target.script = { create: [undefined, { wait }] };
      const runId = await bench.order({ id: 'a', lines: ofSkus('x') });
      await until(() => bench.target.count('create') === 2);
      expect(await bench.runtime.cancel(runId, 'ana', 'not wanted')).toEqual({ ok: true });
      resolve();
      await bench.runtime.idle();
      expect(bench.runtime.run(runId)).toMatchObject({
        state: 'cancelled',
        undoing: { because: 'cancelled', actor: 'ana' },
      });
      expect(bench.target.inputs('remove')).toEqual([{ id: 'create-2' }, { id: 'create-1' }]);
    });

    test('holds over a crash', async () => {
      bench = await openBench(planFor({ steps: [undoable('one')] }));
      bench.target.script = { create: [{ never: 'after' }] };
      const runId = await bench.order({ id: 'a' });
      await until(() => bench.target.count('create') === 1);
      await bench.runtime.cancel(runId, 'ana', 'not wanted');
      bench.target.script = { remove: [{ never: 'after' }] };
      await bench.crash();
      await until(() => bench.target.count('remove') === 1);
      await bench.crash();
      await bench.runtime.idle();
      expect(bench.state(runId)).toBe('cancelled');
      expect(bench.target.effects.size).toBe(2);
    });

    test('is heeded where it is on its way to the disk as the run comes to its end', async () => {
      bench = await openBench(planFor({ steps: [undoable('one')] }));
      const { promise: wait, resolve } = Promise.withResolvers<void>();
      bench.target.script = { create: [{ wait }] };
      const runId = await bench.order({ id: 'a' });
      await until(() => bench.target.count('create') === 1);
      bench.onBatch = async () => {
        delete bench.onBatch;
        resolve();
        for (let turn = 0; turn < 5; turn++) await new Promise((next) => setImmediate(next));
      };
      expect(await bench.runtime.cancel(runId, 'ana', 'not wanted')).toEqual({ ok: true });
      await bench.runtime.idle();
      expect(bench.state(runId)).toBe('cancelled');
      expect(bench.target.count('remove')).toBe(1);
    });

    test('undoes a child, and its parent goes by that', async () => {
      const child = childPlan({ steps: [undoable('one')] });
      bench = await openBench(child, planFor({ onFailure: 'hold', steps: [run('sub', child)] }));
      const { promise: wait, resolve } = Promise.withResolvers<void>();
      bench.target.script = { create: [{ wait }] };
      const runId = await bench.order({ id: 'a' });
      await until(() => bench.target.count('create') === 1);
      const [below] = bench.runtime.run(runId)!.children!;
      expect(await bench.runtime.cancel(below!.runId, 'ana', 'not wanted')).toEqual({ ok: true });
      resolve();
      await bench.runtime.idle();
      expect(bench.state(below!.runId)).toBe('cancelled');
      expect(bench.runtime.run(runId)).toMatchObject({
        state: 'failed',
        failure: { code: 'RUN_CHILD_CANCELLED' },
      });
    });
  });

  test('that an earlier version let reach a run that had ended does not keep it due for ever', async () => {
    bench = await openBench(planFor({ steps: [call('one', 'acme.create')] }));
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    await bench.runtime.stop();
    const db = new DatabaseSync(bench.file);
    db.exec('UPDATE runs SET due_at = 1');
    db.close();
    await bench.restart();
    await bench.runtime.idle();
    expect(bench.state(runId)).toBe('succeeded');
    expect(bench.runtime.deadLetters()).toEqual([]);
    const read = new DatabaseSync(bench.file, { readOnly: true });
    expect(read.prepare('SELECT due_at FROM runs').get()).toEqual({ due_at: null });
    read.close();
  });

  test('lets an attempt under way end first', async () => {
    bench = await openBench(planFor({ steps: [undoable('one'), undoable('two')] }));
    const { promise: wait, resolve } = Promise.withResolvers<void>();
    bench.target.script = { create: [{ wait }] };
    const runId = await bench.order({ id: 'a' });
    await until(() => bench.target.calls.length === 1);
    await bench.runtime.cancel(runId, 'ana', 'mistake');
    resolve();
    await bench.runtime.idle();
    expect(bench.state(runId)).toBe('cancelled');
    expect(bench.target.calls.map(({ operation }) => operation)).toEqual(['create', 'remove']);
  });

  test('of a parked run undoes it, also after a kill in between', async () => {
    bench = await openBench(
      planFor({ onFailure: 'hold', steps: [undoable('one'), call('put', 'acme.put')] }),
    );
    bench.target.script = { put: [{ fail: refused }], remove: [{ fail: unavailable }] };
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    await bench.runtime.cancel(runId, 'ana', 'mistake');
    await bench.runtime.idle();
    expect(bench.state(runId)).toBe('compensating');
    await bench.crash();
    await bench.pass(10_000);
    expect(bench.state(runId)).toBe('cancelled');
    expect(bench.runtime.deadLetters()).toEqual([]);
  });

  test('is refused while an effect is in doubt', async () => {
    bench = await openBench(planFor({ steps: [call('one', 'acme.createBlind')] }));
    bench.target.script = { createBlind: [{ loseAnswer: true }] };
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    expect(await bench.runtime.cancel(runId, 'ana', 'x')).toMatchObject({ ok: false, code: 'RUN_IN_DOUBT' });
  });
});

describe('resume', () => {
  test('of a run in doubt is refused, with what settles it', async () => {
    bench = await openBench(planFor({ steps: [call('one', 'acme.createBlind')] }));
    bench.target.script = { createBlind: [{ loseAnswer: true }] };
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    expect(await bench.runtime.resume(runId, 'ana', 'x')).toMatchObject({
      code: 'RUN_NOT_RESUMABLE',
      message:
        'the run is in doubt at one, not failed: it goes on once that is settled (`tenon in-doubt settle`)',
    });
  });

  test('of a run that was cancelled, and has not heeded it while its pipeline is paused, says so', async () => {
    bench = await openBench(planFor({ onFailure: 'hold', steps: [call('one', 'acme.createBlind')] }));
    bench.target.script = { createBlind: [{ fail: refused }] };
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    await bench.runtime.setSwitch({ kind: 'pause', pipeline: 'orders', onlyKeys: [] }, 'ana', 'look');
    await bench.runtime.cancel(runId, 'ana', 'no longer wanted');
    await bench.runtime.idle();
    expect(await bench.runtime.resume(runId, 'ben', 'again')).toMatchObject({
      code: 'RUN_NOT_RESUMABLE',
      message: expect.stringMatching(
        /^the run was cancelled before; ana cancelled it at .*: no longer wanted$/,
      ),
    });
    expect(await bench.runtime.markDone(runId, 'one', 'ben', 'made it there', { id: 'B-7' })).toMatchObject({
      code: 'RUN_NOT_AT_EFFECT',
      message: expect.stringMatching(
        /^the run is not parked at one: it was cancelled before; ana cancelled it at /,
      ),
    });
    await bench.runtime.liftSwitch('pause/orders', 'ana', 'seen');
    await bench.runtime.idle();
    expect([bench.state(runId), bench.target.count('createBlind')]).toEqual(['cancelled', 1]);
  });
});

describe('settle', () => {
  test('refuses to confirm without the result that later steps read, and leaves the doubt open', async () => {
    const base = planFor({ steps: [] }).operations;
    const result = { type: 'object', required: ['id'], properties: { id: { type: 'string' } } } as const;
    bench = await openBench(
      planFor({
        operations: { ...base, 'acme.createBlind': { ...base['acme.createBlind']!, result } },
        steps: [call('one', 'acme.createBlind')],
      }),
    );
    bench.target.script = { createBlind: [{ loseAnswer: true }] };
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    const before = bench.runtime.trace({ runId }).length;
    for (const wrong of [undefined, { id: 7 }]) {
      expect(await bench.runtime.settle(runId, 'one', 'confirm', 'ana', 'seen', wrong)).toMatchObject({
        ok: false,
        code: 'DOUBT_RESULT_INVALID',
        message: expect.stringContaining('--result'),
      });
    }
    expect(bench.runtime.trace({ runId })).toHaveLength(before);
    expect(bench.runtime.inDoubt()).toMatchObject([{ runId, stepId: 'one' }]);
    expect(await bench.runtime.settle(runId, 'one', 'confirm', 'ana', 'seen', { id: 'i7' })).toEqual({
      ok: true,
    });
    await bench.runtime.idle();
    expect(bench.state(runId)).toBe('succeeded');
  });
});

describe('a verdict on an effect in doubt', () => {
  async function inDoubt(): Promise<string> {
    const base = planFor({ steps: [] }).operations;
    const result = { type: 'object', required: ['id'], properties: { id: { type: 'string' } } } as const;
    bench = await openBench(
      planFor({
        operations: { ...base, 'acme.createBlind': { ...base['acme.createBlind']!, result } },
        steps: [undoable('one', 'acme.createBlind')],
        onFailure: 'compensate',
      }),
    );
    bench.target.script = { createBlind: [{ loseAnswer: true }] };
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    expect(bench.runtime.inDoubt()).toHaveLength(1);
    return runId;
  }

  test('that says both that it is to be sent again and what it gave is refused, and nothing is sent', async () => {
    const runId = await inDoubt();
    const before = bench.runtime.trace({ runId }).length;
    expect(await bench.runtime.settle(runId, 'one', 'redo', 'ana', 'x', { id: 'i7' })).toMatchObject({
      ok: false,
      code: 'DOUBT_VERDICT_CONTRADICTED',
      message: expect.stringContaining('`confirm` takes the result and sends nothing'),
    });
    await bench.runtime.idle();
    expect(bench.target.count('createBlind')).toBe(1);
    expect(bench.runtime.trace({ runId })).toHaveLength(before);
    expect(await bench.runtime.settle(runId, 'one', 'redo', 'ana', 'x')).toEqual({ ok: true });
    await bench.runtime.idle();
    expect(bench.target.count('createBlind')).toBe(2);
  });

  test('that gives the run up takes only a result that the undoing can read', async () => {
    const runId = await inDoubt();
    expect(await bench.runtime.settle(runId, 'one', 'compensate', 'ana', 'x', { id: 7 })).toMatchObject({
      ok: false,
      code: 'DOUBT_RESULT_INVALID',
    });
    expect(await bench.runtime.settle(runId, 'one', 'compensate', 'ana', 'x', { id: 'i7' })).toEqual({
      ok: true,
    });
    await bench.runtime.idle();
    expect(bench.target.inputs('remove')).toEqual([{ id: 'i7' }]);
  });
});

describe('order by key', () => {
  test('runs of a key go one at a time, in order; others beside them', async () => {
    bench = await openBench(
      planFor({
        identity: { key: { expression: 'event.id' }, retainMs: 1, orderBy: { expression: 'event.account' } },
        steps: [call('get', 'acme.get'), undoable('one')],
      }),
    );
    bench.target.script = { get: [{ fail: unavailable }] };
    const first = await bench.order({ id: 'a1', account: 'A' });
    await bench.runtime.idle();
    const second = await bench.order({ id: 'a2', account: 'A' });
    const third = await bench.order({ id: 'a3', account: 'A' });
    const other = await bench.order({ id: 'b1', account: 'B' });
    await bench.runtime.idle();
    const states = () => [first, second, third, other].map((id) => bench.state(id));
    expect(states()).toEqual(['waiting', 'accepted', 'accepted', 'succeeded']);
    await bench.crash();
    expect(states()).toEqual(['waiting', 'accepted', 'accepted', 'succeeded']);
    await bench.pass(1_000);
    expect(states()).toEqual(['succeeded', 'succeeded', 'succeeded', 'succeeded']);
    const keys = bench.entries
      .filter(({ kind, step }) => kind === 'outcome' && step === 'one')
      .map(({ runId }) => runId);
    expect(keys).toEqual([other, first, second, third]);
  });

  test('a failed run lets the next one go; resumed, it waits its turn', async () => {
    bench = await openBench(
      planFor({
        onFailure: 'hold',
        identity: { key: { expression: 'event.id' }, retainMs: 1, orderBy: { expression: 'event.account' } },
        steps: [call('put', 'acme.put'), step('wait', 'w', { for: { durationMs: 1_000 } })],
      }),
    );
    bench.target.script = { put: [{ fail: refused }] };
    const first = await bench.order({ id: 'a1', account: 'A' });
    const second = await bench.order({ id: 'a2', account: 'A' });
    await bench.runtime.idle();
    expect([bench.state(first), bench.state(second)]).toEqual(['failed', 'waiting']);
    await bench.runtime.resume(first, 'ana', 'mended');
    await bench.runtime.idle();
    expect(bench.target.count('put')).toBe(2);
    await bench.pass(1_000);
    await bench.pass(1_000);
    expect([bench.state(first), bench.state(second)]).toEqual(['succeeded', 'succeeded']);
  });

  test('the turn that a resumed run waits for takes nothing from its deadline', async () => {
    bench = await openBench(
      planFor({
        onFailure: 'hold',
        limits: { concurrency: 20, deadlineMs: 5_000 },
        identity: { key: { expression: 'event.id' }, retainMs: 1, orderBy: { expression: 'event.account' } },
        steps: [
          call('put', 'acme.put'),
          step('wait', 'w', { when: 'event.id == "a2"', for: { durationMs: 60_000 } }),
          call('get', 'acme.get'),
        ],
      }),
    );
    bench.target.script = { put: [{ fail: refused }] };
    const first = await bench.order({ id: 'a1', account: 'A' });
    await bench.order({ id: 'a2', account: 'A' });
    await bench.runtime.idle();
    await bench.runtime.resume(first, 'ana', 'mended');
    await bench.pass(30_000);
    await bench.crash();
    bench.target.script = { get: [undefined, ...Array.from({ length: 3 }, () => ({ fail: unavailable }))] };
    await bench.pass(30_000);
    const turnAtMs = bench.clock.now();
    expect(bench.target.count('put')).toBe(3);
    expect(bench.state(first)).toBe('waiting');
    // From then on it counts: a fourth try would come after 7 s.
    await bench.pass(10_000);
    expect(bench.state(first)).toBe('failed');
    expect(bench.runtime.run(first)?.updatedAtMs).toBe(turnAtMs + 5_000);
  });
});

describe('limits', () => {
  test('no more runs of a pipeline are active than it allows', async () => {
    bench = await openBench(
      planFor({ limits: { concurrency: 3, deadlineMs: 60_000 }, steps: [call('get', 'acme.get')] }),
    );
    let open = 0;
    let most = 0;
    const release: (() => void)[] = [];
    bench.target.onCall = (when) => {
      if (when === 'before') most = Math.max(most, ++open);
      else open--;
    };
    bench.target.script = {
      get: Array.from({ length: 20 }, () => {
        const { promise, resolve } = Promise.withResolvers<void>();
        release.push(resolve);
        return { wait: promise.then(() => {}) };
      }),
    };
    bench.target.onCall = (when) => {
      if (when === 'before') most = Math.max(most, ++open);
    };
    for (let i = 0; i < 20; i++) await bench.order({ id: `o${i}` });
    for (let i = 0; i < 20; i++) {
      await until(() => open > i);
      release[i]!();
      if (i >= 2) most = Math.max(most, bench.runtime.runs({ state: 'running' }).length);
    }
    await bench.runtime.idle();
    expect(bench.runtime.runs({ state: 'succeeded' })).toHaveLength(20);
    expect(bench.runtime.runs({ limit: 1 })).toHaveLength(1);
  });
});

describe('intake', () => {
  test.each([
    [{ deliveryId: 7 }, 'deliveryId of an event must be a text, and is of type number'],
    [{ deliveryId: { id: 'd' } }, 'deliveryId of an event must be a text, and is of type object'],
    [{ deliveryId: undefined }, 'deliveryId of an event must be a text, and is absent'],
    [{ deliveryId: '' }, 'deliveryId of an event must be a text, and is empty'],
    [
      { deliveryId: 'd\ud83d' },
      'deliveryId of an event must be a text, and is cut in the middle of a character',
    ],
    [{ source: ['shop'] }, 'source of an event must be a text, and is a list'],
    [{ event: null }, 'event of an event must be a text, and is absent'],
    [{ traceparent: 1 }, 'traceparent of an event must be a text, and is of type number'],
    [{ cursor: { name: '', value: 'x' } }, 'cursor.name of an event must be a text, and is empty'],
    [{ cursor: { name: 'c', value: 7 } }, 'cursor.value of an event must be a text, and is of type number'],
  ])('refuses %j with a code, and goes on', async (wrong, message) => {
    bench = await openBench(planFor({ steps: [call('get', 'acme.get')] }));
    const event = { event: 'shop.ordered', payload: { id: 'a' }, deliveryId: 'd', source: 'shop' };
    // What an embedder without types may give.
    const given = { ...event, ...wrong } as IncomingEvent;
    expect(await bench.runtime.accept(given)).toEqual({
      ok: false,
      failure: { class: 'validation', code: 'EVENT_NAME_INVALID', message, delivery: 'notSent' },
    });
    expect(bench.runtime.runs()).toEqual([]);
    const cursor = { name: 'c', value: '' };
    expect(await bench.runtime.accept({ ...event, cursor })).toMatchObject({
      ok: true,
      duplicateDelivery: false,
    });
  });

  test('refuses a payload that violates its contract, naming the field, and stores nothing', async () => {
    bench = await openBench(planFor({ steps: [call('get', 'acme.get')] }));
    const result = await bench.runtime.accept({
      event: 'shop.ordered',
      payload: { id: 7 },
      deliveryId: 'd',
      source: 'shop',
    });
    expect(result).toMatchObject({
      ok: false,
      failure: { class: 'contract', code: 'EVENT_PAYLOAD_INVALID', pointer: '/id' },
    });
    expect(bench.runtime.runs()).toEqual([]);
    expect(
      await bench.runtime.accept({
        event: 'shop.ordered',
        payload: { id: 'x' },
        deliveryId: 'd',
        source: 'shop',
      }),
    ).toMatchObject({ ok: true, duplicateDelivery: false });
  });

  test('holds an event that violates its contract in quarantine, where its sender cannot be told', async () => {
    bench = await openBench(
      planFor({ steps: [call('one', 'acme.create')] }),
      planFor({ pipeline: 'listening', steps: [] }),
      planFor({ pipeline: 'waiting', trigger: { event: 'shop.paid' }, steps: [] }),
    );
    const event = { event: 'shop.ordered', payload: { total: 1 }, source: 'bus/orders' } as const;
    const result = await bench.runtime.accept({ ...event, deliveryId: 'd1', invalid: 'quarantine' });
    expect(result).toMatchObject({
      ok: true,
      quarantined: { code: 'EVENT_PAYLOAD_INVALID', pointer: '/id' },
    });
    expect(await bench.runtime.accept({ ...event, deliveryId: 'd1', invalid: 'quarantine' })).toMatchObject({
      ok: true,
      duplicateDelivery: true,
    });
    await bench.crash();
    await bench.runtime.idle();
    const held = bench.runtime.deadLetters();
    expect(held.map(({ pipeline, queue, owner }) => [pipeline, queue, owner]).sort()).toEqual([
      ['listening', 'quarantine', 'sales'],
      ['orders', 'quarantine', 'sales'],
    ]);
    expect(bench.runtime.run(held[0]!.runId)?.input).toEqual({ total: 1 });
    expect(bench.target.calls).toEqual([]);
  });

  test('stores how far a source has come with the event that it covers, or not at all', async () => {
    bench = await openBench(planFor({ steps: [] }));
    const event = { event: 'shop.ordered', payload: { id: 'a' }, deliveryId: 'd1', source: 'poll' };
    expect(bench.runtime.cursor('poll')).toBeUndefined();
    await bench.runtime.accept({ ...event, cursor: { name: 'poll', value: '2026-01-01' } });
    await bench.crash();
    expect(bench.runtime.cursor('poll')).toBe('2026-01-01');
    await bench.runtime.accept({
      ...event,
      payload: {},
      deliveryId: 'd2',
      cursor: { name: 'poll', value: '2026-01-02' },
    });
    expect(bench.runtime.cursor('poll')).toBe('2026-01-01');
    // A known delivery starts nothing, and still says how far the source has come.
    await bench.runtime.accept({ ...event, cursor: { name: 'poll', value: '2026-01-03' } });
    expect(bench.runtime.cursor('poll')).toBe('2026-01-03');
  });

  test('holds an event that could not even be read, as it came', async () => {
    bench = await openBench(planFor({ steps: [] }));
    const failure = {
      class: 'contract',
      code: 'MESSAGE_UNREADABLE',
      message: 'no JSON',
      delivery: 'notSent',
    } as const;
    const payload = { base64: 'AAA=' };
    const event = { event: 'shop.ordered', payload, deliveryId: 'd1', source: 'bus', invalid: failure };
    expect(await bench.runtime.accept(event)).toMatchObject({ ok: true, quarantined: failure });
    await bench.runtime.idle();
    expect(bench.runtime.deadLetters()).toMatchObject([
      { queue: 'quarantine', failure: { code: 'MESSAGE_UNREADABLE' } },
    ]);
    expect(await bench.runtime.accept({ ...event, event: 'shop.unknown' })).toMatchObject({
      ok: false,
      failure,
    });
  });

  test('leaves out what the condition leaves out, and starts every pipeline that listens', async () => {
    bench = await openBench(
      planFor({ trigger: { event: 'shop.ordered', where: 'event.amount > 5' }, steps: [] }),
      planFor({ pipeline: 'all', steps: [] }),
    );
    await bench.order({ id: 'a', amount: 1 });
    await bench.order({ id: 'b', amount: 9 });
    await bench.runtime.idle();
    expect(
      bench.runtime
        .runs()
        .map(({ pipeline, key }) => `${pipeline} ${key}`)
        .toSorted(),
    ).toEqual(['all a', 'all b', 'orders b']);
  });

  test('an event whose key cannot be computed is not dropped: its run fails, owned', async () => {
    bench = await openBench(
      planFor({ identity: { key: { expression: 'event.absent' }, retainMs: 1 }, steps: [] }),
    );
    const runId = await bench.order({ id: 'a' }, 'd7');
    await bench.runtime.idle();
    expect(bench.runtime.deadLetters()).toMatchObject([
      { runId, key: 'delivery:d7', eventId: 'd7', queue: 'repair', owner: 'sales' },
    ]);
  });

  test('of the same key at the same time makes one run', async () => {
    bench = await openBench(planFor({ steps: [undoable('one')] }));
    const runs = await Promise.all(Array.from({ length: 20 }, () => bench.order({ id: 'a' })));
    await bench.runtime.idle();
    expect(new Set(runs).size).toBe(1);
    expect(bench.target.count('create')).toBe(1);
  });

  test('that cannot be looked up does not take those with it that come beside it', async () => {
    bench = await openBench(planFor({ steps: [] }));
    // As a file that cannot be read for a moment looks from here.
    const { stored } = Names.prototype;
    const look = vi.spyOn(Names.prototype, 'stored').mockImplementation(function (this: Names, kind, name) {
      if (kind === 'delivery' && name === 'unreadable') throw new Error('the disk says nothing');
      return stored.call(this, kind, name);
    });
    const answers = await Promise.allSettled([
      bench.order({ id: 'a' }),
      bench.order({ id: 'b' }, 'unreadable'),
      bench.order({ id: 'c' }),
    ]);
    look.mockRestore();
    expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(bench.runtime.flow().intake).toMatchObject({ writesWaiting: 0, bytesWaiting: 0 });
  });

  test('of one key are all answered when the disk refuses the first', async () => {
    bench = await openBench(planFor({ steps: [] }));
    bench.failNextWrite('before', () => {});
    const answers = await Promise.allSettled(Array.from({ length: 4 }, () => bench.order({ id: 'a' })));
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 4 }, () => 'rejected'));
  });

  test('counts as waiting from the moment that it comes, also behind another of its key', async () => {
    bench = await openBench(planFor({ steps: [] }));
    const answers = Array.from({ length: 3 }, () => bench.order({ id: 'a' }));
    expect(bench.runtime.flow().intake.writesWaiting).toBe(3);
    await Promise.all(answers);
    expect(bench.runtime.flow().intake.writesWaiting).toBe(0);
  });

  test('lets the key of a run go that has ended, and of none that goes on', async () => {
    const consent = step('approve', 'consent', {
      by: 'sales',
      show: { literal: {} },
      withinMs: 90 * DAY_MS,
      onExpiry: 'reject',
    });
    bench = await openBench(
      planFor({
        identity: { key: { expression: 'event.id' }, retainMs: DAY_MS },
        limits: { concurrency: 50, deadlineMs: 100 * DAY_MS },
        steps: [{ ...consent, when: "event.note == 'ask'" }, call('pay', 'acme.create')],
      }),
    );
    await bench.order({ id: 'a', note: 'none' });
    await bench.pass(2 * DAY_MS);
    const waiting = await bench.order({ id: 'a', note: 'ask' });
    await bench.pass(2 * DAY_MS);
    expect(bench.state(waiting)).toBe('waiting');
    expect(await bench.order({ id: 'a', note: 'ask' })).toBe(waiting);
    await bench.runtime.stop();
    const db = new DatabaseSync(bench.file);
    expect(db.prepare('SELECT run_seq FROM keys').all()).toEqual([{ run_seq: 2 }]);
    db.close();
  });

  test('lets a key go after its time', async () => {
    bench = await openBench(
      planFor({ identity: { key: { expression: 'event.id' }, retainMs: 1_000 }, steps: [] }),
    );
    const first = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    await bench.pass(1_000);
    expect(await bench.order({ id: 'a' })).not.toBe(first);
  });

  test('a manual pipeline starts by hand, with its input checked', async () => {
    bench = await openBench(
      planFor({
        trigger: { manual: true, input: { type: 'object', required: ['id'] } },
        identity: { key: { expression: 'input.id' }, retainMs: 1_000 },
        steps: [call('get', 'acme.get')],
      }),
    );
    expect(await bench.runtime.trigger('orders', {}, 'ana')).toMatchObject({
      ok: false,
      failure: { pointer: '/id' },
    });
    expect(await bench.runtime.trigger('orders', { id: 'x' }, 'ana')).toMatchObject({
      ok: true,
      runs: [{ key: 'x', started: true }],
    });
    expect(await bench.runtime.trigger('nothing', {}, 'ana')).toMatchObject({
      ok: false,
      failure: { code: 'TRIGGER_NOT_MANUAL' },
    });
  });
});

describe('the file', () => {
  test('belongs to one process at a time, and says so', async () => {
    bench = await openBench();
    const { file } = bench;
    await expect(
      openRuntime({ file, clock: bench.clock, random: { next: () => 0 }, transport: () => bench.target }),
    ).rejects.toMatchObject({ code: 'RUNTIME_FILE_IN_USE' });
  });

  test('can be read beside the process that runs it, and after', async () => {
    bench = await openBench(
      planFor({ steps: [undoable('one')], redact: { event: ['/email'], 'steps.one': ['/id'] } }),
    );
    const runId = await bench.order({ id: 'a', email: 'a@b.example' });
    await bench.runtime.idle();
    const ledger = openLedger(bench.file);
    expect(ledger.runs()).toMatchObject([{ runId, state: 'succeeded' }]);
    expect(ledger.run(runId)).toMatchObject({
      input: { id: 'a', email: '[redacted]' },
      steps: [{ result: { id: '[redacted]' } }],
    });
    await bench.runtime.stop();
    expect(ledger.trace({ key: 'a' }).length).toBeGreaterThan(3);
    ledger.close();
    await bench.restart();
  });

  test('holds the plan that each run began with; a new version takes new events only', async () => {
    const old = planFor({
      steps: [step('wait', 'w', { for: { durationMs: 1_000 } }), call('get', 'acme.get')],
    });
    bench = await openBench(old);
    const first = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    await bench.runtime.activate(planFor({ version: 2, steps: [call('put', 'acme.put')] }));
    const second = await bench.order({ id: 'b' });
    await bench.pass(1_000);
    expect(bench.runtime.run(first)).toMatchObject({ version: 1, planHash: old.hash, state: 'succeeded' });
    expect(bench.runtime.run(second)).toMatchObject({ version: 2, state: 'succeeded' });
    expect(bench.target.calls.map(({ operation }) => operation)).toEqual(['put', 'get']);
  });

  test('says of an event why it would not be taken, and stores nothing of it', async () => {
    bench = await openBench(planFor({ steps: [] }));
    expect(bench.runtime.misfit('shop.ordered', { id: 'a' })).toBeUndefined();
    expect(bench.runtime.misfit('shop.ordered', {})).toMatchObject({ code: 'EVENT_PAYLOAD_INVALID' });
    expect(bench.runtime.misfit('shop.unheard', {})).toBeUndefined();
    expect(bench.runtime.runs()).toEqual([]);
  });

  test('remembers which pipelines are active, until they are retired', async () => {
    bench = await openBench(
      planFor({ steps: [call('get', 'acme.get')] }),
      planFor({ pipeline: 'old', steps: [] }),
    );
    await bench.restart();
    expect(bench.runtime.activePipelines()).toEqual(['old', 'orders']);
    await bench.runtime.retire('old');
    await bench.restart();
    expect(bench.runtime.activePipelines()).toEqual(['orders']);
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    expect(bench.runtime.runs()).toMatchObject([{ runId, pipeline: 'orders', state: 'succeeded' }]);
  });

  test('takes no event when it stops, and loses none that it took', async () => {
    bench = await openBench(planFor({ steps: [undoable('one'), undoable('two')] }));
    const runs = await Promise.all(Array.from({ length: 30 }, (_, i) => bench.order({ id: `o${i}` })));
    await bench.runtime.stop();
    expect(
      await bench.runtime.accept({
        event: 'shop.ordered',
        payload: { id: 'z' },
        deliveryId: 'z',
        source: 's',
      }),
    ).toMatchObject({ ok: false, failure: { code: 'RUNTIME_STOPPING' } });
    await bench.restart();
    await bench.runtime.idle();
    expect(runs.map((id) => bench.state(id)).every((state) => state === 'succeeded')).toBe(true);
    expect(bench.target.effects.size).toBe(60);
    expect(bench.target.count('create')).toBe(60);
  });
});
