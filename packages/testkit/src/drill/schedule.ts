import type { JsonObject } from '@tenon/model';
import type { CallFault } from './faults.ts';

/** What a call is for. */
export type CallPurpose = 'effect' | 'read' | 'probe' | 'compensation';

/** Which of a run's calls: the first of their kind, the second (of a read of all pages: its second page), or all of them. */
export interface FaultPlace {
  /** Place of the step, without `compensate:`. */
  readonly step: string;
  readonly purpose: CallPurpose;
  readonly calls: 'first' | 'second' | 'all';
  readonly fault: CallFault;
}

/**
 * When the process dies: as it was about to put its nth batch on the disk, as its nth entry was on the disk, as its nth call was about to go out, or
 * as that had been carried out and nobody had heard of it.
 */
export interface Crash {
  readonly at: 'batch' | 'entry' | 'beforeCall' | 'afterCall';
  readonly nth: number;
}

/** What somebody else does to a thing as a step's first call is about to change it, which was read before. */
export interface Meddling {
  readonly step: string;
  readonly connection: string;
  readonly resource: string;
  /** The id, and what is put in the place of what is there, by another name than what the step writes. */
  readonly row: JsonObject;
  readonly member: string;
}

/** One way in which a run of a pipeline may go. JSON: the same one again goes the same way. */
export interface Schedule {
  /** For people, and the same from one drill to the next. */
  readonly name: string;
  /** The step that it is about. */
  readonly step?: string;
  readonly faults?: readonly FaultPlace[];
  readonly crash?: Crash;
  readonly meddling?: Meddling;
  /** The clock is set by so much as the nth entry is on the disk; timers keep their delays. */
  readonly clockAtEntry?: { readonly nth: number; readonly byMs: number };
  /** What approvers say; default: yes. `silent`: nothing, until it expires. */
  readonly approvers?: 'approve' | 'reject' | 'silent';
  /** Events that the run waits for do not come. */
  readonly awaited?: 'never';
  /** The event comes again, at the end: under the same delivery id, or another; or another event comes that has its business key. */
  readonly again?: 'sameDelivery' | 'otherDelivery' | 'otherEvent';
  /** Somebody cancels the run as its nth entry is on the disk. */
  readonly cancelAtEntry?: number;
  /** Everything is killed as its nth entry is on the disk, and let go again an hour later. */
  readonly killAtEntry?: number;
}

/** How a run goes where nothing goes wrong. */
export const UNDISTURBED: Schedule = { name: 'nothing goes wrong' };
