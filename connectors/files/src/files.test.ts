import { createHash } from 'node:crypto';
import {
  appendFile,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ConnectionConfig, IncomingMessage, SourcePlan } from '@tenon/connector';
import { type JsonObject, Secret, sleep, systemClock, systemRandom } from '@tenon/model';
import { connectorPlans } from '@tenon/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { csvSource, csvTransport } from './index.ts';
import { eventLayouts, operationLayouts } from './layouts.ts';
import { type SftpServer, sftpServer } from './sftp-server.testing.ts';
import { sshd, sshdMissing } from './sshd.testing.ts';

const plans = await connectorPlans(join(import.meta.dirname, '../../..'), 'files');
const PASSWORD = 'correct horse';
const PATIENCE_MS = 20_000;
const HEAD = 'Sendungsnummer;Auftrag;Zugestellt;Gewicht;Unterschrift;Bemerkung';
const row = (number: number): string => `par_${number};ord_${number % 7};28.11.2026;1,25;J;`;

let base: string;
const closing: (() => Promise<unknown>)[] = [];
beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'tenon-files-'));
  for (const folder of ['inbound', 'outbound']) await mkdir(join(base, folder));
});
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
  await rm(base, { recursive: true, force: true });
});

interface Place {
  readonly baseUrl: string;
  readonly username?: string;
  readonly password?: string;
}

/** The three ways to the same folder. */
const places: readonly (readonly [string, () => Promise<Place>])[] = [
  ['a folder of this machine', async () => ({ baseUrl: `file://${base}` })],
  [
    'SFTP, a server without extensions',
    async () => {
      const server = await opened();
      return { baseUrl: `sftp://127.0.0.1:${server.port}?hostKey=${server.hostKey}` };
    },
  ],
  [
    sshdMissing === undefined ? 'SFTP, OpenSSH' : `SFTP, OpenSSH (skipped: ${sshdMissing})`,
    async () => {
      const server = await sshd(join(base, 'sshd'));
      closing.push(async () => server[Symbol.asyncDispose]());
      return {
        baseUrl: `sftp://127.0.0.1:${server.port}/${base}?hostKey=${server.hostKey}`,
        username: server.username,
        password: server.privateKey,
      };
    },
  ],
];

async function opened(): Promise<SftpServer> {
  const server = await sftpServer(base, PASSWORD);
  closing.push(async () => server[Symbol.asyncDispose]());
  return server;
}

function contextOf({ baseUrl, username = 'carrier', password = PASSWORD }: Place) {
  const connection: ConnectionConfig = {
    name: 'exchange',
    connector: 'files',
    baseUrl,
    credentials: { login: { username: 'env:USER', password: 'env:PASSWORD' } },
    webhookSecrets: [],
  };
  return {
    connection,
    clock: systemClock,
    random: systemRandom,
    secrets: {
      resolve: async (reference: string) =>
        new Secret(reference, reference === 'env:USER' ? username : password),
    },
  };
}

/** What a runtime keeps: rows by their delivery id, how often each came, and the cursor that came with them. */
function memory() {
  const stored = new Map<string, IncomingMessage>();
  return {
    stored,
    deliveries: 0,
    cursor: undefined as string | undefined,
    states: [] as string[],
    refuseFrom: Number.POSITIVE_INFINITY,
    values: () => [...stored.values()].map(({ body, problem }) => problem ?? JSON.parse(String(body))),
  };
}

function start(
  place: Place,
  kept: ReturnType<typeof memory>,
  more: Partial<SourcePlan> = {},
  layouts = eventLayouts,
) {
  const source = csvSource(
    {
      ...contextOf(place),
      plan: plans.source(['parcelDelivered'], { everyMs: 30, prefetchMax: 10, ...more }),
      cursor: () => kept.cursor,
      deliver: async (message) => {
        if (++kept.deliveries >= kept.refuseFrom) return 'returned';
        if (!kept.stored.has(message.id!)) kept.stored.set(message.id!, message);
        if (message.cursor !== undefined) kept.cursor = message.cursor;
        return 'accepted';
      },
      misfit: ({ body }) => (String(body).includes('-1.25') ? '/weightKg must be at least 0' : undefined),
      report: (state, problem) => kept.states.push(problem ?? state),
    },
    layouts,
  );
  closing.push(() => source.stop());
  return source;
}

const put = (name: string, text: string): Promise<void> =>
  writeFile(join(base, 'inbound', name), Buffer.from(text, 'latin1'));
const names = async (folder: string): Promise<string[]> =>
  (await readdir(join(base, folder)).catch(() => [])).sort();

async function until(isSo: () => boolean | Promise<boolean>, what: () => unknown): Promise<void> {
  for (const untilMs = systemClock.now() + PATIENCE_MS; !(await isSo()); await sleep(systemClock, 10))
    if (systemClock.now() > untilMs) throw new Error(`in vain: ${JSON.stringify(what())}`);
}

describe.each(places)('CSV in %s', { timeout: 60_000 }, (name, open) => {
  const test = it.skipIf(name.includes('skipped'));

  test('rows are events of the contract, whatever the order of the columns; the file is put aside', async () => {
    await put(
      'delivered-1.csv',
      'Unterschrift;Bemerkung;Gewicht;Filiale;Zugestellt;Auftrag;Sendungsnummer\r\n' +
        'N;"bei Müller; 2. Stock";1.250,5;7;28.11.2026;ord_1;par_1\r\n',
    );
    await put('other.csv', HEAD);
    await put('delivered-2.csv.part', HEAD);
    const kept = memory();
    start(await open(), kept);
    await until(
      async () => (await names('inbound/done')).length === 1,
      () => [kept.values(), kept.states],
    );
    expect(kept.values()).toEqual([
      {
        parcelId: 'par_1',
        orderId: 'ord_1',
        deliveredOn: '2026-11-28',
        weightKg: 1250.5,
        isSigned: false,
        note: 'bei Müller; 2. Stock',
      },
    ]);
    expect(
      (await names('inbound')).filter((file) => file.endsWith('.csv') || file.endsWith('.part')),
    ).toEqual(['delivered-2.csv.part', 'other.csv']);
    expect((await names('inbound/done'))[0]).toMatch(/^[0-9a-f]{16}-delivered-1\.csv$/);
  });

  test('a row that cannot be read is held with its place, and stops nothing', async () => {
    await put(
      'delivered-1.csv',
      [HEAD, row(1), 'par_2;ord_2;31.11.2026;1,25;J;', 'par_3;ord_3', 'a;b"c', row(4)].join('\n'),
    );
    const kept = memory();
    start(await open(), kept);
    await until(
      async () => (await names('inbound/done')).length === 1,
      () => [kept.values(), kept.states],
    );
    expect(kept.values().filter((value) => typeof value === 'string')).toEqual([
      'delivered-1.csv:3:13: Zugestellt is not a day written as dd.MM.yyyy',
      'delivered-1.csv:4:1: the row has 2 fields, the header 6',
      'delivered-1.csv:5:4: there is a quote in a field that does not begin with one',
    ]);
    expect(kept.values().filter((value) => typeof value === 'object')).toHaveLength(2);
    const held = [...kept.stored.values()].find(({ problem }) => problem?.includes(':3:'))!;
    expect(String(held.body)).toBe('par_2;ord_2;31.11.2026;1,25;J;');
  });

  const whole = { parcelDelivered: { ...eventLayouts['parcelDelivered']!, badRows: 'holdFile' } } as const;

  test('a file with a row that cannot be taken is held whole, where its layout says so: no row of it is taken', async () => {
    const place = await open();
    const kept = memory();
    await put(
      'delivered-1.csv',
      [HEAD, row(1), 'par_2;ord_2;31.11.2026;1,25;J;', 'par_3;ord_3', row(4)].join('\n'),
    );
    await put('delivered-2.csv', [HEAD, row(5), row(6)].join('\n'));
    start(place, kept, {}, whole);
    await until(
      async () => (await names('inbound/done')).length === 1 && (await names('inbound/refused')).length === 1,
      () => [kept.values(), kept.states],
    );
    expect(kept.values().filter((value) => typeof value === 'string')).toEqual([
      'delivered-1.csv:3:13: Zugestellt is not a day written as dd.MM.yyyy; 2 of 4 rows cannot be taken, so none was: 3:13, 4:1',
    ]);
    expect(kept.values().flatMap((value) => value.parcelId ?? [])).toEqual(['par_5', 'par_6']);
    expect((await names('inbound/refused'))[0]).toMatch(/^[0-9a-f]{16}-delivered-1\.csv$/);
  });

  test('so it is where a row does not fit its contract, and once however often the file is sent', async () => {
    const place = await open();
    const kept = memory();
    start(place, kept, {}, whole);
    for (const file of ['delivered-1.csv', 'delivered-1b.csv']) {
      await put(file, [HEAD, row(1), 'par_2;ord_2;28.11.2026;-1,25;J;'].join('\n'));
      await until(
        async () => (await names('inbound/refused')).some((refused) => refused.endsWith(file)),
        () => [kept.values(), kept.states],
      );
    }
    expect(kept.values()).toEqual([
      expect.stringMatching(
        /^delivered-1\.csv:3:1: .*weightKg.*; 1 of 2 rows cannot be taken, so none was: 3:1$/,
      ),
    ]);
  });

  test('what is still being written is left alone until it is whole', async () => {
    const kept = memory();
    start(await open(), kept);
    await put('delivered-1.csv', `${HEAD}\n`);
    for (let number = 0; number < 30; number++) {
      await appendFile(join(base, 'inbound/delivered-1.csv'), `${row(number)}\n`);
      await sleep(systemClock, 5);
    }
    await until(
      async () => (await names('inbound/done')).length === 1,
      () => [kept.values(), kept.states],
    );
    expect(kept.values()).toHaveLength(30);
    expect(new Set([...kept.stored.values()].map(({ headers }) => headers['digest'])).size).toBe(1);
  });

  test('a process that ends in the middle loses no row and makes none twice', async () => {
    const place = await open();
    await put(
      'delivered-1.csv',
      [HEAD, ...Array.from({ length: 95 }, (_, number) => row(number))].join('\n'),
    );
    const kept = memory();
    kept.refuseFrom = 48;
    const first = start(place, kept);
    await until(
      () => kept.deliveries >= 48,
      () => kept.states,
    );
    await first.stop();
    expect(await names('inbound/.tenon-tenon')).toEqual(['delivered-1.csv']);
    const before = kept.deliveries;
    kept.refuseFrom = Number.POSITIVE_INFINITY;
    start(place, kept);
    await until(
      async () => (await names('inbound/done')).length === 1,
      () => [kept.deliveries, kept.states],
    );
    expect(kept.values().map((value) => value.parcelId)).toEqual(
      Array.from({ length: 95 }, (_, number) => `par_${number}`),
    );
    // It has gone on at the cursor, not at the beginning.
    expect(kept.deliveries - before).toBeLessThan(60);
  });

  test('of two that take from one folder each file has one', async () => {
    const place = await open();
    for (let file = 0; file < 12; file++) await put(`delivered-${file}.csv`, `${HEAD}\n${row(file)}`);
    const [one, two] = [memory(), memory()];
    start(place, one, { group: 'one' });
    start(place, two, { group: 'two' });
    await until(
      async () => (await names('inbound/done')).length === 12,
      () => [one.states, two.states],
    );
    const taken = [...one.values(), ...two.values()].map(({ parcelId }) => parcelId);
    expect(taken.sort()).toEqual(Array.from({ length: 12 }, (_, file) => `par_${file}`).sort());
  });

  test('a file that is sent again has the same rows, under the same ids', async () => {
    const place = await open();
    const kept = memory();
    start(place, kept);
    for (const file of ['delivered-1.csv', 'delivered-1b.csv']) {
      await put(file, [HEAD, row(1), row(2)].join('\n'));
      await put('delivered-0.csv', [HEAD, row(9)].join('\n'));
      await until(
        async () => (await names('inbound/done')).some((done) => done.endsWith(file)),
        () => kept.states,
      );
    }
    await until(
      async () => (await names('inbound/done')).length >= 3,
      () => kept.states,
    );
    expect(kept.stored.size).toBe(3);
  });

  test('a file that its layout does not fit is held as one message, and put aside', async () => {
    await put('delivered-1.csv', 'Sendungsnummer;Auftrag\npar_1;ord_1\n');
    const kept = memory();
    start(await open(), kept);
    await until(
      async () => (await names('inbound/refused')).length === 1,
      () => kept.states,
    );
    expect(kept.values()).toEqual([
      'delivered-1.csv:1:1: the header lacks Zugestellt, Gewicht, Unterschrift, Bemerkung',
    ]);
  });

  test('a settlement is written whole; the same call again is the same one file', async () => {
    const { call } = transportOf(await open());
    const first = await call('writeSettlement', SETTLEMENT);
    expect(first).toMatchObject({ ok: true, body: { path: 'outbound/settlement-2026-11-28.csv' } });
    expect(await call('writeSettlement', SETTLEMENT)).toEqual(first);
    expect(await names('outbound')).toEqual(['settlement-2026-11-28.csv']);
    expect(await readFile(join(base, 'outbound/settlement-2026-11-28.csv'), 'utf8')).toBe(
      'order_id,amount,currency,paid_on\r\n"ord ""1"", x",4.9,EUR,2026-11-28\r\n',
    );
    expect(await call('deleteSettlement', {})).toMatchObject({ ok: true });
    expect(await call('deleteSettlement', {})).toMatchObject({ ok: true });
    expect(await names('outbound')).toEqual([]);
  });

  test('where a file is only to be made, one of another content is a duplicate, one of the same is ours', async () => {
    const { call } = transportOf(await open(), 'create');
    expect(await call('writeSettlement', SETTLEMENT)).toMatchObject({ ok: true });
    expect(await call('writeSettlement', SETTLEMENT)).toMatchObject({ ok: true });
    const other = { rows: [{ ...SETTLEMENT.rows[0]!, amount: 5 }] };
    expect(await call('writeSettlement', other)).toMatchObject({
      ok: false,
      failure: { class: 'duplicate', delivery: 'answered' },
    });
    expect(await names('outbound')).toEqual(['settlement-2026-11-28.csv']);
  });
});

const SETTLEMENT = { rows: [{ orderId: 'ord "1", x', amount: 4.9, currency: 'EUR', paidOn: '2026-11-28' }] };

function transportOf(place: Place, effect: 'update' | 'create' = 'update', encoding?: 'windows-1252') {
  const transport = csvTransport(contextOf(place), {
    writeSettlement: { ...operationLayouts['writeSettlement']!, ...(encoding && { encoding }) },
  });
  closing.push(() => transport.close());
  const call = (operation: string, body: JsonObject, timeoutMs = 10_000) => {
    const planned = plans.operation(operation);
    return transport.call({
      operation: operation === 'writeSettlement' ? { ...planned, effect } : planned,
      input: { day: '2026-11-28', body },
      idempotencyKey: 'key-1',
      deadlineAt: systemClock.now() + timeoutMs,
    });
  };
  return { call };
}

describe('a file that cannot be written', () => {
  it('for a letter that its encoding has not, or a folder that is not there, changes nothing', async () => {
    const latin = transportOf({ baseUrl: `file://${base}` }, 'update', 'windows-1252');
    const rows = (orderId: string) => ({ rows: [{ ...SETTLEMENT.rows[0]!, orderId }] });
    expect(await latin.call('writeSettlement', rows('5 €'))).toMatchObject({ ok: true });
    expect(await latin.call('writeSettlement', rows('λ'))).toMatchObject({
      ok: false,
      failure: { class: 'validation', delivery: 'notSent' },
    });
    expect((await readFile(join(base, 'outbound/settlement-2026-11-28.csv'))).includes(0x80)).toBe(true);
    await rm(join(base, 'outbound'), { recursive: true });
    expect(await latin.call('writeSettlement', rows('a'))).toMatchObject({
      ok: false,
      failure: { class: 'notFound', delivery: 'notSent' },
    });
  });
});

it('a file is not written through a link that somebody has put in its place', async () => {
  const theirs = join(base, 'theirs.txt');
  await writeFile(theirs, 'as it was');
  // Whoever may write into a share knows under which name a file comes to be.
  const mark = createHash('sha256').update('key-1').digest('hex').slice(0, 16);
  await symlink(theirs, join(base, `outbound/.settlement-2026-11-28.csv.${mark}.tmp`));
  const { call } = transportOf({ baseUrl: `file://${base}` });
  expect(await call('writeSettlement', SETTLEMENT)).toMatchObject({ ok: true });
  expect(await readFile(theirs, 'utf8')).toBe('as it was');
  expect((await lstat(join(base, 'outbound/settlement-2026-11-28.csv'))).isFile()).toBe(true);
});

describe('a connection over SFTP', { timeout: 60_000 }, () => {
  it('that ends before the rename has changed nothing to be seen; one that ends in it is in doubt', async () => {
    const server = await opened();
    const { call } = transportOf({ baseUrl: `sftp://127.0.0.1:${server.port}?hostKey=${server.hostKey}` });
    server.onRename = () => 'deaf';
    expect(await call('writeSettlement', SETTLEMENT, 3_000)).toMatchObject({
      ok: false,
      failure: { delivery: 'lost' },
    });
    // It did happen, and happens again without harm.
    const there = ['settlement-2026-11-28.csv'];
    await until(
      async () => String(await names('outbound')) === String(there),
      () => names('outbound'),
    );
    server.onRename = () => 'cut';
    expect(await call('writeSettlement', SETTLEMENT)).toMatchObject({
      ok: false,
      failure: { delivery: 'lost' },
    });
    server.onRename = undefined;
    expect(await call('writeSettlement', SETTLEMENT)).toMatchObject({ ok: true });
    expect(await names('outbound')).toEqual(['settlement-2026-11-28.csv']);
    await server[Symbol.asyncDispose]();
    closing.splice(closing.length - 2, 1);
    expect(await call('writeSettlement', SETTLEMENT, 2_000)).toMatchObject({
      ok: false,
      failure: { delivery: 'notSent' },
    });
  });

  it('comes back by itself after it was cut', async () => {
    const server = await opened();
    const kept = memory();
    start({ baseUrl: `sftp://127.0.0.1:${server.port}` }, kept);
    await until(
      () => kept.states.includes('consuming'),
      () => kept.states,
    );
    server.cut();
    await until(
      () => kept.states.some((state) => state.startsWith('the connection')),
      () => kept.states,
    );
    await put('delivered-1.csv', `${HEAD}\n${row(1)}`);
    await until(
      () => kept.stored.size === 1,
      () => kept.states,
    );
  });

  it.each([
    ['another host key', { hostKey: `SHA256:${'A'.repeat(43)}` }, 'HOST_KEY_WRONG'],
    ['a wrong password', { password: 'wrong-secret' }, 'the connection failed'],
  ])('to a server with %s is refused, and no secret is told', async (_what, given, said) => {
    const server = await opened();
    const { hostKey = server.hostKey, password = PASSWORD } = given as Partial<
      Record<'hostKey' | 'password', string>
    >;
    const kept = memory();
    start({ baseUrl: `sftp://127.0.0.1:${server.port}?hostKey=${hostKey}`, password }, kept);
    await until(
      () => kept.states.some((state) => state.includes(said)),
      () => kept.states,
    );
    expect(kept.states.join()).not.toContain('secret');
  });

  it('to another machine names the key of its host', async () => {
    const kept = memory();
    start({ baseUrl: 'sftp://exchange.carrier.example' }, kept);
    await until(
      () => kept.states.some((state) => state.includes('names no hostKey')),
      () => kept.states,
    );
  });
});
