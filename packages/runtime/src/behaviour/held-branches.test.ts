import { DatabaseSync } from 'node:sqlite';
import type { Plan, PlanStep } from '@tenon/pipeline';
import { afterEach, describe, expect, test } from 'vitest';
import type { SwitchRequest } from '../switches.ts';
import { type Bench, openBench, refused } from '../testing/bench.ts';
import { call, childPlan, literal, planFor, probe, run, step } from '../testing/plan.ts';
import { acme, everything, liftSwitch, setSwitch } from '../testing/switching.ts';

let bench: Bench;
afterEach(() => bench.close());

const set = (request: SwitchRequest) => setSwitch(bench, request);
const lift = (id: string) => liftSwitch(bench, id);

describe('a branch that was stopped as it was held', () => {
  const asked = step('approve', 'asked', {
    by: 'finance',
    withinMs: 60_000,
    onExpiry: 'reject',
    show: literal(null),
  });
  /** Stopped there, and resumed, as often as the branch beside it fails. */
  const stoppedAt = async (held: PlanStep, rounds: number, ...more: readonly Plan[]): Promise<string> => {
    const pause = step('wait', 'pause', { for: { durationMs: 1_000 } });
    const both = step('parallel', 'both', {
      branches: [
        { name: 'left', steps: [asked] },
        // That its deadline began is on record before it is held, so it is there that it is stopped.
        { name: 'right', steps: [{ ...held, deadlineMs: 60_000 }] },
      ],
    });
    bench = await openBench(...more, planFor({ steps: [pause, both], onFailure: 'hold' }));
    const id = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    await set(everything);
    await bench.pass(1_000);
    for (let round = 0; round < rounds; round++) {
      if (round > 0) await bench.runtime.resume(id, 'ana', 'once more');
      await bench.runtime.idle();
      expect(await bench.runtime.decide(id, 'asked', 'reject', 'cfo', 'not yet')).toEqual({ ok: true });
      await bench.runtime.idle();
      expect(bench.state(id)).toBe('failed');
    }
    return id;
  };
  const letGo = async (id: string): Promise<void> => {
    await lift('kill/everything');
    await bench.runtime.resume(id, 'ana', 'all is well');
    await bench.runtime.idle();
    expect(await bench.runtime.decide(id, 'asked', 'approve', 'cfo', 'now')).toEqual({ ok: true });
    await bench.pass(10_000);
  };
  const below = childPlan({ steps: [call('low', 'acme.put')] });

  test.each([
    ['before a call', call('held', 'acme.create')],
    ['before a look', call('held', 'acme.createChecked', { probe })],
    ['before it emits', step('emit', 'held', { event: 'shop.shipped', with: literal({ id: 'a' }) })],
    ['before it runs another', run('held', below)],
  ])('%s goes on from there once it is resumed', async (_, held) => {
    const id = await stoppedAt(held, 3, below);
    await letGo(id);
    expect(bench.state(id)).toBe('succeeded');
  });

  test('and in a later round by what an earlier version took for that, goes on from there too', async () => {
    const pause = step('wait', 'pause', { for: { durationMs: 60_000 } });
    const both = step('parallel', 'both', {
      branches: [
        { name: 'left', steps: [call('looked', 'acme.get', { connection: 'other' })] },
        { name: 'right', steps: [call('held', 'acme.create', { deadlineMs: 60_000 })] },
      ],
    });
    bench = await openBench(planFor({ steps: [both, pause], onFailure: 'hold' }));
    bench.target.script = { get: [{ fail: refused }] };
    await set(acme);
    const id = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    expect(bench.state(id)).toBe('failed');
    // What that version went by when it was resumed: it had one row for both rounds.
    const later = '#stop/both.right|held#1=/1';
    await bench.crash();
    changed(
      `INSERT INTO journal SELECT max(seq) + 1, run_seq, '${later}', at, '{"kind":"stopped","by":"both.left"}' FROM journal`,
    );
    await bench.runtime.resume(id, 'ana', 'once more');
    await bench.runtime.idle();
    expect([bench.state(id), bench.target.count('get')]).toEqual(['failed', 2]);
    await bench.crash();
    changed(`DELETE FROM journal WHERE key = '${later}'`);
    await lift('kill/connection/acme');
    await bench.runtime.resume(id, 'ana', 'all is well');
    await bench.pass(1_000);
    expect([bench.state(id), bench.target.count('create')]).toEqual(['waiting', 1]);
    await bench.crash();
    await bench.pass(60_000);
    expect([bench.state(id), bench.target.count('create')]).toEqual(['succeeded', 1]);
  });

  const changed = (sql: string): void => {
    const file = new DatabaseSync(bench.file);
    expect(file.prepare(sql).run().changes).toBe(1);
    file.close();
  };
});
