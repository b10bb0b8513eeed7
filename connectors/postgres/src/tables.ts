/** Keys of operations that are carried out once, with their answers: our inbox in a database of others (C78). */
export const ONCE_TABLE = 'tenon_once';

/**
 * The outbox: rows written in the transaction of the change that they tell of (C77). The trigger wakes whoever takes them, once
 * the transaction has committed.
 */
export function outboxSql(table: string): string {
  return `create table if not exists ${table} (
  id bigint generated always as identity primary key,
  event_id uuid not null unique default gen_random_uuid(),
  type text not null,
  order_key text,
  payload jsonb not null,
  at timestamptz not null default now()
);
create or replace function tenon_wake() returns trigger language plpgsql as
  $$ begin perform pg_notify(tg_argv[0], ''); return null; end $$;
create or replace trigger tenon_wake after insert on ${table} for each statement execute function tenon_wake('${table}')`;
}

/** A table's name, with its schema if wanted: never quoted, so never anything but a name. */
export const TABLE_NAME = /^[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)?$/;
