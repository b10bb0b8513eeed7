import type { OperationDefaults } from '@tenon/connector';
import { codeOf } from './judge-wire.ts';
import type { WireEvent } from './wire.ts';

/** One way in which what was sent may have been counted: which of it was on record as a process died is not seen from outside. */
interface Counting {
  readonly startedAtMs: number;
  /** Calls that a process before this one has read from its file: they are on record, whatever becomes of this one. */
  readonly stored: number;
  /** Those of this process. */
  readonly sentAtMs: readonly number[];
}

/** In each window, which begins with its first call, no more calls than declared; and none is kept back while there is room. */
export function judgeQuota(
  events: readonly WireEvent[],
  { quota, windowMs }: NonNullable<OperationDefaults['rateLimit']>,
  isClockSet: boolean,
): readonly string[] {
  const violations: string[] = [];
  let ways: readonly Counting[] = [NOTHING];
  /** Asked for, and neither sent nor kept back. */
  let waiting = 0;
  let heldUntilMs = 0;
  /** Those that left their line unsent at one moment: who asks at that moment may have met them. */
  let left = { atMs: Number.NaN, calls: 0 };
  for (const event of events) {
    const { atMs } = event;
    if (event.is === 'killed' || event.is === 'stopped') {
      // A window is kept over a restart by the wall clock: set meanwhile, it is longer or shorter, and nobody knows which.
      if (isClockSet) return violations;
      // What is read from the file counts by its number alone, so few ways are left, however many there were.
      if (event.is === 'killed') ways = distinct(ways.flatMap((way) => remembered(way, event.knownUntilMs)));
      waiting = 0;
    }
    if (event.is === 'asked') waiting++;
    if (event.is === 'ended' && event.call.result?.ok === false)
      heldUntilMs = Math.max(heldUntilMs, atMs + (event.call.result.failure.retryAfterMs ?? 0));
    if (event.is === 'sent') {
      waiting--;
      const counted = ways.map((way) => withOne(way, atMs, windowMs));
      ways = counted.filter((way) => countOf(way) <= quota);
      if (ways.length > 0) continue;
      violations.push(`more calls than ${quota} were sent in ${windowMs} ms`);
      ways = [NOTHING];
    }
    if (event.is === 'told' && event.call.sentAtMs === undefined) {
      waiting--;
      left = { atMs, calls: left.atMs === atMs ? left.calls + 1 : 1 };
      if (codeOf(event) !== 'CONNECTION_QUOTA_SPENT' || isClockSet || heldUntilMs > atMs) continue;
      const isSpent = ways.some((way) => sentIn(way, atMs, windowMs) + waiting + left.calls > quota);
      if (!isSpent) violations.push('a call was kept back by a quota that was not spent');
    }
  }
  return violations;
}

const NOTHING: Counting = { startedAtMs: Number.NEGATIVE_INFINITY, stored: 0, sentAtMs: [] };

function countOf({ stored, sentAtMs }: Counting): number {
  return stored + sentAtMs.length;
}

function withOne(way: Counting, atMs: number, windowMs: number): Counting {
  return atMs >= way.startedAtMs + windowMs
    ? { startedAtMs: atMs, stored: 0, sentAtMs: [atMs] }
    : { ...way, sentAtMs: [...way.sentAtMs, atMs] };
}

function sentIn(way: Counting, atMs: number, windowMs: number): number {
  return atMs >= way.startedAtMs + windowMs ? 0 : countOf(way);
}

/** All that was known by then is remembered, and of what came after as much as was stored. */
function remembered({ startedAtMs, stored, sentAtMs }: Counting, knownUntilMs: number): readonly Counting[] {
  const known = stored + sentAtMs.filter((atMs) => atMs < knownUntilMs).length;
  return Array.from({ length: stored + sentAtMs.length - known + 1 }, (_, more) =>
    known + more === 0 ? NOTHING : { startedAtMs, stored: known + more, sentAtMs: [] },
  );
}

/** Each way once: else as many as there are after one death would be multiplied at the next. */
function distinct(ways: readonly Counting[]): readonly Counting[] {
  return [...new Map(ways.map((way) => [`${way.startedAtMs} ${way.stored}`, way])).values()];
}
