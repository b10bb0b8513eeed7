import { afterEach, describe, expect, test } from 'vitest';
import { type Bench, openBench } from '../testing/bench.ts';
import { call, planFor, undoable } from '../testing/plan.ts';

let bench: Bench;
afterEach(() => bench.close());

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
