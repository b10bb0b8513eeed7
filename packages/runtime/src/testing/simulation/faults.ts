import type { Failure } from '@tenon/model';
import { drifted, failure, refused, tooMany, unavailable } from '../bench.ts';

const lost: Failure = failure('timeout', 'HTTP_RESPONSE_TIMEOUT', 'lost');
const notSent: Failure = failure('transient', 'HTTP_CONNECT_REFUSED', 'notSent');
const badGateway: Failure = failure('transient', 'HTTP_RESPONSE_STATUS', 'answered', { status: 502 });

/** What a replica that lags behind answers: below what fresh reads take. */
export const OLD = { id: 'r1', amount: 9 };

/** What a target may answer but what was asked for. */
export const FAULTS = [
  { fail: unavailable },
  { fail: refused },
  { fail: refused },
  { fail: lost },
  { fail: notSent },
  { fail: badGateway },
  { fail: tooMany },
  { loseAnswer: lost },
  { loseAnswer: lost },
  { loseAnswer: badGateway },
  { loseAnswer: drifted },
] as const;
