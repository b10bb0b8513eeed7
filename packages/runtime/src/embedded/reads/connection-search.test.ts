import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RunFilter, RunState } from '../../runtime.ts';
import { openStates } from '../../states.ts';
import { fillConnections } from '../file/connection-parts.ts';
import { namesOf } from '../file/names.ts';
import { migrate } from '../file/schema.ts';
import { Statements } from '../file/statements.ts';
import { StoredRows } from '../file/stored-rows.ts';
import { ValueCodec } from '../file/value-codec.ts';
import { RunSearch } from './run-search.ts';

/** Runs from before there was a column, and after. */
const [OLDER, ALL] = [7_000, 20_000];

interface Put {
  readonly seq: number;
  readonly connection: string;
  readonly pipeline: string;
  readonly state: RunState;
}

let db: DatabaseSync;
let search: RunSearch;
const put: Put[] = [];

/** Nearly all of one account, some of another, a few of a third that lie far apart. */
function sourceOf(seq: number): string {
  if (seq === 3 || seq % 6_001 === 0) return 'shop-asia/orders';
  if (seq % 700 === 0) return 'quarantine:shop-us';
  if (seq % 11 === 0) return 'manual:ana';
  return seq % 2 === 0 ? 'shop-eu' : 'shop-eu/orders';
}

const connectionIn = (source: string) => /shop-\w+/.exec(source)?.[0] ?? '';

beforeAll(() => {
  db = new DatabaseSync(':memory:');
  migrate(db, ':memory:', 21);
  const event = db.prepare(
    `INSERT INTO events (seq, source, delivery_id, event, received_at, payload) VALUES (?, ?, ?, 'e', 0, 'null')`,
  );
  const columns = `seq, run_id, pipeline, version, plan_hash, key, event_seq, correlation_id, traceparent, owner, state, accepted_at, updated_at`;
  const putRun = (more: string) =>
    db.prepare(
      `INSERT INTO runs (${columns}${more && ', connection'}) VALUES (?1, ?1, ?2, 1, 'h', 'k', ?1, 'c', 't', 'o', ?3, 0, 0${more})`,
    );
  const one = (run: ReturnType<typeof putRun>, seq: number) => {
    const source = sourceOf(seq);
    const state = seq % 1_000 === 0 ? 'failed' : seq % 3 === 0 ? 'waiting' : 'succeeded';
    const pipeline = seq % 2_000 < 3 ? 'bills' : 'orders';
    const connection = connectionIn(source);
    event.run(seq, source, String(seq));
    run.run(seq, pipeline, state, ...(seq > OLDER ? [connection] : []));
    if (seq > OLDER && connection !== '')
      db.prepare('INSERT INTO connection_parts VALUES (?, ?) ON CONFLICT DO NOTHING').run(
        connection,
        Math.floor(seq / 256),
      );
    put.push({ seq, connection, pipeline, state });
  };
  db.exec('BEGIN');
  for (let seq = 1; seq <= OLDER; seq++) one(putRun(''), seq);
  db.exec('COMMIT');
  migrate(db, ':memory:');
  db.exec('BEGIN');
  for (let seq = OLDER + 1; seq <= ALL; seq++) one(putRun(', ?4'), seq);
  db.exec('COMMIT');
  search = new RunSearch(new StoredRows(new Statements(db), new ValueCodec(undefined), namesOf(undefined)));
});
afterAll(() => db.close());

/** What is to be found, gone through one by one. */
function wanted({ connection, pipeline, state, open }: RunFilter): number[] {
  return put
    .filter(
      (run) =>
        run.connection === connection &&
        (pipeline === undefined || run.pipeline === pipeline) &&
        (state === undefined || run.state === state) &&
        (open !== true || openStates.includes(run.state)),
    )
    .map(({ seq }) => seq);
}

/** Runs that were looked at is what takes time: others have their turn in between. */
async function found(filter: RunFilter, limit: number) {
  let turns = 0;
  const rows = await search.found(filter, limit, async () => {
    turns++;
  });
  return { seqs: rows.map(({ seq }) => seq), turns };
}

const FILTERS: readonly RunFilter[] = ['shop-eu', 'shop-us', 'shop-asia', 'shop-none'].flatMap(
  (connection): RunFilter[] => [
    { connection },
    { connection, state: 'failed' },
    { connection, state: 'waiting' },
    { connection, state: 'succeeded' },
    { connection, open: true },
    { connection, pipeline: 'bills' },
    { connection, pipeline: 'orders', state: 'waiting' },
  ],
);

describe.each(['while older runs are looked through', 'once they were'])(
  'the runs of a connection, %s',
  (when) => {
    beforeAll(() => {
      fillConnections(new Statements(db));
      if (when === 'once they were') while (fillConnections(new Statements(db)) > 0);
    });

    test.each(FILTERS.map((filter) => [JSON.stringify(filter), filter] as const))(
      'are found by %s',
      async (_, filter) => {
        const oldest = wanted(filter);
        const newest = oldest.toReversed();
        for (const limit of [1, 7, 100, 30_000]) {
          expect((await found(filter, limit)).seqs).toEqual(newest.slice(0, limit));
          expect(search.newest(filter, limit).map(({ seq }) => seq)).toEqual(newest.slice(0, limit));
          const { open, ...replayed } = filter;
          if (open === undefined)
            expect((await search.foundOldest(replayed, limit, async () => {})).map(({ seq }) => seq)).toEqual(
              oldest.slice(0, limit),
            );
        }
      },
    );
  },
);

test('of an account with few runs, nothing is looked at between them', async () => {
  expect(await found({ connection: 'shop-asia' }, 50)).toMatchObject({ turns: 0 });
  expect(await found({ connection: 'shop-eu' }, 50)).toMatchObject({ turns: 0 });
  expect(
    (await found({ connection: 'shop-eu', pipeline: 'orders', state: 'succeeded' }, 30_000)).turns,
  ).toBeGreaterThan(0);
});
