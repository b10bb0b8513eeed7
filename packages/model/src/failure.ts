/**
 * Failure classes. `retry` is the default policy of the class: `never` makes exactly one attempt (C53); `budget` is
 * retried within the step's budget, where a repeat is harmless or the effect is known not to have happened.
 */
export const failureClasses = {
  timeout: { retry: 'budget', meaning: 'no answer within the deadline' },
  transient: {
    retry: 'budget',
    meaning: 'the other side is in trouble and says so (5xx), or the connection failed',
  },
  rateLimited: { retry: 'budget', meaning: 'told to slow down (429, or a quota header)' },
  stale: {
    retry: 'budget',
    meaning: 'the answer is older, or of an earlier version, than the step takes (`fresh`)',
  },
  auth: { retry: 'never', meaning: 'credentials refused (401) after one refresh' },
  permission: { retry: 'never', meaning: 'credentials good, not allowed (403), or outside the grant' },
  validation: { retry: 'never', meaning: 'the request was refused as malformed or unacceptable' },
  conflict: { retry: 'never', meaning: 'the version written against is no longer current (409, 412)' },
  duplicate: { retry: 'never', meaning: 'the thing to create exists already' },
  notFound: { retry: 'never', meaning: 'the thing named does not exist (404, 410)' },
  contract: { retry: 'never', meaning: 'the answer violates its contract' },
  permanent: { retry: 'never', meaning: 'refused for good' },
  unknown: { retry: 'never', meaning: 'an answer that no rule maps; counted' },
} as const satisfies Record<string, { retry: 'budget' | 'never'; meaning: string }>;

export type FailureClass = keyof typeof failureClasses;

export function isFailureClass(name: string): name is FailureClass {
  return Object.hasOwn(failureClasses, name);
}

/**
 * What is known of a request's fate: `notSent`, no byte of it left; `lost`, it may have arrived and no (whole) answer
 * came, so its effect is unknown; `answered`, the other side answered.
 */
export type Delivery = 'notSent' | 'lost' | 'answered';

/** A failed call, as a value. Holds no secret and no personal datum: `message` is made by us, never copied from a body. */
export interface Failure {
  readonly class: FailureClass;
  /** `AREA_SUBJECT_CONDITION`, for example `HTTP_RESPONSE_STATUS`. */
  readonly code: string;
  readonly message: string;
  readonly delivery: Delivery;
  readonly status?: number;
  /** How long the other side asked to be left alone. */
  readonly retryAfterMs?: number;
  /** The field at fault, as a JSON Pointer into the request or response. */
  readonly pointer?: string;
}

/** What is known of an attempt in the end. `unknown` is never folded into the others. */
export type Outcome = 'succeeded' | 'failed' | 'retryable' | 'unknown';

/** A problem and the class that a call over the same would fail with, as a person reads it. */
export function withClass(problem: string, failureClass: FailureClass | undefined): string {
  return failureClass === undefined ? problem : `${problem} (class ${failureClass})`;
}
