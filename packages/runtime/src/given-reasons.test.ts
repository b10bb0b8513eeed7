import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { REASON_AT } from './given-reasons.ts';
import { type Bench, openBench, refused } from './testing/bench.ts';
import { call, planFor } from './testing/plan.ts';

let bench: Bench | undefined;
afterEach(() => bench?.close());

const source = readFileSync(join(import.meta.dirname, 'runtime.ts'), 'utf8');
/** Of each method of the runtime that a person says something with: where the reason stands. */
const said = [...source.matchAll(/^ {2}(\w+)\(([^)]*)\): Promise</gm)].flatMap(([, name, given]) => {
  const at = given!.split(/,\s*/).findIndex((one) => one.trim().startsWith('reason:'));
  return at < 0 ? [] : [[name!, at] as const];
});

test('every word of a person is held to a reason, and no other', () => {
  expect(said.length).toBeGreaterThan(10);
  expect(REASON_AT).toEqual(Object.fromEntries(said));
});

describe('a reason of white space alone', () => {
  test.each(said)('is refused by %s, which then has done nothing', async (name, at) => {
    bench = await openBench(planFor({ onFailure: 'hold', steps: [call('put', 'acme.put')] }));
    bench.target.script = { put: [{ fail: refused }] };
    const runId = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    const entries = bench.entries.length;
    // Whatever is said, it is not looked at.
    const say = bench.runtime[name as keyof typeof REASON_AT] as (...given: unknown[]) => Promise<unknown>;
    const given = Array.from({ length: at }, () => runId);
    await expect(say(...given, ' \t\n')).rejects.toMatchObject({ code: 'REASON_BLANK' });
    await bench.runtime.idle();
    expect([bench.state(runId), bench.entries.length]).toEqual(['failed', entries]);
  });

  test.each([
    ['everything killed', { killed: { actor: 'ana', reason: ' ' } }],
    ['a ledger that was set back', { checkpoints: { setBack: ' ' } }],
  ])('is refused by a start with %s, which leaves the file free', async (_name, more) => {
    bench = await openBench();
    const before = { killed: bench.killed, checkpoints: bench.checkpoints };
    Object.assign(bench, more);
    await expect(bench.restart()).rejects.toMatchObject({ code: 'REASON_BLANK' });
    Object.assign(bench, before);
    await bench.restart();
    expect(bench.runtime.switches()).toEqual([]);
  });
});
