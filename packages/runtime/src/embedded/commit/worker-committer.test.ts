import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openDatabase } from '../file/database.ts';
import type { Write } from '../file/statements.ts';
import { BatchWriter } from './apply-batch.ts';
import type { Committer } from './commit-queue.ts';
import { inlineCommitter } from './inline-committer.ts';
import { workerCommitter } from './worker-committer.ts';

let committer: Committer | undefined;
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tenon-committer-'));
});

afterEach(async () => {
  await committer?.close();
  committer = undefined;
  rmSync(folder, { recursive: true });
});

/**
 * How large the log may become is `WalKeeper`'s, and its test's. Here it is prepared so that its thread leaves the rest to the one that commits:
 * long enough to begin anew, and all but a few pages copied. However late the threads come to it, nothing else begins it anew.
 */
test('what is left of a long write-ahead log is copied by the thread that commits, and the next commit begins it anew', async () => {
  const file = join(folder, 'runtime.db');
  const database = openDatabase(file);
  const row = (seq: number, bytes: number): Write => [
    'putJournal',
    seq,
    'step#1',
    0,
    JSON.stringify('x'.repeat(bytes)),
  ];
  const early = new BatchWriter(file, 'elsewhere');
  let rows = 0;
  for (; rows < 5; rows++) early.apply([[row(rows, 8 << 20)]]);
  // What came after a reader had begun is not copied while it reads.
  const reader = new DatabaseSync(file);
  reader.exec('BEGIN; SELECT count(*) FROM journal');
  early.apply([[row(rows++, 10)]]);
  database.exec('PRAGMA wal_checkpoint(PASSIVE)');
  reader.close();
  early.close();
  const long = logIn(file);
  const problems: string[] = [];
  committer = workerCommitter(file, (problem) => problems.push(problem));
  // Asked before the commit thread is up, nobody does it; it is asked again once more has come. Of more than this its own thread copies some.
  for (let n = 1; logIn(file) === long && leftIn(database) < 100; n++) {
    expect(await committer.apply([[row(rows++, 10)]])).toEqual([undefined]);
    await new Promise((resolve) => setTimeout(resolve, n * LOOK_MS));
  }
  expect(logIn(file)).not.toBe(long);
  expect(problems).toEqual([]);
  expect(database.prepare('SELECT count(*) AS n FROM journal').get()).toMatchObject({ n: rows });
  database.close();
});

/** As long as its thread waits between two looks. */
const LOOK_MS = 50;

/** Pages of the log that are not in the file yet. */
function leftIn(database: DatabaseSync): number {
  const row = database.prepare('PRAGMA wal_checkpoint(NOOP)').get();
  return Number(row?.['log']) - Number(row?.['checkpointed']);
}

/** What tells one beginning of the write-ahead log from the next: the salt in its header. */
function logIn(file: string): string {
  return readFileSync(`${file}-wal`).toString('hex', 16, 24);
}

test('once the disk has refused a batch, nothing that was on its way behind it is stored', async () => {
  const file = join(folder, 'runtime.db');
  const database = openDatabase(file);
  const inline = inlineCommitter(file);
  committer = inline;
  const row = (seq: number, bytes: number): Write => [
    'putJournal',
    seq,
    'step#1',
    0,
    JSON.stringify('x'.repeat(bytes)),
  ];
  expect(await inline.apply([[row(1, 10)]])).toEqual([undefined]);
  inline.pragma('max_page_count = 60');
  await expect(inline.apply([[row(2, 1 << 20)]])).rejects.toThrow(/full/);
  inline.pragma('max_page_count = 4294967294');
  await expect(inline.apply([[row(3, 10)]])).rejects.toThrow(/full/);
  expect(database.prepare('SELECT run_seq FROM journal').all()).toMatchObject([{ run_seq: 1 }]);
  database.close();
});
