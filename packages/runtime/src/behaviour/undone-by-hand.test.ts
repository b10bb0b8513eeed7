import { DatabaseSync } from 'node:sqlite';
import { afterEach, describe, expect, test } from 'vitest';
import { type Bench, openBench, refused } from '../testing/bench.ts';
import { call, childPlan, planFor, run, step, undoable } from '../testing/plan.ts';

let bench: Bench;
afterEach(() => bench.close());

const failing = call('last', 'acme.put');
const undone = (runId: string, place: string) =>
  bench.runtime.markUndone(runId, `compensate:${place}`, 'ana', 'refunded at the counter');
const stepsOf = (runId: string) => bench.runtime.run(runId)!.steps.map(({ id, state }) => [id, state]);

/** Three effects, of which the second cannot be undone. */
async function parked(): Promise<string> {
  bench = await openBench(planFor({ steps: [undoable('one'), undoable('two'), undoable('three'), failing] }));
  bench.target.script = { put: [{ fail: refused }], remove: [undefined, { fail: refused }] };
  const runId = await bench.order({ id: 'a', amount: 5 });
  await bench.runtime.idle();
  expect([bench.state(runId), bench.target.count('remove')]).toEqual(['failed', 2]);
  return runId;
}

describe('what a run is parked at undoing, undone by hand,', () => {
  test('is not tried again: what is left is undone, and the ledger says who did it', async () => {
    const runId = await parked();
    await bench.crash();
    expect(await undone(runId, 'two')).toEqual({ ok: true });
    await bench.runtime.idle();
    await bench.crash();
    await bench.runtime.idle();
    expect([bench.state(runId), bench.target.count('remove')]).toEqual(['compensated', 3]);
    expect(bench.runtime.deadLetters(), 'of why it was undone').toMatchObject([{ step: 'last' }]);
    expect(stepsOf(runId)).toEqual([
      ['one', 'compensated'],
      ['two', 'compensated'],
      ['three', 'compensated'],
      ['last', 'failed'],
    ]);
    const told = bench.runtime.trace({ runId }).filter(({ step: at }) => at === 'compensate:two');
    const word = { actor: 'ana', reason: 'refunded at the counter' };
    expect(told.slice(-3)).toMatchObject([
      { kind: 'operator', details: { action: 'undone', ...word } },
      { kind: 'state', details: { from: 'failed', to: 'compensating' } },
      { kind: 'compensation', details: { byHand: true, ...word } },
    ]);
  });

  test('is taken of that step alone, once, and only while the run is parked there', async () => {
    const runId = await parked();
    expect(await undone(runId, 'one')).toMatchObject({ ok: false, code: 'RUN_NOT_AT_UNDOING' });
    expect(await bench.runtime.markUndone(runId, 'last', 'ana', 'x')).toMatchObject({
      code: 'RUN_NOT_AT_UNDOING',
    });
    const both = await Promise.all([undone(runId, 'two'), undone(runId, 'two')]);
    expect(both.map(({ ok }) => ok).toSorted()).toEqual([false, true]);
    await bench.runtime.idle();
    expect(await undone(runId, 'two')).toMatchObject({ code: 'RUN_NOT_AT_UNDOING' });
    expect(bench.target.count('remove')).toBe(3);
  });

  test('is not taken of a run that was stopped there by damage: it would be tried again all the same', async () => {
    const runId = await parked();
    const put = (sql: string) => {
      const db = new DatabaseSync(bench.file);
      db.exec(sql);
      db.close();
    };
    put(`UPDATE journal SET value = '!' || value WHERE key = 'one#1'`);
    await bench.crash();
    await bench.runtime.resume(runId, 'ana', 'mended');
    await bench.runtime.idle();
    expect(bench.runtime.deadLetters()).toMatchObject([
      { step: 'compensate:two', failure: { code: 'STORED_VALUE_DAMAGED' } },
    ]);
    expect(await undone(runId, 'two')).toMatchObject({ ok: false, code: 'RUN_NOT_AT_UNDOING' });
    put(`UPDATE journal SET value = substr(value, 2) WHERE key = 'one#1'`);
    await bench.runtime.resume(runId, 'ana', 'put back');
    await bench.runtime.idle();
    expect(bench.state(runId)).toBe('compensated');
  });

  test('ends a run that would be parked for ever; to cancel it changes nothing, and says so', async () => {
    const runId = await parked();
    expect(await bench.runtime.cancel(runId, 'ana', 'away with it')).toMatchObject({
      ok: false,
      code: 'RUN_COMPENSATING',
    });
    await bench.runtime.idle();
    expect(bench.entries.filter(({ kind }) => kind === 'deadLetter')).toHaveLength(1);
    await undone(runId, 'two');
    await bench.runtime.idle();
    expect(bench.state(runId)).toBe('compensated');
  });

  test('or resumed: a dry run names what goes on being undone, and nothing that the run would have done', async () => {
    const runId = await parked();
    expect(await bench.runtime.planReplay({ runId }, 'ana', 'mended')).toMatchObject({
      ok: true,
      report: { runs: [{ runId, goesOn: true, effectsToSend: ['compensate:one', 'compensate:two'] }] },
    });
  });

  test('is said of one item of a list that goes on without those that failed', async () => {
    const sku = { object: { id: { expression: 'line.sku' } } };
    const lines = step('forEach', 'lines', {
      in: 'event.lines',
      as: 'line',
      key: { expression: 'line.sku' },
      max: 9,
      concurrency: 2,
      onItemFailure: 'collect',
      steps: [undoable('book', 'acme.create', { with: sku }), failing],
    });
    bench = await openBench(planFor({ steps: [lines] }));
    bench.target.script = { put: Array(2).fill({ fail: refused }), remove: Array(2).fill({ fail: refused }) };
    const runId = await bench.order({ id: 'a', lines: [{ sku: 'x' }, { sku: 'y' }, { sku: 'z' }] });
    await bench.runtime.idle();
    const at = () => bench.runtime.deadLetters().map((letter) => letter.step);
    expect(at()).toEqual(['compensate:lines[y].book']);
    await undone(runId, 'lines[y].book');
    await bench.runtime.idle();
    expect(at(), 'the next').toEqual(['compensate:lines[x].book']);
    expect(stepsOf(runId)).toContainEqual(['lines[y].book', 'compensated']);
    await bench.runtime.resume(runId, 'ana', 'mended');
    await bench.runtime.idle();
    expect([bench.state(runId), bench.target.count('remove')]).toEqual(['succeeded', 3]);
  });

  test('lets a run above go on that waited for it', async () => {
    const booking = childPlan({ steps: [undoable('booked')] });
    bench = await openBench(booking, planFor({ steps: [run('sub', booking), failing] }));
    bench.target.script = { put: [{ fail: refused }], remove: [{ fail: refused }] };
    const runId = await bench.order({ id: 'a', amount: 5 });
    await bench.runtime.idle();
    const [child] = bench.runtime.runs({ pipeline: 'child' });
    expect([bench.state(runId), child!.state]).toEqual(['compensating', 'failed']);
    await undone(child!.runId, 'booked');
    await bench.runtime.idle();
    expect([bench.state(runId), bench.state(child!.runId)]).toEqual(['compensated', 'compensated']);
  });
});
