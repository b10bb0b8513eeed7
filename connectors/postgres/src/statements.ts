import type { OperationStatements } from './postgres-transport.ts';

/** What each operation of the contract does: the one place with SQL in it. Values are pointers into the body, or `key`. */
export const statements: Readonly<Record<string, OperationStatements>> = {
  recordOrder: {
    once: true,
    statements: [
      {
        sql: 'insert into orders (order_id, version, total, currency, customer) values ($1, $2, $3, $4, $5) returning order_id as "orderId", version, recorded_at as "recordedAt"',
        values: ['/orderId', '/version', '/total', '/currency', '/customer'],
        answers: true,
      },
      {
        sql: `insert into tenon_outbox (type, order_key, payload) values ('orderPlaced', $1, jsonb_build_object('orderId', $1::text, 'version', $2::int))`,
        values: ['/orderId', '/version'],
      },
    ],
  },
  findOrder: {
    statements: [
      {
        sql: 'select order_id as "orderId", version, recorded_at as "recordedAt" from orders where order_id = $1 order by version desc limit 1',
        values: ['/orderId'],
        answers: true,
      },
    ],
  },
};
