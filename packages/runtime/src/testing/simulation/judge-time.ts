import type { LedgerEntry } from '../../runtime.ts';
import { flatten, type History, stepOf } from './history.ts';

/** No wait expired though its event had come in time; and none was noticed late, but by a process that had just come up. */
export function judgeWaits(history: History): readonly string[] {
  const { witness } = history;
  if (witness.isTimeUneven) return [];
  const moments = momentsOf(history);
  return history.orders.flatMap((run) => {
    const { runId, key } = run;
    const paidAtMs = witness.paidAtMs.get(key);
    if (paidAtMs === undefined) return [];
    const trace = history.trace(runId);
    // A flag kept the first order out, and the payment was there before the order that began the run, if only in the same moment.
    if (paidAtMs < trace[0]!.at || witness.paidEarly.has(key)) return [];
    const expired = trace.find(({ kind, details }) => kind === 'signal' && details['expired'] === true);
    if (expired !== undefined && paidAtMs < expired.at)
      return [`${key} waited in vain for a payment that came`];
    const noticed = trace.find(({ kind, details }) => kind === 'signal' && details['event'] === 'shop.paid');
    const began = trace.find(({ step, kind }) => kind === 'waiting' && step === noticed?.step);
    // Expired before, and resumed after: it came in between, and there is no moment to measure from.
    const isFirstWait = began !== undefined && expired === undefined;
    if (noticed === undefined || !isFirstWait) return [];
    // Resumed, it takes its turn among those of its order key first.
    const resumedAt = resumedAtMs(trace, noticed);
    if (resumedAt > 0 && history.planOf(run).identity.orderBy !== undefined) return [];
    const since = moments.filter((at) => at <= noticed.at);
    const lateMs = noticed.at - Math.max(paidAtMs, began.at, resumedAt, ...since);
    return lateMs > 0 ? [`${key} noticed its payment ${lateMs} ms late`] : [];
  });
}

/** When something was done that any run may have had to wait for: a process came up, or a switch was set or lifted. */
export function momentsOf({ bench, witness }: History): readonly number[] {
  const switched = bench.entries.filter(({ kind }) => kind === 'switch');
  return [...witness.ups, ...switched.map(({ at }) => at)];
}

/** A run that was parked beside its wait looks again when a person lets it go on: at the last time before `entry`. */
function resumedAtMs(trace: readonly LedgerEntry[], entry: LedgerEntry): number {
  const resumed = trace.findLast(({ kind, sequence }) => kind === 'operator' && sequence < entry.sequence);
  return resumed?.at ?? 0;
}

/**
 * A retry is made when it is due: not before, and not later, but by a process that came up since, or by a run that a person
 * or a switch let go on since. Nothing else takes time here.
 */
export function judgeRetries(history: History): readonly string[] {
  if (history.witness.isTimeUneven) return [];
  const moments = momentsOf(history);
  return history.runs.flatMap((run) => {
    const { runId, key } = run;
    const isOrdered = history.planOf(run).identity.orderBy !== undefined;
    const trace = history.trace(runId);
    const readAgain = trace.filter(
      ({ kind, details }) => kind === 'retry' && details['readAgain'] !== undefined,
    );
    return trace.flatMap((entry) => {
      const { kind, step, attempt, details, sequence } = entry;
      if (kind !== 'retry' || readAgain.includes(entry)) return [];
      const next = trace.find(
        (other) =>
          other.sequence > sequence &&
          other.step === step &&
          other.attempt === (attempt ?? 0) + 1 &&
          MAKING.has(other.kind),
      );
      const isBetween = (other: LedgerEntry): boolean =>
        next !== undefined && other.sequence > sequence && other.sequence < next.sequence;
      // What is read again before it may take tries of its own.
      if (next === undefined || readAgain.some((other) => other.step === step && isBetween(other))) return [];
      const dueAtMs = Number(details['nextAtMs']);
      const said = trace.filter((other) => BY_PEOPLE.has(other.kind) && other.sequence < next.sequence);
      const isTold = said.some(isBetween);
      if (next.at < dueAtMs && !isTold)
        return [`${key} ${step} was tried again ${dueAtMs - next.at} ms too early`];
      // A run that was parked let the next one of its key go, and waits for its turn.
      if (isTold && isOrdered) return [];
      const since = [...moments, ...said.map(({ at }) => at)].filter((at) => at <= next.at);
      const lateMs = next.at - Math.max(dueAtMs, ...since);
      return lateMs > 0 ? [`${key} ${step} was tried again ${lateMs} ms late`] : [];
    });
  });
}

const MAKING: ReadonlySet<string> = new Set(['intent', 'attempt', 'outcome', 'probe']);
/** What a person says stands there under one of these. */
const BY_PEOPLE: ReadonlySet<string> = new Set(['operator', 'approval']);

/** Nobody decides after the time that there was to decide in, and a pause is no shorter than its plan says. */
export function judgePauses(history: History): readonly string[] {
  return history.runs.flatMap((run) => {
    const steps = flatten(history.planOf(run).steps);
    const trace = history.trace(run.runId);
    return trace.flatMap(({ kind, step, at, sequence }) => {
      if (kind !== 'waiting' || step === undefined) return [];
      const planned = steps.find(({ id }) => id === stepOf(step));
      const next = trace.find(
        (entry) => entry.sequence > sequence && entry.step === step && entry.kind !== 'state',
      );
      if (next === undefined || planned === undefined) return [];
      const tookMs = next.at - at;
      if (planned.kind === 'approve' && next.details['decision'] !== undefined && tookMs >= planned.withinMs)
        return [`${run.key} ${step} was decided ${tookMs - planned.withinMs} ms after it had expired`];
      if (planned.kind !== 'wait' || !('durationMs' in planned.for) || history.witness.isTimeUneven)
        return [];
      const earlyMs = next.kind === 'stepDone' ? planned.for.durationMs - tookMs : 0;
      return earlyMs > 0 ? [`${run.key} ${step} went on ${earlyMs} ms before its time`] : [];
    });
  });
}
