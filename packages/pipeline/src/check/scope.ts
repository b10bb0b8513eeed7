import type { Place } from './schema-path.ts';

/** What a usage entry says was read or written. */
export interface UsageTarget {
  readonly contract: string;
  readonly target:
    | { readonly kind: 'event'; readonly event: string }
    | { readonly kind: 'request'; readonly operation: string }
    | { readonly kind: 'response'; readonly operation: string };
}

/** A value that expressions can name. */
export interface NamedValue {
  readonly place: Place;
  /** The payload of a contract that it is; absent for values made here. */
  readonly source?: UsageTarget;
}

/** Why a step that exists cannot be read here. */
export type StepState =
  | { readonly state: 'available'; readonly value: NamedValue }
  | { readonly state: 'withoutResult'; readonly kind: string }
  | { readonly state: 'later' }
  | { readonly state: 'self' }
  | { readonly state: 'otherBranch' };

/** The names that an expression at one place of a pipeline can use. */
export interface Scope {
  /** `event`, `signal`, `input`, or the parameters of a policy. */
  readonly roots: ReadonlyMap<string, NamedValue>;
  /** Steps by id; absent where `steps` itself cannot be used. */
  readonly steps?: ReadonlyMap<string, StepState>;
}
