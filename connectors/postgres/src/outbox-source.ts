import {
  answered,
  ConnectionEnd,
  connectionProblem,
  goodbye,
  type IncomingMessage,
  type Source,
  type SourceContext,
  sourceLoop,
  watchLag,
} from '@tenon/connector';
import { sleep } from '@tenon/model';
import type pg from 'pg';
import { openPool } from './open-pool.ts';
import { connectRefusal } from './refusal.ts';
import { outboxSql, TABLE_NAME } from './tables.ts';

interface OutboxRow {
  readonly id: string;
  readonly event_id: string;
  readonly type: string;
  readonly payload: string;
}

/**
 * Takes rows out of an outbox table, oldest first, and deletes each once its event is on our disk. There is no cursor to be
 * wrong about: a row that commits late, under a lower number, is there at the next look. A trigger that notifies under the
 * table's name wakes it; without one, or where a notification is lost with its connection, it looks as often as it is told to. One process at a time takes
 * from a table (an advisory lock, let go with its connection), so that rows of one key keep their order.
 */
export function outboxSource(context: SourceContext): Source {
  const { plan, clock, random } = context;
  const loop = sourceLoop(context, session, problemOf);
  return { canReject: false, stop: () => loop.stop() };

  async function session(signal: AbortSignal, consuming: () => void): Promise<void> {
    if (!TABLE_NAME.test(plan.from)) throw new TableName();
    const pool = await openPool(context, 'outbox', CONNECTIONS);
    const ended = new AbortController();
    try {
      const client = await pool.connect().catch((error: unknown) => {
        throw connectRefusal(error) ?? error;
      });
      const broken = new ConnectionEnd();
      client.on('error', (error) => broken.come(error));
      try {
        if (plan.create) await answered(clock, ANSWER_MS, client.query(outboxSql(plan.from)));
        await lock(client, signal);
        let wake = new AbortController();
        client.on('notification', () => wake.abort());
        // The name is one of a table, looked at above.
        await answered(clock, ANSWER_MS, client.query(`listen "${plan.from}"`));
        void watchLag(context, () => behind(pool), AbortSignal.any([signal, ended.signal]));
        while (!signal.aborted) {
          // Before the look: what is told from here on is not slept over.
          wake = new AbortController();
          const rows = await broken.during(answered(clock, ANSWER_MS, look(client)));
          consuming();
          const isMore = rows.length > 0 && (await take(client, rows));
          const pauseMs = plan.everyMs / 2 + (random.next() * plan.everyMs) / 2;
          if (!isMore) await sleep(clock, pauseMs, AbortSignal.any([signal, wake.signal]));
        }
      } finally {
        ended.abort();
        client.release(true);
      }
    } finally {
      await goodbye(clock, () => pool.end());
    }
  }

  async function behind(pool: pg.Pool): Promise<number> {
    const { rows } = await pool.query<{ rows: number }>(
      `select count(*)::int as rows from (select 1 from ${plan.from} limit ${COUNTED_MAX}) as waiting`,
    );
    return rows[0]?.rows ?? 0;
  }

  async function lock(client: pg.PoolClient, signal: AbortSignal): Promise<void> {
    for (;;) {
      const asked = client.query<{ got: boolean }>(
        'select pg_try_advisory_lock(hashtextextended($1, 0)) as got',
        [`tenon outbox ${plan.from}`],
      );
      const { rows } = await answered(clock, ANSWER_MS, asked);
      if (rows[0]?.got === true || signal.aborted) return;
      context.report('connecting', 'another process takes from this table; waiting for it to end');
      await sleep(clock, plan.everyMs, signal);
    }
  }

  /** As text: a number too large for a double is not changed on the way. */
  async function look(client: pg.PoolClient): Promise<readonly OutboxRow[]> {
    const { rows } = await client.query<OutboxRow>(
      `select id, event_id, type, payload::text as payload from ${plan.from} order by id limit $1`,
      [plan.prefetchMax],
    );
    return rows;
  }

  /** Is there more to be had at once? */
  async function take(client: pg.PoolClient, rows: readonly OutboxRow[]): Promise<boolean> {
    const settlements = await Promise.all(rows.map((row) => context.deliver(incoming(row))));
    const accepted = rows.filter((_row, index) => settlements[index] === 'accepted').map(({ id }) => id);
    const deleted = client.query(`delete from ${plan.from} where id = any($1::bigint[])`, [accepted]);
    await answered(clock, ANSWER_MS, deleted);
    return accepted.length === rows.length;
  }
}

/** One that holds the lock and takes rows, one that counts them. */
const CONNECTIONS = 2;
const COUNTED_MAX = 100_000;
/** A server that is silent for longer counts as gone: a table that somebody holds locked for so long looks the same from here. */
const ANSWER_MS = 60_000;

class TableName extends Error {}

/** SQLSTATE of a table that is not there. */
const UNDEFINED_TABLE = '42P01';

function problemOf(error: unknown): string {
  if (error instanceof TableName) return '`from` is not the name of a table';
  if (error instanceof Error && 'code' in error && error.code === UNDEFINED_TABLE)
    return 'the database has no such table';
  return connectionProblem(error);
}

function incoming(row: OutboxRow): IncomingMessage {
  return {
    // Not the number: a table made anew would count from one again.
    id: row.event_id,
    body: Buffer.from(row.payload),
    contentType: 'application/json',
    headers: { type: row.type },
    redelivered: false,
  };
}
