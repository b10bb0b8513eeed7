import type { Failure } from '@tenon/model';
import { type Behaviour, drifted, failure, refused, tooMany, unavailable } from '../bench.ts';
import type { Happening } from './coverage.ts';

const lost: Failure = failure('timeout', 'HTTP_RESPONSE_TIMEOUT', 'lost');
const notSent: Failure = failure('transient', 'HTTP_CONNECT_REFUSED', 'notSent');
const badGateway: Failure = failure('transient', 'HTTP_RESPONSE_STATUS', 'answered', { status: 502 });
/** The connection ends in the midst of the body. */
const truncated: Failure = failure('transient', 'HTTP_CONNECTION_FAILED', 'lost');
const OPEN_CODE = 'BREAKER_OPEN';
/** What a call is told that its connection does not take yet. */
export const PUT_OFF: ReadonlySet<unknown> = new Set([
  OPEN_CODE,
  'CONNECTION_BREAKER_OPEN',
  'CONNECTION_QUOTA_SPENT',
  'CONNECTION_RETRIES_SPENT',
  'CONNECTION_BUSY',
]);
/** Said by the connection's guard, before anything is sent. */
const open: Failure = { ...failure('transient', OPEN_CODE, 'notSent'), retryAfterMs: 4_000 };
const malformed: Failure = failure('contract', 'HTTP_RESPONSE_MALFORMED', 'answered', { status: 200 });
const unauthorized: Failure = failure('auth', 'HTTP_RESPONSE_STATUS', 'answered', { status: 401 });

/** What a replica that lags behind answers: below what fresh reads take. */
export const OLD = { id: 'r1', amount: 9 };

export interface Fault {
  readonly is: Happening;
  readonly does: Behaviour;
}

/** Nothing is taken by the connection. */
export const OPEN: Fault = { is: 'breaker open', does: { postpone: open } };

/** What a target may answer but what was asked for; some are there more than once, as they come more often. */
export const FAULTS: readonly Fault[] = [
  { is: 'unavailable (503)', does: { fail: unavailable } },
  { is: 'refused (422)', does: { fail: refused } },
  { is: 'refused (422)', does: { fail: refused } },
  { is: 'timeout before the effect', does: { fail: lost } },
  { is: 'not sent', does: { fail: notSent } },
  { is: 'gateway error before the effect (502)', does: { fail: badGateway } },
  { is: 'asked to wait (429)', does: { fail: tooMany } },
  { is: 'timeout after the effect', does: { loseAnswer: lost } },
  { is: 'timeout after the effect', does: { loseAnswer: lost } },
  { is: 'gateway error after the effect (502)', does: { loseAnswer: badGateway } },
  { is: 'schema drift', does: { loseAnswer: drifted } },
  { is: 'malformed body', does: { loseAnswer: malformed } },
  { is: 'truncated body', does: { loseAnswer: truncated } },
  { is: 'token renewed (401)', does: { renew: true } },
  OPEN,
  { is: 'credentials refused (401)', does: { fail: unauthorized } },
];

/** Longer than the runtime lets any call be under way. */
const TOO_LATE_MS = 60_000;
const SLOW_MS = 9_000;
/** A connection's guard lets a call wait for the operation's timeout, and no longer. */
const LINE_MS = 4_500;

/** So that it is still answered in time. */
const WAY_MS = 4_500;

/** Connections that are there and give nothing, or little: in some simulations only, as time passes in them. */
export const STALLS: readonly Fault[] = [
  { is: 'half-open before the effect', does: { never: 'before' } },
  { is: 'half-open before the effect', does: { never: 'before' } },
  { is: 'half-open after the effect', does: { never: 'after' } },
  { is: 'half-open after the effect', does: { never: 'after' } },
  { is: 'slow answer', does: { lateMs: SLOW_MS } },
  { is: 'line before a call', does: { queuedMs: LINE_MS } },
  { is: 'line before a call that is too long', does: { queuedMs: TOO_LATE_MS } },
  { is: 'slow-loris', does: { lateMs: TOO_LATE_MS } },
];

/** Where the real guards stand between: a breaker that opens and a line are theirs, and no faults. */
export function behindGuards(faults: readonly Fault[]): readonly Fault[] {
  const own = faults.filter(({ does }) => !('postpone' in does || 'queuedMs' in does));
  return [...own, { is: 'long on its way', does: { travelsMs: WAY_MS } }];
}

/** Trouble, so that a breaker opens, and answers that take their time, so that its probes do. */
export const PROBED: readonly Fault[] = [
  ...[...STALLS, ...STALLS].filter(({ does }) => !('queuedMs' in does)),
  ...FAULTS.filter(({ is }) => is === 'unavailable (503)' || is === 'timeout after the effect'),
];

/** Mostly answers that are lost, so that much is sent again. */
export const LOST_ANSWERS: readonly Fault[] = [
  ...FAULTS.filter(
    ({ does }) => 'loseAnswer' in does && does.loseAnswer !== drifted && does.loseAnswer !== malformed,
  ),
  { is: 'unavailable (503)', does: { fail: unavailable } },
  { is: 'timeout before the effect', does: { fail: lost } },
];

/** Mostly answers that are lost, and slow ones, so that whoever stands in line stands there for long. */
export const LONG_LINES: readonly Fault[] = [
  ...STALLS.filter(({ does }) => 'never' in does),
  ...[3_000, 4_000, 4_500].map((lateMs): Fault => ({ is: 'slow answer', does: { lateMs } })),
  { is: 'timeout after the effect', does: { loseAnswer: lost } },
  // Who stands in line then is to hear of it.
  { is: 'asked to wait (429)', does: { fail: tooMany } },
];

/** Mostly slow, and it works: what waits for a place is told by nothing but the end of the one before. */
export const SLOWNESS: readonly Fault[] = [
  ...[1_000, 2_000, 3_000, 5_000, 8_000, 11_000].flatMap((lateMs): readonly Fault[] => {
    const fault: Fault = { is: 'slow answer', does: { lateMs } };
    return [fault, fault];
  }),
  ...STALLS,
  ...STALLS.filter(({ does }) => 'never' in does && does.never === 'after'),
];

/** Nothing has happened, and it may be tried again: for as long as it is let. */
export const BUSYNESS: readonly Fault[] = FAULTS.filter(
  ({ does }) => 'fail' in does && [unavailable, notSent, badGateway].includes(does.fail),
);

/** Mostly refused, or to be tried again: lists stop in the midst, and go on where they were. */
export const REFUSALS: readonly Fault[] = [
  ...FAULTS,
  ...FAULTS.filter(({ is }) => is === 'refused (422)' || is === 'unavailable (503)').flatMap((each) => [
    each,
    each,
    each,
  ]),
];
