import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import postgres, { postgresTransport } from '@tenon/connector-postgres';
import { Secret, sleep, systemClock, systemRandom } from '@tenon/model';
import { inputGap } from '@tenon/pipeline';
import { connectorPlans, faultyHop, missingService } from '@tenon/testkit';
import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { brokerSuite } from './broker-suite.ts';

const PORT = 5432;
const LOGIN = { username: 'postgres', password: 'trusted' };
const root = join(import.meta.dirname, '../../../..');
const plans = await connectorPlans(root, 'postgres');

const TABLES = `
create table tenon_once (key text primary key, answer jsonb, at timestamptz not null default now());
create table tenon_outbox (id bigint generated always as identity primary key, event_id uuid not null unique default gen_random_uuid(),
  type text not null, order_key text, payload jsonb not null, at timestamptz not null default now());
create table orders (order_id text not null, version int not null, total numeric not null, currency text not null, customer text,
  recorded_at timestamptz not null default now(), primary key (order_id, version));
create table taken (id bigint generated always as identity primary key, event_id uuid not null unique default gen_random_uuid(),
  type text not null, order_key text, payload jsonb not null, at timestamptz not null default now());
`;

async function database() {
  const name = `tenon_test_${randomBytes(6).toString('hex')}`;
  const server = { host: '127.0.0.1', port: PORT, user: LOGIN.username, password: LOGIN.password };
  const admin = new pg.Client({ ...server, database: 'postgres' });
  await admin.connect();
  await admin.query(`create database ${name}`);
  const client = new pg.Client({ ...server, database: name });
  await client.connect();
  await client.query(TABLES);
  return {
    name,
    client,
    drop: async () => {
      await client.end();
      await admin.query(`drop database ${name} with (force)`);
      await admin.end();
    },
  };
}

await brokerSuite({
  name: 'PostgreSQL',
  port: PORT,
  module: postgres,
  transport: 'postgres',
  login: LOGIN,
  baseUrl: (port) => `postgres://127.0.0.1:${port}`,
  cannot: {
    deaf: 'nothing happens before COMMIT; what its lost answer means is tested below',
    unreadable: 'a jsonb column holds nothing but JSON',
  },
  place: async () => {
    const { name, client, drop } = await database();
    return {
      path: `/${name}`,
      operation: plans.operation('recordOrder'),
      source: plans.source(['orderShipped'], { from: 'taken', everyMs: 50 }),
      arrived: async () => {
        const { rows } = await client.query<{ id: string; body: string }>(
          `select key as id, jsonb_build_object('orderId', order_id, 'total', total, 'currency', currency, 'version', version)::text as body
           from tenon_once join orders on answer->>'orderId' = order_id`,
        );
        return rows;
      },
      put: async (messages) => {
        for (const { body } of messages)
          await client.query("insert into taken (type, payload) values ('orderShipped', $1)", [body]);
      },
      left: async () =>
        (await client.query<{ n: number }>('select count(*)::int as n from taken')).rows[0]!.n,
      [Symbol.asyncDispose]: drop,
    };
  },
});

const missing = await missingService('PostgreSQL', PORT, process.env);

it('there are statements for each operation, and they read what its body has', () => {
  const { operations = {} } = postgres;
  expect(Object.keys(operations).toSorted()).toEqual(Object.keys(plans.manifest.operations).toSorted());
  for (const [name, { reads }] of Object.entries(operations))
    expect(reads.filter((place) => inputGap(plans.operation(name), place))).toEqual([]);
});

describe.skipIf(missing !== undefined)('statements on PostgreSQL', () => {
  async function open(options: { readonly deafAt?: string } = {}) {
    const { name, client, drop } = await database();
    const hop = await faultyHop(PORT, () => ({
      fromClient: (chunk) => {
        if (options.deafAt !== undefined && chunk.includes(options.deafAt)) hop.mode = 'deaf';
      },
      fromServer: () => {},
      ended: () => {},
    }));
    const transport = postgres.transports!['postgres']!({
      connection: {
        name: 'db',
        connector: 'postgres',
        baseUrl: `postgres://127.0.0.1:${hop.port}/${name}`,
        credentials: { login: { username: 'env:U', password: 'env:P' } },
        webhookSecrets: [],
      },
      clock: systemClock,
      random: systemRandom,
      secrets: { resolve: async (reference) => new Secret(reference, LOGIN.username) },
    });
    const record = (orderId: string, key: string, version = 1) =>
      transport.call({
        operation: plans.operation('recordOrder'),
        input: { body: { orderId, total: 12.5, currency: 'EUR', version } },
        idempotencyKey: key,
        deadlineAt: systemClock.now() + 1_500,
      });
    return {
      client,
      transport,
      hop,
      record,
      [Symbol.asyncDispose]: async () => {
        await transport.close();
        await hop[Symbol.asyncDispose]();
        await drop();
      },
    };
  }

  it('the change and what is told of it commit together, once for a key, and a repeat gives the stored answer', async () => {
    await using db = await open();
    const first = await db.record('ord_1', 'k1');
    expect(first).toMatchObject({ ok: true, body: { orderId: 'ord_1', version: 1 } });
    const all = await Promise.all(Array.from({ length: 20 }, () => db.record('ord_1', 'k1')));
    for (const one of all) expect(one).toEqual(first);
    const { rows } = await db.client.query(
      'select (select count(*)::int from orders) as orders, (select count(*)::int from tenon_outbox) as told',
    );
    expect(rows).toEqual([{ orders: 1, told: 1 }]);
  });

  it('a statement that is refused undoes those before it, and tells the constraint but no value', async () => {
    await using db = await open();
    await db.record('ord_secret', 'k1');
    const again = await db.record('ord_secret', 'k2');
    expect(again).toMatchObject({
      ok: false,
      failure: { code: 'MESSAGE_REFUSED', class: 'duplicate', delivery: 'answered' },
    });
    expect(JSON.stringify(again)).toContain('orders_pkey');
    expect(JSON.stringify(again)).not.toContain('ord_secret');
    expect((await db.client.query('select key from tenon_once')).rows).toEqual([{ key: 'k1' }]);
  });

  it.each([
    ['a unique key', "insert into people values ($1, 1, 'a')", '23505', 'duplicate', 'people_pkey'],
    ['a check', "insert into people values ('new', 1, $1)", '23514', 'validation', 'people_team_check'],
    [
      'a foreign key',
      "insert into people values ('new', 1, 'a', $1 || 'x')",
      '23503',
      'validation',
      'people_boss_fkey',
    ],
    ['a value of another type', 'select $1::text::int', '22P02', 'validation', undefined],
    [
      'a trigger that quotes it',
      "insert into people values ('said', 1, 'a', $1)",
      'P0001',
      'validation',
      undefined,
    ],
  ])(
    '%s that refuses a row tells nothing of it, however the server quotes it',
    async (_what, sql, state, kind, named) => {
      const { name, client, drop } = await database();
      await client.query(`
create table people (email text primary key, age int, team text check (team in ('a', 'b')), boss text references people);
insert into people values ('jane@cnry.example', 1, 'a');
create function refuse() returns trigger language plpgsql as $$ begin
  if new.email = 'said' then
    raise exception 'no % here', new.boss using detail = new.boss, hint = new.boss, constraint = new.boss, column = new.boss;
  end if; return new; end $$;
create trigger refuse before insert on people for each row execute function refuse()`);
      const transport = postgresTransport(
        {
          connection: {
            name: 'db',
            connector: 'postgres',
            baseUrl: `postgres://127.0.0.1:${PORT}/${name}`,
            credentials: { login: { username: 'env:U', password: 'env:P' } },
            webhookSecrets: [],
          },
          clock: systemClock,
          random: systemRandom,
          secrets: { resolve: async (reference) => new Secret(reference, LOGIN.username) },
        },
        { recordOrder: { statements: [{ sql, values: ['/orderId'] }] } },
      );
      try {
        const result = await transport.call({
          operation: plans.operation('recordOrder'),
          input: { body: { orderId: 'jane@cnry.example', total: 1, currency: 'EUR', version: 1 } },
          idempotencyKey: 'k1',
        });
        expect(result).toMatchObject({ ok: false, failure: { code: 'MESSAGE_REFUSED', class: kind } });
        const said = JSON.stringify(result);
        expect(said).toContain(`SQLSTATE ${state}${named === undefined ? ')' : `, constraint ${named})`}`);
        expect(said).not.toContain('cnry');
      } finally {
        await transport.close();
        await drop();
      }
    },
  );

  it('a commit whose answer does not come is lost, and its repeat finds what it did', async () => {
    const options: { deafAt?: string } = { deafAt: 'commit' };
    await using db = await open(options);
    const lost = await db.record('ord_1', 'k1');
    expect(lost).toMatchObject({ ok: false, failure: { class: 'timeout', delivery: 'lost' } });
    delete options.deafAt;
    db.hop.mode = 'open';
    db.hop.cut();
    expect(await db.record('ord_1', 'k1')).toMatchObject({ ok: true, body: { orderId: 'ord_1' } });
    expect((await db.client.query('select count(*)::int as n from tenon_outbox')).rows).toEqual([{ n: 1 }]);
  });

  it('before the commit nothing has happened: a connection that ends there has sent nothing', async () => {
    await using db = await open({ deafAt: 'insert into orders' });
    const result = await db.record('ord_1', 'k1');
    expect(result).toMatchObject({ ok: false, failure: { delivery: 'notSent' } });
    db.hop.cut();
    expect((await db.client.query('select * from orders')).rows).toEqual([]);
  });

  it('calls given up while they stood in line for a connection keep none', async () => {
    await using db = await open();
    await db.client.query('begin; lock table orders in access exclusive mode');
    const all = await Promise.all(Array.from({ length: 60 }, (_, n) => db.record(`ord_${n}`, `k${n}`)));
    for (const one of all)
      expect(one).toMatchObject({ failure: { code: 'MESSAGE_TIMEOUT', delivery: 'notSent' } });
    await db.client.query('rollback');
    expect(await db.record('ord_later', 'later')).toMatchObject({ ok: true });
  });

  it('reads give the row, or null', async () => {
    await using db = await open();
    await db.record('ord_1', 'k1');
    await db.record('ord_1', 'k2', 2);
    const find = (orderId: string) =>
      db.transport.call({ operation: plans.operation('findOrder'), input: { body: { orderId } } });
    expect(await find('ord_1')).toMatchObject({ ok: true, body: { orderId: 'ord_1', version: 2 } });
    expect(await find('ord_2')).toMatchObject({ ok: true, body: null });
  });
});

describe.skipIf(missing !== undefined)('an outbox with its trigger', () => {
  it('wakes who takes from it, however seldom that looks by itself, once the transaction has committed', async () => {
    const { name, client, drop } = await database();
    const taken: string[] = [];
    const { promise: consuming, resolve } = Promise.withResolvers<void>();
    const source = postgres.sources!['postgres']!({
      connection: {
        name: 'db',
        connector: 'postgres',
        baseUrl: `postgres://127.0.0.1:${PORT}/${name}`,
        credentials: { login: { username: 'env:U', password: 'env:P' } },
        webhookSecrets: [],
      },
      clock: systemClock,
      random: systemRandom,
      secrets: { resolve: async (reference) => new Secret(reference, LOGIN.username) },
      plan: plans.source(['orderShipped'], { from: 'made_here', create: true, everyMs: 3_600_000 }),
      cursor: () => undefined,
      deliver: async ({ body }) => {
        taken.push(String(body));
        return 'accepted';
      },
      report: (state) => {
        if (state === 'consuming') resolve();
      },
    });
    try {
      await consuming;
      for (const round of [1, 2]) {
        await client.query('begin');
        await client.query("insert into made_here (type, payload) values ('orderShipped', $1)", [
          `{"n": ${round}}`,
        ]);
        expect(taken).toHaveLength(round - 1);
        await client.query('commit');
        while (taken.length < round) await sleep(systemClock, 10);
      }
      expect(taken).toEqual(['{"n": 1}', '{"n": 2}']);
    } finally {
      await source.stop();
      await drop();
    }
  });
});
