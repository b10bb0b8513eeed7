import type { JsonSchema } from '@tenon/schema';
import type { ChangeSeverity, FindingDirection } from '../finding.ts';
import type { RuleId } from '../rules/registry.ts';
import type { Direction } from '../schema/directed.ts';

/** A place where a schema is used: which way its values travel, in which operation, and where a pipeline sees it. */
export interface Position {
  readonly direction: Direction;
  /** The operation's or event's id in the base. */
  readonly operation: string;
  /** For a sentence: `the request body of createOrder`. */
  readonly label: string;
  readonly base: JsonSchema;
  readonly revision: JsonSchema;
  /** What a pipeline's usage calls this payload, and the tokens before the payload's own. */
  readonly target: 'request' | 'response' | 'event';
  readonly prefix: readonly string[];
  /** Of an event: its headers rather than its payload. */
  readonly part?: 'headers';
  /** Of a response: its status, as the base writes it. */
  readonly status?: string;
  readonly isParameter?: true;
  /** Senders may leave it out as a whole, and get its default. */
  readonly canBeAbsent?: true;
  /** The schema is of an answer to an event: whoever listens gives it, without saying so. */
  readonly isAnswer?: true;
}

/** A change that is not inside a schema. */
export interface DirectChange {
  readonly rule: RuleId;
  readonly severity?: ChangeSeverity;
  readonly direction: FindingDirection;
  readonly operation: string | undefined;
  /** Of what several operations share: those that it changes something for. */
  readonly operations?: readonly string[];
  readonly base: object | undefined;
  readonly revision: object | undefined;
  readonly message: string;
  /** What a pipeline would have to use for this to matter to it; absent: the operation as a whole. */
  readonly usedAs?: { readonly target: 'request' | 'response' | 'event'; readonly path: readonly string[] };
  /** Operations whose callers give already what is asked for now. */
  readonly met?: ReadonlySet<string>;
  /** A part of the request that callers must give now: those that give it are not hit. */
  readonly needed?: string;
}

/** Where the comparison of two contracts puts what it finds. */
export interface Sink {
  position(position: Position): void;
  change(change: DirectChange): void;
}
