import type * as Fs from 'node:fs';
import { copyFileSync, existsSync, readFileSync } from 'node:fs';
import { extname } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { type Bench, openBench, openBenchWith, testKey } from '../../testing/bench.ts';
import { planFor, undoable } from '../../testing/plan.ts';
import { openLedger } from './open-ledger.ts';

/** What is done to names, and the syncs of folders between, in their order. Each is told before it happens. */
const disk = vi.hoisted(() => ({ before: (_what: string): void => {} }));

vi.mock('node:fs', async (original) => {
  const fs = await original<typeof Fs>();
  const folders = new Set<number>();
  return {
    ...fs,
    renameSync: (from: string, to: string) => {
      disk.before(`name ${extname(to)}`);
      fs.renameSync(from, to);
    },
    rmSync: (file: string, options?: Fs.RmOptions) => {
      if (fs.existsSync(file) && !fs.statSync(file).isDirectory()) disk.before(`remove ${extname(file)}`);
      fs.rmSync(file, options);
    },
    openSync: (...opened: Parameters<typeof fs.openSync>) => {
      const handle = fs.openSync(...opened);
      folders.delete(handle);
      if (fs.fstatSync(handle).isDirectory()) folders.add(handle);
      return handle;
    },
    fsyncSync: (handle: number) => {
      if (folders.has(handle)) disk.before('sync folder');
      fs.fsyncSync(handle);
    },
  };
});

let bench: Bench;
afterEach(() => {
  disk.before = () => {};
  return bench.close();
});

/** An older copy with its checkpoints, and some orders since. */
async function olderCopy(): Promise<string> {
  bench = await openBench(planFor({ steps: [] }));
  bench.checkpoints = { everyRows: 1 };
  await bench.restart();
  const copy = `${bench.file}.copy`;
  await bench.order({ id: 'a' });
  await bench.runtime.idle();
  await bench.runtime.backup(copy);
  for (let n = 0; n < 5; n++) await bench.order({ id: `b${n}` });
  await bench.runtime.idle();
  return copy;
}

/** How many runs the copy holds, and what its checkpoints say against it. */
function read(copy: string) {
  const ledger = openLedger(copy);
  const file = `${copy}.checkpoints`;
  const checkpoints = existsSync(file)
    ? [{ name: 'own', lines: readFileSync(file, 'utf8').split('\n') }]
    : [];
  const { findings } = ledger.verify({ checkpoints, keys: [testKey.publicKey] });
  const problems = [...ledger.check(), ...findings.map(({ code }) => code)];
  const runs = ledger.runs().length;
  ledger.close();
  return { runs, problems, isSigned: checkpoints.length > 0 };
}

test('whoever dies while a copy is put in the place of an older one leaves one of both, whole', async () => {
  const copy = await olderCopy();
  const left: string[] = [];
  disk.before = () => {
    const dead = `${bench.file}.dead-${left.length}`;
    left.push(dead);
    for (const suffix of ['', '.checkpoints'])
      if (existsSync(`${copy}${suffix}`)) copyFileSync(`${copy}${suffix}`, `${dead}${suffix}`);
  };
  await bench.runtime.backup(copy);
  disk.before = () => {};
  const reads = left.map(read);
  expect(reads.flatMap(({ problems }) => problems)).toEqual([]);
  expect(new Set(reads.map(({ runs }) => runs))).toEqual(new Set([1, 6]));
  expect(read(copy)).toEqual({ runs: 6, problems: [], isSigned: true });
});

test('the folder of a copy is synced after each of its names, before the next is given', async () => {
  const copy = await olderCopy();
  const done: string[] = [];
  disk.before = (what) => done.push(what);
  await bench.runtime.backup(copy);
  expect(done).toEqual([
    'remove .checkpoints',
    'sync folder',
    'name .copy',
    'sync folder',
    'name .checkpoints',
    'sync folder',
    'remove .lock',
  ]);
});

test.each([
  ['EINVAL', 'is made where a folder cannot be synced, as on some mounts'],
  ['EIO', 'fails where the disk does'],
])('a copy whose folder answers %s to a sync %s', async (code) => {
  const copy = await olderCopy();
  disk.before = (what) => {
    if (what === 'sync folder') throw Object.assign(new Error(`${code}: fsync`), { code });
  };
  const copying = bench.runtime.backup(copy);
  if (code === 'EIO') return expect(copying).rejects.toMatchObject({ code: 'RUNTIME_BACKUP_FAILED' });
  await copying;
  expect(read(copy)).toEqual({ runs: 6, problems: [], isSigned: true });
});

test('a copy is not left beside the checkpoints of an older one of another database', async () => {
  const copy = await olderCopy();
  const other = await openBench(planFor({ steps: [] }));
  try {
    await other.runtime.backup(copy);
    expect(existsSync(`${copy}.checkpoints`)).toBe(false);
    expect(read(copy)).toEqual({ runs: 0, problems: [], isSigned: false });
  } finally {
    await other.close();
  }
});

test('what came after a backup that is put back is new, with the same idempotency keys; what came before is known', async () => {
  bench = await openBench(planFor({ steps: [undoable('one')] }));
  const told = (deliveryId: string, id: string, cursor: string) => ({
    event: 'shop.ordered',
    payload: { id, plan: 'pro' },
    deliveryId,
    source: 'shop',
    cursor: { name: 'listing', value: cursor },
  });
  await bench.runtime.accept(told('d1', 'a', 'page 1'));
  await bench.runtime.idle();
  const copy = `${bench.file}.copy`;
  await bench.runtime.backup(copy);
  await bench.runtime.accept(told('d2', 'b', 'page 2'));
  await bench.runtime.idle();
  const sent = bench.target.calls.map(({ key }) => key);
  expect(sent).toHaveLength(2);
  const begun = readFileSync(copy);
  await bench.close();
  bench = await openBenchWith({ begun }, []);
  // Ids are made of time and chance, both of which begin anew here.
  bench.clock.advance(60_000);
  expect(bench.runtime.cursor('listing'), 'a poll goes on from there').toBe('page 1');
  expect(await bench.runtime.accept(told('d1', 'a', 'page 1'))).toMatchObject({ duplicateDelivery: true });
  expect(await bench.runtime.accept(told('d2', 'b', 'page 2'))).toMatchObject({
    duplicateDelivery: false,
    runs: [{ started: true }],
  });
  // Sent under another delivery's id by a sender that makes them anew: the business key tells.
  expect(await bench.runtime.accept(told('d3', 'a', 'page 2'))).toMatchObject({ runs: [{ started: false }] });
  await bench.runtime.idle();
  expect(bench.target.calls.map(({ key }) => key)).toEqual([sent[1]]);
});
