import { DatabaseSync } from 'node:sqlite';
import { afterEach, expect, test } from 'vitest';
import { openLedger } from '../embedded/file/open-ledger.ts';
import { type Bench, failure, openBench, refused } from '../testing/bench.ts';
import { keysNamed } from '../testing/keys.ts';
import { call, planFor } from '../testing/plan.ts';

let bench: Bench;
afterEach(() => bench.close());

/** Two runs of each kind: what is open of the first is damaged. */
async function damaged(...steps: Parameters<typeof call>[]): Promise<readonly string[]> {
  bench = await openBench(planFor({ onFailure: 'forward', steps: steps.map((step) => call(...step)) }));
  bench.target.script = {
    put: [{ fail: refused }, { fail: refused }],
    createBlind: [1, 2].map(() => ({ fail: failure('timeout', 'HTTP_RESPONSE_TIMEOUT', 'lost') })),
  };
  const ids: string[] = [];
  for (const id of ['a', 'b']) {
    ids.push(await bench.order({ id }));
    await bench.runtime.idle();
  }
  const db = new DatabaseSync(bench.file);
  db.exec(
    `UPDATE openings SET detail = '~00000000{}' WHERE run_seq = (SELECT seq FROM runs WHERE run_id = '${ids[0]}')`,
  );
  db.close();
  return ids;
}

const unread = { code: 'STORED_VALUE_DAMAGED', message: expect.stringMatching(/^openings of run /) };

test('a dead letter, and the work owed on it, that cannot be read is listed with the cause, and hides no other', async () => {
  const [first, second] = await damaged(['put', 'acme.put']);
  expect(bench.runtime.deadLetters()).toMatchObject([
    { runId: first, step: 'put', queue: 'repair', owner: 'sales', failure: unread },
    { runId: second, step: 'put', queue: 'repair', failure: { code: 'HTTP_RESPONSE_STATUS' } },
  ]);
  expect(bench.runtime.deadLetterGroups()).toHaveLength(2);
  expect(bench.runtime.forwardFixes()).toMatchObject([
    { runId: first, task: 'find out what is owed: it cannot be read', because: unread.message },
    { runId: second, task: expect.stringContaining('complete the step put') },
  ]);
});

test('a doubt that cannot be read is listed with the cause, and hides no other', async () => {
  const [first, second] = await damaged(['one', 'acme.createBlind']);
  expect(bench.runtime.inDoubt()).toMatchObject([
    { runId: first, stepId: 'one', operation: 'cannot be read', evidence: unread },
    { runId: second, stepId: 'one', operation: 'acme.createBlind' },
  ]);
});

test('dead letters of an encrypted file are listed without its keys, and said to be locked', async () => {
  bench = await openBench(planFor({ onFailure: 'hold', steps: [call('put', 'acme.put')] }));
  bench.encryption = keysNamed('k1');
  await bench.restart();
  bench.target.script = { put: [{ fail: refused }] };
  const runId = await bench.order({ id: 'a' });
  await bench.runtime.idle();
  const ledger = openLedger(bench.file);
  expect(ledger.deadLetters()).toMatchObject([{ runId, failure: { code: 'STORED_VALUE_LOCKED' } }]);
  ledger.close();
});
