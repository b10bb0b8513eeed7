import { type Failure, type Json, sha256 } from '@tenon/model';
import type { Cancellation, RunContext } from '../engine.ts';
import type { LoadedPlan } from '../loaded-plan.ts';
import { attemptOnce, type RefusedValue } from './attempt.ts';
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
    if (attempt.outcome === 'stopped')
      return { ok: false, attempts: n, ...interruptionEnd(attempt.interruption) };
    if (attempt.outcome === 'held') {
      // It was no attempt, but the one before this process may have been.
      tries.budgetFrom++;
      tries.unclear = attempt.unclear;
      if (attempt.unclear) tries.firstSentAtMs ??= attempt.firstSentAtMs;
      continue;
    }
    let waitEnded: Awaited<ReturnType<typeof rest>>;
    if (attempt.outcome === 'postponed') {
      // It waits for its connection: no attempt, and no end but the run's own deadline.
      tries.budgetFrom++;
      tries.unclear = attempt.unclear;
      if (attempt.unclear) tries.firstSentAtMs ??= attempt.firstSentAtMs;
      waitEnded = await rest(tries, attempt.nextAtMs, `${effect.id}#${n}`);
      if (waitEnded === undefined) continue;
      if (!attempt.unclear) return { ok: false, attempts: n, ...waitEnded };
    }
    tries.budgetStartedAtMs ??= attempt.startedAtMs;
    if (attempt.outcome !== 'succeeded') tries.budgetClockMs ??= attempt.clockMs;
    if (attempt.outcome !== 'succeeded') tries.firstSentAtMs ??= attempt.firstSentAtMs ?? attempt.startedAtMs;
    if (attempt.outcome === 'succeeded')
      return {
        ok: true,
        value: attempt.value,
        attempts: n,
        ...nthOf(attempt),
        ...(attempt.version !== undefined && { version: attempt.version }),
      };

    if (attempt.outcome === 'retryable') {
      tries.unclear = attempt.unclear;
      const interruption = await rest(tries, attempt.nextAtMs, `${effect.id}#${n}`);
      if (interruption === undefined) continue;
      if (!attempt.unclear) return { ok: false, attempts: n, ...interruption };
    }
    if (attempt.outcome === 'failed') return { ok: false, failure: attempt.failure, attempts: n };
    if (attempt.outcome === 'refused')
      return { ok: false, failure: attempt.failure, refused: attempt.refused, attempts: n };

    const settled = await settle(tries, n, attempt);
    switch (settled.as) {
      case 'happened':
        return { ok: true, value: settled.value, attempts: n, ...nthOf(settled) };
      case 'absent': {
        tries.unclear = false;
        // What was postponed has not failed: it ends by what ended its wait.
        if (settled.nextAtMs === undefined && waitEnded !== undefined)
          return { ok: false, attempts: n, ...waitEnded };
        if (settled.nextAtMs === undefined) return absent(tries, n, attempt);
        const interruption = await rest(tries, settled.nextAtMs, `${effect.id}#${n}`);
        if (interruption !== undefined) return { ok: false, attempts: n, ...interruption };
        break;
      }
      case 'redo':
        // A person's word: none of the attempts so far took effect.
        tries.unclear = false;
        tries.budgetFrom = n + 1;
        tries.budgetStartedAtMs = undefined;
        tries.budgetClockMs = undefined;
        break;
      case 'givenUp':
        return { ok: false, failure: attempt.failure, attempts: n, givenUp: settled.givenUp };
    }
  }
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
function mayGo(tries: Tries, n: number): Promise<ReturnType<typeof interruptionEnd> | undefined> | undefined {
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
async function rest(
  tries: Tries,
  atMs: number,
  place: string,
): Promise<{ readonly failure: Failure; readonly cancelled?: Cancellation } | undefined> {
  const { ctx, effect } = tries;
  if (!effect.interruptible) {
    await ctx.sleepUntil(atMs, effect.place);
    return undefined;
  }
  const interruption = await ctx.sleepUntil(atMs, effect.place, place);
  return interruption && interruptionEnd(interruption);
}
