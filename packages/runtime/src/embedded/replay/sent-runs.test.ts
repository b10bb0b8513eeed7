import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import type { EmbeddedEngine } from '../engine.ts';
import { migrate } from '../file/schema.ts';
import { Statements } from '../file/statements.ts';
import { SentRuns } from './sent-runs.ts';

test('how a run stands is found without reading all that wait behind the same run', () => {
  const db = new DatabaseSync(':memory:');
  migrate(db, ':memory:');
  const put =
    db.prepare(`INSERT INTO runs (seq, run_id, pipeline, version, plan_hash, key, order_key, event_seq, correlation_id, traceparent, owner, state, accepted_at, updated_at, behind, paused_since)
    VALUES (?1, ?1, 'orders', 1, 'h', ?1, 'one', 1, 'c', 't', 'sales', ?2, 1, 1, ?3, 1)`);
  db.exec('BEGIN');
  put.run(1, 'waiting', 0);
  for (let seq = 2; seq <= 20_000; seq++) put.run(seq, 'running', 1);
  db.exec('COMMIT');
  const read = new Statements(db);
  // Of the engine no more is used here.
  const sent = new SentRuns({ read, now: () => 10 } as unknown as EmbeddedEngine);
  for (let seq = 2; seq <= 201; seq++) sent.add({ seq, token: 't', pipeline: 'orders' });
  const from = performance.now();
  expect(sent.ended()).toEqual([]);
  expect(performance.now() - from).toBeLessThan(100);
  db.close();
});
