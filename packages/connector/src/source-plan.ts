import type { PollManifest, ScheduleManifest } from './manifest.ts';
import type { OperationPlan } from './operation-plan.ts';

/**
 * All that a source needs to take messages from one queue, stream, topic or table over one connection: contract and
 * manifest joined. JSON. Built by `planSources` of the pipeline package; events that share a place share a plan.
 */
export interface SourcePlan {
  readonly connector: string;
  readonly contract: { readonly name: string; readonly version: string; readonly digest: string };
  readonly transport: string;
  readonly channel: string;
  /** Queue, subject, stream, topic or table. */
  readonly from: string;
  /** Of the channel in the contract: what `from` is filled from where the two differ. */
  readonly address: string;
  /** Name under which the broker remembers how far we have come. */
  readonly group: string;
  /** Messages that are out to us and not yet settled, at most. */
  readonly prefetchMax: number;
  /** May the place be made where there is none? */
  readonly create: boolean;
  readonly invalid: InvalidPolicy;
  /** How often a source that has to ask does so. */
  readonly everyMs: number;
  /** Of channel, operation and message, merged, as the contract has them. */
  readonly bindings: Readonly<Record<string, unknown>>;
  readonly events: readonly SourceEvent[];
  readonly poll?: PollPlan;
  readonly schedule?: ScheduleManifest;
}

export interface PollPlan extends Omit<PollManifest, 'operation'> {
  readonly operation: OperationPlan;
}

export interface SourceEvent {
  /** `<contract>.<event>`. */
  readonly name: string;
  /** As the contract says it. */
  readonly contentType: string;
  /** Which of the messages at this place it is; absent: each of them. */
  readonly type?: { readonly at: string; readonly is: string };
  /** Where the delivery's own id stands: `message` (the broker's), `header:<name>` or a JSON Pointer. */
  readonly id: string;
  /** JSON Pointer: events with the same value there are stored in the order in which they came. */
  readonly orderBy?: string;
  /** Headers that the contract declares, with the JSON types that each one's text may stand for; absent: none. */
  readonly headers?: Readonly<Record<string, readonly string[]>>;
  /** Does somebody listen? The rest is skipped on purpose. */
  readonly isHeard: boolean;
}

/** What becomes of a message that its contract does not know: held here with an owner, or left to the broker's dead letters. */
export type InvalidPolicy = 'quarantine' | 'reject';
