import type { CallResult, OperationPlan } from '@tenon/connector';
import type { CallOrigin, Failure, Json, JsonObject } from '@tenon/model';
import type { ProbePlan, RetryPlan } from '@tenon/pipeline';
import type { RunContext } from '../engine.ts';
import type { LoadedPlan } from '../loaded-plan.ts';
import type { Purpose } from '../switches.ts';
import { nextAttemptAt } from './judge.ts';

/** Makes one attempt of an operation over a connection; `held`: a switch caught it, nothing was sent. Never rejects. */
export type Caller = (
  connection: string,
  request: {
    readonly operation: OperationPlan;
    readonly input: JsonObject;
    readonly idempotencyKey?: string;
    readonly deadlineAt?: number;
    readonly traceparent: string;
    readonly correlationId: string;
    /** What it is for, and by whom: a switch may hold it even now. */
    readonly purpose: Purpose;
    readonly origin: CallOrigin;
    readonly isRetry?: boolean;
    readonly ifMatch?: string;
  },
) => Promise<CallResult | 'held'>;

/** One call to be made good: of a step, or of a step's compensation. */
export interface Effect {
  /** The step's id, or `compensate:` and the step's place: what its journal keys begin with. */
  readonly id: string;
  /** The same in the whole run, `lines[7].book` for a step of an item: in the ledger and in the idempotency key. */
  readonly place: string;
  readonly operation: OperationPlan;
  readonly connection: string;
  readonly input: JsonObject;
  readonly retry: RetryPlan;
  readonly probe?: ProbePlan;
  /** Names of the answers of refusal that are taken as a value. */
  readonly refusals?: readonly string[];
  readonly owner: string;
  /** A forward call ends with the run's deadline and its cancellation; a compensation does not. */
  readonly interruptible: boolean;
  /** Of a read: why its answer cannot be taken, if it cannot. */
  readonly refuse?: (answer: Json, nowMs: number) => Failure | undefined;
  /** The version that a write is based on: it applies to that one alone, so at most once, however often it is sent. */
  readonly version?: Version;
  /** It is one page of a listing, the `nth` that is asked for; `spent`: what the pages before have used up of the budget that all of them share. */
  readonly page?: { readonly nth: number; readonly spent: Spent };
  /** What the idempotency key is made from in place of `place`, for a write of a later version. */
  readonly keyPlace?: string;
}

/** Of a budget: attempts that failed, and the time in which they and the pauses after them were. */
export type Spent = { readonly attempts: number; readonly ms: number };

/** `text`: as it was read, for people. `isEtag`: it goes along as If-Match; else it stands in the body. */
export interface Version {
  readonly text: string;
  readonly isEtag: boolean;
}

/** An effect on its way to a definite end: what `perform` knows of its attempts so far. */
export interface Tries {
  readonly ctx: RunContext;
  readonly loaded: LoadedPlan;
  readonly call: Caller;
  readonly effect: Effect;
  readonly key: string;
  /** Number of the first attempt of the present budget. */
  budgetFrom: number;
  budgetStartedAtMs?: number | undefined;
  /** The same on the clock of the run's deadline, which stands still while the run waits or is held. */
  budgetClockMs?: number | undefined;
  /** Of the present attempt, by the machine's clock, where its intent is on record: a process before this one may have sent it. */
  intendedAtMs?: number | undefined;
  /** When the key was first sent, as `passed`. */
  firstSentAtMs?: number | undefined;
  /** An earlier attempt may have taken effect. */
  unclear: boolean;
}

export function purposeOf({ operation, interruptible }: Effect): Purpose {
  if (!interruptible) return 'compensation';
  return operation.effect === 'read' ? 'read' : 'effect';
}

export function originOf({ ctx: { run }, effect }: Tries): CallOrigin {
  return { pipeline: run.pipeline, runId: run.runId, step: effect.place };
}

/** When a call that its connection cannot take is to be tried again. */
export function postponedUntil(ctx: RunContext, { retryAfterMs = 0 }: Failure): number {
  // Spread, so that what waited for one breaker does not come back at one moment.
  return ctx.now() + Math.ceil(Math.max(retryAfterMs, POSTPONED_MIN_MS) + ctx.random() * POSTPONED_MIN_MS);
}

/** Least time that a call waits for a connection that cannot take it. */
const POSTPONED_MIN_MS = 1_000;

export function nthOf({ nth }: { readonly nth?: number | undefined }): { readonly nth?: number } {
  return nth === undefined ? {} : { nth };
}

/** When the present budget began, less the time that the run has been held or waiting since. */
export function budgetStart({ ctx, budgetStartedAtMs, budgetClockMs }: Tries, startedAtMs: number): number {
  return budgetClockMs === undefined ? (budgetStartedAtMs ?? startedAtMs) : ctx.deadlineAt() + budgetClockMs;
}

/** Absence is proven: may the effect be sent again within the budget, and when? */
export function nextAfterAbsence(tries: Tries, n: number, failure: Failure): number | undefined {
  const { ctx, effect } = tries;
  // The answer was lost, whatever class that has: with absence proven a repeat is safe, so the class is no bar.
  const retry =
    failure.delivery === 'lost' && effect.retry.attempts > 1
      ? { ...effect.retry, on: [...effect.retry.on, failure.class] }
      : effect.retry;
  return nextAttemptAt({
    failure,
    retry,
    attemptsUsed: n - tries.budgetFrom + 1,
    budgetStartedAtMs: budgetStart(tries, ctx.now()),
    nowMs: ctx.now(),
    random: ctx.random(),
  });
}
