import { type CallRequest, type CallResult, calledOff, pagesToTheEnd } from '@tenon/connector';
import { type Failure, type Json, type JsonObject, unmetPointers } from '@tenon/model';
import type { ProbePlan } from '@tenon/pipeline';
import type { Interruption, Recorded } from '../engine.ts';
import { doneFact, plain, probeFact } from './effect-facts.ts';
import { nextAttemptAt } from './judge.ts';
import { spanOf } from './trace-context.ts';
import { nextAfterAbsence, originOf, postponedUntil, type Tries } from './tries.ts';

/** Places named at most, at which a state is not as it is wanted. */
const POINTERS_MAX = 20;

type Probed =
  | { readonly found: 'yes'; readonly value: Json; readonly nth?: number }
  | { readonly found: 'no'; readonly nextAtMs?: number; readonly differs?: readonly string[] }
  | { readonly found: 'unclear'; readonly failure: Failure };

type Answer =
  | Exclude<Probed, { readonly found: 'no' }>
  | { readonly found: 'no'; readonly differs?: readonly string[] }
  /** A switch caught it on its way out, or a window closed; `amid`: between two pages. */
  | { readonly found: 'held'; readonly amid?: Failure }
  /** Its connection could not take it: nothing was asked. */
  | { readonly found: 'postponed'; readonly failure: Failure };

type ProbeRecord =
  | ((Probed | { readonly found: 'later'; readonly failure: Failure; readonly nextAtMs: number }) & {
      readonly startedAtMs: number;
    })
  | { readonly found: 'held' }
  | { readonly found: 'postponed'; readonly failure: Failure; readonly nextAtMs: number };

/** A look before sending that came to no answer, since the run, or the step, is to stop. */
interface Stopped {
  readonly found: 'stopped';
  readonly interruption: Interruption;
}

/** One asking after another: what it is for, and what has been asked so far. */
interface Asking {
  readonly n: number;
  readonly mark: '?' | '^';
  /** What is asked about. */
  readonly attempt: { readonly failure?: Failure };
  /** Nothing was sent yet: what ends the step ends this too. */
  readonly isForward: boolean;
  asked: number;
  startedAtMs?: number;
}

/** Asks whether the effect is there, within the step's own budget (a probe is a read). */
export async function probe(
  tries: Tries,
  plan: ProbePlan,
  n: number,
  attempt: { readonly failure?: Failure },
): Promise<Probed> {
  const probed = await askUntilAnswered(tries, plan, { n, mark: '?', attempt, isForward: false, asked: 0 });
  if (probed.found === 'stopped') throw new Error('a probe of what may have been sent was stopped');
  return probed;
}

async function askUntilAnswered(tries: Tries, plan: ProbePlan, asking: Asking): Promise<Probed | Stopped> {
  const { ctx, effect } = tries;
  const { n, mark, isForward } = asking;
  for (let k = 1; ; k++) {
    const name = `${effect.id}#${n}${mark}${k}`;
    const { place: step, connection, operation } = effect;
    const at = { connection, connector: operation.connector, purpose: 'probe' } as const;
    const held = await ctx.hold({ step, ...at, ...(isForward && { place: `${name}=` }) });
    if (held !== undefined) return { found: 'stopped', interruption: held };
    const value = await ctx.step(name, async () => {
      const startedAtMs = asking.startedAtMs ?? ctx.now();
      await ctx.durable();
      return recordOf(tries, asking, await askProbe(tries, plan, asking), startedAtMs);
    });
    // The key names the type: only the step above writes under it.
    const answer = value as unknown as ProbeRecord;
    if (answer.found === 'held') continue;
    if (answer.found !== 'postponed') {
      asking.startedAtMs = answer.startedAtMs;
      asking.asked++;
      if (answer.found !== 'later') return answer;
    }
    const stopped = await ctx.sleepUntil(answer.nextAtMs, effect.place, isForward ? name : undefined);
    if (stopped !== undefined) return { found: 'stopped', interruption: stopped };
  }
}

function recordOf(tries: Tries, asking: Asking, answer: Answer, startedAtMs: number): Recorded<JsonObject> {
  const { ctx, effect } = tries;
  const { n, mark, attempt, asked } = asking;
  if (answer.found === 'postponed' && mayWait(tries, asking)) {
    const nextAtMs = postponedUntil(ctx, answer.failure);
    const facts = [probeFact(effect, n, { ...answer, nextAtMs }, mark)];
    return { value: { found: 'postponed', failure: plain(answer.failure), nextAtMs }, facts };
  }
  const told = toldOf(tries, asking, answer);
  const facts = [probeFact(effect, n, told, mark)];
  if (told.found === 'yes' && mark === '?') facts.push(doneFact(effect, n));
  if (told.found === 'no') {
    const nextAtMs = attempt.failure && nextAfterAbsence(tries, n, attempt.failure);
    return { value: { ...told, ...(nextAtMs !== undefined && { nextAtMs }), startedAtMs }, facts };
  }
  if (told.found === 'yes') return { value: { ...told, startedAtMs }, facts, numbered: true };
  if (told.found === 'held') return { value: { found: 'held' }, facts };
  const nextAtMs = nextAttemptAt({
    failure: told.failure,
    retry: effect.retry,
    attemptsUsed: asked + 1,
    budgetStartedAtMs: startedAtMs,
    nowMs: ctx.now(),
    random: ctx.random(),
  });
  const failure = plain(told.failure);
  return nextAtMs === undefined
    ? { value: { found: 'unclear', failure, startedAtMs }, facts }
    : { value: { found: 'later', failure, nextAtMs, startedAtMs }, facts };
}

/** Where it may wait no longer, it counts as a try: a window may never be open long enough for all pages. */
function toldOf(
  tries: Tries,
  asking: Asking,
  answer: Answer,
): Exclude<Answer, { readonly found: 'postponed' }> {
  if (answer.found === 'postponed') return { found: 'unclear', failure: answer.failure };
  if (answer.found !== 'held') return answer;
  const { amid } = answer;
  return amid === undefined || mayWait(tries, asking)
    ? { found: 'held' }
    : { found: 'unclear', failure: amid };
}

/**
 * May it wait for its connection, without that being a try? Before anything was sent, deadlines end such a wait. One of what may have
 * been sent is ended by nothing, so it lasts as long as its pipeline's deadline at most, from the step's first attempt on: then
 * tries are counted, and a person is asked. The look of an undoing that was never sent is no better off than its attempts.
 */
function mayWait({ ctx, loaded, unclear, budgetClockMs }: Tries, { mark, isForward }: Asking): boolean {
  if (isForward) return true;
  const isOfSent = mark === '?' || unclear;
  if (!isOfSent || budgetClockMs === undefined) return false;
  return ctx.now() - ctx.deadlineAt() - budgetClockMs < loaded.plan.limits.deadlineMs;
}

async function askProbe(tries: Tries, plan: ProbePlan, { n, isForward }: Asking): Promise<Answer> {
  const { ctx, loaded, effect, key } = tries;
  const operation = loaded.plan.operations[plan.operation];
  if (operation === undefined) return { found: 'unclear', failure: unknownOperation(plan.operation) };
  const scope = { request: effect.input, key };
  const input = loaded.template(plan.with, scope);
  if (!input.ok) return { found: 'unclear', failure: input.failure };
  const asking = { correlationId: ctx.run.correlationId, purpose: 'probe' as const, origin: originOf(tries) };
  let page = 0;
  let last: CallResult | 'held' = 'held';
  const asked = {
    call: async (request: CallRequest): Promise<CallResult> => {
      const span = page++ === 0 ? '?' : `?/${page}`;
      const traceparent = spanOf(ctx.run.traceparent, `${effect.place}#${n}${span}`);
      last = await tries.call(effect.connection, { ...request, ...asking, traceparent });
      return last === 'held' ? calledOff : last;
    },
  };
  const listing = {
    operation,
    // A probe's `with` is an object by the plan's schema.
    input: input.value as JsonObject,
    ...(isForward && { deadlineAt: ctx.deadlineAt() }),
  };
  // Absence is proven by the end of the listing alone: what is not on the first page would be sent again.
  for await (const answer of pagesToTheEnd(asked, listing, { pagesMax: PAGES_MAX })) {
    if (!answer.ok) return unanswered(last, answer.failure, page);
    const found = loaded.expression(plan.found, { ...scope, body: answer.body });
    if (!found.ok) return { found: 'unclear', failure: found.failure };
    if (found.value === null) continue;
    const differs = plan.compares
      ? unmetPointers(effect.input['body'] ?? null, found.value, POINTERS_MAX)
      : [];
    return differs.length > 0 ? { found: 'no', differs } : { found: 'yes', value: found.value };
  }
  return { found: 'no' };
}

/** Pages of a listing that a probe looks through; where there are more, it has proven nothing. */
const PAGES_MAX = 100;

/** What a probe knows by an answer that is none, and by a listing that cannot be gone on with. */
function unanswered(last: CallResult | 'held', failure: Failure, page: number): Answer {
  if (last === 'held') return { found: 'held', ...(page > 1 && { amid: failure }) };
  // Asked for one thing and told that it is not there: that is an answer.
  if (!last.ok && failure.class === 'notFound' && page === 1) return { found: 'no' };
  if (!last.ok && 'postponed' in last && last.postponed) return { found: 'postponed', failure };
  return { found: 'unclear', failure };
}

/** What a look before sending came to, where nothing is to be sent. */
export interface Checked {
  readonly startedAtMs: number;
  readonly result: CallResult;
}

/** Mode `checkFirst`: looks before it sends. The result stands for the attempt where nothing is to be sent. */
export async function checkFirst(tries: Tries, n: number): Promise<Checked | Stopped | undefined> {
  const { ctx, effect } = tries;
  if (effect.probe === undefined) return undefined;
  const startedAtMs = ctx.now();
  // What may have been sent is settled, whatever else ends.
  const isForward = effect.interruptible && !tries.unclear;
  const asking: Asking = { n, mark: '^', attempt: {}, isForward, asked: 0 };
  const probed = await askUntilAnswered(tries, effect.probe, asking);
  if (probed.found === 'stopped') return probed;
  if (probed.found === 'no') {
    // It may have lasted, and who stops the run knows that nothing was sent yet.
    const interruption = isForward ? ctx.interruption(`${effect.id}#${n}^`, false, 'goesOn') : undefined;
    return interruption && { found: 'stopped', interruption };
  }
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
