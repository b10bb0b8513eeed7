import type { OperationDefaults } from '@tenon/connector';
import { codeOf } from './judge-wire.ts';
import type { WireCall, WireEvent } from './wire.ts';

/** Retries of all runs are no more than a share of the calls of two windows, or a few; and none is kept back before there are so many. */
export function judgeRetryBudget(
  events: readonly WireEvent[],
  { share, windowMs, minimum }: NonNullable<OperationDefaults['retryBudget']>,
  isClockSet: boolean,
): readonly string[] {
  const violations: string[] = [];
  const asked: WireCall[] = [];
  /** Retries that were sent, or are in a line, and that are not forgotten. */
  let retries: WireCall[] = [];
  let known: WireCall[] = [];
  /** Retries that stood in a line when a process may last have stored what it knew; it died before that they were not sent was stored. */
  const leftOver: WireCall[] = [];
  /** When the process that is up asked for its first call: its guard began then. */
  let begunAtMs: number | undefined;
  for (const event of events) {
    if (event.is === 'killed' || event.is === 'stopped') {
      const knownUntilMs = event.is === 'killed' ? event.knownUntilMs : event.atMs;
      // Windows are kept over a restart by the wall clock.
      known = isClockSet ? [] : known.filter(({ askedAtMs }) => askedAtMs < knownUntilMs);
      if (event.is === 'killed')
        leftOver.push(
          ...retries.filter(
            ({ askedAtMs, sentAtMs, toldAtMs }) =>
              sentAtMs === undefined && toldAtMs !== askedAtMs && (toldAtMs ?? event.atMs) >= knownUntilMs,
          ),
        );
      retries = retries.filter(({ sentAtMs }) => sentAtMs !== undefined);
      begunAtMs = undefined;
    }
    if (event.is === 'asked') {
      begunAtMs ??= event.atMs;
      asked.push(event.call);
      if (event.call.request.isRetry === true) retries.push(event.call);
    }
    if (event.is === 'sent' && event.call.request.isRetry === true) {
      const { askedAtMs } = event.call;
      const isBefore = (one: WireCall, spanMs: number): boolean =>
        one.askedAtMs <= askedAtMs && one.askedAtMs > askedAtMs - spanMs;
      const before = known.filter((one) => isBefore(one, windowMs)).length;
      const calls = asked.filter((one) => isBefore(one, 2 * windowMs)).length;
      if (before >= Math.max(minimum, share * calls))
        violations.push(`${before + 1} retries were sent among ${calls} calls`);
      known.push(event.call);
    }
    if (event.is !== 'told' || event.call.sentAtMs !== undefined) continue;
    if (codeOf(event) !== 'CONNECTION_RETRIES_SPENT') continue;
    // Kept over a restart by a clock that was set back, what was made before counts as made just then.
    const isCarried = isClockSet && event.atMs < (begunAtMs ?? event.atMs) + 2 * windowMs;
    const sinceMs = isCarried ? Number.NEGATIVE_INFINITY : event.atMs - 2 * windowMs;
    const made = [
      ...retries.filter((one) => one !== event.call && !hasLeft(one, event.atMs)),
      ...leftOver,
    ].filter(({ askedAtMs }) => askedAtMs > sinceMs).length;
    if (made < minimum)
      violations.push(`a retry was kept back when ${made} were made, of at least ${minimum}`);
  }
  return violations;
}

/** It was not sent, and who asks now cannot have met it in a line. */
function hasLeft({ sentAtMs, toldAtMs }: WireCall, atMs: number): boolean {
  return sentAtMs === undefined && toldAtMs !== undefined && toldAtMs < atMs;
}
