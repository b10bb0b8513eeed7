import { type CompiledExpression, compileExpression } from '@tenon/expression';
import type { Clock, Delivery, Failure, FailureClass, Json } from '@tenon/model';
import type { ConnectorFailureCode } from '../failure-codes.ts';
import type { FailureRule } from '../manifest.ts';
import type { OperationPlan } from '../operation-plan.ts';
import { refusalOfClass } from '../refusals.ts';
import type { AnswerClassifier } from '../transport.ts';
import { retryAfterMs } from './retry-after.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Decoded as far as it could be; null otherwise. */
  readonly body: Json;
}

export interface Verdict {
  readonly failure: Failure;
  readonly action?: FailureRule['action'];
  /** The name by which a step may take the answer as a value; absent: it is none to be taken so. */
  readonly refusal?: string;
}

/**
 * What an answer means: the operation's rules first, then the built-in table; `undefined` is success. A rule may turn
 * a 2xx into a failure, for services that say `ok: false` with status 200.
 */
export function classify(
  operation: OperationPlan,
  answer: Answer,
  clock: Clock,
  own?: AnswerClassifier,
): Verdict | undefined {
  const rule =
    operation.failures.find((candidate) => ruleMatches(candidate, answer)) ??
    ownRule(own?.({ operation: operation.operation, ...answer }));
  if (rule === undefined && answer.status >= 200 && answer.status < 300) return undefined;
  const meaning =
    BUILT_IN[String(answer.status)] ?? BUILT_IN[`${Math.floor(answer.status / 100)}xx`] ?? NO_STATUS;
  const wait = retryAfterMs(answer.headers, clock);
  const failureClass = rule?.class ?? meaning.class;
  const delivery = meaning.delivery ?? 'answered';
  // Sent once more only where nobody was let in: anything else may have taken effect.
  const says = [rule?.says, meaning.says].filter((text) => text !== undefined).join('; ');
  const mayRepeat = failureClass === 'auth' && delivery === 'answered';
  const action = mayRepeat ? (rule ?? meaning).action : undefined;
  const refusal = delivery === 'answered' ? (rule?.refusal ?? refusalOfClass(failureClass)) : undefined;
  return {
    failure: {
      class: failureClass,
      code: meaning.code ?? 'HTTP_RESPONSE_STATUS',
      message: `${operation.name} answered ${answer.status}${says === '' ? '' : `: ${says}`}`,
      delivery,
      status: answer.status,
      ...(wait !== undefined && { retryAfterMs: wait }),
    },
    ...(action !== undefined && { action }),
    ...(refusal !== undefined && { refusal }),
  };
}

/** What the connector's own code says, as if a rule had said it. */
function ownRule(
  failureClass: FailureClass | undefined,
): Pick<FailureRule, 'class' | 'says' | 'action' | 'refusal'> | undefined {
  return failureClass === undefined ? undefined : { class: failureClass };
}

interface Meaning {
  readonly class: FailureClass;
  readonly code?: ConnectorFailureCode;
  readonly says?: string;
  readonly delivery?: Delivery;
  readonly action?: 'refreshOnce';
}

/**
 * RFC 9110 §15 and RFC 6585, read for what they say of a retry. A gateway's 502 and 504 mean that the request may
 * have reached the service behind it and no answer came back: the effect is as unknown as after a dropped connection.
 */
const BUILT_IN: Readonly<Record<string, Meaning>> = {
  '1xx': { class: 'unknown' },
  '2xx': { class: 'unknown' },
  '3xx': { class: 'permanent', code: 'HTTP_REDIRECT_REFUSED', says: 'redirects are not followed' },
  '303': {
    class: 'permanent',
    code: 'HTTP_REDIRECT_REFUSED',
    delivery: 'lost',
    says: 'it may have done what was asked, and names another place for the result; redirects are not followed',
  },
  '400': { class: 'validation' },
  '401': { class: 'auth', action: 'refreshOnce' },
  '403': { class: 'permission' },
  '404': { class: 'notFound' },
  '408': { class: 'transient', says: 'it did not receive the whole request' },
  '409': { class: 'conflict' },
  '410': { class: 'notFound' },
  '412': { class: 'conflict' },
  '413': { class: 'validation' },
  '414': { class: 'validation' },
  '415': { class: 'validation' },
  '422': { class: 'validation' },
  '423': { class: 'transient', says: 'locked' },
  '425': { class: 'transient', says: 'too early' },
  '428': { class: 'conflict', says: 'it wants the version written against (If-Match)' },
  '429': { class: 'rateLimited' },
  '431': { class: 'validation' },
  '451': { class: 'permission' },
  '402': { class: 'permanent' },
  '405': { class: 'permanent' },
  '406': { class: 'permanent' },
  '501': { class: 'permanent' },
  '505': { class: 'permanent' },
  '502': {
    class: 'transient',
    delivery: 'lost',
    says: 'the gateway got no valid answer; the effect is unknown',
  },
  '504': {
    class: 'transient',
    delivery: 'lost',
    says: 'the gateway got no answer in time; the effect is unknown',
  },
  '4xx': { class: 'unknown', says: 'no rule maps this status' },
  '5xx': { class: 'transient' },
};

/** RFC 9110 §15: outside 100 to 599 there is no status; it is taken as a 5xx of whoever stands in between. */
const NO_STATUS: Meaning = {
  class: 'transient',
  delivery: 'lost',
  says: 'that is no HTTP status; the effect is unknown',
};

function ruleMatches(rule: FailureRule, answer: Answer): boolean {
  return (
    statusMatches(rule.status, answer.status) &&
    (rule.when === undefined || conditionHolds(rule.when, answer))
  );
}

/** `default` means any status that is not a success. */
function statusMatches(pattern: string, status: number): boolean {
  if (pattern === 'default') return status < 200 || status >= 300;
  if (pattern.toLowerCase().endsWith('xx')) return pattern[0] === String(status)[0];
  return pattern === String(status);
}

const conditions = new Map<string, CompiledExpression>();

/** A condition that cannot be evaluated (the body has no such member) does not hold. */
function conditionHolds(source: string, answer: Answer): boolean {
  let compiled = conditions.get(source);
  if (compiled === undefined) {
    compiled = compileExpression(source);
    conditions.set(source, compiled);
  }
  const result = compiled.evaluate({ status: answer.status, headers: answer.headers, body: answer.body });
  return result.ok && result.value === true;
}
