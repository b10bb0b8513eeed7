import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Bench, openBench } from '../../testing/bench.ts';
import { call, planFor } from '../../testing/plan.ts';
import { compareCopy } from './compare-copy.ts';

let bench: Bench;
let copy: string;
beforeEach(async () => {
  bench = await openBench(planFor({ steps: [call('put', 'acme.put')] }));
  for (const id of ['a', 'b']) await bench.order({ id });
  await bench.runtime.idle();
  copy = `${bench.file}-copy`;
  await bench.runtime.backup(copy);
});
afterEach(() => bench.close());

/** Changes the copy as somebody with an editor would. */
function edit(sql: string): void {
  const db = new DatabaseSync(copy);
  db.exec(sql);
  db.close();
}

test('a copy is what the database was, though runs have gone on since', async () => {
  await bench.order({ id: 'c' });
  await bench.runtime.idle();
  const { counts, differences } = compareCopy(bench.file, copy);
  expect(differences).toEqual([]);
  expect(counts).toMatchObject({ runs: 2, events: 2 });
});

test('a copy that lacks what the database had is told apart from it', () => {
  edit('PRAGMA foreign_keys = OFF; DELETE FROM runs WHERE seq = 1');
  expect(compareCopy(bench.file, copy).differences).toEqual(['the copy has 1 runs, and the database had 2']);
});

test('a copy of another database is no copy of this one', async () => {
  const other = await openBench(planFor({ steps: [call('put', 'acme.put')] }));
  await other.pass(1_000);
  await other.order({ id: 'a' });
  await other.runtime.idle();
  expect(compareCopy(other.file, copy).differences[0]).toMatch(
    /it is not of this database|are others in the copy/,
  );
  await other.close();
});
