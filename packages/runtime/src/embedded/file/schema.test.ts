import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { openReplays } from '../replay/replays.ts';
import { openDatabase } from './database.ts';
import { migrate } from './schema.ts';
import { writes } from './statements.ts';

test('a journal in the order of its keys is taken over in theirs, and nothing of it is left in the pages that it leaves', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tenon-schema-'));
  const file = join(folder, 'runtime.db');
  const older = new DatabaseSync(file);
  older.exec('PRAGMA page_size = 16384; PRAGMA journal_mode = WAL');
  migrate(older, file, 13);
  const put = older.prepare('INSERT INTO journal (run_seq, key, at, value) VALUES (?, ?, ?, ?)');
  for (let run = 50; run > 0; run--)
    for (const key of ['two#1', 'one#1'])
      put.run(run, key, run, JSON.stringify(`canary-${'x'.repeat(3_000)}`));
  older.close();

  const database = openDatabase(file);
  const rows = database.prepare('SELECT run_seq, key, at FROM journal WHERE run_seq = 7').all();
  expect(rows).toMatchObject([
    { run_seq: 7, key: 'one#1', at: 7 },
    { run_seq: 7, key: 'two#1', at: 7 },
  ]);
  expect(database.prepare('SELECT count(*) AS n FROM journal').get()).toMatchObject({ n: 100 });
  expect(() => database.prepare(`INSERT INTO journal VALUES (NULL, 7, 'one#1', 0, 'null')`).run()).toThrow(
    /UNIQUE/,
  );
  database.exec('PRAGMA secure_delete = ON; DELETE FROM journal; PRAGMA wal_checkpoint(TRUNCATE)');
  database.close();
  expect(readFileSync(file).includes('canary-')).toBe(false);
  rmSync(folder, { recursive: true });
});

test('a file that there is no room to take over stands as it was, is told so, and is taken over once there is', () => {
  const database = new DatabaseSync(':memory:');
  migrate(database, 'runtime.db', 13);
  const put = database.prepare('INSERT INTO journal (run_seq, key, at, value) VALUES (?, ?, 1, ?)');
  for (let run = 1; run <= 100; run++) put.run(run, 'one#1', 'x'.repeat(1_000));
  const { page_count: pages } = database.prepare('PRAGMA page_count').get()!;
  database.exec(`PRAGMA max_page_count = ${Number(pages) + 20}`);
  const taken = (): object => ({
    ...database.prepare('PRAGMA user_version').get(),
    ...database.prepare('SELECT count(*) AS rows FROM journal').get(),
  });

  expect(() => migrate(database, 'runtime.db')).toThrow(
    expect.objectContaining({
      code: 'RUNTIME_FILE_UNREADABLE',
      message: expect.stringMatching(/^runtime\.db is of an earlier version .* stands as it was: .*full/),
    }),
  );
  expect(database.isTransaction).toBe(false);
  expect(taken()).toEqual({ user_version: 13, rows: 100 });

  database.exec('PRAGMA max_page_count = 4294967294');
  migrate(database, 'runtime.db');
  expect(taken()).toEqual({ user_version: expect.any(Number), rows: 100 });
  expect(taken()).not.toMatchObject({ user_version: 13 });
  database.close();
});

test('a refused move takes the transaction back, in a file of an earlier version too', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tenon-schema-'));
  const file = join(folder, 'runtime.db');
  const older = new DatabaseSync(file);
  older.exec('PRAGMA page_size = 16384; PRAGMA journal_mode = WAL');
  migrate(older, file, 15);
  older.exec(`INSERT INTO runs (seq, run_id, pipeline, version, plan_hash, key, event_seq, correlation_id, traceparent, owner, state, accepted_at, updated_at, claimed)
    VALUES (1, 'a', 'orders', 1, 'h', 'k', 1, 'c', 't', 'sales', 'running', 1, 1, 1)`);
  older.close();

  const database = openDatabase(file);
  database.exec('BEGIN IMMEDIATE; UPDATE runs SET updated_at = 7');
  const move = database.prepare('UPDATE OR ROLLBACK runs SET state = ? WHERE seq = 1');
  expect(() => move.run('compensated')).toThrow('RUN_TRANSITION_ILLEGAL');
  expect(database.isTransaction).toBe(false);
  expect(database.prepare('SELECT state, updated_at FROM runs').get()).toMatchObject({
    state: 'running',
    updated_at: 1,
  });
  move.run('succeeded');
  expect(() => move.run('compensating')).toThrow('RUN_TRANSITION_ILLEGAL');
  database.close();
  rmSync(folder, { recursive: true });
});

test('what a process had taken is found without the compensations that wait, in a file of an earlier version too', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tenon-schema-'));
  const file = join(folder, 'runtime.db');
  const older = new DatabaseSync(file);
  older.exec('PRAGMA page_size = 16384; PRAGMA journal_mode = WAL');
  migrate(older, file, 16);
  const put =
    older.prepare(`INSERT INTO runs (seq, run_id, pipeline, version, plan_hash, key, event_seq, correlation_id, traceparent, owner, state, accepted_at, updated_at, claimed, due_at)
    VALUES (?1, ?1, 'orders', 1, 'h', ?1, 1, 'c', 't', 'sales', ?2, 1, 1, ?3, ?4)`);
  older.exec('BEGIN');
  // For a child, for a moment; held by a switch since a crash.
  for (let seq = 1; seq <= 500; seq++) put.run(seq, 'compensating', 0, seq % 2 === 0 ? null : 9e12);
  put.run(501, 'compensating', 2, null);
  put.run(502, 'compensating', 1, null);
  put.run(503, 'running', 1, null);
  put.run(504, 'waiting', 2, 9e12);
  older.exec('COMMIT');
  older.close();

  const database = openDatabase(file);
  const plan = database.prepare(`EXPLAIN QUERY PLAN ${writes.reclaim}`).all();
  const reads = plan.map(({ detail }) => String(detail)).filter((detail) => /\bruns\b/.test(detail));
  expect(reads).toEqual([
    'SEARCH runs USING INTEGER PRIMARY KEY (rowid=?)',
    'SEARCH runs USING INDEX runs_open (state=?)',
    expect.stringMatching(/^SCAN runs USING (COVERING )?INDEX runs_undoing$/),
  ]);
  database.prepare(writes.reclaim).run();
  const due = database.prepare('SELECT seq, claimed FROM runs WHERE due_at = 0 ORDER BY seq').all();
  expect(due).toEqual([501, 502, 503].map((seq) => expect.objectContaining({ seq, claimed: 2 })));
  database.close();
  rmSync(folder, { recursive: true });
});

test('runs of replays that are open are found without those of replays that are done', () => {
  const database = new DatabaseSync(':memory:');
  migrate(database, ':memory:');
  const reads = Object.values(openReplays).map((sql) =>
    database
      .prepare(`EXPLAIN QUERY PLAN ${sql}`)
      .all()
      .map(({ detail }) => String(detail))
      .filter((detail) => /\b(p|replay_runs)\b/.test(detail)),
  );
  expect(reads).toEqual([
    [
      'SEARCH replay_runs USING COVERING INDEX replay_runs_open (state=?)',
      'SEARCH replay_runs USING COVERING INDEX replay_runs_open (state=? AND token>?)',
    ],
    ['SEARCH p USING COVERING INDEX replay_runs_open (state=?)'],
  ]);
  database.close();
});

test.each([
  ['would send again what a person did by hand', 17],
  ['knows no row of a step that was left out, and no run that was cancelled during its last call', 18],
  ['would take an event of another account for one that is waited for', 20],
  ['says of no run over which connection its event came', 21],
])('a file is opened no more by a version that %s', (_, last) => {
  const database = new DatabaseSync(':memory:');
  // As the last such version leaves it.
  migrate(database, ':memory:', last);
  expect(database.prepare('PRAGMA user_version').get()).toMatchObject({ user_version: last });
  migrate(database, ':memory:');
  const { user_version: version } = database.prepare('PRAGMA user_version').get()!;
  expect(version).toBeGreaterThan(last);
  database.close();
});
