import { DatabaseSync } from 'node:sqlite';
import { manualClock } from '@tenon/model';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { migrate } from '../file/schema.ts';
import { Statements } from '../file/statements.ts';
import { OpenPlans } from './open-plans.ts';

let db: DatabaseSync;
beforeEach(() => {
  db = new DatabaseSync(':memory:');
  migrate(db, ':memory:');
});
afterEach(() => db.close());

function put(hash: string, state: string, count = 1): void {
  db.prepare(
    `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
     INSERT INTO runs (run_id, pipeline, version, plan_hash, key, event_seq, correlation_id, traceparent, owner, state, accepted_at, updated_at)
     SELECT hex(randomblob(8)), 'orders', 1, ?, 'k', 1, 'c', 't', 'o', ?, 0, 0 FROM n`,
  ).run(count, hash, state);
}

function opened(statements = new Statements(db)) {
  const clock = manualClock(0);
  const works: Promise<void>[] = [];
  const plans = new OpenPlans(statements, {
    clock,
    isStopping: () => false,
    busy: (work) => {
      const done = work();
      works.push(done);
      return done;
    },
  });
  const hashes = (...inForce: string[]) => {
    const found = plans.hashes(inForce);
    return found === 'any' ? found : [...found].toSorted();
  };
  return { plans, clock, hashes, looked: () => Promise.all(works), looks: () => works.length };
}

describe('plans that runs which have not ended keep to', () => {
  test('are told at once where they are few', () => {
    put('a', 'waiting');
    put('b', 'succeeded', 2_000);
    put('c', 'failed');
    const { hashes, looks } = opened();
    expect(hashes('now')).toEqual(['a', 'c']);
    expect(looks()).toBe(0);
  });

  test('are told where a run moves from one state to another between one statement and the next', () => {
    put('a', 'waiting');
    // What commits is another thread, so it does between any two statements.
    class BesideCommits extends Statements {
      override of(sql: string) {
        const statement = super.of(sql);
        db.exec("UPDATE runs SET state = CASE state WHEN 'waiting' THEN 'running' ELSE 'waiting' END");
        return statement;
      }
    }
    const { hashes } = opened(new BesideCommits(db));
    expect(hashes('now')).toEqual(['a']);
    expect(hashes('now')).toEqual(['a']);
  });

  test('are gone through beside everything else where they are many, and are then just those', async () => {
    put('a', 'waiting', 2_500);
    put('b', 'succeeded', 2_000);
    put('c', 'cancelled', 2_000);
    put('d', 'failed');
    const { hashes, looked } = opened();
    expect(hashes('now')).toBe('any');
    await looked();
    expect(hashes('now')).toEqual(['a', 'd', 'now']);
  });

  test('are found though a run moves from one state to another while they are looked for', async () => {
    put('a', 'waiting', 2_500);
    put('b', 'waiting');
    const { hashes, looked } = opened();
    hashes('now');
    await new Promise((resolve) => setImmediate(resolve));
    db.exec("UPDATE runs SET state = 'running' WHERE plan_hash = 'b'");
    await looked();
    expect(hashes('now')).toContain('b');
  });

  test('may be those that were in force since, and while they were looked for', async () => {
    put('a', 'waiting', 2_500);
    const { plans, hashes, looked, clock, looks } = opened();
    plans.begins('before');
    hashes('now');
    plans.begins('while');
    await looked();
    plans.begins('after');
    expect(hashes('now')).toEqual(['a', 'after', 'before', 'now', 'while']);
    for (let round = 0; round < 2; round++) {
      clock.advance(300_000);
      hashes('now');
      await looked();
    }
    expect(looks()).toBe(3);
    expect(hashes('now'), 'nothing of the others was found twice').toEqual(['a', 'now']);
  });
});
