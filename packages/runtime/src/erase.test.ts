import { existsSync, readFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, expect, test } from 'vitest';
import { openLedger } from './embedded/open-ledger.ts';
import { type Bench, openBench, refused, testKey } from './testing/bench.ts';
import { call, planFor, step, undoable } from './testing/plan.ts';

const SUBJECT = 'CANARY-mila@customers.example';

let bench: Bench;
afterEach(() => bench.close());

/** Everything that lies in the folder of the database under its name. */
function bytes(): string {
  return ['', '-wal', '-shm', '.mark', '.checkpoints']
    .map((suffix) => bench.file + suffix)
    .filter(existsSync)
    .map((file) => readFileSync(file, 'latin1'))
    .join('\n');
}

const plan = planFor({
  onFailure: 'hold',
  steps: [undoable('one'), call('put', 'acme.put'), step('set', 'kept', { value: { expression: 'event' } })],
});

async function livedThrough(): Promise<{ ended: string; other: string; parked: string }> {
  bench = await openBench(plan);
  bench.checkpoints = {};
  await bench.restart();
  const about = (id: string) => ({ id, note: SUBJECT, card: 'CANARY-4111' });
  bench.target.script = {
    create: [{ result: { id: 'x', mail: SUBJECT } }],
    put: [undefined, undefined, { fail: refused }],
  };
  const ended = await bench.order(about('a'));
  await bench.runtime.idle();
  const other = await bench.order({ id: 'b', note: 'somebody else' });
  await bench.runtime.idle();
  const parked = await bench.order(about('c'));
  await bench.runtime.idle();
  await bench.runtime.accept({
    event: 'shop.paid',
    payload: { order: 'z', by: SUBJECT },
    deliveryId: 'paid',
    source: 'shop',
  });
  return { ended, other, parked };
}

test('a dry run says what would go, and lets nothing go', async () => {
  const { ended, parked } = await livedThrough();
  const report = await bench.runtime.erase(SUBJECT, 'ana', 'request 17', false);
  expect(report).toMatchObject({ applied: false, events: 1 });
  expect(report.runs.map(({ runId }) => runId)).toEqual([ended]);
  expect(report.kept).toMatchObject([{ runId: parked, state: 'failed' }]);
  expect(bytes()).toContain(SUBJECT);
});

test('what cannot be brought to its end is said; what is erased stays so, and the rest is done when it is asked for again', async () => {
  const { ended } = await livedThrough();
  bench.onTend = (chore) => (chore === 'shred' ? Promise.reject(new Error('no space left')) : undefined);
  await expect(bench.runtime.erase(SUBJECT, 'ana', 'request 17', true)).rejects.toMatchObject({
    code: 'RUNTIME_CHORE_UNFINISHED',
    message: 'data keys are still to be destroyed: no space left',
  });
  expect(bench.runtime.run(ended)?.input).toBeNull();
  expect(bytes()).toContain('CANARY-4111');
  delete bench.onTend;
  const parked = bench.runtime.runs({ state: 'failed' })[0]!.runId;
  await bench.runtime.cancel(parked, 'ana', 'to be erased');
  await bench.runtime.idle();
  await bench.runtime.erase(SUBJECT, 'ana', 'request 17', true);
  expect(bytes()).not.toContain('CANARY');
});

test('nothing of a subject is left in any file; others, the ledger and the promise not to repeat stay', async () => {
  const { ended, other, parked } = await livedThrough();
  await bench.runtime.cancel(parked, 'ana', 'to be erased');
  await bench.runtime.idle();
  const entries = bench.runtime.trace({ runId: ended }).length;
  const calls = bench.target.calls.length;
  expect(bytes()).toContain('CANARY');
  const report = await bench.runtime.erase(SUBJECT, 'ana', 'request 17', true);
  expect(report.runs).toHaveLength(2);
  expect(bytes()).not.toContain('CANARY');
  expect(bench.runtime.run(ended)).toMatchObject({
    state: 'succeeded',
    input: null,
    steps: [],
    erased: { atMs: bench.clock.now(), actor: 'ana' },
  });
  expect(bench.runtime.run(ended), 'that was not retention').not.toHaveProperty('isPastRetention');
  expect(bench.runtime.run(other)).not.toHaveProperty('erased');
  expect(bench.runtime.run(other)).toMatchObject({ input: { note: 'somebody else' } });
  expect(bench.runtime.trace({ runId: ended })).toHaveLength(entries + 1);
  expect(bench.runtime.trace({ system: true }).at(-1)).toMatchObject({
    kind: 'erased',
    details: { actor: 'ana', reason: 'request 17', runs: 2, events: 1 },
  });
  // The same business event again is known, and sends nothing.
  await bench.order({ id: 'a', note: `again of ${SUBJECT}` }, 'another delivery');
  await bench.runtime.idle();
  expect(bench.target.calls).toHaveLength(calls);
  expect(bytes(), 'what was erased does not come back with a repeat').not.toContain('CANARY');
  await bench.runtime.stop();
  const ledger = openLedger(bench.file);
  const lines = readFileSync(`${bench.file}.checkpoints`, 'utf8').split('\n');
  const { findings } = ledger.verify({ checkpoints: [{ name: 'c', lines }], keys: [testKey.publicKey] });
  expect([...findings, ...ledger.check()]).toEqual([]);
  ledger.close();
  expect(bytes()).not.toContain('CANARY');
});

test('a run that was erased before is found by its key, and nothing of it goes again', async () => {
  const { ended, other } = await livedThrough();
  const entries = () => bench.runtime.trace({ runId: other }).length;
  expect((await bench.runtime.erase('b', 'ana', 'request 17', true)).runs).toMatchObject([{ runId: other }]);
  const erased = entries();
  expect(await bench.runtime.erase('b', 'ana', 'request 17', false)).toMatchObject({
    runs: [],
    kept: [],
    events: 0,
  });
  expect((await bench.runtime.erase('b', 'ana', 'request 17', true)).runs).toEqual([]);
  expect(entries()).toBe(erased);
  expect((await bench.runtime.erase('a', 'ana', 'request 17', false)).runs).toMatchObject([{ runId: ended }]);
});

test('of a repeat nothing is stored but that it came, unless a run may wait for such an event', async () => {
  bench = await openBench(plan);
  await bench.order({ id: 'a' });
  await bench.runtime.idle();
  await bench.order({ id: 'a', note: SUBJECT }, 'again');
  await bench.runtime.idle();
  expect(bytes()).not.toContain('CANARY');
  expect(bench.runtime.trace({ key: 'a' }).filter(({ kind }) => kind === 'duplicate')).toHaveLength(1);
  const waiting = planFor({
    pipeline: 'waits',
    trigger: { event: 'shop.shipped' },
    steps: [
      step('wait', 'ordered', {
        for: { event: 'shop.ordered', match: 'signal.id == event.id', withinMs: 60_000, onExpiry: 'fail' },
      }),
    ],
  });
  await bench.runtime.activate(waiting);
  await bench.order({ id: 'a', note: SUBJECT }, 'and again');
  await bench.runtime.idle();
  expect(bytes()).toContain('CANARY');
});

test('a digest in the ledger cannot be found by trying values', async () => {
  bench = await openBench(plan);
  const digests = new Set<unknown>();
  for (const id of ['a', 'b']) {
    const runId = await bench.order({ id, note: 'the same' });
    await bench.runtime.idle();
    for (const { details } of bench.runtime.trace({ runId })) {
      if (details['payload'] !== undefined) digests.add(details['payload']);
      if (details['request'] !== undefined) digests.add(details['request']);
    }
  }
  const { digestOf } = await import('@tenon/model');
  expect(digests.size).toBeGreaterThanOrEqual(2);
  for (const id of ['a', 'b']) expect(digests).not.toContain(digestOf({ id, note: 'the same' }));
});

test('says how many values could not be looked at: a damaged one may hold anybody', async () => {
  const { ended } = await livedThrough();
  await bench.runtime.stop();
  const db = new DatabaseSync(bench.file);
  db.exec(`UPDATE journal SET value = '~00000000{}' WHERE key = 'put#1'`);
  const damaged = Number(db.prepare(`SELECT count(*) AS n FROM journal WHERE key = 'put#1'`).get()?.['n']);
  db.close();
  await bench.restart();
  const report = await bench.runtime.erase(SUBJECT, 'ana', 'request 18', false);
  expect(damaged).toBeGreaterThan(0);
  // Of runs that are found anyhow, what is left is not looked at.
  expect(report.unreadable).toBeGreaterThan(0);
  expect(report.unreadable).toBeLessThanOrEqual(damaged);
  expect(report.runs.map(({ runId }) => runId)).toContain(ended);
});
