import { existsSync, readFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, describe, expect, test } from 'vitest';
import { openLedger } from '../embedded/file/open-ledger.ts';
import { writeFileAnew } from '../embedded/file/written-anew.ts';
import { type Bench, openBench, openBenchWith, refused, testKey } from '../testing/bench.ts';
import { keysNamed } from '../testing/keys.ts';
import { call, planFor, step, undoable } from '../testing/plan.ts';

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

test('a file that is too large to be written anew keeps traces until it is while stopped, and that is said', async () => {
  bench = await openBench(plan);
  bench.limits = { writtenAnewBytesMax: 0 };
  await bench.restart();
  const runId = await bench.order({ id: 'a', note: SUBJECT });
  await bench.runtime.idle();
  expect(await bench.runtime.erase(SUBJECT, 'ana', 'request 17', false)).toMatchObject({
    leavesTraces: true,
  });
  expect(bench.runtime.protection()).not.toHaveProperty('tracesSinceMs');
  expect(await bench.runtime.erase(SUBJECT, 'ana', 'request 17', true)).toMatchObject({
    runs: [{ runId }],
    leavesTraces: true,
  });
  const entry = bench.runtime.trace({ system: true }).at(-1);
  expect(entry).toMatchObject({ kind: 'erased', details: { leavesTraces: true } });
  const erasedAtMs = bench.clock.now();
  expect(bench.runtime.protection()).toMatchObject({ tracesSinceMs: erasedAtMs });
  expect(bench.runtime.protection()).not.toHaveProperty('writtenAnewAtMs');
  expect(() => writeFileAnew(bench.file, 1)).toThrow('in use by another process');
  await bench.runtime.stop();
  writeFileAnew(bench.file, erasedAtMs + 5);
  await bench.restart();
  expect(bench.runtime.protection()).toMatchObject({ writtenAnewAtMs: erasedAtMs + 5 });
  expect(bench.runtime.protection()).not.toHaveProperty('tracesSinceMs');
  expect(bench.runtime.run(runId)).toMatchObject({ state: 'succeeded', input: null });
});

test('a file that is small is written anew at once, and nothing is said of traces', async () => {
  bench = await openBench(plan);
  await bench.order({ id: 'a', note: SUBJECT });
  await bench.runtime.idle();
  expect(await bench.runtime.erase(SUBJECT, 'ana', 'request 17', true)).toMatchObject({
    leavesTraces: false,
  });
  expect(bench.runtime.trace({ system: true }).at(-1)?.details).not.toHaveProperty('leavesTraces');
  expect(bench.runtime.protection()).toMatchObject({ writtenAnewAtMs: bench.clock.now() });
});

describe('in an encrypted file the keys go, and what they seal with them', () => {
  const encryption = keysNamed('k1');
  const lists = planFor({
    steps: [
      step('forEach', 'lines', {
        in: 'event.lines',
        as: 'line',
        key: { expression: 'line.name' },
        max: 5,
        concurrency: 1,
        onItemFailure: 'stop',
        steps: [call('put', 'acme.put')],
      }),
    ],
  });

  /** When the file was written anew by an erasure, if it was. */
  async function anewAt(): Promise<number | undefined> {
    bench.clock.advance(1_000);
    expect(await bench.runtime.erase(SUBJECT, 'ana', 'request 17', true)).toMatchObject({
      runs: [{}],
      leavesTraces: false,
    });
    return bench.runtime.protection().writtenAnewAtMs;
  }

  test('it was from its first row on: nothing is written anew, however large it is, and nothing is left', async () => {
    bench = await openBenchWith({ encryption }, [plan]);
    bench.limits = { writtenAnewBytesMax: 0 };
    await bench.restart();
    await bench.order({ id: SUBJECT, note: 'CANARY' });
    await bench.runtime.idle();
    expect(await anewAt()).toBeUndefined();
    expect(bench.runtime.protection()).not.toHaveProperty('tracesSinceMs');
    await bench.runtime.stop();
    expect(bytes()).not.toContain('CANARY');
  });

  test('it was not when it began: it is written anew once, and not after that', async () => {
    bench = await openBench(plan);
    await bench.order({ id: 'a', note: 'CANARY' });
    await bench.runtime.idle();
    bench.encryption = encryption;
    await bench.restart();
    await bench.runtime.idle();
    const taken = bench.runtime.protection().writtenAnewAtMs;
    expect(taken, 'when all of it was encrypted').toBeDefined();
    await bench.order({ id: SUBJECT });
    await bench.runtime.idle();
    expect(await anewAt()).toBe(taken);
  });

  test('it was taken over when it was too large: traces in clear may be left, and an erasure tells of them', async () => {
    bench = await openBench(plan);
    bench.limits = { writtenAnewBytesMax: 0 };
    await bench.order({ id: SUBJECT });
    await bench.runtime.idle();
    bench.encryption = encryption;
    await bench.restart();
    await bench.runtime.idle();
    expect(bench.runtime.protection()).toMatchObject({ olderLeft: 0, tracesSinceMs: bench.clock.now() });
    expect(await bench.runtime.erase(SUBJECT, 'ana', 'request 17', true)).toMatchObject({
      leavesTraces: true,
    });
  });

  test.each([
    ['a name', 'CANARY-ivo', false],
    ['a number, which stands in clear', '117', true],
  ] as const)('an item of a list was called by %s', async (_what, name, isAnew) => {
    bench = await openBenchWith({ encryption }, [lists]);
    await bench.order({ id: SUBJECT, lines: [{ name }] });
    await bench.runtime.idle();
    expect((await anewAt()) !== undefined).toBe(isAnew);
  });
});

test.each([undefined, keysNamed('k1')])(
  'what asked for a replay, a cancellation or a repair by naming the subject names it no more',
  async (keys) => {
    bench = await openBench(plan);
    if (keys !== undefined) bench.encryption = keys;
    await bench.restart();
    bench.target.script = { put: [{ fail: refused }] };
    await bench.order({ id: SUBJECT });
    await bench.runtime.idle();
    const replayed = await bench.runtime.planReplay({ key: SUBJECT }, 'ana', 'mended');
    const cancelled = await bench.runtime.planCancel({ key: SUBJECT }, 'ana', 'no more');
    if (!replayed.ok || !cancelled.ok) throw new Error('no dry run');
    const { token } = replayed.report;
    await bench.runtime.cancel(bench.runtime.runs()[0]!.runId, 'ana', 'no more');
    await bench.runtime.idle();
    const dry = await bench.runtime.erase(SUBJECT, 'ana', 'request 17', false);
    expect(dry).toMatchObject({ requests: 2, kept: [] });
    expect(bench.runtime.replayStatus(token)?.filter).toEqual({ key: SUBJECT });
    expect(await bench.runtime.erase(SUBJECT, 'ana', 'request 17', true)).toMatchObject({ requests: 2 });
    expect(bench.runtime.replayStatus(token)?.filter).toEqual({ key: '[erased]' });
    expect(await bench.runtime.erase(SUBJECT, 'ana', 'request 17', false)).toMatchObject({ requests: 0 });
  },
);

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
