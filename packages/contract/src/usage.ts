import type { Location } from '@tenon/model';

/** What pipelines use of contracts that change, named as each version names it. */
export interface UsageBetween {
  readonly before: readonly ContractUsage[];
  readonly after: readonly ContractUsage[];
  /** By contract, what each connector that speaks it proves itself with. Left out: nobody looked. */
  readonly credentials?: ReadonlyMap<string, readonly SentCredentials[]>;
}

/** What a connector sends with every call, as the parts of a security scheme that a request shows. */
export interface SentCredentials {
  readonly schemes: readonly SentScheme[];
  /** Scopes of the token that an operation is called with. */
  readonly scopesOf: (operation: string) => readonly string[];
}

/** `scheme`: of an `Authorization` header, in small letters. */
export interface SentScheme {
  readonly in: string;
  readonly name: string;
  readonly scheme?: string;
}

/**
 * One thing that a pipeline has sent to a system, or read of what comes from it. What is used of contracts is one list of these, whoever says it:
 * the input for the diff, consumer contracts and validators. `path` is a JSON Pointer into the payload (`*` for every list item); of a request
 * into `{ <parameter>: …, body: … }`.
 */
export interface ContractUsage {
  readonly pipeline: string;
  /** `trigger`, `identity`, `success`, or the step's id. */
  readonly step: string;
  /** Which of the step's calls: absent, its own. What the one sends, the next may leave out. `undo probe`: what settles the call that undoes it. */
  readonly call?: 'undo' | 'guard' | 'probe' | 'undo probe' | 'health' | 'poll';
  /**
   * Who says it: absent, an expression or a request of the pipeline. `manifest`: the connector, of whoever calls it. `name`: nobody, as
   * the pipeline cannot be understood; it names the operation or event, so all of that counts.
   */
  readonly by?: 'manifest' | 'name';
  readonly contract: string;
  readonly target: /** `part: 'headers'`: `path` leads into the headers, not into the payload. */
    | { readonly kind: 'event'; readonly event: string; readonly part?: 'headers' }
    | { readonly kind: 'request'; readonly operation: string }
    /** `refused`: of answers that say no, with a status that the contract writes so; absent: of those of success. */
    | { readonly kind: 'response'; readonly operation: string; readonly refused?: readonly string[] };
  readonly access: 'read' | 'write';
  readonly path: string;
  /** `path` with the number of each item, where a list is written as several: two items are two objects. */
  readonly place?: string;
  /** Of a list, only how many items it has is read; what is read of the items is a usage of its own. */
  readonly itemsUnread?: true;
  /** It is what is used, and nothing that is in it. */
  readonly isNaming?: true;
  /** The expression, literal or pointer as written. */
  readonly expression: string;
  readonly at: Location;
  readonly comparedWith?: null | boolean | number | string;
  /** Of what is written: all that it can be, where its type says so. */
  readonly values?: readonly (null | boolean | number | string)[];
  readonly owner: string;
}
