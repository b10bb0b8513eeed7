import { tmpdir } from 'node:os';
import { afterEach, expect, it, vi } from 'vitest';
import { runAgainst } from '../testing/fake-server.ts';
import { HERE } from '../testing/operated-run.ts';
import { operateCommands } from './operate.ts';

afterEach(() => vi.unstubAllGlobals());

it('in-doubt names the business key, and the key sent where one was', async () => {
  const doubt = { runId: 'r1', pipeline: 'orders', key: 'order-7', owner: 'sales', sinceMs: 0, evidence: {} };
  const inDoubt = [
    { ...doubt, stepId: 'pay', operation: 'bank.pay', idempotencyKey: 'tenon-1' },
    { ...doubt, stepId: 'mail', operation: 'mail.send' },
  ];
  const argv = ['in-doubt', ...HERE];
  const { text } = await runAgainst({ inDoubt }, operateCommands, argv, { cwd: tmpdir() });
  expect(text).toMatch(/^RUN +PIPELINE +KEY +STEP +OPERATION +KEY SENT /m);
  expect(text).toMatch(/^r1 +orders +order-7 +pay +bank\.pay +tenon-1 /m);
  expect(text).toMatch(/^r1 +orders +order-7 +mail +mail\.send +none /m);
});

it('in-doubt goes without the business key where an earlier server does not say it', async () => {
  const doubt = {
    runId: 'r1',
    pipeline: 'orders',
    stepId: 'pay',
    operation: 'bank.pay',
    owner: 'sales',
    sinceMs: 0,
  };
  const argv = ['in-doubt', ...HERE];
  const { text, code } = await runAgainst({ inDoubt: [doubt] }, operateCommands, argv, { cwd: tmpdir() });
  expect(text).toMatch(/^r1 +orders +pay /m);
  expect(code).toBe(0);
});
