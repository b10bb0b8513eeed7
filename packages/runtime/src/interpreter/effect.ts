import type { CallResult, OperationPlan } from '@tenon/connector';
import { type CallOrigin, type Failure, type Json, type JsonObject, sha256 } from '@tenon/model';
import type { ProbePlan, RetryPlan } from '@tenon/pipeline';
import type { Cancellation, Fact, Interruption, Recorded, RunContext } from '../engine.ts';
import type { LoadedPlan } from '../loaded-plan.ts';
import type { Purpose } from '../switches.ts';
import { judge, nextAttemptAt, repeatIsHarmless } from './judge.ts';
import { saltedDigest } from './salted-digest.ts';
import { spanOf } from './trace-context.ts';

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
  readonly owner: string;
  /** A forward call ends with the run's deadline and its cancellation; a compensation does not. */
  readonly interruptible: boolean;
}

export type EffectEnd =
  | {
      readonly ok: true;
      readonly value: Json;
      readonly attempts: number;
      /** Its place in the order of the run's records, within a strand. */
      readonly nth?: number;
    }
  | {
      readonly ok: false;
      readonly failure: Failure;
      readonly attempts: number;
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
  const key = idempotencyKey(ctx.run.pipeline, ctx.run.key, effect.place);
  const tries: Tries = { ctx, loaded, call, effect, key, budgetFrom: from, unclear: false };
  for (let n = from; ; n++) {
    const held = mayGo(tries, n);
    const stopped = held === undefined ? undefined : await held;
    if (stopped !== undefined) return { ok: false, attempts: n - 1, ...stopped };
    const attempt = await attemptOnce(tries, n);
    if (attempt.outcome === 'held') {
      // It was no attempt, but the one before this process may have been.
      tries.budgetFrom++;
      tries.unclear = attempt.unclear;
      if (attempt.unclear) tries.firstSentAtMs ??= attempt.firstSentAtMs;
      continue;
    }
    if (attempt.outcome === 'postponed') {
      // It waits for its connection: no attempt, and no end but the run's own deadline.
      tries.budgetFrom++;
      tries.unclear = attempt.unclear;
      if (attempt.unclear) tries.firstSentAtMs ??= attempt.firstSentAtMs;
      const interruption = await rest(tries, attempt.nextAtMs, `${effect.id}#${n}`);
      if (interruption === undefined) continue;
      if (!attempt.unclear) return { ok: false, attempts: n, ...interruption };
    }
    tries.budgetStartedAtMs ??= attempt.startedAtMs;
    if (attempt.outcome !== 'succeeded') tries.budgetClockMs ??= attempt.clockMs;
    tries.firstSentAtMs ??= attempt.startedAtMs;
    if (attempt.outcome === 'succeeded')
      return { ok: true, value: attempt.value, attempts: n, ...nthOf(attempt) };

    if (attempt.outcome === 'retryable') {
      tries.unclear = attempt.unclear;
      const interruption = await rest(tries, attempt.nextAtMs, `${effect.id}#${n}`);
      if (interruption === undefined) continue;
      if (!attempt.unclear) return { ok: false, attempts: n, ...interruption };
    }
    if (attempt.outcome === 'failed') return { ok: false, failure: attempt.failure, attempts: n };

    const settled = await settle(tries, n, attempt);
    switch (settled.as) {
      case 'happened':
        return { ok: true, value: settled.value, attempts: n, ...nthOf(settled) };
      case 'absent': {
        tries.unclear = false;
        if (settled.nextAtMs === undefined) return { ok: false, failure: attempt.failure, attempts: n };
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

/** From pipeline, business key and step, never from an attempt: every retry and replay sends the same (C40). */
export function idempotencyKey(pipeline: string, businessKey: string, effectId: string): string {
  return `tenon-${sha256(JSON.stringify([pipeline, businessKey, effectId])).slice(7, 39)}`;
}

interface Tries {
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
  firstSentAtMs?: number | undefined;
  /** An earlier attempt may have taken effect. */
  unclear: boolean;
}

type AttemptRecord =
  /** Its connection could not take it: nothing was sent. */
  | {
      readonly outcome: 'postponed';
      readonly failure: Failure;
      readonly startedAtMs: number;
      readonly endedAtMs: number;
      readonly clockMs: number;
      readonly firstSentAtMs: number;
      readonly nextAtMs: number;
      readonly unclear: boolean;
    }
  /** A switch caught it on its way out: nothing was sent. */
  | { readonly outcome: 'held'; readonly unclear: boolean; readonly firstSentAtMs: number }
  | {
      readonly outcome: 'succeeded';
      readonly value: Json;
      readonly startedAtMs: number;
      readonly nth?: number;
    }
  | {
      readonly outcome: 'retryable';
      readonly failure: Failure;
      readonly startedAtMs: number;
      readonly endedAtMs: number;
      readonly clockMs: number;
      readonly nextAtMs: number;
      readonly unclear: boolean;
    }
  | {
      readonly outcome: 'failed' | 'unknown';
      readonly failure: Failure;
      readonly startedAtMs: number;
      readonly endedAtMs: number;
      readonly clockMs: number;
    };

/** Waits here while a switch holds the attempt. An unclear one is settled, never given up. */
function mayGo(tries: Tries, n: number): Promise<ReturnType<typeof interruptionEnd> | undefined> | undefined {
  const { ctx, effect } = tries;
  const held = ctx.hold({
    step: effect.place,
    connection: effect.connection,
    purpose: purposeOf(effect),
    ...(effect.interruptible && !tries.unclear && { place: `${effect.id}#${n}=` }),
  });
  return held?.then((interruption) => interruption && interruptionEnd(interruption));
}

function purposeOf({ operation, interruptible }: Effect): Purpose {
  if (!interruptible) return 'compensation';
  return operation.effect === 'read' ? 'read' : 'effect';
}

async function attemptOnce(tries: Tries, n: number): Promise<AttemptRecord> {
  const { ctx, effect } = tries;
  const { operation } = effect;
  const isRead = operation.effect === 'read';
  const name = `${effect.id}#${n}`;

  const checked =
    operation.idempotency.mode === 'checkFirst' && !isRead ? await checkFirst(tries, n) : undefined;
  let cutShort = false;
  const harmless = isRead || repeatIsHarmless(operation.idempotency);
  if (!harmless && checked === undefined) {
    cutShort = true;
    await ctx.step(`${name}!`, () => {
      cutShort = false;
      return { value: { atMs: ctx.now() }, facts: [intentFact(tries, n)] };
    });
  }
  return record(
    await ctx.step(name, async () => {
      if (checked !== undefined) return outcomeOf(tries, n, checked.startedAtMs, checked.result);
      const startedAtMs = ctx.now();
      const firstSentAtMs = tries.firstSentAtMs ?? (ctx.interrupted() ? ctx.lastRecordAt() : startedAtMs);
      if (cutShort) return outcomeOf(tries, n, startedAtMs, { ok: false, failure: CUT_SHORT });
      if (!isRead && harmless && mayBeForgotten(tries, startedAtMs - firstSentAtMs))
        return outcomeOf(tries, n, startedAtMs, { ok: false, failure: KEY_FORGOTTEN });
      // A process before this one may have sent it: only where a repeat is harmless is there no intent to tell.
      if (ctx.interrupted() && !isRead) tries.unclear = true;
      tries.firstSentAtMs ??= firstSentAtMs;
      if (harmless && !isRead) ctx.note(intentFact(tries, n));
      await ctx.durable();
      return outcomeOf(tries, n, startedAtMs, await send(tries, n));
    }),
  );
}

function nthOf({ nth }: { readonly nth?: number | undefined }): { readonly nth?: number } {
  return nth === undefined ? {} : { nth };
}

/** The journal gives JSON back; what was put in under this key was an attempt's record. */
function record(value: Json): AttemptRecord {
  // The key names the type: only `attemptOnce` writes under it.
  return value as unknown as AttemptRecord;
}

/** The target forgets keys after its retention: a repeat later than that could be a second effect. */
function mayBeForgotten(tries: Tries, sinceFirstMs: number): boolean {
  const maybeSent = tries.unclear || tries.ctx.interrupted();
  const { idempotency, timeoutMs } = tries.effect.operation;
  return maybeSent && !repeatIsHarmless(idempotency, sinceFirstMs + timeoutMs);
}

async function send(tries: Tries, n: number): Promise<CallResult | 'held'> {
  const { ctx, effect } = tries;
  const { traceparent, correlationId } = ctx.run;
  const isRead = effect.operation.effect === 'read';
  return tries.call(effect.connection, {
    operation: effect.operation,
    input: effect.input,
    ...(!isRead && { idempotencyKey: tries.key }),
    ...(effect.interruptible && { deadlineAt: ctx.deadlineAt() }),
    traceparent: spanOf(traceparent, `${effect.place}#${n}`),
    correlationId,
    purpose: purposeOf(effect),
    origin: originOf(tries),
    ...(n > tries.budgetFrom && { isRetry: true }),
  });
}

function originOf({ ctx: { run }, effect }: Tries): CallOrigin {
  return { pipeline: run.pipeline, runId: run.runId, step: effect.place };
}

/** The record of an attempt and its facts, from what the call gave. */
function outcomeOf(
  tries: Tries,
  n: number,
  startedAtMs: number,
  result: CallResult | 'held',
): Recorded<JsonObject> {
  const { ctx, effect } = tries;
  const step = effect.place;
  const isRead = effect.operation.effect === 'read';
  const kind = isRead ? 'attempt' : 'outcome';
  const operation = effect.operation.name;
  if (result === 'held')
    return {
      value: { outcome: 'held', unclear: tries.unclear, firstSentAtMs: tries.firstSentAtMs ?? startedAtMs },
      facts: [{ kind, step, attempt: n, details: { outcome: 'held', operation } }],
    };
  if (result.ok)
    return {
      value: { outcome: 'succeeded', value: result.body, startedAtMs },
      numbered: true,
      facts: [
        { kind, step, attempt: n, details: { outcome: 'succeeded', operation, status: result.status } },
        doneFact(effect, n),
      ],
    };

  const { failure } = result;
  const endedAtMs = ctx.now();
  if (result.postponed && effect.interruptible) {
    const waitMs = Math.max(failure.retryAfterMs ?? 0, POSTPONED_MIN_MS);
    // Spread, so that what waited for one breaker does not come back at one moment.
    const nextAtMs = endedAtMs + Math.ceil(waitMs + ctx.random() * POSTPONED_MIN_MS);
    return {
      value: {
        outcome: 'postponed',
        failure: plain(failure),
        unclear: tries.unclear,
        firstSentAtMs: tries.firstSentAtMs ?? startedAtMs,
        startedAtMs,
        endedAtMs,
        clockMs: startedAtMs - ctx.deadlineAt(),
        nextAtMs,
      },
      facts: [
        {
          kind,
          step,
          attempt: n,
          details: { outcome: 'postponed', operation, nextAtMs, ...failureDetails(failure) },
        },
      ],
    };
  }
  const judgement = judge({
    failure,
    effect: effect.operation.effect,
    idempotency: effect.operation.idempotency,
    retry: effect.retry,
    attemptsUsed: n - tries.budgetFrom + 1,
    budgetStartedAtMs: budgetStart(tries, startedAtMs),
    firstSentAtMs: tries.firstSentAtMs ?? startedAtMs,
    nowMs: endedAtMs,
    timeoutMs: effect.operation.timeoutMs,
    random: ctx.random(),
    unclearBefore: tries.unclear,
    hasProbe: effect.probe !== undefined,
  });
  const facts: Fact[] = [
    {
      kind,
      step,
      attempt: n,
      details: { outcome: judgement.outcome, operation, ...failureDetails(failure) },
    },
  ];
  if (judgement.outcome === 'retryable')
    facts.push({
      kind: 'retry',
      step,
      attempt: n,
      details: {
        nextAtMs: judgement.nextAtMs,
        delayMs: judgement.nextAtMs - endedAtMs,
        class: failure.class,
      },
    });
  const clockMs = startedAtMs - ctx.deadlineAt();
  return { value: { ...judgement, failure: plain(failure), startedAtMs, endedAtMs, clockMs }, facts };
}

/** When the present budget began, less the time that the run has been held or waiting since. */
function budgetStart({ ctx, budgetStartedAtMs, budgetClockMs }: Tries, startedAtMs: number): number {
  return budgetClockMs === undefined ? (budgetStartedAtMs ?? startedAtMs) : ctx.deadlineAt() + budgetClockMs;
}

type Settled =
  | { readonly as: 'happened'; readonly value: Json; readonly nth?: number }
  | { readonly as: 'absent'; readonly nextAtMs?: number }
  | { readonly as: 'redo' }
  | { readonly as: 'givenUp'; readonly givenUp: { readonly happened?: Json; readonly nth?: number } };

/** Finds out what became of an attempt with an unknown outcome: by its probe, else by a person. */
async function settle(
  tries: Tries,
  n: number,
  attempt: { readonly failure: Failure; readonly startedAtMs: number; readonly endedAtMs: number },
): Promise<Settled> {
  const { ctx, effect } = tries;
  const evidence: Record<string, Json> = {
    operation: effect.operation.name,
    attempt: n,
    sentAtMs: attempt.startedAtMs,
    request: saltedDigest(ctx.run.salt, effect.input),
    ...failureDetails(attempt.failure),
  };
  if (effect.probe !== undefined) {
    await ctx.sleepUntil(attempt.endedAtMs + effect.probe.settleMs, effect.place);
    const probed = await probe(tries, effect.probe, n, '?', attempt);
    if (probed.found === 'yes') return { as: 'happened', value: probed.value, ...nthOf(probed) };
    if (probed.found === 'no')
      return { as: 'absent', ...(probed.nextAtMs !== undefined && { nextAtMs: probed.nextAtMs }) };
    evidence['probe'] = failureDetails(probed.failure);
  }
  return askPerson(tries, n, evidence);
}

async function askPerson(tries: Tries, n: number, evidence: JsonObject): Promise<Settled> {
  const { ctx, effect, key } = tries;
  const name = `${effect.id}#${n}~`;
  const detail = { operation: effect.operation.name, idempotencyKey: key, attempt: n, evidence };
  const signal = await ctx.signal(name, {
    state: 'inDoubt',
    opening: { kind: 'doubt', key: name, step: effect.place, owner: effect.owner, detail },
    facts: [{ kind: 'inDoubt', step: effect.place, attempt: n, details: { ...detail, owner: effect.owner } }],
  });
  if (signal.as !== 'value') throw new Error(`a doubt was ended by ${signal.as}, not by a verdict`);
  // The operations API writes it: see `Verdict`.
  const verdict = signal.value as unknown as Verdict;
  switch (verdict.verdict) {
    case 'confirm': {
      const nth = await adopt(tries, n);
      return { as: 'happened', value: verdict.result ?? null, ...nthOf({ nth }) };
    }
    case 'redo':
      return { as: 'redo' };
    case 'compensate':
      if (verdict.result === undefined) return { as: 'givenUp', givenUp: {} };
      return {
        as: 'givenUp',
        givenUp: { happened: verdict.result, ...nthOf({ nth: await adopt(tries, n) }) },
      };
  }
}

/** Records that an effect is known to have happened, by a person's word: from here on it is one to be undone. */
async function adopt({ ctx, effect }: Tries, n: number): Promise<number | undefined> {
  const adopted = await ctx.step(`${effect.id}#${n}=`, () => ({
    value: { atMs: ctx.now() } satisfies JsonObject as JsonObject,
    facts: [doneFact(effect, n)],
    numbered: true,
  }));
  const { nth } = adopted;
  return typeof nth === 'number' ? nth : undefined;
}

/** A person's word on an effect in doubt, as it is journaled. */
export interface Verdict {
  readonly verdict: 'confirm' | 'redo' | 'compensate';
  readonly actor: string;
  readonly reason: string;
  readonly result?: Json;
}

type Probed =
  | { readonly found: 'yes'; readonly value: Json; readonly nth?: number }
  | { readonly found: 'no'; readonly nextAtMs?: number }
  | { readonly found: 'unclear'; readonly failure: Failure };

type ProbeRecord =
  | Probed
  /** A switch caught it on its way out. */
  | { readonly found: 'held' }
  | { readonly found: 'later'; readonly failure: Failure; readonly nextAtMs: number };

/** Asks whether the effect is there, within the step's own budget (a probe is a read). */
async function probe(
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

/** Absence is proven: may the effect be sent again within the budget, and when? */
function nextAfterAbsence(tries: Tries, n: number, failure: Failure): number | undefined {
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

async function askProbe(
  tries: Tries,
  plan: ProbePlan,
  n: number,
): Promise<
  Exclude<Probed, { readonly found: 'no' }> | { readonly found: 'no' } | { readonly found: 'held' }
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
  return found.value === null ? { found: 'no' } : { found: 'yes', value: found.value };
}

/** Mode `checkFirst`: looks before it sends. The result stands for the attempt where nothing is to be sent. */
async function checkFirst(
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

/** What an interruption makes of a step. */
export function interruptionEnd(interruption: Interruption): {
  readonly failure: Failure;
  readonly cancelled?: Cancellation;
} {
  if (interruption.kind === 'deadline') return { failure: DEADLINE };
  if (interruption.kind === 'stopped') return { failure: stoppedBy(interruption.by) };
  const { actor, reason } = interruption;
  return { failure: CANCELLED, cancelled: { actor, reason } };
}

function intentFact(tries: Tries, n: number): Fact {
  const { ctx, effect, key } = tries;
  return {
    kind: 'intent',
    step: effect.place,
    attempt: n,
    atMs: ctx.now(),
    details: {
      operation: effect.operation.name,
      connection: effect.connection,
      effect: effect.operation.effect,
      idempotency: effect.operation.idempotency.mode,
      idempotencyKey: key,
      request: saltedDigest(ctx.run.salt, effect.input),
    },
  };
}

function doneFact(effect: Effect, n: number): Fact {
  const kind = effect.interruptible ? 'stepDone' : 'compensation';
  return {
    kind,
    step: effect.place,
    attempt: n,
    details: { operation: effect.operation.name, attempts: n },
  };
}

function probeFact(
  effect: Effect,
  n: number,
  answer: { readonly found: string; readonly failure?: Failure },
  mark: '?' | '^',
): Fact {
  return {
    kind: 'probe',
    step: effect.place,
    attempt: n,
    details: {
      found: answer.found,
      purpose: mark === '^' ? 'check before sending' : 'settle an unknown outcome',
      ...(answer.failure && failureDetails(answer.failure)),
    },
  };
}

/** What of a failure goes to the ledger: all of it is made by us, none of it copied from a body. */
export function failureDetails(failure: Failure): JsonObject {
  const { class: failureClass, code, message, delivery, status, retryAfterMs, pointer } = failure;
  return {
    class: failureClass,
    code,
    message,
    delivery,
    ...(status !== undefined && { status }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    ...(pointer !== undefined && { pointer }),
  };
}

function plain(failure: Failure): JsonObject {
  return failureDetails(failure);
}

/** Least time that a call waits for a connection that cannot take it. */
const POSTPONED_MIN_MS = 1_000;

function unknownOperation(name: string): Failure {
  return {
    class: 'contract',
    code: 'PLAN_OPERATION_ABSENT',
    message: `the plan holds no operation ${name}`,
    delivery: 'notSent',
  };
}

/** Code of a strand that ended because another had failed: never the cause of a block's failure. */
export const STOPPED = 'RUN_BRANCH_STOPPED';

function stoppedBy(name: string): Failure {
  return {
    class: 'permanent',
    code: STOPPED,
    message: `${name} failed, so what goes on beside it was stopped`,
    delivery: 'notSent',
  };
}

const CUT_SHORT: Failure = {
  class: 'timeout',
  code: 'RUN_ATTEMPT_INTERRUPTED',
  message: 'the process ended between the intent and the outcome of this attempt',
  delivery: 'lost',
};

const KEY_FORGOTTEN: Failure = {
  class: 'unknown',
  code: 'EFFECT_KEY_EXPIRED',
  message:
    'the target may have forgotten the idempotency key since the first attempt, so a repeat could be a second effect',
  delivery: 'lost',
};

const DEADLINE: Failure = {
  class: 'timeout',
  code: 'RUN_DEADLINE_EXCEEDED',
  message: 'the run did not end within its deadline',
  delivery: 'notSent',
};

const CANCELLED: Failure = {
  class: 'permanent',
  code: 'RUN_CANCELLED',
  message: 'the run was cancelled',
  delivery: 'notSent',
};
