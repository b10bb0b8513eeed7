import type { LedgerEntry } from '../../runtime.ts';
import type { History } from './history.ts';

/** No wait expired though its event had come in time; and none was noticed late, but by a process that had just come up. */
export function judgeWaits(history: History): readonly string[] {
  const { bench, witness } = history;
  if (witness.isTimeUneven) return [];
  // A pause may have held it too.
  const isHeld = bench.entries.some(({ kind }) => kind === 'switch');
  return history.orders.flatMap(({ runId, key }) => {
    const paidAtMs = witness.paidAtMs.get(key);
    if (paidAtMs === undefined) return [];
    const trace = history.trace(runId);
    // A flag kept the first order out, and the payment was there before the order that began the run.
    if (paidAtMs < trace[0]!.at) return [];
    const expired = trace.find(({ kind, details }) => kind === 'signal' && details['expired'] === true);
    if (expired !== undefined && paidAtMs < expired.at)
      return [`${key} waited in vain for a payment that came`];
    const noticed = trace.find(({ kind, details }) => kind === 'signal' && details['event'] === 'shop.paid');
    const began = trace.find(({ step, kind }) => kind === 'waiting' && step === noticed?.step);
    // Expired before, and resumed after: it came in between, and there is no moment to measure from.
    const isFirstWait = began !== undefined && expired === undefined;
    if (noticed === undefined || !isFirstWait || isHeld || witness.ups.includes(noticed.at)) return [];
    const lateMs = noticed.at - Math.max(paidAtMs, began.at, resumedAtMs(trace, noticed));
    return lateMs > 0 ? [`${key} noticed its payment ${lateMs} ms late`] : [];
  });
}

/** A run that was parked beside its wait looks again when a person lets it go on: at the last time before `entry`. */
function resumedAtMs(trace: readonly LedgerEntry[], entry: LedgerEntry): number {
  const resumed = trace.findLast(({ kind, sequence }) => kind === 'operator' && sequence < entry.sequence);
  return resumed?.at ?? 0;
}

/** A retry is made when it is due: unless the process died or a switch held it, nothing takes time here but waiting. */
export function judgeRetries(history: History): readonly string[] {
  const { bench, witness } = history;
  if (witness.isTimeUneven || witness.crashes > 0 || bench.entries.some(({ kind }) => kind === 'switch'))
    return [];
  return history.runs.flatMap(({ runId, key }) => {
    const trace = history.trace(runId);
    // A person's word may have come in between, hours later.
    if (trace.some(({ kind }) => kind === 'operator')) return [];
    return trace.flatMap(({ kind, step, attempt, details, sequence }) => {
      if (kind !== 'retry') return [];
      const next = trace.find(
        (entry) =>
          entry.sequence > sequence &&
          entry.step === step &&
          entry.attempt === (attempt ?? 0) + 1 &&
          MAKING.has(entry.kind),
      );
      const dueAtMs = Number(details['nextAtMs']);
      // Something is read again before it, which may take tries of its own.
      if (details['readAgain'] !== undefined) return [];
      if (next === undefined || next.at <= dueAtMs) return [];
      return [`${key} ${step} was tried again ${next.at - dueAtMs} ms late`];
    });
  });
}

const MAKING: ReadonlySet<string> = new Set(['intent', 'attempt', 'outcome', 'probe']);
