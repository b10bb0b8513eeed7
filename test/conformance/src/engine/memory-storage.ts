import type { Json, JsonObject } from '@tenon/model';
import type { Plan } from '@tenon/pipeline';
import { type LedgerEntry, mayMove, type RunState, type Switch } from '@tenon/runtime';
import type { Opening } from '@tenon/runtime/engine';

/** What the memory engine keeps: plain data, so that a copy of it is what a killed process leaves behind. */
export interface Disk {
  readonly plans: Map<string, Plan>;
  /** Hash of the active plan of each pipeline. */
  readonly active: Map<string, string>;
  readonly events: StoredEvent[];
  readonly runs: StoredRun[];
  /** Place in `runs` by pipeline and business key. */
  readonly keys: Map<string, { readonly seq: number; readonly expiresAtMs: number }>;
  readonly ledger: LedgerEntry[];
  readonly switches: Map<string, Switch>;
}

export interface StoredEvent {
  readonly event: string;
  readonly source: string;
  readonly deliveryId: string;
  readonly payload: Json;
  /** Of the message, where there are any. */
  readonly headers?: JsonObject;
}

export interface StoredRun {
  readonly seq: number;
  readonly runId: string;
  readonly pipeline: string;
  readonly planHash: string;
  readonly key: string;
  readonly orderKey?: string;
  readonly eventSeq: number;
  readonly correlationId: string;
  readonly traceparent: string;
  readonly acceptedAtMs: number;
  readonly intakeFailure?: JsonObject;
  state: RunState;
  step?: string;
  /** Nothing: not before something happens. */
  dueAtMs?: number;
  /** A process is at it, or was and ended without saying so. */
  isTaken: boolean;
  clockFrom?: number;
  pausedSince?: number;
  failure?: JsonObject;
  /** Tags of the switches that hold it. */
  held?: readonly string[];
  readonly journal: Map<string, { readonly atMs: number; readonly value: Json }>;
  /** Where it is a child. */
  readonly parent?: {
    readonly seq: number;
    readonly key: string;
    readonly step: string;
    readonly deadlineMs: number;
    told: number;
  };
  readonly openings: Map<string, Opening & { readonly expiresAtMs?: number; readonly scannedTo?: number }>;
}

export function emptyDisk(): Disk {
  return {
    plans: new Map(),
    active: new Map(),
    events: [],
    runs: [],
    keys: new Map(),
    ledger: [],
    switches: new Map(),
  };
}

/** The state machine holds for every engine: an illegal move cannot be stored. */
export function move(run: StoredRun, to: RunState): void {
  if (run.state !== to && !mayMove(run.state, to)) throw new Error(`${run.state} → ${to}`);
  run.state = to;
}
