import type { Effect, Idempotency } from '@tenon/connector';
import type { Failure, FailureClass } from '@tenon/model';
import type { RetryPlan } from '@tenon/pipeline';

/** What to do after a failed attempt. `unclear`: the effect may have happened in this attempt or an earlier one. */
export type Judgement =
  | { readonly outcome: 'retryable'; readonly nextAtMs: number; readonly unclear: boolean }
  | { readonly outcome: 'failed' }
  | { readonly outcome: 'unknown' };

export interface FailedAttempt {
  readonly failure: Failure;
  readonly effect: Effect;
  readonly idempotency: Idempotency;
  readonly retry: RetryPlan;
  /** Attempts made within the present budget, this one included. */
  readonly attemptsUsed: number;
  /** Start of the first attempt within the present budget. */
  readonly budgetStartedAtMs: number;
  /** Start of the very first attempt: the target may forget the key some time after. */
  readonly firstSentAtMs: number;
  readonly nowMs: number;
  /** How long a call takes at most, its time in lines with it: a repeat arrives that much later. */
  readonly takesMs: number;
  /** In [0, 1). */
  readonly random: number;
  readonly unclearBefore: boolean;
  readonly hasProbe: boolean;
  /** It is a refusal that the step takes as a value. */
  readonly isTaken?: boolean;
}

/** Decides after a failed attempt; pure. An effect that may have happened is never called failed (DESIGN §8). */
export function judge(attempt: FailedAttempt): Judgement {
  const { failure, idempotency, hasProbe } = attempt;
  const isRead = attempt.effect === 'read';
  const fate = isRead ? 'absent' : fateOf(failure);
  if (fate === 'happened') return { outcome: 'unknown' };
  // What is there already may be ours. A step that takes that for an answer is told so where nothing of its own can be there.
  const isOfOthers = attempt.isTaken === true && !attempt.unclearBefore;
  if (failure.class === 'duplicate' && hasProbe && !isRead && !isOfOthers) return { outcome: 'unknown' };

  const unclear =
    !isRead &&
    (fate === 'unclear' || (attempt.unclearBefore && !settlesEarlier(failure, idempotency, hasProbe)));
  const nextAtMs = nextAttemptAt(attempt);
  const arrivesAtMs = (nextAtMs ?? 0) + attempt.takesMs;
  const harmless = isRead || repeatIsHarmless(idempotency, arrivesAtMs - attempt.firstSentAtMs);
  if (nextAtMs !== undefined && (harmless || !unclear)) return { outcome: 'retryable', nextAtMs, unclear };
  return { outcome: unclear ? 'unknown' : 'failed' };
}

/** Does the operation's idempotency mode make a repeat harmless, `sinceFirstMs` after the first try? */
export function repeatIsHarmless(idempotency: Idempotency, sinceFirstMs = 0): boolean {
  switch (idempotency.mode) {
    case 'natural':
    case 'upsert':
      return true;
    case 'header':
      return idempotency.retentionMs === undefined || sinceFirstMs < idempotency.retentionMs;
    case 'checkFirst':
    case 'none':
      return false;
  }
}

/** When the next attempt is due, or `undefined` when the class is not retried or the budget is used up (C53–C55). */
export function nextAttemptAt(
  attempt: Pick<
    FailedAttempt,
    'failure' | 'retry' | 'attemptsUsed' | 'budgetStartedAtMs' | 'nowMs' | 'random'
  >,
): number | undefined {
  const { failure, retry, attemptsUsed, nowMs } = attempt;
  if (!retry.on.includes(failure.class) || attemptsUsed >= retry.attempts) return undefined;
  const ceiling = Math.min(
    retry.backoff.maxMs,
    retry.backoff.initialMs * retry.backoff.factor ** (attemptsUsed - 1),
  );
  const backoffMs = retry.jitter === 'full' ? Math.ceil(ceiling * attempt.random) : ceiling;
  const nextAtMs = nowMs + Math.max(backoffMs, failure.retryAfterMs ?? 0);
  return nextAtMs - attempt.budgetStartedAtMs <= retry.withinMs ? nextAtMs : undefined;
}

/**
 * What an attempt's failure says of its effect. An answered 5xx says nothing for sure (a gateway may answer for a
 * server that did the work), save 503: "unable to handle the request" (RFC 9110 §15.6.4). A successful status whose
 * body breaks the contract: it happened, and we cannot read the result.
 */
function fateOf(failure: Failure): 'absent' | 'unclear' | 'happened' {
  if (failure.delivery === 'notSent') return 'absent';
  if (failure.delivery === 'lost') return 'unclear';
  const status = failure.status ?? 0;
  if (failure.class === 'contract' && status >= 200 && status < 300) return 'happened';
  return status >= 500 && status < 600 && status !== 503 && UNSURE.has(failure.class) ? 'unclear' : 'absent';
}

/** Classes of an answered 5xx that leave open whether the effect happened; a rule that says `permanent` is believed. */
const UNSURE: ReadonlySet<FailureClass> = new Set(['transient', 'timeout', 'unknown']);

/**
 * Does this answer also settle earlier, unclear attempts? With a key that the target honours, a refusal of the same
 * key proves that none of them happened; without one it says nothing of them. Where a probe can tell it is asked instead: a target
 * may judge a request before it looks its key up, and refuse the repeat of what it has done.
 */
function settlesEarlier(failure: Failure, idempotency: Idempotency, hasProbe: boolean): boolean {
  if (hasProbe || idempotency.mode !== 'header' || failure.delivery !== 'answered') return false;
  return SETTLING.has(failure.class);
}

/**
 * Not `conflict`: a target that honours keys answers 409 while the first request with the key is still being worked on
 * (Idempotency-Key draft, §2.6), so the effect may be about to happen.
 */
const SETTLING: ReadonlySet<FailureClass> = new Set(['validation', 'permanent', 'notFound']);
