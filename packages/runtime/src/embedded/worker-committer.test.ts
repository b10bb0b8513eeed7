import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { BatchResult } from './apply-batch.ts';
import type { Committer } from './commit-queue.ts';
import { openDatabase } from './database.ts';
import { inlineCommitter } from './inline-committer.ts';
import type { Write } from './statements.ts';
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

test('the write-ahead log begins anew while commits go on, and nothing that was told is missing', async () => {
  const file = join(folder, 'runtime.db');
  const database = openDatabase(file);
  const problems: string[] = [];
  committer = workerCommitter(file, (problem) => problems.push(problem));
  const text = (bytes: number): string => JSON.stringify('x'.repeat(bytes));
  const [much, little] = [text(256 * 1024), text(16 * 1024)];
  // Three times what is to begin it anew, and less than what locks the writer out.
  const boundBytes = 96 << 20;
  let longestBytes = 0;
  let writtenBytes = 0;
  let rows = 0;
  let before: Promise<BatchResult> = Promise.resolve([undefined]);
  for (; writtenBytes < 1.3 * boundBytes && rows < 3_000; rows++) {
    // A busy machine is slow to look: from here on less comes in, but never nothing.
    const value = longestBytes > boundBytes / 2 ? little : much;
    const row: Write = ['putJournal', rows, 'step#1', 0, value];
    writtenBytes += value.length;
    const next = committer.apply([[row]]);
    expect(await before).toEqual([undefined]);
    before = next;
    // Messages of the threads come in.
    await new Promise((resolve) => setImmediate(resolve));
    longestBytes = Math.max(longestBytes, statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0);
  }
  expect(await before).toEqual([undefined]);
  expect(longestBytes).toBeLessThan(boundBytes);
  expect(problems).toEqual([]);
  expect(database.prepare('SELECT count(*) AS n FROM journal').get()).toMatchObject({ n: rows });
  database.close();
});

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
