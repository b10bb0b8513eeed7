import { sendsKey } from '@tenon/connector';
import type { Failure, JsonObject } from '@tenon/model';
import type { Fact } from '../engine.ts';
import { saltedDigest } from './salted-digest.ts';
import type { Effect, Tries, Version } from './tries.ts';

export function intentFact(tries: Tries, n: number): Fact {
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
      ...(sendsKey(effect.operation) && { idempotencyKey: key }),
      request: saltedDigest(ctx.run.salt, effect.input),
      ...(effect.version !== undefined && { version: versionText(effect.version) }),
    },
  };
}

/** A version as it is shown: it comes from outside, so no more of it than a version can need. */
export function versionText({ text }: Version): string {
  return text.length <= VERSION_LENGTH_MAX ? text : `${text.slice(0, VERSION_LENGTH_MAX)}…`;
}

const VERSION_LENGTH_MAX = 100;

export function doneFact(effect: Effect, n: number): Fact {
  // What looks before an undoing undoes nothing yet.
  const isUndoing = !effect.interruptible && effect.operation.effect !== 'read';
  const kind = isUndoing ? 'compensation' : 'stepDone';
  return {
    kind,
    step: effect.place,
    attempt: n,
    details: { operation: effect.operation.name, attempts: n },
  };
}

/** The step is done, and its effect is not: the other side said no, and the step takes that as a value. */
export function refusedFact(effect: Effect, n: number, refusal: string): Fact {
  return {
    kind: 'stepDone',
    step: effect.place,
    attempt: n,
    details: { operation: effect.operation.name, attempts: n, refusal },
  };
}

export function probeFact(
  effect: Effect,
  n: number,
  answer: {
    readonly found: string;
    readonly failure?: Failure;
    readonly differs?: readonly string[];
    readonly nextAtMs?: number;
  },
  mark: '?' | '^',
): Fact {
  return {
    kind: 'probe',
    step: effect.place,
    attempt: n,
    details: {
      found: answer.found,
      purpose: mark === '^' ? 'check before sending' : 'settle an unknown outcome',
      ...(answer.differs && { differs: answer.differs }),
      ...(answer.nextAtMs !== undefined && { nextAtMs: answer.nextAtMs }),
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

export function plain(failure: Failure): JsonObject {
  return failureDetails(failure);
}
