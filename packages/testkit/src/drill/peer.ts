import type { CallRequest, Transport } from '@tenon/connector';
import type { Json, JsonObject, SteadyClock } from '@tenon/model';
import type { Rows } from '../sandbox/rows.ts';
import type { CallFault } from './faults.ts';

/** One change that a call made in another system. */
export interface PeerEffect {
  /** Span of the attempt that made it (`CallRequest.traceparent`). */
  readonly traceparent: string;
  readonly operation: string;
  readonly resource?: string;
  readonly id?: string;
  /** The thing as it was before and is after, where the system has things; absent before it was made, and after it was removed. */
  readonly before?: JsonObject;
  readonly after?: JsonObject;
  /** The contract does not tell what the operation changes, so nothing was. */
  readonly isUnsaid?: boolean;
}

/** A system that a pipeline calls, in this process and over the drill's clock. */
export interface Peer {
  /** What carries a process' calls. `clock` fires nothing more once the process is dead. */
  transport(clock: SteadyClock): Transport;
  /** Let `fault` strike the call with this span: its first try, or with `always` each. Ends with what is returned. */
  strike(request: CallRequest, fault: CallFault, always: boolean): () => void;
  effects(): readonly PeerEffect[];
  /** What a call's true answer was, where it was carried out: the caller may never have heard it. */
  answerTo(traceparent: string): Json | undefined;
  /** All that it holds, by resource; empty for one that keeps nothing. */
  rows(): Rows;
  /** The resource of which an operation lists rows; `undefined`: it lists none. */
  lists(operation: string): string | undefined;
  /** May such a thing be among what it begins with? */
  takes(resource: string, row: JsonObject): boolean;
  /** Somebody else changes a row, which is told by its id; `false`: it cannot be. */
  change(resource: string, row: JsonObject): boolean;
  /** As at the beginning, with these rows; `made`: what is so of what operations make, by operation, where it is not sent otherwise. */
  begin(rows: Rows, made: Readonly<Record<string, JsonObject>>): void;
}
