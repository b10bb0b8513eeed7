import { randomBytes } from 'node:crypto';
import { cpSync, existsSync, readdirSync, rmSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import type { Json } from '@tenon/model';
import fc from 'fast-check';
import { afterEach, expect, test } from 'vitest';
import { DataKeys, type EncryptionOptions, keyFolder, wrappedBy } from '../embedded/file/data-keys.ts';
import { openLedger } from '../embedded/file/open-ledger.ts';
import { type Place, UnreadableValue, ValueCodec } from '../embedded/file/value-codec.ts';
import { type Bench, openBench, refused } from '../testing/bench.ts';
import { keyNamed, keysNamed } from '../testing/keys.ts';
import { call, planFor, step, undoable } from '../testing/plan.ts';
import { differencesOf, listing, reconciled, reconciliationFor } from '../testing/reconciliation.ts';
import { bytesUnder, meddle, problemsOf } from '../testing/stored-file.ts';

const CANARY = 'CANARY-mila@customers.example';
const DAY_MS = 86_400_000;

let bench: Bench;
afterEach(() => bench.close());

const bytes = (file = bench.file): string => bytesUnder(file);

const plan = planFor({
  onFailure: 'hold',
  steps: [
    undoable('one'),
    step('approve', 'yes', {
      by: 'finance',
      withinMs: DAY_MS,
      onExpiry: 'reject',
      show: { expression: 'event.note' },
    }),
    call('put', 'acme.put'),
    step('set', 'kept', { value: { expression: 'event' } }),
  ],
});

async function open(encryption?: EncryptionOptions): Promise<void> {
  bench = await openBench(plan);
  bench.checkpoints = {};
  if (encryption !== undefined) bench.encryption = encryption;
  await bench.restart();
}

async function order(id: string, more: Record<string, Json> = { note: CANARY }): Promise<string> {
  const runId = await bench.order({ id, ...more });
  await bench.runtime.idle();
  return runId;
}

async function approve(runId: string): Promise<void> {
  await bench.runtime.decide(runId, 'yes', 'approve', 'ana', 'fine');
  await bench.runtime.idle();
}

test('what is stored is in no file in clear, and runs go on with it over restarts and crashes', async () => {
  await open(keysNamed('k1'));
  bench.target.script = { create: [{ result: { id: 'x', mail: CANARY } }] };
  const runId = await order('a');
  expect(bench.runtime.approvals()).toMatchObject([{ show: CANARY }]);
  await bench.restart();
  await bench.crash();
  await approve(runId);
  expect(bench.runtime.run(runId)).toMatchObject({ state: 'succeeded', input: { note: CANARY } });
  const parked = await order('b');
  bench.target.script = { put: [{ fail: refused }] };
  await approve(parked);
  expect(bench.runtime.deadLetters()).toMatchObject([{ runId: parked, failure: { class: 'validation' } }]);
  expect(bench.runtime.flow().deadLetters).toMatchObject([
    { queue: 'repair', class: 'validation', count: 1 },
  ]);
  expect(bytes()).not.toContain('CANARY');
  await bench.runtime.stop();
  expect(bytes()).not.toContain('CANARY');
  expect(problemsOf(bench)).toEqual([]);
});

test('the reason that a person gives, and who it was, stand in clear in entries of the ledger alone', async () => {
  await open(keysNamed('k1'));
  const [actor, reason] = ['ACTOR-ana', 'REASON asked for by Bo'];
  const { runtime } = bench;
  bench.target.script = { put: [{ fail: refused }] };
  const parked = await order('a');
  await runtime.decide(parked, 'yes', 'approve', actor, reason);
  await runtime.idle();
  await runtime.resume(parked, actor, reason);
  await runtime.idle();
  await runtime.cancel(await order('b'), actor, reason);
  await runtime.setSwitch({ kind: 'pause', pipeline: 'orders', onlyKeys: [] }, actor, reason);
  const planned = await runtime.planReplay({ pipeline: 'orders', state: 'failed' }, actor, reason);
  if (!planned.ok) throw new Error(planned.message);
  expect(await runtime.applyReplay(planned.report.token, actor, reason)).toMatchObject({ ok: true });
  await runtime.idle();
  await runtime.stop();
  expect(tablesWith(actor)).toEqual(['ledger']);
  expect(tablesWith('REASON')).toEqual(['ledger']);
});

test('without its key the file is refused before anything is taken in, and its ledger still verifies', async () => {
  await open(keysNamed('k1'));
  await order('a');
  await bench.runtime.stop();
  const { keys: _, ...others } = keysNamed('k1');
  bench.encryption = { ...others, keys: { k1: randomBytes(32) } };
  await expect(bench.restart()).rejects.toMatchObject({ code: 'RUNTIME_KEY_WRONG' });
  bench.encryption = keysNamed('k2');
  await expect(bench.restart()).rejects.toMatchObject({ code: 'RUNTIME_KEY_MISSING' });
  delete bench.encryption;
  await expect(bench.restart()).rejects.toMatchObject({ code: 'RUNTIME_KEY_MISSING' });
  expect(problemsOf(bench)).toEqual([expect.stringMatching(/^STORED_VALUE_LOCKED: \d+ values/)]);
  const ledger = openLedger(bench.file);
  expect(ledger.run(ledger.runs()[0]!.runId)).toMatchObject({ state: 'waiting', input: null });
  ledger.close();
  bench.encryption = keysNamed('k1');
  rmSync(keyFolder(bench.file), { recursive: true });
  await expect(bench.restart()).rejects.toMatchObject({ code: 'RUNTIME_KEY_MISSING' });
});

test('keys are wrapped anew while runs go on, and the old one is not needed any more', async () => {
  await open(keysNamed('k1'));
  const runId = await order('a');
  bench.encryption = keysNamed('k2', 'k1');
  await bench.restart();
  const later = await order('b');
  expect(wrappedBy(keyFolder(bench.file))).toEqual({ k1: 2, k2: 1 });
  await bench.runtime.rewrapKeys('ana', 'yearly');
  expect(wrappedBy(keyFolder(bench.file))).toEqual({ k2: 3 });
  bench.encryption = keysNamed('k2');
  await bench.restart();
  await approve(runId);
  await approve(later);
  expect(bench.runtime.run(runId)).toMatchObject({ state: 'succeeded', input: { note: CANARY } });
  expect(bench.runtime.trace({ system: true })).toContainEqual(
    expect.objectContaining({ kind: 'keys', details: expect.objectContaining({ actor: 'ana', to: 'k2' }) }),
  );
});

test('a file from before is encrypted while runs go on, and a restart goes on with it', async () => {
  await open();
  const ended = await order('a');
  await approve(ended);
  const waiting = await order('b');
  expect(bytes()).toContain('CANARY');
  bench.encryption = keysNamed('k1');
  await bench.crash();
  await bench.runtime.idle();
  await bench.runtime.stop();
  expect(bytes()).not.toContain('CANARY');
  await bench.restart();
  expect(bench.runtime.run(ended)).toMatchObject({ state: 'succeeded', input: { note: CANARY } });
  await approve(waiting);
  expect(bench.state(waiting)).toBe('succeeded');
  await bench.runtime.stop();
  expect(problemsOf(bench)).toEqual([]);
});

test('of a file from before that holds nothing but reports these are encrypted, too', async () => {
  bench = await openBench(plan);
  listing(bench, { listOrders: () => [{ key: 'CANARY-key' }], listInvoices: () => [] });
  await bench.runtime.activateReconciliations([reconciliationFor()]);
  const { id } = await reconciled(bench);
  expect(bytes()).toContain('CANARY');
  bench.encryption = keysNamed('k1');
  await bench.restart();
  await bench.runtime.idle();
  expect(bench.runtime.protection()).toMatchObject({ encrypted: true, olderLeft: 0 });
  expect(differencesOf(bench, id)).toEqual([['missing', 'CANARY-key']]);
  await bench.runtime.stop();
  expect(bytes()).not.toContain('CANARY');
});

test('of one that an earlier version took to be encrypted at once these are, too, and once', async () => {
  bench = await openBench(plan);
  listing(bench, { listOrders: () => [{ key: 'CANARY-key' }], listInvoices: () => [] });
  await bench.runtime.activateReconciliations([reconciliationFor()]);
  const { id } = await reconciled(bench);
  await bench.runtime.stop();
  const inClear = new DatabaseSync(bench.file);
  const rows = inClear.prepare('SELECT id, value FROM differences').all();
  inClear.close();
  bench.encryption = keysNamed('k1');
  await bench.restart();
  await bench.runtime.idle();
  await bench.runtime.stop();
  // As that version left it.
  const left = new DatabaseSync(bench.file);
  for (const { id, value } of rows)
    left.prepare('UPDATE differences SET value = ? WHERE id = ?').run(String(value), String(id));
  left.exec(
    `UPDATE settings SET value = '{"events":0,"runs":0,"lastEvent":0,"lastRun":0}' WHERE name = 'encrypted'`,
  );
  left.close();
  expect(bytes()).toContain('CANARY');
  await bench.restart();
  await bench.runtime.idle();
  expect(bench.runtime.protection()).toMatchObject({ encrypted: true, olderLeft: 0 });
  expect(differencesOf(bench, id)).toEqual([['missing', 'CANARY-key']]);
  await bench.runtime.stop();
  expect(bytes()).not.toContain('CANARY');
  // One that is damaged is left as it is, and is not come to at each start.
  meddle(bench, `UPDATE differences SET value = '{"damaged"'`);
  await bench.restart();
  expect(bench.runtime.protection().olderLeft).toBe(0);
});

test('erasure destroys keys: a backup from before cannot be read, and a run of it is parked, not broken', async () => {
  await open(keysNamed('k1'));
  const erased = await order('a');
  const other = await order('b', { note: 'somebody else' });
  await bench.runtime.backup(`${bench.file}.backup`);
  expect(['-wal', '-shm'].filter((suffix) => existsSync(`${bench.file}.backup${suffix}`))).toEqual([]);
  await approve(erased);
  const report = await bench.runtime.erase(CANARY, 'ana', 'request 17', true);
  expect(report.runs.map(({ runId }) => runId)).toEqual([erased]);
  await bench.runtime.stop();
  // As if the backup had to be put back.
  for (const suffix of ['', '-wal', '-shm', '.mark', '.checkpoints'])
    rmSync(bench.file + suffix, { force: true });
  cpSync(`${bench.file}.backup`, bench.file);
  bench.checkpoints = { setBack: 'the disk was lost' };
  await bench.restart();
  expect(bench.runtime.run(erased)).toMatchObject({ state: 'waiting', input: null });
  await approve(erased);
  expect(bench.runtime.deadLetters()).toMatchObject([
    { runId: erased, queue: 'repair', failure: { code: 'STORED_VALUE_ERASED' } },
  ]);
  expect(await bench.runtime.cancel(erased, 'ana', 'its data is gone')).toMatchObject({ ok: true });
  expect(bench.runtime.run(erased)).toMatchObject({
    state: 'cancelled',
    failure: { code: 'RUN_CANCELLED_NOT_UNDONE' },
  });
  await approve(other);
  expect(bench.runtime.run(other)).toMatchObject({ state: 'succeeded', input: { note: 'somebody else' } });
});

test('retention destroys keys, and a key file with none left gives way', async () => {
  await open(keysNamed('k1'));
  const runId = await order('a');
  await approve(runId);
  const withoutKeys = () => {
    const ledger = openLedger(bench.file);
    const run = ledger.run(runId);
    ledger.close();
    return run;
  };
  expect(withoutKeys(), 'it only cannot be read').toMatchObject({ input: null });
  expect(withoutKeys()).not.toHaveProperty('isPastRetention');
  await bench.pass(32 * DAY_MS);
  expect(bench.runtime.run(runId)).toMatchObject({ state: 'succeeded', input: null, steps: [] });
  expect(withoutKeys()).toHaveProperty('isPastRetention', true);
  await bench.runtime.stop();
  const db = new DatabaseSync(bench.file);
  expect(db.prepare('SELECT data_key FROM runs UNION ALL SELECT data_key FROM events').all()).toEqual([
    { data_key: null },
    { data_key: null },
  ]);
  expect(db.prepare('SELECT * FROM shreds').all()).toEqual([]);
  db.close();
  const folder = keyFolder(bench.file);
  const store = new DataKeys(bench.file, keysNamed('k1'));
  store.shred(Array.from({ length: 1024 }, (_, id) => 1024 + id));
  expect(readdirSync(folder)).toEqual(['00000000.k1.keys', '00000001.gone']);
  expect(store.get(1025)).toBe('destroyed');
  expect(store.get(5000)).toBe('absent');
  expect(store.allocate()).toBe(2048);
});

test.each([
  ['in clear', undefined],
  ['encrypted', keysNamed('k1')],
])(
  'a damaged value parks its run with a code, row and owner, and the others go on: %s',
  async (_, encryption) => {
    await open(encryption);
    const damaged = await order('a');
    const swapped = await order('b');
    const sound = await order('c');
    await bench.runtime.stop();
    const at = (id: string) => `(SELECT seq FROM runs WHERE run_id = '${id}')`;
    // One byte; SQLite itself reads it well.
    const changed =
      encryption === undefined
        ? `replace(value, 'create', 'creote')`
        : `CAST(substr(value, 1, 30) || x'00' || substr(value, 32) AS BLOB)`;
    meddle(
      bench,
      `UPDATE journal SET value = ${changed} WHERE run_seq = ${at(damaged)} AND key = 'one#1';
    UPDATE journal SET value = (SELECT value FROM journal WHERE run_seq = ${at(sound)} AND key = 'one#1') WHERE run_seq = ${at(swapped)} AND key = 'one#1'`,
    );
    expect(problemsOf(bench)).toEqual([
      expect.stringContaining(`STORED_VALUE_DAMAGED: journal of run ${damaged}, one#1`),
      expect.stringContaining(`STORED_VALUE_DAMAGED: journal of run ${swapped}, one#1`),
    ]);
    await bench.restart();
    for (const runId of [damaged, swapped, sound]) await approve(runId);
    expect(bench.state(sound)).toBe('succeeded');
    const letters = bench.runtime.deadLetters();
    expect(letters.map(({ runId }) => runId)).toEqual([damaged, swapped]);
    expect(letters[0]).toMatchObject({
      queue: 'repair',
      owner: 'sales',
      failure: {
        code: 'STORED_VALUE_DAMAGED',
        message: expect.stringContaining(`journal of run ${damaged}, one#1`),
      },
    });
    expect(bench.target.doubled).toEqual([]);
  },
);

test('whatever was sealed comes back from its own place, with its own key, and from no other', () => {
  const secretKey = Buffer.from(keyNamed('data'));
  const place = fc.string().map((key): Place => `journal/1/${key}`);
  fc.assert(
    fc.property(fc.json(), place, place, fc.boolean(), fc.nat(), (text, here, there, isEncrypted, at) => {
      const key = isEncrypted ? { id: 7, key: secretKey } : undefined;
      const codec = new ValueCodec(isEncrypted ? { get: () => secretKey, forget: () => {} } : undefined);
      const sealed = codec.seal(text, here, key);
      expect(codec.open(sealed, here)).toBe(text);
      if (here !== there) expect(() => codec.open(sealed, there)).toThrow(UnreadableValue);
      if (typeof sealed === 'string') return;
      const broken = Uint8Array.from(sealed);
      // The number of the key is another matter: it finds another key, or none.
      const index = at % sealed.length;
      if (index >= 1 && index < 7) return;
      broken[index]! ^= 1;
      expect(() => codec.open(broken, here)).toThrow(UnreadableValue);
    }),
  );
});

test('a damaged switch is named as it is called, and nothing starts without it', async () => {
  await open(keysNamed('k1'));
  await bench.runtime.setSwitch({ kind: 'pause', pipeline: 'orders', onlyKeys: [] }, 'ana', 'a test');
  const { id } = bench.runtime.switches()[0]!;
  expect(id).toContain('/');
  await bench.runtime.stop();
  meddle(bench, `UPDATE switches SET value = x'01'`);
  const message = expect.stringMatching(`^switches ${id}: the stored value is not`);
  await expect(bench.restart()).rejects.toMatchObject({ code: 'STORED_VALUE_DAMAGED', message });
  expect(problemsOf(bench)).toEqual([expect.stringContaining(`switches ${id}: `)]);
});

test('a damaged version is named by the check', async () => {
  bench = await openBench(
    planFor({
      identity: {
        key: { expression: 'event.id' },
        orderBy: { expression: 'event.id' },
        version: 'event.n',
        retainMs: DAY_MS,
      },
      steps: [call('put', 'acme.put')],
    }),
  );
  bench.checkpoints = {};
  bench.encryption = keysNamed('k1');
  await bench.restart();
  const runId = await order('a', { n: 1 });
  await bench.runtime.stop();
  expect(problemsOf(bench)).toEqual([]);
  meddle(bench, "UPDATE newest SET version = x'01'");
  expect(problemsOf(bench)).toEqual([
    expect.stringContaining(`STORED_VALUE_DAMAGED: newest of run ${runId}: `),
  ]);
  meddle(bench, `UPDATE events SET payload = x'01'; UPDATE runs SET failure = x'01'`);
  expect(problemsOf(bench)).toEqual([
    expect.stringContaining(`event of run ${runId}: `),
    expect.stringContaining(`failure of run ${runId}: `),
    expect.stringContaining(`newest of run ${runId}: `),
  ]);
  // What no run is found for.
  meddle(bench, 'DELETE FROM runs');
  expect(problemsOf(bench)).toEqual(
    expect.arrayContaining([
      expect.stringContaining('event no. 1: '),
      expect.stringContaining('newest of run no. 1: '),
    ]),
  );
});

/** Tables of the file in which the text stands. */
function tablesWith(text: string): readonly string[] {
  const db = new DatabaseSync(bench.file, { readOnly: true });
  const tables = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").all();
  const found = tables
    .map(({ name }) => String(name))
    .filter((name) =>
      db
        .prepare(`SELECT * FROM ${name}`)
        .all()
        .some((row) =>
          Object.values(row).some((value) =>
            (value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : String(value)).includes(
              text,
            ),
          ),
        ),
    );
  db.close();
  return found;
}
