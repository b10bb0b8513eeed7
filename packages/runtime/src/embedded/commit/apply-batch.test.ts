import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openDatabase } from '../file/database.ts';
import { BatchWriter, writeAnew } from './apply-batch.ts';

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

test('where no temporary file can be made a file is written anew in memory, and stays so for what comes', () => {
  const db = openDatabase(join(folder, 'runtime.db'));
  db.exec(`INSERT INTO settings VALUES ('a', '${'CANARY'.repeat(10_000)}'); DELETE FROM settings`);
  const pages = () => Number(db.prepare('PRAGMA page_count').get()?.['page_count']);
  const before = pages();
  const asked: string[] = [];
  const exec = db.exec.bind(db);
  db.exec = (sql) => {
    asked.push(sql);
    // Stands for a machine without a folder for temporary files.
    if (sql.includes('FILE')) throw new Error('unable to open database file');
    exec(sql);
  };
  writeAnew(db);
  expect(asked).toEqual([
    'PRAGMA temp_store = FILE; VACUUM',
    'PRAGMA temp_store = MEMORY; VACUUM',
    'PRAGMA temp_store = MEMORY',
  ]);
  expect(pages()).toBeLessThan(before);
  expect(Number(db.prepare('PRAGMA temp_store').get()?.['temp_store'])).toBe(2);
  db.close();
});
