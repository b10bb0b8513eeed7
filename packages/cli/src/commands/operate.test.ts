import { tmpdir } from 'node:os';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { runAgainst } from '../testing/fake-server.ts';
import { HERE, operatedRun as run } from '../testing/operated-run.ts';
import { operateCommands } from './operate.ts';
import { quarantineCommands } from './quarantine.ts';
import { reconcileCommands } from './reconcile.ts';
import { replayCommands } from './replay.ts';
import { secretsCommand } from './secrets.ts';

afterEach(() => vi.unstubAllGlobals());

describe('a dry run that names nothing', () => {
  it.each([
    ['replay --key none', { token: 't', runs: [], expiresAtMs: 0 }],
    ['quarantine recheck', { through: 0, events: [] }],
    ['reconcile repair rep1', { token: 't', items: [], expiresAtMs: 0 }],
  ])('prints no titles: %s', async (line, answer) => {
    const argv = [...line.split(' '), '--reason', 'why', ...HERE];
    const commands = [...replayCommands, ...quarantineCommands, ...reconcileCommands];
    const { out, code } = await runAgainst(answer, commands, argv, { cwd: tmpdir() });
    expect([out, code]).toEqual(['', 0]);
  });
});

describe('words of a person that contradict each other, or say nothing,', () => {
  it.each([
    [
      'in-doubt settle r1 pay --verdict redo --result {} --reason why',
      '--verdict redo says that it did not happen',
    ],
    ['runs trace r1 --key k', 'one of --key'],
  ])('are refused before anything is sent: %s', async (line, says) => {
    const { text, code, sent } = await runAgainst({}, operateCommands, [...line.split(' '), ...HERE], {
      cwd: tmpdir(),
    });
    expect(text).toContain(says);
    expect([sent, code]).toEqual([[], 2]);
  });

  it.each([
    'runs done r1 book',
    'runs cancel r1',
    'in-doubt settle r1 pay --verdict redo',
    'approvals approve r1 a',
  ])('are refused before anything is sent: %s, with a blank reason', async (line) => {
    const argv = [...line.split(' '), '--reason', ' \t', ...HERE];
    const { text, code, sent } = await runAgainst({}, operateCommands, argv, { cwd: tmpdir() });
    expect(text).toContain('give --reason');
    expect([sent, code]).toEqual([[], 2]);
  });
});

it('lists say how long something lasts in two units at most, and JSON the moment itself', async () => {
  const sinceMs = Date.parse('2026-11-28T09:54:36.766Z');
  const doubt = { runId: 'r1', pipeline: 'orders', key: 'a', stepId: 'pay', operation: 'bank.pay', sinceMs };
  const listed = (...argv: string[]) =>
    runAgainst({ inDoubt: [{ ...doubt, owner: 'sales' }] }, operateCommands, ['in-doubt', ...HERE, ...argv], {
      cwd: tmpdir(),
      nowMs: Date.parse('2026-11-28T12:00:00Z'),
    });
  expect((await listed()).text).toMatch(/ none +2h 5m +sales$/m);
  expect((await listed('--format', 'json')).text).toContain(`"sinceMs": ${sinceMs}`);
});

describe('in a terminal', () => {
  const runs = ['succeeded', 'compensating'].map((state, nth) => ({
    ...run,
    runId: `01m8px7x8n6zj3rmwzwb6raq${nth}2`,
    pipeline: 'subscription-upgraded-in-europe',
    key: 'customer-eu-0000004711-2026-11',
    owner: 'revenue-operations',
    step: 'compensate:shipment',
    state,
  }));
  const doubt = { ...runs[0], stepId: 'compensate:shipment', operation: 'billing.createInvoice', sinceMs: 0 };
  const answer = { runs, inDoubt: [{ ...doubt, idempotencyKey: `tenon-${'7f3a'.repeat(16)}` }] };
  const listed = (line: string, width?: number) =>
    runAgainst(answer, operateCommands, [...line.split(' '), ...HERE], {
      cwd: tmpdir(),
      ...(width !== undefined && { width }),
    });
  const widthOf = (text: string): number => Math.max(...text.split('\n').map((line) => line.length));

  it.each([
    ['runs ls', [100, 120]],
    ['in-doubt', [90, 100]],
  ])('%s fits it, with ids and steps whole, and says what it leaves out', async (line, widths) => {
    const piped = (await listed(line)).text;
    expect(widthOf(piped)).toBeGreaterThan(140);
    for (const width of widths) {
      const { text } = await listed(line, width);
      expect(widthOf(text)).toBeLessThanOrEqual(width);
      expect(text).toContain(runs[0]!.runId);
      expect(text).toContain('compensate:shipment');
      // Who owns what people owe is never left out.
      if (line === 'runs ls') expect(text).toMatch(/^not shown: .*OWNER.*; --wide shows all$/m);
      else expect(text).toContain('revenue-operations');
    }
    expect((await listed(`${line} --wide`, 80)).text).toBe(piped);
  });

  it.each([80, 100])('of %d columns in-doubt has what is looked up in the other system', async (width) => {
    const lines = (await listed('in-doubt', width)).text.split('\n');
    expect(lines).toContain('  └ operation: billing.createInvoice');
    expect(lines).toContain(`  └ key sent: ${answer.inDoubt[0]!.idempotencyKey}`);
  });

  it.each([80, 100, 200, undefined])(
    'of %s columns approvals say of what, by which version, since when and until when',
    async (width) => {
      const approval = {
        runId: '01m8px7x8n6zj3rmwzwb6raqv2',
        pipeline: 'order-refunded',
        version: 7,
        stepId: 'approval',
        by: 'finance',
        sinceMs: 0,
        expiresAtMs: 14_400_000,
        show: 2_000_000,
        key: 'ord4711',
      };
      const { text } = await runAgainst({ approvals: [approval] }, operateCommands, ['approvals', ...HERE], {
        cwd: tmpdir(),
        nowMs: 600_000,
        ...(width !== undefined && { width }),
      });
      for (const said of [
        '01m8px7x8n6zj3rmwzwb6raqv2 ',
        'ord4711',
        'approval',
        '10m',
        '3h 50m',
        '2000000',
        '7',
      ])
        expect(text).toContain(said);
      expect(text).not.toContain('not shown');
      if (width !== undefined) expect(widthOf(text)).toBeLessThanOrEqual(width);
    },
  );

  it('a secret whose use nobody expects is marked, however much is left out', async () => {
    const user = {
      reference: 'env:BILLING_TOKEN_OF_ALL',
      connection: 'billing',
      use: 'header Authorization',
      pipeline: 'orders',
      step: 'pay',
      uses: 3,
      failed: 0,
      lastAtMs: 0,
      isUnexpected: true,
    };
    const { text } = await runAgainst({ users: [user] }, [secretsCommand], ['secrets', ...HERE], {
      cwd: tmpdir(),
      width: 60,
    });
    expect(text).toContain('\n  └ UNEXPECTED\n');
    expect(text).toMatch(/^not shown: FAILED, USES, LAST; --wide shows all$/m);
  });

  it('JSON is what it is into a pipe', async () => {
    expect((await listed('runs ls --format json', 80)).text).toBe(
      (await listed('runs ls --format json')).text,
    );
  });
});
