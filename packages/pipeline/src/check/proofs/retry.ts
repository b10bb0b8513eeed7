import type { OperationPlan } from '@tenon/connector';
import { type FailureClass, formatDuration } from '@tenon/model';
import type { RetryPlan } from '../../plan.ts';
import type { RetrySpec } from '../../spec/pipeline-spec.ts';

/** Defaults of DESIGN §6: used for what a `retry` leaves out, and whole where there is none. */
export const retryDefaults = {
  attempts: 4,
  withinMs: 30_000,
  backoff: { initialMs: 500, factor: 2, maxMs: 30_000 },
  jitter: 'full',
  on: ['timeout', 'transient', 'rateLimited'],
} as const satisfies RetryPlan;

/** The policy that a step's calls follow. */
export function retryPlan(spec: RetrySpec | undefined, operation: OperationPlan): RetryPlan {
  if (!spec) return retryDefaults;
  const { backoff } = retryDefaults;
  if (spec.none) return { ...retryDefaults, attempts: 1, withinMs: operation.timeoutMs };
  const on: readonly FailureClass[] = spec.on?.map(({ value }) => value) ?? retryDefaults.on;
  return {
    attempts: spec.attempts?.value ?? retryDefaults.attempts,
    withinMs: spec.within?.value ?? retryDefaults.withinMs,
    backoff: {
      initialMs: spec.initial?.value ?? backoff.initialMs,
      factor: spec.factor ?? backoff.factor,
      maxMs: spec.max?.value ?? backoff.maxMs,
    },
    jitter: spec.jitter ?? retryDefaults.jitter,
    on,
  };
}

/**
 * The longest that a call can take: every attempt runs into its timeout, is settled by a probe where its effect cannot
 * be repeated (`settlingMs`, else 0), and every wait is the longest one. No attempt starts after `within`, so the last
 * may end one attempt later.
 */
export function worstCaseMs(retry: RetryPlan, timeoutMs: number, settlingMs: number): number {
  const attemptMs = timeoutMs + settlingMs;
  let waitsMs = 0;
  let waitMs = retry.backoff.initialMs;
  for (let attempt = 1; attempt < retry.attempts; attempt++) {
    waitsMs += Math.min(waitMs, retry.backoff.maxMs);
    waitMs *= retry.backoff.factor;
  }
  const unbounded = retry.attempts * attemptMs + waitsMs;
  return retry.attempts === 1 ? attemptMs : Math.min(unbounded, retry.withinMs + attemptMs);
}

/** `5 attempts within 2m`, for messages. */
export function describeRetry(retry: RetryPlan): string {
  return retry.attempts === 1
    ? 'one attempt'
    : `${retry.attempts} attempts within ${formatDuration(retry.withinMs)}`;
}
