import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type LedgerReader, openLedger } from '@tenon/runtime';
import { expect, it } from 'vitest';
import type { LogLine } from '../demo/child.ts';
import { invoices, tickets } from '../demo/story.ts';
import { startWorld } from '../demo/world.ts';
import { parentAndChildWorkspace } from './workspace.ts';

interface Moment {
  readonly account: string;
  /** Does the process end when it has said this? */
  readonly killsAt: (line: LogLine) => boolean;
  /** The last step of the parent is refused for good. */
  readonly fails?: true;
}

const ofChild = ({ pipeline }: LogLine): boolean => pipeline === 'bill-upgrade';
const moments: readonly Moment[] = [
  { account: 'acc_7001', killsAt: (line) => ofChild(line) && line.kind === 'accepted' },
  {
    account: 'acc_7002',
    killsAt: (line) => ofChild(line) && line.kind === 'stepDone' && line.step === 'invoice',
  },
  { account: 'acc_7003', killsAt: (line) => ofChild(line) && line.details?.['to'] === 'succeeded' },
  { account: 'acc_7004', killsAt: (line) => ofChild(line) && line.kind === 'compensation', fails: true },
];
const ENDED = new Set(['succeeded', 'compensated', 'failed', 'cancelled']);
const PATIENCE_MS = 60_000;

it('a pipeline that runs another one survives SIGKILL before, in and after it, and in undoing it', {
  timeout: 240_000,
}, async () => {
  const root = await mkdtemp(join(tmpdir(), 'tenon-children-'));
  await parentAndChildWorkspace(root);
  const world = await startWorld(
    moments.map(({ account }) => account),
    root,
  );
  try {
    for (const { account, killsAt, fails } of moments) {
      const refusal = fails
        ? world.crm.faults.add({ operation: 'updateAccount', fault: { kind: 'status', status: 422 } })
        : undefined;
      const reached = world.tenon.waitFor(killsAt, `the moment of ${account}`, PATIENCE_MS);
      // Acknowledged or not, it is sent again below, as any sender of webhooks does.
      await world.deliverUpgrade({ account }, `msg_${account}`).catch(() => {});
      await reached;
      await world.tenon.kill();
      await world.tenon.start();
      await world.deliverUpgrade({ account }, `msg_${account}`);
      await ended(world.tenon.engineFile, account);
      refusal?.remove();
    }
    await world.tenon.stop();
    const ledger = openLedger(world.tenon.engineFile);
    for (const { account, fails } of moments) {
      const [invoice] = invoices(world, account);
      expect(invoices(world, account), account).toHaveLength(1);
      expect(tickets(world, account), account).toHaveLength(1);
      expect(invoice!['status'], account).toBe(fails ? 'void' : 'open');
      const state = fails ? 'compensated' : 'succeeded';
      const parent = parentOf(ledger, account)!;
      expect(parent, account).toMatchObject({
        state,
        children: [{ pipeline: 'bill-upgrade', step: 'billed', state }],
      });
      const child = ledger.run(parent.children![0]!.runId)!;
      expect(child.parent).toEqual({
        runId: parent.runId,
        pipeline: 'subscription-upgraded',
        step: 'billed',
      });
      expect(child.correlationId).toBe(parent.correlationId);
      // The address is personal: no one sees it who only looks.
      expect(JSON.stringify(child.input)).not.toContain('@customers.example');
    }
    expect(ledger.check()).toEqual([]);
    ledger.close();
  } finally {
    await world.close();
    await rm(root, { recursive: true, force: true });
  }
});

function parentOf(ledger: LedgerReader, account: string): ReturnType<LedgerReader['run']> {
  const [run] = ledger.runs({ pipeline: 'subscription-upgraded', key: `${account}:4` });
  return run && ledger.run(run.runId);
}

/** Waits until the account's run has ended, and the one that it ran. */
async function ended(file: string, account: string): Promise<void> {
  for (const untilMs = Date.now() + PATIENCE_MS; ; ) {
    const ledger = openLedger(file);
    const run = parentOf(ledger, account);
    ledger.close();
    const states = run === undefined ? [] : [run.state, ...(run.children ?? []).map(({ state }) => state)];
    if (states.length > 1 && states.every((state) => ENDED.has(state))) return;
    if (Date.now() > untilMs) throw new Error(`${account} is still ${states.join(', ')}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
