import type { SecretUse } from '@tenon/connector';
import { afterEach, expect, test } from 'vitest';
import { openLedger } from './embedded/file/open-ledger.ts';
import { SecretAudit } from './secret-audit.ts';
import { type Bench, openBench } from './testing/bench.ts';
import { call, planFor, step, undoable } from './testing/plan.ts';

let bench: Bench;
afterEach(() => bench.close());

const use = (more: Partial<SecretUse['purpose']> = {}): SecretUse => ({
  reference: 'env:ACME_KEY',
  found: true,
  isHeld: true,
  purpose: { connection: 'acme', use: 'authenticate', ...more },
});

const listed = planFor({
  steps: [
    step('forEach', 'lines', {
      in: 'event.lines',
      as: 'line',
      key: { expression: 'line' },
      max: 5,
      concurrency: 2,
      onItemFailure: 'stop',
      steps: [undoable('book')],
    }),
  ],
});

/** A bench whose target uses a secret, as a real connection does, for each call. */
async function open(...plans: Parameters<typeof openBench>): Promise<SecretAudit> {
  bench = await openBench(...plans);
  bench.secretUses = new SecretAudit();
  await bench.restart();
  const { secretUses } = bench;
  bench.target.onCall = (when, { origin }) => {
    if (when === 'before' && origin) for (let i = 0; i < 2; i++) secretUses.onSecretUse(use({ origin }));
  };
  return secretUses;
}

test('each attempt has an entry of the secrets that it used, in the row of its outcome', async () => {
  await open(planFor({ steps: [undoable('one')] }));
  const runId = await bench.order({ id: 'a' });
  await bench.runtime.idle();
  const trace = bench.runtime.trace({ runId });
  expect(trace.filter(({ kind }) => kind === 'secretUse')).toHaveLength(1);
  expect(trace.find(({ kind }) => kind === 'secretUse')).toMatchObject({
    step: 'one',
    details: {
      uses: [
        { reference: 'env:ACME_KEY', connection: 'acme', purpose: 'authenticate', found: true, count: 2 },
      ],
    },
  });
  const ledger = openLedger(bench.file);
  const rows = [...ledger.exporting().rows()].map((row) => JSON.stringify(row));
  ledger.close();
  expect(rows.find((row) => row.includes('secretUse'))).toContain('outcome');
});

test('who used what is listed, also by those who only have the file, with no key of an item in it', async () => {
  const audit = await open(listed);
  audit.onSecretUse({ ...use({ use: 'webhook verification' }), isHeld: false, found: false });
  await bench.order({ id: 'a', lines: ['CANARY-ana', 'CANARY-mila'] });
  await bench.pass(10_000);
  await bench.order({ id: 'b', lines: ['CANARY-ana'] });
  await bench.runtime.idle();
  await bench.runtime.stop();
  const ledger = openLedger(bench.file);
  expect(ledger.secretUsers()).toMatchObject([
    { purpose: 'authenticate', pipeline: 'orders', step: 'lines[].book', uses: 6, isUnexpected: false },
    { reference: 'env:ACME_KEY', purpose: 'webhook verification', uses: 1, failed: 1 },
  ]);
  expect(ledger.trace({ system: true }).filter(({ kind }) => kind === 'secretUse')).toMatchObject([
    { details: { uses: [{ purpose: 'webhook verification', found: false }] } },
  ]);
  // Entries stay for ever: what an item is called is a digest there, the same in all entries of its run.
  const rows = JSON.stringify([...ledger.exporting().rows()]);
  expect(rows).not.toContain('CANARY');
  expect(new Set(rows.match(/lines\[#[0-9a-f]{12}\]/g)).size).toBe(3);
  ledger.close();
});

test('a run whose plan does not use the connection raises an alarm, once in a while', async () => {
  await open(planFor({ steps: [call('one', 'acme.create', { connection: 'other' })] }));
  await bench.order({ id: 'a' });
  await bench.order({ id: 'b' });
  await bench.pass(2_000);
  const alarms = () =>
    bench.runtime.trace({ system: true }).filter(({ details }) => details['alarm'] === 'secretUse');
  expect(alarms()).toMatchObject([
    { kind: 'alarm', details: { reference: 'env:ACME_KEY', connection: 'acme', pipeline: 'orders' } },
  ]);
  await bench.pass(10_000);
  expect(bench.runtime.secretUsers()).toMatchObject([{ isUnexpected: true, uses: 4 }]);
});
