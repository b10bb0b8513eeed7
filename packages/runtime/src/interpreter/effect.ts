import { type Failure, type Json, sha256 } from '@tenon/model';
import type { Cancellation, RunContext } from '../engine.ts';
import type { LoadedPlan } from '../loaded-plan.ts';
import { attemptOnce, type PageRead, type RefusedValue } from './attempt.ts';
import { refusedFact } from './effect-facts.ts';
import { interruptionEnd } from './interruption.ts';
import { settle } from './settle.ts';
import { type Caller, type Effect, nthOf, purposeOf, type Tries, type Version } from './tries.ts';

export type EffectEnd =
  | {
      readonly ok: true;
      readonly value: Json;
      readonly attempts: number;
      /** Its place in the order of the run's records, within a strand. */
      readonly nth?: number;
      /** Of what was read. */
      readonly version?: Version;
      /** Of one page of a listing. */
      readonly page?: PageRead;
    }
  | {
      readonly ok: false;
      readonly failure: Failure;
      readonly attempts: number;
      /** The other side said no, and the step takes that as a value: nothing happened. */
      readonly refused?: RefusedValue;
      readonly cancelled?: Cancellation;
      /** A person's verdict: give the run up. `happened`: the doubtful effect is there, with this result. */
      readonly givenUp?: { readonly happened?: Json; readonly nth?: number };
    };

type Attempt = Awaited<ReturnType<typeof attemptOnce>>;
type Unsuccessful = Exclude<Attempt, { readonly outcome: 'succeeded' | 'page' }>;
/** What ended a wait for good. */
type Ended = ReturnType<typeof interruptionEnd>;

/** An attempt that may have taken effect, or that uses up its budget. */
interface Counted {
  readonly startedAtMs: number;
  readonly clockMs: number;
  /** Where it is not `startedAtMs`. */
  readonly firstSentAtMs?: number;
}

interface Doubtful extends Counted {
  readonly failure: Failure;
  readonly endedAtMs: number;
  readonly refused?: RefusedValue;
}

/**
 * Carries an effect to a definite end (DESIGN §8): attempts within the budget; a lost answer is repeated with the same
 * key where that is harmless, else settled by the probe, else left in doubt until a person says what happened.
 *
 * Journal, for attempt n of effect `e`: `e#n^k` check before sending, `e#n!` intent, `e#n` outcome, `e#n?k` probe k,
 * `e#n~` verdict. An intent without an outcome is an attempt that a crash cut short.
 *
 * `from` is the number of the first attempt: above 1 after a person resumed the step, with a fresh budget.
 */
export async function perform(
  ctx: RunContext,
  loaded: LoadedPlan,
  call: Caller,
  effect: Effect,
  from: number,
): Promise<EffectEnd> {
  const key = idempotencyKey(ctx.run.pipeline, ctx.run.key, effect.keyPlace ?? effect.place);
  const tries: Tries = { ctx, loaded, call, effect, key, budgetFrom: from, unclear: false };
  for (let n = from; ; n++) {
    const held = mayGo(tries, n);
    const stopped = held === undefined ? undefined : await held;
    if (stopped !== undefined) return { ok: false, attempts: n - 1, ...stopped };
    const attempt = await attemptOnce(tries, n);
    // Nearly every attempt ends here, and waits for nothing else.
    if (attempt.outcome === 'succeeded') return succeeded(attempt, n);
    if (attempt.outcome === 'page') return { ok: true, value: attempt.value, attempts: n, page: attempt };
    const end = await following(tries, n, attempt);
    if (end !== undefined) return end;
  }
}

/** What an attempt that did not succeed leads to; `undefined`: the next one. */
async function following(tries: Tries, n: number, attempt: Unsuccessful): Promise<EffectEnd | undefined> {
  switch (attempt.outcome) {
    case 'stopped':
      return { ok: false, attempts: n, ...interruptionEnd(attempt.interruption) };
    case 'held':
      wasNoAttempt(tries, attempt);
      return undefined;
    case 'postponed': {
      // It waits for its connection, with no end but the run's own deadline, or the step's.
      wasNoAttempt(tries, attempt);
      const ended = await rest(tries, attempt.nextAtMs, `${tries.effect.id}#${n}`);
      if (ended === undefined) return undefined;
      return attempt.unclear ? settledEnd(tries, n, attempt, ended) : { ok: false, attempts: n, ...ended };
    }
    case 'retryable': {
      count(tries, attempt);
      tries.unclear = attempt.unclear;
      const ended = await rest(tries, attempt.nextAtMs, `${tries.effect.id}#${n}`);
      if (ended === undefined) return undefined;
      return attempt.unclear ? settledEnd(tries, n, attempt) : { ok: false, attempts: n, ...ended };
    }
    case 'failed':
      return { ok: false, failure: attempt.failure, attempts: n };
    case 'refused':
      return { ok: false, failure: attempt.failure, refused: attempt.refused, attempts: n };
    case 'unknown':
      return settledEnd(tries, n, attempt);
  }
}

/** Nothing was sent, so it uses up nothing of the budget; what a process before this one sent may be unclear still. */
function wasNoAttempt(
  tries: Tries,
  { unclear, firstSentAtMs }: { readonly unclear: boolean; readonly firstSentAtMs: number },
): void {
  tries.budgetFrom++;
  tries.unclear = unclear;
  if (unclear) tries.firstSentAtMs ??= firstSentAtMs;
}

/** The budget and the time for which the target knows the key run from the first attempt that did not succeed. */
function count(tries: Tries, attempt: Counted): void {
  tries.budgetStartedAtMs ??= attempt.startedAtMs;
  tries.budgetClockMs ??= attempt.clockMs;
  tries.firstSentAtMs ??= attempt.firstSentAtMs ?? attempt.startedAtMs;
}

/**
 * An attempt whose outcome is not known, brought to one: what is there is adopted, what is not may be sent once more
 * (`undefined`), and a person may say so or give it up. `waitEnded`: what ended the wait for its connection.
 */
async function settledEnd(
  tries: Tries,
  n: number,
  attempt: Doubtful,
  waitEnded?: Ended,
): Promise<EffectEnd | undefined> {
  count(tries, attempt);
  const settled = await settle(tries, n, attempt);
  switch (settled.as) {
    case 'happened':
      return succeeded(settled, n);
    case 'absent': {
      tries.unclear = false;
      if (settled.nextAtMs !== undefined) {
        const ended = await rest(tries, settled.nextAtMs, `${tries.effect.id}#${n}`);
        return ended && { ok: false, attempts: n, ...ended };
      }
      // What was postponed has not failed: it ends by what ended its wait.
      return waitEnded === undefined ? absent(tries, n, attempt) : { ok: false, attempts: n, ...waitEnded };
    }
    case 'redo':
      // A person's word: none of the attempts so far took effect.
      tries.unclear = false;
      tries.budgetFrom = n + 1;
      tries.budgetStartedAtMs = undefined;
      tries.budgetClockMs = undefined;
      return undefined;
    case 'givenUp':
      return { ok: false, failure: attempt.failure, attempts: n, givenUp: settled.givenUp };
  }
}

function succeeded(
  done: { readonly value: Json; readonly nth?: number; readonly version?: Version },
  attempts: number,
): EffectEnd {
  const { value, version } = done;
  return { ok: true, value, attempts, ...nthOf(done), ...(version !== undefined && { version }) };
}

/** It is settled that none of the attempts took effect: so the last answer counts, where the step takes it as a value. */
function absent(
  { ctx, effect }: Tries,
  n: number,
  { failure, refused }: { readonly failure: Failure; readonly refused?: RefusedValue },
): EffectEnd {
  if (refused !== undefined) ctx.note(refusedFact(effect, n, refused.code));
  return { ok: false, failure, attempts: n, ...(refused !== undefined && { refused }) };
}

/** From pipeline, business key and step, never from an attempt: every retry and replay sends the same (C40). */
export function idempotencyKey(pipeline: string, businessKey: string, effectId: string): string {
  return `tenon-${sha256(JSON.stringify([pipeline, businessKey, effectId])).slice(7, 39)}`;
}

/** Waits here while a switch holds the attempt. An unclear one is settled, never given up. */
function mayGo(tries: Tries, n: number): Promise<Ended | undefined> | undefined {
  const { ctx, effect } = tries;
  const held = ctx.hold({
    step: effect.place,
    connection: effect.connection,
    connector: effect.operation.connector,
    purpose: purposeOf(effect),
    ...(effect.interruptible && !tries.unclear && { place: `${effect.id}#${n}=` }),
  });
  return held?.then((interruption) => interruption && interruptionEnd(interruption));
}

/** Waits until `atMs`; says what ended the wait for good, if anything did. */
async function rest(tries: Tries, atMs: number, place: string): Promise<Ended | undefined> {
  const { ctx, effect } = tries;
  if (!effect.interruptible) {
    await ctx.sleepUntil(atMs, effect.place);
    return undefined;
  }
  const interruption = await ctx.sleepUntil(atMs, effect.place, place);
  return interruption && interruptionEnd(interruption);
}
