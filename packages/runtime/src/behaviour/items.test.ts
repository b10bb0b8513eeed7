import { DatabaseSync } from 'node:sqlite';
import type { PlanStep } from '@tenon/pipeline';
import { afterEach, describe, expect, test } from 'vitest';
import { Names } from '../embedded/file/names.ts';
import { openLedger } from '../embedded/file/open-ledger.ts';
import { hiddenPlace, hidings, withPlacesHidden } from '../embedded/file/places.ts';
import { writes } from '../embedded/file/statements.ts';
import { type Bench, openBenchWith, refused } from '../testing/bench.ts';
import { keysNamed } from '../testing/keys.ts';
import { call, childPlan, literal, planFor, run, step, undoable } from '../testing/plan.ts';
import { bytesUnder, problemsOf } from '../testing/stored-file.ts';
import { until } from '../testing/until.ts';

const DAY_MS = 86_400_000;
const CANARY = 'CANARY-item';
const encryption = keysNamed('k1');

let bench: Bench;
afterEach(() => bench.close());

const input = { object: { id: { expression: 'line.sku' } } };
const approval = { by: 'finance', withinMs: 5 * DAY_MS, onExpiry: 'reject', show: literal(0) } as const;
/** What an item starts waits for a person, and so does the item. */
const child = childPlan({ steps: [undoable('booked'), step('approve', 'consent', approval)] });
const plan = planFor({
  onFailure: 'hold',
  limits: { concurrency: 50, deadlineMs: 5 * DAY_MS },
  identity: { key: { expression: 'event.id' }, retainMs: DAY_MS },
  steps: [
    lines(
      [
        undoable('book', 'acme.create', { with: input }),
        step('approve', 'yes', approval),
        run('sub', child, input),
        call('put', 'acme.put', { with: input }),
      ],
      3,
    ),
  ],
});

/** These steps for each line of the order. */
function lines(steps: readonly PlanStep[], concurrency = 1): PlanStep {
  return step('forEach', 'lines', {
    in: 'event.lines',
    as: 'line',
    // No value of the payload, and no text of the plan.
    key: { expression: "line.sku + '.'" },
    max: 500,
    concurrency,
    onItemFailure: 'stop',
    steps,
  });
}

const bytes = (): string => bytesUnder(bench.file);

const sku = (name: string): string => `${CANARY}-${name}`;
/** As the place of an item is written. */
const item = (name: string): string => `lines[${sku(name)}%2E;]`;

async function open(encrypted: boolean): Promise<void> {
  bench = await openBenchWith({ checkpoints: {}, ...(encrypted && { encryption }) }, [child, plan]);
}

async function order(id: string, ...names: readonly string[]): Promise<string> {
  return bench.order({ id, lines: names.map((name) => ({ sku: sku(name) })) });
}

const waitsAt = (runId: string, stepId: string): boolean =>
  bench.runtime.approvals().some((one) => one.runId === runId && one.stepId === stepId);

async function decide(runId: string, stepId: string): Promise<void> {
  await until(() => waitsAt(runId, stepId));
  const done = await bench.runtime.decide(runId, stepId, 'approve', 'ana', 'fine');
  expect(done).toEqual({ ok: true });
}

const childOf = (name: string): string =>
  bench.runtime.runs({ pipeline: 'child', key: sku(name) })[0]?.runId ?? '';

async function consent(name: string): Promise<void> {
  await until(() => childOf(name) !== '');
  await decide(childOf(name), 'consent');
}

/** A run of two items to its end: over approvals of an item and of its child, a restart, a crash, a failure and a resuming. */
async function lived(look: () => void): Promise<string> {
  const runId = await order('a', 'x', 'y');
  await bench.runtime.idle();
  // Of one moment, they are listed as they lie.
  expect(
    bench.runtime
      .approvals()
      .map(({ stepId }) => stepId)
      .toSorted(),
  ).toEqual([`${item('x')}.yes`, `${item('y')}.yes`]);
  expect(bench.runtime.runs({ state: 'waiting' })).toMatchObject([{ runId, step: `${item('x')}.yes` }]);
  look();
  await bench.restart();
  await decide(runId, `${item('y')}.yes`);
  await bench.runtime.idle();
  expect(bench.runtime.run(childOf('y'))!.parent).toMatchObject({ runId, step: `${item('y')}.sub` });
  expect(bench.runtime.run(runId)!.children).toMatchObject([{ step: `${item('y')}.sub` }]);
  await bench.crash();
  look();
  bench.target.script = { put: [{ fail: refused }] };
  await consent('y');
  await bench.runtime.idle();
  await decide(runId, `${item('x')}.yes`).catch(() => {});
  await bench.runtime.idle();
  look();
  return runId;
}

test('of many items in clear nothing is left once their file is encrypted, where rows were moved from page to page', async () => {
  const many = planFor({
    limits: { concurrency: 50, deadlineMs: 5 * DAY_MS },
    steps: [lines([call('put', 'acme.put', { with: input }), call('again', 'acme.put', { with: input })], 7)],
  });
  bench = await openBenchWith({ checkpoints: {} }, [many]);
  for (let at = 0; at < 60; at++) {
    await order(`o${at}`, ...Array.from({ length: 20 }, (_, n) => `${(at * 7919 + n * 104_729) % 10_007}`));
    if (at % 7 === 0) await bench.runtime.idle();
  }
  await bench.runtime.idle();
  bench.encryption = encryption;
  await bench.restart();
  await until(() => bench.runtime.protection().olderLeft === 0);
  await bench.runtime.idle();
  expect(bytes().split(CANARY).length - 1).toBe(0);
  expect(problemsOf(bench)).toEqual([]);
});

describe('items of lists in an encrypted file', () => {
  test('stand there as digests, and each run goes on by them as by their names', async () => {
    const seen: unknown[] = [];
    for (const encrypted of [false, true]) {
      await open(encrypted);
      const look = (): void => {
        if (encrypted) expect(bytes().includes(CANARY)).toBe(false);
      };
      const runId = await lived(look);
      expect(bench.state(runId)).toBe('failed');
      expect(bench.runtime.runs({ state: 'failed' })).toMatchObject([{ runId, step: 'lines' }]);
      const letters = bench.runtime.deadLetters();
      expect(await bench.runtime.resume(runId, 'ana', 'mended')).toEqual({ ok: true });
      await bench.runtime.idle();
      for (const name of ['x', 'y']) {
        if (waitsAt(runId, `${item(name)}.yes`)) await decide(runId, `${item(name)}.yes`);
        await bench.runtime.idle();
        if (waitsAt(childOf(name), 'consent')) await consent(name);
        await bench.runtime.idle();
      }
      expect(bench.state(runId)).toBe('succeeded');
      const { steps } = bench.runtime.run(runId)!;
      expect(steps.map(({ id }) => id)).toContain(`${item('x')}.book`);
      const replay = await bench.runtime.planReplay({ runId }, 'ana', 'again');
      expect(replay.ok).toBe(true);
      seen.push({
        steps: steps.map(({ runId: _, ...rest }) => rest),
        calls: bench.target.calls.map(({ operation, key, input: sent }) => ({ operation, key, sent })),
        letters: letters.map(({ step: at, failure }) => ({ at, failure })),
        skipped: replay.ok && replay.report.runs.map(({ effectsSkipped }) => effectsSkipped),
      });
      look();
      await bench.runtime.stop();
      look();
      expect(problemsOf(bench)).toEqual([]);
      if (encrypted) continue;
      expect(bytes().includes(CANARY)).toBe(true);
      await bench.close();
    }
    expect(seen[1]).toEqual(seen[0]);
  });

  test('are digests of their own in each run, and go with its data', async () => {
    await open(true);
    bench.target.script = { create: [{ result: { id: 'b1', mail: `${CANARY}-mail` } }] };
    const runId = await order('a', 'x');
    await bench.runtime.idle();
    await bench.runtime.cancel(runId, 'ana', 'no longer wanted');
    await bench.runtime.idle();
    const { runs } = await bench.runtime.erase(`${CANARY}-mail`, 'ana', 'request 17', true);
    expect(runs).toMatchObject([{ runId }]);
    const stepInFile = (runId: string) => {
      const db = new DatabaseSync(bench.file, { readOnly: true });
      const row = db.prepare('SELECT step FROM runs WHERE run_id = ?').get(runId);
      db.close();
      return row!['step'];
    };
    const waiting = [await order('c', 'x'), await order('d', 'x')];
    await bench.runtime.idle();
    const [one, other] = waiting.map(stepInFile);
    expect(one).toMatch(/^lines\[~[A-Za-z0-9_-]{22}\]\.yes$/);
    expect(other).toMatch(/^lines\[~[A-Za-z0-9_-]{22}\]\.yes$/);
    expect(one).not.toBe(other);
    const without = openLedger(bench.file);
    expect(without.runs({ state: 'waiting' })).toMatchObject([{ step: other }, { step: one }]);
    without.close();
  });

  test('that cannot be undone are parked, resumed and listed by their names', async () => {
    const undoing = planFor({
      onFailure: 'compensate',
      steps: [lines([undoable('book', 'acme.create', { with: input })]), call('put', 'acme.put')],
    });
    bench = await openBenchWith({ checkpoints: {}, encryption }, [undoing]);
    bench.target.script = { put: [{ fail: refused }], remove: [{ fail: refused }] };
    const runId = await order('a', 'x');
    await bench.runtime.idle();
    const place = `compensate:${item('x')}.book`;
    expect(bench.runtime.deadLetters()).toMatchObject([{ runId, step: place }]);
    expect(bench.runtime.runs()).toMatchObject([{ state: 'failed', step: place }]);
    expect(bytes().includes(CANARY)).toBe(false);
    await bench.restart();
    await bench.runtime.resume(runId, 'ana', 'try again');
    await bench.runtime.idle();
    expect(bench.state(runId)).toBe('compensated');
    expect(bench.runtime.deadLetters()).toMatchObject([{ runId, step: 'put', settled: 'compensated' }]);
    expect(bytes().includes(CANARY)).toBe(false);
  });

  test('are hidden in each write that names a place', () => {
    const place = `${item('x')}.book`;
    const names = new Names(() => 'a secret');
    // Those that write `#cancel` and the like name no item.
    const naming = Object.entries(writes).filter(
      ([, sql]) => /INTO (journal|openings|children) |\b(key|step) = \?/.test(sql) && !/'#[a-z]/i.test(sql),
    );
    expect(Object.keys(hidings).toSorted()).toEqual(naming.map(([name]) => name).toSorted());
    for (const [write, hiding] of Object.entries(hidings)) {
      const values = Array.from({ length: 12 }, (_, at) => (hiding.places.includes(at) ? place : 7));
      if (write === 'suspendMany') values[7] = JSON.stringify([`${item('x')}|yes#1`, '#cancel']);
      const hidden = withPlacesHidden(hiding, values, names);
      for (const at of hiding.places) expect(`${write} ${hidden[at]}`).not.toContain(CANARY);
      if (write === 'suspendMany')
        expect(JSON.parse(String(hidden[7]))).toEqual([
          hiddenPlace(`${item('x')}|yes#1`, 7, names),
          '#cancel',
        ]);
    }
  });

  test('of an older file are taken over while runs go on, and nothing of them is left in a page', async () => {
    await open(false);
    const ended = await bench.order({
      id: 'many',
      lines: Array.from({ length: 120 }, (_, n) => ({ sku: sku(`many-${n}`) })),
    });
    await bench.runtime.idle();
    await bench.runtime.cancel(ended, 'ana', 'too many');
    await bench.runtime.idle();
    // Waits for a moment: nothing is open of it.
    await bench.runtime.activate(
      planFor({
        pipeline: 'pausing',
        trigger: { event: 'shop.paid' },
        limits: { concurrency: 50, deadlineMs: 5 * DAY_MS },
        steps: [lines([step('wait', 'pause', { for: { durationMs: DAY_MS } })])],
      }),
    );
    await bench.runtime.accept({
      event: 'shop.paid',
      payload: { id: 'p', lines: [{ sku: sku('p') }] },
      deliveryId: 'p',
      source: 'shop',
    });
    const runId = await order('a', 'x', 'y', 'z');
    await bench.runtime.idle();
    await decide(runId, `${item('y')}.yes`);
    await bench.runtime.idle();
    expect(bytes().includes(CANARY)).toBe(true);
    bench.encryption = encryption;
    const { promise, resolve } = Promise.withResolvers<void>();
    bench.onTend = (chore) => (chore === 'sealOlder' ? promise : undefined);
    await bench.crash();
    await decide(runId, `${item('x')}.yes`);
    await consent('y');
    await until(() => childOf('x') !== '');
    expect(waitsAt(runId, `${item('x')}.yes`)).toBe(false);
    expect(bench.runtime.run(childOf('y'))!.parent).toMatchObject({ step: `${item('y')}.sub` });
    delete bench.onTend;
    resolve();
    await bench.runtime.idle();
    expect(bench.runtime.protection().olderLeft).toBe(0);
    expect(bench.runtime.runs({ pipeline: 'pausing' })).toMatchObject([{ step: `${item('p')}.pause` }]);
    await decide(runId, `${item('z')}.yes`);
    await bench.crash();
    await consent('x');
    await consent('z');
    await bench.runtime.idle();
    expect(bench.state(runId)).toBe('succeeded');
    expect(bench.target.doubled).toEqual([]);
    expect(bench.runtime.run(runId)!.steps.map(({ id }) => id)).toContain(`${item('z')}.put`);
    expect(bench.runtime.run(ended)!.steps.map(({ id }) => id)).toContain(`${item('many-2')}.book`);
    await bench.runtime.stop();
    expect(bytes().includes(CANARY)).toBe(false);
    expect(problemsOf(bench)).toEqual([]);
  });

  test('of an older file: a child that began meanwhile tells its parent, over a crash', async () => {
    await open(false);
    const runId = await order('a', 'x');
    await bench.runtime.idle();
    bench.encryption = encryption;
    bench.onTend = (chore) => (chore === 'sealOlder' ? new Promise(() => {}) : undefined);
    await bench.crash();
    await decide(runId, `${item('x')}.yes`);
    await until(() => waitsAt(childOf('x'), 'consent'));
    await bench.crash();
    expect(bench.runtime.run(childOf('x'))!.parent).toMatchObject({ runId, step: `${item('x')}.sub` });
    await consent('x');
    await until(() => bench.state(runId) === 'succeeded');
    expect(bench.runtime.protection().olderLeft).toBeGreaterThan(0);
    delete bench.onTend;
    await bench.crash();
    await bench.runtime.idle();
    expect(bench.runtime.protection().olderLeft).toBe(0);
  });

  test('a child whose parent cannot be told by its item is parked, and says which row is damaged', async () => {
    await open(true);
    const runId = await order('a', 'x');
    await decide(runId, `${item('x')}.yes`);
    await until(() => waitsAt(childOf('x'), 'consent'));
    const db = new DatabaseSync(bench.file);
    db.prepare(`UPDATE journal SET value = x'01' WHERE key LIKE 'lines[%]|@'`).run();
    db.close();
    await bench.crash();
    const [child] = bench.runtime.runs({ pipeline: 'child' });
    await decide(child!.runId, 'consent');
    await bench.runtime.idle();
    expect(bench.state(child!.runId)).toBe('failed');
    expect(bench.runtime.deadLetters()).toMatchObject([
      {
        runId: child!.runId,
        failure: {
          code: 'STORED_VALUE_DAMAGED',
          message: expect.stringContaining(`journal of run ${runId}, lines[]|@: `),
        },
      },
    ]);
  });
});
