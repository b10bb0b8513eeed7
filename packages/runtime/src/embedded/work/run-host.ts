import type { Failure, Json } from '@tenon/model';
import type { ChildEnd, Fact, HeldCall } from '../../engine.ts';
import type { PendingGroup } from '../commit/commit-queue.ts';
import type { ChildStarting, ChildTelling } from '../engine.ts';
import type { Emission } from '../file/event-value.ts';
import type { Noted } from '../file/ledger-rows.ts';
import type { RunRow } from '../file/run-row.ts';
import type { Write } from '../file/statements.ts';
import type { CameIn } from '../file/stored-rows.ts';
import type { ChildLink, Told } from './children.ts';
import type { EmbeddedRun } from './run-context.ts';

/** What a run needs of the engine that carries it. */
export interface RunHost {
  now(): number;
  /** A stamp on the scale of what has passed, which is never set back. */
  passed(): number;
  /** How much has passed since such a stamp, or more. */
  sinceMs(passedMs: number): number;
  /** Was the wall clock set back since such a stamp? */
  isSetBackSince(passedMs: number): boolean;
  /** The stamp of a run's acceptance. */
  acceptedAt(row: RunRow): number;
  random(): number;
  /** Calls back once; what it returns takes that back. */
  setTimer(delayMs: number, fire: () => void): () => void;
  readonly isStopping: boolean;
  open(writes: readonly Write[], noted: readonly Noted[]): PendingGroup;
  noted(row: RunRow, facts: readonly Fact[]): Noted;
  /** Does a switch hold the run where it stands? */
  isPaused(row: RunRow): boolean;
  /** What holds such a call: tags of switches, and the end of a maintenance window; empty for nothing. */
  holdersOf(pipelines: readonly string[], call: HeldCall): readonly string[];
  /** Is the setting of a switch with this tag still in force? */
  isSet(tag: string): boolean;
  /** When a closed connection opens again. */
  closedUntil(connection: string | undefined): number | undefined;
  /** Events of a name after `seq`, oldest first. */
  eventsAfter(event: string, seq: number): Iterable<CameIn & { readonly seq: number }>;
  lastEventSeq(): number;
  /** A run is about to wait for such events. */
  awaits(event: string): void;
  /** Is a person's word that cancels the run on its way to the disk? */
  isBeingCancelled(seq: number): boolean;
  emit(run: RunRow, event: Emission, also: readonly Write[], noted: readonly Noted[]): Promise<void>;
  startChild(
    run: EmbeddedRun,
    ...how: ChildStarting
  ): Promise<{ readonly recorded: Json } | { readonly failure: Failure }>;
  tellChild(run: EmbeddedRun, ...what: ChildTelling): Promise<Told>;
  /** What a child has told is on disk: an active parent hears of it. */
  passOn(link: ChildLink, end: ChildEnd): void;
}
