import type { LedgerEntry } from '../../runtime.ts';

/** After a kill switch is thrown nothing begins any more; what was about to leave at that moment may take so long. */
export const LATE_AFTER_MS = 2_000;
/** Of an attempt whose entry says nothing of how long it took: less than this. */
const TOOK_MS_MAX = 1_000;

export interface Held {
  readonly thrownAtMs: number;
  readonly liftedAtMs: number;
}

export interface HeldJudgement {
  /** Attempts that began while the switch was thrown. */
  readonly attempts: number;
  /** When the last of them began, from the moment at which it was thrown. */
  readonly lastAttemptAfterMs: number;
  /** Those that began too late: they should have been held. */
  readonly late: readonly { readonly runId: string; readonly step: string; readonly afterMs: number }[];
  /** Runs that were begun by events which came meanwhile. */
  readonly takenIn: readonly string[];
}

/** When an attempt began, as far as its entries tell: not earlier, and not later. */
interface Begun {
  readonly runId: string;
  readonly step: string;
  readonly fromMs: number;
  readonly toMs: number;
}

/** Says by entries alone what was let through. What may have begun in time, or after the switch was lifted, is not accused. */
export function judgeHeld(entries: Iterable<LedgerEntry>, { thrownAtMs, liftedAtMs }: Held): HeldJudgement {
  const begun = new Map<string, Begun>();
  const takenIn: string[] = [];
  const isWithin = (atMs: number): boolean => atMs >= thrownAtMs && atMs < liftedAtMs;
  for (const entry of entries) {
    const { kind, runId, step = '', attempt, at, details } = entry;
    if (kind === 'accepted' && isWithin(at)) takenIn.push(runId);
    const name = JSON.stringify([runId, step, attempt]);
    switch (kind) {
      case 'intent':
        begun.set(name, { runId, step, fromMs: at, toMs: at });
        break;
      case 'emitted':
        begun.set(`${name} emitted`, { runId, step, fromMs: at, toMs: at });
        break;
      case 'attempt':
      case 'outcome': {
        if (NEVER_SENT.has(String(details['outcome']))) begun.delete(name);
        else if (!begun.has(name)) begun.set(name, { runId, step, ...beganBy(entry) });
        break;
      }
    }
  }
  const within = [...begun.values()]
    .filter(({ fromMs, toMs }) => isWithin(fromMs) && isWithin(toMs))
    .map(({ runId, step, fromMs }) => ({ runId, step, afterMs: fromMs - thrownAtMs }));
  return {
    attempts: within.length,
    lastAttemptAfterMs: within.reduce((last, { afterMs }) => Math.max(last, afterMs), 0),
    late: within.filter(({ afterMs }) => afterMs > LATE_AFTER_MS),
    takenIn,
  };
}

/** Of an attempt, as its entry says it. */
const NEVER_SENT: ReadonlySet<string> = new Set(['held', 'postponed', 'stopped']);

function beganBy({ at, details: { tookMs } }: LedgerEntry): Pick<Begun, 'fromMs' | 'toMs'> {
  return typeof tookMs === 'number'
    ? { fromMs: at - tookMs, toMs: at - tookMs }
    : { fromMs: at - TOOK_MS_MAX, toMs: at };
}
