import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { BatchWriter } from './apply-batch.ts';
import { openDatabase } from './database.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tenon-batch-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

test('the write-ahead log is emptied even where the file cannot be written anew, and that is said', () => {
  const file = join(folder, 'runtime.db');
  const made = openDatabase(file);
  const writer = new BatchWriter(file, 'elsewhere');
  writer.apply([[['putSetting', 'a', '"CANARY"']]]);
  expect(statSync(`${file}-wal`).size).toBeGreaterThan(0);
  // Stands for a disk without room: nothing can be written but what a checkpoint moves.
  writer.pragma('query_only = ON');
  expect(() => writer.scrub('writeAnew')).toThrow('readonly');
  expect(statSync(`${file}-wal`).size).toBe(0);
  writer.close();
  made.close();
});
