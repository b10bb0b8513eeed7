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

it('in-doubt names the account that one looks into, where the operation does not', async () => {
  const doubt = {
    runId: 'r1',
    pipeline: 'orders',
    key: 'a',
    owner: 'sales',
    sinceMs: 0,
    operation: 'bank.pay',
  };
  const inDoubt = [
    { ...doubt, stepId: 'pay', evidence: { connection: 'bank-eu' } },
    { ...doubt, stepId: 'fee', evidence: { connection: 'bank' } },
  ];
  const { text } = await runAgainst({ inDoubt }, operateCommands, ['in-doubt', ...HERE], { cwd: tmpdir() });
  expect(text).toMatch(/ pay +bank\.pay over bank-eu +none/);
  expect(text).toMatch(/ fee +bank\.pay +none/);
});

it('in-doubt says when the effect was sent, which one looks for in the other system: the first time and the last', async () => {
  const sentAtMs = Date.parse('2026-10-01T09:05:11Z');
  const doubt = {
    runId: 'r1',
    pipeline: 'orders',
    key: 'a',
    owner: 'sales',
    sinceMs: sentAtMs,
    operation: 'bank.pay',
  };
  const inDoubt = [
    { ...doubt, stepId: 'pay', evidence: { sentAtMs, firstSentAtMs: sentAtMs - 11_000 } },
    { ...doubt, stepId: 'mail', evidence: { sentAtMs } },
  ];
  const { text } = await runAgainst({ inDoubt }, operateCommands, ['in-doubt', ...HERE], { cwd: tmpdir() });
  expect(text).toMatch(/ pay .* 2026-10-01 09:05:00Z to 2026-10-01 09:05:11Z /);
  expect(text).toMatch(/ mail .*none +2026-10-01 09:05:11Z /);
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

it.each([
  [
    'a time limit, and nobody can be asked',
    { attempt: 1, code: 'HTTP_RESPONSE_TIMEOUT', message: 'no answer within 10s' },
    'no answer within 10s (HTTP_RESPONSE_TIMEOUT); there is no probe',
  ],
  [
    'its probe could not tell',
    {
      attempt: 1,
      code: 'HTTP_RESPONSE_STATUS',
      message: 'answered 502',
      probe: { code: 'HTTP_NOT_CONNECTED', message: 'refused' },
    },
    'answered 502 (HTTP_RESPONSE_STATUS); its probe could not tell: refused (HTTP_NOT_CONNECTED)',
  ],
  [
    'its probe found something else where a version was written',
    { attempt: 1, code: 'C', message: 'lost', probe: { found: 'no', differs: ['/a', '/b'] } },
    'lost (C); its probe found a state that differs at /a, /b, which somebody else may have written since',
  ],
  [
    'its probe found nothing where a version was written',
    { attempt: 1, code: 'C', message: 'lost', probe: { found: 'no' } },
    'lost (C); its probe did not find it, but somebody else may have written since',
  ],
  [
    'what is stored cannot be read',
    { code: 'STORED_VALUE_LOCKED', message: 'no key' },
    'no key (STORED_VALUE_LOCKED)',
  ],
])('in-doubt says why within 80 columns: %s', async (_what, evidence, why) => {
  const runId = '01j00000000000000000000000';
  const doubt = { runId, pipeline: 'orders', key: 'order-7', owner: 'sales', sinceMs: 0, evidence };
  const inDoubt = [{ ...doubt, stepId: 'pay', operation: 'bank.pay', idempotencyKey: 'tenon-1' }];
  const argv = ['in-doubt', ...HERE];
  const { text } = await runAgainst({ inDoubt }, operateCommands, argv, { cwd: tmpdir(), width: 80 });
  expect(text.split('\n')).toContain(`  └ why: ${why}`);
});
