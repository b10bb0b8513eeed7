import { afterEach, describe, expect, test } from 'vitest';
import { type Bench, openBench, refused } from '../testing/bench.ts';
import { call, list, planFor, step, undoable } from '../testing/plan.ts';

let bench: Bench;
afterEach(() => bench.close());

const consent = step('approve', 'consent', {
  by: 'finance',
  withinMs: 3_600_000,
  onExpiry: 'reject',
  show: { object: {} },
});
/** The bench's clock stands still at its beginning. */
const AT = new Date(1_700_000_000_000).toISOString().slice(0, 19);

describe('who comes too late is told what was said before, by whom, when and why:', () => {
  test('of an approval, and how the run stands', async () => {
    bench = await openBench(planFor({ steps: [consent] }));
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    await bench.runtime.decide(runId, 'consent', 'approve', 'ana', 'as agreed');
    await bench.runtime.idle();
    const before = `ana approved it at ${AT}Z: as agreed`;
    expect(await bench.runtime.decide(runId, 'consent', 'reject', 'ben', 'too much')).toEqual({
      ok: false,
      code: 'APPROVAL_NOT_PENDING',
      message: `consent waits for no approval: the run is succeeded; ${before}`,
      before,
    });
  });

  test('of a dead letter that was done by hand, or resumed', async () => {
    bench = await openBench(
      planFor({ onFailure: 'hold', steps: [call('one', 'acme.put'), call('two', 'acme.put')] }),
    );
    bench.target.script = { put: [{ fail: refused }, { fail: refused }] };
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    await bench.runtime.resume(runId, 'ben', 'mended');
    await bench.runtime.idle();
    await bench.runtime.markDone(runId, 'one', 'ana', 'at their desk', { id: 'x' });
    await bench.runtime.idle();
    const done = `ana said that it was done by hand at ${AT}Z: at their desk`;
    expect(await bench.runtime.resume(runId, 'cas', 'x')).toMatchObject({
      code: 'RUN_NOT_RESUMABLE',
      before: done,
    });
    expect(await bench.runtime.markDone(runId, 'one', 'cas', 'x', { id: 'y' })).toMatchObject({
      code: 'RUN_NOT_AT_EFFECT',
      before: done,
    });
  });

  test('of an undoing that was done by hand', async () => {
    bench = await openBench(planFor({ steps: [undoable('one'), call('two', 'acme.put')] }));
    bench.target.script = { put: [{ fail: refused }], remove: [{ fail: refused }] };
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    await bench.runtime.markUndone(runId, 'compensate:one', 'ana', 'at the counter');
    await bench.runtime.idle();
    expect(await bench.runtime.markUndone(runId, 'compensate:one', 'cas', 'x')).toMatchObject({
      code: 'RUN_NOT_AT_UNDOING',
      before: `ana said that it was undone by hand at ${AT}Z: at the counter`,
    });
  });

  test('nothing of another step than the one that is named', async () => {
    bench = await openBench(planFor({ steps: [consent] }));
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    await bench.runtime.decide(runId, 'consent', 'approve', 'ana', 'as agreed');
    await bench.runtime.idle();
    expect(await bench.runtime.decide(runId, 'other', 'reject', 'ben', 'x')).not.toHaveProperty('before');
  });

  test('nothing, where nobody said anything', async () => {
    bench = await openBench(planFor({ steps: [call('one', 'acme.put')] }));
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    expect(await bench.runtime.resume(runId, 'cas', 'x')).not.toHaveProperty('before');
  });
});

describe('who names the wrong step is told which can be meant:', () => {
  test('of effects in doubt, with the command', async () => {
    bench = await openBench(
      planFor({ steps: [list({ steps: [call('book', 'acme.createBlind')], result: { literal: 1 } })] }),
    );
    bench.target.script = { createBlind: [{ loseAnswer: true }] };
    const runId = await bench.order({ id: 'a', lines: [{ sku: 'x' }] });
    await bench.runtime.idle();
    const answer = await bench.runtime.settle(runId, 'lines', 'redo', 'ana', 'x');
    expect(answer).toMatchObject({ code: 'DOUBT_NOT_OPEN' });
    expect(answer.ok ? '' : answer.message).toContain(
      `but lines[x].book: \`tenon in-doubt settle ${runId} '<step>' --verdict`,
    );
  });

  test('of a block, what inside of it can be done by hand', async () => {
    bench = await openBench(
      planFor({
        onFailure: 'hold',
        steps: [list({ steps: [call('book', 'acme.put')], result: { literal: 1 } })],
      }),
    );
    bench.target.script = { put: [{ fail: refused }] };
    const runId = await bench.order({ id: 'a', lines: [{ sku: 'x' }] });
    await bench.runtime.idle();
    const answer = await bench.runtime.markDone(runId, 'lines', 'ana', 'x');
    expect(answer.ok ? '' : answer.message).toContain(
      `inside of it: lines[x].book (\`tenon runs done ${runId} 'lines[x].book'`,
    );
  });
});

test('a run that is parked at an effect says whether its operation answers nothing', async () => {
  const base = planFor({ steps: [] }).operations;
  const operations = { ...base, 'acme.send': { ...base['acme.send']!, result: { type: 'null' } as const } };
  for (const [name, nothing] of [
    ['acme.send', ['one']],
    ['acme.put', undefined],
  ] as const) {
    bench = await openBench(planFor({ operations, onFailure: 'hold', steps: [call('one', name)] }));
    bench.target.script = { send: [{ fail: refused }], put: [{ fail: refused }] };
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    expect(bench.runtime.run(runId)).toMatchObject({ canBeDone: ['one'] });
    expect(bench.runtime.run(runId)!.doneGivesNothing).toEqual(nothing);
    if (nothing !== undefined) await bench.close();
  }
});

describe('a switch', () => {
  test('that is not set is answered with those that are, and with what may have been meant', async () => {
    bench = await openBench(planFor({ steps: [] }));
    const lift = async (id: string) => {
      const answer = await bench.runtime.liftSwitch(id, 'ana', 'x');
      return answer.ok ? '' : answer.message;
    };
    expect(await lift('kill/everything')).toBe(
      'nothing is switched under kill/everything; nothing is in force',
    );
    await bench.runtime.setSwitch(
      { kind: 'kill', scope: { everything: true }, sparesCompensation: true },
      'ana',
      'x',
    );
    expect(await lift('kill/all')).toBe(
      'nothing is switched under kill/all; in force: kill/everything; did you mean kill/everything?',
    );
    expect(await lift('pause/nope')).toContain('no pipeline is called nope');
    expect(await lift('pause/orders')).not.toContain('no pipeline');
  });

  test('that replaces another gives that one back', async () => {
    bench = await openBench(planFor({ steps: [] }));
    const kill = (sparesCompensation: boolean, actor: string) =>
      bench.runtime.setSwitch({ kind: 'kill', scope: { everything: true }, sparesCompensation }, actor, 'x');
    expect(await kill(true, 'ana')).not.toHaveProperty('replaced');
    expect(await kill(false, 'ben')).toMatchObject({
      switch: { actor: 'ben' },
      replaced: { actor: 'ana', sparesCompensation: true },
    });
  });
});
