import type { CallResult } from '@tenon/connector';
import { type Failure, type Json, type JsonObject, unmetPointers } from '@tenon/model';
import type { ProbePlan } from '@tenon/pipeline';
import type { Recorded } from '../engine.ts';
import { doneFact, plain, probeFact } from './effect-facts.ts';
import { nextAttemptAt } from './judge.ts';
import { spanOf } from './trace-context.ts';
import { nextAfterAbsence, originOf, type Tries } from './tries.ts';

/** Places named at most, at which a state is not as it is wanted. */
const POINTERS_MAX = 20;

type Probed =
  | { readonly found: 'yes'; readonly value: Json; readonly nth?: number }
  | { readonly found: 'no'; readonly nextAtMs?: number; readonly differs?: readonly string[] }
  | { readonly found: 'unclear'; readonly failure: Failure };

type ProbeRecord =
  | Probed
  /** A switch caught it on its way out. */
  | { readonly found: 'held' }
  | { readonly found: 'later'; readonly failure: Failure; readonly nextAtMs: number };

/** Asks whether the effect is there, within the step's own budget (a probe is a read). */
export async function probe(
  tries: Tries,
  plan: ProbePlan,
  n: number,
  mark: '?' | '^',
  attempt: { readonly failure?: Failure },
): Promise<Probed> {
  const { ctx, effect } = tries;
  let startedAtMs: number | undefined;
  let asked = 0;
  for (let k = 1; ; k++) {
    await ctx.hold({ step: effect.place, connection: effect.connection, purpose: 'probe' });
    const value = await ctx.step(`${effect.id}#${n}${mark}${k}`, async (): Promise<Recorded<JsonObject>> => {
      const now = ctx.now();
      startedAtMs ??= now;
      await ctx.durable();
      const answer = await askProbe(tries, plan, n);
      const facts = [probeFact(effect, n, answer, mark)];
      if (answer.found === 'yes' && mark === '?') facts.push(doneFact(effect, n));
      if (answer.found === 'no') {
        const nextAtMs = attempt.failure && nextAfterAbsence(tries, n, attempt.failure);
        return { value: { ...answer, ...(nextAtMs !== undefined && { nextAtMs }), startedAtMs }, facts };
      }
      if (answer.found === 'yes') return { value: { ...answer, startedAtMs }, facts, numbered: true };
      if (answer.found === 'held') return { value: { ...answer, startedAtMs }, facts };
      const nextAtMs = nextAttemptAt({
        failure: answer.failure,
        retry: effect.retry,
        attemptsUsed: asked + 1,
        budgetStartedAtMs: startedAtMs,
        nowMs: ctx.now(),
        random: ctx.random(),
      });
      const failure = plain(answer.failure);
      return nextAtMs === undefined
        ? { value: { found: 'unclear', failure, startedAtMs }, facts }
        : { value: { found: 'later', failure, nextAtMs, startedAtMs }, facts };
    });
    // The key names the type: only the step above writes under it.
    const answer = value as unknown as ProbeRecord & { readonly startedAtMs: number };
    startedAtMs = answer.startedAtMs;
    if (answer.found === 'held') continue;
    asked++;
    if (answer.found !== 'later') return answer;
    await ctx.sleepUntil(answer.nextAtMs, effect.place);
  }
}

async function askProbe(
  tries: Tries,
  plan: ProbePlan,
  n: number,
): Promise<
  | Exclude<Probed, { readonly found: 'no' }>
  | { readonly found: 'no'; readonly differs?: readonly string[] }
  | { readonly found: 'held' }
> {
  const { ctx, loaded, effect, key } = tries;
  const operation = loaded.plan.operations[plan.operation];
  if (operation === undefined) return { found: 'unclear', failure: unknownOperation(plan.operation) };
  const scope = { request: effect.input, key };
  const input = loaded.template(plan.with, scope);
  if (!input.ok) return { found: 'unclear', failure: input.failure };
  const result = await tries.call(effect.connection, {
    operation,
    // A probe's `with` is an object by the plan's schema.
    input: input.value as JsonObject,
    traceparent: spanOf(ctx.run.traceparent, `${effect.place}#${n}?`),
    correlationId: ctx.run.correlationId,
    purpose: 'probe',
    origin: originOf(tries),
  });
  if (result === 'held') return { found: 'held' };
  // Asked for one thing and told that it is not there: that is an answer.
  if (!result.ok && result.failure.class === 'notFound') return { found: 'no' };
  if (!result.ok) return { found: 'unclear', failure: result.failure };
  const found = loaded.expression(plan.found, { ...scope, body: result.body });
  if (!found.ok) return { found: 'unclear', failure: found.failure };
  if (found.value === null) return { found: 'no' };
  const differs = plan.compares ? unmetPointers(effect.input['body'] ?? null, found.value, POINTERS_MAX) : [];
  return differs.length > 0 ? { found: 'no', differs } : { found: 'yes', value: found.value };
}

/** Mode `checkFirst`: looks before it sends. The result stands for the attempt where nothing is to be sent. */
export async function checkFirst(
  tries: Tries,
  n: number,
): Promise<{ readonly startedAtMs: number; readonly result: CallResult } | undefined> {
  const { ctx, effect } = tries;
  if (effect.probe === undefined) return undefined;
  const startedAtMs = ctx.now();
  const probed = await probe(tries, effect.probe, n, '^', {});
  if (probed.found === 'no') return undefined;
  if (probed.found === 'yes')
    return { startedAtMs, result: { ok: true, status: 200, body: probed.value, headers: {} } };
  return { startedAtMs, result: { ok: false, failure: { ...probed.failure, delivery: 'notSent' } } };
}

function unknownOperation(name: string): Failure {
  return {
    class: 'contract',
    code: 'PLAN_OPERATION_ABSENT',
    message: `the plan holds no operation ${name}`,
    delivery: 'notSent',
  };
}
