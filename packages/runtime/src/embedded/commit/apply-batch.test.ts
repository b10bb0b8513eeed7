import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { until } from '../../testing/until.ts';
import { openDatabase } from '../file/database.ts';
import { BatchWriter, emptyLog, writeAnew } from './apply-batch.ts';

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

test('the write-ahead log is emptied once a checkpoint of another thread has ended, which SQLite waits for in no case', async () => {
  const file = join(folder, 'runtime.db');
  const db = openDatabase(file);
  // A checkpoint that waits for a reader holds the lock of checkpoints meanwhile; then both are gone.
  const other = new Worker(
    `const { DatabaseSync } = require('node:sqlite');
     const { parentPort, workerData: { file } } = require('node:worker_threads');
     const reader = new DatabaseSync(file);
     reader.exec('BEGIN');
     reader.prepare('SELECT * FROM runs').all();
     const checkpoint = new DatabaseSync(file);
     checkpoint.exec('PRAGMA busy_timeout = 500');
     parentPort.once('message', () => {
       // Sent away at once where the other side asks just then whether it is under way: begun, it takes its timeout.
       for (let tookMs = 0; tookMs < 250; ) {
         const askedAt = performance.now();
         checkpoint.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get();
         tookMs = performance.now() - askedAt;
       }
       reader.exec('COMMIT');
       reader.close();
       checkpoint.close();
     });
     parentPort.postMessage('reads');`,
    { eval: true, workerData: { file } },
  );
  await once(other, 'message');
  // What the reader does not see yet.
  db.exec(`INSERT INTO settings VALUES ('x', 'y')`);
  const ended = once(other, 'exit');
  other.postMessage('begin');
  await isUnderWay(db);
  emptyLog(db);
  expect(statSync(`${file}-wal`).size).toBe(0);
  db.close();
  await ended;
});

async function isUnderWay(db: DatabaseSync): Promise<void> {
  await until(() => db.prepare('PRAGMA wal_checkpoint(PASSIVE)').get()?.['log'] === -1);
}
