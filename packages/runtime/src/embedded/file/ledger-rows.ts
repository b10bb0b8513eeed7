import type { Fact } from '../../engine.ts';
import type { LedgerEntry } from '../../runtime.ts';
import type { RunRow } from './run-row.ts';
import type { Write } from './statements.ts';

/** Whom entries are about. `seq` 0: no run. */
export interface LedgerSubject {
  readonly seq: number;
  readonly runId: string;
  readonly pipeline: string;
  readonly correlationId: string;
}

/** What entries of no run are about. */
export const SYSTEM: LedgerSubject = { seq: 0, runId: '', pipeline: '', correlationId: '' };

export function subjectOf(
  run: Pick<RunRow, 'seq' | 'run_id' | 'pipeline' | 'correlation_id'>,
): LedgerSubject {
  return {
    seq: run.seq,
    runId: run.run_id,
    pipeline: run.pipeline,
    correlationId: run.correlation_id,
  };
}

/** Facts of one subject, on their way to the ledger; each already says when it happened. */
export interface Noted {
  readonly subject: LedgerSubject;
  readonly facts: readonly TimedFact[];
}

export type TimedFact = Fact & { readonly atMs: number };

/** Numbers entries and puts those of one subject in one group into one row: fewer rows, fewer index entries. */
export class LedgerWriter {
  #next: number;

  /** `last`: number of the last entry stored. */
  constructor(last: number) {
    this.#next = last + 1;
  }

  /** Rows for what one group notes. */
  rows(noted: readonly Noted[]): { writes: Write[]; entries: LedgerEntry[] } {
    const writes: Write[] = [];
    const entries: LedgerEntry[] = [];
    for (const { subject, facts } of bySubject(noted)) {
      const sequence = this.#next;
      this.#next += facts.length;
      writes.push(['putLedger', sequence, subject.seq, facts.length, JSON.stringify(facts)]);
      for (const [index, fact] of facts.entries()) entries.push(entryOf(subject, sequence + index, fact));
    }
    return { writes, entries };
  }
}

function bySubject(noted: readonly Noted[]): readonly Noted[] {
  const [first, ...rest] = noted;
  // Most groups are about one run.
  if (first === undefined || rest.length === 0) return noted;
  const subjects = new Map<number, { readonly subject: LedgerSubject; readonly facts: TimedFact[] }>();
  for (const { subject, facts } of noted) {
    const known = subjects.get(subject.seq);
    if (known === undefined) subjects.set(subject.seq, { subject, facts: [...facts] });
    else known.facts.push(...facts);
  }
  return [...subjects.values()];
}

/** The entries of a stored row. */
export function entriesOf(subject: LedgerSubject, sequence: number, facts: string): LedgerEntry[] {
  // Written by `LedgerWriter.rows`, the one place that writes the table.
  const stored = JSON.parse(facts) as TimedFact[];
  return stored.map((fact, index) => entryOf(subject, sequence + index, fact));
}

function entryOf(
  { runId, pipeline, correlationId }: LedgerSubject,
  sequence: number,
  { atMs: at, kind, step, attempt, details }: TimedFact,
): LedgerEntry {
  if (step === undefined) return { sequence, at, runId, pipeline, correlationId, kind, details };
  return attempt === undefined
    ? { sequence, at, runId, pipeline, correlationId, kind, step, details }
    : { sequence, at, runId, pipeline, correlationId, kind, step, attempt, details };
}
