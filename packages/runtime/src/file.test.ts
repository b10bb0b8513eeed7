import { DatabaseSync } from 'node:sqlite';
import { afterEach, expect, test } from 'vitest';
import { openLedger } from './embedded/open-ledger.ts';
import { type Bench, openBench, refused } from './testing/bench.ts';
import { call, planFor, undoable } from './testing/plan.ts';

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
  const entries = bench.runtime.trace({ runId: ended }).length;
  await bench.pass(2 * DAY_MS);
  expect(bench.runtime.run(ended)).toMatchObject({ state: 'succeeded', input: null, steps: [] });
  expect(bench.runtime.trace({ runId: ended })).toHaveLength(entries);
  expect(bench.runtime.run(parked)).toMatchObject({ state: 'failed', input: { id: 'b' } });
  await bench.runtime.resume(parked, 'ana', 'late');
  await bench.runtime.idle();
  expect(bench.state(parked)).toBe('succeeded');
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
