import { type FailureClass, failureClasses } from '@tenon/model';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { retry } from '../testing/plan.ts';
import { type FailedAttempt, judge, nextAttemptAt } from './judge.ts';

// The keys of the table are the classes.
const classes = Object.keys(failureClasses) as FailureClass[];

const attempts: fc.Arbitrary<FailedAttempt> = fc
  .record({
    failureClass: fc.constantFrom(...classes),
    delivery: fc.constantFrom('notSent', 'lost', 'answered'),
    status: fc.constantFrom(200, 201, 404, 409, 422, 429, 500, 502, 503, 504),
    retryAfterMs: fc.option(fc.nat(60_000), { nil: undefined }),
    effect: fc.constantFrom('read', 'create', 'update', 'delete', 'send'),
    mode: fc.constantFrom('header', 'natural', 'upsert', 'checkFirst', 'none'),
    retentionMs: fc.option(fc.nat(100_000), { nil: undefined }),
    attemptsUsed: fc.integer({ min: 1, max: 6 }),
    elapsedMs: fc.nat(200_000),
    random: fc.double({ min: 0, max: 0.999, noNaN: true }),
    unclearBefore: fc.boolean(),
    hasProbe: fc.boolean(),
    jitter: fc.constantFrom('full', 'none'),
  })
  .map(
    (drawn): FailedAttempt => ({
      failure: {
        class: drawn.failureClass,
        code: 'X',
        message: 'x',
        delivery: drawn.delivery,
        ...(drawn.delivery === 'answered' && { status: drawn.status }),
        ...(drawn.retryAfterMs !== undefined && { retryAfterMs: drawn.retryAfterMs }),
      },
      effect: drawn.effect,
      idempotency:
        drawn.mode === 'header'
          ? {
              mode: 'header',
              name: 'Key',
              ...(drawn.retentionMs !== undefined && { retentionMs: drawn.retentionMs }),
            }
          : { mode: drawn.mode },
      retry: { ...retry, jitter: drawn.jitter },
      attemptsUsed: drawn.attemptsUsed,
      budgetStartedAtMs: 1_000,
      firstSentAtMs: 1_000,
      nowMs: 1_000 + drawn.elapsedMs,
      takesMs: 5_000,
      random: drawn.random,
      unclearBefore: drawn.unclearBefore,
      hasProbe: drawn.hasProbe,
    }),
  );

const isRead = (attempt: FailedAttempt): boolean => attempt.effect === 'read';
const isLost = (attempt: FailedAttempt): boolean => attempt.failure.delivery === 'lost';

function holds(name: string, property: (attempt: FailedAttempt) => boolean): void {
  test(name, () => fc.assert(fc.property(attempts, property), { numRuns: 2_000 }));
}

describe('the judgement of a failed attempt', () => {
  holds(
    'never calls an effect failed whose answer was lost',
    (attempt) => isRead(attempt) || !isLost(attempt) || judge(attempt).outcome !== 'failed',
  );
  holds('never repeats blindly what a repeat could double', (attempt) => {
    const { mode } = attempt.idempotency;
    const isGuarded = mode === 'none' || mode === 'checkFirst';
    return isRead(attempt) || !isGuarded || !isLost(attempt) || judge(attempt).outcome === 'unknown';
  });
  holds('lets nothing but its probe settle an earlier attempt that may have had its effect', (attempt) => {
    const mayHave = attempt.unclearBefore && !isRead(attempt);
    return !mayHave || !attempt.hasProbe || judge(attempt).outcome !== 'failed';
  });
  holds(
    'leaves a read never in doubt',
    (attempt) => !isRead(attempt) || judge(attempt).outcome !== 'unknown',
  );
  holds('keeps to the budget and to what the other side asked for', (attempt) => {
    const judgement = judge(attempt);
    if (judgement.outcome !== 'retryable') return true;
    const { failure, retry: budget, attemptsUsed, budgetStartedAtMs, nowMs } = attempt;
    return (
      attemptsUsed < budget.attempts &&
      budget.on.includes(failure.class) &&
      judgement.nextAtMs - budgetStartedAtMs <= budget.withinMs &&
      judgement.nextAtMs >= nowMs + (failure.retryAfterMs ?? 0)
    );
  });
  holds('does not count on a key that the target may have forgotten by then', (attempt) => {
    const { idempotency, firstSentAtMs, takesMs } = attempt;
    const judgement = judge(attempt);
    if (idempotency.mode !== 'header' || judgement.outcome !== 'retryable' || isRead(attempt)) return true;
    const arrivesAfterMs = judgement.nextAtMs + takesMs - firstSentAtMs;
    return !judgement.unclear || arrivesAfterMs < (idempotency.retentionMs ?? Number.POSITIVE_INFINITY);
  });
});

test('full jitter spreads a burst over the whole declared backoff', () => {
  const base = {
    failure: { class: 'transient', code: 'X', message: 'x', delivery: 'answered' },
    nowMs: 0,
  } as const;
  const delays = Array.from({ length: 1_000 }, (_, i) =>
    nextAttemptAt({
      ...base,
      retry: { ...retry, jitter: 'full' },
      attemptsUsed: 3,
      budgetStartedAtMs: 0,
      random: i / 1_000,
    }),
  );
  expect(Math.min(...delays.map((delay) => delay!))).toBe(0);
  expect(Math.max(...delays.map((delay) => delay!))).toBe(3_996);
});
