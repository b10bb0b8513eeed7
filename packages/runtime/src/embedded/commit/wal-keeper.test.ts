import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openDatabase } from '../file/database.ts';
import { BatchWriter } from './apply-batch.ts';
import { type Checkpoint, WalKeeper, type WalPages } from './wal-keeper.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tenon-wal-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const still = { steady: () => 0 };

/** All on one thread, so that a busy machine changes nothing: commits come where a thread's would, between any two checkpoints. */
test('the log begins anew while commits go on, however they fall between its checkpoints', () => {
  const file = join(folder, 'runtime.db');
  const database = openDatabase(file);
  const writer = new BatchWriter(file, 'elsewhere');
  const own = new DatabaseSync(file);
  own.exec('PRAGMA wal_autocheckpoint = 0');
  const reader = new DatabaseSync(file);
  let rows = 0;
  const commit = (bytes: number): void => {
    const value = JSON.stringify('x'.repeat(bytes));
    expect(writer.apply([[['putJournal', rows++, 'step#1', 0, value]]])).toEqual([undefined]);
  };
  const keeper = new WalKeeper((mode) => {
    // What came after a reader had begun is not copied while it reads: as of what comes while a thread copies, something is always left.
    if (mode === 'PASSIVE') {
      reader.exec('BEGIN; SELECT count(*) FROM journal');
      commit(16);
    }
    const row = own.prepare(`PRAGMA wal_checkpoint(${mode})`).get();
    if (mode === 'PASSIVE') reader.exec('ROLLBACK');
    const all = Number(row?.['log']);
    return { all, left: all - Number(row?.['checkpointed']) };
  }, still);
  let longestBytes = 0;
  for (let writtenBytes = 0; writtenBytes < 2 * BOUND_BYTES; writtenBytes += 256 * 1024) {
    commit(256 * 1024);
    keeper.look(() => {
      commit(16);
      writer.tend('emptyWal');
    });
    longestBytes = Math.max(longestBytes, statSync(`${file}-wal`).size);
  }
  expect(longestBytes).toBeLessThan(BOUND_BYTES);
  expect(database.prepare('SELECT count(*) AS n FROM journal').get()).toMatchObject({ n: rows });
  for (const connection of [own, reader]) connection.close();
  writer.close();
  database.close();
});

/** A quarter more than what is to begin it anew. */
const BOUND_BYTES = 40 << 20;

/** A keeper over a WAL of so many pages, what it did, and how often it asked. */
function looked(): {
  wal: WalPages;
  isFree: boolean;
  nowMs: number;
  readonly done: string[];
  look(): readonly string[];
} {
  const checkpoint: Checkpoint = (mode) => {
    if (mode !== 'NOOP') bench.done.push(mode);
    if (mode === 'TRUNCATE' && bench.isFree) bench.wal = { all: 0, left: 0 };
    return bench.wal;
  };
  const keeper = new WalKeeper(checkpoint, { steady: () => bench.nowMs });
  const bench = {
    wal: { all: 0, left: 0 },
    /** Nobody is in the way of a TRUNCATE. */
    isFree: false,
    nowMs: 0,
    done: [] as string[],
    look: () => {
      const told = keeper.look(() => bench.done.push('ask'));
      if (told !== undefined) bench.done.push(`told: ${told}`);
      return bench.done.splice(0);
    },
  };
  return bench;
}

test('a log that is small, or copied already, is left alone', () => {
  const bench = looked();
  expect(bench.look()).toEqual([]);
  bench.wal = { all: 2_047, left: 255 };
  expect(bench.look()).toEqual([]);
  bench.wal = { all: 3_000, left: 0 };
  expect(bench.look(), 'the next commit begins it anew').toEqual([]);
});

test('the writer is asked for the rest once, until more has come', () => {
  const bench = looked();
  bench.wal = { all: 2_048, left: 100 };
  expect(bench.look()).toEqual(['ask']);
  expect(bench.look()).toEqual([]);
  bench.wal = { all: 2_050, left: 102 };
  expect(bench.look()).toEqual(['ask']);
});

test('too much for the writer is copied first, and left to it all the same once the log is twice as long as it should be', () => {
  const bench = looked();
  const copied = Array.from({ length: 8 }, () => 'PASSIVE');
  bench.wal = { all: 2_048, left: 513 };
  expect(bench.look()).toEqual(copied);
  bench.wal = { all: 4_096, left: 513 };
  expect(bench.look()).toEqual([...copied, 'ask']);
});

test('a reader that stays has the writer stand aside, and not again for five seconds, and is told at each look until it is gone', () => {
  const bench = looked();
  const told = expect.stringMatching(/^told: a reader stays in it/);
  bench.wal = { all: 8_192, left: 0 };
  expect(bench.look()).toEqual(['TRUNCATE', told]);
  bench.nowMs = 4_999;
  expect(bench.look()).toEqual([told]);
  bench.nowMs = 5_000;
  expect(bench.look()).toEqual(['TRUNCATE', told]);
  bench.nowMs = 10_000;
  bench.isFree = true;
  expect(bench.look()).toEqual(['TRUNCATE']);
  expect(bench.look()).toEqual([]);
});
