import type { Location } from '@tenon/model';

/**
 * What a pipeline reads and writes, as pointers into data: the input for diff impact, consumer contracts and least
 * privilege. `path` is a JSON Pointer into the named payload, `*` for every list item.
 */
export interface UsageEntry {
  readonly pipeline: string;
  /** `trigger`, `identity`, `success`, or the step's id. */
  readonly step: string;
  readonly contract: string;
  readonly target: /** `part: 'headers'`: `path` leads into the headers, not into the payload. */
    | { readonly kind: 'event'; readonly event: string; readonly part?: 'headers' }
    | { readonly kind: 'request'; readonly operation: string }
    | { readonly kind: 'response'; readonly operation: string };
  readonly access: 'read' | 'write';
  readonly path: string;
  /** `path` with the number of each item, where a list is written as several: two items are two objects. */
  readonly place?: string;
  /** Written by the call that undoes the step's: what the one sends, the other may leave out. */
  readonly isUndoing?: true;
  /** Of a list, only how many items it has is read; what is read of the items stands beside it. */
  readonly itemsUnread?: true;
  /** Of a call that the connector makes beside the step's, by its manifest or as a guard. */
  readonly asked?: 'probe' | 'health' | 'poll' | 'guard';
  /** It is what is used, and nothing that is in it. */
  readonly isNaming?: true;
  /** The expression (or literal) as written. */
  readonly expression: string;
  readonly at: Location;
  readonly comparedWith?: null | boolean | number | string;
  /** Of what is written: all that it can be, where its type says so. */
  readonly values?: readonly (null | boolean | number | string)[];
  readonly owner: string;
}
