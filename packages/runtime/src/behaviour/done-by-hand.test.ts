import { seededRandom } from '@tenon/model';
import { afterEach, describe, expect, test } from 'vitest';
import { type Bench, openBench, openBenchWith, refused } from '../testing/bench.ts';
import { keysNamed } from '../testing/keys.ts';
import { both, call, childPlan, list, ofSkus, planFor, run, sku, step, undoable } from '../testing/plan.ts';

let bench: Bench;
afterEach(() => bench.close());

const booked = { id: 'B-7' };
const done = (runId: string, place: string, result: unknown = booked) =>
  // What a test gives is JSON.
  bench.runtime.markDone(runId, place, 'ana', 'booked at their desk', result as { id: string });
const stepsOf = (runId: string) => bench.runtime.run(runId)!.steps.map(({ id, state }) => [id, state]);
const at = () => bench.runtime.deadLetters().map((letter) => letter.step);
const sent = () => bench.target.calls.map(({ request }) => request.origin?.step);
const removed = () => bench.target.inputs('remove').map((input) => (input as { id: string }).id);

/** An effect that the target refuses, between two others. */
async function parked(onFailure: 'hold' | 'forward' = 'hold'): Promise<string> {
  const steps = [
    undoable('one'),
    undoable('two', 'acme.createBlind'),
    undoable('three', 'acme.create', { with: { object: { of: { expression: 'steps.two.id' } } } }),
  ];
  bench = await openBench(planFor({ steps, onFailure }));
  bench.target.script = { createBlind: [{ fail: refused }] };
  const runId = await bench.order({ id: 'a', amount: 5 });
  await bench.runtime.idle();
  expect([bench.state(runId), at()]).toEqual(['failed', ['two']]);
  return runId;
}

describe('an effect that a run is parked at, done by hand,', () => {
  test('is not sent again: the run goes on with its result, and ledger and record say who did it', async () => {
    const runId = await parked();
    expect(bench.runtime.run(runId)!.canBeDone).toEqual(['two']);
    await bench.crash();
    expect(await done(runId, 'two')).toEqual({ ok: true });
    await bench.runtime.idle();
    await bench.crash();
    await bench.runtime.idle();
    expect(bench.state(runId)).toBe('succeeded');
    expect(sent()).toEqual(['one', 'two', 'three']);
    expect(bench.target.inputs('create')[1]).toEqual({ of: 'B-7' });
    expect(at()).toEqual([]);
    const { steps, canBeDone } = bench.runtime.run(runId)!;
    const word = { actor: 'ana', reason: 'booked at their desk' };
    expect(steps[1]).toMatchObject({ id: 'two', state: 'succeeded', attempts: 1, result: booked });
    expect([steps[1]!.byHand, canBeDone]).toEqual([{ ...word, atMs: bench.clock.now() }, undefined]);
    const told = bench.runtime.trace({ runId }).filter(({ step: place }) => place === 'two');
    const [asked, , taken] = told.slice(-3);
    expect([asked, taken]).toMatchObject([
      { kind: 'operator', details: { action: 'done', ...word } },
      { kind: 'stepDone', details: { byHand: true, attempts: 1, ...word } },
    ]);
    expect(taken!.details['result']).toEqual(asked!.details['result']);
    expect(JSON.stringify(told)).not.toContain('B-7');
  });

  test('is counted, as what people say of effects in doubt is', async () => {
    const runId = await parked();
    const before = bench.runtime.flow().counts.overrides;
    expect(before).toEqual({ done: 0, undone: 0, close: 0, confirm: 0, redo: 0, compensate: 0 });
    await done(runId, 'two');
    expect(bench.runtime.flow().counts.overrides).toEqual({ ...before, done: 1 });
  });

  test('is undone in its place, where the run is cancelled or fails later', async () => {
    const runId = await parked();
    bench.target.script = { create: [{ fail: refused }] };
    await done(runId, 'two');
    await bench.runtime.idle();
    expect(at()).toEqual(['three']);
    await bench.runtime.cancel(runId, 'ana', 'no longer wanted');
    await bench.runtime.idle();
    expect([bench.state(runId), removed()]).toEqual(['cancelled', ['B-7', 'create-1']]);
    expect(stepsOf(runId)).toContainEqual(['two', 'compensated']);
  });

  test('leaves the work that was declared for it, where it cannot be undone', async () => {
    const irreversible = {
      because: 'a sent mail stays sent',
      forward: { task: 'send the correction', owner: 'support', withinMs: 1_000 },
    };
    const steps = [call('mail', 'acme.send', { irreversible }), call('put', 'acme.put')];
    bench = await openBench(planFor({ steps, onFailure: 'hold' }));
    bench.target.script = { send: [{ fail: refused }], put: [{ fail: refused }] };
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    await done(runId, 'mail');
    await bench.runtime.idle();
    await bench.runtime.cancel(runId, 'ana', 'no longer wanted');
    await bench.runtime.idle();
    expect(bench.runtime.forwardFixes()).toMatchObject([{ stepId: 'mail', task: 'send the correction' }]);
  });

  test('closes the work that was owed on it', async () => {
    const runId = await parked('forward');
    expect(bench.runtime.forwardFixes()).toMatchObject([{ stepId: 'two' }]);
    await done(runId, 'two');
    await bench.runtime.idle();
    expect([bench.state(runId), bench.runtime.forwardFixes()]).toEqual(['succeeded', []]);
  });

  test('is taken once: of two people, and of one who resumes at that moment, one is told that the other was faster', async () => {
    const runId = await parked();
    const all = await Promise.all([
      done(runId, 'two'),
      done(runId, 'two', { id: 'B-8' }),
      bench.runtime.resume(runId, 'ben', 'again'),
    ]);
    expect(all.map((answer) => (answer.ok ? 'ok' : answer.code))).toEqual([
      'ok',
      'RUN_RESUMED_ALREADY',
      'RUN_RESUMED_ALREADY',
    ]);
    await bench.runtime.idle();
    expect(sent()).toEqual(['one', 'two', 'three']);
    expect(await done(runId, 'two')).toMatchObject({ ok: false, code: 'RUN_NOT_AT_EFFECT' });
  });

  test('is undone with the rest, where the run is cancelled at that moment', async () => {
    const runId = await parked();
    const both = await Promise.all([done(runId, 'two'), bench.runtime.cancel(runId, 'ben', 'away with it')]);
    expect(both).toEqual([{ ok: true }, { ok: true }]);
    await bench.runtime.idle();
    expect([bench.state(runId), removed()]).toEqual(['cancelled', ['B-7', 'create-1']]);
    expect(bench.target.count('createBlind')).toBe(1);
  });

  test('is refused where a cancellation was faster that the run may have heeded by now: nothing would undo it', async () => {
    // Turns that go by: before the cancellation is written, before it is answered, and before what comes after it is written.
    const turns = [1, 0, 20];
    const slowness = { pace: { groupsMin: 1, toldAtOnce: 1 }, turns: () => (isSlow && turns.shift()) || 0 };
    let isSlow = false;
    bench = await openBenchWith({ slowness }, [
      planFor({ steps: [undoable('one'), undoable('two', 'acme.createBlind')], onFailure: 'hold' }),
    ]);
    bench.target.script = { createBlind: [{ fail: refused }] };
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    isSlow = true;
    const cancelled = bench.runtime.cancel(runId, 'ben', 'away with it');
    await new Promise((resolve) => setImmediate(resolve));
    const answer = await done(runId, 'two');
    expect([await cancelled, answer]).toMatchObject([
      { ok: true },
      { ok: false, code: 'RUN_CANCELLED_ALREADY' },
    ]);
    expect(answer.ok ? '' : answer.message).toContain('take that back in the other system');
    await bench.runtime.idle();
    expect([bench.state(runId), removed()]).toEqual(['cancelled', ['create-1']]);
    expect(bench.runtime.flow().counts.overrides.done).toBe(0);
  });

  test('is refused once the run is cancelled', async () => {
    const runId = await parked();
    await bench.runtime.cancel(runId, 'ben', 'away with it');
    expect(await done(runId, 'two')).toMatchObject({
      code: 'RUN_NOT_AT_EFFECT',
      message: expect.stringMatching(
        /^the run is not parked at two: it was cancelled before; ben cancelled it at .*: away with it$/,
      ),
    });
    await bench.runtime.idle();
    expect([bench.state(runId), removed()]).toEqual(['cancelled', ['create-1']]);
  });

  test('is taken for done at whichever write the process dies', async () => {
    const runId = await parked();
    for (let writes = 0; writes < 6; writes++) {
      let left = writes;
      const dead = new Promise<boolean>((resolve) => {
        bench.onCommit = () => {
          if (left-- > 0) return;
          delete bench.onCommit;
          void bench.crash().then(() => resolve(true));
        };
      });
      const said = done(runId, 'two').catch(() => undefined);
      const heard = said.then(() => bench.runtime.idle()).then(() => false);
      await Promise.race([dead, heard]);
      await bench.runtime.idle();
    }
    expect([bench.state(runId), sent()]).toEqual(['succeeded', ['one', 'two', 'three']]);
  });
});

describe('what was done by hand is refused', () => {
  const why = async (runId: string, place: string) => {
    const answer = await done(runId, place);
    expect(answer).toMatchObject({ ok: false, code: 'RUN_NOT_AT_EFFECT' });
    return answer.ok ? '' : answer.message;
  };

  test('of a step that the run is not parked at', async () => {
    const runId = await parked();
    expect(await why(runId, 'one')).toContain('not parked at one, but at two');
    expect(await why(runId, 'nothing')).toContain('not parked at nothing, but at two');
  });

  test('of a step without an effect, which is to be mended only where the run is parked there', async () => {
    const check = step('check', 'large', {
      that: [{ condition: 'event.amount > 4', message: 'too small' }],
      otherwise: 'fail',
    });
    bench = await openBench(planFor({ onFailure: 'hold', steps: [check, undoable('two')] }));
    bench.target.script = { create: [{ fail: refused }] };
    const later = await bench.order({ id: 'a', amount: 5 });
    const there = await bench.order({ id: 'b', amount: 1 });
    await bench.runtime.idle();
    const none = 'large has no effect that could be done by hand (its kind is check)';
    expect(await why(later, 'large')).toBe(
      `${none}, and the run is parked elsewhere, at two (\`tenon runs show ${later}\`)`,
    );
    expect(await why(there, 'large')).toBe(`${none}: mend what it fails of and resume the run, or cancel it`);
  });

  test('at an undoing, with what is said of one', async () => {
    bench = await openBench(planFor({ steps: [undoable('one'), call('put', 'acme.put')] }));
    bench.target.script = { put: [{ fail: refused }], remove: [{ fail: refused }] };
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    expect(await why(runId, 'put')).toContain('parked at compensate:one, an undoing');
  });

  test('in doubt, with how that is settled', async () => {
    bench = await openBench(planFor({ steps: [call('one', 'acme.createBlind')] }));
    bench.target.script = { createBlind: [{ loseAnswer: true }] };
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    const answer = await done(runId, 'one');
    expect(answer).toMatchObject({ ok: false, code: 'RUN_IN_DOUBT' });
    expect(answer.ok ? '' : answer.message).toContain(
      `the run is in doubt at one: say what became of that first (\`tenon in-doubt settle ${runId} '<step>' `,
    );
  });

  test('at a step with a child, naming the run to say it of; said there, the run above takes what came of it', async () => {
    const booking = childPlan({ steps: [undoable('booked')] });
    bench = await openBench(booking, planFor({ steps: [run('sub', booking)] }));
    bench.target.script = { create: [{ fail: refused }] };
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    const [child] = bench.runtime.runs({ pipeline: 'child' });
    expect(await why(runId, 'sub')).toContain(`say it of run ${child!.runId} (child)`);
    expect(await done(child!.runId, 'booked')).toEqual({ ok: true });
    await bench.runtime.idle();
    await bench.runtime.resume(runId, 'ana', 'done below');
    await bench.runtime.idle();
    expect([bench.state(runId), bench.target.count('create')]).toEqual(['succeeded', 1]);
  });

  test('at a check and at a read', async () => {
    const isThere = { condition: 'false', message: 'no' };
    bench = await openBench(planFor({ steps: [step('check', 'c', { that: [isThere], otherwise: 'fail' })] }));
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    expect(await why(runId, 'c')).toContain('its kind is check');
    await bench.close();
    bench = await openBench(planFor({ steps: [call('read', 'acme.get')] }));
    bench.target.script = { get: [{ fail: refused }] };
    const reading = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    expect(await why(reading, 'read')).toContain('it reads');
    expect(bench.runtime.run(reading)!.canBeDone).toBeUndefined();
  });

  test('with a result that its operation does not give, and without one where it gives one', async () => {
    const plan = planFor({ steps: [call('put', 'acme.put')] });
    const put = { ...plan.operations['acme.put']!, result: { type: 'object', required: ['id'] } };
    const operations = { ...plan.operations, 'acme.put': put };
    bench = await openBench(planFor({ operations, steps: plan.steps }));
    bench.target.script = { put: [{ fail: refused }] };
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    expect(await bench.runtime.markDone(runId, 'put', 'ana', 'x')).toMatchObject({
      code: 'DONE_RESULT_INVALID',
    });
    expect(await done(runId, 'put', { no: 1 })).toMatchObject({
      code: 'DONE_RESULT_INVALID',
      message: expect.stringContaining('/id'),
    });
    expect(bench.runtime.flow().counts.overrides.done).toBe(0);
    expect(await done(runId, 'put')).toEqual({ ok: true });
  });
});

describe('of an item or a branch', () => {
  const lines = ofSkus('x', 'y', 'z');
  const book = undoable('book', 'acme.createBlind', { with: sku });

  test.each([
    ['in clear', undefined],
    ['encrypted', keysNamed('k1')],
  ])('it is said by its place: the others go on (%s)', async (_name, encryption) => {
    const steps = [list({ concurrency: 1, steps: [book] }), call('put', 'acme.put')];
    const plan = planFor({ onFailure: 'hold', steps });
    bench = await openBenchWith({ checkpoints: {}, ...(encryption && { encryption }) }, [plan]);
    bench.target.script = { createBlind: [undefined, { fail: refused }] };
    const runId = await bench.order({ id: 'a', lines });
    await bench.runtime.idle();
    expect([at(), bench.runtime.run(runId)!.canBeDone]).toEqual([['lines'], ['lines[y].book']]);
    expect(await done(runId, 'lines')).toMatchObject({ code: 'RUN_NOT_AT_EFFECT' });
    await bench.crash();
    expect(await done(runId, 'lines[y].book')).toEqual({ ok: true });
    await bench.runtime.idle();
    await bench.crash();
    await bench.runtime.idle();
    expect([bench.state(runId), bench.target.count('createBlind')]).toEqual(['succeeded', 3]);
    expect(bench.runtime.run(runId)!.steps.find(({ id }) => id === 'lines[y].book')).toMatchObject({
      state: 'succeeded',
      result: booked,
      byHand: { actor: 'ana' },
    });
  });

  test('it is undone in its place among the others', async () => {
    bench = await openBench(
      planFor({
        onFailure: 'hold',
        steps: [list({ concurrency: 1, steps: [book] }), call('put', 'acme.put')],
      }),
    );
    bench.target.script = { createBlind: [undefined, { fail: refused }], put: [{ fail: refused }] };
    const runId = await bench.order({ id: 'a', lines });
    await bench.runtime.idle();
    await done(runId, 'lines[y].book');
    await bench.runtime.idle();
    expect(at()).toEqual(['put']);
    await bench.runtime.cancel(runId, 'ana', 'no longer wanted');
    await bench.runtime.idle();
    expect(removed()).toEqual(['createBlind-2', 'B-7', 'createBlind-1']);
  });

  test('it is undone, where the run is cancelled at that moment', async () => {
    bench = await openBench(planFor({ onFailure: 'hold', steps: [list({ concurrency: 1, steps: [book] })] }));
    bench.target.script = { createBlind: [undefined, { fail: refused }] };
    const runId = await bench.order({ id: 'a', lines });
    await bench.runtime.idle();
    await Promise.all([done(runId, 'lines[y].book'), bench.runtime.cancel(runId, 'ben', 'away with it')]);
    await bench.runtime.idle();
    expect([bench.state(runId), removed()]).toEqual(['cancelled', ['B-7', 'createBlind-1']]);
    await bench.crash();
    expect(bench.target.count('createBlind')).toBe(2);
  });

  test('what failed beside it is not sent again, until that is done by hand too or resumed', async () => {
    const left = [undoable('l1', 'acme.createBlind'), undoable('l2')];
    const right = [undoable('r1', 'acme.createBlind'), undoable('r2')];
    bench = await openBench(planFor({ onFailure: 'hold', steps: [both(left, right)] }));
    bench.target.script = { createBlind: [{ fail: refused }, { fail: refused }] };
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    expect(bench.runtime.run(runId)!.canBeDone).toEqual(['l1', 'r1']);
    await done(runId, 'l1');
    await bench.runtime.idle();
    expect([bench.state(runId), bench.target.count('createBlind')]).toEqual(['failed', 2]);
    await bench.crash();
    await bench.runtime.idle();
    const still = bench.runtime.run(runId)!;
    expect(still.canBeDone).toEqual(['r1']);
    expect(still.failure!.message).toContain('r1');
    await done(runId, 'r1', { id: 'B-8' });
    await bench.runtime.idle();
    expect([bench.state(runId), bench.target.count('createBlind'), bench.target.count('create')]).toEqual([
      'succeeded',
      2,
      2,
    ]);
  });

  test('what failed beside it undoes nothing that a person has done, before it has failed once more', async () => {
    const right = [undoable('r1', 'acme.createBlind')];
    const steps = [both([undoable('l1', 'acme.createBlind')], right)];
    bench = await openBench(planFor({ onFailure: 'compensate', steps }));
    bench.target.script = { createBlind: Array(3).fill({ fail: refused }) };
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    await done(runId, 'l1');
    await bench.runtime.idle();
    expect([bench.state(runId), at(), removed()]).toEqual(['failed', ['both'], []]);
    await bench.runtime.resume(runId, 'ana', 'mended');
    await bench.runtime.idle();
    expect([bench.state(runId), removed()]).toEqual(['compensated', ['B-7']]);
  });

  test('what failed beside it is sent once the run is resumed', async () => {
    const right = [undoable('r1', 'acme.createBlind')];
    bench = await openBench(
      planFor({ onFailure: 'hold', steps: [both([undoable('l1', 'acme.createBlind')], right)] }),
    );
    bench.target.script = { createBlind: [{ fail: refused }, { fail: refused }] };
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    await done(runId, 'l1');
    await bench.runtime.idle();
    await bench.runtime.resume(runId, 'ana', 'mended');
    await bench.runtime.idle();
    expect([bench.state(runId), bench.target.count('createBlind')]).toEqual(['succeeded', 3]);
  });

  test('it is not taken of an item that a list has gone on without', async () => {
    const inner = list({ concurrency: 1, steps: [book], onItemFailure: 'collect' });
    const steps = [both([inner, undoable('after')], [call('right', 'acme.put')])];
    bench = await openBench(planFor({ onFailure: 'hold', steps }));
    bench.target.script = { createBlind: [undefined, { fail: refused }], create: [{ fail: refused }] };
    const runId = await bench.order({ id: 'a', lines });
    await bench.runtime.idle();
    expect([at(), bench.runtime.run(runId)!.canBeDone]).toEqual([['both'], ['after']]);
    expect(await done(runId, 'lines[y].book')).toMatchObject({
      code: 'RUN_NOT_AT_EFFECT',
      message: expect.stringContaining('but at after'),
    });
    expect(await done(runId, 'after')).toEqual({ ok: true });
    await bench.runtime.idle();
    expect([bench.state(runId), bench.target.count('createBlind')]).toEqual(['succeeded', 3]);
  });

  test('what was stopped for its sake goes on, so nobody is asked to do that by hand', async () => {
    let answer = (): void => {};
    const wait = new Promise<void>((resolve) => {
      answer = resolve;
    });
    const right = [call('r1', 'acme.put'), undoable('r2', 'acme.createBlind')];
    bench = await openBench(planFor({ onFailure: 'hold', steps: [both([undoable('l1')], right)] }));
    bench.target.script = { create: [{ fail: refused }], put: [{ wait }], createBlind: [{ fail: refused }] };
    const runId = await bench.order({ id: 'a' });
    while (bench.target.count('put') + bench.target.count('create') < 2)
      await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
    answer();
    await bench.runtime.idle();
    expect([at(), bench.runtime.run(runId)!.canBeDone]).toEqual([['both'], ['l1']]);
    expect(await done(runId, 'r2')).toMatchObject({ code: 'RUN_NOT_AT_EFFECT' });
    expect(await done(runId, 'l1', { id: 'B-8' })).toEqual({ ok: true });
    await bench.runtime.idle();
    // It went on by that word, and has failed of itself now.
    expect([at(), bench.runtime.run(runId)!.canBeDone]).toEqual([['both'], ['r2']]);
    expect(await done(runId, 'r2')).toEqual({ ok: true });
    await bench.runtime.idle();
    expect([bench.state(runId), bench.target.count('createBlind')]).toEqual(['succeeded', 1]);
  });

  test('a list in which all that had failed is done, and which was stopped then, has not failed any more', async () => {
    const inner = list({ steps: [book, undoable('after')], result: { expression: 'steps.after.id' } });
    const left = [undoable('l1', 'acme.createBlind')];
    bench = await openBench(planFor({ onFailure: 'hold', steps: [both(left, [inner])] }));
    bench.target.script = { createBlind: [{ fail: refused }, { fail: refused }] };
    const runId = await bench.order({ id: 'a', lines: ofSkus('x') });
    await bench.runtime.idle();
    expect(bench.runtime.run(runId)!.canBeDone).toEqual(['l1', 'lines[x].book']);
    await done(runId, 'lines[x].book');
    await bench.runtime.idle();
    // Stopped before `after`, for the sake of what is yet to be done.
    expect([bench.state(runId), bench.runtime.run(runId)!.canBeDone]).toEqual(['failed', ['l1']]);
    await done(runId, 'l1', { id: 'B-8' });
    await bench.runtime.idle();
    expect([bench.state(runId), bench.target.count('createBlind'), bench.target.count('create')]).toEqual([
      'succeeded',
      2,
      1,
    ]);
  });

  test('it is said in a list inside of a branch, and cancelled with all of it', async () => {
    const inner = list({ concurrency: 1, steps: [book] });
    bench = await openBench(planFor({ onFailure: 'hold', steps: [both([inner], [undoable('right')])] }));
    bench.target.script = { createBlind: [undefined, { fail: refused }] };
    const runId = await bench.order({ id: 'a', lines });
    await bench.runtime.idle();
    expect([at(), bench.runtime.run(runId)!.canBeDone]).toEqual([['both'], ['lines[y].book']]);
    await Promise.all([done(runId, 'lines[y].book'), bench.runtime.cancel(runId, 'ben', 'away with it')]);
    await bench.crash();
    await bench.runtime.idle();
    expect(bench.state(runId)).toBe('cancelled');
    expect(removed().toSorted()).toEqual(['B-7', 'create-1', 'createBlind-2']);
  });
});

test.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])(
  'who does all that can be done and says it one by one finds none of it sent, and the run ends (%d)',
  async (seed) => {
    const random = seededRandom(seed);
    const upTo = (most: number): number => Math.floor(random.next() * most);
    const turns = async (count: number) => {
      for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
    };
    const blind = (id: string) => undoable(id, 'acme.createBlind');
    const after = undoable('after', 'acme.createBlind', { with: sku });
    const items = {
      concurrency: 1 + upTo(3),
      steps: [undoable('book', 'acme.createBlind', { with: sku }), after],
    };
    const inner = list({ ...items, result: { expression: 'steps.after.id' } });
    const steps = [both([blind('l1'), blind('l2')], [inner, blind('r1')]), blind('last')];
    bench = await openBench(planFor({ onFailure: 'hold', steps }));
    const answers = () => {
      // As many as there may be calls, at random moments.
      bench.target.script = {
        createBlind: Array.from({ length: 20 }, () => ({
          wait: turns(upTo(12)),
          ...(random.next() < 0.45 && { fail: refused }),
        })),
      };
    };
    answers();
    const runId = await bench.order({ id: 'a', lines: ofSkus('x', 'y', 'z') });
    await bench.runtime.idle();
    const isDone = new Set<string>();
    while (bench.state(runId) === 'failed') {
      const places = bench.runtime.run(runId)!.canBeDone!;
      for (const place of places) isDone.add(place);
      const before = bench.target.calls.length;
      if (random.next() < 0.3) await bench.crash();
      answers();
      const place = places[upTo(places.length)]!;
      expect(await done(runId, place, { id: place })).toEqual({ ok: true });
      await bench.runtime.idle();
      expect(
        sent()
          .slice(before)
          .filter((step) => step !== undefined && isDone.has(step)),
      ).toEqual([]);
    }
    expect(bench.state(runId)).toBe('succeeded');
  },
);
