import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ReplayFilter, RunFilter } from '../../runtime.ts';
import { namesOf } from '../file/names.ts';
import { migrate } from '../file/schema.ts';
import { Statements } from '../file/statements.ts';
import { StoredRows } from '../file/stored-rows.ts';
import { ValueCodec } from '../file/value-codec.ts';
import { RunSearch } from './run-search.ts';

let db: DatabaseSync;
let search: RunSearch;
beforeAll(() => {
  db = new DatabaseSync(':memory:');
  migrate(db, ':memory:');
  for (const [hash, pipeline, version] of [
    ['a1', 'orders', 1],
    ['a2', 'orders', 2],
    ['b1', 'bills', 1],
  ] as const)
    db.prepare('INSERT INTO plans (hash, pipeline, version, stored_at, plan) VALUES (?, ?, ?, 0, ?)').run(
      hash,
      pipeline,
      version,
      '{}',
    );
  // Three of an old version, long ago, in two of the states that there are; then many.
  put('a1', 'orders', 1, 'succeeded', 2, 'acc-1');
  put('a1', 'orders', 1, 'waiting', 1, 'acc-1');
  put('a2', 'orders', 2, 'succeeded', 12_000, 'acc-2');
  put('a2', 'orders', 2, 'failed', 6_000, 'acc-3');
  put('b1', 'bills', 1, 'cancelled', 20, 'acc-1');
  db.exec(
    "INSERT INTO events (seq, source, delivery_id, event, received_at, payload) VALUES (1, 's', 'd', 'e', 0, 'null')",
  );
  search = new RunSearch(new StoredRows(new Statements(db), new ValueCodec(undefined), namesOf(undefined)));
});
afterAll(() => db.close());

function put(
  hash: string,
  pipeline: string,
  version: number,
  state: string,
  count: number,
  orderKey: string,
): void {
  db.prepare(
    `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
     INSERT INTO runs (run_id, pipeline, version, plan_hash, key, order_key, event_seq, correlation_id, traceparent, owner, state, accepted_at, updated_at)
     SELECT hex(randomblob(8)), ?, ?, ?, 'k', ?, 1, 'c', 't', 'o', ?, 7200000, 0 FROM n`,
  ).run(count, pipeline, version, hash, orderKey, state);
}

async function found(filter: RunFilter, limit = 50) {
  let turns = 0;
  const rows = await search.found(filter, limit, async () => {
    turns++;
  });
  return { seqs: rows.map(({ seq }) => seq), turns };
}

describe('runs are found as at once, by', () => {
  test.each<[string, RunFilter]>([
    ['a version', { version: 1 }],
    ['a version of a pipeline', { pipeline: 'orders', version: 1 }],
    ['a plan', { planHash: 'a1' }],
    ['an order key', { orderKey: 'acc-1' }],
    ['an order key of a pipeline', { pipeline: 'orders', orderKey: 'acc-1' }],
    ['a version and a state', { version: 1, state: 'succeeded' }],
    ['a version, in a state that few are in', { pipeline: 'orders', version: 1, state: 'waiting' }],
    ['a version, in a state that many are in', { pipeline: 'orders', version: 1, state: 'failed' }],
    ['a version, of those that have not ended', { version: 1, open: true }],
    ['a version that never was', { version: 7 }],
    ['their key', { key: 'k', orderKey: 'acc-1' }],
    ['nothing but their state', { state: 'waiting' }],
  ])('%s', async (_, filter) => {
    for (const limit of [1, 2, 50, 13_000]) {
      const { seqs } = await found(filter, limit);
      expect(seqs).toEqual(search.newest(filter, limit).map(({ seq }) => seq));
    }
  });
});

describe('others have their turn', () => {
  test.each<[string, RunFilter]>([
    ['a version that few runs keep to', { version: 1, pipeline: 'orders' }],
    ['a plan', { planHash: 'a1' }],
    ['an order key', { orderKey: 'none' }],
    ['an order key of a pipeline', { pipeline: 'orders', orderKey: 'none' }],
    ['a version, of those that have not ended', { version: 1, open: true }],
  ])('while all runs are looked through for %s', async (_, filter) => {
    expect((await found(filter)).turns).toBeGreaterThan(0);
  });

  test('and nothing is looked through where an index knows, or the newest are those', async () => {
    expect(await found({ key: 'none' })).toMatchObject({ turns: 0 });
    expect(await found({ version: 2 })).toMatchObject({ turns: 0 });
  });
});

describe('runs to be replayed are found as at once, the oldest first, by', () => {
  test.each<[string, ReplayFilter, number]>([
    ['an order key', { orderKey: 'acc-1' }, 3],
    ['an order key of a pipeline', { pipeline: 'orders', orderKey: 'acc-1' }, 3],
    ['an order key that nothing has', { orderKey: 'none' }, 3],
    ['a state that few are in', { state: 'waiting', pipeline: 'orders' }, 0],
    ['a state that many are in', { state: 'failed', orderKey: 'acc-3' }, 1],
    ['an event', { event: 'e', pipeline: 'bills' }, 0],
    ['a time', { fromMs: 7_200_001 }, 3],
    ['nothing', {}, 3],
    ['a key', { key: 'k', orderKey: 'acc-1' }, 0],
  ])('%s', async (_, filter, turnsMin) => {
    for (const limit of [1, 2, 50, 20_000]) {
      let turns = 0;
      const rows = await search.foundOldest(filter, limit, async () => {
        turns++;
      });
      expect(
        rows.map(({ seq }) => seq),
        `${limit}`,
      ).toEqual(search.oldest(filter, limit).map(({ seq }) => seq));
      if (rows.length < limit) expect(turns).toBeGreaterThanOrEqual(turnsMin);
    }
  });
});

test('a run that moves to a state which was looked through before is among those that have not ended', async () => {
  const move = (state: string) =>
    db.exec(`UPDATE runs SET state = '${state}' WHERE plan_hash = 'a1' AND seq = 3`);
  move('failed');
  const rows = await search.found({ version: 1, open: true }, 50, async () => move('running'));
  move('waiting');
  expect(rows.map(({ seq }) => seq)).toEqual([3]);
});
