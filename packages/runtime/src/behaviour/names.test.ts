import { cpSync, rmSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import type { Json } from '@tenon/model';
import { afterEach, describe, expect, test } from 'vitest';
import { type EncryptionOptions, keyFolder } from '../embedded/file/data-keys.ts';
import { nameLanes, proveNames } from '../embedded/file/name-older.ts';
import { openLedger } from '../embedded/file/open-ledger.ts';
import { markEncrypted } from '../embedded/file/seal-older.ts';
import { Sealer } from '../embedded/file/sealer.ts';
import type { AcceptResult } from '../runtime.ts';
import { type Bench, openBench, openBenchWith, refused } from '../testing/bench.ts';
import { keysNamed } from '../testing/keys.ts';
import { call, planFor, step, undoable } from '../testing/plan.ts';
import { bytesUnder, problemsOf } from '../testing/stored-file.ts';
import { until } from '../testing/until.ts';

const DAY_MS = 86_400_000;
const DIGEST = /^~[A-Za-z0-9_-]{22}$/;

let bench: Bench;
afterEach(() => bench.close());

const bytes = (file = bench.file): string => bytesUnder(file);

/** A run waits for a person between two effects; runs of one customer keep their order. */
const plan = planFor({
  onFailure: 'hold',
  identity: {
    // Not a value of the payload, so that nothing is found by that.
    key: { expression: "event.id + '.'" },
    orderBy: { expression: "event.who + '.'" },
    version: "event.n + '.'",
    retainMs: 400 * DAY_MS,
  },
  steps: [
    undoable('one'),
    step('approve', 'yes', { by: 'finance', withinMs: 5 * DAY_MS, onExpiry: 'reject', show: { literal: 0 } }),
    call('put', 'acme.put'),
  ],
});

async function open(encryption?: EncryptionOptions): Promise<void> {
  bench = await openBenchWith({ checkpoints: {}, ...(encryption === undefined ? {} : { encryption }) }, [
    plan,
  ]);
}

let deliveries = 0;
/** Names of which none may be read from the file. */
const id = (name: string): string => `CANARY-key-${name}.`;
const who = (name: string): string => `CANARY-order-${name}.`;

function send(
  name: string,
  more: {
    readonly of?: string;
    readonly n?: number;
    readonly delivery?: string;
    readonly [x: string]: Json;
  } = {},
): Promise<AcceptResult> {
  const { of = name, n = 1, delivery = `${++deliveries}`, ...rest } = more;
  return bench.runtime.accept({
    event: 'shop.ordered',
    payload: {
      id: `CANARY-key-${name}`,
      who: `CANARY-order-${of}`,
      n: `CANARY-version-${String(n).padStart(4, '0')}.`,
      ...rest,
    },
    deliveryId: `CANARY-delivery-${delivery}`,
    source: 'shop',
  });
}

async function order(...given: Parameters<typeof send>): Promise<string> {
  const result = await send(...given);
  if (!result.ok) throw new Error(result.failure.message);
  return result.runs[0]!.runId;
}

function stateOf(runId: string, state: string): () => boolean {
  return () => bench.state(runId) === state;
}

async function approve(runId: string): Promise<void> {
  await until(() => bench.runtime.approvals().some((one) => one.runId === runId));
  await bench.runtime.decide(runId, 'yes', 'approve', 'ana', 'fine');
}

const ids = (runs: readonly { readonly runId: string }[]) => runs.map(({ runId }) => runId);

/** Keys of the effects that the target was asked for. */
const effectKeys = () => bench.target.calls.map(({ operation, key }) => `${operation} ${key}`);

/** Of the only run. */
function storedSalt(): unknown {
  const db = new DatabaseSync(bench.file, { readOnly: true });
  const row = db.prepare('SELECT salt FROM runs').get();
  db.close();
  return row!['salt'];
}

/** Stops what takes an older file over where it stands, until it is let go. */
function holdTakeover(): () => void {
  const { promise, resolve } = Promise.withResolvers<void>();
  bench.onTend = (chore) => (chore === 'sealOlder' ? promise : undefined);
  return () => {
    delete bench.onTend;
    resolve();
  };
}

describe('names in an encrypted file', () => {
  test('stand in no file in clear, and all that goes by them goes on', async () => {
    await open(keysNamed('k1'));
    const first = await order('a', { of: 'mila', delivery: 'first' });
    const second = await order('b', { of: 'mila', n: 2 });
    await bench.runtime.idle();
    // In their order: the second waits for the first.
    expect(bench.state(first)).toBe('waiting');
    expect(bench.state(second)).toBe('accepted');
    expect(bench.runtime.approvals()).toMatchObject([{ key: id('a') }]);
    await bench.crash();
    bench.target.script = { put: [{ fail: refused }] };
    await approve(first);
    await approve(second);
    await bench.runtime.idle();
    expect(bench.runtime.deadLetters()).toMatchObject([
      { runId: first, key: id('a'), eventId: 'CANARY-delivery-first' },
    ]);
    expect(bench.runtime.runs()).toMatchObject([{ key: id('b') }, { key: id('a') }]);
    expect(ids(bench.runtime.runs({ key: id('b') }))).toEqual([second]);
    expect(bench.runtime.trace({ key: id('b') }).length).toBeGreaterThan(3);
    for (const filter of [{ key: id('a') }, { deliveryId: 'CANARY-delivery-first' }]) {
      const dry = await bench.runtime.planReplay(filter, 'ana', 'again');
      expect(dry).toMatchObject({ ok: true, report: { runs: [{ runId: first, key: id('a') }] } });
    }
    // Known by their delivery, by their key, and by their version.
    const again = await send('a', { of: 'mila', delivery: 'first' });
    expect(again).toMatchObject({ duplicateDelivery: true, runs: [{ runId: first, started: false }] });
    expect(await send('b', { of: 'mila' })).toMatchObject({ runs: [{ runId: second, started: false }] });
    expect(await send('c', { of: 'mila' })).toMatchObject({ runs: [], older: ['orders'] });
    for (const [name, only] of [
      ['d', id('d')],
      ['d2', who('d')],
    ] as const) {
      const onlyKeys = [only];
      await bench.runtime.setSwitch({ kind: 'pause', pipeline: 'orders', onlyKeys }, 'ana', 'a test');
      const chosen = await order(name, { of: 'd' });
      await bench.runtime.idle();
      await approve(chosen);
      await bench.runtime.idle();
      expect(bench.state(chosen)).toBe('succeeded');
    }
    await bench.runtime.setSwitch(
      {
        kind: 'flag',
        pipeline: 'orders',
        keys: [id('e'), who('f')],
        events: [],
        share: 0,
        expiresAtMs: 2e12,
      },
      'ana',
      'a test',
    );
    await bench.restart();
    expect(bench.runtime.switches()).toMatchObject([{ keys: [id('e'), who('f')] }, { onlyKeys: [who('d')] }]);
    expect(await send('e')).toMatchObject({ runs: [{ started: true }] });
    expect(await send('f')).toMatchObject({ runs: [{ started: true }] });
    expect(await send('g')).toMatchObject({ runs: [], flaggedOff: ['orders'] });
    await bench.runtime.backup(`${bench.file}.backup`);
    expect(bytes().includes('CANARY')).toBe(false);
    expect(bytes(`${bench.file}.backup`).includes('CANARY')).toBe(false);
    await bench.runtime.stop();
    expect(bytes().includes('CANARY')).toBe(false);
    expect(problemsOf(bench)).toEqual([]);
  });

  test('make the same effects as in a file that is not', async () => {
    const made: string[][] = [];
    for (const encryption of [undefined, keysNamed('k1')]) {
      await open(encryption);
      const runId = await order('a');
      await bench.restart();
      await approve(runId);
      await bench.runtime.idle();
      expect(bench.state(runId)).toBe('succeeded');
      made.push(effectKeys());
      if (encryption === undefined) await bench.close();
    }
    expect(made[1]).toEqual(made[0]);
  });

  test('are shown to who reads the file with its keys; without, nothing is said to be absent', async () => {
    await open(keysNamed('k1'));
    const runId = await order('a');
    await bench.runtime.idle();
    await bench.runtime.stop();
    const withKeys = openLedger(bench.file, keysNamed('k1'));
    expect(withKeys.runs({ key: id('a') })).toMatchObject([{ runId, key: id('a') }]);
    withKeys.close();
    const without = openLedger(bench.file);
    expect(without.runs()).toMatchObject([{ runId, key: expect.stringMatching(DIGEST) }]);
    expect(() => without.runs({ key: id('a') })).toThrow(/are digests|as digests/);
    expect(() => without.trace({ key: id('a') })).toThrow(/as digests/);
    without.close();
  });

  test('go with the data: the run is found by who knows its key, which is told to nobody', async () => {
    await open(keysNamed('k1'));
    const runId = await order('a', { delivery: 'first' });
    await approve(runId);
    await bench.runtime.idle();
    await bench.runtime.backup(`${bench.file}.backup`);
    for (const subject of [id('a'), who('a')]) {
      const report = await bench.runtime.erase(subject, 'ana', 'request 17', false);
      expect(ids(report.runs)).toEqual([runId]);
    }
    await bench.runtime.erase(who('a'), 'ana', 'request 17', true);
    const [erased] = bench.runtime.runs();
    expect(erased!.key).toMatch(DIGEST);
    for (const key of [id('a'), erased!.key]) expect(ids(bench.runtime.runs({ key }))).toEqual([runId]);
    expect(await send('a')).toMatchObject({ runs: [{ runId, started: false, key: id('a') }] });
    expect(await send('a', { delivery: 'first' })).toMatchObject({
      duplicateDelivery: true,
      runs: [{ runId, key: id('a') }],
    });
    const other = await send('z', { delivery: 'first' });
    expect(other).toMatchObject({ duplicateDelivery: true, runs: [{ runId }] });
    expect(JSON.stringify(other), 'neither the key of the first nor its digest is told').not.toContain(
      '"key"',
    );
    await bench.runtime.idle();
    const backup = openLedger(`${bench.file}.backup`, { ...keysNamed('k1'), folder: keyFolder(bench.file) });
    expect(backup.runs()).toMatchObject([{ runId, key: erased!.key }]);
    backup.close();
  });

  test('of a file with the key files of another are refused', async () => {
    await open(keysNamed('k1'));
    const other = bench;
    await open(keysNamed('k1'));
    await order('a');
    await bench.runtime.stop();
    rmSync(keyFolder(bench.file), { recursive: true });
    cpSync(keyFolder(other.file), keyFolder(bench.file), { recursive: true });
    await expect(bench.restart()).rejects.toMatchObject({ code: 'RUNTIME_KEY_WRONG' });
    // Nor does who reads it hear that nothing is there.
    const reader = openLedger(bench.file, keysNamed('k1'));
    expect(reader.runs()).toMatchObject([{ key: expect.stringMatching(DIGEST) }]);
    expect(() => reader.runs({ key: id('a') })).toThrow(
      expect.objectContaining({ code: 'RUNTIME_KEY_WRONG' }),
    );
    expect(() => reader.trace({ key: id('a') })).toThrow(/those of another/);
    reader.close();
    await other.close();
  });
});

describe('a file whose names were in clear', () => {
  test('is taken over while runs go on: whatever is looked for is found in either form', async () => {
    await open();
    const parked = await order('p', { of: 'mila', delivery: 'p' });
    await bench.runtime.idle();
    bench.target.script = { put: [{ fail: refused }] };
    await approve(parked);
    await bench.runtime.idle();
    const waiting = await order('w', { of: 'mila', n: 2 });
    const behind = await order('x', { of: 'mila', n: 3 });
    await bench.runtime.setSwitch(
      { kind: 'pause', pipeline: 'others', onlyKeys: [id('w')] },
      'ana',
      'a test',
    );
    const ended = await order('e', { n: 5, delivery: 'e' });
    await approve(ended);
    await bench.runtime.idle();
    expect(bytes()).toContain('CANARY-key');
    bench.encryption = keysNamed('k1');
    const letGo = holdTakeover();
    await bench.crash();

    // Orders of one customer, of whom some stood there in clear.
    const later = await order('y', { of: 'mila', n: 4 });
    await bench.runtime.resume(parked, 'ana', 'mended');
    const calls = bench.target.calls.length;
    for (let turn = 0; turn < 200; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect([parked, waiting, behind, later].map((runId) => bench.state(runId))).toEqual([
      'running',
      'waiting',
      'accepted',
      'accepted',
    ]);
    expect(bench.target.calls).toHaveLength(calls);
    await approve(waiting);
    await until(stateOf(waiting, 'succeeded'));
    await until(stateOf(parked, 'succeeded'));
    await approve(behind);
    await until(stateOf(behind, 'succeeded'));
    await approve(later);
    await until(stateOf(later, 'succeeded'));

    const known = async () => {
      expect(await send('e', { n: 5, delivery: 'e' })).toMatchObject({ duplicateDelivery: true });
      expect(await send('e', { n: 6 })).toMatchObject({ runs: [{ runId: ended, started: false }] });
      expect(await send('e2', { of: 'e', n: 4 })).toMatchObject({ runs: [], older: ['orders'] });
      expect(await send('p', { of: 'mila', delivery: 'p' })).toMatchObject({ duplicateDelivery: true });
      expect(await send('y', { of: 'mila' })).toMatchObject({ runs: [{ runId: later, started: false }] });
      for (const [key, runId] of [
        ['e', ended],
        ['p', parked],
        ['y', later],
      ] as const) {
        expect(bench.runtime.runs({ key: id(key) })).toMatchObject([{ runId, key: id(key) }]);
        const report = await bench.runtime.erase(id(key), 'ana', 'a test', false);
        expect(ids(report.runs)).toEqual([runId]);
      }
      const dry = await bench.runtime.planReplay({ deliveryId: 'CANARY-delivery-e' }, 'ana', 'a test');
      expect(dry).toMatchObject({ ok: true, report: { runs: [{ runId: ended, key: id('e') }] } });
    };
    await known();
    expect(bench.runtime.protection().olderLeft).toBeGreaterThan(0);
    letGo();
    await bench.runtime.idle();
    expect(bench.runtime.protection().olderLeft).toBe(0);
    await known();
    await bench.runtime.backup(`${bench.file}.backup`);
    await bench.runtime.stop();
    // Entries stay as they were written; what is data of somebody is gone.
    for (const text of [bytes(), bytes(`${bench.file}.backup`)]) {
      expect(text.includes('CANARY-key')).toBe(false);
      expect(text.includes('CANARY-order')).toBe(false);
      expect(text.includes('CANARY-version')).toBe(false);
    }
    expect(problemsOf(bench)).toEqual([]);

    bench.encryption = keysNamed('k2', 'k1');
    await bench.restart();
    await bench.runtime.rewrapKeys('ana', 'yearly');
    bench.encryption = keysNamed('k2');
    await bench.restart();
    await known();
    await bench.runtime.stop();
    for (const suffix of ['', '-wal', '-shm', '.mark', '.checkpoints'])
      rmSync(bench.file + suffix, { force: true });
    cpSync(`${bench.file}.backup`, bench.file);
    bench.checkpoints = { setBack: 'the disk was lost' };
    await bench.restart();
    await known();
  });

  test('is taken over by halves, over crashes, and nothing of it is left in a page', async () => {
    bench = await openBench(planFor({ identity: plan.identity, steps: [call('put', 'acme.put')] }));
    bench.checkpoints = {};
    await bench.restart();
    const names = Array.from({ length: 350 }, (_, n) => `${n}`);
    for (const name of names)
      await order(name, { of: `${Number(name) % 40}`, n: Number(name), delivery: name });
    await bench.runtime.idle();
    bench.encryption = keysNamed('k1');
    for (const slices of [1, 5, 4, 3]) {
      let left = slices;
      const never = new Promise<never>(() => {});
      bench.onTend = (chore) => (chore === 'sealOlder' && left-- <= 0 ? never : undefined);
      await bench.crash();
      await until(() => left < 0);
      // As many as there are, however often each is come to.
      expect(bench.runtime.protection().olderLeft).toBeLessThanOrEqual(2 * names.length);
      for (const name of ['0', '99', '100', '250', '349']) {
        expect(await send(name, { delivery: name })).toMatchObject({ duplicateDelivery: true });
        expect(await send(name)).toMatchObject({ runs: [{ started: false }] });
        expect(bench.runtime.runs({ key: id(name) })).toMatchObject([{ key: id(name) }]);
      }
    }
    delete bench.onTend;
    await bench.crash();
    await bench.runtime.idle();
    expect(bench.runtime.protection().olderLeft).toBe(0);
    for (const name of names)
      expect(await send(name, { delivery: name })).toMatchObject({ duplicateDelivery: true });
    await bench.runtime.stop();
    const rest = bytes();
    expect(rest.includes('CANARY-key')).toBe(false);
    expect(rest.includes('CANARY-order')).toBe(false);
    expect(rest.includes('CANARY-version')).toBe(false);
    expect(problemsOf(bench)).toEqual([]);
  });

  test('a key that was let go, and taken again meanwhile, stands for the later run', async () => {
    const brief = planFor({
      identity: { key: plan.identity.key, retainMs: 1_000 },
      steps: [call('put', 'acme.put')],
    });
    bench = await openBench(brief);
    const earlier = await order('a');
    await bench.pass(2_000);
    bench.encryption = keysNamed('k1');
    const letGo = holdTakeover();
    await bench.crash();
    const later = await order('a');
    expect(later).not.toBe(earlier);
    await until(stateOf(later, 'succeeded'));
    const known = () => send('a');
    expect(await known()).toMatchObject({ runs: [{ runId: later, started: false }] });
    letGo();
    await bench.runtime.idle();
    expect(await known()).toMatchObject({ runs: [{ runId: later, started: false }] });
    await bench.runtime.stop();
    expect(bytes().includes('CANARY-key')).toBe(false);
  });

  test.each(['erased', 'let go by retention'])(
    'a run that is %s while the file is taken over stands for its key as before',
    async (how) => {
      await open();
      const named = await order('a', { n: 2 });
      await bench.runtime.idle();
      bench.encryption = keysNamed('k1');
      const letGo = holdTakeover();
      await bench.crash();
      await approve(named);
      await until(stateOf(named, 'succeeded'));
      if (how === 'erased') await bench.runtime.erase(id('a'), 'ana', 'request 17', true);
      else bench.clock.advance(31 * DAY_MS);
      await until(() => storedSalt() === null);
      expect(bench.runtime.protection().olderLeft).toBeGreaterThan(0);
      letGo();
      await bench.runtime.idle();
      expect(bench.runtime.protection().olderLeft).toBe(0);
      expect(await send('a', { n: 3 })).toMatchObject({ runs: [{ runId: named, started: false }] });
      expect(await send('b', { of: 'a', n: 1 })).toMatchObject({ runs: [], older: ['orders'] });
      expect(ids(bench.runtime.runs({ key: id('a') }))).toEqual([named]);
    },
  );

  test('ended children of runs that may have to undo them are named a slice at a time', async () => {
    await open();
    await order('a');
    await bench.runtime.idle();
    await bench.runtime.stop();
    const db = new DatabaseSync(bench.file);
    const columns = db
      .prepare('PRAGMA table_info(runs)')
      .all()
      .map(({ name }) => String(name))
      .filter((name) => !['seq', 'run_id', 'state', 'due_at', 'claimed'].includes(name))
      .join(', ');
    db.exec(`WITH RECURSIVE n (n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM n WHERE n < 1501)
      INSERT INTO runs (seq, run_id, state, ${columns}) SELECT n, 'child-' || n, 'succeeded', ${columns} FROM n JOIN runs ON seq = 1`);
    db.exec(`INSERT INTO children (run_seq, parent_seq, parent_key, parent_step, root_seq, hops, deadline_ms)
      SELECT seq, 1, seq, 'sub', 1, 1, 1000 FROM runs WHERE seq > 1`);
    const sealer = new Sealer(bench.file, db, keysNamed('k1'));
    // As a start makes it.
    sealer.systemKey();
    markEncrypted(db);
    proveNames(db, bench.file, sealer.names);
    const inClear = () =>
      Number(db.prepare(`SELECT count(*) AS n FROM runs WHERE substr(order_key, 1, 1) <> '~'`).get()!['n']);
    const left = [inClear()];
    while (nameLanes(db, sealer) > 0) if (inClear() !== left.at(-1)) left.push(inClear());
    db.close();
    expect(left).toEqual([1501, 1500, 500, 0]);
  });

  test('switches alone are taken over as well', async () => {
    await open();
    await bench.runtime.setSwitch(
      { kind: 'pause', pipeline: 'orders', onlyKeys: [id('a')] },
      'ana',
      'a test',
    );
    bench.encryption = keysNamed('k1');
    await bench.crash();
    await bench.runtime.idle();
    expect(bench.runtime.switches()).toMatchObject([{ onlyKeys: [id('a')] }]);
    await bench.runtime.stop();
    // Once, in its entry, which was written before.
    expect(bytes().split('CANARY-key')).toHaveLength(2);
  });
});
