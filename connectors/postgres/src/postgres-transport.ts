import {
  type ConnectorModule,
  keptConnection,
  MessageRefused,
  messageTransport,
  type OutgoingMessage,
  type Publishing,
  type Transport,
  type TransportContext,
} from '@tenon/connector';
import { atPointer, type Json } from '@tenon/model';
import type pg from 'pg';
import { openPool } from './open-pool.ts';
import { connectRefusal, refusal, sqlState } from './refusal.ts';
import { ONCE_TABLE } from './tables.ts';

export interface Statement {
  readonly sql: string;
  /** For `$1`, `$2` …: JSON Pointers into the body, or `key`, the idempotency key. What is absent is null. */
  readonly values: readonly string[];
  /** Its first row is the operation's answer (null where there is none); `rows`: all of them. */
  readonly answers?: true | 'rows';
}

export interface OperationStatements {
  /** In order, in one transaction. */
  readonly statements: readonly Statement[];
  /** Once for each key: the key and the answer are stored in the same transaction, and a known key gives the stored answer. */
  readonly once?: boolean;
}

const CONNECTIONS_MAX = 10;
const KEY = 'key';

/** For `defineConnector`: what there are statements for, and what they read, so that Tenon can hold it against the contract. */
export function operationsOf(
  operations: Readonly<Record<string, OperationStatements>>,
): NonNullable<ConnectorModule['operations']> {
  return Object.fromEntries(
    Object.entries(operations).map(([name, { statements }]) => [
      name,
      {
        reads: statements.flatMap(({ values }) =>
          values.filter((place) => place !== KEY).map((place) => `/body${place}`),
        ),
      },
    ]),
  );
}

/**
 * Carries out operations as statements, each operation one transaction. Until COMMIT is written nothing has happened,
 * however the connection ends (`notSent`); a COMMIT without an answer may have taken hold (`lost`).
 */
export function postgresTransport(
  context: TransportContext,
  operations: Readonly<Record<string, OperationStatements>>,
): Transport {
  const kept = keptConnection(
    context.clock,
    () => openPool(context, 'statements', CONNECTIONS_MAX),
    (pool) => pool.end(),
  );
  return messageTransport(context, { publish, close: () => kept.close() });

  async function publish(message: OutgoingMessage, publishing: Publishing): Promise<Json> {
    const name = message.operation.operation;
    const operation = Object.hasOwn(operations, name) ? operations[name] : undefined;
    if (operation === undefined)
      throw new MessageRefused(
        'permanent',
        'the connector has no statements for it; nothing was done',
        'notSent',
      );
    const pool = await kept.get();
    const client = await pool.connect().catch((error: unknown) => {
      throw connectRefusal(error) ?? error;
    });
    // A call given up must not hold a connection, nor leave it in the middle of a transaction. It may have been while it
    // stood in line.
    const giveUp = (): void => client.release(true);
    if (publishing.signal.aborted) client.release();
    publishing.signal.throwIfAborted();
    publishing.signal.addEventListener('abort', giveUp, { once: true });
    try {
      const answer = await transaction(client, operation, message, publishing);
      publishing.signal.removeEventListener('abort', giveUp);
      if (!publishing.signal.aborted) client.release();
      return answer;
    } catch (error) {
      publishing.signal.removeEventListener('abort', giveUp);
      const refused = refusal(error);
      // After a refusal the transaction is rolled back and the connection is good; after anything else it is not.
      if (!publishing.signal.aborted) client.release(refused === undefined);
      throw refused ?? error;
    }
  }
}

async function transaction(
  client: pg.PoolClient,
  operation: OperationStatements,
  message: OutgoingMessage,
  { sending }: Publishing,
): Promise<Json> {
  await client.query('begin');
  try {
    const known = operation.once ? await taken(client, message.id) : undefined;
    const answer = known === undefined ? await carryOut(client, operation, message) : known.answer;
    if (operation.once && known === undefined)
      await client.query(`update ${ONCE_TABLE} set answer = $2 where key = $1`, [
        message.id,
        JSON.stringify(answer),
      ]);
    sending();
    await client.query('commit');
    return answer;
  } catch (error) {
    if (sqlState(error) !== undefined) await client.query('rollback');
    throw error;
  }
}

/** Takes the key for this transaction; another that holds it is waited for. The stored answer, where the key is known. */
async function taken(client: pg.PoolClient, key: string): Promise<{ readonly answer: Json } | undefined> {
  const inserted = await client.query(`insert into ${ONCE_TABLE} (key) values ($1) on conflict do nothing`, [
    key,
  ]);
  if (inserted.rowCount === 1) return undefined;
  const { rows } = await client.query<{ answer: string | null }>(
    `select answer::text as answer from ${ONCE_TABLE} where key = $1`,
    [key],
  );
  return { answer: JSON.parse(rows[0]?.answer ?? 'null') as Json };
}

async function carryOut(
  client: pg.PoolClient,
  { statements }: OperationStatements,
  message: OutgoingMessage,
): Promise<Json> {
  const body = message.input['body'];
  let answer: Json = null;
  for (const { sql, values, answers } of statements) {
    const given = values.map((place) => (place === KEY ? message.id : parameter(atPointer(body, place))));
    const { rows } = await client.query<Record<string, unknown>>(sql, given);
    if (answers === 'rows') answer = rows.map(jsonRow);
    else if (answers) answer = rows[0] === undefined ? null : jsonRow(rows[0]);
  }
  return answer;
}

/** Objects and lists go in as JSON; `undefined` is null. */
function parameter(value: unknown): unknown {
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : (value ?? null);
}

function jsonRow(row: Record<string, unknown>): { readonly [key: string]: Json } {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => {
      if (value instanceof Date) return [name, value.toISOString()];
      if (value instanceof Uint8Array) return [name, Buffer.from(value).toString('base64')];
      // What is left of pg's values: JSON, and numbers too large for a double as their digits.
      return [name, value as Json];
    }),
  );
}
