import { copyFileSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, expect, test } from 'vitest';
import { openLedger } from '../embedded/file/open-ledger.ts';
import { type Bench, openBench, refused, testKey } from '../testing/bench.ts';
import { call, planFor, step, undoable } from '../testing/plan.ts';

const DAY_MS = 86_400_000;

let bench: Bench;
afterEach(() => bench.close());

test('payloads of ended runs go after their time; runs, ledger and open runs stay', async () => {
  bench = await openBench(planFor({ onFailure: 'hold', steps: [undoable('one'), call('put', 'acme.put')] }));
  bench.target.script = { put: [undefined, { fail: refused }] };
  const ended = await bench.order({ id: 'a', note: 'personal' });
  await bench.runtime.idle();
  const parked = await bench.order({ id: 'b', note: 'personal' });
  await bench.pass(29 * DAY_MS);
  expect(bench.runtime.run(ended)?.input).toEqual({ id: 'a', note: 'personal' });
  expect(bench.runtime.run(ended)).not.toHaveProperty('isPastRetention');
  const entries = bench.runtime.trace({ runId: ended }).length;
  await bench.pass(2 * DAY_MS);
  expect(bench.runtime.run(ended), 'it is said why nothing is there').toMatchObject({
    state: 'succeeded',
    input: null,
    steps: [],
    isPastRetention: true,
  });
  expect(bench.runtime.trace({ runId: ended })).toHaveLength(entries);
  expect(bench.runtime.run(parked)).toMatchObject({ state: 'failed', input: { id: 'b' } });
  expect(bench.runtime.run(parked)).not.toHaveProperty('isPastRetention');
  await bench.runtime.resume(parked, 'ana', 'late');
  await bench.runtime.idle();
  expect(bench.state(parked)).toBe('succeeded');
});

test('a class of data that its contract keeps for a shorter time takes the run’s data with it, and is shown', async () => {
  const steps = [undoable('one')];
  bench = await openBench(
    planFor({ steps, keep: { ms: 2 * DAY_MS, because: 'personal data of shop' } }),
    planFor({
      pipeline: 'others',
      trigger: { event: 'shop.paid' },
      identity: { key: { expression: 'event.order' }, retainMs: DAY_MS },
      steps,
    }),
  );
  const short = await bench.order({ id: 'a', note: 'personal' });
  const paid = (order: string, deliveryId: string) =>
    bench.runtime.accept({ event: 'shop.paid', payload: { order }, deliveryId, source: 'shop' });
  await paid('b', 'p1');
  await bench.runtime.idle();
  const long = bench.runtime.runs({ pipeline: 'others' })[0]!.runId;
  expect(bench.runtime.protection().retention).toEqual([
    { pipeline: 'orders', keepMs: 2 * DAY_MS, because: 'personal data of shop' },
    { pipeline: 'others', keepMs: 30 * DAY_MS },
  ]);
  // Over a restart, and though the pipeline is started no more.
  await bench.restart();
  await bench.runtime.retire('orders');
  await bench.pass(3 * DAY_MS);
  expect(bench.runtime.run(short)).toMatchObject({ input: null, steps: [] });
  expect(bench.runtime.run(long)).toMatchObject({ input: { order: 'b' } });
});

test('what asked for a replay or a cancellation long ago goes, for it may name somebody; with a run that is still to go out it stays', async () => {
  bench = await openBench(planFor({ onFailure: 'hold', steps: [call('put', 'acme.put')] }));
  bench.target.script = { put: [{ fail: refused }] };
  await bench.order({ id: 'ada@shop.example' });
  await bench.runtime.idle();
  const key = 'ada@shop.example';
  const dry = await bench.runtime.planReplay({ key }, 'ana', 'mended');
  const cancelled = await bench.runtime.planCancel({ key }, 'ana', 'no more');
  const waiting = await bench.runtime.planReplay({ key }, 'ana', 'mended');
  if (!dry.ok || !cancelled.ok || !waiting.ok) throw new Error('no dry run');
  await bench.runtime.setSwitch({ kind: 'pause', pipeline: 'orders', onlyKeys: [] }, 'ana', 'not yet');
  await bench.runtime.applyReplay(waiting.report.token, 'ana', 'mended', {});
  const known = () =>
    [dry, cancelled, waiting].map(({ report: { token } }) => bench.runtime.replayStatus(token)?.filter);
  expect(known()).toEqual([{ key }, undefined, { key }]);
  bench.clock.jump(31 * DAY_MS);
  await bench.restart();
  await bench.pass(10 * 60_000);
  expect(known()).toEqual([undefined, undefined, { key }]);
  expect(await bench.runtime.erase(key, 'ana', 'request 17', false)).toMatchObject({ requests: 1 });
});

test('a run is past its retention though another run of its event keeps the payload', async () => {
  const others = planFor({ pipeline: 'others', onFailure: 'hold', steps: [call('put', 'acme.put')] });
  bench = await openBench(planFor({ steps: [undoable('one')] }), others);
  bench.target.script = { put: [{ fail: refused }] };
  await bench.order({ id: 'a' });
  await bench.runtime.idle();
  const [ended] = bench.runtime.runs({ pipeline: 'orders' });
  const [parked] = bench.runtime.runs({ pipeline: 'others' });
  await bench.pass(32 * DAY_MS);
  expect(bench.runtime.run(ended!.runId)).toMatchObject({
    input: { id: 'a' },
    steps: [],
    isPastRetention: true,
  });
  expect(bench.runtime.run(parked!.runId)).not.toHaveProperty('isPastRetention');
});

test('payloads go after their time of a process that never lives for an hour, too', async () => {
  bench = await openBench(planFor({ steps: [undoable('one')] }));
  const ended = await bench.order({ id: 'a', note: 'personal' });
  await bench.runtime.idle();
  bench.clock.jump(31 * DAY_MS);
  for (let life = 0; life < 2; life++) {
    await bench.restart();
    await bench.pass(10 * 60_000);
  }
  expect(bench.runtime.run(ended)).toMatchObject({ input: null, isPastRetention: true });
});

test('a run that sent nothing is not past its retention before its time', async () => {
  const that = [{ condition: "event.id == 'a'", message: 'another' }];
  bench = await openBench(planFor({ steps: [step('check', 'look', { that, otherwise: 'fail' })] }));
  const runId = await bench.order({ id: 'a' });
  await bench.pass(DAY_MS);
  expect(bench.runtime.run(runId)).toMatchObject({ state: 'succeeded', steps: [] });
  expect(bench.runtime.run(runId)).not.toHaveProperty('isPastRetention');
});

test('an event that nothing wanted is not kept for ever', async () => {
  bench = await openBench(planFor({ steps: [undoable('one')] }));
  await bench.runtime.accept({
    event: 'shop.paid',
    payload: { order: 'z', by: 'somebody' },
    deliveryId: 'paid',
    source: 'shop',
  });
  const payload = () => {
    const db = new DatabaseSync(bench.file, { readOnly: true });
    const row = db.prepare('SELECT payload FROM events').get();
    db.close();
    return row?.['payload'];
  };
  expect(payload()).toContain('somebody');
  await bench.pass(31 * DAY_MS);
  expect(payload()).toBe('null');
});

test('a backup taken while runs go on is sound and complete', async () => {
  bench = await openBench(planFor({ steps: [undoable('one')] }));
  await Promise.all(Array.from({ length: 20 }, (_, i) => bench.order({ id: `o${i}` })));
  await bench.runtime.backup(`${bench.file}.backup`);
  const ledger = openLedger(`${bench.file}.backup`);
  expect(ledger.runs()).toHaveLength(20);
  expect(ledger.check()).toEqual([]);
  ledger.close();
});

test('a backup is read without what is left of an earlier file of its name', async () => {
  bench = await openBench(planFor({ steps: [undoable('one')] }));
  await bench.order({ id: 'a' });
  await bench.runtime.idle();
  const copy = `${bench.file}.backup`;
  for (const suffix of ['', '-wal']) copyFileSync(`${bench.file}${suffix}`, `${copy}${suffix}`);
  rmSync(copy);
  await bench.order({ id: 'b' });
  await bench.runtime.idle();
  await bench.runtime.backup(copy);
  const ledger = openLedger(copy);
  expect(ledger.runs().map(({ key }) => key)).toEqual(['b', 'a']);
  ledger.close();
});

test('a backup is not put in the place of the database itself, whatever that is called', async () => {
  bench = await openBench(planFor({ steps: [undoable('one')] }));
  await bench.order({ id: 'a' });
  const before = statSync(bench.file).ino;
  symlinkSync(bench.file, `${bench.file}.link`);
  for (const to of [bench.file, `${bench.file}.link`])
    await expect(bench.runtime.backup(to)).rejects.toThrow('is the database itself');
  expect(statSync(bench.file).ino).toBe(before);
});

test('a backup holds no checkpoint of what came after it', async () => {
  bench = await openBench(planFor({ steps: [] }));
  bench.checkpoints = { everyRows: 1 };
  await bench.restart();
  await bench.order({ id: 'a' });
  await bench.runtime.idle();
  const copying = bench.runtime.backup(`${bench.file}.backup`);
  for (let n = 0; n < 20; n++) await bench.order({ id: `b${n}` });
  await bench.runtime.idle();
  await copying;
  const ledger = openLedger(`${bench.file}.backup`);
  const lines = readFileSync(`${bench.file}.backup.checkpoints`, 'utf8').split('\n');
  const { findings } = ledger.verify({ checkpoints: [{ name: 'own', lines }], keys: [testKey.publicKey] });
  expect(findings).toEqual([]);
  ledger.close();
});

test('the ledger cannot be changed by a statement, and a check finds what was cut out behind its back', async () => {
  bench = await openBench(planFor({ steps: [undoable('one')] }));
  await bench.order({ id: 'a' });
  await bench.runtime.idle();
  await bench.runtime.stop();
  const db = new DatabaseSync(bench.file);
  expect(() => db.exec(`UPDATE ledger SET facts = '[]'`)).toThrow('LEDGER_APPEND_ONLY');
  expect(() => db.exec('DELETE FROM ledger')).toThrow('LEDGER_APPEND_ONLY');
  expect(() => db.exec(`UPDATE runs SET state = 'accepted'`)).toThrow('RUN_TRANSITION_ILLEGAL');
  expect(() => db.exec(`UPDATE runs SET state = 'lost'`)).toThrow();
  db.exec(
    'DROP TRIGGER ledger_no_delete; DELETE FROM ledger WHERE seq = (SELECT seq FROM ledger ORDER BY seq LIMIT 1 OFFSET 1)',
  );
  db.close();
  const ledger = openLedger(bench.file);
  expect(ledger.check()).toEqual([expect.stringMatching(/^a row is missing after entry \d+$/)]);
  ledger.close();
});

test.skipIf(process.platform === 'win32')(
  'the database, its log and its backups are read by their owner alone',
  async () => {
    bench = await openBench(planFor({ steps: [call('one', 'acme.get')] }));
    await bench.order({ id: 'a' });
    await bench.runtime.idle();
    await bench.runtime.backup(`${bench.file}.backup`);
    for (const suffix of ['', '-wal', '.backup'])
      expect((statSync(bench.file + suffix).mode & 0o777).toString(8), suffix).toBe('600');
  },
);
