import type { JsonObject } from '@tenon/model';
import type { Fact } from '../engine.ts';
import type { LedgerEntry } from '../runtime.ts';
import type { Write } from './statements.ts';

/** Whom entries are about. `seq` 0: no run. */
export interface LedgerSubject {
  readonly seq: number;
  readonly runId: string;
  readonly pipeline: string;
  readonly correlationId: string;
}

/** Numbers entries and puts those of one write into one row: fewer rows, fewer index entries. */
export class LedgerWriter {
  #next: number;

  /** `last`: number of the last entry stored. */
  constructor(last: number) {
    this.#next = last + 1;
  }

  row(
    subject: LedgerSubject,
    facts: readonly Fact[],
    atMs: number,
  ): { write: Write; entries: LedgerEntry[] } {
    const sequence = this.#next;
    this.#next += facts.length;
    const stored = facts.map((fact) => ({ ...fact, atMs: fact.atMs ?? atMs }));
    return {
      write: ['putLedger', sequence, subject.seq, facts.length, JSON.stringify(stored)],
      entries: stored.map((fact, index) => entryOf(subject, sequence + index, fact)),
    };
  }
}

/** The entries of a stored row. */
export function entriesOf(subject: LedgerSubject, sequence: number, facts: string): LedgerEntry[] {
  // Written by `LedgerWriter.row`, the one place that writes the table.
  const stored = JSON.parse(facts) as (Fact & { readonly atMs: number })[];
  return stored.map((fact, index) => entryOf(subject, sequence + index, fact));
}

function entryOf(
  subject: LedgerSubject,
  sequence: number,
  fact: Omit<Fact, 'details'> & { readonly atMs: number; readonly details: JsonObject },
): LedgerEntry {
  return {
    sequence,
    at: fact.atMs,
    runId: subject.runId,
    pipeline: subject.pipeline,
    correlationId: subject.correlationId,
    kind: fact.kind,
    ...(fact.step !== undefined && { step: fact.step }),
    ...(fact.attempt !== undefined && { attempt: fact.attempt }),
    details: fact.details,
  };
}
