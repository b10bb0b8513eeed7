import { expect, test } from 'vitest';
import { failure, tooMany } from '../bench.ts';
import { planFor } from '../plan.ts';
import { judgeHolds } from './judge-wire.ts';
import type { WireCall, WireEvent } from './wire.ts';

const operation = planFor({ steps: [] }).operations['acme.create']!;

function call(failed = failure('transient', 'X')): WireCall {
  const result = { ok: false, failure: failed } as const;
  return {
    request: { operation, input: {} },
    connection: 'acme',
    askedAtMs: 0,
    sentAtMs: 0,
    result,
    endedAtMs: 1_000,
  };
}

const first = call(tooMany);
const next = call();
const TOO_SOON = ['acme.create was sent though the other side had asked to be left alone'];

/** The first of two is told to wait; the second has stood in line since. */
function judged(inFlightMax: number, ...after: readonly WireEvent[]): readonly string[] {
  const before: readonly WireEvent[] = [
    { is: 'asked', atMs: 0, call: first },
    { is: 'asked', atMs: 0, call: next },
    { is: 'sent', atMs: 0, call: first },
    { is: 'ended', atMs: 1_000, call: first },
  ];
  return judgeHolds([...before, ...after], inFlightMax, false);
}

test('nothing is sent once the guard has told of an answer that asks to be left alone', () => {
  const told: WireEvent = { is: 'told', atMs: 1_000, call: first };
  expect(judged(2, told, { is: 'sent', atMs: 1_000, call: next })).toEqual(TOO_SOON);
  expect(judged(2, told, { is: 'sent', atMs: 8_000, call: next })).toEqual([]);
});

test('nor out of the line for its place, which is given away after the answer was heard', () => {
  expect(judged(1, { is: 'sent', atMs: 1_000, call: next })).toEqual(TOO_SOON);
});

test('what has a place of its own may be sent before the answer was heard', () => {
  expect(judged(2, { is: 'sent', atMs: 1_000, call: next })).toEqual([]);
});
