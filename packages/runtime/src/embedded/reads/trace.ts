import type { LedgerEntry, Runtime } from '../../runtime.ts';
import { entriesOf, SYSTEM, subjectOf } from '../file/ledger-rows.ts';
import { isOneOf } from '../file/names.ts';
import type { RunRow } from '../file/run-row.ts';
import type { StoredRows } from '../file/stored-rows.ts';
import { type Condition, ofCorrelation } from './run-search.ts';

/** Rows of the ledger read for one answer. */
const ROWS_MAX = 10_000;

type Traced = Parameters<Runtime['trace']>[0];

/** Entries of the runs that are asked for, or of none, in order. */
export function trace(stored: StoredRows, query: Traced): readonly LedgerEntry[] {
  if (query.system) return systemEntries(stored);
  const { condition, values } = traced(stored, query);
  return stored.read
    .rows<{ first: number; facts: string } & Pick<RunRow, 'seq' | 'run_id' | 'pipeline' | 'correlation_id'>>(
      `SELECT l.seq AS first, l.facts, r.seq, r.run_id, r.pipeline, r.correlation_id
       FROM runs r JOIN ledger l ON l.run_seq = r.seq WHERE ${condition} ORDER BY l.seq LIMIT ?`,
      ...values,
      ROWS_MAX,
    )
    .flatMap((row) => entriesOf(subjectOf(row), row.first, row.facts));
}

function traced({ names }: StoredRows, { runId, correlationId, key = '' }: Traced): Condition {
  if (runId !== undefined) return { condition: 'r.run_id = ?', values: [runId] };
  if (correlationId !== undefined) return ofCorrelation(correlationId);
  const values = names.forms('key', key);
  return { condition: `r.key${isOneOf(values)}`, values };
}

/** The newest of those that belong to no run, in order. */
function systemEntries({ read }: StoredRows): readonly LedgerEntry[] {
  return read
    .rows<{ seq: number; facts: string }>(
      'SELECT seq, facts FROM ledger WHERE run_seq = 0 ORDER BY seq DESC LIMIT ?',
      ROWS_MAX,
    )
    .toReversed()
    .flatMap(({ seq, facts }) => entriesOf(SYSTEM, seq, facts));
}
