import { type CallResult, callTakesMs, type Refused } from '@tenon/connector';
import { atPointer, type Failure, type Json, type JsonObject } from '@tenon/model';
import type { Fact, Interruption, Recorded } from '../engine.ts';
import { doneFact, failureDetails, intentFact, plain, refusedFact } from './effect-facts.ts';
import { judge, repeatIsHarmless } from './judge.ts';
import { type Checked, checkFirst } from './probe.ts';
import { spanOf } from './trace-context.ts';
import {
  budgetStart,
  type Effect,
  originOf,
  postponedUntil,
  purposeOf,
  type Spent,
  type Tries,
  type Version,
} from './tries.ts';

type AttemptRecord =
  /** Its connection could not take it: nothing was sent. */
  | {
      readonly outcome: 'postponed';
      readonly failure: Failure;
      readonly startedAtMs: number;
      readonly endedAtMs: number;
      readonly clockMs: number;
      /** When the key was first sent, as `passed`: the target may forget it some time after. */
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
      readonly version?: Version;
    }
  | ({ readonly outcome: 'page'; readonly value: Json } & PageRead)
  | {
      readonly outcome: 'retryable';
      readonly failure: Failure;
      readonly startedAtMs: number;
      readonly endedAtMs: number;
      readonly clockMs: number;
      readonly nextAtMs: number;
      readonly unclear: boolean;
      /** Where it is not `startedAtMs`. */
      readonly firstSentAtMs?: number;
    }
  /** The other side said no, in a way that the step takes as a value: nothing happened. */
  | {
      readonly outcome: 'refused';
      readonly refused: RefusedValue;
      readonly failure: Failure;
      readonly startedAtMs: number;
      readonly endedAtMs: number;
      readonly clockMs: number;
      readonly firstSentAtMs?: number;
    }
  | {
      readonly outcome: 'failed' | 'unknown';
      readonly failure: Failure;
      /** What the step takes as a value, once it is settled that nothing happened. */
      readonly refused?: RefusedValue;
      readonly startedAtMs: number;
      readonly endedAtMs: number;
      readonly clockMs: number;
      readonly firstSentAtMs?: number;
    };

/** What is known of a page beside its body. */
export type PageRead = {
  /** What it and the pages before have used up of their budget. */
  readonly spent: Spent;
  /** When it was asked for, on the clock of the run's deadline. */
  readonly clockMs: number;
  /** Its header of that name, which says where the next page is. */
  readonly link?: string;
};

/** Of an answer that says no, what a step takes as its result. */
export type RefusedValue = Refused & JsonObject;

/** The run, or the step, was to stop before anything was sent. */
interface StoppedAttempt {
  readonly outcome: 'stopped';
  readonly interruption: Interruption;
}

export function attemptOnce(tries: Tries, n: number): Promise<AttemptRecord | StoppedAttempt> {
  const { operation } = tries.effect;
  tries.intendedAtMs = undefined;
  const isRead = operation.effect === 'read';
  const looksFirst = operation.idempotency.mode === 'checkFirst' && !isRead;
  // Nearly every attempt takes no more than its own row, and so waits for nothing else.
  if (!looksFirst && (isRead || isHarmless(tries.effect))) return recorded(tries, n, {});
  return prepared(tries, n, looksFirst);
}

/** What comes before an effect that a repeat could double: a look at what is there, or an intent on record. */
async function prepared(
  tries: Tries,
  n: number,
  looksFirst: boolean,
): Promise<AttemptRecord | StoppedAttempt> {
  const { ctx, effect } = tries;
  const name = `${effect.id}#${n}`;
  const checked = looksFirst ? await checkFirst(tries, n) : undefined;
  if (checked !== undefined && 'found' in checked) {
    // It is no attempt, and its number is used up: a round later it looks anew.
    await ctx.step(name, () => ({ value: { outcome: 'stopped' } }));
    return { outcome: 'stopped', interruption: checked.interruption };
  }
  let cutShort = false;
  if (checked === undefined && !isHarmless(effect)) {
    cutShort = true;
    const { atMs } = await ctx.step(`${name}!`, () => {
      cutShort = false;
      return { value: { atMs: ctx.now() }, facts: [intentFact(tries, n)] };
    });
    tries.intendedAtMs = atMs;
  }
  return recorded(tries, n, { cutShort, ...(checked && { checked }) });
}

/** `checked`: the look before has settled it. `cutShort`: its intent was on record already, and no outcome. */
function recorded(
  tries: Tries,
  n: number,
  { checked, cutShort = false }: { readonly checked?: Checked; readonly cutShort?: boolean },
): Promise<AttemptRecord> {
  const { ctx, effect } = tries;
  const isRead = effect.operation.effect === 'read';
  const harmless = isRead || isHarmless(effect);
  return record(
    ctx.step(`${effect.id}#${n}`, async () => {
      if (checked !== undefined) return outcomeOf(tries, n, checked.startedAtMs, checked.result);
      const startedAtMs = ctx.now();
      const sentAtMs = ctx.passed();
      const firstSentAtMs = tries.firstSentAtMs ?? (ctx.interrupted() ? ctx.lastRecordAt() : sentAtMs);
      if (cutShort) return outcomeOf(tries, n, startedAtMs, { ok: false, failure: CUT_SHORT });
      if (!isRead && harmless && mayBeForgotten(tries, firstSentAtMs))
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

/** The journal gives JSON back; what was put in under this key was an attempt's record. */
function record(value: Promise<Json>): Promise<AttemptRecord> {
  // The key names the type: only attempts are written under it.
  return value as Promise<unknown> as Promise<AttemptRecord>;
}

/** A version is as good as a key that is never forgotten: the first write that applies makes it another one. */
function isHarmless({ operation, version }: Effect, sinceFirstMs = 0): boolean {
  return version !== undefined || repeatIsHarmless(operation.idempotency, sinceFirstMs);
}

/** The target forgets keys after its retention: a repeat later than that could be a second effect. */
function mayBeForgotten({ ctx, effect, unclear }: Tries, firstSentAtMs: number): boolean {
  const maybeSent = unclear || ctx.interrupted();
  return maybeSent && !isHarmless(effect, ctx.sinceMs(firstSentAtMs) + callTakesMs(effect.operation));
}

function send(tries: Tries, n: number): Promise<CallResult | 'held'> {
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
    ...(effect.version?.isEtag && { ifMatch: effect.version.text }),
  });
}

/** The version that an answer gives, where its operation speaks of versions. */
function versionOf(
  { operation: { concurrency } }: Effect,
  { body, headers }: Extract<CallResult, { ok: true }>,
): { readonly version?: { readonly text: string; readonly isEtag: boolean } } {
  if (concurrency === undefined) return {};
  const isEtag = concurrency === 'etag';
  const found = isEtag ? headers['etag'] : atPointer(body, concurrency.field);
  if (typeof found !== 'string' && typeof found !== 'number') return {};
  return { version: { text: String(found), isEtag } };
}

/** The record of an attempt and its facts, from what the call gave. */
function outcomeOf(
  tries: Tries,
  n: number,
  startedAtMs: number,
  given: CallResult | 'held',
): Recorded<JsonObject> {
  const { ctx, effect } = tries;
  const refusal = given !== 'held' && given.ok ? effect.refuse?.(given.body, ctx.now()) : undefined;
  const result = refusal === undefined ? given : ({ ok: false, failure: refusal } as const);
  const step = effect.place;
  const isRead = effect.operation.effect === 'read';
  const kind = isRead ? 'attempt' : 'outcome';
  const operation = effect.operation.name;
  const firstSentAtMs = tries.firstSentAtMs ?? startedAtMs + ctx.passed() - ctx.now();
  const took = tookDetails(ctx.now() - startedAtMs);
  if (result === 'held')
    return {
      value: { outcome: 'held', unclear: tries.unclear, firstSentAtMs },
      facts: [{ kind, step, attempt: n, details: { outcome: 'held', operation } }],
    };
  const page = effect.page === undefined ? {} : { page: effect.page.nth };
  if (result.ok && effect.page !== undefined)
    return {
      value: { outcome: 'page', value: result.body, ...pageRead(tries, n, startedAtMs, effect.page, result) },
      facts: [
        {
          kind,
          step,
          attempt: n,
          details: { outcome: 'succeeded', operation, ...page, status: result.status, ...took },
        },
      ],
    };
  if (result.ok)
    return {
      value: { outcome: 'succeeded', value: result.body, startedAtMs, ...versionOf(effect, result) },
      numbered: true,
      facts: [
        {
          kind,
          step,
          attempt: n,
          details: { outcome: 'succeeded', operation, status: result.status, ...took },
        },
        doneFact(effect, n),
      ],
    };

  const { failure } = result;
  const refused = refusedOf(effect, result);
  const endedAtMs = ctx.now();
  if ('postponed' in result && result.postponed && effect.interruptible) {
    const nextAtMs = postponedUntil(ctx, failure);
    return {
      value: {
        outcome: 'postponed',
        failure: plain(failure),
        unclear: tries.unclear,
        firstSentAtMs,
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
          details: { outcome: 'postponed', operation, ...page, nextAtMs, ...failureDetails(failure) },
        },
      ],
    };
  }
  const spent = effect.page?.spent ?? { attempts: 0, ms: 0 };
  const judgement = judge({
    failure,
    effect: effect.operation.effect,
    idempotency: effect.version === undefined ? effect.operation.idempotency : { mode: 'natural' },
    retry: effect.retry,
    attemptsUsed: n - tries.budgetFrom + 1 + spent.attempts,
    budgetStartedAtMs: budgetStart(tries, startedAtMs) - spent.ms,
    firstSentAtMs: endedAtMs - ctx.sinceMs(firstSentAtMs),
    nowMs: endedAtMs,
    takesMs: callTakesMs(effect.operation),
    random: ctx.random(),
    unclearBefore: tries.unclear,
    hasProbe: effect.probe !== undefined,
    isTaken: refused !== undefined,
  });
  const isRefused = judgement.outcome === 'failed' && refused !== undefined;
  const outcome = isRefused ? 'refused' : judgement.outcome;
  const facts: Fact[] = [
    {
      kind,
      step,
      attempt: n,
      details: {
        outcome,
        operation,
        ...page,
        ...(refused !== undefined && { refusal: refused.code }),
        ...failureDetails(failure),
        ...took,
      },
    },
  ];
  if (isRefused) facts.push(refusedFact(effect, n, refused.code));
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
  const first = firstSentAtMs === startedAtMs ? {} : { firstSentAtMs };
  return {
    value: {
      ...judgement,
      outcome,
      ...(refused !== undefined && { refused }),
      failure: plain(failure),
      startedAtMs,
      endedAtMs,
      clockMs,
      ...first,
    },
    facts,
  };
}

/** So that an entry tells when its attempt began: of less than a second nothing is said, and nearly every attempt takes less. */
function tookDetails(tookMs: number): { readonly tookMs?: number } {
  return tookMs >= TOOK_MS_MIN ? { tookMs } : {};
}

const TOOK_MS_MIN = 1_000;

/** What succeeds costs nothing of the budget; what was tried before it does. */
function pageRead(
  tries: Tries,
  n: number,
  startedAtMs: number,
  { spent }: NonNullable<Effect['page']>,
  { headers }: Extract<CallResult, { readonly ok: true }>,
): PageRead {
  const { link } = headers;
  return {
    spent: {
      attempts: spent.attempts + n - tries.budgetFrom,
      ms: spent.ms + startedAtMs - budgetStart(tries, startedAtMs),
    },
    clockMs: startedAtMs - tries.ctx.deadlineAt(),
    ...(link !== undefined && { link }),
  };
}

/** The answer, where the step takes it as a value. */
function refusedOf(
  { refusals }: Effect,
  result: Extract<CallResult, { readonly ok: false }>,
): RefusedValue | undefined {
  const { refused } = result;
  if (refused === undefined || refusals?.includes(refused.code) !== true) return undefined;
  const { code, status, body } = refused;
  return { code, status, body };
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
