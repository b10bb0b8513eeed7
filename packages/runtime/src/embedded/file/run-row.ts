import type { RunState } from '../../runtime.ts';

/** A row of `runs` as SQLite gives it. */
export interface RunRow {
  readonly seq: number;
  readonly run_id: string;
  readonly pipeline: string;
  readonly version: number;
  readonly plan_hash: string;
  readonly key: string;
  readonly order_key: string | null;
  /** As it stands in its column, where it is compared with those of others. */
  readonly stored_order_key: string | null;
  /** Of the event that it began with, where it is kept with the run: in an encrypted file. */
  readonly delivery?: string | undefined;
  readonly event_seq: number;
  readonly correlation_id: string;
  readonly traceparent: string;
  readonly owner: string;
  readonly state: RunState;
  readonly step: string | null;
  readonly accepted_at: number;
  readonly updated_at: number;
  readonly clock_from: number | null;
  readonly paused_since: number | null;
  readonly due_at: number | null;
  readonly claimed: number;
  /** 1: waits for an earlier run of its order key. */
  readonly behind: number;
  readonly intake_failure: string | null;
  readonly failure: string | null;
  /** Tags (JSON) of the switches that hold it. */
  readonly held: string | null;
  readonly salt: string | null;
  /** Over which its event came: '' over none, null where its event alone says (`StoredRows.connectionOf`). */
  readonly connection: string | null;
}

export interface JournalRow {
  readonly key: string;
  readonly at: number;
  readonly value: string;
}

export interface OpeningRow {
  readonly run_seq: number;
  readonly key: string;
  readonly kind: 'approval' | 'doubt' | 'deadLetter' | 'event' | 'forwardFix' | 'child';
  readonly step: string;
  readonly owner: string;
  readonly since: number;
  readonly expires_at: number | null;
  readonly event: string | null;
  readonly scanned_to: number | null;
  readonly detail: string;
  /** Of a dead letter. */
  readonly letter_queue: string | null;
  readonly letter_class: string | null;
}
