import type { Location } from '@tenon/model';
import type { Victim } from './finding.ts';

/**
 * What a pipeline reads or writes of a contract: the part of the pipeline package's `UsageEntry` that matters here.
 * `path` is a JSON Pointer into the payload (`*` for every list item); of a request into `{ <parameter>: …, body: … }`.
 */
export interface ContractUsage {
  readonly pipeline: string;
  readonly step: string;
  readonly contract: string;
  readonly target: /** `part: 'headers'`: `path` leads into the headers, not into the payload. */
    | { readonly kind: 'event'; readonly event: string; readonly part?: 'headers' }
    | { readonly kind: 'request'; readonly operation: string }
    | { readonly kind: 'response'; readonly operation: string };
  readonly access: 'read' | 'write';
  readonly path: string;
  /** `path` with the number of each item, where a list is written as several; absent: `path` tells one object from the next. */
  readonly place?: string;
  /** Written by the call that undoes the step's: what the one sends, the other may leave out. */
  readonly isUndoing?: true;
  /** Of a list, only how many items it has is read; what is read of the items is a usage of its own. */
  readonly itemsUnread?: true;
  /** Of a call that the connector makes beside the step's, by its manifest or as a guard. */
  readonly asked?: 'probe' | 'health' | 'poll' | 'guard';
  /** It is what is used, and nothing that is in it. */
  readonly isNaming?: true;
  readonly expression: string;
  readonly at: Location;
  readonly comparedWith?: null | boolean | number | string;
  /** Of what is written: all that it can be, where its type says so. */
  readonly values?: readonly (null | boolean | number | string)[];
  readonly owner: string;
}

export function victimOf(usage: ContractUsage): Victim {
  const { start } = usage.at.range;
  return {
    pipeline: usage.pipeline,
    step: usage.step,
    expression: usage.expression,
    file: usage.at.file,
    line: start.line,
    column: start.column,
    owner: usage.owner,
    location: usage.at,
  };
}

/** The operation or event that a usage is about. */
export function subjectOf(usage: ContractUsage): string {
  return usage.target.kind === 'event' ? usage.target.event : usage.target.operation;
}
