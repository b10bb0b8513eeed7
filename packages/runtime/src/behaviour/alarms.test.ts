import { rmSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { CheckpointOptions } from '../ledger/checkpoint-keeper.ts';
import type { Alarm, OutsideTrouble } from '../runtime.ts';
import { SecretAudit } from '../secret-audit.ts';
import { type Bench, openBench, refused } from '../testing/bench.ts';
import { call, planFor } from '../testing/plan.ts';
import { listBoth, listing, reconciled, reconciliationFor } from '../testing/reconciliation.ts';

const HOUR_MS = 3_600_000;
const PARKED = planFor({ onFailure: 'hold', steps: [call('put', 'acme.put')] });

let bench: Bench;
beforeEach(async () => {
  bench = await openBench(PARKED);
  bench.limits = { watchEveryMs: 10_000, deadLettersAlarm: 1 };
  await bench.restart();
});
afterEach(() => bench.close());

const told = (kind: 'alarm' | 'alarmOver', alarm: string) =>
  bench.entries
    .filter((entry) => entry.kind === kind && entry.details['alarm'] === alarm)
    .map(({ details }) => details);

test('an alarm is not told again by a restart, however much the ledger has had of no run since', async () => {
  bench.target.script = { put: [{ fail: refused }] };
  await bench.order({ id: 'a' });
  await bench.pass(70_000);
  const before = told('alarm', 'deadLetters').length;
  expect(before).toBeGreaterThan(0);
  await bench.runtime.setSwitch(
    {
      kind: 'flag',
      pipeline: 'orders',
      keys: ['nobody'],
      events: [],
      share: 0,
      expiresAtMs: bench.clock.now() + HOUR_MS,
    },
    'ana',
    'a test',
  );
  for (let sent = 0; sent < 20_100; sent += 2_010) {
    const taken = await Promise.all(
      Array.from({ length: 2_010 }, (_, at) => {
        const id = `n${sent + at}`;
        return bench.runtime.accept({
          event: 'shop.ordered',
          payload: { id },
          deliveryId: id,
          source: 'shop',
        });
      }),
    );
    expect(taken.every(({ ok }) => ok)).toBe(true);
  }
  await bench.restart();
  await bench.pass(30_000);
  expect(told('alarm', 'deadLetters')).toHaveLength(before);
});

describe('a disk that is nearly full', () => {
  const low = () => {
    bench.diskFreeBytes = () => 246_239_232;
  };

  test('raises an alarm at the start already, and not again at the next', async () => {
    low();
    await bench.restart();
    await bench.runtime.idle();
    expect(told('alarm', 'intakeClosed')).toMatchObject([{ code: 'RUNTIME_DISK_LOW', next: 'tenon doctor' }]);
    expect(bench.runtime.flow().alarms).toMatchObject([{ alarm: 'intakeClosed' }]);
    await bench.restart();
    await bench.pass(60_000);
    expect(told('alarm', 'intakeClosed')).toHaveLength(1);
    expect(told('alarmOver', 'intakeClosed')).toEqual([]);
  });

  test('is of whoever answers for the Tenon, where the configuration names somebody', async () => {
    bench.owner = { team: 'platform', backup: 'sre', escalation: 'pager:platform' };
    low();
    await bench.restart();
    await bench.runtime.idle();
    expect(told('alarm', 'intakeClosed')).toMatchObject([
      { owner: 'platform', backup: 'sre', escalation: 'pager:platform' },
    ]);
  });
});

test('a secret that is used against the plan is told once over restarts, in words, and to be over four hours after the last use', async () => {
  const audit = new SecretAudit();
  bench.secretUses = audit;
  bench.target.onCall = (when, { origin }) => {
    if (when !== 'before' || origin === undefined) return;
    const purpose = { connection: 'other', use: 'authenticate', origin } as const;
    audit.onSecretUse({ reference: 'env:OTHER', purpose, found: true, isHeld: false });
  };
  for (const id of ['a', 'b']) {
    await bench.restart();
    await bench.order({ id });
    await bench.pass(20_000);
  }
  expect(told('alarm', 'secretUse')).toMatchObject([
    {
      message:
        'orders has used env:OTHER of the connection other at put, and its plan in force uses no such connection',
      next: 'tenon secrets --unexpected',
      owner: 'sales',
      escalation: 'pager:sales',
      reference: 'env:OTHER',
      connection: 'other',
    },
  ]);
  expect(bench.runtime.flow().alarms).toMatchObject([{ alarm: 'secretUse' }]);
  await bench.pass(4 * HOUR_MS + 60_000);
  expect(told('alarmOver', 'secretUse')).toHaveLength(1);
});

test('two systems that differ are told in words, and that they agree again', async () => {
  listBoth(bench);
  await bench.runtime.activateReconciliations([reconciliationFor()]);
  await reconciled(bench);
  expect(told('alarm', 'recordsDiffer')).toMatchObject([
    {
      message: 'invoices-agree: 5 records differ, and no more than 0 may',
      next: 'tenon reconcile reports invoices-agree',
      reconciliation: 'invoices-agree',
      owner: expect.any(String),
      escalation: expect.any(String),
    },
  ]);
  await reconciled(bench);
  await bench.restart();
  await bench.runtime.activateReconciliations([reconciliationFor()]);
  await bench.pass(30_000);
  expect(told('alarm', 'recordsDiffer')).toHaveLength(1);
  listing(bench, { listOrders: () => [], listInvoices: () => [] });
  await reconciled(bench);
  await bench.pass(90_000);
  expect(told('alarmOver', 'recordsDiffer')).toMatchObject([
    { message: 'over: invoices-agree: 5 records differ, and no more than 0 may' },
  ]);
  expect(bench.runtime.flow().alarms).toEqual([]);
});

describe('what is wrong outside', () => {
  const down = (connection: string, source: string): OutsideTrouble => ({
    alarm: 'sourceDown',
    connection,
    source,
    message: `nothing is taken from ${connection}/${source}`,
    next: 'tenon flow',
    events: ['shop.ordered'],
  });
  const unwell: OutsideTrouble = {
    alarm: 'connectionDown',
    connection: 'acme',
    message: 'acme does not answer',
    next: 'tenon health',
  };

  test('is told each by itself, to the owner of a pipeline that waits for it, and that it is over', async () => {
    let now: readonly OutsideTrouble[] = [down('bus', 'orders'), down('bus', 'returns'), unwell];
    bench.outside = () => now;
    await bench.restart();
    await bench.pass(60_000);
    expect(told('alarm', 'sourceDown')).toMatchObject([
      { connection: 'bus', source: 'orders', owner: 'sales', escalation: 'pager:sales' },
      { connection: 'bus', source: 'returns', owner: 'sales' },
    ]);
    expect(told('alarm', 'sourceDown')[0]).not.toHaveProperty('events');
    expect(told('alarm', 'connectionDown')).toMatchObject([{ connection: 'acme', owner: 'sales' }]);
    now = [down('bus', 'returns')];
    await bench.pass(90_000);
    expect(told('alarmOver', 'sourceDown')).toMatchObject([{ source: 'orders' }]);
    expect(told('alarmOver', 'connectionDown')).toHaveLength(1);
  });

  test('is of whoever answers for the Tenon, where somebody does; what was told is at hand to whoever looks', async () => {
    const known: (readonly Alarm[])[] = [];
    bench.owner = { team: 'platform' };
    bench.outside = (standing) => {
      known.push(standing);
      return [unwell];
    };
    await bench.restart();
    await bench.pass(30_000);
    expect(told('alarm', 'connectionDown')).toMatchObject([{ owner: 'platform' }]);
    expect(known[0]).toEqual([]);
    expect(known.at(-1)).toMatchObject([{ alarm: 'connectionDown', connection: 'acme' }]);
  });
});

describe('checkpoints', () => {
  async function signing(options: Partial<CheckpointOptions>): Promise<void> {
    bench.checkpoints = options;
    await bench.restart();
    await bench.order({ id: 'a' });
    await bench.pass(10_000);
  }

  test('that the witness does not take twice in a row raise an alarm, which ends when it does', async () => {
    let isUp = false;
    await signing({
      publish: async () => {
        if (!isUp) throw new Error('connect ECONNREFUSED');
      },
    });
    await bench.pass(55_000);
    expect(told('alarm', 'checkpointFailed')).toEqual([]);
    await bench.pass(75_000);
    expect(told('alarm', 'checkpointFailed')).toMatchObject([
      {
        message: "the witness did not take the ledger's checkpoint: connect ECONNREFUSED (2 times in a row)",
        next: 'tenon explain LEDGER_CHECKPOINT_FAILED',
      },
    ]);
    await bench.restart();
    await bench.pass(300_000);
    expect(told('alarm', 'checkpointFailed')).toHaveLength(1);
    expect(told('alarmOver', 'checkpointFailed')).toEqual([]);
    isUp = true;
    await bench.pass(600_000);
    expect(told('alarmOver', 'checkpointFailed')).toHaveLength(1);
  });

  test('say how old the last one is in its file and at the witness, over restarts', async () => {
    await signing({ publish: async () => {} });
    await bench.pass(60_000);
    const { checkpoints } = bench.runtime.flow();
    expect(checkpoints).toMatchObject({ keptAtMs: expect.any(Number), witnessedAtMs: expect.any(Number) });
    bench.checkpoints = {
      publish: async () => {
        throw new Error('gone');
      },
    };
    // What the witness has is written down once it has said so.
    await new Promise((resolve) => setImmediate(resolve));
    await bench.crash();
    expect(bench.runtime.flow().checkpoints).toEqual(checkpoints);
    await bench.order({ id: 'b' });
    await bench.pass(120_000);
    const after = bench.runtime.flow().checkpoints;
    expect(after?.witnessedAtMs).toBe(checkpoints?.witnessedAtMs);
    expect(after?.keptAtMs).toBeGreaterThan(checkpoints!.keptAtMs!);
  });

  test('that a process before this one could not hand to the witness are sent, though nothing is entered', async () => {
    await signing({
      publish: async () => {
        throw new Error('gone');
      },
    });
    const notes: string[] = [];
    bench.checkpoints = { publish: async (note) => void notes.push(note) };
    await bench.restart();
    await bench.pass(120_000);
    expect(notes.length).toBeGreaterThan(0);
  });

  test('that cannot be kept in their file raise it too', async () => {
    const folder = `${bench.file}.gone`;
    writeFileSync(folder, '');
    await signing({ file: `${folder}/checkpoints` });
    await bench.pass(150_000);
    expect(told('alarm', 'checkpointFailed')).toMatchObject([
      { message: expect.stringContaining('no checkpoint of the ledger could be kept in') },
    ]);
    rmSync(folder);
  });
});
