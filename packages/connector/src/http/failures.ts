import type { Delivery, Failure, FailureClass } from '@tenon/model';
import type { SchemaIssue } from '@tenon/schema';
import { AuthenticationError } from '../auth/authentication-error.ts';
import type { ConnectorFailureCode } from '../failure-codes.ts';
import type { OperationPlan } from '../operation-plan.ts';
import type { Exchange } from './exchange.ts';
import { BodyError } from './outgoing-body.ts';

/** A request that cannot be made as it stands. Nothing was sent. */
export function requestFailure(code: ConnectorFailureCode, message: string, pointer?: string): Failure {
  return {
    class: 'validation',
    code,
    message,
    delivery: 'notSent',
    ...(pointer !== undefined && { pointer }),
  };
}

/** A connection that may not or cannot be used as configured. Nothing was sent. */
export function refusedFailure(failureClass: FailureClass, code: string, message: string): Failure {
  return { class: failureClass, code, message, delivery: 'notSent' };
}

/**
 * A request without a whole answer. Once it has started its effect is unknown (`lost`); before, nothing happened.
 * `cause` says whose doing the end was.
 */
export function brokenFailure(
  name: string,
  broken: Extract<Exchange, { kind: 'broken' }>,
  cause: keyof typeof BROKEN,
): Failure {
  const delivery: Delivery = broken.started ? 'lost' : 'notSent';
  const fate = broken.started ? 'its effect is unknown' : 'nothing was sent';
  const {
    class: failureClass,
    code,
    what,
  } = cause === 'connection' && broken.code === 'HTTP_ADDRESS_FORBIDDEN' ? FORBIDDEN : BROKEN[cause];
  const detail = cause === 'connection' ? ` (${broken.code})` : '';
  return {
    class: failureClass,
    code,
    message: `${name}: ${what}${detail}; ${fate}`,
    delivery,
    ...(broken.status !== undefined && { status: broken.status }),
  };
}

const BROKEN = {
  deadline: { class: 'timeout', code: 'HTTP_CALL_TIMEOUT', what: 'no whole answer within the deadline' },
  cancelled: { class: 'timeout', code: 'HTTP_CALL_CANCELLED', what: 'the call was cancelled' },
  connection: { class: 'transient', code: 'HTTP_CONNECTION_FAILED', what: 'the connection failed' },
  stalled: {
    class: 'timeout',
    code: 'HTTP_STREAM_STALLED',
    what: 'the other side moved no byte for too long',
  },
  source: { class: 'permanent', code: 'HTTP_BODY_SOURCE_FAILED', what: 'the source of the body failed' },
  length: {
    class: 'permanent',
    code: 'HTTP_BODY_SOURCE_FAILED',
    what: 'the source of the body gave another number of bytes than it had announced',
  },
  tooLarge: { class: 'validation', code: 'HTTP_REQUEST_TOO_LARGE', what: 'the body is larger than is sent' },
} as const;

const FORBIDDEN = {
  class: 'permission',
  code: 'HTTP_ADDRESS_FORBIDDEN',
  what: 'the host leads to an address that a connection may not reach',
} as const;

/** The source of a body has failed, or gave too much, before anything was sent. */
export function unsent({ name }: OperationPlan, error: unknown): Failure {
  return error instanceof BodyError && error.fault === 'tooLarge'
    ? requestFailure('HTTP_REQUEST_TOO_LARGE', `${name}: the body is larger than is sent`)
    : refusedFailure(
        'permanent',
        'HTTP_BODY_SOURCE_FAILED',
        `${name}: the source of the body failed; nothing was sent`,
      );
}

export function unreceived({ name }: OperationPlan, status: number): Failure {
  return {
    class: 'permanent',
    code: 'HTTP_RECEIVER_FAILED' satisfies ConnectorFailureCode,
    message: `${name} answered ${status}, and what takes its body failed or ended before it`,
    delivery: 'answered',
    status,
  };
}

export function authFailure(operation: OperationPlan, error: unknown): Failure {
  if (!(error instanceof AuthenticationError))
    return refusedFailure('auth', 'AUTH_FAILED', `${operation.name}: the credentials could not be made`);
  return refusedFailure(
    error.retryable ? 'transient' : 'auth',
    error.code,
    `${operation.name}: ${error.message}`,
  );
}

export function certificateRefused({ name }: OperationPlan): Failure {
  return refusedFailure(
    'auth',
    'AUTH_CERTIFICATE_REFUSED',
    `${name}: the other side refused the client certificate; it took nothing`,
  );
}

export function invalidRequest(operation: OperationPlan, issue: SchemaIssue): Failure {
  return requestFailure(
    'HTTP_REQUEST_INVALID',
    `${operation.name}: ${placeOf(issue)} ${issue.message}`,
    issue.pointer,
  );
}

export function placeOf(issue: SchemaIssue): string {
  return issue.pointer === '' ? 'the whole' : issue.pointer;
}

/** The other side answered, and not as it promised: class `contract`, never retried, no value of the answer in it (C17). */
export function violated(
  operation: OperationPlan,
  status: number,
  what: { readonly code: ConnectorFailureCode; readonly says: string },
): Failure {
  return {
    class: 'contract',
    code: what.code,
    message: `${operation.name} answered ${status}, and ${what.says}`,
    delivery: 'answered',
    status,
  };
}
