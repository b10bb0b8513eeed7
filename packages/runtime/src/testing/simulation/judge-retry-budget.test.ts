import { expect, test } from 'vitest';
import { failure } from '../bench.ts';
import { planFor } from '../plan.ts';
import { judgeRetryBudget } from './judge-retry-budget.ts';
import type { WireCall, WireEvent } from './wire.ts';

const BUDGET = { share: 0.1, windowMs: 10_000, minimum: 2 };
const SPENT = 'CONNECTION_RETRIES_SPENT';
const operation = planFor({ steps: [] }).operations['acme.create']!;

function retry(askedAtMs: number, more: Partial<WireCall> = {}): WireCall {
  return { request: { operation, input: {}, isRetry: true }, connection: 'acme', askedAtMs, ...more };
}

function keptBack(atMs: number, code: string, askedAtMs = atMs): WireCall {
  const told = { ok: false, failure: failure('transient', code, 'notSent'), postponed: true } as const;
  return retry(askedAtMs, { told, toldAtMs: atMs });
}

/** One was sent, and the next one is kept back, after `before`. */
function judged(before: readonly WireEvent[], isClockSet = false): readonly string[] {
  const sent = retry(4_000, { sentAtMs: 4_000 });
  const spent = keptBack(5_000, SPENT);
  const after: readonly WireEvent[] = [
    { is: 'asked', atMs: 4_000, call: sent },
    { is: 'sent', atMs: 4_000, call: sent },
    { is: 'asked', atMs: 5_000, call: spent },
    { is: 'told', atMs: 5_000, call: spent },
  ];
  return judgeRetryBudget([...before, ...after], BUDGET, isClockSet);
}

/** Left its line unsent at 3 s; its process died `afterMs` later, and what came in the last half second was not stored. */
function diedAfter(afterMs: number, call: WireCall): readonly WireEvent[] {
  const diedAtMs = 3_000 + afterMs;
  return [
    { is: 'asked', atMs: call.askedAtMs, call },
    { is: 'told', atMs: 3_000, call },
    { is: 'killed', atMs: diedAtMs, knownUntilMs: diedAtMs - 500 },
  ];
}

const TOO_EARLY = ['a retry was kept back when 1 were made, of at least 2'];

test('a retry is not kept back before there are so many', () => {
  expect(judged([])).toEqual(TOO_EARLY);
});

test('a retry that a process had on record when it died in its line may be counted by the next one', () => {
  expect(judged(diedAfter(0, keptBack(3_000, 'CONNECTION_QUOTA_SPENT', 1_000)))).toEqual([]);
});

test('a retry that was taken back, and that was stored, is counted by nobody', () => {
  expect(judged(diedAfter(900, keptBack(3_000, 'CONNECTION_QUOTA_SPENT', 1_000)))).toEqual(TOO_EARLY);
});

test('a retry that stood in no line is on no record', () => {
  expect(judged(diedAfter(0, keptBack(3_000, 'CONNECTION_BUSY')))).toEqual(TOO_EARLY);
});

/** Sent a minute before, by a process that then stopped; the next one asked for its first call at `begunAtMs`. */
function restarted(begunAtMs: number): readonly WireEvent[] {
  const old = retry(-60_000, { sentAtMs: -60_000 });
  const first: WireCall = { request: { operation, input: {} }, connection: 'acme', askedAtMs: begunAtMs };
  return [
    { is: 'asked', atMs: -60_000, call: old },
    { is: 'sent', atMs: -60_000, call: old },
    { is: 'stopped', atMs: -50_000 },
    { is: 'asked', atMs: begunAtMs, call: first },
  ];
}

test('a retry of long ago is counted by a process that came up with a clock set back, for two windows', () => {
  expect(judged(restarted(-14_999), true)).toEqual([]);
  expect(judged(restarted(-15_000), true)).toEqual(TOO_EARLY);
  expect(judged(restarted(-14_999))).toEqual(TOO_EARLY);
});
