import type { RunDetail } from '../../runtime.ts';
import { finalStates } from '../../states.ts';
import { entriesOf, subjectOf } from '../file/ledger-rows.ts';
import type { RunRow } from '../file/run-row.ts';
import type { Statements } from '../file/statements.ts';

/** Of a run whose data is gone: who let it go, and when; or that retention did, which leaves no entry. */
export function lettingGoOf(read: Statements, row: RunRow): Pick<RunDetail, 'erased' | 'isPastRetention'> {
  const erased = row.salt === null ? erasureOf(read, row) : undefined;
  if (erased !== undefined) return { erased };
  return isPastRetention(read, row) ? { isPastRetention: true } : {};
}

function erasureOf(read: Statements, run: RunRow): RunDetail['erased'] | undefined {
  const [row] = read.rows<{ seq: number; facts: string }>(
    `SELECT seq, facts FROM ledger WHERE run_seq = ? AND facts LIKE '%"kind":"erased"%' ORDER BY seq DESC LIMIT 1`,
    run.seq,
  );
  const entry =
    row && entriesOf(subjectOf(run), row.seq, row.facts).findLast(({ kind }) => kind === 'erased');
  return entry && { atMs: entry.at, actor: String(entry.details['actor']) };
}

/**
 * Its journal is gone, and with it the payload, unless another run of the event still needs that, or the salt, unless somebody still
 * owes work on it. Looked up as it lies in the file: what cannot be read for want of a key is there all the same.
 */
function isPastRetention(read: Statements, { seq, state }: RunRow): boolean {
  if (!finalStates.has(state)) return false;
  const found = read.rows(
    `SELECT 1 FROM runs r JOIN events e ON e.seq = r.event_seq WHERE r.seq = ? AND (e.payload = 'null' OR r.salt IS NULL)
     AND NOT EXISTS (SELECT 1 FROM journal WHERE run_seq = r.seq)`,
    seq,
  );
  return found.length > 0;
}
