import type { ContractUsage } from '@tenon/contract';
import type { Environment } from '@tenon/expression';

/** What is read or written. */
export type UsageTarget = Pick<ContractUsage, 'contract' | 'target'>;

/** Why a step that exists cannot be read at some place. */
export type Unreadable =
  | 'withoutResult'
  | 'withoutOutput'
  | 'later'
  | 'self'
  | 'otherBranch'
  | 'beside'
  | 'insideList';

/** What a name holds: a payload, or with `path` the part of one that an item of a list is. */
export interface NamedSource extends UsageTarget {
  readonly path?: readonly string[];
  /** Of a step that takes refusals: where the body of one comes from. */
  readonly refused?: UsageTarget;
  /** Of a call that takes none: the refusals that it could take. */
  readonly refusable?: () => readonly string[];
}

/** The names that an expression at one place of a pipeline can use. */
export interface Scope {
  readonly environment: Environment;
  /** Whose payload a name holds: `event`, `signal`, `steps.<id>`, an item. Values made here have no source. */
  readonly sources: ReadonlyMap<string, NamedSource>;
  /** Steps that cannot be read here, and why; every id that is in neither this nor the environment is unknown. */
  readonly unreadable: ReadonlyMap<string, Unreadable>;
  /** Ids of all steps, for "did you mean". */
  readonly steps: readonly string[];
  /** Why no connection can be named that the event came over; absent where one can. */
  readonly unconnected?: { readonly message: string; readonly fix: string };
}
