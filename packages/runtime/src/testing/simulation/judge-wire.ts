import type { Guarding } from './guarding.ts';
import { judgeBreaker } from './judge-breaker.ts';
import { judgeQuota } from './judge-quota.ts';
import { judgeRetryBudget } from './judge-retry-budget.ts';
import { GIVEN_UP_MS, type Wire, type WireCall, type WireEvent } from './wire.ts';

/**
 * What a connection declares is kept, by whichever pipelines use it and over restarts, and nothing is kept back without a ground: by the calls
 * that were seen before and behind its guard, and its policy. Shares nothing with the guards.
 */
export function judgeWire(
  { events, guarding: { policy }, violations, lateKeys }: Wire,
  /** The clock was set: what is kept over a restart is kept by it. */
  isClockSet: boolean,
): readonly string[] {
  const connections = new Set(events.flatMap((event) => ('call' in event ? [event.call.connection] : [])));
  return [
    ...violations,
    ...(isClockSet ? [] : lateKeys),
    ...[...connections].flatMap((connection) =>
      judgeConnection(ofConnection(events, connection), policy, isClockSet),
    ),
  ];
}

/** Each has a guard of its own: what is spent, open or held over one says nothing of the others. */
function ofConnection(events: readonly WireEvent[], connection: string): readonly WireEvent[] {
  return events.filter((event) => {
    if ('call' in event) return event.call.connection === connection;
    return event.is !== 'state' || event.connection === connection;
  });
}

function judgeConnection(
  events: readonly WireEvent[],
  { rateLimit, breaker, retryBudget, inFlightMax, timeoutMs }: Guarding['policy'],
  isClockSet: boolean,
): readonly string[] {
  return [
    ...judgeLines(events, timeoutMs),
    ...judgeAnswers(events, timeoutMs),
    ...judgeInFlight(events, inFlightMax),
    ...judgeHolds(events, inFlightMax, isClockSet),
    ...(rateLimit === undefined ? [] : judgeQuota(events, rateLimit, isClockSet)),
    ...(breaker === undefined ? [] : judgeBreaker(events, breaker, isClockSet)),
    ...(retryBudget === undefined ? [] : judgeRetryBudget(events, retryBudget, isClockSet)),
  ];
}

/** Nobody stands in a line for longer than its timeout. */
function judgeLines(events: readonly WireEvent[], timeoutMs: number): readonly string[] {
  return events.flatMap((event) => {
    if (event.is !== 'sent' && event.is !== 'told') return [];
    const { call } = event;
    if (event.is === 'told' && call.sentAtMs !== undefined) return [];
    const lineMs = event.atMs - call.askedAtMs;
    // Time is moved on by seconds while a stop waits, and who was not sent hears of it after that.
    return lineMs <= (event.is === 'sent' ? 1 : 2) * timeoutMs
      ? []
      : [`${call.request.operation.name} left the line of its connection after ${lineMs} ms`];
  });
}

/** Nobody waits for an answer for longer than its timeout, and what a transport may take besides. */
function judgeAnswers(events: readonly WireEvent[], timeoutMs: number): readonly string[] {
  return events.flatMap((event) => {
    if (event.is !== 'told' || event.call.sentAtMs === undefined) return [];
    const answerMs = event.atMs - event.call.sentAtMs;
    return answerMs <= 2 * timeoutMs + GIVEN_UP_MS
      ? []
      : [`${event.call.request.operation.name} was waited for over ${answerMs} ms`];
  });
}

function judgeInFlight(events: readonly WireEvent[], inFlightMax: number): readonly string[] {
  let inFlight = 0;
  const violations: string[] = [];
  let waiting = 0;
  /** Who gives up in the moment in which a place is free may be told before. */
  let freeAtMs = Number.NaN;
  for (const event of events) {
    if (event.is === 'killed' || event.is === 'stopped') inFlight = waiting = 0;
    if (event.is === 'asked') waiting++;
    if (event.is === 'told' && event.call.sentAtMs === undefined) {
      waiting--;
      if (codeOf(event) === 'CONNECTION_BUSY' && inFlight + waiting < inFlightMax && freeAtMs !== event.atMs)
        violations.push(`a call found no place, with ${inFlight} in flight and ${waiting} in lines`);
    }
    if (event.is === 'sent') {
      waiting--;
      if (++inFlight > inFlightMax)
        violations.push(`${inFlight} calls were in flight over a connection that takes ${inFlightMax}`);
    }
    const isFree = event.is === 'ended' || (event.is === 'told' && event.call.sentAtMs === undefined);
    if (event.is === 'ended') inFlight--;
    if (isFree) freeAtMs = event.atMs;
  }
  return violations;
}

/** Who asks to be left alone is, by every call. */
export function judgeHolds(
  events: readonly WireEvent[],
  inFlightMax: number,
  isClockSet: boolean,
): readonly string[] {
  let holds: Hold[] = [];
  /** Asked for in an answer of which the guard may not have heard yet. */
  let coming: Hold[] = [];
  let inFlight = 0;
  const violations: string[] = [];
  for (const event of events) {
    const { atMs } = event;
    if (event.is === 'killed' || event.is === 'stopped') {
      inFlight = 0;
      coming = [];
    }
    if (event.is === 'killed') holds = holds.filter(({ sinceMs }) => sinceMs < event.knownUntilMs);
    if (isClockSet && (event.is === 'killed' || event.is === 'stopped')) holds = [];
    if (event.is === 'ended') {
      inFlight--;
      const { result } = event.call;
      const retryAfterMs = result?.ok === false ? (result.failure.retryAfterMs ?? 0) : 0;
      if (retryAfterMs > 0) coming.push({ call: event.call, sinceMs: atMs, untilMs: atMs + retryAfterMs });
    }
    if (event.is === 'sent') inFlight++;
    // By then its guard has heard of it: it has told of the answer, or has given the place of that call to another one.
    const isHeard = ({ call }: Hold): boolean =>
      (event.is === 'told' && event.call === call) || (event.is === 'sent' && inFlight === inFlightMax);
    holds.push(...coming.filter(isHeard));
    coming = coming.filter((one) => !isHeard(one));
    if (event.is === 'sent' && holds.some(({ untilMs }) => atMs < untilMs))
      violations.push(
        `${event.call.request.operation.name} was sent though the other side had asked to be left alone`,
      );
  }
  return violations;
}

interface Hold {
  readonly call: WireCall;
  readonly sinceMs: number;
  readonly untilMs: number;
}

/** Of what the guard told. */
export function codeOf(event: WireEvent): string | undefined {
  if (event.is !== 'told' || event.call.told === undefined || event.call.told.ok) return undefined;
  return event.call.told.failure.code;
}
