import type { CallResult, OperationDefaults } from '@tenon/connector';
import { codeOf } from './judge-wire.ts';
import type { WireCall, WireEvent } from './wire.ts';

type Declared = NonNullable<OperationDefaults['breaker']>;

interface Ended {
  readonly atMs: number;
  readonly isTrouble: boolean;
}

/** From one state to the next; `unknown`: a process has come up, and has told of none. */
interface Round {
  readonly state: 'closed' | 'open' | 'halfOpen' | 'unknown';
  readonly sinceMs: number;
  readonly sent: Set<WireCall>;
  /** Of what was sent in it: what came to an end that says something of the other side. */
  readonly ended: Ended[];
  /** Those of them that its guard has counted for sure. */
  readonly counted: Ended[];
  /** Calls whose end says nothing: they are no probes. */
  neutral: number;
}

/** How much of its window a breaker looks at, at least: the rest leaves it in parts. */
const SEEN = 0.9;

/**
 * An open breaker lets nothing through for as long as declared, over restarts; half open, so many probes; it closes where these went well, and opens for
 * so large a share of so many calls, and for nothing less. Its word on its state is held against what was sent and what came of it.
 */
export function judgeBreaker(
  events: readonly WireEvent[],
  declared: Declared,
  isClockSet: boolean,
): readonly string[] {
  const violations: string[] = [];
  let round = begun('closed', Number.NEGATIVE_INFINITY);
  /** When the breaker opened that may not be forgotten: it was told of in time. */
  let keptOpenSinceMs: number | undefined;
  for (const event of events) {
    const { atMs } = event;
    switch (event.is) {
      case 'killed':
      case 'stopped': {
        const wasOpen =
          round.state === 'open' && (event.is === 'stopped' || round.sinceMs < event.knownUntilMs);
        keptOpenSinceMs = wasOpen && !isClockSet ? round.sinceMs : undefined;
        round = begun('unknown', atMs);
        break;
      }
      case 'state':
        violations.push(...misled(round, event.state, atMs, declared, keptOpenSinceMs));
        keptOpenSinceMs = undefined;
        round = begun(event.state, atMs);
        break;
      case 'sent': {
        const isKept = keptOpenSinceMs !== undefined && atMs < keptOpenSinceMs + declared.openForMs;
        if (round.state === 'open') violations.push('a call was sent while its breaker was open');
        if (isKept)
          violations.push('a call was sent while its breaker was to be open since before a restart');
        round.sent.add(event.call);
        if (round.state === 'halfOpen' && round.sent.size - round.neutral > declared.probes)
          violations.push(`more calls than ${declared.probes} were sent while a breaker was half open`);
        break;
      }
      case 'ended': {
        if (!round.sent.has(event.call)) break;
        const isTrouble = troubleIn(event.call.result!);
        if (isTrouble === undefined) round.neutral++;
        else round.ended.push({ atMs, isTrouble });
        break;
      }
      case 'told':
        if (
          codeOf(event) === 'CONNECTION_BREAKER_OPEN' &&
          round.state === 'closed' &&
          round.sinceMs < event.call.askedAtMs
        )
          violations.push('a call was kept back by a breaker that was closed');
        if (!round.sent.has(event.call)) break;
        count(round, event.call);
        if (round.state === 'closed' && mustOpen(round.counted, atMs, declared))
          violations.push(
            `a breaker stayed closed over ${round.counted.length} calls that should have opened it`,
          );
        break;
    }
  }
  return violations;
}

/** Why a breaker that stood as in `round` should not have become `state`. */
function misled(
  round: Round,
  state: Round['state'],
  atMs: number,
  { openForMs, probes, failureRate, windowMs, minimum }: Declared,
  keptOpenSinceMs: number | undefined,
): readonly string[] {
  const failures = round.ended.filter(({ isTrouble }) => isTrouble).length;
  const from = round.state;
  const openSinceMs = from === 'open' ? round.sinceMs : keptOpenSinceMs;
  if (state === 'halfOpen')
    return openSinceMs !== undefined && atMs < openSinceMs + openForMs
      ? [`a breaker let probes through ${atMs - openSinceMs} ms after it had opened`]
      : [];
  if (state === 'closed')
    return from === 'halfOpen' && round.ended.length >= probes && failures / probes < failureRate
      ? []
      : [`a breaker closed over ${round.ended.length} probes, of which ${failures} had failed`];
  if (from === 'halfOpen')
    return failures / probes >= failureRate ? [] : ['a breaker opened again, and its probes had not failed'];
  // What a process before had counted is not told.
  if (from === 'unknown') return [];
  // What came to an end in this moment may not be counted yet.
  const isDue = round.ended.some((last, end) => {
    if (!last.isTrouble || last.atMs !== atMs) return false;
    return round.ended.slice(0, end + 1).some(({ atMs: firstAtMs }) => {
      const seen = round.ended.slice(0, end + 1).filter((each) => each.atMs >= firstAtMs);
      return atMs - firstAtMs < windowMs && seen.length >= minimum && shareIn(seen) >= failureRate;
    });
  });
  return isDue ? [] : [`a breaker opened over ${round.ended.length} calls, of which ${failures} had failed`];
}

/** Whatever parts of its window have left it. */
function mustOpen(
  counted: readonly Ended[],
  atMs: number,
  { windowMs, minimum, failureRate }: Declared,
): boolean {
  const isWhole = counted.every((each) => each.atMs > atMs - SEEN * windowMs);
  const isLast = counted.at(-1)?.isTrouble === true;
  return isWhole && isLast && counted.length >= minimum && shareIn(counted) >= failureRate;
}

function shareIn(ended: readonly Ended[]): number {
  return ended.filter(({ isTrouble }) => isTrouble).length / ended.length;
}

function count(round: Round, { result, endedAtMs }: WireCall): void {
  const isTrouble = result === undefined ? undefined : troubleIn(result);
  if (isTrouble !== undefined) round.counted.push({ atMs: endedAtMs!, isTrouble });
}

function begun(state: Round['state'], sinceMs: number): Round {
  return { state, sinceMs, sent: new Set(), ended: [], counted: [], neutral: 0 };
}

/** As the page on connectors says: what is in trouble answers with 5xx, or not at all. */
function troubleIn(result: CallResult): boolean | undefined {
  if (result.ok) return false;
  const { failure } = result;
  if (failure.class === 'transient' || failure.class === 'timeout') return true;
  return failure.delivery === 'notSent' ? undefined : false;
}
